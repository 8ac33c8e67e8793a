use super::*;
use crate::facts::Facts;
use proptest::prelude::*;

/// What a label says, in one line.
fn says(label: &str) -> String {
    let Some(found) = read_label(label) else { return String::new() };
    let mut parts = Vec::new();
    for (product, release) in found.candidates {
        parts.push(release.map_or(product.clone(), |release| format!("{product} {release}")));
    }
    parts.extend(found.editions.iter().map(|&edition| edition.to_owned()));
    parts.extend(found.platform.map(str::to_owned));
    parts.extend(found.channel.map(str::to_owned));
    parts.extend(found.language);
    parts.extend(found.checked.then(|| "checked".to_owned()));
    parts.extend(found.build.map(|build| format!("build {build}")));
    parts.extend(found.tool.map(|tool| format!("by {tool}")));
    parts.join(", ")
}

#[test]
fn every_row_is_read_and_its_release_has_builds() {
    let rows = parse(TABLE).unwrap_or_else(|bad| panic!("{bad:?}"));
    assert!(rows.len() > 50);
    let facts = Facts::compiled();
    for row in &rows {
        let known = facts.builds("windows").iter().any(|build| {
            build.product == row.product
                && row.release.as_ref().is_none_or(|release| *release == build.release)
        });
        assert!(known, "{row:?}");
        assert_eq!(rows.iter().filter(|other| *other == row).count(), 1, "{row:?}");
    }
}

#[test]
fn labels_of_windows_8_and_later() {
    let cases = [
        ("CCCOMA_X64FRE_EN-US_DV9", "Windows 10, Windows 11, x64, en-US"),
        ("J_CCSA_X64FRE_EN-US_DV5", "Windows 10 1507, Core, Professional, x64, en-US"),
        ("J_CENA_X64FREV_EN-US_DV5", "Windows 10 1507, Enterprise, x64, volume, en-US"),
        ("CESE_X64FREE_EN-US_DV5", "Windows 10, Windows 11, EnterpriseS, x64, en-US"),
        ("CENA_A64FREV_DE-DE_DV9", "Windows 10, Windows 11, Enterprise, arm64, volume, de-DE"),
        (
            "SSS_X64FREE_EN-US_DV9",
            "Windows Server 2016, Windows Server, Windows Server 2019, Windows Server 2022, Windows Server 2025, \
             ServerStandard, ServerDatacenter, x64, en-US",
        ),
        ("HRM_CENNA_X64FREV_EN-GB_DV5", "Windows 8 RTM, EnterpriseN, x64, volume, en-GB"),
        (
            "HRM_SSS_X64CHK_EN-US_DV5",
            "Windows Server 2012 RTM, ServerStandard, ServerDatacenter, x64, en-US, checked",
        ),
        (
            "IR5_CPRA_X86FREV_EN-US_DV9",
            "Windows 8.1 with Update 3 (Nov 2014), Professional, x86, volume, en-US",
        ),
        ("IRM_SSSO_X64FRE_EN-US_DV5", "Windows Server 2012 R2 RTM, ServerSolution, x64, en-US"),
    ];
    for (label, expected) in cases {
        assert_eq!(says(label), expected, "{label}");
    }
}

#[test]
fn labels_of_windows_7_and_earlier() {
    let cases = [
        ("GRMSXVOL_EN_DVD", "Windows Server 2008 R2 RTM, Windows Server 2008 R2 SP1, x64, volume, en"),
        ("GRMSIAIVOL_EN_DVD", "Windows Server 2008 R2 RTM, Windows Server 2008 R2 SP1, ia64, volume, en"),
        ("GRMCHPXFRER_EN_DVD", "Windows 7 RTM, HomePremium, x64, retail, en"),
        ("GRMCNENXVOL_EN_DVD", "Windows 7 RTM, EnterpriseN, x64, volume, en"),
        ("GRMCSTFREO_EN_DVD", "Windows 7 RTM, Starter, x86, oem, en"),
        ("GRMCCHK_EN_DVD", "Windows 7 RTM, Windows 7 SP1, x86, en, checked"),
        ("GSP1RMCPRXFRER_CS_DVD", "Windows 7 SP1, Professional, x64, retail, cs"),
        ("LRMCXFRE_EN_DVD", "Windows Vista RTM, x64, en"),
        ("FRMBXVOL_EN_DVD", "Windows Vista SP1, Business, x64, volume, en"),
        ("FRTMEVOL_EN_DVD", "Windows Vista SP2, Enterprise, x86, volume, en"),
        ("KRMSXVOL_EN_DVD", "Windows Server 2008 RTM (ships as SP1), x64, volume, en"),
        ("KRTMSXCHK_EN_DVD", "Windows Server 2008 SP2, x64, en, checked"),
        ("CR0SP2_EN", "Windows Server 2003 SP2, x86, en"),
        ("CR0SPX2_EN", "Windows Server 2003 SP2, x64, en"),
        ("CR0SPI2_EN", "Windows Server 2003 SP2, ia64, en"),
        ("BX2EXFPP_EN", "Windows Server 2003 R2 R2 (SP1 code), Enterprise, x64, retail, en"),
        ("BRMECD2XFRE_EN", "Windows Server 2003 R2 R2 (SP1 code), Enterprise, x64, en"),
        ("VX2PFPP_CS", "Windows XP SP2, Professional, x86, retail, cs"),
        ("AX2PXFPP_EN", "Windows XP Professional x64 RTM (NT 5.2 SP1 code), x64, retail, en"),
        ("WIN2000_EN", "Windows 2000 RTM, x86, en"),
    ];
    for (label, expected) in cases {
        assert_eq!(says(label), expected, "{label}");
    }
}

#[test]
fn grtm_is_windows_xp_although_windows_7_begins_with_g_too() {
    assert_eq!(says("GRTMPVOL_EN"), "Windows XP SP3, Professional, x86, volume, en");
}

#[test]
fn arm_is_windows_server_2003_and_no_processor() {
    assert_eq!(says("ARMEXFPP_EN"), "Windows Server 2003 SP1, Enterprise, x64, retail, en");
}

#[test]
fn labels_that_programs_give_say_nothing_of_what_is_on_it() {
    assert_eq!(says("ESD-ISO"), "by the media creation tool");
    assert_eq!(says("DVD_ROM"), "by a program that makes images");
    assert_eq!(says("ISOIMAGE"), "by mkisofs");
}

#[test]
fn an_esxi_label_has_its_build() {
    assert_eq!(says("ESXI-8.0U3E-24677879-STANDARD"), "VMware ESXi 8.0 Update 3e, build 8.0.3.24677879");
    assert_eq!(says("ESXI-7.0-15843807-standard"), "VMware ESXi 7.0, build 7.0.0.15843807");
}

#[test]
fn labels_that_say_nothing() {
    for label in [
        "",
        " ",
        "LAB_TOOLS",
        "ARMADA",
        "ARM",
        "GRM",
        "FRMX",
        "CCCOMA",
        "CCCOMA_X64",
        "SSS__",
        "X_Y_Z",
        "HRM_",
        "ESXI-",
    ] {
        assert_eq!(says(label), "", "{label}");
    }
    assert_eq!(read_label(&"A".repeat(200)), None);
}

proptest! {
    #[test]
    fn any_label_is_read_without_harm(label in "\\PC{0,140}") {
        let _ = read_label(&label);
    }

    #[test]
    fn labels_of_known_letters_are_read_without_harm(
        words in prop::collection::vec(
            prop_oneof![
                Just("HRM"), Just("GRMC"), Just("CR0SP"), Just("X"), Just("2"), Just("FRE"), Just("CENA"), Just("X64FREV"),
                Just("EN"), Just("EN-US"), Just("DV9"), Just("ESXI-"), Just("8.0U"), Just("-1"), Just("_"), Just("ß"),
            ],
            0..8,
        )
    ) {
        let _ = read_label(&words.concat());
        let _ = read_label(&words.join("_"));
    }
}
