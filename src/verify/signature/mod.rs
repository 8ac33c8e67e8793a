//! Signatures over a source, or over the list of digests that names it: OpenPGP, minisign, signify, SSH.
//!
//! A signature says something only together with a key that the user named ([`Keys`]): nothing is
//! fetched, and no key is shipped. An unknown key leaves a signature unchecked; a signature that is not
//! that of the bytes is damage. Messages are digested as they are read, in pieces.

mod cleartext;
mod discovery;
mod keys;
mod minisign;
#[cfg(feature = "openpgp")]
mod openpgp;
mod proofs;
mod signify;
mod ssh;

pub use discovery::{ENDINGS, is_replaced, without_ending};
pub use keys::Keys;
pub use proofs::{Listed, Proofs, Word};

use super::check::{Check, Outcome, Signer};
use crate::error::{Error, Result};
use crate::path::slashed;
use crate::source::{FileSource, Follow, Source, read_vec};
use std::path::Path;

/// Bytes that a file with signatures may have.
const MOST_BYTES: u64 = 1 << 20;

/// What became of one signature.
#[derive(Debug)]
struct Judged {
    outcome: Outcome,
    /// The key's fingerprint, or what is known of it.
    key: String,
    /// Whose key it is: only where it was named, and the signature is good.
    signer: Option<String>,
    note: String,
}

impl Judged {
    /// Not a word about the bytes.
    fn unchecked(key: String, why: impl Into<String>) -> Self {
        Self { outcome: Outcome::Unchecked, key, signer: None, note: why.into() }
    }

    /// Made by a key that nobody named.
    fn unknown_key(key: String, no_keys: bool) -> Self {
        let why = if no_keys { "no key was given" } else { "that key is not among those given" };
        let note = format!("made by key {}, and {why}", shown(&key));
        Self { outcome: Outcome::Unchecked, key, signer: None, note }
    }

    /// Not the signature of these bytes.
    fn bad(key: String, signer: &str) -> Self {
        let note = format!("wrong: this is not what {signer} signed");
        Self { outcome: Outcome::Damaged, key, signer: None, note }
    }
}

/// A key as people write it: hexadecimal digits with `0x`, others as they are.
#[must_use]
pub fn shown(key: &str) -> String {
    let digits = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits { format!("0x{key}") } else { key.to_owned() }
}

/// A signature that is being compared.
enum Begun {
    /// Nothing has to be read for it.
    Judged(Judged),
    /// Wants all bytes.
    Reading(Box<dyn Reading>),
}

/// Takes a message in pieces.
trait Reading: Send {
    fn update(&mut self, bytes: &[u8]);
    fn finish(self: Box<Self>) -> Judged;
}

/// What is in a file with signatures.
#[derive(Debug)]
enum Contents {
    #[cfg(feature = "openpgp")]
    OpenPgp(Vec<openpgp::Signature>),
    Minisign(Box<minisign::Signature>),
    Signify(Box<signify::Signature>),
    Ssh(Box<ssh::Signature>),
    /// Nothing that can be used, and why.
    Unusable(Error),
}

/// A file of signatures: one, or several by different keys.
#[derive(Debug)]
pub struct Signature {
    /// The file's name.
    by: String,
    contents: Contents,
}

impl Signature {
    /// Reads the file at `path`. Contents that are no signature are no error: they are told by
    /// [`Signature::check`].
    ///
    /// # Errors
    /// What reading said.
    pub fn read(path: &Path) -> Result<Self> {
        let name = slashed(path);
        let source = FileSource::open(path).map_err(|error| error.of(&name))?;
        if source.len() > MOST_BYTES {
            let contents = Contents::Unusable(Error::limit("bytes in a signature", MOST_BYTES));
            return Ok(Self { by: name, contents });
        }
        let bytes = read_vec(&source, 0, source.len()).map_err(|error| error.of(&name))?;
        Ok(Self::parse(&name, &bytes))
    }

    /// What `bytes` are, by their beginning.
    #[must_use]
    pub fn parse(by: &str, bytes: &[u8]) -> Self {
        Self { by: by.to_owned(), contents: contents(bytes).unwrap_or_else(Contents::Unusable) }
    }

    /// Begins to compare a message with each signature in the file.
    fn begin(&self, keys: &Keys) -> Vec<Begun> {
        match &self.contents {
            #[cfg(feature = "openpgp")]
            Contents::OpenPgp(signatures) => {
                signatures.iter().map(|signature| signature.begin(&keys.openpgp, keys.now)).collect()
            }
            Contents::Minisign(signature) => vec![signature.begin(&keys.ed25519)],
            Contents::Signify(signature) => vec![signature.begin(&keys.ed25519)],
            Contents::Ssh(signature) => vec![signature.begin(&keys.ssh, keys.namespace, keys.now)],
            Contents::Unusable(error) => {
                vec![Begun::Judged(Judged::unchecked(
                    String::new(),
                    format!("cannot be used: {}", error.kind()),
                ))]
            }
        }
    }

    /// Compares `bytes` with the signatures.
    #[must_use]
    pub fn check(&self, bytes: &[u8], keys: &Keys) -> Vec<Check> {
        let judged = self.begin(keys).into_iter().map(|begun| match begun {
            Begun::Judged(judged) => judged,
            Begun::Reading(mut reading) => {
                reading.update(bytes);
                reading.finish()
            }
        });
        judged.map(|judged| report(&self.by, judged)).collect()
    }
}

fn report(by: &str, judged: Judged) -> Check {
    let Judged { outcome, key, signer, note } = judged;
    let signer = (!key.is_empty()).then_some(Signer { key, name: signer });
    Check { signer, ..Check::new("signature", outcome, by, note) }
}

/// A source being compared with every signature over it, by one reading.
#[derive(Default)]
pub struct Comparison {
    /// Each with the name of its file.
    begun: Vec<(String, Begun)>,
}

impl Comparison {
    /// Before the first byte.
    fn begin(signatures: &[&Signature], keys: &Keys) -> Self {
        let of = |signature: &&Signature| {
            let by = signature.by.clone();
            signature.begin(keys).into_iter().map(move |begun| (by.clone(), begun))
        };
        Self { begun: signatures.iter().flat_map(of).collect() }
    }

    /// True where the source has to be read for it.
    #[must_use]
    pub fn wants_bytes(&self) -> bool {
        self.begun.iter().any(|(_, begun)| matches!(begun, Begun::Reading(_)))
    }

    /// What follows, once all bytes were taken.
    #[must_use]
    pub fn finish(self) -> Vec<Check> {
        let judged = self.begun.into_iter().map(|(by, begun)| match begun {
            Begun::Judged(judged) => report(&by, judged),
            Begun::Reading(reading) => report(&by, reading.finish()),
        });
        // A key that the user named signed all of it.
        let named = |check: &Check| check.signer.as_ref().is_some_and(|signer| signer.name.is_some());
        judged.map(|check| Check { vouches: named(&check), ..check }).collect()
    }
}

impl Follow for Comparison {
    fn update(&mut self, bytes: &[u8]) {
        for (_, begun) in &mut self.begun {
            if let Begun::Reading(reading) = begun {
                reading.update(bytes);
            }
        }
    }
}

/// What is in a signature file.
fn contents(bytes: &[u8]) -> Result<Contents> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if text.starts_with(signify::COMMENT.as_bytes()) {
        let mut lines = text.split(|&byte| byte == b'\n').skip(2);
        return Ok(match lines.next() {
            Some(line) if line.starts_with(minisign::TRUSTED.as_bytes()) => {
                Contents::Minisign(Box::new(minisign::Signature::parse(text)?))
            }
            Some(line) if !line.trim_ascii().is_empty() => return Err(Error::invalid("signature")),
            _ => Contents::Signify(Box::new(signify::Signature::parse(text)?)),
        });
    }
    if contains_line(text, ssh::BEGIN) {
        return Ok(Contents::Ssh(Box::new(ssh::Signature::parse(text)?)));
    }
    openpgp_contents(text)
}

/// True where a line of `text` is `line`; blanks at its end do not matter.
fn contains_line(text: &[u8], line: &str) -> bool {
    text.split(|&byte| byte == b'\n').any(|found| found.trim_ascii_end() == line.as_bytes())
}

#[cfg(feature = "openpgp")]
fn openpgp_contents(text: &[u8]) -> Result<Contents> {
    openpgp::parse(text).map(Contents::OpenPgp)
}

#[cfg(not(feature = "openpgp"))]
fn openpgp_contents(text: &[u8]) -> Result<Contents> {
    let armored = contains_line(text, "-----BEGIN PGP SIGNATURE-----");
    let binary = text.first().is_some_and(|first| first & 0x80 != 0);
    Err(if armored || binary {
        Error::unsupported("OpenPGP signature, in this build")
    } else {
        Error::invalid("signature")
    })
}

/// A text, such as a list of digests, taken out of the signature that may be around it.
#[derive(Debug)]
pub struct Text {
    /// What is signed where something is, else all of it.
    pub body: Vec<u8>,
    signed: Option<Signed>,
}

/// The signature around a text.
#[derive(Debug)]
struct Signed {
    contents: Contents,
    canonical: Vec<u8>,
    /// Lines that nobody signed.
    outside: u64,
}

impl Text {
    /// Lines before and behind what is signed, which nobody signed.
    #[must_use]
    pub fn outside(&self) -> u64 {
        self.signed.as_ref().map_or(0, |signed| signed.outside)
    }

    /// Looks for a signature around `bytes`.
    ///
    /// # Errors
    /// `Usage` where there is the beginning of one and not the rest.
    pub fn of(bytes: Vec<u8>) -> Result<Self> {
        if let Some(found) = cleartext::cleartext(&bytes)? {
            let contents = contents(&found.signature).unwrap_or_else(Contents::Unusable);
            let signed = Signed { contents, canonical: found.canonical, outside: found.outside };
            return Ok(Self { body: found.body, signed: Some(signed) });
        }
        if let Some((signature, body)) = cleartext::signify(&bytes)
            && let Ok(signature) = signify::Signature::parse(signature)
        {
            let contents = Contents::Signify(Box::new(signature));
            let signed = Signed { contents, canonical: body.to_vec(), outside: 0 };
            return Ok(Self { body: body.to_vec(), signed: Some(signed) });
        }
        Ok(Self { body: bytes, signed: None })
    }

    /// True where there is a signature around it.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.signed.is_some()
    }

    /// Compares the text with the signature around it.
    #[must_use]
    pub fn check(self, by: &str, keys: &Keys) -> Vec<Check> {
        let Some(Signed { contents, canonical, outside }) = self.signed else { return Vec::new() };
        let mut checks = Signature { by: by.to_owned(), contents }.check(&canonical, keys);
        if let (Some(check), 1..) = (checks.first_mut(), outside) {
            let _ = std::fmt::Write::write_fmt(
                &mut check.note,
                format_args!("; {outside} lines around the signed text do not count"),
            );
        }
        checks
    }
}

#[cfg(test)]
mod tests;
