//! TLS: whom we trust, who we are, and in words why a handshake failed.
//!
//! rustls with ring, TLS 1.2 or later, the server always verified.

use super::certificate;
use crate::environ::Environ;
use crate::failure::StoreError;
use crate::secret::Secret;
use std::error::Error as _;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};

/// Where Linux distributions keep the roots that they trust, as one file.
const SYSTEM_ROOTS: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Who may vouch for the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// These and nobody else: PEM, and where it is from.
    Given { pem: Vec<u8>, origin: String },
    /// OpenSSL's variables, which name a file, directories, or both.
    Named { file: Option<PathBuf>, directories: Vec<PathBuf> },
    /// The file that the distribution keeps.
    System,
    /// Mozilla's, compiled in.
    Compiled,
}

impl Roots {
    /// What the environment names, else `otherwise`.
    pub(crate) fn from_environ(environ: &Environ, otherwise: Self) -> Self {
        let file = environ.path("SSL_CERT_FILE");
        let directories = environ.path("SSL_CERT_DIR");
        let directories: Vec<PathBuf> = directories.iter().flat_map(std::env::split_paths).collect();
        if file.is_none() && directories.is_empty() { otherwise } else { Self::Named { file, directories } }
    }

    fn load(&self) -> Result<RootCertStore, StoreError> {
        let mut store = RootCertStore::empty();
        match self {
            Self::Compiled => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Self::Given { pem, origin } => {
                add(&mut store, pem).map_err(|wrong| StoreError::Settings(format!("{origin}: {wrong}")))?;
            }
            Self::System => {
                let path = SYSTEM_ROOTS.iter().map(Path::new).find(|path| path.exists()).ok_or_else(|| {
                    StoreError::Settings(
                        "this system has no file of roots; install ca-certificates, or leave `roots` away to use \
                         those compiled in"
                            .to_owned(),
                    )
                })?;
                add_file(&mut store, path)?;
            }
            Self::Named { file, directories } => {
                if let Some(file) = file {
                    add_file(&mut store, file)?;
                }
                for directory in directories {
                    add_directory(&mut store, directory);
                }
                if store.is_empty() {
                    let text = "SSL_CERT_DIR names no directory with a root certificate".to_owned();
                    return Err(StoreError::Settings(text));
                }
            }
        }
        Ok(store)
    }
}

/// Adds the certificates of a PEM text, at least one.
fn add(store: &mut RootCertStore, pem: &[u8]) -> Result<(), &'static str> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    // A distribution's bundle may have one that we cannot use.
    let (added, _) = store.add_parsable_certificates(certificates.map_err(|_| "it is no PEM")?);
    if added == 0 { Err("there is no certificate in it; PEM is expected, with BEGIN CERTIFICATE") } else { Ok(()) }
}

fn add_file(store: &mut RootCertStore, path: &Path) -> Result<(), StoreError> {
    let settings = |wrong: &dyn fmt::Display| StoreError::Settings(format!("{}: {wrong}", path.display()));
    let pem = fs::read(path).map_err(|error| settings(&super::connect::reason(&error)))?;
    add(store, &pem).map_err(|wrong| settings(&wrong))
}

/// As OpenSSL does, what cannot be read there is passed over.
fn add_directory(store: &mut RootCertStore, directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if fs::metadata(entry.path()).is_ok_and(|file| file.is_file()) {
            let _ = add_file(store, &entry.path());
        }
    }
}

/// Who we are: a certificate with those that vouch for it, and its key, both PEM.
pub(crate) struct Identity {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Secret,
}

impl Identity {
    #[allow(clippy::disallowed_methods, reason = "the key is what we prove with that we are who we say")]
    fn parse(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), &'static str> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or("there is no certificate in `client_cert`")?;
        let key = PrivateKeyDer::from_pem_slice(self.key.expose())
            .map_err(|_| "there is no private key in `client_key`; PEM is expected, not encrypted")?;
        Ok((chain, key))
    }
}

/// A configuration that offers these protocols by ALPN, and one that offers none.
pub(super) struct Configs {
    pub(super) http: Arc<ClientConfig>,
    pub(super) plain: Arc<ClientConfig>,
}

pub(super) fn configs(roots: &Roots, identity: Option<&Identity>) -> Result<Configs, StoreError> {
    let provider = Arc::new(ring::default_provider());
    let settings = |error: &dyn fmt::Display| StoreError::Settings(error.to_string());
    let roots = Arc::new(roots.load()?);
    let webpki = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
        .build()
        .map_err(|error| settings(&error))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| settings(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { webpki, roots }));
    let plain = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = identity.parse().map_err(|wrong| settings(&wrong))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|_| settings(&"`client_key` is not the key of `client_cert`, or of a kind we cannot use"))?
        }
    };
    let mut http = plain.clone();
    http.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Configs { http: Arc::new(http), plain: Arc::new(plain) })
}

/// webpki's verifier, which also takes a root for the server's own certificate, and whose refusals say
/// which certificate it was.
#[derive(Debug)]
struct Verifier {
    webpki: Arc<WebPkiServerVerifier>,
    roots: Arc<RootCertStore>,
}

impl Verifier {
    /// Whether a certificate that is a CA's is one of the roots themselves, by name and key (RFC 5280
    /// section 6.1.1 d); that the server has this key, its signature in the handshake shows. `openssl
    /// req -x509` makes a server's own certificate so, and every client of OpenSSL takes one that it was
    /// told to trust. A root with name constraints is none: they are for what it signs.
    fn is_root(&self, certificate: &CertificateDer<'_>) -> bool {
        let mut itself = RootCertStore::empty();
        let is_read = itself.add(certificate.clone().into_owned()).is_ok();
        let is_known = |root| self.roots.roots.contains(root) && root.name_constraints.is_none();
        is_read && itself.roots.iter().all(is_known)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = match self.webpki.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // webpki has looked at its time by then, and not yet at its name.
            Err(Error::InvalidCertificate(why)) if is_of_ca(&why) && self.is_root(certificate) => {
                let parsed = ParsedCertificate::try_from(certificate);
                parsed.and_then(|parsed| verify_server_name(&parsed, name)).map(|()| ServerCertVerified::assertion())
            }
            verified => verified,
        };
        verified.map_err(|error| match error {
            Error::InvalidCertificate(why) => {
                let why = refusal(&why, name);
                let shown = certificate::describe(certificate);
                let refused = Refused(format!("its certificate{shown} is not accepted: {why}"));
                Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
            }
            error => error,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// Why a certificate was refused, as the operator is told.
#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// A CA's certificate in a server's place, which rustls has no word of its own for.
fn is_of_ca(why: &CertificateError) -> bool {
    matches!(why, CertificateError::Other(other) if other.to_string() == "CaUsedAsEndEntity")
}

fn refusal(why: &CertificateError, name: &ServerName<'_>) -> String {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired; renew it, or set this machine's clock".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; is this machine's clock right?".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "nobody that we trust has signed it; name the CA's certificate in `ca_file`".to_owned()
        }
        // A CA of the same name with another key, as after a CA was made anew.
        CertificateError::BadSignature => {
            "its issuer has the name of one that we trust and another key; name the CA's present certificate in `ca_file`"
                .to_owned()
        }
        CertificateError::NotValidForName => {
            format!("it is not for {}; is `url` right?", name.to_str())
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            // Each as `DnsName("example.org")`: the text between the quotes is the name.
            let names = presented.iter().map(|name| name.split('"').nth(1).unwrap_or(name));
            let names: Vec<String> = names.take(5).map(certificate::printable).collect();
            let names = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
            format!("it is for {names}, not for {}; is `url` right?", name.to_str())
        }
        CertificateError::Revoked => "it was revoked".to_owned(),
        CertificateError::BadEncoding => "it cannot be read".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not meant for servers".to_owned()
        }
        other if is_of_ca(other) => {
            "it is a CA's own, and none that we trust; name it in `ca_file`, or give the server one with CA:FALSE"
                .to_owned()
        }
        _ => "its chain of signatures does not hold".to_owned(),
    }
}

/// Why TLS failed, where it is TLS that failed and not what it goes over.
pub(super) fn explain(error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    Some(match error {
        Error::InvalidCertificate(CertificateError::Other(why)) => match why.0.downcast_ref::<Refused>() {
            Some(refused) => refused.to_string(),
            None => "its certificate is not accepted".to_owned(),
        },
        Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied,
        ) => "the server does not accept our certificate, or wants one; see `client_cert` and `client_key`".to_owned(),
        Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_) => {
            "the server shares no TLS version or cipher with us; it needs TLS 1.2 or later".to_owned()
        }
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "the server does not know this host name; is `url` right?".to_owned()
        }
        Error::AlertReceived(alert) => format!("the server broke the TLS handshake off ({alert:?})"),
        Error::InvalidMessage(_) => "the server does not speak TLS there; is the port in `url` right?".to_owned(),
        _ => "TLS failed".to_owned(),
    })
}

/// The same for an error that has the stream's own somewhere below it.
pub(super) fn explain_below(error: &hyper::Error) -> Option<String> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(why) = error.downcast_ref::<io::Error>().and_then(explain) {
            return Some(why);
        }
        source = error.source();
    }
    None
}
