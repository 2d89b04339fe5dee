//! One thing that went wrong, as a report shows it, and where in the input it stands.
//!
//! A failure is text made of names, places and sizes. Nothing that holds a value can be formatted
//! ([`crate::secret::Secret`] has no Display), so no failure can hold one.

use nix::errno::Errno;
use std::cell::OnceCell;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::rc::Rc;

/// The exit statuses that are ours, as env(1), nohup(1), timeout(1) and docker-run(1) have them.
pub(crate) const OURS: u8 = 125;
pub(crate) const NOT_RUNNABLE: u8 = 126;
pub(crate) const NOT_FOUND: u8 = 127;

/// The stable word for what kind of failure it is, part of the JSON face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Config,
    Reference,
    NotFound,
    Denied,
    Unauthenticated,
    Unavailable,
    Timeout,
    Malformed,
    TooBig,
    NotReadable,
    Launch,
}

impl Code {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Reference => "reference",
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::Unauthenticated => "unauthenticated",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Malformed => "malformed",
            Self::TooBig => "too_big",
            Self::NotReadable => "not_readable",
            Self::Launch => "launch",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    /// Where it is, for people; empty where nowhere in particular.
    pub(crate) place: String,
    /// The reference it is about, as [`crate::reference::Hole`] shows it.
    pub(crate) reference: Option<String>,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: Code, place: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { code, place: place.to_string(), reference: None, message: message.to_string() }
    }

    pub(crate) fn about(mut self, reference: impl fmt::Display) -> Self {
        self.reference = Some(reference.to_string());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(out, "{}: ", self.place)?;
        }
        if let Some(reference) = &self.reference {
            write!(out, "{reference}: ")?;
        }
        out.write_str(&self.message)
    }
}

/// Why a stage did not get to its end: what is wrong, all of it, and the status to end with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) failures: Vec<Failure>,
    pub(crate) status: u8,
}

impl From<Vec<Failure>> for Stop {
    fn from(failures: Vec<Failure>) -> Self {
        Self { failures, status: OURS }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::from(vec![failure])
    }
}

/// Why a store, or one request to it, failed. The text names no value, no token and no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreError {
    /// The store knows us and says no.
    Denied(String),
    /// The store, or its file, does not accept who we are.
    Unauthenticated(String),
    Unavailable(String),
    TimedOut(String),
    Malformed(String),
    TooBig(String),
    /// It exists, and this store never gives it out.
    NotReadable(String),
    /// The settings do not say enough, or say it wrongly.
    Settings(String),
}

impl StoreError {
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Denied(_) => Code::Denied,
            Self::Unauthenticated(_) => Code::Unauthenticated,
            Self::Unavailable(_) => Code::Unavailable,
            Self::TimedOut(_) => Code::Timeout,
            Self::Malformed(_) => Code::Malformed,
            Self::TooBig(_) => Code::TooBig,
            Self::NotReadable(_) => Code::NotReadable,
            Self::Settings(_) => Code::Config,
        }
    }
}

impl StoreError {
    /// The same in other words.
    pub(crate) fn map(mut self, change: impl FnOnce(&str) -> String) -> Self {
        let (Self::Denied(why)
        | Self::Unauthenticated(why)
        | Self::Unavailable(why)
        | Self::TimedOut(why)
        | Self::Malformed(why)
        | Self::TooBig(why)
        | Self::NotReadable(why)
        | Self::Settings(why)) = &mut self;
        *why = change(why);
        self
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, why) = match self {
            Self::Denied(why) => ("denied", why),
            Self::Unauthenticated(why) => ("not let in", why),
            Self::Unavailable(why) => ("unavailable", why),
            Self::TimedOut(why) => ("timed out", why),
            Self::Malformed(why) => ("malformed", why),
            Self::TooBig(why) => ("too big", why),
            Self::NotReadable(why) => ("not readable", why),
            Self::Settings(why) => ("settings", why),
        };
        write!(out, "{what}: {why}")
    }
}

/// The operating system's words, without Rust's `(os error N)`.
pub(crate) fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.clone(), |(words, _)| words.to_owned())
}

/// The same of a call that nix made. Its own table of words would be relocated at each start.
pub(crate) fn words(errno: Errno) -> String {
    cause(&errno.into())
}

/// One source of configuration: a file, or a kind of option.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    /// `inject.json`, `-e`, `environment`.
    pub(crate) name: String,
    /// What line and column are counted in.
    pub(crate) text: Vec<u8>,
    /// It is a text that people can look into.
    is_seen: bool,
    marks: OnceCell<Vec<Mark>>,
}

impl Layer {
    pub(crate) fn new(name: String, text: Vec<u8>) -> Self {
        Self { name, text, is_seen: true, marks: OnceCell::new() }
    }

    /// One whose places have no line and column.
    pub(crate) fn named(name: &str) -> Self {
        Self { is_seen: false, ..Self::new(name.to_owned(), Vec::new()) }
    }

    /// Line and column of a byte, from 1; the column counts characters.
    fn line_column(&self, at: usize) -> (usize, usize) {
        let at = at.min(self.text.len());
        let marks = self.marks.get_or_init(|| {
            let mut mark = Mark { line: 1, column: 1 };
            let mut marks = vec![mark];
            for block in self.text.chunks(BLOCK) {
                mark = mark.after(block);
                marks.push(mark);
            }
            marks
        });
        let Mark { line, column } = marks[at / BLOCK].after(&self.text[at / BLOCK * BLOCK..at]);
        (line, column)
    }
}

/// A text is marked this often, so that a report of many failures costs no more than its text.
const BLOCK: usize = 4096;

/// Where the next byte stands.
#[derive(Clone, Copy, Debug)]
struct Mark {
    line: usize,
    column: usize,
}

impl Mark {
    fn after(self, bytes: &[u8]) -> Self {
        // In UTF-8 every byte that begins a character differs from those that continue one.
        let characters = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count();
        match bytes.iter().rposition(|&byte| byte == b'\n') {
            Some(newline) => Self {
                line: self.line + bytes[..=newline].iter().filter(|&&byte| byte == b'\n').count(),
                column: 1 + characters(&bytes[newline + 1..]),
            },
            None => Self { line: self.line, column: self.column + characters(bytes) },
        }
    }
}

/// Where a piece of configuration was written. Shared: whatever is made of the piece has it too.
#[derive(Clone, Debug)]
pub(crate) struct Place(Rc<Spot>);

#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) layer: Rc<Layer>,
    /// Bytes into the layer's text.
    pub(crate) at: Option<usize>,
    /// `secret_map`, or nothing where the layer says enough.
    pub(crate) section: &'static str,
    /// `DB_PASSWORD`.
    pub(crate) item: Rc<str>,
}

impl Deref for Place {
    type Target = Spot;

    fn deref(&self) -> &Spot {
        &self.0
    }
}

impl Place {
    pub(crate) fn of(layer: &Rc<Layer>, at: Option<usize>, item: impl Into<Rc<str>>) -> Self {
        Self::in_section(layer, at, "", item)
    }

    pub(crate) fn in_section(
        layer: &Rc<Layer>,
        at: Option<usize>,
        section: &'static str,
        item: impl Into<Rc<str>>,
    ) -> Self {
        Self(Rc::new(Spot { layer: Rc::clone(layer), at, section, item: item.into() }))
    }

    /// Another position in the same item.
    pub(crate) fn at(&self, at: usize) -> Self {
        Self::in_section(&self.layer, Some(at), self.section, Rc::clone(&self.item))
    }

    /// `secret_map.DB_PASSWORD`, or the item alone.
    pub(crate) fn name(&self) -> String {
        match (self.section, &*self.item) {
            ("", item) => item.to_owned(),
            (section, "") => section.to_owned(),
            (section, item) => format!("{section}.{item}"),
        }
    }

    /// As [`Layer::line_column`].
    pub(crate) fn line_column(&self) -> Option<(usize, usize)> {
        self.at.filter(|_| self.layer.is_seen).map(|at| self.layer.line_column(at))
    }

    /// `inject.json:4:20`.
    pub(crate) fn position(&self) -> String {
        match self.line_column() {
            Some((line, column)) => format!("{}:{line}:{column}", self.layer.name),
            None => self.layer.name.clone(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match (name.is_empty(), self.line_column()) {
            (true, _) => out.write_str(&self.position()),
            (false, Some(_)) => write!(out, "{name} ({})", self.position()),
            (false, None) => write!(out, "{} {name}", self.layer.name),
        }
    }
}

/// The known name nearest to what was written, when it is near enough to be a typing error.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing takes the product of both lengths, and nobody mistypes what is that long.
    const LONGEST: usize = 200;
    let known = known.into_iter().filter(|known| known.len().max(name.len()) <= LONGEST);
    known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, known)| known)
}

/// A hint looks at every known name, so only as many failures have one, or as many names are looked at.
pub(crate) const HINTS: usize = 20;

/// ` (did you mean `NAME`?)`, or nothing.
pub(crate) fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let line_column = |text: &str, at| Layer::new(String::new(), text.into()).line_column(at);
        assert_eq!(line_column("ab\ncd", 0), (1, 1));
        assert_eq!(line_column("a\nü x", 5), (2, 3));
        assert_eq!(line_column("a", 99), (1, 2));
        assert_eq!(line_column("", 0), (1, 1));
        let text = "ü ab\n".repeat(3 * BLOCK) + &"ü".repeat(3 * BLOCK);
        for at in [0, BLOCK - 1, BLOCK, BLOCK + 3, 6 * BLOCK, 18 * BLOCK - 1, 18 * BLOCK, 18 * BLOCK + 2, text.len()] {
            let before = &text[..(at..).find(|&at| text.is_char_boundary(at)).unwrap()];
            let (lines, last) = before.rsplit_once('\n').unwrap_or(("", before));
            let line = 1 + before.matches('\n').count();
            assert_eq!(line_column(&text, before.len()), (line, 1 + last.chars().count()), "{at} {}", lines.len());
        }
    }

    #[test]
    fn only_near_names_are_hinted_at() {
        assert_eq!(nearest("secret_mpa", ["secret_map", "stores"]), Some("secret_map"));
        assert_eq!(nearest("zzz", ["secret_map", "stores"]), None);
    }
}
