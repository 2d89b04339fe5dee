//! What a process is given when it starts: arguments, environment, descriptors.

use std::ffi::{CStr, c_char};

/// The arguments and the environment as the kernel left them on the stack.
pub struct Given {
    pub(crate) arguments: Vec<&'static CStr>,
    pub(crate) environment: Vec<&'static CStr>,
}

impl Given {
    /// # Safety
    /// Both are main's own: tables of NUL-terminated strings that a null pointer ends, which live
    /// and stay unchanged as long as the process.
    pub unsafe fn new(arguments: *const *const c_char, environment: *const *const c_char) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self { arguments: strings(arguments), environment: strings(environment) } }
    }
}

/// # Safety
/// As [`Given::new`].
unsafe fn strings(mut table: *const *const c_char) -> Vec<&'static CStr> {
    let mut strings = Vec::with_capacity(64);
    // SAFETY: the table ends with a null pointer, before which each points to a string that stays.
    unsafe {
        while !table.is_null() && !(*table).is_null() {
            strings.push(CStr::from_ptr(*table));
            table = table.add(1);
        }
    }
    strings
}

/// Occupies those of the descriptors 0 to 2 that are closed, so that no file of ours gets such a
/// number and a message ends up in it. Close-on-exec: the command finds them closed again.
pub(crate) fn occupy_standard_descriptors() {
    use std::os::fd::IntoRawFd as _;
    let mut standard = [0, 1, 2].map(|fd| nix::libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: the pointer and the count are one array's, which outlives the call.
    let found = unsafe { nix::libc::poll(standard.as_mut_ptr(), 3, 0) };
    if found > 0 {
        for _ in standard.iter().filter(|entry| entry.revents & nix::libc::POLLNVAL != 0) {
            // A new descriptor is the lowest that is free. An image may have no /dev.
            let file = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null");
            if let Ok(file) = file.or_else(|_| std::fs::File::open("/")) {
                let _ = file.into_raw_fd();
            }
        }
    }
}

/// Whether the program's file gave this process another user or group than whoever started it has.
pub(crate) fn is_set_id() -> bool {
    // SAFETY: the call looks a number up in what the kernel left on the stack.
    let given = |what| unsafe { nix::libc::getauxval(what) };
    given(nix::libc::AT_UID) != given(nix::libc::AT_EUID) || given(nix::libc::AT_GID) != given(nix::libc::AT_EGID)
}
