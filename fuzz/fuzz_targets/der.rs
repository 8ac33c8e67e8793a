//! Reads the input as values in values, as deep as they go.
#![no_main]

use discless::verify::authenticode::Certificate;
use discless::verify::authenticode::der::Reader;
use discless_fuzz as _;
use libfuzzer_sys::fuzz_target;

fn follow(mut reader: Reader<'_>, depth: u32, left: &mut u32) {
    while !reader.is_empty() && *left > 0 {
        *left -= 1;
        let before = reader.rest().len();
        let Ok(value) = reader.value() else { return };
        assert_eq!(value.whole.len(), before - reader.rest().len());
        assert!(value.content.len() < value.whole.len());
        let _ = (value.octets(), value.bits(), value.small());
        if value.tag & 0x20 != 0 && depth < 64 {
            follow(value.reader("fuzz"), depth + 1, left);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    follow(Reader::new("fuzz", data), 0, &mut 10_000);
    let _ = Certificate::parse(data);
});
