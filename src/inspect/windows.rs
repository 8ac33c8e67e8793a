//! Windows install media: the images in `sources`, as editions and layers.

use crate::container::{Container, Entry, EntryId, EntryKind};
use crate::formats::wim::{self, Image};
use crate::limits::Limits;
use crate::report::{self, Edition};
use crate::source::SharedSource;

/// Where setup looks, on media for one processor and for two.
const SOURCES: [&str; 3] = ["sources/", "x64/sources/", "x86/sources/"];
/// What it looks for there.
const INSTALL: [&str; 3] = ["install.wim", "install.esd", "install.swm"];

/// What was found.
#[derive(Default)]
pub(super) struct Windows {
    /// The editions, in the order of the images.
    pub(super) editions: Vec<Edition>,
    /// A layer for each nested image file.
    pub(super) layers: Vec<report::Layer>,
    /// Values for the volume: the build of `boot.wim`.
    pub(super) named: Vec<(&'static str, String)>,
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
        }
        if !path.is_empty() {
            self.layers.push(layer(path.to_owned(), summary.detail));
        }
    }
}

fn layer(path: String, detail: String) -> report::Layer {
    report::Layer { path, format: "wim".to_owned(), detail, label: None, entries: None, used: false }
}
