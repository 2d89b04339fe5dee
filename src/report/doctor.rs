//! `inject doctor`: what this machine allows, and what it means.

use super::{Table, json};
use crate::environ::Environ;
use crate::inject::file;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use serde_json::json as value;
use std::fs;

pub(crate) struct Finding {
    name: &'static str,
    /// Whether all is as one would wish.
    good: bool,
    found: String,
    means: &'static str,
}

/// May put this process into another mount namespace; it is to end soon.
pub(crate) fn examine(environ: &Environ) -> Vec<Finding> {
    vec![files(environ), swap(), locked_memory(), core_dumps(), core_pattern(), tracing(), process()]
}

pub(crate) fn all_good(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.good)
}

pub(crate) fn report(findings: &[Finding], as_json: bool) -> String {
    if as_json {
        let findings: Vec<_> = findings
            .iter()
            .map(|finding| {
                value!({ "name": finding.name, "good": finding.good, "found": finding.found, "means": finding.means })
            })
            .collect();
        return json(&value!({ "findings": findings }));
    }
    let mut table = Table::new(&["WHAT", "", "FOUND", "MEANS"]);
    for finding in findings {
        let mark = if finding.good { "ok" } else { "!" };
        table.row([finding.name.to_owned(), mark.to_owned(), finding.found.clone(), finding.means.to_owned()]);
    }
    let mut text = String::new();
    table.print(&mut text);
    text
}

fn files(environ: &Environ) -> Finding {
    let name = "files";
    match file::probe(&[], environ) {
        Ok(outlook) => {
            let swap = if outlook.unswapped { "never swapped" } else { "may be swapped out" };
            let found =
                format!("{} in {} ({}); {swap}", outlook.method.name(), outlook.directory.display(), outlook.why);
            match outlook.method {
                file::Method::Namespace => Finding {
                    name,
                    good: true,
                    found,
                    means: "no other process sees a launch's files; the kernel removes them",
                },
                file::Method::Directory => Finding {
                    name,
                    good: false,
                    found,
                    means: "processes of this user and root see a launch's files; a small helper removes them",
                },
            }
        }
        Err(errors) => {
            let found = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            Finding { name, good: false, found, means: "a launch with files stops with 125" }
        }
    }
}

/// proc_swaps(5): a head line, then one for each area.
fn swap() -> Finding {
    let areas = fs::read_to_string("/proc/swaps").map(|text| text.lines().count().saturating_sub(1));
    let (good, found) = match areas {
        Ok(0) => (true, "none".to_owned()),
        Ok(areas) => (false, format!("{areas} in use")),
        Err(error) => (false, format!("/proc/swaps: {}", crate::failure::cause(&error))),
    };
    let means = if good {
        "values cannot get to a swap device"
    } else {
        "what is neither locked nor on a noswap tmpfs may be written to disk; encrypt swap"
    };
    Finding { name: "swap", good, found, means }
}

fn locked_memory() -> Finding {
    let limit = getrlimit(Resource::RLIMIT_MEMLOCK).map_or(0, |(soft, _)| soft);
    let good = limit == RLIM_INFINITY;
    let found = if good { "unlimited".to_owned() } else { format!("at most {} KiB", limit / 1024) };
    let means = if good {
        "a launch locks all its memory while it holds values"
    } else {
        "a launch does not lock its memory; it lives for milliseconds"
    };
    Finding { name: "locked memory", good, found, means }
}

fn core_dumps() -> Finding {
    let (soft, hard) = getrlimit(Resource::RLIMIT_CORE).unwrap_or((0, 0));
    let show = |limit| if limit == RLIM_INFINITY { "unlimited".to_owned() } else { format!("{limit} bytes") };
    let found = format!("soft limit {}, hard limit {}", show(soft), show(hard));
    let means = if soft == 0 {
        "neither inject nor the command dumps core"
    } else {
        "inject never dumps core; the command may, with its values in it"
    };
    Finding { name: "core limit", good: soft == 0, found, means }
}

/// core(5): a leading `|` names a program that gets every dump, whatever the limit is.
fn core_pattern() -> Finding {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let piped = pattern.starts_with('|');
    let means = if piped {
        "a program gets the command's dumps even with a core limit of 0; inject's own are refused by the kernel"
    } else {
        "dumps go where the core limit allows"
    };
    Finding { name: "core pattern", good: !piped, found: pattern.trim().to_owned(), means }
}

/// The Yama module's ptrace_scope.
fn tracing() -> Finding {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok();
    let good = scope.as_deref().is_some_and(|scope| scope.trim() != "0");
    let found = scope.map_or_else(|| "no Yama".to_owned(), |scope| format!("ptrace_scope {}", scope.trim()));
    let means = if good {
        "other processes of this user cannot look into the command's memory"
    } else {
        "other processes of this user can look into the command's memory, and read its environment in any case"
    };
    Finding { name: "tracing", good, found, means }
}

fn process() -> Finding {
    let init = std::process::id() == 1;
    let root = nix::unistd::geteuid().is_root();
    let found =
        format!("{}, {}", if root { "root" } else { "an ordinary user" }, if init { "PID 1" } else { "not PID 1" });
    let means =
        if init { "the command becomes PID 1 and has to reap what is orphaned" } else { "the command keeps this PID" };
    Finding { name: "process", good: true, found, means }
}
