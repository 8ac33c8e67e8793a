//! A read-only server over a [`View`](crate::view::View): a page for people, HTTP with ranges, WebDAV, all under the same addresses.
//!
//! | file | what it does |
//! |---|---|
//! | `media` | the sources, what they are, and whether they are what was published: found out in the background |
//! | `answer` | which answer a request gets |
//! | `auth` | user and password |
//! | `file` | a member: conditions, ranges, types |
//! | `dav` | WebDAV class 1 (RFC 4918), the part that reads |
//! | `html` | the pages |
//! | `smb` | the same as an SMB share, with a server of its own |
//! | `body`, `io`, `listen` | bytes, sockets, connections: the only asynchronous part |
//!
//! Nothing is ever written, nothing of a medium is ever active in a browser: members come with a policy that forbids
//! everything, and types that browsers show as text or save.

mod answer;
mod auth;
mod body;
mod dav;
mod file;
mod html;
mod io;
mod listen;
mod media;
#[cfg(feature = "smb")]
pub mod smb;
#[cfg(feature = "tls")]
mod tls;

pub use answer::{Answered, ask};
pub use auth::Access;
pub use listen::{Bounds, Secured, listen};
pub use media::{Given, Medium, Site, State, Verify};
#[cfg(feature = "tls")]
pub use tls::Tls;
