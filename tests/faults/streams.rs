//! Standard streams that are closed, full, or whose reader has gone.

use crate::{Lab, contents, iso};

/// A laboratory with a medium, and every command that answers something about it.
fn every_command() -> (Lab, Vec<&'static str>) {
    let lab = Lab::new();
    lab.write("m.iso", &iso(&contents(300, 5000)));
    let commands = vec![
        "inspect m.iso",
        "inspect --json m.iso",
        "list m.iso",
        "list -l m.iso",
        "list -0 m.iso",
        "list --json m.iso",
        "verify m.iso",
        "verify --json --deep m.iso",
        "hash m.iso",
        "cat 'm.iso!/d0/f9.bin'",
        "extract --overwrite=always m.iso -o out",
        "extract -n m.iso -o none",
        "extract --json --overwrite=always m.iso -o out",
        "builds exchange",
        "formats",
        "man",
        "completions bash",
        "--help",
        "extract --help",
        "--version",
    ];
    (lab, commands)
}

#[test]
fn a_reader_that_goes_ends_it_quietly() {
    let (lab, commands) = every_command();
    for command in &commands {
        // Its exit code goes to a file: that of a pipe is its last command's.
        let ran = lab.shell(&format!("{{ \"$D\" {command}; echo $? >code; }} | head -c 1 >/dev/null"));
        assert_eq!(ran.code, Some(0));
        let code = std::fs::read_to_string(lab.path("code")).unwrap();
        // What `verify` says of it is the medium's, and 0 is for who left before that.
        assert!(matches!(code.trim(), "0" | "3"), "{command}: {code}");
        let complaint = ran.err.lines().find(|line| line.starts_with("error") || line.contains("panicked"));
        assert_eq!(complaint, None, "{command}");
    }
    eprintln!("{} commands whose reader went", commands.len());
}

#[test]
fn closed_standard_streams_are_no_reason_to_fail() {
    let (lab, commands) = every_command();
    for command in &commands {
        for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
            let ran = lab.shell(&format!("\"$D\" {command} {closed}"));
            assert!(matches!(ran.code, Some(0 | 3)), "{command} {closed}: {:?} {}", ran.code, ran.err);
            assert!(!ran.err.contains("panicked") && !ran.err.contains("internal"), "{command}: {}", ran.err);
        }
    }
    // What is asked to read it finds nothing in it.
    lab.shell("\"$D\" list - <&-").is(1).complains("is an empty file");
    // And the code is the same where errors cannot be told.
    lab.shell("\"$D\" list nothing 2>&-").is(2);
    eprintln!("{} commands, four ways each", commands.len());
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_a_failure_and_said() {
    let (lab, commands) = every_command();
    for command in &commands {
        let ran = lab.shell(&format!("\"$D\" {command} >/dev/full"));
        assert_eq!(ran.code, Some(2), "{command}: {}", ran.err);
        assert!(ran.err.contains("no space left on device"), "{command}: {}", ran.err);
    }
    lab.shell("\"$D\" list nothing 2>/dev/full").is(2);
    eprintln!("{} commands that could not be heard", commands.len());
}
