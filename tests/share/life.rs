//! What an administrator does, from an empty directory on.

use crate::support::image::pattern;
use crate::support::media::Medium;
use crate::{FOLDER, Lab, exchange, flip, with_exchange};
use std::path::Path;

#[test]
fn a_share_is_made_of_an_empty_directory_and_of_no_other() {
    let lab = Lab::without_share();
    lab.run(&["init"], &[]).is(0).says("is a share now");
    let before = std::fs::read(lab.at(".discless/share.json")).unwrap();
    lab.run(&["init"], &[]).is(0).says("is a share already");
    assert_eq!(std::fs::read(lab.at(".discless/share.json")).unwrap(), before);
    lab.run(&["init", "--template", "{product}"], &[])
        .is(2)
        .complains("is a share already, with the template");
    let other = Lab::without_share();
    std::fs::create_dir(other.share()).unwrap();
    std::fs::write(other.at("mine.txt"), "x").unwrap();
    other.run(&["init"], &[]).is(2).complains("is not empty");
    assert!(!other.at(".discless").exists());
    other
        .run(&["add"], &[Path::new("x.iso")])
        .is(2)
        .complains("is no share")
        .complains("hint: discless share init");
    Lab::without_share().run(&["init", "--template", "x"], &[]).is(2).complains("a field outside");
}

#[test]
fn a_verified_medium_goes_where_the_template_says_with_its_manifest() {
    let lab = with_exchange();
    let manifest = lab.manifest(FOLDER);
    assert_eq!(manifest["schema"], "discless.manifest/1");
    assert_eq!(manifest["verdict"], "verified");
    assert_eq!(manifest["verified_by"][0], "sha256 by ex2007.iso.sha256");
    assert_eq!(manifest["source"]["name"], "ex2007.iso");
    assert_eq!(
        manifest["source"]["digests"]["sha256"],
        crate::sha256(&std::fs::read(lab.path("ex2007.iso")).unwrap())
    );
    assert_eq!(manifest["product"]["name"], "Exchange Server 2007");
    let files = manifest["files"].as_array().unwrap();
    assert_eq!(files.len(), 8);
    assert!(files.windows(2).all(|pair| pair[0]["path"].as_str() < pair[1]["path"].as_str()), "sorted");
    for file in files {
        let bytes = std::fs::read(lab.file(file["path"].as_str().unwrap())).unwrap();
        assert_eq!(file["sha256"], crate::sha256(&bytes));
        assert_eq!(file["bytes"], bytes.len());
    }
    let sums = std::fs::read_to_string(lab.file(".discless/SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), 8);
    lab.is_tidy();
    let (code, list) = lab.json(&["list"], &[]);
    assert_eq!(code, Some(0));
    let product = &list["products"][0];
    assert_eq!((product["state"].as_str(), product["files"].as_u64()), (Some("known"), Some(8)));
    let advice: Vec<&str> =
        product["advice"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert!(advice.contains(&"support-exchange-server-2007"), "{advice:?}");
}

#[test]
fn a_medium_is_added_once_and_another_one_never_takes_its_folder() {
    let lab = with_exchange();
    let before = std::fs::read(lab.file(".discless/manifest.json")).unwrap();
    let again = lab.medium("renamed.iso", &exchange().iso());
    lab.run(&["add"], &[&again]).is(0).says("the share has it already");
    assert_eq!(std::fs::read(lab.file(".discless/manifest.json")).unwrap(), before);
    let other = exchange().file("more.txt", "more").iso();
    let other = lab.medium("other.iso", &other);
    lab.run(&["add"], &[&other])
        .is(2)
        .complains("has another medium, ex2007.iso")
        .complains("hint: --as FOLDER");
    lab.run(&["add", "--as", "Microsoft/Exchange Server 2007"], &[&other])
        .is(2)
        .complains("has another medium in");
    lab.run(&["add", "--as", &format!("{FOLDER}/below")], &[&other]).is(2).complains("has another medium in");
    lab.run(&["add", "--as", "../out"], &[&other]).is(2).complains("can be no folder of a share");
    std::fs::create_dir_all(lab.at("mine")).unwrap();
    std::fs::write(lab.at("mine/x"), "x").unwrap();
    lab.run(&["add", "--as", "mine"], &[&other]).is(2).complains("has files that are no product");
    lab.is_tidy();
    lab.run(&["add", "--as", "Exchange/Other"], &[&other]).is(0);
    assert_eq!(std::fs::read_to_string(lab.at("Exchange/Other/more.txt")).unwrap(), "more");
    lab.run(&["check", "--full"], &[]).is(0).says("good: 2 products");
}

#[test]
fn what_is_damaged_is_refused_and_what_nothing_vouches_for_is_marked() {
    let lab = Lab::new();
    let mut bytes = exchange().iso();
    let iso = lab.medium("bad.iso", &bytes);
    let at = bytes.len() - 3000;
    bytes[at] ^= 1;
    std::fs::write(&iso, &bytes).unwrap();
    lab.run(&["add"], &[&iso]).is(1).says("damaged");
    lab.run(&["add", "--allow-unverified"], &[&iso]).is(1);
    std::fs::remove_file(lab.path("bad.iso.sha256")).unwrap();
    lab.run(&["add"], &[&iso]).is(3).says("not verified").complains("--allow-unverified");
    lab.is_tidy();
    assert!(!lab.at("Microsoft").exists(), "nothing is left of what was refused");
    lab.run(&["add", "--allow-unverified"], &[&iso]).is(0).says("it is marked so");
    assert_eq!(lab.manifest(FOLDER)["verdict"], "unverified");
    lab.run(&["check", "--full"], &[]).is(3).says("nothing vouched for it then");
    lab.run(&["list"], &[]).is(0).says("not verified");
    // Truncated: nothing of it is written.
    bytes.truncate(bytes.len() / 2);
    let short = lab.path("short.iso");
    std::fs::write(&short, &bytes).unwrap();
    lab.run(&["add", "--allow-unverified", "--as", "x"], &[&short]).is(1);
    assert!(!lab.at("x").exists());
    lab.is_tidy();
}

#[test]
fn a_check_finds_what_was_changed_added_lost_and_renamed() {
    let lab = with_exchange();
    lab.run(&["check"], &[]).is(0).says("good: 1 product, 8 files");
    lab.run(&["check", "--full"], &[]).is(0).says("every byte was read");
    flip(&lab.file("Setup/Data/large.bin"));
    // A byte that changed while size and time did not is seen by reading alone.
    lab.run(&["check"], &[]).is(0);
    lab.run(&["check", "--full"], &[]).is(1).says("changed   Setup/Data/large.bin: its bytes are others");
    std::fs::write(lab.file("autorun.inf"), "[autorun]\r\nopen=Other.EXE\r\n").unwrap();
    std::fs::rename(lab.file("Setup.com"), lab.file("Setup-old.com")).unwrap();
    std::fs::remove_file(lab.file("en/ServerLanguagePack.msi")).unwrap();
    std::fs::write(lab.file("notes.txt"), "mine").unwrap();
    let ran = lab.run(&["check"], &[]).is(1).says("renamed   Setup.com is Setup-old.com now");
    let ran = ran.says("missing   en/ServerLanguagePack.msi").says("added     notes.txt");
    ran.says("changed   autorun.inf").says("bad: 4 differences in 1 product");
    let (code, document) = lab.json(&["check", "--full"], &[]);
    assert_eq!((code, document["standing"].as_str()), (Some(1), Some("bad")));
    let differences = document["products"][0]["differences"].as_array().unwrap();
    let mut what: Vec<&str> = differences.iter().map(|one| one["what"].as_str().unwrap()).collect();
    what.sort_unstable();
    assert_eq!(what, ["added", "changed", "changed", "missing", "renamed"]);
    let page = lab.path("report.html");
    lab.run(&["check", "--report", page.to_str().unwrap()], &[]).is(1);
    assert!(std::fs::read_to_string(&page).unwrap().contains("autorun.inf"));
    lab.run(&["check", "--report", page.to_str().unwrap()], &[]).is(2).complains("report.html");
    lab.run(&["check"], &[Path::new("Unidentified")]).is(2).complains("product Unidentified not found");
}

#[test]
fn a_file_with_another_time_and_the_same_bytes_is_no_difference() {
    let lab = with_exchange();
    let file = std::fs::File::options().write(true).open(lab.file("autorun.inf")).unwrap();
    file.set_times(std::fs::FileTimes::new().set_modified(std::time::SystemTime::now())).unwrap();
    lab.run(&["check"], &[]).is(0).says("by size and time, 1 file by its bytes");
}

#[test]
fn a_manifest_that_was_edited_is_found_and_not_believed() {
    let lab = with_exchange();
    lab.edit_manifest(FOLDER, |manifest| manifest["verdict"] = "verified!".into());
    lab.run(&["check"], &[]).is(1).says("manifest  it is not the one that was written");
    lab.run(&["remove"], &[Path::new(FOLDER)])
        .is(2)
        .complains("is not as it was written")
        .complains("--force");
    assert!(lab.file("Setup.com").exists());
    // Adding another medium does not make the edited one right.
    let other = lab.medium("tools.iso", &Medium::new("TOOLS").file("a.txt", "a").iso());
    lab.run(&["add"], &[&other]).is(0);
    lab.run(&["check"], &[]).is(1);
}

#[test]
fn the_index_is_made_again_from_the_manifests() {
    let lab = with_exchange();
    let path = lab.at(".discless/index.json");
    let before = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    lab.run(&["list"], &[]).is(0).says("the index does not have it yet");
    lab.run(&["check", "--full"], &[]).is(0);
    let again = lab.medium("again.iso", &exchange().iso());
    lab.run(&["add"], &[&again]).is(0).says("the share has it already");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    std::fs::write(&path, "{\"schema\":").unwrap();
    lab.run(&["check"], &[]).is(1).complains("index");
    lab.run(&["add"], &[&again]).is(0);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    // A folder that was moved by hand is still that product.
    std::fs::rename(lab.at("Microsoft"), lab.at("MS")).unwrap();
    let moved = FOLDER.replace("Microsoft", "MS");
    lab.run(&["check"], &[]).is(1).says("renamed");
    lab.run(&["add"], &[&again]).is(0).says(&moved);
    lab.run(&["check"], &[]).is(0);
}

#[test]
fn a_removal_takes_what_the_manifest_owns_and_nothing_else() {
    let lab = with_exchange();
    lab.run(&["remove", "-n"], &[Path::new(FOLDER)]).is(0).says("would remove 8 files");
    assert!(lab.file("Setup.com").exists());
    std::fs::write(lab.file("notes.txt"), "mine").unwrap();
    std::fs::write(lab.file("autorun.inf"), "changed").unwrap();
    let ran = lab
        .run(&["remove"], &[Path::new(FOLDER)])
        .is(2)
        .says("stays      notes.txt: it is not the product's");
    ran.says("stays      autorun.inf: it changed");
    assert_eq!(std::fs::read_to_string(lab.file("notes.txt")).unwrap(), "mine");
    assert_eq!(std::fs::read_to_string(lab.file("autorun.inf")).unwrap(), "changed");
    assert_eq!(walkdir::WalkDir::new(lab.at(FOLDER)).into_iter().count(), 3, "no empty folder is left");
    lab.run(&["list"], &[]).is(0).says("0 products");
    let lab = with_exchange();
    std::fs::write(lab.file("autorun.inf"), "changed").unwrap();
    let id = lab.manifest(FOLDER)["id"].as_str().unwrap().to_owned();
    lab.run(&["remove", "--force"], &[Path::new(&id)]).is(0).says("is gone");
    assert!(!lab.at("Microsoft").exists());
    lab.is_tidy();
    // What somebody removed by hand is forgotten.
    let lab = with_exchange();
    std::fs::remove_dir_all(lab.at("Microsoft")).unwrap();
    lab.run(&["check"], &[]).is(1).says("the whole folder");
    lab.run(&["remove"], &[Path::new(FOLDER)]).is(0).says("forgot");
    lab.run(&["check"], &[]).is(3).says("there is no product to check");
}

#[test]
fn a_directory_is_added_by_a_list_of_its_files_and_names_are_looked_at() {
    let lab = Lab::new();
    let root = lab.path("tools");
    let deep = format!("{}/{}", "d".repeat(120), "e".repeat(120));
    std::fs::create_dir_all(root.join(&deep)).unwrap();
    std::fs::write(root.join("a.bin"), pattern(1, 5000)).unwrap();
    std::fs::write(root.join(&deep).join("long.txt"), "x").unwrap();
    if cfg!(unix) {
        std::fs::write(root.join("AUX.txt"), "x").unwrap();
    }
    lab.run(&["add"], &[&root]).is(3).complains("--allow-unverified");
    let (code, document) = lab.json(&["add", "--allow-unverified"], &[&root]);
    assert_eq!(code, Some(0), "{document}");
    let added = &document["sources"][0];
    assert_eq!(
        (added["outcome"].as_str(), added["folder"].as_str()),
        (Some("added"), Some("Unidentified/tools"))
    );
    if cfg!(unix) {
        assert_eq!(added["renamed"][0]["written_as"], "%41UX.txt");
    }
    let why = added["troubles"][0]["why"].as_str().unwrap();
    assert!(why.contains("letters as \\\\server\\share\\"), "{why}");
    lab.run(&["add", "--allow-unverified"], &[&root]).is(0).says("the share has it already");
    lab.is_tidy();
    let ran = lab.run(&["export", "--samba"], &[]).is(0).says("read only = yes").says("follow symlinks = no");
    ran.says("guest ok = no").says("valid users = lab").complains("letters as");
}

#[test]
fn sources_are_added_one_after_the_other_and_the_worst_is_told() {
    let lab = Lab::new();
    let good = lab.medium("good.iso", &exchange().iso());
    let page = lab.path("page.iso");
    std::fs::write(&page, "<!doctype html><html><head><title>Sign in</title></head></html>").unwrap();
    let plain = lab.path("plain.iso");
    std::fs::write(&plain, Medium::new("PLAIN").file("a", "a").iso()).unwrap();
    let ran = lab.run(&["add"], &[&page, &good, &plain]).is(1).complains("web page");
    ran.says("added 8 files").says("not verified");
    lab.run(&["add", "--sha256", &"0".repeat(64)], &[&page, &good]).is(2).complains("one digest");
    lab.run(&["add", "--sha256", &"0".repeat(64)], &[&plain]).is(1);
    lab.run(&["add", "--sha256", &crate::sha256(&std::fs::read(&plain).unwrap())], &[&plain])
        .is(0)
        .says("Unidentified/plain");
}

#[test]
fn members_called_like_our_own_folder_stay_out() {
    let lab = Lab::new();
    let medium = Medium::new("SLY")
        .file(".discless/manifest.json", "{}")
        .file("b/.DISCLESS/x", "x")
        .file("a.txt", "a");
    let iso = lab.medium("sly.iso", &medium.iso());
    lab.run(&["add"], &[&iso]).is(0).says("left out   .discless/manifest.json");
    assert_eq!(lab.manifest("Unidentified/sly")["files"].as_array().unwrap().len(), 1);
    lab.run(&["check", "--full"], &[]).is(0);
}
