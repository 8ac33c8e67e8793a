//! A lab's share: products in folders that a person finds, each with a manifest by which it can be checked later.
//!
//! ```text
//! DIR/.discless/share.json            this is a share; its template
//! DIR/.discless/index.json            every product, with the digest of its manifest; made from the manifests
//! DIR/.discless/lock                  held by who changes the share
//! DIR/.discless/staging/ID/           files of an `add` that is not done
//! DIR/Microsoft/…/x64/                a product, as setup wants it
//! DIR/Microsoft/…/x64/.discless/      its manifest.json and SHA256SUMS
//! ```
//!
//! A product comes into being by one rename, with its manifest in it: whatever kills the program, a product folder is
//! whole. What stands in a share may have been edited by anybody: manifests and index are read as hostile, and nothing
//! is ever followed out of the share.

mod add;
mod check;
mod directory;
mod export;
mod index;
mod journal;
mod list;
mod lock;
mod manifest;
mod names;
mod remove;
mod secrets;
mod sign;
mod space;
mod stanza;
mod survey;
mod template;
mod tree;
mod updates;

pub use add::{Added, Adding, Outcome, Secrets, add};
pub use check::{Checked, Checking, Difference, Mode, Report, Standing, check};
pub use export::{Format, export, sidecars};
pub use index::{Index, Listed};
pub use list::{Shown, list};
pub use lock::Lock;
pub use manifest::{File, Link, MANIFEST, Manifest, OWN, Origin, Product, SUMS, Secret, Update};
pub use names::{Trouble, troubles};
pub use remove::{Removal, Removed, remove, remove_unfinished};
pub use sign::{NAMESPACE, Signed, Signer, sign};
pub use space::{Saved, Sharing};
pub use stanza::{Client, Stanza, stanza};
pub use survey::{Item, State, Survey};
pub use template::{DEFAULT, Template};
pub use updates::{AddedUpdate, add_update};

use crate::error::{Error, Kind, Refusal, Result};
use crate::report::VERSION;
use crate::time::Timestamp;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use directory::{make, open_own, read, replace};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What says that a directory is a share.
const SETTINGS: &str = "share.json";
/// What its `schema` says.
const SCHEMA: &str = "discless.share/1";
/// Bytes that it may have.
const MOST_SETTINGS: u64 = 64 << 10;
/// Where files stand that are not a product yet.
const STAGING: &str = "staging";

/// An open share.
pub struct Share {
    root: PathBuf,
    dir: Dir,
    /// `.discless`.
    own: Dir,
    settings: Settings,
}

/// What `share.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Settings {
    /// `discless.share/1`.
    pub schema: String,
    /// The version of the program that made it.
    pub discless: String,
    /// When, RFC 3339.
    pub created: String,
    /// Where media go.
    pub template: String,
}

/// What `init` found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// The share is new.
    New,
    /// It was one already, and is as it was.
    Already,
}

impl Share {
    /// Makes a share of a directory that is new or empty. One that is a share stays as it is.
    ///
    /// # Errors
    /// `Refused` where the directory holds anything, or is a share with another template; `Usage` where the template
    /// makes no sense; what the operating system said.
    pub fn init(root: &Path, template: Option<&str>) -> Result<(Self, Made)> {
        let read = Template::parse(template.unwrap_or(DEFAULT));
        let wrong = |error: io::Error| Error::from(error).of(&root.to_string_lossy());
        match Self::open(root) {
            Ok(share) => {
                read?;
                if template.is_some_and(|template| template != share.settings.template) {
                    return Err(Error::usage(format!(
                        "{} is a share already, with the template \"{}\"",
                        root.display(),
                        share.settings.template
                    )));
                }
                return Ok((share, Made::Already));
            }
            Err(error) if !matches!(error.kind(), Kind::Refused(Refusal::NoShare(_))) => return Err(error),
            Err(_) => {}
        }
        read?;
        match std::fs::read_dir(root) {
            Ok(listing) => {
                // What an `init` left that was killed is ours.
                let others = listing.filter_map(io::Result::ok).any(|entry| entry.file_name() != OWN);
                let ours = std::fs::read_dir(root.join(OWN)).map(|own| {
                    own.filter_map(io::Result::ok).all(|entry| {
                        let name = entry.file_name();
                        name.to_string_lossy().starts_with(SETTINGS)
                    })
                });
                if others || !ours.unwrap_or(true) {
                    return Err(Error::new(Kind::Refused(Refusal::NotNew(root.to_owned()))));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(root).map_err(wrong)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(Error::new(Kind::Refused(Refusal::NotADirectory(root.to_owned()))));
            }
            Err(error) => return Err(wrong(error)),
        }
        let dir = Dir::open_ambient_dir(root, ambient_authority()).map_err(wrong)?;
        let own = make(&dir, OWN).map_err(|error| error.of(&root.to_string_lossy()))?;
        let settings = Settings {
            schema: SCHEMA.to_owned(),
            discless: VERSION.to_owned(),
            created: now(),
            template: template.unwrap_or(DEFAULT).to_owned(),
        };
        replace(&own, SETTINGS, &manifest::to_json(&settings)?)
            .map_err(|error| error.of(&root.to_string_lossy()))?;
        Ok((Self { root: root.to_owned(), dir, own, settings }, Made::New))
    }

    /// Opens a share.
    ///
    /// # Errors
    /// `Refused` where it is none; `Invalid` where what it says of itself cannot be read.
    pub fn open(root: &Path) -> Result<Self> {
        let shown = root.to_string_lossy();
        let none = || Error::new(Kind::Refused(Refusal::NoShare(root.to_owned())));
        let dir = match Dir::open_ambient_dir(root, ambient_authority()) {
            Ok(dir) => dir,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(none()),
            Err(error) => return Err(Error::from(error).of(&shown)),
        };
        let Some(own) = open_own(&dir).map_err(|error| error.of(&shown))? else { return Err(none()) };
        let place = format!("{shown}/{OWN}/{SETTINGS}");
        let Some(bytes) = read(&own, SETTINGS, MOST_SETTINGS).map_err(|error| error.of(&place))? else {
            return Err(none());
        };
        let settings: Settings =
            serde_json::from_slice(&bytes).map_err(|_| Error::invalid("settings of a share").of(&place))?;
        if settings.schema != SCHEMA {
            return Err(Error::unsupported("share of a later version of discless").of(&place));
        }
        Template::parse(&settings.template).map_err(|_| Error::invalid("template of a share").of(&place))?;
        Ok(Self { root: root.to_owned(), dir, own, settings })
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What it says of itself.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The product folder `folder`, opened without following a link on the way.
    fn folder(&self, folder: &str) -> Result<Dir> {
        let shown = || self.shown(folder);
        if !manifest::is_inside(folder) {
            return Err(Error::invalid("folder in a manifest").of(&shown()));
        }
        directory::descend(&self.dir, folder).map_err(|error| error.of(&shown()))
    }

    /// Where people find a folder.
    #[must_use]
    pub fn shown(&self, folder: &str) -> String {
        self.root.join(folder).to_string_lossy().into_owned()
    }
}

/// The time, as documents have it.
fn now() -> String {
    let time = Timestamp { nanos: 0, ..Timestamp::from_system(SystemTime::now()) };
    time.rfc3339()
}
