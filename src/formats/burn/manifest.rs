//! The manifest of a bundle: XML, in the namespace of WiX 3 or of WiX 4 and later. Names alone are looked at,
//! namespaces are not.
//!
//! Reference: WiX Toolset, `src/burn/engine/manifest.cpp`.

use super::Slot;
use crate::digest::{Algorithm, Value};
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::text::utf16_le;
use roxmltree::{Document, Node, ParsingOptions};

/// Elements of one manifest.
const NODES: u32 = 1 << 21;

/// What a manifest says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Product, version and the like.
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) containers: Vec<Boxed>,
    pub(super) payloads: Vec<Payload>,
    /// Packages of the chain.
    pub(super) packages: usize,
}

/// A `Container` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Boxed {
    pub(super) id: String,
    /// `AttachedIndex`; `None` where it is not attached.
    pub(super) attached: Option<u64>,
    pub(super) file_path: String,
}

/// A `Payload` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Payload {
    /// Of the user interface.
    pub(super) ux: bool,
    /// `FilePath`, with `/` between its parts.
    pub(super) path: String,
    /// `SourcePath`: the name in its container.
    pub(super) source: String,
    /// `Container`: the element's `Id`.
    pub(super) container: Option<String>,
    pub(super) embedded: bool,
    /// `FileSize`, where it is told.
    pub(super) bytes: Option<u64>,
    /// `Hash`: the kind follows from its length.
    pub(super) digest: Option<Value>,
    /// `DownloadUrl`.
    pub(super) url: Option<String>,
}

impl Manifest {
    /// Which part of the bundle the container of that `Id` is.
    pub(super) fn slot(&self, id: Option<&str>) -> Option<Slot> {
        let (number, container) = match id {
            Some(id) => self.containers.iter().enumerate().find(|(_, container)| container.id == id)?,
            None => self.containers.iter().enumerate().next()?,
        };
        Some(container.attached.map_or(Slot::Beside(number), Slot::Attached))
    }
}

/// Reads a manifest.
///
/// # Errors
/// `Damaged` where it is no XML, `Invalid` where it is no manifest.
pub(super) fn parse(bytes: &[u8]) -> Result<Manifest> {
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16_le(rest).0,
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    guarded("manifest of a bundle", || {
        let options = ParsingOptions { nodes_limit: NODES, ..ParsingOptions::default() };
        let document = Document::parse_with_options(&text, options)
            .map_err(|_| Error::damaged("manifest of a bundle, which is no XML"))?;
        let root = document.root_element();
        if root.tag_name().name() != "BurnManifest" {
            return Err(Error::invalid("root element of a bundle's manifest"));
        }
        Ok(read(root))
    })
}

fn read(root: Node<'_, '_>) -> Manifest {
    let mut manifest = Manifest::default();
    let name = |node: &Node<'_, '_>| node.tag_name().name().to_owned();
    let own = |node: Node<'_, '_>, key: &str| {
        node.attribute(key).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let mut facts: Vec<(&'static str, Option<String>)> = Vec::new();
    let mut add = |name: &'static str, value: Option<String>| facts.push((name, value));
    for node in root.children().filter(Node::is_element) {
        match name(&node).as_str() {
            "UX" | "BootstrapperApplication" => {
                let payloads = node.children().filter(|child| name(child) == "Payload");
                manifest.payloads.extend(payloads.filter_map(|node| payload(node, Owner::Ux)));
            }
            "Payload" => manifest.payloads.extend(payload(node, Owner::Chain)),
            "Container" => {
                let attached = own(node, "Attached").is_some_and(|value| value == "yes");
                let index = own(node, "AttachedIndex").and_then(|value| value.parse().ok());
                manifest.containers.push(Boxed {
                    id: own(node, "Id").unwrap_or_default(),
                    attached: index.or(attached.then_some(1)),
                    file_path: own(node, "FilePath").unwrap_or_default(),
                });
            }
            "RelatedBundle" if own(node, "Action").as_deref() == Some("Upgrade") => {
                add("upgrade_code", own(node, "Id").or_else(|| own(node, "Code")));
            }
            "Registration" => {
                let arp = node.children().find(|child| name(child) == "Arp");
                let of_arp = |key| arp.and_then(|arp| own(arp, key));
                add("product", of_arp("DisplayName"));
                add("version", own(node, "Version").or_else(|| of_arp("DisplayVersion")));
                add("manufacturer", of_arp("Publisher"));
                add("bundle_id", own(node, "Id").or_else(|| own(node, "Code")));
            }
            "Chain" => {
                let packages: Vec<_> = node.children().filter(Node::is_element).collect();
                let packages: Vec<_> =
                    packages.into_iter().filter(|package| name(package).ends_with("Package")).collect();
                manifest.packages = packages.len();
                let told = packages.iter().take(32).filter_map(|package| {
                    let id = own(*package, "Id")?;
                    Some(own(*package, "Version").map_or(id.clone(), |version| format!("{id} {version}")))
                });
                let told: Vec<String> = told.collect();
                add("packages", (!told.is_empty()).then(|| told.join(", ")));
                let codes: Vec<String> =
                    packages.iter().filter_map(|package| own(*package, "ProductCode")).collect();
                if let [one] = codes.as_slice() {
                    add("product_code", Some(one.clone()));
                }
            }
            _ => {}
        }
    }
    add("stub_version", own(root, "EngineVersion"));
    manifest.facts = facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    manifest
}

/// Whose payload it is.
#[derive(Clone, Copy, PartialEq)]
enum Owner {
    Ux,
    Chain,
}

fn payload(node: Node<'_, '_>, owner: Owner) -> Option<Payload> {
    let own = |key: &str| node.attribute(key).filter(|value| !value.is_empty());
    let path = own("FilePath").or_else(|| own("SourcePath"))?.replace('\\', "/");
    let digest = own("Hash").and_then(|hex| {
        let algorithm = match hex.len() {
            40 => Algorithm::Sha1,
            64 => Algorithm::Sha256,
            128 => Algorithm::Sha512,
            _ => return None,
        };
        Value::from_hex(algorithm, hex).ok()
    });
    let embedded = own("Packaging").map_or(owner == Owner::Ux || own("Container").is_some(), |value| {
        value.eq_ignore_ascii_case("embedded")
    });
    Some(Payload {
        ux: owner == Owner::Ux,
        path,
        source: own("SourcePath").unwrap_or_default().to_owned(),
        container: own("Container").map(str::to_owned),
        embedded,
        bytes: own("FileSize").and_then(|size| size.parse().ok()),
        digest,
        url: own("DownloadUrl").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sizes_digests_and_facts_come_from_the_manifest() {
        let hash = "a".repeat(40);
        let text = format!(
            "<BurnManifest xmlns='http://x'><UX><Payload Id='u' FilePath='ba.dll' SourcePath='u0' \
             Packaging='embedded'/></UX><Container Id='c' AttachedIndex='1' Attached='yes' FilePath='x.exe'/>\
             <Container Id='d' FilePath='other.cab'/>\
             <Payload FilePath='sub\\a.msi' SourcePath='a0' FileSize='7' Hash='{hash}' Packaging='embedded' \
             Container='c'/><Payload FilePath='net.exe' Packaging='external' DownloadUrl='http://y/net.exe'/>\
             <Registration Id='{{1}}' Version='1.2'><Arp DisplayName='P' Publisher='M'/></Registration>\
             <Chain><MsiPackage Id='a' Version='3' ProductCode='{{2}}'/><RollbackBoundary Id='r'/></Chain>\
             </BurnManifest>"
        );
        let manifest = parse(text.as_bytes()).unwrap();
        let facts: Vec<_> = manifest.facts.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let expected = [
            ("product", "P"),
            ("version", "1.2"),
            ("manufacturer", "M"),
            ("bundle_id", "{1}"),
            ("packages", "a 3"),
            ("product_code", "{2}"),
        ];
        assert_eq!(facts, expected);
        assert_eq!(manifest.payloads[1].path, "sub/a.msi");
        assert_eq!(manifest.payloads[1].digest.as_ref().map(Value::hex), Some(hash));
        assert_eq!(manifest.slot(Some("c")), Some(Slot::Attached(1)));
        assert_eq!(manifest.slot(Some("d")), Some(Slot::Beside(1)));
        assert!(!manifest.payloads[2].embedded);
        assert_eq!(manifest.packages, 1);
        assert!(parse(b"<BurnManifest").is_err());
        assert!(parse(b"<Other/>").is_err());
    }
}
