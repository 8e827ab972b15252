use crate::arch::{Columns, Isa, Look, prefetch};
use crate::band::{Reach, distance_squared};
use crate::{AssetLods, BLOCK, CULLED, Instances, LodError, LodRule, LodView};
use farplane_geom::Vec3;

/// An instance that shows another level than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LodChange {
    /// Index of the instance.
    pub instance: u32,
    /// Level before, or [`CULLED`].
    pub from: u8,
    /// Level now, or [`CULLED`].
    pub to: u8,
}

/// Which instances to bring up to date: whole blocks, instances `64 × b .. 64 × (b + 1)`.
#[derive(Clone, Copy, Debug)]
pub enum Blocks<'a> {
    /// All of them.
    All,
    /// Those of these numbers, in this order; a number may come twice. See
    /// [`blocks_of`](crate::blocks_of).
    Listed(&'a [u32]),
}

/// What a selection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// Blocks that were looked at.
    pub looked_at: u32,
    /// Blocks that could not have changed since they were last looked at.
    pub skipped: u32,
}

/// Units of the way that a view has gone: this many a metre.
const STEPS_PER_M: f64 = 1024.0;

/// Longest way that a block is skipped for, and that is counted before counting starts afresh.
const STEPS_MAX: u32 = 1 << 30;

/// Part of a distance by which the rounding of d² (four operations a coordinate, below 8 units of
/// 2⁻²⁴) and of what is computed from it can shift a threshold, with room to spare.
const ROUNDING: f64 = 1.0 / (1u32 << 19) as f64;

/// How many blocks ahead columns are asked for.
const PREFETCH_BLOCKS: usize = 3;

/// The levels of all instances as one view sees them.
///
/// Beside its level each instance has the band of distances in which it keeps it, so that one look
/// at 20 bytes settles that nothing changed, whatever the number of levels; radius and asset are
/// read only when something did. Each block of 64 has the length of way that the view may go before
/// any of its instances can leave its band: until then it is not looked at.
///
/// 9 bytes an instance and at most 40 a block.
#[derive(Clone, Debug)]
pub struct LodState {
    levels: Vec<u8>,
    /// By block: a bit for each instance that is not culled.
    shown: Vec<u64>,
    near_m2: Vec<f32>,
    far_m2: Vec<f32>,
    /// By block: how far the view will have gone when it is due again.
    due_steps: Vec<u32>,
    /// By block: for which reach its bands are.
    generation: Vec<u32>,
    /// How far the view has gone since counting began.
    gone_steps: u32,
    seen: Option<(Vec3, Reach)>,
    /// Working memory: the blocks of this selection that are looked at.
    due: Vec<u32>,
    /// Working memory: blocks with instances that left their band, a bit for each.
    left: Vec<(u32, u64)>,
    /// By block: the call that it was asked for in last, so that each is looked at once.
    asked: Vec<u32>,
    call: u32,
    current: u32,
    moving: bool,
    isa: Isa,
}

impl LodState {
    /// For instances that stay where they are, or say when they do not
    /// ([`LodState::instance_changed`]); all [`CULLED`] at first.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let blocks = count.div_ceil(BLOCK);
        Self {
            levels: vec![CULLED; count],
            shown: vec![0; blocks],
            near_m2: vec![0.0; count],
            far_m2: vec![0.0; count],
            due_steps: vec![0; blocks],
            generation: vec![0; blocks],
            gone_steps: 0,
            seen: None,
            due: Vec::with_capacity(blocks),
            left: Vec::new(),
            asked: vec![0; blocks],
            call: 0,
            current: 0,
            moving: false,
            isa: Isa::detect(),
        }
    }

    /// For instances that move as they like: no block is ever skipped, and only a new radius or asset
    /// must be told ([`LodState::instance_changed`]).
    #[must_use]
    pub fn for_moving(count: usize) -> Self {
        Self { moving: true, ..Self::new(count) }
    }

    /// The level of each instance, [`CULLED`] for what is not shown. Instances of blocks that were
    /// not selected keep theirs from when they were.
    #[must_use]
    pub fn levels(&self) -> &[u8] {
        &self.levels
    }

    /// By block, a bit for each of its instances whose level is not [`CULLED`], the lowest for the
    /// first.
    #[must_use]
    pub fn shown(&self) -> &[u64] {
        &self.shown
    }

    /// Says that an instance has another place, radius or asset than before: its block is looked at
    /// in the next selection that names it. Nothing happens for an index that does not exist.
    pub fn instance_changed(&mut self, instance: u32) {
        if let Some(generation) = self.generation.get_mut(instance as usize / BLOCK) {
            *generation = 0;
            self.due_steps[instance as usize / BLOCK] = 0;
        }
    }

    /// Brings the levels of blocks of instances up to date and lists those that changed, in the
    /// order of the blocks.
    ///
    /// A level is replaced by a finer one when its error exceeds `refine_px`, by a coarser one when
    /// that one's error is at most `coarsen_px`; between the two it stays. An instance that was
    /// culled appears at its [`ideal_level`](crate::ideal_level). `changes` is cleared first, and
    /// needs room for one change an instance at most.
    ///
    /// What is skipped changes no answer: the levels are those of looking at every instance. A new
    /// focal length or rule has all instances looked at again. The errors of `assets` are in the
    /// bands: where they change, or another slice is given, skipped blocks do not notice; tell of each
    /// instance concerned ([`LodState::instance_changed`]), or make a new state.
    ///
    /// # Errors
    /// [`LodError::View`] for a view without a place or focal length, [`LodError::Length`] when
    /// there are not as many instances as when the state was made: then nothing was done but
    /// clearing `changes`. [`LodError::Index`] for a block that does not exist: then nothing was
    /// selected either; for an asset that does not exist: then the blocks before it are up to date, and
    /// `changes` lists what changed.
    pub fn select(
        &mut self,
        instances: &Instances<'_>,
        assets: &[AssetLods],
        blocks: Blocks<'_>,
        view: &LodView,
        rule: &LodRule,
        changes: &mut Vec<LodChange>,
    ) -> Result<Selected, LodError> {
        changes.clear();
        view.check()?;
        let (expected, actual) = (self.levels.len(), instances.len());
        if actual != expected {
            return Err(LodError::Length { what: "instances", expected, actual });
        }
        let reach = Reach::new(view, rule);
        self.go_to(view.position, reach);
        let listed = self.find_due(blocks)?;
        let due = core::mem::take(&mut self.due);
        let mut frame = Frame { state: self, instances, assets, view, reach, changes };
        let done = frame.look_at_all(&due);
        let looked_at = due.len() as u32;
        self.due = due;
        done.map(|()| Selected { looked_at, skipped: listed - looked_at })
    }

    /// Lists the blocks that may have changed; returns how many were asked about.
    fn find_due(&mut self, blocks: Blocks<'_>) -> Result<u32, LodError> {
        let count = self.due_steps.len();
        let asked = match blocks {
            Blocks::All => count,
            Blocks::Listed(listed) => listed.len(),
        };
        // The first call is 1: 0 is that of blocks never asked for.
        self.call = self.call.wrapping_add(1);
        if self.call == 0 {
            self.asked.fill(0);
            self.call = 1;
        }
        self.due.clear();
        self.due.resize(asked, 0);
        // Every candidate is written and only kept ones are counted: no branch to mispredict.
        let mut kept = 0;
        match blocks {
            Blocks::All => {
                for (block, &due_steps) in self.due_steps.iter().enumerate() {
                    self.due[kept] = block as u32;
                    kept += usize::from(self.gone_steps >= due_steps);
                }
            }
            Blocks::Listed(listed) => {
                for &block in listed {
                    let Some(&due_steps) = self.due_steps.get(block as usize) else {
                        return Err(LodError::Index { what: "block", index: block, count });
                    };
                    let asked = &mut self.asked[block as usize];
                    self.due[kept] = block;
                    kept += usize::from((self.gone_steps >= due_steps) & (*asked != self.call));
                    *asked = self.call;
                }
            }
        }
        self.due.truncate(kept);
        Ok(asked as u32)
    }

    /// Counts the way to where the view is now, rounded up.
    fn go_to(&mut self, position: Vec3, reach: Reach) {
        let restart = match self.seen {
            Some((last, seen_reach)) if seen_reach == reach => {
                let step = position.as_dvec3() - last.as_dvec3();
                let steps = (step.x * step.x + step.y * step.y + step.z * step.z).sqrt()
                    * (STEPS_PER_M * (1.0 + ROUNDING));
                let gone = f64::from(self.gone_steps) + steps.ceil();
                if gone < f64::from(STEPS_MAX) {
                    self.gone_steps = gone as u32;
                }
                gone >= f64::from(STEPS_MAX)
            }
            _ => {
                // The first generation is 1: 0 is that of blocks never looked at.
                self.current = self.current.wrapping_add(1);
                if self.current == 0 {
                    self.generation.fill(0);
                    self.current = 1;
                }
                true
            }
        };
        if restart {
            self.gone_steps = 0;
            self.due_steps.fill(0);
        }
        self.seen = Some((position, reach));
    }
}

/// One selection.
struct Frame<'a> {
    state: &'a mut LodState,
    instances: &'a Instances<'a>,
    assets: &'a [AssetLods],
    view: &'a LodView,
    reach: Reach,
    changes: &'a mut Vec<LodChange>,
}

impl Frame<'_> {
    /// Blocks that are due lie apart, and so does what is read of the few instances that left their
    /// band: all of it is asked for some time before it is waited for.
    fn look_at_all(&mut self, due: &[u32]) -> Result<(), LodError> {
        let mut left = core::mem::take(&mut self.state.left);
        left.clear();
        for (at, &block) in due.iter().enumerate() {
            if let Some(&next) = due.get(at + PREFETCH_BLOCKS) {
                self.prefetch_columns(next as usize);
            }
            let outside = self.look_at(block as usize);
            if outside != 0 {
                self.prefetch_instances(block as usize, outside);
                left.push((block, outside));
            }
        }
        let done = left.iter().try_for_each(|&(block, set)| self.bring_up(block as usize, set));
        self.state.left = left;
        done
    }

    fn prefetch_columns(&self, block: usize) {
        let (s, i) = (&*self.state, self.instances);
        for column in [i.x, i.y, i.z, &s.near_m2, &s.far_m2] {
            let lanes = column.as_chunks::<BLOCK>().0.get(block);
            lanes.iter().for_each(|lanes| lanes.chunks(16).for_each(|line| prefetch(line, 0)));
        }
    }

    /// Asks for what [`Frame::decide`] reads beside the columns. Of a whole block nothing: its runs
    /// are read as fast as memory gives them.
    fn prefetch_instances(&self, block: usize, mut set: u64) {
        if set == u64::MAX {
            return;
        }
        let (s, i) = (&*self.state, self.instances);
        while set != 0 {
            let index = block * BLOCK + set.trailing_zeros() as usize;
            set &= set - 1;
            prefetch(i.radius_m, index);
            prefetch(i.asset, index);
            prefetch(&s.levels, index);
        }
    }

    /// Which instances of a block left their band, or have none yet. Where there are none the block
    /// is done, else it needs [`Frame::bring_up`].
    fn look_at(&mut self, block: usize) -> u64 {
        if self.state.generation[block] != self.state.current {
            return u64::MAX;
        }
        if self.state.moving {
            return self.columns(block, Isa::outside);
        }
        let look = self.columns(block, Isa::look);
        self.set_due(block, &look);
        look.outside
    }

    /// Gives instances of a block their levels and bands.
    fn bring_up(&mut self, block: usize, outside: u64) -> Result<(), LodError> {
        self.decide(block, outside)?;
        self.state.generation[block] = self.state.current;
        if !self.state.moving {
            let look = self.columns(block, Isa::look);
            self.set_due(block, &look);
        }
        Ok(())
    }

    /// Says when a block is due again. What is outside is to be decided, or at no place: such a block
    /// is looked at every time.
    fn set_due(&mut self, block: usize, look: &Look) {
        let steps = if look.outside == 0 { free_steps(look) } else { 0 };
        self.state.due_steps[block] = self.state.gone_steps + steps;
    }

    /// Runs a kernel over a block; the last one is filled up.
    #[inline]
    fn columns<T>(&self, block: usize, kernel: impl Fn(Isa, &Columns<'_>, Vec3) -> T) -> T {
        let (s, i) = (&*self.state, self.instances);
        if let (Some(x), Some(y), Some(z), Some(near_m2), Some(far_m2)) = (
            whole(i.x, block),
            whole(i.y, block),
            whole(i.z, block),
            whole(&s.near_m2, block),
            whole(&s.far_m2, block),
        ) {
            return kernel(s.isa, &Columns { x, y, z, near_m2, far_m2 }, self.view.position);
        }
        let at = self.view.position;
        let filled = |column: &[f32], with: f32| {
            let mut out = [with; BLOCK];
            let rest = &column[block * BLOCK..];
            out[..rest.len()].copy_from_slice(rest);
            out
        };
        let columns = Columns {
            x: &filled(i.x, at.x),
            y: &filled(i.y, at.y),
            z: &filled(i.z, at.z),
            near_m2: &filled(&s.near_m2, f32::NEG_INFINITY),
            far_m2: &filled(&s.far_m2, f32::INFINITY),
        };
        kernel(s.isa, &columns, at)
    }

    /// Levels and bands of the instances of a block that a bit is set for.
    #[inline(never)]
    fn decide(&mut self, block: usize, mut set: u64) -> Result<(), LodError> {
        let first = block * BLOCK;
        let count = self.instances.len();
        while set != 0 {
            let index = first + set.trailing_zeros() as usize;
            set &= set - 1;
            if index >= count {
                break;
            }
            let asset = self.instances.asset[index];
            let Some(lods) = self.assets.get(asset as usize) else {
                let count = self.assets.len();
                return Err(LodError::Index { what: "asset", index: asset, count });
            };
            let center =
                [self.instances.x[index], self.instances.y[index], self.instances.z[index]];
            let d2 = distance_squared(center, self.view.position);
            let from = self.state.levels[index];
            let (to, band) = self.reach.decide(from, d2, self.instances.radius_m[index], lods);
            self.state.near_m2[index] = band.near_m2;
            self.state.far_m2[index] = band.far_m2;
            if to != from {
                self.state.levels[index] = to;
                let bit = 1 << (index % BLOCK);
                let shown = &mut self.state.shown[block];
                *shown = if to == CULLED { *shown & !bit } else { *shown | bit };
                self.changes.push(LodChange { instance: index as u32, from, to });
            }
        }
        Ok(())
    }
}

/// A block of a column; none where the column ends within it.
#[inline]
fn whole(column: &[f32], block: usize) -> Option<&[f32; BLOCK]> {
    column.as_chunks().0.get(block)
}

/// How far a view may go until an instance of a block can leave its band, rounded down.
///
/// With D the farthest distance in the block and Δ the least difference of squares, √(d² + Δ) − d
/// falls with d, so that nobody leaves outwards within √(D² + Δ) − D; and d − near is at least
/// (d² − near²) ÷ 2d, so nobody leaves inwards within Δ ÷ 2D.
fn free_steps(look: &Look) -> u32 {
    let farthest_m2 = f64::from(look.farthest_m2);
    let farthest_m = farthest_m2.sqrt();
    let inwards_m = f64::from(look.to_near_m2) / (2.0 * farthest_m);
    let outer_m = (farthest_m2 + f64::from(look.to_far_m2)).sqrt();
    let outwards_m = if outer_m < f64::INFINITY { outer_m - farthest_m } else { f64::INFINITY };
    // Not a number, as 0 ÷ 0, stays so and ends up as no way at all.
    let free_m = if inwards_m >= outwards_m { outwards_m } else { inwards_m };
    let limit_m = f64::from(STEPS_MAX) / STEPS_PER_M;
    let free_m = if free_m > limit_m { limit_m } else { free_m };
    let error_m = (farthest_m + free_m) * (4.0 * ROUNDING);
    let steps = ((free_m - error_m) * STEPS_PER_M).floor();
    if steps > 0.0 { steps as u32 } else { 0 }
}
