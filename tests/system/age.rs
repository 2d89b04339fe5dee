//! The store is an age file: the stock tool opens what we write, and we open what it writes.

use crate::harness::{IDENTITY, STORE, World};
use crate::tool;
use serde_json::{Value, json};

fn opened(world: &World) -> Value {
    let done = world.run(tool("age", "age"), ["-d", "-i", IDENTITY, STORE]).done().quiet();
    serde_json::from_slice(&done.out).unwrap()
}

fn public_key(world: &World) -> String {
    world.run(tool("age-keygen", "age"), ["-y", IDENTITY]).done().quiet().text().trim().to_owned()
}

/// Replaces the store by what `age -r` makes of the document.
fn seal(world: &World, document: &Value) {
    let key = public_key(world);
    let arguments = ["-r", &key, "-o", STORE];
    world.run(tool("age", "age"), arguments).input(document.to_string()).done().quiet();
}

#[test]
fn the_stock_tool_opens_what_we_wrote_at_every_stage() {
    let world = World::with_store();
    let empty = opened(&world);
    assert_eq!((&empty["format"], &empty["secrets"]), (&json!(2), &json!({})));
    assert_eq!(empty["recipients"], json!([public_key(&world)]));
    world.add("n", "v\u{fc}lue\n");
    world.add("bytes", [0xff, 0]);
    world.secret(&["add", "fields", "--fields", "-"]).input("A=1").done().quiet();
    let secrets = &opened(&world)["secrets"];
    assert_eq!((&secrets["n"]["value"], &secrets["bytes"]["base64"]), (&json!("v\u{fc}lue\n"), &json!("/wA=")));
    assert_eq!(secrets["fields"]["fields"], json!({ "A": { "value": "1" } }));
    world.secret(&["update", "n", "--description", "d"]).input("2").done().quiet();
    world.secret(&["update", "n"]).input("2").done().quiet();
    let updated = &opened(&world)["secrets"]["n"];
    assert_eq!((&updated["value"], &updated["description"]), (&json!("2"), &json!("d")));
}

#[test]
fn we_open_what_the_stock_tool_wrote_and_it_opens_what_we_made_of_that() {
    let world = World::with_store();
    seal(&world, &json!({ "format": 1, "secrets": { "n": { "value": "by age" }, "m": { "base64": "/w==" } } }));
    let done = world.inject(["-e", "V=$<secret:n>", "--", "printenv", "V"]).done().quiet();
    assert_eq!((done.text(), world.get("m")), ("by age\n", vec![0xff]));
    world.secret(&["update", "n"]).input("by us").done().quiet();
    assert_eq!(opened(&world)["secrets"]["n"]["value"], "by us");
    let mut document = opened(&world);
    document["secrets"]["n"]["value"] = json!("by age again");
    seal(&world, &document);
    assert_eq!(world.get("n"), b"by age again");
}

#[test]
fn an_identity_of_the_stock_tools_own_opens_the_store() {
    let world = World::new();
    world.run(tool("age-keygen", "age"), ["-o", "key"]).done();
    let with_key = |arguments: &[&str]| world.secret(arguments).env("INJECT_IDENTITY_FILE", world.path("key"));
    with_key(&["init"]).done().quiet();
    with_key(&["add", "n"]).input("value").done().quiet();
    assert_eq!(with_key(&["get", "n"]).done().quiet().text(), "value");
    assert!(!world.exists(IDENTITY), "another identity was made");
}

#[test]
fn a_store_that_only_a_passphrase_or_text_armor_closes_is_told_as_such() {
    let world = World::with_store();
    let key = public_key(&world);
    let armored = ["-a", "-r", &key, "-o", STORE];
    world.run(tool("age", "age"), armored).input(r#"{"format":1}"#).done().quiet();
    world.secret(&["list"]).done().fails(125, &[STORE, "armored", "age -r"]);
}
