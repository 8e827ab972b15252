use crate::UnitId;
use crate::want::Class;

/// A read that is issued: how many of its units are not decoded yet.
#[derive(Clone, Copy)]
struct OpenRead {
    units_left: u32,
    bytes: u64,
    class: u8,
}

const NONE: u32 = u32::MAX;

/// Reads in flight, and which unit is in which.
pub(crate) struct OpenReads {
    reads: Vec<OpenRead>,
    unused: Vec<u32>,
    of_unit: Vec<u32>,
    bytes: u64,
}

impl OpenReads {
    pub fn new(units: usize) -> Self {
        Self { reads: Vec::new(), unused: Vec::new(), of_unit: vec![NONE; units], bytes: 0 }
    }

    /// Opens a read: first [`OpenReads::join`] its units to the number given here.
    pub fn next_index(&mut self) -> u32 {
        self.unused.pop().unwrap_or(self.reads.len() as u32)
    }

    pub fn join(&mut self, unit: UnitId, index: u32) {
        self.of_unit[unit as usize] = index;
    }

    pub fn open(&mut self, index: u32, units: u32, bytes: u64, class: u8) {
        let read = OpenRead { units_left: units, bytes, class };
        match self.reads.get_mut(index as usize) {
            Some(unused) => *unused = read,
            None => self.reads.push(read),
        }
        self.bytes += bytes;
    }

    /// A unit is done; with the last one its read is.
    pub fn close(&mut self, unit: UnitId) {
        let index = std::mem::replace(&mut self.of_unit[unit as usize], NONE);
        let Some(read) = self.reads.get_mut(index as usize) else { return };
        read.units_left -= 1;
        if read.units_left == 0 {
            self.bytes -= read.bytes;
            self.unused.push(index);
        }
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads in flight, and those of them that only Prefetch and Low are in.
    pub fn counts(&self) -> [u32; 2] {
        let prefetches = self.reads.iter().filter(|r| r.units_left > 0).map(|r| r.class);
        let prefetches = prefetches.filter(|&class| class >= Class::Prefetch as u8).count();
        [(self.reads.len() - self.unused.len()) as u32, prefetches as u32]
    }

    pub fn index_bytes(&self) -> u64 {
        (self.of_unit.len() * size_of::<u32>()) as u64
    }
}
