//! Where references stand in a text, and how a text with its values is put together.
//!
//! One pass in each direction: scanning looks at the text once and never at a value, rendering
//! copies each piece into one buffer of the exact size. A `Template<Hole>` is what was written; the
//! plan turns it into a `Template<Slot>`, whose holes are numbers of things to resolve. What a filter
//! does to a value is `filter.rs`'s.

use crate::filter::Filter;
use crate::reference::{self, Absent, Hole, Malformed};
use crate::secret::Secret;
use smallvec::{SmallVec, smallvec};
use std::borrow::Cow;
use std::fmt;
use zeroize::Zeroizing;

/// The most bytes one variable or file may have once it is put together.
pub(crate) const LONGEST: usize = 16 << 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template<H> {
    pub(crate) parts: Parts<H>,
}

/// Most templates are one reference.
pub(crate) type Parts<H> = SmallVec<[Part<H>; 1]>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part<H> {
    Text(Vec<u8>),
    Hole(H),
}

/// A hole after planning: the number of what fills it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) source: Source,
    /// What was written, which says what of the source is wanted.
    pub(crate) hole: Hole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Source {
    /// A request of the plan.
    Request(usize),
    /// An entry of the plan's secret_map, rendered before whoever refers to it.
    Entry(usize),
}

/// Which `$<` are references. `${…}` is one wherever its body begins as Tapis's do.
#[derive(Clone, Copy)]
pub(crate) enum Scan<'a> {
    /// A configuration: every `$<` is.
    Every,
    /// A text that was not written for `inject`: only those whose body begins with one of these
    /// names (stores, `secret`, `pods`, `stack`) and a colon, and no `${…}` but a valid one.
    Known(&'a dyn Fn(&str) -> bool),
}

impl<H> Template<H> {
    pub(crate) fn text(text: impl Into<Vec<u8>>) -> Self {
        Self { parts: smallvec![Part::Text(text.into())] }
    }

    pub(crate) fn hole(hole: H) -> Self {
        Self { parts: smallvec![Part::Hole(hole)] }
    }

    pub(crate) fn holes(&self) -> impl Iterator<Item = &H> {
        self.parts.iter().filter_map(|part| match part {
            Part::Hole(hole) => Some(hole),
            Part::Text(_) => None,
        })
    }

    /// The text, when there is nothing to fill in.
    pub(crate) fn as_text(&self) -> Option<Cow<'_, [u8]>> {
        let mut texts = self.parts.iter().map(|part| match part {
            Part::Text(text) => Some(text.as_slice()),
            Part::Hole(_) => None,
        });
        match self.parts.len() {
            0 => Some(Cow::Borrowed(b"")),
            1 => texts.next().flatten().map(Cow::Borrowed),
            _ => texts.collect::<Option<Vec<_>>>().map(|texts| Cow::Owned(texts.concat())),
        }
    }
}

/// What is wrong with a reference, and how many bytes into the text it begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ScanError {
    pub(crate) at: usize,
    pub(crate) what: Malformed,
}

impl Template<Hole> {
    /// Scans a text, in time linear in its length. All malformed references are reported.
    pub(crate) fn scan(text: &[u8], scan: Scan<'_>) -> Result<Self, Vec<ScanError>> {
        let mut scanner =
            Scanner { text, scan, parts: Parts::new(), literal: Vec::new(), errors: Vec::new(), last_angle: None };
        scanner.run();
        if scanner.errors.is_empty() { Ok(Self { parts: scanner.parts }) } else { Err(scanner.errors) }
    }

    /// Whether a text that was not written for `inject` is a template all the same: it holds a
    /// valid Tapis form, or a closed `$<` of a known name.
    pub(crate) fn is_meant(text: &[u8], known: &dyn Fn(&str) -> bool) -> bool {
        let (mut at, mut last_angle, mut last_brace) = (0, None, None);
        while let Some(dollar) = find(text, at, b'$') {
            at = dollar + 1;
            let meant = match text.get(at) {
                Some(b'<') => begins_known(&text[at + 1..], known) && close(text, at, b'>', &mut last_angle).is_some(),
                Some(b'{') => is_valid_tapis(text, at, &mut last_brace),
                _ => false,
            };
            if meant {
                return true;
            }
        }
        false
    }
}

fn begins_known(body: &[u8], known: &dyn Fn(&str) -> bool) -> bool {
    let end = body.iter().position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'-'));
    let Some(end) = end.filter(|&end| end > 0 && body[end] == b':') else {
        return false;
    };
    std::str::from_utf8(&body[..end]).is_ok_and(|name| matches!(name, "secret" | "pods" | "stack") || known(name))
}

/// `open` is where the brace stands.
fn is_valid_tapis(text: &[u8], open: usize, last: &mut Option<usize>) -> bool {
    let body = &text[open + 1..];
    reference::is_tapis(body)
        && close(text, open, b'}', last).is_some_and(|end| reference::parse_brace(&text[open + 1..end]).is_ok())
}

fn find(text: &[u8], from: usize, byte: u8) -> Option<usize> {
    text.get(from..)?.iter().position(|&found| found == byte).map(|at| at + from)
}

/// Where `closing` next stands after `open`. `last` remembers the answer, so that a text of many
/// openings is still read once.
fn close(text: &[u8], open: usize, closing: u8, last: &mut Option<usize>) -> Option<usize> {
    if last.is_none_or(|end| end < open) {
        *last = Some(find(text, open, closing).unwrap_or(text.len()));
    }
    last.filter(|&end| end < text.len())
}

struct Scanner<'a> {
    text: &'a [u8],
    scan: Scan<'a>,
    parts: Parts<Hole>,
    literal: Vec<u8>,
    errors: Vec<ScanError>,
    last_angle: Option<usize>,
}

impl Scanner<'_> {
    fn run(&mut self) {
        let text = self.text;
        let (mut at, mut last_brace) = (0, None);
        while let Some(dollar) = find(text, at, b'$') {
            self.literal.extend_from_slice(&text[at..dollar]);
            let run = text[dollar..].iter().take_while(|&&byte| byte == b'$').count();
            let next = dollar + run;
            at = match text.get(next) {
                Some(b'<') if self.is_reference(next) => self.angle(dollar, run),
                Some(b'{') if reference::is_tapis(&text[next + 1..]) => self.brace(dollar, run, &mut last_brace),
                _ => {
                    self.literal.extend_from_slice(&text[dollar..next]);
                    next
                }
            };
        }
        self.literal.extend_from_slice(&text[at..]);
        self.end_literal();
    }

    fn is_reference(&mut self, angle: usize) -> bool {
        match self.scan {
            Scan::Every => true,
            Scan::Known(known) => {
                begins_known(&self.text[angle + 1..], known)
                    && close(self.text, angle, b'>', &mut self.last_angle).is_some()
            }
        }
    }

    /// Directly before `<`, `$$` is one `$`; an odd `$` that is left opens a reference.
    fn angle(&mut self, dollar: usize, run: usize) -> usize {
        let open = dollar + run;
        self.literal.extend(std::iter::repeat_n(b'$', run / 2));
        if run.is_multiple_of(2) {
            self.literal.push(b'<');
            return open + 1;
        }
        let Some(end) = find(self.text, open, b'>') else {
            self.errors.push(ScanError { at: open - 1, what: Malformed::Unclosed('>') });
            return self.text.len();
        };
        let body = &self.text[open + 1..end];
        let parsed = if body.array_windows().any(|pair| pair == b"$<") {
            Err(Malformed::Nested)
        } else {
            std::str::from_utf8(body).map_err(|_| Malformed::NotText).and_then(reference::parse_angle)
        };
        self.take(parsed, open - 1);
        end + 1
    }

    /// Dollars before `${` are text, as in Tapis.
    fn brace(&mut self, dollar: usize, run: usize, last: &mut Option<usize>) -> usize {
        let open = dollar + run;
        self.literal.extend(std::iter::repeat_n(b'$', run - 1));
        let Some(end) = close(self.text, open, b'}', last) else {
            return self.not_tapis(open, Malformed::Unclosed('}'));
        };
        match reference::parse_brace(&self.text[open + 1..end]) {
            Ok(hole) => {
                self.take(Ok(hole), open - 1);
                end + 1
            }
            Err(what) => self.not_tapis(open, what),
        }
    }

    /// A `${` that looks like Tapis's and is not: an error where it was written for `inject`.
    fn not_tapis(&mut self, open: usize, what: Malformed) -> usize {
        if matches!(self.scan, Scan::Every) {
            self.errors.push(ScanError { at: open - 1, what });
        }
        self.literal.extend_from_slice(b"${");
        open + 1
    }

    fn take(&mut self, parsed: Result<Hole, Malformed>, at: usize) {
        match parsed {
            Ok(hole) => {
                self.end_literal();
                self.parts.push(Part::Hole(hole));
            }
            Err(what) => self.errors.push(ScanError { at, what }),
        }
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            self.parts.push(Part::Text(std::mem::take(&mut self.literal)));
        }
    }
}

/// What a store answered, before a reference picks from it.
pub(crate) enum Value {
    Bytes(Secret),
    /// A secret with members of its own: a Juju secret, one of the local store with several fields.
    Fields(Vec<(String, Secret)>),
}

impl Value {
    /// The same once more, without a copy of any byte.
    pub(crate) fn share(&self) -> Self {
        match self {
            Self::Bytes(secret) => Self::Bytes(secret.share()),
            Self::Fields(fields) => {
                Self::Fields(fields.iter().map(|(name, secret)| (name.clone(), secret.share())).collect())
            }
        }
    }
}

/// Why a value cannot stand where it is wanted. Never shows a byte of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RenderError {
    NotFound,
    /// The secret does not exist, and the reference says what to tell then.
    Explained(String),
    /// It has members, and the reference names none.
    FieldNeeded(Vec<String>),
    NoSuchField(String),
    NotJson,
    Filter(&'static str),
    TooLong,
}

impl fmt::Display for RenderError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => out.write_str("not found"),
            Self::Explained(text) => out.write_str(text),
            Self::FieldNeeded(names) => {
                write!(out, "the secret has fields; name one with #FIELD: {}", names.join(", "))
            }
            Self::NoSuchField(field) => write!(out, "the value has no member `{field}`"),
            Self::NotJson => out.write_str("the value is not JSON, so it has no members"),
            Self::Filter(name) => write!(out, "the value does not fit the filter `{name}`"),
            Self::TooLong => write!(out, "the text with its values is longer than {} MiB", LONGEST >> 20),
        }
    }
}

/// A value with its field picked and its filters run.
enum Piece<'a> {
    Text(&'a [u8]),
    Value(&'a Secret),
    Made(Secret),
}

impl Piece<'_> {
    #[allow(clippy::disallowed_methods, reason = "rendering is what exposes values to templates")]
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(bytes) => bytes,
            Self::Value(secret) => secret.expose(),
            Self::Made(secret) => secret.expose(),
        }
    }
}

impl Template<Slot> {
    /// Puts the text together. `fill` gives what a source resolved to; None where it does not
    /// exist. Every hole that cannot be filled is reported with how it is shown.
    pub(crate) fn render<'v>(
        &self,
        fill: &dyn Fn(Source) -> Option<&'v Value>,
    ) -> Result<Secret, Vec<(String, RenderError)>> {
        let mut errors = Vec::new();
        let mut pieces: SmallVec<[Piece<'_>; 1]> = SmallVec::with_capacity(self.parts.len());
        let mut length = 0;
        for part in &self.parts {
            let piece = match part {
                Part::Text(text) => Piece::Text(text),
                Part::Hole(slot) => match slot.pick(fill(slot.source)) {
                    Ok(piece) => piece,
                    Err(error) => {
                        errors.push((slot.hole.to_string(), error));
                        continue;
                    }
                },
            };
            length += piece.bytes().len();
            if length > LONGEST {
                // Here, before filters make more of it.
                errors.push((String::new(), RenderError::TooLong));
                break;
            }
            pieces.push(piece);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        match pieces.as_slice() {
            [Piece::Made(secret)] => return Ok(secret.share()),
            [Piece::Value(secret)] => return Ok(secret.share()),
            _ => {}
        }
        let mut text = Zeroizing::new(Vec::with_capacity(length));
        for piece in &pieces {
            text.extend_from_slice(piece.bytes());
        }
        Ok(text.into())
    }
}

impl Slot {
    #[allow(clippy::disallowed_methods, reason = "rendering is what exposes values to templates")]
    fn pick<'v>(&'v self, value: Option<&'v Value>) -> Result<Piece<'v>, RenderError> {
        let (found, typed) = match self.find(value)? {
            Some(found) => found,
            None => {
                return match self.hole.absent() {
                    Absent::Default(default) => Ok(Piece::Text(default)),
                    Absent::Explain(text) => Err(RenderError::Explained(text.clone())),
                    Absent::Fail => Err(match (self.hole.field(), value) {
                        (Some(field), Some(_)) => RenderError::NoSuchField(field.to_owned()),
                        _ => RenderError::NotFound,
                    }),
                };
            }
        };
        let mut filters = self.hole.filters();
        let mut piece = found;
        if typed {
            match filters.split_first() {
                // The JSON text itself, quotes and all.
                Some((Filter::Json, rest)) => filters = rest,
                _ => piece = Piece::Made(plain_text(piece)?),
            }
        }
        for filter in filters {
            piece = Piece::Made(filter.run(piece.bytes()).ok_or(RenderError::Filter(filter.name()))?);
        }
        Ok(piece)
    }

    /// The field that is wanted, and whether it is JSON text.
    #[allow(clippy::disallowed_methods, reason = "rendering is what exposes values to templates")]
    fn find<'v>(&self, value: Option<&'v Value>) -> Result<Option<(Piece<'v>, bool)>, RenderError> {
        Ok(match (value, self.hole.field()) {
            (None, _) => None,
            (Some(Value::Bytes(secret)), None) => Some((Piece::Value(secret), false)),
            (Some(Value::Bytes(secret)), Some(field)) => {
                member(secret.expose(), field)?.map(|found| (Piece::Made(found), true))
            }
            (Some(Value::Fields(fields)), Some(field)) => {
                fields.iter().find(|(name, _)| name == field).map(|(_, secret)| (Piece::Value(secret), false))
            }
            (Some(Value::Fields(fields)), None) => {
                return Err(RenderError::FieldNeeded(fields.iter().map(|(name, _)| name.clone()).collect()));
            }
        })
    }
}

/// A member of a JSON value: by name, or by JSON pointer (RFC 6901) where the field begins with `/`.
fn member(json: &[u8], field: &str) -> Result<Option<Secret>, RenderError> {
    let value: serde_json::Value = serde_json::from_slice(json).map_err(|_| RenderError::NotJson)?;
    let found = match field.strip_prefix('/') {
        Some(steps) => steps.split('/').try_fold(&value, step),
        None => value.get(field),
    };
    Ok(found.map(|found| Secret::from(found.to_string())))
}

/// One step of a pointer. In a list a negative number counts from the end, as in Cloudify's
/// get_secret; to RFC 6901 it is an error.
fn step<'v>(value: &'v serde_json::Value, step: &str) -> Option<&'v serde_json::Value> {
    let from_end = step.strip_prefix('-').filter(|digits| digits.starts_with(|first| matches!(first, '1'..='9')));
    match (value.as_array(), from_end) {
        (Some(items), Some(back)) => items.get(items.len().checked_sub(back.parse().ok()?)?),
        _ => value.pointer(&format!("/{step}")),
    }
}

/// A string as it is, anything else as its JSON text.
fn plain_text(json: Piece<'_>) -> Result<Secret, RenderError> {
    match serde_json::from_slice(json.bytes()) {
        Ok(serde_json::Value::String(text)) => Ok(Secret::from(text)),
        Ok(other) => Ok(Secret::from(other.to_string())),
        Err(_) => Err(RenderError::NotJson),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests look at what came out")]
mod tests {
    use super::*;
    use crate::reference::{Body, Tail};

    fn parts(text: &str) -> Vec<String> {
        let template = Template::scan(text.as_bytes(), Scan::Every).unwrap();
        let show = |part: &Part<Hole>| match part {
            Part::Text(text) => String::from_utf8(text.clone()).unwrap(),
            Part::Hole(hole) => format!("[{hole}]"),
        };
        template.parts.iter().map(show).collect()
    }

    #[test]
    fn dollars_before_an_angle_pair_up() {
        assert_eq!(parts("$$<secret:x>"), ["$<secret:x>"]);
        assert_eq!(parts("$$$<secret:x>"), ["$", "[$<secret:x>]"]);
        assert_eq!(parts("$$$$<a"), ["$$<a"]);
        assert_eq!(parts("$$ $x ${HOME} $"), ["$$ $x ${HOME} $"]);
        assert_eq!(parts("$${secret:x}}"), ["$", "[${secret:x}]", "}"]);
    }

    #[test]
    fn references_stand_anywhere() {
        assert_eq!(parts("a$<secret:x>b${pods:secrets:K}c"), ["a", "[$<secret:x>]", "b", "[${pods:secrets:K}]", "c"]);
        assert_eq!(parts("<$<env:A>>"), ["<", "[$<env:A>]", ">"]);
        assert_eq!(parts(""), [""; 0]);
    }

    #[test]
    fn every_malformed_reference_is_reported() {
        let errors = Template::scan(b"$<> ${secret:a b} $<secret:$<x:y>> $<open", Scan::Every).unwrap_err();
        let whats: Vec<_> = errors.into_iter().map(|error| (error.at, error.what)).collect();
        assert_eq!(
            whats,
            [
                (0, Malformed::Empty),
                (4, Malformed::NotTapis("secret:a b".into())),
                (18, Malformed::Nested),
                (35, Malformed::Unclosed('>'))
            ]
        );
    }

    #[test]
    fn foreign_text_is_a_template_only_where_it_is_meant() {
        let known = |name: &str| name == "vault";
        for text in ["x$<vault:a>", "$<secret:", "${secret:db}", "$<pods:secrets:A>"] {
            assert_eq!(Template::is_meant(text.as_bytes(), &known), !text.ends_with(':'), "{text}");
        }
        for text in ["$<other:a>", "${secret:a b}", "${HOME}", "a $< b >", "$<vault:", "$"] {
            assert!(!Template::is_meant(text.as_bytes(), &known), "{text}");
        }
        let template = Template::scan(b"$<other:a> $$<b> ${secret:a b} $<vault:a>", Scan::Known(&known)).unwrap();
        assert_eq!(template.parts.len(), 2);
        assert_eq!(template.parts[0], Part::Text(b"$<other:a> $$<b> ${secret:a b} ".to_vec()));
        let Part::Hole(hole) = &template.parts[1] else { panic!() };
        assert!(matches!(&hole.body, Body::Secret(address) if &*address.path == "a"));
    }

    fn render(filters: &[Filter], field: Option<&str>, value: &Value) -> Result<Vec<u8>, RenderError> {
        let hole = Hole::plain(Body::Entry("".into()));
        let tail = Tail { field: field.map(str::to_owned), filters: filters.to_vec(), ..Tail::default() };
        let hole = Hole::with(hole.body, tail);
        let slot = Slot { source: Source::Request(0), hole };
        let template = Template { parts: smallvec![Part::Text(b"<".to_vec()), Part::Hole(slot)] };
        let rendered = template.render(&|_| Some(value)).map_err(|mut errors| errors.remove(0).1)?;
        Ok(rendered.expose()[1..].to_vec())
    }

    #[test]
    fn fields_are_members_of_the_value() {
        let json = Value::Bytes(Secret::from(r#"{"a":{"b":[1,"two"]},"s":"text"}"#.to_owned()));
        let pick = |field| render(&[], Some(field), &json).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(pick("s").unwrap(), "text");
        assert_eq!(pick("/a/b/1").unwrap(), "two");
        assert_eq!(pick("a").unwrap(), r#"{"b":[1,"two"]}"#);
        assert_eq!(pick("nope"), Err(RenderError::NoSuchField("nope".into())));
        assert_eq!(pick("/a/b/-1").unwrap(), "two");
        assert_eq!(pick("/a/b/-2").unwrap(), "1");
        for field in ["/a/b/-3", "/a/b/-0", "/a/b/-", "/a/b/--1", "/a/b/01", "/a/-1", "/s/-1"] {
            assert_eq!(pick(field), Err(RenderError::NoSuchField(field.into())));
        }
        assert_eq!(render(&[Filter::Json], Some("s"), &json).unwrap(), b"\"text\"");
        let fields = Value::Fields(vec![("user".into(), Secret::from("amy".to_owned()))]);
        assert_eq!(render(&[], Some("user"), &fields).unwrap(), b"amy");
        assert_eq!(render(&[], None, &fields), Err(RenderError::FieldNeeded(vec!["user".into()])));
    }
}
