//! The resource directory: three levels of tables, kind, name and language, then the place of the bytes.
//!
//! | structure | fields read |
//! |---|---|
//! | resource directory table, 16 bytes | numbers of named and numbered entries at 12 and 14 |
//! | its entries, 8 bytes each | name or number, offset (high bit: of another table) |
//! | resource directory string | length in characters, UTF-16 |
//! | resource data entry, 16 bytes | address, size |
//!
//! Reference: "PE Format", "The .rsrc Section".

use super::image::Image;
use crate::container::{Finding, Severity};
use crate::error::Result;
use crate::fields::Fields;
use crate::text::utf16_le;
use object::pe;
use std::collections::HashSet;
use std::ops::Range;

/// Entries looked at in all tables together while resources are listed.
const MOST: usize = 1 << 16;
/// Names and languages followed at each level on the way to one resource.
const BRANCHES: usize = 64;
/// Characters of a name that are kept.
const NAME: u16 = 255;

/// What a resource or its kind is called: a number or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Id {
    /// An identifier of 16 bits, mostly.
    Number(u32),
    /// A name.
    Name(String),
}

impl Id {
    /// The word for a kind: the constant of `winuser.h` without its `RT_`.
    #[must_use]
    pub fn kind(&self) -> String {
        let number = match self {
            Self::Name(name) => return name.clone(),
            Self::Number(number) => *number,
        };
        let word = match number {
            1 => "CURSOR",
            2 => "BITMAP",
            3 => "ICON",
            4 => "MENU",
            5 => "DIALOG",
            6 => "STRING",
            7 => "FONTDIR",
            8 => "FONT",
            9 => "ACCELERATOR",
            10 => "RCDATA",
            11 => "MESSAGETABLE",
            12 => "GROUP_CURSOR",
            14 => "GROUP_ICON",
            16 => "VERSION",
            17 => "DLGINCLUDE",
            19 => "PLUGPLAY",
            20 => "VXD",
            21 => "ANICURSOR",
            22 => "ANIICON",
            23 => "HTML",
            24 => "MANIFEST",
            _ => return number.to_string(),
        };
        word.to_owned()
    }

    /// The name, or the number's digits.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// One resource in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The first level.
    pub kind: Id,
    /// The second level.
    pub name: Id,
    /// The third level: a Windows language number, 0 for neutral.
    pub language: u32,
    /// Where its bytes lie in the file.
    pub range: Range<u64>,
}

impl Resource {
    /// True for raw data (`RT_RCDATA`) of that name.
    #[must_use]
    pub fn is_rcdata(&self, name: &str) -> bool {
        self.kind == Id::Number(pe::RT_RCDATA.into())
            && matches!(&self.name, Id::Name(own) if own.eq_ignore_ascii_case(name))
    }
}

/// An entry of a resource directory table.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) name: u32,
    offset: u32,
}

/// The resource directory. Going down by level ends any loop.
pub(super) struct Directory<'a, 'b> {
    image: &'a mut Image<'b>,
    base: u64,
    room: u32,
    /// Entries that may still be looked at.
    nodes: usize,
    pub(super) findings: &'a mut Vec<Finding>,
}

impl<'a, 'b> Directory<'a, 'b> {
    /// The image's directory, where it has one and its place is known.
    pub(super) fn of(
        image: &'a mut Image<'b>,
        nodes: usize,
        findings: &'a mut Vec<Finding>,
    ) -> Result<Option<Self>> {
        let Some((address, _)) = image.resources else { return Ok(None) };
        let Some((base, room)) = image.place(address)? else {
            findings.push(Finding::new(Severity::Damaged, "the resource directory lies in no section"));
            return Ok(None);
        };
        Ok(Some(Self { image, base, room, nodes, findings }))
    }

    fn bytes(&mut self, at: u32, len: usize) -> Result<Vec<u8>> {
        let left = usize::try_from(self.room.saturating_sub(at)).unwrap_or(usize::MAX);
        self.image.bytes(self.base.saturating_add(u64::from(at)), len.min(left))
    }

    /// "Resource Directory Table" and "Resource Directory Entries".
    pub(super) fn table(&mut self, at: u32) -> Result<Vec<Entry>> {
        let header = self.bytes(at, 16)?;
        let header = Fields::new("resource directory table", &header, self.base);
        let (Ok(named), Ok(numbered)) =
            (header.u16_le(12, "Number of Name Entries"), header.u16_le(14, "Number of ID Entries"))
        else {
            self.findings.push(Finding::new(Severity::Damaged, "a resource table lies beyond its section"));
            return Ok(Vec::new());
        };
        let claimed = usize::from(named) + usize::from(numbered);
        let count = claimed.min(self.nodes);
        let bytes = self.bytes(at.saturating_add(16), count * 8)?;
        let there = bytes.len() / 8;
        if there < claimed {
            let what = format!("{claimed} resource entries are claimed, {there} were read");
            self.findings.push(Finding::new(Severity::Damaged, what));
        }
        self.nodes -= there;
        let fields = Fields::new("resource directory entry", &bytes, self.base);
        let entry = |number: usize| {
            let name = fields.u32_le(number * 8, "Name Offset").ok()?;
            Some(Entry { name, offset: fields.u32_le(number * 8 + 4, "Data Entry Offset").ok()? })
        };
        Ok((0..there).map_while(entry).collect())
    }

    /// The entries of the table that `entry` leads to, the first of them.
    pub(super) fn below(&mut self, entry: Entry) -> Result<Vec<Entry>> {
        let Some(at) = entry.table() else { return Ok(Vec::new()) };
        let mut entries = self.table(at)?;
        entries.truncate(BRANCHES);
        Ok(entries)
    }

    /// "Resource Data Entry": where the bytes lie in the file, how many the section has there, how many are
    /// claimed.
    pub(super) fn place(&mut self, entry: Entry) -> Result<Option<(u64, u32, u32)>> {
        if entry.table().is_some() {
            return Ok(None);
        }
        let bytes = self.bytes(entry.offset, 16)?;
        let fields = Fields::new("resource data entry", &bytes, self.base);
        let (Ok(address), Ok(size)) = (fields.u32_le(0, "Data RVA"), fields.u32_le(4, "Size")) else {
            self.findings.push(Finding::new(Severity::Damaged, "a resource lies beyond its section"));
            return Ok(None);
        };
        let Some((at, room)) = self.image.place(address)? else {
            self.findings.push(Finding::new(Severity::Damaged, "a resource lies in no section"));
            return Ok(None);
        };
        Ok(Some((at, room, size)))
    }

    /// The bytes at a place of the file.
    pub(super) fn content(&mut self, at: u64, len: usize) -> Result<Vec<u8>> {
        self.image.bytes(at, len)
    }

    /// "Resource Directory String", or the number.
    fn id(&mut self, entry: Entry) -> Result<Id> {
        const IS_NAME: u32 = 0x8000_0000;
        if entry.name & IS_NAME == 0 {
            return Ok(Id::Number(entry.name));
        }
        let at = entry.name & !IS_NAME;
        let length = self.bytes(at, 2)?;
        let length = Fields::new("resource directory string", &length, self.base).u16_le(0, "Length");
        let length = usize::from(length.unwrap_or_default().min(NAME));
        let text = self.bytes(at.saturating_add(2), length * 2)?;
        Ok(Id::Name(utf16_le(&text).0))
    }
}

impl Entry {
    /// Where the table is that the entry leads to, if it is one.
    fn table(self) -> Option<u32> {
        let is_table = self.offset & pe::IMAGE_RESOURCE_DATA_IS_DIRECTORY != 0;
        is_table.then_some(self.offset & !pe::IMAGE_RESOURCE_DATA_IS_DIRECTORY)
    }
}

/// All resources of an image, in the order of the tables. Each table and each data entry is taken once.
pub(super) fn list(image: &mut Image<'_>, findings: &mut Vec<Finding>) -> Result<Vec<Resource>> {
    let end = image.source.len();
    let Some(mut directory) = Directory::of(image, MOST, findings)? else { return Ok(Vec::new()) };
    let mut seen = HashSet::from([0]);
    let mut out = Vec::new();
    for kind in directory.table(0)? {
        let id = directory.id(kind)?;
        for name in once(&mut directory, kind, &mut seen)? {
            let name_id = directory.id(name)?;
            for language in once(&mut directory, name, &mut seen)? {
                if language.table().is_some() {
                    let what = "the resource directory goes deeper than three levels";
                    directory.findings.push(Finding::new(Severity::Weak, what));
                    continue;
                }
                if !seen.insert(language.offset) {
                    continue;
                }
                let Some((at, room, size)) = directory.place(language)? else { continue };
                if size > room || at.saturating_add(size.into()) > end {
                    let what = format!("a resource of {size} bytes at {at:#x} ends beyond its section");
                    directory.findings.push(Finding::new(Severity::Damaged, what));
                }
                let len = u64::from(size.min(room)).min(end.saturating_sub(at));
                out.push(Resource {
                    kind: id.clone(),
                    name: name_id.clone(),
                    language: language.name,
                    range: at..at.saturating_add(len),
                });
            }
        }
    }
    Ok(out)
}

/// The table that `entry` leads to, where it was not taken yet.
fn once(directory: &mut Directory<'_, '_>, entry: Entry, seen: &mut HashSet<u32>) -> Result<Vec<Entry>> {
    match entry.table() {
        Some(at) if seen.insert(at) => directory.table(at),
        Some(_) => {
            let what = "a resource table is used twice";
            if !directory.findings.iter().any(|finding| finding.what == what) {
                directory.findings.push(Finding::new(Severity::Weak, what));
            }
            Ok(Vec::new())
        }
        // Data where a table belongs: its place is all there is to know.
        None => Ok(vec![entry]),
    }
}
