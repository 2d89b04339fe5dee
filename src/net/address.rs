//! Where a server is: the `url` of a store, and the parts that make a request's path.

use hyper::Uri;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

/// `https://host:port/path`, `http://…` or `unix:/path/of/socket`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) origin: Origin,
    /// Without a slash at its end; empty, or begins with one.
    pub(crate) path: String,
}

/// Scheme, host and port (RFC 6454), as messages may show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Tcp {
        tls: bool,
        host: Host,
    },
    /// Plain HTTP over it: the kernel is all that is between.
    Unix(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// In lower case; an IPv6 address without its brackets.
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl Base {
    /// What is wrong is told without showing the text, which may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "it is no address such as https://host/path or unix:/path/of/socket";
        if let Some(path) = url.strip_prefix("unix:") {
            // `unix:///path` says the same; `unix://host/path` would be another machine's.
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path.starts_with('/') {
                true => Ok(Self { origin: Origin::Unix(path.into()), path: String::new() }),
                false => Err("the path of a Unix socket begins with a slash"),
            };
        }
        let uri: Uri = url.parse().map_err(|_| EXPECTED)?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(EXPECTED),
        };
        let authority = uri.authority().ok_or(EXPECTED)?;
        if authority.as_str().contains('@') {
            return Err("it holds a user or password; these have settings of their own");
        }
        if uri.query().is_some() {
            return Err("it has a `?`, and a base address ends before one");
        }
        let host = Host::of(&uri, if tls { 443 } else { 80 }).ok_or(EXPECTED)?;
        Ok(Self { origin: Origin::Tcp { tls, host }, path: uri.path().trim_end_matches('/').to_owned() })
    }
}

impl Host {
    pub(super) fn of(uri: &Uri, default_port: u16) -> Option<Self> {
        let authority = uri.authority()?;
        let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        // http's parser takes `host:` and `host:99999` as they are, without a port.
        let after_host = &authority.as_str()[authority.as_str().rfind('@').map_or(0, |at| at + 1)..];
        let has_port = after_host.len() > authority.host().len();
        let port = if has_port { authority.port_u16()? } else { default_port };
        (!name.is_empty()).then_some(Self { name, port })
    }

    pub(super) fn ip(&self) -> Option<IpAddr> {
        self.name.parse().ok()
    }

    pub(super) fn is_loopback(&self) -> bool {
        match self.ip() {
            Some(ip) => ip.to_canonical().is_loopback(),
            // RFC 6761 section 6.3.
            None => self.name == "localhost" || self.name.ends_with(".localhost"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.contains(':') {
            true => write!(out, "[{}]:{}", self.name, self.port),
            false => write!(out, "{}:{}", self.name, self.port),
        }
    }
}

impl Origin {
    /// Whether what is sent there in plain can be read by this machine alone.
    pub(super) fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { host, .. } => host.is_loopback(),
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Self::Tcp { tls: true, .. })
    }

    /// The Host of a request (RFC 9110 section 7.2): without the port where the scheme implies it.
    pub(crate) fn authority(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_owned(),
            Self::Tcp { tls, host } => {
                let shown = host.to_string();
                let implied = if *tls { ":443" } else { ":80" };
                shown.strip_suffix(implied).map(str::to_owned).unwrap_or(shown)
            }
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(out, "unix:{}", path.display()),
            Self::Tcp { tls, .. } => write!(out, "http{}://{}", if *tls { "s" } else { "" }, self.authority()),
        }
    }
}

/// One segment of a path, or a name or value of a query: all but RFC 3986's unreserved characters as `%XX`.
pub(crate) fn encode(text: &str) -> String {
    use fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> (String, String) {
        let base = Base::parse(url).unwrap();
        (base.origin.to_string(), base.path)
    }

    #[test]
    fn an_address_shows_no_port_that_its_scheme_implies() {
        for (url, origin, path) in [
            ("https://Example.org", "https://example.org", ""),
            ("https://example.org:443/", "https://example.org", ""),
            ("https://example.org:80/v3/", "https://example.org:80", "/v3"),
            ("http://127.0.0.1:8080/a/b", "http://127.0.0.1:8080", "/a/b"),
            ("https://[::1]:8443/x", "https://[::1]:8443", "/x"),
            ("https://[::1]", "https://[::1]", ""),
            ("unix:/run/a.sock", "unix:/run/a.sock", ""),
            ("unix:///run/a.sock", "unix:/run/a.sock", ""),
        ] {
            assert_eq!(shown(url), (origin.into(), path.into()), "{url}");
        }
    }

    #[test]
    fn what_is_no_base_address_is_refused_and_not_shown() {
        for url in [
            "",
            "host",
            "host:80",
            "//host",
            "/path",
            "ftp://host",
            "https://",
            "https://:80",
            "https://host:99999",
            "https://host:",
            "https://user:hunter2@host",
            "https://user@host",
            "https://host/?token=hunter2",
            "unix:",
            "unix:relative",
            "unix://host/path",
            "https://a b",
            "https://höst",
        ] {
            let error = Base::parse(url).unwrap_err();
            assert!(!error.contains("hunter2"), "{url}: {error}");
        }
    }

    #[test]
    fn only_this_machine_is_local() {
        for (url, local) in [
            ("http://127.0.0.1", true),
            ("http://127.8.9.1:99", true),
            ("http://[::1]", true),
            ("http://[::ffff:127.0.0.1]", true),
            ("http://localhost:80", true),
            ("http://a.localhost", true),
            ("unix:/x", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example.org", false),
            ("http://127.0.0.1.example.org", false),
            ("http://[::2]", false),
        ] {
            assert_eq!(Base::parse(url).unwrap().origin.is_local(), local, "{url}");
        }
    }

    #[test]
    fn a_segment_cannot_leave_its_place_in_the_path() {
        assert_eq!(encode("a-b_c.d~9"), "a-b_c.d~9");
        assert_eq!(encode("a/b?c#d%e f+ü"), "a%2Fb%3Fc%23d%25e%20f%2B%C3%BC");
    }
}
