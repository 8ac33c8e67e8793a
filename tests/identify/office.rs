//! Office, SharePoint, Visual Studio, the .NET Framework.

use crate::found::{field, iso, looked};
use crate::support::media::Medium;
use crate::support::media::cab::cab;
use crate::support::media::msi::{msi, msp};
use crate::support::media::pe::*;
use std::sync::Arc;

/// Office 2007 to 2016 as packages: a folder for the suite, one for each program and language.
fn suite(id: &str, template: &str, product: &str, version: &str) -> Medium {
    let setup = format!(
        "<?xml version=\"1.0\"?>\r\n<Setup Id=\"{id}\" Type=\"Product\" ProductCode=\"{{90140000-0011-0000-0000-0000000FF1CE}}\"></Setup>"
    );
    Medium::new("OFFICE")
        .file("setup.exe", pe(X86).version("14.0.4750.1000").microsoft("Microsoft Office 2010"))
        .file(&format!("{id}.WW/setup.xml"), setup.as_str())
        .file(&format!("{id}.WW/{id}WW.msi"), msi(template).product(product, version))
        .file("Word.en-us/WordMUI.msi", msi(template).product("Microsoft Office Word MUI", version))
        .file("Word.en-us/setup.xml", "<Setup Id=\"WordMUI.en-us\"/>")
        .file("Office.de-de/setup.xml", "<Setup Id=\"OfficeMUI.de-de\"/>")
        .file("Admin/office14.opax", "x")
}

#[test]
fn office_2007_to_2016_are_known_by_the_suites_package() {
    for (product, version, template, name, release, platform) in [
        ("Microsoft Office Enterprise 2007", "12.0.4518.1014", "Intel;0", "Office 2007", "RTM", "x86"),
        ("Microsoft Office Professional Plus 2010", "14.0.4763.1000", "x64;0", "Office 2010", "RTM", "x64"),
        ("Microsoft Office Professional Plus 2010", "14.0.6029.1000", "Intel;0", "Office 2010", "SP1", "x86"),
        ("Microsoft Office Professional Plus 2013", "15.0.4420.1017", "x64;0", "Office 2013", "RTM", "x64"),
        (
            "Microsoft Office Professional Plus 2016",
            "16.0.4266.1001",
            "x64;0",
            "Office 2016",
            "RTM (MSI)",
            "x64",
        ),
    ] {
        let found = iso(suite("ProPlus", template, product, version));
        found.is(name, release, version, platform);
        found.edition("ProPlus");
        found.speaks(&["en-US", "de-DE"]);
    }
}

/// Setup is an x86 program on media for both, so the package decides.
#[test]
fn trap_06_an_x86_starter_says_nothing_about_the_medium() {
    let found = iso(suite("ProPlus", "x64;0", "Microsoft Office Professional Plus 2010", "14.0.4763.1000"));
    assert_eq!(found.report.platform.starter.as_deref(), Some("x86"));
    found.holds(field::PLATFORM, "x64");
    assert!(found.report.product.as_ref().unwrap().state != "conflict");
}

#[test]
fn a_service_pack_in_updates_is_said() {
    let patch = msp(&["{90140000-0011-0000-0000-0000000FF1CE}"])
        .metadata("DisplayName", "Service Pack 1 for Microsoft Office 2010 (KB2460049) 32-bit Edition");
    let made = suite("Standard", "Intel;0", "Microsoft Office Standard 2010", "14.0.4763.1000");
    let found = iso(made.file("Updates/proplusww.msp", patch));
    found.is("Office 2010", "RTM + SP1 in Updates", "14.0.4763.1000", "x86");
}

#[test]
fn office_2000_to_2003_are_known_by_their_one_package() {
    for (file, product, version, name) in [
        ("PRO11.MSI", "Microsoft Office Professional Edition 2003", "11.0.5614.0", "Office 2003"),
        ("PROPLUS.MSI", "Microsoft Office XP Professional with FrontPage", "10.0.2627.01", "Office XP"),
        ("DATA1.MSI", "Microsoft Office 2000 Premium", "9.00.2720", "Office 2000"),
    ] {
        let made = Medium::new("OFFICE11").plain().file("SETUP.EXE", pe(X86).version("11.0.5510.0"));
        let made = made.file(file, msi("Intel;1033").product(product, version));
        let found = iso(made.file("FILES/WINWORD.EXE", pe(X86).version("11.0.5604.0")));
        found.holds(field::PRODUCT, name);
        found.holds(field::RELEASE, "RTM");
        found.holds(field::PLATFORM, "x86");
    }
}

/// Click-to-run: what is installed is named by folder and stream; products share the major number 16.
fn streams(build: &str, platform: &str, bits: &str) -> Medium {
    let data = format!("Office/Data/{build}");
    let index = cab(&[("VersionDescriptor.xml".to_owned(), "<Version/>".into())]);
    Medium::new(build)
        .file("Setup.exe", pe(X86).version("16.0.10730.20102").microsoft("Microsoft Office"))
        .file(&format!("Office/Data/v{bits}.cab"), index.clone())
        .file(&format!("Office/Data/v{bits}_{build}.cab"), index)
        .file(&format!("{data}/stream.{platform}.x-none.dat"), vec![7; 5000])
        .file(&format!("{data}/stream.{platform}.en-us.dat"), vec![7; 5000])
        .file(&format!("{data}/i{bits}0.cab"), cab(&[("a.txt".to_owned(), "x".into())]))
}

#[test]
fn click_to_run_is_known_by_its_streams() {
    for (build, platform, bits, product) in [
        ("16.0.10367.20048", "x64", "64", "Office 2019"),
        ("16.0.14332.20481", "x86", "32", "Office 2021 / LTSC 2021"),
        ("16.0.17932.20162", "x64", "64", "Office 2024 / LTSC 2024"),
    ] {
        let found = iso(streams(build, platform, bits));
        found.holds(field::PRODUCT, product);
        found.holds(field::BUILD, build);
        found.holds(field::PLATFORM, platform);
        found.speaks(&["en-US"]);
    }
}

/// The major number 16 is that of five products: without a build of the table none is named.
#[test]
fn trap_17_a_click_to_run_build_of_no_table_is_not_guessed() {
    let found = iso(streams("16.0.13127.20296", "x64", "64"));
    found.holds(field::PRODUCT, "Office");
    found.holds(field::BUILD, "16.0.13127.20296");
    found.state(field::RELEASE, "unknown");
    let with = streams("16.0.13127.20296", "x64", "64").file(
        "configuration.xml",
        "<Configuration><Add OfficeClientEdition=\"64\" Channel=\"PerpetualVL2021\"><Product ID=\"ProPlus2021Volume\"/></Add></Configuration>",
    );
    let found = iso(with);
    found.holds(field::PRODUCT, "Office 2021");
    found.edition("ProPlus2021Volume");
}

#[test]
fn sharepoint_names_the_file_whose_number_it_gives() {
    for (product, version, name, release) in [
        ("Microsoft SharePoint Server 2010", "14.0.4763.1000", "SharePoint Server 2010", "RTM"),
        ("Microsoft SharePoint Server 2013", "15.0.4420.1017", "SharePoint Server 2013", "RTM"),
        ("Microsoft SharePoint Server 2016", "16.0.4351.1000", "SharePoint Server 2016", "RTM"),
    ] {
        let found = iso(Medium::new("SHAREPOINT")
            .file("setup.exe", pe(X64).version(version))
            .file("PrerequisiteInstaller.exe", pe(X64).version(version))
            .file("global/oserver.msi", msi("x64;1033").product(product, version))
            .file("default.hta", "<html>"));
        found.is(name, release, version, "x64");
        found.because(field::BUILD, "global/oserver.msi");
        found.advises(&["sharepoint-nobuild"]);
    }
}

fn layout(build: &str, shown: &str, line: &str) -> Medium {
    let catalog = format!(
        "\u{feff}{{\"manifestVersion\":\"1.1\",\"info\":{{\"id\":\"VisualStudio/{shown}\",\"buildBranch\":\"d\",\
         \"buildVersion\":\"{build}\",\"manifestName\":\"VisualStudio\",\"productDisplayVersion\":\"{shown}\",\
         \"productLineVersion\":\"{line}\",\"productMilestone\":\"RTW\",\"productMilestoneIsPreRelease\":\"False\",\
         \"productName\":\"Visual Studio\"}},\"packages\":[{}]}}",
        "{\"id\":\"a\",\"version\":\"1.0\"},".repeat(20_000)
    );
    let layout = "{\"installChannelUri\":\".\\\\ChannelManifest.json\",\"productId\":\"Microsoft.VisualStudio.Product.Enterprise\",\"addProductLang\":[\"en-US\"]}";
    Medium::new("VS")
        .file("vs_enterprise.exe", pe(X86).version(build).microsoft("Microsoft Visual Studio"))
        .file("Catalog.json", catalog.as_str())
        .file(
            "ChannelManifest.json",
            catalog.replace("\"VisualStudio\"", "\"VisualStudio.17.Release\"").as_str(),
        )
        .file("Layout.json", layout)
        .file("Microsoft.VisualStudio.Devenv,version=17/x.dll", dll(X64))
}

#[test]
fn visual_studio_layouts_are_known_by_their_catalog() {
    for (build, shown, line, name, release) in [
        ("15.5.27130.0", "15.5.0", "2017", "Visual Studio 2017", "15.5.0"),
        ("16.11.36631.11", "16.11.53", "2019", "Visual Studio 2019", "16.11"),
        ("17.9.34728.123", "17.9.6", "2022", "Visual Studio 2022", "17.9"),
        ("18.0.11222.15", "18.0.0", "18", "Visual Studio 2026", "18.0"),
    ] {
        let found = iso(layout(build, shown, line));
        found.holds(field::PRODUCT, name);
        found.holds(field::RELEASE, release);
        found.holds(field::BUILD, build);
        found.edition("Enterprise");
        found.speaks(&["en-US"]);
    }
}

#[test]
fn visual_studio_before_2017_is_known_by_its_package_or_starter() {
    for (product, version, name, release) in [
        (
            "Microsoft Visual Studio .NET Enterprise Architect 2003 - English",
            "7.1.3088",
            "Visual Studio .NET 2003",
            "RTM",
        ),
        (
            "Microsoft Visual Studio 2005 Professional Edition - ENU",
            "8.0.50727.42",
            "Visual Studio 2005",
            "RTM",
        ),
        ("Microsoft Visual Studio 2008 Professional Edition - ENU", "9.0.21022", "Visual Studio 2008", "RTM"),
        ("Microsoft Visual Studio 2010 Ultimate - ENU", "10.0.30319", "Visual Studio 2010", "RTM"),
    ] {
        let made = Medium::new("VS").file("setup.exe", pe(X86).version("10.0.1.1"));
        let found = iso(made.file("vs_setup.msi", msi("Intel;1033").product(product, version)));
        found.holds(field::PRODUCT, name);
        found.holds(field::RELEASE, release);
        found.holds(field::PLATFORM, "x86");
    }
    for (product, version, name) in [
        ("Microsoft Visual Studio Ultimate 2012", "11.0.50727.1", "Visual Studio 2012"),
        ("Microsoft Visual Studio Professional 2013", "12.0.21005.1", "Visual Studio 2013"),
        ("Microsoft Visual Studio Enterprise 2015", "14.0.23107.0", "Visual Studio 2015"),
    ] {
        let made = Medium::new("VS").file("vs_professional.exe", pe(X86).version(version).microsoft(product));
        let found = iso(made
            .file("packages/vs_minshell/vs_minshellcore.msi", msi("Intel;1033").product("shell", version)));
        found.holds(field::PRODUCT, name);
        found.holds(field::RELEASE, "RTM");
        found.holds(field::BUILD, version);
    }
    let found = iso(Medium::new("VSE600ENU1")
        .plain()
        .file("SETUP.EXE", pe(X86).version("6.0.8168.0"))
        .file("SETUP/VS98ENT.STF", "x")
        .file("COMMON/MSDEV98/BIN/MSDEV.EXE", pe(X86).version("6.0.8168.0"))
        .file("VB98/VB6.EXE", pe(X86).version("6.0.81.76")));
    found.holds(field::PRODUCT, "Visual Studio 6.0");
    found.holds(field::PLATFORM, "x86");
}

#[test]
fn the_net_framework_is_known_by_its_packages() {
    let medium = |build: &str| {
        let package = |template| msi(template).product("Microsoft .NET Framework 4.8", build);
        Medium::new("NDP")
            .file("netfx_Full_x64.msi", package("x64;0"))
            .file("netfx_Full_x86.msi", package("Intel;0"))
            .file("Setup.exe", pe(X86).version("14.8.3761.0"))
    };
    let found = iso(medium("4.8.03761"));
    found.holds(field::PRODUCT, ".NET Framework");
    found.holds(field::RELEASE, "4.8");
    found.holds(field::BUILD, "4.8.3761");
    let stub = pe(X86).version("4.8.3761.0").microsoft("Microsoft .NET Framework 4.8");
    let image = medium("4.8.03761").self_extractor(stub);
    let found = looked(Arc::new(image), "NDP48-x86-x64-AllOS-ENU.exe");
    found.holds(field::PRODUCT, ".NET Framework");
    found.holds(field::RELEASE, "4.8");
}
