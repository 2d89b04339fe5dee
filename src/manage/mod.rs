//! `inject secret …`: the verbs, as one command line for every kind of store that can be managed.
//!
//! A verb gets its input, asks its questions, calls the kind through [`crate::store::manage::Manage`] and shows metadata.
//! What a kind does with a call is the kind's. The verbs that change a store are in `change.rs`,
//! those that look into one in `look.rs`; values come in through `input.rs` and, typed, `prompt.rs`.

mod change;
pub(crate) mod cli;
mod input;
mod look;
mod prompt;

use crate::environ::Environ;
use crate::secret::Secret;
pub(crate) use crate::store::manage::ManageError;
use crate::store::{Kind, Settings};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

pub(crate) enum Verb {
    Init(Init),
    Add(Add),
    Get(Get),
    List(List),
    Show(Show),
    Update(Update),
    Remove(Remove),
}

pub(crate) struct Init {
    pub(crate) recipients: Vec<String>,
    pub(crate) json: bool,
}

pub(crate) struct Add {
    pub(crate) name: String,
    pub(crate) value: Input,
    pub(crate) description: Option<String>,
    pub(crate) replace: bool,
    pub(crate) yes: bool,
    pub(crate) json: bool,
}

pub(crate) struct Get {
    /// NAME or NAME#FIELD.
    pub(crate) name: String,
    pub(crate) reveal: bool,
}

pub(crate) struct List {
    pub(crate) json: bool,
}

pub(crate) struct Show {
    pub(crate) name: String,
    pub(crate) json: bool,
}

pub(crate) struct Update {
    pub(crate) name: String,
    pub(crate) value: Input,
    pub(crate) description: Option<String>,
    pub(crate) json: bool,
}

pub(crate) struct Remove {
    pub(crate) names: Vec<String>,
    pub(crate) yes: bool,
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
    /// Standard input and output without std's buffers, which nobody would wipe.
    pub(crate) fn standard() -> Result<Self, ManageError> {
        let own = |stream: BorrowedFd<'_>| stream.try_clone_to_owned().map(File::from);
        Ok(Self {
            input: Box::new(own(io::stdin().as_fd()).map_err(ManageError::io("standard input"))?),
            input_is_terminal: io::stdin().is_terminal(),
            output: Box::new(own(io::stdout().as_fd()).map_err(ManageError::io("standard output"))?),
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

pub(crate) fn run(
    verb: Verb,
    (kind, settings): (&Kind, &Settings),
    environ: &Environ,
    io: &mut Io<'_>,
) -> Result<(), ManageError> {
    let store = kind.manage.ok_or(ManageError::NoManaging(kind.name))?(settings, environ);
    match verb {
        Verb::Init(init) => change::init(&*store, init, io),
        Verb::Add(add) => change::add(&*store, add, io),
        Verb::Get(get) => look::get(&*store, get, io),
        Verb::List(list) => look::list(&*store, list, io),
        Verb::Show(show) => look::show(&*store, show, io),
        Verb::Update(update) => change::update(&*store, update, io),
        Verb::Remove(remove) => change::remove(&*store, remove, io),
    }
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
            let verb = cli::verb(&matches.map_err(|error| error.to_string())?).unwrap();
            let mut output = Vec::new();
            let mut io = Io {
                input: Box::new(input),
                input_is_terminal: self.input_is_terminal,
                output: Box::new(&mut output),
                output_is_terminal: self.output_is_terminal,
                terminal: Box::new(&mut self.person),
            };
            let ran = run(verb, (&KIND, &self.fixture.settings), &self.fixture.environ, &mut io);
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
        for name in ["a b", "__", "ü"] {
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
        assert_eq!(keys, ["created", "creator", "description", "fields", "name", "size", "updated"]);
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
        assert_eq!(world.person.asked, ["Remove `b` for good? [y/N] "; 2]);
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
        let get = Verb::Get(Get { name: "n".into(), reveal: false });
        let error = run(get, (&KIND, &fixture.settings), &fixture.environ, &mut io).unwrap_err();
        assert!(matches!(&error, ManageError::Io { why, .. } if why.kind() == io::ErrorKind::BrokenPipe), "{error}");
    }
}
