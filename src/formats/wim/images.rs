//! What a WIM file says of its images: the XML data, UTF-16 behind a byte order mark.

use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::text::utf16_le;
use roxmltree::{Document, Node, ParsingOptions};

/// Bytes of XML data that are read at most.
pub(super) const MOST_XML: u64 = 16 << 20;
/// Nodes of it.
const MOST_NODES: u32 = 1 << 20;

/// One image, as the XML data describe it. Everything is as stored; what is not there is `None` or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Its number, from 1, as DISM counts.
    pub index: u32,
    /// `NAME`.
    pub name: Option<String>,
    /// `DESCRIPTION`.
    pub description: Option<String>,
    /// `DISPLAYNAME`: what setup shows.
    pub display_name: Option<String>,
    /// `DISPLAYDESCRIPTION`.
    pub display_description: Option<String>,
    /// `FLAGS`.
    pub flags: Option<String>,
    /// `WINDOWS/EDITIONID`: `ServerStandard`.
    pub edition_id: Option<String>,
    /// `WINDOWS/INSTALLATIONTYPE`: `Server Core`, `Server`, `Client`, `WindowsPE`.
    pub installation_type: Option<String>,
    /// `WINDOWS/PRODUCTNAME`.
    pub product_name: Option<String>,
    /// `WINDOWS/PRODUCTTYPE`: `ServerNT`, `WinNT`.
    pub product_type: Option<String>,
    /// `WINDOWS/ARCH`: a processor architecture's number, see [`Image::platform`].
    pub architecture: Option<u32>,
    /// `WINDOWS/VERSION`: major, minor and build number.
    pub version: Option<(u32, u32, u32)>,
    /// `WINDOWS/VERSION/SPBUILD`: the revision, as updates raise it.
    pub sp_build: Option<u32>,
    /// `WINDOWS/LANGUAGES/LANGUAGE`, all of them.
    pub languages: Vec<String>,
    /// `WINDOWS/LANGUAGES/DEFAULT`.
    pub default_language: Option<String>,
    /// `TOTALBYTES`: what the image unpacks to.
    pub bytes: Option<u64>,
    /// `FILECOUNT`.
    pub files: Option<u64>,
    /// `DIRCOUNT`.
    pub directories: Option<u64>,
}

impl Image {
    /// What people call it: the display name, else the name.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.display_name.as_deref().or(self.name.as_deref())
    }

    /// The word for the architecture (`PROCESSOR_ARCHITECTURE_*` of the Windows SDK).
    #[must_use]
    pub fn platform(&self) -> Option<&'static str> {
        match self.architecture? {
            0 => Some("x86"),
            5 => Some("arm"),
            6 => Some("ia64"),
            9 => Some("x64"),
            12 => Some("arm64"),
            _ => None,
        }
    }

    /// `WINDOWS/INSTALLATIONTYPE`, or what the edition's identifier says where that is not there: servers
    /// before 2008 R2 have no such value.
    #[must_use]
    pub fn installation(&self) -> Option<&str> {
        let by_edition = || match (self.product_type.as_deref()?, self.edition_id.as_deref()?) {
            ("ServerNT", id) if id.ends_with("Core") => Some("Server Core"),
            ("ServerNT", _) => Some("Server"),
            ("WinNT", _) => Some("Client"),
            _ => None,
        };
        self.installation_type.as_deref().or_else(by_edition)
    }

    /// `10.0.17763.1314`, as far as it is known.
    #[must_use]
    pub fn build(&self) -> Option<String> {
        let (major, minor, build) = self.version?;
        let revision = self.sp_build.map(|revision| format!(".{revision}")).unwrap_or_default();
        Some(format!("{major}.{minor}.{build}{revision}"))
    }
}

/// Reads the images out of the XML data.
///
/// # Errors
/// `Damaged` where it is not UTF-16 or not XML.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Image>> {
    let wrong = |what| Error::damaged(what).during("XML data");
    let Some(units) = bytes.strip_prefix(b"\xff\xfe") else {
        return Err(wrong("no byte order mark of UTF-16"));
    };
    let (text, whole) = utf16_le(units);
    if !whole || units.len() % 2 != 0 {
        return Err(wrong("text that is not UTF-16"));
    }
    let text = text.trim_end_matches('\0');
    guarded("XML data", || {
        let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
        let document =
            Document::parse_with_options(text, options).map_err(|_| wrong("no well-formed XML"))?;
        let images = document.root_element().children().filter(|node| node.has_tag_name("IMAGE"));
        Ok(images.take(1 << 16).map(image).collect())
    })
}

fn image(node: Node<'_, '_>) -> Image {
    let windows = below(node, "WINDOWS");
    let version = windows.and_then(|windows| below(windows, "VERSION"));
    let languages = windows.and_then(|windows| below(windows, "LANGUAGES"));
    let of_windows = |name| windows.and_then(|windows| text(windows, name));
    let number = |name| version.and_then(|version| text(version, name)).and_then(|text| text.parse().ok());
    let listed = languages.into_iter().flat_map(|languages| languages.children());
    let listed = listed.filter(|node| node.has_tag_name("LANGUAGE")).filter_map(|node| node.text());
    let count = |name| text(node, name).and_then(|text| text.parse().ok());
    Image {
        index: node.attribute("INDEX").and_then(|index| index.parse().ok()).unwrap_or(0),
        name: text(node, "NAME"),
        description: text(node, "DESCRIPTION"),
        display_name: text(node, "DISPLAYNAME"),
        display_description: text(node, "DISPLAYDESCRIPTION"),
        flags: text(node, "FLAGS"),
        edition_id: of_windows("EDITIONID"),
        installation_type: of_windows("INSTALLATIONTYPE"),
        product_name: of_windows("PRODUCTNAME"),
        product_type: of_windows("PRODUCTTYPE"),
        architecture: of_windows("ARCH").and_then(|text| text.parse().ok()),
        version: number("MAJOR").zip(number("MINOR")).zip(number("BUILD")).map(|((a, b), c)| (a, b, c)),
        sp_build: number("SPBUILD"),
        languages: listed.map(|text| text.trim().to_owned()).take(256).collect(),
        default_language: languages.and_then(|languages| text(languages, "DEFAULT")),
        bytes: count("TOTALBYTES"),
        files: count("FILECOUNT"),
        directories: count("DIRCOUNT"),
    }
}

fn below<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn text(node: Node<'_, '_>, name: &str) -> Option<String> {
    let text = below(node, name)?.text()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The words with which the titles of all images begin: the product, where images are its editions.
pub(super) fn common_title(images: &[Image]) -> Option<String> {
    let mut titles =
        images.iter().map(|image| image.title().map(|title| title.split(' ').collect::<Vec<_>>()));
    let mut common = titles.next()??;
    for title in titles {
        let title = title?;
        let same = common.iter().zip(&title).take_while(|(a, b)| a == b).count();
        common.truncate(same);
    }
    (common.len() > 1).then(|| common.join(" "))
}

/// The value that all images agree on.
pub(super) fn agreed<T: PartialEq>(images: &[Image], of: impl Fn(&Image) -> Option<T>) -> Option<T> {
    let mut values = images.iter().map(of);
    let first = values.next()??;
    values.all(|value| value.as_ref() == Some(&first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn an_image_is_described() {
        let images = parse(&utf16(
            "<WIM><TOTALBYTES>1</TOTALBYTES><IMAGE INDEX=\"2\"><NAME>N</NAME><DISPLAYNAME>Server \
             ü</DISPLAYNAME><TOTALBYTES>77</TOTALBYTES><WINDOWS><ARCH>9</ARCH><EDITIONID>ServerStandard</EDITIONID>\
             <LANGUAGES><LANGUAGE>en-US</LANGUAGE><LANGUAGE>de-DE</LANGUAGE><DEFAULT>en-US</DEFAULT></LANGUAGES>\
             <VERSION><MAJOR>10</MAJOR><MINOR>0</MINOR><BUILD>17763</BUILD><SPBUILD>1314</SPBUILD></VERSION>\
             </WINDOWS></IMAGE></WIM>",
        ))
        .unwrap();
        let image = &images[0];
        assert_eq!((image.index, image.title(), image.bytes), (2, Some("Server ü"), Some(77)));
        assert_eq!((image.platform(), image.build()), (Some("x64"), Some("10.0.17763.1314".to_owned())));
        assert_eq!(image.languages, ["en-US", "de-DE"]);
        assert_eq!(image.installation(), None);
        let words = |text: &str| Some(text.to_owned());
        let old = Image { product_type: words("ServerNT"), ..image.clone() };
        assert_eq!(old.installation(), Some("Server"));
        let core = Image { edition_id: words("ServerStandardCore"), ..old.clone() };
        assert_eq!(core.installation(), Some("Server Core"));
        assert_eq!(Image { installation_type: words("Client"), ..core }.installation(), Some("Client"));
    }

    #[test]
    fn what_is_no_utf16_or_no_xml_is_an_error() {
        assert!(parse(b"<WIM></WIM>").is_err());
        assert!(parse(&utf16("<WIM>")).is_err());
        assert!(parse(b"\xff\xfe\x00\xd8\x00\xd8").is_err());
        assert!(parse(&utf16("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>")).is_err());
    }

    #[test]
    fn editions_have_their_product_in_common() {
        let image = |title: &str| Image { name: Some(title.to_owned()), ..Image::default() };
        let title =
            |titles: &[&str]| common_title(&titles.iter().map(|title| image(title)).collect::<Vec<_>>());
        assert_eq!(
            title(&["Windows Server 2019 Core", "Windows Server 2019 Full"]).unwrap(),
            "Windows Server 2019"
        );
        assert_eq!(title(&["Windows 10 Home", "Windows 10 Pro"]).unwrap(), "Windows 10");
        assert_eq!(title(&["Image 1", "Image 2"]), None);
        assert_eq!(title(&["A B", ""]), None);
    }

    #[test]
    fn images_that_differ_agree_on_nothing() {
        let image = |arch| Image { architecture: Some(arch), ..Image::default() };
        assert_eq!(agreed(&[image(9), image(9)], Image::platform), Some("x64"));
        assert_eq!(agreed(&[image(9), image(0)], Image::platform), None);
        assert_eq!(agreed(&[], Image::platform), None);
    }
}
