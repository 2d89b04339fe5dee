//! The Tapis dialect: what the Tapis Pods service makes of a pod's secret_map, environment and
//! configs, corner cases included (`fixtures/conformance`).
//!
//! Pure functions over text and facts of the pod; values come later, from a store. The border to
//! the strict dialect is the plan: it takes a [`steps::PodPlan`] where that one scans templates.
//! `grammar.rs` knows the forms, `steps.rs` what happens to them in which order, `lint.rs` what
//! `check` says, `rules.rs` which names and mounts Tapis takes.

pub(crate) mod grammar;
pub(crate) mod lint;
pub(crate) mod rules;
pub(crate) mod steps;

pub(crate) use lint::Warning;
pub(crate) use steps::plan_pod;

use crate::spec;
use grammar::FormError;
use std::fmt;

/// Names and texts, in the order of the configuration.
pub(crate) type Map = Vec<(String, String)>;

/// What a configuration says about a pod, all layers laid over one another.
#[derive(Debug, Default)]
pub(crate) struct Definition {
    pub(crate) secret_map: Map,
    pub(crate) environment: Map,
    /// Path of a mount, and its `config_content`.
    pub(crate) configs: Map,
    /// None: no pod is defined, and its facts stay text.
    pub(crate) pod: Option<Pod>,
}

#[derive(Debug, Default)]
pub(crate) struct Pod {
    /// Where it is in no stack, references to one stay text.
    pub(crate) facts: spec::Pod,
    /// The secret_map of its stack. None: no stack of that id is known.
    pub(crate) stack: Option<Map>,
    /// What the service stored for the pod before; it stands for a random password of the same key.
    pub(crate) stored: Map,
}

/// Why Tapis starts nothing. It shows names, descriptions and owners, never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TapisError {
    Form {
        key: String,
        what: FormError,
    },
    /// A placeholder that had to be overridden.
    Required {
        key: String,
        description: String,
    },
    /// A whole-value reference to a secret of somebody else.
    OwnerMismatch {
        key: String,
        owner: String,
    },
    /// The same anywhere in a value, where Tapis looks when a stack is written.
    OwnershipViolation {
        key: String,
        owner: String,
    },
    RandomTooShort {
        key: String,
        length: String,
    },
    RandomTooLong {
        key: String,
        length: String,
    },
    NoPodId {
        key: String,
    },
    NoDefaultUrl {
        key: String,
    },
    NoTapisUrl {
        key: String,
    },
    NetworkUnknown {
        key: String,
        network: String,
    },
    NetworkFieldUnknown {
        key: String,
        field: String,
    },
    NetworkFieldUnset {
        key: String,
        network: String,
        field: String,
    },
    StackNotFound {
        stack: String,
    },
    StackKeyUnknown {
        key: String,
    },
    KeyCharset {
        key: String,
    },
}

impl TapisError {
    /// The entry it is about.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::Form { key, .. }
            | Self::Required { key, .. }
            | Self::OwnerMismatch { key, .. }
            | Self::OwnershipViolation { key, .. }
            | Self::RandomTooShort { key, .. }
            | Self::RandomTooLong { key, .. }
            | Self::NoPodId { key }
            | Self::NoDefaultUrl { key }
            | Self::NoTapisUrl { key }
            | Self::NetworkUnknown { key, .. }
            | Self::NetworkFieldUnknown { key, .. }
            | Self::NetworkFieldUnset { key, .. }
            | Self::KeyCharset { key } => Some(key),
            Self::StackNotFound { .. } | Self::StackKeyUnknown { .. } => None,
        }
    }
}

impl fmt::Display for TapisError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, what) = match self {
            Self::Form { key, what } => (key, what.to_string()),
            Self::Required { key, description } => {
                (key, format!("must be overridden: {description}; set it in a later configuration"))
            }
            Self::OwnerMismatch { key, owner } | Self::OwnershipViolation { key, owner } => {
                (key, format!("refers to a secret of `{owner}`; only secrets of whoever asks can be used"))
            }
            Self::RandomTooShort { key, length } | Self::RandomTooLong { key, length } => {
                let length: String = length.chars().take(20).collect();
                (key, format!("asks for a random password of {length} characters; it has 8 to 128"))
            }
            Self::NoPodId { key } => (key, "needs the pod's id; set `pod_id`".to_owned()),
            Self::NoDefaultUrl { key } => {
                (key, "needs the `url` of the network `default`; set it in `networking`".to_owned())
            }
            Self::NoTapisUrl { key } => {
                (key, "needs a network whose `url` holds `.pods.` before the address of Tapis".to_owned())
            }
            Self::NetworkUnknown { key, network } => {
                (key, format!("refers to the network `{network}`, which `networking` does not define"))
            }
            Self::NetworkFieldUnknown { key, field } => {
                (key, format!("asks for `{field}` of a network; there are url, hostname, port, protocol and tapis_url"))
            }
            Self::NetworkFieldUnset { key, network, field } => {
                (key, format!("needs `{field}` of the network `{network}`, which has none; set it in `networking`"))
            }
            Self::StackNotFound { stack } => return write!(out, "the pod's stack `{stack}` is not known"),
            Self::StackKeyUnknown { key } => (key, "is no entry of the stack's secret_map".to_owned()),
            Self::KeyCharset { key } => (
                key,
                "cannot be a key of a secret_map; letters, digits, `_` and `-` can, with one letter or digit at least"
                    .to_owned(),
            ),
        };
        write!(out, "`{key}` {what}")
    }
}
