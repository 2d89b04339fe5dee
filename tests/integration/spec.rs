//! Configurations: what is read, and what is said about those that are wrong.

use crate::harness::World;

#[track_caller]
fn refused(config: &str, pieces: &[&str]) {
    let world = World::new();
    world.file("c.json", config);
    world.inject(["-c", "c.json", "--", "touch", "ran"]).done().fails(125, pieces);
    assert!(!world.exists("ran"));
}

#[test]
fn every_mistake_is_reported_at_once_with_line_and_column() {
    refused(
        "{\n  \"secret_mapp\": {},\n  \"secret_map\": {\"A\": 1, \"B\": \"$<\", \"B\": \"x\"},\n  \"environment_variables\": {\"V\": \"$<secret:>\"},\n  \"stores\": {\"s\": {\"kind\": \"dirr\"}, \"pods\": {\"kind\": \"env\"}, \"t\": {\"kind\": \"dir\", \"pth\": \"x\"}}\n}",
        &[
            "c.json:2:3",
            "secret_mapp",
            "`secret_map`",
            "secret_map.A (c.json:3:23)",
            "a number",
            "c.json:3:37",
            "stands twice",
            "environment_variables.V",
            "stores.s.kind (c.json:5:28)",
            "`dir`",
            "stores.pods",
            "no setting `pth`",
            "`path`",
        ],
    );
}

#[test]
fn as_in_the_map_is_told_where_it_belongs() {
    let config = r#"{"secret_map": {"A": {"value": "x", "as": "fd"}}}"#;
    refused(config, &["secret_map.A (c.json:1:37): \"as\" says", "`environment_variables` or `files`"]);
}

#[test]
fn texts_that_are_no_configuration_are_refused() {
    refused("", &["c.json:1:1", "not valid JSON"]);
    refused("{\"a\": }", &["c.json:1:7", "not valid JSON"]);
    refused("[]", &["a list", "an object is expected"]);
    refused(&"[".repeat(100_000), &["not valid JSON"]);
    let world = World::new();
    world.file("c.json", b"{\"secret_map\": \"\xff\"}").file("c.toml", "a = \n");
    world.inject(["-c", "c.json", "--", "true"]).done().fails(125, &["UTF-8", "byte 16"]);
    world.inject(["-c", "c.toml", "--", "true"]).done().fails(125, &["c.toml:1:5", "not valid TOML"]);
    world.inject(["-c", "gone.json", "--", "true"]).done().fails(125, &["gone.json", "No such file"]);
    world.inject(["-c", ".", "--", "true"]).done().fails(125, &["directory"]);
}

#[test]
fn toml_has_the_same_keys() {
    let world = World::new();
    world.file(
        "c.toml",
        "[secret_map]\nA = 'a'\n[environment_variables]\nV = '$<pods:secrets:A>'\nW = { literal = '$<x>' }\n",
    );
    let done = world.inject(["-c", "c.toml", "--", "env", "-0"]).done().quiet();
    assert_eq!((done.variable("V").as_str(), done.variable("W").as_str()), ("a", "$<x>"));
    let done = world.inject(["-c", "-", "--", "env", "-0"]).input("[environment_variables]\nV = 'v'\n").done().quiet();
    assert_eq!(done.variable("V"), "v");
    world.file("bad.toml", "[secret_map]\nA = 1\nB = 'x'\n[stors]\n");
    world
        .inject(["-c", "bad.toml", "--", "true"])
        .done()
        .fails(125, &["secret_map.A (bad.toml:2:5)", "bad.toml:4:2", "`stores`"]);
}

#[test]
fn a_pod_definition_is_a_configuration_bare_and_in_the_services_reply() {
    let pod = r#"{"pod_id": "p", "image": "x", "template": "t", "status": "AVAILABLE", "volume_mounts": {}, "secret_map": {"A": "a"},
        "environment_variables": {"V": "${pods:secrets:A}"}, "action_logs": [], "networking": null, "command": null}"#;
    let world = World::new();
    let done = world.inject(["-c", "-", "--", "env", "-0"]).input(pod).done().quiet();
    assert_eq!(done.variable("V"), "a");
    let reply =
        format!(r#"{{"message": "ok", "metadata": {{}}, "result": {pod}, "status": "success", "version": "26Q1.1"}}"#);
    let done = world.inject(["-c", "-", "--", "env", "-0"]).input(reply).done().quiet();
    assert_eq!(done.variable("V"), "a");
    let failed = r#"{"message": "no", "metadata": {}, "result": null, "status": "error", "version": "26Q1.1"}"#;
    world.inject(["-c", "-", "--", "true"]).input(failed).done().fails(125, &["reply", "no pod"]);
}

#[test]
fn a_configuration_that_was_found_must_be_nobody_elses() {
    let world = World::new();
    world.file("inject.json", r#"{"environment_variables": {"V": "found"}}"#).mode("inject.json", 0o644);
    let run = || world.inject(["--", "sh", "-c", "echo $V"]).done();
    assert_eq!(run().quiet().text(), "found\n");
    world.mode("inject.json", 0o646);
    run().fails(125, &["inject.json", "chmod o-w"]);
    let done = world.inject(["-c", "inject.json", "--", "sh", "-c", "echo $V"]).done().quiet();
    assert_eq!(done.text(), "found\n", "one that is named is used");
    let done = world.inject(["--", "sh", "-c", "echo $V"]).env("INJECT_CONFIG", "inject.json").done().quiet();
    assert_eq!(done.text(), "found\n");
}

#[test]
fn a_configuration_can_be_required() {
    let world = World::new();
    world
        .inject(["--require-config", "--", "true"])
        .done()
        .fails(125, &["inject.json", "/etc/inject/inject.toml", "-c"]);
    world.file("creds/inject.toml", "[environment_variables]\nV = 'v'\n");
    let run = world
        .inject(["--require-config", "--", "sh", "-c", "echo $V"])
        .env("CREDENTIALS_DIRECTORY", world.path("creds"));
    assert_eq!(run.done().quiet().text(), "v\n");
}

#[test]
fn later_configurations_replace_members_whole() {
    let world = World::new();
    world.file("a/a.json", r#"{"stores": {"s": {"kind": "dir", "path": "run"}}, "secret_map": {"A": "$<s:x>"}}"#);
    world.file("a/run/x", "from a").file("b/run/x", "from b");
    world.file("b/b.json", r#"{"stores": {"s": {"kind": "dir", "path": "run"}}}"#);
    let run = |configs: &[&str]| {
        let arguments: Vec<_> =
            configs.iter().flat_map(|config| ["-c", config]).chain(["--", "sh", "-c", "echo $A"]).collect();
        world.inject(arguments).done().quiet().text().to_owned()
    };
    assert_eq!(run(&["a/a.json"]), "from a\n", "paths start at the configuration's directory");
    assert_eq!(run(&["a/a.json", "b/b.json"]), "from b\n");
}

#[test]
fn credentials_are_never_written_in_a_configuration() {
    refused(
        r#"{"stores": {"s": {"kind": "local", "identity": "AGE-SECRET-KEY-1XYZ"}}}"#,
        &["stores.s.identity", "never the key itself"],
    );
}
