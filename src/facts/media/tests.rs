use super::*;

#[test]
fn every_row_is_read_and_its_release_has_builds() {
    let facts = Facts::compiled();
    let rows = parse(crate::facts::MEDIA).unwrap_or_else(|bad| panic!("{bad:?}"));
    assert_eq!(rows.len(), 18);
    for medium in facts.media() {
        let known =
            |build: &&crate::facts::Build| build.product == medium.product && build.release == medium.release;
        assert!(facts.builds("windows").iter().any(|build| known(&build)), "{medium:?}");
        assert!(!medium.images.is_empty() && !medium.source.is_empty(), "{medium:?}");
        assert_eq!(facts.medium_by_digest(medium.sha256.as_deref().unwrap()), Some(medium));
        assert_eq!(facts.media_by_name(&medium.file), [medium]);
    }
}

#[test]
fn a_digest_of_either_case_is_proof_and_a_name_is_a_hint() {
    let facts = Facts::compiled();
    let digest = "B09E93EEB5AA0C642F1043956C6243F42CAA9BFA1398C617D04C5B16ABDC0EE5";
    let medium = facts.medium_by_digest(digest).unwrap();
    assert_eq!((medium.product.as_str(), medium.release.as_str()), ("Windows 10", "20H2"));
    assert_eq!(medium.build.to_string(), "10.0.19041.1348");
    assert_eq!(facts.media_by_name(&format!("downloads/{}", medium.file.to_lowercase())), [medium]);
    assert_eq!(facts.medium_by_digest(""), None);
    assert_eq!(facts.medium_by_digest(&digest[..40]), None);
    assert!(facts.media_by_name("setup.iso").is_empty());
}

#[test]
fn a_row_without_a_digest_is_none() {
    let table = |digest: &str| parse(&format!("file\tsha256\tproduct\tbuild\nx.iso\t{digest}\tx\t1.2.3\n"));
    assert!(table("").is_err());
    assert!(table("b09e").is_err());
    assert!(table(&"z".repeat(64)).is_err());
    assert_eq!(table(&"A".repeat(64)).unwrap()[0].sha256.as_deref(), Some("a".repeat(64).as_str()));
}
