//! Signed files against what osslsigncode says of them, and files that are made to mislead. All is judged at the time
//! that `expected` gives; `tests/peers-signed.tsv` has the differences, each with its reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::Result;
use discless::container::{Entry, EntryKind};
use discless::formats::Options;
use discless::observe::Silent;
use discless::sink::{Sink, Want};
use discless::source::{Counting, SharedSource};
use discless::verify::authenticode::{
    Examined, Kind, Roots, Signed, Stamp, Standing, Trust, Vouched, begin, checks, glance, message, verify,
    walk_signed,
};
use discless::verify::{Outcome, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::Chance;

struct Case {
    name: String,
    bytes: Vec<u8>,
    trust: Trust,
    /// What osslsigncode says: its digests, and whether all is well.
    digests: Vec<bool>,
    result: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/authenticode")
}

fn case(name: &str) -> Case {
    let folder = folder().join(name);
    let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let input = files.into_iter().find(|path| path.file_stem().is_some_and(|stem| stem == "input")).unwrap();
    let expected = std::fs::read_to_string(folder.join("expected")).unwrap();
    let line = |word: &str| -> Vec<&str> {
        let found = expected.lines().find_map(|line| line.strip_prefix(word)).unwrap();
        found.split_whitespace().collect()
    };
    let mut roots = Roots::default();
    roots.add_file(&folder.join("beside/roots.pem")).unwrap();
    Case {
        name: name.to_owned(),
        bytes: std::fs::read(input).unwrap(),
        trust: Trust { roots, now: line("now")[0].parse().unwrap() },
        digests: line("digests").iter().map(|word| *word == "match").collect(),
        result: line("result")[0].to_owned(),
    }
}

fn cases() -> Vec<Case> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|folder| folder.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() > 40, "only {} cases", names.len());
    names.iter().map(|name| case(name)).collect()
}

fn examined(bytes: &[u8], trust: &Trust) -> Option<Examined> {
    let source: SharedSource = Arc::new(bytes.to_vec());
    verify(&source, trust).unwrap()
}

fn of(name: &str) -> Examined {
    let case = case(name);
    examined(&case.bytes, &case.trust).unwrap()
}

#[test]
fn who_reads_a_file_anyway_saves_the_signature_a_reading() {
    for name in ["pe-rsa-timestamped", "pe-two-entries", "cab-rsa"] {
        let case = case(name);
        let counting = Arc::new(Counting::new(Arc::new(case.bytes.clone())));
        let source: SharedSource = counting.clone();
        let want = examined(&case.bytes, &case.trust).unwrap();
        for piece in [1, 1000, case.bytes.len()] {
            let mut pending = begin(&source).unwrap().unwrap();
            let mut follower = pending.follow().unwrap();
            case.bytes.chunks(piece).for_each(|bytes| follower.update(bytes));
            let before = counting.bytes();
            let found = pending.finish(&source, &case.trust).unwrap();
            assert_eq!(checks(&found), checks(&want), "{name}");
            assert_eq!(counting.bytes(), before, "{name}");
        }
        // Who stops in the middle has it read.
        let mut pending = begin(&source).unwrap().unwrap();
        pending.follow().unwrap().update(case.bytes.split_at(9).0);
        assert_eq!(checks(&pending.finish(&source, &case.trust).unwrap()), checks(&want), "{name}");
    }
}

#[test]
fn verdicts_are_those_of_osslsigncode() {
    let table = include_str!("peers-signed.tsv");
    let mut known: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<&str> = line.split('\t').collect();
        assert_eq!(parts.len(), 4, "{line}");
        known.insert(parts[0], (parts[1], parts[2]));
    }
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for case in cases() {
        let found = examined(&case.bytes, &case.trust).unwrap_or_else(|| panic!("{}", case.name));
        let ours = if found.vouches() { "ok" } else { "failed" };
        let listed = known.get(case.name.as_str());
        if ours != case.result {
            used.insert(case.name.clone());
            if listed != Some(&(case.result.as_str(), ours)) {
                wrong.push(format!("{}: osslsigncode says {}, discless {ours}", case.name, case.result));
            }
        }
        // It shows four digests of a package, and none of what it cannot read.
        let digests: Vec<bool> =
            found.signatures.iter().filter_map(|one| Some(one.digest.as_ref()?.matches())).collect();
        if !digests.is_empty()
            && !case.digests.is_empty()
            && found.kind != Kind::Msix
            && digests != case.digests
        {
            wrong.push(format!("{}: digests {digests:?}, osslsigncode {:?}", case.name, case.digests));
        }
        if case.digests.contains(&false) && found.standing() != Standing::Damaged {
            wrong.push(format!("{}: a digest differs, and it is {:?}", case.name, found.standing()));
        }
        // The verdict follows: nothing that fails vouches, nothing that vouches has nobody behind it.
        let checks = checks(&found);
        let verdict = Verdict::of(&checks);
        assert_eq!(verdict == Verdict::Verified, found.vouches(), "{}", case.name);
        assert!(checks.iter().all(|check| !check.vouches || check.by != "nobody"), "{}", case.name);
        assert!(checks.iter().all(|check| !check.note.is_empty()), "{}", case.name);
    }
    wrong.extend(
        known
            .keys()
            .filter(|name| !used.contains(**name))
            .map(|name| format!("{name}: no difference any more")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_unknown_root_vouches_for_nothing() {
    for mut case in cases() {
        case.trust.roots = Roots::default();
        let found = examined(&case.bytes, &case.trust).unwrap();
        assert!(!found.vouches(), "{}", case.name);
        if case.result == "ok" {
            assert_eq!(found.standing(), Standing::Unanchored, "{}", case.name);
            let checks = checks(&found);
            assert_eq!(Verdict::of(&checks), Verdict::Unverified, "{}", case.name);
            assert!(checks[0].note.contains("sha256 "), "{}: {}", case.name, checks[0].note);
            assert!(checks[0].note.contains("revocation not checked"), "{}", case.name);
        }
    }
}

#[test]
fn what_a_signature_says_is_read() {
    let found = of("pe-rsa-timestamped");
    let signature = &found.signatures[0];
    assert_eq!(signature.program.as_deref(), Some("Contoso Tools"));
    assert_eq!(signature.address.as_deref(), Some("https://contoso.example/"));
    let signer = signature.signer.as_ref().unwrap();
    assert_eq!(
        (signer.name.as_str(), signer.issuer.as_str()),
        ("Contoso Test Signer", "Contoso Test Middle")
    );
    assert_eq!(signer.organization.as_deref(), Some("Contoso Test"));
    assert_eq!(signer.fingerprint.len(), 64);
    let stamp = signature.timestamp.as_ref().unwrap();
    assert_eq!((stamp.kind, stamp.time, stamp.is_believed()), (Stamp::Rfc3161, 1_704_067_200, true));
    assert_eq!(signature.judged_at, stamp.time);
    let names: Vec<&str> =
        signature.chain.as_ref().unwrap().links.iter().map(|link| link.name.as_str()).collect();
    assert_eq!(names, ["Contoso Test Signer", "Contoso Test Middle", "Contoso Test Root"]);
    let (stored, computed) = found.checksum.unwrap();
    assert_eq!(stored, computed);

    let nested = of("pe-nested");
    let depths: Vec<u32> = nested.signatures.iter().map(|signature| signature.depth).collect();
    assert_eq!(depths, [0, 1]);
    assert_eq!(nested.best().unwrap().depth, 1);
    assert!(of("pe-page-hashes").signatures[0].page_hashes.is_some_and(|(count, right)| count > 2 && right));
    assert_eq!(of("cat-sha256").catalogue.unwrap().members, 2);
}

#[test]
fn reasons_are_told() {
    for (name, reason) in [
        ("pe-expired", "expired 2024-06-01"),
        ("pe-lifetime", "expired 2024-06-01"),
        ("pe-stamp-of-unknown", "not believed"),
        ("pe-wrong-purpose", "is not for signing code"),
        ("pe-wrong-usage", "is not for signatures"),
        ("pe-signer-below-signer", "may not issue certificates"),
        ("pe-unknown-root", "Contoso Test Root is missing"),
        ("pe-md5", "MD5 proves nothing"),
        ("pe-padding", "not signed: "),
        ("pe-behind-entry", "behind the last entry"),
        ("pe-padding-zeros", "zeros behind"),
        ("pe-appended", "24 bytes behind the signature"),
        ("pe-table-over-section", "lies over parts of the program"),
        ("pe-two-entries", "2 entries in the certificate table"),
        ("pe-tampered", "the contents are not what was signed"),
        ("pe-tampered-checksum", "ought to be"),
        ("pe-unsigned", "not signed"),
        ("pe-unsigned-attribute", "unsigned attribute"),
        ("cab-appended", "22 bytes behind the signature"),
        ("msi-appended", "behind the last sector"),
        ("msi-extended-renamed", "names, sizes and times differs"),
        ("msix-tampered", "AXPC differs"),
        ("truncated-pe", "100 bytes past the end"),
        ("hostile-cycle", "is missing"),
    ] {
        let notes: Vec<String> = checks(&of(name)).into_iter().map(|check| check.note).collect();
        assert!(notes.iter().any(|note| note.contains(reason)), "{name}: {notes:?}");
    }
}

#[test]
fn a_glance_reads_the_signer_and_not_the_file() {
    let case = case("pe-tampered");
    let source: SharedSource = Arc::new(case.bytes);
    let found = glance(&source).unwrap().unwrap();
    assert!(found.signed);
    assert_eq!(found.signer.as_deref(), Some("Contoso Test Signer"));
    assert_eq!(found.signed_at, Some(1_704_067_200));
    let plain: SharedSource = Arc::new(
        support::fixtures().iter().find(|f| f.name.starts_with("iso9660/")).unwrap().bytes().to_vec(),
    );
    assert!(glance(&plain).unwrap().is_none());
}

#[test]
fn changed_and_cut_files_are_never_vouched_for() {
    let mut chance = Chance::new(7);
    for name in ["pe-rsa-timestamped", "cab-rsa", "msi-extended", "cat-sha256", "msix"] {
        let case = case(name);
        let whole = examined(&case.bytes, &case.trust).unwrap();
        assert!(whole.vouches(), "{name}");
        for _ in 0..60 {
            let cut = chance.below(case.bytes.len());
            if let Some(found) = examined(&case.bytes[..cut], &case.trust) {
                assert!(!found.vouches(), "{name} cut to {cut}");
            }
        }
        let mut passed = 0;
        for _ in 0..120 {
            let mut bytes = case.bytes.clone();
            let at = chance.below(bytes.len());
            bytes[at] ^= 1 << chance.below(8);
            // Fields that are not signed change nothing: checksums, sectors that no stream has, unsigned attributes.
            passed += usize::from(examined(&bytes, &case.trust).is_some_and(|found| found.vouches()));
        }
        // Without its time stamp a signature is judged by today: it may still be good.
        let most = match name {
            "msi-extended" => 90,
            "pe-rsa-timestamped" => 60,
            _ => 12,
        };
        assert!(passed <= most, "{name}: {passed} of 120 changed bytes were not noticed");
    }
}

#[test]
fn every_byte_of_what_is_signed_counts() {
    let case = case("pe-p256");
    let pe = u32::from_le_bytes(case.bytes[0x3c..0x40].try_into().unwrap()) as usize;
    let entry = pe + 24 + 128;
    let table = u32::from_le_bytes(case.bytes[entry..entry + 4].try_into().unwrap()) as usize;
    let free = |at: usize| (pe + 88..pe + 92).contains(&at) || (entry..entry + 8).contains(&at);
    for at in (0..table).step_by(61).filter(|at| !free(*at)) {
        let mut bytes = case.bytes.clone();
        bytes[at] ^= 0x10;
        let vouches = examined(&bytes, &case.trust).is_some_and(|found| found.vouches());
        assert!(!vouches, "byte {at:#x}");
    }
}

#[test]
fn messages_that_are_none_are_refused() {
    let trust = Trust::default();
    for bytes in
        [&b""[..], b"\x30", b"\x30\x80", b"\x30\x82\xff\xff", &[0x30; 4096], &[0x24, 0x80].repeat(5000)]
    {
        assert!(message(bytes, &trust).is_err());
    }
    let case = case("cat-sha256");
    let found = message(&case.bytes, &case.trust).unwrap();
    assert_eq!(found[0].signed, Signed::Yes);
}

/// Takes everything.
struct Taking;

impl Sink for Taking {
    fn begin(&mut self, _: discless::container::EntryId, entry: &Entry) -> Result<Want> {
        Ok(if entry.kind == EntryKind::File { Want::Bytes } else { Want::Skip })
    }
    fn chunk(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }
    fn end(&mut self, _: &Entry, outcome: Result<()>) -> Result<()> {
        outcome
    }
}

/// A tar archive, or one packed by gzip, whose members are copied out before they are checked.
fn archive(members: &[(&str, Vec<u8>)], packed: bool) -> SharedSource {
    let mut tar = Vec::new();
    for (name, bytes) in members {
        let mut head = [0u8; 512];
        head[..name.len()].copy_from_slice(name.as_bytes());
        head[100..108].copy_from_slice(b"0000644\0");
        head[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        head[136..148].copy_from_slice(b"00000000000\0");
        head[156] = b'0';
        head[257..265].copy_from_slice(b"ustar\x0000");
        head[148..156].fill(b' ');
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend_from_slice(&head);
        tar.extend_from_slice(bytes);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    if packed {
        use std::io::Write as _;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar).unwrap();
        tar = gzip.finish().unwrap();
    }
    Arc::new(tar)
}

#[test]
fn members_are_vouched_for_by_their_signatures_and_by_catalogues() {
    let names = ["pe-p256", "pe-tampered", "pe-unsigned", "cab-rsa", "cat-sha256", "pe-unknown-root"];
    let mut trust = Trust { roots: Roots::default(), now: 1_750_000_000 };
    for name in names {
        trust.roots.add_file(&folder().join(name).join("beside/roots.pem")).unwrap();
    }
    let inf: String = (1..=30).map(|line| format!("line {line} of a.inf\n")).collect();
    let members = vec![
        ("signed.exe", case("pe-p256").bytes),
        ("tampered.exe", case("pe-tampered").bytes),
        // The catalogue lists this one by what Authenticode would sign, and the next by all its bytes.
        ("listed.exe", case("pe-unsigned").bytes),
        ("a.inf", inf.into_bytes()),
        ("driver.cat", case("cat-sha256").bytes),
        ("data.cab", case("cab-rsa").bytes),
        ("other.exe", case("pe-unknown-root").bytes),
        ("readme.txt", b"nothing to sign".to_vec()),
    ];
    for packed in [false, true] {
        let source = archive(&members, packed);
        let container = discless::medium::open(&source, "x.tar", &Options::default()).unwrap();
        let found =
            walk_signed(&*container, &support::ids(&*container), &mut Taking, &trust, 2, &Silent).unwrap();
        let of =
            |path: &str| found.list.iter().find(|member| member.path == path).map(|member| &member.vouched);
        let standing = |path: &str| match of(path) {
            Some(Vouched::Signed { standing, .. } | Vouched::Listed { standing, .. }) => Some(*standing),
            _ => None,
        };
        assert_eq!(standing("signed.exe"), Some(Standing::Anchored));
        assert_eq!(standing("tampered.exe"), Some(Standing::Damaged));
        assert_eq!(standing("data.cab"), Some(Standing::Anchored));
        assert_eq!(standing("driver.cat"), Some(Standing::Anchored));
        assert_eq!(standing("other.exe"), Some(Standing::Unanchored));
        assert!(
            matches!(of("listed.exe"), Some(Vouched::Listed { catalogue, .. }) if catalogue == "driver.cat")
        );
        assert!(matches!(of("a.inf"), Some(Vouched::Listed { .. })));
        assert_eq!(of("readme.txt"), None);
        let vouched: u64 = ["signed.exe", "listed.exe", "a.inf", "driver.cat", "data.cab"]
            .iter()
            .map(|name| members.iter().find(|(known, _)| known == name).unwrap().1.len() as u64)
            .sum();
        assert_eq!(found.vouched_bytes(), vouched);
        let check = found.check().unwrap();
        assert_eq!(check.outcome, Outcome::Damaged);
        assert_eq!(check.failed.len(), 1);
        assert!(
            check.failed[0].starts_with("tampered.exe: the contents are not what was signed"),
            "{:?}",
            check.failed
        );
        assert!(!check.vouches);
    }
}
