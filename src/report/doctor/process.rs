//! `inject doctor --pid N`: who could read what a process holds now, by the rules of ptrace(2).

use super::machine::{core_dumps, ptrace_scope};
use super::proc::{Process, lineage, namespace, namespace_or_error, processes, some_of};
use super::{Finding, all_good, in_each_place, print_folded};
use crate::diag::printable;
use crate::failure::{Code, Failure, cause};
use crate::report::{Table, json};
use crate::users;
use serde_json::json as value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::{fs, process};

/// The first ones of a system: PROC_USER_INIT_INO and PROC_PID_INIT_INO of linux/proc_ns.h.
const FIRST_USER_NAMESPACE: &str = "user:[4026531837]";
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// What was found about one process.
pub(crate) struct Examined {
    process: Process,
    readers: Vec<Reader>,
    findings: Vec<Finding>,
    /// What could not be told.
    limits: Vec<String>,
    names: Names,
}

struct Reader {
    pid: i32,
    user: u32,
    name: String,
    access: Access,
}

/// What somebody may read, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Access {
    why: Why,
    memory: bool,
}

/// The least expected first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Tracer,
    SameUser,
    Child,
    Capability,
}

impl Access {
    fn words(self) -> &'static [&'static str] {
        if self.memory { &["memory", "environment"] } else { &["environment"] }
    }
}

impl Why {
    fn text(self) -> &'static str {
        match self {
            Self::Tracer => "traces it now",
            Self::SameUser => "same user",
            Self::Child => "same user, started by it",
            Self::Capability => "CAP_SYS_PTRACE",
        }
    }
}

/// The process that is looked at, with what counts for access to it.
struct Subject<'p> {
    process: &'p Process,
    /// Whether processes of its user may look into it: prctl(2), PR_SET_DUMPABLE.
    dumpable: bool,
    user_namespace: &'p str,
    ancestors: &'p [i32],
    scope: u8,
}

impl Examined {
    pub(crate) fn of(pid: &str) -> Result<Self, Failure> {
        let failure = |code, message: String| Failure::new(code, "--pid", message);
        let plain = !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
        let number = pid.parse().ok().filter(|&number| plain && number > 0);
        let number: i32 = number
            .ok_or_else(|| failure(Code::Config, format!("`{pid}` is not the number of a process, such as 1234")))?;
        let process = Process::read(number).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                failure(Code::NotFound, format!("there is no process {number} here; ps -e shows those there are"))
            }
            _ => failure(Code::Denied, format!("/proc/{number}/status: {}; root can read it", cause(&error))),
        })?;
        if process.leader != number {
            let message = format!("{number} is a thread of process {0}; ask for --pid {0}", process.leader);
            return Err(failure(Code::Config, message));
        }
        if process.memory.is_none() {
            let message = format!("{} is a thread of the kernel or has ended, and holds nothing", process.label());
            return Err(failure(Code::NotFound, message));
        }
        Self::about(process).map_err(|(what, error)| match error.kind() {
            ErrorKind::NotFound => failure(Code::NotFound, format!("process {number} has ended")),
            _ => {
                let message = format!(
                    "/proc/{number}/{what}: {}: who could read the process cannot be told without it; root can: \
                     sudo inject doctor --pid {number}",
                    cause(&error)
                );
                failure(Code::Denied, message)
            }
        })
    }

    fn about(process: Process) -> Result<Self, (&'static str, io::Error)> {
        let pid = process.pid;
        let user_namespace = namespace_or_error(pid, "user").map_err(|error| ("ns/user", error))?;
        let mounts = namespace_or_error(pid, "mnt").map_err(|error| ("ns/mnt", error))?;
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).map_err(|error| ("limits", error))?;
        // The kernel gives the files of a process that is not dumpable to root: proc(5). Of root's own it
        // cannot be told, so they count as dumpable.
        let environ = fs::metadata(format!("/proc/{pid}/environ")).map_err(|error| ("environ", error))?;
        let (all, hidden) = processes().map_err(|error| ("..", error))?;
        let ancestors = lineage(&all, pid);
        let subject = Subject {
            process: &process,
            dumpable: environ.uid() == process.users.effective,
            user_namespace: &user_namespace,
            ancestors: &ancestors,
            scope: ptrace_scope().unwrap_or(0),
        };
        let us = process::id().cast_signed();
        let others: Vec<_> = all
            .iter()
            .filter(|other| other.pid != pid && other.pid != us && other.memory.is_some())
            .map(|other| (other, namespace(other.pid, "user"), lineage(&all, other.pid).contains(&pid)))
            .collect();
        let reader = |(other, namespace, is_below): &(&Process, Option<String>, bool)| {
            let access = subject.access(other, namespace.as_deref(), *is_below)?;
            Some(Reader { pid: other.pid, user: other.users.effective, name: other.name.clone(), access })
        };
        let mut readers: Vec<_> = others.iter().filter_map(reader).collect();
        readers.sort_by_key(|reader| (reader.access.why, reader.pid));
        let sharing: Vec<_> = others
            .iter()
            .filter(|(other, _, is_below)| !is_below && namespace(other.pid, "mnt").as_ref() == Some(&mounts))
            .map(|(other, ..)| *other)
            .collect();
        let untold = others.iter().filter(|(_, namespace, _)| namespace.is_none()).count() + hidden;
        let findings = vec![
            readers_finding(&readers, &subject, &all),
            files(&sharing),
            swap(&process),
            core_dumps(core_limit(&limits).unwrap_or(u64::MAX)),
        ];
        let limits = limits_of_sight(untold, &user_namespace);
        Ok(Self { process, readers, findings, limits, names: Names::default() })
    }

    pub(crate) fn all_good(&self) -> bool {
        all_good(&self.findings)
    }

    pub(crate) fn report(mut self, as_json: bool) -> String {
        let user = self.names.of(self.process.users.effective);
        if as_json {
            let names = &mut self.names;
            let reader = |reader: &Reader| {
                value!({
                    "pid": reader.pid,
                    "user": names.of(reader.user),
                    "name": reader.name,
                    "reads": reader.access.words(),
                    "why": reader.access.why.text(),
                })
            };
            let readers: Vec<_> = self.readers.iter().map(reader).collect();
            return json(&value!({
                "pid": self.process.pid,
                "user": user,
                "name": self.process.name,
                "readers": readers,
                "findings": self.findings.iter().map(Finding::json).collect::<Vec<_>>(),
                "limits": self.limits,
            }));
        }
        let mut text = String::new();
        let _ = writeln!(text, "process {}, {}, of user {user}\n", self.process.pid, printable(&self.process.name));
        if !self.readers.is_empty() {
            let mut table = Table::new(&["PID", "USER", "NAME", "READS", "WHY"]);
            for reader in &self.readers {
                table.row([
                    reader.pid.to_string(),
                    self.names.of(reader.user),
                    reader.name.clone(),
                    reader.access.words().join(", "),
                    reader.access.why.text().to_owned(),
                ]);
            }
            table.print(&mut text);
            text.push('\n');
        }
        self.findings.iter().for_each(|finding| finding.print(&mut text));
        for limit in &self.limits {
            print_folded(&mut text, "?   ", limit);
        }
        text
    }
}

impl Subject<'_> {
    /// The check for PTRACE_MODE_READ_FSCREDS, which stands before the environment, and the one for
    /// PTRACE_MODE_ATTACH_FSCREDS before the memory: that is Yama's too. A namespace that we may not know
    /// counts as the process's own.
    fn access(&self, other: &Process, namespace: Option<&str>, is_below: bool) -> Option<Access> {
        if other.pid == self.process.tracer {
            return Some(Access { why: Why::Tracer, memory: true });
        }
        let is_same_namespace = namespace.is_none_or(|namespace| namespace == self.user_namespace);
        let is_capable = other.may_trace_all() && (is_same_namespace || namespace == Some(FIRST_USER_NAMESPACE));
        let is_same_user =
            self.process.users.are_all(other.users.files) && self.process.groups.are_all(other.groups.files);
        let may_less = self.process.permitted & !other.effective != 0;
        let is_peer = is_same_namespace && is_same_user && (is_capable || (self.dumpable && !may_less));
        let why = match (is_peer, is_below) {
            (true, true) => Why::Child,
            (true, false) => Why::SameUser,
            (false, _) if is_capable => Why::Capability,
            (false, _) => return None,
        };
        let memory = match self.scope {
            0 => true,
            1 => is_capable || self.ancestors.contains(&other.pid),
            2 => is_capable,
            _ => false,
        };
        Some(Access { why, memory })
    }
}

/// What it was started by had its secrets before it; what it starts has them from it.
fn readers_finding(readers: &[Reader], subject: &Subject<'_>, all: &[Process]) -> Finding {
    let name = "other processes";
    let is_stranger = |reader: &&Reader| match reader.access.why {
        Why::Tracer => true,
        Why::SameUser => !subject.ancestors.contains(&reader.pid),
        Why::Child | Why::Capability => false,
    };
    let strangers: Vec<_> = readers.iter().filter(is_stranger).map(|reader| reader.pid).collect();
    if strangers.is_empty() {
        let means = "nobody reads it but root, what started it and what it started";
        return Finding::good(name, "none of its user's", means);
    }
    let found = some_of(all.iter().filter(|process| strangers.contains(&process.pid)));
    Finding::weak(
        name,
        format!("{}: {found}", strangers.len()),
        "they can read what it holds, as the table says",
        in_each_place(
            "DynamicUser=yes, or a User= that nothing else runs as",
            "a container for the command alone",
            "inject --user NAME, one that nothing else runs as (needs root)",
        ),
    )
}

/// Others reach them through /proc/PID/root where they may read the environment.
fn files(sharing: &[&Process]) -> Finding {
    let name = "files";
    if sharing.is_empty() {
        return Finding::good(name, "a mount namespace of its own", "no other process sees its files in memory");
    }
    Finding::weak(
        name,
        format!("its mount namespace is that of {}", some_of(sharing.iter().copied())),
        "those of them that run as its user, and root, can read its files in memory",
        "start it through inject where that may make a mount namespace: inject doctor tells",
    )
}

fn swap(process: &Process) -> Finding {
    let name = "swap";
    let Some(memory) = process.memory else { return Finding::good(name, "none", "it has ended") };
    let found =
        format!("{} KiB swapped out, {} KiB locked, {} KiB in memory", memory.swapped, memory.locked, memory.resident);
    if memory.swapped == 0 {
        return Finding::good(name, found, "nothing of it is on a swap device now");
    }
    let remedy = in_each_place(
        "MemorySwapMax=0, then restart",
        "--memory SIZE --memory-swap SIZE, the same twice",
        "swapoff -a brings it back into memory",
    );
    Finding::weak(name, found, "what it holds may be on disk, unless swap is encrypted or memory", remedy)
}

/// The soft limit in /proc/PID/limits, in bytes.
fn core_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size"))?;
    match line.split_ascii_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

fn limits_of_sight(untold: usize, user_namespace: &str) -> Vec<String> {
    let mut limits = Vec::new();
    if untold > 0 {
        limits.push(format!(
            "processes that do not let this user see their namespaces: {untold}; they are judged by their user and \
             capabilities alone. Root sees all"
        ));
    }
    if user_namespace != FIRST_USER_NAMESPACE {
        limits.push("it is in a user namespace: whoever made that, and root outside of it, can read it too".to_owned());
    }
    if namespace_of_self("pid").is_some_and(|namespace| namespace != FIRST_PID_NAMESPACE) {
        limits
            .push("processes outside of this PID namespace are not seen here; root among them can read it".to_owned());
    }
    limits
}

fn namespace_of_self(kind: &str) -> Option<String> {
    namespace(process::id().cast_signed(), kind)
}

/// Login names; a number stands for a user without one.
#[derive(Default)]
struct Names(BTreeMap<u32, String>);

impl Names {
    fn of(&mut self, user: u32) -> String {
        let name = || users::login_name(user).unwrap_or_else(|| user.to_string());
        self.0.entry(user).or_insert_with(name).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::proc::{Ids, Memory};
    use super::*;

    const TRACE: u64 = 1 << 19;

    fn ids(id: u32) -> Ids {
        Ids { real: id, effective: id, saved: id, files: id }
    }

    fn process(pid: i32, user: u32) -> Process {
        Process {
            pid,
            leader: pid,
            parent: 1,
            tracer: 0,
            name: "x".to_owned(),
            users: ids(user),
            groups: ids(user),
            permitted: 0,
            effective: 0,
            memory: None,
        }
    }

    fn subject(process: &Process) -> Subject<'_> {
        Subject { process, dumpable: true, user_namespace: "user:[5]", ancestors: &[10, 2, 1], scope: 0 }
    }

    const SAME: Option<&str> = Some("user:[5]");

    #[test]
    fn the_same_user_reads_it_with_all_ids_and_no_fewer_capabilities() {
        let held = process(10, 1000);
        let reads = |other: &Process| subject(&held).access(other, SAME, false);
        assert_eq!(reads(&process(11, 1000)), Some(Access { why: Why::SameUser, memory: true }));
        assert_eq!(reads(&process(11, 0)), None, "root without capabilities");
        assert_eq!(reads(&Process { groups: ids(7), ..process(11, 1000) }), None);
        // What reads files as another user is another user here.
        assert_eq!(reads(&Process { users: Ids { files: 7, ..ids(1000) }, ..process(11, 1000) }), None);
        let once_root = Process { users: Ids { saved: 0, ..ids(1000) }, ..process(10, 1000) };
        assert_eq!(subject(&once_root).access(&process(11, 1000), SAME, false), None);
        let capable = Process { permitted: 1, ..process(10, 1000) };
        assert_eq!(subject(&capable).access(&process(11, 1000), SAME, false), None);
        let as_capable = Process { effective: 1, ..process(11, 1000) };
        assert!(subject(&capable).access(&as_capable, SAME, false).is_some());
        let closed = Subject { dumpable: false, ..subject(&held) };
        assert_eq!(closed.access(&process(11, 1000), SAME, false), None);
        assert_eq!(subject(&held).access(&process(11, 1000), Some("user:[6]"), false), None);
    }

    #[test]
    fn the_capability_counts_in_the_process_s_user_namespace_and_in_the_first() {
        let held = process(10, 1000);
        let closed = Subject { dumpable: false, ..subject(&held) };
        let root = Process { effective: TRACE, ..process(11, 0) };
        for (namespace, reads) in
            [(SAME, true), (Some(FIRST_USER_NAMESPACE), true), (None, true), (Some("user:[6]"), false)]
        {
            let found = closed.access(&root, namespace, false);
            assert_eq!(found, reads.then_some(Access { why: Why::Capability, memory: true }), "{namespace:?}");
        }
    }

    /// As among the processes of root, which mostly have every capability.
    #[test]
    fn one_of_the_same_user_is_told_from_root_though_it_has_the_capability() {
        let held = Process { permitted: TRACE, effective: TRACE, ..process(10, 0) };
        let other = Process { effective: TRACE, ..process(11, 0) };
        let closed = Subject { dumpable: false, scope: 1, ..subject(&held) };
        assert_eq!(closed.access(&other, SAME, false), Some(Access { why: Why::SameUser, memory: true }));
        assert_eq!(closed.access(&other, SAME, true), Some(Access { why: Why::Child, memory: true }));
    }

    #[test]
    fn a_tracer_reads_it_whoever_it_is() {
        let held = Process { tracer: 11, ..process(10, 1000) };
        let found = subject(&held).access(&process(11, 7), Some("user:[6]"), false);
        assert_eq!(found, Some(Access { why: Why::Tracer, memory: true }));
    }

    #[test]
    fn yama_keeps_the_memory_and_never_the_environment() {
        let held = process(10, 1000);
        let memory = |scope, other: &Process| {
            let subject = Subject { scope, ..subject(&held) };
            subject.access(other, SAME, false).map(|access| access.memory)
        };
        let (parent, stranger) = (process(2, 1000), process(11, 1000));
        let root = Process { effective: TRACE, ..process(1, 0) };
        for (scope, from_parent, from_stranger, from_root) in
            [(0, true, true, true), (1, true, false, true), (2, false, false, true), (3, false, false, false)]
        {
            let found = [memory(scope, &parent), memory(scope, &stranger), memory(scope, &root)];
            assert_eq!(found, [Some(from_parent), Some(from_stranger), Some(from_root)], "{scope}");
        }
    }

    #[test]
    fn what_is_swapped_out_is_a_weakness_with_a_remedy() {
        let swapped = |swapped| {
            let memory = Some(Memory { resident: 1, swapped, locked: 2 });
            swap(&Process { memory, ..process(10, 1000) })
        };
        assert!(swapped(0).remedy.is_none());
        assert!(swapped(12).found.starts_with("12 KiB swapped out, 2 KiB locked"));
        assert!(swapped(12).remedy.unwrap().contains("MemorySwapMax=0"));
    }

    #[test]
    fn a_core_limit_is_read_in_bytes() {
        let limits = |soft: &str| {
            format!("Limit  Soft Limit\nMax cpu time  unlimited\nMax core file size     {soft}   7  bytes\n")
        };
        assert_eq!(core_limit(&limits("unlimited")), Some(u64::MAX));
        assert_eq!(core_limit(&limits("4096")), Some(4096));
        assert_eq!(core_limit("nothing"), None);
    }
}
