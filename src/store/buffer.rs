//! A secret on its way in, from a file or a pipe: bounded, and wiped wherever it was.
//!
//! std's `read_to_end` goes over a small array on the stack and leaves the old block behind as it
//! grows; here every byte lies in a block that is wiped.

use crate::secret::Secret;
use std::io::{self, Read};
use zeroize::Zeroizing;

/// The most bytes that one secret may have.
pub(super) const LONGEST: usize = 1 << 20;

pub(super) struct Buffer {
    bytes: Zeroizing<Vec<u8>>,
    length: usize,
}

impl Buffer {
    /// Has room for as many bytes as are expected and one more, so that the end shows without growing.
    pub(super) fn new(expected: usize) -> Self {
        Self { bytes: Zeroizing::new(vec![0; expected.min(LONGEST) + 1]), length: 0 }
    }

    /// Reads once; 0 is the end. `FileTooLarge`: there are more than [`LONGEST`] bytes.
    pub(super) fn read_from(&mut self, source: &mut impl Read) -> io::Result<usize> {
        if self.length == self.bytes.len() {
            let mut larger = Zeroizing::new(vec![0; (2 * self.length).min(LONGEST + 1)]);
            larger[..self.length].copy_from_slice(&self.bytes);
            self.bytes = larger;
        }
        let read = source.read(&mut self.bytes[self.length..])?;
        self.length += read;
        if self.length > LONGEST { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(read) }
    }

    pub(super) fn into_secret(self) -> Secret {
        Secret::from(self.bytes[..self.length].to_vec())
    }

    /// The same for a text that ends in a newline of its writer's: one is removed, if there is one.
    pub(super) fn into_secret_line(self) -> Secret {
        let filled = &self.bytes[..self.length];
        Secret::from(filled.strip_suffix(b"\n").unwrap_or(filled).to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one to `most` bytes at a time, as a pipe may.
    struct Trickle<'a> {
        rest: &'a [u8],
        most: usize,
    }

    impl Read for Trickle<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let length = self.most.min(into.len());
            self.rest.read(&mut into[..length])
        }
    }

    fn take(expected: usize, bytes: &[u8], most: usize) -> io::Result<Buffer> {
        let mut source = Trickle { rest: bytes, most };
        let mut buffer = Buffer::new(expected);
        while buffer.read_from(&mut source)? > 0 {}
        Ok(buffer)
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test compares the bytes")]
    fn no_byte_is_lost_however_the_length_was_guessed() {
        let bytes: Vec<u8> = (0..10_000u32).map(|at| (at.wrapping_mul(31) >> 3) as u8).collect();
        for length in [0, 1, 2, 3, 4095, 4096, 4097, 10_000] {
            for expected in [0, 1, length.max(1) - 1, length, length + 1, usize::MAX] {
                for most in [1, 7, usize::MAX] {
                    let secret = take(expected, &bytes[..length], most).unwrap().into_secret();
                    assert_eq!(secret.expose(), &bytes[..length], "{length} bytes, {expected} expected");
                }
            }
        }
    }

    #[test]
    fn the_limit_is_the_last_length_that_passes() {
        let bytes = vec![7; LONGEST + 1];
        for expected in [0, LONGEST, usize::MAX] {
            assert_eq!(take(expected, &bytes[..LONGEST], 1 << 16).unwrap().into_secret().len(), LONGEST);
            let refused = take(expected, &bytes, 1 << 16).err().unwrap();
            assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
        }
    }
}
