//! Secrets of Apolo, asked for by the built binary.

use crate::doubles::apolo::{
    Apolo, CLUSTER, ORG, OTHER_PROJECT, PROJECT, State, api, passed_config, start, token, token_of,
};
use crate::doubles::http::{Fault, Reply, Wire, now};
use crate::doubles::tls::Certificate;
use crate::harness::{Inject, Outcome, World};
use crate::remote::{self, TLS};
use serde_json::{Value as Json, json};

fn apolo(wire: Wire) -> Apolo {
    let mut state = State::new();
    state.put("password", b"correct horse");
    start(wire, state)
}

/// A store that is configured, its token in `TOKEN`.
fn settings(apolo: &Apolo) -> Json {
    let login = json!({ "kind": "apolo", "url": api(apolo), "token": { "env": "TOKEN" }, "project": PROJECT });
    remote::settings(apolo, login)
}

/// As alice.
fn launch(world: &World, settings: &Json, references: &[&str]) -> Inject {
    remote::launch(world, settings, references).env("TOKEN", token("alice"))
}

#[track_caller]
fn fails(launch: Inject, code: &str, pieces: &[&str]) {
    remote::fails(launch, &HIDDEN, code, pieces);
}

const HIDDEN: [&str; 4] = ["eyJ", "not checked", "hunter2", "correct horse"];

#[track_caller]
fn shows_no_login(done: &Outcome) {
    let shown = format!("{}{}", String::from_utf8_lossy(&done.out), done.err);
    for hidden in &HIDDEN[..3] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

#[test]
fn a_secret_comes_over_tls_and_the_token_stays_behind() {
    let world = World::new();
    for wire in [TLS, Wire::TlsHttp1(Certificate::Good), Wire::Plain] {
        let apolo = apolo(wire);
        let done = launch(&world, &settings(&apolo), &["$<secret:password>", "$<prod:password>"]).done().quiet();
        assert_eq!((done.variable("A"), done.variable("B")), ("correct horse".into(), "correct horse".into()));
        assert!(done.variables().iter().all(|(name, _)| name != "TOKEN"));
        shows_no_login(&done);
        // Discovery, and one GET for both; on one connection, since it is one server.
        assert_eq!((apolo.count(), apolo.connections()), (2, 1), "{wire:?}");
    }
}

#[test]
fn a_passed_configuration_is_all_that_a_job_needs() {
    let world = World::new();
    let apolo = apolo(Wire::Plain);
    for variable in ["APOLO_PASSED_CONFIG", "NEURO_PASSED_CONFIG"] {
        let done = world
            .inject(["-e", "A=$<secret:password>", "-e", "B=$<apolo:password>", "--", "env", "-0"])
            .env(variable, passed_config(&apolo, "alice"))
            .done()
            .quiet();
        assert_eq!((done.variable("A"), done.variable("B")), ("correct horse".into(), "correct horse".into()));
        assert!(done.variables().iter().all(|(name, _)| name != variable));
    }
}

#[test]
fn a_passed_configuration_is_a_token_too() {
    let world = World::new();
    let apolo = apolo(Wire::Plain);
    let settings = json!({ "kind": "apolo", "token": { "env": "TOKEN" } });
    let done = launch(&world, &settings, &["$<secret:password>"]).env("TOKEN", passed_config(&apolo, "alice")).done();
    assert_eq!(done.quiet().variable("A"), "correct horse");
}

#[test]
fn every_form_of_address_leads_to_its_secret() {
    let world = World::new();
    let apolo = apolo(TLS);
    {
        let mut state = apolo.state();
        state.permit("alice", ORG, OTHER_PROJECT);
        state.permit("alice", "org two", "p&q");
        state.put_at(CLUSTER, ORG, OTHER_PROJECT, "password", b"other's");
        state.put_at("far", "org two", "p&q", "password", b"far away");
    }
    let here = format!("$<secret://{CLUSTER}/{ORG}/{PROJECT}/password>");
    let other = format!("$<secret:/{OTHER_PROJECT}/password>");
    let references = [here.as_str(), &other, "$<secret://FAR/org two/p&q/password>", "$<prod:password>"];
    let mut settings = settings(&apolo);
    settings["cluster"] = json!(CLUSTER);
    let done = launch(&world, &settings, &references).done().quiet();
    let values = ["A", "B", "C", "D"].map(|name| done.variable(name));
    assert_eq!(values, ["correct horse", "other's", "far away", "correct horse"]);
    assert_eq!(apolo.count(), 4);
}

#[test]
fn any_bytes_and_a_member_of_a_value_reach_the_command() {
    let world = World::new();
    let apolo = apolo(TLS);
    let bytes: Vec<u8> = (0..=255).collect();
    apolo.state().put("bytes", &bytes);
    apolo.state().put("json", br#"{"user": "amy", "ports": [1, 2]}"#);
    let config = json!({
        "stores": { "prod": settings(&apolo) },
        "environment_variables": { "USER_NAME": "$<secret:json#user>", "PORTS": "$<secret:json#/ports>" },
        "files": { "bytes": "$<secret:bytes>" },
    });
    world.file("c.json", config.to_string());
    let command = r#"cat "$INJECT_FILES/bytes"; printf %s "$USER_NAME$PORTS""#;
    let done = world.inject(["-c", "c.json", "--", "sh", "-c", command]).env("TOKEN", token("alice")).done().quiet();
    assert_eq!(done.out, [bytes.as_slice(), b"amy[1,2]"].concat());
}

#[test]
fn what_does_not_exist_is_not_found_and_takes_a_default() {
    let world = World::new();
    let apolo = apolo(TLS);
    fails(launch(&world, &settings(&apolo), &["$<secret:absent>"]), "not_found", &["$<secret:absent>", "store prod"]);
    let done = launch(&world, &settings(&apolo), &["$<secret:absent:-none>"]).done().quiet();
    assert_eq!(done.variable("A"), "none");
}

#[test]
fn denied_expired_and_unknown_are_told_apart() {
    let world = World::new();
    let apolo = apolo(TLS);
    let as_user = |token: String| launch(&world, &settings(&apolo), &["$<secret:password>"]).env("TOKEN", token);
    let uri = format!("secret://{CLUSTER}/{ORG}/{PROJECT}/password");
    fails(as_user(token("bob")), "denied", &["403", &uri, apolo.url()]);
    fails(as_user(token_of("alice", now() - 5)), "unauthenticated", &["has expired", "show-token"]);
    fails(as_user(token("mallory")), "unauthenticated", &["not one that it knows", "store prod (apolo)", apolo.url()]);
    fails(as_user("opaque".into()), "unauthenticated", &["not one that it knows"]);
    fails(as_user("line\nbreak".into()), "config", &["control character"]);
    fails(
        launch(&world, &settings(&apolo), &["$<secret://nowhere/o/p/k>"]),
        "denied",
        &["no cluster `nowhere`", "get-clusters"],
    );
    let mistyped = |name: &str, code, piece| {
        let mut settings = settings(&apolo);
        settings[name] = json!("nowhere");
        fails(launch(&world, &settings, &["$<secret:password>"]), code, &[piece]);
    };
    mistyped("cluster", "denied", "no cluster `nowhere`");
    mistyped("project", "config", "no project `nowhere` there");
}

#[test]
fn an_installation_that_gives_no_values_out_says_so() {
    let world = World::new();
    let apolo = apolo(TLS);
    apolo.state().without_get = true;
    fails(launch(&world, &settings(&apolo), &["$<secret:password>"]), "not_readable", &["405", "gives none out"]);
}

#[test]
fn what_could_be_one_of_several_projects_is_asked_back() {
    let world = World::new();
    let apolo = apolo(TLS);
    let mut settings = settings(&apolo);
    settings.as_object_mut().unwrap().remove("project");
    let both = format!("{PROJECT}, {OTHER_PROJECT}");
    fails(launch(&world, &settings, &["$<secret:password>"]), "config", &["`project`", &both]);
    let uri = format!("$<secret:/{PROJECT}/password>");
    assert_eq!(launch(&world, &settings, &[&uri]).done().quiet().variable("A"), "correct horse");
}

#[test]
fn a_mistyped_reference_asks_nobody() {
    let world = World::new();
    let apolo = apolo(TLS);
    for (reference, says) in [
        ("$<secret:a/b>", "/PROJECT/KEY"),
        ("$<secret:..>", "a key of Apolo"),
        ("$<secret:a%2Fb>", "/PROJECT/KEY"),
        ("$<secret:a%3Fb>", "a key of Apolo"),
        ("$<secret://c/p/k>", "before organisations"),
        ("$<secret:k@1>", "no versions"),
    ] {
        fails(launch(&world, &settings(&apolo), &[reference]), "reference", &[says]);
    }
    assert_eq!(apolo.connections(), 0);
}

#[test]
fn a_server_that_stumbles_is_asked_again() {
    let world = World::new();
    let apolo = apolo(TLS);
    let broken = || Fault::Instead(Reply::html(500, "<h1>hunter2</h1>"));
    let busy = Fault::Instead(Reply::text(429, "hunter2").with("retry-after", "0"));
    apolo.next([broken(), busy]);
    let done = launch(&world, &settings(&apolo), &["$<secret:password>"]).done().quiet();
    assert_eq!((done.variable("A"), apolo.count()), ("correct horse".into(), 4));
    apolo.always(broken());
    let launch = launch(&world, &settings(&apolo), &["$<secret:password>"]).env("INJECT_RETRIES", "1");
    fails(launch, "unavailable", &["500 Internal Server Error", apolo.url()]);
}

/// One call of discovery, then the secret's.
#[test]
fn garbage_is_malformed_and_no_word_of_it_is_shown() {
    let world = World::new();
    let apolo = apolo(TLS);
    let html = Reply::html(200, "<html>hunter2</html>");
    let json = |text: &str| Reply::new(200, "application/json", text);
    let replies = [
        html.clone(),
        json("{\"hunter2\": "),
        json("[\"hunter2\"]"),
        json("{\"clusters\": \"hunter2\", \"authorized\": true}"),
        json("{\"value\": \"hunter2!\"}"),
        json("{\"value\": \"aHVudGVyMg==\", \"value\": \"aHVudGVyMg==\"}"),
        Reply::html(404, "<html>hunter2</html>"),
        Reply::html(418, "<html>hunter2</html>"),
    ];
    for reply in replies {
        for passing in [0, 1] {
            apolo.heal();
            apolo.next(std::iter::repeat_n(Fault::Delay(std::time::Duration::ZERO), passing));
            apolo.next([Fault::Instead(reply.clone())]);
            fails(launch(&world, &settings(&apolo), &["$<secret:password>"]), "malformed", &[apolo.url()]);
        }
    }
    for (status, code) in [(401, "unauthenticated"), (403, "denied")] {
        apolo.next([Fault::Instead(Reply::html(status, "<html>hunter2</html>"))]);
        fails(launch(&world, &settings(&apolo), &["$<secret:password>"]), code, &[apolo.url()]);
    }
}

#[test]
fn an_address_that_discovery_should_not_name_is_refused() {
    let world = World::new();
    let apolo = apolo(TLS);
    for (secrets, code) in [
        ("unix:/run/hunter2", "malformed"),
        ("https://user:hunter2@h", "malformed"),
        ("", "malformed"),
        ("http://192.0.2.1/hunter2", "config"),
    ] {
        let cluster = json!({ "name": CLUSTER, "secrets_url": secrets });
        let project = json!({ "name": PROJECT, "cluster_name": CLUSTER, "org_name": ORG });
        let config = json!({ "authorized": true, "clusters": [cluster], "projects": [project] });
        apolo.next([Fault::Instead(Reply::json(200, &config))]);
        fails(launch(&world, &settings(&apolo), &["$<secret:password>"]), code, &[]);
    }
    assert_eq!(apolo.count(), 4);
}

#[test]
fn a_login_is_needed_and_which_one_is_said() {
    let world = World::new();
    let apolo = apolo(TLS);
    let config = json!({ "stores": { "prod": { "kind": "apolo" } }, "secret_map": { "A": "$<secret:password>" } });
    world.file("c.json", config.to_string());
    let inject = || world.inject(["-c", "c.json", "--", "true"]);
    fails(inject(), "config", &["`token`", "APOLO_PASSED_CONFIG"]);
    fails(inject().env("NEURO_PASSED_CONFIG", "hunter2"), "config", &["NEURO_PASSED_CONFIG"]);
    let mut settings = settings(&apolo);
    settings["url"] = json!("https://elsewhere.example/api/v1");
    let passed = passed_config(&apolo, "alice");
    fails(launch(&world, &settings, &["$<secret:password>"]).env("TOKEN", passed), "config", &["`url`"]);
    assert_eq!(apolo.count(), 0);
}
