use crate::format::{FormatError, OctreeView};
use crate::node::{BlockInfo, NONE, Node, link};
use crate::pack::Pack;
use crate::slots::{FREE, LAST, Slots, place};
use crate::store::BLOCK;
use crate::tree;
use alloc::vec::Vec;

/// Everything that the rest of the crate takes for granted about a tree: each node and block in use
/// hangs below the root exactly once, keys ascend, bounds hold what is below them, slots and places
/// point at each other, lists of what is free end.
pub fn check_parts(view: &OctreeView<'_>) -> Result<(), FormatError> {
    let parts = &view.parts;
    let cell = &view.header;
    let finite = cell.cell_min.iter().all(|v| v.is_finite());
    ensure(finite && cell.cell_edge_m.is_finite() && cell.cell_edge_m >= 1.0e-20, "cell", 0)?;
    ensure((parts.root as usize) < parts.nodes.len(), "root", parts.root)?;
    ensure(parts.nodes[parts.root as usize].parent == NONE, "root", parts.root)?;
    ensure(parts.blocks.len() <= 1 << 25, "number of blocks", parts.blocks.len() as u32)?;
    let reached = Reached::walk(view)?;
    let free = |first: u32, next: &dyn Fn(u32) -> Option<u32>, what| {
        let (mut at, mut count) = (first, 0);
        while at != NONE {
            at = next(at).ok_or(FormatError::Corrupt { what, index: at })?;
            count += 1;
            // More than all: the list runs in a circle, and what is free would be given out twice.
            ensure(count <= u32::MAX as usize && count <= view_limit(view), what, at)?;
        }
        Ok::<usize, FormatError>(count)
    };
    let next_node = |i: u32| {
        let node = parts.nodes.get(i as usize)?;
        (node.count == 0 && i != parts.root).then_some(node.parent)
    };
    let next_block = |i: u32| {
        let block = parts.blocks.get(i as usize)?;
        let next = if block.parent == NONE { NONE } else { block.parent & !BlockInfo::FREE };
        block.is_free().then_some(next)
    };
    let nodes = free(view.header.free_node, &next_node, "free node")?;
    ensure(nodes + reached.nodes == parts.nodes.len(), "number of nodes", reached.nodes as u32)?;
    let blocks = free(view.header.free_block, &next_block, "free block")?;
    ensure(blocks + reached.blocks == parts.blocks.len(), "number of blocks", blocks as u32)?;
    check_slots(view, reached.items)
}

fn view_limit(view: &OctreeView<'_>) -> usize {
    view.parts.nodes.len() + view.parts.blocks.len()
}

fn ensure(holds: bool, what: &'static str, index: u32) -> Result<(), FormatError> {
    if holds { Ok(()) } else { Err(FormatError::Corrupt { what, index }) }
}

/// What hangs below the root.
#[derive(Default)]
struct Reached {
    nodes: usize,
    blocks: usize,
    items: usize,
}

impl Reached {
    /// Looks at everything below the root. A child must name its one parent and lane, so nothing is
    /// reached twice; levels fall by one, so the walk ends.
    fn walk(view: &OctreeView<'_>) -> Result<Self, FormatError> {
        let parts = &view.parts;
        let root = &parts.nodes[parts.root as usize];
        ensure(usize::from(root.level) < Node::LEVELS_MAX, "root", parts.root)?;
        ensure(root.count > 1 || root.level == 0, "root", parts.root)?;
        let mut reached = Self { nodes: 1, ..Self::default() };
        let mut stack: Vec<u32> = Vec::from([parts.root]);
        while let Some(index) = stack.pop() {
            let node = &parts.nodes[index as usize];
            ensure(usize::from(node.count) <= Node::COUNT_MAX, "node", index)?;
            ensure(node.first[..usize::from(node.count)].is_sorted(), "order of node", index)?;
            ensure(node.unused == [0; 10], "node", index)?;
            for lane in 0..usize::from(node.count) {
                let child = node.children[lane];
                if node.level == 0 {
                    reached.blocks += 1;
                    reached.items += check_block(view, index, lane, child)?;
                } else {
                    reached.nodes += 1;
                    check_child(view, index, lane, child)?;
                    stack.push(child);
                }
            }
        }
        Ok(reached)
    }
}

fn check_child(
    view: &OctreeView<'_>,
    index: u32,
    lane: usize,
    child: u32,
) -> Result<(), FormatError> {
    let node = &view.parts.nodes[index as usize];
    let below = view.parts.nodes.get(child as usize);
    let below = below.ok_or(FormatError::Corrupt { what: "node", index: child })?;
    ensure(below.parent == link(index, lane), "parent of node", child)?;
    ensure(below.level + 1 == node.level, "level of node", child)?;
    ensure((1..=Node::COUNT_MAX).contains(&usize::from(below.count)), "count of node", child)?;
    ensure(below.first[0] >= node.first[lane] || lane == 0, "first key of node", child)?;
    if lane + 1 < usize::from(node.count) {
        let last = below.first[usize::from(below.count) - 1];
        ensure(last <= node.first[lane + 1], "last key of node", child)?;
    }
    // Else insertions could make more levels than queries have room for.
    if below.level > 0 && lane > 0 {
        let beside = &view.parts.nodes[node.children[lane - 1] as usize];
        ensure(beside.count + below.count >= Node::PAIR_COUNT_MIN, "count of node", child)?;
    }
    for i in 0..usize::from(below.count) {
        let inside = holds(&node.bounds, lane, &below.bounds, i);
        ensure(inside && below.layers[i] & !node.layers[lane] == 0, "bounds of node", child)?;
    }
    Ok(())
}

/// Number of items in a block.
fn check_block(
    view: &OctreeView<'_>,
    index: u32,
    lane: usize,
    child: u32,
) -> Result<usize, FormatError> {
    let parts = &view.parts;
    let node = &parts.nodes[index as usize];
    let info = parts.blocks.get(child as usize);
    let info = info.ok_or(FormatError::Corrupt { what: "block", index: child })?;
    let count = usize::from(node.counts[lane]);
    ensure(info.parent == link(index, lane), "block", child)?;
    ensure((1..=BLOCK).contains(&count), "number of items in block", child)?;
    ensure(info.slack_m.is_finite(), "slack of block", child)?;
    let block = parts.block(child, node.counts[lane]);
    for i in 0..count {
        let (pack, at) = (&block.boxes[i / Pack::LANES], i % Pack::LANES);
        ensure(tree::check(&pack.get(at)).is_ok(), "box in block", child)?;
        ensure(holds(&node.bounds, lane, pack, at), "bounds of block", child)?;
        ensure(block.layers[i] & !node.layers[lane] == 0, "layers of block", child)?;
        let slot = view.slots[child as usize][i] as usize;
        let at = view.places.get(slot).map(|slot| slot.place);
        ensure(at == Some(place(child, i)), "slot in block", child)?;
    }
    Ok(count)
}

/// Whether one lane's box holds another's.
fn holds(outer: &Pack, lane: usize, inner: &Pack, at: usize) -> bool {
    (0..3).all(|axis| {
        outer.min[axis][lane] <= inner.min[axis][at] && inner.max[axis][at] <= outer.max[axis][lane]
    })
}

/// Every item has a slot (seen at the blocks), so as many used slots as items are all of them.
fn check_slots(view: &OctreeView<'_>, items: usize) -> Result<(), FormatError> {
    let used = view.places.iter().filter(|slot| slot.place & FREE == 0).count();
    let header = &view.header;
    ensure(used == items && header.items as usize == items, "number of items", header.items)?;
    ensure(header.items <= Slots::COUNT_MAX, "number of items", header.items)?;
    let (mut at, mut count) = (header.free_slot, 0);
    while at != LAST {
        let next = view.places.get(at as usize).map(|slot| slot.place).filter(|p| p & FREE != 0);
        at = next.ok_or(FormatError::Corrupt { what: "free slot", index: at })? & !FREE;
        count += 1;
        ensure(count <= view.places.len(), "free slot", at)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Octree;
    use farplane_geom::{Aabb, Vec3};

    fn read(tree: &Octree) -> Option<FormatError> {
        let bytes = tree.to_bytes();
        // Nodes lie on multiples of 64.
        let mut aligned = alloc::vec![Node::new(0); bytes.len().div_ceil(size_of::<Node>())];
        let aligned = &mut bytemuck::cast_slice_mut(&mut aligned)[..bytes.len()];
        aligned.copy_from_slice(&bytes);
        OctreeView::from_bytes(aligned).err()
    }

    /// A tree of eight full blocks, each put below a chain of nodes with one child. All would hold
    /// but that there are as many levels as can be: one item more, and there are too many.
    #[test]
    fn chains_that_make_a_tree_too_high_are_refused() {
        let point = |i: u16| Aabb::new(Vec3::X * f32::from(i), Vec3::X * f32::from(i));
        let items: Vec<_> = (0..8 * 64).map(point).zip(0..).collect();
        let mut tree = Octree::build(&items).unwrap();
        assert_eq!(read(&tree), None);
        let store = &mut tree.store;
        let blocks = store.nodes[store.root as usize];
        let top = Node::LEVELS_MAX as u8 - 1;
        store.nodes[store.root as usize] = Node::new(top);
        for lane in 0..Node::COUNT_MAX {
            let (mut above, mut at) = (store.root, lane);
            for level in (0..=top).rev() {
                let below = match level {
                    0 => blocks.children[lane],
                    _ => store.acquire_node(Node::new(level - 1)),
                };
                store.insert_child(above, at, below, blocks.first[lane]);
                let node = &mut store.nodes[above as usize];
                node.bounds.copy_lane(at, &blocks.bounds, lane);
                node.layers[at] = blocks.layers[lane];
                if level == 0 {
                    node.counts[at] = blocks.counts[lane];
                }
                (above, at) = (below, 0);
            }
        }
        let refused = read(&tree);
        let what = "count of node";
        assert!(matches!(refused, Some(FormatError::Corrupt { what: w, .. }) if w == what));
        // What would have happened.
        assert_eq!(tree.store.nodes[tree.store.root as usize].level, top);
        tree.insert(&point(0), 9999).unwrap();
        assert_eq!(tree.store.nodes[tree.store.root as usize].level, top + 1);
    }
}
