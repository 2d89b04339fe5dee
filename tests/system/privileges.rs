//! Privileges given up before the command starts: its user and groups, capabilities, where it starts.

use crate::harness::{Inject, Outcome, PROGRAM, World, compiled};
use crate::{Running, eventually, need_root, tool};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// Shows who it is.
const STATUS: [&str; 3] = ["grep", "-E", "^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Umask):"];

/// A world in a directory that every user can go through.
struct Open {
    world: World,
    directory: PathBuf,
}

impl Open {
    fn new(name: &str) -> Self {
        need_root();
        let directory = std::env::temp_dir().join(format!("inject-{name}-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let open = Self { world: World::with_store(), directory };
        open.world.add("n", "canary-value");
        open
    }

    /// A copy of a program. It is written by another process: what other tests start at that moment would have the
    /// file open for writing, too, and such a one is not run.
    fn copy(&self, program: impl AsRef<Path>, name: &str) -> PathBuf {
        let path = self.directory.join(name);
        self.world.run("cp", [program.as_ref(), &path]).done().quiet();
        path
    }

    /// A program at a path with this mode, of this user and group.
    fn program(&self, name: &str, mode: &str, owner: u32) -> String {
        let path = self.copy("/usr/bin/env", name);
        chown(&path, Some(owner), Some(owner)).unwrap();
        let path = path.to_str().unwrap().to_owned();
        self.world.run("chmod", [mode, &path]).done().quiet();
        path
    }

    /// A launch with a store that tells when it is asked.
    fn asking(&self, arguments: &[&str]) -> Outcome {
        self.world.script("store", "#!/bin/sh\n: >asked\nprintf value\n");
        let stores = json!({ "told": { "kind": "exec", "command": [self.world.path("store")] } });
        let map = json!({ "stores": stores, "environment_variables": { "V": "$<told:n>" } });
        self.world.file("told.json", map.to_string());
        self.world.inject([&["-c", "told.json"], arguments].concat()).done()
    }

    #[track_caller]
    fn refuses_unasked(&self, arguments: &[&str], pieces: &[&str]) {
        self.asking(arguments).fails(125, pieces);
        assert!(!self.world.exists("asked"), "a store was asked before");
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A line of the command's /proc/self/status.
#[track_caller]
fn field(done: &Outcome, name: &str) -> String {
    let line = done.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {done:?}")).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the command's status says after a launch with these options.
#[track_caller]
fn status(world: &World, options: &[&str]) -> Outcome {
    let command = [&["-q"], options, &["--"], &STATUS, &["/proc/self/status"]].concat();
    world.inject(command).done().quiet()
}

/// The same, without these capabilities.
fn without(world: &World, capabilities: &str, arguments: &[&str]) -> Inject {
    let bounds = format!("--bounding-set={capabilities}");
    let inherited = format!("--inh-caps={capabilities}");
    let ours = [&*bounds, &inherited, "--", PROGRAM];
    world.run(tool("setpriv", "util-linux"), ours.iter().chain(arguments))
}

#[test]
fn the_command_is_the_user_with_all_its_groups_and_its_home() {
    need_root();
    let world = World::new();
    world.file("passwd", "root:x:0:0::/root:/bin/sh\namy:x:4001:4002:Am\u{e9}lie:/home/amy:/bin/sh\n");
    world.file("group", "root:x:0:\namy:x:4002:\naudio:x:4003:bob,amy\nvideo:x:4004:amyx\nwheel:x:4005:amy\n");
    let run = |user: &str, command: &str| {
        let script = "mount --bind passwd /etc/passwd; mount --bind group /etc/group; exec \"$@\"";
        let arguments = ["--mount", "--propagation", "private", "sh", "-e", "-c", script, "sh", PROGRAM];
        let launch = ["-q", "--user", user, "--", "sh", "-c", command];
        world.run(tool("unshare", "util-linux"), arguments.iter().chain(&launch)).done().quiet()
    };
    let status = format!("{} /proc/self/status; echo Home: $HOME", STATUS.map(|word| format!("'{word}'")).join(" "));
    for (user, ids, groups, home) in [
        ("amy", (4001, 4002), "4002 4003 4005", "/home/amy"),
        ("4001", (4001, 4002), "4002 4003 4005", "/home/amy"),
        ("amy:audio", (4001, 4003), "4003", "/home/amy"),
        ("amy:4010", (4001, 4010), "4010", "/home/amy"),
        ("amy:", (4001, 4002), "4002 4003 4005", "/home/amy"),
        ("4020", (4020, 4020), "4020", "/"),
        ("4020:wheel", (4020, 4005), "4005", "/"),
        ("4020:4021", (4020, 4021), "4021", "/"),
    ] {
        let done = run(user, &status);
        let four = |id: u32| [id; 4].map(|id| id.to_string()).join(" ");
        assert_eq!(field(&done, "Uid"), four(ids.0), "{user}");
        assert_eq!(field(&done, "Gid"), four(ids.1), "{user}");
        assert_eq!(field(&done, "Groups"), groups, "{user}");
        assert_eq!(field(&done, "Home"), home, "{user}");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(field(&done, set), "0000000000000000", "{user}");
        }
    }
}

#[test]
fn the_users_home_gives_way_to_one_that_is_injected() {
    need_root();
    let world = World::new();
    let home = |options: &[&str]| {
        world.inject([&["-q", "--user", "4020"], options, &["--", "printenv", "HOME"]].concat()).done().quiet()
    };
    assert_eq!(home(&[]).text(), "/\n");
    assert_eq!(home(&["--pristine"]).text(), "/\n");
    assert_eq!(home(&["-e", "HOME=/srv"]).text(), "/srv\n");
    // As root is here already, who has another one.
    let of_root = world.run("sh", ["-c", "awk -F: '$1 == \"root\" { print $6 }' /etc/passwd"]).done().quiet();
    let launch = ["-q", "--user", "root", "--", "printenv", "HOME"];
    assert_eq!(world.inject(launch).done().quiet().text(), of_root.text());
    assert_eq!(
        home(&["-e", "HOME"]).text(),
        format!("{}\n", world.path("").display().to_string().trim_end_matches('/'))
    );
}

#[test]
fn files_are_the_users_own_whichever_way_they_are_made() {
    let open = Open::new("files");
    let map = json!({
        "environment_variables": { "SEALED": { "value": "$<secret:n>", "as": "fd" } },
        "files": { "a/key": { "content": "$<secret:n>", "env": "KEY" }, "shared": { "content": "$<secret:n>", "mode": "0440" } },
    });
    open.world.file("c.json", map.to_string());
    let script = "stat -c '%u:%g %a' \"$KEY\" \"$INJECT_FILES/shared\" && cat \"$KEY\" \"$SEALED\" && id -u && echo \"$INJECT_FILES\"";
    let launch = ["-c", "c.json", "--user", "4001:4002", "--", "sh", "-c", script];
    for (what, inject) in [
        ("namespace", open.world.inject(launch)),
        ("directory", without(&open.world, "-sys_admin", &launch)),
        ("supervised", open.world.inject([&["--mode", "supervise"], &launch[..]].concat())),
    ] {
        let done = inject.done().quiet();
        let mut lines = done.text().lines();
        assert_eq!(lines.next(), Some("4001:4002 400"), "{what}");
        assert_eq!(lines.next(), Some("4001:4002 440"), "{what}");
        assert_eq!(lines.next(), Some("canary-valuecanary-value4001"), "{what}");
        let at = Path::new(lines.next().unwrap());
        assert_eq!(at == Path::new("/run/inject"), what != "directory");
        eventually("the files are gone", || at == Path::new("/run/inject") || !at.exists());
    }
}

#[test]
fn who_cannot_become_the_user_is_told_before_a_store_is_asked() {
    let open = Open::new("refused");
    open.refuses_unasked(&["--user", "nobody-here", "--", "true"], &["--user", "no user `nobody-here`"]);
    open.refuses_unasked(&["--user", "0:nobody-here", "--", "true"], &["--user", "no group `nobody-here`"]);
    open.refuses_unasked(&["--user", ":0", "--", "true"], &["--user", "USER:GROUP"]);
    open.refuses_unasked(&["--user", "4294967295", "--", "true"], &["--user", "4294967295", "up to 4294967294"]);
    open.world.script("store", "#!/bin/sh\n: >asked\n");
    for capabilities in ["-setuid", "-setgid", "-setuid,-setgid"] {
        let launch = ["-c", "told.json", "--user", "4001", "--", "true"];
        without(&open.world, capabilities, &launch)
            .done()
            .fails(125, &["--user", "user 4001", "CAP_SETUID and CAP_SETGID"]);
    }
    assert!(!open.world.exists("asked"));
    // In a user namespace that has root alone.
    let arguments = ["--user", "--map-root-user", PROGRAM, "-c", "told.json", "--user", "4001", "--", "true"];
    let done = open.world.run(tool("unshare", "util-linux"), arguments).done();
    done.fails(125, &["--user", "user 4001"]);
    assert!(!open.world.exists("asked"));
}

#[test]
fn who_is_the_user_already_needs_no_right_to_become_it() {
    let open = Open::new("same");
    let inject = open.copy(PROGRAM, "inject");
    let run = |user: &str| {
        let ours = ["--reuid=4001", "--regid=4001", "--clear-groups", inject.to_str().unwrap(), "-q", "--user", user];
        open.world.run(tool("setpriv", "util-linux"), ours.iter().chain(&["--", "id", "-u"])).with(|command| {
            command.current_dir("/");
        })
    };
    assert_eq!(run("4001").done().quiet().text(), "4001\n");
    assert_eq!(run("4001:4001").done().quiet().text(), "4001\n");
    run("4002").done().fails(125, &["CAP_SETUID"]);
    run("4001:4002").done().fails(125, &["CAP_SETUID"]);
}

#[test]
fn a_command_is_looked_for_with_the_users_eyes_and_where_it_starts() {
    let open = Open::new("lookup");
    let path = |name: &str| open.directory.join(name).to_str().unwrap().to_owned();
    let (own, closed) = (open.program("own", "0700", 4001), open.program("closed", "0700", 0));
    open.program("app", "0755", 0);
    fs::create_dir(path("shut")).unwrap();
    open.world.run("chmod", ["0700", &path("shut")]).done().quiet();
    open.copy("/usr/bin/env", "shut/app");
    let fails = |arguments: &[&str], status: i32, pieces: &[&str]| {
        open.asking(arguments).fails(status, pieces);
        assert!(!open.world.exists("asked"), "a store was asked before");
    };
    fails(&["--user", "4001", "--", &closed], 126, &["closed", "for user 4001", "permission denied"]);
    fails(&["--user", "4001", "--", &path("shut/app")], 126, &["for user 4001"]);
    fails(
        &["--user", "4001", "--chdir", &path("shut"), "--", "true"],
        125,
        &["--chdir", "shut", "for user 4001", "Permission denied"],
    );
    fails(&["--chdir", &path("none"), "--", "true"], 125, &["--chdir", "none", "No such file"]);
    fails(&["--chdir", &own, "--", "true"], 125, &["--chdir", "own", "Not a directory"]);
    fails(&["--chdir", "/usr", "--", "./app"], 127, &["./app"]);
    let starts = |arguments: &[&str], said: &str| {
        let done = open.world.inject([&["-q"], arguments].concat()).done().quiet();
        assert_eq!(done.text(), said, "{arguments:?}");
    };
    let directory = open.directory.to_str().unwrap();
    let here = format!("{directory}\n");
    starts(&["--user", "4001", "--", &own, "id", "-u"], "4001\n");
    starts(&["--chdir", directory, "--", "./app", "pwd"], &here);
    starts(&["--chdir", directory, "--user", "4001", "--mode", "supervise", "--", "./app", "/bin/pwd"], &here);
    starts(&["-e", "PATH=.:/bin", "--chdir", directory, "--", "app", "pwd"], &here);
    // What is relative in the configuration is so from where inject started.
    open.world.file("c.env", "FROM=here\n");
    starts(&["--env-file", "c.env", "--chdir", "/", "--", "printenv", "FROM"], "here\n");
}

#[test]
fn programs_that_gain_privileges_are_traps() {
    let open = Open::new("traps");
    let (user, group) = (open.program("user", "4755", 0), open.program("group", "2755", 0));
    for program in [&user, &group] {
        open.refuses_unasked(&["--user", "4001", "--", program], &["--user", program, "set-"]);
        open.refuses_unasked(&["--no-new-privs", "--", program], &["--no-new-privs", program, "set-"]);
        open.world.inject(["-q", "--", program, "true"]).done().quiet();
    }
    let (given, aware) = (open.program("given", "0755", 0), open.program("aware", "0755", 0));
    let setcap = |capabilities: &str, program: &str| {
        open.world.run(tool("/usr/sbin/setcap", "libcap2-bin"), [capabilities, program]).done().quiet();
    };
    setcap("cap_net_raw=ep", &given);
    setcap("cap_net_raw=p", &aware);
    open.refuses_unasked(&["--caps", "drop=net_raw", "--", &given], &["--caps", &given, "capabilities"]);
    let directory = open.directory.to_str().unwrap();
    open.refuses_unasked(&["--caps", "drop=net_raw", "--chdir", directory, "--", "./given"], &["--caps", "./given"]);
    open.refuses_unasked(&["--no-new-privs", "--user", "4001", "--", &given], &["--no-new-privs", &given]);
    for options in [
        &["--no-new-privs", "--", &given][..],
        &["--caps", "drop=sys_admin", "--", &given],
        &["--user", "4001", "--", &given],
        &["--caps", "drop=net_raw", "--", &aware],
        &["--no-new-privs", "--user", "4001", "--", &aware],
    ] {
        open.world.inject([&["-q"], options, &["true"]].concat()).done().quiet();
    }
    // The program itself, lent to everybody: whatever it is asked.
    let ours = open.copy(PROGRAM, "inject");
    for mode in ["4755", "2755"] {
        open.world.run("chmod", [mode, ours.to_str().unwrap()]).done().quiet();
        for arguments in [&["--", "true"][..], &["secret", "list"], &["--version"]] {
            let others = ["--reuid=4001", "--regid=4001", "--clear-groups", ours.to_str().unwrap()];
            let run = open.world.run(tool("setpriv", "util-linux"), others.iter().chain(arguments));
            run.with(|command| _ = command.current_dir("/")).done().fails(125, &["set-user-ID", "chmod ug-s"]);
        }
    }
}

#[test]
fn dropped_capabilities_cannot_be_had_again() {
    need_root();
    let world = World::new();
    let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
    let mask = |done: &Outcome, set: &str| u64::from_str_radix(&field(done, set), 16).unwrap();
    let (net_raw, sys_admin) = (1 << 13, 1 << 21);
    let before = status(&world, &[]);
    let after = status(&world, &["--caps", "drop=net_raw,CAP_SYS_ADMIN"]);
    for set in sets {
        assert_eq!(mask(&after, set), mask(&before, set) & !(net_raw | sys_admin), "{set}");
    }
    assert_ne!(mask(&after, "CapEff"), 0);
    let twice = status(&world, &["--caps", "drop=net_raw", "--caps", "drop=sys_admin"]);
    assert_eq!(mask(&twice, "CapBnd"), mask(&after, "CapBnd"));
    for options in [&["--caps", "drop=all"][..], &["--caps", "drop=all", "--user", "4001", "--no-new-privs"]] {
        let none = status(&world, options);
        sets.iter().for_each(|set| assert_eq!(mask(&none, set), 0, "{set} {options:?}"));
    }
    // Those that a program was given to keep, too.
    let kept = ["--inh-caps=+net_raw", "--ambient-caps=+net_raw", PROGRAM, "-q", "--caps", "drop=net_raw", "--"];
    let done = world.run("setpriv", kept.iter().chain(&STATUS).chain(&["/proc/self/status"])).done().quiet();
    sets.iter().for_each(|set| assert_eq!(mask(&done, set) & net_raw, 0, "{set}"));
    without(&world, "-setpcap", &["--caps", "drop=net_raw", "--", "true"])
        .done()
        .fails(125, &["--caps", "CAP_SETPCAP"]);
    world.inject(["--caps", "drop=nonsense", "--", "true"]).done().fails(125, &["--caps", "drop=nonsense"]);
}

/// As a unit's AmbientCapabilities= gives them: nobody but root loses them by becoming another.
#[test]
fn the_right_to_become_the_user_ends_with_it() {
    let open = Open::new("ambient");
    let inject = open.copy(PROGRAM, "inject");
    let ours = ["--reuid=4001", "--regid=4001", "--clear-groups", "--inh-caps=+setuid,+setgid"];
    let ours =
        [&ours[..], &["--ambient-caps=+setuid,+setgid", inject.to_str().unwrap(), "-q", "--user", "4002"]].concat();
    for mode in ["exec", "supervise"] {
        let launch = [&ours[..], &["--mode", mode, "--"], &STATUS, &["/proc/self/status"]].concat();
        let run = open.world.run(tool("setpriv", "util-linux"), launch);
        let done = run.with(|command| _ = command.current_dir("/")).done().quiet();
        assert_eq!(field(&done, "Uid"), "4002 4002 4002 4002");
        for set in ["CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(field(&done, set), "0000000000000000", "{mode}");
        }
    }
}

#[test]
fn no_new_privs_and_the_umask_are_as_asked() {
    need_root();
    let world = World::new();
    let plain = status(&world, &[]);
    let options = ["--no-new-privs", "--umask", "027", "--user", "4001"];
    for mode in ["exec", "supervise"] {
        let asked = status(&world, &[&["--mode", mode], &options[..]].concat());
        assert_eq!((&*field(&plain, "NoNewPrivs"), &*field(&asked, "NoNewPrivs")), ("0", "1"));
        assert_eq!(field(&asked, "Umask"), "0027");
    }
    world.inject(["--umask", "8", "--", "true"]).done().fails(125, &["--umask", "octal"]);
}

#[test]
fn the_supervisor_is_the_user_too_and_still_rules_the_command() {
    need_root();
    let world = World::new();
    let options =
        ["-q", "--mode", "supervise", "--user", "4001:4002", "--", compiled("signals").to_str().unwrap(), "15"];
    // Without CAP_KILL a supervisor that stayed root could not pass a signal on.
    let mut running = Running(without(&world, "-kill", &options).start());
    let mut said = std::io::BufReader::new(running.0.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut said, &mut String::new()).unwrap();
    // It is a process of its own, which may be slower than the command.
    let is = "\nUid:\t4001\t4001\t4001\t4001\nGid:\t4002\t4002\t4002\t4002\n";
    let status = || fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap();
    eventually("it is the user", || status().contains(is));
    let owner = || fs::metadata(format!("/proc/{}/environ", running.pid())).unwrap().uid();
    eventually("its memory is closed to the user", || owner() == 0);
    running.send(Signal::SIGTERM);
    assert_eq!(running.end("the command ends"), (Some(0), None));
}

#[test]
fn a_command_that_makes_itself_another_user_is_heard_by_its_manager_and_strangers_are_not() {
    let open = Open::new("notify");
    let path = |name: &str| open.directory.join(name).display().to_string();
    let manager = UnixDatagram::bind(path("manager")).unwrap();
    open.copy(compiled("notify"), "notify");
    let as_user = |user: u32| format!("setpriv --reuid={user} --regid={user} --clear-groups {}", path("notify"));
    let script = format!("{} STATUS=stranger; exec {} READY=1", as_user(4001), as_user(4002));
    let launch = ["-q", "--mode", "supervise", "--", "sh", "-c", &script];
    open.world.inject(launch).env("NOTIFY_SOCKET", path("manager")).done().quiet();
    manager.set_nonblocking(true).unwrap();
    let mut told = [0; 100];
    let mut next = || manager.recv(&mut told).map(|length| String::from_utf8_lossy(&told[..length]).into_owned());
    assert_eq!(next().unwrap(), "READY=1");
    next().unwrap_err();
}

#[test]
fn a_command_of_another_user_does_not_outlive_its_supervisor_either() {
    need_root();
    let world = World::new();
    let options = ["-q", "--mode", "supervise", "--user", "4001", "--"];
    let script = ["sh", "-c", "echo $$; exec sleep 1000"];
    let mut running = Running(world.inject(options.iter().chain(&script)).start());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(running.0.stdout.take().unwrap()), &mut line).unwrap();
    let command = Pid::from_raw(line.trim().parse().unwrap());
    running.send(Signal::SIGKILL);
    eventually("the command is gone", || !crate::is_alive(command));
}

#[test]
fn a_command_of_another_user_hears_of_the_end_of_whoever_started_it_in_either_mode() {
    need_root();
    for mode in ["exec", "supervise"] {
        let world = World::new();
        // The shell, which is killed, started inject; the command tells TERM by a line.
        let command = "trap 'echo TERM; exit' TERM; echo ready; while :; do sleep 0.01; done";
        let options = ["--mode", mode, "--user", "4001", "--parent-death-signal", "TERM", "--", "sh", "-c", command];
        let starter = ["-c", "\"$@\"; :", "sh", PROGRAM, "-q"];
        let mut running = Running(world.run("sh", starter.iter().chain(&options)).start());
        let mut said = std::io::BufReader::new(running.0.stdout.take().unwrap());
        let mut line = || {
            let mut line = String::new();
            std::io::BufRead::read_line(&mut said, &mut line).unwrap();
            line
        };
        assert_eq!(line(), "ready\n", "{mode}");
        running.send(Signal::SIGKILL);
        running.0.wait().unwrap();
        // An end without a word would be the end of the output.
        assert_eq!(line(), "TERM\n", "{mode}");
    }
}

#[test]
fn plan_says_who_the_command_will_be() {
    need_root();
    let world = World::new();
    let plan =
        |form: &[&str]| world.inject([&["plan"], form, &["--user", "4001:4002", "--", "true"]].concat()).done().quiet();
    assert!(plan(&[]).text().contains("user     4001:4002, groups 4002\n"));
    let json: serde_json::Value = serde_json::from_slice(&plan(&["--json"]).out).unwrap();
    assert_eq!(json["user"], json!({ "user": 4001, "group": 4002, "groups": [4002] }));
}
