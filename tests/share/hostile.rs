//! Manifests that somebody edited, links where files were: nothing outside the share is read or removed.
#![cfg(unix)]

use crate::{FOLDER, Lab, with_exchange};
use std::os::unix::fs::symlink;
use std::path::Path;

/// A file outside the share that must stay as it is.
fn victim(lab: &Lab) -> std::path::PathBuf {
    let path = lab.path("victim");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("file"), "precious").unwrap();
    path
}

#[track_caller]
fn is_unharmed(lab: &Lab) {
    assert_eq!(std::fs::read_to_string(lab.path("victim/file")).unwrap(), "precious");
}

#[test]
fn paths_that_lead_elsewhere_are_refused_by_every_command() {
    for path in
        ["../../../../../../victim/file", "/etc/hostname", "a/../../x", "", ".", "a//b", "C:\\x", "..\\..\\x"]
    {
        let lab = with_exchange();
        victim(&lab);
        lab.edit_manifest(FOLDER, |manifest| manifest["files"][0]["path"] = path.into());
        for command in ["check", "remove"] {
            let flags: &[&str] =
                if command == "remove" { &["remove", "--force"] } else { &["check", "--full"] };
            lab.run(flags, &[Path::new(FOLDER)]).is(1);
            is_unharmed(&lab);
        }
        lab.run(&["export", "--format=sha256sums"], &[]).is(1).complains("path in a manifest");
        assert!(lab.file("Setup.com").exists());
    }
}

#[test]
fn manifests_of_nonsense_are_refused() {
    let huge = format!("{{\"schema\":\"discless.manifest/1\",\"files\":{}}}", "[".repeat(50_000));
    let wrong = "{\"schema\":\"discless.manifest/1\",\"files\":{\"a\":1}}";
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "{\"schema\":1}",
        &huge,
        wrong,
        "\u{feff}{}",
        "{\"schema\":\"discless.manifest/7\"}",
    ] {
        let lab = with_exchange();
        std::fs::write(lab.file(".discless/manifest.json"), text).unwrap();
        lab.run(&["check", "--full"], &[]).is(1).says("manifest  ");
        let ran = lab.run(&["remove", "--force"], &[Path::new(FOLDER)]);
        assert!(matches!(ran.code, Some(1 | 2)), "{text}: {}", ran.err);
        assert!(lab.file("Setup.com").exists());
        lab.run(&["list"], &[]).is(0);
    }
    let lab = with_exchange();
    for text in ["", "{}", "{\"schema\":\"discless.index/1\",\"products\":[{\"folder\":\"../x\"}]}"] {
        std::fs::write(lab.at(".discless/index.json"), text).unwrap();
        lab.run(&["check"], &[]).is(1).complains("index");
        std::fs::write(lab.at(".discless/share.json"), text).unwrap();
        lab.run(&["check"], &[]).is(1);
        std::fs::write(
            lab.at(".discless/share.json"),
            "{\"schema\":\"discless.share/1\",\"discless\":\"0\",\"created\":\"\",\"template\":\"{product}\"}",
        )
        .unwrap();
    }
}

#[test]
fn no_link_leads_out_of_the_share() {
    let lab = with_exchange();
    let victim = victim(&lab);
    // A file that became a link: changed, and only the link goes.
    std::fs::remove_file(lab.file("autorun.inf")).unwrap();
    symlink(victim.join("file"), lab.file("autorun.inf")).unwrap();
    // A folder that became one.
    std::fs::rename(lab.file("Setup"), lab.path("setup-was-here")).unwrap();
    symlink(&victim, lab.file("Setup")).unwrap();
    let ran = lab.run(&["check", "--full"], &[]).is(1).says("changed   autorun.inf: a link to");
    ran.says("missing   Setup/Data/large.bin").says("added     Setup");
    lab.run(&["remove", "--force"], &[Path::new(FOLDER)]).is(0);
    is_unharmed(&lab);
    assert!(lab.file("Setup").symlink_metadata().unwrap().is_symlink(), "what others put there stays");
    // A whole product folder.
    let lab = with_exchange();
    let elsewhere = lab.path("elsewhere");
    std::fs::rename(lab.at("Microsoft"), &elsewhere).unwrap();
    symlink(&elsewhere, lab.at("Microsoft")).unwrap();
    lab.run(&["check"], &[]).is(1).says("the whole folder");
    lab.run(&["remove", "--force"], &[Path::new(FOLDER)]).is(0).says("forgot");
    assert!(elsewhere.join("Exchange Server 2007/RTM (8.0.685.25)/x64/en-US/Setup.com").exists());
    let iso = lab.path("ex2007.iso");
    lab.run(&["add"], &[&iso]).is(2);
    assert!(
        std::fs::read_dir(lab.at(".discless/staging")).unwrap().next().is_none()
            || lab.at("Microsoft").is_symlink()
    );
}

#[test]
fn our_own_folders_are_no_links_either() {
    let lab = with_exchange();
    let victim = victim(&lab);
    let own = lab.file(".discless");
    std::fs::rename(&own, lab.path("own")).unwrap();
    symlink(&victim, &own).unwrap();
    lab.run(&["check"], &[]).is(1);
    let ran = lab.run(&["remove", "--force"], &[Path::new(FOLDER)]);
    assert_ne!(ran.code, Some(0));
    is_unharmed(&lab);
    let lab = Lab::new();
    let elsewhere = lab.path("staging-elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let _ = std::fs::remove_dir(lab.at(".discless/staging"));
    symlink(&elsewhere, lab.at(".discless/staging")).unwrap();
    let iso = lab.medium("ex.iso", &crate::exchange().iso());
    lab.run(&["add"], &[&iso]).is(2);
    assert!(std::fs::read_dir(&elsewhere).unwrap().next().is_none());
    let lab = Lab::new();
    std::fs::rename(lab.at(".discless"), lab.path("own")).unwrap();
    symlink(lab.path("own"), lab.at(".discless")).unwrap();
    lab.run(&["check"], &[]).is(2);
}

#[test]
fn a_pipe_where_a_file_was_stops_nobody() {
    let lab = with_exchange();
    std::fs::remove_file(lab.file("autorun.inf")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(lab.file("autorun.inf")).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no mkfifo here");
        return;
    }
    lab.run(&["check", "--full"], &[]).is(1).says("changed   autorun.inf: no file any more");
}
