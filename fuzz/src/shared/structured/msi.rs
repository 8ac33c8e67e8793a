//! Windows Installer: the compound file around it (MS-CFB), and numbers in its streams.

use super::bytes::{has, u8_at, u16_at, u32_at, u64_at};
use super::{Form, Layout, Structure};

pub static MSI: Structure = Structure { name: "msi", walk, mend: |_| {} };

/// Sectors that are followed in one chain.
const MOST_SECTORS: usize = 4096;
/// A number of a sector past this means something else.
const LAST_SECTOR: usize = 0xffff_fffa;

struct File<'a> {
    image: &'a [u8],
    shift: usize,
    fat: Vec<usize>,
}

impl File<'_> {
    fn place(&self, sector: usize) -> usize {
        sector.saturating_add(1) << self.shift
    }

    /// Where the entry of the FAT for a sector stands.
    fn entry(&self, sector: usize) -> Option<usize> {
        let per = (1 << self.shift) / 4;
        Some(self.place(*self.fat.get(sector / per)?) + sector % per * 4)
    }

    fn chain(&self, first: usize) -> Vec<usize> {
        let mut out = Vec::new();
        let mut sector = first;
        while sector < LAST_SECTOR && out.len() < MOST_SECTORS && self.place(sector) < self.image.len() {
            out.push(sector);
            let Some(entry) = self.entry(sector) else { break };
            sector = u32_at(self.image, entry);
        }
        out
    }
}

fn walk(image: &[u8]) -> Layout {
    let mut layout = Layout::default();
    if !has(image, 0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return layout;
    }
    [24, 26, 30, 32].iter().for_each(|field| layout.little(*field, 2));
    (40..76).step_by(4).for_each(|field| layout.little(field, 4));
    let count = u32_at(image, 44).min(109);
    (0..=count).for_each(|number| layout.little(76 + 4 * number, 4));
    let shift = u16_at(image, 30).clamp(7, 16);
    let fat = (0..count).map(|number| u32_at(image, 76 + 4 * number)).collect();
    let file = File { image, shift, fat };
    let sector = 1 << shift;
    // Every chain is a group: sectors change their places.
    let chained = |layout: &mut Layout, first: usize| {
        let chain = file.chain(first);
        for at in chain.iter().filter_map(|sector| file.entry(*sector)) {
            layout.little(at, 4);
        }
        layout
            .groups
            .push(chain.iter().map(|number| file.place(*number)..file.place(*number) + sector).collect());
        chain
    };
    let minis = chained(&mut layout, u32_at(image, 60));
    for at in minis.iter().map(|sector| file.place(*sector)) {
        (0..sector.min(256)).step_by(4).for_each(|field| layout.little(at + field, 4));
    }
    let mut entries = Vec::new();
    let mut root = Vec::new();
    for part in chained(&mut layout, u32_at(image, 48)) {
        for at in (file.place(part)..file.place(part) + sector).step_by(128) {
            let kind = u8_at(image, at + 66);
            if kind == 0 || layout.is_full() {
                continue;
            }
            layout.field(at, u16_at(image, at + 64).clamp(2, 64), Form::Text);
            layout.little(at + 64, 2);
            [66, 67].iter().for_each(|field| layout.little(at + field, 1));
            [68, 72, 76, 96, 116].iter().for_each(|field| layout.little(at + field, 4));
            layout.field(at + 80, 16, Form::Text);
            layout.little(at + 120, 8);
            entries.push(at..at + 128);
            let (first, len) = (u32_at(image, at + 116), u64_at(image, at + 120));
            if kind == 5 {
                root = chained(&mut layout, first);
            } else if len >= u32_at(image, 56) {
                for part in chained(&mut layout, first).iter().take(4) {
                    numbers(file.place(*part), sector.min(len), &mut layout);
                }
            } else if let Some(part) = root.get(first.saturating_mul(64) / sector) {
                numbers(file.place(*part) + first * 64 % sector, len.min(64), &mut layout);
            }
        }
    }
    layout.groups.push(entries);
    layout
}

/// What tables, the pool of strings and property sets are made of: words of two bytes, in pairs.
fn numbers(at: usize, len: usize, layout: &mut Layout) {
    (0..len.min(512)).step_by(2).for_each(|field| layout.little(at + field, 2));
    (0..len.min(64)).step_by(4).for_each(|field| layout.little(at + field, 4));
}
