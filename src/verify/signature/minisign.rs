//! minisign signatures: signify's layout with two more lines, the trusted comment and a signature over
//! the first signature and that comment. `ED` signs the BLAKE2b-512 digest, the older `Ed` the message.

use super::signify::{self, Key, key_id};
use super::{Begun, Judged, Reading};
use crate::error::{Error, Result};
use crate::verify::check::Outcome;
use base64ct::{Base64, Encoding};
use blake2::{Blake2b512, Digest};

/// How the third line begins.
pub(super) const TRUSTED: &str = "trusted comment: ";

/// A signature with its trusted comment.
#[derive(Debug, Clone)]
pub(super) struct Signature {
    number: [u8; 8],
    signature: ed25519_dalek::Signature,
    comment: String,
    /// Over the signature and the comment.
    global: ed25519_dalek::Signature,
    over: Over,
}

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Message,
    Digest,
}

impl Signature {
    /// Reads the four lines.
    ///
    /// # Errors
    /// `Invalid` where they are not that.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let invalid = || Error::invalid("signature");
        let (algorithm, number, signature) = signify::second_line(bytes)?;
        let over = match &algorithm {
            b"Ed" => Over::Message,
            b"ED" => Over::Digest,
            _ => return Err(Error::unsupported("minisign algorithm")),
        };
        let mut lines = std::str::from_utf8(bytes).map_err(|_| invalid())?.lines().skip(2);
        let comment =
            lines.next().and_then(|line| line.strip_prefix(TRUSTED)).ok_or_else(invalid)?.to_owned();
        let global =
            Base64::decode_vec(lines.next().unwrap_or_default().trim_end()).map_err(|_| invalid())?;
        let global: [u8; 64] = global.try_into().map_err(|_| invalid())?;
        Ok(Self { number, signature, comment, global: ed25519_dalek::Signature::from_bytes(&global), over })
    }

    /// Begins to compare a message with it.
    pub(super) fn begin(&self, keys: &[Key]) -> Begun {
        let Some(key) = keys.iter().find(|key| key.number == self.number) else {
            return Begun::Judged(Judged::unknown_key(key_id(self.number), keys.is_empty()));
        };
        let signed = [self.signature.to_bytes().as_slice(), self.comment.as_bytes()].concat();
        if key.key.verify_strict(&signed, &self.global).is_err() {
            let note = format!("wrong: its comment was not signed by {}", key.signer());
            return Begun::Judged(Judged { note, ..Judged::bad(key_id(self.number), "") });
        }
        let note = match self.comment.trim() {
            "" => String::new(),
            comment => format!("; it says: {}", comment.replace('\t', " ")),
        };
        match self.over {
            Over::Digest => Begun::Reading(Box::new(Prehashed {
                digest: Blake2b512::new(),
                signature: self.signature,
                key: key.clone(),
                note,
            })),
            Over::Message => match key.key.verify_stream(&self.signature) {
                Ok(stream) => Begun::Reading(Box::new(signify::Message { stream, key: key.clone(), note })),
                Err(_) => Begun::Judged(Judged::bad(key_id(self.number), &key.signer())),
            },
        }
    }
}

/// A message whose digest is compared with a signature.
struct Prehashed {
    digest: Blake2b512,
    signature: ed25519_dalek::Signature,
    key: Key,
    note: String,
}

impl Reading for Prehashed {
    fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    fn finish(self: Box<Self>) -> Judged {
        let (id, signer) = (key_id(self.key.number), self.key.signer());
        match self.key.key.verify_strict(&self.digest.finalize(), &self.signature) {
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
