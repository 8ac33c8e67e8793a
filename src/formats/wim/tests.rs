//! What the fixtures do not say: how much is read, and that every way to a member's bytes gives the same.

use super::*;
use crate::medium;
use crate::observe::Silent;
use crate::source::{Counting, Source, read_vec};
use std::path::Path;

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/wim").join(name).join("input.wim");
    std::fs::read(path).unwrap()
}

fn opened(name: &str) -> (Arc<Counting>, Box<dyn Container>) {
    let counting = Arc::new(Counting::new(Arc::new(fixture(name))));
    let container = open(counting.clone(), &Options::default()).unwrap();
    (counting, container)
}

#[test]
fn opening_reads_tables_and_metadata_alone() {
    // In a solid resource the target of the link costs a chunk.
    for name in ["lzx-32k", "xpress-32k", "pipable"] {
        let (counting, container) = opened(name);
        assert!(container.entries().len() > 10);
        assert!(counting.bytes() < 8000, "{name}: {} bytes of {}", counting.bytes(), counting.len());
    }
}

#[test]
fn any_range_of_a_member_is_what_reading_it_gives() {
    for name in ["xpress-32k", "lzx-32k", "solid-lzms-32k", "solid-xpress", "pipable"] {
        let (_, container) = opened(name);
        for number in 0..container.entries().len() {
            let id = EntryId(number);
            if container.entries()[number].kind != EntryKind::File {
                continue;
            }
            let mut whole = Vec::new();
            container.open(id).unwrap().read_to_end(&mut whole).unwrap();
            let source = container.sub_source(id, &Limits::default()).unwrap();
            assert_eq!(source.len(), whole.len() as u64);
            for (at, len) in [(0, whole.len()), (whole.len() / 2, 10), (whole.len() / 3, 40_000), (0, 1)] {
                let len = len.min(whole.len() - at);
                assert_eq!(
                    read_vec(&*source, at as u64, len as u64).unwrap(),
                    &whole[at..at + len],
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn the_head_of_a_member_in_a_large_resource_costs_one_chunk() {
    let (counting, container) = opened("lzx-32k");
    let code = container.entries().iter().position(|entry| entry.path.text() == "code.bin").unwrap();
    let before = counting.bytes();
    let source = container.sub_source(EntryId(code), &Limits::default()).unwrap();
    read_vec(&*source, 60_000, 16).unwrap();
    read_vec(&*source, 60_100, 16).unwrap();
    let Location::Packed(extents) = &container.entries()[code].location else { panic!("not packed") };
    assert!(counting.bytes() - before < extents.bytes() / 2);
}

#[test]
fn a_bent_byte_is_found_by_the_integrity_table() {
    let mut bytes = fixture("xpress-32k");
    let good = integrity(&bytes, &Silent).unwrap().unwrap();
    assert_eq!((good.stretches, good.differ.len()), (1, 0));
    bytes[5000] ^= 1;
    let bad = integrity(&bytes, &Silent).unwrap().unwrap();
    assert_eq!(bad.differ.len(), 1);
    assert_eq!(integrity(&fixture("lzx-32k"), &Silent).unwrap(), None);
}

#[test]
fn names_of_one_file_have_one_number() {
    let (_, container) = opened("lzx-32k");
    let link = |path: &str| {
        let entry = container.entries().iter().find(|entry| entry.path.text() == path).unwrap();
        (entry.link, entry.location.clone())
    };
    assert!(link("setup.exe").0.is_some());
    assert_eq!(link("setup.exe"), link("docs/hard.exe"));
    assert_eq!(link("readme.txt").1, link("docs/twin.txt").1);
    assert_ne!(link("readme.txt").0, link("setup.exe").0);
}

/// Lines of the lookup table that are resources: all but those of solid runs themselves.
fn lines(bytes: &[u8]) -> u64 {
    let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let (size, at) = (number(48) & ((1 << 56) - 1), usize::try_from(number(56)).unwrap());
    let lines = bytes[at..at + usize::try_from(size).unwrap()].chunks(50);
    lines.filter(|line| line[7] & 0x10 == 0 || line[16..24] != (1u64 << 32).to_le_bytes()).count() as u64
}

#[test]
fn every_resource_is_checked_once_whatever_its_names() {
    for name in
        ["lzx-32k", "xpress-32k", "lzms-32k", "solid-lzms", "solid-lzms-32k", "solid-xpress", "two-images"]
    {
        for threads in [1, 3] {
            let bytes = fixture(name);
            let wanted = lines(&bytes);
            let options = Options { threads, ..Options::default() };
            let container = open(Arc::new(bytes), &options).unwrap();
            let found = container.check_resources(&Silent).unwrap().unwrap();
            assert!(found.failed.is_empty(), "{name}: {:?}", found.failed);
            assert_eq!(found.count, wanted, "{name}");
        }
    }
}

#[test]
fn a_bent_resource_is_named_with_its_members_and_the_others_are_whole() {
    for (name, few) in
        [("hostile-flipped", 1), ("hostile-flipped-solid", 9), ("hostile-noise", 2), ("wrong-sha1", 1)]
    {
        let container = open(Arc::new(fixture(name)), &Options::default()).unwrap();
        let found = container.check_resources(&Silent).unwrap().unwrap();
        let failed = found.failed.len();
        assert!(failed >= 1 && failed <= few && (failed as u64) < found.count, "{name}: {:?}", found.failed);
        for bad in &found.failed {
            assert_eq!(bad.name.len(), 40, "{name}: {bad:?}");
            assert!(!bad.members.is_empty(), "{name}: {bad:?}");
        }
        // What reading the members says, and nothing else.
        let mut failed: Vec<String> = Vec::new();
        for (number, entry) in container.entries().iter().enumerate() {
            let all = container.open(EntryId(number));
            if all.and_then(|mut all| Ok(all.read_to_end(&mut Vec::new())?)).is_err() {
                failed.push(entry.path.text().to_owned());
            }
        }
        let mut named: Vec<String> = found.failed.into_iter().flat_map(|bad| bad.members).collect();
        failed.sort();
        named.sort();
        assert_eq!(named, failed, "{name}");
    }
}

#[test]
fn the_number_of_the_only_image_may_be_written() {
    let source: SharedSource = Arc::new(fixture("lzx-32k"));
    let container = medium::open(&source, "x.wim", &Options::default()).unwrap();
    let found = |globs: &[&str]| {
        let globs: Vec<String> = globs.iter().map(|&glob| glob.to_owned()).collect();
        let ids = crate::nest::to_extract(&*container, &globs).unwrap();
        ids.iter().map(|id| container.entries()[id.0].path.text().to_owned()).collect::<Vec<_>>()
    };
    let all = found(&[]);
    assert_eq!(all.len() + 1, container.entries().len(), "all but [xml]");
    assert_eq!(found(&["1"]), all);
    assert_eq!(found(&["1/*"]), all);
    assert_eq!(found(&["1/docs"]), found(&["docs"]));
    assert_eq!(found(&["/1/docs/*.exe"]), ["docs/hard.exe"]);
    assert_eq!(found(&["docs", "!1/docs/link"]).len() + 1, found(&["docs"]).len());
    assert_eq!(found(&["[xml]"]), ["[xml]"]);
    assert!(crate::nest::to_extract(&*container, &["2/docs".to_owned()]).is_err());
}

#[test]
fn windows_images_say_what_they_are() {
    let source: SharedSource = Arc::new(fixture("windows"));
    let container = medium::open(&source, "x.wim", &Options::default()).unwrap();
    let fact = |name: &str| container.facts().named.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
    assert_eq!(fact("product"), Some("Server 0 ü"));
    assert_eq!((fact("version"), fact("platform")), (Some("10.0.17763.1"), Some("x64")));
    assert_eq!(fact("languages"), Some("en-US"));
    let found = summary(&source).unwrap();
    assert_eq!(found.images[0].installation_type.as_deref(), Some("Server"));
    assert_eq!(found.detail, "WIM 1.13, 1 image, LZX in chunks of 32 KiB");
}

#[test]
fn a_part_of_a_set_without_the_first_is_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/wim/split/beside/input2.swm");
    let source: SharedSource = Arc::new(std::fs::read(path).unwrap());
    let error = open(source, &Options::default()).err().unwrap();
    assert!(matches!(error.kind(), crate::error::Kind::Unsupported(_)));
}
