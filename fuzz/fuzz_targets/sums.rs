//! Reads the input as a list of digests under the names that such lists have, and asks it about files.
#![no_main]

use discless::verify::sums::Sums;
use discless_fuzz as _;
use libfuzzer_sys::fuzz_target;
use std::path::{Component, Path};

fuzz_target!(|data: &[u8]| {
    let here = Path::new("/nowhere");
    for name in ["SHA256SUMS", "medium.iso.md5", "CHECKSUM", "medium.sfv", "manifest-sha256.txt", "medium.meta4", ""] {
        let sums = match Sums::parse(data, name) {
            Ok(sums) => sums,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                continue;
            }
        };
        for line in &sums.lines {
            assert_eq!(line.value.bytes.len(), line.value.algorithm.len());
            if let Some(path) = line.path_beside(here) {
                assert!(
                    path.starts_with(here) && !path.components().any(|part| part == Component::ParentDir)
                );
            }
        }
        for bad in &sums.bad {
            assert!(!bad.why.to_string().is_empty());
        }
        for file in ["medium.iso", "/nowhere/medium.iso", "/elsewhere/x/medium.iso"] {
            let _ = sums.for_file(Path::new(file), here);
            let _ = sums.trouble_for(Path::new(file), here);
        }
        let _ = sums.remarks();
        let _ = sums.named_by_list(name);
    }
});
