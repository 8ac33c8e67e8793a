//! What fuzz targets and tests share: what each target does with an input, and mutations by structure.
//!
//! `tests/fuzzed.rs` takes this folder as a module of its own, so nothing here may name the crate it is in.

pub mod chance;
pub mod exercise;
pub mod sparse;
pub mod structured;
pub mod targets;
