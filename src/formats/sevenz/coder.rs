//! The coders of a block, put together: each reads what those before it give.

use super::header::{Block, Coder, Streams};
use super::keys::Keys;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::source::SharedSource;
use crate::unpack::{self, Content};
use std::io::Read;

pub(super) const AES: u64 = 0x06f1_0701;

/// What is known of a method: number, name.
const METHODS: &[(u64, &str)] = &[
    (0x00, "Copy"),
    (0x03, "Delta"),
    (0x04, "BCJ"),
    (0x05, "PPC"),
    (0x06, "IA64"),
    (0x07, "ARM"),
    (0x08, "ARMT"),
    (0x09, "SPARC"),
    (0x0a, "ARM64"),
    (0x0b, "RISCV"),
    (0x21, "LZMA2"),
    (0x02_0302, "Swap2"),
    (0x02_0304, "Swap4"),
    (0x03_0101, "LZMA"),
    (0x0303_0103, "BCJ"),
    (0x0303_011b, "BCJ2"),
    (0x0303_0205, "PPC"),
    (0x0303_0401, "IA64"),
    (0x0303_0501, "ARM"),
    (0x0303_0701, "ARMT"),
    (0x0303_0805, "SPARC"),
    (0x03_0401, "PPMd"),
    (0x04_0108, "Deflate"),
    (0x04_0109, "Deflate64"),
    (0x04_0202, "BZip2"),
    (0x04f7_1101, "Zstandard"),
    (0x04f7_1102, "Brotli"),
    (0x04f7_1104, "LZ4"),
    (0x04f7_1105, "LZ5"),
    (0x04f7_1106, "Lizard"),
    (AES, "AES-256"),
];

/// The method's name.
pub(super) fn name(method: u64) -> &'static str {
    METHODS.iter().find(|(id, _)| *id == method).map_or("an unknown method", |(_, name)| name)
}

/// True where a password is needed.
pub(super) fn is_encrypted(block: &Block) -> bool {
    block.coders.iter().any(|coder| coder.method == AES)
}

/// What comes out of a block, from its first byte.
pub(super) fn open(
    source: &SharedSource,
    streams: &Streams,
    number: usize,
    limits: &Limits,
    keys: &Keys,
) -> Result<Content> {
    let block = streams.blocks.get(number).ok_or_else(|| Error::damaged("no such block"))?;
    let password = if is_encrypted(block) { keys.choose(source, streams, block, limits)? } else { 0 };
    unlocked(source, streams, block, limits, (keys, password))
}

/// The same with the password of that number.
pub(super) fn unlocked(
    source: &SharedSource,
    streams: &Streams,
    block: &Block,
    limits: &Limits,
    keys: (&Keys, usize),
) -> Result<Content> {
    let last = block.last().ok_or_else(|| Error::damaged("coders bound in a circle").during("7z block"))?;
    let graph = Graph { source, streams, block, limits, keys };
    graph.output(last, 0)
}

struct Graph<'a> {
    source: &'a SharedSource,
    streams: &'a Streams,
    block: &'a Block,
    limits: &'a Limits,
    /// And the number of the password.
    keys: (&'a Keys, usize),
}

impl Graph<'_> {
    /// The output of a coder. `depth` coders want it already: more than there are is a circle.
    fn output(&self, number: usize, depth: usize) -> Result<Content> {
        let broken = || Error::damaged("coders bound in a circle").during("7z block");
        let coder =
            self.block.coders.get(number).filter(|_| depth < self.block.coders.len()).ok_or_else(broken)?;
        let size = self.block.sizes.get(number).copied().unwrap_or(0);
        let before: usize = self.block.coders.iter().take(number).map(|coder| coder.inputs).sum();
        let mut inputs = Vec::new();
        for input in before..before.saturating_add(coder.inputs) {
            inputs.push(self.input(input, depth)?);
        }
        let (keys, password) = self.keys;
        if coder.method == AES {
            let packed = inputs.pop().filter(|_| inputs.is_empty());
            let packed = packed.ok_or_else(|| Error::invalid("inputs of a coder").during("AES-256"))?;
            return Ok(Box::new(keys.decrypt(coder, password, packed)?.take(size)));
        }
        // A decoder may go on behind what the header says.
        Ok(Box::new(decoder(coder, inputs, size, self.limits.decoder_memory)?.take(size)))
    }

    /// What goes into an input: the output of another coder, or a packed stream.
    fn input(&self, input: usize, depth: usize) -> Result<Content> {
        if let Some((_, output)) = self.block.bound.iter().find(|(bound, _)| *bound == input) {
            return self.output(*output, depth + 1);
        }
        let place = self.block.packed.iter().position(|packed| *packed == input);
        let stream =
            place.and_then(|place| self.streams.packed.get(self.block.first_packed.checked_add(place)?));
        let (at, len) = *stream.ok_or_else(|| Error::damaged("no such packed stream").during("7z block"))?;
        Ok(unpack::packed(self.source, at, len))
    }
}

fn decoder(coder: &Coder, mut inputs: Vec<Content>, size: u64, memory: u64) -> Result<Content> {
    let properties = coder.properties.as_slice();
    if coder.method == 0x0303_011b {
        return unpack::bcj2(inputs, size);
    }
    let input = match (inputs.pop(), inputs.is_empty()) {
        (Some(input), true) => input,
        _ => return Err(Error::invalid("inputs of a coder").during(name(coder.method))),
    };
    // The branch filters may begin to count elsewhere than at 0.
    let start = match properties {
        [a, b, c, d] => u32::from_le_bytes([*a, *b, *c, *d]),
        _ => 0,
    };
    Ok(match coder.method {
        0x00 => input,
        0x03 => unpack::delta(input, usize::from(properties.first().copied().unwrap_or(0)) + 1),
        0x04 | 0x0303_0103 => unpack::branch(unpack::Branch::X86, input, start),
        0x05 | 0x0303_0205 => unpack::branch(unpack::Branch::PowerPc, input, start),
        0x06 | 0x0303_0401 => unpack::branch(unpack::Branch::Ia64, input, start),
        0x07 | 0x0303_0501 => unpack::branch(unpack::Branch::Arm, input, start),
        0x08 | 0x0303_0701 => unpack::branch(unpack::Branch::ArmThumb, input, start),
        0x09 | 0x0303_0805 => unpack::branch(unpack::Branch::Sparc, input, start),
        0x0a => unpack::branch(unpack::Branch::Arm64, input, start),
        0x0b => unpack::branch(unpack::Branch::RiscV, input, start),
        0x02_0302 => Box::new(Swap::<2>::new(input)),
        0x02_0304 => Box::new(Swap::<4>::new(input)),
        0x21 => match properties {
            [dictionary] => unpack::lzma2(input, *dictionary, Some(size), memory)?,
            _ => return Err(Error::invalid("properties").during("LZMA2")),
        },
        0x03_0101 => match properties {
            [packed, a, b, c, d] => {
                unpack::lzma(input, *packed, u32::from_le_bytes([*a, *b, *c, *d]), Some(size), memory)?
            }
            _ => return Err(Error::invalid("properties").during("LZMA")),
        },
        0x03_0401 => match properties {
            [order, a, b, c, d, ..] => {
                unpack::ppmd7(input, u32::from(*order), u32::from_le_bytes([*a, *b, *c, *d]), memory)?
            }
            _ => return Err(Error::invalid("properties").during("PPMd")),
        },
        0x04_0108 => unpack::deflate(input),
        0x04_0109 => unpack::deflate64(input),
        0x04_0202 => unpack::bzip2(input),
        0x04f7_1101 => unpack::zstd(input, memory),
        0x04f7_1104 => unpack::lz4(input),
        method => return Err(Error::unsupported(name(method)).during("7z block")),
    })
}

/// Bytes in the other order within each `N`; what is left at the end stays as it is.
struct Swap<const N: usize> {
    input: Content,
    word: [u8; N],
    at: usize,
    len: usize,
}

impl<const N: usize> Swap<N> {
    fn new(input: Content) -> Self {
        Self { input, word: [0; N], at: 0, len: 0 }
    }
}

impl<const N: usize> Read for Swap<N> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            if self.at == self.len {
                self.len = unpack::fill(&mut self.input, &mut self.word)?;
                self.at = 0;
                if self.len == N {
                    self.word.reverse();
                }
                if self.len == 0 {
                    break;
                }
            }
            let mut rest = self.word.get(self.at..self.len).unwrap_or_default();
            let n = rest.read(buf.get_mut(done..).unwrap_or_default())?;
            self.at += n;
            done += n;
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn words_are_turned_and_the_rest_is_not() {
        let mut out = Vec::new();
        Swap::<4>::new(Box::new(Cursor::new(b"abcdefghij"))).read_to_end(&mut out).unwrap();
        assert_eq!(out, b"dcbahgfeij");
        let mut out = Vec::new();
        Swap::<2>::new(Box::new(Cursor::new(b"abcde"))).read_to_end(&mut out).unwrap();
        assert_eq!(out, b"badce");
    }
}
