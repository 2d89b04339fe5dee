//! What a file's path may be, and what may be at an absolute one already.

use super::directory;
use super::namespace::MOUNT_POINT;
use super::{FileError, FileTarget};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{AccessFlags, faccessat, geteuid};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The limits of the kernel, for one component and for a path; the latter less what goes before a
/// relative one.
const LONGEST_COMPONENT: usize = 255;
const LONGEST: usize = 3500;

/// Everything that is wrong with the paths as such; nothing is looked at.
pub(super) fn check(targets: &[FileTarget]) -> Vec<FileError> {
    let mut errors: Vec<_> = targets
        .iter()
        .filter_map(|target| fault(&target.path).map(|fault| FileError::Path { path: target.path.clone(), fault }))
        .collect();
    if errors.is_empty() {
        errors = clashes(targets);
    }
    errors
}

fn fault(path: &Path) -> Option<&'static str> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() {
        return Some("is empty");
    }
    if bytes.contains(&0) {
        return Some("holds a NUL");
    }
    if bytes.len() > LONGEST {
        return Some("is too long");
    }
    if path.starts_with(MOUNT_POINT) {
        return Some("lies in the private directory: write it as a relative path");
    }
    bytes.strip_prefix(b"/").unwrap_or(bytes).split(|&byte| byte == b'/').find_map(|component| match component {
        b"" => Some("has an empty component"),
        b"." | b".." => Some("has a component `.` or `..`"),
        _ if component.len() > LONGEST_COMPONENT => Some("has a component of more than 255 bytes"),
        _ => None,
    })
}

/// In the order of paths by component, whatever lies under a path comes right after it.
fn clashes(targets: &[FileTarget]) -> Vec<FileError> {
    let mut paths: Vec<&Path> = targets.iter().map(|target| target.path.as_path()).collect();
    paths.sort_unstable();
    let mut errors = Vec::new();
    let mut file: Option<&Path> = None;
    for path in paths {
        match file.filter(|file| path.starts_with(file)) {
            None => file = Some(path),
            Some(earlier) => {
                let twice = earlier == path;
                let fault = if twice { "is given twice" } else { "lies under a path that is a file itself" };
                errors.push(FileError::Path { path: path.to_owned(), fault });
            }
        }
    }
    errors
}

/// What an absolute path leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Spot {
    Free,
    /// A link of ours from a launch that did not end in order.
    LeftOver,
    /// A regular file, perhaps through a link.
    File,
}

/// Looks at an absolute path; its directory must exist, and have room for a new name if there is none.
pub(super) fn survey(path: &Path) -> Result<Spot, FileError> {
    let parent = path.parent().unwrap_or(path);
    if !parent.is_dir() {
        return Err(FileError::NoDirectory { path: path.to_owned(), directory: parent.to_owned() });
    }
    let occupied = |by| Err(FileError::Occupied { path: path.to_owned(), by });
    let spot = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Spot::Free,
        Err(error) => return Err(FileError::system("look at", path, super::errno(&error))),
        Ok(found) if found.is_symlink() && found.uid() == geteuid().as_raw() && is_left_over(path) => Spot::LeftOver,
        Ok(_) => match path.metadata() {
            Ok(found) if found.is_file() => return Ok(Spot::File),
            Ok(found) if found.is_dir() => return occupied("a directory"),
            Ok(_) => return occupied("no regular file"),
            Err(_) => return occupied("a symbolic link that leads nowhere"),
        },
    };
    match faccessat(AT_FDCWD, parent, AccessFlags::W_OK, AtFlags::AT_EACCESS) {
        // A sandbox that is older than the call answers EPERM to it; making the file will tell.
        Ok(()) | Err(Errno::EPERM) => Ok(spot),
        Err(Errno::EROFS) => Err(FileError::ReadOnly { path: path.to_owned() }),
        Err(error) => Err(FileError::system("make", path, error)),
    }
}

fn is_left_over(link: &Path) -> bool {
    link.read_link().is_ok_and(|text| directory::is_left_over(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(paths: &[&str]) -> Vec<(String, &'static str)> {
        let targets: Vec<_> = paths.iter().map(FileTarget::new).collect();
        let fault = |error| match error {
            FileError::Path { path, fault } => (path.display().to_string(), fault),
            other => panic!("{other}"),
        };
        check(&targets).into_iter().map(fault).collect()
    }

    #[test]
    fn a_path_is_checked_component_by_component() {
        assert_eq!(faults(&["a", "tls/key.pem", "/etc/app/key.pem", "..a/.b", " "]), []);
        for (path, fault) in [
            ("", "is empty"),
            ("a\0b", "holds a NUL"),
            ("a//b", "has an empty component"),
            ("a/", "has an empty component"),
            ("/", "has an empty component"),
            ("//etc/x", "has an empty component"),
            ("../a", "has a component `.` or `..`"),
            ("a/../b", "has a component `.` or `..`"),
            ("/etc/..", "has a component `.` or `..`"),
            ("./a", "has a component `.` or `..`"),
            ("/run/inject/a", "lies in the private directory: write it as a relative path"),
        ] {
            assert_eq!(faults(&[path]), [(path.to_owned(), fault)]);
        }
        assert_eq!(faults(&[&"x".repeat(256)])[0].1, "has a component of more than 255 bytes");
        assert_eq!(faults(&[&"x/".repeat(2000)])[0].1, "is too long");
    }

    #[test]
    fn no_file_is_another_or_the_directory_of_another() {
        assert_eq!(faults(&["a/b", "a/c", "a.b/c", "ab", "/a/b"]), []);
        assert_eq!(faults(&["a/b", "c", "a/b"]), [("a/b".to_owned(), "is given twice")]);
        let fault = "lies under a path that is a file itself";
        assert_eq!(faults(&["a/b/c", "a", "a-b", "a/d"]), [("a/b/c".to_owned(), fault), ("a/d".to_owned(), fault)]);
    }

    #[test]
    fn every_wrong_path_is_reported() {
        assert_eq!(faults(&["..", "fine", "a//b"]).len(), 2);
    }
}
