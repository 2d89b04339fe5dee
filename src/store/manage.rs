//! What managing a store is: the second trait of a kind, what its verbs take and give, their error.
//!
//! Launching never touches it. The verbs themselves, with their questions and tables, are in
//! `crate::manage`; a kind implements what it has and inherits "has no …" for the rest.

use super::StoreError;
use crate::failure::Code;
use crate::secret::Secret;
use crate::template::{RenderError, Value};
use serde_json::json;
use std::fmt;
use std::path::PathBuf;

/// The most bytes that a value, or one field of it, may have.
pub(crate) const LARGEST_VALUE: usize = 1 << 20;
/// The longest description, as Tapis has it.
pub(crate) const LONGEST_DESCRIPTION: usize = 500;

pub(crate) trait Manage {
    /// Makes the store, and an identity for it where there is none.
    fn init(&self, _recipients: &[String]) -> Result<Made, ManageError> {
        Err(ManageError::NoVerb("init"))
    }

    /// What stands against a new secret of this name, one that has it included.
    fn check_new(&self, _name: &str) -> Result<(), ManageError> {
        Err(ManageError::NoVerb("add"))
    }

    fn add(&self, _name: &str, _new: New, _existing: Existing) -> Result<Metadata, ManageError> {
        Err(ManageError::NoVerb("add"))
    }

    fn value(&self, _name: &str) -> Result<Content, ManageError> {
        Err(ManageError::NoVerb("get"))
    }

    /// Sorted by name.
    fn list(&self) -> Result<Vec<Metadata>, ManageError> {
        Err(ManageError::NoVerb("list"))
    }

    fn show(&self, _name: &str) -> Result<Metadata, ManageError> {
        Err(ManageError::NoVerb("show"))
    }

    fn update(&self, _name: &str, _change: Change) -> Result<Metadata, ManageError> {
        Err(ManageError::NoVerb("update"))
    }

    /// All of them or, where one does not exist, none.
    fn remove(&self, _names: &[String]) -> Result<(), ManageError> {
        Err(ManageError::NoVerb("rm"))
    }
}

/// A secret's value as a person gives it.
pub(crate) enum Content {
    Bytes(Secret),
    /// In the order they were given; no name twice.
    Fields(Vec<(String, Secret)>),
}

impl Content {
    /// In bytes; of all fields together.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Bytes(secret) => secret.len(),
            Self::Fields(fields) => fields.iter().map(|(_, secret)| secret.len()).sum(),
        }
    }

    /// The same once more, for a second reference to the secret.
    pub(crate) fn share(&self) -> Self {
        match self {
            Self::Bytes(secret) => Self::Bytes(secret.share()),
            Self::Fields(fields) => {
                Self::Fields(fields.iter().map(|(name, secret)| (name.clone(), secret.share())).collect())
            }
        }
    }
}

impl From<Content> for Value {
    fn from(content: Content) -> Self {
        match content {
            Content::Bytes(secret) => Self::Bytes(secret),
            Content::Fields(fields) => Self::Fields(fields),
        }
    }
}

/// A secret to be made.
pub(crate) struct New {
    pub(crate) content: Content,
    pub(crate) description: String,
}

/// What becomes of a secret that already has the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    Refuse,
    Replace,
}

/// What `update` changes; what is None stays.
pub(crate) struct Change {
    pub(crate) content: Option<NewContent>,
    pub(crate) description: Option<String>,
}

pub(crate) enum NewContent {
    /// Instead of all that was there.
    Whole(Content),
    /// These fields; the others stay.
    Fields(Vec<(String, Secret)>),
}

/// What `init` made or found.
pub(crate) struct Made {
    pub(crate) public_keys: Vec<String>,
    /// The place of the identity, in words.
    pub(crate) identity: String,
    pub(crate) store: PathBuf,
}

/// All that may be shown of a secret.
pub(crate) struct Metadata {
    pub(crate) name: String,
    pub(crate) description: String,
    /// RFC 3339, UTC; empty where it is not known, as is `updated` and `creator`.
    pub(crate) created: String,
    pub(crate) updated: String,
    pub(crate) creator: String,
    pub(crate) fields: Option<Vec<String>>,
    /// In bytes.
    pub(crate) size: usize,
}

impl Metadata {
    pub(crate) fn json(&self) -> serde_json::Value {
        json!({
            "name": self.name,
            "description": self.description,
            "created": self.created,
            "updated": self.updated,
            "creator": self.creator,
            "fields": self.fields,
            "size": self.size,
        })
    }
}

/// Why a verb failed. The text names what it is about and what to do, never a value.
#[derive(Debug)]
pub(crate) enum ManageError {
    Store(StoreError),
    NotFound {
        name: String,
        store: String,
    },
    Exists {
        name: String,
        store: String,
    },
    /// The kind lacks the verb.
    NoVerb(&'static str),
    /// The kind cannot be managed at all.
    NoManaging(&'static str),
    /// The secret does not have what was asked for.
    Unfit {
        name: String,
        why: RenderError,
    },
    /// What was asked for makes no sense, and what would.
    Usage(String),
    TooBig(String),
    /// The named input, output or terminal failed.
    Io {
        what: String,
        why: std::io::Error,
    },
}

impl ManageError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        |why| Self::Io { what, why }
    }

    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Store(error) => error.code(),
            Self::NotFound { .. } | Self::Unfit { why: RenderError::NoSuchField(_), .. } => Code::NotFound,
            Self::Unfit { .. } => Code::Malformed,
            Self::Exists { .. } | Self::NoVerb(_) | Self::NoManaging(_) | Self::Usage(_) => Code::Config,
            Self::TooBig(_) => Code::TooBig,
            Self::Io { .. } => Code::Unavailable,
        }
    }
}

impl From<StoreError> for ManageError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for ManageError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(out),
            Self::NotFound { name, store } => {
                write!(out, "{store} has no secret `{name}`; `inject secret list` shows those it has")
            }
            Self::Exists { name, store } => write!(
                out,
                "{store} already has a secret `{name}`; `inject secret update` changes it, --replace puts a new one \
                 in its place"
            ),
            Self::NoVerb(verb) => write!(out, "this kind of store has no `{verb}`"),
            Self::NoManaging(kind) => {
                write!(out, "secrets of a `{kind}` store are not managed by inject; name another store with -s")
            }
            Self::Unfit { name, why } => write!(out, "`{name}`: {why}"),
            Self::Usage(text) | Self::TooBig(text) => out.write_str(text),
            Self::Io { what, why } => write!(out, "{what}: {why}"),
        }
    }
}
