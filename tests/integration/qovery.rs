//! Variables of Qovery, asked for by the built binary.

use crate::doubles::http::{Fault, Reply, Wire};
use crate::doubles::qovery::{APPLICATION, CONTAINER, ENVIRONMENT, JWT, PROJECT, Qovery, State, TOKEN, start};
use crate::doubles::tls::Certificate;
use crate::harness::{Inject, World};
use crate::remote::{self, TLS};
use serde_json::{Value as Json, json};

fn qovery(wire: Wire) -> Qovery {
    let mut state = State::new();
    state.put(PROJECT, "HOST", "project's", false);
    state.put(ENVIRONMENT, "HOST", "environment's", false);
    state.put(CONTAINER, "HOST", "container's", false);
    state.put(PROJECT, "PORT", "5432", false);
    state.put(ENVIRONMENT, "PASSWORD", "correct horse", true);
    state.put_external(ENVIRONMENT, "POINTER", "arn:hunter2");
    start(wire, state)
}

/// A store that is configured, its token in `TOKEN`.
fn settings(qovery: &Qovery, scope: &str, id: &str) -> Json {
    remote::settings(qovery, json!({ "kind": "qovery", "token": { "env": "TOKEN" }, "scope": scope, "id": id }))
}

fn launch(world: &World, settings: &Json, references: &[&str]) -> Inject {
    remote::launch(world, settings, references).env("TOKEN", TOKEN)
}

#[track_caller]
fn fails(launch: Inject, code: &str, pieces: &[&str]) {
    remote::fails(launch, &[TOKEN, JWT, "hunter2", "correct horse", "qov_"], code, pieces);
}

#[test]
fn the_narrowest_scope_gives_the_value_and_one_list_tells_all() {
    let world = World::new();
    for wire in [TLS, Wire::TlsHttp1(Certificate::Good), Wire::Plain] {
        let qovery = qovery(wire);
        for (scope, id, host) in [
            ("container", CONTAINER, "container's"),
            ("APPLICATION", APPLICATION, "environment's"),
            ("environment", ENVIRONMENT, "environment's"),
            ("project", PROJECT, "project's"),
        ] {
            let before = qovery.count();
            let settings = settings(&qovery, scope, id);
            let done = launch(&world, &settings, &["$<secret:HOST>", "$<prod:PORT>"]).done().quiet();
            assert_eq!((done.variable("A"), done.variable("B")), (host.into(), "5432".into()), "{scope}");
            assert!(!done.text().contains(TOKEN), "{}", done.text());
            assert_eq!(qovery.count() - before, 1);
        }
    }
}

#[test]
fn a_token_of_either_kind_lets_in() {
    let world = World::new();
    let qovery = qovery(TLS);
    let settings = settings(&qovery, "container", CONTAINER);
    for token in [TOKEN, JWT] {
        let done = launch(&world, &settings, &["$<secret:PORT>"]).env("TOKEN", token).done().quiet();
        assert_eq!(done.variable("A"), "5432");
    }
    let wrong = launch(&world, &settings, &["$<secret:PORT>"]).env("TOKEN", "qov_wrong");
    fails(wrong, "unauthenticated", &["401", "store prod (qovery)", qovery.url()]);
}

#[test]
fn what_is_never_given_out_is_told_apart_from_what_is_not_there() {
    let world = World::new();
    let qovery = qovery(TLS);
    let settings = settings(&qovery, "container", CONTAINER);
    let of = |reference| launch(&world, &settings, &[reference]);
    fails(of("$<secret:PASSWORD>"), "not_readable", &["$<secret:PASSWORD>", "never gives back", qovery.url()]);
    fails(of("$<secret:QOVERY_POSTGRESQL_Z1_PASSWORD:-x>"), "not_readable", &["never gives back"]);
    fails(of("$<secret:POINTER>"), "not_readable", &["only a reference", "secret manager"]);
    fails(of("$<secret:ABSENT>"), "not_found", &["$<secret:ABSENT>", "store prod"]);
    assert_eq!(of("$<secret:ABSENT:-none>").done().quiet().variable("A"), "none");
}

#[test]
fn a_value_that_is_hidden_is_none() {
    let world = World::new();
    let qovery = qovery(TLS);
    let settings = settings(&qovery, "container", CONTAINER);
    for value in [json!(null), json!("***"), json!("********")] {
        let variable = json!({ "key": "HOST", "scope": "CONTAINER", "is_secret": false, "value": value });
        qovery.next([Fault::Instead(Reply::json(200, &json!({ "results": [variable] })))]);
        fails(launch(&world, &settings, &["$<secret:HOST>"]), "not_readable", &["hides its value"]);
    }
}

#[test]
fn an_object_that_is_not_there_or_not_ours_is_asked_about() {
    let world = World::new();
    let qovery = qovery(TLS);
    let settings = settings(&qovery, "container", APPLICATION);
    fails(launch(&world, &settings, &["$<secret:HOST:-x>"]), "denied", &["403", "container of that `id`"]);
    for status in [400, 404] {
        qovery.next([Fault::Instead(Reply::html(status, "hunter2"))]);
        fails(launch(&world, &settings, &["$<secret:HOST:-x>"]), "config", &["is there one?"]);
    }
    let mistyped = self::settings(&qovery, "projct", PROJECT);
    fails(launch(&world, &mistyped, &["$<secret:HOST>"]), "denied", &["is `scope` right?", "project, environment"]);
}

#[test]
fn a_workload_answers_from_its_environment_and_asks_nobody() {
    let world = World::new();
    let inject = |reference: &str| {
        let inject = world.inject(["-e", &format!("A={reference}"), "--", "env", "-0"]);
        inject.env("QOVERY_CONTAINER_ID", CONTAINER).env("PASSWORD", "battery staple")
    };
    assert_eq!(inject("$<secret:PASSWORD>").done().quiet().variable("A"), "battery staple");
    assert_eq!(inject("$<qovery:ABSENT:-none>").done().quiet().variable("A"), "none");
    fails(inject("$<qovery:ABSENT>"), "not_found", &["qovery"]);
    let qovery = qovery(Wire::Plain);
    let online = |reference: &str| {
        inject(reference).env("QOVERY_API_URL", format!("{}/", qovery.url())).env("QOVERY_API_TOKEN", TOKEN)
    };
    assert_eq!(online("$<qovery:PASSWORD>").done().quiet().variable("A"), "battery staple");
    assert_eq!(qovery.count(), 0);
    let done = online("$<qovery:HOST>").done().quiet();
    assert_eq!(done.variable("A"), "container's");
    assert!(done.variables().iter().all(|(name, _)| name != "QOVERY_API_TOKEN"));
}

#[test]
fn another_objects_variables_are_not_the_workloads_own() {
    let world = World::new();
    let qovery = qovery(TLS);
    let settings = settings(&qovery, "project", PROJECT);
    let inside = launch(&world, &settings, &["$<secret:HOST>"]).env("QOVERY_CONTAINER_ID", CONTAINER);
    assert_eq!(inside.env("HOST", "the workload's").done().quiet().variable("A"), "project's");
}

#[test]
fn a_server_that_stumbles_is_asked_again() {
    let world = World::new();
    let qovery = qovery(TLS);
    let settings = settings(&qovery, "container", CONTAINER);
    let broken = || Fault::Instead(Reply::html(500, "<h1>hunter2</h1>"));
    qovery.next([broken(), Fault::Instead(Reply::text(429, "hunter2").with("retry-after", "0"))]);
    let done = launch(&world, &settings, &["$<secret:PORT>"]).done().quiet();
    assert_eq!((done.variable("A"), qovery.count()), ("5432".into(), 3));
    qovery.always(broken());
    let launch = launch(&world, &settings, &["$<secret:PORT>"]).env("INJECT_RETRIES", "1");
    fails(launch, "unavailable", &["500 Internal Server Error", qovery.url()]);
}

#[test]
fn garbage_is_malformed_and_no_word_of_it_is_shown() {
    let world = World::new();
    let qovery = qovery(TLS);
    let settings = settings(&qovery, "container", CONTAINER);
    let json = |text: &str| Reply::new(200, "application/json", text);
    for reply in [
        Reply::html(200, "<html>hunter2</html>"),
        Reply::html(418, "<html>hunter2</html>"),
        json("{\"hunter2\": "),
        json("{\"results\": {\"hunter2\": 1}}"),
        json("{\"results\": [\"hunter2\"]}"),
        json("{\"results\": [{\"value\": \"hunter2\"}]}"),
        json("{\"results\": [], \"results\": []}"),
    ] {
        qovery.next([Fault::Instead(reply)]);
        fails(launch(&world, &settings, &["$<secret:PORT>"]), "malformed", &[qovery.url()]);
    }
}

#[test]
fn settings_that_say_too_little_ask_for_the_rest() {
    let world = World::new();
    let qovery = qovery(Wire::Plain);
    let whole = settings(&qovery, "container", CONTAINER);
    let without = |names: &[&str]| {
        let mut settings = whole.clone();
        names.iter().for_each(|name| drop(settings.as_object_mut().unwrap().remove(*name)));
        launch(&world, &settings, &["$<secret:PORT>"])
    };
    fails(without(&["id"]), "reference", &["`scope` and `id`"]);
    fails(without(&["id", "scope"]), "config", &["`scope` and `id`"]);
    fails(without(&["token"]), "config", &["`token`", "QOVERY_API_TOKEN"]);
    assert_eq!(qovery.count(), 0);
}
