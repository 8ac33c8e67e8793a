//! What a Windows Installer file says of itself in its summary information.
//!
//! | structure | where | fields read |
//! |---|---|---|
//! | compound file header, 512 bytes | 0 | magic, sector size, counts and starts of FAT, mini FAT, DIFAT |
//! | root entry | directory | CLSID: package, patch or transform |
//! | `\5SummaryInformation` | a stream | a property set: code page, template, revision number, … |
//!
//! Limits: the product version is in the database tables, which are not read here. Text in a code page
//! other than UTF-8, Latin-1 and Windows-1252 keeps its ASCII; the rest becomes U+FFFD.
//!
//! References: \[MS-CFB\]; \[MS-OLEPS\]; "Summary Information Stream Property Set" (Windows Installer).

mod compound;

use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::formats::pe::Machine;
use crate::source::SharedSource;
use crate::text::{padded, utf16_le};
use crate::time::Timestamp;
use compound::Compound;

/// Bytes of a summary information stream that are read; real ones have some hundred.
const MOST: u64 = 64 << 10;
/// Properties looked at; twenty are defined.
const PROPERTIES: u32 = 256;
/// Product codes kept of a patch.
const CODES: usize = 1024;

/// What kind of installer file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MsiKind {
    /// An installation package, `.msi`.
    Package,
    /// A merge module, `.msm`: a package with a `ModuleSignature` table.
    Module,
    /// A patch, `.msp`.
    Patch,
    /// A transform, `.mst`.
    Transform,
}

/// What the summary information says. Empty properties are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MsiSummary {
    /// Package, module, patch or transform.
    pub kind: MsiKind,
    /// Property 1: the code page of the texts.
    pub code_page: Option<u16>,
    /// Property 2: "Installation Database" or the like.
    pub title: Option<String>,
    /// Property 3: the product's name, in most packages.
    pub subject: Option<String>,
    /// Property 4: the manufacturer, in most packages.
    pub author: Option<String>,
    /// Property 6.
    pub comments: Option<String>,
    /// Property 7, as stored.
    pub template: Option<String>,
    /// The platform the template names; `None` where it names none that exists, and for patches.
    pub platform: Option<Machine>,
    /// Windows language numbers the template names; 0 is neutral.
    pub languages: Vec<u16>,
    /// Product codes a patch is for.
    pub targets: Vec<String>,
    /// Property 9, as stored: package code, or patch code and the patches it replaces.
    pub revision: Option<String>,
    /// The first code of property 9, with its braces.
    pub package_code: Option<String>,
    /// Property 12.
    pub created: Option<Timestamp>,
    /// Property 13.
    pub saved: Option<Timestamp>,
    /// Property 14: the least Windows Installer version, times 100.
    pub installer: Option<u32>,
    /// Property 15: how the source files lie, a set of bits.
    pub word_count: Option<u32>,
}

/// Reads the summary information; `None` where the source is no installer file.
///
/// # Errors
/// `Damaged`, `Invalid` or `Limit` for a compound file that cannot be followed, and what the operating
/// system said.
pub fn summary(source: SharedSource) -> Result<Option<MsiSummary>> {
    let Some(mut file) = Compound::open(source)? else { return Ok(None) };
    let Some(kind) = kind(&file) else { return Ok(None) };
    let mut summary = MsiSummary::new(kind);
    if let Some(stream) = file.stream("\u{5}SummaryInformation", MOST)? {
        summary.read(Fields::new("summary information", &stream, 0))?;
    }
    Ok(Some(summary))
}

/// "OLE Class IDs" of Windows Installer: 000C10xx-0000-0000-C000-000000000046.
fn kind(file: &Compound) -> Option<MsiKind> {
    const REST: [u8; 15] = [0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
    let [first, rest @ ..] = file.class();
    if rest != REST {
        return None;
    }
    match first {
        // Tables are streams whose names are packed, two letters in one.
        0x84 if file.has(&table_name("ModuleSignature")) => Some(MsiKind::Module),
        0x84 => Some(MsiKind::Package),
        0x86 => Some(MsiKind::Patch),
        0x82 => Some(MsiKind::Transform),
        _ => None,
    }
}

/// The stream that holds a table: U+4840, then two characters of 64 in each of U+3800 to U+47FF, a last
/// single one in U+4800 to U+483F.
fn table_name(table: &str) -> String {
    let digit = |c: u8| {
        u32::from(match c {
            b'0'..=b'9' => c - b'0',
            b'A'..=b'Z' => c - b'A' + 10,
            b'a'..=b'z' => c - b'a' + 36,
            b'.' => 62,
            _ => 63,
        })
    };
    let packed = table.as_bytes().chunks(2).filter_map(|pair| match pair {
        [a, b] => char::from_u32(0x3800 + digit(*a) + (digit(*b) << 6)),
        [a] => char::from_u32(0x4800 + digit(*a)),
        _ => None,
    });
    std::iter::once('\u{4840}').chain(packed).collect()
}

impl MsiSummary {
    fn new(kind: MsiKind) -> Self {
        Self {
            kind,
            code_page: None,
            title: None,
            subject: None,
            author: None,
            comments: None,
            template: None,
            platform: None,
            languages: Vec::new(),
            targets: Vec::new(),
            revision: None,
            package_code: None,
            created: None,
            saved: None,
            installer: None,
            word_count: None,
        }
    }

    /// \[MS-OLEPS\] §2.21 PropertySetStream and §2.20 PropertySet.
    fn read(&mut self, stream: Fields<'_>) -> Result<()> {
        if stream.u16_le(0, "ByteOrder")? != 0xfffe {
            return Err(stream.wrong(0, "ByteOrder", Error::invalid("a property set begins with FFFE")));
        }
        let start = usize::try_from(stream.u32_le(44, "Offset0")?).unwrap_or(usize::MAX);
        let set = Fields::new("property set", stream.rest(start), start as u64);
        let count = set.u32_le(4, "NumProperties")?.min(PROPERTIES);
        let mut properties = Vec::new();
        for number in 0..usize::try_from(count).unwrap_or_default() {
            let Ok(id) = set.u32_le(8 + number * 8, "PropertyIdentifier") else { break };
            let Ok(at) = set.u32_le(12 + number * 8, "Offset") else { break };
            properties
                .push((id, Fields::new("property", set.rest(usize::try_from(at).unwrap_or(usize::MAX)), 0)));
        }
        let find = |id| properties.iter().find(|(other, _)| *other == id).map(|(_, value)| *value);
        self.code_page =
            find(1).and_then(|value| (kind_of(value) == Some(2)).then_some(value)?.u16_le(4, "I2").ok());
        let code_page = self.code_page;
        let text = |id| find(id).and_then(|value| text(value, code_page));
        self.title = text(2);
        self.subject = text(3);
        self.author = text(4);
        self.comments = text(6);
        self.template = text(7);
        self.revision = text(9);
        self.created = find(12).and_then(time);
        self.saved = find(13).and_then(time);
        self.installer = find(14).and_then(number);
        self.word_count = find(15).and_then(number);
        self.package_code = self.revision.as_deref().and_then(|text| text.get(..38)).map(str::to_owned);
        self.split_template();
        Ok(())
    }

    /// "Template Summary": platform and languages, or the products of a patch.
    fn split_template(&mut self) {
        let template = self.template.as_deref().unwrap_or_default();
        if self.kind == MsiKind::Patch {
            let codes = template.split(';').map(str::trim).filter(|code| !code.is_empty());
            self.targets = codes.take(CODES).map(str::to_owned).collect();
            return;
        }
        let (platform, languages) = template.split_once(';').unwrap_or((template, ""));
        self.platform = platform_of(platform.trim());
        self.languages =
            languages.split(',').filter_map(|number| number.trim().parse().ok()).take(CODES).collect();
    }
}

/// `Intel64` is Itanium; an empty platform is Intel. "Intel,x64" and the like are not allowed.
fn platform_of(name: &str) -> Option<Machine> {
    let names = [
        ("", Machine::X86),
        ("Intel", Machine::X86),
        ("Intel64", Machine::Ia64),
        ("x64", Machine::X64),
        ("AMD64", Machine::X64),
        ("Arm", Machine::Arm),
        ("Arm64", Machine::Arm64),
        ("Alpha", Machine::Alpha),
    ];
    names.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, machine)| *machine)
}

/// \[MS-OLEPS\] §2.15 TypedPropertyValue.
fn kind_of(value: Fields<'_>) -> Option<u16> {
    value.u16_le(0, "Type").ok()
}

fn number(value: Fields<'_>) -> Option<u32> {
    match kind_of(value)? {
        2 => value.u16_le(4, "VT_I2").ok().map(u32::from),
        3 => value.u32_le(4, "VT_I4").ok(),
        _ => None,
    }
}

/// `VT_FILETIME`: tenths of microseconds since 1601.
fn time(value: Fields<'_>) -> Option<Timestamp> {
    const TICKS: u64 = 10_000_000;
    let ticks = (kind_of(value)? == 0x40).then_some(value)?.u64_le(4, "VT_FILETIME").ok()?;
    let seconds = i64::try_from(ticks / TICKS).ok()?.checked_sub(11_644_473_600)?;
    let nanos = u32::try_from(ticks % TICKS * 100).ok()?;
    (ticks != 0).then_some(Timestamp { seconds, nanos, zone: Some(0) })
}

/// `VT_LPSTR` in the code page, or `VT_LPWSTR`; `None` where nothing is in it.
fn text(value: Fields<'_>, code_page: Option<u16>) -> Option<String> {
    let len = usize::try_from(value.u32_le(4, "Size").ok()?).ok()?;
    let text = match kind_of(value)? {
        0x1e => {
            let bytes = value.rest(8);
            decoded(padded(bytes.get(..len.min(bytes.len()))?), code_page)
        }
        0x1f => {
            let bytes = value.rest(8);
            let units = bytes.get(..len.saturating_mul(2).min(bytes.len()))?;
            utf16_le(units).0.trim_end_matches('\0').to_owned()
        }
        _ => return None,
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn decoded(bytes: &[u8], code_page: Option<u16>) -> String {
    match (code_page, std::str::from_utf8(bytes)) {
        (Some(65001), _) => String::from_utf8_lossy(bytes).into_owned(),
        // Without a code page it is whatever the writer had: UTF-8 where it can be that.
        (None | Some(0), Ok(text)) => text.to_owned(),
        (None | Some(0 | 1252 | 28591), _) => bytes.iter().map(|&byte| windows_1252(byte)).collect(),
        _ => bytes.iter().map(|&byte| if byte.is_ascii() { char::from(byte) } else { '\u{fffd}' }).collect(),
    }
}

fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    let high = byte.checked_sub(0x80).and_then(|at| HIGH.get(usize::from(at)));
    high.copied().unwrap_or(char::from(byte))
}

#[cfg(test)]
mod tests;
