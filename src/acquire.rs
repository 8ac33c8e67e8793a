//! A medium verified and extracted by one reading: what `extract` with a digest and `share add` do. Where the files
//! go until the verdict is known, and what becomes of them then, is the caller's to say.

use crate::error::{Error, Kind, Result};
use crate::extract::{self, Completes, Extracted, Plan, ReadErrors, Recursion};
use crate::formats;
use crate::observe::Observer;
use crate::verify::{Reading, Verdict, Verified, coverage::Coverage};
use std::path::Path;

/// How to acquire.
pub struct Order<'a> {
    /// Which members go where below `into`.
    pub plan: &'a Plan,
    /// The directory to write to.
    pub into: &'a Path,
    /// How to write.
    pub how: &'a extract::Options,
    /// Unpacks packages among the files, opened so, once the medium is verified.
    pub recurse: Option<&'a formats::Options>,
    /// Which verdict the files are good enough with.
    pub accept: Accept,
    /// Threads that digest.
    pub threads: usize,
}

/// Which verdict is good enough for what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Accept {
    /// Something vouches for the medium.
    Verified,
    /// Nothing speaks against it.
    Unverified,
    /// All that can be read.
    Anything,
}

impl Accept {
    /// True where files of a medium with this verdict are to be kept.
    #[must_use]
    pub fn takes(self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Verified => true,
            Verdict::Unverified => self >= Self::Unverified,
            Verdict::Damaged => self >= Self::Anything,
        }
    }
}

/// What came of it.
pub struct Acquired {
    /// What was written; nothing where the medium was known to be bad before.
    pub out: Extracted,
    /// What is known of the medium.
    pub verified: Verified,
}

impl Acquired {
    /// True where all files are whole and the verdict is good enough.
    #[must_use]
    pub fn is_kept(&self, accept: Accept) -> bool {
        accept.takes(self.verified.verdict) && (self.out.failed.is_empty() || accept == Accept::Anything)
    }
}

/// Writes the planned members of what `reading` opened while it is verified. A medium that is known to be bad before
/// its bytes are read is not written. The destination is left with what says that it is not complete: what becomes of it
/// is for the caller, who calls [`extract::complete`] then.
///
/// # Errors
/// As [`extract::run`] and [`Reading::finish`].
pub fn acquire(reading: Reading<'_>, order: &Order<'_>, observer: &dyn Observer) -> Result<Acquired> {
    let container = reading.opened()?.clone();
    let mut coverage = Coverage::of(container.source().len());
    if reading.is_short() && order.accept < Accept::Anything {
        return Ok(Acquired { out: Extracted::default(), verified: reading.stop()? });
    }
    // It is complete when the verdict is known, and what the caller does then is done.
    let how =
        extract::Options { in_order: reading.in_order(), completes: Completes::Later, ..order.how.clone() };
    let write = || extract::run(&*container, order.plan, order.into, &how, observer);
    let (mut out, verified) = if reading.is_done() {
        let verified = reading.finish(Vec::new(), &mut coverage, order.threads, observer)?;
        if !order.accept.takes(verified.verdict) {
            return Ok(Acquired { out: Extracted::default(), verified });
        }
        (write()?, verified)
    } else {
        reading.start();
        let out = write()?;
        let unread = |(_, error): &(String, Error)| matches!(error.kind(), Kind::Io(_));
        let failed = container.source().failure().is_some() || out.failed.iter().any(unread);
        if failed && how.read_errors == ReadErrors::GoOn {
            // What could not be read once is not read again for a digest that nothing can have.
            return Ok(Acquired { out, verified: reading.unreadable()? });
        }
        (out, reading.finish(Vec::new(), &mut coverage, order.threads, observer)?)
    };
    if let Some(options) = order.recurse.filter(|_| order.accept.takes(verified.verdict)) {
        let recursion = Recursion { how: &how, options, observer };
        recursion.run(&container, order.plan, order.into, &mut out)?;
    }
    Ok(Acquired { out, verified })
}
