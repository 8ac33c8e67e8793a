//! Verifying every file that a list names, as `sha256sum -c` does.

use super::check::{Check, Outcome, Verdict};
use super::expect::{Expectations, Expected};
use super::hash::hash;
use super::reading::{digests, sizes};
use super::sums::{Line, Sums};
use crate::error::{Error, Kind, Result};
use crate::observe::Observer;
use crate::source::{FileSource, Source as _};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What a file that is not there means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The set is not whole.
    Damaged,
    /// Nothing: parts of a set are verified.
    Ignored,
}

/// How a file of the list turned out.
#[derive(Debug)]
pub enum Turnout {
    /// Every digest that the list gives is its.
    Ok,
    /// These are not.
    Differs(Vec<&'static str>),
    /// It is not there.
    Missing,
    /// The list gives nothing to compare it with, or its name leads out of the list's directory.
    Unchecked(String),
    /// It could not be read.
    Unread(Error),
}

/// A file of the list.
#[derive(Debug)]
pub struct ListedFile {
    /// As the list has it.
    pub name: String,
    /// How it turned out.
    pub turnout: Turnout,
}

/// What was found of all files together.
#[derive(Debug, Default)]
pub struct Listed {
    /// Every check, in the order they were made.
    pub checks: Vec<Check>,
    /// Files all of whose digests match.
    pub good: u64,
    /// Files that were there and are not what the list says.
    pub bad: u64,
    /// Files that were not there, counted where that is no matter, too.
    pub missing: u64,
    /// Files that could not be compared.
    pub unchecked: u64,
    /// Bytes of the files that were read.
    pub bytes: u64,
    /// Why the first file that could not be read could not.
    pub unread: Option<Error>,
}

impl Listed {
    /// What follows: verified only where every file that had to be compared was, and there was one.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.checks.iter().any(|check| check.outcome == Outcome::Damaged) {
            Verdict::Damaged
        } else if self.good > 0 && self.unchecked == 0 && self.unread.is_none() {
            Verdict::Verified
        } else {
            Verdict::Unverified
        }
    }
}

/// Whether a name is the only one of its kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Uniqueness {
    #[default]
    Shared,
    Unique,
}

/// A file of the list, with what the list says of it.
#[derive(Default)]
struct Wanted<'a> {
    lines: Vec<&'a Line>,
    /// No other file of the list has the same last part of its name.
    last_part: Uniqueness,
    trouble: Option<String>,
}

/// Verifies every file that `sums`, a list called `by` in `list_dir`, names. `each` is told of every
/// file in the order of the list, as soon as it is known.
///
/// # Errors
/// `Cancelled`, and what `each` said. A file that cannot be read is no error here.
pub fn listed(
    sums: &Sums,
    by: &str,
    list_dir: &Path,
    missing: Missing,
    threads: usize,
    observer: &dyn Observer,
    each: &mut dyn FnMut(&ListedFile) -> Result<()>,
) -> Result<Listed> {
    let mut out = Listed::default();
    for (name, wanted) in in_order(sums) {
        observer.working_on(name);
        let turnout = match one(&mut out, name, &wanted, by, list_dir, threads, observer) {
            Ok(turnout) => turnout,
            Err(error) if matches!(error.kind(), Kind::Cancelled) => return Err(error),
            Err(error) => Turnout::Unread(error.of(name)),
        };
        let of_file = |what, outcome, note: &str| Check {
            subject: name.to_owned(),
            ..Check::new(what, outcome, by, note.to_owned())
        };
        match &turnout {
            Turnout::Ok => out.good += 1,
            Turnout::Differs(_) => out.bad += 1,
            Turnout::Missing => {
                out.missing += 1;
                let outcome = match missing {
                    Missing::Damaged => Outcome::Damaged,
                    Missing::Ignored => Outcome::Unchecked,
                };
                out.checks.push(of_file("file", outcome, "the file is not there"));
            }
            Turnout::Unchecked(why) => {
                out.unchecked += 1;
                out.checks.push(of_file("file", Outcome::Unchecked, why));
            }
            Turnout::Unread(error) => {
                out.unchecked += 1;
                out.checks.push(of_file("file", Outcome::Unchecked, &error.kind().to_string()));
            }
        }
        let file = ListedFile { name: name.to_owned(), turnout };
        each(&file)?;
        if let Turnout::Unread(error) = file.turnout {
            out.unread.get_or_insert(error);
        }
    }
    Ok(out)
}

/// The files in the order that the list first names them.
fn in_order(sums: &Sums) -> Vec<(&str, Wanted<'_>)> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut files: Vec<(&str, Wanted<'_>)> = Vec::new();
    let mut at = |files: &mut Vec<_>, name| {
        *places.entry(name).or_insert_with(|| {
            files.push((name, Wanted::default()));
            files.len() - 1
        })
    };
    for line in &sums.lines {
        let Some(name) = line.name.as_deref() else { continue };
        let place = at(&mut files, name);
        if let Some((_, wanted)) = files.get_mut(place) {
            wanted.lines.push(line);
        }
    }
    let bad = sums.bad.iter().map(|bad| (&bad.name, format!("line {}: {}", bad.line_number, bad.why)));
    let others = sums.unsupported.iter().map(|other| {
        (&other.name, format!("line {}: {} is not computed here", other.line_number, other.algorithm))
    });
    for (name, trouble) in bad.chain(others) {
        let Some(name) = name.as_deref() else { continue };
        let place = at(&mut files, name);
        if let Some((_, wanted)) = files.get_mut(place) {
            wanted.trouble.get_or_insert(trouble);
        }
    }
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for (name, _) in &files {
        *counts.entry(last_part(name)).or_default() += 1;
    }
    for (name, wanted) in &mut files {
        if counts.get(last_part(name)) == Some(&1) {
            wanted.last_part = Uniqueness::Unique;
        }
    }
    files
}

fn last_part(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

fn one(
    out: &mut Listed,
    name: &str,
    wanted: &Wanted<'_>,
    by: &str,
    list_dir: &Path,
    threads: usize,
    observer: &dyn Observer,
) -> Result<Turnout> {
    let path = match place(name, wanted.last_part, list_dir) {
        Place::At(path) => path,
        Place::Nowhere => return Ok(Turnout::Missing),
        Place::Outside => {
            return Ok(Turnout::Unchecked("outside the list's directory; not opened".to_owned()));
        }
    };
    if let (true, Some(trouble)) = (wanted.lines.is_empty(), &wanted.trouble) {
        return Ok(Turnout::Unchecked(trouble.clone()));
    }
    if !fs::metadata(&path)?.is_file() {
        return Err(Error::usage("it is no file"));
    }
    let source = FileSource::open(&path)?;
    let expectations = Expectations {
        digests: wanted.lines.iter().map(|line| Expected::of(line, by)).collect(),
        ..Expectations::default()
    };
    let mut checks = sizes(&expectations, source.len());
    if checks.is_empty() {
        let mut values = hash(&source, &expectations.needed(), threads, observer)?;
        out.bytes += source.len();
        let more = expectations.second_look(&values);
        if !more.is_empty() {
            values.extend(hash(&source, &more, threads, observer)?);
        }
        checks = digests(&expectations, &values);
    }
    for check in &mut checks {
        name.clone_into(&mut check.subject);
    }
    let differs: Vec<&str> =
        checks.iter().filter(|check| check.outcome == Outcome::Damaged).map(|check| check.what).collect();
    out.checks.append(&mut checks);
    Ok(match (differs.is_empty(), &wanted.trouble) {
        (false, _) => Turnout::Differs(differs),
        // One good line does not outweigh another that cannot be used.
        (true, Some(trouble)) if wanted.lines.iter().all(|line| line.value.algorithm.is_weak()) => {
            Turnout::Unchecked(trouble.clone())
        }
        (true, _) => Turnout::Ok,
    })
}

/// Where a file of a list is.
enum Place {
    At(PathBuf),
    Nowhere,
    Outside,
}

/// Names are looked up beside the list, then in the current directory; never outside of both. An absolute
/// name, as `Get-FileHash` and hashdeep write it, says where the file was elsewhere: a file of that last
/// part beside the list is it.
fn place(name: &str, last: Uniqueness, list_dir: &Path) -> Place {
    let list_dir = if list_dir.as_os_str().is_empty() { Path::new(".") } else { list_dir };
    let mut outside = true;
    for dir in [list_dir, Path::new(".")] {
        for path in super::sums::paths_in(name, dir) {
            outside = false;
            // A link that leads nowhere is there, and cannot be read.
            if path.symlink_metadata().is_ok() {
                return Place::At(path);
            }
        }
    }
    if outside && last == Uniqueness::Unique && super::sums::is_absolute(name) {
        let mut paths = super::sums::paths_in(last_part(name), list_dir).into_iter();
        if let Some(path) = paths.find(|path| path.symlink_metadata().is_ok()) {
            return Place::At(path);
        }
    }
    if outside { Place::Outside } else { Place::Nowhere }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Algorithm, Hasher};
    use crate::observe::Silent;

    fn hex(algorithm: Algorithm, text: &str) -> String {
        let mut hasher = Hasher::new(&[algorithm]);
        hasher.update(text.as_bytes());
        hasher.finish()[0].hex()
    }

    /// `name: turnout`, a line each, of a list beside files `a` ("one"), `d/b` ("two") and `é` ("three").
    fn turnouts(list: &str, missing: Missing) -> (Vec<String>, Verdict) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        for (name, text) in [("a", "one"), ("d/b", "two"), ("\u{e9}", "three"), ("back\\slash", "four")] {
            if !(cfg!(windows) && name.contains('\\')) {
                fs::write(dir.path().join(name), text).unwrap();
            }
        }
        let list = list.replace("DIR", &dir.path().to_string_lossy());
        let sums = Sums::parse(list.as_bytes(), "SUMS").unwrap();
        let mut lines = Vec::new();
        let mut each = |file: &ListedFile| {
            let word = match &file.turnout {
                Turnout::Ok => "ok".to_owned(),
                Turnout::Differs(what) => format!("differs {}", what.join(" ")),
                Turnout::Missing => "missing".to_owned(),
                Turnout::Unchecked(why) => format!("unchecked {why}"),
                Turnout::Unread(error) => format!("unread {}", error.kind()),
            };
            lines.push(format!("{}: {word}", file.name.replace(&*dir.path().to_string_lossy(), "DIR")));
            Ok(())
        };
        let out = listed(&sums, "SUMS", dir.path(), missing, 2, &Silent, &mut each).unwrap();
        (lines, out.verdict())
    }

    #[test]
    fn every_line_about_a_file_counts() {
        let (good, weak) = (hex(Algorithm::Sha256, "one"), hex(Algorithm::Md5, "one"));
        let other = hex(Algorithm::Sha1, "two");
        let (lines, verdict) = turnouts(&format!("{good}  a\n{weak}  a\n"), Missing::Damaged);
        assert_eq!((lines, verdict), (vec!["a: ok".to_owned()], Verdict::Verified));
        let (lines, verdict) = turnouts(&format!("{good}  a\n{other}  a\n"), Missing::Damaged);
        assert_eq!((lines, verdict), (vec!["a: differs sha1".to_owned()], Verdict::Damaged));
    }

    #[test]
    fn what_is_missing_counts_unless_it_is_to_be_ignored() {
        let list = format!("{0}  a\n{0}  gone\n", hex(Algorithm::Sha256, "one"));
        assert_eq!(turnouts(&list, Missing::Damaged).1, Verdict::Damaged);
        assert_eq!(turnouts(&list, Missing::Ignored).1, Verdict::Verified);
        let gone = format!("{}  gone\n", hex(Algorithm::Sha256, "one"));
        assert_eq!(turnouts(&gone, Missing::Ignored).1, Verdict::Unverified, "nothing was verified");
    }

    #[test]
    fn names_that_lead_out_are_not_opened() {
        let sum = hex(Algorithm::Sha256, "one");
        for name in ["../a", "d/../../a", "/etc/passwd", "..\\a"] {
            let (lines, verdict) = turnouts(&format!("{sum}  {name}\n"), Missing::Damaged);
            let want = format!("{name}: unchecked outside the list's directory; not opened");
            assert_eq!((lines, verdict), (vec![want], Verdict::Unverified));
        }
        let (lines, verdict) = turnouts(&format!("{sum}  DIR/a\n"), Missing::Damaged);
        assert_eq!((lines, verdict), (vec!["DIR/a: ok".to_owned()], Verdict::Verified));
    }

    #[test]
    fn an_absolute_name_of_elsewhere_is_the_file_beside_the_list() {
        let sum = hex(Algorithm::Sha256, "one");
        let (lines, verdict) = turnouts(&format!("SHA256  {sum}  C:\\ISO\\a\n"), Missing::Damaged);
        assert_eq!((lines, verdict), (vec!["C:\\ISO\\a: ok".to_owned()], Verdict::Verified));
        let (_, verdict) = turnouts(&format!("{sum}  /1/a\n{sum}  /2/a\n"), Missing::Damaged);
        assert_eq!(verdict, Verdict::Unverified, "which of the two it is cannot be known");
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        let (lines, verdict) = turnouts(&format!("{}  d\n", hex(Algorithm::Sha256, "one")), Missing::Ignored);
        assert_eq!((lines, verdict), (vec!["d: unread it is no file".to_owned()], Verdict::Unverified));
    }

    #[test]
    fn a_line_that_cannot_be_used_leaves_its_file_unchecked() {
        let (good, cut) = (hex(Algorithm::Sha256, "one"), &hex(Algorithm::Sha256, "two")[1..]);
        let (lines, verdict) = turnouts(&format!("{good}  a\nSHA256 (d/b) = {cut}\n"), Missing::Damaged);
        let b = "d/b: unchecked line 2: a sha256 value has 64 digits, not 63".to_owned();
        assert_eq!((lines, verdict), (vec!["a: ok".to_owned(), b], Verdict::Unverified));
    }

    #[test]
    fn names_are_found_as_they_are_and_as_windows_writes_them() {
        let list =
            format!("{}  d\\b\n{}  \u{e9}\n", hex(Algorithm::Sha1, "two"), hex(Algorithm::Md5, "three"));
        assert_eq!(turnouts(&list, Missing::Damaged).1, Verdict::Verified);
        if cfg!(unix) {
            let list = format!("\\{}  back\\\\slash\n", hex(Algorithm::Sha1, "four"));
            assert_eq!(turnouts(&list, Missing::Damaged).1, Verdict::Verified);
        }
    }

    #[test]
    fn a_value_of_unknown_digest_is_found_out() {
        let list =
            format!("{}  a\n{}  d/b\n", hex(Algorithm::Blake3, "one"), hex(Algorithm::Sha3_512, "two"));
        assert_eq!(turnouts(&list, Missing::Damaged).1, Verdict::Verified);
    }
}
