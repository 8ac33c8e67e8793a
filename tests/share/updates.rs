//! Rollups and service packs beside a product.

use crate::support::media::Medium;
use crate::support::media::msi::{Msi, msi, msp};
use crate::support::media::pe::{X64, X86, pe};
use crate::{FOLDER, Lab, PRODUCT_2007, with_exchange};
use std::path::{Path, PathBuf};

fn rollup(title: &str, code: &str) -> Msi {
    msp(&[code]).metadata("DisplayName", title).subject("Microsoft Exchange Server")
}

fn write(lab: &Lab, name: &str, update: &Msi) -> PathBuf {
    let path = lab.path(name);
    std::fs::write(&path, update.build()).unwrap();
    path
}

#[test]
fn a_rollup_that_fits_is_put_where_setup_takes_it_along() {
    let lab = with_exchange();
    let update = rollup("Update Rollup 4 for Exchange Server 2007 (KB940006)", PRODUCT_2007);
    let file = write(&lab, "Exchange2007-KB940006-x64-EN.msp", &update);
    let ran = lab
        .run(&["add-update"], &[Path::new(FOLDER), &file])
        .is(0)
        .says("fits: it is for Exchange Server 2007");
    ran.says("both are x64").says("added: Updates/Exchange2007-KB940006-x64-EN.msp");
    assert_eq!(std::fs::read(lab.file("Updates/Exchange2007-KB940006-x64-EN.msp")).unwrap(), update.build());
    let manifest = lab.manifest(FOLDER);
    assert_eq!(manifest["updates"][0]["path"], "Updates/Exchange2007-KB940006-x64-EN.msp");
    assert_eq!(manifest["files"].as_array().unwrap().len(), 9);
    lab.run(&["check", "--full"], &[]).is(0).says("9 files");
    lab.run(&["list"], &[]).is(0).says("1 update");
    lab.run(&["add-update"], &[Path::new(FOLDER), &file]).is(0).says("is there already");
    let later = rollup("Update Rollup 7 for Exchange Server 2007 (KB953469)", PRODUCT_2007);
    let later = write(&lab, "Exchange2007-KB953469-x64-EN.msp", &later);
    lab.run(&["add-update"], &[Path::new(FOLDER), &later]).is(0).complains("is there, too");
    lab.run(&["remove"], &[Path::new(FOLDER)]).is(0).says("removed 10 files");
    assert!(!lab.at("Microsoft").exists());
}

#[test]
fn an_update_for_something_else_is_refused_with_the_reason() {
    let lab = with_exchange();
    let before = std::fs::read(lab.file(".discless/manifest.json")).unwrap();
    let title = "Update Rollup 4 for Exchange Server 2007 (KB940006)";
    for (name, update, why) in [
        ("Exchange2007-KB940006-x86-EN.msp", rollup(title, PRODUCT_2007), "it is for x86, and this is x64"),
        (
            "Exchange2007-KB970162-x64-EN.msp",
            rollup("Update Rollup 9 for Exchange Server 2007 Service Pack 1 (KB970162)", PRODUCT_2007),
            "it is for service pack 1, and this is the release without a service pack",
        ),
        (
            "Exchange2010-KB2282402-x64-EN.msp",
            rollup("Update Rollup 1 for Exchange Server 2010", PRODUCT_2007),
            "it is for Exchange Server 2010, and this is Exchange Server 2007",
        ),
        (
            "Exchange2007-KB1-x64-EN.msp",
            rollup(title, "{00000000-DE66-44FE-B468-A46D9D5E6B31}"),
            "it is for the product code {00000000",
        ),
        ("Exchange2007-KB2-EN.msp", rollup(title, PRODUCT_2007), "for which processor it is cannot be told"),
        (
            "Exchange2007-x64.msi",
            msi("x64;1033").product("Microsoft Exchange Server", "8.0.685.25"),
            "it is no patch",
        ),
    ] {
        let file = write(&lab, name, &update);
        lab.run(&["add-update"], &[Path::new(FOLDER), &file]).is(2).complains(why).complains("does not fit");
        assert!(!lab.file("Updates").join(name).exists(), "{name}");
    }
    let junk = lab.path("junk-x64.msp");
    std::fs::write(&junk, "no update").unwrap();
    let ran = lab.run(&["add-update"], &[Path::new(FOLDER), &junk]);
    assert_ne!(ran.code, Some(0));
    assert_eq!(std::fs::read(lab.file(".discless/manifest.json")).unwrap(), before);
    lab.run(&["check", "--full"], &[]).is(0);
}

#[test]
fn an_update_takes_the_signature_of_the_old_manifest_along() {
    let lab = with_exchange();
    let signature = lab.file(".discless/manifest.json.sig");
    std::fs::write(&signature, "x").unwrap();
    let file = write(
        &lab,
        "Exchange2007-KB940006-x64-EN.msp",
        &rollup("Update Rollup 4 for Exchange Server 2007", PRODUCT_2007),
    );
    lab.run(&["add-update"], &[Path::new(FOLDER), &file]).is(0);
    assert!(!signature.exists());
}

#[test]
fn sql_server_takes_updates_for_its_year_service_pack_and_processor() {
    let lab = Lab::new();
    let version = "11.0.2100.60";
    let medium = Medium::new("SQLFULL_ENU")
        .file("MediaInfo.xml", "<?xml version=\"1.0\"?>\n<MediaInfo>\n<Properties>\n<Property Id=\"BaselineVersion\" Value=\"11.0.2100.60\"/>\n<Property Id=\"Version\" Value=\"11.0.2100.60\"/>\n</Properties>\n</MediaInfo>\n")
        .file("setup.exe", pe(X86).version(version).microsoft("Microsoft SQL Server"))
        .file("x64/setup/sql_engine_core_inst_msi/sql_engine_core_inst.msi", msi("x64;1033").product("SQL Server 2012 Database Engine Services", version))
        .file("x64/setup/sqlsupport.msi", msi("x64;1033").product("Microsoft SQL Server 2012 Setup (English)", version))
        .file("x64/sqlservr.exe", pe(X64).version("2011.110.2100.60").microsoft("Microsoft SQL Server"));
    let iso = lab.medium("SQLFULL_x64_ENU.iso", &medium.iso());
    let (code, document) = lab.json(&["add"], &[&iso]);
    assert_eq!(code, Some(0));
    let folder = document["sources"][0]["folder"].as_str().unwrap().to_owned();
    assert!(folder.starts_with("Microsoft/SQL Server 2012/"), "{folder}");
    let update = |name: &str| {
        let stub = pe(X86).version("6.0.3790.0").microsoft("Self-Extracting Cabinet");
        let inside = Medium::new("U")
            .file("sqlupdate/setup.exe", pe(X64).version("11.0.3000.0").microsoft("Microsoft SQL Server"));
        let path = lab.path(name);
        std::fs::write(&path, inside.self_extractor(stub)).unwrap();
        path
    };
    let other = update("SQLServer2014-KB2894115-x64.exe");
    lab.run(&["add-update"], &[Path::new(&folder), &other])
        .is(2)
        .complains("it is for SQL Server 2014, and this is SQL Server 2012");
    let for_sp1 = update("SQLServer2012SP1-KB2772858-CU2-x64.exe");
    lab.run(&["add-update"], &[Path::new(&folder), &for_sp1]).is(2).complains("it is for service pack 1");
    let sp1 = update("SQLServer2012SP1-KB2674319-x64-ENU.exe");
    lab.run(&["add-update"], &[Path::new(&folder), &sp1])
        .is(0)
        .says("it is service pack 1 itself")
        .says("added: Updates/");
    lab.run(&["check", "--full"], &[]).is(0);
}
