//! Private connections: TLS 1.2 and 1.3 by rustls.

use crate::error::{Error, Result};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A certificate and its key.
pub struct Tls(TlsAcceptor);

impl Tls {
    /// Reads both from PEM files; the certificate's may have those above it behind it.
    ///
    /// # Errors
    /// What reading said; `Usage` where they are none, or do not belong together.
    pub fn new(certificate: &Path, key: &Path) -> Result<Self> {
        let wrong = |path: &Path, what: &str, why: String| {
            Error::usage(format!("{} is no {what} in PEM: {why}", path.display()))
        };
        let chain =
            std::fs::read(certificate).map_err(|e| Error::from(e).of(&certificate.to_string_lossy()))?;
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&chain)
            .collect::<Result<_, _>>()
            .map_err(|error| wrong(certificate, "certificate", error.to_string()))?;
        if chain.is_empty() {
            return Err(wrong(certificate, "certificate", "there is none in it".to_owned()));
        }
        let secret = std::fs::read(key).map_err(|e| Error::from(e).of(&key.to_string_lossy()))?;
        let secret = PrivateKeyDer::from_pem_slice(&secret)
            .map_err(|error| wrong(key, "private key", error.to_string()))?;
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, secret))
            .map_err(|error| Error::usage(format!("certificate and key cannot be used: {error}")))?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}
