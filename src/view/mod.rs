//! One read-only tree over one or several sources: what servers and mounts show.
//!
//! It has the names that `extract` would write (capitals apart no two in one directory are the same), and the same
//! members: what `extract` leaves out is not there. Every node has a number that stays for the life of the view.
//! Content is a slice of the image where a member is stored; a packed one is unpacked when it is first opened, into
//! memory or a temporary file, and kept while there is room.
//!
//! With [`Nested::Shown`] a member that is itself a container also appears as the directory `NAME.contents`, as
//! `extract --recurse` writes it. Nothing is opened before somebody looks: stored members when the directory they are
//! in is listed; packed ones, which their names and first bytes tell, when `NAME.contents` is.

mod graft;
mod holder;
mod kept;

use crate::container::{Container, EntryId, EntryKind, Location};
use crate::error::{Error, Result};
use crate::formats::Options;
use crate::inside::Budget;
use crate::path::{LocalPaths, Names};
use crate::source::SharedSource;
use crate::time::Timestamp;
use holder::Holder;
use kept::Kept;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard};

/// A node's number, from 1: it can be the number of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

impl NodeId {
    /// The root of every view.
    pub const ROOT: Self = Self(1);
}

/// What is shown of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name in its directory; empty for the root.
    pub name: String,
    /// File, directory or link.
    pub kind: EntryKind,
    /// Size of its content in bytes; 0 for all but files.
    pub bytes: u64,
    /// When its content was last changed, where the medium says so.
    pub modified: Option<Timestamp>,
    /// Whether the medium says that it is to be run.
    pub executable: bool,
    /// Where a symbolic link points; it stays within its source.
    pub target: Option<String>,
}

/// Whether containers in containers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nested {
    /// As `NAME.contents` beside the member that they are.
    Shown,
    /// Members are files.
    #[default]
    Hidden,
}

/// Whether capitals count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// `A` is not `a`.
    Exact,
    /// `A` is `a`, as on Windows.
    Folded,
}

/// Where a member comes from.
pub struct Place {
    /// Which of [`View::sources`] it lies in.
    pub source: usize,
    /// The container whose member it is.
    pub container: Arc<dyn Container>,
    /// The member.
    pub entry: EntryId,
    /// Containers that this container lies in: 0 for the source itself.
    pub depth: u32,
}

/// A source that is shown.
pub struct Shown {
    /// As it was given.
    pub name: String,
    /// The directory with its members: the root, where it is the only one.
    pub node: NodeId,
    /// The opened source.
    pub container: Arc<dyn Container>,
    /// Members that are not shown.
    pub left: u64,
}

/// How to show.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// How nested containers are opened, and the limits.
    pub options: Options,
    /// Whether nested containers are shown.
    pub nested: Nested,
    /// Bytes that temporary files with unpacked members may have together; 8 GiB where it is `None`.
    pub kept: Option<u64>,
}

/// The tree. Threads share it.
pub struct View {
    slots: RwLock<Vec<Arc<Slot>>>,
    sources: Vec<Shown>,
    kept: Arc<Kept>,
    settings: Settings,
    /// How many containers are in it.
    holders: Mutex<u64>,
}

/// A node as it is kept.
struct Slot {
    name: Box<str>,
    parent: NodeId,
    what: What,
}

enum What {
    Member(Arc<Holder>, EntryId),
    Dir(Box<Dir>),
}

#[derive(Default)]
struct Dir {
    modified: Option<Timestamp>,
    children: RwLock<Children>,
    /// Set once containers were looked for among its members.
    looked: OnceLock<()>,
    /// The packed member that its own children are in.
    packed: Option<NodeId>,
}

#[derive(Default)]
struct Children {
    /// Sorted by name, capitals apart.
    order: Vec<NodeId>,
    /// By folded name, which no two share.
    names: HashMap<Box<str>, NodeId>,
}

/// What a file system without capitals takes for the same name; as [`LocalPaths`] has it.
fn fold(name: &str) -> Box<str> {
    name.to_lowercase().into()
}

/// Every change under these locks leaves a whole behind it, so a panic elsewhere is no reason to stop.
fn whole<T>(lock: Result<T, PoisonError<T>>) -> T {
    lock.unwrap_or_else(PoisonError::into_inner)
}

impl View {
    const KEPT: u64 = 8 << 30;

    /// Shows `sources`, each with its name: the only one's members at the root, or a folder for each of several. A
    /// `/` in a name makes a folder in a folder.
    ///
    /// # Errors
    /// `Limit` where a source has or unpacks to more than the limits allow.
    pub fn new(sources: Vec<(String, Arc<dyn Container>)>, settings: Settings) -> Result<Self> {
        let root = Slot { name: Box::default(), parent: NodeId::ROOT, what: What::Dir(Box::default()) };
        let kept = Kept::new(settings.kept.unwrap_or(Self::KEPT), &settings.options.limits);
        let mut view = Self {
            slots: RwLock::new(vec![Arc::new(root)]),
            sources: Vec::new(),
            kept: Arc::new(kept),
            settings,
            holders: Mutex::new(0),
        };
        let several = sources.len() > 1;
        let mut names = LocalPaths::new(Names::Portable);
        for (number, (name, container)) in sources.into_iter().enumerate() {
            let node = if several {
                let free = names.file(&crate::entry::EntryPath::new(name.clone())).path;
                view.add_dirs(&free)?
            } else {
                NodeId::ROOT
            };
            let budget = Arc::new(Mutex::new(Budget::new(&view.settings.options, container.source().len())));
            let left = view
                .graft(node, container.clone(), (number, name.clone(), 0), budget)
                .map_err(|error| error.of(&name))?;
            view.sources.push(Shown { name, node, container, left });
        }
        Ok(view)
    }

    /// The directory at that path; what is missing on the way is added.
    fn add_dirs(&self, path: &Path) -> Result<NodeId> {
        let mut at = NodeId::ROOT;
        for part in path {
            let part = part.to_string_lossy();
            at = match self.slot(at)?.dir()?.known(&part) {
                Some(known) => known,
                None => self.add_dir(at, &part, Dir::default())?,
            };
        }
        Ok(at)
    }

    /// What is shown, in the order it was given.
    #[must_use]
    pub fn sources(&self) -> &[Shown] {
        &self.sources
    }

    fn slots(&self) -> RwLockReadGuard<'_, Vec<Arc<Slot>>> {
        whole(self.slots.read())
    }

    fn slot(&self, id: NodeId) -> Result<Arc<Slot>> {
        let at = id.0.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        let slot = at.and_then(|at| self.slots().get(at).cloned());
        slot.ok_or_else(|| Error::not_found(format!("node {}", id.0), None))
    }

    /// How many nodes there are by now. All numbers from 1 to this one are nodes.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.slots().len() as u64
    }

    /// What is shown of a node.
    ///
    /// # Errors
    /// `NotFound` where there is no such node.
    pub fn node(&self, id: NodeId) -> Result<Node> {
        let slot = self.slot(id)?;
        let name = slot.name.clone().into_string();
        match &slot.what {
            What::Dir(dir) => Ok(Node {
                name,
                kind: EntryKind::Dir,
                bytes: 0,
                modified: dir.modified,
                executable: false,
                target: None,
            }),
            What::Member(holder, entry) => {
                let entry = holder.container.entry(*entry)?;
                let is_file = entry.kind == EntryKind::File;
                Ok(Node {
                    name,
                    kind: entry.kind,
                    bytes: if is_file { entry.bytes } else { 0 },
                    modified: entry.modified,
                    executable: is_file && entry.mode.is_some_and(|mode| mode & 0o111 != 0),
                    target: entry.target.as_deref().map(str::to_owned),
                })
            }
        }
    }

    /// The directory that a node is in; the root is in itself.
    ///
    /// # Errors
    /// `NotFound` where there is no such node.
    pub fn parent(&self, id: NodeId) -> Result<NodeId> {
        Ok(self.slot(id)?.parent)
    }

    /// The nodes in a directory, sorted by name, capitals apart.
    ///
    /// # Errors
    /// `Usage` where the node is no directory; what unpacking said, where a packed container is first looked into.
    pub fn children(&self, id: NodeId) -> Result<Vec<NodeId>> {
        let slot = self.slot(id)?;
        let dir = slot.dir()?;
        self.look(id, dir)?;
        Ok(whole(dir.children.read()).order.clone())
    }

    /// The node of that name in a directory, if there is one.
    ///
    /// # Errors
    /// As [`View::children`].
    pub fn child(&self, parent: NodeId, name: &str, case: Case) -> Result<Option<NodeId>> {
        let slot = self.slot(parent)?;
        let dir = slot.dir()?;
        let found = match dir.known(name) {
            // A member's name opens nothing.
            Some(found) => found,
            None => {
                self.look(parent, dir)?;
                match dir.known(name) {
                    Some(found) => found,
                    None => return Ok(None),
                }
            }
        };
        let same = case == Case::Folded || *self.slot(found)?.name == *name;
        Ok(same.then_some(found))
    }

    /// The node at a path whose parts are joined by `/`; links in it are followed, but for its last part.
    ///
    /// # Errors
    /// `NotFound` where there is none; as [`View::children`].
    pub fn find(&self, path: &str, case: Case) -> Result<NodeId> {
        self.find_from(NodeId::ROOT, path, case, &mut 0)
    }

    fn find_from(&self, from: NodeId, path: &str, case: Case, links: &mut u32) -> Result<NodeId> {
        let missing = || Error::not_found(path, None);
        let mut at = from;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            at = self.follow(at, case, links)?.ok_or_else(missing)?;
            if !self.slot(at)?.is_dir() {
                return Err(missing());
            }
            at = self.child(at, part, case)?.ok_or_else(missing)?;
        }
        Ok(at)
    }

    /// What a node is after links: itself, or where a symbolic link leads within its source. `None` for a link that
    /// leads to nothing.
    ///
    /// # Errors
    /// As [`View::children`].
    pub fn resolve(&self, id: NodeId) -> Result<Option<NodeId>> {
        self.follow(id, Case::Exact, &mut 0)
    }

    fn follow(&self, id: NodeId, case: Case, links: &mut u32) -> Result<Option<NodeId>> {
        /// Links that one path may lead through, as Linux has it.
        const MOST: u32 = 40;
        let mut at = id;
        loop {
            let slot = self.slot(at)?;
            let What::Member(holder, entry) = &slot.what else { return Ok(Some(at)) };
            let entry = holder.container.entry(*entry)?;
            if entry.kind != EntryKind::Symlink {
                return Ok(Some(at));
            }
            *links += 1;
            let target = entry.target.as_deref().unwrap_or_default();
            if *links > MOST || target.is_empty() {
                return Ok(None);
            }
            // `extract` makes no link that leads out, and the plan that this tree is made of has none.
            at = slot.parent;
            for part in target.split('/') {
                at = match part {
                    "" | "." => continue,
                    ".." => self.slot(at)?.parent,
                    name => {
                        let Some(dir) = self.follow(at, case, links)? else { return Ok(None) };
                        if !self.slot(dir)?.is_dir() {
                            return Ok(None);
                        }
                        match self.child(dir, name, case)? {
                            Some(next) => next,
                            None => return Ok(None),
                        }
                    }
                };
            }
        }
    }

    /// The path of a node from the root, its parts joined by `/`; empty for the root.
    ///
    /// # Errors
    /// `NotFound` where there is no such node.
    pub fn path(&self, id: NodeId) -> Result<String> {
        let mut parts = Vec::new();
        let mut at = id;
        while at != NodeId::ROOT {
            let slot = self.slot(at)?;
            at = slot.parent;
            parts.push(slot);
        }
        let parts: Vec<&str> = parts.iter().rev().map(|slot| &*slot.name).collect();
        Ok(parts.join("/"))
    }

    /// The content of a file, for any number of readers. Where the medium ends early it is shorter than
    /// [`Node::bytes`].
    ///
    /// # Errors
    /// `Usage` where the node is no file; what unpacking said.
    pub fn open(&self, id: NodeId) -> Result<SharedSource> {
        let slot = self.slot(id)?;
        let What::Member(holder, entry) = &slot.what else {
            return Err(Error::usage(format!("{} is a directory", slot.name)));
        };
        let first = holder.first(*entry);
        let member = holder.container.entry(first)?;
        if member.kind != EntryKind::File {
            return Err(Error::usage(format!("{} is no file", slot.name)));
        }
        let opened = match member.location {
            Location::Stored(_) | Location::Nowhere | Location::Outside => {
                holder.container.sub_source(first, &self.settings.options.limits)
            }
            Location::Packed(_) | Location::Solid { .. } => self.kept.get(holder, first),
        };
        opened.map_err(|error| error.of(&self.path(id).unwrap_or_default()))
    }

    /// Where a file or link comes from; `None` for directories.
    ///
    /// # Errors
    /// `NotFound` where there is no such node.
    pub fn place(&self, id: NodeId) -> Result<Option<Place>> {
        let slot = self.slot(id)?;
        let What::Member(holder, entry) = &slot.what else { return Ok(None) };
        let container = holder.container.clone();
        Ok(Some(Place { source: holder.source, container, entry: *entry, depth: holder.depth }))
    }

    /// Nodes whose names have `text` in them, capitals apart, below a directory and `most` at most: in the order of
    /// their numbers. Containers that nobody has looked into are not searched.
    ///
    /// # Errors
    /// `NotFound` where there is no such directory.
    pub fn search(&self, below: NodeId, text: &str, most: usize) -> Result<Vec<NodeId>> {
        let wanted = text.to_lowercase();
        let slots = self.slots().clone();
        let named = |slot: &Arc<Slot>| slot.name.to_lowercase().contains(&wanted);
        let mut out = Vec::new();
        for (slot, number) in slots.iter().zip(1..) {
            if out.len() >= most {
                break;
            }
            let id = NodeId(number);
            if id != NodeId::ROOT && named(slot) && self.is_below(id, below)? && self.is_shown(id, slot)? {
                out.push(id);
            }
        }
        Ok(out)
    }

    /// False for what turned out to be no container.
    fn is_shown(&self, id: NodeId, slot: &Slot) -> Result<bool> {
        let parent = self.slot(slot.parent)?;
        let children = whole(parent.dir()?.children.read());
        Ok(children.names.get(&fold(&slot.name)) == Some(&id))
    }

    fn is_below(&self, id: NodeId, directory: NodeId) -> Result<bool> {
        let mut at = id;
        while at != directory {
            if at == NodeId::ROOT {
                return Ok(false);
            }
            at = self.slot(at)?.parent;
        }
        Ok(id != directory)
    }
}

impl Dir {
    /// The node of that name, capitals apart, among those that are there already.
    fn known(&self, name: &str) -> Option<NodeId> {
        whole(self.children.read()).names.get(&fold(name)).copied()
    }
}

impl Slot {
    fn is_dir(&self) -> bool {
        matches!(self.what, What::Dir(_))
    }

    fn dir(&self) -> Result<&Dir> {
        match &self.what {
            What::Dir(dir) => Ok(dir),
            What::Member(..) => Err(Error::usage(format!("{} is no directory", self.name))),
        }
    }
}
