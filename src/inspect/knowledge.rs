//! What is known of published software, and where media say what they are: compiled in, and of the user's.

use super::rules::Rules;
use crate::error::Result;
use crate::facts::Facts;
use std::path::Path;
use std::sync::Arc;

/// Tables of builds and rules.
pub struct Knowledge {
    pub(super) facts: Arc<Facts>,
    pub(super) rules: Arc<Rules>,
}

impl Knowledge {
    /// What is compiled in.
    ///
    /// # Errors
    /// None in a program whose tests have passed.
    pub fn compiled() -> Result<Self> {
        Ok(Self { facts: Facts::compiled(), rules: Rules::compiled()? })
    }

    /// The same with the tables (`DIR/*.tsv`) and rules (`DIR/rules/*.tsv`) of a directory added, or in the
    /// place of those of the same name.
    ///
    /// # Errors
    /// `Usage` for a row that is none, with its line; what the operating system said.
    pub fn with_dir(dir: &Path) -> Result<Self> {
        Ok(Self { facts: Arc::new(Facts::with_dir(dir)?), rules: Arc::new(Rules::with_dir(dir)?) })
    }

    /// The tables of builds.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}
