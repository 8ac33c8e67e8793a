//! OpenPGP certificates: which of their keys may sign files, and when (RFC 9580 §5.2.3, §10.1).
//!
//! A primary key stands by its own signatures over user IDs or itself; a subkey by the primary key's
//! binding and its own signature back. Signatures of third parties say nothing here: the user named
//! the certificate. Revocations by other keys (`Revocation Key`) are not followed.

use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::time::Timestamp;
use pgp::composed::{Deserializable, SignedPublicKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{PublicKey, PublicSubkey, RevocationCode, Signature, SignatureType, SubpacketData};
use pgp::types::{EcdsaPublicParams, KeyDetails, PublicParams, Tag, VerifyingKey};

/// Certificates that are kept.
const MOST_CERTIFICATES: usize = 10_000;

/// Signatures of one key about itself that are looked at.
const MOST_SELF_SIGNATURES: usize = 256;

const ARMOR: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// A primary key with its subkeys, and what it says of them.
#[derive(Debug, Clone)]
pub(in super::super) struct Certificate(SignedPublicKey);

/// A key that a signature names.
pub(super) struct Signing {
    /// The certificate's name.
    name: String,
    /// Of the primary key: what people compare.
    pub(super) fingerprint: String,
    key: Key,
    /// Seconds since 1970.
    pub(super) created: i64,
    pub(super) standing: Standing,
}

enum Key {
    Primary(Box<PublicKey>),
    Subkey(Box<PublicSubkey>),
}

/// Whether a key may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    Unlimited,
    /// Until then, in seconds since 1970.
    Expires(i64),
    /// Not at all, and why.
    Refused(String),
}

impl Signing {
    pub(super) fn key(&self) -> &dyn VerifyingKey {
        match &self.key {
            Key::Primary(key) => &**key,
            Key::Subkey(key) => &**key,
        }
    }

    /// Whether signatures of this key by `algorithm` are read here. `k256` takes only the smaller of
    /// the two values that a signature may have, and GnuPG writes either.
    pub(super) fn is_read(&self, algorithm: PublicKeyAlgorithm) -> bool {
        let key = self.key();
        let odd = matches!(key.public_params(), PublicParams::ECDSA(EcdsaPublicParams::Secp256k1 { .. }));
        key.algorithm() == algorithm && algorithm.can_sign() && !odd
    }

    /// Name and fingerprint.
    pub(super) fn name(&self) -> String {
        format!("{} <{}>", self.name, self.fingerprint)
    }
}

/// Whether a digest is strong enough for the signature of a file.
pub(super) fn strength(hash: HashAlgorithm) -> Result<(), String> {
    match hash {
        HashAlgorithm::Sha224
        | HashAlgorithm::Sha256
        | HashAlgorithm::Sha384
        | HashAlgorithm::Sha512
        | HashAlgorithm::Sha3_256
        | HashAlgorithm::Sha3_512 => Ok(()),
        HashAlgorithm::Md5 | HashAlgorithm::Sha1 | HashAlgorithm::Ripemd160 => {
            Err(format!("its digest, {hash}, is too weak to count"))
        }
        other => Err(format!("its digest, {other}, is not computed here")),
    }
}

/// The day, in UTC.
pub(super) fn date(seconds: i64) -> String {
    let text = Timestamp { seconds, nanos: 0, zone: None }.rfc3339();
    text.split('T').next().unwrap_or_default().to_owned()
}

/// Adds every certificate in `bytes`, armored (several blocks, too) or binary.
///
/// # Errors
/// `Invalid` where there is none; `Encrypted` is never said: secret keys are refused by the caller.
pub(in super::super) fn add_certificates(to: &mut Vec<Certificate>, bytes: &[u8]) -> Result<()> {
    let found = guarded("OpenPGP certificate", || {
        let mut found: Vec<SignedPublicKey> = Vec::new();
        if bytes.first().is_some_and(|first| first & 0x80 != 0) {
            let keys = SignedPublicKey::from_bytes_many(bytes).map_err(|_| Error::invalid("certificate"))?;
            // One that this reader does not understand does not hide the others.
            found.extend(keys.take(MOST_CERTIFICATES).filter_map(Result::ok));
        } else {
            let text = String::from_utf8_lossy(bytes);
            for (at, _) in text.match_indices(ARMOR).take(MOST_CERTIFICATES) {
                let block = text.get(at..).unwrap_or_default();
                if let Ok((keys, _)) = SignedPublicKey::from_armor_many_buf(block.as_bytes()) {
                    found.extend(keys.take(MOST_CERTIFICATES).filter_map(Result::ok));
                }
            }
        }
        Ok(found)
    })?;
    if found.is_empty() {
        return Err(Error::invalid("certificate"));
    }
    for key in found {
        let fingerprint = key.primary_key.fingerprint();
        let full = to.len() >= MOST_CERTIFICATES;
        match to.iter_mut().find(|known| known.0.primary_key.fingerprint() == fingerprint) {
            // Two copies may know different things, a revocation among them.
            Some(Certificate(known)) => {
                known.details.revocation_signatures.extend(key.details.revocation_signatures);
                known.details.direct_signatures.extend(key.details.direct_signatures);
                known.details.users.extend(key.details.users);
                known.public_subkeys.extend(key.public_subkeys);
            }
            None if full => return Err(Error::limit("certificates", MOST_CERTIFICATES as u64)),
            None => to.push(Certificate(key)),
        }
    }
    Ok(())
}

impl Certificate {
    /// The key of this certificate that `signature` says it was made by.
    pub(super) fn signing(&self, signature: &Signature, now: i64) -> Option<Signing> {
        let primary = &self.0.primary_key;
        let made = |key: &dyn KeyDetails| {
            let fingerprints = signature.issuer_fingerprint();
            if fingerprints.is_empty() {
                signature.issuer_key_id().iter().any(|id| **id == key.legacy_key_id())
            } else {
                fingerprints.iter().any(|found| **found == key.fingerprint())
            }
        };
        let subkey = || self.0.public_subkeys.iter().find(|subkey| made(&subkey.key));
        let (key, created, standing) = if made(primary) {
            (Key::Primary(Box::new(primary.clone())), primary.created_at(), self.primary(now))
        } else {
            let subkey = &subkey()?.key;
            let standing = self.subkey(subkey, now);
            (Key::Subkey(Box::new(subkey.clone())), subkey.created_at(), standing)
        };
        Some(Signing {
            name: self.name(now),
            fingerprint: format!("{:X}", primary.fingerprint()),
            key,
            created: i64::from(created.as_secs()),
            standing: standing.unwrap_or_else(Standing::Refused),
        })
    }

    /// The newest user ID that the key signed and did not revoke, without its address.
    fn name(&self, now: i64) -> String {
        let mut best: Option<(i64, &str)> = None;
        for user in &self.0.details.users {
            let signed = |wanted: fn(SignatureType) -> bool| {
                let of_type = user.signatures.iter().filter(|found| found.typ().is_some_and(wanted));
                let valid = of_type.take(MOST_SELF_SIGNATURES).filter(|found| self.valid(found, now));
                let valid = valid.filter(|found| {
                    found.verify_certification(&self.0.primary_key, Tag::UserId, &user.id).is_ok()
                });
                valid.map(|found| (found.is_primary(), created(found))).max()
            };
            let revoked = signed(|kind| kind == SignatureType::CertRevocation);
            let Some((primary, at)) = signed(is_certification) else { continue };
            if revoked.is_some_and(|(_, revoked)| revoked >= at) {
                continue;
            }
            // What the key calls its primary name goes before newer ones.
            let rank = if primary { i64::MAX } else { at };
            if best.is_none_or(|(known, _)| rank > known) {
                best = user.id.as_str().map(|name| (rank, name)).or(best);
            }
        }
        let name = best.map_or("a key without a name", |(_, name)| name);
        let plain = name.split('<').next().unwrap_or_default().trim();
        let plain = if plain.is_empty() { name.trim_matches(['<', '>']) } else { plain };
        plain.chars().filter(|c| !c.is_control()).take(100).collect()
    }

    /// A signature that is worth being verified: not expired, by a digest that is computed.
    fn valid(&self, signature: &Signature, now: i64) -> bool {
        let by_itself = {
            let (ids, prints) = (signature.issuer_key_id(), signature.issuer_fingerprint());
            ids.iter().any(|id| **id == self.0.primary_key.legacy_key_id())
                || prints.iter().any(|print| **print == self.0.primary_key.fingerprint())
        };
        let after = signature.signature_expiration_time().map_or(0, |after| i64::from(after.as_secs()));
        let expired = after > 0 && created(signature).saturating_add(after) < now;
        // SHA-1 is found in older certificates; `pgp` looks for collisions in it, and the user named the
        // certificate.
        by_itself && !expired && !matches!(signature.hash_alg(), None | Some(HashAlgorithm::Md5))
    }

    /// Whether the primary key stands, and what its newest signature says of it.
    fn own(&self, now: i64) -> Result<&Signature, String> {
        let key = &self.0.primary_key;
        let details = &self.0.details;
        for revocation in details.revocation_signatures.iter().take(MOST_SELF_SIGNATURES) {
            if self.valid(revocation, now) && revocation.verify_key(key).is_ok() {
                return Err(revoked(revocation));
            }
        }
        let direct = details.direct_signatures.iter();
        let direct = direct.filter(|found| found.typ() == Some(SignatureType::Key) && self.valid(found, now));
        let direct = direct.take(MOST_SELF_SIGNATURES).filter(|found| found.verify_key(key).is_ok());
        let users =
            details.users.iter().flat_map(|user| user.signatures.iter().map(move |found| (user, found)));
        let users =
            users.filter(|(_, found)| found.typ().is_some_and(is_certification) && self.valid(found, now));
        let users = users
            .take(MOST_SELF_SIGNATURES)
            .filter(|(user, found)| found.verify_certification(key, Tag::UserId, &user.id).is_ok())
            .map(|(_, found)| found);
        direct
            .chain(users)
            .max_by_key(|found| created(found))
            .ok_or_else(|| "the key does not sign its own name".to_owned())
    }

    fn primary(&self, now: i64) -> Result<Standing, String> {
        let own = self.own(now)?;
        may_sign(own)?;
        Ok(expiry(own, &self.0.primary_key))
    }

    fn subkey(&self, subkey: &PublicSubkey, now: i64) -> Result<Standing, String> {
        let primary = &self.0.primary_key;
        let above = expiry(self.own(now)?, primary);
        let same =
            self.0.public_subkeys.iter().filter(|found| found.key.fingerprint() == subkey.fingerprint());
        let signatures: Vec<&Signature> =
            same.flat_map(|found| &found.signatures).take(MOST_SELF_SIGNATURES).collect();
        let bound = |kind: SignatureType| {
            let of_kind = signatures.iter().filter(move |found| found.typ() == Some(kind));
            of_kind.filter(|found| {
                self.valid(found, now) && found.verify_subkey_binding(primary, subkey).is_ok()
            })
        };
        if let Some(revocation) = bound(SignatureType::SubkeyRevocation).next() {
            return Err(revoked(revocation));
        }
        let binding = bound(SignatureType::SubkeyBinding).max_by_key(|found| created(found));
        let binding = binding.ok_or("the primary key does not say that it is its own")?;
        may_sign(binding)?;
        let back = binding.embedded_signature();
        let back = back.filter(|back| back.hash_alg().is_some_and(|hash| hash != HashAlgorithm::Md5));
        // Without it anybody could claim another's signatures by binding another's key (§10.1.5).
        if back.is_none_or(|back| back.verify_primary_key_binding(subkey, primary).is_err()) {
            return Err("the signing key does not say that it belongs to the primary one".to_owned());
        }
        Ok(match (above, expiry(binding, subkey)) {
            (Standing::Expires(a), Standing::Expires(b)) => Standing::Expires(a.min(b)),
            (Standing::Unlimited, standing) | (standing, _) => standing,
        })
    }
}

fn is_certification(kind: SignatureType) -> bool {
    matches!(
        kind,
        SignatureType::CertGeneric
            | SignatureType::CertPersona
            | SignatureType::CertCasual
            | SignatureType::CertPositive
    )
}

fn created(signature: &Signature) -> i64 {
    signature.created().map_or(0, |time| i64::from(time.as_secs()))
}

/// A key without flags may do what its algorithm can (§5.2.3.29 leaves it open; so does GnuPG).
fn may_sign(signature: &Signature) -> Result<(), String> {
    let mut subpackets = signature.config().into_iter().flat_map(|config| config.hashed_subpackets());
    let flags = subpackets.find_map(|found| match &found.data {
        SubpacketData::KeyFlags(flags) => Some(flags.sign()),
        _ => None,
    });
    if flags.unwrap_or(true) { Ok(()) } else { Err("that key is not for signing".to_owned()) }
}

fn expiry(signature: &Signature, key: &impl KeyDetails) -> Standing {
    let after = signature.key_expiration_time().map_or(0, |after| after.as_secs());
    match after {
        0 => Standing::Unlimited,
        after => Standing::Expires(i64::from(key.created_at().as_secs()).saturating_add(i64::from(after))),
    }
}

fn revoked(signature: &Signature) -> String {
    let why = match signature.revocation_reason_code() {
        Some(RevocationCode::KeyCompromised) => ": others have it",
        Some(RevocationCode::KeySuperseded) => ": another took its place",
        Some(RevocationCode::KeyRetired) => ": it is no longer used",
        _ => "",
    };
    format!("the key was revoked on {}{why}", date(created(signature)))
}
