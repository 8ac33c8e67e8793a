//! Inno Setup: a program with its setup data behind it, or beside it in slices.
//!
//! | where | what |
//! |---|---|
//! | resource RCDATA 11111 (before 5.1.5: pointed at by byte 0x30) | loader table: `rDlPtS`, size of the file, where setup-0 and setup-1 are |
//! | setup-0 | `Inno Setup Setup Data (…)`, then two packed streams: script, and where files are |
//! | setup-1, or `NAME-1.bin`, … | chunks: `zlb\x1a`, then files packed together |
//!
//! The headers are read by the `inno` crate. Chunks are decoded here: each once, its files cut out of it, the
//! filter for processor instructions undone, their checksums compared.
//!
//! References: Inno Setup's `Struct.pas`, `Shared.Struct.pas`, `Compression.Base.pas` (as the crate has them).

mod chunk;
mod content;
mod names;

use super::{Certainty, Evidence, Format, Options, Probe, overlay};
use crate::ahead::decode_ahead;
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, EntryPath, Facts, Finding, Findings, Layer, Location,
    Severity,
};
use crate::error::{Error, Kind, Result};
use crate::fields::Fields;
use crate::guard::guarded;
use crate::limits::Limits;
use crate::sink::{CHUNK, Sink, deliver, deliver_content};
use crate::source::{SharedSource, Source, SourceReader, read_up_to};
use crate::time::Timestamp;
use chunk::{Chunk, Data};
use content::{Check, Content};
use inno::Inno;
use inno::entry::FileLocation;
use inno::error::InnoError;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufReader, Read};

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "inno",
    title: "Inno Setup installer",
    spec: &["Inno Setup 4.0 to 7.0, Projects/Src/Struct.pas and Compression.Base.pas"],
    limits: &[
        "encrypted files are listed and not decoded; fully encrypted setups are not listed",
        "constants in names are shown by their names ({app} as app); code is not run",
        "files that the script takes from elsewhere (external, download) are not shown",
        "the setup program and the uninstaller within the loader are not shown",
    ],
    probe,
    open,
};

/// First letters of the loader table's identifier; the rest depends on the version.
const TABLE: &[u8] = b"rDlPtS";
/// An identifier without them.
const OTHER_TABLE: &[u8] = b"nS5W7dT\x83\xAA\x1B\x0Fj";
/// Bytes of resources that are searched.
const SEARCHED: usize = 8 << 20;

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    if !probe.has(0, b"MZ") {
        return Ok(None);
    }
    let evidence = |why: &str| Ok(Some(Evidence { certainty: Certainty::Sure, why: why.to_owned() }));
    // Before 5.1.5.
    if probe.has(0x30, b"Inno") {
        return evidence("Inno at 0x30");
    }
    let Some(resources) = overlay::resources(probe.source)? else { return Ok(None) };
    let len =
        usize::try_from(resources.end.saturating_sub(resources.start)).unwrap_or(SEARCHED).min(SEARCHED);
    let bytes = read_up_to(probe.source, resources.start, len)?;
    let found = bytes.windows(12).any(|window| {
        window == OTHER_TABLE
            || window.starts_with(TABLE)
                && matches!(
                    window.get(6..),
                    Some(b"\xcd\xe6\xd7\x7b\x0b\x2a" | [_, _, 0x87, b'e', b'V', b'x'])
                )
    });
    if found { evidence("loader table in the resources") } else { Ok(None) }
}

/// What went wrong in the crate, in our words.
fn error(error: InnoError) -> Error {
    match error {
        InnoError::Encrypted => Error::encrypted("Inno Setup"),
        InnoError::UnsupportedVersion(_) | InnoError::UnknownVersion(_) => {
            Error::unsupported("this version of Inno Setup")
        }
        InnoError::UnsupportedCompression(_) => Error::unsupported("this compression of Inno Setup"),
        InnoError::ChecksumMismatch { .. } => Error::damaged("checksum of the setup headers"),
        InnoError::Io(error) => match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Error::damaged("setup headers end early"),
            _ => Error::damaged("setup headers"),
        },
        _ => Error::invalid("setup headers"),
    }
}

/// What stands behind an entry.
#[derive(Clone, Copy)]
struct Part {
    /// The chunk's number.
    chunk: usize,
    location: FileLocation,
}

struct Setup {
    catalogue: Catalogue,
    data: Data,
    chunks: Vec<Chunk>,
    parts: Vec<Part>,
    threads: usize,
}

/// The crate allocates by the optional header's number of data directories; sixteen are defined (PE Format,
/// "Optional Header Windows-Specific Fields").
fn check_directories(source: &dyn Source) -> Result<()> {
    const DEFINED: u32 = 16;
    const PE32_PLUS: u16 = 0x20b;
    let head = read_up_to(source, 0, 4096)?;
    let head = Fields::new("DOS header", &head, 0);
    let at = u64::from(head.u32_le(0x3c, "e_lfanew")?) + 24;
    let optional = read_up_to(source, at, 112)?;
    let optional = Fields::new("optional header", &optional, at);
    let number = if optional.u16_le(0, "Magic")? == PE32_PLUS { 108 } else { 92 };
    match optional.u32_le(number, "NumberOfRvaAndSizes")? {
        0..=DEFINED => Ok(()),
        _ => Err(optional.wrong(number, "NumberOfRvaAndSizes", Error::invalid("more than sixteen"))),
    }
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    check_directories(&*source)?;
    let reader = BufReader::new(SourceReader::new(source.clone()));
    let inno = guarded("Inno Setup headers", || Inno::new(reader).map_err(error))?;
    if inno.encryption_header().is_some_and(|header| format!("{header:?}").contains("Full")) {
        return Err(Error::encrypted("Inno Setup"));
    }
    let mut findings = Findings::default();
    let loader = inno.setup_loader();
    let end = u64::try_from(loader.minimum_setup_exe_size()).unwrap_or(0);
    let data_at = u64::try_from(loader.data_offset()).unwrap_or(0);
    let slices =
        inno.file_locations().iter().map(|location| location.chunk().last_slice()).max().unwrap_or(0);
    let base = inno.header().base_filename().unwrap_or_default();
    let data = if data_at > 0 {
        Data::embedded(&source, data_at)
    } else {
        let per_disk = inno.header().slices_per_disk().clamp(1, 26);
        Data::slices(&options.surroundings, base, slices, per_disk, &mut findings)?
    };
    let mut setup = Setup {
        catalogue: Catalogue::new(source),
        data,
        chunks: Vec::new(),
        parts: Vec::new(),
        threads: options.decoders(),
    };
    setup.catalogue.end = end;
    let signature = overlay::signature(&**setup.source())?;
    setup.catalogue.regions.extend(signature);
    setup.list(&inno, &options.limits, &mut findings)?;
    let files = setup.catalogue.entries.len() as u64;
    let version = inno.version();
    setup.catalogue.facts = Facts { named: facts(&inno), ..Facts::default() };
    setup.catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: format!("Inno Setup {version}, {}", inno.header().compression().as_str()),
        label: None,
        entries: Some(files),
        used: true,
    });
    setup.catalogue.findings = findings.finish();
    Ok(Box::new(setup))
}

/// What the setup says of itself.
fn facts<R: Read + std::io::Seek>(inno: &Inno<R>) -> Vec<(&'static str, String)> {
    let header = inno.header();
    let mut facts = vec![("stub", format!("Inno Setup {}", inno.version()))];
    let mut add = |name, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.push((name, value.to_owned()));
        }
    };
    add("product", header.app_name());
    add("version", header.app_version());
    add("manufacturer", header.app_publisher());
    add("install_directory", header.default_dir_name());
    add("product_code", header.product_code().as_deref());
    let allowed = format!("{:?}", header.architectures_allowed()).to_lowercase();
    let only = |yes: &[&str], no: &[&str]| {
        yes.iter().any(|word| allowed.contains(word)) && !no.iter().any(|word| allowed.contains(word))
    };
    // Where only one processor is allowed the payload is for it; more of them say nothing.
    if only(&["x64", "amd64"], &["x86", "arm", "win64"]) {
        add("platform", Some("x64"));
    } else if only(&["arm64"], &["x86", "x64"]) {
        add("platform", Some("arm64"));
    }
    let languages: Vec<&str> = inno.languages().iter().map(|language| language.language_name()).collect();
    add("languages", Some(&languages.join(", ")));
    facts
}

impl Setup {
    /// Makes the entries, and the list of chunks that they lie in.
    fn list<R: Read + std::io::Seek>(
        &mut self,
        inno: &Inno<R>,
        limits: &Limits,
        findings: &mut Findings,
    ) -> Result<()> {
        let mut numbers: BTreeMap<(u32, u64), usize> = BTreeMap::new();
        for location in inno.file_locations() {
            let chunk = location.chunk();
            numbers.entry((chunk.first_slice(), chunk.start_offset())).or_insert(0);
        }
        for (number, value) in numbers.values_mut().enumerate() {
            *value = number;
        }
        self.chunks = vec![Chunk::default(); numbers.len()];
        for location in inno.file_locations() {
            let chunk = location.chunk();
            let number = numbers.get(&(chunk.first_slice(), chunk.start_offset()));
            if let Some(slot) = number.and_then(|number| self.chunks.get_mut(*number)) {
                *slot = Chunk::of(location);
            }
        }
        let mut names: HashMap<u32, u32> = HashMap::new();
        for file in inno.file_entries() {
            *names.entry(file.location()).or_default() += 1;
        }
        let mut path_bytes = 0u64;
        for file in inno.file_entries() {
            // Files from elsewhere, and the uninstaller, lie in no chunk.
            let Some(destination) = file.destination().filter(|name| !name.is_empty()) else { continue };
            let Some(location) =
                usize::try_from(file.location()).ok().and_then(|at| inno.file_locations().get(at)).copied()
            else {
                if file.location() != u32::MAX {
                    let what = format!("its data has number {}, which is not there", file.location());
                    findings.push(Finding::about(Severity::Damaged, destination, what));
                }
                continue;
            };
            let chunk = location.chunk();
            let Some(&number) = numbers.get(&(chunk.first_slice(), chunk.start_offset())) else { continue };
            let path = names::restored(destination);
            path_bytes = path_bytes.saturating_add(path.len() as u64);
            if path_bytes > limits.all_path_bytes {
                return Err(Error::limit("bytes of paths", limits.all_path_bytes));
            }
            let mut entry = Entry::new(EntryPath::new(path), EntryKind::File);
            entry.bytes = location.uncompressed_size();
            entry.modified = modified(&location);
            let run = u32::try_from(number).map_err(|_| Error::limit("chunks", u32::MAX.into()))?;
            entry.location = Location::Solid { run, offset: location.file().offset() };
            // One file with several names.
            if names.get(&file.location()).is_some_and(|&times| times > 1) {
                entry.link = Some(file.location().into());
            }
            self.catalogue.entries.push(entry);
            self.parts.push(Part { chunk: number, location });
        }
        Ok(())
    }

    /// Opens a chunk, unpacked.
    fn chunk(&self, number: usize) -> Result<Box<dyn Read + Send>> {
        let chunk = self.chunks.get(number).ok_or_else(|| Error::not_found("chunk", None))?;
        self.data.unpacked(chunk)
    }

    /// Cuts one file out of its chunk, which stands at `at`.
    fn cut<'a>(
        &self,
        part: &Part,
        at: u64,
        run: &'a mut dyn Read,
    ) -> Result<(Content<&'a mut dyn Read>, u64)> {
        let file = part.location.file();
        skip(run, file.offset().saturating_sub(at))?;
        let content = Content::new(run, &part.location, Check::of(file.checksum()));
        Ok((content, file.offset()))
    }
}

fn skip(run: &mut dyn Read, len: u64) -> Result<()> {
    let skipped = std::io::copy(&mut run.take(len), &mut std::io::sink())?;
    if skipped < len {
        return Err(Error::truncated(len, skipped).during("chunk"));
    }
    Ok(())
}

/// Ticks of 100 ns since 1601.
fn modified(location: &FileLocation) -> Option<Timestamp> {
    let ticks = location.file_time().to_raw();
    let seconds = i64::try_from(ticks / 10_000_000).ok()?.checked_sub(11_644_473_600)?;
    let nanos = u32::try_from(ticks % 10_000_000).ok()?.checked_mul(100)?;
    (ticks > 0).then_some(Timestamp { seconds, nanos, zone: Some(0) })
}

/// A file whose chunk broke before it.
struct Failed(Option<Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(self.0.take().unwrap_or_else(|| Error::new(Kind::Cancelled)).into())
    }
}

impl Container for Setup {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn member_checksum(&self) -> Option<&'static str> {
        self.parts.first().map(|part| Check::of(part.location.file().checksum()).name())
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        let part = self.parts.get(id.0).ok_or_else(|| Error::not_found(format!("entry {}", id.0), None))?;
        let mut run = self.chunk(part.chunk)?;
        let file = part.location.file();
        skip(&mut *run, file.offset())?;
        Ok(Box::new(Content::new(run, &part.location, Check::of(file.checksum()))))
    }

    fn read_in_order(&self, wanted: &[EntryId], sink: &mut dyn Sink) -> Result<()> {
        let entries = &self.catalogue.entries;
        let mut order: Vec<EntryId> = wanted.iter().copied().filter(|id| id.0 < self.parts.len()).collect();
        order.sort_by_key(|id| (entries.get(id.0).map(|entry| entry.location.order()), *id));
        let mut runs: Vec<(usize, Vec<EntryId>)> = Vec::new();
        for id in order {
            let Some(part) = self.parts.get(id.0) else { continue };
            match runs.last_mut() {
                Some((chunk, ids)) if *chunk == part.chunk => ids.push(id),
                _ => runs.push((part.chunk, vec![id])),
            }
        }
        let mut again = Vec::new();
        let open = |i: usize| match runs.get(i) {
            Some((chunk, _)) => self.chunk(*chunk),
            None => Err(Error::new(Kind::Cancelled)),
        };
        decode_ahead(runs.len(), self.threads, open, |i, run| {
            let Some((_, ids)) = runs.get(i) else { return Ok(()) };
            let mut at = 0u64;
            let mut broken: Option<Error> = None;
            for &id in ids {
                let (Some(part), entry) = (self.parts.get(id.0), self.entry(id)?) else { continue };
                if part.location.file().offset() < at && broken.is_none() {
                    again.push(id);
                    continue;
                }
                let cut = match &broken {
                    Some(error) => Err(error.again()),
                    None => self.cut(part, at, &mut *run),
                };
                match cut {
                    Ok((mut content, start)) => {
                        deliver_content((id, entry), &mut content, sink)?;
                        at = start.saturating_add(content.taken());
                        broken = content.broken();
                    }
                    Err(error) => {
                        broken = Some(error.again());
                        deliver_content((id, entry), &mut Failed(Some(error)), sink)?;
                    }
                }
            }
            Ok(())
        })?;
        // Second names of what was delivered already, where the sink wants their bytes, too.
        for id in again {
            deliver(self.source(), (id, self.entry(id)?), || self.open(id), sink)?;
        }
        Ok(())
    }
}

/// Bytes that are read at a time.
const BLOCK: usize = CHUNK;
