//! The doubles' certificates are what they say: a client that looks at them is let down by the bad
//! ones only.

use crate::doubles::http::{Fault, Reply, Server, Wire};
use crate::doubles::tls::Certificate;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

fn server(wire: Wire) -> Server {
    Server::start(wire, |_| Reply::text(200, "body"))
}

/// The reply to a request over HTTP/1.1, and the protocol agreed on.
fn ask(server: &Server, ca: &Path, offer: &str, client: Option<(&Path, &Path)>) -> io::Result<(String, String)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
        }
    };
    config.alpn_protocols = offer.split(' ').map(|protocol| protocol.as_bytes().to_vec()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tcp = tokio::net::TcpStream::connect(server.address()).await?;
        let name = "127.0.0.1".try_into().unwrap();
        let mut tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
        let protocol = String::from_utf8_lossy(tls.get_ref().1.alpn_protocol().unwrap_or_default()).into_owned();
        let mut reply = Vec::new();
        if protocol != "h2" {
            tls.write_all(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await?;
            tls.read_to_end(&mut reply).await?;
        }
        Ok((String::from_utf8_lossy(&reply).into_owned(), protocol))
    })
}

fn asked(server: &Server) -> io::Result<(String, String)> {
    ask(server, &server.ca_file(), "http/1.1", None)
}

#[test]
fn a_good_certificate_and_a_self_signed_one_that_is_trusted_let_in() {
    for certificate in [Certificate::Good, Certificate::SelfSigned] {
        let (reply, protocol) = asked(&server(Wire::Tls(certificate))).unwrap();
        assert!(reply.ends_with("body"), "{certificate:?}: {reply}");
        assert_eq!(protocol, "http/1.1");
    }
}

#[test]
fn what_is_wrong_with_a_certificate_is_what_it_was_made_for() {
    let told = |server: &Server, ca: &Path| ask(server, ca, "http/1.1", None).unwrap_err().to_string();
    let good = server(Wire::Tls(Certificate::Good));
    for (certificate, says) in [(Certificate::Expired, "expired"), (Certificate::OtherName, "not valid for name")] {
        let server = server(Wire::Tls(certificate));
        let told = told(&server, &server.ca_file());
        assert!(told.contains(says), "{certificate:?}: {told}");
    }
    let told = told(&server(Wire::Tls(Certificate::SelfSigned)), &good.ca_file());
    assert!(told.contains("UnknownIssuer"), "{told}");
}

#[test]
fn http2_is_offered_unless_it_is_not_to_be() {
    for (wire, protocol) in [(Wire::Tls(Certificate::Good), "h2"), (Wire::TlsHttp1(Certificate::Good), "http/1.1")] {
        let server = server(wire);
        assert_eq!(ask(&server, &server.ca_file(), "h2 http/1.1", None).unwrap().1, protocol);
    }
}

#[test]
fn a_server_for_clients_with_certificates_lets_in_no_other() {
    let server = server(Wire::TlsForClients);
    assert!(asked(&server).is_err());
    let (certificate, key) = server.client_files();
    let reply = ask(&server, &server.ca_file(), "http/1.1", Some((&certificate, &key))).unwrap().0;
    assert!(reply.ends_with("body"), "{reply}");
}

#[test]
fn a_reply_under_tls_is_reset_and_truncated_too() {
    let server = server(Wire::Tls(Certificate::Good));
    server.next([Fault::Reset(20)]);
    assert_eq!(asked(&server).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    server.next([Fault::Truncate(20)]);
    // The end of TLS's stream is missed.
    assert_eq!(asked(&server).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert!(asked(&server).unwrap().0.ends_with("body"));
}
