//! The keys that the user named. Only these count.

use super::{signify, ssh};
use crate::error::{Error, Result};
use crate::source::{FileSource, Source, read_vec};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes that a file of keys may have.
const MOST_BYTES: u64 = 64 << 20;

/// Files of a directory that are looked at.
const MOST_FILES: usize = 10_000;

/// Keys that may have made a signature.
#[derive(Debug, Clone)]
pub struct Keys {
    #[cfg(feature = "openpgp")]
    pub(super) openpgp: Vec<super::openpgp::Certificate>,
    pub(super) ed25519: Vec<signify::Key>,
    pub(super) ssh: Vec<ssh::Signer>,
    /// What SSH signatures have to be made for.
    pub(super) namespace: &'static str,
    /// Seconds since 1970, for what expires.
    pub(super) now: i64,
}

impl Default for Keys {
    fn default() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            #[cfg(feature = "openpgp")]
            openpgp: Vec::new(),
            ed25519: Vec::new(),
            ssh: Vec::new(),
            namespace: ssh::NAMESPACE,
            now: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        }
    }
}

impl Keys {
    /// Keys that people named: files, directories of files, or minisign keys by their base64 alone.
    ///
    /// # Errors
    /// As [`Keys::add_file`].
    pub fn named(names: &[String]) -> Result<Self> {
        let mut keys = Self::default();
        for name in names {
            let path = Path::new(name);
            if path.is_dir() {
                keys.add_directory(path)?;
            } else if !path.exists() && signify::looks_like_key(name) {
                keys.ed25519.push(signify::Key::from_base64(name, "key")?);
            } else {
                keys.add_file(path)?;
            }
        }
        Ok(keys)
    }

    /// The same keys, for SSH signatures that are made for `namespace` and not for files.
    #[must_use]
    pub fn for_namespace(self, namespace: &'static str) -> Self {
        Self { namespace, ..self }
    }

    /// True where there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    fn count(&self) -> usize {
        #[cfg(feature = "openpgp")]
        let openpgp = self.openpgp.len();
        #[cfg(not(feature = "openpgp"))]
        let openpgp = 0;
        openpgp + self.ed25519.len() + self.ssh.len()
    }

    /// Adds every key in the files of a directory; files without keys are passed over.
    ///
    /// # Errors
    /// What listing said, or `Usage` where no file has a key.
    pub fn add_directory(&mut self, directory: &Path) -> Result<()> {
        let name = directory.to_string_lossy();
        let entries = std::fs::read_dir(directory).map_err(|error| Error::from(error).of(&name))?;
        let mut files: Vec<_> =
            entries.take(MOST_FILES).filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|path| path.is_file());
        files.sort_unstable();
        let before = self.count();
        for file in files {
            // Other files lie in such directories, too.
            let _ = self.add_file(&file);
        }
        if self.count() == before {
            return Err(Error::usage(format!("{name} has no file with a key in it")));
        }
        Ok(())
    }

    /// Adds every key in a file.
    ///
    /// # Errors
    /// What reading said, or `Usage` where it has no key.
    pub fn add_file(&mut self, file: &Path) -> Result<()> {
        let name = file.to_string_lossy();
        let source = FileSource::open(file).map_err(|error| error.of(&name))?;
        if source.len() > MOST_BYTES {
            return Err(Error::limit("bytes in a file of keys", MOST_BYTES).of(&name));
        }
        let bytes = read_vec(&source, 0, source.len()).map_err(|error| error.of(&name))?;
        self.add_bytes(&bytes, &name)
    }

    /// Adds every key in `bytes`, which came from the file `name`.
    ///
    /// # Errors
    /// `Usage` where there is none.
    pub fn add_bytes(&mut self, bytes: &[u8], name: &str) -> Result<()> {
        let none = |what: &str| Error::usage(format!("{name} {what}"));
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let short = Path::new(name).file_name().map_or_else(|| name.into(), |name| name.to_string_lossy());
        let text = std::str::from_utf8(bytes);
        if let Ok(text) = text {
            if text.contains("PRIVATE KEY") || text.contains("secret key") {
                return Err(none("is a secret key: name the public one"));
            }
            let start = text.trim_start();
            if start.starts_with(signify::COMMENT) || signify::looks_like_key(text.trim()) {
                self.ed25519.push(signify::key(start, &short)?);
                return Ok(());
            }
        }
        if let Ok(text) = text
            && !text.contains("-----BEGIN PGP")
        {
            let signers = ssh::signers(text, &short);
            if signers.is_empty() {
                return Err(none("has no key that is read here"));
            }
            self.ssh.extend(signers);
            return Ok(());
        }
        if bytes.get(8..12) == Some(b"KBXf") {
            return Err(none("is a keybox of GnuPG: name a file by gpg --export"));
        }
        self.add_openpgp(bytes)
            .map_err(|error| none(&format!("has no OpenPGP certificate: {}", error.kind())))
    }

    #[cfg(feature = "openpgp")]
    fn add_openpgp(&mut self, bytes: &[u8]) -> Result<()> {
        super::openpgp::add_certificates(&mut self.openpgp, bytes)
    }

    #[cfg(not(feature = "openpgp"))]
    #[allow(clippy::unused_self, reason = "the other build needs it")]
    fn add_openpgp(&mut self, _: &[u8]) -> Result<()> {
        Err(Error::unsupported("OpenPGP key, in this build"))
    }
}
