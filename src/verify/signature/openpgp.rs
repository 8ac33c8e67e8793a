//! OpenPGP signatures (RFC 9580, RFC 4880), armored or binary, over a message that is read in pieces.
//!
//! Packets and arithmetic are those of the crate `pgp`; which key may sign, and when, is decided in
//! `certificate`. MD5, SHA-1 and RIPEMD-160 are refused: messages with the same digest can be made.

mod certificate;

pub(super) use certificate::{Certificate, add_certificates};

use super::{Begun, Judged, Reading, shown};
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::verify::check::Outcome;
use ::digest::DynDigest;
use certificate::{Signing, Standing, date, strength};
use pgp::armor::{BlockType, Dearmor};
use pgp::packet::{Packet, PacketParser, SignatureType, SignatureVersionSpecific};
use pgp::types::VerifyingKey;
use std::io::BufReader;

/// Signatures in one file.
const MOST_SIGNATURES: usize = 64;

/// One signature.
#[derive(Debug, Clone)]
pub(super) struct Signature(pgp::packet::Signature);

/// The signatures in `bytes`.
///
/// # Errors
/// `Invalid` where there is none, `Unsupported` for a whole signed message.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Signature>> {
    guarded("OpenPGP packets", || {
        if bytes.first().is_some_and(|first| first & 0x80 != 0) {
            return packets(bytes);
        }
        let mut armor = Dearmor::new(BufReader::new(bytes));
        armor.read_header().map_err(|_| Error::invalid("signature"))?;
        match armor.typ {
            Some(BlockType::Signature) => packets(BufReader::new(armor)),
            Some(BlockType::Message) => {
                Err(Error::unsupported("OpenPGP message that contains what it signs"))
            }
            _ => Err(Error::invalid("signature")),
        }
    })
}

fn packets(bytes: impl std::io::BufRead) -> Result<Vec<Signature>> {
    let mut found = Vec::new();
    for packet in PacketParser::new(bytes).take(MOST_SIGNATURES) {
        match packet {
            Ok(Packet::Signature(signature)) => found.push(Signature(signature)),
            Ok(Packet::OnePassSignature(_) | Packet::CompressedData(_) | Packet::LiteralData(_)) => {
                return Err(Error::unsupported("OpenPGP message that contains what it signs"));
            }
            Ok(Packet::Marker(_) | Packet::Padding(_)) => {}
            Ok(_) | Err(_) => return Err(Error::invalid("signature")),
        }
    }
    if found.is_empty() { Err(Error::invalid("signature")) } else { Ok(found) }
}

impl Signature {
    /// The key that made it, as far as it says.
    fn issuer(&self) -> String {
        let fingerprint = self.0.issuer_fingerprint().first().map(|found| format!("{found:X}"));
        let key_id = || self.0.issuer_key_id().first().map(|id| id.to_string().to_uppercase());
        fingerprint.or_else(key_id).unwrap_or_default()
    }

    /// Begins to compare a message with it.
    pub(super) fn begin(&self, certificates: &[Certificate], now: i64) -> Begun {
        let judged = guarded("OpenPGP signature", || Ok(self.begun(certificates, now)));
        judged.unwrap_or_else(|error| Begun::Judged(Judged::unchecked(self.issuer(), error.to_string())))
    }

    fn begun(&self, certificates: &[Certificate], now: i64) -> Begun {
        let issuer = self.issuer();
        let refused = |why: String| Begun::Judged(Judged::unchecked(issuer.clone(), why));
        let Some(config) = self.0.config() else {
            return refused("cannot be used: its version is not known".to_owned());
        };
        let text = match config.typ() {
            SignatureType::Binary => Text::AsIs,
            SignatureType::Text => Text::Lines { returns: 0 },
            _ => return refused("is not made over a file".to_owned()),
        };
        if issuer.is_empty() {
            return refused("does not say which key made it".to_owned());
        }
        let Some(made) = config.created().map(|time| i64::from(time.as_secs())) else {
            return refused("does not say when it was made".to_owned());
        };
        if let Err(why) = strength(config.hash_alg) {
            return refused(format!("made by key {}, and {why}", shown(&issuer)));
        }
        let expires = self.0.signature_expiration_time().map(|after| i64::from(after.as_secs()));
        let expires = expires.filter(|after| *after > 0).and_then(|after| made.checked_add(after));
        let signing: Vec<Signing> =
            certificates.iter().filter_map(|certificate| certificate.signing(&self.0, now)).collect();
        if signing.is_empty() {
            return Begun::Judged(Judged::unknown_key(issuer, certificates.is_empty()));
        }
        if !signing.iter().any(|signing| signing.is_read(config.pub_alg)) {
            return refused(format!("made by key {}, with arithmetic that is not done here", shown(&issuer)));
        }
        let Ok(mut hasher) = config.hash_alg.new_hasher() else {
            return refused(format!("uses {}, which is not computed here", config.hash_alg));
        };
        if let SignatureVersionSpecific::V6 { salt } = &config.version_specific {
            hasher.update(salt);
        }
        Begun::Reading(Box::new(Message {
            signature: self.0.clone(),
            hasher,
            text,
            signing,
            times: Times { made, expires, now },
        }))
    }
}

/// How the message is digested (RFC 9580 §5.2.1).
enum Text {
    AsIs,
    /// Every line ends with CR and LF. GnuPG drops any CR before the end of a line, so these wait.
    Lines {
        returns: u64,
    },
}

/// Seconds since 1970.
#[derive(Clone, Copy)]
struct Times {
    made: i64,
    expires: Option<i64>,
    now: i64,
}

/// A message whose digest is compared with a signature.
struct Message {
    signature: pgp::packet::Signature,
    hasher: Box<dyn DynDigest + Send>,
    text: Text,
    signing: Vec<Signing>,
    times: Times,
}

impl Reading for Message {
    fn update(&mut self, bytes: &[u8]) {
        let Text::Lines { returns } = &mut self.text else {
            self.hasher.update(bytes);
            return;
        };
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (line, end) = match part {
                [line @ .., b'\n'] => (line, true),
                line => (line, false),
            };
            let last = line.iter().rposition(|byte| *byte != b'\r').map_or(0, |at| at + 1);
            let (words, after) = line.split_at_checked(last).unwrap_or((line, &[]));
            if !words.is_empty() {
                for _ in 0..std::mem::take(returns) {
                    self.hasher.update(b"\r");
                }
                self.hasher.update(words);
            }
            *returns += after.len() as u64;
            if end {
                *returns = 0;
                self.hasher.update(b"\r\n");
            }
        }
    }

    fn finish(self: Box<Self>) -> Judged {
        let Self { signature, hasher, signing, times, .. } = *self;
        let key = signing.first().map(|signing| signing.fingerprint.clone()).unwrap_or_default();
        let good = guarded("OpenPGP signature", || Ok(good(&signature, hasher, &signing)));
        match good {
            Ok(Some(good)) => judge(good, times),
            Ok(None) => Judged::bad(key, &signing.first().map(Signing::name).unwrap_or_default()),
            Err(error) => Judged::unchecked(key, format!("cannot be used: {error}")),
        }
    }
}

/// The key whose signature it is.
fn good<'a>(
    signature: &pgp::packet::Signature,
    mut hasher: Box<dyn DynDigest + Send>,
    signing: &'a [Signing],
) -> Option<&'a Signing> {
    let config = signature.config()?;
    let len = config.hash_signature_data(&mut hasher).ok()?;
    hasher.update(&config.trailer(len).ok()?);
    let digest = hasher.finalize();
    let signature = signature.signature()?;
    let good = |key: &dyn VerifyingKey| key.verify(config.hash_alg, &digest, signature).is_ok();
    signing.iter().find(|signing| good(signing.key()))
}

/// What a good signature is worth.
fn judge(signing: &Signing, times: Times) -> Judged {
    let signer = signing.name();
    let key = signing.fingerprint.clone();
    let made = format!("made by {signer} on {}", date(times.made));
    let weak = |why: String| Judged {
        outcome: Outcome::Weak,
        key: key.clone(),
        signer: Some(signer.clone()),
        note: format!("good, {made}; {why}"),
    };
    match &signing.standing {
        Standing::Refused(why) => Judged::unchecked(key, format!("{made}, and {why}")),
        _ if times.made < signing.created => {
            Judged::unchecked(key, format!("{made}, and before the key itself was"))
        }
        _ if times.made > times.now.saturating_add(24 * 3600) => {
            Judged::unchecked(key, format!("{made}, which is still to come"))
        }
        Standing::Expires(at) if *at < times.made => {
            Judged::unchecked(key, format!("{made}, and the key had expired on {}", date(*at)))
        }
        Standing::Expires(at) if *at < times.now => weak(format!("the key expired on {}", date(*at))),
        _ => match times.expires {
            Some(at) if at < times.now => weak(format!("the signature expired on {}", date(at))),
            _ => Judged { outcome: Outcome::Ok, key, signer: Some(signer), note: format!("good, {made}") },
        },
    }
}
