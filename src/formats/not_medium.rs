//! What a file is that no reader recognised: an empty file, a saved web page, a download that stopped.
//!
//! | looked at | for |
//! |---|---|
//! | the name | the endings of unfinished downloads |
//! | first 16 KiB | signatures, HTML, text |
//! | last 4 KiB | signatures that stand at the end, text |
//! | 32 blocks of 4 KiB between | zeros |
//!
//! Limits: zeros are sampled, so a file with a few bytes between them may be called a file of zeros.

use crate::error::{NotMedium, Result};
use crate::source::{Source, read_up_to};
use crate::text::{is_deceptive, utf8_or_latin1, utf16_be, utf16_le};

/// Bytes of a sample.
const BLOCK: usize = 4096;
/// Bytes read from the start: enough for the title of a page with long headers.
const HEAD: usize = 16 << 10;
/// Samples between head and tail.
const SAMPLES: u64 = 32;
/// Reads of a search for the end of the data.
const SEARCH: u32 = 47;
/// Characters kept of a page's title.
const TITLE: usize = 80;

/// Endings that browsers and download programs give to what they have not finished.
static PARTIAL: &[(&str, &str)] = &[
    (".part", "Firefox"),
    (".crdownload", "Chrome or Edge"),
    (".download", "Safari"),
    (".partial", "Internet Explorer or Edge"),
    (".!ut", "uTorrent"),
    (".!qb", "qBittorrent"),
    (".aria2", "aria2"),
    (".opdownload", "Opera"),
];

/// Signatures of formats that are not read here or were too broken to be: offset, bytes, name.
static SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"PK\x05\x06", "an empty ZIP archive"),
    (0, b"PK\x07\x08", "part of a split ZIP archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"\x1f\x8b\x08", "a gzip file"),
    (0, b"\xfd7zXZ\0", "an xz file"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (0, b"BZh", "a bzip2 file"),
    (0, b"LZIP", "an lzip file"),
    (0, b"MSCF", "a cabinet"),
    (0, b"ISc(", "an InstallShield cabinet"),
    (0, b"MSWIM\0\0\0", "a Windows image (WIM)"),
    (0, b"WLPWM\0\0\0", "a pipable Windows image (WIM)"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a compound file (Windows Installer or Office)"),
    (0, b"\x7fELF", "a Linux program"),
    (0, b"MZ", "a Windows program"),
    (0, b"QFI\xfb", "a QEMU disk image (qcow2)"),
    (0, b"KDMV", "a VMware disk image"),
    (0, b"# Disk DescriptorFile", "a VMware disk description"),
    (0, b"vhdxfile", "a Hyper-V disk image (VHDX)"),
    (0, b"conectix", "a Virtual PC disk image (VHD)"),
    (0x40, b"\x7f\x10\xda\xbe", "a VirtualBox disk image"),
    (0, b"hsqs", "a SquashFS file system"),
    (0, b"MEDIA DESCRIPTOR", "the description of a disc image (MDS); the data is in an MDF file"),
    (0, b"CISO", "a compressed disc image (CSO)"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"d8:announce", "a torrent file, not what it leads to"),
    (0, b"d10:created by", "a torrent file, not what it leads to"),
    (0, b"\x89PNG\r\n", "a picture"),
    (0, b"\xff\xd8\xff", "a picture"),
    (257, b"ustar", "a tar archive"),
];

/// Signatures of 512-byte trailers.
static TRAILERS: &[(&[u8], &str)] =
    &[(b"koly", "an Apple disk image (DMG)"), (b"conectix", "a Virtual PC disk image (VHD)")];

/// Says what a file is that no reader recognised.
///
/// # Errors
/// What the operating system said.
pub fn name_it(source: &dyn Source, file_name: &str) -> Result<NotMedium> {
    if let Some(by) = partial_by_name(file_name) {
        return Ok(NotMedium::PartialDownload { by });
    }
    if source.is_empty() {
        return Ok(NotMedium::Empty);
    }
    let head = read_up_to(source, 0, HEAD)?;
    let tail = read_up_to(source, source.len().saturating_sub(BLOCK as u64), BLOCK)?;
    let starts = |at: usize, bytes: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(bytes));
    if let Some((_, _, name)) = SIGNATURES.iter().find(|(at, bytes, _)| starts(*at, bytes)) {
        return Ok(NotMedium::Other { name });
    }
    let trailer = tail.len().checked_sub(512).and_then(|at| tail.get(at..)).unwrap_or_default();
    if let Some((_, name)) = TRAILERS.iter().find(|(bytes, _)| trailer.starts_with(bytes)) {
        return Ok(NotMedium::Other { name });
    }
    if let Some(title) = web_page(&decoded(&head)) {
        return Ok(NotMedium::WebPage { title });
    }
    if all_zero(&head) && all_zero(&tail) && samples_are_zero(source)? {
        return Ok(NotMedium::Zeros);
    }
    let start = head.get(..BLOCK.min(head.len())).unwrap_or_default();
    let wide = start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]);
    if is_text(start) && (wide || is_text(from_a_character(&tail))) {
        return Ok(NotMedium::Text);
    }
    if start.starts_with(b"#!") {
        return Ok(NotMedium::Other { name: "a script with data behind it" });
    }
    Ok(NotMedium::Unknown)
}

/// The program that gives this ending to downloads it has not finished.
#[must_use]
pub fn partial_by_name(file_name: &str) -> Option<&'static str> {
    let name = file_name.to_ascii_lowercase();
    let found = PARTIAL.iter().find(|(ending, _)| name.ends_with(ending) && name.len() > ending.len());
    found.map(|(_, by)| *by)
}

/// About where the zeros begin that the source ends with, in bytes and not below `from`: what a download
/// leaves that reserved its space and then stopped. `None` where the last 4 KiB are not all zero. The
/// answer is exact where everything before it is not mixed with long runs of zeros.
///
/// # Errors
/// What the operating system said.
pub fn zero_tail(source: &dyn Source, from: u64) -> Result<Option<u64>> {
    let block = BLOCK as u64;
    let mut zeros = source.len().saturating_sub(block).max(from);
    let tail = read_up_to(source, zeros, BLOCK)?;
    if tail.is_empty() || !all_zero(&tail) {
        return Ok(None);
    }
    let mut data = from;
    for _ in 0..SEARCH {
        if zeros <= data {
            break;
        }
        // The middle, and at the end of the search the block just before the zeros.
        let left = zeros - data;
        let at = if left <= block { data } else { data + left / 2 };
        let take = usize::try_from(left.min(block).min(zeros - at)).unwrap_or(BLOCK);
        let bytes = read_up_to(source, at, take)?;
        match bytes.iter().rposition(|byte| *byte != 0) {
            Some(last) => data = at.saturating_add(last as u64).saturating_add(1),
            None => zeros = at,
        }
    }
    Ok(Some(zeros))
}

fn all_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

fn samples_are_zero(source: &dyn Source) -> Result<bool> {
    let step = (source.len() / (SAMPLES + 1)).max(1);
    for number in 1..=SAMPLES {
        if !all_zero(&read_up_to(source, step.saturating_mul(number), BLOCK)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Text as its byte order mark says, else UTF-8 or Latin-1.
fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16_le(rest).0,
        [0xfe, 0xff, rest @ ..] => utf16_be(rest).0,
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        // A character that is cut in two at the end would make it Latin-1.
        _ => match std::str::from_utf8(bytes) {
            Err(error) if error.error_len().is_none() => {
                utf8_or_latin1(bytes.get(..error.valid_up_to()).unwrap_or_default())
            }
            _ => utf8_or_latin1(bytes),
        },
    }
}

/// True for text in UTF-8, or in UTF-16 with a byte order mark.
fn is_text(bytes: &[u8]) -> bool {
    let printable = |text: &str| !text.chars().any(|c| c.is_control() && !"\t\n\r\u{c}\u{1b}".contains(c));
    match bytes {
        [0xff, 0xfe, rest @ ..] => printable(&utf16_le(rest).0),
        [0xfe, 0xff, rest @ ..] => printable(&utf16_be(rest).0),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => printable(text),
            Err(error) if error.error_len().is_none() => {
                printable(&String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default()))
            }
            Err(_) => false,
        },
    }
}

/// A sample that may begin within a UTF-8 character, from the next whole one on.
fn from_a_character(bytes: &[u8]) -> &[u8] {
    let rest = bytes.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    bytes.get(rest..).unwrap_or_default()
}

/// `Some` for HTML, with the page's title where it has one.
fn web_page(text: &str) -> Option<Option<String>> {
    let lower = text.to_ascii_lowercase();
    let mut start = lower.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    loop {
        let after = match start {
            comment if comment.starts_with("<!--") => comment.split_once("-->"),
            declaration if declaration.starts_with("<?xml") => declaration.split_once("?>"),
            _ => break,
        };
        start = after?.1.trim_start();
    }
    const OPENINGS: [&str; 8] =
        ["<!doctype html", "<html", "<head", "<body", "<title", "<meta", "<script", "<center"];
    if !OPENINGS.iter().any(|opening| start.starts_with(opening)) {
        return None;
    }
    Some(title(text, &lower))
}

/// `lower` is `text` in lower case, byte for byte.
fn title(text: &str, lower: &str) -> Option<String> {
    let tag = lower.find("<title")?;
    let from = tag + lower.get(tag..)?.find('>')? + 1;
    let len = lower.get(from..)?.find('<').unwrap_or(TITLE * 4);
    let raw: String = text.get(from..)?.chars().take(len.min(TITLE * 4)).collect();
    let raw = raw.split('<').next().unwrap_or_default();
    let words = entities(raw);
    let clean: String = words.chars().map(|c| if is_deceptive(c) { ' ' } else { c }).collect();
    let joined = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = match joined.chars().count() {
        0..=TITLE => joined,
        _ => joined.chars().take(TITLE - 1).chain(['…']).collect(),
    };
    (!short.is_empty()).then_some(short)
}

/// The character references that titles have; others stay as they are.
fn entities(text: &str) -> String {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let named = part.split_once(';').and_then(|(name, rest)| Some((entity(name)?, rest)));
        match named {
            Some((c, rest)) => {
                out.push(c);
                out.push_str(rest);
            }
            None => {
                out.push('&');
                out.push_str(part);
            }
        }
    }
    out
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    let known = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", ' '),
        ("ndash", '–'),
        ("mdash", '—'),
        ("reg", '®'),
        ("copy", '©'),
        ("hellip", '…'),
    ];
    known.iter().find(|(other, _)| *other == name).map(|(_, c)| *c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Counting;
    use std::sync::Arc;

    fn named(bytes: &[u8]) -> NotMedium {
        name_it(&bytes.to_vec(), "medium.iso").unwrap()
    }

    fn page(bytes: &[u8]) -> Option<String> {
        match named(bytes) {
            NotMedium::WebPage { title } => title,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_saved_web_page_is_named_by_its_title() {
        assert_eq!(page(b"<!DOCTYPE html><html><title>Sign in</title>").as_deref(), Some("Sign in"));
        let late =
            b"\xef\xbb\xbf \r\n<?xml version='1.0'?>\n<!-- x --><HTML><head><TITLE lang=\"en\">\n A &amp; B \
            &#8211; &#x44; &bogus; </TITLE>";
        assert_eq!(page(late).as_deref(), Some("A & B – D &bogus;"));
        assert_eq!(page(b"<html><body>403</body></html>"), None);
        let wide: Vec<u8> =
            "\u{feff}<html><title>Prüfung</title>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(page(&wide).as_deref(), Some("Prüfung"));
    }

    #[test]
    fn a_title_cannot_paint_the_terminal_or_fill_it() {
        let long = format!("<title>\u{1b}[31m&#27;[2J\u{202e}{}", "ab ".repeat(4000));
        let title = page(long.as_bytes()).unwrap();
        assert!(title.chars().count() <= TITLE && !title.chars().any(is_deceptive), "{title}");
    }

    #[test]
    fn error_bodies_in_xml_and_json_are_text() {
        assert_eq!(
            named(b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"),
            NotMedium::Text
        );
        assert_eq!(named("{\"error\": \"überfüllt\"}".as_bytes()), NotMedium::Text);
        assert_eq!(named(&"ü".repeat(5001).into_bytes()), NotMedium::Text);
        assert_eq!(named(b"\xff\xfeh\0i\0"), NotMedium::Text);
        assert_eq!(named(b"\x01\x02\x03\x04"), NotMedium::Unknown);
    }

    #[test]
    fn a_script_with_an_archive_behind_it_is_no_text() {
        let mut bytes = b"#!/bin/sh\nexit 0\n".repeat(500);
        bytes.extend([0, 1, 2, 0xff].repeat(2000));
        assert!(matches!(named(&bytes), NotMedium::Other { .. }));
    }

    #[test]
    fn an_unfinished_download_is_known_by_its_name() {
        let found = name_it(&vec![0u8; 9], "x.iso.crdownload").unwrap();
        assert_eq!(found, NotMedium::PartialDownload { by: "Chrome or Edge" });
        assert_eq!(partial_by_name("x.iso.!qB"), Some("qBittorrent"));
        assert_eq!(partial_by_name("X.ISO.PART"), Some("Firefox"));
        assert_eq!(partial_by_name(".part"), None);
        assert_eq!(partial_by_name("x.part1.rar"), None);
    }

    #[test]
    fn zeros_are_sampled_not_read() {
        assert_eq!(named(b""), NotMedium::Empty);
        assert_eq!(named(&[0]), NotMedium::Zeros);
        let counting = Counting::new(Arc::new(vec![0u8; 8 << 20]));
        assert_eq!(name_it(&counting, "x.iso").unwrap(), NotMedium::Zeros);
        assert!(counting.bytes() < 200 << 10, "{}", counting.bytes());
        let mut data = vec![0u8; 8 << 20];
        data[4 << 20..5 << 20].fill(1);
        assert_eq!(named(&data), NotMedium::Unknown);
    }

    #[test]
    fn other_formats_are_named_from_either_end() {
        let mut dmg = vec![1u8; 4096];
        dmg[4096 - 512..][..4].copy_from_slice(b"koly");
        assert_eq!(named(&dmg), NotMedium::Other { name: "an Apple disk image (DMG)" });
        let mut tar = vec![0u8; 1024];
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(named(&tar), NotMedium::Other { name: "a tar archive" });
        assert_eq!(named(b"PK\x03\x04"), NotMedium::Other { name: "a ZIP archive" });
        assert_eq!(named(b"%PDF-1.7 text"), NotMedium::Other { name: "a PDF document" });
    }

    #[test]
    fn the_place_where_zeros_begin_is_found_with_few_reads() {
        for data in [0usize, 1, 4095, 4096, 4097, 1_000_000, 4_194_303] {
            let mut bytes = vec![7u8; data];
            bytes.resize(5 << 20, 0);
            let counting = Counting::new(Arc::new(bytes));
            assert_eq!(zero_tail(&counting, 0).unwrap(), Some(data as u64));
            assert!(counting.reads() <= 48);
        }
        assert_eq!(zero_tail(&vec![0u8; 10_000], 9_000).unwrap(), Some(9_000));
        assert_eq!(zero_tail(&vec![7u8; 10_000], 0).unwrap(), None);
        assert_eq!(zero_tail(&vec![0u8; 10], 10).unwrap(), None);
        assert_eq!(zero_tail(&Vec::new(), 0).unwrap(), None);
    }
}
