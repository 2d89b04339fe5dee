//! The allocator that wipes every block it frees.
//!
//! Types that wipe themselves do not reach what parsers, readers and growing vectors copy; this
//! does. Only `alloc` and `dealloc` are written: the provided `realloc` allocates, copies and frees,
//! so that a grown buffer's old block is wiped too.

use nix::libc;
use std::alloc::{GlobalAlloc, Layout, System};

pub struct Wiping;

// SAFETY: every call goes to the system's allocator with the layout it was given; wiping touches
// only the block that the caller gives back.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps `GlobalAlloc::alloc`'s contract, which is System's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's until it is freed below, and `layout.size()` bytes long.
        unsafe {
            match layout.size() {
                ..LARGE => wipe(block, layout.size()),
                size => wipe_large(block, size),
            }
            System.dealloc(block, layout);
        }
    }
}

/// From here on a block is mostly a buffer of which only the beginning was used.
const LARGE: usize = 32 << 10;

/// # Safety
/// The bytes are the caller's alone.
unsafe fn wipe(block: *mut u8, size: usize) {
    // SAFETY: the caller's promise. The empty assembly takes the address, so the compiler cannot drop
    // a write to memory that is about to be freed.
    unsafe {
        std::ptr::write_bytes(block, 0, size);
        std::arch::asm!("/* {0} */", in(reg) block, options(nostack, preserves_flags));
    }
}

/// Gives whole pages back to the kernel, which hands them out as zeros again: writing zeros would
/// first have to fault in every page that was never used.
///
/// # Safety
/// The bytes are the caller's alone.
unsafe fn wipe_large(block: *mut u8, size: usize) {
    // SAFETY: without side effects.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    let head = block.align_offset(page).min(size);
    let pages = (size - head) / page * page;
    // SAFETY: head, pages and what follows them are parts of the block. The kernel refuses pages that
    // are locked; those are wiped like any other bytes.
    unsafe {
        if libc::madvise(block.add(head).cast(), pages, libc::MADV_DONTNEED) == 0 {
            wipe(block, head);
            wipe(block.add(head + pages), size - head - pages);
        } else {
            wipe(block, size);
        }
    }
}
