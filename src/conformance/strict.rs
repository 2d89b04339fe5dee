//! The strict dialect over the recorded starts: the same result wherever Tapis resolves everything.
//! Where Tapis hands on a reference as text, a result without it or a refusal that names the place;
//! where it starts nothing for an entry that nobody refers to, a launch without that entry.

use super::{Input, Refused, document_of, node, spec};
use crate::environ::Environ;
use crate::failure::Failure;
use crate::plan::{self, Dialect, OnConflict, Options, TargetKind};
use crate::reference::is_tapis;
use crate::resolve;
use crate::spec::Spec;
use crate::spec::document::Data;
use crate::template::{Slot, Source, Template, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::time::Duration;

#[test]
fn the_strict_dialect_resolves_all_that_tapis_resolves_and_never_hands_on_a_reference() {
    let (cases, vault) = super::cases();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for case in cases.list() {
        if !matches!(case.get("function").text(), Ok("start_pod" | "create_then_start")) {
            continue;
        }
        let input = Input { case: case.get("input"), vault: vault.list() };
        let (Ok(spec), expected) = (pod(&input), case.get("expected").json()) else { continue };
        match judge(&expected, &launch(&input, spec), &input) {
            Ok(how) => *counts.entry(how).or_default() += 1,
            Err(why) => panic!(
                "{}: {why}\n  input    {}\n  expected {expected}",
                case.get("id").text().unwrap(),
                input.case.json()
            ),
        }
    }
    println!("strict: {counts:?}");
    if std::env::var_os("INJECT_CONFORMANCE").is_none() {
        assert!(["same", "completed", "refused"].iter().all(|how| counts.contains_key(how)));
    }
}

/// The case as a pod definition.
fn pod(input: &Input<'_>) -> Result<Spec, Refused> {
    let Data::Table(configs) = &input.case.get("config").data else { return Err(Refused) };
    let mount = |text: &str| document_of(&[("type", node("ephemeral")), ("config_content", node(text))]);
    let mounts = configs.iter().map(|(path, text)| Ok((&*path.name, mount(text.text()?))));
    let mounts = document_of(&mounts.collect::<Result<Vec<_>, Refused>>()?);
    let pod = ["pod_id", "stack_id", "networking"].map(|name| (name, input.case.get("pod").get(name)));
    let maps = ["secret_map", "environment_variables"].map(|name| (name, input.case.get(name)));
    spec(&[pod.as_slice(), &maps, &[("volume_mounts", &mounts)]].concat())
}

/// What a command would have been given.
struct Launched {
    entries: Vec<String>,
    environment: BTreeMap<String, String>,
    config: BTreeMap<String, String>,
}

fn launch(input: &Input<'_>, spec: Spec) -> Result<Launched, Vec<Failure>> {
    let options = Options {
        store: Some("env".into()),
        pristine: true,
        keep: Vec::new(),
        drop: Vec::new(),
        on_conflict: OnConflict::Inject,
        scan: false,
        allow_args: false,
        dialect: Dialect::Strict,
        timeout: Duration::from_secs(60),
        retries: 0,
        file_mode: None,
        file_owner: None,
        needs_command: false,
        ..Options::default()
    };
    let environ = vault(input);
    let plan = plan::build(&spec, &options, &environ).map_err(|stop| stop.failures)?;
    let resolved = resolve::resolve(&plan, &environ)?;
    let mut entries: Vec<Value> = Vec::new();
    for entry in &plan.entries {
        let value = render(&entry.template, &resolved.values, &entries);
        entries.push(value);
    }
    let names =
        plan.entries.iter().map(|entry| entry.place.item.trim_start_matches("secret_map.").to_owned()).collect();
    let mut launched = Launched { entries: names, environment: BTreeMap::new(), config: BTreeMap::new() };
    for target in &plan.targets {
        let text = super::shown(&render(&target.template, &resolved.values, &entries));
        match &target.kind {
            TargetKind::Variable(name) => launched.environment.insert(String::from_utf8(name.to_vec()).unwrap(), text),
            TargetKind::File(file) => launched.config.insert(file.path.display().to_string(), text),
            TargetKind::Descriptor(_) => panic!("no case asks for a descriptor"),
        };
    }
    Ok(launched)
}

fn render(template: &Template<Slot>, values: &[Option<Value>], entries: &[Value]) -> Value {
    let fill = |source| match source {
        Source::Request(at) => values[at].as_ref(),
        Source::Entry(at) => entries.get(at),
    };
    Value::Bytes(template.render(&fill).unwrap_or_else(|errors| panic!("{errors:?}")))
}

/// The actor's own secrets, by each address that means them, as a store that every build has.
fn vault(input: &Input<'_>) -> Environ {
    let mut entries: Vec<&'static CStr> = Vec::new();
    for (name, value) in own(input) {
        for path in [format!("{}:{name}", input.actor()), name.to_owned()] {
            entries.push(Box::leak(CString::new(format!("{path}={value}")).unwrap().into_boxed_c_str()));
        }
    }
    Environ::new(entries)
}

fn own<'a>(input: &'a Input<'_>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let owned =
        input.vault.iter().filter(|secret| secret.get("owner").text().is_ok_and(|owner| owner == input.actor()));
    owned.filter_map(|secret| Some((secret.get("secret_id").text().ok()?, secret.get("value").text().ok()?)))
}

/// How the outcome is in order, or why it is not.
fn judge(expected: &Json, outcome: &Result<Launched, Vec<Failure>>, input: &Input<'_>) -> Result<&'static str, String> {
    let aborted = ["aborted", "create_rejected"].iter().find_map(|name| expected.get(name)?.as_array());
    let texts = ["environment", "config"].map(|place| expected.get(place).and_then(Json::as_object));
    let launched = match (outcome, aborted) {
        (Err(failures), _) => {
            let told: Vec<_> = failures.iter().map(ToString::to_string).collect();
            if failures.iter().any(|failure| failure.place.is_empty()) {
                return Err(format!("a refusal names no place: {told:?}"));
            }
            let left = texts.iter().flatten().flat_map(|texts| texts.values()).filter_map(Json::as_str).any(is_left);
            return if left || aborted.is_some() { Ok("refused") } else { Err(format!("refused: {told:?}")) };
        }
        (Ok(launched), Some(errors)) => {
            let needed = |error: &&Json| launched.entries.iter().any(|entry| error["key"] == json!(entry));
            let wrong = errors.iter().find(needed).map(|error| format!("launched in spite of {error}"));
            return wrong.map_or(Ok("without what nothing refers to"), Err);
        }
        (Ok(launched), None) => launched,
    };
    let mut how = "same";
    for (texts, ours) in texts.into_iter().zip([&launched.environment, &launched.config]) {
        let texts = texts.cloned().unwrap_or_default();
        if !texts.keys().eq(ours.keys()) {
            return Err(format!("other names: {:?}", ours.keys()));
        }
        for (theirs, (name, ours)) in texts.values().zip(ours) {
            let theirs = theirs.as_str().unwrap_or_default();
            let marked = ours.contains("<<TAPIS_") || ours.contains("<<tapissecret_");
            if ours == theirs || marked {
                continue;
            }
            // A value may look like a reference.
            let values = own(input).map(|(_, value)| value).filter(|value| !value.is_empty());
            let written = values.fold(ours.clone(), |text, value| text.replace(value, ""));
            if !is_left(theirs) || is_left(&written) {
                return Err(format!("{name} is {ours:?}"));
            }
            how = "completed";
        }
    }
    Ok(how)
}

/// Whether a text still holds what begins as a reference does.
fn is_left(text: &str) -> bool {
    text.match_indices("${").any(|(at, _)| is_tapis(&text.as_bytes()[at + 2..]))
}
