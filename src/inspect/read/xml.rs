//! XML files, by paths of elements.

use super::Said;
use crate::guard::guarded;
use roxmltree::{Document, Node, ParsingOptions};

/// Nodes that are read.
const MOST_NODES: u32 = 100_000;
/// Values that are given of one file.
const MOST: usize = 256;

/// The values at a path: `Setup/@Id` is an attribute, `Version/Build` a text,
/// `Property[@Id=BaselineVersion]/@Value` an attribute of the element that has another. The first name may be
/// anywhere in the document; the others are children. Names are without their prefix.
pub(super) fn find(text: &str, path: &str) -> Vec<Said> {
    let text = text.trim_start_matches('\u{feff}').trim_end_matches('\0');
    let found = guarded("an XML file", || {
        let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
        let Ok(document) = Document::parse_with_options(text, options) else { return Ok(Vec::new()) };
        let mut steps = path.split('/');
        let first = steps.next().unwrap_or_default();
        let mut nodes: Vec<Node<'_, '_>> =
            document.root().descendants().filter(|node| is(*node, first)).take(MOST).collect();
        let mut attribute = None;
        for step in steps {
            match step.strip_prefix('@') {
                Some(name) => attribute = Some(name),
                None => {
                    let children = nodes.iter().flat_map(Node::children).filter(|node| is(*node, step));
                    nodes = children.take(MOST).collect();
                }
            }
        }
        let value = |node: Node<'_, '_>| match attribute {
            Some(name) => {
                let mut named = node.attributes().filter(|known| known.name() == name);
                named.next().map(|known| known.value().to_owned())
            }
            None => node.text().map(|text| text.trim().to_owned()),
        };
        Ok(nodes.into_iter().filter_map(value).collect::<Vec<_>>())
    });
    found.unwrap_or_default().into_iter().map(|text| Said::new(path, text)).collect()
}

/// True where the element has that name, and the attribute with that value where one is asked for.
fn is(node: Node<'_, '_>, step: &str) -> bool {
    let (name, wanted) = step.split_once('[').unwrap_or((step, ""));
    let condition = wanted.strip_suffix(']').and_then(|inner| inner.strip_prefix('@')?.split_once('='));
    let has = |(key, value): (&str, &str)| {
        node.attributes().any(|known| known.name() == key && known.value().eq_ignore_ascii_case(value))
    };
    node.is_element() && node.tag_name().name() == name && condition.is_none_or(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str, path: &str) -> Vec<String> {
        find(text, path).into_iter().map(|said| said.text).collect()
    }

    #[test]
    fn elements_and_attributes_are_found() {
        let text = r#"<MediaInfo><Properties><Property Id="Other" Value="1"/>
            <Property Id="BaselineVersion" Value="11.0.2100.60"/></Properties><A><B> t </B></A></MediaInfo>"#;
        assert_eq!(values(text, "Property[@Id=BaselineVersion]/@Value"), ["11.0.2100.60"]);
        assert_eq!(values(text, "A/B"), ["t"]);
        assert!(values(text, "B/A").is_empty());
    }

    #[test]
    fn prefixes_do_not_matter_and_what_is_no_xml_says_nothing() {
        assert_eq!(values(r#"<x:a xmlns:x="u" x:v="1"/>"#, "a/@v"), ["1"]);
        assert!(values("<a", "a").is_empty());
        assert!(values("", "a/@v").is_empty());
    }
}
