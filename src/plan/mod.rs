//! Spec to [`Plan`]: everything decided, nothing asked for.
//!
//! References become numbers of requests, grouped by store; templates keep those numbers as holes;
//! the command is found. A plan holds no secret, so it can be printed: `check` and `plan` stop here.
//! No network, and no file but what finding the command needs.

mod command;
mod inherit;
mod stores;
mod tapis;

pub(crate) use stores::{check as check_store, default_name as default_store, to_manage as store_to_manage};
pub(crate) use tapis::definition as tapis_definition;

use crate::environ::Environ;
use crate::failure::{self, Code, Failure, HINTS, Layer, Place, Stop, hint};
use crate::reference::{Absent, Address, Body, Filter, Hole, PodField};
use crate::spec::{FileItem, Item, Mount, Spec, Text};
use crate::store::{Kind, Settings};
use crate::template::{Part, Scan, Slot, Source, Template};
use crate::users;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString, OsString};
use std::path::{Path, PathBuf};
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
    pub(crate) timeout: Duration,
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
    pub(crate) address: Address,
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
    Variable(Vec<u8>),
    /// A sealed descriptor, whose path the variable gets.
    Descriptor {
        variable: String,
        mode: u32,
        owner: Option<users::Owner>,
    },
    File(FilePlan),
}

impl TargetKind {
    /// The variable that it sets, if any.
    pub(crate) fn variable(&self) -> Option<&[u8]> {
        match self {
            Self::Variable(name) => Some(name),
            Self::Descriptor { variable, .. } => Some(variable.as_bytes()),
            Self::File(file) => file.variable.as_deref().map(str::as_bytes),
        }
    }
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
    pub(crate) arguments: Vec<Template<Slot>>,
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
    pub(crate) file_mode: Option<u32>,
    pub(crate) file_owner: Option<String>,
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
            file_mode: None,
            file_owner: None,
            command: Vec::new(),
            needs_command: true,
        }
    }
}

pub(crate) fn build(mut spec: Spec, options: &Options, environ: &Environ) -> Result<Plan, Stop> {
    let failures = std::mem::take(&mut spec.failures);
    let planner = Planner {
        failures,
        warnings: Vec::new(),
        stores: stores::Stores::default(),
        numbers: BTreeMap::new(),
        order: Vec::new(),
        tapis: None,
        spec: &spec,
        options,
        environ,
    };
    planner.build()
}

struct Planner<'a> {
    spec: &'a Spec,
    options: &'a Options,
    environ: &'a Environ,
    failures: Vec<Failure>,
    warnings: Vec<Failure>,
    stores: stores::Stores,
    numbers: BTreeMap<RequestPlan, usize>,
    /// Of the entries that are needed: the position in the map to that in the plan.
    order: Vec<Option<usize>>,
    /// Under the tapis dialect, the templates that it makes of the texts.
    tapis: Option<tapis::Templates>,
}

/// Which part of a configuration a text is in.
#[derive(Clone, Copy)]
enum Section {
    Entries,
    Environment,
    Configs,
}

/// A target before its references are numbered.
struct Draft {
    kind: TargetKind,
    template: Template<Hole>,
    place: Place,
    shadows: Vec<Place>,
    conflict: Option<&'static [u8]>,
}

impl Draft {
    fn new(kind: TargetKind, template: Template<Hole>, place: &Place, shadows: &[Place]) -> Self {
        Self { kind, template, place: place.clone(), shadows: shadows.to_vec(), conflict: None }
    }
}

impl<'a> Planner<'a> {
    fn build(mut self) -> Result<Plan, Stop> {
        self.stores.check_all(self.spec, &mut self.failures);
        if self.options.dialect == Dialect::Tapis {
            self.tapis = Some(tapis::templates(self.spec, &mut self.failures, &mut self.warnings));
        }
        let export = self.export();
        let inherited = inherit::Inherited::filter(self.options, self.environ);
        let mut drafts = self.drafts(export, &inherited);
        let arguments = self.arguments();
        let needed = self.needed(drafts.iter().map(|draft| &draft.template).chain(&arguments));
        let entries = self.entries(needed);
        let mut targets = Vec::with_capacity(drafts.len());
        for draft in drafts.drain(..) {
            let template = self.bind(draft.template, &draft.place);
            let Draft { kind, place, shadows, conflict, .. } = draft;
            targets.push(Target { kind, template, place, shadows, conflict });
        }
        let place = Place::of(&Rc::new(Layer::named("argument of the command")), None, "");
        let arguments: Vec<_> = arguments.into_iter().map(|argument| self.bind(argument, &place)).collect();
        let passed = inherited.passed(&targets, &self.stores.credential_variables(), self.options);
        let mut status = failure::OURS;
        let command = match command::find(&arguments, &targets, &entries, &passed, self.options.needs_command) {
            Ok(command) => command.map(|path| CommandPlan { path, arguments }),
            Err(error) => {
                if self.failures.is_empty() {
                    status = error.status;
                }
                self.failures.push(error.failure);
                None
            }
        };
        if !self.failures.is_empty() {
            return Err(Stop { failures: self.failures, status });
        }
        let nothing = targets.is_empty() && self.spec.secret_map.len() == 0 && !self.spec.looked_at.is_empty();
        let unused = (0..self.spec.secret_map.len())
            .filter(|&position| self.order[position].is_none())
            .map(|position| self.spec.secret_map.at(position))
            .map(|(name, item)| (name.to_owned(), item.place.clone()))
            .collect();
        Ok(Plan {
            stores: self.stores.used(),
            requests: Self::requests(self.numbers),
            entries,
            targets,
            passed,
            command,
            timeout: self.options.timeout,
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

    /// All that the command is to get, lowest precedence first.
    fn drafts(&mut self, export: Export, inherited: &inherit::Inherited) -> Vec<Draft> {
        let spec = self.spec;
        let mut drafts = Drafts::default();
        drafts.list.reserve(spec.secret_map.len() + spec.environment.len());
        if self.options.scan {
            self.draft_inherited(inherited, &mut drafts);
        }
        if matches!(export, Export::MapAlone | Export::Said(true)) {
            for (name, item) in spec.secret_map.iter() {
                let template = Template { parts: vec![Part::Hole(Hole::plain(Body::Entry(name.to_owned())))] };
                let kind = TargetKind::Variable(name.as_bytes().to_vec());
                drafts.lay(name.as_bytes(), Draft::new(kind, template, &item.place, &item.shadows));
            }
        }
        for (name, item) in spec.environment.iter() {
            let Some(template) = self.scan(item, name, Section::Environment) else { continue };
            let kind = if item.descriptor {
                let (mode, owner) = (self.options.file_mode.unwrap_or(0o400), self.owner(None, &item.place));
                TargetKind::Descriptor { variable: name.to_owned(), mode, owner }
            } else {
                TargetKind::Variable(name.as_bytes().to_vec())
            };
            drafts.lay(name.as_bytes(), Draft::new(kind, template, &item.place, &item.shadows));
        }
        self.settle_conflicts(&mut drafts, inherited);
        for (path, file) in spec.files.iter() {
            self.draft_file(path, file, &mut drafts);
        }
        for (path, mount) in spec.mounts.iter() {
            self.draft_mount(path, mount, &mut drafts);
        }
        self.check_names(&drafts);
        drafts.list
    }

    /// Inherited variables that are templates.
    fn draft_inherited(&mut self, inherited: &inherit::Inherited, drafts: &mut Drafts<'a>) {
        let layer = Rc::new(Layer::named("environment"));
        let known = |name: &str| self.stores.is_known(name, self.spec, self.environ);
        let entry = |key: &str| self.spec.secret_map.get(key).is_some();
        for (name, value) in inherited.kept() {
            let place = Place::of(&layer, None, String::from_utf8_lossy(name));
            let scanned = match (self.options.dialect, std::str::from_utf8(value)) {
                (Dialect::Strict, _) if Template::is_meant(value, &known) => Template::scan(value, Scan::Known(&known)),
                (Dialect::Tapis, Ok(text)) if text.contains("${pods:secrets:") => {
                    Ok(crate::tapis::grammar::plan_text(text, &entry, &mut |_| {}))
                }
                _ => continue,
            };
            match scanned {
                Ok(template) => {
                    drafts.lay(name, Draft::new(TargetKind::Variable(name.to_vec()), template, &place, &[]));
                }
                Err(errors) => {
                    for error in errors {
                        let message = format!("{}; --no-scan leaves inherited variables alone", error.what);
                        self.failures.push(Failure::new(Code::Reference, &place, message));
                    }
                }
            }
        }
    }

    /// What an injected name does to an inherited one.
    fn settle_conflicts(&mut self, drafts: &mut Drafts<'a>, inherited: &inherit::Inherited) {
        let inherited = inherited.values();
        for draft in &mut drafts.list {
            let name = match &draft.kind {
                TargetKind::File(_) => continue,
                kind => kind.variable().unwrap_or_default().to_vec(),
            };
            let Some(&value) = inherited.get(&*name).filter(|_| draft.place.layer.name != "environment") else {
                continue;
            };
            let environment = Place::of(&Rc::new(Layer::named("environment")), None, String::from_utf8_lossy(&name));
            match self.options.on_conflict {
                OnConflict::Error => draft.conflict = Some(value),
                OnConflict::Inherit => {
                    draft.template = Template::text(value);
                    draft.kind = TargetKind::Variable(name);
                    let place = std::mem::replace(&mut draft.place, environment);
                    draft.shadows.push(place);
                    continue;
                }
                OnConflict::Inject => {}
            }
            draft.shadows.insert(0, environment);
        }
    }

    fn draft_file(&mut self, path: &str, file: &'a FileItem, drafts: &mut Drafts<'a>) {
        let Some(template) = self.scan(&file.item, path, Section::Configs) else { return };
        let Item { place, shadows, .. } = &file.item;
        let mode = file.mode.or(self.options.file_mode).unwrap_or(0o400);
        let owner = self.owner(file.owner.as_deref(), place);
        if file.item.descriptor {
            let Some(variable) = &file.env else { return };
            let kind = TargetKind::Descriptor { variable: variable.clone(), mode, owner };
            return drafts.lay(variable.as_bytes(), Draft::new(kind, template, place, shadows));
        }
        let plan = FilePlan { path: path.into(), mode, owner, variable: file.env.clone() };
        drafts.list.push(Draft::new(TargetKind::File(plan), template, place, shadows));
    }

    /// Whose a file is to be; an unknown name is reported.
    fn owner(&mut self, said: Option<&str>, place: &Place) -> Option<users::Owner> {
        let name = said.or(self.options.file_owner.as_deref())?;
        users::owner(name).map_err(|message| self.failures.push(Failure::new(Code::Config, place, message))).ok()
    }

    /// Entries with `config_content` become files; the other mounts are the service's business.
    fn draft_mount(&mut self, path: &str, mount: &Mount, drafts: &mut Drafts<'a>) {
        if self.tapis.is_some()
            && let Err(errors) = crate::tapis::rules::validate_mount(path, mount)
        {
            let failure = |error| Failure::new(Code::Config, &mount.place, error);
            return self.failures.extend(errors.iter().map(failure));
        }
        let Some(content) = mount.content.as_ref().filter(|_| !mount.removed) else { return };
        if is_size_marker(content) {
            let message =
                "this is the marker that the service sends in place of a content; ask for the pod with its configs";
            return self.failures.push(Failure::new(Code::Config, &mount.place, message));
        }
        let mode = match mount.permissions.as_deref().filter(|text| !text.is_empty()) {
            None => 0o644,
            Some(text) => match crate::spec::parse_mode(text) {
                Some(mode) => mode,
                None => {
                    let message = "config_permissions has three or four octal digits, such as \"0400\"";
                    return self.failures.push(Failure::new(Code::Config, &mount.place, message));
                }
            },
        };
        let item = Item {
            text: Text::Template(content.clone().into_bytes()),
            descriptor: false,
            place: mount.place.clone(),
            shadows: Vec::new(),
        };
        let Some(template) = self.scan(&item, path, Section::Configs) else { return };
        // On a volume the path is a directory; alone it is the file itself.
        let path = match &mount.filename {
            Some(filename) if mount.kind.as_deref() == Some("tapisvolume") => PathBuf::from(path).join(filename),
            _ => PathBuf::from(path),
        };
        if !path.is_absolute() {
            let message = "the path of a volume mount is absolute";
            return self.failures.push(Failure::new(Code::Config, &mount.place, message));
        }
        let owner = self.owner(None, &mount.place);
        let plan = FilePlan { path, mode, owner, variable: None };
        drafts.list.push(Draft::new(TargetKind::File(plan), template, &mount.place, &mount.shadows));
    }

    fn check_names(&mut self, drafts: &Drafts<'a>) {
        let mut paths: BTreeSet<&Path> = BTreeSet::new();
        let mut of_files: BTreeSet<&[u8]> = BTreeSet::new();
        for draft in &drafts.list {
            let mut complain = |message: &str| self.failures.push(Failure::new(Code::Config, &draft.place, message));
            let name = draft.kind.variable();
            if let TargetKind::File(plan) = &draft.kind {
                if !paths.insert(&plan.path) {
                    complain("another file has this path too");
                }
                if name.is_some_and(|name| drafts.variables.contains_key(name) || !of_files.insert(name)) {
                    complain("the variable that gets this file's path is set by something else too");
                }
            }
            match name {
                Some([]) => complain("a variable has an empty name"),
                Some(name) if name.contains(&b'=') => {
                    complain("a variable cannot have `=` in its name; use a file instead");
                }
                Some(name) if name.contains(&0) => complain("a variable cannot have a NUL byte in its name"),
                _ => {}
            }
        }
    }

    /// The item's template; None when it is malformed, which is reported, or not to be set.
    fn scan(&mut self, item: &Item, name: &str, section: Section) -> Option<Template<Hole>> {
        let scanned = match &item.text {
            Text::Template(_) if self.tapis.is_some() => return self.tapis_template(item, name, section),
            Text::Literal(text) => Ok(Template::text(text.clone())),
            Text::Reference(hole) => Ok(Template { parts: vec![Part::Hole(Hole::clone(hole))] }),
            Text::Template(text) => Template::scan(text, Scan::Every),
            Text::Inherited => {
                let value = self.environ.get(name)?;
                let known = |name: &str| self.stores.is_known(name, self.spec, self.environ);
                if self.options.scan && Template::is_meant(value, &known) {
                    Template::scan(value, Scan::Known(&known))
                } else {
                    Ok(Template::text(value))
                }
            }
        };
        scanned
            .map_err(|errors| {
                for error in errors {
                    let message = format!("{} (byte {} of the value)", error.what, error.at);
                    self.failures.push(Failure::new(Code::Reference, &item.place, message));
                }
            })
            .ok()
    }

    fn tapis_template(&mut self, item: &Item, name: &str, section: Section) -> Option<Template<Hole>> {
        let templates = self.tapis.as_ref()?;
        let template = match section {
            Section::Environment => templates.environment.get(name),
            Section::Configs => templates.configs.get(name),
            Section::Entries => match templates.entries.get(name)? {
                Ok(template) => Some(template),
                Err(error) => {
                    self.failures.push(tapis::failure(self.spec, error));
                    return None;
                }
            },
        };
        match (&item.text, template) {
            // Tapis knows text only; bytes that are none hold no reference of its.
            (Text::Template(text), _) if std::str::from_utf8(text).is_err() => Some(Template::text(text.clone())),
            (_, template) => template.cloned(),
        }
    }

    /// The command's words. One that holds a reference needs leave: every user can read it.
    fn arguments(&mut self) -> Vec<Template<Hole>> {
        use std::os::unix::ffi::OsStrExt as _;
        let words: Vec<Vec<u8>> = if self.options.command.is_empty() {
            let command = self.spec.command.iter().flatten();
            let with_arguments =
                command.chain(self.spec.arguments.iter().flatten().filter(|_| self.spec.command.is_some()));
            with_arguments.map(|word| word.as_bytes().to_vec()).collect()
        } else {
            self.options.command.iter().map(|word| word.as_bytes().to_vec()).collect()
        };
        let known = |name: &str| self.stores.is_known(name, self.spec, self.environ);
        let mut arguments = Vec::with_capacity(words.len());
        let mut failures = Vec::new();
        for (number, word) in words.into_iter().enumerate() {
            let meant = self.options.dialect == Dialect::Strict && Template::is_meant(&word, &known);
            let mut refuse = |message: String| {
                failures.push(Failure::new(Code::Reference, format!("argument {number} of the command"), message));
            };
            if meant && number == 0 {
                refuse("the command itself cannot be a reference".to_owned());
            } else if meant && !self.options.allow_args {
                refuse(
                    "it holds a reference, and every user can read /proc/PID/cmdline; use a variable or a file, or --allow-args"
                        .to_owned(),
                );
            } else if meant {
                match Template::scan(&word, Scan::Known(&known)) {
                    Ok(template) => {
                        arguments.push(template);
                        continue;
                    }
                    Err(errors) => errors.into_iter().for_each(|error| refuse(error.what.to_string())),
                }
            }
            arguments.push(Template::text(word));
        }
        self.failures.extend(failures);
        arguments
    }

    /// The entries that templates refer to, directly or through others, each after those it needs.
    fn needed<'t>(&mut self, roots: impl Iterator<Item = &'t Template<Hole>>) -> Vec<(usize, Template<Hole>)> {
        let mut waiting: Vec<usize> = roots.flat_map(|template| self.entries_of(template)).collect();
        if self.tapis.is_some() {
            // Tapis resolves every entry, and starts nothing when one fails.
            waiting.extend(0..self.spec.secret_map.len());
        }
        let mut met = vec![false; self.spec.secret_map.len()];
        let mut parsed = Vec::with_capacity(waiting.len());
        let mut related = false;
        while let Some(position) = waiting.pop() {
            if std::mem::replace(&mut met[position], true) {
                continue;
            }
            let (name, item) = self.spec.secret_map.at(position);
            let mut template = self.scan(item, name, Section::Entries).unwrap_or_else(|| Template::text(""));
            drop_final_newline(&mut template);
            let before = waiting.len();
            waiting.extend(self.entries_of(&template));
            related |= waiting.len() > before;
            parsed.push((position, template));
        }
        // Mostly no entry refers to another, and any order will do.
        if related { self.sort(parsed.into_iter().collect()) } else { parsed }
    }

    fn entries_of<'t>(&self, template: &'t Template<Hole>) -> impl Iterator<Item = usize> + use<'a, 't> {
        let spec = self.spec;
        template.holes().filter_map(move |hole| match &hole.body {
            Body::Entry(key) => spec.secret_map.position(key),
            _ => None,
        })
    }

    /// Depth first without recursion, so that a long chain of entries is no danger to the stack.
    fn sort(&mut self, mut parsed: BTreeMap<usize, Template<Hole>>) -> Vec<(usize, Template<Hole>)> {
        let mut sorted: Vec<usize> = Vec::with_capacity(parsed.len());
        // Of an entry that was met: where it stands in the path, or None once it is sorted.
        let mut met: BTreeMap<usize, Option<usize>> = BTreeMap::new();
        for &root in parsed.keys() {
            // Each level: an entry, and those it still waits for.
            let mut path: Vec<(usize, Vec<usize>)> = Vec::new();
            let mut next = Some(root);
            loop {
                match next.take().map(|position| (position, met.get(&position))) {
                    Some((_, Some(None))) | None => {}
                    Some((position, Some(Some(start)))) => {
                        let circle = path[*start..].iter().map(|(entry, _)| *entry);
                        let message = format!("entries refer to one another in a circle: {}", self.circle(circle));
                        let place = &self.spec.secret_map.at(position).1.place;
                        self.failures.push(Failure::new(Code::Reference, place, message));
                    }
                    Some((position, None)) => {
                        met.insert(position, Some(path.len()));
                        path.push((position, self.entries_of(&parsed[&position]).collect()));
                    }
                }
                let Some((position, waits)) = path.last_mut() else { break };
                next = waits.pop();
                if next.is_none() {
                    met.insert(*position, None);
                    sorted.push(*position);
                    path.pop();
                }
            }
        }
        let take = |position: usize| parsed.remove(&position).map(|template| (position, template));
        sorted.into_iter().filter_map(take).collect()
    }

    /// `A -> B -> A`; of a long one its beginning.
    fn circle(&self, entries: impl ExactSizeIterator<Item = usize> + Clone) -> String {
        const SHOWN: usize = 10;
        let mut names: Vec<_> = entries.clone().take(SHOWN).map(|entry| self.spec.secret_map.at(entry).0).collect();
        let more = entries.len().saturating_sub(SHOWN);
        let others = format!("({more} others)");
        if more > 0 {
            names.push(&others);
        }
        names.extend(names.first().copied());
        names.join(" -> ")
    }

    fn entries(&mut self, needed: Vec<(usize, Template<Hole>)>) -> Vec<EntryPlan> {
        self.order = vec![None; self.spec.secret_map.len()];
        for (at, (position, _)) in needed.iter().enumerate() {
            self.order[*position] = Some(at);
        }
        let mut entries = Vec::with_capacity(needed.len());
        for (position, template) in needed {
            let (name, item) = self.spec.secret_map.at(position);
            let place = item.place.clone();
            let template = match whole_random(&template) {
                Some((hole, length)) => self.bind_random(name, hole, length, &place),
                None => self.bind(template, &place),
            };
            entries.push(EntryPlan { template, place });
        }
        entries
    }

    /// Numbers a template's references. Each that cannot be is reported; the plan fails then, so
    /// what stands in for it does not matter.
    fn bind(&mut self, template: Template<Hole>, place: &Place) -> Template<Slot> {
        let mut parts = Vec::with_capacity(template.parts.len());
        for part in template.parts {
            match part {
                Part::Text(text) => parts.push(Part::Text(text)),
                Part::Hole(hole) => match self.bind_hole(&hole) {
                    Ok(Bound::Source(source)) => parts.push(Part::Hole(Slot { source, hole })),
                    Ok(Bound::Text(text)) => parts.push(Part::Text(text)),
                    Err((code, message)) => {
                        self.failures.push(Failure::new(code, place, message).about(&hole));
                    }
                },
            }
        }
        Template { parts }
    }

    fn bind_hole(&mut self, hole: &Hole) -> Result<Bound, (Code, String)> {
        let missing = |what: String| match &hole.absent {
            Absent::Default(default) => Ok(Bound::Text(default.clone())),
            Absent::Explain(text) => Err((Code::Reference, text.clone())),
            Absent::Fail => Err((Code::Reference, what)),
        };
        match &hole.body {
            Body::Entry(key) => match self.spec.secret_map.position(key) {
                Some(position) => {
                    Ok(Bound::Source(Source::Entry(self.order.get(position).copied().flatten().unwrap_or(0))))
                }
                None => {
                    let hint = match self.failures.len() {
                        ..HINTS => hint(key, self.spec.secret_map.names()),
                        _ => String::new(),
                    };
                    missing(format!("the secret_map has no entry `{key}`{hint}"))
                }
            },
            Body::Secret(address) => {
                let store = self.stores.of(address, self.spec, self.options, self.environ)?;
                Ok(Bound::Source(Source::Request(self.number(store, address.clone(), None))))
            }
            Body::Default(value) => filtered(value, &hole.filters),
            Body::Required(text) => Err((Code::Reference, format!("a value is required here: {text}"))),
            Body::Random(_) => {
                Err((Code::Reference, "a random password is the whole value of a secret_map entry only".to_owned()))
            }
            Body::Pod(field) => match self.pod_field(field) {
                Ok(Some(text)) => filtered(text.as_bytes(), &hole.filters),
                Ok(None) => missing("the configuration is no pod definition that says so".to_owned()),
                Err(message) => missing(message),
            },
            Body::Stack(key) => missing(format!("the configuration holds no stack, so there is no `{key}` of one")),
        }
    }

    fn bind_random(&mut self, entry: &str, hole: &Hole, length: usize, place: &Place) -> Template<Slot> {
        let kept = match &self.spec.pod.id {
            Some(pod) => format!("{pod}:{entry}"),
            None => entry.to_owned(),
        };
        let address = Address { store: None, path: kept, version: None };
        match self.stores.for_random(self.spec, self.options, self.environ) {
            Ok(store) => {
                let number = self.number(store, address, Some(length));
                Template { parts: vec![Part::Hole(Slot { source: Source::Request(number), hole: hole.clone() })] }
            }
            Err((code, message)) => {
                self.failures.push(Failure::new(code, place, message).about(hole));
                Template::text("")
            }
        }
    }

    fn number(&mut self, store: usize, address: Address, random: Option<usize>) -> usize {
        let next = self.numbers.len();
        *self.numbers.entry(RequestPlan { store, address, random }).or_insert(next)
    }

    /// The requests by their numbers.
    fn requests(numbers: BTreeMap<RequestPlan, usize>) -> Vec<RequestPlan> {
        let mut requests: Vec<_> = numbers.into_iter().collect();
        requests.sort_unstable_by_key(|(_, number)| *number);
        requests.into_iter().map(|(request, _)| request).collect()
    }

    /// None: no pod definition says so. Err: it has networks, and not this one.
    fn pod_field(&self, field: &PodField) -> Result<Option<String>, String> {
        let pod = &self.spec.pod;
        let net = |name: &str| pod.networking.get(name);
        let text = |fields: &[(String, Option<String>)], name: &str| {
            fields
                .iter()
                .find(|(field, _)| field == name)
                .and_then(|(_, text)| text.clone())
                .filter(|text| !text.is_empty())
        };
        let tapis_url = |url: String| url.split_once(".pods.").map(|(_, rest)| rest.to_owned());
        Ok(match field {
            PodField::Id => pod.id.clone(),
            PodField::Url => net("default").and_then(|fields| text(fields, "url")),
            PodField::TapisUrl => net("default").and_then(|fields| text(fields, "url")).and_then(tapis_url),
            PodField::Networking { net: name, field } => {
                let Some(fields) = net(name) else {
                    let names = pod.networking.keys().map(String::as_str).take(HINTS);
                    return Err(format!("the pod definition has no network `{name}`{}", hint(name, names)));
                };
                match field.as_str() {
                    "url" | "hostname" => text(fields, "url"),
                    "port" | "protocol" => text(fields, field),
                    "tapis_url" => text(fields, "url").and_then(tapis_url),
                    _ => {
                        return Err(format!(
                            "a network has no field `{field}`; there are url, hostname, port, protocol and tapis_url"
                        ));
                    }
                }
            }
        })
    }
}

#[derive(Default)]
struct Drafts<'n> {
    list: Vec<Draft>,
    /// Where each variable stands in the list.
    variables: BTreeMap<&'n [u8], usize>,
}

impl<'n> Drafts<'n> {
    /// A variable takes the place of an earlier one of its name.
    fn lay(&mut self, name: &'n [u8], mut draft: Draft) {
        match self.variables.entry(name) {
            Entry::Occupied(entry) => {
                let earlier = &mut self.list[*entry.get()];
                if earlier.place.layer.name != "environment" {
                    draft.shadows.insert(0, earlier.place.clone());
                }
                *earlier = draft;
            }
            Entry::Vacant(entry) => {
                entry.insert(self.list.len());
                self.list.push(draft);
            }
        }
    }
}

/// What fills a hole.
enum Bound {
    Source(Source),
    Text(Vec<u8>),
}

fn filtered(text: &[u8], filters: &[Filter]) -> Result<Bound, (Code, String)> {
    Filter::run_all(filters, text)
        .map(Bound::Text)
        .map_err(|filter| (Code::Reference, format!("the text does not fit the filter `{}`", filter.name())))
}

/// Tapis takes one newline after a form that is the whole value of an entry, and drops it.
fn drop_final_newline(template: &mut Template<Hole>) {
    if let [Part::Hole(hole), Part::Text(text)] = template.parts.as_slice() {
        let whole = matches!(hole.body, Body::Secret(_) | Body::Default(_) | Body::Required(_));
        if hole.tapis && whole && text == b"\n" {
            template.parts.pop();
        }
    }
}

fn whole_random(template: &Template<Hole>) -> Option<(&Hole, usize)> {
    match template.parts.as_slice() {
        [Part::Hole(hole)] => match hole.body {
            Body::Random(length) => Some((hole, length)),
            _ => None,
        },
        _ => None,
    }
}

/// `<N bytes - …>`: what the service shows of a content that was not asked for.
fn is_size_marker(content: &str) -> bool {
    let Some(rest) = content.strip_prefix('<').filter(|rest| rest.trim_end().ends_with('>')) else { return false };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && rest[digits..].starts_with(" bytes - ")
}
