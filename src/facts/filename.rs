//! What the file name of a medium says: weak evidence, for names are changed.
//!
//! Read are the names of Microsoft's subscriber downloads (`en_windows_7_ultimate_x64_dvd_x15-65922.iso`), of volume
//! licensing (`SW_DVD9_Win_Pro_10_20H2.13_64BIT_English_…_X22-92628.iso`), of evaluations and image services
//! (`26100.1742.240906-0331.ge_release_svc_refresh_CLIENT…_x64FRE_en-us.iso`), of public downloads
//! (`Win11_24H2_English_x64.iso`), and those of SQL Server, Exchange, ESXi and Linux that follow no rule but have their
//! words. A name without a product or a build says nothing here.

use super::version::{Version, read_version};
use words::{ARCHITECTURES, EDITIONS, LANGUAGES};

mod words;

/// The longest name that is looked at.
const MAX_NAME: usize = 255;

/// What a file name says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileName {
    /// The product, named as in the tables of builds where they have it.
    pub product: Option<String>,
    /// `24H2`, `SP1`, `CU14`, `with Update`, `LTSC 2019`.
    pub release: Option<String>,
    /// The number of a refreshed medium: 13 of `20H2.13`.
    pub refresh: Option<u32>,
    /// The build.
    pub build: Option<Version>,
    /// `client` or `server`, where the name says only that.
    pub side: Option<&'static str>,
    /// `x64`, `x86`, `arm64`, `ia64`; more than one where one medium has several.
    pub platforms: Vec<&'static str>,
    /// Editions.
    pub editions: Vec<String>,
    /// `volume`, `retail`, `oem` or `evaluation`.
    pub channel: Option<&'static str>,
    /// As a BCP 47 tag; `mul` for several.
    pub language: Option<String>,
    /// True for a checked (debug) build.
    pub checked: bool,
    /// The publisher's number for the file: `X22-92628`, `4059293`.
    pub number: Option<String>,
}

/// Reads a file name; none where it names neither a product nor a build.
#[must_use]
pub fn read_file_name(name: &str) -> Option<FileName> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    if name.len() > MAX_NAME {
        return None;
    }
    let lower = name.to_lowercase();
    let stem = ["iso", "img", "exe", "esd", "wim", "swm", "zip", "cab", "msi"]
        .iter()
        .find_map(|extension| lower.strip_suffix(extension)?.strip_suffix('.'))
        .unwrap_or(&lower);
    let mut found = FileName::default();
    let stem = lab(stem, &mut found);
    let words = split(stem);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for (at, word) in words.iter().enumerate() {
        found.word(word, words.get(at + 1).copied(), at);
    }
    found.product = product(&words);
    found.release(&words);
    found.side(&words);
    if words.iter().any(|word| *word == "n" || *word == "kn") {
        for edition in &mut found.editions {
            edition.push_str(" N");
        }
    }
    (found.product.is_some() || found.build.is_some()).then_some(found)
}

/// The build that a name of an evaluation begins with; what stands behind it.
fn lab<'s>(stem: &'s str, found: &mut FileName) -> &'s str {
    if !stem.starts_with(|c: char| c.is_ascii_digit()) {
        return stem;
    }
    let Some(reading) = read_version(stem).filter(|reading| reading.form == super::Form::BuildLab) else {
        return stem;
    };
    found.build = Some(reading.version);
    // `26100.1742.240906-0331.ge_release_…`: words begin behind the last dot.
    stem.rsplit('.').next().unwrap_or(stem)
}

impl FileName {
    /// What one word says by itself; some need the one behind them.
    fn word(&mut self, word: &str, next: Option<&str>, at: usize) {
        if let Some((_, platform)) = ARCHITECTURES.iter().find(|(known, _)| *known == word) {
            if !self.platforms.contains(platform) {
                self.platforms.push(platform);
            }
            self.checked |= word.ends_with("chk");
        }
        let pair = format!("{word}_{}", next.unwrap_or(""));
        let language = LANGUAGES
            .iter()
            .find(|(known, _)| *known == pair)
            .or_else(|| LANGUAGES.iter().find(|(known, _)| *known == word));
        // A code of two letters is a language only at the start: `es`, `no` and `it` are words, too.
        let is_code = word.len() == 2;
        match language {
            Some((_, tag)) if self.language.is_none() && (!is_code || at == 0) => {
                self.language = Some((*tag).to_owned());
            }
            _ if is_tag(word) && self.language.is_none() => self.language = Some(cased(word)),
            _ => {}
        }
        let edition = EDITIONS.iter().find(|(known, _)| *known == word);
        // Media of many editions are called business and consumer editions.
        if let Some((_, edition)) = edition.filter(|_| next != Some("editions")) {
            let edition = match (*edition, next) {
                ("Home", Some("basic")) => "Home Basic",
                ("Home", Some("premium")) => "Home Premium",
                (edition, _) => edition,
            };
            if !self.editions.iter().any(|known| known == edition) {
                self.editions.push(edition.to_owned());
            }
        }
        match word {
            "vl" | "volume" | "mlf" | "sw" | "business" if self.channel.is_none() => {
                // Windows Vista and 7 had an edition of that name.
                let is_edition = word == "business" && next != Some("editions");
                self.channel = (!is_edition).then_some("volume");
            }
            "consumer" | "retail" | "ret" if self.channel.is_none() => self.channel = Some("retail"),
            "oem" | "oemret" if self.channel.is_none() => self.channel = Some("oem"),
            "eval" | "evaluation" => self.channel = Some("evaluation"),
            "chk" | "checked" | "debug" => self.checked = true,
            _ => {}
        }
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let part = word.strip_prefix('x').and_then(|rest| rest.split_once('-'));
        let is_part = part.is_some_and(|(series, number)| {
            series.len() == 2 && number.len() == 5 && digits(series) && digits(number)
        });
        let is_hash = word.len() == 8
            && word.bytes().all(|byte| byte.is_ascii_hexdigit())
            && word.bytes().any(|byte| byte.is_ascii_digit());
        if next.is_none() && (is_part || is_hash || (digits(word) && (6..=9).contains(&word.len()))) {
            self.number = Some(if is_part { word.to_uppercase() } else { word.to_owned() });
        }
    }

    /// The release, by what releases of that product are called.
    fn release(&mut self, words: &[&str]) {
        let product = self.product.clone().unwrap_or_default();
        let after = |word: &str| {
            let at = words.iter().position(|known| *known == word)?;
            words.get(at + 1).copied()
        };
        let line = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        match product.as_str() {
            "VMware ESXi" => return self.esxi(words),
            "Ubuntu" | "Debian" | "Fedora Linux" | "Red Hat Enterprise Linux" => {
                let version = words.iter().copied().find(line);
                self.release = version.map(str::to_owned);
                self.build = version.and_then(Version::parse);
                return;
            }
            _ => {}
        }
        for word in words {
            if let Some((release, refresh)) = windows_release(word, &product) {
                self.release = Some(release);
                self.refresh = refresh;
            }
            let numbered = |prefix: &str| {
                word.strip_prefix(prefix)
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.len() <= 3)
            };
            if numbered("sp") || numbered("cu") || numbered("ru") {
                self.release = Some(word.to_uppercase());
            }
        }
        let pack = words.windows(3).find(|three| three.starts_with(&["service", "pack"]));
        if let Some([.., number]) = pack {
            self.release = Some(format!("SP{}", number.to_uppercase()));
        }
        if self.release.is_none() && after("with") == Some("update") {
            self.release = Some("with Update".to_owned());
        }
        for channel in ["ltsc", "ltsb"] {
            if words.contains(&channel) {
                let year = words.iter().find(|word| is_year(word));
                let year = year.map(|year| format!(" {year}")).unwrap_or_default();
                self.release = Some(format!("{}{year}", channel.to_uppercase()));
            }
        }
    }

    /// `8.0u3e`, `24677879`
    fn esxi(&mut self, words: &[&str]) {
        let release = words.iter().find_map(|word| {
            let (line, update) = word.split_once('u').unwrap_or((word, ""));
            (Version::parse(line)?.parts().len() >= 2).then_some((line, update))
        });
        let build = words.iter().find_map(|word| word.parse::<u32>().ok().filter(|build| *build >= 100_000));
        let Some((line, update)) = release else { return };
        let spaced = if update.is_empty() { String::new() } else { format!(" Update {update}") };
        self.release = Some(format!("{line}{spaced}"));
        let number = update.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse().unwrap_or(0);
        let parts = Version::parse(line).map(|line| line.parts().to_vec()).unwrap_or_default();
        self.build = build
            .and_then(|build| Version::new(parts.iter().copied().chain([number]).take(3).chain([build])));
    }

    fn side(&mut self, words: &[&str]) {
        let begins = |prefix: &str| words.iter().any(|word| word.starts_with(prefix));
        if self.build.is_some() && self.product.is_none() {
            self.side = if begins("server") {
                Some("server")
            } else if begins("client") {
                Some("client")
            } else {
                None
            };
        }
    }
}

/// `24h2`, `20h2.13`, `1809`, `2108.3`: years of two digits with a half or a month. A year that names a server is none.
fn windows_release(word: &str, product: &str) -> Option<(String, Option<u32>)> {
    if !product.starts_with("Windows") || product.ends_with(word) {
        return None;
    }
    let (token, refresh) = match word.split_once('.') {
        Some((token, refresh)) => (token, Some(refresh.parse().ok()?)),
        None => (word, None),
    };
    let year: u32 = token.get(..2)?.parse().ok()?;
    let is_half = token.len() == 4 && (token.ends_with("h1") || token.ends_with("h2"));
    let month: Option<u32> = token.get(2..4).and_then(|month| month.parse().ok());
    // `1809oct`: the month in words behind it.
    let behind = token.get(4..).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let is_month = month.is_some_and(|month| (1..=12).contains(&month)) && behind;
    let known = (15..=26).contains(&year) && (is_half || is_month) && !(is_year(word) && word != "2004");
    known.then(|| (token.get(..4).unwrap_or(token).to_uppercase(), refresh))
}

/// The year of a product.
fn is_year(word: &str) -> bool {
    word.len() == 4 && word.parse::<u32>().is_ok_and(|year| (2000..=2030).contains(&year))
}

/// `en-us`, `zh-hant-tw`
fn is_tag(word: &str) -> bool {
    let lengths: Vec<usize> = word.split('-').map(str::len).collect();
    matches!(lengths.as_slice(), [2, 2] | [2, 4, 2])
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// `en-us` as `en-US`
fn cased(tag: &str) -> String {
    let parts = tag.split('-').enumerate().map(|(at, part)| match (at, part.len()) {
        (1.., 2) => part.to_uppercase(),
        (1.., 4) => {
            let mut letters = part.chars();
            letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
        }
        _ => part.to_owned(),
    });
    parts.collect::<Vec<String>>().join("-")
}

/// The words of a name. What belongs together stays together: `en-us`, `x22-92628`, `x86_64`, `20h2.13`.
fn split(stem: &str) -> Vec<String> {
    let stem = stem
        .replace("x86_64", "amd64")
        .replace("64-bit", "64bit")
        .replace("32-bit", "32bit")
        .replace("hyper-v", "hyperv");
    let mut words = Vec::new();
    for piece in stem.split(['_', ' ', '(', ')', '+', ',', '[', ']']).filter(|piece| !piece.is_empty()) {
        let series =
            piece.strip_prefix('x').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if is_tag(piece) || (series && piece.contains('-')) {
            words.push(piece.to_owned());
            continue;
        }
        // `en-us-hrm`: a language, and the label that follows it.
        let (tag, rest) = match piece.split_at_checked(5) {
            Some((tag, rest)) if is_tag(tag) && rest.starts_with('-') => (Some(tag), rest),
            _ => (None, piece),
        };
        words.extend(tag.map(str::to_owned));
        for part in rest.split('-').filter(|part| !part.is_empty()) {
            match part.strip_suffix(".amd64") {
                Some(part) => words.extend([part.to_owned(), "amd64".to_owned()]),
                None => compound(part, &mut words),
            }
        }
    }
    words
}

/// `win11` is two words, and so are `sqlserver2019` and `cliententerpriseeval`.
fn compound(part: &str, words: &mut Vec<String>) {
    const HEADS: [&str; 10] = [
        "exchangeserver",
        "exchange",
        "sharepoint",
        "sqlserver",
        "windows",
        "server",
        "office",
        "winxp",
        "win",
        "sql",
    ];
    for side in ["client", "server"] {
        if let Some(rest) =
            part.strip_prefix(side).filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
        {
            words.push(side.to_owned());
            let (edition, eval) = rest.strip_suffix("eval").map_or((rest, false), |edition| (edition, true));
            words.push(edition.to_owned());
            words.extend(eval.then(|| "eval".to_owned()));
            return;
        }
    }
    for head in HEADS {
        if let Some(rest) =
            part.strip_prefix(head).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        {
            words.push(head.to_owned());
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, behind) = rest.split_at_checked(digits).unwrap_or((rest, ""));
            words.push(number.to_owned());
            if !behind.is_empty() {
                words.push(behind.to_owned());
            }
            return;
        }
    }
    words.push(part.to_owned());
}

/// The product that the words name.
fn product(words: &[&str]) -> Option<String> {
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(word));
    let year = words.iter().find(|word| is_year(word)).copied();
    let r2 = if has(&["r2"]) { " R2" } else { "" };
    let of_year = |name: &str| year.map(|year| format!("{name} {year}"));
    if has(&["exchange", "exchangeserver"]) {
        return match year {
            Some("2000") => Some("Exchange 2000 Server".to_owned()),
            None if has(&["se"]) => Some("Exchange Server SE".to_owned()),
            _ => of_year("Exchange Server"),
        };
    }
    if has(&["sql", "sqlserver"]) {
        return of_year("SQL Server").map(|name| name + r2);
    }
    if has(&["sharepoint"]) {
        let subscription =
            has(&["subscription", "se"]).then(|| "SharePoint Server Subscription Edition".to_owned());
        return subscription.or_else(|| of_year("SharePoint Server"));
    }
    if has(&["studio", "vs"]) && has(&["visual", "vs"]) {
        return of_year("Visual Studio");
    }
    if has(&["office"]) {
        return match year {
            Some(year @ ("2021" | "2024")) => Some(format!("Office {year} / LTSC {year}")),
            _ => of_year("Office"),
        };
    }
    let plain = [
        ("ubuntu", "Ubuntu"),
        ("debian", "Debian"),
        ("fedora", "Fedora Linux"),
        ("rhel", "Red Hat Enterprise Linux"),
        ("vmvisor", "VMware ESXi"),
        ("esxi", "VMware ESXi"),
    ];
    if let Some((_, name)) = plain.iter().find(|(word, _)| has(&[word])) {
        return Some((*name).to_owned());
    }
    windows(words, r2)
}

fn windows(words: &[&str], r2: &str) -> Option<String> {
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(word));
    if has(&["winxp"]) || (has(&["xp"]) && has(&["win", "windows"])) {
        let x64 = has(&["x64", "amd64"]);
        return Some(if x64 { "Windows XP Professional x64" } else { "Windows XP" }.to_owned());
    }
    let at = words.iter().position(|word| matches!(*word, "win" | "windows" | "hyperv"))?;
    let behind = words.get(at..)?;
    if has(&["server", "srv", "svr"]) {
        let years = ["2003", "2008", "2012", "2016", "2019", "2022", "2025"];
        let year = behind.iter().find(|word| years.contains(word));
        return Some(
            year.map_or_else(|| "Windows Server".to_owned(), |year| format!("Windows Server {year}{r2}")),
        );
    }
    let versions = ["7", "8", "8.1", "10", "11", "vista", "2000"];
    let named = behind.iter().position(|word| versions.contains(word));
    let next = named.and_then(|at| behind.get(at + 1)).copied();
    match named.and_then(|at| behind.get(at)).copied() {
        Some("8") if next == Some("1") => Some("Windows 8.1".to_owned()),
        Some("vista") => Some("Windows Vista".to_owned()),
        Some(version) => Some(format!("Windows {version}")),
        // `WIN_ENT_LTSC_2019`: long-term releases are called by their year.
        None if has(&["ltsc", "ltsb"]) => {
            let version = if has(&["2024"]) { "11" } else { "10" };
            Some(format!("Windows {version}"))
        }
        None => None,
    }
}

#[cfg(test)]
mod tests;
