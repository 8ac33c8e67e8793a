//! The descriptor of a cabinet: its directories, files and file groups.

use crate::container::{Finding, Findings, Severity};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::limits::Limits;
use crate::text;
use std::collections::HashSet;

/// Slots of file groups and of components in the descriptor.
const SLOTS: usize = 71;
/// The file's bytes are those of the previous one in a chain.
const LINK_PREVIOUS: u8 = 1;

/// What a file's descriptor says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Described {
    pub(super) name: usize,
    pub(super) directory: u32,
    pub(super) flags: u16,
    pub(super) expanded: u64,
    pub(super) compressed: u64,
    pub(super) offset: u64,
    pub(super) md5: Option<[u8; 16]>,
    pub(super) volume: u16,
    pub(super) previous: Option<u32>,
}

/// The descriptor, and how to read it.
pub(super) struct Descriptor<'a> {
    pub(super) fields: Fields<'a>,
    pub(super) major: u32,
    pub(super) file_table: usize,
    pub(super) file_table_2: usize,
    pub(super) directories: u32,
    pub(super) files: u32,
}

/// A number as a place.
pub(super) fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl<'a> Descriptor<'a> {
    pub(super) fn new(fields: Fields<'a>, major: u32) -> Result<Self> {
        Ok(Self {
            major,
            file_table: place(fields.u32_le(0x0c, "file table offset")?),
            directories: fields.u32_le(0x1c, "directory count")?,
            files: fields.u32_le(0x28, "file count")?,
            file_table_2: place(fields.u32_le(0x2c, "file table offset 2")?),
            fields,
        })
    }

    /// The text at an offset; UTF-16 from version 17 on.
    pub(super) fn text(&self, at: usize) -> String {
        let rest = self.fields.rest(at);
        if self.major >= 17 {
            let end = rest.chunks_exact(2).position(|unit| unit == [0, 0]).unwrap_or(rest.len() / 2);
            return text::utf16_le(rest.get(..end * 2).unwrap_or_default()).0;
        }
        let end = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
        text::utf8_or_latin1(rest.get(..end).unwrap_or_default())
    }

    /// An entry of the file table: directories first, then files.
    fn in_table(&self, index: u32) -> Result<usize> {
        let at = self.file_table.saturating_add(place(index).saturating_mul(4));
        Ok(self.file_table.saturating_add(place(self.fields.u32_le(at, "file table")?)))
    }

    pub(super) fn directory(&self, index: u32) -> String {
        if index >= self.directories {
            return String::new();
        }
        self.in_table(index).map(|at| self.text(at)).unwrap_or_default()
    }

    /// Every file's descriptor.
    pub(super) fn all(&self, limits: &Limits, findings: &mut Findings) -> Result<Vec<Option<Described>>> {
        if u64::from(self.files) > limits.entries {
            return Err(Error::limit("entries", limits.entries));
        }
        let mut out = Vec::new();
        for index in 0..self.files {
            match self.file(index) {
                Ok(file) => out.push(Some(file)),
                Err(error) => {
                    let what = format!("the descriptors of files from {index} on cannot be read: {error}");
                    findings.push(Finding::new(Severity::Damaged, what));
                    break;
                }
            }
        }
        Ok(out)
    }

    fn file(&self, index: u32) -> Result<Described> {
        let f = &self.fields;
        if self.major <= 5 {
            let at = self.in_table(self.directories.saturating_add(index))?;
            return Ok(Described {
                name: place(f.u32_le(at, "name offset")?),
                directory: f.u16_le(at.saturating_add(4), "directory index")?.into(),
                flags: f.u16_le(at.saturating_add(8), "flags")?,
                expanded: f.u32_le(at.saturating_add(10), "expanded size")?.into(),
                compressed: f.u32_le(at.saturating_add(14), "compressed size")?.into(),
                offset: f.u32_le(at.saturating_add(38), "data offset")?.into(),
                // Recorded since 5, and filled in since 6.
                md5: None,
                volume: 1,
                previous: None,
            });
        }
        let at = self
            .file_table
            .saturating_add(self.file_table_2)
            .saturating_add(place(index).saturating_mul(0x57));
        let link = f.u8(at.saturating_add(0x54), "link flags")?;
        let previous = f.u32_le(at.saturating_add(0x4c), "previous link")?;
        Ok(Described {
            flags: f.u16_le(at, "flags")?,
            expanded: f.u64_le(at.saturating_add(2), "expanded size")?,
            compressed: f.u64_le(at.saturating_add(10), "compressed size")?,
            offset: f.u64_le(at.saturating_add(18), "data offset")?,
            md5: f.bytes(at.saturating_add(26), 16, "MD5")?.try_into().ok(),
            name: place(f.u32_le(at.saturating_add(58), "name offset")?),
            directory: f.u16_le(at.saturating_add(62), "directory index")?.into(),
            volume: f.u16_le(at.saturating_add(0x55), "volume")?,
            previous: (link & LINK_PREVIOUS != 0).then_some(previous),
        })
    }

    /// File groups: name, first and last file.
    pub(super) fn groups(&self, limits: &Limits, findings: &mut Findings) -> Result<Vec<(String, u32, u32)>> {
        let mut out = Vec::new();
        let mut seen = HashSet::new();
        for slot in 0..SLOTS {
            let mut next = self.fields.u32_le(0x3e + slot * 4, "file group offset")?;
            while next != 0 {
                if !seen.insert(next) {
                    findings
                        .push(Finding::new(Severity::Weak, "a list of file groups leads back into itself"));
                    break;
                }
                if seen.len() as u64 > limits.entries {
                    return Err(Error::limit("file groups", limits.entries));
                }
                let at = place(next);
                let group = place(self.fields.u32_le(at.saturating_add(4), "file group")?);
                let name = self.text(place(self.fields.u32_le(group, "name offset")?));
                let skipped = if self.major <= 5 { 0x48 } else { 0x12 };
                let range = group.saturating_add(4).saturating_add(skipped);
                let first = self.fields.u32_le(range, "first file")?;
                let last = self.fields.u32_le(range.saturating_add(4), "last file")?;
                out.push((name, first, last));
                next = self.fields.u32_le(at.saturating_add(8), "next file group")?;
            }
        }
        Ok(out)
    }
}
