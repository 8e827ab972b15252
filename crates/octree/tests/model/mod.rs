//! The oracle of `Octree`, a list of boxes tested one by one, and the operations that the property
//! test and the fuzz target apply to both.

pub mod bytes;
mod queries;

use bytes::AlignedBytes;
use farplane_geom::{Aabb, DVec3, Frustum, Sphere, Vec3, View};
use farplane_octree::{BlockHits, COORDINATE_MAX_M, Handle, InstructionSet, LAYERS_DEFAULT};
use farplane_octree::{Octree, OctreeError, OctreeView, Ray};
use std::ops::ControlFlow;

/// Items that a single run may hold.
const COUNT_MAX: usize = 4096;

#[derive(Clone, Debug)]
pub enum Op {
    /// `count` boxes, each `step` beyond the last.
    Insert {
        bounds: Aabb,
        count: u8,
        step: Vec3,
    },
    /// Any item, dead ones included, to a place.
    MoveTo {
        nth: u16,
        bounds: Aabb,
    },
    /// `count` items from the n-th on a little further, dead ones included.
    Nudge {
        nth: u16,
        count: u8,
        step: Vec3,
    },
    /// `count` items from the n-th on, dead ones included.
    SetLayers {
        nth: u16,
        count: u8,
        layers: u8,
    },
    /// `count` items from the n-th on, dead ones included.
    Remove {
        nth: u16,
        count: u8,
    },
    Maintain(u8),
    /// A tree built in bulk of what is there takes the place of the tree.
    Rebuild,
    /// The items are numbered in the order of the tree.
    Number,
    /// The tree's bytes take the place of the tree.
    Reload,
    Clear,
    Query(Ask, Query),
}

/// Of which items, and with which instructions.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    layers: Option<u8>,
    set: InstructionSet,
}

#[derive(Clone, Debug)]
pub enum Query {
    Sphere(Sphere),
    Box(Aabb),
    Frustum(Frustum),
    Frusta(Vec<Frustum>),
    Ray(Ray),
    Nearest { point: Vec3, count: u8, range_m: f32 },
    Rings { center: Vec3, radii_m: Vec<f32> },
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(first)
}

fn short(bytes: &mut &[u8]) -> Option<u16> {
    Some(u16::from_le_bytes([byte(bytes)?, byte(bytes)?]))
}

/// Mostly small whole numbers, so that boxes share coordinates and touch; some with fractions; a
/// few of any bits at all.
fn number(bytes: &mut &[u8]) -> Option<f32> {
    let kind = byte(bytes)?;
    Some(match kind % 16 {
        0..=9 => f32::from(byte(bytes)? as i8),
        10..=13 => f32::from(short(bytes)? as i16) / 128.0,
        14 => f32::from(byte(bytes)? as i8) * 1.0e6,
        _ => f32::from_bits(u32::from(short(bytes)?) << 16 | u32::from(short(bytes)?)),
    })
}

fn point(bytes: &mut &[u8]) -> Option<Vec3> {
    Some(Vec3::new(number(bytes)?, number(bytes)?, number(bytes)?))
}

/// Mostly valid boxes; as decoded, whatever the corners, once in sixteen.
fn aabb(bytes: &mut &[u8]) -> Option<Aabb> {
    let kind = byte(bytes)?;
    let min = point(bytes)?;
    Some(match kind % 16 {
        0 => Aabb::new(min, point(bytes)?),
        1..=4 => Aabb::new(min, min),
        5..=12 => Aabb::new(min, min + Vec3::splat(f32::from(byte(bytes)?) / 16.0)),
        _ => {
            let other = point(bytes)?;
            Aabb::new(min.min(other), min.max(other))
        }
    })
}

fn frustum(bytes: &mut &[u8]) -> Option<Frustum> {
    let (kind, position, direction) = (byte(bytes)?, point(bytes)?, point(bytes)?);
    let position = position.as_dvec3();
    let direction = direction.as_dvec3();
    let level = if direction.length_squared() > 0.0 { direction } else { DVec3::Y };
    let mut view = View::looking(position, level, f64::from(kind % 8) * 20.0 + 10.0, [160, 90]);
    view.clip_m = [0.1, f64::from(kind) * 2.0 + 1.0];
    let mut frustum = view.frustum(DVec3::ZERO);
    if kind >= 240 {
        let plane = &mut frustum.planes[usize::from(kind - 240) % 6];
        *plane = point(bytes)?.extend(number(bytes)?);
    }
    Some(frustum)
}

fn ray(bytes: &mut &[u8]) -> Option<Ray> {
    let (origin, direction, kind) = (point(bytes)?, point(bytes)?, byte(bytes)?);
    // Every other ray runs along an axis, where boxes touch it.
    let direction = match kind % 8 {
        0 => Vec3::X * direction.x,
        1 => Vec3::Y * direction.y,
        2 => Vec3::Z * direction.z,
        3 => direction.with_y(0.0),
        _ => direction,
    };
    let range = if kind >= 128 { f32::INFINITY } else { number(bytes)? };
    Some(Ray { origin, direction, range })
}

fn radii(bytes: &mut &[u8]) -> Option<Vec<f32>> {
    let kind = byte(bytes)?;
    let mut radii = Vec::new();
    for _ in 0..kind % 5 {
        radii.push(number(bytes)?);
    }
    // Mostly as they should be.
    if kind < 240 {
        radii.iter_mut().for_each(|r| *r = r.abs());
        radii.sort_by(f32::total_cmp);
    }
    Some(radii)
}

impl Query {
    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        Some(match byte(bytes)? % 16 {
            0..=3 => Self::Box(aabb(bytes)?),
            4..=6 => Self::Sphere(Sphere::new(point(bytes)?, number(bytes)?)),
            7..=8 => Self::Frustum(frustum(bytes)?),
            9 => {
                let count = byte(bytes)? % 10;
                Self::Frusta((0..count).map(|_| frustum(bytes)).collect::<Option<_>>()?)
            }
            10..=12 => Self::Ray(ray(bytes)?),
            13..=14 => {
                let (point, count) = (point(bytes)?, byte(bytes)?);
                let range_m = if count % 2 == 0 { f32::INFINITY } else { number(bytes)? };
                Self::Nearest { point, count, range_m }
            }
            _ => Self::Rings { center: point(bytes)?, radii_m: radii(bytes)? },
        })
    }
}

impl Op {
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        Some(match byte(bytes)? % 16 {
            0..=2 => Self::Insert { bounds: aabb(bytes)?, count: 1, step: Vec3::ZERO },
            3..=5 => {
                let (bounds, count) = (aabb(bytes)?, byte(bytes)?);
                Self::Insert { bounds, count, step: point(bytes)? / 16.0 }
            }
            6..=7 => Self::MoveTo { nth: short(bytes)?, bounds: aabb(bytes)? },
            8 => {
                let (nth, count) = (short(bytes)?, byte(bytes)?);
                Self::Nudge { nth, count, step: point(bytes)? / 64.0 }
            }
            9 => Self::Remove { nth: short(bytes)?, count: 1 },
            10 => Self::Remove { nth: short(bytes)?, count: byte(bytes)? },
            11 => match byte(bytes)? {
                0..=7 => Self::Clear,
                8..=31 => Self::Rebuild,
                32..=63 => Self::Reload,
                64..=111 => Self::Maintain(byte(bytes)?),
                112..=159 => Self::Number,
                _ => {
                    let (nth, count) = (short(bytes)?, byte(bytes)?);
                    Self::SetLayers { nth, count, layers: byte(bytes)? }
                }
            },
            _ => {
                let kind = byte(bytes)?;
                let set = InstructionSet::ALL[usize::from(kind % 4)];
                let layers = if kind < 192 { None } else { Some(byte(bytes)?) };
                Self::Query(Ask { layers, set }, Query::decode(bytes)?)
            }
        })
    }
}

struct Item {
    handle: Handle,
    /// `None` once removed.
    bounds: Option<Aabb>,
    layers: u8,
}

/// The tree beside a list of its items, numbered by their place in the list.
pub struct Model {
    tree: Octree,
    items: Vec<Item>,
}

fn is_accepted(b: &Aabb) -> bool {
    let corners = [b.min, b.max].map(|c| c.to_array());
    let in_range = |v: &f32| v.is_finite() && v.abs() <= COORDINATE_MAX_M;
    corners.iter().flatten().all(in_range) && (0..3).all(|axis| b.min[axis] <= b.max[axis])
}

impl Model {
    pub fn new() -> Self {
        let bounds = Aabb::new(Vec3::splat(-100.0), Vec3::splat(100.0));
        Self { tree: Octree::new(bounds).unwrap(), items: Vec::new() }
    }

    pub fn apply(&mut self, op: &Op) {
        match *op {
            Op::Insert { bounds, count, step } => {
                for i in 0..count {
                    let offset = step * f32::from(i);
                    self.insert(&Aabb::new(bounds.min + offset, bounds.max + offset));
                }
            }
            Op::MoveTo { nth, bounds } => self.move_to(nth, &bounds),
            Op::Nudge { nth, count, step } => {
                // Many at once or one by one, by what the number happens to be.
                if nth % 2 == 0 {
                    self.move_many(nth, count, step);
                }
                for i in 0..u16::from(count) {
                    let nth = nth.wrapping_add(i);
                    if let Some(Aabb { min, max }) = self.bounds(nth) {
                        self.move_to(nth, &Aabb::new(min + step, max + step));
                    }
                }
            }
            Op::SetLayers { nth, count, layers } => {
                for i in 0..u16::from(count) {
                    self.set_layers(nth.wrapping_add(i), layers);
                }
            }
            Op::Remove { nth, count } => {
                for i in 0..u16::from(count) {
                    self.remove(nth.wrapping_add(i));
                }
            }
            Op::Maintain(blocks) => {
                let done = self.tree.maintain(u32::from(blocks));
                assert!(done.blocks <= u32::from(blocks));
            }
            Op::Rebuild => self.rebuild(),
            Op::Number => self.number(),
            Op::Reload => self.reload(),
            Op::Clear => {
                self.tree.clear();
                self.items.iter_mut().for_each(|item| item.bounds = None);
            }
            Op::Query(ask, ref query) => self.query(ask, query),
        }
        let live = self.items.iter().filter(|item| item.bounds.is_some()).count();
        assert_eq!(self.tree.len(), live);
    }

    /// Every handle still says what the list says, and a query for an item's own box finds that
    /// item; all that the tree takes for granted holds, and a query for everything finds it all.
    pub fn check_all(&mut self) {
        let mut found = Vec::new();
        for (number, item) in self.items.iter().enumerate() {
            let expected = item.bounds.map(|bounds| (bounds, number as u32));
            assert_eq!(self.tree.get(item.handle), expected);
            assert_eq!(self.tree.layers(item.handle), item.bounds.map(|_| item.layers));
            if let Some(bounds) = item.bounds {
                found.clear();
                self.tree.query().aabb(&bounds, &mut found);
                assert!(found.contains(&(number as u32)));
            }
        }
        self.reload();
        let ask = Ask { layers: None, set: InstructionSet::best() };
        let everything = Vec3::splat(COORDINATE_MAX_M);
        self.query(ask, &Query::Box(Aabb::new(-everything, everything)));
    }

    /// Writing checks nothing and reading checks everything.
    fn reload(&mut self) {
        let bytes = AlignedBytes::new(&self.tree.to_bytes());
        let view = OctreeView::from_bytes(bytes.get()).unwrap();
        assert_eq!(view.len(), self.tree.len());
        for item in &self.items {
            assert_eq!(view.get(item.handle), self.tree.get(item.handle));
        }
        let tree = view.to_octree();
        assert_eq!(tree.to_bytes(), bytes.get());
        self.tree = tree;
    }

    /// Numbers are places in the list, which closes up: dead items have no handles of the new tree.
    fn rebuild(&mut self) {
        self.items.retain(|item| item.bounds.is_some());
        let items: Vec<_> = self.items.iter().filter_map(|item| item.bounds).zip(0..).collect();
        self.tree = Octree::build(&items).unwrap();
        let handles: Vec<_> = self.tree.handles().collect();
        assert_eq!(handles.len(), items.len());
        for (item, handle) in self.items.iter_mut().zip(handles) {
            item.handle = handle;
            self.tree.set_layers(handle, item.layers).unwrap();
        }
    }

    /// The list goes into the order of the tree, dead items behind the living.
    fn number(&mut self) {
        let mut before = Vec::new();
        let everything = Vec3::splat(COORDINATE_MAX_M);
        self.tree.query().aabb(&Aabb::new(-everything, everything), &mut before);
        let old = self.tree.number_in_order();
        assert_eq!(old, before);
        let mut items: Vec<_> = self.items.drain(..).map(Some).collect();
        let living: Vec<_> = old.iter().filter_map(|&i| items[i as usize].take()).collect();
        assert_eq!(living.len(), old.len());
        self.items = living.into_iter().chain(items.into_iter().flatten()).collect();
        let (mut next, mut blocks) = (0, Vec::new());
        let all = Sphere::new(Vec3::ZERO, f32::INFINITY);
        let done =
            self.tree.query().visit_sphere_blocks(&all, |BlockHits { block, items, hits }| {
                let run = next..next + items.len() as u32;
                assert!(items.iter().copied().eq(run.clone()));
                assert_eq!(hits.count_ones() as usize, items.len());
                next = run.end;
                blocks.push(block);
                ControlFlow::<()>::Continue(())
            });
        let count = blocks.len();
        blocks.sort_unstable();
        blocks.dedup();
        assert_eq!(blocks.len(), count);
        assert!(done.is_continue() && next as usize == old.len());
    }

    fn set_layers(&mut self, nth: u16, layers: u8) {
        if self.items.is_empty() {
            return;
        }
        let nth = usize::from(nth) % self.items.len();
        let item = &mut self.items[nth];
        match self.tree.set_layers(item.handle, layers) {
            Ok(()) => {
                assert!(item.bounds.is_some());
                item.layers = layers;
            }
            Err(_) => assert!(item.bounds.is_none()),
        }
    }

    fn insert(&mut self, bounds: &Aabb) {
        if self.items.len() >= COUNT_MAX {
            return;
        }
        match self.tree.insert(bounds, self.items.len() as u32) {
            Ok(handle) => {
                assert!(is_accepted(bounds));
                let (bounds, layers) = (Some(*bounds), LAYERS_DEFAULT);
                self.items.push(Item { handle, bounds, layers });
            }
            Err(error) => {
                assert!(matches!(error, OctreeError::InvalidBox { .. }));
                assert!(!is_accepted(bounds));
            }
        }
    }

    fn bounds(&self, nth: u16) -> Option<Aabb> {
        self.items.get(usize::from(nth) % self.items.len().max(1))?.bounds
    }

    fn move_to(&mut self, nth: u16, bounds: &Aabb) {
        if self.items.is_empty() {
            return;
        }
        let nth = usize::from(nth) % self.items.len();
        let item = &mut self.items[nth];
        match self.tree.move_to(item.handle, bounds) {
            Ok(()) => {
                assert!(item.bounds.is_some() && is_accepted(bounds));
                item.bounds = Some(*bounds);
            }
            Err(OctreeError::StaleHandle { handle }) => {
                assert_eq!(handle, item.handle);
                assert!(item.bounds.is_none());
            }
            Err(_) => assert!(!is_accepted(bounds)),
        }
    }

    fn move_many(&mut self, nth: u16, count: u8, step: Vec3) {
        let mut moves = Vec::new();
        let mut all_well = true;
        let count = if self.items.is_empty() { 0 } else { u16::from(count) };
        for i in 0..count {
            let nth = usize::from(nth.wrapping_add(i)) % self.items.len();
            let item = &mut self.items[nth];
            let dead = Aabb::new(Vec3::ZERO, Vec3::ZERO);
            let Aabb { min, max } = item.bounds.unwrap_or(dead);
            let to = Aabb::new(min + step, max + step);
            moves.push((item.handle, to));
            all_well &= item.bounds.is_some() && is_accepted(&to);
            if all_well {
                item.bounds = Some(to);
            }
        }
        assert_eq!(self.tree.move_many(&moves).is_ok(), all_well);
    }

    fn remove(&mut self, nth: u16) {
        if self.items.is_empty() {
            return;
        }
        let nth = usize::from(nth) % self.items.len();
        let item = &mut self.items[nth];
        match self.tree.remove(item.handle) {
            Ok(number) => {
                assert_eq!(number as usize, nth);
                assert!(item.bounds.take().is_some());
            }
            Err(_) => assert!(item.bounds.is_none()),
        }
    }
}

/// Applies the operations that the bytes stand for to tree and model.
pub fn run(mut bytes: &[u8]) {
    let mut model = Model::new();
    while let Some(op) = Op::decode(&mut bytes) {
        model.apply(&op);
    }
    model.check_all();
}
