//! A client against servers on this machine, each on the same thread as the client.

use super::*;
use crate::environ::Environ;
use hyper::service::service_fn;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair,
    NameConstraints,
};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as Lock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::ring, version};

pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    runtime().unwrap().block_on(future)
}

/// A CA, and what it signs.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

/// A certificate and its key.
struct Pair {
    certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Test CA");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "Test server");
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair { pem: certificate.pem(), certificate: certificate.der().clone(), key }
    }

    fn roots(&self) -> Roots {
        Roots::Given { pem: self.pem.clone().into_bytes(), origin: "ca.pem".into() }
    }
}

/// What a server does with TLS.
fn tls(pair: &Pair, protocols: &[&str], client_ca: Option<&Ca>) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .unwrap();
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots.add(ca.der.clone()).unwrap();
            let provider = Arc::new(ring::default_provider());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::try_from(pair.key.serialize_der()).unwrap();
    let mut config = builder.with_single_cert(vec![pair.certificate.clone()], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    config
}

#[derive(Clone)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    delay: Duration,
}

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, headers: Vec::new(), body: body.into(), delay: Duration::ZERO }
}

impl Answer {
    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What came in: method, path and Authorization.
type Seen = (String, String, Option<String>);

#[derive(Clone)]
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
    seen: Arc<Lock<Vec<Seen>>>,
}

impl Server {
    /// Answers the n-th request, from 0, with what `handler` says.
    async fn start(
        tls: Option<ServerConfig>,
        handler: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server =
            Self { port: listener.local_addr().unwrap().port(), connections: Arc::default(), seen: Arc::default() };
        let (this, handler) = (server.clone(), Arc::new(handler));
        tokio::spawn(async move {
            let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
            while let Ok((stream, _)) = listener.accept().await {
                this.connections.fetch_add(1, Ordering::Relaxed);
                let (this, handler, acceptor) = (this.clone(), Arc::clone(&handler), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => this.speak(stream, false, handler).await,
                        Some(acceptor) => {
                            let Ok(stream) = acceptor.accept(stream).await else { return };
                            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                            this.speak(stream, http2, handler).await;
                        }
                    }
                });
            }
        });
        server
    }

    async fn speak<S>(
        &self,
        stream: S,
        http2: bool,
        handler: Arc<impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static>,
    ) where
        S: connect::Stream + 'static,
    {
        let seen = Arc::clone(&self.seen);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            let path = request.uri().path_and_query().unwrap().to_string();
            let one: Seen = (request.method().to_string(), path, header("authorization"));
            let number = {
                let mut seen = seen.lock().unwrap();
                seen.push(one.clone());
                seen.len() - 1
            };
            let answer = handler(number, &one);
            async move {
                tokio::time::sleep(answer.delay).await;
                let mut response = hyper::Response::builder().status(answer.status);
                for (name, value) in answer.headers {
                    response = response.header(name, value);
                }
                Ok::<_, std::convert::Infallible>(response.body(Full::new(Bytes::from(answer.body))).unwrap())
            }
        });
        let stream = TokioIo::new(stream);
        // A client that goes away is no failure of the server's.
        let _ = if http2 {
            hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await
        } else {
            hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await
        };
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    fn http(&self) -> Reach {
        reach(&format!("http://127.0.0.1:{}", self.port))
    }

    fn https(&self, roots: Roots) -> Reach {
        Reach { roots, ..reach(&format!("https://localhost:{}", self.port)) }
    }
}

/// Whatever is asked, each connection gets these bytes and its end.
async fn raw(reply: impl Into<Vec<u8>>) -> (Reach, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, connections) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let (reply, counter) = (reply.into(), Arc::clone(&connections));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(&reply).await;
        }
    });
    (reach(&format!("http://127.0.0.1:{port}")), connections)
}

fn reach(url: &str) -> Reach {
    Reach {
        base: Base::parse(url).unwrap(),
        insecure: false,
        roots: Roots::Compiled,
        identity: None,
        proxy: None,
        deadline: Deadline::in_test(Duration::from_secs(60)),
        retries: 0,
    }
}

async fn get(reach: Reach) -> Result<Reply, StoreError> {
    Client::new(reach)?.send(&Request::get("/x")).await
}

async fn text(reach: Reach) -> String {
    let reply = get(reach).await.unwrap();
    assert_eq!(reply.status, 200);
    String::from_utf8(reply.body.to_vec()).unwrap()
}

async fn error(reach: Reach) -> StoreError {
    get(reach).await.map(|reply| reply.status).unwrap_err()
}

#[track_caller]
fn says(error: &StoreError, pieces: &[&str]) {
    let text = error.to_string();
    for piece in pieces {
        assert!(text.contains(piece), "no {piece:?} in {text:?}");
    }
}

#[test]
fn a_value_comes_over_http_1_and_http_2_as_the_server_offers() {
    let ca = Ca::new();
    let pair = ca.issue("localhost", |_| {});
    for (protocols, requests, connections) in [(&["h2", "http/1.1"][..], 20, 1), (&["http/1.1"], 20, 8), (&[], 3, 3)] {
        let config = tls(&pair, protocols, None);
        run(async {
            let slow = |_, seen: &Seen| Answer { delay: Duration::from_millis(20), ..answer(200, &seen.1) };
            let server = Server::start(Some(config), slow).await;
            let client = Client::new(server.https(ca.roots())).unwrap();
            each(0..requests, |number| {
                let client = &client;
                async move {
                    let reply = client.send(&Request::get(format!("/secrets/{number}"))).await.unwrap();
                    assert_eq!(&**reply.body, format!("/secrets/{number}").as_bytes());
                }
            })
            .await;
            assert_eq!(server.connections(), connections, "{protocols:?}");
            assert_eq!(server.seen().len(), requests);
        });
    }
}

#[test]
fn one_request_after_the_other_uses_one_connection() {
    run(async {
        let server = Server::start(None, |_, _| answer(200, "v")).await;
        let client = Client::new(server.http()).unwrap();
        for _ in 0..5 {
            client.send(&Request::get("/")).await.unwrap();
        }
        assert_eq!(server.connections(), 1);
    });
}

#[test]
fn a_connection_that_the_server_closes_is_made_again() {
    run(async {
        let server = Server::start(None, |_, _| answer(200, "v").header("connection", "close")).await;
        let client = Client::new(server.http()).unwrap();
        for _ in 0..3 {
            client.send(&Request::get("/")).await.unwrap();
        }
        assert_eq!(server.connections(), 3);
    });
}

/// As a server does that takes so many requests on a connection (GOAWAY, RFC 9113 section 6.8).
#[test]
fn a_connection_that_the_server_winds_up_costs_no_request() {
    const REQUESTS: usize = 200;
    const EACH: usize = 30;
    let ca = Ca::new();
    let acceptor = TlsAcceptor::from(Arc::new(tls(&ca.issue("localhost", |_| {}), &["h2"], None)));
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::Relaxed);
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let stream = TokioIo::new(acceptor.accept(stream).await.unwrap());
                    let taken = Arc::new(AtomicUsize::new(0));
                    let count = Arc::clone(&taken);
                    let service = service_fn(move |_: hyper::Request<Incoming>| {
                        count.fetch_add(1, Ordering::Relaxed);
                        async {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                            Ok::<_, std::convert::Infallible>(hyper::Response::new(Full::new(Bytes::from("v"))))
                        }
                    });
                    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let mut connection = std::pin::pin!(builder.serve_connection(stream, service));
                    let mut is_ending = false;
                    let _ = std::future::poll_fn(|context| {
                        if !is_ending && taken.load(Ordering::Relaxed) >= EACH {
                            is_ending = true;
                            connection.as_mut().graceful_shutdown();
                        }
                        connection.as_mut().poll(context)
                    })
                    .await;
                });
            }
        });
        let client = Client::new(Reach { roots: ca.roots(), ..reach(&url) }).unwrap();
        let failures = RefCell::new(Vec::new());
        each(0..REQUESTS, |_| async {
            if let Err(error) = client.send(&Request::get("/x")).await {
                failures.borrow_mut().push(error);
            }
        })
        .await;
        assert_eq!(failures.take(), []);
        assert!(connections.load(Ordering::Relaxed) > 1, "nothing was wound up");
    });
}

#[test]
fn the_base_path_and_the_credential_reach_the_server() {
    run(async {
        let server = Server::start(None, |_, _| answer(200, "")).await;
        let client = Client::new(reach(&format!("http://127.0.0.1:{}/v3/", server.port))).unwrap();
        let header = secret_header("Bearer ", &Secret::from("t0ken".to_owned())).unwrap();
        assert!(header.is_sensitive());
        client
            .send(&Request::get(format!("/{}?b=c", encode("a/"))).header(header::AUTHORIZATION, header))
            .await
            .unwrap();
        assert_eq!(server.seen(), [("GET".into(), "/v3/a%2F?b=c".into(), Some("Bearer t0ken".into()))]);
    });
    let broken = secret_header("Bearer ", &Secret::from("t0\nken".to_owned())).unwrap_err();
    assert!(!broken.to_string().contains("ken"), "{broken}");
}

#[test]
fn a_server_is_trusted_for_its_name_time_and_issuer_only() {
    let (ca, other) = (Ca::new(), Ca::new());
    let good = ca.issue("localhost", |_| {});
    let elsewhere = ca.issue("vault.example.org", |_| {});
    let expired = ca.issue("localhost", |params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));
    let early = ca.issue("localhost", |params| params.not_before = rcgen::date_time_ymd(3000, 1, 1));
    let of_client = ca.issue("localhost", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let of_ca = ca.issue("localhost", |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let names = r#"subject "Test server", issuer "Test CA""#;
    for (pair, roots, pieces) in [
        (&good, other.roots(), &["ca_file", names][..]),
        (&good, Roots::Compiled, &["ca_file", names]),
        (&elsewhere, ca.roots(), &["is for vault.example.org, not for localhost", names]),
        (&expired, ca.roots(), &["expired", names]),
        (&early, ca.roots(), &["not valid yet", names]),
        (&of_client, ca.roots(), &["not meant for servers", names]),
        (&of_ca, ca.roots(), &["CA:FALSE", "`ca_file`", names]),
    ] {
        let config = tls(pair, &["h2"], None);
        run(async {
            let server = Server::start(Some(config), |_, _| answer(200, "v")).await;
            let error = error(Reach { retries: 3, ..server.https(roots) }).await;
            assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
            says(&error, pieces);
            says(&error, &[&format!("https://localhost:{}", server.port)]);
            assert_eq!(server.connections(), 1, "a bad certificate was tried again");
            assert!(server.seen().is_empty());
        });
    }
}

/// As `openssl req -x509` makes one.
#[test]
fn a_root_is_a_servers_own_certificate_for_its_name_and_time_only() {
    let pair = |name: &str, change: fn(&mut CertificateParams)| {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Pair { pem: certificate.pem(), certificate: certificate.der().clone(), key }
    };
    let trusting = |pair: &Pair| Roots::Given { pem: pair.pem.clone().into_bytes(), origin: "ca.pem".into() };
    let good = pair("localhost", |_| {});
    let constrained = pair("localhost", |params| {
        let names = vec![GeneralSubtree::DnsName("example.org".into())];
        params.name_constraints = Some(NameConstraints { permitted_subtrees: names, excluded_subtrees: vec![] });
    });
    let elsewhere = pair("vault.example.org", |_| {});
    let expired = pair("localhost", |params| params.not_after = rcgen::date_time_ymd(2001, 1, 1));
    for (pair, roots, refused) in [
        (&good, trusting(&good), None),
        (&good, trusting(&elsewhere), Some("none that we trust; name it in `ca_file`")),
        (&good, Roots::Compiled, Some("none that we trust; name it in `ca_file`")),
        (&elsewhere, trusting(&elsewhere), Some("is for vault.example.org, not for localhost")),
        (&expired, trusting(&expired), Some("expired")),
        (&constrained, trusting(&constrained), Some("none that we trust")),
    ] {
        let config = tls(pair, &["h2"], None);
        run(async {
            let server = Server::start(Some(config), |_, _| answer(200, "v")).await;
            match refused {
                None => assert_eq!(text(server.https(roots)).await, "v"),
                Some(piece) => says(&error(server.https(roots)).await, &[piece]),
            }
        });
    }
}

#[test]
fn a_server_that_wants_a_certificate_gets_ours() {
    let ca = Ca::new();
    let pair = ca.issue("localhost", |_| {});
    let ours = ca.issue("us", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    let identity = |certificate: &Pair, key: &Pair| Identity {
        certificate: certificate.pem.clone().into_bytes(),
        key: Secret::from(key.key.serialize_pem()),
    };
    for protocols in [&["h2"][..], &["http/1.1"]] {
        let config = || tls(&pair, protocols, Some(&ca));
        run(async {
            let server = Server::start(Some(config()), |_, _| answer(200, "v")).await;
            let with = Reach { identity: Some(identity(&ours, &ours)), ..server.https(ca.roots()) };
            assert_eq!(text(with).await, "v");
            let without = error(server.https(ca.roots())).await;
            says(&without, &["client_cert"]);
        });
    }
    let mismatched = Reach { identity: Some(identity(&ours, &pair)), ..reach("https://x") };
    says(&Client::new(mismatched).map(|_| ()).unwrap_err(), &["client_key"]);
}

#[test]
fn roots_that_hold_no_certificate_are_an_error_that_names_them() {
    for pem in ["", "text", "-----BEGIN CERTIFICATE-----\nxx\n"] {
        let roots = Roots::Given { pem: pem.into(), origin: "/etc/ca.pem".into() };
        let error = Client::new(Reach { roots, ..reach("https://x") }).map(|_| ()).unwrap_err();
        assert!(matches!(error, StoreError::Settings(_)));
        says(&error, &["/etc/ca.pem"]);
    }
}

#[test]
fn the_environment_names_roots_by_file_and_by_directory() {
    let home = crate::store::contract::Home::new();
    let (file, directory) = (home.path().join("ca.pem"), home.path().join("certs"));
    let (of_file, of_directory) = (Ca::new(), Ca::new());
    std::fs::write(&file, &of_file.pem).unwrap();
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("0123abcd.0"), &of_directory.pem).unwrap();
    std::fs::write(directory.join("README"), "text").unwrap();
    let environ = |names: &[&str]| {
        let file = format!("SSL_CERT_FILE={}", if names.contains(&"file") { file.to_str().unwrap() } else { "" });
        let path = format!("{}:/nowhere", directory.display());
        let directory = format!("SSL_CERT_DIR={}", if names.contains(&"directory") { &*path } else { "" });
        Roots::from_environ(&Environ::of([&*file, &*directory]), Roots::System)
    };
    assert_eq!(environ(&[]), Roots::System);
    for (ca, named, trusted) in [
        (&of_file, &["file"][..], true),
        (&of_directory, &["directory"], true),
        (&of_file, &["directory"], false),
        (&of_directory, &["file", "directory"], true),
        (&of_file, &["file", "directory"], true),
    ] {
        let config = tls(&ca.issue("localhost", |_| {}), &[], None);
        run(async {
            let server = Server::start(Some(config), |_, _| answer(200, "v")).await;
            assert_eq!(get(server.https(environ(named))).await.is_ok(), trusted, "{named:?}");
        });
    }
}

#[test]
fn plain_http_stays_on_this_machine_unless_asked_otherwise() {
    let made = |url, insecure| Client::new(Reach { insecure, ..reach(url) }).map(|_| ());
    says(&made("http://192.0.2.1", false).unwrap_err(), &["http://192.0.2.1", "https://", "insecure"]);
    for url in ["http://127.0.0.1", "http://[::1]", "http://localhost", "unix:/x"] {
        assert!(made(url, false).is_ok(), "{url}");
    }
    assert!(made("http://192.0.2.1", true).is_ok());
}

#[test]
fn a_unix_socket_is_a_server_like_any_other() {
    let home = crate::store::contract::Home::new();
    let path = home.path().join("socket");
    run(async {
        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            let server = Server { port: 0, connections: Arc::default(), seen: Arc::default() };
            let (stream, _) = listener.accept().await.unwrap();
            server.speak(stream, false, Arc::new(|_, seen: &Seen| answer(200, &seen.1))).await;
        });
        assert_eq!(text(reach(&format!("unix:{}", path.display()))).await, "/x");
        let gone = error(reach("unix:/nowhere/socket")).await;
        says(&gone, &["unix:/nowhere/socket", "No such file"]);
    });
}

/// A proxy that tunnels to where it is asked to, or answers with this status; it tells what it was
/// asked.
async fn start_proxy(status: Option<&'static str>) -> (SocketAddr, Arc<Lock<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::<Lock<Vec<String>>>::default());
    let log = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1).unwrap().to_owned();
            log.lock().unwrap().push(head);
            if let Some(status) = status {
                let body = "HTTP/1.1 ".to_owned() + status + "\r\nContent-Length: 12\r\n\r\n<html>secret";
                stream.write_all(body.as_bytes()).await.unwrap();
                continue;
            }
            let mut onward = TcpStream::connect(target.replace("vault.example.org", "127.0.0.1")).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n").await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut onward).await });
        }
    });
    (address, asked)
}

#[test]
fn a_proxy_is_asked_for_a_tunnel_with_its_login_and_never_looks_the_name_up_here() {
    let ca = Ca::new();
    let config = tls(&ca.issue("vault.example.org", |_| {}), &["h2"], None);
    run(async {
        let server = Server::start(Some(config), |_, _| answer(200, "v")).await;
        let (address, asked) = start_proxy(None).await;
        let proxy = Proxy::parse(&format!("http://user:p%40ss@{address}"), "HTTPS_PROXY").unwrap();
        let url = format!("https://vault.example.org:{}", server.port);
        assert_eq!(text(Reach { proxy: Some(proxy), roots: ca.roots(), ..reach(&url) }).await, "v");
        let target = format!("vault.example.org:{}", server.port);
        let head =
            format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n");
        assert_eq!(*asked.lock().unwrap(), [head]);
    });
}

#[test]
fn what_a_proxy_refuses_is_told_apart_and_who_named_the_proxy() {
    const SETTING: &str = proxy::SETTING;
    for (named_by, status, login, pieces) in [
        ("HTTPS_PROXY", "407 Login", "", &["not let in", "wants a login", "PORT in HTTPS_PROXY"][..]),
        (SETTING, "407 Login", "", &["wants a login", "in a variable or file that `proxy` names"]),
        ("ALL_PROXY", "407 Login", "u:hunter2@", &["not let in", "does not accept our login", "PORT in ALL_PROXY"]),
        ("https_proxy", "403 No", "u:hunter2@", &["denied", "403", "vault.example.org:443", "NO_PROXY"]),
        (SETTING, "403 No", "u:hunter2@", &["denied", "403", "\"proxy\": \"\""]),
        (SETTING, "502 Bad", "", &["unavailable", "502", "vault.example.org:443"]),
        (SETTING, "999 Odd", "", &["malformed"]),
    ] {
        run(async {
            let (address, _) = start_proxy(Some(status)).await;
            let proxy = Proxy::parse(&format!("http://{login}{address}"), named_by).unwrap();
            let error = error(Reach { proxy: Some(proxy), ..reach("https://vault.example.org") }).await;
            says(&error, pieces);
            says(&error, &[&format!("the proxy {address} of {named_by}")]);
            assert!(!error.to_string().contains("hunter2") && !error.to_string().contains("html"), "{error}");
        });
    }
    run(async {
        for (named_by, way_around) in [("HTTPS_PROXY", "NO_PROXY"), (SETTING, "\"proxy\": \"\"")] {
            let proxy = Proxy::parse("http://127.0.0.1:1", named_by).unwrap();
            let error = error(Reach { proxy: Some(proxy), ..reach("https://vault.example.org") }).await;
            says(&error, &["the proxy 127.0.0.1:1 of ", named_by, "refused", way_around]);
        }
    });
}

#[test]
fn what_passes_is_tried_again_and_what_is_final_is_not() {
    for (status, tries) in [(429, 3), (500, 3), (503, 3), (501, 1), (505, 1), (400, 1), (401, 1), (403, 1), (404, 1)] {
        run(async {
            let server = Server::start(None, move |_, _| answer(status, "")).await;
            let reply = get(Reach { retries: 2, ..server.http() }).await.unwrap();
            assert_eq!((reply.status.as_u16(), server.seen().len()), (status, tries));
        });
    }
    run(async {
        let server = Server::start(None, |number, _| answer(if number < 2 { 500 } else { 200 }, "v")).await;
        assert_eq!(text(Reach { retries: 3, ..server.http() }).await, "v");
        assert_eq!(server.seen().len(), 3);
    });
}

#[test]
fn a_server_that_says_when_to_come_back_is_asked_again_however_often() {
    run(async {
        let server = Server::start(None, |number, _| match number {
            0..5 => answer(429, "").header("retry-after", "0"),
            _ => answer(200, "v"),
        })
        .await;
        assert_eq!(text(Reach { retries: 0, ..server.http() }).await, "v");
    });
    run(async {
        let server = Server::start(None, |_, _| answer(503, "").header("retry-after", "3600")).await;
        let client = Client::new(Reach { retries: 3, ..server.http() }).unwrap();
        let reply = client.send(&Request::get("/")).await.unwrap();
        assert_eq!(server.seen().len(), 1);
        says(&client.refusal(&reply), &["503 Service Unavailable", "3600 s", "--timeout"]);
    });
}

#[test]
fn a_write_that_may_have_been_done_is_not_done_twice() {
    let post = || Request::new(Method::POST, "/").json(Zeroizing::new(b"{}".to_vec()));
    for (status, request, tries) in
        [(500, post(), 1), (500, post().repeatable(), 2), (429, post(), 2), (503, post(), 1)]
    {
        run(async {
            let server = Server::start(None, move |_, _| answer(status, "")).await;
            let client = Client::new(Reach { retries: 1, ..server.http() }).unwrap();
            client.send(&request).await.unwrap();
            assert_eq!(server.seen().len(), tries, "{status}");
        });
    }
    run(async {
        let (reach, connections) = raw("").await;
        let client = Client::new(Reach { retries: 3, ..reach }).unwrap();
        let error = client.send(&post()).await.map(|reply| reply.status).unwrap_err();
        says(&error, &["closed within the reply", "may have been done"]);
        assert_eq!(connections.load(Ordering::Relaxed), 1);
        let error = client.send(&post().repeatable()).await.map(|reply| reply.status).unwrap_err();
        assert!(!error.to_string().contains("may have been done"), "{error}");
    });
    run(async {
        let late = |_, _: &Seen| Answer { delay: Duration::from_secs(60), ..answer(200, "") };
        let server = Server::start(None, late).await;
        let deadline = Deadline::in_test(Duration::from_millis(300));
        let client = Client::new(Reach { deadline, ..server.http() }).unwrap();
        says(&client.send(&post()).await.map(|reply| reply.status).unwrap_err(), &["too long", "may have been done"]);
        // Nobody listens there, so nobody did it.
        let client = Client::new(reach("http://127.0.0.1:1")).unwrap();
        let error = client.send(&post()).await.map(|reply| reply.status).unwrap_err();
        assert!(!error.to_string().contains("may have been done"), "{error}");
    });
}

#[test]
fn a_redirect_is_followed_within_the_origin_only() {
    let from = |location: &'static str| async move {
        let server = Server::start(None, move |number, seen| match number {
            0 => answer(302, "").header("location", location.replace("PORT", &seen.1[1..])),
            _ => answer(200, &seen.1),
        })
        .await;
        let client = Client::new(server.http()).unwrap();
        let reply = client.send(&Request::get(format!("/{}", server.port))).await;
        reply.map(|reply| String::from_utf8(reply.body.to_vec()).unwrap().replace(&server.port.to_string(), "PORT"))
    };
    run(async {
        for (location, path) in [
            ("/a/b?c=d", "/a/b?c=d"),
            ("http://127.0.0.1:PORT/a#part", "/a"),
            ("//127.0.0.1:PORT/a", "/a"),
            ("http://127.0.0.1:PORT", "/"),
            ("other", "/other"),
            ("?q=//x", "/PORT?q=//x"),
        ] {
            assert_eq!(from(location).await, Ok(path.to_owned()), "{location}");
        }
        for location in [
            "http://127.0.0.1:1/hunter2",
            "http://localhost:PORT/",
            "https://127.0.0.1:PORT/",
            "//evil.example/",
            "ftp://127.0.0.1:PORT/",
            "http://127.0.0.1:PORT@evil.example/",
            "http:////",
            "http://",
            "",
        ] {
            let error = from(location).await.unwrap_err().to_string();
            assert!(error.contains("redirects") && !error.contains("hunter2") && !error.contains("evil"), "{error}");
        }
        let loops = Server::start(None, |_, _| answer(308, "").header("location", "/x")).await;
        says(&error(loops.http()).await, &["redirects"]);
    });
}

#[test]
fn a_reply_has_a_largest_size_whether_it_tells_its_size_or_not() {
    let chunk = "10000\r\n".to_owned() + &"x".repeat(0x10000) + "\r\n";
    let endless =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned() + &chunk.repeat(LARGEST / 0x10000 + 1);
    for reply in [endless, format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", LARGEST + 1)] {
        run(async {
            let error = error(raw(reply).await.0).await;
            assert!(matches!(error, StoreError::TooBig(_)), "{error:?}");
        });
    }
    run(async {
        let largest = "x".repeat(LARGEST);
        let server = Server::start(None, move |_, _| answer(200, &largest)).await;
        assert_eq!(text(server.http()).await.len(), LARGEST);
    });
}

#[test]
fn a_reply_that_is_cut_off_or_no_http_is_told_apart() {
    for (reply, code, piece, tries) in [
        ("", "unavailable", "closed", 2),
        ("HTTP/1.1 200 OK\r\nContent-Le", "unavailable", "closed", 2),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhunter2", "unavailable", "closed", 2),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nhunter2", "unavailable", "", 2),
        ("SSH-2.0-hunter2\r\n\r\n", "malformed", "HTTP", 1),
        ("HTTP/1.1 200 OK\r\nContent-Length: hunter2\r\n\r\n", "malformed", "HTTP", 1),
    ] {
        run(async {
            let (reach, connections) = raw(reply).await;
            let error = error(Reach { retries: 1, ..reach }).await;
            assert_eq!(error.code().as_str(), code, "{reply:?}: {error}");
            says(&error, &[piece, "http://127.0.0.1:"]);
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert_eq!(connections.load(Ordering::Relaxed), tries, "{reply:?}");
        });
    }
}

#[test]
fn a_server_that_is_not_there_is_found_missing_once_for_all_requests() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let client = Client::new(Reach { retries: 1, ..reach(&url) }).unwrap();
        let errors = RefCell::new(Vec::new());
        let (client, errors) = (&client, &errors);
        each(0..50, |_| async move {
            let error = client.send(&Request::get("/")).await.err();
            errors.borrow_mut().extend(error);
        })
        .await;
        let errors = errors.take();
        assert_eq!(errors.len(), 50);
        assert!(errors.iter().all(|error| *error == errors[0]));
        says(&errors[0], &["Connection refused", "is the server up"]);
    });
}

#[test]
fn a_name_that_no_one_knows_is_said_to_be_so() {
    run(async {
        says(&error(reach("https://host.invalid")).await, &["host.invalid", "looked up"]);
    });
}

#[test]
fn a_plain_server_behind_https_is_said_to_speak_no_tls() {
    run(async {
        let server = Server::start(None, |_, _| answer(200, "")).await;
        says(&error(server.https(Roots::Compiled)).await, &["does not speak TLS"]);
    });
}

#[test]
fn the_deadline_ends_each_step() {
    let short = || Deadline::in_test(Duration::from_millis(1500));
    run(async {
        let never = |_: usize, _: &Seen| Answer { delay: Duration::from_secs(3600), ..answer(200, "") };
        let server = Server::start(None, never).await;
        let waited = error(Reach { deadline: short(), ..server.http() }).await;
        assert!(matches!(waited, StoreError::TimedOut(_)), "{waited:?}");
        says(&waited, &["http://127.0.0.1:", "to answer", "--timeout"]);
        // Nobody accepts: the kernel does, and then nothing is ever said.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        says(&error(Reach { deadline: short(), ..reach(&format!("https://{address}")) }).await, &["TLS handshake"]);
        let proxy = Some(Proxy::parse(&address.to_string(), "HTTPS_PROXY").unwrap());
        says(&error(Reach { deadline: short(), proxy, ..reach("https://x") }).await, &["the proxy", "tunnel"]);
        let once = |number, _: &Seen| match number {
            0 => answer(500, ""),
            _ => Answer { delay: Duration::from_secs(3600), ..answer(200, "") },
        };
        let server = Server::start(None, once).await;
        let reply = get(Reach { deadline: short(), retries: 1, ..server.http() }).await.unwrap();
        assert_eq!(reply.status, 500, "the last reply says more than that the time is over");
    });
}

#[test]
fn a_slow_drip_does_not_outlive_the_deadline() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await;
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let deadline = Deadline::in_test(Duration::from_millis(100));
        let error = error(Reach { deadline, ..reach(&url) }).await;
        assert!(matches!(error, StoreError::TimedOut(_)), "{error:?}");
    });
}

#[test]
fn a_stream_for_another_protocol_is_known_by_the_name_it_is_asked_for() {
    let ca = Ca::new();
    let config = tls(&ca.issue("fixed-name", |_| {}), &[], None);
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                assert_eq!(stream.get_ref().1.alpn_protocol(), None);
                let mut word = [0; 4];
                stream.read_exact(&mut word).await.unwrap();
                stream.write_all(&word).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        let client = Client::new(Reach { roots: ca.roots(), ..reach(&url) }).unwrap();
        says(&client.stream(None).await.err().unwrap().error, &["fixed-name, not for 127.0.0.1"]);
        let mut stream = client.stream(Some("fixed-name")).await.ok().unwrap();
        stream.write_all(b"ping").await.unwrap();
        let mut word = Vec::new();
        stream.read_to_end(&mut word).await.unwrap();
        assert_eq!(word, b"ping");
    });
}

#[test]
fn a_refusal_shows_the_status_and_nothing_of_the_reply() {
    let client = Client::new(reach("http://127.0.0.1")).unwrap();
    for (status, code) in [
        (400, "malformed"),
        (401, "unauthenticated"),
        (403, "denied"),
        (404, "malformed"),
        (408, "unavailable"),
        (429, "unavailable"),
        (500, "unavailable"),
        (501, "malformed"),
        (599, "unavailable"),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let headers = HeaderMap::from_iter([(header::WWW_AUTHENTICATE, "hunter2".parse().unwrap())]);
        let reply = Reply { status, headers, body: Zeroizing::new(b"<html>hunter2".to_vec()) };
        let refusal = client.refusal(&reply);
        assert_eq!(refusal.code().as_str(), code);
        says(&refusal, &["http://127.0.0.1", status.as_str()]);
        assert!(!refusal.to_string().contains("hunter2"));
    }
}
