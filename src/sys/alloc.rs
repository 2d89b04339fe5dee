//! The allocator that wipes every block it frees.
//!
//! Types that wipe themselves do not reach what parsers, readers and growing vectors copy; this
//! does. A buffer that grows moves to a new block, so that its old one is wiped too; one that shrinks
//! stays and has its end wiped.
//!
//! Small blocks are dlmalloc's, which asks the kernel for 64 KiB at a time, whichever C library this is
//! linked with: musl's asks for each few pages. Large ones come from the kernel and go back to it: they are
//! zeros without a write, and a page that was never used costs nothing to take, to wipe or to give back.

use dlmalloc::{Allocator, Dlmalloc};
use nix::libc;
use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::hint::spin_loop;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

pub struct Wiping {
    small: UnsafeCell<Dlmalloc<Kernel>>,
    /// Whoever holds it uses `small`. A launch has one thread, so nobody waits for long.
    held: AtomicBool,
}

impl Wiping {
    #[allow(clippy::new_without_default, reason = "the default of a constant is not one")]
    pub const fn new() -> Self {
        Self { small: UnsafeCell::new(Dlmalloc::new_with_allocator(Kernel)), held: AtomicBool::new(false) }
    }

    fn small<T>(&self, work: impl FnOnce(&mut Dlmalloc<Kernel>) -> T) -> T {
        while self.held.swap(true, Ordering::Acquire) {
            spin_loop();
        }
        // SAFETY: `held` was false and is true until the work is done, so this is the one reference.
        let done = work(unsafe { &mut *self.small.get() });
        self.held.store(false, Ordering::Release);
        done
    }
}

// SAFETY: `held` lets one thread at a time have `small`, and the rest is calls to the kernel.
unsafe impl Sync for Wiping {}

// SAFETY: small blocks are dlmalloc's, large ones mappings of their own. Which of the two a block is
// follows from its layout, which alloc and dealloc both get.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match is_large(layout) {
            true => map(layout.size()),
            // SAFETY: the caller's promises are passed on.
            false => self.small(|small| unsafe { small.malloc(layout.size(), layout.align()) }),
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            return map(layout.size());
        }
        // SAFETY: the caller's promises are passed on.
        self.small(|small| unsafe { small.calloc(layout.size(), layout.align()) })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the block is the caller's and `layout.size()` bytes long; `size` is one that a layout
        // may have. A block that stays is small before and after, and freed as one.
        unsafe {
            if size <= layout.size() && !is_large(layout) && layout.align() <= ALIGNED {
                wipe(block.add(size), layout.size() - size);
                return self.small(|small| small.realloc(block, layout.size(), layout.align(), size));
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
                self.small(|small| small.free(block, layout.size(), layout.align()));
            }
        }
    }
}

/// What dlmalloc aligns every block to; one that is aligned to more it moves even to shrink it.
const ALIGNED: usize = 2 * size_of::<usize>();

/// From here on a block is mostly a buffer of which only the beginning is used.
const LARGE: usize = 32 << 10;

/// The smallest page of any Linux, which a mapping is aligned to.
const PAGE: usize = 4 << 10;

fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= PAGE
}

/// What dlmalloc has its blocks from.
struct Kernel;

// SAFETY: mappings of zeros, each given back whole or not at all.
unsafe impl Allocator for Kernel {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        (map(size), size, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, block: *mut u8, size: usize) -> bool {
        // SAFETY: dlmalloc gives back what it has from `alloc` and does not use.
        unsafe { libc::munmap(block.cast(), size) == 0 }
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
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
