//! A websocket server over TLS on loopback, in a thread of its own: RFC 6455 by hand, so that a client
//! meets every shape that frames may have, and every way in which a connection ends.
//!
//! What it says is a [`Speaker`]'s; a fault lies between that and the wire, and is for the reply to
//! requests of one name.

use super::tls::{Authority, Certificate};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// RFC 6455 section 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Of the reply to the upgrade, where a fault is for that.
pub(crate) const UPGRADE: &str = "upgrade";
/// Of what is said first, which is TLS's: for silence.
pub(crate) const GREETING: &str = "greeting";

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// What the server is for.
pub(crate) trait Speaker: Send + 'static {
    /// What it keeps of one connection.
    type Connection: Send;

    /// Err: a status and a text in place of the upgrade.
    fn open(&mut self, path: &str) -> Result<Self::Connection, (u16, String)>;

    /// The request's name, and what is said now, about it or others.
    fn hear(&mut self, connection: &mut Self::Connection, message: &[u8]) -> (String, Vec<Vec<u8>>);
}

/// How a message becomes frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// As gorilla/websocket with a buffer of 4096 bytes: more than that in pieces of it; more than two
    /// of them as one frame, then an empty last one.
    Gorilla,
    /// Pieces of so many bytes with a ping between them, then an empty last one.
    Pieces(usize),
    Binary,
}

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Delay(Duration),
    /// So many bytes from here on, then a reset.
    Reset(usize),
    /// So many bytes from here on, then the end of the stream; TLS is not told.
    Truncate(usize),
    /// So many bytes at a time, with a pause before each.
    Drip(usize, Duration),
    /// One header more of the reply to the upgrade, its name and its value.
    Header(&'static str, String),
    /// These bytes in place of the frames.
    Garbage(Vec<u8>),
    /// Another message.
    Instead(String),
    /// A closing frame, with this code.
    Close(u16),
    /// Nothing, ever.
    Silence,
}

pub(crate) struct Server<S: Speaker> {
    shared: Arc<Shared<S>>,
    address: SocketAddr,
    authority: Authority,
    thread: Option<JoinHandle<()>>,
}

struct Shared<S> {
    state: Mutex<S>,
    log: Mutex<Log>,
    stop: Notify,
}

struct Log {
    /// Name and message.
    calls: Vec<(String, Vec<u8>)>,
    connections: usize,
    upgrades: usize,
    pongs: usize,
    framing: Framing,
    next: Vec<(String, Fault)>,
    always: Vec<(String, Fault)>,
}

impl<S: Speaker> Server<S> {
    pub(crate) fn start(certificate: Certificate, state: S) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let authority = Authority::new(certificate);
        let acceptor = TlsAcceptor::from(authority.server(&[], false));
        let log = Log {
            calls: Vec::new(),
            connections: 0,
            upgrades: 0,
            pongs: 0,
            framing: Framing::Gorilla,
            next: Vec::new(),
            always: Vec::new(),
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), log: Mutex::new(log), stop: Notify::new() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let accepting = tokio::spawn(accept(Arc::clone(&served), listener, acceptor));
                served.stop.notified().await;
                accepting.abort();
            });
        });
        Self { shared, address, authority, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.authority.ca_file()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, S> {
        lock(&self.shared.state)
    }

    pub(crate) fn calls(&self) -> Vec<(String, Vec<u8>)> {
        lock(&self.shared.log).calls.clone()
    }

    /// How often a request of this name came.
    pub(crate) fn count(&self, name: &str) -> usize {
        lock(&self.shared.log).calls.iter().filter(|(called, _)| called == name).count()
    }

    pub(crate) fn connections(&self) -> usize {
        lock(&self.shared.log).connections
    }

    /// How often a websocket was asked for.
    pub(crate) fn upgrades(&self) -> usize {
        lock(&self.shared.log).upgrades
    }

    pub(crate) fn pongs(&self) -> usize {
        lock(&self.shared.log).pongs
    }

    pub(crate) fn frame(&self, framing: Framing) {
        lock(&self.shared.log).framing = framing;
    }

    /// What the reply to the next request of this name meets; one after the other where there are several.
    pub(crate) fn next(&self, name: &str, fault: Fault) {
        lock(&self.shared.log).next.push((name.to_owned(), fault));
    }

    /// From now on, until [`Server::heal`].
    pub(crate) fn always(&self, name: &str, fault: Fault) {
        lock(&self.shared.log).always.push((name.to_owned(), fault));
    }

    pub(crate) fn heal(&self) {
        let mut log = lock(&self.shared.log);
        log.next.clear();
        log.always.clear();
    }
}

impl<S: Speaker> Drop for Server<S> {
    fn drop(&mut self) {
        self.shared.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // A speaker that panicked has said so on standard error.
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log {
    fn fault(&mut self, name: &str) -> Option<Fault> {
        if let Some(at) = self.next.iter().position(|(of, _)| of == name) {
            return Some(self.next.remove(at).1);
        }
        self.always.iter().find(|(of, _)| of == name).map(|(_, fault)| fault.clone())
    }
}

async fn accept<S: Speaker>(shared: Arc<Shared<S>>, listener: TcpListener, tls: TlsAcceptor) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let Ok((tcp, _)) = listener.accept().await else { continue };
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        tokio::spawn(async move {
            let fault = {
                let mut log = lock(&shared.log);
                log.connections += 1;
                log.fault(GREETING)
            };
            if matches!(fault, Some(Fault::Silence)) {
                // Held open until the server goes.
                std::future::pending::<()>().await;
            }
            let _ = tcp.set_nodelay(true);
            // How a connection ends is the client's to judge.
            if let Ok(stream) = tls.accept(tcp).await {
                let _ = converse(&shared, stream).await;
            }
        });
    }
}

type Stream = TlsStream<TcpStream>;

/// Where a connection is to break off, once that is known.
struct Cut {
    left: usize,
    is_reset: bool,
}

async fn converse<S: Speaker>(shared: &Shared<S>, mut stream: Stream) -> io::Result<()> {
    let mut cut = None;
    let Some(mut connection) = upgrade(shared, &mut stream, &mut cut).await? else { return Ok(()) };
    let mut message = Vec::new();
    loop {
        let (is_final, opcode, payload) = read_frame(&mut stream).await?;
        match opcode {
            PING => stream.write_all(&frame(true, PONG, &payload)).await?,
            PONG => lock(&shared.log).pongs += 1,
            CLOSE => {
                stream.write_all(&frame(true, CLOSE, &payload)).await?;
                return stream.shutdown().await;
            }
            _ => {
                message.extend_from_slice(&payload);
                if is_final {
                    let message = std::mem::take(&mut message);
                    let (name, said) = lock(&shared.state).hear(&mut connection, &message);
                    let (fault, framing) = {
                        let mut log = lock(&shared.log);
                        log.calls.push((name.clone(), message));
                        (log.fault(&name), log.framing)
                    };
                    say(&mut stream, &mut cut, said, fault, framing).await?;
                }
            }
        }
    }
}

/// None: there is no websocket.
async fn upgrade<S: Speaker>(
    shared: &Shared<S>,
    stream: &mut Stream,
    cut: &mut Option<Cut>,
) -> io::Result<Option<S::Connection>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 16 << 10 {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let header = |name: &str| {
        let header = |line: &str| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        head.lines().find_map(header)
    };
    let path = head.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let is_upgrade = header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
        && header("connection").is_some_and(|value| value.eq_ignore_ascii_case("upgrade"))
        && header("sec-websocket-version").as_deref() == Some("13");
    let opened = match header("sec-websocket-key").filter(|_| is_upgrade) {
        Some(key) => lock(&shared.state).open(path).map(|connection| (connection, key)),
        None => Err((400, "this is for websockets".to_owned())),
    };
    let fault = {
        let mut log = lock(&shared.log);
        log.upgrades += 1;
        log.fault(UPGRADE)
    };
    let more = match &fault {
        Some(Fault::Header(name, value)) => format!("{name}: {value}\r\n"),
        _ => String::new(),
    };
    let (connection, reply) = match opened {
        Ok((connection, key)) => {
            let hash = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes());
            let accept = BASE64_STANDARD.encode(hash);
            let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
            (Some(connection), format!("{head}{more}Sec-WebSocket-Accept: {accept}\r\n\r\n"))
        }
        Err((status, text)) => {
            let length = text.len();
            (None, format!("HTTP/1.1 {status} -\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"))
        }
    };
    deliver(stream, cut, reply.as_bytes(), fault).await?;
    if connection.is_none() {
        stream.shutdown().await?;
    }
    Ok(connection)
}

/// The payload unmasked; a client that does not mask is broken (RFC 6455 section 5.1).
async fn read_frame(stream: &mut Stream) -> io::Result<(bool, u8, Vec<u8>)> {
    let [first, second] = stream.read_u16().await?.to_be_bytes();
    if second & 0x80 == 0 || first & 0x70 != 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let length = match second & 0x7f {
        126 => u64::from(stream.read_u16().await?),
        127 => stream.read_u64().await?,
        length => u64::from(length),
    };
    let mask = stream.read_u32().await?.to_be_bytes();
    if length > 64 << 20 {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Ok((first & 0x80 != 0, first & 0x0f, payload))
}

fn frame(is_final: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::from(is_final) << 7 | opcode];
    match payload.len() {
        length @ 0..126 => bytes.push(length as u8),
        length @ 126..=0xffff => {
            bytes.push(126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

fn frames(message: &[u8], framing: Framing) -> Vec<u8> {
    const BUFFER: usize = 4096;
    let split = |size: usize, between: &[u8]| {
        let mut bytes = Vec::new();
        for (number, piece) in message.chunks(size).enumerate() {
            bytes.extend(frame(false, if number == 0 { TEXT } else { CONTINUATION }, piece));
            bytes.extend_from_slice(between);
        }
        bytes
    };
    match framing {
        Framing::Binary => frame(true, BINARY, message),
        Framing::Gorilla if message.len() <= BUFFER => frame(true, TEXT, message),
        Framing::Gorilla if message.len() <= 2 * BUFFER => {
            let (first, rest) = message.split_at(BUFFER);
            [frame(false, TEXT, first), frame(true, CONTINUATION, rest)].concat()
        }
        Framing::Gorilla => [frame(false, TEXT, message), frame(true, CONTINUATION, b"")].concat(),
        Framing::Pieces(_) if message.is_empty() => frame(true, TEXT, message),
        Framing::Pieces(size) => {
            [split(size, &frame(true, PING, b"still there?")), frame(true, CONTINUATION, b"")].concat()
        }
    }
}

async fn say(
    stream: &mut Stream,
    cut: &mut Option<Cut>,
    said: Vec<Vec<u8>>,
    fault: Option<Fault>,
    framing: Framing,
) -> io::Result<()> {
    let bytes = match &fault {
        Some(Fault::Instead(message)) => frames(message.as_bytes(), framing),
        Some(Fault::Close(code)) => frame(true, CLOSE, &code.to_be_bytes()),
        _ => said.iter().flat_map(|message| frames(message, framing)).collect(),
    };
    deliver(stream, cut, &bytes, fault).await
}

/// Err: the connection is over.
async fn deliver(stream: &mut Stream, cut: &mut Option<Cut>, bytes: &[u8], fault: Option<Fault>) -> io::Result<()> {
    match fault {
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(Fault::Garbage(garbage)) => {
            stream.write_all(&garbage).await?;
            return stream.flush().await;
        }
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::Drip(size, pause)) => {
            for piece in bytes.chunks(size) {
                tokio::time::sleep(pause).await;
                stream.write_all(piece).await?;
                stream.flush().await?;
            }
            return Ok(());
        }
        Some(Fault::Reset(left)) => *cut = Some(Cut { left, is_reset: true }),
        Some(Fault::Truncate(left)) => *cut = Some(Cut { left, is_reset: false }),
        None | Some(Fault::Instead(_) | Fault::Close(_) | Fault::Header(..)) => {}
    }
    // What is left of a cut is for what is said later.
    let Some(cut) = cut.as_mut().filter(|cut| cut.left <= bytes.len()) else {
        if let Some(cut) = cut {
            cut.left -= bytes.len();
        }
        stream.write_all(bytes).await?;
        return stream.flush().await;
    };
    stream.write_all(&bytes[..cut.left]).await?;
    stream.flush().await?;
    if cut.is_reset {
        stream.get_ref().0.set_zero_linger()?;
    }
    Err(io::ErrorKind::ConnectionAborted.into())
}
