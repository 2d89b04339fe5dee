//! What `inject secret` does with a local store.

use super::file::{self, Writer};
use super::format::{Details, Document, Entry};
use super::{check_name, identity, login, path, time};
use crate::environ::Environ;
use crate::store::manage::{Change, Content, Existing, Made, Manage, ManageError, Metadata, New, NewContent};
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

/// Whether a secret could be made under the name.
fn unused(name: &str, document: &Document, store: &str) -> Result<(), ManageError> {
    check_name(name).map_err(|error| ManageError::Usage(format!("{name:?}: {error}")))?;
    match document.secrets.get(name) {
        Some(_) => Err(ManageError::Exists { name: name.to_owned(), store: store.to_owned() }),
        None => Ok(()),
    }
}

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

    fn check_new(&self, name: &str) -> Result<(), ManageError> {
        let (store, document) = self.read()?;
        unused(name, &document, &store)
    }

    fn add(&self, name: &str, new: New, existing: Existing) -> Result<Metadata, ManageError> {
        self.write(|document, store| {
            match unused(name, document, store) {
                Err(ManageError::Exists { .. }) if existing == Existing::Replace => {}
                other => other?,
            }
            let now = time::now();
            let details =
                Details { description: new.description, created: now.clone(), updated: now, creator: login() };
            let entry = Entry { content: new.content, details };
            let metadata = entry.metadata(name);
            document.secrets.put(name, entry);
            Ok(metadata)
        })
    }

    fn value(&self, name: &str) -> Result<Content, ManageError> {
        let (store, mut document) = self.read()?;
        document.secrets.remove(name).map(|entry| entry.content).ok_or_else(|| not_found(name, &store))
    }

    fn list(&self) -> Result<Vec<Metadata>, ManageError> {
        let (_, document) = self.read()?;
        Ok(document.secrets.iter().map(|(name, entry)| entry.metadata(name)).collect())
    }

    fn show(&self, name: &str) -> Result<Metadata, ManageError> {
        let (store, document) = self.read()?;
        document.secrets.get(name).map(|entry| entry.metadata(name)).ok_or_else(|| not_found(name, &store))
    }

    fn update(&self, name: &str, change: Change) -> Result<Metadata, ManageError> {
        self.write(|document, store| {
            let entry = document.secrets.get_mut(name).ok_or_else(|| not_found(name, store))?;
            match (change.content, &mut entry.content) {
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
            if let Some(description) = change.description {
                entry.details.description = description;
            }
            entry.details.updated = time::now();
            Ok(entry.metadata(name))
        })
    }

    fn remove(&self, names: &[String]) -> Result<(), ManageError> {
        self.write(|document, store| {
            // Nothing is written where one is missing.
            for name in names {
                document.secrets.remove(name).ok_or_else(|| not_found(name, store))?;
            }
            Ok(())
        })
    }
}
