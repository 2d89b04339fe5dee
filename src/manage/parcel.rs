//! Many secrets at once: `import` and `export`, and the two formats that every kind shares.
//!
//! JSON is an object of secrets by name. Each is its value, a string, or an object with one of `value`, `base64` and
//! `fields` (an object of such), and with what is said beside it under the names of the options: what one `add`
//! takes. Dotenv has NAME=VALUE lines, of text alone. A kind's own formats pass through as they are.

use super::input::{called, check_field, document, dotenv_fields};
use super::{Io, Session, Typed, Verb, settle};
use crate::reference::Address;
use crate::secret::Secret;
use crate::spec::document::{Data, Node, parse_json};
use crate::store::manage::attributes::{Form, OPTIONS, Said};
use crate::store::manage::{Attributes, Content, Existing, Format, Item, LARGEST_VALUE, ManageError, Parcel};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;
use zeroize::Zeroizing;

pub(super) fn import(
    session: &Session<'_>,
    typed: Typed,
    given: &Attributes,
    io: &mut Io<'_>,
) -> Result<(), ManageError> {
    let path = typed.value.file.unwrap_or_else(|| "-".into());
    if path == Path::new("-") && io.input_is_terminal {
        return Err(ManageError::Usage("standard input is a terminal; name the file, or pipe it in".into()));
    }
    let format = format(session, typed.format)?;
    let existing = if typed.replace {
        io.confirm("Replace the secrets that have the names in the file?", typed.yes)?;
        Existing::Replace
    } else {
        Existing::Refuse
    };
    let mut text = document(&path, io)?;
    if format == Format::Age {
        text = session.ask(async |store| store.unseal(&text))?;
    }
    let parcel = match format {
        Format::Dotenv | Format::Json | Format::Age => Parcel::Items(items(session, &text, format, &path, given)?),
        own => Parcel::Document(own, text),
    };
    let outcomes = session.ask(async |store| store.import(parcel, existing, given).await)?;
    settle(outcomes, typed.json, io)
}

#[allow(clippy::disallowed_methods, reason = "the values are what was asked for")]
pub(super) fn export(
    session: &Session<'_>,
    typed: &Typed,
    given: &Attributes,
    io: &mut Io<'_>,
) -> Result<(), ManageError> {
    if io.output_is_terminal && !typed.reveal {
        return Err(ManageError::Usage(
            "standard output is a terminal; --reveal shows the values there, a pipe or a file gets them without".into(),
        ));
    }
    let format = format(session, typed.format)?;
    let addresses = typed.names.iter().map(|name| session.latest(name)).collect::<Result<Vec<Address>, _>>()?;
    let text = session.ask(async |store| match store.export(&addresses, format, given).await? {
        Parcel::Document(_, text) => Ok(text),
        Parcel::Items(items) if format == Format::Dotenv => dotenv(&items),
        Parcel::Items(items) if format == Format::Age => store.seal(&json(&items), given),
        Parcel::Items(items) => Ok(json(&items)),
    })?;
    io.write(text.expose())
}

fn format(session: &Session<'_>, typed: Option<Format>) -> Result<Format, ManageError> {
    let formats = session.managing()?.formats;
    match (typed, formats.first()) {
        (None, Some(first)) => Ok(*first),
        (Some(typed), Some(_)) if formats.contains(&typed) => Ok(typed),
        (typed, _) => {
            let known: Vec<_> = formats.iter().map(|format| format.name()).collect();
            let (kind, typed) = (session.kind.name, typed.map_or("", Format::name));
            let known = known.join(", ");
            Err(ManageError::Usage(format!("a store of kind {kind} knows no format `{typed}`; it has {known}")))
        }
    }
}

/// Names and options are checked before the store is asked for anything.
#[allow(clippy::disallowed_methods, reason = "the file's text is parsed into the values of its secrets")]
fn items(
    session: &Session<'_>,
    text: &Secret,
    format: Format,
    path: &Path,
    given: &Attributes,
) -> Result<Vec<Item>, ManageError> {
    let what = called(path);
    let item = |name: &str, content, own: Attributes| {
        let address = session.latest(name)?;
        let is_too_big = match &content {
            Content::Bytes(value) => value.len() > LARGEST_VALUE,
            Content::Fields(fields) => fields.iter().any(|(_, value)| value.len() > LARGEST_VALUE),
        };
        if is_too_big {
            let text = format!("{what}: {name:?}: a value has at most {} MiB", LARGEST_VALUE >> 20);
            return Err(ManageError::TooBig(text));
        }
        Ok(Item { address, content, given: own.or(given) })
    };
    if format == Format::Dotenv {
        let values = dotenv_fields(text.expose(), path)?.into_iter();
        return values.map(|(name, value)| item(&name, Content::Bytes(value), Attributes::default())).collect();
    }
    let wrong = |name: &str, why: &str| ManageError::Usage(format!("{what}: {name:?}: {why}"));
    let text = std::str::from_utf8(text.expose()).map_err(|_| ManageError::Usage(format!("{what}: it is no text")))?;
    let line = |at: usize| 1 + text[..at].matches('\n').count();
    let (root, repeated) =
        parse_json(text).map_err(|flaw| ManageError::Usage(format!("{what}: line {}: no JSON", line(flaw.at))))?;
    if let Some(flaw) = repeated.first() {
        return Err(ManageError::Usage(format!("{what}: line {}: {}", line(flaw.at), flaw.message)));
    }
    let Data::Table(secrets) = root.data else {
        return Err(ManageError::Usage(format!("{what}: it is no object of secrets by name")));
    };
    let mut items = Vec::with_capacity(secrets.len());
    for (name, node) in secrets {
        let name = &*name.name;
        let (content, own) = secret(node).map_err(|why| wrong(name, &why))?;
        items.push(item(name, content, own)?);
    }
    Ok(items)
}

/// One secret of the JSON; what is wrong with it names members and no values.
fn secret(node: Node) -> Result<(Content, Attributes), String> {
    let members = match node.data {
        Data::Text(text) => return Ok((Content::Bytes(Secret::from(text)), Attributes::default())),
        Data::Table(members) => members,
        _ => return Err("it is neither a string nor an object".to_owned()),
    };
    let (mut content, mut own) = (None, Attributes::default());
    for (key, node) in members {
        let found = match (&*key.name, node.data) {
            ("fields", Data::Table(fields)) if fields.is_empty() => return Err("it has no fields".to_owned()),
            ("fields", Data::Table(fields)) => {
                let field = |(key, node): (crate::spec::document::Key, Node)| match secret(node)? {
                    (Content::Bytes(value), own) if own.all().next().is_none() => {
                        check_field(&key.name).map_err(|error| error.to_string())?;
                        Ok((key.name.to_string(), value))
                    }
                    _ => Err(format!("the field {:?} has more than a value", &*key.name)),
                };
                Content::Fields(fields.into_iter().map(field).collect::<Result<_, String>>()?)
            }
            ("value", Data::Text(text)) => Content::Bytes(Secret::from(text)),
            ("base64", Data::Text(text)) => {
                Content::Bytes(Secret::from(STANDARD.decode(text).map_err(|_| "its `base64` is none".to_owned())?))
            }
            (name, data) => {
                let row = OPTIONS.iter().find(|row| row.option == name && row.verbs.contains(&Verb::Add));
                let row = row.ok_or_else(|| format!("there is no member `{name}`"))?;
                let said = match (row.form, data) {
                    (Form::Text | Form::File, Data::Text(text)) => Said::Text(text),
                    (Form::Flag, Data::Flag(flag)) => Said::Flag(flag),
                    (_, data) => return Err(format!("its `{name}` is {}", data.form())),
                };
                own.say(row.attribute, said);
                continue;
            }
        };
        if content.replace(found).is_some() {
            return Err("it has two values".to_owned());
        }
    }
    content.map(|content| (content, own)).ok_or_else(|| "it has no value".to_owned())
}

/// As [`items`] reads it.
pub(super) fn json(items: &[Item]) -> Secret {
    let mut text = Zeroizing::new(String::from("{"));
    for (at, item) in items.iter().enumerate() {
        text.push_str(if at == 0 { "\n  " } else { ",\n  " });
        quote(&item.address.path, &mut text);
        text.push_str(": ");
        let mut said = item.given.all().peekable();
        match &item.content {
            Content::Bytes(secret) if said.peek().is_none() => value(secret, &mut text),
            content => {
                text.push_str("{ ");
                body(content, &mut text);
                for (attribute, said) in said {
                    let Some(row) = attribute.row() else { continue };
                    text.push_str(", ");
                    quote(row.option, &mut text);
                    text.push_str(": ");
                    match said {
                        Said::Text(said) => quote(said, &mut text),
                        Said::Flag(flag) => text.push_str(if *flag { "true" } else { "false" }),
                        // No `add` takes one.
                        Said::Number(_) | Said::List(_) | Said::Secret(_) => text.push_str("null"),
                    }
                }
                text.push_str(" }");
            }
        }
    }
    text.push_str("\n}\n");
    Secret::from(std::mem::take(&mut *text))
}

#[allow(clippy::disallowed_methods, reason = "the values are what was asked for")]
fn body(content: &Content, text: &mut String) {
    match content {
        Content::Bytes(secret) => match std::str::from_utf8(secret.expose()) {
            Ok(plain) => {
                text.push_str("\"value\": ");
                quote(plain, text);
            }
            Err(_) => {
                text.push_str("\"base64\": ");
                quote(&Zeroizing::new(STANDARD.encode(secret.expose())), text);
            }
        },
        Content::Fields(fields) => {
            text.push_str("\"fields\": { ");
            for (at, (key, secret)) in fields.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { ", " });
                quote(key, text);
                text.push_str(": ");
                value(secret, text);
            }
            text.push_str(" }");
        }
    }
}

/// A string where it is text.
#[allow(clippy::disallowed_methods, reason = "the values are what was asked for")]
fn value(secret: &Secret, text: &mut String) {
    match std::str::from_utf8(secret.expose()) {
        Ok(plain) => quote(plain, text),
        Err(_) => {
            text.push_str("{ ");
            body(&Content::Bytes(secret.share()), text);
            text.push_str(" }");
        }
    }
}

fn quote(plain: &str, text: &mut String) {
    text.push_str(&Zeroizing::new(serde_json::Value::from(plain).to_string()));
}

#[allow(clippy::disallowed_methods, reason = "the values are what was asked for")]
fn dotenv(items: &[Item]) -> Result<Secret, ManageError> {
    let mut text = Zeroizing::new(String::new());
    for item in items {
        let name = &item.address.path;
        let unfit = |why: &str| ManageError::Usage(format!("`{name}`: {why}; --format json holds it"));
        let Content::Bytes(secret) = &item.content else { return Err(unfit("dotenv has no fields")) };
        let value = std::str::from_utf8(secret.expose()).map_err(|_| unfit("dotenv has text alone"))?;
        text.push_str(name);
        text.push_str("=\"");
        for character in value.chars() {
            match character {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                other => text.push(other),
            }
        }
        text.push_str("\"\n");
    }
    Ok(Secret::from(std::mem::take(&mut *text)))
}
