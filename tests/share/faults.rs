//! Programs that die, two at once, and what a share has then.

use crate::support::image::pattern;
use crate::support::media::Medium;
use crate::{FOLDER, Lab, Ran, exchange, flip, with_exchange};
use discless::share::Share;
use std::path::Path;
use std::time::{Duration, Instant};

const BIG: &str = "Unidentified/big";

/// A medium that takes a while.
fn big() -> Vec<u8> {
    let mut medium = Medium::new("BIG");
    for number in 0..300u64 {
        medium = medium.file(&format!("d{}/f{number}.bin", number % 20), pattern(number, 10_000));
    }
    medium.file("large.bin", pattern(999, 6 << 20)).iso()
}

/// Every digest of the product, by its own manifest and by what the medium has.
fn is_whole(lab: &Lab) {
    let manifest = lab.manifest(BIG);
    let files = manifest["files"].as_array().unwrap();
    assert_eq!(files.len(), 301);
    for file in files {
        let bytes = std::fs::read(lab.at(BIG).join(file["path"].as_str().unwrap())).unwrap();
        assert_eq!(file["sha256"], crate::sha256(&bytes));
    }
    let large = std::fs::read(lab.at(BIG).join("large.bin")).unwrap();
    assert!(large == pattern(999, 6 << 20));
}

#[test]
fn an_add_that_is_killed_anywhere_leaves_all_or_nothing_and_goes_on() {
    let lab = with_exchange();
    let iso = lab.medium("big.iso", &big());
    let begun = Instant::now();
    lab.run(&["add"], &[&iso]).is(0);
    let whole = begun.elapsed();
    let mut numbers = crate::support::Chance::new(8);
    let (mut before, mut after, mut resumed) = (0, 0, 0);
    for round in 0..36u32 {
        lab.run(&["remove"], &[Path::new(BIG)]).is(0);
        // From before anything is done to when all is.
        let wait = whole.as_micros() as usize * 11 / 10;
        let wait = Duration::from_micros((wait * round as usize / 36 + numbers.below(wait / 36 + 1)) as u64);
        let mut child = lab
            .command(&["add"], &[&iso])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(wait);
        child.kill().unwrap();
        child.wait().unwrap();
        if lab.at(BIG).exists() {
            after += 1;
            is_whole(&lab);
            lab.run(&["check", "--full"], &[]).is(0);
        } else {
            before += 1;
            lab.run(&["check", "--full"], &[Path::new(FOLDER)]).is(0);
            lab.run(&["check"], &[]).is(0).says("good: 1 product");
        }
        let (code, document) = lab.json(&["add"], &[&iso]);
        assert_eq!(code, Some(0), "{document}");
        resumed += u32::from(document["sources"][0]["resumed"].as_u64() > Some(0));
        is_whole(&lab);
        lab.is_tidy();
        lab.run(&["check", "--full"], &[]).is(0).says("good: 2 products");
    }
    eprintln!("{before} killed before, {after} after the rename; {resumed} went on with what was there");
    assert!(before >= 10 && resumed >= 3, "{before} {after} {resumed}");
}

#[test]
fn what_an_add_left_that_was_killed_when_all_was_done_goes_with_the_next_one() {
    let lab = with_exchange();
    let iso = lab.medium("big.iso", &big());
    let staging = lab.at(".discless/staging");
    let left = || std::fs::read_dir(&staging).into_iter().flatten().next().map(|one| one.unwrap().path());
    let mut child = lab.command(&["add"], &[&iso]).stdout(std::process::Stdio::null()).spawn().unwrap();
    let folder = loop {
        if let Some(folder) = left() {
            break folder;
        }
        assert!(child.try_wait().unwrap().is_none(), "it was done before it was seen");
    };
    child.kill().unwrap();
    child.wait().unwrap();
    lab.run(&["add"], &[&iso]).is(0);
    lab.is_tidy();
    // As if that one had been killed before it could tidy up.
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("owner"), "big.iso").unwrap();
    lab.run(&["add"], &[&iso]).is(0).says("already");
    lab.is_tidy();
}

#[test]
fn a_removal_that_is_killed_is_finished_by_the_next_one() {
    let lab = with_exchange();
    let iso = lab.medium("big.iso", &big());
    for round in 0..8u64 {
        lab.run(&["add"], &[&iso]).is(0);
        let mut child =
            lab.command(&["remove"], &[Path::new(BIG)]).stdout(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(round * 4));
        child.kill().unwrap();
        child.wait().unwrap();
        if lab.at(BIG).exists() {
            is_whole(&lab);
        }
        let ran = lab.run(&["remove"], &[Path::new(BIG)]);
        assert!(matches!(ran.code, Some(0)) || ran.err.contains("not found"), "{}", ran.err);
        assert!(!lab.at(BIG).exists());
        lab.run(&["remove", "--unfinished"], &[]).is(0);
        lab.is_tidy();
        lab.run(&["check", "--full"], &[]).is(0).says("good: 1 product");
    }
}

#[test]
fn two_adds_at_once_are_done_one_after_the_other() {
    let lab = Lab::new();
    let media = [lab.medium("big.iso", &big()), lab.medium("ex.iso", &exchange().iso())];
    let children: Vec<_> = media
        .iter()
        .map(|iso| {
            lab.command(&["add"], &[iso])
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let ran: Vec<Ran> =
        children.into_iter().map(|child| Ran::of(child.wait_with_output().unwrap())).collect();
    for (ran, iso) in ran.into_iter().zip(&media) {
        // On a slow machine the second one gives up waiting, and says so.
        if ran.code != Some(0) {
            ran.is(2).complains("is being changed (add, process ");
            lab.run(&["add"], &[iso]).is(0);
        }
    }
    is_whole(&lab);
    lab.run(&["check", "--full"], &[]).is(0).says("good: 2 products");
    lab.is_tidy();
}

#[test]
fn a_share_that_is_being_changed_is_refused_after_a_short_wait() {
    let lab = with_exchange();
    let share = Share::open(&lab.share()).unwrap();
    let lock = share.lock("add").unwrap();
    let begun = Instant::now();
    lab.run(&["remove"], &[Path::new(FOLDER)])
        .is(2)
        .complains("is being changed (add, process ")
        .complains("hint: wait");
    assert!(begun.elapsed() < Duration::from_secs(20));
    // Who only looks does not wait.
    lab.run(&["check"], &[]).is(0);
    lab.run(&["list"], &[]).is(0);
    drop(lock);
    lab.run(&["remove"], &[Path::new(FOLDER)]).is(0);
}

#[test]
fn what_was_extracted_of_another_source_is_not_taken_over() {
    let lab = Lab::new();
    let bytes = big();
    let iso = lab.medium("big.iso", &bytes);
    // A run that died, of a download that was not done: the file is as large and has zeros.
    let mut partial = bytes.clone();
    let at = partial.len() - (5 << 20);
    partial[at..].fill(0);
    std::fs::write(&iso, &partial).unwrap();
    let mut child = lab
        .command(&["add", "--allow-unverified", "--no-sidecars"], &[&iso])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(60));
    child.kill().unwrap();
    child.wait().unwrap();
    if lab.at(BIG).exists() {
        lab.run(&["remove"], &[Path::new(BIG)]).is(0);
    }
    std::fs::write(&iso, &bytes).unwrap();
    lab.run(&["add"], &[&iso]).is(0);
    is_whole(&lab);
    lab.run(&["remove", "--unfinished"], &[]).is(0);
    lab.is_tidy();
}

#[cfg(unix)]
#[test]
fn a_share_that_cannot_be_written_is_checked_all_the_same() {
    use std::os::unix::fs::PermissionsExt;
    let lab = with_exchange();
    let own = lab.at(".discless");
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o555)).unwrap();
    lab.run(&["check", "--full"], &[]).is(0);
    flip(&lab.file("Setup.com"));
    lab.run(&["check", "--full"], &[]).is(1);
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o755)).unwrap();
}
