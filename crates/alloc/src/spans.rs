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
    /// A planned move, as its destination.
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
