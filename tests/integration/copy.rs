//! `inject secret copy`: from one local store to another, and between the double of Tapis and a local store. What goes
//! along, what is left behind and told, what is not copied, and that a value is nowhere but in the two stores.

use crate::doubles::http::{Fault, Wire};
use crate::doubles::tapis::{self, State, Tapis, token};
use crate::harness::{Inject, Outcome, World};
use serde_json::{Value as Json, json};
use std::fs;
use std::time::Duration;

/// Never to be seen but in the two stores.
const CANARY: &str = "kanarienvogel";

/// The local stores `a` and `b`, empty.
fn world() -> World {
    let world = World::new();
    let local = |path: &str| json!({ "kind": "local", "path": path, "owner": "alice" });
    let stores = json!({ "a": local("a.age"), "b": local("b.age"), "vars": { "kind": "env" } });
    world.file("c.json", json!({ "stores": stores }).to_string());
    for store in ["a", "b"] {
        secret(&world, &format!("-s {store} init")).done().quiet();
    }
    world
}

/// The same, and `t`, a project of alice's.
fn world_with(server: &Tapis) -> World {
    let world = world();
    let mut config: Json = serde_json::from_slice(&fs::read(world.path("c.json")).unwrap()).unwrap();
    config["stores"]["t"] = json!({ "kind": "tapis", "url": server.url() });
    world.file("c.json", config.to_string());
    world
}

fn secret(world: &World, words: &str) -> Inject {
    let words: Vec<&str> = words.split_whitespace().collect();
    world.secret(&words).env("INJECT_CONFIG", "c.json").env("TAPIS_TOKEN", token("alice"))
}

#[track_caller]
fn done(world: &World, words: &str, input: impl AsRef<[u8]>) -> Outcome {
    secret(world, words).input(input).done().quiet()
}

#[track_caller]
fn shown(world: &World, words: &str) -> Json {
    serde_json::from_slice(&done(world, &format!("{words} --json"), "").out).unwrap()
}

/// The report of a copy that ends with this status, `[name, result, what is left behind]`, and its messages.
#[track_caller]
fn report(world: &World, words: &str, status: i32) -> (Vec<(String, String, Vec<String>)>, String) {
    let outcome = secret(world, &format!("copy {words} --json")).done();
    assert_eq!(outcome.status, Some(status), "{outcome:?}");
    assert!(!format!("{}{}", outcome.text(), outcome.err).contains(CANARY), "{outcome:?}");
    let rows: Vec<Json> = serde_json::from_slice(&outcome.out).unwrap();
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    let row = |row: &Json| {
        let without = row["without"].as_array().unwrap().iter();
        assert_eq!(row["done"] == true, ["copied", "replaced"].contains(&row["result"].as_str().unwrap()));
        assert_eq!(row["result"] == "not copied", row.get("code").is_some());
        (text(&row["item"]), text(&row["result"]), without.map(|left| text(&left["what"])).collect())
    };
    (rows.iter().map(row).collect(), outcome.err)
}

/// Names and results.
fn results(rows: &[(String, String, Vec<String>)]) -> Vec<(&str, &str)> {
    rows.iter().map(|(name, result, _)| (name.as_str(), result.as_str())).collect()
}

/// What the report says of one.
#[track_caller]
fn left<'r>(rows: &'r [(String, String, Vec<String>)], name: &str) -> Vec<&'r str> {
    rows.iter().find(|row| row.0 == name).unwrap().2.iter().map(String::as_str).collect()
}

/// Without what another store says otherwise by right.
fn unlike_in_time(mut metadata: Json) -> Json {
    for member in ["created", "updated"] {
        metadata.as_object_mut().unwrap().remove(member);
    }
    metadata
}

#[test]
fn values_and_what_is_said_of_them_go_from_one_local_store_to_another() {
    let world = world();
    let values: [(&str, &str, &[u8]); 5] = [
        ("binary", "", b"\0\xff\xfe\n"),
        ("lines", "--description for-tests --label l --mount-path /run/x --hidden", b"one\ntwo\n\n"),
        ("fixed", "--writable=false --visibility private --schema schema.json --plain", b"{\"a\": 1}"),
        ("empty", "--interpolation", b""),
        ("of-pod", "--scope pod --pod web", CANARY.as_bytes()),
    ];
    world.file("schema.json", r#"{"type": "object"}"#);
    for (name, options, value) in values {
        done(&world, &format!("-s a add {name} {options}"), value);
    }
    done(&world, "-s a add pair --fields -", r#"{"user": "amy", "password": "kanarienvogel"}"#);
    let copied = secret(&world, "copy --from a --to b").done().quiet();
    assert_eq!(
        copied.text(),
        "NAME    RESULT  LEFT BEHIND\nbinary  copied\nempty   copied\nfixed   copied\nlines   copied\nof-pod  \
         copied\npair    copied\n"
    );
    for (name, _, value) in values {
        assert!(done(&world, &format!("-s b get {name}"), "").out == value, "{name}");
    }
    assert_eq!(done(&world, "-s b get pair#password", "").text(), CANARY);
    for name in ["binary", "lines", "fixed", "empty", "of-pod", "pair"] {
        let [one, other] = ["a", "b"].map(|store| unlike_in_time(shown(&world, &format!("-s {store} show {name}"))));
        assert_eq!(one, other);
    }
}

#[test]
fn names_choose_and_a_dry_run_writes_nothing_and_tells_the_same() {
    let world = world();
    for name in ["one", "two", "three"] {
        done(&world, &format!("-s a add {name}"), CANARY);
    }
    done(&world, "-s a update one", "kanarienvogel 2");
    let before = fs::read(world.path("b.age")).unwrap();
    let (dry, _) = report(&world, "--from a --to b --dry-run one secret:two two", 0);
    assert_eq!(results(&dry), [("one", "would be copied"), ("two", "would be copied")]);
    assert!(fs::read(world.path("b.age")).unwrap() == before);
    let (wet, _) = report(&world, "--from a --to b one secret:two two", 0);
    assert_eq!(results(&wet), [("one", "copied"), ("two", "copied")]);
    assert_eq!((left(&dry, "one"), left(&wet, "one")), (vec!["revisions"], vec!["revisions"]));
    assert_eq!(done(&world, "-s b get one", "").text(), "kanarienvogel 2");
    let names: Vec<Json> =
        shown(&world, "-s b list").as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["one", "two"]);
    for file in fs::read_dir(world.path("")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            assert!(!bytes.windows(CANARY.len()).any(|piece| piece == CANARY.as_bytes()), "{}", path.display());
        }
    }
}

#[test]
fn what_cannot_be_copied_is_told_one_by_one_and_the_others_are_copied() {
    let world = world();
    done(&world, "-s a add closed --readable=false", CANARY);
    done(&world, "-s a add taken", "new");
    done(&world, "-s a add good", "1");
    done(&world, "-s a add narrow --scope /shop", "2");
    done(&world, "-s b add taken --description old", "old");
    for (words, verb) in [("--dry-run", "would be "), ("", "")] {
        let (rows, said) = report(&world, &format!("--from a --to b {words}"), 125);
        let good = format!("{verb}copied");
        let expected = [("closed", "not copied"), ("good", &*good), ("narrow", "not copied"), ("taken", "not copied")];
        assert_eq!(results(&rows), expected);
        for piece in [
            "store a: closed: ",
            "readable=false",
            "store a: narrow: it is of /shop",
            "--from-scope",
            "store b: taken: the store b already has a secret `taken`",
            "--replace",
        ] {
            assert!(said.contains(piece), "no {piece:?} in {said}");
        }
    }
    assert_eq!(done(&world, "-s b get good", "").text(), "1");
    assert_eq!(done(&world, "-s b get taken", "").text(), "old");
    let (rows, said) = report(&world, "--from a --to b good absent", 125);
    assert_eq!(results(&rows), [("absent", "not copied"), ("good", "not copied")]);
    assert!(said.contains("store a: absent: ") && said.contains("has no secret `absent`"), "{said}");
}

#[test]
fn replacing_is_confirmed_before_anything_is_written() {
    let world = world();
    for name in ["fresh", "taken"] {
        done(&world, &format!("-s a add {name}"), "new");
    }
    done(&world, "-s b add taken --description old", "old");
    let before = fs::read(world.path("b.age")).unwrap();
    let asked = secret(&world, "copy --from a --to b --replace").done();
    asked.fails(125, &["Replace `taken` in the store b?", "--yes"]);
    let (rows, _) = report(&world, "--from a --to b --replace --dry-run", 0);
    assert_eq!(results(&rows), [("fresh", "would be copied"), ("taken", "would be replaced")]);
    assert!(fs::read(world.path("b.age")).unwrap() == before);
    let (rows, _) = report(&world, "--from a --to b --replace --yes", 0);
    assert_eq!(results(&rows), [("fresh", "copied"), ("taken", "replaced")]);
    assert_eq!(done(&world, "-s b get taken", "").text(), "new");
    assert_eq!(shown(&world, "-s b show taken")["description"], "");
}

#[test]
fn what_a_scope_sees_is_copied_into_the_scope_that_was_said() {
    let world = world();
    for (name, scope, value) in
        [("db", "/", "wide"), ("db", "/shop/prod", "narrow"), ("wide", "/shop", "1"), ("other", "/else", "2")]
    {
        done(&world, &format!("-s a add {name} --scope {scope}"), value);
    }
    done(&world, "-s a alias wide second --scope /shop/prod", "");
    done(&world, "-s a grant db app --scope /shop/prod", "");
    let (rows, _) = report(&world, "--from a --to b --from-scope /shop/prod --to-scope /laptop", 0);
    assert_eq!(results(&rows), [("db", "copied"), ("second", "copied"), ("wide", "copied")]);
    assert_eq!((left(&rows, "db"), left(&rows, "second")), (vec!["grants"], vec!["alias"]));
    let got = |name: &str| done(&world, &format!("-s b get {name} --scope /laptop"), "").text().to_owned();
    assert_eq!([got("db"), got("second"), got("wide")], ["narrow", "1", "1"]);
    assert_eq!(shown(&world, "-s b show db --scope /laptop")["scope"], "PROJECT");
    let (rows, _) = report(&world, "--from a --to b --from-scope /shop db wide", 0);
    assert_eq!(results(&rows), [("db", "copied"), ("wide", "copied")]);
    assert_eq!((left(&rows, "db"), left(&rows, "wide")), (vec![], vec!["scope"]));
    assert_eq!(done(&world, "-s b get db", "").text(), "wide");
}

#[test]
fn stores_that_a_copy_cannot_be_between_are_refused_before_anything_is_read() {
    let world = world();
    for (words, pieces) in [
        ("--from a --to a", &["both name the store a"][..]),
        ("--from a --to nowhere", &["no store `nowhere`"]),
        ("--from vars --to b", &["store vars", "not managed"]),
        ("--from a --to vars", &["store vars", "not managed"]),
        ("--from a --to b --to-scope shop", &["store b", "\"shop\" is no scope"]),
        ("--from a --to b --from-id 1", &["store a", "a store of kind local has no ids of scopes"]),
        ("--from a", &["--to"]),
    ] {
        secret(&world, &format!("copy {words}")).done().fails(125, pieces);
    }
    done(&world, "-s a add here --scope /here", "1");
    let (rows, _) = report(&world, "--from a --to a --from-scope /here --to-scope /there", 0);
    assert_eq!(results(&rows), [("here", "copied")], "within one store, from scope to scope");
}

#[test]
fn a_remote_store_gets_what_it_can_hold_and_the_report_says_what_not() {
    let mut state = State::new();
    state.put("bob", "bobs", "of somebody else");
    let server = tapis::start(Wire::Plain, state);
    let world = world_with(&server);
    done(&world, "-s a add good --description d --label l --mount-path /x --writable=false", CANARY);
    done(&world, "-s a update good --description e", "");
    done(&world, "-s a add of-pod --scope pod --pod web", CANARY);
    done(&world, "-s a add binary", b"\xff\xfe");
    done(&world, "-s a add bobs", CANARY);
    done(&world, "-s a add pair --fields -", r#"{"user": "amy"}"#);
    for (words, verb) in [("--dry-run", "would be "), ("", "")] {
        let (rows, said) = report(&world, &format!("--from a --to t {words}"), 125);
        let good = format!("{verb}copied");
        let expected = [
            ("binary", "not copied"),
            ("bobs", "not copied"),
            ("good", &*good),
            ("of-pod", &*good),
            ("pair", "not copied"),
        ];
        assert_eq!(results(&rows), expected);
        assert_eq!((left(&rows, "good"), left(&rows, "of-pod")), (vec!["label", "mount path"], vec![]));
        for piece in
            ["store t: binary: ", "base64", "store t: bobs: denied: `bobs` is the name of somebody", "no fields"]
        {
            assert!(said.contains(piece), "no {piece:?} in {said}");
        }
        let posted = server.calls().iter().filter(|call| call.method != "GET").count();
        assert_eq!(posted, if words.is_empty() { 2 } else { 0 });
    }
    assert_eq!(done(&world, "-s t get good", "").text(), CANARY);
    let good = shown(&world, "-s t show good");
    assert_eq!((&good["description"], &good["writable"]), (&json!("e"), &json!(false)));
    assert_eq!(shown(&world, "-s t show of-pod")["pod_id"], "web");
}

#[test]
fn a_server_is_asked_for_many_at_once_and_the_report_keeps_their_order() {
    let mut state = State::new();
    let names: Vec<String> = (0..60).map(|number| format!("n{number:02}")).collect();
    for name in &names {
        state.put("alice", name, &format!("of {name}"));
    }
    let server = tapis::start(Wire::Plain, state);
    let world = world_with(&server);
    // So long that none is done while others could begin; one after the other would be one connection a question.
    let slow = |piece, words: &str, status| {
        let before = server.connections();
        server.always_at(piece, Fault::Delay(Duration::from_millis(300)));
        let (rows, _) = report(&world, words, status);
        server.heal();
        assert!(server.connections() - before > 4, "{} for {words}", server.connections() - before);
        rows.into_iter().map(|(name, ..)| name).collect::<Vec<_>>()
    };
    assert_eq!(slow("/value", "--from t --to b", 0), names);
    for name in &names {
        assert_eq!(done(&world, &format!("-s b get {name}"), "").text(), format!("of {name}"));
    }
    // What is known of those that are named, and what the target has.
    assert_eq!(slow("/secrets/x", "--from t --to b xd xa xc xf xb xe", 125), ["xa", "xb", "xc", "xd", "xe", "xf"]);
    assert_eq!(slow("/secrets/n", "--from b --to t --replace --dry-run", 0), names);
}

#[test]
fn a_project_of_tapis_is_brought_to_a_laptop_and_the_same_pod_starts_there() {
    let mut state = State::new();
    state.put("alice", "db-password", "kanarienvogel $<secret:x> ${secret:y} <<z>>\n");
    state.put("alice", "key", "-----BEGIN-----\u{1f511}\r\n\n");
    state.put("alice", "closed", CANARY);
    state.set_readable("closed", false);
    state.put("bob", "bobs", CANARY);
    let server = tapis::start(Wire::Plain, state);
    let world = world_with(&server);
    done(&world, "-s t add api_key --description of-the-API --pod web --writable=false", "third");
    let (rows, said) = report(&world, "--from t --to b", 125);
    let expected = [("api_key", "copied"), ("closed", "not copied"), ("db-password", "copied"), ("key", "copied")];
    assert_eq!(results(&rows), expected);
    assert!(rows.iter().all(|row| row.2.is_empty()), "{rows:?}");
    assert!(said.contains("store t: closed: ") && said.lines().count() == 1, "{said}");
    let [original, copy] = ["t", "b"].map(|store| shown(&world, &format!("-s {store} show api_key")));
    for member in ["description", "readable", "writable", "scope", "pod_id"] {
        assert_eq!(original[member], copy[member], "{member}");
    }

    let path = world.path("etc/key.pem");
    world.file("etc/key.pem", "");
    let pod = json!({
        "pod_id": "web", "image": "app:1",
        "secret_map": {
            "DB": "${secret:alice:db-password}", "API": "${secret:api_key}", "HOST": "${pods:default:localhost}",
        },
        "environment_variables": {
            "URL": "db://${pods:secrets:DB}@${pods:secrets:HOST}", "API_KEY": "${pods:secrets:API}", "WHO": "pod",
        },
        "volume_mounts": { path.to_str().unwrap(): {
            "type": "ephemeral", "config_content": "key=${secret:alice:key}", "config_permissions": "0440",
        } },
    });
    world.file("pod.json", pod.to_string());
    let script = format!("env -0 | sort -z; stat -c %a {0}; cat {0}", path.display());
    let [there, here] = ["t", "b"].map(|store| {
        let launch = world.inject(["-c", "c.json", "-c", "pod.json", "-s", store, "--", "sh", "-c", &script]);
        launch.env("TAPIS_TOKEN", token("alice")).done().quiet().out
    });
    assert!(there == here, "{}\n{}", String::from_utf8_lossy(&there), String::from_utf8_lossy(&here));
    let here = String::from_utf8(here).unwrap();
    for piece in ["URL=db://kanarienvogel $<secret:x>", "API_KEY=third\0", "440\nkey=-----BEGIN-----\u{1f511}\r\n\n"] {
        assert!(here.contains(piece), "no {piece:?} in {here}");
    }
    let calls = server.count();
    let launch = world.inject(["-c", "c.json", "-c", "pod.json", "-s", "b", "--", "true"]);
    launch.done().quiet();
    assert_eq!(server.count(), calls, "a laptop asks no server");
}
