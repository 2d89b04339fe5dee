//! What /proc tells of processes: proc_pid_status(5), namespaces(7). Only what says who they are and
//! what they may do, never their memory, variables or arguments.

use caps::Capability;
use std::io;
use std::{fs, process};

/// From /proc/PID/status. Ids are those of this user namespace.
pub(super) struct Process {
    pub(super) pid: i32,
    /// The process that it is a thread of: itself, mostly.
    pub(super) leader: i32,
    pub(super) parent: i32,
    /// 0 where there is none.
    pub(super) tracer: i32,
    /// What it calls itself.
    pub(super) name: String,
    pub(super) users: Ids,
    pub(super) groups: Ids,
    pub(super) permitted: u64,
    pub(super) effective: u64,
    /// None for kernel threads and for those that have ended.
    pub(super) memory: Option<Memory>,
}

/// Real, effective and saved, and the one that counts for files: credentials(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) real: u32,
    pub(super) effective: u32,
    pub(super) saved: u32,
    pub(super) files: u32,
}

/// In KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) resident: u64,
    pub(super) swapped: u64,
    pub(super) locked: u64,
}

impl Process {
    pub(super) fn read(pid: i32) -> io::Result<Self> {
        let status = fs::read(format!("/proc/{pid}/status"))?;
        let incomplete = || io::Error::other("its status is incomplete");
        Self::parse(pid, &String::from_utf8_lossy(&status)).ok_or_else(incomplete)
    }

    fn parse(pid: i32, status: &str) -> Option<Self> {
        let field = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim_ascii)
        };
        let number = |name: &str| field(name)?.parse().ok();
        let capabilities = |name: &str| u64::from_str_radix(field(name)?, 16).ok();
        let kib = |name: &str| field(name)?.strip_suffix("kB")?.trim_ascii().parse().ok();
        let memory =
            |resident| Memory { resident, swapped: kib("VmSwap").unwrap_or(0), locked: kib("VmLck").unwrap_or(0) };
        Some(Self {
            pid,
            leader: number("Tgid")?,
            parent: number("PPid")?,
            tracer: number("TracerPid")?,
            name: field("Name")?.to_owned(),
            users: Ids::parse(field("Uid")?)?,
            groups: Ids::parse(field("Gid")?)?,
            permitted: capabilities("CapPrm")?,
            effective: capabilities("CapEff")?,
            memory: kib("VmRSS").map(memory),
        })
    }

    pub(super) fn may_trace_all(&self) -> bool {
        self.effective & Capability::CAP_SYS_PTRACE.bitmask() != 0
    }

    /// The process and its number.
    pub(super) fn label(&self) -> String {
        format!("{} ({})", self.name, self.pid)
    }
}

impl Ids {
    fn parse(text: &str) -> Option<Self> {
        let mut ids = text.split_ascii_whitespace().map(|id| id.parse().ok());
        let mut next = || ids.next().flatten();
        Some(Self { real: next()?, effective: next()?, saved: next()?, files: next()? })
    }

    /// Whether each of them is this one: what ptrace(2) asks of the process that is looked into.
    pub(super) fn are_all(&self, id: u32) -> bool {
        [self.real, self.effective, self.saved] == [id; 3]
    }
}

/// All processes that there are to be seen, and how many do not let us see who they are.
pub(super) fn processes() -> io::Result<(Vec<Process>, usize)> {
    // Where nothing is mounted there is nobody, and in another namespace's we are somebody else.
    if fs::read_link("/proc/self")?.to_str() != Some(process::id().to_string().as_str()) {
        return Err(io::Error::other("it is that of another PID namespace"));
    }
    let (mut seen, mut hidden) = (Vec::new(), 0);
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        match Process::read(pid) {
            Ok(process) => seen.push(process),
            // With hidepid=1 of proc(5).
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => hidden += 1,
            // It has ended since.
            Err(_) => {}
        }
    }
    Ok((seen, hidden))
}

/// The process and its parents, nearest first.
pub(super) fn lineage(processes: &[Process], pid: i32) -> Vec<i32> {
    let parent = |pid: &i32| processes.iter().find(|process| process.pid == *pid).map(|process| process.parent);
    // A parent that ended while we read them leaves its children to another: no circle may catch us.
    std::iter::successors(Some(pid), parent).take_while(|pid| *pid > 0).take(processes.len() + 1).collect()
}

/// A namespace's name, such as `user:[4026531837]`; None where we may not know.
pub(super) fn namespace(pid: i32, kind: &str) -> Option<String> {
    namespace_or_error(pid, kind).ok()
}

pub(super) fn namespace_or_error(pid: i32, kind: &str) -> io::Result<String> {
    fs::read_link(format!("/proc/{pid}/ns/{kind}")).map(|link| link.display().to_string())
}

/// `sh (12), vim (40) and 3 more`.
pub(super) fn some_of<'p>(processes: impl IntoIterator<Item = &'p Process>) -> String {
    const SHOWN: usize = 5;
    let labels: Vec<_> = processes.into_iter().map(Process::label).collect();
    let more = labels.len().saturating_sub(SHOWN);
    let shown = labels[..labels.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\ta: b\nTgid:\t7\nPid:\t7\nPPid:\t1\nTracerPid:\t0\nUid:\t1\t2\t3\t4\nGid:\t5\t5\t5\t5\n\
                          VmLck:\t  4 kB\nVmRSS:\t 100 kB\nVmSwap:\t 12 kB\nCapPrm:\t0000000000080001\n\
                          CapEff:\t0000000000080000\n";

    #[test]
    fn a_status_is_read_whole_or_not_at_all() {
        let process = Process::parse(7, STATUS).unwrap();
        assert_eq!((process.label(), process.parent), ("a: b (7)".to_owned(), 1));
        assert_eq!(process.users, Ids { real: 1, effective: 2, saved: 3, files: 4 });
        assert!(process.groups.are_all(5) && !process.users.are_all(1));
        assert_eq!(process.memory, Some(Memory { resident: 100, swapped: 12, locked: 4 }));
        assert!(process.may_trace_all());
        // As a kernel thread has it, and one that has ended.
        assert_eq!(Process::parse(7, &STATUS.replace("VmRSS", "x")).unwrap().memory, None);
        for field in ["Name", "Tgid", "PPid", "TracerPid", "Uid", "Gid", "CapPrm", "CapEff"] {
            assert!(Process::parse(7, &STATUS.replace(field, "x")).is_none(), "{field}");
        }
    }

    #[test]
    fn parents_are_followed_to_the_first_and_never_in_a_circle() {
        let process = |pid: i32, parent: i32| {
            let status = STATUS.replace("PPid:\t1", &format!("PPid:\t{parent}"));
            Process::parse(pid, &status).unwrap()
        };
        assert_eq!(lineage(&[process(1, 0), process(5, 1), process(9, 5), process(8, 1)], 9), [9, 5, 1]);
        assert_eq!(lineage(&[process(5, 9), process(9, 5)], 9).len(), 3);
        assert_eq!(lineage(&[], 9), [9]);
    }
}
