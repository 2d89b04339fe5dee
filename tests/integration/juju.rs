//! User secrets of Juju, asked for by the built binary.

use crate::doubles::http::refusing;
use crate::doubles::juju::{Juju, MODEL, MODEL_NAME, OTHER_MODEL, PASSWORD, Redirect, State, endpoint, start};
use crate::doubles::websocket::{Fault, Framing, UPGRADE};
use crate::harness::{Inject, Outcome, World};
use serde_json::{Value as Json, json};
use std::fs;
use std::io::{self, Read as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

const LIST: &str = "Secrets.ListSecrets";
const LOGIN: &str = "Admin.Login";

fn juju() -> Juju {
    let mut state = State::new();
    state.put("db", &[("username", b"amy"), ("password", b"correct horse")]);
    start(state)
}

/// A store that is configured, its password in `JUJU_LOGIN`.
fn settings(juju: &Juju) -> Json {
    json!({
        "kind": "juju", "endpoints": [endpoint(juju)], "model": MODEL, "user": "admin",
        "password": { "env": "JUJU_LOGIN" }, "ca_file": juju.ca_file(),
    })
}

fn with(mut settings: Json, name: &str, value: Json) -> Json {
    settings[name] = value;
    settings
}

/// A launch of `env -0`, with these references as variables A, B and so on.
fn launch(world: &World, settings: &Json, references: &[&str]) -> Inject {
    let names = ('A'..='Z').map(String::from);
    let variables: serde_json::Map<String, Json> =
        names.zip(references).map(|(name, reference)| (name, json!(reference))).collect();
    let config = json!({ "stores": { "prod": settings }, "secret_map": variables });
    world.file("c.json", config.to_string());
    world.inject(["-c", "c.json", "--timeout", "20s", "--", "env", "-0"]).env("JUJU_LOGIN", PASSWORD)
}

/// It failed with this code and these words, and showed nothing that it should not.
#[track_caller]
fn fails(launch: Inject, code: &str, pieces: &[&str]) {
    let done = launch.env("INJECT_LOG_FORMAT", "json").done().fails(125, &[]);
    let failures: Vec<Json> = done.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(failures.iter().any(|failure| failure["code"] == code), "no {code} in {}", done.err);
    let told: Vec<&str> = failures.iter().filter_map(|failure| failure["message"].as_str()).collect();
    for piece in pieces {
        assert!(told.iter().any(|message| message.contains(piece)), "no {piece:?} in {told:?}");
    }
    assert!(!told.concat().contains("`url`"), "a store of Juju has no `url`: {told:?}");
    shows_no_login(&done);
}

#[track_caller]
fn shows_no_login(done: &Outcome) {
    let shown = format!("{}{}", String::from_utf8_lossy(&done.out), done.err);
    for hidden in ["hunter2", "JUJU_LOGIN", "<h1>"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

const KEY: &str = "$<secret:db#password>";

#[test]
fn a_key_of_a_secret_comes_over_one_connection_and_the_password_stays_behind() {
    let world = World::new();
    let juju = juju();
    let references = [KEY, "$<prod:db#username>", "$<secret:db#password>"];
    let done = launch(&world, &settings(&juju), &references).done().quiet();
    let values = ["A", "B", "C"].map(|name| done.variable(name));
    assert_eq!(values, ["correct horse", "amy", "correct horse"]);
    shows_no_login(&done);
    assert_eq!((juju.connections(), juju.count(LOGIN), juju.count(LIST)), (1, 1, 1));
    // What is not asked for is not sent, and nothing is asked beside it.
    let calls = juju.calls();
    let [_, (_, list)] = calls.as_slice() else { panic!("{} calls", calls.len()) };
    let list: Json = serde_json::from_slice(list).unwrap();
    assert_eq!(list["params"], json!({ "filter": { "label": "db" }, "show-secrets": true }));
}

#[test]
fn every_form_of_address_leads_to_its_secret() {
    let world = World::new();
    let juju = juju();
    let id = juju.state().put("db", &[("password", b"newer")]);
    let addresses = [
        "$<secret:db#password>".to_owned(),
        format!("$<secret:{id}#password>"),
        format!("$<secret://{MODEL}/{id}#password>"),
        format!("$<prod:{MODEL}/{id}#password>"),
        format!("$<prod:secret:{id}#password>"),
        "$<secret:db#password@1>".to_owned(),
        format!("$<secret:{id}#username@1>"),
        format!("$<secret://{}/{id}#password@2>", MODEL.to_uppercase()),
    ];
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let done = launch(&world, &settings(&juju), &addresses).done().quiet();
    let values: Vec<String> = ('A'..='H').map(|name| done.variable(&name.to_string())).collect();
    assert_eq!(values, ["newer", "newer", "newer", "newer", "newer", "correct horse", "amy", "newer"]);
    assert_eq!((juju.connections(), juju.count(LOGIN)), (1, 1));
}

#[test]
fn any_bytes_reach_the_command_however_replies_are_framed() {
    let world = World::new();
    let juju = juju();
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).map(|byte: u16| byte as u8).collect();
    juju.state().put("long", &[("bytes", &bytes), ("text", b"<&>\xc3\xbc")]);
    let config = json!({
        "stores": { "prod": settings(&juju) },
        "environment_variables": { "TEXT": "$<secret:long#text>", "NAME": "$<secret:db#username>" },
        "files": { "bytes": "$<secret:long#bytes>" },
    });
    world.file("c.json", config.to_string());
    let command = r#"cat "$INJECT_FILES/bytes"; printf %s "$TEXT$NAME""#;
    for framing in [Framing::Gorilla, Framing::Pieces(4096), Framing::Pieces(77), Framing::Binary] {
        juju.frame(framing);
        let launch = world.inject(["-c", "c.json", "--", "sh", "-c", command]);
        let done = launch.env("JUJU_LOGIN", PASSWORD).done().quiet();
        assert!(done.out == [bytes.as_slice(), "<&>üamy".as_bytes()].concat(), "{framing:?}");
    }
    assert!(juju.pongs() > 0);
}

#[test]
fn many_secrets_are_asked_for_together() {
    let world = World::new();
    let juju = juju();
    let mut map = serde_json::Map::new();
    for number in 0..250 {
        juju.state().put(&format!("s{number}"), &[("key", format!("value {number}").as_bytes())]);
        map.insert(format!("V{number}"), json!(format!("$<secret:s{number}#key>")));
    }
    world.file("c.json", json!({ "stores": { "prod": settings(&juju) }, "secret_map": map }).to_string());
    let done = world.inject(["-c", "c.json", "--", "env", "-0"]).env("JUJU_LOGIN", PASSWORD).done().quiet();
    assert!((0..250).all(|number| done.variable(&format!("V{number}")) == format!("value {number}")));
    assert_eq!((juju.connections(), juju.count(LIST)), (1, 250));
}

/// What `juju` itself keeps, in `data` of the world.
fn client_files(world: &World, juju: &Juju) {
    let pem = fs::read_to_string(juju.ca_file()).unwrap().replace('\n', "\n      ");
    let controllers = format!(
        "controllers:\n  here:\n    uuid: 5f2a3c0d-9b1e-4c55-8a7e-6f1d2c3b4a5e\n    api-endpoints: ['{}']\n    \
         ca-cert: |\n      {}\n    cloud: localhost\n  far:\n    api-endpoints: ['{}']\n    ca-cert: |\n      {}\n\
         current-controller: here\n",
        endpoint(juju),
        pem.trim_end(),
        endpoint(juju),
        pem.trim_end()
    );
    let account = format!("    user: admin\n    password: {}\n    last-known-access: superuser\n", json!(PASSWORD));
    let models = format!(
        "controllers:\n  here:\n    models:\n      admin/{MODEL_NAME}:\n        uuid: {MODEL}\n        type: iaas\n      \
         bob/gone:\n        uuid: {OTHER_MODEL}\n    current-model: admin/{MODEL_NAME}\n"
    );
    world
        .file("data/controllers.yaml", controllers)
        .file("data/accounts.yaml", format!("controllers:\n  here:\n{account}  far:\n    user: bob\n"))
        .file("data/models.yaml", models);
}

fn from_files(world: &World) -> Inject {
    let arguments = ["-e", "A=$<secret:db#password>", "-e", "B=$<juju:db#username>", "--", "env", "-0"];
    world.inject(arguments).env("JUJU_DATA", world.path("data"))
}

#[test]
fn what_juju_keeps_is_all_that_is_needed() {
    let world = World::new();
    let juju = juju();
    client_files(&world, &juju);
    let done = from_files(&world).done().quiet();
    assert_eq!((done.variable("A"), done.variable("B")), ("correct horse".into(), "amy".into()));
    shows_no_login(&done);
    for model in [MODEL, MODEL_NAME, "admin/demo", "here:demo", "here:admin/demo", "here:"] {
        let done = from_files(&world).env("JUJU_MODEL", model).env("JUJU_CONTROLLER", "here").done().quiet();
        assert_eq!(done.variable("A"), "correct horse", "{model}");
    }
    // Where the client looks when nothing says where.
    world.file(".local/share/juju/x", "");
    for (place, variable) in [(".local/share/juju", "X"), ("xdg/juju", "XDG_DATA_HOME")] {
        for name in ["controllers.yaml", "accounts.yaml", "models.yaml"] {
            world.file(&format!("{place}/{name}"), fs::read(world.path("data").join(name)).unwrap());
        }
        let done = world.inject(["-e", KEY.replace("$<", "A=$<").as_str(), "--", "env", "-0"]);
        let done = done.env(variable, world.path("xdg")).done().quiet();
        assert_eq!(done.variable("A"), "correct horse", "{place}");
        fs::remove_dir_all(world.path(place)).unwrap();
    }
}

#[test]
fn what_the_files_of_juju_do_not_say_is_told_with_the_file() {
    let world = World::new();
    let juju = juju();
    client_files(&world, &juju);
    let launch = || from_files(&world);
    fails(launch().env("JUJU_CONTROLLER", "nope"), "config", &["controllers.yaml", "`nope`", "juju controllers"]);
    fails(
        launch().env("JUJU_CONTROLLER", "far").env("JUJU_MODEL", "here:demo"),
        "config",
        &["JUJU_MODEL", "JUJU_CONTROLLER"],
    );
    fails(launch().env("JUJU_CONTROLLER", "far"), "unauthenticated", &["accounts.yaml", "`bob`", "browser"]);
    world.file("data/accounts.yaml", "controllers:\n  here:\n    user: bob@external\n    password: hunter2\n");
    fails(launch(), "unauthenticated", &["`bob@external`", "macaroon"]);
    world.file("data/accounts.yaml", "controllers: {}\n");
    fails(launch(), "config", &["accounts.yaml", "juju login"]);
    world.file("data/accounts.yaml", "controllers:\n  here:\n    password: hunter2\n    password: hunter2\n");
    fails(launch(), "config", &["accounts.yaml", "twice"]);
    client_files(&world, &juju);
    world.file("data/models.yaml", "controllers: {}\n");
    fails(launch(), "config", &["models.yaml", "juju switch"]);
    world.file("data/controllers.yaml", "controllers:\n  here: {}\n");
    fails(launch(), "config", &["controllers.yaml", "current controller"]);
    fails(launch().env("JUJU_CONTROLLER", "here"), "config", &["api-endpoints"]);
    let forwarded =
        "controllers:\n  here:\n    api-endpoints: ['h:1']\n    proxy-config: {type: kubernetes-port-forward}\n";
    world.file("data/controllers.yaml", forwarded);
    fails(launch().env("JUJU_CONTROLLER", "here"), "config", &["Kubernetes", "`endpoints`"]);
    assert_eq!(juju.connections(), 0);
}

#[test]
fn a_password_of_the_settings_goes_with_the_account_of_the_files() {
    let world = World::new();
    let juju = juju();
    client_files(&world, &juju);
    world.file("data/accounts.yaml", "controllers:\n  here:\n    user: admin\n");
    let settings = json!({ "kind": "juju", "password": { "env": "JUJU_LOGIN" } });
    let done = launch(&world, &settings, &[KEY]).env("JUJU_DATA", world.path("data")).done().quiet();
    assert_eq!(done.variable("A"), "correct horse");
    shows_no_login(&done);
    // A password is its own user's alone.
    client_files(&world, &juju);
    let settings = json!({ "kind": "juju", "user": "reader" });
    let launch = launch(&world, &settings, &[KEY]).env("JUJU_DATA", world.path("data"));
    fails(launch, "unauthenticated", &["no password for `reader`"]);
}

#[test]
fn a_public_name_is_as_good_as_the_controllers_own_authority() {
    let world = World::new();
    let (juju, other) = (juju(), juju());
    client_files(&world, &juju);
    let pem = fs::read_to_string(other.ca_file()).unwrap().replace('\n', "\n      ");
    let controllers = |public: &str| {
        format!(
            "controllers:\n  here:\n    api-endpoints: ['{}']\n    ca-cert: |\n      {}\n{public}\
             current-controller: here\n",
            endpoint(&juju),
            pem.trim_end()
        )
    };
    let launch = || from_files(&world).env("SSL_CERT_FILE", juju.ca_file());
    world.file("data/controllers.yaml", controllers(""));
    fails(launch(), "unavailable", &["certificate"]);
    world.file("data/controllers.yaml", controllers("    public-hostname: localhost\n"));
    assert_eq!(launch().done().quiet().variable("A"), "correct horse");
}

#[test]
fn a_model_that_is_known_by_name_only_is_looked_up_at_the_controller() {
    let world = World::new();
    let juju = juju();
    for (user, model) in [("admin", MODEL_NAME), ("admin@local", MODEL_NAME), ("admin", "admin/demo")] {
        let settings = with(with(settings(&juju), "model", json!(model)), "user", json!(user));
        assert_eq!(launch(&world, &settings, &[KEY]).done().quiet().variable("A"), "correct horse");
    }
    assert_eq!(juju.connections(), 6);
    let unknown = with(settings(&juju), "model", json!("other"));
    fails(launch(&world, &unknown, &[KEY]), "config", &["no model `admin/other`", "juju models"]);
    let unknown = with(settings(&juju), "model", json!(OTHER_MODEL));
    fails(launch(&world, &unknown, &[KEY]), "config", &["no such model", "`model`"]);
}

#[test]
fn what_does_not_exist_is_not_found_and_takes_a_default() {
    let world = World::new();
    let juju = juju();
    for has_fine_codes in [false, true] {
        juju.state().has_fine_codes = has_fine_codes;
        juju.state().server_version = if has_fine_codes { "4.0.1" } else { "3.6.8" }.to_owned();
        for absent in ["absent#key", "db#password@9", "cu9nqkbmp25c7a8sqo2g#key"] {
            fails(launch(&world, &settings(&juju), &[&format!("$<secret:{absent}>")]), "not_found", &["store prod"]);
            let done = launch(&world, &settings(&juju), &[&format!("$<secret:{absent}:-none>"), KEY]).done().quiet();
            assert_eq!((done.variable("A"), done.variable("B")), ("none".into(), "correct horse".into()));
        }
    }
    let launch = |reference| launch(&world, &settings(&juju), &[reference]);
    fails(launch("$<secret:db>"), "reference", &["#FIELD", "password, username"]);
    fails(launch("$<secret:db#pass>"), "not_found", &["no member `pass`"]);
}

#[test]
fn a_revision_that_was_removed_is_not_mistaken_for_another() {
    let world = World::new();
    let juju = juju();
    juju.state().put("db", &[("password", b"newer")]);
    juju.state().remove("db", &[2]);
    let launch = |reference| launch(&world, &settings(&juju), &[reference]);
    fails(launch("$<secret:db#password:-none>"), "not_readable", &["`db`", "@REVISION"]);
    assert_eq!(launch("$<secret:db#password@1>").done().quiet().variable("A"), "correct horse");
}

#[test]
fn a_charms_secret_of_the_same_name_hides_no_revision_of_the_models_own() {
    let world = World::new();
    let juju = juju();
    juju.state().put("db", &[("password", b"newer")]);
    juju.state().put_of("application-x", "db", &[("password", b"the charm's")]);
    let references = ["$<secret:db#password@2>", "$<secret:db#password@1>", KEY, "$<secret:db#password@3:-none>"];
    for (versions, has_fine_codes) in [(vec![1, 2], false), (vec![1, 2], true), (vec![1], false)] {
        let mut state = juju.state();
        (state.versions, state.has_fine_codes) = (versions, has_fine_codes);
        drop(state);
        let before = juju.connections();
        let done = launch(&world, &settings(&juju), &references).done().quiet();
        let values = ["A", "B", "C", "D"].map(|name| done.variable(name));
        assert_eq!(values, ["newer", "correct horse", "newer", "none"]);
        assert_eq!(juju.connections() - before, 1);
        let check = world.inject(["-c", "c.json", "check", "--online"]).env("JUJU_LOGIN", PASSWORD).done().quiet();
        assert!(check.text().contains("db#password@2"), "{}", check.text());
        fails(launch(&world, &settings(&juju), &["$<secret:db#password@3>"]), "not_found", &[]);
        fails(launch(&world, &settings(&juju), &["$<secret:gone#password@2>"]), "not_found", &[]);
    }
}

#[test]
fn a_secret_of_a_charm_is_none_of_the_models() {
    let world = World::new();
    let juju = juju();
    {
        let mut state = juju.state();
        state.put_of("application-x", "db", &[("password", b"the charm's")]);
        state.put_of("application-x", "charm", &[("password", b"the charm's")]);
    }
    // The first version of the facade looks at no label at all.
    for versions in [vec![1, 2], vec![1], vec![1, 2, 3]] {
        juju.state().versions = versions;
        assert_eq!(launch(&world, &settings(&juju), &[KEY]).done().quiet().variable("A"), "correct horse");
        fails(launch(&world, &settings(&juju), &["$<secret:charm#password>"]), "not_found", &[]);
    }
    let id = juju.state().put_of("application-x", "charm", &[("password", b"the charm's")]);
    fails(launch(&world, &settings(&juju), &[&format!("$<secret:{id}#password>")]), "not_found", &[]);
    let of_other = format!("$<secret://{OTHER_MODEL}/{id}#password>");
    fails(launch(&world, &settings(&juju), &[&of_other]), "config", &[OTHER_MODEL, MODEL]);
    juju.state().versions = vec![];
    fails(launch(&world, &settings(&juju), &[KEY]), "not_readable", &["3.3"]);
}

#[test]
fn denied_wrong_and_another_way_to_log_in_are_told_apart() {
    let world = World::new();
    let juju = juju();
    let as_user = |user: &str| launch(&world, &with(settings(&juju), "user", json!(user)), &[KEY]);
    for user in ["reader", "writer"] {
        fails(as_user(user), "denied", &["may not read", "admin"]);
    }
    fails(as_user("admin").env("JUJU_LOGIN", "wrong"), "unauthenticated", &["password of `admin`", &endpoint(&juju)]);
    fails(as_user("mallory"), "unauthenticated", &["`mallory`"]);
    let connections = juju.connections();
    fails(as_user("bob@external"), "unauthenticated", &["macaroon", "browser", "juju add-user"]);
    assert_eq!(juju.connections(), connections, "an external user's password is nobody's to see");
    juju.state().wants_macaroon = true;
    fails(as_user("admin"), "unauthenticated", &["no password from `admin`", "browser", "juju add-user"]);
}

#[test]
fn a_model_that_has_moved_is_reported_and_not_followed() {
    let world = World::new();
    let juju = juju();
    for redirect in [Redirect::WithAddresses, Redirect::Bare] {
        juju.state().redirect = Some(redirect);
        fails(
            launch(&world, &settings(&juju), &[KEY]),
            "config",
            &["another controller", "192.0.2.7:17070", "`endpoints`"],
        );
    }
    assert_eq!(juju.count("Admin.RedirectInfo"), 1);
}

#[test]
fn a_connection_that_breaks_is_made_again_for_what_is_left() {
    let world = World::new();
    let juju = juju();
    let faults = [
        (UPGRADE, Fault::Reset(20)),
        (LOGIN, Fault::Reset(0)),
        (LOGIN, Fault::Truncate(300)),
        (LIST, Fault::Reset(0)),
        (LIST, Fault::Reset(100)),
        (LIST, Fault::Truncate(100)),
        (LIST, Fault::Close(1001)),
        (LIST, Fault::Instead(json!({ "request-id": 2, "error": "x", "error-code": "try again" }).to_string())),
    ];
    for (name, fault) in faults {
        let before = juju.connections();
        juju.next(name, fault.clone());
        let done = launch(&world, &settings(&juju), &[KEY]).done().quiet();
        assert_eq!(done.variable("A"), "correct horse", "{name} {fault:?}");
        assert_eq!(juju.connections() - before, 2, "{name} {fault:?}");
    }
    // What was answered is not asked for again.
    juju.state().put("other", &[("key", b"v")]);
    juju.next(LIST, Fault::Delay(Duration::ZERO));
    juju.next(LIST, Fault::Reset(50));
    let before = juju.count(LIST);
    let done = launch(&world, &settings(&juju), &[KEY, "$<secret:other#key>"]).done().quiet();
    assert_eq!((done.variable("A"), done.variable("B")), ("correct horse".into(), "v".into()));
    assert_eq!(juju.count(LIST) - before, 3);
    juju.always(LIST, Fault::Reset(50));
    let before = juju.connections();
    let broken = launch(&world, &settings(&juju), &[KEY]).env("INJECT_RETRIES", "2");
    fails(broken, "unavailable", &[&endpoint(&juju), "try again"]);
    assert_eq!(juju.connections() - before, 3);
}

/// Passes one connection on to this address, and ends it after so many bytes of what comes back.
fn ending_after(bytes: usize, of: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let server = TcpStream::connect(of).unwrap();
        let (mut asked, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        std::thread::spawn(move || io::copy(&mut asked, &mut to));
        let _ = io::copy(&mut server.take(bytes as u64), &mut client);
        let _ = client.shutdown(Shutdown::Both);
    });
    address
}

/// The greeting and the certificate included.
#[test]
fn a_stream_that_ends_at_any_byte_of_tls_gives_one_failure() {
    let world = World::new();
    let juju = juju();
    for bytes in (0..20_000).step_by(61) {
        let endpoint = ending_after(bytes, juju.address()).to_string();
        let settings = with(settings(&juju), "endpoints", json!([endpoint]));
        let launch = launch(&world, &settings, &[KEY]).env("INJECT_RETRIES", "0").env("INJECT_LOG_FORMAT", "json");
        let done = launch.done();
        shows_no_login(&done);
        if done.status == Some(0) {
            assert!(bytes > 1500 && done.variable("A") == "correct horse", "{bytes} bytes");
            return;
        }
        let failures: Vec<Json> = done.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(failures.len() == 1 && failures[0]["code"] == "unavailable", "{bytes} bytes: {done:?}");
    }
    panic!("no value came, however late the stream ended");
}

#[test]
fn a_controller_that_says_nothing_is_given_up_in_time() {
    let world = World::new();
    let juju = juju();
    for name in [UPGRADE, LOGIN, LIST] {
        juju.heal();
        juju.always(name, Fault::Silence);
        let settings = with(settings(&juju), "timeout", json!("1s"));
        fails(launch(&world, &settings, &[KEY]), "timeout", &[&endpoint(&juju), "`timeout`"]);
    }
}

#[test]
fn garbage_is_malformed_and_no_word_of_it_is_shown() {
    let world = World::new();
    let juju = juju();
    let uri = juju.state().put("db", &[("password", b"correct horse")]);
    let secret = |value: Json| json!({ "uri": format!("secret:{uri}"), "label": "db", "owner-tag": format!("model-{MODEL}"), "value": value });
    let good = secret(json!({ "data": { "password": "aHVudGVyMg==" } }));
    let results = |results: Json| json!({ "request-id": 2, "response": { "results": results } }).to_string();
    let messages = [
        "<html>hunter2</html>".to_owned(),
        String::new(),
        "[\"hunter2\"]".to_owned(),
        json!({ "response": { "results": [] } }).to_string(),
        json!({ "request-id": 99, "response": { "results": [] } }).to_string(),
        json!({ "request-id": 2, "response": "hunter2" }).to_string(),
        results(json!("hunter2")),
        results(json!([secret(json!("hunter2"))])),
        results(json!([secret(json!({ "data": "hunter2" }))])),
        results(json!([secret(json!({ "data": { "password": "hunter2!" } }))])),
        results(json!([secret(json!({ "data": { "password": 2 } }))])),
        results(json!([good, good])),
        results(json!([secret(json!({ "data": { "password": "aHVudGVyMg" } }))])),
        results(json!([good])).replace(r#""password":"#, r#""password":"Yg==","password":"#),
    ];
    for message in messages {
        juju.next(LIST, Fault::Instead(message));
        fails(launch(&world, &settings(&juju), &[KEY]), "malformed", &[&endpoint(&juju)]);
    }
    for message in ["hunter2", r#"{"request-id": 1, "response": {"facades": "hunter2"}}"#] {
        juju.next(LOGIN, Fault::Instead(message.into()));
        fails(launch(&world, &settings(&juju), &[KEY]), "malformed", &[&endpoint(&juju)]);
    }
    for (name, bytes) in
        [(UPGRADE, b"SSH-2.0-hunter2\r\n\r\n".as_slice()), (LIST, b"HTTP/1.1 hunter2"), (LIST, b"\x81\x81")]
    {
        juju.next(name, Fault::Garbage(bytes.to_vec()));
        fails(launch(&world, &settings(&juju), &[KEY]), "malformed", &[&endpoint(&juju)]);
    }
    let strange = json!({ "request-id": 2, "error": "hunter2", "error-code": "<h1>", "response": {} }).to_string();
    juju.next(LIST, Fault::Instead(strange));
    fails(launch(&world, &settings(&juju), &[KEY]), "unavailable", &["could not do it;"]);
    let broken = secret(json!({ "error": { "message": "hunter2", "code": "backend gone" } }));
    juju.next(LIST, Fault::Instead(results(json!([broken]))));
    fails(launch(&world, &settings(&juju), &[KEY]), "unavailable", &["(backend gone)"]);
    // That is no reason to take a default.
    let gone = json!({ "request-id": 2, "error": "hunter2", "error-code": "secret backend not found", "response": {} });
    juju.next(LIST, Fault::Instead(gone.to_string()));
    let with_default = launch(&world, &settings(&juju), &["$<secret:db#password:-none>"]);
    fails(with_default, "unavailable", &["(secret backend not found)"]);
}

#[test]
fn a_value_that_was_never_base64_is_told_with_its_secret_and_one_in_lines_is_read() {
    let world = World::new();
    let juju = juju();
    let data = [("password".to_owned(), json!("hunter2 is no base64"))].into_iter().collect();
    juju.state().put_encoded(&format!("model-{MODEL}"), "odd", data);
    fails(launch(&world, &settings(&juju), &["$<secret:odd#password>"]), "malformed", &["`odd`", "base64"]);
    // As `base64` writes it, in lines.
    let data = [("password".to_owned(), json!("Y29ycmVjdCBo\nb3JzZQ==\n"))].into_iter().collect();
    juju.state().put_encoded(&format!("model-{MODEL}"), "lines", data);
    let done = launch(&world, &settings(&juju), &["$<secret:lines#password>"]).done().quiet();
    assert_eq!(done.variable("A"), "correct horse");
}

#[test]
fn a_controller_of_several_that_is_down_keeps_nobody_waiting() {
    let world = World::new();
    let juju = juju();
    let down = refusing().to_string();
    let settings = |endpoints: Json| with(settings(&juju), "endpoints", endpoints);
    let done = launch(&world, &settings(json!([down, endpoint(&juju)])), &[KEY]).done().quiet();
    assert_eq!(done.variable("A"), "correct horse");
    let launch = |endpoints| launch(&world, &settings(endpoints), &[KEY]).env("INJECT_RETRIES", "0");
    fails(launch(json!([down])), "unavailable", &["Connection refused", &down, "`endpoints`"]);
    fails(launch(json!([down, down])), "unavailable", &["first of 2"]);
    for wrong in
        [json!([]), json!(["https://h:1"]), json!(["h:1/x"]), json!(["a@h:1"]), json!(["h:x"]), json!(["fd00::1"])]
    {
        let code = if wrong == json!([]) { "reference" } else { "config" };
        fails(launch(wrong), code, &["`endpoints`"]);
    }
}

#[test]
fn only_the_controllers_authority_and_name_are_trusted() {
    let world = World::new();
    let (juju, other) = (juju(), juju());
    let settings = settings(&juju);
    let wrong = with(settings.clone(), "ca_file", json!(other.ca_file()));
    fails(launch(&world, &wrong, &[KEY]), "unavailable", &["certificate", &endpoint(&juju)]);
    // Without its authority it is known by its host, which the certificate is not for.
    let mut public = settings;
    public.as_object_mut().unwrap().remove("ca_file");
    let launch = launch(&world, &public, &[KEY]).env("SSL_CERT_FILE", juju.ca_file());
    fails(launch, "unavailable", &["juju-apiserver", "not for 127.0.0.1", "`endpoints`"]);
    assert_eq!(juju.count(LOGIN) + other.count(LOGIN), 0);
}

#[test]
fn a_mistyped_reference_asks_nobody() {
    let world = World::new();
    let juju = juju();
    for (reference, says) in [
        ("$<secret:a/b#key>", "its id of 20 characters"),
        ("$<secret:owner:name#key>", "its id of 20 characters"),
        ("$<secret:cu9nqkbmp25c7a8sqo2g?revision=2#key>", "its id of 20 characters"),
        ("$<secret://demo/cu9nqkbmp25c7a8sqo2g#key>", "MODEL-UUID"),
        ("$<secret:db#key@0>", "a number from 1"),
        ("$<secret:db#key@latest>", "a number from 1"),
        ("$<secret:db#key@+1>", "a number from 1"),
    ] {
        fails(launch(&world, &settings(&juju), &[reference]), "reference", &[says]);
    }
    for missing in ["model", "user", "password"] {
        let mut settings = settings(&juju);
        settings.as_object_mut().unwrap().remove(missing);
        fails(launch(&world, &settings, &[KEY]), "reference", &["`model`, `user` and `password`"]);
    }
    let twice = with(settings(&juju), "model", json!("here:demo"));
    fails(launch(&world, &twice, &[KEY]), "config", &["`model`", "`endpoints`"]);
    let nothing = json!({ "kind": "juju" });
    fails(launch(&world, &nothing, &[KEY]), "config", &["`endpoints`", "JUJU_DATA"]);
    assert_eq!(juju.connections(), 0);
}

#[test]
fn a_secret_of_the_largest_size_passes_and_a_reply_without_end_does_not() {
    let world = World::new();
    let juju = juju();
    juju.state().put("large", &[("key", &vec![b'x'; 750_000])]);
    let config = json!({
        "stores": { "prod": settings(&juju) }, "secret_map": {}, "files": { "large": "$<secret:large#key>" },
    });
    world.file("c.json", config.to_string());
    let launch = || {
        let launch = world.inject(["-c", "c.json", "--", "sh", "-c", r#"wc -c <"$INJECT_FILES/large""#]);
        launch.env("JUJU_LOGIN", PASSWORD)
    };
    assert_eq!(launch().done().quiet().text().trim(), "750000");
    juju.next(LIST, Fault::Garbage(b"\x81\x7f\0\0\0\x01\0\0\0\0".to_vec()));
    fails(launch(), "too_big", &[&endpoint(&juju)]);
    juju.next(LIST, Fault::Delay(Duration::from_millis(1)));
    assert_eq!(launch().done().quiet().text().trim(), "750000");
}
