//! RPM packages: lead, signature header, header, and a cpio archive that is mostly packed.
//!
//! Digests are compared where the package has them: of the header and of the packed payload when it is
//! opened, of each file when it is read. Signatures are noted, not verified.

mod header;

use super::inside::{Inside, Stands};
use super::listing::Listing;
use super::stream::codec::Codec;
use super::stream::{Stream, archive};
use super::{Certainty, Evidence, Format, Options, Probe};
use crate::container::{Catalogue, Container, EntryKind, Finding, Layer, Region, Severity};
use crate::digest::{Algorithm, Hasher, Value};
use crate::error::{Error, Result};
use crate::source::{Digested, SharedSource, Slice, read_up_to};
use header::Header;
use std::collections::HashMap;
use std::sync::Arc;

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "rpm",
    title: "RPM package",
    spec: &["RPM package format, version 3 and 4 (rpm.org)", "cpio(5), new ASCII format"],
    limits: &[
        "signatures are noted, not verified",
        "packages with files above 4 GiB (cpio without names) and of version 6 are not read",
        "delta packages are not read",
    ],
    probe,
    open,
};

/// Bytes of the lead.
const LEAD: u64 = 96;

/// Tags of the signature header.
mod signature {
    pub(super) const SIZE: u32 = 1000;
    pub(super) const LONG_SIZE: u32 = 270;
    pub(super) const MD5: u32 = 1004;
    pub(super) const HEADER_SHA1: u32 = 269;
    pub(super) const HEADER_SHA256: u32 = 273;
    pub(super) const SIGNATURES: [(u32, &str); 5] =
        [(267, "DSA"), (268, "RSA"), (1002, "RSA"), (1005, "DSA"), (278, "OpenPGP")];
}

/// Tags of the header.
mod tag {
    pub(super) const NAME: u32 = 1000;
    pub(super) const VERSION: u32 = 1001;
    pub(super) const RELEASE: u32 = 1002;
    pub(super) const EPOCH: u32 = 1003;
    pub(super) const SUMMARY: u32 = 1004;
    pub(super) const VENDOR: u32 = 1011;
    pub(super) const PACKAGER: u32 = 1015;
    pub(super) const ARCH: u32 = 1022;
    pub(super) const FILE_DIGESTS: u32 = 1035;
    pub(super) const SOURCE_RPM: u32 = 1044;
    pub(super) const SOURCE_PACKAGE: u32 = 1106;
    pub(super) const DIR_INDEXES: u32 = 1116;
    pub(super) const BASE_NAMES: u32 = 1117;
    pub(super) const DIR_NAMES: u32 = 1118;
    pub(super) const COMPRESSOR: u32 = 1125;
    pub(super) const FILE_DIGEST_ALGORITHM: u32 = 5011;
    pub(super) const PAYLOAD_DIGEST: u32 = 5092;
    pub(super) const PAYLOAD_DIGEST_ALGORITHM: u32 = 5093;
}

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    if !probe.has(0, b"\xed\xab\xee\xdb") {
        return Ok(None);
    }
    let certainty = if probe.has(96, b"\x8e\xad\xe8\x01") { Certainty::Sure } else { Certainty::Likely };
    Ok(Some(Evidence { certainty, why: "the lead of an RPM package".to_owned() }))
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    if read_up_to(&*source, 0, 4)? != b"\xed\xab\xee\xdb" {
        return Err(Error::invalid("magic").at("rpm lead", 0));
    }
    let sums = Header::read(&*source, LEAD)?;
    let header = Header::read(&*source, sums.range.end.next_multiple_of(8))?;
    let start = header.range.end;
    let mut catalogue = Catalogue::new(source.clone());
    let size = [signature::LONG_SIZE, signature::SIZE]
        .into_iter()
        .find_map(|tag| sums.numbers(tag).first().copied());
    let declared = size.map(|size| header.range.start.saturating_add(size)).filter(|end| *end >= start);
    describe(&mut catalogue, &header, &sums);
    check_header(&mut catalogue, &header, &sums);
    catalogue.regions.push(Region { what: "lead and headers".to_owned(), range: 0..start });

    // The payload's own digest where there is one, else the old MD5 over header and payload.
    let payload_digest = payload_digest(&header);
    let md5 = sums.binary(signature::MD5).filter(|bytes| bytes.len() == 16);
    let (from, expected) = match (payload_digest, md5) {
        (Some(value), _) => (start, Some(value)),
        (None, Some(md5)) => {
            (header.range.start, Some(Value { algorithm: Algorithm::Md5, bytes: md5.to_vec() }))
        }
        (None, None) => (start, None),
    };
    let end = declared.unwrap_or(source.len());
    let slice: SharedSource = Arc::new(Slice::new(source.clone(), from..end));
    let algorithms: Vec<Algorithm> = expected.iter().map(|value| value.algorithm).collect();
    let digested = Arc::new(Digested::new(slice.clone(), &algorithms));
    digested.in_order();
    let seen: SharedSource = digested.clone();
    let payload: SharedSource = Arc::new(Slice::new(seen, start - from..u64::MAX));
    let head = read_up_to(&*payload, 0, 64)?;
    let compressor = header.text(tag::COMPRESSOR);
    let codec = if compressor.as_deref() == Some("lzma") { Some(Codec::Lzma) } else { Codec::of(&head) };
    let none = || match end > source.len() {
        true => Error::truncated(end, source.len()).at("rpm payload", start),
        false => Error::damaged("no cpio archive").at("rpm payload", start),
    };
    let (inner, stands, reach) = match codec {
        Some(codec) => {
            let stream = Stream::unpack(codec, &payload, &options.limits)?;
            if let Some(error) = stream.unpacked.failed {
                let what = format!("the payload is not whole: {error}");
                catalogue.findings.push(Finding::new(Severity::Damaged, what));
            }
            let inner = archive(&stream.unpacked.source, options)?.ok_or_else(none)?;
            (inner, Stands::Unpacked, stream.end)
        }
        None => {
            let inner = archive(&payload, options)?.ok_or_else(none)?;
            let reach = inner.extent().end;
            (inner, Stands::At(start), reach)
        }
    };
    catalogue.end = declared.unwrap_or_else(|| start.saturating_add(reach));
    if let Some(expected) = expected.filter(|_| catalogue.end <= source.len())
        && digested.finish(&mut |_| true)?.first() != Some(&expected)
    {
        let what = format!("the payload's {} is not the one that the package gives", expected.algorithm);
        catalogue.findings.push(Finding::new(Severity::Damaged, what));
    }
    let fact = |name: &str| {
        let found = catalogue.facts.named.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let label = format!("{}-{}", fact("product"), fact("version"));
    catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: format!("RPM package, {}", codec.map_or("not packed", Codec::title)),
        label: Some(label),
        entries: None,
        used: true,
    });
    let mut inside = Inside::new(FORMAT.name, catalogue);
    inside.add(inner, "", stands);
    let (mut digests, algorithm) = file_digests(&header);
    let files = inside.entries().iter().enumerate().filter(|(_, entry)| entry.kind == EntryKind::File);
    let digests: HashMap<usize, Value> =
        files.filter_map(|(id, entry)| Some((id, digests.remove(entry.path.bytes())?))).collect();
    inside.compares((!digests.is_empty()).then_some(algorithm.name()));
    inside.expect(digests);
    Ok(Box::new(inside))
}

/// What the package says of itself.
fn describe(catalogue: &mut Catalogue, header: &Header, sums: &Header) {
    let named = &mut catalogue.facts.named;
    named.extend(header.text(tag::NAME).map(|name| ("product", name)));
    let epoch = header.numbers(tag::EPOCH).first().map(|epoch| format!("{epoch}:")).unwrap_or_default();
    if let Some(version) = header.text(tag::VERSION) {
        let release = header.text(tag::RELEASE).map(|release| format!("-{release}")).unwrap_or_default();
        named.push(("version", format!("{epoch}{version}{release}")));
    }
    let by = header.text(tag::VENDOR).filter(|vendor| vendor != "(none)");
    named.extend(by.or_else(|| header.text(tag::PACKAGER)).map(|by| ("manufacturer", by)));
    // A source package has the processor of the machine that made it.
    if header.has(tag::SOURCE_PACKAGE) || !header.has(tag::SOURCE_RPM) {
        named.push(("platform", "neutral".to_owned()));
        named.push(("kind", "source package".to_owned()));
    } else {
        named.extend(header.text(tag::ARCH).map(|arch| ("platform", platform(&arch))));
    }
    named.extend(header.text(tag::SUMMARY).map(|summary| ("comment", summary)));
    named.extend(sums.text(signature::HEADER_SHA256).map(|hex| ("header_sha256", hex)));
    if let Some(value) = payload_digest(header).filter(|value| value.algorithm == Algorithm::Sha256) {
        named.push(("payload_sha256", value.hex()));
    }
    let signed = signature::SIGNATURES.into_iter().find(|(tag, _)| sums.has(*tag));
    named.extend(signed.map(|(_, kind)| ("signature", format!("{kind}, not verified"))));
}

/// The processor's name as all formats here have it; others stay as they are.
fn platform(arch: &str) -> String {
    match arch {
        "x86_64" | "amd64" => "x64",
        "i386" | "i486" | "i586" | "i686" | "athlon" => "x86",
        "aarch64" => "arm64",
        "armv5tel" | "armv6hl" | "armv7hl" | "armv7l" => "arm",
        "ia64" => "ia64",
        "noarch" => "neutral",
        other => other,
    }
    .to_owned()
}

/// Compares the header with the digests that the signature header has of it.
fn check_header(catalogue: &mut Catalogue, header: &Header, sums: &Header) {
    let kept = [(signature::HEADER_SHA256, Algorithm::Sha256), (signature::HEADER_SHA1, Algorithm::Sha1)];
    for (tag, algorithm) in kept {
        let Some(value) = sums.text(tag).and_then(|hex| Value::from_hex(algorithm, &hex).ok()) else {
            continue;
        };
        let mut hasher = Hasher::new(&[algorithm]);
        hasher.update(header.bytes());
        if hasher.finish().first() != Some(&value) {
            let what = format!("the header's {algorithm} is not the one that the package gives");
            catalogue.findings.push(Finding::new(Severity::Damaged, what));
        }
        return;
    }
}

/// The algorithm of a number of OpenPGP (RFC 9580, 9.5).
fn algorithm(number: u64) -> Option<Algorithm> {
    Some(match number {
        1 => Algorithm::Md5,
        2 => Algorithm::Sha1,
        8 => Algorithm::Sha256,
        9 => Algorithm::Sha384,
        10 => Algorithm::Sha512,
        11 => Algorithm::Sha224,
        _ => return None,
    })
}

/// The digest of the packed payload.
fn payload_digest(header: &Header) -> Option<Value> {
    let number = header.numbers(tag::PAYLOAD_DIGEST_ALGORITHM).first().copied().unwrap_or(8);
    Value::from_hex(algorithm(number)?, &header.text(tag::PAYLOAD_DIGEST)?).ok()
}

/// The files' digests by path, and which they are. Directories and links have none.
fn file_digests(header: &Header) -> (HashMap<Vec<u8>, Value>, Algorithm) {
    let number = header.numbers(tag::FILE_DIGEST_ALGORITHM).first().copied().unwrap_or(1);
    let Some(algorithm) = algorithm(number) else { return (HashMap::new(), Algorithm::Md5) };
    let directories = header.strings(tag::DIR_NAMES);
    let indexes = header.numbers(tag::DIR_INDEXES);
    let names = header.strings(tag::BASE_NAMES).into_iter().zip(indexes);
    let files = names.zip(header.strings(tag::FILE_DIGESTS)).filter_map(|((name, index), hex)| {
        let directory = directories.get(usize::try_from(index).ok()?)?;
        let value = Value::from_hex(algorithm, std::str::from_utf8(hex).ok()?).ok()?;
        // A few long directories must not be copied for a million names.
        let path = (directory.len() <= 4096 && name.len() <= 4096).then(|| [directory, name].concat())?;
        Some((Listing::path(&path).bytes().to_vec(), value))
    });
    (files.collect(), algorithm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_processors_are_ours() {
        assert_eq!(platform("x86_64"), "x64");
        assert_eq!(platform("noarch"), "neutral");
        assert_eq!(platform("s390x"), "s390x");
        assert_eq!(algorithm(8), Some(Algorithm::Sha256));
    }
}
