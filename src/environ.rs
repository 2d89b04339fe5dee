//! The environment this process was given, as bytes and unchanged.
//!
//! std's view drops what it cannot parse; a launcher has to hand everything on, so the table that
//! the kernel left on the stack is read as it is.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

#[derive(Clone, Default)]
pub(crate) struct Environ {
    entries: Vec<&'static CStr>,
}

impl Environ {
    pub(crate) fn new(entries: Vec<&'static CStr>) -> Self {
        Self { entries }
    }

    /// Every entry with its name; one without `=` has no value and is its own name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static [u8], Option<&'static [u8]>, &'static CStr)> {
        self.entries.iter().map(|entry| {
            let bytes = entry.to_bytes();
            match bytes.iter().position(|&byte| byte == b'=') {
                Some(at) => (&bytes[..at], Some(&bytes[at + 1..]), *entry),
                None => (bytes, None, *entry),
            }
        })
    }

    /// The value of the first entry of this name, which is the one `getenv` finds.
    pub(crate) fn get(&self, name: &str) -> Option<&'static [u8]> {
        self.entries.iter().find_map(|entry| entry.to_bytes().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    }

    /// A variable that holds a path. An empty one counts as unset, as the XDG base directory
    /// specification and systemd have it.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).filter(|value| !value.is_empty()).map(|value| OsStr::from_bytes(value).into())
    }
}

#[cfg(test)]
impl Environ {
    pub(crate) fn of<const N: usize>(entries: [&str; N]) -> Self {
        let leak =
            |entry: &str| -> &'static CStr { Box::leak(std::ffi::CString::new(entry).unwrap().into_boxed_c_str()) };
        Self::new(entries.iter().map(|entry| leak(entry)).collect())
    }
}
