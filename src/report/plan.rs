//! `inject plan`: what would be injected, from where, and why that layer won.

use super::{Table, json};
use crate::inject::file::Outlook;
use crate::plan::{Argument, CommandPlan, Export, Plan, Target, TargetKind};
use crate::template::{Part, Slot, Source, Template};
use crate::users::Identity;
use serde_json::json as value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The JSON of `product.md` section 10: keys are added, never renamed.
pub(crate) fn report_json(plan: &Plan, outlook: Option<&Outlook>) -> String {
    let targets: Vec<_> = plan.targets.iter().map(|target| target_json(plan, target)).collect();
    let unused: Vec<_> = plan.unused.iter().map(|(name, _)| name).collect();
    let files = outlook.map(|outlook| {
        value!({
            "method": outlook.method.name(),
            "why": outlook.why,
            "directory": outlook.directory.to_string_lossy(),
            "unswapped": outlook.unswapped,
        })
    });
    json(&value!({
        "command": plan.command.as_ref().map(words),
        "program": plan.command.as_ref().map(|command| command.path.to_string_lossy()),
        "mode": plan.start.mode(),
        "mode_why": plan.start.why,
        "user": plan.privileges.identity.as_ref().map(|identity| {
            value!({ "user": identity.user, "group": identity.group, "groups": identity.groups })
        }),
        "files": files,
        "export": export(plan.export),
        "targets": targets,
        "unused": unused,
    }))
}

fn target_json(plan: &Plan, target: &Target) -> serde_json::Value {
    let drawn = Drawn::of(plan, &target.template);
    let stores = drawn.stores();
    value!({
        "kind": kind(target),
        "name": name(target),
        "layer": target.place.layer.name,
        "place": target.place.to_string(),
        "shadows": target.shadows.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "references": drawn.references,
        "store": (!stores.is_empty()).then_some(stores),
        "delivery": delivery(target),
    })
}

pub(crate) fn report_text(plan: &Plan, outlook: Option<&Outlook>) -> String {
    let mut text = String::new();
    if let Some(command) = &plan.command {
        let _ = writeln!(text, "command  {}", words(command).join(" "));
        let _ = writeln!(text, "program  {}", command.path.to_string_lossy());
    }
    let _ = writeln!(text, "mode     {}: {}", plan.start.mode(), plan.start.why);
    if let Some(Identity { user, group, groups, .. }) = &plan.privileges.identity {
        let groups: Vec<_> = groups.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "user     {user}:{group}, groups {}", groups.join(" "));
    }
    if let Some(Outlook { method, why, directory, unswapped }) = outlook {
        let swap = if *unswapped { "never swapped" } else { "may be swapped out" };
        let _ = writeln!(text, "files    {}: {why}; in {}, {swap}", method.name(), directory.display());
    }
    let _ = writeln!(text, "entries  {}", export(plan.export));
    if !plan.targets.is_empty() {
        let mut table = Table::new(&["NAME", "FROM", "REFERENCES", "STORE", "DELIVERY", "SHADOWS"]);
        for target in &plan.targets {
            let drawn = Drawn::of(plan, &target.template);
            let shadows: Vec<_> = target.shadows.iter().map(ToString::to_string).collect();
            let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
            table.row([
                name(target),
                target.place.to_string(),
                or_none(drawn.references.join(" ")),
                or_none(drawn.stores()),
                delivery(target),
                or_none(shadows.join(", ")),
            ]);
        }
        text.push('\n');
        table.print(&mut text);
    }
    if !plan.unused.is_empty() {
        let names: Vec<_> = plan.unused.iter().map(|(name, _)| name.as_str()).collect();
        let _ = writeln!(text, "\nunused   {}", names.join(", "));
    }
    text
}

fn kind(target: &Target) -> &'static str {
    match target.kind {
        TargetKind::Variable(_) => "variable",
        TargetKind::Descriptor(_) => "descriptor",
        TargetKind::File(_) => "file",
    }
}

fn name(target: &Target) -> String {
    match &target.kind {
        TargetKind::Variable(name) => String::from_utf8_lossy(name).into_owned(),
        TargetKind::Descriptor(descriptor) => descriptor.variable.clone(),
        TargetKind::File(file) => file.path.display().to_string(),
    }
}

fn delivery(target: &Target) -> String {
    match &target.kind {
        TargetKind::Variable(_) => "environment".to_owned(),
        TargetKind::Descriptor(descriptor) => format!("sealed descriptor, mode {:04o}", descriptor.mode),
        TargetKind::File(file) => {
            let variable = file.variable.as_ref().map_or_else(String::new, |name| format!(", path in {name}"));
            format!("in-memory file, mode {:04o}{variable}", file.mode)
        }
    }
}

fn export(export: Export) -> &'static str {
    match export {
        Export::MapAlone => "exported: the secret_map stands alone",
        Export::TargetsGiven => "not exported: something else says what the command gets",
        Export::Said(true) => "exported: \"export\" is true",
        Export::Said(false) => "not exported: \"export\" is false",
        Export::Tapis => "not exported: the tapis dialect never does",
    }
}

/// A word with a reference is shown as the reference.
fn words(command: &CommandPlan) -> Vec<String> {
    let word = |argument: &Argument| {
        let part = |part: &Part<Slot>| match part {
            Part::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Part::Hole(slot) => slot.hole.to_string(),
        };
        argument.template.parts.iter().map(part).collect()
    };
    command.arguments.iter().map(word).collect()
}

/// The references that a template draws on, through entries too, and the stores they ask.
struct Drawn<'p> {
    references: Vec<String>,
    stores: BTreeSet<&'p str>,
}

/// Each target of a long chain of entries draws on the whole rest of it: a report follows so far.
const DEEPEST: usize = 8;

impl<'p> Drawn<'p> {
    fn of(plan: &'p Plan, template: &'p Template<Slot>) -> Self {
        let mut drawn = Self { references: Vec::new(), stores: BTreeSet::new() };
        let mut waiting: Vec<(&Slot, usize)> = template.holes().map(|slot| (slot, 0)).collect();
        waiting.reverse();
        let (mut seen, mut shown) = (BTreeSet::new(), BTreeSet::new());
        while let Some((slot, depth)) = waiting.pop() {
            let text = slot.hole.to_string();
            if shown.insert(text.clone()) {
                drawn.references.push(text);
            }
            match slot.source {
                Source::Request(number) => {
                    drawn.stores.insert(&plan.stores[plan.requests[number].store].name);
                }
                Source::Entry(number) if depth < DEEPEST && seen.insert(number) => {
                    waiting.extend(plan.entries[number].template.holes().map(|slot| (slot, depth + 1)));
                }
                Source::Entry(_) => {}
            }
        }
        drawn
    }

    fn stores(&self) -> String {
        self.stores.iter().copied().collect::<Vec<_>>().join(", ")
    }
}
