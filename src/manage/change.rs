//! The verbs that change a store: `init`, `add`, `update`, `rm`.

use super::input::{fields, refuse_assignment, whole};
use super::{Add, Init, Io, Remove, Update};
use crate::store::manage::{Change, Existing, LONGEST_DESCRIPTION, Manage, ManageError, Metadata, New, NewContent};
use serde_json::json;

pub(super) fn init(store: &dyn Manage, init: Init, io: &mut Io<'_>) -> Result<(), ManageError> {
    let made = store.init(&init.recipients)?;
    let path = made.store.display();
    if init.json {
        let path = path.to_string();
        return io.write_json(&json!({ "public_keys": made.public_keys, "identity": made.identity, "store": path }));
    }
    let keys = made.public_keys.join(", ");
    io.write(format!("public key: {keys}\nidentity:   {}\nstore:      {path}\n", made.identity).as_bytes())
}

pub(super) fn add(store: &dyn Manage, add: Add, io: &mut Io<'_>) -> Result<(), ManageError> {
    let description = add.description.unwrap_or_default();
    check_description(&description)?;
    let name = &add.name;
    refuse_assignment(name)?;
    // Before anybody types a value.
    let existing = match store.check_new(name) {
        Ok(()) => Existing::Refuse,
        Err(ManageError::Exists { .. }) if add.replace => {
            io.confirm(&format!("Replace `{name}`, its value and its description?"), add.yes)?;
            Existing::Replace
        }
        Err(error) => return Err(error),
    };
    let content = whole(add.value, name, io)?;
    let metadata = store.add(name, New { content, description }, existing)?;
    if add.json { io.write_json(&metadata.json()) } else { Ok(()) }
}

pub(super) fn update(store: &dyn Manage, update: Update, io: &mut Io<'_>) -> Result<(), ManageError> {
    if let Some(description) = &update.description {
        check_description(description)?;
    }
    refuse_assignment(&update.name)?;
    // Before anybody types a value.
    store.show(&update.name)?;
    let value = update.value;
    let content = if !value.fields.is_empty() {
        Some(NewContent::Fields(fields(value, io)?))
    } else if update.description.is_some() && !value.is_named() {
        // Standard input is not read: in a script it is often empty, and would be the new value.
        None
    } else {
        Some(NewContent::Whole(whole(value, &update.name, io)?))
    };
    let metadata = store.update(&update.name, Change { content, description: update.description })?;
    if update.json { io.write_json(&metadata.json()) } else { Ok(()) }
}

pub(super) fn remove(store: &dyn Manage, remove: Remove, io: &mut Io<'_>) -> Result<(), ManageError> {
    let mut names = remove.names;
    names.sort();
    names.dedup();
    // So that nobody confirms what cannot be done.
    let found = names.iter().map(|name| store.show(name)).collect::<Result<Vec<Metadata>, _>>()?;
    let shown: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    io.confirm(&format!("Remove {} for good?", shown.join(", ")), remove.yes)?;
    store.remove(&names)?;
    if remove.json { io.write_json(&found.iter().map(Metadata::json).collect()) } else { Ok(()) }
}

fn check_description(description: &str) -> Result<(), ManageError> {
    if !description.is_ascii() {
        return Err(ManageError::Usage("a description has ASCII characters only".into()));
    }
    if description.len() > LONGEST_DESCRIPTION {
        return Err(ManageError::Usage(format!("a description has at most {LONGEST_DESCRIPTION} characters")));
    }
    Ok(())
}
