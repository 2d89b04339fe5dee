//! The document inside the store file: one JSON object, its reading and its writing.
//!
//! `{"format": 3, "recipients": [KEY…], "secrets": {KEY: ENTRY…}, "random": {KEY: ENTRY…}}`, where
//! the KEY of a secret is that of `key.rs`, mostly its name. ENTRY has one of `value` (text), `base64` (bytes that are
//! no text) and `fields` (an object of such entries), which is its latest revision, and may have [`MEMBERS`]; an alias
//! has no value. Members unknown to the format are refused: one could restrict who may have a secret, so neither a
//! reader nor a writer may pass over it, and a format that adds some has another number. Format 1 lacks all members
//! behind `creator`, and format 2 the last one. Both are read; written is 2, and 3 only where something in it needs
//! that, so that whoever knows no later one goes on to read what it can. Encryption and files are `file.rs`'s.

use crate::secret::Secret;
use crate::store::manage::attributes::Said;
use crate::store::manage::{Attribute, Attributes, Content};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use zeroize::Zeroizing;

/// The latest format.
pub(super) const FORMAT: u64 = 3;

/// What an entry may have: its value, what format 1 knew beside it, and what formats 2 and 3 add.
const MEMBERS: [&str; IN_FORMAT_1 + 7 + KEPT.len()] = {
    let mut members = [""; IN_FORMAT_1 + 7 + KEPT.len()];
    let own = [
        "value",
        "base64",
        "fields",
        "description",
        "created",
        "updated",
        "creator",
        "revision",
        "revised",
        "older",
        "alias",
        "override",
        "grants",
        "built-in",
    ];
    let mut at = 0;
    while at < members.len() {
        members[at] = if at < own.len() { own[at] } else { KEPT[at - own.len()].0 };
        at += 1;
    }
    members
};
const IN_FORMAT_1: usize = 7;
const IN_FORMAT_2: usize = MEMBERS.len() - 1;

/// What is kept as it was said, under the names of the options.
pub(super) const KEPT: [(&str, Attribute); 13] = [
    ("pod", Attribute::Pod),
    ("label", Attribute::Label),
    ("readable", Attribute::Readable),
    ("writable", Attribute::Writable),
    ("visibility", Attribute::Visibility),
    ("hidden", Attribute::Hidden),
    ("plain", Attribute::Plain),
    ("schema", Attribute::Schema),
    ("provider", Attribute::Provider),
    ("provider-options", Attribute::ProviderOptions),
    ("mount-path", Attribute::MountPath),
    ("interpolation", Attribute::Interpolation),
    ("auto-prune", Attribute::AutoPrune),
];

/// Everything, for a writer. Both lists are sorted by name.
#[derive(Default)]
pub(super) struct Document {
    /// Public keys of all whom the file is encrypted to.
    pub(super) recipients: Vec<String>,
    pub(super) secrets: Entries,
    /// Passwords that `pods:random:N` made, under pod id and entry.
    pub(super) random: Entries,
}

pub(super) struct Entry {
    /// None: it is an alias, or its latest revision was removed.
    pub(super) content: Option<Content>,
    pub(super) details: Details,
}

pub(super) struct Details {
    pub(super) description: String,
    /// RFC 3339, as are `updated` and `revised`.
    pub(super) created: String,
    pub(super) updated: String,
    pub(super) creator: String,
    /// Of the latest value, from 1; never lowered.
    pub(super) revision: u64,
    /// When that value came; empty: `created`.
    pub(super) revised: String,
    /// Rising numbers, all below `revision`.
    pub(super) older: Vec<Revision>,
    pub(super) origin: Option<Origin>,
    /// The applications that may have it, sorted.
    pub(super) grants: Vec<String>,
    /// Nobody changes it.
    pub(super) built_in: bool,
    /// Those of [`KEPT`].
    pub(super) said: Attributes,
}

impl Default for Details {
    fn default() -> Self {
        let [description, created, updated, creator, revised] = [const { String::new() }; 5];
        let (older, grants, said) = (Vec::new(), Vec::new(), Attributes::default());
        Self {
            description,
            created,
            updated,
            creator,
            revision: 1,
            revised,
            older,
            origin: None,
            grants,
            built_in: false,
            said,
        }
    }
}

/// A value that was.
pub(super) struct Revision {
    pub(super) number: u64,
    pub(super) created: String,
    pub(super) content: Content,
}

/// What a secret hangs on: it goes with it. The key of a wider scope's.
pub(super) enum Origin {
    Alias(String),
    Override(String),
}

impl Origin {
    pub(super) fn key(&self) -> &str {
        let (Self::Alias(key) | Self::Override(key)) = self;
        key
    }
}

/// What a launch makes of an entry.
pub(super) struct Found {
    pub(super) content: Option<Content>,
    /// None where nothing but a value matters, as mostly.
    pub(super) link: Option<Box<Link>>,
}

impl Found {
    /// The same once more, for a second reference to the secret.
    pub(super) fn share(&self) -> Self {
        let revision = |old: &Revision| Revision {
            number: old.number,
            created: old.created.clone(),
            content: old.content.share(),
        };
        let link = |link: &Link| Link {
            alias: link.alias.clone(),
            grants: link.grants.clone(),
            revision: link.revision,
            mount_path: link.mount_path.clone(),
            older: link.older.iter().map(revision).collect(),
        };
        Self { content: self.content.as_ref().map(Content::share), link: self.link.as_deref().map(link).map(Box::new) }
    }
}

/// What decides which value a launch gets, and whether.
#[derive(Default)]
pub(super) struct Link {
    pub(super) alias: Option<String>,
    pub(super) grants: Vec<String>,
    pub(super) revision: Option<u64>,
    pub(super) mount_path: Option<String>,
    /// Only where a launch wants one.
    pub(super) older: Vec<Revision>,
}

/// Why a text is no document of ours. Shows names, never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The number of a later format.
    Newer(u64),
    Damaged(String),
}

impl Document {
    pub(super) fn parse(json: &str) -> Result<Self, Fault> {
        let faults = Faults::default();
        let every = || Every { entries: Vec::new(), faults: &faults };
        let top = Top::read(json, every(), every(), &faults)?;
        Ok(Self {
            recipients: top.recipients,
            secrets: Entries::sorted(top.secrets.entries)?,
            random: Entries::sorted(top.random.entries)?,
        })
    }

    /// The JSON text, in a buffer of its exact size: growing one would leave copies.
    pub(super) fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        struct Length(usize);
        impl io::Write for Length {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 += bytes.len();
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut length = Length(0);
        serde_json::to_writer(&mut length, self)?;
        let mut json = Zeroizing::new(Vec::with_capacity(length.0));
        serde_json::to_writer(&mut *json, self)?;
        Ok(json)
    }
}

/// The values of `secrets` and of `random`, both sorted and without repetition: what a launch asks
/// for. Nothing is made of any other entry, nor of older revisions unless one is wanted.
pub(super) fn pick(json: &str, secrets: &[&str], random: &[&str], older: bool) -> Result<(Picked, Picked), Fault> {
    let faults = Faults::default();
    let wanted = |names| Wanted { names, next: 0, found: names.iter().map(|_| None).collect(), older, faults: &faults };
    let top = Top::read(json, wanted(secrets), wanted(random), &faults)?;
    Ok((top.secrets.found, top.random.found))
}

/// The labels of all secrets, behind the keys of those: for a launch that names something else.
pub(super) fn labels(json: &str) -> Result<Vec<(String, String)>, Fault> {
    #[derive(Default)]
    struct Labels(Vec<(String, String)>);
    struct Label(Option<String>);

    impl Members for Labels {
        fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
            let mut label = Label(None);
            map.next_value_seed(Object(&mut label))?;
            self.0.extend(label.0.map(|label| (key.to_owned(), label)));
            Ok(())
        }
    }

    impl Members for Label {
        fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
            match name {
                "label" => map.next_value().map(|label| self.0 = Some(label)),
                _ => map.next_value::<IgnoredAny>().map(drop),
            }
        }
    }

    let faults = Faults::default();
    Ok(Top::read(json, Labels::default(), Labels::default(), &faults)?.secrets.0)
}

/// The answers, in the order of the names.
pub(super) type Picked = Vec<Option<Found>>;

/// Named entries, sorted, no name twice.
#[derive(Default)]
pub(super) struct Entries(Vec<(String, Entry)>);

impl Entries {
    fn sorted(mut entries: Vec<(String, Entry)>) -> Result<Self, Fault> {
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        match entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(Fault::Damaged(format!("it has `{}` twice", pair[0].0))),
            None => Ok(Self(entries)),
        }
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.as_str().cmp(name))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        self.find(name).ok().map(|at| &self.0[at].1)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Entry> {
        self.find(name).ok().map(|at| &mut self.0[at].1)
    }

    /// Replaces one that has the name.
    pub(super) fn put(&mut self, name: &str, entry: Entry) {
        match self.find(name) {
            Ok(at) => self.0[at].1 = entry,
            Err(at) => self.0.insert(at, (name.to_owned(), entry)),
        }
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Entry> {
        self.find(name).ok().map(|at| self.0.remove(at).1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(String, Entry)> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Entry)> {
        self.0.iter_mut().map(|(key, entry)| (key.as_str(), entry))
    }
}

/// Where a reader leaves its own reason to stop: serde's texts may quote the document.
#[derive(Default)]
struct Faults {
    found: Cell<Option<Fault>>,
    /// 0 until it is read; it stands first in what we write.
    format: Cell<u64>,
}

impl Faults {
    fn damaged<E: serde::de::Error>(&self, what: String) -> E {
        self.found.set(Some(Fault::Damaged(what)));
        E::custom("damaged")
    }

    /// The member's place in `members`; an error where it is unknown or repeated.
    fn member<E: serde::de::Error>(&self, members: &[&str], seen: &mut u32, name: &str) -> Result<usize, E> {
        let unknown =
            |format| self.damaged(format!("it has a member `{}` that format {format} does not know", shown(name)));
        let Some(place) = members.iter().position(|member| *member == name) else { return Err(unknown(FORMAT)) };
        let known = match self.format.get() {
            1 => IN_FORMAT_1,
            2 => IN_FORMAT_2,
            _ => MEMBERS.len(),
        };
        // No other object has as many members.
        if place >= known {
            return Err(unknown(self.format.get()));
        }
        if *seen & 1 << place != 0 {
            return Err(self.damaged(format!("it has `{name}` twice in one place")));
        }
        *seen |= 1 << place;
        Ok(place)
    }
}

/// A name from a document that may be anything.
fn shown(name: &str) -> String {
    name.chars().take(40).flat_map(char::escape_debug).collect()
}

/// One JSON object while it is read: what to do with each of its members.
trait Members {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

struct Object<'m, M>(&'m mut M);

impl<'de, M: Members> DeserializeSeed<'de> for Object<'_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de, M: Members> Visitor<'de> for Object<'_, M> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Name)? {
            self.0.member(&name, &mut map)?;
        }
        Ok(())
    }
}

/// A member's name, in place where it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// A secret's text, or the bytes that it stands for.
#[derive(Clone, Copy)]
enum Bytes {
    Text,
    Base64,
}

impl<'de> DeserializeSeed<'de> for Bytes {
    type Value = Secret;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Secret, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Bytes {
    type Value = Secret;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Secret, E> {
        match self {
            Self::Text => Ok(Secret::from(text.as_bytes().to_vec())),
            Self::Base64 => {
                let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
                let length = STANDARD.decode_slice(text, &mut bytes).map_err(|_| E::custom("no base64"))?;
                Ok(Secret::from(bytes[..length].to_vec()))
            }
        }
    }
}

struct Top<'f, S> {
    format: Option<u64>,
    recipients: Vec<String>,
    secrets: S,
    random: S,
    seen: u32,
    faults: &'f Faults,
}

impl<'f, S: Members> Top<'f, S> {
    fn read(json: &str, secrets: S, random: S, faults: &'f Faults) -> Result<Self, Fault> {
        let mut top = Self { format: None, recipients: Vec::new(), secrets, random, seen: 0, faults };
        let mut reader = serde_json::Deserializer::from_str(json);
        match Object(&mut top).deserialize(&mut reader).and_then(|()| reader.end()) {
            Ok(()) if top.format.is_some() => Ok(top),
            Ok(()) => Err(Fault::Damaged("it has no `format`".into())),
            Err(error) => Err(newer(json).or(faults.found.take()).unwrap_or_else(|| {
                Fault::Damaged(format!("it makes no sense at line {}, column {}", error.line(), error.column()))
            })),
        }
    }
}

impl<S: Members> Members for Top<'_, S> {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        self.faults.member(&["format", "recipients", "secrets", "random"], &mut self.seen, name)?;
        match name {
            "format" => match map.next_value()? {
                known @ 1..=FORMAT => {
                    self.format = Some(known);
                    self.faults.format.set(known);
                }
                other => return Err(self.faults.damaged(format!("there is no format {other}"))),
            },
            "recipients" => self.recipients = map.next_value()?,
            "secrets" => map.next_value_seed(Object(&mut self.secrets))?,
            _ => map.next_value_seed(Object(&mut self.random))?,
        }
        Ok(())
    }
}

/// The number of a later format, however little of the rest can be read. Only on the way to an
/// error: a good document is read once.
fn newer(json: &str) -> Option<Fault> {
    struct Format(Option<u64>);
    impl Members for Format {
        fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
            match name {
                "format" => self.0 = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            Ok(())
        }
    }
    let mut format = Format(None);
    // What follows the number need not be JSON to us.
    let _ = Object(&mut format).deserialize(&mut serde_json::Deserializer::from_str(json));
    format.0.filter(|&number| number > FORMAT).map(Fault::Newer)
}

/// All entries of a section, with all that is known of them.
struct Every<'f> {
    entries: Vec<(String, Entry)>,
    faults: &'f Faults,
}

impl Members for Every<'_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let (content, details) = read_entry(name, map, self.faults, Details::default())?;
        self.entries.push((name.to_owned(), Entry { content, details }));
        Ok(())
    }
}

/// The values of some entries of a section.
struct Wanted<'w, 'f> {
    names: &'w [&'w str],
    /// Of the names; a document is sorted too, so mostly it is this one's turn.
    next: usize,
    found: Picked,
    older: bool,
    faults: &'f Faults,
}

impl Members for Wanted<'_, '_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let at = match self.names.get(self.next) {
            Some(next) if *next == name => Ok(self.next),
            _ => self.names.binary_search(&name),
        };
        let Ok(at) = at else { return map.next_value::<IgnoredAny>().map(drop) };
        self.next = at + 1;
        let (content, Rest { link, .. }) = read_entry(name, map, self.faults, Rest { link: None, older: self.older })?;
        match self.found[at].replace(Found { content, link }) {
            Some(_) => Err(self.faults.damaged(format!("it has `{}` twice", shown(name)))),
            None => Ok(()),
        }
    }
}

fn read_entry<'de, A: MapAccess<'de>, D: Detail>(
    name: &str,
    map: &mut A,
    faults: &Faults,
    details: D,
) -> Result<(Option<Content>, D), A::Error> {
    let mut reading = Reading { content: None, details, seen: 0, faults };
    map.next_value_seed(Object(&mut reading))?;
    if reading.content.is_none() && !reading.details.stands_alone() {
        return Err(faults.damaged(format!("`{}` has no value", shown(name))));
    }
    Ok((reading.content, reading.details))
}

/// What is made of an entry's members other than its value.
trait Detail {
    /// `at` is the member's place in [`MEMBERS`].
    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        at: usize,
        name: &str,
        map: &mut A,
        faults: &Faults,
    ) -> Result<(), A::Error>;

    /// Whether it needs no value.
    fn stands_alone(&self) -> bool;
}

impl Detail for Details {
    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        at: usize,
        name: &str,
        map: &mut A,
        faults: &Faults,
    ) -> Result<(), A::Error> {
        let origin = match name {
            "description" => return map.next_value().map(|text| self.description = text),
            "created" => return map.next_value().map(|text| self.created = text),
            "updated" => return map.next_value().map(|text| self.updated = text),
            "creator" => return map.next_value().map(|text| self.creator = text),
            "revision" => return map.next_value().map(|number| self.revision = number),
            "revised" => return map.next_value().map(|text| self.revised = text),
            "older" => return map.next_value_seed(Object(&mut Older { revisions: &mut self.older, faults })),
            "grants" => return map.next_value().map(|list| self.grants = list),
            "built-in" => return map.next_value().map(|flag| self.built_in = flag),
            "alias" => Origin::Alias(map.next_value()?),
            "override" => Origin::Override(map.next_value()?),
            _ => {
                let attribute = KEPT[at - IN_FORMAT_1 - 7].1;
                let said = match attribute.is_flag() {
                    true => Said::Flag(map.next_value()?),
                    false => Said::Text(map.next_value()?),
                };
                self.said.say(attribute, said);
                return Ok(());
            }
        };
        match self.origin.replace(origin) {
            Some(_) => Err(faults.damaged("an entry is an alias and an override".into())),
            None => Ok(()),
        }
    }

    fn stands_alone(&self) -> bool {
        !self.older.is_empty() || matches!(self.origin, Some(Origin::Alias(_)))
    }
}

/// A launch's part of an entry.
struct Rest {
    link: Option<Box<Link>>,
    older: bool,
}

impl Detail for Rest {
    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        at: usize,
        name: &str,
        map: &mut A,
        faults: &Faults,
    ) -> Result<(), A::Error> {
        if at < IN_FORMAT_1 {
            return map.next_value::<IgnoredAny>().map(drop);
        }
        let link = self.link.get_or_insert_default();
        match name {
            "alias" => link.alias = Some(map.next_value()?),
            "grants" => link.grants = map.next_value()?,
            "revision" => link.revision = Some(map.next_value()?),
            "mount-path" => link.mount_path = Some(map.next_value()?),
            "older" if self.older => map.next_value_seed(Object(&mut Older { revisions: &mut link.older, faults }))?,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }

    fn stands_alone(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.alias.is_some() || link.revision.is_some())
    }
}

/// `"older": {NUMBER: {"created": TIME, "value": TEXT}…}`, sorted by number.
struct Older<'o, 'f> {
    revisions: &'o mut Vec<Revision>,
    faults: &'f Faults,
}

impl Members for Older<'_, '_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let after = self.revisions.last().map_or(0, |last| last.number);
        let Some(number) = name.parse().ok().filter(|&number| number > after) else {
            return Err(self.faults.damaged(format!("there is no revision `{}` after {after}", shown(name))));
        };
        if let (Some(content), Created(created)) = read_entry(name, map, self.faults, Created::default())? {
            self.revisions.push(Revision { number, created, content });
        }
        Ok(())
    }
}

/// All that is known of an older revision beside its value.
#[derive(Default)]
struct Created(String);

impl Detail for Created {
    fn member<'de, A: MapAccess<'de>>(
        &mut self,
        _: usize,
        name: &str,
        map: &mut A,
        faults: &Faults,
    ) -> Result<(), A::Error> {
        if name != "created" {
            return Err(faults.damaged(format!("an older revision has a member `{name}`")));
        }
        map.next_value().map(|text| self.0 = text)
    }

    fn stands_alone(&self) -> bool {
        false
    }
}

struct Reading<'f, D> {
    content: Option<Content>,
    details: D,
    seen: u32,
    faults: &'f Faults,
}

impl<D: Detail> Members for Reading<'_, D> {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        let at = self.faults.member(&MEMBERS, &mut self.seen, name)?;
        let content = match name {
            "value" => Content::Bytes(map.next_value_seed(Bytes::Text)?),
            "base64" => Content::Bytes(map.next_value_seed(Bytes::Base64)?),
            "fields" => {
                let mut fields = Fields { fields: Vec::new(), seen: BTreeSet::new(), faults: self.faults };
                map.next_value_seed(Object(&mut fields))?;
                Content::Fields(fields.fields)
            }
            _ => return self.details.member(at, name, map, self.faults),
        };
        match self.content.replace(content) {
            Some(_) => Err(self.faults.damaged("an entry has two values".into())),
            None => Ok(()),
        }
    }
}

struct Fields<'f> {
    fields: Vec<(String, Secret)>,
    seen: BTreeSet<String>,
    faults: &'f Faults,
}

impl Members for Fields<'_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        if !self.seen.insert(name.to_owned()) {
            return Err(self.faults.damaged(format!("an entry has the field `{}` twice", shown(name))));
        }
        let mut field = Field { secret: None, seen: 0, faults: self.faults };
        map.next_value_seed(Object(&mut field))?;
        match field.secret {
            Some(secret) => self.fields.push((name.to_owned(), secret)),
            None => return Err(self.faults.damaged(format!("the field `{}` has no value", shown(name)))),
        }
        Ok(())
    }
}

struct Field<'f> {
    secret: Option<Secret>,
    seen: u32,
    faults: &'f Faults,
}

impl Members for Field<'_> {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        self.faults.member(&["value", "base64"], &mut self.seen, name)?;
        let bytes = if name == "value" { Bytes::Text } else { Bytes::Base64 };
        match self.secret.replace(map.next_value_seed(bytes)?) {
            Some(_) => Err(self.faults.damaged("a field has two values".into())),
            None => Ok(()),
        }
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        let prunes = |(_, entry): &(String, Entry)| entry.details.said.flag(Attribute::AutoPrune).is_some();
        let format = if self.secrets.iter().any(prunes) { FORMAT } else { 2 };
        // First, so that any reader finds it whatever it makes of the rest.
        map.serialize_entry("format", &format)?;
        map.serialize_entry("recipients", &self.recipients)?;
        map.serialize_entry("secrets", &self.secrets)?;
        map.serialize_entry("random", &self.random)?;
        map.end()
    }
}

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.0.iter().map(|(name, entry)| (name, entry)))
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        if let Some(content) = &self.content {
            write_content(content, &mut map)?;
        }
        let Details { description, created, updated, creator, revised, .. } = &self.details;
        let details = [("description", description), ("created", created), ("updated", updated), ("creator", creator)];
        // Every launch reads past what stands here: what says nothing is left out.
        let says_nothing = |(name, text): &(&str, &String)| text.is_empty() || *name == "updated" && *text == created;
        for (name, text) in details.into_iter().filter(|detail| !says_nothing(detail)) {
            map.serialize_entry(name, text)?;
        }
        if self.details.revision != 1 || self.content.is_none() && self.details.origin.is_none() {
            map.serialize_entry("revision", &self.details.revision)?;
        }
        if !revised.is_empty() && revised != created {
            map.serialize_entry("revised", revised)?;
        }
        if !self.details.older.is_empty() {
            map.serialize_entry("older", &OlderOut(&self.details.older))?;
        }
        match &self.details.origin {
            None => {}
            Some(Origin::Alias(key)) => map.serialize_entry("alias", key)?,
            Some(Origin::Override(key)) => map.serialize_entry("override", key)?,
        }
        if !self.details.grants.is_empty() {
            map.serialize_entry("grants", &self.details.grants)?;
        }
        if self.details.built_in {
            map.serialize_entry("built-in", &true)?;
        }
        for (name, attribute) in KEPT {
            match (self.details.said.text(attribute), self.details.said.flag(attribute)) {
                (Some(text), _) => map.serialize_entry(name, text)?,
                (None, Some(flag)) => map.serialize_entry(name, &flag)?,
                (None, None) => {}
            }
        }
        map.end()
    }
}

fn write_content<M: SerializeMap>(content: &Content, map: &mut M) -> Result<(), M::Error> {
    match content {
        Content::Bytes(secret) => write_bytes(secret, map),
        Content::Fields(fields) => map.serialize_entry("fields", &FieldsOut(fields)),
    }
}

struct OlderOut<'a>(&'a [Revision]);

impl Serialize for OlderOut<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.0.iter().map(|revision| (revision.number.to_string(), RevisionOut(revision))))
    }
}

struct RevisionOut<'a>(&'a Revision);

impl Serialize for RevisionOut<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        write_content(&self.0.content, &mut map)?;
        map.serialize_entry("created", &self.0.created)?;
        map.end()
    }
}

struct FieldsOut<'a>(&'a [(String, Secret)]);

impl Serialize for FieldsOut<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.0.iter().map(|(name, secret)| (name, FieldOut(secret))))
    }
}

struct FieldOut<'a>(&'a Secret);

impl Serialize for FieldOut<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(1))?;
        write_bytes(self.0, &mut map)?;
        map.end()
    }
}

#[allow(clippy::disallowed_methods, reason = "the text goes into a buffer that is encrypted and wiped")]
fn write_bytes<M: SerializeMap>(secret: &Secret, map: &mut M) -> Result<(), M::Error> {
    match std::str::from_utf8(secret.expose()) {
        Ok(text) => map.serialize_entry("value", text),
        Err(_) => map.serialize_entry("base64", Zeroizing::new(STANDARD.encode(secret.expose())).as_str()),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the tests compare values")]
mod tests {
    use super::*;

    fn entry(content: Content) -> Entry {
        Entry {
            content: Some(content),
            details: Details { created: "2026-11-22T10:00:00Z".into(), ..Details::default() },
        }
    }

    fn bytes(content: Option<&Content>) -> Option<Vec<u8>> {
        match content? {
            Content::Bytes(secret) => Some(secret.expose().to_vec()),
            Content::Fields(_) => None,
        }
    }

    fn fault(json: &str) -> Fault {
        let whole = Document::parse(json).err().unwrap();
        let picked = pick(json, &["a"], &[], true).err().unwrap();
        assert_eq!(whole, picked);
        whole
    }

    fn damage(json: &str) -> String {
        match fault(json) {
            Fault::Damaged(what) => what,
            Fault::Newer(number) => panic!("newer: {number}"),
        }
    }

    #[test]
    fn any_bytes_come_back_as_they_were() {
        let every: Vec<u8> = (0..=255).collect();
        let values: [&[u8]; 6] = [b"", b"plain", b"\"\\\n\0\x1f", "ü\u{2028}😀".as_bytes(), b"\xff", &every];
        let mut document = Document { recipients: vec!["age1x".into()], ..Document::default() };
        for (index, value) in values.iter().enumerate() {
            document.secrets.put(&format!("n{index}"), entry(Content::Bytes(Secret::from(value.to_vec()))));
        }
        let fields = values.iter().enumerate();
        let fields = fields.map(|(index, value)| (format!("F {index}"), Secret::from(value.to_vec()))).collect();
        document.secrets.put("fields", entry(Content::Fields(fields)));
        document.random.put("pod:entry", entry(Content::Bytes(Secret::from("kept".to_owned()))));

        let json = document.to_json().unwrap();
        assert_eq!(json.len(), json.capacity());
        assert!(json.starts_with(b"{\"format\":2,"));
        let read = Document::parse(std::str::from_utf8(&json).unwrap()).unwrap_or_else(|fault| panic!("{fault:?}"));
        assert_eq!(read.recipients, ["age1x"]);
        assert_eq!(read.secrets.get("n0").unwrap().details.created, "2026-11-22T10:00:00Z");
        for (index, value) in values.iter().enumerate() {
            let entry = read.secrets.get(&format!("n{index}")).unwrap();
            assert_eq!(bytes(entry.content.as_ref()).unwrap(), *value);
        }
        let Some(Content::Fields(fields)) = &read.secrets.get("fields").unwrap().content else { panic!() };
        for (index, (name, secret)) in fields.iter().enumerate() {
            assert_eq!((name, secret.expose()), (&format!("F {index}"), values[index]));
        }
        assert_eq!(bytes(read.random.get("pod:entry").and_then(|entry| entry.content.as_ref())).unwrap(), b"kept");
    }

    #[test]
    fn a_launch_gets_the_names_it_wants_and_nothing_is_made_of_the_others() {
        // `other` is no entry, and what is not wanted is not looked at.
        let json = r#"{"format":1,"secrets":{"a":{"value":"1"},"other":{"value":7,"x":[{}]},"b\u0062":{"value":"2"},
            "c":{"base64":"/w==","description":"d"}},"random":{"a":{"value":"3"}}}"#;
        let (secrets, random) = pick(json, &["a", "bb", "c", "d"], &["a"], false).ok().unwrap();
        let found: Vec<_> = secrets.iter().map(|found| bytes(found.as_ref()?.content.as_ref())).collect();
        assert_eq!(found, [Some(b"1".to_vec()), Some(b"2".to_vec()), Some(vec![255]), None]);
        assert_eq!(bytes(random[0].as_ref().unwrap().content.as_ref()).unwrap(), b"3");
        assert!(Document::parse(json).is_err());
    }

    #[test]
    fn all_that_is_said_of_a_secret_comes_back_and_a_launch_takes_its_part() {
        let json = concat!(
            r#"{"format":2,"recipients":[],"secrets":{"/s/b":{"alias":"a"},"a":{"value":"3","created":"t","revision":3,"#,
            r#""revised":"u","older":{"1":{"value":"1","created":"t"},"2":{"base64":"/w==","created":"v"}},"#,
            r#""override":"x","grants":["app"],"built-in":true,"pod":"p","readable":false,"mount-path":"/m"},"#,
            r#""c":{"revision":2,"older":{"1":{"value":"1","created":""}}}},"random":{}}"#
        );
        let written = Document::parse(json).ok().unwrap().to_json().unwrap();
        assert_eq!(std::str::from_utf8(&written).unwrap(), json);
        for older in [false, true] {
            let (found, _) = pick(json, &["/s/b", "a", "c"], &[], older).ok().unwrap();
            let link = |at: usize| found[at].as_ref().unwrap().link.as_deref().unwrap();
            assert_eq!((link(0).alias.as_deref(), &link(1).grants[..]), (Some("a"), &["app".to_owned()][..]));
            assert_eq!(
                (link(1).revision, link(1).older.len(), link(2).revision),
                (Some(3), if older { 2 } else { 0 }, Some(2))
            );
        }
        for bad in [
            r#"{"format":2,"secrets":{"a":{"alias":"b","override":"c","value":""}}}"#,
            r#"{"format":2,"secrets":{"a":{"value":"","older":{"2":{"value":""},"1":{"value":""}}}}}"#,
            r#"{"format":2,"secrets":{"a":{"value":"","older":{"1":{}}}}}"#,
            r#"{"format":2,"secrets":{"a":{"value":"","older":{"1":{"value":"","grants":[]}}}}}"#,
            r#"{"format":2,"secrets":{"a":{"grants":[]}}}"#,
        ] {
            assert!(matches!(Document::parse(bad), Err(Fault::Damaged(_))), "{bad}");
        }
    }

    #[test]
    fn a_document_is_of_the_least_format_that_has_all_that_is_in_it() {
        let json = |number: u64, more: &str| {
            format!(r#"{{"format":{number},"recipients":[],"secrets":{{"a":{{"value":"1"{more}}}}},"random":{{}}}}"#)
        };
        for (read, written) in [
            (json(1, ""), json(2, "")),
            (json(3, ""), json(2, "")),
            (json(3, r#","auto-prune":true"#), json(3, r#","auto-prune":true"#)),
        ] {
            let again = Document::parse(&read).ok().unwrap().to_json().unwrap();
            assert_eq!(std::str::from_utf8(&again).unwrap(), written);
        }
    }

    #[test]
    fn the_labels_of_secrets_are_found_without_their_values() {
        let json = r#"{"format":2,"secrets":{"a":{"value":7,"label":"x"},"b":{"value":"label"},"//t:/s/c":{"label":"x"}},
            "random":{"d":{"value":"1","label":"x"}}}"#;
        let label = |key: &str| (key.to_owned(), "x".to_owned());
        assert_eq!(labels(json), Ok(vec![label("a"), label("//t:/s/c")]));
    }

    #[test]
    fn the_names_of_what_is_kept_are_those_of_the_options() {
        for (name, attribute) in KEPT {
            assert_eq!(attribute.row().unwrap().option, name);
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage_whatever_else_the_document_holds() {
        for json in [
            r#"{"format":4,"secrets":[]}"#,
            r#"{"format":4,"secrets" no json"#,
            r#"{"scopes":{},"format":4}"#,
            r#"{"secrets":{"a":{"value":1}},"format":4}"#,
        ] {
            assert_eq!(fault(json), Fault::Newer(4), "{json}");
        }
        for json in [r#"{"format":0}"#, r#"{"format":"2"}"#, r#"{"format":-1}"#, "{}", "[]", "", "\0"] {
            damage(json);
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_damage() {
        assert_eq!(damage(r#"{"format":1,"secrets":{"a":{"value":""},"a":{"value":""}}}"#), "it has `a` twice");
        for twice in [
            r#"{"format":1,"format":1}"#,
            r#"{"format":1,"secrets":{},"secrets":{}}"#,
            r#"{"format":1,"secrets":{"a":{"value":"","value":""}}}"#,
            r#"{"format":1,"secrets":{"a":{"value":"","base64":""}}}"#,
            r#"{"format":1,"secrets":{"a":{"fields":{"f":{"value":""},"f":{"value":""}}}}}"#,
        ] {
            assert!(damage(twice).contains("tw"), "{twice}");
        }
    }

    #[test]
    fn what_a_format_does_not_know_is_refused() {
        for json in [
            r#"{"format":2,"grants":{}}"#,
            r#"{"format":2,"secrets":{"a":{"value":"","rotate":"daily"}}}"#,
            r#"{"format":2,"secrets":{"a":{"fields":{"f":{"value":"","readable":false}}}}}"#,
            r#"{"format":2,"secrets":{"a":{"value":"","auto-prune":true}}}"#,
            r#"{"format":1,"secrets":{"a":{"value":"","grants":["app"]}}}"#,
            r#"{"format":1,"grants":{}}"#,
            r#"{"format":1,"secrets":{"a":{"value":"","readable":false}}}"#,
            r#"{"format":1,"secrets":{"a":{"fields":{"f":{"value":"","readable":false}}}}}"#,
        ] {
            assert!(damage(json).contains("does not know"), "{json}");
        }
    }

    #[test]
    fn damage_is_described_without_the_value() {
        for json in [
            r#"{"format":1,"secrets":{"a":"hunter2"}}"#,
            r#"{"format":1,"secrets":{"a":{"fields":"hunter2"}}}"#,
            r#"{"format":1,"secrets":{"a":{"base64":"hunter2"}}}"#,
            r#"{"format":1,"secrets":{"a":{"value":"hunter2"#,
            r#"{"format":1,"secrets":{"a":{"value":"hunter2"}}}hunter2"#,
            r#"{"format":1,"secrets":{"a":{}}}"#,
        ] {
            assert!(!damage(json).contains("hunter2"), "{json}");
        }
    }
}
