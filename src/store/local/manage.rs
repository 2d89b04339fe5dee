//! What `inject secret` does with a local store: the rules of the systems that it stands in for.
//!
//! Looking finds the narrowest secret that is visible from the scope that was said, as a launch does; changing
//! needs the one of exactly that scope. Both take a label where nothing has the name. A change is all or nothing. This
//! file has the verbs and how each gets to the store and into the audit log; what they find is `manage/look.rs`, what
//! they change `manage/change.rs`, and many at once `manage/parcel.rs`.

mod change;
mod look;
mod parcel;

use super::audit::{ALLOWED, Log};
use super::file::{self, Writer};
use super::format::{Document, Entry, Origin};
use super::key::{Home, Key};
use super::label::{self, labelled, labels};
use super::schema::Schema;
use super::{identity, owned, path};
use crate::environ::Environ;
use crate::reference::Address;
use crate::secret::Secret;
use crate::store::manage::{
    Attribute, Attributes, Content, Doing, Each, Existing, Format, Item, Made, Manage, ManageError, Metadata,
    NewContent, Outcomes, Parcel, Verb, done,
};
use crate::store::{Settings, StoreError};
use std::cell::RefCell;
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

    /// The line of a change is in the audit log before the change is in the store: none is ever done without one. It
    /// has the keys that are given, where the change does not say that others were meant. A crash between the two
    /// leaves a line of a change that was not made; one that fails there leaves a second line, which says so.
    fn write<T>(
        &self,
        verb: Verb,
        keys: Vec<String>,
        change: impl FnOnce(&mut Document, &str, &mut Vec<String>) -> Result<T, ManageError>,
    ) -> Result<T, ManageError> {
        let path = path(self.settings, self.environ)?;
        // Before the identity, as its absence is the better reason.
        file::open(&path)?;
        let identities = identity::find(self.settings, self.environ)?;
        let log = Log::open(&path, None)?;
        let keys = RefCell::new(keys);
        let writer = Writer {
            path: &path,
            identities: &identities,
            recipients: self.settings.list("recipients"),
            deadline: Instant::now() + PATIENCE,
            commit: &|| log.record(verb.name(), &keys.borrow(), ALLOWED).and_then(|()| log.sync()),
        };
        let update = |document: &mut Document| change(document, &called(&path), &mut keys.borrow_mut());
        writer.update(update).inspect_err(|error| {
            let _ = log.record(verb.name(), &keys.borrow(), error.code().as_str());
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
        change: impl FnOnce(&mut Document, &str, &Key, &mut Vec<String>) -> Result<T, ManageError>,
    ) -> Result<T, ManageError> {
        let key = self.key(address, given)?;
        self.write(verb, vec![key.to_string()], |document, store, keys| {
            let (key, entry) = here(document, &key)?.ok_or_else(|| not_found(&key, store))?;
            *keys = vec![key.to_string()];
            if entry.details.built_in {
                return Err(denied(&key, "is built in, and nobody changes it"));
            }
            change(document, store, &key, keys)
        })
    }

    /// A look at the narrowest secret that is visible.
    fn look<T>(
        &self,
        address: &Address,
        given: &Attributes,
        look: impl FnOnce(&Document, &str, &Key, &Entry) -> Result<T, ManageError>,
    ) -> Result<T, ManageError> {
        let key = self.key(address, given)?;
        self.read(|document, store| {
            let (key, entry) = visible(document, &key)?.ok_or_else(|| not_found(&key, store))?;
            look(document, store, &key, entry)
        })
    }
}

impl Manage for Secrets<'_> {
    fn check(&self, verb: Verb, address: &Address, given: &Attributes) -> Result<(), ManageError> {
        self.key(address, given)?;
        given.text(Attribute::Description).map_or(Ok(()), check_description)?;
        label::check(given)?;
        schema(given)?;
        check_beside(given)?;
        let (scope, pod) = (given.text(Attribute::Scope), given.text(Attribute::Pod));
        match (verb, scope, pod.filter(|pod| !pod.is_empty())) {
            (Verb::Add, Some("pod"), None) => Err(ManageError::Usage("the scope `pod` needs --pod ID".into())),
            (Verb::Add, scope, Some(_)) if scope != Some("pod") => {
                Err(ManageError::Usage("--pod goes with --scope pod".into()))
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
        done(self.read(|document, store| self.meets_in(document, address, given, store)))
    }

    /// Where it was said, and nowhere wider.
    fn find<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, ()> {
        let found = |key: &Key, document: &Document, store: &str| match here(document, key)? {
            Some(_) => Ok(()),
            None => Err(not_found(key, store)),
        };
        done(self.key(address, given).and_then(|key| self.read(|document, store| found(&key, document, store))))
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
        done(self.read(|document, store| {
            Ok(items.iter().map(|item| self.meets_in(document, &item.address, &item.given, store)).collect())
        }))
    }

    fn fits(&self, address: &Address, content: &Content, given: &Attributes) -> Result<(), ManageError> {
        fits(&address.path, content, given)
    }

    fn list<'a>(&'a self, given: &'a Attributes) -> Doing<'a, Vec<Metadata>> {
        done(self.listed(given))
    }

    fn show<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, Metadata> {
        done(self.shown(address, given))
    }

    fn history<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, Vec<Metadata>> {
        done(self.look(address, given, |document, _, key, entry| self.revisions(document, key, entry)))
    }

    fn update<'a>(
        &'a self,
        address: &'a Address,
        content: Option<NewContent>,
        given: &'a Attributes,
    ) -> Doing<'a, Metadata> {
        done(self.updated(address, content, given))
    }

    fn remove<'a>(&'a self, addresses: &'a [Address], given: &'a Attributes) -> Doing<'a, Outcomes> {
        done(self.removed(addresses, given))
    }

    fn alias<'a>(&'a self, address: &'a Address, name: &'a str, given: &'a Attributes) -> Doing<'a, Metadata> {
        done(self.hang(Verb::Alias, address, given, Some(name), |of| (None, Origin::Alias(of))))
    }

    fn overlay<'a>(&'a self, address: &'a Address, content: Content, given: &'a Attributes) -> Doing<'a, Metadata> {
        done(self.hang(Verb::Override, address, given, None, |of| (Some(content), Origin::Override(of))))
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

    fn import<'a>(&'a self, parcel: Parcel, existing: Existing, _: &'a Attributes) -> Doing<'a, Outcomes> {
        done(self.imported(parcel, existing))
    }

    fn export<'a>(&'a self, addresses: &'a [Address], _: Format, given: &'a Attributes) -> Doing<'a, Parcel> {
        done(self.exported(addresses, given))
    }

    fn seal(&self, text: &Secret, given: &Attributes) -> Result<Secret, ManageError> {
        self.sealed(text, given)
    }

    fn unseal(&self, sealed: &Secret) -> Result<Secret, ManageError> {
        self.unsealed(sealed)
    }
}

fn called(path: &Path) -> String {
    format!("the store {}", path.display())
}

fn not_found(key: &Key, store: &str) -> ManageError {
    let store = key.place().map_or(store.to_owned(), |place| format!("{place} of {store}"));
    ManageError::NotFound { name: key.name.clone(), revision: None, store }
}

fn denied(key: &Key, why: &str) -> ManageError {
    StoreError::Denied(format!("`{}` {why}", key.name)).into()
}

/// The secret of the narrowest scope that has the name, else of the narrowest that has it as its label.
fn visible<'d>(document: &'d Document, key: &Key) -> Result<Option<(Key, &'d Entry)>, ManageError> {
    let of = |key: Key| document.secrets.get(&key.to_string()).map(|entry| (key, entry));
    if let named @ Some(_) = key.visible().find_map(of) {
        return Ok(named);
    }
    Ok(labelled(key, labels(document)).map_err(ManageError::Usage)?.and_then(of))
}

/// The same in this scope alone.
fn here<'d>(document: &'d Document, key: &Key) -> Result<Option<(Key, &'d Entry)>, ManageError> {
    if let Some(entry) = document.secrets.get(&key.to_string()) {
        return Ok(Some((key.clone(), entry)));
    }
    let labelled = labelled(key, labels(document)).map_err(ManageError::Usage)?;
    let is_here = |found: &Key| found.scope == key.scope;
    Ok(labelled.filter(is_here).and_then(|key| document.secrets.get(&key.to_string()).map(|entry| (key, entry))))
}

fn schema(given: &Attributes) -> Result<Option<Schema>, ManageError> {
    let schema = given.text(Attribute::Schema).map(Schema::parse).transpose();
    schema.map_err(|why| ManageError::Usage(format!("--schema: {why}")))
}

/// Whether what is said of a secret lets it have the value.
fn fits(name: &str, content: &Content, said: &Attributes) -> Result<(), ManageError> {
    let unfit = |why: &str| ManageError::Usage(format!("`{name}`: {why}"));
    match content {
        Content::Bytes(value) => schema(said)?.map_or(Ok(()), |schema| schema.check(value)).map_err(|why| unfit(&why)),
        Content::Fields(_) if said.text(Attribute::Schema).is_some() => {
            Err(unfit("it has a schema, so it has one value, which is JSON, and no fields"))
        }
        Content::Fields(_) if said.text(Attribute::MountPath).is_some() => {
            Err(unfit("it has a mount path, so it has one value, which is the file's, and no fields"))
        }
        Content::Fields(_) => Ok(()),
    }
}

/// From few to many, as Cloudify has it.
const VISIBILITIES: [&str; 3] = ["private", "tenant", "global"];

/// What a word for who sees a secret comes to; None: it is none.
fn width(word: &str) -> Option<usize> {
    VISIBILITIES.iter().position(|known| *known == word)
}

/// What only another system or a launch would refuse later.
fn check_beside(given: &Attributes) -> Result<(), ManageError> {
    let wrong = |text: &str| Err(ManageError::Usage(text.to_owned()));
    if given.text(Attribute::Visibility).is_some_and(|word| width(word).is_none()) {
        return wrong("--visibility is private, tenant or global");
    }
    let is_object = |text| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok();
    if given.text(Attribute::ProviderOptions).is_some_and(|text| !is_object(text)) {
        return wrong("--provider-options: the file holds no JSON object");
    }
    let is_path = |path: &str| {
        let mut parts = path.strip_prefix('/').unwrap_or_default().split('/');
        parts.all(|part| !["", ".", ".."].contains(&part)) && !path.contains('\0')
    };
    if given.text(Attribute::MountPath).is_some_and(|path| !is_path(path)) {
        return wrong("--mount-path is the absolute path of a file, without `.`, `..` and empty parts");
    }
    Ok(())
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
