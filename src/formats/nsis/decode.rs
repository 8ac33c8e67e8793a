//! Unpacking: which method it is, and the three of them as something that is read.

use super::first_header::{FirstHeader, SIZE};
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::source::{SharedSource, Slice, SourceReader, read_up_to, read_vec};
use flate2::read::DeflateDecoder;
use lzma_rust2::LzmaReader;
use lzma_rust2::filter::bcj::BcjReader;
use nsis::decompress::{DecodeLimit, bzip2::decompress_bzip2};
use std::io::{self, BufReader, Read};
use std::sync::Arc;

/// How data is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflate,
    /// NSIS' own framing: no stream header, no checksums.
    Bzip2,
    Lzma,
    /// LZMA behind a byte that says whether x86 branches were converted.
    FilteredLzma,
}

impl Method {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Deflate => "Deflate",
            Self::Bzip2 => "BZip2",
            Self::Lzma => "LZMA",
            Self::FilteredLzma => "LZMA with BCJ",
        }
    }

    /// The method that the first bytes look like.
    fn of(head: &[u8]) -> Self {
        match head {
            [0x5d, 0, 0, _, _, ..] => Self::Lzma,
            [0 | 1, 0x5d, 0, 0, ..] => Self::FilteredLzma,
            [0x31, second, ..] if *second < 14 => Self::Bzip2,
            _ => Self::Deflate,
        }
    }
}

/// Where packed bytes lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    pub(super) at: u64,
    pub(super) len: u64,
}

/// The header, unpacked, and what it says about the rest.
pub(super) struct Header {
    pub(super) bytes: Vec<u8>,
    pub(super) method: Method,
    /// The stream that has header and files, where there is one.
    pub(super) stream: Option<Stream>,
    /// Where files begin: in the source, or in the stream.
    pub(super) files_at: u64,
}

/// Dictionaries above this are refused.
const LARGEST_DICTIONARY: u32 = 1 << 30;
/// What a stream packed by bzip2 unpacks to at most: it is unpacked in memory.
const LARGEST_BZIP2: usize = 1 << 30;

/// Unpacks the header.
pub(super) fn header(source: &SharedSource, first: &FirstHeader) -> Result<Header> {
    let at = first.at.saturating_add(SIZE);
    let head = read_up_to(&**source, at, 16)?;
    let prefix = head.first_chunk::<4>().copied().map_or(0, u32::from_le_bytes);
    let (packed, len) = (prefix >> 31 == 1, u64::from(prefix & 0x7fff_ffff));
    let behind = at.saturating_add(4);
    let room = first.data_end().min(source.len()).saturating_sub(behind);
    if !packed && len == u64::from(first.header) && len <= room {
        let bytes = read_vec(&**source, behind, len)?;
        let files_at = behind.saturating_add(len);
        return Ok(Header { bytes, method: Method::Stored, stream: None, files_at });
    }
    if packed && len <= room {
        let method = Method::of(head.get(4..).unwrap_or_default());
        let stream = Stream { at: behind, len };
        if let Ok(bytes) = exactly(source, &stream, method, first.header) {
            return Ok(Header { bytes, method, stream: None, files_at: behind.saturating_add(len) });
        }
    }
    let method = Method::of(&head);
    let end = first.data_end().min(source.len());
    let stream = Stream { at, len: end.saturating_sub(at) };
    let mut bytes = exactly(source, &stream, method, first.header.saturating_add(4))
        .map_err(|error| error.at("header", at))?;
    let prefix = bytes.first_chunk::<4>().copied().map_or(0, u32::from_le_bytes);
    if prefix != first.header {
        return Err(Error::damaged("length of the header").at("header", at));
    }
    bytes.drain(..4);
    Ok(Header { bytes, method, stream: Some(stream), files_at: u64::from(first.header).saturating_add(4) })
}

/// The first `bytes` bytes of what is packed.
fn exactly(source: &SharedSource, stream: &Stream, method: Method, bytes: u32) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    unpacked(source, stream, method)?.take(bytes.into()).read_to_end(&mut out)?;
    if out.len() as u64 != u64::from(bytes) {
        return Err(Error::truncated(bytes.into(), out.len() as u64).during("packed header"));
    }
    Ok(out)
}

/// Unpacks a stream. Where its end is not marked, zeros and nonsense behind it are not read.
pub(super) fn unpacked(
    source: &SharedSource,
    stream: &Stream,
    method: Method,
) -> Result<Box<dyn Read + Send>> {
    let range = stream.at..stream.at.saturating_add(stream.len);
    let slice: SharedSource = Arc::new(Slice::new(source.clone(), range));
    let mut packed = BufReader::with_capacity(64 << 10, SourceReader::new(slice));
    match method {
        Method::Stored => Ok(Box::new(packed)),
        Method::Deflate => Ok(Box::new(Checked(DeflateDecoder::new(packed)))),
        Method::Lzma => Ok(Box::new(Checked(lzma(packed)?))),
        Method::FilteredLzma => {
            let mut filter = [0];
            packed.read_exact(&mut filter)?;
            if filter == [1] {
                return Ok(Box::new(Checked(BcjReader::new_x86(lzma(packed)?, 0))));
            }
            Ok(Box::new(Checked(lzma(packed)?)))
        }
        Method::Bzip2 => {
            let len = stream.len.min(source.len().saturating_sub(stream.at));
            let packed = read_vec(&**source, stream.at, len)?;
            let decoded = guarded("NSIS bzip2", || {
                decompress_bzip2(&packed, DecodeLimit::Capped(LARGEST_BZIP2)).map_err(|error| match error {
                    nsis::Error::OutputTooLarge { .. } => {
                        Error::limit("bytes of a stream packed by bzip2", LARGEST_BZIP2 as u64)
                    }
                    _ => Error::damaged("packed data"),
                })
            })?;
            Ok(Box::new(io::Cursor::new(decoded.data)))
        }
    }
}

/// Raw LZMA with its five bytes of properties; it ends with a mark or with the source.
fn lzma<R: Read>(mut packed: R) -> Result<LzmaReader<R>> {
    let mut head = [0; 5];
    packed.read_exact(&mut head).map_err(|_| Error::damaged("packed data"))?;
    let [properties, dictionary @ ..] = head;
    let dictionary = u32::from_le_bytes(dictionary);
    if dictionary > LARGEST_DICTIONARY {
        return Err(Error::limit("bytes of dictionary", LARGEST_DICTIONARY.into()));
    }
    LzmaReader::new_with_props(packed, u64::MAX, properties, dictionary, None)
        .map_err(|_| Error::damaged("LZMA properties"))
}

/// A decoder whose errors are ours: what it says about its input is damage.
struct Checked<R>(R);

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ if error.get_ref().is_some_and(|inner| inner.is::<Error>()) => error,
            _ => Error::damaged("packed data").into(),
        })
    }
}
