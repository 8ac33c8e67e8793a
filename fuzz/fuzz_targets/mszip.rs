//! Decodes the frames of the input, which says the size of each.
#![no_main]

use discless::codec::mszip::Mszip;
use discless_fuzz::frames;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let _ = first;
    let mut decoder = Mszip::new();
    let mut frame = vec![0; 32 << 10];
    for (len, chunk) in frames(rest) {
        let Some(out) = frame.get_mut(..len) else { return };
        if decoder.block(chunk, out).is_err() {
            return;
        }
    }
});
