//! What a ZIP archive is by another name, and what it says of itself in its manifest.

use super::Zip;
use crate::container::{Container, EntryId, EntryKind};
use std::collections::HashMap;
use std::io::Read;

/// Bytes of a manifest that is read.
const MANIFEST: u64 = 4 << 20;

/// What was recognised.
#[derive(Default)]
pub(super) struct Package {
    pub(super) kind: Option<&'static str>,
    pub(super) label: Option<String>,
    pub(super) facts: Vec<(&'static str, String)>,
    /// Names are percent-encoded (Open Packaging Conventions): they are shown as they will be installed.
    pub(super) encoded: bool,
}

impl Package {
    fn of(kind: &'static str) -> Self {
        Self { kind: Some(kind), ..Self::default() }
    }

    fn fact(&mut self, name: &'static str, value: Option<&str>) {
        let value = value.map(str::trim).filter(|value| !value.is_empty() && value.len() < 1024);
        if let Some(value) = value
            && !self.facts.iter().any(|(known, _)| *known == name)
        {
            self.facts.push((name, value.to_owned()));
        }
    }
}

/// Names the package, if it is one.
pub(super) fn name(zip: &Zip) -> Package {
    let files = zip.entries().iter().enumerate().filter(|(_, entry)| entry.kind == EntryKind::File);
    let mut by_name: HashMap<&str, EntryId> = HashMap::new();
    let mut nuspec = None;
    let mut wheel = None;
    let mut roots: Vec<&str> = Vec::new();
    for (i, entry) in files {
        let path = entry.path.text();
        let interesting =
            !path.contains('/') || path.starts_with("META-INF/") || path.starts_with("AppxMetadata/");
        if interesting && by_name.len() < 100_000 {
            by_name.entry(path).or_insert(EntryId(i));
        }
        if !path.contains('/') && path.to_ascii_lowercase().ends_with(".nuspec") {
            nuspec = nuspec.or(Some(EntryId(i)));
        }
        if path.ends_with(".dist-info/METADATA") && path.matches('/').count() == 1 {
            wheel = wheel.or(Some(EntryId(i)));
        }
        for root in ["word/", "xl/", "ppt/", "visio/"] {
            if path.starts_with(root) && !roots.contains(&root) {
                roots.push(root);
            }
        }
    }
    let find = |name: &str| by_name.get(name).copied();
    let has = |name: &str| by_name.contains_key(name);
    if let Some(id) = find("AppxMetadata/AppxBundleManifest.xml") {
        return text(zip, id).map_or_else(|| Package::of("MSIX bundle"), |text| bundle(&text));
    }
    if let Some(id) =
        find("AppxManifest.xml").filter(|_| has("[Content_Types].xml") || has("AppxBlockMap.xml"))
    {
        return text(zip, id).map_or_else(|| Package::of("MSIX package"), |text| msix(&text));
    }
    if let Some(id) = find("extension.vsixmanifest") {
        return text(zip, id).map_or_else(|| Package::of("VSIX package"), |text| vsix(&text));
    }
    if let Some(id) = nuspec {
        return text(zip, id).map_or_else(|| Package::of("NuGet package"), |text| nuget(&text));
    }
    if let Some(id) = wheel {
        let mut package = Package::of("Python wheel");
        let text = text(zip, id).unwrap_or_default();
        package.fact("product", header(&text, "Name").as_deref());
        package.fact("version", header(&text, "Version").as_deref());
        package.fact("manufacturer", header(&text, "Author").as_deref());
        return package;
    }
    if has("AndroidManifest.xml") {
        return Package::of("Android package");
    }
    if has("[Content_Types].xml") {
        let kind = match roots.first() {
            Some(&"word/") => "Office Open XML document",
            Some(&"xl/") => "Office Open XML workbook",
            Some(&"ppt/") => "Office Open XML presentation",
            Some(_) => "Visio drawing",
            None => "Open Packaging Conventions package",
        };
        return Package::of(kind);
    }
    if let Some(id) = find("META-INF/MANIFEST.MF") {
        return jar(&text(zip, id).unwrap_or_default());
    }
    if has("META-INF/mozilla.rsa")
        || has("install.rdf")
        || (has("manifest.json") && has("META-INF/manifest.mf"))
    {
        return Package::of("Firefox extension");
    }
    if has("mimetype") {
        return Package::of("OpenDocument or EPUB file");
    }
    Package::default()
}

/// A manifest as text, where it can be read and is not too large.
fn text(zip: &Zip, id: EntryId) -> Option<String> {
    let entry = zip.entry(id).ok().filter(|entry| entry.bytes <= MANIFEST)?;
    let mut bytes = Vec::new();
    zip.open(id).ok()?.take(entry.bytes.min(MANIFEST)).read_to_end(&mut bytes).ok()?;
    Some(match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => crate::text::utf16_le(rest).0,
        [0xfe, 0xff, rest @ ..] => crate::text::utf16_be(rest).0,
        [0xef, 0xbb, 0xbf, rest @ ..] => crate::text::utf8_or_latin1(rest),
        all => crate::text::utf8_or_latin1(all),
    })
}

/// The first element of that name, whatever its namespace.
fn element<'a>(document: &'a roxmltree::Document<'_>, name: &str) -> Option<roxmltree::Node<'a, 'a>> {
    document.descendants().find(|node| node.is_element() && node.tag_name().name() == name)
}

/// The text of the first element of that name.
fn words<'a>(document: &'a roxmltree::Document<'_>, name: &str) -> Option<&'a str> {
    element(document, name).and_then(|node| node.text())
}

/// Names in a manifest that lead to a resource say nothing to people.
fn plain(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim_start().starts_with("ms-resource:") && !text.trim_start().starts_with('$'))
}

fn msix(text: &str) -> Package {
    let mut package = Package::of("MSIX package");
    package.encoded = true;
    let Ok(document) = roxmltree::Document::parse(text) else { return package };
    package.fact("product", plain(words(&document, "DisplayName")));
    package.fact("manufacturer", plain(words(&document, "PublisherDisplayName")));
    if let Some(identity) = element(&document, "Identity") {
        package.label = identity.attribute("Name").map(str::to_owned);
        package.fact("product", identity.attribute("Name"));
        package.fact("identity", identity.attribute("Name"));
        package.fact("version", identity.attribute("Version"));
        package.fact("publisher", identity.attribute("Publisher"));
        package.fact("manufacturer", identity.attribute("Publisher"));
        // Left out, it is neutral.
        package.fact("platform", identity.attribute("ProcessorArchitecture").or(Some("neutral")));
    }
    let languages = document.descendants().filter(|node| node.tag_name().name() == "Resource");
    let languages: Vec<&str> = languages.filter_map(|node| node.attribute("Language")).take(100).collect();
    package.fact("languages", Some(&languages.join(",")));
    package
}

fn bundle(text: &str) -> Package {
    let mut package = Package::of("MSIX bundle");
    package.encoded = true;
    let Ok(document) = roxmltree::Document::parse(text) else { return package };
    if let Some(identity) = element(&document, "Identity") {
        package.label = identity.attribute("Name").map(str::to_owned);
        package.fact("product", identity.attribute("Name"));
        package.fact("version", identity.attribute("Version"));
        package.fact("publisher", identity.attribute("Publisher"));
        package.fact("manufacturer", identity.attribute("Publisher"));
    }
    let mut platforms: Vec<&str> = Vec::new();
    for node in document.descendants().filter(|node| node.tag_name().name() == "Package") {
        if node.attribute("Type") == Some("application")
            && let Some(platform) = node.attribute("Architecture")
            && !platforms.contains(&platform)
            && platforms.len() < 16
        {
            platforms.push(platform);
        }
    }
    package.fact("platform", Some(&platforms.join(",")));
    package
}

fn vsix(text: &str) -> Package {
    let mut package = Package::of("VSIX package");
    package.encoded = true;
    let Ok(document) = roxmltree::Document::parse(text) else { return package };
    package.fact("product", words(&document, "DisplayName"));
    if let Some(identity) = element(&document, "Identity") {
        package.label = identity.attribute("Id").map(str::to_owned);
        package.fact("product", identity.attribute("Id"));
        package.fact("version", identity.attribute("Version"));
        package.fact("manufacturer", identity.attribute("Publisher"));
        let platform = identity.attribute("TargetPlatform").and_then(|target| target.rsplit('-').next());
        package.fact("platform", platform.filter(|name| ["x64", "arm64", "x86"].contains(name)));
    }
    // The schema of 2010.
    package.fact("product", words(&document, "Name"));
    package.fact("version", words(&document, "Version"));
    package.fact("manufacturer", words(&document, "Author"));
    package
}

fn nuget(text: &str) -> Package {
    let mut package = Package::of("NuGet package");
    package.encoded = true;
    let Ok(document) = roxmltree::Document::parse(text) else { return package };
    package.label = words(&document, "id").map(str::to_owned);
    package.fact("product", words(&document, "title").or_else(|| words(&document, "id")));
    package.fact("version", words(&document, "version"));
    package.fact("manufacturer", words(&document, "authors"));
    package
}

fn jar(text: &str) -> Package {
    let mut package = Package::of("Java archive");
    for (fact, names) in [
        ("product", ["Implementation-Title", "Bundle-Name"]),
        ("version", ["Implementation-Version", "Bundle-Version"]),
        ("manufacturer", ["Implementation-Vendor", "Bundle-Vendor"]),
    ] {
        package.fact(fact, names.into_iter().find_map(|name| header(text, name)).as_deref());
    }
    package
}

/// The value of the first line `name: value`, with the lines that continue it. The first empty line ends the headers: what
/// follows is about single members ("JAR File Specification", main section), or text (core metadata of Python).
fn header(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines().take_while(|line| !line.is_empty());
    let of_that_name = |line: &str| {
        line.split_once(':')
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    let value = lines.find_map(of_that_name)?;
    Some(lines.map_while(|line| line.strip_prefix(' ')).fold(value, |value, more| value + more))
}

/// A percent-encoded name as it was. `None` where it has no such encoding, or decodes to what is no name.
pub(super) fn decoded(name: &str) -> Option<String> {
    if !name.contains('%') {
        return None;
    }
    let mut out = Vec::with_capacity(name.len());
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let (high, low) = (char::from(bytes.next()?).to_digit(16)?, char::from(bytes.next()?).to_digit(16)?);
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    // A separator that was encoded was none.
    String::from_utf8(out).ok().filter(|text| text.matches('/').count() == name.matches('/').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact<'a>(package: &'a Package, name: &str) -> Option<&'a str> {
        package.facts.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn an_msix_manifest_says_what_it_is() {
        let package = msix(
            "<?xml version='1.0'?><Package xmlns='http://schemas.microsoft.com/appx/manifest/foundation/windows10'>\
             <Identity Name='A.B' Version='1.2.3.4' Publisher='CN=X' ProcessorArchitecture='arm64'/>\
             <Properties><DisplayName>ms-resource:n</DisplayName><PublisherDisplayName>Xer</PublisherDisplayName>\
             </Properties><Resources><Resource Language='en-us'/></Resources></Package>",
        );
        assert_eq!(fact(&package, "product"), Some("A.B"));
        assert_eq!(fact(&package, "version"), Some("1.2.3.4"));
        assert_eq!(fact(&package, "platform"), Some("arm64"));
        assert_eq!(fact(&package, "manufacturer"), Some("Xer"));
        assert_eq!(fact(&package, "languages"), Some("en-us"));
        assert!(msix("<no").facts.is_empty());
    }

    #[test]
    fn encoded_names_come_back_and_never_gain_a_separator() {
        assert_eq!(decoded("a%20b%C3%BC/c").as_deref(), Some("a bü/c"));
        assert_eq!(decoded("a%2Fb"), None);
        assert_eq!(decoded("100%"), None);
        assert_eq!(decoded("plain"), None);
    }
}
