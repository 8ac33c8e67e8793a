//! Decodes the chunks of the input, which says the size of each.
#![no_main]

use discless::codec::lzms::Lzms;
use discless_fuzz::frames;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut decoder = Lzms::new();
    let mut frame = vec![0; 32 << 10];
    for (len, chunk) in frames(data) {
        // Chunks stand alone: the one behind a bad one may be good.
        if let Some(out) = frame.get_mut(..len) {
            let _ = decoder.chunk(chunk, out);
        }
    }
});
