//! What `inject secret` does with a local store: the rules of the systems that it stands in for.
//!
//! Looking finds the narrowest secret that is visible from the scope that was said, as a launch does; changing
//! needs the one of exactly that scope. A change is all or nothing.

use super::audit::{ALLOWED, Log, about};
use super::file::{self, Writer};
use super::format::{Details, Document, Entry, KEPT, Origin, Revision};
use super::key::{BUILT_IN, Home, Key};
use super::{identity, login, owned, path, time};
use crate::environ::Environ;
use crate::reference::Address;
use crate::secret::Secret;
use crate::store::manage::attributes::Said;
use crate::store::manage::{
    Attribute, Attributes, Content, Doing, Each, Existing, Format, Item, Made, Manage, ManageError, Metadata,
    NewContent, Outcomes, Parcel, Verb, done,
};
use crate::store::{Settings, StoreError};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// Of waiting for another writer, who needs milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest description, as Tapis has it.
const LONGEST_DESCRIPTION: usize = 500;

pub(crate) struct Secrets<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) environ: &'a Environ,
}

impl Secrets<'_> {
    fn read<T>(&self, look: impl FnOnce(&Document, &str) -> Result<T, ManageError>) -> Result<T, ManageError> {
        let path = path(self.settings, self.environ)?;
        let sealed = file::open(&path)?;
        let identities = identity::find(self.settings, self.environ)?;
        let json = file::decrypt(&path, sealed, &identities)?;
        let document = Document::parse(&json).map_err(|fault| file::fault(&path, fault))?;
        look(&document, &called(&path))
    }

    /// The line of a change is in the audit log before the change is in the store: none is ever done without one. A
    /// crash between the two leaves a line of a change that was not made; one that fails there leaves a second line,
    /// which says so.
    fn write<T>(
        &self,
        verb: Verb,
        keys: &[String],
        change: impl FnOnce(&mut Document, &str) -> Result<T, ManageError>,
    ) -> Result<T, ManageError> {
        let path = path(self.settings, self.environ)?;
        // Before the identity, as its absence is the better reason.
        file::open(&path)?;
        let identities = identity::find(self.settings, self.environ)?;
        let log = Log::open(&path, None)?;
        let writer = Writer {
            path: &path,
            identities: &identities,
            recipients: self.settings.list("recipients"),
            deadline: Instant::now() + PATIENCE,
            commit: &|| log.record(verb.name(), keys, ALLOWED).and_then(|()| log.sync()),
        };
        writer.update(|document| change(document, &called(&path))).inspect_err(|error| {
            let _ = log.record(verb.name(), keys, error.code().as_str());
        })
    }

    /// Values leave only with their line in the audit log.
    fn given_out<T>(&self, verb: Verb, keys: &[String], found: Result<T, ManageError>) -> Result<T, ManageError> {
        let outcome = found.as_ref().map_or_else(|error| error.code().as_str(), |_| ALLOWED);
        let path = path(self.settings, self.environ)?;
        let recorded = Log::open(&path, None).and_then(|log| log.record(verb.name(), keys, outcome));
        let found = found?;
        recorded?;
        Ok(found)
    }

    fn home(&self, given: &Attributes) -> Result<Home, ManageError> {
        Home::new(self.settings, given, given.text(Attribute::Scope)).map_err(ManageError::Usage)
    }

    fn key(&self, address: &Address, given: &Attributes) -> Result<Key, ManageError> {
        let home = self.home(given)?;
        let name = owned(&address.path, self.settings.text("owner"), &called(&path(self.settings, self.environ)?))?;
        Key::of(name, &home).map_err(|why| ManageError::Usage(format!("{name:?}: {why}")))
    }

    /// A change of the secret of exactly this scope.
    fn change<T>(
        &self,
        verb: Verb,
        address: &Address,
        given: &Attributes,
        change: impl FnOnce(&mut Document, &Key) -> Result<T, ManageError>,
    ) -> Result<T, ManageError> {
        let key = self.key(address, given)?;
        self.write(verb, &[key.to_string()], |document, store| {
            let entry = document.secrets.get(&key.to_string()).ok_or_else(|| not_found(&key, store))?;
            if entry.details.built_in {
                return Err(denied(&key, "is built in, and nobody changes it"));
            }
            change(document, &key)
        })
    }

    /// A look at the narrowest secret that is visible.
    fn look<T>(
        &self,
        address: &Address,
        given: &Attributes,
        look: impl FnOnce(&Document, &Key, &Entry) -> Result<T, ManageError>,
    ) -> Result<T, ManageError> {
        let key = self.key(address, given)?;
        self.read(|document, store| {
            let (key, entry) = visible(document, &key).ok_or_else(|| not_found(&key, store))?;
            look(document, &key, entry)
        })
    }

    /// Makes what hangs on a secret of a wider scope.
    fn hang(
        &self,
        verb: Verb,
        address: &Address,
        given: &Attributes,
        name: &str,
        make: impl FnOnce(String) -> (Option<Content>, Origin),
    ) -> Result<Metadata, ManageError> {
        let key = self.key(address, given)?;
        if key.scope.is_empty() {
            let text =
                "--scope /PROJECT, /PROJECT/ENVIRONMENT or /PROJECT/ENVIRONMENT/CONTAINER says where it is to hold";
            return Err(ManageError::Usage(text.into()));
        }
        super::check_name(name).map_err(|error| ManageError::Usage(format!("{name:?}: {error}")))?;
        let new = Key { name: name.to_owned(), ..key.clone() };
        self.write(verb, &[new.to_string()], |document, store| {
            // Its own scope is the first.
            let mut wider = key.visible().skip(1).map(|key| key.to_string());
            let Some(origin) = wider.find(|key| document.secrets.get(key).is_some()) else {
                let narrow = match document.secrets.get(&key.to_string()) {
                    Some(_) => {
                        format!("`{}` is of {} itself, and this works onto a narrower scope only", key.name, key.scope)
                    }
                    None => return Err(not_found(&key, store)),
                };
                return Err(ManageError::Usage(narrow));
            };
            let of_alias = |entry: &Entry| matches!(entry.details.origin, Some(Origin::Alias(_)));
            if document.secrets.get(&origin).is_some_and(of_alias) {
                return Err(ManageError::Usage(format!("`{}` is an alias itself; name what it stands for", key.name)));
            }
            let (content, origin) = make(origin);
            insert(document, &new, content, Some(origin), given, store)?;
            let entry = document.secrets.get(&new.to_string()).ok_or_else(|| not_found(&new, store))?;
            Ok(self.metadata(document, &new, entry))
        })
    }

    fn metadata(&self, document: &Document, key: &Key, entry: &Entry) -> Metadata {
        let details = &entry.details;
        let content = entry.content.as_ref().or_else(|| match &details.origin {
            Some(Origin::Alias(target)) => document.secrets.get(target)?.content.as_ref(),
            _ => None,
        });
        let updated = if details.updated.is_empty() { &details.created } else { &details.updated };
        Metadata {
            name: key.name.clone(),
            place: key.place(),
            description: Some(details.description.clone()),
            created: Some(details.created.clone()),
            updated: Some(updated.clone()),
            creator: Some(details.creator.clone()),
            revision: (details.revision > 1).then_some(details.revision),
            fields: match content {
                Some(Content::Fields(fields)) => Some(fields.iter().map(|(name, _)| name.clone()).collect()),
                _ => None,
            },
            size: content.map(Content::size),
            attributes: self.attributes(document, key, details),
        }
    }

    /// Under the names that the APIs have for them.
    fn attributes(&self, document: &Document, key: &Key, details: &Details) -> Vec<(&'static str, serde_json::Value)> {
        let said = &details.said;
        let pod = said.text(Attribute::Pod);
        let scope = match pod {
            _ if details.built_in => BUILT_IN,
            Some(_) if key.scope.is_empty() => "pod",
            _ => key.rank(),
        };
        let flag = |attribute| said.flag(attribute).unwrap_or(true);
        let mut all = vec![
            ("scope", json!(scope)),
            ("revision", json!(details.revision)),
            ("readable", json!(flag(Attribute::Readable))),
            ("writable", json!(flag(Attribute::Writable))),
        ];
        match key.namespace.split('/').collect::<Vec<_>>()[..] {
            [""] => {}
            [tenant] => {
                let owner = self.settings.text("owner").map_or_else(login, str::to_owned);
                let holder = pod.map_or(format!("user+{owner}"), |pod| format!("pod+{pod}"));
                all.push(("tenant_name", json!(tenant)));
                all.push(("sk_secret_name", json!(format!("pods_{tenant}_{holder}+{}", key.name))));
            }
            [cluster, ref org @ .., project] => {
                all.push(("cluster_name", json!(cluster)));
                all.push(("org_name", json!(org.first())));
                all.push(("project_name", json!(project)));
                all.push(("owner", json!(project)));
                all.push(("uri", json!(format!("secret://{}/{}", key.namespace, key.name))));
            }
            [] => {}
        }
        let texts = [
            ("pod_id", Attribute::Pod),
            ("label", Attribute::Label),
            ("visibility", Attribute::Visibility),
            ("schema", Attribute::Schema),
            ("provider_name", Attribute::Provider),
            ("provider_options", Attribute::ProviderOptions),
            ("mount_path", Attribute::MountPath),
        ];
        all.extend(texts.into_iter().filter_map(|(name, attribute)| Some((name, json!(said.text(attribute)?)))));
        let flags = [
            ("is_hidden_value", Attribute::Hidden),
            ("enable_interpolation_in_file", Attribute::Interpolation),
            ("is_plain", Attribute::Plain),
        ];
        all.extend(flags.into_iter().filter_map(|(name, attribute)| Some((name, json!(said.flag(attribute)?)))));
        if !details.grants.is_empty() {
            all.push(("applications", json!(details.grants)));
        }
        if let Some(origin) = &details.origin {
            let of = Key::parse(origin.key());
            let entry = document.secrets.get(origin.key());
            let mount = entry.and_then(|entry| entry.details.said.text(Attribute::MountPath)).unwrap_or_default();
            let shown = json!({ "key": of.name, "scope": of.rank(), "place": of.place(), "mount_path": mount });
            all.push((if matches!(origin, Origin::Alias(_)) { "aliased_secret" } else { "overridden_secret" }, shown));
        }
        all
    }
}

fn called(path: &Path) -> String {
    format!("the store {}", path.display())
}

fn not_found(key: &Key, store: &str) -> ManageError {
    let store = key.place().map_or(store.to_owned(), |place| format!("{place} of {store}"));
    ManageError::NotFound { name: key.name.clone(), store }
}

fn denied(key: &Key, why: &str) -> ManageError {
    StoreError::Denied(format!("`{}` {why}", key.name)).into()
}

/// The secret of the narrowest scope that has the name.
fn visible<'d>(document: &'d Document, key: &Key) -> Option<(Key, &'d Entry)> {
    key.visible().find_map(|key| document.secrets.get(&key.to_string()).map(|entry| (key, entry)))
}

/// A new secret under a name that nothing has.
fn insert(
    document: &mut Document,
    key: &Key,
    content: Option<Content>,
    origin: Option<Origin>,
    given: &Attributes,
    store: &str,
) -> Result<(), ManageError> {
    let text = key.to_string();
    if document.secrets.get(&text).is_some() {
        return Err(ManageError::Exists { name: key.name.clone(), store: store.to_owned() });
    }
    let (now, mut said) = (time::now(), Attributes::default());
    keep(given, &mut said);
    let details = Details {
        description: given.text(Attribute::Description).unwrap_or_default().to_owned(),
        created: now.clone(),
        updated: now,
        creator: login(),
        origin,
        built_in: given.text(Attribute::Scope) == Some(BUILT_IN),
        said,
        ..Details::default()
    };
    document.secrets.put(&text, Entry { content, details });
    Ok(())
}

/// What is said and kept; what says nothing new is not.
fn keep(given: &Attributes, said: &mut Attributes) {
    for (_, attribute) in KEPT {
        if let Some(text) = given.text(attribute) {
            said.say(attribute, Said::Text(text.to_owned()));
        }
        if let Some(flag) = given.flag(attribute) {
            said.say(attribute, Said::Flag(flag));
        }
    }
}

/// A secret with all aliases and overrides of it.
fn remove(document: &mut Document, key: &str) {
    document.secrets.remove(key);
    let hangs = |(other, entry): &(String, Entry)| {
        entry.details.origin.as_ref().filter(|origin| origin.key() == key).map(|_| other.clone())
    };
    let hanging: Vec<String> = document.secrets.iter().filter_map(hangs).collect();
    hanging.iter().for_each(|key| remove(document, key));
}

/// The value of a revision, of the latest where none is named; an alias's is that of its target.
fn value<'d>(
    document: &'d Document,
    key: &Key,
    version: Option<&str>,
    store: &str,
) -> Result<&'d Content, ManageError> {
    let gone = || not_found(key, store);
    let entry = document.secrets.get(&key.to_string()).ok_or_else(gone)?;
    if let Some(Origin::Alias(target)) = &entry.details.origin {
        return value(document, &Key::parse(target), version, store);
    }
    if entry.details.said.flag(Attribute::Readable) == Some(false) {
        return Err(
            StoreError::NotReadable(format!("`{}` was made with readable=false: commands get it", key.name)).into()
        );
    }
    let revision = revision(version, entry.details.revision)?;
    let older = || entry.details.older.iter().find(|older| older.number == revision).map(|older| &older.content);
    let content = if revision == entry.details.revision { entry.content.as_ref() } else { older() };
    content.ok_or_else(|| no_revision(key, revision, store))
}

fn no_revision(key: &Key, revision: u64, store: &str) -> ManageError {
    let store = format!("`{}` in {store}", key.name);
    ManageError::NotFound { name: format!("@{revision}"), store }
}

fn revision(version: Option<&str>, latest: u64) -> Result<u64, ManageError> {
    let Some(version) = version else { return Ok(latest) };
    let wrong = || ManageError::Usage(format!("`@{version}` is no revision; it is a number from 1"));
    version.parse().ok().filter(|&number| number > 0).ok_or_else(wrong)
}

/// Tapis's rules.
fn check_description(description: &str) -> Result<(), ManageError> {
    if !description.is_ascii() {
        return Err(ManageError::Usage("a description has ASCII characters only".into()));
    }
    if description.len() > LONGEST_DESCRIPTION {
        return Err(ManageError::Usage(format!("a description has at most {LONGEST_DESCRIPTION} characters")));
    }
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "values are compared, so that the same one makes no new revision")]
fn is_same(one: &Content, other: &Content) -> bool {
    let mut fields = [one, other].map(|content| match content {
        Content::Bytes(secret) => vec![("", secret)],
        Content::Fields(fields) => fields.iter().map(|(name, secret)| (name.as_str(), secret)).collect(),
    });
    fields.iter_mut().for_each(|fields| fields.sort_by_key(|(name, _)| *name));
    let [one_fields, other_fields] = fields;
    matches!(one, Content::Bytes(_)) == matches!(other, Content::Bytes(_))
        && one_fields.len() == other_fields.len()
        && one_fields
            .iter()
            .zip(&other_fields)
            .all(|(one, other)| one.0 == other.0 && one.1.expose() == other.1.expose())
}

impl Entry {
    /// The next revision, unless nothing would be new. Where old ones are pruned they are lost.
    fn revise(&mut self, content: Content, prune: bool) {
        if self.content.as_ref().is_some_and(|old| is_same(old, &content)) {
            return;
        }
        let Details { revision, revised, created, older, .. } = &mut self.details;
        if let Some(old) = self.content.replace(content) {
            let since = if revised.is_empty() { created.clone() } else { std::mem::take(revised) };
            older.push(Revision { number: *revision, created: since, content: old });
        }
        *revision += 1;
        *revised = time::now();
        if prune {
            older.clear();
        }
    }

    /// What a change of fields, or of all, makes of the value.
    fn changed(&self, new: NewContent, name: &str) -> Result<Content, ManageError> {
        match (new, &self.content) {
            (NewContent::Whole(content), _) => Ok(content),
            (NewContent::Fields(new), Some(Content::Fields(old))) => {
                let kept = old.iter().filter(|(key, _)| new.iter().all(|(other, _)| other != key));
                let is_new = |key: &str| new.iter().find(|(other, _)| other == key).map(|(_, secret)| secret.share());
                let mut fields: Vec<(String, Secret)> = Vec::with_capacity(old.len() + new.len());
                fields.extend(
                    old.iter().map(|(key, secret)| (key.clone(), is_new(key).unwrap_or_else(|| secret.share()))),
                );
                let known: Vec<&str> = kept.map(|(key, _)| key.as_str()).collect();
                let added = new
                    .iter()
                    .filter(|(key, _)| !known.contains(&key.as_str()) && old.iter().all(|(other, _)| other != key));
                fields.extend(added.map(|(key, secret)| (key.clone(), secret.share())));
                Ok(Content::Fields(fields))
            }
            (NewContent::Fields(_), _) => Err(ManageError::Usage(format!(
                "`{name}` has one value and no fields; --fields puts fields in its place"
            ))),
        }
    }
}

impl Manage for Secrets<'_> {
    fn check(&self, verb: Verb, address: &Address, given: &Attributes) -> Result<(), ManageError> {
        self.key(address, given)?;
        given.text(Attribute::Description).map_or(Ok(()), check_description)?;
        let (scope, pod) = (given.text(Attribute::Scope), given.text(Attribute::Pod));
        match (verb, scope, pod.filter(|pod| !pod.is_empty())) {
            (Verb::Add, Some("pod"), None) => Err(ManageError::Usage("the scope `pod` needs --pod ID".into())),
            (Verb::Add, scope, Some(_)) if scope != Some("pod") => {
                Err(ManageError::Usage("--pod goes with --scope pod".into()))
            }
            _ => Ok(()),
        }?;
        match given.text(Attribute::MountPath) {
            Some(path) if !path.starts_with('/') => {
                Err(ManageError::Usage("--mount-path: the path is not absolute".into()))
            }
            _ => Ok(()),
        }
    }

    fn init(&self, recipients: &[String]) -> Result<Made, ManageError> {
        let path = path(self.settings, self.environ)?;
        if path.symlink_metadata().is_ok() {
            return Err(file::exists(&path).into());
        }
        let named = self.settings.list("recipients").unwrap_or_default();
        let recipients = [named, recipients].concat();
        // Before an identity is made that nothing would be encrypted to.
        for text in &recipients {
            file::recipient(text)?;
        }
        let identities = identity::find_or_make(self.settings, self.environ)?;
        let writer = Writer {
            path: &path,
            identities: &identities,
            recipients: Some(&recipients),
            deadline: Instant::now() + PATIENCE,
            commit: &|| Log::open(&path, None)?.record(Verb::Init.name(), &[], ALLOWED),
        };
        writer.create()?;
        let public_keys = identities.recipients().map(|recipient| recipient.to_string()).collect();
        Ok(Made { public_keys, identity: identities.origin.to_string(), store: path })
    }

    fn exists<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, bool> {
        let key = self.key(address, given);
        done(key.and_then(|key| self.read(|document, _| Ok(document.secrets.get(&key.to_string()).is_some()))))
    }

    /// Where it was said, and nowhere wider.
    fn find<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, ()> {
        let found = |key: &Key, document: &Document| match document.secrets.get(&key.to_string()) {
            Some(_) => Ok(()),
            None => Err(not_found(key, "the store")),
        };
        done(self.key(address, given).and_then(|key| self.read(|document, _| found(&key, document))))
    }

    fn add<'a>(
        &'a self,
        address: &'a Address,
        content: Content,
        existing: Existing,
        given: &'a Attributes,
    ) -> Doing<'a, Metadata> {
        let item = Item { address: address.clone(), content, given: Attributes::default().or(given) };
        done(self.put(Verb::Add, vec![item], existing).map(|mut made| made.swap_remove(0)))
    }

    fn value<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, Content> {
        done(self.read(|document, store| self.value_in(document, address, given, store)))
    }

    fn values<'a>(&'a self, addresses: &'a [Address], given: &'a Attributes) -> Doing<'a, Vec<Each<Content>>> {
        done(self.read(|document, store| {
            Ok(addresses.iter().map(|address| self.value_in(document, address, given, store)).collect())
        }))
    }

    fn meets<'a>(&'a self, items: &'a [&'a Item]) -> Doing<'a, Vec<Each<bool>>> {
        done(self.read(|document, _| {
            let keys = items.iter().map(|item| self.key(&item.address, &item.given));
            Ok(keys.map(|key| Ok(document.secrets.get(&key?.to_string()).is_some())).collect())
        }))
    }

    fn list<'a>(&'a self, given: &'a Attributes) -> Doing<'a, Vec<Metadata>> {
        done(self.home(given).and_then(|home| {
            self.read(|document, _| {
                let keys = document.secrets.iter().map(|(text, entry)| (Key::parse(text), entry));
                let is_meant = |key: &Key| {
                    let at_home = home.namespace.is_empty() || home.namespace == key.namespace;
                    let below = |rest: &str| rest.is_empty() || rest.starts_with('/');
                    let seen = home.scope.strip_prefix(&*key.scope).is_some_and(below);
                    at_home && (given.text(Attribute::Scope).is_none() || seen)
                };
                let meant = keys.filter(|(key, _)| is_meant(key));
                Ok(meant.map(|(key, entry)| self.metadata(document, &key, entry)).collect())
            })
        }))
    }

    fn show<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, Metadata> {
        done(self.look(address, given, |document, key, entry| match &address.version {
            None => Ok(self.metadata(document, key, entry)),
            Some(version) => {
                let number = revision(Some(version), entry.details.revision)?;
                let all = self.revisions(document, key, entry);
                let found = all.into_iter().find(|metadata| metadata.revision == Some(number));
                found.ok_or_else(|| no_revision(key, number, "the store"))
            }
        }))
    }

    fn history<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, Vec<Metadata>> {
        done(self.look(address, given, |document, key, entry| Ok(self.revisions(document, key, entry))))
    }

    fn update<'a>(
        &'a self,
        address: &'a Address,
        content: Option<NewContent>,
        given: &'a Attributes,
    ) -> Doing<'a, Metadata> {
        done(self.change(Verb::Update, address, given, |document, key| {
            let text = key.to_string();
            if let Some(name) = given.text(Attribute::NewName) {
                super::check_name(name).map_err(|error| ManageError::Usage(format!("{name:?}: {error}")))?;
            }
            let missing = || not_found(key, "the store");
            let entry = document.secrets.get_mut(&text).ok_or_else(missing)?;
            match (&entry.details.origin, &content, given.text(Attribute::NewName)) {
                (Some(Origin::Alias(of)), Some(_), _) => {
                    let of = Key::parse(of).name;
                    return Err(ManageError::Usage(format!(
                        "`{}` is an alias, whose value is that of `{of}`; update that one",
                        key.name
                    )));
                }
                (Some(Origin::Override(_)), _, Some(_)) => {
                    return Err(ManageError::Usage(format!(
                        "`{}` overrides another secret, so its name cannot change",
                        key.name
                    )));
                }
                _ => {}
            }
            if let Some(new) = content {
                if entry.details.said.flag(Attribute::Writable) == Some(false) {
                    return Err(denied(key, "was made with writable=false; its description alone may change"));
                }
                let content = entry.changed(new, &key.name)?;
                entry.revise(content, given.flag(Attribute::AutoPrune) == Some(true));
            } else if given.flag(Attribute::AutoPrune) == Some(true) {
                entry.details.older.clear();
            }
            if let Some(description) = given.text(Attribute::Description) {
                description.clone_into(&mut entry.details.description);
            }
            keep(given, &mut entry.details.said);
            entry.details.updated = time::now();
            let key = match given.text(Attribute::NewName) {
                Some(name) => rename(document, key, name)?,
                None => key.clone(),
            };
            let entry = document.secrets.get(&key.to_string()).ok_or_else(missing)?;
            Ok(self.metadata(document, &key, entry))
        }))
    }

    fn remove<'a>(&'a self, addresses: &'a [Address], given: &'a Attributes) -> Doing<'a, Outcomes> {
        let keys = addresses.iter().map(|address| self.key(address, given)).collect::<Result<Vec<_>, _>>();
        done(keys.and_then(|keys| {
            let all = keys.iter().zip(addresses);
            let all: Vec<String> = all.map(|(key, address)| about(key, address.version.as_deref())).collect();
            self.write(Verb::Remove, &all, |document, store| {
                // First, since one may go with another; and nothing is written where one is missing.
                for key in &keys {
                    let entry = document.secrets.get(&key.to_string()).ok_or_else(|| not_found(key, store))?;
                    if entry.details.built_in {
                        return Err(denied(key, "is built in, and nobody removes it"));
                    }
                }
                for (key, address) in keys.iter().zip(addresses) {
                    remove_revision(document, key, address.version.as_deref(), store)?;
                }
                Ok(addresses.iter().map(|address| (address.path.to_string(), Ok(()))).collect())
            })
        }))
    }

    fn alias<'a>(&'a self, address: &'a Address, name: &'a str, given: &'a Attributes) -> Doing<'a, Metadata> {
        done(self.hang(Verb::Alias, address, given, name, |of| (None, Origin::Alias(of))))
    }

    fn overlay<'a>(&'a self, address: &'a Address, content: Content, given: &'a Attributes) -> Doing<'a, Metadata> {
        let name = self.key(address, given).map(|key| key.name);
        done(name.and_then(|name| {
            self.hang(Verb::Override, address, given, &name, |of| (Some(content), Origin::Override(of)))
        }))
    }

    fn grant<'a>(&'a self, address: &'a Address, to: &'a [String], given: &'a Attributes) -> Doing<'a, Outcomes> {
        done(self.granted(Verb::Grant, address, to, given, |grants, to| {
            grants.extend(to.iter().cloned());
            grants.sort();
            grants.dedup();
        }))
    }

    fn revoke<'a>(&'a self, address: &'a Address, from: &'a [String], given: &'a Attributes) -> Doing<'a, Outcomes> {
        done(self.granted(Verb::Revoke, address, from, given, |grants, from| grants.retain(|app| !from.contains(app))))
    }

    fn import<'a>(&'a self, parcel: Parcel, existing: Existing, given: &'a Attributes) -> Doing<'a, Outcomes> {
        let Parcel::Items(items) = parcel else { return done(Err(ManageError::NoVerb(Verb::Import))) };
        let names: Vec<String> = items.iter().map(|item| item.address.path.to_string()).collect();
        let checked = items.iter().try_for_each(|item| self.check(Verb::Add, &item.address, &item.given));
        let _ = given;
        let put = checked.and_then(|()| self.put(Verb::Import, items, existing));
        done(put.map(|_| names.into_iter().map(|name| (name, Ok(()))).collect()))
    }

    /// What a launch in the scope would get, each name once.
    fn export<'a>(&'a self, addresses: &'a [Address], _: Format, given: &'a Attributes) -> Doing<'a, Parcel> {
        done(self.home(given).and_then(|home| {
            let named = addresses.iter().map(|address| self.key(address, given));
            let named = named.collect::<Result<Vec<Key>, _>>()?;
            self.read(|document, store| {
                let keys = document.secrets.iter().map(|(text, _)| Key::parse(text));
                let keys = keys.filter(|key| key.namespace == home.namespace);
                let mut keys: Vec<Key> = keys.map(|key| Key { scope: home.scope.clone(), ..key }).collect();
                keys.sort_by(|one, other| one.name.cmp(&other.name));
                keys.dedup();
                if let Some(missing) = named.iter().find(|key| visible(document, key).is_none()) {
                    return Err(not_found(missing, store));
                }
                let wanted = keys.iter().filter(|key| named.is_empty() || named.contains(key));
                let found: Vec<(Key, &Entry)> = wanted.filter_map(|key| visible(document, key)).collect();
                let all: Vec<String> = found.iter().map(|(key, _)| key.to_string()).collect();
                let items = found.into_iter().map(|(key, entry)| {
                    let content = value(document, &key, None, store)?.share();
                    let mut given = Attributes::default();
                    if !entry.details.description.is_empty() {
                        given.say(Attribute::Description, Said::Text(entry.details.description.clone()));
                    }
                    keep(&entry.details.said, &mut given);
                    if entry.details.said.text(Attribute::Pod).is_some() {
                        given.say(Attribute::Scope, Said::Text("pod".into()));
                    }
                    let address = Address { store: None, path: key.name.as_str().into(), version: None };
                    Ok(Item { address, content, given })
                });
                self.given_out(Verb::Export, &all, items.collect()).map(Parcel::Items)
            })
        }))
    }

    fn seal(&self, text: &Secret, given: &Attributes) -> Result<Secret, ManageError> {
        let path = path(self.settings, self.environ)?;
        let identities = identity::find(self.settings, self.environ)?;
        let recipients = match given.list(Attribute::Recipient) {
            [] => self.read(|document, _| Ok(document.recipients.clone()))?,
            named => named.to_vec(),
        };
        let writer = Writer {
            path: &path,
            identities: &identities,
            recipients: Some(&recipients),
            deadline: Instant::now(),
            commit: &|| Ok(()),
        };
        Ok(Secret::from(writer.encrypt(text)?))
    }

    #[allow(clippy::disallowed_methods, reason = "the sealed text is decrypted")]
    fn unseal(&self, sealed: &Secret) -> Result<Secret, ManageError> {
        let identities = identity::find(self.settings, self.environ)?;
        let bytes = sealed.expose();
        let text =
            file::decrypt(Path::new("that is imported"), file::Sealed { bytes, length: bytes.len() }, &identities)?;
        Ok(Secret::from(text))
    }
}

impl Secrets<'_> {
    fn value_in(
        &self,
        document: &Document,
        address: &Address,
        given: &Attributes,
        store: &str,
    ) -> Result<Content, ManageError> {
        let version = address.version.as_deref();
        let key = self.key(address, given)?;
        let key = visible(document, &key).map_or(key, |(key, _)| key);
        let found = value(document, &key, version, store).map(Content::share);
        self.given_out(Verb::Get, &[about(&key, version)], found)
    }

    /// All of them or none.
    fn put(&self, verb: Verb, items: Vec<Item>, existing: Existing) -> Result<Vec<Metadata>, ManageError> {
        let made = items.iter().map(|item| self.key(&item.address, &item.given));
        let made = made.collect::<Result<Vec<Key>, ManageError>>()?;
        let all: Vec<String> = made.iter().map(Key::to_string).collect();
        self.write(verb, &all, |document, store| {
            for (key, Item { content, given, .. }) in made.iter().zip(items) {
                let text = key.to_string();
                if let Some(old) = document.secrets.get(&text).filter(|_| existing == Existing::Replace) {
                    if old.details.built_in {
                        return Err(denied(key, "is built in, and nobody replaces it"));
                    }
                    // What hangs on it goes on to hang on the new one.
                    document.secrets.remove(&text);
                }
                insert(document, key, Some(content), None, &given, store)?;
            }
            let metadata = made.iter().filter_map(|key| {
                document.secrets.get(&key.to_string()).map(|entry| self.metadata(document, key, entry))
            });
            Ok(metadata.collect())
        })
    }

    fn granted(
        &self,
        verb: Verb,
        address: &Address,
        applications: &[String],
        given: &Attributes,
        change: impl FnOnce(&mut Vec<String>, &[String]),
    ) -> Result<Outcomes, ManageError> {
        if applications.is_empty() {
            return Err(ManageError::Usage("name the applications: a local store grants to applications".into()));
        }
        self.change(verb, address, given, |document, key| {
            if let Some(entry) = document.secrets.get_mut(&key.to_string()) {
                change(&mut entry.details.grants, applications);
            }
            Ok(applications.iter().map(|application| (application.clone(), Ok(()))).collect())
        })
    }

    /// The newest first.
    fn revisions(&self, document: &Document, key: &Key, entry: &Entry) -> Vec<Metadata> {
        let details = &entry.details;
        let latest = self.metadata(document, key, entry);
        let revised = if details.revised.is_empty() { &details.created } else { &details.revised };
        let of = |number: u64, created: &str, content: &Content| Metadata {
            revision: Some(number),
            created: Some(created.to_owned()),
            updated: Some(created.to_owned()),
            fields: match content {
                Content::Fields(fields) => Some(fields.iter().map(|(name, _)| name.clone()).collect()),
                Content::Bytes(_) => None,
            },
            size: Some(content.size()),
            attributes: Vec::new(),
            ..latest.clone()
        };
        let current = entry.content.as_ref().map(|content| of(details.revision, revised, content));
        let older = details.older.iter().rev().map(|older| of(older.number, &older.created, &older.content));
        current.into_iter().chain(older).collect()
    }
}

/// One revision, or the secret with all of them. The number of the latest is never given to another value.
fn remove_revision(document: &mut Document, key: &Key, version: Option<&str>, store: &str) -> Result<(), ManageError> {
    let text = key.to_string();
    // It may have gone with one that it hangs on.
    let Some(entry) = document.secrets.get_mut(&text) else { return Ok(()) };
    if version.is_some() {
        let number = revision(version, entry.details.revision)?;
        let older = &mut entry.details.older;
        match older.iter().position(|older| older.number == number) {
            Some(at) => drop(older.remove(at)),
            None if number == entry.details.revision && entry.content.is_some() => entry.content = None,
            None => return Err(no_revision(key, number, store)),
        }
        if entry.content.is_some() || !entry.details.older.is_empty() {
            return Ok(());
        }
    }
    remove(document, &text);
    Ok(())
}

/// Gives a secret another name, and with it those that override it; aliases keep theirs.
fn rename(document: &mut Document, key: &Key, name: &str) -> Result<Key, ManageError> {
    let (old, new) = (key.to_string(), Key { name: name.to_owned(), ..key.clone() });
    let text = new.to_string();
    if text == old {
        return Ok(new);
    }
    if document.secrets.get(&text).is_some() {
        return Err(ManageError::Exists { name: name.to_owned(), store: "the store".into() });
    }
    if let Some(entry) = document.secrets.remove(&old) {
        document.secrets.put(&text, entry);
    }
    let mut overrides = Vec::new();
    for (other, entry) in document.secrets.iter_mut() {
        match &mut entry.details.origin {
            Some(Origin::Alias(of)) if *of == old => text.clone_into(of),
            Some(Origin::Override(of)) if *of == old => {
                text.clone_into(of);
                overrides.push(Key::parse(other));
            }
            _ => {}
        }
    }
    overrides.iter().try_for_each(|key| rename(document, key, name).map(drop))?;
    Ok(new)
}
