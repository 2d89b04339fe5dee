//! A datagram from another process, with who sent it and the descriptors that came along.

use nix::cmsg_space;
use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg};
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

/// As many descriptors as the kernel lets one message carry.
const DESCRIPTORS: usize = 253;

pub(crate) struct Datagram {
    pub(crate) length: usize,
    /// Whether the buffer took all of it.
    pub(crate) whole: bool,
    /// Where the socket asks for credentials.
    pub(crate) sender: Option<UnixCredentials>,
    /// Close-on-exec.
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// Takes one that is there already.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> nix::Result<Datagram> {
    let mut control = cmsg_space!(libc::ucred, [RawFd; DESCRIPTORS]);
    let mut buffer = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let received = recvmsg::<()>(socket.as_raw_fd(), &mut buffer, Some(&mut control), flags)?;
    let (mut sender, mut descriptors) = (None, Vec::new());
    for part in received.cmsgs()? {
        match part {
            ControlMessageOwned::ScmCredentials(credentials) => sender = Some(credentials),
            // SAFETY: the kernel has just made them for this process, and nobody else knows their numbers.
            ControlMessageOwned::ScmRights(numbers) => unsafe {
                descriptors.extend(numbers.into_iter().map(|number| OwnedFd::from_raw_fd(number)));
            },
            _ => {}
        }
    }
    Ok(Datagram { length: received.bytes, whole: !received.flags.contains(MsgFlags::MSG_TRUNC), sender, descriptors })
}
