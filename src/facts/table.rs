//! Tables of facts: lines of cells with tabs between them, comments, and a first line that names the columns.

use crate::error::{Error, Result};
use std::fs;
use std::path::Path;

/// The most bytes that a table of the user's own may have.
const MAX_TABLE: u64 = 16 << 20;

/// What is wrong with a table, and in which line, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// The line.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl BadRow {
    fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }

    /// As an error about that file.
    pub(super) fn of(self, file: &Path) -> Error {
        Error::usage(format!("{}: line {}: {}", file.display(), self.line, self.what))
    }
}

/// Reads every row. `make` gets the cells of `columns`, in that order; cells of columns that the table does not have
/// are empty, and the first of `columns` has to be there.
pub(super) fn read<'t, T, const N: usize>(
    text: &'t str,
    columns: [&str; N],
    mut make: impl FnMut([&'t str; N]) -> Result<T, String>,
) -> Result<Vec<T>, BadRow> {
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim_end_matches('\r')));
    let mut content = lines.by_ref().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let Some((at, header)) = content.next() else {
        return Ok(Vec::new());
    };
    let header: Vec<&str> = header.split('\t').map(str::trim).collect();
    let places = columns.map(|column| header.iter().position(|&name| name == column));
    if let (Some(None), Some(name)) = (places.first(), columns.first()) {
        return Err(BadRow::new(at, format!("the first line has no column \"{name}\"")));
    }
    let mut rows = Vec::new();
    for (at, line) in content {
        let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
        if cells.len() > header.len() {
            return Err(BadRow::new(at, format!("{} cells, {} columns", cells.len(), header.len())));
        }
        let cells = places.map(|place| place.and_then(|at| cells.get(at).copied()).unwrap_or(""));
        rows.push(make(cells).map_err(|what| BadRow::new(at, what))?);
    }
    Ok(rows)
}

/// The items of a cell, without empty ones.
pub(super) fn list<'t>(cell: &'t str, separator: &'t str) -> impl Iterator<Item = &'t str> {
    cell.split(separator).map(str::trim).filter(|item| !item.is_empty())
}

/// The text of a table of the user's.
pub(super) fn file(path: &Path) -> Result<String> {
    let named = |error: std::io::Error| Error::from(error).of(&path.display().to_string());
    if fs::metadata(path).map_err(named)?.len() > MAX_TABLE {
        return Err(Error::limit("bytes in a table of facts", MAX_TABLE).of(&path.display().to_string()));
    }
    fs::read_to_string(path).map_err(named)
}

/// True for `2007-03-08`, `2007-03` and `2007`: a day, or a month or year where no more is known.
pub(super) fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut next = |digits: usize, range: std::ops::RangeInclusive<u32>| match parts.next() {
        None => Some(true),
        Some(part) if part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()) => {
            part.parse().is_ok_and(|number| range.contains(&number)).then_some(false)
        }
        Some(_) => None,
    };
    let year = next(4, 1980..=2100);
    let month = next(2, 1..=12);
    let day = next(2, 1..=31);
    year == Some(false) && month.is_some() && day.is_some() && parts.next().is_none()
}
