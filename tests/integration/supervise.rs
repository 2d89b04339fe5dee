//! The process that stays: signals, children, statuses, what it gives up; and the terminal, a real one.

use crate::files::{By as _, Running, WAIT, eventually, methods, waiting};
use crate::harness::{Inject, PROGRAM, World, compiled};
use crate::launch::report;
use nix::fcntl::OFlag;
use nix::libc::{self, c_int};
use nix::pty::{Winsize, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{ChildStdout, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SUPERVISED: [&str; 4] = ["--mode", "supervise", "-q", "--"];

fn supervised(world: &World, command: &[&str]) -> Inject {
    world.inject(SUPERVISED.iter().chain(command))
}

/// All that can be held back, and are not about our own children.
fn signals() -> impl Iterator<Item = c_int> {
    (1..=64).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP, libc::SIGCHLD].contains(signal))
}

#[allow(unsafe_code)]
fn send(to: Pid, signal: c_int) {
    // SAFETY: the call takes two numbers.
    assert_eq!(unsafe { libc::kill(to.as_raw(), signal) }, 0, "signal {signal} to {to}");
}

#[allow(unsafe_code)]
fn queue(to: Pid, signal: c_int, value: usize) {
    unsafe extern "C" {
        fn sigqueue(process: libc::pid_t, signal: c_int, value: usize) -> c_int;
    }
    // SAFETY: the call takes numbers; the union of an int and a pointer is as wide as a pointer.
    assert_eq!(unsafe { sigqueue(to.as_raw(), signal, value) }, 0);
}

/// A launch of the program that tells each signal it gets.
struct Listening {
    inject: Running,
    said: BufReader<ChildStdout>,
    command: Pid,
    parent: Pid,
}

impl Listening {
    fn start(inject: Inject) -> Self {
        let mut inject = Running(inject.start());
        let mut said = BufReader::new(inject.0.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let numbers: Vec<i32> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [command, _, parent] = <[i32; 3]>::try_from(numbers).unwrap();
        Self { inject, said, command: Pid::from_raw(command), parent: Pid::from_raw(parent) }
    }

    fn launch(world: &World, options: &[&str], last: &str) -> Self {
        let command = ["-q", "--", listener(), last];
        Self::start(world.inject(options.iter().chain(&command)))
    }

    /// Of the next signal: its number and value.
    fn next(&mut self) -> (c_int, c_int) {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        let (signal, value) = line.trim_end().split_once(' ').unwrap_or_else(|| panic!("it has ended: {line:?}"));
        (signal.parse().unwrap(), value.parse().unwrap())
    }

    fn rest(&mut self) -> Vec<c_int> {
        let lines = self.said.by_ref().lines().map(Result::unwrap);
        lines.map(|line| line.split_once(' ').unwrap().0.parse().unwrap()).collect()
    }

    fn status(&mut self) -> (Option<i32>, Option<i32>) {
        let status = self.inject.0.wait().unwrap();
        (status.code(), status.signal())
    }
}

fn listener() -> &'static str {
    compiled("signals").to_str().unwrap()
}

/// A field of /proc/PID/status; None where there is no such process.
fn status_of(process: Pid, field: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

fn is_gone(process: Pid) -> bool {
    status_of(process, "State").is_none_or(|state| state.starts_with('Z'))
}

/// The number that a command left in a file.
fn pid_in(world: &World, file: &str) -> Pid {
    eventually("the command says its number", || world.exists(file));
    Pid::from_raw(fs::read_to_string(world.path(file)).unwrap().trim().parse().unwrap())
}

#[test]
fn the_supervisor_ends_as_the_command_does() {
    let world = World::new();
    for status in [0, 1, 77, 125, 255] {
        let done = supervised(&world, &["sh", "-c", &format!("exit {status}")]).done();
        assert_eq!((done.status, &*done.err), (Some(status), ""));
    }
    for signal in signals().chain([libc::SIGKILL]) {
        // Those that do not end a process, and two that C libraries hide and so may leave ignored.
        let spared = [32, 33, libc::SIGCONT, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU, libc::SIGURG, libc::SIGWINCH];
        if spared.contains(&signal) {
            continue;
        }
        let script = format!("ulimit -S -c \"$(ulimit -H -c)\"; kill -{signal} $$");
        let mut child = supervised(&world, &["sh", "-c", &script]).start();
        let status = child.wait().unwrap();
        assert_eq!((status.signal(), status.core_dumped()), (Some(signal), false), "{signal}");
    }
}

#[test]
fn what_fails_before_the_command_runs_is_told_once_and_as_without_a_supervisor() {
    let world = World::new();
    world.script("words", "just words\n").script("lost", "#!/nowhere/sh\n").file("secrets/other", "x");
    world.file("c.json", json!({ "stores": { "s": { "kind": "dir", "path": "secrets" } } }).to_string());
    world.file("long.json", json!({ "environment_variables": { "LONG": "x".repeat(140_000) } }).to_string());
    for (status, arguments) in [
        (127, &["--", "nowhere-to-be-found"][..]),
        (126, &["--", "./words"]),
        (126, &["--", "./lost"]),
        (125, &["-e", "A=$<s:gone>", "--", "true"]),
        (125, &["-f", "a/../b=x", "--", "true"]),
        (126, &["-c", "long.json", "--", "true"]),
    ] {
        let run = |mode| {
            let done = world.inject(["-c", "c.json", "--mode", mode].iter().chain(arguments)).done();
            assert_eq!(done.err.matches("inject:").count(), 1, "{done:?}");
            done.fails(status, &[]).err
        };
        assert_eq!(run("supervise"), run("exec"));
    }
}

#[test]
fn options_that_make_no_sense_are_told_at_the_start() {
    let world = World::new();
    for (arguments, pieces) in [
        (["--rewrite-signal", "KILL:TERM"], &["--rewrite-signal", "KILL:TERM", "caught"][..]),
        (["--rewrite-signal", "TERM"], &["FROM:TO"]),
        (["--exit-map", "143"], &["--exit-map", "FROM:TO"]),
        (["--exit-map", "127:0"], &["inject's own"]),
        (["--kill-after", "30"], &["--kill-after", "10s"]),
        (["--kill-after", "0s"], &["above zero"]),
        (["--parent-death-signal", "DEATH"], &["--parent-death-signal", "DEATH", "TERM"]),
    ] {
        world.inject(arguments.iter().chain(&["--", "touch", "ran"])).done().fails(125, pieces);
    }
    let twice = ["--rewrite-signal", "TERM:QUIT", "--rewrite-signal", "15:INT", "--", "touch", "ran"];
    world.inject(twice).done().fails(125, &["15", "twice"]);
    let twice = ["--exit-map", "1:0", "--exit-map", "1:2", "--", "touch", "ran"];
    world.inject(twice).done().fails(125, &["status 1", "twice"]);
    let both = ["--mode", "exec", "--group", "--kill-after", "1s", "--", "touch", "ran"];
    world.inject(both).done().fails(125, &["--mode", "--group, --kill-after"]);
    assert!(!world.exists("ran"));
}

#[test]
fn plan_says_whether_a_process_stays_and_for_what() {
    let world = World::new();
    let plan = |options: &[&str]| {
        let text = world.inject(["plan"].iter().chain(options).chain(&["--", "true"])).done().quiet();
        text.text().lines().find_map(|line| line.strip_prefix("mode ")).unwrap().trim().to_owned()
    };
    assert_eq!(plan(&[]), "exec: nothing needs a process that stays");
    assert_eq!(plan(&["--parent-death-signal", "TERM"]), "exec: nothing needs a process that stays");
    assert_eq!(plan(&["--group", "--exit-map", "1:0"]), "supervise: --group, --exit-map needs a process that stays");
    assert_eq!(plan(&["--mode", "supervise"]), "supervise: --mode asks for it");
    let report = world.inject(["plan", "--json", "--kill-after", "1s"]).done().quiet();
    let report: serde_json::Value = serde_json::from_str(report.text()).unwrap();
    assert_eq!(
        (&report["mode"], &report["mode_why"]),
        (&json!("supervise"), &json!("--kill-after needs a process that stays"))
    );
    let become_it = Listening::launch(&world, &[], "15");
    assert_eq!(become_it.command, become_it.inject.pid());
}

#[test]
fn every_signal_is_passed_on_and_queued_ones_with_their_values() {
    let world = World::new();
    for options in [&["--mode", "supervise"][..], &["--group"]] {
        let mut listening = Listening::launch(&world, options, "15");
        assert_eq!(listening.parent, listening.inject.pid());
        for signal in signals().filter(|&signal| signal != libc::SIGTERM) {
            send(listening.inject.pid(), signal);
            assert_eq!(listening.next(), (signal, 0));
        }
        for value in 1..=3 {
            queue(listening.inject.pid(), 40, value);
        }
        let values = if options == ["--group"] { [0, 0, 0] } else { [1, 2, 3] };
        assert_eq!([listening.next(), listening.next(), listening.next()], values.map(|value| (40, value)));
        send(listening.inject.pid(), libc::SIGTERM);
        assert_eq!(listening.rest(), [libc::SIGTERM]);
        assert_eq!(listening.status(), (Some(0), None));
    }
}

/// Whatever it is doing at that moment.
#[test]
fn a_signal_right_after_the_start_ends_both_by_it() {
    let world = World::new();
    world.file("secrets/n", "value");
    world.file("c.json", json!({ "stores": { "s": { "kind": "dir", "path": "secrets" } } }).to_string());
    let script = "echo $$ >ran.new; mv ran.new ran; exec sleep 1000";
    let arguments = ["-c", "c.json", "--mode", "supervise", "-e", "A=$<s:n>", "--", "sh", "-c", script];
    let begun = Instant::now();
    let mut inject = Running(world.inject(arguments).start());
    pid_in(&world, "ran");
    let whole = begun.elapsed();
    inject.end(Signal::SIGTERM);
    for number in 0..60_u32 {
        let _ = fs::remove_file(world.path("ran"));
        let mut inject = Running(world.inject(arguments).start());
        std::thread::sleep(whole * number / 50);
        let signal = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP][number as usize % 3];
        send(inject.pid(), signal);
        assert_eq!(inject.0.wait().unwrap().signal(), Some(signal));
        if world.exists("ran") {
            assert!(is_gone(pid_in(&world, "ran")), "the command outlives its supervisor");
        }
    }
}

#[test]
fn a_signal_while_secrets_are_fetched_ends_both_by_it() {
    let world = World::new();
    world.script("helper", "#!/bin/sh\necho $$ >asked.new\nmv asked.new asked\nexec sleep 1000\n");
    world.file("c.json", json!({ "stores": { "h": { "kind": "exec", "command": ["./helper"] } } }).to_string());
    // What the command is to get in its place is not for the launch, which would go on.
    for option in ["--mode=supervise", "--rewrite-signal=TERM:WINCH", "--rewrite-signal=TERM:0"] {
        let arguments = ["-c", "c.json", option, "-e", "A=$<h:n>", "--", "touch", "ran"];
        let mut inject = Running(world.inject(arguments).start());
        let helper = pid_in(&world, "asked");
        send(inject.pid(), libc::SIGTERM);
        assert_eq!(inject.0.wait().unwrap().signal(), Some(libc::SIGTERM), "{option}");
        eventually("the helper is gone", || is_gone(helper));
        assert!(!world.exists("ran"));
        fs::remove_file(world.path("asked")).unwrap();
    }
}

#[test]
fn orphans_become_children_of_the_supervisor_and_are_reaped() {
    let world = World::new();
    let script = "(sleep 1000 & echo $! >pid.new); mv pid.new pid; read -r line";
    let mut inject = Running(supervised(&world, &["sh", "-c", script]).start());
    let orphan = pid_in(&world, "pid");
    eventually("it is adopted", || status_of(orphan, "PPid") == Some(inject.pid().to_string()));
    kill(orphan, Signal::SIGKILL).unwrap();
    eventually("it is reaped", || status_of(orphan, "State").is_none());
    assert!(inject.0.try_wait().unwrap().is_none(), "the command still runs");
    drop(inject.0.stdin.take());
    assert_eq!(inject.0.wait().unwrap().code(), Some(1), "read finds no line");
}

#[test]
fn with_group_the_commands_children_get_the_signal_too() {
    let world = World::new();
    // The command and the subshell outlive TERM, the sleeper does not: the subshell tells what ended it.
    let script = "trap 'echo got' TERM
        (trap : TERM; sh -c 'echo $$ >pid.new; mv pid.new pid; exec sleep 1000'; echo $? >end.new; mv end.new end) &
        wait; wait";
    for (options, end) in [(&["--group"][..], "143\n"), (&["--mode", "supervise"], "137\n")] {
        let command = ["-q", "--", "bash", "-c", script];
        let mut inject = Running(world.inject(options.iter().chain(&command)).start());
        let sleeper = pid_in(&world, "pid");
        send(inject.pid(), libc::SIGTERM);
        let mut said = BufReader::new(inject.0.stdout.take().unwrap());
        said.read_line(&mut String::new()).unwrap();
        if options != ["--group"] {
            kill(sleeper, Signal::SIGKILL).unwrap();
        }
        eventually("it tells the sleeper's end", || world.exists("end"));
        assert_eq!(fs::read_to_string(world.path("end")).unwrap(), end, "what ended the sleeper");
        inject.0.wait().unwrap();
        for file in ["pid", "end"] {
            fs::remove_file(world.path(file)).unwrap();
        }
    }
}

#[test]
fn signals_are_rewritten_or_dropped() {
    let world = World::new();
    let options = ["--rewrite-signal", "TERM:QUIT", "--rewrite-signal", "HUP:0", "--rewrite-signal", "RTMIN+3:TERM"];
    let mut listening = Listening::launch(&world, &options, "15");
    send(listening.inject.pid(), libc::SIGTERM);
    assert_eq!(listening.next().0, libc::SIGQUIT);
    send(listening.inject.pid(), libc::SIGHUP);
    send(listening.inject.pid(), libc::SIGUSR1);
    assert_eq!(listening.next().0, libc::SIGUSR1, "HUP was passed on");
    send(listening.inject.pid(), 37);
    assert_eq!(listening.rest(), [libc::SIGTERM]);
    let inherited = world.inject(["-q", "--", listener(), "2"]).env("INJECT_REWRITE_SIGNAL", "TERM:INT\nHUP:USR2");
    let mut listening = Listening::start(inherited);
    send(listening.inject.pid(), libc::SIGHUP);
    assert_eq!(listening.next().0, libc::SIGUSR2);
    send(listening.inject.pid(), libc::SIGTERM);
    assert_eq!(listening.rest(), [libc::SIGINT]);
}

#[test]
fn a_command_that_does_not_end_in_time_is_killed() {
    let world = World::new();
    // Tells TERM and goes on.
    let mut listening = Listening::launch(&world, &["--kill-after", "50ms"], "64");
    send(listening.inject.pid(), libc::SIGHUP);
    assert_eq!(listening.next().0, libc::SIGHUP);
    send(listening.inject.pid(), libc::SIGTERM);
    assert_eq!(listening.next().0, libc::SIGTERM);
    assert_eq!((listening.rest(), listening.status()), (vec![], (None, Some(libc::SIGKILL))));
    let mut listening = Listening::launch(&world, &["--kill-after", "10m"], "15");
    send(listening.inject.pid(), libc::SIGTERM);
    assert_eq!((listening.rest(), listening.status()), (vec![libc::SIGTERM], (Some(0), None)));
    // With its children, which the command's end would leave.
    let script = "trap '' TERM; (sleep 1000; :) & echo $! >pid.new; mv pid.new pid; while :; do sleep 1000; done";
    let options = ["--group", "--kill-after", "50ms", "-q", "--", "sh", "-c", script];
    let mut inject = Running(world.inject(options).start());
    let child = pid_in(&world, "pid");
    send(inject.pid(), libc::SIGTERM);
    assert_eq!(inject.0.wait().unwrap().signal(), Some(libc::SIGKILL));
    eventually("its child is gone", || is_gone(child));
}

#[test]
fn with_group_a_command_that_went_to_another_group_is_still_told_and_killed() {
    let world = World::new();
    let command = ["--group", "--kill-after", "50ms", "-q", "--", listener(), "64", "elsewhere"];
    let mut listening = Listening::start(world.inject(command));
    send(listening.inject.pid(), libc::SIGCONT);
    assert_eq!(listening.next().0, libc::SIGCONT);
    send(listening.inject.pid(), libc::SIGTERM);
    assert_eq!(listening.next().0, libc::SIGTERM);
    assert_eq!((listening.rest(), listening.status()), (vec![], (None, Some(libc::SIGKILL))));
}

#[test]
fn statuses_are_mapped_and_those_that_are_not_stay() {
    let world = World::new();
    let run = |script: &str| {
        let done = world.inject(["--exit-map", "143:0", "--exit-map", "3:4", "-q", "--", "sh", "-c", script]).done();
        (done.status, done.signal)
    };
    assert_eq!(run("kill -TERM $$"), (Some(0), None));
    assert_eq!(run("exit 143"), (Some(0), None));
    assert_eq!(run("exit 3"), (Some(4), None));
    assert_eq!(run("exit 4"), (Some(4), None));
    assert_eq!(run("kill -KILL $$"), (None, Some(libc::SIGKILL)));
    let failed = world.inject(["--exit-map", "1:0", "-e", "A=$<env:GONE>", "--", "true"]).done();
    failed.fails(125, &["not found"]);
}

#[test]
fn the_command_does_not_outlive_a_supervisor_that_is_killed() {
    let world = World::new();
    let mut listening = Listening::launch(&world, &["--mode", "supervise"], "15");
    listening.inject.end(Signal::SIGKILL);
    eventually("the command is gone", || is_gone(listening.command));
    let mut listening = Listening::launch(&world, &["--mode", "supervise", "--parent-death-signal", "TERM"], "15");
    listening.inject.end(Signal::SIGKILL);
    assert_eq!(listening.rest(), [libc::SIGTERM]);
}

#[test]
fn the_command_gets_a_signal_when_whoever_started_it_dies() {
    let world = World::new();
    for mode in ["exec", "supervise"] {
        let script = format!("\"$PROGRAM\" --mode {mode} --parent-death-signal USR2 -q -- {} 12 & wait", listener());
        let starter = world.run("sh", ["-c", script.as_str()]).env("PROGRAM", PROGRAM);
        let mut listening = Listening::start(starter);
        listening.inject.end(Signal::SIGKILL);
        assert_eq!(listening.rest(), [libc::SIGUSR2], "{mode}");
    }
}

#[test]
fn the_command_inherits_what_was_given_to_its_supervisor() {
    for odd in [":", "umask 027; ulimit -n 77; cd /", "trap '' PIPE TERM CHLD; exec 7</dev/null 9>&7", "exec <&-"] {
        let world = World::new();
        let ours = |report: String| {
            let lines = report.lines().filter(|line| !line.starts_with("parent-death-signal"));
            lines.map(|line| format!("{line}\n")).collect::<String>()
        };
        let without = ours(report(&world, odd, ""));
        assert!(without.len() > 100, "the probe says nothing: {without}");
        assert_eq!(ours(report(&world, odd, "\"$PROGRAM\" --mode supervise -q --")), without, "{odd}");
    }
}

#[test]
fn the_supervisor_keeps_nothing_of_the_commands_open() {
    let world = World::new();
    let script = "exec >&- 2>&-; read -r line; [ \"$line\" = go ]";
    let mut inject = Running(supervised(&world, &["sh", "-c", script]).start());
    let mut said = String::new();
    inject.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    inject.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((said.as_str(), inject.0.try_wait().unwrap()), ("", None), "both pipes ended before the command");
    inject.0.stdin.take().unwrap().write_all(b"go\n").unwrap();
    assert_eq!(inject.0.wait().unwrap().code(), Some(0));
}

#[test]
fn files_are_gone_when_the_command_is_whatever_ended_it() {
    let world = World::new();
    world.file("c.json", json!({ "files": { "a": "text" } }).to_string());
    for method in methods() {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            let arguments = ["-c", "c.json", "--mode", "supervise"];
            let (mut inject, directory) = waiting(&world, world.inject(arguments.iter().chain(&WAIT)).by(method));
            inject.end(signal);
            eventually("the files are gone", || directory.join("a").symlink_metadata().is_err());
        }
    }
}

#[cfg(feature = "local")]
#[test]
fn the_supervisor_has_no_secret_in_memory_while_the_command_runs() {
    use crate::canary::{Canary, Needle, in_memory};
    use crate::harness::IDENTITY;

    let world = World::with_store();
    let canaries: Vec<_> = (0..4).map(Canary::new).collect();
    world.add("n", canaries[0].text());
    world.file("secrets/n", canaries[1].text());
    world.file(
        "c.json",
        json!({
            "stores": { "l": { "kind": "local" }, "d": { "kind": "dir", "path": "secrets" } },
            "environment_variables": {
                "A": "$<l:n>", "B": "$<d:n>", "C": "$<env:CANARY>", "D": { "literal": canaries[3].text() },
            },
            "files": { "a": "$<l:n>$<d:n>" },
        })
        .to_string(),
    );
    let identity = fs::read_to_string(world.path(IDENTITY)).unwrap();
    let key = identity.lines().last().unwrap();
    // What a key begins with stands in the program.
    let secret = key.strip_prefix("AGE-SECRET-KEY-1").unwrap().to_owned();
    for method in methods() {
        let arguments = ["-c", "c.json", "--mode", "supervise"];
        let inject = world.inject(arguments.iter().chain(&WAIT)).env("INJECT_TEST_DUMPABLE", "1");
        let inject = inject.env("CANARY", canaries[2].text()).env("INJECT_IDENTITY", key).by(method);
        let (supervisor, _) = waiting(&world, inject);
        let children = format!("/proc/{0}/task/{0}/children", supervisor.pid());
        let children = fs::read_to_string(children).unwrap();
        // A janitor, too, is a child by now.
        let environ = |child: &str| fs::read_to_string(format!("/proc/{child}/environ")).unwrap_or_default();
        eventually("the command has them all", || {
            let mut given = children.split_whitespace().map(environ);
            given.any(|given| canaries.iter().all(|canary| given.contains(&canary.text())))
        });
        let needles = canaries.iter().map(|canary| canary as &dyn Needle).chain([&secret as &dyn Needle]);
        let found = in_memory(supervisor.pid(), &needles.collect::<Vec<_>>());
        assert!(found.iter().all(Vec::is_empty), "{method:?}: {found:#?}");
        let variables = fs::read(format!("/proc/{}/environ", supervisor.pid())).unwrap();
        assert!(variables.iter().all(|&byte| byte == 0));
    }
}

/// A terminal, and the program that leads the session on it.
struct Terminal {
    /// What a keyboard writes to and a screen reads.
    master: File,
    shown: Arc<Mutex<Vec<u8>>>,
    leader: Running,
    /// How much of `shown` was awaited.
    seen: usize,
}

impl Terminal {
    #[allow(unsafe_code)]
    fn start(world: &World, program: impl AsRef<Path>, arguments: &[&str]) -> Self {
        // Closed in whatever other tests start at this moment.
        let pty = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
        grantpt(&pty).unwrap();
        unlockpt(&pty).unwrap();
        let options = File::options().read(true).write(true).custom_flags(libc::O_NOCTTY).clone();
        let slave = options.open(ptsname_r(&pty).unwrap()).unwrap();
        let master = File::from(OwnedFd::from(pty));
        let mut command = Command::new(program.as_ref());
        command.args(arguments).current_dir(world.path("")).env_clear();
        command.env("PATH", "/usr/bin:/bin").env("HOME", world.path("")).env("PROGRAM", PROGRAM);
        command.env("PS1", "ready> ").env("TERM", "dumb").env("LC_ALL", "C").env("LISTENER", listener());
        command.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
        let begin = move || {
            nix::unistd::setsid()?;
            // SAFETY: a plain call; descriptor 0 is the terminal by now.
            nix::errno::Errno::result(unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) })?;
            Ok(())
        };
        // SAFETY: both are system calls and nothing more.
        let leader = Running(unsafe { command.pre_exec(begin) }.spawn().unwrap());
        // Its copies of the slave.
        drop(command);
        let (shown, mut screen) = (Arc::new(Mutex::new(Vec::new())), master.try_clone().unwrap());
        let written = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // It ends with an error once nobody has the slave.
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                written.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { master, shown, leader, seen: 0 }
    }

    /// A shell with job control, at its first prompt.
    fn shell(world: &World) -> Self {
        let mut terminal = Self::start(world, "bash", &["--norc", "--noprofile", "--noediting", "-i"]);
        terminal.shows("ready> ");
        terminal
    }

    fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for this, behind what was waited for before.
    #[track_caller]
    fn shows(&mut self, text: &str) {
        let begun = Instant::now();
        loop {
            let shown = String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned();
            if let Some(at) = shown.get(self.seen..).and_then(|rest| rest.find(text)) {
                self.seen += at + text.len();
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "no {text:?} in {:?}", shown.get(self.seen..));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    #[allow(unsafe_code)]
    fn resize(&self, columns: u16) {
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the call reads the one structure.
        assert_eq!(unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }, 0);
    }
}

#[test]
fn the_command_and_its_supervisor_stop_together_and_go_on_together() {
    let world = World::new();
    let mut terminal = Terminal::shell(&world);
    terminal.types("\"$PROGRAM\" --mode supervise -q -- sh -c 'echo $$ $PPID >pids; exec cat'\n");
    eventually("the command runs", || fs::read_to_string(world.path("pids")).is_ok_and(|text| text.ends_with('\n')));
    let pids = fs::read_to_string(world.path("pids")).unwrap();
    let pids: Vec<_> = pids.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap())).collect();
    let is_stopped = |&pid: &Pid| status_of(pid, "State").is_some_and(|state| state.starts_with('T'));
    for word in ["once", "twice"] {
        // Shown as it is typed, and again by the command.
        terminal.types(&format!("{word}\n"));
        terminal.shows(&format!("{word}\r\n"));
        terminal.shows(&format!("{word}\r\n"));
        terminal.types("\x1a");
        terminal.shows("Stopped");
        terminal.shows("ready> ");
        assert!(pids.iter().all(is_stopped));
        terminal.types("echo shell $((40 + 2))\n");
        terminal.shows("shell 42");
        terminal.types("fg\n");
        // The shell names the job before it wakes it.
        terminal.shows("cat'\r\n");
        eventually("both go on", || !pids.iter().any(is_stopped));
    }
    terminal.types("\x04");
    terminal.shows("ready> ");
    terminal.types("echo status $?\n");
    terminal.shows("status 0");
}

#[test]
fn a_command_in_the_background_gets_the_terminal_when_it_is_brought_forward() {
    let world = World::new();
    let mut terminal = Terminal::shell(&world);
    terminal.types("\"$PROGRAM\" --mode supervise -q -- sh -c 'read -r line; echo \"got <$line>\"' &\n");
    // It stops when it reads, and that ends its wait for a prompt.
    eventually("the shell sees it stopped", || {
        terminal.types("jobs\n");
        std::thread::sleep(Duration::from_millis(20));
        String::from_utf8_lossy(&terminal.shown.lock().unwrap()).contains("Stopped")
    });
    terminal.types("fg\n");
    terminal.shows("fg\r\n");
    terminal.shows("line>\"'\r\n");
    terminal.types("word\n");
    terminal.shows("got <word>");
    terminal.types("echo shell $((40 + 2))\n");
    terminal.shows("shell 42");
}

#[test]
fn the_keyboard_ends_the_command_and_the_shell_has_its_terminal_again() {
    let world = World::new();
    let mut terminal = Terminal::shell(&world);
    for (key, status) in [("\x03", "130"), ("\x1c", "131")] {
        terminal.types("\"$PROGRAM\" --mode supervise -q -- sh -c 'ulimit -c 0; echo begun; exec sleep 1000'\n");
        terminal.shows("begun\r\n");
        terminal.types(key);
        terminal.shows("ready> ");
        terminal.types("echo \"status $?\"\n");
        terminal.shows(&format!("status {status}"));
    }
    // Whoever asks for a password sets the terminal, which only the foreground may.
    let prompt = "sh -c 'stty -echo; printf \"word: \"; read -r word; stty echo; echo \"<$word>\"'\n";
    terminal.types(&format!("\"$PROGRAM\" --mode supervise -q -- {prompt}"));
    terminal.shows("'\r\n");
    terminal.shows("word: ");
    terminal.types("pass\n");
    terminal.shows("<pass>");
    assert!(!String::from_utf8_lossy(&terminal.shown.lock().unwrap()).contains("pass\r\n<"), "it was shown");
}

/// As `docker run -it` starts it: nobody is there who could continue it.
#[test]
fn alone_on_its_terminal_a_command_is_not_stopped_for_ever() {
    let world = World::new();
    let script = "echo begun; while read -r line; do echo \"<$line>\"; done";
    let mut terminal = Terminal::start(&world, PROGRAM, &["--mode", "supervise", "-q", "--", "bash", "-c", script]);
    terminal.shows("begun");
    for word in ["a", "b"] {
        terminal.types("\x1a");
        terminal.shows("^Z");
        terminal.types(&format!("{word}\n"));
        terminal.shows(&format!("<{word}>"));
    }
    terminal.types("\x04");
    assert_eq!(terminal.leader.0.wait().unwrap().code(), Some(0));
}

/// Apart, as on a terminal of its own, and in the group of its supervisor, as in a pipeline.
#[test]
fn what_the_terminal_sends_comes_once() {
    let world = World::new();
    for (script, out) in [
        ("exec \"$PROGRAM\" --mode supervise -q -- \"$LISTENER\" 12 >out", true),
        ("exec \"$PROGRAM\" --mode supervise -q -- \"$LISTENER\" 12", false),
    ] {
        let mut terminal = Terminal::start(&world, "bash", &["-c", script]);
        let said = |terminal: &Terminal| match out {
            true => fs::read_to_string(world.path("out")).unwrap_or_default(),
            false => String::from_utf8_lossy(&terminal.shown.lock().unwrap()).replace("\r\n", "\n"),
        };
        let count = |terminal: &Terminal, signal: c_int| {
            said(terminal)
                .lines()
                .filter(|line| line.trim_start_matches("^C").trim_start_matches("^\\") == format!("{signal} 0"))
                .count()
        };
        eventually("the command listens", || said(&terminal).contains("pid "));
        for round in 1..=10_usize {
            for (key, signal) in [("\x03", libc::SIGINT), ("\x1c", libc::SIGQUIT)] {
                terminal.types(key);
                eventually("the key is told", || count(&terminal, signal) >= round);
            }
            terminal.resize(80 + u16::try_from(round).unwrap());
            eventually("the size is told", || count(&terminal, libc::SIGWINCH) >= round);
            // Whatever the supervisor passed on came before this.
            send(terminal.leader.pid(), libc::SIGUSR1);
            eventually("the other signal is told", || count(&terminal, libc::SIGUSR1) >= round);
            for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGWINCH, libc::SIGUSR1] {
                assert_eq!(count(&terminal, signal), round, "{signal}: {}", said(&terminal));
            }
        }
        send(terminal.leader.pid(), libc::SIGUSR2);
        assert_eq!(terminal.leader.0.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn the_rest_of_a_pipeline_keeps_the_terminal() {
    let world = World::new();
    let mut terminal = Terminal::shell(&world);
    // The second reads the terminal, as a pager does.
    let second = "sh -c 'read -r piped; read -r typed </dev/tty; echo \"$piped and $typed\"'";
    terminal.types(&format!("\"$PROGRAM\" --mode supervise -q -- echo piped | {second}\n"));
    terminal.shows("'\r\n");
    terminal.types("typed\n");
    terminal.shows("piped and typed");
}
