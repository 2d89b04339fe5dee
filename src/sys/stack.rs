//! The stack below the caller, where functions that have returned left what they worked on.
//!
//! Ciphers copy a block of the plaintext into their own frame. No allocator sees that, and no type of
//! ours wipes it.

use std::hint::black_box;

/// More than resolving and rendering take, and little more than they touched: a page that was not
/// in use yet would cost a fault.
const DEPTH: usize = 32 << 10;

/// Zeroes what calls made before this one left. Whatever the caller itself holds is above and stays.
#[inline(never)]
pub(crate) fn wipe_dead_stack() {
    let mut dead = [0_u8; DEPTH];
    // Somebody might look at it, as far as the compiler knows.
    black_box(&mut dead);
}
