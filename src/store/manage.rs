//! What managing a store is: the second trait of a kind, what its verbs take and give, their error.
//!
//! Launching never touches it. The verbs themselves, with their questions and tables, are in
//! `crate::manage`. A kind says as data which verbs it has and which options it knows with each
//! ([`Managing`]), and implements those; what it lacks is refused before it is opened.

pub(crate) mod attributes;

use super::{Context, Settings, StoreError};
use crate::failure::Code;
use crate::net::gather;
use crate::reference::Address;
use crate::secret::Secret;
use crate::template::{RenderError, Value};
pub(crate) use attributes::{Attribute, Attributes};
use serde_json::json;
use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;

/// The most bytes that a value, or one field of it, may have.
pub(crate) const LARGEST_VALUE: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Init,
    Add,
    Get,
    List,
    Show,
    Update,
    Remove,
    Alias,
    Override,
    Grant,
    Revoke,
    History,
    Import,
    Export,
}

impl Verb {
    /// As it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Add => "add",
            Self::Get => "get",
            Self::List => "list",
            Self::Show => "show",
            Self::Update => "update",
            Self::Remove => "rm",
            Self::Alias => "alias",
            Self::Override => "override",
            Self::Grant => "grant",
            Self::Revoke => "revoke",
            Self::History => "history",
            Self::Import => "import",
            Self::Export => "export",
        }
    }
}

/// What can be managed in a store of a kind, as data.
pub(crate) struct Managing {
    pub(crate) open: OpenToManage,
    /// Each verb that the kind has, with the options that it knows there.
    pub(crate) verbs: &'static [(Verb, &'static [Attribute])],
    /// Why it has no other ones, where there is more to say: "its API shares nothing". Begins after "because".
    pub(crate) lacks: &'static [(Verb, &'static str)],
    /// What `import` and `export` know, the one taken where none is said first.
    pub(crate) formats: &'static [Format],
}

impl Managing {
    /// The options that it knows with a verb; none where it lacks the verb.
    pub(crate) fn known(&self, verb: Verb) -> &'static [Attribute] {
        self.verbs.iter().find(|(known, _)| *known == verb).map_or(&[], |(_, options)| options)
    }

    /// What is said of a secret in a file is checked nowhere before; options that were typed are.
    pub(crate) fn check_given(&self, verb: Verb, given: &Attributes) -> Result<(), ManageError> {
        let known = self.known(verb);
        match given.all().filter(|(said, _)| !known.contains(said)).find_map(|(said, _)| said.row()) {
            Some(row) => Err(ManageError::Usage(format!("`{}` means nothing to `{}`", row.option, verb.name()))),
            None => Ok(()),
        }
    }
}

/// Opened anew for each question, with a deadline of its own: whoever is asked for a value meanwhile may take longer
/// than any.
pub(crate) type OpenToManage = for<'a> fn(&'a Settings, &'a Context<'a>) -> Result<Box<dyn Manage + 'a>, StoreError>;

/// Of local kinds it is ready at once; only remote ones get a runtime.
pub(crate) type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T, ManageError>> + 'a>>;

/// What a local kind did.
pub(crate) fn done<'a, T: 'a>(result: Result<T, ManageError>) -> Doing<'a, T> {
    Box::pin(std::future::ready(result))
}

/// What became of each of several items, by the name it was given. A kind whose system does all or nothing gives
/// one error for the whole and none here.
pub(crate) type Outcomes = Vec<(String, Result<(), ManageError>)>;

/// What a question about several secrets found out about one.
pub(crate) type Each<T> = Result<T, ManageError>;

/// An `address` has no store in it; its version is `@N` or `--revision N`, for `value`, `show` and `remove`.
/// `given` has only what the kind says it knows with the verb.
pub(crate) trait Manage {
    /// What can be said against a verb without asking anybody: rules for names, descriptions and options. Beyond
    /// [`super::Kind::check`], which was asked before.
    fn check(&self, _verb: Verb, _address: &Address, _given: &Attributes) -> Result<(), ManageError> {
        Ok(())
    }

    /// Makes the store, and an identity for it where there is none.
    fn init(&self, _recipients: &[String]) -> Result<Made, ManageError> {
        Err(ManageError::NoVerb(Verb::Init))
    }

    /// Whether `add` would meet a secret. Asked before a value is typed.
    fn exists<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, bool> {
        Box::pin(async move {
            match self.show(address, given).await {
                Ok(_) => Ok(true),
                Err(ManageError::NotFound { .. }) => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    /// Whether `update` would find the secret; the error says why not. Asked before a value is typed.
    fn find<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, ()> {
        Box::pin(async move { self.show(address, given).await.map(drop) })
    }

    fn add<'a>(
        &'a self,
        _address: &'a Address,
        _content: Content,
        _existing: Existing,
        _given: &'a Attributes,
    ) -> Doing<'a, Metadata> {
        no_verb(Verb::Add)
    }

    fn value<'a>(&'a self, _address: &'a Address, _given: &'a Attributes) -> Doing<'a, Content> {
        no_verb(Verb::Get)
    }

    /// As many calls of `value` at the same time, where the kind has nothing better; in the order of the addresses.
    fn values<'a>(&'a self, addresses: &'a [Address], given: &'a Attributes) -> Doing<'a, Vec<Each<Content>>> {
        Box::pin(async move { Ok(gather(addresses, |address| self.value(address, given)).await) })
    }

    /// The same of `exists`, in the order of the items.
    fn meets<'a>(&'a self, items: &'a [&'a Item]) -> Doing<'a, Vec<Each<bool>>> {
        Box::pin(async move { Ok(gather(items, |item| self.exists(&item.address, &item.given)).await) })
    }

    /// What can be said against a value that is to be added, without asking anybody.
    fn fits(&self, _address: &Address, _content: &Content, _given: &Attributes) -> Result<(), ManageError> {
        Ok(())
    }

    /// Sorted by place and name.
    fn list<'a>(&'a self, _given: &'a Attributes) -> Doing<'a, Vec<Metadata>> {
        no_verb(Verb::List)
    }

    fn show<'a>(&'a self, _address: &'a Address, _given: &'a Attributes) -> Doing<'a, Metadata> {
        no_verb(Verb::Show)
    }

    /// As `values`, of `show`.
    fn shows<'a>(&'a self, addresses: &'a [Address], given: &'a Attributes) -> Doing<'a, Vec<Each<Metadata>>> {
        Box::pin(async move { Ok(gather(addresses, |address| self.show(address, given)).await) })
    }

    /// None: the value stays, and only what was said changes.
    fn update<'a>(
        &'a self,
        _address: &'a Address,
        _content: Option<NewContent>,
        _given: &'a Attributes,
    ) -> Doing<'a, Metadata> {
        no_verb(Verb::Update)
    }

    fn remove<'a>(&'a self, _addresses: &'a [Address], _given: &'a Attributes) -> Doing<'a, Outcomes> {
        no_verb(Verb::Remove)
    }

    /// Another name for the secret's value, in the narrower scope that was said.
    fn alias<'a>(&'a self, _address: &'a Address, _name: &'a str, _given: &'a Attributes) -> Doing<'a, Metadata> {
        no_verb(Verb::Alias)
    }

    /// Another value for the secret's name, in the narrower scope that was said.
    fn overlay<'a>(&'a self, _address: &'a Address, _content: Content, _given: &'a Attributes) -> Doing<'a, Metadata> {
        no_verb(Verb::Override)
    }

    /// To applications, or whom else the options name.
    fn grant<'a>(&'a self, _address: &'a Address, _to: &'a [String], _given: &'a Attributes) -> Doing<'a, Outcomes> {
        no_verb(Verb::Grant)
    }

    fn revoke<'a>(&'a self, _address: &'a Address, _from: &'a [String], _given: &'a Attributes) -> Doing<'a, Outcomes> {
        no_verb(Verb::Revoke)
    }

    /// What is known of each revision that is left, the newest first.
    fn history<'a>(&'a self, _address: &'a Address, _given: &'a Attributes) -> Doing<'a, Vec<Metadata>> {
        no_verb(Verb::History)
    }

    /// As many calls of `add`, where the kind has nothing better.
    fn import<'a>(&'a self, parcel: Parcel, existing: Existing, _given: &'a Attributes) -> Doing<'a, Outcomes> {
        Box::pin(async move {
            let Parcel::Items(items) = parcel else { return Err(ManageError::NoVerb(Verb::Import)) };
            Ok(add_each(self, items, existing).await)
        })
    }

    /// The bytes of [`Format::Age`], and what they hold.
    fn seal(&self, _text: &Secret, _given: &Attributes) -> Result<Secret, ManageError> {
        Err(ManageError::NoVerb(Verb::Export))
    }

    fn unseal(&self, _sealed: &Secret) -> Result<Secret, ManageError> {
        Err(ManageError::NoVerb(Verb::Import))
    }

    /// Without addresses all. [`Parcel::Document`] where the format is the system's own.
    fn export<'a>(&'a self, _addresses: &'a [Address], _format: Format, _given: &'a Attributes) -> Doing<'a, Parcel> {
        no_verb(Verb::Export)
    }
}

/// One after another: a write is no matter of haste.
pub(crate) async fn add_each<M: Manage + ?Sized>(store: &M, items: Vec<Item>, existing: Existing) -> Outcomes {
    let mut outcomes = Outcomes::with_capacity(items.len());
    for Item { address, content, given } in items {
        let added = store.add(&address, content, existing, &given).await;
        outcomes.push((address.path.to_string(), added.map(drop)));
    }
    outcomes
}

fn no_verb<'a, T: 'a>(verb: Verb) -> Doing<'a, T> {
    done(Err(ManageError::NoVerb(verb)))
}

/// Many secrets on their way in or out.
pub(crate) enum Parcel {
    Items(Vec<Item>),
    /// In a format that the kind reads and writes itself.
    Document(Format, Secret),
}

/// What one `add` takes.
pub(crate) struct Item {
    pub(crate) address: Address,
    pub(crate) content: Content,
    pub(crate) given: Attributes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// NAME=VALUE lines; text only.
    Dotenv,
    /// An object: each member is a value, or an object of a value and what is said beside it.
    Json,
    /// The JSON, encrypted to age recipients, by [`Manage::seal`].
    Age,
    /// The list that Cloudify's manager exports.
    Cloudify,
}

impl Format {
    pub(crate) const ALL: [Self; 4] = [Self::Dotenv, Self::Json, Self::Age, Self::Cloudify];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dotenv => "dotenv",
            Self::Json => "json",
            Self::Age => "age",
            Self::Cloudify => "cloudify",
        }
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

impl From<Value> for Content {
    fn from(value: Value) -> Self {
        match value {
            Value::Bytes(secret) => Self::Bytes(secret),
            Value::Fields(fields) => Self::Fields(fields),
        }
    }
}

/// What becomes of a secret that already has the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    Refuse,
    Replace,
}

pub(crate) enum NewContent {
    /// Instead of all that was there.
    Whole(Content),
    /// These fields; the others stay.
    Fields(Vec<(String, Secret)>),
}

/// For kinds whose secrets have no fields, so that none can stay: they refuse any.
impl From<NewContent> for Content {
    fn from(content: NewContent) -> Self {
        match content {
            NewContent::Whole(content) => content,
            NewContent::Fields(fields) => Self::Fields(fields),
        }
    }
}

/// What `init` made or found.
pub(crate) struct Made {
    pub(crate) public_keys: Vec<String>,
    /// The place of the identity, in words.
    pub(crate) identity: String,
    pub(crate) store: PathBuf,
}

/// All that may be shown of a secret, or of one revision of it. What a system does not tell is None.
#[derive(Clone, Default)]
pub(crate) struct Metadata {
    pub(crate) name: String,
    /// The scope or namespace, where a store has several: `shop/prod`, `cluster/org/project`.
    pub(crate) place: Option<String>,
    pub(crate) description: Option<String>,
    /// RFC 3339, UTC, as `updated`.
    pub(crate) created: Option<String>,
    pub(crate) updated: Option<String>,
    pub(crate) creator: Option<String>,
    pub(crate) revision: Option<u64>,
    pub(crate) fields: Option<Vec<String>>,
    /// In bytes.
    pub(crate) size: Option<usize>,
    /// What else the system's API names, under its own names; never a value. Where one is also a member above, this
    /// one is shown in JSON.
    pub(crate) attributes: Vec<(&'static str, serde_json::Value)>,
}

impl Metadata {
    pub(crate) fn json(&self) -> serde_json::Value {
        let mut json = json!({
            "name": self.name,
            "description": self.description,
            "created": self.created,
            "updated": self.updated,
            "creator": self.creator,
            "fields": self.fields,
            "size": self.size,
        });
        if let Some(place) = &self.place {
            json["place"] = json!(place);
        }
        if let Some(revision) = self.revision {
            json["revision"] = json!(revision);
        }
        for (name, value) in &self.attributes {
            json[*name] = value.clone();
        }
        json
    }
}

/// Why a verb failed. The text names what it is about and what to do, never a value.
#[derive(Debug)]
pub(crate) enum ManageError {
    Store(StoreError),
    NotFound {
        name: String,
        /// Of a secret that may be there.
        revision: Option<u64>,
        store: String,
    },
    Exists {
        name: String,
        store: String,
    },
    /// The kind lacks the verb, and its table says otherwise.
    NoVerb(Verb),
    /// The kind's table has no such verb, and why.
    Lacks {
        kind: &'static str,
        verb: Verb,
        why: Option<&'static str>,
    },
    /// The kind cannot be managed at all.
    NoManaging(&'static str),
    /// Of several items these failed; the others were done.
    Several(Vec<(String, ManageError)>),
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
            Self::Exists { .. } | Self::NoVerb(_) | Self::Lacks { .. } | Self::NoManaging(_) | Self::Usage(_) => {
                Code::Config
            }
            Self::Several(failed) => failed.first().map_or(Code::Config, |(_, error)| error.code()),
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
            Self::NotFound { name, revision: Some(revision), store } => write!(
                out,
                "{store} has no revision {revision} of `{name}`; `inject secret history` shows those that are left"
            ),
            Self::NotFound { name, revision: None, store } => {
                write!(out, "{store} has no secret `{name}`; `inject secret list` shows those it has")
            }
            Self::Exists { name, store } => write!(
                out,
                "{store} already has a secret `{name}`; `inject secret update` changes it, --replace puts a new one \
                 in its place"
            ),
            Self::NoVerb(verb) => write!(out, "this kind of store has no `{}`", verb.name()),
            Self::Lacks { kind, verb, why } => {
                write!(out, "a store of kind {kind} has no `{}`", verb.name())?;
                why.map_or(Ok(()), |why| write!(out, ": {why}"))
            }
            Self::NoManaging(kind) => {
                write!(out, "secrets of a store of kind {kind} are not managed by inject; name another store with -s")
            }
            Self::Several(failed) => {
                let each: Vec<_> = failed.iter().map(|(item, error)| format!("{item}: {error}")).collect();
                out.write_str(&each.join("\n"))
            }
            Self::Unfit { name, why } => write!(out, "`{name}`: {why}"),
            Self::Usage(text) | Self::TooBig(text) => out.write_str(text),
            Self::Io { what, why } => write!(out, "{what}: {why}"),
        }
    }
}
