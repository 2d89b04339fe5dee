//! Conformance of inits: what the tests of tini, dumb-init and catatonit ask of theirs, asked of each of
//! the three and of `inject`; as PID 1 of a PID namespace, as a shell's job on a terminal, and as a
//! subreaper. What comes out is the table tests/inits.md, which INJECT_WRITE_TABLE=1 writes anew.
//!
//! Whatever is started here lives in a PID namespace of its own and ends with its test. No verdict hangs
//! on a time: where something is not to happen, something that comes after it is waited for.

mod cases;

use crate::harness::{PROGRAM, World, compiled};
use crate::{Running, need_root, tool};
use nix::fcntl::OFlag;
use nix::libc::{self, c_int};
use nix::pty::{Winsize, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::unistd::Pid;
use std::cell::{OnceCell, RefCell};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How an init is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// As the first process of a PID namespace, without a terminal.
    First,
    /// As a process group of its own in the foreground of a terminal, whose session's leader waits for it.
    Job,
    /// As a child subreaper, without a terminal.
    Subreaper,
}

const WAYS: [Way; 3] = [Way::First, Way::Job, Way::Subreaper];

/// What an init is told for a case.
#[derive(Clone, Copy, Debug)]
enum Need {
    Nothing,
    /// Take on orphans where it is not PID 1.
    Adopt,
    /// Signals go to the command's process group.
    Group,
    GroupByVariable,
    /// Signals go to the command alone.
    Single,
    /// `FROM:TO` by numbers.
    Rewrite(&'static [&'static str]),
    /// 143 becomes 0.
    Map,
    /// SIGUSR1 when the parent dies.
    ParentDeath,
    /// What the command leaves gets SIGTERM.
    EndTheRest,
    TellReaped,
    WarnOfOrphans,
    Verbose,
    Help,
    Version,
}

struct Init {
    name: &'static str,
    program: fn() -> &'static str,
    /// Words in front of the command, behind `NAME=VALUE` for its environment. None: it has no such option.
    options: fn(Need) -> Option<Vec<&'static str>>,
}

const INITS: [Init; 4] = [
    Init {
        name: "inject",
        program: || PROGRAM,
        options: |need| {
            let mut words = vec!["--mode", "supervise", "-q"];
            match need {
                Need::Nothing | Need::Adopt | Need::Single => {}
                Need::Group => words.push("--group"),
                Need::GroupByVariable => words.insert(0, "INJECT_GROUP=1"),
                Need::Rewrite(pairs) => words.extend(pairs.iter().flat_map(|pair| ["--rewrite-signal", pair])),
                Need::Map => words.extend(["--exit-map", "143:0"]),
                Need::ParentDeath => words.extend(["--parent-death-signal", "USR1"]),
                Need::Verbose => return Some(vec!["--mode", "supervise", "-v"]),
                Need::Help => words.push("--help"),
                Need::Version => words.push("--version"),
                Need::EndTheRest | Need::TellReaped | Need::WarnOfOrphans => return None,
            }
            Some(words)
        },
    },
    Init {
        name: "tini",
        program: || tool("tini", "tini"),
        options: |need| match need {
            Need::Nothing | Need::Single | Need::WarnOfOrphans => Some(vec![]),
            Need::Adopt => Some(vec!["-s"]),
            Need::Group => Some(vec!["-g"]),
            Need::GroupByVariable => Some(vec!["TINI_KILL_PROCESS_GROUP=1"]),
            Need::Map => Some(vec!["-e", "143"]),
            Need::ParentDeath => Some(vec!["-p", "SIGUSR1"]),
            Need::TellReaped => Some(vec!["-w"]),
            Need::Verbose => Some(vec!["-vvv"]),
            Need::Help => Some(vec!["-h"]),
            Need::Version => Some(vec!["--version"]),
            Need::Rewrite(_) | Need::EndTheRest => None,
        },
    },
    Init {
        name: "dumb-init",
        program: || tool("dumb-init", "dumb-init"),
        options: |need| match need {
            Need::Nothing | Need::Group | Need::EndTheRest => Some(vec![]),
            Need::GroupByVariable => Some(vec!["DUMB_INIT_SETSID=1"]),
            Need::Single => Some(vec!["--single-child"]),
            Need::Rewrite(pairs) => Some(pairs.iter().flat_map(|pair| ["--rewrite", pair]).collect()),
            Need::TellReaped | Need::Verbose => Some(vec!["--verbose"]),
            Need::Help => Some(vec!["--help"]),
            Need::Version => Some(vec!["--version"]),
            Need::Adopt | Need::Map | Need::ParentDeath | Need::WarnOfOrphans => None,
        },
    },
    Init {
        name: "catatonit",
        program: || tool("catatonit", "catatonit"),
        options: |need| match need {
            Need::Nothing | Need::Adopt | Need::Single => Some(vec![]),
            Need::Group => Some(vec!["-g"]),
            Need::TellReaped | Need::Verbose => Some(vec!["CATATONIT_DEBUG=1"]),
            Need::Help => Some(vec!["-h"]),
            Need::Version => Some(vec!["--version"]),
            Need::GroupByVariable
            | Need::Rewrite(_)
            | Need::Map
            | Need::ParentDeath
            | Need::EndTheRest
            | Need::WarnOfOrphans => None,
        },
    },
];

struct Case {
    /// The behaviour, as the table says it.
    what: &'static str,
    ways: &'static [Way],
    need: Need,
    /// Whether the init behaves so. A doubt is a panic, never a verdict.
    is_so: fn(&Stage) -> bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Yes,
    No,
    NoOption,
    NotApplicable,
}

impl Verdict {
    fn of(case: &Case, init: &Init, way: Way) -> Self {
        if !case.ways.contains(&way) {
            return Self::NotApplicable;
        }
        let need = match case.need {
            // There it is so, or was made so.
            Need::Adopt if way != Way::Job => Need::Nothing,
            need => need,
        };
        let Some(words) = (init.options)(need) else { return Self::NoOption };
        let stage = Stage { case, init, way, words };
        if (case.is_so)(&stage) { Self::Yes } else { Self::No }
    }

    fn mark(self) -> char {
        match self {
            Self::Yes => '✓',
            Self::No => '✗',
            Self::NoOption => '–',
            Self::NotApplicable => '·',
        }
    }
}

#[test]
fn each_init_behaves_as_the_table_says_and_inject_as_it_should() {
    need_root();
    let cases: Vec<Case> = cases::all();
    let cells: Vec<(usize, usize, Way)> = (0..cases.len())
        .flat_map(|case| (0..INITS.len()).flat_map(move |init| WAYS.map(|way| (case, init, way))))
        .collect();
    let verdicts: Vec<Mutex<Option<Verdict>>> = cells.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    // They wait more than they compute.
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some(&(case, init, way)) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let at = (case * INITS.len() + init) * WAYS.len() + way as usize;
                    *verdicts[at].lock().unwrap() = Some(Verdict::of(&cases[case], &INITS[init], way));
                }
            });
        }
    });
    let verdicts: Vec<Verdict> = verdicts.into_iter().map(|verdict| verdict.into_inner().unwrap().unwrap()).collect();

    let table = table(&cases, &verdicts);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inits.md");
    if std::env::var_os("INJECT_WRITE_TABLE").is_some() {
        fs::write(&path, &table).unwrap();
    }
    let failing: Vec<_> = cells
        .iter()
        .zip(&verdicts)
        .filter(|((_, init, _), verdict)| INITS[*init].name == "inject" && **verdict == Verdict::No)
        .map(|((case, _, way), _)| format!("{way:?}: {}", cases[*case].what))
        .collect();
    assert!(failing.is_empty(), "inject fails: {failing:#?}");
    let written = fs::read_to_string(&path).unwrap_or_default();
    let changed: Vec<_> = table.lines().filter(|line| !written.lines().any(|written| written == *line)).collect();
    assert!(table == written, "tests/inits.md says otherwise; INJECT_WRITE_TABLE=1 writes it anew: {changed:#?}");
}

const INTRODUCTION: &str = "\
# Inits side by side

What the tests of tini, dumb-init and catatonit ask of theirs, asked of all three, as Debian has them, and of
`inject --mode supervise`, each with the option of its own where it needs one. `tests/system/inits.rs` runs it:

    cargo test --test system inits

With `INJECT_WRITE_TABLE=1` in its environment it writes this file anew. The marks of a cell are of three runs: as
PID 1 of a PID namespace, as a shell's job on a terminal, as a subreaper without one. ✓ it does so, ✗ it does not,
– it has no option for it, · it does not apply.

`inject` can take on orphans anywhere, so it has nothing to warn of; it does so silently, and leaves alone what
outlives its command.

";

fn table(cases: &[Case], verdicts: &[Verdict]) -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut row = |first: &str, cells: &[String]| writeln!(text, "| {first} | {} |", cells.join(" | ")).unwrap();
    row("behaviour", &INITS.each_ref().map(|init| format!("{} {}", init.name, version(init)).trim_end().to_owned()));
    row("---", &INITS.each_ref().map(|_| "---".to_owned()));
    for (case, verdicts) in cases.iter().zip(verdicts.chunks(INITS.len() * WAYS.len())) {
        let marks =
            |verdicts: &[Verdict]| verdicts.iter().map(|verdict| verdict.mark().to_string()).collect::<Vec<_>>();
        let cells: Vec<_> = verdicts.chunks(WAYS.len()).map(|verdicts| marks(verdicts).join(" ")).collect();
        row(case.what, &cells);
    }
    text
}

/// Of the others, so that a table of other versions is seen to be one.
fn version(init: &Init) -> String {
    if init.name == "inject" {
        return String::new();
    }
    let said = Command::new((init.program)()).arg("--version").output().unwrap();
    let said = String::from_utf8([said.stdout, said.stderr].concat()).unwrap();
    let number = said.split_whitespace().map(|word| word.trim_start_matches('v')).find(|word| {
        let mut bytes = word.bytes();
        bytes.next().is_some_and(|byte| byte.is_ascii_digit())
    });
    number.unwrap().split('_').next().unwrap().to_owned()
}

/// One init, one way, one case.
struct Stage<'a> {
    case: &'a Case,
    init: &'a Init,
    way: Way,
    words: Vec<&'static str>,
}

impl Stage<'_> {
    /// A program that tells in the file `said` each signal it gets; the last ends it.
    fn listening(&self) -> Started {
        self.listening_with(&[])
    }

    fn listening_with(&self, settings: &[&str]) -> Started {
        let started = self.start(settings, &[], &["sh", "-c", "exec \"$LISTENER\" 64 >said"]);
        started.named("said");
        started
    }

    fn sh(&self, script: &str) -> Started {
        self.start(&[], &[], &["sh", "-c", script])
    }

    /// With settings of fixtures/bin/starter.c, and words that start the init in turn. Without a command
    /// the init gets none.
    fn start(&self, settings: &[&str], starting: &[&str], command: &[&str]) -> Started {
        let world = World::new();
        let (variables, options): (Vec<&str>, Vec<&str>) =
            self.words.iter().partition(|word| !word.starts_with('-') && word.contains('='));
        let mut unshare = Command::new(tool("unshare", "util-linux"));
        unshare.args(["--fork", "--pid", "--kill-child", "--mount-proc"]).arg(compiled("starter"));
        unshare.args(match self.way {
            Way::First => &[][..],
            Way::Job if settings.contains(&"leader") => &["stay"],
            Way::Job => &["stay", "job"],
            Way::Subreaper => &["stay", "subreaper"],
        });
        unshare.args(settings).arg("--").args(starting).arg((self.init.program)()).args(options);
        if !command.is_empty() {
            unshare.arg("--").args(command);
        }
        unshare.current_dir(world.path("")).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", world.path(""));
        unshare.envs(variables.iter().filter_map(|variable| variable.split_once('=')));
        unshare.env("LISTENER", compiled("signals")).env("LC_ALL", "C").process_group(0);
        let screen = match self.way {
            Way::Job => {
                let (screen, terminal) = Screen::new();
                let copy = || terminal.try_clone().unwrap();
                unshare.stdin(copy()).stdout(copy()).stderr(copy());
                Some(screen)
            }
            Way::First | Way::Subreaper => {
                let file = |name| File::create(world.path(name)).unwrap();
                unshare.stdin(Stdio::null()).stdout(file("out")).stderr(file("err"));
                None
            }
        };
        let unshare = Running(unshare.spawn().unwrap());
        let what = format!("{} {:?}: {}", self.init.name, self.way, self.case.what);
        Started { unshare: RefCell::new(unshare), first: OnceCell::new(), world, way: self.way, what, screen }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Exited(c_int),
    Killed(c_int),
}

/// A launch that runs. Processes have their numbers inside, where not said otherwise.
struct Started {
    unshare: RefCell<Running>,
    first: OnceCell<Pid>,
    world: World,
    way: Way,
    what: String,
    screen: Option<Screen>,
}

impl Started {
    /// Waits until there is an answer.
    #[track_caller]
    fn wait<T>(&self, what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(answer) = answer() {
                return answer;
            }
            let told = || format!("{:?}, {:?}, {:?}", self.text("log"), self.text("said"), self.errors());
            assert!(begun.elapsed() < Duration::from_secs(60), "{}: {what}: {}", self.what, told());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// A file of the world, as far as its lines are complete.
    fn text(&self, file: &str) -> String {
        let text = fs::read_to_string(self.world.path(file)).unwrap_or_default();
        text.rfind('\n').map_or("", |end| &text[..=end]).to_owned()
    }

    /// A file, once it has a line.
    fn written(&self, file: &str) -> String {
        self.wait("a file has something", || Some(self.text(file)).filter(|text| !text.is_empty()))
    }

    /// What was said on standard error; on a terminal that is all there is.
    fn errors(&self) -> String {
        self.screen.as_ref().map_or_else(|| self.text("err"), Screen::text)
    }

    /// Standard output, likewise.
    fn output(&self) -> String {
        self.screen.as_ref().map_or_else(|| self.text("out"), Screen::text)
    }

    /// What has become of the init, if it has ended.
    fn end(&self) -> Option<End> {
        if self.way == Way::First {
            let status = self.unshare.borrow_mut().0.try_wait().unwrap()?;
            return Some(End::Exited(status.code().unwrap()));
        }
        self.logged("exited").map(End::Exited).or_else(|| self.logged("killed").map(End::Killed))
    }

    fn logged(&self, what: &str) -> Option<c_int> {
        self.text("log").lines().find_map(|line| line.strip_prefix(what)?.trim().parse().ok())
    }

    /// Its status, as a shell has it; all that it said is there then.
    fn status(&self) -> c_int {
        if let Some(screen) = &self.screen {
            self.wait("it ends, and all is shown", || screen.has_all().then_some(()));
        }
        match self.wait("it ends", || self.end()) {
            End::Exited(status) => status,
            End::Killed(signal) => 128 + signal,
        }
    }

    /// PID 1 as it is seen from outside, unless it has ended.
    fn first(&self) -> Option<Pid> {
        let first = self.wait("there is a PID 1", || {
            let first = self.first.get().copied().or_else(|| children(self.unshare.borrow().pid()).pop());
            (first.is_some() || self.unshare.borrow_mut().0.try_wait().unwrap().is_some()).then_some(first)
        })?;
        Some(*self.first.get_or_init(|| first))
    }

    /// The init, from inside.
    fn init(&self) -> c_int {
        if self.way == Way::First { 1 } else { self.wait("it is started", || self.logged("started")) }
    }

    /// The number that a process has outside. None: there is none, and nobody left who might start it.
    fn outside(&self, inside: c_int) -> Option<Pid> {
        let is_it = |pid: &Pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
            numbers.is_some_and(|numbers| numbers.split_whitespace().last() == Some(&inside.to_string()))
        };
        self.wait("a process is there", || {
            let has_ended = self.end().is_some();
            let mut all: Vec<_> = self.first().into_iter().collect();
            let mut seen = 0;
            while let Some(pid) = all.get(seen) {
                all.extend(children(*pid));
                seen += 1;
            }
            let found = all.into_iter().find(is_it);
            (found.is_some() || has_ended).then_some(found)
        })
    }

    /// Sends a process a signal, if it is still there.
    fn send_to(&self, inside: c_int, signal: c_int) {
        if let Some(pid) = self.outside(inside) {
            send(pid, signal);
        }
    }

    fn send(&self, signal: c_int) {
        self.send_to(self.init(), signal);
    }

    /// A file of a process in /proc.
    fn process(&self, inside: c_int, file: &str) -> Option<PathBuf> {
        Some(PathBuf::from(format!("/proc/{}/root/proc/{inside}/{file}", self.first()?)))
    }

    /// The words of a process's stat file behind its name: state, parent, group, session, terminal, and
    /// the group in that terminal's foreground. None: there is no such process.
    fn stat(&self, process: c_int) -> Option<Vec<String>> {
        let stat = fs::read_to_string(self.process(process, "stat")?).ok()?;
        Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
    }

    fn is_stopped(&self, process: c_int) -> bool {
        self.stat(process).is_some_and(|stat| stat[0] == "T")
    }

    /// Number, process group and parent of a listening program.
    fn named(&self, file: &str) -> [c_int; 3] {
        let line = self.written(file);
        let numbers: Vec<_> = line.split_whitespace().filter_map(|word| word.parse().ok()).take(3).collect();
        numbers.try_into().unwrap()
    }

    /// The signals that a listening program has told so far.
    fn told(&self, file: &str) -> Vec<c_int> {
        self.text(file).lines().skip(1).map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect()
    }

    /// Waits until the command has told this signal so often. False: it never will, since one of the two
    /// has ended or the command is stopped.
    fn tells(&self, signal: c_int, times: usize) -> bool {
        let [command, ..] = self.named("said");
        let has = || self.told("said").into_iter().filter(|&told| told == signal).count() >= times;
        self.wait(&format!("signal {signal}"), || match has() {
            true => Some(true),
            false if self.end().is_some() || self.is_stopped(command) => Some(has()),
            false => None,
        })
    }

    /// Whether a process has nothing to do: it is stopped, or sleeps with no signal left to look at.
    fn is_at_rest(&self, process: c_int) -> bool {
        let read = |file| fs::read_to_string(self.process(process, file)?).ok();
        // One that is about to end has no command line any more.
        let (Some(status), Some(true)) = (read("status"), read("cmdline").map(|line| !line.is_empty())) else {
            return false;
        };
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        let pending = ["SigPnd:", "ShdPnd:"].iter().any(|name| field(name).bytes().any(|byte| byte != b'0'));
        field("State:").starts_with('T') || field("State:").starts_with('S') && !pending
    }

    fn rests(&self) {
        self.wait("the init rests", || self.is_at_rest(self.init()).then_some(()));
    }

    /// Whether it goes on waiting, and neither stops nor ends, whatever it has yet to look at.
    fn stays(&self) -> bool {
        let init = self.init();
        let switches = || {
            let status = fs::read_to_string(self.process(init, "status")?).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
            line.trim().parse::<u64>().ok()
        };
        let is_over = || self.end().is_some() || self.is_stopped(init);
        (0..2).all(|_| {
            let Some(before) = switches().filter(|_| !is_over()) else { return false };
            self.send(libc::SIGURG);
            self.wait("it looks at what there is", || match is_over() {
                true => Some(false),
                false => (switches()? > before && self.is_at_rest(init) && !is_over()).then_some(true),
            })
        })
    }
}

impl Drop for Started {
    /// PID 1 first, so that unshare(1) reaps it and nobody is left to write into the world.
    fn drop(&mut self) {
        let unshare = &mut self.unshare.get_mut().0;
        let (number, begun) = (Pid::from_raw(unshare.id().cast_signed()), Instant::now());
        while matches!(unshare.try_wait(), Ok(None)) && begun.elapsed() < Duration::from_secs(10) {
            children(number).into_iter().for_each(|first| send(first, libc::SIGKILL));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn children(parent: Pid) -> Vec<Pid> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    children.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
}

#[allow(unsafe_code)]
fn send(to: Pid, signal: c_int) {
    // Who has ended meanwhile needs none. SAFETY: the call takes two numbers.
    unsafe { libc::kill(to.as_raw(), signal) };
}

/// A terminal's other side.
struct Screen {
    master: File,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Screen {
    /// With the terminal itself.
    fn new() -> (Self, File) {
        // Closed in whatever other threads start at this moment.
        let pty = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
        grantpt(&pty).unwrap();
        unlockpt(&pty).unwrap();
        let mut options = File::options();
        options.read(true).write(true).custom_flags(libc::O_NOCTTY);
        let terminal = options.open(ptsname_r(&pty).unwrap()).unwrap();
        let master = File::from(OwnedFd::from(pty));
        let (shown, mut reader) = (Arc::new(Mutex::new(Vec::new())), master.try_clone().unwrap());
        let written = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut bytes = [0; 1024];
            // It ends with an error once nobody has the terminal.
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                written.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        (Self { master, shown }, terminal)
    }

    fn raw(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).replace("\r\n", "\n")
    }

    /// Whether the starter has said its last.
    fn has_all(&self) -> bool {
        self.raw().ends_with("ended\n")
    }

    fn text(&self) -> String {
        let text = self.raw();
        text.strip_suffix("ended\n").unwrap_or(&text).to_owned()
    }

    fn types(&self, keys: &str) {
        (&self.master).write_all(keys.as_bytes()).unwrap();
    }

    #[allow(unsafe_code)]
    fn resize(&self) {
        let size = Winsize { ws_row: 33, ws_col: 99, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the call reads the one structure.
        assert_eq!(unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }, 0);
    }
}
