//! What a source is to be compared with: digests that the user gave, a list that was named, lists that
//! lie beside it.

use super::authenticode::Trust;
use super::signature::{Listed, Proofs, Text, Word};
use super::{Sums, discover};
use crate::digest::{Algorithm, Value};
use crate::error::{Error, Result};
use crate::source::{FileSource, read_vec};
use std::path::Path;

/// A digest that the source ought to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The digest.
    pub value: Value,
    /// The size that goes with it, in bytes.
    pub size: Option<u64>,
    /// Who says so: `user`, or the list's path.
    pub by: String,
}

/// Everything that is known of what a source ought to be.
#[derive(Debug, Default)]
pub struct Expectations {
    /// The digests.
    pub digests: Vec<Expected>,
    /// Lists that are meant for it and cannot be used, each with the reason.
    pub unusable: Vec<(String, Error)>,
    /// Keys, and the signatures for them.
    pub proofs: Proofs,
    /// What signatures are judged by.
    pub trust: Trust,
}

impl Expectations {
    /// Digests that the user gave.
    #[must_use]
    pub fn given(values: &[Value]) -> Self {
        let given = |value: &Value| Expected { value: value.clone(), size: None, by: "user".to_owned() };
        Self { digests: values.iter().map(given).collect(), ..Self::default() }
    }

    /// True where there is nothing to compare a source with.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty() && self.proofs.is_empty()
    }

    /// Adds what the list at `list` says of `file`, unless its signature is wrong.
    ///
    /// # Errors
    /// Where the list cannot be read, or does not name the file.
    pub fn add_list(&mut self, list: &Path, file: &Path) -> Result<()> {
        let name = list.to_string_lossy();
        let (sums, text) = read_signed_list(list)?;
        let Word::Counts(by) = self.proofs.list(list, text, Listed::ByUser) else { return Ok(()) };
        let beside = list.parent().unwrap_or(Path::new(""));
        let lines = sums.for_file(file, beside);
        if lines.is_empty() {
            return Err(sums.trouble_for(file, beside).map_or_else(
                || Error::not_found(format!("{} in {name}", file.display()), None),
                |error| error.of(&name),
            ));
        }
        self.digests.extend(lines.into_iter().map(|line| Expected {
            value: line.value.clone(),
            size: line.size,
            by: by.clone(),
        }));
        Ok(())
    }

    /// Adds what lists beside `file` say of it, and signatures over it.
    ///
    /// # Errors
    /// What listing the directory said.
    pub fn add_beside(&mut self, file: &Path) -> Result<()> {
        for found in discover::beside(file)? {
            if let Some(error) = found.unusable {
                self.unusable.push((found.path.to_string_lossy().into_owned(), error));
            }
            let Some(text) = found.text.filter(|_| !found.lines.is_empty()) else { continue };
            let Word::Counts(by) = self.proofs.list(&found.path, text, Listed::Found) else { continue };
            self.digests.extend(found.lines.into_iter().map(|line| Expected {
                value: line.value,
                size: line.size,
                by: by.clone(),
            }));
        }
        self.proofs.add_beside(file);
        Ok(())
    }

    /// The algorithms that are needed, and always SHA-256: what is not vouched for gets it printed.
    #[must_use]
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let mut out = vec![Algorithm::Sha256];
        for expected in &self.digests {
            if !out.contains(&expected.value.algorithm) {
                out.push(expected.value.algorithm);
            }
        }
        out
    }
}

/// Reads the list at `path`.
///
/// # Errors
/// As [`Sums::parse`], and where the file cannot be read.
pub fn read_list(path: &Path) -> Result<Sums> {
    read_signed_list(path).map(|(sums, _)| sums)
}

/// The list at `path`, and its text with the signature that may be around it: only what is signed is
/// read as a list.
pub(super) fn read_signed_list(path: &Path) -> Result<(Sums, Text)> {
    let name = path.to_string_lossy();
    let source = FileSource::open(path)?;
    let len = crate::source::Source::len(&source);
    if len > super::sums::MOST_BYTES {
        return Err(Error::limit("bytes in a list of digests", super::sums::MOST_BYTES).of(&name));
    }
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let text = Text::of(read_vec(&source, 0, len)?).map_err(|error| error.of(&name))?;
    let sums = Sums::parse(&text.body, &file_name).map_err(|error| error.of(&name))?;
    Ok((sums, text))
}
