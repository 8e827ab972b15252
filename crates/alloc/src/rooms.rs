//! Room on demand: a window of the arena is emptied for one request.
//!
//! The window is chosen by what it costs to empty it, moving a block for its bytes or evicting it
//! for the price that its owner asks, whichever is less; and from the plan on nobody else gets a
//! byte of it: what becomes free inside stays with the room until it is claimed or abandoned.

use crate::nodes::{Held, Holds, NO_ROOM, NONE, Node, Use};
use crate::windows::{Search, Window};
use crate::{
    AllocError, ClaimError, Handle, Move, PassLimits, Range, RangeAllocator, RoomError, UnknownRoom,
};
use alloc::vec::Vec;

/// Rooms that may be planned and not yet claimed at a time; a shrink takes the place of one.
pub const ROOMS_MAX: usize = 64;

/// A window of the arena that is kept, and being emptied, for one request. It wants exactly one
/// answer: [`claim`](RangeAllocator::claim) or [`abandon`](RangeAllocator::abandon).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Room {
    number: u8,
    generation: u64,
}

/// What [`plan_room`](RangeAllocator::plan_room) is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomRequest {
    /// Bytes of the block to come.
    pub size: u64,
    /// Its alignment in bytes, a power of two.
    pub align: u64,
    /// What the whole plan may move. It may be more than one frame can copy: the moves need not be
    /// committed all in one frame.
    pub limits: PassLimits,
}

/// What has to be done for a room, in lists that the caller keeps and reuses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Steps {
    /// Moves, each to be answered as one of
    /// [`plan_moves`](RangeAllocator::plan_moves).
    pub moves: Vec<Move>,
    /// Blocks that their owner is to free, having offered them.
    pub evictions: Vec<Handle>,
}

impl Steps {
    /// Empties both lists.
    pub fn clear(&mut self) {
        self.moves.clear();
        self.evictions.clear();
    }
}

/// A planned room and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomPlan {
    /// The room.
    pub room: Room,
    /// The window: at least as large as the request.
    pub window: Range,
    /// Bytes to copy.
    pub bytes: u64,
    /// Sum of the prices of the blocks to evict.
    pub price: u64,
}

/// What a room's number stands for.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct RoomState {
    /// Counts up when a room ends, so that no token is valid twice.
    pub generation: u64,
    pub active: bool,
    /// As asked for; 0 for the end of the arena that a shrink empties.
    pub size: u64,
    pub align: u64,
    /// Where it is, in granules, and its lowest stretch.
    pub start: u32,
    pub end: u32,
    pub first: u32,
    /// Where its blocks go: unanswered moves and others.
    pub destinations: Vec<Handle>,
}

/// A block of a window with the two ways to be rid of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tenant {
    node: u32,
    bytes: u64,
    price: Option<u64>,
}

impl RangeAllocator {
    /// Chooses the window that is cheapest to empty for a block, keeps it from everybody else and
    /// fills `steps` with what its owner has to do: copy and commit the moves (or abort
    /// one), and free the blocks to evict, in this frame or over several. Then
    /// [`claim`](Self::claim) gives the block. Allocating, freeing and pinning in between is fine.
    ///
    /// `price` is asked what it is worth, in bytes copied, not to evict a block of so many bytes;
    /// `None` means that it must not go. A price of 0 is a block that is not missed, one of twice
    /// its size says that loading it again costs twice as much as copying it. Pinned blocks stay
    /// where they are. If a hole holds the request there is nothing to do and the room can be
    /// claimed at once.
    ///
    /// The search looks at windows around the largest holes and visits at most
    /// [`NODES_PER_ROOM_MAX`](crate::NODES_PER_ROOM_MAX) stretches; only when none of these can be
    /// emptied, the whole arena is gone through. A window of holes and offered blocks is always
    /// found then; one that takes moving blocks that are not offered may be missed.
    ///
    /// # Errors
    /// [`RoomError`]: the request makes no sense, no window can be emptied within the limits, or
    /// too many rooms are planned. Nothing has changed then, and `steps` is empty.
    pub fn plan_room(
        &mut self,
        request: RoomRequest,
        mut price: impl FnMut(Handle, u64) -> Option<u64>,
        steps: &mut Steps,
    ) -> Result<RoomPlan, RoomError> {
        steps.clear();
        let RoomRequest { size, align, limits } = request;
        let granules = self.check_request(size, align).map_err(RoomError::Request)?;
        let number = self.unused_room().ok_or(RoomError::TooManyRooms { rooms: ROOMS_MAX })?;
        if !self.has_room_in_tables() {
            let blocks = self.stats.blocks;
            return Err(RoomError::Request(AllocError::TooManyBlocks { blocks }));
        }
        if let Some((hole, offset)) = self.find(granules, align) {
            self.hold(hole, offset, self.bytes(granules), align, Holds::Room);
            self.stats.reserved += self.bytes(granules);
            if let Some(held) = self.nodes[hole].held_mut() {
                held.room = number;
            }
            let window = Window { first: hole, last: hole, cost: 0 };
            return Ok(self.open_room(number, request, window, steps, (0, 0)));
        }
        let buffer = core::mem::take(&mut self.visited);
        let mut search = Search::new(self, granules, align, limits, buffer);
        search.around_holes(self, &mut price);
        let mut found = self.empty_cheapest(number, search.best(), limits, &mut price, steps);
        for offered_only in [false, true] {
            if found.is_none() {
                search.everywhere(self, offered_only, &mut price);
                found = self.empty_cheapest(number, search.best(), limits, &mut price, steps);
            }
        }
        self.visited = search.into_buffer();
        match found {
            Some((window, costs)) => Ok(self.open_room(number, request, window, steps, costs)),
            None => Err(RoomError::NoWindow {
                requested: size,
                align,
                total_free: self.stats.free,
                bytes_max: limits.bytes_max,
                pinned: self.stats.pinned,
            }),
        }
    }

    /// The block that a room was planned for. Moves have to be committed, what they left has to be
    /// freed, and the blocks to evict have to be freed before.
    ///
    /// # Errors
    /// [`ClaimError`]: the window is not yet empty (nothing has changed, claim again later), or
    /// there is no such room.
    pub fn claim(&mut self, room: Room) -> Result<Handle, ClaimError> {
        let state = self.room(room).map_err(|_| ClaimError::UnknownRoom)?;
        let (first, end, size, align) = (state.first, state.end, state.size, state.align);
        if self.nodes[first].end() < end || !self.is_reserved(first) {
            return Err(self.not_empty(first, end));
        }
        self.close_room(room.number);
        let hole = self.release_reserved(first);
        let granules = self.granules(size);
        let Some(offset) = self.place(hole, granules, align) else {
            return Err(ClaimError::UnknownRoom);
        };
        self.stats.blocks += 1;
        self.hold(hole, offset, size, align, Holds::Block);
        Ok(self.nodes.handle(hole))
    }

    /// Gives a room up: what is empty of its window becomes free for all, blocks that still live
    /// there stay, moves that are not yet answered are aborted (answering them is
    /// [`MoveError::UnknownMove`](crate::MoveError::UnknownMove) from now on).
    ///
    /// # Errors
    /// [`UnknownRoom`] if it was claimed or abandoned before.
    pub fn abandon(&mut self, room: Room) -> Result<(), UnknownRoom> {
        self.room(room)?;
        self.give_up(room.number);
        Ok(())
    }

    /// Rooms that are planned and neither claimed nor abandoned.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.rooms.iter().filter(|room| room.active && room.size > 0).count()
    }

    pub(crate) fn room(&self, room: Room) -> Result<&RoomState, UnknownRoom> {
        let state = usize::from(room.number).checked_sub(1).and_then(|at| self.rooms.get(at));
        state
            .filter(|state| state.active && state.generation == room.generation && state.size > 0)
            .ok_or(UnknownRoom)
    }

    pub(crate) fn state_mut(&mut self, number: u8) -> &mut RoomState {
        &mut self.rooms[usize::from(number) - 1]
    }

    /// The number of a room that is not in use; numbers count from 1.
    pub(crate) fn unused_room(&mut self) -> Option<u8> {
        let at = self.rooms.iter().position(|room| !room.active).unwrap_or(self.rooms.len());
        if at == ROOMS_MAX {
            return None;
        }
        if at == self.rooms.len() {
            self.rooms.push(RoomState::default());
        }
        Some(at as u8 + 1)
    }

    /// Tries windows, the one that seems cheapest first, until one costs no more than the next is
    /// thought to cost at least; the cheapest is left emptied.
    fn empty_cheapest(
        &mut self,
        number: u8,
        windows: impl Iterator<Item = Window>,
        limits: PassLimits,
        price: &mut dyn FnMut(Handle, u64) -> Option<u64>,
        steps: &mut Steps,
    ) -> Option<(Window, (u64, u64))> {
        let mut cheapest: Option<(u64, Window)> = None;
        let mut windows = windows.peekable();
        while let Some(window) = windows.next() {
            let Some(costs) = self.empty(number, window, limits, price, steps) else { continue };
            let cost = costs.0.saturating_add(costs.1);
            let bound = cheapest.map_or(u64::MAX, |(least, _)| least);
            if cost <= bound && windows.peek().is_none_or(|next| cost <= next.cost) {
                return Some((window, costs));
            }
            self.undo(window, steps);
            if cost < bound {
                cheapest = Some((cost, window));
            }
        }
        let (_, window) = cheapest?;
        Some((window, self.empty(number, window, limits, price, steps)?))
    }

    /// Takes a window and plans its emptying: the bytes to copy and the price to pay, or nothing,
    /// and nothing changed, where it cannot be emptied.
    fn empty(
        &mut self,
        number: u8,
        window: Window,
        limits: PassLimits,
        price: &mut dyn FnMut(Handle, u64) -> Option<u64>,
        steps: &mut Steps,
    ) -> Option<(u64, u64)> {
        let mut tenants = core::mem::take(&mut self.tenants);
        tenants.clear();
        let mut node = window.first;
        loop {
            if self.nodes[node].is_hole() {
                self.take_hole(node);
                self.keep(node, number);
            } else if let Some(held) = self.nodes[node].held_mut() {
                held.room = number;
                let held = *held;
                let bytes = self.requested(node, &held).size;
                let price = price(self.nodes.handle(node), bytes);
                tenants.push(Tenant { node, bytes, price });
            }
            if node == window.last {
                break;
            }
            node = self.nodes[node].next;
        }
        // First those that cannot be evicted, then those where moving saves most for its bytes;
        // among equals the largest, for which it is hardest to find a hole.
        tenants.sort_unstable_by(|a, b| {
            let worth = |t: &Tenant, other: &Tenant| {
                u128::from(t.price.unwrap_or(0)) * u128::from(other.bytes)
            };
            (b.price.is_none(), worth(b, a), b.bytes, a.node).cmp(&(
                a.price.is_none(),
                worth(a, b),
                a.bytes,
                b.node,
            ))
        });
        let costs = self.move_or_evict(&tenants, limits, steps);
        self.tenants = tenants;
        if costs.is_none() {
            self.undo(window, steps);
        }
        costs
    }

    fn move_or_evict(
        &mut self,
        tenants: &[Tenant],
        limits: PassLimits,
        steps: &mut Steps,
    ) -> Option<(u64, u64)> {
        let (mut moved, mut paid) = (0_u64, 0_u64);
        for tenant in tenants {
            let may_move = tenant.bytes <= limits.bytes_max - moved
                && steps.moves.len() < limits.moves_max
                && tenant.price.is_none_or(|price| price > tenant.bytes);
            if may_move && let Some(planned) = self.move_elsewhere(tenant.node) {
                moved += tenant.bytes;
                steps.moves.push(planned);
            } else {
                paid = paid.saturating_add(tenant.price?);
                steps.evictions.push(self.nodes.handle(tenant.node));
            }
        }
        Some((moved, paid))
    }

    /// Plans the move of a block to the hole that it fits best.
    pub(crate) fn move_elsewhere(&mut self, node: u32) -> Option<Move> {
        let align = 1 << self.nodes[node].held()?.align_log2;
        let room = self.has_room_in_tables();
        let (hole, offset) = self.find(self.nodes[node].size, align).filter(|_| room)?;
        self.reserve_move(node, hole, offset)
    }

    /// Puts all back as it was before [`empty`](Self::empty).
    fn undo(&mut self, window: Window, steps: &mut Steps) {
        // The last first, so that what was carved out of one hole becomes that hole again.
        for planned in steps.moves.drain(..).rev() {
            if self.answer(&planned).is_ok() {
                self.release_reserved(planned.destination.index);
            }
        }
        steps.evictions.clear();
        self.free_window(window.first, self.nodes[window.last].end());
    }

    /// Makes a planned window a room.
    fn open_room(
        &mut self,
        number: u8,
        request: RoomRequest,
        window: Window,
        steps: &Steps,
        (bytes, price): (u64, u64),
    ) -> RoomPlan {
        let (start, end) = (self.nodes[window.first].offset, self.nodes[window.last].end());
        let room = self.enter_room(number, request.size, window.first, (start, end));
        let state = self.state_mut(number);
        state.align = request.align;
        state.destinations.extend(steps.moves.iter().map(|planned| planned.destination));
        self.note_peak();
        let window = Range::new(self.bytes(start), self.bytes(end - start));
        RoomPlan { room, window, bytes, price }
    }

    pub(crate) fn enter_room(
        &mut self,
        number: u8,
        size: u64,
        first: u32,
        (start, end): (u32, u32),
    ) -> Room {
        let state = self.state_mut(number);
        *state = RoomState {
            generation: state.generation,
            active: true,
            size,
            align: 1,
            start,
            end,
            first,
            destinations: core::mem::take(&mut state.destinations),
        };
        state.destinations.clear();
        Room { number, generation: state.generation }
    }

    pub(crate) fn close_room(&mut self, number: u8) {
        let state = self.state_mut(number);
        state.active = false;
        state.generation += 1;
    }

    pub(crate) fn give_up(&mut self, number: u8) {
        let destinations = core::mem::take(&mut self.state_mut(number).destinations);
        for &handle in &destinations {
            let destination = self.nodes.find(handle);
            if destination.is_ok_and(|held| held.holds == Holds::Destination) {
                self.end_move(handle.index);
                self.release_destination(handle.index);
            }
        }
        self.state_mut(number).destinations = destinations;
        let RoomState { first, end, .. } = *self.state_mut(number);
        self.close_room(number);
        self.free_window(first, end);
    }

    /// Ends what a room means to the stretches from `first` to `end`.
    fn free_window(&mut self, first: u32, end: u32) {
        let mut node = first;
        loop {
            // What follows inside the window is no hole, so it is not merged with this one.
            let Node { next, part, .. } = self.nodes[node];
            let last = self.nodes[node].end() >= end;
            match part {
                Use::Held(Held { holds: Holds::Room, .. }) => {
                    self.release_reserved(node);
                }
                _ => {
                    if let Some(held) = self.nodes[node].held_mut() {
                        held.room = NO_ROOM;
                    }
                }
            }
            if last {
                return;
            }
            node = next;
        }
    }

    pub(crate) fn is_reserved(&self, node: u32) -> bool {
        self.nodes[node].held().is_some_and(|held| held.holds == Holds::Room)
    }

    /// What is left in a window, for the error.
    pub(crate) fn not_empty(&self, first: u32, end: u32) -> ClaimError {
        let (mut blocks, mut vacated, mut bytes) = (0, 0, 0);
        let mut node = first;
        while node != NONE && self.nodes[node].offset < end {
            if let Some(held) = self.nodes[node].held()
                && held.holds != Holds::Room
            {
                bytes += self.bytes(self.nodes[node].size);
                blocks += u32::from(held.holds != Holds::Vacated);
                vacated += u32::from(held.holds == Holds::Vacated);
            }
            node = self.nodes[node].next;
        }
        ClaimError::NotEmpty { bytes, blocks, vacated }
    }

    /// Makes an empty stretch that is in no bin a part of a room.
    pub(crate) fn keep(&mut self, node: u32, room: u8) {
        let bytes = self.bytes(self.nodes[node].size);
        self.stats.used += bytes;
        self.stats.free -= bytes;
        self.stats.requested += bytes;
        self.mark_room(node, room);
    }

    /// [`keep`](Self::keep) for a stretch whose bytes are counted as used already.
    pub(crate) fn mark_room(&mut self, node: u32, room: u8) {
        self.stats.reserved += self.bytes(self.nodes[node].size);
        let holds = Holds::Room;
        let held = Held { holds, align_log2: 0, room, pins: 0, slack: 0, partner: NONE };
        self.nodes[node].part = Use::Held(held);
    }

    /// Frees a stretch that was reserved and whose handle nobody has been given.
    pub(crate) fn release_reserved(&mut self, node: u32) -> u32 {
        let bytes = self.bytes(self.nodes[node].size);
        let slack = self.nodes[node].held().map_or(0, |held| u64::from(held.slack));
        self.stats.reserved -= bytes;
        self.stats.used -= bytes;
        self.stats.free += bytes;
        self.stats.requested -= bytes - slack;
        self.free_stretch(node);
        node
    }

    /// Merges an empty stretch of a room with those beside it.
    pub(crate) fn merge_in_room(&mut self, node: u32, room: u8) {
        for neighbour in [self.nodes[node].prev, self.nodes[node].next] {
            let held = (neighbour != NONE).then(|| self.nodes[neighbour].held()).flatten();
            if held.is_some_and(|held| held.holds == Holds::Room && held.room == room) {
                self.absorb(node, neighbour);
                self.room_node_replaced(room, neighbour, node);
            }
        }
    }

    /// Keeps a room's way to its lowest stretch.
    pub(crate) fn room_node_replaced(&mut self, room: u8, old: u32, new: u32) {
        if room != NO_ROOM && self.state_mut(room).first == old {
            self.state_mut(room).first = new;
        }
    }

    /// Lets two held stretches change their places; the rooms and the passes that know one of
    /// these places find the other stretch there.
    pub(crate) fn exchange_places(&mut self, a: u32, b: u32) {
        self.nodes.exchange_places(a, b);
        let other = |node| {
            if node == a {
                b
            } else if node == b {
                a
            } else {
                node
            }
        };
        let room_of = |node: u32| self.nodes[node].held().map_or(NO_ROOM, |held| held.room);
        let (room_a, room_b) = (room_of(a), room_of(b));
        for (node, room) in [(a, room_b), (b, room_a)] {
            if let Some(held) = self.nodes[node].held_mut() {
                held.room = room;
            }
            if room != NO_ROOM && (node == b || room_a != room_b) {
                let state = self.state_mut(room);
                state.first = other(state.first);
            }
        }
        self.cursor = other(self.cursor);
        if let Some(shrink) = &mut self.shrink {
            shrink.cursor = other(shrink.cursor);
        }
    }
}
