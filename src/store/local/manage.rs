//! What `inject secret` does with a local store.

use super::file::{self, Writer};
use super::format::{Details, Document, Entry};
use super::{identity, login, path, time};
use crate::environ::Environ;
use crate::reference::Address;
use crate::store::manage::{
    Attribute, Attributes, Content, Doing, Existing, Made, Manage, ManageError, Metadata, NewContent, Outcomes, Verb,
    done,
};
use crate::store::{Settings, StoreError};
use std::path::Path;
use std::time::{Duration, Instant};

/// Of waiting for another writer, who needs milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Secrets<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) environ: &'a Environ,
}

impl Secrets<'_> {
    fn read(&self) -> Result<(String, Document), StoreError> {
        let path = path(self.settings, self.environ)?;
        let sealed = file::open(&path)?;
        let identities = identity::find(self.settings, self.environ)?;
        let json = file::decrypt(&path, sealed, &identities)?;
        let document = Document::parse(&json).map_err(|fault| file::fault(&path, fault))?;
        Ok((called(&path), document))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Document, &str) -> Result<T, ManageError>) -> Result<T, ManageError> {
        let path = path(self.settings, self.environ)?;
        // Before the identity, as its absence is the better reason.
        file::open(&path)?;
        let identities = identity::find(self.settings, self.environ)?;
        let writer = Writer {
            path: &path,
            identities: &identities,
            recipients: self.settings.list("recipients"),
            deadline: Instant::now() + PATIENCE,
        };
        writer.update(|document| change(document, &called(&path)))
    }
}

fn called(path: &Path) -> String {
    format!("the store {}", path.display())
}

fn not_found(name: &str, store: &str) -> ManageError {
    ManageError::NotFound { name: name.to_owned(), store: store.to_owned() }
}

/// The longest description, as Tapis has it.
const LONGEST_DESCRIPTION: usize = 500;

impl Manage for Secrets<'_> {
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
        };
        writer.create()?;
        let public_keys = identities.recipients().map(|recipient| recipient.to_string()).collect();
        Ok(Made { public_keys, identity: identities.origin.to_string(), store: path })
    }

    fn check(&self, verb: Verb, _: &Address, given: &Attributes) -> Result<(), ManageError> {
        let _ = verb;
        given.text(Attribute::Description).map_or(Ok(()), check_description)
    }

    fn exists<'a>(&'a self, address: &'a Address, _: &'a Attributes) -> Doing<'a, bool> {
        done(self.read().map_err(ManageError::from).map(|(_, document)| document.secrets.get(&address.path).is_some()))
    }

    fn add<'a>(
        &'a self,
        address: &'a Address,
        content: Content,
        existing: Existing,
        given: &'a Attributes,
    ) -> Doing<'a, Metadata> {
        let name = &*address.path;
        done(self.write(|document, store| {
            if existing == Existing::Refuse && document.secrets.get(name).is_some() {
                return Err(ManageError::Exists { name: name.to_owned(), store: store.to_owned() });
            }
            let now = time::now();
            let description = given.text(Attribute::Description).unwrap_or_default().to_owned();
            let details = Details { description, created: now.clone(), updated: now, creator: login() };
            let entry = Entry { content, details };
            let metadata = entry.metadata(name);
            document.secrets.put(name, entry);
            Ok(metadata)
        }))
    }

    fn value<'a>(&'a self, address: &'a Address, _: &'a Attributes) -> Doing<'a, Content> {
        done(self.read().map_err(ManageError::from).and_then(|(store, mut document)| {
            let entry = document.secrets.remove(&address.path);
            entry.map(|entry| entry.content).ok_or_else(|| not_found(&address.path, &store))
        }))
    }

    fn list<'a>(&'a self, _: &'a Attributes) -> Doing<'a, Vec<Metadata>> {
        done(self.read().map_err(ManageError::from).map(|(_, document)| {
            document.secrets.iter().map(|(name, entry)| entry.metadata(name)).collect()
        }))
    }

    fn show<'a>(&'a self, address: &'a Address, _: &'a Attributes) -> Doing<'a, Metadata> {
        done(self.read().map_err(ManageError::from).and_then(|(store, document)| {
            let entry = document.secrets.get(&address.path);
            entry.map(|entry| entry.metadata(&address.path)).ok_or_else(|| not_found(&address.path, &store))
        }))
    }

    fn update<'a>(
        &'a self,
        address: &'a Address,
        content: Option<NewContent>,
        given: &'a Attributes,
    ) -> Doing<'a, Metadata> {
        let name = &*address.path;
        done(self.write(|document, store| {
            let entry = document.secrets.get_mut(name).ok_or_else(|| not_found(name, store))?;
            match (content, &mut entry.content) {
                (None, _) => {}
                (Some(NewContent::Whole(content)), old) => *old = content,
                (Some(NewContent::Fields(new)), Content::Fields(old)) => {
                    for (key, secret) in new {
                        match old.iter_mut().find(|(other, _)| *other == key) {
                            Some((_, old)) => *old = secret,
                            None => old.push((key, secret)),
                        }
                    }
                }
                (Some(NewContent::Fields(_)), Content::Bytes(_)) => {
                    return Err(ManageError::Usage(format!(
                        "`{name}` has one value and no fields; --fields puts fields in its place"
                    )));
                }
            }
            if let Some(description) = given.text(Attribute::Description) {
                description.clone_into(&mut entry.details.description);
            }
            entry.details.updated = time::now();
            Ok(entry.metadata(name))
        }))
    }

    fn remove<'a>(&'a self, addresses: &'a [Address], _: &'a Attributes) -> Doing<'a, Outcomes> {
        done(self.write(|document, store| {
            // Nothing is written where one is missing.
            for address in addresses {
                document.secrets.remove(&address.path).ok_or_else(|| not_found(&address.path, store))?;
            }
            Ok(addresses.iter().map(|address| (address.path.to_string(), Ok(()))).collect())
        }))
    }
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
