//! What a Windows Installer file says of itself in its summary information.
//!
//! | structure | where | fields read |
//! |---|---|---|
//! | root entry | directory of the compound file | CLSID: package, patch or transform |
//! | `\5SummaryInformation` | a stream | a property set: code page, template, revision number, … |
//!
//! References: \[MS-OLEPS\]; "Summary Information Stream Property Set" (Windows Installer).

use super::compound::Compound;
use super::{codepage, names};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::limits::Limits;
use crate::source::SharedSource;
use crate::text::{padded, utf16_le};
use crate::time::Timestamp;

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
    /// The platform the template names: `x86`, `x64`, `arm64`, …; `None` where it names none that exists, and for
    /// patches.
    pub platform: Option<&'static str>,
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
    let Some(file) = Compound::open(source, &Limits::default())? else { return Ok(None) };
    let Some(kind) = kind(&file) else { return Ok(None) };
    MsiSummary::of(&file, kind, 0).map(Some)
}

/// "OLE Class IDs" of Windows Installer: 000C10xx-0000-0000-C000-000000000046.
pub(super) fn is_installer(class: [u8; 16]) -> bool {
    const REST: [u8; 15] = [0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
    let [first, rest @ ..] = class;
    rest == REST && (0x80..0x90).contains(&first)
}

/// What a file is, by its class; by its tables where the class is that of no installer file.
pub(super) fn kind(file: &Compound) -> Option<MsiKind> {
    let module = || file.has(&names::table("ModuleSignature"));
    let [first, ..] = file.class();
    match first {
        _ if !is_installer(file.class()) => {
            file.has(&names::table("_StringPool")).then_some(MsiKind::Package)
        }
        0x86 => Some(MsiKind::Patch),
        0x82 => Some(MsiKind::Transform),
        _ if module() && !file.has(&names::table("Media")) => Some(MsiKind::Module),
        _ => Some(MsiKind::Package),
    }
}

impl MsiSummary {
    pub(super) fn new(kind: MsiKind) -> Self {
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

    /// Reads the stream; `fallback` is the code page where the stream names none.
    ///
    /// # Errors
    /// As [`summary`].
    pub(super) fn of(file: &Compound, kind: MsiKind, fallback: u32) -> Result<Self> {
        let mut summary = Self::new(kind);
        if let Some(stream) = file.stream("\u{5}SummaryInformation", MOST)? {
            summary.read(Fields::new("summary information", &stream, 0), fallback)?;
        }
        Ok(summary)
    }

    /// \[MS-OLEPS\] §2.21 PropertySetStream and §2.20 PropertySet.
    fn read(&mut self, stream: Fields<'_>, fallback: u32) -> Result<()> {
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
        let known = self.code_page.map(u32::from).filter(|&page| codepage::encoding(page).is_some());
        let code_page = known.unwrap_or(fallback);
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
fn platform_of(name: &str) -> Option<&'static str> {
    let names = [
        ("", "x86"),
        ("Intel", "x86"),
        ("Intel64", "ia64"),
        ("x64", "x64"),
        ("AMD64", "x64"),
        ("Arm", "arm"),
        ("Arm64", "arm64"),
        ("Alpha", "alpha"),
    ];
    names.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, platform)| *platform)
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
fn text(value: Fields<'_>, code_page: u32) -> Option<String> {
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

/// Some writers put UTF-8 under the number of a Windows code page. What is UTF-8 by chance in one of single bytes
/// makes no sense there.
fn decoded(bytes: &[u8], code_page: u32) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if matches!(code_page, 0 | 1250..=1258 | 28591..=28605) => text.to_owned(),
        _ => codepage::decoded(bytes, code_page),
    }
}

#[cfg(test)]
mod tests;
