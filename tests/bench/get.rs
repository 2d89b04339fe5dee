//! get ADDRESS CA-FILE TOKEN-FILE PATH COMMAND [ARGUMENT…]: the least that fetches one secret over TLS.
//! One connection, one HTTP/1.1 GET, and the command with the reply as the variable SECRET.

use std::error::Error;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, ca_file, token_file, path, command, arguments @ ..] = words.as_slice() else {
        return Err("get ADDRESS CA-FILE TOKEN-FILE PATH COMMAND [ARGUMENT…]".into());
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca_file)? {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let host = address.rsplit_once(':').ok_or("no port")?.0;
    let mut connection = ClientConnection::new(Arc::new(config), ServerName::try_from(host.to_owned())?)?;
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    let mut stream = Stream::new(&mut connection, &mut socket);
    let token = fs::read_to_string(token_file)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nx-tapis-token: {token}\r\nconnection: close\r\n\r\n")?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    let reply = String::from_utf8(reply)?;
    let (head, body) = reply.split_once("\r\n\r\n").ok_or("no reply")?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(head.into());
    }
    Err(Command::new(command).args(arguments).env("SECRET", body).exec().into())
}
