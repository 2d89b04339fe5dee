//! The manual page and the completions: committed under `packaging`, where packages take them from, and
//! compiled in, compressed by `packaging/compress.rs`, so that a launch pays nothing for them.
//!
//! A test holds them to the definition of the command line, and `INJECT_WRITE_GENERATED=1 cargo test generated`
//! writes them anew. What that definition does not know of the manual stands in `packaging/man/inject.1.in`.

use miniz_oxide::inflate::decompress_to_vec;

pub(super) fn manual() -> String {
    text(include_bytes!(concat!(env!("OUT_DIR"), "/inject.1")))
}

/// Of one of [`SHELLS`].
pub(super) fn completions(shell: &str) -> String {
    text(match shell {
        "bash" => include_bytes!(concat!(env!("OUT_DIR"), "/inject.bash")),
        "fish" => include_bytes!(concat!(env!("OUT_DIR"), "/inject.fish")),
        _ => include_bytes!(concat!(env!("OUT_DIR"), "/_inject")),
    })
}

pub(super) const SHELLS: [&str; 3] = ["bash", "fish", "zsh"];

/// A test sees that each is whole.
fn text(compressed: &[u8]) -> String {
    String::from_utf8(decompress_to_vec(compressed).unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{command, launch_options};
    use clap::{Arg, Command};
    use clap_complete::Shell;
    use std::fs;
    use std::path::Path;

    #[test]
    fn what_is_generated_is_what_the_definition_of_the_command_line_says() {
        hold("packaging/man/inject.1", &super::manual(), &manual());
        for name in SHELLS {
            let shell: Shell = name.parse().unwrap();
            let file = if shell == Shell::Zsh { "_inject".to_owned() } else { format!("inject.{name}") };
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "inject", &mut script);
            // What pads a line is no part of it.
            let script: String =
                String::from_utf8(script).unwrap().lines().map(|line| format!("{}\n", line.trim_end())).collect();
            hold(&format!("packaging/completions/{file}"), &completions(name), &script);
        }
    }

    fn hold(path: &str, committed: &str, generated: &str) {
        if std::env::var_os("INJECT_WRITE_GENERATED").is_some() {
            fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(path), generated).unwrap();
        } else {
            let again = "`INJECT_WRITE_GENERATED=1 cargo test generated` writes it anew";
            assert!(committed == generated, "{path} is not what the command line is now; {again}");
        }
    }

    /// What to put in place of a line of the manual's template.
    fn manual() -> String {
        let mut command = command();
        command.build();
        let mut text = String::new();
        for line in include_str!("../../packaging/man/inject.1.in").lines() {
            match line {
                "@OPTIONS@" => command.get_arguments().for_each(|option| text.push_str(&entry(option))),
                "@VERBS@" => command.get_subcommands().for_each(|verb| text.push_str(&section(verb))),
                // Of the template alone.
                _ if line.starts_with(".\\\"") => {}
                _ => text.push_str(&(line.replace("@VERSION@", env!("CARGO_PKG_VERSION")) + "\n")),
            }
        }
        format!(".\\\" Generated from inject.1.in and the definition of the command line.\n{text}")
    }

    /// A verb, or those below it.
    fn section(verb: &Command) -> String {
        if verb.has_subcommands() {
            return verb.get_subcommands().map(section).collect();
        }
        let usage = verb.clone().render_usage().to_string();
        let of_launch = launch_options();
        let is_own = |option: &&Arg| {
            let same = |other: &Arg| (option.get_id(), option.get_help()) == (other.get_id(), other.get_help());
            !of_launch.iter().any(same) && !["command", "help", "version"].contains(&option.get_id().as_str())
        };
        let mut text = format!(".SS \"{}\"\n", roff(usage.trim_start_matches("Usage: ")));
        text += &format!("{}.\n", folded(&verb.get_about().unwrap().to_string()));
        if let Some(more) = verb.get_after_help() {
            text += &format!("{}\n", folded(&more.to_string()));
        }
        text.extend(verb.get_arguments().filter(is_own).map(entry));
        text
    }

    /// An option and what it is for.
    fn entry(option: &Arg) -> String {
        if option.is_hide_set() {
            return String::new();
        }
        let mut names: Vec<String> = Vec::new();
        names.extend(option.get_short().map(|short| format!("`-{short}`")));
        names.extend(option.get_long().map(|long| format!("`--{long}`")));
        let mut head = roff(&names.join(", "));
        if option.get_num_args().is_some_and(|number| number.takes_values()) {
            let words: Vec<_> =
                option.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
            let value = match option.get_value_names() {
                _ if !words.is_empty() => roff(&words.join(" | ")),
                Some(names) => format!("\\fI{}\\fR", roff(&names.join(" "))),
                None => String::new(),
            };
            head = if head.is_empty() { value } else { format!("{head} {value}") };
        }
        format!(".TP\n{head}\n{}\n", folded(&option.get_help().map(ToString::to_string).unwrap_or_default()))
    }

    /// Text of ours for the typesetter: `…` is bold, and what is to be typed keeps its hyphens.
    fn roff(text: &str) -> String {
        let mut escaped = String::new();
        for (position, part) in text.replace('\\', "\\e").replace('…', "...").split('`').enumerate() {
            let words: Vec<_> = part
                .split(' ')
                .map(|word| {
                    let is_typed = position % 2 == 1 || word.trim_start_matches(['[', '(']).starts_with('-');
                    if is_typed { word.replace('-', "\\-") } else { word.to_owned() }
                })
                .collect();
            let part = words.join(" ");
            escaped += &if position % 2 == 1 { format!("\\fB{part}\\fR") } else { part };
        }
        escaped
    }

    /// The same for a paragraph, in lines that are not too long.
    fn folded(text: &str) -> String {
        let mut lines = vec![String::new()];
        for word in roff(text).split_whitespace() {
            let line = lines.last_mut().unwrap();
            if line.is_empty() {
                line.push_str(word);
            } else if line.len() + word.len() < 79 {
                line.push_str(&format!(" {word}"));
            } else {
                lines.push(word.to_owned());
            }
        }
        assert!(!lines.iter().any(|line| line.starts_with(['.', '\''])), "a typesetter's command: {text}");
        lines.join("\n")
    }
}
