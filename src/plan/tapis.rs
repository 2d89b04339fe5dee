//! The tapis dialect's part of a plan: its templates come from `crate::tapis` instead of the scanner.

use crate::failure::{Code, Failure};
use crate::reference::Hole;
use crate::spec::{Spec, Text};
use crate::tapis::{self, Definition, Pod, TapisError};
use crate::template::Template;
use std::collections::BTreeMap;

/// What each text of the configuration is a template for.
pub(super) struct Templates {
    pub(super) entries: BTreeMap<String, Result<Template<Hole>, TapisError>>,
    pub(super) environment: BTreeMap<String, Template<Hole>>,
    pub(super) configs: BTreeMap<String, Template<Hole>>,
}

/// Plans the pod that the configuration defines. Whose secrets a reference may name is left to the
/// store, which knows whose credential it shows.
pub(super) fn templates(spec: &Spec, failures: &mut Vec<Failure>, warnings: &mut Vec<Failure>) -> Templates {
    let definition = definition(spec);
    let mut plan = tapis::plan_pod(&definition, None);
    plan.errors.extend(tapis::rules::map_keys(&definition.secret_map).err());
    failures.extend(plan.errors.iter().map(|error| failure(spec, error)));
    warnings.extend(plan.warnings.iter().map(|warning| Failure::new(Code::Reference, "", warning)));
    Templates {
        entries: plan.entries.into_iter().map(|entry| (entry.key, entry.template)).collect(),
        environment: plan.environment.into_iter().collect(),
        configs: plan.configs.into_iter().collect(),
    }
}

pub(super) fn failure(spec: &Spec, error: &TapisError) -> Failure {
    match error.key().and_then(|key| spec.secret_map.get(key)) {
        Some(item) => Failure::new(Code::Reference, &item.place, error),
        None => Failure::new(Code::Reference, "", error),
    }
}

/// The configuration as Tapis sees a pod. What it has no word for (literals, other spellings of a
/// value) stands as an empty text and is planned as under any dialect.
pub(crate) fn definition(spec: &Spec) -> Definition {
    let text = |text: &Text| match text {
        Text::Template(text) => String::from_utf8(text.clone()).unwrap_or_default(),
        _ => String::new(),
    };
    let files = spec.files.iter().map(|(path, file)| (path.to_owned(), text(&file.item.text)));
    let mounts = spec.mounts.iter().filter_map(|(path, mount)| Some((path.to_owned(), mount.content.clone()?)));
    let pod = Pod { facts: spec.pod.clone(), ..Pod::default() };
    Definition {
        secret_map: spec.secret_map.iter().map(|(key, item)| (key.to_owned(), text(&item.text))).collect(),
        environment: spec.environment.iter().map(|(name, item)| (name.to_owned(), text(&item.text))).collect(),
        configs: files.chain(mounts).collect(),
        pod: Some(pod),
    }
}
