//! Decoders of others, behind bounds of ours: memory is checked before it is taken, a panic is an error,
//! and what a member's checksum says is compared before its last bytes are given out.

use crate::error::{Error, Kind, Result};
use crate::guard::guarded;
use crate::source::SharedSource;
use std::io::{self, BufReader, Read};

/// Bytes as they come out of a decoder.
pub type Content = Box<dyn Read + Send>;

/// Bytes read from a source at once.
const BUFFER: usize = 64 << 10;

/// A range of a source, read from its first byte. What is missing at the end is `Truncated`, so that no
/// decoder takes a source's end for the end of its data.
pub struct Range {
    source: SharedSource,
    at: u64,
    end: u64,
}

impl Range {
    /// `len` bytes from `at`.
    #[must_use]
    pub fn new(source: SharedSource, at: u64, len: u64) -> Self {
        Self { source, at, end: at.saturating_add(len) }
    }
}

impl Read for Range {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX).min(buf.len());
        if want == 0 {
            return Ok(0);
        }
        let n = self.source.read_at(self.at, buf.get_mut(..want).unwrap_or_default())?;
        if n == 0 {
            return Err(Error::truncated(self.end, self.source.len()).during("packed bytes").into());
        }
        self.at = self.at.saturating_add(n as u64);
        Ok(n)
    }
}

/// The bytes of a range, buffered for decoders that read little at a time.
#[must_use]
pub fn packed(source: &SharedSource, at: u64, len: u64) -> Content {
    let size = usize::try_from(len).unwrap_or(BUFFER).clamp(1, BUFFER);
    Box::new(BufReader::with_capacity(size, Range::new(source.clone(), at, len)))
}

/// Raw Deflate (RFC 1951).
#[must_use]
pub fn deflate(packed: Content) -> Content {
    Box::new(Fenced::new("deflate", flate2::read::DeflateDecoder::new(packed)))
}

/// Deflate64.
#[must_use]
pub fn deflate64(packed: Content) -> Content {
    Box::new(Fenced::new("deflate64", deflate64::Deflate64Decoder::new(packed)))
}

/// bzip2, of one or several streams.
#[must_use]
pub fn bzip2(packed: Content) -> Content {
    Box::new(Fenced::new("bzip2", bzip2::read::MultiBzDecoder::new(packed)))
}

/// LZMA without a header. No distance leads before the first byte: the window need not be larger than what
/// comes out, whatever `dictionary` says.
///
/// # Errors
/// `Limit` where the window is larger than `memory`; `Invalid` where the properties are.
pub fn lzma(
    packed: Content,
    properties: u8,
    dictionary: u32,
    unpacked: Option<u64>,
    memory: u64,
) -> Result<Content> {
    let window = window(u64::from(dictionary), unpacked, memory)?;
    let size = unpacked.unwrap_or(u64::MAX);
    let decoder = guarded("lzma", || {
        Ok(lzma_rust2::LzmaReader::new_with_props(packed, size, properties, window, None))
    })?
    .map_err(|error| of_decoder("lzma", error))?;
    Ok(Box::new(Fenced::new("lzma", decoder)))
}

/// LZMA2, with the size of its dictionary as one byte.
///
/// # Errors
/// As [`lzma`].
pub fn lzma2(packed: Content, dictionary: u8, unpacked: Option<u64>, memory: u64) -> Result<Content> {
    let bytes = match dictionary {
        0..40 => u64::from(2 | (dictionary & 1)) << (dictionary / 2 + 11),
        40 => u64::from(u32::MAX),
        _ => return Err(Error::invalid("dictionary size of lzma2")),
    };
    let window = window(bytes, unpacked, memory)?;
    Ok(Box::new(Fenced::new("lzma2", lzma_rust2::Lzma2Reader::new(packed, window, None))))
}

/// The window that a decoder of that dictionary needs.
fn window(dictionary: u64, unpacked: Option<u64>, memory: u64) -> Result<u32> {
    let needed = dictionary.min(unpacked.unwrap_or(u64::MAX)).max(4096);
    if needed > memory {
        return Err(Error::limit("bytes of a decoder's window", memory));
    }
    Ok(u32::try_from(needed).unwrap_or(u32::MAX))
}

/// The xz container.
///
/// # Errors
/// None yet; its window is checked when its header is read.
pub fn xz(packed: Content, memory: u64) -> Result<Content> {
    let kib = u32::try_from(memory >> 10).unwrap_or(u32::MAX);
    Ok(Box::new(Fenced::new("xz", lzma_rust2::XzReader::new_mem_limit(packed, true, kib))))
}

/// PPMd variant H, as 7z has it.
///
/// # Errors
/// `Limit` where its model is larger than `memory`; `Invalid` where its parameters are.
pub fn ppmd7(packed: Content, order: u32, model: u32, memory: u64) -> Result<Content> {
    if u64::from(model) > memory {
        return Err(Error::limit("bytes of a decoder's model", memory));
    }
    let decoder = guarded("ppmd", || Ok(ppmd_rust::Ppmd7Decoder::new(packed, order, model)))?;
    Ok(Box::new(Fenced::new("ppmd", decoder.map_err(|error| of_ppmd(&error))?)))
}

/// PPMd variant I rev. 1, as ZIP has it; `parameters` stand before the packed bytes (APPNOTE 5.10).
///
/// # Errors
/// As [`ppmd7`].
pub fn ppmd8(packed: Content, parameters: u16, memory: u64) -> Result<Content> {
    let order = u32::from(parameters & 0x0f) + 1;
    let model = (u32::from((parameters >> 4) & 0xff) + 1) << 20;
    let restore = match parameters >> 12 {
        0 => ppmd_rust::RestoreMethod::Restart,
        1 => ppmd_rust::RestoreMethod::CutOff,
        _ => return Err(Error::invalid("ppmd model restoration method")),
    };
    if u64::from(model) > memory {
        return Err(Error::limit("bytes of a decoder's model", memory));
    }
    let decoder = guarded("ppmd", || Ok(ppmd_rust::Ppmd8Decoder::new(packed, order, model, restore)))?;
    Ok(Box::new(Fenced::new("ppmd", decoder.map_err(|error| of_ppmd(&error))?)))
}

fn of_ppmd(error: &ppmd_rust::Error) -> Error {
    match error {
        ppmd_rust::Error::InvalidParameter => Error::invalid("ppmd parameters"),
        ppmd_rust::Error::MemoryAllocation => Error::limit("bytes of a decoder's model", 0),
        _ => Error::damaged("ppmd data"),
    }
}

/// Zstandard, of one or several frames.
#[must_use]
pub fn zstd(packed: Content, memory: u64) -> Content {
    Box::new(Fenced::new("zstd", Frames { packed: Some(packed), frame: None, memory }))
}

/// Zstandard frames, one after the other.
struct Frames {
    packed: Option<Content>,
    frame: Option<Box<ruzstd::decoding::StreamingDecoder<Content, ruzstd::decoding::FrameDecoder>>>,
    memory: u64,
}

impl Read for Frames {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let n = frame.read(buf)?;
                if n > 0 || buf.is_empty() {
                    return Ok(n);
                }
            }
            if let Some(frame) = self.frame.take() {
                let decoder = frame.into_parts();
                let (declared, found) =
                    (decoder.1.get_checksum_from_data(), decoder.1.get_calculated_checksum());
                if declared.is_some() && found.is_some() && declared != found {
                    return Err(Error::damaged("checksum of a zstd frame").into());
                }
                self.packed = Some(decoder.0);
            }
            let Some(packed) = self.packed.take() else { return Ok(0) };
            let Some(whole) = next_frame(packed)? else { return Ok(0) };
            let decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(whole, self.memory)
                .map_err(|_| Error::damaged("zstd frame"))?;
            self.frame = Some(Box::new(decoder));
        }
    }
}

/// LZ4 frames, one after the other, with the skippable ones that zstdmt puts between them.
#[must_use]
pub fn lz4(packed: Content) -> Content {
    Box::new(Fenced::new("lz4", Lz4Frames { packed: Some(packed), frame: None }))
}

/// LZ4 frames, one after the other.
struct Lz4Frames {
    packed: Option<Content>,
    frame: Option<Box<lz4_flex::frame::FrameDecoder<Content>>>,
}

impl Read for Lz4Frames {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let n = frame.read(buf)?;
                if n > 0 || buf.is_empty() {
                    return Ok(n);
                }
            }
            if let Some(frame) = self.frame.take() {
                self.packed = Some(frame.into_inner());
            }
            let Some(packed) = self.packed.take() else { return Ok(0) };
            match next_frame(packed)? {
                Some(packed) => self.frame = Some(Box::new(lz4_flex::frame::FrameDecoder::new(packed))),
                None => return Ok(0),
            }
        }
    }
}

/// The input from the magic number of the next frame that holds data (RFC 8878 3.1.2). `None` at its end.
fn next_frame(mut packed: Content) -> io::Result<Option<Content>> {
    loop {
        let mut magic = [0; 4];
        match fill(&mut packed, &mut magic)? {
            0 => return Ok(None),
            4 => {}
            _ => return Err(Error::damaged("a frame's magic number").into()),
        }
        if !matches!(magic, [0x50..=0x5f, 0x2a, 0x4d, 0x18]) {
            return Ok(Some(Box::new(io::Cursor::new(magic).chain(packed))));
        }
        let mut len = [0; 4];
        packed.read_exact(&mut len)?;
        let len = u64::from(u32::from_le_bytes(len));
        if io::copy(&mut packed.by_ref().take(len), &mut io::sink())? < len {
            return Err(Error::damaged("a skippable frame").into());
        }
    }
}

/// Whose branches a filter turned from relative to absolute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branch {
    /// x86.
    X86,
    /// PowerPC, big-endian.
    PowerPc,
    /// Itanium.
    Ia64,
    /// ARM, 32 bits.
    Arm,
    /// ARM Thumb.
    ArmThumb,
    /// SPARC.
    Sparc,
    /// ARM, 64 bits.
    Arm64,
    /// RISC-V.
    RiscV,
}

/// Turns branches back ("BCJ"); `start` is the first byte's address.
#[must_use]
pub fn branch(of: Branch, packed: Content, start: u32) -> Content {
    use lzma_rust2::filter::bcj::BcjReader;
    let start = usize::try_from(start).unwrap_or(0);
    Box::new(Fenced::new(
        "branch filter",
        match of {
            Branch::X86 => BcjReader::new_x86(packed, start),
            Branch::PowerPc => BcjReader::new_ppc(packed, start),
            Branch::Ia64 => BcjReader::new_ia64(packed, start),
            Branch::Arm => BcjReader::new_arm(packed, start),
            Branch::ArmThumb => BcjReader::new_arm_thumb(packed, start),
            Branch::Sparc => BcjReader::new_sparc(packed, start),
            Branch::Arm64 => BcjReader::new_arm64(packed, start),
            Branch::RiscV => BcjReader::new_riscv(packed, start),
        },
    ))
}

/// Adds up what `distance` bytes lie between, 1 to 256.
#[must_use]
pub fn delta(packed: Content, distance: usize) -> Content {
    let reader = lzma_rust2::filter::delta::DeltaReader::new(packed, distance.clamp(1, 256));
    Box::new(Fenced::new("delta", reader))
}

/// BCJ2: x86 branches kept in streams of their own: main, calls, jumps, range coder.
///
/// # Errors
/// `Invalid` where there are not four streams.
pub fn bcj2(streams: Vec<Content>, unpacked: u64) -> Result<Content> {
    let reader = lzma_rust2::filter::bcj2::Bcj2Reader::try_new(streams, unpacked);
    Ok(Box::new(Fenced::new("bcj2", reader.map_err(|_| Error::invalid("streams of bcj2"))?)))
}

/// Reads until `buf` is full or nothing more comes; how many bytes came.
///
/// # Errors
/// What reading said.
pub fn fill(from: &mut dyn Read, buf: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Reads and drops `len` bytes.
///
/// # Errors
/// `Truncated` where there are fewer; what reading said.
pub fn skip(content: &mut Content, len: u64) -> Result<()> {
    let skipped = io::copy(&mut content.by_ref().take(len), &mut io::sink())?;
    if skipped < len {
        return Err(Error::truncated(len, skipped).during("packed run"));
    }
    Ok(())
}

/// What a decoder said, as one of our errors: its words name no place and its kinds mean many things.
fn of_decoder(what: &'static str, error: io::Error) -> Error {
    let error = Error::from(error);
    match error.kind() {
        Kind::Io(io) if io.kind() == io::ErrorKind::OutOfMemory => {
            Error::limit("bytes of a decoder's window", 0).during(what)
        }
        Kind::Io(io) if io.raw_os_error().is_none() => Error::damaged("packed data").during(what),
        _ => error.during(what),
    }
}

/// A decoder behind a fence: what it says is translated, and after an error or a panic it is not asked again.
struct Fenced<R> {
    what: &'static str,
    decoder: Option<Box<R>>,
}

impl<R: Read> Fenced<R> {
    fn new(what: &'static str, decoder: R) -> Self {
        Self { what, decoder: Some(Box::new(decoder)) }
    }
}

impl<R: Read> Read for Fenced<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(mut decoder) = self.decoder.take() else {
            return Err(Error::damaged("packed data").during(self.what).into());
        };
        let outcome = guarded(self.what, || {
            let outcome = decoder.read(buf);
            Ok((outcome, decoder))
        });
        match outcome {
            Ok((Err(error), decoder)) if error.kind() == io::ErrorKind::Interrupted => {
                self.decoder = Some(decoder);
                Err(error)
            }
            Ok((Err(error), _)) => Err(of_decoder(self.what, error).into()),
            Ok((Ok(n), decoder)) => {
                self.decoder = Some(decoder);
                Ok(n)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A member's bytes with its size and CRC-32. Both are compared when the last byte comes and before it is
/// given out: whoever reads as many bytes as the member has, and no further, sees an error, too.
pub struct Checked<R> {
    content: R,
    left: u64,
    crc: Option<u32>,
    sum: crc32fast::Hasher,
    over: bool,
    exact: Exact,
}

/// What bytes behind a member's size mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exact {
    /// The size is wrong.
    Yes,
    /// They belong to the next member of a run.
    No,
}

impl<R: Read> Checked<R> {
    /// `crc` is `None` where the format kept none.
    #[must_use]
    pub fn new(content: R, bytes: u64, crc: Option<u32>, exact: Exact) -> Self {
        Self { content, left: bytes, crc, sum: crc32fast::Hasher::new(), over: false, exact }
    }

    /// The last byte came.
    fn finish(&mut self) -> io::Result<()> {
        self.over = true;
        if let Some(crc) = self.crc
            && std::mem::take(&mut self.sum).finalize() != crc
        {
            return Err(Error::damaged("checksum").field("crc-32").into());
        }
        if self.exact == Exact::Yes && fill(&mut self.content, &mut [0])? > 0 {
            return Err(Error::damaged("more bytes than its size says").into());
        }
        Ok(())
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            if !self.over {
                self.finish()?;
            }
            return Ok(0);
        }
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        let n = self.content.read(buf.get_mut(..want).unwrap_or_default())?;
        if n == 0 {
            return Ok(0);
        }
        self.sum.update(buf.get(..n).unwrap_or_default());
        self.left = self.left.saturating_sub(n as u64);
        if self.left == 0 {
            self.finish()?;
        }
        Ok(n)
    }
}
