//! PE images: which bytes a signature covers, and where it stands.
//!
//! | part | signed |
//! |---|---|
//! | headers | yes, but for `CheckSum` and the entry of the certificate table |
//! | sections | yes, in the order of their places in the file |
//! | what follows them | yes, up to the certificate table |
//! | certificate table | no: it must be the file's last part |
//!
//! References: "Windows Authenticode Portable Executable Signature Format", "PE Format".

use super::Note;
use super::passing::{Passing, Read};
use crate::digest::{Algorithm, Hasher};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::source::{Source, read_exact_at, read_up_to, read_vec};
use crate::text::count;
use std::ops::Range;

/// Bytes in which the headers lie: 96 sections behind the largest headers that are written.
const HEADERS: usize = 64 << 10;
/// Bytes of a certificate table that is read. Installers that carry their settings in it have a few hundred KiB.
const MOST_TABLE: u64 = 64 << 20;
/// Entries of a certificate table.
const MOST_ENTRIES: usize = 16;
/// Bytes read at a time.
const PIECE: usize = 1 << 20;
/// `WIN_CERT_TYPE_PKCS_SIGNED_DATA`.
const PKCS7: u16 = 2;

/// What is needed of an image's headers.
#[derive(Debug, Clone)]
pub(super) struct Image {
    len: u64,
    checksum_at: u64,
    /// `CheckSum` as it is stored; 0 where there is none.
    pub(super) checksum: u32,
    /// Where the entry of the certificate table stands.
    entry_at: Option<u64>,
    headers: u64,
    page: u64,
    /// Sections with bytes in the file, in its order.
    sections: Vec<Range<u64>>,
    /// The certificate table, as the headers have it.
    table: Option<Range<u64>>,
}

impl Image {
    /// Reads the headers; `None` where the source is no PE image.
    pub(super) fn open(source: &dyn Source) -> Result<Option<Self>> {
        let head = read_up_to(source, 0, HEADERS)?;
        if !head.starts_with(b"MZ") {
            return Ok(None);
        }
        let first = Fields::new("MS-DOS header", &head, 0);
        let Ok(pe) = first.u32_le(0x3c, "e_lfanew") else { return Ok(None) };
        // The headers may lie further off than what was read first.
        let head = read_up_to(source, u64::from(pe), HEADERS)?;
        if !head.starts_with(b"PE\0\0") {
            return Ok(None);
        }
        let fields = Fields::new("PE headers", &head, u64::from(pe));
        let pe = u64::from(pe);
        let (directories, count_at) = match fields.u16_le(24, "Magic")? {
            0x20b => (136, 132),
            0x10b => (120, 116),
            _ => return Ok(None),
        };
        let optional = usize::from(fields.u16_le(20, "SizeOfOptionalHeader")?);
        let entry = directories + 4 * 8;
        let has_entry = fields.u32_le(count_at, "NumberOfRvaAndSizes")? > 4 && entry + 8 <= 24 + optional;
        let (at, size) = match has_entry {
            true => {
                (fields.u32_le(entry, "Certificate Table")?, fields.u32_le(entry + 4, "Certificate Table")?)
            }
            false => (0, 0),
        };
        let mut sections = Vec::new();
        for number in 0..usize::from(fields.u16_le(6, "NumberOfSections")?).min(96) {
            let section = fields.part("section header", 24 + optional + number * 40, 40)?;
            let size = u64::from(section.u32_le(16, "SizeOfRawData")?);
            let start = u64::from(section.u32_le(20, "PointerToRawData")?);
            if size > 0 && start > 0 {
                sections.push(start..start + size);
            }
        }
        sections.sort_by_key(|range| range.start);
        // No image is so large that its parts would lie there: the entry is no entry.
        let nonsense = at.checked_add(size).is_none();
        let table = if nonsense { 0..0 } else { u64::from(at)..u64::from(at) + u64::from(size) };
        Ok(Some(Self {
            len: source.len(),
            checksum_at: pe + 24 + 64,
            checksum: fields.u32_le(24 + 64, "CheckSum")?,
            entry_at: has_entry.then_some(pe + entry as u64),
            headers: fields.u32_le(24 + 60, "SizeOfHeaders")?.into(),
            page: fields.u32_le(24 + 32, "SectionAlignment")?.into(),
            sections,
            table: (!table.is_empty()).then_some(table),
        }))
    }

    /// True where the headers name a certificate table.
    pub(super) fn has_table(&self) -> bool {
        self.table.is_some()
    }

    /// What speaks against reading the certificate table at all: an attacker could put it where the digest leaves
    /// out bytes that are loaded and run.
    pub(super) fn misplaced(&self) -> Option<String> {
        let table = self.table.as_ref()?;
        if table.end > self.len {
            return Some(format!(
                "the signature reaches {} past the end of the file",
                count(table.end - self.len, "byte")
            ));
        }
        if table.end < self.len {
            return Some(format!("{} behind the signature", count(self.len - table.end, "byte")));
        }
        let overlaps = |range: &Range<u64>| range.start < table.end && table.start < range.end;
        if overlaps(&(0..self.headers)) || self.sections.iter().any(overlaps) {
            return Some("the signature lies over parts of the program".to_owned());
        }
        None
    }

    /// The PKCS#7 messages in the certificate table. They may be padded at their end.
    pub(super) fn messages(&self, source: &dyn Source, notes: &mut Vec<Note>) -> Result<Vec<Vec<u8>>> {
        let Some(table) = self.table.clone() else { return Ok(Vec::new()) };
        let len = table.end - table.start;
        if len > MOST_TABLE {
            return Err(Error::limit("bytes in a certificate table", MOST_TABLE));
        }
        let bytes = read_vec(source, table.start, len)?;
        let fields = Fields::new("certificate table", &bytes, table.start);
        let mut out = Vec::new();
        let (mut at, mut entries) = (0usize, 0usize);
        while fields.len() - at >= 8 && entries < MOST_ENTRIES {
            let size = usize::try_from(fields.u32_le(at, "dwLength")?).unwrap_or(usize::MAX);
            let kind = fields.u16_le(at + 6, "wCertificateType")?;
            let padding = size == 0 && fields.rest(at).iter().all(|byte| *byte == 0);
            if size < 8 || size > fields.len() - at {
                if entries == 0 && !padding {
                    return Err(fields.wrong(
                        at,
                        "dwLength",
                        Error::damaged("an entry that does not fit the table"),
                    ));
                }
                break;
            }
            entries += 1;
            match kind {
                PKCS7 => out.push(fields.bytes(at + 8, size - 8, "bCertificate")?.to_vec()),
                _ => notes.push(Note::open(format!("an entry of kind {kind} in the certificate table"))),
            }
            let next = at.saturating_add(size).saturating_add(7) & !7;
            let between = bytes.get(at + size..next.min(bytes.len())).unwrap_or_default();
            if between.iter().any(|byte| *byte != 0) {
                notes.push(Note::open("bytes between the entries of the certificate table".to_owned()));
            }
            at = next.min(fields.len());
        }
        let rest = fields.rest(at);
        if !rest.is_empty() {
            let what = format!(
                "{} behind the last entry of the certificate table",
                count(rest.len() as u64, "byte")
            );
            notes.push(Note { what, open: rest.iter().any(|byte| *byte != 0) });
        }
        if entries > 1 {
            notes.push(Note::weak(format!("{entries} entries in the certificate table")));
        }
        Ok(out)
    }

    /// The ranges that are signed, in their order.
    fn signed(&self) -> Result<Vec<Range<u64>>> {
        let end = self.len.saturating_sub(self.table.as_ref().map_or(0, |table| table.end - table.start));
        let mut ranges: Vec<Range<u64>> = std::iter::once(0..self.checksum_at).collect();
        let mut at = self.checksum_at + 4;
        if let Some(entry) = self.entry_at {
            ranges.push(at..entry);
            at = entry + 8;
        }
        if self.headers < at || self.headers > end {
            return Err(Error::invalid("headers that end in themselves or behind the file")
                .at("PE headers", self.checksum_at - 4)
                .field("SizeOfHeaders"));
        }
        ranges.push(at..self.headers);
        // What follows is what is left by count, not by place: so the specification has it.
        let mut count = self.headers;
        for section in &self.sections {
            ranges.push(section.start.min(end)..section.end.min(end));
            count = count.saturating_add(section.end - section.start);
        }
        if count < end {
            ranges.push(count..end);
        }
        ranges.retain(|range| !range.is_empty());
        Ok(ranges)
    }

    /// Takes the digests of what is signed, and the image's checksum, while the image goes by; `None` where its
    /// sections do not follow each other.
    pub(super) fn passing(&self, algorithms: &[Algorithm]) -> Result<Option<Passing>> {
        let field = self.checksum_at..self.checksum_at + 4;
        let passing = Passing::new(self.len, self.signed()?, algorithms);
        Ok(passing.map(|passing| passing.with_checksum(field)))
    }

    /// The digests of what is signed, and the image's checksum, in one reading where the sections follow each other.
    pub(super) fn read(&self, source: &dyn Source, algorithms: &[Algorithm]) -> Result<Read> {
        let ordered = self.passing(algorithms)?;
        let is_ordered = ordered.is_some();
        // Where they do not, this is for the checksum alone.
        let field = self.checksum_at..self.checksum_at + 4;
        let alone = || Passing::new(self.len, Vec::new(), &[]).map(|passing| passing.with_checksum(field));
        let Some(mut passing) = ordered.or_else(alone) else { return Err(Error::damaged("sections")) };
        stream(source, 0..self.len, &mut |bytes| passing.take(bytes))?;
        let mut read = passing.finish().ok_or_else(|| Error::truncated(self.len, source.len()))?;
        if !is_ordered {
            let mut hasher = Hasher::new(algorithms);
            for range in self.signed()? {
                stream(source, range, &mut |bytes| hasher.update(bytes))?;
            }
            read.digests = hasher.finish();
        }
        Ok(read)
    }

    /// How many page hashes there are, and whether all are right: each an offset of 4 bytes and the digest of a page,
    /// zeros behind its end. The last has no page.
    pub(super) fn page_hashes(
        &self,
        source: &dyn Source,
        algorithm: Algorithm,
        list: &[u8],
    ) -> Result<(u64, bool)> {
        if !(512..=65536).contains(&self.page) {
            return Err(Error::unsupported("page hashes for pages of this size"));
        }
        let size = 4 + algorithm.len();
        let mut known = list.chunks_exact(size);
        let mut count = 0;
        let mut next = |at: u64, digest: &[u8]| {
            count += 1;
            let at = u32::try_from(at).unwrap_or(u32::MAX).to_le_bytes();
            known.next().is_some_and(|entry| entry.split_at_checked(4) == Some((&at, digest)))
        };
        let mut page = vec![0u8; usize::try_from(self.page).unwrap_or(4096)];
        let mut hash = |parts: &[Range<u64>]| -> Result<Vec<u8>> {
            let mut hasher = Hasher::new(&[algorithm]);
            let mut done = 0;
            for part in parts {
                let len = usize::try_from(part.end.saturating_sub(part.start)).unwrap_or(usize::MAX);
                let buf = page.get_mut(..len).ok_or_else(|| Error::damaged("headers longer than a page"))?;
                read_exact_at(source, part.start, buf)?;
                hasher.update(buf);
                done += part.end - part.start;
            }
            // What was left out counts as no byte, and the page is filled up all the same.
            let left_out = parts.first().filter(|_| parts.len() > 1).map_or(0, |_| 4 + 8);
            let zeros = self.page.saturating_sub(done + left_out);
            hasher.update(&vec![0; usize::try_from(zeros).unwrap_or_default()]);
            Ok(hasher.finish().into_iter().next().map(|value| value.bytes).unwrap_or_default())
        };
        let Some(entry) = self.entry_at else { return Ok((0, false)) };
        let parts = [0..self.checksum_at, self.checksum_at + 4..entry, entry + 8..self.headers];
        let mut right = next(0, &hash(&parts)?);
        let mut end = self.headers;
        for section in &self.sections {
            let mut at = section.start;
            while at < section.end && right {
                let to = section.end.min(at + self.page).min(self.len);
                let part = at..to.max(at);
                right &= next(at, &hash(std::slice::from_ref(&part))?);
                at += self.page;
            }
            end = section.end;
        }
        right &= next(end, &vec![0; algorithm.len()]);
        Ok((count, right && known.next().is_none()))
    }
}

/// Reads a range in pieces.
pub(super) fn stream(source: &dyn Source, range: Range<u64>, each: &mut dyn FnMut(&[u8])) -> Result<()> {
    let mut at = range.start;
    let longest = usize::try_from(range.end.saturating_sub(at)).unwrap_or(PIECE).min(PIECE);
    let mut buf = vec![0; longest];
    while at < range.end {
        let want = usize::try_from(range.end - at).unwrap_or(PIECE).min(PIECE);
        let part = buf.get_mut(..want).unwrap_or_default();
        read_exact_at(source, at, part)?;
        each(part);
        at += want as u64;
    }
    Ok(())
}

/// The checksum of the optional header: 16-bit words added with their carry, and the file's length.
#[derive(Default)]
pub(super) struct Checksum {
    sum: u64,
    /// Half a word.
    half: Option<u8>,
}

impl Checksum {
    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        if let Some(low) = self.half.take() {
            match bytes.split_first() {
                Some((high, rest)) => {
                    self.sum += u64::from(u16::from_le_bytes([low, *high]));
                    bytes = rest;
                }
                None => self.half = Some(low),
            }
        }
        let words = bytes.chunks_exact(2);
        if let [last] = words.remainder() {
            self.half = Some(*last);
        }
        // A piece adds less than 2^37: nothing overflows before the next one folds.
        let sum: u64 = words
            .map(|word| if let [low, high] = word { u64::from(u16::from_le_bytes([*low, *high])) } else { 0 })
            .sum();
        self.sum += sum;
        self.sum = (self.sum & 0xffff_ffff) + (self.sum >> 32);
    }

    pub(super) fn finish(mut self, len: u64) -> u32 {
        self.sum += u64::from(self.half.take().unwrap_or_default());
        while self.sum >> 16 != 0 {
            self.sum = (self.sum & 0xffff) + (self.sum >> 16);
        }
        u32::try_from(self.sum.saturating_add(len) & 0xffff_ffff).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_same_however_the_bytes_come() {
        let bytes: Vec<u8> = (0u32..5001).map(|number| (number * 7 % 251) as u8).collect();
        let mut whole = Checksum::default();
        whole.update(&bytes);
        let mut parts = Checksum::default();
        bytes.chunks(3).for_each(|part| parts.update(part));
        assert_eq!(whole.finish(5001), parts.finish(5001));
    }
}
