use crate::{BakeError, Progress};
use std::sync::atomic::{AtomicBool, Ordering};

/// The two ways in which a caller and a running bake speak: how far it is, and whether to stop.
pub(crate) struct Run<'a> {
    pub report: &'a (dyn Fn(&Progress) + Sync),
    pub cancel: &'a AtomicBool,
}

impl Run<'_> {
    /// Fails when the caller has asked to stop.
    pub fn check(&self) -> Result<(), BakeError> {
        if self.cancel.load(Ordering::Relaxed) { Err(BakeError::Cancelled) } else { Ok(()) }
    }

    /// Reports, then checks.
    pub fn progress(&self, stage: &'static str, done: u64, total: u64) -> Result<(), BakeError> {
        (self.report)(&Progress { stage, done, total });
        self.check()
    }
}
