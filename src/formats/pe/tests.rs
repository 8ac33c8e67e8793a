use super::image::{Head, Machine, PeFacts, facts, head};
use crate::source::{Counting, SharedSource};
use std::sync::Arc;

fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A PE32 (`magic` 0x10b) or PE32+ (0x20b) image with one section: address 0x1000, bytes 0x400 to 0xc00.
pub(crate) fn image(machine: u16, magic: u16) -> Vec<u8> {
    let mut image = vec![0; 0xc00];
    let optional: u16 = if magic == 0x20b { 240 } else { 224 };
    put(&mut image, 0, b"MZ");
    put(&mut image, 0x3c, &0x80u32.to_le_bytes());
    put(&mut image, 0x80, b"PE\0\0");
    put(&mut image, 0x84, &machine.to_le_bytes());
    put(&mut image, 0x86, &1u16.to_le_bytes());
    put(&mut image, 0x94, &optional.to_le_bytes());
    put(&mut image, 0x98, &magic.to_le_bytes());
    put(&mut image, 0x98 + 36, &0x200u32.to_le_bytes());
    put(&mut image, 0x98 + 60, &0x400u32.to_le_bytes());
    put(&mut image, 0x98 + 68, &3u16.to_le_bytes());
    put(&mut image, directories(magic) - 4, &16u32.to_le_bytes());
    let section = 0x98 + usize::from(optional);
    for (at, value) in [(8, 0x800u32), (12, 0x1000), (16, 0x800), (20, 0x400)] {
        put(&mut image, section + at, &value.to_le_bytes());
    }
    image
}

fn directories(magic: u16) -> usize {
    if magic == 0x20b { 0x98 + 112 } else { 0x98 + 96 }
}

fn point(image: &mut [u8], magic: u16, number: usize, address: u32, size: u32) {
    let at = directories(magic) + number * 8;
    put(image, at, &address.to_le_bytes());
    put(image, at + 4, &size.to_le_bytes());
}

fn head_of(image: Vec<u8>) -> Option<Head> {
    let source: SharedSource = Arc::new(image);
    head(&source).unwrap()
}

fn hybrid(machine: u16, size: u32, pointer: u64) -> Machine {
    let mut bytes = image(machine, 0x20b);
    point(&mut bytes, 0x20b, 10, 0x1000, 0x140);
    put(&mut bytes, 0x400, &size.to_le_bytes());
    put(&mut bytes, 0x4c8, &pointer.to_le_bytes());
    head_of(bytes).unwrap().machine
}

#[test]
fn arm64_hybrids_are_known_by_the_chpe_pointer_alone() {
    assert_eq!(hybrid(0x8664, 0x140, 0x1_8000_1234), Machine::Arm64Ec);
    assert_eq!(hybrid(0xaa64, 0x140, 0x1_8000_1234), Machine::Arm64X);
    assert_eq!(hybrid(0xaa64, 0x140, 0), Machine::Arm64);
    // A short load configuration ends before the field: what stands there is something else.
    assert_eq!(hybrid(0x8664, 0xc8, 0x1_8000_1234), Machine::X64);
    assert_eq!(Machine::Arm64Ec.platform(), Machine::Arm64);
}

fn managed(magic: u16, machine: u16, flags: u32) -> Machine {
    let mut bytes = image(machine, magic);
    point(&mut bytes, magic, 14, 0x1010, 72);
    put(&mut bytes, 0x410, &72u32.to_le_bytes());
    put(&mut bytes, 0x420, &flags.to_le_bytes());
    head_of(bytes).unwrap().machine
}

#[test]
fn managed_code_is_neutral_unless_it_needs_32_bits_or_has_native_code() {
    assert_eq!(managed(0x10b, 0x14c, 9), Machine::Neutral);
    assert_eq!(managed(0x10b, 0x14c, 0x2_0003), Machine::Neutral);
    assert_eq!(managed(0x10b, 0x14c, 3), Machine::X86);
    assert_eq!(managed(0x10b, 0x14c, 0), Machine::X86);
    assert_eq!(managed(0x20b, 0x8664, 1), Machine::X64);
}

#[test]
fn what_only_begins_like_a_program_is_no_pe() {
    assert_eq!(head_of(b"MZ".to_vec()), None);
    let mut sixteen_bit = image(0x14c, 0x10b);
    put(&mut sixteen_bit, 0x80, b"NE\0\0");
    assert_eq!(head_of(sixteen_bit), None);
    let mut far = image(0x14c, 0x10b);
    put(&mut far, 0x3c, &u32::MAX.to_le_bytes());
    assert_eq!(head_of(far), None);
}

#[test]
fn a_thousand_heads_cost_well_under_a_mebibyte() {
    let mut bytes = image(0x8664, 0x20b);
    point(&mut bytes, 0x20b, 10, 0x1000, 0x140);
    let counting = Arc::new(Counting::new(Arc::new(bytes)));
    let source: SharedSource = counting.clone();
    head(&source).unwrap().unwrap();
    assert!(counting.bytes() <= 700, "{} bytes", counting.bytes());
}

#[test]
fn a_certificate_table_past_the_end_is_said() {
    let mut bytes = image(0x8664, 0x20b);
    point(&mut bytes, 0x20b, 4, 0xc00, 0x100);
    let source: SharedSource = Arc::new(bytes);
    let facts = facts(&source).unwrap().unwrap();
    let table = facts.head.certificates.unwrap();
    assert_eq!((table.offset, table.bytes, table.whole), (0xc00, 0x100, false));
    assert_eq!(facts.findings.len(), 1);
}

#[test]
fn every_machine_of_install_media_has_its_name() {
    let names = [0x14c, 0x8664, 0xaa64, 0x1c4, 0x200, 0x184, 0x166, 0x1f0, 0xebc, 0x5064]
        .map(|number| Machine::from_header(number).name());
    assert_eq!(names, ["x86", "x64", "arm64", "arm", "ia64", "alpha", "mips", "ppc", "ebc", "other"]);
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// A node of the version resource; children are padded to multiples of 4.
fn node(key: &str, value: &[u8], value_len: u16, children: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![0; 6];
    put(&mut out, 2, &value_len.to_le_bytes());
    for part in [wide(key), value.to_vec()].iter().chain(children) {
        out.extend(part);
        out.resize(out.len().div_ceil(4) * 4, 0);
    }
    let len = u16::try_from(out.len()).unwrap();
    put(&mut out, 0, &len.to_le_bytes());
    out
}

fn version_blob() -> Vec<u8> {
    let mut fixed = vec![0; 52];
    for (at, value) in
        [(0, 0xfeef_04bdu32), (8, 0x000f_0002), (12, 0x045e_0007), (16, 0x0008_0000), (20, 0x02ad_0019)]
    {
        put(&mut fixed, at, &value.to_le_bytes());
    }
    let german = node("040704b0", &[], 0, &[node("ProductName", &wide("Prüfung"), 8, &[])]);
    let english = node("040904b0", &[], 0, &[node("ProductName", &wide(" Test "), 7, &[])]);
    let translation = node("Translation", &[7, 4, 0xb0, 4], 4, &[]);
    let children =
        [node("StringFileInfo", &[], 0, &[german, english]), node("VarFileInfo", &[], 0, &[translation])];
    node("VS_VERSION_INFO", &fixed, 52, &children)
}

fn with_version(blob: &[u8]) -> Vec<u8> {
    let mut bytes = image(0x8664, 0x20b);
    point(&mut bytes, 0x20b, 2, 0x1000, 0x800);
    for (table, name, offset) in [(0, 16u32, 0x8000_0020u32), (0x20, 1, 0x8000_0040), (0x40, 0x407, 0x60)] {
        put(&mut bytes, 0x400 + table + 14, &1u16.to_le_bytes());
        put(&mut bytes, 0x410 + table, &name.to_le_bytes());
        put(&mut bytes, 0x414 + table, &offset.to_le_bytes());
    }
    put(&mut bytes, 0x460, &0x1080u32.to_le_bytes());
    put(&mut bytes, 0x464, &u32::try_from(blob.len()).unwrap().to_le_bytes());
    put(&mut bytes, 0x480, blob);
    bytes
}

fn facts_of(bytes: Vec<u8>) -> PeFacts {
    let source: SharedSource = Arc::new(bytes);
    facts(&source).unwrap().unwrap()
}

#[test]
fn a_version_resource_gives_numbers_strings_and_translations() {
    let facts = facts_of(with_version(&version_blob()));
    assert_eq!(facts.findings, []);
    let versions = facts.versions.unwrap();
    assert_eq!(versions.file.unwrap().to_string(), "15.2.1118.7");
    assert_eq!(versions.product.unwrap().to_string(), "8.0.685.25");
    assert_eq!(versions.tables.len(), 2);
    assert_eq!(versions.tables[0].language, Some(0x407));
    assert_eq!(versions.tables[0].strings, [("ProductName".to_owned(), "Prüfung".to_owned())]);
    assert_eq!(versions.text("ProductName"), Some("Test"));
    assert_eq!(versions.translations, [(0x407, 0x4b0)]);
}

#[test]
fn string_information_that_reaches_over_the_translations_hides_neither() {
    let english = node("040904b0", &[], 0, &[node("ProductName", &wide("Test"), 5, &[])]);
    let translation = node("Translation", &[9, 4, 0xb0, 4], 4, &[]);
    let var = node("VarFileInfo", &[], 0, &[translation]);
    let blob = node("VS_VERSION_INFO", &[], 0, &[node("StringFileInfo", &[], 0, &[english, var])]);
    let versions = facts_of(with_version(&blob)).versions.unwrap();
    assert_eq!((versions.file, versions.tables.len()), (None, 1));
    assert_eq!(versions.translations, [(0x409, 0x4b0)]);
}

#[test]
fn a_version_resource_of_length_zero_is_read_and_said() {
    let mut blob = version_blob();
    put(&mut blob, 0, &[0, 0]);
    let facts = facts_of(with_version(&blob));
    assert_eq!(facts.versions.unwrap().tables.len(), 2);
    assert_eq!(facts.findings[0].what, "the version resource gives its length as 0");
}

#[test]
fn a_resource_directory_that_loops_or_claims_too_much_ends() {
    let mut looped = with_version(&version_blob());
    put(&mut looped, 0x400 + 0x20 + 0x14, &0x8000_0000u32.to_le_bytes());
    assert_eq!(facts_of(looped).versions, None);
    let mut claims = with_version(&version_blob());
    put(&mut claims, 0x400 + 12, &[0xff; 4]);
    let facts = facts_of(claims);
    assert_eq!(facts.versions.unwrap().file.unwrap().to_string(), "15.2.1118.7");
    assert_eq!(facts.findings[0].what, "131070 resource entries are claimed, 254 were read");
}

#[test]
fn no_cut_and_no_flipped_byte_panics() {
    let whole = with_version(&version_blob());
    for at in 0..whole.len() {
        let cut: SharedSource = Arc::new(whole[..at].to_vec());
        facts(&cut).unwrap();
        let mut flipped = whole.clone();
        flipped[at] ^= 0xff;
        let flipped: SharedSource = Arc::new(flipped);
        facts(&flipped).unwrap();
    }
}
