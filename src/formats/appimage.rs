//! AppImages of type 2: an ELF program with a SquashFS file system behind it. The program is never run.

use super::inside::{Inside, Stands};
use super::{Certainty, Evidence, Format, Options, Probe, squashfs};
use crate::container::{Catalogue, Container, EntryId, EntryKind, Layer, Region};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::source::{SharedSource, Slice, Source, read_up_to};
use std::io::Read;
use std::sync::Arc;

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "appimage",
    title: "AppImage",
    spec: &["AppImage specification 1.0 draft, type 2", "System V ABI, ELF header"],
    limits: &[
        "type 1 is an ISO 9660 image and read as one",
        "file systems other than SquashFS 4.0 (DwarFS) are not read",
        "the signature in the program's sections is not verified",
    ],
    probe,
    open,
};

/// Bytes of a desktop file.
const MOST_DESKTOP: u64 = 64 << 10;

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    let Ok(program) = Program::read(probe.source) else { return Ok(None) };
    let marked = probe.has(8, b"AI\x02");
    let packed = read_up_to(probe.source, program.end, 4)? == b"hsqs";
    Ok((packed || marked).then(|| Evidence {
        certainty: if packed { Certainty::Sure } else { Certainty::Likely },
        why: format!("an ELF program up to {:#x} and what an AppImage has behind it", program.end),
    }))
}

/// What the ELF header says.
struct Program {
    /// Where the section headers end, and the file system begins.
    end: u64,
    platform: &'static str,
}

impl Program {
    fn read(source: &dyn Source) -> Result<Self> {
        let bytes = read_up_to(source, 0, 64)?;
        let f = Fields::new("ELF header", &bytes, 0);
        if f.bytes(0, 4, "magic")? != b"\x7fELF" || f.u8(5, "byte order")? != 1 {
            return Err(f.wrong(0, "magic", Error::invalid("magic")));
        }
        let (start, size, count) = match f.u8(4, "class")? {
            1 => (
                u64::from(f.u32_le(0x20, "section headers")?),
                f.u16_le(0x2e, "size")?,
                f.u16_le(0x30, "count")?,
            ),
            2 => (f.u64_le(0x28, "section headers")?, f.u16_le(0x3a, "size")?, f.u16_le(0x3c, "count")?),
            _ => return Err(f.wrong(4, "class", Error::invalid("class"))),
        };
        let platform = match f.u16_le(0x12, "machine")? {
            3 => "x86",
            0x28 => "arm",
            0x32 => "ia64",
            0x3e => "x64",
            0xb7 => "arm64",
            _ => "",
        };
        let end = start.checked_add(u64::from(size) * u64::from(count));
        let end = end.ok_or_else(|| f.wrong(0x28, "section headers", Error::invalid("place")))?;
        Ok(Self { end, platform })
    }
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let program = Program::read(&*source)?;
    let slice: SharedSource = Arc::new(Slice::new(source.clone(), program.end..u64::MAX));
    if program.end >= source.len() {
        return Err(Error::truncated(program.end.saturating_add(1), source.len())
            .at("SquashFS superblock", program.end));
    }
    if read_up_to(&*slice, 0, 4)? != b"hsqs" {
        return Err(Error::unsupported("a file system other than SquashFS").at("AppImage", program.end));
    }
    let inner = (squashfs::FORMAT.open)(slice, options)?;
    let mut catalogue = Catalogue::new(source);
    catalogue.end = program.end.saturating_add(inner.extent().end);
    catalogue.regions.push(Region { what: "the program".to_owned(), range: 0..program.end });
    let named = &mut catalogue.facts.named;
    named.push(("stub", "AppImage type 2".to_owned()));
    if !program.platform.is_empty() {
        named.push(("platform", program.platform.to_owned()));
    }
    let desktop = desktop(&*inner);
    let field = |key: &str| {
        let lines = desktop.lines().skip_while(|line| line.trim() != "[Desktop Entry]").skip(1);
        let mut lines = lines.take_while(|line| !line.starts_with('['));
        let found = lines.find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='));
        found.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    named.extend(field("Name").map(|name| ("product", name)));
    named.extend(field("X-AppImage-Version").map(|version| ("version", version)));
    named.extend(field("Comment").map(|comment| ("comment", comment)));
    catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: "AppImage, type 2".to_owned(),
        label: field("Name"),
        entries: None,
        used: true,
    });
    let mut inside = Inside::new(FORMAT.name, catalogue);
    inside.add(inner, "", Stands::At(program.end));
    Ok(Box::new(inside))
}

/// The desktop file in the root, or the one that the link there leads to.
fn desktop(inner: &dyn Container) -> String {
    let entries = inner.entries();
    let is_it = |path: &str| path.ends_with(".desktop") && !path.contains('/');
    let Some(mut at) = entries.iter().position(|entry| is_it(entry.path.text())) else {
        return String::new();
    };
    if let Some(target) = entries.get(at).and_then(|entry| entry.target.as_deref()) {
        let target = target.trim_start_matches("./");
        match entries.iter().position(|entry| entry.path.text() == target) {
            Some(found) => at = found,
            None => return String::new(),
        }
    }
    let mut bytes = Vec::new();
    if entries.get(at).is_some_and(|entry| entry.kind == EntryKind::File)
        && let Ok(content) = inner.open(EntryId(at))
        && content.take(MOST_DESKTOP).read_to_end(&mut bytes).is_ok()
    {
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    String::new()
}
