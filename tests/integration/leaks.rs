//! Where no secret may be while a launch runs and after it: in no memory of ours, no message, no core
//! dump, on no disk; and no login of a store in what the command gets.

use crate::canary::{Canary, Needle, in_memory, is_any_in};
use crate::doubles::http::{Fault, Wire};
use crate::doubles::tapis;
use crate::files::{By as _, Method, Running, WAIT, eventually, janitor, methods, waiting};
use crate::harness::{IDENTITY, Inject, Outcome, STORE, World, probe};
use crate::remote::{KINDS, TLS};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use serde_json::{Map, Value, json};
use std::fs;
use std::io::Read as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

/// A store of each kind, and each way from one into a template, with a canary of its own.
struct Sources {
    world: World,
    all: Vec<Source>,
    /// The text of the local store's key, and what of it is secret.
    key: String,
    secret: String,
}

struct Source {
    reference: &'static str,
    /// As the command gets it.
    canary: Canary,
}

impl Sources {
    fn new() -> Self {
        let (world, mut all) = (World::with_store(), Vec::new());
        let mut next = |reference| {
            let canary = Canary::new(all.len() as u64);
            all.push(Source { reference, canary });
            canary.text()
        };
        let inherited = next("$<e:CANARY>");
        assert_eq!(inherited, Canary::new(0).text());
        world.add("plain", next("$<l:plain>"));
        world.add("escaped", format!("\n\"{}\"\u{1}", next("$<l:escaped>")));
        let fields = json!({ "f": next("$<l:fields#f>") }).to_string();
        world.secret(&["add", "fields", "--fields", "-"]).input(fields).done().quiet();
        // An age file is decrypted in pieces of 64 KiB, and this keeps the last entry from the first piece.
        world.add("m", "x".repeat(200_000));
        world.file("dir/plain", next("$<d:plain>"));
        world.file("dir/json", json!({ "a": ["", next("$<d:json#/a/1>")] }).to_string());
        world.file("dir/escaped", json!({ "f": format!("\t{}\n", next("$<d:escaped#f|trim>")) }).to_string());
        world.file("dir/whole", json!([next("$<d:whole|json>")]).to_string());
        world.file("dir/decoded", next("$<d:decoded|base64d>"));
        world.file("dir/encoded", next("$<d:encoded|base64>"));
        world.file("dir/quoted", next("$<d:quoted|trim|urlencode|shellquote>") + "\n");
        world.file("dir/entry", next("$<pods:secrets:B>"));
        world.file("helper/line", next("$<x:line>") + "\n");
        world.file("helper/long", "x".repeat(50_000) + &next("$<x:long>"));
        let source = |Source { reference, canary }| {
            let encoded = reference.ends_with("|base64>");
            Source { reference, canary: if encoded { canary.base64() } else { canary } }
        };
        let all: Vec<_> = all.into_iter().map(source).collect();
        let decoded = all.iter().find(|source| source.reference.ends_with("|base64d>")).unwrap();
        world.file("dir/decoded", decoded.canary.base64().text());
        let key = fs::read_to_string(world.path(IDENTITY)).unwrap();
        let key = key.lines().last().unwrap().to_owned();
        let secret = key.strip_prefix("AGE-SECRET-KEY-1").unwrap().to_owned();
        Self { world, all, key, secret }
    }

    /// A launch with targets under the names of a configuration, the local store's key in a variable.
    fn inject(&self, targets: &Value, arguments: &[&str]) -> Inject {
        let mut config = json!({
            "stores": {
                "l": { "kind": "local" },
                "d": { "kind": "dir", "path": "dir" },
                "e": { "kind": "env" },
                "x": { "kind": "exec", "command": ["sh", "-c", "cat \"helper/$1\"", "helper"] },
            },
            "secret_map": { "A": "$<d:entry>", "B": "($<pods:secrets:A>)" },
        });
        config.as_object_mut().unwrap().extend(targets.as_object().unwrap().clone());
        self.world.file("c.json", config.to_string());
        let inject = self.world.inject(["-c", "c.json"].iter().chain(arguments));
        inject.env("INJECT_IDENTITY", &self.key).env("CANARY", Canary::new(0).text())
    }

    /// One target for each, by what makes it of a reference.
    fn targets(&self, prefix: &str, target: impl Fn(&str) -> Value) -> Map<String, Value> {
        let named = |(at, source): (usize, &Source)| (format!("{prefix}{at}"), target(source.reference));
        self.all.iter().enumerate().map(named).collect()
    }

    /// How many copies of each, and where they are. The kernel put the inherited environment on the
    /// stack, where it stays until exec destroys it: the value of CANARY and the key.
    fn assert_copies(&self, child: &Running, expected: usize) {
        let delivered =
            self.all.iter().map(|source| &source.canary as &dyn Needle).chain([&self.secret as &dyn Needle]);
        let found = in_memory(child.pid(), &delivered.collect::<Vec<_>>());
        let (keys, found) = found.split_last().unwrap();
        assert!(keys.len() == 1 && keys[0].ends_with("[stack]"), "the key: {keys:#?}");
        for (source, places) in self.all.iter().zip(found) {
            let (inherited, own): (Vec<&String>, _) = places.iter().partition(|place| place.ends_with("[stack]"));
            assert_eq!(own.len(), expected, "{}: {places:#?}", source.reference);
            let is_inherited = source.reference == "$<e:CANARY>";
            assert_eq!(inherited.len(), usize::from(is_inherited), "{}: {places:#?}", source.reference);
        }
        // As they were before a filter ran.
        let other = |source: &Source| match source.reference {
            reference if reference.ends_with("|base64>") => source.canary.plain(),
            _ => source.canary.base64(),
        };
        let others: Vec<_> = self.all.iter().map(other).collect();
        let others: Vec<_> = others.iter().map(|other| other as &dyn Needle).collect();
        for (source, places) in self.all.iter().zip(in_memory(child.pid(), &others)) {
            assert_eq!(places, Vec::<String>::new(), "{}, in its other form", source.reference);
        }
    }
}

/// A launch that has done everything but exec, and is stopped. Only a debug build does that.
#[track_caller]
fn before_exec(inject: Inject) -> Running {
    let inject = inject.env("INJECT_TEST_DUMPABLE", "1").env("INJECT_TEST_PAUSE", "1");
    let mut child = Running(inject.start());
    let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    let status = waitid(Id::Pid(child.pid()), flags).unwrap();
    if !matches!(status, WaitStatus::Stopped(_, Signal::SIGSTOP)) {
        let mut said = String::new();
        child.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        panic!("it did not stop before exec: {status:?}, {said}");
    }
    child
}

#[test]
fn before_exec_a_variable_is_in_memory_once_and_nothing_else_of_its_secret() {
    let sources = Sources::new();
    let variables = json!({ "environment_variables": sources.targets("V", |reference| json!(reference)) });
    sources.assert_copies(&before_exec(sources.inject(&variables, &["--", "true"])), 1);
}

#[test]
fn before_exec_an_argument_is_in_memory_once_and_nothing_else_of_its_secret() {
    let sources = Sources::new();
    let arguments = sources.all.iter().map(|source| source.reference);
    let arguments: Vec<_> = ["--allow-args", "--", "true"].into_iter().chain(arguments).collect();
    sources.assert_copies(&before_exec(sources.inject(&json!({ "environment_variables": {} }), &arguments)), 1);
}

#[test]
fn before_exec_nothing_is_in_memory_of_what_goes_into_files_and_descriptors() {
    let sources = Sources::new();
    let descriptor = |reference: &str| json!({ "value": reference, "as": "fd" });
    let targets = json!({
        "files": sources.targets("f", |reference| json!(reference)),
        "environment_variables": sources.targets("D", descriptor),
    });
    for method in methods() {
        sources.assert_copies(&before_exec(sources.inject(&targets, &["--", "true"]).by(method)), 0);
    }
}

#[test]
fn before_exec_a_key_that_came_from_a_file_is_nowhere_in_memory() {
    let sources = Sources::new();
    let targets = json!({ "environment_variables": { "V": "$<l:plain>" } });
    let inject = sources.inject(&targets, &["--", "true"]);
    let inject = inject.env("INJECT_IDENTITY", "").env("INJECT_IDENTITY_FILE", IDENTITY);
    let child = before_exec(inject);
    let found = in_memory(child.pid(), &[&sources.secret, &sources.all[1].canary]);
    assert_eq!((&found[0], found[1].len()), (&Vec::new(), 1), "{found:#?}");
}

/// Making one reads the whole store and writes it anew.
#[test]
fn before_exec_a_password_that_was_just_made_is_in_memory_once_and_nothing_else_of_the_store() {
    let sources = Sources::new();
    let targets = json!({
        "secret_map": { "R": "$<pods:random:32>" },
        "environment_variables": { "V": "$<pods:secrets:R>" },
        "default_store": "l",
    });
    let child = before_exec(sources.inject(&targets, &["--", "true"]));
    let password = sources.inject(&targets, &["--", "sh", "-c", "printf %s \"$V\""]).done().quiet().text().to_owned();
    assert_eq!(password.len(), 32);
    let stored = sources.all.iter().filter(|source| source.reference.starts_with("$<l:"));
    let needles: Vec<_> =
        stored.map(|source| &source.canary as &dyn Needle).chain([&password as &dyn Needle]).collect();
    let found = in_memory(child.pid(), &needles);
    let (made, others) = found.split_last().unwrap();
    assert_eq!(made.len(), 1, "{made:#?}");
    assert!(others.len() == 3 && others.iter().all(Vec::is_empty), "{others:#?}");
}

/// Every kind, over both versions of HTTP or over a websocket: neither what is shown to be let in, nor an
/// answer as it came out of TLS, nor a value but where it is delivered.
#[test]
fn before_exec_nothing_is_in_memory_of_a_fetch_over_tls_but_the_value_in_its_variable() {
    for (number, kind) in KINDS.iter().enumerate() {
        for wire in kind.wires.iter().filter(|wire| **wire != Wire::Plain) {
            let [value, header] = [0, 1].map(|canary| Canary::new((2 * number + canary) as u64));
            let (remote, world) = ((kind.start)(*wire, &[("plain", &value.text())]), World::new());
            remote.always(Fault::Header("x-canary", header.text()));
            let mut settings = remote.settings.clone();
            for member in ["token", "password"].into_iter().filter(|member| remote.settings.get(member).is_some()) {
                settings[member] = json!({ "file": "login" });
            }
            world.file("login", &remote.login);
            let child = before_exec(remote.launch(&world, &settings, 1, "plain").env("TOKEN", ""));
            assert_eq!(remote.count(), kind.requests.len());
            // As a token that is got for a password begins.
            let token = tapis::token("alice")[..32].to_owned();
            // As it stands in the JSON of a login.
            let written = json!(remote.login).to_string();
            let written = written[1..written.len() - 1].to_owned();
            let needles: [&dyn Needle; 7] =
                [&value, &value.base64(), &header, &remote.login, &written, &token, &header.base64()];
            let found = in_memory(child.pid(), &needles);
            let (values, others) = found.split_first().unwrap();
            assert_eq!(values.len(), 1, "{} {wire:?}: {values:#?}", kind.name);
            assert!(others.iter().all(Vec::is_empty), "{} {wire:?}: {others:#?}", kind.name);
        }
    }
}

/// A name is looked up by a thread of its own, which has to be gone before exec: it blocks signals.
#[test]
fn before_exec_the_thread_that_looked_a_name_up_is_gone() {
    for kind in &KINDS {
        let (remote, world) = ((kind.start)(TLS, &[("plain", "value")]), World::new());
        let settings = remote.settings_at(&remote.address().to_string().replace("127.0.0.1", "localhost"));
        let child = before_exec(remote.launch(&world, &settings, 1, "plain"));
        assert!(remote.count() > 0);
        let threads = fs::read_dir(format!("/proc/{}/task", child.pid())).unwrap().count();
        assert_eq!(threads, 1, "{}", kind.name);
    }
}

#[test]
fn the_janitor_has_neither_values_nor_keys_in_memory_while_the_command_runs() {
    let sources = Sources::new();
    let targets = json!({ "files": sources.targets("f", |reference| json!(reference)) });
    let (_child, directory) = assert_janitor_has_nothing(&sources, &targets);
    assert_eq!(fs::read_to_string(directory.join("f0")).unwrap(), Canary::new(0).text());
}

#[test]
fn the_janitor_of_a_file_that_a_store_asks_for_has_nothing_of_what_was_read_before() {
    let sources = Sources::new();
    let path = sources.world.path("etc/mounted").display().to_string();
    sources.world.file("etc/other", "");
    sources.world.secret(&["add", "mounted", "--mount-path", &path]).input("1").done().quiet();
    let mut variables = sources.targets("V", |reference| json!(reference));
    variables.insert("M".into(), json!("$<l:mounted>"));
    assert_janitor_has_nothing(&sources, &json!({ "environment_variables": variables }));
}

/// In memory or environment. Gives the command, which runs, and its `$INJECT_FILES`.
#[track_caller]
fn assert_janitor_has_nothing(sources: &Sources, targets: &Value) -> (Running, PathBuf) {
    let inject = sources.inject(targets, &WAIT).by(Method::Directory).env("INJECT_TEST_DUMPABLE", "1");
    // An orphan becomes ours, so that we may look into it where ptrace is for descendants only.
    set_child_subreaper(true).unwrap();
    let (child, directory) = waiting(&sources.world, inject);
    set_child_subreaper(false).unwrap();
    let janitor = janitor(&child);
    let encoded: Vec<_> = sources.all.iter().map(|source| source.canary.base64()).collect();
    let plain: Vec<_> = sources.all.iter().map(|source| source.canary.plain()).collect();
    let needles: Vec<&dyn Needle> = plain
        .iter()
        .chain(&encoded)
        .map(|canary| canary as &dyn Needle)
        .chain([&sources.secret as &dyn Needle])
        .collect();
    for (at, places) in in_memory(janitor, &needles).iter().enumerate() {
        assert_eq!(places, &Vec::<String>::new(), "needle {at}");
    }
    let variables = fs::read(format!("/proc/{janitor}/environ")).unwrap();
    assert!(variables.iter().all(|&byte| byte == 0));
    (child, directory)
}

/// A run that must end as said, and whose output must hold no secret.
struct Telling<'s> {
    sources: &'s Sources,
    needles: Vec<&'s dyn Needle>,
}

impl Telling<'_> {
    /// `says` is a piece of what comes out, so that the case is the one it is meant to be.
    #[track_caller]
    fn run(&self, inject: impl Fn() -> Inject, status: i32, says: &str) {
        for format in ["text", "json"] {
            let done = inject().env("INJECT_LOG_FORMAT", format).env("INJECT_VERBOSE", "1").done();
            // Whoever fails here must not print it.
            assert!(!is_any_in(&self.needles, &done.out), "standard output holds a secret: {says}");
            assert!(!is_any_in(&self.needles, done.err.as_bytes()), "standard error holds a secret: {says}");
            let text = format!("{}{}", done.err, String::from_utf8_lossy(&done.out));
            assert!(done.status == Some(status) && text.contains(says), "not {status}, {says:?}: {done:?}");
        }
    }

    #[track_caller]
    fn launch(&self, variables: Value, status: i32, says: &str) {
        let targets = json!({ "environment_variables": variables });
        self.run(|| self.sources.inject(&targets, &["--", "true"]), status, says);
    }

    #[track_caller]
    fn secret(&self, arguments: &[&str], input: &str, status: i32, says: &str) {
        self.run(|| self.sources.world.secret(arguments).input(input), status, says);
    }
}

#[test]
fn no_message_shows_a_value_or_a_key() {
    let sources = Sources::new();
    let plain: Vec<_> = sources.all.iter().map(|source| source.canary.plain()).collect();
    let encoded: Vec<_> = plain.iter().map(|canary| canary.base64()).collect();
    let needles =
        plain.iter().chain(&encoded).map(|canary| canary as &dyn Needle).chain([&sources.secret as &dyn Needle]);
    let telling = Telling { sources: &sources, needles: needles.collect() };
    let (world, value) = (&sources.world, Canary::new(1).text());

    let variables = Value::from(sources.targets("V", |reference| json!(reference)));
    telling.launch(variables.clone(), 0, "asking the store");
    let targets = json!({
        "files": sources.targets("f", |reference| json!(reference)),
        "environment_variables": sources.targets("D", |reference| json!({ "value": reference, "as": "fd" })),
    });
    for method in methods() {
        telling.run(|| sources.inject(&targets, &["--", "true"]).by(method), 0, "asking the store");
    }

    for (reference, says) in [
        ("$<d:plain|hexd>", "hexd"),
        ("$<l:escaped|base64d>", "base64d"),
        ("$<e:CANARY|json>", "json"),
        ("$<d:plain#f>", "not JSON"),
        ("$<l:plain#f>", "not JSON"),
        ("$<d:json#b>", "no member `b`"),
        ("$<l:fields>", "#FIELD"),
        ("$<l:fields#g>", "no member `g`"),
        ("$<l:gone>", "not found"),
        ("$<l:gone:?ask for it>", "ask for it"),
    ] {
        telling.launch(json!({ "FINE": "$<x:line>", "WRONG": reference }), 125, says);
    }
    world.file("dir/nul", format!("{value}\0{value}"));
    telling.launch(json!({ "WRONG": "$<d:nul>" }), 125, "NUL");
    let arguments = ["--allow-args", "--", "true", "$<d:nul>"];
    telling.run(|| sources.inject(&json!({ "environment_variables": {} }), &arguments), 125, "NUL");
    world.file("dir/big", value.repeat(3000));
    telling.launch(json!({ "WRONG": "$<d:big>" }), 126, "use a file");
    let many: Map<_, _> = (0..100).map(|at| (format!("V{at}"), json!("$<l:plain>".repeat(2000)))).collect();
    telling.launch(many.into(), 126, "quarter of the stack");
    world.file("dir/huge", value.repeat(1 << 15));
    telling.launch(json!({ "WRONG": "$<d:huge>" }), 125, "more than");
    telling.launch(json!({ "A": "$<l:plain>", "LD": "$<d:missing/../x>" }), 125, "`..`");
    world.file("words", "no program\n").mode("words", 0o755);
    let all = json!({ "environment_variables": variables });
    telling.run(|| sources.inject(&all, &["--", "./words"]), 126, "Exec format error");
    let conflict = json!({ "environment_variables": { "CANARY": "$<l:plain>" } });
    telling.run(|| sources.inject(&conflict, &["--on-conflict", "error", "--", "true"]), 125, "--on-conflict");
    telling.run(|| sources.inject(&conflict, &["--on-conflict", "inherit", "--", "true"]), 0, "");

    for (script, options, says) in [
        ("cat helper/line; cat helper/line >&2; exit 9", "30s", "9"),
        ("cat helper/line; cat helper/line >&2; kill -KILL $$", "30s", "signal"),
        ("cat helper/line; cat helper/line >&2; sleep 1000", "300ms", "timed out"),
        ("while cat helper/long; do :; done", "30s", "too big"),
    ] {
        let store = json!({ "stores": { "x": { "kind": "exec", "command": ["sh", "-c", script] } } });
        let arguments = ["--timeout", options, "-e", "V=$<x:line>", "--", "true"];
        telling.run(|| sources.inject(&store, &arguments), 125, says);
    }

    let other = World::with_store();
    let other_key = fs::read_to_string(other.path(IDENTITY)).unwrap();
    let all = || sources.inject(&all, &["--", "true"]);
    telling.run(|| all().env("INJECT_IDENTITY", &other_key), 125, "not encrypted to the identity");
    telling.run(|| all().env("INJECT_IDENTITY", format!("{}X", sources.key)), 125, "no age identity");
    telling.run(|| all().env("INJECT_IDENTITY", &value), 125, "no age identity");
    world.file("open", &sources.key).mode("open", 0o644);
    telling.run(|| all().env("INJECT_IDENTITY_FILE", "open"), 125, "chmod 600");
    world.file("garbage", &value).mode("garbage", 0o600);
    telling.run(|| all().env("INJECT_IDENTITY_FILE", "garbage"), 125, "no age identity");
    // A key where a path is meant.
    let inline = json!({ "stores": { "l": { "kind": "local", "identity": sources.key } } });
    telling.run(|| sources.inject(&inline, &["-e", "V=$<l:plain>", "--", "true"]), 125, "never the key itself");

    let store = world.path(STORE);
    let sealed = fs::read(&store).unwrap();
    for (at, says) in [(sealed.len() - 1, "damaged"), (sealed.len() / 2, "damaged"), (3, "no age file")] {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        fs::write(&store, damaged).unwrap();
        telling.run(all, 125, says);
    }
    fs::write(&store, &sealed).unwrap();

    world.file("open.env", format!("A=1\nB=\"{value}\n"));
    telling.run(|| world.inject(["--env-file", "open.env", "--", "true"]), 125, "closing quote");

    for arguments in [&["check"][..], &["plan"], &["stores"], &["doctor"]] {
        for json in [&[][..], &["--json"]] {
            let arguments: Vec<_> = arguments.iter().chain(json).copied().collect();
            let run = || {
                let looking = world.inject(&arguments).env("INJECT_CONFIG", "c.json");
                looking.env("INJECT_IDENTITY", &sources.key).env("CANARY", Canary::new(0).text())
            };
            telling.run(run, 0, "");
        }
    }
    for arguments in [&["list"][..], &["show", "fields"]] {
        telling.secret(arguments, "", 0, "fields");
        telling.secret(&[arguments, &["--json"]].concat(), "", 0, "\"fields\":[\"f\"]");
    }
    telling.secret(&["add", "plain"], &value, 125, "--replace");
    telling.secret(&["add", "not a name"], &value, 125, "letters");
    telling.secret(&["add", "n", &value], "", 125, "standard input");
    telling.secret(&["add", "n", "--field", &format!("k={value}")], "", 125, "never an argument");
    telling.secret(&["add", "n", "--fields", "-"], &format!("{{\"k\": {value}}}"), 125, "line 1");
    telling.secret(&["add", "n", "--fields", "-"], &format!("[\"{value}\"]"), 125, "line 1");
    telling.secret(&["add", "n"], &value.repeat(1 << 15), 125, "at most");
    telling.secret(&["update", "plain"], &value, 0, "");
    telling.secret(&["get", "plain#f"], "", 125, "not JSON");
    telling.secret(&["get", "fields"], "", 125, "#FIELD");
    telling.secret(&["init"], "", 125, "exists");
}

/// Core dumps as far as the hard limit lets them be.
trait Dumping {
    fn dumping(self) -> Self;
}

impl Dumping for Inject {
    #[allow(unsafe_code)]
    fn dumping(self) -> Self {
        let raise = || {
            let (_, hard) = getrlimit(Resource::RLIMIT_CORE)?;
            Ok(setrlimit(Resource::RLIMIT_CORE, hard, hard)?)
        };
        // SAFETY: two system calls and nothing more.
        self.with(|command| unsafe {
            command.pre_exec(raise);
        })
    }
}

#[test]
fn while_a_launch_holds_secrets_it_cannot_be_dumped_or_looked_into() {
    let world = World::new();
    // Kills whoever started it, once that has read the first secret.
    let helper = "cat /proc/$PPID/limits > limits; readlink /proc/$PPID/exe > seen 2> /dev/null; kill -SEGV $PPID";
    world.script("helper", &format!("#!/bin/sh\n{helper}\n")).file("dir/plain", Canary::new(0).text());
    let config = json!({
        "stores": { "d": { "kind": "dir", "path": "dir" }, "x": { "kind": "exec", "command": ["./helper"] } },
        "environment_variables": { "A": "$<d:plain>", "B": "$<x:any>" },
    });
    world.file("c.json", config.to_string());
    let run = |inject: Inject| {
        // Without the right of root to look into any process (CAP_SYS_PTRACE).
        let mut child = Running(inject.dumping().without_capability(19).start());
        let status = child.0.wait().unwrap();
        eventually("the helper has killed", || world.exists("seen"));
        let limits = fs::read_to_string(world.path("limits")).unwrap();
        let limit = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
        let soft = limit.split_whitespace().next().unwrap().to_owned();
        let seen = !fs::read(world.path("seen")).unwrap().is_empty();
        let dumped = status.core_dumped()
            || fs::read_dir(world.path(""))
                .unwrap()
                .any(|entry| entry.unwrap().file_name().to_str().unwrap().starts_with("core"));
        assert_eq!(status.signal(), Some(Signal::SIGSEGV as i32), "{status:?}");
        let _ = fs::remove_file(world.path("seen"));
        let _ = fs::remove_file(world.path("core"));
        (soft, seen, dumped)
    };
    assert_eq!(run(world.inject(["-c", "c.json", "--", "true"])), ("0".to_owned(), false, false));

    // Another program in the place of inject can be dumped and looked into, where the machine lets it.
    let (soft, seen, dumped) = run(world.run("sh", ["-c", "./helper; true"]));
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE).unwrap();
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    assert!(seen);
    assert_eq!(soft == "0", hard == 0);
    if hard > 1 << 24 && pattern.trim() == "core" {
        assert!(dumped, "there are no core dumps here, whatever inject does");
    }
}

#[test]
fn the_command_has_the_core_limit_that_was_given() {
    let world = World::new();
    world.file("c.json", json!({ "environment_variables": { "V": "$<env:HOME>" } }).to_string());
    let limits = ["sh", "-c", "ulimit -S -c; ulimit -H -c"];
    let given = world.run(limits[0], &limits[1..]).dumping().done().quiet();
    let got = world.inject(["-c", "c.json", "--"].iter().chain(&limits)).dumping().done().quiet();
    assert_eq!(got.text(), given.text());
}

/// A store with one secret, which so is on a disk encrypted only, and places on a disk for whoever
/// would write one there.
fn sealed() -> World {
    let world = World::with_store();
    world.add("n", Canary::new(0).text());
    world.file("disk/empty", "").mode("disk", 0o700);
    let kind = statfs(&world.path("")).unwrap().filesystem_type();
    assert!(kind != TMPFS_MAGIC, "the directory of the tests is in memory, where this shows nothing; it needs a disk");
    world
}

/// A launch with the secret in files, two ways.
fn with_files(world: &World, number: usize, method: Method, command: &[&str]) -> Inject {
    let link = world.path(&format!("link-{number}-{method:?}"));
    let files = json!({ "a": "$<local:n>", link.to_str().unwrap(): "$<local:n>" });
    world.file("c.json", json!({ "files": files }).to_string());
    let inject = world.inject(["-c", "c.json", "--"].iter().chain(command)).by(method);
    let places = ["TMPDIR", "RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"];
    places.into_iter().fold(inject, |inject, name| inject.env(name, world.path("disk")))
}

/// Starts launches and has each end by a signal, at moments spread over what a launch takes and as
/// long again.
fn end_at_random(world: &World, method: Method, count: usize, signals: &[Signal], mut ended: impl FnMut(&Running)) {
    let start = Instant::now();
    with_files(world, 0, method, &["true"]).done().quiet();
    let twice = start.elapsed() * 2;
    for (number, moment) in moments(twice, count).enumerate() {
        let mut child = Running(with_files(world, number + 1, method, &["sleep", "1000"]).dumping().start());
        std::thread::sleep(moment);
        child.end(signals[number % signals.len()]);
        ended(&child);
    }
}

/// Moments up to this one, from a small generator, so that a failure can be repeated.
fn moments(last: Duration, count: usize) -> impl Iterator<Item = Duration> {
    let mut state: u64 = 7;
    (0..count).map(move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        last.mul_f64((state >> 40) as f64 / (1_u64 << 24) as f64)
    })
}

#[test]
fn killed_at_any_moment_no_secret_is_on_a_disk_and_the_next_launch_clears_the_rest() {
    let (world, began) = (sealed(), SystemTime::now());
    let mut killed = Vec::new();
    for method in methods() {
        end_at_random(&world, method, 200 / methods().len(), &[Signal::SIGKILL], |child| {
            assert_not_below(&world.path(""), began);
            killed.push(format!("inject-{}-", child.pid()));
        });
    }
    for directory in ["/tmp", "/var/tmp", "/run"] {
        if statfs(directory).is_ok_and(|place| place.filesystem_type() != TMPFS_MAGIC) {
            assert_not_below(Path::new(directory), began);
        }
    }
    with_files(&world, 1000, Method::Directory, &["true"]).done().quiet();
    let left = || {
        let names = ["/run", "/dev/shm"].into_iter().filter_map(|place| fs::read_dir(place).ok()).flatten().flatten();
        names.filter(|name| killed.iter().any(|of| name.file_name().to_str().is_some_and(|name| name.starts_with(of))))
    };
    eventually("what the killed left is removed", || left().next().is_none());
}

/// As far as core(5) leaves dumps in the working directory; that there is none, wherever it
/// leads, is what [`while_a_launch_holds_secrets_it_cannot_be_dumped_or_looked_into`] is about.
#[test]
fn crashed_at_any_moment_no_core_dump_holds_a_secret() {
    let (world, began) = (sealed(), SystemTime::now());
    for method in methods() {
        end_at_random(&world, method, 100 / methods().len(), &[Signal::SIGABRT, Signal::SIGSEGV], |_| {
            assert_not_below(&world.path(""), began);
        });
    }
}

/// No file below this directory that was made or changed since then holds the secret. What cannot be
/// read, or is gone by now, is nothing of ours.
fn assert_not_below(directory: &Path, since: SystemTime) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(found) = path.symlink_metadata() else { continue };
        if found.is_dir() {
            assert_not_below(&path, since);
        } else if found.is_file() && found.modified().unwrap() + Duration::from_secs(1) > since {
            let bytes = fs::read(&path).unwrap_or_default();
            assert!(!is_any_in(&[&Canary::new(0), &Canary::new(0).base64()], &bytes), "{}", path.display());
        }
    }
}

/// All that a command can find out about itself and the launch: its arguments and environment, what
/// its descriptors and files hold.
const ALL: &str = "cat /proc/$$/cmdline /proc/$$/environ; find \"$INJECT_FILES\" -type f -exec cat {} +; \
    for fd in /proc/$$/fd/*; do case $(readlink \"$fd\") in /*|*memfd*) cat \"$fd\";; esac; done 2>&1";

#[test]
fn a_login_reaches_the_command_only_where_keep_names_it() {
    let sources = Sources::new();
    let secret: &dyn Needle = &sources.secret;
    let credential = |name: Option<&str>| {
        let identity =
            name.map_or(json!({ "kind": "local" }), |name| json!({ "kind": "local", "identity": { "env": name } }));
        json!({
            "stores": { "l": identity },
            "files": { "a": "$<l:plain>", },
            "environment_variables": { "V": "$<l:plain>", "D": { "value": "$<l:plain>", "as": "fd" } },
        })
    };
    let run = |targets: &Value, options: &[&str], variables: &[(&str, &str)], method| -> Outcome {
        let arguments: Vec<_> = options.iter().chain(&["--", "sh", "-c", ALL]).copied().collect();
        let inject = sources.inject(targets, &arguments).by(method);
        variables.iter().fold(inject, |inject, (name, value)| inject.env(name, value)).done()
    };
    let own = [("OWN", sources.key.as_str())];
    let file = [("INJECT_IDENTITY", ""), ("INJECT_IDENTITY_FILE", IDENTITY)];
    for method in methods() {
        for (targets, options, variables, kept) in [
            (credential(None), &[][..], &[][..], false),
            (credential(Some("INJECT_IDENTITY")), &[], &[], false),
            // INJECT_IDENTITY is removed too where it is not what opens the store.
            (credential(Some("OWN")), &[], &own, false),
            (credential(None), &[], &file, false),
            (credential(Some("OWN")), &["--keep", "OWN"], &own, true),
            (credential(None), &["--keep", "INJECT_*"], &[], true),
            (credential(None), &["--pristine", "--keep", "PATH"], &[], false),
        ] {
            let done = run(&targets, options, variables, method);
            assert_eq!(done.status, Some(0), "{done:?}");
            assert_eq!(is_any_in(&[secret], &done.out), kept, "{options:?} {variables:?} {method:?}");
            let value = sources.all[1].canary.text();
            let count = done.out.windows(value.len()).filter(|window| *window == value.as_bytes()).count();
            assert_eq!(
                count,
                3,
                "as a variable, in the file, in the descriptor: {}",
                String::from_utf8_lossy(&done.out)
            );
        }
    }
    let done = run(&credential(None), &[], &file, Method::Directory);
    assert!(is_any_in(&[&"INJECT_IDENTITY_FILE=.config/inject/identity".to_owned()], &done.out));
}

#[test]
fn the_command_has_the_descriptors_that_were_given_and_those_it_asked_for() {
    let sources = Sources::new();
    let descriptors = |inject: Inject| -> Vec<String> {
        let done = inject.with(|command| _ = command.stdin(Stdio::null())).done().quiet();
        let lines = done.text().lines().filter(|line| line.starts_with("fd "));
        lines.map(|line| line.split("pipe:[").next().unwrap().to_owned()).collect()
    };
    let probe = probe().to_str().unwrap();
    let given = descriptors(sources.world.run(probe, [""; 0]));
    assert!(given.len() >= 3, "{given:?}");
    let all = sources.targets("f", |reference| json!(reference));
    for targets in [json!({ "environment_variables": all }), json!({ "files": all })] {
        for method in methods() {
            assert_eq!(descriptors(sources.inject(&targets, &["--", probe]).by(method)), given);
        }
    }
    let asked = json!({ "environment_variables": { "D": { "value": "$<l:plain>", "as": "fd" } } });
    let got = descriptors(sources.inject(&asked, &["--", probe]));
    assert_eq!(got.len(), given.len() + 1, "{got:?}");
    assert!(got.iter().any(|line| line.contains("memfd:inject")), "{got:?}");
}
