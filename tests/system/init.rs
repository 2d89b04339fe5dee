//! Supervising as PID 1 of a new PID namespace, as in a container without an init of its own.

use crate::harness::{Inject, PROGRAM, World, compiled};
use crate::{Running, eventually, need_root, tool};
use nix::libc::{self, c_int};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead as _, BufReader};

/// Starts the binary as PID 1, with a /proc of its own.
fn as_init(world: &World, arguments: &[&str]) -> Inject {
    need_root();
    let namespace = ["--fork", "--pid", "--kill-child", "--mount-proc", PROGRAM];
    world.run(tool("unshare", "util-linux"), namespace.iter().chain(arguments))
}

/// PID 1 as it is seen from here: the child of unshare(1).
pub(crate) fn first(unshare: &Running) -> Pid {
    let children = format!("/proc/{0}/task/{0}/children", unshare.pid());
    let mut first = None;
    eventually("there is a PID 1", || {
        first = fs::read_to_string(&children).unwrap().split_whitespace().next().map(|pid| pid.parse().unwrap());
        first.is_some()
    });
    Pid::from_raw(first.unwrap())
}

#[allow(unsafe_code)]
fn send(to: Pid, signal: c_int) {
    // SAFETY: the call takes two numbers.
    assert_eq!(unsafe { libc::kill(to.as_raw(), signal) }, 0, "signal {signal}");
}

#[test]
fn as_the_first_process_the_supervisor_gives_the_commands_status_or_128_and_its_signal() {
    let world = World::new();
    let run = |options: &[&str], script: &str| {
        let done =
            as_init(&world, &[options, &["--mode", "supervise", "-q", "--", "sh", "-c", script]].concat()).done();
        assert_eq!((&*done.err, done.signal), ("", None));
        done.status
    };
    assert_eq!(run(&[], "exit 7"), Some(7));
    for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGSEGV, 34, 64] {
        assert_eq!(run(&[], &format!("kill -{signal} $$")), Some(128 + signal));
    }
    assert_eq!(run(&["--exit-map", "143:0"], "kill -TERM $$"), Some(0));
    as_init(&world, &["--mode", "supervise", "--", "nowhere-to-be-found"]).done().fails(127, &["nowhere-to-be-found"]);
}

#[test]
fn as_the_first_process_the_supervisor_passes_every_signal_on() {
    let world = World::new();
    let listener = compiled("signals").to_str().unwrap();
    let mut running = Running(as_init(&world, &["--mode", "supervise", "-q", "--", listener, "15"]).start());
    let init = first(&running);
    let mut said = BufReader::new(running.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.next().unwrap().ends_with("parent 1"));
    let spared = [libc::SIGKILL, libc::SIGSTOP, libc::SIGCHLD, libc::SIGTERM];
    for signal in (1..=64).filter(|signal| !spared.contains(signal)).chain([libc::SIGTERM]) {
        send(init, signal);
        assert_eq!(said.next(), Some(format!("{signal} 0")));
    }
    assert_eq!(running.end("the container ends"), (Some(0), None));
}

/// A signal without a handler does nothing to PID 1; to the command it does what it always does.
#[test]
fn as_the_first_process_the_supervisor_lets_a_command_end_that_does_nothing_about_signals() {
    let world = World::new();
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, 40] {
        let script = "echo begun; exec sleep 1000";
        let mut running = Running(as_init(&world, &["--mode", "supervise", "-q", "--", "sh", "-c", script]).start());
        let mut line = String::new();
        BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        send(first(&running), signal);
        assert_eq!(running.end("the container ends"), (Some(128 + signal), None));
    }
}

#[test]
fn as_the_first_process_the_supervisor_reaps_orphans() {
    let world = World::new();
    // Each `sh` leaves its child, which ends a moment later; then nothing but init, sh and ps is there.
    let script = "for n in 1 2 3 4 5; do sh -c 'sleep 0.1 &'; done; while ps -eo stat,comm | grep -q 'sleep$'; do sleep 0.05; done; \
                  ps -eo stat | grep -c Z";
    let done = as_init(&world, &["--mode", "supervise", "-q", "--", "sh", "-c", script]).done();
    assert_eq!((done.text(), &*done.err), ("0\n", ""));
}
