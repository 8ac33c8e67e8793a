//! Progress and cancelling: the library says how far it is, and knows no clock and no bar.

/// Is told what was done. One is shared by all threads of a walk.
pub trait Observer: Sync {
    /// So many bytes more, of those that [`Observer::total`] announced.
    fn advance(&self, bytes: u64) {
        let _ = bytes;
    }

    /// How many bytes the work has.
    fn total(&self, bytes: u64) {
        let _ = bytes;
    }

    /// What is being worked on now.
    fn working_on(&self, name: &str) {
        let _ = name;
    }

    /// True once the user wants to stop.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {}
