//! The process that stays beside the command as its init: passes signals on, reaps what ends, hands the
//! terminal over and takes it back, and ends as the command did.
//!
//! It is split off before any secret is read, by the process that goes on as the child, reads them and
//! becomes the command; so it never holds one. What fails in the child is told by the child alone, and
//! its status is the supervisor's like any other.

use super::notify::{self, Relay};
use super::privileges;
use crate::failure::{Code, Failure, words};
use crate::plan::{Plan, Supervision};
use crate::sys::signals::{self, Arrived, Change, Ends, Mask};
use crate::sys::{self, fork, process};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::{ForkResult, Pid, chdir, getpgid, getpgrp, getpid, getsid, isatty, setpgid, tcgetpgrp, tcsetpgrp};
use std::io::{PipeReader, PipeWriter};
use std::os::fd::{AsFd, IntoRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

/// What each of the two processes gets.
pub(crate) enum Split {
    /// The parent, which is to drop all it has and run this.
    Supervisor(Box<Supervisor>),
    /// The child, which goes on, but not without its supervisor: SIGKILL cannot be passed on.
    Command(Ends),
}

/// `ends` is what the process has armed that is split.
pub(crate) fn split(plan: &mut Plan, ends: Option<&Ends>) -> Result<Split, Failure> {
    let supervisor = getpid();
    let job = Job::new(plan.supervision.group);
    let cannot = |errno: Errno| {
        let message = format!("the supervisor cannot be started: {}; --mode exec does without one", words(errno));
        Failure::new(Code::Launch, "", message)
    };
    let relay = Relay::new(&plan.passed).map_err(cannot)?;
    let inherited = Inherited::hold().map_err(cannot)?;
    let arrivals = signals::arrivals().map_err(cannot)?;
    let rewrites = !plan.supervision.rewrites.is_empty();
    let pipe = rewrites.then(std::io::pipe).transpose();
    let (before_exec, closed_by_exec) =
        pipe.map_err(|error| cannot(Errno::from_raw(error.raw_os_error().unwrap_or(0))))?.unzip();
    if supervisor.as_raw() != 1 {
        // Before there is a command that could leave orphans; children do not inherit it.
        let _ = set_child_subreaper(true);
    }
    match fork::fork() {
        Ok(ForkResult::Parent { child }) => {
            // As the command's user it may signal the command, whatever capabilities there are, and do no
            // more than that. What fails here fails in the child, too, which tells it.
            let _ = privileges::give_up(&plan.privileges, ends);
            let options = plan.supervision.clone();
            Ok(Split::Supervisor(
                Supervisor { child, job, options, arrivals, before_exec, relay, kill_at: None }.into(),
            ))
        }
        Ok(ForkResult::Child) => {
            // Stays open until exec, whoever drops what.
            closed_by_exec.map(PipeWriter::into_raw_fd);
            job.begin();
            let ends = Ends { with: supervisor, by: plan.parent_death.unwrap_or(libc::SIGKILL) };
            ends.arm();
            notify::readdress(&mut plan.passed, supervisor, relay.as_ref());
            process::end_on_signals_as_any();
            sys::lock_memory();
            inherited.give_back();
            Ok(Split::Command(ends))
        }
        Err(errno) => {
            inherited.give_back();
            Err(cannot(errno))
        }
    }
}

/// What of signals the command is to find as it was.
struct Inherited {
    blocked: Mask,
    /// With SIGCHLD ignored the kernel would reap the command, and its status be lost.
    ignores_children: bool,
}

impl Inherited {
    /// From here on no signal is lost.
    fn hold() -> nix::Result<Self> {
        let blocked = signals::hold_all()?;
        let ignores_children = process::is_ignored(Signal::SIGCHLD);
        process::set_default(Signal::SIGCHLD)?;
        Ok(Self { blocked, ignores_children })
    }

    fn give_back(self) {
        if self.ignores_children {
            let _ = process::ignore(Signal::SIGCHLD);
        }
        self.blocked.restore();
    }
}

pub(crate) struct Supervisor {
    child: Pid,
    job: Job,
    options: Supervision,
    /// Can be read while there is a signal.
    arrivals: OwnedFd,
    /// Where signals are rewritten, and can be read once the child has become the command, or has ended.
    before_exec: Option<PipeReader>,
    relay: Option<Relay>,
    /// When the command is killed that was told to end.
    kill_at: Option<Instant>,
}

impl Supervisor {
    /// Stays until the command has ended. Gives the status to end with, or ends by the command's signal.
    pub(crate) fn run(mut self) -> u8 {
        self.settle();
        let ended = self.watch();
        if let Some(relay) = &self.relay {
            // Its last words.
            while relay.pass_on(self.child) {}
        }
        if let Job::Apart { ours, terminal: Some(terminal) } = &self.job {
            give(terminal, self.child, *ours);
        }
        let (status, signal) = match ended {
            Ended::Exited(status) => (status, None),
            Ended::Killed(signal) => (128_u8.saturating_add(signal.to_le_bytes()[0]), Some(signal)),
        };
        match (self.options.exit_map.iter().find(|mapping| mapping.from == status), signal) {
            (Some(mapping), _) => mapping.to,
            (None, None) => status,
            (None, Some(signal)) => {
                // The core would be ours, not the command's.
                let _ = nix::sys::prctl::set_dumpable(false);
                signals::die_of(signal)
            }
        }
    }

    /// Gives up what was inherited: a pipe of the command's that stayed open here would never end for
    /// its reader, and a credential may stand in the environment.
    fn settle(&self) {
        if let Job::Apart { .. } = self.job {
            // The child does the same; whoever comes second changes nothing.
            let _ = setpgid(self.child, self.child);
        }
        fork::wipe_environment();
        let _ = chdir("/");
        let terminal = self.job.terminal().map(OwnedFd::as_fd);
        let relay = self.relay.as_ref().map(Relay::as_fd);
        let before_exec = self.before_exec.as_ref().map(PipeReader::as_fd);
        let kept = [self.arrivals.as_fd()].into_iter().chain(terminal).chain(relay).chain(before_exec);
        let _ = fork::close_all_but(kept);
    }

    fn watch(&mut self) -> Ended {
        loop {
            while let Some((child, change)) = signals::reap() {
                match change {
                    _ if child != self.child => {}
                    Change::Exited(status) => return Ended::Exited(status),
                    Change::Killed(signal) => return Ended::Killed(signal),
                    Change::Stopped(signal) => self.stopped(signal),
                }
            }
            self.rest();
            if let Some(relay) = &self.relay {
                relay.pass_on(self.child);
            }
            if self.kill_at.is_some_and(|at| at <= Instant::now()) {
                self.kill_at = None;
                self.send(libc::SIGKILL);
            }
            while let Some(arrived) = signals::take() {
                self.pass_on(&arrived);
            }
        }
    }

    /// Until there is something to do.
    fn rest(&self) {
        let relay = self.relay.as_ref().map(Relay::as_fd);
        let watched = [self.arrivals.as_fd()].into_iter().chain(relay);
        let mut watched: Vec<_> = watched.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let timeout = match self.kill_at {
            None => PollTimeout::NONE,
            Some(at) => {
                // A millisecond more, since it counts whole ones: woken too early, it would not rest.
                let left = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
                PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
            }
        };
        let _ = poll(&mut watched, timeout);
    }

    fn pass_on(&mut self, arrived: &Arrived) {
        let signal = arrived.signal();
        if signal == libc::SIGCHLD || arrived.is_from_kernel() && self.job.has_told(signal) {
            return;
        }
        let to = match self.options.rewrites.iter().find(|rewrite| rewrite.from == signal) {
            Some(rewrite) if !self.ends_resolving(signal) => rewrite.to,
            _ => Some(signal),
        };
        let Some(to) = to else { return };
        if [signal, to].iter().any(|signal| matches!(*signal, libc::SIGTERM | libc::SIGINT | libc::SIGQUIT)) {
            // A second request does not put it off.
            self.kill_at = self.kill_at.or_else(|| Some(Instant::now() + self.options.kill_after?));
        }
        match &self.job {
            Job::Apart { .. } if to == libc::SIGCONT => self.go_on(),
            _ if self.options.group => self.send(to),
            _ => arrived.pass_on(self.child, to),
        }
    }

    /// What the command would take for a request to end need not end a launch that still resolves.
    fn ends_resolving(&self, signal: libc::c_int) -> bool {
        let resolves = |pipe: &PipeReader| poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], 0_u8) == Ok(0);
        matches!(signal, libc::SIGTERM | libc::SIGINT | libc::SIGHUP | libc::SIGQUIT)
            && self.before_exec.as_ref().is_some_and(resolves)
    }

    fn send(&self, signal: libc::c_int) {
        if self.options.group { self.send_to_all(signal) } else { signals::send(self.child, signal) }
    }

    /// The command's group, and the command, should it have gone to another one.
    fn send_to_all(&self, signal: libc::c_int) {
        signals::send(group(self.child), signal);
        if getpgid(Some(self.child)) != Ok(self.child) {
            signals::send(self.child, signal);
        }
    }

    /// Stops with the command where there is a terminal, so that the shell there sees its job stopped.
    fn stopped(&self, signal: libc::c_int) {
        let Some(terminal) = self.job.terminal() else { return };
        if let Job::Apart { ours, .. } = self.job {
            // It may have asked for the terminal a moment too early, before it was handed over.
            if matches!(signal, libc::SIGTTIN | libc::SIGTTOU) && tcgetpgrp(terminal) == Ok(ours) {
                return self.go_on();
            }
            give(terminal, self.child, ours);
        }
        // Where nobody could continue us, none could the command: without us, the kernel had not stopped it.
        if !signals::stop_by(signal) && signal == libc::SIGTSTP {
            self.go_on();
        }
    }

    /// Continues the command, in the foreground where we are.
    fn go_on(&self) {
        match &self.job {
            Job::Apart { ours, terminal } => {
                if let Some(terminal) = terminal {
                    give(terminal, *ours, self.child);
                }
                // The terminal stopped all of them.
                self.send_to_all(libc::SIGCONT);
            }
            Job::Shared { .. } => signals::send(self.child, libc::SIGCONT),
        }
    }
}

enum Ended {
    Exited(u8),
    Killed(libc::c_int),
}

/// How the command stands to us and to the terminal.
enum Job {
    /// It leads a process group of its own, which is in the terminal's foreground when ours would be.
    Apart { ours: Pid, terminal: Option<OwnedFd> },
    /// It shares our group with whoever started us, or with the rest of a pipeline: none of these may
    /// lose the terminal, which tells all of the group.
    Shared { terminal: OwnedFd, we_lead_the_session: bool },
}

impl Job {
    fn new(apart: bool) -> Self {
        let ours = getpgrp();
        // The controlling one, whatever standard input is.
        let terminal = open("/dev/tty", OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC, Mode::empty()).ok();
        let is_terminal = |terminal: Result<bool, Errno>| terminal == Ok(true);
        let alone = ours == getpid() && is_terminal(isatty(std::io::stdin())) && is_terminal(isatty(std::io::stdout()));
        match terminal {
            Some(terminal) if !apart && !alone => {
                Self::Shared { terminal, we_lead_the_session: getsid(None) == Ok(getpid()) }
            }
            terminal => Self::Apart { ours, terminal },
        }
    }

    /// In the child, with all signals blocked: SIGTTOU would stop it here.
    fn begin(&self) {
        if let Self::Apart { ours, terminal } = self {
            let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
            if let Some(terminal) = terminal {
                give(terminal, *ours, getpid());
            }
        }
    }

    fn terminal(&self) -> Option<&OwnedFd> {
        match self {
            Self::Apart { terminal, .. } => terminal.as_ref(),
            Self::Shared { terminal, .. } => Some(terminal),
        }
    }

    /// Whether the command has got a signal too that the kernel sent us. Of a hangup only the session's
    /// leader is told at first.
    fn has_told(&self, signal: libc::c_int) -> bool {
        match self {
            Self::Apart { .. } => false,
            Self::Shared { we_lead_the_session, .. } => match signal {
                libc::SIGINT | libc::SIGQUIT | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU | libc::SIGWINCH => true,
                libc::SIGHUP | libc::SIGCONT => !we_lead_the_session,
                _ => false,
            },
        }
    }
}

/// All processes of the group that the process leads, for [`signals::send`].
fn group(leader: Pid) -> Pid {
    Pid::from_raw(-leader.as_raw())
}

/// Moves the foreground of the terminal from one process group to another; where a third has it, it stays.
fn give(terminal: &OwnedFd, from: Pid, to: Pid) {
    if tcgetpgrp(terminal) == Ok(from) {
        let _ = tcsetpgrp(terminal, to);
    }
}
