//! Replies in a server's place: what a kind makes of any, without a socket. For tests and fuzzing alone.

use super::connect::Io;
use super::{HeaderMap, Reply, StatusCode};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::Cursor;
use zeroize::Zeroizing;

/// A status and a body.
pub(crate) type Canned = (u16, Vec<u8>);

thread_local! {
    static REPLIES: RefCell<Option<VecDeque<Canned>>> = const { RefCell::new(None) };
}

/// While `work` runs on this thread, each request gets the next of these; when none is left, 500.
pub(crate) fn with<T>(replies: impl IntoIterator<Item = Canned>, work: impl FnOnce() -> T) -> T {
    REPLIES.set(Some(replies.into_iter().collect()));
    let done = work();
    REPLIES.set(None);
    done
}

/// None: there is a server.
pub(super) fn next() -> Option<Reply> {
    let (status, body) =
        REPLIES.with_borrow_mut(|replies| Some(replies.as_mut()?.pop_front().unwrap_or((500, vec![]))))?;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Some(Reply { status, headers: HeaderMap::new(), body: Zeroizing::new(body) })
}

/// A websocket that is open already: each reply that is left is a message, and then it ends. None: there
/// is a server.
pub(super) fn websocket() -> Option<Io> {
    /// The last frame of a message in binary, which may be any bytes; its length in the eight after it
    /// (RFC 6455 section 5.2).
    const FRAME: [u8; 2] = [0x82, 127];
    let replies = REPLIES.with_borrow_mut(|replies| Some(std::mem::take(replies.as_mut()?)))?;
    let frame = |(_, body): (u16, Vec<u8>)| [&FRAME, (body.len() as u64).to_be_bytes().as_slice(), &body].concat();
    let said: Vec<u8> = replies.into_iter().flat_map(frame).collect();
    Some(Box::new(tokio::io::join(Cursor::new(said), tokio::io::sink())))
}
