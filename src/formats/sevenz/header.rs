//! The headers of a 7z archive: where it ends, its blocks and their coders, its members (7zFormat.txt).

use super::bytes::Bytes;
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::limits::Limits;
use crate::source::{SharedSource, Source, read_up_to, read_vec};
use std::io::Read;

/// The first bytes.
pub(super) const SIGNATURE: &[u8] = b"7z\xbc\xaf\x27\x1c";
/// Bytes of the signature header; all offsets count from behind it.
pub(super) const START: u64 = 32;

/// Property numbers.
mod id {
    pub(super) const END: u8 = 0x00;
    pub(super) const HEADER: u8 = 0x01;
    pub(super) const ARCHIVE_PROPERTIES: u8 = 0x02;
    pub(super) const ADDITIONAL_STREAMS: u8 = 0x03;
    pub(super) const MAIN_STREAMS: u8 = 0x04;
    pub(super) const FILES: u8 = 0x05;
    pub(super) const PACK_INFO: u8 = 0x06;
    pub(super) const UNPACK_INFO: u8 = 0x07;
    pub(super) const SUBSTREAMS: u8 = 0x08;
    pub(super) const SIZE: u8 = 0x09;
    pub(super) const CRC: u8 = 0x0a;
    pub(super) const FOLDER: u8 = 0x0b;
    pub(super) const CODERS_UNPACK_SIZE: u8 = 0x0c;
    pub(super) const NUM_UNPACK_STREAM: u8 = 0x0d;
    pub(super) const EMPTY_STREAM: u8 = 0x0e;
    pub(super) const EMPTY_FILE: u8 = 0x0f;
    pub(super) const ANTI: u8 = 0x10;
    pub(super) const NAMES: u8 = 0x11;
    pub(super) const MTIME: u8 = 0x14;
    pub(super) const ATTRIBUTES: u8 = 0x15;
    pub(super) const ENCODED_HEADER: u8 = 0x17;
}

/// Coders of one block, and streams of all of them together: what 7-Zip takes.
const MOST_CODERS: u64 = 32;

/// What the signature header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signature {
    pub(super) major: u8,
    pub(super) minor: u8,
    /// Where the header lies, in bytes of the source.
    pub(super) at: u64,
    pub(super) size: u64,
    crc: u32,
}

impl Signature {
    /// The first byte behind the archive.
    pub(super) fn end(&self) -> u64 {
        self.at.saturating_add(self.size)
    }
}

/// One step of a block.
#[derive(Debug, Clone)]
pub(super) struct Coder {
    pub(super) method: u64,
    pub(super) inputs: usize,
    pub(super) properties: Vec<u8>,
}

/// A block ("folder"): coders, how they are bound, and what comes out.
#[derive(Debug, Clone, Default)]
pub(super) struct Block {
    pub(super) coders: Vec<Coder>,
    /// (input, output) that are one stream.
    pub(super) bound: Vec<(usize, usize)>,
    /// Inputs that are packed streams of the archive, in their order.
    pub(super) packed: Vec<usize>,
    /// The number of its first packed stream.
    pub(super) first_packed: usize,
    /// Bytes that come out of each coder.
    pub(super) sizes: Vec<u64>,
    pub(super) crc: Option<u32>,
    /// Bytes and checksums of the members in it.
    pub(super) members: Vec<(u64, Option<u32>)>,
}

impl Block {
    /// The coder whose output is bound to no input: the block's own.
    pub(super) fn last(&self) -> Option<usize> {
        (0..self.coders.len()).find(|coder| !self.bound.iter().any(|(_, output)| output == coder))
    }

    /// Bytes that come out of it.
    pub(super) fn bytes(&self) -> u64 {
        self.last().and_then(|coder| self.sizes.get(coder)).copied().unwrap_or(0)
    }
}

/// Packed streams and the blocks that they make.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Where each packed stream begins, in bytes of the source, and how many bytes it has.
    pub(super) packed: Vec<(u64, u64)>,
    pub(super) blocks: Vec<Block>,
}

/// One member.
#[derive(Debug, Clone, Default)]
pub(super) struct File {
    /// UTF-16 LE.
    pub(super) name: Vec<u8>,
    pub(super) has_stream: bool,
    pub(super) empty_file: bool,
    pub(super) anti: bool,
    pub(super) modified: Option<u64>,
    pub(super) attributes: Option<u32>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) streams: Streams,
    pub(super) files: Vec<File>,
}

/// Reads the signature header.
pub(super) fn signature(source: &dyn Source) -> Result<Signature> {
    let bytes = read_up_to(source, 0, 32)?;
    let fields = Fields::new("7z signature header", &bytes, 0);
    let start = fields.bytes(12, 20, "start header")?;
    if !bytes.starts_with(SIGNATURE) {
        return Err(fields.wrong(0, "signature", Error::invalid("signature")));
    }
    let crc = fields.u32_le(8, "start header crc")?;
    let size = fields.u64_le(20, "next header size")?;
    let offset = fields.u64_le(12, "next header offset")?;
    if crc == 0 && start.iter().all(|&byte| byte == 0) {
        return Err(fields.wrong(12, "start header", Error::damaged("the archive was never finished")));
    }
    if crc32fast::hash(start) != crc {
        return Err(fields.wrong(8, "start header crc", Error::damaged("checksum")));
    }
    Ok(Signature {
        major: fields.u8(6, "major version")?,
        minor: fields.u8(7, "minor version")?,
        at: START.saturating_add(offset),
        size,
        crc: fields.u32_le(28, "next header crc")?,
    })
}

/// Reads the header, unpacking it where it is packed itself.
pub(super) fn read(
    source: &SharedSource,
    signature: &Signature,
    limits: &Limits,
    decode: impl Fn(&Streams, usize) -> Result<Box<dyn Read + Send>>,
) -> Result<Header> {
    if signature.size == 0 {
        return Ok(Header::default());
    }
    if signature.end() > source.len() {
        return Err(Error::truncated(signature.end(), source.len()).at("7z header", signature.at));
    }
    if signature.size > limits.directory_bytes {
        return Err(Error::limit("bytes of a directory", limits.directory_bytes).at("7z header", signature.at));
    }
    let mut bytes = read_vec(&**source, signature.at, signature.size)?;
    if crc32fast::hash(&bytes) != signature.crc {
        return Err(Error::damaged("checksum").at("7z header", signature.at).field("crc-32"));
    }
    // Headers packed in headers: 7-Zip writes one.
    for _ in 0..4 {
        let mut header = Bytes::new(&bytes);
        match header.u8()? {
            id::HEADER => return Reader { limits }.header(&mut header),
            id::ENCODED_HEADER => {
                let streams = Reader { limits }.streams(&mut header)?;
                bytes = unpacked(&streams, limits, &decode)?;
            }
            _ => return Err(Error::invalid("kind of header").at("7z header", signature.at)),
        }
    }
    Err(Error::damaged("a header packed too often").at("7z header", signature.at))
}

fn unpacked(
    streams: &Streams,
    limits: &Limits,
    decode: &impl Fn(&Streams, usize) -> Result<Box<dyn Read + Send>>,
) -> Result<Vec<u8>> {
    let block = streams.blocks.first().ok_or_else(|| Error::damaged("no block").during("packed 7z header"))?;
    let size = block.bytes();
    if size > limits.directory_bytes {
        return Err(Error::limit("bytes of a directory", limits.directory_bytes).during("packed 7z header"));
    }
    let mut bytes = Vec::new();
    let read = decode(streams, 0)?.take(size).read_to_end(&mut bytes);
    read.map_err(|error| Error::from(error).during("packed 7z header"))?;
    if (bytes.len() as u64) < size {
        return Err(Error::truncated(size, bytes.len() as u64).during("packed 7z header"));
    }
    let crc = block.crc.or_else(|| block.members.first().and_then(|(_, crc)| *crc));
    if crc.is_some_and(|crc| crc != crc32fast::hash(&bytes)) {
        return Err(Error::damaged("checksum").during("packed 7z header"));
    }
    Ok(bytes)
}

struct Reader<'a> {
    limits: &'a Limits,
}

impl Reader<'_> {
    fn header(&self, from: &mut Bytes<'_>) -> Result<Header> {
        let mut header = Header::default();
        loop {
            match from.u8()? {
                id::END => return Ok(header),
                id::ARCHIVE_PROPERTIES => {
                    while from.u8()? != id::END {
                        let len = from.len()?;
                        from.take(len)?;
                    }
                }
                id::ADDITIONAL_STREAMS => drop(self.streams(from)?),
                id::MAIN_STREAMS => header.streams = self.streams(from)?,
                id::FILES => header.files = self.files(from)?,
                _ => return Err(from.wrong("an unknown property")),
            }
        }
    }

    fn streams(&self, from: &mut Bytes<'_>) -> Result<Streams> {
        let mut streams = Streams::default();
        let mut substreams = false;
        loop {
            match from.u8()? {
                id::END => break,
                id::PACK_INFO => self.pack_info(from, &mut streams)?,
                id::UNPACK_INFO => self.unpack_info(from, &mut streams)?,
                id::SUBSTREAMS => {
                    self.substreams(from, &mut streams.blocks)?;
                    substreams = true;
                }
                _ => return Err(from.wrong("an unknown property of streams")),
            }
        }
        if !substreams {
            for block in &mut streams.blocks {
                block.members = vec![(block.bytes(), block.crc)];
            }
        }
        Ok(streams)
    }

    fn pack_info(&self, from: &mut Bytes<'_>, streams: &mut Streams) -> Result<()> {
        let mut at = START.saturating_add(from.number()?);
        let count = from.count(1, self.limits.entries)?;
        let mut sizes = Vec::new();
        loop {
            match from.u8()? {
                id::END => break,
                id::SIZE => {
                    for _ in 0..count {
                        sizes.push(from.number()?);
                    }
                }
                id::CRC => drop(from.digests(count)?),
                _ => return Err(from.wrong("an unknown property of packed streams")),
            }
        }
        for size in sizes {
            streams.packed.push((at, size));
            at = at.saturating_add(size);
        }
        Ok(())
    }

    fn unpack_info(&self, from: &mut Bytes<'_>, streams: &mut Streams) -> Result<()> {
        if from.u8()? != id::FOLDER {
            return Err(from.wrong("no blocks"));
        }
        let count = from.count(2, self.limits.entries)?;
        if from.u8()? != 0 {
            return Err(Error::unsupported("blocks that are described elsewhere").during("7z header"));
        }
        let mut first_packed = 0usize;
        for _ in 0..count {
            let mut block = block(from)?;
            block.first_packed = first_packed;
            first_packed = first_packed.saturating_add(block.packed.len());
            streams.blocks.push(block);
        }
        if from.u8()? != id::CODERS_UNPACK_SIZE {
            return Err(from.wrong("no sizes of blocks"));
        }
        for block in &mut streams.blocks {
            for _ in 0..block.coders.len() {
                block.sizes.push(from.number()?);
            }
        }
        loop {
            match from.u8()? {
                id::END => break,
                id::CRC => {
                    let digests = from.digests(streams.blocks.len())?;
                    for (block, crc) in streams.blocks.iter_mut().zip(digests) {
                        block.crc = crc;
                    }
                }
                _ => return Err(from.wrong("an unknown property of blocks")),
            }
        }
        Ok(())
    }

    fn substreams(&self, from: &mut Bytes<'_>, blocks: &mut [Block]) -> Result<()> {
        let mut counts = vec![1usize; blocks.len()];
        let mut property = from.u8()?;
        if property == id::NUM_UNPACK_STREAM {
            let mut all = 0u64;
            for count in &mut counts {
                *count = from.count(0, self.limits.entries)?;
                all = all.saturating_add(*count as u64);
                if all > self.limits.entries {
                    return Err(Error::limit("entries", self.limits.entries).during("7z header"));
                }
            }
            property = from.u8()?;
        }
        let sizes_here = property == id::SIZE;
        for (block, &count) in blocks.iter_mut().zip(&counts) {
            let mut left = block.bytes();
            // The last one has what is left.
            for _ in 1..count {
                let size = if sizes_here { from.number()? } else { return Err(from.wrong("no sizes of members")) };
                left = left.checked_sub(size).ok_or_else(|| from.wrong("members larger than their block"))?;
                block.members.push((size, None));
            }
            if count > 0 {
                block.members.push((left, None));
            }
        }
        if sizes_here {
            property = from.u8()?;
        }
        let known = |block: &Block| block.members.len() == 1 && block.crc.is_some();
        loop {
            match property {
                id::END => break,
                id::CRC => {
                    let unknown =
                        blocks.iter().filter(|block| !known(block)).map(|block| block.members.len()).sum();
                    let digests = from.digests(unknown)?;
                    let members = blocks.iter_mut().filter(|block| !known(block));
                    for ((_, crc), digest) in members.flat_map(|block| &mut block.members).zip(digests) {
                        *crc = digest;
                    }
                }
                _ => return Err(from.wrong("an unknown property of members")),
            }
            property = from.u8()?;
        }
        for block in blocks.iter_mut().filter(|block| known(block)) {
            let crc = block.crc;
            block.members.iter_mut().for_each(|member| member.1 = crc);
        }
        Ok(())
    }

    fn files(&self, from: &mut Bytes<'_>) -> Result<Vec<File>> {
        // A name has at least its end, two bytes.
        let count = from.count(1, self.limits.entries)?;
        let mut files = vec![File { has_stream: true, ..File::default() }; count];
        let mut empty_streams = 0usize;
        let mut path_bytes = 0u64;
        loop {
            let property = from.u8()?;
            if property == id::END {
                return Ok(files);
            }
            let len = from.len()?;
            let mut body = Bytes::new(from.take(len)?);
            match property {
                id::EMPTY_STREAM => {
                    let bits = body.bits(count)?;
                    empty_streams = bits.iter().filter(|empty| **empty).count();
                    files.iter_mut().zip(bits).for_each(|(file, empty)| file.has_stream = !empty);
                }
                id::EMPTY_FILE | id::ANTI => {
                    let bits = body.bits(empty_streams)?;
                    for (file, bit) in files.iter_mut().filter(|file| !file.has_stream).zip(bits) {
                        let flag = if property == id::ANTI { &mut file.anti } else { &mut file.empty_file };
                        *flag = bit;
                    }
                }
                id::NAMES => {
                    not_elsewhere(&mut body)?;
                    for file in &mut files {
                        file.name = name(&mut body, self.limits)?;
                        path_bytes = path_bytes.saturating_add(file.name.len() as u64);
                        if path_bytes > self.limits.all_path_bytes {
                            return Err(Error::limit("bytes of all paths", self.limits.all_path_bytes));
                        }
                    }
                }
                id::MTIME => {
                    let defined = body.defined(count)?;
                    not_elsewhere(&mut body)?;
                    for (file, _) in files.iter_mut().zip(defined).filter(|(_, here)| *here) {
                        file.modified = Some(body.u64()?);
                    }
                }
                id::ATTRIBUTES => {
                    let defined = body.defined(count)?;
                    not_elsewhere(&mut body)?;
                    for (file, _) in files.iter_mut().zip(defined).filter(|(_, here)| *here) {
                        file.attributes = Some(body.u32()?);
                    }
                }
                // Other times, comments, padding, what is yet to come.
                _ => {}
            }
        }
    }
}

fn not_elsewhere(body: &mut Bytes<'_>) -> Result<()> {
    match body.u8()? {
        0 => Ok(()),
        _ => Err(Error::unsupported("properties that are kept elsewhere").during("7z header")),
    }
}

/// UTF-16 up to its NUL.
fn name(body: &mut Bytes<'_>, limits: &Limits) -> Result<Vec<u8>> {
    let mut name = Vec::new();
    loop {
        match body.take(2)? {
            [0, 0] => return Ok(name),
            unit => name.extend_from_slice(unit),
        }
        if name.len() > limits.path_bytes {
            return Err(Error::limit("bytes of a path", limits.path_bytes as u64).during("7z header"));
        }
    }
}

fn block(from: &mut Bytes<'_>) -> Result<Block> {
    let mut block = Block::default();
    let coders = from.count(1, MOST_CODERS)?;
    let mut inputs = 0usize;
    for _ in 0..coders {
        let flags = from.u8()?;
        if flags & 0xc0 != 0 || flags & 0x0f > 8 {
            return Err(from.wrong("an unknown kind of coder"));
        }
        let method = from.take(usize::from(flags & 0x0f))?.iter().fold(0u64, |id, &byte| (id << 8) | u64::from(byte));
        let mut coder = Coder { method, inputs: 1, properties: Vec::new() };
        if flags & 0x10 != 0 {
            coder.inputs = from.count(0, MOST_CODERS)?;
            if from.number()? != 1 {
                return Err(Error::unsupported("a coder with several outputs").during("7z header"));
            }
        }
        if flags & 0x20 != 0 {
            let len = from.len()?;
            coder.properties = from.take(len)?.to_vec();
        }
        inputs = inputs.saturating_add(coder.inputs);
        block.coders.push(coder);
    }
    if coders == 0 || inputs > 64 {
        return Err(from.wrong("a block without coders, or with too many inputs"));
    }
    for _ in 1..coders {
        let (input, output) = (from.number()?, from.number()?);
        let (Ok(input), Ok(output)) = (usize::try_from(input), usize::try_from(output)) else {
            return Err(from.wrong("a bound stream"));
        };
        let twice = block.bound.iter().any(|(i, o)| *i == input || *o == output);
        if input >= inputs || output >= coders || twice {
            return Err(from.wrong("a stream that is bound twice, or does not exist"));
        }
        block.bound.push((input, output));
    }
    let free = inputs.checked_sub(block.bound.len()).filter(|free| *free > 0);
    let free = free.ok_or_else(|| from.wrong("a block without packed streams"))?;
    if free == 1 {
        block.packed.extend((0..inputs).find(|input| !block.bound.iter().any(|(i, _)| i == input)));
    } else {
        for _ in 0..free {
            let input = usize::try_from(from.number()?).unwrap_or(usize::MAX);
            if input >= inputs || block.packed.contains(&input) {
                return Err(from.wrong("a packed stream that does not exist"));
            }
            block.packed.push(input);
        }
    }
    Ok(block)
}
