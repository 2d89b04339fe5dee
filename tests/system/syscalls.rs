//! What a launch asks of the kernel, as strace sees it; and what is left where it is killed there.

use crate::container::release_binary;
use crate::harness::{IDENTITY, PROGRAM, STORE, World};
use crate::{need_root, tool};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The system calls of a run until it became `true`, a line each, with those of its children.
fn trace(world: &World, program: &Path, arguments: &[&str]) -> Vec<String> {
    let ours = ["-f", "-qq", "-s", "4096", "-o", "trace", program.to_str().unwrap()];
    world.run(tool("strace", "strace"), [&ours[..], arguments].concat()).done().quiet();
    let trace = fs::read_to_string(world.path("trace")).unwrap();
    // Each line begins with the number of the process.
    let calls = trace.lines().map(|line| line.trim_start_matches(|byte: char| byte.is_ascii_digit()).trim_start());
    let is_command =
        |call: &str| call.starts_with("execve(\"/usr/bin/true\"") || call.starts_with("execve(\"/bin/true\"");
    calls.take_while(|call| !is_command(call)).map(str::to_owned).collect()
}

fn name(call: &str) -> &str {
    call.split('(').next().unwrap_or_default()
}

/// The files that it had opened, in order.
fn opened(calls: &[String]) -> Vec<&str> {
    let opening = calls.iter().filter(|call| name(call).starts_with("open") && !call.contains(") = -1"));
    opening.map(|call| call.split('"').nth(1).unwrap()).collect()
}

#[track_caller]
fn stays_alone(calls: &[String]) {
    let forbidden = ["clone", "clone3", "fork", "vfork", "socket", "socketpair", "connect", "io_uring_setup"];
    let found = calls.iter().find(|call| forbidden.contains(&name(call)) || name(call).starts_with("epoll_create"));
    assert_eq!(found, None);
    let remote = ["resolv.conf", "nsswitch.conf", "/etc/hosts", "/ssl/", "/certs/", ".pem", ".crt"];
    for path in opened(calls) {
        assert!(!remote.iter().any(|part| path.contains(part)), "a local launch opened {path}");
    }
}

fn world() -> World {
    let world = World::with_store();
    world.add("n", "value");
    let map = json!({ "secret_map": { "N": "$<secret:n>" }, "environment_variables": { "V": "$<pods:secrets:N>" } });
    world.file("c.json", map.to_string());
    world
}

#[test]
fn a_launch_as_another_user_asks_for_that_alone_and_is_closed_to_dumps_afterwards() {
    need_root();
    let world = world();
    let launch = |user: &[&str]| trace(&world, release_binary(), &[user, &["-c", "c.json", "--", "true"]].concat());
    let (plain, calls) = (launch(&[]), launch(&["--user", "65534"]));
    stays_alone(&calls);
    let mut left = plain.iter().map(|call| name(call)).collect::<Vec<_>>();
    let more: Vec<_> = calls
        .iter()
        .map(|call| name(call))
        .filter(|call| left.iter().position(|other| other == call).map(|at| left.swap_remove(at)).is_none())
        .collect();
    let of_files = ["openat", "read", "close", "fstat", "newfstatat", "statx", "mmap", "brk"];
    let of_users =
        ["faccessat2", "prctl", "geteuid", "getegid", "setuid", "setfsuid", "setfsgid", "setgroups", "setresgid"];
    let of_users = [&of_users[..], &["setresuid", "getgroups", "getresuid", "getresgid"]].concat();
    let foreign: Vec<_> = more.iter().filter(|call| !of_files.contains(call) && !of_users.contains(call)).collect();
    assert_eq!(foreign, [&""; 0]);
    assert!(more.len() < 45, "{} calls more: {more:?}", more.len());
    let last = |part: &str| calls.iter().rposition(|call| call.starts_with(part)).unwrap();
    assert!(last("setresuid(65534, 65534, 65534)") < last("prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE)"));
}

#[test]
fn a_local_launch_starts_no_process_and_opens_no_socket() {
    let world = world();
    for program in [Path::new(PROGRAM), release_binary()] {
        let calls = trace(&world, program, &["-c", "c.json", "--", "true"]);
        assert!(opened(&calls).iter().any(|path| path.ends_with(STORE)), "the trace shows nothing: {calls:#?}");
        stays_alone(&calls);
    }
}

#[test]
fn a_sandbox_that_is_older_than_a_system_call_and_answers_eperm_to_it_stops_no_launch() {
    let world = world();
    world.file("files.json", json!({ "files": { "n": "$<secret:n>" } }).to_string());
    for program in [PROGRAM, release_binary().to_str().unwrap()] {
        for config in ["c.json", "files.json"] {
            let refused = ["-f", "-qq", "-o", "trace", "-e", "inject=faccessat2:error=EPERM", program, "-c", config];
            let command = ["--", "sh", "-c", "echo ${V-$(cat $INJECT_FILES/n)}"];
            let done = world.run(tool("strace", "strace"), [&refused[..], &command].concat()).done().quiet();
            assert_eq!(done.text(), "value\n", "{program} {config}");
        }
    }
}

#[test]
fn a_local_launch_opens_its_configuration_its_store_and_its_identity_alone() {
    let world = world();
    let calls = trace(&world, release_binary(), &["-c", "c.json", "--", "true"]);
    let [store, identity] = [STORE, IDENTITY].map(|name| world.path(name).display().to_string());
    assert_eq!(opened(&calls), ["c.json", &store, &identity]);
}

#[test]
fn check_and_plan_open_no_socket_and_neither_store_nor_identity() {
    let world = world();
    for verb in ["check", "plan"] {
        let arguments = [verb, "-c", "c.json", "--", "true"];
        let quiet = ["-f", "-qq", "-o", "trace", PROGRAM];
        let done = world.run(tool("strace", "strace"), [&quiet[..], &arguments].concat()).done().quiet();
        assert!(!done.text().is_empty());
        let trace = fs::read_to_string(world.path("trace")).unwrap();
        assert!(trace.contains("c.json"), "the trace shows nothing: {trace}");
        for path in [STORE, IDENTITY, "inject_identity"] {
            let opened = trace.lines().find(|line| line.contains("open") && line.contains(path));
            assert_eq!(opened, None, "{verb} opens {path}");
        }
        let calls: Vec<String> = trace.lines().map(|line| line.split_once(' ').unwrap().1.trim().to_owned()).collect();
        stays_alone(&calls);
    }
}

/// A crash at every system call, one by one: exactly what the random moments of other tests aim at.
#[test]
fn a_writer_killed_at_any_system_call_leaves_the_old_store_or_the_new_one() {
    let world = World::with_store();
    world.add("first", "kept");
    world.file("value", "new");
    let add = |options: &[&str], name: &str| {
        let ours = [&["-qq", "-o", "trace"], options, &[PROGRAM, "secret", "add", name, "--file", "value"]].concat();
        world.run(tool("strace", "strace"), ours).done()
    };
    add(&[], "second").quiet();
    let trace = fs::read_to_string(world.path("trace")).unwrap();
    let mut expected = BTreeSet::from(["first".to_owned(), "second".to_owned()]);
    let (mut old, mut new) = (0, 0);
    // strace counts each kind of call for itself. The first of all started the program.
    let mut counts = BTreeMap::from([("execve", 1)]);
    for (number, call) in trace.lines().skip(1).map(name).filter(|call| *call != "exit_group").enumerate() {
        let count = counts.entry(call).or_insert(0);
        *count += 1;
        let secret = format!("n{number}");
        let done = add(&["-e", &format!("inject={call}:signal=KILL:when={count}")], &secret);
        assert_eq!(done.signal, Some(9), "{call} {count}: {done:?}");
        let names: BTreeSet<String> = world.names().into_iter().collect();
        if names.contains(&secret) {
            new += 1;
            assert_eq!(world.get(&secret), b"new");
            expected.insert(secret);
        } else {
            old += 1;
        }
        assert_eq!(names, expected, "killed at {call} {count}");
    }
    // Before the rename and after it.
    assert!(old > 20 && new > 1, "{old} left the old store, {new} the new one");
    assert_eq!(world.get("first"), b"kept");
}
