//! SSH signatures (PROTOCOL.sshsig) over manifests and the index, as `ssh-keygen -Y sign -n discless-share` makes them.
//!
//! A signature lies beside what it is over, with `.sig` at its end: an agent's, a token's or an encrypted key signs by
//! `ssh-keygen`, and is checked here all the same.

use super::manifest::{MANIFEST, OWN};
use super::survey::{Item, Survey};
use super::{Lock, Share, directory, index};
use crate::error::{Error, Kind, Refusal, Result};
use crate::guard::guarded;
use crate::source::{FileSource, Source, read_vec};
use crate::verify::signature::Signature;
use crate::verify::{Check, Keys, Outcome};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey};
use std::path::Path;

/// What signatures over a share's files are made for.
pub const NAMESPACE: &str = "discless-share";
/// Bytes that a signature may have.
pub(super) const MOST_BYTES: u64 = 1 << 20;
/// Bytes that a key may have.
const MOST_KEY: u64 = 1 << 20;

/// A secret key.
pub struct Signer(PrivateKey);

/// What was signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signed {
    /// The key's fingerprint.
    pub key: String,
    /// Folders whose manifest was signed.
    pub signed: Vec<String>,
    /// Folders whose manifest was not, and why.
    pub refused: Vec<(String, &'static str)>,
}

impl Signer {
    /// Reads a secret key.
    ///
    /// # Errors
    /// `Refused` where it wants a passphrase, or is of a kind that only `ssh-keygen` signs with; `Usage` where it is no
    /// secret key.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.to_string_lossy();
        let source = FileSource::open(path).map_err(|error| error.of(&name))?;
        if source.len() > MOST_KEY {
            return Err(Error::limit("bytes in a key", MOST_KEY).of(&name));
        }
        let bytes = read_vec(&source, 0, source.len()).map_err(|error| error.of(&name))?;
        if bytes.starts_with(b"ssh-") || bytes.starts_with(b"ecdsa-") || bytes.starts_with(b"sk-") {
            return Err(Error::usage(format!("{name} is a public key: name the secret one")));
        }
        let key = guarded("SSH key", || {
            PrivateKey::from_openssh(&bytes).map_err(|_| Error::usage(format!("{name} is no key of OpenSSH")))
        })?;
        let refused =
            |why| Err(Error::new(Kind::Refused(Refusal::Key { file: name.clone().into_owned(), why })));
        if key.is_encrypted() {
            return refused("wants its passphrase, which is not asked for here");
        }
        match key.algorithm() {
            Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => Ok(Self(key)),
            _ => refused("is no Ed25519 or ECDSA key: others sign by ssh-keygen alone"),
        }
    }

    /// The key's fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    fn sign(&self, message: &[u8]) -> Result<String> {
        guarded("SSH signature", || {
            let failed = |_| Error::unsupported("kind of secret key");
            let signature = self.0.sign(NAMESPACE, HashAlg::Sha512, message).map_err(failed)?;
            signature.to_pem(LineEnding::LF).map_err(failed)
        })
    }
}

/// What the signature over a file is called.
pub(super) fn file(of: &str) -> String {
    format!("{of}.sig")
}

/// Signs manifests, and the index where all products were meant.
///
/// # Errors
/// What the operating system said.
pub fn sign(share: &Share, _lock: &Lock, signer: &Signer, wanted: &[String]) -> Result<Signed> {
    let survey = share.refresh()?;
    let mut out = Signed { key: signer.fingerprint(), ..Signed::default() };
    for item in survey.select(share, wanted)? {
        if let Some(why) = why_not(item) {
            out.refused.push((item.folder.clone(), why));
            continue;
        }
        let shown = format!("{}/{OWN}/{}", item.folder, file(MANIFEST));
        let dir = share.folder(&item.folder)?;
        if let Some(own) = directory::open_own(&dir)? {
            directory::replace(&own, &file(MANIFEST), signer.sign(&item.bytes)?.as_bytes())
                .map_err(|error| error.of(&shown))?;
            out.signed.push(item.folder.clone());
        }
    }
    if wanted.is_empty() && out.refused.is_empty() {
        sign_index(share, signer, &survey)?;
    }
    Ok(out)
}

/// Nobody signs what is not as it was.
fn why_not(item: &Item) -> Option<&'static str> {
    use super::survey::State;
    match item.state {
        State::Known => item.manifest().is_err().then_some("its manifest cannot be read"),
        State::Edited => Some("its manifest is not the one that was written when the product was added"),
        State::Missing => Some("it is not there"),
        State::New | State::Moved { .. } => Some("the index does not have it"),
    }
}

fn sign_index(share: &Share, signer: &Signer, survey: &Survey) -> Result<()> {
    share.write_index(survey)?;
    let Some(bytes) = directory::read(&share.own, index::NAME, index::MOST_BYTES)? else { return Ok(()) };
    directory::replace(&share.own, &file(index::NAME), signer.sign(&bytes)?.as_bytes())
        .map_err(|error| error.of(&format!("{OWN}/{}", file(index::NAME))))
}

/// What the signatures over the index are worth.
pub(super) fn check_index(share: &Share, keys: &Keys) -> Result<Vec<Check>> {
    let bytes = directory::read(&share.own, index::NAME, index::MOST_BYTES)?.unwrap_or_default();
    let signature = directory::read(&share.own, &file(index::NAME), MOST_BYTES)?;
    Ok(check(index::NAME, &bytes, signature.as_deref(), keys))
}

/// What a signature over `message`, the file `of`, is worth.
pub(super) fn check(of: &str, message: &[u8], signature: Option<&[u8]>, keys: &Keys) -> Vec<Check> {
    match signature {
        None => vec![Check::new("signature", Outcome::Unchecked, "nobody", format!("{of} is not signed"))],
        Some(signature) => Signature::parse(&file(of), signature).check(message, keys),
    }
}
