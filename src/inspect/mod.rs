//! What a medium is: the facts that are weighed, each from one place, and the report about them.

pub mod disc;
mod language;
mod medium;
mod package;
pub mod platform;
mod unpacked;
mod windows;

pub use medium::{boot_platforms, inspect};
