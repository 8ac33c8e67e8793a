use super::*;

const LAB_LINUX: &str = r#"<libosinfo version="0.0.1">
  <os id="http://example.org/lablinux/7">
    <short-id>lablinux7</short-id>
    <name xml:lang="de">Labor-Linux 7</name>
    <name>Lab Linux 7</name>
    <media arch="x86_64">
      <iso><volume-id>LAB-7[.0-9]* x86_64$</volume-id><system-id>LINUX</system-id></iso>
    </media>
    <media arch="all">
      <iso><volume-id>^LAB-7(?!-BETA)</volume-id></iso>
    </media>
    <media arch="aarch64">
      <iso><volume-id>LAB-7[.0-9]* aarch64$</volume-id><publisher-id>^LAB$</publisher-id></iso>
    </media>
    <media arch="i686">
      <iso><publisher-id>LAB</publisher-id></iso>
    </media>
  </os>
</libosinfo>"#;

fn database() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let os = dir.path().join("os/example.org");
    fs::create_dir_all(&os).unwrap();
    fs::write(os.join("lablinux-7.xml"), LAB_LINUX).unwrap();
    fs::write(os.join("broken.xml"), "<libosinfo><os><media><iso><volume-id>LAB").unwrap();
    fs::write(os.join("notes.txt"), "<volume-id>LAB</volume-id>").unwrap();
    fs::write(dir.path().join("VERSION"), "20261123\n").unwrap();
    dir
}

fn volume(label: &str, system: &str, publisher: &str) -> Volume {
    Volume {
        label: label.to_owned(),
        system: system.to_owned(),
        publisher: publisher.to_owned(),
        ..Volume::default()
    }
}

#[test]
fn every_expression_that_is_given_has_to_match() {
    let dir = database();
    let ids = |volume: &Volume| {
        let found = named(dir.path(), volume).unwrap();
        found.into_iter().map(|named| named.architecture.unwrap_or_default()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&volume("LAB-7.2 x86_64", "LINUX", "")), ["x86_64"]);
    assert!(ids(&volume("LAB-7.2 x86_64", "WINDOWS", "")).is_empty());
    assert_eq!(ids(&volume("LAB-7 aarch64", "", "LAB")), ["aarch64"]);
    assert!(ids(&volume("LAB-7 aarch64", "", "LABS")).is_empty());
    assert!(ids(&volume("OTHER", "LINUX", "LAB")).is_empty());
    assert!(ids(&volume("", "LINUX", "LAB")).is_empty(), "without a label nothing is said");
}

#[test]
fn the_name_is_that_of_no_language_and_the_version_is_named() {
    let dir = database();
    let found = named(dir.path(), &volume("LAB-7 x86_64", "LINUX", "")).unwrap();
    assert_eq!((found[0].name.as_str(), found[0].id.as_str()), ("Lab Linux 7", "lablinux7"));
    assert_eq!(found[0].source, "osinfo-db 20261123");
}

#[test]
fn where_it_is_not_installed_it_says_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(named(dir.path(), &volume("LAB-7 x86_64", "LINUX", "")).unwrap(), []);
    assert_eq!(named(&dir.path().join("nowhere"), &Volume::default()).unwrap(), []);
}

#[test]
fn a_database_of_endless_folders_is_left_in_time() {
    let dir = database();
    let deep = dir.path().join("os/a/b/c/d/e/f/g");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("deep.xml"), LAB_LINUX).unwrap();
    assert_eq!(named(dir.path(), &volume("LAB-7 x86_64", "LINUX", "")).unwrap().len(), 1);
}

#[test]
fn an_expression_that_would_take_all_memory_matches_nothing() {
    assert!(!is_match("(a{1000}){1000}", "a"));
    assert!(!is_match(&"a".repeat(MAX_PATTERN + 1), &"a".repeat(MAX_PATTERN + 1)));
    assert!(!is_match("(", "("));
}

#[test]
fn the_beginning_of_an_expression_is_in_all_that_matches_it() {
    let cases = [
        ("^LAB-7[.0-9]", "LAB-7"),
        ("LAB-7x?", "LAB-7"),
        ("LAB-7x*y", "LAB-7"),
        ("LAB-7x{2}", "LAB-7"),
        ("LAB-7x+", "LAB-7x"),
        ("LAB|OTHER", ""),
        ("(LAB)", ""),
        ("LAB_7", "LAB_7"),
        ("", ""),
    ];
    for (pattern, expected) in cases {
        assert_eq!(beginning(pattern), expected, "{pattern}");
    }
    assert!(is_match("LAB-7x?", "LAB-7"));
    assert!(is_match("AB-7", "LAB-7"), "expressions are not anchored");
}
