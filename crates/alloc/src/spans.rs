use crate::nodes::{Holds, NONE};
use crate::{Handle, Range, RangeAllocator};

/// A stretch of the arena as it is held, rounding included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it is: multiples of the granule.
    pub range: Range,
    /// Who holds it.
    pub kind: SpanKind,
}

/// Who holds a stretch of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// Nobody. Two holes never touch.
    Hole,
    /// A live block.
    Block {
        /// The block's handle.
        handle: Handle,
        /// Whether it must stay where it is.
        pinned: bool,
    },
    /// A planned move, as its destination; or a room or a shrink, which keeps it.
    Reserved,
    /// What a moved block has left, until the owner frees it.
    Vacated {
        /// The handle that commit returned.
        handle: Handle,
    },
}

/// Iterator over all spans in address order: [`RangeAllocator::spans`].
#[derive(Clone, Debug)]
pub struct Spans<'a> {
    allocator: &'a RangeAllocator,
    next: u32,
}

impl RangeAllocator {
    /// Every stretch of the arena in address order, for reports: together they cover it without a
    /// gap. Linear in their number.
    #[must_use]
    pub fn spans(&self) -> Spans<'_> {
        Spans { allocator: self, next: self.nodes.first }
    }

    /// The holes in address order: the free list, for reports. Linear in the number of spans.
    pub fn holes(&self) -> impl Iterator<Item = Range> + use<'_> {
        self.spans().filter(|span| span.kind == SpanKind::Hole).map(|span| span.range)
    }

    /// A picture of the arena: cut into as many cells as the slice has, of equal size, each cell
    /// gets how much of it is held, from 0 (all of it free, only then) to 255 (all held, only then). Read it
    /// in rows of any width. Linear in spans and cells.
    pub fn map(&self, cells: &mut [u8]) {
        cells.fill(0);
        let (count, capacity) = (cells.len() as u128, u128::from(self.stats.capacity));
        if count == 0 || capacity == 0 {
            return;
        }
        // Cell i begins at byte i · capacity / count; in units of 1 / count bytes all is whole.
        let (mut cell, mut held_in_cell) = (0_u128, 0_u128);
        for span in self.spans() {
            let mut at = u128::from(span.range.offset) * count;
            let end = u128::from(span.range.end()) * count;
            while at < end {
                let cell_end = (cell + 1) * capacity;
                let upto = end.min(cell_end);
                held_in_cell += if span.kind == SpanKind::Hole { 0 } else { upto - at };
                at = upto;
                if at == cell_end {
                    // Rounded down, but what is held at all is seen.
                    let share = held_in_cell * 255 / capacity;
                    cells[cell as usize] = share.max(u128::from(held_in_cell > 0)) as u8;
                    (cell, held_in_cell) = (cell + 1, 0);
                }
            }
        }
    }
}

impl Iterator for Spans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let Self { allocator, next } = *self;
        let node = (next != NONE).then(|| &allocator.nodes[next])?;
        self.next = node.next;
        let handle = allocator.nodes.handle(next);
        let kind = match node.held() {
            None => SpanKind::Hole,
            Some(held) => match held.holds {
                Holds::Destination | Holds::Room => SpanKind::Reserved,
                Holds::Block | Holds::MovingBlock => {
                    SpanKind::Block { handle, pinned: held.pins > 0 }
                }
                Holds::Vacated => SpanKind::Vacated { handle },
            },
        };
        let range = Range::new(allocator.bytes(node.offset), allocator.bytes(node.size));
        Some(Span { range, kind })
    }
}
