use super::*;
use crate::error::Kind;
use proptest::prelude::*;

const MD5: &str = "b1946ac92492d2347c6235b4d2611184";
const SHA1: &str = "f572d396fae9206628714fb2ce00f72e94f2258f";
const SHA256: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
const SHA512: &str = "e7c22b994c59d9cf2b48e549b1e24666636045930d3da7c1acb299d1c3b7f931\
                      f94aae41edda2c2b207a36e10f8bcb8d45223e54878f5b316e7ce3b6bc019629";

fn parse(text: &str, list: &str) -> Sums {
    Sums::parse(text.as_bytes(), list).unwrap()
}

/// `algorithm name`, a line each, and nothing else in the list.
#[track_caller]
fn is(text: &str, list: &str, want: &[&str]) {
    let sums = parse(text, list);
    let have: Vec<String> = sums
        .lines
        .iter()
        .map(|line| format!("{} {}", line.value.algorithm, line.name.as_deref().unwrap_or("?")))
        .collect();
    assert_eq!(have, want, "{text}");
    assert!(sums.bad.is_empty() && sums.unsupported.is_empty(), "{sums:?}");
    for line in &sums.lines {
        let known = [MD5, SHA1, SHA256, SHA512, "363a3020", "deadbeef"];
        assert!(known.contains(&line.value.hex().as_str()), "{line:?}");
    }
}

/// What the list is refused for.
#[track_caller]
fn refused(text: &str, list: &str) -> String {
    Sums::parse(text.as_bytes(), list).unwrap_err().to_string()
}

fn matching(sums: &Sums, path: &str, list_dir: &str) -> Vec<u64> {
    sums.for_file(Path::new(path), Path::new(list_dir)).iter().map(|line| line.line_number).collect()
}

#[test]
fn coreutils_lines_keep_the_name_as_it_is() {
    let text = format!(
        "{SHA256}  a.iso\n{SHA256} *b.iso\r\n\\{SHA256}  new\\nline\\\\.iso\n{SHA256}   lead\n{SHA256}  *star\n"
    );
    is(
        &text,
        "SHA256SUMS",
        &["sha256 a.iso", "sha256 b.iso", "sha256 new\nline\\.iso", "sha256  lead", "sha256 *star"],
    );
}

#[test]
fn one_blank_or_tab_is_enough_on_any_line_and_changes_no_other() {
    let text = format!("{MD5} a.iso\n{MD5}  b.iso\n{MD5}\tc.iso\n{MD5}\t*d.iso\n");
    is(&text, "md5sum.txt", &["md5 a.iso", "md5 b.iso", "md5 c.iso", "md5 d.iso"]);
}

#[test]
fn nuls_may_end_lines() {
    is(&format!("{MD5}  a\nb\0{MD5}  c\0"), "x.md5", &["md5 a\nb", "md5 c"]);
}

#[test]
fn bsd_tags_name_their_digest_and_may_have_parentheses_in_the_name() {
    let text = format!(
        "SHA256 (a.iso) = {SHA256}\nMD5 (b (1).iso) = {MD5}\nSHA2-256(c.iso)= {SHA256}\n\
         \\SHA1 (d\\\\e) = {SHA1}\nSHA1(stdin)= {SHA1}\n"
    );
    is(&text, "bsd.txt", &["sha256 a.iso", "md5 b (1).iso", "sha256 c.iso", "sha1 d\\e", "sha1 ?"]);
}

#[test]
fn sizes_go_to_the_lines_of_their_file() {
    let text =
        format!("# a.iso: 123 bytes\nSHA256 (a.iso) = {SHA256}\nMD5 (b.iso) = {MD5}\nSIZE (b.iso) = 7\n");
    let sizes: Vec<Option<u64>> = parse(&text, "CHECKSUM").lines.iter().map(|line| line.size).collect();
    assert_eq!(sizes, [Some(123), Some(7)]);
}

#[test]
fn sfv_is_read_in_sfv_lists_only() {
    is("; made\r\na b.iso 363A3020\r\nc.iso\tDEADBEEF\r\n", "x.sfv", &["crc32 a b.iso", "crc32 c.iso"]);
    is("; made\na.iso 363A3020\n", "pasted", &["crc32 a.iso"]);
    assert!(refused("released on 20231105\n20231105  by us\n", "notes.txt").contains("no line of it"));
}

#[test]
fn certutil_is_understood_in_any_language() {
    let spaced: String =
        SHA1.as_bytes().chunks(2).map(|b| format!("{} ", std::str::from_utf8(b).unwrap())).collect();
    for (header, digits, want) in [
        ("SHA256 hash of a b.iso:", SHA256, "sha256 a b.iso"),
        ("SHA1 hash of file a.iso:", spaced.as_str(), "sha1 a.iso"),
        ("SHA256-Hash von a.iso:", SHA256, "sha256 a.iso"),
        ("hachage SHA256 de a.iso :", SHA256, "sha256 a.iso"),
        ("Valor SHA1 xx yy a.iso:", SHA1, "sha1 a.iso"),
        ("SHA256:", SHA256, "sha256 ?"),
    ] {
        is(&format!("{header}\r\n{digits}\r\nCertUtil: -hashfile ok\r\n"), "c.txt", &[want]);
    }
}

#[test]
fn get_file_hash_is_understood_as_list_table_and_csv() {
    let (head, tail) = SHA512.split_at(100);
    let list = format!(
        "\r\nAlgorithm : SHA512\r\nHash      : {head}\r\n            {tail}\r\nPath      : C:\\ISO\\a.iso\r\n\r\n\
         Algorithm : MD5\r\nHash      : {MD5}\r\nPath      : C:\\ISO\\b.iso\r\n"
    );
    is(&list, "p.txt", &["sha512 C:\\ISO\\a.iso", "md5 C:\\ISO\\b.iso"]);
    let table =
        format!("Algorithm  Hash  Path\n---------  ----  ----\nSHA256     {SHA256}   C:\\my iso\\a.iso\n");
    is(&table, "p.txt", &["sha256 C:\\my iso\\a.iso"]);
    let csv = format!("\"Algorithm\",\"Hash\",\"Path\"\n\"SHA256\",\"{SHA256}\",\"C:\\a, b.iso\"\n");
    is(&csv, "p.csv", &["sha256 C:\\a, b.iso"]);
    is(&csv.replace("\",\"", "\";\""), "p.csv", &["sha256 C:\\a, b.iso"]);
}

#[test]
fn a_value_that_a_narrow_table_cut_off_is_a_finding() {
    let sums = parse(&format!("SHA512   {}... C:\\a.iso\n", &SHA512[..70]), "p.txt");
    assert_eq!((sums.lines.len(), sums.bad[0].why), (0, Why::Shortened));
    assert_eq!(sums.bad[0].name.as_deref(), Some("C:\\a.iso"));
}

#[test]
fn pasted_values_with_their_digest_in_front_are_read() {
    for text in [
        format!("sha256:{SHA256}"),
        format!("SHA-256: {}", SHA256.to_uppercase()),
        format!("sha256={SHA256}"),
        format!("sha256-{SHA256}"),
        format!("SHA256 {SHA256}"),
    ] {
        is(&text, "-", &["sha256 ?"]);
    }
    is(&format!("File Name: b.iso\nLanguages: English\nSHA1: {SHA1}\n"), "page.txt", &["sha1 b.iso"]);
}

#[test]
fn digits_alone_are_about_any_file_where_they_are_all_there_is() {
    let sums = parse(SHA256, "a.iso.sha256");
    assert_eq!(matching(&sums, "/d/other.iso", "/d"), [1]);
    let two = parse(&format!("{SHA256}\n{MD5}\n"), "a.iso.sha256");
    assert_eq!(matching(&two, "/d/a.iso", "/d"), [] as [u64; 0]);
}

#[test]
fn a_section_or_the_lists_name_tells_digests_of_one_length_apart() {
    let text = format!("# BLAKE2B HASH\n{SHA512}  a\n# SHA512 HASH\n{SHA512}  a\n");
    is(&text, "a.DIGESTS", &["blake2b a", "sha512 a"]);
    assert!(parse(&text, "a.DIGESTS").lines.iter().all(|line| line.basis == Basis::Named));
    is(&format!("{SHA512}  a\n"), "b2sums.txt", &["blake2b a"]);
    assert_eq!(parse(&format!("{SHA512}  a\n"), "b2sums.txt").lines[0].basis, Basis::ListName);
    let sums = parse(&format!("{SHA256}  a\n"), "a.whirlpool");
    assert_eq!((sums.lines.len(), sums.unsupported.len()), (0, 1));
    is(
        &format!("{MD5} *q\n{SHA1} *q\n{SHA256} *q\n{SHA512} *q\n"),
        "q.DIGESTS",
        &["md5 q", "sha1 q", "sha256 q", "sha512 q"],
    );
}

#[test]
fn where_only_the_length_tells_two_values_of_a_file_are_no_contradiction() {
    let other = SHA512.replace('5', "6");
    let sums = parse(&format!("{SHA512}  a\n{other}  a\n"), "DIGESTS");
    assert!(sums.lines.iter().all(|line| line.is_ambiguous()));
    assert!(!parse(&format!("{SHA512}  a\n"), "SHA512SUMS").lines[0].is_ambiguous());
    assert!(!parse(&format!("{MD5}  a\n"), "DIGESTS").lines[0].is_ambiguous(), "no other is that short");
}

#[test]
fn digests_that_are_not_computed_here_are_counted() {
    let text = format!("RMD160 (a) = {SHA1}\nBLAKE2b-256(a)= {SHA256}\n");
    let names: Vec<String> = parse(&text, "x").unsupported.into_iter().map(|other| other.algorithm).collect();
    assert_eq!(names, ["RMD160", "BLAKE2b-256"]);
    let error = parse(&text, "x").trouble_for(Path::new("/d/a"), Path::new("/d")).unwrap();
    assert_eq!(error.to_string(), "line 1: RMD160 is not computed here");
}

#[test]
fn base64_is_as_good_as_digits() {
    let base64 = "WJG1tSLV3whtD/CxEPvZ0hu0/HFjrzTQgoai6Eb2vgM=";
    is(&format!("SHA256 (a b) = {base64}\nsha256-{base64}\n"), "x", &["sha256 a b", "sha256 ?"]);
    is(&format!("{base64}  a.txt\n"), "SHA256SUMS", &["sha256 a.txt"]);
    let sums = parse(&format!("SHA256 (a b) = {}\n", &base64[1..]), "x");
    assert_eq!(sums.bad[0].why, Why::NoValue { algorithm: Algorithm::Sha256 });
}

#[test]
fn a_named_digest_with_another_length_is_a_finding_and_no_guess() {
    let sums = parse(&format!("SHA256 (a.iso) = {SHA1}\nsha1:{MD5}\n{}  b.iso\n", &SHA256[1..]), "x");
    assert!(sums.lines.is_empty());
    let mut bad: Vec<(u64, Why)> = sums.bad.iter().map(|bad| (bad.line_number, bad.why)).collect();
    bad.sort_by_key(|(line, _)| *line);
    let wrong = |algorithm, digits| Why::WrongLength { algorithm, digits };
    let want = [
        (1, wrong(Algorithm::Sha256, 40)),
        (2, wrong(Algorithm::Sha1, 32)),
        (3, Why::NoSuchLength { digits: 63 }),
    ];
    assert_eq!(bad, want);
}

#[test]
fn only_the_signed_part_of_a_signed_list_counts() {
    let text = format!(
        "{MD5}  before\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n- --note\n{SHA256}  a.iso\n\
         -----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n{MD5}  after\n"
    );
    is(&text, "CHECKSUM", &["sha256 a.iso"]);
    let sums = parse(&text, "CHECKSUM");
    assert_eq!((sums.outside_signature, sums.not_understood.len()), (2, 1));
    let cut = text.split("-----BEGIN PGP SIGNATURE").next().unwrap();
    assert!(refused(cut, "CHECKSUM").contains("ends before the signature"));
}

#[test]
fn windows_encodings_are_read() {
    let text = format!("{SHA256}  a\u{e9}.iso\r\n");
    let units: Vec<u16> = text.encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
    let with = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
    for bytes in [
        with(&[0xef, 0xbb, 0xbf], text.as_bytes()),
        with(&[0xff, 0xfe], &little),
        with(&[0xfe, 0xff], &big),
        little,
        big,
        latin,
    ] {
        let sums = Sums::parse(&bytes, "SHA256SUMS").unwrap();
        assert_eq!(sums.lines[0].name.as_deref(), Some("a\u{e9}.iso"));
        assert_eq!(matching(&sums, "/d/a\u{e9}.iso", "/d"), [1]);
    }
}

#[test]
fn a_web_page_is_called_one() {
    let page = "<!DOCTYPE html>\n<html><head><TITLE>404\n Not Found</TITLE>";
    assert_eq!(refused(page, "a.sha256"), "a.sha256: is a web page (\"404 Not Found\"), not a checksum list");
    assert!(refused("<html>", "a").contains("is a web page,"));
}

#[test]
fn other_formats_are_not_taken_for_a_list() {
    for text in [
        format!("<?xml version=\"1.0\"?><file name=\"a\"><hash>{SHA256}</hash></file>"),
        format!("{{\"sha256\": \"{SHA256}\"}}"),
        String::new(),
        "\0\u{1}binary\0".to_owned(),
    ] {
        assert_eq!(refused(&text, "l"), "l: not supported: as a checksum list: no line of it is understood");
    }
}

#[test]
fn a_list_that_contradicts_itself_is_refused() {
    let other = SHA256.replace('5', "6");
    let text = format!("{SHA256}  a.iso\n{SHA256} *./a.iso\n{other}  b/a.iso\nSHA256 (a.iso) = {other}\n");
    assert_eq!(
        refused(&text, "SHA256SUMS"),
        "SHA256SUMS: the list contradicts itself: lines 1 and 4 give two sha256 values for a.iso"
    );
}

#[test]
fn a_list_that_is_too_long_is_refused() {
    let bytes = vec![b'#'; usize::try_from(MOST_BYTES).unwrap() + 1];
    let error = Sums::parse(&bytes, "x").unwrap_err();
    assert!(matches!(error.kind(), Kind::Limit { limit: MOST_BYTES, .. }));
}

#[test]
fn a_hostile_list_takes_no_longer_than_its_length() {
    for line in
        ["Hash : 0\n", "Algorithm : x\n a\n", "# a: 1 bytes\n", "SHA256:\n", "((()))=\n", "sha1-sha1-\n"]
    {
        let _ = Sums::parse(line.repeat(300_000).as_bytes(), "x.sfv");
        let _ = Sums::parse(line.trim_end().repeat(300_000).as_bytes(), "x");
    }
}

#[test]
fn a_name_with_a_directory_must_be_the_end_of_the_path() {
    let sums = parse(&format!("{SHA256}  a.iso\n{SHA1}  10/a.iso\n{MD5}  .\\11\\a.iso\n"), "x");
    assert_eq!(matching(&sums, "/d/a.iso", "/d"), [1]);
    assert_eq!(matching(&sums, "/d/10/a.iso", "/d"), [2]);
    assert_eq!(matching(&sums, "/d/11/a.iso", "/elsewhere"), [3]);
    assert_eq!(matching(&sums, "/d/10/a.iso", "/d/10"), [1], "seen from the list, only one is it");
    assert_eq!(matching(&sums, "/d/ba.iso", "/d"), [] as [u64; 0]);
    let only = parse(&format!("{SHA1}  10/a.iso\n"), "x");
    assert_eq!(matching(&only, "/d/a.iso", "/d"), [] as [u64; 0]);
}

#[test]
fn an_absolute_name_counts_by_its_last_part_unless_there_are_two() {
    let sums = parse(&format!("{SHA256}  C:\\ISO\\a.iso\n{MD5}  C:\\ISO\\a.iso\n"), "x");
    assert_eq!(matching(&sums, "/d/a.iso", "/d"), [1, 2]);
    let sums = parse(&format!("{SHA256}  /1/a.iso\n{SHA256}  /2/a.iso\n"), "x");
    assert_eq!(matching(&sums, "/d/a.iso", "/d"), [] as [u64; 0]);
    assert_eq!(matching(&sums, "/2/a.iso", "/d"), [2]);
}

#[test]
fn case_matters_where_file_systems_keep_it() {
    let sums = parse(&format!("{SHA256}  A.ISO\n"), "x");
    assert_eq!(matching(&sums, "/d/a.iso", "/d").len(), usize::from(cfg!(windows)));
}

#[test]
fn a_name_that_leaves_the_lists_directory_is_never_opened() {
    let beside = |name: &str| {
        let line = &parse(&format!("{SHA256}  {name}\n"), "x").lines[0];
        line.path_beside(Path::new("d"))
    };
    for name in
        ["../a", "a/../../b", "..\\a", "/etc/passwd", "\\\\host\\share\\a", "C:\\a", "C:a", "a//b", "."]
    {
        assert_eq!(beside(name), None, "{name}");
    }
    assert_eq!(beside("./pool\\a.deb"), Some(Path::new("d").join("pool").join("a.deb")));
}

proptest! {
    #[test]
    fn no_bytes_bring_the_reader_down(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Sums::parse(&bytes, "SHA256SUMS");
    }

    #[test]
    fn no_text_made_of_our_words_brings_the_reader_down(
        parts in proptest::collection::vec(
            proptest::sample::select(vec![
                "SHA256", "Algorithm : ", "Hash : ", "Path : ", "\n", " ", "  ", "(", ")", "=", ":", "\\", "#",
                " HASH", "\"", "\",\"", ";", MD5, SHA256, "é", "…", "-----BEGIN PGP SIGNED MESSAGE-----\n", " bytes",
                "-", "<title", "<html", "\0", "sha1-",
            ]),
            0..30,
        ),
        list in proptest::sample::select(vec!["x.sfv", "SHA256SUMS", "b2sums", ""]),
    ) {
        if let Ok(sums) = Sums::parse(parts.concat().as_bytes(), list) {
            let _ = sums.for_file(Path::new("/d/x"), Path::new("/d"));
            let _ = sums.trouble_for(Path::new("/d/x"), Path::new("/d"));
        }
    }

    #[test]
    fn any_name_that_coreutils_can_write_comes_back(name in "[^\0]{1,20}") {
        let escaped = name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
        let mark = if escaped == name { "" } else { "\\" };
        prop_assume!(name != "-" && !name.trim().is_empty());
        let sums = parse(&format!("{mark}{SHA256}  {escaped}\n"), "SHA256SUMS");
        prop_assert_eq!(sums.lines[0].name.as_deref(), Some(name.as_str()));
    }
}
