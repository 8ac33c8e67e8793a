//! MSIX and APPX packages: the signature is a member, and signs digests of the package's parts.
//!
//! | part | digest of |
//! |---|---|
//! | `AXPC` | the members' records, but for the signature's |
//! | `AXCD` | central directory and end records as they were before the signature was added |
//! | `AXCT` | `[Content_Types].xml`, unpacked |
//! | `AXBM` | `AppxBlockMap.xml`, unpacked |
//! | `AXCI` | `AppxMetadata/CodeIntegrity.cat`, unpacked |
//!
//! References: "MSIX packages" and the msix-packaging SDK (Microsoft); APPNOTE.TXT §4.3.

use super::{Note, pe::stream};
use crate::container::{Container, EntryId};
use crate::digest::{Algorithm, Hasher};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::formats::{Options, zip};
use crate::source::{SharedSource, Source, read_up_to, read_vec};
use std::io::Read;
use std::ops::Range;

const SIGNATURE: &str = "AppxSignature.p7x";
/// Bytes of a member that is read whole.
const MOST: u64 = 64 << 20;
/// Bytes of a central directory.
const DIRECTORY: u64 = 256 << 20;
/// The end record and the longest comment.
const END: usize = 22 + 65_535;

/// A package.
pub(super) struct Msix {
    container: Box<dyn Container>,
    source: SharedSource,
    signature: Option<EntryId>,
}

/// What came of comparing the digests.
#[derive(Debug, Default)]
pub(super) struct Compared {
    pub(super) wrong: Vec<String>,
    pub(super) notes: Vec<Note>,
}

impl Msix {
    /// Opens a package; `None` where the source is a ZIP archive of another kind.
    pub(super) fn open(source: &SharedSource) -> Result<Option<Self>> {
        let container = (zip::FORMAT.open)(source.clone(), &Options::default())?;
        let named =
            |name: &str| container.entries().iter().position(|entry| entry.path.text() == name).map(EntryId);
        let signature = named(SIGNATURE);
        let is_package = ["AppxManifest.xml", "AppxMetadata/AppxBundleManifest.xml"]
            .iter()
            .any(|name| named(name).is_some());
        let found = is_package && (signature.is_some() || named("AppxBlockMap.xml").is_some());
        Ok(found.then(|| Self { container, source: source.clone(), signature }))
    }

    pub(super) fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    /// The PKCS#7 message: the member without the four letters before it.
    pub(super) fn message(&self) -> Result<Vec<u8>> {
        let Some(id) = self.signature else { return Ok(Vec::new()) };
        let bytes = self.member(id)?;
        let wrong = || Error::damaged("the signature does not begin as one").during("AppxSignature.p7x");
        bytes.strip_prefix(b"PKCX").map(<[u8]>::to_vec).ok_or_else(wrong)
    }

    fn member(&self, id: EntryId) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.container.open(id)?.take(MOST + 1).read_to_end(&mut out)?;
        if out.len() as u64 > MOST {
            return Err(Error::limit("bytes in a part of a package", MOST));
        }
        Ok(out)
    }

    /// Compares every digest that was signed with what is there.
    pub(super) fn compare(&self, algorithm: Option<Algorithm>, signed: &[u8]) -> Result<Compared> {
        let mut out = Compared::default();
        let Some(algorithm) = algorithm else {
            out.notes.push(Note::open("digests of a kind that is not known here".to_owned()));
            return Ok(out);
        };
        let Some(list) = signed.strip_prefix(b"APPX") else {
            return Err(Error::damaged("the signed digests do not begin as a package's"));
        };
        let size = 4 + algorithm.len();
        let mut seen: Vec<&[u8]> = Vec::new();
        let layout = Layout::read(&*self.source)?;
        for part in list.chunks(size) {
            let Some((tag, digest)) =
                part.split_at_checked(4).filter(|(_, digest)| digest.len() == algorithm.len())
            else {
                return Err(Error::damaged("the signed digests end in the middle of one"));
            };
            let found = match tag {
                b"AXPC" => Some(layout.records(&*self.source, algorithm)?),
                b"AXCD" => Some(layout.directory(algorithm)),
                b"AXCT" => self.named("[Content_Types].xml", algorithm)?,
                b"AXBM" => self.named("AppxBlockMap.xml", algorithm)?,
                b"AXCI" => self.named("AppxMetadata/CodeIntegrity.cat", algorithm)?,
                _ => {
                    let what =
                        format!("a signed digest of the unknown kind {}", String::from_utf8_lossy(tag));
                    out.notes.push(Note::weak(what));
                    continue;
                }
            };
            seen.push(tag);
            let name = String::from_utf8_lossy(tag);
            match found {
                None => out.wrong.push(format!("the part that {name} is of is missing")),
                Some(found) if found != digest => out.wrong.push(format!("the digest {name} differs")),
                Some(_) => {}
            }
        }
        for tag in [&b"AXPC"[..], b"AXCD", b"AXBM"].into_iter().filter(|tag| !seen.contains(tag)) {
            out.wrong.push(format!("the digest {} is not signed", String::from_utf8_lossy(tag)));
        }
        Ok(out)
    }

    fn named(&self, name: &str, algorithm: Algorithm) -> Result<Option<Vec<u8>>> {
        let entries = self.container.entries();
        let Some(at) = entries.iter().position(|entry| entry.path.text() == name) else { return Ok(None) };
        let bytes = self.member(EntryId(at))?;
        Ok(Some(super::x509::digest(algorithm, &[&bytes])))
    }
}

/// Where the parts of the archive lie, and what its directory was before the signature.
struct Layout {
    /// The member's records that are signed.
    records: Vec<Range<u64>>,
    /// Central directory and end records without the signature.
    directory: Vec<u8>,
}

impl Layout {
    /// Reads the end records and the central directory (APPNOTE §4.3.12 to §4.3.16).
    fn read(source: &dyn Source) -> Result<Self> {
        let len = source.len();
        let from = len.saturating_sub(END as u64);
        let tail = read_up_to(source, from, END)?;
        let at = tail
            .windows(4)
            .rposition(|four| four == b"PK\x05\x06")
            .ok_or_else(|| Error::damaged("no end record"))?;
        let end =
            Fields::new("end of central directory", tail.get(at..).unwrap_or_default(), from + at as u64);
        let mut ends = end.all().to_vec();
        let (mut bytes, mut start) =
            (u64::from(end.u32_le(12, "size")?), u64::from(end.u32_le(16, "offset")?));
        let mut wide = None;
        let locator = end.base().checked_sub(20).map(|at| read_vec(source, at, 20)).transpose()?;
        if let Some(locator) = locator.filter(|locator| locator.starts_with(b"PK\x06\x07")) {
            let at = Fields::new("zip64 locator", &locator, 0).u64_le(8, "offset")?;
            let size = end.base().saturating_sub(20).checked_sub(at).filter(|size| (56..4096).contains(size));
            let size = size.ok_or_else(|| Error::damaged("a zip64 end record that is out of its place"))?;
            let record = read_vec(source, at, size)?;
            let fields = Fields::new("zip64 end record", &record, at);
            bytes = fields.u64_le(40, "size")?;
            start = fields.u64_le(48, "offset")?;
            wide = Some((record, locator));
        }
        if bytes > DIRECTORY {
            return Err(Error::limit("bytes in a central directory", DIRECTORY));
        }
        let directory = read_vec(source, start, bytes)?;
        let (mut kept, mut places, mut signature) = (Vec::new(), Vec::new(), None);
        let fields = Fields::new("central directory", &directory, start);
        let mut at = 0usize;
        while at < directory.len() {
            let lens = [28usize, 30, 32].map(|field| fields.u16_le(at + field, "length").map(usize::from));
            let [name, extra, comment] = lens;
            let (name, extra, comment) = (name?, extra?, comment?);
            let record = fields.bytes(at, 46 + name + extra + comment, "record")?;
            let place = u64::from(fields.u32_le(at + 42, "offset")?);
            let place = if place == u64::from(u32::MAX) { wide_place(record, name, extra)? } else { place };
            places.push(place);
            match record.get(46..46 + name) == Some(SIGNATURE.as_bytes()) {
                true => signature = Some((place, record.len() as u64)),
                false => kept.extend_from_slice(record),
            }
            at += record.len();
        }
        let (place, size) =
            signature.ok_or_else(|| Error::damaged("the directory does not name the signature"))?;
        let behind = places.iter().copied().filter(|other| *other > place).min().unwrap_or(start).min(start);
        let removed = behind.saturating_sub(place);
        let (bytes, start_before) = (bytes - size, start.saturating_sub(removed));
        if let Some((record, mut locator)) = wide {
            let (mut record, count) =
                (record.clone(), Fields::new("zip64 end record", &record, 0).u64_le(32, "entries")?);
            for (at, value) in
                [(24, count - count.min(1)), (32, count - count.min(1)), (40, bytes), (48, start_before)]
            {
                put(&mut record, at, &value.to_le_bytes());
            }
            put(&mut locator, 8, &(start_before.saturating_add(bytes)).to_le_bytes());
            kept.extend_from_slice(&record);
            kept.extend_from_slice(&locator);
        }
        for at in [8usize, 10] {
            let count = end.u16_le(at, "entries")?;
            if count != u16::MAX {
                put(&mut ends, at, &count.saturating_sub(1).to_le_bytes());
            }
        }
        for (at, value) in [(12, bytes), (16, start_before)] {
            if end.u32_le(at, "place")? != u32::MAX {
                put(&mut ends, at, &u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
            }
        }
        kept.extend_from_slice(&ends);
        Ok(Self { records: vec![0..place.min(start), behind..start], directory: kept })
    }

    fn records(&self, source: &dyn Source, algorithm: Algorithm) -> Result<Vec<u8>> {
        let mut hasher = Hasher::new(&[algorithm]);
        for range in &self.records {
            stream(source, range.clone(), &mut |bytes| hasher.update(bytes))?;
        }
        Ok(hasher.finish().into_iter().next().map(|value| value.bytes).unwrap_or_default())
    }

    fn directory(&self, algorithm: Algorithm) -> Vec<u8> {
        super::x509::digest(algorithm, &[&self.directory])
    }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// The offset in a record's zip64 extra field (APPNOTE §4.5.3): behind the sizes that are there, too.
fn wide_place(record: &[u8], name: usize, extra: usize) -> Result<u64> {
    let record = Fields::new("central directory", record, 0);
    let sizes = [20usize, 24].map(|at| record.u32_le(at, "size").is_ok_and(|size| size == u32::MAX));
    let before = sizes.into_iter().filter(|wide| *wide).count() * 8;
    let fields = record.part("extra field", 46 + name, extra)?;
    let mut at = 0usize;
    while at + 4 <= extra {
        let len = usize::from(fields.u16_le(at + 2, "size")?);
        if fields.u16_le(at, "kind")? == 1 {
            return fields.part("zip64 extra field", at + 4, len)?.u64_le(before, "offset");
        }
        at += 4 + len;
    }
    Err(Error::damaged("an offset without its zip64 extra field"))
}
