//! A fence around code of others: a panic in it is an error about the medium, never the end of the program.

use crate::error::{Error, Result};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static GUARDED: Cell<u32> = const { Cell::new(0) };
}

/// Runs `f`; a panic within it becomes `Damaged` with `what`. Nothing that `f` touched may be used
/// afterwards.
///
/// # Errors
/// What `f` said, or `Damaged`.
pub fn guarded<T>(what: &'static str, f: impl FnOnce() -> Result<T>) -> Result<T> {
    GUARDED.set(GUARDED.get() + 1);
    let outcome = catch_unwind(AssertUnwindSafe(f));
    GUARDED.set(GUARDED.get().saturating_sub(1));
    outcome.unwrap_or_else(|_| Err(Error::damaged(what)))
}

/// True while this thread runs guarded code: a panic hook need not say anything.
#[must_use]
pub fn is_guarded() -> bool {
    GUARDED.get() > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_panic_becomes_an_error() {
        let error = guarded::<()>("tables", || {
            assert!(is_guarded());
            #[allow(clippy::panic, reason = "this is what is tested")]
            {
                panic!("in a dependency");
            }
        });
        assert!(matches!(error.unwrap_err().kind(), Kind::Damaged("tables")));
        assert!(!is_guarded());
        assert_eq!(guarded("x", || Ok(1)).unwrap(), 1);
    }
}
