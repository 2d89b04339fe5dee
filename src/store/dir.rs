//! A directory with one file per secret: `/run/secrets`, a Kubernetes volume, `$CREDENTIALS_DIRECTORY`.
//!
//! Nothing outside the directory is ever opened, whatever names and links say. Links inside it are
//! followed: Kubernetes lays a volume out as links into a directory that it swaps.

use super::buffer::{Buffer, LONGEST};
use super::{Access, Caps, Context, Form, Kind, Look, Pending, Request, Settings, Store, StoreError, ready};
use crate::failure::words;
use crate::reference::Address;
use crate::template::Value;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open as open_path, openat, readlinkat};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::geteuid;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

pub(crate) static KIND: Kind = Kind {
    name: "dir",
    about: "a directory with one file per secret",
    caps: Caps { versions: false, network: false, random: false },
    settings: &[("path", Form::Path)],
    credential_variables: &[],
    without_settings: |_| false,
    ambient: None,
    check,
    open,
    manage: None,
};

/// As many links as the kernel follows in one path.
const LINKS: usize = 40;

fn check(address: &Address, settings: &Settings) -> Result<(), String> {
    directory(settings)?;
    for part in address.path.split('/') {
        match part {
            "" => return Err("a path in the directory has no empty part, and no `/` at either end".into()),
            "." | ".." => return Err(format!("`{part}` cannot be part of a path in the directory")),
            _ if part.contains('\0') => return Err("a path has no NUL".into()),
            _ => {}
        }
    }
    Ok(())
}

fn directory(settings: &Settings) -> Result<&PathBuf, String> {
    settings.path("path").ok_or_else(|| "a `dir` store needs `path`, its directory".into())
}

fn open(settings: &Settings, _: &Context<'_>) -> Result<Box<dyn Store>, StoreError> {
    let path = directory(settings).map_err(StoreError::Settings)?.clone();
    Ok(Box::new(Dir { path }))
}

struct Dir {
    path: PathBuf,
}

impl Store for Dir {
    fn resolve<'a>(&'a self, requests: &'a mut [Request]) -> Pending<'a> {
        ready(self.root().map(|root| {
            for Request { address, answer, .. } in requests {
                *answer = self
                    .answer(&root, &address.path, |file| read(file).map(|buffer| Value::Bytes(buffer.into_secret())));
            }
        }))
    }

    /// Opening a file tells whether it may be read.
    fn look<'a>(&'a self, looks: &'a mut [Look]) -> Pending<'a> {
        ready(self.root().map(|root| {
            for Look { address, identity, answer } in looks {
                *identity = format!("uid {}", geteuid());
                *answer = self.answer(&root, &address.path, |file| size(&file).map(|_| Access::Readable));
            }
        }))
    }
}

impl Dir {
    /// The directory is opened once: a batch is read from one directory, whatever is mounted or
    /// moved over it meanwhile.
    fn root(&self) -> Result<OwnedFd, StoreError> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        open_path(&self.path, flags, Mode::empty()).map_err(|errno| {
            let text = format!("the directory {}: {}; is `path` right?", self.path.display(), words(errno));
            if errno == Errno::EACCES { StoreError::Denied(text) } else { StoreError::Unavailable(text) }
        })
    }

    fn answer<T>(
        &self,
        root: &OwnedFd,
        path: &str,
        of_file: impl FnOnce(OwnedFd) -> Result<T, Failure>,
    ) -> Option<Result<T, StoreError>> {
        match open_beneath(root, path).and_then(of_file) {
            Ok(answer) => Some(Ok(answer)),
            Err(Failure::Os(Errno::ENOENT | Errno::ENOTDIR)) => None,
            Err(failure) => Some(Err(self.explain(path, failure))),
        }
    }

    fn explain(&self, path: &str, failure: Failure) -> StoreError {
        let place = self.path.join(path);
        let place = place.display();
        match failure {
            Failure::Outside => StoreError::Denied(format!("{place} leads out of {}", self.path.display())),
            Failure::NoFile | Failure::Os(Errno::ENXIO) => {
                StoreError::Malformed(format!("{place} is not a regular file"))
            }
            Failure::TooBig => StoreError::TooBig(format!("{place} has more than {LONGEST} bytes")),
            Failure::Os(errno @ (Errno::EACCES | Errno::EPERM)) => {
                StoreError::Denied(format!("{place}: {}", words(errno)))
            }
            Failure::Os(errno) => StoreError::Unavailable(format!("{place}: {}", words(errno))),
        }
    }
}

/// Why a file gives no value.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    Outside,
    NoFile,
    TooBig,
    Os(Errno),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Os(errno)
    }
}

/// Opens a file below `root`, resolving its path as the kernel does but for one thing: what leads
/// above `root` is refused.
///
/// By hand: kernels before 5.6 and many seccomp filters refuse openat2, whose `RESOLVE_BENEATH`
/// says the same, so this walk would have to stand behind it in any case.
fn open_beneath(root: &OwnedFd, path: &str) -> Result<OwnedFd, Failure> {
    // What is still to be walked, the next name last, and the directories passed, innermost last.
    let mut ahead = Vec::new();
    let mut passed: Vec<OwnedFd> = Vec::new();
    let mut links = 0;
    push_names(&mut ahead, OsStr::new(path));
    while let Some(name) = ahead.pop() {
        match name.as_bytes() {
            b"." => continue,
            b".." => {
                passed.pop().ok_or(Failure::Outside)?;
                continue;
            }
            _ => {}
        }
        let here = passed.last().unwrap_or(root);
        let is_last = ahead.is_empty();
        let what = if is_last {
            // A FIFO without a writer would block, a terminal could become ours.
            OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY
        } else {
            OFlag::O_PATH | OFlag::O_DIRECTORY
        };
        match openat(here, name.as_os_str(), what | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty()) {
            Ok(file) if is_last => return Ok(file),
            Ok(directory) => passed.push(directory),
            // A link answers the one to O_NOFOLLOW and the other to O_DIRECTORY.
            Err(errno @ (Errno::ELOOP | Errno::ENOTDIR)) => {
                let Ok(target) = readlinkat(here, name.as_os_str()) else {
                    return Err(errno.into());
                };
                links += 1;
                if links > LINKS {
                    return Err(Errno::ELOOP.into());
                }
                if target.as_bytes().starts_with(b"/") {
                    return Err(Failure::Outside);
                }
                push_names(&mut ahead, &target);
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    // It ended in a directory, by a link to `.` or `..`.
    Err(Failure::NoFile)
}

fn push_names(ahead: &mut Vec<OsString>, path: &OsStr) {
    let names = path.as_bytes().split(|&byte| byte == b'/').filter(|name| !name.is_empty());
    ahead.extend(names.rev().map(|name| OsStr::from_bytes(name).to_owned()));
}

/// Of a regular file, in bytes.
fn size(file: &OwnedFd) -> Result<usize, Failure> {
    let stat = fstat(file)?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err(Failure::NoFile);
    }
    Ok(usize::try_from(stat.st_size).unwrap_or(0))
}

fn read(file: OwnedFd) -> Result<Buffer, Failure> {
    let mut buffer = Buffer::new(size(&file)?);
    let mut file = File::from(file);
    loop {
        match buffer.read_from(&mut file) {
            Ok(0) => return Ok(buffer),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Err(Failure::TooBig),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Errno::from_raw(error.raw_os_error().unwrap_or(0)).into()),
        }
    }
}

#[cfg(test)]
pub(crate) fn fixture() -> super::contract::Fixture {
    use super::contract::{Double, Fixture, Home};
    use crate::environ::Environ;

    Fixture {
        carries: |_| true,
        tells_absence: true,
        seed: |secrets| {
            let home = Home::new();
            for (name, value) in secrets {
                std::fs::write(home.path().join(name), value).unwrap();
            }
            let mut settings = Settings::default();
            settings.set("path", super::Setting::Path(home.path().into()));
            Double::open(&KIND, settings, &Environ::default(), Some(home))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Setting;
    use super::super::contract::{Answer, Home, Random, answers, request};
    use super::*;
    use nix::fcntl::{OpenHow, ResolveFlag, openat2};
    use nix::unistd::mkfifo;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    fn one(home: &Home, path: &str) -> Answer {
        answers(&Dir { path: home.path().join("root") }, &[path]).pop().unwrap()
    }

    /// A directory with `root`, the store, and a file beside it that no name may reach.
    fn world() -> Home {
        let home = Home::new();
        fs::create_dir(home.path().join("root")).unwrap();
        fs::write(home.path().join("outside"), "outside").unwrap();
        home
    }

    fn settings(path: &Path) -> Settings {
        let mut settings = Settings::default();
        settings.set("path", Setting::Path(path.into()));
        settings
    }

    #[test]
    fn a_path_is_checked_part_by_part() {
        let says = |path| check(&request(path).address, &settings(Path::new("/x")));
        for good in ["a", "a/b/c", "..data/a", "...", ".a", "a b", "-"] {
            assert!(says(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a\0b"] {
            assert!(says(bad).is_err(), "{bad:?}");
        }
        assert!(check(&request("a").address, &Settings::default()).unwrap_err().contains("`path`"));
    }

    #[test]
    fn a_kubernetes_volume_is_read_through_its_links() {
        let home = world();
        let root = home.path().join("root");
        fs::create_dir_all(root.join("..2024_01/nested")).unwrap();
        fs::write(root.join("..2024_01/key"), "one").unwrap();
        fs::write(root.join("..2024_01/nested/key"), "two").unwrap();
        symlink("..2024_01", root.join("..data")).unwrap();
        symlink("..data/key", root.join("key")).unwrap();
        symlink("..data/nested", root.join("nested")).unwrap();
        assert_eq!(one(&home, "key"), Some(Ok(b"one".to_vec())));
        assert_eq!(one(&home, "nested/key"), Some(Ok(b"two".to_vec())));
    }

    #[test]
    fn no_link_and_no_name_leads_out_of_the_directory() {
        let home = world();
        let root = home.path().join("root");
        fs::create_dir(root.join("sub")).unwrap();
        fs::write(root.join("inside"), "inside").unwrap();
        symlink("../outside", root.join("up")).unwrap();
        symlink("../../outside", root.join("sub/up")).unwrap();
        symlink(home.path().join("outside"), root.join("absolute")).unwrap();
        symlink(root.join("inside"), root.join("absolute-inside")).unwrap();
        symlink("..", root.join("parent")).unwrap();
        symlink("../root/inside", root.join("round")).unwrap();
        for path in ["up", "sub/up", "absolute", "absolute-inside", "parent/outside", "round", "../outside"] {
            assert!(matches!(one(&home, path), Some(Err(StoreError::Denied(_)))), "{path}: {:?}", one(&home, path));
        }
        symlink("../inside", root.join("sub/down")).unwrap();
        assert_eq!(one(&home, "sub/down"), Some(Ok(b"inside".to_vec())));
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting_for_it() {
        let home = world();
        let root = home.path().join("root");
        mkfifo(&root.join("fifo"), Mode::S_IRUSR).unwrap();
        let _socket = UnixListener::bind(root.join("socket")).unwrap();
        fs::create_dir(root.join("sub")).unwrap();
        symlink(".", root.join("self")).unwrap();
        for path in ["fifo", "socket", "sub", "self"] {
            assert!(matches!(one(&home, path), Some(Err(StoreError::Malformed(_)))), "{path}: {:?}", one(&home, path));
        }
    }

    #[test]
    fn a_missing_file_is_no_failure_and_a_missing_directory_is_one() {
        let home = world();
        let root = home.path().join("root");
        fs::write(root.join("file"), "").unwrap();
        symlink("gone", root.join("dangling")).unwrap();
        for path in ["missing", "missing/below", "file/below", "dangling"] {
            assert_eq!(one(&home, path), None, "{path}");
        }
        for (path, says) in [("nowhere", "No such file"), ("outside", "Not a directory")] {
            let path = home.path().join(path);
            let failure = Dir { path: path.clone() }.root().unwrap_err();
            let StoreError::Unavailable(text) = &failure else { panic!("{failure}") };
            assert!(text.contains(path.to_str().unwrap()) && text.contains(says), "{text}");
        }
    }

    #[test]
    fn a_file_that_may_not_be_read_is_denied() {
        let dir = Dir { path: "/s".into() };
        assert_eq!(dir.explain("a", Failure::Os(Errno::EACCES)), StoreError::Denied("/s/a: Permission denied".into()));
    }

    #[test]
    fn a_file_of_more_than_a_mebibyte_is_too_big() {
        let home = world();
        fs::write(home.path().join("root/big"), vec![0; LONGEST + 1]).unwrap();
        assert!(matches!(one(&home, "big"), Some(Err(StoreError::TooBig(_)))));
    }

    #[test]
    fn as_many_links_are_followed_as_the_kernel_would() {
        let home = world();
        let root = home.path().join("root");
        fs::write(root.join("0"), "end").unwrap();
        for link in 1..=LINKS + 1 {
            symlink((link - 1).to_string(), root.join(link.to_string())).unwrap();
        }
        symlink("loop", root.join("loop")).unwrap();
        assert_eq!(one(&home, &LINKS.to_string()), Some(Ok(b"end".to_vec())));
        for path in [&*(LINKS + 1).to_string(), "loop"] {
            assert!(matches!(one(&home, path), Some(Err(StoreError::Unavailable(_)))), "{path}");
        }
    }

    /// Random trees of files, directories and links, in which the kernel's own RESOLVE_BENEATH has
    /// to find the same file or the same reason.
    #[test]
    fn the_walk_ends_where_the_kernel_does() {
        for seed in 0..150 {
            let mut random = Random::new(seed);
            let home = world();
            let root = home.path().join("root");
            let names = ["a", "b", "c"];
            let mut places = vec![String::new()];
            for _ in 0..12 {
                let place = format!("{}{}", random.pick(&places), random.pick(&names));
                let target: Vec<&str> =
                    (0..=random.below(3)).map(|_| *random.pick(&["a", "b", "c", "..", ".", "a/b", ".."])).collect();
                // A name that is taken already stays what it is.
                let _ = match random.below(4) {
                    0 => fs::create_dir(root.join(&place)).map(|()| places.push(format!("{place}/"))),
                    1 if !root.join(&place).exists() => fs::write(root.join(&place), &place),
                    1 => Ok(()),
                    _ => symlink(target.join("/"), root.join(&place)),
                };
            }
            let fd = open_path(&root, OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty()).unwrap();
            for _ in 0..40 {
                let path: Vec<&str> = (0..=random.below(4)).map(|_| *random.pick(&["a", "b", "c", ".."])).collect();
                let path = path.join("/");
                let how = OpenHow::new().flags(OFlag::O_RDONLY).resolve(ResolveFlag::RESOLVE_BENEATH);
                // The kernel asks to try again where anything was renamed anywhere while it went up.
                let mut tries = std::iter::repeat_with(|| openat2(&fd, path.as_str(), how));
                let opened = tries.find(|opened| !matches!(opened, Err(Errno::EAGAIN))).unwrap();
                let by_kernel = match opened {
                    Ok(file) => match fstat(&file).unwrap() {
                        stat if stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFREG.bits() => Ok(stat.st_ino),
                        _ => Err(Failure::NoFile),
                    },
                    Err(Errno::EXDEV) => Err(Failure::Outside),
                    Err(Errno::ENOSYS) => panic!("this test needs openat2: a kernel since 5.6, no filter on it"),
                    Err(errno) => Err(Failure::Os(errno)),
                };
                let ours = open_beneath(&fd, &path).and_then(|file| {
                    let stat = fstat(&file)?;
                    read(file).map(|_| stat.st_ino)
                });
                assert_eq!(ours, by_kernel, "seed {seed}, {path}");
            }
        }
    }
}
