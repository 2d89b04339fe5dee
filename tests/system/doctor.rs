//! `inject doctor` in surroundings made for it: without a fault, with one weakness each, and with what
//! doctor says to do against it.

use crate::harness::{IDENTITY, Outcome, PROGRAM, World};
use crate::{need_root, tool};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use serde_json::{Value, json};

/// All is well after this: no other process, a sysctl tree and a list of swap areas of its own, nothing
/// inherited.
const WELL: &str = r#"
for n in /proc/$$/fd/*; do n=${n##*/}; [ "$n" -le 2 ] || eval "exec $n<&-"; done
sys=/proc/sys/kernel
mount -t tmpfs tmpfs $sys
mkdir $sys/yama
echo 1 >$sys/yama/ptrace_scope
echo core >$sys/core_pattern
echo 'Filename Type Size Used Priority' >$sys/swaps
mount --bind $sys/swaps /proc/swaps
ulimit -S -c 0
ulimit -S -l "$(ulimit -H -l)"
"#;

/// Raising a hard limit takes a capability that root has not everywhere.
fn may_lock_all() -> bool {
    getrlimit(Resource::RLIMIT_MEMLOCK).unwrap().1 == RLIM_INFINITY
}

/// The script, behind [`WELL`], as PID 1 of namespaces that nothing comes back from.
fn inside(world: &World, script: &str) -> Outcome {
    need_root();
    let namespaces = ["--mount", "--propagation", "private", "--fork", "--pid", "--kill-child", "--mount-proc"];
    let script = format!("{WELL}\n{script}");
    let bash = ["bash", "-e", "-c", &script];
    let unshare = world.run(tool("unshare", "util-linux"), namespaces.iter().chain(&bash));
    let path = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";
    unshare.env("PROGRAM", PROGRAM).env("PATH", path).done()
}

fn finding(report: &Value, name: &str) -> Value {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["name"] == name).unwrap_or_else(|| panic!("no {name} in {report}")).clone()
}

/// The names of what is amiss after the script, by the report; the status of `--strict` says the same.
#[track_caller]
fn amiss(world: &World, script: &str, doctor: &str) -> (Vec<String>, Value) {
    let done = inside(world, &format!("{script}\nexec {doctor} --json --strict"));
    assert_eq!(done.err, "", "{script}: {}", done.text());
    let report: Value = serde_json::from_slice(&done.out).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let weak = findings.filter(|finding| finding["good"] == false);
    let weak: Vec<_> = weak.map(|finding| finding["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(done.status, Some(if weak.is_empty() { 0 } else { 125 }), "{report}");
    (weak, report)
}

/// After the script nothing is amiss, but what this machine does not allow to mend.
#[track_caller]
fn is_well(world: &World, script: &str, doctor: &str) {
    let (weak, report) = amiss(world, script, doctor);
    assert!(weak.iter().all(|weak| weak == "locked memory" && !may_lock_all()), "{script}: {report}");
}

/// After the script this is amiss, nothing else, and these pieces are found. Gives what to do about it.
#[track_caller]
fn finds(world: &World, name: &str, script: &str, doctor: &str, pieces: &[&str]) -> String {
    let (mut weak, report) = amiss(world, script, doctor);
    weak.retain(|weak| weak == name || weak != "locked memory" || may_lock_all());
    assert_eq!(weak, [name], "{script}: {report}");
    let finding = finding(&report, name);
    let found = finding["found"].as_str().unwrap();
    assert!(pieces.iter().all(|piece| found.contains(piece)), "{found}");
    finding["remedy"].as_str().unwrap().to_owned()
}

/// What a remedy says to do in this place.
#[track_caller]
fn part<'r>(remedy: &'r str, place: &str) -> &'r str {
    remedy.lines().find_map(|line| line.strip_prefix(place)?.strip_prefix(": ")).unwrap_or_else(|| panic!("{remedy}"))
}

const DOCTOR: &str = "\"$PROGRAM\" doctor";

#[test]
fn doctor_has_nothing_to_say_where_all_is_well() {
    is_well(&World::new(), "", DOCTOR);
}

#[test]
fn doctor_finds_swap_unless_it_is_memory_or_forbidden() {
    let world = World::new();
    let areas = |path: &str| format!("echo '{path} partition 1024 0 -2' >>/proc/swaps");
    let remedy = finds(&world, "swap", &areas("/dev/sdz9"), DOCTOR, &["/dev/sdz9"]);
    assert_eq!(part(&remedy, "systemd"), "MemorySwapMax=0");
    assert!(part(&remedy, "shell").starts_with("swapoff /dev/sdz9,"), "{remedy}");
    // As the directive, or the container's option, does.
    let forbidden = "mount -t tmpfs tmpfs /sys/fs/cgroup; echo 0 >/sys/fs/cgroup/memory.swap.max";
    is_well(&world, &format!("{}; {forbidden}", areas("/dev/sdz9")), DOCTOR);
    is_well(&world, &areas("/dev/zram99"), DOCTOR);
}

#[test]
fn doctor_finds_core_dumps_that_reach_a_disk_or_a_program() {
    let world = World::new();
    let (to_disk, pattern) = ("ulimit -S -c unlimited", "echo '/var/crash/%e' >$sys/core_pattern");
    let remedy = finds(&world, "core dumps", &format!("{to_disk}; {pattern}"), DOCTOR, &["unlimited", "/var/crash/%e"]);
    assert_eq!(part(&remedy, "systemd"), "LimitCORE=0");
    is_well(&world, &format!("{to_disk}; {pattern}; {}", part(&remedy, "shell")), DOCTOR);
    is_well(&world, pattern, DOCTOR);

    let piped = "echo '|/usr/bin/collector %p' >$sys/core_pattern";
    let remedy = finds(&world, "core dumps", piped, DOCTOR, &["|/usr/bin/collector"]);
    assert_eq!(part(&remedy, "podman or docker"), "--ulimit core=1:1");
    let shell = part(&remedy, "shell").strip_suffix("inject -- COMMAND").unwrap();
    is_well(&world, piped, &format!("{shell} {DOCTOR}"));
}

#[test]
fn doctor_finds_an_identity_that_all_may_read() {
    let world = World::with_store();
    is_well(&world, "", DOCTOR);
    world.mode(IDENTITY, 0o644);
    let remedy = finds(&world, "identity", "", DOCTOR, &[IDENTITY, "of root, mode 0644"]);
    is_well(&world, &remedy, DOCTOR);
    let of_another = format!("chown 65534 '{}'", world.path(IDENTITY).display());
    let remedy = finds(&world, "identity", &of_another, DOCTOR, &[IDENTITY, "mode 0600"]);
    is_well(&world, &remedy, DOCTOR);
}

/// As in a container with the default capabilities.
const CONFINED: &str = "setpriv --bounding-set -sys_admin \"$PROGRAM\" doctor";

#[test]
fn doctor_finds_that_there_is_no_memory_for_files() {
    let world = World::new();
    std::fs::create_dir(world.path("disk")).unwrap();
    let nowhere = "for place in /run /dev/shm; do mount --bind disk $place; done";
    let remedy = finds(&world, "files", nowhere, CONFINED, &["no place in memory", "not on a tmpfs"]);
    assert_eq!(part(&remedy, "podman or docker"), "--tmpfs /run");
    let mounted = format!("{nowhere}; {}", part(&remedy, "shell"));
    // Which leaves files that others see.
    finds(&world, "files", &mounted, CONFINED, &["directory in /run"]);
    is_well(&world, &mounted, DOCTOR);
}

#[test]
fn doctor_finds_that_there_are_no_mount_namespaces() {
    let world = World::new();
    let memory = "mount -t tmpfs -o mode=755 tmpfs /run";
    let remedy = finds(&world, "files", memory, CONFINED, &["directory in /run", "unshare: Operation not permitted"]);
    assert!(part(&remedy, "podman or docker").starts_with("--cap-add SYS_ADMIN"), "{remedy}");
    assert!(part(&remedy, "systemd").contains("--user NAME"), "{remedy}");
    let user = format!("{DOCTOR} --user nobody");
    is_well(&world, memory, &user);
}

#[test]
fn doctor_finds_little_locked_memory() {
    let world = World::new();
    let remedy = finds(&world, "locked memory", "ulimit -S -l 64", DOCTOR, &["64 KiB"]);
    assert_eq!(part(&remedy, "systemd"), "LimitMEMLOCK=infinity");
    let raised = format!("ulimit -S -l 64; {} 2>/dev/null ||:", part(&remedy, "shell"));
    is_well(&world, &raised, DOCTOR);
}

#[test]
fn doctor_finds_other_processes_of_the_user() {
    let world = World::new();
    let remedy = finds(&world, "other processes", "sleep 1000 &", DOCTOR, &["1 of user root: "]);
    assert!(part(&remedy, "shell").starts_with("inject --user NAME"), "{remedy}");
    is_well(&world, "sleep 1000 &", &format!("{DOCTOR} --user nobody"));
    // What it descends from is none.
    let done = inside(&world, &format!("{DOCTOR} --json; exit"));
    let report: Value = serde_json::from_slice(&done.quiet().out).unwrap();
    assert_eq!(finding(&report, "other processes")["good"], true, "{report}");
}

#[test]
fn doctor_knows_of_no_other_process_where_it_sees_none() {
    let world = World::new();
    for (elsewhere, why) in
        [("mount -t tmpfs tmpfs /proc; exec", "No such file"), ("exec unshare --pid --fork", "another PID namespace")]
    {
        let done = inside(&world, &format!("{elsewhere} {DOCTOR} --json"));
        let finding = finding(&serde_json::from_slice(&done.quiet().out).unwrap(), "other processes");
        assert_eq!(finding["good"], false, "{finding}");
        assert!(finding["found"].as_str().unwrap().contains(why), "{finding}");
        assert!(finding["remedy"].as_str().unwrap().contains("mount -t proc"), "{finding}");
    }
}

#[test]
fn doctor_finds_tracing() {
    let world = World::new();
    let open = "echo 0 >$sys/yama/ptrace_scope";
    let remedy = finds(&world, "tracing", open, DOCTOR, &["ptrace_scope 0"]);
    is_well(&world, &format!("{open}; {} >/dev/null", part(&remedy, "on the host")), DOCTOR);
    let remedy = finds(&world, "tracing", "rm -r $sys/yama", DOCTOR, &["no Yama"]);
    assert!(part(&remedy, "on the host").contains("lsm="), "{remedy}");
}

#[test]
fn doctor_finds_descriptors_that_nobody_announced() {
    let world = World::new();
    let open = "exec 3</etc/passwd 27</dev/null";
    let remedy = finds(&world, "descriptors", open, DOCTOR, &["3 (/etc/passwd)", "27 (/dev/null)"]);
    let closing = part(&remedy, "shell").strip_prefix("inject -- COMMAND ").unwrap();
    is_well(&world, open, &format!("{DOCTOR} {closing}"));
    is_well(&world, "exec 3</etc/passwd; export LISTEN_FDS=1 LISTEN_PID=$$", DOCTOR);
    finds(&world, "descriptors", "exec 3</etc/passwd; export LISTEN_FDS=1 LISTEN_PID=7", DOCTOR, &["3 ("]);
}

/// Starts a process of a user's in the background and waits until it is what it is to be; its number is
/// `$!` then.
fn sleeper(program: &str) -> String {
    let user = "setpriv --reuid 65534 --regid 65534 --clear-groups";
    format!("{user} {program} 1000 & until grep -qx sleep /proc/$!/comm; do :; done")
}

fn about(world: &World, script: &str, doctor: &str) -> Value {
    let done = inside(world, &format!("{script}\nexec {doctor} --json"));
    serde_json::from_slice(&done.quiet().out).unwrap()
}

/// The numbers of those that read it for this reason, and what they read.
fn readers(report: &Value, why: &str) -> Vec<(i64, String)> {
    let readers = report["readers"].as_array().unwrap().iter().filter(|reader| reader["why"] == why);
    readers.map(|reader| (reader["pid"].as_i64().unwrap(), reader["reads"].to_string())).collect()
}

#[test]
fn doctor_tells_who_reads_a_process() {
    let world = World::new();
    let of_nobody = sleeper("sleep");
    let two = format!("echo 0 >$sys/yama/ptrace_scope; {of_nobody}; other=$!; {of_nobody}; pid=$!; echo $other >other");
    let other = || world.run("cat", ["other"]).done().quiet().text().trim().parse::<i64>().unwrap();
    let both = r#"["memory","environment"]"#.to_owned();
    let pid = format!("{DOCTOR} --pid $pid");

    let report = about(&world, &two, &pid);
    assert_eq!((&report["user"], &report["name"]), (&json!("nobody"), &json!("sleep")));
    assert_eq!(readers(&report, "same user"), [(other(), both.clone())]);
    assert!(finding(&report, "other processes")["remedy"].as_str().unwrap().contains("User="));
    assert!(report["limits"].to_string().contains("PID namespace"), "{report}");

    let restricted = format!("{two}; echo 1 >$sys/yama/ptrace_scope");
    let report = about(&world, &restricted, &pid);
    assert_eq!(readers(&report, "same user"), [(other(), r#"["environment"]"#.to_owned())]);

    // A process can ask not to be looked into: prctl(2), PR_SET_DUMPABLE and then PR_SET_NAME.
    let ask = "import ctypes, time; prctl = ctypes.CDLL(None).prctl; prctl(4, 0, 0, 0, 0); prctl(15, b\"sleep\", 0, 0, 0); \
               time.sleep(1000)";
    let python = format!("{} -c '{ask}'", tool("/usr/bin/python3", "python3"));
    let closed = format!("{of_nobody}; {}; pid=$!", sleeper(&python));
    let report = about(&world, &closed, &pid);
    assert!(readers(&report, "same user").is_empty(), "{report}");
    assert_eq!(finding(&report, "other processes")["good"], true);

    let traced = format!(
        "{of_nobody}; pid=$!; strace -q -o /dev/null -p $pid & echo $! >other; \
         until ! grep -q '^TracerPid:.0$' /proc/$pid/status; do :; done"
    );
    tool("strace", "strace");
    let report = about(&world, &traced, &pid);
    assert_eq!(readers(&report, "traces it now"), [(other(), both.clone())]);

    let root = format!("{of_nobody}; pid=$!; sleep 1000 & echo $! >other");
    let report = about(&world, &root, &pid);
    assert_eq!(readers(&report, "CAP_SYS_PTRACE"), [(other(), both)]);
    assert_eq!(finding(&report, "other processes")["good"], true);
}

#[test]
fn doctor_tells_who_sees_the_files_of_a_process_and_where_its_dumps_go() {
    let world = World::new();
    let shared = format!("ulimit -S -c unlimited; {}; pid=$!; sleep 1000 & other=$!", sleeper("sleep"));
    let shared = format!("{shared}; until grep -qx sleep /proc/$other/comm; do :; done");
    let report = about(&world, &shared, &format!("prlimit --core=0 {DOCTOR} --pid $pid"));
    assert!(finding(&report, "files")["found"].as_str().unwrap().contains("sleep ("), "{report}");
    assert!(finding(&report, "core dumps")["found"].as_str().unwrap().starts_with("unlimited"), "{report}");
    let own = "unshare --mount sleep 1000 & pid=$!; until grep -qx sleep /proc/$pid/comm; do :; done";
    is_well(&world, own, &format!("{DOCTOR} --pid $pid"));
}

#[test]
fn doctor_says_that_root_can_look_where_it_may_not() {
    let world = World::new();
    let copy = "mount -t tmpfs tmpfs /mnt; cp \"$PROGRAM\" /mnt/inject; sleep 1000 &";
    let doctor = "exec setpriv --reuid 65534 --regid 65534 --clear-groups /mnt/inject doctor --pid $!";
    let done = inside(&world, &format!("{copy}\ncd /; {doctor}"));
    done.fails(125, &["--pid", "Permission denied", "sudo inject doctor --pid"]);
}
