//! An allocator's state as data, and the checks that data passes before it is one again.

use crate::bins::Bins;
use crate::nodes::{Held, Holds, NO_ROOM, NONE, Nodes, Use};
use crate::resize::Shrink;
use crate::rooms::RoomState;
use crate::{ROOMS_MAX, RangeAllocator, Stats};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::error::Error;
use core::fmt;

/// No counter of a saved state is larger: counting on never overflows.
const COUNT_MAX: u64 = 1 << 62;

/// What is saved: all that decides how an allocator goes on. What follows from it (statistics, which
/// bins have holes) is computed anew.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct State {
    granule_log2: u32,
    nodes: Nodes,
    roots: Vec<u32>,
    cursor: u32,
    rooms: Vec<RoomState>,
    shrink: Option<Shrink>,
    peak_used: u64,
    refused: u64,
    moved: u64,
}

/// Why a saved state was not loaded: no sequence of calls leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateError {
    /// What is wrong.
    pub problem: &'static str,
    /// The entry of the table of stretches, bins or rooms that it was found at.
    pub index: u32,
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { problem, index } = self;
        write!(f, "saved allocator state is corrupt: {problem} at entry {index}; discard it")
    }
}

impl Error for StateError {}

impl From<RangeAllocator> for State {
    fn from(allocator: RangeAllocator) -> Self {
        Self {
            granule_log2: allocator.granule_log2,
            roots: allocator.bins.roots().collect(),
            nodes: allocator.nodes,
            cursor: allocator.cursor,
            rooms: allocator.rooms,
            shrink: allocator.shrink,
            peak_used: allocator.stats.peak_used,
            refused: allocator.stats.refused,
            moved: allocator.stats.moved,
        }
    }
}

impl TryFrom<State> for RangeAllocator {
    type Error = StateError;

    fn try_from(state: State) -> Result<Self, StateError> {
        let State { granule_log2, nodes, roots, cursor, rooms, shrink, .. } = state;
        let counters = [state.peak_used, state.refused, state.moved];
        check(granule_log2 <= 32, "the granule", 0)?;
        check(counters.iter().all(|&count| count <= u64::MAX - COUNT_MAX), "a counter", 0)?;
        check(nodes.nodes.len() == nodes.generations.len(), "a generation too many or too few", 0)?;
        check(nodes.nodes.len() < NONE as usize - 6, "more stretches than can be indexed", 0)?;
        check(rooms.len() <= ROOMS_MAX, "more rooms than there may be", 0)?;
        let listed = check_list(&nodes)?;
        let mut allocator = Self {
            nodes,
            bins: Bins::new(),
            stats: Stats::default(),
            granule_log2,
            cursor,
            rooms,
            shrink,
            visited: VecDeque::new(),
            tenants: Vec::new(),
        };
        let is_listed = |node| node == NONE || listed.get(node as usize) == Some(&true);
        check(is_listed(cursor), "the pass goes on nowhere", cursor)?;
        allocator.count()?;
        allocator.stats.peak_used = state.peak_used.max(allocator.stats.used);
        (allocator.stats.refused, allocator.stats.moved) = (state.refused, state.moved);
        allocator.adopt_tries(&roots, &listed)?;
        allocator.check_rooms(&listed)?;
        if let Some(shrink) = allocator.shrink {
            check(is_listed(shrink.cursor), "the shrink goes on nowhere", shrink.cursor)?;
        }
        Ok(allocator)
    }
}

fn check(holds: bool, problem: &'static str, index: u32) -> Result<(), StateError> {
    if holds { Ok(()) } else { Err(StateError { problem, index }) }
}

/// Which nodes are stretches of the arena: in a list that covers it without a gap. The others are
/// unused, or spent, and hold nothing.
fn check_list(nodes: &Nodes) -> Result<Vec<bool>, StateError> {
    let count = nodes.nodes.len();
    let mut listed = alloc::vec![false; count];
    let (mut before, mut at, mut end) = (NONE, nodes.first, 0_u32);
    while at != NONE {
        let fresh = listed.get(at as usize) == Some(&false);
        check(fresh, "stretches are not in a row", at)?;
        listed[at as usize] = true;
        let node = &nodes[at];
        check(node.prev == before, "neighbours disagree", at)?;
        check(node.offset == end && node.size > 0, "a gap or an overlap", at)?;
        end = end.checked_add(node.size).ok_or(StateError { problem: "too far up", index: at })?;
        let two_holes = before != NONE && node.is_hole() && nodes[before].is_hole();
        check(!two_holes, "two holes that touch", at)?;
        (before, at) = (at, node.next);
    }
    check(nodes.last == before, "the last stretch is not the last", nodes.last)?;
    let mut unused = listed.clone();
    let mut at = nodes.unused;
    while at != NONE {
        check(unused.get(at as usize) == Some(&false), "unused entries are not in a row", at)?;
        unused[at as usize] = true;
        at = nodes[at].next;
    }
    for at in 0..count as u32 {
        check(nodes.may_be(nodes.generations[at as usize]), "a generation", at)?;
        check(listed[at as usize] || nodes[at].is_hole(), "held and nowhere", at)?;
    }
    Ok(listed)
}

impl RangeAllocator {
    /// Computes the statistics, and checks what is held.
    fn count(&mut self) -> Result<(), StateError> {
        let mut stats = Stats::default();
        let mut at = self.nodes.first;
        while at != NONE {
            let node = self.nodes[at];
            let bytes = self.bytes(node.size);
            stats.capacity += bytes;
            if let Use::Held(held) = node.part {
                check(self.is_sound(at, &held), "what is held", at)?;
                stats.used += bytes;
                stats.requested += bytes - u64::from(held.slack);
                match held.holds {
                    Holds::Block | Holds::MovingBlock => {
                        stats.blocks += 1;
                        stats.pinned += u32::from(held.pins > 0);
                    }
                    Holds::Vacated => stats.vacated += bytes,
                    Holds::Destination | Holds::Room => stats.reserved += bytes,
                }
            } else {
                stats.free += bytes;
                stats.holes += 1;
            }
            at = node.next;
        }
        self.stats = stats;
        Ok(())
    }

    fn is_sound(&self, at: u32, held: &Held) -> bool {
        let node = &self.nodes[at];
        let align_log2 = u32::from(held.align_log2);
        let begins = self.bytes(node.offset);
        let aligned = align_log2 < 64
            && begins.trailing_zeros().max(u32::from(begins == 0) * 64) >= align_log2;
        let rounded = u64::from(held.slack) < self.granule();
        let partner = self.nodes.nodes.get(held.partner as usize);
        let linked = partner.and_then(|other| other.held()).filter(|other| {
            let same = partner.is_some_and(|other| other.size == node.size);
            same && other.partner == at && other.slack == held.slack
        });
        let alone = held.partner == NONE;
        aligned
            && rounded
            && match held.holds {
                Holds::Block | Holds::Vacated => alone,
                Holds::MovingBlock => linked.is_some_and(|other| other.holds == Holds::Destination),
                Holds::Destination => {
                    held.pins == 0
                        && (alone || linked.is_some_and(|other| other.holds == Holds::MovingBlock))
                }
                Holds::Room => alone && held.pins == 0 && held.slack == 0 && held.room != NO_ROOM,
            }
    }

    fn adopt_tries(&mut self, roots: &[u32], listed: &[bool]) -> Result<(), StateError> {
        let mut found = alloc::vec![false; listed.len()];
        let mut holes = 0;
        for (&root, index) in roots.iter().zip(0..) {
            let nodes = &self.nodes;
            let is_hole = |node: u32| {
                let new = listed.get(node as usize) == Some(&true)
                    && nodes[node].is_hole()
                    && !found[node as usize];
                if new {
                    found[node as usize] = true;
                }
                new
            };
            let count = self.bins.adopt(nodes, root, is_hole);
            holes += count.ok_or(StateError { problem: "a bin", index })?;
        }
        check(holes == self.stats.holes, "a hole in no bin", holes)
    }

    /// Each room is a row of whole stretches that carry its number, and no others do.
    fn check_rooms(&self, listed: &[bool]) -> Result<(), StateError> {
        let mut members = 0;
        for (state, index) in self.rooms.iter().zip(0_u32..) {
            check(state.generation < COUNT_MAX, "a room's generation", index)?;
            if !state.active {
                continue;
            }
            let number = index as u8 + 1;
            let granules = (self.stats.capacity >> self.granule_log2) as u32;
            let bounds = state.start < state.end && state.end <= granules;
            check(bounds && listed.get(state.first as usize) == Some(&true), "a room", index)?;
            check(self.nodes[state.first].offset == state.start, "a room's start", index)?;
            let (mut at, mut end, mut empty) = (state.first, state.start, false);
            while end < state.end {
                let node = &self.nodes[at];
                let held = node.held().filter(|held| held.room == number);
                let held = held.ok_or(StateError { problem: "not in its room", index: at })?;
                let is_empty = held.holds == Holds::Room;
                check(!(empty && is_empty), "two pieces of a room that touch", at)?;
                (empty, end, at) = (is_empty, node.end(), node.next);
                members += 1;
            }
            check(end == state.end, "a room's end", index)?;
            let purpose = match self.shrink {
                Some(shrink) if shrink.number == number => {
                    let within = (state.start..granules).contains(&shrink.granules);
                    state.size == 0 && state.end == granules && within
                }
                _ => {
                    let request = self.check_request(state.size, state.align);
                    request.is_ok_and(|size| {
                        self.place_within(state.start, state.end, size, state.align).is_some()
                    })
                }
            };
            check(purpose, "a room's purpose", index)?;
        }
        if let Some(shrink) = self.shrink {
            let room = usize::from(shrink.number).checked_sub(1).and_then(|at| self.rooms.get(at));
            check(room.is_some_and(|room| room.active), "a shrink", shrink.number.into())?;
        }
        let in_rooms =
            |node: &&crate::nodes::Node| node.held().is_some_and(|held| held.room != NO_ROOM);
        let all = self.nodes.nodes.iter().filter(in_rooms).count();
        check(all == members, "in a room that is none", members as u32)
    }
}
