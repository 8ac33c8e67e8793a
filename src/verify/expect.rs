//! What a source is to be compared with: digests that the user gave, a list that was named, lists that
//! lie beside it.

use super::authenticode::Trust;
use super::signature::{Listed, Proofs, Text, Word};
use super::sums::{Line, MOST_BYTES};
use super::{Sums, discover};
use crate::digest::{Algorithm, Value};
use crate::error::{Error, Kind, Result};
use crate::path::slashed;
use crate::source::{FileSource, read_vec};
use std::io::Read;
use std::path::Path;

/// A digest that the source ought to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The digest.
    pub value: Value,
    /// The size that goes with it, in bytes.
    pub size: Option<u64>,
    /// Who says so: `user`, or the list's path.
    pub by: String,
    /// Digests with values as long that it may be of instead, where nothing but the length tells.
    pub others: Vec<Algorithm>,
}

/// Digests that are computed in the first reading where only the length tells: they cost little beside
/// the usual one of that length.
const CHEAP: [Algorithm; 2] = [Algorithm::Blake3, Algorithm::Blake2b];

impl Expected {
    /// A digest that the user gave by its name.
    #[must_use]
    pub fn given(value: &Value) -> Self {
        Self { value: value.clone(), size: None, by: USER.to_owned(), others: Vec::new() }
    }

    pub(super) fn of(line: &Line, by: &str) -> Self {
        let algorithm = line.value.algorithm;
        let others = if line.is_ambiguous() { algorithm.same_length().collect() } else { Vec::new() };
        Self { value: line.value.clone(), size: line.size, by: by.to_owned(), others }
    }

    /// The computed value to compare with: the one that matches, where several digests may be meant.
    #[must_use]
    pub fn found<'a>(&self, values: &'a [Value]) -> Option<&'a Value> {
        let meant = |value: &&Value| {
            value.algorithm == self.value.algorithm || self.others.contains(&value.algorithm)
        };
        let same = values.iter().filter(meant).find(|value| value.bytes == self.value.bytes);
        same.or_else(|| values.iter().find(|value| value.algorithm == self.value.algorithm))
    }
}

/// Who gave what was given on the command line.
const USER: &str = "user";

/// Everything that is known of what a source ought to be.
#[derive(Debug, Default)]
pub struct Expectations {
    /// The digests.
    pub digests: Vec<Expected>,
    /// Lists that are meant for it and cannot be used, each with the reason.
    pub unusable: Vec<(String, Error)>,
    /// Keys, and the signatures for them.
    pub proofs: Proofs,
    /// What signatures are judged by.
    pub trust: Trust,
    /// What lists have that does not count, each with the reason.
    pub notes: Vec<(String, String)>,
}

impl Expectations {
    /// Digests that the user gave.
    #[must_use]
    pub fn given(values: &[Value]) -> Self {
        Self { digests: values.iter().map(Expected::given).collect(), ..Self::default() }
    }

    /// True where there is nothing to compare a source with.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty() && self.proofs.is_empty()
    }

    /// Adds what the list at `list` says of `file`, unless its signature is wrong.
    ///
    /// # Errors
    /// Where the list cannot be read, or does not name the file.
    pub fn add_list(&mut self, list: &Path, file: &Path) -> Result<()> {
        let name = list.to_string_lossy();
        let (sums, text) = read_signed_list(list)?;
        let Word::Counts(by) = self.proofs.list(list, text, Listed::ByUser) else { return Ok(()) };
        let beside = list.parent().unwrap_or(Path::new(""));
        let lines = sums.for_file(file, beside);
        if lines.is_empty() {
            return Err(sums.trouble_for(file, beside).map_or_else(
                || Error::not_found(format!("{} in {name}", file.display()), None),
                |error| error.of(&name),
            ));
        }
        self.digests.extend(lines.into_iter().map(|line| Expected::of(line, &by)));
        self.notes.extend(sums.remarks().into_iter().map(|note| (name.clone().into_owned(), note)));
        Ok(())
    }

    /// Adds what pasted text says of `file`: digits anywhere in it. Where it has the digests of several
    /// files, those of the one called so count; where it is about one file, that file is meant,
    /// whatever it is called there.
    ///
    /// # Errors
    /// `Usage` where no digest is found in it, or where it is about several other files.
    pub fn add_text(&mut self, text: &[u8], file: &Path) -> Result<()> {
        const WHAT: &str = "--expect";
        let sums = Sums::pasted(text).map_err(|error| match error.kind() {
            Kind::Unsupported(_) => Error::usage("no digest is found in the text").of(WHAT),
            _ => error.of(WHAT),
        })?;
        let mut lines = sums.for_file(file, Path::new(""));
        if lines.is_empty() {
            let mut names = sums.lines.iter().filter_map(|line| line.name.as_deref());
            let first = names.next();
            if names.all(|name| Some(name) == first) {
                lines = sums.lines.iter().collect();
            }
        }
        if lines.is_empty() {
            let trouble = sums.trouble_for(file, Path::new("")).or_else(|| {
                let bad = sums.bad.first()?;
                Some(Error::usage(format!("line {}: {}", bad.line_number, bad.why)))
            });
            return Err(trouble
                .unwrap_or_else(|| {
                    Error::usage(format!("the text is about several files, and none is {}", file.display()))
                })
                .of(WHAT));
        }
        self.digests.extend(lines.into_iter().map(|line| Expected::of(line, USER)));
        self.notes.extend(sums.remarks().into_iter().map(|note| (WHAT.to_owned(), note)));
        Ok(())
    }

    /// Adds what lists beside `file` say of it, and signatures over it.
    ///
    /// # Errors
    /// What listing the directory said.
    pub fn add_beside(&mut self, file: &Path) -> Result<()> {
        for found in discover::beside(file)? {
            if let Some(error) = found.unusable {
                self.unusable.push((slashed(&found.path), error));
            }
            if found.lines.is_empty() {
                continue;
            }
            let Some(text) = found.text else { continue };
            let Word::Counts(by) = self.proofs.list(&found.path, text, Listed::Found) else { continue };
            self.digests.extend(found.lines.iter().map(|line| Expected::of(line, &by)));
            let name = slashed(&found.path);
            self.notes.extend(found.remarks.into_iter().map(|note| (name.clone(), note)));
        }
        self.proofs.add_beside(file);
        Ok(())
    }

    /// The algorithms that are needed, and always SHA-256: what is not vouched for gets it printed. Where
    /// only the length tells which digest is meant, one more of that length is among them; see
    /// [`Expectations::second_look`].
    #[must_use]
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let mut out = vec![Algorithm::Sha256];
        out.extend(self.needed().into_iter().filter(|algorithm| *algorithm != Algorithm::Sha256));
        out
    }

    /// The algorithms that are needed, and no other.
    pub(super) fn needed(&self) -> Vec<Algorithm> {
        let mut out = Vec::new();
        for expected in &self.digests {
            let cheap = expected.others.iter().filter(|other| CHEAP.contains(other));
            for algorithm in std::iter::once(&expected.value.algorithm).chain(cheap) {
                if !out.contains(algorithm) {
                    out.push(*algorithm);
                }
            }
        }
        out
    }

    /// The algorithms to compute in a second reading: where only the length tells which digest is
    /// meant, and none of `values` is it. A good download is not read for them.
    #[must_use]
    pub fn second_look(&self, values: &[Value]) -> Vec<Algorithm> {
        let mut out = Vec::new();
        for expected in &self.digests {
            if expected.found(values).is_none_or(|found| found.bytes != expected.value.bytes) {
                let known = |algorithm: &Algorithm| values.iter().any(|value| value.algorithm == *algorithm);
                out.extend(expected.others.iter().copied().filter(|other| !known(other)));
            }
        }
        out.sort_unstable();
        out.dedup();
        out
    }
}

/// Reads the list at `path`; `-` is standard input.
///
/// # Errors
/// As [`Sums::parse`], and where the file cannot be read.
pub fn read_list(path: &Path) -> Result<Sums> {
    read_signed_list(path).map(|(sums, _)| sums)
}

/// The list at `path`, and its text with the signature that may be around it: only what is signed is
/// read as a list.
pub(super) fn read_signed_list(path: &Path) -> Result<(Sums, Text)> {
    let name = path.to_string_lossy();
    let (bytes, file_name) = if path == Path::new("-") {
        (read_text(&mut std::io::stdin())?, "".into())
    } else {
        let source = FileSource::open(path)?;
        let len = crate::source::Source::len(&source);
        if len > MOST_BYTES {
            return Err(Error::limit("bytes in a list of digests", MOST_BYTES).of(&name));
        }
        (read_vec(&source, 0, len)?, path.file_name().unwrap_or_default().to_string_lossy())
    };
    let text = Text::of(bytes).map_err(|error| error.of(&name))?;
    let mut sums = Sums::read(&text.body, &file_name).map_err(|error| error.of(&name))?;
    // What is outside is gone from the body.
    sums.outside_signature += text.outside();
    Ok((sums, text))
}

/// Reads text that may be a list, to its end.
///
/// # Errors
/// `Limit` where it is longer than a list may be; what reading said.
pub fn read_text(input: &mut dyn Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than may be, so that text that is too long shows.
    input.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::limit("bytes in a list of digests", MOST_BYTES));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Hasher;

    fn value(algorithm: Algorithm) -> Value {
        let mut hasher = Hasher::new(&[algorithm]);
        hasher.update(b"medium");
        hasher.finish().remove(0)
    }

    fn of_text(text: &str) -> Result<Expectations> {
        let mut out = Expectations::default();
        out.add_text(text.as_bytes(), Path::new("x.iso")).map(|()| out)
    }

    #[test]
    fn a_value_of_unknown_digest_is_compared_with_all_of_its_length() {
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| algorithm.len() >= 28) {
            let expectations = of_text(&value(algorithm).hex()).unwrap();
            let mut values: Vec<Value> = expectations.algorithms().into_iter().map(value).collect();
            let more = expectations.second_look(&values);
            values.extend(more.iter().copied().map(value));
            assert_eq!(expectations.digests[0].found(&values), Some(&value(algorithm)));
            let usual = Algorithm::from_hex_len(algorithm.len() * 2) == Some(algorithm);
            assert_eq!(more.is_empty(), usual || CHEAP.contains(&algorithm), "{algorithm}");
        }
    }

    #[test]
    fn a_value_whose_digest_is_named_is_compared_with_no_other() {
        let blake3 = value(Algorithm::Blake3).hex();
        let expectations = of_text(&format!("SHA256: {blake3}")).unwrap();
        let values = [value(Algorithm::Sha256), value(Algorithm::Blake3)];
        assert_eq!(expectations.digests[0].found(&values), Some(&values[0]));
        assert!(expectations.second_look(&values).is_empty());
    }

    #[test]
    fn pasted_text_is_about_the_file_unless_it_is_about_several_others() {
        let (a, b) = (value(Algorithm::Sha256).hex(), value(Algorithm::Sha1).hex());
        assert_eq!(of_text(&format!("the digest is {a}!")).unwrap().digests.len(), 1);
        assert_eq!(of_text(&format!("{a}  other-name.iso")).unwrap().digests.len(), 1);
        assert_eq!(of_text(&format!("{a}  other.iso\n{b}  x.iso")).unwrap().digests[0].value.hex(), b);
        let error = of_text(&format!("{a}  y.iso\n{b}  z.iso")).unwrap_err().to_string();
        assert_eq!(error, "--expect: the text is about several files, and none is x.iso");
        assert!(of_text("no digest here").is_err());
        let error = of_text(&format!("SHA256: {}", &a[1..])).unwrap_err().to_string();
        assert_eq!(error, "--expect: line 1: a sha256 value has 64 digits, not 63");
    }
}
