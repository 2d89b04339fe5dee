//! Labels of the local store: second names, of one secret each, by which every verb and every reference finds it.

use crate::harness::World;
use crate::model::{done, launch, launched, refused, secret, shown};
use serde_json::{Value, json};
use std::fs;

#[test]
fn a_secret_is_found_by_its_label_in_a_launch_and_by_every_verb() {
    let world = World::with_store();
    done(&world, "add db --label database", "one");
    done(&world, "add fields --label many --fields -", "A=1");
    assert_eq!(launched(&world, "", "secret:database"), "one");
    assert_eq!(launched(&world, "", "secret:many#A"), "1");
    assert_eq!(done(&world, "get database", "").text(), "one");
    done(&world, "update database", "two");
    assert_eq!(launched(&world, "", "secret:database@1"), "one");
    assert_eq!(shown(&world, "history database").as_array().unwrap().len(), 2);
    let db = shown(&world, "show database");
    assert_eq!((&db["name"], &db["label"]), (&json!("db"), &json!("database")));
    done(&world, "grant database app", "");
    assert_eq!(launched(&world, "--as app", "secret:database"), "two");
    done(&world, "revoke database app", "");
    launch(&world, "--as app", "secret:database").done().fails(125, &["denied"]);
    assert_eq!(done(&world, "export database --format dotenv", "").text(), "db=\"two\"\n");
    done(&world, "alias database short --scope /shop", "");
    done(&world, "override database --scope /shop", "three");
    let listed = shown(&world, "list --scope /shop");
    let names: Vec<&Value> = listed.as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["db", "fields", "db", "short"]);
    done(&world, "rm database@1 --yes", "");
    assert_eq!(launched(&world, "", "secret:database"), "two");
    done(&world, "rm database --yes", "");
    assert_eq!(world.names(), ["fields"]);
    launch(&world, "", "secret:database").done().fails(125, &["not found"]);
    assert_eq!(launched(&world, "", "secret:database:-none"), "none");
}

#[test]
fn a_label_means_one_secret_and_no_name() {
    let world = World::with_store();
    done(&world, "add db --label database", "1");
    done(&world, "add other", "2");
    for (words, says) in [
        ("add third --label database", &["`database`", "label of `db`"][..]),
        ("add third --label other", &["name `other`", "`third`"]),
        ("add database", &["`database`", "label of `db`"]),
        ("update other --label database", &["label of `db`"]),
        ("update db --label other", &["name `other`"]),
        ("update other --new-name database", &["label of `db`"]),
        ("add third --label no/name", &["--label", "letters"]),
        ("update other --label a.b", &["--label", "letters"]),
    ] {
        refused(&world, words, says);
    }
    secret(&world, "import", r#"{"x": {"value": "1", "label": "y"}, "y": "2"}"#).done().fails(125, &["label of `x`"]);
    secret(&world, "import", r#"{"x": {"value": "1", "label": "db"}}"#).done().fails(125, &["name `db`"]);
    assert_eq!(world.names(), ["db", "other"]);

    // Its own name, and the label that it has, are no other's.
    done(&world, "update db --label database", "");
    done(&world, "update db --new-name database", "");
    done(&world, "update database --label=", "");
    assert_eq!(shown(&world, "show database")["label"], json!(null));
    done(&world, "update database --new-name db", "");
    done(&world, "update other --label database", "");
    assert_eq!(launched(&world, "", "secret:database"), "2");
    // What replaces a secret may hand its label on.
    let handed = r#"{"other": "3", "db": {"value": "4", "label": "database"}}"#;
    done(&world, "import --replace --yes", handed);
    assert_eq!(launched(&world, "", "secret:database"), "4");
}

#[test]
fn a_label_holds_in_its_namespace_and_scope_and_a_name_comes_first() {
    let world = World::with_store();
    done(&world, "add wide --label key", "wide");
    done(&world, "add narrow --scope /shop/prod --label key", "narrow");
    done(&world, "add n --tenant t --label key", "tenant");
    let get = |scope: &str| launched(&world, &format!("--scope {scope}"), "secret:key");
    assert_eq!((get("/shop/prod/api"), get("/shop"), get("/")), ("narrow".into(), "wide".into(), "wide".into()));
    assert_eq!(launched(&world, "", "secret://t/key"), "tenant");
    assert_eq!(done(&world, "get key --scope /shop/prod/api", "").text(), "narrow");
    // A change is of exactly one scope.
    refused(&world, "update key --scope /shop", &["no secret `key`"]);
    done(&world, "update key --scope /shop/prod", "changed");
    assert_eq!(get("/shop/prod"), "changed");
    done(&world, "add key --scope /shop", "named");
    assert_eq!((get("/shop/prod"), get("/shop"), get("/")), ("named".into(), "named".into(), "wide".into()));
    assert_eq!(done(&world, "get key --scope /shop/prod", "").text(), "named");
}

#[test]
fn the_audit_log_has_the_name_of_what_was_found_by_its_label() {
    let world = World::with_store();
    done(&world, "add db --label database", "1");
    done(&world, "add z --scope /shop --label key", "1");
    let log = world.path(".local/share/inject/secrets.age.audit");
    fs::remove_file(&log).unwrap();
    done(&world, "get database", "");
    done(&world, "update database", "2");
    done(&world, "rm database@1 --yes", "");
    done(&world, "override database --scope /shop", "3");
    world.file("inject.json", r#"{"stores": {"local": {"kind": "local", "audit_reads": true}}}"#);
    launched(&world, "", "secret:database@2");
    launched(&world, "--scope /shop/prod", "secret:key");
    let text = fs::read_to_string(&log).unwrap();
    let lines = text.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        format!("{} {}", line["verb"].as_str().unwrap(), line["secret"].as_str().unwrap())
    });
    let expected = ["get db", "update db", "rm db@1", "override /shop/db", "read db@2", "read /shop/z"];
    assert_eq!(lines.collect::<Vec<_>>(), expected);
}
