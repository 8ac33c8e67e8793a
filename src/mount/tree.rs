//! Answers to the kernel's requests: names, attributes and bytes of a view.

use super::Complain;
use crate::container::EntryKind;
use crate::error::{Error, Kind, Result};
use crate::guard::guarded;
use crate::source::SharedSource;
use crate::view::{Case, Node, NodeId, View};
use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEntry,
    ReplyOpen, ReplyStatfs, Request,
};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

/// How long the kernel may keep an answer. Nothing changes while it is mounted.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// Bytes that a program had best ask for at once.
const BLOCK: u32 = 128 << 10;
/// The unit of what `df` shows.
const UNIT: u32 = 2048;
/// Bytes of one read at most: the kernel asks for no more than this.
const MOST_READ: u32 = 1 << 20;
/// Requests that the kernel may have under way of its own accord: read-ahead.
const UNDER_WAY: u16 = 64;
/// Faults that are kept and told at most.
const MOST_FAULTS: usize = 1000;
/// Files and listings that are at hand, because they are being read just now.
const AT_HAND: usize = 16;

pub(super) struct Tree {
    view: Arc<View>,
    complain: Complain,
    /// Files whose bytes are not to be had, with the error where trying again would be of no use.
    faults: Mutex<HashMap<NodeId, Option<Error>>>,
    files: Mutex<Recent<SharedSource>>,
    listings: Mutex<Recent<Arc<[NodeId]>>>,
    owner: (u32, u32),
    /// Open files need no requests of their own.
    no_open: bool,
    no_opendir: bool,
}

/// A few things by their node; the one that was used last is at the end.
struct Recent<T>(Vec<(NodeId, T)>);

impl<T: Clone> Recent<T> {
    fn get(&mut self, id: NodeId) -> Option<T> {
        let at = self.0.iter().rposition(|(known, _)| *known == id)?;
        let found = self.0.remove(at);
        let value = found.1.clone();
        self.0.push(found);
        Some(value)
    }

    fn put(&mut self, id: NodeId, value: T) {
        self.0.retain(|(known, _)| *known != id);
        if self.0.len() >= AT_HAND {
            self.0.remove(0);
        }
        self.0.push((id, value));
    }
}

/// Every change under these locks leaves a whole behind it, so a panic elsewhere is no reason to stop.
fn whole<T>(lock: Result<T, PoisonError<T>>) -> T {
    lock.unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    /// What was read last: the same memory serves all requests of a thread.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Tree {
    pub(super) fn new(view: Arc<View>, complain: Complain) -> Self {
        Self {
            view,
            complain,
            faults: Mutex::default(),
            files: Mutex::new(Recent(Vec::new())),
            listings: Mutex::new(Recent(Vec::new())),
            owner: (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw()),
            no_open: false,
            no_opendir: false,
        }
    }

    /// What the view says, and nothing worse: a fault of ours is an I/O error to whoever asked.
    fn ask<T>(&self, id: NodeId, question: impl FnOnce(&View) -> Result<T>) -> Result<T, Errno> {
        guarded("answers to the kernel", || question(&self.view)).map_err(|error| match error.kind() {
            Kind::NotFound { .. } => Errno::ENOENT,
            Kind::Usage(_) => Errno::ENOTDIR,
            _ => {
                self.fault(id, &error);
                Errno::EIO
            }
        })
    }

    /// Tells once of each file why it cannot be read.
    fn fault(&self, id: NodeId, error: &Error) {
        let mut faults = whole(self.faults.lock());
        if faults.len() > MOST_FAULTS || faults.contains_key(&id) {
            return;
        }
        // A full disk may be emptied; what the medium has not it will never have.
        let lasting = match error.kind() {
            Kind::Io(_) | Kind::Changed(_) | Kind::Cancelled => None,
            _ => Some(error.again()),
        };
        faults.insert(id, lasting);
        let last = faults.len() > MOST_FAULTS;
        drop(faults);
        if last {
            return (self.complain)(&Error::limit(
                "files that cannot be read; no more are named",
                MOST_FAULTS as u64,
            ));
        }
        let path = self.view.path(id).unwrap_or_default();
        let mut told = error.again();
        // The view names what it could not open by its last part.
        if told.place().medium.is_empty() {
            told = told.of(&path);
        }
        (self.complain)(&told);
    }

    fn attributes(&self, id: NodeId, node: &Node) -> FileAttr {
        let time = node.modified.and_then(|time| time.to_system()).unwrap_or(UNIX_EPOCH);
        let (kind, perm) = match node.kind {
            EntryKind::Dir => (FileType::Directory, 0o555),
            EntryKind::Symlink => (FileType::Symlink, 0o777),
            _ if node.executable => (FileType::RegularFile, 0o555),
            _ => (FileType::RegularFile, 0o444),
        };
        let size = match &node.target {
            Some(target) => target.len() as u64,
            None => node.bytes,
        };
        FileAttr {
            ino: INodeNo(id.0),
            size,
            blocks: size.div_ceil(512),
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind,
            perm,
            // 1 says of a directory that its subdirectories were not counted.
            nlink: 1,
            uid: self.owner.0,
            gid: self.owner.1,
            rdev: 0,
            blksize: BLOCK,
            flags: 0,
        }
    }

    fn found(&self, parent: NodeId, name: &OsStr) -> Result<Option<FileAttr>, Errno> {
        // Names in a view are Unicode.
        let Some(name) = name.to_str() else { return Ok(None) };
        self.ask(parent, |view| {
            let Some(id) = view.child(parent, name, Case::Exact)? else { return Ok(None) };
            Ok(Some(self.attributes(id, &view.node(id)?)))
        })
    }

    fn listing(&self, id: NodeId) -> Result<Arc<[NodeId]>, Errno> {
        if let Some(listing) = whole(self.listings.lock()).get(id) {
            return Ok(listing);
        }
        let listing: Arc<[NodeId]> = self.ask(id, |view| view.children(id))?.into();
        whole(self.listings.lock()).put(id, listing.clone());
        Ok(listing)
    }

    /// Gives the entries of a directory from the `offset`th on to `add` until it has no room left: its own name and
    /// that of its parent come first.
    fn list(
        &self,
        id: NodeId,
        offset: u64,
        add: &mut dyn FnMut(u64, &str, &FileAttr) -> bool,
    ) -> Result<(), Errno> {
        let listing = self.listing(id)?;
        let parent = self.ask(id, |view| view.parent(id))?;
        let dots = [(id, "."), (parent, "..")].into_iter().map(|(id, name)| (id, Some(name)));
        let all = dots.chain(listing.iter().map(|id| (*id, None)));
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        for ((id, name), next) in all.skip(skip).zip(offset.saturating_add(1)..) {
            let node = self.ask(id, |view| view.node(id))?;
            if add(next, name.unwrap_or(&node.name), &self.attributes(id, &node)) {
                break;
            }
        }
        Ok(())
    }

    /// A file's source: the one at hand, or opened now.
    fn source(&self, id: NodeId) -> Result<SharedSource> {
        if let Some(source) = whole(self.files.lock()).get(id) {
            return Ok(source);
        }
        if let Some(Some(error)) = whole(self.faults.lock()).get(&id) {
            return Err(error.again());
        }
        let source = self.view.open(id)?;
        whole(self.files.lock()).put(id, source.clone());
        Ok(source)
    }

    /// Fills `buf` from `offset`; how much there is, which is less at the file's end only.
    fn read_into(&self, id: NodeId, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let source = self.source(id)?;
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match source.read_at(offset.saturating_add(done as u64), rest) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::from(error)),
            }
        }
        if done < buf.len() {
            // The kernel would put zeros where bytes are missing: rather none at all.
            let size = self.view.node(id)?.bytes;
            let there = offset.saturating_add(done as u64);
            if there < size {
                return Err(Error::truncated(size, source.len()).during("content"));
            }
        }
        Ok(done)
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").finish_non_exhaustive()
    }
}

impl Filesystem for Tree {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        let wanted = [
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_PARALLEL_DIROPS,
            InitFlags::FUSE_CACHE_SYMLINKS,
            InitFlags::FUSE_ASYNC_DIO,
            InitFlags::FUSE_EXPLICIT_INVAL_DATA,
        ];
        for flag in wanted {
            // A kernel without it does without.
            let _ = config.add_capabilities(flag);
        }
        self.no_open = config.add_capabilities(InitFlags::FUSE_NO_OPEN_SUPPORT).is_ok();
        self.no_opendir = config.add_capabilities(InitFlags::FUSE_NO_OPENDIR_SUPPORT).is_ok();
        let _ = config.set_max_background(UNDER_WAY);
        let _ = config.set_max_write(MOST_READ);
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.found(NodeId(parent.0), name) {
            Ok(Some(attributes)) => reply.entry(&FOREVER, &attributes, Generation(0)),
            Ok(None) => {
                // Inode 0: there is none, and there will be none.
                let none = Node {
                    name: String::new(),
                    kind: EntryKind::File,
                    bytes: 0,
                    modified: None,
                    executable: false,
                    target: None,
                };
                reply.entry(&FOREVER, &self.attributes(NodeId(0), &none), Generation(0));
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let id = NodeId(ino.0);
        match self.ask(id, |view| view.node(id)) {
            Ok(node) => reply.attr(&FOREVER, &self.attributes(id, &node)),
            Err(errno) => reply.error(errno),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        let id = NodeId(ino.0);
        match self.ask(id, |view| view.node(id)) {
            Ok(Node { target: Some(target), .. }) => reply.data(target.as_bytes()),
            Ok(_) => reply.error(Errno::EINVAL),
            Err(errno) => reply.error(errno),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // Answered so, the kernel asks no more: what it needs to know of a file its number tells.
        if self.no_open {
            return reply.error(Errno::ENOSYS);
        }
        reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let id = NodeId(ino.0);
        let size = usize::try_from(size.min(MOST_READ)).unwrap_or_default();
        BUFFER.with_borrow_mut(|buffer| {
            if buffer.len() < size {
                buffer.resize(size, 0);
            }
            let buf = buffer.get_mut(..size).unwrap_or_default();
            match guarded("content", || self.read_into(id, offset, buf)) {
                Ok(n) => reply.data(buffer.get(..n).unwrap_or_default()),
                Err(error) => {
                    self.fault(id, &error);
                    reply.error(Errno::EIO);
                }
            }
        });
    }

    fn opendir(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        if self.no_opendir {
            return reply.error(Errno::ENOSYS);
        }
        reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_CACHE_DIR);
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let mut add = |next: u64, name: &str, of: &FileAttr| reply.add(of.ino, next, of.kind, name);
        match self.list(NodeId(ino.0), offset, &mut add) {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(errno),
        }
    }

    fn readdirplus(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let mut add =
            |next: u64, name: &str, of: &FileAttr| reply.add(of.ino, next, name, &FOREVER, of, Generation(0));
        match self.list(NodeId(ino.0), offset, &mut add) {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(errno),
        }
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        // A directory has no bytes of its own: its end is the sum of its files.
        let bytes = self.view.sources().iter().fold(0u64, |sum, shown| {
            sum.saturating_add(shown.container.source().len().max(shown.container.extent().end))
        });
        let blocks = bytes.div_ceil(UNIT.into());
        reply.statfs(blocks, 0, 0, self.view.count(), 0, UNIT, 255, UNIT);
    }
}
