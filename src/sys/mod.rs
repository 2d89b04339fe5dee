//! The unsafe fence: what no crate offers a safe call for. Safe functions outward, nothing above
//! known here.
#![allow(unsafe_code)]

mod alloc;
pub(crate) mod datagram;
pub(crate) mod fork;
mod harden;
mod names;
pub(crate) mod process;
pub(crate) mod signals;
mod stack;
mod start;

pub use alloc::Wiping;
#[cfg(debug_assertions)]
pub(crate) use harden::pause_if_asked;
pub(crate) use harden::{Hardened, forbid_dumps, lock_memory};
pub(crate) use names::look_hosts_up_without_modules;
pub(crate) use process::{end_on_signals_as_init, file_capabilities, without_sigpipe};
pub(crate) use stack::wipe_dead_stack;
pub use start::Given;
pub(crate) use start::{is_set_id, occupy_standard_descriptors};
