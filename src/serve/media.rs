//! The sources that are served: opened at once, then looked at and verified in the background.

use super::html::Picture;
use crate::container::{Container, EntryKind};
use crate::digest::{Algorithm, Hasher, hex};
use crate::error::{Error, Kind, Result};
use crate::facts::osinfo;
use crate::formats::Options;
use crate::inspect::{Asked, Knowledge, inspect};
use crate::medium;
use crate::nest::{Named, What};
use crate::observe::{Observer, Silent};
use crate::report;
use crate::source::{SharedSource, read_up_to};
use crate::time::Timestamp;
use crate::verify::{Depth, Expectations, Proofs, Verified, lists_beside, verify};
use crate::view::{NodeId, Settings, View};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

/// A source that is to be served.
pub struct Given {
    /// What it is called in the tree; a `/` makes a folder.
    pub name: String,
    /// The opened source.
    pub container: Arc<dyn Container>,
    /// What is verified; `None` for a directory.
    source: Option<SharedSource>,
    /// Its path, as it was named.
    path: String,
    options: Options,
}

impl Given {
    /// What a name led to, as one source.
    ///
    /// # Errors
    /// As [`medium::open`].
    pub fn new(named: Named, name: &str, options: &Options) -> Result<Self> {
        let options = options.at(named.surroundings.clone());
        let (container, source): (Arc<dyn Container>, _) = match named.what {
            What::Directory(container) => (Arc::from(container), None),
            What::Bytes(source) => (Arc::from(medium::open(&source, &named.name, &options)?), Some(source)),
        };
        Ok(Self { name: name.to_owned(), container, source, path: named.name, options })
    }

    /// The sources in a directory. Where it holds nothing but directories, images and what lies beside images, each
    /// image is one, and each directory beneath that holds anything else; otherwise the directory is the one source.
    /// Images that cannot be opened are left out, with the reason.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn beneath(root: &Path, options: &Options) -> Result<(Vec<PathBuf>, bool)> {
        let mut found = Vec::new();
        pile(root, 0, &mut found)?;
        let several = found.iter().any(|path| path != root);
        found.sort();
        let most = options.limits.entries.min(10_000);
        if found.len() as u64 > most {
            return Err(Error::limit("sources in a directory", most).of(&root.to_string_lossy()));
        }
        Ok((found, several))
    }
}

/// What images are called.
const IMAGES: &[&str] = &["iso", "img", "udf", "wim", "esd", "swm", "cab", "msi", "msp", "msu"];
/// What lies beside images.
const BESIDE: &[&str] = &[
    "asc", "b3", "htm", "html", "json", "md", "md5", "meta4", "minisig", "pdf", "sfv", "sha1", "sha256",
    "sha384", "sha512", "sig", "sums", "txt", "xml",
];

fn pile(directory: &Path, depth: u32, found: &mut Vec<PathBuf>) -> Result<()> {
    let mut images = Vec::new();
    let mut inner = Vec::new();
    let mut others = false;
    for entry in
        std::fs::read_dir(directory).map_err(|error| Error::from(error).of(&directory.to_string_lossy()))?
    {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if name.starts_with('.') {
            continue;
        }
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let kind = entry.file_type()?;
        if kind.is_dir() {
            inner.push(entry.path());
        } else if IMAGES.contains(&ending) {
            images.push(entry.path());
        } else {
            others |= !(BESIDE.contains(&ending) || name.contains("sums") || name.contains("checksum"));
        }
    }
    // Packages among other files are parts of a product, and so are directories.
    let is_pile = !others && (!images.is_empty() || !inner.is_empty()) && depth < 8;
    if !is_pile {
        found.push(directory.to_owned());
        return Ok(());
    }
    found.extend(images);
    inner.iter().try_for_each(|inner| pile(inner, depth + 1, found))
}

/// How far the verification of a source is.
pub enum State {
    /// It has not begun.
    Waiting,
    /// Bytes that are read, of so many.
    Running(u64, u64),
    /// It was done.
    Done(Arc<Verified>),
    /// It could not be done, and why.
    Failed(String),
    /// Nobody wants it.
    Skipped,
    /// It is a directory, and no list of its files lies in it.
    NoList,
}

/// A source that is served.
pub struct Medium {
    /// Its name.
    pub name: String,
    /// Its directory in the tree.
    pub node: NodeId,
    /// The opened source.
    pub container: Arc<dyn Container>,
    /// Tells apart sources that have the same names in them: by size, time and beginning.
    pub(super) identity: String,
    given: Given,
    report: OnceLock<report::Inspect>,
    picture: OnceLock<Option<Picture>>,
    state: RwLock<State>,
    done: AtomicU64,
    total: AtomicU64,
}

impl Medium {
    /// What it is, once that is known.
    #[must_use]
    pub fn report(&self) -> Option<&report::Inspect> {
        self.report.get()
    }

    /// How far its verification is.
    #[must_use]
    pub fn state(&self) -> State {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Running(..) => {
                State::Running(self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
            }
            State::Waiting => State::Waiting,
            State::Done(verified) => State::Done(verified.clone()),
            State::Failed(why) => State::Failed(why.clone()),
            State::Skipped => State::Skipped,
            State::NoList => State::NoList,
        }
    }

    /// What lies where on it; `None` where nothing is stored.
    pub(super) fn picture(&self) -> Option<&Picture> {
        self.picture.get_or_init(|| Picture::of(&*self.container)).as_ref()
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// The size of the source in bytes; of all members, for a directory.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.given.source.as_ref().map_or(self.container.extent().end, |source| source.len())
    }

    fn find_out(&self, knowledge: &Knowledge) {
        let path = Path::new(&self.given.path);
        let lists = lists_beside(path).unwrap_or_default();
        let today = Timestamp::today();
        let osinfo = Some(Path::new(osinfo::INSTALLED)).filter(|dir| dir.is_dir());
        let name =
            path.file_name().map_or(self.given.path.clone(), |name| name.to_string_lossy().into_owned());
        let asked =
            Asked { name: &name, lists: &lists, digests: &[], knowledge, osinfo, today: Some(&today) };
        let _ = self.report.set(inspect(&self.container, &asked, &self.given.options));
    }

    fn verify(&self, threads: usize, stop: &AtomicBool) -> State {
        let path = Path::new(&self.given.path);
        let watching = Watching { medium: self, stop };
        self.set(State::Running(0, 0));
        let verified = match &self.given.source {
            None => match list_in(path) {
                Some(list) => crate::verify::directory(
                    &*self.container,
                    path,
                    &list,
                    Proofs::default(),
                    threads,
                    &watching,
                ),
                None => return State::NoList,
            },
            Some(source) => expected(path).and_then(|expectations| {
                let options = &self.given.options;
                verify(source, &self.given.path, &expectations, Depth::Whole, options, threads, &watching)
            }),
        };
        match verified {
            Ok(verified) => State::Done(Arc::new(verified)),
            Err(error) if matches!(error.kind(), Kind::Cancelled) => State::Skipped,
            Err(error) => State::Failed(error.to_string()),
        }
    }
}

fn expected(path: &Path) -> Result<Expectations> {
    let mut expectations = Expectations::given(&[]);
    if path.is_file() {
        expectations.add_beside(path)?;
    }
    Ok(expectations)
}

/// A list of its files that lies in a directory.
fn list_in(directory: &Path) -> Option<PathBuf> {
    let names = ["SHA512SUMS", "SHA256SUMS", "sha256sums.txt", "SHA1SUMS", "MD5SUMS", "md5sum.txt"];
    names.iter().map(|name| directory.join(name)).find(|path| path.is_file())
}

struct Watching<'a> {
    medium: &'a Medium,
    stop: &'a AtomicBool,
}

impl Observer for Watching<'_> {
    fn advance(&self, bytes: u64) {
        self.medium.done.fetch_add(bytes, Ordering::Relaxed);
    }

    fn total(&self, bytes: u64) {
        self.medium.total.store(bytes, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// All that is served.
pub struct Site {
    view: Arc<View>,
    media: Vec<Medium>,
    digests: Mutex<HashMap<NodeId, Arc<str>>>,
    /// Files that are being digested.
    hashing: AtomicUsize,
    hash_turn: Mutex<()>,
    stop: AtomicBool,
}

impl Site {
    /// Files that are digested at once or wait for it, at most.
    const HASHING: usize = 32;

    /// Serves these sources as `settings` say.
    ///
    /// # Errors
    /// As [`View::new`].
    pub fn new(given: Vec<Given>, settings: Settings) -> Result<Self> {
        let sources = given.iter().map(|given| (given.name.clone(), given.container.clone())).collect();
        let view = Arc::new(View::new(sources, settings)?);
        let shown = view.sources().iter().map(|shown| shown.node);
        let media = given.into_iter().zip(shown).map(|(given, node)| Medium {
            name: given.name.clone(),
            node,
            container: given.container.clone(),
            identity: identity(&given),
            report: OnceLock::new(),
            picture: OnceLock::new(),
            state: RwLock::new(State::Waiting),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            given,
        });
        let media = media.collect();
        Ok(Self {
            view,
            media,
            digests: Mutex::default(),
            hashing: AtomicUsize::new(0),
            hash_turn: Mutex::default(),
            stop: AtomicBool::new(false),
        })
    }

    /// The tree.
    #[must_use]
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// The sources, in the order of [`View::sources`].
    #[must_use]
    pub fn media(&self) -> &[Medium] {
        &self.media
    }

    /// Finds out what each source is, then whether it is what was published; [`Site::stop`] ends it early. Meant for a
    /// thread of its own: pages say how far it is.
    ///
    /// # Errors
    /// Where the tables that are compiled in cannot be read.
    pub fn find_out(&self, verify: Verify, threads: usize) -> Result<()> {
        let knowledge = Knowledge::compiled()?;
        for medium in &self.media {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            medium.find_out(&knowledge);
        }
        for medium in &self.media {
            let state = match verify {
                Verify::Never => State::Skipped,
                Verify::Whole => medium.verify(threads, &self.stop),
            };
            medium.set(state);
        }
        Ok(())
    }

    /// Ends [`Site::find_out`].
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// SHA-256 of a file, computed when it is first asked for; `None` where too many others are being computed.
    ///
    /// # Errors
    /// As [`View::open`]; what reading said.
    pub fn sha256(&self, id: NodeId) -> Result<Option<Arc<str>>> {
        if let Some(known) = self.known_sha256(id) {
            return Ok(Some(known));
        }
        let turn = Turn::take(&self.hashing);
        if turn.before >= Self::HASHING {
            return Ok(None);
        }
        // One after the other: each uses all that the disc gives.
        let _only = self.hash_turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.known_sha256(id) {
            return Ok(Some(known));
        }
        let bytes = self.view.node(id)?.bytes;
        let source = self.view.open(id)?;
        if source.len() < bytes {
            return Err(Error::truncated(bytes, source.len()));
        }
        let values = crate::verify::hash(&*source, &[Algorithm::Sha256], 1, &Silent)?;
        let value: Arc<str> = values.first().map(crate::digest::Value::hex).unwrap_or_default().into();
        let mut known = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= 100_000 {
            known.clear();
        }
        known.insert(id, value.clone());
        Ok(Some(value))
    }

    /// The same, where it was computed before.
    pub(super) fn known_sha256(&self, id: NodeId) -> Option<Arc<str>> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// What changes where a file does: a strong validator (RFC 9110 §8.8).
    pub(super) fn etag(&self, id: NodeId) -> Result<String> {
        let node = self.view.node(id)?;
        let mut hasher = Hasher::new(&[Algorithm::Blake3]);
        if let Some(place) = self.view.place(id)? {
            let medium = self.media.get(place.source).map_or("", |medium| &medium.identity);
            let member = place.container.entry(place.entry)?.path.text();
            let time = node.modified.map(|time| (time.seconds, time.nanos));
            let all = format!("{medium}\n{}\n{member}\n{}\n{time:?}", self.view.path(id)?, node.bytes);
            hasher.update(all.as_bytes());
        }
        let value = hasher.finish().into_iter().next().map(|value| value.bytes).unwrap_or_default();
        Ok(format!("\"{}\"", hex(value.get(..12).unwrap_or_default())))
    }

    /// The source that a node belongs to: a directory on the way to several belongs to none.
    #[must_use]
    pub fn medium_of(&self, id: NodeId) -> Option<usize> {
        let mut at = id;
        loop {
            if let Some(found) = self.media.iter().position(|medium| medium.node == at) {
                return Some(found);
            }
            if at == NodeId::ROOT {
                return None;
            }
            at = self.view.parent(at).ok()?;
        }
    }

    /// How many files a source shows.
    pub(super) fn files(&self, medium: &Medium) -> u64 {
        let files = medium.container.entries().iter().filter(|entry| entry.kind == EntryKind::File);
        files.count() as u64
    }
}

/// Whether sources are verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// All of their bytes are read once.
    Whole,
    /// They are not.
    Never,
}

/// Counts while it lives.
struct Turn<'a> {
    count: &'a AtomicUsize,
    before: usize,
}

impl<'a> Turn<'a> {
    fn take(count: &'a AtomicUsize) -> Self {
        Self { count, before: count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

fn identity(given: &Given) -> String {
    let changed = std::fs::metadata(&given.path).and_then(|meta| meta.modified());
    let changed = changed.map(|time| Timestamp::from_system(time).rfc3339()).unwrap_or_default();
    let head = given.source.as_ref().and_then(|source| read_up_to(&**source, 0, 64 << 10).ok());
    let mut hasher = Hasher::new(&[Algorithm::Blake3]);
    hasher.update(&head.unwrap_or_default());
    let head = hasher.finish().first().map(|value| value.hex()).unwrap_or_default();
    let bytes = given.source.as_ref().map_or(0, |source| source.len());
    format!("{}\n{bytes}\n{changed}\n{head}", given.path)
}

/// Digits that nobody can guess, by the standard library's seeds.
pub(super) fn chance() -> String {
    use std::hash::{BuildHasher, RandomState};
    let part = || format!("{:016x}", RandomState::new().hash_one(std::time::SystemTime::now()));
    part() + &part()
}
