//! signify's keys and signatures, which minisign's are made like.
//!
//! | line | what |
//! |---|---|
//! | 1 | `untrusted comment: ` and anything |
//! | 2 | base64 of: algorithm (2 bytes), key number (8), key (32) or signature (64) |
//!
//! Pure Ed25519 over the whole message, which is digested as it is read.

use super::{Begun, Judged, Reading};
use crate::error::{Error, Result};
use crate::verify::check::Outcome;
use base64ct::{Base64, Encoding};
use ed25519_dalek::VerifyingKey;

/// How the first line begins.
pub(super) const COMMENT: &str = "untrusted comment:";

/// A public key of signify or minisign.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// What the two programs tell keys apart by; nobody vouches for it.
    pub(super) number: [u8; 8],
    pub(super) key: VerifyingKey,
    /// What the user calls it: the key file's name.
    pub(super) name: String,
}

/// The key number as minisign writes it: a little-endian number in hexadecimal.
pub(super) fn key_id(number: [u8; 8]) -> String {
    format!("{:016X}", u64::from_le_bytes(number))
}

impl Key {
    /// A key by its base64 alone.
    ///
    /// # Errors
    /// `Usage` where it is none.
    pub(super) fn from_base64(text: &str, name: &str) -> Result<Self> {
        let bad = || Error::usage(format!("{name} is no minisign or signify key"));
        let bytes = Base64::decode_vec(text.trim()).map_err(|_| bad())?;
        let (number, key) = match parts::<32>(&bytes) {
            Some((algorithm, number, key)) if algorithm == *b"Ed" => (number, key),
            _ => return Err(bad()),
        };
        let key = VerifyingKey::from_bytes(&key).map_err(|_| bad())?;
        // A point of small order is the key of anybody.
        if key.is_weak() {
            return Err(Error::usage(format!("{name} is a weak key: anybody can sign for it")));
        }
        Ok(Self { number, key, name: name.to_owned() })
    }

    /// How it is told apart: name, and what the user can compare.
    pub(super) fn signer(&self) -> String {
        format!("{} <{}>", self.name, key_id(self.number))
    }
}

/// Algorithm, key number and the rest of `N` bytes.
pub(super) fn parts<const N: usize>(bytes: &[u8]) -> Option<([u8; 2], [u8; 8], [u8; N])> {
    let (algorithm, rest) = bytes.split_first_chunk::<2>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    Some((*algorithm, *number, rest.try_into().ok()?))
}

/// A signature: its key's number, and itself.
#[derive(Debug, Clone)]
pub(super) struct Signature {
    pub(super) number: [u8; 8],
    pub(super) signature: ed25519_dalek::Signature,
}

impl Signature {
    /// Reads the two lines.
    ///
    /// # Errors
    /// `Invalid` where they are not that.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let (algorithm, number, signature) = second_line(bytes)?;
        if algorithm != *b"Ed" {
            return Err(Error::unsupported("signify algorithm"));
        }
        Ok(Self { number, signature })
    }

    /// Begins to compare a message with it.
    pub(super) fn begin(&self, keys: &[Key]) -> Begun {
        let Some(key) = keys.iter().find(|key| key.number == self.number) else {
            return Begun::Judged(Judged::unknown_key(key_id(self.number), keys.is_empty()));
        };
        match key.key.verify_stream(&self.signature) {
            Ok(stream) => Begun::Reading(Box::new(Message { stream, key: key.clone(), note: String::new() })),
            Err(_) => Begun::Judged(Judged::bad(key_id(self.number), &key.signer())),
        }
    }
}

/// What the second line of a signature says.
pub(super) fn second_line(bytes: &[u8]) -> Result<([u8; 2], [u8; 8], ed25519_dalek::Signature)> {
    let invalid = || Error::invalid("signature");
    let text = std::str::from_utf8(bytes).map_err(|_| invalid())?;
    let mut lines = text.lines();
    lines.next().filter(|line| line.starts_with(COMMENT)).ok_or_else(invalid)?;
    let bytes = Base64::decode_vec(lines.next().unwrap_or_default().trim_end()).map_err(|_| invalid())?;
    let (algorithm, number, signature) = parts::<64>(&bytes).ok_or_else(invalid)?;
    Ok((algorithm, number, ed25519_dalek::Signature::from_bytes(&signature)))
}

/// A message that is compared with a signature as it is read.
pub(super) struct Message {
    pub(super) stream: ed25519_dalek::StreamVerifier,
    pub(super) key: Key,
    /// What is said beside, where it is good.
    pub(super) note: String,
}

impl Reading for Message {
    fn update(&mut self, bytes: &[u8]) {
        self.stream.update(bytes);
    }

    fn finish(self: Box<Self>) -> Judged {
        let (id, signer) = (key_id(self.key.number), self.key.signer());
        match self.stream.finalize_and_verify() {
            Ok(()) => Judged {
                outcome: Outcome::Ok,
                key: id,
                note: format!("good, made by {signer}{}", self.note),
                signer: Some(signer),
            },
            Err(_) => Judged::bad(id, &signer),
        }
    }
}

/// The key in a file of two lines, or alone.
///
/// # Errors
/// As [`Key::from_base64`].
pub(super) fn key(text: &str, name: &str) -> Result<Key> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let base64 = if first.starts_with(COMMENT) { lines.next().unwrap_or_default() } else { first };
    Key::from_base64(base64, name)
}

/// True where `text` may be a key by its base64: 42 bytes that begin with `Ed`.
pub(super) fn looks_like_key(text: &str) -> bool {
    text.len() == 56 && text.starts_with("RW") && Base64::decode_vec(text).is_ok()
}
