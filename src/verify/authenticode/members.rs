//! The signatures of a medium's members: those that members carry themselves, and the catalogues on the medium that
//! list others. Members are looked at while they are read for other reasons; threads check them beside that.

use super::check::{WHAT, by};
use super::msi::Package;
use super::oid;
use super::pe::Image;
use super::{Examined, Kind, Standing, Trust, verify};
use crate::container::{Container, Entry, EntryId, EntryKind, Extents, Location};
use crate::digest::{Algorithm, Hasher, Value};
use crate::error::Result;
use crate::guard::guarded;
use crate::limits::Limits;
use crate::observe::Observer;
use crate::sink::{Sink, Want};
use crate::source::{SharedSource, Spool};
use crate::verify::check::{Check, Outcome};
use crate::walk::walk;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

/// Bytes of a packed member that are kept in memory until a thread has checked it; more go to a temporary file.
const KEPT: u64 = 8 << 20;
/// The digests that catalogues have of their members.
const LISTED: [Algorithm; 2] = [Algorithm::Sha1, Algorithm::Sha256];
/// Signers that are named.
const NAMED: usize = 3;

/// Who vouches for a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vouched {
    /// Its own signature.
    Signed {
        /// Who signed, and what anchors it.
        by: String,
        /// What the signature proves.
        standing: Standing,
        /// True where the signature is of all its bytes.
        whole: bool,
        /// Why it is damaged, if it is.
        why: String,
    },
    /// A catalogue on the medium.
    Listed {
        /// The catalogue's path.
        catalogue: String,
        /// Who signed it, and what anchors it.
        by: String,
        /// What its signature proves.
        standing: Standing,
    },
    /// Nobody, although it is of a kind that can be signed.
    Nobody,
}

/// A member that is signed, listed, or could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberFound {
    /// Its path.
    pub path: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Who vouches for it.
    pub vouched: Vouched,
}

/// What was found of a medium's members.
#[derive(Debug, Clone, Default)]
pub struct Members {
    /// Members that are signed or listed, or could be, by their paths.
    pub list: Vec<MemberFound>,
    /// How many catalogues there are whose signature is whole.
    pub catalogues: u64,
}

/// A member to be checked.
struct Job {
    path: String,
    bytes: u64,
    look: Look,
    source: Option<SharedSource>,
    flat: Vec<Value>,
}

/// What the beginning of a member says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// It is of no kind that carries signatures.
    Other,
    /// It could be signed, and is not.
    Unsigned,
    /// It is to be checked.
    Closer,
}

/// A member that was checked.
struct Done {
    path: String,
    bytes: u64,
    examined: Option<Examined>,
    digests: Vec<Value>,
}

/// Reads `wanted` into `inner`, as [`walk`] does, and checks the signatures of what passes.
///
/// # Errors
/// As [`walk`].
pub fn walk_signed(
    container: &dyn Container,
    wanted: &[EntryId],
    inner: &mut dyn Sink,
    trust: &Trust,
    threads: usize,
    observer: &dyn Observer,
) -> Result<Members> {
    let is_catalogue = |entry: &Entry| entry.kind == EntryKind::File && has_ending(entry, &[".cat"]);
    let catalogues = container.entries().iter().any(is_catalogue);
    let threads =
        if threads == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { threads };
    let (sender, receiver) = sync_channel::<Job>(threads);
    let receiver = Mutex::new(receiver);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&receiver, &done, trust, catalogues));
        }
        let limits = Limits { spool_memory: KEPT, ..Limits::default() };
        let mut sink = Collector { container, inner, sender, limits, catalogues, now: None };
        // The sender goes with the sink: the threads end when it is gone.
        let walked = walk(container, wanted, &mut sink, observer);
        drop(sink);
        walked
    })?;
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(gathered(done))
}

fn work(receiver: &Mutex<Receiver<Job>>, done: &Mutex<Vec<Done>>, trust: &Trust, catalogues: bool) {
    loop {
        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let unsigned = (job.look == Look::Unsigned).then(|| Examined::new(Kind::Pe));
        let mut one = Done { path: job.path, bytes: job.bytes, examined: unsigned, digests: job.flat };
        if let Some(source) = job.source {
            // A member that cannot be read is the walk's to tell.
            one.examined = guarded("signature", || verify(&source, trust)).ok().flatten();
            let unsigned = one.examined.as_ref().is_some_and(|examined| !examined.is_signed());
            if catalogues && unsigned {
                one.digests.extend(guarded("signature", || content_digests(&source)).unwrap_or_default());
            }
        }
        if one.examined.is_some() || catalogues {
            done.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        }
    }
}

/// The digests by which a catalogue lists a member that could be signed itself.
fn content_digests(source: &SharedSource) -> Result<Vec<Value>> {
    if let Some(image) = Image::open(&**source)? {
        return Ok(image.read(&**source, &LISTED)?.digests);
    }
    match Package::open(source)? {
        Some(package) => package.digests(&LISTED),
        None => Ok(Vec::new()),
    }
}

/// A member that is being read.
struct Current {
    path: String,
    /// Nothing was seen of it yet.
    fresh: bool,
    /// A closer look is from where it is stored, or from the spool.
    look: Look,
    spool: Option<Spool>,
    flat: Option<Hasher>,
    id: EntryId,
}

/// Passes everything on, and gives the members that may be signed to the threads.
struct Collector<'a> {
    container: &'a dyn Container,
    inner: &'a mut dyn Sink,
    sender: SyncSender<Job>,
    limits: Limits,
    catalogues: bool,
    now: Option<Current>,
}

impl Sink for Collector<'_> {
    fn begin(&mut self, id: EntryId, entry: &Entry) -> Result<Want> {
        let want = self.inner.begin(id, entry)?;
        self.now = (want == Want::Bytes && entry.kind == EntryKind::File).then(|| Current {
            path: entry.path.text().to_owned(),
            fresh: true,
            look: Look::Other,
            spool: None,
            flat: self.catalogues.then(|| Hasher::new(&LISTED)),
            id,
        });
        Ok(want)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(now) = &mut self.now {
            if std::mem::take(&mut now.fresh) {
                let entry = self.container.entry(now.id)?;
                now.look = look(entry, bytes, self.catalogues);
                if now.look == Look::Closer && !matches!(entry.location, Location::Stored(_)) {
                    now.spool = Some(Spool::new(&self.limits));
                }
            }
            if let Some(spool) = &mut now.spool {
                spool.write(bytes)?;
            }
            if let Some(flat) = &mut now.flat {
                flat.update(bytes);
            }
        }
        self.inner.chunk(bytes)
    }

    fn stored(&mut self, entry: &Entry, source: &SharedSource, extents: &Extents) -> Result<()> {
        self.inner.stored(entry, source, extents)
    }

    fn end(&mut self, entry: &Entry, outcome: Result<()>) -> Result<()> {
        let known = |now: &Current| outcome.is_ok() && (now.look != Look::Other || now.flat.is_some());
        if let Some(now) = self.now.take().filter(known) {
            let source = match now.spool {
                Some(spool) => Some(spool.finish()?),
                None if now.look == Look::Closer => self.container.sub_source(now.id, &self.limits).ok(),
                None => None,
            };
            let flat = now.flat.map(Hasher::finish).unwrap_or_default();
            // Only where all threads are gone does nobody take it.
            let _ =
                self.sender.send(Job { path: now.path, bytes: entry.bytes, look: now.look, source, flat });
        }
        self.inner.end(entry, outcome)
    }
}

fn has_ending(entry: &Entry, endings: &[&str]) -> bool {
    let path = entry.path.text().to_ascii_lowercase();
    endings.iter().any(|ending| path.ends_with(ending))
}

/// Whether a member that begins so is worth a closer look.
fn look(entry: &Entry, head: &[u8], catalogues: bool) -> Look {
    match head {
        // Most programs have all their headers in the first chunk, and say there whether they are signed.
        [b'M', b'Z', ..] => match Image::open(&head.to_vec()) {
            Ok(None) => Look::Other,
            Ok(Some(image)) if !image.has_table() && !catalogues => Look::Unsigned,
            _ => Look::Closer,
        },
        [b'M', b'S', b'C', b'F', ..] | [0xd0, 0xcf, 0x11, 0xe0, ..] => Look::Closer,
        [b'P', b'K', 3, 4, ..] if has_ending(entry, &[".msix", ".appx", ".msixbundle", ".appxbundle"]) => {
            Look::Closer
        }
        [0x30, ..] => {
            let head = head.get(..head.len().min(64)).unwrap_or_default();
            match head.windows(oid::SIGNED_DATA.len()).any(|part| part == oid::SIGNED_DATA) {
                true => Look::Closer,
                false => Look::Other,
            }
        }
        _ => Look::Other,
    }
}

/// Puts together what the threads found.
fn gathered(mut done: Vec<Done>) -> Members {
    done.sort_by(|a, b| a.path.cmp(&b.path));
    let mut out = Members::default();
    let catalogues: Vec<(&str, &Examined)> = done
        .iter()
        .filter_map(|one| Some((one.path.as_str(), one.examined.as_ref()?)))
        .filter(|(_, examined)| examined.kind == Kind::Catalogue && examined.standing() > Standing::Damaged)
        .collect();
    out.catalogues = catalogues.len() as u64;
    for one in &done {
        let signed = one.examined.as_ref().filter(|examined| examined.is_signed());
        let vouched = match (signed, &one.examined) {
            (Some(examined), _) => Vouched::Signed {
                by: by(examined.best()),
                standing: examined.standing(),
                whole: !examined.all_notes().any(|note| note.open),
                why: why(examined),
            },
            (None, examined) => {
                let listed = catalogues.iter().find(|(_, catalogue)| {
                    let list = catalogue.catalogue.as_ref();
                    list.is_some_and(|list| {
                        one.digests.iter().any(|value| list.lists(value.algorithm, &value.bytes))
                    })
                });
                match (listed, examined) {
                    (Some((path, catalogue)), _) => Vouched::Listed {
                        catalogue: (*path).to_owned(),
                        by: by(catalogue.best()),
                        standing: catalogue.standing(),
                    },
                    (None, Some(_)) => Vouched::Nobody,
                    (None, None) => continue,
                }
            }
        };
        out.list.push(MemberFound { path: one.path.clone(), bytes: one.bytes, vouched });
    }
    out
}

fn why(examined: &Examined) -> String {
    let mut parts = examined.damage.clone();
    for check in super::checks(examined).into_iter().filter(|check| check.outcome == Outcome::Damaged) {
        let first = check.note.split("; ").next().unwrap_or_default().to_owned();
        if !parts.contains(&first) && !parts.contains(&check.note) {
            parts.push(first);
        }
    }
    parts.join("; ")
}

impl Members {
    /// How many bytes a known signer vouches for: by the members' own signatures and by catalogues.
    #[must_use]
    pub fn vouched_bytes(&self) -> u64 {
        let vouched = self.list.iter().filter(|member| match &member.vouched {
            Vouched::Signed { standing, whole, .. } => *standing >= Standing::Weak && *whole,
            Vouched::Listed { standing, .. } => *standing >= Standing::Weak,
            Vouched::Nobody => false,
        });
        vouched.map(|member| member.bytes).sum()
    }

    /// All of it as one check; `None` where no member could be signed.
    #[must_use]
    pub fn check(&self) -> Option<Check> {
        if self.list.is_empty() {
            return None;
        }
        let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut signers: BTreeMap<&str, u64> = BTreeMap::new();
        let mut failed = Vec::new();
        for member in &self.list {
            let (by, standing, own) = match &member.vouched {
                Vouched::Signed { by, standing, .. } => (by, *standing, true),
                Vouched::Listed { by, standing, .. } => (by, *standing, false),
                Vouched::Nobody => {
                    *counts.entry("nobody").or_default() += 1;
                    continue;
                }
            };
            *counts.entry(if own { "signed" } else { "listed" }).or_default() += 1;
            *signers.entry(by).or_default() += 1;
            match standing {
                Standing::Anchored => {}
                Standing::Weak => *counts.entry("weak").or_default() += 1,
                Standing::Unanchored => *counts.entry("unanchored").or_default() += 1,
                Standing::Unknown => *counts.entry("unknown").or_default() += 1,
                Standing::Damaged => {
                    if let Vouched::Signed { why, .. } = &member.vouched {
                        failed.push(format!("{}: {why}", member.path));
                    }
                }
            }
        }
        let count = |word: &str| counts.get(word).copied().unwrap_or_default();
        let outcome = if !failed.is_empty() {
            Outcome::Damaged
        } else if count("signed") + count("listed") == 0 {
            Outcome::Unchecked
        } else if count("weak") + count("unanchored") + count("unknown") > 0 {
            Outcome::Weak
        } else {
            Outcome::Ok
        };
        let mut note = vec![format!("{} signed", count("signed"))];
        for (word, text) in [
            ("weak", "by SHA-1 only"),
            ("unanchored", "under no known root, expired, or by MD5"),
            ("unknown", "that could not be checked"),
        ] {
            if count(word) > 0 {
                note.push(format!("{} of them {text}", count(word)));
            }
        }
        if self.catalogues > 0 {
            note.push(format!("{} more listed in {} signed catalogues", count("listed"), self.catalogues));
        }
        if !failed.is_empty() {
            note.push(format!("{} not as they were signed", failed.len()));
        }
        note.push(format!("{} that could be are not signed", count("nobody")));
        note.push("revocation not checked".to_owned());
        let mut ranked: Vec<(&str, u64)> = signers.into_iter().collect();
        ranked.sort_by_key(|(name, number)| (std::cmp::Reverse(*number), *name));
        let mut by: Vec<&str> = ranked.iter().take(NAMED).map(|(name, _)| *name).collect();
        let more = ranked.len().saturating_sub(NAMED).to_string();
        let others = format!("{more} others");
        if ranked.len() > NAMED {
            by.push(&others);
        }
        let by = if by.is_empty() { "nobody".to_owned() } else { by.join("; ") };
        Some(Check {
            count: Some(self.list.len() as u64),
            failed,
            ..Check::new(WHAT, outcome, &by, note.join("; "))
        })
    }
}
