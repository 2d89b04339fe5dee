//! Launching from a local store: its identities, its file when it is damaged, shared or written at
//! the same moment, and the passwords it makes.

use crate::harness::{IDENTITY, Inject, PROGRAM, STORE, World};
use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use nix::libc;
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

/// A launch that writes `$<secret:n>` to standard output.
fn launch(world: &World, options: &[&str]) -> Inject {
    world.inject([options, &["-e", "V=$<secret:n>", "--", "printenv", "-0", "V"]].concat())
}

fn key(identity: &Identity) -> String {
    identity.to_string().expose_secret().to_owned()
}

/// A world with a store that has the secret `n`, and the text of the identity that opens it.
fn with_secret() -> (World, String) {
    let world = World::with_store();
    world.add("n", "value");
    let identity = fs::read_to_string(world.path(IDENTITY)).unwrap();
    (world, identity)
}

#[test]
fn two_commands_and_a_launch_are_all_it_takes() {
    let world = World::new();
    world.secret(&["init"]).done().quiet();
    world.add("my_db_secret", "p@ss w\u{f6}rd\n");
    world.file(
        "inject.json",
        json!({
            "secret_map": { "DB_PASSWORD": "$<secret:my_db_secret>" },
            "environment_variables": { "URL": "postgres://user:$<pods:secrets:DB_PASSWORD|trim|urlencode>@host" },
            "files": { "key": { "content": "$<pods:secrets:DB_PASSWORD>", "env": "KEY" } },
        })
        .to_string(),
    );
    world.mode("inject.json", 0o644);
    let done = world.inject(["--", "sh", "-c", "printf '%s ' \"$URL\"; cat \"$KEY\""]).done().quiet();
    assert_eq!(done.text(), "postgres://user:p%40ss%20w%C3%B6rd@host p@ss w\u{f6}rd\n");
}

#[test]
fn a_tapis_pod_launches_as_it_is() {
    let world = World::with_store();
    world.add("my_db_secret", "s3cret");
    let pod = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tapis/seed.json");
    for dialect in ["strict", "tapis"] {
        let arguments = ["-c", pod.to_str().unwrap(), "--dialect", dialect, "--", "env", "-0"];
        let done = world.inject(arguments).done().quiet();
        assert_eq!(done.variable("DATABASE_URL"), "postgres://user:s3cret@localhost/db");
        let names: Vec<String> = done.variables().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["DATABASE_URL", "HOME", "PATH"], "under {dialect}");
    }
}

#[test]
fn a_secret_map_alone_is_a_configuration() {
    let world = World::with_store();
    world.add("my_db_secret", "s3cret");
    world.file("map.json", r#"{"secret_map": {"DB_PASSWORD": "${secret:my_db_secret}"}}"#);
    let done = world.inject(["-c", "map.json", "--", "env", "-0"]).done().quiet();
    assert_eq!(done.variable("DB_PASSWORD"), "s3cret");
}

#[test]
fn any_value_reaches_the_command_byte_for_byte() {
    let world = World::with_store();
    // All that a variable can hold; a NUL it cannot.
    let every: Vec<u8> = (1..=255).chain(*b"\n\n").collect();
    world.add("n", &every);
    assert_eq!(launch(&world, &[]).done().quiet().out, [&every[..], b"\0"].concat());
    world.add("f", [0, b'\n', 0xff]);
    let done = world.inject(["-f", "f=$<secret:f>", "--", "sh", "-c", "cat \"$INJECT_FILES/f\""]).done().quiet();
    assert_eq!(done.out, [0, b'\n', 0xff]);
    world.secret(&["add", "fields", "--fields", "-"]).input("A=1\nB='2 '").done().quiet();
    let done = world.inject(["-e", "V=$<secret:fields#B>$<secret:fields#A>", "--", "printenv", "V"]).done().quiet();
    assert_eq!(done.text(), "2 1\n");
}

#[test]
fn a_reference_may_name_the_owner_who_must_be_us() {
    let (world, _) = with_secret();
    let run = |owner: &str, options: &[&str]| {
        let variable = format!("V=$<secret:{owner}:n>");
        world.inject([options, &["-e", &variable, "--", "printenv", "V"]].concat()).done()
    };
    let login = world.run("id", ["-un"]).done().quiet();
    assert_eq!(run(login.text().trim(), &[]).quiet().text(), "value\n");
    run("somebody", &[]).fails(125, &["somebody", login.text().trim()]);
    let store = json!({ "kind": "local", "path": STORE, "owner": "amy" });
    world.file("c.json", json!({ "stores": { "s": store } }).to_string());
    assert_eq!(run("amy", &["-c", "c.json"]).quiet().text(), "value\n");
    run(login.text().trim(), &["-c", "c.json"]).fails(125, &["`amy`"]);
}

/// The places of an identity: what leads to each, the first of them first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum At {
    Setting,
    FileVariable,
    Variable,
    Credentials,
    Config,
    Home,
}

const PLACES: [At; 6] = [At::Setting, At::FileVariable, At::Variable, At::Credentials, At::Config, At::Home];

/// A launch that finds these keys at these places, and no other.
fn with_identities(world: &World, keys: &[(At, &str)]) -> Inject {
    let path = |name: &str| world.path(name).display().to_string();
    let mut inject = launch(world, &["-c", "c.json"]);
    let mut setting = None;
    let _ = fs::remove_file(world.path(IDENTITY));
    for (at, key) in keys {
        let put = |name: &str| {
            world.file(name, key).mode(name, 0o600);
            path(name)
        };
        match at {
            At::Setting => setting = Some(json!({ "file": put("setting") })),
            At::FileVariable => inject = inject.env("INJECT_IDENTITY_FILE", put("variable")),
            At::Variable => inject = inject.env("INJECT_IDENTITY", key),
            At::Credentials => {
                put("credentials/inject_identity");
                inject = inject.env("CREDENTIALS_DIRECTORY", path("credentials"));
            }
            At::Config => {
                put("config/inject/identity");
                inject = inject.env("XDG_CONFIG_HOME", path("config"));
            }
            At::Home => drop(put(IDENTITY)),
        }
    }
    let mut store = json!({ "kind": "local", "path": STORE });
    if let Some(setting) = setting {
        store["identity"] = setting;
    }
    world.file("c.json", json!({ "stores": { "s": store } }).to_string());
    inject
}

#[test]
fn the_first_place_of_an_identity_decides() {
    assert!(!Path::new("/run/secrets/inject_identity").exists(), "an identity of this machine's is in the way");
    let (world, right) = with_secret();
    let wrong = key(&Identity::generate());
    let called = |at: At| match at {
        At::Setting => "/setting",
        At::FileVariable => "/variable",
        At::Variable => "the variable INJECT_IDENTITY",
        At::Credentials => "/credentials/inject_identity",
        At::Config => "/config/inject/identity",
        At::Home => IDENTITY,
    };
    for (number, &first) in PLACES.iter().enumerate() {
        // With $XDG_CONFIG_HOME set nobody looks below $HOME.
        let later = |key| PLACES[number + 1..].iter().map(move |&at| (at, key));
        let keys: Vec<(At, &str)> = [(first, &*right)].into_iter().chain(later(&*wrong)).collect();
        assert_eq!(with_identities(&world, &keys).done().quiet().out, b"value\0", "{first:?}");
        let keys: Vec<(At, &str)> = [(first, &*wrong)].into_iter().chain(later(&*right)).collect();
        with_identities(&world, &keys).done().fails(125, &["not encrypted to the identity", called(first)]);
    }
    with_identities(&world, &[]).done().fails(125, &["no identity", "INJECT_IDENTITY", IDENTITY, "inject secret init"]);
}

#[test]
fn the_setting_names_a_path_a_file_a_variable_or_a_credential() {
    let (world, right) = with_secret();
    fs::remove_file(world.path(IDENTITY)).unwrap();
    world.file("keys/mine", &right).mode("keys/mine", 0o600);
    let run = |identity: serde_json::Value| {
        let store = json!({ "kind": "local", "path": STORE, "identity": identity });
        world.file("c.json", json!({ "stores": { "s": store } }).to_string());
        let inject = world.inject(["-c", "c.json", "-e", "V=$<secret:n>", "--", "env", "-0"]);
        inject.env("KEY", &right).env("CREDENTIALS_DIRECTORY", world.path("keys")).done()
    };
    let named =
        [json!("keys/mine"), json!({ "file": "keys/mine" }), json!({ "env": "KEY" }), json!({ "credential": "mine" })];
    for identity in named {
        let done = run(identity.clone()).quiet();
        assert_eq!(done.variable("V"), "value");
        let has_key = done.variables().iter().any(|(name, _)| name == "KEY");
        assert_eq!(has_key, identity["env"].is_null(), "the command gets the key that opened its store");
    }
    run(json!({ "file": "keys/none" })).fails(125, &["keys/none"]);
    run(json!({ "env": "NONE" })).fails(125, &["variable NONE"]);
    run(json!({ "credential": "none" })).fails(125, &["keys/none"]);
    let inline = run(json!(right.lines().last().unwrap())).fails(125, &["never the key itself"]);
    assert!(!inline.err.contains("AGE-SECRET-KEY"), "{}", inline.err);
}

#[test]
fn the_identity_never_reaches_the_command() {
    let (world, right) = with_secret();
    fs::remove_file(world.path(IDENTITY)).unwrap();
    let run = |options: &[&str]| {
        let arguments = [options, &["-e", "V=$<secret:n>", "--", "env", "-0"]].concat();
        world.inject(arguments).env("INJECT_IDENTITY", &right).done().quiet()
    };
    assert!(run(&[]).variables().iter().all(|(_, value)| !value.contains("AGE-SECRET-KEY")));
    assert!(run(&["--keep", "INJECT_IDENTITY"]).variable("INJECT_IDENTITY").contains("AGE-SECRET-KEY"));
}

#[test]
fn an_identity_that_others_may_read_is_refused_on_a_disk() {
    let (world, _) = with_secret();
    let kind = statfs(&world.path("")).unwrap().filesystem_type();
    assert!(kind != TMPFS_MAGIC, "this needs the build directory on a disk, and it is on a tmpfs");
    for mode in [0o644, 0o640, 0o604, 0o620] {
        world.mode(IDENTITY, mode);
        launch(&world, &[]).done().fails(125, &[&format!("mode {mode:04o}"), "chmod 600", IDENTITY]);
    }
    world.mode(IDENTITY, 0o400);
    launch(&world, &[]).done().quiet();
}

#[test]
fn an_identity_in_memory_may_be_readable_to_all() {
    let shared = Path::new("/dev/shm");
    let kind = statfs(shared).unwrap().filesystem_type();
    assert!(kind == TMPFS_MAGIC, "this needs /dev/shm to be a tmpfs, and it is {kind:?}");
    let (world, right) = with_secret();
    fs::remove_file(world.path(IDENTITY)).unwrap();
    let file = InMemory(shared.join(format!("inject-identity-{}", std::process::id())));
    fs::write(&file.0, right).unwrap();
    fs::set_permissions(&file.0, fs::Permissions::from_mode(0o444)).unwrap();
    assert_eq!(launch(&world, &[]).env("INJECT_IDENTITY_FILE", &file.0).done().quiet().out, b"value\0");
}

struct InMemory(PathBuf);

impl Drop for InMemory {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Configures the store of a team, with the setting `recipients` or without.
fn team(world: &World, recipients: Option<&[&str]>) {
    let mut store = json!({ "kind": "local", "path": "team.age" });
    if let Some(recipients) = recipients {
        store["recipients"] = json!(recipients);
    }
    world.file("c.json", json!({ "stores": { "team": store } }).to_string());
}

fn person(world: &World, name: &str) -> Identity {
    let identity = Identity::generate();
    world.file(name, key(&identity)).mode(name, 0o600);
    identity
}

fn acting(world: &World, name: &str, arguments: &[&str]) -> Inject {
    world.secret(&[&["-c", "c.json"], arguments].concat()).env("INJECT_IDENTITY_FILE", world.path(name))
}

#[test]
fn each_of_a_team_reads_and_writes_with_an_identity_of_their_own() {
    let world = World::new();
    team(&world, None);
    let (_amy, bob, _eve) = (person(&world, "amy"), person(&world, "bob"), person(&world, "eve"));
    acting(&world, "amy", &["init", "--recipient", &bob.to_public().to_string()]).done().quiet();
    acting(&world, "amy", &["add", "a"]).input("by amy").done().quiet();
    // The file itself says for whom it is, so bob's writing does not lock amy out.
    acting(&world, "bob", &["add", "b"]).input("by bob").done().quiet();
    for name in ["amy", "bob"] {
        assert_eq!(acting(&world, name, &["get", "a"]).done().quiet().text(), "by amy");
        assert_eq!(acting(&world, name, &["get", "b"]).done().quiet().text(), "by bob");
    }
    acting(&world, "eve", &["get", "a"]).done().fails(125, &["team.age", "not encrypted to the identity", "eve"]);
    acting(&world, "eve", &["add", "c"]).input("by eve").done().fails(125, &["recipient"]);
}

#[test]
fn a_key_is_replaced_by_adding_the_new_one_and_removing_the_old() {
    let world = World::new();
    team(&world, Some(&[]));
    let (_old, new) = (person(&world, "old"), person(&world, "new"));
    let new = new.to_public().to_string();
    acting(&world, "old", &["init"]).done().quiet();
    acting(&world, "old", &["add", "n"]).input("value").done().quiet();
    acting(&world, "new", &["get", "n"]).done().fails(125, &["new"]);
    team(&world, Some(&[&new]));
    acting(&world, "old", &["update", "n", "--description", "adds the new key"]).done().quiet();
    for name in ["old", "new"] {
        assert_eq!(acting(&world, name, &["get", "n"]).done().quiet().text(), "value");
    }
    acting(&world, "new", &["update", "n", "--description", "drops the old key"]).done().quiet();
    assert_eq!(acting(&world, "new", &["get", "n"]).done().quiet().text(), "value");
    acting(&world, "old", &["get", "n"]).done().fails(125, &["not encrypted to the identity", "old"]);
}

/// The launch fails in one line that names the store and has these words; the file stays as it is.
#[track_caller]
fn stays_unharmed(world: &World, words: &[&str]) {
    let before = fs::read(world.path(STORE)).ok();
    let done = launch(world, &[]).done().fails(125, &[&[STORE], words].concat());
    assert_eq!(done.err.lines().count(), 1, "{}", done.err);
    assert!(!done.err.contains("value") && !done.err.contains("panic"), "{}", done.err);
    let add = world.secret(&["add", "m"]).input("2").done().fails(125, words);
    assert_eq!(add.err.lines().count(), 1, "{}", add.err);
    assert!(fs::read(world.path(STORE)).ok() == before, "the file was changed");
}

#[test]
fn a_store_that_is_missing_empty_or_cut_off_is_an_error_that_leaves_it() {
    let (world, _) = with_secret();
    let whole = fs::read(world.path(STORE)).unwrap();
    for length in [1, 20, 21, whole.len() / 2, whole.len() - 17, whole.len() - 1] {
        world.file(STORE, &whole[..length]);
        stays_unharmed(&world, &["restore it from a copy"]);
    }
    world.file(STORE, [&whole[..], b"x"].concat());
    stays_unharmed(&world, &["damaged"]);
    world.file(STORE, "");
    stays_unharmed(&world, &["is empty", "inject secret init"]);
    fs::remove_file(world.path(STORE)).unwrap();
    stays_unharmed(&world, &["there is no store", "inject secret init"]);
    fs::create_dir(world.path(STORE)).unwrap();
    launch(&world, &[]).done().fails(125, &[STORE, "no regular file"]);
}

#[test]
fn any_flipped_bit_is_an_error_that_leaves_the_file() {
    let (world, _) = with_secret();
    let whole = fs::read(world.path(STORE)).unwrap();
    let bits = whole.len() * 8;
    for number in 0..200 {
        let bit = number * bits / 200;
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        world.file(STORE, &damaged);
        let done = launch(&world, &[]).done();
        assert_eq!((done.status, done.err.lines().count(), done.out.len()), (Some(125), 1, 0), "bit {bit}: {done:?}");
        assert!(done.err.contains(STORE) && !done.err.contains("panic"), "bit {bit}: {}", done.err);
        assert!(fs::read(world.path(STORE)).unwrap() == damaged, "bit {bit}");
    }
}

#[test]
fn a_store_that_was_swapped_for_another_is_told_by_its_key() {
    let (world, _) = with_secret();
    let (other, _) = with_secret();
    fs::copy(other.path(STORE), world.path(STORE)).unwrap();
    stays_unharmed(&world, &["not encrypted to the identity", IDENTITY]);
}

/// A store with this document.
fn seal(world: &World, identity: &str, document: &str) {
    let key: Identity = identity.lines().last().unwrap().parse().unwrap();
    world.file(STORE, age::encrypt(&key.to_public(), document.as_bytes()).unwrap());
}

#[test]
fn a_store_of_an_older_format_is_read_and_the_next_write_upgrades_it() {
    let (world, identity) = with_secret();
    let time = "2026-01-31T03:00:00Z";
    let entry = json!({ "value": "1", "description": "d", "created": time, "updated": time, "creator": "amy" });
    seal(&world, &identity, &json!({ "format": 1, "recipients": [], "secrets": { "n": entry } }).to_string());
    let show = || serde_json::from_slice::<Value>(&world.secret(&["show", "n", "--json"]).done().quiet().out).unwrap();
    for (member, value) in [("description", "d"), ("created", time), ("updated", time), ("creator", "amy")] {
        assert_eq!(show()[member], value);
    }
    world.secret(&["update", "n"]).input("2").done().quiet();
    let key: Identity = identity.lines().last().unwrap().parse().unwrap();
    let document: Value =
        serde_json::from_slice(&age::decrypt(&key, &fs::read(world.path(STORE)).unwrap()).unwrap()).unwrap();
    assert_eq!(document["format"], 2);
    assert_eq!((world.get("n"), world.get("n@1")), (b"2".to_vec(), b"1".to_vec()));
    assert_eq!((&show()["description"], &show()["created"]), (&json!("d"), &json!(time)));
}

#[test]
fn an_alias_of_nothing_or_of_an_alias_is_an_error_and_can_be_removed() {
    let (world, identity) = with_secret();
    for other in ["", r#","m":{"alias":"n"}"#] {
        seal(&world, &identity, &format!(r#"{{"format":2,"secrets":{{"n":{{"alias":"m"}}{other}}}}}"#));
        for verb in ["get", "history", "export"] {
            world.secret(&[verb, "n"]).done().fails(125, &["`n` is an alias of nothing"]);
        }
        launch(&world, &[]).done().fails(125, &["`n`"]);
        world.secret(&["show", "n"]).done().quiet();
        world.secret(&["rm", "n", "--yes"]).done().quiet();
        assert!(world.names().is_empty());
    }
}

#[test]
fn a_store_of_a_later_format_is_refused_and_not_harmed() {
    let (world, identity) = with_secret();
    let seal = |document: &str| seal(&world, &identity, document);
    seal(r#"{"format":4,"secrets":{"n":{"value":"value","scopes":["x"]}}}"#);
    stays_unharmed(&world, &["format 4", "install one that knows"]);
    seal(r#"{"format":1,"secrets":{"n":{"value":"value","readable":false}}}"#);
    stays_unharmed(&world, &["`readable`"]);
    seal("no document");
    stays_unharmed(&world, &["damaged"]);
    seal(r#"{"format":1,"secrets":{"n":{"value":"1"}}}"#);
    assert_eq!(launch(&world, &[]).done().quiet().out, b"1\0", "the test can make a store");
}

/// A pod with two passwords of its own.
fn pod(id: Option<&str>, length: usize) -> String {
    let mut pod = json!({ "secret_map": {
        "ONE": format!("$<pods:random:{length}>"),
        "TWO": format!("${{pods:random:{length}}}"),
    } });
    if let Some(id) = id {
        pod["pod_id"] = id.into();
    }
    pod.to_string()
}

#[test]
fn a_random_password_is_made_once_for_each_entry_of_each_pod() {
    let world = World::with_store();
    let run = |id: Option<&str>, length: usize| {
        let done = world.inject(["-c", "-", "--", "env", "-0"]).input(pod(id, length)).done().quiet();
        [done.variable("ONE"), done.variable("TWO")]
    };
    let pods = [Some("a"), Some("b"), None];
    let made: Vec<String> = pods.iter().flat_map(|id| run(*id, 24)).collect();
    assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), 6, "two of them are the same");
    assert_eq!(pods.iter().flat_map(|id| run(*id, 24)).collect::<Vec<_>>(), made);
    // The length says how long a new one is, and this one is not new.
    assert_eq!(run(Some("a"), 30)[0], made[0]);
    for length in [8, 128] {
        assert_eq!(run(Some(&length.to_string()), length).map(|password| password.len()), [length; 2]);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!@#$%^&*".contains(&byte);
    assert!(made.iter().all(|password| password.len() == 24 && password.bytes().all(allowed)));
    assert!(world.names().is_empty(), "passwords are not among the secrets");
    for length in ["7", "129", "x"] {
        let map = json!({ "secret_map": { "ONE": format!("$<pods:random:{length}>") } }).to_string();
        world.inject(["-c", "-", "--", "true"]).input(map).done().fails(125, &["ONE"]);
    }
}

#[test]
fn looking_makes_no_password() {
    let world = World::with_store();
    let before = fs::read(world.path(STORE)).unwrap();
    world.file("c.json", pod(Some("a"), 24));
    for verb in ["check", "plan"] {
        world.inject([verb, "-c", "c.json", "--", "true"]).done().quiet();
        assert!(fs::read(world.path(STORE)).unwrap() == before, "{verb} wrote");
    }
    world.inject(["-c", "c.json", "--", "true"]).done().quiet();
    assert!(fs::read(world.path(STORE)).unwrap() != before);
}

#[test]
#[allow(unsafe_code)]
fn a_password_that_cannot_be_kept_is_not_made() {
    let world = World::with_store();
    world.file("c.json", pod(None, 24));
    let directory = Path::new(STORE).parent().unwrap().to_str().unwrap();
    world.mode(directory, 0o500);
    let as_anybody = || {
        // SAFETY: the call takes numbers; who may not give CAP_DAC_OVERRIDE up does not have it either.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, 1) };
        Ok(())
    };
    // SAFETY: prctl is a system call and nothing more.
    let inject = world.inject(["-c", "c.json", "--", "touch", "ran"]).with(|command| unsafe {
        command.pre_exec(as_anybody);
    });
    inject.done().fails(125, &[STORE, "Permission denied"]);
    world.mode(directory, 0o700);
    assert!(!world.exists("ran"));
    // There is nowhere to keep one either.
    world.file("d.json", r#"{"default_store": "e", "stores": {"e": {"kind": "env"}}}"#);
    fs::remove_file(world.path(STORE)).unwrap();
    world.inject(["-c", "c.json", "-c", "d.json", "--", "touch", "ran"]).done().fails(125, &["inject secret init"]);
    assert!(!world.exists("ran"));
}

#[test]
fn a_writer_killed_at_any_moment_leaves_the_old_store_or_the_new_one() {
    let world = World::with_store();
    world.add("first", "kept");
    let begun = Instant::now();
    world.add("second", "kept");
    let whole = begun.elapsed();
    let mut expected = BTreeSet::from(["first".to_owned(), "second".to_owned()]);
    let (mut old, mut new) = (0, 0);
    for number in 0..100 {
        let name = format!("n{number}");
        let mut child = world.secret(&["add", &name, "--file", "/etc/hostname"]).start();
        // From before it has begun until after it is done.
        thread::sleep(whole * number / 66);
        child.kill().unwrap();
        let done = child.wait().unwrap().success();
        let names: BTreeSet<String> = world.names().into_iter().collect();
        if names.contains(&name) {
            new += 1;
            expected.insert(name);
        } else {
            assert!(!done, "{name} was added and is gone");
            old += 1;
        }
        assert_eq!(names, expected);
    }
    assert!(old > 0, "no writer was killed early: {new} were not");
    assert_eq!(world.get("first"), b"kept");
    world.add("last", "1");
    let directory = world.path(STORE).parent().unwrap().to_owned();
    let left: BTreeSet<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(
        left,
        ["secrets.age", "secrets.age.audit", "secrets.age.lock"].map(Into::into).into(),
        "a later writer cleans up"
    );
}

#[test]
fn writers_at_the_same_time_lose_nothing_and_readers_never_fail() {
    let world = World::with_store();
    world.add("n", "value");
    let writing = AtomicBool::new(true);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut read = 0;
                    while writing.load(Ordering::Relaxed) {
                        assert_eq!(launch(&world, &[]).done().quiet().out, b"value\0");
                        read += 1;
                    }
                    read
                })
            })
            .collect();
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let world = &world;
                scope.spawn(move || {
                    for number in 0..4 {
                        world.add(&format!("w{writer}-{number}"), format!("{writer} {number}"));
                    }
                })
            })
            .collect();
        let written: Vec<_> = writers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        writing.store(false, Ordering::Relaxed);
        written.into_iter().for_each(|writer| writer.unwrap());
        for reader in readers {
            assert!(reader.join().unwrap() > 0, "nothing was read meanwhile");
        }
    });
    assert_eq!(world.names().len(), 33);
    assert_eq!(world.get("w7-3"), b"7 3");
}

#[test]
fn launches_at_the_same_time_get_the_same_password() {
    let world = World::with_store();
    world.file("c.json", pod(Some("p"), 24));
    let made: BTreeSet<String> = thread::scope(|scope| {
        let run = || world.run(PROGRAM, ["-c", "c.json", "--", "printenv", "ONE"]).done().quiet().text().to_owned();
        let launches: Vec<_> = (0..8).map(|_| scope.spawn(run)).collect();
        launches.into_iter().map(|launch| launch.join().unwrap()).collect()
    });
    assert_eq!(made.len(), 1);
}
