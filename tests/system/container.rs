//! The release binary alone in a root directory, as in an image made from nothing, and as PID 1.

use crate::harness::{IDENTITY, Inject, PROGRAM, STORE, World};
use crate::{Running, eventually, need_root, tool};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::Pid;
use serde_json::json;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A script of `packaging`, as anybody would run it.
pub(crate) fn packaging(script: &str) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(script));
    // What cargo says to a test about its package would be said to a build, which then did ring's anew.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text == "OUT_DIR" || text.starts_with("CARGO_MANIFEST_") || text.starts_with("CARGO_PKG_") {
            command.env_remove(name);
        }
    }
    command
}

/// Built once for all tests that want it, by the script that packages it.
pub(crate) fn release_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let built = packaging("static/build").output().unwrap();
        let told = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "the release binary cannot be built (gcc, libc6-dev, binutils?): {told}");
        PathBuf::from(String::from_utf8(built.stdout).unwrap().trim())
    })
}

/// What stands in for an application: says what it was given, or waits to be killed.
const CHILD: &str = r#"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **words) {
    if (count == 2) {
        printf("%s %d", getenv(words[1]), (int)getpid());
        return 7;
    }
    close(open("/asked", O_WRONLY | O_CREAT, 0600));
    for (;;)
        pause();
}
"#;

/// A root directory that has the binary, a static program, a store and its identity, and nothing else.
fn image() -> World {
    need_root();
    let world = World::with_store();
    world.add("n", "value");
    fs::copy(release_binary(), world.path("inject")).unwrap();
    world.file("child.c", CHILD);
    let compile = ["-static", "-O1", "-o", "child", "child.c"];
    world.run(tool("cc", "gcc libc6-dev"), compile).done().quiet();
    fs::rename(world.path(STORE), world.path("secrets.age")).unwrap();
    fs::rename(world.path(IDENTITY), world.path("identity")).unwrap();
    for made in [".local", ".config"] {
        fs::remove_dir_all(world.path(made)).unwrap();
    }
    fs::remove_file(world.path("child.c")).unwrap();
    let stores = json!({
        "box": { "kind": "local", "path": "/secrets.age", "identity": "/identity" },
        "slow": { "kind": "exec", "command": ["/child", "sleep"] },
    });
    world.file("c.json", json!({ "default_store": "box", "stores": stores }).to_string());
    world
}

/// Starts the binary inside, `namespaces` being options of unshare(1).
fn inside(world: &World, namespaces: &[&str], arguments: &[&str]) -> Inject {
    let inject = ["--root=.", "/inject", "-c", "/c.json"];
    world.run(tool("unshare", "util-linux"), [namespaces, &inject, arguments].concat())
}

const AS_INIT: [&str; 3] = ["--fork", "--pid", "--kill-child"];

#[test]
fn the_binary_needs_nothing_beside_itself() {
    let world = image();
    let done = inside(&world, &[], &["-e", "V=$<secret:n>", "--", "/child", "V"]).done();
    assert_eq!((done.status, &*done.err), (Some(7), ""), "{done:?}");
    assert!(done.text().starts_with("value "), "{}", done.text());
    // It has no /proc, no /dev and no /etc to look at.
    let mut left: Vec<_> = fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["c.json", "child", "identity", "inject", "secrets.age"]);
}

#[test]
fn as_the_first_process_it_becomes_the_command_and_the_status_is_the_commands() {
    let world = image();
    let done = inside(&world, &AS_INIT, &["-e", "V=$<secret:n>", "--", "/child", "V"]).done();
    assert_eq!((done.status, done.text(), &*done.err), (Some(7), "value 1", ""), "{done:?}");
    inside(&world, &AS_INIT, &["-e", "V=$<secret:no>", "--", "/child", "V"]).done().fails(125, &["not found"]);
    inside(&world, &AS_INIT, &["--", "/none"]).done().fails(127, &["/none"]);
}

#[test]
fn as_the_first_process_it_ends_at_once_with_128_and_the_signal() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        let world = image();
        // Which every container has, and a helper's standard input is.
        fs::create_dir(world.path("dev")).unwrap();
        let anybody = Mode::from_bits_truncate(0o666);
        mknod(&world.path("dev/null"), SFlag::S_IFCHR, anybody, makedev(1, 3)).unwrap();
        let mut running = Running(inside(&world, &AS_INIT, &["-e", "V=$<slow:x>", "--", "/child", "V"]).start());
        eventually("the helper runs", || world.exists("asked"));
        // unshare(1) waits for it, and gives its status for its own.
        let children = format!("/proc/{0}/task/{0}/children", running.pid());
        let first: i32 = fs::read_to_string(children).unwrap().trim().parse().unwrap();
        kill(Pid::from_raw(first), signal).unwrap();
        assert_eq!(running.end("the container ends"), (Some(128 + signal as i32), None));
    }
}

/// What is asked is a server that never answers.
#[test]
fn as_the_first_process_a_look_at_the_stores_ends_at_once_too() {
    need_root();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let store = json!({ "kind": "tapis", "url": url, "token": { "file": "token" } });
    let world = World::new();
    world.file("token", "x").file("c.json", json!({ "stores": { "s": store } }).to_string());
    for words in [&["check", "--online", "-e", "V=$<s:x>"][..], &["plan", "--pod", "p"]] {
        let inject = [PROGRAM, "-c", "c.json", "--timeout", "10m"];
        let arguments = [&AS_INIT, &inject[..], words].concat();
        let mut running = Running(world.run(tool("unshare", "util-linux"), arguments).start());
        let _asked = server.accept().unwrap();
        let children = format!("/proc/{0}/task/{0}/children", running.pid());
        let first: i32 = fs::read_to_string(children).unwrap().trim().parse().unwrap();
        kill(Pid::from_raw(first), Signal::SIGTERM).unwrap();
        assert_eq!(running.end("it ends"), (Some(128 + Signal::SIGTERM as i32), None), "{words:?}");
    }
}
