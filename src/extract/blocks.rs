//! Files that share their blocks with the medium. Where both lie on one file system that copies on write (XFS,
//! btrfs, bcachefs), `copy_file_range` hands over whole blocks without reading or writing them, as far as they begin
//! where a block does: a medium's extents are multiples of 2,048 bytes. Nothing else than time and room depends on
//! what is found here.

use crate::container::Extents;
use crate::source::Source;
use cap_std::fs::Dir;
use std::fs::File;

/// `f_type` in statfs(2).
#[cfg(target_os = "linux")]
mod kind {
    pub(super) const XFS: u64 = 0x5846_5342;
    pub(super) const BTRFS: u64 = 0x9123_683e;
    pub(super) const BCACHEFS: u64 = 0xca45_1a4e;

    pub(super) fn of(file: impl std::os::fd::AsFd) -> Option<u64> {
        u64::try_from(rustix::fs::fstatfs(file).ok()?.f_type).ok()
    }
}

/// Bytes of a block of the file system that `directory` lies on, where its files may share blocks.
#[cfg(target_os = "linux")]
pub(super) fn among(directory: &Dir) -> Option<u64> {
    let copies = [kind::XFS, kind::BTRFS, kind::BCACHEFS].contains(&kind::of(directory)?);
    let size = u64::try_from(rustix::fs::fstatfs(directory).ok()?.f_bsize).ok();
    size.filter(|&size| copies && size > 0)
}

/// Bytes of such a block, where files may share it with `source`.
#[cfg(target_os = "linux")]
pub(super) fn size(source: &dyn Source, directory: &Dir) -> Option<u64> {
    let size = among(directory)?;
    let (medium, _) = source.in_file(0..source.len())?;
    let device = |stat: rustix::fs::Stat| stat.st_dev;
    let (here, there) = (rustix::fs::fstat(directory).ok(), rustix::fs::fstat(medium).ok());
    // Each subvolume of btrfs has a number of its own; where the medium is on another one bytes are copied.
    let btrfs = || [kind::of(directory), kind::of(medium)] == [Some(kind::BTRFS); 2];
    (here.map(device) == there.map(device) || btrfs()).then_some(size)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn among(_: &Dir) -> Option<u64> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(super) fn size(_: &dyn Source, _: &Dir) -> Option<u64> {
    None
}

/// How many bytes at most a file of `bytes` in `extents` shares, in blocks of `size` bytes.
pub(super) fn most(extents: &Extents, bytes: u64, size: u64) -> u64 {
    let mut at = 0u64;
    let mut shared = 0u64;
    for piece in extents.pieces() {
        let len = piece.len.min(bytes - at);
        // Blocks of the medium that lie beside those of the file are copied.
        if piece.at.is_some_and(|from| from.is_multiple_of(size)) && at.is_multiple_of(size) {
            shared = shared.saturating_add(len - len % size);
        }
        at += len;
    }
    shared
}

/// How many bytes of `file` it shares with another, as the file system says.
#[cfg(target_os = "linux")]
pub(super) fn shared(file: &File) -> u64 {
    use fiemap::FiemapExtentFlags;
    let extents = fiemap::Fiemap::new(file).map_while(Result::ok);
    extents
        .filter(|extent| extent.fe_flags.contains(FiemapExtentFlags::SHARED))
        .fold(0, |sum, extent| extent.fe_length.saturating_add(sum))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn shared(_: &File) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Piece;

    #[test]
    fn whole_blocks_are_shared_where_both_begin_at_one() {
        let one = |at: Option<u64>, len| Piece { at, len };
        let of = |pieces: &[Piece], bytes, size| most(&Extents::Many(pieces.into()), bytes, size);
        assert_eq!(of(&[one(Some(2048), 5000)], 5000, 2048), 4096);
        assert_eq!(of(&[one(Some(2048), 5000)], 5000, 4096), 0);
        assert_eq!(of(&[one(Some(4096), 5000)], 3000, 4096), 0);
        assert_eq!(of(&[one(None, 4096), one(Some(4096), 4096)], 8192, 4096), 4096);
        assert_eq!(of(&[one(Some(0), 2048), one(Some(4096), 4096)], 6144, 4096), 0);
    }
}
