//! The layouts of single programs and publishers, and lists that are documents.

use super::*;
use proptest::prelude::*;

const MD5: &str = "b1946ac92492d2347c6235b4d2611184";
const SHA1: &str = "f572d396fae9206628714fb2ce00f72e94f2258f";
const SHA256: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

/// `algorithm name size`, a line each.
#[track_caller]
fn is(text: &str, list: &str, want: &[&str]) {
    let sums = Sums::parse(text.as_bytes(), list).unwrap();
    let size = |line: &Line| line.size.map_or(String::new(), |size| format!(" {size}"));
    let have: Vec<String> = sums
        .lines
        .iter()
        .map(|line| {
            let known = [MD5, SHA1, SHA256, "363a3020"];
            assert!(known.contains(&line.value.hex().as_str()), "{line:?}");
            format!("{} {}{}", line.value.algorithm, line.name.as_deref().unwrap_or("?"), size(line))
        })
        .collect();
    assert_eq!(have, want, "{text}");
    assert!(sums.bad.is_empty(), "{sums:?}");
}

#[test]
fn hashdeep_names_its_columns() {
    let text = format!(
        "%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,tiger,filename\n## Invoked from: /x\n6,{MD5},{SHA256},00,/a, b.iso\n"
    );
    is(&text, "x.hashdeep", &["md5 /a, b.iso 6", "sha256 /a, b.iso 6"]);
    let sums = Sums::parse(b"%%%% HASHDEEP-1.0\n%%%% size,tiger,filename\n6,00,a\n1\n", "x").unwrap();
    assert_eq!(sums.unsupported[0].algorithm, "tiger");
    assert_eq!(sums.not_understood, [4]);
}

#[test]
fn metalinks_and_windows_list_of_media_are_read() {
    let four = format!(
        "<?xml version=\"1.0\"?>\n<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">\n<file name=\"a.iso\"><size>6</size>\n\
         <hash type=\"sha-256\">{SHA256}</hash><hash type=\"md5\">{MD5}</hash>\
         <pieces length=\"262144\" type=\"sha-1\"><hash>{SHA1}</hash></pieces></file></metalink>"
    );
    is(&four, "a.meta4", &["sha256 a.iso 6", "md5 a.iso 6"]);
    let sums = Sums::parse(four.as_bytes(), "a.meta4").unwrap();
    assert_eq!(sums.lines[0].line_number, 4);
    assert_eq!(sums.notes, ["the digests of the pieces of a.iso are not used"]);
    let three = format!(
        "<metalink version=\"3.0\" xmlns=\"http://www.metalinker.org/\"><files><file name=\"a.iso\"><size>6</size>\
         <verification><hash type=\"sha1\">{SHA1}</hash><pieces type=\"sha1\" length=\"1\"/></verification></file></files></metalink>"
    );
    is(&three, "a.metalink", &["sha1 a.iso 6"]);
    let products = format!(
        "<MCT><File id=\"\"><FileName>1.esd</FileName><Size>9</Size><Sha1>{SHA1}</Sha1></File>\
         <File><FileName>2.esd</FileName><Sha256>{SHA256}</Sha256></File></MCT>"
    );
    is(&products, "products.xml", &["sha1 1.esd 9", "sha256 2.esd"]);
}

#[test]
fn xml_that_is_broken_or_deep_or_full_of_entities_is_refused() {
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
    for text in ["<metalink><file", "<a/>", bomb, &"<a>".repeat(200_000)] {
        assert!(Sums::parse(text.as_bytes(), "x.meta4").is_err());
    }
}

#[test]
fn debian_has_sizes_between_digest_and_path() {
    let release = format!(
        "Origin: Debian\nMD5Sum:\n {MD5}  1234 main/Packages\nSHA256:\n {SHA256}     56 main/Release\nDate: x\n"
    );
    is(&release, "Release", &["md5 main/Packages 1234", "sha256 main/Release 56"]);
    let changes = format!("Files:\n {MD5} 7 utils optional a.deb\nChecksums-Sha1:\n {SHA1} 7 a.deb\n");
    is(&changes, "a.changes", &["md5 a.deb 7", "sha1 a.deb 7"]);
    is(&format!("{SHA256}\t1234 main/Packages\n"), "x", &["sha256 main/Packages 1234"]);
    is(&format!("{SHA256}  1234 main\n"), "x", &["sha256 1234 main"]);
}

#[test]
fn a_tree_of_fedoras_has_a_section_of_checksums() {
    let text = format!(
        "[checksums]\nimages/boot.iso = sha256:{SHA256}\nimages/a=b.img = md5:{MD5}\n\n[general]\nsha256 = no:{MD5}\n"
    );
    let sums = Sums::parse(text.as_bytes(), ".treeinfo").unwrap();
    assert_eq!(sums.lines[0].name.as_deref(), Some("images/boot.iso"));
    assert_eq!((sums.lines.len(), sums.not_understood.as_slice()), (1, &[3][..]));
}

#[test]
fn bags_encode_line_breaks_and_percent_signs() {
    let text = format!("{SHA256}  data/a%0Ab%25c%20\n");
    is(&text, "manifest-sha256.txt", &["sha256 data/a\nb%c%20"]);
    is(&text, "tagmanifest-sha256.txt", &["sha256 data/a\nb%c%20"]);
    is(&text, "sums-sha256.txt", &["sha256 data/a%0Ab%25c%20"]);
}

#[test]
fn rhash_and_freebsd_have_the_name_first() {
    is(
        &format!("a b.txt  363a3020  {MD5}  {SHA1}\n"),
        "x",
        &["crc32 a b.txt", "md5 a b.txt", "sha1 a b.txt"],
    );
    is(&format!("base.txz\t{SHA256}\t27\tbase\t\"Base\"\ton\n"), "MANIFEST", &["sha256 base.txz"]);
    is(";            6  03:23.27 2026-11-23 a b.txt\na b.txt 363A3020\n", "x.sfv", &["crc32 a b.txt 6"]);
}

#[test]
fn download_pages_have_name_size_and_digests_in_any_order() {
    for text in [
        format!("File Name: a.iso\nSize: 1,234 bytes\nSHA1: {SHA1}\nSHA256: {SHA256}\n"),
        format!("SHA1: {SHA1}\nSHA256: {SHA256}\nSize: 1234 B\nFile Name: a.iso\n"),
        format!("SHA1 = {SHA1}\nName = a.iso\nLength = 1234 bytes\nSHA-256 hash = {SHA256}\n"),
    ] {
        is(&text, "page.txt", &["sha1 a.iso 1234", "sha256 a.iso 1234"]);
    }
    let two = format!("File: a.iso\n\nSHA1: {SHA1}\n\nFile: b.iso\nSize: 4.7 GB\nSHA256: {SHA256}\n");
    is(&two, "page.txt", &["sha1 a.iso", "sha256 b.iso"]);
    let reversed = format!("SHA1: {SHA1}\nFile: a.iso\nSHA1: {SHA1}\nFile: b.iso\n");
    is(&reversed, "page.txt", &["sha1 a.iso", "sha1 b.iso"]);
}

#[test]
fn package_managers_have_addresses_for_names() {
    let winget = format!(
        "Installers:\n- Architecture: x64\n  InstallerUrl: https://x/y/setup.exe?a=b\n  InstallerSha256: {}\n\
         - Architecture: x86\n  InstallerUrl: https://x/y/setup32.exe\n  InstallerSha256: {SHA256}\n",
        SHA256.to_uppercase()
    );
    is(&winget, "winget.yaml", &["sha256 setup.exe", "sha256 setup32.exe"]);
    let choco = format!(
        "$packageArgs = @{{\n  url           = 'https://x/a.exe'\n  url64bit      = 'https://x/a64.exe'\n  \
         checksum      = '{SHA1}'\n  checksumType  = 'sha1'\n  checksum64    = '{SHA256}'\n  checksumType64= 'sha256'\n}}\n"
    );
    is(&choco, "install.ps1", &["sha1 a.exe", "sha256 a64.exe"]);
}

#[test]
fn digits_anywhere_on_a_page_are_found() {
    is(&format!("Download a.iso here\nSHA-256\n{SHA256}\n"), "", &["sha256 a.iso"]);
    is(&format!("| a.iso | 4.7 GB | `{MD5}` | `{SHA256}` |\n"), "", &["md5 a.iso", "sha256 a.iso"]);
    is(&format!("the sum of https://x.org/d/a.iso is {SHA1}, they say\n"), "", &["sha1 a.iso"]);
    is(&format!("digest sha256:{SHA256} pushed\n"), "", &["sha256 ?"]);
}

#[test]
fn digits_alone_get_the_name_of_their_list() {
    let sums = Sums::parse(SHA256.as_bytes(), "a.iso.sha256").unwrap().named_by_list("a.iso.sha256");
    assert_eq!(sums.lines[0].name.as_deref(), Some("a.iso"));
    let sums = Sums::parse(SHA256.as_bytes(), "SUMS").unwrap().named_by_list("SUMS");
    assert_eq!(sums.lines[0].name, None);
}

/// What the programs themselves wrote, against what Python's hashlib says of their files.
#[test]
fn lists_by_real_programs_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/sums");
    let mut cases = 0;
    for case in std::fs::read_dir(folder).unwrap() {
        let case = case.unwrap().path();
        let input = std::fs::read_dir(&case).unwrap().map(|entry| entry.unwrap().path());
        let input = input.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("input."));
        let input = input.last().unwrap();
        let list_name = input.file_name().unwrap().to_string_lossy().replacen("input.", "", 1);
        let sums = Sums::parse(&std::fs::read(&input).unwrap(), &list_name).unwrap();
        let mut have: Vec<String> = sums
            .lines
            .iter()
            .map(|line| {
                let size = line.size.map_or("-".to_owned(), |size| size.to_string());
                let name = line.name.as_deref().unwrap().replace('\\', "\\\\").replace('\n', "\\n");
                format!("{} {} {size} {name}", line.value.algorithm, line.value.hex())
            })
            .collect();
        let expected = std::fs::read_to_string(case.join("expected")).unwrap();
        let mut want: Vec<&str> = expected.lines().collect();
        have.sort();
        want.sort_unstable();
        assert_eq!(have, want, "{}", case.display());
        assert!(sums.bad.is_empty() && sums.unsupported.is_empty(), "{}", case.display());
        cases += 1;
    }
    assert!(cases >= 12, "only {cases} lists were found");
}

/// Samples that are not in the repository: file, how many digests it has, the first of them or what is said instead.
const SAMPLES: [(&str, usize, &str); 31] = [
    ("Fedora-CHECKSUM", 1, "sha256 Fedora-WS.iso 2398523392"),
    ("Qubes.iso.DIGESTS", 4, "md5 Q.iso"),
    ("SHA256SUMS", 3, "sha256 a.iso"),
    ("a.iso.sha256", 1, "sha256 a.iso"),
    ("a.meta4", 1, "sha256 a.iso 6"),
    ("b2sums.txt", 1, "blake2b a.iso"),
    ("bom.sha256", 1, "sha256 a.iso"),
    ("bsd.txt", 2, "sha256 a.iso"),
    ("certutil10.txt", 1, "sha256 a.iso"),
    ("certutil7.txt", 1, "sha1 a.iso"),
    ("certutil_de.txt", 1, "sha256 a.iso"),
    ("crlf.sha256", 3, "sha256 a.iso"),
    ("deb822.txt", 1, "sha256 main/Packages 1234"),
    ("gentoo.DIGESTS", 2, "blake2b a.iso"),
    ("manifest-sha256.txt", 1, "sha256 data/a b.bin"),
    ("md5sum.txt", 2, "md5 ./pool/a.deb"),
    ("msdn.txt", 2, "sha1 en_windows_10_x64_dvd_1.iso"),
    ("oci.txt", 1, "sha256 ?"),
    ("openssl.txt", 2, "sha256 a.iso"),
    ("products.xml", 1, "sha1 19041.esd 3328489790"),
    ("ps.csv", 1, "sha256 C:\\ISO\\a.iso"),
    ("pslist.txt", 1, "sha512 C:\\ISO\\a.iso"),
    ("pstable.txt", 1, "sha256 C:\\ISO\\a.iso"),
    ("setup.exe.sha256", 1, "sha256 setup.exe"),
    ("single.sha256", 1, "sha256 a.iso"),
    ("u16bom.sha256", 1, "sha256 a.iso"),
    ("winget.yaml", 1, "sha256 setup.exe"),
    ("x.hashdeep", 6, "md5 /tmp/research/verify/ck/a.txt 6"),
    ("x.sfv", 2, "crc32 a.iso"),
    ("html404.sha256", 0, "is a web page, not a checksum list"),
    ("pstrunc.txt", 0, "the value is cut off with dots; use Format-List"),
];

#[test]
fn the_samples_of_every_dialect_are_read() {
    use std::io::Write as _;
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("shared/corpus");
    let corpus = std::env::var_os("DISCLESS_CORPUS").map_or(beside, PathBuf::from).join("checksums");
    if !corpus.is_dir() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: {} is not there (DISCLESS_CORPUS names another corpus); nothing was read",
            corpus.display()
        );
        return;
    }
    for (name, digests, first) in SAMPLES {
        let sums = Sums::parse(&std::fs::read(corpus.join(name)).unwrap(), name);
        if digests == 0 {
            let said = match sums {
                Ok(sums) => sums.bad[0].why.to_string(),
                Err(error) => error.kind().to_string(),
            };
            assert_eq!(said, first, "{name}");
            continue;
        }
        let sums = sums.unwrap().named_by_list(name);
        let line = &sums.lines[0];
        let size = line.size.map_or(String::new(), |size| format!(" {size}"));
        let name_there = line.name.as_deref().unwrap_or("?");
        assert_eq!(format!("{} {name_there}{size}", line.value.algorithm), first, "{name}");
        assert_eq!(sums.lines.len(), digests, "{name}");
        assert!(sums.bad.is_empty() && sums.unsupported.is_empty(), "{name}");
        if name == "Fedora-CHECKSUM" {
            assert_eq!(sums.remarks(), ["1 line not understood, line 6 first"]);
        }
    }
}

proptest! {
    #[test]
    fn hostile_documents_do_no_harm(
        parts in proptest::collection::vec(
            proptest::sample::select(vec![
                "%%%% HASHDEEP-1.0\n", "%%%% ", "size,", "md5,", "filename", "\n", ",", MD5, SHA256, "<metalink>", "<file name='a'>",
                "<hash type='sha-1'>", "</hash>", "</file>", "</metalink>", "<size>", "9", "[checksums]\n", " = ", "sha256:", "SHA256:\n",
                " ", "\t", "Size: ", "File: ", "checksum64 = '", "'", "%0A", "; 1  1:1.1 1-1-1 a", "|", "…", "é", "\0",
            ]),
            0..40,
        ),
        list in proptest::sample::select(vec!["a.meta4", "manifest-md5.txt", "x.sfv", ""]),
    ) {
        if let Ok(sums) = Sums::parse(parts.concat().as_bytes(), list) {
            let _ = sums.named_by_list(list).for_file(Path::new("/d/a"), Path::new("/d"));
        }
    }
}
