//! Spec to [`Plan`]: everything decided, nothing asked for.
//!
//! References become numbers of requests, grouped by store; templates keep those numbers as holes;
//! the command is found. A plan holds no secret, so it can be printed: `check` and `plan` stop here.
//! No network, and no file but what finding the command needs.

mod bind;
mod command;
mod entries;
mod inherit;
mod mode;
mod mounts;
mod privileges;
mod scan;
mod stores;
mod tapis;
mod targets;

pub(crate) use mode::{ExitMapping, Mode, Rewrite, Start, Supervision, repeated, signal};
pub(crate) use privileges::{Asked, Privileges, dropped};
pub(crate) use stores::{
    check as check_store, default_name as default_store, of_pods as store_of_pods, to_manage as store_to_manage,
};
pub(crate) use tapis::definition as tapis_definition;

use crate::environ::Environ;
use crate::failure::{self, Failure, Place, Stop};
use crate::reference::Address;
use crate::spec::Spec;
use crate::store::{Kind, Settings};
use crate::template::{Part, Slot, Source, Template};
use crate::users;
use command::CommandError;
use mounts::Mounting;
use std::ffi::{CStr, CString, OsString};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

pub(crate) struct Plan {
    pub(crate) stores: Vec<StorePlan>,
    pub(crate) requests: Vec<RequestPlan>,
    /// Entries that something refers to, each after those it refers to.
    pub(crate) entries: Vec<EntryPlan>,
    pub(crate) targets: Vec<Target>,
    /// Inherited variables that the command gets as they are.
    pub(crate) passed: Vec<&'static CStr>,
    pub(crate) command: Option<CommandPlan>,
    pub(crate) start: Start,
    pub(crate) supervision: Supervision,
    pub(crate) privileges: Privileges,
    pub(crate) mounting: Mounting,
    /// The signal that the command gets when whoever started it ends.
    pub(crate) parent_death: Option<i32>,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    /// The scope to resolve in, and the application to resolve for.
    pub(crate) scope: Option<String>,
    pub(crate) application: Option<String>,
    /// Entries that nothing refers to.
    pub(crate) unused: Vec<(String, Place)>,
    /// Whether the secret_map's entries became variables, and why.
    pub(crate) export: Export,
    /// Where a configuration was looked for, when there is none and nothing to inject.
    pub(crate) nothing_found: Option<Vec<PathBuf>>,
    pub(crate) warnings: Vec<Failure>,
}

pub(crate) struct StorePlan {
    pub(crate) name: String,
    pub(crate) kind: &'static Kind,
    pub(crate) settings: Settings,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestPlan {
    pub(crate) store: usize,
    pub(crate) address: Rc<Address>,
    pub(crate) random: Option<usize>,
}

pub(crate) struct EntryPlan {
    pub(crate) template: Template<Slot>,
    pub(crate) place: Place,
}

pub(crate) struct Target {
    pub(crate) kind: TargetKind,
    pub(crate) template: Template<Slot>,
    pub(crate) place: Place,
    /// What it was laid over, nearest last.
    pub(crate) shadows: Vec<Place>,
    /// The inherited value of the same name, where that is to be an error if it differs.
    pub(crate) conflict: Option<&'static [u8]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TargetKind {
    Variable(Rc<[u8]>),
    Descriptor(Box<DescriptorPlan>),
    File(Box<FilePlan>),
}

impl TargetKind {
    /// The variable that it sets, if any.
    pub(crate) fn variable(&self) -> Option<&[u8]> {
        match self {
            Self::Variable(name) => Some(name),
            Self::Descriptor(descriptor) => Some(descriptor.variable.as_bytes()),
            Self::File(file) => file.variable.as_deref().map(str::as_bytes),
        }
    }
}

/// A sealed descriptor, whose path the variable gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DescriptorPlan {
    pub(crate) variable: String,
    pub(crate) mode: u32,
    pub(crate) owner: Option<users::Owner>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilePlan {
    /// Absolute: exactly there. Relative: under the private directory.
    pub(crate) path: PathBuf,
    pub(crate) mode: u32,
    pub(crate) owner: Option<users::Owner>,
    pub(crate) variable: Option<String>,
}

pub(crate) struct CommandPlan {
    /// Where the program is.
    pub(crate) path: CString,
    /// What it is told, its own name first.
    pub(crate) arguments: Vec<Argument>,
}

pub(crate) struct Argument {
    pub(crate) template: Template<Slot>,
    pub(crate) place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Export {
    /// Nothing but a secret_map was given.
    MapAlone,
    /// Something else says what the command gets.
    TargetsGiven,
    Said(bool),
    /// The tapis dialect never exports.
    Tapis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Dialect {
    #[default]
    Strict,
    Tapis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum OnConflict {
    Error,
    #[default]
    Inject,
    Inherit,
}

/// How often a request is made again where nobody said it.
pub(crate) const RETRIES: u32 = 3;

/// `500ms`, `10s`, `2m`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
    // A day is longer than any launch, and sums with the clock without overflow.
    .filter(|duration| *duration <= Duration::from_secs(24 * 60 * 60))
}

/// What was typed about planning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) store: Option<String>,
    pub(crate) pristine: bool,
    pub(crate) keep: Vec<String>,
    pub(crate) drop: Vec<String>,
    pub(crate) on_conflict: OnConflict,
    pub(crate) scan: bool,
    pub(crate) allow_args: bool,
    pub(crate) dialect: Dialect,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) scope: Option<String>,
    pub(crate) application: Option<String>,
    pub(crate) file_mode: Option<u32>,
    pub(crate) file_owner: Option<String>,
    pub(crate) mode: Mode,
    pub(crate) supervision: Supervision,
    pub(crate) parent_death: Option<i32>,
    pub(crate) privileges: Asked,
    pub(crate) command: Vec<OsString>,
    /// `check` and `plan` may go without one.
    pub(crate) needs_command: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            store: None,
            pristine: false,
            keep: Vec::new(),
            drop: Vec::new(),
            on_conflict: OnConflict::default(),
            scan: true,
            allow_args: false,
            dialect: Dialect::default(),
            timeout: Duration::from_secs(30),
            retries: RETRIES,
            scope: None,
            application: None,
            file_mode: None,
            file_owner: None,
            mode: Mode::default(),
            supervision: Supervision::default(),
            parent_death: None,
            privileges: Asked::default(),
            command: Vec::new(),
            needs_command: true,
        }
    }
}

pub(crate) fn build(spec: &Spec, options: &Options, environ: &Environ) -> Result<Plan, Stop> {
    let planner = Planner {
        failures: spec.failures.clone(),
        warnings: Vec::new(),
        stores: stores::Stores::default(),
        requests: Vec::with_capacity(spec.secret_map.len()),
        needed: Vec::with_capacity(spec.secret_map.len()),
        numbers_of_entries: vec![None; spec.secret_map.len()],
        tapis: None,
        privileges: Privileges::default(),
        spec,
        options,
        environ,
    };
    planner.build()
}

/// What fills the holes of a plan.
fn sources<'p>(
    entries: &'p mut [EntryPlan],
    targets: &'p mut [Target],
    arguments: &'p mut [Argument],
) -> impl Iterator<Item = &'p mut Source> {
    let templates = entries.iter_mut().map(|entry| &mut entry.template);
    let templates = templates.chain(targets.iter_mut().map(|target| &mut target.template));
    let templates = templates.chain(arguments.iter_mut().map(|argument| &mut argument.template));
    templates.flat_map(|template| &mut template.parts).filter_map(|part| match part {
        Part::Hole(slot) => Some(&mut slot.source),
        Part::Text(_) => None,
    })
}

struct Planner<'a> {
    spec: &'a Spec,
    options: &'a Options,
    environ: &'a Environ,
    failures: Vec<Failure>,
    warnings: Vec<Failure>,
    stores: stores::Stores,
    requests: Vec<RequestPlan>,
    /// The entries that something refers to, in the order in which they were met.
    needed: Vec<usize>,
    /// Where each entry of the secret_map stands in `needed`.
    numbers_of_entries: Vec<Option<usize>>,
    privileges: Privileges,
    /// Under the tapis dialect, the templates that it makes of the texts.
    tapis: Option<tapis::Templates>,
}

impl<'a> Planner<'a> {
    fn build(mut self) -> Result<Plan, Stop> {
        self.stores.check_all(self.spec, &mut self.failures);
        if self.options.dialect == Dialect::Tapis {
            self.tapis = Some(tapis::templates(self.spec, &mut self.failures, &mut self.warnings));
        }
        self.privileges = Privileges::of(&self.options.privileges, &mut self.failures);
        let export = self.export();
        let inherited = inherit::Inherited::filter(self.options, self.environ);
        let mut drafts = self.drafts(export, &inherited);
        let mut targets = self.targets(&mut drafts);
        let mut arguments = self.arguments();
        let mut entries = self.entries();
        self.merge_requests(sources(&mut entries, &mut targets, &mut arguments));
        self.sort(&mut entries, &mut targets, &mut arguments);
        let passed = inherited.passed(|name| drafts.sets(name), &self.stores.credential_variables(), self.options);
        let mut status = failure::OURS;
        let needed = self.options.needs_command;
        let found = self.privileges.looking(&self.options.privileges, |privileges| {
            command::find(&arguments, &targets, &entries, &passed, privileges, needed)
        });
        let command = match found.unwrap_or_else(|failure| Err(CommandError { failure, status })) {
            Ok(command) => command.map(|path| CommandPlan { path, arguments }),
            Err(error) => {
                if self.failures.is_empty() {
                    status = error.status;
                }
                self.failures.push(error.failure);
                None
            }
        };
        let start = match mode::decide(self.options.mode, &self.options.supervision) {
            Ok(start) if self.failures.is_empty() => start,
            decided => {
                if let Err(failure) = decided {
                    status = failure::OURS;
                    self.failures.push(failure);
                }
                return Err(Stop { failures: self.failures, status });
            }
        };
        let nothing = targets.is_empty() && self.spec.secret_map.len() == 0 && !self.spec.looked_at.is_empty();
        let unused = (0..self.spec.secret_map.len())
            .filter(|&position| self.numbers_of_entries[position].is_none())
            .map(|position| self.spec.secret_map.at(position))
            .map(|(name, item)| (name.to_owned(), item.place.clone()))
            .collect();
        Ok(Plan {
            stores: self.stores.used(),
            requests: self.requests,
            entries,
            targets,
            passed,
            command,
            start,
            supervision: self.options.supervision.clone(),
            privileges: self.privileges,
            mounting: Mounting {
                mode: self.options.file_mode.unwrap_or(0o400),
                owner: self.options.file_owner.clone(),
            },
            parent_death: self.options.parent_death,
            timeout: self.options.timeout,
            retries: self.options.retries,
            scope: self.options.scope.clone(),
            application: self.options.application.clone(),
            unused,
            export,
            nothing_found: nothing.then(|| self.spec.looked_at.clone()),
            warnings: self.warnings,
        })
    }

    fn export(&self) -> Export {
        match self.spec.export {
            _ if self.options.dialect == Dialect::Tapis => Export::Tapis,
            Some(said) => Export::Said(said),
            None if self.spec.has_targets => Export::TargetsGiven,
            None => Export::MapAlone,
        }
    }
}
