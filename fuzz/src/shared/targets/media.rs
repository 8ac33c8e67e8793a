//! Whole media: as they are opened, identified and shown.

use super::super::exercise::{exercise, options};
use super::super::sparse::image;
use discless::container::{Container, EntryId, EntryKind};
use discless::extract::Plan;
use discless::formats::{Tree, tar};
use discless::inspect::{Asked, Knowledge, inspect};
use discless::medium;
use discless::path::Names;
use discless::source::SharedSource;
use discless::verify::structure;
use discless::view::{Case, Nested, NodeId, Settings, View};
use std::sync::{Arc, LazyLock};

static KNOWLEDGE: LazyLock<Knowledge> =
    LazyLock::new(|| Knowledge::compiled().expect("tables that tests have read"));

/// Opens the input as people's files are opened: raw sectors, bridges, what it is instead. Then says what
/// it is, what is wrong with it, where its files would go, and what the medium is in another tree.
pub(super) fn medium(data: &[u8]) {
    let mut options = options();
    let source = image(data);
    let container: Arc<dyn Container> = match medium::open(&source, "fuzzed.iso", &options) {
        Ok(container) => Arc::from(container),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    exercise(&*container);
    let _ = inspect(&container, &Asked::about("fuzzed.iso", &KNOWLEDGE), &options);
    let _ = structure(&*container);
    let wanted: Vec<EntryId> = (0..container.entries().len()).map(EntryId).collect();
    let _ = Plan::new(&*container, &wanted, Names::Portable, &options.limits);
    for tree in Tree::ALL {
        options.tree = Some(tree);
        if let Ok(other) = medium::open(&source, "fuzzed.iso", &options) {
            assert!(!other.layers().is_empty());
        }
    }
}

/// Where rules look, for every way of reading a place.
const PLACES: [&str; 24] = [
    ".discinfo",
    ".treeinfo",
    "boot.cfg",
    "cdrom_nt.5",
    "drivers/x/driver.inf",
    "etc/os-release",
    "i386/hivesys.inf",
    "i386/prodspec.ini",
    "i386/txtsetup.sif",
    "metadata.xml",
    "README.diskdefines",
    ".disk/info",
    "setup.exe",
    "setup/serverroles/common/x.msi",
    "sources/cversion.ini",
    "sources/ei.cfg",
    "sources/idwbinfo.txt",
    "sources/install.wim",
    "sources/lang.ini",
    "System/Library/CoreServices/SystemVersion.plist",
    "setup.ini",
    "catalog.json",
    "package.xml",
    "manifest.json",
];

/// A file's head, as tar has it.
fn tar_head(name: &str, len: usize) -> [u8; 512] {
    let mut head = [0; 512];
    head[..name.len()].copy_from_slice(name.as_bytes());
    head[100..108].copy_from_slice(b"0000644\0");
    head[124..136].copy_from_slice(format!("{len:011o}\0").as_bytes());
    head[136..148].copy_from_slice(b"00000000000\0");
    head[148..156].fill(b' ');
    head[156] = b'0';
    head[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = head.iter().map(|&byte| u32::from(byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    head
}

/// Files where rules look for what a medium is: for each the number of its name, its length (u16), its bytes.
pub(super) fn identify(data: &[u8]) {
    let mut archive = Vec::new();
    let mut rest = data;
    let mut seen = [false; PLACES.len()];
    while let Some((&[name, low, high], more)) = rest.split_first_chunk::<3>() {
        let len = usize::from(u16::from_le_bytes([low, high])).min(more.len());
        let (bytes, more) = more.split_at(len);
        rest = more;
        let number = usize::from(name) % PLACES.len();
        if std::mem::replace(&mut seen[number], true) {
            continue;
        }
        archive.extend_from_slice(&tar_head(PLACES[number], len));
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    if archive.is_empty() {
        return;
    }
    archive.resize(archive.len() + 1024, 0);
    let options = options();
    let source: SharedSource = Arc::new(archive);
    let container: Arc<dyn Container> = match (tar::FORMAT.open)(source, &options) {
        Ok(container) => Arc::from(container),
        Err(error) => panic!("a sound archive: {error}"),
    };
    assert!(container.entries().iter().filter(|entry| entry.kind == EntryKind::File).count() <= PLACES.len());
    let asked = Asked { today: Some("2026-11-28"), ..Asked::about("fuzzed.iso", &KNOWLEDGE) };
    let report = inspect(&container, &asked, &options);
    assert!(report.evidence.iter().all(|evidence| !evidence.how.is_empty()));
}

/// A medium as servers and mounts show it: every node has a name, a parent and a path that leads back to it.
pub(super) fn view(data: &[u8]) {
    let options = options();
    let source = image(data);
    let Ok(container) = medium::open(&source, "fuzzed.iso", &options) else { return };
    let settings = Settings { options, nested: Nested::Shown, kept: Some(1 << 20) };
    let Ok(view) = View::new(vec![("fuzzed.iso".to_owned(), Arc::from(container))], settings) else { return };
    let mut pending: Vec<(NodeId, u32)> = view.sources().iter().map(|shown| (shown.node, 0)).collect();
    let mut left = 200;
    while let Some((id, depth)) = pending.pop() {
        let Ok(node) = view.node(id) else { continue };
        assert!(!node.name.contains('/') && !matches!(&*node.name, "." | ".."), "{:?}", node.name);
        if let Ok(path) = view.path(id) {
            let found = view.find(&path, Case::Exact).expect("a node that has a path");
            assert_eq!(found, id, "{path:?}");
        }
        if node.kind == EntryKind::Dir {
            assert!(depth < 256, "a tree without an end");
            for child in view.children(id).unwrap_or_default() {
                assert!(view.parent(child).is_ok_and(|parent| parent == id));
                left -= 1;
                if left < 0 {
                    return;
                }
                pending.push((child, depth + 1));
            }
        } else if let (Ok(Some(_)), Ok(source)) = (view.resolve(id), view.open(id)) {
            let mut bytes = [0; 512];
            let _ = source.read_at(source.len() / 2, &mut bytes);
        }
    }
    let _ = view.search(NodeId(1), "a", 8);
}
