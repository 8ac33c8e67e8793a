//! SQL Server 2000 to 2025.

use crate::found::{field, iso, looked};
use crate::support::media::msi::msi;
use crate::support::media::pe::*;
use crate::support::media::text::utf16_lines;
use crate::support::media::{Data, Medium};
use std::sync::Arc;

/// What lies in the root from SQL Server 2008 on.
fn media_info(build: &str) -> Data {
    utf16_lines(&format!(
        "<?xml version=\"1.0\" encoding=\"utf-16\"?>\n<MediaInfo xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n\
         <Properties>\n<Property Id=\"BaselineVersion\" Value=\"{build}\" />\n</Properties>\n</MediaInfo>\n"
    ))
    .into()
}

fn engine(medium: Medium, folder: &str, machine: u16, template: &str, build: &str) -> Medium {
    let package = msi(template).product("SQL Server Database Engine Services", build);
    medium
        .file(&format!("{folder}/setup/sql_engine_core_inst_msi/sql_engine_core_inst.msi"), package)
        .file(&format!("{folder}/sqlboot.dll"), dll(machine).version(build))
        .file(&format!("{folder}/setup/bin/sqlservr.exe"), pe(machine).version(build))
        .file(&format!("{folder}/DefaultSetup.ini"), "[OPTIONS]\r\nPCUSOURCE=\".\\PCU\"\r\n")
}

fn server(build: &str, file_version: &str) -> Medium {
    let starter = pe(X86).version(build).text("FileVersion", file_version);
    let medium = Medium::new("SQLFULL_ENU")
        .file("MediaInfo.xml", media_info(build))
        .file("setup.exe", starter.microsoft("Microsoft SQL Server"))
        .file("1033_ENU_LP/x64/setup/sql_engine_core_inst_loc.txt", "x");
    engine(medium, "x64", X64, "x64;1033", build)
}

/// The year in the text of the file version is that of the work on it, not that of the product.
#[test]
fn trap_19_the_year_in_a_file_version_is_not_the_products_year() {
    for (build, file_version, name) in [
        ("10.0.1600.22", "2007.0100.1600.022 ((SQL_PreRelease).080709-1414 )", "SQL Server 2008"),
        ("10.50.1600.1", "2009.0100.1600.01 ((KJ_RTM).100402-1540 )", "SQL Server 2008 R2"),
        ("11.0.2100.60", "2011.0110.2100.060 ((SQL11_RTM).120210-1846 )", "SQL Server 2012"),
        ("12.0.2000.8", "2014.0120.2000.08 ((SQL14_RTM).140220-1752)", "SQL Server 2014"),
        ("13.0.1601.5", "2015.0130.1601.05 ((SQL16_RTM).160429-2226)", "SQL Server 2016"),
        ("14.0.1000.169", "2017.0140.1000.169 ((SQLServer).170822-2340)", "SQL Server 2017"),
        ("15.0.2000.5", "2019.0150.2000.05 ((SQLServer).190924-2033)", "SQL Server 2019"),
        ("16.0.1000.6", "2022.0160.1000.06 ((SQLServer).221008-0530)", "SQL Server 2022"),
        ("17.0.1000.7", "2025.0170.1000.07 ((SQLServer).251020-0000)", "SQL Server 2025"),
    ] {
        let found = iso(server(build, file_version));
        found.is(name, "RTM", build, "x64");
        found.state(field::BUILD, "confirmed");
        found.because(field::BUILD, "MediaInfo.xml");
    }
}

#[test]
fn a_medium_for_three_processors_is_mixed() {
    let build = "10.50.1600.1";
    let medium = engine(server(build, "2009.0100.1600.01"), "x86", X86, "Intel;1033", build);
    let found = iso(engine(medium, "ia64", IA64, "Intel64;1033", build));
    found.is("SQL Server 2008 R2", "RTM", build, "mixed");
    for word in ["x86", "x64", "ia64"] {
        found.because(field::PLATFORM, word);
    }
}

#[test]
fn express_is_a_self_extractor_with_the_same_files_inside() {
    let medium = server("15.0.2000.5", "2019.0150.2000.05 ((SQLServer).190924-2033)");
    let stub = pe(X86).version("15.0.2000.5").microsoft("Microsoft SQL Server");
    let found = looked(Arc::new(medium.self_extractor(stub)), "SQLEXPR_x64_ENU.exe");
    found.is("SQL Server 2019", "RTM", "15.0.2000.5", "x64");
}

/// Programs for video write files of that name, too.
#[test]
fn trap_10_another_programs_mediainfo_xml_is_no_sql_server() {
    let other = Medium::new("FILMS")
        .file(
            "MediaInfo.xml",
            "<MediaInfo><media><Property Id=\"BaselineVersion\" Value=\"11.0.2100.60\"/></media></MediaInfo>",
        )
        .file("film.mkv", "film");
    let found = iso(other);
    assert!(found.report.product.is_none() && found.report.build.is_none(), "{:?}", found.report.product);
}

#[test]
fn a_key_in_defaultsetup_is_noticed_and_not_shown() {
    let medium = server("11.0.2100.60", "2011.0110.2100.060").without("x64/DefaultSetup.ini");
    let key = "[OPTIONS]\r\nPID=\"AAAAA-BBBBB-CCCCC-DDDDD-EEEEE\"\r\nPCUSOURCE=\".\\PCU\"\r\n";
    let found = iso(medium.file("x64/DefaultSetup.ini", key));
    found.is("SQL Server 2012", "RTM", "11.0.2100.60", "x64");
    found.never_shows("BBBBB");
    found.advises(&["product-key"]);
}

#[test]
fn sql_server_2005_and_2000_are_known_by_their_packages() {
    let package = msi("Intel;1033").product("Microsoft SQL Server 2005", "9.00.1399.06");
    let starter = pe(X86)
        .version("9.0.1399.0")
        .text("FileVersion", "2005.090.1399.00")
        .microsoft("Microsoft SQL Server");
    let found = iso(Medium::new("SQL2005")
        .file("Servers/setup.exe", starter.clone())
        .file("Servers/Setup/SqlRun_SQL.msi", package)
        .file(
            "Servers/Setup/sqlncli.msi",
            msi("Intel;1033").product("Microsoft SQL Server Native Client", "9.00.1399.06"),
        )
        .file("Servers/Setup/sqlservr.exe", starter));
    found.is("SQL Server 2005", "RTM", "9.0.1399.6", "x86");
    let own = |program: Pe| {
        program
            .version("2000.80.194.0")
            .text("FileVersion", "2000.080.0194.00")
            .microsoft("Microsoft SQL Server")
    };
    let found = iso(Medium::new("SQL2KSTD")
        .plain()
        .file("AUTORUN.EXE", pe(X86).version("1.0.0.0"))
        .file("X86/SETUP/SETUPSQL.EXE", own(pe(X86)))
        .file("X86/SETUP/SQLSP.DLL", own(dll(X86)))
        .file("X86/BINN/SQLSERVR.EXE", own(pe(X86))));
    found.is("SQL Server 2000", "RTM", "8.0.194.0", "x86");
}
