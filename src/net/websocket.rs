//! Messages over a websocket (RFC 6455), for stores that speak no plain HTTP: the upgrade, frames put
//! together, pings answered; within the deadline of the [`Client`] whose server it is.
//!
//! What a message says is the store's.

use super::connect::{Io, reason};
use super::{Client, Deadline, Fault, Origin, StatusCode, retry, shown, tls};
use crate::failure::StoreError;
use bytes::Bytes;
use futures_core::Stream as _;
use futures_sink::Sink as _;
use hyper::header::{HeaderValue, USER_AGENT};
use std::future::poll_fn;
use std::pin::Pin;
use tokio::io::{AsyncReadExt as _, Join, ReadHalf, Take, WriteHalf};
use tokio_websockets::upgrade::Error as UpgradeError;
use tokio_websockets::{ClientBuilder, Error, Limits, Message, WebSocketStream};

/// The most bytes of the answer to the upgrade.
const LARGEST_HEAD: u64 = 16 << 10;

/// The limit on reading is there for as long as the upgrade takes.
type Socket = WebSocketStream<Join<Take<ReadHalf<Io>>, WriteHalf<Io>>>;

pub(crate) struct WebSocket {
    socket: Socket,
    origin: Origin,
    deadline: Deadline,
    /// Of a message, in bytes.
    largest: usize,
}

impl Client {
    /// One try to open a websocket at `path` of the base address. The server is known by
    /// `server_name`, or by its host. No message may have more than `largest` bytes.
    pub(crate) async fn websocket(
        &self,
        server_name: Option<&str>,
        path: &str,
        largest: usize,
    ) -> Result<WebSocket, Fault> {
        #[cfg(any(test, fuzzing))]
        if let Some(stream) = super::canned::websocket() {
            let (reader, writer) = tokio::io::split(stream);
            let socket = ClientBuilder::new().take_over(tokio::io::join(reader.take(u64::MAX), writer));
            return Ok(WebSocket { socket, origin: self.origin().clone(), deadline: self.reach.deadline, largest });
        }
        let (reader, writer) = tokio::io::split(self.stream(server_name).await?);
        let (origin, deadline) = (self.origin(), &self.reach.deadline);
        let uri = format!("http://{}{}{path}", origin.authority(), self.reach.base.path);
        let agent = HeaderValue::from_static(concat!("inject/", env!("CARGO_PKG_VERSION")));
        let upgrade = ClientBuilder::new().uri(&uri).ok().and_then(|builder| {
            builder.limits(Limits::default().max_payload_len(Some(largest))).add_header(USER_AGENT, agent).ok()
        });
        let upgrade = upgrade.ok_or_else(|| {
            StoreError::Settings(format!("{origin}: the path of a request is not one that HTTP can carry"))
        })?;
        let upgraded = upgrade.connect_on(tokio::io::join(reader.take(LARGEST_HEAD), writer));
        let upgraded = deadline.within(origin, "to open a websocket", upgraded).await?;
        let (mut socket, _) = upgraded.map_err(|error| fault(origin, largest, error))?;
        socket.get_mut().reader_mut().set_limit(u64::MAX);
        Ok(WebSocket { socket, origin: origin.clone(), deadline: *deadline, largest })
    }
}

impl WebSocket {
    /// For messages.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Takes the text over without a copy.
    pub(crate) async fn send(&mut self, text: String) -> Result<(), Fault> {
        let sent = transmit(&mut self.socket, Message::text(text));
        let sent = self.deadline.within(&self.origin, "to take a request", sent).await?;
        sent.map_err(|error| fault(&self.origin, self.largest, error))
    }

    /// The next message, of as many frames as it may be.
    pub(crate) async fn receive(&mut self) -> Result<Bytes, Fault> {
        let socket = &mut self.socket;
        let next = async {
            loop {
                match poll_fn(|context| Pin::new(&mut *socket).poll_next(context)).await {
                    Some(Ok(message)) if message.is_text() || message.is_binary() => {
                        return Ok(message.into_payload().into());
                    }
                    // Pings are answered below us.
                    Some(Ok(message)) if !message.is_close() => {}
                    Some(Err(error)) => return Err(error),
                    Some(Ok(_)) | None => return Err(Error::AlreadyClosed),
                }
            }
        };
        let next = self.deadline.within(&self.origin, "to answer", next).await?;
        next.map_err(|error| fault(&self.origin, self.largest, error))
    }

    /// Says good-bye and does not wait for the answer.
    pub(crate) async fn close(mut self) {
        let said = transmit(&mut self.socket, Message::close(None, ""));
        // All that we came for is here.
        let _ = self.deadline.within(&self.origin, "to say good-bye", said).await;
    }
}

async fn transmit(socket: &mut Socket, message: Message) -> Result<(), Error> {
    let mut socket = Pin::new(socket);
    poll_fn(|context| socket.as_mut().poll_ready(context)).await?;
    socket.as_mut().start_send(message)?;
    poll_fn(|context| socket.as_mut().poll_flush(context)).await
}

fn fault(origin: &Origin, largest: usize, error: Error) -> Fault {
    let closed = |why: &str| Fault::passing(format!("{origin}: {why}; try again, or see what the server logs"));
    let malformed = |why: &str| Fault::for_good(StoreError::Malformed(format!("{origin} {why}")));
    match error {
        Error::Io(error) => match tls::explain(&error) {
            Some(why) => Fault::for_good(StoreError::Unavailable(format!("{origin}: {why}"))),
            None => closed(&reason(&error)),
        },
        Error::AlreadyClosed => closed("the connection was closed"),
        Error::Upgrade(UpgradeError::DidNotSwitchProtocols(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND);
            let what = format!("answered {} and opened no websocket", shown(status));
            match retry::is_transient(status) {
                true => closed(&format!("it {what}")),
                false => malformed(&format!("{what}; does `url` lead to the service?")),
            }
        }
        Error::PayloadTooLong { .. } => {
            let text = format!("{origin}: a reply has more than {largest} bytes; does `url` lead to the service?");
            Fault::for_good(StoreError::TooBig(text))
        }
        Error::Protocol(_) => malformed("breaks the rules of websockets; is there a proxy in between?"),
        _ => malformed("does not answer as a websocket's server does; does `url` lead to the service?"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::run;
    use super::super::{Base, LARGEST, Reach, Roots};
    use super::*;
    use crate::doubles::tls::Certificate;
    use crate::doubles::websocket::{Fault as Broken, Framing, Server, Speaker, UPGRADE};
    use std::fs;
    use std::time::Duration;

    /// Says what it hears.
    struct Echo;

    impl Speaker for Echo {
        type Connection = ();

        fn open(&mut self, path: &str) -> Result<(), (u16, String)> {
            match path {
                "/base/echo" => Ok(()),
                "/base/busy" => Err((503, "hunter2".into())),
                _ => Err((404, "hunter2".into())),
            }
        }

        fn hear(&mut self, (): &mut (), message: &[u8]) -> (String, Vec<Vec<u8>>) {
            ("echo".into(), vec![message.to_vec()])
        }
    }

    fn client(server: &Server<Echo>, time: Duration) -> Client {
        let pem = fs::read(server.ca_file()).unwrap();
        let reach = Reach {
            base: Base::parse(&format!("https://localhost:{}/base", server.address().port())).unwrap(),
            insecure: false,
            roots: Roots::Given { pem, origin: "ca.pem".into() },
            identity: None,
            proxy: None,
            deadline: Deadline::in_test(time),
            retries: 0,
        };
        Client::new(reach).unwrap()
    }

    fn server() -> Server<Echo> {
        Server::start(Certificate::Controller, Echo)
    }

    /// What came back of each text, on one connection.
    async fn echo(server: &Server<Echo>, texts: &[&str]) -> Result<Vec<Bytes>, Fault> {
        let mut socket = client(server, Duration::from_secs(30)).websocket(None, "/echo", LARGEST).await?;
        let mut heard = Vec::new();
        for text in texts {
            socket.send((*text).to_owned()).await?;
            heard.push(socket.receive().await?);
        }
        socket.close().await;
        Ok(heard)
    }

    /// How an exchange ends that meets this in place of a reply.
    async fn met(server: &Server<Echo>, name: &str, broken: Broken) -> Fault {
        server.next(name, broken);
        let fault = echo(server, &["a"]).await.err().unwrap();
        assert!(!fault.error.to_string().contains("hunter2"), "{}", fault.error);
        fault
    }

    #[test]
    fn a_message_comes_whole_however_it_is_framed() {
        let lengths = [0, 1, 125, 126, 4095, 4096, 4097, 8192, 8193, 65_535, 65_536, 300_000];
        // Where the length is odd, frames end within a character.
        let text = |length: usize| ["x".repeat(length % 2), "ü".repeat(length / 2)].concat();
        let texts: Vec<String> = lengths.into_iter().map(text).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let server = server();
        run(async {
            for framing in [Framing::Gorilla, Framing::Binary, Framing::Pieces(1000), Framing::Pieces(4096)] {
                server.frame(framing);
                let heard = echo(&server, &texts).await.ok().unwrap();
                assert!(heard.iter().zip(&texts).all(|(heard, text)| heard == text.as_bytes()), "{framing:?}");
            }
        });
        assert_eq!(server.connections(), 4);
    }

    #[test]
    fn pings_between_the_pieces_of_a_message_are_answered() {
        let server = server();
        server.frame(Framing::Pieces(10));
        run(async { echo(&server, &["x".repeat(95).as_str(), "y"]).await.map(|_| ()).ok().unwrap() });
        // The server is still reading what we sent it.
        let begun = std::time::Instant::now();
        while server.pongs() < 11 {
            assert!(begun.elapsed() < Duration::from_secs(30), "{} pongs", server.pongs());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn what_breaks_the_rules_of_frames_is_malformed() {
        let server = server();
        let cases: [(&str, &[u8]); 8] = [
            ("a reserved bit", b"\xc1\x01a"),
            ("a masked frame", b"\x81\x81\0\0\0\0a"),
            ("an unknown opcode", b"\x83\x01a"),
            ("a continuation of nothing", b"\x80\x01a"),
            ("another message before the last ended", b"\x01\x01a\x81\x01b"),
            ("a ping in pieces", b"\x09\x01a"),
            ("a ping of 126 bytes", b"\x89\x7e\0\x7e"),
            ("text that is no UTF-8", b"\x81\x01\xff"),
        ];
        run(async {
            for (what, bytes) in cases {
                let fault = met(&server, "echo", Broken::Garbage(bytes.to_vec())).await;
                assert!(matches!(fault.error, StoreError::Malformed(_)), "{what}: {}", fault.error);
                assert!(!fault.is_transient, "{what}");
            }
        });
    }

    #[test]
    fn a_message_that_is_too_long_is_refused_before_it_comes() {
        let server = server();
        let length = (LARGEST as u64 + 1).to_be_bytes();
        let half = (LARGEST as u32 / 2 + 1).to_be_bytes();
        let half_frame =
            |first: u8| [&[first, 127, 0, 0, 0, 0], half.as_slice(), &vec![b' '; LARGEST / 2 + 1]].concat();
        run(async {
            for bytes in [[b"\x81\x7f", length.as_slice()].concat(), [half_frame(1), half_frame(0)].concat()] {
                let fault = met(&server, "echo", Broken::Garbage(bytes)).await;
                assert!(matches!(fault.error, StoreError::TooBig(_)), "{}", fault.error);
            }
        });
    }

    #[test]
    fn a_connection_that_ends_too_early_may_go_better_the_next_time() {
        let server = server();
        run(async {
            let mut cases = vec![("echo", Broken::Close(1000)), (UPGRADE, Broken::Truncate(0))];
            cases.extend((0..=3).map(|offset| ("echo", Broken::Reset(offset))));
            cases.extend((0..=2).map(|offset| ("echo", Broken::Truncate(offset))));
            cases.extend([1, 40, 100].map(|offset| (UPGRADE, Broken::Reset(offset))));
            for (name, broken) in cases {
                let shown = format!("{name} {broken:?}");
                // A reply that came whole is one, whatever comes after.
                if matches!(broken, Broken::Reset(3)) {
                    server.next(name, broken);
                    assert!(echo(&server, &["a"]).await.is_ok());
                    continue;
                }
                let fault = met(&server, name, broken).await;
                assert!(
                    fault.is_transient && matches!(fault.error, StoreError::Unavailable(_)),
                    "{shown}: {}",
                    fault.error
                );
            }
        });
    }

    #[test]
    fn what_is_no_upgrade_is_told_by_its_status() {
        let server = server();
        run(async {
            let client = client(&server, Duration::from_secs(30));
            let fault = client.websocket(None, "/busy", LARGEST).await.err().unwrap();
            assert!(fault.is_transient && fault.error.to_string().contains("503"), "{}", fault.error);
            let fault = client.websocket(None, "/elsewhere", LARGEST).await.err().unwrap();
            assert!(matches!(fault.error, StoreError::Malformed(_)), "{}", fault.error);
            assert!(fault.error.to_string().contains("404 Not Found"), "{}", fault.error);
            let wrong_key = b"HTTP/1.1 101 -\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n".to_vec();
            for garbage in [wrong_key, b"\0\xffhunter2\r\n\r\n".to_vec(), b"SSH-2.0-hunter2\r\n\r\n".to_vec()] {
                let fault = met(&server, UPGRADE, Broken::Garbage(garbage)).await;
                assert!(matches!(fault.error, StoreError::Malformed(_)), "{}", fault.error);
            }
        });
    }

    #[test]
    fn a_head_that_does_not_end_is_not_read_to_its_end() {
        let server = server();
        let endless = [b"HTTP/1.1 101 -\r\nX: ", vec![b'x'; 4 << 20].as_slice()].concat();
        run(async {
            let fault = met(&server, UPGRADE, Broken::Garbage(endless)).await;
            assert!(matches!(fault.error, StoreError::Unavailable(_)), "{}", fault.error);
        });
    }

    #[test]
    fn a_server_that_says_nothing_does_not_outlive_the_deadline() {
        let server = server();
        server.always("echo", Broken::Silence);
        run(async {
            let client = client(&server, Duration::from_millis(500));
            let mut socket = client.websocket(None, "/echo", LARGEST).await.ok().unwrap();
            socket.send("a".into()).await.ok().unwrap();
            let fault = socket.receive().await.err().unwrap();
            assert!(matches!(fault.error, StoreError::TimedOut(_)), "{}", fault.error);
        });
    }
}
