//! Where units live: memory for what is admitted, evictions, and moves.

use super::{ALIGN, Core};
use crate::action::{Actions, Relocation};
use crate::standing::Standing;
use crate::unit::{GUARD_FRAMES, Home, Memory, State, UnitId, UnitInfo};
use farplane_alloc::PassLimits;

/// Units evicted ahead of need in one frame at most.
const EVICTIONS_AHEAD_MAX: u32 = 32;
/// Blocks moved in one frame at most.
pub(super) const MOVES_MAX: usize = 64;

/// What a want gets.
pub(super) enum Granted {
    /// Memory.
    Memory(Memory),
    /// Memory in a frame to come: its room is being emptied.
    Later,
    /// Nothing: all that is there is worth as much.
    No,
}

impl Core {
    /// Memory for a unit; what is worth clearly less is evicted or moved for it.
    pub(super) fn make_room(
        &mut self,
        unit: UnitId,
        epoch: u64,
        readers: Option<u64>,
        actions: &mut Actions,
    ) -> Granted {
        let UnitInfo { home, resident_bytes, .. } = self.units.info[unit as usize];
        let granted = match self.rooms.index_of(unit) {
            Some(at) => self.claim_room(at, readers),
            None => self.allocate(unit).map_or(Granted::No, Granted::Memory),
        };
        let granted = match granted {
            Granted::No if self.standing.bytes(home) >= u64::from(resident_bytes) => Granted::No,
            Granted::No if home == Home::Heap => self.plan_room(unit, epoch, readers, actions),
            Granted::No => self.make_slot(unit, epoch, readers, actions),
            granted => granted,
        };
        if let Granted::Memory(Memory::Heap(handle)) = granted {
            let _ = self.heap.pin(handle);
        }
        granted
    }

    /// A slot of the page pool: all are alike, so that the least recently wanted page goes.
    fn make_slot(
        &mut self,
        unit: UnitId,
        epoch: u64,
        readers: Option<u64>,
        actions: &mut Actions,
    ) -> Granted {
        let class = self.units.wanted[unit as usize].class;
        let Some(victim) = self.victim(Home::Slot, class) else { return Granted::No };
        self.evict(victim, epoch, readers, actions);
        self.allocate(unit).map_or(Granted::No, Granted::Memory)
    }

    pub(super) fn allocate(&mut self, unit: UnitId) -> Option<Memory> {
        let info = self.units.info[unit as usize];
        match info.home {
            Home::Slot if !(1..=self.config.slot_bytes).contains(&info.resident_bytes.into()) => {
                None
            }
            Home::Slot => self.slots.as_mut()?.allocate().map(Memory::Slot),
            Home::Heap => {
                let handle = self.heap.allocate(info.resident_bytes.into(), ALIGN).ok()?;
                Some(self.own(unit, handle))
            }
        }
    }

    pub(super) fn free(&mut self, memory: Memory) {
        match memory {
            Memory::None => {}
            Memory::Heap(handle) => drop(self.heap.free(handle)),
            Memory::Slot(slot) => {
                if let Some(slots) = &mut self.slots {
                    let _ = slots.free(slot);
                }
            }
        }
    }

    /// The least recently wanted unit of a home, if a want of `class` may take its place.
    pub(super) fn victim(&self, home: Home, class: u8) -> Option<UnitId> {
        let unit = self.units.least_recent(home)?;
        let wanted = self.units.wanted[unit as usize];
        wanted.may_give_way(class, self.frame).then_some(unit)
    }

    pub(super) fn evict(
        &mut self,
        unit: UnitId,
        epoch: u64,
        readers: Option<u64>,
        actions: &mut Actions,
    ) {
        actions.evicted.push(self.placed(unit));
        self.units.unlink(unit);
        self.units.transition(unit, State::Standby);
        self.counters.evicted_units += 1;
        let UnitInfo { resident_bytes, home, .. } = self.units.info[unit as usize];
        self.counters.evicted_bytes += u64::from(resident_bytes);
        let memory = std::mem::replace(&mut self.units.memory[unit as usize], Memory::None);
        if readers.is_none() {
            self.free(memory);
            self.units.transition(unit, State::Absent);
        } else {
            if let Memory::Heap(handle) = memory {
                // Nobody may copy it any more, so nobody should plan to.
                let _ = self.heap.pin(handle);
            }
            let bytes = match home {
                Home::Heap => resident_bytes.into(),
                Home::Slot => self.config.slot_bytes,
            };
            self.standing.push(Standing { unit: Some(unit), memory, epoch, home, bytes });
        }
    }

    /// Keeps a share of the heap free.
    pub(super) fn evict_ahead(&mut self, epoch: u64, readers: Option<u64>, actions: &mut Actions) {
        let heap_bytes = self.config.arena_bytes - self.config.pool_bytes();
        let target = (heap_bytes as f64 * self.config.heap_free_share) as u64;
        for _ in 0..EVICTIONS_AHEAD_MAX {
            if self.heap.stats().free + self.standing.bytes(Home::Heap) >= target {
                return;
            }
            let Some(victim) = self.victim(Home::Heap, u8::MAX) else { return };
            let wanted = self.units.wanted[victim as usize].frame;
            if wanted + GUARD_FRAMES > self.frame {
                return;
            }
            self.evict(victim, epoch, readers, actions);
        }
    }

    /// The frame's moves: those of rooms first, then, while fragmentation is above its threshold,
    /// as many as the rest of the frame's bytes allow.
    pub(super) fn move_blocks(&mut self, actions: &mut Actions) {
        let bytes_left = self.move_for_rooms(self.config.move_bytes_max, actions);
        let moves_max = MOVES_MAX.saturating_sub(actions.relocations.len());
        if bytes_left == 0
            || self.heap.stats().external_fragmentation() <= self.config.move_above_fragmentation
        {
            return;
        }
        let limits = PassLimits { bytes_max: bytes_left, moves_max };
        let mut planned = std::mem::take(&mut self.planned);
        self.heap.plan_moves(limits, &mut planned);
        for &block in &planned {
            let unit = self.owner[block.handle.index() as usize];
            actions.relocations.push(Relocation { unit, block });
        }
        self.planned = planned;
    }

    /// Confirms that a block was copied (or not). From now on the unit lives at the new place; the
    /// old one is kept until no reader of `epoch` or before is left. False: it was not copied, or the
    /// move was answered before, or the unit was evicted meanwhile; then nothing has moved.
    pub fn relocated(
        &mut self,
        relocation: &Relocation,
        copied: bool,
        epoch: u64,
        readers: Option<u64>,
    ) -> bool {
        let vacated = if copied {
            self.heap.commit_move(&relocation.block).ok()
        } else {
            let _ = self.heap.abort_move(&relocation.block);
            None
        };
        self.rooms.answered(&relocation.block, vacated.is_some());
        let Some(vacated) = vacated else { return false };
        self.counters.moved_bytes += relocation.block.to.size;
        if readers.is_none() {
            self.free(Memory::Heap(vacated));
        } else {
            let (memory, bytes) = (Memory::Heap(vacated), relocation.block.to.size);
            self.standing.push(Standing { unit: None, memory, epoch, home: Home::Heap, bytes });
        }
        true
    }
}
