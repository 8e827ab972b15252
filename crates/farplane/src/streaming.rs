use crate::decoder::WorldDecoder;
use crate::frame::{Frame, Stage};
use crate::index::{IndexError, WorldIndex};
use crate::look::{Look, Looking};
use crate::options::{BudgetError, Demand, Options, divide};
use crate::pages::SeenPages;
use crate::props::{Around, MeshWants, PropsDraw, PropsDrawn, PropsView, Triangles};
use crate::terrain::TerrainView;
use farplane_geom::View;
use farplane_io::{Archive, ReadQueue, SimQueue};
use farplane_lod::QuadNode;
use farplane_stream::{
    Class, Config, Core, Decode, Home, Predictor, StartError, Streamer, UnitId, Want, Workers,
};
use farplane_vt::{Indirection, PageId, PageTable, Slot};
use farplane_world::tile;
use std::fmt;
use std::sync::Arc;

/// Frames of a round of looks: at what is visible soon, at the ground around, at the instances
/// around, at what lies ahead.
const LOOK_FRAMES: u64 = 4;

/// Views that one update may have.
pub const VIEWS_MAX: usize = 8;

/// Why a world cannot be streamed.
#[derive(Debug)]
pub enum OpenError {
    /// The archive is no world.
    Index(IndexError),
    /// The budget is too small.
    Budget(BudgetError),
    /// What is pinned cannot be loaded, or the system refuses.
    Start(StartError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(e) => e.fmt(f),
            Self::Budget(e) => e.fmt(f),
            Self::Start(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

/// A world that streams around its views. One call a frame: [`Farplane::update`].
pub struct Farplane {
    index: Arc<WorldIndex>,
    options: Options,
    streamer: Streamer<WorldDecoder>,
    table: PageTable,
    indirection: Indirection,
    seen: SeenPages,
    views: Vec<PerView>,
    mesh_wants: MeshWants,
    props: PropsDraw,
    triangles: Triangles,
    wants: Vec<Want>,
    requested: Vec<Want>,
    looking: Looking,
    drawn: Vec<QuadNode>,
    around: Around,
    fixed_bytes: u64,
    last_ns: Option<u64>,
    frame_ns: u64,
    frame: u64,
}

#[derive(Default)]
struct PerView {
    predictor: Predictor,
    /// Wants of the last look at what is visible soon, at what lies around, and at what lies ahead.
    soon: Vec<Want>,
    ring: Vec<Want>,
    far: Vec<Want>,
    terrain: TerrainView,
    props: PropsView,
}

impl Farplane {
    /// Streams with real threads: `queue` reads, `options.workers` threads decode.
    ///
    /// # Errors
    /// When the archive is no world, the budget is too small or the system refuses.
    pub fn open(
        archive: &Arc<Archive>,
        queue: Box<dyn ReadQueue + Send>,
        options: Options,
    ) -> Result<Self, OpenError> {
        Self::start(archive, options, |mut config, units, decoder| {
            if !archive.is_here() {
                // What lies between neighbours is dear to send: only the queue's own rule skips it.
                config.coalesced_gap_bytes_max = 0;
            }
            let workers = Workers { count: options.workers, on_start: options.on_worker_start };
            Streamer::threaded(config, units, archive, decoder, queue, workers)
        })
    }

    /// Streams on a virtual clock: the simulated device and a model of `options.workers` decoders
    /// decide when things complete. Bit-identical for any number of real threads.
    ///
    /// # Errors
    /// When the archive is no world or the budget is too small.
    pub fn open_virtual(
        archive: &Arc<Archive>,
        queue: SimQueue,
        options: Options,
    ) -> Result<Self, OpenError> {
        Self::start(archive, options, |config, units, decoder| {
            Streamer::modelled(config, units, archive, decoder, queue, options.workers)
        })
    }

    fn start(
        archive: &Arc<Archive>,
        options: Options,
        start: impl FnOnce(
            Config,
            Vec<farplane_stream::UnitInfo>,
            Arc<WorldDecoder>,
        ) -> Result<Streamer<WorldDecoder>, StartError>,
    ) -> Result<Self, OpenError> {
        let index = Arc::new(WorldIndex::load(archive).map_err(OpenError::Index)?);
        let decoder = Arc::new(WorldDecoder::new(Arc::clone(archive), Arc::clone(&index)));
        let demand = demand(&index, &decoder, options.workers);
        let config = divide(&options, &index.layout, &demand).map_err(OpenError::Budget)?;
        let streamer = start(config, index.units.clone(), decoder).map_err(OpenError::Start)?;
        let mut this = Self {
            table: PageTable::new(&index.layout),
            indirection: Indirection::new(&index.layout),
            seen: SeenPages::new(index.layout.pages()),
            streamer,
            options,
            views: Vec::new(),
            mesh_wants: MeshWants::default(),
            props: PropsDraw::default(),
            triangles: Triangles::default(),
            wants: Vec::new(),
            requested: Vec::new(),
            looking: Looking::new(options.rule),
            drawn: Vec::new(),
            around: Around::new(&options.rule),
            fixed_bytes: demand.fixed_bytes,
            last_ns: None,
            frame_ns: 16_666_667,
            frame: 0,
            index,
        };
        for unit in this.index.page_base()..this.index.units.len() as u32 {
            if let Some(slot) = this.streamer.core().place(unit).and_then(|p| p.slot) {
                this.map(unit, slot);
            }
        }
        Ok(this)
    }

    /// One frame: what the views need now and soon is asked for, what has arrived becomes usable,
    /// and `frame` says what to draw, upload and drop. `now_ns` must not go back. Views that are not
    /// valid, and views beyond [`VIEWS_MAX`], are ignored. A frame that loads nothing allocates
    /// nothing; a read takes a few small allocations.
    pub fn update(&mut self, views: &[View], now_ns: u64, frame: &mut Frame) {
        self.update_staged(views, now_ns, frame, &mut |_| {});
    }

    /// As [`Farplane::update`]; `done` is called at the end of each stage.
    pub fn update_staged(
        &mut self,
        views: &[View],
        now_ns: u64,
        frame: &mut Frame,
        done: &mut dyn FnMut(Stage),
    ) {
        let index = Arc::clone(&self.index);
        let views = || views.iter().filter(|v| v.is_valid()).take(VIEWS_MAX).enumerate();
        self.tick(now_ns);
        self.wants.clear();
        frame.tiles.clear();
        let count = views().count();
        if self.views.len() < count {
            self.views.resize_with(count, PerView::default);
        }
        for (i, view) in views() {
            self.views[i].predictor.observe(now_ns, view);
        }
        done(Stage::Predict);
        let core = self.streamer.core();
        let rule = &self.options.rule;
        let mut holes = 0;
        for (i, view) in views() {
            let wants = &mut self.wants;
            let state = &mut self.views[i].terrain;
            holes += state.visible(&index, core, view, rule, wants, &mut self.drawn);
            frame.tiles.extend_from_slice(&self.drawn);
        }
        done(Stage::Terrain);
        for (i, view) in views() {
            self.views[i].props.cull(&index, view);
        }
        done(Stage::Cull);
        let in_view = self.views.iter_mut().zip(views()).map(|(v, (_, view))| (&mut v.props, view));
        let fit = self.triangles.fit(&index, in_view, rule, self.options.triangles_max);
        // A rule that cannot be scaled has thresholds beyond any picture already.
        let scaled = rule.scaled(fit.scale).unwrap_or(*rule);
        for (i, view) in views() {
            self.views[i].props.select(&index, view, &scaled);
        }
        frame.stats.lod_scale = fit.scale;
        (frame.stats.lod_coarser, frame.stats.lod_hidden) = (fit.coarser_levels, fit.hidden);
        done(Stage::Lod);
        let seen = self.views[..count].iter().map(|v| &v.props);
        let (wants, out) = (&mut self.mesh_wants, &mut frame.batches);
        let drawn = self.props.draw(&index, core, seen, wants, out);
        holes += drawn.missing;
        done(Stage::Draw);
        let keep = self.options.feedback_frames;
        self.seen.wants(&index, core, self.frame as u32, keep, &mut self.wants);
        for (i, view) in views() {
            self.predict(&index, i, view);
        }
        self.mesh_wants.drain(&index, &mut self.wants);
        self.wants.extend_from_slice(&self.requested);
        done(Stage::Pages);
        self.streamer.frame(now_ns, &self.wants, &mut frame.changes);
        done(Stage::Stream);
        self.update_pages(frame);
        frame.stats.holes = holes as u32;
        self.count(&drawn, frame);
        done(Stage::PageTable);
    }

    fn tick(&mut self, now_ns: u64) {
        if let Some(last) = self.last_ns
            && now_ns > last
        {
            // Half of the new interval, half of the old: one late frame does not change the range.
            self.frame_ns = (self.frame_ns + (now_ns - last).min(1_000_000_000)) / 2;
        }
        self.last_ns = Some(now_ns);
        self.frame += 1;
    }

    /// Wants of what will be visible soon, lies around, or lies ahead. What is predicted changes
    /// slowly: each look is taken every few frames, in turns, and its wants are kept meanwhile.
    fn predict(&mut self, index: &WorldIndex, i: usize, view: &View) {
        let predictor = self.views[i].predictor;
        let within_m = self.options.prefetch_m;
        let (around, ahead) = (within_m > 0.0, predictor.ahead_m(f64::from(within_m)));
        let PerView { soon, ring, far, .. } = &mut self.views[i];
        match self.frame % LOOK_FRAMES {
            0 if self.options.predict_frames > 0 => {
                let ahead_ns = u64::from(self.options.predict_frames) * self.frame_ns;
                soon.clear();
                if let Some(view) = predictor.at(ahead_ns) {
                    let look = Look { view: &view, within_m: f32::MAX, class: Class::Normal };
                    let frustum = view.frustum(index.world.origin);
                    self.looking.take(index, self.streamer.core(), &look, Some(&frustum), soon);
                }
            }
            1 if around => {
                ring.clear();
                let look = Look { view, within_m, class: Class::Prefetch };
                self.looking.take(index, self.streamer.core(), &look, None, ring);
            }
            2 if around => {
                self.around.look(index, view, within_m, &mut self.mesh_wants);
            }
            3 if around => {
                far.clear();
                if let Some(view) = ahead {
                    let look = Look { view: &view, within_m: f32::MAX, class: Class::Prefetch };
                    let frustum = view.frustum(index.world.origin);
                    self.looking.take(index, self.streamer.core(), &look, Some(&frustum), far);
                }
            }
            _ => {}
        }
        for wants in [&*soon, ring, far] {
            self.wants.extend_from_slice(wants);
        }
    }

    fn update_pages(&mut self, frame: &mut Frame) {
        frame.pages_mapped.clear();
        frame.pages_unmapped.clear();
        self.indirection.clear_dirty();
        // Evictions first: a slot may have gone to another page in the same frame.
        for placed in &frame.changes.evicted {
            if let Some(page) = self.index.page_of(placed.unit) {
                let _ = self.table.unmap(page);
                let _ = self.indirection.refresh(&self.table, page);
                frame.pages_unmapped.push(page);
            }
        }
        for i in 0..frame.changes.committed.len() {
            let placed = frame.changes.committed[i];
            // What was committed and evicted in the same frame never was of use.
            if let Some(slot) = placed.slot
                && self.streamer.core().is_resident(placed.unit)
                && let Some(page) = self.map(placed.unit, slot)
            {
                frame.pages_mapped.push((page, slot));
            }
        }
        frame.indirection_dirty.clear();
        frame.indirection_dirty.extend_from_slice(self.indirection.dirty());
    }

    fn map(&mut self, unit: UnitId, slot: u32) -> Option<PageId> {
        let page = self.index.page_of(unit)?;
        self.table.map(page, Slot(slot as u16)).ok()?;
        self.indirection.refresh(&self.table, page).ok()?;
        Some(page)
    }

    fn count(&self, drawn: &PropsDrawn, frame: &mut Frame) {
        let batched = drawn.batched;
        let quads = u64::from(self.index.world.terrain.tile_quads);
        let tiles = frame.tiles.len() as u64 * quads * quads * 2;
        let core = self.streamer.core();
        frame.stats.wants = self.wants.len() as u32;
        frame.stats.triangles = tiles + batched.triangles;
        frame.stats.instance_triangles = batched.triangles;
        frame.stats.too_small = drawn.too_small as u32;
        let tiles = frame.tiles.len() as u32;
        frame.stats.draw_calls_before = tiles + batched.instances as u32;
        // All tiles share one grid of indices: one instanced call.
        frame.stats.draw_calls = u32::from(tiles > 0) + batched.draw_calls;
        frame.stats.usage_bytes = self.usage_bytes();
        frame.stats.loading = core.loading() as u32;
        frame.stats.queued = core.queued() as u32;
    }

    /// Takes a feedback buffer: packed [`PageId`]s that a picture sampled, a few frames late as a
    /// GPU's arrives.
    pub fn feedback(&mut self, samples: &[u32]) {
        let index = Arc::clone(&self.index);
        self.seen.take(&index, self.frame as u32, samples);
    }

    /// Asks for a unit until [`Farplane::release`]: for those who stream by hand. Such a unit is
    /// loaded in order of its class and not evicted for a less urgent one. Unknown units are ignored.
    pub fn request(&mut self, unit: UnitId, class: Class) {
        self.release(unit);
        if (unit as usize) < self.index.units.len() {
            self.requested.push(Want { unit, class, score: f32::MAX });
        }
    }

    /// Takes a request back.
    pub fn release(&mut self, unit: UnitId) {
        self.requested.retain(|w| w.unit != unit);
    }

    /// Whether a unit may be used.
    #[must_use]
    pub fn is_resident(&self, unit: UnitId) -> bool {
        self.streamer.core().is_resident(unit)
    }

    /// Bytes of a resident unit.
    #[must_use]
    pub fn bytes(&self, unit: UnitId) -> Option<&[u8]> {
        self.streamer.bytes(unit)
    }

    /// How many of the units are resident or cannot be loaded at all: a loading screen is done when
    /// that is all of them.
    #[must_use]
    pub fn ready(&self, units: &[UnitId]) -> usize {
        let core = self.streamer.core();
        let settled = |&&u: &&UnitId| {
            core.is_resident(u)
                || (u as usize) < self.index.units.len()
                    && core.state(u) == farplane_stream::State::Failed
        };
        units.iter().filter(settled).count()
    }

    /// Height of the ground at a world position, from the finest resident tile, m; `None` outside
    /// the world. O(levels).
    #[must_use]
    pub fn height_at(&self, x: f64, y: f64) -> Option<f64> {
        let world = &self.index.world;
        let t = &world.terrain;
        let at = (farplane_geom::DVec2::new(x, y) - world.extent()[0]) / t.spacing;
        let [w, h] = t.quads.map(f64::from);
        if !(0.0..=w).contains(&at.x) || !(0.0..=h).contains(&at.y) {
            return None;
        }
        for level in 0..t.levels {
            let quads = f64::from(t.tile_quads) * f64::from(1u32 << level);
            let [tw, th] = t.tiles(level);
            let tx = ((at.x / quads) as u32).min(tw - 1);
            let ty = ((at.y / quads) as u32).min(th - 1);
            let Some(node) = self.index.grid().node(level, tx, ty) else { continue };
            let Some(bytes) = self.bytes(node.index) else { continue };
            let step = f64::from(1u32 << level);
            let local = |v: f64, tile: u32| (v - f64::from(tile) * quads) / step;
            let q = tile::surface(t, bytes, local(at.x, tx), local(at.y, ty))?;
            return Some(t.base_m + q * t.quantum_m);
        }
        None
    }

    /// What is known of the world without loading.
    #[must_use]
    pub fn index(&self) -> &Arc<WorldIndex> {
        &self.index
    }

    /// The streaming core: states and statistics.
    #[must_use]
    pub fn core(&self) -> &Core {
        self.streamer.core()
    }

    /// The page table: the truth on the CPU.
    #[must_use]
    pub fn page_table(&self) -> &PageTable {
        &self.table
    }

    /// The indirection texture: the page table's image for a GPU.
    #[must_use]
    pub fn indirection(&self) -> &Indirection {
        &self.indirection
    }

    /// A view of what is resident for a reader on another thread. Hold it briefly.
    #[must_use]
    pub fn snapshot(&mut self) -> farplane_alloc::Snapshot {
        self.streamer.snapshot()
    }

    /// Name of what reads.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        self.streamer.backend()
    }

    /// Bytes held now; never more than the budget.
    #[must_use]
    pub fn usage_bytes(&self) -> u64 {
        self.streamer.usage_bytes() + self.fixed_bytes
    }

    /// Bytes of the tables that grow with the world's number of units, beside the budget.
    #[must_use]
    pub fn index_bytes(&self) -> u64 {
        let vt = self.table.index_bytes() + self.indirection.index_bytes();
        self.index.index_bytes() + self.core().index_bytes() + vt as u64
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }
}

fn demand(index: &WorldIndex, decoder: &WorldDecoder, workers: usize) -> Demand {
    let units = || index.units.iter();
    let heap = || units().filter(|u| u.home == Home::Heap);
    let bytes = |u: &farplane_stream::UnitInfo| u64::from(u.resident_bytes).next_multiple_of(64);
    let pinned_pages = units().filter(|u| u.home == Home::Slot && u.pinned).count() as u32;
    Demand {
        pinned_heap_bytes: heap().filter(|u| u.pinned).map(bytes).sum(),
        pinned_pages,
        heap_bytes: heap().map(bytes).sum(),
        pages: index.layout.pages(),
        fixed_bytes: index.materials.bytes() + workers.max(1) as u64 * decoder.scratch_bytes(),
        stored_bytes_max: units().map(|u| u64::from(u.stored_bytes)).max().unwrap_or(0),
    }
}
