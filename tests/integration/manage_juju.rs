//! `inject secret …` over the secrets of a Juju model, by the built binary.

use crate::doubles::juju::{Juju, MODEL, OTHER_MODEL, PASSWORD, State, endpoint, start};
use crate::doubles::websocket::Fault;
use crate::harness::{Inject, Outcome, World};
use serde_json::{Value as Json, json};

const LIST: &str = "Secrets.ListSecrets";
const CREATE: &str = "Secrets.CreateSecrets";
const UPDATE: &str = "Secrets.UpdateSecrets";
const REMOVE: &str = "Secrets.RemoveSecrets";
const GRANT: &str = "Secrets.GrantSecret";
const REVOKE: &str = "Secrets.RevokeSecret";
/// Never to be seen but where `get` is told to write it.
const CANARY: &str = "canary-hunter2";

/// A model with one secret, in a world with one store.
struct Model {
    world: World,
    juju: Juju,
    user: &'static str,
}

impl Model {
    fn new() -> Self {
        let mut state = State::new();
        state.put("db", &[("username", b"amy"), ("password", CANARY.as_bytes())]);
        Self { world: World::new(), juju: start(state), user: "admin" }
    }

    fn of(user: &'static str) -> Self {
        Self { user, ..Self::new() }
    }

    fn secret(&self, arguments: &[&str]) -> Inject {
        let settings = json!({
            "kind": "juju", "endpoints": [endpoint(&self.juju)], "model": MODEL, "user": self.user,
            "password": { "env": "JUJU_LOGIN" }, "ca_file": self.juju.ca_file(),
        });
        self.world.file("c.json", json!({ "stores": { "prod": settings } }).to_string());
        let arguments = [&["-c", "c.json", "--timeout", "20s"], arguments].concat();
        self.world.secret(&arguments).env("JUJU_LOGIN", PASSWORD)
    }

    #[track_caller]
    fn quiet(&self, arguments: &[&str]) -> Outcome {
        self.secret(arguments).done().quiet()
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Json {
        serde_json::from_slice(&self.quiet(&[arguments, &["--json"]].concat()).out).unwrap()
    }

    #[track_caller]
    fn get(&self, name: &str) -> String {
        self.quiet(&["get", name]).text().to_owned()
    }

    /// It fails with this code and these words, and shows nothing that it should not.
    #[track_caller]
    fn fails(&self, arguments: &[&str], code: &str, pieces: &[&str]) {
        refused(self.secret(arguments).input(CANARY), code, pieces);
    }

    /// What the last request of this name asked for.
    #[track_caller]
    fn asked(&self, name: &str) -> Json {
        let calls = self.juju.calls();
        let (_, message) = calls.iter().rfind(|(called, _)| called == name).unwrap();
        serde_json::from_slice::<Json>(message).unwrap()["params"].clone()
    }

    fn writes(&self) -> usize {
        [CREATE, UPDATE, REMOVE, GRANT, REVOKE].map(|name| self.juju.count(name)).iter().sum()
    }
}

#[track_caller]
fn refused(inject: Inject, code: &str, pieces: &[&str]) {
    let done = inject.env("INJECT_LOG_FORMAT", "json").done();
    assert_eq!(done.status, Some(125), "{done:?}");
    let failures: Vec<Json> = done.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(failures.iter().any(|failure| failure["code"] == code), "no {code} in {}", done.err);
    for piece in pieces {
        let has = |failure: &Json| failure["message"].as_str().unwrap().contains(piece);
        assert!(failures.iter().any(has), "no {piece:?} in {}", done.err);
    }
    let shown = format!("{}{}", String::from_utf8_lossy(&done.out), done.err);
    for hidden in [CANARY, "hunter2", "JUJU_LOGIN", "`url`"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

#[test]
fn keys_are_kept_byte_for_byte_and_read_one_by_one() {
    let model = Model::new();
    let every: Vec<u8> = (0..=255).collect();
    model.world.file("every", &every).file("fields.json", r#"{"token": "<&>\u00fc\n", "user-name": "a=b=="}"#);
    let add =
        model.secret(&["add", "tls", "--field", "key=@every", "--field", "line=@-", "--description", "for tests"]);
    add.input("line\n\n").done().quiet();
    let data = json!({ "key": base64(&every), "line": base64(b"line\n\n") });
    let argument = json!({ "content": { "data": data }, "label": "tls", "description": "for tests" });
    assert_eq!(model.asked(CREATE), json!({ "args": [argument] }), "what is not said is not sent");
    assert!(model.quiet(&["get", "tls#key"]).out == every);
    assert_eq!(model.get("tls#line"), "line\n\n");
    model.quiet(&["add", "more", "--fields", "fields.json"]);
    assert_eq!((model.get("more#token"), model.get("more#user-name")), ("<&>ü\n".into(), "a=b==".into()));
    assert_eq!(model.asked(CREATE)["args"][0].as_object().unwrap().len(), 2);
    model.fails(&["get", "more"], "malformed", &["token, user-name"]);
    model.fails(&["get", "more#other"], "not_found", &["`other`"]);
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}

#[test]
fn only_a_get_asks_for_values_and_only_for_those_of_one_secret() {
    let model = Model::new();
    model.juju.state().put_of("application-mysql", "db", &[("password", b"the charm's")]);
    for verb in [&["list"][..], &["show", "db"], &["history", "db"], &["update", "db", "--description", "d"]] {
        model.quiet(verb);
    }
    let lists = || {
        let calls = model.juju.calls().into_iter().filter(|(name, _)| name == LIST);
        calls.map(|(_, list)| serde_json::from_slice::<Json>(&list).unwrap()["params"].clone()).collect::<Vec<_>>()
    };
    assert!(lists().iter().all(|params| params["show-secrets"] == false));
    assert_eq!(model.get("db#password"), CANARY);
    let uri = model.json(&["show", "db"])["uri"].clone();
    let with_values: Vec<_> = lists().into_iter().filter(|params| params["show-secrets"] == true).collect();
    assert_eq!(with_values, [json!({ "filter": { "uri": uri }, "show-secrets": true })]);
}

#[test]
fn metadata_has_every_attribute_of_the_api_and_times_in_utc() {
    let model = Model::new();
    model.juju.state().time = "2026-11-22T00:17:03.123456789-04:00".to_owned();
    model.quiet(&["update", "db", "--description", "for tests"]);
    model.quiet(&["grant", "db", "ubuntu"]);
    let shown = model.json(&["show", "db"]);
    let time = "2026-11-22T04:17:03Z";
    let access = json!([{ "target-tag": "application-ubuntu", "scope-tag": format!("model-{MODEL}"), "role": "view" }]);
    let revision = json!({ "revision": 1, "backend-name": "internal", "create-time": time, "update-time": time });
    for (name, value) in [
        ("name", json!("db")),
        ("label", json!("db")),
        ("description", json!("for tests")),
        ("created", json!(time)),
        ("updated", json!(time)),
        ("create-time", json!(time)),
        ("update-time", json!(time)),
        ("revision", json!(1)),
        ("latest-revision", json!(1)),
        ("version", json!(1)),
        ("owner-tag", json!(format!("model-{MODEL}"))),
        ("access", access),
        ("applications", json!(["ubuntu"])),
        ("revisions", json!([revision])),
        ("rotate-policy", json!(null)),
        ("next-rotate-time", json!(null)),
        ("latest-expire-time", json!(null)),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    assert!(shown["uri"].as_str().unwrap().starts_with("secret:") && shown.get("place").is_none());
    assert_eq!(shown["latest-revision-checksum"].as_str().unwrap().len(), 64);
    assert_eq!(model.json(&["list"]), json!([shown]));
    let text = model.quiet(&["show", "db"]);
    assert!(text.text().contains(&format!("created:                   {time}\n")), "{}", text.text());
    let text = format!("{}{}{shown}", text.text(), model.quiet(&["list"]).text());
    assert!(!text.contains(CANARY) && !text.contains(&base64(CANARY.as_bytes())));
}

#[test]
fn secrets_of_charms_are_listed_with_their_owner_and_left_to_them() {
    let model = Model::new();
    model.juju.state().put_of("unit-mysql-0", "cert", &[("key", b"v")]);
    let id = model.juju.state().put_of("application-mysql", "db", &[("key", b"v")]);
    let list = model.json(&["list"]);
    let shown = |member| list.as_array().unwrap().iter().map(|secret| secret[member].clone()).collect::<Vec<_>>();
    assert_eq!(json!(shown("name")), json!(["db", "db", "cert"]));
    assert_eq!(json!(shown("place")), json!([null, "application-mysql", "unit-mysql-0"]));
    assert_eq!(list[1]["uri"], format!("secret://{MODEL}/{id}"));
    assert_eq!(list[1]["rotate-policy"], "daily");
    assert_eq!(list[1]["next-rotate-time"], list[1]["create-time"]);
    let table = model.quiet(&["list"]);
    assert!(table.text().lines().nth(2).unwrap().starts_with("db    application-mysql"), "{}", table.text());
    // The model's own has the name; a charm's is there by its id.
    assert_eq!(model.json(&["show", "db"])["owner-tag"], format!("model-{MODEL}"));
    let uri = format!("secret://{MODEL}/{id}");
    assert_eq!(model.json(&["show", &uri])["place"], "application-mysql");
    assert_eq!(model.json(&["history", "cert"])[0]["owner-tag"], "unit-mysql-0");
    for name in ["cert#key", &format!("{id}#key")] {
        model.fails(&["get", name], "not_readable", &["only a charm reads"]);
    }
    for verb in [&["rm", &uri, "--yes"][..], &["grant", &uri, "ubuntu"], &["update", &uri, "--description", "d"]] {
        model.fails(verb, "denied", &["its charm's alone", &id]);
    }
    model.fails(&["update", &uri, "--field", "key=@-"], "not_readable", &["application-mysql"]);
    // By name they are none of ours.
    model.fails(&["rm", "cert", "--yes"], "not_found", &["`cert`"]);
    model.secret(&["add", "cert", "--field", "key=@-"]).input("ours").done().quiet();
    assert_eq!(model.get("cert#key"), "ours");
    model.juju.state().put_of("application-one", "twice", &[("key", b"v")]);
    model.juju.state().put_of("application-two", "twice", &[("key", b"v")]);
    model.fails(&["show", "twice"], "config", &["several", "`twice`", "id"]);
}

#[test]
fn a_list_is_as_long_as_the_model_is_and_no_other_reply() {
    let model = Model::new();
    let count = 10_000;
    for number in 0..count {
        model.juju.state().put_of("unit-x-0", &format!("{number:0>700}"), &[("key", b"v")]);
    }
    assert_eq!(model.json(&["list"]).as_array().unwrap().len(), count + 1);
    // An old controller shows all of them, whichever is asked for.
    model.juju.state().versions = vec![1];
    model.fails(&["get", "db#password"], "too_big", &["8388608 bytes"]);
}

#[test]
fn a_copy_reads_all_values_over_one_connection_and_leaves_charms_theirs() {
    let model = Model::new();
    for number in 0..120 {
        model.juju.state().put(&format!("n{number:03}"), &[("key", number.to_string().as_bytes())]);
    }
    model.juju.state().put_of("application-mysql", "cert", &[("key", b"v")]);
    model.juju.state().put_of("application-mysql", "n007", &[("key", b"the charm's")]);
    model.world.file("l.json", r#"{"stores": {"l": {"kind": "local", "path": "l.age"}}}"#);
    let local = |words: &[&str]| model.secret(&[&["-c", "l.json", "-s", "l"], words].concat());
    local(&["init"]).done().quiet();
    let before = model.juju.connections();
    let done = model.secret(&["-c", "l.json", "copy", "--from", "prod", "--to", "l", "--json"]).done();
    assert_eq!(done.status, Some(125), "{done:?}");
    assert!(done.err.contains("store prod: cert: not readable") && done.err.lines().count() == 1, "{}", done.err);
    let rows: Vec<Json> = serde_json::from_slice(&done.out).unwrap();
    let copied: Vec<&str> =
        rows.iter().filter_map(|row| (row["done"] == true).then(|| row["item"].as_str())?).collect();
    let numbers = (0..120).map(|number| format!("n{number:03}"));
    assert_eq!(copied, ["db".to_owned()].into_iter().chain(numbers).collect::<Vec<_>>());
    // The list, the one of two that has the name, and fifty values at a time.
    assert_eq!(model.juju.connections() - before, 1 + 1 + 3);
    for (name, value) in [("n000#key", "0"), ("n007#key", "7"), ("n119#key", "119"), ("db#password", CANARY)] {
        assert_eq!(local(&["get", name]).done().quiet().text(), value, "{name}");
    }
    // The other way round.
    model.juju.state().remove("n001", &[]);
    let before = model.juju.connections();
    let done = model.secret(&["-c", "l.json", "copy", "--from", "l", "--to", "prod", "--dry-run", "--json"]).done();
    let rows: Vec<Json> = serde_json::from_slice(&done.out).unwrap();
    let fits: Vec<&Json> =
        rows.iter().filter(|row| row["result"] == "would be copied").map(|row| &row["item"]).collect();
    assert_eq!((fits, model.juju.connections() - before), (vec![&json!("n001")], 3), "{done:?}");
}

#[test]
fn a_name_that_is_taken_is_kept_unless_replacing_is_said_and_then_its_grants_stay() {
    let model = Model::new();
    let uri = model.json(&["show", "db"])["uri"].clone();
    model.quiet(&["update", "db", "--description", "old"]);
    model.quiet(&["grant", "db", "ubuntu"]);
    let add = ["add", "db", "--field", "token=@-"];
    model.fails(&add, "config", &["already has a secret `db`", "--replace"]);
    model.fails(&[&add[..], &["--replace"]].concat(), "config", &["--yes"]);
    assert_eq!(model.juju.count(CREATE), 0);
    model.secret(&[&add[..], &["--replace", "--yes"]].concat()).input("new").done().quiet();
    let shown = model.json(&["show", "db"]);
    assert_eq!((&shown["uri"], &shown["revision"], &shown["description"]), (&uri, &json!(2), &json!(null)));
    assert_eq!(shown["access"][0]["target-tag"], "application-ubuntu");
    assert_eq!(model.get("db#token"), "new");
    model.fails(&["get", "db#password"], "not_found", &["`password`"]);
    assert_eq!(model.get("db#username@1"), "amy");
    // One that was made since we looked.
    let other = json!({ "request-id": 2, "response": { "results": [{ "result": "", "error":
        { "message": CANARY, "code": "already exists" } }] } });
    model.juju.next(CREATE, Fault::Instead(other.to_string()));
    model.fails(&["add", "race", "--field", "token=@-"], "config", &["already has a secret `race`"]);
}

#[test]
fn what_an_update_does_not_name_stays_as_it_is() {
    let model = Model::new();
    model.quiet(&["update", "db", "--description", "for tests"]);
    assert_eq!(model.asked(UPDATE), json!({ "args": [{ "existing-label": "db", "description": "for tests" }] }));
    model.secret(&["update", "db", "--field", "username=@-"]).input("bob").done().quiet();
    assert_eq!((model.get("db#username"), model.get("db#password")), ("bob".into(), CANARY.into()));
    model.quiet(&["update", "db", "--new-name", "database"]);
    assert_eq!(model.asked(UPDATE), json!({ "args": [{ "existing-label": "db", "label": "database" }] }));
    let shown = model.json(&["show", "database"]);
    assert_eq!((&shown["description"], &shown["revision"]), (&json!("for tests"), &json!(2)));
    model.fails(&["show", "db"], "not_found", &["`db`"]);
    // By its id, which outlives a name; and to the name it has.
    let uri = shown["uri"].as_str().unwrap();
    let renamed = model.json(&["update", uri, "--new-name", "database", "--description", ""]);
    assert_eq!((&renamed["name"], &renamed["description"]), (&json!("database"), &json!(null)));
    model.secret(&["update", "database", "--fields", "-"]).input(r#"{"token": "v"}"#).done().quiet();
    model.fails(&["get", "database#username"], "not_found", &[]);
    // The same once more is no new revision.
    let again = model.secret(&["update", "database", "--field", "token=@-", "--json"]).input("v").done().quiet();
    assert_eq!(serde_json::from_slice::<Json>(&again.out).unwrap()["revision"], 3);
    model.juju.state().put("other", &[("token", b"v")]);
    let rename = ["update", "database", "--new-name", "other"];
    model.fails(&rename, "config", &["already has a secret `other`", "another name"]);
    // Keys that no client would make stay, too.
    let data = [("Odd_Key".to_owned(), json!(base64(b"odd")))].into_iter().collect();
    model.juju.state().put_encoded(&format!("model-{MODEL}"), "odd", data);
    model.secret(&["update", "odd", "--field", "token=@-"]).input("v").done().quiet();
    assert_eq!((model.get("odd#Odd_Key"), model.get("odd#token")), ("odd".into(), "v".into()));
}

#[test]
fn a_secret_without_a_name_goes_by_its_id() {
    let model = Model::new();
    let id = model.juju.state().put("", &[("token", b"v")]);
    let uri = format!("secret:{id}");
    assert_eq!(model.json(&["list"])[1]["name"], uri);
    assert_eq!(model.get(&format!("{uri}#token")), "v");
    model.quiet(&["update", &uri, "--new-name", "named"]);
    model.quiet(&["rm", &id, "--yes"]);
    model.fails(&["show", "named"], "not_found", &[]);
}

#[test]
fn revisions_are_listed_read_removed_and_pruned_by_number() {
    let model = Model::new();
    for number in 2..=3 {
        model.juju.state().put("db", &[("password", format!("v{number}").as_bytes())]);
    }
    // A charm's, of the same name and with fewer of them.
    model.juju.state().put_of("application-mysql", "db", &[("password", b"the charm's")]);
    let numbers = |model: &Model| {
        let history = model.json(&["history", "db"]);
        history.as_array().unwrap().iter().map(|one| one["revision"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&model), [3, 2, 1]);
    let one = model.json(&["show", "db@2"]);
    assert_eq!((&one["revision"], &one["backend-name"], &one["name"]), (&json!(2), &json!("internal"), &json!("db")));
    assert_eq!(model.json(&["history", "db"])[1], one);
    assert_eq!((model.get("db#password@2"), model.get("db#password")), ("v2".into(), "v3".into()));
    assert_eq!(model.quiet(&["get", "db#password", "--revision", "1"]).text(), CANARY);
    model.fails(&["get", "db#password@9"], "not_found", &["no revision 9 of `db`"]);
    model.fails(&["show", "db@9"], "not_found", &["no revision 9 of `db`"]);
    model.fails(&["rm", "db@2"], "config", &["revision 2 of `db`", "--yes"]);
    model.quiet(&["rm", "db@2", "--yes"]);
    assert_eq!(model.asked(REMOVE), json!({ "args": [{ "label": "db", "revisions": [2] }] }));
    assert_eq!(numbers(&model), [3, 1]);
    model.quiet(&["rm", "db", "--revision", "3", "--yes"]);
    model.fails(&["get", "db#password"], "not_readable", &["was removed", "@REVISION"]);
    assert_eq!(model.get("db#password@1"), CANARY);
    model.fails(&["update", "db", "--field", "token=@-"], "not_readable", &["was removed"]);
    model.secret(&["update", "db", "--fields", "-"]).input(r#"{"token": "v4"}"#).done().quiet();
    assert_eq!(numbers(&model), [4, 1], "a number is never used again");
    model.quiet(&["update", "db", "--auto-prune"]);
    assert_eq!(model.asked(UPDATE), json!({ "args": [{ "existing-label": "db", "auto-prune": true }] }));
    assert_eq!(numbers(&model), [4]);
    model.quiet(&["update", "db", "--auto-prune=false"]);
    model.secret(&["update", "db", "--field", "token=@-"]).input("v5").done().quiet();
    assert_eq!(numbers(&model), [5, 4]);
    model.quiet(&["rm", "db@4", "db@5", "--yes"]);
    assert_eq!(model.json(&["list"]).as_array().unwrap().len(), 1, "the charm's is left");
}

#[test]
fn several_are_removed_in_one_request_and_told_one_by_one() {
    let model = Model::new();
    model.juju.state().put("other", &[("token", b"v")]);
    let removed = model.json(&["rm", "db", "other", "--yes"]);
    assert_eq!((&removed[0]["name"], &removed[1]["name"]), (&json!("db"), &json!("other")));
    assert_eq!((model.juju.count(REMOVE), model.json(&["list"])), (1, json!([])));
    // One that somebody else was faster with.
    for name in ["one", "two"] {
        model.juju.state().put(name, &[("token", b"v")]);
    }
    let partial = json!({ "request-id": 2, "response": { "results": [
        { "error": { "message": CANARY, "code": "not found" } }, {},
    ] } });
    model.juju.next(REMOVE, Fault::Instead(partial.to_string()));
    let done = model.secret(&["rm", "one", "two", "--yes"]).done();
    assert_eq!((done.status, done.text()), (Some(125), "done: two\n"));
    assert!(done.err.contains("no secret `one`") && !done.err.contains("`two`"), "{}", done.err);
    model.fails(&["rm", "gone", "one", "--yes"], "not_found", &["`gone`"]);
    assert_eq!(model.juju.count(REMOVE), 2);
}

#[test]
fn applications_are_granted_a_secret_one_by_one() {
    let model = Model::new();
    let granted = |model: &Model| {
        let shown = model.json(&["show", "db"]);
        let access = shown["access"].as_array().cloned().unwrap_or_default();
        access.iter().map(|one| one["target-tag"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    model.quiet(&["grant", "db", "ubuntu", "mysql"]);
    assert_eq!(model.asked(GRANT), json!({ "applications": ["ubuntu", "mysql"], "label": "db" }));
    assert_eq!(granted(&model), ["application-mysql", "application-ubuntu"]);
    for _ in 0..2 {
        assert_eq!(model.json(&["revoke", "db", "ubuntu"]), json!([{ "item": "ubuntu", "done": true }]));
    }
    let uri = model.json(&["show", "db"])["uri"].as_str().unwrap().to_owned();
    model.quiet(&["revoke", &uri, "mysql"]);
    assert_eq!(model.asked(REVOKE), json!({ "applications": ["mysql"], "uri": uri }));
    assert!(granted(&model).is_empty());
    let done = model.secret(&["grant", "db", "nope", "ubuntu"]).done();
    assert_eq!((done.status, done.text()), (Some(125), "done: ubuntu\n"));
    assert!(done.err.contains("no application `nope`") && done.err.contains("juju status"), "{}", done.err);
    assert_eq!(granted(&model), ["application-ubuntu"]);
    model.fails(&["grant", "gone", "ubuntu"], "not_found", &["`gone`"]);
    model.fails(&["revoke", "gone", "ubuntu"], "not_found", &["`gone`"]);
}

#[test]
fn nothing_is_sent_that_the_clients_of_juju_would_refuse() {
    let model = Model::new();
    let id = "cu9nqkbmp25c7a8sqo2g";
    // Without asking anybody.
    for (arguments, pieces) in [
        (&["add", id, "--field", "token=@-"][..], &["reads as an id"][..]),
        (&["add", "a/b", "--field", "token=@-"], &["its id of 20 characters"]),
        (&["update", "db", "--new-name", ""], &["no name of a Juju secret"]),
        (&["update", "db", "--new-name", "a:b"], &["no name of a Juju secret"]),
        (&["update", "db", "--new-name", id], &["reads as an id"]),
        (&["update", "db@1", "--description", "d"], &["no single revision"]),
        (&["rm", "db@0", "--yes"], &["a number from 1"]),
        (&["grant", "db"], &["name the applications"]),
        (&["grant", "db", "ubuntu", "mysql/0"], &["\"mysql/0\"", "units"]),
        (&["revoke", "db", ""], &["\"\" is no application"]),
        (&["add", "x", "--visibility", "global"], &["`--visibility`", "it knows --description"]),
        (&["list", "--tenant", "t"], &["`--tenant`", "it knows none"]),
        (&["init"], &["`init`", "juju bootstrap"]),
        (&["alias", "db", "other"], &["`alias`", "one name"]),
        (&["override", "db"], &["`override`", "only scope"]),
        (&["import"], &["`import`", "--fields FILE"]),
        (&["export"], &["`export`", "NAME#KEY"]),
    ] {
        model.fails(arguments, "config", pieces);
    }
    assert_eq!(model.juju.connections(), 0);
    // What is wrong with a value shows when it is there; nothing but looking was done by then.
    model.world.file("empty", "").file("large", vec![b'x'; 400_000]);
    let large = ["--field", "one=@large", "--field", "two=@large"];
    for verb in ["add", "update"] {
        let name = if verb == "add" { "new" } else { "db" };
        model.fails(&[verb, name], "config", &["made of keys", "--field KEY=@FILE"]);
        for key in ["to", "Token", "a_b_c", "tok-"] {
            model.fails(&[verb, name, "--field", &format!("{key}=@-")], "config", &[key, "no key of Juju"]);
        }
        model.fails(&[verb, name, "--field", "token=@empty"], "config", &["`token`", "is empty"]);
        model.fails(&[&[verb, name], &large[..]].concat(), "too_big", &["1000000", "base64"]);
    }
    // With what is there already it is too much.
    model.juju.state().put("full", &[("one", &vec![b'x'; 400_000])]);
    model.fails(&["update", "full", "--field", "two=@large"], "too_big", &["1000000"]);
    model.fails(&["show", &format!("//{OTHER_MODEL}/{id}")], "config", &[OTHER_MODEL, MODEL]);
    assert_eq!(model.writes(), 0);
}

#[test]
fn the_largest_secret_is_written_and_read() {
    let model = Model::new();
    let large = vec![0xff; 750_000];
    model.secret(&["add", "large", "--field", "key=@-"]).input(&large).done().quiet();
    assert!(model.quiet(&["get", "large#key"]).out == large);
}

/// Each verb that writes, and its request.
fn writes() -> [(&'static [&'static str], &'static str); 5] {
    [
        (&["add", "new", "--field", "token=@-"], CREATE),
        (&["update", "db", "--field", "token=@-"], UPDATE),
        (&["grant", "db", "ubuntu"], GRANT),
        (&["revoke", "db", "ubuntu"], REVOKE),
        (&["rm", "db", "--yes"], REMOVE),
    ]
}

#[test]
fn a_write_whose_answer_is_lost_is_not_sent_again_and_the_error_says_that_it_may_be_done() {
    for (arguments, request) in writes() {
        let faults = [
            ("unavailable", Fault::Reset(0)),
            ("unavailable", Fault::Truncate(10)),
            ("unavailable", Fault::Close(1001)),
            ("malformed", Fault::Instead("<html>hunter2</html>".into())),
            ("malformed", Fault::Instead(r#"{"request-id": 9, "response": {}}"#.into())),
        ];
        for (code, fault) in faults {
            let model = Model::new();
            model.juju.next(request, fault);
            model.fails(arguments, code, &["may have been done all the same", &endpoint(&model.juju)]);
            assert_eq!(model.writes(), 1, "{request}");
        }
    }
    let model = Model::new();
    model.juju.next(CREATE, Fault::Silence);
    let arguments = ["--timeout", "2s", "add", "new", "--field", "token=@-"];
    let inject = model.world.secret(&[&["-c", "c.json"][..], &arguments].concat());
    model.secret(&["list"]).done().quiet();
    refused(inject.env("JUJU_LOGIN", PASSWORD).input("v"), "timeout", &["may have been done", "--timeout"]);
    assert_eq!(model.writes(), 1);
}

#[test]
fn what_only_looks_is_asked_again() {
    for (arguments, request) in writes() {
        let model = Model::new();
        for request in [LIST, "Admin.Login"] {
            model.juju.next(request, Fault::Reset(0));
        }
        model.secret(arguments).input("v").done().quiet();
        assert_eq!((model.juju.count(request), model.writes()), (1, 1), "{request}");
    }
    for arguments in [&["list"][..], &["show", "db"], &["history", "db"], &["get", "db#username"]] {
        let model = Model::new();
        model.juju.next(LIST, Fault::Reset(0));
        model.quiet(arguments);
    }
}

#[test]
fn a_write_that_was_done_is_told_as_done_though_nothing_more_can_be_asked() {
    let model = Model::new();
    // The look before it, and the one behind.
    model.juju.next(LIST, Fault::Delay(std::time::Duration::ZERO));
    model.juju.next(LIST, Fault::Reset(0));
    model.fails(&["add", "new", "--field", "token=@-"], "unavailable", &["`new` was written"]);
    assert_eq!((model.get("new#token"), model.writes()), (CANARY.into(), 1));
}

#[test]
fn who_may_not_is_told_what_it_takes() {
    let model = Model::of("reader");
    assert_eq!(model.json(&["list"])[0]["name"], "db");
    model.quiet(&["show", "db"]);
    model.fails(&["get", "db#password"], "denied", &["juju grant USER admin MODEL"]);
    for (arguments, _) in writes().into_iter().filter(|(_, request)| *request != UPDATE) {
        model.fails(arguments, "denied", &["`reader` may not change", "juju grant USER write MODEL"]);
    }
    let model = Model::of("writer");
    model.fails(&["update", "db", "--field", "token=@-"], "denied", &["may not read", "--fields FILE"]);
    model.secret(&["update", "db", "--fields", "-"]).input(r#"{"token": "v"}"#).done().quiet();
    model.quiet(&["update", "db", "--description", "d"]);
    let model = Model::of("mallory");
    model.fails(&["list"], "unauthenticated", &["`mallory`"]);
}

#[test]
fn a_controller_that_is_too_old_is_listed_and_not_written_to() {
    let model = Model::new();
    model.juju.state().versions = vec![1];
    assert_eq!(model.json(&["list"])[0]["name"], "db");
    assert_eq!(model.json(&["show", "db"])["name"], "db");
    for (arguments, _) in writes() {
        model.fails(arguments, "config", &["too old", "3.3"]);
    }
    assert_eq!(model.writes(), 0);
    model.juju.state().versions = vec![];
    model.fails(&["list"], "not_readable", &["too old", "3.3"]);
}

#[test]
fn what_is_not_there_is_not_found_by_any_verb_on_a_controller_of_any_age() {
    let model = Model::new();
    let gone = "cu9nqkbmp25c7a8sqo2g";
    for has_fine_codes in [false, true] {
        model.juju.state().has_fine_codes = has_fine_codes;
        for name in ["gone", gone] {
            for verb in ["get", "show", "history"] {
                model.fails(&[verb, name], "not_found", &[name, "inject secret list", MODEL, &endpoint(&model.juju)]);
            }
            model.fails(&["update", name, "--description", "d"], "not_found", &[name]);
            model.fails(&["rm", name, "--yes"], "not_found", &[name]);
            model.fails(&["grant", name, "ubuntu"], "not_found", &[name]);
        }
        model.fails(&["grant", "db", "nope"], "config", &["no application `nope`"]);
    }
}

#[test]
fn garbage_is_malformed_and_no_word_of_it_is_shown() {
    let model = Model::new();
    let uri = "secret:cu9nqkbmp25c7a8sqo2g";
    let results = |results: Json| json!({ "request-id": 2, "response": { "results": results } }).to_string();
    let secret = json!({ "uri": uri, "owner-tag": "hunter2", "latest-revision": 1, "revisions": [] });
    let with = |member: &str, value: Json| {
        let mut secret = secret.clone();
        secret[member] = value;
        results(json!([secret]))
    };
    for message in [
        results(json!("hunter2")),
        results(json!(["hunter2"])),
        with("uri", json!("secret:hunter2")),
        with("owner-tag", json!(5)),
        with("latest-revision", json!("hunter2")),
        with("revisions", json!([{ "revision": "hunter2" }])),
    ] {
        model.juju.next(LIST, Fault::Instead(message));
        model.fails(&["list"], "malformed", &[&endpoint(&model.juju)]);
    }
    // What only decorates may be anything, and is left out or shown as what it is.
    let odd = with("create-time", json!("\u{1b}[2J")).replace("hunter2", "application-x\\u001b[2J");
    model.juju.next(LIST, Fault::Instead(odd.clone()));
    assert_eq!(model.json(&["list"])[0]["created"], json!(null));
    model.juju.next(LIST, Fault::Instead(odd));
    assert!(!model.quiet(&["list"]).text().contains('\u{1b}'));
}
