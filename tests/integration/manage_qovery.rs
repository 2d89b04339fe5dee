//! `inject secret …` over the secrets and variables of Qovery.

use crate::doubles::http::{Fault, Reply, Wire};
use crate::doubles::qovery::{CONTAINER, ENVIRONMENT, HELM, JOB, PROJECT, Qovery, State, TOKEN, start};
use crate::harness::{Inject, World};
use crate::remote::{self, TLS};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// In values, and nowhere else.
const CANARY: &str = "canary-hunter2";
const BUILT_IN: &str = "QOVERY_POSTGRESQL_Z1_PASSWORD";

struct Site {
    qovery: Qovery,
    world: World,
}

impl Site {
    fn new() -> Self {
        Self::of(TLS)
    }

    /// Of the project a secret and a plain variable.
    fn of(wire: Wire) -> Self {
        let mut state = State::new();
        state.put(PROJECT, "WIDE", CANARY, true);
        state.put(PROJECT, "HOST", "project's", false);
        Self { qovery: start(wire, state), world: World::new() }
    }

    /// Of the store that is the container's.
    fn secret(&self, arguments: &[&str]) -> Inject {
        let settings = json!({ "kind": "qovery", "token": { "env": "T" }, "scope": "container", "id": CONTAINER });
        let store = remote::settings(&self.qovery, settings);
        self.world.file("c.json", json!({ "stores": { "q": store } }).to_string());
        let arguments = ["-c", "c.json", "--retries", "1", "secret"].iter().chain(arguments);
        self.world.inject(arguments).env("T", TOKEN)
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let done = self.secret(arguments).input(input).done().quiet();
        if arguments[0] != "get" {
            assert!(!done.text().contains(CANARY), "{}", done.text());
        }
        done.out
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Json {
        serde_json::from_slice(&self.run(&[arguments, &["--json"]].concat(), b"")).unwrap()
    }

    /// It fails with these pieces, without a value or a word that Qovery sent, and with so many requests.
    #[track_caller]
    fn refused(&self, arguments: &[&str], input: &[u8], requests: usize, pieces: &[&str]) {
        let before = self.qovery.count();
        let done = self.secret(arguments).input(input).done();
        assert_eq!(done.status, Some(125), "{done:?}");
        for piece in pieces {
            assert!(done.err.contains(piece), "no {piece:?} in {:?}", done.err);
        }
        for hidden in [CANARY, TOKEN, "<h1>", "refused"] {
            assert!(!format!("{}{}", done.text(), done.err).contains(hidden), "{hidden:?} in {done:?}");
        }
        assert_eq!(self.qovery.count() - before, requests, "{done:?}");
    }

    #[track_caller]
    fn has(&self, parent: &str, key: &str, value: Option<&str>) {
        assert_eq!(self.qovery.state().value(parent, key), value, "{key}");
    }

    /// Of each the scope and the key, in the order of the list.
    fn listed(&self, options: &[&str]) -> Vec<(String, String)> {
        let list = self.json(&[&["list"], options].concat());
        let text = |json: &Json| json.as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(|item| (text(&item["place"]), text(&item["name"]))).collect()
    }
}

/// The options for another place than the store's.
fn at<'a>(arguments: &[&'a str], scope: &'a str, id: &'a str) -> Vec<&'a str> {
    [arguments, &["--scope", scope, "--id", id]].concat()
}

#[test]
fn a_secret_is_added_shown_changed_and_removed_and_never_read() {
    for wire in remote::WIRES {
        let site = Site::of(wire);
        let value = format!("päss\n\"{CANARY}\"\\\n");
        let add = ["add", "FILE", "--mount-path", "/etc/f", "--description", "d", "--interpolation", "--json"];
        let added: Json = serde_json::from_slice(&site.run(&add, value.as_bytes())).unwrap();
        let shown = site.json(&["show", "FILE"]);
        for (name, expected) in [
            ("name", json!("FILE")),
            ("key", json!("FILE")),
            ("place", json!("container")),
            ("scope", json!("CONTAINER")),
            ("variable_type", json!("FILE")),
            ("is_secret", json!(true)),
            ("mount_path", json!("/etc/f")),
            ("description", json!("d")),
            ("enable_interpolation_in_file", json!(true)),
            ("owned_by", json!("QOVERY")),
        ] {
            assert_eq!((&added[name], &shown[name]), (&expected, &expected), "{name}");
        }
        assert_eq!((&shown["created"], &shown["updated"]), (&shown["created_at"], &shown["updated_at"]));
        assert!(shown["created"].as_str().unwrap().ends_with('Z') && shown.get("value").is_none());
        site.has(CONTAINER, "FILE", Some(&value));
        site.refused(&["get", "FILE"], b"", 1, &["not readable", "never gives back"]);
        site.run(&["update", "FILE"], b"new");
        site.has(CONTAINER, "FILE", Some("new"));
        site.run(&["update", "FILE", "--description", "e"], b"");
        site.has(CONTAINER, "FILE", Some("new"));
        site.run(&["update", "FILE", "--new-name", "OTHER", "--interpolation=false"], b"");
        let shown = site.json(&["show", "OTHER"]);
        assert_eq!((&shown["description"], &shown["enable_interpolation_in_file"]), (&json!("e"), &json!(false)));
        site.run(&["rm", "OTHER", "--yes"], b"");
        site.has(CONTAINER, "OTHER", None);
        assert!(site.qovery.calls().iter().all(|call| !call.path.contains("new") && call.query.len() < 3));
    }
}

#[test]
fn a_plain_variable_is_one_that_get_reads() {
    let site = Site::new();
    site.run(&["add", "PORT", "--plain"], b"5432\n");
    assert_eq!(site.run(&["get", "PORT"], b""), b"5432\n");
    assert_eq!(site.run(&["get", "HOST"], b""), b"project's");
    let listed = site.json(&["list", "--plain"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains("5432") && !listed.to_string().contains("project's"), "{listed}");
    let of = |scope: &str, key: &str| (scope.to_owned(), key.to_owned());
    assert_eq!(site.listed(&["--plain=false"]), [of("built_in", BUILT_IN), of("project", "WIDE")]);
    assert_eq!(site.listed(&[]).len(), 4);
    site.refused(&["add", "PORT", "--replace", "--yes"], b"x", 2, &["`PORT` is a plain variable", "add it anew"]);
    site.run(&["add", "PORT", "--replace", "--yes", "--plain"], b"x");
    site.has(CONTAINER, "PORT", Some("x"));
}

#[test]
fn what_is_wrong_is_told_before_anything_is_sent() {
    let site = Site::new();
    let long = "x".repeat(256);
    let canary = CANARY.as_bytes();
    for (arguments, piece) in [
        (&["add", "1A"][..], "a letter first"),
        (&["add", "A-B"], "a letter first"),
        (&["add", "__A"], "a letter first"),
        (&["add", "QOVERY_A"], "`QOVERY_`"),
        (&["alias", "WIDE", "QOVERY_A"], "`QOVERY_`"),
        (&["add", "A", "--description", &long], "255"),
        (&["add", "A", "--mount-path", "etc/f"], "absolute"),
        (&["add", "A", "--interpolation"], "--mount-path"),
        (&["add", "A", "--scope", "job"], "each needs the other"),
        (&["add", "A", "--tenant", "t"], "`--tenant` means nothing to `add` in a store of kind qovery"),
        (&["update", "A", "--plain"], "`--plain` means nothing to `update`"),
        (&["get", "A@2"], "no versions"),
        (&["show", "A@2"], "no versions"),
        (&["grant", "A", "app"], "sees what is in it"),
        (&["revoke", "A", "app"], "sees what is in it"),
        (&["history", "A"], "present value"),
        (&["export"], "never gives the value of a secret back"),
    ] {
        site.refused(arguments, canary, 0, &[piece]);
    }
    // Whether it is there was asked before the value was read, and no more.
    site.refused(&["add", "A"], b"\xff", 1, &["`A`", "UTF-8"]);
    site.refused(&["add", "A", "--field", "a=@-"], canary, 1, &["`A`", "no fields"]);
    assert!(site.qovery.calls().iter().all(|call| call.method == "GET"));
}

#[test]
fn what_belongs_to_a_wider_scope_is_changed_there_alone() {
    let site = Site::new();
    assert_eq!(site.json(&["show", "WIDE"])["place"], "project");
    for verb in [&["update", "WIDE"][..], &["rm", "WIDE", "--yes"]] {
        site.refused(verb, b"x", 2, &["`WIDE` belongs to the project", "--scope project --id ID", "`override`"]);
    }
    for verb in [&["update", BUILT_IN][..], &["rm", BUILT_IN, "--yes"]] {
        site.refused(verb, b"x", 2, &["is built in", "`alias`"]);
    }
    site.has(PROJECT, "WIDE", Some(CANARY));
    site.run(&at(&["update", "WIDE"], "project", PROJECT), b"new");
    site.has(PROJECT, "WIDE", Some("new"));
    site.refused(&["update", "NONE"], b"x", 1, &["the container", CONTAINER, "has no secret `NONE`"]);
}

#[test]
fn an_override_and_an_alias_live_in_a_narrower_scope_and_go_with_their_origin() {
    let site = Site::new();
    site.run(&["override", "WIDE", "--description", "mine"], b"narrow");
    site.run(&["alias", "HOST", "DB_HOST"], b"");
    site.run(&["alias", BUILT_IN, "DB_PASSWORD", "--description", "d"], b"");
    site.has(CONTAINER, "WIDE", Some("narrow"));
    let shown = site.json(&["show", "WIDE"]);
    assert_eq!((&shown["place"], &shown["description"]), (&json!("container"), &json!("mine")));
    let origin = &shown["overridden_secret"];
    assert_eq!((&origin["key"], &origin["scope"]), (&json!("WIDE"), &json!("PROJECT")));
    // The link to a plain variable has its value in the answer.
    let shown = site.json(&["show", "DB_HOST"]);
    assert_eq!(shown["aliased_variable"]["key"], "HOST");
    assert!(!shown.to_string().contains("project's"), "{shown}");
    assert_eq!(site.json(&["show", "DB_PASSWORD"])["aliased_secret"]["scope"], "BUILT_IN");
    assert_eq!(site.run(&["get", "DB_HOST"], b""), b"project's");

    site.refused(&["update", "DB_HOST"], b"x", 2, &["`DB_HOST` is an alias", "`HOST`"]);
    site.refused(&["update", "WIDE", "--new-name", "NAME"], b"", 2, &["`WIDE` overrides another"]);
    site.refused(&["override", "WIDE"], b"x", 2, &["belongs to this container itself", "`update`"]);
    site.refused(&["alias", "DB_HOST", "AGAIN"], b"", 1, &["belongs to this container itself"]);
    site.run(&at(&["alias", "WIDE", "OF_ENVIRONMENT"], "environment", ENVIRONMENT), b"");
    site.refused(&["alias", "OF_ENVIRONMENT", "AGAIN"], b"", 1, &["is an alias of `WIDE`", "an alias has none"]);
    site.run(&["update", "DB_HOST", "--description", "told"], b"");
    assert_eq!(site.json(&["show", "DB_HOST"])["description"], "told");

    site.run(&at(&["rm", "WIDE", "HOST", "--yes"], "project", PROJECT), b"");
    let keys: Vec<String> = site.listed(&[]).into_iter().map(|(_, key)| key).collect();
    assert_eq!(keys, [BUILT_IN, "DB_PASSWORD"]);
}

#[test]
fn a_key_is_given_once_in_a_scope_and_replaced_when_that_is_said() {
    let site = Site::new();
    // Wider ones are no obstacle.
    site.run(&["add", "WIDE"], b"narrow");
    site.refused(&["add", "WIDE"], b"x", 1, &["already has a secret `WIDE`"]);
    site.refused(&["add", "WIDE", "--replace"], b"x", 1, &["--yes"]);
    let file = ["add", "WIDE", "--replace", "--yes", "--mount-path", "/f"];
    site.refused(&file, b"x", 2, &["`WIDE` is no file", "add it anew"]);
    site.run(&["add", "WIDE", "--replace", "--yes"], b"x");
    site.has(CONTAINER, "WIDE", Some("x"));
    site.has(PROJECT, "WIDE", Some(CANARY));
    // Between the question and the answer somebody else was there.
    let taken = Reply::json(409, &json!({ "message": CANARY }));
    site.qovery.next([Fault::Delay(Duration::ZERO), Fault::Instead(taken)]);
    site.refused(&["add", "NEW"], b"x", 2, &["409", "`NEW`", "taken"]);
    // In a project Qovery documents a meaning for it.
    let project = at(&["add", "NEW"], "project", PROJECT);
    site.refused(&project, b"HOST", 2, &["the value of `NEW` is the key of another", "`alias`"]);
}

#[test]
fn what_the_token_may_not_see_and_what_is_not_there_are_told_with_both_reasons() {
    let site = Site::new();
    let elsewhere = "00000000-0000-4000-8000-000000000000";
    site.refused(&at(&["list"], "container", elsewhere), b"", 1, &["denied", "403", "is there one"]);
    site.refused(&at(&["add", "A"], "job", elsewhere), b"x", 1, &["denied", "403", "is there one"]);
    let forbidden = Reply::json(403, &json!({ "message": CANARY }));
    site.qovery.next([Fault::Delay(Duration::ZERO), Fault::Instead(forbidden)]);
    site.refused(&["add", "A"], b"x", 2, &["denied", "403", "change of `A`"]);
    site.refused(&at(&["list"], "galaxy", CONTAINER), b"", 1, &["`scope`"]);
    site.qovery.next([Fault::Instead(Reply::html(200, "<h1>"))]);
    site.refused(&["list"], b"", 1, &["malformed", "`url`"]);
}

#[test]
fn a_copy_within_one_store_goes_from_place_to_place_and_lists_each_once() {
    let site = Site::new();
    for number in 0..20 {
        site.qovery.state().put(PROJECT, &format!("N{number:02}"), &number.to_string(), false);
    }
    let copy = ["copy", "--from", "q", "--to", "q", "--json"];
    let from = ["--from-scope", "project", "--from-id", PROJECT];
    let place = [&copy[..], &from, &["--to-scope", "job", "--to-id", JOB]].concat();
    let before = site.qovery.count();
    let done = site.secret(&place).done();
    // The target, the names, the values, what the target has; and one for each that is added, which in a job needs none.
    assert_eq!((done.status, site.qovery.count() - before), (Some(125), 4 + 21), "{done:?}");
    assert!(done.err.contains("store q: WIDE: not readable") && !done.err.contains(CANARY), "{}", done.err);
    let rows: Vec<Json> = serde_json::from_slice(&done.out).unwrap();
    let copied: Vec<&str> =
        rows.iter().filter_map(|row| (row["done"] == true).then(|| row["item"].as_str())?).collect();
    let numbers = (0..20).map(|number| format!("N{number:02}"));
    assert_eq!(copied, ["HOST".to_owned()].into_iter().chain(numbers).collect::<Vec<_>>());
    site.has(JOB, "HOST", Some("project's"));
    site.has(JOB, "N07", Some("7"));
    site.refused(&[&copy[..], &from[..2]].concat(), b"", 0, &["store q", "each needs the other"]);
    site.refused(&[&copy[..], &["--to-id", JOB]].concat(), b"", 0, &["store q", "each needs the other"]);
    site.refused(&copy, b"", 0, &["both name the store q"]);
}

#[test]
fn nobody_types_a_value_for_what_is_not_there() {
    let site = Site::new();
    for verb in ["update", "override"] {
        site.refused(&[verb, "NOWHERE", "--file", "no-such-file"], b"", 1, &["no secret `NOWHERE`"]);
    }
}

#[test]
fn a_change_that_may_have_been_made_is_not_made_again_blindly() {
    for (arguments, gets, sends) in [
        (&["add", "NEW"][..], 1, 1),
        (&["override", "WIDE"], 2, 1),
        (&["alias", "HOST", "NEW"], 1, 1),
        (&["rm", "OWN", "--yes"], 2, 1),
        // The same twice is the same as once.
        (&["update", "OWN"], 2, 2),
    ] {
        let site = Site::new();
        site.qovery.state().put(CONTAINER, "OWN", "v", true);
        let faults = (0..gets).map(|_| Fault::Delay(Duration::ZERO)).chain((0..4).map(|_| Fault::Reset(0)));
        site.qovery.next(faults);
        let words: &[&str] = if sends > 1 { &["unavailable"] } else { &["unavailable", "may have been done"] };
        site.refused(arguments, b"x", gets + sends, words);
    }
}

#[test]
fn removing_tells_of_each() {
    let site = Site::new();
    for key in ["A", "B"] {
        site.qovery.state().put(CONTAINER, key, CANARY, true);
    }
    let done = site.secret(&["rm", "A", "WIDE", "B", "--yes"]).done();
    assert_eq!((done.status, done.text()), (Some(125), "done: A\ndone: B\n"), "{done:?}");
    assert!(done.err.contains("WIDE") && done.err.contains("belongs to the project"), "{done:?}");
}

#[test]
fn many_are_imported_into_a_service_at_once_and_elsewhere_one_by_one() {
    let site = Site::new();
    site.qovery.state().put(CONTAINER, "OLD", "old", true);
    let before = site.qovery.count();
    let done = site.secret(&["import", "--json"]).input(b"A=\"a\\nb\"\nOLD=new\n").done();
    assert_eq!(site.qovery.count() - before, 1);
    let told: Json = serde_json::from_slice(&done.out).unwrap();
    assert_eq!((&told[0], &told[1]["done"]), (&json!({ "item": "A", "done": true }), &json!(false)));
    assert!(done.err.contains("did not import it") && done.err.contains("--replace"), "{done:?}");
    site.has(CONTAINER, "A", Some("a\nb"));
    site.has(CONTAINER, "OLD", Some("old"));
    site.run(&["import", "--replace", "--yes"], b"OLD=new\n");
    site.has(CONTAINER, "OLD", Some("new"));
    site.run(&at(&["import", "--plain"], "helm", HELM), b"P=plain\n");
    assert_eq!(site.run(&at(&["get", "P"], "helm", HELM), b""), b"plain");
    // What that call has no place for.
    let json = br#"{"F": {"value": "content", "mount-path": "/f", "description": "d"}, "G": "g"}"#;
    site.run(&["import", "--format", "json"], json);
    assert_eq!(site.json(&["show", "F"])["mount_path"], "/f");
    site.run(&at(&["import", "--format", "json"], "environment", ENVIRONMENT), br#"{"E": "e"}"#);
    site.has(ENVIRONMENT, "E", Some("e"));
    let environment = at(&["import", "--format", "json"], "environment", ENVIRONMENT);
    site.refused(&environment, br#"{"E": "f"}"#, 1, &["E: ", "already has a secret `E`"]);
    // All or nothing where it can be told before.
    for (text, piece) in [
        (r#"{"M": "m", "A-B": "v"}"#, "letters, digits"),
        (r#"{"M": "m", "N": {"value": "v", "pod": "p"}}"#, "`pod` means nothing"),
        (r#"{"M": "m", "N": {"base64": "//8="}}"#, "UTF-8"),
    ] {
        site.refused(&["import", "--format", "json"], text.as_bytes(), 0, &[piece]);
    }
    site.has(CONTAINER, "M", None);
}

#[test]
fn a_reference_into_another_manager_keeps_to_it() {
    let site = Site::new();
    site.qovery.state().put_external(CONTAINER, "POINTER", "arn:one");
    site.refused(&["get", "POINTER"], b"", 1, &["not readable", "reference"]);
    let shown = site.json(&["show", "POINTER"]);
    assert_eq!(shown["variable_type"], "EXTERNAL_SECRET");
    site.run(&["update", "POINTER", "--description", "d"], b"");
    let put = site.qovery.calls().into_iter().find(|call| call.method == "PUT").unwrap();
    assert_eq!(put.json().unwrap()["secret_manager_access_id"], shown["secret_manager_access_id"]);
}

#[test]
fn a_workload_says_the_place_and_the_token_where_the_settings_do_not() {
    let site = Site::new();
    let run = |arguments: &[&str]| {
        let inject = site.world.inject(["-s", "qovery", "secret"].iter().chain(arguments));
        let inject = inject.env("QOVERY_API_URL", site.qovery.url()).env("QOVERY_CONTAINER_ID", CONTAINER);
        inject.env("SSL_CERT_FILE", site.qovery.ca_file())
    };
    run(&["add", "A"]).input("x").env("QOVERY_API_TOKEN", TOKEN).done().quiet();
    site.has(CONTAINER, "A", Some("x"));
    run(&["list"]).done().fails(125, &["needs `token`", "QOVERY_API_TOKEN"]);
}
