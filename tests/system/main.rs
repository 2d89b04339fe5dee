//! Tests that need root, something installed or the release binary: the launch as the kernel sees it,
//! namespaces, signals, containers, the stock `age` tool on our store, applications with their secrets, and the
//! official clients of remote stores on the doubles of these. `tests/setup` installs what it needs.
//!
//! A test whose tool or right is missing fails and says which; none is skipped. Mounts are made in
//! private namespaces only.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../integration/canary.rs"]
#[allow(dead_code, reason = "it is shared with the tests beside it, which need more of it")]
mod canary;
#[path = "../doubles/mod.rs"]
#[allow(dead_code, reason = "it is shared with the tests beside it, which need more of it")]
mod doubles;
#[path = "../integration/harness.rs"]
#[allow(dead_code, reason = "it is shared with the tests beside it, which need more of it")]
mod harness;

mod age;
mod applications;
mod clients;
mod container;
mod doctor;
mod hosts;
mod init;
mod inits;
mod mounts;
mod packages;
mod podman;
mod privileges;
mod signals;
mod syscalls;
mod systemd;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The program, which must be installed.
#[track_caller]
fn tool(name: &'static str, package: &str) -> &'static str {
    let found = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(found.is_ok(), "this needs `{name}`: `apt-get install {package}`, or tests/setup for all there is");
    name
}

#[track_caller]
fn need_root() {
    assert!(geteuid().is_root(), "this needs root: it makes namespaces and mounts in them");
}

/// Waits for what another process is about to do.
#[track_caller]
fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "still not so: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A process that does not outlive its test.
struct Running(Child);

impl Running {
    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().cast_signed())
    }

    fn send(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Its status, and the signal that ended it; what takes longer than a minute is ended here.
    #[track_caller]
    fn end(&mut self, what: &str) -> (Option<i32>, Option<i32>) {
        let mut ended = None;
        eventually(what, || {
            ended = self.0.try_wait().unwrap();
            ended.is_some()
        });
        ended.map_or((None, None), |status| (status.code(), status.signal()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The processes that have this text in the environment they were started with.
fn processes_with(marker: &str) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    entries
        .filter(|pid: &i32| {
            let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environ.windows(marker.len()).any(|window| window == marker.as_bytes())
        })
        .map(Pid::from_raw)
        .collect()
}

fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let is_zombie = stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z"));
    kill(pid, None) != Err(Errno::ESRCH) && !is_zombie
}
