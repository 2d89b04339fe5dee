//! Secrets that their store wants to be files: what that makes of a plan, which is known only once they are read.

use super::{EntryPlan, FilePlan, Plan, RequestPlan, Target, TargetKind};
use crate::failure::{Code, Failure, Layer, Place};
use crate::reference::{Body, Hole};
use crate::template::{Part, Slot, Source, Template};
use crate::users::{self, Owner};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What a secret's file has that no configuration speaks of.
pub(crate) struct Mounting {
    pub(crate) mode: u32,
    pub(crate) owner: Option<String>,
}

impl Plan {
    /// Makes a file of each of these requests. A variable that is such a secret and nothing else gets the file's path,
    /// as if a configuration had said so; wherever else the secret is referred to, its value stays.
    pub(crate) fn mount(&mut self, mounts: &[(usize, PathBuf)]) -> Result<(), Failure> {
        let owner = self.owner_of_mounts()?;
        for (request, path) in mounts {
            let variables = self.targets.iter_mut().filter_map(|target| {
                let TargetKind::Variable(name) = &target.kind else { return None };
                let name = std::str::from_utf8(name).ok()?.to_owned();
                is_of(&target.template, &self.entries, *request).then_some((target, name))
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
                self.targets.push(self.mounted(*request, path, kind));
            }
        }
        Ok(())
    }

    fn owner_of_mounts(&self) -> Result<Option<Owner>, Failure> {
        let identity = self.privileges.identity.as_ref();
        let of_command = identity.map(|identity| Owner { user: Some(identity.user), group: Some(identity.group) });
        let Some(owner) = &self.mounting.owner else { return Ok(of_command) };
        users::owner(owner).map(Some).map_err(|message| Failure::new(Code::Config, "--file-owner", message))
    }

    fn mounted(&self, request: usize, path: &Path, kind: TargetKind) -> Target {
        let RequestPlan { store, address, .. } = &self.requests[request];
        let layer = Rc::new(Layer::named(&format!("store {}", self.stores[*store].name)));
        let hole = Hole::plain(Body::Secret(address.clone()));
        Target {
            kind,
            template: Template::hole(Slot { source: Source::Request(request), hole }),
            place: Place::of(&layer, None, path.display().to_string()),
            shadows: Vec::new(),
            conflict: None,
        }
    }
}

/// Whether a template is the request's value and nothing else, perhaps by way of entries.
fn is_of(template: &Template<Slot>, entries: &[EntryPlan], request: usize) -> bool {
    let [Part::Hole(Slot { source, hole })] = &template.parts[..] else { return false };
    match *source {
        _ if hole.tail.is_some() => false,
        Source::Request(number) => number == request,
        Source::Entry(number) => is_of(&entries[number].template, entries, request),
    }
}
