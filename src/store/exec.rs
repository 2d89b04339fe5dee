//! A helper program in the summon provider convention: the path is its last argument, the value
//! what it writes to standard output.
//!
//! Each request is one helper in a session of its own, without a terminal; when the request ends,
//! in whatever way, all of the helper's process group is killed. One thread waits for all of them
//! with poll: no runtime, no thread, no socket.

use super::buffer::{Buffer, LONGEST};
use super::{Access, Caps, Context, Form, Kind, Look, Pending, Request, Settings, Store, StoreError, ready};
use crate::failure::{cause, words};
use crate::reference::Address;
use crate::sys::{process, signals};
use crate::template::Value;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) static KIND: Kind = Kind {
    name: "exec",
    about: "a helper program: the path as argument, the value on standard output",
    caps: Caps { versions: false, network: false, random: false },
    settings: &[("command", Form::List), ("env", Form::List)],
    credential_variables: &[],
    without_settings: |_| false,
    ambient: None,
    check,
    open,
    manage: None,
};

/// The signals that end us and, with us, the helpers.
const ENDING: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];

/// Helpers that run at the same time.
const AT_ONCE: usize = 8;

/// How long a helper that closed its output may have ended unnoticed, should another thread have
/// taken the SIGCHLD.
const PATIENCE: Duration = Duration::from_millis(50);

fn check(address: &Address, settings: &Settings) -> Result<(), String> {
    command(settings)?;
    match &*address.path {
        "" => Err("the helper's argument is missing".into()),
        path if path.starts_with('-') => Err("the helper would take a path that begins with `-` for an option".into()),
        path if path.contains('\0') => Err("an argument has no NUL".into()),
        _ => Ok(()),
    }
}

/// The program and its first arguments.
fn command(settings: &Settings) -> Result<(&String, &[String]), String> {
    let command = settings.list("command").and_then(<[String]>::split_first);
    command.ok_or_else(|| "an `exec` store needs `command`, a list: the helper program and its arguments".into())
}

fn open(settings: &Settings, context: &Context<'_>) -> Result<Box<dyn Store>, StoreError> {
    let (program, arguments) = command(settings).map_err(StoreError::Settings)?;
    let passed_on = settings.list("env");
    let is_passed_on = |name: &[u8]| passed_on.is_none_or(|names| names.iter().any(|other| other.as_bytes() == name));
    let environ = context.environ.iter().filter_map(|(name, value, _)| Some((name, value?)));
    Ok(Box::new(Exec {
        program: program.clone(),
        arguments: arguments.to_vec(),
        environ: environ
            .filter(|(name, _)| is_passed_on(name))
            .map(|(name, value)| (OsStr::from_bytes(name), OsStr::from_bytes(value)))
            .collect(),
        deadline: context.deadline,
    }))
}

struct Exec {
    program: String,
    arguments: Vec<String>,
    environ: Vec<(&'static OsStr, &'static OsStr)>,
    deadline: Instant,
}

impl Store for Exec {
    fn resolve<'a>(&'a self, requests: &'a mut [Request]) -> Pending<'a> {
        ready(self.answer(requests))
    }

    /// A helper can only be asked for the value, and nothing is started to look.
    fn look<'a>(&'a self, looks: &'a mut [Look]) -> Pending<'a> {
        for look in looks {
            let why = format!("`{}` can only be asked for the value itself", self.program);
            look.answer = Some(Ok(Access::Unknown(why)));
        }
        ready(Ok(()))
    }
}

impl Exec {
    fn answer(&self, requests: &mut [Request]) -> Result<(), StoreError> {
        let signals = Signals::hold().map_err(|errno| self.cannot("wait", &words(errno)))?;
        let mut waiting = requests.iter_mut();
        let mut running: Vec<Helper<'_>> = Vec::with_capacity(AT_ONCE);
        loop {
            if Instant::now() >= self.deadline {
                for request in running.iter_mut().map(|helper| &mut *helper.request).chain(waiting) {
                    let text = format!("`{}` has not finished; --timeout allows more time", self.program);
                    request.answer = Some(Err(StoreError::TimedOut(text)));
                }
                return Ok(());
            }
            for request in waiting.by_ref().take(AT_ONCE - running.len()) {
                running.push(self.start(request, &signals)?);
            }
            if running.is_empty() {
                return Ok(());
            }
            self.wait(&running, &signals).map_err(|errno| self.cannot("wait", &words(errno)))?;
            if let Some(signal) = signals.ending() {
                drop(running);
                drop(signals);
                signals::die_of(signal as i32);
            }
            running.retain_mut(|helper| {
                helper.request.answer = self.advance(helper);
                helper.request.answer.is_none()
            });
        }
    }

    fn start<'r>(&self, request: &'r mut Request, signals: &Signals) -> Result<Helper<'r>, StoreError> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .arg(&*request.address.path)
            .env_clear()
            // The first entry of a name counts, as for getenv; of those given here the last one does.
            .envs(self.environ.iter().rev().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        process::detach(&mut command, signals.inherited_mask, signals.inherited_ignored);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound if !self.program.contains('/') => {
                self.cannot("start", "it is not in the PATH it is given")
            }
            _ if error.raw_os_error().is_none() => self.cannot("start", "it has a NUL in it"),
            _ => self.cannot("start", &cause(&error)),
        })?;
        let output = child.stdout.take();
        let helper = Helper { child, output, value: Buffer::new(4095), request };
        if let Some(output) = &helper.output {
            fcntl(output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|errno| self.cannot("read", &words(errno)))?;
        }
        Ok(helper)
    }

    /// Until a helper has something to say, a signal came or the time is over.
    fn wait(&self, running: &[Helper<'_>], signals: &Signals) -> Result<(), Errno> {
        let outputs = running.iter().filter_map(|helper| Some(helper.output.as_ref()?.as_fd()));
        let watched = std::iter::once(signals.queue.as_fd()).chain(outputs);
        let mut watched: Vec<PollFd<'_>> = watched.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let mut left = self.deadline.saturating_duration_since(Instant::now());
        if running.iter().any(|helper| helper.output.is_none()) {
            left = left.min(PATIENCE);
        }
        // Rounded up: to wait for less than a millisecond would be not to wait at all.
        let left = PollTimeout::try_from(left.saturating_add(Duration::from_millis(1))).unwrap_or(PollTimeout::MAX);
        match poll(&mut watched, left) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Reads what has come; the answer, once there is one.
    fn advance(&self, helper: &mut Helper<'_>) -> Option<Result<Value, StoreError>> {
        while let Some(output) = &mut helper.output {
            match helper.value.read_from(output) {
                Ok(0) => helper.output = None,
                Ok(_) => {}
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return None,
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::FileTooLarge => {
                        let text = format!("`{}` wrote more than {LONGEST} bytes", self.program);
                        return Some(Err(StoreError::TooBig(text)));
                    }
                    _ => return Some(Err(self.failed("could not be read"))),
                },
            }
        }
        // It is left unreaped: as long as it has its number, no other group can have it.
        match waitid(Id::Pid(helper.pid()), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT) {
            Ok(WaitStatus::StillAlive) => None,
            Ok(WaitStatus::Exited(_, 0)) => {
                let value = std::mem::replace(&mut helper.value, Buffer::new(0));
                Some(Ok(Value::Bytes(value.into_secret_line())))
            }
            Ok(WaitStatus::Exited(_, status)) => Some(Err(self.failed(&format!("exited with status {status}")))),
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                Some(Err(self.failed(&format!("killed by signal {}", signal as i32))))
            }
            // A real-time signal, which has no name.
            _ => Some(Err(self.failed("killed by a signal"))),
        }
    }

    fn failed(&self, how: &str) -> StoreError {
        StoreError::Unavailable(format!("`{}` {how}", self.program))
    }

    fn cannot(&self, what: &str, why: &str) -> StoreError {
        StoreError::Unavailable(format!("cannot {what} `{}`: {why}", self.program))
    }
}

/// A helper on its way. However that ends, nothing of its process group outlives this.
struct Helper<'r> {
    child: Child,
    /// None: it has closed it.
    output: Option<ChildStdout>,
    value: Buffer,
    request: &'r mut Request,
}

impl Helper<'_> {
    /// Also the number of its process group.
    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

impl Drop for Helper<'_> {
    fn drop(&mut self) {
        let group = self.pid();
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
        // What it leaves behind becomes ours where we are PID 1, and would stay a zombie.
        while !matches!(waitpid(Pid::from_raw(-group.as_raw()), None), Err(Errno::ECHILD)) {}
    }
}

/// While this lives, [`ENDING`] and SIGCHLD are read from a queue, so that no helper is left running
/// because we are gone.
struct Signals {
    queue: SignalFd,
    inherited_mask: SigSet,
    /// What std resets in a new process (SIGPIPE), and we in this one (SIGCHLD): with it ignored,
    /// the kernel would reap the helpers and their status be lost.
    inherited_ignored: SigSet,
}

impl Signals {
    fn hold() -> Result<Self, Errno> {
        let mut held = SigSet::empty();
        for signal in ENDING {
            if !process::is_ignored(signal) {
                held.add(signal);
            }
        }
        held.add(Signal::SIGCHLD);
        let queue = SignalFd::with_flags(&held, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let inherited_ignored = [Signal::SIGPIPE, Signal::SIGCHLD].into_iter().filter(|&on| process::is_ignored(on));
        let inherited_ignored = inherited_ignored.collect();
        let inherited_mask = held.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let signals = Self { queue, inherited_mask, inherited_ignored };
        process::set_default(Signal::SIGCHLD)?;
        Ok(signals)
    }

    /// A signal that came to end us.
    fn ending(&self) -> Option<Signal> {
        while let Ok(Some(arrived)) = self.queue.read_signal() {
            match Signal::try_from(arrived.ssi_signo.cast_signed()) {
                Ok(Signal::SIGCHLD) | Err(_) => {}
                Ok(signal) => return Some(signal),
            }
        }
        None
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        if self.inherited_ignored.contains(Signal::SIGCHLD) {
            let _ = process::ignore(Signal::SIGCHLD);
        }
        let _ = self.inherited_mask.thread_set_mask();
    }
}

#[cfg(test)]
pub(crate) fn fixture() -> super::contract::Fixture {
    use super::contract::{Double, Fixture, Home};
    use crate::environ::Environ;

    Fixture {
        carries: |_| true,
        tells_absence: false,
        seed: |secrets| {
            let home = Home::new();
            for (name, value) in secrets {
                // One newline is removed, so a value that ends in one is written with another.
                let newline: &[u8] = if value.ends_with(b"\n") { b"\n" } else { b"" };
                std::fs::write(home.path().join(name), [value, newline].concat()).unwrap();
            }
            // What a failing helper writes must not come out anywhere.
            let script = r#"cd "$1" && cat "$2" || { cat plain; cat plain >&2; exit 9; }"#;
            let command = ["/bin/sh", "-c", script, "helper", home.path().to_str().unwrap()];
            Double::open(&KIND, tests::settings(&command), &Environ::of(["PATH=/bin:/usr/bin"]), Some(home))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Setting;
    use super::super::contract::{Answer, Home, answers, request};
    use super::*;
    use crate::environ::Environ;
    use std::fs;
    use std::os::unix::process::ExitStatusExt as _;
    use std::path::Path;

    pub(super) fn settings(command: &[&str]) -> Settings {
        let mut settings = Settings::default();
        settings.set("command", Setting::List(command.iter().map(|&part| part.into()).collect()));
        settings
    }

    /// A store whose helper is a shell script; the path is its `$1`.
    fn shell(script: &str, patience: Duration) -> Exec {
        Exec {
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into(), "helper".into()],
            environ: vec![(OsStr::new("PATH"), OsStr::new("/bin:/usr/bin"))],
            deadline: Instant::now() + patience,
        }
    }

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(300);

    fn says(script: &str) -> Answer {
        answers(&shell(script, LONG), &["path"]).pop().unwrap()
    }

    fn value(text: &str) -> Answer {
        Some(Ok(text.as_bytes().to_vec()))
    }

    fn failure(text: &str) -> Answer {
        Some(Err(StoreError::Unavailable(text.into())))
    }

    /// Waits for what has to come true, and fails if it does not.
    fn eventually(what: &str, is_true: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_true() {
            assert!(begun.elapsed() < LONG, "never: {what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Dead, though perhaps not yet reaped by whose child it became.
    fn is_gone(pid: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        stat.rsplit(')').next().is_none_or(|rest| rest.is_empty() || rest.starts_with(" Z"))
    }

    #[test]
    fn a_path_that_would_be_an_option_or_nothing_is_refused() {
        let says = |path| check(&request(path).address, &settings(&["pass"]));
        for good in ["db/password", "a b", "$(touch x)", "a-b"] {
            assert!(says(good).is_ok(), "{good}");
        }
        for bad in ["", "-", "-v", "--help", "a\0b"] {
            assert!(says(bad).is_err(), "{bad:?}");
        }
        for nothing in [Settings::default(), settings(&[])] {
            assert!(check(&request("a").address, &nothing).unwrap_err().contains("`command`"));
        }
    }

    #[test]
    fn the_path_is_the_last_argument_and_no_shell_reads_it() {
        let store = shell(r#"printf '%s|' "$@""#, LONG);
        assert_eq!(answers(&store, &["a $(b) 'c'"]), [value("a $(b) 'c'|")]);
    }

    #[test]
    fn one_newline_is_removed_and_no_more() {
        assert_eq!(says(r"printf 'a\n\n'"), value("a\n"));
        assert_eq!(says(r"printf '\na'"), value("\na"));
        assert_eq!(says("true"), value(""));
    }

    #[test]
    fn a_failure_shows_the_status_and_nothing_that_was_written() {
        assert_eq!(says("echo secret; echo secret >&2; exit 3"), failure("`sh` exited with status 3"));
        assert_eq!(says("echo secret; kill -9 $$"), failure("`sh` killed by signal 9"));
        assert_eq!(says("kill -35 $$"), failure("`sh` killed by a signal"));
    }

    #[test]
    fn a_helper_that_cannot_be_started_is_named() {
        for (program, why) in [
            ("no-such-helper", "it is not in the PATH it is given"),
            ("/no/such/helper", "No such file or directory"),
            ("/", "Permission denied"),
            ("a\0b", "it has a NUL in it"),
        ] {
            let store = Exec { program: program.into(), ..shell("", LONG) };
            let failed = store.answer(&mut [request("a"), request("b")]).unwrap_err();
            assert_eq!(failed, StoreError::Unavailable(format!("cannot start `{program}`: {why}")));
        }
    }

    #[test]
    fn a_helper_has_a_session_of_its_own_no_input_and_no_terminal() {
        let Some(Ok(answer)) = says("read line && exit 1; echo $$; cat /proc/$$/stat") else { panic!() };
        let text = String::from_utf8(answer).unwrap();
        let (pid, stat) = text.split_once('\n').unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let [_state, _parent, group, session, terminal, ..] = fields[..] else { panic!("{stat}") };
        assert_eq!([group, session, terminal], [pid, pid, "0"]);
    }

    #[test]
    fn a_helper_has_the_signals_that_we_were_given() {
        let lines = |status: &str| -> Vec<String> {
            status
                .lines()
                .filter(|line| line.starts_with("SigBlk") || line.starts_with("SigIgn"))
                .map(Into::into)
                .collect()
        };
        let store = Exec { program: "cat".into(), arguments: Vec::new(), ..shell("", LONG) };
        let before = fs::read_to_string("/proc/thread-self/status").unwrap();
        let Some(Ok(helper)) = answers(&store, &["/proc/self/status"]).pop().unwrap() else { panic!() };
        let after = fs::read_to_string("/proc/thread-self/status").unwrap();
        assert_eq!(lines(&before).len(), 2);
        assert_eq!(lines(str::from_utf8(&helper).unwrap()), lines(&before));
        assert_eq!(lines(&after), lines(&before));
    }

    #[test]
    fn only_the_variables_named_are_passed_on() {
        let environ = Environ::of(["PATH=/bin:/usr/bin", "A=1", "A=2", "TOKEN=t", "BARE"]);
        let context = Context::new(&environ, Instant::now() + LONG, 0);
        let command = ["sh", "-c", r#"echo "$A,${TOKEN-unset}""#];
        let mut some = settings(&command);
        some.set("env", Setting::List(vec!["A".into(), "PATH".into(), "MISSING".into()]));
        for (settings, expected) in [(settings(&command), "1,t"), (some, "1,unset")] {
            let store = open(&settings, &context).unwrap();
            assert_eq!(answers(&*store, &["x"]), [value(expected)]);
        }
    }

    #[test]
    fn a_mebibyte_passes_and_one_byte_more_does_not() {
        let Some(Ok(answer)) = says(&format!("head -c {LONGEST} /dev/zero")) else { panic!() };
        assert_eq!(answer.len(), LONGEST);
        assert!(matches!(says("yes"), Some(Err(StoreError::TooBig(_)))));
    }

    #[test]
    fn eight_helpers_run_at_once_and_never_more() {
        let home = Home::new();
        // Each waits until it has seen eight in all, then says how many run beside it.
        let script = format!(
            r#"cd {0} && touch seen.$1 run.$1 && until [ $(ls seen.* | wc -l) -ge {AT_ONCE} ]; do sleep 0.02; done
               ls run.* | wc -l; rm run.$1"#,
            home.path().display()
        );
        let paths: Vec<String> = (0..3 * AT_ONCE).map(|path| path.to_string()).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        for answer in answers(&shell(&script, LONG), &paths) {
            let Some(Ok(count)) = answer else { panic!("{answer:?}") };
            let count: usize = String::from_utf8(count).unwrap().trim().parse().unwrap();
            assert!((1..=AT_ONCE).contains(&count), "{count} at once");
        }
    }

    #[test]
    fn the_deadline_ends_every_helper_and_whatever_it_started() {
        let home = Home::new();
        let pid = home.path().join("pid");
        for script in [
            "sleep 600 & echo $! > PID; wait",           // writes nothing
            "sleep 600 & echo $! > PID",                 // is done, but its child holds the pipe
            "exec >&-; sleep 600 & echo $! > PID; wait", // has closed its output, and lives on
            "trap '' TERM HUP INT; sleep 600 & echo $! > PID; wait",
        ] {
            let store = shell(&script.replace("PID", pid.to_str().unwrap()), SHORT);
            let answer = answers(&store, &["path"]).pop().unwrap();
            assert!(matches!(answer, Some(Err(StoreError::TimedOut(_)))), "{script}: {answer:?}");
            let pid = fs::read_to_string(&pid).unwrap();
            eventually(script, || is_gone(&pid));
        }
    }

    #[test]
    fn the_deadline_is_an_answer_for_those_that_never_began_too() {
        let answers = answers(&shell("sleep 600", SHORT), &["path"; AT_ONCE + 3]);
        assert!(answers.iter().all(|answer| matches!(answer, Some(Err(StoreError::TimedOut(_))))), "{answers:?}");
    }

    #[test]
    fn what_a_helper_leaves_running_is_killed_with_it() {
        let answer = says("sleep 600 > /dev/null & echo $!");
        let Some(Ok(pid)) = answer else { panic!("{answer:?}") };
        let pid = String::from_utf8(pid).unwrap();
        eventually("the helper's child is gone", || is_gone(&pid));
    }

    /// Runs one of the tests below in a process of its own, whose signals it may have. They are
    /// blocked in all its threads, of which the test harness has more than one.
    fn alone(test: &str, home: &Path) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        process::detach(&mut command, ENDING.into_iter().collect(), SigSet::empty());
        command.args(["--exact", &format!("store::exec::tests::{test}"), "--test-threads=1", "--quiet"]);
        command.env("INJECT_TEST_ALONE", home).stdout(Stdio::null());
        command
    }

    /// The directory given to a test that runs alone.
    fn is_alone() -> Option<String> {
        std::env::var("INJECT_TEST_ALONE").ok()
    }

    #[test]
    fn a_signal_ends_the_helpers_and_us() {
        if let Some(home) = is_alone() {
            // Whoever runs the tests in a shell's background has some ignored.
            ENDING.into_iter().for_each(|signal| process::set_default(signal).unwrap());
            says(&format!("echo $$ > {home}/new && mv {home}/new {home}/pid; sleep 600"));
            panic!("the signal did not end the process");
        }
        for signal in ENDING {
            let home = Home::new();
            let mut inject = alone("a_signal_ends_the_helpers_and_us", home.path()).spawn().unwrap();
            eventually("a helper runs", || home.path().join("pid").exists());
            nix::sys::signal::kill(Pid::from_raw(inject.id().cast_signed()), signal).unwrap();
            assert_eq!(inject.wait().unwrap().signal(), Some(signal as i32));
            let helper = fs::read_to_string(home.path().join("pid")).unwrap();
            eventually("the helper is gone", || is_gone(&helper));
        }
    }

    #[test]
    fn a_signal_that_we_were_told_to_ignore_ends_nothing() {
        if is_alone().is_some() {
            process::ignore(Signal::SIGHUP).unwrap();
            assert_eq!(says("kill -HUP $PPID $$; echo alive"), value("alive"));
            return;
        }
        let home = Home::new();
        assert!(alone("a_signal_that_we_were_told_to_ignore_ends_nothing", home.path()).status().unwrap().success());
    }

    #[test]
    fn statuses_arrive_although_sigchld_was_ignored() {
        if is_alone().is_some() {
            process::ignore(Signal::SIGCHLD).unwrap();
            assert_eq!(says("exit 3"), failure("`sh` exited with status 3"));
            assert_eq!(says("echo value"), value("value"));
            assert!(process::is_ignored(Signal::SIGCHLD));
            return;
        }
        let home = Home::new();
        assert!(alone("statuses_arrive_although_sigchld_was_ignored", home.path()).status().unwrap().success());
    }
}
