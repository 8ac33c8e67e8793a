//! Reads the input as everything that facts are asked about: a version, a file name, a label, a question, a table.
#![no_main]

use discless::facts::{self, Facts, Version};
use discless_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let known = Facts::compiled();
    if let Some(reading) = facts::read_version(text) {
        let version = &reading.version;
        assert_eq!(Version::parse(&version.to_string()).as_ref(), Some(version));
        for family in [None, Some("windows"), Some("exchange"), Some("esxi")] {
            let _ = known.find(family, version);
        }
        for family in facts::FAMILIES {
            let (before, behind) = known.between(family, version);
            if let (Some(before), Some(behind)) = (before, behind) {
                assert!(before.version < behind.version);
            }
        }
    }
    let _ = facts::read_file_name(text);
    let _ = facts::read_label(text);
    if text.len() < 200 {
        match known.understand(text) {
            Ok(question) => drop(known.answers(&question)),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    let _ = facts::parse_builds("windows", text);
    let _ = facts::parse_advice(text);
    let _ = facts::parse_lifecycle(text);
    let _ = facts::parse_media(text);
});
