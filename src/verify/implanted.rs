//! Digests that an ISO image carries of itself, in the application use field of its volume descriptor (ECMA-119
//! §8.4.32), put there after it was made.
//!
//! | kind | by | covers |
//! |---|---|---|
//! | `ISO MD5SUM = …;SKIPSECTORS = 15;…` | isomd5sum (Fedora, Red Hat) | all but the last sectors, the field itself as blanks |
//! | `check=1;pad=150;sha256sum=…` | tagmedia (SUSE) | all but the padding, the first 512 bytes as zeros, the field as blanks |
//!
//! Both find accidents; who changes the image on purpose changes them, too.

use crate::digest::{Algorithm, Hasher, Value};
use crate::error::Result;
use crate::source::{Follow, Source, read_up_to};
use crate::text::utf8_or_latin1;
use std::ops::Range;

/// The primary volume descriptor, in bytes (ECMA-119 §6.3).
const DESCRIPTOR: u64 = 16 * 2048;
/// Its application use field (§8.4.32), and the field's length.
const FIELD: u64 = DESCRIPTOR + 883;
const FIELD_LEN: u64 = 512;
const SECTOR: u64 = 2048;
/// SUSE's signature block begins with so many bytes that say what it is; the rest is the signature.
const SIGNATURE_HEAD: u64 = 64;

/// A digest that an image carries of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Implanted {
    /// What it ought to be.
    pub expected: Value,
    /// It covers the image from its first byte to this one.
    pub end: u64,
    /// What it takes for something else: a range of bytes, and the byte that each of them counts as.
    masks: Vec<(Range<u64>, u8)>,
}

/// Looks for one; `None` where the image has none.
///
/// # Errors
/// What the operating system said.
pub fn find(source: &dyn Source) -> Result<Option<Implanted>> {
    let head = read_up_to(source, DESCRIPTOR, 2048)?;
    if !head.starts_with(b"\x01CD001\x01") {
        return Ok(None);
    }
    // Volume space size (§8.4.8), the copy with the most significant byte first.
    let blocks = match head.get(84..88) {
        Some([a, b, c, d]) => u64::from(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => return Ok(None),
    };
    let field = utf8_or_latin1(head.get(883..883 + 512).unwrap_or_default());
    let value = |name: &str| {
        let pairs = field.split(';').filter_map(|part| part.split_once('='));
        let mut found = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    };
    let size = blocks.saturating_mul(SECTOR);
    let own = (FIELD..FIELD + FIELD_LEN, b' ');
    if let Some(expected) = value("ISO MD5SUM").and_then(|hex| Value::from_hex(Algorithm::Md5, hex).ok()) {
        let skip = value("SKIPSECTORS").and_then(|text| text.parse().ok()).unwrap_or(0u64);
        let end = size.saturating_sub(skip.saturating_mul(SECTOR));
        return Ok(Some(Implanted { expected, end, masks: vec![own] }));
    }
    let sums = [
        ("sha256sum", Algorithm::Sha256),
        ("sha512sum", Algorithm::Sha512),
        ("sha1sum", Algorithm::Sha1),
        ("md5sum", Algorithm::Md5),
    ];
    let expected =
        sums.into_iter().find_map(|(name, algorithm)| Value::from_hex(algorithm, value(name)?).ok());
    Ok(expected.map(|expected| {
        let pad = value("pad").and_then(|text| text.parse().ok()).unwrap_or(0u64);
        let end = size.saturating_sub(pad.saturating_mul(SECTOR));
        let mut masks = vec![(0..512, 0), own];
        if let Some(block) = value("signature").and_then(|text| text.parse::<u64>().ok()) {
            let at = block.saturating_mul(SECTOR);
            masks.push((at.saturating_add(SIGNATURE_HEAD)..at.saturating_add(SECTOR), 0));
        }
        Implanted { expected, end, masks }
    }))
}

/// Takes the digest while the image goes by.
pub struct Implanting {
    implanted: Implanted,
    at: u64,
    hasher: Hasher,
}

impl Implanting {
    /// Before the first byte.
    #[must_use]
    pub fn new(implanted: Implanted) -> Self {
        Self { at: 0, hasher: Hasher::new(&[implanted.expected.algorithm]), implanted }
    }

    /// What was looked for, and the digest that was found; `None` where not all that it covers has been read.
    #[must_use]
    pub fn finish(self) -> Option<(Implanted, Value)> {
        let whole = self.at >= self.implanted.end;
        let found = self.hasher.finish().into_iter().next().filter(|_| whole)?;
        Some((self.implanted, found))
    }
}

impl Follow for Implanting {
    fn update(&mut self, bytes: &[u8]) {
        let (mut at, mut rest) = (self.at, bytes);
        while !rest.is_empty() && at < self.implanted.end {
            // Up to where the next mask begins or the present one ends.
            let mask = self.implanted.masks.iter().find(|(range, _)| range.contains(&at));
            let ends = self.implanted.masks.iter().flat_map(|(range, _)| [range.start, range.end]);
            let next = ends.filter(|&place| place > at).min().unwrap_or(u64::MAX).min(self.implanted.end);
            let len = usize::try_from(next.saturating_sub(at)).unwrap_or(usize::MAX).min(rest.len());
            let Some((part, more)) = rest.split_at_checked(len) else { break };
            match mask {
                Some((_, byte)) => self.hasher.update(&vec![*byte; part.len()]),
                None => self.hasher.update(part),
            }
            at = at.saturating_add(len as u64);
            rest = more;
        }
        self.at = self.at.saturating_add(bytes.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(field: &str, blocks: u32) -> Vec<u8> {
        let mut image: Vec<u8> = (0..blocks * 2048).map(|i| (i % 251) as u8).collect();
        let at = 16 * 2048;
        image[at..at + 7].copy_from_slice(b"\x01CD001\x01");
        image[at + 84..at + 88].copy_from_slice(&blocks.to_be_bytes());
        let mut padded = field.as_bytes().to_vec();
        padded.resize(512, b' ');
        image[at + 883..at + 883 + 512].copy_from_slice(&padded);
        image
    }

    fn followed(image: &[u8], piece: usize) -> (Implanted, Option<Value>) {
        let found = find(&image.to_vec()).unwrap().unwrap();
        let mut implanting = Implanting::new(found.clone());
        image.chunks(piece).for_each(|part| implanting.update(part));
        (found, implanting.finish().map(|(_, value)| value))
    }

    #[test]
    fn red_hats_digest_covers_all_but_the_last_sectors_and_its_own_field() {
        let mut plain = image("", 40);
        let end = 25 * 2048;
        let mut hasher = Hasher::new(&[Algorithm::Md5]);
        hasher.update(&plain[..end]);
        let sum = hasher.finish().remove(0).hex();
        let field = format!("ISO MD5SUM = {sum};SKIPSECTORS = 15;RHLISOSTATUS=0;");
        plain = image(&field, 40);
        for piece in [1000, 33_000, 1 << 20] {
            let (found, value) = followed(&plain, piece);
            assert_eq!((found.end, value), (end as u64, Some(found.expected)));
        }
        plain[9] ^= 1;
        let (found, value) = followed(&plain, 4096);
        assert_ne!(value, Some(found.expected));
    }

    #[test]
    fn suses_digest_takes_the_first_sector_for_zeros_and_leaves_the_padding_out() {
        let mut plain = image("", 40);
        plain[..512].fill(0);
        let mut hasher = Hasher::new(&[Algorithm::Sha256]);
        hasher.update(&plain[..38 * 2048]);
        let field = format!("check=1;pad=2;sha256sum={}", hasher.finish().remove(0).hex());
        let mut image = image(&field, 40);
        image[3] = 0xeb;
        let (found, value) = followed(&image, 777);
        assert_eq!((found.end, value), (38 * 2048, Some(found.expected)));
    }

    #[test]
    fn an_image_without_one_and_a_cut_one_say_so() {
        assert_eq!(find(&image("", 20)).unwrap(), None);
        assert_eq!(find(&b"short".to_vec()).unwrap(), None);
        let field = format!("ISO MD5SUM = {};SKIPSECTORS = 0", "0".repeat(32));
        let cut = &image(&field, 40)[..20 * 2048];
        assert_eq!(followed(cut, 2048).1, None);
    }
}
