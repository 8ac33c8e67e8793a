//! Exchange Server 4.0 to Subscription Edition, and first of all the case that the program was made for:
//! Exchange Server 2007 RTM, whose build has four numbers.

use crate::found::{Found, field, iso, looked, self_extractor};
use crate::support::media::Medium;
use crate::support::media::msi::{msi, msp};
use crate::support::media::pe::*;

const PRODUCT_2007: &str = "{24B2C164-DE66-44FE-B468-A46D9D5E6B31}";

/// From Exchange 2007 on: the package in the root, programs below `Setup/ServerRoles`, an x86 starter of old.
fn server(machine: u16, product: &str, shown: &str, build: &str) -> Medium {
    let template = if machine == X86 { "Intel;1033" } else { "x64;1033" };
    let own = |program: Pe| program.version(build).microsoft("Microsoft® Exchange");
    Medium::new("EXCHANGE")
        .file("Setup.EXE", pe(X86).version(shown).microsoft("Microsoft® Exchange"))
        .file("Setup.com", pe(machine).version(shown).microsoft("Microsoft® Exchange"))
        .file("ExchangeServer.msi", msi(template).product(product, build).code(PRODUCT_2007))
        .file("Setup/ServerRoles/Common/ExSetup.exe", own(pe(machine)))
        .files(
            &["Setup/ServerRoles/Mailbox/store.exe", "Setup/ServerRoles/Common/ExSetupUI.exe"],
            own(pe(machine)),
        )
        .file("Setup/ServerRoles/Common/exmgmt.dll", own(dll(machine)))
        .file("en/ServerLanguagePack.msi", msi("Intel;1033").product("Exchange Language Pack", build))
        .file("autorun.inf", "[autorun]\r\nopen=Setup.EXE\r\n")
}

fn rtm(machine: u16) -> Medium {
    let name = if machine == X86 { "EX2007_32" } else { "EX2007_64" };
    server(machine, "Microsoft Exchange Server", "8.0.685.24", "8.0.685.25").labelled(name)
}

#[test]
fn the_founding_case_is_exchange_2007_rtm_for_x64() {
    let found = iso(rtm(X64));
    found.is("Exchange Server 2007", "RTM", "8.0.685.25", "x64");
    found.state(field::BUILD, "explained");
    found.because(field::BUILD, "ExchangeServer.msi");
    found.because(field::BUILD, "ExSetup.exe");
    found.because(field::RELEASE, "Exchange Server 2007 RTM");
    found.also(field::BUILD, "8.0.685.24", "AdminDisplayVersion");
    found.also(field::BUILD, "685.018", "Help About");
    found.also(field::BUILD, "8.0.535.0", "oldest version that can read");
    found.speaks(&["en-US"]);
    found.advises(&["exch2007-edition", "exch2007-build", "support-exchange-server-2007"]);
    found.advises_not(&["exch2007-x86", "exch2007-dvd"]);
    assert_eq!(found.report.platform.starter.as_deref(), Some("x86"));
    assert_eq!(found.report.product.as_ref().unwrap().vendor.as_deref(), Some("Microsoft"));
    // The key sets the edition, so none is claimed.
    assert!(found.report.editions.is_empty());
}

#[test]
fn the_founding_case_is_exchange_2007_rtm_for_x86_and_not_for_production() {
    let found = iso(rtm(X86));
    found.is("Exchange Server 2007", "RTM", "8.0.685.25", "x86");
    found.advises(&["exch2007-x86", "exch2007-edition"]);
    found.advice_says("exch2007-x86", "lab");
    found.advice_says("exch2007-edition", "120-day trial");
}

#[test]
fn the_founding_case_has_the_same_answer_as_a_self_extractor() {
    let stub = pe(X86).version("6.0.3790.0").microsoft("Self-Extracting Cabinet");
    let found = self_extractor(rtm(X64), stub);
    found.is("Exchange Server 2007", "RTM", "8.0.685.25", "x64");
    found.also(field::BUILD, "8.0.685.24", "AdminDisplayVersion");
}

#[test]
fn trap_16_a_rollup_in_updates_changes_what_is_installed() {
    let rollup = msp(&[PRODUCT_2007])
        .metadata("DisplayName", "Update Rollup 4 for Exchange Server 2007 (KB940006)")
        .subject("Microsoft Exchange Server");
    let found = iso(rtm(X64).file("Updates/Exchange2007-KB940006-x64-EN.msp", rollup));
    found.is("Exchange Server 2007", "RTM + RU4 in Updates", "8.0.685.25", "x64");
    found.because(field::RELEASE, "Updates/Exchange2007-KB940006-x64-EN.msp");
    found.advises(&["exch2007-ru"]);
    let rollup = msp(&[PRODUCT_2007]).metadata("DisplayName", "Update Rollup 1 for Exchange Server 2007");
    let packed = rtm(X86).file("Updates/Exchange2007-KB935490-x86-EN.msp", rollup.clone());
    let found = self_extractor(packed, pe(X86).version("6.0.3790.0"));
    found.is("Exchange Server 2007", "RTM + RU1 in Updates", "8.0.685.25", "x86");
    // Alone it is an update and no server.
    let found = looked(std::sync::Arc::new(rollup.build()), "Exchange2007-KB935490-x86-EN.msp");
    found.holds(field::PRODUCT, "Update Rollup 1 for Exchange Server 2007");
    found.advises(&["exch2007-ru"]);
}

#[test]
fn an_image_too_large_for_a_single_layer_dvd_is_said() {
    let size = 4_700_372_992;
    let large = rtm(X64).file("Setup/Data/big.bin", crate::support::media::Data::Zeros(size));
    let found = looked(std::sync::Arc::new(large.sparse()), "ex2007.iso");
    found.is("Exchange Server 2007", "RTM", "8.0.685.25", "x64");
    found.advises(&["exch2007-dvd"]);
    assert!(!found.report.disc.as_ref().unwrap().single_layer_dvd);
}

#[test]
fn service_packs_and_later_products_have_their_names() {
    for (product, shown, build, name, release) in [
        ("Microsoft Exchange Server", "8.1.240.5", "8.1.240.6", "Exchange Server 2007", "SP1 RTM"),
        ("Microsoft Exchange Server", "8.3.83.6", "8.3.83.6", "Exchange Server 2007", "SP3 RTM"),
        ("Microsoft Exchange Server", "14.0.639.20", "14.0.639.21", "Exchange Server 2010", "RTM"),
        ("Microsoft Exchange Server", "14.3.123.4", "14.3.123.4", "Exchange Server 2010", "SP3 RTM"),
        ("Microsoft Exchange Server", "15.0.516.32", "15.0.516.32", "Exchange Server 2013", "RTM"),
        ("Microsoft Exchange Server", "15.1.225.42", "15.1.225.42", "Exchange Server 2016", "RTM"),
        ("Microsoft Exchange Server", "15.2.221.12", "15.2.221.12", "Exchange Server 2019", "RTM"),
        ("Microsoft Exchange Server", "15.2.2562.17", "15.2.2562.17", "Exchange Server SE", "RTM"),
    ] {
        let found = iso(server(X64, product, shown, build));
        found.is(name, release, build, "x64");
    }
}

/// A starter shows the build in the long form, and a name the year of another product.
#[test]
fn trap_18_a_cumulative_update_is_known_by_its_build_and_no_name_outweighs_it() {
    let medium = server(X64, "Microsoft Exchange Server", "15.1.2507.6", "15.1.2507.6");
    let found = looked(std::sync::Arc::new(medium.iso()), "ExchangeServer2019-x64-cu23.iso");
    found.is("Exchange Server 2016", "CU23", "15.1.2507.6", "x64");
    found.also(field::PRODUCT, "Exchange Server 2019", "");
}

/// A number that no table has is placed between its neighbours, and no release is guessed.
#[test]
fn a_build_between_two_known_ones_is_said_to_be_so() {
    let found = iso(server(X64, "Microsoft Exchange Server", "15.1.1800.1", "15.1.1800.1"));
    assert_eq!(found.value(field::BUILD), "15.1.1800.1");
    let release = found.value(field::RELEASE);
    assert!(release.starts_with("between ") && release.ends_with("(not listed)"), "{release}");
    found.state(field::RELEASE, "unknown");
}

/// Before Exchange 2007: programs below `SETUP/I386`.
fn old(folder: &str, product: &str, version: &str) -> Found {
    let own = |program: Pe| program.version(version).microsoft(product);
    let medium = Medium::new("EXCH")
        .plain()
        .file(&format!("{folder}/SETUP.EXE"), own(pe(X86)))
        .file(&format!("{folder}/SERVER.INS"), "; files to install\r\n")
        .file(&format!("{folder}/EXCHANGE/BIN/STORE.EXE"), own(pe(X86)))
        .file(&format!("{folder}/EXCHANGE/BIN/MAD.EXE"), own(pe(X86)))
        .file("LAUNCH.EXE", pe(X86).version("1.0.0.0"));
    iso(medium)
}

#[test]
fn exchange_before_2007_is_known_by_its_store() {
    for (folder, product, version, name, release) in [
        ("SETUP/I386", "Microsoft Exchange Server 2003", "6.5.6944.0", "Exchange Server 2003", "RTM"),
        ("SETUP/I386", "Microsoft Exchange 2000 Server", "6.0.4417.0", "Exchange 2000 Server", "RTM"),
        ("SERVER/SETUP/I386", "Microsoft Exchange", "5.5.1960.0", "Exchange Server 5.5", "RTM"),
        ("SETUP/I386", "Microsoft Exchange", "5.0.1457.0", "Exchange Server 5.0", "RTM"),
        ("SETUP/I386", "Microsoft Exchange", "4.0.837.0", "Exchange Server 4.0", "Standard Edition"),
    ] {
        let found = old(folder, product, version);
        found.is(name, release, version, "x86");
    }
}
