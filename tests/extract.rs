//! The laws of extraction, in real directories: exactly what is in the medium stands there, whole or not
//! at all, and what stood there before is not touched.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::container::{Container, Entry, EntryKind, Role};
use discless::error::{Kind, Refusal};
use discless::extract::{self, Extracted, Linking, Options, Overwrite, Plan, Staging};
use discless::observe::{Observer, Silent};
use discless::path::Names;
use discless::source::SharedSource;
use discless::{Limits, Result};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::image::{Data, Iso, pattern};
use support::{Content, Fixture, fixtures, ids, open, read_in_order, sha256};

fn plan(container: &dyn Container) -> Plan {
    Plan::new(container, &ids(container), Names::Portable, &Limits::default()).unwrap()
}

fn extract(container: &dyn Container, to: &Path, overwrite: Overwrite) -> Result<Extracted> {
    let options = Options { overwrite, digests: true, ..Options::default() };
    extract::run(container, &plan(container), to, &options, &Silent)
}

/// What stands below `root`: a digest, a target, or nothing for a directory.
fn standing(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut out = BTreeMap::new();
    for step in walkdir::WalkDir::new(root).min_depth(1) {
        let step = step.unwrap();
        let meta = step.path().symlink_metadata().unwrap();
        let what = if meta.is_symlink() {
            format!("-> {}", fs::read_link(step.path()).unwrap().display())
        } else if meta.is_dir() {
            String::new()
        } else {
            sha256(&fs::read(step.path()).unwrap())
        };
        out.insert(step.path().strip_prefix(root).unwrap().to_owned(), what);
    }
    out
}

/// Where every entry goes by the plan, with what is to stand there.
fn wanted(container: &dyn Container, plan: &Plan) -> BTreeMap<PathBuf, String> {
    let contents: Vec<Content> =
        read_in_order(container, &ids(container)).into_iter().map(|(_, content)| content).collect();
    let digest = |id: discless::container::EntryId| match &contents[id.0] {
        Content::Whole(_, digest) => digest.clone(),
        other => panic!("{id:?}: {other:?}"),
    };
    let mut out: BTreeMap<PathBuf, String> =
        plan.directories.keys().map(|local| (local.clone(), String::new())).collect();
    out.extend(plan.files.iter().map(|item| (item.local.clone(), digest(item.id))));
    out.extend(plan.shared.iter().map(|shared| (shared.item.local.clone(), digest(shared.item.id))));
    out.extend(plan.symlinks.iter().map(|(item, target)| (item.local.clone(), format!("-> {target}"))));
    out
}

fn each_good(law: impl Fn(&Fixture, &dyn Container, &Path)) {
    for fixture in fixtures().iter().filter(|fixture| fixture.is_good() && fixture.is_medium()) {
        let source: SharedSource = fixture.bytes();
        let container = open(&source, &fixture.name).unwrap();
        let parent = tempfile::tempdir().unwrap();
        law(fixture, &*container, &parent.path().join("out"));
    }
}

fn iso_with(files: &[(&str, Vec<u8>)]) -> Box<dyn Container> {
    let mut iso = Iso::new().with_rock_ridge();
    for (path, bytes) in files {
        iso.add(path, Data::Bytes(bytes.clone()));
    }
    let source: SharedSource = Arc::new(iso.build());
    open(&source, "made.iso").unwrap()
}

/// Forty files of 100 kB.
fn many() -> Box<dyn Container> {
    let names: Vec<String> = (0..40).map(|i| format!("dir{}/file{i}.bin", i % 4)).collect();
    let files: Vec<(&str, Vec<u8>)> =
        names.iter().zip(0u64..).map(|(name, i)| (name.as_str(), pattern(i, 100_000))).collect();
    iso_with(&files)
}

#[test]
fn a_good_medium_comes_out_exactly() {
    each_good(|fixture, container, out| {
        let plan = plan(container);
        let done = extract(container, out, Overwrite::Never).unwrap();
        assert!(done.failed.is_empty(), "{}: {:?}", fixture.name, done.failed);
        assert_eq!(standing(out), wanted(container, &plan), "{}", fixture.name);
        // Every member is planned, or is left out with a reason.
        let planned = plan.files.len() + plan.shared.len() + plan.symlinks.len() + plan.left.len();
        let members = container.entries().iter().filter(|entry| entry.kind != EntryKind::Dir).count();
        assert_eq!(planned, members, "{}", fixture.name);
        let (files, links) = (plan.files.len() as u64, (plan.shared.len() + plan.symlinks.len()) as u64);
        assert_eq!((done.files, done.links), (files, links), "{}", fixture.name);
        assert_eq!(done.dirs, plan.directories.len() as u64, "{}", fixture.name);
    });
}

#[test]
fn of_one_name_several_times_the_last_keeps_it_and_none_is_lost() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/zip/written-again/input.zip");
    let source: SharedSource = Arc::new(std::fs::read(path).unwrap());
    let container = support::open(&source, "zip/written-again").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    extract(&*container, &out, Overwrite::Never).unwrap();
    let text = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    assert_eq!(text("again.txt"), "the last\n");
    assert_eq!((text("again~2.txt"), text("again~3.txt")), ("the first\n".into(), "the second\n".into()));
    let mut content = String::new();
    let id = discless::select::find(container.entries(), "again.txt").unwrap();
    container.open(id).unwrap().read_to_string(&mut content).unwrap();
    assert_eq!(content, "the last\n");
}

#[test]
fn every_member_of_expected_stands_where_the_list_of_renamed_says() {
    each_good(|fixture, container, out| {
        let plan = plan(container);
        extract(container, out, Overwrite::Never).unwrap();
        let there = standing(out);
        let renamed: BTreeMap<&str, &Path> =
            plan.renamed.iter().map(|to| (to.path.text(), to.local.as_path())).collect();
        let left = |entry: &Entry| plan.left.iter().any(|left| left.path == entry.path.text());
        for member in fixture.expected.members.iter().filter(|member| !member.optional) {
            let is = |entry: &&Entry| support::escaped(entry.path.bytes()) == member.path;
            let Some(entry) = container.entries().iter().find(is) else { continue };
            if left(entry) {
                continue;
            }
            // Of one name several times the newest keeps it.
            let plain = Path::new(entry.path.text());
            let moved = renamed.get(entry.path.text()).copied().filter(|_| !there.contains_key(plain));
            let local = moved.unwrap_or(plain);
            let found = there.get(local).unwrap_or_else(|| panic!("{}: {local:?} is missing", fixture.name));
            match member.kind {
                'f' => assert_eq!(*found, member.sha256, "{}: {local:?}", fixture.name),
                'd' => assert_eq!(found, "", "{}: {local:?}", fixture.name),
                _ => assert!(found.starts_with("-> "), "{}: {local:?}", fixture.name),
            }
        }
    });
}

#[test]
fn times_and_the_right_to_run_are_kept() {
    each_good(|fixture, container, out| {
        let plan = plan(container);
        extract(container, out, Overwrite::Never).unwrap();
        for item in &plan.files {
            let entry = &container.entries()[item.id.0];
            let meta = fs::metadata(out.join(&item.local)).unwrap();
            if let Some(time) = entry.modified.and_then(|time| time.to_system()) {
                assert_eq!(meta.modified().unwrap(), time, "{}: {}", fixture.name, entry.path.text());
            }
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let runs = meta.permissions().mode() & 0o100 != 0;
                let may = entry.mode.is_some_and(|mode| mode & 0o111 != 0);
                assert_eq!(runs, may, "{}: {}", fixture.name, entry.path.text());
                assert_eq!(meta.permissions().mode() & 0o7000, 0, "{}: {}", fixture.name, entry.path.text());
            }
        }
        for (local, time) in &plan.directories {
            if let Some(time) = time.and_then(|time| time.to_system()) {
                let found = fs::metadata(out.join(local)).unwrap().modified().unwrap();
                assert_eq!(found, time, "{}: {}", fixture.name, local.display());
            }
        }
    });
}

#[test]
#[cfg(unix)]
fn names_of_one_file_are_linked() {
    use std::os::unix::fs::MetadataExt;
    let mut linked = 0;
    each_good(|fixture, container, out| {
        let plan = plan(container);
        extract(container, out, Overwrite::Never).unwrap();
        for shared in &plan.shared {
            let inode = |local: &Path| fs::metadata(out.join(local)).unwrap().ino();
            let (first, local) = (&shared.first, &shared.item.local);
            assert_eq!(inode(first), inode(local), "{}: {}", fixture.name, local.display());
        }
    });
    for fixture in fixtures().iter().filter(|fixture| fixture.is_good() && fixture.is_medium()) {
        let source: SharedSource = fixture.bytes();
        linked += plan(&*open(&source, &fixture.name).unwrap()).shared.len();
    }
    assert!(linked > 0, "no fixture has hard links");
}

/// The image with two names of one file, and two files with one content.
fn wim() -> Box<dyn Container> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/wim/lzx-32k/input.wim");
    let source: SharedSource = Arc::new(fs::read(path).unwrap());
    open(&source, "wim/lzx-32k").unwrap()
}

#[test]
#[cfg(unix)]
fn what_is_linked_and_what_is_copied_is_a_choice() {
    use std::os::unix::fs::MetadataExt;
    let container = wim();
    let plan = plan(&*container);
    let whole = wanted(&*container, &plan);
    let symlinks = plan.symlinks.len() as u64;
    let out = tempfile::tempdir().unwrap();
    // The same destination each time: what an earlier choice linked does not stay so.
    for (linking, names, contents) in [
        (Linking::Contents, true, true),
        (Linking::Names, true, false),
        (Linking::Never, false, false),
        (Linking::Contents, true, true),
    ] {
        let overwrite = Overwrite::Changed;
        let options = Options { overwrite, linking, digests: true, ..Options::default() };
        let done = extract::run(&*container, &plan, out.path(), &options, &Silent).unwrap();
        assert_eq!(standing(out.path()), whole, "{linking:?}");
        assert_eq!(done.digests.len() as u64, plan.file_count(), "{linking:?}: a manifest names every file");
        for (local, digest) in &done.digests {
            assert_eq!(whole[local], digest.hex(), "{linking:?}: {}", local.display());
        }
        assert_eq!(
            (done.files, done.links),
            (plan.file_count() - linking.linked(&plan), symlinks + linking.linked(&plan))
        );
        let meta = |path: &str| fs::metadata(out.path().join(path)).unwrap();
        let same = |one: &str, other: &str| meta(one).ino() == meta(other).ino();
        assert_eq!(same("setup.exe", "docs/hard.exe"), names, "{linking:?}");
        assert_eq!(same("readme.txt", "docs/twin.txt"), contents, "{linking:?}");
        let sum = done.bytes;
        let unlinked = linking.bytes(&plan);
        assert_eq!(sum, unlinked, "{linking:?}");
    }
}

#[test]
fn a_content_that_cannot_be_read_fails_under_all_its_names() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/wim/none/input.wim.gz");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*fs::read(path).unwrap()), &mut bytes)
        .unwrap();
    let sound: SharedSource = Arc::new(bytes.clone());
    let container = open(&sound, "none.wim").unwrap();
    let twin = container.entries().iter().position(|entry| entry.path.text() == "docs/twin.txt").unwrap();
    let content = support::read(&*container, discless::container::EntryId(twin), 1 << 20);
    let text = {
        let mut text = Vec::new();
        let mut reader = container.open(discless::container::EntryId(twin)).unwrap();
        std::io::Read::read_to_end(&mut reader, &mut text).unwrap();
        text
    };
    assert!(matches!(content, Content::Whole(..)));
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    bytes[at] ^= 1;
    let bent: SharedSource = Arc::new(bytes);
    let container = open(&bent, "bent.wim").unwrap();
    let out = tempfile::tempdir().unwrap();
    // Files of these names stand there already: nothing is linked to what failed.
    fs::create_dir(out.path().join("docs")).unwrap();
    fs::write(out.path().join("readme.txt"), "another").unwrap();
    fs::write(out.path().join("docs/twin.txt"), "another").unwrap();
    let done = extract(&*container, out.path(), Overwrite::Always).unwrap();
    let failed: Vec<&str> = done.failed.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(failed, ["docs/twin.txt", "readme.txt"]);
    assert_eq!(fs::read(out.path().join("docs/twin.txt")).unwrap(), b"another");
}

#[test]
fn links_that_lead_out_are_left_out_and_others_are_made() {
    for name in ["iso9660/hostile-links-out", "udf/posix", "iso9660/rockridge-links"] {
        let Some(fixture) = fixtures().into_iter().find(|fixture| fixture.name == name) else { continue };
        let source: SharedSource = fixture.bytes();
        let container = open(&source, name).unwrap();
        let out = tempfile::tempdir().unwrap();
        let done = extract(&*container, out.path(), Overwrite::Never).unwrap();
        let plan = plan(&*container);
        let links: Vec<&Entry> =
            container.entries().iter().filter(|entry| entry.kind == EntryKind::Symlink).collect();
        assert!(!links.is_empty(), "{name} has no links");
        for entry in links {
            let target = entry.target.as_deref().unwrap_or_default();
            let left = done.left.iter().any(|left| left.path == entry.path.text());
            let made = plan.symlinks.iter().any(|(item, _)| item.local == Path::new(entry.path.text()));
            // How deep it is after each part; the destination itself is 0.
            let mut depth = i64::try_from(entry.path.text().matches('/').count()).unwrap();
            let mut parts = target.split('/').filter(|part| !matches!(*part, "" | "."));
            let out = parts.any(|part| {
                depth += if part == ".." { -1 } else { 1 };
                depth < 0
            });
            let out = out || target.starts_with('/');
            assert!(!out || left, "{name}: {} -> {target} leads out", entry.path.text());
            assert!(left || made || plan.renamed.iter().any(|to| to.path == entry.path));
        }
    }
}

#[test]
fn a_plan_alone_writes_nothing() {
    each_good(|fixture, container, out| {
        plan(container);
        assert!(!out.exists(), "{}", fixture.name);
    });
}

#[test]
fn a_destination_that_is_not_empty_is_refused_and_untouched() {
    let container = many();
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("mine.txt"), "mine").unwrap();
    let before = standing(out.path());
    let error = extract(&*container, out.path(), Overwrite::Never).unwrap_err();
    assert!(matches!(error.kind(), Kind::Refused(Refusal::NotEmpty(_))), "{error}");
    assert!(matches!(
        Staging::new(out.path(), Overwrite::Never).unwrap_err().kind(),
        Kind::Refused(Refusal::NotEmpty(_))
    ));
    assert_eq!(standing(out.path()), before);
    let file = out.path().join("mine.txt");
    let error = extract(&*container, &file, Overwrite::Never).unwrap_err();
    assert!(matches!(error.kind(), Kind::Refused(Refusal::NotADirectory(_))), "{error}");
    assert_eq!(standing(out.path()), before);
}

/// Stops after so many bytes.
struct StopsAfter(AtomicU64);

impl Observer for StopsAfter {
    fn advance(&self, bytes: u64) {
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(bytes)));
    }

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

#[test]
fn an_interrupted_run_is_completed_and_equal() {
    let container = many();
    let plan = plan(&*container);
    for in_order in [false, true] {
        for stop in [1, 250_000, 1_700_000, 3_900_000] {
            let out = tempfile::tempdir().unwrap();
            let options = Options { digests: true, in_order, ..Options::default() };
            let observer = StopsAfter(AtomicU64::new(stop));
            let error = extract::run(&*container, &plan, out.path(), &options, &observer).unwrap_err();
            assert!(matches!(error.kind(), Kind::Cancelled), "{error}");
            let whole = wanted(&*container, &plan);
            let names = standing(out.path());
            for (path, digest) in &names {
                let name = path.to_string_lossy();
                // Under its own name a file is whole; a part goes with the run, the marker stays.
                let fits = whole.get(path) == Some(digest) || name == ".discless.part";
                assert!(fits, "{name} is left after {stop} bytes");
            }
            assert!(names.contains_key(Path::new(".discless.part")), "nothing says that it is incomplete");
            fs::write(out.path().join("dir0/file0.bin.part"), "what a crash leaves").unwrap_or_default();
            let done = extract::run(&*container, &plan, out.path(), &options, &Silent).unwrap();
            assert_eq!(standing(out.path()), whole, "after {stop} bytes");
            assert_eq!(done.digests.len(), plan.files.len());
            assert!(stop < 1_000_000 || done.kept > 0, "nothing was kept after {stop} bytes");
        }
    }
}

#[test]
fn another_medium_does_not_complete_an_interrupted_run() {
    let first = many();
    let out = tempfile::tempdir().unwrap();
    let observer = StopsAfter(AtomicU64::new(1_000_000));
    extract::run(&*first, &plan(&*first), out.path(), &Options::default(), &observer).unwrap_err();
    let before = standing(out.path());
    let other = iso_with(&[("other.txt", b"other".to_vec())]);
    let error = extract(&*other, out.path(), Overwrite::Never).unwrap_err();
    assert!(matches!(error.kind(), Kind::Refused(Refusal::NotEmpty(_))), "{error}");
    assert_eq!(standing(out.path()), before);
}

#[test]
fn what_differs_is_replaced_only_where_that_was_asked_for() {
    let container = many();
    let plan = plan(&*container);
    let whole = wanted(&*container, &plan);
    for overwrite in [Overwrite::Changed, Overwrite::Always] {
        let out = tempfile::tempdir().unwrap();
        extract(&*container, out.path(), Overwrite::Never).unwrap();
        let (short, stale) = (out.path().join("dir0/file0.bin"), out.path().join("dir1/file1.bin"));
        fs::write(&short, "short").unwrap();
        fs::write(&stale, vec![0; 100_000]).unwrap();
        fs::remove_file(out.path().join("dir2/file2.bin")).unwrap();
        fs::write(out.path().join("mine.txt"), "mine").unwrap();
        fs::write(out.path().join("dir3/mine.txt"), "mine too").unwrap();
        let kept = out.path().join("dir0/file4.bin");
        let stamp = fs::metadata(&kept).unwrap().created().ok();
        let done = extract(&*container, out.path(), overwrite).unwrap();
        let mut want = whole.clone();
        want.insert("mine.txt".into(), sha256(b"mine"));
        want.insert("dir3/mine.txt".into(), sha256(b"mine too"));
        assert_eq!(standing(out.path()), want, "{overwrite:?}");
        let all = plan.files.len() as u64;
        assert_eq!(done.kept, if overwrite == Overwrite::Changed { all - 3 } else { 0 });
        if overwrite == Overwrite::Changed {
            assert_eq!(fs::metadata(&kept).unwrap().created().ok(), stamp, "a whole file was written again");
        }
    }
}

#[test]
fn a_file_that_was_changed_without_a_trace_is_replaced_by_always() {
    let container = iso_with(&[("a.bin", pattern(1, 5000))]);
    let out = tempfile::tempdir().unwrap();
    extract(&*container, out.path(), Overwrite::Never).unwrap();
    let file = out.path().join("a.bin");
    let time = fs::metadata(&file).unwrap().modified().unwrap();
    fs::write(&file, vec![7; 5000]).unwrap();
    fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
    extract(&*container, out.path(), Overwrite::Always).unwrap();
    assert_eq!(fs::read(&file).unwrap(), pattern(1, 5000));
    fs::File::options().write(true).open(&file).unwrap().set_modified(time + Duration::from_secs(9)).unwrap();
    let done = extract(&*container, out.path(), Overwrite::Changed).unwrap();
    assert_eq!(done.kept, 0, "another time is a change");
}

#[test]
fn staged_files_get_their_place_when_they_are_good_and_go_when_not() {
    let container = many();
    let parent = tempfile::tempdir().unwrap();
    let out = parent.path().join("media");
    for _ in 0..2 {
        let staging = Staging::new(&out, Overwrite::Never).unwrap();
        extract(&*container, staging.path(), Overwrite::Never).unwrap();
        assert!(!out.exists(), "not trusted yet");
        staging.discard().unwrap();
        assert!(standing(parent.path()).is_empty());
    }
    fs::create_dir(&out).unwrap();
    let staging = Staging::new(&out, Overwrite::Never).unwrap();
    extract(&*container, staging.path(), Overwrite::Never).unwrap();
    staging.keep().unwrap();
    assert_eq!(standing(&out), wanted(&*container, &plan(&*container)));
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    // To complete what stands there is done in place, and giving up removes nothing.
    let staging = Staging::new(&out, Overwrite::Changed).unwrap();
    assert_eq!(staging.path(), out);
    staging.discard().unwrap();
    assert_eq!(standing(&out), wanted(&*container, &plan(&*container)));
}

#[test]
fn names_that_differ_in_capitals_alone_both_come_out() {
    let files = [
        ("readme.txt", b"small".to_vec()),
        ("README.TXT", b"large".to_vec()),
        ("Dir/a", b"1".to_vec()),
        ("dir/a", b"2".to_vec()),
    ];
    let container = iso_with(&files);
    let out = tempfile::tempdir().unwrap();
    let done = extract(&*container, out.path(), Overwrite::Never).unwrap();
    assert_eq!(done.files, 4);
    let there = standing(out.path());
    let folded: std::collections::BTreeSet<String> =
        there.keys().map(|path| path.to_string_lossy().to_lowercase()).collect();
    assert_eq!(folded.len(), there.len(), "{there:?}");
    let mut digests: Vec<&String> = there.values().filter(|what| !what.is_empty()).collect();
    digests.sort();
    let mut want: Vec<String> = files.iter().map(|(_, bytes)| sha256(bytes)).collect();
    want.sort();
    assert_eq!(digests, want.iter().collect::<Vec<_>>());
    assert!(!plan(&*container).renamed.is_empty());
}

#[test]
fn a_member_that_claims_too_much_is_refused_and_the_others_come() {
    let name = "udf/hostile-sparse-1pib";
    let Some(fixture) = fixtures().into_iter().find(|fixture| fixture.name == name) else { return };
    let source: SharedSource = fixture.bytes();
    let container = open(&source, name).unwrap();
    let out = tempfile::tempdir().unwrap();
    let done = extract(&*container, out.path(), Overwrite::Never).unwrap();
    assert!(done.failed.iter().any(|(_, error)| matches!(error.kind(), Kind::Limit { .. })), "{done:?}");
    assert!(done.files > 0, "{done:?}");
    let most = fs::read_dir(out.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).max();
    assert!(most.unwrap() < 1 << 20);
}

#[test]
fn the_manifest_has_the_digest_of_every_file_as_written() {
    each_good(|fixture, container, out| {
        let done = extract(container, out, Overwrite::Never).unwrap();
        let files =
            standing(out).into_iter().filter(|(_, what)| !what.is_empty() && !what.starts_with("-> "));
        let want: Vec<(PathBuf, String)> = files.collect();
        let found: Vec<(PathBuf, String)> =
            done.digests.iter().map(|(path, value)| (path.clone(), value.hex())).collect();
        let sorted: BTreeMap<PathBuf, String> = found.iter().cloned().collect();
        assert_eq!(sorted.into_iter().collect::<Vec<_>>(), want, "{}", fixture.name);
        assert!(done.digests.is_sorted_by(|a, b| a.0 <= b.0), "{}", fixture.name);
    });
}

#[test]
fn threads_and_order_change_nothing() {
    let container = many();
    let whole = wanted(&*container, &plan(&*container));
    for (threads, in_order) in [(1, false), (4, false), (1, true), (3, true)] {
        let out = tempfile::tempdir().unwrap();
        let options = Options { threads, in_order, ..Options::default() };
        extract::run(&*container, &plan(&*container), out.path(), &options, &Silent).unwrap();
        assert_eq!(standing(out.path()), whole, "{threads} threads");
    }
}

#[test]
fn a_cut_member_leaves_no_file_and_the_others_are_whole() {
    for fixture in fixtures().iter().filter(|fixture| fixture.name.contains("/truncated-")) {
        let source: SharedSource = fixture.bytes();
        let Ok(container) = open(&source, &fixture.name) else { continue };
        let out = tempfile::tempdir().unwrap();
        let done = extract(&*container, out.path(), Overwrite::Never).unwrap();
        let there = standing(out.path());
        let members = fixture.expected.members.iter().filter(|member| member.kind == 'f' && !member.optional);
        for member in members.filter(|member| !member.path.contains('\\')) {
            let found = there.get(Path::new(&member.path));
            match member.sha256.as_str() {
                "-" => assert_eq!(found, None, "{}: {}", fixture.name, member.path),
                digest => assert_eq!(found.map(String::as_str), Some(digest), "{}", fixture.name),
            }
        }
        let cut = fixture.expected.members.iter().any(|member| member.sha256 == "-" && member.kind == 'f');
        let cut = cut && fixture.expected.members.iter().any(|member| !member.optional);
        let told = fixture.expected.wrong.is_some();
        assert!(!cut || !done.failed.is_empty(), "{}: nothing failed", fixture.name);
        assert!(cut || told || done.failed.is_empty(), "{}: {:?}", fixture.name, done.failed);
    }
}

#[test]
fn boot_images_and_old_versions_come_out_under_names_of_their_own() {
    let mut seen = [0, 0];
    each_good(|_, container, out| {
        extract(container, out, Overwrite::Never).unwrap();
        let there = standing(out);
        for entry in container.entries().iter().filter(|e| matches!(e.role, Role::Boot | Role::OldVersion)) {
            assert!(there.keys().any(|path| path.to_string_lossy() == entry.path.text()), "{there:?}");
        }
    });
    for fixture in fixtures().iter().filter(|fixture| fixture.is_good() && fixture.is_medium()) {
        let source: SharedSource = fixture.bytes();
        let container = open(&source, &fixture.name).unwrap();
        for (count, role) in seen.iter_mut().zip([Role::Boot, Role::OldVersion]) {
            *count += container.entries().iter().filter(|entry| entry.role == role).count();
        }
    }
    assert!(seen.iter().all(|&count| count > 0), "{seen:?}");
}
