//! A signal while helpers are asked ends us by it, at once, and no helper stays.

use crate::harness::{Inject, World};
use crate::{Running, eventually, is_alive, processes_with};
use nix::sys::signal::Signal;
use serde_json::json;
use std::fs;
use std::time::{Duration, Instant};

const ENDING: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];

/// A world whose helper has a child of its own, and says so in the file `asked`.
fn world(helper: &str) -> World {
    let world = World::new();
    world.script("helper", &format!("#!/bin/sh\n{helper}\n"));
    world.file("c.json", json!({ "stores": { "h": { "kind": "exec", "command": ["./helper"] } } }).to_string());
    world
}

const SLEEPS: &str = "sleep 1000 &\necho $$ $! >asked.new\nmv asked.new asked\nwait";

fn launch(world: &World) -> Inject {
    world.inject(["-c", "c.json", "-e", "V=$<h:x>", "--", "touch", "ran"])
}

/// The numbers that the helper left in `asked`.
fn helpers(world: &World) -> Vec<nix::unistd::Pid> {
    eventually("the helper is asked", || world.exists("asked"));
    let text = fs::read_to_string(world.path("asked")).unwrap();
    text.split_whitespace().map(|pid| nix::unistd::Pid::from_raw(pid.parse().unwrap())).collect()
}

#[test]
fn a_signal_while_resolving_ends_us_by_it_and_the_helpers_group_too() {
    for signal in ENDING {
        let world = world(SLEEPS);
        let mut running = Running(launch(&world).start());
        let helpers = helpers(&world);
        assert!(helpers.len() == 2 && helpers.iter().all(|&pid| is_alive(pid)));
        running.send(signal);
        assert_eq!(running.end("inject ends"), (None, Some(signal as i32)));
        // Killed before we ended; the kernel may take a moment to see to it.
        eventually("the helper and its child are gone", || !helpers.iter().any(|&pid| is_alive(pid)));
        assert!(!world.exists("ran"));
    }
}

#[test]
fn a_signal_right_after_the_start_ends_us_by_it_whatever_we_are_doing() {
    let world = world(SLEEPS);
    // What it takes to get to the helper, so that the moments are spread over all of it.
    let begun = Instant::now();
    let mut running = Running(launch(&world).start());
    helpers(&world);
    let whole = begun.elapsed();
    running.send(Signal::SIGTERM);
    running.end("inject ends");
    for number in 0..50_u32 {
        let signal = ENDING[number as usize % 4];
        let marker = format!("INJECT_SYSTEM_TEST_MARKER={}-{number}", std::process::id());
        let (name, value) = marker.split_once('=').unwrap();
        let mut running = Running(launch(&world).env(name, value).start());
        let wait = whole * number / 50;
        let begun = Instant::now();
        while begun.elapsed() < wait {
            std::thread::sleep(Duration::from_micros(50));
        }
        running.send(signal);
        assert_eq!(running.end("inject ends"), (None, Some(signal as i32)), "{signal} after {wait:?}");
        eventually("no helper is left", || !processes_with(&marker).into_iter().any(is_alive));
    }
    assert!(!world.exists("ran"));
}

#[test]
fn a_signal_that_was_inherited_as_ignored_is_not_taken() {
    let world = world("echo $$ >asked.new\nmv asked.new asked\nuntil [ -e go ]; do sleep 0.01; done\necho value");
    let script = "trap '' INT HUP; exec \"$PROGRAM\" -c c.json -e 'V=$<h:x>' -- printenv V";
    let mut running = Running(world.run("sh", ["-c", script]).env("PROGRAM", crate::harness::PROGRAM).start());
    let helper = helpers(&world)[0];
    for signal in [Signal::SIGINT, Signal::SIGHUP] {
        running.send(signal);
        nix::sys::signal::kill(helper, signal).unwrap();
    }
    assert!(is_alive(helper) && running.0.try_wait().unwrap().is_none());
    world.file("go", "");
    assert_eq!(running.end("the command runs"), (Some(0), None));
    let mut out = String::new();
    std::io::Read::read_to_string(running.0.stdout.as_mut().unwrap(), &mut out).unwrap();
    assert_eq!(out, "value\n");
}

mod fetching {
    use super::*;
    use crate::doubles::http::{Fault, Reply, Server, Wire};
    use crate::doubles::tls::Certificate;
    use crate::harness::PROGRAM;
    use crate::{need_root, tool};
    use nix::sys::signal::kill;
    use nix::unistd::Pid;
    use std::net::UdpSocket;

    const OPTIONS: [&str; 4] = ["-c", "c.json", "-e", "V=$<t:x>"];

    fn config(world: &World, settings: serde_json::Value) {
        world.file("c.json", json!({ "stores": { "t": settings } }).to_string());
    }

    #[test]
    fn as_the_first_process_a_signal_ends_us_with_128_and_it() {
        need_root();
        for signal in ENDING {
            let server = Server::start(Wire::Tls(Certificate::Good), |_| Reply::empty(200));
            server.always(Fault::Delay(Duration::from_secs(600)));
            let world = World::new();
            let token = json!({ "env": "TOKEN" });
            config(
                &world,
                json!({ "kind": "tapis", "url": server.url(), "ca_file": server.ca_file(), "token": token }),
            );
            let namespaces = ["--fork", "--pid", "--kill-child", PROGRAM];
            let arguments = [&namespaces[..], &OPTIONS, &["--", "touch", "ran"]].concat();
            let inject = world.run(tool("unshare", "util-linux"), arguments).env("TOKEN", "a.b.c");
            let mut running = Running(inject.start());
            eventually("it asks", || server.count() > 0);
            // unshare(1) waits for it, and gives its status for its own.
            let children = format!("/proc/{0}/task/{0}/children", running.pid());
            let first: i32 = fs::read_to_string(children).unwrap().trim().parse().unwrap();
            kill(Pid::from_raw(first), signal).unwrap();
            assert_eq!(running.end("inject ends"), (Some(128 + signal as i32), None));
            assert!(!world.exists("ran"));
        }
    }

    /// A name server that hears and says nothing, and a launch that looks a name up there.
    fn looking_up(address: &str, timeout: &str) -> (UdpSocket, World, Inject) {
        need_root();
        let server = UdpSocket::bind((address, 53)).unwrap();
        let world = World::new();
        world.file("resolv.conf", format!("nameserver {address}\n")).file("hosts", "127.0.0.1 localhost\n");
        let token = json!({ "env": "TOKEN" });
        config(&world, json!({ "kind": "tapis", "url": "https://tapis.example", "token": token, "timeout": timeout }));
        let mounts = "mount --bind resolv.conf /etc/resolv.conf; mount --bind hosts /etc/hosts";
        let script = format!("{mounts}; exec \"$PROGRAM\" -c c.json -e 'V=$<t:x>' -- touch ran");
        let arguments = ["--mount", "--propagation", "private", "sh", "-e", "-c", &script];
        let inject = world.run(tool("unshare", "util-linux"), arguments).env("PROGRAM", PROGRAM).env("TOKEN", "a.b.c");
        (server, world, inject)
    }

    #[test]
    fn a_signal_while_a_name_is_looked_up_ends_us_by_it() {
        for signal in ENDING {
            // An address each: one that another test's new process still holds, until its exec, is not free.
            let (server, world, inject) = looking_up(&format!("127.0.54.{}", signal as i32), "10m");
            let mut running = Running(inject.start());
            server.recv_from(&mut [0; 512]).unwrap();
            running.send(signal);
            assert_eq!(running.end("inject ends"), (None, Some(signal as i32)));
            assert!(!world.exists("ran"));
        }
    }

    /// The C library asks for both IP versions, and again after five seconds.
    #[test]
    fn the_report_of_a_deadline_does_not_wait_for_a_name_that_is_still_looked_up() {
        let (server, world, inject) = looking_up("127.0.53.2", "300ms");
        inject.done().fails(125, &["timed out", "tapis.example", "to look up its name"]);
        server.set_nonblocking(true).unwrap();
        let queries = std::iter::from_fn(|| server.recv_from(&mut [0; 512]).ok()).count();
        assert!((1..=2).contains(&queries), "{queries} queries");
        assert!(!world.exists("ran"));
    }
}
