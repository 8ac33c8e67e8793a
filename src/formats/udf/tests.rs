//! Whole volumes of a few hundred sectors of 512 bytes, made here.

use super::directory::identifier_of;
use super::file_entry::{entry_of, sealed};
use super::tag::{self, tagged};
use super::{FORMAT, Options};
use crate::container::{Container, Entry, EntryId, EntryKind, Role, Severity};
use crate::error::{Kind, Result};
use crate::formats::{Certainty, Probe};
use crate::limits::Limits;
use std::io::Read;
use std::sync::Arc;

const SECTOR: usize = 512;
/// Where the partition begins: block 0 is the file set, block 1 the root's file entry.
const START: usize = 300;

struct Image(Vec<u8>);

impl Image {
    /// A volume whose partition has these blocks after the file set.
    fn new(blocks: &[Vec<u8>]) -> Self {
        let mut image = Self(vec![0; 600 * SECTOR]);
        image.0[32768 + 1..32768 + 6].copy_from_slice(b"NSR02");
        let mut anchor = vec![0; 512];
        extent(&mut anchor, 16, 16 * 512, 32);
        extent(&mut anchor, 24, 16 * 512, 200);
        image.put(256, tagged(tag::ANCHOR, 256, anchor));
        for at in [32, 200] {
            image.put(at, logical(at, 1, SECTOR, b"NAME"));
            image.put(at + 1, partition(at + 1, 1, START));
            image.put(at + 2, tagged(tag::TERMINATING, number(at + 2), vec![0; 512]));
        }
        let mut set = vec![0; 512];
        extent(&mut set, 400, 512, 1);
        image.put(START, tagged(tag::FILE_SET, 0, set));
        for (index, block) in blocks.iter().enumerate() {
            assert!(block.len() <= SECTOR);
            image.put(START + 1 + index, block.clone());
        }
        image
    }

    fn put(&mut self, sector: usize, bytes: Vec<u8>) {
        self.0[sector * SECTOR..][..bytes.len()].copy_from_slice(&bytes);
    }

    fn open_with(&self, limits: Limits) -> Result<Box<dyn Container>> {
        (FORMAT.open)(Arc::new(self.0.clone()), &Options { limits, ..Options::default() })
    }

    fn open(&self) -> Result<Box<dyn Container>> {
        self.open_with(Limits::default())
    }
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap()
}

fn extent(bytes: &mut [u8], at: usize, len: u32, block: u32) {
    bytes[at..at + 4].copy_from_slice(&len.to_le_bytes());
    bytes[at + 4..at + 8].copy_from_slice(&block.to_le_bytes());
}

fn logical(place: usize, sequence: u8, block: usize, label: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 446];
    bytes[16] = sequence;
    bytes[84] = 8;
    bytes[85..85 + label.len()].copy_from_slice(label);
    bytes[84 + 127] = u8::try_from(label.len() + 1).unwrap();
    bytes[212..216].copy_from_slice(&number(block).to_le_bytes());
    bytes[217..236].copy_from_slice(b"*OSTA UDF Compliant");
    bytes[240..242].copy_from_slice(&0x0201u16.to_le_bytes());
    extent(&mut bytes, 248, 512, 0);
    bytes[264] = 6;
    bytes[268] = 1;
    bytes[440..446].copy_from_slice(&[1, 6, 1, 0, 0, 0]);
    tagged(tag::LOGICAL_VOLUME, number(place), bytes)
}

fn partition(place: usize, sequence: u8, start: usize) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[16] = sequence;
    bytes[184] = 1;
    extent(&mut bytes, 188, number(start), 290);
    tagged(tag::PARTITION, number(place), bytes)
}

/// A file entry in that block of the partition whose content is inline.
fn inline(block: u32, file_type: u8, content: &[u8]) -> Vec<u8> {
    sealed(block, entry_of(file_type, 3, content.len() as u64, content))
}

fn directory(block: u32, files: &[(&str, u8, u32)]) -> Vec<u8> {
    let name = |name: &str| [&[8], name.as_bytes()].concat();
    let list = files.iter().map(|(file, kind, icb)| identifier_of(&name(file), *kind, *icb, b""));
    inline(block, 4, &list.collect::<Vec<_>>().concat())
}

fn paths(volume: &dyn Container) -> Vec<&str> {
    volume.entries().iter().map(|entry| entry.path.text()).collect()
}

fn entry<'a>(volume: &'a dyn Container, path: &str) -> (EntryId, &'a Entry) {
    let found = volume.entries().iter().enumerate().find(|(_, entry)| entry.path.text() == path);
    found.map(|(id, entry)| (EntryId(id), entry)).unwrap()
}

/// A root with a directory, a file in it, a link, a pipe and something hidden.
fn small() -> Image {
    Image::new(&[
        directory(1, &[("dir", 2, 2), ("link", 0, 4), ("pipe", 0, 5), ("secret", 1, 3)]),
        directory(2, &[("file", 0, 3)]),
        inline(3, 5, b"content"),
        inline(4, 12, b"\x05\x04\0\0\x08dir\x05\x05\0\0\x08file"),
        inline(5, 9, b""),
    ])
}

#[test]
fn a_volume_is_recognised_and_listed_parents_first() {
    let image = small();
    let source = image.0.clone();
    let evidence = (FORMAT.probe)(&Probe::new(&source).unwrap()).unwrap().unwrap();
    assert_eq!(evidence.certainty, Certainty::Sure);
    let volume = image.open().unwrap();
    assert_eq!(paths(&*volume), ["dir", "link", "pipe", "secret", "dir/file"]);
    assert_eq!(volume.facts().label.as_deref(), Some("NAME"));
    assert_eq!(volume.layers()[0].detail, "UDF 2.01");
    assert_eq!(volume.layers()[0].entries, Some(2));
    assert_eq!(volume.extent(), 0..590 * 512);
    assert!(volume.findings().is_empty(), "{:?}", volume.findings());
    assert_eq!(entry(&*volume, "link").1.target.as_deref(), Some("dir/file"));
    assert_eq!(entry(&*volume, "pipe").1.kind, EntryKind::Other);
    assert_eq!(entry(&*volume, "secret").1.role, Role::Hidden);
    let (id, file) = entry(&*volume, "dir/file");
    assert_eq!((file.bytes, file.mode, file.link), (7, Some(0o557), None));
    let mut text = String::new();
    volume.open(id).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "content");
}

#[test]
fn a_directory_reached_twice_is_entered_once() {
    let blocks = [directory(1, &[("a", 2, 2)]), directory(2, &[("b", 2, 3)]), directory(3, &[("up", 2, 1)])];
    let volume = Image::new(&blocks).open().unwrap();
    assert_eq!(paths(&*volume), ["a", "a/b", "a/b/up"]);
    let finding = &volume.findings()[0];
    assert_eq!((finding.severity, finding.subject.as_str()), (Severity::Damaged, "a/b/up"));
    assert!(finding.what.starts_with("directory loop"));
}

#[test]
fn two_entries_over_the_data_of_one_directory_are_a_loop() {
    let data = identifier_of(b"\x08in", 2, 2, b"");
    let short = [number(data.len()).to_le_bytes(), 3u32.to_le_bytes()].concat();
    let over = |block| sealed(block, entry_of(4, 0, data.len() as u64, &short));
    let volume = Image::new(&[over(1), over(2), data.clone()]).open().unwrap();
    assert_eq!(paths(&*volume), ["in"]);
    assert!(volume.findings()[0].what.starts_with("directory loop"));
}

#[test]
fn limits_leave_out_what_is_too_much_and_say_so() {
    let damaged = |limits: Limits| {
        let volume = small().open_with(limits).unwrap();
        assert_eq!(volume.findings()[0].severity, Severity::Damaged);
        volume.entries().len()
    };
    assert_eq!(damaged(Limits { entries: 2, ..Limits::default() }), 2);
    assert_eq!(damaged(Limits { directory_depth: 0, ..Limits::default() }), 4);
    assert_eq!(damaged(Limits { path_bytes: 7, ..Limits::default() }), 4);
    assert_eq!(damaged(Limits { directory_bytes: 48, ..Limits::default() }), 0);
}

#[test]
fn a_file_with_two_names_is_one_file() {
    let mut content = entry_of(5, 3, 2, b"ab");
    content[48] = 2;
    let blocks =
        [directory(1, &[("x", 0, 2), ("y", 0, 2), ("z", 0, 3)]), sealed(2, content), inline(3, 5, b"")];
    let volume = Image::new(&blocks).open().unwrap();
    let link = |path| entry(&*volume, path).1.link;
    assert!(link("x").is_some() && link("x") == link("y") && link("z").is_none());
}

#[test]
fn a_file_that_cannot_be_read_does_not_hide_the_others() {
    let mut broken = inline(3, 5, b"broken");
    broken[90] ^= 1;
    let blocks = [
        directory(1, &[("gone", 0, 2), ("broken", 0, 3), ("odd", 0, 4), ("", 0, 5), ("vat", 0, 6)]),
        vec![0; 512],
        broken,
        inline(4, 77, b""),
        inline(5, 0, b"x"),
        inline(6, 248, b""),
    ];
    let volume = Image::new(&blocks).open().unwrap();
    // A file of a type that is not known is listed, and is no file to read.
    assert_eq!(paths(&*volume), ["broken", "odd", "unnamed-1"]);
    assert_eq!(entry(&*volume, "odd").1.kind, EntryKind::Other);
    let about: Vec<&str> = volume.findings().iter().map(|finding| finding.subject.as_str()).collect();
    assert_eq!(about, ["gone", "broken", "odd", ""]);
}

#[test]
fn what_is_beyond_the_end_is_said_in_bytes() {
    // Block 298 is sector 598 of 600.
    let short = [1500u32.to_le_bytes(), 298u32.to_le_bytes()].concat();
    let blocks = [directory(1, &[("f", 0, 2)]), sealed(2, entry_of(5, 0, 1500, &short))];
    let volume = Image::new(&blocks).open().unwrap();
    assert_eq!(entry(&*volume, "f").1.bytes, 1500);
    let finding = &volume.findings()[0];
    assert_eq!((finding.severity, finding.subject.as_str()), (Severity::Damaged, "f"));
    assert_eq!(finding.what, "476 of its 1500 bytes are beyond the end of the medium");
}

#[test]
fn the_reserve_sequence_and_newer_descriptors_count() {
    let mut image = small();
    image.put(32, logical(32, 1, 3, b"BAD"));
    assert_eq!(image.open().unwrap().findings()[0].severity, Severity::Weak);
    let mut image = small();
    image.put(34, logical(34, 9, SECTOR, b"NEWER"));
    image.put(35, partition(35, 0, 17));
    let volume = image.open().unwrap();
    assert_eq!(volume.facts().label.as_deref(), Some("NEWER"));
    assert_eq!(volume.entries().len(), 5);
}

#[test]
fn without_an_anchor_or_a_sequence_the_error_has_a_place() {
    let mut image = small();
    image.put(256, vec![0; 512]);
    let error = image.open().err().unwrap();
    assert_eq!(error.place().structure, "anchor volume descriptor pointer");
    let evidence = (FORMAT.probe)(&Probe::new(&image.0).unwrap()).unwrap().unwrap();
    assert_eq!(evidence.certainty, Certainty::Likely);
    let mut image = small();
    image.put(32, vec![0; 512]);
    image.put(200, vec![0; 512]);
    let error = image.open().err().unwrap();
    assert!(matches!(error.kind(), Kind::Damaged(_)) && error.place().offset == Some(32 * 512));
    image.0.truncate(100);
    assert!(matches!(image.open().err().unwrap().kind(), Kind::Truncated { have: 100, .. }));
}

#[test]
fn structures_that_overlap_without_end_are_stopped() {
    // A directory whose extents are the same blocks again and again: 60 MB of names in 300 KB.
    let names = identifier_of(b"\x08n", 4, 0, b"").repeat(12);
    let list: Vec<u8> =
        (0..40).flat_map(|_| [(100u32 << 9).to_le_bytes(), 40u32.to_le_bytes()].concat()).collect();
    let next = |len: usize, block: u32| [(3 << 30 | number(len)).to_le_bytes(), block.to_le_bytes()].concat();
    let mut image = Image::new(&[sealed(1, entry_of(4, 0, 1 << 40, &[list.clone(), next(512, 2)].concat()))]);
    for block in 2..30 {
        let mut chain = vec![0; 24];
        chain.extend_from_slice(&list);
        chain.extend_from_slice(&next(512, block + 1));
        chain[20..24].copy_from_slice(&number(list.len() + 8).to_le_bytes());
        image.put(START + block as usize, tagged(tag::ALLOCATION_EXTENT, block, chain));
    }
    for block in 40..140 {
        image.put(START + block, names[..480].to_vec());
    }
    let volume = image.open().unwrap();
    assert!(volume.entries().is_empty());
    let said = |finding: &crate::container::Finding| finding.what.contains("would not end");
    assert!(volume.findings().iter().any(said), "{:?}", volume.findings());
}
