//! No room: foreseen, and in the middle.

use crate::{Lab, contents, digests, is_tidy, iso, standing};
use discless::error::{Kind, Refusal};

/// Runs `script` where a directory `small` is a file system of `bytes`; nothing where this machine lets nobody mount.
fn in_small(lab: &Lab, bytes: u64, script: &str) -> Option<crate::Ran> {
    std::fs::create_dir_all(lab.path("small")).unwrap();
    std::fs::write(lab.path("script"), script).unwrap();
    let mount = format!("mount -t tmpfs -o size={bytes} none small || exit 99; . ./script");
    let ran = lab.shell(&format!("unshare -Urm sh -c '{mount}' || {{ code=$?; exit $code; }}"));
    if ran.code == Some(99) || ran.err.contains("unshare:") || ran.code == Some(127) {
        eprintln!("SKIPPED: no file system of our own can be mounted here: {}", ran.err);
        return None;
    }
    Some(ran)
}

#[test]
fn a_disk_that_is_too_small_is_refused_before_anything_is_written() {
    let lab = Lab::new();
    lab.write("medium.iso", &iso(&contents(40, 4 << 20)));
    let script = "\"$D\" extract medium.iso -o small/out; echo code $?; ls -A small";
    let Some(ran) = in_small(&lab, 2 << 20, script) else { return };
    let ran = ran.complains("the files need").complains("hint: choose a larger disk with -o DIR");
    assert_eq!(ran.out, "code 2\n");
}

#[test]
fn a_disk_that_fills_meanwhile_is_survived_and_the_rerun_completes() {
    let lab = Lab::new();
    let contents = contents(40, 4 << 20);
    lab.write("medium.iso", &iso(&contents));
    let digest = crate::sha256(&std::fs::read(lab.path("medium.iso")).unwrap());
    // The room is asked for where the destination is new: one that has something in it is completed, and what that
    // needs is found out while it is written. As a second way in, the same where files are verified on the way.
    for (more, place) in [("", "small/out"), ("--sha256 DIGEST", "small/out.part")] {
        let more = more.replace("DIGEST", &digest);
        // `--overwrite=changed` asks for no room first.
        let script = format!(
            "head -c 4000000 /dev/zero >small/ballast\n\
             mkdir {place}; echo mine >{place}/mine\n\
             \"$D\" extract medium.iso -o small/out --overwrite=changed {more} >answer; echo code $?\n\
             find {place} -type f | grep -c 'bin.part$'; echo left\n\
             find {place} -name .discless.part | wc -l\n\
             rm small/ballast\n\
             \"$D\" extract medium.iso -o small/out --overwrite=changed {more} >answer; echo code $?\n\
             find small -name '*.part' | wc -l\n\
             rm -rf copy; cp -r small/out copy; rm copy/mine\n"
        );
        let Some(ran) = in_small(&lab, 7 << 20, &script) else { return };
        let ran = ran
            .complains("no space left on device")
            .complains("hint: make room, then run the same command again");
        let lines: Vec<&str> = ran.out.lines().collect();
        assert_eq!(lines, ["code 2", "0", "left", "1", "code 0", "0"], "{more}: {}\n{}", ran.out, ran.err);
        assert_eq!(standing(&lab.path("copy")), digests(&contents));
    }
}

#[test]
fn a_file_larger_than_the_shell_allows_is_said_and_leaves_no_part() {
    let lab = Lab::new();
    let contents = contents(20, 3 << 20);
    lab.write("medium.iso", &iso(&contents));
    // Blocks of 512 bytes, or of a KiB.
    lab.shell("ulimit -f 1000; \"$D\" extract medium.iso -o out")
        .is(2)
        .complains("d0/f0.bin: file too large")
        .complains("hint: make room");
    let parts =
        standing(&lab.path("out")).into_keys().filter(|path| path.to_string_lossy().ends_with(".part"));
    assert_eq!(parts.collect::<Vec<_>>(), [std::path::Path::new(".discless.part")]);
    lab.run(&["extract", "medium.iso", "-o", "out"]).is(0);
    assert_eq!(standing(&lab.path("out")), digests(&contents));
    is_tidy(&lab.path("out"));
}

#[test]
fn the_room_that_lacks_is_told_in_numbers() {
    // What no disk of today has, in a volume that stores none of it: a hole takes no room, so it is not refused for
    // room but for what it claims; a plan says both before anything is written.
    let need = u64::MAX / 2;
    let refusal = Kind::Refused(Refusal::NoSpace { need, have: 10 });
    assert_eq!(refusal.to_string(), format!("the files need {need} bytes, the destination has 10 free"));
}
