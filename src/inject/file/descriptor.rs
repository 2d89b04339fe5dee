//! A secret as an open descriptor: a file that has no path, lies in memory, and cannot be changed.

use super::FileError;
use crate::secret::Secret;
use crate::users::Owner;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{Mode, fchmod};
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::fd::{OwnedFd, RawFd};
use std::path::Path;

/// Gives the number of the descriptor, which the command inherits; it is never one of 0–2. `name`
/// is for errors only: the kernel would show it to every process that may look at the command.
pub(crate) fn sealed(name: &str, mode: u32, owner: Option<Owner>, secret: &Secret) -> Result<RawFd, FileError> {
    fill(mode, owner, secret).map_err(|error| FileError::system("make a descriptor for", Path::new(name), error))
}

#[allow(clippy::disallowed_methods, reason = "the descriptor is the secret's destination")]
fn fill(mode: u32, owner: Option<Owner>, secret: &Secret) -> Result<RawFd, Errno> {
    let mut file = File::from(create()?);
    file.write_all(secret.expose()).and_then(|()| file.rewind()).map_err(|error| super::errno(&error))?;
    fchmod(&file, Mode::from_bits_truncate(mode))?;
    super::give(&file, owner)?;
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    // The duplicate is ours to leave open: it is what the command gets.
    fcntl(&file, FcntlArg::F_DUPFD(3))
}

fn create() -> Result<OwnedFd, Errno> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    // Linux 6.3 and later; without it the file may be executed, which does no harm.
    let strict = MFdFlags::from_bits_retain(libc::MFD_NOEXEC_SEAL);
    match memfd_create("inject", flags | strict) {
        Err(Errno::EINVAL) => memfd_create("inject", flags),
        made => made,
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests look at what they wrote")]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn a_descriptor_holds_the_value_read_only_and_outlives_an_exec() {
        let secret = Secret::from(b"\0bytes\xff".to_vec());
        let number = sealed("KEY", 0o400, None, &secret).unwrap();
        assert!(number > 2);
        let path = format!("/proc/self/fd/{number}");
        assert_eq!(std::fs::read(&path).unwrap(), secret.expose());
        let stat = std::fs::metadata(&path).unwrap();
        assert_eq!((stat.mode() & 0o7777, stat.nlink()), (0o400, 0));
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
        assert_eq!(i32::from_str_radix(flags, 8).unwrap() & libc::O_CLOEXEC, 0);
        assert!(info.starts_with("pos:\t0\n"), "{info}");
        let again = std::process::Command::new("cat").arg(&path).output().unwrap();
        assert_eq!(again.stdout, secret.expose());
        if let Ok(mut file) = File::options().write(true).open(&path) {
            assert!(file.write(b"x").is_err());
        }
    }

    #[test]
    fn an_empty_value_is_an_empty_descriptor() {
        let number = sealed("KEY", 0o400, None, &Secret::from(Vec::new())).unwrap();
        assert_eq!(std::fs::read(format!("/proc/self/fd/{number}")).unwrap(), b"");
    }
}
