//! How a share stands, as a page.

use super::{STYLE, grouped, text};
use crate::report::share::{Checked, CheckedProduct, Difference};
use std::fmt::Write as _;

/// The page. `made` says when, as a date.
#[must_use]
pub fn share_check(document: &Checked, made: &str) -> String {
    let mut out = String::new();
    let title = format!("{}: {}", text(&document.share), text(&document.standing));
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><h1>Check of a share</h1>\n"
    );
    let by = if document.mode == "full" { "every byte was read" } else { "by size and time" };
    let _ = writeln!(
        out,
        "<p class=\"facts\">{}<br><span class=\"verdict {}\">{}</span>, {by}</p>",
        text(&document.share),
        class_of(&document.standing),
        text(&document.standing)
    );
    if let Some(error) = &document.index_error {
        let _ = writeln!(out, "<p class=\"bad\">index: {}</p>", text(&error.message));
    }
    for check in &document.index {
        let _ = writeln!(out, "<p>index: {} ({})</p>", text(&check.note), text(&check.result));
    }
    out.push_str("<table><thead><tr><th style=\"width:42%\">product</th><th style=\"width:12%\">standing</th><th class=\"number\" style=\"width:10%\">files</th><th class=\"number\">bytes</th><th>verified by</th></tr></thead><tbody>\n");
    document.products.iter().for_each(|product| row(&mut out, product));
    out.push_str("</tbody></table>\n");
    document.products.iter().for_each(|product| section(&mut out, product));
    let _ = writeln!(
        out,
        "<footer>Made by discless {} on {}. The files are compared with the manifests that were written when they were added; who wrote \
         those is proved by a signature.</footer></body></html>",
        text(&document.discless),
        text(made)
    );
    out
}

fn class_of(standing: &str) -> &'static str {
    match standing {
        "good" => "verified",
        "unverified" => "unverified",
        _ => "damaged",
    }
}

fn row(out: &mut String, product: &CheckedProduct) {
    let class = match product.standing.as_str() {
        "good" => "ok",
        "unverified" => "weak",
        _ => "bad",
    };
    let by =
        if product.verified_by.is_empty() { "nothing".to_owned() } else { product.verified_by.join(", ") };
    let _ = writeln!(
        out,
        "<tr><td>{}<br><code>{}</code></td><td class=\"{class}\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td>{}</td></tr>",
        text(&product.title),
        text(&product.folder),
        text(&product.standing),
        grouped(product.files),
        grouped(product.bytes),
        text(&by)
    );
}

fn section(out: &mut String, product: &CheckedProduct) {
    if product.differences.is_empty() && product.signatures.is_empty() {
        return;
    }
    let _ = writeln!(out, "<section><h2>{}</h2><table><tbody>", text(&product.folder));
    for check in &product.signatures {
        let _ = writeln!(
            out,
            "<tr><td>signature</td><td>{}</td><td>{}</td></tr>",
            text(&check.result),
            text(&check.note)
        );
    }
    for Difference { what, path, to, why } in &product.differences {
        let path = if path.is_empty() { "the folder" } else { path };
        let to = to.as_ref().map(|to| format!(" is <code>{}</code> now", text(to))).unwrap_or_default();
        let _ = writeln!(
            out,
            "<tr><td class=\"bad\">{}</td><td><code>{}</code>{to}</td><td>{}</td></tr>",
            text(what),
            text(path),
            text(why)
        );
    }
    out.push_str("</tbody></table></section>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_share_is_markup_and_the_page_needs_nothing_else() {
        let difference = Difference {
            what: "changed".to_owned(),
            path: "<script>alert(1)</script>".to_owned(),
            to: Some("\"><img src=x>".to_owned()),
            why: "a & b".to_owned(),
        };
        let product = CheckedProduct {
            id: "0123456789ab".to_owned(),
            folder: "<b>".to_owned(),
            title: "x\u{202e}y".to_owned(),
            standing: "bad".to_owned(),
            verdict: "verified".to_owned(),
            verified_by: vec!["sha256 by <i>".to_owned()],
            files: 12_345,
            bytes: 1,
            read: 0,
            differences: vec![difference],
            signatures: Vec::new(),
        };
        let document = Checked {
            schema: String::new(),
            discless: "0".to_owned(),
            share: "/srv/<lab>".to_owned(),
            mode: "full".to_owned(),
            standing: "bad".to_owned(),
            products: vec![product],
            index: Vec::new(),
            index_error: None,
            unfinished: Vec::new(),
            resumed: 0,
        };
        let page = share_check(&document, "2026-11-23");
        for bad in ["<script", "<img", "<lab>", "<b>", "<i>", "http", "src=", "\u{202e}"] {
            let found = page.matches(bad).count();
            assert_eq!(found, usize::from(bad == "src="), "{bad}: {page}");
        }
        assert!(page.contains("12\u{202f}345") && page.contains("a &amp; b"));
    }
}
