//! Exit status of every command.

use std::fmt;

/// Why a command ends early: one line for people, and the status.
#[derive(Debug)]
pub enum Failure {
    /// The run failed: status 1.
    Run(anyhow::Error),
    /// The command line makes no sense: status 2.
    Usage(String),
    /// An assertion did not hold: status 10.
    Assertion(String),
}

impl Failure {
    /// Exit status.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::Run(_) => 1,
            Self::Usage(_) => 2,
            Self::Assertion(_) => 10,
        }
    }
}

impl fmt::Display for Failure {
    /// One line: what, where, what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(e) => write!(f, "error: {}", one_line(&chain(e))),
            Self::Usage(text) => write!(f, "error: {}", one_line(text)),
            Self::Assertion(text) => write!(f, "assertion failed: {}", one_line(text)),
        }
    }
}

/// An error and its causes, without a cause that the error above it has told already.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    let mut last = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if !last.contains(&cause) {
            let separator = if text.is_empty() { "" } else { ": " };
            text = text + separator + &cause;
            last = cause;
        }
    }
    text
}

/// The same words on a single line.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(e: E) -> Self {
        Self::Run(e.into())
    }
}

/// What a verb returns.
pub type Done = Result<(), Failure>;

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_cause_is_told_once_and_on_one_line() {
        let told = anyhow!("disk full").context("cannot write a.far: disk full");
        assert_eq!(Failure::Run(told).to_string(), "error: cannot write a.far: disk full");
        let untold = anyhow!("line 3:\n  disk full").context("cannot write a.far");
        let failure = Failure::Run(untold);
        assert_eq!(failure.to_string(), "error: cannot write a.far: line 3: disk full");
        assert_eq!(failure.status(), 1);
    }
}
