//! README.md is true: its examples are run, its configuration is checked, its options exist.

use crate::harness::{PROGRAM, World};
use std::fs;
use std::path::Path;

struct Block {
    kind: String,
    lines: Vec<String>,
}

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(kind), None) => open = Some(Block { kind: kind.to_owned(), lines: Vec::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert!(open.is_none());
    blocks
}

/// Whether a text fits one in which `…` stands for anything.
fn fits(shown: &str, text: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn the_tour_does_what_it_shows() {
    let world = World::new();
    world.file("bin/placeholder", "");
    std::os::unix::fs::symlink(PROGRAM, world.path("bin/inject")).unwrap();
    let path = format!("{}:/usr/bin:/bin", world.path("bin").display());
    let mut commands = 0;
    for block in blocks(&readme()) {
        if let Some(name) = block.kind.strip_prefix("json ") {
            world.file(name, block.lines.join("\n")).mode(name, 0o600);
        }
        if block.kind != "console" {
            continue;
        }
        let mut lines = block.lines.iter().peekable();
        while let Some(line) = lines.next() {
            let command = line.strip_prefix("$ ").unwrap();
            let mut shown = String::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                shown += &format!("{line}\n");
            }
            let done =
                world.run("sh", ["-c", &format!("{{ {command}\n}} 2>&1")]).env("PATH", &path).env("LC_ALL", "C").done();
            assert!(fits(&shown, done.text()), "{command}\nshown:\n{shown}\nis:\n{}", done.text());
            commands += 1;
        }
    }
    assert!(commands >= 10, "only {commands} commands were found");
}

#[test]
fn every_option_of_the_readme_exists() {
    let world = World::new();
    let verbs = ["init", "add", "rm", "update", "import", "export", "copy"].map(|verb| format!("secret {verb}"));
    let help: Vec<String> = ["", "check", "doctor"]
        .into_iter()
        .chain(verbs.iter().map(String::as_str))
        .map(|verb| {
            let arguments = verb.split_whitespace().chain(["--help"]);
            String::from_utf8(world.inject(arguments).done().quiet().out).unwrap()
        })
        .collect();
    let text = readme();
    let ours = |word: &&str| {
        word.strip_prefix("--").is_some_and(|name| name.starts_with(|letter: char| letter.is_ascii_lowercase()))
    };
    let letters = |word: &str| {
        word.split(|letter: char| !letter.is_ascii_lowercase() && letter != '-').next().unwrap().to_owned()
    };
    let words =
        text.split(|letter: char| letter.is_whitespace() || letter == '`' || letter == '(').filter(ours).map(letters);
    // Those of cargo, of our own scripts, podman, docker and their files.
    let others = ["--locked", "--release", "--musl", "--secret", "--user", "--from", "--chmod", "--ipc"];
    for option in words.filter(|option| !others.contains(&option.as_str())) {
        assert!(help.iter().any(|help| help.contains(&option)), "{option} is in README.md and in no help");
    }
}

#[test]
fn the_kinds_of_the_readme_are_those_there_are() {
    let world = World::new();
    let report: serde_json::Value =
        serde_json::from_str(world.inject(["stores", "--json"]).done().quiet().text()).unwrap();
    let text = readme();
    for kind in report["kinds"].as_array().unwrap() {
        let name = kind["name"].as_str().unwrap();
        let row = text
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")))
            .unwrap_or_else(|| panic!("no row for {name}"));
        for setting in kind["settings"].as_array().unwrap() {
            assert!(row.contains(&format!("`{}`", setting.as_str().unwrap())), "{name}: {setting}");
        }
    }
}
