//! The certificates that a chain may end at: Microsoft's roots, which are shipped, and what the user adds.

use super::der::Reader;
use super::x509::Certificate;
use crate::error::{Error, Result};
use crate::source::{FileSource, Source, read_vec};
use base64ct::{Base64Unpadded, Encoding};
use std::path::Path;
use std::sync::Arc;

/// Bytes of a file of roots: all that Microsoft's program lists are 1.5 MB.
const MOST_BYTES: u64 = 32 << 20;
/// Certificates in one.
const MOST: usize = 20_000;

/// What the shipped roots are called.
pub const MICROSOFT: &str = "Microsoft roots";

/// `src/facts/roots/README.md` says where they are from.
const SHIPPED: [&[u8]; 8] = [
    include_bytes!("../../facts/roots/microsoft-root-2010.der"),
    include_bytes!("../../facts/roots/microsoft-root-2011.der"),
    include_bytes!("../../facts/roots/microsoft-time-stamp-root-2014.der"),
    include_bytes!("../../facts/roots/microsoft-rsa-root-2017.der"),
    include_bytes!("../../facts/roots/microsoft-ecc-root-2017.der"),
    include_bytes!("../../facts/roots/microsoft-ecc-product-root-2018.der"),
    include_bytes!("../../facts/roots/microsoft-ecc-ts-root-2018.der"),
    include_bytes!("../../facts/roots/microsoft-identity-verification-root-2020.der"),
];

/// Where distributions keep the roots of the system, the first that exists is taken.
#[cfg(unix)]
const SYSTEM: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// The files in which systems keep their roots.
#[must_use]
pub fn system_roots() -> Vec<&'static Path> {
    #[cfg(unix)]
    return SYSTEM.iter().map(Path::new).collect();
    #[cfg(not(unix))]
    Vec::new()
}

/// A root, and the set it belongs to.
#[derive(Debug, Clone)]
pub(super) struct Root {
    pub(super) certificate: Certificate,
    pub(super) set: Arc<str>,
}

/// Certificates that a chain may end at.
#[derive(Debug, Clone)]
pub struct Roots {
    list: Vec<Root>,
}

impl Default for Roots {
    /// Microsoft's eight.
    fn default() -> Self {
        let mut out = Self::none();
        let set: Arc<str> = MICROSOFT.into();
        let read = SHIPPED.iter().filter_map(|der| Certificate::parse(der).ok());
        out.list.extend(read.map(|certificate| Root { certificate, set: set.clone() }));
        out
    }
}

impl Roots {
    /// No roots: every chain ends at an unknown one.
    #[must_use]
    pub fn none() -> Self {
        Self { list: Vec::new() }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True where there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn list(&self) -> &[Root] {
        &self.list
    }

    /// Adds the certificates of a PEM file, or of one that is a certificate in DER. `set` is what they are called.
    ///
    /// # Errors
    /// Where no certificate is in it. Single ones that cannot be read are passed over.
    pub fn add(&mut self, bytes: &[u8], set: &str) -> Result<usize> {
        let set: Arc<str> = set.into();
        let before = self.list.len();
        let ders = if bytes.first() == Some(&0x30) { vec![bytes.to_vec()] } else { pem(bytes) };
        for der in ders.into_iter().take(MOST) {
            let Ok(whole) = Reader::new("Certificate", &der).value() else { continue };
            let Ok(certificate) = Certificate::parse(whole.whole) else { continue };
            self.list.push(Root { certificate, set: set.clone() });
        }
        match self.list.len() - before {
            0 => Err(Error::usage(format!("{set} has no certificate in PEM or DER"))),
            added => Ok(added),
        }
    }

    /// Adds the certificates of a file.
    ///
    /// # Errors
    /// As [`Roots::add`], and what reading it said.
    pub fn add_file(&mut self, path: &Path) -> Result<usize> {
        let name = path.to_string_lossy();
        let read = || -> Result<Vec<u8>> {
            let file = FileSource::open(path)?;
            if file.len() > MOST_BYTES {
                return Err(Error::limit("bytes in a file of roots", MOST_BYTES));
            }
            read_vec(&file, 0, file.len())
        };
        self.add(&read().map_err(|error| error.of(&name))?, &name)
    }

    /// Adds the roots of the system.
    ///
    /// # Errors
    /// `Unsupported` where they are kept in no file.
    pub fn add_system(&mut self) -> Result<usize> {
        #[cfg(unix)]
        if let Some(path) = SYSTEM.iter().map(Path::new).find(|path| path.is_file()) {
            return self.add_file(path);
        }
        Err(Error::unsupported("the roots of this system: they are in no file that is known here"))
    }
}

/// The certificates in PEM (RFC 7468).
fn pem(bytes: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(bytes);
    let mut out = Vec::new();
    let mut current: Option<String> = None;
    for line in text.lines().map(str::trim) {
        match line {
            "-----BEGIN CERTIFICATE-----" | "-----BEGIN TRUSTED CERTIFICATE-----" => {
                current = Some(String::new());
            }
            _ if line.starts_with("-----END ") => {
                out.extend(
                    current
                        .take()
                        .and_then(|text| Base64Unpadded::decode_vec(text.trim_end_matches('=')).ok()),
                );
                if out.len() >= MOST {
                    break;
                }
            }
            _ => {
                if let Some(current) = &mut current {
                    current.push_str(line);
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_roots_are_the_eight_by_their_fingerprints() {
        let listed = include_str!("../../facts/roots/roots.tsv");
        let listed: Vec<&str> = listed
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split('\t').nth(1))
            .collect();
        let roots = Roots::default();
        let have: Vec<String> = roots.list().iter().map(|root| root.certificate.fingerprint_hex()).collect();
        assert_eq!(have, listed);
        assert_eq!(have.len(), 8);
        for root in roots.list() {
            let certificate = &root.certificate;
            assert!(certificate.subject.shown().starts_with("Microsoft "), "{certificate:?}");
            assert_eq!(certificate.is_signed_by(certificate), crate::verify::authenticode::key::Made::Yes);
        }
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let mut roots = Roots::none();
        assert!(roots.add(b"no certificate", "x").is_err());
        assert!(roots.add(b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n", "x").is_err());
        assert!(roots.is_empty());
    }
}
