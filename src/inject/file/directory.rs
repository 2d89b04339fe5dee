//! A private directory on a tmpfs that is there already: where one may be made, who made it, how
//! it is removed.
//!
//! Its name says who it belongs to, so that a later launch finds and removes those of the dead. A
//! process of another pid namespace, as another container that shares the tmpfs, cannot be judged by
//! its number; there it is the lock that the launch and then its janitor hold. All that was made for
//! a launch outside of it is recorded in it, so that removing needs nothing but the directory itself:
//!
//! ```text
//! inject-PID-START-NAMESPACE/
//!   files/…  absolute/…     what the set puts there
//!   made/DEVICE-INODE       → the absolute path at which a file or a link was made
//! ```

use crate::environ::Environ;
use crate::failure::words;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat};
use nix::sys::signal::kill;
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, mkdirat};
use nix::sys::statfs::{FsType, TMPFS_MAGIC, fstatfs};
use nix::unistd::{AccessFlags, Pid, UnlinkatFlags, faccessat, geteuid, getpid, symlinkat, unlinkat};
use std::ffi::{CStr, CString, OsStr};
use std::fmt;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

const RECORDS: &str = "made";

/// A directory on a tmpfs that we may write to and nobody else can take away from us.
pub(super) struct Place {
    fd: OwnedFd,
    pub(super) path: PathBuf,
}

/// A directory that was looked at, and what speaks against it.
#[derive(Debug)]
pub(crate) struct Unfit {
    pub(crate) path: PathBuf,
    pub(crate) why: String,
}

/// The places to look at, the best first. `wide`: other users must reach what is inside.
pub(super) fn places(environ: &Environ, wide: bool) -> Vec<Result<Place, Unfit>> {
    let services = environ.get("RUNTIME_DIRECTORY").unwrap_or_default().split(|&byte| byte == b':');
    let user = environ.get("XDG_RUNTIME_DIR").unwrap_or_default();
    let system = ["/run", "/dev/shm"].map(str::as_bytes);
    services
        .chain([user])
        .chain(system)
        .filter(|path| !path.is_empty())
        .map(|path| Place::open(Path::new(OsStr::from_bytes(path)), wide))
        .collect()
}

impl Place {
    pub(super) fn open(path: &Path, wide: bool) -> Result<Self, Unfit> {
        match usable(path, wide) {
            Ok(fd) => Ok(Self { fd, path: path.to_owned() }),
            Err(why) => Err(Unfit { path: path.to_owned(), why }),
        }
    }

    /// Removes the directories of launches whose process is dead.
    pub(super) fn sweep(&self) {
        let Some(names) = names(self.fd.as_fd()) else { return };
        for name in names.iter().filter_map(|name| name.to_str().ok()) {
            let dead = Owner::parse(name).is_some_and(|owner| {
                if owner.is_neighbour() { owner.is_dead() } else { is_abandoned(self.fd.as_fd(), name) }
            });
            if dead {
                remove(self.fd.as_fd(), name);
            }
        }
    }

    /// `wide`: other users can go through it, but not see what is in it.
    pub(super) fn make_private(self, wide: bool) -> nix::Result<Private> {
        let name = Owner::this().to_string();
        let mode = Mode::from_bits_truncate(if wide { 0o711 } else { 0o700 });
        mkdirat(&self.fd, name.as_str(), mode)?;
        let fd = open_directory(self.fd.as_fd(), name.as_str())?;
        Ok(Private { path: self.path.join(&name), place: self.fd, name, fd: fd.into() })
    }
}

/// The opened directory, or why it is not to be used.
fn usable(path: &Path, wide: bool) -> Result<OwnedFd, String> {
    if !path.is_absolute() {
        return Err("is not an absolute path".into());
    }
    let fd = open(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| format!("cannot be opened: {}", words(errno)))?;
    let stat = fstat(&fd).map_err(words)?;
    if !is_in_memory(&fd) {
        return Err("is not on a tmpfs".into());
    }
    if !is_safe(stat.st_mode, stat.st_uid) {
        return Err("belongs to others or can be changed by them".into());
    }
    if wide && stat.st_mode & Mode::S_IXOTH.bits() == 0 {
        return Err("cannot be entered by the user who is to read the files".into());
    }
    faccessat(&fd, ".", AccessFlags::W_OK | AccessFlags::X_OK, AtFlags::AT_EACCESS)
        // So answers a sandbox that is older than the call; making something there will tell.
        .or_else(|errno| if errno == Errno::EPERM { Ok(()) } else { Err(errno) })
        .map_err(|errno| format!("cannot be written: {}", words(errno)))?;
    Ok(fd)
}

/// Whether nobody but us and root can rename or replace what we make in a directory of this mode
/// and owner.
pub(super) fn is_safe(mode: u32, owner: u32) -> bool {
    let sticky = mode & Mode::S_ISVTX.bits() != 0;
    let shared = mode & (Mode::S_IWGRP | Mode::S_IWOTH).bits() != 0;
    sticky || (!shared && (owner == 0 || owner == geteuid().as_raw()))
}

/// Whether what is written here stays in memory (swap apart).
pub(super) fn is_in_memory(fd: impl AsFd) -> bool {
    fstatfs(fd).is_ok_and(|fs| matches!(fs.filesystem_type(), TMPFS_MAGIC | RAMFS_MAGIC))
}

pub(super) struct Private {
    place: OwnedFd,
    name: String,
    pub(super) fd: File,
    pub(super) path: PathBuf,
}

impl Private {
    /// Locks it and only then makes room for records: one that has this and no lock is abandoned.
    pub(super) fn claim(&self) -> nix::Result<()> {
        // A lock that is taken is a sweeper's, which leaves a directory without records alone.
        self.fd.lock().map_err(|error| super::errno(&error))?;
        mkdirat(&self.fd, RECORDS, Mode::S_IRWXU)
    }

    pub(super) fn place(&self) -> BorrowedFd<'_> {
        self.place.as_fd()
    }

    /// Notes that a file or link was made at an absolute path, so that it is removed as well.
    pub(super) fn record(&self, path: &Path, made: &FileStat) -> nix::Result<()> {
        let record = format!("{RECORDS}/{:x}-{:x}", made.st_dev, made.st_ino);
        symlinkat(path, &self.fd, record.as_str())
    }

    pub(super) fn remove(&self) {
        remove(self.place(), &self.name);
    }
}

/// Removes a private directory of ours, and before it what was made elsewhere for it. What cannot
/// be removed stays: there is nobody to tell.
fn remove(place: BorrowedFd<'_>, name: &str) {
    let Ok(top) = open_directory(place, name) else { return };
    if fstat(&top).is_ok_and(|stat| stat.st_uid != geteuid().as_raw()) {
        return;
    }
    if let Ok(records) = open_directory(top.as_fd(), RECORDS) {
        for record in names(records.as_fd()).unwrap_or_default() {
            take_back(records.as_fd(), &record, name);
        }
    }
    empty(top.as_fd());
    let _ = unlinkat(place, name, UnlinkatFlags::RemoveDir);
}

/// Whether nobody holds the lock of a directory that was claimed.
fn is_abandoned(place: BorrowedFd<'_>, name: &str) -> bool {
    open_directory(place, name).is_ok_and(|top| {
        let claimed = fstatat(&top, RECORDS, AtFlags::empty()).is_ok();
        claimed && File::from(top).try_lock().is_ok()
    })
}

/// Removes what a record speaks of, if it still is what we made there.
fn take_back(records: BorrowedFd<'_>, record: &CStr, name: &str) -> Option<()> {
    let path = PathBuf::from(readlinkat(records, record).ok()?);
    let parent = open(path.parent()?, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let file = path.file_name()?;
    let found = fstatat(&parent, file, AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
    let same = record.to_bytes() == format!("{:x}-{:x}", found.st_dev, found.st_ino).as_bytes();
    // A disk gives the number of a removed link to the next file; only our links lead in here.
    let ours = match SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFLNK => Path::new(&readlinkat(&parent, file).ok()?).iter().any(|component| component == name),
        SFlag::S_IFREG => is_in_memory(&parent),
        _ => false,
    };
    if same && ours {
        unlinkat(&parent, file, UnlinkatFlags::NoRemoveDir).ok()?;
    }
    Some(())
}

fn empty(directory: BorrowedFd<'_>) {
    for name in names(directory).unwrap_or_default() {
        if unlinkat(directory, name.as_c_str(), UnlinkatFlags::NoRemoveDir) == Err(Errno::EISDIR) {
            if let Ok(inner) = open_directory(directory, name.as_c_str()) {
                empty(inner.as_fd());
            }
            let _ = unlinkat(directory, name.as_c_str(), UnlinkatFlags::RemoveDir);
        }
    }
}

fn names(directory: BorrowedFd<'_>) -> Option<Vec<CString>> {
    let mut entries = Dir::from_fd(open_directory(directory, ".").ok()?).ok()?;
    let names = entries.iter().filter_map(|entry| Some(entry.ok()?.file_name().to_owned()));
    Some(names.filter(|name| !matches!(name.to_bytes(), b"." | b"..")).collect())
}

fn open_directory<P: ?Sized + nix::NixPath>(parent: BorrowedFd<'_>, name: &P) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

/// Whether a link's text leads into a private directory that is gone: what a launch left that was
/// killed together with its janitor, by a power cut for one.
pub(super) fn is_left_over(text: &Path) -> bool {
    let into_private = text.iter().any(|component| component.to_str().and_then(Owner::parse).is_some());
    into_private && text.is_absolute() && !text.exists()
}

/// The process that a private directory belongs to. A pid is used again, and means another process
/// in another pid namespace; so the time it started (in ticks since boot) and the namespace's inode.
#[derive(Debug, PartialEq, Eq)]
struct Owner {
    pid: i32,
    start: u64,
    namespace: u64,
}

impl Owner {
    fn this() -> Self {
        let pid = getpid().as_raw();
        // Without /proc nobody can judge us; the clock then only keeps two names apart.
        let clock = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs() << 30 | u64::from(since.subsec_nanos()))
        };
        Self { pid, start: start_of("self").unwrap_or_else(clock), namespace: own_namespace().unwrap_or(0) }
    }

    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix("inject-")?.split('-');
        let owner = Self {
            pid: parts.next()?.parse().ok().filter(|&pid| pid > 0)?,
            start: parts.next()?.parse().ok()?,
            namespace: parts.next()?.parse().ok()?,
        };
        (owner.to_string() == name).then_some(owner)
    }

    /// Whether its number is one of our namespace.
    fn is_neighbour(&self) -> bool {
        own_namespace() == Some(self.namespace)
    }

    fn is_dead(&self) -> bool {
        kill(Pid::from_raw(self.pid), None) == Err(Errno::ESRCH)
            || start_of(&self.pid.to_string()).is_some_and(|start| start != self.start)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "inject-{}-{}-{}", self.pid, self.start, self.namespace)
    }
}

/// None also where /proc is another namespace's and would tell of other processes under our numbers.
fn own_namespace() -> Option<u64> {
    let own = std::fs::read_link("/proc/self").ok()?;
    if own.to_str() != Some(getpid().to_string().as_str()) {
        return None;
    }
    Some(std::fs::metadata("/proc/self/ns/pid").ok()?.ino())
}

/// Field 22 of `/proc/PID/stat`. The second field is a name in parentheses that may hold anything,
/// so fields are counted from the last one.
fn start_of(pid: &str) -> Option<u64> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let name_end = stat.iter().rposition(|&byte| byte == b')')?;
    std::str::from_utf8(&stat[name_end + 1..]).ok()?.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    /// A directory of the test's own, on the tmpfs that every Linux has, and one beside it.
    struct World {
        top: PathBuf,
    }

    impl World {
        fn new(test: &str) -> Self {
            let top = PathBuf::from(format!("/dev/shm/directory-test-{}-{test}", std::process::id()));
            fs::create_dir(&top).unwrap();
            fs::set_permissions(&top, fs::Permissions::from_mode(0o700)).unwrap();
            Self { top }
        }

        fn place(&self) -> Place {
            Place::open(&self.top, false).unwrap_or_else(|unfit| panic!("{unfit:?}"))
        }

        fn left(&self) -> Vec<String> {
            let mut names: Vec<_> = fs::read_dir(&self.top)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for World {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.top);
        }
    }

    fn dead() -> Owner {
        Owner { start: start_of("self").unwrap() + 1, ..Owner::this() }
    }

    #[test]
    fn a_name_is_read_back_only_as_it_is_written() {
        let owner = Owner { pid: 7, start: 123, namespace: 4_026_531_836 };
        assert_eq!(owner.to_string(), "inject-7-123-4026531836");
        assert_eq!(Owner::parse("inject-7-123-4026531836"), Some(owner));
        for other in
            ["inject-7-123", "inject-7-123-4-5", "inject-0-1-2", "inject--1-2-3", "inject-+7-1-2", "inject-07-1-2", "x"]
        {
            assert_eq!(Owner::parse(other), None, "{other}");
        }
    }

    #[test]
    fn only_what_is_surely_dead_is_judged_dead() {
        assert!(!Owner::this().is_dead());
        assert!(dead().is_dead(), "its pid is another process's by now");
        assert!(dead().is_neighbour() && !Owner { namespace: dead().namespace + 1, ..dead() }.is_neighbour());
        // Beyond the largest pid that Linux gives.
        assert!(Owner { pid: i32::MAX, ..Owner::this() }.is_dead());
    }

    #[test]
    fn sweeping_removes_what_the_dead_left_and_nothing_else() {
        let world = World::new("sweep");
        let live = world.place().make_private(false).unwrap();
        let (dead, other) = (dead().to_string(), "inject-1-2-3".to_owned());
        for name in [&dead, &other, &"inject-notes".to_owned()] {
            fs::create_dir_all(world.top.join(name).join("files/a/b")).unwrap();
            fs::write(world.top.join(name).join("files/a/b/c"), "x").unwrap();
        }
        world.place().sweep();
        let mut kept = vec![live.name.clone(), other, "inject-notes".to_owned()];
        kept.sort();
        assert_eq!(world.left(), kept);
    }

    #[test]
    fn a_directory_of_another_namespace_is_removed_once_nobody_holds_its_lock() {
        let world = World::new("lock");
        let private = world.place().make_private(false).unwrap();
        private.claim().unwrap();
        fs::rename(&private.path, world.top.join("inject-1-2-3")).unwrap();
        world.place().sweep();
        assert_eq!(world.left(), ["inject-1-2-3"]);
        drop(private);
        world.place().sweep();
        assert!(world.left().is_empty());
    }

    #[test]
    fn removing_takes_back_what_was_made_elsewhere_but_not_what_others_put_there() {
        let world = World::new("remove");
        let private = world.place().make_private(false).unwrap();
        private.claim().unwrap();
        let record = |name: &str| {
            let path = world.top.join(name);
            private.record(&path, &nix::sys::stat::lstat(&path).unwrap()).unwrap();
            path
        };
        fs::write(world.top.join("file"), "").unwrap();
        record("file");
        fs::write(world.top.join("replaced"), "").unwrap();
        let replaced = record("replaced");
        fs::write(world.top.join("new"), "not ours").unwrap();
        fs::rename(world.top.join("new"), replaced).unwrap();
        symlink(private.path.join("absolute/0/link"), world.top.join("link")).unwrap();
        record("link");
        symlink("/etc/passwd", world.top.join("led-astray")).unwrap();
        record("led-astray");
        private.remove();
        assert_eq!(world.left(), ["led-astray", "replaced"]);
    }

    #[test]
    fn a_link_inside_is_removed_and_not_followed() {
        let world = World::new("link");
        fs::create_dir(world.top.join("precious")).unwrap();
        fs::write(world.top.join("precious/file"), "x").unwrap();
        let private = world.place().make_private(false).unwrap();
        symlink(world.top.join("precious"), private.path.join("files")).unwrap();
        private.remove();
        assert_eq!(world.left(), ["precious"]);
        assert!(world.top.join("precious/file").exists());
    }

    #[test]
    fn a_place_is_a_tmpfs_that_only_we_can_change() {
        let world = World::new("place");
        let why = |path: &Path, wide| Place::open(path, wide).err().map(|unfit| unfit.why);
        assert_eq!(why(&world.top, false), None);
        assert_eq!(why(&world.top, true).unwrap(), "cannot be entered by the user who is to read the files");
        fs::set_permissions(&world.top, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(why(&world.top, false).unwrap(), "belongs to others or can be changed by them");
        fs::set_permissions(&world.top, fs::Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(why(&world.top, true), None);
        assert_eq!(why(Path::new("run"), false).unwrap(), "is not an absolute path");
        assert_eq!(why(Path::new("/proc"), false).unwrap(), "is not on a tmpfs");
    }

    #[test]
    fn the_service_manager_and_the_session_come_before_the_system() {
        let world = World::new("order");
        let (first, second) = (world.top.join("a"), world.top.join("b"));
        for path in [&first, &second] {
            fs::create_dir(path).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
        }
        let services = format!("RUNTIME_DIRECTORY=/nowhere:{}", first.display());
        let user = format!("XDG_RUNTIME_DIR={}", second.display());
        let looked: Vec<_> = places(&Environ::of([&services, &user]), false)
            .into_iter()
            .map(|place| place.map_or_else(|unfit| unfit.path, |place| place.path))
            .collect();
        assert_eq!(looked, [Path::new("/nowhere"), &first, &second, Path::new("/run"), Path::new("/dev/shm")]);
    }

    #[test]
    fn a_link_is_left_over_only_when_it_leads_to_a_private_directory_that_is_gone() {
        let world = World::new("left-over");
        let private = world.place().make_private(false).unwrap();
        assert!(!is_left_over(&private.path));
        assert!(is_left_over(&private.path.join("absolute/0/key")));
        assert!(!is_left_over(Path::new("/nowhere/else")));
        assert!(!is_left_over(Path::new("inject-1-2-3/relative")));
    }
}
