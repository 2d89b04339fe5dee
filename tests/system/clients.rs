//! The doubles are what the systems' own clients take for the systems: each official client drives
//! its double through every operation of the API that it was made for, and checks what it gets.
//! And what such a client and `inject secret` do there each sees of the other. `tests/setup` installs the clients, pinned by their hashes; the drivers are in `clients/`.

use crate::doubles::http::{Server, Wire};
use crate::doubles::tls::{Authority, Certificate};
use crate::doubles::websocket::Framing;
use crate::doubles::{apolo, cloudify, juju, qovery, tapis};
use crate::harness::{PROGRAM, World};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where tests/setup puts the clients.
#[track_caller]
fn installed(path: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let path = target.join("clients").join(path);
    assert!(path.exists(), "this needs {}, which tests/setup installs", path.display());
    path
}

fn driver(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/system/clients").join(name)
}

#[track_caller]
fn drive(command: &mut Command) {
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name);
    }
    let done = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{:?}: {}\n{out}\n{err}", command.get_program(), done.status);
}

/// Each of these calls was made, a `*` standing for one part of the path.
#[track_caller]
fn assert_called(server: &Server, calls: &[&str]) {
    let made: Vec<String> = server.calls().iter().map(|call| format!("{} {}", call.method, call.path)).collect();
    for call in calls {
        let parts: Vec<&str> = call.split('/').collect();
        let is_it = |made: &String| {
            let made: Vec<&str> = made.split('/').collect();
            made.len() == parts.len() && made.iter().zip(&parts).all(|(made, part)| *part == "*" || made == part)
        };
        assert!(made.iter().any(is_it), "nobody asked {call}");
    }
}

#[test]
fn the_client_of_tapis_takes_the_double_for_tapis() {
    let program = installed("tapis/debug/tapis-driver");
    for with_offset in [false, true] {
        let double = tapis::start(Wire::Plain, tapis::State::new());
        double.state().with_offset = with_offset;
        let definition = json!({
            "pod_id": "web", "image": "app:1", "template": "base", "environment_variables": { "WHO": "pod" },
            "secret_map": { "OWN": "text" }, "command": null, "networking": { "default": { "port": 5000 } },
            "volume_mounts": { "/etc/app.conf": { "type": "ephemeral", "config_content": "p=${pods:secrets:DB}" } },
        });
        let template = json!({
            "environment_variables": { "WHO": "template", "MORE": "template" },
            "secret_map": { "DB": "${secret:alice:db}" },
        });
        double.state().put_pod("alice", "web", definition, template);
        double.state().put_pod("bob", "bobs", json!({ "pod_id": "bobs" }), json!(null));
        let mut command = Command::new(&program);
        command.env("URL", format!("{}/v3", double.url())).env("TOKEN", tapis::token("alice"));
        command.envs(with_offset.then_some(("WITH_OFFSET", "1")));
        drive(&mut command);
        let all = ["GET /v3/pods/secrets", "POST /v3/pods/secrets", "GET /v3/pods/secrets/*"];
        assert_called(&double, &all);
        let rest = ["GET /v3/pods/secrets/*/value", "PUT /v3/pods/secrets/*", "DELETE /v3/pods/secrets/*"];
        assert_called(&double, &rest);
        assert_called(&double, &["GET /v3/pods/*", "GET /v3/pods/*/derived"]);
    }
}

#[test]
fn the_client_of_tapis_and_inject_see_what_the_other_did() {
    let program = installed("tapis/debug/tapis-driver");
    let (double, world) = (tapis::start(Wire::Plain, tapis::State::new()), World::new());
    double.state().with_offset = true;
    let client = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).env("URL", format!("{}/v3", double.url())).env("TOKEN", tapis::token("alice"));
        drive(&mut command);
    };
    let secret = |arguments: &[&str]| {
        let secret = world.secret(arguments).env("TAPIS_BASE_URL", double.url());
        secret.env("TAPIS_TOKEN", tapis::token("alice"))
    };
    secret(&["add", "ours", "--description", "by inject"]).input("first \u{1f511}\n").done().quiet();
    client(&["see", "ours", "first \u{1f511}\n", "by inject"]);
    secret(&["update", "ours", "--file", "-", "--description", ""]).input("").done().quiet();
    client(&["see", "ours", "", ""]);

    client(&["make", "theirs", "made\n", "by the client"]);
    assert_eq!(secret(&["get", "theirs"]).done().quiet().out, b"made\n");
    let shown = secret(&["show", "theirs", "--json"]).done().quiet();
    let shown: Json = serde_json::from_str(shown.text()).unwrap();
    assert_eq!((&shown["description"], &shown["added_by"]), (&json!("by the client"), &json!("alice")));
    secret(&["update", "theirs"]).input("changed").done().quiet();
    client(&["see", "theirs", "changed", "by the client"]);

    client(&["remove", "ours"]);
    secret(&["show", "ours"]).done().fails(125, &["no secret `ours`"]);
    secret(&["rm", "theirs", "--yes"]).done().quiet();
    client(&["miss", "theirs"]);
}

#[test]
fn the_client_of_apolo_takes_the_double_for_apolo() {
    let double = apolo::start(Wire::Plain, apolo::State::new());
    let mut command = Command::new(installed("apolo/bin/python"));
    command.arg("-I").arg(driver("apolo.py")).env("API", apolo::api(&double)).env("TOKEN", apolo::token("alice"));
    command.env("OTHER_TOKEN", apolo::token("bob")).env("PASSED_CONFIG", apolo::passed_config(&double, "alice"));
    drive(&mut command);
    assert_called(&double, &["GET /api/v1/config", "GET /api/v1/secrets", "POST /api/v1/secrets"]);
    assert_called(&double, &["GET /api/v1/secrets/*", "DELETE /api/v1/secrets/*"]);
}

#[test]
fn the_client_of_apolo_and_inject_see_what_the_other_did() {
    let (double, world) = (apolo::start(Wire::Plain, apolo::State::new()), World::new());
    let client = |arguments: &[&str]| {
        let mut command = Command::new(installed("apolo/bin/python"));
        command.arg("-I").arg(driver("apolo.py")).args(arguments);
        command.env("API", apolo::api(&double)).env("TOKEN", apolo::token("alice"));
        drive(&mut command);
    };
    let secret =
        |arguments: &[&str]| world.secret(arguments).env("APOLO_PASSED_CONFIG", apolo::passed_config(&double, "alice"));
    secret(&["add", "ours"]).input(b"\x00first\xff\n").done().quiet();
    client(&["see", "ours", "006669727374ff0a"]);
    secret(&["add", "ours", "--replace", "--yes"]).input("2").done().quiet();
    client(&["see", "ours", "32"]);

    client(&["make", "theirs", "00ff0a"]);
    assert_eq!(secret(&["get", "theirs"]).done().quiet().out, b"\x00\xff\n");
    let shown = secret(&["show", "theirs", "--json"]).done().quiet();
    let shown: Json = serde_json::from_str(shown.text()).unwrap();
    assert_eq!(shown["uri"], "secret://default/my-org/my-project/theirs");

    client(&["remove", "ours"]);
    secret(&["show", "ours"]).done().fails(125, &["no secret `ours`"]);
    secret(&["rm", "theirs", "--yes"]).done().quiet();
    client(&["miss", "theirs"]);
}

#[test]
fn the_client_of_cloudify_takes_the_double_for_a_manager_of_either_age() {
    let double = cloudify::start(Wire::Plain, cloudify::State::new());
    let old = cloudify::start(Wire::Plain, cloudify::State::new());
    old.state().is_old = true;
    let mut command = Command::new(installed("cloudify/bin/python"));
    // Isolated: the driver would stand before the package of its name.
    command.arg("-I").arg(driver("cloudify.py")).env("PORT", double.address().port().to_string());
    command.env("OLD_PORT", old.address().port().to_string());
    drive(&mut command);
    for (server, face) in [(&double, "v3.1"), (&double, "v3"), (&old, "v3")] {
        let call = |call: &str| call.replace("/secrets", &format!("/api/{face}/secrets"));
        let calls = ["GET /secrets", "GET /secrets/*", "PUT /secrets/*", "PATCH /secrets/*", "DELETE /secrets/*"];
        let calls: Vec<String> = calls.into_iter().map(call).collect();
        assert_called(server, &calls.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn the_client_of_qovery_takes_the_double_for_qovery() {
    let double = qovery::start(Wire::Plain, qovery::State::new());
    let mut command = Command::new("node");
    command.arg(driver("qovery/driver.js")).env("NODE_PATH", installed("qovery/node_modules"));
    command.env("URL", double.url()).env("TOKEN", qovery::TOKEN).env("JWT", qovery::JWT);
    drive(&mut command);
    assert_called(&double, &["GET /container/*/secret", "POST /container/*/secret", "PUT /container/*/secret/*"]);
    assert_called(&double, &["DELETE /container/*/secret/*", "POST /container/*/secret/*/alias"]);
    assert_called(&double, &["POST /container/*/secret/*/override", "GET /variable", "POST /variable"]);
}

#[test]
fn the_client_of_juju_takes_the_double_for_a_controller() {
    let start = |change: fn(&mut juju::State)| {
        let mut state = juju::State::new();
        change(&mut state);
        juju::start(state)
    };
    let double = start(|state| {
        state.put_of("application-x", "my-apitoken", &[("token", b"of a charm")]);
    });
    let pieces = start(|_| {});
    pieces.frame(Framing::Pieces(4096));
    let old = start(|state| state.versions = vec![1]);
    let macaroon = start(|state| state.wants_macaroon = true);
    let moved = start(|state| state.redirect = Some(juju::Redirect::WithAddresses));
    let other = Authority::new(Certificate::Controller);
    let mut command = Command::new(installed("juju/bin/python"));
    // Isolated: the driver would stand before the package of its name.
    command.arg("-I").arg(driver("juju.py")).env("MODEL", juju::MODEL).env("PASSWORD", juju::PASSWORD);
    command.env("ENDPOINT", juju::endpoint(&double)).env("CA", double.ca_file()).env("OTHER_CA", other.ca_file());
    command.env("INJECT", PROGRAM);
    for (name, double) in [("PIECES", &pieces), ("OLD", &old), ("MACAROON", &macaroon), ("MOVED", &moved)] {
        command.env(name, juju::endpoint(double)).env(format!("CA_{name}"), double.ca_file());
    }
    drive(&mut command);
    for method in ["List", "Create", "Update", "Remove"] {
        assert!(double.count(&format!("Secrets.{method}Secrets")) > 0, "nobody asked {method}Secrets");
    }
    assert!(double.count("Secrets.GrantSecret") > 0 && double.count("Secrets.RevokeSecret") > 0);
    assert!(double.count("Controller.AllModels") > 0 && pieces.pongs() > 0);
}

/// `inject secret ARGUMENTS` on this store, whose credential is in `CREDENTIAL`; what it wrote.
#[track_caller]
fn secret(world: &World, store: &Json, credential: &str, arguments: &[&str], input: &str) -> String {
    world.file("c.json", json!({ "stores": { "s": store } }).to_string());
    let inject = world.inject(["-c", "c.json", "secret"].iter().chain(arguments)).env("CREDENTIAL", credential);
    inject.input(input).done().quiet().text().to_owned()
}

#[test]
fn inject_and_the_client_of_cloudify_manage_the_same_secrets() {
    let double = cloudify::start(Wire::Plain, cloudify::State::new());
    let world = World::new();
    let client = |step: &str| {
        let mut command = Command::new(installed("cloudify/bin/python"));
        command.arg("-I").arg(driver("cloudify_managed.py")).env("STEP", step);
        command.env("PORT", double.address().port().to_string());
        drive(command.env("FILE", world.path("export.json")).env("OWN", world.path("own.json")));
    };
    let store = json!({
        "kind": "cloudify", "url": double.url(), "user": "alice", "password": { "env": "CREDENTIAL" },
    });
    let secret =
        |arguments: &[&str], input: &str| secret(&world, &store, &cloudify::password("alice"), arguments, input);
    client("make");
    let listed: Json = serde_json::from_str(&secret(&["list", "--json"], "")).unwrap();
    let names: Vec<&str> = listed.as_array().unwrap().iter().filter_map(|item| item["name"].as_str()).collect();
    assert_eq!(names, ["gone", "theirs", "typed"]);
    assert_eq!(secret(&["get", "theirs"], ""), "käse\n");
    assert_eq!(secret(&["get", "typed#/a/1"], ""), "x");
    secret(&["update", "theirs", "--visibility", "tenant", "--file", "-"], "new\n");
    secret(&["update", "typed"], r#"{"a": 2}"#);
    secret(&["add", "ours", "--hidden"], "päss\t\n");
    secret(&["rm", "gone", "--yes"], "");
    world.file("passphrase", "passphrase\n");
    world.file("export.json", secret(&["export", "ours", "theirs", "--passphrase-file", "passphrase"], ""));
    client("check");
    secret(&["import", "own.json", "--passphrase-file", "passphrase"], "");
    assert_eq!(secret(&["get", "ours"], ""), "päss\t\n");
}

#[test]
fn inject_and_the_client_of_qovery_manage_the_same_secrets() {
    let double = qovery::start(Wire::Plain, qovery::State::new());
    let world = World::new();
    let client = |step: &str| {
        let mut command = Command::new("node");
        command.arg(driver("qovery/managed.js")).env("NODE_PATH", installed("qovery/node_modules"));
        drive(command.env("URL", double.url()).env("JWT", qovery::JWT).env("STEP", step));
    };
    let store = json!({
        "kind": "qovery", "url": double.url(), "token": { "env": "CREDENTIAL" }, "scope": "container",
        "id": qovery::CONTAINER,
    });
    let secret = |arguments: &[&str], input: &str| secret(&world, &store, qovery::TOKEN, arguments, input);
    client("make");
    let shown: Json = serde_json::from_str(&secret(&["show", "THEIRS", "--json"], "")).unwrap();
    assert_eq!((&shown["description"], &shown["variable_type"]), (&json!("before"), &json!("VALUE")));
    secret(&["update", "THEIRS", "--new-name", "RENAMED", "--description", "after"], "");
    secret(&["add", "OURS", "--mount-path", "/etc/ours", "--interpolation"], "{{KEY}}");
    secret(&["add", "PLAIN", "--plain"], "päss\n");
    secret(&["override", "WIDE"], "narrow");
    secret(&["alias", "QOVERY_POSTGRESQL_Z1_PASSWORD", "ALIAS"], "");
    secret(&["import"], "IMPORTED=v\n");
    secret(&["rm", "GONE", "--yes"], "");
    client("check");
    assert_eq!(secret(&["get", "PLAIN"], ""), "changed");
    assert_eq!(double.state().value(qovery::CONTAINER, "WIDE"), Some("narrow"));
}
