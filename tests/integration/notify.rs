//! What a service manager is told, and what it told us: sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3).

use crate::files::{Running, eventually};
use crate::harness::{Inject, World, compiled};
use nix::cmsg_space;
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::sockopt::{PassCred, ReceiveTimeout};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, bind, recvmsg, setsockopt, socket,
};
use nix::sys::time::{TimeVal, TimeValLike as _};
use std::fs;
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::os::unix::process::ExitStatusExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The manager's end.
struct Manager {
    socket: OwnedFd,
    name: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Said {
    text: String,
    sender: i32,
    /// What is in the file that was attached.
    attached: Option<String>,
}

impl Manager {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("inject-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self::at(&UnixAddr::new_abstract(name.as_bytes()).unwrap(), format!("@{name}"))
    }

    fn at(address: &UnixAddr, name: String) -> Self {
        let socket = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).unwrap();
        setsockopt(&socket, PassCred, &true).unwrap();
        setsockopt(&socket, ReceiveTimeout, &TimeVal::seconds(60)).unwrap();
        bind(socket.as_raw_fd(), address).unwrap();
        Self { socket, name }
    }

    fn of(&self, inject: Inject) -> Inject {
        inject.env("NOTIFY_SOCKET", &self.name)
    }

    #[track_caller]
    fn hears(&self) -> Said {
        self.receive(MsgFlags::empty()).expect("it is told something")
    }

    /// To be asked after whoever could speak has ended.
    #[track_caller]
    fn hears_no_more(&self) {
        assert_eq!(self.receive(MsgFlags::MSG_DONTWAIT), None);
    }

    fn receive(&self, flags: MsgFlags) -> Option<Said> {
        let (mut bytes, mut control) = ([0; 8192], cmsg_space!(libc::ucred, RawFd));
        let mut buffer = [IoSliceMut::new(&mut bytes)];
        let received = recvmsg::<()>(self.socket.as_raw_fd(), &mut buffer, Some(&mut control), flags).ok()?;
        let (mut sender, mut attached) = (0, None);
        for part in received.cmsgs().unwrap() {
            match part {
                ControlMessageOwned::ScmCredentials(credentials) => sender = credentials.pid(),
                ControlMessageOwned::ScmRights(numbers) => {
                    attached = Some(fs::read_to_string(format!("/proc/self/fd/{}", numbers[0])).unwrap());
                }
                _ => {}
            }
        }
        let length = received.bytes;
        Some(Said { text: String::from_utf8_lossy(&bytes[..length]).into_owned(), sender, attached })
    }
}

fn notify() -> &'static str {
    compiled("notify").to_str().unwrap()
}

#[test]
fn what_the_command_tells_its_manager_comes_from_the_supervisor() {
    let world = World::new();
    world.file("stored", "content");
    let manager = Manager::new();
    let script = format!(
        "{0} READY=1 STATUS=up MAINPID=$$; {0} FDSTORE=1 FDNAME=x <stored; {0} WATCHDOG=1; exec {0} STOPPING=1",
        notify()
    );
    let mut inject = manager.of(world.inject(["-q", "--mode", "supervise", "--", "sh", "-c", &script])).start();
    let supervisor = inject.id().cast_signed();
    for (text, attached) in [
        (format!("READY=1\nSTATUS=up\nMAINPID={supervisor}"), None),
        ("FDSTORE=1\nFDNAME=x".to_owned(), Some("content".to_owned())),
        ("WATCHDOG=1".to_owned(), None),
        ("STOPPING=1".to_owned(), None),
    ] {
        assert_eq!(manager.hears(), Said { text, sender: supervisor, attached });
    }
    assert!(inject.wait().unwrap().success());
    manager.hears_no_more();
}

#[test]
fn a_commands_last_words_are_passed_on() {
    let world = World::new();
    let manager = Manager::new();
    for _ in 0..20 {
        let launch = ["-q", "--mode", "supervise", "--", notify(), "STATUS=bye"];
        manager.of(world.inject(launch)).done().quiet();
        assert_eq!(manager.receive(MsgFlags::MSG_DONTWAIT).map(|said| said.text).as_deref(), Some("STATUS=bye"));
    }
}

#[test]
fn a_manager_is_reached_by_a_path_too() {
    // The path of a socket is short: unix(7).
    let path = std::env::temp_dir().join(format!("inject-notify-{}", std::process::id()));
    let manager = Manager::at(&UnixAddr::new(&path).unwrap(), path.to_str().unwrap().to_owned());
    let world = World::new();
    let done = manager.of(world.inject(["-q", "--mode", "supervise", "--", notify(), "READY=1"])).done();
    fs::remove_file(path).unwrap();
    done.quiet();
    assert_eq!(manager.hears().text, "READY=1");
}

#[test]
fn without_a_supervisor_the_command_speaks_for_itself() {
    let world = World::new();
    let manager = Manager::new();
    let script = format!("echo $NOTIFY_SOCKET; exec {} READY=1", notify());
    let mut inject = manager.of(world.inject(["-q", "--", "sh", "-c", &script])).start();
    let said = manager.hears();
    assert_eq!((&*said.text, said.sender), ("READY=1", inject.id().cast_signed()));
    assert!(inject.wait().unwrap().success());
    manager.hears_no_more();
}

#[test]
fn a_manager_that_is_gone_or_in_another_machine_keeps_nothing_from_running() {
    let world = World::new();
    for name in ["@nobody-listens-here", "/nowhere/at/all", "vsock:2:1234", "", "@", "relative"] {
        for mode in ["exec", "supervise"] {
            let script = format!("{} READY=1; echo runs", notify());
            let inject = world.inject(["-q", "--mode", mode, "--", "sh", "-c", &script]);
            assert_eq!(inject.env("NOTIFY_SOCKET", name).done().quiet().text(), "runs\n", "{name} {mode}");
        }
    }
    // What is no socket of ours to relay stays as it is.
    let shown = world.inject(["-q", "--mode", "supervise", "--", "printenv", "NOTIFY_SOCKET"]);
    assert_eq!(shown.env("NOTIFY_SOCKET", "vsock:2:1234").done().quiet().text(), "vsock:2:1234\n");
}

#[test]
fn a_manager_that_does_not_read_keeps_no_signal_from_a_command_that_says_much() {
    let world = World::new();
    let manager = Manager::new();
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    let address = SocketAddr::from_abstract_name(manager.name.trim_start_matches('@')).unwrap();
    while sender.send_to_addr(b"", &address).is_ok() {}
    let script = format!("while :; do {} STATUS=x; [ -e said ] || : >said; done", notify());
    let launch = ["-q", "--mode", "supervise", "--", "sh", "-c", &script];
    let mut inject = Running(manager.of(world.inject(launch)).start());
    eventually("it says something", || world.exists("said"));
    kill(inject.pid(), Signal::SIGTERM).unwrap();
    eventually("it ends", || inject.0.try_wait().unwrap().is_some());
    assert_eq!(inject.0.wait().unwrap().signal(), Some(libc::SIGTERM));
}

#[test]
fn a_command_that_is_not_to_have_the_socket_gets_none() {
    let world = World::new();
    let manager = Manager::new();
    let shown = |options: &[&str]| {
        let command = ["--mode", "supervise", "--", "sh", "-c", "echo ${NOTIFY_SOCKET-none}"];
        manager.of(world.inject([&["-q"], options, &command].concat())).done().quiet().text().to_owned()
    };
    assert_eq!(shown(&["--drop", "NOTIFY_SOCKET"]), "none\n");
    assert_eq!(shown(&["-e", "NOTIFY_SOCKET=/mine"]), "/mine\n");
    assert_ne!(shown(&[]), format!("{}\n", manager.name));
}

#[test]
fn what_names_the_main_process_names_the_command() {
    let world = World::new();
    let told = |mode: &str, given: &str| {
        let outer = format!("export {given}; exec \"$0\" \"$@\"");
        let inner = "for name in LISTEN_PID WATCHDOG_PID SYSTEMD_EXEC_PID LISTEN_PIDFDID LISTEN_FDS; do eval value=\\$$name; \
                     [ \"$value\" = $$ ] && value=ours; echo $value; done";
        let launch = [crate::harness::PROGRAM, "-q", "--mode", mode, "--", "sh", "-c", inner];
        let done = world.run("sh", ["-c", &outer].iter().chain(&launch)).done().quiet();
        done.text().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let of_us = "LISTEN_PID=$$ WATCHDOG_PID=$$ SYSTEMD_EXEC_PID=$$ LISTEN_PIDFDID=7 LISTEN_FDS=1";
    assert_eq!(told("exec", of_us), ["ours", "ours", "ours", "7", "1"]);
    assert_eq!(told("supervise", of_us), ["ours", "ours", "ours", "", "1"]);
    // They may be meant for somebody else.
    let of_others = "LISTEN_PID=1 WATCHDOG_PID=1 SYSTEMD_EXEC_PID=1 LISTEN_PIDFDID=7 LISTEN_FDS=1";
    for mode in ["exec", "supervise"] {
        assert_eq!(told(mode, of_others), ["1", "1", "1", "7", "1"], "{mode}");
    }
}

#[test]
fn a_manager_is_asked_for_the_time_that_resolving_may_take() {
    let world = World::with_store();
    world.add("n", "value");
    let manager = Manager::new();
    for (options, mode, microseconds) in
        [(&[][..], "exec", 30_000_000), (&["--timeout", "2m"], "exec", 120_000_000), (&[], "supervise", 30_000_000)]
    {
        let command = ["-e", "V=$<secret:n>", "--mode", mode, "--", "true"];
        let launch = manager.of(world.inject(options.iter().chain(&command)));
        let mut inject = launch.start();
        let said = manager.hears();
        assert_eq!(said.text, format!("EXTEND_TIMEOUT_USEC={microseconds}"));
        assert_eq!(said.sender, inject.id().cast_signed(), "the main process says it");
        assert!(inject.wait().unwrap().success());
        manager.hears_no_more();
    }
    manager.of(world.inject(["-q", "-e", "V=plain", "--", "true"])).done().quiet();
    manager.hears_no_more();
}
