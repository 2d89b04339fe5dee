//! The verbs that look into a store: `get`, `list`, `show`, `history`.

use super::{Io, Session, Typed, Verb, at_revision};
use crate::reference::{Body, Hole, Tail};
use crate::store::manage::{Attributes, ManageError, Metadata};
use crate::template::{Slot, Source, Template, Value};

/// The value's bytes and nothing more, picked as `$<secret:NAME#FIELD>` picks.
#[allow(clippy::disallowed_methods, reason = "showing the value is what was asked for")]
pub(super) fn get(
    session: &Session<'_>,
    typed: &Typed,
    given: &Attributes,
    io: &mut Io<'_>,
) -> Result<(), ManageError> {
    if io.output_is_terminal && !typed.reveal {
        return Err(ManageError::Usage(
            "standard output is a terminal; --reveal shows the value there, a pipe or a file gets it without".into(),
        ));
    }
    let name = one(typed);
    let (address, field) = session.address(name)?;
    let address = at_revision(address, given)?;
    let value = session.ask(async |store| {
        store.check(Verb::Get, &address, given)?;
        store.value(&address, given).await
    })?;
    let value = Value::from(value);
    let hole = Hole::with(Body::Entry(name.into()), Tail { field, ..Tail::default() });
    let slot = Slot { source: Source::Request(0), hole };
    let picked = Template::hole(slot).render(&|_| Some(&value));
    match picked {
        Ok(secret) => io.write(secret.expose()),
        // One hole, so one error.
        Err(mut errors) => Err(ManageError::Unfit { name: name.to_owned(), why: errors.swap_remove(0).1 }),
    }
}

pub(super) fn list(
    session: &Session<'_>,
    as_json: bool,
    given: &Attributes,
    io: &mut Io<'_>,
) -> Result<(), ManageError> {
    let secrets = session.ask(async |store| store.list(given).await)?;
    many(secrets, as_json, io)
}

pub(super) fn history(
    session: &Session<'_>,
    typed: &Typed,
    given: &Attributes,
    io: &mut Io<'_>,
) -> Result<(), ManageError> {
    let address = session.latest(one(typed))?;
    let revisions = session.ask(async |store| store.history(&address, given).await)?;
    many(revisions, typed.json, io)
}

pub(super) fn show(
    session: &Session<'_>,
    typed: &Typed,
    given: &Attributes,
    io: &mut Io<'_>,
) -> Result<(), ManageError> {
    let address = session.revision(one(typed), given)?;
    let secret = session.ask(async |store| store.show(&address, given).await)?;
    if typed.json {
        return io.write_json(&secret.json());
    }
    let lines = [
        ("name", Some(secret.name)),
        ("place", secret.place),
        ("description", secret.description),
        ("created", secret.created),
        ("updated", secret.updated),
        ("creator", secret.creator),
        ("revision", secret.revision.map(|revision| revision.to_string())),
        ("fields", secret.fields.map(|fields| fields.join(", "))),
        ("bytes", secret.size.map(|size| size.to_string())),
    ];
    // What is a common member too stands there once.
    let is_new = |label: &str| lines.iter().all(|(known, text)| *known != label || text.is_none());
    let own = secret.attributes.into_iter().filter(|(label, _)| is_new(label));
    let own = own.map(|(label, value)| {
        let text = match value {
            serde_json::Value::Null => None,
            serde_json::Value::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        (label, text)
    });
    let own: Vec<_> = own.collect();
    let rows: Vec<_> = lines
        .into_iter()
        .chain(own)
        .filter_map(|(label, text)| Some([format!("{label}:"), printable(text.filter(|text| !text.is_empty())?)]))
        .collect();
    io.write(table(&rows).as_bytes())
}

/// The one name; clap takes no verb of these without.
fn one(typed: &Typed) -> &str {
    typed.names.first().map(String::as_str).unwrap_or_default()
}

/// A table with the columns that say something; the first and the last stand always.
fn many(secrets: Vec<Metadata>, as_json: bool, io: &mut Io<'_>) -> Result<(), ManageError> {
    if as_json {
        return io.write_json(&secrets.iter().map(Metadata::json).collect());
    }
    if secrets.is_empty() {
        return Ok(());
    }
    let heads = ["NAME", "PLACE", "REVISION", "BYTES", "UPDATED", "FIELDS", "DESCRIPTION"].map(str::to_owned);
    let rows: Vec<[String; 7]> = secrets
        .into_iter()
        .map(|secret| {
            [
                Some(secret.name),
                secret.place,
                secret.revision.map(|revision| revision.to_string()),
                secret.size.map(|size| size.to_string()),
                secret.updated,
                Some(secret.fields.unwrap_or_default().join(",")),
                Some(secret.description.unwrap_or_default()),
            ]
            .map(|cell| cell.map(printable).unwrap_or_default())
        })
        .collect();
    let silent = |column: usize| (1..5).contains(&column) && rows.iter().all(|row| row[column].is_empty());
    let kept: Vec<usize> = (0..heads.len()).filter(|&column| !silent(column)).collect();
    let rows: Vec<Vec<&str>> =
        [&heads].into_iter().chain(&rows).map(|row| kept.iter().map(|&column| &*row[column]).collect()).collect();
    io.write(table(&rows).as_bytes())
}

/// Columns as wide as their widest cell; no blanks at the end of a line.
pub(super) fn table<R: AsRef<[C]>, C: AsRef<str>>(rows: &[R]) -> String {
    let cells = |row: &R| row.as_ref().iter().map(|cell| cell.as_ref().to_owned()).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, &width) in row.iter().zip(&widths) {
            line += &format!("{cell:width$}  ");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// A description may hold anything, a terminal's escape sequences too.
pub(super) fn printable(text: String) -> String {
    if text.chars().any(char::is_control) { text.escape_debug().to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_shows_no_control_characters() {
        let row = |one: &str, other: &str| [one.to_owned(), printable(other.to_owned())];
        assert_eq!(table(&[row("ü", "a\x1b[2J"), row("long", "b"), row("x", "")]), "ü     a\\u{1b}[2J\nlong  b\nx\n");
    }
}
