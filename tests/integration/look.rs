//! check, plan, stores and doctor: what they say, and that they leave everything alone.

use crate::harness::World;
use serde_json::Value;

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
    assert!(findings.iter().any(|finding| finding["name"] == "files"));
    let all_good = findings.iter().all(|finding| finding["good"] == true);
    let strict = world.inject(["doctor", "--strict"]).done();
    assert_eq!(strict.status, Some(if all_good { 0 } else { 125 }));
}

#[test]
fn a_closed_standard_output_is_an_error_and_no_panic() {
    let world = World::new();
    let done =
        world.run("sh", ["-c", "\"$P\" doctor >/dev/full; echo $? >&2"]).env("P", crate::harness::PROGRAM).done();
    assert!(done.err.contains("standard output") && done.err.ends_with("125\n"), "{}", done.err);
}
