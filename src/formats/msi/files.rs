//! Which files a database installs, and where: names and folders as an installation shows them, and as they lie on the
//! medium.

use super::tables::{Database, Table};
use crate::container::{Finding, Findings, Severity};
use crate::error::{Error, Result};
use crate::limits::Limits;
use std::collections::HashMap;

/// `msidbFileAttributesNoncompressed`: it lies beside the package.
const LOOSE: i32 = 0x2000;
/// `msidbFileAttributesCompressed`: it lies in a cabinet.
const PACKED: i32 = 0x4000;

/// One row of the File table.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// Its key: the name it has in a cabinet.
    pub(super) key: String,
    /// Folder and name as they are installed.
    pub(super) path: String,
    /// Folder and name as they lie beside the package, long and short.
    pub(super) source: [String; 2],
    /// Its size in bytes, as the table says.
    pub(super) bytes: u64,
    /// Its place among all files, from 1.
    pub(super) sequence: i32,
    /// What the table says of how it is stored; `None` where the package's rule holds.
    pub(super) loose: Option<bool>,
    /// The MD5 of its content, where the table has it.
    pub(super) md5: Option<[u8; 16]>,
}

/// One row of the Media table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Medium {
    /// Its number, from 1.
    pub(super) number: i32,
    /// The last of the files on it.
    pub(super) last: i32,
    /// The cabinet that holds them: `#NAME` for a stream; `None` where they lie loose.
    pub(super) cabinet: Option<String>,
}

/// The media in the order of the files on them.
///
/// # Errors
/// What reading the table said.
pub(super) fn media(database: &Database<'_>, findings: &mut Findings) -> Result<Vec<Medium>> {
    let Some(table) = database.table("Media", findings)? else { return Ok(Vec::new()) };
    let [number, last, cabinet] = ["DiskId", "LastSequence", "Cabinet"].map(|name| table.column(name));
    let mut media: Vec<Medium> = (0..table.rows)
        .map(|row| Medium {
            number: table.number(row, number).unwrap_or_default(),
            last: table.number(row, last).unwrap_or_default(),
            cabinet: table.text(row, cabinet),
        })
        .collect();
    media.sort_by_key(|medium| (medium.last, medium.number));
    Ok(media)
}

/// The files in the order of their places.
///
/// # Errors
/// What reading the tables said; `Limit` for more files or longer paths than are believed.
pub(super) fn files(
    database: &Database<'_>,
    limits: &Limits,
    findings: &mut Findings,
) -> Result<Vec<Planned>> {
    let Some(table) = database.table("File", findings)? else { return Ok(Vec::new()) };
    if table.rows as u64 > limits.entries {
        return Err(Error::limit("entries", limits.entries));
    }
    let mut folders = Folders::read(database, limits, findings)?;
    let components = pairs(database, "Component", ["Component", "Directory_"], findings)?;
    let hashes = hashes(database, findings)?;
    let [key, component, name, size, attributes, sequence] =
        ["File", "Component_", "FileName", "FileSize", "Attributes", "Sequence"]
            .map(|name| table.column(name));
    let mut files = Vec::with_capacity(table.rows);
    let mut all = 0u64;
    for row in 0..table.rows {
        let Some(key) = table.text(row, key) else {
            findings.push(Finding::new(Severity::Damaged, format!("row {row} of table File has no key")));
            continue;
        };
        let folder = table.text(row, component).and_then(|component| components.get(&component));
        let folder = match folder {
            Some(folder) => folders.of(folder, findings)?,
            None => {
                findings.push(Finding::about(Severity::Weak, &key, "the file belongs to no component"));
                Folder::default()
            }
        };
        let name = table.text(row, name).unwrap_or_else(|| key.clone());
        let (short, long) = short_and_long(&name);
        let path = joined(&folder.target, long);
        all = all.saturating_add(path.len() as u64 * 3);
        if path.len() > limits.path_bytes || all > limits.all_path_bytes {
            return Err(Error::limit("bytes of paths", limits.all_path_bytes));
        }
        let attributes = table.number(row, attributes).unwrap_or_default();
        files.push(Planned {
            md5: hashes.get(&key).copied(),
            path,
            source: [joined(&folder.long, long), joined(&folder.short, short)],
            bytes: table.number(row, size).and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            sequence: table.number(row, sequence).unwrap_or_default(),
            loose: match attributes & (LOOSE | PACKED) {
                LOOSE => Some(true),
                PACKED => Some(false),
                _ => None,
            },
            key,
        });
    }
    files.sort_by_key(|file| file.sequence);
    Ok(files)
}

/// The properties of the product.
///
/// # Errors
/// What reading the table said.
pub(super) fn pairs(
    database: &Database<'_>,
    name: &str,
    columns: [&str; 2],
    findings: &mut Findings,
) -> Result<HashMap<String, String>> {
    let Some(table) = database.table(name, findings)? else { return Ok(HashMap::new()) };
    let [key, value] = columns.map(|name| table.column(name));
    Ok((0..table.rows)
        .filter_map(|row| Some((table.text(row, key)?, table.text(row, value).unwrap_or_default())))
        .collect())
}

/// MsiFileHash: the MD5 of files without a version, as four numbers.
fn hashes(database: &Database<'_>, findings: &mut Findings) -> Result<HashMap<String, [u8; 16]>> {
    let Some(table) = database.table("MsiFileHash", findings)? else { return Ok(HashMap::new()) };
    let key = table.column("File_");
    let parts = ["HashPart1", "HashPart2", "HashPart3", "HashPart4"].map(|name| table.column(name));
    let hash = |table: &Table<'_>, row| {
        let mut md5 = [0; 16];
        for (part, out) in parts.iter().zip(md5.chunks_exact_mut(4)) {
            // The value whose stored form would be 0 cannot be told from none: 0x80000000.
            out.copy_from_slice(&table.number(row, *part).unwrap_or(i32::MIN).to_le_bytes());
        }
        md5
    };
    Ok((0..table.rows).filter_map(|row| Some((table.text(row, key)?, hash(&table, row)))).collect())
}

/// A folder, from the top: as it is installed, as it lies on the medium with long and with short names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Folder {
    target: String,
    long: String,
    short: String,
}

/// The Directory table.
struct Folders {
    rows: HashMap<String, (Option<String>, String)>,
    known: HashMap<String, Folder>,
    depth: usize,
    path_bytes: usize,
    /// Bytes of folders' paths that may still be kept.
    left: u64,
}

impl Folders {
    fn read(database: &Database<'_>, limits: &Limits, findings: &mut Findings) -> Result<Self> {
        let mut rows = HashMap::new();
        if let Some(table) = database.table("Directory", findings)? {
            let [key, parent, name] =
                ["Directory", "Directory_Parent", "DefaultDir"].map(|name| table.column(name));
            for row in 0..table.rows {
                let Some(key) = table.text(row, key) else { continue };
                rows.insert(
                    key,
                    (table.text(row, parent), table.text(row, name).unwrap_or_else(|| ".".to_owned())),
                );
            }
        }
        Ok(Self {
            rows,
            known: HashMap::new(),
            depth: usize::try_from(limits.directory_depth).unwrap_or(usize::MAX),
            path_bytes: limits.path_bytes,
            left: limits.all_path_bytes,
        })
    }

    /// The folder of that key. One without a parent, or that is its own, is the top: `SourceDir` there and `TARGETDIR`
    /// here.
    fn of(&mut self, key: &str, findings: &mut Findings) -> Result<Folder> {
        let mut way: Vec<String> = Vec::new();
        let mut at = key.to_owned();
        let mut folder = loop {
            if let Some(folder) = self.known.get(&at) {
                break folder.clone();
            }
            let Some((parent, _)) = self.rows.get(&at) else {
                let what = format!("folder {at} is in no row of table Directory");
                // A search may set a property of that name when it is installed.
                findings.push(Finding::new(Severity::Note, what));
                self.known.insert(at, Folder::default());
                break Folder::default();
            };
            let next = parent.as_ref().filter(|parent| **parent != at).cloned();
            let looped = way.len() >= self.depth || way.contains(&at);
            if looped {
                let what = format!("folder {key} lies in itself or deeper than {}", self.depth);
                findings.push(Finding::new(Severity::Damaged, what));
                self.known.insert(at, Folder::default());
                break Folder::default();
            }
            match next {
                Some(parent) => way.push(std::mem::replace(&mut at, parent)),
                None => {
                    self.known.insert(at, Folder::default());
                    break Folder::default();
                }
            }
        };
        while let Some(key) = way.pop() {
            let name = self.rows.get(&key).map_or(".", |(_, name)| name.as_str());
            // `target:source`, each `short|long`; a point is the folder above.
            let (target, source) = name.split_once(':').unwrap_or((name, name));
            let target = match key.as_str() {
                "ProgramFilesFolder" => "Program Files",
                _ => short_and_long(target).1,
            };
            let (short, long) = short_and_long(source);
            folder = Folder {
                target: joined(&folder.target, target),
                long: joined(&folder.long, long),
                short: joined(&folder.short, short),
            };
            let bytes = folder.target.len() + folder.long.len() + folder.short.len();
            let left = self.left.checked_sub(bytes as u64);
            self.left = left.ok_or_else(|| Error::limit("bytes of paths", self.path_bytes as u64))?;
            if folder.target.len() > self.path_bytes {
                return Err(Error::limit("bytes of a path", self.path_bytes as u64));
            }
            self.known.insert(key, folder.clone());
        }
        Ok(folder)
    }
}

/// `short|long`, or one name that is both.
fn short_and_long(name: &str) -> (&str, &str) {
    name.split_once('|').unwrap_or((name, name))
}

/// A name beneath a folder; a point is the folder itself.
fn joined(folder: &str, name: &str) -> String {
    match (folder, name) {
        (_, "." | "") => folder.to_owned(),
        ("", name) => name.to_owned(),
        _ => format!("{folder}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(rows: &[(&str, &str, &str)]) -> Folders {
        let row = |(key, parent, name): &(&str, &str, &str)| {
            let parent = Some((*parent).to_owned()).filter(|parent| !parent.is_empty());
            ((*key).to_owned(), (parent, (*name).to_owned()))
        };
        Folders {
            rows: rows.iter().map(row).collect(),
            known: HashMap::new(),
            depth: 8,
            path_bytes: 1000,
            left: 10_000,
        }
    }

    #[test]
    fn a_folder_has_a_target_and_a_source() {
        let mut folders = folders(&[
            ("TARGETDIR", "TARGETDIR", "SourceDir"),
            ("ProgramFilesFolder", "TARGETDIR", "."),
            ("APP", "ProgramFilesFolder", "CONTOS~1|Contoso Tools:SRC|Source Files"),
            ("BIN", "APP", ".:BIN"),
        ]);
        let mut findings = Findings::default();
        let app = folders.of("BIN", &mut findings).unwrap();
        assert_eq!(app.target, "Program Files/Contoso Tools");
        assert_eq!((app.long.as_str(), app.short.as_str()), ("Source Files/BIN", "SRC/BIN"));
        assert!(findings.finish().is_empty());
    }

    #[test]
    fn folders_that_lie_in_each_other_are_cut() {
        let mut folders = folders(&[("A", "B", "a"), ("B", "C", "b"), ("C", "A", "c")]);
        let mut findings = Findings::default();
        folders.of("A", &mut findings).unwrap();
        assert_eq!(findings.finish().len(), 1);
    }
}
