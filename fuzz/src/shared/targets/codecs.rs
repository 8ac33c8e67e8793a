//! Decoders, over the frames of the input.

use discless::codec::lzms::Lzms;
use discless::codec::lzx::{Lzx, Parameters};
use discless::codec::mszip::Mszip;
use discless::codec::quantum::Quantum;
use discless::codec::xpress::Xpress;

const FRAME: usize = 32 << 10;

/// Frames of a packed stream: the size that each unpacks to (u16, at most 32 KiB), the size of its chunk (u16),
/// the chunk.
fn frames(data: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (head, more) = rest.split_first_chunk::<4>()?;
        let [a, b, c, d] = *head;
        let len = usize::from(u16::from_le_bytes([a, b])).min(FRAME);
        let (chunk, more) = more.split_at(usize::from(u16::from_le_bytes([c, d])).min(more.len()));
        rest = more;
        Some((len, chunk))
    })
}

/// Gives every frame to a decoder, until one cannot be decoded.
fn in_order(data: &[u8], mut decode: impl FnMut(&[u8], &mut [u8]) -> bool) {
    let mut frame = vec![0; FRAME];
    for (len, chunk) in frames(data) {
        if !decode(chunk, &mut frame[..len]) {
            return;
        }
    }
}

pub(super) fn lzx(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let bits = 15 + u32::from(first % 7);
    let parameters = if *first < 128 { Parameters::cabinet(bits) } else { Parameters::wim(bits) };
    let Ok(mut decoder) = Lzx::new(parameters) else { return };
    in_order(rest, |chunk, out| decoder.frame(chunk, out).is_ok());
}

pub(super) fn mszip(data: &[u8]) {
    let mut decoder = Mszip::new();
    in_order(data.get(1..).unwrap_or_default(), |chunk, out| decoder.block(chunk, out).is_ok());
}

pub(super) fn quantum(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(mut decoder) = Quantum::new(10 + u32::from(first % 12)) else { return };
    in_order(rest, |chunk, out| decoder.frame(chunk, out).is_ok());
}

/// Chunks stand alone: the one behind a bad one may be good.
pub(super) fn xpress(data: &[u8]) {
    let mut decoder = Xpress::new();
    in_order(data, |chunk, out| decoder.chunk(chunk, out).map_or(true, |_| true));
}

/// Chunks stand alone here, too.
pub(super) fn lzms(data: &[u8]) {
    let mut decoder = Lzms::new();
    in_order(data, |chunk, out| decoder.chunk(chunk, out).map_or(true, |_| true));
}
