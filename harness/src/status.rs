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
            Self::Run(e) => write!(f, "error: {e:#}"),
            Self::Usage(text) => write!(f, "error: {text}"),
            Self::Assertion(text) => write!(f, "assertion failed: {text}"),
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(e: E) -> Self {
        Self::Run(e.into())
    }
}

/// What a verb returns.
pub type Done = Result<(), Failure>;
