//! Lists that are whole documents of their own: hashdeep, Metalink, Windows' `products.xml`, `.treeinfo`.

use super::hint::{self, Named};
use super::layout::{MOST_LINES, is_hex};
use super::{BadLine, Basis, Line, Sums, Unsupported, Why};
use crate::digest::Value;
use crate::error::{Error, Result};
use crate::guard::guarded;
use roxmltree::{Document, Node, ParsingOptions};

/// Elements, texts and attributes of an XML document.
const MOST_NODES: u32 = 4_000_000;

/// Columns of a hashdeep list.
const MOST_COLUMNS: usize = 64;

/// Reads the document, where it is one of these.
///
/// # Errors
/// `Limit` for more lines than are kept; `Unsupported` for XML that is none of these.
pub(super) fn read(lines: &[(u64, &str)], text: &str) -> Option<Result<Sums>> {
    let first = text.trim_start();
    let sums = if first.starts_with("%%%% HASHDEEP-") {
        Ok(hashdeep(lines))
    } else if first.starts_with('<') {
        guarded("XML of a checksum list", || xml(text))
    } else if first.starts_with('[') && lines.iter().any(|(_, line)| line.trim() == "[checksums]") {
        Ok(treeinfo(lines))
    } else {
        return None;
    };
    Some(sums.and_then(|sums| {
        let kept = sums.lines.len() + sums.bad.len() + sums.unsupported.len();
        if kept as u64 > MOST_LINES {
            return Err(Error::limit("lines in a checksum list", MOST_LINES));
        }
        Ok(sums)
    }))
}

impl Sums {
    /// Keeps a value whose digest is named.
    fn add(&mut self, line_number: u64, named: Named, digits: &str, name: Option<String>, size: Option<u64>) {
        match named {
            Named::Other(algorithm) => {
                self.unsupported.push(Unsupported { line_number, name, algorithm });
            }
            Named::Known(algorithm) => match Value::from_hex(algorithm, digits) {
                Ok(value) => {
                    self.lines.push(Line { name, value, basis: Basis::Named, size, line_number });
                }
                Err(_) => {
                    let why = if is_hex(digits) {
                        Why::WrongLength { algorithm, digits: digits.len() }
                    } else {
                        Why::NoValue { algorithm }
                    };
                    self.bad.push(BadLine { line_number, name, why });
                }
            },
        }
    }
}

/// `%%%% size,md5,sha256,filename` and a line a file; names are last and may have commas.
fn hashdeep(lines: &[(u64, &str)]) -> Sums {
    let mut sums = Sums::default();
    let mut columns: Vec<&str> = Vec::new();
    for &(number, line) in lines {
        if let Some(head) = line.strip_prefix("%%%% ") {
            if !head.starts_with("HASHDEEP-") {
                columns = head.split(',').take(MOST_COLUMNS).collect();
            }
            continue;
        }
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let fields: Vec<&str> = line.splitn(columns.len().max(1), ',').collect();
        let (Some(("filename", kinds)), Some((name, values))) =
            (columns.split_last().map(|(l, k)| (*l, k)), fields.split_last())
        else {
            sums.not_understood.push(number);
            continue;
        };
        if kinds.len() != values.len() {
            sums.not_understood.push(number);
            continue;
        }
        let pairs = || kinds.iter().zip(values);
        let size = pairs().find(|(kind, _)| **kind == "size").and_then(|(_, bytes)| bytes.parse().ok());
        let known = sums.lines.len();
        let mut others = Vec::new();
        for (kind, value) in pairs().filter(|(kind, _)| **kind != "size") {
            match hint::from_word(kind) {
                Some(Named::Other(other)) => others.push(other),
                Some(named) => sums.add(number, named, value, Some((*name).to_owned()), size),
                None => {}
            }
        }
        // Tiger and Whirlpool beside digests that are computed are no loss.
        if sums.lines.len() == known {
            for other in others {
                sums.add(number, Named::Other(other), "", Some((*name).to_owned()), size);
            }
        }
    }
    sums
}

/// `[checksums]` of a Fedora tree: `path = sha256:digits`.
fn treeinfo(lines: &[(u64, &str)]) -> Sums {
    let mut sums = Sums::default();
    let mut inside = false;
    for &(number, line) in lines {
        let text = line.trim();
        if text.starts_with('[') {
            inside = text == "[checksums]";
            continue;
        }
        if !inside || text.is_empty() || text.starts_with(['#', ';']) {
            continue;
        }
        let found = text.split_once('=').and_then(|(path, value)| {
            let (word, digits) = value.trim().split_once(':')?;
            Some((path.trim(), hint::from_word(word)?, digits.trim()))
        });
        match found {
            Some((path, named, digits)) => sums.add(number, named, digits, Some(path.to_owned()), None),
            None => sums.not_understood.push(number),
        }
    }
    sums
}

/// Metalink 4 (RFC 5854), Metalink 3, and Windows' list of its media.
fn xml(text: &str) -> Result<Sums> {
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options)
        .map_err(|_| Error::unsupported("as a checksum list: it is no XML that can be read"))?;
    let mut sums = Sums::default();
    let mut rows = Rows { text, at: 0, row: 1 };
    for file in document.root_element().descendants().filter(|node| is(*node, &["file"])) {
        described(&mut sums, &mut rows, file);
    }
    Ok(sums)
}

/// A `file` of a Metalink, or a `File` of `products.xml`.
fn described(sums: &mut Sums, rows: &mut Rows<'_>, file: Node<'_, '_>) {
    let child = |names: &[&str]| file.children().find(|node| is(*node, names)).and_then(|node| words(&node));
    let Some(name) = file.attribute("name").or_else(|| child(&["FileName"])).map(str::to_owned) else {
        return;
    };
    let size = child(&["size", "Size"]).and_then(|bytes| bytes.parse().ok());
    let verification = file.children().find(|node| is(*node, &["verification"]));
    let hashes = file.children().chain(verification.into_iter().flat_map(|node| node.children()));
    for node in hashes.filter(Node::is_element) {
        let tag = node.tag_name().name();
        if tag == "pieces" {
            sums.notes.push(format!("the digests of the pieces of {name} are not used"));
            continue;
        }
        let named = match tag {
            "hash" => node.attribute("type").and_then(hint::from_word),
            // `Sha1`, `Sha256`.
            _ => hint::from_word(tag),
        };
        if let (Some(named), Some(digits)) = (named, words(&node)) {
            sums.add(rows.of(node.range().start), named, digits, Some(name.clone()), size);
        }
    }
}

fn is(node: Node<'_, '_>, names: &[&str]) -> bool {
    let name = node.tag_name().name();
    node.is_element() && names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn words<'a>(node: &Node<'a, '_>) -> Option<&'a str> {
    node.text().map(str::trim).filter(|text| !text.is_empty())
}

/// The line that a place is on; places come in order.
struct Rows<'a> {
    text: &'a str,
    at: usize,
    row: u64,
}

impl Rows<'_> {
    fn of(&mut self, place: usize) -> u64 {
        let new = self.text.as_bytes().get(self.at..place).unwrap_or_default();
        self.row += new.iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.at = self.at.max(place);
        self.row
    }
}
