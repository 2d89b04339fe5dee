//! How the command is started: we become it, or stay beside it as its supervisor; and what was typed
//! about the latter.

use crate::failure::{Code, Failure};
use nix::sys::signal::Signal;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Mode {
    #[default]
    Auto,
    Exec,
    Supervise,
}

/// What a supervisor does besides passing signals on and reaping.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Supervision {
    /// Signals go to the command's whole process group.
    pub(crate) group: bool,
    pub(crate) rewrites: Vec<Rewrite>,
    /// How long the command may take to end once it was told to.
    pub(crate) kill_after: Option<Duration>,
    pub(crate) exit_map: Vec<ExitMapping>,
}

/// A signal by its number, and the one that is passed on in its place; None: no signal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rewrite {
    pub(crate) from: i32,
    pub(crate) to: Option<i32>,
}

/// A status of the command, where a signal n counts as 128 + n, and the one to end with instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExitMapping {
    pub(crate) from: u8,
    pub(crate) to: u8,
}

/// What was decided, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) supervised: bool,
    pub(crate) why: String,
}

impl Start {
    pub(crate) fn mode(&self) -> &'static str {
        if self.supervised { "supervise" } else { "exec" }
    }
}

pub(super) fn decide(mode: Mode, supervision: &Supervision) -> Result<Start, Failure> {
    let Supervision { group, rewrites, kill_after, exit_map } = supervision;
    let options = [
        (*group, "--group"),
        (!rewrites.is_empty(), "--rewrite-signal"),
        (kill_after.is_some(), "--kill-after"),
        (!exit_map.is_empty(), "--exit-map"),
    ];
    let needed: Vec<_> = options.into_iter().filter(|(given, _)| *given).map(|(_, option)| option).collect();
    let needed = needed.join(", ");
    let supervised = mode == Mode::Supervise || !needed.is_empty();
    let why = match (mode, needed.is_empty()) {
        (Mode::Exec, false) => {
            let message = format!("`exec` leaves nobody to do what {needed} asks for; leave --mode away");
            return Err(Failure::new(Code::Config, "--mode", message));
        }
        (_, false) => format!("{needed} needs a process that stays"),
        (Mode::Supervise, true) => "--mode asks for it".to_owned(),
        (Mode::Auto | Mode::Exec, true) => "nothing needs a process that stays".to_owned(),
    };
    Ok(Start { supervised, why })
}

impl Rewrite {
    /// `FROM:TO`; a TO of 0 passes nothing on.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once(':')?;
        let from = signal(from)?;
        // Nobody can hold the first two back, and the last is about our own children.
        if [Signal::SIGKILL, Signal::SIGSTOP, Signal::SIGCHLD].iter().any(|&never| never as i32 == from) {
            return None;
        }
        let to = if to == "0" { None } else { Some(signal(to)?) };
        Some(Self { from, to })
    }
}

impl ExitMapping {
    /// `FROM:TO`. Our own statuses stay what they are: nothing of ours that fails is to look like success.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let status =
            |text: &str| Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok();
        let (from, to) = text.split_once(':')?;
        let from = status(from).filter(|from| !matches!(from, 125..=127))?;
        Some(Self { from, to: status(to)? })
    }
}

/// The first that appears twice.
pub(crate) fn repeated<T: PartialEq + Copy>(all: impl Iterator<Item = T>) -> Option<T> {
    let mut seen = Vec::new();
    for one in all {
        if seen.contains(&one) {
            return Some(one);
        }
        seen.push(one);
    }
    None
}

/// A signal's number by its name, with SIG or without, or by the number itself. `RTMIN` is 34 and `RTMAX` 64,
/// as for kill(1), and `RTMIN+N` and `RTMAX-N` are between.
pub(crate) fn signal(text: &str) -> Option<i32> {
    const REAL_TIME: (i32, i32) = (34, 64);
    let name = text.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let number = |digits: &str| {
        let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i32>().ok().filter(|_| is_plain)
    };
    let (lowest, highest) = REAL_TIME;
    let (found, range) = if let Some(rest) = name.strip_prefix("RTMIN") {
        let up = if rest.is_empty() { Some(0) } else { number(rest.strip_prefix('+')?) };
        (lowest.checked_add(up?)?, lowest..=highest)
    } else if let Some(rest) = name.strip_prefix("RTMAX") {
        let down = if rest.is_empty() { Some(0) } else { number(rest.strip_prefix('-')?) };
        (highest.checked_sub(down?)?, lowest..=highest)
    } else if let Some(number) = number(text) {
        (number, 1..=highest)
    } else {
        (format!("SIG{name}").parse::<Signal>().ok()? as i32, 1..=highest)
    };
    range.contains(&found).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, number) in [
            ("TERM", 15),
            ("sigterm", 15),
            ("15", 15),
            ("USR1", 10),
            ("1", 1),
            ("32", 32),
            ("64", 64),
            ("RTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("rtmax", 64),
            ("RTMAX-30", 34),
        ] {
            assert_eq!(signal(text), Some(number), "{text}");
        }
        for bad in
            ["", "SIG", "0", "65", "-1", "+1", "TERMS", "SIG15", "RTMIN+31", "RTMAX-31", "RTMIN-1", "RTMIN+", "RT"]
        {
            assert_eq!(signal(bad), None, "{bad}");
        }
        for huge in ["RTMIN+99999999999", "RTMIN+2147483647", "RTMAX-2147483647", "99999999999"] {
            assert_eq!(signal(huge), None, "{huge}");
        }
    }

    #[test]
    fn a_rewrite_is_of_signals_that_can_be_caught() {
        assert_eq!(Rewrite::parse("TERM:QUIT"), Some(Rewrite { from: 15, to: Some(3) }));
        assert_eq!(Rewrite::parse("RTMIN+3:15"), Some(Rewrite { from: 37, to: Some(15) }));
        assert_eq!(Rewrite::parse("HUP:0"), Some(Rewrite { from: 1, to: None }));
        assert_eq!(Rewrite::parse("TSTP:STOP"), Some(Rewrite { from: 20, to: Some(19) }));
        for bad in ["", ":", "TERM", "TERM:", ":TERM", "KILL:TERM", "STOP:TERM", "CHLD:TERM", "0:TERM", "TERM:QUIT:INT"]
        {
            assert_eq!(Rewrite::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn statuses_are_mapped_but_for_our_own() {
        assert_eq!(ExitMapping::parse("143:0"), Some(ExitMapping { from: 143, to: 0 }));
        assert_eq!(ExitMapping::parse("0:255"), Some(ExitMapping { from: 0, to: 255 }));
        for bad in ["", ":", "143", "143:", ":0", "256:0", "0:256", "-1:0", "+1:0", "1:0:1", "125:0", "126:0", "127:0"]
        {
            assert_eq!(ExitMapping::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_supervisor_stays_only_where_something_needs_one() {
        let started = |mode, supervision: &Supervision| {
            let start = decide(mode, supervision);
            start.map(|start| format!("{}: {}", start.mode(), start.why)).map_err(|failure| failure.to_string())
        };
        let none = Supervision::default();
        assert_eq!(started(Mode::Auto, &none).unwrap(), "exec: nothing needs a process that stays");
        assert_eq!(started(Mode::Exec, &none).unwrap(), "exec: nothing needs a process that stays");
        assert_eq!(started(Mode::Supervise, &none).unwrap(), "supervise: --mode asks for it");
        let group = Supervision { group: true, ..none.clone() };
        assert_eq!(started(Mode::Auto, &group).unwrap(), "supervise: --group needs a process that stays");
        let rewrites = Rewrite::parse("1:2").into_iter().collect();
        let both = Supervision { rewrites, exit_map: ExitMapping::parse("1:0").into_iter().collect(), ..none };
        assert!(started(Mode::Supervise, &both).unwrap().contains("--rewrite-signal, --exit-map"));
        assert!(started(Mode::Exec, &both).unwrap_err().contains("--rewrite-signal, --exit-map"));
    }
}
