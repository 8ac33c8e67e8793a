//! The chain from a signer's certificate to a root, and whether every certificate in it may do what it does there.

use super::key::Made;
use super::oid;
use super::roots::Roots;
use super::x509::{Certificate, DIGITAL_SIGNATURE, KEY_CERT_SIGN};
use crate::time::Timestamp;

/// Certificates in a chain.
const LENGTH: usize = 12;
/// Chains that are compared.
const CHAINS: usize = 16;

/// What a chain's first certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Signing code.
    Code,
    /// Signing the time.
    Time,
}

/// How many signatures of certificates may still be checked: chains of many that sign each other would cost more
/// than they are worth.
#[derive(Debug)]
pub(super) struct Budget(pub(super) u32);

impl Default for Budget {
    fn default() -> Self {
        Self(256)
    }
}

/// One certificate of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What people call it.
    pub name: String,
    /// SHA-256 of it, in hexadecimal digits.
    pub fingerprint: String,
}

/// Where a chain ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// At a root of that set.
    Known {
        /// What the set is called.
        set: String,
    },
    /// At a root that is in none.
    Unknown,
    /// Where a certificate is missing: the one of that name.
    Missing {
        /// The issuer that is not there.
        issuer: String,
    },
}

/// The best chain that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// From the signer's certificate on.
    pub links: Vec<Link>,
    /// Where it ends.
    pub end: End,
    /// Why it may not be used, if so.
    pub refused: Vec<String>,
}

impl Chain {
    /// True where it ends at a known root and every certificate may do what it does.
    #[must_use]
    pub fn is_anchored(&self) -> bool {
        matches!(self.end, End::Known { .. }) && self.refused.is_empty()
    }

    /// In words, why it vouches for nothing; `None` where it is anchored.
    #[must_use]
    pub fn why_not(&self) -> Option<String> {
        let last = self.links.last();
        let name = last.map_or("", |link| link.name.as_str());
        let fingerprint = last.map_or("", |link| link.fingerprint.as_str());
        match &self.end {
            End::Known { .. } if self.refused.is_empty() => None,
            End::Known { .. } => Some(self.refused.join("; ")),
            End::Unknown => Some(format!("the chain ends at the unknown root {name} (sha256 {fingerprint})")),
            End::Missing { issuer } => Some(format!(
                "the chain ends at {name} (sha256 {fingerprint}): the certificate of {issuer} is missing"
            )),
        }
    }
}

/// The best chain from `leaf` through `pool` to one of `roots`, judged at the time `at`.
pub(super) fn best(
    leaf: &Certificate,
    pool: &[Certificate],
    roots: &Roots,
    purpose: Purpose,
    at: i64,
    budget: &mut Budget,
) -> Chain {
    let mut search = Search { pool, roots, budget, found: Vec::new() };
    search.follow(&mut vec![leaf]);
    let judged = search.found.into_iter().map(|(path, end)| judge(&path, end, purpose, at));
    let rank = |chain: &Chain| {
        let end = match chain.end {
            End::Known { .. } => 2,
            End::Unknown => 1,
            End::Missing { .. } => 0,
        };
        (chain.is_anchored(), end, chain.links.len())
    };
    judged.max_by_key(rank).unwrap_or_else(|| judge(&[leaf], End::Unknown, purpose, at))
}

struct Search<'a, 'b> {
    pool: &'a [Certificate],
    roots: &'a Roots,
    budget: &'b mut Budget,
    found: Vec<(Vec<&'a Certificate>, End)>,
}

impl<'a> Search<'a, '_> {
    /// Follows every way up from the last certificate of `path`.
    fn follow(&mut self, path: &mut Vec<&'a Certificate>) {
        let Some(&last) = path.last() else { return };
        if self.found.len() >= CHAINS {
            return;
        }
        let known = |root: &&super::roots::Root| root.certificate.fingerprint == last.fingerprint;
        if let Some(root) = self.roots.list().iter().find(known) {
            self.found.push((path.clone(), End::Known { set: root.set.to_string() }));
            return;
        }
        let before = self.found.len();
        if path.len() < LENGTH {
            let roots = self.roots.list().iter().map(|root| &root.certificate);
            for candidate in roots.chain(self.pool) {
                // Two certificates that issue each other would go on for ever.
                let seen = path.iter().any(|seen| {
                    seen.fingerprint == candidate.fingerprint
                        || (seen.key_info == candidate.key_info && seen.subject.is(&candidate.subject))
                });
                if seen || !candidate.subject.is(&last.issuer) || self.budget.0 == 0 {
                    continue;
                }
                self.budget.0 -= 1;
                if last.is_signed_by(candidate) == Made::Yes {
                    path.push(candidate);
                    self.follow(path);
                    path.pop();
                }
            }
        }
        if self.found.len() == before {
            let end = if last.is_its_own_issuer() {
                End::Unknown
            } else {
                End::Missing { issuer: last.issuer.shown().to_owned() }
            };
            self.found.push((path.clone(), end));
        }
    }
}

/// RFC 5280 §6.1 as far as it concerns code signing. Of a root only its key counts: not its dates.
fn judge(path: &[&Certificate], end: End, purpose: Purpose, at: i64) -> Chain {
    let mut refused = Vec::new();
    let anchored = matches!(end, End::Known { .. });
    let (wanted, word) = match purpose {
        Purpose::Code => (oid::CODE_SIGNING, "signing code"),
        Purpose::Time => (oid::TIME_STAMPING, "time stamps"),
    };
    // A signer's own certificate among the roots is judged all the same.
    let judged = path.len().saturating_sub(usize::from(anchored && path.len() > 1));
    let mut below = 0u64;
    for (number, certificate) in path.iter().take(judged).enumerate() {
        let name = certificate.subject.shown();
        let (from, to) = certificate.valid;
        if at < from {
            refused.push(format!("the certificate of {name} was not valid before {}", day(from)));
        } else if at > to {
            refused.push(format!("the certificate of {name} expired {}", day(to)));
        }
        for kind in &certificate.unknown {
            refused.push(format!(
                "the certificate of {name} has the critical extension {} that is not known here",
                oid::dotted(kind)
            ));
        }
        let usage = |bit: u16| certificate.key_usage.is_none_or(|usage| usage & bit != 0);
        if number == 0 {
            if !certificate.is_for(wanted) {
                refused.push(format!("the certificate of {name} is not for {word}"));
            }
            if !usage(DIGITAL_SIGNATURE) {
                refused.push(format!("the certificate of {name} is not for signatures"));
            }
            continue;
        }
        match certificate.authority {
            Some((true, most)) if most.is_none_or(|most| below <= most) => {}
            Some((true, _)) => refused.push(format!("more certificates stand below {name} than it allows")),
            _ => refused.push(format!("{name} may not issue certificates")),
        }
        if !usage(KEY_CERT_SIGN) {
            refused.push(format!("the certificate of {name} is not for signing certificates"));
        }
        if certificate.purposes.is_some()
            && !certificate.is_for(wanted)
            && !certificate.is_for(oid::ANY_EXTENDED_KEY_USAGE)
        {
            refused.push(format!("the certificate of {name} leaves out {word}"));
        }
        below += u64::from(!certificate.is_its_own_issuer());
    }
    let links = path.iter().map(|certificate| Link {
        name: certificate.subject.shown().to_owned(),
        fingerprint: certificate.fingerprint_hex(),
    });
    Chain { links: links.collect(), end, refused }
}

/// A point in time as its day.
pub(super) fn day(seconds: i64) -> String {
    let text = Timestamp { seconds, nanos: 0, zone: Some(0) }.rfc3339();
    text.split('T').next().unwrap_or_default().to_owned()
}
