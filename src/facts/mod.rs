//! Facts about published software: build numbers, and what they mean. Data, compiled in; a directory of the user's
//! may add to it.
//!
//! Knows no format and no medium. Every table is read when it is first asked for, so that a start costs nothing.

mod builds;
mod products;
mod table;
mod version;

pub use builds::{Alias, Build, How, Match, parse as parse_builds};
pub use products::Question;
pub use table::BadRow;
pub use version::{Form, Reading, Version, from_sql_year, read_version};

use crate::error::{Error, Result};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// Families of products that have a table of builds, by the table's name.
pub const FAMILIES: [&str; 9] =
    ["exchange", "sqlserver", "windows", "office", "sharepoint", "visualstudio", "dotnetfx", "esxi", "linux"];

/// The tables that are compiled in, in the order of [`FAMILIES`].
const BUILDS: [&str; 9] = [
    include_str!("builds/exchange.tsv"),
    include_str!("builds/sqlserver.tsv"),
    include_str!("builds/windows.tsv"),
    include_str!("builds/office.tsv"),
    include_str!("builds/sharepoint.tsv"),
    include_str!("builds/visualstudio.tsv"),
    include_str!("builds/dotnetfx.tsv"),
    include_str!("builds/esxi.tsv"),
    include_str!("builds/linux.tsv"),
];

/// All facts: those compiled in, with those of a directory.
#[derive(Debug, Default)]
pub struct Facts {
    builds: [OnceLock<Vec<Build>>; 9],
}

impl Facts {
    /// The facts that are compiled in.
    #[must_use]
    pub fn compiled() -> Arc<Self> {
        static COMPILED: OnceLock<Arc<Facts>> = OnceLock::new();
        Arc::clone(COMPILED.get_or_init(|| Arc::new(Self::default())))
    }

    /// The facts that are compiled in, and those of the tables in `dir`: its rows are added, and replace those of equal
    /// product, release and version. Tables have the names of those compiled in: `exchange.tsv`.
    ///
    /// # Errors
    /// A directory or table that cannot be read, a table of another name, a row that does not hold.
    pub fn with_dir(dir: &Path) -> Result<Self> {
        let facts = Self::default();
        let named = |error: std::io::Error| Error::from(error).of(&dir.display().to_string());
        for entry in std::fs::read_dir(dir).map_err(named)? {
            let path = entry.map_err(named)?.path();
            if path.extension().is_some_and(|extension| extension == "tsv") {
                facts.take(&path)?;
            }
        }
        Ok(facts)
    }

    fn take(&self, path: &Path) -> Result<()> {
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let Some(text) = table::file(path)? else {
            return Ok(());
        };
        let Some(at) = FAMILIES.iter().position(|family| *family == name) else {
            let known = FAMILIES.join(", ");
            return Err(Error::usage(format!("{}: no table of that name is known: {known}", path.display())));
        };
        let rows = builds::parse(name, &text).map_err(|bad| bad.of(path))?;
        if let Some(table) = self.builds.get(at) {
            let merged = builds::merge(compiled_builds(at), rows);
            // Each name is taken once, so nothing stands there yet.
            let _ = table.set(merged);
        }
        Ok(())
    }

    /// The builds of a family, by number; empty for a family that is not known.
    #[must_use]
    pub fn builds(&self, family: &str) -> &[Build] {
        let at = FAMILIES.iter().position(|name| *name == family);
        at.and_then(|at| Some((at, self.builds.get(at)?)))
            .map_or(&[], |(at, table)| table.get_or_init(|| compiled_builds(at)))
    }
}

/// A table that is compiled in. A test reads each of them, so that none is empty for a bad row, and each is in order.
fn compiled_builds(at: usize) -> Vec<Build> {
    let (Some(family), Some(text)) = (FAMILIES.get(at), BUILDS.get(at)) else {
        return Vec::new();
    };
    builds::parse(family, text).unwrap_or_default()
}

#[cfg(test)]
mod tests;
