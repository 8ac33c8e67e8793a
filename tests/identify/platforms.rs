//! For which processor a medium is, where names say otherwise and where headers do.

use crate::found::{field, iso, looked};
use crate::support::media::Medium;
use crate::support::media::msi::msi;
use crate::support::media::pe::*;
use std::sync::Arc;

/// The header of an ARM64EC program is that of x64.
#[test]
fn trap_03_arm64ec_says_x64_and_is_arm64() {
    let made = Medium::new("RUNTIME")
        .file("setup.exe", pe(X86))
        .file("bin/vcruntime140_1.dll", dll(X64).hybrid())
        .files(&["bin/msvcp140.dll", "bin/vcruntime140.dll", "bin/concrt140.dll"], dll(ARM64).hybrid())
        .file("bin/vcamp140.dll", dll(ARM64));
    let found = iso(made);
    found.holds(field::PLATFORM, "arm64");
    assert_eq!((found.report.platform.counts["arm64"], found.report.platform.counts["x64"]), (5, 0));
}

/// In installer packages `Intel64` is Itanium; x64 packages say `x64`.
#[test]
fn trap_04_intel64_is_itanium() {
    let made = Medium::new("TOOLS")
        .file("setup.exe", pe(X86))
        .file("tools.msi", msi("Intel64;1033").product("Contoso Tools", "1.2.3"));
    let found = iso(made);
    found.holds(field::PLATFORM, "ia64");
    found.advises(&["msi-intel64"]);
}

/// Label and name say x64, and every program is for x86.
#[test]
fn a_mislabelled_medium_is_caught() {
    let made = Medium::new("TOOLS_X64")
        .file("setup.exe", pe(X86).version("1.0.0.0"))
        .files(&["bin/a.dll", "bin/b.dll", "bin/c.exe", "bin/d.dll"], pe(X86).version("1.0.0.0"));
    let found = looked(Arc::new(made.clone().iso()), "tools-x64.iso");
    found.holds(field::PLATFORM, "x86");
    found.state(field::PLATFORM, "conflict");
    found.advises(&["label-platform"]);
    // The same disc with a right name has nothing to warn of.
    let found = looked(Arc::new(made.labelled("TOOLS_X86").iso()), "tools-x86.iso");
    found.holds(field::PLATFORM, "x86");
    found.advises_not(&["label-platform"]);
    assert_ne!(found.report.platform.state, "conflict");
}

#[test]
fn starters_prerequisites_and_neutral_programs_do_not_vote() {
    let made = Medium::new("SERVER")
        .file("setup.exe", pe(X86))
        .files(&["redist/vcredist_x86.exe", "redist/dotnetfx40.exe"], pe(X86))
        .files(&["bin/x86/a.dll", "bin/x86/b.dll"], dll(X86))
        .files(&["bin/managed1.dll", "bin/managed2.dll", "bin/managed3.dll"], dll(X86).managed(IL_ONLY))
        .files(&["bin/x64/a.dll", "bin/x64/b.dll"], dll(X64));
    let found = iso(made);
    found.holds(field::PLATFORM, "x64");
    let counts = &found.report.platform.counts;
    assert_eq!((counts["x64"], counts["neutral"]), (2, 3));
    found.because(field::PLATFORM, "left out");
}
