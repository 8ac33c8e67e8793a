//! Finds a file's signatures, computes what they signed, and judges them.

use super::cab::Cabinet;
use super::catalogue::Catalogue;
use super::chain::{self, Budget, Purpose};
use super::cms::{Signed, SignedData, SignerInfo};
use super::indirect::{Indirect, opus};
use super::key::Padding;
use super::msi::Package;
use super::msix::Msix;
use super::oid;
use super::passing::{Passing, Read};
use super::pe::Image;
use super::timestamp::{self, Judge, TimeStamp};
use super::x509::Certificate;
use super::{Examined, Kind, Note, Signature, SignedDigest, Signer, Trust};
use crate::digest::{Algorithm, Value};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::source::{Follow, Followed, SharedSource, read_up_to, read_vec};

/// Signatures in signatures.
const DEPTH: u32 = 3;
/// Signatures of one file.
const MOST: usize = 16;
/// Bytes of a catalogue. The largest of Windows have some MiB.
const CATALOGUE: u64 = 64 << 20;
/// Zeros that fill a message up to a multiple of eight bytes.
const PADDING: usize = 7;

/// A file that may be signed, as far as its signature was found.
enum Subject {
    Pe(Image),
    Cab(Cabinet),
    Msi(Box<Package>),
    Catalogue,
    Msix(Box<Msix>),
}

/// A signature that was read and not judged yet.
struct Parsed {
    data: SignedData,
    indirect: Option<Indirect>,
    depth: u32,
    notes: Vec<Note>,
    damage: Vec<String>,
}

/// A file's kind and messages.
struct Found {
    subject: Subject,
    examined: Examined,
    parsed: Vec<Parsed>,
}

/// Only what the operating system said ends the work; all else is damage of the file.
fn damage(error: Error, list: &mut Vec<String>) -> Result<()> {
    match error.kind() {
        ErrorKind::Io(_) | ErrorKind::Changed(_) | ErrorKind::Cancelled => Err(error),
        _ => {
            list.push(error.to_string());
            Ok(())
        }
    }
}

/// Checks the signatures of `source`; `None` where it is of no kind that carries any. A file without a signature
/// has none in what comes back.
///
/// # Errors
/// What reading said. Damage in the file is part of the answer.
pub fn verify(source: &SharedSource, trust: &Trust) -> Result<Option<Examined>> {
    begin(source)?.map(|pending| pending.finish(source, trust)).transpose()
}

/// The signatures of a file, found and not judged: what they signed was not read yet.
pub struct Pending {
    found: Found,
    algorithms: Vec<Algorithm>,
    passing: Option<Followed<Passing>>,
}

/// Finds the signatures of `source`, by its headers; `None` where it is of no kind that carries any.
///
/// # Errors
/// What reading said. Damage in the file is part of the answer.
pub fn begin(source: &SharedSource) -> Result<Option<Pending>> {
    let found = find(source)?;
    Ok(found.map(|found| Pending { algorithms: algorithms(&found.parsed), found, passing: None }))
}

impl Pending {
    /// What takes the digests while somebody else reads of `len` bytes from its first to its last; `None`
    /// where there is nothing to digest or it has to be read in another order.
    pub fn follow(&mut self) -> Option<Box<dyn Follow>> {
        if !self.found.examined.damage.is_empty() || self.algorithms.is_empty() {
            return None;
        }
        let passing = match &self.found.subject {
            Subject::Pe(image) => image.passing(&self.algorithms).ok().flatten(),
            Subject::Cab(cabinet) => cabinet.passing(&self.algorithms),
            Subject::Msi(_) | Subject::Catalogue | Subject::Msix(_) => None,
        }?;
        let (follower, followed) = Followed::new(passing);
        self.passing = Some(followed);
        Some(follower)
    }

    /// Judges them. What did not go by is read.
    ///
    /// # Errors
    /// As [`verify`].
    pub fn finish(mut self, source: &SharedSource, trust: &Trust) -> Result<Examined> {
        let mut budget = Budget::default();
        let values = if self.found.examined.damage.is_empty() && !self.algorithms.is_empty() {
            let passed = self.passing.take().and_then(Followed::take).and_then(Passing::finish);
            match digests(&mut self.found, source, &self.algorithms, passed) {
                Ok(values) => values,
                Err(error) => {
                    damage(error, &mut self.found.examined.damage)?;
                    Vec::new()
                }
            }
        } else {
            Vec::new()
        };
        let Found { subject, mut examined, parsed } = self.found;
        for parsed in parsed {
            let signature = judge(parsed, &subject, source, &values, trust, &mut budget)?;
            examined.signatures.push(signature);
        }
        Ok(examined)
    }
}

/// Reads a PKCS#7 message alone, as it stands in a file, and judges it without the file.
///
/// # Errors
/// Where it is no such message.
pub fn message(bytes: &[u8], trust: &Trust) -> Result<Vec<Signature>> {
    let mut parsed = Vec::new();
    let mut notes = Vec::new();
    collect(bytes, 0, &mut parsed, &mut notes)?;
    let source: SharedSource = std::sync::Arc::new(Vec::new());
    let mut budget = Budget::default();
    parsed
        .into_iter()
        .map(|parsed| judge(parsed, &Subject::Catalogue, &source, &[], trust, &mut budget))
        .collect()
}

/// What a signature says before anything of it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// What kind of file it is.
    pub kind: Kind,
    /// True where there is a signature.
    pub signed: bool,
    /// Who it says signed.
    pub signer: Option<String>,
    /// When it says that was, in seconds since 1970.
    pub signed_at: Option<i64>,
}

/// Reads a file's signature without reading the file. Nothing of it is checked.
///
/// # Errors
/// What reading said.
pub fn glance(source: &SharedSource) -> Result<Option<Glance>> {
    let Some(found) = find(source)? else { return Ok(None) };
    let first = found.parsed.first();
    let signer = first.and_then(|parsed| parsed.data.signers.first().map(|signer| (parsed, signer)));
    let name = signer
        .and_then(|(parsed, signer)| signer.certificate(&parsed.data.certificates))
        .map(|certificate| certificate.subject.shown().to_owned());
    let signed_at = signer.and_then(|(_, signer)| {
        let stamped = signer.unsigned.iter().find_map(|attribute| {
            let value = attribute.values.first()?;
            match attribute.kind.as_slice() {
                oid::RFC3161 => timestamp::claimed(value),
                oid::COUNTERSIGNATURE => timestamp::claimed_legacy(value),
                _ => None,
            }
        });
        stamped.or_else(|| timestamp::signing_time(signer))
    });
    let signed = found.examined.is_signed() || first.is_some();
    Ok(Some(Glance { kind: found.examined.kind, signed, signer: name, signed_at }))
}

/// Finds the messages of a file.
fn find(source: &SharedSource) -> Result<Option<Found>> {
    let head = read_up_to(&**source, 0, 64)?;
    let kind = match head.as_slice() {
        [b'M', b'Z', ..] => Kind::Pe,
        [b'M', b'S', b'C', b'F', ..] => Kind::Cab,
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Kind::Msi,
        [b'P', b'K', 3, 4, ..] => Kind::Msix,
        [0x30, ..] if head.windows(oid::SIGNED_DATA.len()).any(|part| part == oid::SIGNED_DATA) => {
            Kind::Catalogue
        }
        _ => return Ok(None),
    };
    let mut examined = Examined::new(kind);
    let mut messages = Vec::new();
    let subject = match opened(kind, source, &mut examined, &mut messages) {
        Ok(Some(subject)) => subject,
        Ok(None) => return Ok(None),
        Err(error) if matches!(error.kind(), ErrorKind::Io(_) | ErrorKind::Cancelled) => return Err(error),
        // What cannot be opened at all says nothing of signatures: its format's reader has told.
        Err(_) => return Ok(None),
    };
    let mut parsed = Vec::new();
    for message in messages {
        if let Err(error) = collect(&message, 0, &mut parsed, &mut examined.notes) {
            damage(error, &mut examined.damage)?;
        }
    }
    if kind == Kind::Catalogue {
        let list = parsed.iter().find(|parsed| parsed.data.content_type == oid::CERT_TRUST_LIST);
        let Some(list) = list else { return Ok(None) };
        match Catalogue::parse(&list.data.content) {
            Ok(list) => examined.catalogue = Some(list),
            Err(error) => damage(error, &mut examined.damage)?,
        }
    }
    Ok(Some(Found { subject, examined, parsed }))
}

/// Opens a file, and gives the messages that it carries.
fn opened(
    kind: Kind,
    source: &SharedSource,
    examined: &mut Examined,
    messages: &mut Vec<Vec<u8>>,
) -> Result<Option<Subject>> {
    let notes = &mut examined.notes;
    let mut found = |message: Result<Vec<Vec<u8>>>| match message {
        Ok(list) => {
            messages.extend(list);
            Ok(())
        }
        Err(error) => damage(error, &mut examined.damage),
    };
    Ok(match kind {
        Kind::Pe => {
            let Some(image) = Image::open(&**source)? else { return Ok(None) };
            match image.misplaced() {
                Some(why) => examined.damage.push(why),
                None => found(image.messages(&**source, notes))?,
            }
            if image.has_table() && messages.is_empty() && examined.damage.is_empty() {
                examined.damage.push("the certificate table has no signature in it".to_owned());
            }
            Some(Subject::Pe(image))
        }
        Kind::Cab => {
            let Some(cabinet) = Cabinet::open(&**source)? else { return Ok(None) };
            match cabinet.misplaced() {
                Some(why) => examined.damage.push(why),
                None if cabinet.is_signed() => found(cabinet.message(&**source, notes).map(|one| vec![one]))?,
                None => {}
            }
            Some(Subject::Cab(cabinet))
        }
        Kind::Msi => {
            let Some(package) = Package::open(source)? else { return Ok(None) };
            if package.is_signed() {
                found(package.message(notes).map(|one| vec![one]))?;
            }
            Some(Subject::Msi(Box::new(package)))
        }
        Kind::Catalogue => {
            let len = source.len();
            if len > CATALOGUE {
                return Err(Error::limit("bytes in a catalogue", CATALOGUE));
            }
            messages.push(read_vec(&**source, 0, len)?);
            Some(Subject::Catalogue)
        }
        Kind::Msix => {
            let Some(package) = Msix::open(source)? else { return Ok(None) };
            if package.is_signed() {
                found(package.message().map(|one| vec![one]))?;
            }
            Some(Subject::Msix(Box::new(package)))
        }
    })
}

/// Reads a message and those that lie in it.
fn collect(message: &[u8], depth: u32, out: &mut Vec<Parsed>, notes: &mut Vec<Note>) -> Result<()> {
    if out.len() >= MOST {
        return Err(Error::limit("signatures of one file", MOST as u64));
    }
    let data = SignedData::parse(message)?;
    let behind = message.get(data.bytes..).unwrap_or_default();
    if behind.iter().any(|byte| *byte != 0) {
        notes
            .push(Note::open(format!("{} bytes behind the signature's message, not all zero", behind.len())));
    } else if behind.len() > PADDING {
        notes.push(Note::weak(format!("{} zeros behind the signature's message", behind.len())));
    }
    let mut parsed = Parsed { data, indirect: None, depth, notes: Vec::new(), damage: Vec::new() };
    if parsed.data.content_type == oid::INDIRECT_DATA {
        match Indirect::parse(&parsed.data.content) {
            Ok(indirect) => parsed.indirect = Some(indirect),
            Err(error) => parsed.damage.push(error.to_string()),
        }
    } else if parsed.data.content_type != oid::CERT_TRUST_LIST {
        parsed.damage.push(format!("it signs something else: {}", oid::dotted(&parsed.data.content_type)));
    }
    if parsed.data.signers.len() != 1 {
        parsed.damage.push(format!("it has {} signers", parsed.data.signers.len()));
    }
    if parsed.data.unreadable > 0 {
        parsed.notes.push(Note::weak(format!("{} certificates that cannot be read", parsed.data.unreadable)));
    }
    let attributes: Vec<_> = parsed.data.signers.iter().flat_map(|signer| signer.unsigned.clone()).collect();
    out.push(parsed);
    for attribute in attributes.iter().filter(|attribute| attribute.kind == oid::NESTED) {
        for value in &attribute.values {
            if depth >= DEPTH {
                notes.push(Note::weak(
                    "signatures lie deeper in each other than they are followed".to_owned(),
                ));
                return Ok(());
            }
            collect(value, depth + 1, out, notes)?;
        }
    }
    Ok(())
}

fn algorithms(parsed: &[Parsed]) -> Vec<Algorithm> {
    let mut out = Vec::new();
    for algorithm in parsed.iter().filter_map(|parsed| parsed.indirect.as_ref()?.algorithm) {
        if !out.contains(&algorithm) {
            out.push(algorithm);
        }
    }
    out
}

fn digests(
    found: &mut Found,
    source: &SharedSource,
    algorithms: &[Algorithm],
    passed: Option<Read>,
) -> Result<Vec<Value>> {
    match &found.subject {
        Subject::Pe(image) => {
            let read = passed.map_or_else(|| image.read(&**source, algorithms), Ok)?;
            found.examined.checksum = Some((image.checksum, read.checksum));
            Ok(read.digests)
        }
        Subject::Cab(cabinet) => match passed {
            Some(read) => Ok(read.digests),
            None => cabinet.digests(&**source, algorithms),
        },
        Subject::Msi(package) => {
            if !package.covers_names() {
                let what = "names, sizes and times of the streams are not signed";
                found.examined.notes.push(Note::weak(what.to_owned()));
            }
            package.digests(algorithms)
        }
        Subject::Catalogue | Subject::Msix(_) => Ok(Vec::new()),
    }
}

fn signer_of(certificate: &Certificate) -> Signer {
    Signer {
        name: certificate.subject.shown().to_owned(),
        organization: certificate.subject.organization().map(str::to_owned),
        issuer: certificate.issuer.shown().to_owned(),
        serial: certificate.serial_hex(),
        fingerprint: certificate.fingerprint_hex(),
    }
}

/// Judges one signature.
fn judge(
    parsed: Parsed,
    subject: &Subject,
    source: &SharedSource,
    values: &[Value],
    trust: &Trust,
    budget: &mut Budget,
) -> Result<Signature> {
    let Parsed { data, indirect, depth, notes, damage: wrong } = parsed;
    let mut out = Signature {
        depth,
        digest: None,
        weakest: None,
        signed: Signed::No("it has no signer"),
        signer: None,
        chain: None,
        timestamp: None,
        signing_time: None,
        judged_at: trust.now,
        program: None,
        address: None,
        page_hashes: None,
        notes,
        damage: wrong,
    };
    if let Some(indirect) = &indirect {
        content(&mut out, indirect, subject, source, values)?;
    }
    let Some(signer) = data.signers.first() else { return Ok(out) };
    out.signing_time = timestamp::signing_time(signer);
    if let Some(value) = signer.attribute(oid::OPUS_INFO) {
        (out.program, out.address) = opus(value);
    }
    // A digest that is known by name only proves nothing.
    out.weakest = match (&indirect, signer.algorithm()) {
        (Some(indirect), Some(other)) => indirect.algorithm.map(|algorithm| algorithm.min(other)),
        (None, other) => other,
        (Some(_), None) => None,
    };
    let Some(certificate) = signer.certificate(&data.certificates) else {
        out.signed = Signed::Unknown("the signer's certificate is missing");
        return Ok(out);
    };
    out.signer = Some(signer_of(certificate));
    out.signed = signer.signed(certificate, Some(&data.content_type), &data.content, Padding::Named);
    out.timestamp = stamp(signer, &data.certificates, trust, budget, &mut out.notes);
    // A certificate for "lifetime signing" ends its signatures with itself.
    if !certificate.is_for(oid::LIFETIME_SIGNING)
        && let Some(time) = out.stamped_at()
    {
        out.judged_at = time;
    }
    let pool = &data.certificates;
    out.chain = Some(chain::best(certificate, pool, &trust.roots, Purpose::Code, out.judged_at, budget));
    Ok(out)
}

/// Compares what was signed with what is there.
fn content(
    out: &mut Signature,
    indirect: &Indirect,
    subject: &Subject,
    source: &SharedSource,
    values: &[Value],
) -> Result<()> {
    if let Subject::Msix(package) = subject {
        match package.compare(indirect.algorithm, &indirect.digest) {
            Ok(compared) => {
                out.damage.extend(compared.wrong);
                out.notes.extend(compared.notes);
            }
            Err(error) => damage(error, &mut out.damage)?,
        }
        return Ok(());
    }
    let found = values.iter().find(|value| Some(value.algorithm) == indirect.algorithm);
    out.digest = found.map(|value| SignedDigest {
        algorithm: value.algorithm,
        signed: indirect.digest.clone(),
        found: value.bytes.clone(),
    });
    match (subject, &indirect.pages, found) {
        (Subject::Pe(image), Some((algorithm, list)), Some(_)) => {
            match image.page_hashes(&**source, *algorithm, list) {
                Ok(hashes) => out.page_hashes = Some(hashes),
                Err(error) if matches!(error.kind(), ErrorKind::Unsupported(_)) => {
                    out.notes.push(Note::weak(error.to_string()));
                }
                Err(error) => damage(error, &mut out.damage)?,
            }
        }
        (Subject::Msi(package), _, Some(value)) if package.names_match(value.algorithm) == Some(false) => {
            out.damage.push("the digest of names, sizes and times differs from what is stored".to_owned());
        }
        _ => {}
    }
    Ok(())
}

/// The time stamp that is worth most, and notes on what else stands unsigned beside it.
fn stamp(
    signer: &SignerInfo,
    pool: &[Certificate],
    trust: &Trust,
    budget: &mut Budget,
    notes: &mut Vec<Note>,
) -> Option<TimeStamp> {
    let mut judge = Judge { roots: &trust.roots, budget };
    let mut best: Option<TimeStamp> = None;
    for attribute in &signer.unsigned {
        let kind = attribute.kind.as_slice();
        if kind != oid::RFC3161 && kind != oid::COUNTERSIGNATURE {
            if kind != oid::NESTED {
                let bytes: usize = attribute.values.iter().map(Vec::len).sum();
                let what = format!("the unsigned attribute {} of {bytes} bytes", oid::dotted(kind));
                notes.push(Note::weak(what));
            }
            continue;
        }
        for value in &attribute.values {
            let stamp = match kind {
                oid::RFC3161 => judge.rfc3161(value, &signer.signature, pool),
                _ => judge.legacy(value, &signer.signature, pool),
            };
            match stamp {
                Ok(Some(stamp)) => {
                    if let Signed::No(why) = stamp.signed {
                        notes.push(Note::weak(format!("a time stamp that counts for nothing: {why}")));
                    }
                    let better = |best: &TimeStamp| stamp.is_believed() && !best.is_believed();
                    if best.as_ref().is_none_or(better) {
                        best = Some(stamp);
                    }
                }
                Ok(None) => notes.push(Note::weak("a time stamp without its signer".to_owned())),
                Err(error) => notes.push(Note::weak(format!("a time stamp that cannot be read: {error}"))),
            }
        }
    }
    best
}
