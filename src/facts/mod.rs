//! Facts about published software: build numbers, and what they mean. Data, compiled in; a directory of the user's
//! may add to it.
//!
//! Knows no format and no medium. Every table is read when it is first asked for, so that a start costs nothing.

mod advice;
mod builds;
mod filename;
mod label;
mod lifecycle;
mod media;
pub mod osinfo;
mod products;
mod table;
mod version;

pub use advice::{About, Rule, Severity, parse as parse_advice};
pub use builds::{Alias, Build, How, Match, parse as parse_builds};
pub use filename::{FileName, read_file_name};
pub use label::{Label, read_label};
pub use lifecycle::parse as parse_lifecycle;
pub use media::{Medium, parse as parse_media};
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

/// Tables of other facts.
const ADVICE: &str = include_str!("advice.tsv");
const LIFECYCLE: &str = include_str!("lifecycle.tsv");
const MEDIA: &str = include_str!("media.tsv");

/// All facts: those compiled in, with those of a directory.
#[derive(Debug, Default)]
pub struct Facts {
    builds: [OnceLock<Vec<Build>>; 9],
    rules: OnceLock<Vec<Rule>>,
    support: OnceLock<Vec<Rule>>,
    media: OnceLock<Vec<Medium>>,
}

impl Facts {
    /// The facts that are compiled in.
    #[must_use]
    pub fn compiled() -> Arc<Self> {
        static COMPILED: OnceLock<Arc<Facts>> = OnceLock::new();
        Arc::clone(COMPILED.get_or_init(|| Arc::new(Self::default())))
    }

    /// The facts that are compiled in, and those of the tables in `dir`. Tables have the names of those compiled in
    /// (`exchange.tsv`, `advice.tsv`); their rows are added, and replace those of equal product, release and number, of
    /// equal id, or of equal digest.
    ///
    /// # Errors
    /// A directory or table that cannot be read, a table of another name, a row that does not hold.
    pub fn with_dir(dir: &Path) -> Result<Self> {
        let facts = Self::default();
        let named = |error: std::io::Error| Error::from(error).of(&dir.display().to_string());
        let mut tables = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(named)? {
            let path = entry.map_err(named)?.path();
            if path.extension().is_some_and(|extension| extension == "tsv") {
                tables.push(path);
            }
        }
        tables.sort();
        for path in &tables {
            facts.take(path)?;
        }
        Ok(facts)
    }

    /// Takes a table of the user's. Each name comes once, so nothing stands in its place yet.
    fn take(&self, path: &Path) -> Result<()> {
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let text = table::file(path)?;
        let bad = |row: BadRow| row.of(path);
        match name {
            "advice" => {
                let rows = parse_advice(&text).map_err(bad)?;
                let _ = self.rules.set(replace(compiled(parse_advice, ADVICE), rows, |a, b| a.id == b.id));
            }
            "lifecycle" => {
                let rows = parse_lifecycle(&text).map_err(bad)?;
                let _ = self
                    .support
                    .set(replace(compiled(parse_lifecycle, LIFECYCLE), rows, |a, b| a.id == b.id));
            }
            "media" => {
                let rows = parse_media(&text).map_err(bad)?;
                let same = |a: &Medium, b: &Medium| a.sha256 == b.sha256 && a.sha1 == b.sha1;
                let _ = self.media.set(replace(compiled(parse_media, MEDIA), rows, same));
            }
            _ => {
                let at = FAMILIES.iter().position(|family| *family == name);
                let Some((at, table)) = at.and_then(|at| Some((at, self.builds.get(at)?))) else {
                    let known = FAMILIES.join(", ");
                    return Err(Error::usage(format!(
                        "{}: no table has that name; there are {known}, advice, lifecycle, media",
                        path.display()
                    )));
                };
                let rows = parse_builds(name, &text).map_err(bad)?;
                let mut all = replace(compiled_builds(at), rows, Build::is_same_row);
                all.sort_by(|a, b| a.version.cmp(&b.version));
                let _ = table.set(all);
            }
        }
        Ok(())
    }

    /// Rules of advice.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        self.rules.get_or_init(|| compiled(parse_advice, ADVICE))
    }

    /// What is to be said of support, as rules that hold on some days.
    #[must_use]
    pub fn support(&self) -> &[Rule] {
        self.support.get_or_init(|| compiled(parse_lifecycle, LIFECYCLE))
    }

    /// Published media.
    #[must_use]
    pub fn media(&self) -> &[Medium] {
        self.media.get_or_init(|| compiled(parse_media, MEDIA))
    }

    /// The family whose table has that product.
    #[must_use]
    pub fn family_of(&self, product: &str) -> Option<&'static str> {
        let has = |family: &&&str| self.builds(family).iter().any(|build| build.product == product);
        FAMILIES.iter().find(has).copied()
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
    parse_builds(family, text).unwrap_or_default()
}

/// Another table that is compiled in; the same test reads it.
fn compiled<T>(parse: fn(&str) -> Result<Vec<T>, BadRow>, text: &str) -> Vec<T> {
    parse(text).unwrap_or_default()
}

/// Adds rows; those that are the same as one of them go.
fn replace<T>(mut old: Vec<T>, new: Vec<T>, same: impl Fn(&T, &T) -> bool) -> Vec<T> {
    old.retain(|row| !new.iter().any(|other| same(row, other)));
    old.extend(new);
    old
}

#[cfg(test)]
mod tests;
