//! One thing that went wrong, as a report shows it, and where in the input it stands.
//!
//! A failure is text made of names, places and sizes. Nothing that holds a value can be formatted
//! ([`crate::secret::Secret`] has no Display), so no failure can hold one.

use std::fmt;
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

/// One source of configuration: a file, or a kind of option.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    /// `inject.json`, `-e`, `environment`.
    pub(crate) name: String,
    /// What line and column are counted in.
    pub(crate) text: Vec<u8>,
}

/// Where a piece of configuration was written.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) layer: Rc<Layer>,
    /// Bytes into the layer's text.
    pub(crate) at: Option<usize>,
    /// `secret_map.DB_PASSWORD`, or the name alone where the layer says the rest.
    pub(crate) item: String,
}

impl Place {
    pub(crate) fn of(layer: &Rc<Layer>, at: Option<usize>, item: impl Into<String>) -> Self {
        Self { layer: Rc::clone(layer), at, item: item.into() }
    }

    /// Line and column, from 1; the column counts characters.
    pub(crate) fn line_column(&self) -> Option<(usize, usize)> {
        self.at.map(|at| line_column(&self.layer.text, at))
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
        match (self.item.is_empty(), self.at) {
            (true, _) => out.write_str(&self.position()),
            (false, Some(_)) => write!(out, "{} ({})", self.item, self.position()),
            (false, None) => write!(out, "{} {}", self.layer.name, self.item),
        }
    }
}

fn line_column(text: &[u8], at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
    let column = 1 + String::from_utf8_lossy(&before[line_start..]).chars().count();
    (line, column)
}

/// The known name nearest to what was written, when it is near enough to be a typing error.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, known)| known)
}

/// ` (did you mean `NAME`?)`, or nothing.
pub(crate) fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        assert_eq!(line_column(b"ab\ncd", 0), (1, 1));
        assert_eq!(line_column("a\nü x".as_bytes(), 5), (2, 3));
        assert_eq!(line_column(b"a", 99), (1, 2));
    }

    #[test]
    fn only_near_names_are_hinted_at() {
        assert_eq!(nearest("secret_mpa", ["secret_map", "stores"]), Some("secret_map"));
        assert_eq!(nearest("zzz", ["secret_map", "stores"]), None);
    }
}
