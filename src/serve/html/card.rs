//! The identity of a medium: what it is, whether it is what was published, what to know.

use super::super::answer::{self, Answer, address};
use super::super::media::{Medium, Site, State};
use super::{disc, size, sized};
use crate::container::EntryKind;
use crate::inspect::disc as fitting;
use crate::page::{grouped, text};
use crate::report::{self, Inspect};
use crate::verify::{Amount, Check, Outcome, Verdict, Verified};
use bytes::Bytes;
use hyper::StatusCode;
use std::fmt::Write as _;

/// What is said of a medium's wholeness: a class and word for the badge, and a sentence.
struct Word {
    class: &'static str,
    word: &'static str,
    sentence: String,
}

/// True while more will be known soon.
pub(super) fn is_pending(medium: &Medium) -> bool {
    medium.report().is_none() || matches!(medium.state(), State::Waiting | State::Running(..))
}

/// The product and its release; the label or the name where no product is known.
pub(super) fn title(medium: &Medium) -> String {
    let Some(report) = medium.report() else { return last(&medium.name) };
    let Some(product) = &report.product else {
        let label = report.volume.get("label").filter(|label| !label.trim().is_empty());
        return label.cloned().unwrap_or_else(|| last(&medium.name));
    };
    let mut out = product.value.clone();
    if let Some(release) = report.release.as_ref().filter(|release| !out.contains(&release.value)) {
        let _ = write!(out, " {}", release.value);
    }
    out
}

fn last(name: &str) -> String {
    name.trim_end_matches('/').rsplit('/').next().unwrap_or(name).to_owned()
}

fn word(medium: &Medium) -> Word {
    let said = |class, word, sentence: String| Word { class, word, sentence };
    match medium.state() {
        State::Waiting => said("pending", "waiting", "it is verified after the others".to_owned()),
        State::Running(done, total) => {
            let percent = done.saturating_mul(100).checked_div(total).unwrap_or(0).min(100);
            said(
                "pending",
                "verifying\u{2026}",
                format!("{percent} % of {} read", size(total.max(medium.bytes()))),
            )
        }
        State::Failed(why) => said("unverified", "not verified", why),
        State::Skipped => {
            said("unverified", "not verified", "this server was told not to read it all".to_owned())
        }
        State::NoList => said(
            "unverified",
            "not verified",
            "no list of its files (SHA256SUMS) lies in the directory".to_owned(),
        ),
        State::Done(verified) => match verified.verdict {
            Verdict::Verified => said("verified", "verified", vouching(&verified)),
            Verdict::Unverified => {
                let why = "nothing says what it ought to be: a list such as SHA256SUMS beside it would";
                said("unverified", "not verified", why.to_owned())
            }
            Verdict::Damaged => {
                let bad = |check: &&Check| check.outcome == Outcome::Damaged;
                let bad: Vec<String> = verified.checks.iter().filter(bad).take(3).map(one_line).collect();
                said("damaged", "damaged", bad.join("; "))
            }
        },
    }
}

fn one_line(check: &Check) -> String {
    let subject = if check.subject.is_empty() { check.what } else { &check.subject };
    format!("{subject}: {}", if check.note.is_empty() { "differs" } else { &check.note })
}

/// What proves it.
fn vouching(verified: &Verified) -> String {
    let vouching = |check: &&Check| check.vouches && check.subject.is_empty();
    let strong = verified.checks.iter().filter(vouching).find(|check| check.outcome == Outcome::Ok);
    let Some(check) = strong.or_else(|| verified.checks.iter().find(vouching)) else {
        let files = verified.checks.iter().filter(|check| check.vouches).count();
        return format!("{} files are what the list in it names", grouped(files as u64));
    };
    let weak = if strong.is_some() { "" } else { ", by a weak digest only" };
    let by = last(&check.by.replace('\\', "/"));
    match check.signer.as_ref().and_then(|signer| signer.name.as_ref()) {
        Some(name) => format!("signed by {name}{weak}"),
        None if check.what == "authenticode" => {
            format!("signed by {}{weak}; revocation not checked", check.by)
        }
        None => format!("its {} is what {by} says{weak}", check.what.to_uppercase().replace("SHA", "SHA-")),
    }
}

fn badge(out: &mut String, medium: &Medium) {
    let word = word(medium);
    let wait = if is_pending(medium) { " data-wait" } else { "" };
    let _ = write!(
        out,
        "<div class=\"vouch\"><span class=\"verdict {}\">{}</span> <span{wait}>{}</span></div>",
        word.class,
        word.word,
        text(&word.sentence)
    );
}

/// For the script that waits.
pub(super) fn status(site: &Site, medium: Option<&Medium>) -> Answer {
    let pending = medium.map_or_else(|| site.media().iter().any(is_pending), is_pending);
    let sentence = medium.map(|medium| word(medium).sentence).unwrap_or_default();
    let json = serde_json::json!({ "pending": pending, "text": sentence }).to_string();
    answer::whole(StatusCode::OK, "application/json", Bytes::from(json))
}

/// The whole card of one medium, with the picture of its disc.
pub(super) fn whole(out: &mut String, site: &Site, medium: &Medium) {
    let report = medium.report();
    let picture = medium.picture().filter(|_| report.is_none_or(|report| report.disc.is_some()));
    let alone = if picture.is_none() { " alone" } else { "" };
    let _ = write!(out, "<div class=\"identity{alone}\"><section><h1>{}</h1>", text(&title(medium)));
    let _ = write!(out, "<p class=\"lead\">{}</p>", text(&last(&medium.name)));
    badge(out, medium);
    out.push_str("<dl>");
    if let Some(report) = report {
        facts(out, report);
    }
    let whole = match report {
        Some(report) if !report.complete => format!("; {} bytes are missing", grouped(report.missing_bytes)),
        _ => String::new(),
    };
    row(out, "Size", &format!("{}{whole}", sized(medium.bytes())));
    row(out, "Files", &grouped(site.files(medium)));
    if let Some(found) = report.and_then(|report| report.disc.as_ref()) {
        row(out, "Disc", &fitting::fit(found.bytes).sentence());
    }
    if let State::Done(verified) = medium.state()
        && let Some(sha256) = &verified.sha256
    {
        let _ = write!(out, "<dt>SHA-256</dt><dd><code>{}</code></dd>", sha256.hex());
    }
    out.push_str("</dl>");
    for advice in report.map(|report| report.advice.as_slice()).unwrap_or_default() {
        let class = if advice.severity == "warn" { "" } else { " note" };
        let _ = write!(out, "<p class=\"advice{class}\">{}</p>", text(&advice.note));
    }
    if let State::Done(verified) = medium.state() {
        checks(out, &verified);
    }
    if let Some(report) = report {
        more(out, report);
    }
    out.push_str("</section>");
    if let Some(picture) = picture {
        disc::draw(out, picture);
    }
    out.push_str("</div><h2>Files</h2>");
}

fn row(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, "<dt>{name}</dt><dd>{}</dd>", text(value));
}

fn weighed(out: &mut String, name: &str, found: Option<&report::Weighed>) {
    let Some(found) = found else { return };
    let _ = write!(out, "<dt>{name}</dt><dd>{}", text(&found.value));
    if found.state == "conflict" {
        out.push_str(" <span class=\"weak\">(what it says contradicts itself)</span>");
    }
    also(out, &found.also);
    out.push_str("</dd>");
}

fn also(out: &mut String, also: &[report::Also]) {
    const MOST: usize = 4;
    for also in also.iter().take(MOST) {
        let place = if also.place.is_empty() { "it" } else { &also.place };
        let _ = write!(
            out,
            "<small>{} also says {}: {}</small>",
            text(place),
            text(&also.value),
            text(&also.why)
        );
    }
    if also.len() > MOST {
        let _ = write!(out, "<small>and {} more</small>", also.len() - MOST);
    }
}

fn facts(out: &mut String, report: &Inspect) {
    if let Some(vendor) = report.product.as_ref().and_then(|product| product.vendor.as_ref()) {
        row(out, "From", vendor);
    }
    weighed(out, "Release", report.release.as_ref());
    weighed(out, "Build", report.build.as_ref());
    if report.platform.value != "unknown" {
        let _ = write!(out, "<dt>Platform</dt><dd>{}", text(&report.platform.value));
        also(out, &report.platform.also);
        out.push_str("</dd>");
    }
    if !report.languages.is_empty() {
        row(
            out,
            if report.languages.len() == 1 { "Language" } else { "Languages" },
            &report.languages.join(", "),
        );
    }
    if let Some(channel) = &report.channel {
        row(out, "Channel", channel);
    }
    if !report.editions.is_empty() {
        out.push_str("<dt>Editions</dt><dd>");
        for edition in &report.editions {
            let name = if edition.name.is_empty() { &edition.id } else { &edition.name };
            let _ = write!(
                out,
                "{}. {}<small>{} unpacked</small>",
                edition.index,
                text(name),
                size(edition.bytes)
            );
        }
        out.push_str("</dd>");
    }
    let boot = match (report.boot.bios, report.boot.uefi.as_slice()) {
        (false, []) => None,
        (true, []) => Some("BIOS".to_owned()),
        (false, uefi) => Some(format!("UEFI ({})", uefi.join(", "))),
        (true, uefi) => Some(format!("BIOS and UEFI ({})", uefi.join(", "))),
    };
    if let Some(boot) = boot {
        row(out, "Starts with", &boot);
    }
}

fn checks(out: &mut String, verified: &Verified) {
    const MOST: usize = 200;
    let _ =
        write!(out, "<details><summary>What was checked ({})</summary><table><tbody>", verified.checks.len());
    for check in verified.checks.iter().take(MOST) {
        let class = match check.outcome {
            Outcome::Ok => "ok",
            Outcome::Weak => "weak",
            Outcome::Damaged => "bad",
            Outcome::Unchecked => "unchecked",
        };
        let subject = if check.subject.is_empty() { String::new() } else { format!(" of {}", check.subject) };
        let _ = write!(
            out,
            "<tr><td class=\"{class}\">{}</td><td>{}<small>{}</small></td><td>{}",
            check.outcome.name(),
            text(&format!("{}{subject}", check.what)),
            text(&last(&check.by.replace('\\', "/"))),
            text(&check.note)
        );
        for (name, amount) in [("expected", &check.expected), ("found", &check.found)] {
            let _ = match amount {
                Some(Amount::Bytes(bytes)) => write!(out, "<small>{name} {} bytes</small>", grouped(*bytes)),
                Some(Amount::Digest(value)) => {
                    write!(out, "<small>{name} <code>{}</code></small>", value.hex())
                }
                None => Ok(()),
            };
        }
        out.push_str("</td></tr>");
    }
    out.push_str("</tbody></table></details>");
}

/// Layers and findings: for those who want to know.
fn more(out: &mut String, report: &Inspect) {
    let _ = write!(out, "<details><summary>How it is organised</summary><table><tbody>");
    for layer in &report.layers {
        let files = layer.entries.map(|entries| format!("{} files", grouped(entries))).unwrap_or_default();
        let place = if layer.path.is_empty() { String::new() } else { format!("in {}", layer.path) };
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}<small>{}</small></td><td class=\"number\">{files}</td></tr>",
            text(&layer.format),
            text(&layer.detail),
            text(&[layer.label.clone().unwrap_or_default(), place].join(" "))
        );
    }
    for finding in report.findings.iter().filter(|finding| finding.severity != "note").take(50) {
        let class = if finding.severity == "damaged" { "bad" } else { "weak" };
        let _ = write!(
            out,
            "<tr><td class=\"{class}\">{}</td><td colspan=\"2\">{}<small>{}</small></td></tr>",
            text(&finding.severity),
            text(&finding.what),
            text(&finding.subject)
        );
    }
    out.push_str("</tbody></table></details>");
}

/// One line above a directory further in.
pub(super) fn slim(out: &mut String, medium: &Medium, top: &str) {
    let word = word(medium);
    let _ = write!(
        out,
        "<p class=\"vouch\"><a href=\"{}\">{}</a> <span class=\"verdict {}\">{}</span></p>",
        text(top),
        text(&title(medium)),
        word.class,
        word.word
    );
}

/// A card for each of several.
pub(super) fn several(out: &mut String, site: &Site, media: &[&Medium]) {
    let pending = media.iter().any(|medium| is_pending(medium));
    let number = media.len();
    let _ = write!(out, "<h1>{number} media</h1>");
    if pending {
        out.push_str(
            "<p class=\"lead\">Being looked at and verified: <span data-wait>this page follows</span></p>",
        );
    }
    out.push_str("<div class=\"cards\">");
    for medium in media {
        let path = site.view().path(medium.node).unwrap_or_default();
        let word = word(medium);
        let _ = write!(
            out,
            "<section class=\"card\"><h2><a href=\"{}\">{}</a></h2><p class=\"path\">{}</p><p>",
            text(&address(&path, EntryKind::Dir)),
            text(&title(medium)),
            text(&path)
        );
        let mut facts: Vec<String> = Vec::new();
        if let Some(report) = medium.report() {
            facts.extend(report.build.as_ref().map(|build| format!("build {}", build.value)));
            facts.extend(Some(report.platform.value.clone()).filter(|platform| platform != "unknown"));
            facts.extend(report.languages.first().filter(|_| report.languages.len() == 1).cloned());
        }
        facts.push(size(medium.bytes()));
        let _ = write!(
            out,
            "{}</p><p><span class=\"verdict {}\">{}</span></p><p class=\"path\">{}</p></section>",
            text(&facts.join(" \u{b7} ")),
            word.class,
            word.word,
            text(&word.sentence)
        );
    }
    out.push_str("</div>");
}
