//! The metadata of an image: security data, which are passed over, then directories of entries (WIM white
//! paper, "Image metadata").

use super::blobs::{Blobs, Sha1};
use crate::container::{Entry, EntryKind, EntryPath, Finding, Findings, Location, Name, Role, Severity};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::limits::Limits;
use crate::text::{utf16_le, wtf8_be};
use crate::time::Timestamp;
use std::collections::{HashMap, HashSet};

/// Bytes of an entry before its names.
const FIXED: usize = 102;
/// Bytes of a stream's entry before its name.
const STREAM_FIXED: usize = 38;
const DIRECTORY: u32 = 0x10;
const REPARSE_POINT: u32 = 0x400;
const ENCRYPTED: u32 = 0x4000;
/// Reparse tags: a symbolic link, a mount point (junction).
pub(super) const TAG_SYMLINK: u32 = 0xa000_000c;
pub(super) const TAG_MOUNT_POINT: u32 = 0xa000_0003;

/// The number of no blob.
pub(super) const NO_BLOB: u32 = u32::MAX;
/// The number that stands for a blob which no table knows.
pub(super) const MISSING: u32 = u32::MAX - 1;
/// The number that stands for what is encrypted by the file system.
pub(super) const SEALED: u32 = u32::MAX - 2;

/// A link whose target is still to be read.
pub(super) struct Reparse {
    pub(super) entry: usize,
    pub(super) blob: u32,
    pub(super) tag: u32,
}

/// Entries as they are gathered from all images.
pub(super) struct Trees<'a> {
    pub(super) blobs: &'a Blobs,
    pub(super) limits: &'a Limits,
    pub(super) entries: Vec<Entry>,
    /// The blob of each entry.
    pub(super) of_entry: Vec<u32>,
    pub(super) reparse: Vec<Reparse>,
    pub(super) findings: Findings,
    links: HashMap<(u32, u64), u64>,
    path_bytes: u64,
    others: u64,
    /// Bytes of the metadata that are not used yet: where entries overlap, they are used twice.
    left: usize,
}

/// An entry's fixed part and names.
struct Dentry {
    attributes: u32,
    children: u64,
    modified: Option<Timestamp>,
    sha1: Sha1,
    tag: u32,
    group: u64,
    name: Vec<u8>,
    /// Streams by name (UTF-16LE).
    streams: Vec<(Vec<u8>, Sha1)>,
    /// Where the next one begins.
    next: usize,
}

impl<'a> Trees<'a> {
    pub(super) fn new(blobs: &'a Blobs, limits: &'a Limits) -> Self {
        Self {
            blobs,
            limits,
            entries: Vec::new(),
            of_entry: Vec::new(),
            reparse: Vec::new(),
            findings: Findings::default(),
            links: HashMap::new(),
            path_bytes: 0,
            others: 0,
            left: 0,
        }
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, entry: Entry, blob: u32) -> Result<()> {
        if self.entries.len() as u64 >= self.limits.entries {
            return Err(Error::limit("entries", self.limits.entries));
        }
        let len = entry.path.text().len();
        if len > self.limits.path_bytes {
            return Err(Error::limit("bytes of a path", self.limits.path_bytes as u64));
        }
        self.path_bytes = self.path_bytes.saturating_add(len as u64);
        if self.path_bytes > self.limits.all_path_bytes {
            return Err(Error::limit("bytes of all paths", self.limits.all_path_bytes));
        }
        self.entries.push(entry);
        self.of_entry.push(blob);
        Ok(())
    }

    /// Adds all entries of image `image`, below `prefix`. What is damaged below a directory costs what is
    /// below it.
    pub(super) fn image(&mut self, image: u32, prefix: EntryPath, metadata: &[u8]) -> Result<()> {
        let security = Fields::new("security data", metadata, 0).u32_le(0, "total length")?;
        let root = usize::try_from(security).unwrap_or(usize::MAX).max(8).checked_next_multiple_of(8);
        let root = root.ok_or_else(|| Error::damaged("security data").during("metadata"))?;
        self.left = metadata.len();
        let root = match dentry(metadata, root)? {
            Some(root) => root,
            None => return Ok(()),
        };
        if !prefix.text().is_empty() {
            let mut entry = Entry::new(prefix.clone(), EntryKind::Dir);
            entry.modified = root.modified;
            self.push(entry, NO_BLOB)?;
        }
        let mut seen: HashSet<u64> = HashSet::new();
        let mut open = vec![(prefix, root.children, 0u32)];
        while let Some((path, children, depth)) = open.pop() {
            if children == 0 {
                continue;
            }
            if depth >= self.limits.directory_depth {
                return Err(Error::limit("directories in directories", self.limits.directory_depth.into()));
            }
            if !seen.insert(children) {
                let what = "a directory that is in another place already";
                self.findings.push(Finding::about(Severity::Damaged, path.text(), what));
                continue;
            }
            let first = open.len();
            if let Err(error) = self.directory(image, &path, children, depth, metadata, &mut open) {
                if matches!(error.kind(), crate::error::Kind::Limit { .. }) {
                    return Err(error);
                }
                self.findings.push(Finding::about(Severity::Damaged, path.text(), error.to_string()));
            }
            // The first child comes off the stack first.
            open.get_mut(first..).unwrap_or_default().reverse();
        }
        Ok(())
    }

    fn directory(
        &mut self,
        image: u32,
        path: &EntryPath,
        at: u64,
        depth: u32,
        metadata: &[u8],
        open: &mut Vec<(EntryPath, u64, u32)>,
    ) -> Result<()> {
        let mut at = usize::try_from(at).map_err(|_| Error::damaged("directory beyond the metadata"))?;
        while let Some(dentry) = dentry(metadata, at)? {
            let used = dentry.next.saturating_sub(at);
            self.left = self.left.checked_sub(used).ok_or_else(|| Error::damaged("entries that overlap"))?;
            at = dentry.next;
            let name = name(&dentry.name);
            if name.text().is_empty() {
                let what = "an entry without a name";
                self.findings.push(Finding::about(Severity::Damaged, path.text(), what));
                continue;
            }
            let path = path.join(&name);
            if let Some(children) = self.dentry(image, &path, &dentry)? {
                open.push((path, children, depth + 1));
            }
        }
        Ok(())
    }

    /// Adds an entry and its streams; gives where a directory's children are.
    fn dentry(&mut self, image: u32, path: &EntryPath, dentry: &Dentry) -> Result<Option<u64>> {
        let is_directory = dentry.attributes & DIRECTORY != 0;
        let is_reparse = dentry.attributes & REPARSE_POINT != 0;
        let is_link = is_reparse && matches!(dentry.tag, TAG_SYMLINK | TAG_MOUNT_POINT);
        let mut unnamed = std::iter::once(&dentry.sha1)
            .chain(dentry.streams.iter().filter(|(name, _)| name.is_empty()).map(|(_, sha1)| sha1))
            .filter(|sha1| **sha1 != [0; 20]);
        let content = unnamed.next().copied();
        let mut entry = Entry::new(path.clone(), EntryKind::File);
        entry.modified = dentry.modified;
        let mut blob = NO_BLOB;
        if is_link {
            entry.kind = EntryKind::Symlink;
            match content.and_then(|sha1| self.blobs.find(&sha1)) {
                Some(blob) => {
                    self.reparse.push(Reparse { entry: self.entries.len(), blob, tag: dentry.tag });
                }
                None => self.findings.push(Finding::about(
                    Severity::Damaged,
                    path.text(),
                    "a link without a target",
                )),
            }
        } else if is_directory {
            entry.kind = EntryKind::Dir;
        } else {
            if let Some(sha1) = content {
                blob = self.blobs.find(&sha1).unwrap_or(MISSING);
                self.place(&mut entry, blob);
                if dentry.attributes & ENCRYPTED != 0 {
                    blob = SEALED;
                }
            }
            if dentry.group != 0 && !is_reparse {
                let next = self.links.len() as u64 + 1;
                entry.link = Some(*self.links.entry((image, dentry.group)).or_insert(next));
            }
        }
        if is_reparse && !is_link {
            self.others += 1;
            if self.others <= 16 {
                let what =
                    format!("a reparse point with the tag {:#010x}, shown as it is stored", dentry.tag);
                self.findings.push(Finding::about(Severity::Note, path.text(), what));
            }
        }
        let modified = entry.modified;
        self.push(entry, blob)?;
        for (stream, sha1) in dentry.streams.iter().filter(|(name, _)| !name.is_empty()) {
            let own = path.text().rsplit('/').next().unwrap_or_default();
            let parent = path.text().get(..path.text().len() - own.len()).unwrap_or_default();
            let text = format!("{parent}{own}:{}", name(stream).text());
            let mut entry = Entry::new(EntryPath::new(text), EntryKind::File);
            (entry.role, entry.modified) = (Role::Stream, modified);
            let mut blob = NO_BLOB;
            if *sha1 != [0; 20] {
                blob = self.blobs.find(sha1).unwrap_or(MISSING);
                self.place(&mut entry, blob);
            }
            self.push(entry, blob)?;
        }
        Ok((is_directory && !is_link).then_some(dentry.children))
    }

    /// Says how large an entry is and where.
    fn place(&mut self, entry: &mut Entry, number: u32) {
        match self.blobs.get(number) {
            Some(blob) => {
                entry.bytes = blob.bytes;
                entry.location = self.blobs.location(number, blob);
            }
            None => {
                entry.location = Location::Packed(Vec::new().into());
                let what = "no resource has its SHA-1";
                self.findings.push(Finding::about(Severity::Damaged, entry.path.text(), what));
            }
        }
    }
}

/// Reads the entry at `at`; `None` where the directory ends.
fn dentry(metadata: &[u8], at: usize) -> Result<Option<Dentry>> {
    const NAME: &str = "directory entry";
    let rest = metadata.get(at..).ok_or_else(|| Error::damaged("directory beyond the metadata"))?;
    let fields = Fields::new(NAME, rest, at as u64);
    let length = fields.u64_le(0, "length")?;
    if length < FIXED as u64 {
        return Ok(None);
    }
    let too_long = || fields.wrong(0, "length", Error::damaged("entry beyond the metadata"));
    let length = usize::try_from(length).ok().filter(|&length| length <= rest.len()).ok_or_else(too_long)?;
    let own = fields.part(NAME, 0, length)?;
    let mut sha1 = [0; 20];
    sha1.copy_from_slice(own.bytes(64, 20, "hash")?);
    let name_len = usize::from(own.u16_le(100, "name length")?);
    let name = own.bytes(FIXED, name_len & !1, "name")?.to_vec();
    let mut next = length.checked_next_multiple_of(8).ok_or_else(too_long)?;
    let mut streams = Vec::new();
    for _ in 0..own.u16_le(96, "number of streams")? {
        let length = fields.u64_le(next, "length of a stream's entry")?;
        let length = usize::try_from(length).ok().filter(|&length| length >= STREAM_FIXED);
        let length = length.ok_or_else(too_long)?;
        let stream = fields.part("stream entry", next, length)?;
        let mut sha1 = [0; 20];
        sha1.copy_from_slice(stream.bytes(16, 20, "hash")?);
        let name_len = usize::from(stream.u16_le(36, "name length")?);
        streams.push((stream.bytes(STREAM_FIXED, name_len & !1, "name")?.to_vec(), sha1));
        next = next.saturating_add(length.checked_next_multiple_of(8).ok_or_else(too_long)?);
    }
    Ok(Some(Dentry {
        attributes: own.u32_le(8, "attributes")?,
        children: own.u64_le(16, "subdirectory offset")?,
        modified: filetime(own.u64_le(56, "last write time")?),
        sha1,
        tag: own.u32_le(88, "reparse tag")?,
        group: own.u64_le(88, "hard link group")?,
        name,
        streams,
        next: at.saturating_add(next),
    }))
}

/// A name as an entry's: what would be a separator is not one.
fn name(bytes: &[u8]) -> Name {
    let (text, whole) = utf16_le(bytes);
    let text = if text.contains('/') { text.replace('/', "\u{fffd}") } else { text };
    if whole {
        return Name::new(text);
    }
    let swapped: Vec<u8> = bytes.chunks_exact(2).flat_map(|pair| pair.iter().rev().copied()).collect();
    Name::lossy(text, &wtf8_be(&swapped))
}

/// 100-nanosecond units since 1601.
fn filetime(units: u64) -> Option<Timestamp> {
    const TO_1970: i64 = 11_644_473_600;
    if units == 0 {
        return None;
    }
    let seconds = i64::try_from(units / 10_000_000).ok()? - TO_1970;
    let nanos = u32::try_from(units % 10_000_000).ok()? * 100;
    Some(Timestamp { seconds, nanos, zone: Some(0) })
}

/// Where a link points, out of its reparse data, with `/` between its parts; `None` where it does not say.
pub(super) fn target(tag: u32, data: &[u8]) -> Option<String> {
    let fields = Fields::new("reparse data", data, 0);
    let at = usize::from(fields.u16_le(0, "substitute name offset").ok()?);
    let len = usize::from(fields.u16_le(2, "substitute name length").ok()?);
    // A symbolic link has flags before its names.
    let names = if tag == TAG_SYMLINK { 12 } else { 8 };
    let (text, _) = utf16_le(fields.bytes(at.checked_add(names)?, len & !1, "substitute name").ok()?);
    let text = text.strip_prefix(r"\??\").unwrap_or(&text);
    let text = text.replace('\\', "/");
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filetime_is_a_time() {
        assert_eq!(filetime(116_444_736_000_000_000).unwrap().rfc3339(), "1970-01-01T00:00:00Z");
        assert_eq!(filetime(0), None);
    }

    #[test]
    fn a_links_target_loses_its_prefix() {
        let text: Vec<u8> = r"\??\C:\Users".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut data = vec![0, 0, u8::try_from(text.len()).unwrap(), 0, 0, 0, 0, 0];
        data.extend(&text);
        assert_eq!(target(TAG_MOUNT_POINT, &data).as_deref(), Some("C:/Users"));
        assert_eq!(target(TAG_SYMLINK, &data), None, "names begin behind the flags");
        assert_eq!(target(TAG_MOUNT_POINT, &data[..9]), None);
    }

    #[test]
    fn half_a_pair_and_a_separator_are_kept_apart() {
        assert_eq!(name(b"a\0/\0b\0").text(), "a\u{fffd}b");
        let half = name(&[0x3d, 0xd8, b'x', 0]);
        assert_eq!((half.text(), half.bytes()), ("\u{fffd}x", b"\xed\xa0\xbdx".as_slice()));
    }
}
