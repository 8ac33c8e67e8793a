//! Servers over a view.

#[cfg(feature = "smb")]
pub mod smb;
