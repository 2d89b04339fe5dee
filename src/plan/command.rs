//! Where the command is, found before any store is asked.

use super::{Argument, EntryPlan, Privileges, Target, TargetKind};
use crate::failure::{self, Code, Failure, words};
use crate::template::{Part, Slot, Source, Template};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::stat::{SFlag, fstatat};
use nix::unistd::{AccessFlags, access, faccessat};
use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, OwnedFd};

pub(super) struct CommandError {
    pub(super) failure: Failure,
    pub(super) status: u8,
}

impl CommandError {
    fn new(status: u8, message: String) -> Self {
        Self { failure: Failure::new(Code::Launch, "", message), status }
    }
}

/// The program's path, searched for in the PATH that the command will have.
pub(super) fn find(
    arguments: &[Argument],
    targets: &[Target],
    entries: &[EntryPlan],
    passed: &[&'static CStr],
    privileges: &Privileges,
    needed: bool,
) -> Result<Option<CString>, CommandError> {
    let Some(command) = arguments.first() else {
        if needed {
            let message =
                "there is no command; write `inject [OPTIONS] -- COMMAND`, or give the configuration a \"command\"";
            return Err(CommandError::new(failure::OURS, message.to_owned()));
        }
        return Ok(None);
    };
    let name = command.template.as_text().unwrap_or_default();
    let shown = String::from_utf8_lossy(&name);
    if name.is_empty() {
        return Err(CommandError::new(failure::NOT_FOUND, "the command's name is empty".to_owned()));
    }
    if name.contains(&0) {
        return Err(CommandError::new(failure::OURS, "the command's name has a NUL byte in it".to_owned()));
    }
    if name.contains(&b'/') {
        return match runnable(&name, privileges) {
            Ok(program) => program.path(privileges).map(Some),
            Err(Unrunnable::Absent) => {
                Err(CommandError::new(failure::NOT_FOUND, format!("the command {shown} was not found")))
            }
            Err(why) => {
                let message = format!("the command {shown} {}", why.message(privileges));
                Err(CommandError::new(failure::NOT_RUNNABLE, message))
            }
        };
    }
    let path = search_path(targets, entries, passed)?;
    let mut refused = None;
    for directory in path.split(|&byte| byte == b':') {
        // An empty directory is the working directory (POSIX).
        let directory: &[u8] = if directory.is_empty() { b"." } else { directory };
        let candidate = [directory, b"/", &name].concat();
        match runnable(&candidate, privileges) {
            Ok(program) => return program.path(privileges).map(Some),
            Err(Unrunnable::Absent) => {}
            Err(why) => refused = refused.or(Some((candidate, why))),
        }
    }
    Err(match refused {
        Some((candidate, why)) => {
            let message = format!("the command {} {}", String::from_utf8_lossy(&candidate), why.message(privileges));
            CommandError::new(failure::NOT_RUNNABLE, message)
        }
        None => {
            let message = format!("the command {shown} was not found in PATH ({})", String::from_utf8_lossy(&path));
            CommandError::new(failure::NOT_FOUND, message)
        }
    })
}

/// The PATH that the command will have.
fn search_path(
    targets: &[Target],
    entries: &[EntryPlan],
    passed: &[&'static CStr],
) -> Result<Cow<'static, [u8]>, CommandError> {
    let is_path = |target: &&Target| matches!(&target.kind, TargetKind::Variable(name) if **name == *b"PATH");
    if let Some(target) = targets.iter().find(is_path) {
        return plain(&target.template, entries).map(Cow::Owned).ok_or_else(|| {
            let message = "PATH says where the command is, so it cannot hold a reference to a store, and a variable \
                           has at most 128 KiB"
                .to_owned();
            let failure = Failure::new(Code::Reference, &target.place, message);
            CommandError { failure, status: failure::OURS }
        });
    }
    let inherited = passed.iter().find_map(|entry| entry.to_bytes().strip_prefix(b"PATH="));
    Ok(Cow::Borrowed(inherited.unwrap_or(b"/bin:/usr/bin")))
}

/// A template's text, through entries that are plain text themselves.
fn plain(template: &Template<Slot>, entries: &[EntryPlan]) -> Option<Vec<u8>> {
    // Entries that hold others twice double with each level, so the steps are counted too.
    const LONGEST: usize = 128 << 10;
    let (mut text, mut steps) = (Vec::new(), 0);
    let mut waiting: Vec<&Part<Slot>> = template.parts.iter().rev().collect();
    while let Some(part) = waiting.pop() {
        steps += 1;
        match part {
            Part::Text(part) => text.extend_from_slice(part),
            Part::Hole(Slot { source: Source::Entry(at), hole })
                if hole.field().is_none() && hole.filters().is_empty() =>
            {
                waiting.extend(entries.get(*at)?.template.parts.iter().rev());
            }
            Part::Hole(_) => return None,
        }
        if text.len().max(steps).max(waiting.len()) > LONGEST {
            return None;
        }
    }
    Some(text)
}

enum Unrunnable {
    Absent,
    Directory,
    Refused(Errno),
}

impl Unrunnable {
    fn message(&self, privileges: &Privileges) -> String {
        match self {
            Self::Absent => "was not found".to_owned(),
            Self::Directory => "is a directory".to_owned(),
            Self::Refused(Errno::EACCES) => {
                format!("cannot be run{}: permission denied; is it executable (chmod +x)?", privileges.for_user())
            }
            Self::Refused(errno) => format!("cannot be run: {}", words(*errno)),
        }
    }
}

/// A file that may be run, and its permission bits.
struct Program {
    path: CString,
    mode: u32,
}

impl Program {
    fn path(self, privileges: &Privileges) -> Result<CString, CommandError> {
        match privileges.trap(&self.path, self.mode) {
            None => Ok(self.path),
            Some(failure) => Err(CommandError { failure, status: failure::OURS }),
        }
    }
}

/// A relative path starts where the command does.
fn runnable(path: &[u8], privileges: &Privileges) -> Result<Program, Unrunnable> {
    let path = CString::new(path).map_err(|_| Unrunnable::Absent)?;
    let directory = privileges.directory.as_ref().map_or(AT_FDCWD, OwnedFd::as_fd);
    // The real ids are the effective ones, but where another user's view of files is taken on. Only there, or from
    // another directory, is the newer call needed, which sandboxes of old refuse.
    let asked = match (&privileges.identity, &privileges.directory) {
        (None, None) => access(path.as_c_str(), AccessFlags::X_OK),
        _ => faccessat(directory, path.as_c_str(), AccessFlags::X_OK, AtFlags::AT_EACCESS),
    };
    match asked.and_then(|()| fstatat(directory, path.as_c_str(), AtFlags::empty())) {
        Ok(file) if file.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits() => Err(Unrunnable::Directory),
        Ok(file) => Ok(Program { path, mode: file.st_mode }),
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ENAMETOOLONG) => Err(Unrunnable::Absent),
        Err(errno) => Err(Unrunnable::Refused(errno)),
    }
}
