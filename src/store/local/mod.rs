//! The embedded store: an age file with one JSON document, no server.
//!
//! It stands in for five systems with one model. A secret is known by namespace, scope and name, together its key
//! (`key.rs`); a launch sees each name in its own scope or the nearest wider one. A secret has a value and older
//! revisions of it, or is an alias and has that of another; aliases and overrides go with what they are of. Access modes,
//! grants and all else are attributes of an entry: some have a rule here, the rest is kept and shown.
//!
//! This file is the kind, its references and what a launch asks of it. The document is `format.rs`,
//! the file `file.rs`, its keys `identity.rs` and `stanza.rs`; what `inject secret` does with it is `manage.rs`, and `audit.rs` the log
//! of that. `label.rs` has second names, `schema.rs` what values keep to. A launch writes a random password that does not
//! exist yet, and the log where `audit_reads` says so.

mod audit;
mod file;
mod format;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod identity;
mod key;
mod label;
mod manage;
mod random;
mod schema;
mod stanza;
mod time;

use super::manage::{Attribute, Attributes, Content, Format, Managing, Verb};
use super::{Aside, Caps, Context, Form, Kind, Mount, Pending, Request, Settings, StoreError};
use crate::environ::Environ;
use crate::failure::Code;
use crate::reference::{Address, at_colon};
use crate::template::Value;
use audit::{ALLOWED, Log, about};
use file::Writer;
use format::{Details, Entry, Found, Link};
use identity::Identities;
pub(crate) use identity::{Origin, Source, source as identity_source};
use key::{Home, Key};
pub(crate) use manage::Secrets;
pub(crate) use random::password;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

pub(crate) static KIND: Kind = Kind {
    name: "local",
    about: "an encrypted file of this machine's, with no server",
    caps: Caps { versions: true, network: false, random: true },
    settings: &[
        ("path", Form::Path),
        ("identity", Form::CredentialPath),
        ("recipients", Form::List),
        ("owner", Form::Text),
        ("tenant", Form::Text),
        ("cluster", Form::Text),
        ("org", Form::Text),
        ("project", Form::Text),
        ("audit_reads", Form::Flag),
    ],
    credential_variables: &["INJECT_IDENTITY"],
    without_settings: |_| true,
    ambient: None,
    check,
    open: |settings, context| Ok(Box::new(Store::open(settings, context)?)),
    manage: Some(Managing {
        open: |settings, context| Ok(Box::new(Secrets { settings, environ: context.environ })),
        verbs: &{
            use Attribute::{
                AutoPrune, Cluster, Description, Hidden, Interpolation, Label, MountPath, NewName, Org, Plain, Pod,
                Project, Provider, ProviderOptions, Readable, Recipient, Revision, Schema, Scope, Tenant, Visibility,
                Writable,
            };
            const ADD: &[Attribute] = &[
                Scope,
                Pod,
                Tenant,
                Cluster,
                Org,
                Project,
                Description,
                Label,
                Readable,
                Writable,
                Visibility,
                Hidden,
                Plain,
                Schema,
                Provider,
                ProviderOptions,
                MountPath,
                Interpolation,
                AutoPrune,
            ];
            const PLACE: &[Attribute] = &[Scope, Tenant, Cluster, Org, Project];
            const AT: &[Attribute] = &[Scope, Tenant, Cluster, Org, Project, Revision];
            [
                (Verb::Init, &[Recipient]),
                (Verb::Add, ADD),
                (Verb::Get, AT),
                (Verb::List, PLACE),
                (Verb::Show, AT),
                (
                    Verb::Update,
                    &[
                        Scope,
                        Tenant,
                        Cluster,
                        Org,
                        Project,
                        Description,
                        Label,
                        NewName,
                        AutoPrune,
                        Visibility,
                        Hidden,
                        Provider,
                        ProviderOptions,
                        Interpolation,
                    ],
                ),
                (Verb::Remove, AT),
                (Verb::Alias, &[Scope, Tenant, Cluster, Org, Project, Description]),
                (Verb::Override, &[Scope, Tenant, Cluster, Org, Project, Description, Interpolation]),
                (Verb::Grant, &[Scope, Tenant, Cluster, Org, Project, Visibility]),
                (Verb::Revoke, PLACE),
                (Verb::History, PLACE),
                (Verb::Import, ADD),
                (Verb::Export, &[Scope, Tenant, Cluster, Org, Project, Recipient]),
            ]
        },
        lacks: &[],
        formats: &[Format::Json, Format::Dotenv, Format::Age],
    }),
};

/// Decrypted; nothing of the document is parsed yet.
struct Store {
    path: PathBuf,
    identities: Identities,
    json: String,
    recipients: Option<Vec<String>>,
    /// Who may stand in a reference.
    owner: Option<String>,
    home: Home,
    /// Who the secrets are for.
    application: Option<String>,
    /// What is read leaves a line in the audit log.
    audit_reads: bool,
    /// Beside what was answered last.
    aside: RefCell<Aside>,
    deadline: Instant,
}

impl Store {
    fn open(settings: &Settings, context: &Context<'_>) -> Result<Self, StoreError> {
        let path = path(settings, context.environ)?;
        let home = Home::new(settings, &Attributes::default(), context.scope).map_err(StoreError::Settings)?;
        let sealed = file::open(&path)?;
        let identities = identity::find(settings, context.environ)?;
        let json = file::decrypt(&path, sealed, &identities)?;
        Ok(Self {
            path,
            identities,
            json,
            recipients: settings.list("recipients").map(<[String]>::to_vec),
            owner: settings.text("owner").map(str::to_owned),
            home,
            application: context.application.map(str::to_owned),
            audit_reads: settings.flag("audit_reads"),
            aside: RefCell::default(),
            deadline: context.deadline,
        })
    }

    fn answer(&self, requests: &mut [Request]) -> Result<(), StoreError> {
        let mut answers: Vec<(usize, Result<Value, StoreError>)> = Vec::with_capacity(requests.len());
        let (mut secrets, mut random, mut lengths) = (Vec::with_capacity(requests.len()), Vec::new(), Vec::new());
        let keys = self.keys(requests);
        let mut older = false;
        for (index, request) in requests.iter().enumerate() {
            let path = &*request.address.path;
            older |= request.address.version.is_some();
            match request.random {
                Some(length) => {
                    random.push((path, index));
                    lengths.push((path, length));
                }
                None => match self.owned(path) {
                    Ok(name) if keys.is_empty() => secrets.push((name, index)),
                    Ok(_) => {
                        let keys = keys[index].iter().enumerate();
                        secrets.extend(keys.map(|(depth, key)| (key.as_str(), index * DEPTHS + depth)));
                    }
                    Err(error) => answers.push((index, Err(error))),
                },
            }
        }
        // Mostly they are, which a standard library that is optimized for size does not look for.
        if !secrets.is_sorted() {
            secrets.sort_unstable();
        }
        random.sort_unstable();
        lengths.sort_unstable();
        lengths.dedup_by_key(|(key, _)| *key);

        let picked = format::pick(&self.json, &names(&secrets), &names(&random), older);
        let (found, kept) = picked.map_err(|found| file::fault(&self.path, found))?;
        let there = || {
            let found = names(&secrets).into_iter().zip(&found);
            found.filter_map(|(name, found)| found.as_ref().map(|_| name)).collect::<BTreeSet<&str>>()
        };
        let called = if found.iter().any(Option::is_none) { self.by_label(requests, &there())? } else { Vec::new() };
        let read = self.audit_reads.then(|| {
            let mut read = read(requests, &keys, &there());
            called.iter().for_each(|(at, (key, _))| read[*at] = about(key, requests[*at].address.version.as_deref()));
            read
        });
        let dealt = deal(&secrets, found);
        let mut mounts: BTreeMap<File, Vec<usize>> = BTreeMap::new();
        let mut admit = |(index, (key, found)): (usize, (&str, Found))| {
            let admitted = self.admit(key, found, &requests[index].address, false).transpose();
            let answer = admitted.map(|admitted| {
                admitted.map(|Admitted { value, file }| {
                    file.into_iter().for_each(|file| mounts.entry(file).or_default().push(index));
                    value
                })
            });
            answers.extend(answer.map(|answer| (index, answer)));
        };
        if keys.is_empty() {
            dealt.for_each(&mut admit)
        } else {
            narrowest(dealt).for_each(&mut admit)
        }
        called.into_iter().for_each(|(index, (key, found))| admit((index, (&key, found))));
        let mounts = mounts.into_iter().map(|(File { path, .. }, requests)| Mount { requests, path }).collect();
        self.aside.replace(Aside { mounts, warnings: Vec::new() });
        let kept = if kept.iter().any(Option::is_none) { self.keep(&lengths) } else { Ok(kept) };
        match kept {
            Ok(kept) => answers.extend(
                deal(&random, kept)
                    .filter_map(|(index, (_, found))| found.content.map(|content| (index, Ok(Value::from(content))))),
            ),
            Err(error) => answers.extend(random.iter().map(|(_, index)| (*index, Err(error.clone())))),
        }
        for (index, answer) in answers {
            requests[index].answer = Some(answer);
        }
        if let Some(read) = read {
            self.warn(self.record(&read, requests));
        }
        Ok(())
    }

    /// An unwritable log stops no launch, and is told once.
    fn warn(&self, recorded: Result<(), StoreError>) {
        let warnings = &mut self.aside.borrow_mut().warnings;
        warnings.extend(recorded.err().filter(|error| !warnings.contains(error)));
    }

    fn record(&self, read: &[String], requests: &[Request]) -> Result<(), StoreError> {
        let log = Log::open(&self.path, self.application.as_deref())?;
        for (key, request) in read.iter().zip(requests) {
            let outcome = match &request.answer {
                Some(Ok(_)) => ALLOWED,
                Some(Err(error)) => error.code().as_str(),
                None => Code::NotFound.as_str(),
            };
            log.record("read", std::slice::from_ref(key), outcome)?;
        }
        Ok(())
    }

    /// What each request may be answered with, at most [`DEPTHS`], the widest scope first. Empty where no key is more than a name, as
    /// mostly.
    fn keys(&self, requests: &[Request]) -> Vec<Vec<String>> {
        let plain = |request: &Request| !request.address.path.starts_with("//");
        if self.home.namespace.is_empty() && self.home.scope.is_empty() && requests.iter().all(plain) {
            return Vec::new();
        }
        let of = |request: &Request| {
            let (_, name) = split(&request.address.path);
            // What is no name was refused when the launch was planned.
            let mut keys: Vec<String> = Key::of(name, &self.home)
                .map(|key| key.visible().map(|key| key.to_string()).collect())
                .unwrap_or_default();
            keys.reverse();
            keys
        };
        requests.iter().map(of).collect()
    }

    fn owned<'p>(&self, path: &'p str) -> Result<&'p str, StoreError> {
        match split(path) {
            (None, name) => Ok(name),
            _ => owned(path, self.owner.as_deref(), &format!("the store {}", self.path.display())),
        }
    }

    /// What was found, where whoever is launched may have it; None where the revision does not exist.
    fn admit(
        &self,
        key: &str,
        found: Found,
        address: &Address,
        through_alias: bool,
    ) -> Result<Option<Admitted>, StoreError> {
        match (found.content, found.link, &self.application, &address.version) {
            (Some(content), None, None, None) => Ok(Some(Admitted { value: content.into(), file: None })),
            (content, link, application, version) => {
                let link = link.map_or_else(Link::default, |link| *link);
                if let Some(alias) = link.alias.as_ref().filter(|_| !through_alias) {
                    return self.aliased(alias, address);
                }
                if let Some(application) = application.as_ref().filter(|application| !link.grants.contains(application))
                {
                    let Key { namespace, scope, name } = Key::parse(key);
                    let place = if namespace.is_empty() { namespace } else { format!("//{namespace}/") };
                    let scope = if scope.is_empty() { scope } else { format!(" --scope {scope}") };
                    return Err(StoreError::Denied(format!(
                        "`{name}` is not granted to the application `{application}`; `inject secret grant \
                         {place}{name} {application}{scope}` does so"
                    )));
                }
                let latest = link.revision.unwrap_or(1);
                // That it is a number was checked when the launch was planned.
                let wanted = version.as_deref().map_or(Some(latest), |version| version.parse().ok());
                let admitted = |revision, content: Content| {
                    // Several fields are no one file.
                    let path = link.mount_path.filter(|_| matches!(content, Content::Bytes(_)));
                    let file = path.map(|path| File { key: key.to_owned(), revision, path: path.into() });
                    Admitted { value: content.into(), file }
                };
                match content {
                    Some(content) if wanted == Some(latest) => Ok(Some(admitted(latest, content))),
                    None if version.is_none() => Err(latest_removed(&address.path, latest)),
                    _ => {
                        let older = link.older.into_iter().find(|older| Some(older.number) == wanted);
                        Ok(older.map(|older| admitted(older.number, older.content)))
                    }
                }
            }
        }
    }

    /// The value that an alias stands for; of an alias there is no alias.
    fn aliased(&self, key: &str, address: &Address) -> Result<Option<Admitted>, StoreError> {
        let picked = format::pick(&self.json, &[key], &[], address.version.is_some());
        let (mut found, _) = picked.map_err(|found| file::fault(&self.path, found))?;
        let gone = || StoreError::Malformed(format!("`{}` is an alias of nothing", address.path));
        self.admit(key, found.pop().flatten().ok_or_else(gone)?, address, true)
    }

    /// The passwords of these keys, in their order. Those that do not exist are made with the length
    /// given, and are in the file before anybody gets them: another launch finds the same.
    fn keep(&self, wanted: &[(&str, usize)]) -> Result<format::Picked, StoreError> {
        let writer = Writer {
            path: &self.path,
            identities: &self.identities,
            recipients: self.recipients.as_deref(),
            deadline: self.deadline,
            commit: &|| Ok(()),
        };
        let mut made = Vec::new();
        let kept = writer.update(|document| -> Result<_, StoreError> {
            let mut kept = Vec::with_capacity(wanted.len());
            for &(key, length) in wanted {
                if document.random.get(key).is_none() {
                    let now = time::now();
                    let details =
                        Details { created: now.clone(), updated: now, creator: login(), ..Details::default() };
                    let content = Some(Content::Bytes(password(length)?));
                    document.random.put(key, Entry { content, details });
                    made.push(key.to_owned());
                }
                let content = document.random.get(key).and_then(|entry| entry.content.as_ref());
                kept.push(content.map(|content| Found { content: Some(content.share()), link: None }));
            }
            Ok(kept)
        })?;
        if !made.is_empty() {
            // This is a launch, which no log stops.
            let log = Log::open(&self.path, self.application.as_deref());
            self.warn(log.and_then(|log| log.record("random", &made, ALLOWED)));
        }
        Ok(kept)
    }
}

impl super::Store for Store {
    fn resolve<'a>(&'a self, requests: &'a mut [Request]) -> Pending<'a> {
        super::ready(self.answer(requests))
    }

    fn aside(&self) -> Aside {
        self.aside.take()
    }
}

/// What a launch gets of a secret.
struct Admitted {
    value: Value,
    /// Where the secret has a mount path.
    file: Option<File>,
}

fn latest_removed(name: &str, latest: u64) -> StoreError {
    StoreError::Unavailable(format!(
        "the latest revision of `{name}`, {latest}, was removed; `inject secret update` makes a new one, and @N names one \
         that is left"
    ))
}

/// A file that a launch is to have, one for each revision of a secret; an alias's is that of its secret.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct File {
    key: String,
    revision: u64,
    path: PathBuf,
}

/// Sorted names, without repetition.
fn names<'n>(wanted: &[(&'n str, usize)]) -> Vec<&'n str> {
    let mut names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
    names.dedup();
    names
}

/// What was found of `names(wanted)`, with its name, to the number beside each name.
fn deal<'n>(wanted: &[(&'n str, usize)], found: format::Picked) -> impl Iterator<Item = (usize, (&'n str, Found))> {
    let groups = wanted.chunk_by(|(one, _), (other, _)| one == other);
    let found = groups.zip(found).filter_map(|(group, found)| Some((group, found?)));
    let dealt = found.flat_map(|(group, found)| {
        // Mostly one: `NAME` and `OWNER:NAME` are two addresses of one secret.
        let copies: Vec<Found> = group[1..].iter().map(|_| found.share()).collect();
        group.iter().map(|(name, index)| (*index, *name)).zip(copies.into_iter().chain([found]))
    });
    dealt.map(|((index, name), found)| (index, (name, found)))
}

/// The key of each request as the audit log has it: of those it might be in, the narrowest that was found.
fn read(requests: &[Request], keys: &[Vec<String>], found: &BTreeSet<&str>) -> Vec<String> {
    let key = |(index, request): (usize, &Request)| {
        let keys = keys.get(index).map_or(&[][..], Vec::as_slice);
        let key = keys.iter().rev().find(|key| found.contains(key.as_str())).or(keys.last());
        let (_, name) = split(&request.address.path);
        about(&key.map_or(name, String::as_str), request.address.version.as_deref())
    };
    requests.iter().enumerate().map(key).collect()
}

/// How many scopes a secret may be visible from: numbers of scoped requests are this times the request's, and how
/// narrow the scope is.
const DEPTHS: usize = 4;

/// Of what was found for one request that of the narrowest scope.
fn narrowest<T>(found: impl Iterator<Item = (usize, T)>) -> impl Iterator<Item = (usize, T)> {
    let sorted: BTreeMap<usize, T> = found.collect();
    // The last one for a number stays.
    let narrowest: BTreeMap<usize, T> = sorted.into_iter().map(|(at, found)| (at / DEPTHS, found)).collect();
    narrowest.into_iter()
}

fn check(address: &Address, _: &Settings) -> Result<(), String> {
    if let Some(version) = &address.version
        && !version.parse().is_ok_and(|number: u64| number > 0)
    {
        return Err(format!("`@{version}` is no revision; it is a number from 1"));
    }
    match split(&address.path) {
        (Some(""), _) => Err("the owner before `:` is empty; write NAME or OWNER:NAME".into()),
        (_, name) if name.starts_with("//") => Key::of(name, &Home::default()).map(drop),
        (_, name) => check_name(name).map_err(|error| error.to_string()),
    }
}

/// `NAME` or `OWNER:NAME`; no name and no namespace has a colon.
fn split(path: &str) -> (Option<&str>, &str) {
    at_colon(path).map_or((None, path), |(owner, name)| (Some(owner), name))
}

/// The path behind the owner, who has to be the store's.
fn owned<'p>(path: &'p str, owner: Option<&str>, store: &str) -> Result<&'p str, StoreError> {
    let (Some(written), name) = split(path) else { return Ok(path) };
    let owner = owner.map_or_else(login, str::to_owned);
    if written == owner {
        return Ok(name);
    }
    Err(StoreError::Denied(format!("{store} is `{owner}`'s, and the reference is to a secret of `{written}`")))
}

/// Why a text is no name of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameError {
    Character(char),
    NoLetter,
    TooLong,
}

/// The longest name, as the Tapis service has it; its documentation says 100.
const LONGEST_NAME: usize = 110;

impl fmt::Display for NameError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character(character) => {
                write!(out, "a secret's name has letters, digits, `_` and `-`, and no {character:?}")
            }
            Self::NoLetter => out.write_str("a secret's name has at least one letter or digit"),
            Self::TooLong => write!(out, "a secret's name has at most {LONGEST_NAME} characters"),
        }
    }
}

/// Tapis's rules: letters and digits of any script, though of a few scripts it takes no vowel signs, which are letters
/// here. `$<…>` refers to any name, `${…}` to those in ASCII.
pub(crate) fn check_name(name: &str) -> Result<(), NameError> {
    let (mut letters, mut length) = (false, 0_usize);
    for character in name.chars() {
        match character {
            '_' | '-' => {}
            _ if character.is_alphanumeric() => letters = true,
            _ => return Err(NameError::Character(character)),
        }
        length += 1;
    }
    match letters {
        false => Err(NameError::NoLetter),
        true if length > LONGEST_NAME => Err(NameError::TooLong),
        true => Ok(()),
    }
}

fn path(settings: &Settings, environ: &Environ) -> Result<PathBuf, StoreError> {
    if let Some(path) = settings.path("path") {
        return Ok(path.clone());
    }
    base_directory(environ, "XDG_DATA_HOME", ".local/share").map(|base| base.join("inject/secrets.age")).ok_or_else(
        || {
            StoreError::Settings(
                "there is no place for the local store: HOME and XDG_DATA_HOME are not set; set one of them, or the \
                 store's `path`"
                    .into(),
            )
        },
    )
}

/// As the XDG base directory specification has it, which ignores relative paths.
fn base_directory(environ: &Environ, variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name| environ.path(name).filter(|path| path.is_absolute());
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)))
}

/// The login name of whoever runs us, or the number of one who has none. Read from /etc/passwd: a
/// static binary must not load the C library's name service modules.
fn login() -> String {
    let user = nix::unistd::getuid().as_raw();
    crate::users::login_name(user).unwrap_or_else(|| user.to_string())
}

/// A store in a directory of its own, for the tests of this kind and of those above it.
#[cfg(test)]
pub(crate) struct Fixture {
    pub(crate) settings: Settings,
    pub(crate) environ: Environ,
    pub(crate) directory: PathBuf,
}

#[cfg(test)]
impl Fixture {
    /// A place for a store, which is not made yet.
    pub(crate) fn empty() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("inject-local-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let mut settings = Settings::default();
        settings.set("path", super::Setting::Path(directory.join("secrets.age")));
        let identity = directory.join("identity");
        let environ = Environ::of([&format!("INJECT_IDENTITY_FILE={}", identity.display())]);
        Self { settings, environ, directory }
    }

    /// A store with these secrets.
    pub(crate) fn with(secrets: &[(&str, &[u8])]) -> Self {
        use super::manage::{Attributes, Existing, Manage as _};
        let fixture = Self::empty();
        let store = fixture.secrets();
        store.init(&[]).unwrap();
        for (name, value) in secrets {
            let content = Content::Bytes(crate::secret::Secret::from(value.to_vec()));
            let address = Address { store: None, path: (*name).into(), version: None };
            let given = Attributes::default();
            super::at_once(store.add(&address, content, Existing::Refuse, &given)).unwrap().unwrap();
        }
        fixture
    }

    pub(crate) fn secrets(&self) -> Secrets<'_> {
        Secrets { settings: &self.settings, environ: &self.environ }
    }
}

/// For the contract that every kind keeps.
#[cfg(test)]
pub(crate) fn fixture() -> super::contract::Fixture {
    super::contract::Fixture {
        carries: |_| true,
        tells_absence: true,
        seed: |secrets| {
            let mut fixture = Fixture::with(secrets);
            let home = super::contract::Home::at(std::mem::take(&mut fixture.directory));
            super::contract::Double::open(&KIND, fixture.settings.clone(), &fixture.environ, Some(home))
        },
    }
}

#[cfg(test)]
impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the tests compare values")]
mod tests {
    use super::super::Setting;
    use super::super::manage::{Attributes, Manage as _, ManageError, Outcomes};
    use super::*;
    use crate::store::at_once;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;
    use std::rc::Rc;
    use std::time::Duration;

    fn request(path: &str, random: Option<usize>) -> Request {
        Request { address: Address { store: None, path: path.into(), version: None }.into(), random, answer: None }
    }

    fn open(fixture: &Fixture) -> Result<Store, StoreError> {
        let deadline = Instant::now() + Duration::from_secs(10);
        Store::open(&fixture.settings, &Context::new(&fixture.environ, deadline, 0))
    }

    /// The bytes of what was found.
    fn resolve(fixture: &Fixture, mut requests: Vec<Request>) -> Vec<Option<Result<Vec<u8>, StoreError>>> {
        open(fixture).unwrap_or_else(|error| panic!("{error}")).answer(&mut requests).unwrap();
        let bytes = |value| match value {
            Value::Bytes(secret) => secret.expose().to_vec(),
            Value::Fields(fields) => fields.into_iter().flat_map(|(_, secret)| secret.expose().to_vec()).collect(),
        };
        requests.into_iter().map(|request| Some(request.answer?.map(bytes))).collect()
    }

    fn password(fixture: &Fixture, key: &str) -> Vec<u8> {
        resolve(fixture, vec![request(key, Some(24))]).remove(0).unwrap().unwrap()
    }

    /// `a`.
    fn remove(fixture: &Fixture) -> Result<Outcomes, ManageError> {
        let addresses = [Rc::unwrap_or_clone(request("a", None).address)];
        at_once(fixture.secrets().remove(&addresses, &Attributes::default())).unwrap()
    }

    fn failure(fixture: &Fixture) -> StoreError {
        open(fixture).err().unwrap()
    }

    fn store_path(fixture: &Fixture) -> PathBuf {
        fixture.directory.join("secrets.age")
    }

    #[test]
    fn each_request_gets_its_own_secret_and_a_missing_one_no_answer() {
        let fixture = Fixture::with(&[("b", b"two"), ("a", b"\xff\0"), ("c", b"")]);
        let owned = format!("{}:a", login());
        let requests = ["c", "nope", "a", &owned, "b", "a"].map(|path| request(path, None));
        let found = resolve(&fixture, requests.into());
        let found: Vec<_> = found.into_iter().map(|answer| answer.map(Result::unwrap)).collect();
        let value = |bytes: &[u8]| Some(bytes.to_vec());
        assert_eq!(found, [value(b""), None, value(b"\xff\0"), value(b"\xff\0"), value(b"two"), value(b"\xff\0")]);
    }

    #[test]
    fn only_the_owner_may_stand_in_a_reference() {
        let mut fixture = Fixture::with(&[("a", b"1")]);
        fixture.settings.set("owner", Setting::Text("amy".into()));
        let found = resolve(&fixture, vec![request("amy:a", None), request("bob:a", None)]);
        assert_eq!(found[0], Some(Ok(b"1".to_vec())));
        let Some(Err(StoreError::Denied(why))) = &found[1] else { panic!("{found:?}") };
        assert!(why.contains("`amy`") && why.contains("`bob`"), "{why}");
    }

    #[test]
    fn a_random_password_is_made_once() {
        let fixture = Fixture::with(&[("a", b"1")]);
        let made = password(&fixture, "pod:A");
        assert_eq!(made.len(), 24);
        assert_eq!(password(&fixture, "pod:A"), made);
        assert_ne!(password(&fixture, "pod:B"), made);
        // Not a secret of that name, and no secret is touched.
        assert_eq!(resolve(&fixture, vec![request("pod:A", None), request("a", None)])[1], Some(Ok(b"1".to_vec())));
    }

    #[test]
    fn two_launches_at_once_agree_on_a_random_password() {
        let fixture = Fixture::with(&[]);
        let (one, other) = (open(&fixture).ok().unwrap(), open(&fixture).ok().unwrap());
        let ask = |store: Store| {
            let mut requests = [request(":A", Some(8))];
            store.answer(&mut requests).unwrap();
            let Some(Ok(Value::Bytes(secret))) = requests[0].answer.take() else { panic!() };
            secret.expose().to_vec()
        };
        assert_eq!(ask(one), ask(other));
    }

    #[test]
    fn a_random_password_that_cannot_be_kept_is_an_error() {
        let fixture = Fixture::with(&[("a", b"1")]);
        fs::create_dir(fixture.directory.join("secrets.age.new")).unwrap();
        let found = resolve(&fixture, vec![request(":A", Some(8)), request("a", None)]);
        assert!(matches!(&found[0], Some(Err(StoreError::Unavailable(why))) if why.contains("secrets.age")));
        assert_eq!(found[1], Some(Ok(b"1".to_vec())));
    }

    #[test]
    fn a_store_that_is_missing_or_damaged_is_left_as_it_is() {
        let fixture = Fixture::with(&[]);
        let path = store_path(&fixture);
        let good = fs::read(&path).unwrap();
        let half = good[..good.len() / 2].to_vec();
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let armored = b"-----BEGIN AGE ENCRYPTED FILE-----\n".to_vec();
        for (bytes, word) in [
            (Vec::new(), "empty"),
            (half, "damaged"),
            (flipped, "damaged"),
            (b"x".to_vec(), "no age"),
            (armored, "armored"),
        ] {
            fs::write(&path, &bytes).unwrap();
            let StoreError::Malformed(why) = failure(&fixture) else { panic!("{word}") };
            assert!(why.contains(word) && why.contains("secrets.age"), "{why}");
            assert!(remove(&fixture).is_err());
            assert!(fixture.secrets().init(&[]).is_err());
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        fs::remove_file(&path).unwrap();
        let StoreError::Unavailable(why) = failure(&fixture) else { panic!() };
        assert!(why.contains("inject secret init"), "{why}");
        assert!(remove(&fixture).is_err());
        assert!(!path.exists());
    }

    /// What an age tool would write.
    fn encrypt(fixture: &Fixture, json: &[u8]) {
        let identities = identity::find(&fixture.settings, &fixture.environ).ok().unwrap();
        let sealed = age::encrypt(&identities.keys[0].to_public(), json).unwrap();
        fs::write(store_path(fixture), sealed).unwrap();
    }

    #[test]
    fn a_file_that_age_encrypted_is_a_store() {
        let fixture = Fixture::with(&[]);
        encrypt(&fixture, br#"{"format": 1, "secrets": {"a": {"value": "1"}}}"#);
        assert_eq!(resolve(&fixture, vec![request("a", None)]), [Some(Ok(b"1".to_vec()))]);
        remove(&fixture).unwrap();
        assert_eq!(resolve(&fixture, vec![request("a", None)]), [None]);
        // The write made the latest format of it.
        let identities = identity::find(&fixture.settings, &fixture.environ).ok().unwrap();
        let json = age::decrypt(&identities.keys[0], &fs::read(store_path(&fixture)).unwrap()).unwrap();
        assert!(json.starts_with(br#"{"format":2,"#));
    }

    #[test]
    fn age_opens_a_store() {
        let fixture = Fixture::with(&[("a", b"1")]);
        let identities = identity::find(&fixture.settings, &fixture.environ).ok().unwrap();
        let json = age::decrypt(&identities.keys[0], &fs::read(store_path(&fixture)).unwrap()).unwrap();
        let text = String::from_utf8(json).unwrap();
        assert!(text.starts_with(r#"{"format":2,"recipients":["age1"#), "{text}");
    }

    #[test]
    fn a_store_of_a_newer_format_is_refused_unharmed() {
        let fixture = Fixture::with(&[]);
        encrypt(&fixture, br#"{"format":4,"secrets":7}"#);
        let before = fs::read(store_path(&fixture)).unwrap();
        let error = open(&fixture).ok().unwrap().answer(&mut [request("a", None)]).unwrap_err();
        assert!(error.to_string().contains("format 4"), "{error}");
        assert!(remove(&fixture).is_err());
        assert_eq!(fs::read(store_path(&fixture)).unwrap(), before);
    }

    #[test]
    fn a_store_of_others_is_unauthenticated_and_says_whose_key_was_tried() {
        let fixture = Fixture::with(&[]);
        let other = Fixture::with(&[]);
        fs::copy(other.directory.join("identity"), fixture.directory.join("identity")).unwrap();
        let StoreError::Unauthenticated(why) = failure(&fixture) else { panic!() };
        assert!(why.contains(&fixture.directory.join("identity").display().to_string()), "{why}");
    }

    #[test]
    fn all_who_are_recorded_stay_able_to_read() {
        let fixture = Fixture::empty();
        let other = Fixture::with(&[]);
        let others = identity::find(&other.settings, &other.environ).ok().unwrap();
        fixture.secrets().init(&[others.keys[0].to_public().to_string()]).unwrap();
        let with_identity_of = |fixture: &Fixture, identity: &Fixture| Fixture {
            settings: fixture.settings.clone(),
            environ: Environ::of([&format!("INJECT_IDENTITY_FILE={}", identity.directory.join("identity").display())]),
            directory: PathBuf::new(),
        };
        let as_other = with_identity_of(&fixture, &other);
        assert_eq!(password(&as_other, "k"), password(&fixture, "k"));
        // The setting takes the place of those recorded, and never locks the writer out.
        let mut alone = with_identity_of(&fixture, &fixture);
        alone.settings.set("recipients", Setting::List(Vec::new()));
        password(&alone, "l");
        assert!(open(&fixture).is_ok());
        assert!(matches!(open(&as_other), Err(StoreError::Unauthenticated(_))));
    }

    #[test]
    fn a_crashed_writer_leaves_nothing_that_stops_the_next() {
        let fixture = Fixture::with(&[("a", b"1")]);
        fs::write(fixture.directory.join("secrets.age.new"), "half").unwrap();
        remove(&fixture).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(&fixture.directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["identity", "secrets.age", "secrets.age.audit", "secrets.age.lock"]);
        for name in left {
            let mode = fs::metadata(fixture.directory.join(&name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600, "{name:?}");
        }
    }

    #[test]
    fn what_stops_a_write_at_last_sees_it_complete_and_leaves_the_store_as_it_was() {
        let fixture = Fixture::with(&[("a", b"1")]);
        let (path, identities) =
            (store_path(&fixture), identity::find(&fixture.settings, &fixture.environ).ok().unwrap());
        let before = fs::read(&path).unwrap();
        let commit = || {
            assert!(fs::metadata(path.with_file_name("secrets.age.new")).unwrap().len() > 100);
            assert_eq!(fs::read(&path).unwrap(), before);
            Err(StoreError::Unavailable("no".into()))
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        let writer = Writer { path: &path, identities: &identities, recipients: None, deadline, commit: &commit };
        let written: Result<(), StoreError> = writer.update(|document| {
            document.secrets.remove("a");
            Ok(())
        });
        assert_eq!(written, Err(StoreError::Unavailable("no".into())));
        assert_eq!(fs::read(&path).unwrap(), before);
        assert!(!path.with_file_name("secrets.age.new").exists());
    }

    #[test]
    fn a_write_through_a_symbolic_link_replaces_what_it_points_at() {
        let mut fixture = Fixture::with(&[("a", b"1")]);
        let elsewhere = fixture.directory.join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let link = elsewhere.join("link.age");
        symlink("../secrets.age", &link).unwrap();
        fixture.settings = Settings::default();
        fixture.settings.set("path", Setting::Path(link.clone()));
        remove(&fixture).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);
        assert_eq!(resolve(&fixture, vec![request("a", None)]), [None]);
    }

    #[test]
    fn a_writer_waits_for_the_lock_no_longer_than_its_deadline() {
        let fixture = Fixture::with(&[]);
        let lock = fs::File::open(fixture.directory.join("secrets.age.lock")).unwrap();
        lock.lock().unwrap();
        let mut store = open(&fixture).ok().unwrap();
        store.deadline = Instant::now();
        let mut requests = [request("k", Some(8))];
        store.answer(&mut requests).unwrap();
        assert!(matches!(requests[0].answer, Some(Err(StoreError::TimedOut(_)))));
    }

    #[test]
    fn references_are_a_name_with_or_without_its_owner() {
        let check = |path: &str| check(&request(path, None).address, &Settings::default());
        for good in ["a", "A-b_9", "9", "_a", "amy:a", "//t/a", "//c/o/p/ü", "café", "日本", "²", "Ⅷ", &"ü".repeat(110)]
        {
            check(good).unwrap();
        }
        for bad in
            ["", "_", "-_", "a b", "a.b", "a/b", "e\u{301}", "€", "a:b:c", ":a", "a:", "//a", "///a", &"ü".repeat(111)]
        {
            check(bad).unwrap_err();
        }
        assert_eq!(check_name("a/b"), Err(NameError::Character('/')));
        assert_eq!(check_name("__"), Err(NameError::NoLetter));
    }

    #[test]
    fn directories_come_from_the_environment_where_they_are_absolute() {
        let of = |environ| path(&Settings::default(), &environ);
        let both = Environ::of(["XDG_DATA_HOME=/data", "HOME=/home/amy"]);
        assert_eq!(of(both).unwrap(), Path::new("/data/inject/secrets.age"));
        for data in ["XDG_DATA_HOME=data", "XDG_DATA_HOME="] {
            let relative = Environ::of([data, "HOME=/home/amy"]);
            assert_eq!(of(relative).unwrap(), Path::new("/home/amy/.local/share/inject/secrets.age"));
        }
        assert!(matches!(of(Environ::of(["HOME="])), Err(StoreError::Settings(_))));
    }
}
