//! The compressors of streams, behind one reader: members that follow each other are one stream, and what
//! a decoder says becomes an error of ours with its place.
//!
//! | compressor | begins with | checked when it is read |
//! |---|---|---|
//! | gzip (RFC 1952) | `1f 8b 08` | CRC-32 and length of each member |
//! | bzip2 | `BZh` and a block's or the end's number | CRC-32 of each block and of all |
//! | xz | `fd 37 7a 58 5a 00` | CRC-32, CRC-64 or SHA-256 of each block, the index |
//! | lzip | `LZIP` | CRC-32 and length of each member |
//! | LZMA alone | properties that encoders write | nothing |
//! | Zstandard (RFC 8878) | `28 b5 2f fd` | XXH64 where the frame has it |
//! | LZ4 frame | `04 22 4d 18`, `02 21 4c 18` | XXH32 where the frame has it |

use crate::error::{Error, Kind, Result};
use crate::guard::guarded;
use crate::source::SharedSource;
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A compressor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Gzip,
    Bzip2,
    Xz,
    Lzma,
    Lzip,
    Zstd,
    Lz4,
}

/// Memory that a decoder may take for its dictionary, in KiB; `xz -9` takes a quarter of it.
const DICTIONARY_KIB: u32 = 256 << 10;
/// Bytes that are read from the source at once.
const FEED: usize = 64 << 10;

impl Codec {
    /// What `head` begins with. `Lzma` has no signature: its properties are weighed.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        let bzip2 = |rest: &[u8]| {
            matches!(rest, [b'1'..=b'9', block @ ..]
                if block.starts_with(b"1AY&SY") || block.starts_with(b"\x17\x72\x45\x38\x50\x90"))
        };
        match head {
            [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0 => Some(Self::Gzip),
            [b'B', b'Z', b'h', rest @ ..] if bzip2(rest) => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [b'L', b'Z', b'I', b'P', 1, ..] => Some(Self::Lzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            // What `pzstd` writes first: a frame to skip.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, _, _, _, _, 0x28, 0xb5, 0x2f, 0xfd, ..] => {
                Some(Self::Zstd)
            }
            [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Some(Self::Lz4),
            _ if is_lzma(head) => Some(Self::Lzma),
            _ => None,
        }
    }

    /// The name people know.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Lzma => "LZMA",
            Self::Lzip => "lzip",
            Self::Zstd => "Zstandard",
            Self::Lz4 => "LZ4",
        }
    }

    /// The structure that errors name.
    fn structure(self) -> &'static str {
        match self {
            Self::Gzip => "gzip stream",
            Self::Bzip2 => "bzip2 stream",
            Self::Xz => "xz stream",
            Self::Lzma => "LZMA stream",
            Self::Lzip => "lzip stream",
            Self::Zstd => "Zstandard stream",
            Self::Lz4 => "LZ4 stream",
        }
    }

    /// The checksum that reading compares, where a stream with this head has one.
    pub(crate) fn checksum(self, head: &[u8]) -> Option<&'static str> {
        let flag = |at: usize, mask: u8| head.get(at).is_some_and(|byte| byte & mask != 0);
        match self {
            Self::Gzip | Self::Bzip2 | Self::Lzip => Some("crc32"),
            // The check's number (xz 2.1.1.2): 0 for none.
            Self::Xz => match head.get(7) {
                Some(1) => Some("crc32"),
                Some(4) => Some("crc64"),
                Some(10) => Some("sha256"),
                _ => None,
            },
            Self::Zstd => flag(4, 4).then_some("xxh64"),
            Self::Lz4 => (head.first() == Some(&4) && flag(4, 0x14)).then_some("xxh32"),
            Self::Lzma => None,
        }
    }
}

/// True for the header that LZMA encoders write: properties below 225, a dictionary of 2^n or 2^n + 2^(n-1)
/// bytes, a size that is unknown or below 256 GiB, and the first byte of the range coder, which is 0.
fn is_lzma(head: &[u8]) -> bool {
    let [properties, d0, d1, d2, d3, size @ ..] = head else { return false };
    let dictionary = u32::from_le_bytes([*d0, *d1, *d2, *d3]);
    let Some(size_bytes) = size.first_chunk::<8>() else { return false };
    let size_is = u64::from_le_bytes(*size_bytes);
    let usual = (12..31).any(|n| dictionary == 1 << n || dictionary == (1 << n) + (1 << (n - 1)));
    *properties == 0x5d
        && (usual || dictionary == u32::MAX)
        && (size_is == u64::MAX || size_is < 1 << 38)
        && size.get(8) == Some(&0)
        && size.len() > 12
}

/// How far a [`Feed`] came, for who holds the decoder around it.
#[derive(Default)]
struct Progress {
    /// Bytes handed out.
    at: AtomicU64,
    /// Something was asked for behind the end.
    ended: AtomicBool,
}

/// A buffered reader over a source that says how many of its bytes were taken.
struct Feed {
    source: SharedSource,
    buffer: Vec<u8>,
    used: usize,
    next: u64,
    progress: Arc<Progress>,
}

impl Feed {
    fn new(source: SharedSource) -> Self {
        Self { source, buffer: Vec::new(), used: 0, next: 0, progress: Arc::default() }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    /// Up to `len` bytes that come next, without taking them.
    fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        while self.rest().len() < len {
            let mut more = vec![0; FEED];
            let n = self.source.read_at(self.next, &mut more)?;
            if n == 0 {
                break;
            }
            self.next = self.next.saturating_add(n as u64);
            self.buffer.drain(..self.used.min(self.buffer.len()));
            self.used = 0;
            self.buffer.extend_from_slice(more.get(..n).unwrap_or_default());
        }
        Ok(self.rest().get(..len.min(self.rest().len())).unwrap_or_default())
    }

    /// Back by `len` bytes that a decoder took and did not use.
    fn give_back(&mut self, len: usize) {
        let at = self.progress.at.load(Ordering::Relaxed).saturating_sub(len as u64);
        self.progress.at.store(at, Ordering::Relaxed);
        self.next = at;
        self.buffer.clear();
        self.used = 0;
    }
}

impl Read for Feed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(buf)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Feed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used >= self.buffer.len() {
            self.buffer.resize(FEED, 0);
            let n = self.source.read_at(self.next, &mut self.buffer);
            self.used = 0;
            self.buffer.truncate(*n.as_ref().unwrap_or(&0));
            self.next = self.next.saturating_add(n? as u64);
            if self.buffer.is_empty() {
                self.progress.ended.store(true, Ordering::Relaxed);
            }
        }
        Ok(self.rest())
    }

    fn consume(&mut self, n: usize) {
        self.used = self.used.saturating_add(n).min(self.buffer.len());
        self.progress.at.fetch_add(n as u64, Ordering::Relaxed);
    }
}

type Zstandard = ruzstd::decoding::StreamingDecoder<Feed, ruzstd::decoding::FrameDecoder>;

/// What is being decoded.
enum Member {
    /// Between two members.
    Between(Feed),
    Gzip(Box<flate2::bufread::GzDecoder<Feed>>),
    Bzip2(Box<bzip2::bufread::BzDecoder<Feed>>),
    Xz(Box<lzma_rust2::XzReader<Feed>>),
    Lzma(Box<lzma_rust2::LzmaReader<Feed>>),
    Lzip(Box<lzma_rust2::LzipReader<Feed>>),
    Zstd(Box<Zstandard>),
    Lz4(Box<lz4_flex::frame::FrameDecoder<Feed>>),
    /// At the end, or failed.
    Over,
}

/// Decodes a source that begins with a stream, member after member.
pub(crate) struct Decoder {
    codec: Codec,
    member: Member,
    members: u64,
    len: u64,
    progress: Arc<Progress>,
    most: u64,
    done: u64,
}

impl Decoder {
    /// Reads `source` from its first byte; past `most` bytes of output it is stopped.
    pub(crate) fn new(codec: Codec, source: &SharedSource, most: u64) -> Self {
        let feed = Feed::new(source.clone());
        let progress = feed.progress.clone();
        let len = source.len();
        Self { codec, member: Member::Between(feed), members: 0, len, progress, most, done: 0 }
    }

    /// How many bytes of the source were taken; at the end, how far the stream reaches.
    pub(crate) fn position(&self) -> u64 {
        self.progress.at.load(Ordering::Relaxed).min(self.len)
    }

    /// Members begun so far.
    pub(crate) fn members(&self) -> u64 {
        self.members
    }

    fn step(&mut self, buf: &mut [u8]) -> Result<Option<usize>> {
        let codec = self.codec;
        let n = match &mut self.member {
            Member::Over => return Ok(Some(0)),
            Member::Between(_) => {
                let Member::Between(feed) = std::mem::replace(&mut self.member, Member::Over) else {
                    return Ok(Some(0));
                };
                let Some(member) = begin(codec, feed, self.members == 0)? else { return Ok(Some(0)) };
                self.member = member;
                self.members = self.members.saturating_add(1);
                return Ok(None);
            }
            Member::Gzip(decoder) => decoder.read(buf)?,
            Member::Bzip2(decoder) => decoder.read(buf)?,
            Member::Xz(decoder) => decoder.read(buf)?,
            Member::Lzma(decoder) => decoder.read(buf)?,
            Member::Lzip(decoder) => decoder.read(buf)?,
            Member::Zstd(decoder) => decoder.read(buf)?,
            Member::Lz4(decoder) => decoder.read(buf)?,
        };
        if n > 0 || buf.is_empty() {
            return Ok(Some(n));
        }
        self.member = end(std::mem::replace(&mut self.member, Member::Over))?;
        Ok(None)
    }

    /// A decoder's error as one about the medium.
    fn explain(&self, error: Error) -> Error {
        let Kind::Io(inner) = error.kind() else { return error.at(self.codec.structure(), self.position()) };
        let error = match inner.kind() {
            io::ErrorKind::OutOfMemory => {
                Error::limit("bytes of a dictionary", u64::from(DICTIONARY_KIB) << 10)
            }
            // The operating system's own errors have a number.
            _ if inner.raw_os_error().is_some() => error,
            _ if self.progress.ended.load(Ordering::Relaxed) => {
                Error::truncated(self.len.saturating_add(1), self.len)
            }
            io::ErrorKind::Unsupported => Error::unsupported("a feature of this compressor"),
            _ => Error::damaged("compressed data or its checksum"),
        };
        error.at(self.codec.structure(), self.position())
    }
}

/// The next member, where `feed` has one.
fn begin(codec: Codec, mut feed: Feed, is_first: bool) -> Result<Option<Member>> {
    if codec == Codec::Xz && !is_first {
        // Stream padding (xz file format 2.2): zeros, a multiple of four.
        while feed.peek(4)? == [0; 4] && feed.peek(5)?.len() == 5 {
            feed.consume(4);
        }
    }
    if codec == Codec::Zstd {
        // Skippable frames (RFC 8878 3.1.2).
        while let [0x50..=0x5f, 0x2a, 0x4d, 0x18, s0, s1, s2, s3] = feed.peek(8)? {
            let len = u64::from(u32::from_le_bytes([*s0, *s1, *s2, *s3])).saturating_add(8);
            let skipped = io::copy(&mut (&mut feed).take(len), &mut io::sink())?;
            if skipped < len {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
    let next = feed.peek(18)?;
    if !is_first && (codec == Codec::Lzma || Codec::of(next) != Some(codec)) {
        return Ok(None);
    }
    Ok(Some(match codec {
        Codec::Gzip => Member::Gzip(Box::new(flate2::bufread::GzDecoder::new(feed))),
        Codec::Bzip2 => Member::Bzip2(Box::new(bzip2::bufread::BzDecoder::new(feed))),
        Codec::Xz => Member::Xz(Box::new(lzma_rust2::XzReader::new_mem_limit(feed, false, DICTIONARY_KIB))),
        Codec::Lzma => {
            Member::Lzma(Box::new(lzma_rust2::LzmaReader::new_mem_limit(feed, DICTIONARY_KIB, None)?))
        }
        Codec::Lzip => {
            // The dictionary's size, as the specification codes it.
            let dictionary = next.get(5).map_or(0, |coded| u32::from(coded & 0x1f));
            if dictionary > 28 {
                return Err(Error::limit("bytes of a dictionary", 1 << 28));
            }
            Member::Lzip(Box::new(lzma_rust2::LzipReader::new(feed)))
        }
        Codec::Zstd => Member::Zstd(Box::new(Zstandard::new(feed).map_err(io::Error::other)?)),
        Codec::Lz4 => Member::Lz4(Box::new(lz4_flex::frame::FrameDecoder::new(feed))),
    }))
}

/// What comes behind a member that was read to its end.
fn end(member: Member) -> Result<Member> {
    Ok(match member {
        Member::Gzip(decoder) => Member::Between(decoder.into_inner()),
        Member::Bzip2(decoder) => Member::Between(decoder.into_inner()),
        Member::Xz(decoder) => Member::Between(decoder.into_inner()),
        Member::Lzma(decoder) => {
            let (mut feed, unused) = decoder.into_parts();
            feed.give_back(unused.len());
            Member::Over
        }
        Member::Lzip(decoder) => {
            let (mut feed, unused) = decoder.into_parts();
            feed.give_back(unused.len());
            Member::Over
        }
        Member::Zstd(decoder) => {
            let (feed, frame) = decoder.into_parts();
            if let (Some(kept), Some(found)) =
                (frame.get_checksum_from_data(), frame.get_calculated_checksum())
                && kept != found
            {
                return Err(Error::damaged("the frame's checksum does not match its content"));
            }
            Member::Between(feed)
        }
        Member::Lz4(decoder) => Member::Between(decoder.into_inner()),
        other @ (Member::Between(_) | Member::Over) => other,
    })
}

impl Read for Decoder {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let outcome = guarded("compressed data", || self.step(buf));
            match outcome {
                Ok(None) => {}
                Ok(Some(n)) => {
                    self.done = self.done.saturating_add(n as u64);
                    if self.done > self.most {
                        self.member = Member::Over;
                        return Err(
                            Error::limit("bytes unpacked from a stream of this size", self.most).into()
                        );
                    }
                    return Ok(n);
                }
                Err(error) => {
                    self.member = Member::Over;
                    return Err(self.explain(error).into());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn decoded(bytes: Vec<u8>) -> (Vec<u8>, Option<Error>, u64, u64) {
        let source: SharedSource = Arc::new(bytes);
        let mut decoder = Decoder::new(Codec::Gzip, &source, 1 << 20);
        let mut out = Vec::new();
        let error = decoder.read_to_end(&mut out).err().map(Error::from);
        (out, error, decoder.position(), decoder.members())
    }

    #[test]
    fn members_follow_each_other_and_what_is_behind_them_is_left() {
        let mut bytes = [gzip(b"one "), gzip(b"two")].concat();
        let end = bytes.len() as u64;
        bytes.extend_from_slice(b"junk");
        let (out, error, position, members) = decoded(bytes);
        assert_eq!((out.as_slice(), position, members), (&b"one two"[..], end, 2));
        assert!(error.is_none());
    }

    #[test]
    fn a_cut_stream_is_truncated_and_a_bent_one_damaged() {
        let whole = gzip(&b"some text ".repeat(1000));
        let (_, error, ..) = decoded(whole[..whole.len() - 9].to_vec());
        assert!(matches!(error.unwrap().kind(), Kind::Truncated { .. }));
        let mut bent = whole.clone();
        let at = bent.len() - 6;
        bent[at] ^= 1;
        let (out, error, ..) = decoded(bent);
        assert_eq!(out.len(), 10_000);
        assert!(matches!(error.unwrap().kind(), Kind::Damaged(_)));
    }

    #[test]
    fn a_bomb_is_stopped() {
        let (_, error, ..) = decoded(gzip(&vec![0; 2 << 20]));
        assert!(matches!(error.unwrap().kind(), Kind::Limit { .. }));
    }

    #[test]
    fn signatures_are_weighed() {
        assert_eq!(Codec::of(b"BZh91AY&SY"), Some(Codec::Bzip2));
        assert_eq!(Codec::of(b"BZhello"), None);
        let mut lzma = vec![0x5d, 0, 0, 0x80, 0];
        lzma.extend([0xff; 8]);
        lzma.extend([0, 1, 2, 3, 4, 5]);
        assert_eq!(Codec::of(&lzma), Some(Codec::Lzma));
        lzma[13] = 1;
        assert_eq!(Codec::of(&lzma), None);
    }
}
