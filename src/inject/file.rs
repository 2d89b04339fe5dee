//! The files of a launch: made empty before any secret is read, filled once the values are there.
//!
//! They lie on memory only. Where a mount namespace is allowed the kernel removes them with the
//! command's last process; else they lie in a private directory on a tmpfs that is there already,
//! and a janitor removes it. Either has the same shape, but for a tmpfs without absolute paths,
//! which is $INJECT_FILES itself:
//!
//! ```text
//! files/…               the relative paths; this is $INJECT_FILES
//! absolute/NUMBER/NAME  what is bound over, or linked to from, an absolute path
//! ```

mod descriptor;
mod directory;
mod janitor;
mod namespace;
mod path;

pub(crate) use descriptor::sealed;
pub(crate) use directory::Unfit;

use crate::environ::Environ;
use crate::failure::{Code, cause, words};
use crate::secret::Secret;
use crate::template;
use crate::users::Owner;
use directory::{Private, is_in_memory, places};
use namespace::{Limits, MOUNT_POINT};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, fstat, fstatat, mkdirat, stat, umask};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, getegid, geteuid, symlinkat, unlinkat};
use path::{Spot, survey};
use std::fmt;
use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

const FILES: &str = "files";
const ABSOLUTE: &str = "absolute";

/// A file that the command is to have.
#[derive(Clone, Debug)]
pub(crate) struct FileTarget {
    /// Relative: under the private directory; absolute: exactly there.
    pub(crate) path: PathBuf,
    /// Permission bits.
    pub(crate) mode: u32,
    /// Who it is given to; what is not said is who we are.
    pub(crate) owner: Option<Owner>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// A tmpfs in a mount namespace of our own.
    Namespace,
    /// A private directory on a tmpfs that others see too, and a janitor.
    Directory,
}

impl Method {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Directory => "directory",
        }
    }
}

/// What a launch with these files would do, and why.
#[derive(Debug)]
pub(crate) struct Outlook {
    pub(crate) method: Method,
    pub(crate) why: String,
    /// `$INJECT_FILES`, or under [`Method::Directory`] the directory in which it will be made.
    pub(crate) directory: PathBuf,
    /// Whether the kernel promises not to swap the files out.
    pub(crate) unswapped: bool,
}

/// Looks without making anything that stays. The calling process may be in another mount namespace
/// afterwards and is to end soon.
pub(crate) fn probe(targets: &[FileTarget], environ: &Environ) -> Result<Outlook, Vec<FileError>> {
    none(path::check(targets))?;
    let outlook = match try_namespace(targets, environ) {
        Ok(outlook) => outlook,
        Err(refused) => {
            let place = first(places(environ, must_be_wide(targets)), &refused)?;
            Outlook { method: Method::Directory, why: refused, directory: place.path, unswapped: false }
        }
    };
    none(survey_all(targets, outlook.method))?;
    Ok(outlook)
}

fn try_namespace(targets: &[FileTarget], environ: &Environ) -> Result<Outlook, String> {
    namespace::enter()?;
    let (at, directory) = if namespace::has_mount_point() {
        (PathBuf::from("/run"), PathBuf::from(MOUNT_POINT))
    } else {
        let place = first(places(environ, must_be_wide(targets)), "").map_err(no_mount_point)?;
        (place.path.clone(), place.path)
    };
    let unswapped = namespace::try_tmpfs(&at).map_err(|errno| format!("mounting a tmpfs: {}", words(errno)))?;
    Ok(Outlook { method: Method::Namespace, why: "mount namespaces are allowed".into(), directory, unswapped })
}

/// The files of a launch, empty or filled, open for writing.
pub(crate) struct FileSet {
    directory: PathBuf,
    files: Vec<(PathBuf, File)>,
    /// Where they are not mounted.
    private: Option<Private>,
}

/// Makes every file, empty, with its mode and owner, where the command will find it. Called in the
/// process that becomes the command, of one thread and without any secret, which what is forked
/// here would keep a copy of. After an error, or when this process ends before it becomes the
/// command, everything is removed without the caller.
pub(crate) fn prepare(targets: &[FileTarget], environ: &Environ) -> Result<FileSet, Vec<FileError>> {
    none(path::check(targets))?;
    // So that the modes below are exact, whatever umask the command is to have.
    let inherited = umask(Mode::empty());
    let set = make(targets, environ);
    umask(inherited);
    set
}

impl FileSet {
    /// As if they had not been made: others can be, at the same paths. Mounted ones are covered by those that come.
    pub(crate) fn discard(self) {
        if let Some(private) = self.private {
            private.remove();
        }
    }

    /// `$INJECT_FILES`.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the command finds a file of this number, in the order of the targets.
    pub(crate) fn path(&self, number: usize) -> &Path {
        &self.files[number].0
    }

    #[allow(clippy::disallowed_methods, reason = "the file is the secret's destination")]
    pub(crate) fn write(&mut self, number: usize, secret: &Secret) -> Result<(), FileError> {
        let (path, file) = &mut self.files[number];
        file.write_all(secret.expose()).map_err(|error| FileError::system("write", path, errno(&error)))
    }
}

fn make(targets: &[FileTarget], environ: &Environ) -> Result<FileSet, Vec<FileError>> {
    let wide = must_be_wide(targets);
    let root = match mounted(targets, environ, wide) {
        Ok(root) => root,
        Err(refused) => private(environ, wide, &refused)?,
    };
    none(survey_all(targets, root.method()))?;
    root.fill(targets, directory_mode(wide)).map_err(|error| vec![error])
}

/// A tmpfs of our own, or why there can be none.
fn mounted(targets: &[FileTarget], environ: &Environ, wide: bool) -> Result<Root, String> {
    namespace::enter()?;
    if !namespace::has_mount_point() {
        let directory = private_directory(environ, wide, "").map_err(no_mount_point)?;
        // Mounted over, it stays behind empty, for a later launch to sweep.
        return mount(targets, directory.path.clone(), wide).inspect_err(|_| directory.remove());
    }
    match DirBuilder::new().mode(0o700).create(MOUNT_POINT) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(format!("making {MOUNT_POINT}: {}", cause(&error)))
        }
        _ => mount(targets, MOUNT_POINT.into(), wide),
    }
}

fn mount(targets: &[FileTarget], path: PathBuf, wide: bool) -> Result<Root, String> {
    let limits = Limits {
        bytes: (targets.len() + 1) * template::LONGEST,
        inodes: 1024 + targets.iter().map(|target| target.path.iter().count() + 1).sum::<usize>(),
    };
    let fd = namespace::mount_tmpfs(&path, &limits, directory_mode(wide).bits())
        .and_then(|_| open(&path, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()))
        .map_err(|errno| format!("mounting a tmpfs: {}", words(errno)))?;
    Ok(Root::Mounted { path, fd })
}

fn private(environ: &Environ, wide: bool, refused: &str) -> Result<Root, Vec<FileError>> {
    let directory = private_directory(environ, wide, refused)?;
    directory.claim().map_err(|error| vec![FileError::system("claim", &directory.path, error)])?;
    janitor::start(&directory).map_err(|error| vec![FileError::Janitor(error)])?;
    Ok(Root::Private(directory))
}

fn private_directory(environ: &Environ, wide: bool, refused: &str) -> Result<Private, Vec<FileError>> {
    let places = places(environ, wide);
    places.iter().flatten().for_each(directory::Place::sweep);
    let place = first(places, refused)?;
    let path = place.path.clone();
    place.make_private(wide).map_err(|error| vec![FileError::system("make a directory in", &path, error)])
}

fn first(places: Vec<Result<directory::Place, Unfit>>, refused: &str) -> Result<directory::Place, Vec<FileError>> {
    let mut looked = Vec::new();
    for place in places {
        match place {
            Ok(place) => return Ok(place),
            Err(unfit) => looked.push(unfit),
        }
    }
    Err(vec![FileError::NoPlace { looked, refused: refused.to_owned() }])
}

fn no_mount_point(_: Vec<FileError>) -> String {
    format!("{MOUNT_POINT} cannot be made")
}

/// Where the files are made.
enum Root {
    Mounted { path: PathBuf, fd: OwnedFd },
    Private(Private),
}

impl Root {
    fn method(&self) -> Method {
        match self {
            Self::Mounted { .. } => Method::Namespace,
            Self::Private(_) => Method::Directory,
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Mounted { path, .. } => path,
            Self::Private(directory) => &directory.path,
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Mounted { fd, .. } => fd.as_fd(),
            Self::Private(directory) => directory.fd.as_fd(),
        }
    }

    fn fill(self, targets: &[FileTarget], mode: Mode) -> Result<FileSet, FileError> {
        let absolute = targets.iter().any(|target| target.path.is_absolute());
        let apart = absolute || matches!(self, Self::Private(_));
        for name in [FILES, ABSOLUTE].iter().filter(|_| apart) {
            mkdirat(self.fd(), *name, mode)
                .map_err(|error| FileError::system("make", &self.path().join(name), error))?;
        }
        let relative = Path::new(if apart { FILES } else { "" });
        let directory = match &self {
            Self::Mounted { path, .. } => path.clone(),
            Self::Private(directory) => directory.path.join(FILES),
        };
        let mut files = Vec::with_capacity(targets.len());
        for (number, target) in targets.iter().enumerate() {
            let path = directory.join(&target.path);
            let file =
                self.place(relative, number, target, mode).map_err(|error| FileError::system("make", &path, error))?;
            files.push((path, file));
        }
        if let Self::Mounted { path, .. } = &self {
            if apart {
                // Covers the tmpfs with its own part that the command is to see.
                namespace::bind(&path.join(FILES), path).map_err(|error| FileError::system("mount", path, error))?;
            }
            // Only another target could cover one of ours; without absolute ones the first stands for all.
            let in_question = if absolute { files.len() } else { 1 };
            for (path, file) in files.iter().take(in_question) {
                if !is_at(file, path).map_err(|error| FileError::system("look at", path, error))? {
                    return Err(FileError::Covered { path: path.clone() });
                }
            }
        }
        let private = match self {
            Self::Mounted { .. } => None,
            Self::Private(private) => Some(private),
        };
        Ok(FileSet { directory, files, private })
    }

    /// `relative` is where relative paths begin.
    fn place(&self, relative: &Path, number: usize, target: &FileTarget, mode: Mode) -> nix::Result<File> {
        let path = &target.path;
        if !path.is_absolute() {
            return self.create(relative, path, target, mode);
        }
        let Some(name) = path.file_name() else { return Err(Errno::EINVAL) };
        let source = Path::new(&number.to_string()).join(name);
        let parent = path.parent().unwrap_or(path);
        let parent = open(parent, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let spot = survey(path);
        if matches!(spot, Ok(Spot::LeftOver)) {
            unlinkat(&parent, name, UnlinkatFlags::NoRemoveDir)?;
        }
        match self {
            Self::Mounted { path: root, .. } => {
                let file = self.create(Path::new(ABSOLUTE), &source, target, mode)?;
                if !matches!(spot, Ok(Spot::File)) {
                    create(&parent, Path::new(name), Mode::S_IRUSR | Mode::S_IWUSR)?;
                }
                namespace::bind(&root.join(ABSOLUTE).join(source), path)?;
                Ok(file)
            }
            Self::Private(directory) if is_in_memory(&parent) => {
                let file = create(&parent, Path::new(name), target.mode())?;
                directory.record(path, &fstat(&file)?)?;
                give(&file, target.owner)?;
                Ok(file)
            }
            Self::Private(directory) => {
                let file = self.create(Path::new(ABSOLUTE), &source, target, mode)?;
                symlinkat(&directory.path.join(ABSOLUTE).join(source), &parent, name)?;
                directory.record(path, &fstatat(&parent, name, AtFlags::AT_SYMLINK_NOFOLLOW)?)?;
                Ok(file)
            }
        }
    }

    /// Makes a file under this directory of the root, and the directories on the way to it.
    fn create(&self, top: &Path, path: &Path, target: &FileTarget, mode: Mode) -> nix::Result<File> {
        let mut directories: Vec<_> = path.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty()).collect();
        directories.reverse();
        for directory in directories {
            match mkdirat(self.fd(), &top.join(directory), mode) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(error) => return Err(error),
            }
        }
        let file = create(self.fd(), &top.join(path), target.mode())?;
        // On a tmpfs of our own no directory hands its group on, so what nobody is to own is ours.
        if target.owner.is_some() || matches!(self, Self::Private(_)) {
            give(&file, target.owner)?;
        }
        Ok(file)
    }
}

impl FileTarget {
    fn mode(&self) -> Mode {
        Mode::from_bits_truncate(self.mode)
    }
}

fn give(file: impl AsFd, owner: Option<Owner>) -> nix::Result<()> {
    let user = owner.and_then(|owner| owner.user).map_or_else(geteuid, Uid::from_raw);
    let group = owner.and_then(|owner| owner.group).map_or_else(getegid, Gid::from_raw);
    fchown(file, Some(user), Some(group))
}

/// With exactly this mode, since there is no umask now.
fn create(parent: impl AsFd, path: &Path, mode: Mode) -> nix::Result<File> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(parent, path, flags, mode).map(File::from)
}

/// Whether a path leads to this file.
fn is_at(file: &File, path: &Path) -> nix::Result<bool> {
    let (file, found) = (fstat(file)?, stat(path)?);
    Ok((file.st_dev, file.st_ino) == (found.st_dev, found.st_ino))
}

fn survey_all(targets: &[FileTarget], method: Method) -> Vec<FileError> {
    let survey = |target: &FileTarget| match survey(&target.path) {
        Ok(Spot::File) if method == Method::Directory => {
            Some(FileError::Occupied { path: target.path.clone(), by: "a file, which only a mount could cover" })
        }
        Ok(_) => None,
        Err(error) => Some(error),
    };
    targets.iter().filter(|target| target.path.is_absolute()).filter_map(survey).collect()
}

/// Whether somebody else must get to a file.
fn must_be_wide(targets: &[FileTarget]) -> bool {
    let us = geteuid().as_raw();
    targets.iter().any(|target| {
        target.mode & 0o077 != 0 || target.owner.and_then(|owner| owner.user).is_some_and(|user| user != us)
    })
}

/// The command may list what it may enter.
fn directory_mode(wide: bool) -> Mode {
    Mode::from_bits_truncate(if wide { 0o755 } else { 0o700 })
}

fn none(errors: Vec<FileError>) -> Result<(), Vec<FileError>> {
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

/// Why a file cannot be made or filled.
#[derive(Debug)]
pub(crate) enum FileError {
    Path {
        path: PathBuf,
        fault: &'static str,
    },
    /// The directory of an absolute path does not exist.
    NoDirectory {
        path: PathBuf,
        directory: PathBuf,
    },
    /// Something is at an absolute path that stays there.
    Occupied {
        path: PathBuf,
        by: &'static str,
    },
    /// Nothing can be made at an absolute path.
    ReadOnly {
        path: PathBuf,
    },
    /// Something was mounted or put over the file while it was made.
    Covered {
        path: PathBuf,
    },
    /// No tmpfs, and why there is no mount namespace.
    NoPlace {
        looked: Vec<Unfit>,
        refused: String,
    },
    Janitor(Errno),
    System {
        what: &'static str,
        path: PathBuf,
        errno: Errno,
    },
}

impl FileError {
    fn system(what: &'static str, path: &Path, errno: Errno) -> Self {
        Self::System { what, path: path.to_owned(), errno }
    }

    /// The stable code of `--log-format json`.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Path { .. } => Code::Config,
            _ => Code::Launch,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { path, fault } => write!(out, "file `{}`: the path {fault}", path.display()),
            Self::NoDirectory { path, directory } => write!(
                out,
                "file `{}`: its directory `{}` does not exist; make it in the image, or mount it",
                path.display(),
                directory.display()
            ),
            Self::Occupied { path, by } => {
                write!(out, "file `{}`: there is {by}; remove it, or choose another path", path.display())
            }
            Self::ReadOnly { path } => write!(
                out,
                "file `{}`: nothing can be made there, the file system is read-only; add an empty file of this name to \
                 the image, or mount a tmpfs on its directory",
                path.display()
            ),
            Self::Covered { path } => {
                write!(out, "file `{}`: something else was put there in the meantime; start again", path.display())
            }
            Self::NoPlace { looked, refused } => {
                write!(out, "files: no place in memory to put them; mount a tmpfs on /run or /dev/shm (")?;
                if !refused.is_empty() {
                    write!(out, "no mount namespace: {refused}; ")?;
                }
                for (number, Unfit { path, why }) in looked.iter().enumerate() {
                    let comma = if number > 0 { ", " } else { "" };
                    write!(out, "{comma}`{}` {why}", path.display())?;
                }
                write!(out, ")")
            }
            Self::Janitor(errno) => write!(
                out,
                "files: the helper that removes them cannot start: {}; it needs Linux 5.9 and a seccomp policy \
                 that allows pidfd_open and close_range",
                words(*errno)
            ),
            Self::System { what, path, errno } => {
                write!(out, "file `{}`: cannot {what} it: {}", path.display(), words(*errno))
            }
        }
    }
}

#[cfg(test)]
impl FileTarget {
    fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), mode: 0o400, owner: None }
    }
}
