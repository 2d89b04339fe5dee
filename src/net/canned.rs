//! Replies in a server's place: what a kind makes of any, without a socket. For tests and fuzzing alone.

use super::{HeaderMap, Reply, StatusCode};
use std::cell::RefCell;
use std::collections::VecDeque;
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
