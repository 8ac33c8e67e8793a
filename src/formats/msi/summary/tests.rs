use super::*;
use crate::error::Kind;
use crate::source::Counting;
use std::io::{Cursor, Write};
use std::sync::Arc;

fn property_set(properties: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut out = vec![0; 48];
    out[..2].copy_from_slice(&[0xfe, 0xff]);
    out[24] = 1;
    out[44] = 48;
    let mut body = Vec::new();
    let mut index = Vec::new();
    for (id, value) in properties {
        let at = 8 + properties.len() * 8 + body.len();
        index.extend(id.to_le_bytes());
        index.extend(u32::try_from(at).unwrap().to_le_bytes());
        body.extend(value);
        body.resize(body.len().div_ceil(4) * 4, 0);
    }
    out.extend(u32::try_from(8 + index.len() + body.len()).unwrap().to_le_bytes());
    out.extend(u32::try_from(properties.len()).unwrap().to_le_bytes());
    out.extend(index);
    out.extend(body);
    out
}

fn string(text: &[u8]) -> Vec<u8> {
    let len = u32::try_from(text.len() + 1).unwrap();
    [&[0x1e, 0, 0, 0], &len.to_le_bytes()[..], text, &[0]].concat()
}

fn i2(value: i16) -> Vec<u8> {
    [&[2, 0, 0, 0], &value.to_le_bytes()[..], &[0, 0]].concat()
}

fn filetime(value: u64) -> Vec<u8> {
    [&[0x40, 0, 0, 0], &value.to_le_bytes()[..]].concat()
}

fn installer(class: u8, streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for (name, bytes) in streams {
        file.create_stream(name).unwrap().write_all(bytes).unwrap();
    }
    let mut bytes = file.into_inner().into_inner();
    // The root is the first entry of the directory; its CLSID is at 80.
    let sector = usize::try_from(u32::from_le_bytes(bytes[48..52].try_into().unwrap())).unwrap();
    let root = (sector + 1) * 4096 + 80;
    bytes[root..root + 16].copy_from_slice(&[class, 0x10, 0x0c, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46]);
    bytes
}

fn summary_of(class: u8, properties: &[(u32, Vec<u8>)]) -> MsiSummary {
    let set = property_set(properties);
    let bytes = installer(class, &[("\u{5}SummaryInformation", &set)]);
    summary(Arc::new(bytes)).unwrap().unwrap()
}

#[test]
fn a_package_says_its_platform_languages_and_code() {
    let code = "{8A2F6D30-0000-4685-8025-999900000018}";
    let found = summary_of(
        0x84,
        &[
            (1, i2(1252)),
            (3, string(b"Pr\xfcfung \x80")),
            (7, string(b"x64;1033,1031")),
            (9, string(code.as_bytes())),
            (12, filetime(128_177_856_000_000_000)),
            (13, filetime(0)),
            (15, [3, 0, 0, 0, 2, 0, 0, 0].to_vec()),
        ],
    );
    assert_eq!(found.kind, MsiKind::Package);
    assert_eq!(found.platform, Some("x64"));
    assert_eq!(found.languages, [1033, 1031]);
    assert_eq!(found.subject.as_deref(), Some("Prüfung €"));
    assert_eq!(found.package_code.as_deref(), Some(code));
    assert_eq!(found.created.unwrap().rfc3339(), "2007-03-08T00:00:00Z");
    assert_eq!((found.saved, found.word_count), (None, Some(2)));
}

#[test]
fn intel64_is_itanium_and_an_empty_template_is_intel() {
    let platform = |template: &[u8]| summary_of(0x84, &[(7, string(template))]).platform;
    assert_eq!(platform(b"Intel64;1033"), Some("ia64"));
    assert_eq!(platform(b"AMD64;0"), Some("x64"));
    assert_eq!(platform(b"Arm64;0"), Some("arm64"));
    assert_eq!(platform(b";1033"), Some("x86"));
    assert_eq!(platform(b""), Some("x86"));
    assert_eq!(platform(b"Intel,x64;1033"), None);
}

#[test]
fn a_patch_names_the_products_it_is_for() {
    let codes = "{4508D19D-07FE-4722-88C7-27152965756B};{4508D19D-07FE-4722-88C7-27152965756C}";
    let found = summary_of(0x86, &[(7, string(codes.as_bytes()))]);
    assert_eq!((found.kind, found.platform), (MsiKind::Patch, None));
    assert_eq!(found.targets.len(), 2);
    assert_eq!(summary_of(0x82, &[]).kind, MsiKind::Transform);
}

#[test]
fn a_module_is_a_package_with_a_signature_table() {
    let name = names::table("ModuleSignature");
    let bytes = installer(0x84, &[(&name, b"x")]);
    assert_eq!(summary(Arc::new(bytes)).unwrap().unwrap().kind, MsiKind::Module);
}

#[test]
fn a_compound_file_of_another_program_is_no_installer() {
    assert_eq!(summary(Arc::new(installer(0x99, &[]))).unwrap(), None);
    assert_eq!(summary(Arc::new(b"MZ".to_vec())).unwrap(), None);
}

#[test]
fn counts_beyond_the_file_are_refused_after_the_header() {
    for (at, field) in [(44, "FAT"), (48, "Directory"), (64, "Mini FAT"), (72, "DIFAT")] {
        let mut bytes = installer(0x84, &[]);
        bytes[at..at + 4].copy_from_slice(&0x00ff_ffffu32.to_le_bytes());
        let counting = Arc::new(Counting::new(Arc::new(bytes)));
        let error = summary(counting.clone()).unwrap_err();
        assert!(matches!(error.kind(), Kind::Damaged(_)), "{error}");
        assert!(error.place().field.contains(field), "{error}");
        assert_eq!(counting.bytes(), 512);
    }
}

#[test]
fn a_mini_fat_that_loops_is_refused() {
    let set = property_set(&[(7, string(b"x64;1033"))]);
    let mut bytes = installer(0x84, &[("\u{5}SummaryInformation", &set)]);
    let number = |bytes: &[u8], at: usize| {
        usize::try_from(u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())).unwrap()
    };
    let (mini, fat) = (number(&bytes, 60), number(&bytes, 76));
    let at = (fat + 1) * 4096 + mini * 4;
    bytes[at..at + 4].copy_from_slice(&u32::try_from(mini).unwrap().to_le_bytes());
    let error = summary(Arc::new(bytes)).unwrap_err();
    assert!(matches!(error.kind(), Kind::Damaged(_)), "{error}");
}

#[test]
fn no_cut_and_no_flipped_byte_panics() {
    let set = property_set(&[(1, i2(1252)), (7, string(b"x64;1033")), (12, filetime(1))]);
    let whole = installer(0x84, &[("\u{5}SummaryInformation", &set)]);
    for at in (0..whole.len()).filter(|at| whole[*at] != 0) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0xff;
        let _ = summary(Arc::new(flipped));
        let _ = summary(Arc::new(whole[..at].to_vec()));
    }
}
