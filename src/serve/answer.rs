//! Which answer a request gets.

use super::auth::{Access, names_this_machine};
use super::body::Content;
use super::listen::Server;
use super::media::{Site, chance};
use super::{dav, file, html};
use crate::container::EntryKind;
use crate::error::{Error, Kind};
use crate::view::{Case, NodeId};
use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Response, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::sync::Arc;

/// A request, whole.
pub(super) struct Asking {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

pub(super) type Answer = Response<Content>;

/// What is answered to; everything else is refused.
pub(super) const METHODS: &str = "GET, HEAD, OPTIONS, PROPFIND";

/// What stays as it is in a part of an address (RFC 3986 §2.3 and what no part of it means).
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Asking {
    /// The value of a parameter behind the question mark, decoded as forms have it; empty where it has none.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let mut all = self.uri.query()?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let (_, value) = all.find(|(found, _)| *found == name)?;
        let spaced = value.replace('+', " ");
        Some(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
    }

    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }
}

/// The path of a node as an address, with `/` behind a directory.
pub(super) fn address(path: &str, kind: EntryKind) -> String {
    let mut out = String::from("/");
    for part in path.split('/').filter(|part| !part.is_empty()) {
        out.extend(utf8_percent_encode(part, &PLAIN));
        out.push('/');
    }
    if kind != EntryKind::Dir && out.len() > 1 {
        out.pop();
    }
    out
}

/// A part of an address, or a value behind the question mark.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, &PLAIN).to_string()
}

/// The path that an address means: parts joined by `/`. `None` for what is no path, or leads elsewhere.
fn path_of(uri: &Uri) -> Option<String> {
    let mut parts = Vec::new();
    for part in uri.path().split('/').filter(|part| !part.is_empty()) {
        let part = percent_decode_str(part).decode_utf8().ok()?;
        let leads = matches!(&*part, "." | "..") || part.contains(['/', '\\', '\0']);
        if leads {
            return None;
        }
        parts.push(part);
    }
    Some(parts.join("/"))
}

/// What a request was answered with, as far as it can be held against itself without a connection.
#[derive(Debug)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// Header fields, their names in small letters.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Bytes that the body would have.
    pub body: u64,
}

/// Answers a request without a connection, as a server would that others reach, too: `None` for what HTTP does not let
/// through. Bodies of members are not read.
#[must_use]
pub fn ask(
    site: &Arc<Site>,
    access: Option<Access>,
    (method, uri): (&str, &str),
    headers: &[(&[u8], &[u8])],
    body: &[u8],
) -> Option<Answered> {
    let headers = headers.iter().map(|(name, value)| {
        Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
    });
    let asking = Asking {
        method: Method::from_bytes(method.as_bytes()).ok()?,
        uri: uri.parse().ok()?,
        headers: headers.collect::<Option<HeaderMap>>()?,
        body: Bytes::copy_from_slice(body),
    };
    let answer = answer(&Server::alone(site, access), &asking);
    let headers = answer.headers().iter();
    Some(Answered {
        status: answer.status().as_u16(),
        headers: headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect(),
        body: answer.body().len(),
    })
}

/// Answers, whatever it takes: in a thread that may wait.
pub(super) fn answer(server: &Server, asking: &Asking) -> Answer {
    let mut answer = checked(server, asking);
    let headers = answer.headers_mut();
    let all = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::SERVER, "discless"),
    ];
    for (name, value) in all {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        // Nothing in a member may do anything, whatever a browser takes it for.
        let policy = HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if asking.is_head() {
        *answer.body_mut() = Content::default();
    }
    answer
}

fn checked(server: &Server, asking: &Asking) -> Answer {
    match &server.access {
        Some(access) if !access.admits(&asking.headers) => {
            let mut answer = text(StatusCode::UNAUTHORIZED, "user and password are wanted\n");
            let how = HeaderValue::from_static("Basic realm=\"discless\", charset=\"UTF-8\"");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, how);
            return answer;
        }
        None if server.is_local && !names_this_machine(&asking.headers, &asking.uri) => {
            return text(StatusCode::MISDIRECTED_REQUEST, "this server is called localhost\n");
        }
        _ => {}
    }
    match asking.method.as_str() {
        "GET" | "HEAD" | "PROPFIND" => {}
        "OPTIONS" => return dav::options(),
        _ => {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "this server only reads\n");
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(METHODS));
            // What it wanted to write is not waited for.
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            return answer;
        }
    }
    let site = &*server.site;
    let Some(path) = path_of(&asking.uri) else {
        return text(StatusCode::BAD_REQUEST, "no path that this server could have\n");
    };
    found(site, asking, &path).unwrap_or_else(|error| failed(&error))
}

fn found(site: &Site, asking: &Asking, path: &str) -> crate::Result<Answer> {
    let view = site.view();
    let named = view.find(path, Case::Folded)?;
    let id = view.resolve(named)?.ok_or_else(|| Error::not_found(path, None))?;
    let node = view.node(id)?;
    if asking.method.as_str() == "PROPFIND" {
        return dav::propfind(site, asking, (id, &node), path);
    }
    let directory = node.kind == EntryKind::Dir;
    let slash = asking.uri.path().ends_with('/');
    if directory && !slash {
        return Ok(moved(&address(path, EntryKind::Dir), asking.uri.query()));
    }
    if slash && !directory {
        return Err(Error::not_found(path, None));
    }
    if directory {
        return html::directory(site, asking, id, path);
    }
    if asking.parameter("info").is_some() {
        return html::file(site, (id, &node), path);
    }
    if asking.parameter("sha256").is_some() {
        return digest(site, id, &node.name);
    }
    file::content(site, asking, (id, &node))
}

/// A digest as `sha256sum -c` reads it.
fn digest(site: &Site, id: NodeId, name: &str) -> crate::Result<Answer> {
    let Some(value) = site.sha256(id)? else {
        let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, "too many files are being digested\n");
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        return Ok(answer);
    };
    let (mark, name) = crate::verify::escaped(name);
    Ok(text(StatusCode::OK, format!("{mark}{value}  {name}\n")))
}

/// Plain text.
pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    whole(status, "text/plain; charset=utf-8", text.into())
}

/// A body that is there.
pub(super) fn whole(status: StatusCode, kind: &'static str, body: Bytes) -> Answer {
    let content = Content::from(body);
    let length = HeaderValue::from(content.len());
    let mut answer = Response::new(content);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_LENGTH, length);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A page of ours: what it may do has this run's permission, and nothing else has.
pub(super) fn page(status: StatusCode, make: impl FnOnce(&str) -> String) -> Answer {
    let nonce = chance();
    let mut answer = whole(status, "text/html; charset=utf-8", make(&nonce).into());
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

fn moved(to: &str, query: Option<&str>) -> Answer {
    let to = query.map_or_else(|| to.to_owned(), |query| format!("{to}?{query}"));
    let mut answer = text(StatusCode::MOVED_PERMANENTLY, "");
    if let Ok(to) = HeaderValue::from_str(&to) {
        answer.headers_mut().insert(header::LOCATION, to);
    }
    answer
}

/// A request whose body nobody wants.
pub(super) fn too_large() -> Answer {
    let mut answer = text(StatusCode::PAYLOAD_TOO_LARGE, "so large a request is not read\n");
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Why it could not be done.
pub(super) fn failed(error: &Error) -> Answer {
    let status = match error.kind() {
        Kind::NotFound { .. } => StatusCode::NOT_FOUND,
        Kind::Usage(_) => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    if status == StatusCode::NOT_FOUND {
        return page(status, html::missing);
    }
    text(status, format!("{}\n", crate::text::for_terminal(&error.to_string())))
}
