//! What the command is to get: variables, descriptors and files, layer over layer.

use super::inherit::Inherited;
use super::scan::Section;
use super::{Dialect, Export, FilePlan, OnConflict, Planner, TargetKind};
use crate::failure::{Code, Failure, Layer, Place};
use crate::reference::{Body, Hole};
use crate::spec::{FileItem, Item, Mount, Text};
use crate::template::{Part, Scan, Template};
use crate::users;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

impl<'a> Planner<'a> {
    /// All that the command is to get, lowest precedence first.
    pub(super) fn drafts(&mut self, export: Export, inherited: &Inherited) -> Vec<Draft> {
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
    fn draft_inherited(&mut self, inherited: &Inherited, drafts: &mut Drafts<'a>) {
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
    fn settle_conflicts(&mut self, drafts: &mut Drafts<'a>, inherited: &Inherited) {
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
}

/// A target before its references are numbered.
pub(super) struct Draft {
    pub(super) kind: TargetKind,
    pub(super) template: Template<Hole>,
    pub(super) place: Place,
    pub(super) shadows: Vec<Place>,
    pub(super) conflict: Option<&'static [u8]>,
}

impl Draft {
    fn new(kind: TargetKind, template: Template<Hole>, place: &Place, shadows: &[Place]) -> Self {
        Self { kind, template, place: place.clone(), shadows: shadows.to_vec(), conflict: None }
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

/// `<N bytes - …>`: what the service shows of a content that was not asked for.
fn is_size_marker(content: &str) -> bool {
    let Some(rest) = content.strip_prefix('<').filter(|rest| rest.trim_end().ends_with('>')) else { return false };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && rest[digits..].starts_with(" bytes - ")
}
