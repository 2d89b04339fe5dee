//! The environment block: NUL-terminated entries in one buffer that is wiped, read by execve only.

use crate::secret::Secret;
use std::ffi::CStr;
use zeroize::Zeroizing;

/// The kernel's limit for one string of a new program, its NUL included (MAX_ARG_STRLEN in
/// execve(2): 32 pages of 4 KiB).
pub(crate) const LONGEST_STRING: usize = 128 << 10;

pub(crate) struct EnvBlock<'p> {
    passed: &'p [&'static CStr],
    entries: Zeroizing<Vec<u8>>,
    /// Where each entry ends, its NUL included.
    ends: Vec<usize>,
}

/// A variable that no program can be given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EntryError {
    Nul,
    /// How many bytes the entry has.
    TooLong(usize),
}

impl<'p> EnvBlock<'p> {
    /// `bytes` is what the entries to come need at most, so that the buffer never grows and leaves
    /// a copy.
    pub(crate) fn new(passed: &'p [&'static CStr], bytes: usize, entries: usize) -> Self {
        Self { passed, entries: Zeroizing::new(Vec::with_capacity(bytes)), ends: Vec::with_capacity(entries) }
    }

    #[allow(clippy::disallowed_methods, reason = "a variable is where this value is to go")]
    pub(crate) fn push_secret(&mut self, name: &[u8], value: &Secret) -> Result<(), EntryError> {
        self.push(name, value.expose())
    }

    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), EntryError> {
        if value.contains(&0) {
            return Err(EntryError::Nul);
        }
        let length = Self::size(name, value.len());
        if length > LONGEST_STRING {
            return Err(EntryError::TooLong(length));
        }
        for part in [name, b"=", value, b"\0"] {
            self.entries.extend_from_slice(part);
        }
        self.ends.push(self.entries.len());
        Ok(())
    }

    /// The bytes an entry takes: name, `=`, value, NUL.
    pub(crate) fn size(name: &[u8], value: usize) -> usize {
        name.len() + value + 2
    }

    /// The table for execve.
    pub(crate) fn table(&self) -> Vec<&CStr> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let entries = starts
            .zip(&self.ends)
            .filter_map(|(start, &end)| CStr::from_bytes_with_nul(&self.entries[start..end]).ok());
        self.passed.iter().copied().chain(entries).collect()
    }

    /// How many entries there are, and the bytes of all of them.
    pub(crate) fn total(&self) -> (usize, usize) {
        let passed: usize = self.passed.iter().map(|entry| entry.count_bytes() + 1).sum();
        (self.passed.len() + self.ends.len(), passed + self.entries.len())
    }

    /// The name and the bytes of the largest entry.
    pub(crate) fn largest(&self) -> Option<(String, usize)> {
        let largest = self.table().into_iter().max_by_key(|entry| entry.count_bytes())?;
        let name = largest.to_bytes().split(|&byte| byte == b'=').next().unwrap_or_default();
        Some((String::from_utf8_lossy(name).into_owned(), largest.count_bytes() + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stand_after_those_passed_on() {
        let mut block = EnvBlock::new(&[c"A=1"], 64, 2);
        block.push(b"B", b"x=y").unwrap();
        block.push_secret(b"C", &Secret::from(String::new())).unwrap();
        assert_eq!(block.table(), [c"A=1", c"B=x=y", c"C="]);
    }

    #[test]
    fn what_no_program_can_be_given_is_refused() {
        let mut block = EnvBlock::new(&[], 0, 0);
        assert_eq!(block.push(b"A", b"a\0b"), Err(EntryError::Nul));
        assert_eq!(block.push(b"A", &vec![b'x'; LONGEST_STRING - 3]), Ok(()));
        assert_eq!(block.push(b"A", &vec![b'x'; LONGEST_STRING - 2]), Err(EntryError::TooLong(LONGEST_STRING + 1)));
    }
}
