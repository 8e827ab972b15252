use std::error::Error;
use std::fmt;

/// Most stages that a [`StageSet`] holds; the size of the array in every frame record.
pub const STAGES_MAX: usize = 24;

/// Most stages open inside each other; a deeper one counts towards the deepest that is kept.
pub const DEPTH_MAX: usize = 8;

/// A stage registered in a [`StageSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageId(u8);

impl StageId {
    /// The stage's place in [`StageSet::names`] and in a frame record's `stages`.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The named stages of a frame, each registered once, in the order of registration.
#[derive(Clone, Debug, Default)]
pub struct StageSet {
    names: Vec<&'static str>,
    update: [bool; STAGES_MAX],
}

impl StageSet {
    /// No stages.
    #[must_use]
    pub fn new() -> Self {
        Self { names: Vec::with_capacity(STAGES_MAX), update: [false; STAGES_MAX] }
    }

    /// Registers a stage; a name that is known gives the stage it had.
    ///
    /// # Errors
    /// [`StagesFull`] when [`STAGES_MAX`] other stages are registered.
    pub fn register(&mut self, name: &'static str) -> Result<StageId, StagesFull> {
        if let Some(known) = self.find(name) {
            return Ok(known);
        }
        if self.names.len() == STAGES_MAX {
            return Err(StagesFull { name });
        }
        self.names.push(name);
        Ok(StageId((self.names.len() - 1) as u8))
    }

    /// Registers a stage whose time is part of the streaming update (`update_ns` of a frame).
    ///
    /// # Errors
    /// [`StagesFull`] when [`STAGES_MAX`] other stages are registered.
    pub fn register_update(&mut self, name: &'static str) -> Result<StageId, StagesFull> {
        let stage = self.register(name)?;
        self.update[stage.index()] = true;
        Ok(stage)
    }

    /// The stage of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<StageId> {
        self.names.iter().position(|known| *known == name).map(|index| StageId(index as u8))
    }

    /// The names, by [`StageId::index`].
    #[must_use]
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// The sum of those of `stages` that belong to the streaming update, ns.
    #[must_use]
    pub fn update_ns(&self, stages: &[u64; STAGES_MAX]) -> u64 {
        let update = stages.iter().zip(self.update).filter(|(_, update)| *update);
        update.fold(0, |sum, (ns, _)| sum.saturating_add(*ns))
    }
}

/// A stage too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StagesFull {
    /// The stage that found no place.
    pub name: &'static str,
}

impl fmt::Display for StagesFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no place for stage '{}': all {STAGES_MAX} are taken; merge stages", self.name)
    }
}

impl Error for StagesFull {}

/// Accumulates each stage's own time in one frame: a stage opened inside another pauses it.
///
/// It reads no clock: `now_ns` is an argument, and a time before the last one counts as no time.
#[derive(Clone, Debug, Default)]
pub struct StageTimes {
    totals_ns: [u64; STAGES_MAX],
    open: [u8; DEPTH_MAX],
    depth: usize,
    last_ns: u64,
}

impl StageTimes {
    /// Opens a stage.
    pub fn begin(&mut self, stage: StageId, now_ns: u64) {
        self.charge(now_ns);
        if let Some(place) = self.open.get_mut(self.depth) {
            *place = stage.0;
        }
        self.depth += 1;
    }

    /// Closes the stage opened last; without one, nothing happens.
    pub fn end(&mut self, now_ns: u64) {
        self.charge(now_ns);
        self.depth = self.depth.saturating_sub(1);
    }

    /// Closes what is open, returns the totals in ns and starts from zero.
    pub fn take(&mut self, now_ns: u64) -> [u64; STAGES_MAX] {
        self.charge(now_ns);
        let totals_ns = self.totals_ns;
        *self = Self::default();
        totals_ns
    }

    /// Charges the time since the last event to the innermost open stage.
    fn charge(&mut self, now_ns: u64) {
        if self.depth > 0 {
            let stage = self.open[self.depth.min(DEPTH_MAX) - 1] as usize;
            let total_ns = &mut self.totals_ns[stage];
            *total_ns = total_ns.saturating_add(now_ns.saturating_sub(self.last_ns));
        }
        self.last_ns = self.last_ns.max(now_ns);
    }
}
