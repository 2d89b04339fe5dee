//! Many secrets of a local store at once: in and out, in the clear or sealed for others.

use super::super::file::{self, Writer};
use super::super::format::Entry;
use super::super::key::Key;
use super::super::{identity, path};
use super::change::keep;
use super::look::value;
use super::{Secrets, not_found, visible};
use crate::reference::Address;
use crate::secret::Secret;
use crate::store::manage::attributes::Said;
use crate::store::manage::{Attribute, Attributes, Existing, Item, Manage as _, ManageError, Outcomes, Parcel, Verb};
use std::path::Path;
use std::time::Instant;

impl Secrets<'_> {
    pub(super) fn imported(&self, parcel: Parcel, existing: Existing) -> Result<Outcomes, ManageError> {
        let Parcel::Items(items) = parcel else { return Err(ManageError::NoVerb(Verb::Import)) };
        let names: Vec<String> = items.iter().map(|item| item.address.path.to_string()).collect();
        for Item { address, given, .. } in &items {
            self.check(Verb::Add, address, given).map_err(|error| match error {
                ManageError::Usage(why) => ManageError::Usage(format!("`{}`: {why}", address.path)),
                error => error,
            })?;
        }
        self.put(Verb::Import, items, existing)?;
        Ok(names.into_iter().map(|name| (name, Ok(()))).collect())
    }

    /// What a launch in the scope would get, each name once.
    pub(super) fn exported(&self, addresses: &[Address], given: &Attributes) -> Result<Parcel, ManageError> {
        let home = self.home(given)?;
        let named = addresses.iter().map(|address| self.key(address, given));
        let named = named.collect::<Result<Vec<Key>, _>>()?;
        self.read(|document, store| {
            let mut found: Vec<(Key, &Entry)> = Vec::new();
            for key in &named {
                found.push(visible(document, key)?.ok_or_else(|| not_found(key, store))?);
            }
            if named.is_empty() {
                let keys = document.secrets.iter().map(|(text, _)| Key::parse(text));
                let keys = keys.filter(|key| key.namespace == home.namespace);
                for key in keys.map(|key| Key { scope: home.scope.clone(), ..key }) {
                    found.extend(
                        key.visible().find_map(|key| Some((key.clone(), document.secrets.get(&key.to_string())?))),
                    );
                }
            }
            found.sort_by(|(one, _), (other, _)| (&one.name, &one.namespace).cmp(&(&other.name, &other.namespace)));
            found.dedup_by(|(one, _), (other, _)| one == other);
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
    }

    pub(super) fn sealed(&self, text: &Secret, given: &Attributes) -> Result<Secret, ManageError> {
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
    pub(super) fn unsealed(&self, sealed: &Secret) -> Result<Secret, ManageError> {
        let identities = identity::find(self.settings, self.environ)?;
        let bytes = sealed.expose();
        if bytes.is_empty() {
            return Err(ManageError::Usage("the file that is imported is empty".to_owned()));
        }
        let text =
            file::decrypt(Path::new("that is imported"), file::Sealed { bytes, length: bytes.len() }, &identities);
        // It is no store.
        Ok(Secret::from(text.map_err(|error| error.map(|why| why.replacen("the store that", "the file that", 1)))?))
    }
}
