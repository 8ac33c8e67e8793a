//! The pages: made here, complete without a script, and nothing in them comes from elsewhere.

mod card;
mod disc;
mod listing;

pub(super) use disc::Picture;

use super::answer::{self, Answer, Asking, address};
use super::media::Site;
use crate::container::EntryKind;
use crate::error::Result;
use crate::page::{LOOK, text};
use crate::view::{Node, NodeId};
use hyper::StatusCode;
use std::fmt::Write as _;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Folder, file, link: drawn once, used by every row.
const ICONS: &str = "<svg width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>\
<symbol id=\"d\" viewBox=\"0 0 16 16\"><path d=\"M1.5 3.5a1 1 0 0 1 1-1h3.6l1.6 1.8h5.8a1 1 0 0 1 1 1v7.2a1 1 0 0 1-1 1h-11a1 1 0 0 1-1-1z\"/></symbol>\
<symbol id=\"f\" viewBox=\"0 0 16 16\"><path d=\"M3.5 1.5h6l3 3v9a1 1 0 0 1-1 1h-8a1 1 0 0 1-1-1v-11a1 1 0 0 1 1-1zm6 0v3h3\"/></symbol>\
<symbol id=\"l\" viewBox=\"0 0 16 16\"><path d=\"M6.5 9.5l3-3M5 7.5l-2 2a2.5 2.5 0 0 0 3.5 3.5l2-2M11 8.5l2-2A2.5 2.5 0 0 0 9.500 3l-2 2\"/></symbol>\
</defs></svg>";

/// The frame of every page. `search` is where its box leads to, and what was searched for.
fn framed(title: &str, nonce: &str, search: Option<(&str, &str)>, refresh: bool, body: &str) -> String {
    let mut out = String::with_capacity(body.len() + 16_384);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" content=\"noindex,nofollow\">\
         <title>{title}</title><style nonce=\"{nonce}\">{LOOK}{STYLE}</style>"
    );
    if refresh {
        out.push_str("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>");
    }
    let _ =
        write!(out, "</head><body>{ICONS}<header class=\"top\"><a class=\"home\" href=\"/\">discless</a>");
    if let Some((action, asked)) = search {
        let _ = write!(
            out,
            "<form role=\"search\" action=\"{}\"><label class=\"hidden\" for=\"q\">Find files by name</label>\
             <input id=\"q\" name=\"q\" type=\"search\" placeholder=\"Find files by name\" autocomplete=\"off\" value=\"{}\">\
             <button>Find</button></form>",
            text(action),
            text(asked)
        );
    }
    let _ = writeln!(
        out,
        "</header><main>{body}</main><footer>Served read-only by discless {}, straight out of the image. The same address is a \
         WebDAV folder.</footer><script nonce=\"{nonce}\">{SCRIPT}</script></body></html>",
        crate::report::VERSION
    );
    out
}

/// A directory: what it is of, and what is in it.
pub(super) fn directory(site: &Site, asking: &Asking, id: NodeId, path: &str) -> Result<Answer> {
    let medium = site.medium_of(id).and_then(|at| site.media().get(at));
    if asking.parameter("status").is_some() {
        return Ok(card::status(site, medium));
    }
    if asking.parameter("json").is_some() {
        return listing::json(site, id, path);
    }
    let root = medium.map_or(NodeId::ROOT, |medium| medium.node);
    let top = address(&site.view().path(root)?, EntryKind::Dir);
    if let Some(asked) = asking.parameter("q").filter(|asked| !asked.trim().is_empty()) {
        let found = listing::found(site, root, asked.trim())?;
        let crumbs = listing::crumbs(site, root, medium)?;
        let title = text(&format!("{} - find", asked.trim()));
        return Ok(answer::page(StatusCode::OK, |nonce| {
            framed(&title, nonce, Some((&top, asked.trim())), false, &(crumbs + &found))
        }));
    }
    let mut body = String::new();
    let (mut refresh, mut title) = (false, text(if path.is_empty() { "discless" } else { path }));
    match medium {
        Some(medium) if medium.node == id => {
            title = text(&card::title(medium));
            refresh = card::is_pending(medium);
            body.push_str(&listing::crumbs(site, id, Some(medium))?);
            card::whole(&mut body, site, medium);
        }
        Some(medium) => {
            body.push_str(&listing::crumbs(site, id, Some(medium))?);
            card::slim(&mut body, medium, &top);
        }
        // A folder above several sources.
        None => {
            body.push_str(&listing::crumbs(site, id, None)?);
            let below: Vec<_> =
                site.media().iter().filter(|medium| listing::is_below(site, medium.node, id)).collect();
            refresh = below.iter().any(|medium| card::is_pending(medium));
            card::several(&mut body, site, &below);
            return Ok(answer::page(StatusCode::OK, |nonce| {
                framed(&title, nonce, Some((&top, "")), refresh, &body)
            }));
        }
    }
    let from = asking.parameter("from").and_then(|from| from.parse().ok()).unwrap_or(0);
    listing::rows(&mut body, site, id, path, from)?;
    Ok(answer::page(StatusCode::OK, |nonce| framed(&title, nonce, Some((&top, "")), refresh, &body)))
}

/// What is known of one file.
pub(super) fn file(site: &Site, (id, node): (NodeId, &Node), path: &str) -> Result<Answer> {
    let medium = site.medium_of(id).and_then(|at| site.media().get(at));
    let root = medium.map_or(NodeId::ROOT, |medium| medium.node);
    let top = address(&site.view().path(root)?, EntryKind::Dir);
    let mut body = listing::crumbs(site, id, medium)?;
    listing::one(&mut body, site, (id, node), path)?;
    let title = text(&node.name);
    Ok(answer::page(StatusCode::OK, |nonce| framed(&title, nonce, Some((&top, "")), false, &body)))
}

/// There is no such thing.
pub(super) fn missing(nonce: &str) -> String {
    let body = "<h1>Not found</h1><p>Nothing of this name is on the medium. <a href=\"/\">To the top</a></p>";
    framed("Not found", nonce, None, false, body)
}

/// `4.7 GiB`; exact below 10 KiB.
fn size(bytes: u64) -> String {
    if bytes < 10_240 {
        return if bytes == 1 {
            "1 byte".to_owned()
        } else {
            format!("{} bytes", crate::page::grouped(bytes))
        };
    }
    let mut value = bytes as f64;
    let mut unit = "";
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if value < 10.0 { format!("{value:.2} {unit}") } else { format!("{value:.1} {unit}") }
}

/// `4.70 GiB (5 044 094 976 bytes)`.
fn sized(bytes: u64) -> String {
    if bytes < 10_240 {
        size(bytes)
    } else {
        format!("{} ({} bytes)", size(bytes), crate::page::grouped(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short_and_small_ones_exact() {
        for (bytes, want) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (9_999, "9\u{202f}999 bytes"),
            (10_240, "10.0 KiB"),
            (5_044_094_976, "4.70 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), want);
        }
    }

    #[test]
    fn the_frame_has_no_address_of_others_and_no_style_in_place() {
        let page = framed("t", "n0nce", Some(("/a\"b/", "<x>")), true, "");
        assert!(page.contains("action=\"/a&quot;b/\"") && page.contains("value=\"&lt;x&gt;\""));
        assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("style=\""));
        assert_eq!(page.matches("n0nce").count(), 2);
    }
}
