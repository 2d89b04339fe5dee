//! The allocator that wipes every block it frees.
//!
//! Types that wipe themselves do not reach what parsers, readers and growing vectors copy; this
//! does. Only `alloc` and `dealloc` are written: the provided `realloc` allocates, copies and frees,
//! so that a grown buffer's old block is wiped too.

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
        // The empty assembly takes its address, so the compiler cannot drop a write to memory that is
        // about to be freed.
        unsafe {
            std::ptr::write_bytes(block, 0, layout.size());
            std::arch::asm!("/* {0} */", in(reg) block, options(nostack, preserves_flags));
            System.dealloc(block, layout);
        }
    }
}
