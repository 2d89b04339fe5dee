//! Certificates for a server of a test, made anew for each: what a client should accept, and the
//! kinds it should not. The files a client is given lie in a directory that goes with the server.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// What the server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    /// For 127.0.0.1, ::1, localhost and what Juju's controllers are called, by the authority of `ca_file`.
    Good,
    Expired,
    /// By the authority, for another name.
    OtherName,
    /// By the authority, for the name that every Juju controller has and no address; with the extensions
    /// that Python wants since 3.13.
    Controller,
    /// By no authority; `ca_file` holds the certificate itself.
    SelfSigned,
    /// The same with CA:TRUE, as `openssl req -x509` makes it.
    SelfSignedCa,
}

/// The certificates of one server.
pub(crate) struct Authority {
    files: Files,
    issuer: CertifiedIssuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    pub(crate) fn new(kind: Certificate) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(rcgen::DnType::CommonName, "the authority of a test");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();

        let is_self_signed = [Certificate::SelfSigned, Certificate::SelfSignedCa].contains(&kind);
        let names: &[&str] = match kind {
            Certificate::OtherName => &["elsewhere.example"],
            Certificate::Controller => &["juju-apiserver", "localhost"],
            _ => &["localhost", "127.0.0.1", "::1", "juju-apiserver"],
        };
        let mut params = CertificateParams::new(names.iter().map(|&name| name.into()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "the server of a test");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if kind == Certificate::SelfSignedCa {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        if kind == Certificate::Controller {
            params.is_ca = IsCa::ExplicitNoCa;
            params.use_authority_key_identifier_extension = true;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        }
        if kind == Certificate::Expired {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate =
            if is_self_signed { params.self_signed(&key) } else { params.signed_by(&key, &issuer) }.unwrap();

        let files = Files::new();
        let trusted = if is_self_signed { certificate.pem() } else { issuer.pem() };
        fs::write(files.path("ca.pem"), trusted).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Self { files, issuer, certificate: certificate.into(), key }
    }

    /// What a client has to trust.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.files.path("ca.pem")
    }

    /// The files of a certificate for a client, and of its key.
    pub(crate) fn client(&self) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "the client of a test");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let files = (self.files.path("client.pem"), self.files.path("client.key"));
        fs::write(&files.0, params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        fs::write(&files.1, key.serialize_pem()).unwrap();
        files
    }

    /// `ask_client`: nobody is let in without a certificate by the authority.
    pub(crate) fn server(&self, protocols: &[&[u8]], ask_client: bool) -> Arc<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let builder = if ask_client {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_single_cert(vec![self.certificate.clone()], self.key.clone_key()).unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config.into()
    }
}

/// A directory that is removed with its owner.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("inject-double-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(&self.0).join(name)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
