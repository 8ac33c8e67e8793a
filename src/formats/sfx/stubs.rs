//! The stubs that are known by name: what gives each away, and whether its payload can be found.

use super::host::Host;
use crate::error::Result;
use crate::formats::pe::{Id, Resource, Versions};
use crate::source::{Source, read_up_to};

/// A sign by which a stub is known.
pub(super) enum Sign {
    /// A PE section of that name.
    Section(&'static str),
    /// A resource: kind and name.
    Resource(&'static str, &'static str),
    /// A string of the version resource that begins so, capitals or not.
    Version(&'static str, &'static str),
    /// What lies behind the program begins so.
    Behind(&'static [u8]),
    /// These bytes stand in the last 16 KiB before the certificates.
    Tail(&'static [u8]),
    /// These bytes stand in the program's first MiB.
    Text(&'static [u8]),
}

/// What becomes of a stub's payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    /// An archive that is found by its structure.
    Archive,
    /// A form of its own that is not read.
    Own,
}

/// A stub.
pub(super) struct Stub {
    /// Its name.
    pub(super) name: &'static str,
    /// Any one of them gives it away.
    signs: &'static [Sign],
    /// What becomes of its payload.
    pub(super) payload: Payload,
    /// Product names that are the stub's own and not the payload's.
    own: &'static [&'static str],
    /// The text before its version number in the program.
    version: Option<&'static [u8]>,
}

use Payload::{Archive, Own};
use Sign::{Behind, Resource as InResource, Section, Tail, Text, Version};

const fn stub(name: &'static str, payload: Payload, signs: &'static [Sign]) -> Stub {
    Stub { name, signs, payload, own: &[], version: None }
}

/// Every stub that is known, the surest signs first.
static STUBS: &[Stub] = &[
    Stub {
        own: &["Windows", "Microsoft® Windows", "Microsoft Windows", "Microsoft(R) Windows"],
        ..stub("Microsoft sfxcab", Archive, &[Version("OriginalFilename", "SFXCAB.EXE")])
    },
    Stub {
        own: &["Windows", "Internet Explorer", "Microsoft® Windows", "Microsoft(R) Windows"],
        ..stub(
            "IExpress (WEXTRACT)",
            Archive,
            &[
                InResource("RCDATA", "CABINET"),
                Version("InternalName", "Wextract"),
                Version("OriginalFilename", "WEXTRACT.EXE"),
            ],
        )
    },
    stub("WinZip Self-Extractor", Archive, &[Section("_winzip_")]),
    Stub {
        own: &["7-Zip"],
        version: Some(b"7-Zip SFX "),
        ..stub(
            "7-Zip SFX",
            Archive,
            &[
                Version("InternalName", "7z.sfx"),
                Version("InternalName", "7zS.sfx"),
                Version("InternalName", "7zSD.sfx"),
                Version("InternalName", "7zCon.sfx"),
                Version("InternalName", "7ZSfxMod"),
                Text(b"7-Zip SFX "),
                Text(b"7zSFX ["),
                Text(b"!@InstallEnd@!"),
            ],
        )
    },
    Stub { version: Some(b"UnZipSFX "), ..stub("Info-ZIP UnZipSFX", Archive, &[Text(b"UnZipSFX ")]) },
    Stub {
        own: &["WinRAR"],
        ..stub(
            "WinRAR SFX",
            Archive,
            &[
                Text(b"winrarsfxmappingfile.tmp"),
                Text(b"WinRAR SFX"),
                Text(b"WinRAR self-extracting archive"),
            ],
        )
    },
    stub("Squirrel", Archive, &[InResource("DATA", "131")]),
    stub("Microsoft boxed bootstrapper", Archive, &[Section(".boxld01")]),
    stub("Advanced Installer", Own, &[Tail(b"ADVINSTSFX")]),
    stub(
        "Wise Installation System",
        Own,
        &[Section(".WISE"), Text(b"Wise Installation Wizard"), Text(b"WiseMain")],
    ),
    stub(
        "Setup Factory",
        Own,
        &[
            Behind(b"\xe0\xe0\xe1\xe1\xe2\xe2\xe3\xe3\xe4\xe4\xe5\xe5\xe6\xe6\xe7\xe7"),
            Behind(b"\xe0\xe1\xe2\xe3\xe4\xe5\xe6\xe7"),
        ],
    ),
    stub("PyInstaller", Own, &[Tail(b"MEI\x0c\x0b\x0a\x0b\x0e")]),
    stub("Clickteam Install Creator", Own, &[Behind(b"wwgT)H\x02\xbc")]),
    stub("Smart Install Maker", Own, &[Behind(b"Smart Install Maker v")]),
    stub("BitRock InstallBuilder", Own, &[Text(b"BitRock InstallBuilder"), Text(b"bitrock-lzma")]),
    stub("Gentee Installer", Own, &[Section(".gentee")]),
];

/// A stub that was recognised.
pub(super) struct Known {
    /// Its entry in the table.
    pub(super) stub: &'static Stub,
    /// Its version, where the file tells it.
    pub(super) version: Option<String>,
    /// The version resource speaks of the stub alone.
    pub(super) speaks_of_itself: bool,
}

/// The stub that the program is.
pub(super) fn recognise(source: &dyn Source, host: &Host) -> Result<Option<Known>> {
    let behind = match host.windows.first() {
        Some(window) => read_up_to(source, window.start, 32)?,
        None => Vec::new(),
    };
    let tail = match host.windows.last() {
        Some(window) => {
            let from = window.end.saturating_sub(16 << 10).max(window.start);
            read_up_to(source, from, usize::try_from(window.end - from).unwrap_or_default())?
        }
        None => Vec::new(),
    };
    let end = if host.pe.is_some() || host.end > 64 { host.end } else { source.len() };
    let text = read_up_to(source, 0, usize::try_from(end).unwrap_or(usize::MAX).min(1 << 20))?;
    let contains = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    let versions = host.pe.as_ref().and_then(|pe| pe.facts.versions.as_ref());
    let has = |sign: &Sign| match sign {
        Section(name) => {
            host.pe.as_ref().is_some_and(|pe| pe.parts.sections.iter().any(|section| section.name == *name))
        }
        InResource(kind, name) => {
            host.pe.as_ref().is_some_and(|pe| resource(&pe.resources, kind, name).is_some())
        }
        Version(key, start) => versions
            .and_then(|versions| versions.text(key))
            .is_some_and(|text| text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))),
        Behind(bytes) => behind.starts_with(bytes),
        Tail(bytes) => contains(&tail, bytes),
        Text(bytes) => contains(&text, bytes),
    };
    let Some(stub) = STUBS.iter().find(|stub| stub.signs.iter().any(has)) else { return Ok(None) };
    let product = versions.and_then(|versions| versions.text("ProductName")).unwrap_or_default();
    let own = !product.is_empty() && stub.own.iter().any(|own| product.starts_with(own));
    let in_text = stub.version.and_then(|before| number_behind(&text, before));
    let version = in_text.or_else(|| versions.filter(|_| own).and_then(number));
    Ok(Some(Known { stub, version, speaks_of_itself: own }))
}

/// The resource of that kind and name.
pub(super) fn resource<'a>(resources: &'a [Resource], kind: &str, name: &str) -> Option<&'a Resource> {
    let is = |id: &Id, text: &str| match id {
        Id::Name(own) => own.eq_ignore_ascii_case(text),
        number @ Id::Number(_) => number.text() == text,
    };
    resources.iter().find(|resource| {
        (resource.kind.kind() == kind || is(&resource.kind, kind)) && is(&resource.name, name)
    })
}

/// The version of the file as people write it.
fn number(versions: &Versions) -> Option<String> {
    let text = versions.text("FileVersion").map(str::to_owned);
    text.or_else(|| versions.file.map(|number| number.to_string()))
}

/// Digits and dots behind `before`.
fn number_behind(text: &[u8], before: &[u8]) -> Option<String> {
    let mut places = text.windows(before.len()).enumerate().filter(|(_, window)| *window == before);
    places.find_map(|(at, _)| {
        let rest = text.get(at.saturating_add(before.len())..)?;
        let digits = rest.iter().take(16).take_while(|byte| byte.is_ascii_digit() || **byte == b'.');
        let number: String = digits.map(|byte| char::from(*byte)).collect();
        let number = number.trim_end_matches('.').to_owned();
        (number.contains('.') && number.starts_with(|c: char| c.is_ascii_digit())).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_behind_its_text() {
        assert_eq!(number_behind(b"x 7-Zip SFX 21.06 (x86)", b"7-Zip SFX ").as_deref(), Some("21.06"));
        assert_eq!(
            number_behind(b"7-Zip SFX [cmd], 7-Zip SFX 9.20 ", b"7-Zip SFX ").as_deref(),
            Some("9.20")
        );
        assert_eq!(number_behind(b"7-Zip SFX ", b"7-Zip SFX "), None);
    }
}
