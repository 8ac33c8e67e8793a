//! Debian packages: a Unix archive of `debian-binary`, `control.tar.*` and `data.tar.*`.
//!
//! The files of the data archive are shown at their paths, those of the control archive below `[control]`.
//! Where the control archive has `md5sums`, they are compared when members are read.

use super::inside::{Inside, Stands};
use super::stream::codec::Codec;
use super::stream::{Stream, archive};
use super::{Certainty, Evidence, Format, Options, Probe};
use crate::container::{Catalogue, Container, EntryId, EntryKind, Finding, Layer, Severity};
use crate::digest::{Algorithm, Value};
use crate::error::{Error, Result};
use crate::source::{SharedSource, Slice, Source, read_up_to, read_vec};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "deb",
    title: "Debian package",
    spec: &["deb(5), format 2.0", "deb-control(5), deb-md5sums(5)"],
    limits: &[
        "signatures within the package (debsigs) are listed as parts, not verified",
        "format 0.939 is not read",
    ],
    probe,
    open,
};

const MAGIC: &[u8] = b"!<arch>\n";
/// Bytes of a member's header.
const HEADER: u64 = 60;
/// Members of the outer archive.
const MOST_PARTS: usize = 64;
/// Bytes of the files `control` and `md5sums`.
const MOST_CONTROL: u64 = 64 << 20;

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    let here = probe.has(0, MAGIC) && probe.has(8, b"debian-binary");
    let why = "a Unix archive that begins with debian-binary".to_owned();
    Ok(here.then_some(Evidence { certainty: Certainty::Sure, why }))
}

/// A member of the outer archive.
struct Part {
    name: String,
    range: Range<u64>,
}

/// The members of the outer archive, and how far it reaches.
fn parts(source: &dyn Source) -> Result<(Vec<Part>, u64)> {
    let mut parts = Vec::new();
    let mut at = MAGIC.len() as u64;
    while at < source.len() && parts.len() < MOST_PARTS {
        let wrong = |what| Error::invalid(what).at("ar header", at);
        let header = read_up_to(source, at, 60)?;
        if header.len() < 60 {
            return Ok((parts, at.saturating_add(HEADER)));
        }
        if header.get(58..60) != Some(b"`\n") {
            // What a writer put behind the last member is a tail.
            if parts.len() >= 3 {
                return Ok((parts, at));
            }
            return Err(wrong("end of a header"));
        }
        let text =
            |range: Range<usize>| String::from_utf8_lossy(header.get(range).unwrap_or_default()).into_owned();
        let size: u64 = text(48..58).trim().parse().map_err(|_| wrong("size"))?;
        let start = at.saturating_add(HEADER);
        let end = start.checked_add(size).ok_or_else(|| wrong("size"))?;
        parts.push(Part { name: text(0..16).trim_end().trim_end_matches('/').to_owned(), range: start..end });
        // Members begin at even places; behind the last one the byte between may be missing.
        at = if end % 2 == 1 && end != source.len() { end.saturating_add(1) } else { end };
    }
    Ok((parts, at))
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    if read_up_to(&*source, 0, 8)? != MAGIC {
        return Err(Error::invalid("signature").at("ar archive", 0));
    }
    let (parts, end) = parts(&*source)?;
    let mut catalogue = Catalogue::new(source.clone());
    catalogue.end = end;
    let named = |start: &str| parts.iter().find(|part| part.name.starts_with(start));
    let version = named("debian-binary").map(|part| read_up_to(&*source, part.range.start, 4)).transpose()?;
    let version = String::from_utf8_lossy(&version.unwrap_or_default()).trim().to_owned();
    let known = ["debian-binary", "control.tar", "data.tar"];
    for part in parts.iter().filter(|part| !known.iter().any(|known| part.name.starts_with(known))) {
        let what = format!("the package has a part {}, which is not shown", part.name);
        catalogue.findings.push(Finding::new(Severity::Note, what));
    }
    let data = named("data.tar").ok_or_else(|| match end > source.len() {
        true => Error::truncated(end, source.len()).at("ar archive", 8),
        false => Error::damaged("no data.tar in it").at("ar archive", 8),
    })?;
    let mut failed = Vec::new();
    let (data, packing) = inner(&source, data, options, &mut failed)?;
    let mut sums = HashMap::new();
    let mut control = None;
    match named("control.tar").map(|part| inner(&source, part, options, &mut failed)) {
        Some(Ok((opened, _))) => {
            if let Some(text) = content(&*opened.container, "control") {
                describe(&mut catalogue, &text);
            }
            if let Some(text) = content(&*opened.container, "md5sums") {
                sums = md5sums(&text);
            }
            control = Some(opened);
        }
        Some(Err(error)) if error.is_damage() => {
            failed.push(format!("the control archive cannot be read: {error}"));
        }
        Some(Err(error)) => return Err(error),
        None => failed.push("the package has no control archive".to_owned()),
    }
    catalogue.findings.extend(failed.into_iter().map(|what| Finding::new(Severity::Damaged, what)));
    let fact = |name: &str| {
        let found = catalogue.facts.named.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone())
    };
    let label = fact("product").map(|name| format!("{name} {}", fact("version").unwrap_or_default()));
    catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: format!("Debian package {version}, {packing}"),
        label,
        entries: None,
        used: true,
    });
    let mut inside = Inside::new(FORMAT.name, catalogue);
    inside.add(data.container, "", data.stands);
    let files = inside.entries().iter().enumerate().filter(|(_, entry)| entry.kind == EntryKind::File);
    let digests: HashMap<usize, Value> =
        files.filter_map(|(id, entry)| Some((id, sums.remove(entry.path.bytes())?))).collect();
    let compares = !digests.is_empty();
    inside.expect(digests);
    inside.compares(compares.then_some("md5"));
    if let Some(control) = control {
        inside.add(control.container, "[control]", control.stands);
    }
    Ok(Box::new(inside))
}

/// An inner archive and where it stands.
struct Opened {
    container: Box<dyn Container>,
    stands: Stands,
}

/// Opens one of the two archives; what was noticed on the way goes to `failed`.
fn inner(
    source: &SharedSource,
    part: &Part,
    options: &Options,
    failed: &mut Vec<String>,
) -> Result<(Opened, &'static str)> {
    let slice: SharedSource = Arc::new(Slice::new(source.clone(), part.range.clone()));
    let none = || Error::damaged("no tar archive").at("part of a package", part.range.start);
    let head = read_up_to(&*slice, 0, 64)?;
    // The name tells what has no signature.
    let codec = if part.name.ends_with(".lzma") { Some(Codec::Lzma) } else { Codec::of(&head) };
    let Some(codec) = codec else {
        let container = archive(&slice, options)?.ok_or_else(none)?;
        return Ok((Opened { container, stands: Stands::At(part.range.start) }, "not packed"));
    };
    let stream = Stream::unpack(codec, &slice, &options.limits)?;
    if let Some(error) = stream.unpacked.failed {
        failed.push(format!("{} is not whole: {error}", part.name));
    }
    let container = archive(&stream.unpacked.source, options)?.ok_or_else(none)?;
    Ok((Opened { container, stands: Stands::Unpacked }, codec.title()))
}

/// The content of a small file.
fn content(container: &dyn Container, path: &str) -> Option<Vec<u8>> {
    let found = container.entries().iter().position(|entry| entry.path.text() == path)?;
    let source = container.sub_source(EntryId(found), &crate::limits::Limits::default()).ok()?;
    if source.len() > MOST_CONTROL {
        return None;
    }
    read_vec(&*source, 0, source.len()).ok()
}

/// The fields of the control file that people ask for.
fn describe(catalogue: &mut Catalogue, control: &[u8]) {
    let text = String::from_utf8_lossy(control);
    let field = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let named = &mut catalogue.facts.named;
    named.extend(field("Package").map(|value| ("product", value)));
    named.extend(field("Version").map(|value| ("version", value)));
    named.extend(field("Maintainer").map(|value| ("manufacturer", value)));
    named.extend(field("Architecture").map(|value| ("platform", platform(&value))));
    named.extend(field("Description").map(|value| ("comment", value)));
    named.extend(field("Homepage").map(|value| ("homepage", value)));
}

/// The architecture's name as all formats here have it; others stay as they are.
fn platform(architecture: &str) -> String {
    match architecture {
        "amd64" => "x64",
        "i386" | "i486" | "i586" | "i686" => "x86",
        "arm64" => "arm64",
        "armhf" | "armel" | "arm" => "arm",
        "ia64" => "ia64",
        "all" => "neutral",
        other => other,
    }
    .to_owned()
}

/// Digests by path.
fn md5sums(text: &[u8]) -> HashMap<Vec<u8>, Value> {
    let lines = text.split(|byte| *byte == b'\n');
    let sums = lines.filter_map(|line| {
        let (hex, path) = line.split_at_checked(32)?;
        let value = Value::from_hex(Algorithm::Md5, std::str::from_utf8(hex).ok()?).ok()?;
        let path = path.strip_prefix(b"  ").or(path.strip_prefix(b" *"))?;
        let path = path.strip_prefix(b"./").or(path.strip_prefix(b"/")).unwrap_or(path);
        Some((path.to_vec(), value))
    });
    sums.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_the_outer_archive_begin_at_even_places() {
        let member = |name: &str, data: &str| {
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n{data}", 0, 0, 0, 100_644, data.len())
        };
        let bytes = ["!<arch>\n", &member("debian-binary", "2.0"), "\n", &member("x/", "data")].concat();
        let (found, end) = parts(&bytes.clone().into_bytes()).unwrap();
        assert_eq!((found.len(), found[1].name.as_str(), end), (2, "x", bytes.len() as u64));
        assert!(
            parts(&b"!<arch>\nnot a header at all, and longer than one must be, so it is wrong ...".to_vec())
                .is_err()
        );
    }

    #[test]
    fn sums_are_by_path() {
        let sums = md5sums(b"d41d8cd98f00b204e9800998ecf8427e  ./usr/a b\nshort\n\n");
        assert_eq!(sums.keys().next().unwrap(), b"usr/a b");
        assert_eq!(platform("armhf"), "arm");
    }
}
