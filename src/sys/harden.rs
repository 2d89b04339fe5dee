//! Memory that neither core dumps nor other processes get to see, as far as the kernel goes along.

use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};

/// What has to be undone before exec: the core limit is inherited. Dumpability is not, nor are
/// memory locks.
pub(crate) struct Hardened {
    core: Option<(rlim_t, rlim_t)>,
}

impl Hardened {
    /// Called before anything secret is read.
    pub(crate) fn new() -> Self {
        let core = getrlimit(Resource::RLIMIT_CORE).ok().filter(|(soft, _)| *soft > 0);
        if let Some((_, hard)) = core {
            let _ = setrlimit(Resource::RLIMIT_CORE, 0, hard);
        }
        forbid_dumps();
        lock_memory();
        Self { core }
    }

    pub(crate) fn restore(self) {
        if let Some((soft, hard)) = self.core {
            let _ = setrlimit(Resource::RLIMIT_CORE, soft, hard);
        }
    }
}

/// Neither a core dump nor another process gets to see our memory. Until exec, or until the process
/// changes its credentials.
pub(crate) fn forbid_dumps() {
    if !stays_dumpable() {
        let _ = prctl::set_dumpable(false);
    }
}

/// A forked process has to do it again: locks are not inherited.
pub(crate) fn lock_memory() {
    // With a small limit a later allocation would fail, so all or nothing.
    if getrlimit(Resource::RLIMIT_MEMLOCK).is_ok_and(|(soft, _)| soft == RLIM_INFINITY) {
        let on_fault = MlockAllFlags::from_bits_retain(nix::libc::MCL_ONFAULT);
        let _ = mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault);
    }
}

/// A test that looks into our memory without root asks a debug build for it.
fn stays_dumpable() -> bool {
    cfg!(debug_assertions) && std::env::var_os("INJECT_TEST_DUMPABLE").is_some()
}

/// A debug build stops just before exec when a test asks, so that its memory can be searched.
#[cfg(debug_assertions)]
pub(crate) fn pause_if_asked() {
    if std::env::var_os("INJECT_TEST_PAUSE").is_some() {
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP);
    }
}
