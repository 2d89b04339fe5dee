//! The kind `tapis` against the double of its service: what comes back, what is said where nothing
//! does, and that the login stays with us.

use crate::doubles::http::{Fault, Reply, Wire, now, refusing};
use crate::doubles::tapis::{self, State, TENANT, Tapis, token, token_of};
use crate::doubles::tls::Certificate;
use crate::harness::{Inject, Outcome, World};
use crate::remote::{self, TLS};
use serde_json::{Value as Json, json};
use std::time::Duration;

const PASSWORD: &str = "correct \"horse\" \\ b\u{e4}ttery";

/// alice has `db`, `json` and `hidden`, bob has `bobs`.
fn state() -> State {
    let mut state = State::new();
    state.put("alice", "db", "va\"l\\ue \u{1f511}\n");
    state.put("alice", "json", r#"{"user": {"name": "amy"}}"#);
    state.put("alice", "empty", "");
    state.put("alice", "hidden", "never shown");
    state.set_readable("hidden", false);
    state.put("bob", "bobs", "another's");
    state.set_password("alice", PASSWORD);
    state
}

fn settings(server: &Tapis, mut more: Json) -> Json {
    more["kind"] = json!("tapis");
    remote::settings(server, more)
}

/// A launch of `env -0` with these entries as variables, from a store with these settings.
fn launch(world: &World, settings: &Json, entries: Json) -> Inject {
    let config = json!({ "stores": { "t": settings }, "default_store": "t", "secret_map": entries });
    world.file("c.json", config.to_string()).mode("c.json", 0o600);
    world.inject(["--retries", "3", "-c", "c.json", "--", "env", "-0"])
}

/// A launch for one reference with this token.
fn with_token(server: &Tapis, token: &str, reference: &str) -> Outcome {
    let world = World::new();
    let launch = launch(&world, &settings(server, json!({})), json!({ "V": reference })).env("TAPIS_TOKEN", token);
    let done = launch.done();
    for said in [&done.err, &String::from_utf8_lossy(&done.out).into_owned()] {
        assert!(!said.contains(token), "the token is in {said}");
    }
    done
}

fn alice(server: &Tapis, reference: &str) -> Outcome {
    with_token(server, &token("alice"), reference)
}

#[test]
fn values_fields_and_defaults_arrive_over_every_wire() {
    for wire in [TLS, Wire::TlsHttp1(Certificate::Good), Wire::Plain] {
        let (server, world) = (tapis::start(wire, state()), World::new());
        let entries = json!({
            "DB": "$<secret:db>", "SAME": "[${secret:alice:db}]", "NAME": "$<t:json#/user/name>", "EMPTY": "$<secret:empty>",
            "GONE": "$<secret:gone:-none>",
        });
        let done = launch(&world, &settings(&server, json!({})), entries).env("TAPIS_TOKEN", token("alice"));
        let done = done.done().quiet();
        let value = "va\"l\\ue \u{1f511}\n";
        let expected =
            [("DB", value), ("SAME", &format!("[{value}]")), ("NAME", "amy"), ("EMPTY", ""), ("GONE", "none")];
        for (name, value) in expected {
            assert_eq!(done.variable(name), value, "{wire:?}");
        }
        assert!(!done.variables().iter().any(|(name, _)| name.starts_with("TAPIS")), "{done:?}");
        assert_eq!(server.count(), 4, "each secret once");
    }
}

#[test]
fn a_value_of_a_mebibyte_arrives_whole() {
    let (server, world) = (tapis::start(TLS, state()), World::new());
    let value = "\u{1}\"\u{e4}".repeat((1 << 20) / 4);
    server.state().put("alice", "big", &value);
    let config = json!({
        "stores": { "t": settings(&server, json!({})) },
        "files": { "big": { "content": "$<t:big>", "env": "BIG" } },
    });
    world.file("c.json", config.to_string()).mode("c.json", 0o600);
    let launch = world.inject(["-c", "c.json", "--", "sh", "-c", "cat \"$BIG\""]).env("TAPIS_TOKEN", token("alice"));
    assert!(launch.done().quiet().text() == value);
}

#[test]
fn its_users_own_variables_are_enough() {
    let server = tapis::start(Wire::Plain, state());
    let token = token("alice");
    for suffix in ["", "/", "/v3", "/v3/"] {
        for login in [[("TAPIS_TOKEN", &*token); 2], [("TAPIS_JWT", &*token); 2], [("TAPIS_JWT_TOKEN", &*token); 2]]
            .into_iter()
            .chain([[("TAPIS_USERNAME", "alice"), ("TAPIS_PASSWORD", PASSWORD)]])
        {
            let world = World::new();
            let mut launch = world.inject(["-e", "V=$<tapis:json>", "-e", "W=$<secret:json>", "--", "env", "-0"]);
            launch = launch.env("TAPIS_BASE_URL", format!("{}{suffix}", server.url()));
            for (name, value) in login {
                launch = launch.env(name, value);
            }
            let done = launch.done().quiet();
            assert_eq!(done.variable("V"), done.variable("W"));
            let kept = |name: &str| ["TAPIS_BASE_URL", "TAPIS_USERNAME"].contains(&name);
            let left: Vec<_> = done.variables().into_iter().filter(|(name, _)| name.starts_with("TAPIS")).collect();
            assert!(left.iter().all(|(name, _)| kept(name)), "{left:?}");
        }
    }
}

#[test]
fn a_login_comes_from_where_the_settings_say_and_goes_no_further() {
    let (server, world) = (tapis::start(TLS, state()), World::new());
    world.file("password", format!("{PASSWORD}\n"));
    let by_password = json!({ "user": "alice", "password": { "file": "password" }, "tenant": TENANT });
    let by_token = json!({ "token": { "env": "MY_TOKEN" }, "tenant": TENANT });
    for more in [by_password, by_token] {
        let entries = json!({ "V": "$<secret:db>", "W": "$<secret:alice:json>" });
        let done = launch(&world, &settings(&server, more), entries).env("MY_TOKEN", token("alice"));
        let done = done.env("TAPIS_TOKEN", "another").env("TAPIS_PASSWORD", "another").done().quiet();
        assert!(!done.text().contains("another") && !done.text().contains("horse"), "{done:?}");
        // The first store has no setting that names it.
        assert!(done.text().contains("MY_TOKEN") == (server.count() == 3), "{done:?}");
    }
    let logins = server.calls().iter().filter(|call| call.path == "/v3/oauth2/tokens").count();
    assert_eq!((logins, server.count()), (1, 5), "one token for two secrets");
}

#[test]
fn a_token_for_a_password_is_renewed_in_its_last_moments_and_not_before() {
    for (lifetime, logins) in [(4, 4), (60, 1)] {
        let (server, world) = (tapis::start(Wire::Plain, state()), World::new());
        server.state().lifetime = lifetime;
        let more = json!({ "user": "alice", "password": { "env": "P" } });
        let entries = json!({ "A": "$<secret:db>", "B": "$<secret:json>", "C": "$<secret:empty>" });
        launch(&world, &settings(&server, more), entries).env("P", PASSWORD).done().quiet();
        let calls = server.calls();
        assert_eq!(calls.iter().filter(|call| call.method == "POST").count(), logins, "{lifetime}");
    }
}

#[test]
fn each_reason_for_having_no_value_is_told_apart() {
    let server = tapis::start(Wire::Plain, state());
    server.state().put("bob", "lent", "lent");
    for (reference, pieces) in [
        ("$<secret:nope>", ["V (c.json:1", "not found in the store t"]),
        ("$<secret:bobs>", ["denied: ", "does not give `bobs` to `alice`"]),
        ("$<secret:bob:bobs>", ["denied: ", "`bobs` is written as `bob`'s and the token is `alice`'s"]),
        ("${secret:bob:db}", ["denied: ", "written as `bob`'s"]),
        ("$<secret:hidden>", ["not readable: ", "`hidden` has `readable` false"]),
    ] {
        alice(&server, reference).fails(125, &pieces);
    }
    let calls = server.count();
    for (reference, piece) in [
        ("$<secret:a.b>", "letters, digits"),
        ("$<secret://db>", "letters, digits"),
        ("$<t:_>", "letters, digits"),
        ("$<secret:a:b:c>", "letters, digits"),
        ("$<t:a/b:c>", "no name of a user"),
        (&format!("$<secret:{}>", "x".repeat(111)), "at most 110"),
        ("$<secret:db@1>", "has no versions"),
    ] {
        alice(&server, reference).fails(125, &[piece]);
    }
    assert_eq!(server.count(), calls, "a name that cannot be is not asked for");
}

#[test]
fn a_token_that_is_not_taken_says_why() {
    let server = tapis::start(Wire::Plain, state());
    let refused = |token: &str, piece| with_token(&server, token, "$<secret:db>").fails(125, &["not let in", piece]);
    refused(&token_of("alice", TENANT, now() - 90), "the token, which expired 9");
    refused(&token_of("alice", TENANT, now() - 3 * 86_400), "which expired 3 days ago");
    refused(&token_of("alice", "other", now() + 90), "its tenant is `other`");
    refused(&token("alice").replace("eyJ", "eyX"), "is no JSON Web Token");
    refused("nonsense", "is no JSON Web Token");
    let mut forged = token("alice");
    forged.push('x');
    refused(&forged, "is it for this server");

    let world = World::new();
    let more = json!({ "tenant": "tacc" });
    let done = launch(&world, &settings(&server, more), json!({ "V": "$<secret:db>" }));
    done.env("TAPIS_TOKEN", token("alice"))
        .done()
        .fails(125, &["the token is of `dev`", "`tenant` of the store is `tacc`"]);
    let more = json!({ "user": "alice", "password": { "env": "P" } });
    let done = launch(&world, &settings(&server, more), json!({ "V": "$<secret:db>" }));
    let done = done.env("P", "wrong horse").done().fails(125, &["store t (tapis)", "no token for this password"]);
    assert!(!done.err.contains("wrong horse"), "{}", done.err);
}

#[test]
fn settings_that_do_not_say_enough_say_what_is_missing() {
    let world = World::new();
    let url = format!("http://{}", refusing());
    for (settings, pieces) in [
        (json!({ "kind": "tapis" }), ["needs `url`", "TAPIS_BASE_URL"]),
        (json!({ "kind": "tapis", "url": url }), ["needs `token`, or `user` and `password`", "TAPIS_TOKEN"]),
        (json!({ "kind": "tapis", "url": url, "user": "a" }), ["`user` needs `password`", "TAPIS_PASSWORD"]),
        (json!({ "kind": "tapis", "url": url, "token": "abc" }), ["stores.t.token", "never the credential itself"]),
        (
            json!({ "kind": "tapis", "url": url, "user": "a", "token": { "env": "T" } }),
            ["either `token`, or `user` and `password`", "secret_map"],
        ),
        (
            json!({ "kind": "tapis", "url": "http://tapis.example" , "token": { "env": "HOME" } }),
            ["plain HTTP", "https://"],
        ),
        (json!({ "kind": "tapis", "url": url, "pods_admin": "yes" }), ["stores.t.pods_admin", "this is true or false"]),
        (json!({ "kind": "tapis", "url": "htps://tapis.example" }), ["stores.t.url", "it is no address such as"]),
    ] {
        launch(&world, &settings, json!({ "V": "$<secret:db>" })).done().fails(125, &pieces);
    }
    let launch = || world.inject(["-e", "V=$<tapis:db>", "--", "env"]).env("TAPIS_TOKEN", "x");
    launch().done().fails(125, &["the kind `tapis` needs settings", "or set TAPIS_BASE_URL"]);
    launch().env("TAPIS_BASE_URL", "tacc.tapis.io").done().fails(125, &["TAPIS_BASE_URL: it is no address"]);
}

#[test]
fn what_the_service_would_never_say_is_an_error_that_repeats_nothing_of_it() {
    const CANARY: &str = "kanarienvogel";
    let good = |result: Json| json!({ "status": "success", "message": CANARY, "result": result }).to_string();
    let failed = json!({ "status": "error", "message": CANARY, "result": { "secret_value": CANARY } }).to_string();
    let json = |status, body: String| Reply::new(status, "application/json", body);
    let server = tapis::start(Wire::Plain, state());
    for (reply, pieces) in [
        (Reply::html(200, "<html>kanarienvogel</html>"), ["malformed", "does `url` lead to Tapis?"]),
        (json(200, format!("{{\"result\": \"{CANARY}")), ["malformed", "does `url` lead to Tapis?"]),
        (json(200, good(json!({ "secret_value": 7 }))), ["malformed", "does `url` lead to Tapis?"]),
        (json(200, good(json!([CANARY]))), ["malformed", "does `url` lead to Tapis?"]),
        (
            json(
                200,
                good(json!({ "secret_value": CANARY })).replace("\"status\"", "\"status\":\"success\",\"status\""),
            ),
            ["malformed", "200"],
        ),
        (json(200, failed.clone()), ["unavailable", "that there was an error"]),
        (json(200, failed.replace(",\"status\":\"error\"", "")), ["malformed", "200"]),
        (Reply::html(404, "<html>kanarienvogel</html>"), ["malformed", "404 Not Found"]),
        (json(404, json!({ "detail": CANARY }).to_string()), ["malformed", "404 Not Found"]),
        (Reply::html(400, "<html>kanarienvogel token</html>"), ["malformed", "400 Bad Request"]),
        (Reply::html(403, "<html>kanarienvogel</html>"), ["denied", "403 Forbidden"]),
        (Reply::html(501, "<html>kanarienvogel</html>"), ["malformed", "501"]),
        // An array of what is wrong, as for a body.
        (
            json(400, failed.replace(&format!("\"message\":\"{CANARY}\""), "\"message\":[\"kanarienvogel\"]")),
            ["denied", "`db`"],
        ),
    ] {
        server.always(Fault::Instead(reply));
        let done = alice(&server, "$<secret:db:-default>").fails(125, &pieces);
        assert!(!done.err.contains(CANARY) && !done.err.contains("html"), "{}", done.err);
    }
}

#[test]
fn a_store_that_is_down_is_told_once_and_in_time() {
    let (server, world) = (tapis::start(Wire::Plain, state()), World::new());
    let entries = json!({ "A": "$<secret:db>", "B": "$<secret:json>" });
    server.state().store_down = true;
    let down = json!({ "url": format!("http://{}", refusing()) });
    for (more, piece) in
        [(down, "refused"), (json!({}), "500 Internal Server Error"), (json!({ "timeout": "300ms" }), "")]
    {
        if piece.is_empty() {
            server.always(Fault::Delay(Duration::from_secs(30)));
        }
        let done = launch(&world, &settings(&server, more), entries.clone());
        let done = done.env("TAPIS_TOKEN", token("alice")).done().fails(125, &["store t (tapis)", piece]);
        assert_eq!(done.err.trim().lines().count(), 1, "{}", done.err);
    }
}
