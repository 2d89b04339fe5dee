//! check, plan, stores and doctor: what they say, and that they leave everything alone.

use crate::harness::{IDENTITY, World};
use serde_json::{Value, json};
use std::fs;
use std::process::Child;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A world whose only store tells when it is asked.
fn told() -> World {
    let world = World::new();
    world.script("helper", "#!/bin/sh\ntouch asked\necho value\n");
    world.file(
        "c.json",
        r#"{"stores": {"h": {"kind": "exec", "command": ["./helper"]}},
 "secret_map": {"A": "$<h:a>", "B": "x$<pods:secrets:A>", "UNUSED": "$<h:u>"},
 "environment_variables": {"V": "$<pods:secrets:B|trim>", "W": "$<h:a> $<h:w>", "PLAIN": "p"}}"#,
    );
    world
}

#[test]
fn check_says_ok_without_asking_a_store() {
    let world = told();
    let done = world.inject(["check", "-c", "c.json"]).done();
    assert_eq!((done.status, done.text()), (Some(0), "ok: 3 variables, 0 files, 2 secrets from h\n"));
    assert!(done.err.contains("secret_map.UNUSED (c.json:2:") && done.err.contains("nothing refers"), "{}", done.err);
    assert!(!world.exists("asked"));
}

#[test]
fn check_tells_every_failure_as_json_and_ends_with_125() {
    let world = told();
    let done =
        world.inject(["check", "--json", "-c", "c.json", "-e", "X=$<pods:secrets:NO>", "--", "no-such-command"]).done();
    let report = json(done.text());
    assert_eq!((done.status, report["ok"].as_bool()), (Some(125), Some(false)));
    let codes: Vec<_> =
        report["failures"].as_array().unwrap().iter().map(|failure| failure["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["reference", "launch"]);
    assert_eq!(report["failures"][0]["reference"], "$<pods:secrets:NO>");
    let alone = world.inject(["check", "-c", "c.json", "--", "no-such-command"]).done();
    assert_eq!(alone.status, Some(125), "127 is for a command that was to run");
    world.file("bad.json", "{");
    let done = world.inject(["check", "--json", "-c", "bad.json"]).done();
    assert_eq!(json(done.text())["failures"][0]["code"], "config");
    assert_eq!(done.status, Some(125));
}

#[test]
fn check_warns_of_what_only_looks_like_a_reference() {
    let world = World::new();
    let texts = r#"{"environment_variables": {"A": "${Secret:x}", "B": "{secret:x}", "C": "$(pods:url)", "D": "${ secret:x}", "E": "${pods:default:v}"}}"#;
    let done = world.inject(["check", "--json", "-c", "-"]).input(texts).done().quiet();
    let report = json(done.text());
    let warned: Vec<_> =
        report["warnings"].as_array().unwrap().iter().map(|warning| warning["place"].as_str().unwrap()).collect();
    assert_eq!(warned.len(), 4, "{warned:?}");
    for (place, name) in warned.iter().zip(["A", "B", "C", "D"]) {
        assert!(place.starts_with(&format!("environment_variables.{name} ")), "{place}");
    }
}

#[test]
fn plan_shows_where_everything_comes_from_and_asks_nobody() {
    let world = told();
    world.file("later.json", r#"{"environment_variables": {"PLAIN": "q"}}"#);
    let run =
        world.inject(["plan", "--json", "-c", "c.json", "-c", "later.json", "--", "env", "-0"]).env("W", "inherited");
    let report = json(run.done().quiet().text());
    assert_eq!(report["command"], serde_json::json!(["env", "-0"]));
    assert_eq!((report["mode"].as_str(), &report["files"]), (Some("exec"), &Value::Null));
    assert_eq!(report["unused"], serde_json::json!(["UNUSED"]));
    let targets = report["targets"].as_array().unwrap();
    let target = |name: &str| targets.iter().find(|target| target["name"] == name).unwrap();
    assert_eq!(target("V")["references"], serde_json::json!(["$<pods:secrets:B|trim>", "$<pods:secrets:A>", "$<h:a>"]));
    assert_eq!((target("V")["store"].as_str(), target("V")["delivery"].as_str()), (Some("h"), Some("environment")));
    assert_eq!(target("W")["shadows"], serde_json::json!(["environment W"]));
    assert_eq!(target("PLAIN")["layer"], "later.json");
    assert_eq!(target("PLAIN")["store"], Value::Null);
    assert!(target("PLAIN")["shadows"][0].as_str().unwrap().contains("c.json:3:"));
    let text = world.inject(["plan", "-c", "c.json"]).done().quiet();
    for piece in ["mode     exec", "$<h:a>", "environment_variables.W", "unused   UNUSED", "not exported"] {
        assert!(text.text().contains(piece), "no {piece:?} in {}", text.text());
    }
    assert!(!world.exists("asked"));
}

#[test]
fn stores_lists_kinds_and_what_is_wrong() {
    let world = told();
    let report = json(world.inject(["stores", "--json", "-c", "c.json"]).done().quiet().text());
    assert_eq!((report["default"].as_str(), report["stores"][0]["kind"].as_str()), (Some("h"), Some("exec")));
    let kinds: Vec<_> = report["kinds"].as_array().unwrap().iter().map(|kind| kind["name"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["local", "dir", "env", "exec", "tapis", "apolo", "cloudify", "qovery", "juju"]);
    let done = world.inject(["stores", "-c", "-"]).input(r#"{"stores": {"x": {"kind": "nope"}}}"#).done();
    assert_eq!(done.status, Some(125));
    assert!(done.err.contains("stores.x.kind"), "{}", done.err);
}

#[test]
fn doctor_reports_and_fails_only_when_strict() {
    let world = World::new();
    let done = world.inject(["doctor", "--json"]).done().quiet();
    let report = json(done.text());
    let findings = report["findings"].as_array().unwrap();
    let names: Vec<_> = findings.iter().map(|finding| finding["name"].as_str().unwrap()).collect();
    let all = ["files", "swap", "locked memory", "core dumps", "identity", "other processes", "tracing", "descriptors"];
    assert!(all.iter().all(|name| names.contains(name)), "{names:?}");
    for finding in findings {
        assert_eq!(finding["good"] == true, finding["remedy"].is_null(), "{finding}");
    }
    let all_good = findings.iter().all(|finding| finding["good"] == true);
    let strict = world.inject(["doctor", "--strict"]).done();
    assert_eq!(strict.status, Some(if all_good { 0 } else { 125 }));
}

type Variables<'a> = &'a [(&'a str, &'a str)];

/// What doctor says of the first identity it looks at.
fn identity(world: &World, arguments: &[&str], environment: Variables<'_>) -> Value {
    let doctor = world.inject([&["doctor", "--json"], arguments].concat());
    let doctor = environment.iter().fold(doctor, |doctor, (name, value)| doctor.env(name, value));
    let report = json(doctor.done().quiet().text());
    report["findings"].as_array().unwrap().iter().find(|finding| finding["name"] == "identity").unwrap().clone()
}

#[test]
fn doctor_finds_the_identity_that_a_launch_would_use_and_how_to_close_it() {
    let world = World::with_store();
    let path = |name: &str| world.path(name).to_str().unwrap().to_owned();
    for name in ["credentials/inject_identity", "named", "configured"] {
        world.file(name, fs::read(world.path(IDENTITY)).unwrap()).mode(name, 0o600);
    }
    let store = json!({ "kind": "local", "identity": "configured" });
    world.file("c.json", json!({ "stores": { "l": store } }).to_string());
    let credentials = path("credentials");
    let cases: [(&str, &[&str], Variables<'_>); 4] = [
        (IDENTITY, &[], &[]),
        ("credentials/inject_identity", &[], &[("CREDENTIALS_DIRECTORY", &credentials)]),
        ("named", &[], &[("CREDENTIALS_DIRECTORY", &credentials), ("INJECT_IDENTITY_FILE", "named")]),
        ("configured", &["-c", "c.json"], &[("INJECT_IDENTITY_FILE", "named")]),
    ];
    for (file, arguments, environment) in cases {
        let good = identity(&world, arguments, environment);
        assert!(good["good"] == true && good["remedy"].is_null(), "{good}");
        assert!(good["found"].as_str().unwrap().contains(&format!("{file}, of ")), "{good}");
        world.mode(file, 0o644);
        let weak = identity(&world, arguments, environment);
        assert!(weak["good"] == false && weak["found"].as_str().unwrap().ends_with("mode 0644"), "{weak}");
        let remedy = weak["remedy"].as_str().unwrap();
        assert!(remedy.starts_with("chmod 600 ") && remedy.ends_with(file), "{remedy}");
        world.run("sh", ["-c", remedy]).done().quiet();
        assert_eq!(identity(&world, arguments, environment), good);
    }
    let gone = identity(&world, &[], &[("INJECT_IDENTITY_FILE", "gone")]);
    assert!(gone["good"] == false && gone["found"].as_str().unwrap().contains("gone"), "{gone}");
    let variable = identity(&world, &[], &[("INJECT_IDENTITY", "AGE-SECRET-KEY-1HUNTER2")]);
    assert!(variable["good"] == true && !variable.to_string().contains("HUNTER2"), "{variable}");
    world.file("broken.json", "{");
    let broken = identity(&world, &["-c", "broken.json"], &[]);
    assert!(broken["good"] == false && broken["found"].as_str().unwrap().contains("broken.json"), "{broken}");
}

/// A process that does not outlive its test.
struct Sleeper(Child);

impl Sleeper {
    fn start(world: &World) -> Self {
        Self(world.run("sleep", ["1000.0451"]).env("CANARY", "hunter2").start())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn doctor_tells_who_reads_a_process_and_shows_nothing_of_what_it_holds() {
    let world = World::new();
    let (held, other) = (Sleeper::start(&world), Sleeper::start(&world));
    let pid = held.0.id().to_string();
    let done = world.inject(["doctor", "--json", "--pid", &pid]).done().quiet();
    let report = json(done.text());
    assert_eq!((report["pid"].as_u64(), report["name"].as_str()), (Some(held.0.id().into()), Some("sleep")));
    let readers = report["readers"].as_array().unwrap();
    let reader = readers.iter().find(|reader| reader["pid"] == other.0.id()).unwrap();
    assert_eq!((&reader["why"], &reader["user"]), (&json!("same user"), &report["user"]));
    assert!(reader["reads"].as_array().unwrap().contains(&json!("environment")), "{reader}");
    assert!(readers.iter().all(|reader| reader["pid"] != held.0.id()), "{report}");
    let finding = |name: &str| {
        let findings = report["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["name"] == name).unwrap().clone()
    };
    assert!(finding("other processes")["remedy"].as_str().unwrap().contains("DynamicUser=yes"));
    assert_eq!(finding("swap")["good"], json!(finding("swap")["found"].as_str().unwrap().starts_with("0 KiB")));
    let text = world.inject(["doctor", "--strict", "--pid", &pid]).done();
    assert_eq!(text.status, Some(125));
    assert!(text.text().starts_with(&format!("process {pid}, sleep, of user ")), "{}", text.text());
    for shown in [done.text(), text.text()] {
        assert!(!shown.contains("hunter2") && !shown.contains("1000.0451"), "{shown}");
    }
}

#[test]
fn doctor_says_which_process_it_cannot_look_at_and_why() {
    let world = World::new();
    for bad in ["", "x", "0", "+1", "1.5", "99999999999"] {
        let pid = format!("--pid={bad}");
        world.inject(["doctor", &pid]).done().fails(125, &["--pid", "number"]);
    }
    world.inject(["doctor", "--pid"]).done().fails(125, &["--pid"]);
    // The highest number that a process may have is one less.
    world.inject(["doctor", "--pid", "4194304"]).done().fails(125, &["no process 4194304", "ps -e"]);
    let (told, ask) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            told.send(nix::unistd::gettid()).unwrap();
            let _ = ended.recv();
        });
        let thread = ask.recv().unwrap().to_string();
        let process = format!("--pid {}", std::process::id());
        world.inject(["doctor", "--pid", &thread]).done().fails(125, &["is a thread", &process]);
        drop(end);
    });
    let mut zombie = world.run("true", [""; 0]).start();
    while !fs::read_to_string(format!("/proc/{}/stat", zombie.id())).unwrap().contains(") Z ") {
        std::thread::yield_now();
    }
    world.inject(["doctor", "--pid", &zombie.id().to_string()]).done().fails(125, &["has ended"]);
    zombie.wait().unwrap();
}

#[test]
fn a_closed_standard_output_is_an_error_and_no_panic() {
    let world = World::new();
    let done =
        world.run("sh", ["-c", "\"$P\" doctor >/dev/full; echo $? >&2"]).env("P", crate::harness::PROGRAM).done();
    assert!(done.err.contains("standard output") && done.err.ends_with("125\n"), "{}", done.err);
}
