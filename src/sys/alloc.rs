//! The allocator that wipes every block it frees.
//!
//! Types that wipe themselves do not reach what parsers, readers and growing vectors copy; this
//! does. A buffer that grows moves to a new block, so that its old one is wiped too; one that shrinks
//! stays and has its end wiped.
//!
//! Large blocks come from the kernel and go back to it: they are zeros without a write, and a page
//! that was never used costs nothing to take, to wipe or to give back.

use nix::libc;
use std::alloc::{GlobalAlloc, Layout};
use std::ptr;

pub struct Wiping;

// SAFETY: small blocks are the C library's, which frees them by their address alone; large ones are
// mappings of their own. Which of the two a block is follows from its layout, which alloc and dealloc
// both get.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match is_large(layout) {
            true => map(layout.size()),
            false => small(layout),
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            return map(layout.size());
        }
        let block = small(layout);
        if !block.is_null() {
            // SAFETY: the block is new and as long as the layout says.
            unsafe { ptr::write_bytes(block, 0, layout.size()) };
        }
        block
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the block is the caller's and `layout.size()` bytes long; `size` is one that a layout
        // may have. A block that stays is small before and after, and freed as one.
        unsafe {
            if size <= layout.size() && !is_large(layout) {
                wipe(block.add(size), layout.size() - size);
                return block;
            }
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                ptr::copy_nonoverlapping(block, new, layout.size().min(size));
                self.dealloc(block, layout);
            }
            new
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's until it is freed here, and `layout.size()` bytes long.
        unsafe {
            if is_large(layout) {
                libc::munmap(block.cast(), layout.size());
            } else {
                wipe(block, layout.size());
                libc::free(block.cast());
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

/// The C library's; null where it has no memory.
fn small(layout: Layout) -> *mut u8 {
    // What malloc aligns every block to that is not shorter, `alignof(max_align_t)` where we build.
    const ALIGNED: usize = 16;
    let (size, align) = (layout.size(), layout.align());
    let mut block = ptr::null_mut();
    // SAFETY: plain calls; an alignment of a layout is a power of two, and this one a multiple of a pointer's.
    unsafe {
        if align <= ALIGNED && align <= size {
            block = libc::malloc(size);
        } else if libc::posix_memalign(&raw mut block, align.max(size_of::<usize>()), size) != 0 {
            block = ptr::null_mut();
        }
    }
    block.cast()
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
