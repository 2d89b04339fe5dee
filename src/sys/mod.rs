//! The unsafe fence: what no crate offers a safe call for. Safe functions outward, nothing above
//! known here.
#![allow(unsafe_code)]

mod alloc;

pub use alloc::Wiping;
