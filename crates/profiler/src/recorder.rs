use std::cell::{Cell, RefCell};

use crate::{Clock, FrameRecord, STAGES_MAX, StageId, StageSet, StageTimes};

/// Times the main thread's frames and their stages.
///
/// One thread owns it. Scopes borrow it shared, so they nest; a frame cannot end while one lives.
#[derive(Debug)]
pub struct Recorder {
    clock: Clock,
    stages: StageSet,
    times: RefCell<StageTimes>,
    waited_for: Cell<Option<u32>>,
    current: Option<Frame>,
    previous_start_ns: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    index: u64,
    start_ns: u64,
}

impl Recorder {
    /// A recorder of these stages, before its first frame.
    #[must_use]
    pub fn new(clock: Clock, stages: StageSet) -> Self {
        Self {
            clock,
            stages,
            times: RefCell::default(),
            waited_for: Cell::new(None),
            current: None,
            previous_start_ns: None,
        }
    }

    /// The clock that it reads.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// The registered stages.
    #[must_use]
    pub const fn stages(&self) -> &StageSet {
        &self.stages
    }

    /// Starts frame `index`; a frame still open is dropped unrecorded.
    pub fn begin_frame(&mut self, index: u64) {
        let start_ns = self.clock.now_ns();
        if let Some(dropped) = self.current.take() {
            self.previous_start_ns = Some(dropped.start_ns);
        }
        let _ = self.times.get_mut().take(start_ns);
        self.waited_for.set(None);
        self.current = Some(Frame { index, start_ns });
    }

    /// Ends the frame; `None` when none was begun.
    pub fn end_frame(&mut self) -> Option<FrameRecord> {
        let end_ns = self.clock.now_ns();
        let frame = self.current.take()?;
        let stages: [u64; STAGES_MAX] = self.times.get_mut().take(end_ns);
        let previous = self.previous_start_ns.replace(frame.start_ns);
        Some(FrameRecord {
            index: frame.index,
            start_ns: frame.start_ns,
            interval_ns: previous.map(|previous| frame.start_ns.saturating_sub(previous)),
            work_ns: end_ns.saturating_sub(frame.start_ns),
            update_ns: self.stages.update_ns(&stages),
            stages,
            waited_for: self.waited_for.get(),
        })
    }

    /// Opens a stage until the scope is dropped.
    pub fn scope(&self, stage: StageId) -> Scope<'_> {
        self.begin(stage);
        Scope { recorder: self }
    }

    /// Opens a stage until the matching [`Recorder::end`], where a scope's borrow is in the way.
    pub fn begin(&self, stage: StageId) {
        self.times.borrow_mut().begin(stage, self.clock.now_ns());
    }

    /// Closes the stage opened last.
    pub fn end(&self) {
        self.times.borrow_mut().end(self.clock.now_ns());
    }

    /// Notes the unit that this frame waited for; the last one noted stays.
    pub fn note_wait(&self, unit: u32) {
        self.waited_for.set(Some(unit));
    }
}

/// A stage that ends when this is dropped.
#[derive(Debug)]
#[must_use = "the stage ends when the scope is dropped"]
pub struct Scope<'a> {
    recorder: &'a Recorder,
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        self.recorder.end();
    }
}
