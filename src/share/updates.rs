//! Updates put where a product's setup takes them along: `Updates/`, for Exchange Server's rollups and, by
//! `/UpdateSource`, for SQL Server's updates. One that is for another product, service pack or processor is refused.

use super::check::digest_of;
use super::manifest::{File, MANIFEST, Manifest, SUMS, Update};
use super::survey::{Item, State};
use super::tree::{Node, Stat, tree};
use super::{Lock, STAGING, Share, directory, index::Listed, now, sign};
use crate::container::{Container, EntryPath};
use crate::error::{Error, Kind, Refusal, Result};
use crate::facts::read_file_name;
use crate::formats::Options;
use crate::inspect::{Asked, Knowledge, inspect};
use crate::medium;
use crate::observe::Observer;
use crate::path::{LocalPaths, Names};
use crate::report::Inspect;
use crate::source::{FileSource, SharedSource};
use cap_std::fs::{Dir, OpenOptions};
use std::fs::FileTimes;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

/// The folder that setup programs take updates from.
const UPDATES: &str = "Updates";
/// Bytes that are copied at once.
const BLOCK: usize = 1 << 20;

/// An update that was put beside a product, or was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedUpdate {
    /// Its path in the product folder.
    pub path: String,
    /// What it is.
    pub title: String,
    /// Why it fits.
    pub fits: Vec<String>,
    /// True where it was there already.
    pub already: bool,
    /// Other updates that are there, where only one ought to be.
    pub beside: Vec<String>,
}

/// Products that take updates along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Exchange,
    Sql,
}

impl Family {
    fn of(product: &str) -> Option<Self> {
        if product.starts_with("Exchange Server") {
            Some(Self::Exchange)
        } else if product.starts_with("SQL Server") {
            Some(Self::Sql)
        } else {
            None
        }
    }
}

/// What is known of an update.
struct Facts {
    title: String,
    product: Option<String>,
    service_pack: Option<u32>,
    /// True where it is a service pack itself.
    is_service_pack: bool,
    platform: Option<String>,
    /// Product codes that a patch is for.
    targets: Vec<String>,
    is_patch: bool,
}

/// Puts the update `file` beside a product.
///
/// # Errors
/// `Refused` where it does not fit, with the reason; what opening and copying it said.
pub fn add_update(
    share: &Share,
    _lock: &Lock,
    wanted: &str,
    file: &Path,
    options: &Options,
    knowledge: &Knowledge,
    observer: &dyn Observer,
) -> Result<AddedUpdate> {
    let mut survey = share.refresh()?;
    let item = survey.one(share, wanted)?;
    if item.state != State::Known {
        let why = format!("{} is {}: discless share check says more", item.folder, item.state_name());
        return Err(Error::usage(why));
    }
    let folder = item.folder.clone();
    let mut manifest = item.manifest()?;
    let shown = file.to_string_lossy();
    let source: SharedSource = Arc::new(FileSource::open(file).map_err(|error| error.of(&shown))?);
    let update = facts(&source, &shown, options, knowledge)?;
    let dir = share.folder(&folder)?;
    let fits = fits(&update, &manifest, &dir, options)
        .map_err(|why| Error::new(Kind::Refused(Refusal::Unfit { file: shown.clone().into_owned(), why })))?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name =
        LocalPaths::new(Names::Portable).file(&EntryPath::new(name)).path.to_string_lossy().into_owned();
    let above = updates_folder(&share.root().join(&folder))?;
    let path = format!("{above}/{name}");
    let beside: Vec<String> = manifest
        .files
        .iter()
        .map(|file| &file.path)
        .filter(|other| {
            **other != path
                && other.strip_prefix(&*above).is_some_and(|rest| rest.starts_with('/'))
                && is_update(other)
        })
        .cloned()
        .collect();
    let placed = place(share, &dir, file, &path, &manifest, observer).map_err(|error| error.of(&shown))?;
    let already = manifest.files.iter().any(|known| known.path == path && known.sha256 == placed.sha256);
    let added =
        AddedUpdate { path: path.clone(), title: update.title.clone(), fits: fits.clone(), already, beside };
    if already && manifest.updates.iter().any(|known| known.path == path) {
        return Ok(added);
    }
    manifest.files.retain(|known| known.path != path);
    manifest.files.push(placed);
    manifest.updates.retain(|known| known.path != path);
    manifest.updates.push(Update { path, title: update.title, added: now(), fits });
    let listed = rewrite(&dir, &mut manifest, &folder)?;
    if let Some(item) = survey.items.iter_mut().find(|item| item.folder == folder) {
        item.listed = Some(listed);
    }
    share.write_index(&survey)?;
    Ok(added)
}

/// True for what setup would take for an update.
fn is_update(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    lower.ends_with(".msp") || lower.ends_with(".exe")
}

/// Writes a manifest anew, and what follows from it. A signature over the old one goes.
fn rewrite(dir: &Dir, manifest: &mut Manifest, folder: &str) -> Result<Listed> {
    let bytes = manifest.to_bytes()?;
    let own = directory::make(dir, super::OWN)?;
    directory::remove(&own, &sign::file(MANIFEST))?;
    directory::replace(&own, SUMS, manifest.sums().as_bytes())?;
    directory::replace(&own, MANIFEST, &bytes)?;
    Ok(Listed::of(manifest, folder, &super::manifest::sha256(&bytes)))
}

/// The folder for updates as the medium has it, whatever its capitals.
fn updates_folder(root: &Path) -> Result<String> {
    let mut found = None;
    for entry in std::fs::read_dir(root)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.eq_ignore_ascii_case(UPDATES) {
            found = Some(name);
        }
    }
    Ok(found.unwrap_or_else(|| UPDATES.to_owned()))
}

/// Copies the update to its place: aside first, then by one rename.
fn place(
    share: &Share,
    dir: &Dir,
    file: &Path,
    path: &str,
    manifest: &Manifest,
    observer: &dyn Observer,
) -> Result<File> {
    let mut from = std::fs::File::open(file)?;
    let meta = from.metadata()?;
    observer.total(meta.len().saturating_mul(2));
    let (sha256, bytes) = digest_of(&mut from, observer)?;
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    let to = directory::make_all(dir, above)?;
    match to.symlink_metadata(name) {
        // Put there by hand, or by a run that was killed: taken over if it is the same.
        Ok(there) if there.is_file() && there.len() == bytes => {
            let (have, _) = digest_of(&mut to.open(name)?.into_std(), observer)?;
            if have == sha256 {
                let stat = Stat::of(&to.open(name)?.into_std().metadata()?);
                return Ok(described(path, &stat, sha256));
            }
            return Err(occupied(path, manifest));
        }
        Ok(_) => return Err(occupied(path, manifest)),
        Err(_) => {}
    }
    let staging = directory::make(&share.own, STAGING)?;
    let part = format!("update-{}", sha256.get(..12).unwrap_or(&sha256));
    directory::remove(&staging, &part)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let written = staging.open_with(&part, &options).map_err(Error::from).and_then(|out| {
        let mut out = out.into_std();
        let mut from = std::fs::File::open(file)?;
        let mut buf = vec![0; BLOCK];
        loop {
            if observer.cancelled() {
                return Err(Error::new(Kind::Cancelled));
            }
            match from.read(&mut buf)? {
                0 => break,
                n => {
                    out.write_all(buf.get(..n).unwrap_or_default())?;
                    observer.advance(n as u64);
                }
            }
        }
        if let Ok(time) = meta.modified() {
            out.set_times(FileTimes::new().set_modified(time))?;
        }
        out.sync_all()?;
        Ok(())
    });
    let checked = written.and_then(|()| {
        let mut copy = staging.open(&part)?.into_std();
        // What was copied is what was looked at: the file may have changed in between.
        let (copied, _) = digest_of(&mut copy, &crate::observe::Silent)?;
        if copied != sha256 {
            return Err(Error::damaged("the file changed while it was copied"));
        }
        let stat = Stat::of(&copy.metadata()?);
        staging.rename(&part, &to, name)?;
        directory::sync(&to);
        Ok(stat)
    });
    match checked {
        Ok(stat) => Ok(described(path, &stat, sha256)),
        Err(error) => {
            let _ = staging.remove_file(&part);
            Err(error)
        }
    }
}

fn described(path: &str, stat: &Stat, sha256: String) -> File {
    File { path: path.to_owned(), bytes: stat.bytes, sha256, modified: stat.modified.rfc3339() }
}

fn occupied(path: &str, manifest: &Manifest) -> Error {
    Error::new(Kind::Refused(Refusal::Exists(Path::new(&manifest.folder).join(path))))
}

/// What a file that may be an update says of itself.
fn facts(source: &SharedSource, name: &str, options: &Options, knowledge: &Knowledge) -> Result<Facts> {
    let container: Arc<dyn Container> = Arc::from(medium::open(source, name, options)?);
    let report = inspect(&container, &Asked::about(name, knowledge), options);
    let fact = |wanted: &str| {
        let mut named = container.facts().named.iter().filter(|(name, _)| *name == wanted);
        named.next().map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    };
    let short = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let said = fact("product").or_else(|| report.product.as_ref().map(|product| product.value.clone()));
    let all = [said.clone(), fact("subject"), fact("comment"), fact("title"), version_text(&report)];
    let texts: Vec<String> = all.into_iter().flatten().collect();
    let by_name = read_file_name(short);
    let product = texts
        .iter()
        .find_map(|text| product_in(text))
        .or_else(|| report.product.as_ref().and_then(|product| product_in(&product.value)))
        .or_else(|| product_in(short))
        .or_else(|| by_name.as_ref().and_then(|name| name.product.clone()));
    let platform = Some(report.platform.value.clone()).filter(|value| is_platform(value));
    let platform = platform.or_else(|| platform_in(short));
    // A name says what it is for a person: where it says another processor than the contents, the contents count.
    let is_service_pack = texts.iter().chain([&short.to_owned()]).any(|text| is_service_pack(text));
    let service_pack = texts.iter().find_map(|text| service_pack_in(text)).or_else(|| service_pack_in(short));
    Ok(Facts {
        title: said.unwrap_or_else(|| short.to_owned()),
        product,
        service_pack,
        is_service_pack,
        platform,
        targets: fact("target_products")
            .map(|codes| codes.split(',').map(|code| code.trim().to_owned()).collect())
            .unwrap_or_default(),
        is_patch: fact("kind").as_deref() == Some("patch"),
    })
}

/// What the program itself is called.
fn version_text(report: &Inspect) -> Option<String> {
    report.versions.iter().find_map(|file| file.product.clone())
}

/// `Exchange Server 2007` or `SQL Server 2019` in words, or in a file name such as `SQLServer2019-KB5007182-x64.exe`.
fn product_in(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    for (word, name) in [("exchange", "Exchange Server"), ("sql", "SQL Server")] {
        let Some(at) = lower.find(word) else { continue };
        let rest = lower.get(at + word.len()..).unwrap_or_default();
        let rest = rest.trim_start_matches([' ', '®', '-', '_']);
        let rest = rest.strip_prefix("server").unwrap_or(rest).trim_start_matches([' ', '-', '_']);
        let year: String = rest.chars().take_while(char::is_ascii_digit).collect();
        if year.len() != 4 {
            continue;
        }
        let second = rest.get(4..).unwrap_or_default().trim_start_matches([' ', '-', '_']).starts_with("r2");
        return Some(format!("{name} {year}{}", if second { " R2" } else { "" }));
    }
    None
}

/// The number in `Service Pack 1` or `SP1`.
fn service_pack_in(text: &str) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    let digits = |rest: &str| -> Option<u32> {
        let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    if let Some((_, rest)) = lower.split_once("service pack") {
        return digits(rest);
    }
    lower.match_indices("sp").find_map(|(at, _)| {
        let before = lower.get(..at).and_then(|head| head.chars().next_back());
        let rest = lower.get(at + 2..).filter(|_| !before.is_some_and(char::is_alphabetic))?;
        rest.starts_with(|c: char| c.is_ascii_digit()).then(|| digits(rest)).flatten()
    })
}

/// True for a service pack itself, not an update for one.
fn is_service_pack(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.starts_with("service pack")
        || lower.contains("server service pack")
        || (lower.contains("sqlserver")
            && lower.contains("sp")
            && service_pack_in(text).is_some()
            && !lower.contains("cu"))
}

fn is_platform(value: &str) -> bool {
    matches!(value, "x86" | "x64" | "ia64" | "arm64")
}

/// The processor that a file's name says.
fn platform_in(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    let word = words.filter_map(|word| match word {
        "x64" | "amd64" | "64bit" => Some("x64"),
        "x86" | "i386" | "32bit" => Some("x86"),
        "ia64" | "itanium" => Some("ia64"),
        "arm64" => Some("arm64"),
        _ => None,
    });
    let all: Vec<&str> = word.collect();
    match all.as_slice() {
        [one] => Some((*one).to_owned()),
        _ => None,
    }
}

/// Why an update fits a product, or why it does not.
fn fits(update: &Facts, manifest: &Manifest, dir: &Dir, options: &Options) -> Result<Vec<String>, String> {
    let set = &manifest.product;
    let Some(family) = Family::of(&set.name) else {
        let name = if set.name.is_empty() { "a medium that was not identified" } else { &set.name };
        return Err(format!(
            "{name}: how its setup takes updates along is not known here; Exchange Server's and SQL Server's is"
        ));
    };
    if family == Family::Exchange && !update.is_patch {
        return Err(format!("it is no patch (.msp), and {} takes nothing else from {UPDATES}", set.name));
    }
    let mut reasons = Vec::new();
    match &update.product {
        Some(product) if *product == set.name => reasons.push(format!("it is for {product}")),
        Some(product) => return Err(format!("it is for {product}, and this is {}", set.name)),
        None => {}
    }
    let codes = if update.targets.is_empty() { Vec::new() } else { product_codes(manifest, dir, options) };
    if !codes.is_empty() {
        match codes.iter().find(|code| update.targets.iter().any(|target| target.eq_ignore_ascii_case(code)))
        {
            Some(code) => reasons.push(format!("its product code {code} is this one's")),
            None => {
                return Err(format!(
                    "it is for the product code {}, and this has {}",
                    update.targets.first().map_or("", String::as_str),
                    codes.join(", ")
                ));
            }
        }
    }
    if reasons.is_empty() {
        return Err(format!("what it is for cannot be told, so nothing says that it is for {}", set.name));
    }
    match (&update.platform, set.platform.as_str()) {
        (Some(update), set) if update == set => reasons.push(format!("both are {set}")),
        (Some(update), "") => {
            return Err(format!("it is for {update}, and for which processor this is, is not known"));
        }
        (Some(update), set) => return Err(format!("it is for {update}, and this is {set}")),
        (None, _) => {
            return Err("for which processor it is cannot be told, neither by its contents nor by its name"
                .to_owned());
        }
    }
    let have = if set.release.is_empty() { None } else { Some(service_pack_in(&set.release).unwrap_or(0)) };
    let beside = manifest.updates.iter().filter_map(|update| service_pack_in(&update.title)).max();
    let wants = update.service_pack.unwrap_or(0);
    match have {
        _ if update.is_service_pack => reasons.push(format!("it is service pack {wants} itself")),
        None => {}
        Some(have) if have == wants || beside == Some(wants) => {
            reasons.push(format!("both are {}", pack(wants)))
        }
        Some(have) => return Err(format!("it is for {}, and this is {}", pack(wants), pack(have))),
    }
    Ok(reasons)
}

fn pack(number: u32) -> String {
    if number == 0 {
        "the release without a service pack".to_owned()
    } else {
        format!("service pack {number}")
    }
}

/// Product codes of the installer packages at the top of a product folder.
fn product_codes(manifest: &Manifest, dir: &Dir, options: &Options) -> Vec<String> {
    let is = |file: &&File| !file.path.contains('/') && file.path.to_ascii_lowercase().ends_with(".msi");
    let mut out = Vec::new();
    for file in manifest.files.iter().filter(is) {
        let Ok(open) = dir.open(&file.path) else { continue };
        let Ok(source) = FileSource::from_file(open.into_std()) else { continue };
        let source: SharedSource = Arc::new(source);
        let Ok(package) = medium::open(&source, &file.path, options) else { continue };
        let codes = package.facts().named.iter().filter(|(name, _)| *name == "product_code");
        out.extend(codes.map(|(_, value)| value.clone()));
    }
    out
}

impl Item {
    /// Updates that stand in the product's folder for updates, whoever put them there.
    ///
    /// # Errors
    /// What listing said.
    pub fn updates_there(&self, share: &Share) -> Result<Vec<String>> {
        let root = share.root().join(&self.folder);
        let above = updates_folder(&root)?;
        let tree = tree(&root.join(&above))?;
        let files =
            tree.nodes.into_iter().filter(|(path, node)| matches!(node, Node::File(_)) && is_update(path));
        Ok(files.map(|(path, _)| format!("{above}/{path}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_and_service_packs_are_found_in_words_and_names() {
        for (text, product, pack) in [
            ("Update Rollup 4 for Exchange Server 2007 (KB940006)", Some("Exchange Server 2007"), None),
            (
                "Update Rollup 9 for Exchange Server 2007 Service Pack 1 (KB970162)",
                Some("Exchange Server 2007"),
                Some(1),
            ),
            ("Update Rollup 5-v2 for Exchange Server 2010 SP2", Some("Exchange Server 2010"), Some(2)),
            ("SQLServer2019-KB5007182-x64.exe", Some("SQL Server 2019"), None),
            ("SQLServer2012SP4-KB4018073-x64-ENU.exe", Some("SQL Server 2012"), Some(4)),
            ("Microsoft SQL Server 2008 R2", Some("SQL Server 2008 R2"), None),
            ("Some other thing", None, None),
        ] {
            assert_eq!(product_in(text).as_deref(), product, "{text}");
            assert_eq!(service_pack_in(text), pack, "{text}");
        }
        assert_eq!(platform_in("Exchange2007-KB940006-x64-EN.msp").as_deref(), Some("x64"));
        assert_eq!(platform_in("Exchange2007-x86-x64.msp"), None);
    }
}
