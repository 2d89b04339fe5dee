//! What a store is: the trait, the table of kinds, the errors they share.
//!
//! A kind is data ([`Kind`]): planning reads it and opens nothing. A store is asked once, for all
//! that the plan wants of it. A new kind is one file here and one word in `stores!`; no file here
//! knows another.

mod body;
mod buffer;
#[cfg(test)]
pub(crate) mod contract;
mod jwt;
pub(crate) mod manage;
mod object;
mod remote;

use crate::environ::Environ;
pub(crate) use crate::failure::StoreError;
use crate::reference::Address;
use crate::template::Value;
use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{self, Waker};
use std::time::{Duration, Instant};

pub(crate) trait Store {
    /// Answers every request it can. Err: the whole store failed. A request that is left without an
    /// answer does not exist.
    fn resolve<'a>(&'a self, requests: &'a mut [Request]) -> Pending<'a>;

    /// What there is to tell beside the answers that were just given. Few kinds have anything.
    fn aside(&self) -> Aside {
        Aside::default()
    }

    /// Says of each secret whether it is there and may be read, for `check --online`. As for
    /// [`Store::resolve`]: one that is left without an answer does not exist, and errors are those
    /// that a launch would meet.
    ///
    /// This default asks for the values, as a launch does, and drops them: right for kinds whose
    /// values are on this machine, or whose system has no other way. A kind whose system can tell
    /// without giving the value (a list, metadata) has its own, which must never ask for one.
    fn look<'a>(&'a self, looks: &'a mut [Look]) -> Pending<'a> {
        Box::pin(async move {
            let request = |look: &Look| Request { address: Rc::clone(&look.address), random: None, answer: None };
            let mut requests: Vec<Request> = looks.iter().map(request).collect();
            self.resolve(&mut requests).await?;
            for (look, request) in looks.iter_mut().zip(requests) {
                look.answer = request.answer.map(|answer| answer.map(|_| Access::Readable));
            }
            Ok(())
        })
    }
}

/// Local kinds are ready at once; only remote ones need a runtime.
pub(crate) type Pending<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + 'a>>;

pub(crate) fn ready<'a>(result: Result<(), StoreError>) -> Pending<'a> {
    Box::pin(std::future::ready(result))
}

/// What a future of a local kind gives, which is ready the first time it is looked at; None where it waits.
pub(crate) fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut task::Context::from_waker(Waker::noop())) {
        task::Poll::Ready(output) => Some(output),
        task::Poll::Pending => None,
    }
}

/// What a store tells beside its answers.
#[derive(Default)]
pub(crate) struct Aside {
    pub(crate) mounts: Vec<Mount>,
    /// What failed and stops nobody.
    pub(crate) warnings: Vec<StoreError>,
}

/// A secret that a launch is to have as a file, too.
pub(crate) struct Mount {
    /// All that are answered with it, by their place; at least one.
    pub(crate) requests: Vec<usize>,
    pub(crate) path: PathBuf,
}

/// One secret that is wanted, and the store's answer.
pub(crate) struct Request {
    pub(crate) address: Rc<Address>,
    /// `pods:random:N`: made with this length where it does not exist yet.
    pub(crate) random: Option<usize>,
    pub(crate) answer: Option<Result<Value, StoreError>>,
}

/// One secret that is looked for without its value, and what the store says of it.
pub(crate) struct Look {
    pub(crate) address: Rc<Address>,
    /// Who the store takes us for, or what it lets us see, in its own words: `user alice, tenant
    /// dev`. Empty where nobody is asked who they are.
    pub(crate) identity: String,
    pub(crate) answer: Option<Result<Access, StoreError>>,
}

/// What is known of a secret that is there, or may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Readable,
    /// A launch would make it.
    Made,
    /// It is there; why only reading it tells whether we may.
    Exists(String),
    /// Why only reading it tells anything.
    Unknown(String),
}

/// One kind of store, as planning, `stores` and the man page see it.
pub(crate) struct Kind {
    /// As written in `"kind"` and, for kinds usable without settings, in a reference.
    pub(crate) name: &'static str,
    /// One line for people.
    pub(crate) about: &'static str,
    pub(crate) caps: Caps,
    /// Its own; [`Kind::settings`] has all.
    pub(crate) settings: &'static [(&'static str, Form)],
    /// Variables that hold a login credential of this kind; the command never gets them.
    pub(crate) credential_variables: &'static [&'static str],
    /// Whether a reference may name the kind although no configuration does.
    pub(crate) without_settings: fn(&Environ) -> bool,
    /// What to do so that it may; None where it always or never may.
    pub(crate) ambient: Option<&'static str>,
    /// What can be said against an address without opening the store.
    pub(crate) check: fn(&Address, &Settings) -> Result<(), String>,
    pub(crate) open: Open,
    /// What `inject secret` works on, where the kind can be managed.
    pub(crate) manage: Option<manage::Managing>,
}

impl Kind {
    /// Every setting that a store of this kind may have, but `kind` itself.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (&'static str, Form)> {
        let of_network = if self.caps.network { remote::SETTINGS } else { &[] };
        self.settings.iter().chain(of_network).copied()
    }
}

pub(crate) type Open = fn(&Settings, &Context<'_>) -> Result<Box<dyn Store>, StoreError>;

#[derive(Clone, Copy)]
pub(crate) struct Caps {
    /// `@VERSION` has a meaning.
    pub(crate) versions: bool,
    /// Values are asked for over a network.
    pub(crate) network: bool,
    /// `pods:random:N` can be kept in it.
    pub(crate) random: bool,
}

/// How a setting is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    /// Of a server: `https://host/path`.
    Address,
    /// A path; a relative one starts at the configuration's directory.
    Path,
    /// Strings.
    List,
    Flag,
    /// `500ms`, `10s`, `2m`.
    Duration,
    /// `{"env": NAME}`, `{"file": PATH}`, `{"credential": NAME}`.
    Credential,
    /// The same, or the path alone.
    CredentialPath,
    /// The same, or a text that needs no hiding.
    CredentialText,
}

/// What is shown to a store to be let in: where it is, never the thing itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    Variable(String),
    File(PathBuf),
    /// A file in `$CREDENTIALS_DIRECTORY`.
    Named(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Text(String),
    Path(PathBuf),
    List(Vec<String>),
    Flag(bool),
    Duration(Duration),
    Credential(Credential),
}

/// The settings of one store, checked against its kind's table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    values: Vec<(&'static str, Setting)>,
}

impl Settings {
    pub(crate) fn set(&mut self, name: &'static str, setting: Setting) {
        self.values.push((name, setting));
    }

    fn get(&self, name: &str) -> Option<&Setting> {
        self.values.iter().find(|(key, _)| *key == name).map(|(_, setting)| setting)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Setting::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn path(&self, name: &str) -> Option<&PathBuf> {
        match self.get(name) {
            Some(Setting::Path(path)) => Some(path),
            _ => None,
        }
    }

    pub(crate) fn list(&self, name: &str) -> Option<&[String]> {
        match self.get(name) {
            Some(Setting::List(list)) => Some(list),
            _ => None,
        }
    }

    pub(crate) fn credential(&self, name: &str) -> Option<&Credential> {
        match self.get(name) {
            Some(Setting::Credential(credential)) => Some(credential),
            _ => None,
        }
    }

    /// False where it is not set.
    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Setting::Flag(true)))
    }

    pub(crate) fn duration(&self, name: &str) -> Option<Duration> {
        match self.get(name) {
            Some(Setting::Duration(duration)) => Some(*duration),
            _ => None,
        }
    }

    /// The variables that credentials of these settings come from.
    pub(crate) fn credential_variables(&self) -> impl Iterator<Item = &str> {
        self.values.iter().filter_map(|(_, setting)| match setting {
            Setting::Credential(Credential::Variable(name)) => Some(name.as_str()),
            _ => None,
        })
    }
}

/// What a store may look at when it is opened.
pub(crate) struct Context<'a> {
    pub(crate) environ: &'a Environ,
    pub(crate) deadline: Instant,
    /// How often a request over a network is made again.
    pub(crate) retries: u32,
    /// `--scope`: where secrets are looked for, in kinds that have scopes.
    pub(crate) scope: Option<&'a str>,
    /// `--as`: the application that they are for, in kinds that grant them.
    pub(crate) application: Option<&'a str>,
}

impl<'a> Context<'a> {
    /// Without a scope or an application.
    pub(crate) fn new(environ: &'a Environ, deadline: Instant, retries: u32) -> Self {
        Self { environ, deadline, retries, scope: None, application: None }
    }
}

/// The kind whose pods `--pod` names.
pub(crate) const PODS: &str = "tapis";
/// A setting that nobody writes: the id of the pod that is launched, on the store that it came from.
pub(crate) const POD: &str = "pod";

/// Declares each store's module and puts its `KIND` into the table.
macro_rules! stores {
    ($($(#[$gate:meta])* $name:ident),* $(,)?) => {
        $($(#[$gate])* pub(crate) mod $name;)*
        pub(crate) static KINDS: &[&Kind] = &[$($(#[$gate])* &$name::KIND),*];
        #[cfg(test)]
        static FIXTURES: &[fn() -> contract::Fixture] = &[$($(#[$gate])* $name::fixture),*];
    };
}

stores! {
    #[cfg(feature = "local")]
    local,
    dir,
    env,
    exec,
    tapis,
    apolo,
    cloudify,
    qovery,
    juju,
}

pub(crate) fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name).copied()
}
