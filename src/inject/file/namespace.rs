//! A mount namespace of our own, and the tmpfs in it: invisible to every other process, gone with
//! the last one of the command's.

use super::directory;
use crate::failure::words;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{AccessFlags, access};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Where the tmpfs is mounted wherever that is possible. Another launch of the host may use it at
/// the same time: each covers it in its own namespace only.
pub(super) const MOUNT_POINT: &str = "/run/inject";

/// Leaves the namespace that is shared with others. As a slave the new one still gets what the host
/// mounts later and passes nothing back. No user namespace: it would change who owns what.
pub(super) fn enter() -> Result<(), String> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| format!("unshare: {}", words(errno)))?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SLAVE, None::<&str>)
        .map_err(|errno| format!("making the mounts private: {}", words(errno)))
}

/// Whether [`MOUNT_POINT`] is, or can be made, a directory that only we and root can change.
pub(super) fn has_mount_point() -> bool {
    let path = Path::new(MOUNT_POINT);
    match path.symlink_metadata() {
        Ok(found) => found.is_dir() && directory::is_safe(found.mode(), found.uid()),
        Err(_) => path.parent().is_some_and(|parent| access(parent, AccessFlags::W_OK).is_ok()),
    }
}

/// What the tmpfs may hold. Limits, not reservations.
pub(super) struct Limits {
    pub(super) bytes: usize,
    pub(super) inodes: usize,
}

/// Mounts a tmpfs that is not swapped where the kernel (6.4) has that; gives whether it has.
pub(super) fn mount_tmpfs(at: &Path, limits: &Limits, mode: u32) -> nix::Result<bool> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let options = format!("size={},nr_inodes={},mode={mode:o}", limits.bytes, limits.inodes);
    let mount = |options: &str| mount(Some("inject"), at, Some("tmpfs"), flags, Some(options));
    match mount(&format!("{options},noswap")) {
        Err(Errno::EINVAL) => mount(&options).map(|()| false),
        mounted => mounted.map(|()| true),
    }
}

/// Whether a tmpfs could be mounted, found out on a directory that is left as it was.
pub(super) fn try_tmpfs(at: &Path) -> nix::Result<bool> {
    let unswapped = mount_tmpfs(at, &Limits { bytes: 4096, inodes: 2 }, 0o700)?;
    umount2(at, MntFlags::MNT_DETACH)?;
    Ok(unswapped)
}

/// Makes a file or directory appear at another path too.
pub(super) fn bind(source: &Path, target: &Path) -> nix::Result<()> {
    mount(Some(source), target, None::<&str>, MsFlags::MS_BIND, None::<&str>)
}
