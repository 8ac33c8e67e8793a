//! Whether a medium is what its publisher gave out: what can be compared, with what, and the verdict.

mod check;
pub mod discover;
mod expect;
pub mod hash;
mod list;
mod listed;
mod run;
pub mod sums;

pub use check::{Amount, Check, Outcome, Verdict, structure};
pub use discover::beside;
pub use expect::{Expectations, Expected, read_list, read_text};
pub use hash::hash;
pub use list::{escaped, gnu_line, tag_line};
pub use listed::{Listed, ListedFile, Missing, Turnout, listed};
pub use run::{Depth, Verified, digests, directory, verify};
pub use sums::Sums;
