//! `inject secret` in a `tapis` store, against the double of the service: each verb, what is refused before
//! anything is sent, and what is said where the service does not do it.

use crate::doubles::http::{Fault, Reply, Wire, now};
use crate::doubles::tapis::{self, State, TENANT, Tapis, token, token_of};
use crate::harness::{Inject, Outcome, World};
use crate::remote::{self, TLS};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Never to be seen but where `get` writes it.
const CANARY: &str = "kanarienvogel";

/// alice has `db`, bob has `bobs`.
fn start(wire: Wire) -> Tapis {
    let mut state = State::new();
    state.put("alice", "db", CANARY);
    state.put("bob", "bobs", CANARY);
    tapis::start(wire, state)
}

fn world(server: &Tapis) -> World {
    let world = World::new();
    let settings = remote::settings(server, json!({ "kind": "tapis" }));
    world.file("c.json", json!({ "stores": { "t": settings }, "default_store": "t" }).to_string());
    world
}

/// `inject secret …` as alice; failures are told in JSON.
fn secret(world: &World, arguments: &[&str]) -> Inject {
    let secret = world.secret(arguments).env("INJECT_CONFIG", "c.json").env("TAPIS_TOKEN", token("alice"));
    secret.env("INJECT_LOG_FORMAT", "json").env("INJECT_RETRIES", "2")
}

#[track_caller]
fn fails(secret: Inject, code: &str, pieces: &[&str]) -> Outcome {
    let done = secret.done().fails(125, pieces);
    let failures = remote::failures(&done, &[CANARY, &token("alice")]);
    assert!(failures.iter().any(|failure| failure["code"] == code), "no {code} in {}", done.err);
    done
}

#[track_caller]
fn shown(world: &World, name: &str) -> Json {
    serde_json::from_slice(&secret(world, &["show", name, "--json"]).done().quiet().out).unwrap()
}

#[track_caller]
fn value(world: &World, name: &str) -> Vec<u8> {
    secret(world, &["get", name]).done().quiet().out
}

/// What was sent by this method: paths and bodies.
fn sent(server: &Tapis, method: &str) -> Vec<(String, Json)> {
    let calls = server.calls().into_iter().filter(|call| call.method == method);
    calls.map(|call| (call.path.clone(), call.json().unwrap_or_default())).collect()
}

#[test]
fn a_secret_is_made_shown_changed_and_removed_over_every_wire() {
    for wire in [TLS, Wire::Plain] {
        let server = start(wire);
        let world = world(&server);
        let first = "va\"l\\ue \u{1f511}\n\n";
        let add = ["add", "api_key", "--description", "for \"the\" API", "--pod", "web", "--json"];
        let added = secret(&world, &add).input(first).done().quiet();
        let body = json!({
            "secret_id": "api_key", "secret_value": first, "description": "for \"the\" API", "scope": "pod", "pod_id": "web",
        });
        assert_eq!(sent(&server, "POST"), [("/v3/pods/secrets".to_owned(), body)], "no word more than was said");
        let metadata = json!({
            "name": "api_key", "place": "pod/web", "created": "2026-11-22T03:55:03.236550Z", "updated": null,
            "creator": "alice", "fields": null, "size": null, "secret_id": "api_key", "scope": "pod", "pod_id": "web",
            "description": "for \"the\" API", "readable": true, "writable": true,
            "sk_secret_name": "pods_dev_pod+web+api_key", "creation_ts": "2026-11-22T03:55:03.236550Z",
            "added_by": "alice",
        });
        assert_eq!(serde_json::from_slice::<Json>(&added.out).unwrap(), metadata);
        assert_eq!(shown(&world, "alice:api_key"), metadata);
        assert_eq!(value(&world, "api_key"), first.as_bytes());

        secret(&world, &["update", "api_key"]).input("second").done().quiet();
        secret(&world, &["update", "api_key", "--description", "only said anew"]).input("unread").done().quiet();
        let both = ["update", "api_key", "--description", "", "--file", "-"];
        assert_eq!(value(&world, "api_key"), b"second");
        assert_eq!(shown(&world, "api_key")["description"], "only said anew");
        secret(&world, &both).input("").done().quiet();
        assert_eq!((value(&world, "api_key"), &shown(&world, "api_key")["description"]), (vec![], &json!("")));
        let changes: Vec<Json> = sent(&server, "PUT").into_iter().map(|(_, body)| body).collect();
        let expected = [
            json!({ "secret_value": "second" }),
            json!({ "description": "only said anew" }),
            json!({ "secret_value": "", "description": "" }),
        ];
        assert_eq!(changes, expected);

        let listed = secret(&world, &["list", "--json"]).done().quiet();
        let listed: Json = serde_json::from_slice(&listed.out).unwrap();
        assert_eq!(
            (listed.as_array().unwrap().len(), &listed[0]["sk_secret_name"]),
            (2, &json!("pods_dev_pod+web+api_key"))
        );
        assert_eq!(listed[1]["secret_id"], "db", "and none of bob's");
        let table = "NAME     PLACE    FIELDS  DESCRIPTION\napi_key  pod/web\ndb       user\n";
        assert_eq!(secret(&world, &["list"]).done().quiet().text(), table);

        secret(&world, &["rm", "api_key", "db", "--yes"]).done().quiet();
        assert_eq!(secret(&world, &["list", "--json"]).done().quiet().text(), "[]\n");
        for call in server.calls() {
            let line = format!("{} {:?}", call.path, call.query);
            assert!([CANARY, "second", "va%22", "eyJ"].iter().all(|hidden| !line.contains(hidden)), "{line}");
        }
    }
}

#[test]
fn a_launch_gets_what_was_added() {
    let server = start(Wire::Plain);
    let world = world(&server);
    secret(&world, &["add", "new"]).input("first").done().quiet();
    secret(&world, &["update", "new"]).input("second").done().quiet();
    let launch = world.inject(["-c", "c.json", "-e", "V=$<secret:new>", "--", "env", "-0"]);
    assert_eq!(launch.env("TAPIS_TOKEN", token("alice")).done().quiet().variable("V"), "second");
}

#[test]
fn each_access_mode_allows_what_tapis_allows() {
    let server = start(Wire::Plain);
    let world = world(&server);
    for (readable, writable) in [(true, true), (true, false), (false, true), (false, false)] {
        let name = &format!("s-{readable}-{writable}");
        let switches = [format!("--readable={readable}"), format!("--writable={writable}")];
        secret(&world, &["add", name, &switches[0], &switches[1]]).input("first").done().quiet();
        let known = shown(&world, name);
        assert_eq!((&known["readable"], &known["writable"]), (&json!(readable), &json!(writable)));
        match readable {
            true => assert_eq!(value(&world, name), b"first"),
            false => {
                fails(secret(&world, &["get", name]), "not_readable", &["has `readable` false", "create it anew"]);
            }
        }
        let update = secret(&world, &["update", name, "--description", "d", "--file", "-"]).input("second");
        match writable {
            true => assert_eq!(update.done().quiet().text(), ""),
            false => {
                fails(update, "denied", &["has `writable` false", "nothing was changed", "remove it and add it anew"]);
                assert_eq!(shown(&world, name)["description"], "");
            }
        }
        secret(&world, &["update", name, "--description", "always"]).done().quiet();
        assert_eq!(shown(&world, name)["description"], "always");
    }
}

#[test]
fn a_name_may_be_of_any_script_as_the_service_has_it() {
    let server = start(Wire::Plain);
    let world = world(&server);
    for name in ["caf\u{e9}", "\u{65e5}\u{672c}", "\u{2167}", &"\u{fc}".repeat(110)] {
        secret(&world, &["add", name]).input(name).done().quiet();
        assert_eq!(
            (shown(&world, name)["secret_id"].as_str(), value(&world, name)),
            (Some(name), name.as_bytes().to_vec())
        );
        let launch = world.inject(["-c", "c.json", "-e", &format!("V=$<secret:{name}>"), "--", "printenv", "V"]);
        assert_eq!(launch.env("TAPIS_TOKEN", token("alice")).done().quiet().text(), format!("{name}\n"));
    }
}

#[test]
fn what_breaks_a_rule_is_refused_before_anything_is_sent() {
    let server = start(Wire::Plain);
    let world = world(&server);
    let long = "d".repeat(501);
    for (arguments, piece) in [
        (&["add", "a.b"][..], "letters, digits, `_` and `-`"),
        (&["add", "__"], "with a letter or digit"),
        (&["add", &"n".repeat(111)], "at most 110"),
        (&["add", "e\u{301}"], "letters, digits, `_` and `-`"),
        (&["add", "n", "--description", "f\u{fc}r"], "ASCII"),
        (&["add", "n", "--description", &long], "at most 500"),
        (&["update", "db", "--description", "f\u{fc}r", "--file", "-"], "ASCII"),
        (&["add", "n", "--scope", "site"], "`user` or `pod`"),
        (&["add", "n", "--scope", "pod"], "needs --pod"),
        (&["add", "n", "--scope", "pod", "--pod", ""], "not empty"),
        (&["add", "n", "--scope", "user", "--pod", "web"], "for no --pod"),
        (&["add", "n", "--label", "l"], "`--label` means nothing to `add`"),
        (&["update", "db", "--scope", "user"], "`--scope` means nothing to `update`"),
        (&["show", "db@1"], "a store of kind tapis has no versions"),
        (&["rm", "db@1", "--yes"], "a store of kind tapis has no versions"),
        (&["grant", "db", "bob"], "has no `grant`: its API shares no secret"),
        (&["revoke", "db", "bob"], "has no `revoke`: its API shares no secret"),
        (&["history", "db"], "has no `history`: Tapis keeps the latest value alone"),
        (&["alias", "db", "other"], "has no `alias`"),
        (&["override", "db"], "has no `override`"),
        (&["export", "db"], "has no `export`"),
        (&["import"], "has no `import`"),
        (&["init"], "has no `init`"),
    ] {
        fails(secret(&world, arguments).input(CANARY), "config", &[piece]);
    }
    assert_eq!(server.count(), 0);
    secret(&world, &["add", "n", "--description", &long[1..]]).input("").done().quiet();
}

#[test]
fn a_value_that_tapis_cannot_hold_is_never_sent() {
    let server = start(Wire::Plain);
    let world = world(&server);
    for verb in ["add", "update"] {
        let name = if verb == "add" { "n" } else { "db" };
        let bytes = [CANARY.as_bytes(), b"\xff"].concat();
        fails(secret(&world, &[verb, name]).input(bytes), "config", &["no text in UTF-8", "|base64d>"]);
        let fields = secret(&world, &[verb, name, "--field", "key=@-"]).input(CANARY);
        fails(fields, "config", &["one value and no fields"]);
    }
    assert!(server.calls().iter().all(|call| call.method == "GET"));
    assert_eq!(value(&world, "db"), CANARY.as_bytes());
}

#[test]
fn a_name_that_exists_is_refused_and_replaced_only_where_that_was_asked() {
    let server = start(Wire::Plain);
    let world = world(&server);
    let add = |more: &[&str]| secret(&world, &[&["add", "db"], more].concat()).input("new");
    fails(add(&[]), "config", &["already has a secret `db`", "update", "--replace"]);
    fails(add(&["--replace"]), "config", &["--yes"]);
    fails(secret(&world, &["add", "bobs"]).input("new"), "denied", &["somebody else's", "prefix of your own"]);
    for (more, attribute) in [(&["--readable=false"][..], "readable"), (&["--pod", "web"], "scope")] {
        let more = [&["--replace", "--yes"], more].concat();
        fails(add(&more), "config", &[&format!("has another `{attribute}`"), "`inject secret rm`"]);
    }
    assert_eq!(value(&world, "db"), CANARY.as_bytes());
    assert!(server.calls().iter().all(|call| call.method == "GET"));
    secret(&world, &["update", "db", "--description", "old"]).done().quiet();
    add(&["--replace", "--yes", "--scope", "user", "--writable"]).done().quiet();
    assert_eq!((value(&world, "db"), &shown(&world, "db")["description"]), (b"new".to_vec(), &json!("")));
    // Made by another between the question and the answer.
    let conflict = json!({ "status": "error", "message": "m", "result": null });
    server.next([Fault::Delay(Duration::ZERO), Fault::Instead(Reply::json(409, &conflict))]);
    fails(secret(&world, &["add", "late"]).input("new"), "config", &["already has a secret `late`"]);
}

#[test]
fn what_is_absent_or_anothers_is_told_by_every_verb() {
    let server = start(Wire::Plain);
    let world = world(&server);
    server.state().put("bob", "lent", CANARY);
    server.state().grant("lent", "alice:READ");
    for verb in [&["get"][..], &["show"], &["update", "--file", "-"], &["rm", "--yes"]] {
        let with = |name| secret(&world, &[verb, &[name]].concat()).input("new");
        fails(with("none"), "not_found", &[server.url(), "no secret `none`", "`inject secret list`"]);
        let pieces = ["`alice`", "`bobs`", "only who made a secret"];
        fails(with("bobs"), "denied", &pieces);
        fails(with("bob:bobs"), "denied", &["written as `bob`'s and the token is `alice`'s"]);
    }
    let calls = server.calls();
    assert!(calls.iter().all(|call| call.method == "GET"), "nothing that must fail is tried");
    // Seen and not more.
    assert_eq!(shown(&world, "lent")["added_by"], "bob");
    fails(secret(&world, &["update", "lent"]).input("n"), "denied", &["does not let `alice` change `lent`"]);
    fails(secret(&world, &["rm", "lent", "--yes"]), "denied", &["does not let `alice` remove `lent`"]);
}

#[test]
fn several_removals_are_told_one_by_one() {
    let server = start(Wire::Plain);
    let world = world(&server);
    for name in ["a", "b", "c"] {
        server.state().put("alice", name, "value");
    }
    fails(secret(&world, &["rm", "a", "none", "--yes"]), "not_found", &["`none`"]);
    server.next_at("/secrets/b", [Fault::Delay(Duration::ZERO), Fault::Instead(Reply::text(500, CANARY))]);
    let done = secret(&world, &["rm", "a", "b", "c", "--yes"]).done();
    assert_eq!((done.status, done.text()), (Some(125), "done: a\ndone: c\n"));
    for piece in ["store t: b", "500", "may have been done all the same"] {
        assert!(done.err.contains(piece), "{}", done.err);
    }
    assert!(!done.err.contains(CANARY));
    assert_eq!(shown(&world, "b")["name"], "b");
    fails(secret(&world, &["show", "a"]), "not_found", &[]);
}

#[test]
fn a_write_whose_end_nobody_knows_is_not_made_again_unless_that_does_no_harm() {
    let server = start(Wire::Plain);
    let world = world(&server);
    let unsure = "may have been done all the same: look before you do it again";
    for (at, fault) in [Fault::Reset(0), Fault::Instead(Reply::text(502, CANARY))].into_iter().enumerate() {
        let name = &*format!("n{at}");
        server.next([Fault::Delay(Duration::ZERO), fault.clone()]);
        fails(secret(&world, &["add", name]).input("first"), "unavailable", &[unsure]);
        assert_eq!(sent(&server, "POST").len(), 1 + at);
        server.next([Fault::Delay(Duration::ZERO), fault.clone()]);
        let done = secret(&world, &["rm", "db", "--yes"]).done();
        assert!(done.err.contains(unsure) && done.status == Some(125), "{done:?}");
        assert_eq!(sent(&server, "DELETE").len(), 1 + at);
        server.state().put("alice", "db", CANARY);
        server.next([Fault::Delay(Duration::ZERO), fault]);
        secret(&world, &["update", "db"]).input("second").done().quiet();
        assert_eq!(sent(&server, "PUT").len(), 2 * (1 + at), "the same change, again");
        assert_eq!(value(&world, "db"), b"second");
    }
    server.state().store_down = true;
    fails(secret(&world, &["add", "down"]).input("first"), "unavailable", &["500", unsure]);
    server.state().store_down = false;
    fails(secret(&world, &["get", "down"]), "not_found", &[]);
    server.next([Fault::Delay(Duration::ZERO), Fault::Delay(Duration::from_secs(30))]);
    let late = secret(&world, &["add", "late"]).input("first").env("INJECT_TIMEOUT", "1s");
    fails(late, "timeout", &["took too long", unsure]);
}

#[test]
fn a_token_that_is_not_taken_says_why_to_every_verb() {
    let server = start(Wire::Plain);
    let world = world(&server);
    let expired = token_of("alice", TENANT, now() - 90);
    for verb in
        [&["add", "n"][..], &["get", "db"], &["list"], &["show", "db"], &["update", "db"], &["rm", "db", "--yes"]]
    {
        let secret = secret(&world, verb).input(CANARY).env("TAPIS_TOKEN", &expired);
        let done = fails(secret, "unauthenticated", &["which expired", "get a new one"]);
        assert!(!done.err.contains(&expired));
    }
    assert!(server.calls().iter().all(|call| call.method == "GET"));
    server.state().set_password("alice", "horse");
    let settings = json!({ "kind": "tapis", "url": server.url(), "user": "alice", "password": { "env": "P" } });
    world.file("c.json", json!({ "stores": { "t": settings }, "default_store": "t" }).to_string());
    secret(&world, &["add", "n"]).input("v").env("P", "horse").done().quiet();
    assert_eq!(secret(&world, &["get", "n"]).env("P", "horse").done().quiet().out, b"v");
    server.state().lifetime = 4;
    secret(&world, &["rm", "n", "db", "--yes"]).env("P", "horse").done().quiet();
}

#[test]
fn an_answer_that_tapis_would_not_give_to_a_write_repeats_nothing_of_it() {
    let server = start(Wire::Plain);
    let world = world(&server);
    let envelope = |status: &str, message: Json, result: Json| json!({ "status": status, "message": message, "result": result, "version": CANARY });
    let rules = envelope("error", json!([format!("secret_id: {CANARY}")]), Json::Null);
    for (reply, code, piece) in [
        (Reply::html(200, "<html>kanarienvogel</html>"), "malformed", "does `url` lead to Tapis?"),
        (
            Reply::json(200, &envelope("success", json!(CANARY), json!([CANARY]))),
            "malformed",
            "not as the Tapis services do",
        ),
        (Reply::json(200, &envelope("error", json!(CANARY), Json::Null)), "unavailable", "that there was an error"),
        (Reply::json(400, &rules), "malformed", "its rules are other ones"),
        (Reply::html(403, "<html>kanarienvogel</html>"), "denied", "403 Forbidden"),
        (Reply::html(404, "<html>kanarienvogel</html>"), "malformed", "404 Not Found"),
        (Reply::html(409, "<html>kanarienvogel</html>"), "malformed", "409 Conflict"),
        (Reply::html(413, "<html>kanarienvogel</html>"), "malformed", "413"),
    ] {
        for verb in [&["add", "n"][..], &["update", "db"]] {
            server.next([Fault::Delay(Duration::ZERO), Fault::Instead(reply.clone())]);
            fails(secret(&world, verb).input(CANARY), code, &[piece]);
            server.heal();
        }
    }
    server.next([Fault::Delay(Duration::ZERO), Fault::Instead(Reply::json(400, &rules))]);
    let update = secret(&world, &["update", "db", "--description", "d", "--file", "-"]).input("v");
    fails(update, "malformed", &["its rules are other ones", "its value was perhaps changed"]);
    server.next([Fault::Instead(Reply::json(200, &envelope("success", json!(""), json!([{ "scope": CANARY }]))))]);
    fails(secret(&world, &["list"]), "malformed", &["not as the Tapis services do"]);
}
