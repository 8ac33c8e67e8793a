use super::*;
use crate::facts::{FAMILIES, compiled, parse_lifecycle};
use std::collections::BTreeSet;

fn about(product: &str) -> About {
    About { product: product.to_owned(), ..About::default() }
}

fn ids(about: &About) -> Vec<String> {
    Facts::compiled().advice(about).iter().map(|rule| rule.id.clone()).collect()
}

fn support(product: &str, release: Option<&str>, today: &str) -> Vec<String> {
    let about =
        About { release: release.map(str::to_owned), today: Some(today.to_owned()), ..about(product) };
    let facts = Facts::compiled();
    facts.support().iter().filter(|rule| rule.applies(&about)).map(|rule| rule.note.clone()).collect()
}

#[test]
fn every_rule_is_read_and_is_there_once() {
    let rules = parse(crate::facts::ADVICE).unwrap_or_else(|bad| panic!("{bad:?}"));
    let ids: BTreeSet<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids.len(), rules.len());
    assert!(rules.iter().all(|rule| !rule.source.is_empty() && rule.note.ends_with('.')));
    let support = parse_lifecycle(crate::facts::LIFECYCLE).unwrap_or_else(|bad| panic!("{bad:?}"));
    assert!(support.len() > 200 && support.iter().all(|rule| !rule.source.is_empty()));
}

#[test]
fn every_product_of_a_rule_has_builds() {
    let facts = Facts::compiled();
    let known: BTreeSet<&str> = FAMILIES.iter().flat_map(|family| facts.products(family)).collect();
    for rule in facts.rules().iter().chain(facts.support()) {
        for product in &rule.products {
            assert!(known.contains(product.as_str()), "{}: {product}", rule.id);
        }
    }
}

#[test]
fn every_release_of_a_row_of_support_is_that_of_a_build_or_a_line_of_them() {
    let facts = Facts::compiled();
    for rule in facts.support() {
        let Some(Condition::Lifecycle { release, .. }) = rule.conditions.last() else { panic!("{rule:?}") };
        // VMware ESXi 9 has rows of support and no builds yet.
        if release.is_empty() || release.starts_with("9.") && rule.products == ["VMware ESXi"] {
            continue;
        }
        let builds = FAMILIES.iter().flat_map(|family| facts.builds(family));
        let mut builds = builds.filter(|build| rule.products.contains(&build.product));
        let fits = |build: &crate::facts::Build| {
            let about = About { release: Some(build.release.clone()), ..About::default() };
            is_release(release, &about)
        };
        assert!(builds.any(fits), "{}: {release}", rule.id);
    }
}

#[test]
fn no_rule_says_again_what_support_says() {
    for rule in Facts::compiled().rules() {
        let note = rule.note.to_lowercase();
        assert!(!note.contains("out of support") && !note.contains("support end"), "{}", rule.id);
    }
}

#[test]
fn the_32_bit_exchange_2007_is_for_labs_only() {
    let x86 = About { platform: Some("x86".to_owned()), ..about("Exchange Server 2007") };
    assert_eq!(ids(&x86), ["exch2007-x86", "exch2007-edition"]);
    let x64 = About { platform: Some("x64".to_owned()), ..about("Exchange Server 2007") };
    assert_eq!(ids(&x64), ["exch2007-edition"]);
}

#[test]
fn the_numbers_of_exchange_2007_rtm_are_explained_for_it_only() {
    let version = |text: &str| About { version: Version::parse(text), ..about("Exchange Server 2007") };
    assert!(ids(&version("8.0.685.25")).contains(&"exch2007-build".to_owned()));
    assert!(!ids(&version("8.1.240.6")).contains(&"exch2007-build".to_owned()));
}

#[test]
fn an_image_of_exactly_one_layer_fits() {
    let bytes = |bytes| About { bytes: Some(bytes), ..about("Exchange Server 2007") };
    assert!(!ids(&bytes(4_700_372_992)).contains(&"exch2007-dvd".to_owned()));
    assert!(ids(&bytes(4_700_372_993)).contains(&"exch2007-dvd".to_owned()));
}

#[test]
fn a_name_that_says_another_platform_is_warned_of() {
    let named = |named: &str, platform: &str| About {
        named_platform: Some(named.to_owned()),
        platform: Some(platform.to_owned()),
        ..about("anything")
    };
    assert_eq!(ids(&named("x64", "x86")), ["label-platform"]);
    assert!(ids(&named("x64", "x64")).is_empty());
    assert!(ids(&named("x64", "mixed")).is_empty());
}

#[test]
fn itanium_is_said_for_its_template_and_its_last_products() {
    let template = About { template: Some("Intel64".to_owned()), ..About::default() };
    assert_eq!(ids(&template), ["msi-intel64"]);
    let last = About { platform: Some("ia64".to_owned()), ..about("Windows Server 2008 R2") };
    assert_eq!(ids(&last), ["win-ia64-last"]);
}

#[test]
fn support_is_said_by_the_day() {
    let exchange = |today| support("Exchange Server 2007", Some("RTM"), today);
    assert!(exchange("2010-01-01").is_empty());
    assert_eq!(
        exchange("2012-04-10"),
        ["Mainstream support ended 2012-04-10; extended support ends 2017-04-11."]
    );
    assert_eq!(
        exchange("2017-04-10"),
        ["Mainstream support ended 2012-04-10; extended support ends 2017-04-11."]
    );
    assert_eq!(exchange("2017-04-11"), ["Out of support since 2017-04-11."]);
    assert_eq!(
        support("Windows Server 2016", Some("RTM"), "2026-11-23"),
        ["Mainstream support ended 2022-01-11; extended support ends 2027-01-12."]
    );
}

#[test]
fn what_can_be_had_after_the_end_has_an_end_too() {
    let server = |today| support("Windows Server 2012 R2", Some("RTM"), today);
    assert_eq!(server("2024-01-01"), ["Out of support since 2023-10-10; paid updates until 2026-10-13."]);
    assert_eq!(server("2026-10-13"), ["Out of support since 2023-10-10; paid updates ended 2026-10-13."]);
}

#[test]
fn an_end_within_a_year_is_said_and_a_later_one_is_not() {
    let debian = |today| support("Debian", Some("13 \"Trixie\""), today);
    assert!(debian("2027-08-08").is_empty());
    assert_eq!(debian("2027-08-09"), ["Support ends 2028-08-09."]);
    assert_eq!(debian("2029-01-01"), ["Out of support since 2028-08-09; LTS until 2030-06-30."]);
}

#[test]
fn editions_of_windows_have_their_own_ends() {
    let all = support("Windows 10", Some("1809"), "2026-11-23");
    assert_eq!(
        all,
        [
            "Out of support since 2021-05-11 (Enterprise, Education).",
            "Out of support since 2020-11-10 (Home, Pro)."
        ]
    );
    let of = |editions: &[&str]| {
        let about = About {
            release: Some("Enterprise LTSC 2021 / IoT".to_owned()),
            editions: editions.iter().map(|&id| id.to_owned()).collect(),
            today: Some("2028-01-01".to_owned()),
            ..about("Windows 10")
        };
        Facts::compiled().advice(&about).iter().map(|rule| rule.note.clone()).collect::<Vec<_>>()
    };
    assert_eq!(of(&["EnterpriseS"]), ["Out of support since 2027-01-12 (Enterprise LTSC)."]);
    assert_eq!(
        of(&["IoTEnterpriseS"]),
        ["Mainstream support ended 2027-01-12; extended support ends 2032-01-13 (IoT Enterprise LTSC)."]
    );
    assert!(begins(&["Enterprise".to_owned()], &["EnterpriseN".to_owned()]));
    assert!(!begins(&["Enterprise".to_owned()], &["EnterpriseS".to_owned()]));
}

#[test]
fn the_name_of_a_release_decides_and_not_its_number() {
    let about = |release: &str, version: &str| About {
        release: Some(release.to_owned()),
        version: Version::parse(version),
        today: Some("2026-11-23".to_owned()),
        ..about("Visual Studio 2017")
    };
    let facts = Facts::compiled();
    let said = |about: &About| facts.advice(about).iter().map(|rule| rule.id.clone()).collect::<Vec<_>>();
    assert_eq!(said(&about("15.1", "15.0.26403.0")), ["support-visual-studio-2017-15-1"]);
    assert_eq!(said(&about("15.0.0", "15.0.26228.4")), ["support-visual-studio-2017-15-0"]);
    let nameless = About { release: None, ..about("", "15.5.27130.0") };
    assert_eq!(said(&nameless), ["support-visual-studio-2017-15-5"]);
    let esxi = About { product: "VMware ESXi".to_owned(), ..about("7.0b", "7.0.0.16324942") };
    assert!(said(&esxi).contains(&"support-vmware-esxi-7-0".to_owned()));
}

#[test]
fn nothing_is_said_of_support_without_a_day() {
    assert!(ids(&about("Exchange Server 2003")).is_empty());
}

#[test]
fn warnings_come_first() {
    let about = About {
        platform: Some("x86".to_owned()),
        version: Version::parse("8.0.685.25"),
        today: Some("2026-11-23".to_owned()),
        ..about("Exchange Server 2007")
    };
    let facts = Facts::compiled();
    let severities: Vec<Severity> = facts.advice(&about).iter().map(|rule| rule.severity).collect();
    assert!(severities.is_sorted_by(|a, b| a >= b), "{severities:?}");
    assert_eq!(severities.len(), 4);
}

#[test]
fn a_row_that_does_not_hold_is_named() {
    let row = |condition: &str, severity: &str| {
        let text = format!(
            "id\tapplies_to\tcondition\tseverity\tnote\tsource\tdate\nx\t*\t{condition}\t{severity}\tn\ts\t2026\n"
        );
        parse(&text).map(|rules| rules.len())
    };
    assert_eq!(row("any", "note"), Ok(1));
    for condition in [
        "platform",
        "platform=",
        "platfrom=x86",
        "version=8.0",
        "version>=x",
        "bytes>many",
        "today>=soon",
        "",
    ] {
        assert!(row(condition, "note").is_err(), "{condition}");
    }
    assert!(row("any", "info").is_err());
    let cycle = |mainstream: &str, extended: &str| {
        parse_lifecycle(&format!("product\tmainstream_end\textended_end\nDebian\t{mainstream}\t{extended}\n"))
            .map(|rules| rules.len())
    };
    assert_eq!(cycle("2020-01-01", "2021-01-01"), Ok(2));
    assert!(cycle("2022-01-01", "2021-01-01").is_err());
    assert!(cycle("2020-01", "2021-01-01").is_err());
}

#[test]
fn rules_of_the_users_replace_those_of_the_same_id() {
    let dir = tempfile::tempdir().unwrap();
    let text = "id\tapplies_to\tcondition\tseverity\tnote\tsource\tdate\n\
        exch2007-edition\tExchange Server 2007\tany\twarn\tOurs.\tus\t2026\n\
        mine\t*\tany\tnote\tMine.\tus\t2026\n";
    std::fs::write(dir.path().join("advice.tsv"), text).unwrap();
    let cycle = "product\tmainstream_end\textended_end\nExchange Server 2007\t2030-01-01\t2031-01-01\n";
    std::fs::write(dir.path().join("lifecycle.tsv"), cycle).unwrap();
    let facts = Facts::with_dir(dir.path()).unwrap();
    let about = About { today: Some("2030-06-01".to_owned()), ..about("Exchange Server 2007") };
    let notes: Vec<&str> = facts.advice(&about).iter().map(|rule| rule.note.as_str()).collect();
    assert_eq!(
        notes,
        ["Ours.", "Mine.", "Mainstream support ended 2030-01-01; extended support ends 2031-01-01."]
    );
    assert_eq!(facts.rules().len(), compiled(parse, crate::facts::ADVICE).len() + 1);
}
