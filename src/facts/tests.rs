//! The tables themselves: their shape, their order, and that every number in them is found.

use super::*;
use std::collections::BTreeSet;

fn version(text: &str) -> Version {
    Version::parse(text).unwrap_or_else(|| panic!("{text}"))
}

fn found(family: &str, number: &str) -> Vec<String> {
    let facts = Facts::compiled();
    facts
        .find(Some(family), &version(number))
        .iter()
        .map(|found| match &found.how {
            How::Alias(alias) if alias.wrong => format!("not {}", found.build.name()),
            How::Alias(_) => format!("alias {}", found.build.name()),
            how => format!("{how:?} {}", found.build.name()),
        })
        .collect()
}

#[test]
fn every_row_of_every_table_is_read() {
    for (family, text) in FAMILIES.iter().zip(BUILDS) {
        let rows = parse_builds(family, text).unwrap_or_else(|bad| panic!("{family}: {bad:?}"));
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).count();
        assert_eq!(rows.len(), lines - 1, "{family}");
    }
}

#[test]
fn every_row_says_who_says_so() {
    for family in FAMILIES {
        for build in Facts::compiled().builds(family) {
            assert!(!build.source.is_empty(), "{build:?}");
            assert!(!build.platforms.is_empty(), "{build:?}");
            assert!(build.platforms.iter().all(|word| !word.contains([' ', '(', '.'])), "{build:?}");
        }
    }
}

#[test]
fn tables_are_in_the_order_of_their_numbers() {
    for family in FAMILIES {
        let builds = Facts::compiled();
        let builds = builds.builds(family);
        assert!(builds.is_sorted_by(|a, b| a.version <= b.version), "{family}");
    }
}

#[test]
fn no_row_is_there_twice() {
    for family in FAMILIES {
        let mut seen = BTreeSet::new();
        for build in Facts::compiled().builds(family) {
            assert!(
                seen.insert((build.name(), build.version.clone())),
                "{family}: {} {}",
                build.name(),
                build.version
            );
        }
    }
}

#[test]
fn every_build_is_found_by_its_number() {
    let facts = Facts::compiled();
    for family in FAMILIES {
        for build in facts.builds(family) {
            let found = facts.find(Some(family), &build.version);
            assert!(found.iter().any(|found| found.build == build && found.how == How::Exact), "{build:?}");
        }
    }
}

#[test]
fn every_alias_that_is_a_number_gives_its_row() {
    let facts = Facts::compiled();
    let mut count = 0;
    for family in FAMILIES {
        for build in facts.builds(family) {
            for alias in &build.aliases {
                let Some(version) = &alias.version else {
                    assert!(family == "linux", "{family}: {alias:?} is no number");
                    continue;
                };
                count += 1;
                let found = facts.find(Some(family), version);
                let how = found.iter().find(|found| found.build == build).map(|found| &found.how);
                let is_it = match how {
                    Some(How::Alias(known)) => known.version == alias.version,
                    Some(How::Exact) => alias.version.as_ref() == Some(&build.version),
                    _ => false,
                };
                assert!(is_it, "{}: {alias:?} gives {how:?}", build.name());
            }
        }
    }
    assert!(count > 100, "{count} aliases");
}

#[test]
fn every_build_of_exchange_is_found_in_the_directorys_form() {
    let facts = Facts::compiled();
    for build in facts.builds("exchange").iter().filter(|build| build.version.parts().len() == 4) {
        let &[major, minor, number, revision] = build.version.parts() else { unreachable!() };
        let text = format!("Version {major}.{minor} (Build {}.{revision})", number + 30_000);
        let reading = read_version(&text).unwrap();
        assert_eq!((reading.version, reading.form), (build.version.clone(), Form::ActiveDirectory));
        let long = format!("{major:02}.{minor:02}.{number:04}.{revision:03}");
        assert_eq!(read_version(&long).unwrap().version, build.version);
    }
}

#[test]
fn the_founding_case_8_0_685_25_has_many_numbers() {
    assert_eq!(found("exchange", "8.0.685.25"), ["Exact Exchange Server 2007 RTM"]);
    assert_eq!(found("exchange", "8.0.685.24"), ["alias Exchange Server 2007 RTM"]);
    assert_eq!(found("exchange", "685.018"), ["alias Exchange Server 2007 RTM"]);
    assert_eq!(found("exchange", "685.25"), ["Ending Exchange Server 2007 RTM"]);
    assert_eq!(found("exchange", "8.0.685"), ["alias Exchange Server 2007 RTM"]);
    assert_eq!(found("exchange", "8.0.685.26"), ["SameBuildOtherRevision Exchange Server 2007 RTM"]);
}

#[test]
fn the_oldest_version_that_reads_an_object_is_no_build_8_0_535_0() {
    assert_eq!(found("exchange", "8.0.535.0"), ["not Exchange Server 2007 RTM"]);
}

#[test]
fn a_published_slip_is_named_6_5_7683() {
    assert_eq!(found("exchange", "6.5.7683"), ["not Exchange Server 2003 SP2"]);
    assert_eq!(found("exchange", "6.5.7638"), ["Exact Exchange Server 2003 SP2"]);
}

#[test]
fn a_published_slip_is_named_14_3_328_5() {
    assert_eq!(found("exchange", "14.3.328.5"), ["not Exchange Server 2010 SP2 RU5"]);
    assert_eq!(found("exchange", "14.2.328.5"), ["Exact Exchange Server 2010 SP2 RU5"]);
}

#[test]
fn a_published_slip_is_named_14_3_336_0() {
    assert_eq!(found("exchange", "14.3.336.0"), ["not Exchange Server 2010 SP3 RU16"]);
    assert_eq!(found("exchange", "14.3.339.0"), ["Exact Exchange Server 2010 SP3 RU16"]);
}

#[test]
fn a_published_slip_is_named_14_3_266_2() {
    assert_eq!(found("exchange", "14.3.266.2"), ["not Exchange Server 2010 SP3 RU11"]);
    assert_eq!(found("exchange", "14.3.266.1"), ["Exact Exchange Server 2010 SP3 RU11"]);
}

#[test]
fn two_published_revisions_of_8_3_348_are_both_kept() {
    assert_eq!(found("exchange", "8.3.348.1"), ["Exact Exchange Server 2007 SP3 RU13"]);
    assert_eq!(
        found("exchange", "8.3.348.2"),
        ["Exact Exchange Server 2007 SP3 RU13", "alias Exchange Server 2007 SP3 RU13"]
    );
}

#[test]
fn no_row_of_exchange_or_office_has_a_footnote_glued_to_its_number() {
    let facts = Facts::compiled();
    for family in ["exchange", "sqlserver", "office", "sharepoint"] {
        for build in facts.builds(family) {
            let reading = read_version(&build.version.to_string());
            assert_eq!(reading.map(|reading| reading.version), Some(build.version.clone()), "{build:?}");
        }
    }
    assert!(
        facts.find(Some("exchange"), &version("15.0.1497.2415")).iter().all(|found| found.how != How::Exact)
    );
}

#[test]
fn cumulative_update_ten_of_2008_r2_is_10_50_1807() {
    assert_eq!(found("sqlserver", "10.50.1807"), ["Exact SQL Server 2008 R2 CU10"]);
}

#[test]
fn names_that_one_source_has_wrong_are_right_here() {
    assert_eq!(found("sqlserver", "10.50.1804"), ["Exact SQL Server 2008 R2 CU9"]);
    assert_eq!(found("sqlserver", "10.50.1810"), ["Exact SQL Server 2008 R2 CU12"]);
    assert_eq!(found("sqlserver", "11.0.3470"), ["Exact SQL Server 2012 SP1 CU12"]);
    assert_eq!(found("sqlserver", "11.0.3482"), ["Exact SQL Server 2012 SP1 CU13"]);
    assert_eq!(found("sqlserver", "14.0.3257.3"), ["Exact SQL Server 2017 CU18"]);
    assert_eq!(found("sqlserver", "15.0.4073.23"), ["Exact SQL Server 2019 CU8"]);
}

#[test]
fn service_pack_two_of_vista_is_6_0_6002_and_not_6_0_6200() {
    assert_eq!(found("windows", "6.0.6200"), ["not Windows Vista SP2"]);
}

#[test]
fn windows_8_and_server_2012_are_one_build_6_2_9200() {
    assert_eq!(found("windows", "6.2.9200.16384"), ["Exact Windows 8 RTM", "Exact Windows Server 2012 RTM"]);
}

#[test]
fn volume_media_20h2_13_and_21h1_6_have_one_number_19041_1348() {
    let mut found = found("windows", "10.0.19041.1348");
    found.sort();
    assert_eq!(
        found,
        [
            "Enablement Windows 10 21H2",
            "Enablement Windows 10 22H2",
            "Enablement Windows 10 Enterprise LTSC 2021 / IoT",
            "Enablement Windows Server version 20H2 (SAC)",
            "alias Windows 10 20H2",
            "alias Windows 10 21H1",
        ]
    );
}

#[test]
fn a_build_with_its_package_enabled_is_that_release_only() {
    assert_eq!(found("windows", "10.0.19045.2006"), ["Exact Windows 10 22H2"]);
    assert_eq!(found("windows", "10.0.19045.9999"), ["SameBuildOtherRevision Windows 10 22H2"]);
}

#[test]
fn releases_that_share_a_build_are_all_named() {
    assert_eq!(
        found("windows", "17763.1"),
        ["Exact Windows 10 1809", "Exact Windows Server 2019 RTM (1809)"]
    );
    let all = found("windows", "10.0.17763.5000");
    assert_eq!(all.len(), 4, "{all:?}");
}

#[test]
fn the_installer_of_esxi_has_a_build_of_its_own() {
    assert_eq!(found("esxi", "24677879"), ["Ending VMware ESXi 8.0 Update 3e"]);
    assert_eq!(found("esxi", "8.0.3.24677879"), ["alias VMware ESXi 8.0 Update 3e"]);
    assert_eq!(found("esxi", "8.0.3.24674464"), ["Exact VMware ESXi 8.0 Update 3e"]);
}

#[test]
fn neighbours_are_on_the_same_line() {
    let facts = Facts::compiled();
    let names = |number: &str| {
        let (before, behind) = facts.between("exchange", &version(number));
        (before.map(Build::name), behind.map(Build::name))
    };
    assert_eq!(
        names("8.0.700.0"),
        (Some("Exchange Server 2007 RTM".to_owned()), Some("Exchange Server 2007 RU1".to_owned()))
    );
    assert_eq!(names("8.0.9999.0"), (Some("Exchange Server 2007 RU7".to_owned()), None));
    assert_eq!(names("9.0.1.0"), (None, None));
}

#[test]
fn a_directory_adds_rows_and_replaces_rows() {
    let dir = tempfile::tempdir().unwrap();
    let table = "product\trelease\tversion\taliases\tdate\tplatforms\tsource\n\
        Exchange Server 2007\tRTM\t8.0.685.25\t1.2.3.4 @ lab\t2007-03-08\tx64\tmine\n\
        Exchange Server 2007\tmine\t8.0.999.1\t\t2007-03-09\tx64\tmine\n";
    std::fs::write(dir.path().join("exchange.tsv"), table).unwrap();
    std::fs::write(dir.path().join("README"), "not read").unwrap();
    let facts = Facts::with_dir(dir.path()).unwrap();
    assert_eq!(facts.builds("exchange").len(), Facts::compiled().builds("exchange").len() + 1);
    assert_eq!(facts.find(Some("exchange"), &version("8.0.999.1")).len(), 1);
    assert_eq!(facts.find(Some("exchange"), &version("1.2.3.4")).len(), 1);
    assert_eq!(
        facts.find(Some("exchange"), &version("8.0.685.24")).first().map(|f| f.how.clone()),
        Some(How::SameBuildOtherRevision)
    );
    assert_eq!(facts.builds("windows"), Facts::compiled().builds("windows"));
}

#[test]
fn a_bad_table_of_the_users_is_named_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("exchange.tsv", "product\tversion\nExchange\teight\n");
    let error = Facts::with_dir(dir.path()).unwrap_err().to_string();
    assert!(error.contains("exchange.tsv: line 2: \"eight\" is no version"), "{error}");
    write("exchange.tsv", "product\nExchange\n");
    let error = Facts::with_dir(dir.path()).unwrap_err().to_string();
    assert!(error.contains("no column \"version\""), "{error}");
    write("exchange.tsv", "");
    write("exchanges.tsv", "");
    let error = Facts::with_dir(dir.path()).unwrap_err().to_string();
    assert!(error.contains("exchanges.tsv: no table has that name"), "{error}");
    assert!(Facts::with_dir(&dir.path().join("nowhere")).is_err());
}
