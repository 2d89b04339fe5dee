//! Signals, and what a new process begins with.

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction, signal};
use nix::unistd::setsid;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

pub(crate) fn is_ignored(signal: Signal) -> bool {
    let mut now = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action the call only writes the present one to where the pointer leads;
    // all zeros are a valid one, should it fail.
    let now = unsafe {
        libc::sigaction(signal as libc::c_int, std::ptr::null(), now.as_mut_ptr());
        now.assume_init()
    };
    now.sa_sigaction == libc::SIG_IGN
}

pub(crate) fn ignore(on: Signal) -> Result<(), Errno> {
    // SAFETY: no code of ours runs on the signal.
    unsafe { signal(on, SigHandler::SigIgn) }.map(drop)
}

pub(crate) fn set_default(on: Signal) -> Result<(), Errno> {
    // SAFETY: no code of ours runs on the signal.
    unsafe { signal(on, SigHandler::SigDfl) }.map(drop)
}

/// Lets the command begin in a session of its own, hence in its own process group and without a
/// terminal, with this signal mask and with these signals ignored.
pub(crate) fn detach(command: &mut Command, mask: SigSet, ignored: SigSet) {
    let begin = move || {
        setsid()?;
        for signal in &ignored {
            ignore(signal)?;
        }
        mask.thread_set_mask()?;
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed: these are setsid,
    // sigaction and sigprocmask, and nothing here allocates or locks.
    unsafe { command.pre_exec(begin) };
}

/// Runs `write` with SIGPIPE ignored, then gives it back its disposition: a reader of our messages, or
/// a server, that went away must neither end us nor change what the command inherits.
pub(crate) fn without_sigpipe<T>(write: impl FnOnce() -> T) -> T {
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler of ours is installed, so nothing can run in a signal's context.
    let before = unsafe { sigaction(Signal::SIGPIPE, &ignore) };
    let done = write();
    if let Ok(before) = before {
        // SAFETY: puts back what stood there.
        let _ = unsafe { sigaction(Signal::SIGPIPE, &before) };
    }
    done
}

/// The capabilities that a program has to get from its file, a bit for each: `security.capability` of xattr(7). One
/// that only may get some (without the effective bit) does what it can without.
pub(crate) fn file_capabilities(program: &std::ffi::CStr) -> u64 {
    // Flags, what is permitted and what is inheritable of the first 32, the same of the others, and a namespace; in
    // little-endian words, as ours are.
    let mut words = [0_u32; 6];
    // SAFETY: the strings end with a NUL, and the call writes at most as many bytes as there are.
    unsafe { libc::getxattr(program.as_ptr(), c"security.capability".as_ptr(), words.as_mut_ptr().cast(), 24) };
    (u64::from(words[3]) << 32 | u64::from(words[1])) * u64::from(words[0] & 1)
}

/// What asks a program to end.
const ENDING: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];

/// As PID 1 the kernel drops signals whose action is the default; those that ask a program to end
/// are to end us while we resolve, as they do any other process. exec undoes this by itself.
pub(crate) fn end_on_signals_as_init() {
    if std::process::id() != 1 {
        return;
    }
    let end = SigAction::new(SigHandler::Handler(end), SaFlags::empty(), SigSet::empty());
    for signal in ENDING {
        // SAFETY: the handler calls _exit alone, which is async-signal-safe.
        if let Ok(before) = unsafe { sigaction(signal, &end) }
            && matches!(before.handler(), SigHandler::SigIgn)
        {
            // SAFETY: puts back what stood there: inherited as ignored stays so.
            let _ = unsafe { sigaction(signal, &before) };
        }
    }
}

/// Undoes [`end_on_signals_as_init`] in a process that was forked since: it is not PID 1.
pub(crate) fn end_on_signals_as_any() {
    ENDING.into_iter().filter(|&signal| !is_ignored(signal)).for_each(|signal| _ = set_default(signal));
}

extern "C" fn end(signal: libc::c_int) {
    // SAFETY: ends the process without running anything of it.
    unsafe { libc::_exit(128 + signal) }
}
