//! What was typed, and what stands in for it in `INJECT_…` variables. Nothing else knows clap.

mod generated;

use crate::diag::{Diag, Format};
use crate::environ::Environ;
use crate::failure::{Code, Failure, Stop};
use crate::manage;
use crate::plan::{
    Asked, Dialect, ExitMapping, Mode, OnConflict, Options, RETRIES, Rewrite, Supervision, dropped, duration, repeated,
    signal,
};
use crate::spec::{Inputs, parse_mode};
use clap::builder::{OsStringValueParser, PossibleValuesParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

pub(crate) struct Cli {
    pub(crate) verb: Verb,
    pub(crate) inputs: Inputs,
    pub(crate) options: Options,
    pub(crate) diag: Diag,
}

pub(crate) enum Verb {
    Launch,
    Check { online: bool, json: bool },
    Plan { json: bool },
    Stores { json: bool },
    Doctor { json: bool, strict: bool, pid: Option<String> },
    Secret(manage::Task),
}

/// What ended the reading of the command line.
pub(crate) enum Early {
    /// Help, version, the manual or completions, for standard output.
    Text(String),
    Usage(Stop),
}

impl From<Failure> for Early {
    fn from(failure: Failure) -> Self {
        Self::Usage(failure.into())
    }
}

pub(crate) fn parse(arguments: &[&'static CStr], environ: &Environ) -> Result<Cli, Early> {
    if !environ.iter().any(|(name, _, _)| name.starts_with(b"INJECT_"))
        && let Some(cli) = plain(arguments)
    {
        return Ok(cli);
    }
    parse_with_clap(arguments, environ)
}

/// The plainest launches, read by hand: clap's set-up alone costs a tenth of one. Whatever is not
/// surely one of them is clap's to read, and a test holds the two to each other.
fn plain(arguments: &[&'static CStr]) -> Option<Cli> {
    let (mut inputs, mut options, mut diag) = (Inputs::default(), Options::default(), Diag::default());
    let mut words = arguments.iter().skip(1).map(|word| OsStr::from_bytes(word.to_bytes()));
    while let Some(word) = words.next() {
        let mut value = || {
            let value = words.next().filter(|value| !value.is_empty() && !value.as_bytes().starts_with(b"-"))?;
            Some(value.to_owned())
        };
        match word.as_bytes() {
            b"-c" => inputs.configs.push(value()?),
            b"-e" => inputs.env.push(value()?),
            b"-f" => inputs.files.push(value()?),
            b"-s" if options.store.is_none() => options.store = Some(value()?.into_string().ok()?),
            b"--user" if options.privileges.user.is_none() => {
                options.privileges.user = Some(value()?.into_string().ok()?);
            }
            b"-q" if !diag.quiet => diag.quiet = true,
            b"--" => options.command = words.by_ref().map(OsStr::to_owned).collect(),
            _ => return None,
        }
    }
    Some(Cli { verb: Verb::Launch, inputs, options, diag })
}

fn parse_with_clap(arguments: &[&'static CStr], environ: &Environ) -> Result<Cli, Early> {
    let arguments = arguments.iter().map(|argument| OsStr::from_bytes(argument.to_bytes()));
    let typed = command().try_get_matches_from(arguments.clone()).map_err(|error| usage(error, arguments))?;
    match typed.subcommand() {
        Some(("man", _)) => return Err(Early::Text(generated::manual())),
        Some(("completions", given)) => {
            let shell = given.get_one::<String>("shell").map_or("", String::as_str);
            return Err(Early::Text(generated::completions(shell)));
        }
        _ => {}
    }
    let from_variables = variables(environ)?;
    let sub = typed.subcommand();
    let matches = Matches { typed: &typed, sub: sub.map(|(_, matches)| matches), variables: from_variables.as_ref() };
    let json = || matches.flag("json");
    let verb = match sub {
        None => Verb::Launch,
        Some(("check", _)) => Verb::Check { online: matches.flag("online"), json: json() },
        Some(("plan", _)) => Verb::Plan { json: json() },
        Some(("stores", _)) => Verb::Stores { json: json() },
        Some(("secret", given)) => match manage::cli::typed(given) {
            Some(task) => Verb::Secret(task),
            None => return Err(Failure::new(Code::Config, "", "`inject secret --help` shows the verbs").into()),
        },
        Some((_, _)) => Verb::Doctor { json: json(), strict: matches.flag("strict"), pid: matches.text("pid") },
    };
    let diag = Diag {
        format: if matches.text("log-format").as_deref() == Some("json") { Format::Json } else { Format::Text },
        quiet: matches.flag("quiet"),
        verbose: matches.flag("verbose"),
    };
    let file_mode = match matches.text("file-mode") {
        None => None,
        Some(text) => {
            let wrong = || invalid("--file-mode", &text, "three or four octal digits, such as 0400");
            Some(parse_mode(&text).ok_or_else(wrong)?)
        }
    };
    let file_owner = matches.text("file-owner");
    let timeout = match matches.text("timeout") {
        None => Duration::from_secs(30),
        Some(text) => {
            duration(&text).ok_or_else(|| invalid("--timeout", &text, "a duration such as 500ms, 10s or 2m"))?
        }
    };
    let retries = match matches.text("retries") {
        None => RETRIES,
        Some(text) => text.parse().map_err(|_| invalid("--retries", &text, "a number, 0 or more"))?,
    };
    let parent_death = match matches.text("parent-death-signal") {
        None => None,
        Some(text) => Some(signal(&text).ok_or_else(|| invalid("--parent-death-signal", &text, SIGNAL))?),
    };
    let inputs = Inputs {
        configs: matches.list("config"),
        require_config: matches.flag("require-config"),
        pod: matches.text("pod"),
        env_files: matches.list("env-file"),
        env: matches.list("env"),
        files: matches.list("file"),
    };
    let options = Options {
        // `default_store` wins over $INJECT_STORE, so that variable is the plan's to look at.
        store: matches.typed_only("store"),
        pristine: matches.flag("pristine"),
        keep: matches.texts("keep"),
        drop: matches.texts("drop"),
        on_conflict: match matches.text("on-conflict").as_deref() {
            Some("error") => OnConflict::Error,
            Some("inherit") => OnConflict::Inherit,
            _ => OnConflict::Inject,
        },
        scan: !matches.flag("no-scan"),
        allow_args: matches.flag("allow-args"),
        dialect: if matches.text("dialect").as_deref() == Some("tapis") { Dialect::Tapis } else { Dialect::Strict },
        timeout,
        retries,
        scope: matches.text("scope"),
        application: matches.text("as"),
        file_mode,
        file_owner,
        mode: match matches.text("mode").as_deref() {
            Some("exec") => Mode::Exec,
            Some("supervise") => Mode::Supervise,
            _ => Mode::Auto,
        },
        supervision: supervision(&matches)?,
        parent_death,
        privileges: privileges(&matches)?,
        command: matches.list("command"),
        needs_command: matches!(verb, Verb::Launch),
    };
    Ok(Cli { verb, inputs, options, diag })
}

const SIGNAL: &str = "a signal: a name such as TERM or RTMIN+3, or a number from 1 to 64";

fn supervision(matches: &Matches<'_>) -> Result<Supervision, Failure> {
    let (mut rewrites, mut exit_map) = (Vec::new(), Vec::new());
    for text in matches.texts("rewrite-signal") {
        let expected = "FROM:TO, two signals such as TERM:QUIT; FROM is one that can be caught and not CHLD, a TO of 0 \
                        passes nothing on";
        rewrites.push(Rewrite::parse(&text).ok_or_else(|| invalid("--rewrite-signal", &text, expected))?);
    }
    if let Some(twice) = repeated(rewrites.iter().map(|rewrite| rewrite.from)) {
        return Err(Failure::new(Code::Config, "--rewrite-signal", format!("the signal {twice} is rewritten twice")));
    }
    for text in matches.texts("exit-map") {
        let expected = "FROM:TO, two statuses such as 143:0; FROM is not 125, 126 or 127, which are inject's own";
        exit_map.push(ExitMapping::parse(&text).ok_or_else(|| invalid("--exit-map", &text, expected))?);
    }
    if let Some(twice) = repeated(exit_map.iter().map(|mapping| mapping.from)) {
        return Err(Failure::new(Code::Config, "--exit-map", format!("the status {twice} is mapped twice")));
    }
    let kill_after = match matches.text("kill-after") {
        None => None,
        Some(text) => {
            let wrong = || invalid("--kill-after", &text, "a duration above zero, such as 500ms, 10s or 2m");
            Some(duration(&text).filter(|duration| !duration.is_zero()).ok_or_else(wrong)?)
        }
    };
    Ok(Supervision { group: matches.flag("group"), rewrites, kill_after, exit_map })
}

fn privileges(matches: &Matches<'_>) -> Result<Asked, Failure> {
    let mut capabilities = Vec::new();
    for text in matches.texts("caps") {
        let expected = "drop=CAPABILITY[,CAPABILITY…], such as drop=net_raw,sys_admin, or drop=all";
        capabilities.extend(dropped(&text).ok_or_else(|| invalid("--caps", &text, expected))?);
    }
    let umask = match matches.text("umask") {
        None => None,
        Some(text) => {
            let wrong = || invalid("--umask", &text, "three or four octal digits, such as 0027");
            Some(parse_mode(&text).ok_or_else(wrong)?)
        }
    };
    Ok(Asked {
        user: matches.text("user"),
        no_new_privs: matches.flag("no-new-privs"),
        dropped: capabilities,
        directory: matches.list("chdir").pop(),
        umask,
    })
}

fn invalid(option: &str, text: &str, expected: &str) -> Failure {
    Failure::new(Code::Config, option, format!("`{text}` is not {expected}"))
}

/// Options by where they were given: with the verb, before it, in a variable.
struct Matches<'a> {
    typed: &'a ArgMatches,
    sub: Option<&'a ArgMatches>,
    variables: Option<&'a ArgMatches>,
}

impl<'a> Matches<'a> {
    /// The matches that hold the option, if it was given at all.
    fn given(&self, id: &str) -> Option<&'a ArgMatches> {
        let is_given = |matches: &&ArgMatches| {
            matches.try_contains_id(id).unwrap_or(false) && matches.value_source(id) == Some(ValueSource::CommandLine)
        };
        [self.sub, Some(self.typed), self.variables].into_iter().flatten().find(is_given)
    }

    fn flag(&self, id: &str) -> bool {
        self.given(id).is_some_and(|matches| matches.get_flag(id))
    }

    fn text(&self, id: &str) -> Option<String> {
        self.given(id)?.get_one::<String>(id).cloned()
    }

    fn typed_only(&self, id: &str) -> Option<String> {
        let typed = Matches { variables: None, ..*self };
        typed.text(id)
    }

    fn texts(&self, id: &str) -> Vec<String> {
        self.given(id).and_then(|matches| matches.get_many::<String>(id)).into_iter().flatten().cloned().collect()
    }

    fn list(&self, id: &str) -> Vec<OsString> {
        self.given(id).and_then(|matches| matches.get_many::<OsString>(id)).into_iter().flatten().cloned().collect()
    }
}

/// `INJECT_TIMEOUT=10s` stands for `--timeout 10s`; lists are separated by newlines. None when no
/// such variable is set, which is what a launch mostly finds.
fn variables(environ: &Environ) -> Result<Option<ArgMatches>, Early> {
    let mut arguments: Vec<OsString> = vec!["inject".into()];
    for (name, value, _) in environ.iter() {
        let (Some(name), Some(value)) = (name.strip_prefix(b"INJECT_"), value) else { continue };
        let Ok(name) = std::str::from_utf8(name) else { continue };
        let long = name.to_ascii_lowercase().replace('_', "-");
        let Some(option) = launch_options().into_iter().find(|option| option.get_long() == Some(&long)) else {
            continue;
        };
        if name.contains('-')
            || name.bytes().any(|byte| byte.is_ascii_lowercase())
            || long == "store"
            || value.is_empty()
        {
            continue;
        }
        let mut option_with = |value: &[u8]| {
            let mut argument = OsString::from(format!("--{long}="));
            argument.push(OsStr::from_bytes(value));
            arguments.push(argument);
        };
        match option.get_action() {
            ArgAction::SetTrue => match value {
                b"1" | b"true" | b"yes" | b"on" => arguments.push(format!("--{long}").into()),
                b"0" | b"false" | b"no" | b"off" => {}
                _ => {
                    let text = String::from_utf8_lossy(value);
                    return Err(invalid(&format!("INJECT_{name}"), &text, "1 or 0").into());
                }
            },
            ArgAction::Append => {
                value.split(|&byte| byte == b'\n').filter(|item| !item.is_empty()).for_each(option_with)
            }
            _ => option_with(value),
        }
    }
    if arguments.len() == 1 {
        return Ok(None);
    }
    let parsed = command().try_get_matches_from(&arguments);
    parsed.map(Some).map_err(|error| match usage(error, &arguments) {
        Early::Usage(mut stop) => {
            stop.failures.iter_mut().for_each(|failure| failure.place = "an INJECT_ variable".to_owned());
            Early::Usage(stop)
        }
        text => text,
    })
}

/// How to tell what is wrong with a command line that could not be read: the form alone can be told from it.
pub(crate) fn diag_of_usage(arguments: &[&'static CStr], environ: &Environ) -> Diag {
    let mut form = environ.get("INJECT_LOG_FORMAT");
    let mut words = arguments.iter().map(|word| word.to_bytes()).take_while(|word| *word != b"--");
    while let Some(word) = words.next() {
        match word.strip_prefix(b"--log-format") {
            Some(b"") => form = words.next(),
            Some([b'=', typed @ ..]) => form = Some(typed),
            _ => {}
        }
    }
    Diag { format: if form == Some(b"json") { Format::Json } else { Format::Text }, ..Diag::default() }
}

/// `inject secret add`, as far as clap reads the arguments in spite of what is wrong with them.
fn verb_of(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> String {
    let mut words = "inject".to_owned();
    let read = command().ignore_errors(true).try_get_matches_from(arguments).ok();
    let mut verb = read.as_ref().and_then(ArgMatches::subcommand);
    while let Some((name, matches)) = verb {
        words = format!("{words} {name}");
        verb = matches.subcommand();
    }
    words
}

/// clap's words, as one failure of ours.
fn usage(error: clap::Error, arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Early {
    let text = error.render().to_string();
    if let ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand =
        error.kind()
    {
        return Early::Text(text);
    }
    let verb = verb_of(arguments);
    if let ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand = error.kind() {
        let stray = error.context().find_map(|(kind, value)| match (kind, value) {
            (ContextKind::InvalidArg | ContextKind::InvalidSubcommand, ContextValue::String(text)) => Some(text),
            _ => None,
        });
        // `secret` and its verbs take no command.
        let stray = stray.filter(|stray| !stray.starts_with('-') && !verb.starts_with("inject secret"));
        if let Some(stray) = stray {
            let message = format!(
                "`{stray}` is no option and no verb; a command stands behind `--`: inject [OPTIONS] -- {stray} …"
            );
            return Failure::new(Code::Config, "", message).into();
        }
    }
    let message = text.strip_prefix("error: ").unwrap_or(&text);
    let first = message.split("\n\n").next().unwrap_or(message).trim().replace('\n', " ");
    Failure::new(Code::Config, "", format!("{first}; `{verb} --help` shows what there is")).into()
}

fn command() -> Command {
    let launch = Command::new("inject")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Resolves secret references and becomes COMMAND with the values in its environment and files")
        .override_usage("inject [OPTIONS] -- COMMAND [ARG…]\n       inject [OPTIONS] VERB")
        .subcommand_help_heading("Verbs")
        .subcommand_value_name("VERB")
        .disable_help_subcommand(true)
        .args_conflicts_with_subcommands(false);
    let launch = launch.args(launch_options()).arg(command_words());
    let looking = |name: &'static str, about: &'static str| {
        Command::new(name).about(about).defer(|verb| verb.args(launch_options()).arg(command_words()).arg(json()))
    };
    launch
        .subcommand(
            looking("check", "Is the configuration right? Reads no value").arg(
                Arg::new("online")
                    .long("online")
                    .action(ArgAction::SetTrue)
                    .help("Ask the stores, too, whether each secret is there and may be read"),
            ),
        )
        .subcommand(looking("plan", "What would be injected, from where, and why that layer won. Reads no value"))
        .subcommand(looking("stores", "The kinds of stores, those configured, and what each can do"))
        .subcommand(Command::new("secret").about("Manage the secrets of a store").defer(|verb| {
            // Which store it is, and how messages look: the options of a launch that mean something here.
            let meant = ["config", "require-config", "store", "timeout", "retries", "log-format", "quiet", "verbose"];
            let options = launch_options().into_iter().filter(|option| meant.contains(&option.get_id().as_str()));
            manage::cli::define(verb).args(options.map(|option| option.global(true)))
        }))
        .subcommand(Command::new("doctor").about("What this machine allows, what it means, and what to do").defer(
            |verb| {
                let strict = Arg::new("strict").long("strict").action(ArgAction::SetTrue);
                let pid = Arg::new("pid").long("pid").value_name("N");
                verb.args(launch_options()).arg(json()).args([
                    strict.help("End with 125 when something is amiss"),
                    pid.help("Who could read what this process holds, in place of what the machine allows"),
                ])
            },
        ))
        .subcommand(Command::new("completions").about("Print a shell's completions").defer(|verb| {
            let shells = PossibleValuesParser::new(generated::SHELLS);
            verb.arg(Arg::new("shell").value_name("SHELL").required(true).value_parser(shells).help("Which shell"))
        }))
        .subcommand(Command::new("man").about("Print the manual page, for `man -l -`"))
}

fn command_words() -> Arg {
    Arg::new("command")
        .value_name("COMMAND")
        .help("The command and its arguments; without one, the configuration's own")
        .last(true)
        .num_args(0..)
        .value_parser(OsStringValueParser::new())
        .value_hint(ValueHint::CommandWithArguments)
}

fn json() -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON")
}

fn launch_options() -> Vec<Arg> {
    let one = |long: &'static str, value: &'static str, help: &'static str| {
        Arg::new(long).long(long).value_name(value).help(help)
    };
    let many = |long, value, help| one(long, value, help).action(ArgAction::Append);
    let os = OsStringValueParser::new;
    let flag = |long: &'static str, help: &'static str| Arg::new(long).long(long).action(ArgAction::SetTrue).help(help);
    let choice = |long, values: &[&'static str], help| {
        one(long, "WORD", help).value_parser(PossibleValuesParser::new(values.to_vec()))
    };
    vec![
        many("config", "FILE", "Configuration, JSON or TOML; later ones win key by key; - is standard input")
            .short('c')
            .value_parser(os()),
        flag("require-config", "No configuration found is an error"),
        one("pod", "ID", "Use this pod's definition, fetched from the Tapis store, as the first configuration"),
        many("env", "NAME=TEMPLATE", "One variable; NAME alone passes the inherited one on")
            .short('e')
            .value_parser(os()),
        many("env-file", "FILE", "Dotenv file whose values are templates").value_parser(os()),
        many("file", "PATH=TEMPLATE", "One in-memory file").short('f').value_parser(os()),
        one("file-mode", "MODE", "Mode of files, octal [default: 0400]"),
        one("file-owner", "USER[:GROUP]", "Owner of files"),
        one("store", "NAME", "The default store").short('s'),
        one("scope", "PATH", "The scope to resolve in, for stores that have scopes"),
        one("as", "APP", "The application to resolve for, in stores that grant secrets to applications"),
        flag("pristine", "Pass no inherited variable on but what --keep matches"),
        many("keep", "GLOB", "Inherited variables to pass on"),
        many("drop", "GLOB", "Inherited variables not to pass on"),
        choice(
            "on-conflict",
            &["error", "inject", "inherit"],
            "When an injected name is inherited with another value [default: inject]",
        ),
        flag("no-scan", "Do not look for references in inherited variables"),
        flag("allow-args", "Resolve references in the command's arguments, which every user can read"),
        choice("dialect", &["strict", "tapis"], "How references are read [default: strict]"),
        choice(
            "mode",
            &["auto", "exec", "supervise"],
            "Become the command, or stay as its init; auto stays where an option needs it [default: auto]",
        ),
        flag("group", "Pass signals on to the command's whole process group"),
        many("rewrite-signal", "FROM:TO", "Pass TO on in place of FROM, nothing where TO is 0"),
        one("kill-after", "DURATION", "Kill a command that runs so long after TERM, INT or QUIT was passed on"),
        many("exit-map", "FROM:TO", "End with TO where the command ends with FROM; 128+N is its death by signal N"),
        one("parent-death-signal", "SIGNAL", "What the command gets when whoever started it dies"),
        one("user", "USER[:GROUP]", "Who the command is to be; names of /etc/passwd and /etc/group, or numbers"),
        flag("no-new-privs", "No program that the command starts gains privileges"),
        many("caps", "drop=CAP[,CAP…]", "Capabilities that the command is not to have, nor to gain; drop=all"),
        one("chdir", "DIR", "Where the command starts").value_parser(os()).value_hint(ValueHint::DirPath),
        one("umask", "MODE", "The command's umask, octal"),
        one("timeout", "DURATION", "One deadline for all of resolving [default: 30s]"),
        one("retries", "N", "How often a request to a remote store is made again [default: 3]"),
        choice("log-format", &["text", "json"], "Form of messages on standard error [default: text]"),
        flag("quiet", "Errors only").short('q'),
        flag("verbose", "Say what is done").short('v'),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&'static CStr], environ: &Environ) -> Result<Cli, String> {
        parse(arguments, environ).map_err(|early| match early {
            Early::Text(text) => text,
            Early::Usage(stop) => stop.failures[0].to_string(),
        })
    }

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn variables_stand_in_for_options_and_the_command_line_wins() {
        let environ = Environ::of(["INJECT_TIMEOUT=2m", "INJECT_ENV=A=1\nB=2\n", "INJECT_PRISTINE=yes", "INJECT_Q=1"]);
        let cli = parsed(&[c"inject", c"-e", c"C=3", c"--", c"true"], &environ).unwrap();
        assert_eq!(cli.options.timeout, Duration::from_secs(120));
        assert_eq!(cli.inputs.env, ["C=3"]);
        assert!(cli.options.pristine);
        let cli = parsed(&[c"inject", c"--", c"true"], &environ).unwrap();
        assert_eq!(cli.inputs.env, ["A=1", "B=2"]);
        assert_eq!(cli.options.command, ["true"]);
    }

    #[test]
    fn retries_are_a_number_and_three_where_nobody_says_one() {
        let retries =
            |arguments: &[&'static CStr]| parsed(arguments, &Environ::default()).map(|cli| cli.options.retries);
        assert_eq!(retries(&[c"inject", c"--", c"true"]), Ok(3));
        assert_eq!(retries(&[c"inject", c"--retries", c"0", c"--", c"true"]), Ok(0));
        for bad in [c"", c"many", c"1.5", c"99999999999"] {
            let told = retries(&[c"inject", c"--retries", bad, c"--", c"true"]).unwrap_err();
            assert!(told.contains("--retries"), "{told}");
        }
    }

    #[test]
    fn options_stand_before_and_behind_a_verb() {
        let cli = parsed(&[c"inject", c"-c", c"a", c"check", c"--json", c"-s", c"x"], &Environ::default()).unwrap();
        assert!(matches!(cli.verb, Verb::Check { online: false, json: true }));
        assert_eq!(cli.inputs.configs, ["a"]);
        assert_eq!(cli.options.store.as_deref(), Some("x"));
    }

    #[test]
    fn a_command_without_dashes_is_told_where_it_belongs() {
        let told = parsed(&[c"inject", c"./app", c"-x"], &Environ::default()).err().unwrap();
        assert!(told.contains("inject [OPTIONS] -- ./app"), "{told}");
    }

    #[test]
    fn plain_launches_are_read_as_clap_reads_them() {
        let words = [
            c"-c",
            c"-e",
            c"-f",
            c"-s",
            c"-q",
            c"--user",
            c"--",
            c"a",
            c"A=$<secret:x>",
            c"",
            c"-",
            c"-x",
            c"check",
            c"--config",
            c"-ca",
            c"-qq",
            c"\xff",
            c"=",
            c"--help",
            c"secret",
        ];
        let (mut state, mut read) = (0x9e37_79b9_7f4a_7c15_u64, 0);
        for round in 0..20_000 {
            let mut arguments = vec![c"inject"];
            for _ in 0..round % 7 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                arguments.push(words[(state % words.len() as u64) as usize]);
            }
            let Some(plain) = plain(&arguments) else { continue };
            let Ok(whole) = parse_with_clap(&arguments, &Environ::default()) else {
                panic!("clap refuses {arguments:?}")
            };
            assert!(matches!(whole.verb, Verb::Launch), "{arguments:?}");
            assert_eq!(
                (plain.inputs, plain.options, plain.diag),
                (whole.inputs, whole.options, whole.diag),
                "{arguments:?}"
            );
            read += 1;
        }
        assert!(read > 1000, "only {read} were plain");
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        for bad in ["10", "s", "-1s", "1h", "99999999999999999999s", "9999999m", "1.5s"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
