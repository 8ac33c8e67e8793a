//! Cabinets: header, folders, files, blocks of data (MS-CAB).

use super::bytes::{has, put, u8_at, u16_at, u32_at};
use super::{Form, Layout, Structure};
use std::ops::Range;

pub static CAB: Structure = Structure { name: "cab", walk, mend };

/// Folders and blocks of one folder that are mended.
const MOST_FOLDERS: usize = 64;
const MOST_BLOCKS: usize = 1000;

/// What the header says of where things are.
struct Places {
    folders: Range<usize>,
    /// Bytes of a folder, and of what lies between a block's head and its data.
    folder: usize,
    reserve: usize,
}

fn places(image: &[u8]) -> Option<Places> {
    if !has(image, 0, b"MSCF") {
        return None;
    }
    let flags = u16_at(image, 30);
    let (mut at, mut folder, mut reserve) = (36, 8, 0);
    if flags & 4 != 0 {
        at += 4 + u16_at(image, 36);
        folder += u8_at(image, 38);
        reserve = u8_at(image, 39);
    }
    // Names of the cabinets before and behind, and of their discs.
    for flag in [1, 2] {
        for _ in 0..if flags & flag != 0 { 2 } else { 0 } {
            at += image.get(at..)?.iter().position(|&byte| byte == 0)? + 1;
        }
    }
    Some(Places { folders: at..at + u16_at(image, 26) * folder, folder, reserve })
}

fn walk(image: &[u8]) -> Layout {
    let mut layout = Layout::default();
    let Some(places) = places(image) else { return layout };
    [8, 16].iter().for_each(|field| layout.little(*field, 4));
    [26, 28, 30, 32, 34].iter().for_each(|field| layout.little(*field, 2));
    if u16_at(image, 30) & 4 != 0 {
        layout.little(36, 2);
        [38, 39].iter().for_each(|field| layout.little(*field, 1));
    }
    let mut folders = Vec::new();
    for at in places.folders.clone().step_by(places.folder).take_while(|at| *at < image.len()) {
        if layout.is_full() {
            break;
        }
        layout.little(at, 4);
        [4, 6].iter().for_each(|field| layout.little(at + field, 2));
        folders.push(at..at + places.folder);
        let blocks = blocks(image, at, places.reserve);
        for block in &blocks {
            [4, 6].iter().for_each(|field| layout.little(block.start + field, 2));
            layout.field(block.start + 8, places.reserve + 4, Form::Text);
        }
        layout.groups.push(blocks);
    }
    layout.groups.push(folders);
    let mut files = Vec::new();
    let mut at = u32_at(image, 16);
    for _ in 0..u16_at(image, 28) {
        let name = image.get(at.saturating_add(16)..).unwrap_or_default();
        let Some(len) = name.iter().position(|&byte| byte == 0) else { break };
        [0, 4].iter().for_each(|field| layout.little(at + field, 4));
        [8, 10, 12, 14].iter().for_each(|field| layout.little(at + field, 2));
        layout.field(at + 16, len.max(1), Form::Text);
        files.push(at..at + 17 + len);
        at += 17 + len;
    }
    layout.groups.push(files);
    layout
}

/// The blocks of the folder at `at`.
fn blocks(image: &[u8], at: usize, reserve: usize) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut block = u32_at(image, at);
    for _ in 0..u16_at(image, at + 4) {
        let end = block.saturating_add(8 + reserve + u16_at(image, block.saturating_add(4)));
        if end > image.len() {
            break;
        }
        out.push(block..end);
        block = end;
    }
    out
}

/// Checksums of all blocks; 0 stays, for it means that there is none.
fn mend(image: &mut [u8]) {
    let Some(places) = places(image) else { return };
    for at in places.folders.clone().step_by(places.folder).take(MOST_FOLDERS) {
        for block in blocks(image, at, places.reserve).into_iter().take(MOST_BLOCKS) {
            if u32_at(image, block.start) != 0 {
                let data = image.get(block.start + 8 + places.reserve..block.end).unwrap_or_default();
                let head = image.get(block.start + 4..block.start + 8 + places.reserve).unwrap_or_default();
                let sum = sum(head, sum(data, 0));
                put(image, block.start, 4, sum.into(), false);
            }
        }
    }
}

/// Words, and what is left over the other way round (MS-CAB §3.1).
fn sum(bytes: &[u8], seed: u32) -> u32 {
    let (words, rest) = bytes.as_chunks::<4>();
    let sum = words.iter().fold(seed, |sum, word| sum ^ u32::from_le_bytes(*word));
    sum ^ rest.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte))
}
