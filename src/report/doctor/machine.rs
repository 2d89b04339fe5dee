//! What this machine allows, and what surrounds a launch that is started as this doctor is.

use super::proc::{Process, lineage, processes, some_of};
use super::{Finding, in_each_place};
use crate::environ::Environ;
use crate::failure::Failure;
use crate::inject::file;
use crate::plan::Options;
use crate::spec::Spec;
use crate::users;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::geteuid;
use std::fs;
use std::path::{Path, PathBuf};

/// May put this process into another mount namespace; it is to end soon.
pub(crate) fn examine(spec: Result<&Spec, &[Failure]>, options: &Options, environ: &Environ) -> Vec<Finding> {
    let mut findings = vec![
        files(environ),
        swap(),
        locked_memory(soft_limit(Resource::RLIMIT_MEMLOCK)),
        core_dumps(soft_limit(Resource::RLIMIT_CORE)),
    ];
    #[cfg(feature = "local")]
    findings.extend(super::identity::examine(spec, environ));
    #[cfg(not(feature = "local"))]
    let _ = spec;
    findings.extend([other_processes(options), tracing(), descriptors(environ), process()]);
    findings
}

fn files(environ: &Environ) -> Finding {
    let name = "files";
    let outlook = match file::probe(&[], environ) {
        Ok(outlook) => outlook,
        Err(errors) => {
            let found = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let remedy =
                in_each_place("RuntimeDirectory=NAME", "--tmpfs /run", "mount -t tmpfs -o mode=755 tmpfs /run");
            return Finding::weak(name, found, "a launch with files stops with 125", remedy);
        }
    };
    let swap = if outlook.unswapped { "never swapped" } else { "may be swapped out" };
    let found = format!("{} in {} ({}); {swap}", outlook.method.name(), outlook.directory.display(), outlook.why);
    match outlook.method {
        file::Method::Namespace => {
            Finding::good(name, found, "no other process sees a launch's files; the kernel removes them")
        }
        file::Method::Directory => Finding::weak(
            name,
            found,
            "processes of this user and root see a launch's files; a small helper removes them",
            in_each_place(
                "no User=, but inject --user NAME; no RestrictNamespaces=",
                "--cap-add SYS_ADMIN, as root, with inject --user NAME",
                "sudo inject --user NAME -- COMMAND",
            ),
        ),
    }
}

/// proc_swaps(5): a head line, then one for each area.
fn swap() -> Finding {
    let name = "swap";
    let text = match fs::read_to_string("/proc/swaps") {
        Ok(text) => text,
        Err(error) => return Finding::unknown(name, "/proc/swaps", &error),
    };
    let areas: Vec<_> = text.lines().skip(1).filter_map(|line| line.split_ascii_whitespace().next()).collect();
    let sys = Path::new("/sys");
    let plain: Vec<_> = areas.iter().copied().filter(|area| !keeps_secrets(sys, area)).collect();
    if areas.is_empty() {
        return Finding::good(name, "none", "values cannot get to a swap device");
    }
    if plain.is_empty() {
        let means = "what is swapped out stays in memory or is encrypted";
        return Finding::good(name, areas.join(", "), means);
    }
    let found = plain.join(", ");
    let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    if is_swap_forbidden(&sys.join("fs/cgroup"), &cgroups) {
        return Finding::good(name, format!("{found}, and not for this control group"), "values are not swapped out");
    }
    let means = "what is neither locked nor on a noswap tmpfs may be written to disk";
    let remedy =
        in_each_place("MemorySwapMax=0", "--memory SIZE --memory-swap SIZE, the same twice", &swap_off(&plain));
    Finding::weak(name, found, means, remedy)
}

fn swap_off(areas: &[&str]) -> String {
    format!("swapoff {}, or encrypt it: crypttab(5)", areas.join(" "))
}

/// zram is memory, unless it has been given a device to write back to; dm-crypt encrypts.
fn keeps_secrets(sys: &Path, area: &str) -> bool {
    let device = fs::canonicalize(area).unwrap_or_else(|_| PathBuf::from(area));
    let Some(device) = device.strip_prefix("/dev").ok().and_then(Path::to_str) else { return false };
    let about = |file: &str| fs::read_to_string(sys.join("class/block").join(device).join(file)).unwrap_or_default();
    let is_written_back = !matches!(about("backing_dev").trim(), "" | "none");
    (device.starts_with("zram") && !is_written_back) || about("dm/uuid").starts_with("CRYPT-")
}

/// Whether this process's control group (version 2), or one that it is in, may use no swap: cgroups(7).
fn is_swap_forbidden(root: &Path, cgroups: &str) -> bool {
    let Some(path) = cgroups.lines().find_map(|line| line.strip_prefix("0::/")) else { return false };
    let own = root.join(path);
    let above = own.ancestors().take_while(|group| group.starts_with(root));
    above
        .into_iter()
        .any(|group| fs::read_to_string(group.join("memory.swap.max")).is_ok_and(|limit| limit.trim() == "0"))
}

fn soft_limit(resource: Resource) -> u64 {
    getrlimit(resource).map_or(0, |(soft, _)| soft)
}

fn locked_memory(limit: u64) -> Finding {
    let name = "locked memory";
    match limit {
        RLIM_INFINITY => Finding::good(name, "unlimited", "a launch locks all its memory while it holds values"),
        limit => Finding::weak(
            name,
            format!("at most {} KiB", limit / 1024),
            "a launch does not lock its memory; it lives for milliseconds",
            in_each_place("LimitMEMLOCK=infinity", "--ulimit memlock=-1:-1", "ulimit -l unlimited"),
        ),
    }
}

/// core(5): the limit counts for files. A pattern that begins with `|` names a program, one with `@` a
/// socket, which get every dump whatever the limit is; only a limit of 1, in which the kernel sees a
/// program that crashed over a crash, keeps a dump from a program (coredump_pipe() of fs/coredump.c).
/// inject itself forbids its dumps in any case.
pub(super) fn core_dumps(limit: u64) -> Finding {
    let name = "core dumps";
    let file = "/proc/sys/kernel/core_pattern";
    let pattern = match fs::read_to_string(file) {
        Ok(pattern) => pattern.trim().to_owned(),
        Err(error) => return Finding::unknown(name, file, &error),
    };
    let shown = if limit == RLIM_INFINITY { "unlimited".to_owned() } else { format!("at most {limit} bytes") };
    let found = format!("{shown}, pattern {pattern}");
    let none = "a command that crashes leaves no copy of its memory";
    match pattern.bytes().next() {
        Some(b'|') if limit != 1 => Finding::weak(
            name,
            found,
            "a program gets the memory of a command that crashes, values and all, and may write it to disk",
            in_each_place("LimitCORE=1", "--ulimit core=1:1", "prlimit --core=1 inject -- COMMAND"),
        ),
        Some(b'@') => Finding::weak(
            name,
            found,
            "a service gets the memory of a command that crashes, values and all, and may write it to disk",
            "on the host: sysctl kernel.core_pattern=core, with a core limit of 0",
        ),
        // Less than a page is no file either.
        _ if limit > 1 => Finding::weak(
            name,
            found,
            "a command that crashes leaves its memory, values and all, in a file on disk",
            in_each_place("LimitCORE=0", "--ulimit core=0:0", "ulimit -c 0"),
        ),
        _ => Finding::good(name, found, none),
    }
}

/// Those that may read the command's environment, and mostly its memory. Not those that this process
/// descends from: they gave it what it has, and can give or keep it without asking the kernel.
fn other_processes(options: &Options) -> Finding {
    let name = "other processes";
    let user = match options.privileges.user.as_deref().map(users::identity) {
        None => geteuid().as_raw(),
        Some(Ok(identity)) => identity.user,
        Some(Err(message)) => {
            let means = "who the command would be is not known";
            return Finding::weak(name, format!("--user: {message}"), means, "name a user that there is");
        }
    };
    let (seen, hidden) = match processes() {
        Ok(found) => found,
        Err(error) => return Finding::unknown(name, "/proc", &error),
    };
    let us = lineage(&seen, std::process::id().cast_signed());
    let same =
        |process: &&Process| process.users.files == user && process.memory.is_some() && !us.contains(&process.pid);
    let same: Vec<_> = seen.iter().filter(same).collect();
    let who = users::login_name(user).unwrap_or_else(|| user.to_string());
    let unseen = if hidden == 0 { String::new() } else { format!("; {hidden} cannot be looked at") };
    if same.is_empty() {
        let means = "root alone can read what the command holds";
        return Finding::good(name, format!("none of user {who}{unseen}"), means);
    }
    Finding::weak(
        name,
        format!("{} of user {who}: {}{unseen}", same.len(), some_of(same.iter().copied())),
        "they can read the command's environment, and its memory where tracing allows that",
        in_each_place(
            "DynamicUser=yes, or a User= that nothing else runs as",
            "a container for the command alone",
            "inject --user NAME, one that nothing else runs as (needs root)",
        ),
    )
}

/// The Yama module's ptrace_scope: it stands before memory, never before the environment.
fn tracing() -> Finding {
    let name = "tracing";
    match ptrace_scope() {
        Some(scope) if scope > 0 => Finding::good(
            name,
            format!("ptrace_scope {scope}"),
            "other processes of this user cannot look into the command's memory; they can read its environment",
        ),
        found => Finding::weak(
            name,
            if found.is_some() { "ptrace_scope 0" } else { "no Yama" },
            "other processes of this user can look into the command's memory",
            match found {
                Some(_) => "on the host: sysctl kernel.yama.ptrace_scope=1",
                None => "on the host: add yama to lsm= on the kernel's command line",
            },
        ),
    }
}

pub(super) fn ptrace_scope() -> Option<u8> {
    fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok()?.trim().parse().ok()
}

/// What the command would get besides the standard three; sd_listen_fds(3) announces some.
fn descriptors(environ: &Environ) -> Finding {
    let name = "descriptors";
    let inherited = match inherited() {
        Ok(inherited) => inherited,
        Err(error) => return Finding::unknown(name, "/proc/self/fd", &error),
    };
    let announced = announced(environ);
    let extra: Vec<_> = inherited.iter().filter(|(number, _)| !(3..3 + announced).contains(number)).collect();
    if extra.is_empty() {
        let found = if announced == 0 { "none".to_owned() } else { format!("{announced}, all in LISTEN_FDS") };
        return Finding::good(name, found, "the command gets none but the standard three and those announced");
    }
    let shown: Vec<_> = extra.iter().map(|(number, target)| format!("{number} ({target})")).collect();
    let close: Vec<_> = extra.iter().map(|(number, _)| format!("{number}<&-")).collect();
    Finding::weak(
        name,
        shown.join(", "),
        "whoever started inject left these open, and the command gets them",
        in_each_place(
            "no OpenFile=, no FileDescriptorStoreMax=",
            "no --preserve-fds",
            &format!("inject -- COMMAND {}", close.join(" ")),
        ),
    )
}

/// Number and target of those above 2 that outlive exec.
fn inherited() -> std::io::Result<Vec<(u32, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}"))?;
        let flags = info.lines().find_map(|line| i32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
        let closes = flags.is_some_and(|flags| flags & nix::libc::O_CLOEXEC != 0);
        if number > 2 && !closes {
            let target = fs::read_link(entry.path()).map(|path| path.display().to_string());
            found.push((number, target.unwrap_or_else(|_| "?".to_owned())));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// How many descriptors, from 3 on, are meant for this process, which the command becomes.
fn announced(environ: &Environ) -> u32 {
    let number = |name: &str| std::str::from_utf8(environ.get(name)?).ok()?.parse::<u32>().ok();
    number("LISTEN_FDS").filter(|_| number("LISTEN_PID") == Some(std::process::id())).unwrap_or(0).min(1 << 20)
}

fn process() -> Finding {
    let init = std::process::id() == 1;
    let user = if geteuid().is_root() { "root" } else { "an ordinary user" };
    let means =
        if init { "the command becomes PID 1 and has to reap what is orphaned" } else { "the command keeps this PID" };
    Finding::good("process", format!("{user}, {}", if init { "PID 1" } else { "not PID 1" }), means)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A /sys of one's own.
    struct Sys(PathBuf);

    impl Sys {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let directory = std::env::temp_dir().join(format!("inject-doctor-{name}-{}", std::process::id()));
            for (path, content) in files {
                let path = directory.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            Self(directory)
        }
    }

    impl Drop for Sys {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn swap_is_harmless_in_memory_and_where_it_is_encrypted() {
        let sys = Sys::new(
            "swap",
            &[
                ("class/block/zram70/backing_dev", "none\n"),
                ("class/block/zram71/backing_dev", "/dev/sdb\n"),
                ("class/block/dm-70/dm/uuid", "CRYPT-PLAIN-swap\n"),
                ("class/block/dm-71/dm/uuid", "LVM-x\n"),
            ],
        );
        let harmless = ["/dev/zram70", "/dev/zram72", "/dev/dm-70"];
        let plain = ["/dev/zram71", "/dev/dm-71", "/dev/sda70", "/swapfile", "/zram70"];
        assert!(harmless.iter().all(|area| keeps_secrets(&sys.0, area)));
        assert!(!plain.iter().any(|area| keeps_secrets(&sys.0, area)));
    }

    #[test]
    fn a_control_group_without_swap_counts_for_those_below_it() {
        let sys = Sys::new("cgroup", &[("a/memory.swap.max", "0\n"), ("b/memory.swap.max", "max\n")]);
        for (cgroups, forbidden) in [("0::/a/x/y\n", true), ("1:cpu:/a\n0::/a\n", true), ("0::/b\n", false)] {
            assert_eq!(is_swap_forbidden(&sys.0, cgroups), forbidden, "{cgroups}");
        }
        assert!(!is_swap_forbidden(&sys.0, "1:memory:/a\n"));
    }

    #[test]
    fn only_an_unlimited_lock_is_as_a_launch_wants_it() {
        assert!(locked_memory(RLIM_INFINITY).remedy.is_none());
        assert!(locked_memory(8 << 20).remedy.unwrap().contains("LimitMEMLOCK=infinity"));
    }

    #[test]
    fn sockets_are_announced_to_the_process_that_they_are_for() {
        let us = format!("LISTEN_PID={}", std::process::id());
        assert_eq!(announced(&Environ::of([&us, "LISTEN_FDS=2"])), 2);
        assert_eq!(announced(&Environ::of(["LISTEN_PID=1", "LISTEN_FDS=2"])), 0);
        assert_eq!(announced(&Environ::of([&us, "LISTEN_FDS=x"])), 0);
    }
}
