//! `inject check`: is the configuration right?

use super::{Table, json, lint};
use crate::diag;
use crate::failure::{Code, Failure};
use crate::plan::{Dialect, Plan, TargetKind, tapis_definition};
use crate::resolve::Seen;
use crate::spec::Spec;
use crate::store::{Access, StoreError};
use crate::tapis;
use crate::template::Source;
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

/// `references`: what the stores said, where they were asked.
pub(crate) fn report_json(failures: &[Failure], warnings: &[Failure], references: Option<&[Reference<'_>]>) -> String {
    let list = |failures: &[Failure]| failures.iter().map(diag::json).collect::<Vec<_>>();
    let mut report = value!({ "ok": failures.is_empty(), "failures": list(failures), "warnings": list(warnings) });
    if let Some(references) = references {
        report["references"] = references.iter().map(Reference::json).collect();
    }
    json(&report)
}

/// One secret that a launch would ask for, and what its store says of it.
pub(crate) struct Reference<'a> {
    /// As it is written first.
    text: String,
    store: &'a str,
    kind: &'static str,
    /// None: nobody can tell.
    exists: Option<bool>,
    readable: Option<bool>,
    identity: &'a str,
    /// What there is to add.
    note: String,
}

impl<'a> Reference<'a> {
    /// One for each request of the plan, in its order.
    pub(crate) fn all(plan: &'a Plan, seen: &'a [Seen]) -> Vec<Self> {
        let mut texts = vec![String::new(); seen.len()];
        let entries = plan.entries.iter().map(|entry| &entry.template);
        let targets = plan.targets.iter().map(|target| &target.template);
        let arguments = plan.command.iter().flat_map(|command| &command.arguments).map(|argument| &argument.template);
        for slot in entries.chain(targets).chain(arguments).flat_map(|template| template.holes()) {
            if let Source::Request(number) = slot.source
                && texts[number].is_empty()
            {
                texts[number] = slot.hole.to_string();
            }
        }
        let requests = plan.requests.iter().map(|request| &plan.stores[request.store]);
        let references = requests.zip(seen).zip(texts).map(|((store, seen), text)| {
            let (exists, readable, mut note) = known(seen.answer.as_ref());
            if let Some(file) = &seen.file {
                note = format!("a launch has it as the file {}", file.display());
            }
            Self { text, store: &store.name, kind: store.kind.name, exists, readable, identity: &seen.identity, note }
        });
        references.collect()
    }

    fn json(&self) -> serde_json::Value {
        let or_null = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        value!({
            "reference": self.text,
            "store": self.store,
            "kind": self.kind,
            "exists": self.exists,
            "readable": self.readable,
            "identity": or_null(self.identity),
            "note": or_null(&self.note),
        })
    }
}

/// Whether it exists, whether we may read it, and what there is to add.
fn known(answer: Option<&Result<Access, StoreError>>) -> (Option<bool>, Option<bool>, String) {
    match answer {
        None => (Some(false), Some(false), String::new()),
        Some(Ok(Access::Readable)) => (Some(true), Some(true), String::new()),
        Some(Ok(Access::Made)) => (Some(false), Some(true), "the first launch makes it".to_owned()),
        Some(Ok(Access::Exists(why))) => (Some(true), None, why.clone()),
        Some(Ok(Access::Unknown(why))) => (None, None, why.clone()),
        Some(Err(error)) => match error {
            StoreError::NotReadable(_) => (Some(true), Some(false), String::new()),
            StoreError::Denied(_) => (None, Some(false), String::new()),
            _ => (None, None, String::new()),
        },
    }
}

/// What the stores said, as a table.
pub(crate) fn table(references: &[Reference<'_>]) -> String {
    let mut table = Table::new(&["REFERENCE", "STORE", "EXISTS", "READABLE", "AS", ""]);
    let word = |known| match known {
        Some(true) => "yes".to_owned(),
        Some(false) => "no".to_owned(),
        None => "?".to_owned(),
    };
    for reference in references {
        let identity = if reference.identity.is_empty() { "-" } else { reference.identity };
        table.row([
            reference.text.clone(),
            reference.store.to_owned(),
            word(reference.exists),
            word(reference.readable),
            identity.to_owned(),
            reference.note.clone(),
        ]);
    }
    let mut text = String::new();
    table.print(&mut text);
    text
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
