//! Names of hosts, looked up by our own C library alone.

/// Keeps a static glibc to what it has built in, files and DNS: anything else that nsswitch.conf(5) names
/// is a module of the machine's glibc, whose version need not be ours. For the time before the first
/// look-up. A dynamic build has the machine's own library and does as the machine does.
pub(crate) fn look_hosts_up_without_modules() {
    #[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
    {
        use std::ffi::{c_char, c_int};
        unsafe extern "C" {
            fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
        }
        // SAFETY: it reads two strings, which stay, and no other thread looks a name up yet. Where it has
        // no memory for that, the file decides.
        unsafe { __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr()) };
    }
}
