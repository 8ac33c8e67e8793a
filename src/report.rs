//! What `--json` prints: the contract with scripts. Fields may be added; none is renamed or taken away.
//!
//! `docs/schema/*.json` are made from these types, and a test compares both.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version that stands in every document.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Declares types of the contract: all are written, read back with unknown fields denied, and described.
macro_rules! contract {
    ($($(#[$meta:meta])* $name:ident $(<$t:ident>)? { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $name $(<$t>)? { $($(#[$field_meta])* pub $field: $type,)* }
    )*};
}

mod builds;
mod mount;
pub mod share;

pub use builds::{Between, BuildAlias, Builds, KnownBuild, KnownProduct, ReadNumber};
pub use mount::Mount;

contract! {
    /// A command's answer about one or more sources.
    Document<T> {
        /// `discless.COMMAND/1`.
        schema: String,
        /// The program's version.
        discless: String,
        /// One for every source, in the order they were named.
        sources: Vec<T>,
    }

    /// Which source.
    Source {
        /// As it was named.
        name: String,
        /// Its size in bytes.
        bytes: u64,
        /// SHA-256 of all its bytes, where it was computed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
    }

    /// What a source is.
    Inspect {
        /// Which source.
        source: Source,
        /// The format of the tree that is shown.
        format: String,
        /// True where no byte that the format declares is missing.
        complete: bool,
        /// Bytes behind the end that the format declares.
        tail_bytes: u64,
        /// Bytes missing before that end.
        missing_bytes: u64,
        /// How the bytes are organised.
        layers: Vec<Layer>,
        /// What product it is.
        product: Option<Weighed>,
        /// What people call this release.
        release: Option<Weighed>,
        /// What the files say of the build.
        build: Option<Weighed>,
        /// For which processors.
        platform: Platform,
        /// Editions on the medium.
        editions: Vec<Edition>,
        /// Languages, as BCP 47 tags.
        languages: Vec<String>,
        /// Retail, volume, evaluation.
        channel: Option<String>,
        /// How a machine starts from it.
        boot: Boot,
        /// Which discs it fits.
        disc: Option<Disc>,
        /// Whether it is signed as a whole.
        signature: Signature,
        /// What `verify` can check.
        checkable: Vec<String>,
        /// What to know before using it.
        advice: Vec<Advice>,
        /// Versions of programs on it.
        versions: Vec<FileVersion>,
        /// Named values that the volume states: label, publisher, dates.
        volume: BTreeMap<String, String>,
        /// What was noticed.
        findings: Vec<Finding>,
        /// Everything that was weighed.
        evidence: Vec<Evidence>,
        /// The bytes of the source that were read to know all this.
        read_bytes: u64,
    }

    /// One way in which the bytes are organised.
    Layer {
        /// Nested path; empty for the source itself.
        path: String,
        /// Its format.
        format: String,
        /// In words.
        detail: String,
        /// The volume's label.
        label: Option<String>,
        /// Files in it, where they were counted.
        entries: Option<u64>,
        /// True where the members shown come from it.
        used: bool,
    }

    /// A value, how sure it is, and why.
    Weighed {
        /// The value.
        value: String,
        /// Who makes the product.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vendor: Option<String>,
        /// `confirmed`, `single`, `explained`, `conflict`, `unknown`.
        state: String,
        /// What speaks for it.
        because: Vec<String>,
        /// Other values that were found, each explained.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<Also>,
    }

    /// Another value.
    Also {
        /// The value.
        value: String,
        /// Where it stands.
        #[serde(rename = "where")]
        place: String,
        /// Why it differs.
        why: String,
    }

    /// For which processors the medium is.
    Platform {
        /// `x86`, `x64`, `arm64`, `arm`, `ia64`, `mixed`, `neutral` or `unknown`.
        value: String,
        /// How sure that is.
        state: String,
        /// Programs by processor, those left out of the vote included.
        counts: BTreeMap<String, u64>,
        /// The processor of the program that starts setup: it says nothing about the medium.
        starter: Option<String>,
        /// Programs that were looked at, and how many there are.
        examined: u64,
        /// Programs on the medium.
        candidates: u64,
        /// What speaks for it.
        because: Vec<String>,
        /// What names say otherwise.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<Also>,
    }

    /// An edition on the medium.
    Edition {
        /// Its number in the image.
        index: u32,
        /// Its name.
        name: String,
        /// Its identifier.
        id: String,
        /// How it is installed, as stored: `Client`, `Server` (with a desktop), `Server Core`, `WindowsPE`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        installation: String,
        /// For which processor.
        platform: String,
        /// Its build.
        build: String,
        /// Its size unpacked, in bytes.
        bytes: u64,
    }

    /// How a machine starts from the medium.
    Boot {
        /// By PC BIOS.
        bios: bool,
        /// By UEFI: the processors, or `unknown`.
        uefi: Vec<String>,
    }

    /// Which discs the image fits.
    Disc {
        /// The image's size in whole sectors of 2048, in bytes.
        bytes: u64,
        /// The smallest disc that holds it.
        smallest: Option<String>,
        /// All discs that hold it.
        fits: Vec<String>,
        /// True where every kind of single-layer DVD holds it.
        single_layer_dvd: bool,
        /// How much too large for one it is, in bytes.
        over_single_layer_by: Option<u64>,
    }

    /// A signature over the whole source.
    Signature {
        /// `valid`, `invalid`, `unsigned` or `unchecked`.
        state: String,
        /// Who signed.
        signer: Option<String>,
        /// When.
        signed_at: Option<String>,
    }

    /// What to know.
    Advice {
        /// A stable name.
        id: String,
        /// `note` or `warn`.
        severity: String,
        /// In words.
        note: String,
    }

    /// The version of a program on the medium.
    FileVersion {
        /// Its path.
        path: String,
        /// For which processor.
        platform: String,
        /// The file version of its fixed information.
        file_version: Option<String>,
        /// The product version of its fixed information.
        product_version: Option<String>,
        /// The product's name.
        product: Option<String>,
        /// The company's name.
        company: Option<String>,
    }

    /// Something that was noticed.
    Finding {
        /// `note`, `weak` or `damaged`.
        severity: String,
        /// The member's path; empty for the source itself.
        subject: String,
        /// In words.
        what: String,
    }

    /// One thing that speaks for a value.
    Evidence {
        /// Which value: `product`, `build`, `platform`, …
        field: String,
        /// As stored.
        raw: String,
        /// As weighed.
        value: String,
        /// Where it stands.
        #[serde(rename = "where")]
        place: String,
        /// How it was read.
        how: String,
        /// `A`, the best, to `G`.
        class: String,
        /// `identity`, `alias`, `floor`, `label` or `foreign`.
        role: String,
    }

    /// The members of a source.
    List {
        /// Which source.
        source: Source,
        /// Its format.
        format: String,
        /// The members.
        entries: Vec<Entry>,
        /// What was noticed.
        findings: Vec<Finding>,
    }

    /// One member.
    Entry {
        /// Its path; lossy where `path_bytes` is given.
        path: String,
        /// The path's bytes as hexadecimal digits, where they are no valid Unicode.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path_bytes: Option<String>,
        /// `file`, `dir`, `symlink` or `other`.
        kind: String,
        /// Size in bytes, unpacked.
        bytes: u64,
        /// When it was last changed, RFC 3339.
        modified: Option<String>,
        /// Where a link points.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
        /// `stored`, `packed`, `solid` or `nowhere`.
        location: String,
        /// `hidden`, `associated`, `boot`, `stream`, `old-version` or `description`, where it is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<String>,
    }

    /// What was checked of a source.
    Verify {
        /// Which source.
        source: Source,
        /// `verified`, `damaged` or `unverified`.
        verdict: String,
        /// Every check, in the order they were made.
        checks: Vec<Check>,
        /// How many bytes something vouches for, where members were read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        coverage: Option<Coverage>,
    }

    /// How many bytes of a source something vouches for.
    Coverage {
        /// The source's size in bytes.
        bytes: u64,
        /// What vouches; the same bytes may stand under several.
        by: Vec<Vouched>,
        /// Bytes that nothing vouches for.
        nothing: u64,
    }

    /// What vouches for some bytes.
    Vouched {
        /// What was compared.
        what: String,
        /// Who says what it ought to be.
        by: String,
        /// How many bytes of the source.
        bytes: u64,
    }

    /// One check.
    Check {
        /// What was checked: `size`, `structure`, `sha256`, `members`.
        what: String,
        /// The member's path; empty for the source itself.
        subject: String,
        /// `ok`, `weak`, `damaged` or `unchecked`.
        result: String,
        /// Who says what is expected: `user`, `sidecar`, `udf`.
        by: String,
        /// What was expected: bytes, or hexadecimal digits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected: Option<Amount>,
        /// What was found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<Amount>,
        /// How many things were checked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<u64>,
        /// Those that failed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failed: Vec<String>,
        /// In words.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
        /// The key that made the signature: its fingerprint, or its number where that is all it says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// Name and fingerprint of a key that was given, where the signature is good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signer: Option<String>,
    }

    /// What was written.
    Extract {
        /// `discless.extract/1`.
        schema: String,
        /// The program's version.
        discless: String,
        /// Which source.
        source: Source,
        /// Where to.
        destination: String,
        /// True where nothing was written (`-n`).
        dry_run: bool,
        /// Files that stand there whole.
        files: u64,
        /// Files of these that stood there before.
        kept: u64,
        /// Directories.
        dirs: u64,
        /// Links.
        links: u64,
        /// Bytes of all files.
        bytes: u64,
        /// Bytes of these that lie in blocks which the files share with the medium (XFS, btrfs).
        shared_bytes: u64,
        /// Members that were left out.
        skipped: u64,
        /// Which, and why.
        left: Vec<Left>,
        /// Members that go by another name.
        renamed: Vec<Renamed>,
        /// Members whose bytes could not be read.
        failed: Vec<Failed>,
        /// `verified`, `damaged` or `unverified`; absent where nothing was to be verified.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verdict: Option<String>,
        /// Every check.
        checks: Vec<Check>,
    }

    /// A member that was left out.
    Left {
        /// Its path in the source.
        path: String,
        /// Why.
        why: String,
    }

    /// A member that goes by another name.
    Renamed {
        /// Its path in the source; lossy where `path_bytes` is given.
        path: String,
        /// The path's bytes as hexadecimal digits, where they are no valid Unicode.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path_bytes: Option<String>,
        /// Its path below the destination.
        written_as: String,
        /// Why.
        why: String,
    }

    /// A member whose bytes could not be read.
    Failed {
        /// Its path in the source.
        path: String,
        /// Why.
        error: Error,
    }

    /// Digests of a source.
    Hash {
        /// Which source.
        source: Source,
        /// By algorithm, lowercase hexadecimal digits.
        digests: BTreeMap<String, String>,
    }

    /// Every format that is known.
    Formats {
        /// `discless.formats/1`.
        schema: String,
        /// The program's version.
        discless: String,
        /// The formats.
        formats: Vec<Format>,
    }

    /// A format that is known.
    Format {
        /// The word for scripts.
        name: String,
        /// For people.
        title: String,
        /// The documents that define it.
        spec: Vec<String>,
        /// What its reader cannot do.
        limits: Vec<String>,
    }

    /// A command that failed.
    ErrorDocument {
        /// `discless.error/1`.
        schema: String,
        /// The program's version.
        discless: String,
        /// Why.
        error: Error,
    }

    /// Why something failed.
    Error {
        /// `truncated`, `damaged`, `invalid`, `unsupported`, `encrypted`, `limit`, `not_found`, `io`, `usage`,
        /// `refused` or `cancelled`.
        kind: String,
        /// In words.
        message: String,
        /// Where.
        place: String,
        /// What to do, to be pasted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    }
}

/// Bytes, or hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Amount {
    /// A count of bytes.
    Bytes(u64),
    /// A digest.
    Digits(String),
}

impl<T> Document<T> {
    /// A document of that command about these sources.
    #[must_use]
    pub fn new(command: &str, sources: Vec<T>) -> Self {
        Self { schema: format!("discless.{command}/1"), discless: VERSION.to_owned(), sources }
    }
}

impl From<&crate::container::Entry> for Entry {
    fn from(entry: &crate::container::Entry) -> Self {
        use crate::container::{EntryKind, Role};
        let role = match entry.role {
            Role::Plain => None,
            Role::Hidden => Some("hidden"),
            Role::Associated => Some("associated"),
            Role::Boot => Some("boot"),
            Role::Stream => Some("stream"),
            Role::OldVersion => Some("old-version"),
            Role::Description => Some("description"),
        };
        let kind = match entry.kind {
            EntryKind::File => "file",
            EntryKind::Dir => "dir",
            EntryKind::Symlink => "symlink",
            EntryKind::Other => "other",
        };
        Self {
            path: entry.path.text().trim_start_matches('/').to_owned(),
            path_bytes: entry.path.raw().map(crate::digest::hex),
            kind: kind.to_owned(),
            bytes: entry.bytes,
            modified: entry.modified.map(crate::time::Timestamp::rfc3339),
            target: entry.target.as_deref().map(str::to_owned),
            location: entry.location.name().to_owned(),
            role: role.map(str::to_owned),
        }
    }
}

impl From<&crate::container::Layer> for Layer {
    fn from(layer: &crate::container::Layer) -> Self {
        Self {
            path: layer.path.clone(),
            format: layer.format.to_owned(),
            detail: layer.detail.clone(),
            label: layer.label.clone(),
            entries: layer.entries,
            used: layer.used,
        }
    }
}

impl From<&crate::container::Finding> for Finding {
    fn from(finding: &crate::container::Finding) -> Self {
        use crate::container::Severity;
        let severity = match finding.severity {
            Severity::Note => "note",
            Severity::Weak => "weak",
            Severity::Damaged => "damaged",
        };
        Self { severity: severity.to_owned(), subject: finding.subject.clone(), what: finding.what.clone() }
    }
}

impl From<&crate::Error> for Error {
    /// Without a hint: advice belongs to the command line.
    fn from(error: &crate::Error) -> Self {
        use crate::error::Kind;
        let kind = match error.kind() {
            Kind::Truncated { .. } => "truncated",
            Kind::Damaged(_) => "damaged",
            Kind::Invalid(_) | Kind::NotMedium(_) => "invalid",
            Kind::Unsupported(_) => "unsupported",
            Kind::Encrypted { .. } => "encrypted",
            Kind::Limit { .. } => "limit",
            Kind::NotFound { .. } => "not_found",
            // What could not be read in one piece could not be read.
            Kind::Io(_) | Kind::Changed(_) => "io",
            Kind::Usage(_) => "usage",
            Kind::Refused(_) => "refused",
            Kind::Cancelled => "cancelled",
        };
        Self {
            kind: kind.to_owned(),
            message: error.kind().to_string(),
            place: error.place().to_string(),
            hint: None,
        }
    }
}
