//! Text that carries its own signature: OpenPGP's cleartext framework (RFC 9580 §7) and what
//! `signify -e` writes.
//!
//! What is signed is taken out here once; the same bytes are compared with the signature and read as a
//! list, so that nothing counts that nobody signed.

use crate::error::{Error, Result};

const BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const END: &[u8] = b"-----END PGP SIGNATURE-----";

/// A text taken out of the signature around it.
#[derive(Debug)]
pub(super) struct Cleartext {
    /// The lines without dash-escapes, as a reader of lists wants them.
    pub(super) body: Vec<u8>,
    /// What the signature is made over.
    pub(super) canonical: Vec<u8>,
    /// The signature itself, in its armor.
    pub(super) signature: Vec<u8>,
    /// Lines before or behind it that are not empty: nobody signed them.
    pub(super) outside: u64,
}

/// The lines of `bytes` without their ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// Blanks at the end of a line are not signed (§7.2).
fn trimmed(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r')).map_or(0, |last| last + 1);
    line.get(..end).unwrap_or_default()
}

/// True where `bytes` is text that is signed in the clear.
pub(super) fn is_cleartext(bytes: &[u8]) -> bool {
    lines(bytes).any(|line| trimmed(line) == BEGIN)
}

/// Takes the first signed text out of `bytes`; `None` where there is none.
///
/// # Errors
/// `Usage` where it ends before its signature does, or has headers that are not allowed.
pub(super) fn cleartext(bytes: &[u8]) -> Result<Option<Cleartext>> {
    let early = || Error::usage("is signed, but ends before the signature; download it again");
    let mut all = lines(bytes);
    let mut outside = 0u64;
    let blank = |line: &[u8]| line.iter().all(u8::is_ascii_whitespace);
    loop {
        match all.next() {
            None => return Ok(None),
            Some(line) if trimmed(line) == BEGIN => break,
            Some(line) => outside += u64::from(!blank(line)),
        }
    }
    // §7.1: only these headers; any other could be taken for text.
    loop {
        match all.next().ok_or_else(early)? {
            line if blank(line) => break,
            line if line.starts_with(b"Hash: ") || line.starts_with(b"SaltedHash: ") => {}
            _ => return Err(Error::usage("is signed, with a header that is not allowed before the text")),
        }
    }
    let (mut body, mut canonical) = (Vec::new(), Vec::new());
    let mut first = true;
    loop {
        let line = all.next().ok_or_else(early)?;
        if trimmed(line) == SIGNATURE {
            break;
        }
        let line = match line {
            [b'-', b' ', rest @ ..] => rest,
            // Every line that begins with a dash is escaped: this is another part of the armor.
            [b'-', ..] => return Err(Error::usage("is signed, with a line that is not dash-escaped")),
            line => line,
        };
        if !first {
            canonical.extend_from_slice(b"\r\n");
        }
        first = false;
        canonical.extend_from_slice(trimmed(line));
        body.extend_from_slice(line);
        body.push(b'\n');
    }
    let mut signature = [SIGNATURE, b"\n"].concat();
    loop {
        let line = all.next().ok_or_else(early)?;
        signature.extend_from_slice(line);
        signature.push(b'\n');
        if trimmed(line) == END {
            break;
        }
    }
    outside += all.filter(|line| !blank(line)).count() as u64;
    Ok(Some(Cleartext { body, canonical, signature, outside }))
}

/// A text with a signify signature before it: the signature's two lines, and the text, which is signed
/// byte by byte. `None` where nothing follows the signature, or a trusted comment of minisign's does.
pub(super) fn signify(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).take(2);
    let (_, at) = (ends.next()?, ends.next()?);
    let (signature, body) = bytes.split_at_checked(at)?;
    let fits = signature.starts_with(super::signify::COMMENT.as_bytes())
        && !body.is_empty()
        && !body.starts_with(super::minisign::TRUSTED.as_bytes());
    fits.then_some((signature, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &str = "junk before\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\none  \n- -dash\n\
        two\n-----BEGIN PGP SIGNATURE-----\n\nabcd\n-----END PGP SIGNATURE-----\nafter\n\n";

    #[test]
    fn only_what_is_signed_is_taken_out() {
        let out = cleartext(SIGNED.as_bytes()).unwrap().unwrap();
        assert_eq!(out.body, b"one  \n-dash\ntwo\n");
        assert_eq!(out.canonical, b"one\r\n-dash\r\ntwo");
        assert_eq!(out.signature, b"-----BEGIN PGP SIGNATURE-----\n\nabcd\n-----END PGP SIGNATURE-----\n");
        assert_eq!(out.outside, 2);
        let crlf = cleartext(SIGNED.replace('\n', "\r\n").as_bytes()).unwrap().unwrap();
        assert_eq!((crlf.canonical, crlf.body), (out.canonical, out.body));
    }

    #[test]
    fn what_is_cut_anywhere_is_an_error_or_no_signed_text() {
        for end in 0..SIGNED.len() {
            let cut = &SIGNED.as_bytes()[..end];
            match cleartext(cut) {
                Ok(Some(_)) => assert!(SIGNED[..end].contains("-----END PGP SIGNATURE-----")),
                Ok(None) => assert!(!is_cleartext(cut)),
                Err(error) => assert!(error.to_string().contains("is signed"), "{error}"),
            }
        }
    }

    #[test]
    fn headers_and_lines_that_could_hide_text_are_refused() {
        assert!(cleartext(SIGNED.replace("Hash: SHA512", "Comment: x").as_bytes()).is_err());
        assert!(cleartext(SIGNED.replace("- -dash", "-dash").as_bytes()).is_err());
        assert!(cleartext(b"SHA256 (x) = 00\n").unwrap().is_none());
    }

    #[test]
    fn the_text_behind_a_signify_signature_is_what_is_signed() {
        let text = b"untrusted comment: verify with x.pub\nRWQ=\nSHA256 (a) = 00\n";
        let (signature, body) = signify(text).unwrap();
        assert!(signature.ends_with(b"RWQ=\n"));
        assert_eq!(body, b"SHA256 (a) = 00\n");
        assert!(signify(b"untrusted comment: x\nRWQ=\n").is_none());
        assert!(signify(b"untrusted comment: x\nRWQ=\ntrusted comment: y\nabc\n").is_none());
        assert!(signify(b"SHA256 (a) = 00\nb\nc\n").is_none());
    }
}
