//! The laws that every format obeys, over every fixture: what is listed and its bytes are what
//! `expected` says, whichever way and in whatever order they are read, and nothing is read twice.
//!
//! `DISCLESS_FIXTURE=udf/rev` runs them over some of the fixtures.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::container::{Container, EntryId, EntryKind, Extents, Location, Role, Severity};
use discless::digest::Algorithm;
use discless::error::{Kind, NotMedium};
use discless::extract::Plan;
use discless::formats::{Options, Tree};
use discless::observe::Silent;
use discless::path::Names;
use discless::source::{Counting, Digested, SharedSource};
use discless::walk::{Readable, walk};
use discless::{Limits, medium};
use std::collections::HashMap;
use std::sync::Arc;
use support::{Chance, Content, Fixture, MOST_READ, Member, fixtures, ids, kind_word, members, open};

/// Members that are known to differ from what is expected, and why.
const KNOWN: &[(&str, &str)] = &[
    // The entry's CRC is wrong and its extent with it. `expected` wants its bytes withheld; they are given
    // with a finding that says so, because writers exist whose CRCs are wrong and whose files are not.
    ("udf/hostile-fe-crc", "big.bin"),
];

/// Runs a law over fixtures and names all that break it.
fn each(wanted: impl Fn(&Fixture) -> bool, law: impl Fn(&Fixture) -> Vec<String>) {
    let mut broken = Vec::new();
    let mut count = 0;
    for fixture in fixtures().iter().filter(|fixture| wanted(fixture)) {
        count += 1;
        broken.extend(law(fixture).into_iter().map(|what| format!("{}: {what}", fixture.name)));
    }
    assert!(broken.is_empty(), "{} complaints:\n{}", broken.len(), broken.join("\n"));
    eprintln!("{count} fixtures");
}

/// Runs a law over every fixture that opens.
fn each_container(law: impl Fn(&Fixture, &dyn Container) -> Vec<String>) {
    each(Fixture::is_medium, |fixture| {
        let source: SharedSource = fixture.bytes();
        open(&source, &fixture.name).map_or_else(|_| Vec::new(), |container| law(fixture, &*container))
    });
}

#[test]
fn members_are_what_is_expected() {
    each(Fixture::is_medium, |fixture| {
        let source: SharedSource = fixture.bytes();
        match open(&source, &fixture.name) {
            Ok(container) => {
                let mut said = differences(fixture, &members(&*container));
                said.extend(wrong(fixture, &*container));
                said
            }
            Err(error) => {
                let must_be_there = fixture.expected.members.iter().any(|member| !member.optional);
                let kinds = fixture.expected.wrong.as_ref().map(|wrong| wrong.kinds.clone());
                let foretold = kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == kind_word(&error)));
                match foretold && !must_be_there {
                    true => Vec::new(),
                    false => vec![format!("cannot be opened: {error}")],
                }
            }
        }
    });
}

/// What the listing lacks, and what it has too much of.
fn differences(fixture: &Fixture, found: &[Member]) -> Vec<String> {
    let expected = &fixture.expected;
    let known = |member: &&Member| KNOWN.contains(&(fixture.name.as_str(), member.path.as_str()));
    let mut left: Vec<&Member> = found.iter().filter(|member| !known(member)).collect();
    let mut out = Vec::new();
    for wanted in expected.members.iter().filter(|member| !member.optional && !known(member)) {
        match left.iter().position(|found| **found == *wanted) {
            Some(at) => {
                left.remove(at);
            }
            None => out.push(format!("lacks {wanted:?}")),
        }
    }
    for wanted in expected.members.iter().filter(|member| member.optional) {
        let fits = |found: &&Member| {
            let digest =
                wanted.sha256 == "-" || (wanted.sha256 == found.sha256 && wanted.bytes == found.bytes);
            found.path == wanted.path && found.kind == wanted.kind && digest
        };
        if let Some(at) = left.iter().position(fits) {
            left.remove(at);
        }
    }
    if !expected.is_free() {
        out.extend(left.iter().map(|found| format!("lists besides {found:?}")));
    }
    out
}

/// Whether what must be said of the image is said, and nothing of a good one.
fn wrong(fixture: &Fixture, container: &dyn Container) -> Vec<String> {
    let damaged = container.findings().iter().filter(|finding| finding.severity == Severity::Damaged);
    let damaged: Vec<String> =
        damaged.map(|finding| format!("{}: {}", finding.subject, finding.what)).collect();
    let failures: Vec<&str> = support::read_in_order(container, &ids(container))
        .into_iter()
        .filter_map(|(_, content)| match content {
            Content::Failed(word) => Some(word),
            Content::TooMuch => Some("limit"),
            _ => None,
        })
        .collect();
    let Some(wrong) = &fixture.expected.wrong else {
        let mut out = damaged;
        out.extend(failures.iter().map(|word| format!("a member fails: {word}")));
        return out;
    };
    if let (Ok(need), true) = (wrong.more.parse::<u64>(), wrong.kinds == ["truncated"]) {
        let said = damaged.iter().any(|what| what.contains("ends ") && what.contains(&need.to_string()));
        return match container.extent().end == need && said {
            true => Vec::new(),
            false => vec![format!("claims {} bytes and says {damaged:?}", container.extent().end)],
        };
    }
    let is = |word: &&str| wrong.kinds.iter().any(|kind| kind == word);
    let refused = match Plan::new(container, &ids(container), Names::Portable, &Limits::default()) {
        Ok(plan) => (!plan.too_large.is_empty()).then_some("limit"),
        Err(error) => Some(kind_word(&error)),
    };
    // A finding has no kind but its severity.
    let said = !damaged.is_empty() && ["damaged", "truncated", "invalid"].iter().any(is);
    match wrong.or_none || said || failures.iter().any(is) || refused.iter().any(is) {
        true => Vec::new(),
        false => vec![format!(
            "must say {:?}; found {:?}, failures {failures:?}, plan {refused:?}",
            wrong.kinds,
            container.findings()
        )],
    }
}

#[test]
fn what_is_no_medium_is_named() {
    each(
        |fixture| !fixture.is_medium(),
        |fixture| {
            let wrong = fixture.expected.wrong.as_ref().expect("`! not_medium` is expected");
            let (words, title) = wrong.more.split_once(' ').unwrap_or((&wrong.more, ""));
            let source: SharedSource = fixture.bytes();
            let error = match open(&source, &fixture.name) {
                Ok(container) => return vec![format!("opens as {}", container.format())],
                Err(error) => error,
            };
            let Kind::NotMedium(what) = error.kind() else { return vec![error.to_string()] };
            let word = support::not_medium_word(what);
            let title_is = match what {
                NotMedium::WebPage { title: Some(found) } => title.is_empty() || found == title,
                _ => title.is_empty(),
            };
            match words.split('|').any(|expected| expected == word) && title_is {
                true => Vec::new(),
                false => vec![format!("is {what:?}, not {words} {title}")],
            }
        },
    );
}

#[test]
fn an_entry_has_as_many_bytes_as_it_says() {
    each_container(|_, container| {
        let mut out = Vec::new();
        for id in ids(container) {
            let entry = &container.entries()[id.0];
            let len = match support::read(container, id, MOST_READ) {
                Content::Whole(len, _) => len,
                Content::None => 0,
                Content::Failed(_) | Content::TooMuch => continue,
            };
            if entry.kind == EntryKind::File && len != entry.bytes {
                out.push(format!("{} has {len} bytes, not {}", entry.path.text(), entry.bytes));
            }
            let stored = match &entry.location {
                Location::Stored(extents) => extents.bytes(),
                Location::Nowhere => 0,
                _ => continue,
            };
            if stored < entry.bytes {
                out.push(format!("{}: extents of {stored} bytes for {}", entry.path.text(), entry.bytes));
            }
        }
        out
    });
}

#[test]
fn opening_an_entry_gives_what_reading_in_order_gives() {
    each_container(|_, container| {
        let in_order: HashMap<EntryId, Content> =
            support::read_in_order(container, &ids(container)).into_iter().collect();
        let mut out = Vec::new();
        for id in ids(container) {
            let alone = support::read(container, id, MOST_READ);
            let together = &in_order[&id];
            if alone != *together && *together != Content::TooMuch && alone != Content::TooMuch {
                let path = container.entries()[id.0].path.text();
                out.push(format!("{path}: {alone:?} alone, {together:?} in order"));
            }
        }
        out
    });
}

#[test]
fn any_subset_in_any_order_has_the_same_bytes() {
    each_container(|fixture, container| {
        let all: HashMap<EntryId, Content> =
            support::read_in_order(container, &ids(container)).into_iter().collect();
        if all.values().any(|content| *content == Content::TooMuch) {
            return Vec::new();
        }
        let mut chance = Chance::new(fixture.name.len() as u64);
        let mut out = Vec::new();
        for round in 0..6 {
            let mut wanted = ids(container);
            chance.shuffle(&mut wanted);
            wanted.truncate(chance.below(wanted.len() + 1));
            let found = support::read_in_order(container, &wanted);
            if found.len() != wanted.len() {
                out.push(format!("round {round}: {} of {} entries came", found.len(), wanted.len()));
            }
            for (id, content) in found {
                if content != all[&id] {
                    out.push(format!("round {round}: {} differs", container.entries()[id.0].path.text()));
                }
            }
        }
        out
    });
}

#[test]
fn opened_twice_it_is_the_same() {
    each_container(|fixture, first| {
        let source: SharedSource = fixture.bytes();
        let second = open(&source, &fixture.name).unwrap();
        let shown = |container: &dyn Container| {
            let entries = container.entries().iter();
            let entries = entries.map(|e| format!("{e:?}")).collect::<Vec<_>>();
            (entries, container.findings().to_vec(), container.layers().to_vec(), container.extent())
        };
        match shown(first) == shown(&*second) {
            true => Vec::new(),
            false => vec!["differs when it is opened again".to_owned()],
        }
    });
}

#[test]
fn parents_come_before_children() {
    each_container(|fixture, container| {
        let mut known = std::collections::HashSet::new();
        let mut out = Vec::new();
        // Packages that keep names with slashes list no directories.
        let directories: std::collections::HashSet<&[u8]> = container
            .entries()
            .iter()
            .filter(|entry| entry.kind == EntryKind::Dir)
            .map(|entry| entry.path.bytes())
            .collect();
        if directories.is_empty() {
            return out;
        }
        for entry in container.entries() {
            let path = entry.path.bytes();
            let parent = path.iter().rposition(|&byte| byte == b'/').map(|at| &path[..at]);
            // Boot images have no directory of their own; names with `/` in them have none either.
            let has_parent = entry.role == Role::Plain && !fixture.name.contains("hostile-names");
            if let (Some(parent), true) = (parent, has_parent)
                && !known.contains(parent)
            {
                out.push(format!("{} comes before its directory", entry.path.text()));
            }
            if entry.kind == EntryKind::Dir {
                known.insert(path.to_vec());
            }
        }
        out
    });
}

#[test]
fn the_extents_of_a_good_medium_lie_inside() {
    each_container(|fixture, container| {
        let (len, end) = (container.source().len(), container.extent().end);
        let mut out = Vec::new();
        if !fixture.is_good() {
            return out;
        }
        if end > len {
            out.push(format!("claims {end} bytes of {len}"));
        }
        for entry in container.entries() {
            if let Location::Stored(extents) | Location::Packed(extents) = &entry.location
                && Extents::end(extents) > end
            {
                out.push(format!("{} ends at {}, the volume at {end}", entry.path.text(), extents.end()));
            }
        }
        out
    });
}

#[test]
fn every_tree_that_is_there_opens_when_asked_for() {
    each_container(|fixture, container| {
        let layers = container.layers();
        let mut out = Vec::new();
        for tree in Tree::ALL {
            let there = layers.iter().any(|layer| layer.format == tree.name());
            let source: SharedSource = fixture.bytes();
            let options = Options { tree: Some(tree), ..Options::default() };
            match medium::open(&source, &fixture.name, &options) {
                // Rock Ridge's tree is the primary one with other names.
                Ok(_) if !there && tree != Tree::Iso9660 => {
                    out.push(format!("{} opens and is no layer", tree.name()));
                }
                Ok(only) => {
                    let used = only.layers().iter().any(|layer| layer.used && layer.format == tree.name());
                    if !used {
                        out.push(format!("{} opens as {:?}", tree.name(), only.layers()));
                    }
                    if fixture.is_good() {
                        let failed = support::read_in_order(&*only, &ids(&*only));
                        let failed =
                            failed.iter().filter(|(_, content)| matches!(content, Content::Failed(_)));
                        out.extend(failed.map(|(id, content)| format!("{} {id:?} {content:?}", tree.name())));
                    }
                }
                Err(error) if there && fixture.is_good() => {
                    out.push(format!("{} is a layer and cannot be opened: {error}", tree.name()));
                }
                Err(_) => {}
            }
        }
        if !layers.iter().any(|layer| layer.used) {
            out.push("no layer is used".to_owned());
        }
        out
    });
}

/// `Digested` looks so far ahead of the frontier: members of a smaller image can lie behind it by the
/// time they are read, and are read again. That large images are read once is for `work.rs` to see.
const LOOK_AHEAD: u64 = 4 << 20;
/// Where a virtual allocation table may be, from the end of a disc that is written once.
const VAT_SEARCH: u64 = 32 << 20;

#[test]
fn a_walk_that_digests_the_whole_reads_it_once() {
    each(
        |fixture| fixture.is_good() && fixture.is_medium(),
        |fixture| {
            let counting = Arc::new(Counting::new(fixture.bytes()));
            let digested = Arc::new(Digested::new(counting.clone(), &[Algorithm::Sha256]));
            let source: SharedSource = digested.clone();
            let container = open(&source, &fixture.name).unwrap();
            digested.in_order();
            // A boot image is mostly a member, too: those bytes are asked for twice.
            let entries = container.entries();
            let wanted: Vec<EntryId> =
                ids(&*container).into_iter().filter(|id| entries[id.0].role != Role::Boot).collect();
            let len = source.len();
            let mut most = len + (len / 20).max(256 << 10);
            if len < 2 * LOOK_AHEAD {
                // Members and what describes them.
                most += wanted.iter().map(|id| entries[id.0].bytes + 2048).sum::<u64>();
            }
            // Every reader of programs looks through one for what it knows; some unpack to know sizes.
            if ["inno", "makeself", "nsis", "sfx", "burn", "installshield"].contains(&container.format()) {
                most += len + (1 << 20);
            }
            if container.layers().iter().any(|layer| layer.detail.contains("VAT")) {
                most += len.min(VAT_SEARCH);
            }
            let mut sink = Readable::default();
            walk(&*container, &wanted, &mut sink, &Silent).unwrap();
            drop(container);
            let sum = digested.finish(&mut |_| true).unwrap();
            let mut out = Vec::new();
            if counting.bytes() > most {
                out.push(format!("{} bytes were read of {len}; {most} are allowed", counting.bytes()));
            }
            if sum[0].hex() != support::sha256(&fixture.bytes()) {
                out.push("its digest is not that of its bytes".to_owned());
            }
            out
        },
    );
}
