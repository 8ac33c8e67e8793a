//! Signatures as checks: what `verify` says of them.

use super::chain::day;
use super::{Examined, Signature, Standing, cms::Signed};
use crate::digest::{Algorithm, Value};
use crate::verify::check::{Amount, Check, Outcome};

/// The check's name in the contract.
pub(super) const WHAT: &str = "authenticode";

/// What was examined, as checks: one for each signature, what is wrong with the file, and what has to be known.
#[must_use]
pub fn checks(examined: &Examined) -> Vec<Check> {
    let mut out = Vec::new();
    if !examined.is_signed() {
        out.push(Check::new(WHAT, Outcome::Unchecked, "nobody", "not signed"));
        return out;
    }
    let standing = examined.standing();
    let vouches = examined.vouches();
    let best = examined.best();
    for signature in &examined.signatures {
        let is_best = best.is_some_and(|best| std::ptr::eq(best, signature));
        let mut check = one(signature);
        // SHA-1 beside a signature of a better kind is there for older systems.
        if standing == Standing::Anchored && signature.standing() == Standing::Weak {
            check.outcome = Outcome::Ok;
        }
        check.vouches = vouches && is_best;
        // A known signer, but not of all the bytes that are there.
        if is_best && !vouches && check.outcome == Outcome::Ok {
            check.outcome = Outcome::Weak;
        }
        out.push(check);
    }
    for what in &examined.damage {
        out.push(Check::new(WHAT, Outcome::Damaged, &by(best), what.clone()));
    }
    if let Some((stored, found)) = examined.checksum.filter(|(stored, found)| *stored != 0 && stored != found)
    {
        let what = format!("the checksum in the headers is {stored:#010x} and ought to be {found:#010x}");
        out.push(Check::new(WHAT, Outcome::Weak, "pe", what));
    }
    for note in examined.all_notes() {
        let what = if note.open { format!("not signed: {}", note.what) } else { note.what.clone() };
        out.push(Check::new(WHAT, Outcome::Weak, examined.kind.name(), what));
    }
    if let (Some(catalogue), Some(first)) = (&examined.catalogue, out.first_mut())
        && standing > Standing::Damaged
    {
        first.count = Some(catalogue.members);
    }
    out
}

/// Who signed, and what anchors it.
pub(super) fn by(signature: Option<&Signature>) -> String {
    let Some(signature) = signature else { return "nobody".to_owned() };
    let name = signature.signer.as_ref().map_or("an unknown signer", |signer| signer.name.as_str());
    match signature.chain.as_ref().filter(|chain| chain.is_anchored()).map(|chain| &chain.end) {
        Some(super::End::Known { set }) => format!("{name}, anchored in {set}"),
        _ => name.to_owned(),
    }
}

fn one(signature: &Signature) -> Check {
    let by = by(Some(signature));
    let standing = signature.standing();
    let outcome = match standing {
        Standing::Damaged => Outcome::Damaged,
        Standing::Unknown => Outcome::Unchecked,
        Standing::Unanchored | Standing::Weak => Outcome::Weak,
        Standing::Anchored => Outcome::Ok,
    };
    let mut check = Check::new(WHAT, outcome, &by, note(signature, standing));
    if let Some(digest) = signature.digest.as_ref().filter(|digest| !digest.matches()) {
        let value =
            |bytes: &[u8]| Amount::Digest(Value { algorithm: digest.algorithm, bytes: bytes.to_vec() });
        check.expected = Some(value(&digest.signed));
        check.found = Some(value(&digest.found));
    }
    check
}

/// One signature in words.
fn note(signature: &Signature, standing: Standing) -> String {
    let mut parts = Vec::new();
    let algorithm = signature.weakest.map_or("an unknown digest", Algorithm::name);
    let differs = signature.digest.as_ref().is_some_and(|digest| !digest.matches());
    if differs {
        parts.push(format!("the contents are not what was signed ({algorithm})"));
    }
    parts.extend(signature.damage.iter().cloned());
    if let Some((_, false)) = signature.page_hashes {
        parts.push("page hashes differ".to_owned());
    }
    match signature.signed {
        Signed::No(why) | Signed::Unknown(why) => parts.push(why.to_owned()),
        Signed::Yes if standing != Standing::Damaged => {
            parts.push(format!("contents match the signature ({algorithm})"))
        }
        Signed::Yes => {}
    }
    if let Some(signer) = &signature.signer {
        let organization = signer.organization.as_deref().filter(|name| *name != signer.name);
        let of = organization.map(|name| format!(" ({name})")).unwrap_or_default();
        parts.push(format!("signed by {}{of}", signer.name));
    }
    match (&signature.timestamp, signature.signing_time) {
        (Some(stamp), _) if stamp.is_believed() => {
            parts.push(format!(
                "timestamped {} by {} ({})",
                day(stamp.time),
                stamp.authority,
                stamp.kind.name()
            ));
        }
        (Some(stamp), _) if stamp.signed == Signed::Yes => {
            let why = stamp.chain.why_not().unwrap_or_default();
            parts.push(format!("timestamp {} by {} not believed: {why}", day(stamp.time), stamp.authority));
        }
        (Some(_), _) => parts.push("its timestamp is not valid".to_owned()),
        (None, Some(time)) => parts.push(format!("no timestamp; it says that it was signed {}", day(time))),
        (None, None) => parts.push("no timestamp".to_owned()),
    }
    match &signature.chain {
        Some(chain) => match (chain.why_not(), &chain.end) {
            (Some(why), _) => parts.push(why),
            (None, super::End::Known { set }) => parts.push(format!("anchored in {set} (offline)")),
            (None, _) => {}
        },
        None => parts.push("no chain".to_owned()),
    }
    match signature.weakest {
        Some(Algorithm::Md5) => parts.push("MD5 proves nothing".to_owned()),
        Some(Algorithm::Sha1) => parts.push("files with the same SHA-1 can be made".to_owned()),
        _ => {}
    }
    if let Some((count, true)) = signature.page_hashes {
        parts.push(format!("{count} page hashes match"));
    }
    if let Some(program) = &signature.program {
        parts.push(format!("signed as \"{program}\""));
    }
    parts.push("revocation not checked".to_owned());
    parts.join("; ")
}
