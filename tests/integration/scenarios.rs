//! What somebody does with the secrets of a system, written once in `fixtures/scenarios`: done to the system's double and
//! to a local store it answers the same on the way, and ends in the same visible state.
//!
//! A file has `local`, the settings of the local store that stands in; `words`, what is written differently for the two;
//! `steps`, each with what is run, its input (a text, fields or, as numbers, bytes), and its output or the code of its
//! failure; `state`, what a list shows in
//! the end of the secrets named there, as JSON pointers; and `launch`, the values that references then have.

use crate::harness::World;
use crate::remote::{self, TLS, WIRES};
use serde_json::{Map, Value as Json, json};
use std::fs;
use std::path::Path;

struct Side<'s> {
    world: World,
    login: String,
    scenario: &'s Json,
    /// `original` or `local`.
    name: &'static str,
}

/// Of a text, or as numbers.
fn bytes(written: &Json) -> Option<Vec<u8>> {
    match written {
        Json::String(text) => Some(text.clone().into_bytes()),
        numbers => numbers.as_array().map(|bytes| bytes.iter().map(|byte| byte.as_u64().unwrap() as u8).collect()),
    }
}

impl Side<'_> {
    fn original<'s>(kind: &str, scenario: &'s Json) -> (Side<'s>, remote::Remote) {
        let kind = remote::KINDS.iter().find(|known| known.name == kind).unwrap();
        let wire = if kind.wires.len() == WIRES.len() { WIRES[0] } else { TLS };
        let remote = (kind.start)(wire, &[]);
        let world = World::new();
        world.file("c.json", json!({ "stores": { "s": remote.settings } }).to_string());
        (Side { world, login: remote.login.clone(), scenario, name: "original" }, remote)
    }

    fn local(scenario: &Json) -> Side<'_> {
        let world = World::new();
        let mut settings = json!({ "kind": "local", "path": "s.age" });
        settings.as_object_mut().unwrap().extend(scenario["local"].as_object().unwrap().clone());
        world.file("c.json", json!({ "stores": { "s": settings } }).to_string());
        world.inject(["-c", "c.json", "secret", "init"]).done().quiet();
        Side { world, login: String::new(), scenario, name: "local" }
    }

    fn words(&self, words: &str) -> Vec<String> {
        let mut words = words.to_owned();
        for (word, here) in self.scenario["words"].as_object().unwrap_or(&Map::new()) {
            words = words.replace(word, here[self.name].as_str().unwrap());
        }
        words.split_whitespace().map(str::to_owned).collect()
    }

    /// Runs the steps.
    fn walk(&self) {
        for step in self.scenario["steps"].as_array().unwrap() {
            let told = format!("{}: {step}", self.name);
            let words = self.words(step["run"].as_str().unwrap());
            let input = match &step["input"] {
                Json::Object(fields) => serde_json::to_vec(fields).unwrap(),
                other => bytes(other).unwrap_or_default(),
            };
            let arguments = ["-c", "c.json", "--log-format", "json", "secret"].map(str::to_owned);
            let inject = self.world.inject(arguments.into_iter().chain(words)).env("TOKEN", &self.login).input(input);
            let done = inject.done();
            if let Some(code) = step["fails"].as_str() {
                assert_eq!((done.status, done.text()), (Some(125), ""), "{told} {done:?}");
                let codes = done.err.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()["code"].clone());
                assert!(codes.into_iter().all(|told| told == code), "{told} {done:?}");
            } else {
                assert_eq!((done.status, done.err.as_str()), (Some(0), ""), "{told} {done:?}");
                bytes(&step["out"]).into_iter().for_each(|out| assert_eq!(done.out, out, "{told}"));
            }
        }
    }

    /// What a list shows of the secrets that the scenario names.
    fn state(&self) -> Vec<Json> {
        let words = self.words(self.scenario["list"].as_str().unwrap_or_default());
        let arguments = ["-c", "c.json", "secret", "list", "--json"].map(str::to_owned);
        let listed = self.world.inject(arguments.into_iter().chain(words)).env("TOKEN", &self.login).done().quiet();
        let listed: Vec<Json> = serde_json::from_slice(&listed.out).unwrap();
        let expected = self.scenario["state"].as_array().unwrap();
        let is_meant = |secret: &&Json| expected.iter().any(|expected| expected["/name"] == secret["name"]);
        let pointers = expected[0].as_object().unwrap().keys();
        let shown = |secret: &Json| {
            pointers.clone().map(|at| (at.clone(), secret.pointer(at).cloned().unwrap_or_default())).collect()
        };
        let mut state: Vec<Json> = listed.iter().filter(is_meant).map(shown).collect();
        state.sort_by_key(Json::to_string);
        state
    }

    fn launch(&self) {
        let options = self.words(self.scenario["launch"]["options"].as_str().unwrap_or_default());
        for (reference, value) in self.scenario["launch"]["values"].as_object().unwrap() {
            let variable = format!("V=$<s:{reference}>");
            let arguments = ["-c", "c.json"].map(str::to_owned).into_iter().chain(options.clone());
            let arguments = arguments.chain(["-e", &variable, "--", "printenv", "V"].map(str::to_owned));
            let done = self.world.inject(arguments).env("TOKEN", &self.login).done();
            match bytes(value) {
                Some(value) => assert_eq!(done.quiet().out, [&*value, b"\n"].concat(), "{} {reference}", self.name),
                None => drop(done.fails(125, &["not found"])),
            }
        }
    }
}

#[track_caller]
fn plays(kind: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/scenarios/{kind}.json"));
    let scenario: Json = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let (original, _remote) = Side::original(kind, &scenario);
    let mut expected = scenario["state"].as_array().unwrap().clone();
    expected.sort_by_key(Json::to_string);
    for side in [original, Side::local(&scenario)] {
        side.walk();
        assert_eq!(json!(side.state()), json!(expected), "{}", side.name);
        side.launch();
    }
}

#[test]
fn a_scenario_of_tapis_ends_alike() {
    plays("tapis");
}

#[test]
fn a_scenario_of_apolo_ends_alike() {
    plays("apolo");
}

#[test]
fn a_scenario_of_cloudify_ends_alike() {
    plays("cloudify");
}

#[test]
fn a_scenario_of_qovery_ends_alike() {
    plays("qovery");
}

#[test]
fn a_scenario_of_juju_ends_alike() {
    plays("juju");
}
