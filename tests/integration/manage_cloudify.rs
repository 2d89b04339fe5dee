//! `inject secret …` over a Cloudify Manager.

use crate::doubles::cloudify::{Cloudify, OTHER_TENANT, State, TENANT, password, start};
use crate::doubles::http::{Fault, Reply, Wire};
use crate::harness::{Inject, Outcome, World};
use crate::remote::{self, TLS};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// In values, and nowhere else but where `get` and `export` are told to write them.
const CANARY: &str = "canary-hunter2";

struct Site {
    manager: Cloudify,
    world: World,
    user: &'static str,
}

impl Site {
    /// alice's secrets, as alice sees them.
    fn new() -> Self {
        Self::of(TLS, State::new())
    }

    fn of(wire: Wire, mut state: State) -> Self {
        state.put("db", CANARY);
        Self { manager: start(wire, state), world: World::new(), user: "alice" }
    }

    fn by(mut self, user: &'static str) -> Self {
        self.user = user;
        self
    }

    fn secret(&self, arguments: &[&str]) -> Inject {
        let settings = json!({ "kind": "cloudify", "user": self.user, "password": { "env": "PASS" } });
        let store = remote::settings(&self.manager, settings);
        self.world.file("c.json", json!({ "stores": { "m": store } }).to_string());
        let arguments = ["-c", "c.json", "--retries", "1", "secret"].iter().chain(arguments);
        self.world.inject(arguments).env("PASS", password(self.user))
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let done = self.secret(arguments).input(input).done().quiet();
        if !["get", "export"].contains(&arguments[0]) {
            assert!(!done.text().contains(CANARY), "{}", done.text());
        }
        done.out
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Json {
        serde_json::from_slice(&self.run(&[arguments, &["--json"]].concat(), b"")).unwrap()
    }

    /// It fails with these pieces, without the value, without a word that the manager sent, and with so many requests.
    #[track_caller]
    fn refused(&self, arguments: &[&str], input: &[u8], requests: usize, pieces: &[&str]) -> Outcome {
        let before = self.manager.count();
        let done = self.secret(arguments).input(input).done();
        assert_eq!(done.status, Some(125), "{done:?}");
        for piece in pieces {
            assert!(done.err.contains(piece), "no {piece:?} in {:?}", done.err);
        }
        for hidden in [CANARY, "Traceback", "server_traceback", "<h1>", "refused: ", "gAAAA", &password(self.user)] {
            assert!(!format!("{}{}", done.text(), done.err).contains(hidden), "{hidden:?} in {done:?}");
        }
        assert_eq!(self.manager.count() - before, requests, "{done:?}");
        done
    }

    fn names(&self) -> Vec<String> {
        let list = self.json(&["list"]);
        list.as_array().unwrap().iter().map(|secret| secret["name"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_secret_is_added_shown_read_changed_and_removed() {
    for wire in remote::WIRES {
        let site = Site::of(wire, State::new());
        let value = "päss\n\t\"q\"\\ \u{1f511}\n";
        let added = site.run(&["add", "k", "--visibility", "private", "--hidden", "--json"], value.as_bytes());
        let added: Json = serde_json::from_slice(&added).unwrap();
        let shown = site.json(&["show", "k"]);
        for (name, expected) in [
            ("name", json!("k")),
            ("key", json!("k")),
            ("place", json!(TENANT)),
            ("tenant_name", json!(TENANT)),
            ("visibility", json!("private")),
            ("resource_availability", json!("private")),
            ("private_resource", json!(true)),
            ("is_hidden_value", json!(true)),
            ("schema", json!(null)),
            ("provider_name", json!(null)),
            ("created_by", json!("alice")),
            ("creator", json!("alice")),
            ("description", json!(null)),
        ] {
            assert_eq!((&added[name], &shown[name]), (&expected, &expected), "{name}");
        }
        assert_eq!((&shown["created"], &shown["updated"]), (&shown["created_at"], &shown["updated_at"]));
        assert!(shown["created"].as_str().unwrap().ends_with('Z'));
        // In answers to changes it is ciphertext.
        assert!(added.get("value").is_none() && shown.get("value").is_none());
        assert_eq!(site.run(&["get", "k"], b""), value.as_bytes());
        site.run(&["update", "k"], b"new");
        assert_eq!(site.run(&["get", "k"], b""), b"new");
        assert_eq!(site.names(), ["db", "k"]);
        assert!(site.json(&["list"])[1].get("value").is_none());
        site.run(&["rm", "k", "--yes"], b"");
        assert_eq!(site.names(), ["db"]);
        // Nothing of it was in an address.
        assert!(site.manager.calls().iter().all(|call| !call.path.contains("new") && call.query.len() < 4));
    }
}

#[test]
fn what_is_wrong_is_told_before_anything_is_sent() {
    let site = Site::new();
    let file = |name: &str, text: &str| {
        site.world.file(name, text);
    };
    file("list", "[]");
    file("schema", r#"{"type": "object"}"#);
    let canary = CANARY.as_bytes();
    for (arguments, piece) in [
        (&["add", "1k"][..], "a letter first"),
        (&["add", "a/b"], "a letter first"),
        (&["add", "k", "--description", "d"], "`--description` means nothing to `add` in a store of kind cloudify"),
        (&["add", "k", "--visibility", "all"], "private, tenant or global"),
        (&["add", "k", "--schema", "list"], "--schema: the file holds no JSON object"),
        (&["add", "k", "--provider", "p", "--provider-options", "list"], "--provider-options"),
        (&["add", "k", "--provider", "p", "--schema", "schema"], "--provider"),
        (&["get", "k@2"], "no versions"),
        (&["show", "k@2"], "no versions"),
        (&["rm", "k@2", "--yes"], "no versions"),
        (&["grant", "k"], "--visibility tenant or global"),
        (&["grant", "k", "--visibility", "private"], "--visibility tenant or global"),
        (&["grant", "k", "app", "--visibility", "global"], "no applications"),
        (&["revoke", "k"], "only ever becomes more"),
        (&["alias", "k", "l"], "one key"),
        (&["override", "k"], "one value"),
        (&["history", "k"], "present value"),
        (&["add", "k", "--tenant", "a\nb"], "control character"),
    ] {
        site.refused(arguments, canary, 0, &[piece]);
    }
    // Whether it is there was asked before the value was read, and no more.
    site.refused(&["add", "k"], b"\xff\xfe", 1, &["`k`", "UTF-8", "base64d"]);
    site.refused(&["add", "k"], b"", 1, &["`k`", "empty"]);
    site.refused(&["add", "k", "--schema", "schema"], canary, 1, &["`k`", "JSON"]);
    site.refused(&["add", "k", "--field", "a=@-"], canary, 1, &["`k`", "no fields"]);
    site.refused(&["update", "db"], b"", 2, &["`db`", "empty"]);
    site.refused(&["update", "db", "--field", "a=@-"], canary, 1, &["`db`", "no fields"]);
    assert!(site.manager.calls().iter().all(|call| call.method == "GET"));
    assert_eq!(site.names(), ["db"]);
}

#[test]
fn a_key_is_given_once_and_replaced_when_that_is_said() {
    let site = Site::new();
    site.refused(&["add", "db"], b"x", 1, &["already has a secret `db`", "--replace"]);
    site.refused(&["add", "db", "--replace"], b"x", 1, &["--yes"]);
    site.run(&["update", "db", "--hidden"], b"");
    site.run(&["add", "db", "--replace", "--yes"], b"x");
    assert_eq!(site.run(&["get", "db"], b""), b"x");
    assert_eq!(site.json(&["show", "db"])["is_hidden_value"], json!(true));
    // The manager would ignore both without a word.
    site.world.file("schema", r#"{"type": "object"}"#);
    let schema = ["add", "db", "--replace", "--yes", "--schema", "schema"];
    site.refused(&schema, b"{}", 2, &["`db` has another schema", "add it anew"]);
    let narrow = ["add", "db", "--replace", "--yes", "--visibility", "private"];
    site.refused(&narrow, b"y", 2, &["`db` is tenant already", "only ever becomes more"]);
    // Somebody's that this user does not see.
    site.manager.state().set_visibility("db", "private");
    let site = site.by("bob");
    site.refused(&["add", "db"], b"x", 2, &["already has a secret `db`", "private one", "choose another"]);
    site.refused(&["show", "db"], b"", 1, &["has no secret `db`", TENANT]);
}

#[test]
fn a_value_keeps_to_its_schema_whoever_changes_it() {
    let site = Site::new();
    site.world.file("object", r#"{"type": "object"}"#).file("text", r#"{"type": "string"}"#);
    site.run(&["add", "o", "--schema", "object"], b" {\"n\": 1.10, \"s\": \"x\"} ");
    assert_eq!(site.json(&["show", "o"])["schema"], json!({ "type": "object" }));
    assert_eq!(site.run(&["get", "o#s"], b""), b"x");
    let canary = format!("\"{CANARY}\"");
    site.refused(&["add", "p", "--schema", "object"], canary.as_bytes(), 2, &["`p` does not keep to its schema"]);
    site.run(&["update", "o"], br#"{"s": "y"}"#);
    assert_eq!(site.run(&["get", "o#s"], b""), b"y");
    site.refused(&["update", "o"], canary.as_bytes(), 3, &["`o` does not keep to its schema"]);
    site.refused(&["update", "o"], CANARY.as_bytes(), 2, &["`o` has a schema", "JSON"]);
    site.refused(&["update", "o", "--hidden", "--file", "-"], b"{}", 2, &["one at a time"]);
    site.run(&["update", "o", "--hidden"], b"");
    site.run(&["add", "o", "--replace", "--yes", "--schema", "object"], b"{}");
    assert_eq!(site.run(&["get", "o"], b""), b"{}");
    // A text is itself, as `get` writes it.
    site.run(&["add", "t", "--schema", "text"], b"5");
    site.run(&["update", "t"], b"a \"b\"\n");
    assert_eq!(site.run(&["get", "t"], b""), b"a \"b\"\n");
    assert_eq!(site.json(&["show", "o"])["is_hidden_value"], json!(true));
}

#[test]
fn who_sees_a_secret_becomes_more_and_never_less() {
    let site = Site::new();
    site.run(&["add", "k", "--visibility", "private"], b"v");
    let granted = site.json(&["grant", "k", "--visibility", "tenant"]);
    assert_eq!(granted, json!([{ "item": "k", "done": true }]));
    assert_eq!(site.json(&["show", "k"])["visibility"], "tenant");
    site.refused(&["grant", "k", "--visibility", "tenant"], b"", 1, &["`k`", "only ever becomes more"]);
    site.refused(&["update", "k", "--visibility", "private"], b"", 2, &["`k` is tenant already"]);
    site.refused(&["grant", "k", "--visibility", "global"], b"", 1, &["denied", "403", "`k`", "administrators"]);
    // As it is already, which the manager would refuse.
    site.run(&["update", "k", "--visibility", "tenant"], b"");
    let site = site.by("admin");
    site.run(&["update", "k", "--visibility", "global", "--hidden", "--file", "-"], b"w");
    let shown = site.json(&["show", "k", "--tenant", OTHER_TENANT]);
    assert_eq!((&shown["visibility"], &shown["is_hidden_value"]), (&json!("global"), &json!(true)));
    site.refused(&["update", "k", "--tenant", OTHER_TENANT], b"x", 3, &["`k`", "own tenant", "--tenant"]);
    assert_eq!(site.run(&["get", "k"], b""), b"w");
}

#[test]
fn tenants_have_secrets_of_their_own() {
    let site = Site::new().by("outsider");
    fn of<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
        [arguments, &["--tenant", OTHER_TENANT]].concat()
    }
    site.run(&of(&["add", "db"]), b"theirs");
    assert_eq!(site.run(&of(&["get", "db"]), b""), b"theirs");
    let listed = site.json(&of(&["list"]));
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["place"]), (1, &json!(OTHER_TENANT)));
    site.refused(&["list"], b"", 1, &["denied", "403", "`tenant`"]);
    site.run(&of(&["rm", "db", "--yes"]), b"");
    assert_eq!(site.by("alice").run(&["get", "db"], b""), CANARY.as_bytes());
}

#[test]
fn what_is_kept_from_a_user_is_said_and_never_shown() {
    let site = Site::new();
    site.manager.state().hide("db");
    let site = site.by("bob");
    site.refused(&["get", "db"], b"", 1, &["not readable", "`db`", "creator"]);
    assert_eq!(site.json(&["show", "db"])["is_hidden_value"], json!(true));
    site.refused(&["update", "db"], b"x", 3, &["denied", "403", "`db`", "hidden"]);
    let listed = site.names();
    assert_eq!(listed, ["db"]);
    let site = site.by("viewer");
    site.refused(&["add", "k"], b"x", 2, &["denied", "`k`", "viewer changes nothing"]);
    site.refused(&["export"], b"", 1, &["denied", "403"]);
}

#[test]
fn removing_tells_of_each() {
    let site = Site::new();
    for name in ["a", "b"] {
        site.manager.state().put(name, CANARY);
    }
    site.refused(&["rm", "a", "gone", "--yes"], b"", 2, &["has no secret `gone`"]);
    // What is looked for first meets nothing.
    site.manager.next_at("/secrets/a", [Fault::Delay(Duration::ZERO), Fault::Instead(Reply::html(500, "<h1>"))]);
    let done = site.secret(&["rm", "a", "b", "--yes"]).done();
    assert_eq!(done.status, Some(125), "{done:?}");
    assert_eq!(done.text(), "done: b\n");
    assert!(done.err.contains("may have been done"), "{done:?}");
    assert_eq!(site.names(), ["a", "db"]);
}

#[test]
fn a_change_that_may_have_been_made_is_not_made_again_blindly() {
    for (arguments, gets, sends) in [
        (&["add", "k"][..], 1, 1),
        (&["update", "db", "--visibility", "global", "--file", "-"], 2, 1),
        (&["rm", "db", "--yes"], 1, 1),
        // The same twice is the same as once.
        (&["update", "db"], 2, 2),
    ] {
        let site = Site::new().by("admin");
        let faults = (0..gets).map(|_| Fault::Delay(Duration::ZERO)).chain((0..4).map(|_| Fault::Reset(0)));
        site.manager.next(faults);
        let words: &[&str] = if sends > 1 { &["unavailable"] } else { &["unavailable", "may have been done"] };
        site.refused(arguments, b"x", gets + sends, words);
    }
}

#[test]
fn every_page_of_a_list_is_read() {
    let site = Site::new();
    for number in 0..2001 {
        site.manager.state().put(&format!("k{number:04}"), "v");
    }
    let before = site.manager.count();
    let names = site.names();
    assert_eq!((names.len(), &*names[0], &*names[2001]), (2002, "db", "k2000"));
    assert_eq!(site.manager.count() - before, 3);
}

#[test]
fn a_providers_value_is_the_providers() {
    let site = Site::new();
    site.world.file("options", r#"{"path": "x"}"#);
    let add = ["add", "k", "--provider", "vault", "--provider-options", "options"];
    site.refused(&add, b"", 2, &["no secrets provider \"vault\""]);
    site.manager.state().providers.push("vault".into());
    site.run(&add, b"");
    let shown = site.json(&["show", "k"]);
    assert_eq!((&shown["provider_name"], &shown["provider_options"]), (&json!("vault"), &json!(r#"{"path": "x"}"#)));
    site.refused(&["update", "k", "--provider", "other"], b"", 3, &["no secrets provider \"other\""]);
    site.manager.state().providers_down = true;
    site.refused(&["get", "k"], b"", 1, &["unavailable", "provider"]);
}

#[test]
fn an_export_plain_or_encrypted_goes_back_in() {
    for passphrase in [None, Some("correct horse\n")] {
        let site = Site::new();
        site.manager.state().put("object", json!({ "a": [1, "x"] }));
        site.run(&["update", "db", "--hidden"], b"");
        let mut options = vec!["--passphrase-file", "p"];
        options.truncate(if passphrase.is_some() { 2 } else { 0 });
        site.world.file("p", passphrase.unwrap_or_default());
        let text = site.run(&[&["export"], &options[..]].concat(), b"");
        let list: Json = serde_json::from_slice(&text).unwrap();
        assert_eq!((&list[0]["key"], &list[0]["is_hidden_value"]), (&json!("db"), &json!(true)));
        assert_eq!(list[0]["encrypted"], passphrase.is_some());
        assert_eq!(String::from_utf8_lossy(&text).contains(CANARY), passphrase.is_none());
        assert!(site.run(&[&["export", "db"], &options[..]].concat(), b"").len() < text.len());
        let asked = site.manager.calls();
        assert!(asked.iter().all(|call| !format!("{:?}", call.query).contains("horse")), "a passphrase in an address");

        site.world.file("list.json", &text);
        let import = [&["import", "list.json"], &options[..]].concat();
        // Both are there.
        let done = site.secret(&import).done();
        assert!(done.err.contains("already has a secret `db`") && done.err.contains("`object`"), "{done:?}");
        site.run(&["update", "db"], b"new");
        site.run(&[&import[..], &["--replace", "--yes"]].concat(), b"");
        assert_eq!(site.run(&["get", "db"], b""), CANARY.as_bytes());
        site.manager.state().remove("db");
        site.manager.state().remove("object");
        site.run(&import, b"");
        assert_eq!(site.run(&["get", "db"], b""), CANARY.as_bytes());
        assert_eq!(site.json(&["show", "db"])["is_hidden_value"], json!(true));
        if passphrase.is_some() {
            site.refused(&["import", "list.json"], b"", 0, &["encrypted", "--passphrase-file"]);
            site.world.file("p", "wrong");
            site.refused(&import, b"", 1, &["passphrase is wrong"]);
        }
        // All of it to another tenant.
        let site = site.by("admin");
        site.world.file("p", passphrase.unwrap_or_default());
        site.run(&[&import[..], &["--tenant", OTHER_TENANT]].concat(), b"");
        assert_eq!(site.run(&["get", "db", "--tenant", OTHER_TENANT], b""), CANARY.as_bytes());
    }
}

#[test]
fn an_export_without_what_is_kept_back_is_none() {
    let site = Site::new();
    site.manager.state().put("open", "v");
    site.manager.state().hide("db");
    let site = site.by("bob");
    site.refused(&["export"], b"", 3, &["db", "not readable", "`alice`"]);
    site.refused(&["export", "--format", "json"], b"", 3, &["db", "not readable"]);
    site.refused(&["export", "open", "gone"], b"", 3, &["has no secret `gone`"]);
    let list: Json = serde_json::from_slice(&site.run(&["export", "open"], b"")).unwrap();
    assert_eq!((list.as_array().unwrap().len(), &list[0]["value"]), (1, &json!("v")));
}

#[test]
fn a_file_that_no_manager_would_take_is_not_sent() {
    let site = Site::new();
    let item = |more: Json| {
        let mut item = json!({
            "key": "k", "value": CANARY, "visibility": "tenant", "is_hidden_value": false, "tenant_name": TENANT,
            "encrypted": false,
        });
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        item
    };
    for (text, piece) in [
        ("{}".to_owned(), "no list of secrets"),
        (format!("[{CANARY}]"), "no list of secrets"),
        (json!([item(json!({ "key": "a/b" }))]).to_string(), "the secret 1 of the file: a key of Cloudify"),
        (json!([item(json!({ "tenant_name": null }))]).to_string(), "`tenant_name`"),
        (json!([item(json!({})), item(json!({}))]).to_string(), "the secret 2 of the file: `k` stands there twice"),
    ] {
        site.world.file("list", &text);
        site.refused(&["import", "list"], b"", 0, &[piece]);
    }
    site.world.file("list", json!([item(json!({}))]).to_string());
    site.refused(&["import", "list", "--visibility", "global"], b"", 0, &["--visibility is said in the file"]);
    // What only the manager knows is told for each.
    let wrong = [item(json!({ "key": "l", "tenant_name": "nowhere" })), item(json!({}))];
    site.world.file("list", json!(wrong).to_string());
    let done = site.secret(&["import", "list", "--json"]).done();
    let told: Json = serde_json::from_slice(&done.out).unwrap();
    assert_eq!((&told[0]["item"], &told[0]["done"]), (&json!("l"), &json!(false)));
    assert!(told[0]["message"].as_str().unwrap().contains("`tenant_name`"));
    assert_eq!(told[1], json!({ "item": "k", "done": true }));
    assert_eq!(site.run(&["get", "k"], b""), CANARY.as_bytes());
}

#[test]
fn json_carries_what_was_said_of_a_secret_to_another_manager() {
    let one = Site::new();
    one.world.file("schema", r#"{"type": "object"}"#);
    one.run(&["add", "object", "--schema", "schema", "--visibility", "private"], br#"{"a": 1}"#);
    one.run(&["update", "db", "--hidden"], b"");
    let text = one.run(&["export", "--format", "json"], b"");
    let other = Site::new();
    other.manager.state().remove("db");
    other.run(&["import", "--format", "json"], &text);
    for key in ["db", "object"] {
        for name in ["visibility", "is_hidden_value", "schema"] {
            assert_eq!(one.json(&["show", key])[name], other.json(&["show", key])[name], "{key} {name}");
        }
    }
    assert_eq!(other.run(&["get", "object"], b""), br#"{"a":1}"#);
    assert_eq!(other.run(&["get", "db"], b""), CANARY.as_bytes());
    other.run(&["import", "--format", "dotenv"], b"LINE=\"a\\nb\"\n");
    assert_eq!(other.run(&["get", "LINE"], b""), b"a\nb");
    // All or nothing where it can be told before.
    let names = other.names();
    for (text, piece) in [
        (r#"{"m": "v", "n": {"value": "v", "pod": "p"}}"#, "`n`: `pod` means nothing"),
        (r#"{"m": "v", "n": {"base64": "//8="}}"#, "UTF-8"),
        (r#"{"m": "v", "n": ""}"#, "`n`: a manager keeps no empty value"),
    ] {
        other.refused(&["import", "--format", "json"], text.as_bytes(), 0, &[piece]);
    }
    assert_eq!(other.names(), names);
}

#[test]
fn a_manager_of_2017_has_the_verbs_too() {
    let mut state = State::new();
    state.is_old = true;
    let site = Site::of(TLS, state);
    let secret = |arguments: &[&str], input: &[u8]| {
        let settings = json!({ "kind": "cloudify", "api": "v3", "user": "alice", "password": { "env": "PASS" } });
        let store = remote::settings(&site.manager, settings);
        site.world.file("old.json", json!({ "stores": { "m": store } }).to_string());
        let arguments = ["-c", "old.json", "secret"].iter().chain(arguments);
        site.world.inject(arguments).env("PASS", password("alice")).input(input).done().quiet().out
    };
    secret(&["add", "k"], b"one");
    secret(&["update", "k"], b"two");
    assert_eq!(secret(&["get", "k"], b""), b"two");
    let shown: Json = serde_json::from_slice(&secret(&["show", "k", "--json"], b"")).unwrap();
    assert_eq!((&shown["permission"], shown.get("value")), (&json!("creator"), None));
    secret(&["rm", "k", "--yes"], b"");
    let listed: Json = serde_json::from_slice(&secret(&["list", "--json"], b"")).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);
}
