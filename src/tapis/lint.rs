//! What `check` says about a Tapis pod that would start all the same: Tapis hands on as text
//! whatever it does not understand.

use super::grammar::{self, Form};
use super::{Definition, Map, TapisError, plan_pod, rules};
use crate::reference::Hole;
use crate::template::{Part, Template};
use std::collections::BTreeSet;
use std::fmt;

/// None shows more of a text than the beginning of a reference in it, and no default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Warning {
    /// Not overridden: its default is used or, in the middle of a text, the placeholder itself.
    Placeholder {
        key: String,
        text: String,
        default: Option<String>,
        description: Option<String>,
    },
    UnknownInVariable {
        variable: String,
        key: String,
    },
    UnknownInConfig {
        path: String,
        key: String,
    },
    /// A form that Tapis looks for in secret_map alone.
    MapOnly {
        variable: String,
        form: &'static str,
    },
    ColonMissing {
        place: String,
        text: String,
    },
    /// A `${…}` that looks like a reference and is handed on as it is.
    Text {
        place: String,
        text: String,
    },
    /// Once the service stored the pod, it would read none of the short references in it.
    OwnerUnwritable {
        owner: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Placeholder { key, description, .. } => {
                write!(out, "`{key}` holds a placeholder that nothing overrides")?;
                description.as_ref().map_or(Ok(()), |description| write!(out, ": {description}"))
            }
            Self::UnknownInVariable { variable: place, key } | Self::UnknownInConfig { path: place, key } => {
                write!(
                    out,
                    "`{place}` refers to `{key}`, which secret_map does not define; the reference stays as text"
                )
            }
            Self::MapOnly { variable, form } => write!(
                out,
                "`{variable}` holds a `{form}` reference, which is read in secret_map only; define an entry there and \
                 refer to it by ${{pods:secrets:KEY}}"
            ),
            Self::ColonMissing { place, text } => {
                write!(out, "`{place}` holds `{text:.60}`, which stays as text; a description begins with `:?`")
            }
            Self::Text { place, text } => write!(out, "`{place}` holds `{text:.60}`, which stays as text"),
            Self::OwnerUnwritable { owner } => write!(
                out,
                "a stored pod names the owner of its secrets, and `{owner}` cannot be written in a reference; Tapis \
                 would hand the reference on as text"
            ),
        }
    }
}

/// All that can be said without asking a store: what a start would refuse, and what it would not
/// mention.
pub(crate) fn lint(definition: &Definition, actor: Option<&str>) -> (Vec<TapisError>, Vec<Warning>) {
    let plan = plan_pod(definition, actor);
    let mut errors = plan.errors;
    errors.extend(rules::map_keys(&definition.secret_map).err());
    if let Some(stack) = definition.pod.as_ref().and_then(|pod| pod.stack.as_ref()) {
        errors.extend(actor.into_iter().flat_map(|actor| validate_secret_map_ownership(stack, actor)));
    }
    let mut warnings = plan.warnings;
    for (variable, text) in &definition.environment {
        warnings.extend(get_config_secret_map_warnings(variable, text));
    }
    let mut entries = Vec::new();
    for entry in plan.stack.into_iter().chain(plan.entries) {
        match entry.template {
            Ok(template) => entries.push((entry.key, template)),
            Err(error) => errors.push(error),
        }
    }
    // A required one that is a whole value is an error already.
    let (placeholders, _) = get_placeholder_warnings(&definition.secret_map, actor);
    let required = errors.iter().filter(|error| matches!(error, TapisError::Required { .. }));
    let refused: BTreeSet<&str> = required.filter_map(TapisError::key).collect();
    warnings.extend(placeholders.into_iter().filter(|warning| match warning {
        Warning::Placeholder { key, .. } => !refused.contains(key.as_str()),
        _ => true,
    }));
    for (place, template) in entries.iter().chain(&plan.environment).chain(&plan.configs) {
        warnings.extend(left_as_text(place, template));
    }
    if let Some(actor) = actor.filter(|actor| !actor.is_empty()) {
        let short = |text: &str| {
            let pinned = grammar::expand_short_secret_references(text, actor);
            pinned != text && grammar::owners(&pinned).all(|owner| owner != actor)
        };
        if definition.secret_map.iter().any(|(_, text)| short(text)) {
            warnings.push(Warning::OwnerUnwritable { owner: actor.to_owned() });
        }
    }
    (errors, warnings)
}

/// References among what the application will get as text. Placeholders, unknown keys and forms for
/// the secret_map only have their own words.
fn left_as_text(place: &str, template: &Template<Hole>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for part in &template.parts {
        let Part::Text(text) = part else {
            continue;
        };
        let found = detect_unresolved_patterns(&String::from_utf8_lossy(text));
        let place = || place.to_owned();
        warnings.extend(found.missing_colons.into_iter().map(|text| Warning::ColonMissing { place: place(), text }));
        let of_a_store = found.patterns.into_iter().filter(|(_, kind)| *kind == "user_secret");
        warnings.extend(of_a_store.map(|(text, _)| Warning::Text { place: place(), text }));
    }
    warnings
}

/// The placeholders of a secret_map that nothing overrode, and its entries that are no valid form.
pub(crate) fn get_placeholder_warnings(map: &Map, actor: Option<&str>) -> (Vec<Warning>, Vec<TapisError>) {
    let (mut warnings, mut errors) = (Vec::new(), Vec::new());
    for (key, value) in map {
        let mut warn = |text: &str, placeholder: grammar::Placeholder<'_>| {
            let description = placeholder.description.filter(|description| !description.is_empty());
            warnings.push(Warning::Placeholder {
                key: key.clone(),
                text: text.to_owned(),
                default: placeholder.default.map(str::to_owned),
                description: description.map(str::to_owned),
            });
        };
        match grammar::parse_secret_reference(value, actor) {
            Ok(Form::Secret { .. }) => {}
            Ok(Form::Placeholder(placeholder)) => warn(value, placeholder),
            Ok(Form::Literal(inline)) => inline.iter().for_each(|found| warn(found.text, found.placeholder)),
            Err(what) => errors.push(TapisError::Form { key: key.clone(), what }),
        }
    }
    (warnings, errors)
}

/// References to secrets of others, wherever they stand in a value.
pub(crate) fn validate_secret_map_ownership(map: &Map, actor: &str) -> Vec<TapisError> {
    let violations = map.iter().flat_map(|(key, value)| {
        let others = grammar::owners(value).filter(|owner| *owner != actor);
        others.map(|owner| TapisError::OwnershipViolation { key: key.clone(), owner: owner.to_owned() })
    });
    violations.collect()
}

/// Forms in a variable that only a secret_map may hold.
pub(crate) fn get_config_secret_map_warnings(variable: &str, text: &str) -> impl Iterator<Item = Warning> {
    grammar::map_only_forms(text).map(|form| Warning::MapOnly { variable: variable.to_owned(), form })
}

/// What looks like a reference in a text.
#[derive(Debug, Default)]
pub(crate) struct Unresolved {
    /// Each with the kind it would be.
    pub(crate) patterns: Vec<(String, &'static str)>,
    /// Those with `?` where `:?` was meant.
    pub(crate) missing_colons: Vec<String>,
}

pub(crate) fn detect_unresolved_patterns(text: &str) -> Unresolved {
    Unresolved {
        patterns: grammar::unresolved(text).map(|(found, kind)| (found.to_owned(), kind)).collect(),
        missing_colons: grammar::missing_colons(text).map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(secret_map: &[(&str, &str)], environment: &[(&str, &str)], actor: &str) -> (Vec<String>, Vec<String>) {
        let map =
            |members: &[(&str, &str)]| members.iter().map(|(key, text)| ((*key).into(), (*text).into())).collect();
        let (secret_map, environment) = (map(secret_map), map(environment));
        let definition = Definition { secret_map, environment, ..Definition::default() };
        let (errors, warnings) = lint(&definition, Some(actor));
        (errors.iter().map(ToString::to_string).collect(), warnings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn text_that_was_meant_as_a_reference_is_told() {
        let map = [("A", "u:${secret:db}@h"), ("B", "b")];
        let (errors, warnings) = messages(&map, &[("V", "${pods:secrets:B?why} ${pods:url} ${HOME}")], "amy");
        assert_eq!(errors, [""; 0]);
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(warnings[0].contains("`pods:url`"));
        assert!(warnings[1].contains("`${secret:db}`"));
        assert!(warnings[2].contains("`${pods:secrets:B?why}`"));
    }

    #[test]
    fn a_placeholder_is_told_once() {
        let (errors, warnings) = messages(&[("A", "${:?the host}"), ("B", "${pods:default:x:?the port}")], &[], "amy");
        assert_eq!(errors, ["`A` must be overridden: the host; set it in a later configuration"]);
        assert_eq!(warnings, ["`B` holds a placeholder that nothing overrides: the port"]);
    }

    #[test]
    fn an_owner_that_no_reference_can_name_is_told() {
        let told = |actor| messages(&[("A", "${secret:db}")], &[], actor).1.len();
        assert_eq!((told("jane.doe"), told("jane")), (1, 0));
    }

    #[test]
    fn a_message_shows_no_more_than_the_beginning_of_a_text() {
        let long = format!("${{secret:{}}}", "x.".repeat(500));
        let (_, warnings) = messages(&[("A", &long)], &[], "amy");
        assert!(warnings[0].len() < 200, "{}", warnings[0]);
    }
}
