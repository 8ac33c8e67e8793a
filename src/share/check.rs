//! Whether a share is as it was: what was added, changed, moved or lost since its manifests were written.

use super::journal::Journal;
use super::manifest::{self, File, MANIFEST, Manifest};
use super::survey::{Item, State};
use super::tree::{Node, Stat, Tree, tree};
use super::{Share, directory, sign};
use crate::digest::{Algorithm, Hasher};
use crate::error::{Error, Kind, Result};
use crate::observe::Observer;
use crate::verify::{self, Keys};
use cap_std::fs::Dir;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes that are read at once.
const BLOCK: usize = 1 << 20;

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Size and time of every file; the bytes only of those that have another time.
    Quick,
    /// All bytes.
    Full,
}

/// How a product stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// As its manifest says, and something vouched for it when it was added.
    Good,
    /// As its manifest says, and nothing ever vouched for it; or nothing vouches for the manifest where that was asked.
    Unverified,
    /// Not as its manifest says, or the manifest is not as it was.
    Bad,
}

impl Standing {
    /// The word for people and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unverified => "unverified",
            Self::Bad => "bad",
        }
    }
}

/// Something that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The file has other bytes, is something else now, or cannot be read.
    Changed {
        /// Its path.
        path: String,
        /// What is other about it.
        why: String,
    },
    /// It is not there.
    Missing {
        /// Its path.
        path: String,
    },
    /// It is there, and no manifest says so.
    Added {
        /// Its path.
        path: String,
    },
    /// It goes by another name.
    Renamed {
        /// What the manifest calls it.
        from: String,
        /// What it is called.
        to: String,
    },
    /// The manifest itself.
    Manifest {
        /// What is wrong with it.
        why: String,
    },
}

/// What was found of one product.
#[derive(Debug)]
pub struct Checked {
    /// Its folder.
    pub folder: String,
    /// Its short name, where it is known.
    pub id: String,
    /// In a few words.
    pub title: String,
    /// How it stands.
    pub standing: Standing,
    /// `verified` or `unverified`, when it was added.
    pub verdict: String,
    /// What vouched for it then.
    pub verified_by: Vec<String>,
    /// Files in the manifest.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Files whose bytes were compared.
    pub read: u64,
    /// What is not as it was, sorted by path.
    pub differences: Vec<Difference>,
    /// What the manifest's signatures are worth, where that was asked.
    pub signatures: Vec<verify::Check>,
}

/// How to check.
pub struct Checking<'a> {
    /// How much is read.
    pub mode: Mode,
    /// Threads that read.
    pub threads: usize,
    /// Keys that may have signed the manifests, where signatures are to be checked.
    pub keys: Option<&'a Keys>,
    /// Is told how far it is.
    pub observer: &'a dyn Observer,
}

/// What was found of a share.
#[derive(Debug)]
pub struct Report {
    /// The products, in the order they were given.
    pub products: Vec<Checked>,
    /// What the signatures over the index are worth, where that was asked.
    pub index: Vec<verify::Check>,
    /// Files whose digest an interrupted check knew.
    pub resumed: u64,
}

/// A file whose bytes are to be compared.
struct Job<'a> {
    product: usize,
    dir: &'a Dir,
    path: String,
    stat: Stat,
}

/// A product before its files are read.
struct Begun {
    checked: Checked,
    manifest: Option<(Manifest, Tree, Dir)>,
    /// Files of the manifest that are not there.
    missing: Vec<File>,
    /// Files that are there, and whose bytes tell.
    to_read: Vec<(String, Stat)>,
    added: Vec<String>,
}

/// Checks products of a share.
///
/// # Errors
/// What listing said; `Cancelled` once the observer says so. What is wrong with one product is in its report.
pub fn check(share: &Share, items: &[&Item], how: &Checking<'_>) -> Result<Report> {
    let begun: Vec<Begun> = items.iter().map(|item| begin(share, item, how)).collect::<Result<_>>()?;
    let mut jobs = Vec::new();
    for (product, one) in begun.iter().enumerate() {
        let Some((_, _, dir)) = &one.manifest else { continue };
        let all = one.to_read.iter();
        jobs.extend(all.map(|(path, stat)| Job { product, dir, path: path.clone(), stat: *stat }));
    }
    how.observer.total(jobs.iter().fold(0, |sum, job| sum.saturating_add(job.stat.bytes)));
    let journal = if how.mode == Mode::Full { Journal::open(share) } else { Journal::none() };
    let (digests, resumed, journal) = read_all(&jobs, journal, how)?;
    drop(jobs);
    journal.done(share);
    let mut digests = digests;
    let mut products = Vec::new();
    for (product, one) in begun.into_iter().enumerate() {
        products.push(judge(one, digests.remove(&product).unwrap_or_default()));
    }
    let index = match how.keys {
        Some(keys) => sign::check_index(share, keys)?,
        None => Vec::new(),
    };
    Ok(Report { products, index, resumed })
}

fn begin(share: &Share, item: &Item, how: &Checking<'_>) -> Result<Begun> {
    let listed = item.listed.as_ref();
    let mut checked = Checked {
        folder: item.folder.clone(),
        id: item.id().to_owned(),
        title: item.title(),
        standing: Standing::Good,
        verdict: listed.map_or_else(String::new, |listed| listed.verdict.clone()),
        verified_by: listed.map_or_else(Vec::new, |listed| listed.verified_by.clone()),
        files: listed.map_or(0, |listed| listed.files),
        bytes: listed.map_or(0, |listed| listed.bytes),
        read: 0,
        differences: Vec::new(),
        signatures: Vec::new(),
    };
    let nothing = |checked: Checked| Begun {
        checked,
        manifest: None,
        missing: Vec::new(),
        to_read: Vec::new(),
        added: Vec::new(),
    };
    match &item.state {
        State::Missing => {
            checked.differences.push(Difference::Missing { path: String::new() });
            return Ok(nothing(checked));
        }
        State::Moved { from } => {
            checked.differences.push(Difference::Renamed { from: from.clone(), to: item.folder.clone() });
        }
        State::Edited => {
            let why = "it is not the one that was written when the product was added";
            checked.differences.push(Difference::Manifest { why: why.to_owned() });
        }
        State::Known | State::New => {}
    }
    let manifest = match item.manifest() {
        Ok(manifest) => manifest,
        Err(error) => {
            checked.differences.push(Difference::Manifest { why: error.kind().to_string() });
            return Ok(nothing(checked));
        }
    };
    let dir = share.folder(&item.folder)?;
    if let Some(keys) = how.keys {
        let own = directory::open_own(&dir)?;
        let signature =
            own.map(|own| directory::read(&own, &sign::file(MANIFEST), sign::MOST_BYTES)).transpose()?;
        checked.signatures = sign::check(MANIFEST, &item.bytes, signature.flatten().as_deref(), keys);
    }
    checked.files = manifest.files.len() as u64;
    checked.bytes = manifest.bytes();
    // What the manifest says of itself counts only as long as it is the one that was written.
    checked.verdict.clone_from(&manifest.verdict);
    let tree = tree(&share.root.join(&item.folder))?;
    let mut begun =
        Begun { checked, manifest: None, missing: Vec::new(), to_read: Vec::new(), added: Vec::new() };
    begun.compare(&manifest, &tree, how.mode);
    begun.manifest = Some((manifest, tree, dir));
    Ok(begun)
}

impl Begun {
    /// What can be told without reading a file.
    fn compare(&mut self, manifest: &Manifest, tree: &Tree, mode: Mode) {
        let differ = &mut self.checked.differences;
        for file in &manifest.files {
            let path = &file.path;
            match tree.nodes.get(path) {
                None => self.missing.push(file.clone()),
                Some(Node::File(stat)) if stat.bytes != file.bytes => {
                    let why = format!("{} bytes, it had {}", stat.bytes, file.bytes);
                    differ.push(Difference::Changed { path: path.clone(), why });
                }
                Some(Node::File(stat)) => {
                    if mode == Mode::Full || stat.modified.rfc3339() != file.modified {
                        self.to_read.push((path.clone(), *stat));
                    }
                }
                Some(Node::Link(target)) => {
                    let why = format!("a link to {target}, it was a file");
                    differ.push(Difference::Changed { path: path.clone(), why });
                }
                Some(Node::Other) => {
                    let why = "no file any more".to_owned();
                    differ.push(Difference::Changed { path: path.clone(), why });
                }
            }
        }
        for link in &manifest.links {
            let why = match tree.nodes.get(&link.path) {
                None => {
                    differ.push(Difference::Missing { path: link.path.clone() });
                    continue;
                }
                Some(Node::Link(target)) if *target == link.target => continue,
                Some(Node::Link(target)) => format!("it leads to {target}, it led to {}", link.target),
                Some(_) => "no link any more".to_owned(),
            };
            differ.push(Difference::Changed { path: link.path.clone(), why });
        }
        let files = manifest.files.iter().map(|file| file.path.as_str());
        let known: HashSet<&str> =
            files.chain(manifest.links.iter().map(|link| link.path.as_str())).collect();
        let sizes: HashSet<u64> = self.missing.iter().map(|file| file.bytes).collect();
        for (path, node) in tree.nodes.iter().filter(|(path, _)| !known.contains(path.as_str())) {
            self.added.push(path.clone());
            // One that has the size of a missing one may be that one.
            if let Node::File(stat) = node
                && sizes.contains(&stat.bytes)
            {
                self.to_read.push((path.clone(), *stat));
            }
        }
        differ.extend(tree.strange.iter().map(|path| Difference::Added { path: path.clone() }));
    }
}

/// What came of reading a file.
type Digest = std::result::Result<String, String>;

/// Digests of the jobs by product and path; how many a journal knew; the journal.
type ReadAll = (HashMap<usize, BTreeMap<String, Digest>>, u64, Journal);

/// Reads all files, several at once.
fn read_all(jobs: &[Job<'_>], journal: Journal, how: &Checking<'_>) -> Result<ReadAll> {
    let next = AtomicUsize::new(0);
    let resumed = AtomicUsize::new(0);
    let before = journal.len();
    let journal = Mutex::new(journal);
    let found: Mutex<HashMap<usize, BTreeMap<String, Digest>>> = Mutex::default();
    let work = || {
        let mut buf = vec![0; BLOCK];
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if how.observer.cancelled() {
                break;
            }
            how.observer.working_on(&job.path);
            let known = locked(&journal).find(&job.stat).map(str::to_owned);
            let digest = match known {
                Some(sha256) => {
                    how.observer.advance(job.stat.bytes);
                    resumed.fetch_add(usize::from(before > 0), Ordering::Relaxed);
                    Ok(sha256)
                }
                None => {
                    let digest = read(job, &mut buf, how.observer);
                    if let Ok(sha256) = &digest {
                        locked(&journal).add(&job.stat, sha256);
                    }
                    digest.map_err(|error| error.kind().to_string())
                }
            };
            locked(&found).entry(job.product).or_default().insert(job.path.clone(), digest);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..how.threads.clamp(1, 64) {
            scope.spawn(work);
        }
        work();
    });
    if how.observer.cancelled() {
        return Err(Error::new(Kind::Cancelled));
    }
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let journal = journal.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok((found, resumed.into_inner() as u64, journal))
}

fn locked<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(job: &Job<'_>, buf: &mut [u8], observer: &dyn Observer) -> Result<String> {
    let mut file = job.dir.open(&job.path)?.into_std();
    let stat = Stat::of(&file.metadata()?);
    // Whoever put a link here in the meantime does not make us read another file.
    if (stat.device, stat.inode, stat.bytes) != (job.stat.device, job.stat.inode, job.stat.bytes) {
        return Err(Error::damaged("the file changed while it was looked at"));
    }
    let mut hasher = Hasher::new(&[Algorithm::Sha256]);
    loop {
        if observer.cancelled() {
            return Err(Error::new(Kind::Cancelled));
        }
        match file.read(buf)? {
            0 => break,
            n => {
                hasher.update(buf.get(..n).unwrap_or_default());
                observer.advance(n as u64);
            }
        }
    }
    Ok(hasher.finish().first().map(crate::digest::Value::hex).unwrap_or_default())
}

/// What the digests say.
fn judge(begun: Begun, digests: BTreeMap<String, Digest>) -> Checked {
    let Begun { mut checked, manifest, missing, mut added, .. } = begun;
    checked.read = digests.values().filter(|digest| digest.is_ok()).count() as u64;
    if let Some((manifest, ..)) = &manifest {
        for file in &manifest.files {
            let why = match digests.get(&file.path) {
                None => continue,
                Some(Ok(sha256)) if *sha256 == file.sha256 => continue,
                Some(Ok(_)) => "its bytes are others".to_owned(),
                Some(Err(why)) => format!("it cannot be read: {why}"),
            };
            checked.differences.push(Difference::Changed { path: file.path.clone(), why });
        }
    }
    let mut by_digest: HashMap<&str, Vec<&String>> = HashMap::new();
    for path in added.iter().rev() {
        if let Some(Ok(sha256)) = digests.get(path) {
            by_digest.entry(sha256).or_default().push(path);
        }
    }
    let mut renamed: HashSet<String> = HashSet::new();
    for file in missing {
        match by_digest.get_mut(file.sha256.as_str()).and_then(Vec::pop) {
            Some(to) => {
                renamed.insert(to.clone());
                checked.differences.push(Difference::Renamed { from: file.path, to: to.clone() });
            }
            None => checked.differences.push(Difference::Missing { path: file.path }),
        }
    }
    added.retain(|path| !renamed.contains(path));
    checked.differences.extend(added.into_iter().map(|path| Difference::Added { path }));
    checked.differences.sort_by(|a, b| a.path().cmp(b.path()));
    checked.standing = checked.judge();
    checked
}

impl Checked {
    fn judge(&self) -> Standing {
        let bad = |check: &verify::Check| check.outcome == verify::Outcome::Damaged;
        if !self.differences.is_empty() || self.signatures.iter().any(bad) {
            return Standing::Bad;
        }
        let signed = |check: &verify::Check| check.outcome == verify::Outcome::Ok;
        let asked = !self.signatures.is_empty();
        let verified = self.verdict == verify::Verdict::Verified.name();
        if !verified || (asked && !self.signatures.iter().any(signed)) {
            return Standing::Unverified;
        }
        Standing::Good
    }
}

impl Difference {
    /// The word for JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Changed { .. } => "changed",
            Self::Missing { .. } => "missing",
            Self::Added { .. } => "added",
            Self::Renamed { .. } => "renamed",
            Self::Manifest { .. } => "manifest",
        }
    }

    /// What it is about: a path in the product folder; empty for the folder itself.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Changed { path, .. } | Self::Missing { path } | Self::Added { path } => path,
            Self::Renamed { from, .. } => from,
            Self::Manifest { .. } => "",
        }
    }
}

/// SHA-256 of an open file, and how many bytes it has.
pub(super) fn digest_of(file: &mut std::fs::File, observer: &dyn Observer) -> Result<(String, u64)> {
    let mut hasher = Hasher::new(&[Algorithm::Sha256]);
    let mut buf = vec![0; BLOCK];
    let mut bytes = 0u64;
    loop {
        if observer.cancelled() {
            return Err(Error::new(Kind::Cancelled));
        }
        match file.read(&mut buf)? {
            0 => break,
            n => {
                hasher.update(buf.get(..n).unwrap_or_default());
                bytes += n as u64;
                observer.advance(n as u64);
            }
        }
    }
    let sha256 = hasher.finish().first().map(crate::digest::Value::hex).unwrap_or_default();
    Ok((sha256, bytes))
}

/// True where a file that the manifest knows stands there unchanged: its size and time, else its bytes.
pub(super) fn is_unchanged(dir: &Dir, file: &manifest::File, node: &Node, observer: &dyn Observer) -> bool {
    let Node::File(stat) = node else { return false };
    if stat.bytes != file.bytes {
        return false;
    }
    if stat.modified.rfc3339() == file.modified {
        return true;
    }
    let digest = dir.open(&file.path).map_err(Error::from);
    digest
        .and_then(|open| digest_of(&mut open.into_std(), observer))
        .is_ok_and(|(sha256, _)| sha256 == file.sha256)
}
