//! SquashFS 4.0: the packed, read-only file system of live media and AppImages.
//!
//! The catalogue is the directory table and the inodes; files are blocks that are each packed alone, and
//! their ends lie together in fragments. There are no checksums but those of the compressors.

mod block;
mod inode;

use super::{Certainty, Evidence, Format, Options, Probe};
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, EntryPath, Extents, Finding, Findings, Layer, Location,
    Name, Severity,
};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::source::{Piece, SharedSource};
use crate::time::Timestamp;
use block::{AS_IT_IS, Blocks, Content};
use inode::{File, Inode, Metadata, Superblock, What};
use std::collections::HashSet;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "squashfs",
    title: "SquashFS file system",
    spec: &["SquashFS 4.0 (Documentation/filesystems/squashfs.rst of Linux, squashfs-tools 4.6)"],
    limits: &[
        "versions before 4.0 and big-endian file systems are not read",
        "blocks packed by LZO are listed where the metadata is not, and cannot be read",
        "owners and extended attributes are not shown",
        "there are no checksums: a changed byte is noticed where it does not unpack",
    ],
    probe,
    open,
};

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    let here = probe.has(0, b"hsqs") && probe.has(28, &[4, 0, 0, 0]);
    let why = "a SquashFS 4.0 superblock".to_owned();
    Ok(here.then_some(Evidence { certainty: Certainty::Sure, why }))
}

/// An opened file system.
struct SquashFs {
    catalogue: Catalogue,
    blocks: Arc<Blocks>,
    metadata: Mutex<Metadata>,
    /// Each entry's inode.
    inodes: Vec<u64>,
    most_blocks: u64,
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let superblock = Superblock::read(&source)?;
    let blocks = Arc::new(Blocks::new(source.clone(), superblock.compressor, superblock.block_bytes));
    let detail = format!(
        "SquashFS 4.0, {}, blocks of {} KiB",
        superblock.compressor.title(),
        superblock.block_bytes >> 10
    );
    let modified = superblock.modified;
    let used = superblock.bytes_used;
    let walk = Walk {
        metadata: Metadata::new(source.clone(), superblock),
        limits: &options.limits,
        entries: Vec::new(),
        inodes: Vec::new(),
        findings: Findings::default(),
        seen: HashSet::new(),
        listings: HashSet::new(),
        blocks: 0,
        path_bytes: 0,
        end: used,
    };
    let Walk { metadata, entries, inodes, findings, end, .. } = walk.run()?;
    let mut catalogue = Catalogue::new(source.clone());
    // Zeros that fill up the last 4 KiB are a tail.
    catalogue.end = end;
    let created = Timestamp { seconds: modified.into(), nanos: 0, zone: Some(0) };
    catalogue.facts.named.push(("created", created.rfc3339()));
    let files = entries.iter().filter(|entry| entry.kind == EntryKind::File).count() as u64;
    catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail,
        label: None,
        entries: Some(files),
        used: true,
    });
    catalogue.findings = findings.finish();
    catalogue.entries = entries;
    let most_blocks = options.limits.extents_per_file;
    Ok(Box::new(SquashFs { catalogue, blocks, metadata: Mutex::new(metadata), inodes, most_blocks }))
}

struct Walk<'a> {
    metadata: Metadata,
    limits: &'a Limits,
    entries: Vec<Entry>,
    inodes: Vec<u64>,
    findings: Findings,
    /// Directories that were read: none is read twice.
    seen: HashSet<u64>,
    /// Their listings: none is shared.
    listings: HashSet<(u64, usize)>,
    /// Blocks of all files so far.
    blocks: u64,
    path_bytes: u64,
    end: u64,
}

impl Walk<'_> {
    fn run(mut self) -> Result<Self> {
        let root = self.metadata.superblock.root;
        let What::Directory(listing) = self.metadata.inode(root, 0)?.what else {
            return Err(Error::damaged("the root is no directory").at("SquashFS superblock", 32));
        };
        self.seen.insert(root);
        self.listings.extend(listing.place());
        let mut open = vec![(EntryPath::default(), listing, 0u32)];
        while let Some((path, listing, depth)) = open.pop() {
            let mut children = Vec::new();
            let most = self.limits.entries.saturating_sub(self.entries.len() as u64);
            if let Err(error) = self.metadata.children(listing, most, &mut children) {
                if !error.is_damage() {
                    return Err(error);
                }
                let what = format!("the directory cannot be read to its end: {error}");
                self.findings.push(Finding::about(Severity::Damaged, path.text(), what));
            }
            let from = open.len();
            for child in children {
                let here = path.join(&Name::from_utf8(&child.name));
                let most =
                    self.limits.all_extents.saturating_sub(self.blocks).min(self.limits.extents_per_file);
                let inode = match self.metadata.inode(child.inode, most) {
                    Ok(inode) => inode,
                    Err(error) if error.is_damage() => {
                        let what = format!("its inode cannot be read: {error}");
                        self.findings.push(Finding::about(Severity::Damaged, here.text(), what));
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                if let What::Directory(listing) = &inode.what {
                    let known = !self.seen.insert(child.inode)
                        || listing.place().is_some_and(|place| !self.listings.insert(place));
                    if known || depth >= self.limits.directory_depth {
                        let what = "the directory is another one's, too, or too deep";
                        self.findings.push(Finding::about(Severity::Damaged, here.text(), what));
                        continue;
                    }
                    open.push((here.clone(), *listing, depth + 1));
                }
                self.add(here, &inode, child.inode)?;
            }
            // The first directory is read first.
            if let Some(new) = open.get_mut(from..) {
                new.reverse();
            }
        }
        Ok(self)
    }

    fn add(&mut self, path: EntryPath, inode: &Inode, reference: u64) -> Result<()> {
        self.path_bytes = self.path_bytes.saturating_add(path.bytes().len() as u64);
        if self.path_bytes > self.limits.all_path_bytes {
            return Err(Error::limit("bytes of paths in one container", self.limits.all_path_bytes));
        }
        let kind = match &inode.what {
            What::Directory(_) => EntryKind::Dir,
            What::File(_) => EntryKind::File,
            What::Symlink(_) => EntryKind::Symlink,
            What::Other => EntryKind::Other,
        };
        let mut entry = Entry::new(path, kind);
        entry.mode = Some(inode.mode);
        entry.modified = Some(Timestamp { seconds: inode.modified.into(), nanos: 0, zone: Some(0) });
        match &inode.what {
            What::File(file) => {
                entry.bytes = file.bytes;
                self.blocks = self.blocks.saturating_add(file.sizes.len() as u64);
                entry.link = (inode.links > 1).then_some(inode.number.into());
                entry.location = location(file);
            }
            What::Symlink(target) => entry.target = Some(String::from_utf8_lossy(target).into()),
            _ => {}
        }
        self.entries.push(entry);
        self.inodes.push(reference);
        Ok(())
    }
}

/// Where a file's packed bytes lie: its blocks follow each other, the fragment lies elsewhere.
fn location(file: &File) -> Location {
    if file.bytes == 0 {
        return Location::Nowhere;
    }
    let blocks =
        file.sizes.iter().fold(0u64, |sum, size| sum.saturating_add(u64::from(size & (AS_IT_IS - 1))));
    let mut pieces = Vec::new();
    if blocks > 0 {
        pieces.push(Piece { at: Some(file.start), len: blocks });
    }
    if let Some(fragment) = file.fragment {
        pieces.push(Piece { at: Some(fragment.at), len: u64::from(fragment.size & (AS_IT_IS - 1)) });
    }
    Location::Packed(Extents::from(pieces))
}

impl Container for SquashFs {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        let entry = self.entry(id)?;
        let reference = self.inodes.get(id.0).filter(|_| entry.kind == EntryKind::File);
        let Some(reference) = reference else { return Ok(Box::new(io::empty())) };
        let mut metadata = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        match metadata.inode(*reference, self.most_blocks)?.what {
            What::File(file) => Ok(Box::new(Content::new(self.blocks.clone(), file))),
            _ => Ok(Box::new(io::empty())),
        }
    }
}
