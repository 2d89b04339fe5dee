//! What is found in a local store, and how it is shown under the names that the systems have for it.

use super::super::audit::about;
use super::super::format::{Details, Document, Entry, Origin};
use super::super::key::{BUILT_IN, Key};
use super::super::{latest_removed, login};
use super::{Secrets, label, not_found, visible};
use crate::reference::Address;
use crate::store::StoreError;
use crate::store::manage::{Attribute, Attributes, Content, ManageError, Metadata, Verb};
use serde_json::json;

impl Secrets<'_> {
    pub(super) fn listed(&self, given: &Attributes) -> Result<Vec<Metadata>, ManageError> {
        let home = self.home(given)?;
        self.read(|document, _| {
            let keys = document.secrets.iter().map(|(text, entry)| (Key::parse(text), entry));
            let is_meant = |key: &Key| {
                let at_home = home.namespace == key.namespace;
                let below = |rest: &str| rest.is_empty() || rest.starts_with('/');
                match given.text(Attribute::Scope) {
                    // What a launch there sees.
                    Some(_) => at_home && home.scope.strip_prefix(&*key.scope).is_some_and(below),
                    None => at_home || home.namespace.is_empty(),
                }
            };
            let mut meant: Vec<(Key, &Entry)> = keys.filter(|(key, _)| is_meant(key)).collect();
            let order = |key: &Key| [key.namespace.clone(), key.scope.clone(), key.name.clone()];
            meant.sort_by_cached_key(|(key, _)| order(key));
            Ok(meant.into_iter().map(|(key, entry)| self.metadata(document, &key, entry)).collect())
        })
    }

    pub(super) fn shown(&self, address: &Address, given: &Attributes) -> Result<Metadata, ManageError> {
        self.look(address, given, |document, store, key, entry| match &address.version {
            None => Ok(self.metadata(document, key, entry)),
            Some(version) => {
                let number = revision(Some(version), entry.details.revision)?;
                let all = self.revisions(document, key, entry)?;
                let found = all.into_iter().find(|metadata| metadata.revision == Some(number));
                found.ok_or_else(|| no_revision(key, number, store))
            }
        })
    }

    pub(super) fn metadata(&self, document: &Document, key: &Key, entry: &Entry) -> Metadata {
        let details = &entry.details;
        let Entry { content, details: held } = behind(document, key, entry).map_or(entry, |(_, held)| held);
        let content = content.as_ref();
        let updated = if details.updated.is_empty() { &details.created } else { &details.updated };
        Metadata {
            name: key.name.clone(),
            place: key.place(),
            description: Some(details.description.clone()),
            created: Some(details.created.clone()),
            updated: Some(updated.clone()),
            creator: Some(details.creator.clone()),
            revision: (held.revision > 1).then_some(held.revision),
            fields: match content {
                Some(Content::Fields(fields)) => Some(fields.iter().map(|(name, _)| name.clone()).collect()),
                _ => None,
            },
            size: content.map(Content::size),
            attributes: self.attributes(document, key, details, held),
        }
    }

    /// Under the names that the APIs have for them. `held` is of the value: an alias has what its secret has of these.
    fn attributes(
        &self,
        document: &Document,
        key: &Key,
        details: &Details,
        held: &Details,
    ) -> Vec<(&'static str, serde_json::Value)> {
        let said = &details.said;
        let pod = said.text(Attribute::Pod);
        let scope = match pod {
            _ if details.built_in => BUILT_IN,
            Some(_) if key.scope.is_empty() => "pod",
            _ => key.rank(),
        };
        let flag = |attribute| held.said.flag(attribute).unwrap_or(true);
        let mut all = vec![
            ("scope", json!(scope)),
            ("revision", json!(held.revision)),
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
            ("provider_name", Attribute::Provider),
            ("provider_options", Attribute::ProviderOptions),
            ("mount_path", Attribute::MountPath),
        ];
        all.extend(texts.into_iter().filter_map(|(name, attribute)| Some((name, json!(said.text(attribute)?)))));
        // JSON, as a manager shows it.
        let schema = said.text(Attribute::Schema);
        all.extend(schema.map(|text| ("schema", serde_json::from_str(text).unwrap_or_else(|_| json!(text)))));
        let flags = [
            ("is_hidden_value", Attribute::Hidden),
            ("enable_interpolation_in_file", Attribute::Interpolation),
            ("is_plain", Attribute::Plain),
            ("auto_prune", Attribute::AutoPrune),
        ];
        all.extend(flags.into_iter().filter_map(|(name, attribute)| Some((name, json!(said.flag(attribute)?)))));
        if !held.grants.is_empty() {
            all.push(("applications", json!(held.grants)));
        }
        if let Some(origin) = &details.origin {
            let of = Key::parse(origin.key());
            let entry = document.secrets.get(origin.key());
            let mount = entry.and_then(|entry| entry.details.said.text(Attribute::MountPath)).unwrap_or_default();
            let scope = if entry.is_some_and(|entry| entry.details.built_in) { BUILT_IN } else { of.rank() };
            let shown = json!({ "key": of.name, "scope": scope, "place": of.place(), "mount_path": mount });
            all.push((if matches!(origin, Origin::Alias(_)) { "aliased_secret" } else { "overridden_secret" }, shown));
        }
        all
    }

    /// The newest first.
    pub(super) fn revisions(
        &self,
        document: &Document,
        key: &Key,
        entry: &Entry,
    ) -> Result<Vec<Metadata>, ManageError> {
        let latest = self.metadata(document, key, entry);
        let (_, entry) = behind(document, key, entry)?;
        let details = &entry.details;
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
        Ok(current.into_iter().chain(older).collect())
    }

    /// Whether `add` would meet a secret of the name; an error where it could not be added.
    pub(super) fn meets_in(
        &self,
        document: &Document,
        address: &Address,
        given: &Attributes,
        store: &str,
    ) -> Result<bool, ManageError> {
        let key = self.key(address, given)?;
        label::check_free(document, &key, given, store)?;
        Ok(document.secrets.get(&key.to_string()).is_some())
    }

    pub(super) fn value_in(
        &self,
        document: &Document,
        address: &Address,
        given: &Attributes,
        store: &str,
    ) -> Result<Content, ManageError> {
        let version = address.version.as_deref();
        let key = self.key(address, given)?;
        let key = visible(document, &key)?.map_or(key, |(key, _)| key);
        let found = value(document, &key, version, store).map(Content::share);
        self.given_out(Verb::Get, &[about(&key, version)], found)
    }
}

/// The value of a revision, of the latest where none is named; an alias's is that of its target.
pub(super) fn value<'d>(
    document: &'d Document,
    key: &Key,
    version: Option<&str>,
    store: &str,
) -> Result<&'d Content, ManageError> {
    let gone = || not_found(key, store);
    let entry = document.secrets.get(&key.to_string()).ok_or_else(gone)?;
    let (key, entry) = behind(document, key, entry)?;
    if entry.details.said.flag(Attribute::Readable) == Some(false) {
        return Err(
            StoreError::NotReadable(format!("`{}` was made with readable=false: commands get it", key.name)).into()
        );
    }
    let revision = revision(version, entry.details.revision)?;
    let older = || entry.details.older.iter().find(|older| older.number == revision).map(|older| &older.content);
    let content = if revision == entry.details.revision { entry.content.as_ref() } else { older() };
    content.ok_or_else(|| match version {
        None => latest_removed(&key.name, revision).into(),
        Some(_) => no_revision(&key, revision, store),
    })
}

/// The secret that has the value: of an alias the one that it stands for, which is none itself.
fn behind<'d>(document: &'d Document, key: &Key, entry: &'d Entry) -> Result<(Key, &'d Entry), ManageError> {
    let Some(Origin::Alias(of)) = &entry.details.origin else { return Ok((key.clone(), entry)) };
    let target = document.secrets.get(of).filter(|target| !matches!(target.details.origin, Some(Origin::Alias(_))));
    let nothing = || StoreError::Malformed(format!("`{}` is an alias of nothing", key.name));
    Ok((Key::parse(of), target.ok_or_else(nothing)?))
}

pub(super) fn no_revision(key: &Key, revision: u64, store: &str) -> ManageError {
    ManageError::NotFound { name: key.name.clone(), revision: Some(revision), store: store.to_owned() }
}

pub(super) fn revision(version: Option<&str>, latest: u64) -> Result<u64, ManageError> {
    let Some(version) = version else { return Ok(latest) };
    let wrong = || ManageError::Usage(format!("`@{version}` is no revision; it is a number from 1"));
    version.parse().ok().filter(|&number| number > 0).ok_or_else(wrong)
}
