//! How little is read: the law is 8 MiB beside the catalogue, and 150 ms, for 6 GB with 5,000 members.

use crate::found::{field, looked};
use crate::support::media::msi::msi;
use crate::support::media::pe::*;
use crate::support::media::{Data, Medium};
use discless::container::Container;
use discless::source::{Counting, SharedSource};
use std::sync::Arc;
use std::time::Instant;

/// An Exchange-like medium of 6 GB: 5,000 members, 4,500 of them programs.
fn large() -> SharedSource {
    let program = Data::from(dll(X64).version("8.0.685.25").bytes(4 << 10));
    let mut made = Medium::new("EX2007")
        .file("setup.exe", pe(X86).version("8.0.685.24"))
        .file(
            "ExchangeServer.msi",
            msi("x64;1033").product("Microsoft Exchange Server", "8.0.685.25").payload(4 << 20),
        )
        .file("Setup/ServerRoles/Common/ExSetup.exe", pe(X64).version("8.0.685.25"))
        .file("Setup/Data/payload.bin", Data::Zeros(6_000_000_000));
    for number in 0..4500 {
        made = made.file(&format!("Setup/ServerRoles/P{:02}/F{number}.DLL", number % 45), program.clone());
    }
    for number in 0..496 {
        made = made.file(&format!("Setup/Data/T{number}.TXT"), Data::Zeros(1000));
    }
    Arc::new(made.plain().sparse())
}

#[test]
fn six_gigabytes_with_five_thousand_members_cost_eight_mebibytes() {
    let source = large();
    assert!(source.len() > 6_000_000_000);
    let counting = Arc::new(Counting::new(source));
    let shared: SharedSource = counting.clone();
    let container: Arc<dyn Container> = crate::support::open(&shared, "large.iso").unwrap().into();
    let catalogue = counting.bytes();
    let start = Instant::now();
    let found = crate::found::Found::of(&container, "large.iso");
    let took = start.elapsed();
    let read = counting.bytes() - catalogue;
    println!(
        "{} members, catalogue {catalogue} bytes, identification {read} bytes in {took:?}",
        container.entries().len()
    );
    found.is("Exchange Server 2007", "RTM", "8.0.685.25", "x64");
    assert!(read <= 8 << 20, "{read} bytes were read");
    assert!(container.entries().len() >= 5000);
    let platform = &found.report.platform;
    assert!(platform.examined <= 4000 && platform.examined < platform.candidates, "{platform:?}");
    found.because(field::PLATFORM, "programs were examined");
}

/// Every reading of the same medium gives the same report.
#[test]
fn the_answer_does_not_depend_on_chance() {
    let source = Arc::new(Medium::new("TOOLS").file("a/a.dll", dll(X64)).file("b/b.dll", dll(X86)).iso());
    let (one, two) = (looked(source.clone(), "a.iso"), looked(source, "a.iso"));
    assert_eq!(one.report, two.report);
}
