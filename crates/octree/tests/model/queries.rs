use super::{Ask, Model, Query};
use farplane_geom::{Aabb, Frustum, Vec3};
use farplane_octree::{
    Ahead, BlockHits, FRUSTA_MAX, Neighbor, OctreeError, Query as Queries, Ray, RayHit,
};
use std::ops::ControlFlow;

type BlockVisitor<'a> = &'a mut dyn FnMut(BlockHits<'_>) -> ControlFlow<()>;
type Visitor<'a> = &'a mut dyn FnMut(u32) -> ControlFlow<()>;

impl Model {
    /// A query of the tree against testing every box.
    pub fn query(&self, ask: Ask, query: &Query) {
        let mut queries = self.tree.query().using(ask.set);
        if let Some(layers) = ask.layers {
            queries = queries.on_layers(layers);
        }
        match query {
            Query::Sphere(s) => {
                let valid = s.center.is_finite() && s.radius >= 0.0;
                let hit = |b: &Aabb| b.distance_squared(s.center) <= s.radius * s.radius;
                let found = collect(|out| queries.sphere(s, out), |v| queries.visit_sphere(s, v));
                check_blocks(&found, |v| queries.visit_sphere_blocks(s, v));
                self.compare(ask, found, |b| valid && hit(b));
            }
            Query::Box(q) => {
                let found = collect(|out| queries.aabb(q, out), |v| queries.visit_aabb(q, v));
                self.compare(ask, found, |b| b.intersects(q));
            }
            Query::Frustum(f) => {
                let found = collect(|out| queries.frustum(f, out), |v| queries.visit_frustum(f, v));
                check_blocks(&found, |v| queries.visit_frustum_blocks(f, v));
                self.compare(ask, found, |b| f.intersects_aabb(b));
            }
            Query::Frusta(frusta) => self.frusta(ask, &queries, frusta),
            Query::Ray(ray) => self.ray(ask, &queries, ray),
            &Query::Nearest { point, count, range_m } => {
                self.nearest(ask, &queries, point, usize::from(count), range_m);
            }
            Query::Rings { center, radii_m } => self.rings(ask, &queries, *center, radii_m),
        }
    }

    /// Numbers and boxes of the items that are asked of.
    fn live(&self, ask: Ask) -> impl Iterator<Item = (u32, Aabb)> + '_ {
        let numbered = (0..).zip(&self.items);
        numbered
            .filter(move |(_, item)| ask.layers.is_none_or(|layers| item.layers & layers != 0))
            .filter_map(|(number, item)| Some((number, item.bounds?)))
    }

    fn compare(&self, ask: Ask, mut found: Vec<u32>, hit: impl Fn(&Aabb) -> bool) {
        found.sort_unstable();
        let expected: Vec<_> = self.live(ask).filter(|(_, b)| hit(b)).map(|(n, _)| n).collect();
        assert_eq!(found, expected);
    }

    fn frusta(&self, ask: Ask, queries: &Queries<'_>, frusta: &[Frustum]) {
        let mut found = Vec::new();
        let done = queries.frusta(frusta, &mut found);
        if frusta.len() > FRUSTA_MAX {
            let (count, count_max) = (frusta.len(), FRUSTA_MAX);
            assert_eq!(done, Err(OctreeError::TooManyFrusta { count, count_max }));
            assert!(found.is_empty());
            return;
        }
        done.unwrap();
        found.sort_unstable();
        let mask = |b: &Aabb| {
            let hits = frusta.iter().enumerate().filter(|(_, f)| f.intersects_aabb(b));
            hits.fold(0u8, |mask, (i, _)| mask | 1 << i)
        };
        let all = self.live(ask).map(|(n, b)| (n, mask(&b)));
        assert_eq!(found, all.filter(|(_, mask)| *mask != 0).collect::<Vec<_>>());
    }

    fn ray(&self, ask: Ask, queries: &Queries<'_>, ray: &Ray) {
        let mut found = Vec::new();
        queries.ray(ray, &mut found);
        found.sort_by_key(|hit| hit.item);
        let all = self.live(ask).filter_map(|(item, b)| Some(RayHit { item, t: ray.enter(&b)? }));
        let expected: Vec<_> = all.collect();
        assert_eq!(found, expected);
        let order = |a: &&RayHit, b: &&RayHit| a.t.total_cmp(&b.t).then(a.item.cmp(&b.item));
        assert_eq!(queries.ray_first(ray), expected.iter().min_by(order).copied());
        // Items with odd numbers let the ray pass, the others stand a little inside their box.
        let own = |hit: RayHit| hit.item.is_multiple_of(2).then_some(hit.t + 0.5);
        let hits: Vec<_> = expected
            .iter()
            .filter_map(|&hit| Some(RayHit { t: own(hit)?, ..hit }))
            .filter(|hit| hit.t <= ray.range)
            .collect();
        assert_eq!(queries.ray_first_by(ray, own), hits.iter().min_by(order).copied());
    }

    fn nearest(&self, ask: Ask, queries: &Queries<'_>, point: Vec3, count: usize, range_m: f32) {
        let mut found = Vec::new();
        queries.nearest(point, count, range_m, &mut found);
        let mut expected = Vec::new();
        if point.is_finite() && range_m >= 0.0 {
            expected.extend(
                self.live(ask).map(|(item, b)| Neighbor {
                    item,
                    distance_squared: b.distance_squared(point),
                }),
            );
        }
        expected.retain(|n| n.distance_squared <= range_m * range_m);
        expected.sort_by(|a, b| {
            a.distance_squared.total_cmp(&b.distance_squared).then(a.item.cmp(&b.item))
        });
        // A visitor gets them all in that order, and stops where it wants to.
        let (mut ahead, mut visited) = (Ahead::default(), Vec::new());
        let stopped = queries.visit_nearest(point, range_m, &mut ahead, |neighbor| {
            visited.push(neighbor);
            if visited.len() > count { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(stopped.is_break(), expected.len() > count);
        assert_eq!(visited, expected[..expected.len().min(count + 1)]);
        expected.truncate(count);
        assert_eq!(found, expected);
    }

    fn rings(&self, ask: Ask, queries: &Queries<'_>, center: Vec3, radii_m: &[f32]) {
        let mut found = Vec::new();
        let done = queries.rings(center, radii_m, &mut found);
        if radii_m.iter().any(|r| r.is_nan() || *r < 0.0) || !radii_m.is_sorted() {
            assert!(matches!(done, Err(OctreeError::InvalidRing { .. })));
            assert!(found.is_empty());
            return;
        }
        done.unwrap();
        found.sort_unstable();
        let ring = |b: &Aabb| {
            let d = b.distance_squared(center);
            radii_m.iter().position(|r| center.is_finite() && d <= r * r)
        };
        let all = self.live(ask).filter_map(|(n, b)| Some((n, ring(&b)? as u32)));
        assert_eq!(found, all.collect::<Vec<_>>());
    }
}

/// What a query appends; a visitor gets the same, and stops where it wants to.
fn collect(
    append: impl Fn(&mut Vec<u32>),
    visit: impl Fn(Visitor<'_>) -> ControlFlow<()>,
) -> Vec<u32> {
    let mut found = Vec::new();
    append(&mut found);
    let enough = found.len().div_ceil(2);
    let mut visited = Vec::new();
    let stopped = visit(&mut |item| {
        visited.push(item);
        if visited.len() == enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(stopped.is_break(), enough > 0);
    assert_eq!(visited, found[..enough]);
    found
}

/// Blocks with the bits of their hits are the items that were found, in the same order; a visitor
/// stops where it wants to.
fn check_blocks(found: &[u32], visit: impl Fn(BlockVisitor<'_>) -> ControlFlow<()>) {
    let (mut hit, mut blocks) = (Vec::new(), 0);
    let done = visit(&mut |BlockHits { items, hits, .. }| {
        assert!(hits != 0 && 64 - hits.leading_zeros() as usize <= items.len());
        let bits = items.iter().enumerate().filter(|(i, _)| hits >> i & 1 == 1);
        hit.extend(bits.map(|(_, &item)| item));
        blocks += 1;
        ControlFlow::Continue(())
    });
    assert!(done.is_continue());
    assert_eq!(hit, found);
    let mut visited = 0;
    let stopped = visit(&mut |_| {
        visited += 1;
        if visited == (blocks + 1) / 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((stopped.is_break(), visited), (blocks > 0, (blocks + 1) / 2));
}
