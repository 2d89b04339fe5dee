//! What the command is to be allowed less than we are: its user, its capabilities, and where it starts.
//!
//! All of it is looked up, and tried out where the kernel lets us undo it, before any store is asked.

use crate::failure::{Code, Failure, words};
use crate::sys;
use crate::users::{self, Identity};
use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, Gid, Uid, faccessat, getegid, geteuid, getgroups, setfsgid, setfsuid, setgroups};
use std::ffi::{CStr, CString, OsString};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

/// What was typed about it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Asked {
    pub(crate) user: Option<String>,
    pub(crate) no_new_privs: bool,
    pub(crate) dropped: Vec<Capability>,
    pub(crate) directory: Option<OsString>,
    pub(crate) umask: Option<u32>,
}

#[derive(Debug, Default)]
pub(crate) struct Privileges {
    /// None: the command is who we are.
    pub(crate) identity: Option<Identity>,
    /// Of the user who was asked for, and be it our own.
    pub(super) home: Option<String>,
    /// Our own, to be had back after a look with another user's eyes.
    groups: Vec<Gid>,
    pub(crate) no_new_privs: bool,
    /// Capabilities to give up for good, of those that there are.
    pub(crate) dropped: Vec<Capability>,
    /// Where the command starts.
    pub(crate) directory: Option<OwnedFd>,
    pub(crate) umask: Option<Mode>,
}

impl Privileges {
    /// Each thing that cannot be is reported.
    pub(super) fn of(asked: &Asked, failures: &mut Vec<Failure>) -> Self {
        let mut fail = |option: &str, message: String| failures.push(Failure::new(Code::Config, option, message));
        let identity = asked
            .user
            .as_deref()
            .and_then(|user| users::identity(user).map_err(|message| fail("--user", message)).ok());
        let groups = identity.as_ref().and_then(|_| getgroups().ok()).unwrap_or_default();
        let home = identity.as_ref().map(|identity| identity.home.clone());
        let identity = identity.filter(|identity| !is_ours(identity, &groups));
        let dropped = droppable(&asked.dropped).unwrap_or_else(|message| {
            fail("--caps", message);
            Vec::new()
        });
        let umask = asked.umask.map(Mode::from_bits_truncate);
        Self { identity, home, groups, no_new_privs: asked.no_new_privs, dropped, directory: None, umask }
    }

    /// Looks at files as the command will: with its user's permissions, from the directory it starts in.
    pub(super) fn looking<T>(&mut self, asked: &Asked, look: impl FnOnce(&Self) -> T) -> Result<T, Failure> {
        let Some(identity) = self.identity.clone() else { return self.enter(asked).map(|()| look(self)) };
        let seen = as_user(&identity, &self.groups.clone(), || self.enter(asked).map(|()| look(self)));
        // The kernel allows them again with every change of credentials.
        sys::forbid_dumps();
        seen?
    }

    fn enter(&mut self, asked: &Asked) -> Result<(), Failure> {
        let Some(path) = &asked.directory else { return Ok(()) };
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let opened = open(Path::new(path), flags, Mode::empty());
        let entered = opened.and_then(|directory| {
            faccessat(&directory, ".", AccessFlags::X_OK, AtFlags::AT_EACCESS)?;
            Ok(directory)
        });
        let directory = entered.map_err(|errno| {
            let message = format!("`{}`{}: {}", path.to_string_lossy(), self.for_user(), words(errno));
            Failure::new(Code::Config, "--chdir", message)
        })?;
        self.directory = Some(directory);
        Ok(())
    }

    /// A program that gains privileges when it starts would undo what was asked for, or be undone by it.
    pub(super) fn trap(&self, program: &CStr, mode: u32) -> Option<Failure> {
        let shown = program.to_string_lossy();
        let fail = |option, kind, effect| {
            let message =
                format!("the command {shown} is {kind}, so {effect}; drop the option, or run another program");
            Some(Failure::new(Code::Config, option, message))
        };
        let kind = match mode {
            mode if mode & Mode::S_ISUID.bits() != 0 => "set-user-ID",
            // Without the group's execute bit it means mandatory locks.
            mode if mode & Mode::S_ISGID.bits() != 0 && mode & Mode::S_IXGRP.bits() != 0 => "set-group-ID",
            _ => {
                let effect = "the kernel would refuse it, or start it without what it needs";
                return fail(self.withholds(program)?, "given capabilities by its file", effect);
            }
        };
        let (option, effect) = if self.no_new_privs {
            ("--no-new-privs", "the kernel would start it without what it needs")
        } else if self.identity.is_some() {
            ("--user", "it would run as its file's owner all the same")
        } else {
            return None;
        };
        fail(option, kind, effect)
    }

    /// The option that takes from the program what its file gives it.
    fn withholds(&self, program: &CStr) -> Option<&'static str> {
        if !self.no_new_privs && self.dropped.is_empty() {
            return None;
        }
        let needed = match &self.directory {
            Some(directory) if !program.to_bytes().starts_with(b"/") => {
                let start = format!("/proc/self/fd/{}/", directory.as_raw_fd());
                sys::file_capabilities(&CString::new([start.as_bytes(), program.to_bytes()].concat()).ok()?)
            }
            _ => sys::file_capabilities(program),
        };
        let bits = |all: &[Capability]| all.iter().fold(0, |bits, capability| bits | capability.bitmask());
        if needed & bits(&self.dropped) != 0 {
            return Some("--caps");
        }
        // What it has anyway it need not gain.
        let stays_root = self.identity.as_ref().is_none_or(|identity| identity.user == 0);
        let has = |capability| stays_root && caps::has_cap(None, CapSet::Permitted, capability).unwrap_or(false);
        let gains = |capability: Capability| needed & capability.bitmask() != 0 && !has(capability);
        (self.no_new_privs && needed != 0 && caps::all().into_iter().any(gains)).then_some("--no-new-privs")
    }

    /// ` for user 1000`, to put behind what was refused.
    pub(super) fn for_user(&self) -> String {
        self.identity.as_ref().map(|identity| format!(" for user {}", identity.user)).unwrap_or_default()
    }
}

/// `drop=NAME[,NAME…]`, names as in capabilities(7) with or without `CAP_`, in either case; or `drop=all`.
pub(crate) fn dropped(text: &str) -> Option<Vec<Capability>> {
    let names = text.strip_prefix("drop=")?;
    if names.eq_ignore_ascii_case("all") {
        let mut all: Vec<_> = caps::all().into_iter().collect();
        all.sort_by_key(Capability::index);
        return Some(all);
    }
    let capability = |name: &str| {
        let name = name.to_ascii_uppercase();
        format!("CAP_{}", name.strip_prefix("CAP_").unwrap_or(&name)).parse().ok()
    };
    names.split(',').map(capability).collect()
}

fn is_ours(identity: &Identity, groups: &[Gid]) -> bool {
    let group = getegid();
    let mut groups: Vec<_> = groups.iter().chain([&group]).map(|group| group.as_raw()).collect();
    groups.sort_unstable();
    groups.dedup();
    identity.user == geteuid().as_raw() && identity.group == group.as_raw() && groups == identity.groups
}

/// Those that anybody could still gain, or that we have.
fn droppable(asked: &[Capability]) -> Result<Vec<Capability>, String> {
    let has = |set, capability| caps::has_cap(None, set, capability).unwrap_or(false);
    let is_there = |capability: &Capability| {
        [CapSet::Bounding, CapSet::Permitted, CapSet::Inheritable].into_iter().any(|set| has(set, *capability))
    };
    let there: Vec<_> = asked.iter().copied().filter(is_there).collect();
    let bounded = there.iter().any(|&capability| has(CapSet::Bounding, capability));
    if bounded && !has(CapSet::Effective, Capability::CAP_SETPCAP) {
        return Err(
            "giving capabilities up for good needs CAP_SETPCAP, which this process does not have; --no-new-privs \
                    keeps any program from gaining them, and needs nothing"
                .to_owned(),
        );
    }
    Ok(there)
}

/// Does something with the user's permissions on files, then takes back ours. It shows, too, that the
/// kernel will let us become that user.
fn as_user<T>(identity: &Identity, before: &[Gid], act: impl FnOnce() -> T) -> Result<T, Failure> {
    let refused = |errno: Errno| {
        let why = match errno {
            Errno::EPERM => {
                "needs CAP_SETUID and CAP_SETGID, which this process does not have; start inject as root, or give the \
                 container these capabilities"
                    .to_owned()
            }
            Errno::EINVAL => "is impossible: this user namespace has no such user or group".to_owned(),
            errno => format!("is refused: {}", words(errno)),
        };
        let message = format!("becoming user {} with group {} {why}", identity.user, identity.group);
        Failure::new(Code::Config, "--user", message)
    };
    let groups: Vec<_> = identity.groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups).map_err(refused)?;
    let taken = take_on_files(Uid::from_raw(identity.user), Gid::from_raw(identity.group));
    let done = taken.map(|()| act());
    let back = take_on_files(geteuid(), getegid()).and_then(|()| setgroups(before));
    let done = done.map_err(refused)?;
    back.map(|()| done).map_err(refused)
}

/// The calls themselves never tell of an error: setfsuid(2).
fn take_on_files(user: Uid, group: Gid) -> nix::Result<()> {
    setfsgid(group);
    setfsuid(user);
    let nobody = u32::MAX;
    let is_taken = setfsgid(Gid::from_raw(nobody)) == group && setfsuid(Uid::from_raw(nobody)) == user;
    let may = |capability| caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false);
    match is_taken {
        true => Ok(()),
        false if may(Capability::CAP_SETUID) && may(Capability::CAP_SETGID) => Err(Errno::EINVAL),
        false => Err(Errno::EPERM),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_named_as_the_manual_does_or_shorter() {
        let both = Some(vec![Capability::CAP_NET_RAW, Capability::CAP_SYS_ADMIN]);
        assert_eq!(dropped("drop=CAP_NET_RAW,CAP_SYS_ADMIN"), both);
        assert_eq!(dropped("drop=net_raw,cap_sys_admin"), both);
        assert_eq!(dropped("drop=all"), dropped("drop=ALL"));
        assert!(dropped("drop=all").unwrap().contains(&Capability::CAP_CHECKPOINT_RESTORE));
        for bad in
            ["", "drop", "drop=", "drop=net_raw,", "drop=all,net_raw", "keep=net_raw", "net_raw", "drop=CAP_CAP_X"]
        {
            assert_eq!(dropped(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_program_that_gains_privileges_is_a_trap_where_some_are_given_up() {
        let nobody = users::identity("4000001").unwrap();
        let user = Privileges { identity: Some(nobody), ..Privileges::default() };
        let confined = Privileges { no_new_privs: true, ..Privileges::default() };
        for (mode, is_trap) in [(0o4755, true), (0o2755, true), (0o2745, false), (0o755, false), (0o1755, false)] {
            assert_eq!(user.trap(c"x", mode).is_some(), is_trap, "{mode:o}");
            assert_eq!(confined.trap(c"x", mode).is_some(), is_trap, "{mode:o}");
            assert!(Privileges::default().trap(c"x", mode).is_none(), "{mode:o}");
        }
    }
}
