//! Files and descriptors: what the command sees, and that nothing is left when it is gone. All of it
//! by both methods where the machine lets us mount, else by the private directory alone.

use crate::harness::{Inject, Outcome, World};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Namespace,
    Directory,
}

pub(crate) fn methods() -> Vec<Method> {
    if may_mount() { vec![Method::Namespace, Method::Directory] } else { vec![Method::Directory] }
}

fn may_mount() -> bool {
    // In a thread, since it is the thread that changes its namespace.
    let tried = std::thread::spawn(|| nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS));
    tried.join().unwrap().is_ok()
}

/// A launch under a method.
pub(crate) trait By {
    fn by(self, method: Method) -> Self;
    /// For the launch and all that it starts (capabilities(7)).
    fn without_capability(self, number: libc::c_int) -> Self;
}

impl By for Inject {
    fn by(self, method: Method) -> Self {
        match method {
            Method::Namespace => self,
            Method::Directory => self.without_capability(21 /* CAP_SYS_ADMIN */),
        }
    }

    #[allow(unsafe_code)]
    fn without_capability(self, number: libc::c_int) -> Self {
        let give_up = move || {
            // SAFETY: the call takes numbers; without the right to give a capability up we do not have it either.
            unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number) };
            Ok(())
        };
        // SAFETY: prctl is a system call and nothing more.
        self.with(|command| unsafe {
            command.pre_exec(give_up);
        })
    }
}

fn files(files: serde_json::Value) -> String {
    json!({ "files": files }).to_string()
}

/// Waits for what another process is about to do.
#[track_caller]
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "still not so: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn gone(path: &Path) -> bool {
    path.symlink_metadata().is_err()
}

/// A command that says where its files are and then waits to be killed.
pub(crate) const WAIT: [&str; 4] =
    ["--", "sh", "-c", "printf %s \"$INJECT_FILES\" > at.new; mv at.new at; exec sleep 1000"];

/// Starts a launch of [`WAIT`]; gives its `$INJECT_FILES`.
pub(crate) fn waiting(world: &World, inject: Inject) -> (Running, PathBuf) {
    let child = Running(inject.start());
    eventually("the command runs", || world.exists("at"));
    let directory = PathBuf::from(fs::read_to_string(world.path("at")).unwrap());
    fs::remove_file(world.path("at")).unwrap();
    (child, directory)
}

fn launched(world: &World, method: Method) -> (Running, PathBuf) {
    let inject = world.inject(["-c", "c.json"].iter().chain(&WAIT)).env("VALUE", "value");
    // Dumpable, so that the test may look into the janitor without being root.
    waiting(world, inject.env("INJECT_TEST_DUMPABLE", "1").by(method))
}

/// A launch that does not outlive its test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().try_into().unwrap())
    }

    pub(crate) fn end(&mut self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The helper that a launch left running: the process that watches it.
#[track_caller]
pub(crate) fn janitor(of: &Running) -> Pid {
    let watched = format!("Pid:\t{}", of.0.id());
    let watches = |process: &i32| {
        let infos = fs::read_dir(format!("/proc/{process}/fdinfo")).into_iter().flatten().flatten();
        infos
            .filter_map(|info| fs::read_to_string(info.path()).ok())
            .any(|info| info.lines().any(|line| line == watched))
    };
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    Pid::from_raw(processes.into_iter().find(watches).expect("no janitor watches the launch"))
}

#[test]
fn a_file_has_exactly_the_bytes_of_its_value_and_nobody_else_may_read_it() {
    let world = World::new();
    let bytes: Vec<u8> = (0..=255).chain(*b"\r\n\n").collect();
    world.file("secrets/blob", &bytes).file("secrets/empty", "");
    world.file(
        "c.json",
        json!({
            "stores": { "s": { "kind": "dir", "path": "secrets" } },
            "files": {
                "deep/er/blob": { "content": "$<s:blob>", "env": "BLOB" },
                "empty": { "content": "$<s:empty>", "env": "EMPTY" },
            },
        })
        .to_string(),
    );
    for method in methods() {
        for umask in ["000", "077", "777"] {
            let run = |script: &str| -> Outcome {
                let script = format!("umask {umask}; exec \"$PROGRAM\" -c c.json -- sh -c '{script}'");
                world.run("sh", ["-c", &script]).env("PROGRAM", crate::harness::PROGRAM).by(method).done().quiet()
            };
            assert_eq!(run("cat \"$BLOB\"").out, bytes, "{method:?}");
            assert_eq!(run("cat \"$INJECT_FILES/deep/er/blob\" \"$EMPTY\"").out, bytes);
            let modes = run("cd \"$INJECT_FILES\" && stat -c \"%a %F\" . deep deep/er empty deep/er/blob; umask");
            let file = "400 regular file\n";
            let expected = format!("{}400 regular empty file\n{file}0{umask}\n", "700 directory\n".repeat(3));
            assert_eq!(modes.text(), expected, "{method:?} under umask {umask}");
            let place = run("stat -f -c %T \"$INJECT_FILES\"; stat -c %u \"$BLOB\"");
            assert_eq!(place.text(), format!("tmpfs\n{}\n", geteuid()));
        }
    }
}

#[test]
fn an_inherited_name_of_the_private_directory_is_replaced() {
    let world = World::new();
    world.file("c.json", files(json!({ "a": "text" })));
    for method in methods() {
        let done =
            world.inject(["-c", "c.json", "--", "env", "-0"]).env("INJECT_FILES", "/old").by(method).done().quiet();
        assert_ne!(done.variable("INJECT_FILES"), "/old");
    }
    let without = world.inject(["-q", "--", "env", "-0"]).env("INJECT_FILES", "/old").done().quiet();
    assert_eq!(without.variable("INJECT_FILES"), "/old", "a launch without files has no say");
}

#[test]
fn an_absolute_path_is_there_for_the_command_and_its_neighbours_stay() {
    let world = World::new();
    let target = world.path("etc/app/key.pem");
    world.file("etc/app/neighbour", "kept").file("c.json", files(json!({ target.to_str().unwrap(): "value" })));
    for method in methods() {
        let script = "cat etc/app/key.pem etc/app/neighbour; stat -L -c ' %a' etc/app/key.pem; ls \"$INJECT_FILES\"";
        let done = world.inject(["-c", "c.json", "--", "sh", "-c", script]).by(method).done().quiet();
        assert_eq!(done.text(), "valuekept 400\n", "{method:?}");
        match method {
            Method::Namespace => {
                assert_eq!(fs::metadata(&target).unwrap().len(), 0, "the placeholder is all that stays");
                fs::remove_file(&target).unwrap();
            }
            Method::Directory => eventually("the link is removed", || gone(&target)),
        }
    }
    assert_eq!(fs::read_to_string(world.path("etc/app/neighbour")).unwrap(), "kept");
}

#[test]
fn nothing_that_exists_is_ever_overwritten() {
    let world = World::new();
    let target = world.path("there");
    world.file("there", "old").file("c.json", files(json!({ target.to_str().unwrap(): "new" })));
    for method in methods() {
        let done = world.inject(["-c", "c.json", "--", "cat", "there"]).by(method).done();
        match method {
            Method::Namespace => assert_eq!(done.quiet().text(), "new"),
            Method::Directory => _ = done.fails(125, &[target.to_str().unwrap(), "there is a file", "remove it"]),
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
    }
}

#[test]
fn everything_wrong_with_absolute_paths_is_reported_at_once() {
    let world = World::new();
    let [missing, directory, dangling] = ["no/where/x", "taken", "link"].map(|name| world.path(name));
    fs::create_dir(&directory).unwrap();
    std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
    let all = [&missing, &directory, &dangling].map(|path| (path.to_str().unwrap().to_owned(), json!("x")));
    world.file("c.json", files(all.into_iter().collect::<serde_json::Map<_, _>>().into()));
    for method in methods() {
        let done = world.inject(["-c", "c.json", "--", "true"]).by(method).done();
        done.fails(125, &["no/where", "does not exist", "a directory", "leads nowhere"]);
        assert!(dangling.is_symlink() && directory.is_dir());
    }
}

#[test]
fn a_path_that_leaves_the_private_directory_is_refused() {
    let world = World::new();
    for path in ["../x", "a/../../x", "a//b", "a/", "./a"] {
        world.file("c.json", files(json!({ path: "x" })));
        world.inject(["-c", "c.json", "--", "true"]).done().fails(125, &[path]);
    }
}

/// A directory on a tmpfs, removed at the end.
struct Shm(PathBuf);

impl Shm {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/dev/shm/files-test-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Self(path)
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(&self.0).unwrap().next().is_none()
    }
}

impl Drop for Shm {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn on_a_tmpfs_an_absolute_path_is_a_file_itself_and_is_removed() {
    let (world, shm) = (World::new(), Shm::new("absolute"));
    let target = shm.0.join("key");
    world.file("c.json", files(json!({ target.to_str().unwrap(): "value" })));
    let done = world.inject(["-c", "c.json", "--", "stat", "-c", "%a %F %s", target.to_str().unwrap()]);
    assert_eq!(done.by(Method::Directory).done().quiet().text(), "400 regular file 5\n");
    eventually("the file is removed", || gone(&target));
}

#[test]
fn the_runtime_directory_of_a_service_comes_first() {
    let (world, shm) = (World::new(), Shm::new("runtime"));
    world.file("c.json", files(json!({ "a": "x" })));
    let done = world.inject(["-c", "c.json", "--", "env", "-0"]).env("RUNTIME_DIRECTORY", &shm.0);
    let done = done.env("XDG_RUNTIME_DIR", "/dev/shm").by(Method::Directory).done().quiet();
    assert!(Path::new(&done.variable("INJECT_FILES")).starts_with(&shm.0));
    eventually("the private directory is removed", || shm.is_empty());
}

#[test]
fn nothing_is_left_whatever_ends_the_command() {
    let (world, shm) = (World::new(), Shm::new("end"));
    let absolute = world.path("link");
    world.file("c.json", files(json!({ "a/b": "$<env:VALUE>", absolute.to_str().unwrap(): "$<env:VALUE>" })));
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        for method in methods() {
            let (mut child, directory) = launched(&world, method);
            match method {
                Method::Namespace => assert!(gone(&directory.join("a")), "other processes see it"),
                Method::Directory => {
                    assert_eq!(fs::read_to_string(directory.join("a/b")).unwrap(), "value")
                }
            }
            child.end(signal);
            if method == Method::Directory {
                eventually("the private directory is removed", || gone(directory.parent().unwrap()));
                eventually("the link is removed", || gone(&absolute));
            } else {
                fs::remove_file(&absolute).unwrap();
            }
        }
    }
    assert!(shm.is_empty());
}

#[test]
fn a_launch_that_fails_leaves_nothing() {
    let (world, shm) = (World::new(), Shm::new("fail"));
    world.file(
        "c.json",
        files(json!({ "a": "text", "b": "$<env:NOT_THERE>", world.path("abs").to_str().unwrap(): "x" })),
    );
    let done = world.inject(["-c", "c.json", "--", "true"]).env("RUNTIME_DIRECTORY", &shm.0).by(Method::Directory);
    done.done().fails(125, &["NOT_THERE"]);
    eventually("the private directory is removed", || shm.is_empty());
    assert!(!world.exists("abs"));
}

#[test]
fn what_others_put_in_the_place_of_a_link_is_left_alone() {
    let (world, shm) = (World::new(), Shm::new("replaced"));
    world.file("c.json", files(json!({ world.path("abs").to_str().unwrap(): "x" })));
    let script = "rm abs; printf mine > abs";
    let done = world.inject(["-c", "c.json", "--", "sh", "-c", script]).env("RUNTIME_DIRECTORY", &shm.0);
    done.by(Method::Directory).done().quiet();
    eventually("the private directory is removed", || shm.is_empty());
    assert_eq!(fs::read_to_string(world.path("abs")).unwrap(), "mine");
}

#[test]
fn the_janitor_holds_nothing_of_the_commands_open() {
    let world = World::new();
    world.file("c.json", files(json!({ "a": "$<env:VALUE>" })));
    let (child, _) = launched(&world, Method::Directory);
    let janitor = janitor(&child);
    let open = || -> Vec<String> {
        let descriptors = fs::read_dir(format!("/proc/{janitor}/fd")).unwrap();
        let targets = descriptors.filter_map(|fd| fs::read_link(fd.unwrap().path()).ok());
        targets.map(|target| target.to_str().unwrap().to_owned()).collect()
    };
    // It closes the pipe on which it has said that it watches.
    eventually("it has three descriptors", || open().len() == 3);
    let open = open();
    assert!(open.iter().all(|what| what == "anon_inode:[pidfd]" || Path::new(what).is_dir()), "{open:?}");
}

#[test]
fn a_later_launch_removes_what_a_killed_one_and_its_janitor_left() {
    let (world, shm) = (World::new(), Shm::new("sweep"));
    let (link, file) = (world.path("link"), shm.0.join("file"));
    let targets = json!({ "a": "1", link.to_str().unwrap(): "2", file.to_str().unwrap(): "3" });
    world.file("c.json", files(targets));
    let (mut child, directory) = launched(&world, Method::Directory);
    kill(janitor(&child), Signal::SIGKILL).unwrap();
    child.end(Signal::SIGKILL);
    assert!(directory.exists() && file.exists() && link.is_symlink(), "without its janitor it all stays");
    let cat = world.inject(["-c", "c.json", "--", "cat", link.to_str().unwrap(), file.to_str().unwrap()]);
    assert_eq!(cat.by(Method::Directory).done().quiet().text(), "23");
    assert!(gone(&directory));
    eventually("both are removed", || gone(&link) && gone(&file));
}

#[test]
fn a_link_that_a_power_cut_left_does_not_stop_the_next_launch() {
    let world = World::new();
    let link = world.path("link");
    world.file("c.json", files(json!({ link.to_str().unwrap(): "value" })));
    for method in methods() {
        std::os::unix::fs::symlink("/dev/shm/inject-7-8-9/absolute/0/link", &link).unwrap();
        let done = world.inject(["-c", "c.json", "--", "cat", link.to_str().unwrap()]).by(method).done();
        assert_eq!(done.quiet().text(), "value");
        eventually("the link is removed", || !link.is_symlink());
        let _ = fs::remove_file(&link);
    }
}

#[test]
fn a_descriptor_is_inherited_readable_and_sealed() {
    let world = World::new();
    world.file(
        "c.json",
        json!({ "environment_variables": { "KEY": { "value": "$<env:VALUE>", "as": "fd" } } }).to_string(),
    );
    let run = |script: &str| world.inject(["-c", "c.json", "--", "sh", "-c", script]).env("VALUE", "value").done();
    assert_eq!(run("cat \"$KEY\"; cat \"$KEY\"").quiet().text(), "valuevalue", "it can be read again");
    assert_eq!(run("stat -L -c '%a %F %u' \"$KEY\"").quiet().text(), format!("400 regular file {}\n", geteuid()));
    assert_eq!(run("echo x 2>/dev/null > \"$KEY\" || echo refused").text(), "refused\n");
    let closed = "exec \"$PROGRAM\" -c c.json -- sh -c 'echo \"$KEY\" >&2; cat \"$KEY\" >&2' <&- >&-";
    let closed = world.run("sh", ["-c", closed]).env("PROGRAM", crate::harness::PROGRAM).env("VALUE", "value").done();
    let (path, value) = closed.err.split_once('\n').unwrap();
    let number: i32 = path.strip_prefix("/proc/self/fd/").unwrap().parse().unwrap();
    assert!(number > 2, "a standard descriptor that was given closed stays so");
    assert_eq!(value, "value");
}
