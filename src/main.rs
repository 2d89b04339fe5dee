//! The program: hands over what the kernel gave, and ends with the status it gets back.
//!
//! There is no Rust `main`: the runtime's start-up would ignore SIGPIPE and open descriptors that
//! were closed, and the command must inherit exactly what we were given.
#![no_main]

use std::ffi::{c_char, c_int};

#[global_allocator]
static ALLOCATOR: inject::Wiping = inject::Wiping::new();

/// The C library's entry point.
///
/// # Safety
/// Called once, by the C library, with the tables that the kernel left on the stack.
#[allow(unsafe_code, reason = "the name and the signature are what the C library calls")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(
    _count: c_int,
    arguments: *const *const c_char,
    environment: *const *const c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    let given = unsafe { inject::Given::new(arguments, environment) };
    c_int::from(inject::run(given))
}
