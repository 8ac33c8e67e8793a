//! A report on verified sources as one page of HTML that needs nothing else: no script, no font, no address.

mod share;

pub use share::share_check;

use crate::report::{Amount, Check, Coverage, Document, Verify};
use crate::text::for_terminal;
use crate::verify::coverage::share;
use std::fmt::Write as _;

/// What all pages look like: colours by light and dark, type, tables, verdicts.
pub(crate) const LOOK: &str = "\
:root{color-scheme:light dark;--ink:#1b1d1f;--paper:#fff;--line:#d5d9dd;--dim:#5b6670;--soft:#f4f6f7;--link:#1a5fb4}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e8ea;--paper:#16181a;--line:#3a4046;--dim:#9aa4ad;--soft:#1f2326;--link:#8ab8f5}}\
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:2rem auto;padding:0 1rem}\
.verdict{display:inline-block;font-weight:700;padding:.15rem .7rem;border-radius:.3rem;color:#fff}\
.verified{background:#1f7a45}.damaged{background:#b3261e}.unverified{background:#7a5b00}\
table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}\
code{font:.85em ui-monospace,monospace;overflow-wrap:anywhere}\
.ok{color:#1f7a45}.weak{color:#8a6d00}.bad{color:#b3261e;font-weight:700}.unchecked{color:var(--dim)}\
@media(prefers-color-scheme:dark){.ok{color:#6fcf97}.weak{color:#e0c060}.bad{color:#ff8a80}}\
footer{color:var(--dim);font-size:.85rem;margin:3rem 0 1rem;border-top:1px solid var(--line);padding-top:.5rem}";

const STYLE: &str = "\
body{max-width:60rem}\
h1{font-size:1.4rem;margin:0 0 1.5rem}h2{font-size:1.15rem;overflow-wrap:anywhere;margin:2rem 0 .25rem}\
.facts{color:var(--dim);overflow-wrap:anywhere}\
table{table-layout:fixed}th:nth-child(1){width:22%}th:nth-child(2){width:13%}th:nth-child(3){width:25%}\
td.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
.bar{display:flex;height:1.4rem;border:1px solid var(--line);border-radius:.3rem;overflow:hidden}.bar span{display:block;min-width:2px}\
.vouched{background:#2f6f4f}.nothing{background:repeating-linear-gradient(45deg,transparent 0 6px,var(--line) 6px 8px)}";

/// The page. `made` says when, as a date.
#[must_use]
pub fn verification(document: &Document<Verify>, made: &str) -> String {
    let mut out = String::new();
    let title = match document.sources.as_slice() {
        [one] => format!("{}: {}", text(&one.source.name), text(&one.verdict)),
        several => format!("{} sources verified", several.len()),
    };
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{LOOK}{STYLE}</style></head><body><h1>Verification report</h1>\n"
    );
    document.sources.iter().for_each(|source| one(&mut out, source));
    let _ = writeln!(
        out,
        "<footer>Made by discless {} on {}. A digest proves that the bytes are those that it was made of; who published them is proved \
         by a signature, or by where the digest comes from. Revocation of certificates is not checked.</footer></body></html>",
        text(&document.discless),
        text(made)
    );
    out
}

fn one(out: &mut String, verify: &Verify) {
    let verdict = text(&verify.verdict);
    let _ = write!(
        out,
        "<section><h2>{}</h2><p><span class=\"verdict {verdict}\">{verdict}</span></p><p class=\"facts\">{} bytes",
        text(&verify.source.name),
        grouped(verify.source.bytes)
    );
    if let Some(sha256) = &verify.source.sha256 {
        let _ = write!(out, "<br>SHA-256 <code>{}</code>", text(sha256));
    }
    out.push_str("</p>\n<table><thead><tr><th>checked</th><th>result</th><th>by</th><th>what was found</th></tr></thead><tbody>\n");
    verify.checks.iter().for_each(|check| row(out, check));
    out.push_str("</tbody></table>\n");
    if let Some(coverage) = &verify.coverage {
        covered(out, coverage);
    }
    out.push_str("</section>\n");
}

fn row(out: &mut String, check: &Check) {
    let class = match check.result.as_str() {
        "ok" => "ok",
        "weak" => "weak",
        "damaged" => "bad",
        _ => "unchecked",
    };
    let subject = match check.subject.as_str() {
        "" => String::new(),
        subject => format!("<br><code>{}</code>", text(subject)),
    };
    let count = check.count.map(|count| format!(" ({})", grouped(count))).unwrap_or_default();
    let _ = write!(
        out,
        "<tr><td>{}{count}{subject}</td><td class=\"{class}\">{}</td><td>{}</td><td>{}",
        text(&check.what),
        text(&check.result),
        text(&check.by),
        text(&check.note)
    );
    let mut lines = usize::from(!check.note.is_empty());
    for (name, amount) in [("expected", &check.expected), ("found", &check.found)] {
        if let Some(amount) = amount {
            let gap = if lines > 0 { "<br>" } else { "" };
            lines += 1;
            let value = match amount {
                Amount::Bytes(bytes) => format!("{} bytes", grouped(*bytes)),
                Amount::Digits(hex) => format!("<code>{}</code>", text(hex)),
            };
            let _ = write!(out, "{gap}{name} {value}");
        }
    }
    for failed in &check.failed {
        let _ = write!(out, "<br><code>{}</code>", text(failed));
    }
    out.push_str("</td></tr>\n");
}

/// The bar and the table of what vouches for how many bytes.
fn covered(out: &mut String, coverage: &Coverage) {
    let vouched = coverage.bytes.saturating_sub(coverage.nothing);
    out.push_str("<h3>Bytes that something vouches for</h3><div class=\"bar\" role=\"img\" aria-label=\"");
    let _ = write!(out, "{} % vouched for\">", share(vouched, coverage.bytes));
    let _ = write!(
        out,
        "<span class=\"vouched\" style=\"width:{}%\"></span><span class=\"nothing\" style=\"width:{}%\"></span></div>\n<table><tbody>",
        share(vouched, coverage.bytes),
        share(coverage.nothing, coverage.bytes)
    );
    for voucher in &coverage.by {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td>\
             <td class=\"number\">{}</td><td class=\"number\">{} %</td></tr>",
            text(&voucher.what),
            text(&voucher.by),
            grouped(voucher.bytes),
            share(voucher.bytes, coverage.bytes)
        );
    }
    let _ = writeln!(
        out,
        "<tr><td>nothing</td><td></td><td class=\"number\">{}</td>\
         <td class=\"number\">{} %</td></tr></tbody></table>",
        grouped(coverage.nothing),
        share(coverage.nothing, coverage.bytes)
    );
}

/// Text that is text and no markup, and shows what would hide or turn it.
pub(crate) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in for_terminal(text).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A number with a narrow gap between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Source, Vouched};

    fn document() -> Document<Verify> {
        let check = Check {
            what: "sha256".to_owned(),
            subject: "a<b>.iso".to_owned(),
            result: "damaged".to_owned(),
            by: "user".to_owned(),
            expected: Some(Amount::Digits("00ff".to_owned())),
            found: None,
            count: Some(1234),
            failed: vec!["x\u{202e}y".to_owned()],
            note: "differs & more".to_owned(),
            key: None,
            signer: None,
        };
        let coverage = Coverage {
            bytes: 3000,
            by: vec![Vouched { what: "crc32".to_owned(), by: "zip".to_owned(), bytes: 1000 }],
            nothing: 2000,
        };
        let source = Source { name: "<script>".to_owned(), bytes: 3000, sha256: None };
        let verify =
            Verify { source, verdict: "damaged".to_owned(), checks: vec![check], coverage: Some(coverage) };
        Document::new("verify", vec![verify])
    }

    #[test]
    fn nothing_of_a_source_is_markup() {
        let page = verification(&document(), "2026-11-23");
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
        assert!(page.contains("a&lt;b&gt;.iso") && page.contains("differs &amp; more"));
        assert!(page.contains("x\\u{202e}y"));
    }

    #[test]
    fn shares_add_up() {
        let page = verification(&document(), "2026-11-23");
        assert!(page.contains("33.33 %") && page.contains("66.66 %"), "{page}");
        assert!(page.contains("sha256 (1\u{202f}234)"));
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = verification(&document(), "2026-11-23");
        assert!(!page.contains("http") && !page.contains("src=") && !page.contains("@import"));
    }
}
