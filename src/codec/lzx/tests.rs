//! Streams made by hand; whole cabinets are in `testdata/cab`.

use super::*;

/// A stored block of three bytes, in a cabinet's stream that translates no calls.
const STORED: &[u8] = b"\x00\x30\x30\x00\x05\0\0\0\x06\0\0\0\x07\0\0\0abc\0";

#[test]
fn a_stored_block_is_copied() {
    let mut lzx = Lzx::new(Parameters::cabinet(15)).unwrap();
    let mut out = [0; 3];
    lzx.frame(STORED, &mut out).unwrap();
    assert_eq!(&out, b"abc");
    assert_eq!(lzx.recent, [5, 6, 7]);
    lzx.reset();
    assert!(lzx.frame(&STORED[..17], &mut out).is_err());
}

#[test]
fn a_pad_byte_may_lie_in_the_next_chunk() {
    let mut lzx = Lzx::new(Parameters::cabinet(15)).unwrap();
    let mut out = [0; 3];
    lzx.frame(&STORED[..19], &mut out).unwrap();
    assert!(lzx.pad_pending);
    // Again without the stream's first bit: type, size.
    let next = b"\0\x00\x60\x60\x00\x05\0\0\0\x06\0\0\0\x07\0\0\0xyz\0";
    lzx.frame(next, &mut out).unwrap();
    assert_eq!(&out, b"xyz");
}

#[test]
fn a_wim_block_says_its_size_in_one_bit() {
    // Type 3, one bit for 32 KiB, recent offsets.
    let mut chunk = b"\x00\x70\x01\0\0\0\x01\0\0\0\x01\0\0\0".to_vec();
    chunk.extend((0..FRAME).map(|i| if i == 20 { 0xe8 } else { 0 }));
    let mut lzx = Lzx::new(Parameters::wim(15)).unwrap();
    let mut out = vec![1; FRAME];
    lzx.frame(&chunk, &mut out).unwrap();
    // A call to 0 at 20 was one to 20 further back.
    assert_eq!(out[20..26], [0xe8, 0xec, 0xff, 0xff, 0xff, 0]);
}

#[test]
fn calls_are_translated_within_the_file_alone() {
    let frame = |target: i32| {
        let mut frame = [0x90; 30];
        frame[3] = 0xe8;
        frame[4..8].copy_from_slice(&target.to_le_bytes());
        frame
    };
    let translated = |target, position, size| {
        let mut frame = frame(target);
        translate_calls(&mut frame, position, size);
        i32::from_le_bytes([frame[4], frame[5], frame[6], frame[7]])
    };
    assert_eq!(translated(500, 100, 1000), 500 - 103);
    assert_eq!(translated(-103, 100, 1000), 1000 - 103);
    assert_eq!(translated(-104, 100, 1000), -104);
    assert_eq!(translated(1000, 100, 1000), 1000);
    let mut short = [0xe8; 10];
    translate_calls(&mut short, 0, 1000);
    assert_eq!(short, [0xe8; 10]);
}

#[test]
fn the_first_call_is_found_wherever_it_lies() {
    for at in 0..40 {
        let mut bytes = [0xe9; 40];
        bytes[at] = 0xe8;
        assert_eq!(find_call(&bytes), Some(at));
    }
    assert_eq!(find_call(&[0x68; 33]), None);
}

#[test]
fn windows_that_do_not_exist_are_refused() {
    assert!(Lzx::new(Parameters::cabinet(14)).is_err());
    assert!(Lzx::new(Parameters::cabinet(22)).is_err());
    assert!(Lzx::new(Parameters::cabinet(21)).unwrap().frame(&[], &mut [0; 1]).is_err());
}
