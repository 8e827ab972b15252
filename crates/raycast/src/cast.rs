use crate::Hit;
use crate::block::{Block, Contact};
use crate::kernel::{Scalar, Simd};
use crate::pyramid;
use crate::ray::{GridRay, PACKET, Ray};
use crate::scene::Scene;
use crate::walk::{EMPTY_STACK, Place, Walk};
use glam::Vec3;

impl<S: AsRef<[u16]>> Scene<S> {
    /// The first point of a ray, up to `t_max`, in the solid below the surface: where it meets a
    /// triangle from above, or where it comes in through the side of a tile below its surface (as
    /// at a crack between two levels, or at the edge of the world), or its origin if that lies
    /// below the surface. `t`, and `t_max`, count in units of `dir`.
    ///
    /// `None` if there is no such point, and for what is no ray: a number that is not finite, a
    /// direction of zero, `t_max ≤ 0`. `t_max` may be infinite.
    ///
    /// This is the scalar reference; [`Scene::cast_packet`] gives the same bits sooner.
    #[must_use]
    pub fn cast(&self, origin: Vec3, dir: Vec3, t_max: f32) -> Option<Hit> {
        let ray = Ray { origin, dir, t_max };
        let grid_ray = GridRay::new(&self.grid, &ray)?;
        let mut walk = Walk::<Scalar>::new(self, &grid_ray);
        let mut stack = EMPTY_STACK;
        while let Some(place) = walk.next(self, &mut stack) {
            let contact = self.block(&place).and_then(|block| block.cast(&grid_ray));
            if let Some(contact) = contact {
                return Some(self.hit(&ray, &place, contact));
            }
        }
        None
    }

    /// Casts eight rays, with the same bits as [`Scene::cast`] for each of them.
    ///
    /// Most of the time of a ray goes into waiting for heights that no cache holds. So all rays
    /// first walk to their next block, then the samples of these blocks are fetched together, and
    /// only then they are looked at.
    #[must_use]
    pub fn cast_packet(&self, rays: &[Ray; PACKET]) -> [Option<Hit>; PACKET] {
        let mut hits = [None; PACKET];
        let mut stacks = [EMPTY_STACK; PACKET];
        let grid_rays: [Option<GridRay>; PACKET] =
            core::array::from_fn(|i| GridRay::new(&self.grid, &rays[i]));
        let mut walks: [Option<Walk<Simd>>; PACKET] =
            core::array::from_fn(|i| grid_rays[i].as_ref().map(|ray| Walk::new(self, ray)));
        loop {
            let mut places = [None; PACKET];
            for ((place, walk), stack) in places.iter_mut().zip(&mut walks).zip(&mut stacks) {
                *place = walk.as_mut().and_then(|walk| walk.next(self, stack));
            }
            let blocks: [Option<Block>; PACKET] =
                core::array::from_fn(|i| places[i].as_ref().and_then(|p| self.block(p)));
            let mut more = false;
            for i in 0..PACKET {
                let (Some(place), Some(ray)) = (&places[i], &grid_rays[i]) else { continue };
                more = true;
                if let Some(contact) = blocks[i].as_ref().and_then(|block| block.cast(ray)) {
                    hits[i] = Some(self.hit(&rays[i], place, contact));
                    walks[i] = None;
                }
            }
            if !more {
                return hits;
            }
        }
    }

    #[inline(always)]
    fn block(&self, place: &Place) -> Option<Block> {
        Block::new(place.cell, self.samples(place.slot)?, place.corner, self.stride())
    }

    #[inline(always)]
    fn hit(&self, ray: &Ray, place: &Place, (t, slope): Contact) -> Hit {
        let level = pyramid::level_of(place.cell.size);
        Hit::new(&self.grid, ray, t, slope, level)
    }
}
