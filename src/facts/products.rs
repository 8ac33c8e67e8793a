//! Products by the words that people use for them: `ex2007`, `sql 2019`, `server 2022`, `win11 24h2`.

use super::builds::Build;
use super::version::{Reading, Version, read_version};
use super::{FAMILIES, Facts};
use crate::error::{Error, Result};
use std::collections::BTreeSet;

/// Words for a family, and the word of a product's name that each stands for, where it does.
const WORDS: [(&str, &str, &str); 46] = [
    ("exchange", "exchange", ""),
    ("exch", "exchange", ""),
    ("ex", "exchange", ""),
    ("msexchange", "exchange", ""),
    ("sql", "sqlserver", ""),
    ("mssql", "sqlserver", ""),
    ("sqlserver", "sqlserver", ""),
    ("windows", "windows", ""),
    ("win", "windows", ""),
    ("nt", "windows", "nt"),
    ("winnt", "windows", "nt"),
    ("xp", "windows", "xp"),
    ("winxp", "windows", "xp"),
    ("vista", "windows", "vista"),
    ("winserver", "windows", "server"),
    ("winsrv", "windows", "server"),
    ("windowsserver", "windows", "server"),
    ("ws", "windows", "server"),
    ("office", "office", ""),
    ("sharepoint", "sharepoint", ""),
    ("sps", "sharepoint", ""),
    ("spse", "sharepoint", "subscription"),
    ("visualstudio", "visualstudio", ""),
    ("visual", "visualstudio", ""),
    ("studio", "visualstudio", ""),
    ("vs", "visualstudio", ""),
    ("dotnet", "dotnetfx", ""),
    ("dotnetfx", "dotnetfx", ""),
    ("netfx", "dotnetfx", ""),
    (".net", "dotnetfx", ""),
    ("net", "dotnetfx", ""),
    ("framework", "dotnetfx", ""),
    ("esxi", "esxi", "esxi"),
    ("esx", "esxi", ""),
    ("vsphere", "esxi", ""),
    ("vmware", "esxi", ""),
    ("hypervisor", "esxi", ""),
    ("linux", "linux", ""),
    ("debian", "linux", "debian"),
    ("ubuntu", "linux", "ubuntu"),
    ("rhel", "linux", "red"),
    ("redhat", "linux", "red"),
    ("red", "linux", "red"),
    ("hat", "linux", "red"),
    ("fedora", "linux", "fedora"),
    ("enterprise-linux", "linux", "red"),
];

/// Words that say nothing here.
const EMPTY: [&str; 6] = ["microsoft", "ms", "build", "builds", "version", "edition"];

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The family, where words name one.
    pub family: Option<&'static str>,
    /// Products of that family that are meant; empty where all are.
    pub products: Vec<String>,
    /// Words of a release, in lower case.
    pub release: Vec<String>,
    /// A number.
    pub reading: Option<Reading>,
}

impl Facts {
    /// Understands words and a number, in that order; either may be missing.
    ///
    /// # Errors
    /// A word that no product and no release has; the nearest one that exists is named.
    pub fn understand(&self, text: &str) -> Result<Question> {
        if let Some(reading) = read_version(text) {
            return Ok(Question {
                family: None,
                products: Vec::new(),
                release: Vec::new(),
                reading: Some(reading),
            });
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        if let Some(wrong) = words.last().and_then(|word| self.footnote(word)) {
            return Err(wrong);
        }
        let numbered = (1..words.len()).find_map(|at| {
            let (head, tail) = words.split_at_checked(at)?;
            let reading = read_version(&tail.join(" "))?;
            Some((head, tail, reading))
        });
        match numbered {
            Some((head, tail, reading)) => {
                let question = self.words(head, None)?;
                // `windows 8.1` and `sql 2019` name a product, not a build.
                match tail {
                    [word] if self.is_name(question.family, word) => self.words(&words, None),
                    _ => Ok(Question { reading: Some(reading), ..question }),
                }
            }
            None => self.words(&words, None),
        }
    }

    /// The builds that a question without a number means.
    #[must_use]
    pub fn answers(&self, question: &Question) -> Vec<&Build> {
        let families = FAMILIES.iter().filter(|name| question.family.is_none_or(|family| family == **name));
        let builds = families.flat_map(|family| self.builds(family));
        builds
            .filter(|build| question.products.is_empty() || question.products.contains(&build.product))
            .filter(|build| {
                let release = split(&build.release);
                question.release.iter().all(|word| release.contains(word))
            })
            .collect()
    }

    /// The products of a family, in the order of their builds.
    #[must_use]
    pub fn products(&self, family: &str) -> Vec<&str> {
        let mut products: Vec<&str> = Vec::new();
        for build in self.builds(family) {
            if !products.contains(&build.product.as_str()) {
                products.push(&build.product);
            }
        }
        products
    }

    /// Products of any family whose name has that word.
    #[must_use]
    pub fn products_named(&self, word: &str) -> Vec<(&'static str, &str)> {
        let word = word.to_lowercase();
        let all = FAMILIES
            .iter()
            .flat_map(|family| self.products(family).into_iter().map(|product| (*family, product)));
        all.filter(|(_, product)| split(product).contains(&word)).collect()
    }

    /// The error about a number that is refused for a footnote glued to it, with the number that is listed without it.
    fn footnote(&self, word: &str) -> Option<Error> {
        let version = Version::parse(word).filter(|_| read_version(word).is_none())?;
        let listed =
            (1..word.len()).rev().filter_map(|end| Version::parse(word.get(..end)?)).find(|shorter| {
                shorter.parts().len() == version.parts().len()
                    && FAMILIES
                        .iter()
                        .any(|family| self.builds(family).iter().any(|build| build.version == *shorter))
            });
        let wanted =
            format!("build {word}, whose last number looks like one with that of a footnote behind it,");
        Some(Error::not_found(wanted, listed.map(|version| version.to_string())))
    }

    fn is_name(&self, family: Option<&str>, word: &str) -> bool {
        let Some(family) = family else { return false };
        let word = word.to_lowercase();
        let builds = self.builds(family);
        builds.iter().any(|build| split(&build.product).contains(&word) || split(&build.release).contains(&word))
            // `15.2` of Exchange is a number, though a release of Visual Studio has it as its name.
            && !builds.iter().any(|build| build.number() == word)
    }

    fn words(&self, words: &[&str], reading: Option<Reading>) -> Result<Question> {
        let mut family: Option<&'static str> = None;
        let mut needed: Vec<String> = Vec::new();
        let mut rest: Vec<String> = Vec::new();
        let mut server = false;
        for word in words.iter().flat_map(|word| pieces(word)) {
            if EMPTY.contains(&word.as_str()) {
                continue;
            }
            if word == "server" || word == "srv" {
                server = true;
            } else if let Some((_, named, means)) = WORDS.iter().find(|(known, ..)| *known == word) {
                family.get_or_insert(named);
                needed.extend((!means.is_empty()).then(|| (*means).to_owned()));
            } else {
                rest.push(word);
            }
        }
        // Other servers are called so, too; alone it means that of Windows.
        if server && family.is_none_or(|family| family == "windows") {
            family = Some("windows");
            needed.push("server".to_owned());
        }
        let Some(family) = family else {
            return Err(self.unknown(rest.first().map_or("", String::as_str), None));
        };
        let products: Vec<(String, BTreeSet<String>)> =
            self.products(family).into_iter().map(|product| (product.to_owned(), split(product))).collect();
        let releases: BTreeSet<String> =
            self.builds(family).iter().flat_map(|build| split(&build.release)).collect();
        let mut release = Vec::new();
        let mut number = reading;
        for word in rest {
            let word = if word == "se" && family == "sharepoint" { "subscription".to_owned() } else { word };
            let line = Version::parse(&word)
                .filter(|line| self.builds(family).iter().any(|build| line.is_prefix_of(&build.version)));
            if products.iter().any(|(_, tokens)| tokens.contains(&word)) {
                needed.push(word);
            } else if let (None, Some(version)) = (&number, line) {
                // `esxi 7` is a line of builds, and not one of the releases that have a 7 in their names.
                number = Some(Reading { version, form: super::Form::Plain });
            } else if releases.contains(&word) {
                release.push(word);
            } else if let (None, Some(version)) = (&number, Version::parse(&word)) {
                number = Some(Reading { version, form: super::Form::Plain });
            } else {
                return Err(self.unknown(&word, Some(family)));
            }
        }
        Ok(Question { family: Some(family), products: chosen(&products, &needed), release, reading: number })
    }

    /// The error about a word that is not known, with the nearest one that is.
    fn unknown(&self, word: &str, family: Option<&str>) -> Error {
        let mut known: BTreeSet<String> = BTreeSet::new();
        match family {
            None => known.extend(WORDS.iter().map(|(word, ..)| (*word).to_owned())),
            Some(family) => {
                for build in self.builds(family) {
                    known.extend(split(&build.product));
                    known.extend(split(&build.release));
                }
            }
        }
        let near = known
            .iter()
            .map(|name| (strsim::damerau_levenshtein(name, word), name))
            .filter(|(distance, name)| *distance <= 1 + name.chars().count() / 4)
            .min()
            .map(|(_, name)| name.clone());
        let of = family.map(|family| format!(" in the builds of {family}")).unwrap_or_default();
        Error::not_found(format!("\"{word}\"{of}"), near)
    }
}

/// Products with all the words. Where one of them has a digit, as a year has, only those with the fewest other words:
/// `sql 2008` is not SQL Server 2008 R2.
fn chosen(products: &[(String, BTreeSet<String>)], needed: &[String]) -> Vec<String> {
    if needed.is_empty() {
        return Vec::new();
    }
    let fits = products.iter().filter(|(_, tokens)| needed.iter().all(|word| tokens.contains(word)));
    let sized: Vec<(usize, &String)> = fits.map(|(name, tokens)| (tokens.len(), name)).collect();
    let exact = needed.iter().any(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let fewest = sized.iter().map(|(size, _)| *size).min().unwrap_or(0);
    sized.into_iter().filter(|(size, _)| !exact || *size == fewest).map(|(_, name)| name.clone()).collect()
}

/// The words of a name, in lower case; dots stay, as in `8.1`.
fn split(name: &str) -> BTreeSet<String> {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric() && c != '.');
    words.map(|word| word.trim_matches('.').to_owned()).filter(|word| !word.is_empty()).collect()
}

/// What a word as people type it consists of: `ex2007` is `ex` and `2007`, `2008r2` is `2008` and `r2`, `24h2` is one.
fn pieces(word: &str) -> Vec<String> {
    let lower = word.to_lowercase();
    let mut pieces = Vec::new();
    for part in lower.split(['_', '-', '/', ',', '"']).filter(|part| !part.is_empty()) {
        let split = part.find(|c: char| c.is_ascii_digit()).unwrap_or(part.len());
        let (letters, digits) = part.split_at_checked(split).unwrap_or((part, ""));
        let known = WORDS.iter().any(|(word, ..)| *word == letters) || letters == "server";
        let rest = if known && !digits.is_empty() {
            pieces.push(letters.to_owned());
            digits
        } else if letters == "sp" && digits.len() == 4 {
            // A service pack has one digit, SharePoint a year.
            pieces.push("sharepoint".to_owned());
            digits
        } else {
            part
        };
        match rest.strip_suffix("r2") {
            Some(year) if year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()) => {
                pieces.extend([year.to_owned(), "r2".to_owned()]);
            }
            _ => pieces.push(rest.to_owned()),
        }
    }
    pieces
}

#[cfg(test)]
mod tests;
