//! Compressed streams: gzip, bzip2, xz, lzip, LZMA, Zstandard, LZ4. A stream has one member, named by its
//! header or by the file's name without its ending; where that is a tar or cpio archive, the archive is
//! shown.
//!
//! How long the member is can only be known by unpacking it (gzip keeps the length modulo 2^32 and of the
//! last member alone), so opening a stream unpacks it, into memory or a temporary file.

pub(crate) mod codec;

use super::inside::{Inside, Stands, Unpacked, unpack};
use super::{Certainty, Evidence, Format, Options, Probe, cpio, tar};
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, EntryPath, Extents, Finding, Layer, Location, Severity,
};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::source::{Piece, SharedSource, SourceReader, read_up_to, spool};
use crate::text::utf8_or_latin1;
use crate::time::Timestamp;
use codec::{Codec, Decoder};
use std::io::Read;

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "stream",
    title: "compressed stream",
    spec: &[
        "RFC 1952 (gzip)",
        "bzip2 1.0",
        "The .xz File Format 1.2.1, The .lzma File Format",
        "Lzip format, version 1",
        "RFC 8878 (Zstandard)",
        "LZ4 Frame Format 1.6.4",
    ],
    limits: &[
        "opening one unpacks it: its member's size is not known before",
        "dictionaries above 256 MiB (xz, LZMA, lzip) and windows above 128 MiB (Zstandard) are refused",
        "Zstandard and LZ4 with a dictionary of their own, and compress (.Z), are not read",
        "LZMA alone has no checksum and no signature; its header is recognised by its values",
    ],
    probe,
    open,
};

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    Ok(Codec::of(&probe.head).map(|codec| {
        let certainty = if codec == Codec::Lzma { Certainty::Possible } else { Certainty::Likely };
        Evidence { certainty, why: format!("{} at the start", codec.title()) }
    }))
}

/// Endings of file names, and what stands in their place when the stream is unpacked.
static ENDINGS: &[(&str, &str)] = &[
    (".tgz", ".tar"),
    (".taz", ".tar"),
    (".tbz2", ".tar"),
    (".tbz", ".tar"),
    (".txz", ".tar"),
    (".tlz", ".tar"),
    (".tzst", ".tar"),
    (".svgz", ".svg"),
    (".gz", ""),
    (".gzip", ""),
    (".bz2", ""),
    (".xz", ""),
    (".lzma", ""),
    (".lz", ""),
    (".zst", ""),
    (".zstd", ""),
    (".lz4", ""),
];

/// The member's name by the file's.
fn unpacked_name(file_name: &str) -> String {
    let lower = file_name.to_ascii_lowercase();
    let found = ENDINGS.iter().find(|(ending, _)| lower.ends_with(ending) && lower.len() > ending.len());
    let name = match found {
        Some((ending, instead)) => {
            let stem = file_name.get(..file_name.len() - ending.len()).unwrap_or(file_name);
            format!("{stem}{instead}")
        }
        None => file_name.to_owned(),
    };
    if name.is_empty() { "content".to_owned() } else { name }
}

/// What a gzip header (RFC 1952 2.3) says of its member.
#[derive(Default)]
struct GzipHeader {
    name: Option<String>,
    modified: Option<Timestamp>,
    comment: Option<String>,
}

impl GzipHeader {
    /// Names of RFC 1952 are Latin-1; in fact they are what the writer's system had.
    fn read(head: &[u8]) -> Self {
        let mut out = Self::default();
        let [_, _, _, flags, t0, t1, t2, t3, _, _, rest @ ..] = head else { return out };
        let seconds = u32::from_le_bytes([*t0, *t1, *t2, *t3]);
        out.modified = (seconds != 0).then(|| Timestamp { seconds: seconds.into(), nanos: 0, zone: Some(0) });
        let mut rest = rest;
        if flags & 4 != 0 {
            let [low, high, more @ ..] = rest else { return out };
            rest = more.get(usize::from(u16::from_le_bytes([*low, *high]))..).unwrap_or_default();
        }
        let mut text = |flag: u8| {
            let end = rest.iter().position(|byte| *byte == 0).filter(|_| flags & flag != 0)?;
            let (text, more) = rest.split_at(end);
            rest = more.get(1..).unwrap_or_default();
            Some(utf8_or_latin1(text))
        };
        // A name is a file's, never a path.
        let name = text(8);
        out.name = name
            .and_then(|name| Some(name.rsplit(['/', '\\']).next()?.to_owned()))
            .filter(|name| !matches!(name.as_str(), "" | "." | ".."));
        out.comment = text(16).filter(|comment| !comment.is_empty());
        out
    }
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let head = read_up_to(&*source, 0, 4096)?;
    let codec = Codec::of(&head).ok_or_else(|| Error::invalid("signature of a compressor"))?;
    let header = if codec == Codec::Gzip { GzipHeader::read(&head) } else { GzipHeader::default() };
    let stream = Stream::unpack(codec, &source, &options.limits)?;
    let mut catalogue = Catalogue::new(source);
    catalogue.end = stream.end;
    let members = if stream.members == 1 { String::new() } else { format!(", {} members", stream.members) };
    catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: format!("{}{members}", codec.title()),
        label: None,
        entries: Some(1),
        used: true,
    });
    if let Some(error) = &stream.unpacked.failed {
        catalogue.findings.push(Finding::new(Severity::Damaged, format!("the stream is not whole: {error}")));
    }
    if let Some(comment) = header.comment {
        catalogue.facts.named.push(("comment", comment));
    }
    if let Some(inner) = archive(&stream.unpacked.source, options)? {
        let format = inner.format();
        catalogue.facts.named.extend_from_slice(&inner.facts().named);
        let mut inside = Inside::new(format, catalogue).checked(codec.checksum(&head));
        inside.add(inner, "", Stands::Unpacked);
        return Ok(Box::new(inside));
    }
    let name = header.name.unwrap_or_else(|| unpacked_name(&options.surroundings.file_name));
    let mut entry = Entry::new(EntryPath::new(name), EntryKind::File);
    entry.bytes = stream.unpacked.source.len();
    entry.modified = header.modified;
    let packed = Piece { at: Some(0), len: catalogue.end };
    entry.location = Location::Packed(Extents::One(packed));
    catalogue.entries.push(entry);
    Ok(Box::new(One { checksum: codec.checksum(&head), catalogue, content: stream.unpacked }))
}

/// The archive that was packed as a stream, where it is one that can be read.
///
/// # Errors
/// Limits and what the operating system said.
pub(crate) fn archive(source: &SharedSource, options: &Options) -> Result<Option<Box<dyn Container>>> {
    let probe = Probe::new(&**source)?;
    for format in [&tar::FORMAT, &cpio::FORMAT] {
        if (format.probe)(&probe)?.is_some() {
            match (format.open)(source.clone(), options) {
                Ok(container) => return Ok(Some(container)),
                Err(error) if error.is_damage() => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(None)
}

/// A stream that was unpacked.
pub(crate) struct Stream {
    pub(crate) unpacked: Unpacked,
    /// How far it reaches in its source; all of it where it is not whole.
    pub(crate) end: u64,
    pub(crate) members: u64,
}

impl Stream {
    /// Unpacks what `source` begins with.
    ///
    /// # Errors
    /// As [`unpack`].
    pub(crate) fn unpack(codec: Codec, source: &SharedSource, limits: &Limits) -> Result<Self> {
        let mut decoder = Decoder::new(codec, source, limits.unpacked(source.len()));
        let unpacked = unpack(&mut decoder, limits)?;
        let end = if unpacked.failed.is_some() { source.len() } else { decoder.position() };
        Ok(Self { unpacked, end, members: decoder.members() })
    }
}

/// A stream with one member that is shown as it is.
struct One {
    checksum: Option<&'static str>,
    catalogue: Catalogue,
    content: Unpacked,
}

impl Container for One {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn member_checksum(&self) -> Option<&'static str> {
        self.checksum
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        self.entry(id)?;
        let content = SourceReader::new(self.content.source.clone());
        Ok(match &self.content.failed {
            Some(error) => Box::new(content.chain(Failing(error.again()))),
            None => Box::new(content),
        })
    }

    fn sub_source(&self, id: EntryId, limits: &Limits) -> Result<SharedSource> {
        match &self.content.failed {
            Some(_) => spool(&mut *self.open(id)?, limits),
            None => Ok(self.content.source.clone()),
        }
    }
}

/// Says what the decoder said.
struct Failing(Error);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(self.0.again().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_a_name_goes() {
        for (packed, unpacked) in [
            ("a.tar.gz", "a.tar"),
            ("A.TGZ", "A.tar"),
            ("disk.img.xz", "disk.img"),
            (".gz", ".gz"),
            ("odd", "odd"),
            ("", "content"),
            ("ü.zst", "ü"),
        ] {
            assert_eq!(unpacked_name(packed), unpacked);
        }
    }

    #[test]
    fn a_name_in_a_header_is_a_files_never_a_path() {
        let head = |name: &[u8]| [&[0x1f, 0x8b, 8, 8, 1, 0, 0, 0, 0, 3][..], name, &[0, 1, 2]].concat();
        let name = |bytes: &[u8]| GzipHeader::read(&head(bytes)).name;
        assert_eq!(name(b"../../etc/passwd").as_deref(), Some("passwd"));
        assert_eq!(name(b"C:\\x\\y.iso").as_deref(), Some("y.iso"));
        assert_eq!(name(b"a/.."), None);
        assert_eq!(name(b""), None);
        assert_eq!(name(b"\xe4.txt").as_deref(), Some("ä.txt"));
    }
}
