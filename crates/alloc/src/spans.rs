use crate::nodes::{NONE, Nodes};
use crate::slots::{Holds, Slots};
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
    nodes: &'a Nodes,
    slots: &'a Slots,
    next: u32,
}

impl RangeAllocator {
    /// Every stretch of the arena in address order, for reports: together they cover it without a
    /// gap. Linear in their number.
    #[must_use]
    pub fn spans(&self) -> Spans<'_> {
        Spans { nodes: &self.nodes, slots: &self.slots, next: self.nodes.first }
    }
}

impl Iterator for Spans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let node = (self.next != NONE).then(|| self.nodes[self.next])?;
        self.next = node.next;
        let kind = if node.is_hole() {
            SpanKind::Hole
        } else {
            let slot = &self.slots[node.slot];
            let handle = self.slots.handle(node.slot);
            match slot.holds {
                Holds::Nothing | Holds::Destination => SpanKind::Reserved,
                Holds::Block | Holds::MovingBlock => {
                    SpanKind::Block { handle, pinned: slot.pins > 0 }
                }
                Holds::Vacated => SpanKind::Vacated { handle },
            }
        };
        Some(Span { range: node.range(), kind })
    }
}
