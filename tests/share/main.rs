//! A lab's share, as the program makes and checks it: `discless share …` run on directories.
#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

mod faults;
mod hostile;
mod keys;
mod life;
mod space;
mod updates;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::image::pattern;
use support::media::Medium;
use support::media::msi::msi;
use support::media::pe::{X64, dll, pe};
use support::ran::Ran;
use support::sha256;

/// The product code of the made Exchange Server 2007.
const PRODUCT_2007: &str = "{24B2C164-DE66-44FE-B468-A46D9D5E6B31}";
/// Where it goes.
const FOLDER: &str = "Microsoft/Exchange Server 2007/RTM (8.0.685.25)/x64/en-US";

/// A directory for a test, with a share and media in it.
struct Lab {
    temp: tempfile::TempDir,
}

impl Lab {
    /// With an empty share.
    fn new() -> Self {
        let lab = Self::without_share();
        lab.run(&["init"], &[]).is(0);
        lab
    }

    fn without_share() -> Self {
        Self { temp: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    fn share(&self) -> PathBuf {
        self.path("lab")
    }

    /// A file in the share.
    fn at(&self, path: &str) -> PathBuf {
        self.share().join(path)
    }

    /// A file of the made Exchange Server.
    fn file(&self, path: &str) -> PathBuf {
        self.at(FOLDER).join(path)
    }

    /// Writes a medium, with its digest beside it.
    fn medium(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::write(self.path(&format!("{name}.sha256")), format!("{}  {name}\n", sha256(bytes))).unwrap();
        path
    }

    /// The command before it is run.
    fn command(&self, before: &[&str], after: &[&Path]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_discless"));
        command.arg("share").arg(before[0]).arg(self.share()).args(after).args(&before[1..]);
        command.stdin(std::process::Stdio::null());
        command
    }

    /// `discless share WHAT SHARE after… flags…`.
    fn run(&self, before: &[&str], after: &[&Path]) -> Ran {
        Ran::of(self.command(before, after).output().unwrap())
    }

    fn json(&self, before: &[&str], after: &[&Path]) -> (Option<i32>, serde_json::Value) {
        let mut before = before.to_vec();
        before.push("--json");
        let ran = self.run(&before, after);
        (
            ran.code,
            serde_json::from_str(&ran.out)
                .unwrap_or_else(|error| panic!("{error}\n{}\n{}", ran.out, ran.err)),
        )
    }

    fn manifest(&self, folder: &str) -> serde_json::Value {
        let bytes = std::fs::read(self.at(folder).join(".discless/manifest.json")).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn edit_manifest(&self, folder: &str, edit: impl FnOnce(&mut serde_json::Value)) {
        let mut manifest = self.manifest(folder);
        edit(&mut manifest);
        let bytes = serde_json::to_vec_pretty(&manifest).unwrap();
        std::fs::write(self.at(folder).join(".discless/manifest.json"), bytes).unwrap();
    }

    /// Nothing is left of an add.
    fn is_tidy(&self) {
        let staging = self.at(".discless/staging");
        let left: Vec<_> = std::fs::read_dir(staging)
            .map(|all| all.map(|one| one.unwrap().path()).collect())
            .unwrap_or_default();
        let inside: Vec<_> =
            left.iter().flat_map(walkdir::WalkDir::new).map(|step| step.unwrap().path().to_owned()).collect();
        assert!(left.is_empty(), "{inside:?}");
    }
}

/// Exchange Server 2007 RTM, for x64.
fn exchange() -> Medium {
    let build = "8.0.685.25";
    let own = |program: support::media::pe::Pe| program.version(build).microsoft("Microsoft® Exchange");
    Medium::new("EX2007_64")
        .file("Setup.com", pe(X64).version("8.0.685.24").microsoft("Microsoft® Exchange"))
        .file(
            "ExchangeServer.msi",
            msi("x64;1033").product("Microsoft Exchange Server", build).code(PRODUCT_2007),
        )
        .file("Setup/ServerRoles/Common/ExSetup.exe", own(pe(X64)))
        .file("Setup/ServerRoles/Mailbox/store.exe", own(pe(X64)))
        .file("Setup/ServerRoles/Common/exmgmt.dll", own(dll(X64)))
        .file("en/ServerLanguagePack.msi", msi("Intel;1033").product("Exchange Language Pack", build))
        .file("Setup/Data/large.bin", pattern(7, 300_000))
        .file("autorun.inf", "[autorun]\r\nopen=Setup.EXE\r\n")
}

/// A share with Exchange Server 2007 in it.
fn with_exchange() -> Lab {
    let lab = Lab::new();
    let iso = lab.medium("ex2007.iso", &exchange().iso());
    lab.run(&["add"], &[&iso]).is(0);
    lab
}

/// Changes one byte of a file and leaves its time as it was.
fn flip(path: &Path) {
    let meta = std::fs::metadata(path).unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_times(std::fs::FileTimes::new().set_modified(meta.modified().unwrap())).unwrap();
}
