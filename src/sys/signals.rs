//! Signals by the kernel's numbers, 1 to 64: what a supervisor holds back, waits for, sends and dies of.
//!
//! A C library keeps a few real-time signals for itself and hides them from its callers, glibc other
//! ones than musl. A command may be linked to either, or to none, so masks are the kernel's own here.

use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::unistd::Pid;
use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};

/// A set of signals as the kernel has it: bit n - 1 for signal n.
#[derive(Clone, Copy)]
pub(crate) struct Mask(u64);

impl Mask {
    fn of(signal: c_int) -> Self {
        Self(1 << (signal - 1))
    }

    /// Makes it the mask of blocked signals.
    pub(crate) fn restore(self) {
        let _ = self.apply(libc::SIG_SETMASK);
    }

    /// Gives the mask that there was.
    fn apply(self, how: c_int) -> nix::Result<Self> {
        let mut before = Self(0);
        // SAFETY: the call reads one mask and writes the other, both of the size that it is told.
        let done = unsafe {
            libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const self.0, &raw mut before.0, size_of::<u64>())
        };
        Errno::result(done).map(|_| before)
    }
}

/// Blocks every signal that can be blocked: what is sent from now on waits for [`take`].
pub(crate) fn hold_all() -> nix::Result<Mask> {
    Mask(!0).apply(libc::SIG_SETMASK)
}

/// A signal that was sent to us.
pub(crate) struct Arrived(libc::siginfo_t);

impl Arrived {
    pub(crate) fn signal(&self) -> c_int {
        self.0.si_signo
    }

    /// Whether the kernel sent it of its own accord, as a terminal does to a whole group.
    pub(crate) fn is_from_kernel(&self) -> bool {
        self.0.si_code == libc::SI_KERNEL
    }

    /// Sends it on under this number, with the value that sigqueue(3) gave it.
    pub(crate) fn pass_on(&self, to: Pid, signal: c_int) {
        if self.0.si_code == libc::SI_QUEUE {
            // SAFETY: the kernel reads what it wrote itself.
            let sent = unsafe { libc::syscall(libc::SYS_rt_sigqueueinfo, to.as_raw(), signal, &raw const self.0) };
            if sent == 0 {
                return;
            }
        }
        send(to, signal);
    }
}

/// A descriptor that can be read while a blocked signal waits to be taken: signalfd(2).
pub(crate) fn arrivals() -> nix::Result<OwnedFd> {
    let all = Mask(!0);
    // SAFETY: the call reads a mask of the size that it is told.
    let fd = unsafe { libc::syscall(libc::SYS_signalfd4, -1, &raw const all.0, size_of::<u64>(), libc::SFD_CLOEXEC) };
    let fd = RawFd::try_from(Errno::result(fd)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Takes one of the blocked signals, real-time ones in the order in which they were sent. None where none
/// is left. (What the descriptor above gives lacks parts that a signal is passed on with.)
pub(crate) fn take() -> Option<Arrived> {
    let all = Mask(!0);
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let mut arrived = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: the pointers lead to a mask of the size that the call is told, to what it fills, which
    // may hold any bytes, and to a time.
    unsafe {
        let (call, size) = (libc::SYS_rt_sigtimedwait, size_of::<u64>());
        let signal = libc::syscall(call, &raw const all.0, arrived.as_mut_ptr(), &raw const at_once, size);
        (signal > 0).then(|| Arrived(arrived.assume_init()))
    }
}

/// A process group is the negative of its number. Who is gone needs no signal.
pub(crate) fn send(to: Pid, signal: c_int) {
    // SAFETY: the call takes two numbers.
    unsafe { libc::kill(to.as_raw(), signal) };
}

/// What became of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Exited(u8),
    /// By the signal of this number.
    Killed(c_int),
    Stopped(c_int),
}

/// One child that ended, which is reaped by this, or was stopped; None where there is no such news.
pub(crate) fn reap() -> Option<(Pid, Change)> {
    let mut status = 0;
    loop {
        // SAFETY: the call writes the one number.
        let child = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::WUNTRACED) };
        if child <= 0 {
            return None;
        }
        let change = if libc::WIFEXITED(status) {
            Change::Exited(libc::WEXITSTATUS(status).to_le_bytes()[0])
        } else if libc::WIFSIGNALED(status) {
            Change::Killed(libc::WTERMSIG(status))
        } else if libc::WIFSTOPPED(status) {
            Change::Stopped(libc::WSTOPSIG(status))
        } else {
            continue;
        };
        return Some((Pid::from_raw(child), change));
    }
}

/// Stops this process as the signal does, until it is continued. False where the kernel did not stop
/// it: in a group that no shell could continue (it is orphaned), and as PID 1.
pub(crate) fn stop_by(signal: c_int) -> bool {
    by_default(signal);
    // The SIGCONT that woke us is blocked, and still there to be passed on.
    let mut pending = 0_u64;
    // SAFETY: the call writes one mask of the size that it is told.
    unsafe { libc::syscall(libc::SYS_rt_sigpending, &raw mut pending, size_of::<u64>()) };
    pending & Mask::of(libc::SIGCONT).0 != 0
}

/// Ends this process as the signal does where nothing is set against it. PID 1, which the kernel
/// spares, ends with the status that a shell gives such an end.
pub(crate) fn die_of(signal: c_int) -> ! {
    by_default(signal);
    // SAFETY: it ends the process without running any more of its code.
    unsafe { libc::_exit(128 + signal) }
}

/// Sends this process the signal with its default action, unblocked for the moment.
fn by_default(signal: c_int) {
    // The kernel's own structure, of four words, where zeros are the default action.
    let default = [0_u64; 4];
    // SAFETY: the call reads that structure, with a mask of the size that it is told, and writes nothing.
    unsafe {
        let none = std::ptr::null_mut::<u64>();
        libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), none, size_of::<u64>());
    }
    let before = Mask::of(signal).apply(libc::SIG_UNBLOCK);
    send(Pid::this(), signal);
    if let Ok(before) = before {
        before.restore();
    }
}

/// The signal that the kernel sends this process when another one ends, which started it.
pub(crate) struct Ends {
    pub(crate) with: Pid,
    pub(crate) by: c_int,
}

impl Ends {
    /// A change of credentials undoes it; exec does not.
    pub(crate) fn arm(&self) {
        // SAFETY: the call takes numbers.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, self.by) };
        if Pid::parent() != self.with {
            send(Pid::this(), self.by);
        }
    }
}
