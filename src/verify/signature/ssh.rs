//! SSH signatures (`ssh-keygen -Y sign`; OpenSSH's PROTOCOL.sshsig), and the keys that may make them:
//! public keys, or a file of allowed signers (ssh-keygen(1), ALLOWED SIGNERS).
//!
//! Limits: certificates (`cert-authority` lines) are not followed.

use super::{Begun, Judged, Reading};
use crate::digest::{Algorithm, Hasher};
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::time::{Fields, Timestamp};
use crate::verify::check::Outcome;
use ssh_key::public::KeyData;
use ssh_key::{HashAlg, PublicKey, SshSig};

/// What a signature over a file is made for, by PROTOCOL.sshsig.
pub(super) const NAMESPACE: &str = "file";

/// How the armor begins.
pub(super) const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";

/// Somebody who may sign.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    key: KeyData,
    name: String,
    /// Patterns; empty where any namespace will do.
    namespaces: Vec<String>,
    /// Seconds since 1970.
    valid_after: Option<i64>,
    valid_before: Option<i64>,
}

/// A signature.
#[derive(Debug, Clone)]
pub(super) struct Signature(SshSig);

impl Signature {
    /// Reads the armor and what is in it.
    ///
    /// # Errors
    /// `Invalid` where it is none.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let signature = guarded("SSH signature", || {
            SshSig::from_pem(bytes.trim_ascii()).map_err(|_| Error::invalid("signature"))
        })?;
        Ok(Self(signature))
    }

    /// Begins to compare a message with it.
    pub(super) fn begin(&self, signers: &[Signer], namespace: &str, now: i64) -> Begun {
        let key = self.0.public_key().fingerprint(HashAlg::Sha256).to_string();
        let known: Vec<&Signer> =
            signers.iter().filter(|signer| signer.key == *self.0.public_key()).collect();
        if known.is_empty() {
            return Begun::Judged(Judged::unknown_key(key, signers.is_empty()));
        }
        let refused = |why: String| Begun::Judged(Judged::unchecked(key.clone(), why));
        if self.0.namespace() != namespace {
            return refused(format!("made for `{}`, not for `{namespace}`", self.0.namespace()));
        }
        let usable = |signer: &&Signer| signer.usable(namespace, now);
        let best = known.iter().map(usable).reduce(|best, next| best.or(next));
        let signer = match (best, known.iter().find(|signer| usable(signer).is_ok())) {
            (_, Some(signer)) => format!("{} <{key}>", signer.name),
            (Some(Err(why)), None) => return refused(why),
            _ => return refused("nobody may make it".to_owned()),
        };
        let algorithm = match self.0.hash_alg() {
            HashAlg::Sha256 => Algorithm::Sha256,
            HashAlg::Sha512 => Algorithm::Sha512,
            _ => return refused("its digest is not computed here".to_owned()),
        };
        let hasher = Hasher::new(&[algorithm]);
        Begun::Reading(Box::new(Message { hasher, signature: self.0.clone(), key, signer }))
    }
}

/// A message whose digest is compared with a signature.
struct Message {
    hasher: Hasher,
    signature: SshSig,
    key: String,
    signer: String,
}

impl Reading for Message {
    fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    fn finish(self: Box<Self>) -> Judged {
        let Self { hasher, signature, key, signer } = *self;
        let values = hasher.finish();
        let digest = values.first().map(|value| value.bytes.as_slice()).unwrap_or_default();
        let good = guarded("SSH signature", || Ok(is_good(&signature, digest))).unwrap_or(false);
        if !good {
            return Judged::bad(key, &signer);
        }
        Judged { outcome: Outcome::Ok, key, note: format!("good, made by {signer}"), signer: Some(signer) }
    }
}

/// Compares what PROTOCOL.sshsig says is signed.
fn is_good(signature: &SshSig, digest: &[u8]) -> bool {
    let mut signed = b"SSHSIG".to_vec();
    let parts = [
        signature.namespace().as_bytes(),
        signature.reserved(),
        signature.hash_alg().as_str().as_bytes(),
        digest,
    ];
    for part in parts {
        let Ok(len) = u32::try_from(part.len()) else { return false };
        signed.extend_from_slice(&len.to_be_bytes());
        signed.extend_from_slice(part);
    }
    ed25519_dalek::Verifier::verify(signature.public_key(), &signed, signature.signature()).is_ok()
}

impl Signer {
    /// Why it may not sign for `namespace` at `now`, where it may not.
    fn usable(&self, namespace: &str, now: i64) -> Result<(), String> {
        if !self.namespaces.is_empty() && !self.namespaces.iter().any(|pattern| matches(pattern, namespace)) {
            return Err(format!("{} may not sign for `{namespace}` with this key", self.name));
        }
        if self.valid_after.is_some_and(|after| now < after) {
            return Err("its key is not valid yet".to_owned());
        }
        // The signature has no time of its own.
        if self.valid_before.is_some_and(|before| now > before) {
            return Err("its key is no longer valid".to_owned());
        }
        Ok(())
    }

    /// The signer on a line: a public key, or an allowed signer. `None` for a line that is neither.
    fn parse(line: &str, file: &str) -> Option<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let plain = |name: String, key: PublicKey| Self {
            key: key.key_data().clone(),
            name,
            namespaces: Vec::new(),
            valid_after: None,
            valid_before: None,
        };
        if let Ok(key) =
            guarded("SSH key", || PublicKey::from_openssh(line).map_err(|_| Error::invalid("key")))
        {
            let name = if key.comment().is_empty() { file.to_owned() } else { key.comment().to_owned() };
            return Some(plain(name, key));
        }
        let (principals, rest) = word(line)?;
        let key = |text: &str| {
            guarded("SSH key", || PublicKey::from_openssh(text).map_err(|_| Error::invalid("key")))
        };
        if let Ok(key) = key(rest) {
            return Some(plain(principals, key));
        }
        let (options, rest) = word(rest)?;
        let mut signer = plain(principals, key(rest).ok()?);
        for option in split_options(&options) {
            let (name, value) = option.split_once('=').unwrap_or((&option, ""));
            let value = value.trim_matches('"');
            match name.to_ascii_lowercase().as_str() {
                "namespaces" => signer.namespaces = value.split(',').map(str::to_owned).collect(),
                "valid-after" => signer.valid_after = Some(time(value)?),
                "valid-before" => signer.valid_before = Some(time(value)?),
                // What it allows is not known here.
                _ => return None,
            }
        }
        Some(signer)
    }
}

/// All signers in a file.
pub(super) fn signers(text: &str, file: &str) -> Vec<Signer> {
    text.lines().filter_map(|line| Signer::parse(line, file)).collect()
}

/// The first word, with quotes kept, and what follows the blanks behind it.
fn word(text: &str) -> Option<(String, &str)> {
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '"';
        !quoted && c.is_ascii_whitespace()
    })?;
    let (word, rest) = text.split_at_checked(end)?;
    Some((word.trim_matches('"').to_owned(), rest.trim_start()))
}

/// Options with commas between them, but not those in quotes.
fn split_options(text: &str) -> Vec<String> {
    let mut quoted = false;
    let parts = text.split(|c: char| {
        quoted ^= c == '"';
        !quoted && c == ','
    });
    parts.map(str::to_owned).collect()
}

/// `YYYYMMDD[HHMM[SS]][Z]`; without `Z` it is local time for OpenSSH, and UTC here.
fn time(text: &str) -> Option<i64> {
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part =
        |at: usize, len: usize| digits.get(at..at + len).map_or(Some(0), |text| text.parse::<u8>().ok());
    let fields = Fields {
        year: digits.get(..4)?.parse().ok()?,
        month: part(4, 2)?,
        day: part(6, 2)?,
        hour: part(8, 2)?,
        minute: part(10, 2)?,
        second: part(12, 2)?,
        ..Fields::default()
    };
    Timestamp::from_fields(fields).map(|time| time.seconds)
}

/// Patterns of ssh_config(5): `*` and `?`.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || Some(c) == text.get(t) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn signers_are_read_with_what_they_may_do() {
        let text = format!(
            "# a comment\n\na@x,b@x {KEY}\nc@x namespaces=\"git,f*\",valid-before=20300101Z {KEY} note\n\
             d@x cert-authority {KEY}\n{KEY} e@x\n"
        );
        let found = signers(&text, "file");
        let names: Vec<&str> = found.iter().map(|signer| signer.name.as_str()).collect();
        assert_eq!(names, ["a@x,b@x", "c@x", "e@x"]);
        assert!(found.iter().all(|signer| signer.usable(NAMESPACE, 1_700_000_000).is_ok()));
        assert!(found[1].usable(NAMESPACE, 1_900_000_000).is_err());
        let git = signers(&format!("c@x namespaces=\"git\" {KEY}"), "file");
        assert!(git[0].usable(NAMESPACE, 0).is_err());
    }

    #[test]
    fn times_and_patterns_are_as_openssh_has_them() {
        assert_eq!(time("20240101"), Some(1_704_067_200));
        assert_eq!(time("202401010130Z"), Some(1_704_072_600));
        assert_eq!(time("2024"), None);
        for (pattern, text, want) in [
            ("*", "file", true),
            ("f?le", "file", true),
            ("f*e*", "file", true),
            ("git", "file", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, text), want, "{pattern}");
        }
    }
}
