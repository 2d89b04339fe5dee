//! The `secret` subcommand: what was typed, as a [`Task`].
//!
//! No value is parsed here: clap would quote a bad one in its error.

use super::{End, Input, Task, Transfer, Typed, Verb};
use crate::store::manage::Format;
use crate::store::manage::attributes::{Form, OPTIONS, Row};
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::ffi::OsString;
use std::path::PathBuf;

/// What a verb takes beside its options, and what help says of it.
struct Definition {
    verb: Verb,
    about: &'static str,
    more: &'static str,
    arguments: fn() -> Vec<Arg>,
}

const DEFINITIONS: &[Definition] = &[
    Definition {
        verb: Verb::Init,
        about: "Make the local store, and an identity that opens it",
        more: "",
        arguments: || vec![json()],
    },
    Definition {
        verb: Verb::Add,
        about: "Add a secret, its value from standard input or a prompt",
        more: "",
        arguments: || {
            let replace = flag("replace", "Replace a secret that has the name");
            [name(), argument()].into_iter().chain(input()).chain([replace, yes(), json()]).collect()
        },
    },
    Definition {
        verb: Verb::Get,
        about: "Write a secret's value, and nothing more, to standard output",
        more: "",
        arguments: || {
            let name = name().value_name("NAME[#FIELD][@N]");
            vec![name.help("The secret's name, one of its fields, a revision"), reveal()]
        },
    },
    Definition {
        verb: Verb::List,
        about: "List the secrets, without their values",
        more: "",
        arguments: || vec![json()],
    },
    Definition {
        verb: Verb::Show,
        about: "Show what is known of a secret, without its value",
        more: "",
        arguments: || vec![name().value_name("NAME[@N]"), json()],
    },
    Definition {
        verb: Verb::Update,
        about: "Change a secret's value, what is said of it, or both",
        more: "With an option that says something of the secret, such as --description, the value stays and standard \
               input is not read; `--file -` reads it. --field changes the fields it names and keeps the others.",
        arguments: || [name(), argument()].into_iter().chain(input()).chain([json()]).collect(),
    },
    Definition {
        verb: Verb::Remove,
        about: "Remove secrets, or revisions of them",
        more: "",
        arguments: || {
            let names = name().value_name("NAME[@N]").action(ArgAction::Append).num_args(1..);
            vec![names.help("The secrets' names"), yes(), json()]
        },
    },
    Definition {
        verb: Verb::Alias,
        about: "Give a secret's value a second name in a narrower scope",
        more: "",
        arguments: || {
            let alias = Arg::new("other").value_name("ALIAS").required(true).help("The name that it is to have there");
            vec![name(), alias, json()]
        },
    },
    Definition {
        verb: Verb::Override,
        about: "Give a secret's name another value in a narrower scope",
        more: "",
        arguments: || [name(), argument()].into_iter().chain(input()).chain([json()]).collect(),
    },
    Definition {
        verb: Verb::Grant,
        about: "Let applications have a secret",
        more: "",
        arguments: || vec![name(), applications(), json()],
    },
    Definition {
        verb: Verb::Revoke,
        about: "Take a secret away from applications",
        more: "",
        arguments: || vec![name(), applications(), json()],
    },
    Definition {
        verb: Verb::History,
        about: "List the revisions of a secret, without their values",
        more: "",
        arguments: || vec![name(), json()],
    },
    Definition {
        verb: Verb::Import,
        about: "Add the secrets of a file",
        more: "",
        arguments: || {
            let file = Arg::new("document").value_name("FILE").value_parser(value_parser!(PathBuf));
            let replace = flag("replace", "Replace secrets that have the names");
            vec![file.help("The file; standard input without one"), format(), replace, yes(), json()]
        },
    },
    Definition {
        verb: Verb::Export,
        about: "Write secrets with their values to standard output",
        more: "",
        arguments: || {
            let names = name().required(false).action(ArgAction::Append).num_args(0..);
            vec![names.help("The secrets' names; all without one"), format(), reveal()]
        },
    },
];

/// What stands behind `secret`.
pub(crate) fn define(secret: Command) -> Command {
    let secret = secret.subcommand_required(true).arg_required_else_help(true);
    let secret = secret.subcommands(DEFINITIONS.iter().map(|definition| {
        let options = OPTIONS.iter().filter(|row| row.verbs.contains(&definition.verb)).map(option);
        let command = Command::new(definition.verb.name()).about(definition.about);
        let command = if definition.more.is_empty() { command } else { command.after_help(definition.more) };
        command.args((definition.arguments)()).args(options)
    }));
    secret.subcommand(copy())
}

const COPY: &str = "copy";

/// The verb that is about two stores.
fn copy() -> Command {
    let one = |long: &'static str, value: &'static str, help: &'static str| {
        Arg::new(long).long(long).value_name(value).help(help)
    };
    let names = name().required(false).action(ArgAction::Append).num_args(0..);
    Command::new(COPY)
        .about("Copy secrets from one store to another, and tell what that one cannot hold")
        .after_help(
            "What the target does not know of a secret stays behind and is told beside it; what it cannot hold is not \
             copied, and the others are. Values are in memory alone.",
        )
        .args([
            names.help("The secrets' names; all without one"),
            one("from", "STORE", "The store that has them: one of the configuration, or a kind").required(true),
            one("to", "STORE", "The store that gets them").required(true),
            one("from-scope", "SCOPE", "Copy what holds in this scope, in stores that have scopes"),
            one("from-id", "ID", "The id of what that scope is, in stores that tell scopes apart by one"),
            one("to-scope", "SCOPE", "Where the copies hold"),
            one("to-id", "ID", "The id of what that scope is"),
            flag("dry-run", "Read and report, and write nothing"),
            flag("replace", "Replace secrets that have the names"),
            yes(),
            flag("json", "Print the report as JSON"),
        ])
}

fn option(row: &'static Row) -> Arg {
    let option = Arg::new(row.option).long(row.option).help(row.help).value_name(row.value);
    match row.form {
        Form::Flag => option
            .value_name("BOOL")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_parser(PossibleValuesParser::new(["true", "false"]).map(OsString::from)),
        Form::List => option.action(ArgAction::Append).value_parser(value_parser!(OsString)),
        _ => option.value_parser(value_parser!(OsString)),
    }
}

/// From the matches of [`define`].
pub(crate) fn typed(matches: &ArgMatches) -> Option<Task> {
    let (verb, given) = matches.subcommand()?;
    if verb == COPY {
        return transfer(given).map(Task::Copy);
    }
    let verb = DEFINITIONS.iter().map(|definition| definition.verb).find(|known| known.name() == verb)?;
    // Not every verb has every argument.
    let texts = |id: &str| match given.try_get_many::<String>(id) {
        Ok(Some(texts)) => texts.cloned().collect(),
        _ => Vec::new(),
    };
    let flag = |id: &str| given.try_get_one::<bool>(id).ok().flatten().copied().unwrap_or(false);
    let path = |id: &str| given.try_get_one::<PathBuf>(id).ok().flatten().cloned();
    let words = |id: &str| match given.try_get_many::<OsString>(id) {
        Ok(Some(words)) => words.cloned().collect(),
        _ => Vec::new(),
    };
    let value = Input {
        file: path("file").or_else(|| path("document")),
        fields: words("field"),
        fields_file: path("fields"),
        random: given.try_get_one::<u64>("random").ok().flatten().map(|length| *length as usize),
        argument: given.try_contains_id("argument").unwrap_or(false),
    };
    let options = OPTIONS.iter().filter(|row| row.verbs.contains(&verb));
    let options = options.map(|row| (row, words(row.option))).filter(|(_, words): &(_, Vec<_>)| !words.is_empty());
    Some(Task::Verb(Typed {
        verb,
        names: texts("name"),
        others: texts("other"),
        value,
        given: options.collect(),
        format: texts("format").pop().and_then(|name| Format::ALL.into_iter().find(|format| format.name() == name)),
        replace: flag("replace"),
        yes: flag("yes"),
        reveal: flag("reveal"),
        json: flag("json"),
    }))
}

fn transfer(given: &ArgMatches) -> Option<Transfer> {
    let text = |id: &str| given.get_one::<String>(id).cloned();
    Some(Transfer {
        from: End { store: text("from")?, scope: text("from-scope"), id: text("from-id") },
        to: End { store: text("to")?, scope: text("to-scope"), id: text("to-id") },
        names: given.get_many::<String>("name").unwrap_or_default().cloned().collect(),
        dry_run: given.get_flag("dry-run"),
        replace: given.get_flag("replace"),
        yes: given.get_flag("yes"),
        json: given.get_flag("json"),
    })
}

fn name() -> Arg {
    Arg::new("name").value_name("NAME").required(true).help("The secret's name")
}

/// Taken only to say why it is refused.
fn argument() -> Arg {
    Arg::new("argument").num_args(1..).value_parser(value_parser!(OsString)).hide(true)
}

fn applications() -> Arg {
    let applications = Arg::new("other").value_name("APP").action(ArgAction::Append).num_args(0..);
    applications.help("The applications, where it is these that the store grants to")
}

fn input() -> [Arg; 4] {
    [
        Arg::new("file")
            .long("file")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .conflicts_with_all(["field", "fields", "random"])
            .help("Take the value from this file; `-` is standard input"),
        Arg::new("field")
            .long("field")
            .value_name("KEY[=@FILE]")
            .value_parser(value_parser!(OsString))
            .action(ArgAction::Append)
            .conflicts_with_all(["fields", "random"])
            .help("Take this field from a file, `@-` for standard input, or a prompt; repeatable"),
        Arg::new("fields")
            .long("fields")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .conflicts_with("random")
            .help("Take all fields from this file, JSON of strings or dotenv; `-` is standard input"),
        Arg::new("random")
            .long("random")
            .value_name("N")
            .value_parser(value_parser!(u64).range(8..=128))
            .help("Make a random password of N characters, 8 to 128, the value"),
    ]
}

fn format() -> Arg {
    let names = PossibleValuesParser::new(Format::ALL.map(Format::name));
    Arg::new("format").long("format").value_name("WORD").value_parser(names).help("How the file is written")
}

fn reveal() -> Arg {
    flag("reveal", "Even where that is a terminal")
}

fn yes() -> Arg {
    flag("yes", "Do not ask").short('y')
}

fn json() -> Arg {
    flag("json", "Print metadata as JSON")
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}
