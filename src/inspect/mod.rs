//! What a medium is: the facts that are weighed, each from one place, and the report about them.

pub mod disc;
mod medium;
pub mod msi;
pub mod platform;

pub use medium::{boot_platforms, inspect};
