//! An address to a stream: names, TCP with both IP versions, Unix sockets, proxies, TLS.

use super::address::{Host, Origin};
use super::proxy::{Proxy, Refusal};
use super::tls::{self, Configs};
use super::{Deadline, Fault};
use crate::failure::{StoreError, cause};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
/// A connection, whatever it goes through.
pub(crate) type Io = Box<dyn Stream>;

/// How far apart two attempts begin (RFC 8305 section 5, Connection Attempt Delay).
const STAGGER: Duration = Duration::from_millis(250);

/// The way to a server.
pub(super) struct Route<'a> {
    pub(super) origin: &'a Origin,
    pub(super) proxy: Option<&'a Proxy>,
    /// What the server is known by, where that is not its host.
    pub(super) server_name: Option<&'a str>,
    /// There for every route that needs them.
    pub(super) configs: Option<&'a Configs>,
    /// HTTP is to be spoken, in the version that the server chooses.
    pub(super) is_http: bool,
    pub(super) deadline: &'a Deadline,
}

impl Route<'_> {
    /// The connection, and whether HTTP/2 was agreed on.
    pub(super) async fn connect(&self) -> Result<(Io, bool), Fault> {
        let (tls, host) = match self.origin {
            Origin::Unix(path) => return Ok((self.unix(path).await?, false)),
            Origin::Tcp { tls, host } => (*tls, host),
        };
        let stream = match self.proxy {
            Some(proxy) => self.tunnel(proxy, host).await?,
            None => self.tcp(host, &host.to_string(), "is `url` right, and is the server up?").await?,
        };
        if !tls {
            return Ok((stream, false));
        }
        let name = self.server_name.unwrap_or(&host.name);
        self.handshake(stream, self.is_http, name, &self.origin.to_string()).await
    }

    async fn unix(&self, path: &Path) -> Result<Io, Fault> {
        let connected = self.deadline.within(self.origin, "to connect", UnixStream::connect(path)).await?;
        connected.map(|stream| Box::new(stream) as Io).map_err(|error| {
            Fault::passing(format!("{}: {}; is the server up, and may we use its socket?", self.origin, reason(&error)))
        })
    }

    async fn tunnel(&self, proxy: &Proxy, target: &Host) -> Result<Io, Fault> {
        let (name, way_around) = (proxy.shown(), proxy.way_around());
        let advice = format!("is this the proxy to use? {way_around}");
        let mut stream = self.tcp(&proxy.host, &name, &advice).await?;
        if proxy.tls {
            (stream, _) = self.handshake(stream, false, &proxy.host.name, &name).await?;
        }
        let tunnel = self.deadline.within(&name, "for the tunnel", proxy.tunnel(&mut stream, target)).await?;
        match tunnel {
            Ok(()) => Ok(stream),
            Err(Refusal::Status(407)) => Err(Fault::for_good(StoreError::Unauthenticated(format!(
                "{name} {}; write it as http://USER:PASSWORD@HOST:PORT in {}",
                if proxy.has_login() { "does not accept our login" } else { "wants a login" },
                proxy.login_place()
            )))),
            Err(Refusal::Status(status @ (502..=504 | 429))) => Err(Fault::passing(format!(
                "{name} cannot reach {target}: it answered {status}; is `url` right, and is the server up?"
            ))),
            Err(Refusal::Status(status)) => Err(Fault::for_good(StoreError::Denied(format!(
                "{name} will not connect us to {target}: it answered {status}; ask who runs it, or go without: {way_around}"
            )))),
            Err(Refusal::Garbage) => {
                Err(Fault::for_good(StoreError::Malformed(format!("{name} does not answer as an HTTP proxy does"))))
            }
            Err(Refusal::Io(error)) => Err(Fault::passing(format!("{name}: {}", reason(&error)))),
        }
    }

    async fn tcp(&self, host: &Host, shown: &str, advice: &str) -> Result<Io, Fault> {
        // getaddrinfo: it alone knows what this machine's files, search domains and caches say. It
        // blocks, so it has a thread of its own for as long as it takes (none where the name is an
        // address); dropping the runtime joins that thread before anything is launched.
        let lookup = tokio::net::lookup_host((host.name.as_str(), host.port));
        let addresses = self.deadline.within(shown, "to look up its name", lookup).await?;
        let addresses: Vec<SocketAddr> = addresses.map(Iterator::collect).map_err(|error| {
            let reason = error.to_string();
            let reason = reason.rsplit(": ").next().unwrap_or_default();
            Fault::passing(format!("{shown}: the name cannot be looked up: {reason}; {advice}"))
        })?;
        let attempts = interleave(addresses).into_iter().map(TcpStream::connect);
        let stream = self.deadline.within(shown, "to connect", race(attempts)).await?;
        let stream = stream.map_err(|error| error.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()));
        let stream = stream.map_err(|error| Fault::passing(format!("{shown}: {}; {advice}", reason(&error))))?;
        // Requests are small and wait for their answers: nothing is to be held back.
        let _ = stream.set_nodelay(true);
        Ok(Box::new(stream))
    }

    async fn handshake(&self, stream: Io, is_http: bool, name: &str, shown: &str) -> Result<(Io, bool), Fault> {
        let server_name = ServerName::try_from(name.to_owned()).map_err(|_| {
            Fault::for_good(StoreError::Settings(format!("{shown}: no certificate can be for such a host name")))
        })?;
        let config = self.configs.map(|configs| if is_http { &configs.http } else { &configs.plain });
        let config = config
            .ok_or_else(|| Fault::for_good(StoreError::Unavailable(format!("{shown}: TLS was not prepared for it"))))?;
        let handshake = TlsConnector::from(Arc::clone(config)).connect(server_name, stream);
        let stream = self.deadline.within(shown, "for the TLS handshake", handshake).await?;
        let stream = stream.map_err(|error| match tls::explain(&error) {
            Some(why) => Fault::for_good(StoreError::Unavailable(format!("{shown}: {why}"))),
            None => Fault::passing(format!("{shown}: {} in the TLS handshake", reason(&error))),
        })?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((Box::new(stream), http2))
    }
}

/// What went wrong with a connection, in the system's words.
pub(super) fn reason(error: &io::Error) -> String {
    match (error.raw_os_error(), error.kind()) {
        (Some(_), _) => cause(error),
        (None, io::ErrorKind::UnexpectedEof) => "the connection was closed".into(),
        (None, _) => "the connection failed".into(),
    }
}

/// The first attempt that succeeds, as of connections to any of several addresses (RFC 8305): they
/// begin one after the other, the next when one fails or has taken a while. Err: the failure that came
/// first; none where there was no attempt.
pub(crate) async fn race<T, E, F>(attempts: impl IntoIterator<Item = F>) -> Result<T, Option<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut waiting = attempts.into_iter().peekable();
    let mut running: Vec<Pin<Box<F>>> = Vec::new();
    let mut first_error = None;
    loop {
        match waiting.next() {
            Some(attempt) => running.push(Box::pin(attempt)),
            None if running.is_empty() => return Err(first_error),
            None => {}
        }
        let are_more = waiting.peek().is_some();
        let mut pause = pin!(tokio::time::sleep(STAGGER));
        let connected = poll_fn(|context| {
            let mut failed = false;
            let mut at = 0;
            while at < running.len() {
                match running[at].as_mut().poll(context) {
                    Poll::Ready(Ok(done)) => return Poll::Ready(Some(done)),
                    Poll::Ready(Err(error)) => {
                        drop(running.remove(at));
                        first_error.get_or_insert(error);
                        failed = true;
                    }
                    Poll::Pending => at += 1,
                }
            }
            let next = failed || are_more && pause.as_mut().poll(context).is_ready();
            if next { Poll::Ready(None) } else { Poll::Pending }
        });
        if let Some(done) = connected.await {
            return Ok(done);
        }
    }
}

/// The IP versions in turn, beginning with the one that the system prefers.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let preferred = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv6() == preferred);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut mixed = Vec::with_capacity(first.len() + second.len());
    while first.len() + second.len() > 0 {
        mixed.extend(first.next());
        mixed.extend(second.next());
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::super::tests::run;
    use super::*;

    #[test]
    fn ip_versions_take_turns() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let [a, b, c, d] = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"].map(address);
        assert_eq!(interleave(vec![a, b, c, d]), [a, d, b, c]);
        assert_eq!(interleave(vec![d, a]), [d, a]);
        assert_eq!(interleave(vec![]), []);
    }

    #[test]
    fn an_address_that_refuses_does_not_keep_the_others_waiting() {
        run(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (open, refusing) = (listener.local_addr().unwrap(), closed.local_addr().unwrap());
            drop(closed);
            let stream = race([refusing, refusing, open].map(TcpStream::connect)).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), open);
            let error = race([refusing, refusing].map(TcpStream::connect)).await.unwrap_err().unwrap();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            let none: [SocketAddr; 0] = [];
            assert!(race(none.map(TcpStream::connect)).await.is_err_and(|error| error.is_none()));
        });
    }

    /// A listener whose queue is full lets further attempts hang, as a lost packet does.
    #[test]
    fn an_address_that_does_not_answer_does_not_keep_the_others_waiting() {
        run(async {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let full = socket.listen(1).unwrap();
            let silent = full.local_addr().unwrap();
            let mut fillers = Vec::new();
            while let Ok(stream) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(silent)).await {
                fillers.push(stream.unwrap());
            }
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let open = listener.local_addr().unwrap();
            assert_eq!(race([silent, open].map(TcpStream::connect)).await.unwrap().peer_addr().unwrap(), open);
        });
    }
}
