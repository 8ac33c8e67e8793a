//! Addresses in x86 programs: LZMS packs some relative ones as if they were absolute, so that calls of one
//! place look the same. Which ones follows from how near the last place is that used the same target.

/// A target that was used so many bytes before tells that this is a program.
const NEAR_USE: i64 = 65_535;
/// Instructions are translated so many bytes behind such a place.
const NEAR: i64 = 1023;
/// The last bytes of a chunk are not looked at.
const TAIL: usize = 16;
/// Bytes that are looked at together.
const BLOCK: usize = 16;
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
    pub(super) fn undo(&mut self, chunk: &mut [u8]) {
        if chunk.len() <= SHORT {
            return;
        }
        self.uses.clear();
        self.uses.resize(1 << 16, i32::MIN);
        let end = chunk.len() - TAIL;
        let mut last_sure = -NEAR - 1;
        // What lies before `at` is over.
        let (mut at, mut base) = (1usize, 0usize);
        while base < end {
            let Some(block) = chunk.get(base..).and_then(|rest| rest.first_chunk::<BLOCK>()) else { break };
            let mut marks = begins(block);
            while marks != 0 {
                let place = base.wrapping_add(marks.trailing_zeros() as usize / 8);
                marks &= marks.wrapping_sub(1);
                if place >= at && place < end {
                    at = self.place(chunk, place, &mut last_sure);
                }
            }
            base = base.wrapping_add(BLOCK);
        }
    }

    /// Translates the instruction that may begin at that place; gives where the next may.
    #[inline(always)]
    fn place(&mut self, chunk: &mut [u8], at: usize, last_sure: &mut i64) -> usize {
        let Some(begin) = chunk.get(at..).and_then(|rest| rest.first_chunk::<3>()) else { return at };
        let (len, reach) = match instruction(begin) {
            None => return at.wrapping_add(1),
            Some(Kind::Jump) => return at.wrapping_add(5),
            Some(Kind::Call) => (1, NEAR / 2),
            Some(Kind::Other(len)) => (len, NEAR),
        };
        // A chunk has less than 2^31 bytes.
        let here = i64::try_from(at).unwrap_or(i64::MAX);
        let address = chunk.get_mut(at.wrapping_add(len)..).and_then(|rest| rest.first_chunk_mut::<4>());
        let Some(address) = address else { return at };
        let low = u32::try_from(at).unwrap_or(0);
        if here.wrapping_sub(*last_sure) <= reach {
            *address = u32::from_le_bytes(*address).wrapping_sub(low).to_le_bytes();
        }
        let target = u32::from_le_bytes(*address).wrapping_add(low) & 0xffff;
        let used = here.wrapping_add(i64::try_from(len).unwrap_or(0)).wrapping_add(3);
        if let Some(last) = self.uses.get_mut(usize::try_from(target).unwrap_or(0)) {
            if *last != i32::MIN && used.wrapping_sub(i64::from(*last)) <= NEAR_USE {
                *last_sure = used;
            }
            *last = i32::try_from(used).unwrap_or(i32::MAX);
        }
        at.wrapping_add(len).wrapping_add(4)
    }
}

/// Marks each byte that may begin an instruction that counts: most begin none, and a block of them is passed over
/// at once.
#[inline(always)]
fn begins(block: &[u8; BLOCK]) -> u128 {
    let marks = block.map(|byte| {
        u8::from((byte & 0xfb == 0x48) | (byte & 0xfe == 0xe8) | (byte == 0xf0) | (byte == 0xff))
    });
    u128::from_le_bytes(marks)
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
fn instruction(bytes: &[u8; 3]) -> Option<Kind> {
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
