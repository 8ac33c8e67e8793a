//! Tar archives: ustar (POSIX.1-1988), pax (POSIX.1-2001), GNU tar's, and older ones whose checksums are right.
//!
//! Headers and data stand one behind the other in blocks of 512 bytes, so members are stored. Two blocks of
//! zeros end the archive. Where a header is wrong, the next right one is looked for.

mod header;
mod pax;

use super::listing::{Listing, content};
use super::{Certainty, Evidence, Format, Options, Probe};
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, Extents, Finding, Findings, Layer, Location, Severity,
};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::source::{Piece, SharedSource, read_up_to, read_vec};
use crate::text::count;
use crate::time::Timestamp;
use header::{BLOCK, Header, Seen, sparse_list, text};
use pax::Pax;

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "tar",
    title: "tar archive",
    spec: &["POSIX.1-1988 (ustar)", "POSIX.1-2001 (pax)", "GNU tar 1.35: long names, sparse files"],
    limits: &[
        "archives that go on in other volumes: each file is read alone",
        "owners, extended attributes and ACLs are not shown",
    ],
    probe,
    open,
};

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    let Seen::Header(header) = Header::see(&probe.head, 0) else { return Ok(None) };
    // Old archives have no signature: their header must make sense besides the checksum.
    let plain = header.kind().is_ascii_digit() || header.kind() == 0;
    let name = header.name();
    let sane = plain && !name.is_empty() && !name.iter().any(|byte| byte.is_ascii_control());
    let (certainty, what) = match (header.has_magic(), sane) {
        (true, _) => (Certainty::Sure, "a tar header with its checksum"),
        (false, true) => (Certainty::Likely, "an old tar header with its checksum"),
        (false, false) => return Ok(None),
    };
    Ok(Some(Evidence { certainty, why: what.to_owned() }))
}

/// Bytes of one extended header or long name.
const MOST_EXTENDED: u64 = 1 << 20;
/// How far a right header is looked for behind a wrong one, in bytes.
const MOST_SEARCH: u64 = 64 << 20;
/// Entries of one sparse file's map.
const MOST_PIECES: usize = 1 << 20;

/// An opened archive: all members are stored.
struct Tar {
    catalogue: Catalogue,
}

impl Container for Tar {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let mut reader = Reader::new(source.clone(), &options.limits);
    reader.run()?;
    let Reader { listing, findings, end, writer, comment, label, .. } = reader;
    let mut catalogue = Catalogue::new(source);
    catalogue.end = end;
    catalogue.facts.label.clone_from(&label);
    catalogue.facts.named.extend(comment.map(|comment| ("comment", comment)));
    catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: writer.title().to_owned(),
        label,
        entries: Some(listing.files()),
        used: true,
    });
    catalogue.findings = findings.finish();
    catalogue.entries = listing.finish();
    Ok(Box::new(Tar { catalogue }))
}

/// Which dialect an archive is in; later ones take over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Writer {
    Old,
    Ustar,
    Gnu,
    Pax,
}

impl Writer {
    fn title(self) -> &'static str {
        match self {
            Self::Old => "tar, before POSIX",
            Self::Ustar => "tar (ustar)",
            Self::Gnu => "tar (GNU)",
            Self::Pax => "tar (pax)",
        }
    }
}

/// What goes before an entry's own header.
#[derive(Default)]
struct Before {
    pax: Pax,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

struct Reader {
    source: SharedSource,
    at: u64,
    end: u64,
    global: Pax,
    listing: Listing,
    findings: Findings,
    writer: Writer,
    comment: Option<String>,
    label: Option<String>,
    /// Pieces of sparse files so far.
    pieces: u64,
    most_pieces: u64,
}

impl Reader {
    fn new(source: SharedSource, limits: &Limits) -> Self {
        Self {
            source,
            at: 0,
            end: 0,
            global: Pax::default(),
            listing: Listing::new(limits),
            findings: Findings::default(),
            writer: Writer::Old,
            comment: None,
            label: None,
            pieces: 0,
            most_pieces: limits.all_extents,
        }
    }

    fn say(&mut self, severity: Severity, what: impl Into<String>) {
        self.findings.push(Finding::new(severity, what));
    }

    fn see(&self, at: u64) -> Result<Option<Seen>> {
        let block = read_up_to(&*self.source, at, 512)?;
        Ok((block.len() == 512).then(|| Header::see(&block, at)))
    }

    fn run(&mut self) -> Result<()> {
        let mut before = Before::default();
        loop {
            let here = self.at;
            match self.see(here)? {
                None => {
                    // The end of the source is no end mark: an archive that is cut between two members looks
                    // like this, too.
                    self.end = here.saturating_add(2 * BLOCK);
                    break;
                }
                Some(Seen::Zeros) => {
                    if self.end_mark(here)? {
                        break;
                    }
                    self.at = here.saturating_add(BLOCK);
                }
                Some(Seen::Wrong) => {
                    before = Before::default();
                    if here == 0 {
                        return Err(Error::damaged("header checksum").at("tar header", 0));
                    }
                    if !self.search(here)? {
                        break;
                    }
                }
                Some(Seen::Header(header)) => {
                    self.at = here.saturating_add(BLOCK);
                    if let Err(error) = self.header(&header, &mut before) {
                        if !error.is_damage() {
                            return Err(error);
                        }
                        before = Before::default();
                        self.say(Severity::Damaged, error.at("tar header", here).to_string());
                    }
                }
            }
        }
        Ok(())
    }

    /// A block of zeros stands at `here`: the end, unless a header follows it. The rest of the record of 20
    /// blocks that writers fill up with zeros belongs to the archive.
    fn end_mark(&mut self, here: u64) -> Result<bool> {
        let next = here.saturating_add(BLOCK);
        match self.see(next)? {
            Some(Seen::Header(_)) => {
                self.say(Severity::Weak, format!("a lone block of zeros at {here:#x}"));
                return Ok(false);
            }
            Some(Seen::Zeros) => self.end = next.saturating_add(BLOCK),
            Some(Seen::Wrong) | None => {
                self.end = next;
                self.say(Severity::Weak, "one block of zeros at the end where there must be two");
            }
        }
        let record = self.end.next_multiple_of(20 * BLOCK).min(self.source.len());
        let fill = usize::try_from(record.saturating_sub(self.end)).unwrap_or(0);
        if read_up_to(&*self.source, self.end, fill)?.iter().all(|byte| *byte == 0) {
            self.end = self.end.max(record);
        }
        Ok(true)
    }

    /// Looks for the next right header; false where there is none.
    fn search(&mut self, from: u64) -> Result<bool> {
        const CHUNK: usize = 64 << 10;
        let mut at = from.saturating_add(BLOCK);
        while at < self.source.len() && at - from < MOST_SEARCH {
            let chunk = read_up_to(&*self.source, at, CHUNK)?;
            for (number, block) in chunk.chunks_exact(512).enumerate() {
                let here = at.saturating_add(number as u64 * BLOCK);
                if matches!(Header::see(block, here), Seen::Header(_)) {
                    self.at = here;
                    let what =
                        format!("a header at {from:#x} is wrong; {} passed over", count(here - from, "byte"));
                    self.say(Severity::Damaged, what);
                    return Ok(true);
                }
            }
            at = at.saturating_add(CHUNK as u64);
        }
        self.end = from;
        self.say(Severity::Damaged, format!("a header at {from:#x} is wrong, and none follows"));
        Ok(false)
    }

    /// Data of a header that says something of the next one.
    fn extended(&mut self, size: u64) -> Result<Vec<u8>> {
        let from = self.at;
        self.at = from.saturating_add(size.checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX));
        if size > MOST_EXTENDED {
            return Err(Error::invalid("size of an extended header"));
        }
        read_vec(&*self.source, from, size)
    }

    fn header(&mut self, header: &Header, before: &mut Before) -> Result<()> {
        let dialect = if header.is_gnu() {
            Writer::Gnu
        } else if header.has_magic() {
            Writer::Ustar
        } else {
            Writer::Old
        };
        self.writer = self.writer.max(dialect);
        let kind = header.kind();
        match kind {
            b'L' | b'K' => {
                let name = text(&self.extended(header.size()?)?).to_vec();
                *(if kind == b'L' { &mut before.long_name } else { &mut before.long_link }) = Some(name);
            }
            b'x' | b'X' => {
                self.writer = Writer::Pax;
                let bytes = self.extended(header.size()?)?;
                if !before.pax.read(&bytes) {
                    self.say(Severity::Damaged, format!("an extended header before {:#x} is wrong", self.at));
                }
            }
            b'g' => {
                self.writer = Writer::Pax;
                let bytes = self.extended(header.size()?)?;
                if !self.global.read(&bytes) {
                    self.say(Severity::Damaged, format!("an extended header before {:#x} is wrong", self.at));
                }
                self.comment = self.global.comment.clone().or_else(|| self.comment.take());
            }
            b'V' => self.label = Some(String::from_utf8_lossy(&header.name()).into_owned()),
            _ => self.entry(header, std::mem::take(before))?,
        }
        Ok(())
    }

    fn entry(&mut self, header: &Header, before: Before) -> Result<()> {
        let pax = before.pax.over(&self.global);
        let packed = match pax.size {
            Some(size) => size,
            None => header.size()?,
        };
        let stored = pax.sparse_name.or(pax.path).or(before.long_name).unwrap_or_else(|| header.name());
        let target = pax.link.or(before.long_link).unwrap_or_else(|| header.link_name());
        let kind = match header.kind() {
            b'1' | b'2' | b'3' | b'4' | b'5' | b'6' | b'D' => header.kind(),
            0 | b'0' if stored.ends_with(b"/") => b'5',
            b'M' => {
                self.say(Severity::Damaged, "the archive goes on from another volume");
                b'0'
            }
            _ => b'0',
        };
        let mut entry = Entry::new(
            Listing::path(&stored),
            match kind {
                b'2' => EntryKind::Symlink,
                b'3' | b'4' | b'6' => EntryKind::Other,
                b'5' | b'D' => EntryKind::Dir,
                _ => EntryKind::File,
            },
        );
        entry.mode = header.mode();
        entry.modified = match pax.modified {
            Some((seconds, nanos)) => Some(Timestamp { seconds, nanos, zone: Some(0) }),
            None => header.modified().map(|seconds| Timestamp { seconds, nanos: 0, zone: Some(0) }),
        };
        let mut data = Piece { at: Some(self.at), len: packed };
        match kind {
            b'0' => {}
            // Only pax writes a linked file's data once more; others give the size and nothing behind it.
            b'1' if packed > 0 && !matches!(self.see(self.at)?, Some(Seen::Wrong)) => data.len = 0,
            b'2' | b'3' | b'4' | b'5' | b'6' => data.len = 0,
            _ => {}
        }
        let next = self.at.checked_add(data.len).and_then(|end| end.checked_next_multiple_of(BLOCK));
        let next = next.ok_or_else(|| Error::invalid("size of a member"))?;
        match kind {
            b'2' => entry.target = Some(String::from_utf8_lossy(&target).into()),
            b'0' if header.kind() == b'S' => {
                let mut map = Vec::new();
                let mut more = header.gnu_sparse(&mut map)?;
                let mut skip = 0u64;
                while more && map.len() < MOST_PIECES {
                    let block = read_vec(&*self.source, self.at.saturating_add(skip), BLOCK)?;
                    sparse_list(block.get(..504).unwrap_or_default(), &mut map)?;
                    more = block.get(504).is_some_and(|byte| *byte != 0);
                    skip = skip.saturating_add(BLOCK);
                }
                let from = self.at.saturating_add(skip);
                self.sparse(&mut entry, header.real_size()?, &map, Piece { at: Some(from), len: packed })?;
                self.at = next.saturating_add(skip);
                self.listing.push(entry, &mut self.findings)?;
                return Ok(());
            }
            b'0' if pax.sparse.is_some_and(|version| version.0 == 1) => {
                let (map, len) = self.sparse_map(packed)?;
                let data = Piece { at: Some(self.at.saturating_add(len)), len: packed.saturating_sub(len) };
                let size = pax.real_size.ok_or_else(|| Error::invalid("sparse file without a size"))?;
                self.sparse(&mut entry, size, &map, data)?;
            }
            b'0' if !pax.map.is_empty() => {
                let size = pax.real_size.ok_or_else(|| Error::invalid("sparse file without a size"))?;
                self.sparse(&mut entry, size, &pax.map, data)?;
            }
            b'0' => (entry.bytes, entry.location) = content(packed, Location::Stored(Extents::One(data))),
            b'1' => (entry.bytes, entry.location) = content(data.len, Location::Stored(Extents::One(data))),
            _ => {}
        }
        self.at = next;
        let path = entry.path.text().to_owned();
        let id = self.listing.push(entry, &mut self.findings)?;
        if let (b'1', Some(id)) = (kind, id) {
            self.hard_link(id, &path, &target, data.len > 0);
        }
        Ok(())
    }

    fn hard_link(&mut self, id: EntryId, path: &str, target: &[u8], has_data: bool) {
        if !has_data && !self.listing.link(id, &Listing::path(target)) {
            let to = String::from_utf8_lossy(target);
            let what = format!("a link to {to}, which does not stand before it in the archive");
            self.findings.push(Finding::about(Severity::Damaged, path, what));
        }
    }

    /// The map of a sparse file of version 1.0, which stands before its data: decimal numbers, each with a
    /// line feed, filled up to a block. Also its length.
    fn sparse_map(&self, packed: u64) -> Result<(Vec<Piece>, u64)> {
        let wrong = || Error::invalid("sparse map");
        let len = packed.min(MOST_EXTENDED * 16);
        let mut bytes = Vec::new();
        let mut numbers: Vec<u64> = Vec::new();
        let (mut used, mut wanted) = (0usize, 1u64);
        while (numbers.len() as u64) < wanted {
            let Some(end) = bytes.iter().skip(used).position(|byte| *byte == b'\n') else {
                if bytes.len() as u64 >= len {
                    return Err(wrong());
                }
                let at = self.at.saturating_add(bytes.len() as u64);
                let take = (64 << 10).min(len - bytes.len() as u64);
                bytes.extend(read_vec(&*self.source, at, take)?);
                continue;
            };
            let digits = bytes.get(used..used + end).unwrap_or_default();
            let number: Option<u64> = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
            numbers.push(number.ok_or_else(wrong)?);
            used += end + 1;
            if let [count] = numbers.as_slice() {
                wanted = count.checked_mul(2).and_then(|n| n.checked_add(1)).ok_or_else(wrong)?;
            }
        }
        let pairs = numbers.get(1..).unwrap_or_default().chunks_exact(2);
        let map = pairs.filter_map(|pair| match pair {
            [at, len] => Some(Piece { at: Some(*at), len: *len }),
            _ => None,
        });
        Ok((map.collect(), (used as u64).next_multiple_of(BLOCK)))
    }

    /// A sparse file's extents: where `map` has data it comes from `data`, in order; holes are zeros.
    fn sparse(&mut self, entry: &mut Entry, size: u64, map: &[Piece], data: Piece) -> Result<()> {
        let wrong = || Error::invalid("sparse map");
        self.pieces = self.pieces.saturating_add(map.len() as u64);
        if self.pieces > self.most_pieces {
            return Err(Error::limit("extents in one container", self.most_pieces));
        }
        let mut pieces = Vec::new();
        let (mut reached, mut from) = (0u64, data.at.unwrap_or(0));
        for part in map {
            let at = part.at.unwrap_or(0);
            let hole = at.checked_sub(reached).ok_or_else(wrong)?;
            if hole > 0 {
                pieces.push(Piece { at: None, len: hole });
            }
            if part.len > 0 {
                pieces.push(Piece { at: Some(from), len: part.len });
            }
            reached = at.checked_add(part.len).ok_or_else(wrong)?;
            from = from.checked_add(part.len).ok_or_else(wrong)?;
        }
        let rest = size.checked_sub(reached).ok_or_else(wrong)?;
        if from.saturating_sub(data.at.unwrap_or(0)) > data.len {
            return Err(wrong());
        }
        if rest > 0 {
            pieces.push(Piece { at: None, len: rest });
        }
        (entry.bytes, entry.location) = content(size, Location::Stored(Extents::from(pieces)));
        Ok(())
    }
}
