//! Black-box tests: each makes a small world of its own, runs the built binary in it and says what
//! must come out. No network, no root, no system package.

mod harness;

mod environment;
mod files;
mod launch;
mod layers;
mod look;
mod references;
mod spec;
