//! Mutations that know a format: a sound file, of which a field, a record or their order is changed, and whose checksums
//! are made true again. What is wrong then is what the reader is to notice, not a checksum before it.
//!
//! A format's walker says where fields and records are. It believes the file only as far as it must to find them, and has
//! nothing in common with the reader that is tested.

mod bytes;
mod cab;
mod iso9660;
mod msi;
mod udf;
mod wim;

pub use cab::CAB;
pub use iso9660::ISO9660;
pub use msi::MSI;
pub use udf::UDF;
pub use wim::WIM;

use super::chance::Chance;
use super::sparse;
use bytes::{number, put};
use std::ops::Range;

/// Larger images are left to plain mutations.
const MOST: usize = 8 << 20;
/// Fields and records of one image that are known.
const MOST_PLACES: usize = 20_000;

/// Every format that has structures here.
pub static ALL: [&Structure; 5] = [&CAB, &ISO9660, &MSI, &UDF, &WIM];

/// A format's structures.
pub struct Structure {
    /// The format's name.
    pub name: &'static str,
    /// Finds fields and records.
    walk: fn(&[u8]) -> Layout,
    /// Makes checksums and doubled numbers true.
    mend: fn(&mut [u8]),
}

/// Where something stands that can be changed.
#[derive(Default)]
struct Layout {
    fields: Vec<Field>,
    /// Records that follow each other or belong together.
    groups: Vec<Vec<Range<usize>>>,
}

/// A number or a text in the image.
#[derive(Clone, Copy)]
struct Field {
    at: usize,
    len: usize,
    form: Form,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Little,
    Big,
    /// Least significant byte first, then the same again the other way round (ECMA-119 §7.2.3, §7.3.3).
    Both,
    Text,
}

impl Layout {
    fn little(&mut self, at: usize, len: usize) {
        self.field(at, len, Form::Little);
    }

    fn field(&mut self, at: usize, len: usize, form: Form) {
        if self.fields.len() < MOST_PLACES {
            self.fields.push(Field { at, len, form });
        }
    }

    fn is_full(&self) -> bool {
        self.fields.len() >= MOST_PLACES
    }
}

impl Structure {
    /// The input with one to four changes by its structures, in the sparse form; `None` where nothing of the format is found in it.
    pub fn changed(&self, input: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
        let mut image = sparse::bytes(input, MOST)?;
        self.change(&mut image, chance).then(|| sparse::pack(&image))
    }

    /// The input with true checksums, in the sparse form.
    pub fn mended(&self, input: &[u8]) -> Option<Vec<u8>> {
        let mut image = sparse::bytes(input, MOST)?;
        (self.mend)(&mut image);
        Some(sparse::pack(&image))
    }

    /// Changes an image; false where there is nothing to change.
    pub fn change(&self, image: &mut Vec<u8>, chance: &mut Chance) -> bool {
        let mut done = false;
        for _ in 0..1 + chance.below(4) {
            // Anew each time: what was changed may lead elsewhere.
            let layout = (self.walk)(image);
            done |= match chance.below(10) {
                0..7 => change_field(image, &layout, chance),
                7..9 => change_records(image, &layout, chance),
                _ => change_length(image, &layout, chance),
            };
        }
        (self.mend)(image);
        done
    }
}

fn change_field(image: &mut [u8], layout: &Layout, chance: &mut Chance) -> bool {
    let Some(field) = chance.one_of(&layout.fields) else { return false };
    if field.form == Form::Text {
        let other = chance.one_of(&layout.fields).copied();
        let Some(place) = image.get_mut(field.at..field.at + field.len) else { return false };
        match (chance.below(3), other) {
            (0, _) => {
                const ODD: [u8; 10] = [0, b'/', b'\\', b'.', b':', b';', 0xff, 0x80, b' ', b'A'];
                for _ in 0..1 + chance.below(4) {
                    if let Some(byte) = place.get_mut(chance.below(field.len)) {
                        *byte = ODD[chance.below(ODD.len())];
                    }
                }
            }
            // As another text has it: names that meet.
            (1, Some(other)) if other.form == Form::Text => {
                let len = field.len.min(other.len);
                if other.at + len <= image.len() {
                    image.copy_within(other.at..other.at + len, field.at);
                }
            }
            _ => place.iter_mut().for_each(|byte| *byte ^= (chance.next() & 0x11) as u8),
        }
        return true;
    }
    let old = number(image, field.at, field.len, field.form == Form::Big);
    let most = u64::MAX >> (64 - 8 * field.len.min(8));
    let other = chance
        .one_of(&layout.fields)
        .map_or(0, |other| number(image, other.at, other.len, other.form == Form::Big));
    let len = image.len() as u64;
    let new = match chance.below(16) {
        0 => 0,
        1 => 1,
        2 => most,
        3 => most >> 1,
        4 => old.wrapping_add(1),
        5 => old.wrapping_sub(1),
        6 => old.wrapping_mul(2),
        7 => old / 2,
        8 => old ^ (1 << chance.below(8 * field.len)),
        9 => other,
        10 => len,
        11 => len.wrapping_sub(field.at as u64),
        12 => old.wrapping_add(chance.next() % 4096),
        13 => old.wrapping_sub(chance.next() % 4096),
        14 => chance.next() % 256,
        _ => chance.next(),
    } & most;
    if field.form == Form::Both {
        put(image, field.at, field.len, new, false);
        put(image, field.at + field.len, field.len, new, true);
    } else {
        put(image, field.at, field.len, new, field.form == Form::Big);
    }
    true
}

/// Swaps, doubles, removes or inserts a record among its fellows.
fn change_records(image: &mut [u8], layout: &Layout, chance: &mut Chance) -> bool {
    let Some(group) = chance.one_of(&layout.groups) else { return false };
    let (Some(one), Some(other)) = (chance.one_of(group), chance.one_of(group)) else { return false };
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return false };
    let area = first.start..last.end.min(image.len());
    let bytes = image.get(one.clone()).map(<[u8]>::to_vec);
    let (Some(bytes), true) = (bytes, area.start <= area.end) else { return false };
    match chance.below(4) {
        // Doubled over another: what of it has room.
        0 => {
            let end = (other.start + bytes.len()).min(image.len());
            if let Some(place) = image.get_mut(other.start..end) {
                place.copy_from_slice(&bytes[..place.len()]);
            }
        }
        1 => {
            let Some(theirs) = image.get(other.clone()).map(<[u8]>::to_vec) else { return false };
            let len = theirs.len().min(bytes.len());
            for (at, from) in [(one.start, &theirs), (other.start, &bytes)] {
                if let Some(place) = image.get_mut(at..at + len) {
                    place.copy_from_slice(&from[..len]);
                }
            }
        }
        // Removed: what follows moves up.
        2 if one.end <= area.end => {
            image.copy_within(one.end..area.end, one.start);
            let gap = area.end - (one.end - one.start)..area.end;
            image.get_mut(gap).into_iter().flatten().for_each(|byte| *byte = 0);
        }
        // Inserted before another: what follows moves down, over the last ones.
        _ if other.start + bytes.len() <= area.end => {
            image.copy_within(other.start..area.end - bytes.len(), other.start + bytes.len());
            if let Some(place) = image.get_mut(other.start..other.start + bytes.len()) {
                place.copy_from_slice(&bytes);
            }
        }
        _ => return false,
    }
    true
}

/// Cuts the image, at a structure or anywhere, or adds to it.
fn change_length(image: &mut Vec<u8>, layout: &Layout, chance: &mut Chance) -> bool {
    match (chance.below(3), chance.one_of(&layout.fields)) {
        (0, Some(field)) => image.truncate(field.at + chance.below(field.len + 1)),
        (1, _) => image.truncate(chance.below(image.len() + 1)),
        _ => image.resize((image.len() + chance.below(4096)).min(MOST), 0),
    }
    true
}
