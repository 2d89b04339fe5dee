//! What a reference asks for: its body, and the two spellings it is written in.
//!
//! `$<BODY>` is ours, `${BODY}` is Tapis's own; both give the same [`Hole`]. This file knows one
//! reference; where references stand in a text is `template.rs`.

use crate::filter::Filter;
use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

/// A secret in a store: what a store is asked for. Two references to the same address, with other
/// fields or filters, are one request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address {
    /// None: the default store.
    pub(crate) store: Option<Rc<str>>,
    pub(crate) path: Rc<str>,
    pub(crate) version: Option<Rc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// Shared, since the plan's request and the one to the store have it too.
    Secret(Rc<Address>),
    /// `pods:secrets:KEY`: another entry of the secret_map.
    Entry(Rc<str>),
    /// `pods:default:VALUE`: the value, unless a later configuration overrides the entry.
    Default(Box<[u8]>),
    /// `:?TEXT`: must be overridden.
    Required(Box<str>),
    /// `pods:random:N`: a password made once, of N characters.
    Random(usize),
    Pod(PodField),
    /// `stack:secrets:KEY`.
    Stack(Box<str>),
}

/// A fact of the pod definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PodField {
    Id,
    Url,
    TapisUrl,
    /// A network, and a field of it.
    Networking(Box<(String, String)>),
}

/// What stands in for something that does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Absent {
    /// An error that names the reference.
    #[default]
    Fail,
    /// `:-DEFAULT`, plain text.
    Default(Vec<u8>),
    /// `:?TEXT`: an error that shows TEXT.
    Explain(String),
}

/// One reference in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) body: Body,
    /// None where nothing follows the body, as mostly.
    pub(crate) tail: Option<Box<Tail>>,
    /// Written as `${…}`; only these have Tapis's whole-value forms.
    pub(crate) tapis: bool,
}

/// What follows the body of a reference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    /// `#FIELD`: a member of the value.
    pub(crate) field: Option<String>,
    pub(crate) filters: Vec<Filter>,
    pub(crate) absent: Absent,
}

impl Hole {
    pub(crate) fn plain(body: Body) -> Self {
        Self { body, tail: None, tapis: false }
    }

    pub(crate) fn with(body: Body, tail: Tail) -> Self {
        let tail = (tail != Tail::default()).then(|| Box::new(tail));
        Self { body, tail, tapis: false }
    }

    pub(crate) fn field(&self) -> Option<&str> {
        self.tail.as_ref()?.field.as_deref()
    }

    pub(crate) fn filters(&self) -> &[Filter] {
        self.tail.as_ref().map_or(&[], |tail| &tail.filters)
    }

    pub(crate) fn absent(&self) -> &Absent {
        self.tail.as_ref().map_or(&Absent::Fail, |tail| &tail.absent)
    }
}

/// The reference as a report shows it: without its default, which is text of the user's.
impl fmt::Display for Hole {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.tapis { "${" } else { "$<" })?;
        match &self.body {
            Body::Secret(address) => write!(out, "{}:{}", address.store.as_deref().unwrap_or("secret"), address.path)?,
            Body::Entry(key) => write!(out, "pods:secrets:{key}")?,
            Body::Default(_) => out.write_str("pods:default:…")?,
            Body::Required(text) => write!(out, ":?{text}")?,
            Body::Random(length) => write!(out, "pods:random:{length}")?,
            Body::Pod(PodField::Id) => out.write_str("pods:pod_id")?,
            Body::Pod(PodField::Url) => out.write_str("pods:url")?,
            Body::Pod(PodField::TapisUrl) => out.write_str("pods:tapis_url")?,
            Body::Pod(PodField::Networking(of)) => write!(out, "pods:networking:{}:{}", of.0, of.1)?,
            Body::Stack(key) => write!(out, "stack:secrets:{key}")?,
        }
        if let Some(field) = self.field() {
            write!(out, "#{field}")?;
        }
        if let Body::Secret(address) = &self.body
            && let Some(version) = &address.version
        {
            write!(out, "@{version}")?;
        }
        for filter in self.filters() {
            write!(out, "|{}", filter.name())?;
        }
        out.write_str(if self.tapis { "}" } else { ">" })
    }
}

/// Why a text between `$<` and `>`, or `${` and `}`, is no reference. None of these shows more of
/// the text than a name in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    Unclosed(char),
    Nested,
    NotText,
    Empty,
    NoStore,
    StoreName(String),
    EmptyPart(&'static str),
    Order(&'static str),
    Filter(String),
    Percent,
    DefaultColon,
    RandomLength,
    NotTapis(String),
    UnknownPods(String),
    NotForThis { part: &'static str, body: &'static str },
}

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed(close) => write!(
                out,
                "a reference has no closing `{close}`{}",
                if *close == '>' {
                    "; a literal `$<` is written `$$<`"
                } else {
                    "; a literal one is written {\"literal\": TEXT}"
                }
            ),
            Self::Nested => out.write_str("a reference holds another `$<`; references do not nest"),
            Self::NotText => out.write_str("a reference is not valid UTF-8"),
            Self::Empty => out.write_str("a reference is empty; write `$<secret:NAME>`, or `$$<` for a literal `$<`"),
            Self::NoStore => out.write_str(
                "a reference names no store; write `$<secret:NAME>` or `$<STORE:PATH>`, or `$$<` for a literal `$<`",
            ),
            Self::StoreName(name) => {
                write!(out, "`{name}` cannot be the name of a store; letters, digits, `_` and `-` can")
            }
            Self::EmptyPart(part) => write!(out, "a reference has an empty {part}"),
            Self::Order(part) => write!(
                out,
                "{part} is out of order or repeated in a reference; the order is PATH#FIELD@VERSION|FILTER:-DEFAULT, \
                 and those characters are written %XX where they are meant"
            ),
            Self::Filter(name) => {
                write!(out, "`{name}` is no filter; there are")?;
                for (index, (name, _)) in Filter::ALL.iter().enumerate() {
                    write!(out, "{} {name}", if index == 0 { "" } else { "," })?;
                }
                Ok(())
            }
            Self::Percent => {
                out.write_str("`%` is not followed by two hexadecimal digits; a literal one is written %25")
            }
            Self::DefaultColon => {
                out.write_str("the value of `pods:default:` ends at the first `:`; write %3A in the `$<…>` spelling")
            }
            Self::RandomLength => out.write_str("a random password has 8 to 128 characters"),
            Self::NotTapis(text) => write!(
                out,
                "`${{{text}}}` looks like a reference and is none: a name has letters, digits, `_` and `-` only, \
                 with no blanks; `$<…>` takes more, and {{\"literal\": TEXT}} is text"
            ),
            Self::UnknownPods(text) => write!(
                out,
                "`{text}` is no reference; there are pods:secrets:KEY, pods:default:VALUE, pods:random:N, pods:pod_id, \
                 pods:url, pods:tapis_url, pods:networking:NET:FIELD and stack:secrets:KEY"
            ),
            Self::NotForThis { part, body } => write!(out, "{part} has no meaning for `{body}`"),
        }
    }
}

/// Parses what stands between `$<` and `>`.
pub(crate) fn parse_angle(body: &str) -> Result<Hole, Malformed> {
    if body.is_empty() {
        return Err(Malformed::Empty);
    }
    if let Some(text) = body.strip_prefix(":?") {
        return Ok(Hole::plain(Body::Required(decode(text)?.into())));
    }
    let (path, mut rest) = split_part(body);
    let (mut field, mut version, mut filters) = (None, None, Vec::new());
    if let Some(after) = rest.strip_prefix('#') {
        let (part, next) = split_part(after);
        field = Some(decode(nonempty(part, "#FIELD")?)?.into());
        rest = next;
    }
    if let Some(after) = rest.strip_prefix('@') {
        let (part, next) = split_part(after);
        version = Some(decode(nonempty(part, "@VERSION")?)?.into());
        rest = next;
    }
    while let Some(after) = rest.strip_prefix('|') {
        let (part, next) = split_part(after);
        let filter = Filter::ALL.iter().find(|(name, _)| *name == part);
        filters.push(filter.ok_or_else(|| Malformed::Filter(part.to_owned()))?.1);
        rest = next;
    }
    let absent = if let Some(default) = rest.strip_prefix(":-") {
        Absent::Default(decode_bytes(default)?.into())
    } else if let Some(text) = rest.strip_prefix(":?") {
        Absent::Explain(decode(text)?.into())
    } else if rest.starts_with('#') {
        return Err(Malformed::Order("#FIELD"));
    } else if rest.starts_with('@') {
        return Err(Malformed::Order("@VERSION"));
    } else {
        Absent::Fail
    };
    let (body, mut tail) = (parse_path(path, version)?, Tail { field, filters, absent });
    settle(&body, &mut tail)?;
    Ok(Hole::with(body, tail))
}

/// The path ends, as do FIELD and VERSION, at the first `#` `@` `|` `:-` `:?`.
fn split_part(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let end = (0..bytes.len()).find(|&at| match bytes[at] {
        b'#' | b'@' | b'|' => true,
        b':' => matches!(bytes.get(at + 1), Some(b'-' | b'?')),
        _ => false,
    });
    text.split_at(end.unwrap_or(text.len()))
}

/// What stands on both sides of the first colon. Every reference is cut so, and most are shorter than what the search of
/// the standard library is made for.
pub(crate) fn at_colon(text: &str) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == b':')?;
    Some((&text[..at], &text[at + 1..]))
}

fn parse_path(path: &str, version: Option<Rc<str>>) -> Result<Body, Malformed> {
    let Some((scheme, rest)) = at_colon(path) else {
        return Err(Malformed::NoStore);
    };
    match scheme {
        "pods" | "stack" => {
            if version.is_some() {
                return Err(Malformed::NotForThis { part: "@VERSION", body: "pods:…" });
            }
            parse_pod(path, rest, scheme, true)
        }
        "secret" => {
            let path = decode(nonempty(rest, "name")?)?.into();
            Ok(Body::Secret(Address { store: None, path, version }.into()))
        }
        store if is_name(store) => {
            let path = decode(nonempty(rest, "path")?)?.into();
            Ok(Body::Secret(Address { store: Some(store.into()), path, version }.into()))
        }
        "" => Err(Malformed::NoStore),
        other => Err(Malformed::StoreName(other.to_owned())),
    }
}

/// `pods:…` and `stack:…`, alike in both spellings but for percent-encoding.
fn parse_pod(path: &str, rest: &str, scheme: &str, percent: bool) -> Result<Body, Malformed> {
    let text = |part| match percent {
        true => decode(part),
        false if is_name(part) => Ok(Cow::Borrowed(part)),
        false => Err(Malformed::NotTapis(path.chars().take(60).collect())),
    };
    let unknown = || Malformed::UnknownPods(path.chars().take(60).collect());
    if scheme == "stack" {
        let key = rest.strip_prefix("secrets:").ok_or_else(unknown)?;
        return Ok(Body::Stack(text(nonempty(key, "KEY")?)?.into()));
    }
    match at_colon(rest) {
        Some(("secrets", key)) => Ok(Body::Entry(text(nonempty(key, "KEY")?)?.into())),
        Some(("default", value)) if value.contains(':') => Err(Malformed::DefaultColon),
        Some(("default", value)) => {
            Ok(Body::Default(if percent { decode_bytes(value)?.into() } else { value.as_bytes().into() }))
        }
        Some(("random", length)) => match length.parse() {
            // `parse` takes a leading `+`, Tapis does not.
            Ok(length @ 8..=128) if !rest.contains('+') => Ok(Body::Random(length)),
            _ => Err(Malformed::RandomLength),
        },
        Some(("networking", net)) => {
            let (net, field) = at_colon(net).ok_or_else(unknown)?;
            let field = nonempty(field, "FIELD")?;
            let of = (text(nonempty(net, "NET")?)?.into(), text(field)?.into());
            Ok(Body::Pod(PodField::Networking(of.into())))
        }
        None if rest == "pod_id" => Ok(Body::Pod(PodField::Id)),
        None if rest == "url" => Ok(Body::Pod(PodField::Url)),
        None if rest == "tapis_url" => Ok(Body::Pod(PodField::TapisUrl)),
        _ => Err(unknown()),
    }
}

/// Parts that some bodies have no use for are errors, so that none is ignored in silence.
fn settle(body: &Body, tail: &mut Tail) -> Result<(), Malformed> {
    let shown = match body {
        Body::Secret(_) | Body::Entry(_) => return Ok(()),
        Body::Default(_) => "pods:default:…",
        Body::Random(_) => "pods:random:…",
        Body::Required(_) | Body::Pod(_) | Body::Stack(_) => "pods:…",
    };
    let refuse = |part| Err(Malformed::NotForThis { part, body: shown });
    if tail.field.is_some() {
        return refuse("#FIELD");
    }
    match (body, &tail.absent) {
        // The text describes the value; it is there, so the text is never shown.
        (Body::Default(_), Absent::Explain(_)) => tail.absent = Absent::Fail,
        (Body::Default(_) | Body::Random(_), Absent::Default(_)) => return refuse(":-DEFAULT"),
        (Body::Random(_), Absent::Explain(_)) => return refuse(":?TEXT"),
        _ => {}
    }
    if matches!(body, Body::Random(_)) && !tail.filters.is_empty() {
        return refuse("a filter");
    }
    Ok(())
}

/// What Tapis shows in place of a value that it hides.
pub(crate) const SENTINEL: &str = "<<write-only>>";

/// Whether `${BODY}` is recognised at all; every other `${…}` is plain text.
pub(crate) fn is_tapis(body: &[u8]) -> bool {
    [&b"secret:"[..], b"pods:", b"stack:", b":?"].iter().any(|prefix| body.starts_with(prefix))
}

/// Parses what stands between `${` and `}`, once [`is_tapis`] recognised it: Tapis's own forms and
/// nothing else (`fixtures/conformance`). A text that is none is left at its first wrong byte, so
/// that a run of openings costs no more than its length.
pub(crate) fn parse_brace(body: &[u8]) -> Result<Hole, Malformed> {
    let none = || Malformed::NotTapis(String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned());
    let mut absent = Absent::Fail;
    let parsed = if let Some(path) = body.strip_prefix(b"secret:") {
        let path = ascii(path, b":@-").ok_or_else(none)?;
        let (owner, name) = at_colon(path).map_or((None, path), |(owner, name)| (Some(owner), name));
        if !is_name(name) || owner.is_some_and(|owner| owner.is_empty() || owner.contains('-')) {
            return Err(none());
        }
        Body::Secret(Address { store: None, path: path.into(), version: None }.into())
    } else if let Some(text) = body.strip_prefix(b":?") {
        Body::Required(String::from_utf8_lossy(nonempty(text, "TEXT")?).into())
    } else if let Some(rest) = body.strip_prefix(b"pods:secrets:") {
        let end = rest.iter().position(|&byte| byte == b':').unwrap_or(rest.len());
        let (key, text) = rest.split_at(end);
        // Before the text, which may reach to the end of the template.
        let key = ascii(nonempty(key, "KEY")?, b"-").ok_or_else(none)?;
        match text.strip_prefix(b":?") {
            Some([]) => return Err(none()),
            Some(text) => absent = Absent::Explain(String::from_utf8_lossy(text).into_owned()),
            None if text.is_empty() => {}
            None => return Err(none()),
        }
        Body::Entry(key.into())
    } else if let Some(rest) = body.strip_prefix(b"pods:default:") {
        let end = rest.iter().position(|&byte| byte == b':').unwrap_or(rest.len());
        let (value, text) = rest.split_at(end);
        if !text.is_empty() && !text.starts_with(b":?") {
            return Err(Malformed::DefaultColon);
        }
        Body::Default(value.into())
    } else {
        let path = ascii(body, b":-+").ok_or_else(none)?;
        let (scheme, rest) = at_colon(path).ok_or_else(none)?;
        parse_pod(path, rest, scheme, false)?
    };
    Ok(Hole { tapis: true, ..Hole::with(parsed, Tail { absent, ..Tail::default() }) })
}

/// The text, when all of it is letters, digits, `_` or one of `others`.
fn ascii<'a>(text: &'a [u8], others: &[u8]) -> Option<&'a str> {
    let fits = text.iter().all(|&byte| is_word(byte) || others.contains(&byte));
    if fits { std::str::from_utf8(text).ok() } else { None }
}

/// A store's name, and a name in Tapis's grammar: letters, digits, `_` and `-`.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| is_word(byte) || byte == b'-')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn nonempty<'a, T: AsRef<[u8]> + ?Sized>(text: &'a T, part: &'static str) -> Result<&'a T, Malformed> {
    if text.as_ref().is_empty() { Err(Malformed::EmptyPart(part)) } else { Ok(text) }
}

fn decode(text: &str) -> Result<Cow<'_, str>, Malformed> {
    Ok(match decode_bytes(text)? {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).map_err(|_| Malformed::NotText)?),
    })
}

/// `%XX` to the byte it stands for.
fn decode_bytes(text: &str) -> Result<Cow<'_, [u8]>, Malformed> {
    if !text.as_bytes().contains(&b'%') {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|digit| (digit as char).to_digit(16)).ok_or(Malformed::Percent);
        let (high, low) = (digit()?, digit()?);
        decoded.push((high * 16 + low) as u8);
    }
    Ok(Cow::Owned(decoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Rc<Address> {
        match parse_angle(text).unwrap().body {
            Body::Secret(address) => address,
            other => panic!("{text} is {other:?}"),
        }
    }

    #[test]
    fn every_part_is_read_in_its_order() {
        let hole = parse_angle("vault:app/db#pass%7Cword@3|trim|base64d:-a%3Eb").unwrap();
        let path = Address { store: Some("vault".into()), path: "app/db".into(), version: Some("3".into()) };
        assert_eq!(hole.body, Body::Secret(path.into()));
        assert_eq!(hole.field(), Some("pass|word"));
        assert_eq!(hole.filters(), [Filter::Trim, Filter::Base64Decode]);
        assert_eq!(*hole.absent(), Absent::Default(b"a>b".to_vec()));
        assert_eq!(hole.to_string(), "$<vault:app/db#pass|word@3|trim|base64d>");
    }

    #[test]
    fn a_path_keeps_its_colons_and_slashes() {
        assert_eq!(&*address("secret:owner:name").path, "owner:name");
        assert_eq!(&*address("secret://cluster/org/project/key").path, "//cluster/org/project/key");
        assert_eq!(&*address("run:a%23b").path, "a#b");
    }

    #[test]
    fn parts_out_of_order_are_refused() {
        assert_eq!(parse_angle("s:a@1#f"), Err(Malformed::Order("#FIELD")));
        assert_eq!(parse_angle("s:a#f#g"), Err(Malformed::Order("#FIELD")));
        assert_eq!(parse_angle("s:a|trim@1"), Err(Malformed::Order("@VERSION")));
        assert_eq!(parse_angle("s:a|nope"), Err(Malformed::Filter("nope".into())));
        assert_eq!(parse_angle("s:a#"), Err(Malformed::EmptyPart("#FIELD")));
        assert_eq!(parse_angle("s:%4"), Err(Malformed::Percent));
        assert_eq!(parse_angle("nostore"), Err(Malformed::NoStore));
        assert_eq!(parse_angle("a b:c"), Err(Malformed::StoreName("a b".into())));
    }

    #[test]
    fn pods_forms_are_told_apart() {
        let body = |text| parse_angle(text).unwrap().body;
        assert_eq!(body("pods:secrets:DB"), Body::Entry("DB".into()));
        assert_eq!(body("pods:default:"), Body::Default(Box::default()));
        assert_eq!(body("pods:default:a%3Ab:?why"), Body::Default((*b"a:b").into()));
        assert_eq!(body("pods:random:32"), Body::Random(32));
        assert_eq!(body(":?what for"), Body::Required("what for".into()));
        for bad in ["pods:random:7", "pods:random:129", "pods:random:+9", "pods:random:x"] {
            assert_eq!(parse_angle(bad), Err(Malformed::RandomLength), "{bad}");
        }
        assert_eq!(parse_angle("pods:default:a:b"), Err(Malformed::DefaultColon));
        assert!(parse_angle("pods:urls").is_err());
        assert!(parse_angle("pods:random:9|trim").is_err());
    }

    #[test]
    fn braces_take_only_tapis_forms() {
        for good in [
            "secret:my_db",
            "secret:user@x:my-db",
            "pods:secrets:K:?doc",
            "pods:default::?",
            "pods:random:8",
            "pods:url",
        ] {
            assert!(parse_brace(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in [
            "secret:my.db",
            "secret: db",
            "secret:a:b:c",
            "secret:a-b:c",
            "pods:secrets:K:?",
            "pods:secrets:K#f",
            "pods:urls",
            "stack:secrets:a:b",
            "pods:networking:a:b:c",
            ":?",
        ] {
            assert!(parse_brace(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
