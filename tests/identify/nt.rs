//! Windows NT 3.x and 4.0, 2000, XP and Server 2003: discs whose files setup copies.

use crate::found::{Found, field, iso};
use crate::support::media::Medium;
use crate::support::media::pe::*;
use crate::support::media::text::ansi;

/// What the discs of the 5.x systems have in the folder that is installed from.
fn nt5(medium: Medium, folder: &str, machine: u16, version: &str, product: &str) -> Medium {
    let own = |program: Pe| program.version(version).microsoft("Microsoft® Windows® Operating System");
    let hive = format!("[Version]\nSignature=\"$Windows NT$\"\nDriverVer=04/14/2008,{version}\n");
    let spec = format!(
        "[SMS Inventory Identification]\nVersion=1.0\n\n[Product Specification]\nProduct=\"{product}\"\nVersion=5.0\nLocalization=\"English (United States)\"\nProductType=1\n"
    );
    let sif =
        "[Version]\nsignature=\"$Windows NT$\"\n[SetupData]\nProductType = 0\nLoadIdentifier=\"Setup\"\n";
    medium
        .file(&format!("{folder}/HIVESYS.INF"), ansi(&hive))
        .file(&format!("{folder}/PRODSPEC.INI"), ansi(&spec))
        .file(&format!("{folder}/TXTSETUP.SIF"), ansi(sif))
        .file(&format!("{folder}/WINNT32.EXE"), own(pe(machine)))
        .file(&format!("{folder}/NTDLL.DLL"), own(dll(machine)))
        .file(&format!("{folder}/KERNEL32.DLL"), own(dll(machine)))
}

fn disc(label: &str, tags: &[&str]) -> Medium {
    let made = Medium::new(label).plain().boots_bios().publisher("MICROSOFT CORPORATION");
    let made = made.file("SETUP.EXE", pe(X86).version("5.1.2600.0")).file("AUTORUN.INF", "[autorun]\r\n");
    tags.iter().fold(made, |made, tag| made.file(tag, "Windows\r\n"))
}

fn x86(label: &str, tags: &[&str], version: &str, product: &str) -> Found {
    iso(nt5(disc(label, tags), "I386", X86, version, product))
}

#[test]
fn windows_2000_has_the_service_pack_of_its_hive() {
    for (version, tags, release) in [
        ("5.0.2195.1", &["CDROM_NT.5", "CDROM_IP.5"][..], "RTM"),
        ("5.0.2195.6717", &["CDROM_NT.5", "CDROM_IP.5", "CDROMSP4.TST"], "SP4"),
    ] {
        let found = x86("W2PFPP_EN", tags, version, "Windows 2000 Professional");
        found.is("Windows 2000", release, version, "x86");
        found.edition("Professional");
    }
}

#[test]
fn trap_07_the_version_in_prodspec_stays_5_0() {
    let found =
        x86("GRTMPVOL_EN", &["WIN51", "WIN51IP", "WIN51IP.SP3"], "5.1.2600.5512", "Windows XP Professional");
    found.is("Windows XP", "SP3", "5.1.2600.5512", "x86");
    found.state(field::BUILD, "confirmed");
    let floor = |one: &&discless::report::Evidence| one.raw == "5.0" && one.field == "build";
    let floors: Vec<_> = found.report.evidence.iter().filter(floor).collect();
    assert!(floors.iter().all(|one| one.role == "floor"), "{floors:?}");
}

/// Files of the beta and of both candidates remained on the first service pack's disc.
#[test]
fn trap_08_files_of_prereleases_remain_on_final_media() {
    let tags = ["WIN51", "WIN51IP", "WIN51IP.B2", "WIN51.RC1", "WIN51IP.RC2", "WIN51IP.SP1"];
    let found = x86("XRMPFPP_EN", &tags, "5.1.2600.1106", "Windows XP Professional");
    found.is("Windows XP", "SP1", "5.1.2600.1106", "x86");
    assert!(!found.value(field::RELEASE).contains("RC"));
}

/// The folder I386 is there for upgrades and 32-bit programs.
#[test]
fn trap_05_an_i386_folder_on_an_amd64_disc_is_not_what_is_installed() {
    let tags = ["WIN51", "WIN51AP", "WIN51AP.SP2"];
    let made = disc("ARMPXVOL_EN", &tags);
    let own = |program: Pe| program.version("5.2.3790.3959");
    let made = nt5(made, "AMD64", X64, "5.2.3790.3959", "Windows XP Professional x64 Edition")
        .file("I386/WINNT32.EXE", own(pe(X86)))
        .files(&["I386/A.DLL", "I386/B.DLL", "I386/C.DLL", "I386/D.DLL"], own(dll(X86)));
    let found = iso(made);
    found.is("Windows XP Professional x64", "SP2", "5.2.3790.3959", "x64");
}

#[test]
fn server_2003_is_told_from_xp_for_x64_by_its_tags() {
    for (tags, version, folder, machine, release, platform) in [
        (&["WIN51", "WIN51IS"][..], "5.2.3790.0", "I386", X86, "RTM", "x86"),
        (&["WIN51", "WIN51IA", "WIN51IA.SP1"], "5.2.3790.1830", "I386", X86, "SP1", "x86"),
        (&["WIN51", "WIN51AS", "WIN51AS.SP2"], "5.2.3790.3959", "AMD64", X64, "SP2", "x64"),
        (&["WIN51", "WIN51MA", "WIN51MA.SP2"], "5.2.3790.3959", "IA64", IA64, "SP2", "ia64"),
    ] {
        let made = nt5(disc("NRMSFPP_EN", tags), folder, machine, version, "Windows Server 2003");
        iso(made).is("Windows Server 2003", release, version, platform);
    }
}

/// The first disc is Server 2003; the second has the folder that makes it R2.
#[test]
fn the_second_disc_makes_server_2003_r2() {
    let own =
        |program: Pe| program.version("5.2.3790.1830").microsoft("Microsoft® Windows® Operating System");
    let found = iso(Medium::new("CR0SCD2_EN")
        .plain()
        .file("CMPNENTS/R2/SETUP2.EXE", own(pe(X86)))
        .file("CMPNENTS/R2/R2SRVMGR.DLL", own(dll(X86)))
        .file("CMPNENTS/R2/PACKAGES/A.DLL", own(dll(X86))));
    found.holds(field::PRODUCT, "Windows Server 2003 R2");
    found.holds(field::PLATFORM, "x86");
}

/// From the disc to Service Pack 6a the build is 1381.
#[test]
fn trap_11_windows_nt_4_has_one_build_for_all_service_packs() {
    let own =
        |program: Pe| program.version("4.0.1381.1").microsoft("Microsoft(R) Windows NT(TM) Operating System");
    let found = iso(Medium::new("NTSRV40_EN")
        .plain()
        .file("CDROM_S.40", "x")
        .file("I386/WINNT32.EXE", own(pe(X86)))
        .file("I386/TXTSETUP.SIF", ansi("[SetupData]\nProductType = 1\n"))
        .file("I386/NTDLL.DLL", own(dll(X86))));
    found.is("Windows NT", "4.0", "4.0.1381.1", "x86");
    found.edition("Server");
    assert!(!found.value(field::RELEASE).contains("SP"));
}

#[test]
fn a_disc_of_windows_nt_4_for_four_processors_is_mixed() {
    let own = |program: Pe| program.version("4.0.1381.1");
    let made = Medium::new("NTWKS40_EN").plain().file("CDROM_W.40", "x");
    let made = [("I386", X86), ("ALPHA", ALPHA), ("MIPS", MIPS), ("PPC", PPC)].into_iter().fold(
        made,
        |made, (folder, machine)| {
            made.file(&format!("{folder}/WINNT32.EXE"), own(pe(machine)))
                .file(&format!("{folder}/NTDLL.DLL"), own(dll(machine)))
        },
    );
    let found = iso(made);
    found.holds(field::PRODUCT, "Windows NT");
    found.holds(field::PLATFORM, "mixed");
    found.edition("Workstation");
}

#[test]
fn windows_nt_3_51_has_its_own_setup_information() {
    let own = |program: Pe| program.version("3.51.1057.1");
    let found = iso(Medium::new("NT351")
        .plain()
        .file("I386/TXTSETUP.INF", ansi("[SetupData]\nProductType = 0\n"))
        .file("I386/WINNT32.EXE", own(pe(X86)))
        .file("I386/NTDLL.DLL", own(dll(X86))));
    found.is("Windows NT", "3.51", "3.51.1057.1", "x86");
}

/// The last three characters tell the channel, the first five belong to the key.
#[test]
fn trap_21_setupp_tells_the_channel_and_its_number_is_never_shown() {
    for (pid, channel) in [("55274270", "Volume"), ("76487OEM", "OEM"), ("55274000", "Retail")] {
        let text = format!("[Pid]\nExtraData=6C7A70667A6A2E7A70667A6A2E\nPid={pid}\n");
        let made = nt5(
            disc("XRMPFPP_EN", &["WIN51", "WIN51IP"]),
            "I386",
            X86,
            "5.1.2600.2180",
            "Windows XP Professional",
        );
        let found = iso(made.file("I386/SETUPP.INI", ansi(&text)));
        found.is("Windows XP", "SP2", "5.1.2600.2180", "x86");
        assert_eq!(found.report.channel.as_deref(), Some(channel));
        found.never_shows(&pid[..5]);
    }
}
