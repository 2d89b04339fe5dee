//! Messages: the only writer to standard error. Never panics, whatever became of it.

use crate::failure::{Failure, Stop};
use crate::sys;
use std::fmt::Write as _;
use std::io::{self, Write as _};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Diag {
    pub(crate) format: Format,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
}

impl Diag {
    /// All that stopped us, in one report.
    pub(crate) fn stop(self, stop: &Stop) {
        let mut text = String::new();
        match (self.format, stop.failures.as_slice()) {
            (Format::Json, failures) => {
                for failure in failures {
                    let mut line = json(failure);
                    line["level"] = "error".into();
                    let _ = writeln!(text, "{line}");
                }
            }
            (Format::Text, [failure]) => {
                let _ = writeln!(text, "inject: {}", printable(&failure.to_string()));
            }
            (Format::Text, failures) => {
                let _ = writeln!(text, "inject: {} things stand in the way", failures.len());
                for failure in failures {
                    let _ = writeln!(text, "  {}", printable(&failure.to_string()));
                }
            }
        }
        write(&text);
    }

    /// Something worth knowing that stops nothing.
    pub(crate) fn warn(self, failure: &Failure) {
        if !self.quiet {
            self.line("warning", &failure.to_string());
        }
    }

    pub(crate) fn note(self, message: &str) {
        if !self.quiet {
            self.line("info", message);
        }
    }

    /// Only with `-v`.
    pub(crate) fn detail(self, message: impl FnOnce() -> String) {
        if self.verbose {
            self.line("debug", &message());
        }
    }

    fn line(self, level: &str, message: &str) {
        write(&match self.format {
            Format::Json => format!("{}\n", serde_json::json!({ "level": level, "message": message })),
            Format::Text if level == "warning" => format!("inject: warning: {}\n", printable(message)),
            Format::Text => format!("inject: {}\n", printable(message)),
        });
    }
}

/// The form of a failure in `check --json` and `--log-format json`.
pub(crate) fn json(failure: &Failure) -> serde_json::Value {
    serde_json::json!({
        "code": failure.code.as_str(),
        "place": failure.place,
        "reference": failure.reference,
        "message": failure.message,
    })
}

/// Names come from outside; a terminal must not obey what stands in them.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            let _ = write!(shown, "{}", letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

fn write(text: &str) {
    sys::without_sigpipe(|| {
        let _ = io::stderr().write_all(text.as_bytes());
    });
}

/// A panic tells its place and never its message, which could quote a value.
pub(crate) fn hide_panic_messages() {
    std::panic::set_hook(Box::new(|panic| {
        // The musl build knows no places, and has a line 0 instead.
        let place = panic.location().filter(|place| place.line() > 0);
        let place = place.map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()));
        write(&format!("inject: internal error{place}; please report it\n"));
    }));
}

/// Standard output, for what was asked for there.
pub(crate) fn print(text: &str) -> io::Result<()> {
    sys::without_sigpipe(|| {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    })
}
