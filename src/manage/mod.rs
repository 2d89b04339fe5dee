//! `inject secret …`: the verbs, as one command line for every kind of store that can be managed.
//!
//! A verb gets its input, asks its questions, calls the kind through [`crate::store::manage::Manage`] and shows metadata.
//! What a kind does with a call is the kind's. The verbs that change a store are in `change.rs`,
//! those that look into one in `look.rs`, those that carry many secrets in `parcel.rs` and, from store to store,
//! `copy.rs`; values come in through `input.rs` and, typed, `prompt.rs`.

mod change;
pub(crate) mod cli;
mod copy;
mod input;
mod look;
mod parcel;
mod prompt;

use crate::environ::Environ;
use crate::failure::Failure;
use crate::net;
use crate::reference::{Address, Body, parse_angle};
use crate::secret::Secret;
use crate::store::manage::attributes::{Form, Row, Said};
use crate::store::manage::{Attribute, Attributes, Format, Manage, Managing, Outcomes};
pub(crate) use crate::store::manage::{ManageError, Verb};
use crate::store::{self, Context, Kind, Settings, StoreError};
pub(crate) use copy::{End, Side, Transfer};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What was typed behind `secret`.
pub(crate) enum Task {
    /// In one store.
    Verb(Typed),
    Copy(Transfer),
}

/// A verb with all that was typed for it; what it has no use for is empty.
pub(crate) struct Typed {
    pub(crate) verb: Verb,
    /// NAME as in a reference: with OWNER, as `secret://…`, with #FIELD or @VERSION.
    pub(crate) names: Vec<String>,
    /// The alias that is made, or the applications that a grant is for.
    pub(crate) others: Vec<String>,
    pub(crate) value: Input,
    /// Each option as it was written; of the form that its row says.
    pub(crate) given: Vec<(&'static Row, Vec<OsString>)>,
    pub(crate) format: Option<Format>,
    pub(crate) replace: bool,
    pub(crate) yes: bool,
    pub(crate) reveal: bool,
    pub(crate) json: bool,
}

/// Where a value comes from, as it was typed; at most one of these. None: standard input, or a prompt
/// where that is a terminal.
#[derive(Default)]
pub(crate) struct Input {
    /// `-` is standard input.
    pub(crate) file: Option<PathBuf>,
    /// KEY=@FILE, KEY=@- or KEY.
    pub(crate) fields: Vec<OsString>,
    /// A JSON object of strings or dotenv; `-` is standard input.
    pub(crate) fields_file: Option<PathBuf>,
    /// A password of so many characters, made here.
    pub(crate) random: Option<usize>,
    /// Somebody wrote a value on the command line.
    pub(crate) argument: bool,
}

/// The world around a verb.
pub(crate) struct Io<'a> {
    pub(crate) input: Box<dyn Read + 'a>,
    pub(crate) input_is_terminal: bool,
    pub(crate) output: Box<dyn Write + 'a>,
    pub(crate) output_is_terminal: bool,
    pub(crate) terminal: Box<dyn Terminal + 'a>,
}

/// Whoever sits in front of us.
pub(crate) trait Terminal {
    /// One line, shown while it is typed.
    fn line(&mut self, prompt: &str) -> io::Result<String>;

    /// One line, not shown.
    fn secret(&mut self, prompt: &str) -> io::Result<Secret>;
}

impl Io<'_> {
    /// Standard input and output without std's buffers, which nobody would wipe. `is_read`: the configuration came from
    /// standard input, which is at its end now.
    pub(crate) fn standard(is_read: bool) -> Result<Self, ManageError> {
        let input = match is_read {
            true => Stream(Err("the configuration was read from it; --file names another place for the value")),
            false => Stream::of(io::stdin().as_fd()).map_err(ManageError::io("standard input"))?,
        };
        Ok(Self {
            input: Box::new(input),
            input_is_terminal: io::stdin().is_terminal(),
            output: Box::new(Stream::of(io::stdout().as_fd()).map_err(ManageError::io("standard output"))?),
            output_is_terminal: io::stdout().is_terminal(),
            terminal: Box::new(prompt::Tty),
        })
    }

    /// A closed pipe is a failure like another.
    fn write(&mut self, bytes: &[u8]) -> Result<(), ManageError> {
        let written = self.output.write_all(bytes).and_then(|()| self.output.flush());
        written.map_err(ManageError::io("standard output"))
    }

    fn write_json(&mut self, json: &serde_json::Value) -> Result<(), ManageError> {
        self.write(format!("{json}\n").as_bytes())
    }

    /// `yes` stands for the answer.
    fn confirm(&mut self, question: &str, yes: bool) -> Result<(), ManageError> {
        if yes {
            return Ok(());
        }
        if !self.input_is_terminal {
            return Err(ManageError::Usage(format!("{question} This needs --yes where nobody can be asked")));
        }
        let answer = self.terminal.line(&format!("{question} [y/N] ")).map_err(ManageError::io("the terminal"))?;
        match answer.trim() {
            "y" | "Y" | "yes" => Ok(()),
            _ => Err(ManageError::Usage("it was not confirmed; nothing was changed".into())),
        }
    }
}

/// Or why there is none: what stands in its place would be an empty value, or lose one without a word.
struct Stream(Result<File, &'static str>);

impl Stream {
    fn of(stream: BorrowedFd<'_>) -> io::Result<Self> {
        // Nobody is given a descriptor that closes on exec, so it is one that we opened.
        let flags = FdFlag::from_bits_truncate(fcntl(stream, FcntlArg::F_GETFD)?);
        if flags.contains(FdFlag::FD_CLOEXEC) {
            return Ok(Self(Err("it is closed")));
        }
        stream.try_clone_to_owned().map(|stream| Self(Ok(stream.into())))
    }

    fn open(&mut self) -> io::Result<&mut File> {
        self.0.as_mut().map_err(|why| io::Error::other(*why))
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.open()?.read(bytes)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The store that the verbs are about, and what asking it may cost.
pub(crate) struct Session<'a> {
    pub(crate) kind: &'a Kind,
    pub(crate) settings: &'a Settings,
    pub(crate) environ: &'a Environ,
    /// For each question.
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
}

impl Session<'_> {
    fn managing(&self) -> Result<&Managing, ManageError> {
        self.kind.manage.as_ref().ok_or(ManageError::NoManaging(self.kind.name))
    }

    /// Opens the store for this question; only remote kinds get a runtime.
    fn ask<T>(&self, question: impl AsyncFnOnce(&dyn Manage) -> Result<T, ManageError>) -> Result<T, ManageError> {
        let open = self.managing()?.open;
        let context = Context::new(self.environ, Instant::now() + self.timeout, self.retries);
        let asked = async {
            let store = open(self.settings, &context)?;
            question(&*store).await
        };
        if self.kind.caps.network {
            return net::wait(asked);
        }
        store::at_once(asked).unwrap_or_else(|| {
            let text = "the store waits for a network, and there is none here";
            Err(StoreError::Unavailable(text.to_owned()).into())
        })
    }

    /// What was said beside names and value; options that the kind does not know with the verb are refused.
    fn attributes(&self, verb: Verb, given: Vec<(&'static Row, Vec<OsString>)>) -> Result<Attributes, ManageError> {
        let managing = self.managing()?;
        let Some((_, known)) = managing.verbs.iter().find(|(known, _)| *known == verb) else {
            let why = managing.lacks.iter().find(|(lacking, _)| *lacking == verb).map(|(_, why)| *why);
            return Err(ManageError::Lacks { kind: self.kind.name, verb, why });
        };
        let strangers: Vec<String> = given
            .iter()
            .filter(|(row, _)| !known.contains(&row.attribute))
            .map(|(row, _)| format!("`--{}`", row.option))
            .collect();
        if !strangers.is_empty() {
            let known: Vec<String> =
                known.iter().filter_map(|known| known.row()).map(|row| format!("--{}", row.option)).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let (means, kind) = (if strangers.len() == 1 { "means" } else { "mean" }, self.kind.name);
            return Err(ManageError::Usage(format!(
                "{} {means} nothing to `{}` in a store of kind {kind}; of such options it knows {known}",
                strangers.join(", "),
                verb.name()
            )));
        }
        let mut attributes = Attributes::default();
        for (row, written) in given {
            attributes.say(row.attribute, said(row, written)?);
        }
        Ok(attributes)
    }

    /// The secret that a name means, and the field of it. `check` says what stands against either without asking.
    fn address(&self, typed: &str) -> Result<(Address, Option<String>), ManageError> {
        let (address, field) = address(typed)?;
        let wrong = |message| ManageError::Usage(format!("{:?}: {message}", &*address.path));
        (self.kind.check)(&address, self.settings).map_err(wrong)?;
        if address.version.is_some() && !self.kind.caps.versions {
            return Err(wrong(format!("a store of kind {} has no versions", self.kind.name)));
        }
        Ok((address, field))
    }

    /// A secret as a whole.
    fn secret(&self, typed: &str) -> Result<Address, ManageError> {
        match self.address(typed)? {
            (address, None) => Ok(address),
            (_, Some(_)) => Err(ManageError::Usage(format!("{typed:?}: only `get` reads a single field"))),
        }
    }

    /// The same at one revision: `NAME@N`, or `--revision N`.
    fn revision(&self, typed: &str, given: &Attributes) -> Result<Address, ManageError> {
        self.secret(typed).and_then(|address| at_revision(address, given))
    }

    /// The secret as it is now.
    fn latest(&self, typed: &str) -> Result<Address, ManageError> {
        let address = self.secret(typed)?;
        match &address.version {
            None => Ok(address),
            Some(_) => Err(ManageError::Usage(format!("{typed:?}: this verb is about no single revision"))),
        }
    }
}

fn at_revision(mut address: Address, given: &Attributes) -> Result<Address, ManageError> {
    match (given.number(Attribute::Revision), &address.version) {
        (None, _) => {}
        (Some(revision), None) => address.version = Some(revision.to_string().into()),
        (Some(_), Some(_)) => return Err(ManageError::Usage("NAME@N and --revision both say the revision".into())),
    }
    Ok(address)
}

/// `NAME`, `secret:NAME` or `secret://…`, as it stands in a reference.
fn address(typed: &str) -> Result<(Address, Option<String>), ManageError> {
    let body = typed.strip_prefix("secret:").unwrap_or(typed);
    let wrong = |why: &dyn std::fmt::Display| ManageError::Usage(format!("{typed:?}: {why}"));
    if body.is_empty() {
        return Err(wrong(&"a secret's name is empty"));
    }
    // A name may begin with what would begin a default behind the colon.
    let body = body.strip_prefix('-').map_or(format!("secret:{body}"), |rest| format!("secret:%2D{rest}"));
    let hole = parse_angle(&body).map_err(|malformed| wrong(&malformed))?;
    let tail = hole.tail.unwrap_or_default();
    match hole.body {
        Body::Secret(address) if tail.filters.is_empty() && tail.absent == Default::default() => {
            Ok((Rc::unwrap_or_clone(address), tail.field))
        }
        _ => Err(wrong(&"a name has no filter and no default")),
    }
}

fn said(row: &Row, mut written: Vec<OsString>) -> Result<Said, ManageError> {
    let text = |written: OsString| {
        let text = written.into_string();
        text.map_err(|_| ManageError::Usage(format!("--{}: its value is no text", row.option)))
    };
    if row.form == Form::List {
        return Ok(Said::List(written.into_iter().map(text).collect::<Result<_, _>>()?));
    }
    // clap takes one alone.
    let written = written.pop().unwrap_or_default();
    Ok(match row.form {
        Form::Flag => Said::Flag(written == "true"),
        Form::Number => match text(written)?.parse() {
            Ok(number @ 1..) => Said::Number(number),
            _ => return Err(ManageError::Usage(format!("--{}: it is a number from 1", row.option))),
        },
        Form::File => Said::Text(input::text_of(&PathBuf::from(written))?),
        Form::Secret => Said::Secret(input::line_of(&PathBuf::from(written))?),
        Form::Text | Form::List => Said::Text(text(written)?),
    })
}

/// What each item came to, on standard output where programs want it; an error where one failed.
fn settle(outcomes: Outcomes, json: bool, io: &mut Io<'_>) -> Result<(), ManageError> {
    let partial = outcomes.iter().any(|(_, outcome)| outcome.is_err());
    if json {
        let of = |(item, outcome): &(String, Result<(), ManageError>)| match outcome {
            Ok(()) => serde_json::json!({ "item": item, "done": true }),
            Err(error) => {
                serde_json::json!({ "item": item, "done": false, "code": error.code().as_str(), "message": error.to_string() })
            }
        };
        io.write_json(&outcomes.iter().map(of).collect())?;
    } else if partial {
        let done = outcomes.iter().filter(|(_, outcome)| outcome.is_ok());
        let text: String = done.map(|(item, _)| format!("done: {item}\n")).collect();
        io.write(text.as_bytes())?;
    }
    let failed = |(item, outcome): (String, Result<(), ManageError>)| outcome.err().map(|error| (item, error));
    let failed: Vec<_> = outcomes.into_iter().filter_map(failed).collect();
    if failed.is_empty() { Ok(()) } else { Err(ManageError::Several(failed)) }
}

pub(crate) fn run(typed: Typed, session: &Session<'_>, io: &mut Io<'_>) -> Result<(), ManageError> {
    let mut typed = typed;
    let given = session.attributes(typed.verb, std::mem::take(&mut typed.given))?;
    match typed.verb {
        Verb::Init => change::init(session, &given, typed.json, io),
        Verb::Add => change::add(session, typed, &given, io),
        Verb::Get => look::get(session, &typed, &given, io),
        Verb::List => look::list(session, typed.json, &given, io),
        Verb::Show => look::show(session, &typed, &given, io),
        Verb::Update => change::update(session, typed, &given, io),
        Verb::Remove => change::remove(session, typed, &given, io),
        Verb::Alias => change::alias(session, &typed, &given, io),
        Verb::Override => change::overlay(session, typed, &given, io),
        Verb::Grant | Verb::Revoke => change::grant(session, &typed, &given, io),
        Verb::History => look::history(session, &typed, &given, io),
        Verb::Import => parcel::import(session, typed, &given, io),
        Verb::Export => parcel::export(session, &typed, &given, io),
    }
}

/// What failed, with the store that it failed in.
pub(crate) fn copy(transfer: &Transfer, from: &Side<'_>, to: &Side<'_>) -> Result<(), Vec<Failure>> {
    let io = Io::standard(false).map_err(|error| vec![Failure::new(error.code(), "", error)]);
    copy::copy(transfer, from, to, &mut io?)
}

#[cfg(test)]
#[cfg(feature = "local")]
#[allow(clippy::disallowed_methods, reason = "the tests compare values")]
mod tests {
    use super::*;
    use crate::store::local::{Fixture, KIND};
    use serde_json::{Value, json};
    use std::collections::VecDeque;

    /// Types these lines, and remembers what it was asked.
    #[derive(Default)]
    struct Person {
        lines: VecDeque<&'static str>,
        asked: Vec<String>,
    }

    impl Terminal for &mut Person {
        fn line(&mut self, prompt: &str) -> io::Result<String> {
            self.asked.push(prompt.to_owned());
            self.lines.pop_front().map(str::to_owned).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        }

        fn secret(&mut self, prompt: &str) -> io::Result<Secret> {
            self.line(prompt).map(Secret::from)
        }
    }

    fn session(fixture: &Fixture) -> Session<'_> {
        let (settings, environ) = (&fixture.settings, &fixture.environ);
        Session { kind: &KIND, settings, environ, timeout: Duration::from_secs(30), retries: 0 }
    }

    struct World {
        fixture: Fixture,
        person: Person,
        input_is_terminal: bool,
        output_is_terminal: bool,
    }

    impl World {
        fn with(secrets: &[(&str, &[u8])]) -> Self {
            Self::around(Fixture::with(secrets))
        }

        fn around(fixture: Fixture) -> Self {
            Self { fixture, person: Person::default(), input_is_terminal: false, output_is_terminal: false }
        }

        /// Standard output of `inject secret ARGUMENTS`, or its error.
        fn run(&mut self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
            let directory = self.fixture.directory.display().to_string();
            let arguments = arguments.iter().map(|argument| argument.replace("DIR", &directory));
            let matches = cli::define(clap::Command::new("secret"))
                .try_get_matches_from([String::from("secret")].into_iter().chain(arguments));
            let Some(Task::Verb(typed)) = cli::typed(&matches.map_err(|error| error.to_string())?) else { panic!() };
            let mut output = Vec::new();
            let mut io = Io {
                input: Box::new(input),
                input_is_terminal: self.input_is_terminal,
                output: Box::new(&mut output),
                output_is_terminal: self.output_is_terminal,
                terminal: Box::new(&mut self.person),
            };
            let ran = run(typed, &session(&self.fixture), &mut io);
            drop(io);
            ran.map(|()| output).map_err(|error| format!("{}: {error}", error.code().as_str()))
        }

        fn text(&mut self, arguments: &[&str], input: &str) -> String {
            String::from_utf8(self.run(arguments, input.as_bytes()).unwrap()).unwrap()
        }

        fn json(&mut self, arguments: &[&str]) -> Value {
            serde_json::from_str(&self.text(arguments, "")).unwrap()
        }

        fn error(&mut self, arguments: &[&str]) -> String {
            self.run(arguments, b"hunter2").unwrap_err()
        }

        fn file(&self, name: &str, text: &[u8]) {
            std::fs::write(self.fixture.directory.join(name), text).unwrap();
        }

        fn type_lines<const N: usize>(&mut self, lines: [&'static str; N]) {
            self.input_is_terminal = true;
            self.person.lines.extend(lines);
        }
    }

    #[test]
    fn clap_accepts_its_own_definition() {
        cli::define(clap::Command::new("secret")).debug_assert();
    }

    #[test]
    fn what_a_kind_does_not_know_is_refused_before_anything_is_read() {
        let mut world = World::with(&[]);
        world.type_lines([]);
        let error = world.error(&["add", "n", "--id", "7"]);
        assert!(error.contains("`--id` means nothing to `add` in a store of kind local"), "{error}");
        assert!(error.contains("it knows --") && error.contains("--description"), "{error}");
        let mut world = World::around(Fixture::empty());
        assert!(world.error(&["import", "nowhere", "--id", "7"]).contains("`--id`"));
    }

    #[test]
    fn several_items_are_told_one_by_one() {
        let mut output = Vec::new();
        let mut person = Person::default();
        let mut io = Io {
            input: Box::new(io::empty()),
            input_is_terminal: false,
            output: Box::new(&mut output),
            output_is_terminal: false,
            terminal: Box::new(&mut person),
        };
        let denied = || ManageError::from(StoreError::Denied("no".into()));
        let failed = settle(vec![("a".into(), Ok(())), ("b".into(), Err(denied()))], false, &mut io).unwrap_err();
        assert_eq!((failed.code().as_str(), failed.to_string()), ("denied", "b: denied: no".to_owned()));
        settle(vec![("c".into(), Ok(()))], true, &mut io).unwrap();
        drop(io);
        assert_eq!(String::from_utf8(output).unwrap(), "done: a\n[{\"done\":true,\"item\":\"c\"}]\n");
    }

    #[test]
    fn init_makes_a_store_once_and_says_where_everything_is() {
        let mut world = World::around(Fixture::empty());
        let text = world.text(&["init"], "");
        let directory = world.fixture.directory.display().to_string();
        assert!(text.starts_with("public key: age1"), "{text}");
        assert!(text.ends_with(&format!("identity:   {directory}/identity\nstore:      {directory}/secrets.age\n")));
        assert_eq!(world.text(&["list"], ""), "");
        let error = world.error(&["init"]);
        assert!(error.starts_with("config: ") && error.contains("exists"), "{error}");
    }

    #[test]
    fn init_refuses_a_recipient_that_is_none_and_leaves_nothing() {
        let mut world = World::around(Fixture::empty());
        let error = world.error(&["init", "--recipient", "age1nope"]);
        assert!(error.contains("`age1nope`"), "{error}");
        assert_eq!(std::fs::read_dir(&world.fixture.directory).unwrap().count(), 0, "an identity or a lock is left");
        assert!(world.text(&["init"], "").contains("age1"));
    }

    #[test]
    fn a_value_comes_back_byte_for_byte() {
        let mut world = World::with(&[]);
        for value in [&b"line\n"[..], b"", b"\xff\0\n", "ü".as_bytes()] {
            world.run(&["add", "n", "--replace", "--yes"], value).unwrap();
            assert_eq!(world.run(&["get", "n"], b"").unwrap(), value);
            world.file("value", value);
            world.run(&["update", "n", "--file", "DIR/value"], b"not this").unwrap();
            assert_eq!(world.run(&["get", "n"], b"").unwrap(), value);
        }
    }

    #[test]
    fn a_value_is_typed_twice_where_standard_input_is_a_terminal() {
        let mut world = World::with(&[]);
        world.type_lines(["s3cret", "s3cret"]);
        world.run(&["add", "n"], b"not this").unwrap();
        assert_eq!(world.person.asked, ["Value of n: ", "Again: "]);
        assert_eq!(world.run(&["get", "n"], b"").unwrap(), b"s3cret");
        world.type_lines(["one", "other"]);
        assert!(world.error(&["update", "n"]).contains("differ"));
        assert_eq!(world.run(&["get", "n"], b"").unwrap(), b"s3cret");
    }

    #[test]
    fn a_value_is_never_an_argument_nor_shown_where_one_is() {
        let mut world = World::with(&[("n", b"1")]);
        for arguments in [
            &["add", "m", "hunter2"][..],
            &["update", "n", "hunter2"],
            &["update", "n", "hunter2", "--description", "d"],
            &["add", "m", "--field", "KEY=hunter2"],
            &["update", "n", "--field", "KEY=hunter2"],
            &["add", "m=hunter2"],
            &["update", "n=hunter2"],
        ] {
            let error = world.error(arguments);
            assert!(error.contains("never an argument") && !error.contains("hunter2"), "{error}");
        }
        assert_eq!(world.text(&["list", "--json"], "").matches("\"name\"").count(), 1);
    }

    #[test]
    fn fields_are_added_changed_and_read_one_by_one() {
        let mut world = World::with(&[]);
        world.file("password", b"p\n");
        world.run(&["add", "db", "--field", "user=@-", "--field", "password=@DIR/password"], b"amy").unwrap();
        assert_eq!(world.run(&["get", "db#password"], b"").unwrap(), b"p\n");
        world.type_lines(["q", "q"]);
        world.run(&["update", "db", "--field", "password"], b"").unwrap();
        assert_eq!(world.run(&["get", "db#password"], b"").unwrap(), b"q");
        assert_eq!(world.run(&["get", "db#user"], b"").unwrap(), b"amy");
        assert!(world.error(&["get", "db"]).contains("user, password"));
        assert!(world.error(&["get", "db#nope"]).starts_with("not_found: "));
        world.run(&["update", "db", "--fields", "-"], br#"{"a": "1", "b/c": "\u00fc"}"#).unwrap();
        assert_eq!(world.run(&["get", "db#b/c"], b"").unwrap(), "ü".as_bytes());
        assert_eq!(world.json(&["show", "db", "--json"])["fields"], json!(["a", "b/c"]));
    }

    #[test]
    fn a_dotenv_file_is_fields_too() {
        let mut world = World::with(&[]);
        world.run(&["add", "db", "--fields", "-"], b"# c\nexport USER=amy\nPASS=\"p\\n#\" # c\nRAW='\xff'\n").unwrap();
        assert_eq!(world.json(&["show", "db", "--json"])["fields"], json!(["USER", "PASS", "RAW"]));
        assert_eq!(world.run(&["get", "db#PASS"], b"").unwrap(), b"p\n#");
        assert_eq!(world.run(&["get", "db#RAW"], b"").unwrap(), b"\xff");
    }

    #[test]
    fn fields_that_make_no_sense_are_refused_without_their_values() {
        let mut world = World::with(&[("n", b"1")]);
        for (text, word) in [
            (r#"{"a": 5}"#, "line 1"),
            (r#"["hunter2"]"#, "line 1: a line has no `=`"),
            ("\n# c\nhunter2\n", "line 3: a line has no `=`"),
            ("A='hunter2", "line 1: a quoted value"),
            ("A=hunter2\nA=x", "twice"),
            ("=hunter2", "name is empty"),
            (r#"{"a": ["hunter2"]}"#, "object of strings"),
            (r#"{"a": "hunter2", "a": "x"}"#, "twice"),
            (r#"{"a": "hunter2""#, "line 1"),
            (r#"{"": "hunter2"}"#, "no name of a field"),
            ("{}", "no fields"),
            ("\n# c\n", "no fields"),
        ] {
            world.file("fields", text.as_bytes());
            let error = world.error(&["add", "m", "--fields", "DIR/fields"]);
            assert!(error.contains(word) && !error.contains("hunter2"), "{text}: {error}");
        }
        assert!(world.error(&["add", "m", "--field", "a=@-", "--field", "b=@-"]).contains("one --field"));
        assert!(world.error(&["add", "m", "--field", "a=@-", "--field", "a"]).contains("twice"));
        assert!(world.error(&["update", "n", "--field", "a=@-"]).contains("no fields"));
    }

    #[test]
    fn a_value_larger_than_a_mebibyte_is_refused() {
        let mut world = World::with(&[]);
        world.run(&["add", "n"], &vec![b'x'; 1 << 20]).unwrap();
        assert!(world.run(&["add", "m"], &vec![b'x'; (1 << 20) + 1]).unwrap_err().starts_with("too_big: "));
    }

    #[test]
    fn an_existing_secret_is_replaced_only_when_that_is_said_and_confirmed() {
        let mut world = World::with(&[("n", b"1")]);
        assert!(world.error(&["add", "n"]).contains("--replace"));
        assert!(world.error(&["add", "n", "--replace"]).contains("--yes"));
        world.type_lines(["n"]);
        assert!(world.error(&["add", "n", "--replace"]).contains("not confirmed"));
        assert_eq!(world.run(&["get", "n"], b"").unwrap(), b"1");
        world.type_lines(["y", "2", "2"]);
        world.run(&["add", "n", "--replace"], b"").unwrap();
        assert_eq!(world.run(&["get", "n"], b"").unwrap(), b"2");
    }

    #[test]
    fn names_follow_the_rules_before_a_value_is_asked_for() {
        let mut world = World::with(&[]);
        world.type_lines([]);
        for name in ["a b", "__", "e\u{301}"] {
            assert!(world.error(&["add", name]).contains("a secret's name has"));
        }
        assert!(world.person.asked.is_empty());
    }

    #[test]
    fn metadata_is_shown_and_never_the_value() {
        let mut world = World::with(&[]);
        world.run(&["add", "n", "--description", "for tests"], b"hunter2").unwrap();
        world.run(&["add", "a", "--fields", "-"], br#"{"f": "hunter2"}"#).unwrap();
        let list = world.text(&["list"], "");
        let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["NAME", "BYTES", "UPDATED", "FIELDS", "DESCRIPTION"]);
        assert_eq!((&rows[1][..2], rows[1][3]), (&["a", "7"][..], "f"));
        assert_eq!((&rows[2][..2], &rows[2][3..]), (&["n", "7"][..], &["for", "tests"][..]));
        let shown = world.text(&["show", "n"], "");
        assert!(shown.starts_with("name:         n\ndescription:  for tests\ncreated:      "), "{shown}");
        let all = world.json(&["list", "--json"]);
        let one = world.json(&["show", "n", "--json"]);
        assert_eq!(all[1], one);
        let keys: Vec<_> = one.as_object().unwrap().keys().map(String::as_str).collect();
        let common = ["created", "creator", "description", "fields", "name", "size", "updated"];
        assert_eq!(keys, [&common[..5], &["readable", "revision", "scope"], &common[5..], &["writable"]].concat());
        assert_eq!((&one["fields"], &one["size"], &one["description"]), (&json!(null), &json!(7), &json!("for tests")));
        for text in [list, shown, all.to_string()] {
            assert!(!text.contains("hunter2"));
        }
    }

    #[test]
    fn a_description_changes_without_touching_the_value() {
        let mut world = World::with(&[("n", b"1")]);
        assert!(world.error(&["update", "n", "--description", "ü"]).contains("ASCII"));
        assert!(world.error(&["update", "n", "--description", &"x".repeat(501)]).contains("500"));
        world.run(&["update", "n", "--description", "new"], b"").unwrap();
        assert_eq!(world.run(&["get", "n"], b"").unwrap(), b"1");
        assert_eq!(world.json(&["show", "n", "--json"])["description"], "new");
        world.run(&["update", "n"], b"2").unwrap();
        assert_eq!(world.json(&["show", "n", "--json"])["description"], "new");
    }

    #[test]
    fn what_does_not_exist_is_not_found_by_any_verb() {
        let mut world = World::with(&[("n", b"1")]);
        for arguments in [&["get", "x"][..], &["show", "x"], &["update", "x"], &["rm", "n", "x", "--yes"]] {
            let error = world.error(arguments);
            assert!(error.starts_with("not_found: ") && error.contains("`x`"), "{error}");
        }
        assert_eq!(world.run(&["get", "n"], b"").unwrap(), b"1");
    }

    #[test]
    fn removing_asks_or_needs_yes() {
        let mut world = World::with(&[("a", b"1"), ("b", b"2"), ("c", b"3")]);
        assert!(world.error(&["rm", "a"]).contains("--yes"));
        world.run(&["rm", "--yes", "a", "a"], b"").unwrap();
        world.type_lines(["", "yes"]);
        assert!(world.error(&["rm", "b"]).contains("not confirmed"));
        world.run(&["rm", "b"], b"").unwrap();
        assert_eq!(world.person.asked, ["Remove `b` for good, with all aliases and overrides? [y/N] "; 2]);
        assert_eq!(world.json(&["list", "--json"])[0]["name"], "c");
    }

    #[test]
    fn a_terminal_gets_a_value_only_with_reveal() {
        let mut world = World::with(&[("n", b"hunter2")]);
        world.output_is_terminal = true;
        assert!(world.error(&["get", "n"]).contains("--reveal"));
        assert_eq!(world.run(&["get", "n", "--reveal"], b"").unwrap(), b"hunter2");
    }

    #[test]
    fn a_closed_pipe_is_an_ordinary_failure() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let fixture = Fixture::with(&[("n", b"1")]);
        let mut person = Person::default();
        let mut io = Io {
            input: Box::new(io::empty()),
            input_is_terminal: false,
            output: Box::new(writer),
            output_is_terminal: false,
            terminal: Box::new(&mut person),
        };
        let matches = cli::define(clap::Command::new("secret")).get_matches_from(["secret", "get", "n"]);
        let Some(Task::Verb(typed)) = cli::typed(&matches) else { panic!() };
        let error = run(typed, &session(&fixture), &mut io).unwrap_err();
        assert!(matches!(&error, ManageError::Io { why, .. } if why.kind() == io::ErrorKind::BrokenPipe), "{error}");
    }
}
