//! The stack below the caller, where functions that have returned left what they worked on.
//!
//! Ciphers copy a block of the plaintext into their own frame. No allocator sees that, and no type of
//! ours wipes it.

use nix::libc;
use std::hint::black_box;

/// More than resolving and rendering take, and less than the kernel maps for any new stack (128 KiB).
const DEPTH: usize = 96 << 10;

/// How far down stand the frames of the call that gives pages back, that page, and a little more.
const NEAR: usize = 13 << 10;

/// Wipes what calls made before this one left. Whatever the caller itself holds is above and stays.
#[inline(never)]
pub(crate) fn wipe_dead_stack() {
    match give_back() {
        true => zero::<NEAR>(),
        false => zero::<{ 32 << 10 }>(),
    }
}

/// Pages that are given back read as zeros, and none has to be faulted in for that. Those nearest
/// hold the frames of this very call.
fn give_back() -> bool {
    // SAFETY: without side effects.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    let frame = black_box(&page) as *const usize as usize;
    let end = (frame - (8 << 10)) & !(page - 1);
    // SAFETY: the range is stack, or not mapped, and below every frame that is in use.
    page == 4 << 10 && unsafe { libc::madvise((end - DEPTH) as *mut libc::c_void, DEPTH, libc::MADV_DONTNEED) } == 0
}

#[inline(never)]
fn zero<const SIZE: usize>() {
    let mut dead = [0_u8; SIZE];
    // Somebody might look at it, as far as the compiler knows.
    black_box(&mut dead);
}
