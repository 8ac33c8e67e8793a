//! What the label of a volume says: weak evidence, for whoever makes an image again gives it another.
//!
//! `CCCOMA_X64FRE_EN-US_DV9`, `GRMSXVOL_EN_DVD`, `ESXI-8.0U3E-24677879-STANDARD`. The prefixes are data,
//! `src/facts/labels.tsv`. A label that several products share names all of them.

use super::table::{self, BadRow};
use super::version::Version;
use std::sync::LazyLock;

static TABLE: &str = include_str!("labels.tsv");
static ROWS: LazyLock<Vec<Prefix>> = LazyLock::new(|| parse(TABLE).unwrap_or_default());

/// The longest label: that of a UDF volume has 127 characters.
const MAX_LABEL: usize = 127;

/// What a label says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// Products and releases that have this label, named as in the tables of builds; the release where it says it.
    pub candidates: Vec<(String, Option<String>)>,
    /// Editions; empty where it says none or does not say which.
    pub editions: Vec<&'static str>,
    /// `x64`, `x86`, `arm64`, `ia64`.
    pub platform: Option<&'static str>,
    /// `volume`, `retail`, `oem` or `evaluation`.
    pub channel: Option<&'static str>,
    /// As a BCP 47 tag.
    pub language: Option<String>,
    /// True for a checked (debug) build.
    pub checked: bool,
    /// The build.
    pub build: Option<Version>,
    /// The program that gives every image this label, whatever is on it.
    pub tool: Option<&'static str>,
}

/// How a label goes on behind its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Edition, processor and licence in one word.
    Old,
    /// With `_` between them: editions begin with C.
    Client,
    /// The same: editions begin with S.
    Server,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Prefix {
    text: String,
    style: Style,
    product: String,
    release: Option<String>,
}

/// Labels that programs give to any image.
const TOOLS: [(&str, &str); 12] = [
    ("ESD-ISO", "the media creation tool"),
    ("CDROM", "a program that makes images"),
    ("CD_ROM", "a program that makes images"),
    ("DVD_ROM", "a program that makes images"),
    ("DVDROM", "a program that makes images"),
    ("DVD", "a program that makes images"),
    ("ISOIMAGE", "mkisofs"),
    ("ISO", "a program that makes images"),
    ("NEW", "a program that makes images"),
    ("NEW_VOLUME", "a program that makes images"),
    ("UDF VOLUME", "a program that makes images"),
    ("LINUXUDF", "mkudffs"),
];

/// Editions as labels of Windows 8 and later have them.
const EDITIONS: [(&str, &[&str]); 22] = [
    ("CCSA", &["Core", "Professional"]),
    ("CCSNA", &["CoreN", "ProfessionalN"]),
    ("CCPA", &[]),
    ("CPRA", &["Professional"]),
    ("CPRNA", &["ProfessionalN"]),
    ("CENA", &["Enterprise"]),
    ("CENNA", &["EnterpriseN"]),
    ("CEDA", &["Education"]),
    ("CEDNA", &["EducationN"]),
    ("CES", &["EnterpriseS"]),
    ("CESE", &["EnterpriseS"]),
    ("CESN", &["EnterpriseSN"]),
    ("CESNE", &["EnterpriseSN"]),
    ("CCCOMA", &[]),
    ("CCCOMNA", &[]),
    ("CPBA", &[]),
    ("CPBNA", &[]),
    ("SSS", &["ServerStandard", "ServerDatacenter"]),
    ("SSSO", &["ServerSolution"]),
    ("SESS", &["ServerSolution"]),
    ("SHV", &["ServerHyper"]),
    ("SFST", &[]),
];

/// Editions as older labels have them, behind the prefix.
const OLD_EDITIONS: [(&str, &str); 15] = [
    ("HP", "HomePremium"),
    ("HB", "HomeBasic"),
    ("PR", "Professional"),
    ("UL", "Ultimate"),
    ("ST", "Starter"),
    ("EN", "Enterprise"),
    ("NHP", "HomePremiumN"),
    ("NHB", "HomeBasicN"),
    ("NPR", "ProfessionalN"),
    ("NUL", "UltimateN"),
    ("NST", "StarterN"),
    ("NEN", "EnterpriseN"),
    ("B", "Business"),
    ("E", "Enterprise"),
    ("P", "Professional"),
];

/// Reads the table of prefixes.
fn parse(text: &str) -> Result<Vec<Prefix>, BadRow> {
    table::read(text, ["prefix", "style", "product", "release", "source"], |cells| {
        let [prefix, style, product, release, source] = cells;
        let style = match style {
            "old" => Style::Old,
            "client" => Style::Client,
            "server" => Style::Server,
            other => return Err(format!("\"{other}\" is no style")),
        };
        if prefix.is_empty() || product.is_empty() || source.is_empty() {
            return Err("an empty cell".to_owned());
        }
        Ok(Prefix {
            text: if prefix == "-" { String::new() } else { prefix.to_owned() },
            style,
            product: product.to_owned(),
            release: (!release.is_empty()).then(|| release.to_owned()),
        })
    })
}

/// Reads a volume's label; none where it says nothing that is known.
#[must_use]
pub fn read_label(label: &str) -> Option<Label> {
    let label = label.trim().to_uppercase();
    if label.is_empty() || label.len() > MAX_LABEL {
        return None;
    }
    if let Some((_, tool)) = TOOLS.iter().find(|(known, _)| *known == label) {
        return Some(Label { tool: Some(tool), ..Label::default() });
    }
    esxi(&label).or_else(|| new_style(&label)).or_else(|| old_style(&label))
}

/// `ESXI-8.0U3E-24677879-STANDARD`
fn esxi(label: &str) -> Option<Label> {
    let (line, rest) = label.strip_prefix("ESXI-")?.split_once('-')?;
    let build: u32 = rest.split('-').next()?.parse().ok()?;
    let (line, update) = line.split_once('U').unwrap_or((line, ""));
    let number = update.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u32 = if update.is_empty() { 0 } else { number.parse().ok()? };
    let release = match update {
        "" => line.to_owned(),
        update => format!("{line} Update {}", update.to_lowercase()),
    };
    let parts = Version::parse(line)?;
    let build = Version::new(parts.parts().iter().copied().chain([number]).take(3).chain([build]))?;
    Some(Label {
        candidates: vec![("VMware ESXi".to_owned(), Some(release))],
        build: Some(build),
        ..Label::default()
    })
}

/// `HRM_CENNA_X64FREV_EN-GB_DV5`, `SSS_X64FREE_EN-US_DV9`
fn new_style(label: &str) -> Option<Label> {
    let words: Vec<&str> = label.split('_').collect();
    let (prefix, words) = match words.split_first()? {
        (prefix, rest) if ROWS.iter().any(|row| row.style != Style::Old && row.text == *prefix) => {
            (*prefix, rest)
        }
        _ => ("", words.as_slice()),
    };
    let &[edition, processor, language, ..] = words else { return None };
    let style = match edition.bytes().next()? {
        b'C' => Style::Client,
        b'S' => Style::Server,
        _ => return None,
    };
    let (_, editions) = EDITIONS.iter().find(|(code, _)| *code == edition)?;
    let (platform, rest) = [("X64", "x64"), ("X86", "x86"), ("A64", "arm64")]
        .iter()
        .find_map(|(code, platform)| Some((*platform, processor.strip_prefix(code)?)))?;
    let (checked, licence) = match rest.strip_prefix("CHK") {
        Some(licence) => (true, licence),
        None => (false, rest.strip_prefix("FRE")?),
    };
    Some(Label {
        candidates: candidates(prefix, style),
        editions: editions.to_vec(),
        platform: Some(platform),
        channel: channel(licence),
        language: language_of(language),
        checked,
        ..Label::default()
    })
}

/// `GRMCNHPXFRER_EN_DVD`, `CR0SPX2_EN`
fn old_style(label: &str) -> Option<Label> {
    let mut words = label.split('_');
    let first = words.next()?;
    let language = words.next().and_then(language_of);
    let known = ROWS.iter().filter(|row| row.style == Style::Old && first.starts_with(&row.text));
    let prefix = known.max_by_key(|row| row.text.len())?.text.as_str();
    let rest = first.strip_prefix(prefix)?;
    // Only the second words `EN` and `EN_DVD` make such letters a label: `ARMADA` is none.
    language.as_ref()?;
    let licences = ["FRER", "FREO", "FREE", "FRE", "VOL", "CHK", "FPP", "OEM"];
    let (rest, licence) = licences
        .iter()
        .find_map(|licence| Some((rest.strip_suffix(licence)?, *licence)))
        .unwrap_or((rest, if prefix.ends_with("CHK") { "CHK" } else { "" }));
    // `CD2`, and the `2` of `CR0SPX2`, count discs and service packs.
    let rest = rest.replace("CD2", "").replace("CD1", "").replace('2', "");
    let (edition, platform) =
        if let Some(edition) = rest.strip_suffix("IAI").or_else(|| rest.strip_suffix("IA")) {
            (edition, "ia64")
        } else if let Some(edition) = rest.strip_suffix('X') {
            (edition, "x64")
        } else if prefix == "CR0SP" && rest == "I" {
            ("", "ia64")
        } else if prefix.ends_with("PX") || prefix.starts_with("AX") || prefix.ends_with("XCHK") {
            (rest.as_str(), "x64")
        } else {
            (rest.as_str(), "x86")
        };
    let editions = OLD_EDITIONS.iter().filter(|(code, _)| *code == edition).map(|(_, edition)| *edition);
    Some(Label {
        candidates: candidates(prefix, Style::Old),
        editions: editions.collect(),
        platform: Some(platform),
        channel: match licence {
            "VOL" => Some("volume"),
            "FRER" | "FPP" => Some("retail"),
            "FREO" | "OEM" => Some("oem"),
            "FREE" => Some("evaluation"),
            _ => None,
        },
        language,
        checked: licence == "CHK",
        ..Label::default()
    })
}

fn candidates(prefix: &str, style: Style) -> Vec<(String, Option<String>)> {
    let rows = ROWS.iter().filter(|row| row.text == prefix && row.style == style);
    rows.map(|row| (row.product.clone(), row.release.clone())).collect()
}

/// The letter behind `FRE`. `E` stands on evaluation media, and on some retail media of servers.
fn channel(letter: &str) -> Option<&'static str> {
    match letter {
        "V" => Some("volume"),
        "O" => Some("oem"),
        "R" => Some("retail"),
        _ => None,
    }
}

/// `EN-US`, `EN`
fn language_of(word: &str) -> Option<String> {
    let letters = |text: &str, range: std::ops::RangeInclusive<usize>| {
        range.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase())
    };
    match word.split_once('-') {
        None => letters(word, 2..=2).then(|| word.to_lowercase()),
        Some((language, region)) => (letters(language, 2..=2) && letters(region, 2..=4))
            .then(|| format!("{}-{region}", language.to_lowercase())),
    }
}

#[cfg(test)]
mod tests;
