//! What a self-extractor says besides its members: the stub, its version, the program to run, the product.

use super::host::Host;
use super::stubs::Known;
use crate::container::{Catalogue, EntryKind, Layer, Region};
use crate::error::Result;
use crate::formats::promoted::Part;
use crate::source::{Source, read_up_to};
use crate::text::utf8_or_latin1;

/// Bytes before a 7z archive where its configuration may begin.
const CONFIG: u64 = 64 << 10;
/// Bytes of a resource's text that are kept.
const TEXT: usize = 1 << 10;

/// Fills in facts and layers. Returns the places of what was read for them.
pub(super) fn all(
    source: &dyn Source,
    host: &Host,
    known: Option<&Known>,
    parts: &[Part],
    catalogue: &mut Catalogue,
) -> Result<Vec<Region>> {
    let mut spans = Vec::new();
    let mut named: Vec<(&'static str, String)> = Vec::new();
    let mut add = |name: &'static str, value: String| {
        if !value.is_empty() && !named.iter().any(|(known, _)| *known == name) {
            named.push((name, value));
        }
    };
    for part in parts {
        let inner = part.container();
        catalogue.findings.extend_from_slice(inner.findings());
        catalogue.facts.label = catalogue.facts.label.take().or_else(|| inner.facts().label.clone());
        for (name, value) in &inner.facts().named {
            add(name, value.clone());
        }
        if inner.layers().is_empty() {
            let files = inner.entries().iter().filter(|entry| entry.kind == EntryKind::File).count();
            catalogue.layers.push(Layer {
                path: String::new(),
                format: inner.format(),
                detail: part.title.to_owned(),
                label: None,
                entries: Some(files as u64),
                used: true,
            });
        }
        catalogue.layers.extend_from_slice(inner.layers());
    }
    for part in parts.iter().filter(|part| part.title == "7z") {
        if let Some((region, pairs)) = config(source, host, part)? {
            for (name, value) in pairs {
                add(name, value);
            }
            spans.push(region);
        }
    }
    if !parts.is_empty() {
        iexpress(source, host, &mut add)?;
    }
    if let Some(known) = known {
        add("stub", known.stub.name.to_owned());
        add("stub_version", known.version.clone().unwrap_or_default());
    }
    if let Some(image) = &host.pe {
        let about_itself = known.is_some_and(|known| known.speaks_of_itself) && !parts.is_empty();
        for (name, value) in image.named() {
            let of_stub = matches!(
                name,
                "product"
                    | "version"
                    | "product_version"
                    | "manufacturer"
                    | "description"
                    | "comment"
                    | "languages"
            );
            if name != "manifest_processor" && !(about_itself && of_stub) {
                add(name, value);
            }
        }
        if !parts.is_empty() {
            add("stub_platform", image.facts.head.machine.platform().name().to_owned());
        }
    }
    let fact = |name: &str| named.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    if let (None, Some(title)) = (fact("product"), fact("title")) {
        named.push(("product", title));
    }
    // What `pe` said stands already where its members are shown.
    for (name, value) in named {
        if !catalogue.facts.named.iter().any(|(known, _)| *known == name) {
            catalogue.facts.named.push((name, value));
        }
    }
    Ok(spans)
}

/// Name and value.
type Pairs = Vec<(&'static str, String)>;

/// The configuration that 7-Zip's installer stubs read: text between two marks, before the archive.
fn config(source: &dyn Source, host: &Host, part: &Part) -> Result<Option<(Region, Pairs)>> {
    const BEGIN: &[u8] = b";!@Install@!UTF-8";
    const END: &[u8] = b";!@InstallEnd@!";
    let from = part.range.start.saturating_sub(CONFIG).max(host.end.min(part.range.start));
    let bytes = read_up_to(source, from, usize::try_from(part.range.start - from).unwrap_or_default())?;
    let find = |what: &[u8]| bytes.windows(what.len()).rposition(|window| window == what);
    let Some(begin) = find(BEGIN) else { return Ok(None) };
    let behind = bytes.get(begin..).unwrap_or_default();
    let end = behind.windows(END.len()).position(|window| window == END);
    let text = utf8_or_latin1(behind.get(..end.unwrap_or(behind.len())).unwrap_or_default());
    let start = from.saturating_add(begin as u64);
    let region = Region { what: "7z configuration".to_owned(), range: start..part.range.start };
    Ok(Some((region, values(&text))))
}

/// `Key="value"` in lines, with `\"`, `\\`, `\n` and `\t` in values.
fn values(text: &str) -> Pairs {
    let mut out = Pairs::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("=\"") {
        let key = before.rsplit(['\r', '\n', ';', '!', ' ', '\t', '"']).next().unwrap_or_default();
        let mut value = String::new();
        let mut chars = after.char_indices();
        let mut end = after.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, c @ ('"' | '\\'))) => value.push(c),
                    Some((_, c)) => value.extend(['\\', c]),
                    None => {}
                },
                c => value.push(c),
            }
        }
        let name = match key {
            "Title" => Some("title"),
            "RunProgram" | "ExecuteFile" | "AutoInstall" => Some("run_program"),
            "ExecuteParameters" => Some("run_parameters"),
            "BeginPrompt" => Some("prompt"),
            "InstallPath" | "Directory" => Some("install_path"),
            "FinishMessage" => Some("finish_message"),
            _ => None,
        };
        out.extend(name.map(|name| (name, value)));
        rest = after.get(end..).unwrap_or_default();
    }
    out
}

/// What IExpress keeps beside the cabinet, in resources of their own.
fn iexpress(source: &dyn Source, host: &Host, add: &mut impl FnMut(&'static str, String)) -> Result<()> {
    const NAMES: [(&str, &str); 7] = [
        ("TITLE", "title"),
        ("RUNPROGRAM", "run_program"),
        ("POSTRUNPROGRAM", "post_run_program"),
        ("ADMQCMD", "admin_quiet_command"),
        ("USRQCMD", "user_quiet_command"),
        ("UPROMPT", "prompt"),
        ("FINISHMSG", "finish_message"),
    ];
    let Some(image) = &host.pe else { return Ok(()) };
    if !image.resources.iter().any(|resource| resource.is_rcdata("CABINET")) {
        return Ok(());
    }
    for (name, fact) in NAMES {
        let Some(resource) = image.resources.iter().find(|resource| resource.is_rcdata(name)) else {
            continue;
        };
        let len = usize::try_from(resource.range.end - resource.range.start).unwrap_or(TEXT).min(TEXT);
        let bytes = read_up_to(source, resource.range.start, len)?;
        let text = utf8_or_latin1(bytes.split(|byte| *byte == 0).next().unwrap_or_default());
        if text != "<None>" {
            add(fact, text.trim().to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_gives_its_values_with_their_escapes() {
        let text = ";!@Install@!UTF-8!\r\nTitle=\"A \\\"b\\\"\"\r\nRunProgram=\"x\\\\setup.exe\"\r\nNo=1\r\nBeginPrompt=\"a\\nb";
        let expected = [("title", "A \"b\""), ("run_program", "x\\setup.exe"), ("prompt", "a\nb")];
        let expected: Pairs = expected.map(|(name, value)| (name, value.to_owned())).into();
        assert_eq!(values(text), expected);
    }
}
