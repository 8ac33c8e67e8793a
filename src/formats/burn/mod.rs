//! WiX Burn bundles: a program, a cabinet with the user interface and the manifest, and cabinets with the
//! packages. The manifest gives every member its name and, mostly, its digest.
//!
//! | section `.wixburn` | bytes |
//! |---|---|
//! | magic 0x00F14300 | 0..4 |
//! | version | 4..8 |
//! | bundle's GUID | 8..24 |
//! | size of the program | 24..28 |
//! | checksum, place and size of the signature before containers were attached | 28..40 |
//! | format of the containers: 1 for cabinets | 40..44 |
//! | number of containers, their sizes | 44.. |
//!
//! The first container stands behind the program; the others behind that signature, or behind the one that
//! the image has, or behind the first. Signers add up to seven bytes before what they append: a container is
//! looked for around the place where it ought to be.
//!
//! | member | what |
//! |---|---|
//! | `[ux]/manifest.xml` | the manifest |
//! | `[ux]/NAME` | a payload of the user interface |
//! | `NAME` | a payload of the chain, as it is laid out beside the bundle |
//! | `[container N]/NAME` | a member that the manifest does not name |
//!
//! References: WiX Toolset, `src/burn/engine/section.cpp`, `manifest.cpp`, `payload.cpp`, `container.cpp`.

mod manifest;

use super::promoted::{Part, Promoted, account};
use super::{Certainty, Evidence, Format, Options, Probe, pe};
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, EntryPath, Finding, Layer, Region, Severity,
};
use crate::error::{Error, Kind, Result};
use crate::fields::Fields;
use crate::source::{SharedSource, Source, read_up_to};
use manifest::{Manifest, Payload};
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::ops::Range;

/// WiX Burn bundles.
pub static FORMAT: Format = Format {
    name: "burn",
    title: "WiX Burn bundle",
    spec: &["WiX Toolset, burn/engine/section.cpp and manifest.cpp"],
    limits: &[
        "reads containers that are cabinets, attached or beside the bundle; names payloads that are to be downloaded",
        "reads bundles of WiX 3.6 and later",
    ],
    probe,
    open,
};

/// `dwMagic` of the section.
const MAGIC: u32 = 0x00f1_4300;
/// Containers of one bundle.
const CONTAINERS: u32 = 64;
/// Bytes of the manifest.
const MANIFEST: u64 = 32 << 20;
/// Payloads that lie elsewhere and are named one by one.
const NAMED: usize = 24;
/// Bytes around a place in which a container is looked for.
const AROUND: u64 = 16 << 10;

/// The section `.wixburn`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Section {
    version: u32,
    /// `dwStubSize`: where the first container begins.
    stub: u64,
    /// The signature that the image had before containers were attached.
    signature: Range<u64>,
    /// Sizes of the containers.
    sizes: Vec<u64>,
}

impl Section {
    fn read(source: &dyn Source, section: &pe::Section) -> Result<Option<Self>> {
        let bytes = read_up_to(source, section.range.start, 48 + 4 * CONTAINERS as usize)?;
        let fields = Fields::new("burn section", &bytes, section.range.start);
        if fields.u32_le(0, "dwMagic").ok() != Some(MAGIC) {
            return Ok(None);
        }
        let number = |at, field| fields.u32_le(at, field).map(u64::from);
        let signature = number(32, "dwOriginalSignatureOffset")?;
        let count = fields.u32_le(44, "cContainers")?.min(CONTAINERS);
        let sizes = (0..count as usize).map_while(|i| number(48 + i * 4, "rgcbContainers").ok());
        Ok(Some(Self {
            version: fields.u32_le(4, "dwVersion")?,
            stub: number(24, "dwStubSize")?,
            signature: signature..signature.saturating_add(number(36, "dwOriginalSignatureSize")?),
            sizes: sizes.collect(),
        }))
    }
}

fn section(image: &pe::Parts) -> Option<&pe::Section> {
    image.sections.iter().find(|section| section.name == ".wixburn")
}

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    // The name stands in a section header, which is in the head or nowhere.
    if !probe.has(0, b"MZ") || !probe.head.windows(8).any(|name| name == b".wixburn") {
        return Ok(None);
    }
    let Some(image) = pe::anatomy(probe.source)? else { return Ok(None) };
    let Some(header) = section(&image.parts) else { return Ok(None) };
    let found = Section::read(probe.source, header).ok().flatten();
    Ok(found.map(|section| Evidence {
        certainty: Certainty::Sure,
        why: format!("section .wixburn, version {}, {} containers", section.version, section.sizes.len()),
    }))
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let Some(image) = pe::anatomy(&*source)? else { return Err(Error::invalid("PE signature")) };
    let header = section(&image.parts).ok_or_else(|| Error::invalid("PE section .wixburn"))?;
    let section = Section::read(&*source, header)?.ok_or_else(|| Error::invalid("burn section magic"))?;
    let mut catalogue = Catalogue::new(source.clone());
    catalogue.findings.extend_from_slice(&image.facts.findings);
    let Some((first, attached)) = section.sizes.split_first() else {
        return Err(Error::invalid("burn section without containers").at("burn section", header.range.start));
    };
    let range = section.stub..section.stub.saturating_add(*first);
    let ux = Part::open(&source, "UX container", range.clone(), options)
        .map_err(|error| error.during("first container of a bundle"))?;
    let manifest = read_manifest(ux.container())?;
    let mut parts = vec![ux];
    let mut slots = vec![Slot::Ux];
    let table = image.parts.certificates.clone();
    let mut at = match (&section.signature, &table) {
        (signature, _) if signature.start != 0 => signature.end,
        (_, Some(table)) if table.end < source.len() => table.end,
        _ => range.end,
    };
    for (number, size) in attached.iter().enumerate() {
        let index = number as u64 + 1;
        let Some(start) = place(&*source, at, *size, range.end)? else {
            let have = source.len();
            let (severity, what) = match at.saturating_add(*size) > have {
                true => (
                    Severity::Damaged,
                    format!("container {index} of {size} bytes at {at:#x} is missing: the file ends before"),
                ),
                false => (Severity::Damaged, format!("container {index} is not at {at:#x} nor near it")),
            };
            catalogue.findings.push(Finding::new(severity, what));
            catalogue.end = catalogue.end.max(at.saturating_add(*size));
            at = at.saturating_add(*size);
            continue;
        };
        if start != at {
            let what = format!("container {index} begins at {start:#x} and not at {at:#x}");
            catalogue.findings.push(Finding::new(Severity::Note, what));
        }
        at = start.saturating_add(*size);
        match Part::open(&source, "attached container", start..at, options) {
            Ok(part) => {
                parts.push(part);
                slots.push(Slot::Attached(index));
            }
            Err(error) if matches!(error.kind(), Kind::Limit { .. } | Kind::Encrypted { .. }) => {
                return Err(error);
            }
            Err(error) => {
                let what = format!("container {index} at {start:#x} cannot be read: {error}");
                catalogue.findings.push(Finding::new(Severity::Damaged, what));
            }
        }
    }
    beside(&manifest, options, &mut parts, &mut slots, &mut catalogue.findings)?;
    let signed = section.signature.clone();
    let stub = section.stub.min(source.len());
    let mut known = vec![Region { what: "stub (Windows program)".to_owned(), range: 0..stub }];
    let named = |what: &str, range: Range<u64>| Region { what: what.to_owned(), range };
    if signed.start != 0 {
        known.push(named("signature of the program", signed));
    }
    known.extend(table.map(|range| named("Authenticode certificates", range)));
    tell(&mut catalogue, &manifest, &image, &section);
    for part in &parts {
        catalogue.findings.extend_from_slice(part.container().findings());
        catalogue.layers.extend_from_slice(part.container().layers());
    }
    let claimed = catalogue.end.max(image.parts.claimed_end);
    account::all(&mut catalogue, known, &parts, claimed)?;
    name_members(catalogue, parts, &slots, &manifest, options)
}

/// Which of the bundle's containers a part is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Slot {
    Ux,
    /// Its index, from 1.
    Attached(u64),
    /// The number of its element among the manifest's containers.
    Beside(usize),
}

/// Where the container of `size` bytes begins that ought to be at `at`: there, a little further, or anywhere
/// behind `least` near it. A cabinet begins with its name and its size.
fn place(source: &dyn Source, at: u64, size: u64, least: u64) -> Result<Option<u64>> {
    let from = at.saturating_sub(AROUND).max(least);
    let len = usize::try_from(at.saturating_sub(from).saturating_add(AROUND)).unwrap_or_default();
    let bytes = read_up_to(source, from, len)?;
    let begins = |rest: &[u8]| {
        let fields = Fields::new("container", rest, 0);
        rest.starts_with(b"MSCF\0\0\0\0") && fields.u32_le(8, "cbCabinet").map(u64::from).ok() == Some(size)
    };
    let here = usize::try_from(at.saturating_sub(from)).unwrap_or_default();
    if bytes.get(here..).is_some_and(begins) {
        return Ok(Some(at));
    }
    let found = (0..bytes.len()).find(|at| bytes.get(*at..).is_some_and(begins));
    Ok(match found {
        Some(offset) => Some(from.saturating_add(offset as u64)),
        // Something begins there, of whatever kind: its reader shall say.
        None => (at.saturating_add(size) <= source.len() && size > 0).then_some(at),
    })
}

/// The manifest: the UX container's member `0`.
fn read_manifest(ux: &dyn Container) -> Result<Manifest> {
    let is = |entry: &Entry| entry.path.text() == "0";
    let at =
        ux.entries().iter().position(is).ok_or_else(|| Error::not_found("manifest of the bundle", None))?;
    let mut bytes = Vec::new();
    ux.open(EntryId(at))?.take(MANIFEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MANIFEST {
        return Err(Error::limit("bytes of a manifest", MANIFEST));
    }
    manifest::parse(&bytes)
}

/// Containers that are not attached, where they lie beside the bundle.
fn beside(
    manifest: &Manifest,
    options: &Options,
    parts: &mut Vec<Part>,
    slots: &mut Vec<Slot>,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let detached =
        manifest.containers.iter().enumerate().filter(|(_, container)| container.attached.is_none());
    for (number, container) in detached.take(NAMED) {
        let path = container.file_path.replace('\\', "/");
        let (severity, what) = match options.surroundings.find(&path)? {
            None => (Severity::Note, format!("the container {path} is not attached and lies elsewhere")),
            Some(found) => match super::open_cabinet(&found, options) {
                Ok(inner) => {
                    parts.push(Part::elsewhere(inner, "detached container"));
                    slots.push(Slot::Beside(number));
                    continue;
                }
                Err(error) => {
                    let what = format!("the container {path} beside the bundle cannot be read: {error}");
                    (Severity::Damaged, what)
                }
            },
        };
        findings.push(Finding::new(severity, what));
    }
    Ok(())
}

/// Facts, layers, and what is to be had elsewhere.
fn tell(catalogue: &mut Catalogue, manifest: &Manifest, image: &pe::Anatomy, section: &Section) {
    let mut named = manifest.facts.clone();
    named.push(("stub", "WiX Burn".to_owned()));
    for (name, value) in image.named() {
        if name == "version" && manifest.facts.iter().all(|(known, _)| *known != "version")
            || !named.iter().any(|(known, _)| *known == name)
        {
            named.push((name, value));
        }
    }
    named.push(("stub_platform", image.facts.head.machine.platform().name().to_owned()));
    catalogue.facts.named = named;
    let packages = manifest.packages;
    let plural = if packages == 1 { "" } else { "s" };
    catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: format!(
            "WiX Burn bundle, {packages} package{plural}, {} containers, {}",
            section.sizes.len(),
            image.detail()
        ),
        label: None,
        entries: None,
        used: true,
    });
    let external: Vec<&Payload> = manifest.payloads.iter().filter(|payload| !payload.embedded).collect();
    for payload in external.iter().take(NAMED) {
        let from = match &payload.url {
            Some(url) => format!("is downloaded from {url}"),
            None => "lies beside the bundle".to_owned(),
        };
        let what = format!("the payload {} is not in the bundle: it {from}", payload.path);
        catalogue.findings.push(Finding::new(Severity::Note, what));
    }
    if let Some(more) = external.len().checked_sub(NAMED).filter(|more| *more > 0) {
        let what = format!("{more} more payloads are not in the bundle");
        catalogue.findings.push(Finding::new(Severity::Note, what));
    }
}

/// Gives every member the name that the manifest has for it.
fn name_members(
    catalogue: Catalogue,
    parts: Vec<Part>,
    slots: &[Slot],
    manifest: &Manifest,
    options: &Options,
) -> Result<Box<dyn Container>> {
    let total: usize = parts.iter().map(|part| part.container().entries().len()).sum();
    if total as u64 > options.limits.entries {
        return Err(Error::limit("entries", options.limits.entries));
    }
    let mut findings = Vec::new();
    // By container and name in it.
    let mut by_source: HashMap<(Slot, &str), &Payload> = HashMap::new();
    for payload in manifest.payloads.iter().filter(|payload| payload.embedded) {
        let slot = match payload.ux {
            true => Some(Slot::Ux),
            false => manifest.slot(payload.container.as_deref()),
        };
        // A container that is not there was said to be missing already.
        if let Some(slot) = slot.filter(|slot| slots.contains(slot)) {
            by_source.insert((slot, payload.source.as_str()), payload);
        }
    }
    let mut chosen = Vec::new();
    let mut known: HashSet<String> = HashSet::new();
    for (number, (part, slot)) in parts.iter().zip(slots).enumerate() {
        for (id, entry) in part.container().entries().iter().enumerate() {
            let text = entry.path.text();
            let payload = by_source.remove(&(slot.clone(), text));
            let (path, expected) = match (payload, slot) {
                (Some(payload), Slot::Ux) => (format!("[ux]/{}", payload.path), payload.digest.clone()),
                (Some(payload), _) => (payload.path.clone(), payload.digest.clone()),
                (None, Slot::Ux) if text == "0" => ("[ux]/manifest.xml".to_owned(), None),
                (None, Slot::Ux) => (format!("[ux]/{text}"), None),
                (None, _) => (format!("[container {number}]/{text}"), None),
            };
            if let Some(bytes) =
                payload.and_then(|payload| payload.bytes).filter(|bytes| *bytes != entry.bytes)
            {
                let what = format!("has {} bytes, the manifest says {bytes}", entry.bytes);
                findings.push(Finding::about(Severity::Damaged, &path, what));
            }
            if entry.kind == EntryKind::Dir && !known.insert(path.clone()) {
                continue;
            }
            chosen.push((number, EntryId(id), path, expected));
        }
    }
    let mut missing: Vec<&str> = by_source.values().map(|payload| payload.path.as_str()).collect();
    missing.sort_unstable();
    for path in missing.into_iter().take(NAMED) {
        findings.push(Finding::about(
            Severity::Damaged,
            path,
            "the manifest names it and no container has it",
        ));
    }
    let mut catalogue = catalogue;
    catalogue.findings.extend(findings);
    let has_digests = chosen.iter().any(|(.., expected)| expected.is_some());
    let inner: Option<&'static str> =
        chosen.iter().find_map(|(.., expected)| Some(expected.as_ref()?.algorithm.name()));
    let mut promoted = Promoted::new(FORMAT.name, catalogue, parts);
    for (part, id, path, expected) in chosen {
        for (slash, _) in path.match_indices('/').take(options.limits.directory_depth as usize) {
            let parent = path.get(..slash).unwrap_or_default();
            if known.insert(parent.to_owned()) {
                promoted.add_directory(EntryPath::new(parent));
            }
        }
        promoted.add(part, id, EntryPath::new(path), expected);
    }
    if let Some(name) = inner.filter(|_| has_digests) {
        promoted.checked_by(name);
    }
    Ok(Box::new(promoted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_found_where_it_is_and_not_only_where_it_ought_to_be() {
        let mut file = vec![0xaa; 4000];
        file[2005..2013].copy_from_slice(b"MSCF\0\0\0\0");
        file[2013..2017].copy_from_slice(&500u32.to_le_bytes());
        assert_eq!(place(&file, 2005, 500, 100).unwrap(), Some(2005));
        assert_eq!(place(&file, 2000, 500, 100).unwrap(), Some(2005));
        assert_eq!(place(&file, 3000, 500, 100).unwrap(), Some(2005));
        // Nothing is known there: the reader shall say.
        assert_eq!(place(&file, 2500, 400, 100).unwrap(), Some(2500));
        assert_eq!(place(&file, 3900, 400, 100).unwrap(), None);
    }
}
