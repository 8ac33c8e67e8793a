//! How the tree grows: the members of a container beneath a directory, and containers found among them.

use super::holder::Holder;
use super::{Children, Dir, Nested, NodeId, Slot, View, What, fold, whole};
use crate::container::{Container, EntryId, EntryKind, Location};
use crate::error::{Error, Result};
use crate::extract::Plan;
use crate::inside::{Budget, HEAD, holds_packages, may_be};
use crate::medium;
use crate::nest::{self, Members};
use crate::path::Names;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Nothing smaller is a container.
const LEAST: u64 = 64;

/// What names of containers end with. Packed members are not unpacked only to see whether they are containers;
/// programs are not among these, because nearly all of them are only programs.
const ENDINGS: &[&str] = &[
    "7z",
    "appimage",
    "appx",
    "appxbundle",
    "bz2",
    "cab",
    "cpio",
    "deb",
    "esd",
    "gz",
    "img",
    "iso",
    "jar",
    "lz",
    "lz4",
    "lzma",
    "msi",
    "msix",
    "msixbundle",
    "msm",
    "msp",
    "msu",
    "nupkg",
    "rar",
    "rpm",
    "run",
    "sfs",
    "snap",
    "squashfs",
    "swm",
    "tar",
    "tbz",
    "tgz",
    "txz",
    "tzst",
    "udf",
    "vsix",
    "wim",
    "xz",
    "zip",
    "zst",
];

/// Children by folded name.
type Named = Vec<(Box<str>, NodeId)>;

impl View {
    /// Adds the members of `container` beneath `into`: those that `extract` would write, by the names that it would
    /// give them. Says how many others there are.
    pub(super) fn graft(
        &self,
        into: NodeId,
        container: Arc<dyn Container>,
        (source, path, depth): (usize, String, u32),
        budget: Arc<Mutex<Budget>>,
    ) -> Result<u64> {
        let limits = &self.settings.options.limits;
        let wanted = nest::to_extract(&*container, &[])?;
        let plan = Plan::new(&*container, &wanted, Names::Portable, limits)?;
        let number = {
            let mut holders = whole(self.holders.lock());
            *holders += 1;
            *holders
        };
        let left = plan.left.len().saturating_add(plan.too_large.len()) as u64;
        let holder = Arc::new(Holder::new((number, source), container, path, depth, budget, &plan));
        self.plant(into, &holder, &plan)?;
        Ok(left)
    }

    fn plant(&self, into: NodeId, holder: &Arc<Holder>, plan: &Plan) -> Result<()> {
        let mut slots = whole(self.slots.write());
        let mut next = slots.len() as u64;
        let mut number = || {
            next += 1;
            NodeId(next)
        };
        let mut growing: HashMap<&Path, (NodeId, Dir, Named)> = HashMap::new();
        let mut made: Vec<(NodeId, Slot)> = Vec::new();
        let top = Path::new("");
        growing.insert(top, (into, Dir::default(), Vec::new()));
        // Parents come before what is in them.
        for (path, modified) in &plan.directories {
            // A directory without a name is where everything goes, and would be in itself.
            if path == top {
                continue;
            }
            let id = number();
            let name = name_of(path);
            let above = growing.get_mut(path.parent().unwrap_or(top));
            let Some((_, _, children)) = above else { return Err(Error::damaged("plan of directories")) };
            children.push((fold(&name), id));
            growing.insert(path, (id, Dir { modified: *modified, ..Dir::default() }, Vec::new()));
        }
        let files = plan.files.iter().chain(plan.shared.iter().map(|shared| &shared.item));
        for item in files.chain(plan.symlinks.iter().map(|(item, _)| item)) {
            let id = number();
            let name = name_of(&item.local);
            let above = growing.get_mut(item.local.parent().unwrap_or(top));
            let Some((parent, _, children)) = above else {
                return Err(Error::damaged("plan of directories"));
            };
            children.push((fold(&name), id));
            made.push((id, Slot { name, parent: *parent, what: What::Member(holder.clone(), item.id) }));
        }
        let parents: HashMap<&Path, NodeId> = growing.iter().map(|(path, (id, ..))| (*path, *id)).collect();
        for (path, (id, dir, children)) in growing {
            if id == into && path == top {
                let slot = slots.get(usize::try_from(into.0 - 1).unwrap_or(usize::MAX));
                if let Some(dir) = slot.and_then(|slot| slot.dir().ok()) {
                    whole(dir.children.write()).add(children);
                }
                continue;
            }
            whole(dir.children.write()).add(children);
            let parent = parents.get(path.parent().unwrap_or(top)).copied().unwrap_or(into);
            made.push((id, Slot { name: name_of(path), parent, what: What::Dir(Box::new(dir)) }));
        }
        made.sort_unstable_by_key(|(id, _)| *id);
        slots.extend(made.into_iter().map(|(_, slot)| Arc::new(slot)));
        Ok(())
    }

    /// Adds an empty directory.
    pub(super) fn add_dir(&self, parent: NodeId, name: &str, dir: Dir) -> Result<NodeId> {
        let above = self.slot(parent)?;
        let mut slots = whole(self.slots.write());
        slots.push(Arc::new(Slot { name: name.into(), parent, what: What::Dir(Box::new(dir)) }));
        let id = NodeId(slots.len() as u64);
        drop(slots);
        whole(above.dir()?.children.write()).add(vec![(fold(name), id)]);
        Ok(id)
    }

    /// Looks for containers in a directory that nobody has looked into yet; others wait until that is done.
    pub(super) fn look(&self, id: NodeId, dir: &Dir) -> Result<()> {
        if self.settings.nested == Nested::Hidden || dir.looked.get().is_some() {
            return Ok(());
        }
        let mut failed = None;
        dir.looked.get_or_init(|| {
            if let Some(member) = dir.packed {
                failed = self.fill(id, member).err();
                if failed.is_some() {
                    self.take_out(id);
                }
            }
            // What cannot be opened is a file like others.
            let members = whole(dir.children.read()).order.clone();
            for member in members {
                let _ = self.offer(id, dir, member);
            }
        });
        failed.map_or(Ok(()), Err)
    }

    /// Shows what is in a member, if it is a container.
    fn offer(&self, parent: NodeId, dir: &Dir, member: NodeId) -> Result<()> {
        let slot = self.slot(member)?;
        let What::Member(holder, id) = &slot.what else { return Ok(()) };
        let entry = holder.container.entry(*id)?;
        let deepest = holder.depth >= self.settings.options.limits.nesting;
        if entry.kind != EntryKind::File || entry.bytes < LEAST || deepest {
            return Ok(());
        }
        let packed = match entry.location {
            Location::Nowhere => return Ok(()),
            Location::Stored(_) | Location::Outside => false,
            Location::Packed(_) | Location::Solid { .. } => true,
        };
        if packed {
            let ending = slot.name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
            let alone = matches!(entry.location, Location::Packed(_));
            if ending.is_some_and(|ending| ENDINGS.contains(&&*ending))
                && (!alone || begins_well(holder, *id)?)
            {
                let name = free_name(dir, &slot.name);
                let inner = Dir { modified: entry.modified, packed: Some(member), ..Dir::default() };
                self.add_dir(parent, &name, inner)?;
            }
            return Ok(());
        }
        let container = self.container_in(&slot, member)?;
        let name = free_name(dir, &slot.name);
        let into = self.add_dir(parent, &name, Dir { modified: entry.modified, ..Dir::default() })?;
        self.graft_inner(into, &slot, container)
    }

    /// Opens a packed member, and shows what is in it beneath `into`.
    fn fill(&self, into: NodeId, member: NodeId) -> Result<()> {
        let slot = self.slot(member)?;
        if let What::Member(holder, id) = &slot.what {
            whole(holder.budget.lock()).unpack(holder.bytes(*id))?;
        }
        let container = self.container_in(&slot, member)?;
        self.graft_inner(into, &slot, container)
    }

    /// No longer shows a directory that has no container behind it.
    fn take_out(&self, id: NodeId) {
        let Ok(slot) = self.slot(id) else { return };
        let Ok(above) = self.slot(slot.parent) else { return };
        if let Ok(dir) = above.dir() {
            let mut children = whole(dir.children.write());
            children.names.remove(&fold(&slot.name));
            children.order.retain(|other| *other != id);
        }
    }

    fn container_in(&self, slot: &Slot, member: NodeId) -> Result<Arc<dyn Container>> {
        let What::Member(holder, id) = &slot.what else {
            return Err(Error::unsupported("a directory in itself"));
        };
        let options = &self.settings.options;
        let source = self.open(member)?;
        let path = holder.nested_path(*id)?;
        let at = Members::around(&holder.container, *id, &options.limits)?;
        let container: Arc<dyn Container> = Arc::from(medium::open(&source, &path, &options.at(at))?);
        if !holds_packages(&*container) {
            return Err(Error::unsupported("the parts of a plain program"));
        }
        whole(holder.budget.lock()).take(&*container)?;
        Ok(container)
    }

    fn graft_inner(&self, into: NodeId, slot: &Slot, container: Arc<dyn Container>) -> Result<()> {
        let What::Member(holder, id) = &slot.what else { return Ok(()) };
        let path = holder.nested_path(*id)?;
        let inner = (holder.source, path, holder.depth.saturating_add(1));
        self.graft(into, container, inner, holder.budget.clone()).map(|_| ())
    }
}

/// Whether a packed member begins as a container does.
fn begins_well(holder: &Holder, id: EntryId) -> Result<bool> {
    let mut head = Vec::new();
    holder.container.open(id)?.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(may_be(&head))
}

impl Children {
    /// Adds nodes by their folded names, which are free.
    fn add(&mut self, more: Named) {
        self.names.extend(more);
        let mut sorted: Vec<(&str, NodeId)> = self.names.iter().map(|(name, id)| (&**name, *id)).collect();
        sorted.sort_unstable();
        self.order = sorted.into_iter().map(|(_, id)| id).collect();
    }
}

fn name_of(local: &Path) -> Box<str> {
    local.file_name().map(|name| name.to_string_lossy().into()).unwrap_or_default()
}

/// `NAME.contents`, or with a number where the medium has such a name itself.
fn free_name(dir: &Dir, name: &str) -> String {
    let children = whole(dir.children.read());
    let mut free = format!("{name}.contents");
    let mut number = 0u32;
    while children.names.contains_key(&fold(&free)) {
        number = number.saturating_add(1);
        free = format!("{name}.contents.{number}");
    }
    free
}
