//! What of the inherited environment the command gets.

use super::Options;
use crate::environ::Environ;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;

pub(super) struct Inherited {
    kept: Vec<Variable>,
}

/// Name, value and the entry itself.
type Variable = (&'static [u8], Option<&'static [u8]>, &'static CStr);

impl Inherited {
    /// `--pristine` keeps what a `--keep` matches; `--drop` wins over `--keep`.
    pub(super) fn filter(options: &Options, environ: &Environ) -> Self {
        let any = |globs: &[String], name| globs.iter().any(|glob| matches(glob.as_bytes(), name));
        let kept = environ
            .iter()
            .filter(|(name, _, _)| (!options.pristine || any(&options.keep, name)) && !any(&options.drop, name));
        Self { kept: kept.collect() }
    }

    /// The variables that may be templates: our own options are not.
    pub(super) fn kept(&self) -> impl Iterator<Item = (&'static [u8], &'static [u8])> {
        let foreign = self.kept.iter().filter(|(name, _, _)| !name.starts_with(b"INJECT_"));
        foreign.filter_map(|(name, value, _)| Some((*name, (*value)?)))
    }

    /// The first value of each name, as `getenv` finds it.
    pub(super) fn values(&self) -> BTreeMap<&'static [u8], &'static [u8]> {
        self.kept.iter().rev().filter_map(|(name, value, _)| Some((*name, (*value)?))).collect()
    }

    /// What is handed on as it is: all but what `sets` names, and logins that no `--keep` names.
    pub(super) fn passed(
        &self,
        sets: impl Fn(&[u8]) -> bool,
        credentials: &[String],
        options: &Options,
    ) -> Vec<&'static CStr> {
        let credentials: BTreeSet<&[u8]> = credentials.iter().map(String::as_bytes).collect();
        let is_login =
            |name: &[u8]| credentials.contains(name) && !options.keep.iter().any(|glob| matches(glob.as_bytes(), name));
        let passed = self.kept.iter().filter(|(name, _, _)| !sets(name) && !is_login(name));
        passed.map(|(_, _, entry)| *entry).collect()
    }
}

/// Shell-like: `*` is any run of bytes, `?` any one.
fn matches(glob: &[u8], name: &[u8]) -> bool {
    let (mut at, mut in_name) = (0, 0);
    // Where the last `*` stands, and what it has swallowed up to.
    let mut star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        match (glob.get(at), star) {
            (Some(b'*'), _) => {
                star = Some((at, in_name));
                at += 1;
            }
            (Some(byte), _) if *byte == b'?' || *byte == name[in_name] => {
                at += 1;
                in_name += 1;
            }
            (_, Some((star_at, swallowed))) => {
                star = Some((star_at, swallowed + 1));
                at = star_at + 1;
                in_name = swallowed + 1;
            }
            _ => return false,
        }
    }
    glob[at..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn globs_match_whole_names() {
        for (glob, name, expected) in [
            ("A*", "ABC", true),
            ("A*", "BA", false),
            ("*_TOKEN", "X_TOKEN", true),
            ("*_TOKEN", "X_TOKENS", false),
            ("A?C", "ABC", true),
            ("A?C", "AC", false),
            ("*", "", true),
            ("a*b*c", "aXbYbZc", true),
            ("AB", "ABC", false),
        ] {
            assert_eq!(matches(glob.as_bytes(), name.as_bytes()), expected, "{glob} {name}");
        }
    }
}
