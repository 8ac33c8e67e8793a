//! Addresses in x86 programs: LZMS packs some relative ones as if they were absolute, so that calls of one
//! place look the same. Which ones follows from how near the last place is that used the same target.

/// A target that was used so many bytes before tells that this is a program.
const NEAR_USE: i64 = 65_535;
/// Instructions are translated so many bytes behind such a place.
const NEAR: i64 = 1023;
/// The last bytes of a chunk are not looked at.
const TAIL: usize = 16;
/// Chunks of so many bytes and less are not.
const SHORT: usize = 17;

/// Undoes the translation.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// Where the lower 16 bits of each target were used last.
    uses: Vec<i32>,
}

impl Filter {
    /// Translates a whole chunk back.
    #[allow(clippy::indexing_slicing, reason = "every place lies at least `TAIL` bytes before the end")]
    pub(super) fn undo(&mut self, chunk: &mut [u8]) {
        if chunk.len() <= SHORT {
            return;
        }
        self.uses.clear();
        self.uses.resize(1 << 16, i32::MIN);
        let end = chunk.len() - TAIL;
        let mut last_sure = -NEAR - 1;
        let mut at = 1;
        while at < end {
            let Some(next) = find(&chunk[at..end]) else { break };
            at += next;
            let Some(kind) = instruction(&chunk[at..at + 3]) else {
                at += 1;
                continue;
            };
            let (len, reach) = match kind {
                Kind::Jump => {
                    at += 5;
                    continue;
                }
                Kind::Call => (1, NEAR / 2),
                Kind::Other(len) => (len, NEAR),
            };
            // A chunk has less than 2^31 bytes.
            let here = i64::try_from(at).unwrap_or(i64::MAX);
            let Some(address) = chunk.get_mut(at + len..).and_then(|rest| rest.first_chunk_mut::<4>()) else {
                break;
            };
            let low = u32::try_from(at).unwrap_or(0);
            if here - last_sure <= reach {
                *address = u32::from_le_bytes(*address).wrapping_sub(low).to_le_bytes();
            }
            let target = u32::from_le_bytes(*address).wrapping_add(low) & 0xffff;
            at += len + 4;
            let used = here + i64::try_from(len + 3).unwrap_or(0);
            if let Some(last) = self.uses.get_mut(usize::try_from(target).unwrap_or(0)) {
                if *last != i32::MIN && used - i64::from(*last) <= NEAR_USE {
                    last_sure = used;
                }
                *last = i32::try_from(used).unwrap_or(i32::MAX);
            }
        }
    }
}

/// The first bytes of the instructions that count.
#[allow(clippy::indexing_slicing, reason = "made when this is compiled")]
const BEGINS: [bool; 256] = {
    let mut out = [false; 256];
    let first = [0x48, 0x4c, 0xe8, 0xe9, 0xf0, 0xff];
    let mut at = 0;
    while at < first.len() {
        out[first[at]] = true;
        at += 1;
    }
    out
};

/// The first byte that may begin an instruction that counts: four at a time, for most bytes begin none.
#[inline(always)]
fn find(bytes: &[u8]) -> Option<usize> {
    let begins = |byte: u8| BEGINS.get(usize::from(byte)).copied().unwrap_or(false);
    let mut at = 0;
    for &[a, b, c, d] in bytes.as_chunks::<4>().0 {
        if begins(a) | begins(b) | begins(c) | begins(d) {
            break;
        }
        at += 4;
    }
    bytes.get(at..)?.iter().position(|&byte| begins(byte)).map(|next| at + next)
}

enum Kind {
    /// A call with a relative target.
    Call,
    /// A jump: its target is left as it is.
    Jump,
    /// Another instruction with so many bytes before its address.
    Other(usize),
}

/// Instructions with an address relative to themselves.
#[inline(always)]
fn instruction(bytes: &[u8]) -> Option<Kind> {
    match *bytes {
        [0xe8, ..] => Some(Kind::Call),
        [0xe9, ..] => Some(Kind::Jump),
        // mov rax or rcx from, and lea.
        [0x48, 0x8b, 0x05 | 0x0d] => Some(Kind::Other(3)),
        [0x48 | 0x4c, 0x8d, modrm] if modrm & 7 == 5 => Some(Kind::Other(3)),
        // lock add.
        [0xf0, 0x83, 0x05] => Some(Kind::Other(3)),
        // call through.
        [0xff, 0x15, _] => Some(Kind::Other(2)),
        _ => None,
    }
}
