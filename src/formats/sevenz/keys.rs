//! Passwords of encrypted blocks. 7z stores nothing that tells a wrong one: the beginning of a block is decoded and
//! compared with its checksum, and what fills up the last cipher block is zero.

use super::coder::{self, AES};
use super::header::{Block, Coder, Streams};
use crate::cipher::{self, Cbc};
use crate::error::{Error, Kind, Result};
use crate::limits::Limits;
use crate::passwords::Passwords;
use crate::source::{SharedSource, read_vec};
use crate::unpack::Content;
use std::collections::HashMap;
use std::io::Read;
use std::sync::Mutex;

/// What 7-Zip takes, too: 2^24 rounds.
const MOST_POWER: u8 = 24;
/// Bytes of a block that are decoded to tell whether a password fits.
const TRIED: u64 = 16 << 20;
/// So many zeros behind the packed bytes are no chance: the password fits, whatever comes out.
const ZEROS: usize = 4;

/// What the properties of an AES coder say.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Properties {
    /// The key takes two to this power rounds.
    power: u8,
    salt: Vec<u8>,
    iv: [u8; 16],
}

impl Properties {
    /// Reads them: two bytes with the sizes of the others, salt, initial vector (`7zAes.cpp`).
    fn of(coder: &Coder) -> Result<Self> {
        let broken = || Error::invalid("properties").during("AES-256");
        let (&first, rest) = coder.properties.split_first().ok_or_else(broken)?;
        let mut out = Self { power: first & 0x3f, salt: Vec::new(), iv: [0; 16] };
        if first & 0xc0 != 0 {
            let (&second, rest) = rest.split_first().ok_or_else(broken)?;
            let salt = usize::from((first >> 7) & 1) + usize::from(second >> 4);
            let iv = usize::from((first >> 6) & 1) + usize::from(second & 0x0f);
            let (salt, rest) = rest.split_at_checked(salt).ok_or_else(broken)?;
            let stored = rest.get(..iv).ok_or_else(broken)?;
            out.salt = salt.to_vec();
            out.iv.iter_mut().zip(stored).for_each(|(to, from)| *to = *from);
        }
        if out.power > MOST_POWER && out.power != cipher::NO_DERIVATION {
            return Err(Error::limit("rounds of hashing for a key", 1 << MOST_POWER).during("AES-256"));
        }
        Ok(out)
    }

    fn rounds(&self) -> u64 {
        if self.power == cipher::NO_DERIVATION { 0 } else { 1 << self.power }
    }
}

/// Keys of one archive.
#[derive(Debug)]
pub(super) struct Keys {
    passwords: Passwords,
    /// Rounds that all keys together may take.
    rounds: u64,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Keys by what they are derived from: password, power, salt. Few.
    derived: Vec<(usize, u8, Vec<u8>, [u8; 32])>,
    spent: u64,
    /// The password of each block, by the place of its first packed stream.
    blocks: HashMap<u64, usize>,
}

/// Whether a password fits a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    No,
    /// Nothing tells.
    Maybe,
    Yes,
}

impl Keys {
    pub(super) fn new(passwords: &Passwords, limits: &Limits) -> Self {
        Self { passwords: passwords.clone(), rounds: limits.key_rounds, known: Mutex::default() }
    }

    fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Decrypts what goes into an AES coder.
    pub(super) fn decrypt(&self, coder: &Coder, number: usize, packed: Content) -> Result<Content> {
        let properties = Properties::of(coder)?;
        let key = self.key(number, &properties)?;
        Ok(Box::new(Cbc::new(packed, &key, &properties.iv)))
    }

    fn key(&self, number: usize, properties: &Properties) -> Result<[u8; 32]> {
        let password = self.passwords.get(number).ok_or_else(|| self.passwords.locked("the block"))?;
        self.known(|known| {
            let found = known.derived.iter().find(|(of, power, salt, _)| {
                (*of, *power) == (number, properties.power) && *salt == properties.salt
            });
            if let Some((.., key)) = found {
                return Ok(*key);
            }
            known.spent = known.spent.saturating_add(properties.rounds());
            if known.spent > self.rounds {
                return Err(Error::limit("rounds of hashing for keys", self.rounds).during("AES-256"));
            }
            let key = cipher::sevenz_key(password, &properties.salt, properties.power);
            known.derived.push((number, properties.power, properties.salt.clone(), key));
            Ok(key)
        })
    }

    /// The number of the password that fits a block.
    pub(super) fn choose(
        &self,
        source: &SharedSource,
        streams: &Streams,
        block: &Block,
        limits: &Limits,
    ) -> Result<usize> {
        let place = streams.packed.get(block.first_packed).map_or(0, |(at, _)| *at);
        if let Some(number) = self.known(|known| known.blocks.get(&place).copied()) {
            return Ok(number);
        }
        let mut best = (Fit::No, 0);
        for (number, _) in self.passwords.in_turn() {
            let fit = self.fit(source, streams, block, number, limits)?;
            if fit > best.0 {
                best = (fit, number);
            }
            if fit == Fit::Yes {
                break;
            }
        }
        let (fit, number) = best;
        if fit == Fit::No {
            return Err(self.passwords.locked("the block"));
        }
        self.passwords.opened(number);
        self.known(|known| known.blocks.insert(place, number));
        Ok(number)
    }

    fn fit(
        &self,
        source: &SharedSource,
        streams: &Streams,
        block: &Block,
        number: usize,
        limits: &Limits,
    ) -> Result<Fit> {
        let zeros = self.zeros(source, streams, block, number)?;
        // Zeros say that the bytes are decrypted right: what is wrong with them then is damage.
        let otherwise = if zeros >= ZEROS { Fit::Yes } else { Fit::No };
        let (bytes, crc) = block.members.first().copied().unwrap_or((block.bytes(), None));
        let crc = crc.or(block.crc.filter(|_| block.members.len() <= 1));
        let decoded = coder::unlocked(source, streams, block, limits, (self, number)).and_then(|content| {
            let mut content = content.take(bytes.min(TRIED));
            let mut sum = crc32fast::Hasher::new();
            let mut buffer = vec![0; 64 << 10];
            let mut done = 0u64;
            loop {
                let n = content.read(&mut buffer)?;
                if n == 0 {
                    return Ok((done, sum.finalize()));
                }
                sum.update(buffer.get(..n).unwrap_or_default());
                done += n as u64;
            }
        });
        Ok(match decoded {
            Err(error) if matches!(error.kind(), Kind::Limit { .. } | Kind::Unsupported(_) | Kind::Io(_)) => {
                return Err(error);
            }
            Err(_) => otherwise,
            Ok((done, _)) if done < bytes.min(TRIED) => otherwise,
            Ok((done, sum)) => match crc {
                Some(crc) if done == bytes && crc == sum => Fit::Yes,
                Some(_) if done == bytes => otherwise,
                _ if zeros > 0 => Fit::Yes,
                _ => Fit::Maybe,
            },
        })
    }

    /// How many zeros fill up the last cipher block of a coder that reads a packed stream; 0 where others stand there.
    fn zeros(&self, source: &SharedSource, streams: &Streams, block: &Block, number: usize) -> Result<usize> {
        let mut input = 0usize;
        for (at, coder) in block.coders.iter().enumerate() {
            let own = input;
            input = input.saturating_add(coder.inputs);
            if coder.method != AES {
                continue;
            }
            let Some(packed) = block.packed.iter().position(|packed| *packed == own) else { continue };
            let stream = streams.packed.get(block.first_packed.saturating_add(packed)).copied();
            let (Some((start, len)), Some(size)) = (stream, block.sizes.get(at)) else { continue };
            let filler = len.checked_sub(*size).and_then(|filler| usize::try_from(filler).ok());
            let Some(filler) = filler.filter(|filler| (1..16).contains(filler) && len % 16 == 0) else {
                continue;
            };
            let properties = Properties::of(coder)?;
            let key = self.key(number, &properties)?;
            // The block before is the initial vector of the last one.
            let iv = match len.checked_sub(32) {
                Some(before) => {
                    read_vec(&**source, start.saturating_add(before), 16)?.try_into().unwrap_or_default()
                }
                None => properties.iv,
            };
            let last = read_vec(&**source, start.saturating_add(len).saturating_sub(16), 16)?;
            let mut plain = Vec::new();
            Cbc::new(Box::new(std::io::Cursor::new(last)), &key, &iv).read_to_end(&mut plain)?;
            let fill = plain.iter().rev().take(filler);
            return Ok(if fill.clone().all(|byte| *byte == 0) { fill.count() } else { 0 });
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coder(properties: &[u8]) -> Coder {
        Coder { method: AES, inputs: 1, properties: properties.to_vec() }
    }

    #[test]
    fn properties_say_rounds_salt_and_vector() {
        assert_eq!(Properties::of(&coder(&[19])).unwrap().rounds(), 1 << 19);
        let both = Properties::of(&coder(&[0xd3, 0x11, 1, 2, 3, 4])).unwrap();
        assert_eq!(
            (both.power, both.salt.as_slice(), both.iv[..3].to_vec()),
            (19, &[1, 2][..], vec![3, 4, 0])
        );
        assert!(Properties::of(&coder(&[0xd3, 0x77, 1])).is_err());
        assert!(Properties::of(&coder(&[])).is_err());
    }

    #[test]
    fn more_rounds_than_anybody_waits_for_are_refused() {
        let error = Properties::of(&coder(&[25])).unwrap_err();
        assert!(matches!(error.kind(), Kind::Limit { .. }), "{error}");
        assert_eq!(Properties::of(&coder(&[0x3f])).unwrap().rounds(), 0);
    }
}
