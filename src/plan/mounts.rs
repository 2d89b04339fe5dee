//! Secrets that their store wants to be files: what that makes of a plan, which is known only once they are read.

use super::{EntryPlan, FilePlan, Plan, Target, TargetKind};
use crate::failure::{Code, Failure, Layer, Place};
use crate::reference::{Body, Hole};
use crate::store::Mount;
use crate::template::{Part, Slot, Source, Template};
use crate::users::{self, Owner};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::rc::Rc;

/// What a secret's file has that no configuration speaks of.
pub(crate) struct Mounting {
    pub(crate) mode: u32,
    pub(crate) owner: Option<String>,
}

impl Plan {
    /// Makes a file of each of these secrets. A variable that is such a secret and nothing else gets the file's path,
    /// as if a configuration had said so; wherever else the secret is referred to, its value stays.
    pub(crate) fn mount(&mut self, mounts: &[Mount]) -> Result<(), Failure> {
        let owner = self.owner_of_mounts()?;
        for (at, Mount { requests, path }) in mounts.iter().enumerate() {
            if let Some(other) = mounts[..at].iter().find(|other| other.path == *path) {
                return Err(self.two_at(path, other.requests[0], requests[0]));
            }
            let variables = self.targets.iter_mut().filter_map(|target| {
                let TargetKind::Variable(name) = &target.kind else { return None };
                let name = std::str::from_utf8(name).ok()?.to_owned();
                is_of(&target.template, &self.entries, requests).then_some((target, name))
            });
            let file = |variable| {
                TargetKind::File(FilePlan { path: path.clone(), mode: self.mounting.mode, owner, variable }.into())
            };
            let mut is_made = false;
            for (target, name) in variables {
                if is_made {
                    target.template = Template::text(path.as_os_str().as_bytes());
                } else {
                    target.kind = file(Some(name));
                    is_made = true;
                }
            }
            if !is_made {
                let kind = file(None);
                self.targets.push(self.mounted(requests[0], path, kind));
            }
        }
        Ok(())
    }

    /// Two secrets, or two revisions of one, cannot be one file.
    fn two_at(&self, path: &Path, one: usize, other: usize) -> Failure {
        let reference = |request: usize| Hole::plain(Body::Secret(Rc::clone(&self.requests[request].address)));
        let message = format!(
            "{} and {} are both to be the file {}; a launch may have one of them",
            reference(one),
            reference(other),
            path.display()
        );
        Failure::new(Code::Config, self.layer_of(other), message)
    }

    fn owner_of_mounts(&self) -> Result<Option<Owner>, Failure> {
        let identity = self.privileges.identity.as_ref();
        let of_command = identity.map(|identity| Owner { user: Some(identity.user), group: Some(identity.group) });
        let Some(owner) = &self.mounting.owner else { return Ok(of_command) };
        users::owner(owner).map(Some).map_err(|message| Failure::new(Code::Config, "--file-owner", message))
    }

    fn layer_of(&self, request: usize) -> String {
        format!("store {}", self.stores[self.requests[request].store].name)
    }

    fn mounted(&self, request: usize, path: &Path, kind: TargetKind) -> Target {
        let layer = Rc::new(Layer::named(&self.layer_of(request)));
        let hole = Hole::plain(Body::Secret(Rc::clone(&self.requests[request].address)));
        Target {
            kind,
            template: Template::hole(Slot { source: Source::Request(request), hole }),
            place: Place::of(&layer, None, path.display().to_string()),
            shadows: Vec::new(),
            conflict: None,
        }
    }
}

/// Whether a template is the value of one of the requests and nothing else, perhaps by way of entries.
fn is_of(template: &Template<Slot>, entries: &[EntryPlan], requests: &[usize]) -> bool {
    let [Part::Hole(Slot { source, hole })] = &template.parts[..] else { return false };
    match *source {
        _ if hole.tail.is_some() => false,
        Source::Request(number) => requests.contains(&number),
        Source::Entry(number) => is_of(&entries[number].template, entries, requests),
    }
}
