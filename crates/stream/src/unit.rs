use crate::Class;
use farplane_alloc::Handle;
use farplane_vt::SlotHandle;

/// Number of a unit: what is loaded and evicted as a whole. Dense, from 0.
pub type UnitId = u32;

/// Where a unit lives while it is resident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// A block of the arena's heap, as long as the unit.
    Heap,
    /// A slot of the page pool: all slots have the same size.
    Slot,
}

/// What is known of a unit before it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitInfo {
    /// Where its stored bytes begin in the archive.
    pub offset: u64,
    /// Stored (compressed) bytes.
    pub stored_bytes: u32,
    /// Bytes while resident.
    pub resident_bytes: u32,
    /// Where it lives.
    pub home: Home,
    /// Loaded first and never evicted.
    pub pinned: bool,
}

/// Residency state of a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Not here.
    #[default]
    Absent,
    /// Wanted, waiting for admission.
    Requested,
    /// Memory is reserved; being read or decoded.
    Loading,
    /// Decoded, waiting for the commit budget.
    Ready,
    /// Usable.
    Resident,
    /// Evicted; its memory waits until no older reader can see it.
    Standby,
    /// Cannot be loaded, or never fits; a coarser unit stands in for it.
    Failed,
}

impl State {
    /// Whether a unit may go from one state to the other.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use State::{Absent, Failed, Loading, Ready, Requested, Resident, Standby};
        matches!(
            (self, next),
            (Absent, Requested)
                | (Requested, Absent | Loading | Failed)
                | (Loading, Ready | Absent | Failed)
                | (Ready, Resident)
                | (Resident, Standby)
                | (Standby, Absent)
        )
    }
}

/// Memory that a unit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    None,
    Heap(Handle),
    Slot(SlotHandle),
}

/// The last want of a unit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    /// Frame of the last want; 0 is never.
    pub frame: u32,
    /// Frame since which it has been requested: the FIFO among equals.
    pub since: u32,
    pub class: u8,
    /// Reads that failed and may be tried again.
    pub retries: u8,
    pub score: f32,
}

/// Frames for which a want protects its unit from eviction by equals.
pub(crate) const GUARD_FRAMES: u32 = 2;
/// The same against Prefetch and Low: what was in use a second ago may be again, and a prediction
/// that evicts it only trades one load for two.
const GUARD_FRAMES_PREFETCH: u32 = 60;

impl Wanted {
    /// Whether a want of `class` may take the place of a unit that was last wanted so.
    pub fn may_give_way(self, class: u8, frame: u32) -> bool {
        let prefetch = (Class::Prefetch as u8..=Class::Low as u8).contains(&class);
        let guard = if prefetch { GUARD_FRAMES_PREFETCH } else { GUARD_FRAMES };
        let recent = self.frame > 0 && self.frame + guard > frame;
        !recent || self.class > class
    }
}

const NIL: u32 = u32::MAX;

/// All units in structures of arrays, with one list per home in the order of their last want.
pub(crate) struct Units {
    pub info: Vec<UnitInfo>,
    pub memory: Vec<Memory>,
    pub wanted: Vec<Wanted>,
    state: Vec<State>,
    links: Vec<[u32; 2]>,
    ends: [[u32; 2]; 2],
}

impl Units {
    pub fn new(info: Vec<UnitInfo>) -> Self {
        let n = info.len();
        Self {
            info,
            memory: vec![Memory::None; n],
            wanted: vec![Wanted::default(); n],
            state: vec![State::Absent; n],
            links: vec![[NIL; 2]; n],
            ends: [[NIL; 2]; 2],
        }
    }

    pub fn index_bytes(&self) -> u64 {
        let per_unit = size_of::<UnitInfo>()
            + size_of::<Memory>()
            + size_of::<Wanted>()
            + size_of::<State>()
            + size_of::<[u32; 2]>();
        (self.info.len() * per_unit) as u64
    }

    pub fn state(&self, unit: UnitId) -> State {
        self.state[unit as usize]
    }

    /// The one place where a state changes.
    pub fn transition(&mut self, unit: UnitId, next: State) {
        let state = &mut self.state[unit as usize];
        debug_assert!(state.may_become(next), "unit {unit}: {state:?} to {next:?}");
        *state = next;
    }

    /// Puts a unit at the recently wanted end of its list.
    pub fn link(&mut self, unit: UnitId) {
        let ends = &mut self.ends[self.info[unit as usize].home as usize];
        self.links[unit as usize] = [ends[1], NIL];
        match ends[1] {
            NIL => ends[0] = unit,
            last => self.links[last as usize][1] = unit,
        }
        ends[1] = unit;
    }

    pub fn unlink(&mut self, unit: UnitId) {
        let ends = &mut self.ends[self.info[unit as usize].home as usize];
        let [prev, next] = self.links[unit as usize];
        match prev {
            NIL => ends[0] = next,
            p => self.links[p as usize][1] = next,
        }
        match next {
            NIL => ends[1] = prev,
            n => self.links[n as usize][0] = prev,
        }
    }

    /// The unit of a home whose last want is the longest ago.
    pub fn least_recent(&self, home: Home) -> Option<UnitId> {
        let unit = self.ends[home as usize][0];
        (unit != NIL).then_some(unit)
    }
}
