//! An HTTP server on loopback in a thread of its own: plain or TLS, HTTP/1.1 or HTTP/2, able to
//! fail in every way a network does, and to tell what it was asked.
//!
//! What it answers is a function's to say; a fault lies between that and the wire. [`Double`] is
//! the server with a state that the test may look at and change meanwhile.

use super::tls::{Authority, Certificate};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::Deref;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How the server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Plain,
    Tls(Certificate),
    /// Offers no HTTP/2.
    TlsHttp1(Certificate),
    /// Lets nobody in without a certificate as [`Server::client_files`] makes them.
    TlsForClients,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// As sent, percent-encoded.
    pub(crate) path: String,
    /// In the order sent, decoded.
    pub(crate) query: Vec<(String, String)>,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The server's own address: `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
    pub(crate) is_http2: bool,
}

impl Request {
    /// The first of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first of that name.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What stands between the slashes, decoded.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path.split('/').skip(1).map(|segment| decoded(segment, false)).collect()
    }

    pub(crate) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    pub(crate) fn html(status: u16, body: &str) -> Self {
        Self::new(status, "text/html; charset=utf-8", body)
    }

    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::empty(status) }.with("content-type", content_type)
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// What happens to a reply, or in place of one. Sizes are in bytes of HTTP, below TLS's.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It comes this much later.
    Delay(Duration),
    /// So many bytes of it, then a reset.
    Reset(usize),
    /// So many bytes of it, then the end of the stream; TLS is not told.
    Truncate(usize),
    /// So many bytes at a time, with a pause before each.
    Drip(usize, Duration),
    /// These bytes, then the end of the stream.
    Garbage(Vec<u8>),
    /// A body that does not end.
    Endless,
    /// Announces so many bytes of body, whatever it has.
    Length(u64),
    /// Another answer, as a proxy in between would give.
    Instead(Reply),
    /// One header more, its name and its value.
    Header(&'static str, String),
    /// The connection is taken and nothing ever said, TLS's greeting included.
    Silence,
}

/// Asks back for the bytes of a request; the server answers and is stopped when it is dropped.
pub(crate) struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    authority: Option<Authority>,
    thread: Option<JoinHandle<()>>,
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

struct Shared {
    origin: String,
    handler: Box<Handler>,
    log: Mutex<Log>,
    stop: Notify,
}

#[derive(Default)]
struct Log {
    calls: Vec<Request>,
    connections: usize,
    /// Each with a piece of the targets that it is for.
    always: Option<(String, Fault)>,
    next: VecDeque<(String, Fault)>,
    /// Requests a second.
    limit: Option<u32>,
    recent: VecDeque<Instant>,
    /// What may not be asked again.
    once: Option<HashSet<(String, String)>>,
}

impl Server {
    pub(crate) fn start(wire: Wire, handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let authority = match wire {
            Wire::Plain => None,
            Wire::Tls(kind) | Wire::TlsHttp1(kind) => Some(Authority::new(kind)),
            Wire::TlsForClients => Some(Authority::new(Certificate::Good)),
        };
        let protocols: &[&[u8]] =
            if matches!(wire, Wire::TlsHttp1(_)) { &[b"http/1.1"] } else { &[b"h2", b"http/1.1"] };
        let tls = authority.as_ref().map(|authority| authority.server(protocols, wire == Wire::TlsForClients).into());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            origin: format!("{scheme}://{address}"),
            handler: Box::new(handler),
            log: Mutex::default(),
            stop: Notify::new(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || runtime.block_on(serve(&served, listener, tls)));
        Self { shared, address, authority, thread: Some(thread) }
    }

    /// `https://127.0.0.1:PORT`, nothing after it.
    pub(crate) fn url(&self) -> &str {
        &self.shared.origin
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a client has to trust to come in.
    #[track_caller]
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.authority.as_ref().expect("a plain server has no certificate").ca_file()
    }

    /// A client's certificate and its key.
    #[track_caller]
    pub(crate) fn client_files(&self) -> (PathBuf, PathBuf) {
        self.authority.as_ref().expect("a plain server knows no certificates").client()
    }

    /// Every request that came whole, those that met a fault included.
    pub(crate) fn calls(&self) -> Vec<Request> {
        self.shared.log().calls.clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.shared.log().calls.len()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.log().connections
    }

    /// From now on, until [`Server::heal`].
    pub(crate) fn always(&self, fault: Fault) {
        self.always_at("", fault);
    }

    /// The same for requests whose target has this piece.
    pub(crate) fn always_at(&self, piece: &str, fault: Fault) {
        self.shared.log().always = Some((piece.into(), fault));
    }

    /// What the next requests meet, one fault each; connections where it is silence.
    pub(crate) fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.next_at("", faults);
    }

    /// The same for requests whose target has this piece.
    pub(crate) fn next_at(&self, piece: &str, faults: impl IntoIterator<Item = Fault>) {
        self.shared.log().next.extend(faults.into_iter().map(|fault| (piece.to_owned(), fault)));
    }

    /// No fault, no limit.
    pub(crate) fn heal(&self) {
        let mut log = self.shared.log();
        (log.always, log.limit, log.once) = (None, None, None);
        log.next.clear();
    }

    /// 429 with `Retry-After: 1` for all beyond so many requests in a second.
    pub(crate) fn limit(&self, a_second: u32) {
        self.shared.log().limit = Some(a_second);
    }

    /// Answers the same method and target once; after that 410.
    pub(crate) fn only_once(&self) {
        self.shared.log().once = Some(HashSet::new());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // A handler that panicked has said so on standard error.
            let _ = thread.join();
        }
    }
}

/// An address on which nobody listens.
pub(crate) fn refusing() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

/// A server over a state.
pub(crate) struct Double<S> {
    server: Server,
    state: Arc<Mutex<S>>,
}

impl<S: Send + 'static> Double<S> {
    pub(crate) fn start(wire: Wire, state: S, answer: fn(&mut S, &Request) -> Reply) -> Self {
        let state = Arc::new(Mutex::new(state));
        let asked = Arc::clone(&state);
        let server = Server::start(wire, move |request| answer(&mut lock(&asked), request));
        Self { server, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, S> {
        lock(&self.state)
    }
}

impl<S> Deref for Double<S> {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }
}

impl Log {
    /// A connection was made. Whether nothing is to be said on it.
    fn connected(&mut self) -> bool {
        self.connections += 1;
        if matches!(self.next.front(), Some((_, Fault::Silence))) {
            self.next.pop_front();
            return true;
        }
        matches!(self.always, Some((_, Fault::Silence)))
    }

    /// A request came. What is to happen to its reply.
    fn called(&mut self, request: &Request, target: &str) -> Option<Fault> {
        self.calls.push(request.clone());
        let is_new = |once: &mut HashSet<_>| once.insert((request.method.clone(), target.to_owned()));
        if !self.once.as_mut().is_none_or(is_new) {
            return Some(Fault::Instead(Reply::text(410, "this was asked before")));
        }
        if let Some(limit) = self.limit {
            let now = Instant::now();
            self.recent.retain(|at| now.duration_since(*at) < Duration::from_secs(1));
            if self.recent.len() >= limit as usize {
                return Some(Fault::Instead(Reply::text(429, "too many requests").with("retry-after", "1")));
            }
            self.recent.push_back(now);
        }
        let is_for = |(piece, _): &(String, Fault)| target.contains(piece.as_str());
        let next = self.next.iter().position(is_for).and_then(|at| self.next.remove(at));
        next.or_else(|| self.always.clone().filter(is_for)).map(|(_, fault)| fault)
    }
}

async fn serve(shared: &Arc<Shared>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let accept = async {
        loop {
            // It can fail for want of descriptors, which others give back.
            if let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(connection(Arc::clone(shared), tcp, tls.clone()));
            } else {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    let mut accept = std::pin::pin!(accept);
    let mut stop = std::pin::pin!(shared.stop.notified());
    std::future::poll_fn(|context| match stop.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => accept.as_mut().poll(context).map(|never: Infallible| match never {}),
    })
    .await;
}

async fn connection(shared: Arc<Shared>, tcp: TcpStream, tls: Option<TlsAcceptor>) {
    if shared.log().connected() {
        // Held open until the server goes.
        std::future::pending::<()>().await;
    }
    // A request that comes in one packet is answered in one, not after the other side's delayed acknowledgement.
    let _ = tcp.set_nodelay(true);
    let (stream, is_http2) = match tls {
        None => (Stream::Plain(tcp), false),
        // That a client does not like the certificate is what some tests are about.
        Some(tls) => match tls.accept(tcp).await {
            Err(_) => return,
            Ok(stream) => {
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                (Stream::Tls(Box::new(stream)), is_http2)
            }
        },
    };
    let course = Arc::new(Mutex::new(Course::Straight));
    let io = TokioIo::new(Faulty { stream, course: Arc::clone(&course) });
    let service = service_fn(move |request| answer(Arc::clone(&shared), Arc::clone(&course), request));
    // How a connection ends is the client's to judge.
    if is_http2 {
        let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
    } else {
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
    }
}

async fn answer(
    shared: Arc<Shared>,
    course: Arc<Mutex<Course>>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Payload>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let request = Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parameters(parts.uri.query().unwrap_or("")),
        headers: parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        body: body.collect().await?.to_bytes().to_vec(),
        origin: shared.origin.clone(),
        is_http2: parts.version == hyper::Version::HTTP_2,
    };
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let fault = shared.log().called(&request, target);
    if let Some(Fault::Delay(time)) = fault {
        tokio::time::sleep(time).await;
    }
    let reply = match &fault {
        Some(Fault::Instead(reply)) => reply.clone(),
        _ => (shared.handler)(&request),
    };
    let mut response = hyper::Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    if let Some(Fault::Header(name, value)) = &fault {
        response = response.header(*name, value);
    }
    let fault = match fault {
        // hyper keeps to its word, so without HTTP/2's frames this is written by hand.
        Some(Fault::Length(length)) if !request.is_http2 => Some(Fault::Garbage(by_hand(&reply, length))),
        Some(Fault::Length(length)) => {
            response = response.header("content-length", length);
            fault
        }
        fault => fault,
    };
    let payload = match fault {
        Some(Fault::Endless) => Payload::Endless,
        Some(Fault::Length(_)) => Payload::Unmeasured(reply.body.into()),
        _ => Payload::Whole(reply.body.into()),
    };
    let mut course = lock(&course);
    match fault {
        Some(Fault::Reset(left)) => *course = Course::Until { left, is_reset: true },
        Some(Fault::Truncate(left)) => *course = Course::Until { left, is_reset: false },
        Some(Fault::Drip(bytes, pause)) => *course = Course::Drip { bytes, pause, timer: None },
        Some(Fault::Garbage(bytes)) => *course = Course::Instead(bytes.into()),
        // What another request on this connection is about to meet stays.
        _ if matches!(*course, Course::Drip { .. }) => *course = Course::Straight,
        _ => {}
    }
    Ok(response.body(payload).unwrap())
}

fn by_hand(reply: &Reply, length: u64) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {} -\r\ncontent-length: {length}\r\n", reply.status).into_bytes();
    for (name, value) in &reply.headers {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    [bytes.as_slice(), b"\r\n", &reply.body].concat()
}

enum Payload {
    Whole(Bytes),
    /// Nothing says how long it is.
    Unmeasured(Bytes),
    Endless,
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match self.get_mut() {
            Self::Whole(bytes) | Self::Unmeasured(bytes) => std::mem::take(bytes),
            Self::Endless => Bytes::from_static(&[b' '; 4096]),
        };
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            _ => SizeHint::default(),
        }
    }
}

/// What becomes of the bytes that the server writes on one connection.
enum Course {
    Straight,
    Until { left: usize, is_reset: bool },
    Drip { bytes: usize, pause: Duration, timer: Option<Pin<Box<Sleep>>> },
    Instead(Bytes),
    Over,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }

    fn write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Self::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }
}

/// A stream that its course may break off.
struct Faulty {
    stream: Stream,
    course: Arc<Mutex<Course>>,
}

impl Faulty {
    /// Everything that was allowed is on its way: the connection ends, and hyper drops it.
    fn end(&mut self, context: &mut Context<'_>, course: &mut Course) -> Poll<io::Error> {
        if self.stream.flush(context).is_pending() {
            return Poll::Pending;
        }
        if matches!(course, Course::Until { is_reset: true, .. }) {
            let _ = self.stream.tcp().set_zero_linger();
        }
        *course = Course::Over;
        Poll::Ready(io::ErrorKind::ConnectionAborted.into())
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let shared = Arc::clone(&this.course);
        let mut course = lock(&shared);
        match &mut *course {
            Course::Straight => this.stream.write(context, bytes),
            Course::Over => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            Course::Until { left: 0, .. } => this.end(context, &mut course).map(Err),
            Course::Until { left, .. } => {
                let written = ready!(this.stream.write(context, &bytes[..bytes.len().min(*left)]))?;
                *left -= written;
                Poll::Ready(Ok(written))
            }
            Course::Drip { bytes: most, pause, timer } => {
                let waiting = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(*pause)));
                ready!(waiting.as_mut().poll(context));
                let written = ready!(this.stream.write(context, &bytes[..bytes.len().min(*most)]))?;
                *timer = None;
                Poll::Ready(Ok(written))
            }
            Course::Instead(garbage) if garbage.is_empty() => this.end(context, &mut course).map(Err),
            Course::Instead(garbage) => {
                while !garbage.is_empty() {
                    let written = ready!(this.stream.write(context, garbage))?;
                    *garbage = garbage.slice(written..);
                }
                this.end(context, &mut course).map(Err)
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shared = Arc::clone(&this.course);
        let mut course = lock(&shared);
        match &*course {
            Course::Until { left: 0, .. } => this.end(context, &mut course).map(Err),
            Course::Over => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            _ => this.stream.flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if matches!(*lock(&this.course), Course::Over) {
            return Poll::Ready(Ok(()));
        }
        match &mut this.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}

impl AsyncRead for Faulty {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Stream::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

/// Pairs of a query, or of a form as a browser sends it.
pub(crate) fn parameters(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name, true), decoded(value, true))
    };
    text.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

fn decoded(text: &str, is_form: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = tail.get(..2).and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        rest = tail;
        match (first, escape) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) if is_form => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Unix seconds.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}

/// The time of these Unix seconds, in UTC; the year begins in March, so that a leap day is its last.
pub(crate) fn rfc3339(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400) + 719_468, seconds.rem_euclid(86_400));
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}
