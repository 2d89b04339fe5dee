//! The forms of a Tapis template, one text at a time.
//!
//! The original is regular expressions, so these are too: that `}` ends a reference and nothing
//! else does, that a line break is a character like any other, and that one final line break after a
//! whole-value form does not count, follow by construction. Each is compiled when it is first
//! needed; a launch in the strict dialect compiles none. What a form resolves to is `steps.rs`.

use crate::reference::{Body, Hole};
use crate::template::{Part, Parts, Template};
use regex::Regex;
use std::fmt;
use std::sync::LazyLock;

/// What a whole secret_map value is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Form<'v> {
    /// `${secret:NAME}`, the actor's own, or `${secret:OWNER:NAME}`.
    Secret { owner: Option<&'v str>, name: &'v str },
    /// `${:?TEXT}` or `${pods:default:VALUE}`, the latter with or without `:?TEXT`.
    Placeholder(Placeholder<'v>),
    /// Anything else, verbatim, with the placeholders inside that stay text.
    Literal(Vec<Inline<'v>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placeholder<'v> {
    /// None: it must be overridden.
    pub(crate) default: Option<&'v str>,
    pub(crate) description: Option<&'v str>,
}

/// A placeholder in the middle of a text, which Tapis reports and does not fill.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Inline<'v> {
    pub(crate) text: &'v str,
    pub(crate) placeholder: Placeholder<'v>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FormError {
    /// A short reference, and nobody asks.
    ActorRequired,
    /// `${pods:default:VALUE:TEXT}`, where `:?TEXT` was meant or VALUE holds a colon.
    DefaultTrailer,
}

impl fmt::Display for FormError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::ActorRequired => "`${secret:NAME}` is the asking user's own, and no user is known; write the owner",
            Self::DefaultTrailer => {
                "the value of `${pods:default:…}` ends at the first `:`, and only `:?TEXT` may follow it; \
                 `$<pods:default:…>` of the strict dialect takes `%3A`"
            }
        })
    }
}

macro_rules! patterns {
    ($($(#[$doc:meta])* $name:ident = $pattern:expr;)*) => {
        $($(#[$doc])* static $name: LazyLock<Regex> = LazyLock::new(|| compile($pattern));)*

        #[cfg(test)]
        static ALL: &[&LazyLock<Regex>] = &[$(&$name),*];
    };
}

#[allow(clippy::expect_used, reason = "the patterns are constants, and a test compiles each")]
fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

patterns! {
    // Whole values: `\n?$` is what `$` alone means to the original.
    SECRET = r"^\$\{secret:(?:([a-zA-Z0-9_@]+):)?([a-zA-Z0-9_-]+)\}\n?$";
    REQUIRED = r"^\$\{:\?([^}]+)\}\n?$";
    DEFAULT = r"^\$\{pods:default:([^:}]*)(?::([^}]+))?\}\n?$";
    // Anywhere in a text. The first group is the name that is wanted.
    INLINE = r"\$\{(?::\?([^}]+)|pods:default:([^:}]*)(?::\?([^}]+))?)\}";
    SHORT = r"\$\{secret:([a-zA-Z0-9_-]+)\}";
    OWNED = r"\$\{secret:([a-zA-Z0-9_@]+):[a-zA-Z0-9_-]+\}";
    ENTRY = r"\$\{pods:secrets:([a-zA-Z0-9_-]+)(?::\?[^}]+)?\}";
    STACK = r"\$\{stack:secrets:([a-zA-Z0-9_-]+)\}";
    NETWORKING = r"\$\{pods:networking:([a-zA-Z0-9_-]+):([a-zA-Z_]+)\}";
    // The original's `\d` is any digit of Unicode: what stands here is judged by `length`.
    RANDOM = r"\$\{pods:random:([^${}]+)\}";
    // For lints only.
    ANY = r"\$\{([^}]+)\}";
    COLON_MISSING = r"\$\{pods:secrets:[a-zA-Z0-9_-]+\?[^}]+\}";
    ANY_DEFAULT = r"\$\{pods:default:[^}]*\}";
    ANY_NETWORKING = r"\$\{pods:networking:[^}]+\}";
}

/// Classifies one secret_map value. `actor` is who asks; None leaves that to the store, empty is
/// nobody.
pub(crate) fn parse_secret_reference<'v>(value: &'v str, actor: Option<&str>) -> Result<Form<'v>, FormError> {
    if !value.contains("${") {
        return Ok(Form::Literal(Vec::new()));
    }
    let group = |pattern: &Regex, groups: [usize; 2]| {
        let found = pattern.captures(value)?;
        Some(groups.map(|group| found.get(group).map(|part| part.as_str())))
    };
    if let Some([owner, Some(name)]) = group(&SECRET, [1, 2]) {
        return match (owner, actor) {
            (None, Some("")) => Err(FormError::ActorRequired),
            _ => Ok(Form::Secret { owner, name }),
        };
    }
    if let Some([description, _]) = group(&REQUIRED, [1, 1]) {
        return Ok(Form::Placeholder(Placeholder { default: None, description }));
    }
    if let Some([default, trailer]) = group(&DEFAULT, [1, 2]) {
        let description = match trailer {
            Some(trailer) => Some(trailer.strip_prefix('?').ok_or(FormError::DefaultTrailer)?),
            None => None,
        };
        return Ok(Form::Placeholder(Placeholder { default, description }));
    }
    let inline = INLINE.captures_iter(value).filter_map(|found| {
        let part = |group| found.get(group).map(|part| part.as_str());
        let placeholder = Placeholder { default: part(2), description: part(1).or(part(3)) };
        Some(Inline { text: part(0)?, placeholder })
    });
    Ok(Form::Literal(inline.collect()))
}

/// Writes the actor into every short reference, as Tapis does when it stores a pod.
pub(crate) fn expand_short_secret_references(value: &str, actor: &str) -> String {
    if actor.is_empty() {
        return value.to_owned();
    }
    SHORT.replace_all(value, |found: &regex::Captures<'_>| format!("${{secret:{actor}:{}}}", &found[1])).into_owned()
}

/// The owners that references anywhere in a value name.
pub(crate) fn owners(value: &str) -> impl Iterator<Item = &str> {
    OWNED.captures_iter(value).filter_map(|found| found.get(1).map(|owner| owner.as_str()))
}

/// The text of a variable or a config: `${pods:secrets:KEY}` of a known key becomes a hole, any
/// other stays text, and its key is told to `unknown`.
pub(crate) fn plan_text(text: &str, known: &dyn Fn(&str) -> bool, unknown: &mut dyn FnMut(&str)) -> Template<Hole> {
    split(text, &ENTRY, |key| {
        if known(key) {
            return Some(Body::Entry(key.into()));
        }
        unknown(key);
        None
    })
}

/// The same for `${stack:secrets:KEY}` and the stack's secret_map.
pub(crate) fn stack_references(
    text: &str,
    known: &dyn Fn(&str) -> bool,
    unknown: &mut dyn FnMut(&str),
) -> Template<Hole> {
    split(text, &STACK, |key| {
        if known(key) {
            return Some(Body::Stack(key.into()));
        }
        unknown(key);
        None
    })
}

fn split(text: &str, pattern: &Regex, mut body: impl FnMut(&str) -> Option<Body>) -> Template<Hole> {
    let (mut parts, mut from) = (Parts::new(), 0);
    for found in pattern.captures_iter(text) {
        let (Some(whole), Some(name)) = (found.get(0), found.get(1)) else {
            continue;
        };
        if let Some(body) = body(name.as_str()) {
            if from < whole.start() {
                parts.push(Part::Text(text[from..whole.start()].into()));
            }
            parts.push(Part::Hole(Hole { tapis: true, ..Hole::plain(body) }));
            from = whole.end();
        }
    }
    if from < text.len() {
        parts.push(Part::Text(text[from..].into()));
    }
    Template { parts }
}

/// A reference to one of the pod's networks.
pub(crate) struct NetworkReference<'t> {
    pub(crate) text: &'t str,
    pub(crate) network: &'t str,
    pub(crate) field: &'t str,
}

pub(crate) fn network_references(text: &str) -> impl Iterator<Item = NetworkReference<'_>> {
    NETWORKING.captures_iter(text).filter_map(|found| {
        let part = |group| found.get(group).map(|part| part.as_str());
        Some(NetworkReference { text: part(0)?, network: part(1)?, field: part(2)? })
    })
}

/// The length that a value of the form `${pods:random:N}`, and nothing around it, asks for: its
/// decimal digits without leading zeros, of any length.
pub(crate) fn random_length(value: &str) -> Option<String> {
    let found = RANDOM.captures(value)?;
    let (whole, length) = (found.get(0)?, found.get(1)?);
    if whole.len() == value.len() { digits(length.as_str()) } else { None }
}

/// The kinds of form in a text that Tapis looks for in secret_map alone.
pub(crate) fn map_only_forms(text: &str) -> impl Iterator<Item = &'static str> {
    let has = |wanted: &str| text.contains(wanted);
    let random = || RANDOM.captures_iter(text).any(|found| found.get(1).is_some_and(|n| digits(n.as_str()).is_some()));
    [
        ("pods:default", ANY_DEFAULT.is_match(text)),
        ("pods:networking", ANY_NETWORKING.is_match(text)),
        ("pods:url", has("${pods:url}")),
        ("pods:tapis_url", has("${pods:tapis_url}")),
        ("pods:random", random()),
        ("pods:pod_id", has("${pods:pod_id}")),
    ]
    .into_iter()
    .filter_map(|(name, found)| found.then_some(name))
}

/// Every `${…}` of a text, with the kind it would be by its first letters.
pub(crate) fn unresolved(text: &str) -> impl Iterator<Item = (&str, &'static str)> {
    ANY.captures_iter(text).filter_map(|found| Some((found.get(0)?.as_str(), kind(found.get(1)?.as_str()))))
}

fn kind(body: &str) -> &'static str {
    match body {
        "pods:url" => "pod_url",
        "pods:tapis_url" => "tapis_url",
        "pods:pod_id" => "pod_id",
        _ => [
            ("secret:", "user_secret"),
            ("pods:secrets:", "secret_map_reference"),
            ("pods:default:", "default_placeholder"),
            (":?", "required_placeholder"),
            ("pods:networking:", "networking_reference"),
            ("pods:random:", "random_password"),
        ]
        .into_iter()
        .find_map(|(prefix, kind)| body.starts_with(prefix).then_some(kind))
        .unwrap_or("unknown"),
    }
}

/// Every `${pods:secrets:KEY?TEXT}`, where `:?TEXT` was meant.
pub(crate) fn missing_colons(text: &str) -> impl Iterator<Item = &str> {
    COLON_MISSING.find_iter(text).map(|found| found.as_str())
}

/// The zeros of Unicode's decimal digits (category Nd); nine more follow each. Python reads a
/// number in any of them.
#[rustfmt::skip]
const ZEROS: [u32; 66] = [
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0,
    0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620,
    0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0,
    0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60,
    0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

fn digits(text: &str) -> Option<String> {
    let digit = |letter: char| {
        let zero = ZEROS[ZEROS.partition_point(|&zero| zero <= u32::from(letter)).checked_sub(1)?];
        char::from_digit(u32::from(letter) - zero, 10)
    };
    let digits = text.chars().map(digit).collect::<Option<String>>()?;
    let significant = digits.trim_start_matches('0');
    Some(if significant.is_empty() { "0" } else { significant }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for pattern in ALL {
            assert!(!pattern.is_match("$"));
        }
    }

    #[test]
    fn one_final_line_break_after_a_whole_value_does_not_count() {
        let secret = Ok(Form::Secret { owner: None, name: "db" });
        assert_eq!(parse_secret_reference("${secret:db}\n", Some("amy")), secret);
        for literal in ["${secret:db}\n\n", "${secret:db}\r\n", "\n${secret:db}", "${secret:a-b:db}"] {
            assert_eq!(parse_secret_reference(literal, Some("amy")), Ok(Form::Literal(Vec::new())), "{literal:?}");
        }
    }

    #[test]
    fn a_random_length_is_read_in_any_digits() {
        for (text, length) in
            [("008", "8"), ("３２", "32"), ("٣٢", "32"), ("0", "0"), ("9000000000000", "9000000000000")]
        {
            assert_eq!(random_length(&format!("${{pods:random:{text}}}")).as_deref(), Some(length));
        }
        for none in
            ["${pods:random:²}", "${pods:random:+9}", "${pods:random:}", "${pods:random:9}\n", "x${pods:random:9}"]
        {
            assert_eq!(random_length(none), None, "{none:?}");
        }
    }

    #[test]
    fn an_opening_that_is_never_a_form_hides_none_after_it() {
        assert_eq!(map_only_forms("${pods:random:${pods:random:8}").collect::<Vec<_>>(), ["pods:random"]);
        let nested = "${pods:default:${pods:networking:x}";
        assert_eq!(map_only_forms(nested).collect::<Vec<_>>(), ["pods:default", "pods:networking"]);
    }

    #[test]
    fn inserted_names_stay_whole_in_a_short_reference() {
        assert_eq!(expand_short_secret_references("${secret:db}$1", r"\1$0"), r"${secret:\1$0:db}$1");
        assert_eq!(expand_short_secret_references("${secret:db}", ""), "${secret:db}");
    }
}
