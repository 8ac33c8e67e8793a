//! PE images: programs, libraries and drivers of Windows, and programs of the firmware. What they say of
//! themselves, and their resources, overlay and certificates as members.
//!
//! | member | what |
//! |---|---|
//! | `[resources]/KIND/NAME` | a resource; `.LANGUAGE` (its number) where a name has several |
//! | `[overlay]` | what lies behind everything that the headers name; `[overlay 2]` behind the certificates |
//! | `[certificates]` | the certificate table as it is: `WIN_CERTIFICATE`s, mostly PKCS#7 |
//!
//! Limits: code, data and relocations are no members. A payload in the overlay or in a resource is the `sfx`
//! format's. Signatures are checked by `verify/authenticode`.
//!
//! References: "PE Format" (Microsoft, revision 11 and later); ECMA-335 §II.25.3.3.

mod image;
mod manifest;
mod parts;
mod resources;
#[cfg(test)]
pub(crate) mod tests;
mod version;

pub use image::{Certificates, Clr, Head, Layout, Machine, PeFacts, Section, facts, head, versions};
pub use manifest::Manifest;
pub use parts::Parts;
pub use resources::{Id, Resource};
pub use version::{FileVersion, StringTable, Versions};

use super::{Certainty, Evidence, Format, Options, Probe};
use crate::container::{Catalogue, Container, Entry, EntryKind, EntryPath, Extents, Layer, Location, Region};
use crate::error::{Error, Result};
use crate::source::{Piece, SharedSource, Source};
use image::Image;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// PE images.
pub static FORMAT: Format = Format {
    name: "pe",
    title: "Windows program (PE)",
    spec: &["PE Format, revision 11 (Microsoft)", "ECMA-335 §II.25.3.3"],
    limits: &[
        "shows resources, overlay and certificates, no code or data",
        "reads 96 sections and 65,536 resource entries, as deep as three tables",
    ],
    probe,
    open,
};

/// A whole image: what it says of itself and where everything lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anatomy {
    /// Headers and versions, and what is wrong with the image.
    pub facts: PeFacts,
    /// Where everything lies.
    pub parts: Parts,
    /// All resources.
    pub resources: Vec<Resource>,
    /// The application manifest.
    pub manifest: Option<Manifest>,
}

/// Looks at all of an image; `None` where the source is no PE image.
///
/// # Errors
/// What the operating system said. Damage in the image is a finding.
pub fn anatomy(source: &dyn Source) -> Result<Option<Anatomy>> {
    let Some((mut image, head)) = Image::open(source)? else { return Ok(None) };
    let mut facts = image::gathered(&mut image, head)?;
    let mut findings = Vec::new();
    let parts = parts::find(&mut image, &facts.head, &mut findings)?;
    let resources = resources::list(&mut image, &mut findings)?;
    let manifest = manifest::read(&mut image, &resources)?;
    for finding in findings {
        // The way to the version resource was gone twice.
        if !facts.findings.contains(&finding) && facts.findings.len() < 1000 {
            facts.findings.push(finding);
        }
    }
    Ok(Some(Anatomy { facts, parts, resources, manifest }))
}

impl Anatomy {
    /// What the image says of itself, as named facts; its processor is not among them.
    #[must_use]
    pub fn named(&self) -> Vec<(&'static str, String)> {
        let mut out = Vec::new();
        if let Some(versions) = &self.facts.versions {
            let text = |name| versions.text(name).map(str::to_owned);
            let number = |number: Option<FileVersion>| {
                number.filter(|number| number.0 != [0; 4]).map(|number| number.to_string())
            };
            let version = number(versions.file).or_else(|| text("FileVersion"));
            let product = text("ProductVersion").or_else(|| number(versions.product));
            out.extend(text("ProductName").map(|value| ("product", value)));
            out.extend(version.or_else(|| product.clone()).map(|value| ("version", value)));
            out.extend(product.map(|value| ("product_version", value)));
            out.extend(text("CompanyName").map(|value| ("manufacturer", value)));
            out.extend(text("FileDescription").map(|value| ("description", value)));
            out.extend(text("OriginalFilename").map(|value| ("original_filename", value)));
            out.extend(text("Comments").map(|value| ("comment", value)));
            let mut languages: Vec<u16> = versions.tables.iter().filter_map(|table| table.language).collect();
            languages.sort_unstable();
            languages.dedup();
            let languages: Vec<String> = languages.iter().map(u16::to_string).collect();
            if !languages.is_empty() {
                out.push(("languages", languages.join(",")));
            }
        }
        if let Some(linked) = self.facts.head.linked().filter(|_| !self.parts.reproducible) {
            out.push(("link_date", linked.rfc3339()));
        }
        out.extend(self.parts.pdb.clone().map(|path| ("pdb", path)));
        if let Some(manifest) = &self.manifest {
            out.extend(manifest.execution_level.clone().map(|level| ("execution_level", level)));
            out.extend(manifest.processor.clone().map(|name| ("manifest_processor", name)));
        }
        out
    }

    /// What kind of image it is, in words.
    #[must_use]
    pub fn detail(&self) -> String {
        let head = &self.facts.head;
        let layout = match head.layout {
            Layout::Pe32 => "PE32",
            Layout::Pe32Plus => "PE32+",
            Layout::Other(_) => "PE",
        };
        let kind = match (head.is_efi(), head.is_dll(), head.subsystem) {
            (true, ..) => "program of the firmware",
            (_, true, _) => "library",
            (_, _, 1) => "driver",
            (_, _, 2) => "Windows program",
            (_, _, 3) => "console program",
            _ => "program",
        };
        let managed = if head.clr.is_some() { ", managed" } else { "" };
        let signed = match self.parts.certificate_count {
            0 => String::new(),
            1 => ", certificate".to_owned(),
            n => format!(", {n} certificates"),
        };
        format!("{layout} {} {kind}{managed}, {} sections{signed}", head.machine.name(), head.sections)
    }

    /// The parts that are no members, by name.
    #[must_use]
    pub fn regions(&self) -> Vec<Region> {
        let mut out = Vec::new();
        let mut add = |what: String, range: &Range<u64>| {
            if !range.is_empty() {
                out.push(Region { what, range: range.clone() });
            }
        };
        for section in &self.parts.sections {
            add(format!("section {}", section.name), &section.range);
        }
        for record in &self.parts.debug {
            add("debug record".to_owned(), record);
        }
        if let Some(symbols) = &self.parts.symbols {
            add("COFF symbols".to_owned(), symbols);
        }
        if let Some(table) = &self.parts.certificates {
            add("Authenticode certificates".to_owned(), table);
        }
        out
    }
}

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    if !probe.has(0, b"MZ") {
        return Ok(None);
    }
    Ok(Image::open(probe.source)?.map(|(_, head)| Evidence {
        certainty: Certainty::Possible,
        why: format!("PE header for {}", head.machine.name()),
    }))
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let Some(anatomy) = anatomy(&*source)? else { return Err(Error::invalid("PE signature")) };
    Ok(Box::new(PeImage { catalogue: catalogue(source, &anatomy, options)? }))
}

/// The catalogue of an image that is shown as what it is.
///
/// # Errors
/// `Limit` where it has more resources than `options` allow.
pub fn catalogue(source: SharedSource, anatomy: &Anatomy, options: &Options) -> Result<Catalogue> {
    let mut catalogue = Catalogue::new(source);
    let parts = &anatomy.parts;
    if anatomy.resources.len() as u64 > options.limits.entries {
        return Err(Error::limit("entries", options.limits.entries));
    }
    add_resources(&mut catalogue.entries, &anatomy.resources);
    for (number, range) in parts.overlay.iter().enumerate() {
        let name = match number {
            0 => "[overlay]".to_owned(),
            _ => format!("[overlay {}]", number + 1),
        };
        catalogue.entries.push(stored(name, range));
    }
    if let Some(table) = &parts.certificates {
        catalogue.entries.push(stored("[certificates]".to_owned(), table));
    }
    catalogue.end = parts.claimed_end.max(catalogue.source.len());
    let files = catalogue.entries.iter().filter(|entry| entry.kind == EntryKind::File).count();
    catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: anatomy.detail(),
        label: None,
        entries: Some(files as u64),
        used: true,
    });
    catalogue.facts.named = anatomy.named();
    let machine = anatomy.facts.head.machine.platform();
    if matches!(machine.name(), "x86" | "x64" | "arm64" | "arm" | "ia64" | "neutral") {
        catalogue.facts.named.push(("platform", machine.name().to_owned()));
    }
    catalogue.findings = anatomy.facts.findings.clone();
    catalogue.regions = anatomy.regions();
    Ok(catalogue)
}

fn stored(path: String, range: &Range<u64>) -> Entry {
    let len = range.end.saturating_sub(range.start);
    let location = match len {
        0 => Location::Nowhere,
        _ => Location::Stored(Extents::One(Piece { at: Some(range.start), len })),
    };
    Entry { bytes: len, location, ..Entry::new(EntryPath::new(path), EntryKind::File) }
}

/// The resources with their directories. A language is part of the name where there are several.
fn add_resources(entries: &mut Vec<Entry>, resources: &[Resource]) {
    let path = |resource: &Resource| {
        // Names are any UTF-16: a slash in one is no directory.
        let part = |text: String| match text.as_str() {
            "" => "_".to_owned(),
            _ => text.replace(['/', '\0'], "_"),
        };
        (format!("[resources]/{}", part(resource.kind.kind())), part(resource.name.text()))
    };
    let mut languages: HashMap<(String, String), u64> = HashMap::new();
    for resource in resources {
        *languages.entry(path(resource)).or_default() += 1;
    }
    let mut known = HashSet::new();
    let mut directory = |path: &str, entries: &mut Vec<Entry>| {
        if known.insert(path.to_owned()) {
            entries.push(Entry::new(EntryPath::new(path), EntryKind::Dir));
        }
    };
    for resource in resources {
        let (kind, name) = path(resource);
        directory("[resources]", entries);
        directory(&kind, entries);
        let several = languages.get(&(kind.clone(), name.clone())).is_some_and(|count| *count > 1);
        let language = if several { format!(".{}", resource.language) } else { String::new() };
        entries.push(stored(format!("{kind}/{name}{language}"), &resource.range));
    }
}

/// An image as a container.
struct PeImage {
    catalogue: Catalogue,
}

impl Container for PeImage {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }
}
