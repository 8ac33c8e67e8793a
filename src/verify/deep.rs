//! What is inside a medium: every member read to its end once, and compared on the way with all that the medium
//! keeps about it: checksums of the format, signatures, lists on the medium, digests of resources.

use super::authenticode::{self, Standing, Vouched};
use super::check::{Amount, Check, Outcome, structure};
use super::coverage::{Coverage, place, within};
use super::implanted::{self, Implanting};
use super::kept::{self, Comparing};
use crate::container::{Container, Entry, EntryId, EntryKind, Location, Resources};
use crate::error::{Error, Kind, Result};
use crate::formats::{Options, wim};
use crate::limits::UNPACKED;
use crate::medium;
use crate::nest::Members;
use crate::observe::Observer;
use crate::sink::{Sink, Want};
use crate::source::{Digested, Followed};
use crate::text::count;
use crate::walk::Readable;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

/// A medium whose members are checked.
pub(super) struct Deep<'a> {
    pub(super) outer: &'a Arc<dyn Container>,
    pub(super) trust: &'a authenticode::Trust,
    pub(super) options: &'a Options,
    pub(super) threads: usize,
    pub(super) observer: &'a dyn Observer,
}

/// A Windows image that lies on a disc.
struct Image {
    id: EntryId,
    path: String,
    container: Box<dyn Container>,
}

impl Deep<'_> {
    /// All checks of what is inside; what vouches for which bytes goes into `coverage`.
    pub(super) fn checks(&self, coverage: &mut Coverage) -> Result<Vec<Check>> {
        let mut checks = Vec::new();
        if let Some(found) = self.outer.check_resources(self.observer)? {
            let check = resources(&**self.outer, "", &found);
            if check.outcome == Outcome::Ok {
                coverage.add(&kept_checksum(&**self.outer), self.outer.format(), found.ranges);
            }
            checks.push(check);
        } else {
            let (images, damaged) = self.images()?;
            checks.extend(self.members(images, coverage)?);
            checks.extend(damaged);
        }
        checks.extend(integrity(&**self.outer, "", self.observer)?);
        Ok(checks)
    }

    /// Reads every member to its end, but for the images, whose resources are checked each by itself.
    fn members(&self, images: HashMap<EntryId, Image>, coverage: &mut Coverage) -> Result<Vec<Check>> {
        let container = &**self.outer;
        let mut kept = kept::lists(container);
        // What members say that they unpack to is as bounded as what is written of them would be.
        let most = self.options.limits.unpacked(container.source().len());
        let mut left = most;
        let mut refused = Vec::new();
        let mut wanted = Vec::new();
        let files = container.entries().iter().enumerate().filter(|(_, entry)| entry.kind == EntryKind::File);
        for (number, entry) in files {
            match left.checked_sub(entry.bytes) {
                Some(rest) => {
                    left = rest;
                    wanted.push(EntryId(number));
                }
                None => refused.push((entry.path.text().to_owned(), Error::limit(UNPACKED, most))),
            }
        }
        let apart: HashSet<EntryId> = images.keys().copied().filter(|id| !kept.names(*id)).collect();
        let comparing = Comparing::new(&mut kept, Readable::default());
        let mut sink = Apart { deep: self, images, coverage, checks: Vec::new(), inner: comparing };
        let signed = authenticode::walk_signed(
            container,
            &wanted,
            &mut sink,
            self.trust,
            self.threads,
            self.observer,
        )?;
        // Those that a list names have been read as members, too.
        let mut rest: Vec<Image> = sink.images.drain().map(|(_, image)| image).collect();
        rest.sort_by_key(|image| image.id);
        for image in rest {
            let checks = self.image(&image, sink.coverage)?;
            sink.checks.extend(checks);
        }
        let Apart { coverage, checks: of_images, inner: sink, .. } = sink;
        let mut failed = sink.inner.failed;
        let count = (wanted.len() + refused.len()) as u64;
        failed.extend(refused);
        let damaged = failed.iter().filter(|(_, error)| error.is_damage()).count();
        let outcome = match (failed.len(), damaged) {
            (0, _) => Outcome::Ok,
            // Encrypted, or beyond what is read here: nothing speaks against them.
            (_, 0) => Outcome::Unchecked,
            _ => Outcome::Damaged,
        };
        let names: HashSet<&str> = failed.iter().map(|(path, _)| path.as_str()).collect();
        let note = match (failed.len(), container.member_checksum()) {
            (0, None) => "all can be read to their end".to_owned(),
            (0, Some(checksum)) => {
                format!("all can be read to their end and match the {checksum} kept with them")
            }
            (n, _) => format!("{n} cannot be read to their end"),
        };
        let path = |id: &EntryId| container.entries().get(id.0).map_or("", |entry| entry.path.text());
        if container.member_checksum().is_some() {
            let read = wanted.iter().filter(|id| !apart.contains(id));
            let whole = read.filter(|id| !names.contains(path(id)));
            let ranges: Vec<Range<u64>> = whole.flat_map(|id| place(container, *id)).collect();
            coverage.add(&kept_checksum(container), container.format(), ranges);
        }
        let by_path: HashMap<&str, EntryId> = wanted.iter().map(|id| (path(id), *id)).collect();
        for member in &signed.list {
            let (what, by, standing) = match &member.vouched {
                Vouched::Signed { by, standing, .. } => ("signatures of members", by, standing),
                Vouched::Listed { by, standing, .. } => ("catalogues on the medium", by, standing),
                Vouched::Nobody => continue,
            };
            if let (Standing::Anchored | Standing::Weak, Some(id)) = (standing, by_path.get(&*member.path)) {
                coverage.add(what, by, place(container, *id));
            }
        }
        let read = Check {
            count: Some(count),
            failed: failed.iter().map(|(path, error)| format!("{path}: {error}")).collect(),
            ..Check::new("members", outcome, container.format(), note)
        };
        let mut checks: Vec<Check> = std::iter::once(read).chain(signed.check()).collect();
        checks.extend(kept.checks(container, coverage));
        checks.extend(of_images);
        Ok(checks)
    }

    /// The Windows images that lie on a disc, and checks that say which are damaged.
    fn images(&self) -> Result<(HashMap<EntryId, Image>, Vec<Check>)> {
        let (mut images, mut checks) = (HashMap::new(), Vec::new());
        let is_image = |path: &str| {
            let extension = path.rsplit('.').next().unwrap_or_default();
            ["wim", "esd", "swm"].iter().any(|known| extension.eq_ignore_ascii_case(known))
        };
        for (at, entry) in self.outer.entries().iter().enumerate() {
            // What is packed would be unpacked to a file first; it is read to its end, and has its own checksum.
            let stored = matches!(entry.location, Location::Stored(_) | Location::Outside);
            if entry.kind != EntryKind::File || !stored || !is_image(entry.path.text()) {
                continue;
            }
            let id = EntryId(at);
            let Ok(source) = self.outer.sub_source(id, &self.options.limits) else { continue };
            let around = Members::around(self.outer, id, &self.options.limits)?;
            let path = entry.path.text().to_owned();
            match medium::open(&source, &path, &self.options.at(around)) {
                Ok(container) if container.format() == wim::FORMAT.name => {
                    images.insert(id, Image { id, path, container });
                }
                Ok(_) => {}
                // Further parts of a split image are read with the first.
                Err(error) if !error.is_damage() => {}
                Err(error) => checks.push(Check {
                    subject: path,
                    ..Check::new("structure", Outcome::Damaged, wim::FORMAT.name, error.to_string())
                }),
            }
        }
        Ok((images, checks))
    }

    /// Checks an image where it lies.
    fn image(&self, image: &Image, coverage: &mut Coverage) -> Result<Vec<Check>> {
        let container = &*image.container;
        let noticed = structure(container).into_iter().filter(|check| check.outcome == Outcome::Damaged);
        let mut checks: Vec<Check> = noticed
            .map(|check| match check.subject.is_empty() {
                true => Check { subject: image.path.clone(), ..check },
                false => Check { subject: format!("{}!/{}", image.path, check.subject), ..check },
            })
            .collect();
        if let Some(found) = container.check_resources(self.observer)? {
            let check = resources(container, &image.path, &found);
            if check.outcome == Outcome::Ok {
                let ranges = within(&**self.outer, image.id, &found.ranges);
                coverage.add(&kept_checksum(container), &image.path, ranges);
            }
            checks.push(check);
        }
        checks.extend(integrity(container, &image.path, self.observer)?);
        Ok(checks)
    }
}

/// Passes members on to another sink, and checks an image where its turn comes, so that the medium is read from its
/// beginning to its end.
struct Apart<'a, 'k, S> {
    deep: &'a Deep<'a>,
    /// Those that have not been checked yet.
    images: HashMap<EntryId, Image>,
    coverage: &'a mut Coverage,
    checks: Vec<Check>,
    inner: Comparing<'k, S>,
}

impl<S: Sink> Sink for Apart<'_, '_, S> {
    fn begin(&mut self, id: EntryId, entry: &Entry) -> Result<Want> {
        if self.inner.kept.names(id) {
            return self.inner.begin(id, entry);
        }
        let Some(image) = self.images.remove(&id) else { return self.inner.begin(id, entry) };
        self.checks.extend(self.deep.image(&image, self.coverage)?);
        Ok(Want::Skip)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        self.inner.chunk(bytes)
    }

    fn end(&mut self, entry: &Entry, outcome: Result<()>) -> Result<()> {
        self.inner.end(entry, outcome)
    }
}

/// The checksum that a format keeps with what members are made of, in words.
fn kept_checksum(container: &dyn Container) -> String {
    format!("{} kept with the members", container.member_checksum().unwrap_or("digest"))
}

/// The digest that an image carries of itself, followed by the reading of its members.
pub(super) struct OfItself(Option<Followed<Implanting>>);

impl OfItself {
    /// Looks for one, and lets it follow.
    pub(super) fn find(source: &Digested) -> Result<Self> {
        let found = implanted::find(source.inner())?;
        Ok(Self(found.map(|implanted| {
            let (follower, followed) = Followed::new(Implanting::new(implanted));
            source.followed_by(follower);
            followed
        })))
    }

    /// Compares it, when all bytes have been read.
    pub(super) fn check(self, bytes: u64, coverage: &mut Coverage) -> Option<Check> {
        let (implanted, found) = self.0?.take()?.finish()?;
        let by = "the image itself";
        let mut check = Check::digest(&implanted.expected, &found, by);
        check.what = "implanted";
        check.expected = Some(Amount::Digest(implanted.expected));
        if check.vouches {
            coverage.add("implanted digest", by, std::iter::once(0..implanted.end));
            let rest = bytes.saturating_sub(implanted.end);
            let what = format!("the {} that was put into the image when it was made", found.algorithm);
            check.note = match rest {
                0 => what,
                rest => format!("{what}; it does not cover the last {}", count(rest, "byte")),
            };
        }
        Some(check)
    }
}

/// What checking everything that members are made of found, as a check.
fn resources(container: &dyn Container, subject: &str, found: &Resources) -> Check {
    let failed = found.failed.iter().map(|bad| match bad.members.as_slice() {
        [] => format!("{}: {}", bad.name, bad.error),
        members => format!("{} ({}): {}", bad.name, members.join(", "), bad.error),
    });
    let failed: Vec<String> = failed.collect();
    let damaged = found.failed.iter().any(|bad| bad.error.is_damage());
    let outcome = match (failed.is_empty(), damaged) {
        (true, _) => Outcome::Ok,
        (_, false) => Outcome::Unchecked,
        _ => Outcome::Damaged,
    };
    let checksum = container.member_checksum().unwrap_or("digest");
    let note = match failed.len() {
        0 => format!("{} bytes, each resource once, match the {checksum} kept with them", found.bytes),
        n => format!("{n} do not unpack to what their {checksum} says"),
    };
    Check {
        subject: subject.to_owned(),
        count: Some(found.count),
        failed,
        ..Check::new("resources", outcome, container.format(), note)
    }
}

/// Compares a WIM file with its own table of digests, where it has one.
fn integrity(container: &dyn Container, subject: &str, observer: &dyn Observer) -> Result<Option<Check>> {
    const WHAT: &str = "integrity";
    let by = container.format();
    if by != wim::FORMAT.name {
        return Ok(None);
    }
    let found = match wim::integrity(&**container.source(), observer) {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(None),
        Err(error) if matches!(error.kind(), Kind::Cancelled | Kind::Io(_)) => return Err(error),
        Err(error) => {
            let check = Check::new(WHAT, Outcome::Damaged, by, error.to_string());
            return Ok(Some(Check { subject: subject.to_owned(), ..check }));
        }
    };
    let subject = subject.to_owned();
    let failed: Vec<String> =
        found.differ.iter().map(|range| format!("bytes {} to {}", range.start, range.end)).collect();
    let (outcome, note) = match failed.len() {
        0 => (Outcome::Ok, "all match its integrity table".to_owned()),
        n => (Outcome::Damaged, format!("{n} differ from its integrity table")),
    };
    Ok(Some(Check { subject, count: Some(found.stretches), failed, ..Check::new(WHAT, outcome, by, note) }))
}
