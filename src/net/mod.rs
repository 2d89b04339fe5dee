//! HTTP done right, once for all remote stores: one server, one connection set-up, many requests.
//!
//! A [`Client`] has one deadline for all it does, tries again what may pass and is safe to repeat,
//! follows redirects to the same origin only, reads replies up to a limit and believes no content
//! type. What a status or a body means is the store's to say. All of it runs on the one thread of
//! [`runtime`], and ends when that is dropped.

mod address;
#[cfg(any(test, fuzzing))]
pub(crate) mod canned;
mod certificate;
mod connect;
mod each;
mod proxy;
mod retry;
mod tls;
mod websocket;

pub(crate) use address::{Base, Origin, encode};
pub(crate) use connect::race;
pub(crate) use each::{Task, all, each, gather};
pub(crate) use hyper::header;
pub(crate) use hyper::{Method, StatusCode};
pub(crate) use proxy::{Proxy, SETTING as PROXY_SETTING};
pub(crate) use tls::{Identity, Roots};
pub(crate) use tokio::sync::{Mutex, OnceCell};
pub(crate) use websocket::WebSocket;

use crate::failure::StoreError;
use crate::secret::Secret;
use crate::sys;
use address::Host;
use bytes::Bytes;
use connect::{Io, Route};
use header::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt as _, Full};
use hyper::Uri;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use nix::sys::signal::SigSet;
use retry::Tries;
use std::cell::{Cell, RefCell};
use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
#[cfg(test)]
use std::time::Duration;
use std::time::{Instant, SystemTime};
use tls::Configs;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, SemaphorePermit};
use zeroize::Zeroizing;

/// Connections to one server where HTTP/2 is not offered.
const CONNECTIONS: usize = 8;
/// Redirects of one request.
const REDIRECTS: usize = 5;
/// The most bytes of a reply's body: a secret of 1 MiB whose every byte JSON writes as `\u00XX`,
/// and room for what is around it.
pub(crate) const LARGEST: usize = 8 << 20;
/// The most that a server may send before we have read it (RFC 9113 section 5.2): enough for a
/// secret of 1 MiB to come without a pause.
const WINDOW: u32 = 2 << 20;

/// What all remote stores of a plan run on: the calling thread.
///
/// Looking a name up takes a second one for as long as it lasts. Signals are not for that one: they
/// end this process, or go to whoever waits for them here.
pub(crate) fn runtime() -> Result<Runtime, StoreError> {
    sys::look_hosts_up_without_modules();
    let hold_signals = || {
        let _ = SigSet::all().thread_block();
    };
    Builder::new_current_thread().enable_io().enable_time().on_thread_start(hold_signals).build().map_err(|error| {
        let why = connect::reason(&error);
        StoreError::Unavailable(format!("this machine lets us have no sockets: {why}"))
    })
}

/// What a store answers that is asked alone.
pub(crate) fn wait<T, E: From<StoreError>>(asked: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let runtime = runtime()?;
    // Of one type for each answer, for which the runtime is compiled, whatever is asked.
    let asked: Pin<Box<dyn Future<Output = Result<T, E>>>> = Box::pin(asked);
    // A server may be gone when we write to it.
    let answer = crate::sys::without_sigpipe(|| runtime.block_on(asked));
    match &answer {
        // Joins the thread that looked names up.
        Ok(_) => drop(runtime),
        // One that outlived the deadline would keep the report waiting.
        Err(_) => runtime.shutdown_background(),
    }
    answer
}

/// When all has to be done, and the setting that says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    /// `--timeout`, `` `timeout` ``.
    pub(crate) set_by: &'static str,
}

impl Deadline {
    /// `whom` and `what` are for the message: no answer from WHOM while we waited WHAT.
    async fn within<T>(
        &self,
        whom: impl fmt::Display,
        what: &str,
        future: impl Future<Output = T>,
    ) -> Result<T, Fault> {
        tokio::time::timeout_at(self.at.into(), future).await.map_err(|_| {
            let text = format!("{whom}: it took too long {what}; {} allows more time", self.set_by);
            Fault::for_good(StoreError::TimedOut(text))
        })
    }
}

/// How to reach a server.
pub(crate) struct Reach {
    pub(crate) base: Base,
    /// Plain HTTP may leave this machine.
    pub(crate) insecure: bool,
    pub(crate) roots: Roots,
    pub(crate) identity: Option<Identity>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) deadline: Deadline,
    /// After the first try.
    pub(crate) retries: u32,
}

/// What is asked. Its path begins with a slash, follows the base address's own, and is encoded.
pub(crate) struct Request {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
    repeatable: bool,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { repeatable: true, ..Self::new(Method::GET, path) }
    }

    /// What may change something: it is made again only where it cannot have been done.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: HeaderMap::new(), body: Bytes::new(), repeatable: false }
    }

    /// Doing it twice is as good as doing it once.
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Takes the body over without a copy; it is wiped with the last use.
    pub(crate) fn json(mut self, body: Zeroizing<Vec<u8>>) -> Self {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = Bytes::from_owner(body);
        self
    }
}

/// A header's value that hyper neither prints nor keeps in a compression table: `prefix`, such as
/// `Bearer `, and a credential.
#[allow(clippy::disallowed_methods, reason = "a credential on its way to the server it is for")]
pub(crate) fn secret_header(prefix: &str, secret: &Secret) -> Result<HeaderValue, StoreError> {
    let value = Zeroizing::new([prefix.as_bytes(), secret.expose()].concat());
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(value)).map_err(|_| {
        StoreError::Settings("the credential holds a control character or line break, which no header can carry".into())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// What was answered, whatever its status.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// A failure of one try.
pub(crate) struct Fault {
    pub(crate) error: StoreError,
    /// It may go better in a moment.
    is_transient: bool,
    /// The server may have acted on the request.
    may_be_done: bool,
    /// Nothing went wrong: the server took other requests on this connection, and this one no more.
    is_left_over: bool,
}

impl Fault {
    pub(crate) fn is_transient(&self) -> bool {
        self.is_transient
    }

    fn for_good(error: StoreError) -> Self {
        Self { error, is_transient: false, may_be_done: true, is_left_over: false }
    }

    /// Before a request was sent, or where it changes nothing.
    pub(crate) fn passing(text: String) -> Self {
        Self { error: StoreError::Unavailable(text), is_transient: true, may_be_done: false, is_left_over: false }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::for_good(error)
    }
}

/// Makes an attempt that changes nothing again while it may go better, as the deadline and the number
/// of retries allow.
pub(crate) async fn retried<T>(
    deadline: &Deadline,
    retries: u32,
    mut attempt: impl AsyncFnMut() -> Result<T, Fault>,
) -> Result<T, StoreError> {
    let mut tries = Tries::new(deadline, retries);
    // Where the time ends a later try, this tells more than that.
    let mut last = None;
    loop {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(Fault { error: error @ StoreError::TimedOut(_), .. }) => return Err(last.unwrap_or(error)),
            Err(fault) if fault.is_transient && tries.another(None).await => last = Some(fault.error),
            Err(fault) => return Err(fault.error),
        }
    }
}

type Message = hyper::Request<Full<Bytes>>;
type Http1 = http1::SendRequest<Full<Bytes>>;
type Http2 = http2::SendRequest<Full<Bytes>>;

enum Connection {
    Http1(Http1),
    Http2(Http2),
}

/// What is known of the server since the first connection.
enum Known {
    Nothing,
    /// One request at a time and connection.
    SpeaksHttp1,
    /// One connection for all.
    Http2(Shared),
    /// It could not be reached, which is so for every request.
    Unreachable(StoreError),
}

/// A connection for many requests at once, until the server winds it up (GOAWAY, RFC 9113 section 6.8).
#[derive(Clone)]
struct Shared {
    sender: Http2,
    has_answered: Rc<Cell<bool>>,
}

impl Shared {
    fn new(sender: Http2) -> Self {
        Self { sender, has_answered: Rc::default() }
    }
}

/// A connection for the time of one request.
enum Lease<'a> {
    Http1 { sender: Http1, _permit: SemaphorePermit<'a> },
    Http2(Shared),
}

pub(crate) struct Client {
    reach: Reach,
    configs: Option<Configs>,
    known: Mutex<Known>,
    permits: Semaphore,
    idle: RefCell<Vec<Http1>>,
}

impl Client {
    /// Connects to nothing yet.
    pub(crate) fn new(reach: Reach) -> Result<Self, StoreError> {
        let origin = &reach.base.origin;
        if !origin.is_tls() && !origin.is_local() && !reach.insecure {
            return Err(StoreError::Settings(format!(
                "{origin}: plain HTTP would show secrets to the network; write https:// in `url`, or set \"insecure\": true"
            )));
        }
        let needs_tls = origin.is_tls() || reach.proxy.as_ref().is_some_and(|proxy| proxy.tls);
        let configs = needs_tls.then(|| tls::configs(&reach.roots, reach.identity.as_ref())).transpose()?;
        Ok(Self {
            reach,
            configs,
            known: Mutex::new(Known::Nothing),
            permits: Semaphore::new(CONNECTIONS),
            idle: RefCell::default(),
        })
    }

    /// For messages.
    pub(crate) fn origin(&self) -> &Origin {
        &self.reach.base.origin
    }

    /// The reply to a request, whatever its status. Err: there was none, after as many tries as
    /// make sense.
    pub(crate) async fn send(&self, request: &Request) -> Result<Reply, StoreError> {
        #[cfg(any(test, fuzzing))]
        if let Some(reply) = canned::next() {
            return Ok(reply);
        }
        let mut path = format!("{}{}", self.reach.base.path, request.path);
        let mut redirects = 0;
        let mut tries = self.tries();
        // Where the time ends a later try, this tells more than that.
        let mut last = None;
        loop {
            match self.exchange(request, &path).await {
                Ok(reply) if is_redirect(&reply, request) => {
                    redirects += 1;
                    if redirects > REDIRECTS {
                        let text = format!("{}: more than {REDIRECTS} redirects; is `url` right?", self.origin());
                        return Err(StoreError::Malformed(text));
                    }
                    path = self.follow(&path, &reply)?;
                }
                Ok(reply) => {
                    let is_undone = request.repeatable || reply.status == StatusCode::TOO_MANY_REQUESTS;
                    let again = retry::is_transient(reply.status) && is_undone;
                    if !again || !tries.another(retry::retry_after(&reply.headers, SystemTime::now())).await {
                        return Ok(reply);
                    }
                    last = Some(Ok(reply));
                }
                Err(fault) if fault.may_be_done && !request.repeatable => return Err(unsure(fault.error)),
                Err(Fault { error: error @ StoreError::TimedOut(_), .. }) => return last.unwrap_or(Err(error)),
                // That costs no try, and cannot go on for ever: each such connection has answered something.
                Err(Fault { is_left_over: true, .. }) => {}
                Err(fault) => {
                    let again = fault.is_transient && (request.repeatable || !fault.may_be_done);
                    if !again || !tries.another(None).await {
                        return Err(fault.error);
                    }
                    last = Some(Err(fault.error));
                }
            }
        }
    }

    /// What a status says that the store has no better word for.
    pub(crate) fn refusal(&self, reply: &Reply) -> StoreError {
        let what = format!("{} answered {}", self.origin(), shown(reply.status));
        match reply.status {
            StatusCode::UNAUTHORIZED => {
                StoreError::Unauthenticated(format!("{what}; is the credential right, and has it not expired?"))
            }
            StatusCode::FORBIDDEN => StoreError::Denied(format!("{what}; may this credential read it?")),
            StatusCode::REQUEST_TIMEOUT => StoreError::Unavailable(format!("{what}; try again")),
            status if retry::is_transient(status) => {
                let advice = match retry::retry_after(&reply.headers, SystemTime::now()) {
                    Some(wait) if Instant::now().checked_add(wait).is_none_or(|at| at >= self.reach.deadline.at) => {
                        format!(
                            "asks for {} s of patience, more than {} leaves",
                            wait.as_secs(),
                            self.reach.deadline.set_by
                        )
                    }
                    _ => "try again, or see what the server logs".to_owned(),
                };
                StoreError::Unavailable(format!("{what}; {advice}"))
            }
            _ => StoreError::Malformed(format!("{what}; does `url` lead to the service?")),
        }
    }

    /// One try to make a connection of its own for another protocol, in TLS where the base address
    /// says https. The server is known by `server_name`, or by its host.
    async fn stream(&self, server_name: Option<&str>) -> Result<Io, Fault> {
        self.route(server_name, false).connect().await.map(|(stream, _)| stream)
    }

    fn tries(&self) -> Tries<'_> {
        Tries::new(&self.reach.deadline, self.reach.retries)
    }

    fn route<'a>(&'a self, server_name: Option<&'a str>, is_http: bool) -> Route<'a> {
        Route {
            origin: self.origin(),
            proxy: self.reach.proxy.as_ref(),
            server_name,
            configs: self.configs.as_ref(),
            is_http,
            deadline: &self.reach.deadline,
        }
    }

    /// One try of a request.
    async fn exchange(&self, request: &Request, path: &str) -> Result<Reply, Fault> {
        let unsent = |fault| Fault { may_be_done: false, ..fault };
        let mut lease = self.lease().await.map_err(unsent)?;
        let message = self.message(request, path, matches!(lease, Lease::Http2(_))).map_err(unsent)?;
        let answered = async {
            let answered = match &mut lease {
                Lease::Http1 { sender, .. } => sender.send_request(message).await,
                Lease::Http2(shared) => shared.sender.send_request(message).await,
            };
            let (head, body) = answered.map_err(|error| self.broken(&error))?.into_parts();
            Ok::<_, Fault>(Reply { status: head.status, headers: head.headers, body: self.read(body).await? })
        };
        let reply = self.reach.deadline.within(self.origin(), "to answer", answered).await?;
        match lease {
            Lease::Http1 { sender, .. } => {
                if reply.is_ok() && !sender.is_closed() {
                    self.idle.borrow_mut().push(sender);
                }
                reply
            }
            Lease::Http2(shared) => {
                let has_answered = shared.has_answered.replace(reply.is_ok() || shared.has_answered.get());
                reply.map_err(|fault| Fault { is_left_over: has_answered && !fault.may_be_done, ..fault })
            }
        }
    }

    fn message(&self, request: &Request, path: &str, is_http2: bool) -> Result<Message, Fault> {
        let origin = self.origin();
        // In HTTP/1.1 the target is the path alone and Host says the rest (RFC 9112 section 3.2.1).
        let target: Result<Uri, _> = if is_http2 { format!("{origin}{path}").parse() } else { path.parse() };
        let target = target.ok().filter(|target| is_http2 || target.authority().is_none());
        let host = HeaderValue::try_from(origin.authority()).ok();
        let (Some(target), Some(host)) = (target, host) else {
            let text = format!("{origin}: the path of a request is not one that HTTP can carry");
            return Err(Fault::for_good(StoreError::Settings(text)));
        };
        let mut message = Message::new(Full::new(request.body.clone()));
        *message.method_mut() = request.method.clone();
        *message.uri_mut() = target;
        *message.headers_mut() = request.headers.clone();
        let headers = message.headers_mut();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("inject/", env!("CARGO_PKG_VERSION"))));
        if !is_http2 {
            headers.insert(header::HOST, host);
        }
        Ok(message)
    }

    /// A connection that is free. The first one decides how many there may be, so the others wait
    /// for it.
    async fn lease(&self) -> Result<Lease<'_>, Fault> {
        let mut known = self.known.lock().await;
        match &*known {
            Known::Http2(shared) if !shared.sender.is_closed() => return Ok(Lease::Http2(shared.clone())),
            Known::Unreachable(error) => return Err(Fault::for_good(error.clone())),
            Known::SpeaksHttp1 => {}
            Known::Nothing | Known::Http2(_) => {
                let mut tries = self.tries();
                *known = loop {
                    match self.connect().await {
                        Ok(Connection::Http2(sender)) => break Known::Http2(Shared::new(sender)),
                        Ok(Connection::Http1(sender)) => {
                            self.idle.borrow_mut().push(sender);
                            break Known::SpeaksHttp1;
                        }
                        Err(fault) if fault.is_transient && tries.another(None).await => {}
                        Err(fault) => break Known::Unreachable(fault.error),
                    }
                };
                match &*known {
                    Known::Http2(shared) => return Ok(Lease::Http2(shared.clone())),
                    Known::Unreachable(error) => return Err(Fault::for_good(error.clone())),
                    Known::SpeaksHttp1 | Known::Nothing => {}
                }
            }
        }
        drop(known);
        let Ok(permit) = self.permits.acquire().await else {
            return Err(Fault::for_good(StoreError::Unavailable(format!("{}: no connection is left", self.origin()))));
        };
        loop {
            let idle = self.idle.borrow_mut().pop();
            match idle {
                // The server may have closed it meanwhile.
                Some(mut sender) => {
                    if sender.ready().await.is_ok() {
                        return Ok(Lease::Http1 { sender, _permit: permit });
                    }
                }
                None => match self.connect().await? {
                    Connection::Http1(sender) => return Ok(Lease::Http1 { sender, _permit: permit }),
                    Connection::Http2(sender) => return Ok(Lease::Http2(Shared::new(sender))),
                },
            }
        }
    }

    async fn connect(&self) -> Result<Connection, Fault> {
        let (stream, is_http2) = self.route(None, true).connect().await?;
        let stream = TokioIo::new(stream);
        // The tasks that move the bytes end with the runtime, if not before.
        if is_http2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
            let (sender, connection) = builder.handshake(stream).await.map_err(|error| self.broken(&error))?;
            tokio::spawn(connection);
            Ok(Connection::Http2(sender))
        } else {
            let (sender, connection) = http1::handshake(stream).await.map_err(|error| self.broken(&error))?;
            tokio::spawn(connection);
            Ok(Connection::Http1(sender))
        }
    }

    /// The body, in memory that is wiped and does not grow where its length was told.
    async fn read(&self, mut body: Incoming) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let too_big = || {
            let text =
                format!("{}: a reply has more than {LARGEST} bytes; does `url` lead to the service?", self.origin());
            Fault::for_good(StoreError::TooBig(text))
        };
        let expected = usize::try_from(body.size_hint().lower()).ok().filter(|expected| *expected <= LARGEST);
        let mut bytes = Zeroizing::new(Vec::with_capacity(expected.ok_or_else(too_big)?.max(1024)));
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|error| self.broken(&error))?.into_data() else { continue };
            let length = bytes.len() + data.len();
            if length > LARGEST {
                return Err(too_big());
            }
            if length > bytes.capacity() {
                let mut larger = Zeroizing::new(Vec::with_capacity(2 * length));
                larger.extend_from_slice(&bytes);
                bytes = larger;
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes)
    }

    /// What hyper reports, in words.
    fn broken(&self, error: &hyper::Error) -> Fault {
        let origin = self.origin();
        if let Some(why) = tls::explain_below(error) {
            return Fault::for_good(StoreError::Unavailable(format!("{origin}: {why}")));
        }
        if error.is_parse() {
            let advice =
                if origin.is_tls() { "is the port right?" } else { "is the port right, or does it speak TLS?" };
            let text = format!("{origin} does not answer in HTTP; {advice}");
            return Fault::for_good(StoreError::Malformed(text));
        }
        let of_system = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        // HTTP/2 keeps of an error below it no more than that it was rustls's.
        if origin.is_tls() && of_system.is_some_and(|error| error.kind() == io::ErrorKind::InvalidData) {
            let text = format!(
                "{origin}: the server broke TLS off after the handshake; if it wants a certificate of ours, set \
                 `client_cert` and `client_key`"
            );
            return Fault::for_good(StoreError::Unavailable(text));
        }
        let of_system = of_system.map(connect::reason);
        let why = match &of_system {
            Some(why) => why,
            None if error.is_canceled() => "the connection was closed before the request",
            None if error.is_incomplete_message() => "the connection was closed within the reply",
            None => "the exchange was broken off",
        };
        let text = format!("{origin}: {why}; try again, or see what the server logs");
        Fault { may_be_done: !error.is_canceled(), ..Fault::passing(text) }
    }

    /// Where a redirect leads, as a path of this server.
    fn follow(&self, path: &str, reply: &Reply) -> Result<String, StoreError> {
        let origin = self.origin();
        let location = reply.headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
        let location = location.and_then(|location| location.split('#').next()).unwrap_or_default();
        let scheme = if origin.is_tls() { "https" } else { "http" };
        let here = path.split('?').next().unwrap_or_default();
        let absolute = match location.split_once("//") {
            Some(("", rest)) => Some(format!("{scheme}://{rest}")),
            Some((before, _)) if before.ends_with(':') && !before.contains(['/', '?']) => Some(location.to_owned()),
            _ => None,
        };
        let Some(absolute) = absolute else {
            return match location.chars().next() {
                None => Err(StoreError::Malformed(format!("{origin} redirects to nowhere; is `url` right?"))),
                Some('/') => Ok(location.to_owned()),
                Some('?') => Ok(format!("{here}{location}")),
                Some(_) => Ok(format!("{}{location}", &here[..=here.rfind('/').unwrap_or(0)])),
            };
        };
        let target: Option<Uri> = absolute.parse().ok();
        let target = target.as_ref().map(|uri| (uri, uri.scheme_str().unwrap_or_default()));
        let place = |(uri, scheme): (&Uri, &str)| Host::of(uri, if scheme == "https" { 443 } else { 80 });
        match (target, origin) {
            (Some((uri, to)), Origin::Tcp { host, .. }) if to == scheme && place((uri, to)).as_ref() == Some(host) => {
                Ok(uri.path_and_query().map_or("/", |path| path.as_str()).to_owned())
            }
            (Some((_, "https")), Origin::Tcp { tls: false, .. }) => Err(StoreError::Settings(format!(
                "{origin} redirects to https, which is another server to us; write https:// in `url`"
            ))),
            _ => Err(StoreError::Settings(format!(
                "{origin} redirects to another server, which would get our credential; is `url` right?"
            ))),
        }
    }
}

/// A failure of what is not to be done twice, where the server may have done it before.
pub(crate) fn unsure(error: StoreError) -> StoreError {
    error.map(|why| format!("{why}; it may have been done all the same: look before you do it again"))
}

/// The same for an answer, which leaves it open where the server failed.
pub(crate) fn unsure_after(reply: &Reply, error: StoreError) -> StoreError {
    if reply.status.is_server_error() { unsure(error) } else { error }
}

/// `503 Service Unavailable`.
fn shown(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// 307 and 308 repeat any request, since it was not done; the others would turn it into a GET.
fn is_redirect(reply: &Reply, request: &Request) -> bool {
    match reply.status.as_u16() {
        307 | 308 => true,
        301..=303 => [Method::GET, Method::HEAD].contains(&request.method),
        _ => false,
    }
}

#[cfg(test)]
impl Deadline {
    pub(crate) fn in_test(left: Duration) -> Self {
        Self { at: Instant::now() + left, set_by: "--timeout" }
    }
}

#[cfg(test)]
mod tests;
