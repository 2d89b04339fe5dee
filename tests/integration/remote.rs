//! What tests of remote kinds share: the kinds, each with its double, and a launch from one of them.

use crate::doubles::http::{Double, Fault, Server, Wire};
use crate::doubles::tls::Certificate;
use crate::doubles::{apolo, cloudify, juju, qovery, tapis, websocket};
use crate::harness::{Inject, Outcome, World};
use serde_json::{Map, Value as Json, json};
use std::net::SocketAddr;
use std::ops::Deref;
use std::rc::Rc;

const PASSWORD: &str = "correct battery staple";
pub(crate) const TLS: Wire = Wire::Tls(Certificate::Good);
/// Each way that bytes travel.
pub(crate) const WIRES: [Wire; 3] = [Wire::Plain, TLS, Wire::TlsHttp1(Certificate::Good)];

/// A kind, with a way to log in to it.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// The ways to it.
    pub(crate) wires: &'static [Wire],
    /// What a launch for one secret asks for in turn: a piece of each path, or a name.
    pub(crate) requests: &'static [&'static str],
    /// An empty value is one.
    pub(crate) has_empty: bool,
    /// A double that holds these secrets.
    pub(crate) start: fn(Wire, &[(&str, &str)]) -> Remote,
}

pub(crate) static KINDS: [Kind; 6] = [
    Kind { name: "tapis", wires: &WIRES, requests: &["/value"], has_empty: true, start: by_token },
    Kind { name: "tapis", wires: &WIRES, requests: &["/oauth2/tokens", "/value"], has_empty: true, start: by_password },
    Kind { name: "apolo", wires: &WIRES, requests: &["/config", "/secrets/"], has_empty: true, start: of_apolo },
    // An empty value is how a manager says that it keeps one back.
    Kind { name: "cloudify", wires: &WIRES, requests: &["/secrets/"], has_empty: false, start: of_cloudify },
    Kind { name: "qovery", wires: &WIRES, requests: &["/variable"], has_empty: true, start: of_qovery },
    Kind {
        name: "juju",
        wires: &[TLS],
        requests: &[websocket::UPGRADE, "Admin.Login", "Secrets.ListSecrets"],
        has_empty: true,
        start: of_juju,
    },
];

impl Kind {
    /// Its messages are HTTP's.
    pub(crate) fn speaks_http(&self) -> bool {
        self.requests[0] != websocket::UPGRADE
    }
}

/// A double, whatever it speaks. Its methods are those of [`Server`].
pub(crate) trait Peer {
    fn address(&self) -> SocketAddr;
    fn next_at(&self, request: &str, fault: Fault);
    fn always_at(&self, request: &str, fault: Fault);
    fn heal(&self);
    fn limit(&self, a_second: u32);
    fn count(&self) -> usize;
    fn connections(&self) -> usize;
}

impl<S: Send + 'static> Peer for Double<S> {
    fn address(&self) -> SocketAddr {
        Server::address(self)
    }

    fn next_at(&self, request: &str, fault: Fault) {
        Server::next_at(self, request, [fault]);
    }

    fn always_at(&self, request: &str, fault: Fault) {
        Server::always_at(self, request, fault);
    }

    fn heal(&self) {
        Server::heal(self);
    }

    fn limit(&self, a_second: u32) {
        Server::limit(self, a_second);
    }

    fn count(&self) -> usize {
        Server::count(self)
    }

    fn connections(&self) -> usize {
        Server::connections(self)
    }
}

impl Peer for juju::Juju {
    fn address(&self) -> SocketAddr {
        Self::address(self)
    }

    fn next_at(&self, request: &str, fault: Fault) {
        let (request, fault) = over_websocket(request, fault);
        self.next(request, fault);
    }

    fn always_at(&self, request: &str, fault: Fault) {
        let (request, fault) = over_websocket(request, fault);
        Self::heal(self);
        self.always(request, fault);
    }

    fn heal(&self) {
        Self::heal(self);
    }

    fn limit(&self, _: u32) {
        panic!("no controller has a limit");
    }

    fn count(&self) -> usize {
        self.upgrades() + self.calls().len()
    }

    fn connections(&self) -> usize {
        Self::connections(self)
    }
}

/// What is for any request is for the first, and a body is a message.
fn over_websocket(request: &str, fault: Fault) -> (&str, websocket::Fault) {
    use websocket::Fault as Other;
    let request = if request.is_empty() { websocket::UPGRADE } else { request };
    let fault = match fault {
        Fault::Silence => return (websocket::GREETING, Other::Silence),
        Fault::Delay(time) => Other::Delay(time),
        Fault::Reset(left) => Other::Reset(left),
        Fault::Truncate(left) => Other::Truncate(left),
        Fault::Drip(size, pause) => Other::Drip(size, pause),
        Fault::Garbage(bytes) => Other::Garbage(bytes),
        Fault::Header(name, value) => Other::Header(name, value),
        Fault::Instead(reply) => Other::Instead(String::from_utf8(reply.body).unwrap()),
        Fault::Endless | Fault::Length(_) => panic!("{fault:?} is HTTP's"),
    };
    (request, fault)
}

/// A double, and what leads a launch to it.
pub(crate) struct Remote {
    peer: Rc<dyn Peer>,
    pub(crate) settings: Json,
    /// For the variable TOKEN.
    pub(crate) login: String,
    /// Behind the name of a secret, where its value is a member of it.
    pub(crate) field: &'static str,
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
        let peer = Rc::clone(&double);
        Self { peer, settings, login, field: "", lose: Box::new(move || lose(&mut double.state())) }
    }

    /// What the next requests of this name meet, one fault each.
    pub(crate) fn next_at(&self, request: &str, faults: impl IntoIterator<Item = Fault>) {
        faults.into_iter().for_each(|fault| self.peer.next_at(request, fault));
    }

    /// What every request meets, or where it is silence every connection.
    pub(crate) fn always(&self, fault: Fault) {
        self.always_at("", fault);
    }

    /// The settings, with another address in place of the double's.
    pub(crate) fn settings_at(&self, address: &str) -> Json {
        let own = self.address().to_string();
        serde_json::from_str(&self.settings.to_string().replace(&own, address)).unwrap()
    }

    /// All its secrets are deleted.
    pub(crate) fn lose_all(&self) {
        (self.lose)();
    }

    /// A launch of `env -0` with the secret as V0, V1 and so on, each from a store of its own of these
    /// settings, which asks on its own, and asks once; failures are told in JSON.
    pub(crate) fn launch(&self, world: &World, settings: &Json, stores: usize, secret: &str) -> Inject {
        self.launch_or(world, settings, stores, secret, "")
    }

    /// The same, with what stands behind the secret in a reference.
    pub(crate) fn launch_or(
        &self,
        world: &World,
        settings: &Json,
        stores: usize,
        secret: &str,
        default: &str,
    ) -> Inject {
        let numbers = || 0..stores;
        let reference = |at: usize| json!(format!("$<s{at}:{secret}{}{default}>", self.field));
        let config = json!({
            "stores": numbers().map(|at| (format!("s{at}"), settings.clone())).collect::<Map<_, _>>(),
            "environment_variables": numbers().map(|at| (format!("V{at}"), reference(at))).collect::<Map<_, _>>(),
        });
        world.file("c.json", config.to_string());
        let inject = world.inject(["-c", "c.json", "--log-format", "json", "--", "env", "-0"]);
        inject.env("TOKEN", &self.login).env("INJECT_RETRIES", "0")
    }
}

impl Deref for Remote {
    type Target = dyn Peer;

    fn deref(&self) -> &Self::Target {
        &*self.peer
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

fn of_juju(wire: Wire, secrets: &[(&str, &str)]) -> Remote {
    let Wire::Tls(certificate) = wire else { panic!("Juju speaks TLS") };
    let mut state = juju::State::new();
    for (name, value) in secrets {
        state.put(name, &[("key", value.as_bytes())]);
    }
    let juju = Rc::new(juju::start_with(certificate, state));
    let settings = json!({
        "kind": "juju", "endpoints": [juju::endpoint(&juju)], "model": juju::MODEL, "user": "admin",
        "password": { "env": "TOKEN" }, "ca_file": juju.ca_file(),
    });
    let peer = Rc::clone(&juju);
    let lose = Box::new(move || juju.state().remove_all());
    Remote { peer, settings, login: juju::PASSWORD.to_owned(), field: "#key", lose }
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
