use std::error::Error;
use std::fmt;

/// The frame time that a run must hold: T = 1 / target Hz, and what missing it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A display with a fixed refresh: a late frame waits for the next multiple of T.
    FixedRefresh {
        /// T, ns, not 0.
        period_ns: u64,
    },
    /// No fixed refresh: a late frame is shown as soon as it is done.
    VariableRefresh {
        /// T, ns, not 0.
        period_ns: u64,
    },
}

impl Target {
    /// A display that refreshes `hz` times a second.
    ///
    /// # Errors
    /// [`TargetError`] unless `hz` is from 0.001 to 1,000,000.
    pub fn fixed_refresh(hz: f64) -> Result<Self, TargetError> {
        period_ns(hz).map(|period_ns| Self::FixedRefresh { period_ns })
    }

    /// Frames shown when they are done, `hz` a second wanted.
    ///
    /// # Errors
    /// [`TargetError`] unless `hz` is from 0.001 to 1,000,000.
    pub fn variable_refresh(hz: f64) -> Result<Self, TargetError> {
        period_ns(hz).map(|period_ns| Self::VariableRefresh { period_ns })
    }

    /// T, ns.
    #[must_use]
    pub fn period_ns(&self) -> u64 {
        match *self {
            Self::FixedRefresh { period_ns } | Self::VariableRefresh { period_ns } => {
                period_ns.max(1)
            }
        }
    }

    /// How late a frame of `work_ns` is, ns.
    #[must_use]
    pub fn late_ns(&self, work_ns: u64) -> u64 {
        let period_ns = self.period_ns();
        match self {
            Self::FixedRefresh { .. } => {
                let refreshes = work_ns.div_ceil(period_ns).max(1);
                (refreshes - 1).saturating_mul(period_ns)
            }
            Self::VariableRefresh { .. } => work_ns.saturating_sub(period_ns),
        }
    }
}

fn period_ns(hz: f64) -> Result<u64, TargetError> {
    // A NaN is in no range.
    if (0.001..=1_000_000.0).contains(&hz) {
        Ok((1e9 / hz).round() as u64)
    } else {
        Err(TargetError { hz })
    }
}

/// A target rate that is no rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TargetError {
    /// What was asked for, Hz.
    pub hz: f64,
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a target of {} Hz is not possible; give 0.001 to 1000000", self.hz)
    }
}

impl Error for TargetError {}
