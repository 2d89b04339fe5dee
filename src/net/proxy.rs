//! HTTP proxies: which one leads to a server, and the tunnel through it (CONNECT, RFC 9110 section
//! 9.3.6).
//!
//! Every connection through a proxy is a tunnel, one in plain HTTP too: what is asked and answered
//! is never the proxy's to keep.

use super::address::{Host, Origin};
use super::connect::Io;
use crate::environ::Environ;
use crate::failure::StoreError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use std::net::IpAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use zeroize::Zeroizing;

/// The most bytes of a proxy's answer.
const LARGEST_HEAD: usize = 16 << 10;

#[derive(Clone)]
pub(crate) struct Proxy {
    pub(super) tls: bool,
    pub(super) host: Host,
    /// `user:password` in base64.
    login: Option<Zeroizing<String>>,
    /// The variable or setting that names it.
    named_by: &'static str,
}

/// In a store's settings.
pub(crate) const SETTING: &str = "`proxy`";

impl Proxy {
    /// `http://user:password@host:port`, the scheme, the login and the port as wanted. What is wrong
    /// is told without showing the text.
    pub(crate) fn parse(url: &str, named_by: &'static str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "it is no address such as http://host:port";
        let with_scheme = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let with_scheme = Zeroizing::new(with_scheme);
        let uri: Uri = with_scheme.parse().map_err(|_| EXPECTED)?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(scheme) if scheme.starts_with("socks") => {
                return Err("SOCKS is not spoken here; name an HTTP proxy, or none");
            }
            _ => return Err(EXPECTED),
        };
        let host = Host::of(&uri, if tls { 443 } else { 80 }).ok_or(EXPECTED)?;
        let userinfo = uri.authority().and_then(|authority| authority.as_str().rsplit_once('@'));
        let login = userinfo.map(|(userinfo, _)| basic(userinfo));
        Ok(Self { tls, host, login, named_by })
    }

    pub(crate) fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// For messages: which one it is, and who says so.
    pub(super) fn shown(&self) -> String {
        format!("the proxy {} of {}", self.host, self.named_by)
    }

    /// What to write where a server is to be reached without it.
    pub(super) fn way_around(&self) -> &'static str {
        match self.named_by {
            SETTING => "\"proxy\": \"\" asks for none",
            _ => "NO_PROXY names hosts that need none",
        }
    }

    /// Where its login is written.
    pub(super) fn login_place(&self) -> String {
        match self.named_by {
            SETTING => "a variable or file that `proxy` names".to_owned(),
            variable => variable.to_owned(),
        }
    }

    /// The proxy that the environment names for this server, if any. Lower case wins, as in curl;
    /// this machine itself is never asked for by way of another.
    pub(crate) fn from_environ(environ: &Environ, origin: &Origin) -> Result<Option<Self>, StoreError> {
        let Origin::Tcp { tls, host } = origin else { return Ok(None) };
        let find = |lower: &'static str, upper: &'static str| {
            let set = |name| environ.get(name).filter(|value| !value.is_empty()).map(|value| (name, value));
            set(lower).or_else(|| set(upper))
        };
        let of_scheme = match tls {
            true => find("https_proxy", "HTTPS_PROXY"),
            // A CGI program finds the request's own header `Proxy` under the upper-case name.
            false if environ.get("REQUEST_METHOD").is_some() => find("http_proxy", "http_proxy"),
            false => find("http_proxy", "HTTP_PROXY"),
        };
        let Some((name, url)) = of_scheme.or_else(|| find("all_proxy", "ALL_PROXY")) else { return Ok(None) };
        let excepted = find("no_proxy", "NO_PROXY").is_some_and(|(_, list)| is_excepted(list, host));
        if host.is_loopback() || excepted {
            return Ok(None);
        }
        let parsed = std::str::from_utf8(url).map_err(|_| "it is not UTF-8").and_then(|url| Self::parse(url, name));
        parsed.map(Some).map_err(|wrong| StoreError::Settings(format!("the proxy of {name}: {wrong}")))
    }

    /// Turns a connection to the proxy into one to `target`.
    pub(super) async fn tunnel(&self, stream: &mut Io, target: &Host) -> Result<(), Refusal> {
        let login = self.login.as_ref().map(|login| ["Proxy-Authorization: Basic ", login.as_str(), "\r\n"]);
        let login = login.as_ref().map_or(&[][..], <[&str; 3]>::as_slice);
        let target = target.to_string();
        let ask = [&["CONNECT ", &target, " HTTP/1.1\r\nHost: ", &target, "\r\n"], login, &["\r\n"]].concat().concat();
        let ask = Zeroizing::new(ask);
        stream.write_all(ask.as_bytes()).await?;
        stream.flush().await?;
        let mut head = Vec::with_capacity(1024);
        // In a tunnel the client speaks first, so nothing comes after the head that could be lost.
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() > LARGEST_HEAD {
                return Err(Refusal::Garbage);
            }
            if stream.read_buf(&mut head).await? == 0 {
                return Err(Refusal::Io(std::io::ErrorKind::UnexpectedEof.into()));
            }
            if head.windows(4).position(|end| end == b"\r\n\r\n").is_some_and(|at| at + 4 < head.len()) {
                // A refusal may have a body; only the status counts then.
                break;
            }
        }
        match status(&head) {
            Some(200..=299) if head.ends_with(b"\r\n\r\n") => Ok(()),
            Some(status @ 300..=599) => Err(Refusal::Status(status)),
            _ => Err(Refusal::Garbage),
        }
    }
}

/// Why there is no tunnel.
pub(super) enum Refusal {
    Io(std::io::Error),
    Status(u16),
    Garbage,
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// The status of `HTTP/1.1 200 …`.
fn status(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "))?;
    let (digits, rest) = rest.split_at_checked(3)?;
    let is_whole = rest.first().is_some_and(|next| [b' ', b'\r'].contains(next));
    if is_whole && digits.iter().all(u8::is_ascii_digit) {
        std::str::from_utf8(digits).ok()?.parse().ok()
    } else {
        None
    }
}

/// RFC 7617; in a URL both parts may be percent-encoded.
fn basic(userinfo: &str) -> Zeroizing<String> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let (user, password) = (decode(user), decode(password));
    let pair = Zeroizing::new([user.as_slice(), b":", password.as_slice()].concat());
    Zeroizing::new(STANDARD.encode(pair.as_slice()))
}

/// `%XX` to its byte; a `%` that begins no such triple stays.
fn decode(text: &str) -> Zeroizing<Vec<u8>> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = |byte: &u8| char::from(*byte).to_digit(16);
        let triple = match tail {
            [high, low, after @ ..] if first == b'%' => hex(high).zip(hex(low)).map(|pair| (pair, after)),
            _ => None,
        };
        match triple {
            Some(((high, low), after)) => {
                // Two hexadecimal digits are one byte.
                decoded.push((high * 16 + low) as u8);
                rest = after;
            }
            None => {
                decoded.push(first);
                rest = tail;
            }
        }
    }
    decoded
}

/// Whether NO_PROXY names the host: `*`, a domain with all below it (a leading dot says the same),
/// an address, a network `10.0.0.0/8`, each but the last two with a `:port` if wanted.
fn is_excepted(list: &[u8], host: &Host) -> bool {
    let list = String::from_utf8_lossy(list).to_ascii_lowercase();
    let ip = host.ip().map(|ip| ip.to_canonical());
    let mut entries = list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
    entries.any(|entry| {
        if entry == "*" {
            return true;
        }
        if let Some((network, length)) = entry.split_once('/') {
            return match (ip, network.parse::<IpAddr>(), length.parse()) {
                (Some(ip), Ok(network), Ok(length)) => is_within(ip, network, length),
                _ => false,
            };
        }
        if let Ok(address) = entry.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return ip == Some(address.to_canonical());
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) => (name.trim_start_matches('[').trim_end_matches(']'), port.parse().ok()),
            None => (entry, None),
        };
        if port.is_some_and(|port: u16| port != host.port) {
            return false;
        }
        let name = name.trim_start_matches("*.").trim_start_matches('.').trim_end_matches('.');
        let known = host.name.trim_end_matches('.');
        // An address has nothing below it.
        let is_below = |rest: &str| rest.ends_with('.') && ip.is_none();
        !name.is_empty() && known.strip_suffix(name).is_some_and(|rest| rest.is_empty() || is_below(rest))
    })
}

fn is_within(ip: IpAddr, network: IpAddr, length: u32) -> bool {
    let same = |ip: u128, network: u128, bits: u32| {
        length <= bits && (ip ^ network).checked_shr(bits - length).unwrap_or(0) == 0
    };
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => same(u32::from(ip).into(), u32::from(network).into(), 32),
        (IpAddr::V6(ip), IpAddr::V6(network)) => same(ip.into(), network.into(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::address::Base;
    use super::*;

    fn chosen<const N: usize>(variables: [&str; N], url: &str) -> Option<String> {
        let origin = Base::parse(url).unwrap().origin;
        Proxy::from_environ(&Environ::of(variables), &origin).unwrap().map(|proxy| proxy.host.to_string())
    }

    #[test]
    fn a_proxy_may_leave_out_all_but_its_host() {
        let parsed =
            |url| Proxy::parse(url, SETTING).map(|proxy| (proxy.tls, proxy.host.to_string(), proxy.has_login()));
        assert_eq!(parsed("p"), Ok((false, "p:80".into(), false)));
        assert_eq!(parsed("p:3128"), Ok((false, "p:3128".into(), false)));
        assert_eq!(parsed("https://p"), Ok((true, "p:443".into(), false)));
        assert_eq!(parsed("http://u:p@[::1]:3128/"), Ok((false, "[::1]:3128".into(), true)));
        assert!(parsed("socks5://p").unwrap_err().contains("SOCKS"));
        for bad in ["", "ftp://p", "http://", "http://u:p@", "p:99999", "p q"] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_login_is_decoded_before_it_is_sent() {
        let sent = |userinfo| String::from_utf8(STANDARD.decode(basic(userinfo).as_str()).unwrap()).unwrap();
        assert_eq!(sent("user:p%40ss%3aword%"), "user:p@ss:word%");
        assert_eq!(sent("user"), "user:");
        assert_eq!(sent("user:a:b"), "user:a:b");
    }

    #[test]
    fn the_scheme_decides_which_variable_names_the_proxy() {
        let all = ["HTTPS_PROXY=s", "HTTP_PROXY=h", "ALL_PROXY=a"];
        assert_eq!(chosen(all, "https://x"), Some("s:80".into()));
        assert_eq!(chosen(all, "http://x"), Some("h:80".into()));
        assert_eq!(chosen(["ALL_PROXY=a"], "https://x"), Some("a:80".into()));
        assert_eq!(chosen(["https_proxy=lower", "HTTPS_PROXY=upper"], "https://x"), Some("lower:80".into()));
        assert_eq!(chosen(["https_proxy=", "HTTPS_PROXY=upper"], "https://x"), Some("upper:80".into()));
        assert_eq!(chosen(["HTTP_PROXY=h", "REQUEST_METHOD=GET"], "http://x"), None);
        assert_eq!(chosen([], "https://x"), None);
        assert_eq!(chosen(all, "https://127.0.0.1"), None);
        assert_eq!(chosen(all, "unix:/x"), None);
    }

    #[test]
    fn what_no_proxy_names_is_reached_directly() {
        for (list, url, direct) in [
            ("*", "https://x", true),
            ("example.org", "https://example.org", true),
            ("example.org", "https://EXAMPLE.org", true),
            ("example.org", "https://a.example.org", true),
            (".example.org", "https://a.example.org", true),
            ("*.example.org", "https://a.example.org", true),
            ("example.org", "https://badexample.org", false),
            ("example.org", "https://example.org.evil", false),
            ("a, example.org b", "https://example.org", true),
            ("example.org:8443", "https://example.org:8443", true),
            ("example.org:8443", "https://example.org", false),
            ("10.1.2.3", "https://10.1.2.3", true),
            ("10.1.2.3", "https://10.1.2.30", false),
            ("10.1.2.3:8443", "https://10.1.2.3:8443", true),
            ("10.1.2.3:8443", "https://10.1.2.3", false),
            ("2.3", "https://10.1.2.3", false),
            ("[fd12::1]:8443", "https://[fd12::1]:8443", true),
            ("[fd12::1]:8443", "https://[fd12::1]", false),
            ("10.0.0.0/8", "https://10.9.9.9", true),
            ("10.0.0.0/8", "https://11.0.0.1", false),
            ("0.0.0.0/0", "https://11.0.0.1", true),
            ("10.0.0.0/33", "https://10.0.0.1", false),
            ("fd00::/8", "https://[fd12::1]", true),
            ("fd00::/8", "https://[fe80::1]", false),
            ("[fd12::1]", "https://[fd12::1]", true),
            ("10.0.0.0/8", "https://ten.example.org", false),
            ("", "https://x", false),
            (",", "https://x", false),
        ] {
            let list = format!("NO_PROXY={list}");
            assert_eq!(chosen(["HTTPS_PROXY=p", &list], url).is_none(), direct, "{list} {url}");
        }
    }

    #[test]
    fn an_unusable_proxy_is_an_error_that_hides_it() {
        let origin = Base::parse("https://x").unwrap().origin;
        let environ = Environ::of(["HTTPS_PROXY=socks5://user:hunter2@p"]);
        let error = Proxy::from_environ(&environ, &origin).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("HTTPS_PROXY") && error.contains("SOCKS") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn only_a_whole_status_line_is_one() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 407\r\n"), Some(407));
        for bad in [&b"HTTP/2 200 OK"[..], b"HTTP/1.1 2000 x", b"HTTP/1.1 20", b"HTTP/1.1 200", b"SSH-2.0", b""] {
            assert_eq!(status(bad), None);
        }
    }
}
