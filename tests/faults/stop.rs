//! Ctrl-C and SIGTERM: tidy, exit code 130; a second one ends at once.

use crate::{Lab, contents, digests, is_begun, is_tidy, iso, standing};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Waits until `path` is there, or the program has ended.
fn wait_for(path: &Path, child: &mut Child) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        if path.exists() {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    panic!("nothing happened for 30 seconds");
}

#[test]
fn an_interrupted_extraction_is_tidy_says_so_and_goes_on() {
    let lab = Lab::new();
    let contents = contents(400, 24 << 20);
    let image = iso(&contents);
    lab.write("medium.iso", &image);
    let want = digests(&contents);
    let digest = crate::sha256(&image);
    let mut stopped = 0;
    for (round, signal) in
        [Signal::INT, Signal::TERM, Signal::INT, Signal::TERM].into_iter().cycle().take(12).enumerate()
    {
        let verified = round % 2 == 1;
        let mut arguments = vec!["extract", "medium.iso", "-o", "out"];
        if verified {
            arguments.extend(["--sha256", &digest]);
        }
        let place = lab.path(if verified { "out.part" } else { "out" });
        let mut child = lab.start(&arguments);
        // The marker stands there: the handler does, too.
        if wait_for(&place.join(".discless.part"), &mut child) {
            std::thread::sleep(Duration::from_millis(round as u64 % 4));
            send(&child, signal);
        }
        let ended = child.wait_with_output().unwrap();
        if ended.status.code() == Some(130) {
            stopped += 1;
            let err = String::from_utf8(ended.stderr).unwrap();
            assert!(err.contains("goes on where it stopped"), "{err}");
            is_begun(&place, &want);
            let parts = standing(&place).into_keys().filter(|path| path.to_string_lossy().ends_with(".part"));
            assert_eq!(parts.collect::<Vec<_>>(), [Path::new(".discless.part")], "half a file is left");
            lab.run(&arguments).is(0);
        } else {
            assert_eq!(ended.status.code(), Some(0), "{:?} {:?}", ended.status, ended.status.signal());
        }
        assert_eq!(standing(&lab.path("out")), want);
        is_tidy(lab.temp.path());
        std::fs::remove_dir_all(lab.path("out")).unwrap();
    }
    eprintln!("{stopped} of 12 signals came before the end");
    assert!(stopped >= 4, "{stopped}");
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let lab = Lab::new();
    // Names that have to be changed make the answer longer than a pipe holds, and nobody reads it.
    let files: Vec<(String, Vec<u8>)> =
        (0..1500).map(|i| (format!("a name with a colon: {i} {}", "x".repeat(60)), vec![1])).collect();
    lab.write("medium.zip", &crate::support::zip(&files));
    let mut child = lab.start(&["extract", "--json", "medium.zip", "-o", "out"]);
    let mut first = [0];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    send(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(100));
    assert!(child.try_wait().unwrap().is_none(), "one alone waits for a tidy end");
    let begun = Instant::now();
    send(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
