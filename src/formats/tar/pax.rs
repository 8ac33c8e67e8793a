//! Extended headers of POSIX.1-2001 (pax): records `LENGTH KEY=VALUE\n`, and what GNU tar adds for sparse
//! files.

use crate::source::Piece;
use std::str;

/// What extended headers say of one entry, or of all that follow.
#[derive(Debug, Default, Clone)]
pub(crate) struct Pax {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<(i64, u32)>,
    /// `GNU.sparse.major` and `minor`, where given.
    pub(crate) sparse: Option<(u64, u64)>,
    /// `GNU.sparse.name`: the real one; the path is made up.
    pub(crate) sparse_name: Option<Vec<u8>>,
    /// `GNU.sparse.realsize` or `GNU.sparse.size`.
    pub(crate) real_size: Option<u64>,
    /// The map of versions 0.0 and 0.1.
    pub(crate) map: Vec<Piece>,
    /// `comment`, as git writes the commit.
    pub(crate) comment: Option<String>,
}

impl Pax {
    /// Takes the records of `bytes` over what is known; false where they are not what they must be.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> bool {
        let mut whole = true;
        while !bytes.is_empty() && bytes.first() != Some(&0) {
            let Some((key, value, rest)) = record(bytes) else { return false };
            bytes = rest;
            whole &= self.set(key, value).is_some();
        }
        whole
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let number = || str::from_utf8(value).ok()?.trim().parse::<u64>().ok();
        let part = |at: usize| {
            let version = self.sparse.unwrap_or_default();
            number().map(|n| if at == 0 { (n, version.1) } else { (version.0, n) })
        };
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(number()?),
            b"mtime" => self.modified = Some(seconds(value)?),
            b"comment" => self.comment = str::from_utf8(value).ok().map(str::to_owned),
            b"GNU.sparse.major" => self.sparse = Some(part(0)?),
            b"GNU.sparse.minor" => self.sparse = Some(part(1)?),
            b"GNU.sparse.name" => self.sparse_name = Some(value.to_vec()),
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => self.real_size = Some(number()?),
            b"GNU.sparse.offset" => self.map.push(Piece { at: Some(number()?), len: 0 }),
            b"GNU.sparse.numbytes" => {
                let bytes = number()?;
                self.map.last_mut()?.len = bytes;
            }
            b"GNU.sparse.map" => {
                self.map.clear();
                let mut numbers =
                    value.split(|byte| *byte == b',').map(|n| str::from_utf8(n).ok()?.parse().ok());
                while let Some(at) = numbers.next() {
                    self.map.push(Piece { at: Some(at?), len: numbers.next()?? });
                }
            }
            _ => {}
        }
        Some(())
    }

    /// What a global header says, with what the entry's own header says over it.
    pub(crate) fn over(self, global: &Self) -> Self {
        Self {
            path: self.path.or_else(|| global.path.clone()),
            link: self.link.or_else(|| global.link.clone()),
            size: self.size.or(global.size),
            modified: self.modified.or(global.modified),
            ..self
        }
    }
}

/// One record and what follows it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let len: usize = str::from_utf8(bytes.get(..blank)?).ok()?.parse().ok()?;
    let (record, rest) = bytes.split_at_checked(len)?;
    let record = record.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((record.get(..equals)?, record.get(equals + 1..)?, rest))
}

/// Decimal seconds with a fraction.
fn seconds(value: &[u8]) -> Option<(i64, u32)> {
    let text = str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut seconds: i64 = if matches!(whole, "" | "-") { 0 } else { whole.parse().ok()? };
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let mut nanos: u32 = digits.parse().ok()?;
    if text.starts_with('-') && nanos > 0 {
        seconds = seconds.checked_sub(1)?;
        nanos = 1_000_000_000 - nanos;
    }
    Some((seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_and_a_length_that_lies_is_noticed() {
        let mut pax = Pax::default();
        assert!(pax.read(b"12 path=a/b\n20 mtime=-1.5000000\n\0\0"));
        assert_eq!(pax.path.as_deref(), Some(&b"a/b"[..]));
        assert_eq!(pax.modified, Some((-2, 500_000_000)));
        for bad in [&b"99 path=a\n"[..], b"3 path=a\n", b"0 \n", b"path=a\n", b"10 size=x1\n", b"-5 a=b\n"] {
            assert!(!Pax::default().read(bad), "{bad:?}");
        }
    }

    #[test]
    fn sparse_maps_of_both_old_versions() {
        let mut pax = Pax::default();
        assert!(pax.read(b"26 GNU.sparse.map=0,5,9,1\n"));
        assert_eq!(pax.map, [Piece { at: Some(0), len: 5 }, Piece { at: Some(9), len: 1 }]);
        let mut pax = Pax::default();
        assert!(pax.read(b"23 GNU.sparse.offset=7\n25 GNU.sparse.numbytes=3\n"));
        assert_eq!(pax.map, [Piece { at: Some(7), len: 3 }]);
        assert!(!Pax::default().read(b"24 GNU.sparse.map=0,5,9\n"));
    }
}
