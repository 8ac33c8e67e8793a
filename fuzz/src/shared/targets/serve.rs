//! The server, as far as it needs no connection: addresses, conditions, ranges, WebDAV, who may ask.

use super::super::exercise::options;
use discless::nest;
use discless::serve::{Access, Given, Site, ask};
use discless::view::{Nested, Settings};
use std::sync::{Arc, LazyLock};

const SERVED: &[u8] = include_bytes!("../../../../testdata/sfx/two-payloads/input.exe");

static SITE: LazyLock<Arc<Site>> = LazyLock::new(|| {
    let named = nest::open("-", &mut &*SERVED, &options()).expect("bytes in memory");
    let given = Given::new(named, "setup.exe", &options()).expect("a sound package");
    let settings = Settings { nested: Nested::Shown, options: options(), kept: Some(1 << 20) };
    Arc::new(Site::new(vec![given], settings).expect("one source"))
});

/// Lines of a request: method and address, header fields, and behind an empty line the body.
pub(super) fn serve(data: &[u8]) {
    let (head, body) = match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, &data[..0]),
    };
    let mut lines = head.split(|&byte| byte == b'\n');
    let Some(first) = lines.next().and_then(|line| std::str::from_utf8(line).ok()) else { return };
    let (method, uri) = first.split_once(' ').unwrap_or(("GET", first));
    let headers = lines.take(16).filter_map(|line| {
        let at = line.iter().position(|&byte| byte == b':')?;
        Some((&line[..at], line[at + 1..].trim_ascii()))
    });
    let headers: Vec<(&[u8], &[u8])> = headers.collect();
    // What it would be told with a password is told to nobody else.
    let guarded = ask(&SITE, Some(Access::new("lab", "secret")), (method, uri), &headers, body);
    let known = headers.iter().any(|(_, value)| value.windows(12).any(|part| part == b"bGFiOnNlY3Jl"));
    assert!(known || guarded.is_none_or(|answer| answer.status == 401));
    let Some(answer) = ask(&SITE, None, (method, uri), &headers, body) else { return };
    assert!(
        matches!(answer.status, 200 | 206 | 207 | 301 | 304 | 400 | 403 | 404 | 405 | 412 | 416 | 500 | 503),
        "{answer:?}"
    );
    let header =
        |name: &str| answer.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &value[..]);
    assert_eq!(header("x-content-type-options"), Some(&b"nosniff"[..]));
    assert!(header("content-security-policy").is_some());
    let length =
        header("content-length").and_then(|value| std::str::from_utf8(value).ok()?.parse::<u64>().ok());
    match (method, length) {
        ("HEAD", _) => assert_eq!(answer.body, 0),
        (_, Some(length)) => assert_eq!(length, answer.body, "{answer:?}"),
        _ => {}
    }
    assert!(answer.status != 500, "{answer:?}");
}
