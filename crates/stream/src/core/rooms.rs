//! Room for a want that no hole holds: the allocator chooses the window that is cheapest to empty,
//! moving what is worth keeping and evicting the rest. Moves take a frame at least, since the bytes
//! are copied outside; until then nobody else gets the window.

use super::memory::{Granted, MOVES_MAX};
use super::{ALIGN, Core};
use crate::action::{Actions, Relocation};
use crate::unit::{Home, Memory, State, UnitId, Units};
use farplane_alloc::{Handle, Move, PassLimits, Room, RoomRequest, Steps};

/// Rooms that are being emptied at once, at most.
const ROOMS_MAX: usize = 16;
const _: () = assert!(ROOMS_MAX < farplane_alloc::ROOMS_MAX);
/// Rooms planned in one frame at most: each takes some microseconds.
const PLANS_PER_FRAME_MAX: u32 = 8;
/// What loading a unit again costs, in copies of its bytes: it is read, checked and decoded.
const RELOAD: u64 = 8;
/// Frames after its last want in which the price of a unit halves: a second at 60 Hz.
const HALF_PRICE_FRAMES: u64 = 60;

/// A room under way.
struct Underway {
    unit: UnitId,
    room: Room,
    /// Moves for frames to come.
    todo: Vec<Move>,
    /// Moves that are being copied.
    open: Vec<Move>,
    /// A move was refused: what it was to take away stays.
    refused: bool,
}

/// Why no room was planned.
enum NoRoom {
    /// Enough are planned in this frame, or under way.
    Limit,
    /// Every window holds something that may neither go nor find another place.
    NoWindow,
}

/// The rooms under way, in the order in which they were planned.
#[derive(Default)]
pub(super) struct Rooms {
    underway: Vec<Underway>,
    /// Lists of ended rooms, for the next ones.
    spare: Vec<[Vec<Move>; 2]>,
    steps: Steps,
    frame: u32,
    planned_in_frame: u32,
}

impl Rooms {
    pub fn index_of(&self, unit: UnitId) -> Option<usize> {
        self.underway.iter().position(|r| r.unit == unit)
    }

    /// Notes that a move of a room, if it is one, was answered.
    pub fn answered(&mut self, block: &Move, done: bool) {
        for room in &mut self.underway {
            if let Some(at) = room.open.iter().position(|m| m == block) {
                room.open.swap_remove(at);
                room.refused |= !done;
            }
        }
    }

    /// Whether another plan is within the frame's limit; counts it.
    fn may_plan(&mut self, frame: u32) -> bool {
        if self.frame != frame {
            (self.frame, self.planned_in_frame) = (frame, 0);
        }
        self.planned_in_frame += 1;
        self.planned_in_frame <= PLANS_PER_FRAME_MAX
    }

    fn begin(&mut self, unit: UnitId, room: Room, moves: &[Move]) {
        let [mut todo, mut open] = self.spare.pop().unwrap_or_default();
        todo.clear();
        open.clear();
        // Taken from the end, so that they are done in their order.
        todo.extend(moves.iter().rev());
        self.underway.push(Underway { unit, room, todo, open, refused: false });
    }

    fn end(&mut self, at: usize) {
        let Underway { todo, open, .. } = self.underway.remove(at);
        self.spare.push([todo, open]);
    }
}

impl Core {
    /// Whether blocks are being moved to make room for a unit, which is admitted as soon as they are.
    #[must_use]
    pub fn has_room_underway(&self, unit: UnitId) -> bool {
        self.rooms.index_of(unit).is_some()
    }

    /// Enters the unit that a block belongs to.
    pub(super) fn own(&mut self, unit: UnitId, handle: Handle) -> Memory {
        let index = handle.index() as usize;
        if self.owner.len() <= index {
            self.owner.resize(index + 1, UnitId::MAX);
        }
        self.owner[index] = unit;
        Memory::Heap(handle)
    }

    /// Empties a window for a unit, or begins to.
    pub(super) fn plan_room(
        &mut self,
        unit: UnitId,
        epoch: u64,
        readers: Option<u64>,
        actions: &mut Actions,
    ) -> Granted {
        let size = u64::from(self.units.info[unit as usize].resident_bytes);
        let mut steps = std::mem::take(&mut self.rooms.steps);
        let mut planned = self.find_room(unit, size, &mut steps);
        while planned.is_err() && self.take_room_back(unit) {
            planned = self.find_room(unit, size, &mut steps);
        }
        let granted = match planned {
            Ok(room) => {
                for block in &steps.evictions {
                    self.evict(self.owner[block.index() as usize], epoch, readers, actions);
                }
                self.rooms.begin(unit, room, &steps.moves);
                self.claim_room(self.rooms.underway.len() - 1, readers)
            }
            Err(NoRoom::Limit) => Granted::No,
            Err(NoRoom::NoWindow) => {
                self.counters.refused += u64::from(self.heap.stats().free >= size);
                // What can go leaves a hole, and what must stay can be moved there from now on.
                let class = self.units.wanted[unit as usize].class;
                if let Some(victim) = self.victim(Home::Heap, class) {
                    self.evict(victim, epoch, readers, actions);
                }
                Granted::No
            }
        };
        self.rooms.steps = steps;
        granted
    }

    fn find_room(&mut self, unit: UnitId, size: u64, steps: &mut Steps) -> Result<Room, NoRoom> {
        if self.rooms.underway.len() >= ROOMS_MAX || !self.rooms.may_plan(self.frame) {
            return Err(NoRoom::Limit);
        }
        let limits = PassLimits { bytes_max: self.config.move_bytes_max, moves_max: MOVES_MAX };
        let request = RoomRequest { size, align: ALIGN, limits };
        let class = self.units.wanted[unit as usize].class;
        let (units, owner, frame) = (&self.units, &self.owner, self.frame);
        let price = |block: Handle, bytes: u64| {
            let unit = *owner.get(block.index() as usize)?;
            price(units, unit, class, frame, bytes)
        };
        let planned = self.heap.plan_room(request, price, steps);
        planned.map(|plan| plan.room).map_err(|_| NoRoom::NoWindow)
    }

    /// Gives up a room of a less urgent unit, the last one planned, for a unit that finds none.
    fn take_room_back(&mut self, unit: UnitId) -> bool {
        let class = |unit: UnitId| self.units.wanted[unit as usize].class;
        let less_urgent = |room: &Underway| class(room.unit) > class(unit) && room.open.is_empty();
        let at = self.rooms.underway.iter().rposition(less_urgent);
        if let Some(at) = at {
            let _ = self.heap.abandon(self.rooms.underway[at].room);
            self.rooms.end(at);
        }
        at.is_some()
    }

    /// The memory of a room, once it is empty.
    pub(super) fn claim_room(&mut self, at: usize, readers: Option<u64>) -> Granted {
        let Underway { unit, room, ref todo, ref open, .. } = self.rooms.underway[at];
        let waits = readers.is_some() || !todo.is_empty() || !open.is_empty();
        match self.heap.claim(room) {
            Ok(handle) => {
                self.rooms.end(at);
                Granted::Memory(self.own(unit, handle))
            }
            Err(_) if waits => Granted::Later,
            // Something stays that nobody will take away any more.
            Err(_) => {
                let _ = self.heap.abandon(room);
                self.rooms.end(at);
                Granted::No
            }
        }
    }

    /// Gives up rooms that are no longer wanted or cannot be emptied, but none while a copy may be
    /// writing for it.
    pub(super) fn abandon_rooms(&mut self) {
        for at in (0..self.rooms.underway.len()).rev() {
            let room = &self.rooms.underway[at];
            let wanted = self.units.state(room.unit) == State::Requested;
            if (room.refused || !wanted) && room.open.is_empty() {
                let _ = self.heap.abandon(room.room);
                self.rooms.end(at);
            }
        }
    }

    /// Issues moves of rooms, the oldest room first. Returns what is left of the frame's bytes.
    pub(super) fn move_for_rooms(&mut self, mut bytes_left: u64, actions: &mut Actions) -> u64 {
        for room in &mut self.rooms.underway {
            while let Some(&block) = room.todo.last() {
                if block.from.size > bytes_left || actions.relocations.len() >= MOVES_MAX {
                    return 0;
                }
                room.todo.pop();
                let unit = self.owner[block.handle.index() as usize];
                if self.units.memory[unit as usize] == Memory::Heap(block.handle) {
                    bytes_left -= block.from.size;
                    room.open.push(block);
                    actions.relocations.push(Relocation { unit, block });
                } else {
                    // Evicted meanwhile: what it leaves is the room's.
                    let _ = self.heap.abort_move(&block);
                }
            }
        }
        bytes_left
    }
}

/// What a unit is worth, in bytes copied: less the longer nobody has wanted it. `None` for what a
/// want of `class` may not evict.
fn price(units: &Units, unit: UnitId, class: u8, frame: u32, bytes: u64) -> Option<u64> {
    let (info, wanted) = (units.info.get(unit as usize)?, units.wanted[unit as usize]);
    if info.pinned || !wanted.may_give_way(class, frame) {
        return None;
    }
    let age_frames = u64::from(frame - wanted.frame);
    Some(bytes * RELOAD * HALF_PRICE_FRAMES / (HALF_PRICE_FRAMES + age_frames))
}
