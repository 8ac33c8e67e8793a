//! A medium into a share: verified, extracted and described in one reading, beside the share's products; then one
//! rename.

mod outcome;
mod staging;

pub use outcome::{Added, Outcome};
pub(super) use staging::OWNER;

use super::manifest::{self, File, Link, MANIFEST, Manifest, OWN, Origin, Product, SCHEMA, SUMS};
use super::secrets::{self, Found};
use super::space::{self, Known, Sharing};
use super::survey::{Item, State, Survey};
use super::template::{Template, legal};
use super::{Lock, Share, directory, index::Listed, now, troubles};
use crate::acquire::{self, Accept, Acquired, Order};
use crate::container::{Container, EntryId};
use crate::digest::{Algorithm, Value};
use crate::error::{Error, Kind, Refusal, Result};
use crate::extract::{self, Extracted, Left, Linking, Overwrite, Plan};
use crate::formats::Options;
use crate::inspect::{Asked, Knowledge, inspect};
use crate::nest::{self, Named, What};
use crate::observe::Observer;
use crate::path::{Names, slashed};
use crate::report::{self, Inspect, VERSION};
use crate::source::SharedSource;
use crate::time::Timestamp;
use crate::verify::{self, Amount, Check, Expectations, Reader, Reading, Verdict, Verified};
use staging::{FILES, Staging, described, flush};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is done with files that have keys or passwords in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// They are in the share, and reported.
    Keep,
    /// They are left out, and reported.
    LeaveOut,
}

/// How to add.
pub struct Adding<'a> {
    /// What is expected of the source.
    pub expectations: &'a Expectations,
    /// For a directory: the list of its files that vouches for it.
    pub list: Option<&'a Path>,
    /// Which verdict is good enough: `Verified` or `Unverified`.
    pub accept: Accept,
    /// What is done with keys and passwords.
    pub secrets: Secrets,
    /// How files with the same bytes are stored.
    pub sharing: Sharing,
    /// The folder, where not the template tells it.
    pub folder: Option<&'a str>,
    /// How to open.
    pub options: &'a Options,
    /// What media are known by.
    pub knowledge: &'a Knowledge,
    /// Threads.
    pub threads: usize,
    /// Is told how far it is.
    pub observer: &'a dyn Observer,
}

/// Adds a source to a share. The lock is held while it is done.
///
/// # Errors
/// `Refused` where its folder is another medium's; what opening, reading and writing said. Killed at any moment, the
/// share is as it was or has the whole product.
pub fn add(share: &Share, _lock: &Lock, named: Named, how: &Adding<'_>) -> Result<Added> {
    let survey = share.refresh()?;
    let adder = Adder { share, survey, how, name: &named.name, file_name: &named.file_name };
    let options = how.options.at(named.surroundings.clone());
    match named.what {
        What::Bytes(source) => adder.bytes(&source, &options),
        What::Directory(container) => adder.directory(&Arc::from(container)),
    }
}

/// One source on its way.
struct Adder<'a> {
    share: &'a Share,
    survey: Survey,
    how: &'a Adding<'a>,
    name: &'a str,
    file_name: &'a str,
}

/// What is known of a medium before its files are written.
struct Looked {
    report: Inspect,
    product: Product,
    folder: String,
    secrets: Vec<Found>,
    plan: Plan,
}

impl Adder<'_> {
    /// The staging folder of this source.
    fn staging(&self, source: Option<&dyn crate::source::Source>) -> Result<Staging> {
        Staging::open(self.share, self.name, source, &self.way())
    }

    /// What tells one way to add a source from another.
    fn way(&self) -> String {
        format!("{:?} {:?} {:?}", self.how.secrets, self.how.sharing, self.how.options.tree)
    }

    fn bytes(self, source: &SharedSource, options: &Options) -> Result<Added> {
        if let Some(already) = self.known_by_bytes(source)? {
            Staging::remove_left(self.share, self.name, Some(&**source), &self.way());
            return Ok(already);
        }
        let how = self.how;
        let reading = Reading::begin(source, self.name, how.expectations, Reader::Members, options)?;
        let container = reading.opened()?.clone();
        let known = self.look(&container, options)?;
        self.check_free(&known.folder)?;
        let staging = self.staging(Some(&**source))?;
        let writing = self.writing();
        let order = Order {
            plan: &known.plan,
            into: &staging.path.join(FILES),
            how: &writing,
            recurse: None,
            accept: how.accept,
            threads: how.threads,
        };
        let acquired = acquire::acquire(reading, &order, how.observer);
        let acquired = acquired.inspect_err(|error| staging.after(error))?;
        let is_kept = acquired.is_kept(order.accept);
        let Acquired { out, verified } = acquired;
        let sha256 = verified.sha256.as_ref().map(Value::hex).unwrap_or_default();
        let found = Source { bytes: source.len(), format: container.format().to_owned(), sha256 };
        self.settle(staging, known, out, verified, found, is_kept)
    }

    fn directory(self, container: &Arc<dyn Container>) -> Result<Added> {
        let how = self.how;
        let known = self.look(container, how.options)?;
        let verified = match how.list {
            Some(list) => {
                let proofs = verify::Proofs::named(&[], &[])?;
                verify::directory(
                    &**container,
                    Path::new(self.name),
                    list,
                    proofs,
                    how.threads,
                    how.observer,
                )?
            }
            None => {
                let note = "a directory: no list of its files was given";
                let check = Check::new("sha256", verify::Outcome::Unchecked, "nobody", note);
                Verified { checks: vec![check], verdict: Verdict::Unverified, sha256: None, coverage: None }
            }
        };
        let staging = self.staging(None)?;
        let into = staging.path.join(FILES);
        let mut out = Extracted::default();
        let mut is_kept = how.accept.takes(verified.verdict);
        if is_kept {
            let written = extract::run(&**container, &known.plan, &into, &self.writing(), how.observer);
            out = written.inspect_err(|error| staging.after(error))?;
            is_kept = out.failed.is_empty();
        }
        let bytes = out.bytes;
        // Where there is no image, the list of all files stands for it.
        let line = |(path, value): &(PathBuf, Value)| manifest::sum_line(&value.hex(), &slashed(path));
        let list: String = out.digests.iter().map(line).collect();
        let sha256 = manifest::sha256(list.as_bytes());
        if is_kept && let Some(item) = self.same(bytes, &sha256) {
            let already = Added::already(item, bytes, sha256);
            staging.discard()?;
            return Ok(already);
        }
        if let Err(error) = self.check_free(&known.folder) {
            staging.discard()?;
            return Err(error);
        }
        let found = Source { bytes, format: container.format().to_owned(), sha256 };
        self.settle(staging, known, out, verified, found, is_kept)
    }

    /// A product of the share that has that source.
    fn same(&self, bytes: u64, sha256: &str) -> Option<&Item> {
        self.survey.items.iter().find(|item| {
            let listed = |listed: &Listed| listed.source_bytes == bytes && listed.source_sha256 == sha256;
            item.state != State::Missing && item.listed.as_ref().is_some_and(listed)
        })
    }

    /// A source of a size that the share knows is digested before anything is done with it.
    fn known_by_bytes(&self, source: &SharedSource) -> Result<Option<Added>> {
        let size =
            |item: &&Item| item.listed.as_ref().is_some_and(|listed| listed.source_bytes == source.len());
        if !self.survey.items.iter().any(|item| size(&item)) {
            return Ok(None);
        }
        self.how.observer.total(source.len());
        let values = verify::hash(&**source, &[Algorithm::Sha256], self.how.threads, self.how.observer)?;
        let sha256 = values.first().map(Value::hex).unwrap_or_default();
        Ok(self.same(source.len(), &sha256).map(|item| Added::already(item, source.len(), sha256)))
    }

    /// What the medium is, where it goes, and what of it.
    fn look(&self, container: &Arc<dyn Container>, options: &Options) -> Result<Looked> {
        let of = |error: Error| error.of(self.name);
        let today = Timestamp::today();
        let asked = Asked { today: Some(&today), ..Asked::about(self.name, self.how.knowledge) };
        let report = inspect(container, &asked, options);
        let product = product(&report);
        let template = Template::parse(&self.share.settings.template)?;
        let folder = match self.how.folder {
            Some(folder) => own_folder(folder)?,
            None => template.folder(&product, stem(self.file_name)),
        };
        let mut wanted = nest::to_extract(&**container, &[]).map_err(of)?;
        let secrets = secrets::find(&**container, &wanted);
        let mut left = Vec::new();
        let secret: HashSet<EntryId> = secrets.iter().map(|found| found.id).collect();
        let leave = self.how.secrets == Secrets::LeaveOut;
        wanted.retain(|&id| {
            let path = container.entry(id).map_or("", |entry| entry.path.text());
            let why = if path.split('/').any(|part| part.eq_ignore_ascii_case(OWN)) {
                "a folder of that name is discless's own in a share"
            } else if leave && secret.contains(&id) {
                "it holds a key or a password"
            } else {
                return true;
            };
            left.push(Left { path: path.to_owned(), why });
            false
        });
        let mut plan = Plan::new(&**container, &wanted, Names::Portable, &options.limits).map_err(of)?;
        plan.left.extend(left);
        Ok(Looked { report, product, folder, secrets, plan })
    }

    /// How files are written.
    fn writing(&self) -> extract::Options {
        extract::Options {
            // What an interrupted run finished is taken as it is.
            overwrite: Overwrite::Changed,
            names: Names::Portable,
            linking: if self.how.sharing == Sharing::Hard { Linking::Contents } else { Linking::Never },
            digests: true,
            threads: self.how.threads.min(4),
            ..extract::Options::default()
        }
    }

    /// That nothing is in the way of a folder.
    fn check_free(&self, folder: &str) -> Result<()> {
        let occupied =
            |by: String| Err(Error::new(Kind::Refused(Refusal::Occupied { folder: folder.to_owned(), by })));
        let lower = folder.to_lowercase();
        let below =
            |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        for item in &self.survey.items {
            let other = item.folder.to_lowercase();
            if other == lower && item.state == State::Missing {
                continue;
            }
            if other == lower || below(&other, &lower) || below(&lower, &other) {
                let source = item.listed.as_ref().map_or("", |listed| &listed.source);
                return occupied(if other == lower {
                    format!("another medium, {source}")
                } else {
                    format!("another medium in {}, {source}", item.folder)
                });
            }
        }
        let there = self.share.root().join(folder);
        match std::fs::read_dir(&there) {
            Ok(mut listing) => match listing.next() {
                Some(_) => occupied("files that are no product".to_owned()),
                None => Ok(()),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(_) => occupied("something that is no folder".to_owned()),
        }
    }

    /// The files are written and the verdict is known: they become a product, or go.
    fn settle(
        &self,
        staging: Staging,
        known: Looked,
        out: Extracted,
        verified: Verified,
        found: Source,
        is_kept: bool,
    ) -> Result<Added> {
        let Looked { report, product, folder, secrets, plan } = known;
        let left_out = self.how.secrets == Secrets::LeaveOut;
        let mut added = Added::new(Outcome::Added, &folder, product);
        added.outcome = match verified.verdict {
            Verdict::Damaged => Outcome::Damaged,
            _ if !out.failed.is_empty() => Outcome::Incomplete,
            Verdict::Unverified if !is_kept => Outcome::Unverified,
            _ => Outcome::Added,
        };
        added.verdict = Some(verified.verdict);
        added.source_bytes = found.bytes;
        added.sha256 = Some(found.sha256.clone()).filter(|sha256| !sha256.is_empty());
        added.resumed = out.kept;
        added.secrets = secrets.iter().flat_map(|found| found.reports(left_out)).collect();
        added.left.clone_from(&out.left);
        added.renamed.clone_from(&plan.renamed);
        added.checks = verified.checks;
        if added.outcome != Outcome::Added || !is_kept {
            added.failed = out.failed;
            staging.discard()?;
            return Ok(added);
        }
        let done = self.finish(&staging, &report, &out, &found, &mut added);
        done.inspect_err(|error| staging.after(error))?;
        staging.discard()?;
        Ok(added)
    }

    /// Manifest, rename, index.
    fn finish(
        &self,
        staging: &Staging,
        report: &Inspect,
        out: &Extracted,
        found: &Source,
        added: &mut Added,
    ) -> Result<()> {
        let root = staging.path.join(FILES);
        let dir = directory::open(&staging.dir()?, FILES)?
            .ok_or_else(|| Error::from(io::Error::from(io::ErrorKind::NotFound)))?;
        let digests: HashMap<String, String> =
            out.digests.iter().map(|(path, value)| (slashed(path), value.hex())).collect();
        let (files, _) = described(&root, &dir, &digests)?;
        let twins = self.twins(&files);
        added.saved =
            space::deduplicate(self.share, &twins, &dir, &files, self.how.sharing, self.how.observer)?;
        // Links have the time of what they were linked to.
        let (files, links) = described(&root, &dir, &digests)?;
        added.files = files.len() as u64;
        added.id = self.id(&found.sha256);
        let mut manifest = self.manifest(report, found, added, files, links);
        added.bytes = manifest.bytes();
        let paths: Vec<String> =
            manifest.files.iter().map(|file| format!("{}/{}", added.folder, file.path)).collect();
        added.troubles = troubles(paths.iter().map(String::as_str));
        let bytes = manifest.to_bytes()?;
        // Nothing is put into a share that its own reader would refuse.
        Manifest::parse(&bytes)?;
        let own = directory::make(&dir, OWN)?;
        directory::replace(&own, SUMS, manifest.sums().as_bytes())?;
        directory::replace(&own, MANIFEST, &bytes)?;
        drop((own, dir));
        self.place(staging, &added.folder)?;
        let listed = Listed::of(&manifest, &added.folder, &manifest::sha256(&bytes));
        let mut survey = self.share.survey()?;
        survey.items.retain(|item| item.folder != added.folder || item.state != State::Missing);
        for item in &mut survey.items {
            if item.folder == added.folder {
                item.listed = Some(listed.clone());
            }
        }
        self.share.write_index(&survey)
    }

    /// The one rename.
    fn place(&self, staging: &Staging, folder: &str) -> Result<()> {
        flush(&staging.path);
        let (above, name) = folder.rsplit_once('/').unwrap_or(("", folder));
        let wrong = |error: Error| error.of(&self.share.shown(folder));
        let to = directory::make_all(&self.share.dir, above).map_err(wrong)?;
        let renamed = staging.dir().and_then(|dir| Ok(dir.rename(FILES, &to, name)?));
        if let Err(error) = renamed {
            self.share.remove_empty_above(folder);
            return Err(wrong(error));
        }
        directory::sync(&to);
        Ok(())
    }

    /// Files of the share by content.
    fn twins(&self, files: &[File]) -> Known {
        let mut known = Known::new();
        if self.how.sharing == Sharing::None {
            return known;
        }
        let wanted: HashSet<(&str, u64)> =
            files.iter().map(|file| (file.sha256.as_str(), file.bytes)).collect();
        for item in self.survey.items.iter().filter(|item| item.state == State::Known) {
            let Ok(manifest) = item.manifest() else { continue };
            for file in manifest.files {
                if wanted.contains(&(file.sha256.as_str(), file.bytes)) {
                    known
                        .entry((file.sha256, file.bytes))
                        .or_insert_with(|| (item.folder.clone(), file.path));
                }
            }
        }
        known
    }

    /// The beginning of the digest, long enough to be nobody else's.
    fn id(&self, sha256: &str) -> String {
        let taken =
            |id: &str| self.survey.items.iter().any(|item| item.id() == id && item.state != State::Missing);
        let mut ids = (12..=sha256.len()).filter_map(|len| sha256.get(..len));
        ids.find(|id| !taken(id)).unwrap_or(sha256).to_owned()
    }

    fn manifest(
        &self,
        report: &Inspect,
        found: &Source,
        added: &Added,
        files: Vec<File>,
        links: Vec<Link>,
    ) -> Manifest {
        let mut digests: BTreeMap<String, String> = BTreeMap::new();
        for check in added.checks.iter().filter(|check| check.subject.is_empty()) {
            if let Some(Amount::Digest(value)) = &check.found {
                digests.insert(value.algorithm.name().to_owned(), value.hex());
            }
        }
        digests.insert(Algorithm::Sha256.name().to_owned(), found.sha256.clone());
        let vouches = added.checks.iter().filter(|check| check.vouches);
        Manifest {
            schema: SCHEMA.to_owned(),
            discless: VERSION.to_owned(),
            id: added.id.clone(),
            folder: added.folder.clone(),
            added: now(),
            source: Origin {
                name: self.file_name.to_owned(),
                bytes: found.bytes,
                format: if report.format.is_empty() { found.format.clone() } else { report.format.clone() },
                digests,
            },
            verdict: added.verdict.unwrap_or(Verdict::Unverified).name().to_owned(),
            verified_by: vouches.map(|check| format!("{} by {}", check.what, base(&check.by))).collect(),
            checks: added.checks.iter().map(report::Check::from).collect(),
            product: added.product.clone(),
            left: added
                .left
                .iter()
                .map(|l| report::Left { path: l.path.clone(), why: l.why.to_owned() })
                .collect(),
            renamed: added.renamed.iter().map(report::Renamed::from).collect(),
            secrets: added.secrets.clone(),
            updates: Vec::new(),
            links,
            files,
        }
    }
}

/// What is known of a source once it was read.
struct Source {
    bytes: u64,
    format: String,
    sha256: String,
}

/// The last part of a path.
fn base(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// A source's name without its extension.
fn stem(file_name: &str) -> &str {
    match file_name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 4 => stem,
        _ if file_name == "-" => "standard input",
        _ => file_name,
    }
}

/// The folder that the user named.
fn own_folder(text: &str) -> Result<String> {
    let folder = legal(text.trim_matches('/'));
    if folder.is_empty()
        || text.starts_with('/')
        || text.contains(['\\', ':'])
        || text.split('/').any(|part| part == "..")
    {
        return Err(Error::usage(format!("{text} can be no folder of a share")));
    }
    Ok(folder)
}

/// What `inspect` found, as far as it is sure.
fn product(report: &Inspect) -> Product {
    let value = |weighed: &Option<report::Weighed>| {
        let sure = weighed.as_ref().filter(|weighed| weighed.state != "unknown");
        sure.map(|weighed| weighed.value.clone()).unwrap_or_default()
    };
    let platform = &report.platform.value;
    let mut editions: Vec<String> = report.editions.iter().map(|edition| edition.id.clone()).collect();
    editions.dedup();
    Product {
        name: value(&report.product),
        vendor: report.product.as_ref().and_then(|product| product.vendor.clone()).unwrap_or_default(),
        release: value(&report.release),
        build: value(&report.build),
        platform: if platform == "unknown" { String::new() } else { platform.clone() },
        languages: report.languages.clone(),
        editions,
        channel: report.channel.clone().unwrap_or_default(),
        label: report.volume.get("label").cloned().unwrap_or_default(),
    }
}
