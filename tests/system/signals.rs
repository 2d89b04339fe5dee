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
