//! The least client that can ask a plain server for something: what the doubles' own tests need,
//! where no client of ours may be in between.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// One request on a connection of its own, read to the end of the connection.
pub(crate) fn exchange(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Exchange {
    let reply = bytes(address, method, target, headers, body).unwrap();
    let at = reply.windows(4).position(|window| window == b"\r\n\r\n").expect("a reply has a head");
    let head = String::from_utf8_lossy(&reply[..at]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a reply has a status");
    Exchange { status, head, body: reply[at + 4..].to_vec() }
}

/// All that comes back, whatever it is.
pub(crate) fn bytes(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Vec<u8>> {
    let mut request = format!("{method} {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("content-length: {}\r\n\r\n", body.len());
    let mut tcp = TcpStream::connect(address)?;
    tcp.write_all(&[request.as_bytes(), body].concat())?;
    let mut reply = Vec::new();
    tcp.read_to_end(&mut reply)?;
    Ok(reply)
}
