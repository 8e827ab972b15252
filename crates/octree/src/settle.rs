use crate::Octree;
use crate::node::NONE;
use crate::store::{BLOCK, Entry};
use farplane_geom::Aabb;

/// What a call of [`Octree::maintain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintenance {
    /// Blocks whose bounds were measured anew.
    pub blocks: u32,
    /// Items that had strayed and went where they belong.
    pub moved: u32,
}

impl Octree {
    /// Keeps queries fast while items move: looks at the next `blocks_max` blocks in turn, measures
    /// their bounds anew and sends items that strayed far where they belong. A block of 64 items
    /// takes about as long as ten moves. Handles stay valid; results stay the same, but for their
    /// order.
    ///
    /// A few dozen a frame do for ten thousand moves a frame. Without any, bounds that grew never
    /// shrink, and queries become slower, though by a bounded amount.
    pub fn maintain(&mut self, blocks_max: u32) -> Maintenance {
        let mut done = Maintenance::default();
        let count = self.store.blocks.len() as u32;
        for _ in 0..blocks_max.min(count) {
            if self.cursor as usize >= self.store.blocks.len() {
                self.cursor = 0;
            }
            let block = self.cursor;
            self.cursor += 1;
            if self.store.blocks[block as usize].is_free == 0 {
                done.blocks += 1;
                done.moved += self.settle(block);
            }
        }
        done
    }

    /// Measures one block anew; returns how many strays left it.
    fn settle(&mut self, block: u32) -> u32 {
        let up = self.store.blocks[block as usize].parent;
        let (low, high) = self.store.key_range(up);
        let count = self.store.count(block);
        let mut strays = [false; BLOCK];
        let mut home: Option<Aabb> = None;
        for (lane, stray) in strays.iter_mut().enumerate().take(count) {
            let bounds = self.store.bounds(block, lane);
            *stray = !(low..=high).contains(&self.cell.key(&bounds));
            if !*stray {
                home = Some(home.map_or(bounds, |home| home.union(&bounds)));
            }
        }
        let mut leaving = [Entry { slot: NONE, ..self.store.entry(block, 0) }; BLOCK];
        let mut left = 0;
        for lane in (0..count).rev().filter(|&lane| strays[lane]) {
            let entry = self.store.entry(block, lane);
            if home.is_some_and(|home| reach(&home, &entry.bounds) <= self.cell.slack_m(&home)) {
                continue;
            }
            leaving[left] = entry;
            left += 1;
            self.take_lane(block, lane);
        }
        self.remeasure(block);
        self.merge_block(block);
        for entry in &leaving[..left] {
            self.place(entry);
        }
        left as u32
    }
}

/// How far a box reaches beyond another, m.
fn reach(home: &Aabb, b: &Aabb) -> f32 {
    (home.min - b.min).max(b.max - home.max).max_element()
}
