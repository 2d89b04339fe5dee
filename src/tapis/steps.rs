//! What Tapis does between a stored pod and its start, up to the point where secrets are fetched.
//!
//! Its order is kept, since each step sees the text that the step before left: random passwords,
//! facts of the pod, the stack's secret_map, then each entry's own form, then environment and
//! config. It works on text and pod facts alone. A value that a store or a stack gives is a hole and
//! never becomes text here, so that nothing in it is ever taken for a reference.

use super::grammar::{self, Form, NetworkReference};
use super::{Definition, Map, Pod, TapisError, Warning};
use crate::reference::{Address, Body, Hole};
use crate::spec::Fields;
use crate::template::Template;
use std::collections::BTreeSet;

/// A pod, ready to have its references fetched.
#[derive(Debug, Default)]
pub(crate) struct PodPlan {
    /// What the steps before the entries found; Tapis starts nothing then, nor when an entry failed.
    pub(crate) errors: Vec<TapisError>,
    /// The entries of the stack's secret_map that the pod's refer to, by `Body::Stack`.
    pub(crate) stack: Vec<Entry>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) environment: Vec<(String, Template<Hole>)>,
    pub(crate) configs: Vec<(String, Template<Hole>)>,
    pub(crate) warnings: Vec<Warning>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// Its holes are `Body::Secret`, `Body::Random` and `Body::Stack`.
    pub(crate) template: Result<Template<Hole>, TapisError>,
}

/// The start of a pod. `actor` is who asks: owners that references name are held to it. None leaves
/// that to the store, which knows whose credential it shows.
pub(crate) fn plan_pod(definition: &Definition, actor: Option<&str>) -> PodPlan {
    let mut plan = plan_secret_map(&definition.secret_map, actor, definition.pod.as_ref());
    let keys: BTreeSet<&str> = plan.entries.iter().map(|entry| entry.key.as_str()).collect();
    let known = |key: &str| keys.contains(key);
    let mut warnings = Vec::new();
    let mut fill = |map: &Map, warning: fn(&str, &str) -> Warning| {
        let texts = map.iter().map(|(place, text)| {
            (place.clone(), grammar::plan_text(text, &known, &mut |key| warnings.push(warning(place, key))))
        });
        texts.collect::<Vec<_>>()
    };
    let environment = fill(&definition.environment, |variable, key| Warning::UnknownInVariable {
        variable: variable.to_owned(),
        key: key.to_owned(),
    });
    let configs =
        fill(&definition.configs, |path, key| Warning::UnknownInConfig { path: path.to_owned(), key: key.to_owned() });
    (plan.environment, plan.configs, plan.warnings) = (environment, configs, warnings);
    plan
}

/// The secret_map's part of a start: errors, stack and entries of the plan. Without a pod its
/// facts and random passwords stay text.
pub(crate) fn plan_secret_map(map: &Map, actor: Option<&str>, pod: Option<&Pod>) -> PodPlan {
    let mut plan = PodPlan::default();
    let mut drafts = match pod {
        Some(pod) => resolve_random_passwords(map, &pod.stored, &mut plan.errors),
        None => map.iter().map(|(key, text)| (key.clone(), Draft::Text(text.clone()))).collect(),
    };
    if let Some(pod) = pod {
        resolve_pod_networking(&mut drafts, pod, &mut plan.errors);
        resolve_stack_secrets(&mut drafts, pod, actor, &mut plan);
    }
    plan.entries = drafts
        .into_iter()
        .map(|(key, draft)| match draft {
            Draft::Text(text) => Entry { template: plan_entry(&key, &text, actor), key },
            Draft::Random(length) => Entry { key, template: Ok(hole(Body::Random(length))) },
            Draft::Stack(template) => Entry { key, template: Ok(template) },
        })
        .collect();
    plan
}

/// An entry on its way through the steps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Draft {
    Text(String),
    /// A password of this length is to be made, or was.
    Random(usize),
    /// It holds values of the stack and is not looked into again.
    Stack(Template<Hole>),
}

/// One entry by its own form, which is its whole value.
fn plan_entry(key: &str, text: &str, actor: Option<&str>) -> Result<Template<Hole>, TapisError> {
    let form = grammar::parse_secret_reference(text, actor);
    match form.map_err(|what| TapisError::Form { key: key.to_owned(), what })? {
        Form::Secret { owner: Some(owner), .. } if actor.is_some_and(|actor| actor != owner) => {
            Err(TapisError::OwnerMismatch { key: key.to_owned(), owner: owner.to_owned() })
        }
        Form::Secret { owner, name } => {
            let path = owner.map_or_else(|| name.to_owned(), |owner| format!("{owner}:{name}"));
            Ok(hole(Body::Secret(Address { store: None, path: path.into(), version: None }.into())))
        }
        Form::Placeholder(placeholder) => match placeholder.default {
            Some(default) => Ok(Template::text(default)),
            None => Err(TapisError::Required {
                key: key.to_owned(),
                description: placeholder.description.unwrap_or_default().to_owned(),
            }),
        },
        Form::Literal(_) => Ok(Template::text(text)),
    }
}

fn hole(body: Body) -> Template<Hole> {
    Template::hole(Hole { tapis: true, ..Hole::plain(body) })
}

/// `${pods:random:N}` as a whole value: what is stored under the key, or a password to make.
pub(crate) fn resolve_random_passwords(map: &Map, stored: &Map, errors: &mut Vec<TapisError>) -> Vec<(String, Draft)> {
    let draft = |(key, text): &(String, String)| {
        let mut draft = Draft::Text(text.clone());
        if let Some(length) = grammar::random_length(text) {
            let before = stored.iter().find(|(name, _)| name == key).map(|(_, value)| value);
            match (before.filter(|value| grammar::random_length(value).is_none()), length.parse()) {
                (Some(value), _) => draft = Draft::Text(value.clone()),
                (None, Ok(length @ 8..=128)) => draft = Draft::Random(length),
                (None, Ok(..8)) => errors.push(TapisError::RandomTooShort { key: key.clone(), length }),
                (None, _) => errors.push(TapisError::RandomTooLong { key: key.clone(), length }),
            }
        }
        (key.clone(), draft)
    };
    map.iter().map(draft).collect()
}

/// The pod's id and networks, anywhere in a value. What cannot be filled stays text and is an error.
pub(crate) fn resolve_pod_networking(drafts: &mut [(String, Draft)], pod: &Pod, errors: &mut Vec<TapisError>) {
    for (key, draft) in drafts {
        if let Draft::Text(text) = draft {
            networking(key, text, pod, errors);
        }
    }
}

fn networking(key: &str, text: &mut String, pod: &Pod, errors: &mut Vec<TapisError>) {
    let mut fill = |text: &mut String, form: &str, value: Result<&str, TapisError>| match value {
        Ok(value) => *text = text.replace(form, value),
        Err(error) => errors.push(error),
    };
    let owned = || key.to_owned();
    if text.contains("${pods:pod_id}") {
        let id = pod.facts.id.as_deref().filter(|id| !id.is_empty());
        fill(text, "${pods:pod_id}", id.ok_or_else(|| TapisError::NoPodId { key: owned() }));
    }
    let url = || {
        let url = pod.field("default", "url").filter(|url| !url.is_empty());
        url.ok_or_else(|| TapisError::NoDefaultUrl { key: owned() })
    };
    if text.contains("${pods:url}") {
        fill(text, "${pods:url}", url());
    }
    if text.contains("${pods:tapis_url}") {
        fill(text, "${pods:tapis_url}", url().and_then(|url| tapis_url(key, url)));
    }
    let before = text.clone();
    let mut filled = BTreeSet::new();
    for reference in grammar::network_references(&before) {
        let value = network_field(key, pod, &reference);
        // Each form is replaced wherever it stands: once is enough, and a text may hold many.
        if value.is_err() || filled.insert(reference.text) {
            fill(text, reference.text, value);
        }
    }
}

fn network_field<'p>(key: &str, pod: &'p Pod, reference: &NetworkReference<'_>) -> Result<&'p str, TapisError> {
    let (key, network, field) = (|| key.to_owned(), reference.network, reference.field);
    if pod.network(network).is_none() {
        return Err(TapisError::NetworkUnknown { key: key(), network: network.to_owned() });
    }
    let stored = match field {
        "url" | "hostname" | "tapis_url" => "url",
        "port" | "protocol" => field,
        _ => return Err(TapisError::NetworkFieldUnknown { key: key(), field: field.to_owned() }),
    };
    match pod.field(network, stored) {
        Some(url) if field == "tapis_url" => tapis_url(&key(), url),
        Some(value) => Ok(value),
        None => Err(TapisError::NetworkFieldUnset { key: key(), network: network.to_owned(), field: field.to_owned() }),
    }
}

impl Pod {
    /// One that says nothing is none.
    fn network(&self, name: &str) -> Option<&Fields> {
        self.facts.networking.get(name).filter(|fields| !fields.is_empty())
    }

    fn field(&self, network: &str, name: &str) -> Option<&str> {
        self.network(network)?.iter().find(|(field, _)| field == name)?.1.as_deref()
    }
}

/// The part of a pod's URL that all pods of a tenant share.
fn tapis_url<'u>(key: &str, url: &'u str) -> Result<&'u str, TapisError> {
    match url.split_once(".pods.") {
        Some((_, shared)) => Ok(shared),
        None => Err(TapisError::NoTapisUrl { key: key.to_owned() }),
    }
}

/// `${stack:secrets:KEY}` of a pod in a stack: an entry of the stack's own secret_map, which is
/// resolved like a pod's but without facts of a pod.
fn resolve_stack_secrets(drafts: &mut [(String, Draft)], pod: &Pod, actor: Option<&str>, plan: &mut PodPlan) {
    let Some(stack) = &pod.facts.stack else {
        return;
    };
    let mut wanted = Vec::new();
    for (_, draft) in &*drafts {
        if let Draft::Text(text) = draft {
            grammar::stack_references(text, &|_| false, &mut |key| wanted.push(key.to_owned()));
        }
    }
    if wanted.is_empty() {
        return;
    }
    let Some(map) = &pod.stack else {
        return plan.errors.push(TapisError::StackNotFound { stack: stack.clone() });
    };
    let map: Map = map.iter().filter(|(key, _)| wanted.contains(key)).cloned().collect();
    for (key, draft) in resolve_random_passwords(&map, &Map::new(), &mut plan.errors) {
        match draft {
            Draft::Random(length) => plan.stack.push(Entry { key, template: Ok(hole(Body::Random(length))) }),
            Draft::Text(text) => plan.stack.push(Entry { template: plan_entry(&key, &text, actor), key }),
            Draft::Stack(_) => {}
        }
    }
    let known = |key: &str| plan.stack.iter().any(|entry| entry.key == key);
    for (_, draft) in drafts {
        if let Draft::Text(text) = draft {
            let template = grammar::stack_references(text, &known, &mut |key| {
                plan.errors.push(TapisError::StackKeyUnknown { key: key.to_owned() });
            });
            if template.holes().next().is_some() {
                *draft = Draft::Stack(template);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;
    use crate::template::Part;

    fn map<const N: usize>(members: [(&str, &str); N]) -> Map {
        members.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec()
    }

    fn shown(template: &Template<Hole>) -> String {
        let part = |part: &Part<Hole>| match part {
            Part::Text(text) => String::from_utf8(text.clone()).unwrap(),
            Part::Hole(hole) => format!("[{hole}]"),
        };
        template.parts.iter().map(part).collect()
    }

    #[test]
    fn values_of_a_stack_are_never_scanned() {
        let facts = spec::Pod { stack: Some("s".into()), ..spec::Pod::default() };
        let stack = map([("K", "secret:db"), ("P", "${pods:random:9}"), ("UNUSED", "${:?x}")]);
        let pod = Pod { facts, stack: Some(stack), stored: Map::new() };
        let entries = map([("A", "${${stack:secrets:K}}"), ("B", "${stack:secrets:P}${stack:secrets:NO}")]);
        let plan = plan_secret_map(&entries, Some("amy"), Some(&pod));
        assert_eq!(plan.errors, [TapisError::StackKeyUnknown { key: "NO".into() }]);
        let templates: Vec<_> = plan.entries.iter().map(|entry| shown(entry.template.as_ref().unwrap())).collect();
        assert_eq!(templates, ["${[${stack:secrets:K}]}", "[${stack:secrets:P}]${stack:secrets:NO}"]);
        let stack: Vec<_> = plan.stack.iter().map(|entry| shown(entry.template.as_ref().unwrap())).collect();
        assert_eq!(stack, ["secret:db", "[${pods:random:9}]"]);
    }

    #[test]
    fn an_owner_is_held_to_the_actor_where_one_is_known() {
        let owned = |actor| plan_entry("K", "${secret:bob:db}", actor);
        assert_eq!(owned(Some("amy")), Err(TapisError::OwnerMismatch { key: "K".into(), owner: "bob".into() }));
        assert_eq!(shown(&owned(Some("bob")).unwrap()), "[${secret:bob:db}]");
        assert_eq!(shown(&owned(None).unwrap()), "[${secret:bob:db}]");
        assert!(owned(Some("")).is_err());
    }

    #[test]
    fn a_stored_value_stands_for_a_random_password_of_any_length() {
        let stored = map([("K", "kept"), ("L", "${pods:random:9}")]);
        let mut errors = Vec::new();
        let drafts = resolve_random_passwords(
            &map([("K", "${pods:random:5}"), ("L", "${pods:random:200}")]),
            &stored,
            &mut errors,
        );
        assert_eq!(drafts[0].1, Draft::Text("kept".into()));
        assert_eq!(errors, [TapisError::RandomTooLong { key: "L".into(), length: "200".into() }]);
    }

    #[test]
    fn what_names_no_entry_stays_text_and_is_told() {
        let definition = Definition {
            secret_map: map([("A", "a")]),
            environment: map([("V", "<${pods:secrets:A}${pods:secrets:B}>")]),
            configs: map([("/c", "${pods:secrets:B:?why}")]),
            pod: None,
        };
        let plan = plan_pod(&definition, None);
        assert_eq!(shown(&plan.environment[0].1), "<[${pods:secrets:A}]${pods:secrets:B}>");
        assert_eq!(shown(&plan.configs[0].1), "${pods:secrets:B:?why}");
        let unknown = |place: &str| (place.to_owned(), "B".to_owned());
        let ((variable, key), (path, other)) = (unknown("V"), unknown("/c"));
        assert_eq!(
            plan.warnings,
            [Warning::UnknownInVariable { variable, key }, Warning::UnknownInConfig { path, key: other }]
        );
    }
}
