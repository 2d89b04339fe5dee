//! `inject secret` in an `apolo` store, against the double of the service: each verb, what is refused before
//! anything is sent, and what is said where the service does not do it.

use crate::doubles::apolo::{self, Apolo, CLUSTER, ORG, OTHER_PROJECT, PROJECT, State, api, token, token_of};
use crate::doubles::http::{Fault, Reply, Wire, now};
use crate::harness::{Inject, Outcome, World};
use crate::remote::{self, TLS};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Never to be seen but where `get` writes it.
const CANARY: &str = "kanarienvogel";

/// `db` is in the project, and `db` in another cluster.
fn start(wire: Wire) -> Apolo {
    let mut state = State::new();
    state.put("db", CANARY.as_bytes());
    state.put_at("east", ORG, "p2", "db", b"east");
    state.permit("alice", ORG, "p2");
    apolo::start(wire, state)
}

fn world(server: &Apolo) -> World {
    let world = World::new();
    let more = json!({ "kind": "apolo", "url": api(server), "cluster": CLUSTER, "org": ORG, "project": PROJECT });
    let mut settings = remote::settings(server, more);
    settings["token"] = json!({ "env": "TOKEN" });
    world.file("c.json", json!({ "stores": { "a": settings }, "default_store": "a" }).to_string());
    world
}

/// `inject secret …` as alice; failures are told in JSON.
fn secret(world: &World, arguments: &[&str]) -> Inject {
    let secret = world.secret(arguments).env("INJECT_CONFIG", "c.json").env("TOKEN", token("alice"));
    secret.env("INJECT_LOG_FORMAT", "json").env("INJECT_RETRIES", "2")
}

#[track_caller]
fn fails(secret: Inject, code: &str, pieces: &[&str]) -> Outcome {
    let done = secret.done().fails(125, pieces);
    let failures = remote::failures(&done, &[CANARY, &BASE64_STANDARD.encode(CANARY), &token("alice")]);
    assert!(failures.iter().any(|failure| failure["code"] == code), "no {code} in {}", done.err);
    done
}

#[track_caller]
fn value(world: &World, arguments: &[&str]) -> Vec<u8> {
    secret(world, &[&["get"], arguments].concat()).done().quiet().out
}

#[track_caller]
fn shown(world: &World, arguments: &[&str]) -> Json {
    serde_json::from_slice(&secret(world, arguments).done().quiet().out).unwrap()
}

/// How many calls of this method there were.
fn count(server: &Apolo, method: &str) -> usize {
    server.calls().iter().filter(|call| call.method == method).count()
}

fn entry(place: [&str; 3], key: &str) -> Json {
    let [cluster, org, project] = place;
    json!({
        "name": key, "place": place.join("/"), "description": null, "created": null, "updated": null, "creator": null,
        "fields": null, "size": null, "key": key, "owner": project, "cluster_name": cluster, "org_name": org,
        "project_name": project, "uri": format!("secret://{cluster}/{org}/{project}/{key}"),
    })
}

#[test]
fn a_secret_of_any_bytes_is_added_shown_replaced_and_removed_over_every_wire() {
    let bytes: Vec<u8> = (0..=255).collect();
    for wire in [TLS, Wire::Plain] {
        let server = start(wire);
        let world = world(&server);
        let added = secret(&world, &["add", "api-key.v1", "--json"]).input(&bytes).done().quiet();
        let known = entry([CLUSTER, ORG, PROJECT], "api-key.v1");
        assert_eq!(serde_json::from_slice::<Json>(&added.out).unwrap(), known);
        let post = server.calls().into_iter().find(|call| call.method == "POST").unwrap();
        let body = json!({
            "key": "api-key.v1", "value": BASE64_STANDARD.encode(&bytes), "org_name": ORG, "project_name": PROJECT,
        });
        assert_eq!((post.path.as_str(), post.query.len(), post.json().unwrap()), ("/api/v1/secrets", 0, body));
        assert_eq!(value(&world, &["api-key.v1"]), bytes);
        assert_eq!(shown(&world, &["show", "api-key.v1", "--json"]), known);
        let listed = shown(&world, &["list", "--json"]);
        assert_eq!(listed, json!([known, entry([CLUSTER, ORG, PROJECT], "db")]));
        let table = "NAME        PLACE                      FIELDS  DESCRIPTION\n\
                     api-key.v1  default/my-org/my-project\ndb          default/my-org/my-project\n";
        assert_eq!(secret(&world, &["list"]).done().quiet().text(), table);

        let again = |more: &[&str]| secret(&world, &[&["add", "api-key.v1"], more].concat()).input("2\n");
        fails(again(&[]), "config", &["already has a secret `api-key.v1`", "--replace"]);
        fails(again(&["--replace"]), "config", &["--yes"]);
        assert_eq!(value(&world, &["api-key.v1"]), bytes);
        again(&["--replace", "--yes"]).done().quiet();
        assert_eq!(value(&world, &["api-key.v1"]), b"2\n");

        secret(&world, &["rm", "api-key.v1", "db", "--yes"]).done().quiet();
        assert_eq!(shown(&world, &["list", "--json"]), json!([]));
        for call in server.calls() {
            let line = format!("{} {:?}", call.path, call.query);
            assert!([CANARY, "AAEC", "eyJ"].iter().all(|hidden| !line.contains(hidden)), "{line}");
        }
    }
}

#[test]
fn the_place_is_what_the_name_says_else_the_options_else_the_store() {
    let server = start(Wire::Plain);
    let world = world(&server);
    let east = ["--cluster", "east", "--org", ORG, "--project", "p2"];
    let with = |start: &[&'static str]| [start, &east].concat();
    assert_eq!(value(&world, &["db"]), CANARY.as_bytes());
    assert_eq!(value(&world, &with(&["db"])), b"east");
    assert_eq!(value(&world, &["secret://east/my-org/p2/db"]), b"east");
    assert_eq!(value(&world, &with(&["secret://EAST/my-org/p2/db"])), b"east", "both say the same");
    assert_eq!(shown(&world, &with(&["list", "--json"])), json!([entry(["east", ORG, "p2"], "db")]));
    secret(&world, &with(&["add", "new"])).input("n").done().quiet();
    assert_eq!(shown(&world, &["show", "secret://east/my-org/p2/new", "--json"]), entry(["east", ORG, "p2"], "new"));
    fails(secret(&world, &["show", "new"]), "not_found", &["`my-project` of `my-org` in `default`"]);
    secret(&world, &with(&["rm", "new", "secret://east/my-org/p2/db", "--yes"])).done().quiet();
    assert_eq!(value(&world, &["db"]), CANARY.as_bytes(), "the one of the same name elsewhere");
    fails(secret(&world, &["list", "--cluster", "west"]), "denied", &["names no cluster `west`"]);
}

#[test]
fn what_breaks_a_rule_is_refused_before_anything_is_sent() {
    let server = start(Wire::Plain);
    let world = world(&server);
    let long = "k".repeat(254);
    for (arguments, piece) in [
        (&["add", "a b"][..], "1 to 253 letters"),
        (&["add", "..a"], "no `..` at its beginning"),
        (&["add", &long], "1 to 253 letters"),
        (&["add", "secret://default/my-project/k"], "before organisations"),
        (&["add", "k", "--project", "~p"], "names of 1 to 253"),
        (&["list", "--org", ""], "names of 1 to 253"),
        (&["add", "/p1/k", "--project", "p2"], "the name says the project `p1` and --project says `p2`"),
        (&["rm", "/p1/k", "--project", "p2", "--yes"], "which one is right?"),
        (&["show", "/p1/k", "--project", "p2"], "which one is right?"),
        (&["add", "k", "--description", "d"], "`--description` means nothing to `add`"),
        (&["get", "db@1"], "a store of kind apolo has no versions"),
        (&["rm", "db@1", "--yes"], "a store of kind apolo has no versions"),
        (&["update", "db"], "a store of kind apolo has no `update`: Apolo replaces a secret as a whole"),
        (&["grant", "db", "bob"], "has no `grant`: the secrets API of Apolo shares none"),
        (&["history", "db"], "has no `history`"),
        (&["alias", "db", "other"], "has no `alias`"),
        (&["export"], "has no `export`"),
    ] {
        fails(secret(&world, arguments).input(CANARY), "config", &[piece]);
    }
    assert_eq!(server.count(), 0);
}

#[test]
fn a_value_that_apolo_cannot_hold_is_never_sent() {
    let server = start(Wire::Plain);
    let world = world(&server);
    fails(secret(&world, &["add", "k"]).input(""), "config", &["empty"]);
    fails(secret(&world, &["add", "k", "--field", "a=@-"]).input(CANARY), "config", &["one value and no fields"]);
    let more = "x".repeat(786_400);
    fails(secret(&world, &["add", "k"]).input(&more), "too_big", &["`k`", "786,000 bytes"]);
    assert_eq!(count(&server, "POST"), 0);
    let most = &more[..786_300];
    secret(&world, &["add", "k"]).input(most).done().quiet();
    assert_eq!(value(&world, &["k"]), most.as_bytes());
}

#[test]
fn what_is_absent_or_not_allowed_is_told_by_every_verb() {
    let server = start(Wire::Plain);
    let world = world(&server);
    for verb in [&["get"][..], &["show"], &["rm", "--yes"]] {
        let none = secret(&world, &[verb, &["none"]].concat());
        fails(none, "not_found", &["`my-project` of `my-org` in `default`", "no secret `none`"]);
    }
    assert_eq!(count(&server, "DELETE"), 0);
    let there = ["--project", OTHER_PROJECT];
    let denied = "secret://default/my-org/other/k";
    fails(secret(&world, &["add", "k", there[0], there[1]]).input(CANARY), "denied", &["may not write", denied]);
    fails(secret(&world, &["get", "k", there[0], there[1]]), "denied", &["may not read", denied]);
    // Removed by another between the question and the answer.
    let gone = Reply::json(404, &json!({ "error": CANARY }));
    server.next(std::iter::repeat_n(Fault::Delay(Duration::ZERO), 3).chain([Fault::Instead(gone)]));
    let done = secret(&world, &["rm", "db", "--yes"]).done();
    assert!(done.status == Some(125) && done.err.contains("no secret `db`"), "{done:?}");

    server.heal();
    let expired = token_of("alice", now() - 90);
    for verb in [&["add", "k"][..], &["get", "db"], &["list"], &["show", "db"], &["rm", "db", "--yes"]] {
        let done =
            fails(secret(&world, verb).input(CANARY).env("TOKEN", &expired), "unauthenticated", &["has expired"]);
        assert!(!done.err.contains(&expired));
    }
    server.state().without_get = true;
    fails(secret(&world, &["get", "db"]), "not_readable", &["before values could be read back"]);
    assert_eq!(shown(&world, &["show", "db", "--json"])["key"], "db");
}

#[test]
fn several_removals_are_told_one_by_one() {
    let server = start(Wire::Plain);
    let world = world(&server);
    server.state().put("a", b"1");
    server.next_at("/secrets/a", [Fault::Instead(Reply::text(502, CANARY))]);
    let done = secret(&world, &["rm", "a", "db", "--yes"]).done();
    assert_eq!((done.status, done.text()), (Some(125), "done: db\n"), "{done:?}");
    for piece in ["store a: a", "502", "may have been done all the same"] {
        assert!(done.err.contains(piece), "{}", done.err);
    }
    assert!(!done.err.contains(CANARY));
    assert_eq!(count(&server, "DELETE"), 2, "none was made again");
}

#[test]
fn adding_is_made_again_where_its_end_is_not_known() {
    let server = start(Wire::Plain);
    let world = world(&server);
    // Two questions, each of which finds the way first.
    let before = || std::iter::repeat_n(Fault::Delay(Duration::ZERO), 3);
    for (at, fault) in [Fault::Reset(0), Fault::Instead(Reply::text(503, CANARY))].into_iter().enumerate() {
        server.next(before().chain([fault]));
        secret(&world, &["add", &format!("k{at}")]).input("v").done().quiet();
        assert_eq!(count(&server, "POST"), 2 * (at + 1));
    }
    for (reply, code, piece) in [
        (Reply::html(200, "<html>kanarienvogel</html>"), "malformed", "200"),
        (Reply::html(201, "<html>kanarienvogel</html>"), "malformed", "does not answer as Apolo's secrets do"),
        (Reply::json(400, &json!({ "error": CANARY })), "malformed", "its rules for keys and values"),
        (Reply::html(400, "<html>kanarienvogel</html>"), "malformed", "400 Bad Request"),
        (Reply::text(413, CANARY), "too_big", "786,000 bytes"),
        (Reply::text(405, CANARY), "malformed", "405"),
    ] {
        server.next(before().chain([Fault::Instead(reply)]));
        fails(secret(&world, &["add", "late"]).input(CANARY), code, &[piece]);
        server.heal();
    }
}
