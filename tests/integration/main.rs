//! Black-box tests: each makes a small world of its own, runs the built binary in it and says what
//! must come out. No network but loopback, no root, no system package.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[cfg(feature = "local")]
mod audit;
#[cfg(feature = "local")]
mod canary;
#[path = "../doubles/mod.rs"]
#[allow(dead_code, reason = "it is shared with the system tests and the library's")]
mod doubles;
mod harness;

mod apolo;
mod certificates;
mod cloudify;
#[cfg(feature = "local")]
mod concurrent;
mod conformance;
#[cfg(feature = "local")]
mod copy;
mod environment;
mod faults;
mod files;
mod generated;
mod hostile;
mod juju;
#[cfg(feature = "local")]
mod labels;
mod launch;
mod layers;
#[cfg(feature = "local")]
mod leaks;
#[cfg(feature = "local")]
mod local;
mod look;
mod manage_apolo;
mod manage_cloudify;
mod manage_juju;
mod manage_qovery;
mod manage_tapis;
#[cfg(feature = "local")]
mod model;
mod notify;
mod online;
mod pod;
mod properties;
mod qovery;
mod readme;
mod recorded;
mod references;
mod remote;
#[cfg(feature = "local")]
mod scenarios;
#[cfg(feature = "local")]
mod secret;
mod server;
mod spec;
mod supervise;
mod tapis;
