//! What would be written where, before anything is.

use crate::container::{Container, Entry, EntryId, EntryKind, EntryPath, Location, Role};
use crate::error::{Error, Result};
use crate::limits::{Limits, UNPACKED};
use crate::path::{LocalPath, LocalPaths, Names, link_stays_inside};
use crate::time::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// An entry and where it goes.
#[derive(Debug, Clone)]
pub struct Item {
    /// The entry.
    pub id: EntryId,
    /// Its path below the destination.
    pub local: PathBuf,
}

/// An entry that goes by another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// Its path in the medium.
    pub path: EntryPath,
    /// Its path below the destination.
    pub local: PathBuf,
    /// Why.
    pub why: &'static str,
}

/// An entry that is left out though nothing is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its path in the medium.
    pub path: String,
    /// Why.
    pub why: &'static str,
}

/// Why a file needs no bytes of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// It is a further name of the other file: the medium says so.
    Name,
    /// It is another file, of which the medium keeps the content once.
    Content,
}

/// A file that gets its bytes from one that is written before it.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The other's path below the destination.
    pub first: PathBuf,
    /// The entry and where it goes.
    pub item: Item,
    /// Why.
    pub sharing: Sharing,
}

/// What is to be written.
#[derive(Debug, Default)]
pub struct Plan {
    /// Says which medium this is, so that an interrupted run knows its own.
    pub identity: String,
    /// Directories below the destination, parents first, with their times.
    pub directories: BTreeMap<PathBuf, Option<Timestamp>>,
    /// Files with bytes of their own.
    pub files: Vec<Item>,
    /// Files that are linked to another one, or copied from it.
    pub shared: Vec<Shared>,
    /// Bytes that those take which the medium has as further names, where they are copied.
    pub name_bytes: u64,
    /// Bytes that those take which have their content in common, where they are copied.
    pub content_bytes: u64,
    /// How many bytes may be written.
    pub most: u64,
    /// Symbolic links, with their targets.
    pub symlinks: Vec<(Item, String)>,
    /// Bytes of all files, holes not counted.
    pub bytes: u64,
    /// Entries that go by another name.
    pub renamed: Vec<Renamed>,
    /// Entries that are left out.
    pub left: Vec<Left>,
    /// Entries that claim more bytes than the limits allow.
    pub too_large: Vec<(String, u64)>,
}

impl Plan {
    /// Plans to write `wanted`.
    ///
    /// # Errors
    /// `Limit` where the entries unpack to more than [`Limits::unpacked`].
    pub fn new(container: &dyn Container, wanted: &[EntryId], names: Names, limits: &Limits) -> Result<Self> {
        let label = container.facts().label.as_deref().unwrap_or_default();
        let mut plan = Self {
            identity: format!("{} {} {label}", container.format(), container.extent().end),
            ..Self::default()
        };
        plan.most = match container.source().len() {
            0 => u64::MAX, // A directory: its files are what they are.
            len => limits.unpacked(len),
        };
        let mut paths = LocalPaths::new(names);
        let mut links = Links::default();
        let mut last_parent = PathBuf::new();
        // The newest of a name keeps it.
        let old = |id: &&EntryId| container.entry(**id).is_ok_and(|entry| entry.role == Role::OldVersion);
        for &id in wanted.iter().filter(|id| !old(id)).chain(wanted.iter().filter(old)) {
            let entry = container.entry(id)?;
            if let Some(why) = left_out(entry) {
                plan.left.push(Left { path: entry.path.text().to_owned(), why });
                continue;
            }
            let LocalPath { path: local, renamed } = match entry.kind {
                EntryKind::Dir => paths.directory(&entry.path),
                _ => paths.file(&entry.path),
            };
            if let Some(why) = renamed {
                plan.renamed.push(Renamed { path: entry.path.clone(), local: local.clone(), why });
            }
            let parent = local.parent().unwrap_or(Path::new(""));
            if parent != last_parent {
                plan.add_parents(parent);
                last_parent = parent.to_owned();
            }
            match entry.kind {
                EntryKind::Dir => {
                    plan.directories.insert(local, entry.modified);
                }
                EntryKind::File => {
                    plan.add_file(entry, container.content(id), Item { id, local }, &mut links)?;
                }
                EntryKind::Symlink => {
                    links.paths.insert(local.clone());
                    let target = entry.target.as_deref().unwrap_or_default().to_owned();
                    plan.symlinks.push((Item { id, local }, target));
                }
                EntryKind::Other => {}
            }
        }
        plan.drop_escaping_links(container, &links)?;
        Ok(plan)
    }

    /// How many files will stand there.
    #[must_use]
    pub fn file_count(&self) -> u64 {
        (self.files.len() + self.shared.len()) as u64
    }

    fn add_parents(&mut self, parent: &Path) {
        for above in parent.ancestors().filter(|above| !above.as_os_str().is_empty()) {
            if self.directories.contains_key(above) {
                break;
            }
            self.directories.insert(above.to_owned(), None);
        }
    }

    fn add_file(&mut self, entry: &Entry, content: Option<u64>, item: Item, links: &mut Links) -> Result<()> {
        if entry.bytes > self.most {
            self.too_large.push((entry.path.text().to_owned(), entry.bytes));
            return Ok(());
        }
        if let Some(number) = entry.link {
            let known = links
                .first
                .get(&number)
                .filter(|(location, bytes, _)| *location == entry.location && *bytes == entry.bytes);
            if let Some((_, _, first)) = known {
                self.name_bytes = self.name_bytes.saturating_add(entry.bytes);
                self.shared.push(Shared { first: first.clone(), item, sharing: Sharing::Name });
                return Ok(());
            }
            links.first.insert(number, (entry.location.clone(), entry.bytes, item.local.clone()));
        }
        if let Some(content) = content {
            if let Some(first) = links.contents.get(&content) {
                self.content_bytes = self.content_bytes.saturating_add(entry.bytes);
                self.shared.push(Shared { first: first.clone(), item, sharing: Sharing::Content });
                return Ok(());
            }
            links.contents.insert(content, item.local.clone());
        }
        let stored = match &entry.location {
            Location::Stored(extents) => {
                let pieces = extents.pieces().iter().filter(|piece| piece.at.is_some());
                pieces.fold(0u64, |sum, piece| sum.saturating_add(piece.len)).min(entry.bytes)
            }
            _ => entry.bytes,
        };
        self.bytes = self.bytes.saturating_add(stored);
        if self.bytes > self.most {
            return Err(Error::limit(UNPACKED, self.most));
        }
        self.files.push(item);
        Ok(())
    }

    /// A link may not lead out of the destination, nor climb up from where another link leads.
    fn drop_escaping_links(&mut self, container: &dyn Container, links: &Links) -> Result<()> {
        let mut kept = Vec::with_capacity(self.symlinks.len());
        for (item, target) in std::mem::take(&mut self.symlinks) {
            let link = item.local.to_string_lossy().replace('\\', "/");
            if link_stays_inside(&link, &target) && !links.climbs_from_a_link(&item.local, &target) {
                kept.push((item, target));
            } else {
                let path = container.entry(item.id)?.path.text().to_owned();
                self.left.push(Left { path, why: "a link that leads out of the destination" });
            }
        }
        self.symlinks = kept;
        Ok(())
    }
}

fn left_out(entry: &Entry) -> Option<&'static str> {
    match (entry.kind, entry.role) {
        (EntryKind::Other, _) => Some("a device, pipe or socket"),
        (_, Role::Stream) => Some("a named stream: `discless cat` shows it"),
        _ => None,
    }
}

#[derive(Default)]
struct Links {
    /// The first name of each file that has several.
    first: HashMap<u64, (Location, u64, PathBuf)>,
    /// The first file with each content that the medium keeps once.
    contents: HashMap<u64, PathBuf>,
    /// Where symbolic links will stand.
    paths: HashSet<PathBuf>,
}

impl Links {
    /// True where `target`, followed from `link`, goes up (`..`) after it went through a symbolic link.
    fn climbs_from_a_link(&self, link: &Path, target: &str) -> bool {
        let mut at = link.parent().unwrap_or(Path::new("")).to_owned();
        let mut through = false;
        for part in target.split('/') {
            match part {
                "" | "." => {}
                ".." if through => return true,
                ".." => {
                    at.pop();
                }
                name => {
                    at.push(name);
                    through |= self.paths.contains(&at);
                }
            }
        }
        false
    }
}
