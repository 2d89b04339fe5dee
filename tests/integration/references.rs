//! The reference language, as the command sees its results.

use crate::harness::World;

/// What the configuration gives a command that prints V.
#[track_caller]
fn value(config: &str) -> String {
    let world = World::new();
    let done = world.inject(["-c", "-", "--", "sh", "-c", "printf %s \"$V\""]).env("WORD", "w").input(config).done();
    done.quiet().text().to_owned()
}

#[track_caller]
fn refused(config: &str, pieces: &[&str]) {
    let world = World::new();
    world.inject(["-c", "-", "--", "touch", "ran"]).env("WORD", "w").input(config).done().fails(125, pieces);
    assert!(!world.exists("ran"));
}

#[test]
fn both_spellings_stand_anywhere_any_number_of_times() {
    assert_eq!(value(r#"{"environment_variables": {"V": "a$<env:WORD>b$<env:WORD>c"}}"#), "awbwc");
    assert_eq!(
        value(r#"{"secret_map": {"K": "k"}, "environment_variables": {"V": "${pods:secrets:K}$<pods:secrets:K>"}}"#),
        "kk"
    );
    assert_eq!(
        value(r#"{"environment_variables": {"V": "$$<env:WORD> ${HOME} $${x} $x"}}"#),
        "$<env:WORD> ${HOME} $${x} $x"
    );
    assert_eq!(value(r#"{"environment_variables": {"V": "$$$<env:WORD>"}}"#), "$w");
}

#[test]
fn entries_refer_to_one_another_and_circles_are_named() {
    assert_eq!(value(r#"{"secret_map": {"V": "<$<pods:secrets:B>>", "B": "$<pods:secrets:C>!", "C": "c"}}"#), "<c!>");
    refused(r#"{"secret_map": {"A": "$<pods:secrets:B>", "B": "$<pods:secrets:A>"}}"#, &["A -> B -> A", "circle"]);
    refused(r#"{"secret_map": {"A": "$<pods:secrets:AB>", "ABC": "x"}}"#, &["secret_map.A", "no entry `AB`", "`ABC`"]);
}

#[test]
fn references_to_the_same_secret_are_one_request_wherever_they_stand() {
    let config = r#"{
        "secret_map": {"A": "$<env:TWO>", "B": "$<env:ONE>", "C": "$<env:TWO|base64>"},
        "environment_variables": {
            "V": "$<env:THREE> $<env:ONE> $<pods:secrets:C> $<pods:secrets:B> $<pods:secrets:A> $<env:TWO>"
        }
    }"#;
    let world = World::new();
    let launch = |command: &[&str]| {
        let words = [&["-c", "-"], command].concat();
        let launch = world.inject(words).env("ONE", "1").env("TWO", "2").env("THREE", "3").input(config);
        launch.done().quiet().text().to_owned()
    };
    assert_eq!(launch(&["--", "sh", "-c", "printf %s \"$V\""]), "3 1 Mg== 1 2 2");
    assert!(launch(&["check"]).contains("3 secrets"), "{}", launch(&["check"]));
}

#[test]
fn a_store_with_a_wrong_setting_is_told_once_and_not_for_each_reference_to_it() {
    let config = r#"{
        "stores": {"s": {"kind": "dir", "path": 7}}, "default_store": "s",
        "secret_map": {"A": "$<secret:a>", "B": "$<s:b>", "C": "$<s:c@2>", "D": "$<env:GONE>", "E": "$<pods:random:8>"}
    }"#;
    let world = World::new();
    let done = world.inject(["-c", "-", "--", "touch", "ran"]).input(config).done().fails(125, &["stores.s.path"]);
    assert_eq!(done.err.lines().count(), 1, "{}", done.err);
    assert!(!world.exists("ran"));
}

#[test]
fn defaults_stand_in_for_what_does_not_exist_and_for_nothing_else() {
    assert_eq!(value(r#"{"environment_variables": {"V": "$<env:GONE:-a%3Eb>"}}"#), "a>b");
    assert_eq!(
        value(r#"{"environment_variables": {"V": "$<pods:secrets:GONE|base64:-not filtered>"}}"#),
        "not filtered"
    );
    assert_eq!(value(r#"{"secret_map": {"E": ""}, "environment_variables": {"V": "<$<pods:secrets:E:-x>>"}}"#), "<>");
    refused(r#"{"environment_variables": {"V": "$<env:GONE:?ask the admins>"}}"#, &["ask the admins", "$<env:GONE>"]);
    refused(r#"{"environment_variables": {"V": "$<env:GONE>"}}"#, &["environment_variables.V", "not found", "env"]);
    assert_eq!(value(r#"{"secret_map": {"V": "$<pods:default:redis:?host>"}}"#), "redis");
    refused(r#"{"secret_map": {"V": "$<:?the database's host>"}}"#, &["secret_map.V", "the database's host"]);
}

#[test]
fn filters_and_fields_apply_in_order() {
    let config = |reference: &str| {
        let world = World::new();
        world.file("run/json", r#"{"user": "amy", "list": [1, {"k": "a b"}]}"#).file("run/b64", "aGkK\n");
        let config = format!(
            r#"{{"stores": {{"run": {{"kind": "dir", "path": "run"}}}}, "environment_variables": {{"V": "{reference}"}}}}"#
        );
        let done = world.inject(["-c", "-", "--", "sh", "-c", "printf %s \"$V\""]).input(config).done();
        done.quiet().text().to_owned()
    };
    assert_eq!(config("$<run:json#user>"), "amy");
    assert_eq!(config("$<run:json#/list/1/k|urlencode>"), "a%20b");
    assert_eq!(config("$<run:json#/list/1/k|json>"), "\"a b\"");
    assert_eq!(config("$<run:json#list>"), r#"[1,{"k":"a b"}]"#);
    assert_eq!(config("$<run:b64|trim|base64d>"), "hi\n");
    assert_eq!(config("$<secret:b64|base64d|trim|shellquote>"), "'hi'", "the only store is the default one");
}

#[test]
fn malformed_references_are_refused_with_their_place() {
    for (text, piece) in [
        ("$<>", "empty"),
        ("$<env:A", "closing `>`"),
        ("$<env:$<env:A>>", "nest"),
        ("$<nostore>", "names no store"),
        ("$<nowhere:x>", "no store `nowhere`"),
        ("$<env:A|nope>", "`nope` is no filter"),
        ("$<env:A@1#f>", "#FIELD"),
        ("$<env:A@1>", "no versions"),
        ("$<env:%4>", "%25"),
        ("${secret:my.db}", "looks like a reference"),
        ("${pods:urls}", "pods:url"),
        ("${secret:x", "closing `}`"),
        ("$<pods:random:32>", "whole value"),
        ("$<pods:random:7>", "8 to 128"),
        ("$<pods:default:a:b>", "%3A"),
        ("$<stack:secrets:x>", "stack"),
    ] {
        refused(&format!(r#"{{"environment_variables": {{"V": "{text}"}}}}"#), &["environment_variables.V", piece]);
    }
}

#[test]
fn an_entry_that_nothing_refers_to_cannot_stop_a_launch() {
    let config = r#"{"secret_map": {"BAD": "$<nowhere:x>", "WORSE": "$<", "V": "v"}, "environment_variables": {"V": "$<pods:secrets:V>"}}"#;
    assert_eq!(value(config), "v");
    refused(r#"{"secret_map": {"BAD": "$<nowhere:x>", "WORSE": "$<"}}"#, &["secret_map.BAD", "secret_map.WORSE"]);
}

#[test]
fn what_is_exported_is_what_the_configuration_says() {
    assert_eq!(value(r#"{"secret_map": {"V": "alone"}}"#), "alone");
    assert_eq!(value(r#"{"secret_map": {"V": "v"}, "environment_variables": {}}"#), "");
    assert_eq!(value(r#"{"secret_map": {"V": "v"}, "environment_variables": {}, "export": true}"#), "v");
    assert_eq!(value(r#"{"secret_map": {"V": "v"}, "export": false}"#), "");
}

#[test]
fn objects_say_how_a_value_is_meant() {
    assert_eq!(value(r#"{"environment_variables": {"V": {"value": "$<env:WORD>"}}}"#), "w");
    assert_eq!(value(r#"{"environment_variables": {"V": {"literal": "$<env:WORD>"}}}"#), "$<env:WORD>");
    assert_eq!(
        value(r#"{"stores": {"e": {"kind": "env"}}, "environment_variables": {"V": {"get_secret": "WORD"}}}"#),
        "w"
    );
    refused(r#"{"environment_variables": {"V": {"value": "a", "literal": "b"}}}"#, &["only one"]);
    refused(r#"{"environment_variables": {"V": {}}}"#, &["environment_variables.V", "\"value\""]);
}

#[test]
fn pod_facts_come_from_the_pod_definition() {
    let pod = r#""pod_id": "p1", "networking": {"default": {"url": "p1.pods.t.io", "port": 5000, "protocol": "http"}}"#;
    let get = |reference: &str| value(&format!(r#"{{{pod}, "secret_map": {{"V": "{reference}"}}}}"#));
    assert_eq!(get("${pods:pod_id}"), "p1");
    assert_eq!(get("https://$<pods:url>/"), "https://p1.pods.t.io/");
    assert_eq!(get("${pods:tapis_url}"), "t.io");
    assert_eq!(get("${pods:networking:default:port}"), "5000");
    refused(&format!(r#"{{{pod}, "secret_map": {{"V": "${{pods:networking:other:url}}"}}}}"#), &["no network `other`"]);
    refused(r#"{"secret_map": {"V": "${pods:url}"}}"#, &["no pod definition"]);
}
