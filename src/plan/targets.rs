//! What the command is to get: variables, descriptors and files, layer over layer.

use super::inherit::Inherited;
use super::scan::Section;
use super::{DescriptorPlan, Export, FilePlan, OnConflict, Planner, Target, TargetKind};
use crate::failure::{Code, Failure, Layer, Place};
use crate::reference::{Body, Hole};
use crate::spec::{FileItem, Item, Mount, Text};
use crate::template::{Parts, Slot, Source, Template};
use crate::users;
use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

impl<'a> Planner<'a> {
    /// All that the command is to get, lowest precedence first. Layers are laid over one another
    /// first, so that what does not win is neither scanned nor asked for.
    pub(super) fn drafts(&mut self, export: Export, inherited: &Inherited) -> Drafts<'a> {
        let spec = self.spec;
        let mut drafts = Drafts::with_room_for(spec.secret_map.len() + spec.environment.len());
        if self.options.scan {
            self.draft_inherited(inherited, &mut drafts);
        }
        if matches!(export, Export::MapAlone | Export::Said(true)) {
            for (position, (name, item)) in spec.secret_map.shared().enumerate() {
                let kind = TargetKind::Variable(Rc::clone(name).into());
                drafts.lay(name.as_bytes(), target(kind, &item.place, &item.shadows), Holds::Entry(position));
            }
        }
        for (name, item) in spec.environment.shared() {
            let kind = if item.descriptor {
                let (mode, owner) = (self.options.file_mode.unwrap_or(0o400), self.owner(None, &item.place));
                TargetKind::Descriptor(DescriptorPlan { variable: name.to_string(), mode, owner }.into())
            } else {
                TargetKind::Variable(Rc::clone(name).into())
            };
            let holds = Holds::Text { text: Cow::Borrowed(&item.text), name, section: Section::Environment };
            drafts.lay(name.as_bytes(), target(kind, &item.place, &item.shadows), holds);
        }
        self.settle_conflicts(&mut drafts, inherited);
        if let Some(home) = &self.privileges.home
            && !drafts.sets(b"HOME")
        {
            // The one we were given is most likely closed to the command.
            let place = Place::of(&Rc::new(Layer::named("--user")), None, "HOME");
            let kind = TargetKind::Variable(Rc::from(&b"HOME"[..]));
            drafts.lay(b"HOME", target(kind, &place, &[]), Holds::Value(Cow::Owned(home.clone().into())));
        }
        for (path, file) in spec.files.iter() {
            self.draft_file(path, file, &mut drafts);
        }
        for (path, mount) in spec.mounts.iter() {
            self.draft_mount(path, mount, &mut drafts);
        }
        self.check_names(&drafts);
        drafts
    }

    /// The targets with their templates. One whose template is malformed, which is reported, or that
    /// is not to be set, is left out.
    pub(super) fn targets(&mut self, drafts: &mut Drafts<'a>) -> Vec<Target> {
        let (targets, holds) = (std::mem::take(&mut drafts.targets), std::mem::take(&mut drafts.holds));
        let filled = targets.into_iter().zip(holds).filter_map(|(mut target, holds)| {
            let place = &target.place;
            target.template = match holds {
                Holds::Entry(position) => {
                    let hole = Hole::plain(Body::Entry(Rc::clone(&place.item)));
                    let source = Source::Entry(self.entry(position));
                    Template::hole(Slot { source, hole })
                }
                Holds::Value(value) => Template::text(value),
                Holds::Text { text, name, section } => {
                    let scanned = self.scan(&text, name, section, place)?;
                    self.bind(scanned, place)
                }
                Holds::Inherited(value) => {
                    let scanned = self.scan_inherited(value, place)?;
                    self.bind(scanned, place)
                }
            };
            Some(target)
        });
        filled.collect()
    }

    /// Inherited variables that are templates.
    fn draft_inherited(&mut self, inherited: &Inherited, drafts: &mut Drafts<'a>) {
        let layer = Rc::new(Layer::named("environment"));
        for (name, value) in inherited.kept() {
            if self.is_meant(value) {
                let place = Place::of(&layer, None, String::from_utf8_lossy(name));
                let kind = TargetKind::Variable(name.into());
                drafts.lay(name, target(kind, &place, &[]), Holds::Inherited(value));
            }
        }
    }

    /// What an injected name does to an inherited one.
    fn settle_conflicts(&mut self, drafts: &mut Drafts<'a>, inherited: &Inherited) {
        // Mostly the environment is the shorter of the two.
        for (name, value) in inherited.values() {
            let Some(&at) = drafts.variables.get(name) else { continue };
            let draft = &mut drafts.targets[at];
            if draft.place.layer.name == "environment" {
                continue;
            }
            let environment = Place::of(&Rc::new(Layer::named("environment")), None, String::from_utf8_lossy(name));
            match self.options.on_conflict {
                OnConflict::Error => draft.conflict = Some(value),
                OnConflict::Inherit => {
                    drafts.holds[at] = Holds::Value(Cow::Borrowed(value));
                    draft.kind = TargetKind::Variable(name.into());
                    let place = std::mem::replace(&mut draft.place, environment);
                    draft.shadows.push(place);
                    continue;
                }
                OnConflict::Inject => {}
            }
            draft.shadows.insert(0, environment);
        }
    }

    fn draft_file(&mut self, path: &'a str, file: &'a FileItem, drafts: &mut Drafts<'a>) {
        let Item { text, place, shadows, .. } = &file.item;
        let holds = Holds::Text { text: Cow::Borrowed(text), name: path, section: Section::Configs };
        let mode = file.mode.or(self.options.file_mode).unwrap_or(0o400);
        let owner = self.owner(file.owner.as_deref(), place);
        if file.item.descriptor {
            let Some(variable) = &file.env else { return };
            let kind = TargetKind::Descriptor(DescriptorPlan { variable: variable.clone(), mode, owner }.into());
            return drafts.lay(variable.as_bytes(), target(kind, place, shadows), holds);
        }
        let plan = FilePlan { path: path.into(), mode, owner, variable: file.env.clone() };
        drafts.push_file(file.env.as_deref(), target(TargetKind::File(plan.into()), place, shadows), holds);
    }

    /// Whose a file is to be; an unknown name is reported.
    fn owner(&mut self, said: Option<&str>, place: &Place) -> Option<users::Owner> {
        let Some(name) = said.or(self.options.file_owner.as_deref()) else {
            let identity = self.privileges.identity.as_ref()?;
            return Some(users::Owner { user: Some(identity.user), group: Some(identity.group) });
        };
        users::owner(name).map_err(|message| self.failures.push(Failure::new(Code::Config, place, message))).ok()
    }

    /// Entries with `config_content` become files; the other mounts are the service's business.
    fn draft_mount(&mut self, path: &'a str, mount: &'a Mount, drafts: &mut Drafts<'a>) {
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
        let text = Cow::Owned(Text::Template(content.clone().into_bytes()));
        let holds = Holds::Text { text, name: path, section: Section::Configs };
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
        drafts.push_file(None, target(TargetKind::File(plan.into()), &mount.place, &mount.shadows), holds);
    }

    fn check_names(&mut self, drafts: &Drafts<'a>) {
        let mut paths: BTreeSet<&Path> = BTreeSet::new();
        let mut of_files: BTreeSet<&[u8]> = BTreeSet::new();
        for draft in &drafts.targets {
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
            let Some(name) = name else { continue };
            match name.iter().find(|byte| matches!(byte, b'=' | 0)) {
                _ if name.is_empty() => complain("a variable has an empty name"),
                Some(0) => complain("a variable cannot have a NUL byte in its name"),
                Some(_) => complain("a variable cannot have `=` in its name; use a file instead"),
                None => {}
            }
        }
    }
}

/// What a target holds, before it is scanned.
enum Holds<'a> {
    /// The entry at this position of the secret_map.
    Entry(usize),
    Text {
        text: Cow<'a, Text>,
        name: &'a str,
        section: Section,
    },
    /// An inherited variable's, with references in it.
    Inherited(&'static [u8]),
    /// No template, but the value itself.
    Value(Cow<'static, [u8]>),
}

/// A target whose text is not scanned yet.
fn target(kind: TargetKind, place: &Place, shadows: &[Place]) -> Target {
    let template = Template { parts: Parts::new() };
    Target { kind, template, place: place.clone(), shadows: shadows.to_vec(), conflict: None }
}

/// Targets, and beside each what it holds.
pub(super) struct Drafts<'a> {
    targets: Vec<Target>,
    holds: Vec<Holds<'a>>,
    /// Where each variable stands in the list.
    variables: HashMap<&'a [u8], usize>,
    /// The variables that get the paths of files.
    of_files: BTreeSet<&'a [u8]>,
}

impl<'a> Drafts<'a> {
    fn with_room_for(variables: usize) -> Self {
        Self {
            targets: Vec::with_capacity(variables),
            holds: Vec::with_capacity(variables),
            variables: HashMap::with_capacity(variables),
            of_files: BTreeSet::new(),
        }
    }

    /// Whether the command gets this name from here, and not as it is inherited.
    pub(super) fn sets(&self, name: &[u8]) -> bool {
        self.variables.contains_key(name) || self.of_files.contains(name)
    }

    fn push_file(&mut self, variable: Option<&'a str>, file: Target, holds: Holds<'a>) {
        // A private directory of ours replaces one of an outer launch.
        self.of_files.insert(b"INJECT_FILES");
        self.of_files.extend(variable.map(str::as_bytes));
        self.push(file, holds);
    }

    fn push(&mut self, target: Target, holds: Holds<'a>) {
        self.targets.push(target);
        self.holds.push(holds);
    }

    /// A variable takes the place of an earlier one of its name.
    fn lay(&mut self, name: &'a [u8], mut variable: Target, holds: Holds<'a>) {
        match self.variables.entry(name) {
            Entry::Occupied(entry) => {
                let at = *entry.get();
                let earlier = &mut self.targets[at];
                if earlier.place.layer.name != "environment" {
                    variable.shadows.insert(0, earlier.place.clone());
                }
                *earlier = variable;
                self.holds[at] = holds;
            }
            Entry::Vacant(entry) => {
                entry.insert(self.targets.len());
                self.push(variable, holds);
            }
        }
    }
}

/// `<N bytes - …>`: what the service shows of a content that was not asked for.
fn is_size_marker(content: &str) -> bool {
    let Some(rest) = content.strip_prefix('<').filter(|rest| rest.trim_end().ends_with('>')) else { return false };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && rest[digits..].starts_with(" bytes - ")
}
