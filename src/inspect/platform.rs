//! The platform of a medium, by counting what its programs are for.
//!
//! A declared platform wins: an installer package in the root that says x64. Else the programs are
//! counted, leaving out what says nothing about the rest: starters, prerequisites, the 32-bit copies
//! beside 64-bit ones, firmware programs, and managed code that runs on any processor. A platform counts
//! from a tenth of the counted files on. Where nothing is declared and nothing counts, a starter
//! decides that is not for x86: an x86 starter runs on x64 too, any other runs on its own kind alone.
//!
//! In a package the programs in the root are what it installs. Of packed members the beginnings are unpacked,
//! within a bound. Past the read budget an even sample of the programs decides.

mod place;

use super::meter::Meter;
use super::unpacked::{Unpacked, unpack};
use crate::container::{Container, Entry, EntryId, EntryKind, Role};
use crate::formats::msi::{self, MsiKind};
use crate::formats::pe::{self, FileVersion, Head, Machine};
use crate::limits::Limits;
use place::{Places, Standing};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes that reading one program's headers takes, with room to spare: the mean over real ones is 640.
const HEAD_COST: u64 = 700;
/// Files in the root that are examined whatever the sample.
const ALWAYS: usize = 16;
/// Programs in the root, besides the named ones, whose versions are read.
const OTHER_VERSIONS: usize = 6;
/// Installer packages that are asked.
const PACKAGES: usize = 8;
/// Programs whose versions are wanted wherever they exist, in lower case.
const NAMED: [&str; 3] = ["setup.exe", "sources/setup.exe", "setup/serverroles/common/exsetup.exe"];

/// How many bytes a survey may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadBudget {
    /// Bytes of the container's source.
    pub bytes: u64,
}

impl Default for ReadBudget {
    fn default() -> Self {
        Self { bytes: 1 << 20 }
    }
}

/// What the medium is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// One processor.
    One(Machine),
    /// Several, each with its own share.
    Mixed,
    /// Any: all that counts is managed code for any processor.
    Neutral,
    /// Nothing says.
    Unknown,
}

impl Platform {
    /// The word for it, as in the JSON contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::One(Machine::Other(_)) | Self::Unknown => "unknown",
            Self::One(machine) => machine.name(),
            Self::Mixed => "mixed",
            Self::Neutral => "neutral",
        }
    }
}

/// Programs by what they are for; the kinds of ARM64 are one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Machine, u64>);

impl Counts {
    fn add(&mut self, machine: Machine) {
        *self.0.entry(machine.platform()).or_default() += 1;
    }

    /// How many are for this processor.
    #[must_use]
    pub fn of(&self, machine: Machine) -> u64 {
        self.0.get(&machine).copied().unwrap_or(0)
    }

    /// How many are for a processor that the contract has no word for.
    #[must_use]
    pub fn other(&self) -> u64 {
        self.total() - Self::WORDS.iter().map(|machine| self.of(*machine)).sum::<u64>()
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Every processor that occurs, with its number, the most frequent first.
    #[must_use]
    pub fn ranked(&self) -> Vec<(Machine, u64)> {
        let mut ranked: Vec<_> = self.0.iter().map(|(machine, count)| (*machine, *count)).collect();
        ranked.sort_by_key(|(machine, count)| (std::cmp::Reverse(*count), *machine));
        ranked
    }

    const WORDS: [Machine; 6] =
        [Machine::X64, Machine::X86, Machine::Arm64, Machine::Arm, Machine::Ia64, Machine::Neutral];

    /// Processors with at least a tenth of all that are not neutral.
    fn winners(&self) -> Vec<Machine> {
        let counted = self.total() - self.of(Machine::Neutral);
        let ranked = self.ranked().into_iter();
        let winners = ranked
            .filter(|(machine, count)| *machine != Machine::Neutral && count.saturating_mul(10) >= counted);
        winners.map(|(machine, _)| machine).collect()
    }

    fn words(&self) -> String {
        let words = self.ranked().into_iter().map(|(machine, count)| match machine {
            Machine::Other(number) => format!("{count} for machine {number:#06x}"),
            known => format!("{count} {}", known.name()),
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

/// An installer package and the platform it declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The package's path.
    pub path: String,
    /// Its template, as stored.
    pub template: String,
    /// The platform that names.
    pub platform: Machine,
    /// Windows language numbers.
    pub languages: Vec<u16>,
}

/// A program whose version may name the medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Its path.
    pub path: String,
    /// What it is for.
    pub machine: Machine,
    /// The file version's numbers.
    pub file_version: Option<FileVersion>,
    /// The product version's numbers.
    pub product_version: Option<FileVersion>,
    /// `FileVersion` as text: may follow another scheme.
    pub file_version_text: Option<String>,
    /// `ProductVersion` as text.
    pub product_version_text: Option<String>,
    /// `ProductName`.
    pub product_name: Option<String>,
    /// `CompanyName`.
    pub company: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformSurvey {
    /// The verdict.
    pub value: Platform,
    /// Why, in sentences.
    pub because: Vec<String>,
    /// What the program that starts the installation is for; no part of the verdict.
    pub starter: Option<Machine>,
    /// The programs that count, neutral ones with them.
    pub counts: Counts,
    /// Starters: `setup.exe` and its like, every program in the root, and the tools in `boot`.
    pub starters: Counts,
    /// Bundled redistributables.
    pub prerequisites: Counts,
    /// 32-bit copies beside 64-bit ones.
    pub wow: Counts,
    /// EFI programs: what firmware can start the medium.
    pub firmware: Counts,
    /// What installer packages declare.
    pub declared: Vec<Declared>,
    /// Programs whose versions were read.
    pub files: Vec<KeyFile>,
    /// Members that look like programs by their names.
    pub candidates: u64,
    /// How many of them were read.
    pub examined: u64,
    /// How many of these could not be read or are no programs.
    pub no_programs: u64,
    /// Bytes read for all this.
    pub bytes_read: u64,
}

/// Counts what the programs of a container are for, and reads the versions of those that matter.
/// Members that cannot be read are counted and do not stop it.
#[must_use]
pub fn survey(container: &dyn Container, limits: &Limits, budget: ReadBudget) -> PlatformSurvey {
    let packed = unpack(container, |_, entry| is_looked_at(entry));
    survey_of(container, &packed, limits, budget)
}

/// True for members whose beginnings a survey needs.
pub(super) fn is_looked_at(entry: &Entry) -> bool {
    is_candidate(entry) || place::is_package(entry.path.text())
}

/// The same with the packed members that are unpacked already.
pub(super) fn survey_of(
    container: &dyn Container,
    packed: &Unpacked,
    limits: &Limits,
    budget: ReadBudget,
) -> PlatformSurvey {
    let meter = Meter::new(container, limits, packed);
    let places = Places::of(container.entries().iter().filter(|entry| is_candidate(entry)));
    let candidates = candidates(&meter, &places);
    let mut found = PlatformSurvey::empty(candidates.len() as u64);
    // Three quarters for the headers; what they leave is for versions and packages.
    let share = budget.bytes - budget.bytes / 4;
    meter.allow(share);
    let mut heads = BTreeMap::new();
    for candidate in sample(&candidates, share / HEAD_COST) {
        let head = meter.source(candidate.id).and_then(|source| pe::head(&source).ok()).flatten();
        if head.is_none() && meter.left() < HEAD_COST {
            break;
        }
        found.examined += 1;
        match head {
            Some(head) => {
                found.count(candidate.standing, &head);
                if candidate.is_key {
                    heads.insert(candidate.id, head);
                }
            }
            None => found.no_programs += 1,
        }
    }
    if is_package(container) && found.counts.total() == 0 {
        found.counts = std::mem::take(&mut found.starters);
    }
    meter.allow(budget.bytes / 4);
    found.declared.extend(declared(container));
    found.read_versions(&meter, &heads);
    found.read_packages(&meter, &places);
    found.bytes_read = budget.bytes - meter.left();
    found.conclude();
    found
}

/// True for what is no disc and no directory: its root holds what it installs.
fn is_package(container: &dyn Container) -> bool {
    !matches!(container.format(), "iso9660" | "udf" | "directory")
}

/// The platforms that the container itself declares: a bundle may have several.
fn declared(container: &dyn Container) -> impl Iterator<Item = Declared> {
    let named = container.facts().named.iter().find(|(name, _)| *name == "platform");
    let template = named.map_or("", |(_, template)| template.as_str());
    template.split(',').filter_map(Machine::named).map(move |platform| Declared {
        path: format!("the {} itself", container.format()),
        template: template.to_owned(),
        platform,
        languages: Vec::new(),
    })
}

/// A member that looks like a program.
struct Candidate {
    id: EntryId,
    standing: Standing,
    /// Its version may be wanted, so it is in every sample.
    is_key: bool,
}

fn is_candidate(entry: &Entry) -> bool {
    is_file(entry) && entry.bytes >= 64 && place::is_program(entry.path.text())
}

fn is_file(entry: &Entry) -> bool {
    entry.kind == EntryKind::File && matches!(entry.role, Role::Plain | Role::Hidden)
}

/// Everything that looks like a program and can be looked at, in physical order.
fn candidates(meter: &Meter<'_>, places: &Places) -> Vec<Candidate> {
    let mut always = 0;
    let entries = meter.container().entries().iter().enumerate();
    let entries = entries.filter(|(number, entry)| is_candidate(entry) && meter.reaches(*number, entry));
    let mut found: Vec<_> = entries
        .map(|(number, entry)| {
            let path = entry.path.text().to_lowercase();
            let standing = places.standing(&path);
            let root = standing == Standing::Starter && !path.contains('/') && always < ALWAYS;
            always += usize::from(root);
            let is_key = root || NAMED.contains(&path.as_str());
            (entry.location.order(), Candidate { id: EntryId(number), standing, is_key })
        })
        .collect();
    found.sort_by_key(|(order, candidate)| (*order, candidate.id));
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

/// At most about `most` of them, evenly, and every key file.
fn sample(candidates: &[Candidate], most: u64) -> impl Iterator<Item = &Candidate> {
    let all = candidates.len() as u64;
    let share = move |number: u64| number.saturating_mul(most) / all.max(1);
    candidates.iter().enumerate().filter_map(move |(number, candidate)| {
        let number = number as u64;
        let taken = all <= most || candidate.is_key || share(number) != share(number + 1);
        taken.then_some(candidate)
    })
}

impl PlatformSurvey {
    fn empty(candidates: u64) -> Self {
        Self {
            value: Platform::Unknown,
            because: Vec::new(),
            starter: None,
            counts: Counts::default(),
            starters: Counts::default(),
            prerequisites: Counts::default(),
            wow: Counts::default(),
            firmware: Counts::default(),
            declared: Vec::new(),
            files: Vec::new(),
            candidates,
            examined: 0,
            no_programs: 0,
            bytes_read: 0,
        }
    }

    fn count(&mut self, standing: Standing, head: &Head) {
        let counts = match standing {
            _ if head.is_efi() => &mut self.firmware,
            Standing::Payload => &mut self.counts,
            Standing::Starter => &mut self.starters,
            Standing::Prerequisite => &mut self.prerequisites,
            Standing::Wow => &mut self.wow,
            Standing::Firmware => &mut self.firmware,
        };
        counts.add(head.machine);
    }

    /// Versions of the named programs, then of others in the root.
    fn read_versions(&mut self, meter: &Meter<'_>, heads: &BTreeMap<EntryId, Head>) {
        let path = |id: EntryId| meter.container().entries().get(id.0).map_or("", |entry| entry.path.text());
        let rank = |id: EntryId| {
            let path = path(id).to_lowercase();
            NAMED.iter().position(|name| *name == path).unwrap_or(NAMED.len())
        };
        let mut order: Vec<_> = heads.iter().map(|(id, head)| (rank(*id), *id, head)).collect();
        order.sort_by_key(|(rank, id, _)| (*rank, *id));
        let named = order.iter().filter(|(rank, ..)| *rank < NAMED.len()).count();
        order.truncate(named + OTHER_VERSIONS);
        let starts = |name: &str| order.iter().find(|(_, id, _)| path(*id).eq_ignore_ascii_case(name));
        let starter = ["setup.exe", "install.exe", "autorun.exe"].into_iter().find_map(starts);
        self.starter = starter.map(|(_, _, head)| head.machine);
        for (_, id, head) in order {
            let source = meter.source(id);
            let versions = source.and_then(|source| pe::versions(&source).ok()).flatten().unwrap_or_default();
            let text = |name| versions.text(name).map(str::to_owned);
            self.files.push(KeyFile {
                path: path(id).to_owned(),
                machine: head.machine,
                file_version: versions.file,
                product_version: versions.product,
                file_version_text: text("FileVersion"),
                product_version_text: text("ProductVersion"),
                product_name: text("ProductName"),
                company: text("CompanyName"),
            });
        }
    }

    /// What installer packages declare: those in the root, then those with "setup" in their path.
    fn read_packages(&mut self, meter: &Meter<'_>, places: &Places) {
        let entries = meter.container().entries().iter().enumerate();
        let entries = entries.filter(|(number, entry)| is_file(entry) && meter.reaches(*number, entry));
        let mut packages: Vec<_> = entries
            .filter_map(|(number, entry)| {
                let path = entry.path.text().to_lowercase();
                let root = !path.contains('/');
                let wanted = path.ends_with(".msi") && (root || path.contains("setup"));
                let payload = wanted && places.standing(&path) == Standing::Payload;
                payload.then_some((!root, std::cmp::Reverse(entry.bytes), EntryId(number)))
            })
            .collect();
        packages.sort();
        for (.., id) in packages.into_iter().take(PACKAGES) {
            let summary = meter.source(id).and_then(|source| msi::summary(source).ok()).flatten();
            let Some(summary) = summary.filter(|summary| summary.kind == MsiKind::Package) else { continue };
            let platform = summary.platform.and_then(machine_named);
            let (Some(platform), Some(entry)) = (platform, meter.container().entries().get(id.0)) else {
                continue;
            };
            let template = summary.template.unwrap_or_default();
            let path = entry.path.text().to_owned();
            self.declared.push(Declared { path, template, platform, languages: summary.languages });
        }
    }

    fn conclude(&mut self) {
        let declared: BTreeSet<Machine> = self.declared.iter().map(|one| one.platform).collect();
        let winners = self.counts.winners();
        let counted = match winners.as_slice() {
            [one] => Platform::One(*one),
            [] if self.counts.of(Machine::Neutral) > 0 => Platform::Neutral,
            // An x86 starter runs on x64 too and says nothing; any other runs on its own kind alone.
            [] => match self.starter.map(Machine::platform) {
                None | Some(Machine::X86 | Machine::Neutral) => Platform::Unknown,
                Some(one) => Platform::One(one),
            },
            _ => Platform::Mixed,
        };
        let declared: Vec<Machine> = declared.into_iter().collect();
        self.value = match (declared.as_slice(), counted) {
            ([], counted) => counted,
            // A package for x86 may carry anything; one for another processor installs nowhere else.
            ([Machine::X86], Platform::One(counted)) => Platform::One(counted),
            ([one], _) => Platform::One(*one),
            (several, Platform::One(counted)) if several.contains(&counted) => Platform::One(counted),
            _ => Platform::Mixed,
        };
        self.explain(&winners);
    }

    fn explain(&mut self, winners: &[Machine]) {
        let mut because = Vec::new();
        for one in &self.declared {
            because.push(format!("{} declares {}", one.path, one.platform.name()));
        }
        let counted = self.counts.total() - self.counts.of(Machine::Neutral);
        match winners {
            [one] => because.push(format!(
                "{} of {counted} counted programs are for {}",
                self.counts.of(*one),
                one.name()
            )),
            [] => match self.value {
                Platform::One(one) if self.declared.is_empty() => because.push(format!(
                    "no other program counts, and the starter is for {} and runs nowhere else",
                    one.name()
                )),
                _ => because.push("no program counts for one processor".to_owned()),
            },
            _ => because.push(format!("the counted programs are {}", self.counts.words())),
        }
        let left_out = [
            (self.counts.of(Machine::Neutral), "neutral".to_owned()),
            (self.starters.total(), format!("starter programs ({})", self.starters.words())),
            (self.prerequisites.total(), format!("prerequisites ({})", self.prerequisites.words())),
            (self.wow.total(), format!("32-bit copies beside 64-bit ones ({})", self.wow.words())),
        ];
        let left_out = left_out.iter().filter(|(count, _)| *count > 0);
        let left_out: Vec<_> = left_out.map(|(count, what)| format!("{count} {what}")).collect();
        if !left_out.is_empty() {
            because.push(format!("left out: {}", left_out.join(", ")));
        }
        if self.firmware.total() > 0 {
            because.push(format!("firmware programs: {}", self.firmware.words()));
        }
        if self.examined < self.candidates {
            because.push(format!("{} of {} programs were examined", self.examined, self.candidates));
        }
        self.because = because;
    }
}

/// The processor that an installer package names.
fn machine_named(name: &str) -> Option<Machine> {
    let all = [Machine::X86, Machine::X64, Machine::Arm64, Machine::Arm, Machine::Ia64, Machine::Alpha];
    all.into_iter().find(|machine| machine.name() == name)
}

#[cfg(test)]
mod tests;
