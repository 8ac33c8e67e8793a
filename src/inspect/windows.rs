//! Windows install media: what the images in `sources` say of themselves, the channel that setup is told, and
//! whether a product key lies on the medium. No key is ever shown.

use super::package::Package;
use crate::container::{Container, Entry, EntryId, EntryKind};
use crate::formats::wim::{self, Image};
use crate::limits::Limits;
use crate::report::{self, Edition};
use crate::source::{SharedSource, read_up_to};

/// Where setup looks, on media for one processor and for two.
const SOURCES: [&str; 3] = ["sources/", "x64/sources/", "x86/sources/"];
/// What it looks for there.
const INSTALL: [&str; 3] = ["install.wim", "install.esd", "install.swm"];
/// Bytes of a text file of setup that are read.
const TEXT: usize = 64 << 10;

/// What was found.
#[derive(Default)]
pub(super) struct Windows {
    /// The editions, in the order of the images.
    pub(super) editions: Vec<Edition>,
    /// What each image file says, as a package of its own.
    pub(super) packages: Vec<Package>,
    /// A layer for each nested image file.
    pub(super) layers: Vec<report::Layer>,
    /// `Retail`, `OEM`, `Volume`, as `ei.cfg` has it.
    pub(super) channel: Option<String>,
    /// The platform of all editions, and which file says so.
    pub(super) platforms: Vec<(String, String)>,
    /// Values for the volume: the build of `boot.wim`.
    pub(super) named: Vec<(&'static str, String)>,
    /// Things worth knowing.
    pub(super) advice: Vec<report::Advice>,
}

/// Looks at a WIM file, or at a medium that has some in its `sources`.
pub(super) fn windows(container: &dyn Container, limits: &Limits) -> Windows {
    let mut out = Windows::default();
    match container.format() {
        "wim" => out.add("", container.source()),
        "iso9660" | "udf" | "directory" => {
            for sources in SOURCES {
                out.look(container, sources, limits);
            }
        }
        _ => {}
    }
    out
}

/// The file of that path, whatever its capitals.
fn find(container: &dyn Container, path: &str) -> Option<(EntryId, String)> {
    let is = |entry: &Entry| entry.kind == EntryKind::File && entry.path.text().eq_ignore_ascii_case(path);
    let at = container.entries().iter().position(is)?;
    Some((EntryId(at), container.entries().get(at)?.path.text().to_owned()))
}

impl Windows {
    fn look(&mut self, container: &dyn Container, sources: &str, limits: &Limits) {
        let source = |name: &str| {
            let (id, path) = find(container, &format!("{sources}{name}"))?;
            Some((path, container.sub_source(id, limits).ok()?))
        };
        if let Some((path, install)) = INSTALL.iter().find_map(|name| source(name)) {
            self.add(&path, &install);
        }
        if let Some((path, boot)) = source("boot.wim")
            && let Ok(summary) = wim::summary(&boot)
        {
            // The last image is the one that setup runs in.
            if let Some(build) = summary.images.last().and_then(Image::build) {
                self.named.push(("boot build", build));
            }
            self.layers.push(layer(path, summary.detail));
        }
        let text = |name: &str| source(name).and_then(|(_, source)| read_up_to(&*source, 0, TEXT).ok());
        if let (None, Some(config)) = (&self.channel, text("ei.cfg")) {
            self.channel = channel(&config);
        }
        if text("pid.txt").is_some_and(|text| has_key(&text)) {
            self.advice.push(report::Advice {
                id: "product-key".to_owned(),
                severity: "note".to_owned(),
                note: format!("{sources}pid.txt holds a product key; it is not shown"),
            });
        }
    }

    /// Adds what a WIM file says; an empty path is the medium itself.
    fn add(&mut self, path: &str, source: &SharedSource) {
        let Ok(summary) = wim::summary(source) else { return };
        for image in &summary.images {
            self.editions.push(Edition {
                index: image.index,
                name: image.title().unwrap_or_default().to_owned(),
                id: image.edition_id.clone().unwrap_or_default(),
                installation: image.installation().unwrap_or_default().to_owned(),
                platform: image.platform().unwrap_or("unknown").to_owned(),
                build: image.build().unwrap_or_default(),
                bytes: image.bytes.unwrap_or(0),
            });
            let place = if path.is_empty() { "the wim itself" } else { path };
            if let Some(platform) = image.platform() {
                self.platforms.push((platform.to_owned(), place.to_owned()));
            }
        }
        if !path.is_empty() {
            self.packages.push(Package::said(path, "wim", summary.named));
            self.layers.push(layer(path.to_owned(), summary.detail));
        }
    }

    /// What the images declare outweighs what programs on the medium are for.
    pub(super) fn weigh(&self, platform: &mut report::Platform) {
        let Some((first, place)) = self.platforms.first() else { return };
        let agree = self.platforms.iter().all(|(other, _)| other == first);
        let value = if agree { first.as_str() } else { "mixed" };
        let counted = platform.counts.get(first).copied().unwrap_or(0);
        platform.state = if agree && counted > 0 { "confirmed" } else { "single" }.to_owned();
        let because = match agree {
            true => format!("the images in {place} are for {first}"),
            false => "the images are for different processors".to_owned(),
        };
        if platform.value != value {
            value.clone_into(&mut platform.value);
        }
        platform.because.insert(0, because);
    }
}

fn layer(path: String, detail: String) -> report::Layer {
    report::Layer { path, format: "wim".to_owned(), detail, label: None, entries: None, used: false }
}

/// The value in the section `[Channel]`.
fn channel(config: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(config);
    let mut lines = text.lines().map(str::trim).skip_while(|line| !line.eq_ignore_ascii_case("[channel]"));
    let value = lines.nth(1).filter(|value| !value.is_empty() && !value.starts_with('['))?;
    (value.len() <= 64).then(|| value.to_owned())
}

/// True where five groups of five letters or digits stand together.
fn has_key(text: &[u8]) -> bool {
    let is_key = |window: &[u8]| {
        window.iter().enumerate().all(|(at, byte)| match at % 6 {
            5 => *byte == b'-',
            _ => byte.is_ascii_alphanumeric(),
        })
    };
    text.windows(29).any(is_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_channel_is_the_line_behind_its_section() {
        let config = b"[EditionID]\r\n\r\n[Channel]\r\nRetail\r\n[VL]\r\n0\r\n";
        assert_eq!(channel(config).as_deref(), Some("Retail"));
        assert_eq!(channel(b"[Channel]\r\n[VL]\r\n"), None);
        assert_eq!(channel(b""), None);
    }

    #[test]
    fn a_key_is_known_by_its_groups() {
        assert!(has_key(b"[PID]\r\nValue=AAAAA-BBBBB-CCCCC-DDDDD-EEEEE\r\n"));
        assert!(!has_key(b"[PID]\r\nValue=AAAAA-BBBBB-CCCCC-DDDDD\r\n"));
    }
}
