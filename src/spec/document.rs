//! JSON and TOML as one tree that knows where each value was written.
//!
//! serde_json gives no positions, but its raw values are slices of the text, so that an address
//! tells the offset. Keys that stand twice are reported, which `serde_json::Value` would not do.

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use toml::de::{DeTable, DeValue};

#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Bytes into the text.
    pub(crate) at: usize,
    pub(crate) data: Data,
}

#[derive(Clone, Debug)]
pub(crate) enum Data {
    Null,
    Flag(bool),
    /// As written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Table(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: Rc<str>,
    pub(crate) at: usize,
}

impl Data {
    /// How many members or items it has.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::List(items) => items.len(),
            Self::Table(members) => members.len(),
            _ => 0,
        }
    }

    /// For "is …, expected …".
    pub(crate) fn form(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Flag(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Table(_) => "an object",
        }
    }
}

/// What is wrong with the text itself, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// Deeper than any configuration; keeps hostile input from exhausting the stack.
const DEEPEST: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Toml,
}

/// The tree, and the keys that stand twice in it.
pub(crate) fn parse(text: &str, format: Format) -> Result<(Node, Vec<Flaw>), Flaw> {
    match format {
        Format::Json => parse_json(text),
        // A key that stands twice is its parser's own error.
        Format::Toml => parse_toml(text).map(|root| (root, Vec::new())),
    }
}

pub(crate) fn parse_json(text: &str) -> Result<(Node, Vec<Flaw>), Flaw> {
    let json = Json { text, flaws: RefCell::default(), fatal: Cell::default() };
    let mut reader = serde_json::Deserializer::from_str(text);
    let root = Value { json: &json, at: json.value_after(0), depth: 0 };
    match root.deserialize(&mut reader).and_then(|node| reader.end().map(|()| node)) {
        Ok(node) => Ok((node, json.flaws.into_inner())),
        Err(error) => Err(json.fatal.take().unwrap_or_else(|| Flaw {
            at: offset(text, error.line(), error.column()),
            message: format!("not valid JSON: {}", without_position(&error)),
        })),
    }
}

/// serde_json ends each message with the position, which is shown in our way.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split_once(" at line ").map_or(message.clone(), |(before, _)| before.to_owned())
}

fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (start + column.saturating_sub(1)).min(text.len())
}

/// What is told beside the tree. serde's own errors have room for neither.
struct Json<'t> {
    text: &'t str,
    flaws: RefCell<Vec<Flaw>>,
    fatal: Cell<Option<Flaw>>,
}

impl<'t> Json<'t> {
    /// Where a piece of the text begins in it.
    fn offset(&self, piece: &str) -> usize {
        piece.as_ptr() as usize - self.text.as_ptr() as usize
    }

    /// Where the next value begins: after blanks, and after a key also a colon.
    fn value_after(&self, end: usize) -> usize {
        let between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b':');
        end + self.text.as_bytes()[end..].iter().take_while(|byte| between(byte)).count()
    }

    /// A string as it stands in the text, quotes and all, to what it says.
    fn unquote<E: de::Error>(&self, quoted: &'t str) -> Result<Cow<'t, str>, E> {
        let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        if !inner.as_bytes().contains(&b'\\') {
            return Ok(Cow::Borrowed(inner));
        }
        // An escape is checked for its form when it is skipped, and for its sense here.
        serde_json::from_str(quoted).map(Cow::Owned).map_err(|error: serde_json::Error| {
            let at = self.offset(quoted);
            self.fatal(at, format!("not valid JSON: {}", without_position(&error)))
        })
    }

    fn fatal<E: de::Error>(&self, at: usize, message: String) -> E {
        self.fatal.set(Some(Flaw { at, message }));
        E::custom("")
    }
}

/// A value that begins at a known place. Its first byte says what it is, so that a reader is asked
/// once, and in one pass.
struct Value<'j, 't> {
    json: &'j Json<'t>,
    at: usize,
    depth: usize,
}

impl<'t> DeserializeSeed<'t> for Value<'_, 't> {
    type Value = Node;

    fn deserialize<D: Deserializer<'t>>(self, from: D) -> Result<Node, D::Error> {
        let Self { json, at, depth } = self;
        if depth > DEEPEST {
            return Err(json.fatal(at, format!("nested deeper than {DEEPEST} levels")));
        }
        let data = match json.text.as_bytes().get(at) {
            Some(b'{') => from.deserialize_map(self)?,
            Some(b'[') => from.deserialize_seq(self)?,
            first => {
                let raw: &RawValue = Deserialize::deserialize(from)?;
                match first {
                    Some(b'"') => Data::Text(json.unquote(raw.get())?.into_owned()),
                    Some(b't') => Data::Flag(true),
                    Some(b'f') => Data::Flag(false),
                    Some(b'n') => Data::Null,
                    _ => Data::Number(raw.get().to_owned()),
                }
            }
        };
        Ok(Node { at, data })
    }
}

impl<'t> Visitor<'t> for Value<'_, 't> {
    type Value = Data;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Data, A::Error> {
        let Self { json, depth, .. } = self;
        let mut table: Vec<(Key, Node)> = Vec::new();
        while let Some(quoted) = map.next_key::<&RawValue>()? {
            let quoted = quoted.get();
            let key = Key { name: json.unquote(quoted)?.into(), at: json.offset(quoted) };
            let at = json.value_after(key.at + quoted.len());
            table.push((key, map.next_value_seed(Value { json, at, depth: depth + 1 })?));
        }
        // Where they rise, as they mostly do, none stands twice.
        if !table.is_sorted_by(|(one, _), (other, _)| one.name < other.name) {
            let mut seen = BTreeSet::new();
            let twice = table.iter().filter(|(key, _)| !seen.insert(&key.name));
            let flaw =
                |(key, _): &(Key, Node)| Flaw { at: key.at, message: format!("the key `{}` stands twice", key.name) };
            json.flaws.borrow_mut().extend(twice.map(flaw));
        }
        Ok(Data::Table(table))
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut items: A) -> Result<Data, A::Error> {
        let Self { json, depth, .. } = self;
        let mut list = Vec::new();
        // Where an item begins is known once it has been passed over; lists are short.
        while let Some(raw) = items.next_element::<&RawValue>()? {
            let item = Value { json, at: json.offset(raw.get()), depth: depth + 1 };
            let node = item.deserialize(&mut serde_json::Deserializer::from_str(raw.get()));
            list.push(node.map_err(|error| {
                // Unless it was told with its place.
                let told = json.fatal.take();
                let at = json.offset(raw.get());
                let flaw = told.unwrap_or_else(|| Flaw { at, message: without_position(&error) });
                json.fatal(flaw.at, flaw.message)
            })?);
        }
        Ok(Data::List(list))
    }
}

fn parse_toml(text: &str) -> Result<Node, Flaw> {
    let table = DeTable::parse(text).map_err(|error| Flaw {
        at: error.span().map_or(0, |span| span.start),
        message: format!("not valid TOML: {}", error.message()),
    })?;
    let at = table.span().start;
    toml_table(table.into_inner(), at, 0)
}

fn toml_table(table: DeTable<'_>, at: usize, depth: usize) -> Result<Node, Flaw> {
    if depth > DEEPEST {
        return Err(Flaw { at, message: format!("nested deeper than {DEEPEST} levels") });
    }
    let mut members = Vec::with_capacity(table.len());
    for (key, value) in table {
        let key = Key { at: key.span().start, name: key.into_inner().as_ref().into() };
        members.push((key, toml_node(value, depth)?));
    }
    // TOML tables are kept sorted by name; the order of the text is what people expect to see.
    members.sort_by_key(|(key, _)| key.at);
    Ok(Node { at, data: Data::Table(members) })
}

fn toml_node(value: toml::Spanned<DeValue<'_>>, depth: usize) -> Result<Node, Flaw> {
    let at = value.span().start;
    let data = match value.into_inner() {
        DeValue::String(text) => Data::Text(text.into_owned()),
        DeValue::Boolean(flag) => Data::Flag(flag),
        DeValue::Integer(number) => Data::Number(number.to_string()),
        DeValue::Float(number) => Data::Number(number.to_string()),
        DeValue::Datetime(time) => Data::Text(time.to_string()),
        DeValue::Array(items) => {
            Data::List(items.into_iter().map(|item| toml_node(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => return toml_table(table, at, depth + 1),
    };
    Ok(Node { at, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(node: &Node) -> Vec<(&str, usize)> {
        match &node.data {
            Data::Table(table) => table.iter().map(|(key, _)| (&*key.name, key.at)).collect(),
            _ => panic!(),
        }
    }

    #[test]
    fn json_values_and_keys_know_where_they_stand() {
        let text = "{ \"a\\u0062\" : 1,\n  \"c\": {\"d\": \"x\"} }";
        let (root, flaws) = parse_json(text).unwrap();
        assert!(flaws.is_empty());
        assert_eq!(keys(&root), [("ab", 2), ("c", 19)]);
        let Data::Table(table) = &root.data else { panic!() };
        assert_eq!(table[0].1.at, 14);
        assert_eq!(keys(&table[1].1), [("d", 25)]);
    }

    #[test]
    fn equal_json_keys_are_told() {
        let (_, flaws) = parse_json(r#"{"a": 1, "b": {"x": 1, "x": 2}, "a": 3}"#).unwrap();
        let told: Vec<_> = flaws.iter().map(|flaw| flaw.at).collect();
        assert_eq!(told, [23, 32]);
    }

    #[test]
    fn toml_values_and_keys_know_where_they_stand() {
        let root = parse_toml("b = 1\n[a]\nx = 'y'\n").unwrap();
        assert_eq!(keys(&root), [("b", 0), ("a", 7)]);
        assert_eq!(parse_toml("a = 1\na = 2\n").unwrap_err().at, 6);
    }

    #[test]
    fn nesting_has_an_end() {
        assert!(parse_json(&"[".repeat(5000)).is_err());
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert!(parse_json(&deep).unwrap_err().message.contains("deeper"));
        assert!(parse_toml(&format!("a = {}{}", "[".repeat(200), "]".repeat(200))).is_err());
    }
}
