//! A JSON object that a server sent: its members by name, each parsed only where it is wanted.
//!
//! Two members of one name are an error: whoever put the second there may have meant it for another
//! reader. What is not wanted is never copied, and no text of it gets into a message.

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug)]
pub(super) struct Object<'j>(BTreeMap<String, &'j RawValue>);

impl<'j> Object<'j> {
    /// None: it is no JSON, or no object.
    pub(super) fn parse(json: &'j [u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// Of all members.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A member; None where it is absent or of another type.
    pub(super) fn get<T: Deserialize<'j>>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }

    /// All members, sorted by name, as they are written.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &'j RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

impl<'j> Deserialize<'j> for Object<'j> {
    fn deserialize<D: Deserializer<'j>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(Members)
    }
}

struct Members;

impl<'j> Visitor<'j> for Members {
    type Value = Object<'j>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'j>>(self, mut map: A) -> Result<Object<'j>, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_name_and_type() {
        let object = Object::parse(br#" {"a": "x\u0041", "b": {"c": [1, 2]}, "\u0064": true, "n": null} "#).unwrap();
        assert_eq!(object.get::<String>("a").as_deref(), Some("xA"));
        assert_eq!(object.get::<Object>("b").unwrap().get::<Vec<u8>>("c"), Some(vec![1, 2]));
        assert_eq!(object.get("d"), Some(true));
        assert_eq!((object.get::<String>("n"), object.get::<bool>("a"), object.get::<bool>("z")), (None, None, None));
    }

    #[test]
    fn what_is_no_single_object_is_none() {
        for wrong in ["", "[]", "1", "null", "{", "{}{}", "{\"a\":}", "<html>", "\u{feff}{}", r#"{"a":1,"\u0061":2}"#] {
            assert!(Object::parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
        assert!(Object::parse(b"{\"a\":\"\xff\"}").is_none_or(|object| object.get::<String>("a").is_none()));
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Object::parse(deep.as_bytes()).is_none_or(|object| object.get::<Vec<u8>>("a").is_none()));
    }
}
