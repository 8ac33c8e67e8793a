//! Whether a medium is what its publisher gave out: what can be compared, with what, and the verdict.

pub mod authenticode;
mod check;
pub mod coverage;
mod deep;
pub mod discover;
mod expect;
pub mod hash;
pub mod implanted;
mod kept;
mod list;
mod listed;
mod reading;
mod run;
pub mod signature;
pub mod sums;

pub use check::{Amount, Check, Outcome, Signer, Verdict, structure};
pub use discover::{beside, lists_beside};
pub use expect::{Expectations, Expected, read_list, read_text};
pub use hash::hash;
pub use list::{escaped, gnu_line, tag_line};
pub use listed::{Listed, ListedFile, Missing, Turnout, listed};
pub use reading::{Reader, Reading};
pub use run::{Depth, Verified, directory, verify};
pub use signature::{Keys, Proofs};
pub use sums::Sums;
