//! `inject secret …` as it is typed, in pipes and on a terminal.

use crate::harness::{IDENTITY, Inject, Outcome, STORE, World};
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{LocalFlags, tcgetattr};
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::process::Child;
use std::time::{SystemTime, UNIX_EPOCH};

/// Never to be seen but where `get` is told to write it.
const CANARY: &str = "canary-hunter2";

/// Every file below the world's directory with its bytes, but for the log, where what was refused stands too.
fn tree(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut left = vec![world.path("")];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "audit") {
                continue;
            }
            if path.is_dir() {
                left.push(path.clone());
            }
            let content = fs::read(&path).unwrap_or_default();
            found.push((path.display().to_string(), content));
        }
    }
    found.sort();
    found
}

/// Runs it; it must fail with these words, without the canary, and change nothing on the disk.
#[track_caller]
fn refused(world: &World, inject: Inject, words: &[&str]) -> Outcome {
    let before = tree(world);
    let done = inject.done().fails(125, words);
    assert!(!done.err.contains(CANARY), "{}", done.err);
    assert!(tree(world) == before, "a refusal changed the disk: {}", done.err);
    done
}

#[track_caller]
fn shown(world: &World, name: &str) -> Value {
    serde_json::from_slice(&world.secret(&["show", name, "--json"]).done().quiet().out).unwrap()
}

#[test]
fn init_makes_a_store_and_an_identity_for_nobody_else_and_says_where() {
    let world = World::new();
    // The modes are ours, whatever the umask lets through.
    let script = "umask 000; exec \"$PROGRAM\" secret init";
    let done = world.run("sh", ["-c", script]).env("PROGRAM", crate::harness::PROGRAM).done().quiet();
    let [store, identity] = [STORE, IDENTITY].map(|name| world.path(name));
    let lines: Vec<&str> = done.text().lines().collect();
    let key = lines[0].strip_prefix("public key: ").unwrap();
    assert!(key.starts_with("age1"), "{key}");
    assert_eq!(lines[1], format!("identity:   {}", identity.display()));
    assert_eq!(lines[2..], [format!("store:      {}", store.display())]);
    let text = fs::read_to_string(&identity).unwrap();
    assert!(text.contains(&format!("# public key: {key}\nAGE-SECRET-KEY-1")), "as age-keygen writes it");
    for (path, _) in tree(&world) {
        let metadata = fs::metadata(&path).unwrap();
        let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.permissions().mode() & 0o7777, expected, "{path}");
    }
    assert!(world.names().is_empty());
}

#[test]
fn init_speaks_json() {
    let world = World::new();
    let made: Value = serde_json::from_slice(&world.secret(&["init", "--json"]).done().quiet().out).unwrap();
    assert_eq!(made["identity"], world.path(IDENTITY).to_str().unwrap());
    assert_eq!(made["store"], world.path(STORE).to_str().unwrap());
    assert!(made["public_keys"][0].as_str().unwrap().starts_with("age1"));
}

#[test]
fn init_leaves_what_exists_as_it_is() {
    let world = World::with_store();
    world.add("n", "1");
    refused(&world, world.secret(&["init"]), &[STORE, "exists"]);
    assert_eq!(world.get("n"), b"1");
    // A store that was lost is made anew with the identity that is still there.
    let identity = fs::read(world.path(IDENTITY)).unwrap();
    fs::remove_file(world.path(STORE)).unwrap();
    world.secret(&["init"]).done().quiet();
    assert_eq!(fs::read(world.path(IDENTITY)).unwrap(), identity);
}

#[test]
fn init_with_a_bad_recipient_leaves_nothing_behind() {
    let world = World::new();
    refused(&world, world.secret(&["init", "--recipient", "age1nope"]), &["`age1nope`", "age public key"]);
    let private = "AGE-SECRET-KEY-1CANARY";
    let done = refused(&world, world.secret(&["init", "--recipient", private]), &["public key", "private"]);
    assert!(!done.err.contains("1CANARY"), "{}", done.err);
    world.file("c.json", r#"{"stores": {"s": {"kind": "local", "path": "x.age", "recipients": ["me"]}}}"#);
    refused(&world, world.secret(&["-c", "c.json", "init"]), &["`me`"]);
}

#[test]
fn a_store_that_is_not_there_is_not_made_by_the_way() {
    let world = World::new();
    for verb in [&["add", "n"][..], &["get", "n"], &["list"], &["show", "n"], &["update", "n"], &["rm", "n", "--yes"]] {
        refused(&world, world.secret(verb).input(CANARY), &[STORE, "inject secret init"]);
    }
    assert!(tree(&world).is_empty());
}

#[test]
fn a_value_is_kept_byte_for_byte() {
    let world = World::with_store();
    let every: Vec<u8> = (0..=255).collect();
    let largest = vec![b'\xff'; 1 << 20];
    let values: [&[u8]; 7] = [b"", b"plain", b"line\n", b"\n\n", b"\0", &every, &largest];
    for (number, value) in values.into_iter().enumerate() {
        let (piped, named, dash) = (format!("piped{number}"), format!("named{number}"), format!("dash{number}"));
        world.add(&piped, value);
        world.file("value", value);
        world.secret(&["add", &named, "--file", "value"]).input("not this").done().quiet();
        world.secret(&["add", &dash, "--file", "-"]).input(value).done().quiet();
        for name in [piped, named, dash] {
            assert!(world.get(&name) == value, "{name}");
        }
    }
}

#[test]
fn a_closed_stream_is_no_empty_value_and_loses_none() {
    let world = World::with_store();
    let shell = |words: &str| {
        let line = format!("\"$P\" secret {words}");
        world.run("sh", ["-c", &line]).env("P", crate::harness::PROGRAM)
    };
    for words in ["add n", "add n --field k=@-", "import"] {
        refused(&world, shell(&format!("{words} <&-")), &["standard input: it is closed"]);
    }
    world.add("n", CANARY);
    shell("update n --description d <&-").done().quiet();
    refused(&world, shell("rm n <&-"), &["--yes"]);
    for words in ["get n", "list", "export"] {
        refused(&world, shell(&format!("{words} >&-")), &["standard output: it is closed"]);
    }
}

#[test]
fn what_is_left_of_a_configuration_on_standard_input_is_no_value() {
    let world = World::with_store();
    let secret = |words: &[&str]| world.inject([&["-c", "-", "secret"], words].concat()).input("{}");
    for words in [&["add", "n"][..], &["add", "n", "--fields", "-"], &["import"]] {
        refused(&world, secret(words), &["standard input: the configuration was read from it", "--file"]);
    }
    refused(&world, world.secret(&["add", "n"]).env("INJECT_CONFIG", "-").input("{}"), &["the configuration was read"]);
    world.file("value", "1");
    secret(&["add", "n", "--file", "value"]).done().quiet();
    assert_eq!(secret(&["get", "n"]).done().quiet().out, b"1");
}

#[test]
fn a_value_has_at_most_a_mebibyte() {
    let world = World::with_store();
    let larger = vec![b'x'; (1 << 20) + 1];
    world.file("value", &larger);
    refused(&world, world.secret(&["add", "n"]).input(&larger), &["1 MiB"]);
    refused(&world, world.secret(&["add", "n", "--file", "value"]), &["value", "1 MiB"]);
    refused(&world, world.secret(&["add", "n", "--field", "f=@value"]), &["value", "1 MiB"]);
    // A file without an end is not read to its end.
    refused(&world, world.secret(&["add", "n", "--file", "/dev/zero"]), &["/dev/zero", "1 MiB"]);
}

#[test]
fn fields_come_from_files_and_standard_input() {
    let world = World::with_store();
    world.file("password", "p\n\u{fc}");
    let fields = ["--field", "user=@-", "--field", "password=@password"];
    world.secret(&[&["add", "db"][..], &fields].concat()).input(b"amy\xff").done().quiet();
    assert_eq!(world.get("db#user"), b"amy\xff");
    assert_eq!(world.get("db#password"), "p\n\u{fc}".as_bytes());
    world.secret(&["update", "db", "--field", "user=@-"]).input("bob").done().quiet();
    assert_eq!((world.get("db#user"), world.get("db#password")), (b"bob".to_vec(), "p\n\u{fc}".into()));
    assert_eq!(shown(&world, "db")["fields"], json!(["user", "password"]));
}

#[test]
fn fields_come_from_one_file_of_json_or_dotenv() {
    let world = World::with_store();
    world
        .file("fields", " \n{\"user\": \"amy\", \"a/b\": \"\\u00fc\"}")
        .file("env", "# c\nexport A='1 2'\nB=\"x\\ny\" # c\n");
    world.secret(&["add", "one", "--fields", "fields"]).done().quiet();
    assert_eq!((world.get("one#user"), world.get("one#a/b")), (b"amy".to_vec(), "\u{fc}".into()));
    world.secret(&["add", "two", "--fields", "env"]).done().quiet();
    assert_eq!((world.get("two#A"), world.get("two#B")), (b"1 2".to_vec(), b"x\ny".to_vec()));
    world.secret(&["update", "two", "--fields", "-"]).input("C=3").done().quiet();
    assert_eq!(shown(&world, "two")["fields"], json!(["C"]));
    for (text, word) in [
        (format!("{{\"a\": \"{CANARY}\", \"a\": \"\"}}"), "twice"),
        (format!("{{\"a\": \"{CANARY}"), "line 1"),
        (format!("{{\"a\": {{\"b\": \"{CANARY}\"}}}}"), "object of strings"),
        (format!("A=1\nA={CANARY}"), "twice"),
        (format!("A=1\n{CANARY}"), "line 2"),
        (format!("A=\"{CANARY}"), "line 1"),
        (String::new(), "no fields"),
    ] {
        refused(&world, world.secret(&["add", "n", "--fields", "-"]).input(text), &["standard input: ", word]);
    }
    refused(&world, world.secret(&["add", "n", "--fields", "nowhere"]), &["nowhere", "No such file"]);
}

#[test]
fn a_value_on_the_command_line_is_refused_and_not_shown() {
    let world = World::with_store();
    world.add("old", "1");
    let (field, assignment, old) = (format!("KEY={CANARY}"), format!("n={CANARY}"), format!("old={CANARY}"));
    for arguments in [
        &["add", "n", CANARY][..],
        &["add", "n", "--", CANARY],
        &["add", &assignment],
        &["add", "n", "--field", &field],
        &["update", "old", CANARY],
        &["update", "old", CANARY, "--description", "d"],
        &["update", &old],
        &["update", "old", "--field", &field],
    ] {
        refused(&world, world.secret(arguments).input("x"), &["never an argument"]);
    }
}

#[test]
fn a_name_that_is_taken_is_replaced_only_by_intent() {
    let world = World::with_store();
    world.secret(&["add", "n", "--description", "old"]).input("1").done().quiet();
    refused(&world, world.secret(&["add", "n"]).input(CANARY), &["`n`", "--replace", "update"]);
    refused(&world, world.secret(&["add", "n", "--replace"]).input(CANARY), &["--yes"]);
    world.secret(&["add", "n", "--replace", "--yes"]).input("2").done().quiet();
    assert_eq!(world.get("n"), b"2");
    assert_eq!(shown(&world, "n")["description"], "", "a new secret has nothing of the old one");
    world.secret(&["add", "m", "--replace"]).input("3").done().quiet();
    assert_eq!(world.get("m"), b"3", "nothing is replaced, so nobody is asked");
}

#[test]
fn names_and_descriptions_have_rules() {
    let world = World::with_store();
    for name in ["", "a b", "__", "a.b", "a/b", "e\u{301}", &"\u{fc}".repeat(111)] {
        refused(&world, world.secret(&["add", name]).input(CANARY), &["a secret's name"]);
    }
    for (description, word) in [("\u{fc}", "ASCII"), (&*"x".repeat(501), "500")] {
        refused(&world, world.secret(&["add", "n", "--description", description]).input(CANARY), &[word]);
    }
    world.secret(&["add", &"x".repeat(110), "--description", &"x".repeat(500)]).input("1").done().quiet();
}

#[test]
fn get_writes_the_value_or_one_field_and_nothing_else() {
    let world = World::with_store();
    world.add("n", "{\"a\": 1}");
    world.secret(&["add", "f", "--fields", "-"]).input("A=1\nB=2").done().quiet();
    assert_eq!(world.get("n"), b"{\"a\": 1}");
    assert_eq!(world.get("f#B"), b"2");
    refused(&world, world.secret(&["get", "f"]), &["A, B"]);
    refused(&world, world.secret(&["get", "f#C"]), &["C"]);
    refused(&world, world.secret(&["get", "m"]), &["no secret `m`"]);
}

#[test]
fn list_and_show_tell_all_but_the_value() {
    let world = World::with_store();
    let seconds = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let begun = seconds();
    world
        .secret(&["add", "n", "--description", "for tests"])
        .env("TZ", "Pacific/Kiritimati")
        .input(CANARY)
        .done()
        .quiet();
    world.secret(&["add", "f", "--fields", "-"]).input(format!("A={CANARY}\nB=")).done().quiet();
    let ended = seconds();
    let one = shown(&world, "n");
    let login = world.run("id", ["-un"]).done().quiet();
    let text = |name: &str| one[name].as_str().unwrap().to_owned();
    assert_eq!((text("name"), text("description")), ("n".into(), "for tests".into()));
    assert_eq!((text("creator").as_str(), &one["size"]), (login.text().trim(), &json!(CANARY.len())));
    assert_eq!((&one["fields"], text("updated")), (&Value::Null, text("created")));
    // UTC, whatever the time zone; date(1) is the other opinion.
    let created = text("created");
    assert!(created.ends_with('Z') && created.len() == 20, "{created}");
    let parsed: u64 = world.run("date", ["-d", &created, "+%s"]).done().quiet().text().trim().parse().unwrap();
    assert!((begun..=ended).contains(&parsed), "{created}");

    let list = world.secret(&["list", "--json"]).done().quiet();
    let listed: Value = serde_json::from_slice(&list.out).unwrap();
    assert_eq!((listed[0]["name"].as_str(), &listed[0]["fields"]), (Some("f"), &json!(["A", "B"])));
    assert_eq!((&listed[1], listed.as_array().unwrap().len()), (&one, 2));
    let table = world.secret(&["list"]).done().quiet();
    let rows: Vec<Vec<&str>> = table.text().lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "BYTES", "UPDATED", "FIELDS", "DESCRIPTION"]);
    assert_eq!((rows[1][0], rows[1][3], rows[2][0], rows[2][3..].join(" ")), ("f", "A,B", "n", "for tests".into()));
    let page = world.secret(&["show", "n"]).done().quiet();
    for piece in ["name:         n\n", "description:  for tests\n", "bytes:        14\n", &created] {
        assert!(page.text().contains(piece), "no {piece:?} in {}", page.text());
    }
    let changed = world.secret(&["update", "n", "--json"]).input(CANARY).done().quiet();
    let removed = world.secret(&["rm", "n", "--yes", "--json"]).done().quiet();
    for done in [list, table, page, changed, removed] {
        assert!(!done.text().contains(CANARY), "{done:?}");
    }
}

#[test]
fn update_changes_what_it_is_given_and_nothing_else() {
    let world = World::with_store();
    world.secret(&["add", "n", "--description", "old"]).input("1").done().quiet();
    let created = shown(&world, "n")["created"].clone();
    world.secret(&["update", "n"]).input("2").done().quiet();
    assert_eq!((world.get("n"), &shown(&world, "n")["description"]), (b"2".to_vec(), &json!("old")));
    // Standard input of a script is often empty, and is no value here.
    world.secret(&["update", "n", "--description", "new"]).input("").done().quiet();
    assert_eq!((world.get("n"), &shown(&world, "n")["description"]), (b"2".to_vec(), &json!("new")));
    world.secret(&["update", "n", "--description", "both", "--file", "-"]).input("3").done().quiet();
    assert_eq!((world.get("n"), &shown(&world, "n")["description"]), (b"3".to_vec(), &json!("both")));
    assert_eq!(shown(&world, "n")["created"], created);
    refused(&world, world.secret(&["update", "m"]).input(CANARY), &["no secret `m`"]);
    refused(&world, world.secret(&["update", "n", "--field", "a=@-"]).input(CANARY), &["no fields", "--fields"]);
    refused(&world, world.secret(&["update", "n", "--description", "\u{fc}"]).input(CANARY), &["ASCII"]);
}

#[test]
fn rm_removes_all_that_are_named_or_none() {
    let world = World::with_store();
    for name in ["a", "b", "c"] {
        world.add(name, "1");
    }
    refused(&world, world.secret(&["rm", "a"]), &["`a`", "--yes"]);
    refused(&world, world.secret(&["rm", "a", "x", "b", "--yes"]), &["no secret `x`"]);
    let done = world.secret(&["rm", "c", "a", "c", "--yes"]).done().quiet();
    assert_eq!((done.text(), world.names()), ("", vec!["b".to_owned()]));
}

#[test]
fn the_store_is_the_one_that_was_said_last_by_the_nearest() {
    let world = World::new();
    let store = |name: &str| format!(r#""{name}": {{"kind": "local", "path": "{name}.age"}}"#);
    world.file("c.json", format!(r#"{{"stores": {{{}, {}, "env": {{"kind": "env"}}}}}}"#, store("one"), store("two")));
    world.file("d.json", r#"{"default_store": "two"}"#);
    for name in ["one", "two"] {
        world.secret(&["-c", "c.json", "-s", name, "init"]).done().quiet();
        world.secret(&["add", name, "-c", "c.json", "-s", name]).input("1").done().quiet();
    }
    let first = |inject: Inject| {
        let listed: Value = serde_json::from_slice(&inject.done().quiet().out).unwrap();
        listed[0]["name"].as_str().unwrap().to_owned()
    };
    let list = |arguments: &[&str]| world.secret(&[&["list", "--json", "-c", "c.json"], arguments].concat());
    assert_eq!(first(list(&["-s", "one"])), "one");
    assert_eq!(first(list(&[]).env("INJECT_STORE", "two")), "two");
    assert_eq!(first(list(&["-c", "d.json"])), "two");
    assert_eq!(first(list(&["-c", "d.json"]).env("INJECT_STORE", "one")), "two");
    assert_eq!(first(list(&["-c", "d.json", "-s", "one"])), "one");
    refused(&world, list(&[]), &["one, two", "-s"]);
    refused(&world, list(&["-s", "env"]), &["of kind env", "not managed"]);
    refused(&world, list(&["-s", "nope"]), &["`nope`"]);
    assert!(!world.exists(STORE), "the home directory was not asked for");
}

#[test]
fn failures_have_stable_codes() {
    let world = World::with_store();
    world.add("n", "1");
    for (arguments, code) in [
        (&["get", "x"][..], "not_found"),
        (&["add", "n"], "config"),
        (&["add", "x", "--file", "/dev/zero"], "too_big"),
        (&["get", "n", "-s", "nope"], "config"),
    ] {
        let done = world.secret(&[&["--log-format", "json"], arguments].concat()).input("2").done();
        let line: Value = serde_json::from_str(done.err.trim()).unwrap();
        assert_eq!((done.status, line["code"].as_str()), (Some(125), Some(code)), "{}", done.err);
    }
}

/// A terminal with a program on it, and what has been seen there.
struct Typist {
    terminal: File,
    child: Child,
    seen: String,
}

impl Typist {
    /// The program has the terminal for its own, and these of its descriptors on it.
    #[allow(unsafe_code)]
    fn sit_down<const N: usize>(inject: Inject, descriptors: [i32; N]) -> Self {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = posix_openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname_r(&master).unwrap();
        let slave = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(name).unwrap();
        let number = slave.as_raw_fd();
        let take_terminal = move || {
            // SAFETY: the calls take numbers and touch no memory of this process.
            let done = unsafe {
                libc::setsid() != -1
                    && libc::ioctl(number, libc::TIOCSCTTY, 0) != -1
                    && descriptors.iter().all(|&descriptor| libc::dup2(number, descriptor) != -1)
            };
            if done { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        };
        // SAFETY: setsid, ioctl and dup2 are system calls and nothing more.
        let inject = inject.with(|command| unsafe {
            command.pre_exec(take_terminal);
        });
        let child = inject.start();
        Self { terminal: File::from(std::os::fd::OwnedFd::from(master)), child, seen: String::new() }
    }

    /// Reads what appears; false where nobody has the terminal any more.
    fn look(&mut self) -> bool {
        let mut ready = [PollFd::new(self.terminal.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut ready, PollTimeout::from(20_000_u16)), Ok(1), "nothing more after {:?}", self.seen);
        let mut bytes = [0; 1024];
        // EIO is how a terminal says that everybody has left.
        let length = self.terminal.read(&mut bytes).unwrap_or(0);
        self.seen += &String::from_utf8_lossy(&bytes[..length]);
        length > 0
    }

    /// Types the keys once this is what was seen last.
    #[track_caller]
    fn at(&mut self, prompt: &str, keys: &str) -> &mut Self {
        while !self.seen.ends_with(prompt) {
            assert!(self.look(), "no {prompt:?} in {:?}", self.seen);
        }
        self.seen.push('|');
        self.terminal.write_all(keys.as_bytes()).unwrap();
        self
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_flags.contains(LocalFlags::ECHO)
    }

    /// How it ended, and all that was seen, with `|` wherever something was typed.
    fn leave(mut self) -> (Outcome, String) {
        while self.look() {}
        assert!(self.echoes(), "the terminal is left silent");
        let output = self.child.wait_with_output().unwrap();
        let outcome = Outcome {
            status: output.status.code(),
            signal: std::os::unix::process::ExitStatusExt::signal(&output.status),
            out: output.stdout,
            err: String::from_utf8(output.stderr).unwrap(),
        };
        (outcome, self.seen)
    }
}

#[test]
fn get_refuses_a_terminal_unless_it_may_reveal() {
    let world = World::with_store();
    world.add("n", CANARY);
    let (done, seen) = Typist::sit_down(world.secret(&["get", "n"]), [1]).leave();
    done.fails(125, &["terminal", "--reveal"]);
    assert_eq!(seen, "");
    let (done, seen) = Typist::sit_down(world.secret(&["get", "n", "--reveal"]), [1]).leave();
    done.quiet();
    assert_eq!(seen, CANARY);
}

#[test]
fn a_value_is_typed_twice_and_never_seen() {
    let world = World::with_store();
    let mut typist = Typist::sit_down(world.secret(&["add", "n"]), [0]);
    typist.at("Value of n: ", &format!("{CANARY}\n")).at("Again: ", &format!("{CANARY}\n"));
    let (done, seen) = typist.leave();
    assert_eq!((done.quiet().text(), &*seen), ("", "Value of n: |\r\nAgain: |\r\n"));
    assert_eq!(world.get("n"), CANARY.as_bytes());

    let before = tree(&world);
    let mut typist = Typist::sit_down(world.secret(&["update", "n"]), [0]);
    typist.at("Value of n: ", "one\n").at("Again: ", "other\n");
    typist.leave().0.fails(125, &["differ", "nothing was changed"]);
    assert!(tree(&world) == before);

    let mut typist = Typist::sit_down(world.secret(&["add", "f", "--field", "a", "--field", "b"]), [0]);
    typist.at("Value of a: ", "1\n").at("Again: ", "1\n").at("Value of b: ", "2\n").at("Again: ", "2\n");
    typist.leave().0.quiet();
    assert_eq!((world.get("f#a"), world.get("f#b")), (b"1".to_vec(), b"2".to_vec()));
}

#[test]
fn an_interrupt_at_the_prompt_ends_by_it_and_leaves_the_terminal_as_it_was() {
    let world = World::with_store();
    let before = tree(&world);
    // As typed: ^C, ^\.
    for (key, signal) in [("\x03", libc::SIGINT), ("\x1c", libc::SIGQUIT)] {
        let mut typist = Typist::sit_down(world.secret(&["add", "n"]), [0]);
        typist.at("Value of n: ", "");
        assert!(!typist.echoes());
        typist.at("|", &format!("{CANARY}{key}"));
        let (done, seen) = typist.leave();
        assert_eq!((done.status, done.signal), (None, Some(signal)), "{done:?}");
        assert!(!seen.contains("canary"), "{seen:?}");
    }
    assert!(tree(&world) == before);
}

#[test]
fn a_change_for_good_is_confirmed_on_a_terminal() {
    let world = World::with_store();
    world.add("n", "1");
    for answer in ["n\n", "\n", "no\n", "\x04"] {
        let mut typist = Typist::sit_down(world.secret(&["rm", "n"]), [0]);
        typist.at("Remove `n` for good, with all aliases and overrides? [y/N] ", answer);
        assert_eq!(typist.leave().0.status, Some(125));
        assert_eq!(world.get("n"), b"1");
    }
    let mut typist = Typist::sit_down(world.secret(&["add", "n", "--replace"]), [0]);
    typist.at("[y/N] ", "y\n").at("Value of n: ", "2\n").at("Again: ", "2\n");
    typist.leave().0.quiet();
    assert_eq!(world.get("n"), b"2");
    let mut typist = Typist::sit_down(world.secret(&["rm", "n"]), [0]);
    typist.at("[y/N] ", "yes\n");
    typist.leave().0.quiet();
    assert!(world.names().is_empty());
}

#[test]
fn what_is_wrong_with_a_verb_points_to_its_own_help() {
    let world = World::new();
    for (words, help) in [
        ("secret add n --wrong", "`inject secret add --help`"),
        ("secret add n --readable=maybe", "`inject secret add --help`"),
        ("secret -s plan get", "`inject secret get --help`"),
        ("-s plan secret list --scope", "`inject secret list --help`"),
        ("secret list stray", "`inject secret list --help`"),
        ("secret copy --from a", "`inject secret copy --help`"),
        ("secret nowhere", "`inject secret --help`"),
        ("plan --wrong -- secret add", "`inject plan --help`"),
        ("--wrong -- secret add", "`inject --help`"),
    ] {
        let done = world.inject(words.split(' ')).done().fails(125, &[help, "shows what there is"]);
        assert_eq!(done.err.lines().count(), 1, "{done:?}");
    }
}

#[test]
fn a_name_may_be_of_any_script() {
    let world = World::with_store();
    for name in ["caf\u{e9}", "\u{65e5}\u{672c}_1", "\u{fc}"] {
        world.add(name, name);
        assert_eq!(world.get(name), name.as_bytes());
        let launch = world.inject(["-e", &format!("V=$<secret:{name}>"), "--", "printenv", "V"]);
        assert_eq!(launch.done().quiet().text(), format!("{name}\n"));
    }
    assert_eq!(world.names().len(), 3);
}
