//! WIM: header, lookup table, metadata that is not packed, tables of chunks, the integrity table.

use super::bytes::{has, number, put, u16_at, u32_at, u64_at};
use super::{Form, Layout, Structure};
use discless::digest::{Algorithm, Hasher};
use std::ops::Range;

pub static WIM: Structure = Structure { name: "wim", walk, mend };

/// Bytes of an entry of the lookup table.
const ENTRY: usize = 50;
const PACKED: u64 = 4;
const METADATA: u64 = 2;

/// What a resource header of 24 bytes says: flags, range, size unpacked.
struct Resource {
    flags: u64,
    range: Range<usize>,
    unpacked: usize,
}

fn resource(image: &[u8], at: usize) -> Resource {
    let packed = number(image, at, 8, false);
    let (len, start) = ((packed & ((1 << 56) - 1)) as usize, u64_at(image, at.saturating_add(8)));
    let start = start.min(image.len());
    Resource {
        flags: packed >> 56,
        range: start..start.saturating_add(len).min(image.len()),
        unpacked: u64_at(image, at.saturating_add(16)),
    }
}

fn header(at: usize, layout: &mut Layout) {
    layout.little(at, 7);
    layout.little(at + 7, 1);
    [8, 16].iter().for_each(|field| layout.little(at + field, 8));
}

fn walk(image: &[u8]) -> Layout {
    let mut layout = Layout::default();
    if !has(image, 0, b"MSWIM\0\0\0") && !has(image, 0, b"WLPWM\0\0\0") {
        return layout;
    }
    [8, 12, 16, 20, 44, 120].iter().for_each(|field| layout.little(*field, 4));
    [40, 42].iter().for_each(|field| layout.little(*field, 2));
    [48, 72, 96, 124].iter().for_each(|field| header(*field, &mut layout));
    let table = resource(image, 48).range;
    let chunk = u32_at(image, 20).max(1);
    let mut entries = Vec::new();
    for at in table.clone().step_by(ENTRY).take_while(|at| at + ENTRY <= table.end) {
        if layout.is_full() {
            break;
        }
        header(at, &mut layout);
        layout.little(at + 24, 2);
        layout.little(at + 26, 4);
        layout.field(at + 30, 20, Form::Text);
        entries.push(at..at + ENTRY);
        let found = resource(image, at);
        match found.flags & (PACKED | METADATA) {
            METADATA => metadata(image, &found.range, &mut layout),
            0 => {}
            _ => chunks(&found, chunk, &mut layout),
        }
    }
    layout.groups.push(entries);
    // UTF-16: words rather than bytes.
    let xml = resource(image, 72).range;
    xml.clone().step_by(2).take(2000).for_each(|at| layout.field(at, 1, Form::Text));
    let integrity = resource(image, 124).range;
    if integrity.len() >= 12 {
        (0..12).step_by(4).for_each(|field| layout.little(integrity.start + field, 4));
    }
    layout
}

/// The table of chunks before packed data: where each but the first begins.
fn chunks(found: &Resource, chunk: usize, layout: &mut Layout) {
    let count = found.unpacked.div_ceil(chunk).saturating_sub(1).min(64);
    let width = if found.unpacked > u32::MAX as usize { 8 } else { 4 };
    let places = (0..count).map(|number| found.range.start + number * width);
    let records: Vec<Range<usize>> = places.map(|at| at..at + width).collect();
    records.iter().for_each(|record| layout.little(record.start, width));
    layout.groups.push(records);
}

/// Security data, then directory entries: each directory's children end with a length of 0.
fn metadata(image: &[u8], range: &Range<usize>, layout: &mut Layout) {
    let start = range.start;
    [0, 4].iter().for_each(|field| layout.little(start + field, 4));
    (0..u32_at(image, start + 4).min(8)).for_each(|number| layout.little(start + 8 + number * 8, 8));
    let root = start.saturating_add(u32_at(image, start).max(8)).next_multiple_of(8);
    let mut pending = vec![root];
    let mut seen = std::collections::HashSet::new();
    while let Some(first) = pending.pop() {
        if !seen.insert(first) || seen.len() > 200 {
            continue;
        }
        let mut records = Vec::new();
        let mut at = first;
        while at.saturating_add(102) <= range.end && records.len() < 200 {
            let len = u64_at(image, at);
            if len < 8 {
                layout.little(at, 8);
                break;
            }
            [0, 16].iter().for_each(|field| layout.little(at + field, 8));
            [8, 12, 88].iter().for_each(|field| layout.little(at + field, 4));
            [96, 98, 100].iter().for_each(|field| layout.little(at + field, 2));
            layout.field(at + 64, 20, Form::Text);
            layout.field(at + 102, u16_at(image, at + 100).max(1), Form::Text);
            let below = u64_at(image, at + 16);
            if below != 0 {
                pending.push(start.saturating_add(below));
            }
            let end = at.saturating_add(len).min(range.end);
            records.push(at..end);
            // Named streams follow, each with its own length.
            at = end.next_multiple_of(8);
            for _ in 0..u16_at(image, records.last().map_or(0, |record| record.start) + 96).min(16) {
                let len = u64_at(image, at);
                layout.little(at, 8);
                layout.little(at + 36, 2);
                layout.field(at + 16, 20, Form::Text);
                at = at.saturating_add(len.max(8)).min(range.end).next_multiple_of(8);
            }
        }
        layout.groups.push(records);
    }
}

/// Digests of metadata that is not packed: those of files stay as they were.
fn mend(image: &mut [u8]) {
    if image.len() < 208 {
        return;
    }
    let table = resource(image, 48).range;
    let mut left = 4 << 20;
    for at in table.clone().step_by(ENTRY).take_while(|at| at + ENTRY <= table.end) {
        let found = resource(image, at);
        if found.flags & (PACKED | METADATA) != METADATA || found.range.len() > left {
            continue;
        }
        left -= found.range.len();
        let mut hasher = Hasher::new(&[Algorithm::Sha1]);
        hasher.update(image.get(found.range).unwrap_or_default());
        let digest = hasher.finish().into_iter().next().map(|value| value.bytes).unwrap_or_default();
        for (number, byte) in digest.iter().enumerate() {
            put(image, at + 30 + number, 1, (*byte).into(), false);
        }
    }
}
