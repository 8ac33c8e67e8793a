//! Authenticode: who signed a program, cabinet, installer file, catalogue or package, and whether it is still what
//! was signed. Nothing is asked of the network: whether a certificate was revoked is not known, and said so.
//!
//! | kind | where the signature is | read by |
//! |---|---|---|
//! | PE image | certificate table, at the file's end | `pe` |
//! | cabinet | behind it; the header's reserve says where | `cab` |
//! | installer file | a stream of its root | `msi` |
//! | catalogue | it is one | `catalogue` |
//! | MSIX package | its member `AppxSignature.p7x` | `msix` |
//!
//! All of them are PKCS#7 messages (`cms`) of DER (`der`) with certificates (`x509`) by keys (`key`), with time
//! stamps (`timestamp`), and a chain (`chain`) that ends at a root (`roots`) or nowhere. What is signed is a digest of
//! the file (`indirect`).
//!
//! Not checked: revocation, the limits by date that Windows has for some authorities, RSA-PSS and EdDSA.
//!
//! References: "Windows Authenticode Portable Executable Signature Format" (Microsoft, 2008); RFC 2315, 3161, 5280, 5652.

mod cab;
mod catalogue;
mod chain;
mod check;
mod cms;
pub mod der;
mod examine;
mod indirect;
mod key;
mod members;
mod msi;
mod msix;
mod oid;
mod passing;
mod pe;
mod roots;
mod timestamp;
mod x509;

pub use catalogue::Catalogue;
pub use chain::{Chain, End, Link};
pub use check::checks;
pub use cms::Signed;
pub use examine::{Glance, Pending, begin, glance, message, verify};
pub use members::{MemberFound, Members, Vouched, walk_signed};
pub use roots::{MICROSOFT, Roots, system_roots};
pub use timestamp::{Stamp, TimeStamp};
pub use x509::{Certificate, Name};

use crate::digest::Algorithm;
use crate::time::Timestamp;

/// What signatures are judged by.
#[derive(Debug, Clone)]
pub struct Trust {
    /// Where a chain may end.
    pub roots: Roots,
    /// The time that it is, in seconds since 1970: certificates have expired by it or not.
    pub now: i64,
}

impl Default for Trust {
    /// The shipped roots, and the system's clock.
    fn default() -> Self {
        let now = Timestamp::from_system(std::time::SystemTime::now()).seconds;
        Self { roots: Roots::default(), now }
    }
}

/// What kind of file was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A PE image.
    Pe,
    /// A cabinet.
    Cab,
    /// A Windows Installer file.
    Msi,
    /// A catalogue.
    Catalogue,
    /// An MSIX or APPX package or bundle.
    Msix,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pe => "pe",
            Self::Cab => "cab",
            Self::Msi => "msi",
            Self::Catalogue => "cat",
            Self::Msix => "msix",
        }
    }
}

/// Something that does not make a signature wrong and has to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it is.
    pub what: String,
    /// True where bytes of the file are not signed and could hold anything: then the signature does not vouch for
    /// the whole file.
    pub open: bool,
}

impl Note {
    fn open(what: String) -> Self {
        Self { what, open: true }
    }

    fn weak(what: String) -> Self {
        Self { what, open: false }
    }
}

/// The digest of the file that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedDigest {
    /// Which digest.
    pub algorithm: Algorithm,
    /// What it was when the file was signed.
    pub signed: Vec<u8>,
    /// What it is.
    pub found: Vec<u8>,
}

impl SignedDigest {
    /// True where the file is what was signed.
    #[must_use]
    pub fn matches(&self) -> bool {
        self.signed == self.found
    }
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// CN of the subject.
    pub name: String,
    /// O of the subject.
    pub organization: Option<String>,
    /// CN of the issuer.
    pub issuer: String,
    /// The certificate's number, in hexadecimal digits.
    pub serial: String,
    /// SHA-256 of the certificate, in hexadecimal digits.
    pub fingerprint: String,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// 0, or how deep it lies in others.
    pub depth: u32,
    /// The digest of the file; `None` where there is none, as in catalogues, or it is not known here.
    pub digest: Option<SignedDigest>,
    /// The weakest digest that it stands on.
    pub weakest: Option<Algorithm>,
    /// Whether the signer signed it.
    pub signed: Signed,
    /// Who signed.
    pub signer: Option<Signer>,
    /// The signer's chain.
    pub chain: Option<Chain>,
    /// When it was signed, by somebody else's word.
    pub timestamp: Option<TimeStamp>,
    /// When the signer says that it signed, in seconds since 1970.
    pub signing_time: Option<i64>,
    /// The time that the chain was judged at, in seconds since 1970.
    pub judged_at: i64,
    /// What the program is called there.
    pub program: Option<String>,
    /// Its address.
    pub address: Option<String>,
    /// How many page hashes there are, and whether all are right.
    pub page_hashes: Option<(u64, bool)>,
    /// What has to be known of it.
    pub notes: Vec<Note>,
    /// What is wrong with it.
    pub damage: Vec<String>,
}

/// What a signature proves, from nothing good to all that it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It is not this file's, or not whole.
    Damaged,
    /// It could not be checked.
    Unknown,
    /// The file is what somebody signed, but nobody known.
    Unanchored,
    /// The file is what a known signer signed, by a digest that can be forged with effort (SHA-1).
    Weak,
    /// The file is what a known signer signed.
    Anchored,
}

impl Signature {
    /// What it proves.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let differs = self.digest.as_ref().is_some_and(|digest| !digest.matches());
        let pages = self.page_hashes.is_some_and(|(_, right)| !right);
        if differs || pages || !self.damage.is_empty() || matches!(self.signed, Signed::No(_)) {
            return Standing::Damaged;
        }
        let Some(weakest) = self.weakest.filter(|_| self.signed == Signed::Yes) else {
            return Standing::Unknown;
        };
        match (self.chain.as_ref().is_some_and(Chain::is_anchored), weakest) {
            (true, Algorithm::Sha1) => Standing::Weak,
            (true, weakest) if !weakest.is_weak() => Standing::Anchored,
            _ => Standing::Unanchored,
        }
    }

    /// When it was signed, by a time stamp that is believed.
    #[must_use]
    pub fn stamped_at(&self) -> Option<i64> {
        self.timestamp.as_ref().filter(|stamp| stamp.is_believed()).map(|stamp| stamp.time)
    }
}

/// A file's signatures.
#[derive(Debug, Clone)]
pub struct Examined {
    /// What kind of file it is.
    pub kind: Kind,
    /// Its signatures, the first one first and each before those in it. None: it is not signed.
    pub signatures: Vec<Signature>,
    /// What has to be known of the file.
    pub notes: Vec<Note>,
    /// Why its signature cannot be believed, whatever it says.
    pub damage: Vec<String>,
    /// `CheckSum` of a PE image as it is stored and as it ought to be.
    pub checksum: Option<(u32, u32)>,
    /// What a catalogue lists.
    pub catalogue: Option<Catalogue>,
}

impl Examined {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            signatures: Vec::new(),
            notes: Vec::new(),
            damage: Vec::new(),
            checksum: None,
            catalogue: None,
        }
    }

    /// True where there is a signature, or what is left of one.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        !self.signatures.is_empty() || !self.damage.is_empty()
    }

    /// What its signatures prove together: every digest must match, and the best one gives the origin.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let all = || self.signatures.iter().map(Signature::standing);
        if !self.damage.is_empty() || all().any(|standing| standing == Standing::Damaged) {
            return Standing::Damaged;
        }
        all().max().unwrap_or(Standing::Unknown)
    }

    /// The signature that proves most; the first of several.
    #[must_use]
    pub fn best(&self) -> Option<&Signature> {
        let best = self.signatures.iter().map(Signature::standing).max()?;
        self.signatures.iter().find(|signature| signature.standing() == best)
    }

    /// All notes: of the file and of its signatures.
    pub fn all_notes(&self) -> impl Iterator<Item = &Note> {
        self.notes.iter().chain(self.signatures.iter().flat_map(|signature| &signature.notes))
    }

    /// True where a known signer vouches for the whole file.
    #[must_use]
    pub fn vouches(&self) -> bool {
        self.standing() >= Standing::Weak && !self.all_notes().any(|note| note.open)
    }
}
