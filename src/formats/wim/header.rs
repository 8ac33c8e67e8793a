//! The header, and the headers of resources in it and in the lookup table (WIM white paper, "WIM Header" and
//! "Resource header").

use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::source::{Source, read_vec};

/// Bytes of the header.
pub(super) const HEADER: u64 = 208;
/// The magic of a file that is read at random places.
pub(super) const MAGIC: &[u8; 8] = b"MSWIM\0\0\0";
/// The magic of a file made for a pipe.
pub(super) const PIPABLE: &[u8; 8] = b"WLPWM\0\0\0";
/// Version 1.13: resources stand alone.
const VERSION_ALONE: u32 = 0x0001_0d00;
/// Version 14: there may be solid resources.
const VERSION_SOLID: u32 = 0x0000_0e00;
/// The largest chunk that is unpacked: memory is needed for one a thread.
const LARGEST_CHUNK: u32 = 64 << 20;

/// Resources are packed, unless they say otherwise.
const FLAG_COMPRESSION: u32 = 0x0000_0002;
/// The file was not closed.
const FLAG_WRITE_IN_PROGRESS: u32 = 0x0000_0040;
const FLAG_XPRESS: u32 = 0x0002_0000;
const FLAG_LZX: u32 = 0x0004_0000;
const FLAG_LZMS: u32 = 0x0008_0000;
const FLAG_XPRESS_2: u32 = 0x0020_0000;

/// How resources are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Xpress,
    Lzx,
    Lzms,
}

impl Method {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stored => "not packed",
            Self::Xpress => "XPRESS",
            Self::Lzx => "LZX",
            Self::Lzms => "LZMS",
        }
    }

    /// The method's number in the head of a solid resource.
    pub(super) fn numbered(number: u32) -> Result<Self> {
        match number {
            0 => Ok(Self::Stored),
            1 => Ok(Self::Xpress),
            2 => Ok(Self::Lzx),
            3 => Ok(Self::Lzms),
            _ => Err(Error::unsupported("compression format")),
        }
    }

    /// Whether chunks of that size can be packed so.
    pub(super) fn check_chunk(self, size: u32) -> Result<()> {
        let bits = match self {
            Self::Stored => return Ok(()),
            Self::Xpress => 12..=16,
            Self::Lzx => 15..=21,
            Self::Lzms => 15..=30,
        };
        if !size.is_power_of_two() || !bits.contains(&size.ilog2()) {
            return Err(Error::invalid("chunk size"));
        }
        if size > LARGEST_CHUNK {
            return Err(Error::limit("bytes of a chunk", LARGEST_CHUNK.into()));
        }
        Ok(())
    }
}

/// Where a resource lies and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ResourceHeader {
    /// Bytes as they lie in the file.
    pub(super) packed: u64,
    pub(super) flags: u8,
    pub(super) at: u64,
    /// Bytes unpacked.
    pub(super) bytes: u64,
}

impl ResourceHeader {
    pub(super) const METADATA: u8 = 0x02;
    pub(super) const COMPRESSED: u8 = 0x04;
    pub(super) const SPANNED: u8 = 0x08;
    pub(super) const SOLID: u8 = 0x10;

    pub(super) fn parse(fields: &Fields<'_>, at: usize, name: &'static str) -> Result<Self> {
        let size = fields.u64_le(at, name)?;
        let [.., flags] = size.to_le_bytes();
        Ok(Self {
            packed: size & 0x00ff_ffff_ffff_ffff,
            flags,
            at: fields.u64_le(at + 8, name)?,
            bytes: fields.u64_le(at + 16, name)?,
        })
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The first byte behind it.
    pub(super) fn end(&self) -> u64 {
        self.at.saturating_add(self.packed)
    }
}

/// The header of one file.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) pipable: bool,
    pub(super) method: Method,
    pub(super) chunk: u32,
    pub(super) guid: [u8; 16],
    pub(super) part: u16,
    pub(super) parts: u16,
    pub(super) images: u32,
    pub(super) boot_index: u32,
    pub(super) unfinished: bool,
    pub(super) solid: bool,
    pub(super) lookup: ResourceHeader,
    pub(super) xml: ResourceHeader,
    pub(super) integrity: ResourceHeader,
}

impl Header {
    /// Reads it: from the beginning, or from the end of a file made for a pipe.
    pub(super) fn read(source: &dyn Source) -> Result<Self> {
        let first = read_vec(source, 0, HEADER).map_err(|error| error.at("WIM header", 0))?;
        if !first.starts_with(PIPABLE) {
            return Self::parse(&Fields::new("WIM header", &first, 0));
        }
        let at = source.len().saturating_sub(HEADER);
        let last = read_vec(source, at, HEADER)?;
        if at < HEADER || !last.starts_with(PIPABLE) {
            // The file ends with its header: one byte more is missing at least.
            return Err(Error::truncated(source.len() + 1, source.len()).at("WIM header", at));
        }
        Self::parse(&Fields::new("WIM header", &last, at))
    }

    pub(super) fn parse(fields: &Fields<'_>) -> Result<Self> {
        let magic = fields.bytes(0, 8, "magic")?;
        if magic != MAGIC && magic != PIPABLE {
            return Err(fields.wrong(0, "magic", Error::invalid("signature")));
        }
        let version = fields.u32_le(12, "version")?;
        if version != VERSION_ALONE && version != VERSION_SOLID {
            return Err(fields.wrong(12, "version", Error::unsupported("version")));
        }
        let flags = fields.u32_le(16, "flags")?;
        let chunk = fields.u32_le(20, "chunk size")?;
        let method = if flags & FLAG_COMPRESSION == 0 {
            Method::Stored
        } else if flags & FLAG_LZX != 0 {
            Method::Lzx
        } else if flags & (FLAG_XPRESS | FLAG_XPRESS_2) != 0 {
            Method::Xpress
        } else if flags & FLAG_LZMS != 0 {
            Method::Lzms
        } else {
            return Err(fields.wrong(16, "flags", Error::unsupported("compression format")));
        };
        method.check_chunk(chunk).map_err(|error| fields.wrong(20, "chunk size", error))?;
        let mut guid = [0; 16];
        guid.copy_from_slice(fields.bytes(24, 16, "GUID")?);
        Ok(Self {
            pipable: magic == PIPABLE,
            method,
            chunk,
            guid,
            part: fields.u16_le(40, "part number")?,
            parts: fields.u16_le(42, "total parts")?,
            images: fields.u32_le(44, "image count")?,
            boot_index: fields.u32_le(120, "boot index")?,
            unfinished: flags & FLAG_WRITE_IN_PROGRESS != 0,
            solid: version == VERSION_SOLID,
            lookup: ResourceHeader::parse(fields, 48, "lookup table")?,
            xml: ResourceHeader::parse(fields, 72, "XML data")?,
            integrity: ResourceHeader::parse(fields, 124, "integrity table")?,
        })
    }

    /// The first byte behind everything that the header names.
    pub(super) fn end(&self) -> u64 {
        let ends = [self.lookup, self.xml, self.integrity].map(|resource| resource.end());
        let end = ends.into_iter().max().unwrap_or(0).max(HEADER);
        if self.pipable { end.saturating_add(HEADER) } else { end }
    }
}
