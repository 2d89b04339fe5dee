//! What changes in a local store, and the rules that a change keeps.

use super::super::audit::about;
use super::super::format::{Details, Document, Entry, KEPT, Origin, Revision};
use super::super::key::{BUILT_IN, Key};
use super::super::{check_name, latest_removed, login, time};
use super::look::{no_revision, revision};
use super::{Secrets, denied, fits, here, label, not_found, visible, width};
use crate::reference::Address;
use crate::secret::Secret;
use crate::store::manage::attributes::Said;
use crate::store::manage::{
    Attribute, Attributes, Content, Existing, Item, ManageError, Metadata, NewContent, Outcomes, Verb,
};

impl Secrets<'_> {
    /// All of them or none.
    pub(super) fn put(&self, verb: Verb, items: Vec<Item>, existing: Existing) -> Result<Vec<Metadata>, ManageError> {
        let made = items.iter().map(|item| self.key(&item.address, &item.given));
        let made = made.collect::<Result<Vec<Key>, ManageError>>()?;
        let all: Vec<String> = made.iter().map(Key::to_string).collect();
        self.write(verb, all, |document, store, _| {
            // All are gone before the first new one, which may take over a label. What hangs on one goes on to hang on
            // the new one, which itself goes on to override what the old one did.
            let mut origins = Vec::with_capacity(made.len());
            for key in &made {
                let replaced = match existing {
                    Existing::Replace => document.secrets.remove(&key.to_string()),
                    Existing::Refuse => None,
                };
                origins.push(match replaced.map(|old| old.details) {
                    Some(Details { built_in: true, .. }) => {
                        return Err(denied(key, "is built in, and nobody replaces it"));
                    }
                    Some(Details { origin: Some(Origin::Alias(of)), .. }) => {
                        return Err(alias_of(key, &of, "whose value is that"));
                    }
                    old => old.and_then(|old| old.origin),
                });
            }
            for ((key, Item { content, given, .. }), origin) in made.iter().zip(items).zip(origins) {
                insert(document, key, Some(content), origin, &given, store)?;
            }
            let metadata = made.iter().filter_map(|key| {
                document.secrets.get(&key.to_string()).map(|entry| self.metadata(document, key, entry))
            });
            Ok(metadata.collect())
        })
    }

    pub(super) fn updated(
        &self,
        address: &Address,
        content: Option<NewContent>,
        given: &Attributes,
    ) -> Result<Metadata, ManageError> {
        self.change(Verb::Update, address, given, |document, store, key, written| {
            let text = key.to_string();
            label::check_label(document, key, given, store)?;
            if let Some(name) = given.text(Attribute::NewName) {
                check_name(name).map_err(|error| ManageError::Usage(format!("{name:?}: {error}")))?;
            }
            let missing = || not_found(key, store);
            let entry = document.secrets.get_mut(&text).ok_or_else(missing)?;
            match (&entry.details.origin, &content, given.text(Attribute::NewName)) {
                (Some(Origin::Alias(of)), Some(_), _) => return Err(alias_of(key, of, "whose value is that")),
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
                fits(&key.name, &content, &entry.details.said)?;
                entry.revise(content);
            }
            if let Some(description) = given.text(Attribute::Description) {
                description.clone_into(&mut entry.details.description);
            }
            check_wider(&key.name, entry, given)?;
            keep(given, &mut entry.details.said);
            entry.prune();
            entry.details.updated = time::now();
            let key = match given.text(Attribute::NewName) {
                Some(name) => rename(document, key, name, store, written)?,
                None => key.clone(),
            };
            let entry = document.secrets.get(&key.to_string()).ok_or_else(missing)?;
            Ok(self.metadata(document, &key, entry))
        })
    }

    pub(super) fn removed(&self, addresses: &[Address], given: &Attributes) -> Result<Outcomes, ManageError> {
        let keys = addresses.iter().map(|address| self.key(address, given)).collect::<Result<Vec<_>, _>>()?;
        let all = keys.iter().zip(addresses);
        let all: Vec<String> = all.map(|(key, address)| about(key, address.version.as_deref())).collect();
        self.write(Verb::Remove, all, |document, store, all| {
            // First, since one may go with another; and nothing is written where one is missing.
            let mut found = Vec::with_capacity(keys.len());
            for (key, address) in keys.iter().zip(addresses) {
                let (key, entry) = here(document, key)?.ok_or_else(|| not_found(key, store))?;
                if entry.details.built_in {
                    return Err(denied(&key, "is built in, and nobody removes it"));
                }
                if let (Some(Origin::Alias(of)), Some(_)) = (&entry.details.origin, &address.version) {
                    return Err(alias_of(&key, of, "whose revisions are those"));
                }
                found.push(key);
            }
            let versions = addresses.iter().map(|address| address.version.as_deref());
            *all = found.iter().zip(versions).map(|(key, version)| about(key, version)).collect();
            let mut gone = Vec::new();
            for (key, address) in found.iter().zip(addresses) {
                remove_revision(document, key, address.version.as_deref(), store, &mut gone)?;
            }
            // What went along was named by nobody, and is written all the same.
            gone.retain(|key| !all.contains(key));
            all.extend(gone);
            Ok(addresses.iter().map(|address| (address.path.to_string(), Ok(()))).collect())
        })
    }

    /// Makes what hangs on a secret of a wider scope, under its own name or this one.
    pub(super) fn hang(
        &self,
        verb: Verb,
        address: &Address,
        given: &Attributes,
        name: Option<&str>,
        make: impl FnOnce(String) -> (Option<Content>, Origin),
    ) -> Result<Metadata, ManageError> {
        let key = self.key(address, given)?;
        if key.scope.is_empty() {
            let text =
                "--scope /PROJECT, /PROJECT/ENVIRONMENT or /PROJECT/ENVIRONMENT/CONTAINER says where it is to hold";
            return Err(ManageError::Usage(text.into()));
        }
        if let Some(name) = name {
            check_name(name).map_err(|error| ManageError::Usage(format!("{name:?}: {error}")))?;
        }
        let new = |name: &str| Key { name: name.to_owned(), ..key.clone() };
        self.write(verb, vec![new(name.unwrap_or(&key.name)).to_string()], |document, store, keys| {
            // Its own scope is the first.
            let wider = key.visible().nth(1).map_or(Ok(None), |wider| visible(document, &wider))?;
            let Some((of, entry)) = wider else {
                let narrow = match here(document, &key)? {
                    Some(_) => {
                        format!("`{}` is of {} itself, and this works onto a narrower scope only", key.name, key.scope)
                    }
                    None => return Err(not_found(&key, store)),
                };
                return Err(ManageError::Usage(narrow));
            };
            if matches!(entry.details.origin, Some(Origin::Alias(_))) {
                return Err(ManageError::Usage(format!("`{}` is an alias itself; name what it stands for", key.name)));
            }
            let new = new(name.unwrap_or(&of.name));
            *keys = vec![new.to_string()];
            let (content, origin) = make(of.to_string());
            let mut given = Attributes::default().or(given);
            // What overrides a file is that file.
            if let (Some(_), Some(path)) = (&content, entry.details.said.text(Attribute::MountPath)) {
                given.say(Attribute::MountPath, Said::Text(path.to_owned()));
            }
            insert(document, &new, content, Some(origin), &given, store).map_err(taken)?;
            let entry = document.secrets.get(&new.to_string()).ok_or_else(|| not_found(&new, store))?;
            Ok(self.metadata(document, &new, entry))
        })
    }

    pub(super) fn granted(
        &self,
        verb: Verb,
        address: &Address,
        applications: &[String],
        given: &Attributes,
        change: impl FnOnce(&mut Vec<String>, &[String]),
    ) -> Result<Outcomes, ManageError> {
        let visibility = given.text(Attribute::Visibility);
        if applications.is_empty() && visibility.is_none() {
            return Err(ManageError::Usage("name the applications: a local store grants to applications".into()));
        }
        let is_name =
            |name: &String| !name.is_empty() && !name.contains(|one: char| one.is_whitespace() || one.is_control());
        if let Some(name) = applications.iter().find(|name| !is_name(name)) {
            return Err(ManageError::Usage(format!("{name:?} is no name of an application")));
        }
        self.change(verb, address, given, |document, store, key, _| {
            let entry = document.secrets.get_mut(&key.to_string()).ok_or_else(|| not_found(key, store))?;
            if let Some(Origin::Alias(of)) = &entry.details.origin {
                return Err(alias_of(key, of, "which an application gets by a grant"));
            }
            if visibility.is_some() {
                check_wider(&key.name, entry, given)?;
                keep(given, &mut entry.details.said);
                entry.details.updated = time::now();
            }
            change(&mut entry.details.grants, applications);
            let items = visibility.into_iter().chain(applications.iter().map(String::as_str));
            Ok(items.map(|item| (item.to_owned(), Ok(()))).collect())
        })
    }
}

/// Why something is to be done with what an alias stands for.
fn alias_of(key: &Key, of: &str, why: &str) -> ManageError {
    ManageError::Usage(format!("`{}` is an alias, {why} of `{}`; name that one", key.name, Key::parse(of).name))
}

/// Who sees a secret only ever becomes more, as in Cloudify, where it is a tenant's unless more is said.
fn check_wider(name: &str, entry: &Entry, given: &Attributes) -> Result<(), ManageError> {
    let now = entry.details.said.text(Attribute::Visibility).unwrap_or("tenant");
    match given.text(Attribute::Visibility) {
        Some(new) if width(new) < width(now) => Err(ManageError::Usage(format!(
            "`{name}` is {now} already, and who sees a secret only ever becomes more, from private over tenant to \
             global; remove it and add it anew"
        ))),
        _ => Ok(()),
    }
}

/// Nothing is replaced by what hangs on another, nor by what gets another name.
fn taken(error: ManageError) -> ManageError {
    match error {
        ManageError::Exists { name, store } => ManageError::Usage(format!(
            "{store} already has a secret `{name}` there; `inject secret update` changes it, `rm` makes room for another"
        )),
        error => error,
    }
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
    label::check_free(document, key, given, store)?;
    content.as_ref().map_or(Ok(()), |content| fits(&key.name, content, given))?;
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
pub(super) fn keep(given: &Attributes, said: &mut Attributes) {
    for (_, attribute) in KEPT {
        if let Some(text) = given.text(attribute) {
            said.say(attribute, Said::Text(text.to_owned()));
        }
        if let Some(flag) = given.flag(attribute) {
            said.say(attribute, Said::Flag(flag));
        }
    }
    // Of these there is one way to have none.
    if said.text(Attribute::Label) == Some("") {
        said.forget(Attribute::Label);
    }
    if said.flag(Attribute::AutoPrune) == Some(false) {
        said.forget(Attribute::AutoPrune);
    }
    if said.text(Attribute::Pod) == Some("") {
        said.forget(Attribute::Pod);
    }
}

impl Entry {
    /// The next revision, unless nothing would be new.
    fn revise(&mut self, content: Content) {
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
    }

    /// Only the latest stays, where that was asked for once. Where it was removed, the others are all there is.
    fn prune(&mut self) {
        if self.content.is_some() && self.details.said.flag(Attribute::AutoPrune) == Some(true) {
            self.details.older.clear();
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
            (NewContent::Fields(_), None) => Err(latest_removed(name, self.details.revision).into()),
            (NewContent::Fields(_), Some(Content::Bytes(_))) => Err(ManageError::Usage(format!(
                "`{name}` has one value and no fields; --fields puts fields in its place"
            ))),
        }
    }
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

/// A secret with all aliases and overrides of it; `gone` gets their keys.
fn remove(document: &mut Document, key: &str, gone: &mut Vec<String>) {
    document.secrets.remove(key);
    gone.push(key.to_owned());
    let hangs = |(other, entry): &(String, Entry)| {
        entry.details.origin.as_ref().filter(|origin| origin.key() == key).map(|_| other.clone())
    };
    let hanging: Vec<String> = document.secrets.iter().filter_map(hangs).collect();
    hanging.iter().for_each(|key| remove(document, key, gone));
}

/// One revision, or the secret with all of them. The number of the latest is never given to another value.
fn remove_revision(
    document: &mut Document,
    key: &Key,
    version: Option<&str>,
    store: &str,
    gone: &mut Vec<String>,
) -> Result<(), ManageError> {
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
    remove(document, &text, gone);
    Ok(())
}

/// Gives a secret another name, and with it those that override it; aliases keep theirs. `written` gets their new keys.
fn rename(
    document: &mut Document,
    key: &Key,
    name: &str,
    store: &str,
    written: &mut Vec<String>,
) -> Result<Key, ManageError> {
    let (old, new) = (key.to_string(), Key { name: name.to_owned(), ..key.clone() });
    let text = new.to_string();
    if text == old {
        return Ok(new);
    }
    if document.secrets.get(&text).is_some() {
        return Err(taken(ManageError::Exists { name: name.to_owned(), store: store.to_owned() }));
    }
    label::check_unlabelled(document, key, name, store)?;
    if let Some(entry) = document.secrets.remove(&old) {
        document.secrets.put(&text, entry);
        written.push(text.clone());
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
    overrides.iter().try_for_each(|key| rename(document, key, name, store, written).map(drop))?;
    Ok(new)
}
