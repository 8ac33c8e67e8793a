//! What each target does with an input, by the target's name.

mod codecs;
mod lists;
mod media;
mod names;
#[path = "../../../../src/serve/smb/pattern.rs"]
mod pattern;
mod proofs;
mod serve;

use super::exercise::{exercise, options, reader};
use super::sparse::close_image as image;
use discless::formats::{
    appimage, burn, cab, cpio, deb, inno, installshield, iso9660, makeself, msi, nsis, pe, rar, rpm, sevenz,
    sfx, squashfs, stream, tar, udf, wim, zip,
};
use std::sync::Arc;

/// Takes an input; panics where something is wrong.
pub type Run = fn(&[u8]);

/// Every target. Formats and codecs have one of their name.
pub static TARGETS: &[(&str, Run)] = &[
    ("appimage", |data| reader(&appimage::FORMAT, data)),
    ("authenticode", proofs::authenticode),
    ("burn", |data| reader(&burn::FORMAT, data)),
    ("cab", cabinet),
    ("cpio", |data| reader(&cpio::FORMAT, data)),
    ("deb", |data| reader(&deb::FORMAT, data)),
    ("der", proofs::der),
    ("facts", lists::facts),
    ("identify", media::identify),
    ("implanted", proofs::implanted),
    ("inno", |data| reader(&inno::FORMAT, data)),
    ("installshield", |data| reader(&installshield::FORMAT, data)),
    ("iso9660", |data| reader(&iso9660::FORMAT, data)),
    ("lzms", codecs::lzms),
    ("lzx", codecs::lzx),
    ("makeself", |data| reader(&makeself::FORMAT, data)),
    ("medium", media::medium),
    ("msi", installer),
    ("mszip", codecs::mszip),
    ("nest", names::nest),
    ("nsis", |data| reader(&nsis::FORMAT, data)),
    ("path", names::path),
    ("pattern", names::pattern),
    ("pe", program),
    ("quantum", codecs::quantum),
    ("rar", |data| reader(&rar::FORMAT, data)),
    ("rpm", |data| reader(&rpm::FORMAT, data)),
    ("select", names::select),
    ("serve", serve::serve),
    ("sevenz", seven_zip),
    ("sfx", |data| reader(&sfx::FORMAT, data)),
    ("share", lists::share),
    ("signature", proofs::signature),
    ("squashfs", |data| reader(&squashfs::FORMAT, data)),
    ("stream", |data| reader(&stream::FORMAT, data)),
    ("sums", lists::sums),
    ("tar", |data| reader(&tar::FORMAT, data)),
    ("udf", |data| reader(&udf::FORMAT, data)),
    ("view", media::view),
    ("wim", windows_image),
    ("xpress", codecs::xpress),
    ("zip", |data| reader(&zip::FORMAT, data)),
];

/// The target of that name.
pub fn by_name(name: &str) -> Option<Run> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, run)| *run)
}

/// Sets are not looked for.
fn cabinet(data: &[u8]) {
    let _ = cab::extent_at(&*image(data), 0);
    reader(&cab::FORMAT, data);
}

fn installer(data: &[u8]) {
    if let Err(error) = msi::summary(image(data)) {
        assert!(!error.to_string().is_empty());
    }
    reader(&msi::FORMAT, data);
}

/// A program: its head, its version resource, all of it, and as a container.
fn program(data: &[u8]) {
    let source = image(data);
    let head = pe::head(&source).expect("bytes in memory can be read");
    let facts = pe::facts(&source).expect("bytes in memory can be read");
    let versions = pe::versions(&source).expect("bytes in memory can be read");
    assert_eq!(head.is_some(), facts.is_some());
    if let Some(head) = head {
        let _ = (head.is_dll(), head.is_efi(), head.linked(), head.machine.name(), head.machine.platform());
    }
    if let Some(versions) = versions {
        let _ = versions.text("ProductName");
    }
    if let Ok(Some(anatomy)) = pe::anatomy(&*source) {
        let _ = (anatomy.named(), anatomy.detail(), anatomy.regions());
    }
    reader(&pe::FORMAT, data);
}

/// The header's checksums are made true first: else nothing but the first 32 bytes would ever be tried.
fn seven_zip(data: &[u8]) {
    let source = image(data);
    let mut bytes = vec![0; usize::try_from(source.len()).unwrap_or(0)];
    let len = source.read_at(0, &mut bytes).unwrap_or(0);
    bytes.truncate(len);
    let number =
        |bytes: &[u8], at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?) as usize);
    let header = number(&bytes, 12).and_then(|at| at.checked_add(32)).zip(number(&bytes, 20));
    let header = header.and_then(|(at, len)| bytes.get(at..at.checked_add(len)?));
    let sum = header.map(crc32fast::hash);
    if let (Some(sum), Some(place)) = (sum, bytes.get_mut(28..32)) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
    let sum = bytes.get(12..32).map(crc32fast::hash);
    if let (Some(sum), Some(place)) = (sum, bytes.get_mut(8..12)) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
    if let Ok(container) = (sevenz::FORMAT.open)(Arc::new(bytes), &options()) {
        exercise(&*container);
    }
}

fn windows_image(data: &[u8]) {
    let source = image(data);
    let _ = wim::summary(&source);
    let _ = wim::integrity(&*source, &discless::observe::Silent);
    reader(&wim::FORMAT, data);
}
