//! Giving privileges up, in the one order in which each step may still be taken and none can be
//! taken back.

use crate::failure::words;
use crate::plan::Privileges;
use crate::sys;
use crate::sys::signals::Ends;
use crate::users::Identity;
use caps::{CapSet, CapsHashSet};
use nix::sys::prctl::set_no_new_privs;
use nix::sys::stat::umask;
use nix::unistd::{
    Gid, Uid, fchdir, geteuid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid, setuid,
};

/// Becomes what the plan says. After an error the process is neither the one nor the other and is to end.
pub(super) fn give_up(privileges: &Privileges, ends: Option<&Ends>) -> Result<(), String> {
    if let Some(mask) = privileges.umask {
        umask(mask);
    }
    if let Some(directory) = &privileges.directory {
        fchdir(directory).map_err(|errno| format!("--chdir: {}", words(errno)))?;
    }
    // While there is CAP_SETPCAP.
    for &capability in &privileges.dropped {
        caps::drop(None, CapSet::Bounding, capability).map_err(|_| format!("--caps: {capability} stays"))?;
    }
    if let Some(identity) = &privileges.identity {
        become_user(identity).map_err(|why| format!("--user: {why}"))?;
    }
    if !privileges.dropped.is_empty() {
        // What is neither permitted nor inheritable is not ambient either.
        for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
            drop_all(set, &privileges.dropped.iter().copied().collect()).map_err(|why| format!("--caps: {why}"))?;
        }
    }
    if privileges.no_new_privs {
        set_no_new_privs().map_err(|errno| format!("--no-new-privs: {}", words(errno)))?;
    }
    // A change of credentials allows dumps again, and forgets what was armed.
    sys::forbid_dumps();
    if let Some(ends) = ends.filter(|_| privileges.identity.is_some()) {
        ends.arm();
    }
    Ok(())
}

/// The groups first: afterwards there is no right to.
fn become_user(identity: &Identity) -> Result<(), String> {
    let (user, group) = (Uid::from_raw(identity.user), Gid::from_raw(identity.group));
    let groups: Vec<_> = identity.groups.iter().copied().map(Gid::from_raw).collect();
    let was_root = geteuid().is_root();
    setgroups(&groups).map_err(words)?;
    setresgid(group, group, group).map_err(words)?;
    setresuid(user, user, user).map_err(words)?;
    let users = getresuid().map_err(words)?;
    let main_groups = getresgid().map_err(words)?;
    let mut all = getgroups().map_err(words)?;
    all.sort_unstable_by_key(|group| group.as_raw());
    if [users.real, users.effective, users.saved] != [user; 3]
        || [main_groups.real, main_groups.effective, main_groups.saved] != [group; 3]
        || all != groups
    {
        return Err("the kernel changed something else than it was told".to_owned());
    }
    if !was_root {
        // The kernel takes capabilities away with root only; these came from elsewhere, as a unit's ambient ones do.
        for set in [CapSet::Effective, CapSet::Permitted] {
            caps::clear(None, set).map_err(|error| error.to_string())?;
        }
    }
    // Under unusual secure bits (capabilities(7)) root's capabilities outlive the change.
    if !user.is_root() && setuid(Uid::from_raw(0)).is_ok() {
        return Err("root could be taken back, since the secure bits keep capabilities".to_owned());
    }
    Ok(())
}

fn drop_all(set: CapSet, dropped: &CapsHashSet) -> Result<(), String> {
    let refused = |error: caps::errors::CapsError| error.to_string();
    let kept: CapsHashSet = caps::read(None, set).map_err(refused)?.difference(dropped).copied().collect();
    caps::set(None, set, &kept).map_err(refused)?;
    let left = caps::read(None, set).map_err(refused)?;
    if left == kept { Ok(()) } else { Err("the kernel kept some".to_owned()) }
}
