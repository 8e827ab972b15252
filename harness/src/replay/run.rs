//! The loop: one call of farplane a frame, and everything that is measured about it.

use crate::cli::{Clock, Io, Pace, Render};
use crate::progress;
use crate::replay::entities::Entities;
use crate::replay::heat::{HeatMaps, Status};
use crate::replay::history::{FRAMES, History};
use crate::replay::machine;
use crate::replay::needs::{NeedsCaster, Taken};
use crate::replay::picture::Pictures;
use crate::replay::settings::{Settings, backend};
use crate::report::{CsvRow, CsvWriter, Fifos, FrameNeeds, FrameStart, Need, ResidencyMeter};
use crate::status::Failure;
use crate::world::{self, Cost};
use anyhow::{Context, anyhow};
use farplane::geom::View;
use farplane::io::{Backend, Chosen, FaultPlan, HeapPool, QueueOptions, SimQueue, open_queue};
use farplane::stream::{Counters, Failure as Failed};
use farplane::{Farplane, Frame, Options, Stage};
use farplane_profiler::{Clock as WallClock, FrameLog, Histogram, Recorder, StageId, StageSet};
use indicatif::ProgressBar;
use std::collections::VecDeque;
use std::fs::File;
use std::io::BufWriter;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Frames that feedback takes, as a GPU's would.
pub const FEEDBACK_DELAY_FRAMES: u64 = 3;

/// Frames that the feedback worker may be behind at full pace.
const BEHIND_FRAMES_MAX: u64 = FRAMES / 4;

/// Names of the stages of an update, then of the harness's own work.
pub fn stage_names() -> Vec<&'static str> {
    Stage::ALL.iter().map(|s| s.name()).chain(["ecs", "measure", "map"]).collect()
}

/// Everything counted over a run.
pub struct Outcome {
    pub farplane: Farplane,
    pub meter: ResidencyMeter,
    pub log: FrameLog,
    pub stage_names: Vec<&'static str>,
    pub warm_frames: u64,
    pub usage_bytes_max: u64,
    pub fragmentation: Series,
    pub occupancy: Series,
    pub moved_bytes_frame_max: u64,
    pub latencies: Vec<Histogram>,
    /// By frame after warm-up: processor time of culling and LOD selection.
    pub cull_lod_cpu_ns: Vec<u64>,
    pub instances: Series,
    pub too_small: Series,
    pub instance_triangles: Series,
    /// What a limit of triangles took away.
    pub lod_scale: Series,
    pub lod_coarser: Series,
    pub lod_hidden: Series,
    pub triangles: Series,
    pub draw_calls_before: Series,
    pub draw_calls: Series,
    pub feedback_lost: u64,
    pub holes_drawn: u64,
    pub anon_rss_bytes_max: Option<u64>,
    pub stolen: Option<Duration>,
    pub psnr: Series,
    pub frames: u64,
    pub cuts: u64,
    pub startup_ms: f64,
    /// Units given up, and why.
    pub failed_units: Vec<(u32, Failed)>,
    pub fifos: Fifos,
    /// Bytes that the loaded units have in the archive.
    pub stored_bytes: u64,
    /// What a server had sent before the first frame.
    pub cost_before: Option<Cost>,
}

/// Mean, extremes and last value of something sampled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Series {
    count: u64,
    sum: f64,
    pub min: f64,
    pub max: f64,
    pub last: f64,
}

impl Series {
    pub fn push(&mut self, v: f64) {
        self.min = if self.count == 0 { v } else { self.min.min(v) };
        self.max = if self.count == 0 { v } else { self.max.max(v) };
        self.count += 1;
        self.sum += v;
        self.last = v;
    }

    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    pub fn some(&self, v: f64) -> Option<f64> {
        (self.count > 0).then_some(v)
    }
}

/// Where needs are computed: by a worker of its own, or at once on the virtual clock.
enum Casting {
    Worker {
        jobs: mpsc::Sender<(View, Taken)>,
        done: mpsc::Receiver<Taken>,
        waiting: VecDeque<Taken>,
        /// Frames whose feedback has come.
        received: u64,
        spare: Vec<Taken>,
        thread: std::thread::JoinHandle<()>,
    },
    AtOnce {
        caster: Box<NeedsCaster>,
        waiting: VecDeque<Taken>,
        spare: Vec<Taken>,
    },
    /// No more after the last frame.
    Done,
}

struct Run<'a> {
    settings: &'a Settings,
    outcome: Outcome,
    casting: Casting,
    history: History,
    entities: Entities,
    frame: Frame,
    recorder: Recorder,
    stages: Vec<StageId>,
    clock: WallClock,
    start_ns: u64,
    needs: Vec<Need>,
    views: Vec<View>,
    csv: Option<CsvWriter<BufWriter<File>>>,
    pictures: Option<Pictures>,
    maps: Option<HeatMaps>,
    counters: Counters,
}

/// Replays a path.
///
/// # Errors
/// When the world cannot be streamed, an output cannot be written, or the user interrupts.
pub fn replay(settings: &Settings, process_start: WallClock) -> Result<Outcome, Failure> {
    let mut run = Run::new(settings)?;
    run.outcome.startup_ms = process_start.now_ns() as f64 * 1e-6;
    let total = settings.frames.end - settings.frames.start;
    // A live map has a line of its own.
    let bar = match run.maps.as_ref().is_some_and(HeatMaps::is_live) {
        true => ProgressBar::hidden(),
        false => progress::bar(total, "replay"),
    };
    if settings.args.clock == Clock::Real {
        machine::take_first_core();
    }
    run.start_ns = run.clock.now_ns();
    for i in 0..total {
        if progress::interrupted().load(Ordering::SeqCst) {
            return Err(anyhow!("interrupted at frame {i} of {total}").into());
        }
        run.wait_for(i);
        run.one_frame(i)?;
        if i % 16 == 0 {
            bar.set_position(i);
        }
    }
    bar.finish_and_clear();
    run.finish(total)
}

impl<'a> Run<'a> {
    fn new(settings: &'a Settings) -> Result<Self, Failure> {
        let virtual_clock = settings.args.clock == Clock::Virtual;
        let farplane = open(settings)?;
        let index = Arc::clone(farplane.index());
        let mut history = History::new(index.units.len());
        for unit in 0..index.units.len() as u32 {
            history.set(unit, farplane.is_resident(unit));
        }
        let (truth, rule) = (Arc::clone(&settings.truth), farplane.options().rule);
        let caster = NeedsCaster::new(Arc::clone(&index), truth, rule);
        let casting = if virtual_clock {
            Casting::AtOnce {
                caster: Box::new(caster),
                waiting: VecDeque::new(),
                spare: Vec::new(),
            }
        } else {
            worker(caster)?
        };
        let mut set = StageSet::new();
        let mut stages = Vec::new();
        for (i, name) in stage_names().into_iter().enumerate() {
            let update = i < Stage::ALL.len();
            stages.push(if update { set.register_update(name)? } else { set.register(name)? });
        }
        let stage_names = set.names().to_vec();
        let clock = WallClock::new();
        let csv = settings.args.csv.as_ref().map(|path| {
            let file = File::create(path)
                .with_context(|| format!("cannot write the CSV {}", path.display()))?;
            CsvWriter::new(BufWriter::new(file), &stage_names).context("writing the CSV")
        });
        let pictures = match settings.args.render {
            Render::None => None,
            Render::Cpu => Some(Pictures::new(settings)?),
        };
        let total = (settings.frames.end - settings.frames.start) as usize;
        let (view, _) = settings.view(settings.frames.start);
        let outcome = Outcome {
            meter: ResidencyMeter::new(index.units.len(), settings.period_ns),
            log: FrameLog::with_capacity(total),
            stage_names,
            warm_frames: 0,
            usage_bytes_max: 0,
            fragmentation: Series::default(),
            occupancy: Series::default(),
            moved_bytes_frame_max: 0,
            latencies: vec![Histogram::new(); farplane::stream::Class::COUNT],
            cull_lod_cpu_ns: Vec::with_capacity(total),
            instances: Series::default(),
            too_small: Series::default(),
            instance_triangles: Series::default(),
            lod_scale: Series::default(),
            lod_coarser: Series::default(),
            lod_hidden: Series::default(),
            triangles: Series::default(),
            draw_calls_before: Series::default(),
            draw_calls: Series::default(),
            feedback_lost: 0,
            holes_drawn: 0,
            anon_rss_bytes_max: None,
            stolen: machine::stolen(),
            psnr: Series::default(),
            frames: 0,
            cuts: 0,
            startup_ms: 0.0,
            failed_units: Vec::new(),
            fifos: Fifos::default(),
            stored_bytes: 0,
            cost_before: world::cost(&settings.archive),
            farplane,
        };
        Ok(Self {
            settings,
            casting,
            history,
            entities: Entities::new(&index, view),
            frame: Frame::default(),
            recorder: Recorder::new(clock, set),
            stages,
            clock,
            start_ns: 0,
            needs: Vec::new(),
            views: Vec::new(),
            csv: csv.transpose()?,
            pictures,
            maps: HeatMaps::new(settings, &index)?,
            counters: outcome.farplane.core().counters(),
            outcome,
        })
    }

    /// Sleeps until the frame is due: never longer, so that a late frame does not shift the rest.
    fn wait_for(&self, i: u64) {
        let args = &self.settings.args;
        if args.clock == Clock::Virtual || args.pace == Pace::Max {
            return;
        }
        let due = self.start_ns + (i as f64 * 1e9 / args.target_hz) as u64;
        let now = self.clock.now_ns();
        if due > now {
            std::thread::sleep(Duration::from_nanos(due - now));
        }
    }

    fn now_ns(&self, i: u64) -> u64 {
        match self.settings.args.clock {
            Clock::Virtual => (i as f64 * 1e9 / self.settings.args.target_hz) as u64,
            Clock::Real => self.clock.now_ns() - self.start_ns,
        }
    }

    fn one_frame(&mut self, i: u64) -> Result<(), Failure> {
        let (view, cuts) = self.settings.view(self.settings.frames.start + i);
        let now_ns = self.now_ns(i);
        let warm_up = i as f64 / self.settings.args.target_hz < self.settings.args.warmup;
        self.outcome.cuts = cuts as u64;
        self.history.begin_frame(i);
        self.recorder.begin_frame(i);
        self.recorder.begin(self.stages[0]);
        self.entities.set_view(view);
        self.entities.views(&mut self.views);
        let (recorder, stages) = (&self.recorder, &self.stages);
        let mut cpu = [None; 2];
        let mut done = |stage: Stage| {
            match stage {
                Stage::Terrain => cpu[0] = machine::thread_cpu(),
                Stage::Lod => cpu[1] = machine::thread_cpu(),
                _ => {}
            }
            recorder.end();
            if let Some(next) = stages[..Stage::ALL.len()].get(stage as usize + 1) {
                recorder.begin(*next);
            }
        };
        self.outcome.farplane.update_staged(&self.views, now_ns, &mut self.frame, &mut done);
        if let [Some(before), Some(after)] = cpu
            && !warm_up
        {
            self.outcome.cull_lod_cpu_ns.push((after - before).as_nanos() as u64);
        }
        self.recorder.begin(self.stages[Stage::ALL.len()]);
        self.entities.show(&self.frame.batches);
        self.recorder.end();
        self.recorder.begin(self.stages[Stage::ALL.len() + 1]);
        self.note_changes(i, now_ns)?;
        let needs = self.take_needs(i, &view)?;
        self.recorder.end();
        self.recorder.begin(self.stages[Stage::ALL.len() + 2]);
        let status = self.status(i);
        if let Some(maps) = &mut self.maps {
            maps.frame(self.history.now(), &view, status)?;
        }
        self.recorder.end();
        if let Some(record) = self.recorder.end_frame() {
            self.write_row(i, &record, &needs)?;
            self.outcome.log.push(record);
        }
        self.sample(i, warm_up)?;
        if let Some(pictures) = &mut self.pictures
            && i.is_multiple_of(self.settings.args.every)
        {
            let psnr = pictures.draw(i, &view, &self.outcome.farplane, &self.frame)?;
            self.outcome.psnr.push(psnr);
        }
        Ok(())
    }

    fn status(&self, i: u64) -> Status {
        let frames = &self.settings.frames;
        let core = self.outcome.farplane.core();
        Status {
            frames: [i, frames.end - frames.start],
            seconds: i as f64 / self.settings.args.target_hz,
            usage_bytes: [self.frame.stats.usage_bytes, self.settings.args.budget],
            reads: core.reads_in_flight(),
        }
    }

    /// Brings the history of residency up to date: after the frame's start, for the next one.
    fn note_changes(&mut self, i: u64, now_ns: u64) -> Result<(), Failure> {
        let changes = &self.frame.changes;
        let (meter, index) = (&mut self.outcome.meter, self.outcome.farplane.index());
        for placed in &changes.evicted {
            self.history.set(placed.unit, false);
            meter.evicted(placed.unit, i)?;
        }
        let next_ns = now_ns + self.settings.period_ns;
        for placed in &changes.committed {
            self.history.set(placed.unit, true);
            let unit = &index.units[placed.unit as usize];
            self.outcome.stored_bytes += u64::from(unit.stored_bytes);
            let bytes = u64::from(unit.resident_bytes);
            meter.loaded(placed.unit, bytes, i, next_ns)?;
            if let Some(maps) = &mut self.maps {
                maps.loaded(placed.unit);
            }
        }
        for &(class, ns) in &changes.latencies {
            self.outcome.latencies[usize::from(class)].record(ns);
        }
        self.outcome.failed_units.extend(&changes.failed);
        Ok(())
    }

    /// Starts this frame's needs and takes those that are old enough.
    fn take_needs(&mut self, i: u64, view: &View) -> Result<FrameNeeds, Failure> {
        let mut counted = FrameNeeds::default();
        match &mut self.casting {
            Casting::AtOnce { caster, waiting, spare } => {
                let mut taken = spare.pop().unwrap_or_default();
                caster.take(i, view, true, &mut taken);
                waiting.push_back(taken);
            }
            Casting::Worker { jobs, done, waiting, spare, received, .. } => {
                let mut taken = spare.pop().unwrap_or_default();
                taken.frame = i;
                jobs.send((*view, taken)).context("the feedback worker stopped")?;
                // At full pace nobody waits for a frame, so the frames wait for their feedback.
                while self.settings.args.pace == Pace::Max && i >= *received + BEHIND_FRAMES_MAX {
                    waiting.push_back(done.recv().context("the feedback worker stopped")?);
                    *received += 1;
                }
            }
            Casting::Done => {}
        }
        while let Some(taken) = self.next_taken(i) {
            counted = self.count(&taken, i)?;
            self.outcome.farplane.feedback(&taken.samples);
            match &mut self.casting {
                Casting::AtOnce { spare, .. } | Casting::Worker { spare, .. } => spare.push(taken),
                Casting::Done => {}
            }
        }
        Ok(counted)
    }

    /// The oldest feedback, once it is as late as a GPU's would be; a slow worker's is later.
    fn next_taken(&mut self, i: u64) -> Option<Taken> {
        let waiting = match &mut self.casting {
            Casting::AtOnce { waiting, .. } => waiting,
            Casting::Worker { done, waiting, received, .. } => {
                for taken in done.try_iter() {
                    waiting.push_back(taken);
                    *received += 1;
                }
                waiting
            }
            Casting::Done => return None,
        };
        let due = waiting.front()?.frame + FEEDBACK_DELAY_FRAMES <= i;
        if due { waiting.pop_front() } else { None }
    }

    /// Counts needs against what was resident when they were taken.
    fn count(&mut self, taken: &Taken, i: u64) -> Result<FrameNeeds, Failure> {
        if taken.frame + FRAMES <= i {
            self.outcome.feedback_lost += 1;
            return Ok(FrameNeeds::default());
        }
        let index = self.outcome.farplane.index();
        let residents = self.history.at(taken.frame);
        self.needs.clear();
        for need in &taken.needs {
            let hit = residents.covers(index, need.unit);
            let depth = if hit { Some(0) } else { residents.fallback_depth(index, need.unit) };
            self.needs.push(Need {
                unit: need.unit,
                pixels: need.pixels,
                hit,
                fallback_depth: depth.unwrap_or(0),
                hole: depth.is_none(),
                class: need.class,
            });
        }
        let warmup = self.settings.args.warmup;
        let at = FrameStart {
            index: taken.frame,
            now_ns: (taken.frame as f64 * 1e9 / self.settings.args.target_hz) as u64,
            warm_up: (taken.frame as f64 / self.settings.args.target_hz) < warmup,
        };
        let counted = self.outcome.meter.frame(at, &self.needs)?;
        if let Some(maps) = &mut self.maps {
            maps.counted(&self.needs, &counted, at.warm_up);
        }
        Ok(counted)
    }

    fn sample(&mut self, i: u64, warm_up: bool) -> Result<(), Failure> {
        let o = &mut self.outcome;
        let stats = &self.frame.stats;
        let usage = stats.usage_bytes;
        if usage > self.settings.args.budget {
            return Err(anyhow!(
                "frame {i} holds {usage} bytes, the budget is {}: this is a bug, please report it",
                self.settings.args.budget
            )
            .into());
        }
        o.frames = i + 1;
        o.warm_frames += u64::from(warm_up);
        o.usage_bytes_max = o.usage_bytes_max.max(usage);
        let heap = o.farplane.core().heap_stats();
        o.fragmentation.push(heap.external_fragmentation());
        o.occupancy.push(heap.occupancy());
        o.moved_bytes_frame_max = o.moved_bytes_frame_max.max(self.frame.changes.moved_bytes);
        o.holes_drawn += u64::from(stats.holes);
        if !warm_up {
            o.instances.push(self.frame.batches.instances.len() as f64);
            o.too_small.push(f64::from(stats.too_small));
            o.triangles.push(stats.triangles as f64);
            o.instance_triangles.push(stats.instance_triangles as f64);
            o.lod_scale.push(f64::from(stats.lod_scale));
            o.lod_coarser.push(stats.lod_coarser as f64);
            o.lod_hidden.push(stats.lod_hidden as f64);
            o.draw_calls_before.push(f64::from(stats.draw_calls_before));
            o.draw_calls.push(f64::from(stats.draw_calls));
        }
        if i.is_multiple_of(30) {
            o.anon_rss_bytes_max = o.anon_rss_bytes_max.max(machine::anon_rss_bytes());
        }
        Ok(())
    }

    fn write_row(
        &mut self,
        i: u64,
        record: &farplane_profiler::FrameRecord,
        needs: &FrameNeeds,
    ) -> Result<(), Failure> {
        let core = self.outcome.farplane.core();
        let now = core.counters();
        let before = std::mem::replace(&mut self.counters, now);
        let Some(csv) = &mut self.csv else { return Ok(()) };
        let heap = core.heap_stats();
        let row = CsvRow {
            frame: i,
            t_s: self.settings.path_ns(self.settings.frames.start + i) as f64 * 1e-9,
            work_ms: record.work_ns as f64 * 1e-6,
            update_ms: record.update_ns as f64 * 1e-6,
            interval_ms: record.interval_ns.map(|ns| ns as f64 * 1e-6),
            needs: needs.needs,
            hits: needs.hits,
            first_needs: needs.first_needs,
            first_hits: needs.first_hits,
            holes: needs.holes,
            loaded_bytes: now.loaded_bytes - before.loaded_bytes,
            evicted_units: now.evicted_units - before.evicted_units,
            usage_bytes: self.frame.stats.usage_bytes,
            arena_used_bytes: heap.used,
            fragmentation: heap.external_fragmentation(),
            moved_bytes: self.frame.changes.moved_bytes,
            in_flight: u64::from(core.reads_in_flight()),
            reads: now.reads - before.reads,
            read_bytes: now.read_bytes - before.read_bytes,
        };
        csv.row(&row, &record.stages[..self.outcome.stage_names.len()])
            .context("writing the CSV (is the disk full?)")?;
        Ok(())
    }

    /// Takes what feedback is still on its way: its frames' needs are counted too.
    fn finish(mut self, total: u64) -> Result<Outcome, Failure> {
        match std::mem::replace(&mut self.casting, Casting::Done) {
            Casting::Done => {}
            Casting::AtOnce { waiting, .. } => {
                for taken in waiting {
                    self.count(&taken, total)?;
                }
            }
            Casting::Worker { jobs, done, waiting, thread, .. } => {
                drop(jobs);
                for taken in waiting.into_iter().chain(done) {
                    self.count(&taken, total)?;
                }
                let _ = thread.join();
            }
        }
        if let Some(csv) = self.csv.take() {
            csv.finish().context("writing the CSV (is the disk full?)")?;
        }
        if let Some(maps) = self.maps.take() {
            let (view, _) = self.settings.view(self.settings.frames.end - 1);
            let status = self.status(total);
            self.outcome.fifos = maps.finish(self.history.now(), &view, status)?;
        }
        if let Some(pictures) = self.pictures.take() {
            self.outcome.fifos.pictures = pictures.finish()?;
        }
        let after = machine::stolen();
        self.outcome.stolen = after.zip(self.outcome.stolen).map(|(a, b)| a.saturating_sub(b));
        Ok(self.outcome)
    }
}

fn worker(mut caster: NeedsCaster) -> Result<Casting, Failure> {
    let (jobs, inbox) = mpsc::channel::<(View, Taken)>();
    let (outbox, done) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("feedback".to_owned())
        .spawn(move || {
            machine::yield_to_main();
            for (view, mut taken) in inbox {
                caster.take(taken.frame, &view, false, &mut taken);
                if outbox.send(taken).is_err() {
                    return;
                }
            }
        })
        .context("cannot start the feedback worker")?;
    Ok(Casting::Worker {
        jobs,
        done,
        waiting: VecDeque::new(),
        received: 0,
        spare: Vec::new(),
        thread,
    })
}

fn open(settings: &Settings) -> Result<Farplane, Failure> {
    let args = &settings.args;
    let archive = &settings.archive;
    let options = Options {
        budget_bytes: args.budget,
        workers: match args.clock {
            Clock::Virtual => args.model_workers,
            // One core is the main thread's.
            Clock::Real => settings.threads.saturating_sub(1).max(1),
        },
        on_worker_start: Some(|_| machine::yield_to_main()),
        triangles_max: args.triangles.unwrap_or(u64::MAX),
        ..Options::default()
    };
    let opened = match args.clock {
        Clock::Virtual => {
            let queue = SimQueue::new(archive, settings.device, args.seed, FaultPlan::default());
            let queue = match args.io {
                Io::Auto | Io::Sim if archive.is_here() => queue,
                io => {
                    let Chosen { queue: real, reason } = reader(settings, io)?;
                    eprintln!("reads: {reason}, at the times of a modelled {}", settings.device);
                    queue.reading_through(real)
                }
            };
            Farplane::open_virtual(archive, queue, options)
        }
        Clock::Real => {
            let Chosen { queue, reason } = reader(settings, args.io)?;
            eprintln!("reads: {reason}");
            Farplane::open(archive, queue, options)
        }
    };
    let name = archive.path().display();
    Ok(opened.map_err(|e| anyhow!("{e}").context(format!("{name}")))?)
}

/// What reads for real, within its sixteenth of the budget.
fn reader(settings: &Settings, io: Io) -> Result<Chosen, Failure> {
    let share_bytes = settings.args.budget / 16;
    let options = QueueOptions {
        bytes_max: share_bytes.max(1),
        on_start: Some(|_| machine::yield_to_main()),
        ..world::queue_options(&settings.archive)
    };
    let pool = Arc::new(HeapPool::new(share_bytes as usize));
    let backend = backend(io).unwrap_or(Backend::Auto);
    let chosen = open_queue(&settings.archive, backend, options, pool);
    Ok(chosen.context("cannot start the readers")?)
}
