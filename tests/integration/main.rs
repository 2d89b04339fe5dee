//! Black-box tests: each makes a small world of its own, runs the built binary in it and says what
//! must come out. No network, no root, no system package.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[cfg(feature = "local")]
mod canary;
mod harness;

mod environment;
mod files;
mod hostile;
mod launch;
mod layers;
#[cfg(feature = "local")]
mod leaks;
#[cfg(feature = "local")]
mod local;
mod look;
mod properties;
mod readme;
mod references;
#[cfg(feature = "local")]
mod secret;
mod spec;
