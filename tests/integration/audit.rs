//! The local store's audit log: who did what with which secret, and never a value.

use crate::harness::{Outcome, STORE, World};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const LOG: &str = ".local/share/inject/secrets.age.audit";

/// Each line of the log: its verb, secret and outcome.
#[track_caller]
fn lines(world: &World) -> Vec<(String, String, String)> {
    let member = |line: &Value, name: &str| line[name].as_str().unwrap_or("-").to_owned();
    records(world).iter().map(|line| (member(line, "verb"), member(line, "secret"), member(line, "outcome"))).collect()
}

#[track_caller]
fn records(world: &World) -> Vec<Value> {
    let text = fs::read_to_string(world.path(LOG)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?} is no JSON"))).collect()
}

/// As [`lines`] has them.
#[track_caller]
fn assert_lines(world: &World, expected: &[[&str; 3]]) {
    let lines = lines(world);
    let lines: Vec<[&str; 3]> = lines.iter().map(|(verb, secret, outcome)| [&**verb, secret, outcome]).collect();
    assert_eq!(lines, expected);
}

/// Without what was there before.
fn forget(world: &World) {
    fs::remove_file(world.path(LOG)).unwrap();
}

#[track_caller]
fn run(world: &World, words: &str, input: &str) {
    let words: Vec<&str> = words.split_whitespace().collect();
    world.secret(&words).input(input).done().quiet();
}

#[test]
fn every_write_and_every_value_shown_leaves_one_line_and_no_value() {
    let world = World::with_store();
    run(&world, "add db --description about-hunter2", "hunter2");
    run(&world, "update db", "hunter2-new");
    run(&world, "get db@1", "");
    run(&world, "add db --scope /shop --readable=false", "hunter2");
    run(&world, "get db", "");
    run(&world, "alias db DATABASE --scope /shop/prod", "");
    world.secret(&["get", "db", "--scope", "/shop/prod"]).done().fails(125, &["readable=false"]);
    run(&world, "override db --scope /shop/prod", "hunter2");
    run(&world, "grant db api", "");
    run(&world, "revoke db api", "");
    run(&world, "import", r#"{"one": "hunter2", "two": "hunter2"}"#);
    run(&world, "export one two", "");
    run(&world, "rm one two --yes", "");
    run(&world, "rm db@1 --yes", "");
    for nothing in ["list", "show db", "history db"] {
        run(&world, nothing, "");
    }
    let expected = [
        ["init", "-", "allowed"],
        ["add", "db", "allowed"],
        ["update", "db", "allowed"],
        ["get", "db@1", "allowed"],
        ["add", "/shop/db", "allowed"],
        ["get", "db", "allowed"],
        ["alias", "/shop/prod/DATABASE", "allowed"],
        ["get", "/shop/db", "not_readable"],
        ["override", "/shop/prod/db", "allowed"],
        ["grant", "db", "allowed"],
        ["revoke", "db", "allowed"],
        ["import", "one", "allowed"],
        ["import", "two", "allowed"],
        ["export", "one", "allowed"],
        ["export", "two", "allowed"],
        ["rm", "one", "allowed"],
        ["rm", "two", "allowed"],
        ["rm", "db@1", "allowed"],
    ];
    assert_lines(&world, &expected);
    assert!(
        !fs::read_to_string(world.path(LOG)).unwrap().contains("hunter2"),
        "a value or a description is in the log"
    );
    assert_eq!(fs::metadata(world.path(LOG)).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn what_goes_along_with_a_secret_has_a_line_too() {
    let world = World::with_store();
    run(&world, "add db", "1");
    run(&world, "override db --scope /shop", "2");
    run(&world, "alias db DATABASE --scope /shop", "");
    forget(&world);
    run(&world, "update db --new-name data", "");
    run(&world, "rm data --yes", "");
    assert_lines(
        &world,
        &[
            ["update", "db", "allowed"],
            ["update", "data", "allowed"],
            ["update", "/shop/data", "allowed"],
            ["rm", "data", "allowed"],
            ["rm", "/shop/DATABASE", "allowed"],
            ["rm", "/shop/data", "allowed"],
        ],
    );
}

#[test]
fn a_line_says_when_and_who() {
    let world = World::with_store();
    let id = |option: &str| world.run("id", [option]).done().quiet().text().trim().to_owned();
    let line = &records(&world)[0];
    assert_eq!((&line["user"], line["uid"].to_string()), (&json!(id("-un")), id("-u")));
    let time = line["time"].as_str().unwrap();
    assert!(time.len() == 20 && time.starts_with("20") && time.ends_with('Z'), "{time} is no time in UTC");
    assert_eq!(line.get("application"), None);
}

#[test]
fn a_log_that_was_moved_away_is_made_anew() {
    let world = World::with_store();
    world.add("one", "1");
    let moved = format!("{LOG}.1");
    fs::rename(world.path(LOG), world.path(&moved)).unwrap();
    let before = fs::read(world.path(&moved)).unwrap();
    world.add("two", "2");
    assert_lines(&world, &[["add", "two", "allowed"]]);
    assert_eq!(fs::read(world.path(&moved)).unwrap(), before);
}

#[test]
fn a_write_that_failed_has_no_line_that_says_it_was_done() {
    let world = World::with_store();
    world.add("n", "1");
    forget(&world);
    // In the way of the new file.
    world.file(&format!("{STORE}.new/x"), "");
    world.secret(&["update", "n"]).input("2").done().fails(125, &["could not be written"]);
    world.secret(&["update", "none", "--description", "d"]).done().fails(125, &["no secret `none`"]);
    assert_lines(&world, &[["update", "n", "unavailable"]]);
}

#[test]
fn an_unwritable_log_stops_writes_and_values_shown_but_no_launch() {
    let world = World::with_store();
    world.add("n", "1");
    world.file("inject.json", r#"{"stores": {"local": {"kind": "local", "audit_reads": true}}}"#);
    forget(&world);
    world.file(&format!("{LOG}/x"), "");
    let before = fs::read(world.path(STORE)).unwrap();
    for words in ["add m", "update n", "rm n --yes", "import", "grant n api", "alias n m --scope /a", "get n", "export"]
    {
        let words: Vec<&str> = words.split_whitespace().collect();
        let done = world.secret(&words).input(r#"{"m": "1"}"#).done();
        done.fails(125, &["the audit log", "secrets.age.audit could not be written", "launches go on"]);
        assert!(fs::read(world.path(STORE)).unwrap() == before, "{words:?} wrote");
    }
    // Each says so once.
    let warned = |launch: Outcome| {
        assert_eq!((launch.status, launch.err.lines().count()), (Some(0), 1), "{launch:?}");
        for piece in ["inject: warning: store local (local): ", "the audit log", "could not be written"] {
            assert!(launch.err.contains(piece), "no {piece:?} in {:?}", launch.err);
        }
        launch
    };
    let launch = world.inject(["-e", "V=$<secret:n>", "--", "printenv", "V"]);
    assert_eq!(warned(launch.done()).text(), "1\n");
    world.inject(["-q", "-e", "V=$<secret:n>", "--", "true"]).done().quiet();
    world.file("random.json", r#"{"secret_map": {"R": "$<pods:random:8>"}}"#);
    let launch = world.inject(["-c", "inject.json", "-c", "random.json", "--", "printenv", "R"]);
    assert_eq!(warned(launch.done()).text().len(), 9);
    // A store with a secret that is a file is asked twice.
    fs::rename(world.path(LOG), world.path("away")).unwrap();
    run(&world, &format!("add key --mount-path {}", world.path("key").display()), "2");
    fs::rename(world.path(LOG), world.path("log")).unwrap();
    fs::rename(world.path("away"), world.path(LOG)).unwrap();
    let launch = world.inject(["-e", "V=$<secret:key>", "--", "sh", "-c", "cat \"$V\""]);
    assert_eq!(warned(launch.done()).text(), "2");
}

#[test]
fn what_a_launch_reads_leaves_a_line_where_the_store_says_so() {
    let world = World::with_store();
    run(&world, "add n", "hunter2");
    run(&world, "grant n api", "");
    run(&world, "add n --scope /shop", "hunter2");
    run(&world, "add m", "hunter2");
    let launch = |options: &str, template: &str| {
        let variable = format!("V={template}");
        world.inject(options.split_whitespace().chain(["-e", &variable, "--", "true"])).done()
    };
    forget(&world);
    launch("", "$<secret:n>").quiet();
    assert_lines(&world, &[]);

    world.file("inject.json", r#"{"stores": {"local": {"kind": "local", "audit_reads": true}}}"#);
    launch("", "$<secret:n>$<secret:m@1>$<secret:none:-x>").quiet();
    launch("--scope /shop/prod", "$<secret:n>$<secret:m>").quiet();
    launch("--as api", "$<secret:n>$<secret:m>").fails(125, &["not granted"]);
    let mut lines = lines(&world);
    // A plan sorts what it asks for.
    lines[..3].sort();
    lines[3..5].sort();
    lines[5..].sort();
    let lines: Vec<_> = lines.iter().map(|(verb, secret, outcome)| format!("{verb} {secret} {outcome}")).collect();
    let expected = [
        "read m@1 allowed",
        "read n allowed",
        "read none not_found",
        "read /shop/n allowed",
        "read m allowed",
        "read m denied",
        "read n allowed",
    ];
    assert_eq!(lines, expected);
    let applications: Vec<_> = records(&world).iter().map(|line| line["application"].clone()).collect();
    assert_eq!(applications[4..], [json!(null), json!("api"), json!("api")]);
    assert!(!fs::read_to_string(world.path(LOG)).unwrap().contains("hunter2"), "a value is in the log");
}

#[test]
fn a_password_that_a_launch_makes_leaves_a_line() {
    let world = World::with_store();
    forget(&world);
    world.file("inject.json", r#"{"secret_map": {"R": "$<pods:random:8>"}}"#);
    for _ in 0..2 {
        world.inject(["--", "true"]).done().quiet();
    }
    let lines = lines(&world);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].0 == "random" && lines[0].1.ends_with('R') && lines[0].2 == "allowed", "{lines:?}");
}
