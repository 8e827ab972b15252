use crate::sync::{Arc, AtomicBool, Ordering};
use crate::{LeaseError, Range};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Leases that may live at a time in one arena.
pub const LEASES_MAX: usize = if cfg!(loom) { 4 } else { 1024 };

/// One flag for each lease that can live: set while it does.
#[derive(Debug)]
pub(super) struct LeaseFlags(Box<[AtomicBool]>);

impl LeaseFlags {
    pub fn new() -> Arc<Self> {
        Arc::new(Self((0..LEASES_MAX).map(|_| AtomicBool::new(false)).collect()))
    }

    /// Ends a lease. What its holder wrote happens before the owner sees the range as free.
    pub fn clear(&self, flag: u16) {
        self.0[usize::from(flag)].store(false, Ordering::Release);
    }
}

/// The owner's list of live leases: no two overlap.
#[derive(Debug)]
pub(super) struct LeaseBook {
    flags: Arc<LeaseFlags>,
    live: Vec<(Range, u16)>,
    unused: Vec<u16>,
}

impl LeaseBook {
    pub fn new(flags: Arc<LeaseFlags>) -> Self {
        let unused = (0..LEASES_MAX as u16).rev().collect();
        Self { flags, live: Vec::with_capacity(LEASES_MAX), unused }
    }

    /// Number of leases that live.
    pub fn len(&mut self) -> usize {
        self.strike_out_ended();
        self.live.len()
    }

    /// Whether a lease that lives has a byte of `range`.
    pub fn overlaps(&mut self, range: &Range) -> bool {
        self.strike_out_ended();
        self.live.iter().any(|(live, _)| live.overlaps(range))
    }

    /// Enters a lease and returns its flag, which is set.
    pub fn enter(&mut self, range: Range) -> Result<u16, LeaseError> {
        self.strike_out_ended();
        if let Some(&(other, _)) = self.live.iter().find(|(other, _)| other.overlaps(&range)) {
            return Err(LeaseError::Leased { range, other });
        }
        let leases = self.live.len();
        let flag = self.unused.pop().ok_or(LeaseError::TooManyLeases { leases })?;
        self.flags.0[usize::from(flag)].store(true, Ordering::Relaxed);
        self.live.push((range, flag));
        Ok(flag)
    }

    fn strike_out_ended(&mut self) {
        let Self { flags, live, unused } = self;
        live.retain(|&(_, flag)| {
            let lives = flags.0[usize::from(flag)].load(Ordering::Acquire);
            if !lives {
                unused.push(flag);
            }
            lives
        });
    }
}
