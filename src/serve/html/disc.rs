//! A picture of the disc: what lies where, from the inside out as on a real one, and what a single-layer DVD would
//! not hold. Areas are as large as the bytes.

use super::size;
use crate::container::{Container, EntryKind, Location};
use crate::inspect::disc::{capacity, fit, single_layer};
use crate::page::{grouped, text};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::ops::Range;

/// Rings that are told apart.
const BINS: usize = 400;
/// Files that have colours of their own.
const LARGEST: usize = 8;
/// The part of the whole that a file has to be for that: one in so many.
const LEAST: u64 = 200;
/// Of all other files.
const OTHERS: usize = LARGEST;
/// Of what is no file: descriptors, directories, gaps.
const REST: usize = LARGEST + 1;
/// Extents that are looked at; media have hundreds of thousands at most.
const EXTENTS: usize = 1 << 20;

/// A file with a colour.
struct Large {
    path: String,
    bytes: u64,
    at: u64,
}

/// What lies where.
pub(in crate::serve) struct Picture {
    /// Bytes of the image.
    bytes: u64,
    /// The disc that is drawn: the smallest that holds it, or a single-layer DVD where it takes more.
    disc: &'static str,
    /// What that disc holds.
    room: u64,
    /// Bytes that the whole picture stands for.
    scale: u64,
    large: Vec<Large>,
    others: (u64, u64),
    rest: u64,
    /// What most of each ring is; nothing behind the end.
    bins: Vec<Option<usize>>,
}

impl Picture {
    /// Of a container whose members are stored; `None` of others.
    pub(in crate::serve) fn of(container: &dyn Container) -> Option<Self> {
        let bytes = container.source().len();
        if bytes == 0 {
            return None;
        }
        let mut stored: Vec<(Range<u64>, usize)> = Vec::new();
        let mut seen = HashSet::new();
        for (number, entry) in container.entries().iter().enumerate() {
            let Location::Stored(extents) = &entry.location else { continue };
            if entry.kind != EntryKind::File || stored.len() >= EXTENTS {
                continue;
            }
            for piece in extents.pieces().iter().take(EXTENTS - stored.len()) {
                let Some(at) = piece.at else { continue };
                let end = at.saturating_add(piece.len).min(bytes);
                if at < end && seen.insert((at, end)) {
                    stored.push((at..end, number));
                }
            }
        }
        stored.sort_unstable_by_key(|(range, _)| (range.start, range.end));
        let entry = |number: &usize| container.entries().get(*number);
        let mut largest: Vec<(u64, usize)> = Vec::new();
        let mut numbers: Vec<usize> = stored.iter().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        for number in &numbers {
            largest.push((entry(number).map_or(0, |entry| entry.bytes), *number));
        }
        largest.sort_unstable_by_key(|(bytes, number)| (std::cmp::Reverse(*bytes), *number));
        largest.truncate(LARGEST);
        // A ring nobody sees needs no colour.
        largest.retain(|(size, _)| size.saturating_mul(LEAST) >= bytes);
        // Colours go from the inside out.
        let at = |number: usize| {
            stored.iter().find(|(_, found)| *found == number).map_or(0, |(range, _)| range.start)
        };
        let mut large: Vec<(usize, Large)> = largest
            .into_iter()
            .filter_map(|(bytes, number)| {
                let path = entry(&number)?.path.text().to_owned();
                Some((number, Large { path, bytes, at: at(number) }))
            })
            .collect();
        large.sort_by_key(|(_, large)| large.at);
        let class = |number: usize| large.iter().position(|(found, _)| *found == number).unwrap_or(OTHERS);
        let smallest = fit(bytes).smallest.filter(|_| bytes <= single_layer()).unwrap_or("DVD+R");
        let room = capacity(smallest).unwrap_or_else(single_layer);
        // Of a disc that is nearly empty only the part with data is drawn.
        let scale = if bytes < room / 8 { bytes } else { bytes.max(room) };
        let mut sums = vec![[0u64; REST + 1]; BINS];
        let bin =
            |at: u64| usize::try_from(u128::from(at) * BINS as u128 / u128::from(scale)).unwrap_or(BINS);
        let edge =
            |bin: usize| u64::try_from(u128::from(scale) * bin as u128 / BINS as u128).unwrap_or(u64::MAX);
        let mut covered = 0u64;
        let mut in_large = 0u64;
        let mut reached = 0u64;
        let mut add = |range: Range<u64>, class: usize| {
            for number in bin(range.start)..=bin(range.end.saturating_sub(1)).min(BINS - 1) {
                let (from, to) = (range.start.max(edge(number)), range.end.min(edge(number + 1)));
                if let Some(sum) = sums.get_mut(number).and_then(|sums| sums.get_mut(class)) {
                    *sum = sum.saturating_add(to.saturating_sub(from));
                }
            }
        };
        for (range, number) in &stored {
            // What lies over something else counts once.
            let new = range.start.max(reached)..range.end;
            if new.start > reached {
                add(reached..new.start, REST);
            }
            if new.is_empty() || new.start >= new.end {
                continue;
            }
            let class = class(*number);
            let len = new.end - new.start;
            covered = covered.saturating_add(len);
            in_large = in_large.saturating_add(if class < LARGEST { len } else { 0 });
            reached = new.end;
            add(new, class);
        }
        if reached < bytes {
            add(reached..bytes, REST);
        }
        let most = |sums: &[u64; REST + 1]| {
            let (class, sum) = sums.iter().enumerate().max_by_key(|(_, sum)| **sum)?;
            (*sum > 0).then_some(class)
        };
        let bins = sums.iter().map(most).collect();
        let others = (numbers.len().saturating_sub(large.len()) as u64, covered.saturating_sub(in_large));
        let large = large.into_iter().map(|(_, large)| large).collect();
        Some(Self {
            bytes,
            disc: smallest,
            room,
            scale,
            large,
            others,
            rest: bytes.saturating_sub(covered),
            bins,
        })
    }

    /// Bytes past what a single-layer DVD holds.
    fn over(&self) -> u64 {
        self.bytes.saturating_sub(single_layer())
    }

    /// Neighbouring rings of one kind, as parts of the whole.
    fn runs(&self) -> Vec<(usize, usize, usize)> {
        let mut out: Vec<(usize, usize, usize)> = Vec::new();
        for (number, class) in self.bins.iter().enumerate() {
            match (class, out.last_mut()) {
                (Some(class), Some((last, _, end))) if last == class && *end == number => *end = number + 1,
                (Some(class), _) => out.push((*class, number, number + 1)),
                (None, _) => {}
            }
        }
        out
    }
}

/// Where data begins and ends, from the middle of 220.
const INNER: f64 = 33.0;
const OUTER: f64 = 104.0;

/// As far from the middle as the area up to there is large.
fn radius(part: f64) -> f64 {
    (INNER * INNER + (OUTER * OUTER - INNER * INNER) * part).sqrt()
}

/// The picture, and the same in words.
pub(super) fn draw(out: &mut String, picture: &Picture) {
    let single = single_layer();
    let fits = picture.over() == 0;
    let _ = write!(
        out,
        "<figure><svg viewBox=\"0 0 220 220\" role=\"img\" aria-labelledby=\"disc-words\">\
         <defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <path d=\"M0 0V6\" stroke=\"#b3261e\" stroke-width=\"2.5\"/></pattern></defs>\
         <circle class=\"plate\" cx=\"110\" cy=\"110\" r=\"107\"/>"
    );
    let ring = |out: &mut String, class: &str, from: f64, to: f64, title: &str| {
        let (from, to) = (radius(from), radius(to));
        let _ = write!(
            out,
            "<circle class=\"ring {class}\" cx=\"110\" cy=\"110\" r=\"{:.2}\" stroke-width=\"{:.2}\"><title>{title}</title></circle>",
            f64::midpoint(from, to),
            (to - from).max(0.3)
        );
    };
    let part = |bin: usize| bin as f64 / BINS as f64;
    for (class, from, to) in picture.runs() {
        let title = match picture.large.get(class) {
            Some(large) => text(&format!("{}, {}", large.path, size(large.bytes))),
            None if class == OTHERS => "smaller files".to_owned(),
            None => "no file: structures and gaps".to_owned(),
        };
        ring(out, &format!("s{class}"), part(from), part(to), &title);
    }
    if !fits {
        let border = single as f64 / picture.scale as f64;
        ring(out, "over", border, 1.0, "does not fit a single-layer DVD");
        let _ = write!(out, "<circle class=\"border\" cx=\"110\" cy=\"110\" r=\"{:.2}\"/>", radius(border));
    }
    let _ = write!(
        out,
        "<circle class=\"hole\" cx=\"110\" cy=\"110\" r=\"30\"/><circle class=\"plate\" cx=\"110\" cy=\"110\" r=\"22\"/>\
         <circle class=\"hole\" cx=\"110\" cy=\"110\" r=\"9\"/></svg><figcaption id=\"disc-words\">"
    );
    let _ = if fits {
        let rest = if picture.scale < picture.room { "; the empty rest of the disc is left out" } else { "" };
        write!(
            out,
            "What lies where on a {}, from the inside out: {} of {}{rest}.",
            picture.disc,
            size(picture.bytes),
            size(picture.room)
        )
    } else {
        write!(
            out,
            "What lies where, from the inside out. The dashed line is where a single-layer DVD ends, at {} bytes; {} lie \
             behind it.",
            grouped(single),
            size(picture.over())
        )
    };
    out.push_str("</figcaption><table class=\"legend\"><tbody>");
    let share = |bytes: u64| bytes as f64 * 100.0 / picture.bytes as f64;
    let mut row = |class: usize, what: &str, bytes: u64| {
        if bytes > 0 {
            let _ = write!(
                out,
                "<tr><td><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect class=\"s{class}\" width=\"10\" height=\"10\" rx=\"2\"/></svg></td>\
                 <td>{what}</td><td class=\"number\">{}</td><td class=\"number\">{:.1} %</td></tr>",
                size(bytes),
                share(bytes)
            );
        }
    };
    for (class, large) in picture.large.iter().enumerate() {
        let what = match large.path.rsplit_once('/') {
            Some((directory, name)) => format!("{}<small>in {}</small>", text(name), text(directory)),
            None => text(&large.path),
        };
        row(class, &what, large.bytes);
    }
    let (number, bytes) = picture.others;
    let files = if number == 1 { "other file" } else { "smaller files" };
    row(OTHERS, &format!("{} {files}", grouped(number)), bytes);
    row(REST, "structures and gaps", picture.rest);
    out.push_str("</tbody></table></figure>");
}
