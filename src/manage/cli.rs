//! The `secret` subcommand: what was typed, as a [`Verb`].
//!
//! No value is parsed here: clap would quote a bad one in its error.

use super::{Add, Get, Init, Input, List, Remove, Show, Update, Verb};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::ffi::OsString;
use std::path::PathBuf;

/// What stands behind `secret`.
pub(crate) fn define(secret: Command) -> Command {
    secret.subcommand_required(true).arg_required_else_help(true).subcommands([
        Command::new("init").about("Make the local store, and an identity that opens it").args([
            Arg::new("recipient")
                .long("recipient")
                .value_name("KEY")
                .action(ArgAction::Append)
                .help("Encrypt to this age public key too; repeatable"),
            json(),
        ]),
        Command::new("add")
            .about("Add a secret, its value from standard input or a prompt")
            .args([name(), argument()])
            .args(input())
            .args([
                description(),
                Arg::new("replace")
                    .long("replace")
                    .action(ArgAction::SetTrue)
                    .help("Replace a secret that has the name"),
                yes(),
                json(),
            ]),
        Command::new("get").about("Write a secret's value, and nothing more, to standard output").args([
            name().value_name("NAME[#FIELD]").help("The secret's name, and one of its fields"),
            Arg::new("reveal").long("reveal").action(ArgAction::SetTrue).help("Even where that is a terminal"),
        ]),
        Command::new("list").about("List the secrets, without their values").arg(json()),
        Command::new("show").about("Show what is known of a secret, without its value").args([name(), json()]),
        Command::new("update")
            .about("Change a secret's value, its description, or both")
            .after_help(
                "With --description alone the value stays and standard input is not read; `--file -` reads it. \
                     --field changes the fields it names and keeps the others.",
            )
            .args([name(), argument()])
            .args(input())
            .args([description(), json()]),
        Command::new("rm").about("Remove secrets: all that are named, or none").args([
            name().action(ArgAction::Append).num_args(1..).help("The secrets' names"),
            yes(),
            json(),
        ]),
    ])
}

/// From the matches of [`define`].
pub(crate) fn verb(matches: &ArgMatches) -> Option<Verb> {
    let (verb, given) = matches.subcommand()?;
    let text = |name: &str| given.get_one::<String>(name).cloned();
    let texts = |name: &str| given.get_many::<String>(name).unwrap_or_default().cloned().collect();
    let flag = |name: &str| given.get_flag(name);
    let path = |name: &str| given.get_one::<PathBuf>(name).cloned();
    let input = || Input {
        file: path("file"),
        fields: given.get_many::<OsString>("field").unwrap_or_default().cloned().collect(),
        fields_file: path("fields"),
        argument: given.contains_id("argument"),
    };
    Some(match verb {
        "init" => Verb::Init(Init { recipients: texts("recipient"), json: flag("json") }),
        "add" => Verb::Add(Add {
            name: text("name")?,
            value: input(),
            description: text("description"),
            replace: flag("replace"),
            yes: flag("yes"),
            json: flag("json"),
        }),
        "get" => Verb::Get(Get { name: text("name")?, reveal: flag("reveal") }),
        "list" => Verb::List(List { json: flag("json") }),
        "show" => Verb::Show(Show { name: text("name")?, json: flag("json") }),
        "update" => Verb::Update(Update {
            name: text("name")?,
            value: input(),
            description: text("description"),
            json: flag("json"),
        }),
        "rm" => Verb::Remove(Remove { names: texts("name"), yes: flag("yes"), json: flag("json") }),
        _ => return None,
    })
}

fn name() -> Arg {
    Arg::new("name").value_name("NAME").required(true).help("The secret's name")
}

/// Taken only to say why it is refused.
fn argument() -> Arg {
    Arg::new("argument").num_args(1..).value_parser(value_parser!(OsString)).hide(true)
}

fn input() -> [Arg; 3] {
    [
        Arg::new("file")
            .long("file")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .conflicts_with_all(["field", "fields"])
            .help("Take the value from this file; `-` is standard input"),
        Arg::new("field")
            .long("field")
            .value_name("KEY[=@FILE]")
            .value_parser(value_parser!(OsString))
            .action(ArgAction::Append)
            .conflicts_with("fields")
            .help("Take this field from a file, `@-` for standard input, or a prompt; repeatable"),
        Arg::new("fields")
            .long("fields")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Take all fields from this file, JSON of strings or dotenv; `-` is standard input"),
    ]
}

fn description() -> Arg {
    Arg::new("description").long("description").value_name("TEXT").help("What the secret is for, in ASCII")
}

fn yes() -> Arg {
    Arg::new("yes").short('y').long("yes").action(ArgAction::SetTrue).help("Do not ask")
}

fn json() -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print metadata as JSON")
}
