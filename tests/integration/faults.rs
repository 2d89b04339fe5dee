//! What networks and servers do to a launch, for every remote kind over every wire: it ends with the
//! right value, or with one clear failure and nothing started.
//!
//! A kind joins by its line in `remote::KINDS`. Each row runs in a thread for each kind.

use crate::doubles::http::{Fault, Reply, Wire, refusing};
use crate::doubles::tls::Certificate;
use crate::doubles::websocket::UPGRADE;
use crate::files::{Running, eventually};
use crate::harness::{Outcome, World};
use crate::remote::{KINDS, Kind, Remote, failures};
use nix::sys::signal::{Signal, kill};
use serde_json::{Value as Json, json};
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

const VALUE: &str = "correct horse";
/// In whatever a server says that should not be repeated.
const CANARY: &str = "hunter2";

/// How a launch ends.
#[derive(Clone, Debug)]
enum End {
    Value,
    /// With one of these codes, and a message that has each of these pieces.
    Failure(&'static [&'static str], &'static [&'static str]),
}

const MALFORMED: End = End::Failure(&["malformed"], &[]);
/// Where it depends on the wire whether a reply was broken off or makes no sense.
const BROKEN: End = End::Failure(&["malformed", "unavailable"], &[]);
const TIMEOUT: End = End::Failure(&["timeout"], &["`timeout` of the store"]);

/// Does it for every kind, all at the same time: most of it is waiting.
fn for_each_kind(work: impl Fn(&'static Kind) + Sync) {
    std::thread::scope(|scope| {
        for kind in &KINDS {
            let work = &work;
            scope.spawn(move || work(kind));
        }
    });
}

fn seeded(kind: &Kind, wire: Wire) -> Remote {
    (kind.start)(wire, &[("plain", VALUE)])
}

/// One launch for one secret.
fn asked(remote: &Remote, settings: &Json, retries: u32) -> Outcome {
    remote.launch(&World::new(), settings, 1, "plain").env("INJECT_RETRIES", retries.to_string()).done()
}

#[track_caller]
fn ends(remote: &Remote, done: &Outcome, end: &End, about: &str) {
    match end {
        End::Value => {
            assert_eq!((done.status, &*done.err), (Some(0), ""), "{about}: {done:?}");
            assert_eq!(done.variable("V0"), VALUE, "{about}");
            assert!(!done.text().contains(&remote.login), "{about}: {done:?}");
        }
        End::Failure(codes, pieces) => {
            let failures = failures(done, &[&remote.login, VALUE, CANARY]);
            let [failure] = failures.as_slice() else { panic!("{about}: not one failure: {}", done.err) };
            let (code, message) = (failure["code"].as_str().unwrap(), failure["message"].as_str().unwrap());
            assert!(codes.contains(&code), "{about}: not {codes:?}: {failure}");
            assert!(pieces.iter().all(|piece| message.contains(piece)), "{about}: not {pieces:?}: {failure}");
            assert!(message.contains("127.0.0.1:") && !message.contains('\n'), "{about}: {failure}");
        }
    }
}

fn json(body: impl Into<Vec<u8>>) -> Fault {
    Fault::Instead(Reply::new(200, "application/json", body))
}

fn garbage(bytes: impl Into<Vec<u8>>) -> Fault {
    Fault::Garbage(bytes.into())
}

/// What one request meets, the tries that are left then, and how it ends.
fn once(kind: &Kind, request: &str) -> Vec<(Fault, u32, End)> {
    let mut rows = vec![
        (Fault::Delay(Duration::from_millis(20)), 0, End::Value),
        (Fault::Drip(9, Duration::from_micros(200)), 0, End::Value),
        // What may pass is tried again, and with no try left it is told.
        (Fault::Reset(0), 1, End::Value),
        (Fault::Truncate(40), 1, End::Value),
        (Fault::Reset(0), 0, End::Failure(&["unavailable"], &[])),
        (Fault::Truncate(40), 0, End::Failure(&["unavailable"], &[])),
        (garbage(CANARY.repeat(1 << 18)), 0, BROKEN),
    ];
    if kind.speaks_http() {
        rows.extend(once_in_http());
    }
    if request == UPGRADE {
        rows.extend(once_in_an_upgrade());
    } else {
        rows.extend(NO_OBJECT.iter().map(|body| (json(*body), 0, MALFORMED)));
        rows.push((json(format!("{{\"a\": {}", "[".repeat(100_000))), 0, MALFORMED));
    }
    if !kind.speaks_http() && request != UPGRADE {
        rows.extend(once_in_frames());
    }
    rows
}

/// No JSON, or none that is an object, or none that has anything.
const NO_OBJECT: [&str; 12] = [
    "",
    "{",
    "{\"hunter2\": \"hunter2",
    "[\"hunter2\"]",
    "null",
    "\"hunter2\"",
    "{}",
    "{} hunter2",
    "\u{feff}{}",
    "{\"hunter2\": 1, \"hunter\\u0032\": 1}",
    "<html>hunter2</html>",
    "\u{0}",
];

fn once_in_an_upgrade() -> Vec<(Fault, u32, End)> {
    vec![
        (garbage("\0\u{ff}hunter2\r\n\r\n"), 0, BROKEN),
        (garbage("SSH-2.0-hunter2\r\n\r\n"), 0, BROKEN),
        (garbage("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nhunter2"), 0, End::Failure(&["malformed"], &["200 OK"])),
        (garbage("HTTP/1.1 503 hunter2\r\n\r\n"), 1, End::Value),
        (garbage("HTTP/1.1 503 hunter2\r\n\r\n"), 0, End::Failure(&["unavailable"], &["503 Service Unavailable"])),
        // To a key that is not ours.
        (
            garbage(
                "HTTP/1.1 101 -\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            ),
            0,
            MALFORMED,
        ),
        (garbage(format!("HTTP/1.1 101 -\r\n{}\r\n", "x: hunter2\r\n".repeat(10_000))), 0, BROKEN),
    ]
}

/// RFC 6455 section 5.2.
fn once_in_frames() -> Vec<(Fault, u32, End)> {
    let announced = |length: u64| garbage([b"\x81\x7f".as_slice(), &length.to_be_bytes()].concat());
    let closed = |payload: &[u8]| garbage([&[0x88, payload.len() as u8], payload].concat());
    vec![
        (announced((8 << 20) + 1), 0, End::Failure(&["too_big"], &["does `endpoints` lead"])),
        (announced(u64::MAX >> 1), 0, End::Failure(&["too_big"], &["more than 8388608 bytes"])),
        (announced(u64::MAX), 0, End::Failure(&["too_big", "malformed"], &[])),
        // Pieces without end, each of them small enough.
        (
            garbage(
                [
                    [&b"\x01\x7e\xff\xff"[..], &[b' '; 0xffff]].concat(),
                    [&b"\x00\x7e\xff\xff"[..], &[b' '; 0xffff]].concat().repeat(130),
                ]
                .concat(),
            ),
            0,
            End::Failure(&["too_big"], &["more than 8388608 bytes"]),
        ),
        (closed(b""), 0, End::Failure(&["unavailable"], &["was closed"])),
        (closed(b"\x03\xe9hunter2"), 1, End::Value),
        (closed(b"\x03\xe9hunter2"), 0, End::Failure(&["unavailable"], &["was closed"])),
        (closed(b"\x03"), 0, BROKEN),
        (garbage("\u{0}\u{7}hunter2"), 0, MALFORMED),
        (garbage(*b"\x81\x87\0\0\0\0hunter2"), 0, MALFORMED),
        (garbage(*b"\x83\x07hunter2"), 0, MALFORMED),
        (garbage(*b"\x89\x7e\x00\x7ehunter2"), 0, MALFORMED),
        (garbage(*b"\x81\x08hunter2\xff"), 0, MALFORMED),
        (garbage("HTTP/1.1 400 Bad Request\r\n\r\nhunter2"), 0, MALFORMED),
    ]
}

fn once_in_http() -> Vec<(Fault, u32, End)> {
    let status = |status| Fault::Instead(Reply::html(status, "<html>hunter2</html>"));
    let length = Fault::Length;
    vec![
        // What may pass is tried again.
        (status(500), 1, End::Value),
        (status(503), 1, End::Value),
        (Fault::Instead(Reply::text(429, CANARY).with("retry-after", "1")), 0, End::Value),
        (Fault::Instead(Reply::text(503, CANARY).with("retry-after", "0")), 0, End::Value),
        (Fault::Instead(Reply::text(429, CANARY)), 1, End::Value),
        (length(1_000_000), 1, End::Value),
        // And with no try left it is told.
        (status(500), 0, End::Failure(&["unavailable"], &["500 Internal Server Error"])),
        (Fault::Instead(Reply::text(429, CANARY)), 0, End::Failure(&["unavailable"], &["429 Too Many Requests"])),
        (
            Fault::Instead(Reply::text(429, CANARY).with("retry-after", "3600")),
            3,
            End::Failure(&["unavailable"], &["429", "3600 s of patience"]),
        ),
        (length(1_000_000), 0, End::Failure(&["unavailable"], &[])),
        (length(0), 0, BROKEN),
        (length(5), 0, BROKEN),
        (length(1 << 40), 0, End::Failure(&["too_big"], &["does `url` lead"])),
        (length(u64::MAX), 0, End::Failure(&["too_big", "malformed", "unavailable"], &[])),
        (Fault::Endless, 0, End::Failure(&["too_big"], &["more than 8388608 bytes"])),
        (garbage(""), 0, End::Failure(&["unavailable"], &[])),
        (garbage("\0\u{ff}hunter2"), 0, BROKEN),
        (garbage("HTTP/1.1 200 OK\r\ncontent-length: hunter2\r\n\r\n{}"), 0, BROKEN),
        (garbage("HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}"), 0, BROKEN),
        (garbage("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} "), 0, BROKEN),
        (garbage("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nhunter2\r\n"), 0, BROKEN),
        (garbage("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n"), 0, BROKEN),
        (garbage("HTTP/1.1 101 Switching Protocols\r\nupgrade: hunter2\r\n\r\n"), 0, BROKEN),
        (garbage(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", CANARY.repeat(1 << 18))), 0, BROKEN),
        (garbage(format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: hunter2\r\n".repeat(10_000))), 0, BROKEN),
        (json(b"{\"\xff\": \"hunter2\xff\"}"), 0, MALFORMED),
    ]
}

#[test]
fn a_fault_of_one_reply_gives_the_value_or_one_failure() {
    for_each_kind(|kind| {
        for &wire in kind.wires {
            let remote = seeded(kind, wire);
            for request in kind.requests {
                for (fault, retries, end) in once(kind, request) {
                    let shown: String = format!("{fault:?}").chars().take(150).collect();
                    remote.next_at(request, [fault]);
                    let about = format!("{} {wire:?} {request} {retries} retries, {shown}", kind.name);
                    ends(&remote, &asked(&remote, &remote.settings, retries), &end, &about);
                    remote.heal();
                }
            }
        }
    });
}

/// Bodies that are JSON and not what was asked for: members twice, of another type, or none.
const WRONG: [(&str, &str, &[&str]); 8] = [
    (
        "tapis",
        "/oauth2/tokens",
        &[
            r#"{"status": "success", "result": {}}"#,
            r#"{"status": "success", "result": {"access_token": "hunter2"}}"#,
            r#"{"status": "success", "result": {"access_token": {"access_token": ["hunter2"]}}}"#,
            r#"{"status": "success", "result": {"access_token": {"access_token": "hunter2", "access_token": "a"}}}"#,
            r#"{"status": "success", "result": {"access_token": {"access_token": "a"}}, "result": {}}"#,
            r#"{"status": 7, "result": {"access_token": {"access_token": "hunter2"}}}"#,
        ],
    ),
    (
        "tapis",
        "/value",
        &[
            r#"{"status": "success", "result": {"secret_value": 7}}"#,
            r#"{"status": "success", "result": {"secret_value": null}}"#,
            r#"{"status": "success", "result": {"secret_value": ["hunter2"]}}"#,
            r#"{"status": "success", "result": {"secret_value": {"hunter2": 1}}}"#,
            r#"{"status": "success", "result": {"secret_value": "hunter2", "secret_value": "hunter2"}}"#,
            r#"{"status": "success", "result": "hunter2"}"#,
            r#"{"status": "success", "result": {}, "result": {"secret_value": "hunter2"}}"#,
            r#"{"status": ["success"], "result": {"secret_value": "hunter2"}}"#,
            r#"{"result": {"secret_value": "hunter2"}}"#,
        ],
    ),
    (
        "apolo",
        "/config",
        &[
            r#"{"authorized": true, "clusters": "hunter2"}"#,
            r#"{"authorized": true, "clusters": ["hunter2"]}"#,
            r#"{"authorized": true, "clusters": [{"name": "default", "secrets_url": 7}]}"#,
            r#"{"authorized": true, "clusters": [{"name": "default", "name": "d", "secrets_url": "http://127.0.0.1"}]}"#,
            r#"{"authorized": true, "clusters": [], "clusters": []}"#,
        ],
    ),
    (
        "apolo",
        "/secrets/",
        &[
            r#"{"value": 7}"#,
            r#"{"value": null}"#,
            r#"{"value": ["hunter2"]}"#,
            r#"{"value": "hunter2!"}"#,
            r#"{"value": "aHVudGVyMg"}"#,
            r#"{"value": "aHVudGVyMg==", "value": "aHVudGVyMg=="}"#,
        ],
    ),
    (
        "cloudify",
        "/secrets/",
        &[
            r#"{"value": "hunter2", "value": "hunter2"}"#,
            r#"{"value": "hunter2", "v\u0061lue": "hunter2"}"#,
            r#"{"value": "hunter2", "is_hidden_value": true, "is_hidden_value": false}"#,
            r#"{"key": "plain"}"#,
        ],
    ),
    (
        "qovery",
        "/variable",
        &[
            r#"{"results": {"hunter2": 1}}"#,
            r#"{"results": "hunter2"}"#,
            r#"{"results": ["hunter2"]}"#,
            r#"{"results": [{"value": "hunter2"}]}"#,
            r#"{"results": [{"key": "plain", "scope": 7, "value": "hunter2"}]}"#,
            r#"{"results": [{"key": "plain", "key": "b", "scope": "PROJECT", "value": "hunter2"}]}"#,
            r#"{"results": [], "results": []}"#,
        ],
    ),
    (
        "juju",
        "Admin.Login",
        &[
            r#"{"request-id": "1", "response": {"facades": []}}"#,
            r#"{"request-id": 1, "response": "hunter2"}"#,
            r#"{"request-id": 1, "response": {"facades": "hunter2"}}"#,
            r#"{"request-id": 1, "response": {"facades": ["hunter2"]}}"#,
            r#"{"request-id": 1, "response": {"facades": [], "facades": []}}"#,
            r#"{"request-id": 2, "response": {"facades": []}}"#,
        ],
    ),
    (
        "juju",
        "Secrets.ListSecrets",
        &[
            r#"{"request-id": 2, "request-id": 2, "response": {"results": []}}"#,
            r#"{"request-id": 3, "response": {"results": []}}"#,
            r#"{"request-id": 2, "response": {"results": [], "results": []}}"#,
            r#"{"request-id": 2, "response": {"results": "hunter2"}}"#,
            r#"{"request-id": 2, "response": {"results": ["hunter2"]}}"#,
            r#"{"request-id": 2, "response": {"results": [OWNED, "value": 7}]}}"#,
            r#"{"request-id": 2, "response": {"results": [OWNED, "value": null}]}}"#,
            r#"{"request-id": 2, "response": {"results": [OWNED, "value": {"data": ["hunter2"]}}]}}"#,
            r#"{"request-id": 2, "response": {"results": [OWNED, "value": {"data": {"key": 7}}}]}}"#,
            r#"{"request-id": 2, "response": {"results": [OWNED, "value": {"data": {"key": "hunter2!"}}}]}}"#,
            r#"{"request-id": 2, "response": {"results": [OWNED, "value": {"data": {"key": "", "key": "eA=="}}}]}}"#,
            r#"{"request-id": 2, "response": {"results": [OWNED, "value": {"data": {"key": "eA=="}, "data": {}}}]}}"#,
            r#"{"request-id": 2, "response": {"results": [OWNED, "label": "plain", "value": {"data": {"key": ""}}}]}}"#,
        ],
    ),
];
/// What stands for it in the bodies of Juju.
const OWNED: &str = r#"{"label": "plain", "owner-tag": "model-0c1f5d3e-7a52-4b7f-8d53-2f9d8f3f2a11""#;

#[test]
fn a_member_that_stands_twice_or_is_of_another_type_gives_one_failure() {
    for_each_kind(|kind| {
        for &wire in kind.wires {
            let remote = seeded(kind, wire);
            for (_, request, bodies) in WRONG.iter().filter(|(name, ..)| *name == kind.name) {
                if kind.requests.contains(request) {
                    for body in *bodies {
                        let body = body.replace("OWNED", OWNED);
                        remote.next_at(request, [json(&*body)]);
                        ends(&remote, &asked(&remote, &remote.settings, 0), &MALFORMED, &format!("{wire:?} {body}"));
                    }
                }
            }
        }
    });
}

/// Each offset meets a store of its own, many in one launch. Which one met which is not known, but they
/// go up: all fail until the reply is over, and from there on none. What is left of an offset then is for
/// the next reply on that connection.
fn at_each_offset(kind: &Kind, remote: &Remote, number: usize, step: usize, fault: fn(usize) -> Fault) {
    const STORES: usize = 20;
    let (world, hidden) = (World::new(), [&*remote.login, VALUE]);
    let mut replies = kind.requests.len() - number;
    for first in (0..).step_by(STORES * step) {
        let about = format!("{} {} {:?} and on, {step} apart", kind.name, kind.requests[number], fault(first));
        remote.next_at(kind.requests[number], (0..STORES).map(|at| fault(first + at * step)));
        let done = remote.launch(&world, &remote.settings, STORES, "plain").done();
        if done.status == Some(0) {
            let values = done.variables().into_iter().filter(|(_, value)| value == VALUE).count();
            assert!(first > 0 && values == STORES, "{about}: {done:?}");
            return;
        }
        let failures = failures(&done, &hidden);
        assert!(failures.iter().all(|failure| failure["code"] == "unavailable"), "{about}: {done:?}");
        if failures.len() != STORES {
            assert!(first > 0 && replies > 0 && failures.len() < STORES, "{about}: {done:?}");
            replies -= 1;
        }
    }
}

#[test]
fn a_reply_that_is_cut_at_any_byte_gives_one_failure() {
    for_each_kind(|kind| {
        for &wire in kind.wires {
            let remote = seeded(kind, wire);
            // Below TLS and in HTTP/2's frames a sample: connections cost more there.
            let step = if wire == Wire::Plain { 1 } else { 7 };
            for number in 0..kind.requests.len() {
                at_each_offset(kind, &remote, number, step, Fault::Reset);
                at_each_offset(kind, &remote, number, step, Fault::Truncate);
            }
        }
    });
}

#[test]
fn a_reply_that_is_cut_once_is_fetched_again() {
    for_each_kind(|kind| {
        for &wire in kind.wires {
            let remote = seeded(kind, wire);
            for request in kind.requests {
                remote.next_at(request, (0..40).map(|at| Fault::Reset(at * 5)));
                let world = World::new();
                let launch = remote.launch(&world, &remote.settings, 40, "plain").env("INJECT_RETRIES", "3");
                let done = launch.done().quiet();
                assert!(done.variables().iter().filter(|(_, value)| value == VALUE).count() == 40, "{wire:?} {done:?}");
            }
        }
    });
}

#[test]
fn a_server_that_takes_too_long_is_told_at_the_deadline() {
    for_each_kind(|kind| {
        for &wire in kind.wires {
            let remote = seeded(kind, wire);
            let mut settings = remote.settings.clone();
            settings["timeout"] = json!("400ms");
            for request in kind.requests {
                // A slow loris sends a byte now and then, so that the connection never seems idle.
                for fault in [Fault::Drip(1, Duration::from_millis(50)), Fault::Delay(Duration::from_secs(600))] {
                    let about = format!("{} {wire:?} {request} {fault:?}", kind.name);
                    remote.always_at(request, fault);
                    ends(&remote, &asked(&remote, &settings, 3), &TIMEOUT, &about);
                }
            }
            remote.always(Fault::Silence);
            ends(&remote, &asked(&remote, &settings, 3), &TIMEOUT, &format!("{} {wire:?} silence", kind.name));
        }
    });
}

#[test]
fn a_server_that_is_not_there_is_told() {
    for_each_kind(|kind| {
        for &wire in kind.wires {
            let remote = seeded(kind, wire);
            let settings = remote.settings_at(&refusing().to_string());
            let end = End::Failure(&["unavailable"], &["refused", "is the server up?"]);
            ends(&remote, &asked(&remote, &settings, 1), &end, kind.name);
            assert_eq!(remote.connections(), 0);
        }
    });
}

#[test]
fn a_server_is_believed_for_its_certificate_only() {
    let refused = |pieces| End::Failure(&["unavailable"], pieces);
    for_each_kind(|kind| {
        let is_http = kind.speaks_http();
        let other = seeded(kind, Wire::Tls(Certificate::Good));
        // A controller is known by a name that every one has.
        let other_name: &[&str] = match is_http {
            true => &["it is for elsewhere.example, not for 127.0.0.1"],
            false => &["it is for elsewhere.example, not for juju-apiserver"],
        };
        for (certificate, trusted, end) in [
            (Certificate::Good, "its own", End::Value),
            (Certificate::Good, "none", refused(&["nobody that we trust has signed it", "`ca_file`"])),
            (Certificate::Good, "another", refused(&["another key", "`ca_file`"])),
            (Certificate::Expired, "its own", refused(&["it has expired"])),
            (Certificate::OtherName, "its own", refused(other_name)),
            (Certificate::SelfSigned, "its own", End::Value),
            (Certificate::SelfSigned, "none", refused(&["nobody that we trust has signed it", "`ca_file`"])),
            (Certificate::SelfSignedCa, "its own", End::Value),
            (Certificate::SelfSignedCa, "none", refused(&["none that we trust", "`ca_file`"])),
        ] {
            let wires = [Wire::Tls(certificate), Wire::TlsHttp1(certificate)];
            for wire in wires.into_iter().take(if is_http { 2 } else { 1 }) {
                let remote = seeded(kind, wire);
                let mut settings = remote.settings.clone();
                match trusted {
                    "none" => drop(settings.as_object_mut().unwrap().remove("ca_file")),
                    "another" => settings["ca_file"] = other.settings["ca_file"].clone(),
                    _ => {}
                }
                let about = format!("{} {wire:?}, trusting {trusted}", kind.name);
                ends(&remote, &asked(&remote, &settings, 3), &end, &about);
                if !matches!(end, End::Value) {
                    assert_eq!((remote.count(), remote.connections()), (0, 1), "{about}");
                }
            }
        }
    });
}

#[test]
fn an_empty_value_and_one_of_a_mebibyte_arrive_as_they_are() {
    // Less than a mebibyte with what base64 adds, for the service of Apolo takes no more.
    let big = "\u{1}\"\\\u{e4}\u{1f511}x\n".repeat(786_000 / 12);
    for_each_kind(|kind| {
        for &wire in kind.wires {
            let big = if kind.name == "apolo" { big.clone() } else { big.repeat(2)[..1 << 20].to_owned() };
            let remote = (kind.start)(wire, &[("empty", ""), ("big", &big)]);
            let world = World::new();
            let config = json!({
                "stores": { "s": remote.settings }, "files": { "big": format!("$<s:big{}>", remote.field) },
            });
            world.file("c.json", config.to_string());
            let launch = world.inject(["-c", "c.json", "--", "sh", "-c", "cat \"$INJECT_FILES/big\""]);
            let done = launch.env("TOKEN", &remote.login).done().quiet();
            assert!(done.out == big.as_bytes(), "{} {wire:?}: {} bytes of {}", kind.name, done.out.len(), big.len());
            let done = remote.launch(&world, &remote.settings, 1, "empty").done();
            match kind.has_empty {
                true => assert_eq!(done.quiet().variable("V0"), ""),
                false => assert_eq!(failures(&done, &[&remote.login])[0]["code"], "not_readable"),
            }
        }
    });
}

#[test]
fn what_is_deleted_between_two_launches_is_not_found() {
    for_each_kind(|kind| {
        for &wire in kind.wires {
            let remote = seeded(kind, wire);
            ends(&remote, &asked(&remote, &remote.settings, 0), &End::Value, kind.name);
            remote.lose_all();
            let failures = failures(&asked(&remote, &remote.settings, 0), &[&remote.login, VALUE]);
            assert_eq!((failures.len(), &failures[0]["code"]), (1, &json!("not_found")), "{failures:?}");
            let done = remote.launch_or(&World::new(), &remote.settings, 1, "plain", ":-a default").done().quiet();
            assert_eq!(done.variable("V0"), "a default");
        }
    });
}

/// With a proof that there was something to end: the request, or where the server is silent its connection.
#[test]
fn a_signal_while_fetching_ends_us_by_it_and_nothing_is_started() {
    for_each_kind(|kind| {
        for &wire in kind.wires {
            for (number, signal) in
                [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT].into_iter().enumerate()
            {
                let (remote, world) = (seeded(kind, wire), World::new());
                let is_silent = number % 2 == 0;
                let wait = Fault::Delay(Duration::from_secs(600));
                remote.always(if is_silent { Fault::Silence } else { wait });
                let launch = remote.launch(&world, &remote.settings, 1, "plain").env("INJECT_TIMEOUT", "10m");
                let mut running = Running(launch.start());
                eventually("it asks", || if is_silent { remote.connections() > 0 } else { remote.count() > 0 });
                kill(running.pid(), signal).unwrap();
                let mut ended = None;
                eventually("it ends", || {
                    ended = running.0.try_wait().unwrap();
                    ended.is_some()
                });
                let about = format!("{} {wire:?} {signal}", kind.name);
                assert_eq!(ended.unwrap().signal(), Some(signal as i32), "{about}");
                let mut said = String::new();
                std::io::Read::read_to_string(&mut running.0.stdout.take().unwrap(), &mut said).unwrap();
                assert_eq!(said, "", "{about}");
            }
        }
    });
}

/// Twenty a second make it half a minute for all of them.
#[test]
fn five_hundred_launches_at_once_come_through_where_twenty_a_second_are_let_in() {
    const LAUNCHES: usize = 500;
    let (remote, world) = (seeded(&KINDS[0], Wire::Plain), World::new());
    remote.limit(20);
    let config = json!({ "stores": { "s": remote.settings }, "environment_variables": { "V": "$<s:plain>" } });
    world.file("c.json", config.to_string());
    let launch = |number| {
        let file = |kind| File::create(world.path(&format!("{kind}-{number}"))).unwrap();
        let inject = world.inject(["-c", "c.json", "--timeout", "5m", "--", "printenv", "V"]);
        let mut child = None;
        // A file each: all their pipes would be more descriptors than a process mostly may have.
        inject.env("TOKEN", &remote.login).with(|command| {
            child = command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err")).spawn().ok();
        });
        Running(child.expect("it starts"))
    };
    let mut running: Vec<Running> = (0..LAUNCHES).map(launch).collect();
    for (number, running) in running.iter_mut().enumerate() {
        let status = running.0.wait().unwrap();
        let [out, err] =
            ["out", "err"].map(|kind| fs::read_to_string(world.path(&format!("{kind}-{number}"))).unwrap());
        assert_eq!((status.code(), &*out, &*err), (Some(0), "correct horse\n", ""), "launch {number}");
    }
    assert!(remote.count() > LAUNCHES, "nobody was told to come again");
}
