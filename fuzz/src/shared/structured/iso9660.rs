//! ISO 9660: descriptors, directory records with their system use fields, path tables, the boot catalogue.

use super::bytes::{has, number, put, u8_at, u32_at};
use super::{Field, Form, Layout, Structure};
use std::collections::HashSet;

pub static ISO9660: Structure = Structure { name: "iso9660", walk, mend };

const SECTOR: usize = 2048;
/// Directories that are looked into.
const DIRECTORIES: usize = 200;

fn walk(image: &[u8]) -> Layout {
    let mut layout = Layout::default();
    let mut descriptors = Vec::new();
    let mut directories = Vec::new();
    for at in (16..48).map(|sector| sector * SECTOR) {
        if !has(image, at + 1, b"CD001") {
            continue;
        }
        descriptors.push(at..at + SECTOR);
        layout.little(at, 1);
        layout.little(at + 6, 1);
        match u8_at(image, at) {
            0 => {
                layout.field(at + 7, 32, Form::Text);
                layout.little(at + 71, 4);
                catalogue(image, u32_at(image, at + 71), &mut layout);
            }
            1 | 2 => {
                layout.little(at + 7, 1);
                layout.field(at + 40, 32, Form::Text);
                layout.field(at + 80, 4, Form::Both);
                layout.field(at + 88, 3, Form::Text);
                [120, 124, 128].iter().for_each(|field| layout.field(at + field, 2, Form::Both));
                layout.field(at + 132, 4, Form::Both);
                [140, 144].iter().for_each(|field| layout.little(at + field, 4));
                [148, 152].iter().for_each(|field| layout.field(at + field, 4, Form::Big));
                layout.little(at + 881, 1);
                let block = number(image, at + 128, 2, false) as usize;
                paths(image, u32_at(image, at + 140) * block, u32_at(image, at + 132), &mut layout);
                record(image, at + 156, &mut layout);
                directories.push((u32_at(image, at + 158) * block, u32_at(image, at + 166), block));
            }
            _ => {}
        }
    }
    layout.groups.push(descriptors);
    let mut seen = HashSet::new();
    while let Some((start, len, block)) = directories.pop() {
        if seen.len() > DIRECTORIES || layout.is_full() || !seen.insert(start) {
            continue;
        }
        let mut records = Vec::new();
        let mut at = start;
        let end = start.saturating_add(len).min(image.len());
        while at < end && !layout.is_full() {
            let len = u8_at(image, at);
            if len < 34 {
                at = (at / SECTOR + 1) * SECTOR;
                continue;
            }
            records.push(at..at + len);
            record(image, at, &mut layout);
            if u8_at(image, at + 25) & 2 != 0 {
                directories.push((u32_at(image, at + 2) * block, u32_at(image, at + 10), block));
            }
            at += len;
        }
        layout.groups.push(records);
    }
    layout
}

/// ECMA-119 §9.1.
fn record(image: &[u8], at: usize, layout: &mut Layout) {
    [0, 1, 25, 26, 27, 32].iter().for_each(|field| layout.little(at + field, 1));
    [2, 10].iter().for_each(|field| layout.field(at + field, 4, Form::Both));
    layout.field(at + 28, 2, Form::Both);
    layout.field(at + 18, 7, Form::Text);
    let (len, name) = (u8_at(image, at), u8_at(image, at + 32));
    layout.field(at + 33, name.max(1), Form::Text);
    let use_area = at + 33 + name + usize::from(name % 2 == 0);
    fields(image, use_area, at + len, layout, 0);
}

/// System use fields (SUSP): two letters, length, version, data.
fn fields(image: &[u8], at: usize, end: usize, layout: &mut Layout, depth: u32) {
    let mut records = Vec::new();
    let mut at = at;
    while at + 4 <= end.min(image.len()) && !layout.is_full() {
        let len = u8_at(image, at + 2);
        if len < 4 {
            break;
        }
        records.push(at..at + len);
        layout.little(at + 2, 1);
        let kind = image.get(at..at + 2).unwrap_or_default();
        match kind {
            b"CE" => {
                [4, 12, 20].iter().for_each(|field| layout.field(at + field, 4, Form::Both));
                let area = u32_at(image, at + 4) * SECTOR + u32_at(image, at + 12);
                if depth < 4 {
                    fields(image, area, area.saturating_add(u32_at(image, at + 20)), layout, depth + 1);
                }
            }
            b"PX" => (4..len.saturating_sub(7))
                .step_by(8)
                .for_each(|field| layout.field(at + field, 4, Form::Both)),
            b"CL" | b"PL" => layout.field(at + 4, 4, Form::Both),
            b"ZF" => {
                [6, 7].iter().for_each(|field| layout.little(at + field, 1));
                // The second version has one number of eight bytes.
                match u8_at(image, at + 3) {
                    2 => layout.little(at + 8, 8),
                    _ => layout.field(at + 8, 4, Form::Both),
                }
            }
            b"NM" | b"SL" => {
                layout.little(at + 4, 1);
                layout.field(at + 5, len.saturating_sub(5).max(1), Form::Text);
            }
            _ => layout.field(at + 4, len.saturating_sub(4).max(1), Form::Text),
        }
        layout.field(at, 2, Form::Text);
        at += len;
    }
    layout.groups.push(records);
}

/// ECMA-119 §9.4.
fn paths(image: &[u8], start: usize, len: usize, layout: &mut Layout) {
    let mut records = Vec::new();
    let mut at = start;
    while at < start.saturating_add(len).min(image.len()) && records.len() < DIRECTORIES {
        let name = u8_at(image, at);
        layout.little(at, 1);
        layout.little(at + 2, 4);
        layout.little(at + 6, 2);
        let record = at..at + 8 + name + name % 2;
        at = record.end;
        records.push(record);
    }
    layout.groups.push(records);
}

/// El Torito: entries of 32 bytes.
fn catalogue(image: &[u8], sector: usize, layout: &mut Layout) {
    let start = sector.saturating_mul(SECTOR);
    let mut records = Vec::new();
    for at in (start..start.saturating_add(SECTOR)).step_by(32) {
        let entry = image.get(at..at.saturating_add(32)).unwrap_or_default();
        if entry.iter().all(|&byte| byte == 0) {
            break;
        }
        [0, 1, 4].iter().for_each(|field| layout.little(at + field, 1));
        [2, 6].iter().for_each(|field| layout.little(at + field, 2));
        layout.little(at + 8, 4);
        records.push(at..at + 32);
    }
    layout.groups.push(records);
}

/// Both halves of a number are the same; the words of a boot catalogue's first entry add up to 0.
fn mend(image: &mut [u8]) {
    let layout = walk(image);
    for Field { at, len, .. } in layout.fields.iter().filter(|field| field.form == Form::Both) {
        let value = number(image, *at, *len, false);
        put(image, at + len, *len, value, true);
    }
    for at in (16..48).map(|sector| sector * SECTOR) {
        if has(image, at, b"\0CD001") {
            let start = u32_at(image, at + 71).saturating_mul(SECTOR);
            let words = (0..16).filter(|word| *word != 14);
            let sum = words.fold(0u16, |sum, word| {
                sum.wrapping_add(number(image, start.saturating_add(word * 2), 2, false) as u16)
            });
            if has(image, start, &[1]) {
                put(image, start + 28, 2, sum.wrapping_neg().into(), false);
            }
        }
    }
}
