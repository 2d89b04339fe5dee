//! `--pod ID` against the double of Tapis: what becomes of a definition, who is let in to what is hidden, and what is
//! said where there is no definition.

use crate::doubles::http::{Fault, Reply, Request, Wire, now};
use crate::doubles::tapis::{self, SENTINEL, State, TENANT, Tapis, token, token_of};
use crate::harness::{Inject, World};
use serde_json::{Value as Json, json};

/// alice and root have a pod each, root's with a secret that only pods are given.
fn start() -> Tapis {
    let mut state = State::new();
    for user in ["alice", "root"] {
        let name = |name: &str| format!("{user}-{name}");
        state.put(user, &name("db"), "pa$<env:HOME>ss ${pods:url}");
        state.put(user, &name("hidden"), "for pods: ${secret:alice-db}");
        state.put(user, &name("other"), "in no pod");
        state.set_readable(&name("hidden"), false);
        state.set_readable(&name("other"), false);
        let definition = json!({
            "pod_id": format!("{user}pod"), "image": "app:1", "status": "AVAILABLE", "a_field_of_tomorrow": {"x": 1},
            "command": ["sh", "-c"], "arguments": ["env -0", "app"], "template": "base:1",
            "environment_variables": { "URL": "db://${pods:secrets:DB}@${pods:secrets:HOST}", "WHO": "pod" },
            "secret_map": {
                "DB": format!("${{secret:{user}:{user}-db}}"), "HIDDEN": format!("${{secret:{user}:{user}-hidden}}"),
            },
            "networking": { "default": { "protocol": "http", "port": 5000, "url": "alicepod.pods.dev.tapis.io" } },
            "volume_mounts": {
                "/run/data": { "type": "tapisvolume", "source_id": "volume", "config_content": null },
            },
            "template_overrides": null,
        });
        let template = json!({
            "secret_map": { "HOST": "${pods:default:localhost}", "DB": "${:?the database}" },
            "environment_variables": { "WHO": "template", "OF_TEMPLATE": "yes" },
        });
        state.put_pod(user, &format!("{user}pod"), definition, template);
    }
    tapis::start(Wire::Plain, state)
}

/// A world whose configuration has the store and no more.
fn world(tapis: &Tapis, more: Json) -> World {
    let world = World::new();
    let mut settings = json!({ "kind": "tapis", "url": tapis.url() });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.file("c.json", json!({ "stores": { "t": settings } }).to_string());
    world
}

fn launch(world: &World, user: &str, arguments: &[&str]) -> Inject {
    world.inject(["-c", "c.json"].iter().chain(arguments)).env("TAPIS_TOKEN", token(user))
}

fn reads(calls: &[Request]) -> usize {
    let is_value = |call: &&Request| call.path.ends_with("/value") || call.parameter("resolve_secrets").is_some();
    calls.iter().filter(is_value).count()
}

#[test]
fn a_pods_definition_is_the_configuration_and_its_command_is_run() {
    let tapis = start();
    let world = world(&tapis, json!({}));
    let done = launch(&world, "alice", &["--pod", "alicepod", "-e", "URL=${pods:secrets:DB} $<pods:url>"]).done();
    let shown = done.variables();
    assert_eq!(done.variable("WHO"), "pod");
    assert_eq!(done.variable("OF_TEMPLATE"), "yes");
    assert_eq!(done.variable("URL"), "pa$<env:HOME>ss ${pods:url} alicepod.pods.dev.tapis.io", "-e wins");
    assert!(!shown.iter().any(|(name, _)| ["DB", "HIDDEN", "TAPIS_TOKEN"].contains(&name.as_str())), "{shown:?}");
    // Nothing refers to the hidden secret, so nobody asked for it.
    assert_eq!((tapis.count(), reads(&tapis.calls())), (2, 1));
    let typed = launch(&world, "alice", &["--pod", "alicepod", "--", "sh", "-c", "printf %s \"$URL\""]).done().quiet();
    assert_eq!(typed.text(), "db://pa$<env:HOME>ss ${pods:url}@localhost");
    let variable = world.inject(["-c", "c.json", "--require-config", "--", "sh", "-c", "printf %s \"$WHO\""]);
    let variable = variable.env("INJECT_POD", "alicepod").env("TAPIS_TOKEN", token("alice")).done().quiet();
    assert_eq!(variable.text(), "pod");
}

#[test]
fn configurations_lie_over_the_pod_and_say_so() {
    let tapis = start();
    let world = world(&tapis, json!({}));
    let over = json!({
        "environment_variables": { "WHO": "config" }, "secret_map": { "HOST": "elsewhere" },
        "networking": { "default": { "url": "b.pods.dev" } }, "command": ["env"], "arguments": ["-0"],
    });
    world.file("over.json", over.to_string());
    let done = launch(&world, "alice", &["-c", "over.json", "--pod", "alicepod"]).done().quiet();
    assert_eq!(done.variable("WHO"), "config");
    assert_eq!(done.variable("URL"), "db://pa$<env:HOME>ss ${pods:url}@elsewhere");
    let plan = launch(&world, "alice", &["-c", "over.json", "--pod", "alicepod", "plan", "--json"]).done().quiet();
    let plan: Json = serde_json::from_str(plan.text()).unwrap();
    let target = |name: &str| plan["targets"].as_array().unwrap().iter().find(|target| target["name"] == name).unwrap();
    assert_eq!(target("OF_TEMPLATE")["place"], "pod alicepod environment_variables.OF_TEMPLATE");
    assert_eq!(
        (&target("OF_TEMPLATE")["layer"], &target("WHO")["layer"]),
        (&json!("pod alicepod"), &json!("over.json"))
    );
    assert_eq!(target("WHO")["shadows"], json!(["pod alicepod environment_variables.WHO"]));
    assert_eq!(reads(&tapis.calls()), 1, "plan reads no value");
}

#[test]
fn configs_become_files_and_a_size_in_their_place_never_does() {
    let tapis = start();
    let world = world(&tapis, json!({}));
    let path = world.path("etc/app.conf");
    world.file("etc/app.conf", "");
    let mount = |content: &str| {
        let mounts = json!({ path.to_str().unwrap(): {
            "type": "ephemeral", "config_content": content, "config_permissions": "0440", "new_in_tapis": true,
        } });
        let map = json!({ "DB": "${secret:alice:alice-db}" });
        let definition = json!({ "pod_id": "confpod", "volume_mounts": mounts, "secret_map": map });
        tapis.state().put_pod("alice", "confpod", definition, json!(null));
    };
    mount("password=${pods:secrets:DB}\n");
    let cat = format!("cat {}", path.display());
    let done = launch(&world, "alice", &["--pod", "confpod", "--", "sh", "-c", &cat]).done().quiet();
    assert_eq!(done.text(), "password=pa$<env:HOME>ss ${pods:url}\n");
    let asked = tapis.calls().into_iter().find(|call| call.path.ends_with("/derived")).unwrap();
    assert_eq!(asked.parameter("include_configs"), Some("true"));
    mount("<12 bytes - set include_configs=true to see>");
    let done = launch(&world, "alice", &["--pod", "confpod", "--", "touch", "ran"]).done();
    done.fails(125, &["pod confpod volume_mounts.", "marker"]);
    assert!(!world.exists("ran"));
}

#[test]
fn why_there_is_no_definition_is_told_apart() {
    let tapis = start();
    tapis.state().put_pod("bob", "bobspod", json!({ "pod_id": "bobspod" }), json!(null));
    let world = world(&tapis, json!({}));
    let refused = |token: String, pod: &str, pieces: &[&str]| {
        let done = world.inject(["-c", "c.json", "--pod", pod, "--", "touch", "ran"]).env("TAPIS_TOKEN", &token).done();
        let done = done.fails(125, pieces).err;
        assert!(!world.exists("ran") && !done.contains(&token), "{done}");
        assert_eq!(done.trim().lines().count(), 1, "{done}");
    };
    refused(token("alice"), "bobspod", &["--pod bobspod", "store t: denied", "`alice`", "its owner may see it"]);
    refused(token("alice"), "nopod", &["--pod nopod", "store t has no pod of this id"]);
    refused(token_of("alice", TENANT, now() - 90), "alicepod", &["not let in", "expired 9"]);
    refused(token_of("alice", "other", now() + 90), "alicepod", &["not let in", "tenant is `other`"]);
    refused(token("alice"), "../secrets/alice-db", &["the id of a pod is letters"]);
    refused(token("alice"), "", &["--pod"]);
    // A route beside those of pods.
    refused(token("alice"), "secrets", &["has no pod of this id"]);
    let good =
        |result: Json| json!({ "status": "success", "message": "", "metadata": {}, "result": result, "version": "1" });
    for (reply, piece) in [
        (Reply::json(200, &good(json!({ "pod_id": "another" }))), "malformed"),
        (Reply::json(200, &good(json!([]))), "malformed"),
        (Reply::json(200, &good(json!({ "pod_id": "alicepod", "volume_mounts": 1 }))), "malformed"),
        (Reply::json(200, &json!({ "status": "error", "message": "x", "result": null })), "that there was an error"),
        (Reply::html(404, "<html></html>"), "malformed"),
        (Reply::html(501, "<html></html>"), "malformed"),
    ] {
        tapis.next([Fault::Instead(reply)]);
        refused(token("alice"), "alicepod", &["--pod alicepod", piece]);
    }
    tapis.always(Fault::Instead(Reply::json(200, &good(json!({ "pod_id": "alicepod", "environment_variables": 1 })))));
    refused(token("alice"), "alicepod", &["pod alicepod environment_variables", "a number"]);
}

#[test]
fn the_store_of_the_pod_is_the_one_that_has_pods() {
    let tapis = start();
    let world = World::new();
    let store = json!({ "kind": "tapis", "url": tapis.url() });
    let config = |stores: Json| world.file("c.json", json!({ "stores": stores }).to_string());
    let done = |arguments: &[&str]| launch(&world, "alice", arguments).done();
    config(json!({ "e": { "kind": "env" }, "t": store }));
    assert_eq!(done(&["-s", "t", "--pod", "alicepod", "--", "sh", "-c", "printf %s $WHO"]).quiet().text(), "pod");
    // Its references are the default store's, and which one that is has to be said.
    done(&["--pod", "alicepod", "--", "true"]).fails(125, &["several stores could be the default: e, t"]);
    config(json!({ "t": store, "u": store }));
    done(&["--pod", "alicepod", "--", "true"]).fails(125, &["--pod", "several stores have pods: t, u"]);
    config(json!({}));
    let calls = tapis.count();
    done(&["--pod", "alicepod", "--", "true"]).fails(125, &["--pod", "the kind `tapis` needs settings"]);
    assert_eq!(tapis.count(), calls);
    let ambient = launch(&world, "alice", &["--pod", "alicepod", "--", "sh", "-c", "printf %s $WHO"]);
    assert_eq!(ambient.env("TAPIS_BASE_URL", tapis.url()).done().quiet().text(), "pod");
}

#[test]
fn hidden_secrets_are_given_to_admins_under_pod_only() {
    let tapis = start();
    let hidden = &["-e", "V=$<pods:secrets:HIDDEN>", "--", "sh", "-c", "printf %s \"$V\""];
    let under_pod = |user: &str, more: Json, arguments: &[&str]| {
        let pod = format!("{user}pod");
        launch(&world(&tapis, more), user, &[&["--pod", &*pod], arguments].concat()).done()
    };
    let admin = json!({ "pods_admin": true });
    let given = under_pod("root", admin.clone(), hidden).quiet();
    assert_eq!(given.text(), "for pods: ${secret:alice-db}", "and not scanned");
    let calls = tapis.calls();
    let pods: Vec<_> = calls.iter().filter(|call| call.path.ends_with("/derived")).collect();
    assert_eq!(pods.len(), 3);
    assert!(pods.iter().all(|call| call.header("x-pods-admin") == Some("true")));
    let others = calls.iter().filter(|call| !call.path.ends_with("/derived"));
    assert!(others.clone().count() > 0 && others.clone().all(|call| call.header("x-pods-admin").is_none()));

    // Without the setting, without the role, without the pod, without an entry of it.
    under_pod("root", json!({}), hidden).fails(125, &["secret_map.HIDDEN", "not readable", "`root-hidden`"]);
    under_pod("alice", json!({}), hidden).fails(125, &["not readable", "`alice-hidden`"]);
    under_pod("alice", admin.clone(), hidden).fails(125, &["denied", "`pods_admin` of the store is true", "`alice`"]);
    let alone = launch(&world(&tapis, admin.clone()), "root", &["-e", "V=$<secret:root-hidden>", "--", "true"]).done();
    alone.fails(125, &["not readable", "to pods alone"]);
    let other = under_pod("root", admin.clone(), &["-e", "V=$<secret:root-other>", "--", "true"]);
    other.fails(125, &["not readable", "`root-other`", "the pod `rootpod` has no entry"]);
    // An admin sees another's pod, and has no more of another's secrets than before.
    let foreign = launch(&world(&tapis, admin), "root", &["--pod", "alicepod", "--", "true"]).done();
    foreign.fails(125, &["denied", "`alice-db` is written as `alice`'s"]);
}

#[test]
fn what_stands_for_a_hidden_value_is_never_injected() {
    let tapis = start();
    let admin = world(&tapis, json!({ "pods_admin": true }));
    tapis.state().put("root", "root-hidden", SENTINEL);
    tapis.state().set_readable("root-hidden", false);
    let run = ["--pod", "rootpod", "-e", "V=$<pods:secrets:HIDDEN>", "--", "touch", "ran"];
    launch(&admin, "root", &run).done().fails(125, &["not readable", "hides it from pods_admin too"]);
    let shown = json!({ "pod_id": "rootpod", "secret_map": { "A": SENTINEL }, "environment_variables": { "B": format!("x{SENTINEL}") } });
    tapis.state().put_pod("root", "rootpod", shown.clone(), json!(null));
    let done = launch(&admin, "root", &["--pod", "rootpod", "--", "touch", "ran"]).done();
    done.fails(125, &["pod rootpod secret_map.A: `<<write-only>>`", "pod rootpod environment_variables.B"]);
    admin.file("saved.json", shown.to_string());
    let done = launch(&admin, "root", &["-c", "saved.json", "--", "touch", "ran"]).done();
    done.fails(125, &["secret_map.A (saved.json:1:", "hides a value"]);
    assert!(!admin.exists("ran"));
}

#[test]
fn one_deadline_is_for_the_pod_and_its_secrets() {
    let tapis = start();
    tapis.always(Fault::Delay(std::time::Duration::from_secs(30)));
    let world = world(&tapis, json!({}));
    let done = launch(&world, "alice", &["--timeout", "300ms", "--pod", "alicepod", "--", "true"]).done();
    done.fails(125, &["--pod alicepod", "timed out", "--timeout allows more time"]);
}
