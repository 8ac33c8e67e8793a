//! What is in a directory, what was found by name, and one file.

use super::super::answer::{self, Answer, address, encoded};
use super::super::media::{Medium, Site};
use super::{card, size, sized};
use crate::container::{EntryKind, Location};
use crate::error::Result;
use crate::page::{grouped, text};
use crate::time::Timestamp;
use crate::view::{Node, NodeId};
use bytes::Bytes;
use hyper::StatusCode;
use std::fmt::Write as _;

/// Rows of one page.
const ROWS: usize = 5000;
/// Files that a search shows.
const FOUND: usize = 500;
/// Files up to this size are digested when their page is looked at.
const SMALL: u64 = 256 << 20;

/// True where `id` lies below `above`, or is it.
pub(super) fn is_below(site: &Site, id: NodeId, above: NodeId) -> bool {
    let mut at = id;
    loop {
        if at == above {
            return true;
        }
        if at == NodeId::ROOT {
            return false;
        }
        let Ok(parent) = site.view().parent(at) else { return false };
        at = parent;
    }
}

/// The way to a node from the top; empty at the top.
pub(super) fn crumbs(site: &Site, id: NodeId, medium: Option<&Medium>) -> Result<String> {
    let view = site.view();
    let mut parts = Vec::new();
    let mut at = id;
    while at != NodeId::ROOT {
        parts.push((view.node(at)?, view.path(at)?));
        at = view.parent(at)?;
    }
    if parts.is_empty() {
        return Ok(String::new());
    }
    let top = match medium.filter(|medium| medium.node == NodeId::ROOT) {
        Some(medium) => text(&card::title(medium)),
        None => "all media".to_owned(),
    };
    let mut out = format!("<nav class=\"crumbs\" aria-label=\"Path\"><a href=\"/\">{top}</a>");
    let last = parts.len() - 1;
    for (number, (node, path)) in parts.into_iter().rev().enumerate() {
        let _ = if number == last {
            write!(out, " / <b>{}</b>", text(&node.name))
        } else {
            write!(out, " / <a href=\"{}\">{}</a>", text(&address(&path, EntryKind::Dir)), text(&node.name))
        };
    }
    out.push_str("</nav>");
    Ok(out)
}

/// `2023-11-14 22:13`, in the zone that was recorded.
fn when(time: Option<Timestamp>) -> String {
    let Some(time) = time else { return String::new() };
    let whole = time.rfc3339();
    match (whole.get(..10), whole.get(11..16)) {
        (Some(day), Some(minute)) => format!("<time datetime=\"{whole}\">{day} {minute}</time>"),
        _ => text(&whole),
    }
}

fn row(out: &mut String, (node, path): (&Node, &str), name: &str) {
    let (icon, class) = match node.kind {
        EntryKind::Dir => ("d", " class=\"dir\""),
        EntryKind::Symlink => ("l", ""),
        _ => ("f", ""),
    };
    let kind = if node.kind == EntryKind::Symlink { EntryKind::File } else { node.kind };
    let to = text(&address(path, kind));
    let slash = if node.kind == EntryKind::Dir { "/" } else { "" };
    let _ = write!(
        out,
        "<tr data-n=\"{name}\"><td class=\"icon\"><svg aria-hidden=\"true\"{class}><use href=\"#{icon}\"/></svg></td>\
         <td><a href=\"{to}\">{name}{slash}</a>",
        name = text(name)
    );
    if let Some(target) = &node.target {
        let _ = write!(out, "<small>leads to {}</small>", text(target));
    }
    let bytes = if node.kind == EntryKind::File { size(node.bytes) } else { String::new() };
    let more =
        if node.kind == EntryKind::File { format!("<a href=\"{to}?info\">info</a>") } else { String::new() };
    let _ = writeln!(
        out,
        "</td><td class=\"number\">{bytes}</td><td class=\"when\">{}</td><td class=\"more\">{more}</td></tr>",
        when(node.modified)
    );
}

const HEAD: &str = "<table class=\"list\"><thead><tr><th class=\"icon\"></th><th>Name</th><th class=\"number\">Size</th>\
     <th>Changed</th><th></th></tr></thead><tbody>\n";

/// The rows of a directory, those of directories first.
pub(super) fn rows(out: &mut String, site: &Site, id: NodeId, path: &str, from: usize) -> Result<()> {
    let view = site.view();
    let mut nodes = Vec::new();
    for child in view.children(id)? {
        nodes.push(view.node(child)?);
    }
    nodes.sort_by_key(|node| node.kind != EntryKind::Dir);
    if nodes.is_empty() {
        out.push_str("<p class=\"empty\">Nothing is in it.</p>");
        return Ok(());
    }
    out.reserve(nodes.len().min(ROWS).saturating_mul(400));
    out.push_str(HEAD);
    for node in nodes.iter().skip(from).take(ROWS) {
        row(out, (node, &[path, &node.name].join("/")), &node.name);
    }
    out.push_str("</tbody></table>");
    let bytes = nodes.iter().fold(0u64, |sum, node| sum.saturating_add(node.bytes));
    let directories = nodes.iter().filter(|node| node.kind == EntryKind::Dir).count();
    let files = nodes.len() - directories;
    let said = |number: usize, one: &str, many: &str| {
        (number > 0).then(|| format!("{} {}", grouped(number as u64), if number == 1 { one } else { many }))
    };
    let counts: Vec<String> = [said(directories, "directory", "directories"), said(files, "file", "files")]
        .into_iter()
        .flatten()
        .collect();
    let _ = write!(out, "<p class=\"lead\">{}", counts.join(", "));
    if bytes > 0 {
        let _ = write!(out, ", {}", size(bytes));
    }
    out.push_str("</p>");
    let page = |from: usize, word: &str| {
        format!("<a class=\"button\" rel=\"nofollow\" href=\"?from={from}\">{word}</a> ")
    };
    if from > 0 {
        out.push_str(&page(from.saturating_sub(ROWS), "before"));
    }
    if nodes.len() > from.saturating_add(ROWS) {
        out.push_str(&page(from.saturating_add(ROWS), "more"));
    }
    Ok(())
}

/// Files and directories with `wanted` in their names.
pub(super) fn found(site: &Site, below: NodeId, wanted: &str) -> Result<String> {
    let view = site.view();
    let mut ids = view.search(below, wanted, FOUND + 1)?;
    let more = ids.len() > FOUND;
    ids.truncate(FOUND);
    let top = view.path(below)?;
    let mut paths = Vec::with_capacity(ids.len());
    for id in ids {
        paths.push((view.path(id)?, view.node(id)?));
    }
    paths.sort_by_cached_key(|(path, _)| path.to_lowercase());
    let number = if more { format!("more than {FOUND}") } else { grouped(paths.len() as u64) };
    let mut out = format!("<h1>{number} named \u{201c}{}\u{201d}</h1>", text(wanted));
    if paths.is_empty() {
        out.push_str("<p class=\"empty\">No file or directory has this in its name.</p>");
        return Ok(out);
    }
    out.push_str(HEAD);
    for (path, node) in &paths {
        let shown = path.strip_prefix(&*top).unwrap_or(path).trim_start_matches('/');
        row(&mut out, (node, path), shown);
    }
    out.push_str("</tbody></table>");
    if more {
        let _ = write!(out, "<p class=\"lead\">These are the first {FOUND}; more letters find fewer.</p>");
    }
    Ok(out)
}

/// One file: what is known of it, its digest, its bytes.
pub(super) fn one(out: &mut String, site: &Site, (id, node): (NodeId, &Node), path: &str) -> Result<()> {
    let to = text(&address(path, EntryKind::File));
    let _ = write!(out, "<h1>{}</h1><dl>", text(&node.name));
    let _ = write!(out, "<dt>Size</dt><dd>{}</dd>", text(&sized(node.bytes)));
    if let Some(time) = node.modified {
        let _ = write!(out, "<dt>Changed</dt><dd>{}</dd>", text(&time.rfc3339()));
    }
    let place = site.view().place(id)?;
    if let Some(place) = place {
        let entry = place.container.entry(place.entry)?;
        let lies = match &entry.location {
            Location::Stored(extents) => {
                let pieces = extents.pieces().len();
                let first = extents.pieces().iter().find_map(|piece| piece.at);
                let at = first.map(|at| format!(" at byte {}", grouped(at))).unwrap_or_default();
                let pieces = if pieces > 1 { format!(", in {pieces} pieces") } else { String::new() };
                format!("stored{at}{pieces}")
            }
            Location::Packed(_) => "packed".to_owned(),
            Location::Solid { .. } => "packed together with others".to_owned(),
            Location::Outside => "a file of the directory".to_owned(),
            Location::Nowhere => "nowhere: it is empty".to_owned(),
        };
        let inner =
            if place.depth > 0 { format!(", in {}", place.container.format()) } else { String::new() };
        let _ = write!(out, "<dt>Lies</dt><dd>{}{inner}</dd>", text(&lies));
        if entry.path.text() != path && place.depth == 0 {
            let _ = write!(out, "<dt>On the medium</dt><dd>{}</dd>", text(entry.path.text()));
        }
    }
    let known = site.known_sha256(id);
    let small = if node.bytes <= SMALL { " data-small=\"1\"" } else { "" };
    let _ = write!(
        out,
        "<dt>SHA-256</dt><dd><span class=\"sum\" data-sum=\"{}\"{small}>",
        known.as_deref().unwrap_or_default()
    );
    let _ = match &known {
        Some(known) => write!(out, "<code>{known}</code>"),
        None => write!(out, "<a href=\"{to}?sha256\">compute it</a>"),
    };
    let _ = write!(
        out,
        "</span></dd></dl><p><a class=\"button primary\" href=\"{to}\" download>Download</a></p>\
         <p class=\"lead\">By script: <code>curl -O URL</code>, and <code>curl URL?sha256 | sha256sum -c</code></p>"
    );
    Ok(())
}

/// A directory for scripts.
pub(super) fn json(site: &Site, id: NodeId, path: &str) -> Result<Answer> {
    let view = site.view();
    let mut entries = Vec::new();
    for child in view.children(id)? {
        let node = view.node(child)?;
        let kind = match node.kind {
            EntryKind::Dir => "dir",
            EntryKind::Symlink => "symlink",
            _ => "file",
        };
        let below = [path, &node.name].join("/");
        entries.push(serde_json::json!({
            "name": node.name,
            "kind": kind,
            "bytes": node.bytes,
            "modified": node.modified.map(Timestamp::rfc3339),
            "target": node.target,
            "href": address(&below, node.kind),
        }));
    }
    let document =
        serde_json::json!({ "path": path, "search": format!("?q={}", encoded("NAME")), "entries": entries });
    Ok(answer::whole(StatusCode::OK, "application/json", Bytes::from(document.to_string())))
}
