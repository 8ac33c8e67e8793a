//! The `--json` contract: `docs/schema/` is what the types say, and every document that the program
//! prints is read back by those types, which deny unknown fields.
//!
//! `DISCLESS_WRITE_SCHEMA=1 cargo test --all-features --test json` renews the schema files.
#![cfg(test)]

use discless::report::share;
use discless::report::{Builds, Document, ErrorDocument, Extract, Formats, Hash, Inspect, List, Verify};
use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use std::path::Path;
use std::process::Command;

const SAMPLE: &str = "testdata/sample/lab-tools.iso";

fn run(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_discless"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn read_back<T: DeserializeOwned + serde::Serialize>(args: &[&str], code: i32) -> T {
    let (status, text) = run(args);
    assert_eq!(status, Some(code), "{args:?}");
    let document: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}\n{text}"));
    // Nothing is lost on the way: what is read back says the same.
    let again: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mine = serde_json::to_value(&document).unwrap();
    assert_eq!(mine["schema"], again["schema"]);
    assert!(text.trim_start().starts_with("{\n  \"schema\""), "\"schema\" comes first");
    document
}

#[test]
fn every_document_is_read_back_by_its_type() {
    let inspect: Document<Inspect> = read_back(&["inspect", "--json", SAMPLE], 0);
    assert_eq!(inspect.schema, "discless.inspect/1");
    assert_eq!(inspect.sources[0].platform.value, "x64");
    assert_eq!(inspect.sources[0].platform.starter.as_deref(), Some("x86"));
    assert_eq!(inspect.sources[0].versions[0].file_version.as_deref(), Some("2.1.240.6"));
    let list: Document<List> = read_back(&["list", "--json", SAMPLE], 0);
    assert_eq!(list.sources[0].entries.len(), 7);
    let verify: Document<Verify> = read_back(&["verify", "--json", SAMPLE], 0);
    assert_eq!(verify.sources[0].verdict, "verified");
    let hash: Document<Hash> = read_back(&["hash", "--json", "--algo", "sha256,md5", SAMPLE], 0);
    assert_eq!(hash.sources[0].digests.len(), 2);
    assert_eq!(hash.sources[0].source.sha256, verify.sources[0].source.sha256);
    let extract: Extract = read_back(&["extract", "--json", "-n", SAMPLE, "-o", "target/json-none"], 0);
    assert_eq!((extract.files, extract.dirs), (5, 2));
    let formats: Formats = read_back(&["formats", "--json"], 0);
    assert!(formats.formats.iter().any(|format| format.name == "udf"));
    let builds: Builds = read_back(&["builds", "--json", "exchange", "8.0.685.24"], 0);
    assert_eq!((builds.answer.as_str(), builds.builds[0].build.as_str()), ("known", "8.0.685.25"));
    assert_eq!(builds.number.as_ref().map(|number| number.form.as_str()), Some("plain"));
    let builds: Builds = read_back(&["builds", "--json", "8.0.535.0"], 0);
    assert_eq!(
        (builds.answer.as_str(), builds.builds[0].how.as_deref()),
        ("not_a_build", Some("not_a_build"))
    );
    let builds: Builds = read_back(&["builds", "--json", "exchange", "8.0.700.3"], 0);
    let before = builds.between[0].before.as_ref().map(|build| build.release.as_str());
    assert_eq!((builds.answer.as_str(), before), ("between", Some("RTM")));
    let builds: Builds = read_back(&["builds", "--json"], 0);
    assert!(builds.products.iter().any(|product| product.product == "Debian"));
    let error: ErrorDocument = read_back(&["builds", "--json", "exchnge"], 2);
    assert_eq!(error.error.hint.as_deref(), Some("did you mean exchange?"));
    let error: ErrorDocument = read_back(&["inspect", "--json", "testdata/not_medium/web-page/input.iso"], 1);
    assert_eq!(error.error.kind, "invalid");
    assert!(error.error.hint.is_some());
}

#[test]
fn every_document_of_a_share_is_read_back_by_its_type() {
    let temp = tempfile::tempdir().unwrap();
    let lab = temp.path().join("lab");
    let lab = lab.to_str().unwrap();
    let key = temp.path().join("key.pub");
    let public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti a@x\n";
    std::fs::write(&key, public).unwrap();
    let key = key.to_str().unwrap();
    let init: share::Init = read_back(&["share", "init", "--json", lab], 0);
    assert!(init.created);
    let add: share::Add = read_back(&["share", "add", "--json", lab, SAMPLE], 0);
    assert_eq!((add.sources[0].outcome.as_str(), add.sources[0].files), ("added", 5));
    let folder = add.sources[0].folder.clone();
    let add: share::Add = read_back(&["share", "add", "--json", lab, SAMPLE, "testdata/no-such.iso"], 2);
    assert_eq!((add.sources[0].outcome.as_str(), add.sources[1].outcome.as_str()), ("already", "failed"));
    let list: share::Products = read_back(&["share", "list", "--json", lab], 0);
    assert_eq!(list.products[0].verified_by, ["sha256 by SHA256SUMS"]);
    let check: share::Checked = read_back(&["share", "check", "--json", lab], 0);
    assert_eq!((check.standing.as_str(), check.products[0].files), ("good", 5));
    let check: share::Checked = read_back(&["share", "check", "--json", "--full", "--key", key, lab], 3);
    assert_eq!((check.standing.as_str(), check.products[0].read), ("unverified", 5));
    let removed: share::Removed = read_back(&["share", "remove", "-n", "--json", lab, &folder], 0);
    assert_eq!((removed.files, removed.dry_run), (5, true));
    let updated: ErrorDocument = read_back(&["share", "add-update", "--json", lab, &folder, SAMPLE], 2);
    assert_eq!(updated.error.kind, "refused");
    let (_, manifest) = run(&["share", "export", "--format=json", lab]);
    let manifests: Vec<discless::share::Manifest> = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifests[0].files.len(), 5);
}

#[test]
fn every_hostile_fixture_gives_a_document_too() {
    let unpacked = tempfile::tempdir().unwrap();
    for case in ["hostile-names-joliet", "hostile-links-out", "hostile-loop-to-root", "rockridge-latin1"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/iso9660").join(case);
        let packed = folder.join("input.iso.gz");
        let image = if packed.exists() {
            let out = unpacked.path().join(format!("{case}.iso"));
            let mut bytes = Vec::new();
            let file = std::fs::File::open(packed).unwrap();
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(file), &mut bytes).unwrap();
            std::fs::write(&out, bytes).unwrap();
            out
        } else {
            folder.join("input.iso")
        };
        let image = image.to_str().unwrap();
        let (_, text) = run(&["list", "--json", image]);
        serde_json::from_str::<Document<List>>(&text).unwrap();
        let (_, text) = run(&["verify", "--json", "--deep", image]);
        serde_json::from_str::<Document<Verify>>(&text).unwrap();
        let (_, text) = run(&["extract", "--json", "-n", image, "-o", "target/json-none"]);
        serde_json::from_str::<Extract>(&text).unwrap();
    }
}

fn check_schema<T: JsonSchema>(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema").join(format!("{name}.json"));
    let now = serde_json::to_string_pretty(&schema_for!(T)).unwrap() + "\n";
    if std::env::var_os("DISCLESS_WRITE_SCHEMA").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert_eq!(committed, now, "docs/schema/{name}.json is not what the types say");
}

#[test]
fn the_committed_schemas_are_what_the_types_say() {
    check_schema::<Document<Inspect>>("inspect");
    check_schema::<Document<List>>("list");
    check_schema::<Document<Verify>>("verify");
    check_schema::<Document<Hash>>("hash");
    check_schema::<Extract>("extract");
    check_schema::<Formats>("formats");
    check_schema::<Builds>("builds");
    check_schema::<discless::report::Mount>("mount");
    check_schema::<ErrorDocument>("error");
    check_schema::<share::Init>("share-init");
    check_schema::<share::Add>("share-add");
    check_schema::<share::Checked>("share-check");
    check_schema::<share::Products>("share-list");
    check_schema::<share::Removed>("share-remove");
    check_schema::<share::Signed>("share-sign");
    check_schema::<share::Updated>("share-add-update");
    check_schema::<discless::share::Manifest>("share-manifest");
    check_schema::<discless::share::Index>("share-index");
    check_schema::<discless::share::Settings>("share");
}
