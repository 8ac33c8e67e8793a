//! The tables of an installer database: strings that are kept once, and rows that are kept column by column.
//!
//! | stream | what |
//! |---|---|
//! | `!_StringPool` | code page (31 bits) and width of references (1 bit); then length and uses of each string |
//! | `!_StringData` | the strings' bytes, one after the other |
//! | `!_Columns` | table, number, name and type of each column |
//! | `!NAME` | the rows of a table: all values of the first column, then all of the second, … |
//!
//! A string is a number of 2 or 3 bytes, 0 for none. Numbers are shifted by half their range; 0 is none.
//!
//! References: "Windows Installer Database" (Microsoft); the layout of the streams is not published and is the same in
//! every reader.

use super::codepage;
use super::compound::Compound;
use super::names;
use crate::container::{Finding, Findings, Severity};
use crate::error::{Error, Result};
use crate::fields::Fields;
use std::cell::Cell;
use std::collections::HashMap;

/// Bytes of one table, of the strings and of their pool that are read: ten times the largest that are known.
const MOST: u64 = 256 << 20;
/// Columns of one table: Windows Installer has 32.
const COLUMNS: usize = 64;

/// Every string of a database.
#[derive(Debug, Default)]
pub(super) struct Strings {
    data: Vec<u8>,
    /// Where each string begins and ends, the first of them number 1.
    places: Vec<(usize, usize)>,
    /// The code page of all of them.
    pub(super) code_page: u32,
    /// True where references have three bytes.
    long: bool,
    /// References that led to no string.
    dangling: Cell<u64>,
}

impl Strings {
    fn read(pool: &[u8], data: Vec<u8>, findings: &mut Findings) -> Result<Self> {
        let head = Fields::new("string pool", pool, 0).u32_le(0, "code page")?;
        let entries = pool.get(4..).unwrap_or_default();
        let (mut places, mut end) = Self::places(entries, false);
        if end != data.len() {
            // Two readings of strings from 64 KiB on are known: the one is right that uses up all bytes.
            let (others, other_end) = Self::places(entries, true);
            if other_end == data.len() {
                (places, end) = (others, other_end);
            }
        }
        if end != data.len() {
            let what = format!("the string pool counts {end} bytes of text, {} are there", data.len());
            findings.push(Finding::new(Severity::Damaged, what));
        }
        Ok(Self {
            data,
            places,
            code_page: head & 0x7fff_ffff,
            long: head & 0x8000_0000 != 0,
            dangling: Cell::new(0),
        })
    }

    /// Where the strings lie. The length of a long one is in the entry behind an entry of length 0: all 32
    /// bits of it, or the lower half where the first entry's uses are the upper.
    fn places(entries: &[u8], split: bool) -> (Vec<(usize, usize)>, usize) {
        let mut places = Vec::with_capacity(entries.len() / 4);
        let mut halves = entries.chunks_exact(4).map(|four| match four {
            [a, b, c, d] => (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d])),
            _ => (0, 0),
        });
        let mut at = 0usize;
        while let Some((len, uses)) = halves.next() {
            let len = if len == 0 && uses != 0 {
                let (low, high) = halves.next().unwrap_or_default();
                usize::from(low) | usize::from(if split { uses } else { high }) << 16
            } else {
                usize::from(len)
            };
            let end = at.saturating_add(len);
            places.push((at, end));
            at = end;
        }
        (places, at)
    }

    /// How many strings there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    fn text(&self, number: u32) -> Option<String> {
        let number = usize::try_from(number).ok()?.checked_sub(1)?;
        let bytes = self.places.get(number).and_then(|&(from, to)| self.data.get(from..to));
        let Some(bytes) = bytes else {
            self.dangling.set(self.dangling.get().saturating_add(1));
            return None;
        };
        Some(codepage::decoded(bytes, self.code_page)).filter(|text| !text.is_empty())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    String,
    Short,
    Long,
}

#[derive(Debug, Clone)]
struct Column {
    number: i32,
    name: String,
    width: Width,
}

impl Column {
    /// What the bits of a type mean for the column's width: 0x0800 a string, else a number of so many bytes. Only the
    /// column of a stream has no bit besides that of a string and that it is valid (0x0100), or may be empty
    /// (0x1000); it holds a flag of two bytes.
    fn width(kind: u16) -> Option<Width> {
        match (kind, kind & 0xff) {
            (0x0900 | 0x1900, _) => Some(Width::Short),
            _ if kind & 0x0800 != 0 => Some(Width::String),
            (_, 0..=2) => Some(Width::Short),
            (_, 4) => Some(Width::Long),
            _ => None,
        }
    }
}

/// An installer database.
pub(super) struct Database<'a> {
    file: &'a Compound,
    /// Its strings.
    pub(super) strings: Strings,
    schema: HashMap<String, Vec<Column>>,
}

impl<'a> Database<'a> {
    /// `None` where the compound file has no tables.
    ///
    /// # Errors
    /// `Damaged` or `Truncated` where strings or columns cannot be read.
    pub(super) fn open(file: &'a Compound, findings: &mut Findings) -> Result<Option<Self>> {
        let Some(pool) = table_stream(file, "_StringPool")? else { return Ok(None) };
        let data = table_stream(file, "_StringData")?.unwrap_or_default();
        let strings = Strings::read(&pool, data, findings)?;
        let mut database = Self { file, strings, schema: HashMap::new() };
        let column = |number, name: &str, width| Column { number, name: name.to_owned(), width };
        let columns = vec![
            column(1, "Table", Width::String),
            column(2, "Number", Width::Short),
            column(3, "Name", Width::String),
            column(4, "Type", Width::Short),
        ];
        database.schema.insert("_Columns".to_owned(), columns);
        let schema = database.read_schema(findings)?;
        database.schema.extend(schema);
        Ok(Some(database))
    }

    fn read_schema(&self, findings: &mut Findings) -> Result<HashMap<String, Vec<Column>>> {
        let mut schema: HashMap<String, Vec<Column>> = HashMap::new();
        let Some(table) = self.table("_Columns", findings)? else { return Ok(schema) };
        let of = ["Table", "Number", "Name", "Type"].map(|name| table.column(name));
        let [table_at, number_at, name_at, type_at] = of;
        for row in 0..table.rows {
            let (Some(name), Some(column)) = (table.text(row, table_at), table.text(row, name_at)) else {
                findings.push(Finding::new(Severity::Damaged, "a column has no name"));
                continue;
            };
            let number = table.number(row, number_at).unwrap_or_default();
            // Sixteen bits that are stored as a signed number.
            let kind = table.number(row, type_at).unwrap_or_default() & 0xffff;
            let Some(width) = u16::try_from(kind).ok().and_then(Column::width) else {
                let what = format!("column {column} of table {name} has a type that does not exist");
                findings.push(Finding::new(Severity::Damaged, what));
                continue;
            };
            let columns = schema.entry(name).or_default();
            if columns.len() < COLUMNS {
                columns.push(Column { number, name: column, width });
            }
        }
        for columns in schema.values_mut() {
            columns.sort_by_key(|column| column.number);
        }
        Ok(schema)
    }

    /// True where the database has that table, with rows or without.
    pub(super) fn has(&self, name: &str) -> bool {
        self.schema.contains_key(name)
    }

    /// How many tables there are.
    pub(super) fn tables(&self) -> usize {
        self.schema.len().saturating_sub(1)
    }

    /// A table; `None` where there is none of that name, or no row in it.
    ///
    /// # Errors
    /// What reading its stream said.
    pub(super) fn table(&self, name: &str, findings: &mut Findings) -> Result<Option<Table<'_>>> {
        let Some(columns) = self.schema.get(name) else { return Ok(None) };
        let Some(data) = table_stream(self.file, name)? else { return Ok(None) };
        let mut row = 0usize;
        let mut placed = Vec::with_capacity(columns.len());
        for column in columns {
            placed.push((column, row));
            row += match column.width {
                Width::String if self.strings.long => 3,
                Width::String | Width::Short => 2,
                Width::Long => 4,
            };
        }
        if row == 0 {
            return Ok(None);
        }
        let rows = data.len() / row;
        if data.len() % row != 0 {
            let what = format!("table {name} has {} bytes, its rows have {row} each", data.len());
            findings.push(Finding::new(Severity::Damaged, what));
        }
        Ok((rows > 0).then_some(Table { strings: &self.strings, columns: placed, rows, data }))
    }

    /// References that led to no string so far.
    pub(super) fn dangling(&self) -> u64 {
        self.strings.dangling.get()
    }
}

fn table_stream(file: &Compound, name: &str) -> Result<Option<Vec<u8>>> {
    let stored = names::table(name);
    let Some(number) = file.find(&stored) else { return Ok(None) };
    if file.nodes().get(number).is_some_and(|node| node.bytes > MOST) {
        return Err(Error::limit("bytes of one table", MOST));
    }
    file.stream(&stored, MOST)
}

/// A table and its rows.
pub(super) struct Table<'a> {
    strings: &'a Strings,
    /// Each column and the bytes before it in a row.
    columns: Vec<(&'a Column, usize)>,
    /// How many rows.
    pub(super) rows: usize,
    data: Vec<u8>,
}

impl Table<'_> {
    /// Where a column is among the others.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|(column, _)| column.name == name)
    }

    fn raw(&self, row: usize, column: Option<usize>) -> Option<(u32, Width)> {
        let (column, before) = self.columns.get(column?)?;
        let width = match column.width {
            Width::String if self.strings.long => 3,
            Width::String | Width::Short => 2,
            Width::Long => 4,
        };
        let at = before.checked_mul(self.rows)?.checked_add(row.checked_mul(width)?)?;
        let bytes = self.data.get(at..at.checked_add(width)?)?;
        let value = bytes.iter().rev().fold(0u32, |value, &byte| value << 8 | u32::from(byte));
        Some((value, column.width))
    }

    /// The text in a column; `None` where it is empty, or the column is none of text.
    pub(super) fn text(&self, row: usize, column: Option<usize>) -> Option<String> {
        match self.raw(row, column)? {
            (number, Width::String) => self.strings.text(number),
            _ => None,
        }
    }

    /// The number in a column; `None` where it is empty, or the column is none of numbers.
    pub(super) fn number(&self, row: usize, column: Option<usize>) -> Option<i32> {
        let (value, width) = self.raw(row, column)?;
        if value == 0 {
            return None;
        }
        let half = match width {
            Width::Short => 0x8000,
            Width::Long => 0x8000_0000,
            Width::String => return None,
        };
        i32::try_from(i64::from(value) - half).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(entries: &[(u16, u16)]) -> Vec<u8> {
        let halves = entries.iter().flat_map(|(len, uses)| [len.to_le_bytes(), uses.to_le_bytes()].concat());
        1252u32.to_le_bytes().into_iter().chain(halves).collect()
    }

    #[test]
    fn a_long_string_is_read_both_ways_and_the_one_that_fits_is_kept() {
        let entries = [(0, 2), (5, 0), (1, 1)];
        for (first, whole) in [(5, 6), (0x2_0005, 0x2_0006)] {
            let mut findings = Findings::default();
            let strings = Strings::read(&pool(&entries), vec![b'x'; whole], &mut findings).unwrap();
            assert_eq!(strings.text(1).unwrap().len(), first);
            assert_eq!(strings.text(2).unwrap(), "x");
            assert!(findings.finish().is_empty());
        }
    }

    #[test]
    fn a_reference_to_no_string_is_counted() {
        let mut findings = Findings::default();
        let strings = Strings::read(&pool(&[(1, 1), (9, 1)]), b"ab".to_vec(), &mut findings).unwrap();
        assert_eq!(strings.text(1).as_deref(), Some("a"));
        assert_eq!((strings.text(2), strings.text(77)), (None, None));
        assert_eq!(strings.dangling.get(), 2);
        assert_eq!(findings.finish().len(), 1);
    }

    #[test]
    fn only_the_column_of_a_stream_is_no_string() {
        for (kind, width) in [
            (0x2d48, Width::String),
            (0x0f00, Width::String),
            (0x1f00, Width::String),
            (0x0900, Width::Short),
            (0x1900, Width::Short),
            (0x2502, Width::Short),
            (0x0104, Width::Long),
        ] {
            assert_eq!(Column::width(kind), Some(width), "{kind:x}");
        }
        assert_eq!(Column::width(0x0103), None);
    }
}
