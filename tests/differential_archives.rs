//! `sevenz-rust2` over the good 7z fixtures, and `zip` over the good ZIP ones: what they list, and every
//! byte they give, must be what we give. A fixture that one of them refuses counts for nothing; enough of them
//! must be left.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::container::EntryKind;
use discless::source::SharedSource;
use sevenz_rust2::{ArchiveReader, Password};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use support::{Content, fixtures, ids, open, read_in_order, sha256};

/// SHA-256 of the files, by path.
type Files = BTreeMap<String, String>;

fn ours(source: &SharedSource, name: &str) -> Files {
    let container = open(source, name).unwrap();
    let contents = read_in_order(&*container, &ids(&*container));
    let files = contents.into_iter().filter(|(id, _)| container.entries()[id.0].kind == EntryKind::File);
    files
        .map(|(id, content)| {
            let Content::Whole(_, digest) = content else { panic!("{name}: {content:?}") };
            (container.entries()[id.0].path.text().to_owned(), digest)
        })
        .collect()
}

fn by_sevenz(bytes: &[u8]) -> Result<Files, String> {
    let mut reader =
        ArchiveReader::new(Cursor::new(bytes), Password::empty()).map_err(|error| error.to_string())?;
    let mut out = Files::new();
    let outcome = reader.for_each_entries(|entry, content| {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        let link = entry.windows_attributes() >> 28 == 0xa;
        if !entry.is_directory() && !link {
            out.insert(entry.name().to_owned(), sha256(&bytes));
        }
        Ok(true)
    });
    outcome.map_err(|error| error.to_string())?;
    Ok(out)
}

fn by_zip(bytes: &[u8]) -> Result<Files, String> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let mut out = Files::new();
    for i in 0..archive.len() {
        let mut member = archive.by_index(i).map_err(|error| error.to_string())?;
        if !member.is_file() {
            continue;
        }
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let name = member.name().map_err(|error| error.to_string())?.trim_start_matches("./").to_owned();
        out.insert(name, sha256(&bytes));
    }
    Ok(out)
}

#[test]
fn other_readers_give_the_same() {
    let mut agreed = BTreeMap::new();
    let mut broken = Vec::new();
    for fixture in fixtures().iter().filter(|fixture| fixture.is_good()) {
        let format = fixture.name.split('/').next().unwrap();
        let theirs: fn(&[u8]) -> Result<Files, String> = match format {
            "sevenz" => by_sevenz,
            "zip" => by_zip,
            _ => continue,
        };
        // Names that it takes for others, and percent-encoded ones, which it leaves.
        if ["zip/names", "zip/msix", "zip/nuget"].contains(&fixture.name.as_str()) {
            continue;
        }
        let bytes = fixture.bytes();
        let Ok(Ok(theirs)) = catch_unwind(AssertUnwindSafe(|| theirs(&bytes))) else {
            eprintln!("{}: refused", fixture.name);
            continue;
        };
        let ours = ours(&(bytes as SharedSource), &fixture.name);
        if ours == theirs {
            *agreed.entry(format.to_owned()).or_insert(0) += 1;
        } else {
            broken.push(format!("{}: {ours:?} and {theirs:?}", fixture.name));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(agreed["sevenz"] >= 15 && agreed["zip"] >= 8, "{agreed:?}");
}
