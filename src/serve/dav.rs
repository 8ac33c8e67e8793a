//! WebDAV class 1 (RFC 4918) as far as it reads: what a directory holds, for file managers.

use super::answer::{Answer, Asking, METHODS, address, text, whole};
use super::file::modified;
use super::media::Site;
use crate::container::EntryKind;
use crate::error::{Error, Result};
use crate::time::Timestamp;
use crate::view::{Node, NodeId};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode, header};
use roxmltree::{Document, ParsingOptions};
use std::fmt::Write as _;

/// The namespace of everything here.
const DAV: &str = "DAV:";
/// Properties that one request may name.
const MOST: usize = 64;

/// What this server does.
pub(super) fn options() -> Answer {
    let mut answer = Response::new(super::body::Content::default());
    let headers = answer.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static(METHODS));
    headers.insert(HeaderName::from_static("dav"), HeaderValue::from_static("1"));
    // Windows asks for WebDAV only where this is said.
    headers.insert(HeaderName::from_static("ms-author-via"), HeaderValue::from_static("DAV"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    answer
}

/// A property that every node has or lacks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Live {
    DisplayName,
    ResourceType,
    Length,
    Kind,
    Etag,
    Modified,
    Created,
    SupportedLock,
    LockDiscovery,
}

impl Live {
    const ALL: [(&str, Self); 9] = [
        ("displayname", Self::DisplayName),
        ("resourcetype", Self::ResourceType),
        ("getcontentlength", Self::Length),
        ("getcontenttype", Self::Kind),
        ("getetag", Self::Etag),
        ("getlastmodified", Self::Modified),
        ("creationdate", Self::Created),
        ("supportedlock", Self::SupportedLock),
        ("lockdiscovery", Self::LockDiscovery),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, live)| *live == self).map_or("", |(name, _)| name)
    }
}

/// What is asked of each node.
enum Asked {
    /// Everything that there is.
    All,
    /// What there is, without values.
    Names,
    /// These: namespace and name.
    These(Vec<(String, String)>),
}

impl Asked {
    /// RFC 4918 §9.1: no body asks for everything.
    fn read(body: &[u8]) -> Option<Self> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Some(Self::All);
        }
        let text = std::str::from_utf8(body).ok()?.trim_start_matches('\u{feff}');
        // A document type could define entities; none is needed here.
        let options = ParsingOptions { allow_dtd: false, nodes_limit: 4096, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text, options).ok()?;
        let root = document.root_element();
        if !root.has_tag_name((DAV, "propfind")) {
            return None;
        }
        let inner = root.children().filter(roxmltree::Node::is_element);
        for element in inner.filter(|element| element.tag_name().namespace() == Some(DAV)) {
            match element.tag_name().name() {
                "allprop" => return Some(Self::All),
                "propname" => return Some(Self::Names),
                "prop" => {
                    let named = element.children().filter(roxmltree::Node::is_element);
                    let named = named.map(|property| {
                        let name = property.tag_name();
                        (name.namespace().unwrap_or_default().to_owned(), name.name().to_owned())
                    });
                    let named: Vec<_> = named.take(MOST + 1).collect();
                    return (named.len() <= MOST).then_some(Self::These(named));
                }
                _ => {}
            }
        }
        None
    }
}

/// Answers with the properties of a node, and of what is in it.
pub(super) fn propfind(
    site: &Site,
    asking: &Asking,
    (id, node): (NodeId, &Node),
    path: &str,
) -> Result<Answer> {
    let Some(asked) = Asked::read(&asking.body) else {
        return Ok(text(StatusCode::BAD_REQUEST, "no PROPFIND that is understood\n"));
    };
    let depth =
        asking.header(&HeaderName::from_static("depth")).unwrap_or("infinity").trim().to_ascii_lowercase();
    let mut out =
        String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\">\n");
    match depth.as_str() {
        "0" => response(&mut out, site, (id, node), path, &asked)?,
        "1" => {
            response(&mut out, site, (id, node), path, &asked)?;
            if node.kind == EntryKind::Dir {
                for child in site.view().children(id)? {
                    let shown = site.view().node(child)?;
                    let below = [path, &shown.name].join("/");
                    // A link is what it leads to; one that leads nowhere is not there.
                    let Some(to) = site.view().resolve(child)? else { continue };
                    let node = Node { name: shown.name.clone(), ..site.view().node(to)? };
                    response(&mut out, site, (to, &node), &below, &asked)?;
                }
            }
        }
        "infinity" => {
            let refused = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:error xmlns:D=\"DAV:\"><D:propfind-finite-depth/></D:error>\n";
            return Ok(whole(StatusCode::FORBIDDEN, "application/xml; charset=utf-8", refused.into()));
        }
        _ => return Ok(text(StatusCode::BAD_REQUEST, "a depth of 0 or 1 is wanted\n")),
    }
    out.push_str("</D:multistatus>\n");
    Ok(whole(StatusCode::MULTI_STATUS, "application/xml; charset=utf-8", out.into()))
}

fn response(
    out: &mut String,
    site: &Site,
    (id, node): (NodeId, &Node),
    path: &str,
    asked: &Asked,
) -> Result<()> {
    let _ = write!(out, "<D:response><D:href>{}</D:href>", escaped(&address(path, node.kind)));
    let mut there = String::new();
    let mut missing = String::new();
    match asked {
        Asked::All | Asked::Names => {
            for (name, live) in Live::ALL {
                match value(site, (id, node), live)? {
                    Some(_) if matches!(asked, Asked::Names) => {
                        let _ = write!(there, "<D:{name}/>");
                    }
                    Some(value) => {
                        let _ = write!(there, "<D:{name}>{value}</D:{name}>");
                    }
                    None => {}
                }
            }
        }
        Asked::These(named) => {
            for (namespace, name) in named {
                let live = Live::ALL.iter().find(|(known, _)| namespace == DAV && known == name);
                let value = match live {
                    Some((_, live)) => value(site, (id, node), *live)?.map(|value| (live.name(), value)),
                    None => None,
                };
                let _ = match value {
                    Some((name, value)) => write!(there, "<D:{name}>{value}</D:{name}>"),
                    None if namespace == DAV => write!(missing, "<D:{}/>", escaped(name)),
                    None => write!(missing, "<x:{} xmlns:x=\"{}\"/>", escaped(name), escaped(namespace)),
                };
            }
        }
    }
    for (properties, status) in [(there, "200 OK"), (missing, "404 Not Found")] {
        if !properties.is_empty() {
            let _ = write!(
                out,
                "<D:propstat><D:prop>{properties}</D:prop><D:status>HTTP/1.1 {status}</D:status></D:propstat>"
            );
        }
    }
    out.push_str("</D:response>\n");
    if out.len() > 256 << 20 {
        return Err(Error::limit("bytes of one listing", 256 << 20));
    }
    Ok(())
}

/// A property's value as XML; `None` where the node has none.
fn value(site: &Site, (id, node): (NodeId, &Node), live: Live) -> Result<Option<String>> {
    let is_file = node.kind != EntryKind::Dir;
    Ok(match live {
        Live::DisplayName => Some(escaped(&node.name)),
        Live::ResourceType if is_file => Some(String::new()),
        Live::ResourceType => Some("<D:collection/>".to_owned()),
        Live::Length => is_file.then(|| node.bytes.to_string()),
        Live::Kind => is_file.then(|| "application/octet-stream".to_owned()),
        Live::Etag if is_file => Some(escaped(&site.etag(id)?)),
        Live::Etag => None,
        Live::Modified => modified(node.modified).map(httpdate::fmt_http_date),
        Live::Created => modified(node.modified).map(|time| Timestamp::from_system(time).rfc3339()),
        Live::SupportedLock | Live::LockDiscovery => Some(String::new()),
    })
}

/// Text in XML. What XML 1.0 cannot hold becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(letter),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_that_are_no_propfind_are_refused() {
        let all = |body: &str| Asked::read(body.as_bytes());
        assert!(matches!(all(""), Some(Asked::All)));
        assert!(matches!(all("<propfind xmlns='DAV:'><allprop/></propfind>"), Some(Asked::All)));
        assert!(matches!(all("<D:propfind xmlns:D='DAV:'><D:propname/></D:propfind>"), Some(Asked::Names)));
        let named = "<propfind xmlns='DAV:'><prop><getetag/><x xmlns='urn:y'/></prop></propfind>";
        let Some(Asked::These(named)) = all(named) else { panic!("these were named") };
        assert_eq!(named, [("DAV:".into(), "getetag".into()), ("urn:y".into(), "x".into())]);
        for bad in ["<a", "<propfind><allprop/></propfind>", "<propfind xmlns='DAV:'/>", "\u{1}"] {
            assert!(all(bad).is_none(), "{bad}");
        }
        let bomb = "<!DOCTYPE a [<!ENTITY b 'x'>]><propfind xmlns='DAV:'><allprop/></propfind>";
        assert!(all(bomb).is_none());
        let many = "<a/>".repeat(100);
        assert!(all(&format!("<propfind xmlns='DAV:'><prop>{many}</prop></propfind>")).is_none());
    }

    #[test]
    fn no_text_is_markup() {
        assert_eq!(escaped("<a> & \"b\"\u{1}"), "&lt;a&gt; &amp; &quot;b&quot;\u{fffd}");
    }
}
