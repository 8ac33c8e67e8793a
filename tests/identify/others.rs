//! Linux, ESXi, macOS, drivers.

use crate::found::{Found, field, iso, looked};
use crate::support::media::Medium;
use crate::support::media::pe::*;
use crate::support::media::text::{ansi, utf16_lines};
use std::sync::Arc;

/// A kernel for PCs as far as its header ("The Linux/x86 Boot Protocol").
fn kernel(version: &str) -> Vec<u8> {
    let mut out = vec![0; 0x1000];
    out[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    out[0x202..0x206].copy_from_slice(b"HdrS");
    out[0x20e..0x210].copy_from_slice(&0x400u16.to_le_bytes());
    out[0x600..0x600 + version.len()].copy_from_slice(version.as_bytes());
    out
}

fn linux(label: &str) -> Medium {
    Medium::new(label)
        .rock_ridge()
        .boots_bios()
        .boots_uefi("BOOTX64 EFI")
        .file("EFI/BOOT/BOOTX64.EFI", efi(X64))
}

fn is_linux(found: &Found, product: &str, release: &str, build: &str, platform: &str) {
    found.holds(field::PRODUCT, product);
    found.holds(field::RELEASE, release);
    found.holds(field::BUILD, build);
    found.holds(field::PLATFORM, platform);
}

#[test]
fn treeinfo_tells_fedora_and_red_hat() {
    let fedora = "[checksums]\nimages/boot.iso = sha256:00\n\n[general]\narch = x86_64\nfamily = Fedora\nname = Fedora 40\nplatforms = x86_64,xen\nvariant = Server\nversion = 40\n\n[header]\ntype = productmd.treeinfo\nversion = 1.2\n\n[release]\nname = Fedora\nshort = Fedora\nversion = 40\n\n[tree]\narch = x86_64\nbuild_timestamp = 1713100000\n";
    let made = linux("Fedora-S-dvd-x86_64-40")
        .file(".treeinfo", fedora)
        .file(".discinfo", "1713100000.0\nFedora 40\nx86_64\n");
    let found = iso(made.file("images/pxeboot/vmlinuz", kernel("6.8.5-301.fc40.x86_64 (mockbuild)")));
    is_linux(&found, "Fedora Linux", "40", "40", "x64");
    found.edition("Server");
    for version in ["8.4", "8.10", "9.4", "6.10"] {
        let tree = format!(
            "[general]\narch = aarch64\nfamily = Red Hat Enterprise Linux\nversion = {version}\n[release]\nname = Red Hat Enterprise Linux\nshort = RHEL\nversion = {version}\n[tree]\narch = aarch64\n"
        );
        let made = Medium::new("RHEL-BaseOS-aarch64").rock_ridge().file(".treeinfo", tree.as_str());
        let found = iso(made.file("EFI/BOOT/BOOTAA64.EFI", efi(ARM64)));
        is_linux(&found, "Red Hat Enterprise Linux", version.split('.').next().unwrap(), version, "arm64");
    }
}

#[test]
fn discinfo_alone_is_enough() {
    let made = linux("RHEL-7.9 Server.x86_64")
        .file(".discinfo", "1600000000.123\nRed Hat Enterprise Linux 7.9\nx86_64\n1\n");
    is_linux(&iso(made), "Red Hat Enterprise Linux", "7", "7.9", "x64");
}

#[test]
fn debian_and_ubuntu_say_so_in_disk_info() {
    let made = linux("Debian 12.5.0 amd64 n")
        .file(
            ".disk/info",
            "Debian GNU/Linux 12.5.0 \"Bookworm\" - Official amd64 NETINST with firmware 20240210-11:27",
        )
        .file("install.amd/vmlinuz", kernel("6.1.0-18-amd64 (debian-kernel@lists.debian.org)"));
    let found = iso(made);
    is_linux(&found, "Debian", "12 \"Bookworm\"", "12.5.0", "x64");
    // A kernel's number is shown and is not the release's.
    assert!(found.report.evidence.iter().any(|one| one.raw.starts_with("6.1.0-18-amd64")));
    let made = linux("Ubuntu 22.04.4 LTS amd64")
        .file(".disk/info", "Ubuntu 22.04.4 LTS \"Jammy Jellyfish\" - Release amd64 (20240220)")
        .file("casper/vmlinuz", kernel("6.5.0-18-generic (buildd@lcy02)"))
        .file("casper/filesystem.squashfs", "hsqs");
    is_linux(&iso(made), "Ubuntu", "22.04 \"Jammy Jellyfish\"", "22.04.4", "x64");
    let made = linux("Ubuntu-Server 20.04.6 LTS arm64").without("EFI/BOOT/BOOTX64.EFI");
    let made =
        made.file(".disk/info", "Ubuntu-Server 20.04.6 LTS \"Focal Fossa\" - Release arm64 (20230316)");
    is_linux(&iso(made), "Ubuntu", "20.04 \"Focal Fossa\"", "20.04.6", "arm64");
}

#[test]
fn diskdefines_tells_older_ubuntu() {
    let text = "#define DISKNAME  Ubuntu 10.04.4 LTS \"Lucid Lynx\" - Release i386\n#define TYPE  binary\n#define TYPEbinary  1\n#define ARCH  i386\n#define ARCHi386  1\n#define DISKNUM  1\n";
    let made =
        Medium::new("Ubuntu 10.04.4 LTS i386").rock_ridge().boots_bios().file("README.diskdefines", text);
    is_linux(&iso(made), "Ubuntu", "10.04 \"Lucid Lynx\"", "10.04.4", "x86");
}

#[test]
fn distributions_without_a_table_have_the_names_and_numbers_that_they_say() {
    let found =
        iso(linux("openSUSE-Leap-15.6-DVD-x86_64").file("media.1/products", "/ openSUSE-Leap 15.6-1\n"));
    found.holds(field::PRODUCT, "openSUSE-Leap");
    found.holds(field::BUILD, "15.6");
    let found = iso(linux("ARCH_202402")
        .file("arch/version", "2024.02.01\n")
        .file("arch/x86_64/airootfs.sfs", "hsqs"));
    found.holds(field::PRODUCT, "Arch Linux");
    found.holds(field::PLATFORM, "x64");
    let found = iso(linux("alpine-std 3.19.1 x86_64").file(".alpine-release", "alpine-3.19.1 240126\n"));
    found.holds(field::PRODUCT, "Alpine Linux");
    found.holds(field::BUILD, "3.19.1");
    let info = "Linux Mint 21.3 \"Virginia\" - Release amd64 20240104";
    let found = iso(linux("Linux Mint 21.3 Cinnamon 64-bit").file(".disk/info", info));
    found.holds(field::PRODUCT, "Linux Mint");
    found.holds(field::BUILD, "21.3");
    found.holds(field::PLATFORM, "x64");
}

fn esxi(label: &str, build: &str) -> Medium {
    let boot = format!(
        "bootstate=0\ntitle=Loading ESXi installer\ntimeout=5\nprefix=\nkernel=/b.b00\nkernelopt=runweasel cdromBoot\nmodules=/jumpstrt.gz --- /imgdb.tgz\nbuild={build}\nupdated=0\n"
    );
    Medium::new(label)
        .rock_ridge()
        .boots_bios()
        .file("boot.cfg", boot.as_str())
        .file("efi/boot/bootx64.efi", efi(X64))
        .files(&["b.b00", "imgdb.tgz", "mboot.c32", "isolinux.bin"], "x")
}

#[test]
fn esxi_says_its_build_in_boot_cfg() {
    let found = iso(esxi("ESXI-7.0U2A-17867351-STANDARD", "7.0.2-0.0.17867351"));
    found.holds(field::PRODUCT, "VMware ESXi");
    found.holds(field::RELEASE, "7.0 Update 2a");
    found.holds(field::PLATFORM, "x64");
    assert!(found.value(field::BUILD).contains("17867351"), "{}", found.value(field::BUILD));
}

/// In four of five installers the line has no value: then the menu, and the label with its class, are all there is.
#[test]
fn trap_09_an_empty_build_in_boot_cfg_leaves_the_menu_and_the_label() {
    let menu = "DEFAULT menu.c32\nMENU TITLE ESXi-7.0U2a-17867351-standard Boot Menu\nNOHALT 1\n";
    let found = iso(esxi("ESXI-7.0U2A-17867351-STANDARD", "").file("isolinux.cfg", menu));
    found.holds(field::PRODUCT, "VMware ESXi");
    found.holds(field::RELEASE, "7.0 Update 2a");
    found.because(field::BUILD, "isolinux.cfg");
    let found = iso(esxi("ESXI-8.0U3E-24677879-STANDARD", ""));
    found.holds(field::PRODUCT, "VMware ESXi");
    assert!(found.value(field::RELEASE).contains("8.0 Update 3e"), "{}", found.value(field::RELEASE));
}

#[test]
fn macos_is_noticed() {
    let plist = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict>\n<key>CFBundleShortVersionString</key>\n<string>19.5.01</string>\n<key>DTPlatformVersion</key>\n<string>14.5</string>\n</dict></plist>\n";
    let app = "Install macOS Sonoma.app/Contents";
    let made = Medium::new("Install macOS Sonoma")
        .rock_ridge()
        .file(&format!("{app}/Info.plist"), plist)
        .file(&format!("{app}/SharedSupport/SharedSupport.dmg"), vec![1; 4096]);
    let found = iso(made);
    found.holds(field::PRODUCT, "macOS Sonoma");
    found.holds(field::BUILD, "14.5");
    assert_eq!(found.report.product.as_ref().unwrap().vendor.as_deref(), Some("Apple"));
}

const INF: &str = "; a driver\n[Version]\nSignature=\"$WINDOWS NT$\"\nClass=Net\nClassGuid={4d36e972-e325-11ce-bfc1-08002be10318}\nProvider=%Maker%\nCatalogFile=net.cat\nDriverVer=07/02/2019,12.18.9.7\n\n[Manufacturer]\n%Maker% = Models, NTamd64.10.0, NTx86.10.0\n\n[Models.NTamd64.10.0]\n%d% = i, PCI\\VEN_8086\n\n[Strings]\nMaker=\"Contoso Networks\"\nd=\"Adapter\"\n";

#[test]
fn a_driver_package_says_what_it_is_for() {
    for text in [ansi(INF), utf16_lines(INF)] {
        let made = Medium::new("DRIVERS")
            .file("net/e1d.inf", text)
            .file("net/net.cat", "x")
            .file("net/e1d64x64.sys", driver(X64).version("12.18.9.7"))
            .file("autorun.inf", "[autorun]\r\n");
        let found = iso(made);
        found.holds(field::PRODUCT, "Drivers");
        found.holds(field::BUILD, "12.18.9.7");
        found.holds(field::PLATFORM, "mixed");
        assert_eq!(found.report.product.as_ref().unwrap().vendor.as_deref(), Some("Contoso Networks"));
    }
}

/// A pack has many drivers: none of their versions is the pack's.
#[test]
fn a_pack_of_drivers_has_no_build_of_its_own() {
    let one = INF.replace(", NTx86.10.0", "");
    let other = one.replace("12.18.9.7", "3.0.1.41").replace("Net\n", "SCSIAdapter\n");
    let made = Medium::new("DRIVERS")
        .file("net/e1d.inf", ansi(&one))
        .file("net/e1d64x64.sys", driver(X64))
        .file("scsi/vioscsi.inf", ansi(&other))
        .file("scsi/vioscsi.sys", driver(X64));
    let found = iso(made);
    found.holds(field::PRODUCT, "Drivers");
    assert!(found.report.build.is_none(), "{:?}", found.report.build);
    found.holds(field::PLATFORM, "x64");
}

/// `autorun.inf` is on half of all discs.
#[test]
fn autorun_inf_makes_no_driver_disc() {
    let made = Medium::new("ANYTHING").file("autorun.inf", "[autorun]\r\n").file("a.sys", driver(X86));
    let found = looked(Arc::new(made.iso()), "anything.iso");
    assert!(found.report.product.is_none(), "{:?}", found.report.product);
}
