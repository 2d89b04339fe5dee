//! JSON and TOML as one tree that knows where each value was written.
//!
//! serde_json gives no positions, but its raw values are slices of the text, so that an address
//! tells the offset. Keys that stand twice are reported, which `serde_json::Value` would not do.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
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
    let root: &RawValue = serde_json::from_str(text).map_err(|error| Flaw {
        at: offset(text, error.line(), error.column()),
        message: format!("not valid JSON: {}", without_position(&error)),
    })?;
    let mut json = Json { text, flaws: Vec::new() };
    let node = json.node(root, 0)?;
    Ok((node, json.flaws))
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

struct Json<'a> {
    text: &'a str,
    flaws: Vec<Flaw>,
}

impl Json<'_> {
    fn node(&mut self, raw: &RawValue, depth: usize) -> Result<Node, Flaw> {
        let json = raw.get();
        let at = json.as_ptr() as usize - self.text.as_ptr() as usize;
        let flaw =
            |error: serde_json::Error| Flaw { at, message: format!("not valid JSON: {}", without_position(&error)) };
        if depth > DEEPEST {
            return Err(Flaw { at, message: format!("nested deeper than {DEEPEST} levels") });
        }
        let data = match json.as_bytes().first() {
            Some(b'{') => {
                let members: Members<'_> = serde_json::from_str(json).map_err(flaw)?;
                self.table(members, at, depth)?
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(json).map_err(flaw)?;
                Data::List(items.into_iter().map(|item| self.node(item, depth + 1)).collect::<Result<_, _>>()?)
            }
            Some(b'"') => Data::Text(serde_json::from_str(json).map_err(flaw)?),
            Some(b't') => Data::Flag(true),
            Some(b'f') => Data::Flag(false),
            Some(b'n') => Data::Null,
            _ => Data::Number(json.to_owned()),
        };
        Ok(Node { at, data })
    }

    fn table(&mut self, members: Members<'_>, at: usize, depth: usize) -> Result<Data, Flaw> {
        let mut table: Vec<(Key, Node)> = Vec::with_capacity(members.0.len());
        let mut names: Vec<&str> = members.0.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        let twice = names.windows(2).any(|pair| pair[0] == pair[1]);
        let mut end = at + 1;
        for (name, raw) in members.0 {
            // Between the last value and this key stand blanks and a comma only.
            let gap = self.text[end..].bytes().take_while(|&byte| byte != b'"').count();
            let key = Key { name: name.into(), at: end + gap };
            let node = self.node(raw, depth + 1)?;
            end = node.at + raw.get().len();
            table.push((key, node));
        }
        if twice {
            let mut seen = BTreeSet::new();
            for (key, _) in table.iter().filter(|(key, _)| !seen.insert(&key.name)) {
                self.flaws.push(Flaw { at: key.at, message: format!("the key `{}` stands twice", key.name) });
            }
        }
        Ok(Data::Table(table))
    }
}

/// The members of an object in their order, equal keys and all.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Collect)
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
