//! What a medium is: the facts that are weighed, each from one place, and the report about them.

pub mod disc;
pub mod evidence;
mod gather;
mod identity;
mod knowledge;
mod language;
mod medium;
mod meter;
mod narrow;
mod normal;
mod package;
pub mod platform;
mod read;
mod reconcile;
mod rules;
mod unpacked;
mod weigh;
mod windows;

pub use knowledge::Knowledge;
pub use medium::{Asked, boot_platforms, inspect};
pub use reconcile::State;
