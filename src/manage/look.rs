//! The verbs that look into a store: `get`, `list`, `show`.

use super::{Get, Io, List, Show};
use crate::reference::{Body, Hole, Tail};
use crate::store::manage::{Manage, ManageError, Metadata};
use crate::template::{Slot, Source, Template, Value};

/// The value's bytes and nothing more, picked as `$<secret:NAME#FIELD>` picks.
#[allow(clippy::disallowed_methods, reason = "showing the value is what was asked for")]
pub(super) fn get(store: &dyn Manage, get: Get, io: &mut Io<'_>) -> Result<(), ManageError> {
    if io.output_is_terminal && !get.reveal {
        return Err(ManageError::Usage(
            "standard output is a terminal; --reveal shows the value there, a pipe or a file gets it without".into(),
        ));
    }
    let (name, field) = match get.name.split_once('#') {
        Some((name, field)) => (name, Some(field.to_owned())),
        None => (&*get.name, None),
    };
    let value = Value::from(store.value(name)?);
    let hole = Hole::with(Body::Entry(name.into()), Tail { field, ..Tail::default() });
    let slot = Slot { source: Source::Request(0), hole };
    let picked = Template::hole(slot).render(&|_| Some(&value));
    match picked {
        Ok(secret) => io.write(secret.expose()),
        // One hole, so one error.
        Err(mut errors) => Err(ManageError::Unfit { name: name.to_owned(), why: errors.swap_remove(0).1 }),
    }
}

pub(super) fn list(store: &dyn Manage, list: List, io: &mut Io<'_>) -> Result<(), ManageError> {
    let secrets = store.list()?;
    if list.json {
        return io.write_json(&secrets.iter().map(Metadata::json).collect());
    }
    let mut rows = vec![["NAME", "BYTES", "UPDATED", "FIELDS", "DESCRIPTION"].map(str::to_owned)];
    rows.extend(secrets.into_iter().map(|secret| {
        let fields = secret.fields.unwrap_or_default().join(",");
        [secret.name, secret.size.to_string(), secret.updated, fields, secret.description].map(printable)
    }));
    if rows.len() == 1 {
        return Ok(());
    }
    io.write(table(&rows).as_bytes())
}

pub(super) fn show(store: &dyn Manage, show: Show, io: &mut Io<'_>) -> Result<(), ManageError> {
    let secret = store.show(&show.name)?;
    if show.json {
        return io.write_json(&secret.json());
    }
    let lines = [
        ("name", Some(secret.name)),
        ("description", Some(secret.description)),
        ("created", Some(secret.created)),
        ("updated", Some(secret.updated)),
        ("creator", Some(secret.creator)),
        ("fields", secret.fields.map(|fields| fields.join(", "))),
        ("bytes", Some(secret.size.to_string())),
    ];
    let rows: Vec<_> = lines
        .into_iter()
        .filter_map(|(label, text)| Some([format!("{label}:"), printable(text.filter(|text| !text.is_empty())?)]))
        .collect();
    io.write(table(&rows).as_bytes())
}

/// Columns as wide as their widest cell; no blanks at the end of a line.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line += &format!("{cell:width$}  ");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// A description may hold anything, a terminal's escape sequences too.
fn printable(text: String) -> String {
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
