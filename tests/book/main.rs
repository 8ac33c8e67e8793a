//! The book (`docs/`): its commands are run and what they print is compared; its pages are all in the contents, its links
//! lead somewhere, its tables of flags have what `--help` has.
//!
//! Each page is run in a directory of its own, `target/book/PAGE/`, with the media of `samples` in it. Blocks that begin
//! with ```` ```console ```` are run. `TRYCMD=overwrite cargo test --all-features --test book` renews what they print; read
//! the difference before it is committed.
#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

mod flags;
mod pages;
mod samples;

use std::path::{Path, PathBuf};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// All pages, by their path below `docs/`, with their text.
fn all_pages() -> Vec<(String, String)> {
    let all =
        walkdir::WalkDir::new(docs()).sort_by_file_name().into_iter().map(|entry| entry.unwrap().into_path());
    let pages = all.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let pages = pages.map(|path| {
        let name = path.strip_prefix(docs()).unwrap().to_str().unwrap().replace('\\', "/");
        (name, std::fs::read_to_string(&path).unwrap())
    });
    pages.collect()
}

/// One test for all pages: the directory that commands are run in is that of the whole process.
#[test]
fn the_commands_of_the_book_print_what_is_written_there() {
    let samples = samples::made();
    let wanted = std::env::var("DISCLESS_PAGE").unwrap_or_default();
    let mut failed = Vec::new();
    for (name, text) in all_pages() {
        if !text.contains("```console\n") || !name.contains(&wanted) {
            continue;
        }
        let directory = samples.for_page(&name);
        std::env::set_current_dir(&directory).unwrap();
        let page = docs().join(&name);
        let run = || {
            let cases = trycmd::TestCases::new();
            cases.register_bin("discless", Path::new(env!("CARGO_BIN_EXE_discless")));
            cases.case(page).run();
        };
        if std::panic::catch_unwind(run).is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "pages that print something else: {failed:?}; TRYCMD=overwrite renews them");
}
