//! Labels: second names of secrets. In its namespace and scope a label is of one secret alone and no other's name, so
//! that what is written means one secret. Names come first: a label counts where no visible secret has the name.

use super::format::{self, Document, Found};
use super::key::Key;
use super::{Store, check_name, deal, file, names};
use crate::store::manage::{Attribute, Attributes, ManageError};
use crate::store::{Request, StoreError};
use std::collections::BTreeSet;

/// That of what is given, where it is one; an empty one takes the label away.
fn given_label(given: &Attributes) -> Option<&str> {
    given.text(Attribute::Label).filter(|label| !label.is_empty())
}

/// It is referred to as a name is.
pub(super) fn check(given: &Attributes) -> Result<(), ManageError> {
    let checked = given_label(given).map_or(Ok(()), check_name);
    checked.map_err(|error| ManageError::Usage(format!("--label: a label is written as a name is; {error}")))
}

/// With whose they are.
pub(super) fn labels(document: &Document) -> impl Iterator<Item = (&str, &str)> {
    let entries = document.secrets.iter();
    entries.filter_map(|(key, entry)| Some((key.as_str(), entry.details.said.text(Attribute::Label)?)))
}

/// Of the secrets that are visible from the key and have its name as their label, the one of the narrowest scope.
pub(super) fn labelled<'l>(key: &Key, labels: impl Iterator<Item = (&'l str, &'l str)>) -> Result<Option<Key>, String> {
    let holders = labels.filter(|(_, label)| *label == key.name).map(|(holder, _)| Key::parse(holder));
    let is_visible =
        |holder: &Key| holder.namespace == key.namespace && key.visible().any(|visible| visible.scope == holder.scope);
    let mut holders: Vec<Key> = holders.filter(is_visible).collect();
    let narrowest = holders.iter().map(|holder| holder.scope.len()).max();
    holders.retain(|holder| Some(holder.scope.len()) == narrowest);
    match &holders[..] {
        // In a store from before labels had to be of one secret.
        [one, other, ..] => Err(format!(
            "`{}` is the label of both `{}` and `{}`; use a name, or `inject secret update NAME --label` with another",
            key.name, one.name, other.name
        )),
        _ => Ok(holders.pop()),
    }
}

/// Refuses a new name, and the label that is given with it, where it means another secret of the same place.
pub(super) fn check_free(document: &Document, key: &Key, given: &Attributes, store: &str) -> Result<(), ManageError> {
    check_unlabelled(document, key, &key.name, store)?;
    check_label(document, key, given, store)
}

/// Refuses the label that is given for a secret where it means another one of the same place.
pub(super) fn check_label(document: &Document, key: &Key, given: &Attributes, store: &str) -> Result<(), ManageError> {
    let Some(label) = given_label(given) else { return Ok(()) };
    let named = Key { name: label.to_owned(), ..key.clone() }.to_string();
    if named != key.to_string() && document.secrets.get(&named).is_some() {
        return Err(ManageError::Usage(format!(
            "{store} has a secret of the name `{label}` already, so that is no label of `{}`",
            key.name
        )));
    }
    check_unlabelled(document, key, label, store)
}

/// Refuses what is the label of another secret of the same place.
pub(super) fn check_unlabelled(document: &Document, key: &Key, text: &str, store: &str) -> Result<(), ManageError> {
    let mut others = labels(document).filter(|(_, label)| *label == text).map(|(holder, _)| Key::parse(holder));
    let is_there = |other: &Key| (&other.namespace, &other.scope) == (&key.namespace, &key.scope) && other != key;
    match others.find(is_there) {
        None => Ok(()),
        Some(Key { name: other, .. }) => Err(ManageError::Usage(format!(
            "{store}: `{text}` is the label of `{other}` already; `inject secret update {other} --label=` takes it away"
        ))),
    }
}

/// The number of a request, and the secret that it means, with its key.
type Called = (usize, (String, Found));

impl Store {
    /// What the requests mean that name nothing; `there` has all keys that were found.
    pub(super) fn by_label(&self, requests: &[Request], there: &BTreeSet<&str>) -> Result<Vec<Called>, StoreError> {
        let missing = requests.iter().enumerate().filter_map(|(index, request)| {
            // What is refused as another's, or as no name, is told elsewhere.
            let name = self.owned(&request.address.path).ok().filter(|_| request.random.is_none())?;
            let key = Key::of(name, &self.home).ok()?;
            let is_there = key.visible().any(|key| there.contains(key.to_string().as_str()));
            (!is_there).then_some((index, key))
        });
        let missing: Vec<(usize, Key)> = missing.collect();
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let damaged = |fault| file::fault(&self.path, fault);
        let labels = format::labels(&self.json).map_err(damaged)?;
        let mut holders = Vec::with_capacity(missing.len());
        for (index, key) in missing {
            let labels = labels.iter().map(|(holder, label)| (holder.as_str(), label.as_str()));
            let holder = labelled(&key, labels).map_err(StoreError::Malformed)?;
            holders.extend(holder.map(|holder| (holder.to_string(), index)));
        }
        if holders.is_empty() {
            return Ok(Vec::new());
        }
        holders.sort_unstable();
        let wanted: Vec<(&str, usize)> = holders.iter().map(|(holder, index)| (holder.as_str(), *index)).collect();
        let older = requests.iter().any(|request| request.address.version.is_some());
        let (found, _) = format::pick(&self.json, &names(&wanted), &[], older).map_err(damaged)?;
        Ok(deal(&wanted, found).map(|(index, (key, found))| (index, (key.to_owned(), found))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_of_two_secrets_in_one_scope_is_told_unless_a_narrower_one_has_it() {
        let found = |key: &str, holders: &[&str]| {
            let labels = holders.iter().map(|holder| (*holder, "x"));
            labelled(&Key::parse(key), labels).map(|found| found.map(|key| key.to_string()))
        };
        let why = found("/s/x", &["a", "b"]).unwrap_err();
        assert!(why.contains("both `a` and `b`"), "{why}");
        assert_eq!(found("/s/x", &["a", "b", "/s/c"]), Ok(Some("/s/c".to_owned())));
        assert_eq!(found("x", &["a", "/s/c", "//t:/d"]), Ok(Some("a".to_owned())));
        assert_eq!(found("//t:/y", &["//t:/d"]), Ok(None));
    }
}
