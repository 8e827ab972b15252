//! What was resident at the start of the last frames, so that feedback which arrives late is counted
//! against the frame that it was taken in.

use farplane::WorldIndex;

/// Frames that are remembered: feedback older than this cannot be counted any more.
pub const FRAMES: u64 = 64;

/// Levels finer that are looked at for cover.
const COVER_LEVELS: u32 = 2;

/// One bit a unit, for the present and for the last [`FRAMES`] frames.
pub struct History {
    now: Vec<u64>,
    past: Vec<Vec<u64>>,
}

impl History {
    /// Nothing resident.
    pub fn new(units: usize) -> Self {
        let words = units.div_ceil(64);
        Self { now: vec![0; words], past: vec![vec![0; words]; FRAMES as usize] }
    }

    /// A unit became resident, or stopped being so.
    pub fn set(&mut self, unit: u32, resident: bool) {
        let word = &mut self.now[unit as usize / 64];
        let bit = 1 << (unit % 64);
        if resident {
            *word |= bit;
        } else {
            *word &= !bit;
        }
    }

    /// Notes the present as the start of a frame.
    pub fn begin_frame(&mut self, frame: u64) {
        self.past[(frame % FRAMES) as usize].copy_from_slice(&self.now);
    }

    /// What is resident at present: a bit a unit.
    pub fn now(&self) -> &[u64] {
        &self.now
    }

    /// What was resident at the start of a frame.
    pub fn at(&self, frame: u64) -> Residents<'_> {
        Residents { bits: &self.past[(frame % FRAMES) as usize] }
    }
}

/// The units that were resident at one moment.
#[derive(Clone, Copy)]
pub struct Residents<'a> {
    bits: &'a [u64],
}

impl Residents<'_> {
    fn has(&self, unit: u32) -> bool {
        self.bits[unit as usize / 64] >> (unit % 64) & 1 == 1
    }

    /// Whether a unit, or finer ones that cover it, were resident.
    pub fn covers(&self, index: &WorldIndex, unit: u32) -> bool {
        self.has(unit) || self.covered_by_finer(index, unit, COVER_LEVELS)
    }

    fn covered_by_finer(&self, index: &WorldIndex, unit: u32, levels: u32) -> bool {
        if levels == 0 {
            return false;
        }
        let cover = |u: u32| self.has(u) || self.covered_by_finer(index, u, levels - 1);
        if let Some(page) = index.page_of(unit) {
            let mut children = index.layout.children(page).peekable();
            return children.peek().is_some()
                && children.all(|c| index.page_unit(c).is_some_and(cover));
        }
        let grid = index.grid();
        if let Some((level, x, y)) = index.world.terrain.coordinates(unit) {
            let Some(node) = grid.node(level, x, y) else { return false };
            let mut children = grid.children(&node).peekable();
            return children.peek().is_some() && children.all(|c| cover(c.index));
        }
        // Any finer level of a mesh covers it.
        index.finer_mesh_levels(unit).any(|u| self.has(u))
    }

    /// Levels up to the nearest resident stand-in; `None` is a hole.
    pub fn fallback_depth(&self, index: &WorldIndex, unit: u32) -> Option<u8> {
        let mut depth = 0u8;
        let mut next = Some(unit);
        while let Some(u) = next {
            if self.has(u) {
                return Some(depth);
            }
            depth = depth.saturating_add(1);
            next = index.coarser(u);
        }
        None
    }
}
