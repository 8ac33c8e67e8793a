//! A view as the crate `smb-server` asks for it.

use super::Complain;
use super::pattern::Pattern;
use crate::container::EntryKind;
use crate::error::{Error, Kind, Result};
use crate::guard::guarded;
use crate::source::SharedSource;
use crate::time::Timestamp;
use crate::view::{Case, NodeId, View};
use async_trait::async_trait;
use smb_server::{
    BackendCapabilities, Bytes, DirEntry, FileInfo, FileTimes, Handle, OpenAction, OpenIntent, OpenOptions,
    ShareBackend, SmbError, SmbPath, SmbResult, VolumeInfo,
};
use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Files that are complained about at most.
const MOST_FAULTS: usize = 1000;
/// Bytes of a sector, and sectors of an allocation unit: those of optical discs.
const SECTOR: u32 = 2048;
/// Characters of a volume label that Windows shows.
const MOST_LABEL: usize = 32;

/// The share's content.
pub(super) struct MediaShare(Arc<Shared>);

struct Shared {
    view: Arc<View>,
    complain: Complain,
    complained: Mutex<HashSet<NodeId>>,
}

impl MediaShare {
    pub(super) fn new(view: Arc<View>, complain: Complain) -> Self {
        Self(Arc::new(Shared { view, complain, complained: Mutex::default() }))
    }
}

impl Shared {
    /// The error that a client sees; the reason is told here, once for each file.
    fn refuse(&self, id: NodeId, error: &Error) -> SmbError {
        match error.kind() {
            Kind::NotFound { .. } => return SmbError::NotFound,
            Kind::Usage(_) => return SmbError::NotADirectory,
            _ => {}
        }
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if complained.len() < MOST_FAULTS && complained.insert(id) {
            drop(complained);
            let named = !error.place().medium.is_empty();
            let told = error.again();
            let told = if named { told } else { told.of(&self.view.path(id).unwrap_or_default()) };
            (self.complain)(&told);
        }
        SmbError::Io(io::ErrorKind::InvalidData.into())
    }

    /// What the view says, and nothing worse.
    fn ask<T>(&self, id: NodeId, question: impl FnOnce(&View) -> Result<T>) -> SmbResult<T> {
        guarded("answers to SMB clients", || question(&self.view)).map_err(|error| self.refuse(id, &error))
    }

    /// The node at a path: links in it are followed, for Windows knows them not.
    fn find(&self, path: &SmbPath) -> SmbResult<NodeId> {
        let mut at = NodeId::ROOT;
        let mut parts = path.components().iter().peekable();
        while let Some(part) = parts.next() {
            let found = match self.ask(at, |view| view.child(at, part, Case::Folded))? {
                Some(child) => self.ask(child, |view| view.resolve(child))?,
                None => None,
            };
            let Some(found) = found else {
                return Err(if parts.peek().is_some() { SmbError::PathNotFound } else { SmbError::NotFound });
            };
            at = found;
            if parts.peek().is_some() && self.ask(at, |view| view.node(at))?.kind != EntryKind::Dir {
                return Err(SmbError::PathNotFound);
            }
        }
        Ok(at)
    }

    /// What is known of a node that is shown under `name`.
    fn info(&self, id: NodeId, name: String) -> SmbResult<FileInfo> {
        let node = self.ask(id, |view| view.node(id))?;
        let time = node.modified.map_or(0, filetime);
        let mut info = FileInfo::new(name);
        info.end_of_file = node.bytes;
        info.allocation_size = node.bytes.div_ceil(SECTOR.into()).saturating_mul(SECTOR.into());
        info.creation_time = time;
        info.last_access_time = time;
        info.last_write_time = time;
        info.change_time = time;
        info.is_directory = node.kind == EntryKind::Dir;
        info.file_index = id.0;
        Ok(info)
    }

    fn list(&self, directory: NodeId, pattern: Option<&str>) -> SmbResult<Vec<DirEntry>> {
        let pattern = pattern.map(Pattern::new);
        let mut out = Vec::new();
        for child in self.ask(directory, |view| view.children(directory))? {
            let name = self.ask(child, |view| view.node(child))?.name;
            if pattern.as_ref().is_some_and(|pattern| !pattern.matches(&name)) {
                continue;
            }
            // A link that leads nowhere is not there.
            if let Some(shown) = self.ask(child, |view| view.resolve(child))? {
                out.push(DirEntry { info: self.info(shown, name)? });
            }
        }
        Ok(out)
    }

    /// Up to `len` bytes from `offset`; none at the end of the file.
    fn read(&self, file: &OpenFile, offset: u64, len: usize) -> Result<Vec<u8>> {
        let source = match file.source.get() {
            Some(source) => source.clone(),
            None => {
                let source = self.view.open(file.id)?;
                file.source.get_or_init(|| source).clone()
            }
        };
        let left = usize::try_from(file.bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut buf = vec![0; len.min(left)];
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match source.read_at(offset.saturating_add(done as u64), rest) {
                // Short of the end that the listing shows, an end would be a lie.
                Ok(0) => return Err(Error::truncated(file.bytes, source.len()).during("content")),
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::from(error)),
            }
        }
        Ok(buf)
    }
}

/// 100 ns since 1601, as Windows counts; 0, which stands for no time, for what lies before.
fn filetime(time: Timestamp) -> u64 {
    const EPOCH: i64 = 11_644_473_600;
    let seconds = u64::try_from(time.seconds.saturating_add(EPOCH)).unwrap_or(0);
    seconds.saturating_mul(10_000_000).saturating_add(u64::from(time.nanos / 100))
}

/// Runs what may wait for a disk or a decoder beside the threads that answer.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> SmbResult<T> + Send + 'static) -> SmbResult<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(SmbError::Io(io::ErrorKind::Other.into())),
    }
}

#[async_trait]
impl ShareBackend for MediaShare {
    async fn open(&self, path: &SmbPath, opts: OpenOptions) -> SmbResult<(Box<dyn Handle>, OpenAction)> {
        let writes = opts.write || opts.write_attributes || opts.delete_on_close;
        if writes || !matches!(opts.intent, OpenIntent::Open | OpenIntent::OpenOrCreate) {
            return Err(SmbError::AccessDenied);
        }
        let shared = self.0.clone();
        let path = path.clone();
        aside(move || {
            let id = match shared.find(&path) {
                Err(SmbError::NotFound) if opts.intent == OpenIntent::OpenOrCreate => {
                    return Err(SmbError::AccessDenied);
                }
                other => other?,
            };
            let info = shared.info(id, path.file_name().unwrap_or_default().to_owned())?;
            match info.is_directory {
                true if opts.non_directory => return Err(SmbError::IsDirectory),
                false if opts.directory => return Err(SmbError::NotADirectory),
                _ => {}
            }
            let file = OpenFile { id, bytes: info.end_of_file, source: OnceLock::new() };
            let handle: Box<dyn Handle> = Box::new(Opened { shared, info, file: Arc::new(file) });
            Ok((handle, OpenAction::Opened))
        })
        .await
    }

    async fn unlink(&self, _: &SmbPath) -> SmbResult<()> {
        Err(SmbError::AccessDenied)
    }

    async fn rename(&self, _: &SmbPath, _: &SmbPath, _: bool) -> SmbResult<()> {
        Err(SmbError::AccessDenied)
    }

    fn capabilities(&self) -> BackendCapabilities {
        let mut capabilities = BackendCapabilities::default();
        capabilities.is_read_only = true;
        capabilities.case_sensitive = false;
        capabilities
    }

    async fn volume_info(&self) -> SmbResult<VolumeInfo> {
        let sources = self.0.view.sources();
        let bytes = sources.iter().fold(0u64, |sum, shown| {
            sum.saturating_add(shown.container.source().len().max(shown.container.extent().end))
        });
        let mut volume = VolumeInfo::default();
        volume.total_allocation_units = bytes.div_ceil(SECTOR.into());
        volume.caller_available_allocation_units = 0;
        volume.actual_available_allocation_units = 0;
        volume.bytes_per_sector = SECTOR;
        if let [only] = sources {
            let label = only.container.facts().label.as_deref().unwrap_or_default();
            let label: String = label.chars().filter(|c| !c.is_control()).take(MOST_LABEL).collect();
            volume.label = Some(label).filter(|label| !label.is_empty());
        }
        Ok(volume)
    }
}

/// A file's content, opened when it is first read: clients open files for their attributes too.
struct OpenFile {
    id: NodeId,
    bytes: u64,
    source: OnceLock<SharedSource>,
}

/// An open file or directory.
struct Opened {
    shared: Arc<Shared>,
    info: FileInfo,
    file: Arc<OpenFile>,
}

#[async_trait]
impl Handle for Opened {
    async fn read(&self, offset: u64, len: u32) -> SmbResult<Bytes> {
        if self.info.is_directory {
            return Err(SmbError::IsDirectory);
        }
        let (shared, file) = (self.shared.clone(), self.file.clone());
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        aside(move || {
            guarded("content", || shared.read(&file, offset, len))
                .map(Bytes::from)
                .map_err(|error| shared.refuse(file.id, &error))
        })
        .await
    }

    async fn write(&self, _: u64, _: &[u8]) -> SmbResult<u32> {
        Err(SmbError::AccessDenied)
    }

    async fn flush(&self) -> SmbResult<()> {
        Ok(())
    }

    async fn stat(&self) -> SmbResult<FileInfo> {
        Ok(self.info.clone())
    }

    async fn set_times(&self, _: FileTimes) -> SmbResult<()> {
        Err(SmbError::AccessDenied)
    }

    async fn set_attributes(&self, _: u32) -> SmbResult<()> {
        Err(SmbError::AccessDenied)
    }

    async fn truncate(&self, _: u64) -> SmbResult<()> {
        Err(SmbError::AccessDenied)
    }

    async fn list_dir(&self, pattern: Option<&str>) -> SmbResult<Vec<DirEntry>> {
        let (shared, id) = (self.shared.clone(), self.file.id);
        let pattern = pattern.map(str::to_owned);
        aside(move || shared.list(id, pattern.as_deref())).await
    }

    async fn close(self: Box<Self>) -> SmbResult<()> {
        Ok(())
    }
}
