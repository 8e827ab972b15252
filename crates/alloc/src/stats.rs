/// What a [`RangeAllocator`](crate::RangeAllocator) holds at one moment.
///
/// Always `used + free == capacity`. A range is held by a live block, by a move in flight or a room
/// (reserved) or by a block's old place (vacated); `used` and `requested` count all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes of the whole arena, a multiple of the granule.
    pub capacity: u64,
    /// Bytes held, rounded up to the granule.
    pub used: u64,
    /// Bytes in holes.
    pub free: u64,
    /// Bytes of the largest hole.
    pub largest_free: u64,
    /// Bytes held, as they were asked for, before rounding.
    pub requested: u64,
    /// The largest that `used` has ever been.
    pub peak_used: u64,
    /// Bytes of `used` that are reserved: destinations of planned moves, and what is empty of
    /// rooms and of the end that a shrink is to cut off.
    pub reserved: u64,
    /// Bytes of `used` that moved blocks have left and that are not freed yet.
    pub vacated: u64,
    /// Live blocks.
    pub blocks: u32,
    /// Holes; two never touch.
    pub holes: u32,
    /// Live blocks with at least one pin.
    pub pinned: u32,
    /// Requests that failed although `free` would have sufficed, since the beginning.
    pub refused: u64,
    /// Bytes moved by committed moves, since the beginning.
    pub moved: u64,
}

impl Stats {
    /// 1 − largest hole / all holes; 0 when nothing is free. It says little where occupancy is
    /// high: read it beside [`occupancy`](Self::occupancy).
    #[must_use]
    pub fn external_fragmentation(&self) -> f64 {
        if self.free == 0 { 0.0 } else { 1.0 - self.largest_free as f64 / self.free as f64 }
    }

    /// Bytes lost to rounding / bytes held; 0 when nothing is held.
    #[must_use]
    pub fn internal_fragmentation(&self) -> f64 {
        if self.used == 0 { 0.0 } else { (self.used - self.requested) as f64 / self.used as f64 }
    }

    /// Bytes held / bytes of the arena; 0 for an arena of no bytes.
    #[must_use]
    pub fn occupancy(&self) -> f64 {
        if self.capacity == 0 { 0.0 } else { self.used as f64 / self.capacity as f64 }
    }
}
