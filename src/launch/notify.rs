//! The service manager's protocol, sd_notify(3): what a supervisor owes a command that expects to be the
//! unit's main process, and what a launch says while it resolves.
//!
//! A manager listens to the main process alone (`NotifyAccess=main`, the default). Beside a supervisor the
//! command is not that one, so it gets a socket of ours, and what it says there goes on in our name.

use crate::environ::Environ;
use crate::sys::datagram::{Datagram, receive};
use nix::sys::socket::sockopt::{PassCred, SendTimeout};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, UnixCredentials, bind, getsockname, sendmsg,
    setsockopt, socket,
};
use nix::sys::time::{TimeVal, TimeValLike as _};
use nix::unistd::{Pid, geteuid, getpid};
use std::ffi::{CStr, CString, OsStr};
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

const SOCKET: &[u8] = b"NOTIFY_SOCKET=";

/// Asks for as long as resolving may take: a start that is slow because a store is slow has not failed.
pub(crate) fn ask_for_time(environ: &Environ, most: Duration) {
    let Some(manager) = environ.get("NOTIFY_SOCKET").and_then(address) else { return };
    let message = format!("EXTEND_TIMEOUT_USEC={}", most.as_micros());
    if let Ok(socket) = open() {
        let _ = sendmsg(
            socket.as_raw_fd(),
            &[IoSlice::new(message.as_bytes())],
            &[],
            MsgFlags::MSG_NOSIGNAL,
            Some(&manager),
        );
    }
}

/// Passes on what the command tells the manager.
pub(super) struct Relay {
    socket: OwnedFd,
    manager: UnixAddr,
}

impl Relay {
    /// None where the command has nobody to tell.
    pub(super) fn new(passed: &[&CStr]) -> nix::Result<Option<Self>> {
        let given = passed.iter().find_map(|entry| entry.to_bytes().strip_prefix(SOCKET));
        let Some(manager) = given.and_then(address) else { return Ok(None) };
        let socket = open()?;
        setsockopt(&socket, PassCred, &true)?;
        // The kernel chooses a name of the abstract kind (unix(7)), which no mount hides and nobody has to remove.
        bind(socket.as_raw_fd(), &UnixAddr::new_unnamed())?;
        Ok(Some(Self { socket, manager }))
    }

    /// One message that has arrived, with its descriptors. False where there is none, or the manager does not take it:
    /// a command that tells it more and more must not keep signals from being passed on.
    pub(super) fn pass_on(&self, command: Pid) -> bool {
        // As long as systemd takes one.
        let mut buffer = [0; 4096];
        let Ok(Datagram { length, whole, sender, descriptors }) = receive(self.socket.as_fd(), &mut buffer) else {
            return false;
        };
        // From the command, whoever it has made itself since, from who we are, or root.
        let is_heard = |sender: UnixCredentials| {
            sender.pid() == command.as_raw() || [0, geteuid().as_raw()].contains(&sender.uid())
        };
        !whole || !sender.is_some_and(is_heard) || self.tell(&in_our_name(&buffer[..length], getpid()), &descriptors)
    }

    fn tell(&self, message: &[u8], descriptors: &[OwnedFd]) -> bool {
        let numbers: Vec<RawFd> = descriptors.iter().map(|descriptor| descriptor.as_raw_fd()).collect();
        let rights = [ControlMessage::ScmRights(&numbers)];
        let attached = if numbers.is_empty() { &[][..] } else { &rights };
        let flags = MsgFlags::MSG_NOSIGNAL;
        sendmsg(self.socket.as_raw_fd(), &[IoSlice::new(message)], attached, flags, Some(&self.manager)).is_ok()
    }

    /// The entry that tells the command of it.
    fn entry(&self) -> Option<CString> {
        let name = getsockname::<UnixAddr>(self.socket.as_raw_fd()).ok()?;
        CString::new([SOCKET, b"@", name.as_abstract()?].concat()).ok()
    }
}

impl AsFd for Relay {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What a manager says of the process that it started, said of the command instead: it is to find what it
/// would find without a supervisor.
pub(super) fn readdress(passed: &mut Vec<&'static CStr>, supervisor: Pid, relay: Option<&Relay>) {
    let is_of = |entry: &CStr, name: &str| entry.to_bytes() == format!("{name}={supervisor}").as_bytes();
    if passed.iter().any(|entry| is_of(entry, "LISTEN_PID")) {
        // Tells two processes of one number apart; the command may go without.
        passed.retain(|entry| !entry.to_bytes().starts_with(b"LISTEN_PIDFDID="));
    }
    for entry in passed {
        let name = ["LISTEN_PID", "WATCHDOG_PID", "SYSTEMD_EXEC_PID"].into_iter().find(|name| is_of(entry, name));
        let changed = match (name, relay) {
            (Some(name), _) => CString::new(format!("{name}={}", getpid())).ok(),
            (None, Some(relay)) if entry.to_bytes().starts_with(SOCKET) => relay.entry(),
            _ => None,
        };
        if let Some(changed) = changed {
            // As long as the environment that it stands in.
            *entry = Box::leak(changed.into_boxed_c_str());
        }
    }
}

/// An absolute path or `@` and an abstract name; other forms, which virtual machines use, are not ours to relay.
fn address(name: &[u8]) -> Option<UnixAddr> {
    match name {
        [b'@', name @ ..] if !name.is_empty() => UnixAddr::new_abstract(name).ok(),
        [b'/', ..] => UnixAddr::new(Path::new(OsStr::from_bytes(name))).ok(),
        _ => None,
    }
}

fn open() -> nix::Result<OwnedFd> {
    let socket = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // A manager that does not read must not keep signals from being passed on.
    setsockopt(&socket, SendTimeout, &TimeVal::seconds(1))?;
    Ok(socket)
}

/// The main process stays ours, whatever the command takes itself for: of one that is not its own child a
/// manager would not learn how it ended.
fn in_our_name(message: &[u8], us: Pid) -> Vec<u8> {
    let lines = message.split(|&byte| byte == b'\n').filter(|line| !line.starts_with(b"MAINPIDFDID="));
    let lines =
        lines.map(|line| if line.starts_with(b"MAINPID=") { format!("MAINPID={us}").into() } else { line.to_vec() });
    lines.collect::<Vec<_>>().join(&b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_is_at_a_path_or_an_abstract_name() {
        assert_eq!(address(b"/run/systemd/notify").unwrap().path(), Some(Path::new("/run/systemd/notify")));
        assert_eq!(address(b"@name").unwrap().as_abstract(), Some(&b"name"[..]));
        for bad in [&b""[..], b"@", b"relative", b"vsock:2:1234", &[b'/'; 200]] {
            assert!(address(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn the_main_process_stays_the_supervisor() {
        let said = |message: &[u8]| String::from_utf8(in_our_name(message, Pid::from_raw(7))).unwrap();
        assert_eq!(said(b"READY=1"), "READY=1");
        assert_eq!(
            said(b"READY=1\nMAINPID=12\nMAINPIDFDID=5\nSTATUS=MAINPID=3\n"),
            "READY=1\nMAINPID=7\nSTATUS=MAINPID=3\n"
        );
        assert_eq!(said(b""), "");
    }
}
