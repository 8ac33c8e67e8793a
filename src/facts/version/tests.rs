use super::*;
use proptest::prelude::*;

fn read(text: &str) -> (String, Form) {
    let reading = read_version(text).unwrap_or_else(|| panic!("{text} is a version"));
    (reading.version.to_string(), reading.form)
}

#[test]
fn numbers_are_read_as_they_are_written() {
    let cases = [
        ("8.0.685.25", "8.0.685.25", Form::Plain),
        ("08.03.0083.006", "8.3.83.6", Form::Padded),
        ("8.00.0685.025", "8.0.685.25", Form::Padded),
        ("15.02.0922.013", "15.2.922.13", Form::Padded),
        ("685.018", "685.18", Form::Padded),
        (" v1.2.3 ", "1.2.3", Form::Plain),
        ("6, 0, 2900, 2180", "6.0.2900.2180", Form::Commas),
        ("5,2,3790,3959", "5.2.3790.3959", Form::Commas),
        ("6.1.7601.17514 (win7sp1_rtm.101119-1850)", "6.1.7601.17514", Form::Remark),
        ("4.8.3761.0 built by: NET48REL1", "4.8.3761.0", Form::Remark),
        ("3.2.1+9f0c2d1", "3.2.1", Form::Semantic),
        ("18.0.0-pre.1.0+11101.1", "18.0.0", Form::Semantic),
        ("7.0.2-17867351", "7.0.2.17867351", Form::Esxi),
        ("8.0.3-0.35.24280767", "8.0.3.24280767", Form::Esxi),
        ("0.1 (8.0.535.0)", "8.0.535.0", Form::ObjectVersion),
        ("4294967295", "4294967295", Form::Plain),
    ];
    for (text, version, form) in cases {
        assert_eq!(read(text), (version.to_owned(), form), "{text}");
    }
}

#[test]
fn the_year_of_sql_server_is_not_the_products_year() {
    let cases = [
        ("2000.080.0194.00", "8.0.194.0"),
        ("2005.090.1399.00", "9.0.1399.0"),
        ("2007.0100.1600.22", "10.0.1600.22"),
        ("2009.0100.1600.01", "10.50.1600.1"),
        ("2011.0110.2100.060 ((SQL11_RTM).120210-1846 )", "11.0.2100.60"),
        ("2014.0120.2000.08", "12.0.2000.8"),
        ("2015.0130.1601.05 ((SQL16_RTM).160429-2226)", "13.0.1601.5"),
        ("2017.0140.1000.169", "14.0.1000.169"),
        ("2019.0150.2000.05", "15.0.2000.5"),
        ("2022.0160.1000.06", "16.0.1000.6"),
        ("2025.0170.1000.07", "17.0.1000.7"),
        ("2011.110.2100.60", "11.0.2100.60"),
    ];
    for (text, version) in cases {
        assert_eq!(read(text), (version.to_owned(), Form::SqlYear), "{text}");
    }
    assert_eq!(read("2012.0110.2100.60").1, Form::Padded, "2012 is no year that SQL Server writes");
}

#[test]
fn the_directory_adds_thirty_thousand() {
    assert_eq!(read("Version 15.1 (Build 32507.6)"), ("15.1.2507.6".to_owned(), Form::ActiveDirectory));
    assert_eq!(read("Version 15.1 (Build 32507.006)"), ("15.1.2507.6".to_owned(), Form::ActiveDirectory));
    assert_eq!(read("Version 8.0 (Build 685.24)"), ("8.0.685.24".to_owned(), Form::Console));
    assert_eq!(read("Version 8.0 (Build 0685)"), ("8.0.685".to_owned(), Form::Console));
    assert_eq!(read("Version 6.5 (Build 7226.6: Service Pack 1)"), ("6.5.7226.6".to_owned(), Form::Console));
}

#[test]
fn a_labs_build_string_gets_the_major_number_that_belongs_to_it() {
    let cases = [
        ("26100.1.amd64fre.ge_release.240331-1435", "10.0.26100.1"),
        ("20348.1.amd64fre.fe_release.210507-1500", "10.0.20348.1"),
        ("7601.17514.amd64fre.win7sp1_rtm.101119-1850", "6.1.7601.17514"),
        ("2600.xpclient.010817-1148", "5.1.2600"),
        ("9200.16384.WIN8_RTM.120725-1247_X64FRE", "6.2.9200.16384"),
        ("14393.0.161119-1705.rs1_refresh", "10.0.14393.0"),
        ("6001.18000.x86fre.longhorn_rtm.080118-1840", "6.0.6001.18000"),
    ];
    for (text, version) in cases {
        assert_eq!(read(text), (version.to_owned(), Form::BuildLab), "{text}");
    }
}

#[test]
fn a_fourth_number_with_a_footnote_glued_on_is_refused_15_0_4505_100215() {
    assert_eq!(read_version("15.0.4505.100215"), None);
    assert_eq!(read("15.0.4505.1002").0, "15.0.4505.1002", "of Office 2013");
}

#[test]
fn a_fourth_number_with_a_footnote_glued_on_is_refused_15_0_1497_2415() {
    assert_eq!(read_version("15.0.1497.2415"), None);
    assert_eq!(read("15.0.1497.24").0, "15.0.1497.24");
    assert_eq!(read("15.0.27004.20002").0, "15.0.27004.20002", "of Visual Studio");
}

#[test]
fn what_is_no_version_is_none() {
    for text in [
        "",
        " ",
        ".",
        "1..2",
        "1.2.",
        ".1",
        "a.b",
        "2 files",
        "win7",
        "1.2.3.4.5.6.7",
        "99999999999",
        "1.2x",
        "+1.2",
        "1.-2",
        "１.２",
        "Version",
        "Version 8.0",
        "Version 8.0 (Build )",
        "Version (Build 1)",
        "1-2",
        "7.0.2-",
        "24H2",
        "101119-1850",
        "xpsp_sp2_rtm.040803-2158",
        "(1.2)",
    ] {
        assert_eq!(read_version(text), None, "{text:?}");
    }
    assert_eq!(read_version(&"1.".repeat(4000)), None);
}

#[test]
fn a_missing_number_is_less_than_any() {
    let version = |text| Version::parse(text).unwrap();
    assert!(version("8.0") < version("8.0.0"));
    assert!(version("8.0.685.25") < version("8.0.708"));
    assert!(version("8.0.685.9") < version("8.0.685.25"));
    assert!(version("8.0").is_prefix_of(&version("8.0.685")));
    assert!(!version("8.0").is_prefix_of(&version("8.1")));
    assert!(!version("8.0.685").is_prefix_of(&version("8.0")));
    assert_eq!(version("8.0.685.25").truncated(2), version("8.0"));
    assert_eq!(version("8").truncated(0), version("8"));
}

fn versions() -> impl Strategy<Value = Version> {
    prop::collection::vec(prop_oneof![0..20_u32, any::<u32>()], 1..=MAX_PARTS)
        .prop_map(|parts| Version::new(parts).unwrap())
}

proptest! {
    #[test]
    fn a_version_is_read_back_from_its_text(version in versions()) {
        prop_assert_eq!(Version::parse(&version.to_string()), Some(version));
    }

    #[test]
    fn zeros_before_a_number_do_not_count(version in versions(), zeros in 0..4_usize) {
        let padded: Vec<String> =
            version.parts().iter().map(|part| format!("{}{part}", "0".repeat(zeros))).collect();
        prop_assert_eq!(Version::parse(&padded.join(".")), Some(version));
    }

    #[test]
    fn the_order_is_total_and_that_of_the_numbers(a in versions(), b in versions(), c in versions()) {
        prop_assert_eq!(a.cmp(&b), a.parts().cmp(b.parts()));
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a == b, a.cmp(&b).is_eq());
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
    }

    #[test]
    fn the_directorys_form_is_the_same_version(
        minor in 0..4_u32, build in 1..2600_u32, revision in 0..100_u32
    ) {
        let text = format!("Version 15.{minor} (Build {}.{revision})", build + DIRECTORY_OFFSET);
        let expected = Version::new([15, minor, build, revision]);
        prop_assert_eq!(read_version(&text).map(|reading| reading.version), expected);
    }

    #[test]
    fn any_text_is_read_without_harm(text in "\\PC*") {
        let _ = read_version(&text);
    }

    #[test]
    fn texts_of_digits_and_marks_are_read_without_harm(text in "[0-9a-z .,()_:+-]{0,40}") {
        let _ = read_version(&text);
    }
}
