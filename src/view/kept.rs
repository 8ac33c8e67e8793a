//! Packed members, unpacked once: whoever asks next, or at the same time, reads the same bytes.
//!
//! Members of one solid run are unpacked together, because reaching the last of them costs as much as all: the
//! first that asks starts a thread, and everybody waits for his own member only. What was used least recently is
//! dropped where there is too much; who still reads it keeps it.

use super::holder::Holder;
use crate::container::{Entry, EntryId, Location};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::sink::{Sink, Want};
use crate::source::{FileSource, SharedSource, Slice, spool};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

/// Members up to this size stay in memory, and runs whose members have no more together.
const SMALL: u64 = 1 << 20;
/// Bytes that are kept in memory.
const MEMORY: u64 = 128 << 20;
/// Temporary files that are open at once.
const FILES: usize = 200;
/// Decoders that work at once: each may take the memory of its window.
const DECODERS: usize = 2;

/// A member of a container, by the container's number.
type Key = (u64, EntryId);

/// What was unpacked, and what is being.
pub(super) struct Kept {
    state: Mutex<State>,
    /// A decoder has ended.
    ended: Condvar,
    /// Bytes that temporary files may have together.
    most: u64,
    limits: Limits,
}

#[derive(Default)]
struct State {
    items: HashMap<Key, Item>,
    batches: BTreeMap<u64, Batch>,
    /// The next batch's number, and the time of the next use.
    next: u64,
    working: usize,
}

enum Item {
    Coming(Arc<Job>),
    Here(SharedSource, u64),
}

/// What came out of one decoder's work.
#[derive(Default)]
struct Batch {
    keys: Vec<Key>,
    memory: u64,
    file: u64,
    used: u64,
    working: bool,
}

/// A member that somebody waits for.
#[derive(Default)]
struct Job {
    outcome: Mutex<Option<Result<SharedSource>>>,
    done: Condvar,
}

impl Job {
    fn wait(&self) -> Result<SharedSource> {
        let mut outcome = whole(self.outcome.lock());
        loop {
            match &*outcome {
                Some(Ok(source)) => return Ok(source.clone()),
                Some(Err(error)) => return Err(error.again()),
                None => outcome = whole(self.done.wait(outcome)),
            }
        }
    }

    fn finish(&self, with: Result<SharedSource>) {
        *whole(self.outcome.lock()) = Some(with);
        self.done.notify_all();
    }
}

/// A lock whose holder panicked: every change is one assignment, so what it guards is whole.
fn whole<T>(lock: Result<T, PoisonError<T>>) -> T {
    lock.unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    pub(super) fn new(most: u64, limits: &Limits) -> Self {
        Self {
            state: Mutex::default(),
            ended: Condvar::new(),
            most,
            limits: Limits { spool_memory: SMALL.min(limits.spool_memory), ..limits.clone() },
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        whole(self.state.lock())
    }

    /// The bytes of a packed member, unpacked now or before.
    pub(super) fn get(self: &Arc<Self>, holder: &Arc<Holder>, id: EntryId) -> Result<SharedSource> {
        let key = (holder.number, id);
        let mut state = self.lock();
        match state.items.get(&key) {
            Some(Item::Here(source, batch)) => {
                let (source, batch) = (source.clone(), *batch);
                state.touch(batch);
                return Ok(source);
            }
            Some(Item::Coming(job)) => {
                let job = job.clone();
                drop(state);
                return job.wait();
            }
            None => {}
        }
        let mut ids = self.together(holder, id);
        ids.retain(|id| !state.items.contains_key(&(holder.number, *id)));
        let number = state.next;
        state.next += 1;
        state.batches.insert(number, Batch { used: number, working: true, ..Batch::default() });
        let mut work = Work {
            kept: Arc::downgrade(self),
            holder: holder.clone(),
            batch: number,
            jobs: HashMap::with_capacity(ids.len()),
            begun: false,
        };
        for id in &ids {
            let job = Arc::new(Job::default());
            state.items.insert((holder.number, *id), Item::Coming(job.clone()));
            work.jobs.insert(*id, job);
        }
        let own = work.jobs.get(&id).cloned();
        drop(state);
        let limits = self.limits.clone();
        std::thread::Builder::new()
            .name("unpack".to_owned())
            .spawn(move || work.run(&ids, &limits))
            .map_err(|error| Error::from(error).during("thread that unpacks"))?;
        own.ok_or_else(|| Error::damaged("members of a solid run"))?.wait()
    }

    /// The members that are unpacked with this one.
    fn together(&self, holder: &Holder, id: EntryId) -> Vec<EntryId> {
        let run = match holder.container.entry(id).map(|entry| &entry.location) {
            Ok(Location::Solid { run, .. }) => holder.runs.get(run),
            _ => None,
        };
        let bytes =
            |ids: &Vec<EntryId>| ids.iter().fold(0u64, |sum, id| sum.saturating_add(holder.bytes(*id)));
        match run.filter(|ids| ids.contains(&id) && bytes(ids) <= self.most / 2) {
            Some(ids) => ids.clone(),
            None => vec![id],
        }
    }

    /// Waits until another decoder may work.
    fn begin(&self) {
        let mut state = self.lock();
        while state.working >= DECODERS {
            state = whole(self.ended.wait(state));
        }
        state.working += 1;
    }

    /// A member is there, or is not to be had.
    fn put(&self, key: Key, batch: u64, job: &Job, with: Result<(SharedSource, Held)>) {
        let mut state = self.lock();
        match &with {
            Ok((source, held)) => {
                state.items.insert(key, Item::Here(source.clone(), batch));
                if let Some(batch) = state.batches.get_mut(&batch) {
                    batch.keys.push(key);
                    match held {
                        Held::Memory => batch.memory = batch.memory.saturating_add(source.len()),
                        Held::File => batch.file = batch.file.saturating_add(source.len()),
                    }
                }
                state.drop_oldest(self.most, batch);
            }
            Err(_) => {
                state.items.remove(&key);
            }
        }
        drop(state);
        job.finish(with.map(|(source, _)| source));
    }

    /// A batch is done, and so many decoders with it.
    fn end(&self, batch: u64, decoders: usize) {
        let mut state = self.lock();
        state.working = state.working.saturating_sub(decoders);
        match state.batches.get_mut(&batch) {
            Some(done) if !done.keys.is_empty() => done.working = false,
            _ => {
                state.batches.remove(&batch);
            }
        }
        drop(state);
        self.ended.notify_one();
    }
}

impl State {
    fn touch(&mut self, batch: u64) {
        let now = self.next;
        self.next += 1;
        if let Some(batch) = self.batches.get_mut(&batch) {
            batch.used = now;
        }
    }

    /// Drops what was used least recently until the rest fits; never what is being unpacked, nor `newest`.
    fn drop_oldest(&mut self, most: u64, newest: u64) {
        loop {
            let sum = |of: fn(&Batch) -> u64| self.batches.values().map(of).fold(0, u64::saturating_add);
            let files = self.batches.values().filter(|batch| batch.file > 0).count();
            if sum(|batch| batch.memory) <= MEMORY && sum(|batch| batch.file) <= most && files <= FILES {
                return;
            }
            let idle = self.batches.iter().filter(|(number, batch)| !batch.working && **number != newest);
            let Some(oldest) = idle.min_by_key(|(_, batch)| batch.used).map(|(number, _)| *number) else {
                return;
            };
            for key in self.batches.remove(&oldest).map(|batch| batch.keys).unwrap_or_default() {
                self.items.remove(&key);
            }
        }
    }
}

/// Where unpacked bytes are.
#[derive(Clone, Copy)]
enum Held {
    Memory,
    File,
}

/// One decoder's work. Dropped, it lets nobody wait for what did not come.
struct Work {
    kept: Weak<Kept>,
    holder: Arc<Holder>,
    batch: u64,
    jobs: HashMap<EntryId, Arc<Job>>,
    /// It counts among the decoders that work.
    begun: bool,
}

impl Work {
    fn run(mut self, ids: &[EntryId], limits: &Limits) {
        let Some(kept) = self.kept.upgrade() else { return };
        kept.begin();
        self.begun = true;
        drop(kept);
        let outcome = match ids {
            [id] => {
                let unpacked = self.alone(*id, limits);
                self.put(*id, unpacked);
                Ok(())
            }
            _ => self.together(ids),
        };
        if let Err(error) = outcome {
            for id in ids {
                self.put(*id, Err(error.again()));
            }
        }
    }

    fn put(&mut self, id: EntryId, with: Result<(SharedSource, Held)>) {
        let Some(job) = self.jobs.remove(&id) else { return };
        match self.kept.upgrade() {
            Some(kept) => kept.put((self.holder.number, id), self.batch, &job, with),
            None => job.finish(with.map(|(source, _)| source)),
        }
    }

    fn alone(&self, id: EntryId, limits: &Limits) -> Result<(SharedSource, Held)> {
        let source = spool(&mut *self.holder.container.open(id)?, limits)?;
        let held = if source.len() <= limits.spool_memory { Held::Memory } else { Held::File };
        Ok((source, held))
    }

    fn together(&mut self, ids: &[EntryId]) -> Result<()> {
        let holder = self.holder.clone();
        let bytes = ids.iter().fold(0u64, |sum, id| sum.saturating_add(holder.bytes(*id)));
        let file = if bytes <= SMALL { None } else { Some(RunFile::new(bytes)?) };
        holder.container.read_in_order(ids, &mut Members { work: self, file, current: None })
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        for id in self.jobs.keys().copied().collect::<Vec<_>>() {
            self.put(id, Err(Error::damaged("run that members are packed in")));
        }
        if let Some(kept) = self.kept.upgrade() {
            kept.end(self.batch, self.begun.into());
        }
    }
}

/// A temporary file that members are read from while others are still written behind them.
struct RunFile {
    file: File,
    whole: SharedSource,
    end: u64,
}

impl RunFile {
    fn new(bytes: u64) -> Result<Self> {
        let make = || {
            let file = crate::source::temporary_file()?;
            file.set_len(bytes)?;
            let whole = Arc::new(FileSource::from_file(file.try_clone()?)?);
            Ok(Self { file, whole, end: 0 })
        };
        make().map_err(|error: io::Error| Error::from(error).during("temporary file"))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        write_all_at(&self.file, bytes, self.end)?;
        self.end = self.end.saturating_add(bytes.len() as u64);
        Ok(())
    }
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, at)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        at = at.saturating_add(written as u64);
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// Takes the members of a run as they come.
struct Members<'a> {
    work: &'a mut Work,
    file: Option<RunFile>,
    current: Option<Current>,
}

struct Current {
    id: EntryId,
    bytes: u64,
    /// Where it begins in the file.
    at: u64,
    /// Its bytes, where there is no file.
    memory: Vec<u8>,
}

impl Sink for Members<'_> {
    fn begin(&mut self, id: EntryId, entry: &Entry) -> Result<Want> {
        if self.work.kept.strong_count() == 0 {
            return Err(Error::new(crate::error::Kind::Cancelled));
        }
        let at = self.file.as_ref().map_or(0, |file| file.end);
        self.current = Some(Current { id, bytes: entry.bytes, at, memory: Vec::new() });
        Ok(Want::Bytes)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let end = self.file.as_ref().map_or(current.memory.len() as u64, |file| file.end - current.at);
        if end.saturating_add(bytes.len() as u64) > current.bytes {
            return Err(Error::damaged("size of a member"));
        }
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => {
                current.memory.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    fn end(&mut self, _: &Entry, outcome: Result<()>) -> Result<()> {
        let Some(Current { id, at, memory, .. }) = self.current.take() else { return Ok(()) };
        let unpacked = outcome.map(|()| match &self.file {
            Some(file) => {
                let slice: SharedSource = Arc::new(Slice::new(file.whole.clone(), at..file.end));
                (slice, Held::File)
            }
            None => {
                let memory: SharedSource = Arc::new(memory);
                (memory, Held::Memory)
            }
        });
        self.work.put(id, unpacked);
        Ok(())
    }
}
