//! Becoming the command: statuses, and that it inherits exactly what was given.

use crate::harness::{World, probe};
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

#[test]
fn the_status_is_the_commands_own() {
    let world = World::new();
    for status in [0, 1, 77, 255] {
        assert_eq!(world.inject(["-q", "--", "sh", "-c", &format!("exit {status}")]).done().status, Some(status));
    }
    assert_eq!(world.inject(["-q", "--", "sh", "-c", "kill -KILL $$"]).done().signal, Some(9));
}

#[test]
fn commands_that_cannot_run_have_their_own_statuses_and_messages() {
    let world = World::new();
    world.file("data", "no program").file("words", "just words\n").mode("words", 0o755);
    world.script("lost", "#!/nowhere/sh\n").script("ok", "#!/bin/sh\necho \"$0\" \"$@\"\n");
    let run = |command: &str| world.inject(["-q", "--", command, "x"]).done();
    run("nowhere-to-be-found").fails(127, &["nowhere-to-be-found", "PATH"]);
    run("./nowhere").fails(127, &["./nowhere", "not found"]);
    run("").fails(127, &["empty"]);
    run("/etc").fails(126, &["/etc", "directory"]);
    run("./data").fails(126, &["./data", "chmod +x"]);
    run("./words").fails(126, &["./words", "Exec format error"]);
    run("./lost").fails(126, &["./lost", "/nowhere/sh"]);
    assert_eq!(run("./ok").quiet().text(), "./ok x\n");
}

#[test]
fn the_command_is_searched_for_in_the_path_it_will_have() {
    let world = World::new();
    world.script("bin/tool", "#!/bin/sh\necho found\n").file("other/tool", "no");
    let path = format!("PATH={}:{}", world.path("other").display(), world.path("bin").display());
    assert_eq!(world.inject(["-e", &path, "--", "tool"]).done().quiet().text(), "found\n");
    world.inject(["-q", "--", "tool"]).done().fails(127, &["tool", "/usr/bin"]);
    world.inject(["-q", "-e", "PATH=$<env:HOME>", "--", "tool"]).done().fails(125, &["PATH", "reference"]);
    assert_eq!(world.inject(["-q", "--pristine", "--", "true"]).done().status, Some(0), "/bin:/usr/bin without a PATH");
    world.file(
        "map.json",
        r#"{"secret_map": {"DIR": "/usr/bin"}, "environment_variables": {"PATH": "/nowhere:$<pods:secrets:DIR>"}}"#,
    );
    world.inject(["-c", "map.json", "--", "true"]).done().quiet();
}

#[test]
fn a_command_that_is_not_there_is_told_before_any_store_is_asked() {
    let world = World::new();
    world.script("helper", "#!/bin/sh\ntouch asked\necho value\n");
    world.file(
        "c.json",
        r#"{"stores": {"h": {"kind": "exec", "command": ["./helper"]}}, "environment_variables": {"A": "$<h:x>"}}"#,
    );
    world.inject(["-c", "c.json", "--", "nowhere-to-be-found"]).done().fails(127, &["nowhere-to-be-found"]);
    assert!(!world.exists("asked"));
}

#[test]
fn usage_errors_say_what_to_write() {
    let world = World::new();
    world.inject(["./app"]).done().fails(125, &["inject [OPTIONS] -- ./app"]);
    world.inject(["--nope", "--", "true"]).done().fails(125, &["--nope", "--help"]);
    world.inject::<&str>([]).done().fails(125, &["no command", "--"]);
    world.inject(["--mode", "later", "--", "true"]).done().fails(125, &["later", "exec"]);
    world.inject(["-e", "=x", "--", "true"]).done().fails(125, &["-e NAME=TEMPLATE"]);
    world.inject(["-f", "x", "--", "true"]).done().fails(125, &["-f PATH=TEMPLATE"]);
}

#[test]
fn failures_have_stable_codes_in_json() {
    let world = World::new();
    let done = world.inject(["--log-format", "json", "-e", "A=$<pods:secrets:X>", "--", "nowhere-to-be-found"]).done();
    let lines: Vec<serde_json::Value> = done.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let codes: Vec<_> = lines.iter().map(|line| line["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["reference", "launch"], "{}", done.err);
    assert_eq!((lines[0]["place"].as_str(), lines[0]["reference"].as_str()), (Some("-e A"), Some("$<pods:secrets:X>")));
}

#[test]
fn usage_errors_are_in_the_form_that_was_asked_for() {
    let world = World::new();
    let code = |arguments: &[&str], form: &str| {
        let done = world.inject(arguments).env("INJECT_LOG_FORMAT", form).done();
        assert_eq!(done.status, Some(125));
        serde_json::from_str::<serde_json::Value>(&done.err).ok().map(|line| line["code"].clone())
    };
    let config = Some("config".into());
    for typed in [&["--log-format", "json"][..], &["--log-format=json"], &["-q", "plan", "--log-format=json"]] {
        assert_eq!(code(&[typed, &["--umask", "rwx"]].concat(), "text"), config, "{typed:?}");
        assert_eq!(code(&[typed, &["--nope"]].concat(), "text"), config, "{typed:?}");
    }
    assert_eq!(code(&["./app"], "json"), config);
    assert_eq!(code(&["--log-format", "text", "--nope"], "json"), None);
    assert_eq!(code(&["--nope", "--", "--log-format", "json"], "text"), None);
    assert_eq!(code(&["--nope", "--log-format"], "text"), None);
}

#[test]
fn the_configurations_own_command_runs_where_none_is_typed() {
    let world = World::new();
    world.file("pod.json", r#"{"command": ["echo", "a"], "arguments": ["b c"]}"#);
    assert_eq!(world.inject(["-c", "pod.json"]).done().quiet().text(), "a b c\n");
    assert_eq!(world.inject(["-c", "pod.json", "--", "echo", "typed"]).done().quiet().text(), "typed\n");
}

#[test]
fn references_in_arguments_need_leave() {
    let world = World::new();
    let run = |arguments: &[&str]| world.inject(arguments).env("WORD", "w").done();
    run(&["-q", "--", "echo", "a", "$<env:WORD>"]).fails(125, &["argument 2", "--allow-args"]);
    assert_eq!(run(&["-q", "--allow-args", "--", "echo", "<$<env:WORD>>"]).quiet().text(), "<w>\n");
    run(&["--allow-args", "--", "echo", "$<env:GONE>"]).fails(125, &["argument of the command 1", "not found"]);
    assert_eq!(run(&["-q", "--", "echo", "$<not:a reference>", "$<"]).quiet().text(), "$<not:a reference> $<\n");
}

/// The report of a program that is run in odd surroundings, by itself or by a launcher.
pub(crate) fn report(world: &World, odd: &str, launcher: &str) -> String {
    let script = format!("{odd}; exec {launcher} \"$PROBE\" one 'two 2'");
    let run = world.run("sh", ["-c", script.as_str()]).env("PROBE", probe()).env("PROGRAM", crate::harness::PROGRAM);
    let mut command = run.with(|command| {
        command.stdin(Stdio::null()).process_group(0);
    });
    command = command.env("LISTEN_FDS", "1");
    let done = command.done();
    // Pipes have numbers of their own in each run.
    let steady = |line: &&str| !["pid", "ppid", "pgid", "sid", "pgrp"].iter().any(|word| line.starts_with(word));
    let lines = done.text().lines().filter(steady);
    lines.map(|line| format!("{}\n", line.split("pipe:[").next().unwrap())).collect()
}

#[test]
fn the_command_inherits_exactly_what_was_given() {
    for odd in [
        ":",
        "umask 027; ulimit -n 77; ulimit -c 0; cd /",
        "trap '' PIPE; trap '' TERM; exec 7</dev/null 9>&7",
        "exec <&-",
        "exec 0<&- 3</dev/zero",
        "ulimit -S -c 100",
    ] {
        let world = World::new();
        let without = report(&world, odd, "");
        assert!(without.len() > 100, "the probe says nothing: {without}");
        assert_eq!(report(&world, odd, "\"$PROGRAM\" -q --"), without, "{odd}");
    }
}
