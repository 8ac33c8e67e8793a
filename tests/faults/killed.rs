//! SIGKILL at any moment: what stands there is whole, and the next run completes it.

use crate::support::Chance;
use crate::{Lab, contents, digests, is_begun, is_tidy, iso, standing};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Kills in a test.
const KILLS: u32 = 200;

/// A run that nobody kills.
fn completes(lab: &Lab, arguments: &[&str]) {
    let ran = lab.run(arguments);
    if ran.code == Some(2) {
        // The last one was killed when all was done.
        ran.complains("is not empty");
    } else {
        ran.is(0);
    }
}

#[test]
fn an_extraction_that_is_killed_two_hundred_times_loses_nothing_and_leaves_nothing() {
    let lab = Lab::new();
    let contents = contents(120, 3 << 20);
    let image = iso(&contents);
    lab.write("medium.iso", &image);
    let want = digests(&contents);
    let digest = crate::sha256(&image);
    let plain: &[&str] = &["extract", "-q", "medium.iso", "-o", "out"];
    // Verified as well: files stand beside the destination until the verdict is known.
    let verified: &[&str] = &["extract", "-q", "medium.iso", "-o", "out", "--sha256", &digest];
    let begun = Instant::now();
    lab.run(plain).is(0);
    let mut whole = begun.elapsed().as_micros() as usize;
    let mut chance = Chance::new(200);
    let (mut before, mut within, mut after, mut chains) = (0u32, 0u32, 0u32, 0u32);
    let mut kills = 0u32;
    while kills < KILLS {
        let _ = std::fs::remove_dir_all(lab.path("out"));
        let arguments = if chains % 3 == 2 { verified } else { plain };
        chains += 1;
        // One after the other over the same destination, then a run that nobody kills.
        for _ in 0..1 + chance.below(5) {
            if kills == KILLS {
                break;
            }
            let mut child =
                lab.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_micros(chance.below(whole * 11 / 10) as u64));
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            let (out, beside) = (lab.path("out"), lab.path("out.part"));
            assert!(!(out.exists() && beside.exists()), "both stand there");
            let place = if beside.exists() { &beside } else { &out };
            let complete = out.exists() && !out.join(".discless.part").exists();
            match (place.exists(), complete) {
                // Machines are busier at one time than at another: the next kill comes later, or sooner.
                (false, _) => {
                    before += 1;
                    whole += whole / 32;
                }
                (true, false) => {
                    within += 1;
                    is_begun(place, &want);
                }
                (true, true) => {
                    after += 1;
                    whole -= whole / 32;
                    is_begun(&out, &want);
                    let files =
                        standing(&out).into_keys().filter(|path| !path.to_string_lossy().ends_with(".part"));
                    assert_eq!(files.count(), want.len(), "a file is missing of what is said to be complete");
                }
            }
        }
        completes(&lab, arguments);
        assert_eq!(standing(&lab.path("out")), want);
        is_tidy(lab.temp.path());
    }
    eprintln!("{KILLS} kills in {chains} chains: {before} before, {within} within, {after} after");
    assert!(within >= KILLS / 4, "{before} {within} {after}: too few fell into the work");
}

#[test]
fn packages_in_packages_go_on_where_a_kill_stopped_them() {
    let lab = Lab::new();
    let mut medium = crate::Medium::new("NESTED");
    for number in 0..6u64 {
        let inner = contents(20, 200_000)
            .into_iter()
            .map(|(path, bytes)| (path.to_string_lossy().into_owned(), bytes));
        let inner: Vec<(String, Vec<u8>)> = inner.collect();
        medium = medium.file(&format!("p{number}.zip"), crate::support::zip(&inner));
    }
    lab.write("medium.iso", &medium.iso());
    let arguments: &[&str] = &["extract", "-q", "medium.iso", "-o", "out", "--recurse"];
    let begun = Instant::now();
    lab.run(arguments).is(0);
    let whole = begun.elapsed().as_micros() as usize;
    let want = standing(&lab.path("out"));
    assert_eq!(want.len(), 6 + 6 * 20);
    let mut chance = Chance::new(20);
    let mut resumed = 0;
    for _ in 0..20 {
        std::fs::remove_dir_all(lab.path("out")).unwrap();
        let mut child = lab.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros((whole / 5 + chance.below(whole)) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        resumed += u32::from(lab.path("out/.discless.part").exists());
        completes(&lab, arguments);
        assert_eq!(standing(&lab.path("out")), want);
    }
    eprintln!("{resumed} of 20 went on with what was there");
    assert!(resumed >= 5, "{resumed}");
}
