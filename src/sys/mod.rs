//! The unsafe fence: what no crate offers a safe call for. Safe functions outward, nothing above
//! known here.
#![allow(unsafe_code)]

mod alloc;
mod harden;
mod process;

pub use alloc::Wiping;
pub(crate) use harden::Hardened;
#[cfg(debug_assertions)]
pub(crate) use harden::pause_if_asked;
pub use process::Given;
pub(crate) use process::{end_on_signals_as_init, occupy_standard_descriptors, without_sigpipe};
