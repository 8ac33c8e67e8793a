//! Threads that write files while the medium is read.

use super::ReadErrors;
use super::blocks;
use super::destination::{Destination, create, part_name};
use crate::container::Extents;
use crate::digest::{Algorithm, Hasher, Value};
use crate::error::{Error, Kind, Result};
use crate::observe::{Observer, Silent};
use crate::sink::CHUNK;
use crate::source::{READING, SharedSource, Source};
use crate::time::Timestamp;
use cap_std::fs::Dir;
use std::fs::{File, FileTimes};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

/// Batches that wait for a writer. With [`BATCH_BYTES`] this bounds memory.
const QUEUE: usize = 4;
/// Small files are handed over many at a time: waking a thread costs more than writing one of them.
const BATCH_FILES: usize = 64;
/// Bytes of a batch, after which it is handed over.
const BATCH_BYTES: u64 = 1 << 20;

/// A file to be written.
pub(super) struct Job {
    pub(super) target: Target,
    pub(super) content: Content,
}

/// Where and how a file is to stand. Its directory is opened when it is written, so that those that wait hold no files
/// open.
pub(super) struct Target {
    /// Below the destination.
    pub(super) local: PathBuf,
    /// In the medium.
    pub(super) path: String,
    pub(super) bytes: u64,
    pub(super) modified: Option<Timestamp>,
    pub(super) executable: bool,
    /// True where it may share blocks with the medium (see `blocks`): then the kernel copies first.
    pub(super) shares: bool,
    /// True where all its bytes are written, and none is a hole.
    pub(super) solid: bool,
}

/// Where a file's bytes come from.
pub(super) enum Content {
    Bytes(Vec<u8>),
    Place(SharedSource, Extents),
    /// The file stands there already; only its digest is wanted.
    Standing,
}

/// A file that stands there whole.
pub(super) struct Written {
    pub(super) local: PathBuf,
    pub(super) bytes: u64,
    pub(super) kept: bool,
    /// Bytes that it shares with the medium.
    pub(super) shared: u64,
    pub(super) digest: Option<Value>,
}

/// A file that does not.
pub(super) struct Failed {
    pub(super) path: String,
    pub(super) error: Error,
    /// True where the medium is at fault and not this machine.
    pub(super) of_medium: bool,
}

impl Failed {
    pub(super) fn of_medium(path: &str, error: Error) -> Self {
        Self { path: path.to_owned(), error, of_medium: true }
    }

    /// Where this file could not be read and that ends all, this ends all.
    pub(super) fn weighed(self, errors: ReadErrors) -> Self {
        let ends = errors == ReadErrors::Stop && matches!(self.error.kind(), Kind::Io(_));
        Self { of_medium: self.of_medium && !ends, ..self }
    }
}

/// How files are written.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    pub(super) destination: &'a Destination,
    pub(super) digests: Digests,
    pub(super) errors: ReadErrors,
    pub(super) observer: &'a dyn Observer,
}

pub(super) type Outcome = std::result::Result<Written, Failed>;

/// The threads, as long as someone holds this.
pub(super) struct Workers {
    jobs: SyncSender<Vec<Job>>,
    batch: Vec<Job>,
    batch_bytes: u64,
    /// This machine failed a writer: no more jobs make sense.
    broken: Arc<AtomicBool>,
}

impl Workers {
    pub(super) fn start<'scope, 'env>(
        scope: &'scope Scope<'scope, 'env>,
        threads: usize,
        results: &Sender<Outcome>,
        how: How<'env>,
    ) -> Self {
        let (jobs, waiting) = sync_channel::<Vec<Job>>(QUEUE);
        let waiting: Arc<Mutex<Receiver<Vec<Job>>>> = Arc::new(Mutex::new(waiting));
        let broken = Arc::new(AtomicBool::new(false));
        for _ in 0..threads.max(1) {
            let (waiting, results, broken) = (waiting.clone(), results.clone(), broken.clone());
            scope.spawn(move || {
                loop {
                    let batch = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(batch) = batch else { break };
                    for job in batch {
                        if broken.load(Ordering::Relaxed) {
                            break;
                        }
                        let outcome = write(job, how).map_err(|failed| failed.weighed(how.errors));
                        if outcome.as_ref().is_err_and(|failed| !failed.of_medium) {
                            broken.store(true, Ordering::Relaxed);
                        }
                        // The receiver lives as long as the scope does.
                        let _ = results.send(outcome);
                    }
                }
            });
        }
        Self { jobs, batch: Vec::new(), batch_bytes: 0, broken }
    }

    /// Hands a job over, small ones together. Waits while all writers are busy and the queue is full.
    ///
    /// # Errors
    /// `Cancelled` once a writer failed; the writer's own report says why.
    pub(super) fn give(&mut self, job: Job) -> Result<()> {
        self.batch_bytes = self.batch_bytes.saturating_add(job.target.bytes);
        self.batch.push(job);
        if self.batch.len() < BATCH_FILES && self.batch_bytes < BATCH_BYTES { Ok(()) } else { self.flush() }
    }

    /// Hands over what waits.
    ///
    /// # Errors
    /// As [`Workers::give`].
    pub(super) fn flush(&mut self) -> Result<()> {
        let stopped = || Error::new(Kind::Cancelled);
        if self.broken.load(Ordering::Relaxed) {
            return Err(stopped());
        }
        self.batch_bytes = 0;
        match std::mem::take(&mut self.batch) {
            batch if batch.is_empty() => Ok(()),
            batch => self.jobs.send(batch).map_err(|_| stopped()),
        }
    }
}

/// Whether SHA-256 of what is written is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digests {
    None,
    Sha256,
}

impl Digests {
    fn hasher(self) -> Option<Hasher> {
        (self == Self::Sha256).then(|| Hasher::new(&[Algorithm::Sha256]))
    }
}

/// A file being written under its `.part` name; gone if it is dropped before it is finished.
pub(super) struct Part {
    target: Target,
    directory: Arc<Dir>,
    name: std::ffi::OsString,
    file: Option<File>,
    hasher: Option<Hasher>,
    /// Bytes that stand there already and are yet to be seen.
    there: u64,
    /// True where the last bytes are a hole: they are there once the length is set.
    ends_in_hole: bool,
}

impl Part {
    pub(super) fn begin(
        target: Target,
        directory: Arc<Dir>,
        digests: Digests,
    ) -> std::result::Result<Self, Failed> {
        let mut number = 0u32;
        loop {
            let name = part_name(&target.local, number);
            match create(&directory, &name) {
                Ok(file) => {
                    preallocate(&file, &target);
                    return Ok(Self {
                        target,
                        directory,
                        name,
                        file: Some(file),
                        hasher: digests.hasher(),
                        there: 0,
                        ends_in_hole: false,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 100 => number += 1,
                Err(error) => {
                    return Err(Failed { path: target.path, error: error.into(), of_medium: false });
                }
            }
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        let there = bytes.len().min(usize::try_from(self.there).unwrap_or(usize::MAX));
        self.there -= there as u64;
        let bytes = bytes.get(there..).unwrap_or_default();
        match &mut self.file {
            Some(file) if !bytes.is_empty() => {
                self.ends_in_hole = false;
                Ok(file.write_all(bytes)?)
            }
            _ => Ok(()),
        }
    }

    /// The member's path in the medium.
    pub(super) fn path(&self) -> &str {
        &self.target.path
    }

    /// Lets the file share what lies at `extents` of `source`, as far as it begins there and has no hole; who gives
    /// the bytes all the same has only the rest of them written.
    pub(super) fn share(&mut self, source: &dyn Source, extents: &Extents) {
        let mut left = self.target.bytes;
        for piece in extents.pieces() {
            let (Some(at), len) = (piece.at, piece.len.min(left)) else { break };
            let done = by_kernel(self, source, at, len, &Silent);
            self.there += done;
            left -= done;
            if done < len {
                break;
            }
        }
    }

    /// A hole: bytes of zero that are not written.
    fn skip(&mut self, len: u64) -> Result<()> {
        if let Some(hasher) = &mut self.hasher {
            let zeros = [0u8; 4096];
            let mut left = len;
            while left > 0 {
                let n = left.min(zeros.len() as u64);
                hasher.update(zeros.get(..usize::try_from(n).unwrap_or(0)).unwrap_or_default());
                left -= n;
            }
        }
        if let Some(file) = &mut self.file {
            let by =
                i64::try_from(len).map_err(|_| Error::limit("bytes of one file", i64::MAX.unsigned_abs()))?;
            file.seek(SeekFrom::Current(by))?;
            self.ends_in_hole = len > 0;
        }
        Ok(())
    }

    /// The file is whole: it gets its time and its name.
    pub(super) fn finish(mut self) -> Outcome {
        let wrong = |target: &Target, error: io::Error| Failed {
            path: target.path.clone(),
            error: error.into(),
            of_medium: false,
        };
        let mut shared = 0;
        if let Some(file) = self.file.take() {
            if self.target.shares {
                shared = blocks::shared(&file).min(self.target.bytes);
            }
            let length = if self.ends_in_hole { file.set_len(self.target.bytes) } else { Ok(()) };
            let settled = length.and_then(|()| settle(&file, &self.target));
            drop(file);
            let own_name = self.target.local.file_name().unwrap_or_default().to_owned();
            let renamed = settled.and_then(|()| self.directory.rename(&self.name, &self.directory, own_name));
            if let Err(error) = renamed {
                let _ = self.directory.remove_file(&self.name);
                return Err(wrong(&self.target, error));
            }
        }
        Ok(Written {
            local: std::mem::take(&mut self.target.local),
            bytes: self.target.bytes,
            kept: false,
            shared,
            digest: self.hasher.take().and_then(|hasher| hasher.finish().pop()),
        })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = self.directory.remove_file(&self.name);
        }
    }
}

/// Large files get their room at once, which the file system gives faster than piece by piece, and in one.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn preallocate(file: &File, target: &Target) {
    const LARGE: u64 = 1 << 20;
    if target.bytes >= LARGE && target.solid && !target.shares {
        // Where it cannot, writing tells whether there is room.
        let _ = rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, target.bytes);
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn preallocate(_: &File, target: &Target) {
    let _ = target.solid;
}

/// Mode and time.
fn settle(file: &File, target: &Target) -> io::Result<()> {
    #[cfg(unix)]
    if target.executable {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata()?.permissions().mode();
        // Who may read may run; set-user-ID and the like never come from a medium.
        file.set_permissions(std::fs::Permissions::from_mode(mode & 0o777 | (mode & 0o444) >> 2))?;
    }
    #[cfg(not(unix))]
    let _ = target.executable;
    if let Some(time) = target.modified.and_then(Timestamp::to_system) {
        // Some file systems cannot hold every time a medium can.
        let _ = file.set_times(FileTimes::new().set_modified(time));
    }
    Ok(())
}

pub(super) fn write(job: Job, how: How<'_>) -> Outcome {
    let How { destination, digests, observer, .. } = how;
    let Job { target, content } = job;
    let path = target.path.clone();
    let failed = |error: Error| Failed { path: path.clone(), error, of_medium: false };
    let directory = destination.parent(&target.local).map_err(failed)?;
    match content {
        Content::Standing => {
            let digest = match digests.hasher() {
                Some(hasher) => Some(digest_standing(&directory, &target, hasher).map_err(failed)?),
                None => None,
            };
            Ok(Written {
                local: target.local,
                bytes: target.bytes,
                kept: true,
                shared: 0,
                digest: digest.flatten(),
            })
        }
        Content::Bytes(bytes) => {
            let mut part = Part::begin(target, directory, digests)?;
            part.write(&bytes).map_err(failed)?;
            part.finish()
        }
        Content::Place(source, extents) => {
            let mut part = Part::begin(target, directory, digests)?;
            if part.target.shares && part.hasher.is_some() {
                part.share(&*source, &extents);
            }
            let mut left = part.target.bytes;
            for piece in extents.pieces() {
                let len = piece.len.min(left);
                left -= len;
                match piece.at {
                    Some(at) => copy(&mut part, &source, at, len, observer)?,
                    None => part.skip(len).map_err(failed)?,
                }
            }
            part.finish()
        }
    }
}

fn digest_standing(directory: &Dir, target: &Target, mut hasher: Hasher) -> Result<Option<Value>> {
    let mut file = directory.open(target.local.file_name().map(Path::new).unwrap_or(Path::new("")))?;
    let mut buf = vec![0; CHUNK];
    loop {
        match io::Read::read(&mut file, &mut buf)? {
            0 => return Ok(hasher.finish().pop()),
            n => hasher.update(buf.get(..n).unwrap_or_default()),
        }
    }
}

/// Copies `len` bytes at `at` of `source`: by the kernel where nobody wants to see them.
fn copy(
    part: &mut Part,
    source: &SharedSource,
    at: u64,
    len: u64,
    observer: &dyn Observer,
) -> std::result::Result<(), Failed> {
    let cancelled =
        |path: &str| Failed { path: path.to_owned(), error: Error::new(Kind::Cancelled), of_medium: false };
    let mut done = 0u64;
    if part.hasher.is_none() && (len > CHUNK as u64 || part.target.shares) {
        done = by_kernel(part, &**source, at, len, observer);
    }
    let mut buf = vec![0; usize::try_from(len - done).unwrap_or(CHUNK).clamp(1, CHUNK)];
    while done < len {
        if observer.cancelled() {
            return Err(cancelled(&part.target.path));
        }
        let want = usize::try_from(len - done).unwrap_or(CHUNK).min(CHUNK);
        let part_of = buf.get_mut(..want).unwrap_or_default();
        let n = source
            .read_at(at + done, part_of)
            .map_err(|error| Error::from(error).at(READING, at + done))
            .map_err(|error| Failed::of_medium(&part.target.path, error))?;
        if n == 0 {
            let error = Error::truncated(at.saturating_add(len), source.len()).during("content");
            return Err(Failed::of_medium(&part.target.path, error));
        }
        let bytes = part_of.get(..n).unwrap_or_default();
        part.write(bytes).map_err(|error| Failed {
            path: part.target.path.clone(),
            error,
            of_medium: false,
        })?;
        done += n as u64;
        observer.advance(n as u64);
    }
    Ok(())
}

/// How many bytes the kernel copied; what is left goes through memory, where errors get their names.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn by_kernel(part: &mut Part, source: &dyn Source, at: u64, len: u64, observer: &dyn Observer) -> u64 {
    /// So much at once, that progress is seen and stopping is quick.
    const STEP: u64 = 16 << 20;
    let (Some(file), Some((from, mut offset))) = (&part.file, source.in_file(at..at.saturating_add(len)))
    else {
        return 0;
    };
    let mut done = 0u64;
    while done < len && !observer.cancelled() {
        let want = usize::try_from((len - done).min(STEP)).unwrap_or(0);
        // Without an offset of its own the target's position moves along, as `write` expects.
        match rustix::fs::copy_file_range(from, Some(&mut offset), file, None, want) {
            Ok(n) if n > 0 => {
                done += n as u64;
                observer.advance(n as u64);
            }
            _ => break,
        }
    }
    done
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn by_kernel(_: &mut Part, _: &dyn Source, _: u64, _: u64, _: &dyn Observer) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileSource;

    #[test]
    fn bytes_that_the_kernel_copied_are_seen_and_not_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..300_000u32).map(|i| u8::try_from(i % 251).unwrap()).collect();
        std::fs::write(directory.path().join("medium"), &bytes).unwrap();
        let source = FileSource::open(&directory.path().join("medium")).unwrap();
        let target = Target {
            local: PathBuf::from("file"),
            path: "file".to_owned(),
            bytes: 150_000,
            modified: None,
            executable: false,
            shares: true,
            solid: true,
        };
        let want = &bytes[4096..154_096];
        let opened = Dir::open_ambient_dir(directory.path(), cap_std::ambient_authority()).unwrap();
        let mut part = Part::begin(target, Arc::new(opened), Digests::Sha256).ok().unwrap();
        part.share(&source, &Extents::One(crate::source::Piece { at: Some(4096), len: 160_000 }));
        let copied = part.there;
        assert!(copied == 150_000 || !cfg!(target_os = "linux"), "{copied}");
        want.chunks(7000).for_each(|chunk| part.write(chunk).unwrap());
        let written = part.finish().ok().unwrap();
        assert_eq!(std::fs::read(directory.path().join("file")).unwrap(), want);
        let mut hasher = Hasher::new(&[Algorithm::Sha256]);
        hasher.update(want);
        assert_eq!(written.digest, hasher.finish().pop());
    }
}
