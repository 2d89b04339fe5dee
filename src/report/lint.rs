//! What passes as text and was probably not meant to. Patterns are compiled here, so only `check`
//! pays for them.

use crate::failure::{Code, Failure, Place};
use crate::spec::{Spec, Text};
use regex::bytes::Regex;

/// Each pattern, and what stands there probably.
const NEAR_MISSES: [(&str, &str); 4] = [
    (r"\$\{[ \t]+(?:secret|pods|stack)[ \t]*:[^}]*\}", "blanks have no place in `${…}`"),
    (r"\$\{(?i-u:secret|pods|stack):[^}]*\}", "secret, pods and stack are written in small letters"),
    (r"(?:^|[^$])\{(?:secret|pods|stack):[^}]*\}", "a `$` is missing before `{`"),
    (r"\$\((?:secret|pods|stack):[^)]*\)", "a reference has `<…>` or `{…}`, not parentheses"),
];

/// Near misses that a launch takes for plain text.
pub(super) fn near_misses(spec: &Spec) -> Vec<Failure> {
    let items = spec.secret_map.iter().chain(spec.environment.iter()).map(|(_, item)| item);
    let items = items.chain(spec.files.iter().map(|(_, file)| &file.item));
    let texts = items.filter_map(|item| match &item.text {
        Text::Template(text) => Some((&item.place, text.as_slice())),
        _ => None,
    });
    let contents = spec.mounts.iter().filter_map(|(_, mount)| Some((&mount.place, mount.content.as_ref()?.as_bytes())));
    let patterns: Vec<(Regex, &str)> =
        NEAR_MISSES.iter().filter_map(|(pattern, advice)| Some((Regex::new(pattern).ok()?, *advice))).collect();
    texts.chain(contents).flat_map(|(place, text)| misses(&patterns, place, text)).collect()
}

fn misses(patterns: &[(Regex, &str)], place: &Place, text: &[u8]) -> Vec<Failure> {
    let exact = |found: &[u8]| found.starts_with(b"${") && crate::reference::is_tapis(&found[2..]);
    let miss = |(pattern, advice): &(Regex, &str)| {
        let found = pattern.find_iter(text).map(|found| found.as_bytes()).find(|found| !exact(found))?;
        let shown = String::from_utf8_lossy(&found[..found.len().min(60)]).into_owned();
        Some(Failure::new(Code::Reference, place, format!("`{}` is plain text here; {advice}", shown.trim_start())))
    };
    patterns.iter().filter_map(miss).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_one() {
        for (pattern, _) in NEAR_MISSES {
            Regex::new(pattern).unwrap();
        }
    }
}
