//! Private mount namespaces: files that nobody else sees, a root directory that cannot be written,
//! an identity on a mount that cannot be.

use crate::harness::{IDENTITY, Inject, PROGRAM, World};
use crate::{Running, eventually, need_root, tool};
use nix::sys::signal::Signal;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// Runs the script in a mount namespace of its own, from which nothing comes back.
fn privately(world: &World, script: &str) -> Inject {
    need_root();
    let arguments = ["--mount", "--propagation", "private", "sh", "-e", "-c", script];
    world.run(tool("unshare", "util-linux"), arguments).env("PROGRAM", PROGRAM)
}

#[test]
fn an_identity_that_all_may_read_is_fine_where_nobody_can_write() {
    let world = World::with_store();
    world.add("n", "value");
    let identity = world.path(IDENTITY);
    let directory = identity.parent().unwrap().display().to_string();
    for mode in [0o444, 0o644] {
        world.mode(IDENTITY, mode);
        let launch = "exec \"$PROGRAM\" -e 'V=$<secret:n>' -- printenv V";
        let bind = format!("mount --bind '{directory}' '{directory}'");
        privately(&world, &format!("{bind}; {launch}")).done().fails(125, &["chmod 600"]);
        let done = privately(&world, &format!("{bind}; mount -o remount,bind,ro '{directory}'; {launch}")).done();
        assert_eq!(done.quiet().text(), "value\n");
    }
}

/// A launch whose command has told where its files are, and waits.
fn waiting(world: &World) -> (Running, PathBuf) {
    let script = "printf %s \"$INJECT_FILES\" >at.new; mv at.new at; exec sleep 1000";
    let running = Running(world.inject(["-c", "c.json", "--", "sh", "-c", script]).start());
    eventually("the command runs", || world.exists("at"));
    (running, PathBuf::from(fs::read_to_string(world.path("at")).unwrap()))
}

#[test]
fn an_identity_that_all_may_read_is_fine_where_it_is_mounted_by_itself() {
    let world = World::with_store();
    world.add("n", "value");
    fs::rename(world.path(IDENTITY), world.path("a key")).unwrap();
    world.mode("a key", 0o444);
    let script = "mount --bind 'a key' 'a key'; exec \"$PROGRAM\" -e 'V=$<secret:n>' -- printenv V";
    let done = privately(&world, script).env("INJECT_IDENTITY_FILE", "a key").done();
    assert_eq!(done.quiet().text(), "value\n");
}

#[test]
fn files_are_seen_by_the_command_and_by_nobody_outside() {
    need_root();
    let world = World::new();
    let absolute = world.path("etc/key.pem");
    let files = json!({ "in/side": "one", absolute.to_str().unwrap(): "two" });
    world.file("etc/neighbour", "kept").file("c.json", json!({ "files": files }).to_string());
    let (mut running, directory) = waiting(&world);
    assert_eq!(directory, Path::new("/run/inject"));
    // The command's own view of the same paths.
    let view = |path: &Path| {
        let below = path.strip_prefix("/").unwrap();
        fs::read_to_string(Path::new(&format!("/proc/{}/root", running.pid())).join(below))
    };
    let private = directory.join("in/side");
    assert_eq!((view(&private).unwrap(), view(&absolute).unwrap()), ("one".to_owned(), "two".to_owned()));
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0, "the host sees what is mounted");
    assert_eq!(fs::read_to_string(&absolute).unwrap(), "", "the host sees the value");
    let elsewhere = world.run("cat", [private.as_os_str()]).done();
    assert_eq!((elsewhere.status, elsewhere.text()), (Some(1), ""));
    let namespace = fs::read_link(format!("/proc/{}/ns/mnt", running.pid())).unwrap();
    running.send(Signal::SIGKILL);
    running.end("the command ends");
    let holders =
        fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read_link(entry.unwrap().path().join("ns/mnt")).ok());
    assert_eq!(holders.filter(|other| *other == namespace).count(), 0, "something of the launch still holds the files");
}

/// The script with a root directory that cannot be written: a copy of the real one, mounts below it as
/// they are. `$W` is the world's directory there.
fn read_only(world: &World, script: &str) -> Inject {
    fs::create_dir_all(world.path("root")).unwrap();
    let directory = world.path("").display().to_string();
    let around = "mount --rbind / root; mount -o remount,bind,ro root; exec unshare --root=root sh -e -c \"$SCRIPT\"";
    privately(world, around).env("SCRIPT", format!("cd '{directory}'; {script}")).env("W", directory)
}

#[test]
fn a_root_directory_that_cannot_be_written_is_no_hindrance() {
    let world = World::with_store();
    world.add("n", "value");
    let done = read_only(&world, "! touch new 2>/dev/null; exec \"$PROGRAM\" -e 'V=$<secret:n>' -- printenv V").done();
    assert_eq!(done.quiet().text(), "value\n");
    let files =
        "exec \"$PROGRAM\" -f 'key=$<secret:n>' -- sh -c 'cat \"$INJECT_FILES/key\"; stat -f -c %T \"$INJECT_FILES\"'";
    assert_eq!(read_only(&world, files).done().quiet().text(), "valuetmpfs\n");
    read_only(&world, "exec \"$PROGRAM\" secret add m --file c").done().fails(125, &["c: No such file"]);
    world.file("c", "1");
    let add = read_only(&world, "exec \"$PROGRAM\" secret add m --file c");
    add.done().fails(125, &["secrets.age", "Read-only file system"]);
}

#[test]
fn an_absolute_path_on_a_read_only_root_needs_a_file_to_cover_and_says_so() {
    let world = World::new();
    let key = world.path("etc/key.pem");
    world.file("etc/neighbour", "").file("c.json", json!({ "files": { key.to_str().unwrap(): "value" } }).to_string());
    let launch = "exec \"$PROGRAM\" -c c.json -- cat etc/key.pem";
    read_only(&world, launch).done().fails(125, &[key.to_str().unwrap(), "empty file"]);
    world.file("etc/key.pem", "");
    assert_eq!(read_only(&world, launch).done().quiet().text(), "value");
    assert_eq!(fs::read_to_string(key).unwrap(), "");
}
