//! Which discs an image fits on.
//!
//! The discs are data, `src/facts/discs.tsv`, with a source for each. Overlong CD-Rs (90 and 99 minutes)
//! and DVD-RAM are in that table and never offered: the first are outside the standard and few drives
//! write them, the second hardly any drive of today reads.
//!
//! Limits: a BD-R that is formatted with its spare area, as some burning programs do unasked, holds
//! about 805 MB less than stated.

use std::sync::LazyLock;

/// Bytes of a sector of user data.
const SECTOR: u64 = 2048;

static TABLE: &str = include_str!("../facts/discs.tsv");
static DISCS: LazyLock<Vec<Disc>> = LazyLock::new(|| TABLE.lines().skip(1).filter_map(Disc::read).collect());

/// A kind of blank disc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Disc {
    name: &'static str,
    bytes: u64,
    kind: &'static str,
}

impl Disc {
    fn read(line: &'static str) -> Option<Self> {
        let mut columns = line.split('\t');
        Some(Self { name: columns.next()?, bytes: columns.next()?.parse().ok()?, kind: columns.next()? })
    }

    /// Nobody is sent to buy the others.
    fn is_offered(&self) -> bool {
        matches!(self.kind, "cd" | "dvd" | "dvd-dl" | "bd")
    }
}

/// What any disc of a kind holds, in bytes: the least of the kind.
fn limit(kind: &str) -> u64 {
    DISCS.iter().filter(|disc| disc.kind == kind).map(|disc| disc.bytes).min().unwrap_or(0)
}

/// Which discs an image fits on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscFit {
    /// Bytes it takes on a disc: its size, rounded up to whole sectors of 2048.
    pub bytes: u64,
    /// The smallest disc that holds it; `None` where no disc does.
    pub smallest: Option<&'static str>,
    /// Every disc that holds it, the smallest first.
    pub fits: Vec<&'static str>,
    /// True where any single-layer DVD holds it: at most 4,700,372,992 bytes.
    pub single_layer_dvd: bool,
    /// Bytes it has more than that.
    pub over_single_layer_by: Option<u64>,
    /// True where any dual-layer DVD holds it: at most 8,543,666,176 bytes.
    pub dual_layer: bool,
    /// False where the size is no whole number of sectors: for an image of a disc a finding in itself.
    pub multiple_of_2048: bool,
}

/// What any single-layer DVD holds, in bytes.
#[must_use]
pub fn single_layer() -> u64 {
    limit("dvd")
}

/// What a disc of that name holds, in bytes.
#[must_use]
pub fn capacity(name: &str) -> Option<u64> {
    DISCS.iter().find(|disc| disc.name == name).map(|disc| disc.bytes)
}

/// Which discs hold an image of `bytes` bytes.
#[must_use]
pub fn fit(bytes: u64) -> DiscFit {
    let sectors = bytes.div_ceil(SECTOR).saturating_mul(SECTOR);
    let fits: Vec<&'static str> = DISCS
        .iter()
        .filter(|disc| disc.is_offered() && sectors <= disc.bytes)
        .map(|disc| disc.name)
        .collect();
    let single = limit("dvd");
    DiscFit {
        bytes: sectors,
        smallest: fits.first().copied(),
        fits,
        single_layer_dvd: sectors <= single,
        over_single_layer_by: sectors.checked_sub(single).filter(|over| *over > 0),
        dual_layer: sectors <= limit("dvd-dl"),
        multiple_of_2048: bytes.is_multiple_of(SECTOR),
    }
}

impl DiscFit {
    /// The fit in a sentence. MB and GB are decimal, as the boxes of discs have them.
    #[must_use]
    pub fn sentence(&self) -> String {
        let over = |limit: u64| size(self.bytes.saturating_sub(limit));
        if self.single_layer_dvd {
            return match self.smallest {
                Some(name) if name.starts_with("CD") => format!("fits a {name} and any DVD"),
                _ => "fits a single-layer DVD".to_owned(),
            };
        }
        match self.smallest {
            Some(name @ "DVD-R") => {
                format!("fits a {name}, but not a single-layer DVD+R, by {}", over(limit("dvd")))
            }
            Some(_) if self.dual_layer => format!(
                "does not fit a single-layer DVD by {}; extract it, or use a dual-layer disc",
                over(limit("dvd"))
            ),
            Some(name @ "DVD+R DL") => format!(
                "fits a {name}, but not a DVD-R DL, by {}; extract it, or use that disc",
                over(limit("dvd-dl"))
            ),
            Some(name) => format!(
                "does not fit a dual-layer DVD by {}; extract it, or use a {name}",
                over(limit("dvd-dl"))
            ),
            None => "does not fit any disc; extract it".to_owned(),
        }
    }
}

/// Rounded up: what is too much is never "0 MB".
fn size(bytes: u64) -> String {
    match bytes.div_ceil(1_000_000) {
        megabytes @ 0..10_000 => format!("{megabytes} MB"),
        _ => format!("{} GB", bytes.div_ceil(1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_five_columns_whole_sectors_and_rising_sizes() {
        let mut before = 0;
        for line in TABLE.lines().skip(1) {
            let columns: Vec<&str> = line.split('\t').collect();
            assert_eq!(columns.len(), 5, "{line}");
            assert!(columns.iter().all(|column| !column.trim().is_empty()), "{line}");
            let disc = Disc::read(line).unwrap();
            assert!(disc.bytes > before && disc.bytes.is_multiple_of(SECTOR), "{line}");
            before = disc.bytes;
        }
        assert_eq!(DISCS.len(), TABLE.lines().count() - 1);
        assert_eq!((limit("dvd"), limit("dvd-dl")), (4_700_372_992, 8_543_666_176));
    }

    #[test]
    fn the_last_byte_that_fits_is_known_for_each_limit() {
        let single = fit(4_700_372_992);
        assert!(single.single_layer_dvd && single.over_single_layer_by.is_none());
        assert_eq!(single.smallest, Some("DVD+R"));
        let over = fit(4_700_372_993);
        assert!(!over.single_layer_dvd && !over.multiple_of_2048);
        assert_eq!((over.smallest, over.over_single_layer_by), (Some("DVD-R"), Some(2048)));
        assert_eq!(fit(4_707_319_809).smallest, Some("DVD-R DL"));
        assert!(fit(8_543_666_176).dual_layer);
        assert_eq!(fit(8_543_666_177).smallest, Some("DVD+R DL"));
        assert_eq!(fit(u64::MAX).smallest, None);
    }

    #[test]
    fn a_small_image_fits_everything_that_is_sold() {
        let fit = fit(600_000_000);
        assert_eq!(fit.fits.len(), 10);
        assert!(!fit.fits.iter().any(|name| name.contains("90") || name.contains("RAM")));
    }

    #[test]
    fn the_sentence_says_by_how_much_and_what_to_do() {
        let said = |bytes| fit(bytes).sentence();
        assert_eq!(
            said(5_431_000_000),
            "does not fit a single-layer DVD by 731 MB; extract it, or use a dual-layer disc"
        );
        assert_eq!(said(4_701_000_000), "fits a DVD-R, but not a single-layer DVD+R, by 1 MB");
        assert_eq!(said(4_000_000_000), "fits a single-layer DVD");
        assert_eq!(said(700_000_000), "fits a CD-R 80 and any DVD");
        assert_eq!(
            said(8_545_000_000),
            "fits a DVD+R DL, but not a DVD-R DL, by 2 MB; extract it, or use that disc"
        );
        assert_eq!(
            said(9_000_000_000),
            "does not fit a dual-layer DVD by 457 MB; extract it, or use a BD-R 25"
        );
        assert_eq!(said(200_000_000_000), "does not fit any disc; extract it");
    }
}
