//! What tests of remote kinds share: the kinds, each with its double, and a launch from one of them.

use crate::doubles::http::{Double, Server, Wire};
use crate::doubles::tls::Certificate;
use crate::doubles::{apolo, cloudify, qovery, tapis};
use crate::harness::{Inject, Outcome, World};
use serde_json::{Map, Value as Json, json};
use std::ops::Deref;
use std::rc::Rc;

const PASSWORD: &str = "correct battery staple";
pub(crate) const TLS: Wire = Wire::Tls(Certificate::Good);
/// Each way that bytes travel.
pub(crate) const WIRES: [Wire; 3] = [Wire::Plain, TLS, Wire::TlsHttp1(Certificate::Good)];

/// A kind, with a way to log in to it.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// What a launch for one secret asks for in turn: a piece of each path.
    pub(crate) requests: &'static [&'static str],
    /// An empty value is one.
    pub(crate) has_empty: bool,
    /// A double that holds these secrets.
    pub(crate) start: fn(Wire, &[(&str, &str)]) -> Remote,
}

pub(crate) static KINDS: [Kind; 5] = [
    Kind { name: "tapis", requests: &["/value"], has_empty: true, start: by_token },
    Kind { name: "tapis", requests: &["/oauth2/tokens", "/value"], has_empty: true, start: by_password },
    Kind { name: "apolo", requests: &["/config", "/secrets/"], has_empty: true, start: of_apolo },
    // An empty value is how a manager says that it keeps one back.
    Kind { name: "cloudify", requests: &["/secrets/"], has_empty: false, start: of_cloudify },
    Kind { name: "qovery", requests: &["/variable"], has_empty: true, start: of_qovery },
];

/// A double, and what leads a launch to it.
pub(crate) struct Remote {
    server: Rc<dyn Deref<Target = Server>>,
    pub(crate) settings: Json,
    /// For the variable TOKEN.
    pub(crate) login: String,
    lose: Box<dyn Fn()>,
}

impl Remote {
    /// `lose` takes the secrets out of the state.
    fn new<S: Send + 'static>(
        double: Double<S>,
        settings: Json,
        login: String,
        lose: impl Fn(&mut S) + 'static,
    ) -> Self {
        let double = Rc::new(double);
        let settings = self::settings(&double, settings);
        let server = Rc::clone(&double);
        Self { server, settings, login, lose: Box::new(move || lose(&mut double.state())) }
    }

    /// All its secrets are deleted.
    pub(crate) fn lose_all(&self) {
        (self.lose)();
    }

    /// A launch of `env -0` with the secret as V0, V1 and so on, each from a store of its own of these
    /// settings, which asks on its own, and asks once; failures are told in JSON.
    pub(crate) fn launch(&self, world: &World, settings: &Json, stores: usize, secret: &str) -> Inject {
        let numbers = || 0..stores;
        let config = json!({
            "stores": numbers().map(|at| (format!("s{at}"), settings.clone())).collect::<Map<_, _>>(),
            "environment_variables":
                numbers().map(|at| (format!("V{at}"), json!(format!("$<s{at}:{secret}>")))).collect::<Map<_, _>>(),
        });
        world.file("c.json", config.to_string());
        let inject = world.inject(["-c", "c.json", "--log-format", "json", "--", "env", "-0"]);
        inject.env("TOKEN", &self.login).env("INJECT_RETRIES", "0")
    }
}

impl Deref for Remote {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

fn by_token(wire: Wire, secrets: &[(&str, &str)]) -> Remote {
    of_tapis(wire, secrets, json!({ "token": { "env": "TOKEN" } }), tapis::token("alice"))
}

fn by_password(wire: Wire, secrets: &[(&str, &str)]) -> Remote {
    of_tapis(wire, secrets, json!({ "user": "alice", "password": { "env": "TOKEN" } }), PASSWORD.to_owned())
}

fn of_tapis(wire: Wire, secrets: &[(&str, &str)], mut settings: Json, login: String) -> Remote {
    let mut state = tapis::State::new();
    state.set_password("alice", PASSWORD);
    for (name, value) in secrets {
        state.put("alice", name, value);
    }
    settings["kind"] = json!("tapis");
    let names = names(secrets);
    let lose = move |state: &mut tapis::State| names.iter().for_each(|name| state.remove(name));
    Remote::new(tapis::start(wire, state), settings, login, lose)
}

fn of_apolo(wire: Wire, secrets: &[(&str, &str)]) -> Remote {
    let mut state = apolo::State::new();
    for (name, value) in secrets {
        state.put(name, value.as_bytes());
    }
    let apolo = apolo::start(wire, state);
    let settings = json!({
        "kind": "apolo", "url": apolo::api(&apolo), "token": { "env": "TOKEN" }, "project": apolo::PROJECT,
    });
    Remote::new(apolo, settings, apolo::token("alice"), |state| *state = apolo::State::new())
}

fn of_cloudify(wire: Wire, secrets: &[(&str, &str)]) -> Remote {
    let mut state = cloudify::State::new();
    for (name, value) in secrets {
        state.put(name, *value);
    }
    let login = state.token("bob", None);
    let settings = json!({ "kind": "cloudify", "token": { "env": "TOKEN" } });
    let names = names(secrets);
    let lose = move |state: &mut cloudify::State| names.iter().for_each(|name| state.remove(name));
    Remote::new(cloudify::start(wire, state), settings, login, lose)
}

fn of_qovery(wire: Wire, secrets: &[(&str, &str)]) -> Remote {
    let mut state = qovery::State::new();
    for (name, value) in secrets {
        state.put(qovery::ENVIRONMENT, name, value, false);
    }
    let settings =
        json!({ "kind": "qovery", "token": { "env": "TOKEN" }, "scope": "environment", "id": qovery::ENVIRONMENT });
    let lose = |state: &mut qovery::State| *state = qovery::State::new();
    Remote::new(qovery::start(wire, state), settings, qovery::TOKEN.into(), lose)
}

fn names(secrets: &[(&str, &str)]) -> Vec<String> {
    secrets.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// These settings, with the server's address and what its certificate needs.
pub(crate) fn settings(server: &Server, more: Json) -> Json {
    let mut settings = json!({ "url": server.url() });
    if server.url().starts_with("https:") {
        settings["ca_file"] = json!(server.ca_file());
    }
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

/// A launch of `env -0` with these references as variables A, B and so on, from the store `prod`.
pub(crate) fn launch(world: &World, settings: &Json, references: &[&str]) -> Inject {
    let names = ('A'..='Z').map(String::from);
    let variables: Map<String, Json> =
        names.zip(references).map(|(name, reference)| (name, json!(reference))).collect();
    let config = json!({ "stores": { "prod": settings }, "secret_map": variables });
    world.file("c.json", config.to_string());
    world.inject(["-c", "c.json", "--timeout", "20s", "--", "env", "-0"])
}

/// It failed with this code and these words.
#[track_caller]
pub(crate) fn fails(launch: Inject, hidden: &[&str], code: &str, pieces: &[&str]) {
    let done = launch.env("INJECT_LOG_FORMAT", "json").done().fails(125, pieces);
    let failures = failures(&done, hidden);
    assert!(failures.iter().any(|failure| failure["code"] == code), "no {code} in {}", done.err);
}

/// The failures of a launch that tells them in JSON. It started nothing, and showed none of what is
/// hidden, nor anything of a body.
#[track_caller]
pub(crate) fn failures(done: &Outcome, hidden: &[&str]) -> Vec<Json> {
    assert_eq!((done.status, String::from_utf8_lossy(&done.out).as_ref()), (Some(125), ""), "{done:?}");
    for hidden in hidden.iter().chain(&["<h", "<H", "<!", "Traceback"]) {
        assert!(!done.err.contains(hidden), "{hidden:?} in {}", done.err);
    }
    let failure = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("no failure: {line}"));
    done.err.lines().map(failure).collect()
}
