//! Windows Vista to 11 and Windows Server 2008 to 2025: media that install images.

use crate::found::{Found, field, iso, looked};
use crate::support::media::Medium;
use crate::support::media::pe::*;
use crate::support::media::wim::{Image, esd, image, swm, wim};
use std::sync::Arc;

const CLIENT: &str = "10.0.19041.1";

/// A medium around one file of images: the starter, boot files, and WinPE of the same build.
fn medium(label: &str, images: impl Into<crate::support::media::Data>, name: &str) -> Medium {
    let setup =
        |program: Pe| program.version("10.0.26100.1").microsoft("Microsoft® Windows® Operating System");
    let boot = image("Microsoft Windows Setup (x64)").arch(9).version("10.0.26100.1").preinstallation();
    Medium::new(label)
        .publisher("MICROSOFT CORPORATION")
        .application("CDIMAGE 2.56 (01/01/2005 TM)")
        .boots_bios()
        .file("setup.exe", setup(pe(X64)))
        .file("sources/setup.exe", setup(pe(X64)))
        .file("sources/boot.wim", wim([boot]))
        .file("sources/cversion.ini", "[HostBuild]\r\nMinClient=7233.0\r\nMinServer=7233.0\r\n")
        .file("efi/boot/bootx64.efi", efi(X64))
        .file("bootmgr.efi", efi(X64))
        .file(&format!("sources/{name}"), images)
}

fn client(name: &str, edition: &str, version: &str) -> Image {
    image(name).display(name).arch(9).version(version).edition(edition).client().languages(&["en-US"])
}

fn server(name: &str, edition: &str, version: &str) -> Image {
    image(name).display(name).arch(9).version(version).edition(edition).server().languages(&["en-US"])
}

fn install(images: impl IntoIterator<Item = Image>) -> Found {
    iso(medium("CCCOMA_X64FRE_EN-US_DV9", wim(images), "install.wim"))
}

#[test]
fn clients_have_the_release_of_their_build() {
    for (name, edition, version, product, release, shown) in [
        ("Windows Vista ULTIMATE", "Ultimate", "6.0.6000.16386", "Windows Vista", "RTM", "6000.16386"),
        ("Windows Vista ULTIMATE", "Ultimate", "6.0.6002.18005-2", "Windows Vista", "SP2", "6002.18005"),
        ("Windows 7 ULTIMATE", "Ultimate", "6.1.7600.16385", "Windows 7", "RTM", "7600.16385"),
        ("Windows 7 ULTIMATE", "Ultimate", "6.1.7601.17514-1", "Windows 7", "SP1", "7601.17514"),
        ("Windows 8 Pro", "Professional", "6.2.9200.16384", "Windows 8", "RTM", "9200.16384"),
        ("Windows 8.1 Pro", "Professional", "6.3.9600.16384", "Windows 8.1", "RTM", "9600.16384"),
        ("Windows 10 Pro", "Professional", "10.0.10240.16384", "Windows 10", "1507", "10240.16384"),
        ("Windows 10 Pro", "Professional", "10.0.17763.107", "Windows 10", "1809", "17763.107"),
        ("Windows 11 Pro", "Professional", "10.0.22000.194", "Windows 11", "21H2", "22000.194"),
        ("Windows 11 Pro", "Professional", "10.0.26100.1742", "Windows 11", "24H2", "26100.1742"),
    ] {
        let found = install([client(name, edition, version)]);
        found.holds(field::PRODUCT, product);
        found.holds(field::BUILD, shown);
        found.holds(field::PLATFORM, "x64");
        if !shown.starts_with("26100") {
            found.holds(field::RELEASE, release);
        }
        found.because(field::BUILD, "sources/install.wim");
    }
}

#[test]
fn servers_are_told_from_clients_of_the_same_build() {
    for (name, edition, version, product, release, shown) in [
        (
            "Windows Server 2008 SERVERSTANDARD",
            "ServerStandard",
            "6.0.6002.18005-2",
            "Windows Server 2008",
            "SP2",
            "6002.18005",
        ),
        (
            "Windows Server 2008 R2 SERVERSTANDARD",
            "ServerStandard",
            "6.1.7600.16385",
            "Windows Server 2008 R2",
            "RTM",
            "7600.16385",
        ),
        (
            "Windows Server 2008 R2 SERVERSTANDARD",
            "ServerStandard",
            "6.1.7601.17514-1",
            "Windows Server 2008 R2",
            "SP1",
            "7601.17514",
        ),
        (
            "Windows Server 2012 SERVERSTANDARD",
            "ServerStandard",
            "6.2.9200.16384",
            "Windows Server 2012",
            "RTM",
            "9200.16384",
        ),
        (
            "Windows Server 2012 R2 SERVERSTANDARD",
            "ServerStandard",
            "6.3.9600.16384",
            "Windows Server 2012 R2",
            "RTM",
            "9600.16384",
        ),
        (
            "Windows Server 2016 SERVERSTANDARD",
            "ServerStandard",
            "10.0.14393.0",
            "Windows Server 2016",
            "RTM",
            "14393.0",
        ),
        (
            "Windows Server 2019 SERVERSTANDARD",
            "ServerStandard",
            "10.0.17763.379",
            "Windows Server 2019",
            "RTM (1809)",
            "17763.379",
        ),
        (
            "Windows Server 2022 SERVERSTANDARD",
            "ServerStandard",
            "10.0.20348.169",
            "Windows Server 2022",
            "RTM (21H2)",
            "20348.169",
        ),
        (
            "Windows Server 2025 SERVERSTANDARD",
            "ServerStandard",
            "10.0.26100.1742",
            "Windows Server 2025",
            "RTM (24H2)",
            "26100.1742",
        ),
    ] {
        let core = server(name, edition, version).core();
        let found =
            iso(medium("SSS_X64FREE_EN-US_DV9", wim([core, server(name, edition, version)]), "install.wim"));
        found.is(product, release, shown, "x64");
    }
}

/// There is no server of build 6000: the first is called Service Pack 1 from the start.
#[test]
fn trap_12_server_2008_rtm_is_sp1_and_6003_is_sp2() {
    let named = |version| server("Windows Longhorn SERVERSTANDARD", "ServerStandard", version);
    let found = install([named("6.0.6001.18000-1")]);
    found.is("Windows Server 2008", "RTM (ships as SP1)", "6001.18000", "x64");
    found.advises(&["win2008-sp"]);
    let found = install([named("6.0.6003.20482-2")]);
    found.holds(field::PRODUCT, "Windows Server 2008");
    assert!(found.value(field::RELEASE).contains("SP2"), "{}", found.value(field::RELEASE));
    found.advises(&["win2008-6003"]);
}

/// Volume media of both releases have images of the same build, so the name is all that tells them apart.
#[test]
fn trap_01_two_releases_with_one_build_are_not_guessed() {
    for (name, told) in [
        ("SW_DVD9_Win_Pro_10_20H2.13_64BIT_English_Pro_Ent_EDU_N_MLF_X22-92628.iso", "20H2"),
        ("SW_DVD9_Win_Pro_10_21H1.6_64BIT_English_Pro_Ent_EDU_N_MLF_X22-93300.iso", "21H1"),
    ] {
        let images = [client("Windows 10 Pro", "Professional", "10.0.19041.1348")];
        let image = medium("CPBA_X64FREV_EN-US_DV9", wim(images), "install.wim").iso();
        let found = looked(Arc::new(image), name);
        found.holds(field::PRODUCT, "Windows 10");
        found.holds(field::BUILD, "19041.1348");
        found.state(field::RELEASE, "unknown");
        let release = found.value(field::RELEASE);
        for one in ["2004", "20H2", "21H1", "(files cannot tell)"] {
            assert!(release.contains(one), "{release}");
        }
        found.also(field::RELEASE, told, "named so");
        found.advises(&["win10-ekb"]);
    }
}

/// The branch is that of 2004 and of everything that an enablement package makes of it.
#[test]
fn trap_02_the_branch_vb_release_is_five_releases() {
    let info = "[BUILDINFO]\r\nBuildArch=amd64\r\nBuildBranch=vb_release\r\n";
    let images = [client("Windows 10 Pro", "Professional", "10.0.19041.3803").branch("vb_release")];
    let made =
        medium("CCCOMA_X64FRE_EN-US_DV9", wim(images), "install.wim").file("sources/idwbinfo.txt", info);
    let found = iso(made);
    let release = found.value(field::RELEASE);
    for one in ["2004", "20H2", "21H1", "21H2", "22H2"] {
        assert!(release.contains(one), "{release}");
    }
    found.state(field::RELEASE, "unknown");
    found.holds(field::PLATFORM, "x64");
}

/// The oldest version that can be upgraded, the starter and WinPE have builds of their own.
#[test]
fn floors_and_starters_never_are_the_build() {
    let found = install([client("Windows 10 Pro", "Professional", CLIENT)]);
    found.holds(field::BUILD, "19041.1");
    let said = |raw: &str, role: &str| {
        found.report.evidence.iter().any(|one| one.raw.contains(raw) && one.role == role)
    };
    assert!(said("7233", "floor") && said("26100", "foreign"), "{:?}", found.report.evidence);
}

#[test]
fn trap_15_images_of_several_languages_and_editions_are_listed() {
    let german = client("Windows 10 Pro", "Professional", CLIENT).languages(&["de-DE"]);
    let found = install([
        client("Windows 10 Home", "Core", CLIENT),
        client("Windows 10 Pro", "Professional", CLIENT),
        german,
    ]);
    found.holds(field::PRODUCT, "Windows 10");
    found.speaks(&["en-US", "de-DE"]);
    let names: Vec<&str> = found.report.editions.iter().map(|edition| edition.id.as_str()).collect();
    assert_eq!(names, ["Core", "Professional", "Professional"]);
}

#[test]
fn a_medium_for_two_processors_is_mixed() {
    let x64 = client("Windows 10 Pro", "Professional", CLIENT);
    let x86 = client("Windows 10 Pro", "Professional", CLIENT).arch(0);
    let own = |machine| pe(machine).version("10.0.19041.1");
    let found = iso(Medium::new("CCCOMA_X86X64_EN-US_DV9")
        .file("setup.exe", pe(X86).version("10.0.19041.1"))
        .file("x64/sources/install.esd", esd([x64]))
        .file("x64/setup.exe", own(X64))
        .file("x86/sources/install.esd", esd([x86]))
        .file("x86/setup.exe", own(X86)));
    found.holds(field::PRODUCT, "Windows 10");
    found.holds(field::PLATFORM, "mixed");
    assert_eq!(found.report.editions.len(), 2);
}

#[test]
fn trap_22_a_split_image_is_read_in_its_first_part() {
    let images = [server("Windows Server 2019 SERVERSTANDARD", "ServerStandard", "10.0.17763.379")];
    let made = medium("SSS_X64FREE_EN-US_DV9", swm(images.clone(), 1, 2), "install.swm");
    let found = iso(made.file("sources/install2.swm", swm(images, 2, 2)));
    found.is("Windows Server 2019", "RTM (1809)", "17763.379", "x64");
}

#[test]
fn an_esd_says_the_same_as_a_wim() {
    let images = [client("Windows 11 Pro", "Professional", "10.0.22631.2861")];
    let found = iso(medium("ESD-ISO", esd(images), "install.esd"));
    found.is("Windows 11", "23H2", "22631.2861", "x64");
}

/// Since Vista the tree of ISO 9660 has a text that says to read UDF.
#[test]
fn trap_13_windows_media_are_read_as_udf() {
    let images = [server("Windows Server 2022 SERVERSTANDARD", "ServerStandard", "10.0.20348.169")];
    let made = medium("SSS_X64FREE_EN-US_DV9", wim(images), "install.wim");
    let found = looked(Arc::new(made.udf()), "server.iso");
    assert_eq!(found.report.format, "udf");
    found.is("Windows Server 2022", "RTM (21H2)", "20348.169", "x64");
}

/// Names of plain ISO 9660 are in capitals and end with a version.
#[test]
fn trap_14_capitals_and_version_numbers_of_names_do_not_matter() {
    let images = [server("Windows Server 2016 SERVERSTANDARD", "ServerStandard", "10.0.14393.0")];
    let made = medium("SSS_X64FREE_EN-US_DV9", wim(images), "install.wim");
    for found in [iso(made.clone().plain()), iso(made.rock_ridge())] {
        found.is("Windows Server 2016", "RTM", "14393.0", "x64");
    }
}

/// Whoever writes an image anew gives it the name that his program has for all of them.
#[test]
fn trap_20_the_label_of_a_program_that_writes_discs_says_nothing() {
    for label in ["CDROM", "DVD_ROM", "ESD-ISO", "NEW_VOLUME"] {
        let images = [server("Windows Server 2022 SERVERSTANDARD", "ServerStandard", "10.0.20348.169")];
        let found = iso(medium(label, wim(images), "install.wim"));
        found.is("Windows Server 2022", "RTM (21H2)", "20348.169", "x64");
        found.state(field::PLATFORM, "confirmed");
    }
}

#[test]
fn trap_21_a_product_key_is_noticed_and_never_shown() {
    let made = medium(
        "CCCOMA_X64FRE_EN-US_DV9",
        wim([client("Windows 10 Pro", "Professional", CLIENT)]),
        "install.wim",
    );
    let made = made
        .file("sources/ei.cfg", "[EditionID]\r\nProfessional\r\n[Channel]\r\nRetail\r\n[VL]\r\n0\r\n")
        .file("sources/pid.txt", "[PID]\r\nValue=AAAAA-BBBBB-CCCCC-DDDDD-EEEEE\r\n");
    let found = iso(made);
    found.never_shows("BBBBB");
    found.advises(&["product-key"]);
    assert_eq!(found.report.channel.as_deref(), Some("Retail"));
}

#[test]
fn evaluation_media_say_so_in_their_images() {
    let found =
        install([server("Windows Server 2022 SERVERSTANDARD EVAL", "ServerStandardEval", "10.0.20348.587")]);
    found.holds(field::PRODUCT, "Windows Server 2022");
    assert_eq!(found.report.channel.as_deref(), Some("Eval"));
}

/// Of Windows 11 on ARM the images say arm64, and so does the loader of the firmware.
#[test]
fn windows_on_arm_is_arm64() {
    let arm = client("Windows 11 Pro", "Professional", "10.0.22631.2861").arch(12);
    let found = iso(Medium::new("CCCOMA_A64FRE_EN-US_DV9")
        .file("setup.exe", pe(ARM64).version("10.0.22621.1"))
        .file("efi/boot/bootaa64.efi", efi(ARM64))
        .file("sources/install.wim", wim([arm])));
    found.is("Windows 11", "23H2", "22631.2861", "arm64");
    assert_eq!(found.report.boot.uefi, ["arm64"]);
}

/// A long-term edition has the build of a release and another name.
#[test]
fn long_term_editions_are_told_by_their_edition() {
    let found = install([client("Windows 10 Enterprise LTSC", "EnterpriseS", "10.0.17763.316")]);
    found.holds(field::PRODUCT, "Windows 10");
    assert!(found.value(field::RELEASE).contains("LTSC 2019"), "{}", found.value(field::RELEASE));
}
