use farplane_lod::LodRule;
use farplane_stream::Config;
use farplane_vt::VtLayout;
use std::fmt;

/// How a world is streamed.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes that streaming may hold: arena, reads in flight, working memory of the decoders and
    /// the materials. Default 128 MiB. Too small for what is pinned is an error that says how much
    /// is needed; never exceeded.
    pub budget_bytes: u64,
    /// Decoding threads, or modelled ones on the virtual clock. Default 1. More decode sooner and
    /// cost working memory each.
    pub workers: usize,
    /// Called by each decoding thread when it starts, with its number: the place to lower its
    /// priority or to bind it to a core, so that it never takes the main thread's. Default: nothing
    /// is called. Never called on the virtual clock.
    pub on_worker_start: Option<fn(usize)>,
    /// Screen-space error thresholds. Default: refine above 1.5 px, coarsen at 1.2 px, objects from
    /// 1 px.
    pub rule: LodRule,
    /// Triangles of instances, of all views together. Default: no limit. Where the rule asks for more, its
    /// thresholds grow by one factor for all until it fits ([`FrameStats`](crate::FrameStats) says by how
    /// much, and what that costs); what is hidden is what is smallest. At 0 nothing is drawn that can be
    /// left out: what is nearer than its own size stays. Terrain does not count.
    pub triangles_max: u64,
    /// How far ahead in time a view is predicted, in frames. Default 8. 0 predicts nothing; far
    /// beyond the time of a load it only wastes reads.
    pub predict_frames: u32,
    /// Radius around a view, and distance along its motion, in which what would be visible after a
    /// turn is prefetched, m. Default 500. 0 prefetches nothing.
    pub prefetch_m: f32,
    /// Share of the arena that is the page pool, 0.1 to 0.9. Default 0.75. The rest holds tiles and
    /// meshes.
    pub pool_share: f64,
    /// Frames for which a page stays wanted after feedback saw it. Default 16: four rounds of a
    /// lattice in four phases. Smaller forgets what is visible between two samples.
    pub feedback_frames: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            budget_bytes: 128 << 20,
            workers: 1,
            on_worker_start: None,
            rule: LodRule::default(),
            triangles_max: u64::MAX,
            predict_frames: 8,
            prefetch_m: 500.0,
            pool_share: 0.75,
            feedback_frames: 16,
        }
    }
}

/// Why a budget does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetError {
    /// The budget given.
    pub budget_bytes: u64,
    /// The smallest one that would do.
    pub needed_bytes: u64,
}

impl fmt::Display for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(
            f,
            "a budget of {:.1} MiB cannot hold what must always be resident: give at least {} MiB",
            mib(self.budget_bytes),
            self.needed_bytes.div_ceil(1 << 20)
        )
    }
}

impl std::error::Error for BudgetError {}

/// What a world asks of a budget.
pub(crate) struct Demand {
    pub pinned_heap_bytes: u64,
    pub pinned_pages: u32,
    pub heap_bytes: u64,
    pub pages: u32,
    /// Materials and decoder scratch.
    pub fixed_bytes: u64,
    /// Largest stored unit.
    pub stored_bytes_max: u64,
}

/// Divides a budget: an eighth for reads (half in flight, half idle buffers), the fixed part, and
/// the arena with page pool and heap.
pub(crate) fn divide(
    options: &Options,
    layout: &VtLayout,
    demand: &Demand,
) -> Result<Config, BudgetError> {
    let slot_bytes = (layout.page_bytes() as u64).next_multiple_of(64);
    let budget_bytes = options.budget_bytes;
    let in_flight = budget_bytes / 16;
    // One page and a few of the largest units beyond what is pinned, or nothing would ever stream.
    let slots_min = u64::from(demand.pinned_pages) + 8;
    let heap_min = demand.pinned_heap_bytes + demand.pinned_heap_bytes / 4 + (1 << 20);
    let arena_min = slots_min * slot_bytes + heap_min;
    let share = 1.0 - 2.0 / 16.0;
    let needed = ((arena_min + demand.fixed_bytes) as f64 / share) as u64 + 4096;
    let needed_bytes = needed.max(demand.stored_bytes_max * 16);
    if budget_bytes < needed_bytes {
        return Err(BudgetError { budget_bytes, needed_bytes });
    }
    let arena = (budget_bytes - 2 * in_flight - demand.fixed_bytes) & !63;
    let pool_share = options.pool_share.clamp(0.1, 0.9);
    let wanted_slots = (arena as f64 * pool_share) as u64 / slot_bytes;
    let slots = wanted_slots
        .max(slots_min)
        .min(u64::from(demand.pages).max(slots_min))
        .min((arena - heap_min) / slot_bytes)
        .min(u64::from(u16::MAX));
    // No more heap than the whole world needs.
    let heap_max = demand.heap_bytes + demand.heap_bytes / 4 + (1 << 20);
    let arena = arena.min(slots * slot_bytes + heap_max) & !63;
    Ok(Config::new(arena, slots as u32, slot_bytes, in_flight))
}
