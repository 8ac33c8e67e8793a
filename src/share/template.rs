//! Where in a share a medium goes: `{vendor}/{product}/{release} ({build})/{platform}[/{language}]`.
//!
//! What is in `[…]` is left out where a field in it is not known; elsewhere the field alone is, with the parentheses
//! and blanks around it. What comes out is a path that Windows and Linux both hold.

use super::manifest::{OWN, Product};
use crate::container::EntryPath;
use crate::error::{Error, Result};
use crate::path::{LocalPaths, Names};

/// What a share has where nothing else was asked for.
pub const DEFAULT: &str = "{vendor}/{product}/{release} ({build})/{platform}[/{language}]";

/// Where media go that nothing knows.
const UNIDENTIFIED: &str = "Unidentified";

/// Folders on the way.
const MOST_FOLDERS: usize = 12;
/// Letters of a template.
const MOST_LETTERS: usize = 500;

/// A template that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field),
    Optional(Vec<Piece>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Vendor,
    Product,
    Release,
    Build,
    Platform,
    Language,
    Edition,
    Channel,
    Label,
    Stem,
}

impl Field {
    const ALL: [(&'static str, Self); 10] = [
        ("vendor", Self::Vendor),
        ("product", Self::Product),
        ("release", Self::Release),
        ("build", Self::Build),
        ("platform", Self::Platform),
        ("language", Self::Language),
        ("edition", Self::Edition),
        ("channel", Self::Channel),
        ("label", Self::Label),
        ("stem", Self::Stem),
    ];

    /// The field's value; empty where it is not known, or where there are several.
    fn of(self, product: &Product, stem: &str) -> String {
        let only = |all: &[String]| if let [one] = all { one.clone() } else { String::new() };
        match self {
            Self::Vendor => product.vendor.clone(),
            Self::Product => product.name.clone(),
            Self::Release => product.release.clone(),
            Self::Build => product.build.clone(),
            Self::Platform => product.platform.clone(),
            Self::Language => only(&product.languages),
            Self::Edition => only(&product.editions),
            Self::Channel => product.channel.clone(),
            Self::Label => product.label.clone(),
            Self::Stem => stem.to_owned(),
        }
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// `Usage` where a field is not known, a bracket is not closed, or it leads elsewhere.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |what: &str| Error::usage(format!("template \"{text}\": {what}"));
        if text.len() > MOST_LETTERS || text.chars().any(char::is_control) {
            return Err(bad("it is too long, or has control characters"));
        }
        if text.starts_with('/') || text.contains(['\\', ':']) || text.split('/').any(|part| part == "..") {
            return Err(bad("folders below the share, with / between them, are wanted"));
        }
        let mut outer = Vec::new();
        let mut inner: Option<Vec<Piece>> = None;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let is_inner = inner.is_some();
            let now = inner.as_mut().unwrap_or(&mut outer);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            match c {
                '{' => {
                    let (name, after) = rest.split_once('}').ok_or_else(|| bad("a { is not closed"))?;
                    let known = Field::ALL.iter().find(|(word, _)| *word == name);
                    let (_, field) = known.ok_or_else(|| {
                        let all: Vec<&str> = Field::ALL.iter().map(|(word, _)| *word).collect();
                        bad(&format!("{{{name}}} is no field; there are {}", all.join(", ")))
                    })?;
                    now.push(Piece::Field(*field));
                    rest = after;
                }
                '[' if !is_inner => inner = Some(Vec::new()),
                ']' => {
                    let done = inner.take().ok_or_else(|| bad("a ] was not opened"))?;
                    outer.push(Piece::Optional(done));
                }
                '[' | '}' => return Err(bad("a bracket is where none can be")),
                c => match now.last_mut() {
                    Some(Piece::Text(text)) => text.push(c),
                    _ => now.push(Piece::Text(c.to_string())),
                },
            }
        }
        if inner.is_some() {
            return Err(bad("a [ is not closed"));
        }
        if !outer.iter().any(|piece| matches!(piece, Piece::Field(_))) {
            return Err(bad("a field outside [ ] is wanted, or every medium would go to one folder"));
        }
        Ok(Self(outer))
    }

    /// The folder of a product whose source is called `stem`, without its extension.
    #[must_use]
    pub fn folder(&self, product: &Product, stem: &str) -> String {
        let mut text = String::new();
        if !product.name.is_empty() {
            render(&self.0, product, stem, &mut text);
        }
        let folder = legal(&text);
        if folder.is_empty() { legal(&format!("{UNIDENTIFIED}/{}", value(stem))) } else { folder }
    }
}

fn render(pieces: &[Piece], product: &Product, stem: &str, out: &mut String) {
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Field(field) => out.push_str(&value(&field.of(product, stem))),
            Piece::Optional(inner) => {
                let known = |piece: &Piece| match piece {
                    Piece::Field(field) => !field.of(product, stem).is_empty(),
                    _ => true,
                };
                if inner.iter().all(known) {
                    render(inner, product, stem, out);
                }
            }
        }
    }
}

/// A value is within one folder's name.
fn value(text: &str) -> String {
    text.trim().replace(['/', '\\'], "-")
}

/// A folder that every system holds: no empty names, no empty parentheses.
pub(super) fn legal(text: &str) -> String {
    let parts: Vec<String> =
        text.split('/').map(tidy).filter(|part| !part.is_empty()).take(MOST_FOLDERS).collect();
    if parts.is_empty() {
        return String::new();
    }
    let mut paths = LocalPaths::new(Names::Portable);
    paths.file(&EntryPath::new(parts.join("/"))).path.to_string_lossy().replace('\\', "/")
}

/// One folder's name without what a missing field leaves behind.
fn tidy(part: &str) -> String {
    let mut part = part.to_owned();
    for empty in ["()", "( )", "{}"] {
        part = part.replace(empty, "");
    }
    let words: Vec<&str> = part.split_whitespace().collect();
    let mut part = words.join(" ");
    // Blanks and dots at its end are dropped by Windows, and a lone dot leads nowhere.
    loop {
        let trimmed = part.trim_matches(' ').trim_end_matches(['.', ' ']).trim_matches(['-', '_', ',', ' ']);
        if trimmed.len() == part.len() {
            break;
        }
        part = trimmed.to_owned();
    }
    let inner = part.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    if let Some(inner) = inner.filter(|inner| !inner.contains(['(', ')'])) {
        part = inner.to_owned();
    }
    if matches!(part.as_str(), "." | "..") {
        return String::new();
    }
    if part.eq_ignore_ascii_case(OWN) { part.trim_start_matches('.').to_owned() } else { part }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::is_inside;
    use super::*;
    use proptest::prelude::*;

    fn exchange() -> Product {
        Product {
            name: "Exchange Server 2007".to_owned(),
            vendor: "Microsoft".to_owned(),
            release: "RTM".to_owned(),
            build: "8.0.685.25".to_owned(),
            platform: "x64".to_owned(),
            languages: vec!["en-US".to_owned()],
            ..Product::default()
        }
    }

    fn folder(template: &str, product: &Product) -> String {
        Template::parse(template).unwrap().folder(product, "E2K7")
    }

    #[test]
    fn a_known_medium_goes_where_the_template_says() {
        let whole = exchange();
        assert_eq!(folder(DEFAULT, &whole), "Microsoft/Exchange Server 2007/RTM (8.0.685.25)/x64/en-US");
        let several = Product { languages: vec!["en-US".into(), "de-DE".into()], ..exchange() };
        assert_eq!(folder(DEFAULT, &several), "Microsoft/Exchange Server 2007/RTM (8.0.685.25)/x64");
    }

    #[test]
    fn fields_that_are_not_known_leave_nothing_behind() {
        let none = String::new();
        let no_build = Product { build: none.clone(), ..exchange() };
        assert_eq!(folder(DEFAULT, &no_build), "Microsoft/Exchange Server 2007/RTM/x64/en-US");
        let no_release = Product { release: none.clone(), ..exchange() };
        assert_eq!(folder(DEFAULT, &no_release), "Microsoft/Exchange Server 2007/8.0.685.25/x64/en-US");
        let bare = Product { name: "Thing".into(), ..Product::default() };
        assert_eq!(folder(DEFAULT, &bare), "Thing");
        assert_eq!(folder(DEFAULT, &Product::default()), "Unidentified/E2K7");
        assert_eq!(folder("{product}-{channel}", &exchange()), "Exchange Server 2007");
    }

    #[test]
    fn names_are_legal_everywhere_and_stay_below_the_share() {
        let strange = Product {
            name: "a/..\\b: <c>|\"d\"?*".into(),
            vendor: "..".into(),
            release: "2004/20H2 (files cannot tell)".into(),
            build: "CON".into(),
            platform: ".discless".into(),
            ..Product::default()
        };
        let found = folder("{vendor}/{product}/{release}/{build}/{platform}", &strange);
        assert!(is_inside(&found), "{found}");
        assert!(found.contains("2004-20H2 (files cannot tell)") && !found.contains("/CON/"), "{found}");
    }

    #[test]
    fn a_template_that_makes_no_sense_is_refused() {
        for bad in [
            "x",
            "{nonsense}",
            "{product",
            "[{product}",
            "{product}]",
            "../{product}",
            "/{product}",
            "C:{product}",
            "[{product}]",
        ] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_folder_is_inside(name in "\\PC{1,40}", release in "\\PC{0,40}", stem in "\\PC{0,20}") {
            let product = Product { name, release, ..exchange() };
            let found = Template::parse(DEFAULT).unwrap().folder(&product, &stem);
            prop_assert!(is_inside(&found), "{}", found);
            let none = Template::parse(DEFAULT).unwrap().folder(&Product::default(), &stem);
            prop_assert!(is_inside(&none), "{}", none);
        }
    }
}
