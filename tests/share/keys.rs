//! Signatures over manifests, product keys on media, digests for others.

use crate::support::media::Medium;
use crate::{FOLDER, Lab, with_exchange};
use std::path::Path;
use std::process::Command;

/// Two keys of the tests, which are nobody's.
const SECRET: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACCzPq7zfqLffKoBDe/eo04kH2XxtSmk9D7RQyf1xUqrYgAAAJgAIAxdACAM
XQAAAAtzc2gtZWQyNTUxOQAAACCzPq7zfqLffKoBDe/eo04kH2XxtSmk9D7RQyf1xUqrYg
AAAEC2BsIi0QwW2uFscKTUUXNHLsYX4FxlaSDSblbAj7WR7bM+rvN+ot98qgEN796jTiQf
ZfG1KaT0PtFDJ/XFSqtiAAAAEHVzZXJAZXhhbXBsZS5jb20BAgMEBQ==
-----END OPENSSH PRIVATE KEY-----
";
const PUBLIC: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti user@example.com\n";
const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILQZVJIWtjfZwv0OzNBvnJqK7ZHIDXfc2AWb671CrWss other\n";

fn key(lab: &Lab) -> (String, String) {
    std::fs::write(lab.path("key"), SECRET).unwrap();
    std::fs::write(lab.path("key.pub"), PUBLIC).unwrap();
    std::fs::write(lab.path("other.pub"), OTHER).unwrap();
    let text = |name: &str| lab.path(name).to_str().unwrap().to_owned();
    (text("key"), text("key.pub"))
}

#[test]
fn a_signed_share_is_trusted_and_an_edited_one_is_not() {
    let lab = with_exchange();
    let (secret, public) = key(&lab);
    lab.run(&["check", "--signature", "--key", &public], &[]).is(3).says("manifest.json is not signed");
    lab.run(&["sign", "--key", &secret], &[]).is(0).says("signed 1 manifest and the index");
    let ran =
        lab.run(&["check", "--full", "--signature", "--key", &public], &[]).is(0).says("signature good");
    ran.says("index: good");
    // A key that nobody named, and one that did not sign.
    lab.run(&["check", "--signature"], &[]).is(3);
    let other = lab.path("other.pub").to_str().unwrap().to_owned();
    lab.run(&["check", "--key", &other], &[]).is(3).says("that key is not among those given");
    // Who edits a manifest and makes the index agree is found by the signature alone.
    lab.edit_manifest(FOLDER, |manifest| manifest["source"]["name"] = "x.iso".into());
    std::fs::remove_file(lab.at(".discless/index.json")).unwrap();
    lab.run(&["check"], &[]).is(0);
    lab.run(&["check", "--key", &public], &[]).is(1).says("this is not what user@example.com");
    // A signature for something else is none.
    lab.run(&["sign", "--key", &public], &[]).is(2).complains("is a public key");
}

#[test]
fn what_is_not_as_it_was_is_not_signed_and_what_changes_loses_its_signature() {
    let lab = with_exchange();
    let (secret, public) = key(&lab);
    lab.run(&["sign", "--key", &secret], &[]).is(0);
    let tools = lab.medium("tools.iso", &Medium::new("TOOLS").file("a.txt", "a").iso());
    lab.run(&["add"], &[&tools]).is(0);
    // The index is another one now, and nothing says that the old signature was wrong.
    lab.run(&["check", "--key", &public], &[]).is(3).says("index.json is not signed");
    lab.edit_manifest(FOLDER, |manifest| manifest["verdict"] = "unverified".into());
    lab.run(&["sign", "--key", &secret], &[])
        .is(1)
        .says("not signed Microsoft")
        .says("signed 1 manifest with");
    lab.run(&["check", "--key", &public], &[Path::new("Unidentified")]).is(3).says("signature good");
}

#[test]
fn keys_and_passwords_are_told_and_never_shown() {
    const KEY: &str = "BCDFG-HJKMP-QRTVW-XY234-6789B";
    const PASSWORD: &str = "Corr3ct-Horse";
    let medium = Medium::new("ANSWERS")
        .file("autounattend.xml", &*format!("<unattend><AdministratorPassword><Value>{PASSWORD}</Value></AdministratorPassword><ProductKey>{KEY}</ProductKey></unattend>"))
        .file("sources/pid.txt", &*format!("[PID]\r\nValue={KEY}\r\n"))
        .file("readme.txt", "nothing");
    let iso = medium.iso();
    let lab = Lab::new();
    let path = lab.medium("answers.iso", &iso);
    let ran = lab
        .run(&["add", "-v"], &[&path])
        .is(0)
        .says("autounattend.xml holds a password")
        .says("sources/pid.txt holds a product key");
    assert!(
        !ran.out.contains(KEY)
            && !ran.err.contains(KEY)
            && !ran.out.contains(PASSWORD)
            && !ran.err.contains(PASSWORD)
    );
    let manifest = std::fs::read_to_string(lab.at("Unidentified/answers/.discless/manifest.json")).unwrap();
    assert!(!manifest.contains(KEY) && !manifest.contains(PASSWORD));
    assert_eq!(lab.manifest("Unidentified/answers")["secrets"].as_array().unwrap().len(), 3);
    let lab = Lab::new();
    let path = lab.medium("answers.iso", &iso);
    lab.run(&["add", "--strip-secrets"], &[&path]).is(0).says("left out");
    assert!(lab.at("Unidentified/answers/readme.txt").exists());
    assert!(!lab.at("Unidentified/answers/autounattend.xml").exists());
    let manifest = lab.manifest("Unidentified/answers");
    assert!(manifest["secrets"].as_array().unwrap().iter().all(|secret| secret["left_out"] == true));
    assert_eq!(manifest["files"].as_array().unwrap().len(), 1);
    for entry in walkdir::WalkDir::new(lab.share())
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().is_file())
    {
        let bytes = std::fs::read(entry.path()).unwrap();
        assert!(
            !bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()),
            "{}",
            entry.path().display()
        );
    }
    lab.run(&["check", "--full"], &[]).is(0);
}

#[test]
fn digests_are_printed_as_others_read_them() {
    let lab = with_exchange();
    let sums = lab.run(&["export", "--format=sha256sums"], &[]).is(0);
    assert_eq!(sums.out.lines().count(), 8);
    std::fs::write(lab.path("SUMS"), &sums.out).unwrap();
    let checked = Command::new("sha256sum")
        .arg("-c")
        .arg("--quiet")
        .arg(lab.path("SUMS"))
        .current_dir(lab.share())
        .status();
    match checked {
        Ok(status) => assert!(status.success()),
        Err(_) => eprintln!("skipped: no sha256sum here"),
    }
    let pulp = lab.run(&["export", "--format=pulp-manifest"], &[]).is(0);
    let line = pulp.out.lines().next().unwrap();
    let parts: Vec<&str> = line.rsplitn(3, ',').collect();
    assert!(
        parts[0].parse::<u64>().is_ok() && parts[1].len() == 64 && parts[2].starts_with(FOLDER),
        "{line}"
    );
    let deep = lab.run(&["export", "--format=hashdeep"], &[]).is(0);
    assert!(deep.out.starts_with("%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n"));
    let json = lab.run(&["export", "--format=json"], &[]).is(0);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json.out).unwrap()[0]["files"].as_array().unwrap().len(),
        8
    );
    lab.run(&["export", "--format=sidecars"], &[]).is(2).complains("-o DIR");
    let inside = lab.at("sidecars");
    lab.run(&["export", "--format=sidecars", "-o", inside.to_str().unwrap()], &[])
        .is(2)
        .complains("is in the share");
    let to = lab.path("sidecars");
    lab.run(&["export", "--format=sidecars", "-o", to.to_str().unwrap()], &[]).is(0).says("wrote 8 sidecars");
    let side = std::fs::read_to_string(to.join(FOLDER).join("Setup.com.sha256")).unwrap();
    assert!(side.ends_with("  Setup.com\n"));
}

#[test]
fn stanzas_are_read_only_with_user_and_password() {
    let lab = with_exchange();
    let ran =
        lab.run(&["export", "--samba", "--name", "media", "--user", "installer"], &[]).is(0).says("[media]");
    ran.says("valid users = installer").says("guest ok = no").says("read only = yes").says("wide links = no");
    lab.run(&["export", "--nfs", "--clients", "10.1.0.0/16"], &[])
        .is(0)
        .says(" 10.1.0.0/16(ro,all_squash,no_subtree_check)");
    lab.run(&["export", "--windows", "--path", "D:\\it's"], &[])
        .is(0)
        .says("-Path 'D:\\it''s' -ReadAccess 'lab' -EncryptData $true");
    lab.run(&["export", "--samba", "--user", "a b"], &[]).is(2);
    lab.run(&["export", "--samba", "--name", "a]\n[b"], &[]).is(2);
    lab.run(&["export"], &[]).is(2);
}
