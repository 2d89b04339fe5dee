//! The faults of the doubles' server do what they say: a test of ours that meets one believes it.

use crate::doubles::client::{bytes, exchange};
use crate::doubles::http::{Fault, Reply, Server, Wire};
use std::io::ErrorKind;
use std::time::Duration;

const BODY: &str = "the whole body";

fn server() -> Server {
    Server::start(Wire::Plain, |_| Reply::text(200, BODY))
}

fn get(server: &Server, target: &str) -> Vec<u8> {
    bytes(server.address(), "GET", target, &[], b"").unwrap()
}

fn status(server: &Server, target: &str) -> u16 {
    exchange(server.address(), "GET", target, &[], b"").status
}

#[test]
fn a_request_arrives_as_it_was_sent_and_is_recorded() {
    let server = server();
    let target = "/a%2Fb/c?x=1%20+2&y&x=3";
    let reply = exchange(server.address(), "POST", target, &[("X-Name", "v")], b"{\"k\":1}");
    assert_eq!((reply.status, reply.body.as_slice()), (200, BODY.as_bytes()));
    let calls = server.calls();
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!((call.method.as_str(), call.path.as_str()), ("POST", "/a%2Fb/c"));
    assert_eq!(call.segments(), ["a/b", "c"]);
    assert_eq!((call.parameter("x"), call.parameter("y"), call.parameter("z")), (Some("1  2"), Some(""), None));
    assert_eq!((call.header("x-name"), call.json().unwrap()["k"].as_i64()), (Some("v"), Some(1)));
    assert_eq!((call.origin.as_str(), server.connections()), (server.url(), 1));
}

#[test]
fn a_reply_is_reset_at_every_byte_asked_for() {
    let server = server();
    let whole = get(&server, "/").len();
    for offset in 0..=whole {
        server.next([Fault::Reset(offset)]);
        let error = bytes(server.address(), "GET", "/", &[], b"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "at {offset}");
    }
    assert_eq!(get(&server, "/").len(), whole);
}

#[test]
fn a_reply_is_truncated_at_every_byte_asked_for() {
    let server = server();
    let whole = get(&server, "/").len();
    for offset in 0..whole {
        server.next([Fault::Truncate(offset)]);
        assert_eq!(get(&server, "/").len(), offset);
    }
}

#[test]
fn a_dripping_reply_comes_whole_in_the_end() {
    let server = server();
    server.always(Fault::Drip(7, Duration::from_micros(50)));
    assert!(get(&server, "/").ends_with(BODY.as_bytes()));
    server.heal();
    assert_eq!(status(&server, "/"), 200);
}

#[test]
fn garbage_stands_in_place_of_a_reply() {
    let server = server();
    server.next([Fault::Garbage(b"\0\xffno HTTP".to_vec())]);
    assert_eq!(get(&server, "/"), b"\0\xffno HTTP");
}

#[test]
fn a_wrong_length_is_announced_and_not_kept() {
    let server = server();
    for length in [3, 1000] {
        server.next([Fault::Length(length)]);
        let reply = exchange(server.address(), "GET", "/", &[], b"");
        assert!(reply.head.contains(&format!("content-length: {length}")), "{}", reply.head);
        assert_eq!(reply.body, BODY.as_bytes());
    }
}

#[test]
fn an_endless_reply_goes_on_for_longer_than_anybody_reads() {
    use std::io::{Read as _, Write as _};
    let server = server();
    server.next([Fault::Endless]);
    let mut tcp = std::net::TcpStream::connect(server.address()).unwrap();
    tcp.write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n").unwrap();
    tcp.read_exact(&mut vec![0; 16 << 20]).unwrap();
}

#[test]
fn another_answer_comes_as_often_as_was_asked_and_then_the_handlers() {
    let server = server();
    let busy = Fault::Instead(Reply::html(503, "<h1>busy</h1>").with("retry-after", "1"));
    server.next([busy.clone(), busy]);
    let refused = exchange(server.address(), "GET", "/", &[], b"");
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    assert_eq!((refused.status, status(&server, "/"), status(&server, "/")), (503, 503, 200));
    assert_eq!(server.count(), 3);
}

#[test]
fn a_fault_for_some_targets_leaves_the_others_alone() {
    let server = server();
    server.next_at("/b", [Fault::Instead(Reply::empty(500)), Fault::Instead(Reply::empty(501))]);
    assert_eq!([status(&server, "/a"), status(&server, "/b"), status(&server, "/a/b?c")], [200, 500, 501]);
    server.always_at("?", Fault::Instead(Reply::empty(502)));
    assert_eq!([status(&server, "/b"), status(&server, "/b?")], [200, 502]);
}

#[test]
fn what_may_be_asked_once_is_refused_the_second_time() {
    let server = server();
    server.only_once();
    assert_eq!([status(&server, "/a"), status(&server, "/b"), status(&server, "/a")], [200, 200, 410]);
    assert_eq!(status(&server, "/a?b"), 200);
}

#[test]
fn what_is_beyond_the_limit_is_told_to_come_again() {
    let server = server();
    server.limit(2);
    assert_eq!([status(&server, "/"), status(&server, "/")], [200, 200]);
    let refused = exchange(server.address(), "GET", "/", &[], b"");
    assert_eq!(refused.status, 429);
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
}

#[test]
fn a_silent_server_takes_the_connection_and_the_next_is_answered() {
    let server = server();
    server.next([Fault::Silence]);
    let silent = std::net::TcpStream::connect(server.address()).unwrap();
    assert_eq!(status(&server, "/"), 200);
    assert_eq!((server.connections(), server.count()), (2, 1));
    drop(silent);
}
