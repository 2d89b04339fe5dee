//! The helper that removes a private directory once the command is gone.
//!
//! It is forked before any secret is read and gives up everything inherited, so it holds none:
//! neither in memory nor in a descriptor. Two forks, so that the command has no child it did not
//! start; it waits on a descriptor of the process that becomes the command, whatever ends that.

use super::directory::Private;
use crate::sys::fork;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, chdir, getpid, setsid};
use std::io::{PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};

/// Returns when the helper keeps watch. The calling process is the one that becomes the command.
pub(super) fn start(directory: &Private) -> Result<(), Errno> {
    let command = fork::pidfd_open(getpid())?;
    let (mut answer, report) = std::io::pipe().map_err(errno)?;
    // The helper is never to see a signal, not even one sent to the whole group at this moment.
    let inherited = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let forked = fork::fork();
    if let Ok(ForkResult::Child) = forked {
        detach(&command, directory, report);
    }
    inherited.thread_set_mask()?;
    drop(report);
    if let ForkResult::Parent { child } = forked? {
        // Where SIGCHLD was inherited as ignored this waits too, and then finds no child: as good.
        while waitpid(child, None) == Err(Errno::EINTR) {}
    }
    let mut status = [0];
    match answer.read(&mut status).map_err(errno)? {
        0 => Err(Errno::ECHILD),
        _ if status[0] == 0 => Ok(()),
        _ => Err(Errno::from_raw(i32::from(status[0]))),
    }
}

fn detach(command: &OwnedFd, directory: &Private, mut report: PipeWriter) -> ! {
    let forked = setsid().and_then(|_| fork::fork());
    let ready = match forked {
        Ok(ForkResult::Parent { .. }) => fork::leave(0),
        Ok(ForkResult::Child) => settle(command, directory, &report),
        Err(error) => Err(error),
    };
    // Linux numbers its errors below 256. A parent that is gone needs no answer, but still a watch.
    let status = ready.err().map_or(0, |error| error as i32);
    let _ = report.write_all(&[status.to_le_bytes()[0]]);
    if ready.is_err() {
        fork::leave(1);
    }
    drop(report);
    let mut watch = [PollFd::new(command.as_fd(), PollFlags::POLLIN)];
    while poll(&mut watch, PollTimeout::NONE) == Err(Errno::EINTR) {}
    directory.remove();
    fork::leave(0)
}

/// Gives up what was inherited, but for the directory and its lock. A pipe of the command's that
/// stayed open here would never end for its reader.
fn settle(command: &OwnedFd, directory: &Private, report: &PipeWriter) -> Result<(), Errno> {
    fork::wipe_environment();
    fork::close_all_but([command.as_fd(), directory.place(), directory.fd.as_fd(), report.as_fd()])?;
    chdir("/")
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}
