//! The oracle of `Octree`, a list of boxes tested one by one, and the operations that the property
//! test and the fuzz target apply to both.

use farplane_geom::{Aabb, DVec3, Frustum, Sphere, Vec3, View};
use farplane_octree::{COORDINATE_MAX_M, Handle, Octree, OctreeError};

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
    Remove {
        nth: u16,
        count: u8,
    },
    Clear,
    QuerySphere(Sphere),
    QueryBox(Aabb),
    QueryFrustum(Frustum),
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

impl Op {
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        Some(match byte(bytes)? % 16 {
            0..=3 => Self::Insert { bounds: aabb(bytes)?, count: 1, step: Vec3::ZERO },
            4..=6 => {
                let (bounds, count) = (aabb(bytes)?, byte(bytes)?);
                Self::Insert { bounds, count, step: point(bytes)? / 16.0 }
            }
            7..=8 => Self::MoveTo { nth: short(bytes)?, bounds: aabb(bytes)? },
            9 => {
                let (nth, count) = (short(bytes)?, byte(bytes)?);
                Self::Nudge { nth, count, step: point(bytes)? / 64.0 }
            }
            10 => Self::Remove { nth: short(bytes)?, count: 1 },
            11 => Self::Remove { nth: short(bytes)?, count: byte(bytes)? },
            12 => match byte(bytes)? {
                0..=15 => Self::Clear,
                _ => Self::QueryBox(aabb(bytes)?),
            },
            13 => Self::QueryBox(aabb(bytes)?),
            14 => Self::QuerySphere(Sphere::new(point(bytes)?, number(bytes)?)),
            _ => Self::QueryFrustum(frustum(bytes)?),
        })
    }
}

struct Item {
    handle: Handle,
    /// `None` once removed.
    bounds: Option<Aabb>,
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
                for i in 0..u16::from(count) {
                    let nth = nth.wrapping_add(i);
                    if let Some(Aabb { min, max }) = self.bounds(nth) {
                        self.move_to(nth, &Aabb::new(min + step, max + step));
                    }
                }
            }
            Op::Remove { nth, count } => {
                for i in 0..u16::from(count) {
                    self.remove(nth.wrapping_add(i));
                }
            }
            Op::Clear => {
                self.tree.clear();
                self.items.iter_mut().for_each(|item| item.bounds = None);
            }
            Op::QuerySphere(s) => {
                let mut found = Vec::new();
                self.tree.query().sphere(&s, &mut found);
                let valid = s.center.is_finite() && s.radius >= 0.0;
                let hit = |b: &Aabb| b.distance_squared(s.center) <= s.radius * s.radius;
                self.compare(found, |b| valid && hit(b));
            }
            Op::QueryBox(q) => {
                let mut found = Vec::new();
                self.tree.query().aabb(&q, &mut found);
                self.compare(found, |b| b.intersects(&q));
            }
            Op::QueryFrustum(f) => {
                let mut found = Vec::new();
                self.tree.query().frustum(&f, &mut found);
                self.compare(found, |b| f.intersects_aabb(b));
            }
        }
        let live = self.items.iter().filter(|item| item.bounds.is_some()).count();
        assert_eq!(self.tree.len(), live);
    }

    /// Every handle still says what the list says, a query for everything finds it all, and a query
    /// for an item's own box finds that item.
    pub fn check_all(&self) {
        let mut found = Vec::new();
        for (number, item) in self.items.iter().enumerate() {
            let expected = item.bounds.map(|bounds| (bounds, number as u32));
            assert_eq!(self.tree.get(item.handle), expected);
            if let Some(bounds) = item.bounds {
                found.clear();
                self.tree.query().aabb(&bounds, &mut found);
                assert!(found.contains(&(number as u32)));
            }
        }
        found.clear();
        let everything = Vec3::splat(COORDINATE_MAX_M);
        self.tree.query().aabb(&Aabb::new(-everything, everything), &mut found);
        self.compare(found, |_| true);
    }

    fn insert(&mut self, bounds: &Aabb) {
        if self.items.len() >= COUNT_MAX {
            return;
        }
        match self.tree.insert(bounds, self.items.len() as u32) {
            Ok(handle) => {
                assert!(is_accepted(bounds));
                self.items.push(Item { handle, bounds: Some(*bounds) });
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

    fn compare(&self, mut found: Vec<u32>, hit: impl Fn(&Aabb) -> bool) {
        found.sort_unstable();
        let numbered = self.items.iter().enumerate();
        let expected = numbered.filter(|(_, item)| item.bounds.as_ref().is_some_and(&hit));
        let expected: Vec<_> = expected.map(|(number, _)| number as u32).collect();
        assert_eq!(found, expected);
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
