//! What a run of the program came to, and what it must have said.

use std::process::Output;

/// What a run printed, and its exit code; none where it was killed.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Of a command that prints text alone.
    pub fn of(output: Output) -> Self {
        std::str::from_utf8(&output.stdout).unwrap();
        Self::of_bytes(output)
    }

    /// Of any command: `cat` prints what is in a member.
    pub fn of_bytes(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub fn is(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.out.contains(text), "no \"{text}\" in {}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn complains(self, text: &str) -> Self {
        assert!(self.err.contains(text), "no \"{text}\" in {}\n{}", self.err, self.out);
        assert!(!self.err.contains("panicked") && !self.err.contains("internal error"), "{}", self.err);
        self
    }
}
