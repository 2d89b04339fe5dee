//! `check --online`: what the stores say of each reference, and that none was asked for a value.

use crate::doubles::http::{Fault, Request, Server, Wire};
use crate::doubles::{apolo, cloudify, juju, qovery, tapis};
use crate::harness::{Outcome, World};
use serde_json::{Value as Json, json};

/// `check --online --json` of these references.
fn checked(world: &World, store: &Json, references: &[&str], variables: &[(&str, &str)]) -> (Outcome, Json) {
    let done = check(world, store, references, variables, &["--json"]);
    let report: Json = serde_json::from_str(done.text()).unwrap();
    assert_eq!(report["ok"] == json!(true), done.status == Some(0), "{report}");
    (done, report)
}

fn check(world: &World, store: &Json, references: &[&str], variables: &[(&str, &str)], more: &[&str]) -> Outcome {
    let texts = references.iter().enumerate().map(|(at, text)| (format!("V{at}"), json!(text)));
    let texts: serde_json::Map<String, Json> = texts.collect();
    let config = json!({ "stores": { "s": store }, "default_store": "s", "environment_variables": texts });
    world.file("c.json", config.to_string());
    let arguments = ["check", "--online", "-c", "c.json"].iter().chain(more).chain(&["--", "touch", "ran"]);
    let mut inject = world.inject(arguments);
    for (name, value) in variables {
        inject = inject.env(name, value);
    }
    let done = inject.done();
    assert!(!world.exists("ran"));
    for hidden in ["canary", "eyJ", "ctok-", "hunter2", tapis::SENTINEL] {
        assert!(!done.text().contains(hidden) && !done.err.contains(hidden), "{hidden} in {done:?}");
    }
    done
}

/// Of each reference: whether it exists, whether it may be read.
fn known(report: &Json) -> Vec<(Json, Json)> {
    let references = report["references"].as_array().unwrap().iter();
    references.map(|reference| (reference["exists"].clone(), reference["readable"].clone())).collect()
}

fn codes(report: &Json) -> Vec<&str> {
    report["failures"].as_array().unwrap().iter().map(|failure| failure["code"].as_str().unwrap()).collect()
}

#[track_caller]
fn nobody_asked(server: &Server, is_for_a_value: impl Fn(&Request) -> bool) {
    let calls = server.calls();
    assert!(!calls.is_empty());
    for call in calls {
        assert!(!is_for_a_value(&call), "{} {}", call.method, call.path);
    }
}

const YES: Json = Json::Bool(true);
const NO: Json = Json::Bool(false);

#[test]
fn tapis_is_asked_for_metadata() {
    let mut state = tapis::State::new();
    for (owner, name) in [("alice", "db"), ("alice", "hidden"), ("bob", "bobs"), ("bob", "lent")] {
        state.put(owner, name, "canary");
    }
    state.set_readable("hidden", false);
    state.grant("lent", "alice:READ");
    let (tapis, world) = (tapis::start(Wire::Plain, state), World::new());
    let store = json!({ "kind": "tapis", "url": tapis.url() });
    let references = [
        "$<secret:db>",
        "$<s:db|trim>",
        "$<s:hidden>",
        "$<s:none>",
        "$<s:bobs>",
        "$<s:bob:bobs>",
        "$<s:lent>",
        "$<s:absent:-but with a default>",
    ];
    let token = tapis::token("alice");
    let login: &[(&str, &str)] = &[("TAPIS_TOKEN", &token)];
    let (_, report) = checked(&world, &store, &references, login);
    assert_eq!(
        report["references"][0],
        json!({
            "reference": "$<secret:db>", "store": "s", "kind": "tapis", "exists": true, "readable": true,
            "identity": "user alice, tenant dev", "note": null,
        })
    );
    let unknown = Json::Null;
    let expected = [
        (YES, YES),
        (YES, YES),
        (YES, NO),
        (NO, NO),
        (unknown.clone(), NO),
        (unknown.clone(), NO),
        (YES, unknown),
        (NO, NO),
    ];
    assert_eq!(known(&report), expected);
    assert!(report["references"][6]["note"].as_str().unwrap().contains("`bob` made it"));
    assert_eq!(codes(&report), ["not_readable", "not_found", "denied", "denied"]);
    assert_eq!(report["failures"][1]["reference"], "$<s:none>");
    nobody_asked(&tapis, |call| call.path.ends_with("/value") || call.path.contains("derived"));
    let (done, report) = checked(&world, &store, &["$<s:db>", "$<s:absent:-d>", "$<s:lent>"], login);
    assert_eq!((done.status, codes(&report).len()), (Some(0), 0), "what nobody can tell is no failure");
    let expired = tapis::token_of("alice", tapis::TENANT, 1000);
    let (_, report) = checked(&world, &store, &["$<s:db>", "$<s:hidden>"], &[("TAPIS_TOKEN", &expired)]);
    assert_eq!(codes(&report), ["unauthenticated"], "of the store, once");
    nobody_asked(&tapis, |call| call.path.ends_with("/value"));
}

#[test]
fn what_only_a_pod_is_given_counts_as_readable_under_it() {
    let mut state = tapis::State::new();
    for name in ["hidden", "other"] {
        state.put("root", name, "canary");
        state.set_readable(name, false);
    }
    let definition = json!({
        "pod_id": "mypod", "secret_map": { "H": "${secret:root:hidden}" },
        "environment_variables": { "H": "${pods:secrets:H}" },
    });
    state.put_pod("root", "mypod", definition, json!(null));
    let (tapis, world) = (tapis::start(Wire::Plain, state), World::new());
    let token = tapis::token("root");
    for (admin, readable) in [(true, YES), (false, NO)] {
        let store = json!({ "kind": "tapis", "url": tapis.url(), "pods_admin": admin });
        let login = [("TAPIS_TOKEN", &*token), ("INJECT_POD", "mypod")];
        let (_, report) = checked(&world, &store, &["$<s:other>"], &login);
        let of_pod = "${secret:root:hidden}";
        for (reference, readable) in [("$<s:other>", NO), (of_pod, readable)] {
            let references = report["references"].as_array().unwrap();
            let found = references.iter().find(|found| found["reference"] == reference).unwrap();
            assert_eq!((&found["exists"], &found["readable"]), (&YES, &readable), "{report}");
        }
    }
    nobody_asked(&tapis, |call| call.path.ends_with("/value") || call.parameter("reveal_write_only").is_some());
}

#[test]
fn apolo_is_asked_for_one_list_a_project() {
    let mut state = apolo::State::new();
    state.put("a", b"canary");
    state.put("b", b"canary");
    let (apolo, world) = (apolo::start(Wire::Plain, state), World::new());
    let token = apolo::token("alice");
    let store =
        json!({ "kind": "apolo", "url": apolo::api(&apolo), "token": { "env": "T" }, "project": apolo::PROJECT });
    let (_, report) = checked(&world, &store, &["$<s:a>", "$<s:b>", "$<s:c>"], &[("T", &token)]);
    assert_eq!(known(&report), [(YES, YES), (YES, YES), (NO, NO)]);
    let identity = format!("user alice, project {} of {} in {}", apolo::PROJECT, apolo::ORG, apolo::CLUSTER);
    assert_eq!(report["references"][2]["identity"], identity);
    assert_eq!(codes(&report), ["not_found"]);
    assert_eq!(apolo.count(), 2, "discovery and one list");
    nobody_asked(&apolo, |call| call.path.contains("/secrets/"));
    // A login without permission is shown the same list.
    *apolo.state() = apolo::State::new();
    let (done, report) = checked(&world, &store, &["$<s:a>"], &[("T", &token)]);
    assert_eq!((done.status, known(&report)), (Some(0), vec![(Json::Null, Json::Null)]));
    assert!(report["references"][0]["note"].as_str().unwrap().contains("it may read none"));
}

#[test]
fn cloudify_is_asked_to_leave_the_value_away() {
    let mut state = cloudify::State::new();
    for key in ["plain", "hidden", "private", "provided"] {
        state.put(key, "canary");
    }
    state.hide("hidden");
    state.set_visibility("private", "private");
    state.set_provider("provided", "vault");
    let (manager, world) = (cloudify::start(Wire::Plain, state), World::new());
    let references = ["$<s:plain>", "$<s:hidden>", "$<s:private>", "$<s:provided>", "$<s:none>"];
    let store = |user: &str| json!({ "kind": "cloudify", "url": manager.url(), "user": user, "password": { "env": "P" }, "api": "v3.1" });
    let password = cloudify::password("alice");
    let (_, report) = checked(&world, &store("alice"), &references, &[("P", &password)]);
    assert_eq!(known(&report), [(YES, YES), (YES, YES), (YES, YES), (YES, Json::Null), (NO, NO)]);
    let tenant = "user alice, tenant default_tenant";
    assert_eq!(report["references"][0]["identity"], tenant);
    let password = cloudify::password("bob");
    let (_, report) = checked(&world, &store("bob"), &references, &[("P", &password)]);
    assert_eq!(known(&report), [(YES, YES), (YES, Json::Null), (NO, NO), (YES, Json::Null), (NO, NO)]);
    assert!(report["references"][1]["note"].as_str().unwrap().contains("only `alice`, who made it"));
    assert_eq!(codes(&report), ["not_found", "not_found"]);
    nobody_asked(&manager, |call| call.parameter("_skip_value") != Some("true"));
}

#[test]
fn juju_is_asked_to_leave_the_values_away() {
    let mut state = juju::State::new();
    state.put("db", &[("key", b"canary")]);
    let id = state.put("db", &[("key", b"canary 2")]);
    state.put("cut", &[("key", b"canary")]);
    state.put("cut", &[("key", b"canary 2")]);
    state.remove("cut", &[2]);
    state.put_of("application-x", "charm", &[("key", b"canary")]);
    let (juju, world) = (juju::start(state), World::new());
    let store = |user: &str| {
        json!({
            "kind": "juju", "endpoints": [juju::endpoint(&juju)], "model": juju::MODEL, "user": user,
            "password": { "env": "P" }, "ca_file": juju.ca_file(),
        })
    };
    let by_id = format!("$<secret:{id}#key@1>");
    let references = [
        "$<s:db#key>",
        &by_id,
        "$<s:db#key@9:-none>",
        "$<s:cut#key>",
        "$<s:cut#key@1>",
        "$<s:charm#key>",
        "$<s:none#key>",
    ];
    let login: &[(&str, &str)] = &[("P", juju::PASSWORD)];
    let (_, report) = checked(&world, &store("admin"), &references, login);
    assert_eq!(known(&report), [(YES, YES), (YES, YES), (NO, NO), (YES, NO), (YES, YES), (NO, NO), (NO, NO)]);
    assert_eq!(codes(&report), ["not_readable", "not_found", "not_found"]);
    let identity = |user: &str| format!("user {user}, model {} at https://{}", juju::MODEL, juju::endpoint(&juju));
    assert_eq!(report["references"][0]["identity"], identity("admin"));
    // Whoever may list and not read is told what a launch would meet.
    for user in ["reader", "writer"] {
        let (_, report) = checked(&world, &store(user), &references[..2], login);
        assert_eq!(known(&report), [(Json::Null, NO), (Json::Null, NO)]);
        assert_eq!((codes(&report), &report["references"][1]["identity"]), (vec!["denied"], &json!(identity(user))));
    }
    let (_, report) = checked(&world, &store("admin"), &references[..2], &[("P", "wrong")]);
    assert_eq!((codes(&report), known(&report)[0].clone()), (vec!["unauthenticated"], (Json::Null, Json::Null)));
    juju.state().tells_access = false;
    let (done, report) = checked(&world, &store("admin"), &references[..1], login);
    assert_eq!((done.status, known(&report)), (Some(0), vec![(YES, Json::Null)]));
    assert!(report["references"][0]["note"].as_str().unwrap().contains("does not say"));
    let lists: Vec<Json> = juju
        .calls()
        .iter()
        .filter(|(name, _)| name == "Secrets.ListSecrets")
        .map(|(_, message)| serde_json::from_slice(message).unwrap())
        .collect();
    // A revision that is not there may be one that a charm's secret of the name lacks: two more tell.
    assert_eq!(lists.len(), references.len() + 1 + 2, "one for each, and none for those who may not");
    assert!(lists.iter().all(|list| list["params"]["show-secrets"] == json!(false)), "{lists:?}");
}

#[test]
fn qovery_is_asked_for_its_list() {
    let mut state = qovery::State::new();
    state.put(qovery::PROJECT, "PLAIN", "canary", false);
    state.put(qovery::PROJECT, "SECRET", "canary", true);
    state.put_external(qovery::PROJECT, "POINTER", "canary");
    let (qovery, world) = (qovery::start(Wire::Plain, state), World::new());
    let store = json!({
        "kind": "qovery", "url": qovery.url(), "token": { "env": "T" }, "scope": "project", "id": qovery::PROJECT,
    });
    let references = ["$<s:PLAIN>", "$<s:SECRET>", "$<s:POINTER>", "$<s:NONE>"];
    let (_, report) = checked(&world, &store, &references, &[("T", qovery::TOKEN)]);
    assert_eq!(known(&report), [(YES, YES), (YES, NO), (YES, NO), (NO, NO)]);
    assert_eq!(report["references"][0]["identity"], format!("project {}", qovery::PROJECT));
    assert_eq!(codes(&report), ["not_readable", "not_readable", "not_found"]);
    assert_eq!(qovery.count(), 1);
}

#[test]
fn what_is_on_this_machine_is_looked_at_and_no_helper_is_started() {
    let world = World::new();
    world.file("dir/db", "canary").file("dir/sub/x", "");
    world.script("helper", "#!/bin/sh\ntouch asked\necho canary\n");
    let dir = json!({ "kind": "dir", "path": "dir" });
    let (_, report) = checked(&world, &dir, &["$<s:db>", "$<s:gone>", "$<s:sub>"], &[]);
    assert_eq!(known(&report), [(YES, YES), (NO, NO), (Json::Null, Json::Null)]);
    assert!(report["references"][0]["identity"].as_str().unwrap().starts_with("uid "));
    assert_eq!(codes(&report), ["not_found", "malformed"]);
    let (_, report) = checked(&world, &json!({ "kind": "env" }), &["$<s:HERE>", "$<s:GONE>"], &[("HERE", "canary")]);
    assert_eq!(known(&report), [(YES, YES), (NO, NO)]);
    let helper = json!({ "kind": "exec", "command": ["./helper"] });
    let (done, report) = checked(&world, &helper, &["$<s:x>"], &[]);
    assert_eq!((done.status, known(&report)), (Some(0), vec![(Json::Null, Json::Null)]));
    assert!(report["references"][0]["note"].as_str().unwrap().contains("only be asked for the value"));
    assert!(!world.exists("asked"));
}

#[cfg(feature = "local")]
#[test]
fn the_local_store_is_asked_and_nothing_is_made_in_it() {
    let world = World::with_store();
    world.add("db", "canary");
    let map = json!({ "A": "$<secret:db>", "B": "$<secret:gone>", "R": "$<pods:random:20>" });
    world.file("c.json", json!({ "secret_map": map }).to_string());
    let done = world.inject(["check", "--online", "--json", "-c", "c.json"]).done();
    let report: Json = serde_json::from_str(done.text()).unwrap();
    assert_eq!(known(&report), [(YES, YES), (NO, NO), (NO, YES)]);
    assert_eq!(codes(&report), ["not_found"]);
    assert_eq!(world.names(), ["db"]);
}

#[test]
fn the_table_is_for_people_and_failures_stand_below_it() {
    let world = World::new();
    world.file("dir/db", "canary");
    let dir = json!({ "kind": "dir", "path": "dir" });
    let done = check(&world, &dir, &["[$<s:db|trim>]"], &[], &[]);
    assert_eq!((done.status, done.err.as_str()), (Some(0), ""));
    let lines: Vec<&str> = done.text().lines().collect();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["REFERENCE", "STORE", "EXISTS", "READABLE", "AS"]);
    assert!(lines[1].starts_with("$<s:db|trim>") && lines[1].contains("yes"), "{lines:?}");
    assert_eq!(lines[2], "ok: 1 variable, 0 files, 1 secret from s");
    let done = check(&world, &dir, &["$<s:db>", "$<s:gone>"], &[], &[]);
    assert_eq!((done.status, done.text().lines().count()), (Some(125), 3));
    assert!(done.err.contains("V1 (c.json:1:") && done.err.contains("not found in the store s (dir)"), "{}", done.err);
    let plain = world.inject(["check", "--json", "-c", "c.json"]).done().quiet();
    assert!(!plain.text().contains("references"), "nobody was asked");
}

#[test]
fn a_store_that_is_down_is_told_as_at_a_launch() {
    let (tapis, world) = (tapis::start(Wire::Plain, tapis::State::new()), World::new());
    tapis.always(Fault::Delay(std::time::Duration::from_secs(30)));
    let store = json!({ "kind": "tapis", "url": tapis.url(), "timeout": "300ms" });
    let token = tapis::token("alice");
    let (_, report) = checked(&world, &store, &["$<s:a>", "$<s:b>"], &[("TAPIS_TOKEN", &token)]);
    assert_eq!(codes(&report), ["timeout"]);
    assert_eq!(known(&report), [(Json::Null, Json::Null), (Json::Null, Json::Null)]);
    assert!(report["failures"][0]["place"].as_str().unwrap().contains("store s (tapis)"));
}
