//! `inject check`: is the configuration right?

use super::{json, lint};
use crate::diag;
use crate::failure::{Code, Failure, Stop};
use crate::plan::{Dialect, Plan, TargetKind, tapis_definition};
use crate::spec::Spec;
use crate::tapis;
use serde_json::json as value;

/// What can be said of the texts before planning takes them.
pub(crate) fn warnings(spec: &Spec, dialect: Dialect) -> Vec<Failure> {
    match dialect {
        Dialect::Strict => lint::near_misses(spec),
        Dialect::Tapis => {
            // What stops a launch is the plan's to say.
            let (_, warnings) = tapis::lint::lint(&tapis_definition(spec), None);
            warnings.iter().map(|warning| Failure::new(Code::Reference, "", warning)).collect()
        }
    }
}

/// What the plan tells besides.
pub(crate) fn more_warnings(plan: &Plan) -> Vec<Failure> {
    let unused = plan.unused.iter().map(|(_, place)| {
        Failure::new(Code::Config, place, "nothing refers to this entry, so the command does not get it")
    });
    unused.collect()
}

pub(crate) fn report_json(planned: &Result<Plan, Stop>, warnings: &[Failure]) -> String {
    let failures: Vec<_> = planned.as_ref().err().into_iter().flat_map(|stop| &stop.failures).map(diag::json).collect();
    let warnings: Vec<_> = warnings.iter().map(diag::json).collect();
    json(&value!({ "ok": planned.is_ok(), "failures": failures, "warnings": warnings }))
}

/// One line for a configuration that is right.
pub(crate) fn summary(plan: &Plan) -> String {
    let files = plan.targets.iter().filter(|target| matches!(target.kind, TargetKind::File(_))).count();
    let stores: Vec<_> = plan.stores.iter().map(|store| store.name.as_str()).collect();
    let from = if stores.is_empty() { String::new() } else { format!(" from {}", stores.join(", ")) };
    let (variables, secrets) = (plan.targets.len() - files, plan.requests.len());
    format!("ok: {}, {}, {}{from}\n", count(variables, "variable"), count(files, "file"), count(secrets, "secret"))
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
