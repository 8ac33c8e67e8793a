//! *Install media without the disc.* Opens a downloaded install medium, says what it is, checks that
//! it is whole, and gets its files out. Nothing in a medium is ever run.
//!
//! The library knows no terminal: the command line (feature `cli`) is the only place that prints.
//! `docs/ARCHITECTURE.md` is the map.

pub mod acquire;
pub mod ahead;
pub mod cipher;
pub mod codec;
pub mod container;
pub mod digest;
pub mod entry;
pub mod error;
pub mod extract;
pub mod facts;
pub mod fields;
pub mod formats;
pub mod guard;
pub mod inside;
pub mod inspect;
pub mod limits;
pub mod medium;
#[cfg(all(feature = "mount", target_os = "linux"))]
pub mod mount;
pub mod nest;
pub mod observe;
pub mod page;
pub mod passwords;
pub mod path;
pub mod report;
pub mod sandbox;
pub mod select;
#[cfg(feature = "serve")]
pub mod serve;
pub mod share;
pub mod sink;
pub mod source;
pub mod surroundings;
pub mod text;
pub mod time;
pub mod unpack;
pub mod verify;
pub mod view;
pub mod volumes;
pub mod walk;

pub use error::{Error, Result};
pub use limits::Limits;
