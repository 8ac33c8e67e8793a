//! A member over HTTP: conditions (RFC 9110 §13), ranges (§14), and what browsers may take it for.

use super::answer::{Answer, Asking, encoded, text};
use super::body::{Content, Part};
use super::media::{Site, chance};
use crate::error::Result;
use crate::source::SharedSource;
use crate::time::Timestamp;
use crate::view::{Node, NodeId};
use http_range_header::{EndPosition, StartPosition, parse_range_header};
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Ranges that one request may name.
const RANGES: usize = 64;

/// What a member is called on the way, and whether browsers may show it. What could be active is text.
fn kind_of(name: &str) -> (&'static str, Shown) {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "txt" | "log" | "ini" | "inf" | "cfg" | "conf" | "md" | "nfo" | "csv" | "tsv" | "cmd" | "bat"
        | "ps1" | "sh" | "reg" | "htm" | "html" | "xhtml" | "xml" | "xsl" | "svg" | "js" | "mjs" | "css"
        | "json" | "diz" | "asc" | "sha1" | "sha256" | "sha512" | "md5" | "ipxe" | "yaml" | "yml"
        | "manifest" => ("text/plain; charset=utf-8", Shown::Here),
        "png" => ("image/png", Shown::Here),
        "jpg" | "jpeg" => ("image/jpeg", Shown::Here),
        "gif" => ("image/gif", Shown::Here),
        "bmp" => ("image/bmp", Shown::Here),
        "ico" => ("image/vnd.microsoft.icon", Shown::Here),
        "pdf" => ("application/pdf", Shown::Saved),
        "zip" => ("application/zip", Shown::Saved),
        "cab" => ("application/vnd.ms-cab-compressed", Shown::Saved),
        "msi" | "msp" => ("application/x-msi", Shown::Saved),
        // What firmware goes by that boots over HTTP (UEFI 2.10 §24.7.3).
        "efi" => ("application/efi", Shown::Saved),
        "iso" => ("application/vnd.efi-iso", Shown::Saved),
        "img" => ("application/vnd.efi-img", Shown::Saved),
        _ => ("application/octet-stream", Shown::Saved),
    }
}

#[derive(Clone, Copy)]
enum Shown {
    Here,
    Saved,
}

/// When it was last changed, in whole seconds, as headers have it. What lies ahead is no time (§8.8.2.1).
pub(super) fn modified(time: Option<Timestamp>) -> Option<SystemTime> {
    let seconds = u64::try_from(time?.seconds).ok()?;
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    // Years with five digits cannot be written.
    (time <= SystemTime::now() && seconds < 253_402_300_800).then_some(time)
}

/// Answers with the member, or the ranges of it that are wanted.
pub(super) fn content(site: &Site, asking: &Asking, (id, node): (NodeId, &Node)) -> Result<Answer> {
    let etag = site.etag(id)?;
    let time = modified(node.modified);
    let mut answer = match precondition(asking, &etag, time) {
        Some(status) => {
            let mut answer = Response::new(Content::default());
            *answer.status_mut() = status;
            answer
        }
        // What is packed is unpacked only for who wants its bytes.
        None if asking.is_head() => sized(StatusCode::OK, node.bytes, Content::default()),
        None => {
            let wanted =
                if range_applies(asking, &etag, time) { ranges(asking, node.bytes) } else { Wanted::All };
            if matches!(wanted, Wanted::None) {
                return Ok(unsatisfiable(node.bytes));
            }
            let source = site.view().open(id)?;
            let kind = kind_of(&node.name).0;
            sent(&source, node.bytes, wanted, kind)
        }
    };
    let headers = answer.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    if let Some(time) = time
        && let Ok(time) = HeaderValue::from_str(&httpdate::fmt_http_date(time))
    {
        headers.insert(header::LAST_MODIFIED, time);
    }
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let (kind, shown) = kind_of(&node.name);
    if !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    let word = match shown {
        Shown::Here => "inline",
        Shown::Saved => "attachment",
    };
    // RFC 6266: who does not know `filename*` takes the last part of the address.
    let disposition = format!("{word}; filename*=UTF-8''{}", encoded(&node.name));
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(answer)
}

fn sized(status: StatusCode, bytes: u64, content: Content) -> Answer {
    let mut answer = Response::new(content);
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    answer
}

/// Whether a list of validators has this one. A weak one is never the same bytes.
fn lists(list: &str, etag: &str) -> bool {
    list.split(',').map(str::trim).any(|one| one == "*" || one == etag)
}

/// Conditions in the order of RFC 9110 §13.2.2: the status that ends the request, if one does.
fn precondition(asking: &Asking, etag: &str, time: Option<SystemTime>) -> Option<StatusCode> {
    let date = |name| asking.header(name).and_then(|text| httpdate::parse_http_date(text).ok());
    if let Some(list) = asking.header(&header::IF_MATCH) {
        if !lists(list, etag) {
            return Some(StatusCode::PRECONDITION_FAILED);
        }
    } else if let (Some(limit), Some(time)) = (date(&header::IF_UNMODIFIED_SINCE), time)
        && time > limit
    {
        return Some(StatusCode::PRECONDITION_FAILED);
    }
    if let Some(list) = asking.header(&header::IF_NONE_MATCH) {
        // Here the comparison is the weak one.
        let plain: Vec<&str> = list.split(',').map(|one| one.trim().trim_start_matches("W/")).collect();
        return lists(&plain.join(","), etag).then_some(StatusCode::NOT_MODIFIED);
    }
    let (since, time) = (date(&header::IF_MODIFIED_SINCE)?, time?);
    (time <= since).then_some(StatusCode::NOT_MODIFIED)
}

/// Whether what the client has a part of is still the same (§13.1.5).
fn range_applies(asking: &Asking, etag: &str, time: Option<SystemTime>) -> bool {
    let Some(condition) = asking.header(&header::IF_RANGE) else { return true };
    if condition.starts_with('"') || condition.starts_with("W/") {
        return condition == etag;
    }
    httpdate::parse_http_date(condition).is_ok_and(|date| Some(date) == time)
}

enum Wanted {
    All,
    Some(Vec<Range<u64>>),
    /// What is wanted is not there.
    None,
}

/// What is no range is passed over (§14.2), and so is what asks for more than there is. Ranges that lie outside are
/// left out; where no other is named, that is refused (§14.1.2).
fn ranges(asking: &Asking, len: u64) -> Wanted {
    let Some(text) = asking.header(&header::RANGE) else { return Wanted::All };
    let Ok(parsed) = parse_range_header(text) else { return Wanted::All };
    if parsed.ranges.len() > RANGES {
        return Wanted::All;
    }
    let mut out: Vec<Range<u64>> = Vec::new();
    for range in parsed.ranges {
        let (start, end) = match (range.start, range.end) {
            (StartPosition::Index(start), EndPosition::Index(last)) if last < start => return Wanted::All,
            (StartPosition::Index(start), EndPosition::Index(last)) => {
                (start, last.saturating_add(1).min(len))
            }
            (StartPosition::Index(start), EndPosition::LastByte) => (start, len),
            (StartPosition::FromLast(bytes), _) => (len.saturating_sub(bytes), len),
        };
        if start < end {
            out.push(start..end);
        }
    }
    let bytes = out.iter().fold(0u64, |sum, range| sum.saturating_add(range.end - range.start));
    match out.is_empty() {
        true => Wanted::None,
        false if bytes > len => Wanted::All,
        false => Wanted::Some(out),
    }
}

fn unsatisfiable(len: u64) -> Answer {
    let mut answer = text(StatusCode::RANGE_NOT_SATISFIABLE, "there is no such range\n");
    if let Ok(range) = HeaderValue::from_str(&format!("bytes */{len}")) {
        answer.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    answer
}

fn sent(source: &SharedSource, len: u64, wanted: Wanted, kind: &str) -> Answer {
    let ranges = match wanted {
        Wanted::All | Wanted::None => {
            let content = Content::of([Part::Source(source.clone(), 0..len)]);
            return sized(StatusCode::OK, len, content);
        }
        Wanted::Some(ranges) => ranges,
    };
    let of = |range: &Range<u64>| format!("bytes {}-{}/{len}", range.start, range.end.saturating_sub(1));
    if let [range] = ranges.as_slice() {
        let bytes = range.end.saturating_sub(range.start);
        let content = Content::of([Part::Source(source.clone(), range.clone())]);
        let mut answer = sized(StatusCode::PARTIAL_CONTENT, bytes, content);
        if let Ok(range) = HeaderValue::from_str(&of(range)) {
            answer.headers_mut().insert(header::CONTENT_RANGE, range);
        }
        return answer;
    }
    // §14.6; no member has this between its lines.
    let boundary = chance();
    let mut parts = Vec::with_capacity(ranges.len() * 2 + 1);
    for range in ranges {
        let head =
            format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {}\r\n\r\n", of(&range));
        parts.push(Part::Ready(head.into()));
        parts.push(Part::Source(source.clone(), range));
    }
    parts.push(Part::Ready(format!("\r\n--{boundary}--\r\n").into()));
    let content = Content::of(parts);
    let mut answer = sized(StatusCode::PARTIAL_CONTENT, content.len(), content);
    let kind = format!("multipart/byteranges; boundary={boundary}");
    if let Ok(kind) = HeaderValue::from_str(&kind) {
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    answer
}
