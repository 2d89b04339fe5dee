//! The verbs that change a store: `init`, `add`, `update`, `rm`, `alias`, `override`, `grant`, `revoke`.

use super::input::{fields, refuse_assignment, whole};
use super::{Io, Session, Typed, Verb, settle};
use crate::reference::Address;
use crate::store::manage::{Attribute, Attributes, Existing, ManageError, Metadata, NewContent};
use serde_json::json;

pub(super) fn init(
    session: &Session<'_>,
    given: &Attributes,
    as_json: bool,
    io: &mut Io<'_>,
) -> Result<(), ManageError> {
    let made = session.ask(async |store| store.init(given.list(Attribute::Recipient)))?;
    let path = made.store.display();
    if as_json {
        let path = path.to_string();
        return io.write_json(&json!({ "public_keys": made.public_keys, "identity": made.identity, "store": path }));
    }
    let keys = made.public_keys.join(", ");
    io.write(format!("public key: {keys}\nidentity:   {}\nstore:      {path}\n", made.identity).as_bytes())
}

pub(super) fn add(session: &Session<'_>, typed: Typed, given: &Attributes, io: &mut Io<'_>) -> Result<(), ManageError> {
    let (name, address) = name(session, &typed, given)?;
    // Before anybody types a value.
    let exists = session.ask(async |store| store.exists(&address, given).await)?;
    let existing = match (exists, typed.replace) {
        (false, _) => Existing::Refuse,
        (true, true) => {
            io.confirm(&format!("Replace `{name}`, its value and all that is known of it?"), typed.yes)?;
            Existing::Replace
        }
        (true, false) => {
            return Err(ManageError::Exists { name, store: format!("the {} store", session.kind.name) });
        }
    };
    let content = whole(typed.value, &name, io)?;
    let metadata = session.ask(async |store| store.add(&address, content, existing, given).await)?;
    shown(&metadata, typed.json, io)
}

pub(super) fn update(
    session: &Session<'_>,
    typed: Typed,
    given: &Attributes,
    io: &mut Io<'_>,
) -> Result<(), ManageError> {
    let (name, address) = name(session, &typed, given)?;
    // Before anybody types a value.
    session.ask(async |store| store.find(&address, given).await)?;
    let value = typed.value;
    // What says where a secret is changes nothing of it.
    let place = [Attribute::Scope, Attribute::Id, Attribute::Tenant, Attribute::Cluster, Attribute::Org];
    let changes = given.all().any(|(said, _)| !place.contains(&said) && said != Attribute::Project);
    let content = if !value.fields.is_empty() {
        Some(NewContent::Fields(fields(value, io)?))
    } else if changes && !value.is_named() {
        // Standard input is not read: in a script it is often empty, and would be the new value.
        None
    } else {
        Some(NewContent::Whole(whole(value, &name, io)?))
    };
    let metadata = session.ask(async |store| store.update(&address, content, given).await)?;
    shown(&metadata, typed.json, io)
}

pub(super) fn remove(
    session: &Session<'_>,
    typed: Typed,
    given: &Attributes,
    io: &mut Io<'_>,
) -> Result<(), ManageError> {
    let addresses = typed.names.iter().map(|name| session.revision(name, given));
    let mut addresses = addresses.collect::<Result<Vec<Address>, _>>()?;
    addresses.sort();
    addresses.dedup();
    // So that nobody confirms what cannot be done.
    let found = session.ask(async |store| {
        let mut found = Vec::with_capacity(addresses.len());
        for address in &addresses {
            store.check(Verb::Remove, address, given)?;
            found.push(store.show(address, given).await?);
        }
        Ok(found)
    })?;
    let what = |address: &Address| match &address.version {
        Some(revision) => format!("revision {revision} of `{}`", address.path),
        None => format!("`{}`", address.path),
    };
    let names: Vec<_> = addresses.iter().map(what).collect();
    // Of what has these, they go along.
    let hung = !session.managing()?.known(Verb::Alias).is_empty() && addresses.iter().any(|one| one.version.is_none());
    let with = if hung { ", with all aliases and overrides" } else { "" };
    io.confirm(&format!("Remove {} for good{with}?", names.join(", ")), typed.yes)?;
    let outcomes = session.ask(async |store| store.remove(&addresses, given).await)?;
    if outcomes.iter().all(|(_, outcome)| outcome.is_ok()) {
        return if typed.json { io.write_json(&found.iter().map(Metadata::json).collect()) } else { Ok(()) };
    }
    settle(outcomes, typed.json, io)
}

pub(super) fn alias(
    session: &Session<'_>,
    typed: &Typed,
    given: &Attributes,
    io: &mut Io<'_>,
) -> Result<(), ManageError> {
    let (_, address) = name(session, typed, given)?;
    let alias = typed.others.first().map(String::as_str).unwrap_or_default();
    let metadata = session.ask(async |store| store.alias(&address, alias, given).await)?;
    shown(&metadata, typed.json, io)
}

pub(super) fn overlay(
    session: &Session<'_>,
    typed: Typed,
    given: &Attributes,
    io: &mut Io<'_>,
) -> Result<(), ManageError> {
    let (name, address) = name(session, &typed, given)?;
    // Before anybody types a value: what is overridden is seen from where the override is to be.
    session.ask(async |store| store.show(&address, given).await)?;
    let content = whole(typed.value, &name, io)?;
    let metadata = session.ask(async |store| store.overlay(&address, content, given).await)?;
    shown(&metadata, typed.json, io)
}

pub(super) fn grant(
    session: &Session<'_>,
    typed: &Typed,
    given: &Attributes,
    io: &mut Io<'_>,
) -> Result<(), ManageError> {
    let (_, address) = name(session, typed, given)?;
    let whom = &typed.others;
    let outcomes = session.ask(async |store| match typed.verb {
        Verb::Grant => store.grant(&address, whom, given).await,
        _ => store.revoke(&address, whom, given).await,
    })?;
    settle(outcomes, typed.json, io)
}

/// The one secret that is named, as it was typed and as it is found, where nothing can be said against the verb.
fn name(session: &Session<'_>, typed: &Typed, given: &Attributes) -> Result<(String, Address), ManageError> {
    let name = typed.names.first().cloned().unwrap_or_default();
    refuse_assignment(&name)?;
    let address = session.latest(&name)?;
    session.ask(async |store| store.check(typed.verb, &address, given))?;
    Ok((name, address))
}

fn shown(metadata: &Metadata, as_json: bool, io: &mut Io<'_>) -> Result<(), ManageError> {
    if as_json { io.write_json(&metadata.json()) } else { Ok(()) }
}
