//! Windows images: WIM, ESD and split SWM files.
//!
//! | where | what |
//! |---|---|
//! | byte 0 | header: how resources are packed, where the tables are |
//! | anywhere | resources: one for each different content of a file, and the metadata of each image |
//! | lookup table | each resource by the SHA-1 of what it unpacks to |
//! | XML data | what the images are |
//! | integrity table | SHA-1 of stretches of the file, where there is one |
//!
//! A resource is packed in chunks that stand alone, so any part of a member can be read without what lies before
//! it. In solid resources (ESD) chunks are large and hold many members.
//!
//! References: "Windows Imaging File Format (WIM)", Microsoft 2007; [MS-XCA]; [MS-PATCH].

mod blobs;
mod check;
mod deliver;
mod header;
mod images;
mod integrity;
mod resource;
mod set;
#[cfg(test)]
mod tests;
mod tree;

pub use images::Image;
pub use integrity::{Integrity, integrity};

use super::{Certainty, Evidence, Format, Options, Probe};
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, EntryPath, Facts, Finding, Findings, Layer, Location,
    Resources, Role, Severity,
};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::limits::Limits;
use crate::observe::Observer;
use crate::sink::Sink;
use crate::source::{SharedSource, Slice};
use blobs::{Blob, Blobs, Place};
use header::{Header, MAGIC, Method, PIPABLE, ResourceHeader};
use resource::{Files, ResourceReader};
use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;
use tree::{MISSING, NO_BLOB, SEALED, Trees};

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "wim",
    title: "Windows image (WIM, ESD, SWM)",
    spec: &[
        "Windows Imaging File Format, Microsoft 2007",
        "[MS-XCA] (XPRESS)",
        "[MS-PATCH] (LZX)",
        "LZMS: no public specification",
    ],
    limits: &[
        "chunks of at most 64 MiB; solid LZMS takes memory for two chunks a thread, LZX and XPRESS under 128 MiB",
        "security descriptors, short names and extended attributes are passed over",
        "named streams are listed and not extracted",
        "files encrypted by NTFS are listed and not read",
        "links in images of which the targets take more than 32 MiB to unpack have no target",
        "of a split image the first file is opened; the others are looked for beside it",
        "[xml] is listed and read, and extracted only where it is named",
        "with one image its files have no number before their path; 1/ may be written",
    ],
    probe,
    open,
};

/// What a file is that goes on from another one.
pub const FURTHER_PART: &str = "a further part of a split image; the first has the names";
/// Bytes that are unpacked for the targets of links.
const MOST_TARGETS: u64 = 32 << 20;
/// The largest reparse data there are.
const MOST_REPARSE: u64 = 16 << 10;

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    if !probe.has(0, MAGIC) && !probe.has(0, PIPABLE) {
        return Ok(None);
    }
    let fields = Fields::new("WIM header", &probe.head, 0);
    let (certainty, why) = match Header::parse(&fields) {
        Ok(_) => (Certainty::Sure, "a WIM header at byte 0"),
        Err(_) => (Certainty::Likely, "MSWIM at byte 0"),
    };
    Ok(Some(Evidence { certainty, why: why.to_owned() }))
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    Ok(Box::new(Wim::read(source, options)?))
}

/// What a WIM file says of itself, in few reads.
pub struct Summary {
    /// The images, as the XML data describe them.
    pub images: Vec<Image>,
    /// The same as named facts, as [`Facts::named`] has them.
    pub named: Vec<(&'static str, String)>,
    /// Its kind, in words: `WIM 1.13, 2 images, LZX in chunks of 32 KiB`.
    pub detail: String,
}

/// Reads the header and the XML data, and nothing else.
///
/// # Errors
/// Where it is no WIM file, or its XML data cannot be read.
pub fn summary(source: &SharedSource) -> Result<Summary> {
    let header = Header::read(&**source)?;
    let files = Arc::new(Files::new(vec![source.clone()]));
    let mut blobs = Blobs::default();
    blobs.methods.push((header.method, header.chunk, resource::Table::Front));
    let (images, _) = xml(&header, &blobs, &files, &Limits::default())?;
    let count = usize::try_from(header.images).unwrap_or(usize::MAX);
    let detail = layer(&header, &blobs, count, 0).detail;
    Ok(Summary { named: facts(&header, &images).named, images, detail })
}

/// An opened WIM file, with the others of its set.
struct Wim {
    catalogue: Catalogue,
    files: Arc<Files>,
    blobs: Blobs,
    /// The blob of each entry.
    of_entry: Vec<u32>,
    /// The number of the blob that the XML data are.
    xml: Option<u32>,
    threads: usize,
    /// Bytes that all its resources may unpack to together.
    most: u64,
}

/// Reads the images' descriptions; what is wrong with them and loses nothing else is the second value.
fn xml(
    header: &Header,
    blobs: &Blobs,
    files: &Arc<Files>,
    limits: &Limits,
) -> Result<(Vec<Image>, Option<Finding>)> {
    const NAME: &str = "XML data";
    if header.xml.packed == 0 {
        return Ok((Vec::new(), Some(Finding::new(Severity::Weak, "no XML data"))));
    }
    blobs::check_reach(&**files.part(0)?, &header.xml, NAME)?;
    if header.xml.bytes.max(header.xml.packed) > images::MOST_XML {
        return Err(Error::limit("bytes of XML data", images::MOST_XML));
    }
    let bytes = blobs.whole(files, 0, &header.xml, limits).map_err(|error| error.at(NAME, header.xml.at))?;
    match images::parse(&bytes) {
        Ok(images) => Ok((images, None)),
        Err(error) => Ok((Vec::new(), Some(Finding::new(Severity::Damaged, error.to_string())))),
    }
}

impl Wim {
    fn read(source: SharedSource, options: &Options) -> Result<Self> {
        let limits = &options.limits;
        let header = Header::read(&*source)?;
        if header.part > 1 {
            return Err(Error::unsupported(FURTHER_PART));
        }
        let mut findings = Findings::default();
        if header.unfinished {
            findings.push(Finding::new(Severity::Weak, "it was not closed after it was last written"));
        }
        blobs::check_reach(&*source, &header.lookup, "lookup table")?;
        let others = match header.parts {
            0 | 1 => Vec::new(),
            _ => set::others(&header, &options.surroundings, &mut findings)?,
        };
        let (sources, headers): (Vec<_>, Vec<_>) =
            std::iter::once((source.clone(), header.clone())).chain(others).unzip();
        let files = Arc::new(Files::new(sources));
        let mut blobs = Blobs::default();
        for (part, header) in headers.iter().enumerate() {
            let read = blobs.read(&files, part, header, limits, &mut findings);
            match read {
                Err(error) if part > 0 => {
                    let what = format!("part {}: {error}", header.part);
                    findings.push(Finding::new(Severity::Damaged, what));
                }
                read => read?,
            }
        }
        let (images, wrong) = xml(&header, &blobs, &files, limits)?;
        wrong.into_iter().for_each(|wrong| findings.push(wrong));
        let count = blobs.metadata.len();
        if usize::try_from(header.images).ok() != Some(count) {
            let what = format!("the header counts {} images, {count} are there", header.images);
            findings.push(Finding::new(Severity::Damaged, what));
        }
        let mut trees = Trees::new(&blobs, limits);
        for (number, blob) in (1u32..).zip(&blobs.metadata) {
            let prefix = if count > 1 { EntryPath::new(number.to_string()) } else { EntryPath::default() };
            let read = blobs.content(&files, blob, limits).and_then(|metadata| {
                if blob.sha1 != [0; 20] && blobs::sha1(&metadata) != blob.sha1 {
                    let what = format!("the metadata of image {number}: SHA-1 differs");
                    trees.findings.push(Finding::new(Severity::Damaged, what));
                }
                trees.image(number, prefix, &metadata)
            });
            match read {
                Err(error) if matches!(error.kind(), crate::error::Kind::Limit { .. }) => return Err(error),
                Err(error) => {
                    let what = format!("the metadata of image {number}: {error}");
                    trees.findings.push(Finding::new(Severity::Damaged, what));
                }
                Ok(()) => {}
            }
        }
        let is_file = |entry: &&Entry| entry.kind == EntryKind::File;
        let file_count = trees.entries.iter().filter(is_file).count() as u64;
        let (entries, of_entry) = (std::mem::take(&mut trees.entries), std::mem::take(&mut trees.of_entry));
        let reparse = std::mem::take(&mut trees.reparse);
        findings.append(std::mem::take(&mut trees.findings));
        drop(trees);
        let mut catalogue = Catalogue::new(source);
        catalogue.entries = entries;
        catalogue.end = header.end().max(blobs.end);
        catalogue.facts = facts(&header, &images);
        catalogue.layers.push(layer(&header, &blobs, count, file_count));
        let bytes = files.parts.iter().fold(0u64, |sum, part| sum.saturating_add(part.len()));
        let (threads, most) = (options.decoders(), limits.unpacked(bytes));
        let mut wim = Self { catalogue, files, blobs, of_entry, xml: None, threads, most };
        wim.read_targets(&reparse, limits, &mut findings);
        wim.add_xml(&header);
        wim.catalogue.findings = findings.finish();
        Ok(wim)
    }

    /// Reads where links point, as far as that costs little.
    fn read_targets(&mut self, reparse: &[tree::Reparse], limits: &Limits, findings: &mut Findings) {
        let mut wanted: Vec<(u32, u64, u32)> = Vec::new();
        for link in reparse {
            if let Some(blob) = self.blobs.get(link.blob).filter(|blob| blob.bytes <= MOST_REPARSE) {
                let (run, offset) = match blob.place {
                    Place::Solid { run, offset } => (run, offset),
                    Place::Alone { at, .. } => (u32::MAX, at),
                };
                wanted.push((run, offset, link.blob));
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        let mut found: HashMap<u32, Vec<u8>> = HashMap::new();
        let mut left = MOST_TARGETS;
        let mut solid: Option<(u32, ResourceReader, u64)> = None;
        for (run, offset, number) in wanted {
            let Some(blob) = self.blobs.get(number).copied() else { continue };
            if run == u32::MAX {
                left = left.saturating_sub(blob.bytes);
                if left > 0
                    && let Ok(bytes) = self.blobs.content(&self.files, &blob, limits)
                {
                    found.insert(number, bytes);
                }
                continue;
            }
            let Ok((resource, _)) = self.blobs.resource(&blob) else { continue };
            let chunk = offset / u64::from(resource.chunk).max(1);
            if solid.as_ref().is_none_or(|(there, _, last)| *there != run || *last != chunk) {
                let cost = u64::from(resource.chunk).min(resource.bytes);
                let Some(rest) = left.checked_sub(cost) else { continue };
                left = rest;
            }
            let mut reader = match solid.take() {
                Some((there, reader, _)) if there == run => reader,
                _ => ResourceReader::new(&self.files, &resource, 0..0),
            };
            reader.go_to(offset..offset.saturating_add(blob.bytes));
            let mut bytes = Vec::new();
            if reader.read_to_end(&mut bytes).is_ok() {
                found.insert(number, bytes);
            }
            solid = Some((run, reader, chunk));
        }
        for link in reparse {
            let target = found.get(&link.blob).and_then(|data| tree::target(link.tag, data));
            let Some(entry) = self.catalogue.entries.get_mut(link.entry) else { continue };
            if target.is_none() {
                let what = "a link of which the target cannot be read";
                findings.push(Finding::about(Severity::Weak, entry.path.text(), what));
            }
            entry.target = target.map(String::into_boxed_str);
        }
    }

    /// The XML data as a member.
    fn add_xml(&mut self, header: &Header) {
        let xml = &header.xml;
        if xml.packed == 0 {
            return;
        }
        let bytes = if xml.has(ResourceHeader::COMPRESSED) { xml.bytes } else { xml.packed };
        let place = Place::Alone { part: 0, flags: xml.flags, at: xml.at, packed: xml.packed };
        let blob = Blob { sha1: [0; 20], bytes, place };
        if let Some(number) = self.blobs.add(blob) {
            let mut entry = Entry::new(EntryPath::new("[xml]"), EntryKind::File);
            (entry.role, entry.bytes) = (Role::Description, bytes);
            entry.location = self.blobs.location(number, &blob);
            self.catalogue.entries.push(entry);
            self.of_entry.push(number);
            self.xml = Some(number);
        }
    }

    /// A blob's bytes, compared with its SHA-1 at their end.
    fn content_of(&self, blob: &Blob) -> Result<Box<dyn Read + Send>> {
        let (resource, offset) = self.blobs.resource(blob)?;
        let range = offset..offset.saturating_add(blob.bytes);
        // A solid resource that is not packed still has its head.
        if resource.method == Method::Stored && matches!(blob.place, Place::Alone { .. }) {
            let range = resource.at..resource.at.saturating_add(blob.bytes);
            let slice = Slice::new(self.files.part(resource.part)?.clone(), range);
            let reader = crate::source::SourceReader::new(Arc::new(slice));
            return Ok(Box::new(deliver::Checked::new(reader, blob.bytes, blob.sha1)));
        }
        let reader = ResourceReader::new(&self.files, &resource, range);
        Ok(Box::new(deliver::Checked::new(reader, blob.bytes, blob.sha1)))
    }

    /// The blob of an entry; `None` where it has no bytes.
    fn blob(&self, id: EntryId) -> Result<Option<&Blob>> {
        match self.of_entry.get(id.0).copied().unwrap_or(NO_BLOB) {
            NO_BLOB => Ok(None),
            MISSING => Err(Error::damaged("no resource has its SHA-1").during("lookup table")),
            SEALED => Err(Error::encrypted("by NTFS")),
            number => Ok(self.blobs.get(number)),
        }
    }
}

/// What the images say of themselves together.
fn facts(header: &Header, images: &[Image]) -> Facts {
    let mut facts = Facts::default();
    let mut add = |name, value: Option<String>| facts.named.extend(value.map(|value| (name, value)));
    let product = match images {
        [one] => one.title().map(str::to_owned),
        _ => images::common_title(images).or(images::agreed(images, |image| image.product_name.clone())),
    };
    add("product", product);
    // Revisions may differ from image to image; then the build without one is what they share.
    let version = || images::agreed(images, |image| image.version);
    let version = || version().map(|(major, minor, build)| format!("{major}.{minor}.{build}"));
    add("version", images::agreed(images, Image::build).or_else(version));
    add("platform", images::agreed(images, Image::platform).map(str::to_owned));
    let languages = images::agreed(images, |image| Some(image.languages.clone()));
    add("languages", languages.filter(|list| !list.is_empty()).map(|list| list.join(", ")));
    add("images", Some(header.images.to_string()));
    add("boot_index", (header.boot_index > 0).then(|| header.boot_index.to_string()));
    let each = images.iter().map(|image| {
        let words = [image.title().map(str::to_owned), image.edition_id.clone(), image.build()];
        let platform = image.platform().map(str::to_owned);
        let words: Vec<String> = words.into_iter().flatten().chain(platform).collect();
        format!("{}: {}", image.index, words.join(", "))
    });
    let each: Vec<String> = each.collect();
    add("image list", (!each.is_empty()).then(|| each.join("; ")));
    facts
}

fn layer(header: &Header, blobs: &Blobs, images: usize, files: u64) -> Layer {
    let kind = if header.solid { "WIM 0.14" } else { "WIM 1.13" };
    let mut detail = match images {
        1 => format!("{kind}, 1 image"),
        n => format!("{kind}, {n} images"),
    };
    match header.method {
        Method::Stored => detail.push_str(", not packed"),
        method => {
            let words = format!(", {} in chunks of {} KiB", method.name(), header.chunk >> 10);
            detail.push_str(&words);
        }
    }
    if let Some(solid) = blobs.solids.first() {
        let words = format!(", solid {} in chunks of {} KiB", solid.method.name(), solid.chunk >> 10);
        detail.push_str(&words);
    }
    if header.pipable {
        detail.push_str(", pipable");
    }
    if header.parts > 1 {
        detail.push_str(&format!(", {} parts", header.parts));
    }
    Layer { path: String::new(), format: FORMAT.name, detail, label: None, entries: Some(files), used: true }
}

impl Container for Wim {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn member_checksum(&self) -> Option<&'static str> {
        Some("sha1")
    }

    fn check_resources(&self, observer: &dyn Observer) -> Result<Option<Resources>> {
        check::check(self, observer).map(Some)
    }

    fn content(&self, id: EntryId) -> Option<u64> {
        let number = self.of_entry.get(id.0).copied()?;
        // Those that are encrypted or missing have numbers that no blob has.
        self.blobs.get(number).filter(|blob| blob.bytes > 0).map(|_| number.into())
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        self.entry(id)?;
        let Some(blob) = self.blob(id)? else { return Ok(Box::new(std::io::empty())) };
        self.content_of(blob)
    }

    fn read_in_order(&self, wanted: &[EntryId], sink: &mut dyn Sink) -> Result<()> {
        deliver::read_in_order(self, wanted, sink)
    }

    fn sub_source(&self, id: EntryId, _: &Limits) -> Result<SharedSource> {
        let entry = self.entry(id)?;
        if matches!(entry.location, Location::Stored(_) | Location::Nowhere) {
            return crate::container::stored(self.source(), entry);
        }
        let Some(blob) = self.blob(id)? else { return Ok(Arc::new(Vec::new())) };
        let (resource, offset) = self.blobs.resource(blob)?;
        let whole = resource::source(&self.files, &resource, matches!(blob.place, Place::Solid { .. }))?;
        Ok(match offset == 0 && blob.bytes == whole.len() {
            true => whole,
            false => Arc::new(Slice::new(whole, offset..offset.saturating_add(blob.bytes))),
        })
    }
}
