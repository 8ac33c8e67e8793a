#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;
use crate::error::Kind;
use crate::source::Counting;
use flate2::{Compress, Compression, FlushCompress};

/// A file's name, size and place in the folder of that number.
type Member = (String, u32, u32, u16);

/// A cabinet of MSZIP folders, each block packed alone.
fn cabinet(folders: &[Vec<u8>], members: &[Member]) -> Vec<u8> {
    let mut files = Vec::new();
    for (name, size, offset, folder) in members {
        files.extend(size.to_le_bytes());
        files.extend(offset.to_le_bytes());
        files.extend(folder.to_le_bytes());
        files.extend([0x6e, 0x57, 0xaa, 0xb1, 0x20, 0]);
        files.extend(name.as_bytes());
        files.push(0);
    }
    let files_at = 36 + 8 * folders.len();
    let (mut table, mut data) = (Vec::new(), Vec::new());
    for folder in folders {
        table.extend(u32::try_from(files_at + files.len() + data.len()).unwrap().to_le_bytes());
        table.extend(u16::try_from(folder.chunks(32 << 10).count()).unwrap().to_le_bytes());
        table.extend([1, 0]);
        for frame in folder.chunks(32 << 10) {
            let mut packed = Vec::with_capacity(40 << 10);
            Compress::new(Compression::fast(), false)
                .compress_vec(frame, &mut packed, FlushCompress::Finish)
                .unwrap();
            let len = u16::try_from(packed.len() + 2).unwrap().to_le_bytes();
            let unpacked = u16::try_from(frame.len()).unwrap().to_le_bytes();
            let block = [b"CK", packed.as_slice()].concat();
            let head = [len, unpacked].concat();
            data.extend(run::checksum(&head, run::checksum(&block, 0)).to_le_bytes());
            data.extend(head);
            data.extend(block);
        }
    }
    let size = u32::try_from(files_at + files.len() + data.len()).unwrap();
    let mut out = b"MSCF\0\0\0\0".to_vec();
    out.extend(size.to_le_bytes());
    out.extend([0; 4]);
    out.extend(u32::try_from(files_at).unwrap().to_le_bytes());
    out.extend([0, 0, 0, 0, 3, 1]);
    out.extend(u16::try_from(folders.len()).unwrap().to_le_bytes());
    out.extend(u16::try_from(members.len()).unwrap().to_le_bytes());
    out.extend([0; 6]);
    [out, table, files, data].concat()
}

/// Counts what it gets.
#[derive(Default)]
struct Tally {
    whole: usize,
    failed: Vec<String>,
    bytes: u64,
}

impl Sink for Tally {
    fn begin(&mut self, _: EntryId, _: &Entry) -> Result<Want> {
        Ok(Want::Bytes)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn end(&mut self, entry: &Entry, outcome: Result<()>) -> Result<()> {
        match outcome {
            Ok(()) => self.whole += 1,
            Err(error) => self.failed.push(format!("{}: {error}", entry.path.text())),
        }
        Ok(())
    }
}

fn read_all(source: SharedSource, threads: usize) -> Tally {
    let options = Options { threads, ..Options::default() };
    let container = (FORMAT.open)(source, &options).unwrap();
    let ids: Vec<EntryId> = (0..container.entries().len()).rev().map(EntryId).collect();
    let mut tally = Tally::default();
    container.read_in_order(&ids, &mut tally).unwrap();
    tally
}

#[test]
fn fifty_thousand_members_of_one_folder_are_unpacked_once() {
    let folder: Vec<u8> = (0..50_000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let members: Vec<Member> = (0..50_000).map(|i| (format!("m{i}"), 4, 4 * i, 0)).collect();
    let bytes = cabinet(&[folder], &members);
    let size = bytes.len() as u64;
    for threads in [1, 3] {
        let source = Arc::new(Counting::new(Arc::new(bytes.clone())));
        let tally = read_all(source.clone(), threads);
        assert_eq!((tally.whole, tally.bytes, tally.failed.len()), (50_000, 200_000, 0));
        // The head for the probe, the headers, and every block once.
        assert!(source.bytes() < 2 * size + (128 << 10), "{} of {size} bytes were read", source.bytes());
    }
}

#[test]
fn members_that_overlap_end_in_bounded_time() {
    // All of them are small and lie at the end of what has to be unpacked for them, or span everything.
    let folder = vec![7u8; 40 << 20];
    let end = u32::try_from(folder.len()).unwrap();
    let small = (0..5_000).map(|i| (format!("s{i}"), 100, end - 100, 0));
    let large = (0..12).map(|i| (format!("l{i}"), end - 1 - i, 1 + i, 0));
    let bytes = cabinet(&[folder], &small.chain(large).collect::<Vec<_>>());
    let source = Arc::new(Counting::new(Arc::new(bytes.clone())));
    let tally = read_all(source.clone(), 1);
    assert_eq!(tally.whole + tally.failed.len(), 5_012);
    assert!(source.bytes() < 10 * bytes.len() as u64 + (1 << 20));
    assert!(tally.failed.iter().all(|what| what.contains("passes")), "{:?}", tally.failed);
}

#[test]
fn folders_are_given_in_order_whatever_the_threads() {
    let folders: Vec<Vec<u8>> = (0..9u8).map(|i| vec![i; 100_000]).collect();
    let members: Vec<Member> = (0..9).map(|i| (format!("f{i}"), 100_000, 0, i)).collect();
    let source: SharedSource = Arc::new(cabinet(&folders, &members));
    for threads in [1, 2, 4] {
        assert_eq!(read_all(source.clone(), threads).whole, 9);
    }
}

#[test]
fn the_length_of_a_cabinet_is_known_where_its_header_is_plausible() {
    let cabinet = cabinet(&[vec![1; 10]], &[("a".to_owned(), 10, 0, 0)]);
    let stub = [vec![0x90; 512], cabinet.clone(), vec![1; 99]].concat();
    assert_eq!(extent_at(&stub, 512).unwrap(), Some(cabinet.len() as u64));
    assert_eq!(extent_at(&stub, 511).unwrap(), None);
    assert_eq!(extent_at(&stub, 1 << 40).unwrap(), None);
    assert_eq!(extent_at(&b"MSCF\0\0\0\0".to_vec(), 0).unwrap(), None);
}

#[test]
fn a_header_of_another_version_is_refused() {
    let mut bytes = cabinet(&[vec![1; 10]], &[("a".to_owned(), 10, 0, 0)]);
    bytes[25] = 2;
    let error = (FORMAT.open)(Arc::new(bytes), &Options::default()).err().unwrap();
    assert!(matches!(error.kind(), Kind::Unsupported(_)), "{error}");
}

#[test]
fn folders_that_share_their_blocks_are_bounded_together() {
    let mut bytes = cabinet(
        &vec![vec![7; 1 << 20]; 300],
        &(0..300).map(|i| (format!("{i}"), 1, (1 << 20) - 1, i)).collect::<Vec<_>>(),
    );
    // All folders at the place of the first.
    let first = bytes[36..40].to_vec();
    (0..300).for_each(|i| bytes[36 + 8 * i..40 + 8 * i].copy_from_slice(&first));
    let limits = crate::Limits { unpacked_ratio: 1, unpacked_floor: 100 << 20, ..crate::Limits::default() };
    let container = (FORMAT.open)(Arc::new(bytes), &Options { limits, ..Options::default() }).unwrap();
    let mut tally = Tally::default();
    container.read_in_order(&(0..300).map(EntryId).collect::<Vec<_>>(), &mut tally).unwrap();
    assert_eq!((tally.whole, tally.failed.len()), (100, 200));
    assert!(tally.failed.iter().all(|what| what.contains("bytes of all folders")), "{:?}", tally.failed);
}

#[test]
fn a_header_that_is_as_large_as_it_may_be_is_read_whole() {
    let (folders, reserve, name) = (3u16, 255u8, [[b'n'; 256].as_slice(), &[0]].concat());
    let mut bytes = cabinet(&[vec![1; 10]], &[("a".to_owned(), 10, 0, 2)]);
    let folder = bytes[36..44].to_vec();
    let files = bytes.split_off(44);
    bytes.truncate(36);
    bytes[26..28].copy_from_slice(&folders.to_le_bytes());
    bytes[30] = 7;
    bytes.extend([0xff, 0xff, reserve, 0]);
    bytes.extend(vec![0; 0xffff]);
    (0..4).for_each(|_| bytes.extend(&name));
    (0..folders).for_each(|_| bytes.extend([folder.as_slice(), &[0; 255]].concat()));
    let files_at = u32::try_from(bytes.len()).unwrap();
    bytes[16..20].copy_from_slice(&files_at.to_le_bytes());
    bytes.extend(files);
    let read = header::read(&bytes, &crate::Limits::default(), &mut Findings::default()).unwrap();
    assert_eq!((read.folders.len(), read.files.len(), read.files[0].place), (3, 1, header::Place::Here(2)));
    assert_eq!(read.next.unwrap(), [b'n'; 256]);
}
