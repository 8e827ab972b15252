//! The part of the allocator's oracle that is about moving, emptying and resizing.

use super::pick;
use super::range::{Held, Model, Who, fits};
use farplane_alloc::{
    AllocError, ClaimError, Handle, Move, MoveError, PassLimits, ROOMS_MAX, Range, ResizeError,
    Room, RoomError, RoomRequest, Steps, UnknownRoom,
};

/// A part of the arena that is being emptied: for a room, or to be cut off.
#[derive(Clone, Debug)]
pub struct Kept {
    pub window: Range,
    pub purpose: Purpose,
    evictions: Vec<Handle>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Room { room: Room, size: u64, align: u64 },
    Shrink { capacity: u64 },
}

/// What a block's owner asks for evicting it; by `offers` all, none, or some are offered, and
/// cheaper or dearer than moving.
fn price(offers: u8, handle: Handle, bytes: u64) -> Option<u64> {
    match (offers >> 4, handle.index() % 4) {
        (0 | 1, _) => None,
        (2..=5, _) => Some(bytes * 3),
        (6 | 7, _) => Some(bytes / 2),
        (_, 0) => None,
        (_, 1) => Some(0),
        (_, 2) => Some(bytes * 2),
        _ => Some(bytes / 2),
    }
}

impl Model {
    /// Number of moves planned, and whether the pass was complete.
    pub fn plan(&mut self, limits: PassLimits) -> (usize, bool) {
        let mut moves = vec![];
        let plan = self.real.plan_moves(limits, &mut moves);
        assert!(moves.len() <= limits.moves_max);
        assert!(plan.bytes <= limits.bytes_max);
        assert_eq!(plan.bytes, moves.iter().map(|planned| planned.from.size).sum::<u64>());
        for planned in &moves {
            let block = self.held.get_mut(&planned.from.offset).expect("a move of what is held");
            assert_eq!((block.who, block.handle), (Who::Block, planned.handle));
            assert_eq!((block.pins, block.moving), (0, false));
            assert!(!self.kept.iter().any(|kept| kept.window.contains(&planned.from)));
            assert_eq!((planned.from.size, planned.to.size), (block.requested, block.requested));
            assert!(planned.to.end() <= planned.from.offset, "down, and disjoint");
            assert_eq!(planned.to.offset % block.align, 0);
            block.moving = true;
            let align = block.align;
            self.hold(planned.to, align, Who::Destination, planned.handle);
        }
        self.planned.extend(&moves);
        self.note_peak();
        (moves.len(), plan.complete)
    }

    pub fn commit(&mut self, index: usize) {
        let planned = self.planned.swap_remove(index);
        let block = self.held.get(&planned.from.offset).copied();
        let block = block.filter(|held| held.who == Who::Block && held.handle == planned.handle);
        self.end_move(&planned);
        let result = self.real.commit_move(&planned);
        let Some(block) = block else {
            assert_eq!(result, Err(MoveError::StaleHandle));
            return;
        };
        if block.pins > 0 {
            assert_eq!(result, Err(MoveError::Pinned));
            return;
        }
        let old = result.unwrap();
        assert!(old != block.handle && !self.stale.contains(&old));
        assert_eq!(self.real.range(block.handle), Some(planned.to));
        assert_eq!(self.real.range(old), Some(planned.from));
        let (from, size) = (planned.from.offset as usize, planned.from.size as usize);
        self.bytes.copy_within(from..from + size, planned.to.offset as usize);
        self.held.insert(planned.to.offset, Held { moving: false, ..block });
        let vacated = Held { who: Who::Vacated, handle: old, moving: false, ..block };
        self.held.insert(planned.from.offset, vacated);
        self.moved += planned.from.size;
    }

    /// The destination is released, and the block, if it lives, is free to be planned again.
    fn end_move(&mut self, planned: &Move) {
        let destination = self.held.remove(&planned.to.offset).unwrap();
        assert_eq!(destination.who, Who::Destination);
        if let Some(block) = self.held.get_mut(&planned.from.offset)
            && block.handle == planned.handle
        {
            block.moving = false;
        }
        self.answered.push(*planned);
    }

    /// Commits and frees all that is under way, then makes passes until nothing is left to do.
    pub fn compact(&mut self) {
        while !self.rooms().is_empty() {
            self.abandon(0);
            self.check();
        }
        self.abandon_shrink();
        self.check();
        let limits = PassLimits { bytes_max: u64::MAX, moves_max: 5 };
        // By far enough for what fits the arena, and so few that a failure does not take for ever.
        for _ in 0..2000 {
            while !self.planned.is_empty() {
                self.commit(0);
            }
            while self.choose(Who::Vacated, 0).is_some() {
                self.free(Who::Vacated, 0);
            }
            if self.plan(limits) == (0, true) {
                self.check();
                self.check_nothing_is_left_to_move();
                return;
            }
        }
        panic!("the passes do not come to an end");
    }

    /// No unpinned block beside room (or at the top) fits a hole further down, but for sliding
    /// down the hole below it where that would only exchange the two.
    fn check_nothing_is_left_to_move(&self) {
        let holes = self.holes();
        if holes.len() > 32 || self.held.len() + holes.len() > 256 {
            return;
        }
        for (&offset, block) in self.held.iter().filter(|(_, held)| held.pins == 0) {
            let end = offset + block.size;
            let joins_above = end == self.capacity || holes.iter().any(|hole| hole.offset == end);
            for hole in holes.iter().filter(|hole| hole.end() <= offset) {
                let below = holes.iter().find(|hole| hole.end() == offset);
                let useful = joins_above || below.is_some_and(|below| below != hole);
                let fits = fits(hole, block.size, block.align);
                assert!(!useful || !fits, "block at {offset} still fits the hole {hole}");
            }
        }
    }

    pub fn abort(&mut self, number: u8) {
        let Some(index) = pick(&self.planned, number) else { return };
        let planned = self.planned.swap_remove(index);
        self.end_move(&planned);
        assert_eq!(self.real.abort_move(&planned), Ok(()));
    }

    pub fn answer_again(&mut self, number: u8) {
        let Some(index) = pick(&self.answered, number) else { return };
        let answered = &self.answered[index];
        assert_eq!(self.real.commit_move(answered), Err(MoveError::UnknownMove));
        assert_eq!(self.real.abort_move(answered), Err(MoveError::UnknownMove));
    }

    pub fn rooms(&self) -> Vec<usize> {
        let is_room = |kept: &Kept| matches!(kept.purpose, Purpose::Room { .. });
        (0..self.kept.len()).filter(|&at| is_room(&self.kept[at])).collect()
    }

    fn shrink(&self) -> Option<(usize, u64)> {
        let capacity = |kept: &Kept| match kept.purpose {
            Purpose::Shrink { capacity } => Some(capacity),
            Purpose::Room { .. } => None,
        };
        self.kept.iter().enumerate().find_map(|(at, kept)| Some((at, capacity(kept)?)))
    }

    /// Whether a block may be moved or evicted at all.
    fn at_rest(&self, offset: u64, held: &Held) -> bool {
        let range = Range::new(offset, held.size);
        let kept = self.kept.iter().any(|kept| kept.window.overlaps(&range));
        held.who == Who::Block && held.pins == 0 && !held.moving && !kept
    }

    pub fn plan_room(&mut self, size: u64, align: u64, limits: PassLimits, offers: u8) {
        let mut steps = Steps::default();
        let request = RoomRequest { size, align, limits };
        let a_hole_fits = size > 0
            && align.is_power_of_two()
            && size <= self.capacity
            && self.a_hole_fits(size, align);
        let result =
            self.real.plan_room(request, |handle, bytes| price(offers, handle, bytes), &mut steps);
        let plan = match result {
            Ok(plan) => plan,
            Err(error) => {
                assert_eq!(steps, Steps::default());
                assert!(!a_hole_fits || matches!(error, RoomError::TooManyRooms { .. }));
                return self.check_refusal(request, offers, error);
            }
        };
        let (window, rounded) = (plan.window, self.round(size));
        assert!(fits(&window, rounded, align), "{window} does not hold {rounded} at {align}");
        if a_hole_fits {
            assert_eq!((steps.moves.len(), steps.evictions.len(), window.size), (0, 0, rounded));
        }
        self.check_steps(&steps, limits, offers, (plan.bytes, plan.price));
        // Every block in the window is at rest, and goes by one of the two ways.
        let inside = self.held.range(window.offset..window.end());
        let mut tenants: Vec<u64> = inside.clone().map(|(&offset, _)| offset).collect();
        assert!(inside.clone().all(|(&offset, held)| self.at_rest(offset, held)));
        assert!(inside.clone().all(|(&offset, held)| offset + held.size <= window.end()));
        assert!(!self.kept.iter().any(|kept| kept.window.overlaps(&window)));
        let evicted = steps.evictions.iter().map(|&handle| self.real.range(handle).unwrap().offset);
        let mut going: Vec<u64> =
            steps.moves.iter().map(|planned| planned.from.offset).chain(evicted).collect();
        tenants.sort_unstable();
        going.sort_unstable();
        assert_eq!(tenants, going);
        let Steps { moves, evictions } = steps;
        let purpose = Purpose::Room { room: plan.room, size, align };
        self.kept.push(Kept { window, purpose, evictions });
        self.enter_moves(&moves);
    }

    /// A room may be refused only for one of these reasons.
    fn check_refusal(&self, request: RoomRequest, offers: u8, error: RoomError) {
        let RoomRequest { size, align, limits } = request;
        let capacity = self.capacity;
        let expected = if size == 0 {
            RoomError::Request(AllocError::ZeroSize)
        } else if !align.is_power_of_two() {
            RoomError::Request(AllocError::BadAlignment { align })
        } else if size > capacity {
            RoomError::Request(AllocError::TooLarge { requested: size, capacity })
        } else if self.kept.len() == ROOMS_MAX {
            RoomError::TooManyRooms { rooms: ROOMS_MAX }
        } else {
            self.check_no_window_of_offers(size, align, offers);
            let total_free = self.holes().iter().map(|hole| hole.size).sum();
            let pinned = |held: &&Held| held.who == Who::Block && held.pins > 0;
            let pinned = self.held.values().filter(pinned).count() as u32;
            let bytes_max = limits.bytes_max;
            RoomError::NoWindow { requested: size, align, total_free, bytes_max, pinned }
        };
        assert_eq!(error, expected);
    }

    /// No stretch of holes and offered blocks at rest holds the request: else evicting all of it
    /// would have been a plan.
    fn check_no_window_of_offers(&self, size: u64, align: u64, offers: u8) {
        let mut free: Vec<Range> = self.holes();
        let offered = |held: &Held| price(offers, held.handle, held.requested).is_some();
        let blocks =
            self.held.iter().filter(|(at, held)| self.at_rest(**at, held) && offered(held));
        free.extend(blocks.map(|(&offset, held)| Range::new(offset, held.size)));
        free.sort_unstable();
        let mut run = Range::new(0, 0);
        for range in free {
            let joins = run.end() == range.offset;
            run = if joins { Range::new(run.offset, run.size + range.size) } else { range };
            assert!(!fits(&run, self.round(size), align), "{size} could be made room for in {run}");
        }
    }

    fn check_steps(&self, steps: &Steps, limits: PassLimits, offers: u8, costs: (u64, u64)) {
        assert!(steps.moves.len() <= limits.moves_max);
        assert!(costs.0 <= limits.bytes_max);
        assert_eq!(costs.0, steps.moves.iter().map(|planned| planned.from.size).sum::<u64>());
        let paid = steps.evictions.iter().map(|&handle| {
            let range = self.real.range(handle).unwrap();
            let held = self.held[&range.offset];
            assert_eq!((held.who, held.handle, held.pins), (Who::Block, handle, 0));
            price(offers, handle, range.size).expect("an offered block")
        });
        assert_eq!(costs.1, paid.sum::<u64>());
    }

    /// Enters moves whose windows are kept already, so that a destination inside fails.
    fn enter_moves(&mut self, moves: &[Move]) {
        for planned in moves {
            let block = self.held.get_mut(&planned.from.offset).expect("a move of what is held");
            assert_eq!((block.who, block.handle), (Who::Block, planned.handle));
            assert_eq!((block.pins, block.moving), (0, false));
            assert_eq!((planned.from.size, planned.to.size), (block.requested, block.requested));
            assert_eq!(planned.to.offset % block.align, 0);
            block.moving = true;
            let align = block.align;
            self.hold(planned.to, align, Who::Destination, planned.handle);
        }
        self.planned.extend(moves);
    }

    /// The owner frees what it was told to, unless it has gone or was pinned in the meantime.
    pub fn evict(&mut self, number: u8) {
        let all: Vec<Handle> = self.kept.iter().flat_map(|kept| kept.evictions.clone()).collect();
        let Some(index) = pick(&all, number) else { return };
        let Some(range) = self.real.range(all[index]) else { return };
        let held = self.held.remove(&range.offset).unwrap();
        assert_eq!(self.real.free(all[index]), Ok(range));
        self.stale.push(held.handle);
    }

    /// What still lies in a window: bytes, blocks (or destinations) and vacated ranges.
    fn left_in(&self, window: Range) -> (u64, u32, u32) {
        let inside = || self.held.range(window.offset..window.end()).map(|(_, held)| held);
        let vacated = inside().filter(|held| held.who == Who::Vacated).count();
        let blocks = inside().count() - vacated;
        (inside().map(|held| held.size).sum(), blocks as u32, vacated as u32)
    }

    pub fn claim(&mut self, number: u8) {
        let rooms = self.rooms();
        let Some(index) = pick(&rooms, number) else { return };
        let Kept { window, purpose, .. } = self.kept[rooms[index]].clone();
        let Purpose::Room { room, size, align } = purpose else { return };
        let (bytes, blocks, vacated) = self.left_in(window);
        let result = self.real.claim(room);
        if bytes > 0 {
            assert_eq!(result, Err(ClaimError::NotEmpty { bytes, blocks, vacated }));
            return;
        }
        let handle = result.unwrap();
        self.kept.remove(rooms[index]);
        self.ended.push(room);
        assert!(!self.stale.contains(&handle));
        let range = self.real.range(handle).unwrap();
        assert_eq!((range.size, range.offset % align), (size, 0));
        self.hold(range, align, Who::Block, handle);
        self.fill(range.offset);
    }

    pub fn abandon(&mut self, number: u8) {
        let rooms = self.rooms();
        let Some(index) = pick(&rooms, number) else { return };
        let kept = self.kept.remove(rooms[index]);
        let Purpose::Room { room, .. } = kept.purpose else { return };
        assert_eq!(self.real.abandon(room), Ok(()));
        self.ended.push(room);
        self.end_moves_of(kept.window);
    }

    /// Moves of blocks in a window that is given up are over; those of freed blocks too.
    fn end_moves_of(&mut self, window: Range) {
        let inside = |planned: &Move| window.contains(&planned.from);
        while let Some(at) = self.planned.iter().position(inside) {
            let planned = self.planned.swap_remove(at);
            if self.real.abort_move(&planned).is_ok() {
                // One that was planned by a pass before the window was.
                self.end_move(&planned);
                continue;
            }
            self.end_move(&planned);
        }
    }

    pub fn use_ended_room(&mut self, number: u8) {
        let Some(index) = pick(&self.ended, number) else { return };
        assert_eq!(self.real.claim(self.ended[index]), Err(ClaimError::UnknownRoom));
        assert_eq!(self.real.abandon(self.ended[index]), Err(UnknownRoom));
    }

    pub fn grow(&mut self, by: u8) {
        if self.capacity > 16_000 {
            return;
        }
        let capacity = self.capacity + u64::from(by);
        let rounded = capacity / self.granule * self.granule;
        let result = self.real.grow(capacity);
        if let Some((_, capacity)) = self.shrink() {
            assert_eq!(result, Err(ResizeError::Shrinking { capacity }));
        } else if rounded <= self.capacity {
            let wrong = ResizeError::WrongWay { requested: capacity, capacity: self.capacity };
            assert_eq!(result, Err(wrong));
        } else {
            assert_eq!(result, Ok(()));
            self.capacity = rounded;
            self.bytes.resize(rounded as usize, 0);
        }
    }

    pub fn begin_shrink(&mut self, to: u8) {
        let requested = self.capacity * u64::from(to) / 224;
        let capacity = requested / self.granule * self.granule;
        let result = self.real.begin_shrink(requested);
        if let Some((_, capacity)) = self.shrink() {
            assert_eq!(result, Err(ResizeError::Shrinking { capacity }));
            return;
        }
        if capacity >= self.capacity {
            assert_eq!(result, Err(ResizeError::WrongWay { requested, capacity: self.capacity }));
            return;
        }
        // A block across the new end has to go too, and so does what a room keeps there.
        let across = self.held.range(..capacity).next_back();
        let across = across.filter(|(offset, held)| **offset + held.size > capacity);
        let start = across.map_or(capacity, |(&offset, _)| offset);
        let rooms = self.rooms().len();
        let above = |kept: &Kept| kept.window.end() > start;
        if self.kept.iter().any(above) || self.kept.len() == ROOMS_MAX {
            assert_eq!(result, Err(ResizeError::Rooms { rooms }));
            return;
        }
        assert_eq!(result, Ok(()));
        let window = Range::new(start, self.capacity - start);
        let purpose = Purpose::Shrink { capacity };
        self.kept.push(Kept { window, purpose, evictions: Vec::new() });
    }

    pub fn plan_shrink(&mut self, limits: PassLimits, offers: u8) {
        let mut steps = Steps::default();
        let pass =
            self.real.plan_shrink(limits, |handle, bytes| price(offers, handle, bytes), &mut steps);
        let Some((at, _)) = self.shrink() else {
            assert_eq!(pass, Err(ResizeError::NotShrinking));
            return;
        };
        let (pass, window) = (pass.unwrap(), self.kept[at].window);
        self.check_steps(&steps, limits, offers, (pass.bytes, pass.price));
        for planned in &steps.moves {
            assert!(window.contains(&planned.from));
        }
        self.enter_moves(&steps.moves);
        for &handle in &steps.evictions {
            assert!(window.contains(&self.real.range(handle).unwrap()));
        }
        // So few that each pass comes to the end: what can go and does not is stuck.
        let stay = self.held.range(window.offset..).filter(|(_, held)| {
            held.who == Who::Block && !held.moving && !steps.evictions.contains(&held.handle)
        });
        if pass.complete && self.held.len() < 100 && steps.moves.len() < limits.moves_max {
            assert!(pass.stuck as usize <= stay.count());
        }
        self.kept[at].evictions.extend(steps.evictions);
    }

    pub fn finish_shrink(&mut self) {
        let result = self.real.finish_shrink();
        let Some((at, capacity)) = self.shrink() else {
            assert_eq!(result, Err(ResizeError::NotShrinking));
            return;
        };
        let (bytes, blocks, vacated) = self.left_in(self.kept[at].window);
        if bytes > 0 {
            assert_eq!(result, Err(ResizeError::NotEmpty { bytes, blocks, vacated }));
            return;
        }
        assert_eq!(result, Ok(capacity));
        self.kept.remove(at);
        self.capacity = capacity;
    }

    pub fn abandon_shrink(&mut self) {
        let result = self.real.abandon_shrink();
        let Some((at, _)) = self.shrink() else {
            assert_eq!(result, Err(ResizeError::NotShrinking));
            return;
        };
        assert_eq!(result, Ok(()));
        let kept = self.kept.remove(at);
        self.end_moves_of(kept.window);
    }
}
