//! Published media: by digest, which is proof, and by file name, which is a hint.

use super::Facts;
use super::table::{self, BadRow};
use super::version::Version;

/// A medium that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Medium {
    /// Its file name.
    pub file: String,
    /// SHA-256, lower-case hexadecimal digits.
    pub sha256: Option<String>,
    /// SHA-1, lower-case hexadecimal digits.
    pub sha1: Option<String>,
    /// The product, named as in the tables of builds.
    pub product: String,
    /// The release, named as there.
    pub release: String,
    /// `x64`
    pub platform: String,
    /// `en-US`
    pub language: String,
    /// The build that its files say.
    pub build: Version,
    /// Identifiers of its editions, in the order of its images.
    pub images: Vec<String>,
    /// Who says so.
    pub source: String,
}

/// Reads a table of media.
///
/// # Errors
/// The first row that does not hold: no digest or one that is none, no product, a build that is no version.
pub fn parse(text: &str) -> Result<Vec<Medium>, BadRow> {
    let columns =
        ["file", "sha256", "sha1", "product", "release", "platform", "language", "build", "images", "source"];
    table::read(text, columns, |cells| {
        let [file, sha256, sha1, product, release, platform, language, build, images, source] = cells;
        let build = Version::parse(build).ok_or_else(|| format!("\"{build}\" is no version"))?;
        let build = match build.parts().len() {
            1 | 2 => build.with_windows_line().unwrap_or(build),
            _ => build,
        };
        let (sha256, sha1) = (digest(sha256, 64)?, digest(sha1, 40)?);
        if file.is_empty() || product.is_empty() || (sha256.is_none() && sha1.is_none()) {
            return Err("no file, product or digest".to_owned());
        }
        Ok(Medium {
            file: file.to_owned(),
            sha256,
            sha1,
            product: product.to_owned(),
            release: release.to_owned(),
            platform: platform.to_owned(),
            language: language.to_owned(),
            build,
            images: table::list(images, ",").map(str::to_owned).collect(),
            source: source.to_owned(),
        })
    })
}

fn digest(text: &str, digits: usize) -> Result<Option<String>, String> {
    let good = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text {
        "" => Ok(None),
        _ if good => Ok(Some(text.to_ascii_lowercase())),
        _ => Err(format!("\"{text}\" is no digest of {digits} digits")),
    }
}

impl Facts {
    /// The medium of that SHA-256 or SHA-1, in hexadecimal digits of either case.
    #[must_use]
    pub fn medium_by_digest(&self, hex: &str) -> Option<&Medium> {
        let same =
            |known: &Option<String>| known.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(hex));
        self.media().iter().find(|medium| same(&medium.sha256) || same(&medium.sha1))
    }

    /// Media of that file name, without its folders and whatever its case: a hint and no proof.
    #[must_use]
    pub fn media_by_name(&self, name: &str) -> Vec<&Medium> {
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
        self.media().iter().filter(|medium| medium.file.eq_ignore_ascii_case(name)).collect()
    }
}

#[cfg(test)]
mod tests;
