//! The application manifest: which rights a program asks for, and the processor it names.
//!
//! Two attributes are searched for in the text; a manifest that is no well-formed XML is read as well as any.
//!
//! Reference: "Application Manifests" (Microsoft).

use super::image::Image;
use super::resources::{Id, Resource};
use crate::error::Result;
use crate::text::{utf8_or_latin1, utf16_le};
use object::pe;

/// Bytes of a manifest that are looked at.
const MOST: usize = 1 << 18;

/// What the manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// `level` of `requestedExecutionLevel`: `asInvoker`, `highestAvailable`, `requireAdministrator`.
    pub execution_level: Option<String>,
    /// `processorArchitecture` of the assembly: `amd64`, `*`.
    pub processor: Option<String>,
}

/// The first manifest among the resources.
pub(super) fn read(image: &mut Image<'_>, resources: &[Resource]) -> Result<Option<Manifest>> {
    let is = |resource: &&Resource| resource.kind == Id::Number(pe::RT_MANIFEST.into());
    let Some(resource) = resources.iter().find(is) else { return Ok(None) };
    let size = usize::try_from(resource.range.end - resource.range.start).unwrap_or(MOST).min(MOST);
    Ok(Some(parse(&image.bytes(resource.range.start, size)?)))
}

fn parse(bytes: &[u8]) -> Manifest {
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16_le(rest).0,
        _ => utf8_or_latin1(bytes),
    };
    Manifest {
        execution_level: attribute(&text, "requestedExecutionLevel", "level"),
        processor: attribute(&text, "assemblyIdentity", "processorArchitecture"),
    }
}

/// The value of `name` in the first element whose name, with or without a prefix, is `element`.
fn attribute(text: &str, element: &str, name: &str) -> Option<String> {
    let elements = text.split('<').filter(|part| {
        let tag = part.split([' ', '\t', '\r', '\n', '>', '/']).next().unwrap_or_default();
        tag.rsplit(':').next() == Some(element)
    });
    let first = elements.into_iter().next()?.split('>').next()?;
    let mut rest = first;
    while let Some((before, after)) = rest.split_once('=') {
        let own = before.trim_end().rsplit([' ', '\t', '\r', '\n', '"', '\'']).next();
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, behind) = after.get(1..)?.split_once(quote)?;
        if own == Some(name) {
            let value = value.trim();
            return (!value.is_empty() && value.len() <= 64).then(|| value.to_owned());
        }
        rest = behind;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_and_processor_are_found_whatever_the_prefix_and_the_quotes() {
        let text = b"<?xml version='1.0'?><assembly><assemblyIdentity type=\"win32\" name=\"x\"\r\n \
            processorArchitecture=\"amd64\"/><ms:requestedExecutionLevel uiAccess='false' \
            level = 'requireAdministrator'/></assembly>";
        let manifest = parse(text);
        assert_eq!(manifest.execution_level.as_deref(), Some("requireAdministrator"));
        assert_eq!(manifest.processor.as_deref(), Some("amd64"));
        assert_eq!(parse(b"<requestedExecutionLevel level"), Manifest::default());
        assert_eq!(parse(b""), Manifest::default());
    }
}
