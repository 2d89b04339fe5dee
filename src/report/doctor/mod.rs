//! `inject doctor`: what weakens the secrecy of a launch, what that means, and what to do about it.
//!
//! `machine.rs` is about this machine and what inject is started with, `process.rs` about one process
//! that runs (`--pid`). Everything is looked at and nothing changed; no value, variable or argument is
//! read.

#[cfg(feature = "local")]
mod identity;
mod machine;
mod proc;
mod process;

pub(crate) use machine::examine;
pub(crate) use process::Examined;

use super::json;
use crate::diag::printable;
use crate::failure::cause;
use serde_json::{Value, json as value};
use std::fmt::Write as _;
use std::io;

/// The columns of a terminal that text is folded to.
const WIDTH: usize = 100;
/// Behind a mark.
const INDENT: &str = "    ";

/// Something that was looked at, and what to do where it is not as one would wish.
pub(crate) struct Finding {
    name: &'static str,
    found: String,
    means: &'static str,
    /// A line for each way of doing it. None: all is well.
    remedy: Option<String>,
}

impl Finding {
    fn good(name: &'static str, found: impl Into<String>, means: &'static str) -> Self {
        Self { name, found: found.into(), means, remedy: None }
    }

    fn weak(name: &'static str, found: impl Into<String>, means: &'static str, remedy: impl Into<String>) -> Self {
        Self { name, found: found.into(), means, remedy: Some(remedy.into()) }
    }

    /// What to know stands in /proc, which cannot be read.
    fn unknown(name: &'static str, file: &str, error: &io::Error) -> Self {
        let remedy = "mount /proc and let this user read it: mount -t proc proc /proc";
        Self::weak(name, format!("{file}: {}", cause(error)), "this cannot be told", remedy)
    }

    fn json(&self) -> Value {
        value!({
            "name": self.name,
            "good": self.remedy.is_none(),
            "found": self.found,
            "means": self.means,
            "remedy": self.remedy,
        })
    }

    fn print(&self, out: &mut String) {
        let mark = if self.remedy.is_none() { "ok" } else { "!" };
        let head = format!("{}: {}", self.name, printable(&self.found));
        print_folded(out, &format!("{mark:<width$}", width = INDENT.len()), &head);
        print_folded(out, INDENT, self.means);
        // What is to be typed stays in one piece.
        for line in self.remedy.iter().flat_map(|remedy| remedy.lines()) {
            let _ = writeln!(out, "{INDENT}-> {}", printable(line));
        }
    }
}

pub(crate) fn all_good(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.remedy.is_none())
}

pub(crate) fn report(findings: &[Finding], as_json: bool) -> String {
    if as_json {
        return json(&value!({ "findings": findings.iter().map(Finding::json).collect::<Vec<_>>() }));
    }
    let mut text = String::new();
    findings.iter().for_each(|finding| finding.print(&mut text));
    text
}

/// The same thing to do in the three places where people use inject.
fn in_each_place(systemd: &str, container: &str, shell: &str) -> String {
    format!("systemd: {systemd}\npodman or docker: {container}\nshell: {shell}")
}

/// As many words in a line as there is room for; `first` begins the first line, blanks the others.
fn print_folded(out: &mut String, first: &str, text: &str) {
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{line}");
            line = INDENT.to_owned();
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    let _ = writeln!(out, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_fits_a_terminal_and_its_remedy_stays_in_one_piece() {
        let long = "word ".repeat(60);
        let command = format!("chmod 600 /{}", "a".repeat(120));
        let text = report(&[Finding::weak("swap", long.trim(), "meaning", command.as_str())], false);
        let (remedies, others): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("    -> "));
        assert_eq!(remedies, [format!("    -> {command}")]);
        assert_eq!(others.len(), 5, "{text}");
        assert!(others.iter().all(|line| line.len() <= WIDTH && !line.ends_with(' ')), "{text}");
        assert!(others[0].starts_with("!   swap: word word"), "{text}");
        assert_eq!(report(&[Finding::good("swap", "none", "meaning")], false), "ok  swap: none\n    meaning\n");
    }
}
