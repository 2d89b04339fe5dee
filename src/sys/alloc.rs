//! The allocator that wipes every block it frees.
//!
//! Types that wipe themselves do not reach what parsers, readers and growing vectors copy; this
//! does. `realloc` is not written: the provided one allocates, copies and frees, so that a grown
//! buffer's old block is wiped too.
//!
//! Large blocks come from the kernel and go back to it: they are zeros without a write, and a page
//! that was never used costs nothing to take, to wipe or to give back.

use nix::libc;
use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

pub struct Wiping;

// SAFETY: small blocks are System's, with the layout that it was given; large ones are mappings of
// their own. Which of the two a block is follows from its layout, which alloc and dealloc both get.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match is_large(layout) {
            true => map(layout.size()),
            // SAFETY: the caller keeps `GlobalAlloc::alloc`'s contract, which is System's.
            false => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match is_large(layout) {
            true => map(layout.size()),
            // SAFETY: as above.
            false => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's until it is freed here, and `layout.size()` bytes long.
        unsafe {
            if is_large(layout) {
                libc::munmap(block.cast(), layout.size());
            } else {
                wipe(block, layout.size());
                System.dealloc(block, layout);
            }
        }
    }
}

/// From here on a block is mostly a buffer of which only the beginning is used.
const LARGE: usize = 32 << 10;

/// The smallest page of any Linux, which a mapping is aligned to.
const PAGE: usize = 4 << 10;

fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= PAGE
}

/// Pages of zeros; null where the kernel has none left.
fn map(size: usize) -> *mut u8 {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping at a place of the kernel's choice touches no other.
    match unsafe { libc::mmap(ptr::null_mut(), size, protection, flags, -1, 0) } {
        libc::MAP_FAILED => ptr::null_mut(),
        block => block.cast(),
    }
}

/// # Safety
/// The bytes are the caller's alone.
unsafe fn wipe(block: *mut u8, size: usize) {
    // SAFETY: the caller's promise. The empty assembly takes the address, so the compiler cannot drop
    // a write to memory that is about to be freed.
    unsafe {
        ptr::write_bytes(block, 0, size);
        std::arch::asm!("/* {0} */", in(reg) block, options(nostack, preserves_flags));
    }
}
