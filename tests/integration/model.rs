//! What the local store has so that it can stand in for other systems: access modes, scopes, aliases, overrides,
//! revisions, grants, namespaces, and secrets that come and go in files.

use crate::conformance::cases;
use crate::files::{By as _, eventually, methods};
use crate::harness::{Inject, Outcome, World};
use serde_json::{Map, Value, json};

/// `inject secret WORDS`, with `value` on standard input.
pub(crate) fn secret(world: &World, words: &str, value: &str) -> Inject {
    let words: Vec<&str> = words.split_whitespace().collect();
    world.secret(&words).input(value)
}

#[track_caller]
pub(crate) fn done(world: &World, words: &str, value: &str) -> Outcome {
    secret(world, words, value).done().quiet()
}

#[track_caller]
pub(crate) fn refused(world: &World, words: &str, says: &[&str]) {
    let before = std::fs::read(world.path(crate::harness::STORE)).unwrap();
    secret(world, words, "hunter2").done().fails(125, says);
    assert!(std::fs::read(world.path(crate::harness::STORE)).unwrap() == before, "`{words}` wrote");
}

#[track_caller]
pub(crate) fn shown(world: &World, words: &str) -> Value {
    serde_json::from_slice(&done(world, &format!("{words} --json"), "").out).unwrap()
}

/// A launch with these options that writes what the reference is to.
pub(crate) fn launch(world: &World, options: &str, reference: &str) -> Inject {
    let variable = format!("V=$<{reference}>");
    let options = options.split_whitespace();
    world.inject(options.chain(["-e", &variable, "--", "printenv", "-0", "V"]))
}

#[track_caller]
pub(crate) fn launched(world: &World, options: &str, reference: &str) -> String {
    launch(world, options, reference).done().quiet().text().trim_end_matches('\0').to_owned()
}

#[test]
fn a_launch_gets_a_secret_in_all_four_access_modes_and_get_and_update_obey_them() {
    let world = World::with_store();
    for (readable, writable) in [(true, true), (true, false), (false, true), (false, false)] {
        let name = format!("n-{readable}-{writable}");
        done(&world, &format!("add {name} --readable={readable} --writable={writable}"), "1");
        assert_eq!(launched(&world, "", &format!("secret:{name}")), "1");
        match readable {
            true => assert_eq!(world.get(&name), b"1"),
            false => refused(&world, &format!("get {name}"), &["readable=false"]),
        }
        match writable {
            true => drop(done(&world, &format!("update {name}"), "2")),
            false => refused(&world, &format!("update {name} --file - --description d"), &["writable=false"]),
        }
        done(&world, &format!("update {name} --description new"), "");
        let now = shown(&world, &format!("show {name}"));
        assert_eq!((&now["readable"], &now["writable"]), (&json!(readable), &json!(writable)));
        assert_eq!(now["description"], "new");
        assert_eq!(launched(&world, "", &format!("secret:{name}")), if writable { "2" } else { "1" });
        refused(&world, &format!("update {name} --readable=true"), &["--readable"]);
        refused(&world, &format!("add {name}"), &["already has"]);
    }
}

#[test]
fn the_narrowest_scope_that_a_launch_is_in_wins() {
    let world = World::with_store();
    for (scope, value) in
        [("/", "wide"), ("/shop", "shop"), ("/shop/prod", "prod"), ("/shop/prod/api", "api"), ("/shopping", "no")]
    {
        done(&world, &format!("add z --scope {scope}"), value);
    }
    done(&world, "add only --scope /shop", "1");
    for (scope, value) in [
        ("/shop/prod/api", "api"),
        ("/shop/prod/web", "prod"),
        ("/shop/test", "shop"),
        ("/other", "wide"),
        ("/", "wide"),
    ] {
        assert_eq!(launched(&world, &format!("--scope {scope}"), "secret:z"), value, "{scope}");
        assert_eq!(done(&world, &format!("get z --scope {scope}"), "").text(), value, "{scope}");
    }
    assert_eq!(launched(&world, "", "secret:z"), "wide");
    assert_eq!(launched(&world, "--scope /shop/prod", "secret:only"), "1");
    launch(&world, "", "secret:only").done().fails(125, &["not found"]);
    launch(&world, "--scope shop", "secret:z").done().fails(125, &["\"shop\" is no scope"]);
    let listed = shown(&world, "list --scope /shop/test");
    let places: Vec<&str> = listed.as_array().unwrap().iter().map(|item| item["scope"].as_str().unwrap()).collect();
    assert_eq!(places, ["user", "PROJECT", "PROJECT"]);
    // A change is of exactly one scope.
    refused(&world, "update z --scope /shop/test", &["no secret `z`"]);
    refused(&world, "rm z --yes --scope /shop/test", &["no secret `z`"]);
    done(&world, "rm z --yes --scope /shop/prod/api", "");
    assert_eq!(launched(&world, "--scope /shop/prod/api", "secret:z"), "prod");
}

#[test]
fn a_secret_with_a_mount_path_is_a_file_there_in_a_launch_that_reads_it() {
    for method in methods() {
        let world = World::with_store();
        let path = world.path("etc/key.pem").display().to_string();
        world.file("etc/other", "").file("own.json", r#"{"files": {"a": "own"}}"#);
        done(&world, &format!("add key --mount-path {path}"), "secret\0bytes");
        done(&world, "add plain", "1");
        let launch = |options: &[&str], script: &str| {
            let words = [options, &["--", "sh", "-c", script]].concat();
            world.inject(words).by(method).done().quiet().text().to_owned()
        };
        // Alone, through an entry of a map, beside other files, and twice.
        let read = r#"printf '%s ' "$K"; cat "$K"; stat -L -c ' %a' "$K""#;
        let expected = format!("{path} secret\0bytes 400\n");
        assert_eq!(launch(&["-e", "K=$<secret:key>"], read), expected, "{method:?}");
        world.file("map.json", r#"{"secret_map": {"K": "$<secret:key>", "P": "$<secret:plain>"}}"#);
        assert_eq!(launch(&["-c", "map.json"], read), expected, "{method:?}");
        let own = format!(r#"{read}; cat "$INJECT_FILES/a"; test "$K" = "$L""#);
        let both = ["-c", "own.json", "-e", "K=$<secret:key>", "-e", "L=$<secret:key>"];
        assert_eq!(launch(&both, &own), format!("{expected}own"), "{method:?}");
        // As part of something it is the value, and the file is there too.
        let part = launch(&["-e", "K=$<secret:key|base64>"], &format!(r#"printf '%s ' "$K"; cat '{path}'"#));
        assert_eq!(part, "c2VjcmV0AGJ5dGVz secret\0bytes", "{method:?}");
        // Nothing is left of it, and what does not read it has none.
        let left = |path: &std::path::Path| std::fs::read(path).is_ok_and(|bytes| !bytes.is_empty());
        eventually("the file is gone", || !left(&world.path("etc/key.pem")));
        let none = launch(&["-e", "K=$<secret:plain>"], &format!(r#"cat '{path}' 2>/dev/null; printf %s "$K""#));
        assert_eq!(none, "1", "{method:?}");
    }
}

#[test]
fn a_secret_is_one_file_however_a_launch_refers_to_it() {
    let world = World::with_store();
    let path = world.path("etc/key").display().to_string();
    world.file("etc/other", "");
    done(&world, &format!("add key --scope /shop --label pem --mount-path {path}"), "one");
    done(&world, "update key --scope /shop", "two");
    done(&world, "alias key ALIAS --scope /shop/prod", "");
    let owner = world.run("id", ["-un"]).done().quiet().text().trim().to_owned();
    let launch = |references: &[&str]| {
        let variables = references.iter().enumerate();
        let variables: Vec<String> = variables.map(|(at, reference)| format!("V{at}=$<secret:{reference}>")).collect();
        let script =
            format!(r#"for v in "$V0" "$V1"; do test -z "$v" || test "$v" = '{path}' || exit 9; done; cat '{path}'"#);
        let options = variables.iter().flat_map(|variable| ["-e", variable]);
        world.inject(["--scope", "/shop/prod"].into_iter().chain(options).chain(["--", "sh", "-c", &script])).done()
    };
    let owned = format!("{owner}:key");
    for references in
        [&["key"][..], &["ALIAS"], &["pem"], &["key@2"], &["key", &owned], &["ALIAS", "key"], &["key@2", "pem"]]
    {
        assert_eq!(launch(references).quiet().text(), "two", "{references:?}");
    }
    assert_eq!(launch(&["key@1"]).quiet().text(), "one");
    assert_eq!(launch(&["ALIAS@1"]).quiet().text(), "one");
    launch(&["key", "key@1"]).fails(125, &["secret:key>", "secret:key@1>", "both to be the file", &path]);
    // What overrides a file is the file.
    done(&world, "override key --scope /shop/prod", "narrow");
    assert_eq!(launch(&["key"]).quiet().text(), "narrow");

    done(&world, &format!("add second --scope /shop --mount-path {path}"), "2");
    launch(&["key", "second"]).fails(125, &["secret:key>", "secret:second>", "both to be the file"]);
    let fields = secret(&world, &format!("add many --mount-path {path} --fields -"), "A=1").done();
    fields.fails(125, &["`many`", "mount path", "no fields"]);
}

#[test]
fn a_check_that_asks_the_store_tells_of_files() {
    let world = World::with_store();
    done(&world, "add key --mount-path /etc/key", "1");
    done(&world, "add plain", "1");
    let checked =
        world.inject(["check", "--online", "--json", "-e", "A=$<secret:key>", "-e", "B=$<secret:plain>"]).done();
    let report: Value = serde_json::from_slice(&checked.quiet().out).unwrap();
    let notes: Vec<_> =
        report["references"].as_array().unwrap().iter().map(|one| (&one["reference"], &one["note"])).collect();
    assert!(notes.contains(&(&json!("$<secret:key>"), &json!("a launch has it as the file /etc/key"))), "{notes:?}");
    assert!(notes.contains(&(&json!("$<secret:plain>"), &json!(null))), "{notes:?}");
}

#[test]
fn aliases_and_overrides_keep_the_rules_of_their_system() {
    let world = World::with_store();
    done(&world, "add db --scope /shop", "wide");
    done(&world, "add plain", "1");
    done(&world, "alias db DATABASE --scope /shop/prod", "");
    done(&world, "override db --scope /shop/prod", "narrow");
    let get = |name: &str, scope: &str| launched(&world, &format!("--scope {scope}"), &format!("secret:{name}"));
    assert_eq!(get("DATABASE", "/shop/prod"), "wide");
    assert_eq!(get("db", "/shop/prod"), "narrow");
    assert_eq!(get("db", "/shop/test"), "wide");
    assert_eq!(shown(&world, "override db --scope /shop/prod/api")["scope"], "CONTAINER");
    let alias = shown(&world, "show DATABASE --scope /shop/prod");
    assert_eq!((&alias["aliased_secret"]["key"], &alias["aliased_secret"]["scope"]), (&json!("db"), &json!("PROJECT")));
    let over = shown(&world, "show db --scope /shop/prod");
    assert_eq!((&over["overridden_secret"]["key"], &over["scope"]), (&json!("db"), &json!("ENVIRONMENT")));

    refused(&world, "alias db other --scope /shop", &["narrower"]);
    refused(&world, "alias db other", &["--scope"]);
    refused(&world, "override db --scope /shop", &["narrower"]);
    refused(&world, "override db --scope /shop/prod", &["already has"]);
    refused(&world, "alias nope other --scope /shop", &["no secret `nope`"]);
    refused(&world, "alias DATABASE other --scope /shop/prod/api", &["alias itself"]);
    refused(&world, "update DATABASE --scope /shop/prod", &["value is that of `db`", "name that one"]);
    refused(&world, "update db --scope /shop/prod --new-name x", &["name cannot change"]);

    done(&world, "update db --scope /shop", "changed");
    assert_eq!(get("DATABASE", "/shop/prod"), "changed");
    assert_eq!(done(&world, "get DATABASE --scope /shop/prod", "").text(), "changed");
    done(&world, "add db --scope /shop --replace --yes", "new");
    assert_eq!((get("DATABASE", "/shop/prod"), get("db", "/shop/prod")), ("new".into(), "narrow".into()));
    // What is replaced hangs on it as before.
    refused(&world, "add DATABASE --scope /shop/prod --replace --yes", &["is an alias", "value is that of `db`"]);
    done(&world, "add db --scope /shop/prod --replace --yes", "narrow");
    assert_eq!(shown(&world, "show db --scope /shop/prod")["overridden_secret"]["key"], "db");
    // Both follow a new name, and go with the secret.
    done(&world, "update db --scope /shop --new-name data", "");
    assert_eq!((get("DATABASE", "/shop/prod"), get("data", "/shop/prod")), ("new".into(), "narrow".into()));
    done(&world, "rm data --yes --scope /shop", "");
    assert_eq!(world.names(), ["plain"]);
}

#[test]
fn an_alias_has_the_revisions_the_access_and_the_grants_of_its_secret() {
    let world = World::with_store();
    done(&world, "add db --scope /shop --writable", "one");
    done(&world, "update db --scope /shop", "two");
    done(&world, "add closed --readable=false", "1");
    done(&world, "alias db second --scope /shop/prod", "");
    done(&world, "alias closed third --scope /shop/prod", "");
    let numbers = |words: &str| -> Vec<Value> {
        shown(&world, words).as_array().unwrap().iter().map(|one| one["revision"].clone()).collect()
    };
    assert_eq!(numbers("history second --scope /shop/prod"), [2, 1]);
    assert_eq!(shown(&world, "show second@1 --scope /shop/prod")["name"], "second");
    assert_eq!(shown(&world, "show second --scope /shop/prod")["revision"], 2);
    assert_eq!(shown(&world, "show third --scope /shop/prod")["readable"], false);
    refused(&world, "rm second@1 --yes --scope /shop/prod", &["revisions are those of `db`"]);
    assert_eq!(numbers("history db --scope /shop"), [2, 1]);

    for verb in ["grant", "revoke"] {
        refused(&world, &format!("{verb} second web --scope /shop/prod"), &["`second` is an alias", "`db`"]);
    }
    let web = || launch(&world, "--scope /shop/prod --as web", "secret:second").done();
    web().fails(125, &["`db` is not granted", "`inject secret grant db web --scope /shop` does so"]);
    done(&world, "grant db web --scope /shop", "");
    assert_eq!(web().quiet().out, b"two\0");
    assert_eq!(shown(&world, "show second --scope /shop/prod")["applications"], json!(["web"]));
}

#[test]
fn what_is_taken_is_told_with_what_can_be_done() {
    let world = World::with_store();
    done(&world, "add a", "1");
    done(&world, "add b --scope /shop", "1");
    done(&world, "add b", "1");
    refused(&world, "alias a b --scope /shop", &["already has a secret `b`", "`rm` makes room"]);
    refused(&world, "override b --scope /shop", &["already has a secret `b`", "update"]);
    refused(&world, "update a --new-name b", &[crate::harness::STORE, "already has a secret `b`", "`rm`"]);
}

#[test]
fn what_another_system_or_a_launch_would_refuse_is_refused_when_it_is_said() {
    let world = World::with_store();
    world.file("list", "[]");
    for (words, says) in [
        ("--visibility everybody", "private, tenant or global"),
        ("--provider-options list", "no JSON object"),
        ("--mount-path etc/n", "absolute path"),
        ("--mount-path /", "absolute path"),
        ("--mount-path /etc/../n", "absolute path"),
        ("--mount-path /etc/n/", "absolute path"),
    ] {
        refused(&world, &format!("add n {words}"), &[says]);
    }
    assert!(world.names().is_empty());
    // No pod is the same as an empty one.
    secret(&world, "add n --scope user --pod=", "1").done().quiet();
    let n = shown(&world, "show n");
    assert_eq!((&n["scope"], &n["pod_id"]), (&json!("user"), &json!(null)));
    for name in ["", "a b", "\n"] {
        world.secret(&["grant", "n", name]).done().fails(125, &["no name of an application"]);
    }
}

#[test]
fn who_sees_a_secret_only_ever_becomes_more() {
    let world = World::with_store();
    done(&world, "add n --visibility private", "1");
    done(&world, "grant n --visibility tenant", "");
    refused(&world, "update n --visibility private", &["`n` is tenant already"]);
    done(&world, "update n --visibility global", "");
    refused(&world, "grant n app --visibility tenant", &["`n` is global already"]);
    let n = shown(&world, "show n");
    assert_eq!((&n["visibility"], &n["applications"]), (&json!("global"), &json!(null)));
    done(&world, "add m", "1");
    refused(&world, "update m --visibility private", &["`m` is tenant already"]);
}

#[test]
fn a_list_is_sorted_by_place_and_one_of_a_scope_has_what_a_launch_there_sees() {
    let world = World::with_store();
    for words in ["add c", "add b --scope /p", "add a --scope /p/e", "add d --scope /p", "add e --tenant t"] {
        done(&world, words, "1");
    }
    let names = |words: &str| -> Vec<Value> {
        shown(&world, words).as_array().unwrap().iter().map(|one| one["name"].clone()).collect()
    };
    assert_eq!(names("list"), ["c", "b", "d", "a", "e"]);
    assert_eq!(names("list --scope /p"), ["c", "b", "d"]);
    assert_eq!(names("list --scope /p --tenant t"), ["e"]);
}

#[test]
fn nobody_changes_what_is_built_in() {
    let world = World::with_store();
    done(&world, "add HOST --scope BUILT_IN", "1");
    assert_eq!(shown(&world, "show HOST")["scope"], "BUILT_IN");
    for words in ["update HOST", "rm HOST --yes", "add HOST --replace --yes", "grant HOST app"] {
        refused(&world, words, &["built in"]);
    }
    done(&world, "override HOST --scope /shop", "2");
    done(&world, "alias HOST ADDRESS --scope /shop", "");
    assert_eq!(shown(&world, "show ADDRESS --scope /shop")["aliased_secret"]["scope"], "BUILT_IN");
    assert_eq!(launched(&world, "--scope /shop", "secret:HOST"), "2");
    assert_eq!(launched(&world, "--scope /shop", "secret:ADDRESS"), "1");
    done(&world, "rm HOST --yes --scope /shop", "");
    assert_eq!(launched(&world, "--scope /shop", "secret:HOST"), "1");
}

#[test]
fn revisions_are_numbered_read_and_removed_one_by_one() {
    let world = World::with_store();
    let numbers = |name: &str| -> Vec<u64> {
        let history = shown(&world, &format!("history {name}"));
        history.as_array().unwrap().iter().map(|one| one["revision"].as_u64().unwrap()).collect()
    };
    done(&world, "add n", "one");
    done(&world, "update n", "two");
    done(&world, "update n", "two");
    done(&world, "update n", "three");
    done(&world, "update n --description d", "");
    assert_eq!(numbers("n"), [3, 2, 1]);
    for (at, value) in [("@1", "one"), ("@2", "two"), ("@3", "three"), ("", "three")] {
        assert_eq!(launched(&world, "", &format!("secret:n{at}")), value);
        assert_eq!(done(&world, &format!("get n{at}"), "").text(), value);
    }
    assert_eq!(done(&world, "get n --revision 2", "").text(), "two");
    assert_eq!(shown(&world, "show n@2")["size"], 3);
    assert_eq!(done(&world, "show n", "").text().matches("revision:").count(), 1);
    refused(&world, "get n@9", &["no revision 9 of `n`", "inject secret history"]);
    refused(&world, "show n@9", &[crate::harness::STORE, "no revision 9 of `n`"]);
    refused(&world, "get n@2 --revision 2", &["both"]);
    launch(&world, "", "secret:n@9").done().fails(125, &["n@9", "not found"]);
    launch(&world, "", "secret:n@x").done().fails(125, &["@x"]);
    refused(&world, "rm n@9 --yes", &["no revision 9 of `n`"]);

    done(&world, "rm n@2 --yes", "");
    assert_eq!(numbers("n"), [3, 1]);
    done(&world, "rm n --revision 3 --yes", "");
    assert_eq!(numbers("n"), [1]);
    launch(&world, "", "secret:n").done().fails(125, &["latest revision", "3"]);
    refused(&world, "get n", &["latest revision", "3", "was removed"]);
    assert_eq!(launched(&world, "", "secret:n@1"), "one");
    done(&world, "update n", "four");
    assert_eq!(numbers("n"), [4, 1], "a number comes once");
    done(&world, "update n --file - --auto-prune", "five");
    assert_eq!(numbers("n"), [5]);
    done(&world, "rm n@5 --yes", "");
    assert!(world.names().is_empty(), "the last revision is the secret");
}

#[test]
fn auto_prune_is_remembered_until_it_is_taken_away() {
    let world = World::with_store();
    let revisions = || shown(&world, "history n").as_array().unwrap().len();
    done(&world, "add n", "1");
    done(&world, "update n", "2");
    assert_eq!((revisions(), &shown(&world, "show n")["auto_prune"]), (2, &json!(null)));
    done(&world, "update n --auto-prune", "");
    assert_eq!((revisions(), &shown(&world, "show n")["auto_prune"]), (1, &json!(true)));
    done(&world, "update n", "3");
    assert_eq!(revisions(), 1);
    done(&world, "update n --auto-prune=false", "");
    done(&world, "update n", "4");
    assert_eq!((revisions(), &shown(&world, "show n")["auto_prune"]), (2, &json!(null)));

    done(&world, "add m --auto-prune", "1");
    done(&world, "update m", "2");
    assert_eq!(shown(&world, "history m").as_array().unwrap().len(), 1);
    let exported = done(&world, "export m", "").text().to_owned();
    let other = World::with_store();
    done(&other, "import", &exported);
    assert_eq!(shown(&other, "show m")["auto_prune"], true);
}

#[test]
fn what_is_left_of_a_secret_whose_latest_revision_was_removed_is_not_pruned() {
    let world = World::with_store();
    done(&world, "add n", "1");
    done(&world, "update n", "2");
    done(&world, "rm n@2 --yes", "");
    done(&world, "update n --auto-prune", "");
    assert_eq!(launched(&world, "", "secret:n@1"), "1");
    done(&world, "update n", "3");
    assert_eq!(shown(&world, "history n").as_array().unwrap().len(), 1);
}

#[test]
fn a_value_keeps_to_the_schema_that_its_secret_was_made_with() {
    let world = World::with_store();
    let schema = r#"{"type": "object", "required": ["port"], "properties": {"port": {"type": "integer"}}}"#;
    world.file("s", schema).file("text", r#"{"type": "string", "enum": ["a", "b"]}"#).file("odd", r#"{"minimum": 1}"#);
    refused(&world, "add n --schema s", &["`n`", "JSON", "none"]);
    secret(&world, "add n --schema s", r#"{"port": "x"}"#).done().fails(125, &["`n`", "/port is no integer"]);
    secret(&world, "add n --schema s", "{}").done().fails(125, &["has no `port`"]);
    refused(&world, "add n --schema odd", &["--schema", "`minimum`", "type, enum"]);
    world.secret(&["add", "n", "--schema", "s", "--fields", "-"]).input("port=1").done().fails(125, &["no fields"]);
    assert!(world.names().is_empty());

    done(&world, "add n --schema s", r#"{"port": 1}"#);
    assert_eq!(launched(&world, "", "secret:n#port"), "1");
    refused(&world, "update n", &["`n`", "JSON"]);
    secret(&world, "update n --fields -", "port=1").done().fails(125, &["no fields"]);
    done(&world, "update n", r#"{"port": 2}"#);
    done(&world, "update n --description d", "");
    assert_eq!(launched(&world, "", "secret:n#/port"), "2");
    // A schema of text alone is about the value itself.
    done(&world, "add t --schema text", "a");
    refused(&world, "update t", &["`t`", "`enum`"]);
    assert_eq!(launched(&world, "", "secret:t"), "a");

    let exported = done(&world, "export", "").text().to_owned();
    let other = World::with_store();
    done(&other, "import", &exported);
    refused(&other, "update n", &["JSON"]);
    let spoiled = exported.replace("2}", "\\\"2\\\"}");
    assert_ne!(spoiled, exported);
    secret(&other, "import --replace --yes", &spoiled).done().fails(125, &["/port"]);
}

#[test]
fn fields_have_revisions_too() {
    let world = World::with_store();
    done(&world, "add n --fields -", "A=1\nB=2");
    done(&world, "update n --field B=@-", "3");
    done(&world, "update n --field B=@-", "3");
    assert_eq!(launched(&world, "", "secret:n#B"), "3");
    assert_eq!(launched(&world, "", "secret:n#B@1"), "2");
    assert_eq!(launched(&world, "", "secret:n#A@2"), "1");
    assert_eq!(shown(&world, "show n")["revision"], 2);
    // There is nothing left that its other fields could be kept from.
    done(&world, "rm n@2 --yes", "");
    refused(&world, "update n --field B=@-", &["latest revision of `n`, 2, was removed"]);
}

#[test]
fn an_application_gets_what_was_granted_to_it() {
    let world = World::with_store();
    done(&world, "add n", "1");
    launch(&world, "--as web", "secret:n").done().fails(125, &["denied", "`web`", "grant"]);
    done(&world, "grant n web db", "");
    assert_eq!(launched(&world, "--as web", "secret:n"), "1");
    assert_eq!(shown(&world, "show n")["applications"], json!(["db", "web"]));
    done(&world, "revoke n web", "");
    launch(&world, "--as web", "secret:n").done().fails(125, &["denied"]);
    assert_eq!(launched(&world, "--as db", "secret:n"), "1");
    assert_eq!(launched(&world, "", "secret:n"), "1", "whoever holds the identity may all");
    refused(&world, "grant n", &["applications"]);
}

#[test]
fn a_namespace_is_said_by_an_address_an_option_or_the_settings() {
    let world = World::with_store();
    done(&world, "add n", "plain");
    done(&world, "add secret://c/o/p/n", "apolo");
    done(&world, "add n --cluster c --project q", "no organisation");
    done(&world, "add n --tenant t", "cloudify");
    assert_eq!(launched(&world, "", "secret:n"), "plain");
    assert_eq!(launched(&world, "", "secret://c/o/p/n"), "apolo");
    assert_eq!(launched(&world, "", "secret://c/q/n"), "no organisation");
    assert_eq!(launched(&world, "", "secret://t/n"), "cloudify");
    let one = shown(&world, "show n --cluster c --org o --project p");
    assert_eq!(
        (&one["cluster_name"], &one["org_name"], &one["uri"]),
        (&json!("c"), &json!("o"), &json!("secret://c/o/p/n"))
    );
    assert_eq!(shown(&world, "show n --cluster c --project q")["org_name"], json!(null));
    world.file(
        "t.json",
        json!({ "stores": { "s": {
        "kind": "local", "path": world.path(crate::harness::STORE), "tenant": "t"
    } } })
        .to_string(),
    );
    world.mode("t.json", 0o644);
    assert_eq!(launched(&world, "-c t.json", "secret:n"), "cloudify");
    assert_eq!(shown(&world, "list -c t.json").as_array().unwrap().len(), 1);
    refused(&world, "add n --cluster c", &["namespace"]);
    refused(&world, "add secret://c/o/p/x/n", &["secret://"]);
}

#[test]
fn what_is_said_beside_a_value_is_kept() {
    let world = World::with_store();
    world.file("schema", r#"{"type": "object"}"#);
    let schema = world.path("schema").display().to_string();
    let said = "--visibility private --hidden --provider vault --mount-path /etc/n --label l --interpolation=false";
    done(&world, &format!("add n {said} --schema {schema}"), r#"{"a": [1, {"b": true}]}"#);
    let n = shown(&world, "show n");
    for (name, value) in [
        ("visibility", json!("private")),
        ("is_hidden_value", json!(true)),
        ("provider_name", json!("vault")),
        ("mount_path", json!("/etc/n")),
        ("label", json!("l")),
        ("enable_interpolation_in_file", json!(false)),
        ("schema", json!({ "type": "object" })),
    ] {
        assert_eq!(n[name], value, "{name}");
    }
    assert_eq!(launched(&world, "", "secret:n#/a/1/b"), "true");
    done(&world, "update n --visibility tenant --hidden=false", "");
    let n = shown(&world, "show n");
    assert_eq!((&n["visibility"], &n["is_hidden_value"], &n["revision"]), (&json!("tenant"), &json!(false), &json!(1)));
}

#[test]
fn a_random_value_is_made_as_long_as_it_is_said() {
    let world = World::with_store();
    done(&world, "add n --random 20", "");
    let first = world.get("n");
    assert_eq!(first.len(), 20);
    done(&world, "update n --random 20", "");
    assert_ne!(world.get("n"), first);
    refused(&world, "add m --random 7", &["7"]);
}

#[test]
fn what_is_exported_is_imported_again() {
    let (one, other) = (World::with_store(), World::with_store());
    let hard = "\"quoted\" \\ back\nnew line\ttab 'single' $HOME # \u{fc}";
    done(&one, "add n --description d --writable=false", hard);
    done(&one, "add fields --fields -", "A=1\nB='x y'");
    one.secret(&["add", "bytes"]).input(b"\xff\0").done().quiet();
    let json = done(&one, "export", "").text().to_owned();
    done(&other, "import --json", &json);
    assert_eq!(other.names(), ["bytes", "fields", "n"]);
    assert_eq!((other.get("n"), other.get("bytes")), (hard.as_bytes().to_vec(), b"\xff\0".to_vec()));
    assert_eq!(other.get("fields#B"), b"x y");
    let n = shown(&other, "show n");
    assert_eq!((&n["description"], &n["writable"]), (&json!("d"), &json!(false)));

    // All or nothing.
    refused(&other, "import --format dotenv", &["line 1"]);
    secret(&other, "import --format dotenv", "new=1\nn=2").done().fails(125, &["already has", "`n`"]);
    secret(&other, "import", r#"{"new": "1", "n": {"value": "hunter2", "color": "red"}}"#)
        .done()
        .fails(125, &["color"]);
    secret(&other, "import", r#"{"new": "1", "new": "hunter2"}"#).done().fails(125, &["line 1", "new"]);
    for (text, says) in [
        (r#"{"new": {"value": "1", "mount-path": "x"}}"#, &["`new`", "--mount-path"][..]),
        (r#"{"new": {"fields": {}}}"#, &["\"new\"", "no fields"]),
        (r#"{"new": {"fields": {"": "1"}}}"#, &["\"new\"", "no name of a field"]),
        (&format!(r#"{{"new": "{}"}}"#, "x".repeat((1 << 20) + 1)), &["standard input", "\"new\"", "1 MiB"]),
        ("", &["standard input: line 1"]),
    ] {
        secret(&other, "import", text).done().fails(125, says);
    }
    assert_eq!(other.names(), ["bytes", "fields", "n"]);
    done(&other, "import --format dotenv --replace --yes", "new=1\nn=2");
    assert_eq!(other.get("n"), b"2");

    refused(&one, "export --format dotenv", &["bytes", "--format json"]);
    let dotenv = done(&one, "export n --format dotenv", "").text().to_owned();
    done(&other, "import --format dotenv --replace --yes", &dotenv);
    assert_eq!(other.get("n"), hard.as_bytes());
    refused(&one, "export --format cloudify", &["cloudify", "age"]);
    refused(&one, "export nope", &["no secret `nope`"]);
}

#[test]
fn an_export_for_others_is_encrypted_to_their_key() {
    let (one, other) = (World::with_store(), World::with_store());
    done(&one, "add n", "canary-hunter2");
    let identity = std::fs::read_to_string(other.path(crate::harness::IDENTITY)).unwrap();
    let key = identity.lines().find_map(|line| line.split_once("public key: ")).unwrap().1.to_owned();
    let sealed = done(&one, &format!("export --format age --recipient {key}"), "").out;
    assert!(sealed.starts_with(b"age-encryption.org/v1"));
    assert!(!sealed.windows(6).any(|window| window == b"canary"));
    other.secret(&["import", "--format", "age"]).input(sealed).done().quiet();
    assert_eq!(other.get("n"), b"canary-hunter2");
    secret(&other, "import --format age", "").done().fails(125, &["the file that is imported is empty"]);
    secret(&other, "import --format age", "x").done().fails(125, &["the file that is imported is damaged"]);
    let sealed = done(&one, "export --format age", "").out;
    other.secret(&["import", "--format", "age", "--replace", "--yes"]).input(sealed).done().fails(125, &["identity"]);
}

#[test]
fn an_export_has_what_may_be_read_and_what_a_launch_there_would_get() {
    let world = World::with_store();
    done(&world, "add n", "wide");
    done(&world, "add n --scope /shop", "narrow");
    done(&world, "add m --scope /shop", "1");
    assert_eq!(done(&world, "export --format dotenv", "").text(), "n=\"wide\"\n");
    assert_eq!(done(&world, "export --format dotenv --scope /shop/prod", "").text(), "m=\"1\"\nn=\"narrow\"\n");
    done(&world, "add x --readable=false", "1");
    refused(&world, "export", &["`x`", "readable=false"]);
}

#[test]
fn a_local_store_takes_and_refuses_the_secrets_that_tapis_does() {
    let (mut accepted, mut rejected) = (0, 0);
    for case in cases("create_secret_validation") {
        let (body, tenant) = (&case["input"]["body"], case["input"]["tenant"].as_str().unwrap());
        let expected = &case["expected"]["accepted"];
        // What a command line cannot say: a number for a name, no name, an unknown member.
        let typed = |name: &str| match &body[name] {
            Value::Null if body.get(name).is_none() => Ok(None),
            Value::Null if name == "pod_id" => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            Value::Bool(flag) => Ok(Some(flag.to_string())),
            _ => Err(()),
        };
        let options = ["scope", "pod_id", "description", "readable", "writable"];
        let known = ["secret_id", "secret_value"];
        let unknown =
            body.as_object().unwrap().keys().any(|key| !known.contains(&&**key) && !options.contains(&&**key));
        let (Ok(Some(name)), Ok(Some(value)), false) = (typed("secret_id"), typed("secret_value"), unknown) else {
            assert!(expected.is_null(), "{}", case["id"]);
            continue;
        };
        let mut words = vec!["add".to_owned(), format!("--tenant={tenant}"), "--json".to_owned()];
        let mut sayable = true;
        for option in options {
            match typed(option) {
                Ok(Some(said)) => words.push(format!("--{}={said}", option.trim_end_matches("_id"))),
                Ok(None) => {}
                Err(()) => sayable = false,
            }
        }
        if !sayable {
            assert!(expected.is_null(), "{}", case["id"]);
            continue;
        }
        words.extend(["--".to_owned(), name.clone()]);
        let world = World::with_store();
        let user = case["input"]["username"].as_str().unwrap();
        let settings = json!({ "kind": "local", "path": world.path(crate::harness::STORE), "owner": user });
        world.file("inject.json", json!({ "stores": { "s": settings } }).to_string());
        world.mode("inject.json", 0o644);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let made = world.secret(&words).input(value).done();
        if expected.is_null() {
            made.fails(125, &[]);
            rejected += 1;
            continue;
        }
        accepted += 1;
        let made: Value = serde_json::from_slice(&made.quiet().out).unwrap();
        let mut seen = Map::new();
        for (key, _) in expected.as_object().unwrap() {
            let ours = match key.as_str() {
                "secret_id" => "name",
                other => other,
            };
            seen.insert(key.clone(), made[ours].clone());
        }
        let mut expected = expected.clone();
        for ours_alone in ["creation_ts", "added_by"] {
            seen.remove(ours_alone);
            expected.as_object_mut().unwrap().remove(ours_alone);
        }
        assert_eq!(Value::Object(seen), expected, "{}", case["id"]);
    }
    assert!(accepted > 5 && rejected > 10, "{accepted} {rejected}");
}
