use crate::unit::{Home, Memory, UnitId};
use std::collections::VecDeque;

/// Memory of an evicted unit, or of a moved block, that an older reader may still look at.
pub(crate) struct Standing {
    /// The evicted unit; `None` for what a move vacated.
    pub unit: Option<UnitId>,
    pub memory: Memory,
    pub epoch: u64,
    pub home: Home,
    pub bytes: u64,
}

/// All of it, oldest first.
#[derive(Default)]
pub(crate) struct StandingQueue {
    queue: VecDeque<Standing>,
    bytes: [u64; 2],
}

impl StandingQueue {
    pub fn push(&mut self, standing: Standing) {
        self.bytes[standing.home as usize] += standing.bytes;
        self.queue.push_back(standing);
    }

    /// Takes out the first one that no reader sees any more.
    pub fn pop_unread(&mut self, oldest_reader: Option<u64>) -> Option<Standing> {
        let first = self.queue.front()?;
        if oldest_reader.is_some_and(|oldest| oldest <= first.epoch) {
            return None;
        }
        self.bytes[first.home as usize] -= first.bytes;
        self.queue.pop_front()
    }

    /// Bytes that become free when the readers are done.
    pub fn bytes(&self, home: Home) -> u64 {
        self.bytes[home as usize]
    }
}
