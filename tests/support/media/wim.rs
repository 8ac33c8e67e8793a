//! Windows images: header, lookup table, an empty directory for each image, and the XML data that say what
//! the images are (WIM white paper).

use super::Data;
use super::text::utf16;
use std::fmt::Write as _;

const HEADER: usize = 208;

/// One image and what the XML data say of it.
#[derive(Clone, Default)]
pub struct Image {
    name: String,
    display: Option<String>,
    flags: Option<String>,
    arch: Option<u32>,
    version: Option<String>,
    branch: Option<String>,
    edition: Option<String>,
    installation: Option<String>,
    product_type: Option<String>,
    product: Option<String>,
    languages: Vec<String>,
}

/// An image of that name.
pub fn image(name: &str) -> Image {
    Image { name: name.to_owned(), ..Image::default() }
}

impl Image {
    /// `DISPLAYNAME`.
    pub fn display(self, name: &str) -> Self {
        Self { display: Some(name.to_owned()), ..self }
    }

    /// `FLAGS`.
    pub fn flags(self, flags: &str) -> Self {
        Self { flags: Some(flags.to_owned()), ..self }
    }

    /// `ARCH`: 0 x86, 5 arm, 6 ia64, 9 x64, 12 arm64.
    pub fn arch(self, arch: u32) -> Self {
        Self { arch: Some(arch), ..self }
    }

    /// `VERSION`: major, minor, build, `SPBUILD`, and `SPLEVEL` behind a dash.
    pub fn version(self, version: &str) -> Self {
        Self { version: Some(version.to_owned()), ..self }
    }

    /// `VERSION/BRANCH`.
    pub fn branch(self, branch: &str) -> Self {
        Self { branch: Some(branch.to_owned()), ..self }
    }

    /// `EDITIONID`.
    pub fn edition(self, id: &str) -> Self {
        Self { edition: Some(id.to_owned()), ..self }
    }

    /// `INSTALLATIONTYPE` `Client` and `PRODUCTTYPE` `WinNT`.
    pub fn client(self) -> Self {
        Self { installation: Some("Client".to_owned()), product_type: Some("WinNT".to_owned()), ..self }
    }

    /// `INSTALLATIONTYPE` `Server` and `PRODUCTTYPE` `ServerNT`.
    pub fn server(self) -> Self {
        Self { installation: Some("Server".to_owned()), product_type: Some("ServerNT".to_owned()), ..self }
    }

    /// `INSTALLATIONTYPE` `Server Core` and `PRODUCTTYPE` `ServerNT`.
    pub fn core(self) -> Self {
        Self { installation: Some("Server Core".to_owned()), ..self.server() }
    }

    /// `INSTALLATIONTYPE` `WindowsPE`.
    pub fn preinstallation(self) -> Self {
        Self { installation: Some("WindowsPE".to_owned()), product_type: Some("WinNT".to_owned()), ..self }
    }

    /// `LANGUAGES`, the first being `DEFAULT`.
    pub fn languages(self, tags: &[&str]) -> Self {
        Self { languages: tags.iter().map(|&tag| tag.to_owned()).collect(), ..self }
    }

    fn xml(&self, number: usize) -> String {
        let mut out = format!("<IMAGE INDEX=\"{number}\"><DIRCOUNT>1</DIRCOUNT><FILECOUNT>0</FILECOUNT>");
        out.push_str("<TOTALBYTES>4096</TOTALBYTES>");
        let tag = |out: &mut String, name: &str, value: &Option<String>| {
            if let Some(value) = value {
                write!(out, "<{name}>{value}</{name}>").unwrap();
            }
        };
        if self.arch.is_some() || self.version.is_some() || self.edition.is_some() {
            out.push_str("<WINDOWS>");
            tag(&mut out, "ARCH", &self.arch.map(|arch| arch.to_string()));
            tag(&mut out, "PRODUCTNAME", &Some("Microsoft® Windows® Operating System".to_owned()));
            tag(&mut out, "EDITIONID", &self.edition);
            tag(&mut out, "INSTALLATIONTYPE", &self.installation);
            tag(&mut out, "PRODUCTTYPE", &self.product_type);
            if let Some(first) = self.languages.first() {
                out.push_str("<LANGUAGES>");
                self.languages.iter().for_each(|one| tag(&mut out, "LANGUAGE", &Some(one.clone())));
                tag(&mut out, "DEFAULT", &Some(first.clone()));
                out.push_str("</LANGUAGES>");
            }
            if let Some(version) = &self.version {
                let (version, level) = version.split_once('-').unwrap_or((version, "0"));
                out.push_str("<VERSION>");
                for (name, part) in ["MAJOR", "MINOR", "BUILD", "SPBUILD"].iter().zip(version.split('.')) {
                    tag(&mut out, name, &Some(part.to_owned()));
                }
                tag(&mut out, "SPLEVEL", &Some(level.to_owned()));
                tag(&mut out, "BRANCH", &self.branch);
                out.push_str("</VERSION>");
            }
            out.push_str("<SYSTEMROOT>WINDOWS</SYSTEMROOT></WINDOWS>");
        }
        tag(&mut out, "NAME", &Some(self.name.clone()));
        tag(&mut out, "DISPLAYNAME", &self.display);
        tag(&mut out, "FLAGS", &self.flags);
        out.push_str("</IMAGE>");
        out
    }
}

/// A file with images that is being made.
#[derive(Clone)]
pub struct Wim {
    images: Vec<Image>,
    solid: bool,
    part: u16,
    parts: u16,
    bytes: usize,
}

/// `install.wim` with those images.
pub fn wim(images: impl IntoIterator<Item = Image>) -> Wim {
    Wim { images: images.into_iter().collect(), solid: false, part: 1, parts: 1, bytes: 0 }
}

/// `install.esd`: the header of solid LZMS.
pub fn esd(images: impl IntoIterator<Item = Image>) -> Wim {
    Wim { solid: true, ..wim(images) }
}

/// A part of a split set: `install.swm`, `install2.swm`, … Every part has the XML data.
pub fn swm(images: impl IntoIterator<Item = Image>, part: u16, parts: u16) -> Wim {
    Wim { part, parts, ..wim(images) }
}

impl Wim {
    /// With so many bytes that belong to nothing, for a file of some size.
    pub fn bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    pub fn build(&self) -> Vec<u8> {
        let mut out = vec![0; HEADER + self.bytes];
        let mut lookup = Vec::new();
        // Parts behind the first have no directories.
        for number in 0..self.images.len() * usize::from(self.part == 1) {
            let metadata = metadata();
            lookup.extend(resource(out.len(), metadata.len(), 0x02));
            lookup.extend(self.part.to_le_bytes());
            lookup.extend(1u32.to_le_bytes());
            // Equal directories are one resource, so each has a time of its own.
            let mut metadata = metadata;
            metadata[48] = u8::try_from(number).unwrap();
            lookup.extend(sha1(&metadata));
            out.extend(metadata);
        }
        let lookup_at = out.len();
        out.extend(&lookup);
        let mut xml = format!("<WIM><TOTALBYTES>{}</TOTALBYTES>", out.len());
        self.images.iter().enumerate().for_each(|(at, image)| xml.push_str(&image.xml(at + 1)));
        xml.push_str("</WIM>");
        let xml = utf16(&xml);
        let xml_at = out.len();
        out.extend(&xml);
        out[..8].copy_from_slice(b"MSWIM\0\0\0");
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(8, &208u32.to_le_bytes());
        let (version, flags, chunk) =
            if self.solid { (0xe00u32, 0x8_0002u32, 0x2_0000u32) } else { (0x1_0d00, 0x4_0002, 0x8000) };
        let flags = flags | if self.parts > 1 { 0x08 } else { 0 };
        put(12, &version.to_le_bytes());
        put(16, &flags.to_le_bytes());
        put(20, &chunk.to_le_bytes());
        put(24, b"one set, one id.");
        put(40, &self.part.to_le_bytes());
        put(42, &self.parts.to_le_bytes());
        put(44, &u32::try_from(self.images.len()).unwrap().to_le_bytes());
        put(48, &resource(lookup_at, lookup.len(), 0x02));
        put(72, &resource(xml_at, xml.len(), 0x02));
        out
    }
}

impl From<Wim> for Data {
    fn from(wim: Wim) -> Self {
        Self::Bytes(wim.build())
    }
}

/// "Resource header" of what is not packed.
fn resource(at: usize, bytes: usize, flags: u8) -> Vec<u8> {
    let size = bytes as u64 | u64::from(flags) << 56;
    [size, at as u64, bytes as u64].into_iter().flat_map(u64::to_le_bytes).collect()
}

/// No security descriptors, the root directory, and nothing in it.
fn metadata() -> Vec<u8> {
    let mut out = vec![0; 8 + 104 + 8 + 8];
    out[0] = 8;
    out[8] = 104;
    out[16] = 0x10;
    out[20..24].fill(0xff);
    out[24] = 120;
    out
}

fn sha1(bytes: &[u8]) -> Vec<u8> {
    use discless::digest::{Algorithm, Hasher};
    let mut hasher = Hasher::new(&[Algorithm::Sha1]);
    hasher.update(bytes);
    let hex = hasher.finish()[0].hex();
    (0..20).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
}
