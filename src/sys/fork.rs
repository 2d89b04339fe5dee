//! Splitting off a helper process: fork, a descriptor for a process, and what a helper gives up once it
//! is on its own.

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{ForkResult, Pid};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

/// Forks a process of one thread; with more it fails with EBUSY, since a lock that another thread
/// holds would stay locked in the child. Where /proc cannot be read, one thread is taken for granted:
/// this program starts none before it resolves and has none left after.
pub(crate) fn fork() -> nix::Result<ForkResult> {
    if std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() > 1) {
        return Err(Errno::EBUSY);
    }
    // SAFETY: with one thread the child is a whole copy of the parent and may do what it may.
    unsafe { nix::unistd::fork() }
}

/// Ends this process at once: nothing is flushed, dropped or run that its parent has too.
pub(crate) fn leave(status: i32) -> ! {
    // SAFETY: no memory is touched and nothing comes after.
    unsafe { libc::_exit(status) }
}

/// A descriptor that becomes readable when the process ends, an exec in between or not.
/// Linux 5.3 or later.
pub(crate) fn pidfd_open(pid: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: the call takes two numbers and gives a number.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
    let fd = RawFd::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made this descriptor for us, close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Closes every descriptor but these, whoever owns it: for a helper that never returns, so that no
/// owner drops its descriptor afterwards. Linux 5.9 or later.
pub(crate) fn close_all_but<'f>(kept: impl IntoIterator<Item = BorrowedFd<'f>>) -> nix::Result<()> {
    let mut kept: Vec<_> = kept.into_iter().map(|fd| fd.as_raw_fd().unsigned_abs()).collect();
    kept.sort_unstable();
    let mut first = 0;
    for end in kept.into_iter().chain([u32::MAX]) {
        if let Some(last) = end.checked_sub(1).filter(|&last| first <= last) {
            // SAFETY: the call takes three numbers; what becomes invalid by it is the caller's promise above.
            Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })?;
        }
        first = end.saturating_add(1);
    }
    Ok(())
}

/// Zeroes the environment this process was started with, where a credential may stand: for a helper
/// that stays while the command runs and reads no variable any more.
pub(crate) fn wipe_environment() {
    unsafe extern "C" {
        static environ: *const *mut libc::c_char;
    }
    // SAFETY: `environ` is null or a table that ends with a null, of strings that end with a NUL and
    // lie in writable memory (the kernel put them on the stack). Nobody else runs in this process,
    // and whoever looks at a variable later finds an empty one.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            let mut byte = *entry;
            while *byte != 0 {
                byte.write_volatile(0);
                byte = byte.add(1);
            }
            entry = entry.add(1);
        }
    }
}
