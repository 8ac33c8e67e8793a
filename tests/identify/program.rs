//! The same answers from the program: in text, in JSON, and by its exit code.

use crate::support::media::Medium;
use crate::support::media::msi::msi;
use crate::support::media::pe::*;
use crate::support::media::wim::{image, wim};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn discless(arguments: &[&str], file: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_discless"));
    command.args(arguments).arg(file).env("NO_COLOR", "1").output().unwrap()
}

fn written(medium: Medium, name: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, medium.iso()).unwrap();
    (folder, path)
}

fn exchange() -> Medium {
    let build = "8.0.685.25";
    Medium::new("EX2007")
        .file("Setup.EXE", pe(X86).version("8.0.685.24"))
        .file("Setup.com", pe(X86).version("8.0.685.24"))
        .file("ExchangeServer.msi", msi("x64;1033").product("Microsoft Exchange Server", build))
        .file("Setup/ServerRoles/Common/ExSetup.exe", pe(X64).version(build))
        .file("Setup/ServerRoles/Mailbox/store.exe", pe(X64).version(build))
}

#[test]
fn the_founding_case_is_one_line_with_its_reasons() {
    let (_folder, path) = written(exchange(), "image.iso");
    let out = discless(&["inspect"], &path);
    assert!(out.status.success(), "{out:?}");
    let text = String::from_utf8(out.stdout).unwrap();
    let first = text.lines().next().unwrap();
    assert_eq!(first, "Exchange Server 2007 RTM, build 8.0.685.25, x64");
    for line in [
        "because ExchangeServer.msi#ProductVersion says 8.0.685.25",
        "also says 8.0.685.24: the same build",
        "also says 8.0.535.0:",
        "120-day trial",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let without = discless(&["inspect", "--no-advice"], &path);
    assert!(!String::from_utf8(without.stdout).unwrap().contains("120-day trial"));
}

#[test]
fn the_founding_case_is_the_same_in_json() {
    let (_folder, path) = written(exchange(), "image.iso");
    let out = discless(&["inspect", "--json"], &path);
    let document: Value = serde_json::from_slice(&out.stdout).unwrap();
    let source = &document["sources"][0];
    assert_eq!(source["product"]["value"], "Exchange Server 2007");
    assert_eq!(source["release"]["value"], "RTM");
    assert_eq!(source["build"]["value"], "8.0.685.25");
    assert_eq!(source["build"]["state"], "explained");
    assert_eq!(source["platform"]["value"], "x64");
    let also = source["build"]["also"].as_array().unwrap();
    assert!(
        also.iter().any(|also| also["value"] == "8.0.685.24" && also["where"] == "Setup.com#file version")
    );
    assert!(
        source["evidence"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["class"] == "A" && one["field"] == "build")
    );
}

/// A contradiction is said either way; with `--strict` it is the exit code, too.
#[test]
fn a_mislabelled_medium_fails_where_it_is_to_be_strict() {
    let made = Medium::new("TOOLS_X64").file("setup.exe", pe(X86));
    let made = made.files(&["bin/a.dll", "bin/b.dll", "bin/c.dll"], dll(X86));
    let (_folder, path) = written(made, "tools-x64.iso");
    let lenient = discless(&["inspect"], &path);
    assert_eq!(lenient.status.code(), Some(0), "{lenient:?}");
    assert!(String::from_utf8(lenient.stdout).unwrap().contains("trust the files"));
    let strict = discless(&["inspect", "--strict"], &path);
    assert_eq!(strict.status.code(), Some(1), "{strict:?}");
    let (_folder, path) = written(exchange(), "image.iso");
    assert_eq!(discless(&["inspect", "--strict"], &path).status.code(), Some(0));
}

#[test]
fn the_digest_of_a_published_medium_decides_what_files_cannot_tell() {
    let image = image("Windows 10 Pro").version("10.0.19041.1348").edition("Professional").client();
    let medium =
        Medium::new("CCCOMA_X64FRE_EN-US_DV9").file("sources/install.wim", wim([image.arch(9)]).build());
    let (folder, path) = written(medium, "renamed.iso");
    let sum = crate::support::sha256(&std::fs::read(&path).unwrap());
    let facts = folder.path().join("facts");
    std::fs::create_dir(&facts).unwrap();
    let header = "file\tsha256\tsha1\tproduct\trelease\tplatform\tlanguage\tbuild\timages\tsource";
    let row = format!("made.iso\t{sum}\t\tWindows 10\t21H1\tx64\ten-US\t19041.1348\tProfessional\tthis test");
    std::fs::write(facts.join("media.tsv"), format!("{header}\n{row}\n")).unwrap();

    let ask = |arguments: &[&str]| -> Value {
        let out = discless(
            &[&["inspect", "--json", "--facts", facts.to_str().unwrap()], arguments].concat(),
            &path,
        );
        serde_json::from_slice::<Value>(&out.stdout).unwrap()["sources"][0].take()
    };
    let guess = ask(&[]);
    assert!(
        guess["release"]["value"].as_str().unwrap().contains("files cannot tell"),
        "{}",
        guess["release"]
    );
    assert_eq!(guess["source"]["sha256"], Value::Null);
    let known = ask(&["--hash"]);
    assert_eq!(known["release"]["value"], "21H1", "{}", known["release"]);
    assert_eq!(known["product"]["value"], "Windows 10");
    assert_eq!(known["source"]["sha256"], sum.as_str());
    assert!(known["release"]["because"].to_string().contains("made.iso"), "{}", known["release"]);
}
