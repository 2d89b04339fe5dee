//! Holds the Tapis dialect to what the Tapis service does, as `fixtures/conformance` records it.
//!
//! Each recorded function is answered by the code that launch and check use; this file only turns
//! the cases' JSON into its arguments and its results into their JSON. `INJECT_CONFORMANCE` names
//! another file of cases, with `tapis-store.json` beside it. Where `inject` differs by intent, a row
//! of [`DIFFERENCES`] says so for every such case, by what it asks and never by its id.

#![allow(clippy::print_stdout, reason = "the counts are what these tests are run for")]

mod strict;

use crate::reference::{Body, Hole};
use crate::secret::Secret;
use crate::spec::document::{self, Data, Key, Node};
use crate::spec::{Item, Spec, Text};
use crate::store::{Pending, Request, Store, StoreError, ready};
use crate::tapis::grammar::{self, Form, FormError, Placeholder};
use crate::tapis::rules::{self, MountError};
use crate::tapis::steps::{self, Draft, Entry, PodPlan};
use crate::tapis::{Definition, Map, Pod, TapisError, Warning, lint};
use crate::template::{Part, Slot, Source, Template, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll, Waker};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/conformance/tapis.json");

#[test]
fn the_tapis_dialect_does_what_tapis_does() {
    let (cases, vault) = cases();
    let recorded = std::fs::read_to_string(FIXTURE).unwrap();
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    for case in cases.list() {
        let (id, function) = (case.get("id").text().unwrap(), case.get("function").text().unwrap());
        let count = counts.entry(function).or_default();
        let Some((_, run)) = FUNCTIONS.iter().find(|(name, _)| *name == function) else {
            continue;
        };
        let input = Input { case: case.get("input"), vault: vault.list() };
        let (expected, outcome) = (case.get("expected").json(), run(&input));
        let differs = || DIFFERENCES.iter().find(|row| (row.concerns)(&input, &expected, &outcome));
        if agrees(&expected, &outcome, &recorded) {
            count.passed += 1;
        } else if let Some(row) = differs() {
            count.differ.push((id, row.reason));
        } else {
            println!(
                "{id} {function}\n  input    {}\n  expected {expected}\n  outcome  {outcome:?}",
                input.case.json()
            );
            count.failed.push(id);
        }
    }
    for (function, count) in &counts {
        if FUNCTIONS.iter().all(|(name, _)| name != function) {
            println!("{function}: outside of inject");
            continue;
        }
        println!("{function}: {} passed, {} failed", count.passed, count.failed.len());
        count.failed.iter().for_each(|id| println!("  {id} failed"));
        count.differ.iter().for_each(|(id, reason)| println!("  {id} differs by intent: {reason}"));
    }
    let missing = FUNCTIONS.iter().map(|(name, _)| *name).filter(|name| !counts.contains_key(name));
    if std::env::var_os("INJECT_CONFORMANCE").is_none() {
        assert_eq!(missing.collect::<Vec<_>>(), [""; 0]);
    }
    assert!(counts.values().all(|count| count.failed.is_empty()));
}

/// The cases, and the store that they ask.
fn cases() -> (Node, Node) {
    let file = std::env::var_os("INJECT_CONFORMANCE").map_or_else(|| PathBuf::from(FIXTURE), PathBuf::from);
    let tree = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        document::parse_json(&text).unwrap().0
    };
    (tree(&file), tree(&file.with_file_name("tapis-store.json")))
}

#[derive(Default)]
struct Count<'a> {
    passed: usize,
    failed: Vec<&'a str>,
    differ: Vec<(&'a str, &'static str)>,
}

/// What our code makes of a case.
type Outcome = Result<Json, Refused>;

/// A value of another type than the configuration's reader takes.
#[derive(Debug)]
struct Refused;

type Function = fn(&Input<'_>) -> Outcome;

static FUNCTIONS: &[(&str, Function)] = &[
    ("parse_secret_reference", parse_secret_reference),
    ("expand_short_secret_references", expand_short_secret_references),
    ("validate_secret_map_ownership", validate_secret_map_ownership),
    ("get_placeholder_warnings", get_placeholder_warnings),
    ("validate_environment_placeholders", validate_environment_placeholders),
    ("get_config_secret_map_warnings", get_config_secret_map_warnings),
    ("detect_unresolved_patterns", detect_unresolved_patterns),
    ("resolve_random_passwords", resolve_random_passwords),
    ("resolve_pod_networking", resolve_pod_networking),
    ("resolve_secret_map", resolve_secret_map),
    ("inject_secrets_into_env_vars", inject_secrets_into_env_vars),
    ("interpolate_config_content", interpolate_config_content),
    ("start_pod", start_pod),
    ("create_then_start", create_then_start),
    ("pod_map_validation", pod_map_validation),
    ("volume_mount_validation", volume_mount_validation),
];

struct Difference {
    reason: &'static str,
    /// Whether this is why the outcome is another than the expected one, and the only reason.
    concerns: fn(&Input<'_>, &Json, &Outcome) -> bool,
}

static DIFFERENCES: &[Difference] = &[
    Difference {
        reason: "the configuration's reader takes strings only, and says line and column",
        concerns: |_, _, outcome| outcome.is_err(),
    },
    Difference {
        reason: "null in a configuration is as good as absent, as the service itself writes it",
        concerns: |input, expected, outcome| {
            let parts = ["mount", "secret_map", "environment_variables"].map(|name| input.case.get(name));
            let null =
                |part: &Node| matches!(&part.data, Data::Table(list) if list.iter().any(|(_, node)| node.is_null()));
            let named = |name: &str| input.case.json().get(name).is_some_and(Json::is_null);
            let nulls = parts.into_iter().any(null) || named("secret_map") || named("environment_variables");
            nulls && expected.get("rejected").is_some() && outcome.is_ok()
        },
    },
    Difference {
        reason: "the owner written in a reference is not trusted when nobody is known to ask",
        concerns: |input, expected, outcome| {
            input.actor().is_empty() && refused_instead(expected, outcome, "OWNER_MISMATCH")
        },
    },
    Difference {
        reason: "a secret that its store never gives out is an error, never a text in its place",
        concerns: |_, expected, outcome| refused_instead(expected, outcome, "not_readable"),
    },
    Difference {
        reason: "there is no second pass over <<...>> markers",
        concerns: |_, expected, outcome| outcome.as_ref().is_ok_and(|result| equal_but_for_markers(expected, result)),
    },
];

/// Whether all that differs is that errors of this code stand where Tapis has a value.
fn refused_instead(expected: &Json, outcome: &Outcome, code: &str) -> bool {
    let Ok(result) = outcome else {
        return false;
    };
    let aborted = result.get("aborted");
    let errors = aborted.or_else(|| result.get("errors")).and_then(Json::as_array).into_iter().flatten();
    let (refused, others): (Vec<_>, Vec<_>) = errors.partition(|error| error["code"] == code);
    if aborted.is_some() {
        let theirs = expected.get("aborted").cloned().unwrap_or_else(|| json!([]));
        return !refused.is_empty() && json!(others) == theirs;
    }
    let mut resolved = result["resolved"].clone();
    for key in refused.iter().filter_map(|error| error["key"].as_str()) {
        resolved[key] = expected["resolved"][key].clone();
    }
    !refused.is_empty() && resolved == expected["resolved"] && json!(others) == expected["errors"]
}

/// Whether only texts that still hold a marker differ.
fn equal_but_for_markers(expected: &Json, result: &Json) -> bool {
    let mut unmarked = result.clone();
    for place in ["environment", "config"] {
        let Some(texts) = unmarked.get_mut(place).and_then(Json::as_object_mut) else {
            return false;
        };
        for (name, text) in texts {
            let marked = |text: &str| text.contains("<<TAPIS_") || text.contains("<<tapissecret_");
            if text.as_str().is_some_and(marked) {
                *text = expected[place][name].clone();
            }
        }
    }
    unmarked == *expected
}

/// Whether an outcome is the recorded one. What the service refuses for its type, the reader of the
/// configuration does; what HTTP adds is not ours.
fn agrees(expected: &Json, outcome: &Outcome, recorded: &str) -> bool {
    let mut expected = expected.clone();
    if let Some(members) = expected.as_object_mut() {
        members.remove("http_status");
    }
    let Ok(result) = outcome else {
        return ["raises", "rejected"].iter().any(|refusal| expected.get(refusal).is_some());
    };
    if let (Some(Json::Array(told)), Json::Array(ours)) = (expected.get("syntax_warnings"), &result["syntax_warnings"])
    {
        // No recorded case has one: that each speaks of the same text or place is all there is to hold.
        let about = |told: &Json, ours: &Json| {
            ours.as_array()
                .into_iter()
                .flatten()
                .any(|part| told.to_string().contains(part.to_string().trim_matches('"')))
        };
        if told.len() != ours.len() || !told.iter().zip(ours).all(|(told, ours)| about(told, ours)) {
            return false;
        }
        expected["syntax_warnings"] = result["syntax_warnings"].clone();
    }
    same(&expected, result, recorded)
}

/// The code of an error that no recorded case has.
const UNRECORDED: &str = "an error that no recorded case has";

/// Equality, but for errors whose code is not known: any code that is not among `recorded` stands for
/// one of them.
fn same(expected: &Json, result: &Json, recorded: &str) -> bool {
    let new = |code: &Json| code.is_string() && !recorded.contains(&code.to_string());
    match (expected, result) {
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right, recorded))
        }
        (Json::Object(left), Json::Object(right)) if right.get("code").is_some_and(|code| code == UNRECORDED) => {
            left.get("key") == right.get("key") && left.get("code").is_some_and(new)
        }
        (Json::Object(left), Json::Object(right)) => {
            let member =
                |(name, left): (&String, &Json)| right.get(name).is_some_and(|right| same(left, right, recorded));
            left.len() == right.len() && left.iter().all(member)
        }
        (code, Json::String(right)) if right == UNRECORDED => new(code),
        _ => expected == result,
    }
}

struct Input<'a> {
    case: &'a Node,
    vault: &'a [Node],
}

impl Input<'_> {
    fn map(&self, name: &str) -> Result<Map, Refused> {
        strings(self.case.get(name))
    }

    /// Nobody is the empty name.
    fn actor(&self) -> &str {
        self.case.get("actor").text().unwrap_or_default()
    }

    fn pod(&self) -> Result<Option<Pod>, Refused> {
        let pod = self.case.get("pod");
        if pod.is_null() {
            return Ok(None);
        }
        let facts = spec(&["pod_id", "stack_id", "networking"].map(|name| (name, pod.get(name))))?.pod;
        let stack = facts.stack.as_ref().map(|id| self.case.get("stacks").get(id)).filter(|map| !map.is_null());
        Ok(Some(Pod { facts, stack: stack.map(strings).transpose()?, stored: Map::new() }))
    }

    fn definition(&self, secret_map: Map) -> Result<Definition, Refused> {
        let (environment, configs) = (self.map("environment_variables")?, self.map("config")?);
        Ok(Definition { secret_map, environment, configs, pod: self.pod()? })
    }
}

fn parse_secret_reference(input: &Input<'_>) -> Outcome {
    let (value, actor) = (input.case.get("value").text()?, input.actor());
    Ok(match grammar::parse_secret_reference(value, Some(actor)) {
        Ok(Form::Secret { owner, name }) => {
            json!({"ok": {"kind": "user_secret", "owner": owner.unwrap_or(actor), "secret": name}})
        }
        Ok(Form::Placeholder(found)) => json!({"ok": placeholder(found, "kind", "placeholder")}),
        Ok(Form::Literal(inline)) => {
            let inline: Vec<_> =
                inline.iter().map(|found| placeholder(found.placeholder, "text", found.text)).collect();
            json!({"ok": {"kind": "literal", "text": value, "inline_placeholders": inline}})
        }
        Err(error) => json!({"error": {"code": form_code(&error)}}),
    })
}

fn placeholder(found: Placeholder<'_>, name: &str, value: &str) -> Json {
    let Placeholder { default, description } = found;
    json!({name: value, "required": default.is_none(), "default": default, "description": description})
}

fn expand_short_secret_references(input: &Input<'_>) -> Outcome {
    Ok(json!({"map": object(&pinned(input)?)}))
}

fn pinned(input: &Input<'_>) -> Result<Map, Refused> {
    let expand = |text: &str| grammar::expand_short_secret_references(text, input.actor());
    Ok(input.map("secret_map")?.into_iter().map(|(key, text)| (key, expand(&text))).collect())
}

fn validate_secret_map_ownership(input: &Input<'_>) -> Outcome {
    Ok(json!({"errors": errors(&lint::validate_secret_map_ownership(&input.map("secret_map")?, input.actor()))}))
}

fn get_placeholder_warnings(input: &Input<'_>) -> Outcome {
    let (found, refused) = lint::get_placeholder_warnings(&input.map("secret_map")?, Some(input.actor()));
    Ok(json!({"warnings": warnings(&found), "errors": errors(&refused)}))
}

/// The references of the variables that name no key: what they are filled with is a template.
fn filled(variables: &Map, keys: &[String], missing: &mut Vec<Json>, code: &str) -> Vec<(String, Template<Hole>)> {
    let known = |key: &str| keys.iter().any(|known| known == key);
    let fill = |(variable, text): &(String, String)| {
        let mut unknown = |key: &str| missing.push(json!({"code": code, "var": variable, "ref": key}));
        (variable.clone(), grammar::plan_text(text, &known, &mut unknown))
    };
    variables.iter().map(fill).collect()
}

fn validate_environment_placeholders(input: &Input<'_>) -> Outcome {
    let keys = input.case.get("secret_map_keys").list().iter().map(|key| key.text().map(str::to_owned));
    let keys: Vec<String> = keys.collect::<Result<_, _>>()?;
    let mut missing = Vec::new();
    filled(&input.map("environment_variables")?, &keys, &mut missing, "ENV_KEY_NOT_IN_SECRET_MAP");
    Ok(json!({"valid": missing.is_empty(), "errors": missing}))
}

fn get_config_secret_map_warnings(input: &Input<'_>) -> Outcome {
    let variables = input.map("environment_variables")?;
    let found = variables.iter().flat_map(|(name, text)| lint::get_config_secret_map_warnings(name, text));
    Ok(json!({"warnings": warnings(&found.collect::<Vec<_>>())}))
}

fn detect_unresolved_patterns(input: &Input<'_>) -> Outcome {
    let texts = |label: &'static str, map: Map| map.into_iter().map(move |(key, text)| (label, json!(key), text));
    let configs = input.case.get("config_contents");
    let configs = configs.list().iter().map(|text| text.text().map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
    let configs = configs.into_iter().enumerate().map(|(index, text)| ("index", json!(index), text));
    let mut colons = Vec::new();
    let mut find = |texts: &mut dyn Iterator<Item = (&'static str, Json, String)>| {
        let mut found = Vec::new();
        for (label, place, text) in texts {
            let unresolved = lint::detect_unresolved_patterns(&text);
            colons.extend(unresolved.missing_colons.into_iter().map(|found| json!([place, found])));
            if !unresolved.patterns.is_empty() {
                found.push(json!({label: place, "patterns": unresolved.patterns}));
            }
        }
        found
    };
    let secret_map = find(&mut texts("key", input.map("secret_map")?));
    let variables = find(&mut texts("key", input.map("environment_variables")?));
    let configs = find(&mut { configs });
    let any = [&secret_map, &variables, &configs].iter().any(|found| !found.is_empty()) || !colons.is_empty();
    Ok(json!({"has_unresolved": any, "secret_map": secret_map, "env": variables, "config": configs,
        "syntax_warnings": colons}))
}

fn resolve_random_passwords(input: &Input<'_>) -> Outcome {
    let mut refused = Vec::new();
    let drafts =
        steps::resolve_random_passwords(&input.map("secret_map")?, &input.map("stored_secret_map")?, &mut refused);
    Ok(match &drafts.first().ok_or(Refused)?.1 {
        Draft::Text(text) => json!({"errors": errors(&refused), "generated": false, "value": text}),
        // Who makes the password tests its alphabet.
        Draft::Random(length) => json!({"errors": errors(&refused), "generated": true, "length": length,
            "alphabet": "A-Za-z0-9!@#$%^&*"}),
        Draft::Stack(_) => panic!("no stack is given"),
    })
}

fn resolve_pod_networking(input: &Input<'_>) -> Outcome {
    let (map, refused) = networked(input.map("secret_map")?, input.pod()?);
    Ok(json!({"map": object(&map), "errors": errors(&refused)}))
}

fn networked(map: Map, pod: Option<Pod>) -> (Map, Vec<TapisError>) {
    let (mut drafts, mut refused): (Vec<_>, _) =
        (map.into_iter().map(|(key, text)| (key, Draft::Text(text))).collect(), Vec::new());
    if let Some(pod) = pod {
        steps::resolve_pod_networking(&mut drafts, &pod, &mut refused);
    }
    let text = |draft| match draft {
        Draft::Text(text) => text,
        other => panic!("{other:?} is no text"),
    };
    (drafts.into_iter().map(|(key, draft)| (key, text(draft))).collect(), refused)
}

fn resolve_secret_map(input: &Input<'_>) -> Outcome {
    let plan = steps::plan_secret_map(&input.map("secret_map")?, Some(input.actor()), input.pod()?.as_ref());
    let resolved = resolve(&plan, &Vault::new(input));
    Ok(json!({"resolved": resolved.texts(), "errors": resolved.errors}))
}

fn inject_secrets_into_env_vars(input: &Input<'_>) -> Outcome {
    let entries = given(input)?;
    let mut missing = Vec::new();
    let keys: Vec<String> = entries.iter().map(|(key, _)| key.clone()).collect();
    let variables = filled(&input.map("environment_variables")?, &keys, &mut missing, "ENV_KEY_NOT_RESOLVED");
    Ok(json!({"environment": rendered(&variables, &entries), "errors": missing}))
}

fn interpolate_config_content(input: &Input<'_>) -> Outcome {
    let content = match input.case.get("content") {
        content if content.is_null() => "",
        content => content.text()?,
    };
    let entries = given(input)?;
    let mut missing = Vec::new();
    let known = |key: &str| entries.iter().any(|(known, _)| known == key);
    let template = grammar::plan_text(content, &known, &mut |key| missing.push(key.to_owned()));
    Ok(match missing.first() {
        Some(key) if input.case.get("fail_on_missing").is_true() => {
            json!({"error": {"code": "CONFIG_KEY_NOT_FOUND", "ref": key}})
        }
        _ => json!({"content": rendered(&[("content".to_owned(), template)], &entries)["content"]}),
    })
}

type Values = Vec<(String, Option<Value>)>;

fn given(input: &Input<'_>) -> Result<Values, Refused> {
    let values = input.map("secrets")?.into_iter();
    Ok(values.map(|(key, text)| (key, Some(Value::Bytes(Secret::from(text))))).collect())
}

fn start_pod(input: &Input<'_>) -> Outcome {
    start(input, input.map("secret_map")?)
}

fn start(input: &Input<'_>, secret_map: Map) -> Outcome {
    let plan = crate::tapis::plan_pod(&input.definition(secret_map)?, Some(input.actor()));
    let resolved = resolve(&plan, &Vault::new(input));
    if !resolved.errors.is_empty() {
        return Ok(json!({"aborted": resolved.errors}));
    }
    // Tapis says nothing of a config's unknown key.
    let told: Vec<_> =
        plan.warnings.iter().filter(|told| matches!(told, Warning::UnknownInVariable { .. })).cloned().collect();
    Ok(json!({
        "resolved": resolved.texts(),
        "environment": rendered(&plan.environment, &resolved.entries),
        "config": rendered(&plan.configs, &resolved.entries),
        "warnings": warnings(&told),
    }))
}

/// What the service stores when a pod is created, and the start of that.
fn create_then_start(input: &Input<'_>) -> Outcome {
    let (pod, mut refused) = (input.pod()?, Vec::new());
    let secret_map = pinned(input)?;
    steps::resolve_random_passwords(&secret_map, &Map::new(), &mut refused);
    let (secret_map, unknown) = networked(secret_map, pod);
    refused.extend(unknown);
    if !refused.is_empty() {
        return Ok(json!({"create_rejected": errors(&refused)}));
    }
    let stored = object(&secret_map);
    let mut result = start(input, secret_map)?;
    result["stored_secret_map"] = stored;
    Ok(result)
}

fn pod_map_validation(input: &Input<'_>) -> Outcome {
    let (secret_map, _variables) = (input.map("secret_map")?, input.map("environment_variables")?);
    Ok(match rules::map_keys(&secret_map) {
        Ok(()) => json!({"accepted": true}),
        Err(error) => json!({"rejected": [{"field": "secret_map", "code": code(&error)}]}),
    })
}

fn volume_mount_validation(input: &Input<'_>) -> Outcome {
    let path = input.case.get("mount_path").text()?;
    let mounts = document_of(&[(path, input.case.get("mount").clone())]);
    let spec = spec(&[("volume_mounts", &mounts)])?;
    Ok(match rules::validate_mount(path, spec.mounts.get(path).ok_or(Refused)?) {
        Ok(mount) if mount.removed => json!({"accepted": null}),
        Ok(mount) => {
            let mut members = json!({
                "type": mount.kind, "source_id": mount.source_id, "sub_path": mount.sub_path,
                "read_only": mount.read_only, "config_content": mount.content,
                "config_permissions": mount.permissions, "config_filename": mount.filename,
                "config_update_mode": mount.update_mode,
            });
            members.as_object_mut().unwrap().retain(|_, member| !member.is_null());
            json!({"accepted": members})
        }
        Err(errors) => json!({"rejected": errors.into_iter().map(mount_code).collect::<Vec<_>>()}),
    })
}

/// A plan with its references fetched.
#[derive(Default)]
struct Resolved {
    entries: Values,
    errors: Vec<Json>,
}

impl Resolved {
    fn texts(&self) -> Json {
        let found = self.entries.iter().filter_map(|(key, value)| Some((key.clone(), shown(value.as_ref()?))));
        object(&found.collect())
    }
}

/// Fetches in the plan's order and puts every template together, as resolving a plan does.
fn resolve(plan: &PodPlan, vault: &Vault<'_>) -> Resolved {
    let late = |error: &&TapisError| matches!(error, TapisError::StackKeyUnknown { .. });
    let mut resolved = Resolved::default();
    resolved.errors.extend(plan.errors.iter().filter(|error| !late(error)).map(describe));
    let mut stack = Values::new();
    for entry in &plan.stack {
        let value = resolve_entry(&entry.key, &entry.template, vault, &Values::new(), &mut resolved.errors);
        stack.push((entry.key.clone(), value));
    }
    resolved.errors.extend(plan.errors.iter().filter(late).map(describe));
    let templates: Vec<_> = plan.entries.iter().map(|entry| known_only(entry, &stack, &mut resolved.errors)).collect();
    for (entry, template) in plan.entries.iter().zip(templates) {
        let value = resolve_entry(&entry.key, &template, vault, &stack, &mut resolved.errors);
        resolved.entries.push((entry.key.clone(), value));
    }
    resolved
}

/// To Tapis an entry of the stack that failed is an unknown one, and stays text.
fn known_only(entry: &Entry, stack: &Values, refused: &mut Vec<Json>) -> Result<Template<Hole>, TapisError> {
    let mut template = entry.template.clone()?;
    for part in &mut template.parts {
        let Part::Hole(Hole { body: Body::Stack(key), .. }) = &*part else {
            continue;
        };
        if stack.iter().any(|(known, value)| **known == **key && value.is_none()) {
            refused.push(describe(&TapisError::StackKeyUnknown { key: key.to_string() }));
            *part = Part::Text(format!("${{stack:secrets:{key}}}").into());
        }
    }
    Ok(template)
}

fn resolve_entry(
    key: &str,
    template: &Result<Template<Hole>, TapisError>,
    vault: &Vault<'_>,
    stack: &Values,
    refused: &mut Vec<Json>,
) -> Option<Value> {
    let template = match template {
        Ok(template) => template,
        Err(error) => {
            refused.push(describe(error));
            return None;
        }
    };
    let mut requests: Vec<Request> = Vec::new();
    let template = slots(template, &mut |body| match body {
        Body::Secret(address) => {
            requests.push(Request { address: address.clone(), random: None, answer: None });
            Source::Request(requests.len() - 1)
        }
        Body::Stack(key) => Source::Entry(stack.iter().position(|(known, _)| **known == **key).unwrap()),
        other => panic!("{other:?} in an entry"),
    });
    let mut answering = vault.resolve(&mut requests);
    assert!(answering.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(Ok(())));
    drop(answering);
    for request in &requests {
        refused.extend(vault.refusal(key, request));
    }
    let answers: Vec<Option<Value>> = requests.into_iter().map(|request| request.answer?.ok()).collect();
    let fill = |source| match source {
        Source::Request(at) => answers[at].as_ref(),
        Source::Entry(at) => stack[at].1.as_ref(),
    };
    template.render(&fill).ok().map(Value::Bytes)
}

/// Holes numbered as the plan numbers them.
fn slots(template: &Template<Hole>, number: &mut dyn FnMut(&Body) -> Source) -> Template<Slot> {
    let part = |part: &Part<Hole>| match part {
        Part::Text(text) => Part::Text(text.clone()),
        Part::Hole(hole) => Part::Hole(Slot { source: number(&hole.body), hole: hole.clone() }),
    };
    Template { parts: template.parts.iter().map(part).collect() }
}

fn rendered(templates: &[(String, Template<Hole>)], entries: &Values) -> Json {
    let render = |(name, template): &(String, Template<Hole>)| {
        let template = slots(template, &mut |body| match body {
            Body::Entry(key) => Source::Entry(entries.iter().position(|(known, _)| **known == **key).unwrap()),
            other => panic!("{other:?} outside of secret_map"),
        });
        let fill = |source| match source {
            Source::Entry(at) => entries[at].1.as_ref(),
            Source::Request(_) => None,
        };
        let secret = template.render(&fill).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        (name.clone(), shown(&Value::Bytes(secret)))
    };
    object(&templates.iter().map(render).collect())
}

#[allow(clippy::disallowed_methods, reason = "the values are the fixture's own")]
fn shown(value: &Value) -> String {
    match value {
        Value::Bytes(secret) => String::from_utf8(secret.expose().to_vec()).unwrap(),
        _ => panic!("the store holds bytes"),
    }
}

/// `tapis-store.json` as the service's own view of it: an owner and a value for each name.
struct Vault<'a> {
    secrets: &'a [Node],
    actor: &'a str,
    display: bool,
}

impl<'a> Vault<'a> {
    fn new(input: &'a Input<'_>) -> Self {
        let display = input.case.get("for_display").is_true();
        Self { secrets: input.vault, actor: input.actor(), display }
    }

    fn find(&self, path: &str) -> (String, String, Option<&Node>) {
        let (owner, name) = path.split_once(':').unwrap_or((self.actor, path));
        let secret = self.secrets.iter().find(|secret| secret.get("secret_id").text().is_ok_and(|id| id == name));
        (owner.to_owned(), name.to_owned(), secret)
    }

    /// A failed request as the service reports it.
    fn refusal(&self, key: &str, request: &Request) -> Option<Json> {
        let (_, secret, found) = self.find(&request.address.path);
        let code = match &request.answer {
            Some(Ok(_)) => return None,
            None => "SECRET_NOT_FOUND",
            Some(Err(StoreError::Denied(_))) => {
                let owner = found?.get("owner").text().ok()?;
                return Some(json!({"code": "DB_OWNER_MISMATCH", "key": key, "secret": secret, "owner": owner}));
            }
            Some(Err(StoreError::Unavailable(_))) => "STORE_ERROR",
            Some(Err(other)) => other.code().as_str(),
        };
        Some(json!({"code": code, "key": key, "secret": secret}))
    }
}

impl Store for Vault<'_> {
    fn resolve<'a>(&'a self, requests: &'a mut [Request]) -> Pending<'a> {
        for request in requests {
            let (owner, _, secret) = self.find(&request.address.path);
            let answer = |secret: &Node| match (secret.get("owner").text(), secret.get("value").text()) {
                (Ok(known), _) if known != owner => Err(StoreError::Denied("another owner".into())),
                _ if self.display && !secret.get("readable").is_true() => {
                    Err(StoreError::NotReadable("write-only".into()))
                }
                (_, Ok(value)) => Ok(Value::Bytes(Secret::from(value.to_owned()))),
                _ => Err(StoreError::Unavailable("no value".into())),
            };
            // One that is left without an answer does not exist.
            request.answer = secret.map(answer);
        }
        ready(Ok(()))
    }
}

fn object(map: &Map) -> Json {
    Json::Object(map.iter().map(|(key, text)| (key.clone(), json!(text))).collect())
}

fn errors(errors: &[TapisError]) -> Vec<Json> {
    errors.iter().map(describe).collect()
}

fn describe(error: &TapisError) -> Json {
    let code = code(error);
    match error {
        TapisError::Form { key, .. }
        | TapisError::NoPodId { key }
        | TapisError::NoDefaultUrl { key }
        | TapisError::NoTapisUrl { key }
        | TapisError::KeyCharset { key } => json!({"code": code, "key": key}),
        TapisError::Required { key, description } => json!({"code": code, "key": key, "description": description}),
        TapisError::OwnerMismatch { key, owner } | TapisError::OwnershipViolation { key, owner } => {
            json!({"code": code, "key": key, "owner": owner})
        }
        TapisError::RandomTooShort { key, length } | TapisError::RandomTooLong { key, length } => {
            json!({"code": code, "key": key, "length": length})
        }
        TapisError::NetworkUnknown { key, network } => json!({"code": code, "key": key, "network": network}),
        TapisError::NetworkFieldUnknown { key, field } | TapisError::NetworkFieldUnset { key, field, .. } => {
            json!({"code": code, "key": key, "field": field})
        }
        TapisError::StackNotFound { stack } => json!({"code": code, "stack": stack}),
        TapisError::StackKeyUnknown { key } => json!({"code": code, "ref": key}),
    }
}

fn code(error: &TapisError) -> &'static str {
    match error {
        TapisError::Form { what, .. } => form_code(what),
        TapisError::Required { .. } => "REQUIRED_PLACEHOLDER_UNSET",
        TapisError::OwnerMismatch { .. } => "OWNER_MISMATCH",
        TapisError::OwnershipViolation { .. } => "OWNERSHIP_VIOLATION",
        TapisError::RandomTooShort { .. } => "RANDOM_TOO_SHORT",
        TapisError::RandomTooLong { .. } => UNRECORDED,
        TapisError::NoPodId { .. } => UNRECORDED,
        TapisError::NoDefaultUrl { .. } => "NO_DEFAULT_URL",
        TapisError::NoTapisUrl { .. } => UNRECORDED,
        TapisError::NetworkUnknown { .. } => "NETWORKING_NOT_FOUND",
        TapisError::NetworkFieldUnknown { .. } => "NETWORKING_FIELD_UNKNOWN",
        TapisError::NetworkFieldUnset { .. } => UNRECORDED,
        TapisError::StackNotFound { .. } => "STACK_NOT_FOUND",
        TapisError::StackKeyUnknown { .. } => "STACK_KEY_UNKNOWN",
        TapisError::KeyCharset { .. } => "MAP_KEY_CHARSET",
    }
}

fn form_code(error: &FormError) -> &'static str {
    match error {
        FormError::ActorRequired => "ACTOR_REQUIRED",
        FormError::DefaultTrailer => "DEFAULT_TRAILER_NOT_DESCRIPTION",
    }
}

fn mount_code(error: MountError) -> &'static str {
    match error {
        MountError::PathEmpty => UNRECORDED,
        MountError::PathRelative => "MOUNT_PATH_RELATIVE",
        MountError::PathDotDot => "MOUNT_PATH_DOTDOT",
        MountError::TypeMissing => UNRECORDED,
        MountError::Type => UNRECORDED,
        MountError::SourceIdCharset => "SOURCE_ID_CHARSET",
        MountError::SubPath => "SUB_PATH",
        MountError::ContentTooLong => UNRECORDED,
        MountError::Permissions => "CONFIG_PERMISSIONS",
        MountError::FilenamePath => "CONFIG_FILENAME_PATH",
        MountError::FilenameTooLong => "CONFIG_FILENAME_LONG",
        MountError::FilenameCharset => "CONFIG_FILENAME_CHARSET",
        MountError::UpdateMode => "CONFIG_UPDATE_MODE",
        MountError::SourceIdNeeded => "SOURCE_ID_REQUIRED",
        MountError::SourceIdUnused => UNRECORDED,
        MountError::ContentNeeded => UNRECORDED,
        MountError::ContentUnsupported => "CONTENT_UNSUPPORTED",
        MountError::FilenameNeeded => "VOLUME_CONTENT_NEEDS_FILENAME",
    }
}

fn warnings(warnings: &[Warning]) -> Vec<Json> {
    let describe = |warning: &Warning| match warning {
        Warning::Placeholder { key, text, default, description } => json!({"key": key, "placeholder": text,
            "description": description, "has_default": default.is_some(), "default": default}),
        Warning::UnknownInVariable { variable, key } => {
            json!({"code": "ENV_KEY_NOT_RESOLVED", "var": variable, "ref": key})
        }
        Warning::MapOnly { variable, form } => json!({"var": variable, "pattern": form}),
        other => panic!("{other:?} is of no recorded function"),
    };
    warnings.iter().map(describe).collect()
}

/// The cases are read as a configuration is, members in their order.
impl Node {
    fn null() -> &'static Self {
        const { &Node { at: 0, data: Data::Null } }
    }

    /// A member; null where there is none.
    fn get(&self, name: &str) -> &Self {
        match &self.data {
            Data::Table(members) => {
                members.iter().find(|(key, _)| &*key.name == name).map_or(Self::null(), |(_, member)| member)
            }
            _ => Self::null(),
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.data, Data::Null)
    }

    fn is_true(&self) -> bool {
        matches!(self.data, Data::Flag(true))
    }

    fn text(&self) -> Result<&str, Refused> {
        if let Data::Text(text) = &self.data { Ok(text) } else { Err(Refused) }
    }

    fn list(&self) -> &[Self] {
        if let Data::List(items) = &self.data { items } else { &[] }
    }

    fn json(&self) -> Json {
        match &self.data {
            Data::Null => Json::Null,
            Data::Flag(value) => json!(value),
            Data::Number(number) => serde_json::from_str(number).unwrap(),
            Data::Text(text) => json!(text),
            Data::List(items) => items.iter().map(Self::json).collect(),
            Data::Table(members) => members.iter().map(|(key, member)| (key.name.to_string(), member.json())).collect(),
        }
    }
}

fn node(text: &str) -> Node {
    Node { at: 0, data: Data::Text(text.to_owned()) }
}

fn document_of(members: &[(&str, Node)]) -> Node {
    let key = |name: &str| Key { name: name.into(), at: 0 };
    Node { at: 0, data: Data::Table(members.iter().map(|(name, node)| (key(name), node.clone())).collect()) }
}

/// A configuration of these members, read as every configuration is.
fn spec(members: &[(&str, &Node)]) -> Result<Spec, Refused> {
    let members: Vec<_> = members.iter().map(|(name, node)| (*name, (*node).clone())).collect();
    Spec::of(document_of(&members)).map_err(|_| Refused)
}

fn strings(node: &Node) -> Result<Map, Refused> {
    let spec = spec(&[("secret_map", node)])?;
    let string = |(name, item): (&str, &Item)| match &item.text {
        Text::Template(text) => Ok((name.to_owned(), String::from_utf8(text.clone()).unwrap())),
        _ => Err(Refused),
    };
    spec.secret_map.iter().map(string).collect()
}
