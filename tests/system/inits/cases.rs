//! The behaviours, one function each, and how they are told apart from their opposites.

use super::Way::{First, Job, Subreaper};
use super::{Case, End, Need, Stage, Started, WAYS, Way};
use nix::libc::{self, c_int};
use std::fs;
use std::path::{Path, PathBuf};

/// What is sent last, to see that there was nothing before it: of several signals that wait, the kernel
/// gives the lowest first, and this one comes after all that are looked at here but real-time ones.
const LAST: c_int = libc::SIGPWR;

/// Both without a terminal.
const BARE: &[Way] = &[First, Subreaper];
/// Where the namespace does not end with the init.
const BELOW: &[Way] = &[Job, Subreaper];

pub(super) fn all() -> Vec<Case> {
    let case = |what, ways, need, is_so| Case { what, ways, need, is_so };
    use Need::*;
    vec![
        case("passes signals on to the command", &WAYS, Nothing, |stage| {
            passes(stage, &[1, 2, 3, 10, 12, 13, 14, 15, 16, 18, 23, 24, 25, 26, 27, 28, 29], LAST)
        }),
        case("passes on those that tell of a fault: ILL, TRAP, ABRT, BUS, FPE, SEGV, SYS", &WAYS, Nothing, |stage| {
            passes(stage, &[4, 5, 6, 7, 8, 11, 31], LAST)
        }),
        case("passes on real-time ones", &WAYS, Nothing, |stage| passes(stage, &[34, 35, 50, 62], 63)),
        case("passes on TSTP, TTIN and TTOU to a command that handles them", &WAYS, Single, |stage| {
            [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU].iter().all(|&signal| tells_instead(stage, signal, signal))
        }),
        case("passes on one that was sent before it began", &WAYS, Nothing, |stage| {
            let script = "grep ^SigBlk /proc/$$/status >mask; exec \"$LISTENER\" 64 >said";
            let started = stage.start(&["pending=12"], &[], &["bash", "-c", script]);
            started.wait("it begins", || (!started.text("mask").is_empty() || started.end().is_some()).then_some(()));
            // Where it is blocked no more, it may come before there is anything to take it.
            let is_blocked = mask(&started.text("mask"), "SigBlk:").is_some_and(|mask| mask & set(&[12]) != 0);
            if !is_blocked {
                return false;
            }
            started.named("said");
            started.send(LAST);
            started.tells(LAST, 1) && started.told("said") == [12, LAST]
        }),
        case("TSTP stops a command that does nothing about it, and CONT continues it", &WAYS, Nothing, |stage| {
            stops_and_goes_on(stage, libc::SIGTSTP)
        }),
        case("TTIN and TTOU stop such a command, and CONT continues it", &WAYS, Nothing, |stage| {
            stops_and_goes_on(stage, libc::SIGTTIN) && stops_and_goes_on(stage, libc::SIGTTOU)
        }),
        case("TSTP stops it together with its command, and CONT continues both", &[Job], Nothing, |stage| {
            stops_too(stage, libc::SIGTSTP)
        }),
        case("TTIN and TTOU stop it together with its command, and CONT continues both", &[Job], Nothing, |stage| {
            stops_too(stage, libc::SIGTTIN) && stops_too(stage, libc::SIGTTOU)
        }),
        case("a signal goes to the command alone, where that is wanted", &WAYS, Single, |stage| !reaches_group(stage)),
        case("a signal goes to the command's process group, where that is wanted", &WAYS, Group, reaches_group),
        case("a variable asks for that, too", &WAYS, GroupByVariable, reaches_group),
        case("a signal is passed on as another one", &WAYS, Rewrite(&["15:3"]), |stage| {
            becomes(stage, &[15, 1], &[3, 1])
        }),
        case("two signals are exchanged", &WAYS, Rewrite(&["15:2", "2:15", "3:3"]), |stage| {
            becomes(stage, &[15, 2, 3], &[2, 15, 3])
        }),
        case("the lowest and the highest classic signal are exchanged", &WAYS, Rewrite(&["1:31", "31:1"]), |stage| {
            becomes(stage, &[1, 31], &[31, 1])
        }),
        case("a signal is dropped", &WAYS, Rewrite(&["2:0", "28:0", "15:3"]), |stage| {
            becomes(stage, &[2, 15, 28, 1], &[3, 1])
        }),
        case("TSTP is passed on as another one", &WAYS, Rewrite(&["20:1"]), |stage| {
            tells_instead(stage, libc::SIGTSTP, 1)
        }),
        case("a rewrite of no signals is refused", &WAYS, Rewrite(&["herp:derp"]), refuses),
        case("half a rewrite is refused", &WAYS, Rewrite(&["15"]), refuses),
        case("takes on orphans and reaps them", &WAYS, Adopt, |stage| reaps(stage).is_some()),
        case("tells of an orphan that it reaps, with an option", BARE, TellReaped, |stage| {
            let Some((started, orphan)) = reaps(stage) else { return false };
            started.wait("it tells", || started.errors().contains(&orphan.to_string()).then_some(true))
        }),
        case("warns where it cannot take on orphans", &[Job], WarnOfOrphans, |stage| {
            let started = stage.sh("exit 3");
            started.status() == 3 && started.errors().contains("reap")
        }),
        case("the command's status is its own", &WAYS, Nothing, |stage| {
            [0, 1, 64, 127, 255].into_iter().all(|status| stage.sh(&format!("exit {status}")).status() == status)
        }),
        case("where a signal ended the command, a shell sees 128 and the signal", &WAYS, Nothing, |stage| {
            [1, 3, 9, 11, 15].into_iter().all(|signal| stage.sh(&kill(signal)).status() == 128 + signal)
        }),
        case("where a signal ended the command, it ends by that signal itself", BELOW, Nothing, |stage| {
            let started = stage.sh(&kill(15));
            started.wait("it ends", || started.end()) == End::Killed(15)
        }),
        case("a status is mapped to 0, and others are not", &WAYS, Map, |stage| {
            stage.sh("exit 143").status() == 0 && stage.sh(&kill(15)).status() == 0 && stage.sh("exit 3").status() == 3
        }),
        case("the status is right though orphans end with the command", &WAYS, Adopt, |stage| {
            let orphans = "for n in 1 2 3 4 5 6 7 8; do (sleep 1000 & echo $! >>pids); done";
            stage.sh(&format!("{orphans}; kill -9 $(cat pids); exit 5")).status() == 5
        }),
        case("the status is right though it was started with CHLD ignored", &WAYS, Nothing, |stage| {
            let started = stage.start(&["ignore=17"], &[], &["sh", "-c", "echo $$ >said; exit 7"]);
            let command: c_int = started.written("said").trim().parse().unwrap();
            started.wait("the command ends", || match started.end() {
                Some(_) => Some(()),
                None => started.stat(command).is_none().then_some(()),
            });
            !started.stays() && started.status() == 7
        }),
        case("ends with the command, whatever outlives that", &WAYS, Nothing, |stage| {
            stage.sh("sleep 1000 & exit 7").status() == 7
        }),
        case("what outlives the command is left alone", BELOW, Single, |stage| !ends_the_rest(stage)),
        case("what outlives the command gets TERM", BELOW, EndTheRest, ends_the_rest),
        case("the command gets a signal when whoever started it dies", BELOW, ParentDeath, |stage| {
            let starting = ["sh", "-c", "\"$@\" & wait", "sh"];
            let started = stage.start(&[], &starting, &["sh", "-c", "exec \"$LISTENER\" 64 >said"]);
            started.named("said");
            started.send(libc::SIGKILL);
            started.wait("a signal", || started.told("said").first().map(|&told| told == libc::SIGUSR1))
        }),
        case("a command that is not there ends with 127, and is named", &WAYS, Nothing, |stage| {
            let started = stage.start(&[], &[], &["/nowhere/none"]);
            started.status() == 127 && started.errors().contains("/nowhere/none")
        }),
        case("one that cannot be run ends with 126, and is named", &WAYS, Nothing, |stage| {
            let started = stage.start(&[], &[], &["/etc/passwd"]);
            started.status() == 126 && started.errors().contains("/etc/passwd")
        }),
        case("without a command it says how it is used, and fails", &WAYS, Nothing, |stage| {
            let started = stage.start(&[], &[], &[]);
            started.status() != 0 && !started.errors().trim().is_empty()
        }),
        case("an unknown option is named, and nothing is run", &WAYS, Nothing, |stage| {
            let stage = Stage { words: [&stage.words[..], &["--yolo"]].concat(), ..*stage };
            let started = stage.sh("echo >ran");
            started.status() != 0 && started.errors().contains("yolo") && !started.world.exists("ran")
        }),
        case("an option for help", &WAYS, Help, |stage| says(stage, "sage")),
        case("an option for its version", &WAYS, Version, |stage| says(stage, ".")),
        case("with an option it says what it does", BARE, Verbose, |stage| {
            let started = stage.sh("echo out");
            let status = started.status();
            let said = [started.output(), started.errors()].concat();
            status == 0 && said.lines().any(|line| line == "out") && said.lines().count() > 1
        }),
        case("the command starts in the directory that was given", &WAYS, Nothing, |stage| {
            let started = stage.sh("pwd >said");
            started.status() == 0
                && started.text("said").trim() == started.world.path("").to_str().unwrap().trim_end_matches('/')
        }),
        case("it leaves that directory itself", &WAYS, Nothing, |stage| {
            let started = stage.listening();
            started.rests();
            read_link(&started, "cwd").unwrap() == Path::new("/")
        }),
        case("the command finds signals ignored and blocked as they were", &WAYS, Nothing, |stage| {
            let given = ["ignore=22", "ignore=11", "ignore=2", "block=21", "block=4", "block=15"];
            let started = stage.start(&given, &[], &["cat", "/proc/self/status"]);
            let status = started.status();
            let found = ["SigIgn:", "SigBlk:"].map(|name| mask(&started.output(), name));
            // Of real-time ones C libraries keep two for themselves, and may leave them ignored.
            let found = found.map(|mask| mask.map(|mask| mask & u64::from(u32::MAX >> 1)));
            status == 0 && found == [Some(set(&[22, 11, 2])), Some(set(&[21, 4, 15]))]
        }),
        case("the command has each descriptor that was given", &WAYS, Nothing, |stage| {
            let started = stage.start(&["open=7"], &[], &["sh", "-c", "readlink /proc/$$/fd/7 >said"]);
            started.status() == 0 && started.text("said").ends_with("/given\n")
        }),
        case("it keeps none of them open itself", &WAYS, Nothing, |stage| {
            let started = stage.listening_with(&["open=7"]);
            started.rests();
            read_link(&started, "fd/7").is_none()
        }),
        case("standard input that was closed is closed for the command", BARE, Nothing, |stage| {
            let started = stage.start(&["close=0"], &[], &["sh", "-c", "readlink /proc/$$/fd/0 >said; echo $? >>said"]);
            started.status() == 0 && started.text("said") == "1\n"
        }),
        case("the command leads a process group", &WAYS, Nothing, |stage| {
            let [command, group, _] = stage.listening().named("said");
            command == group
        }),
        case("the command's group is the foreground of the terminal", &[Job], Nothing, |stage| {
            has_terminal(&stage.listening())
        }),
        case("the same where it leads the session itself, with no signal of the hand-over", &[Job], Nothing, |stage| {
            let started = stage.listening_with(&["leader"]);
            started.rests();
            started.send(LAST);
            has_terminal(&started) && started.tells(LAST, 1) && started.told("said") == [LAST]
        }),
        case("the command reads the terminal and writes to it", &[Job], Nothing, |stage| {
            let started = stage.sh("stty -echo; echo begun; tac; exit 6");
            let screen = started.screen.as_ref().unwrap();
            started.wait("it begins", || screen.text().ends_with("begun\n").then_some(()));
            screen.types("1\n2\n\x04");
            started.status() == 6
                && started.wait("all is shown", || screen.text().ends_with("begun\n2\n1\n").then_some(true))
        }),
        case("a key's signal reaches the command once", &[Job], Nothing, |stage| {
            let started = stage.listening();
            started.screen.as_ref().unwrap().types("\x03");
            reaches_once(&started, libc::SIGINT)
        }),
        case("a new size of the terminal reaches the command once", &[Job], Nothing, |stage| {
            let started = stage.listening();
            started.screen.as_ref().unwrap().resize();
            reaches_once(&started, libc::SIGWINCH)
        }),
        case("Ctrl-C ends a command that does nothing about it, with 130", &[Job], Nothing, |stage| {
            let started = stage.sh("echo >said; exec sleep 1000");
            started.written("said");
            started.screen.as_ref().unwrap().types("\x03");
            started.status() == 130
        }),
        case("Ctrl-Z stops the command, the shell sees that, and its fg continues it", &[Job], Nothing, |stage| {
            let started = stage.sh(TRAPPING);
            let command = started.written("said").trim().parse().unwrap();
            let screen = started.screen.as_ref().unwrap();
            screen.types("\x1a");
            started.wait("the key is shown, after its signal", || screen.text().contains("^Z").then_some(()));
            if !stops(&started, command) {
                return false;
            }
            if started.stays() {
                return false;
            }
            started.wait("the shell sees it", || started.logged("stopped"));
            started.send_to(1, libc::SIGUSR1);
            started.wait("the command goes on", || (!started.is_stopped(command)).then_some(true))
        }),
    ]
}

/// A command that does nothing about signals but [`LAST`], which it writes down.
const TRAPPING: &str = "trap 'echo >last' PWR; echo $$ >said; while :; do sleep 1000 & wait $!; done";

fn kill(signal: c_int) -> String {
    format!("ulimit -c 0; kill -{signal} $$")
}

/// Each of these signals arrives, one by one.
fn passes(stage: &Stage, signals: &[c_int], last: c_int) -> bool {
    let started = stage.listening();
    let mut sent = Vec::new();
    signals.iter().enumerate().all(|(index, &signal)| {
        started.send(signal);
        started.send(last);
        sent.extend([signal, last]);
        started.tells(last, index + 1) && started.told("said") == sent
    })
}

/// Of these signals, one by one, those arrive.
fn becomes(stage: &Stage, signals: &[c_int], arrive: &[c_int]) -> bool {
    let started = stage.listening();
    let arrived = signals.iter().enumerate().all(|(index, &signal)| {
        started.send(signal);
        started.send(LAST);
        started.tells(LAST, index + 1)
    });
    let told = started.told("said").into_iter().filter(|&signal| signal != LAST);
    arrived && told.eq(arrive.iter().copied())
}

/// A signal that may stop the init arrives as that one; afterwards all goes on.
fn tells_instead(stage: &Stage, signal: c_int, arrives: c_int) -> bool {
    let started = stage.listening();
    let [command, ..] = started.named("said");
    let init = started.init();
    started.send(signal);
    started.send(LAST);
    let has_last = || started.told("said").contains(&LAST) || started.end().is_some();
    started.wait("it comes to rest", || {
        let is_over = has_last() || started.is_stopped(command) || started.is_stopped(init);
        // The command, too: to be continued takes from it what was to stop it.
        let is_at_rest = [init, command].iter().all(|&process| started.is_at_rest(process));
        (is_over && is_at_rest || started.end().is_some()).then_some(())
    });
    if started.is_stopped(command) {
        return false;
    }
    if started.is_stopped(init) {
        started.send(libc::SIGCONT);
    }
    started.tells(LAST, 1) && started.told("said").first() == Some(&arrives)
}

/// Sends a signal that is to stop the command. None: it did not.
fn stopped(stage: &Stage, signal: c_int) -> Option<(Started, c_int)> {
    let started = stage.sh(TRAPPING);
    let command = started.written("said").trim().parse().unwrap();
    started.send(signal);
    stops(&started, command).then_some((started, command))
}

/// Whether the command is stopped by what was sent, as the next signal shows.
fn stops(started: &Started, command: c_int) -> bool {
    started.send(LAST);
    started.wait("it stops, or gets the other signal", || {
        let is_over = started.is_stopped(command) || started.world.exists("last") || started.end().is_some();
        is_over.then_some(())
    });
    started.is_stopped(command)
}

fn goes_on(started: &Started, command: c_int) -> bool {
    started.send(libc::SIGCONT);
    started.wait("the command goes on", || (!started.is_stopped(command)).then_some(()));
    started.wait("it gets what waited", || started.world.exists("last").then_some(()));
    !started.is_stopped(started.init())
}

fn stops_and_goes_on(stage: &Stage, signal: c_int) -> bool {
    let Some((started, command)) = stopped(stage, signal) else { return false };
    // Before it stops itself it would not be continued.
    started.rests();
    goes_on(&started, command)
}

fn stops_too(stage: &Stage, signal: c_int) -> bool {
    let Some((started, command)) = stopped(stage, signal) else { return false };
    !started.stays() && started.is_stopped(started.init()) && goes_on(&started, command)
}

fn reaches_group(stage: &Stage) -> bool {
    let script = "\"$LISTENER\" 64 >child & exec \"$LISTENER\" 64 >said";
    let started = stage.start(&[], &[], &["sh", "-c", script]);
    let [child, ..] = started.named("child");
    started.named("said");
    started.send(libc::SIGUSR1);
    started.send(LAST);
    assert!(started.tells(LAST, 1), "{}", started.what);
    // Whatever else it was sent, it has before this.
    started.send_to(child, libc::SIGURG);
    started.wait("the child tells", || started.told("child").contains(&libc::SIGURG).then_some(()));
    started.told("child").contains(&libc::SIGUSR1)
}

fn ends_the_rest(stage: &Stage) -> bool {
    let started = stage.sh("\"$LISTENER\" 64 >said & until [ -s said ]; do :; done; exit 7");
    let [rest, ..] = started.named("said");
    assert_eq!(started.status(), 7, "{}", started.what);
    started.send_to(rest, libc::SIGURG);
    started.wait("the rest tells", || started.told("said").contains(&libc::SIGURG).then_some(()));
    started.told("said").contains(&libc::SIGTERM)
}

/// The launch, and one of the orphans that were reaped.
fn reaps(stage: &Stage) -> Option<(Started, c_int)> {
    let script = "for n in 1 2 3 4 5 6 7 8; do (sleep 1000 & echo $! >>pids); done; echo >said; exec sleep 1000";
    let started = stage.sh(script);
    started.written("said");
    let orphans: Vec<c_int> = started.text("pids").lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(orphans.len(), 8);
    let init = started.init().to_string();
    if !orphans.iter().all(|&orphan| started.stat(orphan).is_some_and(|stat| stat[1] == init)) {
        return None;
    }
    for &orphan in &orphans {
        started.send_to(orphan, libc::SIGKILL);
    }
    started.wait("they are reaped", || orphans.iter().all(|&orphan| started.stat(orphan).is_none()).then_some(()));
    assert_eq!(started.end(), None, "the command still runs: {}", started.what);
    Some((started, orphans[0]))
}

fn refuses(stage: &Stage) -> bool {
    let started = stage.sh("echo >ran");
    started.status() != 0 && !started.world.exists("ran")
}

fn says(stage: &Stage, word: &str) -> bool {
    let started = stage.start(&[], &[], &[]);
    started.status() == 0 && format!("{}{}", started.output(), started.errors()).contains(word)
}

fn has_terminal(started: &Started) -> bool {
    let [command, ..] = started.named("said");
    let stat = started.stat(command).unwrap();
    stat[5] == stat[2]
}

/// Once, and no second time from the init that may have got it too.
fn reaches_once(started: &Started, signal: c_int) -> bool {
    let told = || started.told("said").into_iter().filter(|&told| told == signal).count();
    started.wait("the signal comes", || (told() > 0 || started.end().is_some()).then_some(()));
    started.rests();
    started.send(LAST);
    started.tells(LAST, 1) && told() == 1
}

fn read_link(started: &Started, file: &str) -> Option<PathBuf> {
    fs::read_link(started.process(started.init(), file)?).ok()
}

/// One of the sets of signals in a status file.
fn mask(status: &str, name: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix(name))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

fn set(signals: &[c_int]) -> u64 {
    signals.iter().fold(0, |set, signal| set | 1 << (signal - 1))
}
