//! The remote systems, each as a server in the process of the test: what a store of ours meets in
//! the world, without the world.
//!
//! [`http`] is the server, its faults and its count of calls, [`websocket`] the one for [`juju`],
//! [`tls`] their certificates; every other file is one system: a state, and one function from that and a request to a reply. Each of these
//! is driven by its system's official client in `tests/system/clients`.
//!
//! The library's own tests and both test programs include this; it knows none of them.

pub(crate) mod apolo;
pub(crate) mod client;
pub(crate) mod cloudify;
pub(crate) mod http;
pub(crate) mod juju;
pub(crate) mod qovery;
pub(crate) mod tapis;
pub(crate) mod tls;
pub(crate) mod websocket;
