//! The binary against a Cloudify Manager: what it injects, what it refuses to, and what it says then.

use crate::doubles::cloudify::{Cloudify, OTHER_TENANT, State, password, start};
use crate::doubles::http::{Fault, Reply, Wire, now};
use crate::doubles::tls::Certificate;
use crate::harness::{Inject, Outcome, World};
use crate::remote::{self, TLS};
use serde_json::{Value as Json, json};

/// alice's secrets, and a token of bob's.
fn manager(wire: Wire) -> (Cloudify, String) {
    let mut state = State::new();
    state.put("db_password", "hunter4");
    state.put("text", "päss\n\t\"q\"\\ $<secret:db_password>");
    state.put("object", json!({ "user": "amy", "hosts": ["one", { "name": "two" }], "a/b": 1 }));
    state.put("object_as_text", r#"{"user": "amy"}"#);
    state.put("number", json!(5));
    state.put("hidden", "canary");
    state.hide("hidden");
    state.put("other_hidden", "canary");
    state.hide("other_hidden");
    state.put("private", "canary");
    state.set_visibility("private", "private");
    let token = state.token("bob", None);
    (start(wire, state), token)
}

fn store(manager: &Cloudify, mut settings: Json) -> Json {
    settings["kind"] = json!("cloudify");
    remote::settings(manager, settings)
}

fn by_token() -> Json {
    json!({ "token": { "env": "TOKEN" } })
}

/// Launches `env -0` with these variables, from this store.
fn launch(world: &World, store: &Json, variables: Json) -> Inject {
    let configuration = json!({ "stores": { "m": store }, "environment_variables": variables });
    world.file("c.json", configuration.to_string());
    world.inject(["-c", "c.json", "--retries", "2", "--", "env", "-0"])
}

/// What became of one reference, asked by bob's token.
fn asked(manager: &Cloudify, token: &str, reference: &str) -> Outcome {
    let done = launch(&World::new(), &store(manager, by_token()), json!({ "V": reference })).env("TOKEN", token).done();
    shows_nothing(&done, token);
    done
}

#[track_caller]
fn shows_nothing(done: &Outcome, token: &str) {
    let all = format!("{}{}", String::from_utf8_lossy(&done.out), done.err);
    for hidden in [token, "canary", "ctok-", "Traceback", "<h1>", "server_traceback"] {
        assert!(!all.contains(hidden), "{hidden:?} in {all:?}");
    }
}

#[test]
fn values_arrive_over_tls_and_on_loopback_as_they_are() {
    for wire in [TLS, Wire::TlsHttp1(Certificate::Good), Wire::Plain] {
        let (manager, token) = manager(wire);
        let world = World::new();
        let done = launch(
            &world,
            &store(&manager, by_token()),
            json!({
                "PLAIN": "$<secret:db_password>", "INSIDE": "a$<m:db_password>b$<m:db_password>",
                "TEXT": "$<m:text>", "OBJECT": "$<m:object>", "NUMBER": "$<m:number>", "USER": "$<m:object#user>",
                "STEPS": "$<m:object#/hosts/1/name>", "LAST": "$<m:object#/hosts/-2>", "PART": "$<m:object#/hosts>",
                "FROM_TEXT": "$<m:object_as_text#user>", "DEFAULT": "$<m:absent:-none>",
            }),
        );
        let done = done.env("TOKEN", &token).done().quiet();
        for (name, value) in [
            ("PLAIN", "hunter4"),
            ("INSIDE", "ahunter4bhunter4"),
            ("TEXT", "päss\n\t\"q\"\\ $<secret:db_password>"),
            ("NUMBER", "5"),
            ("USER", "amy"),
            ("STEPS", "two"),
            ("LAST", "one"),
            ("PART", r#"["one",{"name":"two"}]"#),
            ("FROM_TEXT", "amy"),
            ("DEFAULT", "none"),
        ] {
            assert_eq!(done.variable(name), value, "{name}");
        }
        let object: Json = serde_json::from_str(&done.variable("OBJECT")).unwrap();
        assert_eq!(object["hosts"][1]["name"], "two");
        shows_nothing(&done, &token);
        // Each distinct secret once, on paths of v3.1, in the default tenant.
        let calls = manager.calls();
        assert_eq!(calls.len(), 6);
        assert!(calls.iter().all(|call| call.path.starts_with("/api/v3.1/secrets/") && call.query.is_empty()));
        assert!(calls.iter().all(|call| call.header("tenant") == Some("default_tenant")));
    }
}

#[test]
fn a_blueprints_get_secret_is_a_value_of_a_configuration() {
    let (manager, token) = manager(TLS);
    let variables = json!({
        "KEY": { "get_secret": "db_password" },
        "STEPS": { "get_secret": ["object", "hosts", 1, "name"] },
        "LAST": { "get_secret": ["object", "hosts", -1, "name"] },
        "SLASH": { "get_secret": ["object", "a/b"] },
        "TEXT": { "get_secret": ["object_as_text", "user"] },
    });
    let done = launch(&World::new(), &store(&manager, by_token()), variables).env("TOKEN", &token).done().quiet();
    let values = ["KEY", "STEPS", "LAST", "SLASH", "TEXT"].map(|name| done.variable(name));
    assert_eq!(values, ["hunter4", "two", "two", "1", "amy"]);
    let wrong = json!({ "V": { "get_secret": ["object", "hosts", 2] }, "W": { "get_secret": ["text", "user"] } });
    let done = launch(&World::new(), &store(&manager, by_token()), wrong).env("TOKEN", &token).done();
    done.fails(125, &["V", "/hosts/2", "W", "not JSON"]);
}

#[test]
fn a_user_and_a_password_log_in_to_a_manager_of_2017_too() {
    let (manager, _) = manager(TLS);
    manager.state().is_old = true;
    let login = json!({ "user": "alice", "password": { "env": "PASS" }, "api": "v3", "tenant": "default_tenant" });
    let ask = |settings: &Json| {
        launch(&World::new(), &store(&manager, settings.clone()), json!({ "V": "$<m:db_password>" }))
            .env("PASS", password("alice"))
            .done()
    };
    let done = ask(&login).quiet();
    assert_eq!(done.variable("V"), "hunter4");
    assert!(!String::from_utf8_lossy(&done.out).contains(&password("alice")));
    let mut newer = login.clone();
    newer["api"] = json!("v3.1");
    ask(&newer).fails(125, &["malformed", manager.url(), "404", "\"api\": \"v3\""]);
}

#[test]
fn the_credential_and_its_variable_never_reach_the_command() {
    let (manager, token) = manager(TLS);
    let world = World::new();
    world.file("token", format!("{token}\n"));
    let ambient = |inject: Inject| inject.env("CLOUDIFY_TOKEN", &token).env("CLOUDIFY_PASSWORD", "p");
    for settings in [by_token(), json!({ "token": { "file": "token" } })] {
        let inject = launch(&world, &store(&manager, settings), json!({ "V": "$<m:db_password>" }));
        let done = ambient(inject).env("TOKEN", &token).env("OTHER", "stays").done().quiet();
        assert_eq!((done.variable("V"), done.variable("OTHER")), ("hunter4".into(), "stays".into()));
        for name in ["CLOUDIFY_TOKEN", "CLOUDIFY_PASSWORD"] {
            assert!(done.variables().iter().all(|(known, _)| known != name), "{name}");
        }
    }
    let inject = launch(&world, &store(&manager, by_token()), json!({ "V": "$<m:db_password>" }));
    let done = inject.env("TOKEN", &token).done().quiet();
    assert!(done.variables().iter().all(|(known, _)| known != "TOKEN"));
    shows_nothing(&done, &token);
}

#[test]
fn without_settings_the_variables_and_the_profile_of_cfy_are_enough() {
    let (manager, token) = manager(TLS);
    let by = |world: &World| world.inject(["-e", "V=$<secret:db_password>", "--", "env", "-0"]);
    let world = World::new();
    let done = by(&world)
        .env("CLOUDIFY_HOST", manager.address().to_string())
        .env("CLOUDIFY_USERNAME", "bob")
        .env("CLOUDIFY_PASSWORD", password("bob"))
        .env("LOCAL_REST_CERT_FILE", manager.ca_file())
        .done()
        .quiet();
    assert_eq!(done.variable("V"), "hunter4");
    assert!(!String::from_utf8_lossy(&done.out).contains(&password("bob")));

    let context = json!({
        "manager_ip": "127.0.0.1", "rest_port": manager.address().port(), "rest_protocol": "https",
        "rest_certificate": manager.ca_file(), "manager_username": null, "manager_token": token,
        "manager_tenant": "default_tenant", "kerberos_env": false, "cluster": {},
    });
    world.file(".cloudify/active.profile", "prod").file(".cloudify/profiles/prod/context.json", context.to_string());
    let done = by(&world).done().quiet();
    assert_eq!(done.variable("V"), "hunter4");
    shows_nothing(&done, &token);
    by(&world).env("CLOUDIFY_TENANT", "other").done().fails(125, &["settings", "CLOUDIFY_TENANT", "context.json"]);
}

#[test]
fn absent_denied_expired_and_hidden_are_told_apart() {
    let (manager, token) = manager(TLS);
    let url = manager.url();
    for absent in ["absent", "private"] {
        let done = asked(&manager, &token, &format!("$<m:{absent}>"));
        done.fails(125, &[&format!("$<m:{absent}>: not found in the store m (cloudify)")]);
    }
    asked(&manager, &token, "$<m:hidden:-default>").fails(125, &["not readable", url, "`hidden`", "creator"]);
    asked(&manager, &token, "$<m:hidden> $<m:other_hidden>").fails(125, &["$<m:hidden>", "$<m:other_hidden>"]);
    asked(&manager, "ctok-0000-nobody", "$<m:db_password>").fails(125, &["not let in", url, "401", "credential"]);
    let expired = manager.state().token("bob", Some(now() - 1));
    asked(&manager, &expired, "$<m:db_password>").fails(125, &["not let in", url, "token has expired"]);
    let settings = json!({ "token": { "env": "TOKEN" }, "tenant": OTHER_TENANT });
    let world = World::new();
    let inject = launch(&world, &store(&manager, settings), json!({ "V": "$<m:db_password>" }));
    inject.env("TOKEN", &token).done().fails(125, &["denied", url, "403", "`tenant`"]);
    // A key that no manager takes is told without asking.
    let before = manager.count();
    asked(&manager, &token, "$<m:a/b>").fails(125, &["key of Cloudify"]);
    asked(&manager, &token, "$<m:db_password@2>").fails(125, &["no versions"]);
    assert_eq!(manager.count(), before);
}

#[test]
fn a_provider_that_fails_is_named_as_the_reason() {
    let (manager, token) = manager(TLS);
    manager.state().set_provider("db_password", "vault");
    assert_eq!(asked(&manager, &token, "$<m:db_password>").quiet().variable("V"), "hunter4");
    manager.state().providers_down = true;
    asked(&manager, &token, "$<m:db_password:-x>").fails(125, &["unavailable", manager.url(), "provider"]);
}

#[test]
fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
    let (manager, token) = manager(TLS);
    let internal = json!({ "error_code": "internal_server_error", "server_traceback": "Traceback canary" });
    let internal = Fault::Instead(Reply::json(500, &internal));
    let busy = Fault::Instead(Reply::html(429, "<h1>busy</h1>").with("retry-after", "1"));
    manager.next([internal.clone(), busy, Fault::Reset(0)]);
    assert_eq!(asked(&manager, &token, "$<m:db_password>").quiet().variable("V"), "hunter4");
    assert_eq!(manager.count(), 4);
    manager.next([internal.clone(), internal.clone(), internal]);
    asked(&manager, &token, "$<m:db_password>").fails(125, &["unavailable", manager.url(), "500"]);
    assert_eq!(manager.count(), 7);
    asked(&manager, "ctok-0000-nobody", "$<m:db_password>").fails(125, &["401"]);
    assert_eq!(manager.count(), 8);
}

#[test]
fn an_answer_that_is_no_secret_is_told_without_a_word_of_it() {
    for wire in [TLS, Wire::Plain] {
        let (manager, token) = manager(wire);
        for (body, pieces) in [
            (Reply::text(200, "{\"value\": \"canary\""), ["malformed", "no secret"]),
            (Reply::text(200, "{\"value\": \"canary\", \"value\": \"b\"}"), ["malformed", "no secret"]),
            (Reply::html(200, "<h1>canary</h1>"), ["malformed", "no secret"]),
            (Reply::html(404, "<h1>canary</h1>"), ["malformed", "404"]),
            (Reply::html(418, "<h1>canary</h1>"), ["malformed", "418"]),
            (Reply::json(400, &json!({ "error_code": "canary" })), ["malformed", "400"]),
        ] {
            manager.next([Fault::Instead(body)]);
            asked(&manager, &token, "$<m:db_password:-x>").fails(125, &[manager.url()]).fails(125, &pieces);
        }
        manager.always(Fault::Garbage(b"\0canary".to_vec()));
        asked(&manager, &token, "$<m:db_password>").fails(125, &[manager.url()]);
    }
}
