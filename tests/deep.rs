//! `verify --deep`: what a medium keeps of itself is compared, what vouches for how many bytes is counted, and
//! the medium is read once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::digest::{Algorithm, Hasher, Value};
use discless::formats::Options;
use discless::observe::Silent;
use discless::source::{Counting, SharedSource};
use discless::verify::{Check, Depth, Expectations, Outcome, Verdict, Verified, verify};
use std::sync::Arc;
use support::image::pattern;
use support::media::Medium;
use support::{fixtures, sha256};

const DESCRIPTOR: usize = 16 * 2048;
const FIELD: usize = DESCRIPTOR + 883;

fn digest(algorithm: Algorithm, bytes: &[u8]) -> String {
    let mut hasher = Hasher::new(&[algorithm]);
    hasher.update(bytes);
    hasher.finish().remove(0).hex()
}

fn deep(bytes: &[u8], name: &str, expectations: &Expectations) -> (Verified, u64) {
    let counting = Arc::new(Counting::new(Arc::new(bytes.to_vec())));
    let source: SharedSource = counting.clone();
    let options = Options::default();
    let verified = verify(&source, name, expectations, Depth::Members, &options, 2, &Silent).unwrap();
    (verified, counting.bytes())
}

fn check<'a>(verified: &'a Verified, what: &str) -> &'a Check {
    let found = verified.checks.iter().find(|check| check.what == what);
    found.unwrap_or_else(|| panic!("no {what} in {:?}", verified.checks))
}

/// An image with a list of its members, as Debian's have.
fn listed() -> Vec<u8> {
    let files = [("pool/a.deb", pattern(1, 3_000_000)), ("dists/Release", pattern(2, 500))];
    let lines: String =
        files.iter().map(|(path, bytes)| format!("{}  ./{path}\n", digest(Algorithm::Md5, bytes))).collect();
    let mut medium = Medium::new("LISTED").rock_ridge().file("md5sum.txt", lines.into_bytes());
    for (path, bytes) in files {
        medium = medium.file(path, bytes);
    }
    medium.file("unlisted.bin", pattern(3, 9_000)).iso()
}

/// Where `needle` begins in `bytes`.
fn find(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).position(|window| window == needle).unwrap()
}

#[test]
fn a_list_on_the_medium_vouches_for_what_it_names_and_for_nothing_else() {
    let image = listed();
    let (verified, read) = deep(&image, "x.iso", &Expectations::default());
    let list = check(&verified, "list");
    assert_eq!((list.outcome, list.count, list.by.as_str()), (Outcome::Weak, Some(2), "md5sum.txt"));
    assert_eq!(
        verified.verdict,
        Verdict::Unverified,
        "a list beside its files says nothing of who made both"
    );
    let coverage = verified.coverage.unwrap();
    assert_eq!(coverage.vouchers.len(), 1);
    assert_eq!(coverage.vouchers[0].ranges.bytes(), 3_000_500);
    assert_eq!(coverage.uncovered(), image.len() as u64 - 3_000_500);
    // The list itself is read once more, before the members.
    assert!(read <= image.len() as u64 * 21 / 20 + 200_000, "{read} of {}", image.len());
}

#[test]
fn a_changed_member_of_a_list_is_named() {
    let mut image = listed();
    let at = find(&image, &pattern(1, 3_000_000)[..64]);
    image[at + 20_000] ^= 1;
    let (verified, _) = deep(&image, "x.iso", &Expectations::default());
    assert_eq!(verified.verdict, Verdict::Damaged);
    assert_eq!(check(&verified, "list").failed, ["pool/a.deb: its md5 differs"]);
    assert_eq!(verified.coverage.unwrap().vouchers.len(), 0);
}

#[test]
fn a_missing_member_of_a_list_is_named() {
    let line = format!("{}  ./gone.bin\n{}  ./here.txt\n", "0".repeat(32), digest(Algorithm::Md5, b"here"));
    let medium = Medium::new("GONE").rock_ridge().file("md5sum.txt", line.into_bytes());
    let (verified, _) =
        deep(&medium.file("here.txt", b"here".to_vec()).iso(), "x.iso", &Expectations::default());
    assert_eq!(check(&verified, "list").failed, ["gone.bin: is not there"]);
    assert_eq!(verified.verdict, Verdict::Damaged);
}

/// Puts in the digest of itself, as `implantisomd5` does.
fn implanted(mut image: Vec<u8>, skip: usize) -> Vec<u8> {
    image.resize(image.len() + skip * 2048, 0);
    let blocks = (image.len() / 2048) as u32;
    image[DESCRIPTOR + 80..DESCRIPTOR + 84].copy_from_slice(&blocks.to_le_bytes());
    image[DESCRIPTOR + 84..DESCRIPTOR + 88].copy_from_slice(&blocks.to_be_bytes());
    image[FIELD..FIELD + 512].fill(b' ');
    let sum = digest(Algorithm::Md5, &image[..image.len() - skip * 2048]);
    let field = format!(
        "ISO MD5SUM = {sum};SKIPSECTORS = {skip};RHLISOSTATUS=0;THIS IS NOT THE SAME AS RUNNING MD5SUM"
    );
    image[FIELD..FIELD + field.len()].copy_from_slice(field.as_bytes());
    image
}

#[test]
fn an_implanted_digest_is_compared_while_the_members_are_read() {
    let image = implanted(Medium::new("OWN").file("a.bin", pattern(7, 5_000_000)).iso(), 15);
    let (verified, read) = deep(&image, "x.iso", &Expectations::default());
    let own = check(&verified, "implanted");
    assert_eq!(own.outcome, Outcome::Weak);
    assert!(own.note.contains("does not cover the last 30720 bytes"), "{}", own.note);
    assert_eq!(verified.verdict, Verdict::Verified);
    assert_eq!(verified.coverage.unwrap().uncovered(), 15 * 2048);
    assert!(read <= image.len() as u64 * 21 / 20 + 200_000, "{read} of {}", image.len());

    let mut changed = image.clone();
    let at = find(&changed, &pattern(7, 5_000_000)[..64]);
    changed[at + 100] ^= 0x10;
    let (verified, _) = deep(&changed, "x.iso", &Expectations::default());
    assert_eq!(
        (check(&verified, "implanted").outcome, verified.verdict),
        (Outcome::Damaged, Verdict::Damaged)
    );

    let mut tail = image;
    let last = tail.len() - 5;
    tail[last] ^= 1;
    let (verified, _) = deep(&tail, "x.iso", &Expectations::default());
    assert_eq!(check(&verified, "implanted").outcome, Outcome::Weak, "the last sectors are not covered");
}

#[test]
fn a_given_digest_vouches_for_every_byte() {
    let image = listed();
    let expectations = Expectations::given(&[Value::from_hex(Algorithm::Sha256, &sha256(&image)).unwrap()]);
    let (verified, _) = deep(&image, "x.iso", &expectations);
    assert_eq!(verified.verdict, Verdict::Verified);
    assert_eq!(verified.coverage.unwrap().uncovered(), 0);
}

#[test]
fn checksums_of_members_cover_the_packed_data_of_solid_archives() {
    let mut seen = 0;
    for fixture in fixtures() {
        let format = fixture.name.split('/').next().unwrap().to_owned();
        if !["cab", "sevenz", "zip"].contains(&format.as_str()) || !fixture.is_good() {
            continue;
        }
        let bytes = fixture.bytes();
        let source: SharedSource = bytes.clone();
        let (nothing, options) = (Expectations::default(), Options::default());
        let found = verify(&source, "x", &nothing, Depth::Members, &options, 2, &Silent);
        let Ok(verified) = found else { continue };
        let Some(coverage) = verified.coverage.filter(|coverage| !coverage.vouchers.is_empty()) else {
            continue;
        };
        let covered = coverage.bytes - coverage.uncovered();
        if check_is_ok(&verified.checks)
            && bytes.len() > 1000
            && covered > 0
            && !fixture.name.contains("behind")
        {
            seen += 1;
            // The rest is headers and names.
            assert!(covered * 10 >= coverage.bytes * 3, "{}: {covered} of {}", fixture.name, coverage.bytes);
        }
    }
    assert!(seen >= 5, "only {seen} archives were looked at");
}

fn check_is_ok(checks: &[Check]) -> bool {
    checks.iter().any(|check| check.what == "members" && check.outcome == Outcome::Ok)
}
