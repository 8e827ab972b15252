use super::memory::Memory;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// What waits to be used again.
#[derive(Default)]
pub(super) struct Idle {
    /// By class; in each, those that came back first are in front.
    classes: Vec<VecDeque<(u64, Memory)>>,
    /// Counts what came back, so that it can be told across classes who came first.
    returned: u64,
    pub buffers: usize,
    pub bytes: u64,
}

impl Idle {
    pub fn put(&mut self, memory: Memory) {
        if self.classes.len() <= memory.class {
            self.classes.resize_with(memory.class + 1, VecDeque::new);
        }
        self.returned += 1;
        self.buffers += 1;
        self.bytes += memory.size() as u64;
        self.classes[memory.class].push_back((self.returned, memory));
    }

    /// The one of a class that came back last: most likely it is still in a cache.
    pub fn take(&mut self, class: usize) -> Option<Memory> {
        let (_, memory) = self.classes.get_mut(class)?.pop_back()?;
        Some(self.taken(memory))
    }

    /// The one of all classes that came back first. Looks at each class: only what asks the system
    /// for memory, or gives it back, comes here.
    pub fn take_oldest(&mut self) -> Option<Memory> {
        let oldest = self
            .classes
            .iter_mut()
            .filter(|class| !class.is_empty())
            .min_by_key(|class| class.front().map(|&(returned, _)| returned))?;
        let (_, memory) = oldest.pop_front()?;
        Some(self.taken(memory))
    }

    fn taken(&mut self, memory: Memory) -> Memory {
        self.buffers -= 1;
        self.bytes -= memory.size() as u64;
        memory
    }
}
