//! Reads the input as a program: its head, its version resource, all of it, and as a container.
#![no_main]

use discless::formats::pe;
use discless::source::SharedSource;
use discless_fuzz::{exercise, image, options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let source: SharedSource = image(data);
    let head = pe::head(&source).expect("bytes in memory can be read");
    let facts = pe::facts(&source).expect("bytes in memory can be read");
    let versions = pe::versions(&source).expect("bytes in memory can be read");
    assert_eq!(head.is_some(), facts.is_some());
    if let Some(head) = head {
        let _ = (head.is_dll(), head.is_efi(), head.linked(), head.machine.name(), head.machine.platform());
    }
    if let Some(versions) = versions {
        let _ = versions.text("ProductName");
    }
    if let Ok(container) = (pe::FORMAT.open)(source, &options()) {
        exercise(&*container);
    }
});
