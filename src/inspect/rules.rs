//! The rules: which place gives which value. They are data, `src/facts/rules/FAMILY.tsv`, a row each:
//!
//! | column | is |
//! |---|---|
//! | `id` | a name of its own within the family; a row of `--facts` with the same name takes its place |
//! | `path` | which members: a glob without regard to capitals, `*` within a name, `**` across folders; `.` for the medium itself, `.,GLOB` for both |
//! | `needs` | a glob that some member must match for the rule to count; empty where nothing else is asked |
//! | `how` | how the place is read, see [`How`] |
//! | `key` | where in the file: `Section/Key`, a line's number, an element's path, a property |
//! | `match` | a regular expression that the text must match; empty for all of it |
//! | `field` | which value it gives |
//! | `value` | the value, `$1` for what the first group matched; empty for all that matched |
//! | `class` | how much the place weighs, `A` to `G` |
//! | `role` | `identity`, `alias`, `floor`, `label`, `foreign` |
//!
//! The rules that give `family` are asked first; then those of the family that they name.

use super::evidence::{Class, Field, Role};
use super::read::How;
use crate::error::{Error, Result};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use regex::Regex;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// The family whose rules are for every medium.
pub(super) const ANY: &str = "any";

/// Families and their rules.
const COMPILED: &[(&str, &str)] = &[
    (ANY, include_str!("../facts/rules/any.tsv")),
    ("exchange", include_str!("../facts/rules/exchange.tsv")),
    ("sqlserver", include_str!("../facts/rules/sqlserver.tsv")),
    ("windows", include_str!("../facts/rules/windows.tsv")),
    ("office", include_str!("../facts/rules/office.tsv")),
    ("sharepoint", include_str!("../facts/rules/sharepoint.tsv")),
    ("visualstudio", include_str!("../facts/rules/visualstudio.tsv")),
    ("dotnetfx", include_str!("../facts/rules/dotnetfx.tsv")),
    ("esxi", include_str!("../facts/rules/esxi.tsv")),
    ("linux", include_str!("../facts/rules/linux.tsv")),
    ("macos", include_str!("../facts/rules/macos.tsv")),
    ("drivers", include_str!("../facts/rules/drivers.tsv")),
];

fn compiled() -> impl Iterator<Item = (&'static str, &'static str, From)> {
    COMPILED.iter().map(|(family, text)| (*family, *text, From::Here))
}

/// Rows that a file of rules may have.
const MOST_ROWS: usize = 10_000;
/// Bytes that it may have.
const MOST_BYTES: u64 = 4 << 20;

/// One rule.
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) family: String,
    /// True where the medium itself is meant, or it as well.
    pub(super) itself: bool,
    /// The number of the glob for its members; `None` where the medium itself is meant and nothing else.
    pub(super) path: Option<usize>,
    pub(super) needs: Option<usize>,
    pub(super) how: How,
    pub(super) key: String,
    pattern: Option<(String, OnceLock<Option<Regex>>)>,
    pub(super) field: Field,
    value: String,
    pub(super) class: Class,
    pub(super) role: Role,
}

impl Rule {
    /// What the rule makes of a text: nothing where it does not match.
    pub(super) fn value(&self, raw: &str) -> Option<String> {
        let Some((pattern, compiled)) = &self.pattern else {
            let whole = if self.value.is_empty() { raw } else { &self.value };
            return Some(whole.trim().to_owned()).filter(|value| !value.is_empty());
        };
        let found = compiled.get_or_init(|| Regex::new(pattern).ok()).as_ref()?.captures(raw)?;
        let mut value = String::new();
        match (self.value.as_str(), found.get(1)) {
            ("", Some(first)) => value.push_str(first.as_str()),
            ("", None) => value.push_str(found.get(0).map_or("", |whole| whole.as_str())),
            (template, _) => found.expand(template, &mut value),
        }
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// True where a second member that matches says no more than the first.
    pub(super) fn is_constant(&self) -> bool {
        self.field == Field::Family || (!self.value.is_empty() && !self.value.contains('$'))
    }

    /// Every value that the rule finds in a longer text.
    pub(super) fn values(&self, text: &str) -> Vec<(String, String)> {
        /// A language or a processor is named a few dozen times at most.
        const MOST: usize = 64;
        let Some((pattern, compiled)) = &self.pattern else {
            return self.value(text).map(|value| (String::new(), value)).into_iter().collect();
        };
        let Some(regex) = compiled.get_or_init(|| Regex::new(pattern).ok()) else { return Vec::new() };
        let mut out: Vec<(String, String)> = Vec::new();
        for found in regex.find_iter(text).take(MOST * 16) {
            if let Some(value) = self.value(found.as_str())
                && out.len() < MOST
                && !out.iter().any(|(_, known)| *known == value)
            {
                // What surrounds the group is there to find it.
                let raw = if self.value == "$1" { value.clone() } else { found.as_str().trim().to_owned() };
                out.push((raw, value));
            }
        }
        out
    }
}

/// All rules.
pub(super) struct Rules {
    pub(super) rules: Vec<Rule>,
    globs: GlobSet,
}

impl Rules {
    /// The rules that are compiled in.
    ///
    /// # Errors
    /// None in a program whose tests have passed.
    pub(super) fn compiled() -> Result<Arc<Self>> {
        static RULES: OnceLock<Arc<Rules>> = OnceLock::new();
        if let Some(rules) = RULES.get() {
            return Ok(rules.clone());
        }
        let rules = Arc::new(Self::read(compiled())?);
        Ok(RULES.get_or_init(|| rules).clone())
    }

    /// The compiled rules, with those of `DIR/rules/*.tsv` added or in the place of theirs.
    ///
    /// # Errors
    /// `Usage` for a row that is none, with its line; what the operating system said.
    pub(super) fn with_dir(dir: &Path) -> Result<Self> {
        let mut own = Vec::new();
        let dir = dir.join("rules");
        if dir.is_dir() {
            let io = |error: std::io::Error| Error::from(error).of(&dir.to_string_lossy());
            for entry in std::fs::read_dir(&dir).map_err(io)? {
                let path = entry.map_err(io)?.path();
                if path.extension().is_some_and(|ending| ending == "tsv") {
                    let family = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
                    if std::fs::metadata(&path).map_err(io)?.len() > MOST_BYTES {
                        return Err(
                            Error::limit("bytes in a file of rules", MOST_BYTES).of(&path.to_string_lossy())
                        );
                    }
                    let text = std::fs::read_to_string(&path).map_err(io)?;
                    own.push((family.unwrap_or_default(), text));
                }
            }
        }
        own.sort();
        let mut all: Vec<(&str, &str, From)> = compiled().collect();
        all.extend(own.iter().map(|(family, text)| (family.as_str(), text.as_str(), From::Elsewhere)));
        Self::read(all.into_iter())
    }

    fn read<'a>(files: impl Iterator<Item = (&'a str, &'a str, From)>) -> Result<Self> {
        let mut out = Self { rules: Vec::new(), globs: GlobSet::empty() };
        let mut globs = Globs::default();
        for (family, text, from) in files {
            for (number, line) in text.lines().enumerate().skip(1).take(MOST_ROWS) {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let wrong = |what: &str| {
                    Error::usage(format!("rules of {family}, line {}: {what}", number.saturating_add(1)))
                };
                let rule = row(family, line, from, &mut globs).map_err(|what| wrong(&what))?;
                match out.rules.iter_mut().find(|known| known.id == rule.id && known.family == rule.family) {
                    Some(known) => *known = rule,
                    None => out.rules.push(rule),
                }
            }
        }
        out.globs = globs.set.build().map_err(|error| Error::usage(format!("rules: {error}")))?;
        Ok(out)
    }

    /// The numbers of the globs that a path matches.
    pub(super) fn matching(&self, path: &str, into: &mut Vec<usize>) {
        self.globs.matches_into(path, into);
    }
}

/// Globs by their numbers, each once.
struct Globs {
    texts: Vec<String>,
    set: GlobSetBuilder,
}

impl Default for Globs {
    fn default() -> Self {
        Self { texts: Vec::new(), set: GlobSetBuilder::new() }
    }
}

impl Globs {
    fn number(&mut self, glob: &str) -> std::result::Result<usize, String> {
        if let Some(known) = self.texts.iter().position(|known| known == glob) {
            return Ok(known);
        }
        // Paths are compared in lower case: cheaper than a glob that has both.
        let lower = glob.to_lowercase();
        let compiled = GlobBuilder::new(&lower).literal_separator(true).build();
        self.set.add(compiled.map_err(|error| error.to_string())?);
        self.texts.push(glob.to_owned());
        Ok(self.texts.len().saturating_sub(1))
    }
}

fn row(family: &str, line: &str, from: From, globs: &mut Globs) -> std::result::Result<Rule, String> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [id, path, needs, how, key, pattern, field, value, class, role] = columns.as_slice() else {
        return Err(format!("{} columns, not 10", columns.len()));
    };
    let compiled = OnceLock::new();
    // What is compiled in has been tested; what somebody else wrote is looked at before it is used.
    if from == From::Elsewhere && !pattern.is_empty() {
        let _ = compiled.set(Some(Regex::new(pattern).map_err(|error| error.to_string())?));
    }
    let unknown = |what: &str, word: &str| format!("no {what} {word:?}");
    Ok(Rule {
        id: (*id).to_owned(),
        family: family.to_owned(),
        itself: *path == "." || path.starts_with(".,"),
        path: match path.strip_prefix(".,").unwrap_or(path) {
            "." => None,
            glob => Some(globs.number(glob)?),
        },
        needs: if needs.is_empty() { None } else { Some(globs.number(needs)?) },
        how: How::named(how).ok_or_else(|| unknown("way of reading", how))?,
        key: (*key).to_owned(),
        pattern: (!pattern.is_empty()).then(|| ((*pattern).to_owned(), compiled)),
        field: Field::named(field).ok_or_else(|| unknown("field", field))?,
        value: (*value).to_owned(),
        class: Class::named(class).ok_or_else(|| unknown("class", class))?,
        role: Role::named(role).ok_or_else(|| unknown("role", role))?,
    })
}

/// Who wrote a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Here,
    Elsewhere,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compiled_rule_is_sound_and_has_a_name_of_its_own() {
        let rules = Rules::read(compiled()).unwrap();
        let rows: usize = COMPILED
            .iter()
            .map(|(_, text)| {
                text.lines().skip(1).filter(|line| !line.is_empty() && !line.starts_with('#')).count()
            })
            .sum();
        assert_eq!(rules.rules.len(), rows, "two rules have one name");
        for rule in &rules.rules {
            if let Some((pattern, _)) = &rule.pattern {
                assert!(Regex::new(pattern).is_ok(), "{}: {pattern}", rule.id);
            }
        }
        for (family, text) in COMPILED {
            assert!(
                text.starts_with("id\tpath\tneeds\thow\tkey\tmatch\tfield\tvalue\tclass\trole\n"),
                "{family}"
            );
        }
    }

    #[test]
    fn every_family_can_be_recognised() {
        let rules = Rules::compiled().unwrap();
        for (family, _) in COMPILED.iter().filter(|(family, _)| *family != ANY) {
            let mut own = rules.rules.iter().filter(|rule| rule.family == *family);
            assert!(own.any(|rule| rule.field == Field::Family), "{family}");
        }
    }

    #[test]
    fn a_row_that_is_none_is_said_with_its_line() {
        let text = "id\n\nx\ty\n";
        let error = Rules::read([("mine", text, From::Elsewhere)].into_iter()).err().unwrap();
        assert!(error.to_string().contains("rules of mine, line 3: 2 columns, not 10"), "{error}");
    }
}
