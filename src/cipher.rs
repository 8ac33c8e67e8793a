//! What members are encrypted with, and how keys come from passwords. The primitives are RustCrypto's; here are
//! the readers around them, and the two derivations and the one cipher that only archivers have.
//!
//! | who | key | cipher | tells a wrong password |
//! |---|---|---|---|
//! | 7z | SHA-256 over 2^n times salt, password, counter (`7zAes.cpp` of 7-Zip) | AES-256, CBC | no |
//! | WinZip | PBKDF2 with HMAC-SHA-1, 1000 rounds (WinZip's AE-1 and AE-2) | AES, counter | 2 bytes, and a MAC at the end |
//! | PKZIP | three CRC registers (APPNOTE 6.1) | a stream | 1 byte |

use crate::error::Error;
use crate::unpack::{Content, fill};
use aes::cipher::{BlockModeDecrypt, KeyInit, KeyIvInit, StreamCipher};
use aes::{Aes128, Aes192, Aes256, Block};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Bytes decrypted at once: whole blocks.
const BUFFER: usize = 16 << 10;

/// The key of 7z: SHA-256 over salt, password and a counter of 64 bits, `1 << power` times. The power 63 stands for
/// no derivation at all: salt and password are the key.
#[must_use]
pub fn sevenz_key(password: &str, salt: &[u8], power: u8) -> [u8; 32] {
    let password: Vec<u8> = password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    if power == NO_DERIVATION {
        let mut key = [0; 32];
        key.iter_mut().zip(salt.iter().chain(&password)).for_each(|(to, from)| *to = *from);
        return key;
    }
    let mut hash = Sha256::new();
    let mut input: Vec<u8> = [salt, &password, &[0; 8]].concat();
    let counter = input.len().saturating_sub(8);
    for round in 0..1u64 << power.min(62) {
        if let Some(place) = input.get_mut(counter..) {
            place.copy_from_slice(&round.to_le_bytes());
        }
        hash.update(&input);
    }
    hash.finalize().into()
}

/// The power that stands for a key that is not derived.
pub const NO_DERIVATION: u8 = 0x3f;

/// AES-256 in CBC mode, without padding: what is left behind the last whole block is damage.
pub struct Cbc {
    packed: Content,
    cipher: cbc::Decryptor<Aes256>,
    buffer: Box<[u8]>,
    at: usize,
    len: usize,
}

impl Cbc {
    /// Decrypts `packed`.
    #[must_use]
    pub fn new(packed: Content, key: &[u8; 32], iv: &[u8; 16]) -> Self {
        let cipher = cbc::Decryptor::new(&(*key).into(), &(*iv).into());
        Self { packed, cipher, buffer: vec![0; BUFFER].into(), at: 0, len: 0 }
    }
}

impl Read for Cbc {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at == self.len {
            self.len = fill(&mut self.packed, &mut self.buffer)?;
            self.at = 0;
            let (blocks, rest) =
                Block::slice_as_chunks_mut(self.buffer.get_mut(..self.len).unwrap_or_default());
            if !rest.is_empty() {
                return Err(Error::damaged("encrypted bytes that are no whole blocks").into());
            }
            self.cipher.decrypt_blocks(blocks);
        }
        let n = self.buffer.get(self.at..self.len).unwrap_or_default().read(buf)?;
        self.at += n;
        Ok(n)
    }
}

/// The keys of a member that WinZip encrypted.
pub struct WinZip {
    cipher: Box<dyn StreamCipher + Send>,
    mac: Hmac<Sha1>,
    /// What the member has in front of its bytes where the password is right.
    pub check: [u8; 2],
}

/// Strengths of WinZip's AES: 1 to 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// AES-128.
    Aes128,
    /// AES-192.
    Aes192,
    /// AES-256.
    Aes256,
}

impl Strength {
    /// Bytes of the key.
    fn key(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    /// Bytes of salt in front of the member's.
    #[must_use]
    pub fn salt(self) -> usize {
        self.key() / 2
    }
}

/// Bytes of the password's check behind the salt, and of the MAC behind a member.
pub const WINZIP_CHECK: usize = 2;
/// See [`WINZIP_CHECK`].
pub const WINZIP_MAC: usize = 10;

impl WinZip {
    /// Keys from a password and the member's salt.
    #[must_use]
    pub fn new(password: &str, salt: &[u8], strength: Strength) -> Option<Self> {
        // The key of the cipher, that of the MAC, two bytes to check: WinZip's "AES Encryption Information", III.
        let mut keys = [0; 2 * 32 + WINZIP_CHECK];
        let keys = keys.get_mut(..2 * strength.key() + WINZIP_CHECK)?;
        pbkdf2::pbkdf2_hmac::<Sha1>(password.as_bytes(), salt, 1000, keys);
        let (key, rest) = keys.split_at_checked(strength.key())?;
        let (mac, check) = rest.split_at_checked(strength.key())?;
        // The counter is little-endian and begins at 1.
        let counter = u128::to_le_bytes(1);
        let cipher: Box<dyn StreamCipher + Send> = match strength {
            Strength::Aes128 => Box::new(ctr::Ctr128LE::<Aes128>::new_from_slices(key, &counter).ok()?),
            Strength::Aes192 => Box::new(ctr::Ctr128LE::<Aes192>::new_from_slices(key, &counter).ok()?),
            Strength::Aes256 => Box::new(ctr::Ctr128LE::<Aes256>::new_from_slices(key, &counter).ok()?),
        };
        let mac = <Hmac<Sha1> as KeyInit>::new_from_slice(mac).ok()?;
        Some(Self { cipher, mac, check: check.try_into().ok()? })
    }

    /// Decrypts `len` bytes of `packed`, behind which the MAC stands.
    #[must_use]
    pub fn decrypt(self, packed: Content, len: u64) -> Sealed {
        Sealed(Arc::new(Mutex::new(Authenticated { packed, left: len, keys: Some(self) })))
    }
}

/// Bytes with a MAC over what they were before decrypting. Clones read on from where the others are.
#[derive(Clone)]
pub struct Sealed(Arc<Mutex<Authenticated>>);

impl Sealed {
    /// Reads what is left and compares the MAC; nothing where it was compared already.
    ///
    /// # Errors
    /// `Damaged` where it differs.
    pub fn finish(&mut self) -> io::Result<()> {
        io::copy(self, &mut io::sink()).map(|_| ())
    }
}

impl Read for Sealed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(buf)
    }
}

struct Authenticated {
    packed: Content,
    left: u64,
    /// `None` behind the end.
    keys: Option<WinZip>,
}

impl Authenticated {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        let Some(keys) = self.keys.as_mut().filter(|_| !buf.is_empty()) else { return Ok(0) };
        let n = if want == 0 { 0 } else { self.packed.read(buf.get_mut(..want).unwrap_or_default())? };
        if n == 0 && want > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let bytes = buf.get_mut(..n).unwrap_or_default();
        keys.mac.update(bytes);
        keys.cipher.apply_keystream(bytes);
        self.left = self.left.saturating_sub(n as u64);
        if self.left == 0 {
            self.finish()?;
        }
        Ok(n)
    }

    /// Compared before the last bytes are given out.
    fn finish(&mut self) -> io::Result<()> {
        let Some(keys) = self.keys.take() else { return Ok(()) };
        let mut stored = [0; WINZIP_MAC];
        self.packed.read_exact(&mut stored)?;
        let same = keys.mac.verify_truncated_left(&stored);
        same.map_err(|_| Error::damaged("its authentication code does not match").into())
    }
}

/// The cipher of PKZIP 2 (APPNOTE 6.1).
#[derive(Debug, Clone)]
pub struct PkZip([u32; 3]);

/// Bytes of its header in front of a member's.
pub const PKZIP_HEADER: usize = 12;

impl PkZip {
    /// The keys of a password.
    #[must_use]
    pub fn new(password: &[u8]) -> Self {
        let mut keys = Self([0x1234_5678, 0x2345_6789, 0x3456_7890]);
        password.iter().for_each(|&byte| keys.update(byte));
        keys
    }

    fn update(&mut self, byte: u8) {
        let [k0, k1, k2] = &mut self.0;
        *k0 = crc_step(*k0, byte);
        let [low, ..] = k0.to_le_bytes();
        *k1 = k1.wrapping_add(low.into()).wrapping_mul(134_775_813).wrapping_add(1);
        let [.., high] = k1.to_le_bytes();
        *k2 = crc_step(*k2, high);
    }

    /// Decrypts in place.
    pub fn decrypt(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            let [low, high, ..] = (self.0[2] | 2).to_le_bytes();
            let word = u16::from_le_bytes([low, high]);
            let [_, key] = word.wrapping_mul(word ^ 1).to_le_bytes();
            *byte ^= key;
            self.update(*byte);
        }
    }

    /// Decrypts what `packed` gives, behind its header.
    #[must_use]
    pub fn reader(self, packed: Content) -> Content {
        Box::new(PkZipReader { packed, keys: self })
    }
}

struct PkZipReader {
    packed: Content,
    keys: PkZip,
}

impl Read for PkZipReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.packed.read(buf)?;
        self.keys.decrypt(buf.get_mut(..n).unwrap_or_default());
        Ok(n)
    }
}

/// One byte into a CRC-32 register, without the complements around it.
fn crc_step(register: u32, byte: u8) -> u32 {
    let [low, ..] = register.to_le_bytes();
    (register >> 8) ^ CRC_TABLE.get(usize::from(low ^ byte)).copied().unwrap_or_default()
}

static CRC_TABLE: LazyLock<[u32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|at| {
        let step = |value: u32, _| if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
        (0..8).fold(u32::try_from(at).unwrap_or_default(), step)
    })
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_pkzip_are_crc_registers() {
        // CRC-32 of "123456789" is 0xcbf43926, with the complements around it.
        let register = b"123456789".iter().fold(u32::MAX, |register, &byte| crc_step(register, byte));
        assert_eq!(!register, 0xcbf4_3926);
    }

    #[test]
    fn a_key_that_is_not_derived_is_salt_and_password() {
        let key = sevenz_key("ab", &[7], NO_DERIVATION);
        assert_eq!(key.get(..6), Some([7, b'a', 0, b'b', 0, 0].as_slice()));
    }

    #[test]
    fn whole_cipher_blocks_are_wanted() {
        let mut out = Vec::new();
        let packed: Content = Box::new(io::Cursor::new(vec![0; 17]));
        let error = Cbc::new(packed, &[0; 32], &[0; 16]).read_to_end(&mut out).unwrap_err();
        assert!(Error::from(error).is_damage());
    }
}
