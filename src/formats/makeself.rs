//! Makeself: a shell script with a tar archive behind it, mostly packed.
//!
//! The script's head says everything: `skip` (its own lines), `filesizes` (bytes of each archive behind
//! them), the sums `SHA` (SHA-256), `MD5` and `CRCsum` (as POSIX `cksum`), zeros where there is none,
//! `label` and `script`. Older scripts count their lines in `head -n N "$0"`. The script is never run.

use super::inside::{Inside, Stands};
use super::stream::codec::Codec;
use super::stream::{Stream, archive};
use super::{Certainty, Evidence, Format, Options, Probe};
use crate::container::{Catalogue, Container, Finding, Layer, Region, Severity};
use crate::digest::{Algorithm, Value};
use crate::error::{Error, Result};
use crate::source::{Digested, SharedSource, Slice, Source, read_up_to};
use std::ops::Range;
use std::sync::Arc;

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "makeself",
    title: "Makeself archive",
    spec: &["makeself-header.sh of Makeself 2.1 to 2.5"],
    limits: &[
        "the script is read for its variables, never run",
        "encrypted archives, and such packed by compress or base64, are recognised and not unpacked",
        "sums of archives that are not packed are compared up to 64 MiB",
    ],
    probe,
    open,
};

const SIGNATURE: &[u8] = b"# This script was generated using Makeself ";
/// Bytes of a script at most; licences stand in it.
const MOST_SCRIPT: usize = 4 << 20;
/// Bytes of an archive that is not packed and that is read for its sum.
const MOST_SUMMED: u64 = 64 << 20;

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    if !probe.has(0, b"#!") || !has_signature(&probe.head) {
        return Ok(None);
    }
    let certainty = if Script::read(probe.source).is_ok() { Certainty::Sure } else { Certainty::Likely };
    Ok(Some(Evidence { certainty, why: "the script says that Makeself made it".to_owned() }))
}

fn has_signature(head: &[u8]) -> bool {
    head.split(|byte| *byte == b'\n').take(4).any(|line| line.starts_with(SIGNATURE))
}

/// What the script says.
#[derive(Default)]
struct Script {
    version: String,
    label: String,
    script: String,
    encrypted: bool,
    /// Where each archive lies.
    archives: Vec<Range<u64>>,
    /// What each must sum to, the surest one that is kept.
    sums: Vec<Option<Sum>>,
}

enum Sum {
    Digest(Value),
    /// POSIX `cksum`.
    Crc(u32),
}

impl Script {
    fn read(source: &dyn Source) -> Result<Self> {
        let head = read_up_to(source, 0, MOST_SCRIPT)?;
        let wrong = |field| Error::invalid("value in the script").at("makeself script", 0).field(field);
        let mut out = Self::default();
        let (mut skip, mut sizes) = (None, None);
        let (mut sha, mut md5, mut crc) = (String::new(), String::new(), String::new());
        for line in head.split(|byte| *byte == b'\n').take(200) {
            if let Some(version) = line.strip_prefix(SIGNATURE) {
                out.version = String::from_utf8_lossy(version.trim_ascii()).into_owned();
                continue;
            }
            let Ok(line) = std::str::from_utf8(line) else { continue };
            if let (None, Some((_, rest))) = (skip, line.split_once("head -n ")) {
                skip = rest.split(' ').next().and_then(|lines| lines.parse::<usize>().ok());
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let value = value.trim().trim_matches(['"', '\'']);
            match key {
                "skip" => skip = value.parse().ok(),
                "filesizes" => sizes = Some(value.to_owned()),
                "label" => value.clone_into(&mut out.label),
                "script" => value.clone_into(&mut out.script),
                "SHA" => value.clone_into(&mut sha),
                "MD5" => value.clone_into(&mut md5),
                "CRCsum" => value.clone_into(&mut crc),
                "ENCRYPT" => out.encrypted |= value == "y",
                _ => {}
            }
        }
        let skip = skip.filter(|lines| *lines > 0).ok_or_else(|| wrong("skip"))?;
        let lines = head.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let mut at = lines.map(|(at, _)| at as u64 + 1).nth(skip - 1).ok_or_else(|| wrong("skip"))?;
        let sizes = sizes.ok_or_else(|| wrong("filesizes"))?;
        for size in sizes.split_whitespace().take(16) {
            let size: u64 = size.parse().map_err(|_| wrong("filesizes"))?;
            let end = at.checked_add(size).ok_or_else(|| wrong("filesizes"))?;
            out.archives.push(at..end);
            at = end;
        }
        if out.archives.is_empty() {
            return Err(wrong("filesizes"));
        }
        let word = |list: &str, number: usize| list.split_whitespace().nth(number).map(str::to_owned);
        let digest = |algorithm, list: &str, number| {
            let hex = word(list, number).filter(|hex| !hex.trim_matches('0').is_empty())?;
            Value::from_hex(algorithm, &hex).ok().map(Sum::Digest)
        };
        out.sums = (0..out.archives.len())
            .map(|number| {
                let crc = || word(&crc, number)?.parse().ok().filter(|crc| *crc != 0).map(Sum::Crc);
                digest(Algorithm::Sha256, &sha, number)
                    .or_else(|| digest(Algorithm::Md5, &md5, number))
                    .or_else(crc)
            })
            .collect();
        Ok(out)
    }
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    if !has_signature(&read_up_to(&*source, 0, 4096)?) {
        return Err(Error::invalid("first lines").at("makeself script", 0));
    }
    let script = Script::read(&*source)?;
    if script.encrypted {
        return Err(Error::encrypted("the archive behind the script"));
    }
    let mut catalogue = Catalogue::new(source.clone());
    let start = script.archives.first().map_or(0, |range| range.start);
    catalogue.end = script.archives.last().map_or(0, |range| range.end);
    catalogue.regions.push(Region { what: "the script".to_owned(), range: 0..start });
    catalogue.facts.named.push(("stub", "makeself".to_owned()));
    catalogue.facts.named.push(("stub_version", script.version.clone()));
    let label = Some(script.label.clone()).filter(|label| !label.is_empty());
    catalogue.facts.named.extend(label.clone().map(|label| ("product", label)));
    if !script.script.is_empty() {
        catalogue.facts.named.push(("script", script.script.clone()));
    }
    let layer = Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: format!("Makeself {}", script.version),
        label,
        entries: None,
        used: true,
    };
    catalogue.layers.push(layer);
    let mut inside = Inside::new(FORMAT.name, catalogue);
    for (range, sum) in script.archives.iter().zip(&script.sums) {
        one(&mut inside, &source, range, sum.as_ref(), options)?;
    }
    Ok(Box::new(inside))
}

/// Opens one archive behind the script, and compares its sum while it is read.
fn one(
    inside: &mut Inside,
    source: &SharedSource,
    range: &Range<u64>,
    sum: Option<&Sum>,
    options: &Options,
) -> Result<()> {
    let slice: SharedSource = Arc::new(Slice::new(source.clone(), range.clone()));
    let algorithms: Vec<Algorithm> = match sum {
        Some(Sum::Digest(value)) => vec![value.algorithm],
        _ => Vec::new(),
    };
    let digested = Arc::new(Digested::new(slice.clone(), &algorithms));
    digested.in_order();
    let seen: SharedSource = digested.clone();
    let head = read_up_to(&*slice, 0, 64)?;
    let codec = Codec::of(&head);
    let whole = range.end <= source.len();
    let name = match codec {
        Some(codec) => {
            let stream = Stream::unpack(codec, &seen, &options.limits)?;
            if let Some(error) = stream.unpacked.failed {
                let what = format!("the archive behind the script is not whole: {error}");
                inside.catalogue_mut().findings.push(Finding::new(Severity::Damaged, what));
            }
            let inner = archive(&stream.unpacked.source, options)?.ok_or_else(|| no_archive(range))?;
            inside.add(inner, "", Stands::Unpacked);
            codec.title()
        }
        None if head.starts_with(b"Salted__") || head.starts_with(b"\x8c\x0d\x04") => {
            return Err(Error::encrypted("the archive behind the script"));
        }
        None if head.starts_with(b"\x1f\x9d") => {
            return Err(Error::unsupported("archive packed by compress"));
        }
        None => {
            let inner = archive(&slice, options)?.ok_or_else(|| no_archive(range))?;
            inside.add(inner, "", Stands::At(range.start));
            "not packed"
        }
    };
    let catalogue = inside.catalogue_mut();
    if let Some(layer) = catalogue.layers.first_mut() {
        layer.detail = format!("{}, {name}", layer.detail);
    }
    if whole && (codec.is_some() || slice.len() <= MOST_SUMMED) {
        let (fits, name) = match sum {
            Some(Sum::Digest(value)) => {
                (digested.finish(&mut |_| true)?.first() == Some(value), value.algorithm.name())
            }
            Some(Sum::Crc(crc)) => (cksum(&*slice)? == *crc, "cksum"),
            None => return Ok(()),
        };
        if !fits {
            let what = format!("the {name} of the archive is not the one that the script gives");
            catalogue.findings.push(Finding::new(Severity::Damaged, what));
        }
        inside.compares(Some(name));
    }
    Ok(())
}

fn no_archive(range: &Range<u64>) -> Error {
    Error::damaged("no archive behind the script").at("makeself archive", range.start)
}

/// POSIX `cksum`: CRC-32 with the highest bit first, over the bytes and then their number.
fn cksum(source: &dyn Source) -> Result<u32> {
    const POLYNOMIAL: u32 = 0x04c1_1db7;
    let table: Vec<u32> = (0..256u32)
        .map(|byte| {
            (0..8).fold(byte << 24, |crc, _| if crc >> 31 == 1 { (crc << 1) ^ POLYNOMIAL } else { crc << 1 })
        })
        .collect();
    let step = |crc: u32, byte: u8| {
        let [high, ..] = crc.to_be_bytes();
        (crc << 8) ^ table.get(usize::from(high ^ byte)).copied().unwrap_or(0)
    };
    let (mut crc, mut at) = (0, 0u64);
    loop {
        let bytes = read_up_to(source, at, 64 << 10)?;
        if bytes.is_empty() {
            break;
        }
        at = at.saturating_add(bytes.len() as u64);
        crc = bytes.iter().fold(crc, |crc, byte| step(crc, *byte));
    }
    let len = source.len().to_le_bytes();
    let used = len.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    Ok(!len.iter().take(used).fold(crc, |crc, byte| step(crc, *byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cksum_is_the_one_of_posix() {
        assert_eq!(cksum(&b"123456789".to_vec()).unwrap(), 930_766_865);
        assert_eq!(cksum(&Vec::new()).unwrap(), 4_294_967_295);
    }

    #[test]
    fn the_script_says_where_the_archive_is() {
        let text = "#!/bin/sh\n# This script was generated using Makeself 2.4.5\nMD5=\"0000\"\nlabel=\"A b\"\n\
            filesizes=\"10 20\"\nskip=\"7\"\n\nrest";
        let script = Script::read(&text.as_bytes().to_vec()).unwrap();
        let start = text.len() as u64 - 4;
        assert_eq!(script.archives, [start..start + 10, start + 10..start + 30]);
        assert_eq!((script.label.as_str(), script.version.as_str()), ("A b", "2.4.5"));
        let old = text.replace("skip=\"7\"", "offset=`head -n 6 \"$0\" | wc -c`");
        assert_eq!(Script::read(&old.as_bytes().to_vec()).unwrap().archives[0].start, old.len() as u64 - 5);
        for (good, bad) in
            [("\"7\"", "\"900\""), ("10 20", "x"), ("10 20", "18446744073709551615"), ("10 20", "")]
        {
            assert!(Script::read(&text.replace(good, bad).into_bytes()).is_err(), "{bad}");
        }
    }
}
