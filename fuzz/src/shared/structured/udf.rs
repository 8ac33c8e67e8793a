//! UDF: everything that begins with a descriptor tag (ECMA-167 3/7.2), wherever it lies.

use super::bytes::{put, u8_at, u16_at, u32_at};
use super::{Form, Layout, Structure};

pub static UDF: Structure = Structure { name: "udf", walk, mend };

/// Bytes of a tag.
const TAG: usize = 16;

/// Where descriptors seem to begin: a known number, version 2 or 3, a length of the CRC that fits. Their checksums are not
/// asked, for it is they that are mended.
fn tags(image: &[u8]) -> impl Iterator<Item = usize> {
    (0..image.len().saturating_sub(TAG)).step_by(4).filter(|&at| {
        let number = u16_at(image, at);
        let known = matches!(number, 1..=9 | 256..=266) && matches!(u16_at(image, at + 2), 2 | 3);
        // Only names lie between sectors' beginnings.
        known
            && (number == 257 || at % 512 == 0)
            && u8_at(image, at + 5) == 0
            && at + TAG + u16_at(image, at + 10) <= image.len()
    })
}

fn walk(image: &[u8]) -> Layout {
    let mut layout = Layout::default();
    let mut descriptors = Vec::new();
    let mut names: Vec<std::ops::Range<usize>> = Vec::new();
    for at in tags(image) {
        if layout.is_full() {
            break;
        }
        tag(at, &mut layout);
        let kind = u16_at(image, at);
        match kind {
            1 => {
                [16, 20].iter().for_each(|field| layout.little(at + field, 4));
                layout.field(at + 24, 32, Form::Text);
            }
            2 | 3 => [16, 20, 24, 28].iter().for_each(|field| layout.little(at + field, 4)),
            5 => {
                [20, 22].iter().for_each(|field| layout.little(at + field, 2));
                layout.field(at + 24, 32, Form::Text);
                [184, 188, 192].iter().for_each(|field| layout.little(at + field, 4));
            }
            6 => volume(image, at, &mut layout),
            7 => (16..56).step_by(4).for_each(|field| layout.little(at + field, 4)),
            9 => (28..96).step_by(4).for_each(|field| layout.little(at + field, 4)),
            256 => {
                address(at + 400, &mut layout);
                layout.little(at + 448, 4);
                layout.field(at + 112, 32, Form::Text);
            }
            257 => {
                let len = (38 + u16_at(image, at + 36) + u8_at(image, at + 19)).next_multiple_of(4);
                layout.little(at + 16, 2);
                [18, 19].iter().for_each(|field| layout.little(at + field, 1));
                address(at + 20, &mut layout);
                layout.little(at + 36, 2);
                layout.field(at + 38 + u16_at(image, at + 36), u8_at(image, at + 19).max(1), Form::Text);
                if names.last().is_some_and(|last| last.end != at) {
                    layout.groups.push(std::mem::take(&mut names));
                }
                names.push(at..at + len);
            }
            258 => {
                [16, 20].iter().for_each(|field| layout.little(at + field, 4));
                descriptors_of(image, at + 24, u32_at(image, at + 20), 8, &mut layout);
            }
            261 | 266 => file(image, at, if kind == 261 { 168 } else { 208 }, &mut layout),
            _ => layout.little(at + 16, 4),
        }
        if kind != 257 {
            descriptors.push(at..at + 512);
        }
    }
    layout.groups.push(names);
    layout.groups.push(descriptors);
    layout
}

fn tag(at: usize, layout: &mut Layout) {
    [0, 2, 6, 10].iter().for_each(|field| layout.little(at + field, 2));
    layout.little(at + 12, 4);
}

/// A long allocation descriptor: length, block, partition.
fn address(at: usize, layout: &mut Layout) {
    layout.little(at, 4);
    layout.little(at + 4, 4);
    layout.little(at + 8, 2);
}

/// A logical volume descriptor with its partition maps (3/10.6).
fn volume(image: &[u8], at: usize, layout: &mut Layout) {
    layout.field(at + 84, 32, Form::Text);
    layout.little(at + 212, 4);
    layout.field(at + 217, 23, Form::Text);
    layout.little(at + 240, 2);
    address(at + 248, layout);
    [264, 268, 432, 436].iter().for_each(|field| layout.little(at + field, 4));
    let mut maps = Vec::new();
    let mut map = at + 440;
    let end = map.saturating_add(u32_at(image, at + 264)).min(image.len());
    while map + 2 <= end && maps.len() < 16 {
        let len = u8_at(image, map + 1);
        if len < 2 {
            break;
        }
        layout.little(map, 1);
        layout.little(map + 1, 1);
        if len < 10 {
            [2, 4].iter().for_each(|field| layout.little(map + field, 2));
        } else {
            layout.field(map + 5, 23, Form::Text);
            (36..len.min(64)).step_by(2).for_each(|field| layout.little(map + field, 2));
            (40..len.min(61)).step_by(4).for_each(|field| layout.little(map + field, 4));
        }
        maps.push(map..map + len);
        map += len;
    }
    layout.groups.push(maps);
}

/// A file entry, whose extended attributes' length stands at `lengths` (4/14.9, 4/14.17).
fn file(image: &[u8], at: usize, lengths: usize, layout: &mut Layout) {
    [16, 28].iter().for_each(|field| layout.little(at + field, 4));
    [20, 22, 24, 32, 34, 48].iter().for_each(|field| layout.little(at + field, 2));
    layout.little(at + 27, 1);
    [56, 64, 72].iter().for_each(|field| layout.little(at + field, 8));
    [lengths, lengths + 4].iter().for_each(|field| layout.little(at + field, 4));
    let (attributes, allocation) = (u32_at(image, at + lengths), u32_at(image, at + lengths + 4));
    let step = match u16_at(image, at + 34) & 7 {
        0 => 8,
        1 => 16,
        // The file itself: a directory's names are found by their tags.
        _ => return,
    };
    descriptors_of(image, (at + lengths + 8).saturating_add(attributes), allocation, step, layout);
}

fn descriptors_of(image: &[u8], start: usize, len: usize, step: usize, layout: &mut Layout) {
    let mut records = Vec::new();
    let end = start.saturating_add(len).min(image.len());
    let mut at = start;
    while at + step <= end && records.len() < 64 {
        layout.little(at, 4);
        // The kind of extent is in the upper two bits.
        layout.little(at + 3, 1);
        layout.little(at + 4, 4);
        if step == 16 {
            layout.little(at + 8, 2);
        }
        records.push(at..at + step);
        at += step;
    }
    layout.groups.push(records);
}

/// CRC and checksum of every tag.
fn mend(image: &mut [u8]) {
    let all: Vec<usize> = tags(image).collect();
    for at in all.into_iter().rev() {
        let covered = image.get(at + TAG..at + TAG + u16_at(image, at + 10)).unwrap_or_default();
        let crc = covered.iter().fold(0u16, |crc, &byte| {
            (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
                if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 }
            })
        });
        put(image, at + 8, 2, crc.into(), false);
        let bytes = image.get(at..at + TAG).unwrap_or_default().iter().enumerate();
        let sum = bytes.filter(|(i, _)| *i != 4).fold(0u8, |sum, (_, byte)| sum.wrapping_add(*byte));
        put(image, at + 4, 1, sum.into(), false);
    }
}
