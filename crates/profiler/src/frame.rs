use std::collections::VecDeque;

use crate::STAGES_MAX;

/// What was measured in one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameRecord {
    /// Number of the frame in its run.
    pub index: u64,
    /// Start on the recorder's clock, ns.
    pub start_ns: u64,
    /// From the previous frame's start to this one's, ns; `None` in the first frame.
    pub interval_ns: Option<u64>,
    /// Frame time: the main thread's work from the frame's start to its end, ns.
    pub work_ns: u64,
    /// The part of the work that belongs to the streaming update, ns.
    pub update_ns: u64,
    /// Each stage's own time, ns, by [`crate::StageId::index`].
    pub stages: [u64; STAGES_MAX],
    /// The unit that the frame waited for, if it waited.
    pub waited_for: Option<u32>,
}

/// The last frames of a run, in order, in memory reserved once.
#[derive(Clone, Debug, Default)]
pub struct FrameLog {
    frames: VecDeque<FrameRecord>,
    capacity: usize,
    forgotten: u64,
}

impl FrameLog {
    /// A log of at most `capacity` frames (at least one); nothing is allocated after this.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self { frames: VecDeque::with_capacity(capacity), capacity, forgotten: 0 }
    }

    /// Appends a frame; when the log is full its oldest frame is forgotten.
    pub fn push(&mut self, frame: FrameRecord) {
        if self.frames.len() >= self.capacity.max(1) {
            self.frames.pop_front();
            self.forgotten += 1;
        }
        self.frames.push_back(frame);
    }

    /// The frames in order, oldest first, moved together in place where the log has wrapped.
    pub fn frames(&mut self) -> &[FrameRecord] {
        self.frames.make_contiguous()
    }

    /// The frame pushed last.
    #[must_use]
    pub fn last(&self) -> Option<&FrameRecord> {
        self.frames.back()
    }

    /// Frames in the log.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether no frame is in the log.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Frames that were pushed and are no longer in the log.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

impl Extend<FrameRecord> for FrameLog {
    fn extend<I: IntoIterator<Item = FrameRecord>>(&mut self, frames: I) {
        for frame in frames {
            self.push(frame);
        }
    }
}
