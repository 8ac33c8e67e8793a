//! The volumes of an archive: what they are called, and where each ends.

use super::decode;
use crate::container::{Finding, Findings, Region, Severity};
use crate::error::{Error, Kind, Result};
use crate::formats::Options;
use crate::guard::guarded;
use crate::source::{SharedSource, SourceReader};
use rars::{Archive, ArchiveReadOptions, ArchiveReader, rar15_40, rar50};

/// More volumes than this are no set.
const MOST_VOLUMES: u64 = 10_000;

/// The volumes that were found.
pub(super) struct Gathered {
    /// In order; not empty.
    pub(super) archives: Vec<Archive>,
    /// The bytes of each.
    pub(super) sources: Vec<SharedSource>,
    /// Which of them is the source that was opened.
    pub(super) own: usize,
    /// Members depend on those before.
    pub(super) solid: bool,
    /// Where the source that was opened ends by its blocks, in bytes.
    pub(super) end: u64,
    /// Parts of it that are no members.
    pub(super) regions: Vec<Region>,
    /// The password that its headers confirm.
    pub(super) password: Option<usize>,
}

/// Reads the headers of one volume with a password.
fn read(source: &SharedSource, options: &Options, password: Option<&str>) -> Result<Archive> {
    let limits = &options.limits;
    let read = ArchiveReadOptions::with_optional_password(password.map(str::as_bytes))
        .with_max_header_count(limits.entries)
        .with_max_header_bytes(limits.all_path_bytes);
    let reader = SourceReader::new(source.clone());
    guarded("RAR headers", || ArchiveReader::read_reader_with_options(reader, read).map_err(decode::error))
}

/// Reads the headers of one volume, and says which password its headers are encrypted with, or check.
fn parse(source: &SharedSource, options: &Options) -> Result<(Archive, Option<usize>)> {
    let passwords = &options.passwords;
    let plain = match read(source, options, None) {
        Err(error) if matches!(error.kind(), Kind::Encrypted { .. }) => None,
        Err(error) => return Err(error),
        Ok(archive) if passwords.is_empty() || !has_check(&archive, options)? => return Ok((archive, None)),
        Ok(archive) => Some(archive),
    };
    for (number, password) in passwords.in_turn() {
        match read(source, options, Some(password)) {
            Ok(archive) => {
                passwords.opened(number);
                return Ok((archive, Some(number)));
            }
            Err(error) if matches!(error.kind(), Kind::Limit { .. } | Kind::Unsupported(_)) => {
                return Err(error);
            }
            Err(_) => {}
        }
    }
    // Its headers can be read, or they cannot.
    plain.map(|archive| (archive, None)).ok_or_else(|| passwords.locked("the archive"))
}

/// True where the headers of encrypted members have something that tells a wrong password: RAR 5. All of them want
/// keys as soon as one password is tried; how long that takes is what the archive asks for.
fn has_check(archive: &Archive, options: &Options) -> Result<bool> {
    let Archive::Rar50Plus(archive) = archive else { return Ok(false) };
    let mut rounds = 0u64;
    let mut has = false;
    for encryption in archive.files().filter_map(|file| file.encryption.as_ref()) {
        let own = 1u64.checked_shl(encryption.kdf_count.into()).unwrap_or(u64::MAX);
        // What RAR asks for by itself may come as often as there are members.
        rounds = rounds.saturating_add(own.saturating_sub(USUAL_ROUNDS));
        if rounds > options.limits.key_rounds {
            return Err(Error::limit("rounds of hashing for keys", options.limits.key_rounds));
        }
        has |= encryption.check_value.is_some();
    }
    Ok(has)
}

/// Rounds of a key's derivation as RAR writes them.
const USUAL_ROUNDS: u64 = 1 << 15;

/// Reads the source and the other volumes of its set.
pub(super) fn gather(source: &SharedSource, options: &Options, findings: &mut Findings) -> Result<Gathered> {
    let (archive, password) = parse(source, options)?;
    let end = end(&archive);
    if let Archive::Rar50Plus(archive) = &archive
        && !archive.blocks.iter().any(|block| matches!(block, rar50::Block::End(_)))
    {
        findings.push(Finding::new(Severity::Damaged, "the archive ends without its end block"));
    }
    let (volume, solid) = match &archive {
        Archive::Rar13(archive) => (archive.main.is_volume(), archive.main.is_solid()),
        Archive::Rar15To40(archive) => (archive.main.is_volume(), archive.main.is_solid()),
        Archive::Rar50Plus(archive) => (archive.main.is_volume(), archive.main.is_solid()),
        _ => return Err(Error::unsupported("this version of RAR")),
    };
    let regions = recovery(&archive);
    let mut out = Gathered {
        archives: vec![archive],
        sources: vec![source.clone()],
        own: 0,
        solid,
        end,
        regions,
        password,
    };
    if volume {
        let surroundings = &options.surroundings;
        if let Some(name) = VolumeName::parse(&surroundings.file_name) {
            before(&name, options, &mut out)?;
            behind(&name, options, &mut out, findings)?;
        } else if out.archives.last().is_some_and(goes_on) {
            let what = "this is a volume of a set, and its name does not tell the others'";
            findings.push(Finding::new(Severity::Damaged, what));
        }
    }
    // Members may say so where the archive does not.
    out.solid |= out.archives.iter().any(|archive| archive.member_refs().any(|member| member.is_solid()));
    Ok(out)
}

/// Another volume of the set: its password is that of the first.
fn other(source: &SharedSource, options: &Options, set: &Gathered) -> Result<Archive> {
    read(source, options, set.password.and_then(|number| options.passwords.get(number)))
}

/// The volumes before the one that was opened, where all of them are there.
fn before(name: &VolumeName, options: &Options, out: &mut Gathered) -> Result<()> {
    let mut found = Vec::new();
    for number in (name.first()..name.number).rev() {
        let Some(source) = options.surroundings.find(&name.at(number))? else { return Ok(()) };
        let Ok(archive) = other(&source, options, out) else { return Ok(()) };
        found.push((archive, source));
    }
    found.reverse();
    out.own = found.len();
    let (mut archives, mut sources): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    archives.append(&mut out.archives);
    sources.append(&mut out.sources);
    (out.archives, out.sources) = (archives, sources);
    Ok(())
}

/// The volumes behind the one that was opened.
fn behind(name: &VolumeName, options: &Options, out: &mut Gathered, findings: &mut Findings) -> Result<()> {
    for number in name.number + 1..name.number.saturating_add(MOST_VOLUMES) {
        if !out.archives.last().is_some_and(goes_on) {
            return Ok(());
        }
        let file = name.at(number);
        let Some(source) = options.surroundings.find(&file)? else {
            findings.push(Finding::new(
                Severity::Damaged,
                format!("the set goes on in {file}, which is missing"),
            ));
            return Ok(());
        };
        match other(&source, options, out) {
            Ok(archive) => {
                out.archives.push(archive);
                out.sources.push(source);
            }
            Err(error) => {
                findings.push(Finding::new(Severity::Damaged, format!("{file} cannot be read: {error}")));
                return Ok(());
            }
        }
    }
    Err(Error::limit("volumes", MOST_VOLUMES))
}

/// True where another volume follows.
fn goes_on(archive: &Archive) -> bool {
    let split = |archive: &Archive| archive.members().last().is_some_and(|member| member.meta.is_split_after);
    match archive {
        Archive::Rar15To40(inner) => {
            let end = inner.blocks.iter().rev().find_map(|block| match block {
                rar15_40::Block::End(end) => Some(end.flags & 1 != 0),
                _ => None,
            });
            end.unwrap_or(false) || split(archive)
        }
        Archive::Rar50Plus(inner) => {
            let end = inner.blocks.iter().rev().find_map(|block| match block {
                rar50::Block::End(end) => Some(end.has_next_volume()),
                _ => None,
            });
            end.unwrap_or(false) || split(archive)
        }
        _ => split(archive),
    }
}

/// Where the archive ends by its blocks.
fn end(archive: &Archive) -> u64 {
    let at = |place: usize| u64::try_from(place).unwrap_or(u64::MAX);
    let ends: Vec<u64> = match archive {
        Archive::Rar13(archive) => {
            let main = at(archive.sfx_offset).saturating_add(7);
            archive.entries.iter().map(|entry| at(entry.packed_range.end)).chain([main]).collect()
        }
        Archive::Rar15To40(archive) => {
            let main = at(archive.sfx_offset).saturating_add(7).saturating_add(archive.main.head_size.into());
            // An encrypted header stands behind its salt and fills cipher blocks (technote, "Archive header": 0x0080).
            let encrypted = archive.main.has_encrypted_headers();
            let of = |block: &rar15_40::BlockHeader| {
                let header = u64::from(block.head_size);
                let header = if encrypted { header.next_multiple_of(16).saturating_add(8) } else { header };
                at(block.offset).saturating_add(header).saturating_add(block.add_size.unwrap_or(0))
            };
            let block = |block: &rar15_40::Block| match block {
                rar15_40::Block::File(file) => at(file.packed_range.end).max(of(&file.block)),
                rar15_40::Block::NewSub(sub) => at(sub.file.packed_range.end).max(of(&sub.file.block)),
                rar15_40::Block::Comment(comment) => of(&comment.block),
                rar15_40::Block::Protect(protect) => at(protect.data_range.end),
                rar15_40::Block::End(end) => of(end),
                rar15_40::Block::Unknown(unknown) => of(unknown),
                _ => 0,
            };
            archive.blocks.iter().map(block).chain([main]).collect()
        }
        Archive::Rar50Plus(archive) => {
            let of = |block: &rar50::BlockHeader| {
                let header = at(archive.sfx_offset).saturating_add(at(block.header_range.end));
                header.max(at(block.data_range.end))
            };
            let block = |block: &rar50::Block| match block {
                rar50::Block::File(file) | rar50::Block::Service(file) => of(&file.block),
                rar50::Block::End(end) => of(&end.block),
                rar50::Block::Unknown(unknown) => of(unknown),
                _ => 0,
            };
            archive.blocks.iter().map(block).chain([of(&archive.main.block)]).collect()
        }
        _ => Vec::new(),
    };
    ends.into_iter().max().unwrap_or(0)
}

/// Recovery records, which lie in the archive and are no members.
fn recovery(archive: &Archive) -> Vec<Region> {
    let at = |place: usize| u64::try_from(place).unwrap_or(u64::MAX);
    let region = |range: &std::ops::Range<usize>| Region {
        what: "recovery record".to_owned(),
        range: at(range.start)..at(range.end),
    };
    match archive {
        Archive::Rar15To40(archive) => archive
            .blocks
            .iter()
            .filter_map(|block| match block {
                rar15_40::Block::Protect(protect) => Some(region(&protect.data_range)),
                rar15_40::Block::NewSub(sub) if sub.kind == rar15_40::NewSubKind::RecoveryRecord => {
                    Some(region(&sub.file.packed_range))
                }
                _ => None,
            })
            .collect(),
        Archive::Rar50Plus(archive) => archive
            .services()
            .filter(|service| service.name == b"RR")
            .map(|service| region(&service.block.data_range))
            .collect(),
        _ => Vec::new(),
    }
}

/// What the volumes of a set are called: `NAME.part3.rar`, or `NAME.rar`, `NAME.r00`, … `NAME.s00`.
#[derive(Debug, PartialEq, Eq)]
struct VolumeName {
    before: String,
    /// How many digits the number is written with; 0 for the old way.
    digits: usize,
    number: u64,
    behind: String,
}

impl VolumeName {
    fn parse(name: &str) -> Option<Self> {
        let (stem, extension) = name.rsplit_once('.')?;
        let digits = stem.bytes().rev().take_while(u8::is_ascii_digit).count();
        let (before, number) = stem.split_at_checked(stem.len().checked_sub(digits)?)?;
        if digits > 0 && before.to_ascii_lowercase().ends_with(".part") {
            let (before, behind) = (before.to_owned(), format!(".{extension}"));
            return Some(Self { before, digits, number: number.parse().ok()?, behind });
        }
        let mut letters = extension.chars();
        let (letter, rest) = (letters.next()?, letters.as_str());
        let old = |number, behind: &str| {
            Some(Self { before: format!("{stem}."), digits: 0, number, behind: behind.to_owned() })
        };
        match rest.parse::<u64>() {
            Ok(low) if rest.len() == 2 && letter.is_ascii_alphabetic() => {
                let base = if letter.is_ascii_uppercase() { b'R' } else { b'r' };
                let above = u64::from(u32::from(letter).checked_sub(u32::from(base))?);
                let first = if letter.is_ascii_uppercase() { "RAR" } else { "rar" };
                old(above * 100 + low + 1, first)
            }
            _ => old(0, extension),
        }
    }

    fn first(&self) -> u64 {
        u64::from(self.digits > 0)
    }

    fn at(&self, number: u64) -> String {
        if self.digits > 0 {
            return format!("{}{number:0digits$}{}", self.before, self.behind, digits = self.digits);
        }
        let Some(past) = number.checked_sub(1) else { return format!("{}{}", self.before, self.behind) };
        let base = if self.behind.starts_with(|c: char| c.is_ascii_uppercase()) { b'R' } else { b'r' };
        let letter = u8::try_from(past / 100).ok().and_then(|above| base.checked_add(above)).unwrap_or(b'?');
        format!("{}{}{:02}", self.before, char::from(letter), past % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_named_in_the_new_way_and_in_the_old() {
        let name = VolumeName::parse("a.b.part09.rar").unwrap();
        assert_eq!(
            (name.number, name.first(), name.at(10), name.at(1)),
            (9, 1, "a.b.part10.rar".to_owned(), "a.b.part01.rar".to_owned())
        );
        let name = VolumeName::parse("X.PART1.RAR").unwrap();
        assert_eq!(name.at(12), "X.PART12.RAR");
        let name = VolumeName::parse("set.rar").unwrap();
        assert_eq!(
            (name.at(0), name.at(1), name.at(101)),
            ("set.rar".to_owned(), "set.r00".to_owned(), "set.s00".to_owned())
        );
        let name = VolumeName::parse("SET.S01").unwrap();
        assert_eq!((name.number, name.at(0), name.at(1)), (102, "SET.RAR".to_owned(), "SET.R00".to_owned()));
        assert_eq!(VolumeName::parse("noextension"), None);
    }
}
