//! The tree that servers and mounts show: the same names and bytes as `extract` writes, and what it costs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::container::{Container, EntryKind};
use discless::digest::{Algorithm, Hasher};
use discless::extract::{self, Plan, Recursion};
use discless::formats::Options;
use discless::nest;
use discless::observe::Silent;
use discless::path::Names;
use discless::source::{Counting, SharedSource, Source, SourceReader};
use discless::view::{Case, Nested, NodeId, Settings, View};
use discless::{Limits, medium};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use support::image::{Data, Iso, pattern};
use support::{fixtures, zip};

/// Path to kind, and to size and digest of what could be read.
type Seen = BTreeMap<String, (char, String)>;

fn digest(bytes: &[u8]) -> String {
    let mut hasher = Hasher::new(&[Algorithm::Sha256]);
    hasher.update(bytes);
    format!("{} {}", bytes.len(), hasher.finish()[0].hex())
}

fn content(view: &View, id: NodeId) -> Result<Vec<u8>, discless::Error> {
    let mut out = Vec::new();
    SourceReader::new(view.open(id)?).read_to_end(&mut out)?;
    Ok(out)
}

/// All that a view shows, by its own listing.
fn shown(view: &View) -> Seen {
    let mut out = Seen::new();
    let mut open = vec![NodeId::ROOT];
    while let Some(directory) = open.pop() {
        for id in view.children(directory).unwrap() {
            let node = view.node(id).unwrap();
            let path = view.path(id).unwrap();
            assert_eq!(view.find(&path, Case::Exact).unwrap(), id, "{path}");
            assert_eq!(view.parent(id).unwrap(), directory);
            let what = match node.kind {
                EntryKind::Dir => {
                    open.push(id);
                    ('d', String::new())
                }
                EntryKind::Symlink => ('l', node.target.unwrap()),
                _ => match content(view, id) {
                    Ok(bytes) => {
                        assert_eq!(bytes.len() as u64, node.bytes, "{path}");
                        ('f', digest(&bytes))
                    }
                    Err(error) => ('f', support::kind_word(&error).to_owned()),
                },
            };
            assert!(out.insert(path, what).is_none());
        }
    }
    out
}

/// All that stands in a directory.
fn written(below: &Path) -> Seen {
    let steps = walkdir::WalkDir::new(below).min_depth(1).into_iter().map(Result::unwrap);
    let one = |step: walkdir::DirEntry| {
        let path = step.path().strip_prefix(below).unwrap().to_str().unwrap().to_owned();
        let what = match step.file_type() {
            kind if kind.is_dir() => ('d', String::new()),
            kind if kind.is_symlink() => {
                ('l', std::fs::read_link(step.path()).unwrap().to_str().unwrap().to_owned())
            }
            _ => ('f', digest(&std::fs::read(step.path()).unwrap())),
        };
        (path, what)
    };
    steps.map(one).collect()
}

fn extracted(container: &Arc<dyn Container>, recurse: bool) -> Seen {
    let options = Options::default();
    let wanted = nest::to_extract(&**container, &[]).unwrap();
    let plan = Plan::new(&**container, &wanted, Names::Portable, &options.limits).unwrap();
    let to = tempfile::tempdir().unwrap();
    let below = to.path().join("out");
    let how = extract::Options::default();
    let mut out = extract::run(&**container, &plan, &below, &how, &Silent).unwrap();
    if recurse {
        let recursion = Recursion { how: &how, options: &options, observer: &Silent };
        recursion.run(container, &plan, &below, &mut out).unwrap();
    }
    written(&below)
}

fn view(container: Arc<dyn Container>, nested: Nested) -> View {
    let settings = Settings { nested, ..Settings::default() };
    View::new(vec![("medium".to_owned(), container)], settings).unwrap()
}

fn opened(bytes: Vec<u8>) -> Arc<dyn Container> {
    let source: SharedSource = Arc::new(bytes);
    Arc::from(medium::open(&source, "medium", &Options::default()).unwrap())
}

fn image(iso: Iso) -> Vec<u8> {
    let image = iso.build();
    let mut bytes = vec![0; usize::try_from(image.len()).unwrap()];
    image.read_at(0, &mut bytes).unwrap();
    bytes
}

/// An image with a package in a package.
fn onion() -> Vec<u8> {
    let inner = zip(&[("deep/last.txt", b"the core".to_vec()), ("noise.bin", pattern(3, 5000))]);
    let middle = zip(&[("inner.zip", inner), ("not.zip", b"not at all ".repeat(50))]);
    let mut iso = Iso::new().with_rock_ridge();
    iso.add("readme.txt", Data::Bytes(b"outside".to_vec()));
    iso.add("packages/middle.zip", Data::Bytes(middle));
    image(iso)
}

#[test]
fn it_shows_what_extract_writes_of_every_sound_fixture() {
    let mut compared = 0;
    for fixture in fixtures().into_iter().filter(|fixture| fixture.is_good() && fixture.is_medium()) {
        let source: SharedSource = fixture.bytes();
        let container: Arc<dyn Container> = Arc::from(support::open(&source, &fixture.name).unwrap());
        assert_eq!(
            shown(&view(container.clone(), Nested::Hidden)),
            extracted(&container, false),
            "{}",
            fixture.name
        );
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn whatever_a_medium_says_a_view_of_it_ends() {
    for fixture in fixtures().into_iter().filter(|fixture| !fixture.is_good() && fixture.is_medium()) {
        let source: SharedSource = fixture.bytes();
        let Ok(container) = support::open(&source, &fixture.name) else { continue };
        let limits = Limits { unpacked_bytes: Some(8 << 20), ..Limits::default() };
        let options = Options { limits, ..Options::default() };
        let settings = Settings { options, nested: Nested::Shown, kept: Some(4 << 20) };
        let Ok(view) = View::new(vec![(fixture.name.clone(), Arc::from(container))], settings) else {
            continue;
        };
        let mut open = vec![NodeId::ROOT];
        while let Some(directory) = open.pop() {
            for id in view.children(directory).unwrap_or_default() {
                let node = view.node(id).unwrap();
                if node.kind == EntryKind::Dir {
                    open.push(id);
                } else if node.bytes < 1 << 20 {
                    let _ = content(&view, id);
                }
                let _ = view.resolve(id).unwrap();
            }
        }
    }
}

#[test]
fn nested_containers_appear_beside_themselves_as_extract_writes_them() {
    let onion = opened(onion());
    let seen = shown(&view(onion.clone(), Nested::Shown));
    let key = "packages/middle.zip.contents/inner.zip.contents/deep/last.txt";
    assert_eq!(seen[key], ('f', digest(b"the core")));
    let hidden = shown(&view(onion.clone(), Nested::Hidden));
    assert!(!hidden.keys().any(|path| path.contains(".contents")));
    assert_eq!(seen, extracted(&onion, true));
}

#[test]
fn a_name_of_the_medium_is_not_taken_for_contents() {
    let inner = zip(&[("x.txt", b"x".repeat(100))]);
    let mut iso = Iso::new().with_rock_ridge();
    iso.add("a.zip", Data::Bytes(inner));
    iso.add("A.ZIP.contents/mine.txt", Data::Bytes(b"mine".to_vec()));
    let view = view(opened(image(iso)), Nested::Shown);
    assert_eq!(content(&view, view.find("A.ZIP.contents/mine.txt", Case::Exact).unwrap()).unwrap(), b"mine");
    assert!(view.find("a.zip.contents.1/x.txt", Case::Exact).is_ok());
}

#[test]
fn limits_hold_over_all_levels() {
    let with = |limits: Limits| {
        let options = Options { limits, ..Options::default() };
        let settings = Settings { options, nested: Nested::Shown, kept: None };
        View::new(vec![("onion.iso".to_owned(), opened(onion()))], settings).unwrap()
    };
    let deep =
        |view: &View| view.find("packages/middle.zip.contents/inner.zip.contents/deep", Case::Exact).is_ok();
    assert!(deep(&with(Limits::default())));
    assert!(!deep(&with(Limits { nesting: 1, ..Limits::default() })));
    let none = with(Limits { nesting: 0, ..Limits::default() });
    assert!(none.find("packages/middle.zip.contents", Case::Exact).is_err());
    assert!(!deep(&with(Limits { entries: 3, ..Limits::default() })));
}

#[test]
fn many_who_ask_at_once_unpack_once() {
    let members: Vec<(String, Vec<u8>)> = (0..4).map(|n| (format!("{n}.bin"), pattern(n, 3 << 20))).collect();
    let members: Vec<(&str, Vec<u8>)> = members.iter().map(|(n, b)| (n.as_str(), b.clone())).collect();
    let counting = Arc::new(Counting::new(Arc::new(zip(&members))));
    let source: SharedSource = counting.clone();
    let container = Arc::from(medium::open(&source, "many.zip", &Options::default()).unwrap());
    let view = view(container, Nested::Hidden);
    let before = counting.bytes();
    std::thread::scope(|scope| {
        for thread in 0..12usize {
            let (view, members) = (&view, &members);
            scope.spawn(move || {
                for turn in 0..4 {
                    let (name, bytes) = &members[(thread + turn) % 4];
                    let id = view.find(name, Case::Exact).unwrap();
                    assert!(content(view, id).unwrap() == *bytes, "{name}");
                }
            });
        }
    });
    let read = counting.bytes() - before;
    assert!(read < source.len() * 5 / 4, "{read} bytes were read of {}", source.len());
}

#[test]
fn members_of_a_solid_run_cost_one_run_and_survive_being_dropped() {
    let named = |name: &str| fixtures().into_iter().find(|fixture| fixture.name == name).unwrap();
    let mut runs = 0;
    for name in
        ["cab/lzx-21-long", "cab/lzx-19", "cab/mszip", "sevenz/sevenzip-lzma", "sevenz/sevenzip-solid-by-two"]
    {
        let fixture = named(name);
        let counting = Arc::new(Counting::new(fixture.bytes()));
        let source: SharedSource = counting.clone();
        let container: Arc<dyn Container> = Arc::from(support::open(&source, name).unwrap());
        let (whole, files) =
            (shown(&view(container.clone(), Nested::Hidden)), container.entries().len() as u64);
        let first = counting.bytes();
        let view_again = view(container.clone(), Nested::Hidden);
        let before = counting.bytes();
        assert_eq!(shown(&view_again), whole);
        assert_eq!(shown(&view_again), whole);
        let read = counting.bytes() - before;
        assert!(read <= source.len() + (64 << 10), "{name}: {read} of {} for {files}, {first}", source.len());
        runs += u64::from(files > 2);
        // With no room for anything each is unpacked alone, and is what it was.
        let settings = Settings { kept: Some(0), ..Settings::default() };
        let poor = View::new(vec![("poor".to_owned(), container)], settings).unwrap();
        assert_eq!(shown(&poor), whole);
    }
    assert!(runs > 2, "{runs}");
}

#[test]
fn links_lead_within_their_source() {
    let find = |name: &str| fixtures().into_iter().find(|fixture| fixture.name == name).unwrap();
    let source: SharedSource = find("iso9660/rockridge-links").bytes();
    let container: Arc<dyn Container> =
        Arc::from(medium::open(&source, "links", &Options::default()).unwrap());
    let both = vec![("links.iso".to_owned(), container.clone()), ("LINKS.iso".to_owned(), container)];
    let view = View::new(both, Settings::default()).unwrap();
    assert_eq!(view.children(NodeId::ROOT).unwrap().len(), 2);
    assert!(view.find("LINKS~2.iso", Case::Exact).is_ok());
    let (mut led, mut dangling) = (0, 0);
    for id in (1..=view.count()).map(NodeId) {
        let node = view.node(id).unwrap();
        if node.kind != EntryKind::Symlink {
            assert_eq!(view.resolve(id).unwrap(), Some(id));
            continue;
        }
        let path = view.path(id).unwrap();
        match view.resolve(id).unwrap() {
            Some(to) => {
                led += 1;
                assert_eq!(view.path(to).unwrap().split('/').next(), path.split('/').next(), "{path}");
                assert_ne!(view.node(to).unwrap().kind, EntryKind::Symlink);
            }
            None => dangling += 1,
        }
    }
    assert!(led >= 2, "{led} links led somewhere, {dangling} nowhere");
}

#[test]
fn names_are_found_with_and_without_capitals_and_by_a_part() {
    let mut iso = Iso::new().with_rock_ridge();
    for name in ["Setup.exe", "SOURCES/install.wim", "sources2/Été.txt", "b.txt", "A.txt"] {
        iso.add(name, Data::Bytes(name.as_bytes().to_vec()));
    }
    let view = view(opened(image(iso)), Nested::Hidden);
    let names =
        |ids: Vec<NodeId>| -> Vec<String> { ids.into_iter().map(|id| view.node(id).unwrap().name).collect() };
    let root = names(view.children(NodeId::ROOT).unwrap());
    assert_eq!(root, ["A.txt", "b.txt", "Setup.exe", "SOURCES", "sources2"]);
    assert!(view.find("sources/INSTALL.WIM", Case::Exact).is_err());
    let id = view.find("/sources//INSTALL.WIM", Case::Folded).unwrap();
    assert_eq!(view.path(id).unwrap(), "SOURCES/install.wim");
    let place = view.place(id).unwrap().unwrap();
    assert_eq!(place.container.entry(place.entry).unwrap().path.text(), "SOURCES/install.wim");
    assert!(view.place(view.find("SOURCES", Case::Exact).unwrap()).unwrap().is_none());
    assert_eq!(names(view.search(NodeId::ROOT, "TXT", 9).unwrap()).len(), 3);
    assert_eq!(names(view.search(NodeId::ROOT, "été", 9).unwrap()), ["Été.txt"]);
    assert_eq!(view.search(NodeId::ROOT, "txt", 2).unwrap().len(), 2);
    assert!(view.search(view.find("SOURCES", Case::Exact).unwrap(), "txt", 9).unwrap().is_empty());
    for bad in ["..", "SOURCES/..", "SOURCES/../b.txt", "Setup.exe/x", "./b.txt", "\\b.txt"] {
        assert!(view.find(bad, Case::Folded).is_err(), "{bad}");
    }
    assert!(view.node(NodeId(0)).is_err() && view.node(NodeId(u64::MAX)).is_err());
}

#[test]
fn what_ends_early_says_so() {
    let mut members = zip(&[("a.txt", b"words ".repeat(2000)), ("b.txt", b"other ".repeat(2000))]);
    let at = members.windows(2).position(|pair| pair == b"wo").unwrap_or(60);
    members[at + 20] ^= 0xff;
    let view = view(opened(members), Nested::Hidden);
    let broken = view.find("a.txt", Case::Exact).unwrap();
    let first = view.open(broken).err().map(|error| error.to_string());
    assert!(first.is_some());
    assert_eq!(view.open(broken).err().map(|error| error.to_string()), first, "and again");
    assert_eq!(content(&view, view.find("b.txt", Case::Exact).unwrap()).unwrap(), b"other ".repeat(2000));
}

#[test]
fn a_hundred_thousand_members_are_found_by_their_names() {
    let mut bytes = Vec::new();
    for number in 0..100_000u32 {
        let mut header = [0u8; 512];
        let name = format!("dir{}/file{number:06}.txt", number / 5000);
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(b"00000000000");
        header[136..147].copy_from_slice(b"00000000000");
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        bytes.extend_from_slice(&header);
    }
    bytes.extend_from_slice(&[0; 1024]);
    let container = opened(bytes);
    let began = std::time::Instant::now();
    let view = view(container, Nested::Shown);
    let built = began.elapsed();
    assert_eq!(view.count(), 100_021);
    assert_eq!(view.children(view.find("dir7", Case::Exact).unwrap()).unwrap().len(), 5000);
    let began = std::time::Instant::now();
    for number in (0..100_000).step_by(7) {
        let path = format!("DIR{}/FILE{number:06}.TXT", number / 5000);
        view.find(&path, Case::Folded).unwrap();
    }
    println!("built in {built:?}, 14,286 found in {:?}", began.elapsed());
}
