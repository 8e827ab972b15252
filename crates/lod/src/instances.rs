use crate::LodError;

/// Instances that one block holds; see [`Blocks`](crate::Blocks).
pub const BLOCK: usize = 64;

/// Instances in columns of equal length.
///
/// Selection skips blocks of [`BLOCK`] neighbours, so the columns should be in an order that keeps
/// near places together: [`spatial_order`](crate::spatial_order), or that of an octree. Any order
/// gives the same levels.
#[derive(Clone, Copy, Debug)]
pub struct Instances<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) y: &'a [f32],
    pub(crate) z: &'a [f32],
    pub(crate) radius_m: &'a [f32],
    pub(crate) asset: &'a [u32],
}

impl<'a> Instances<'a> {
    /// From the coordinates of the bounding spheres' centres relative to the world origin and their
    /// radii, all in metres, and the asset that each shows.
    ///
    /// # Errors
    /// [`LodError::Length`] when the columns differ in length; [`LodError::TooMany`] for more than
    /// 2³² − 1 instances.
    pub fn new(
        [x, y, z]: [&'a [f32]; 3],
        radius_m: &'a [f32],
        asset: &'a [u32],
    ) -> Result<Self, LodError> {
        let expected = x.len();
        for (what, actual) in
            [("y", y.len()), ("z", z.len()), ("radius_m", radius_m.len()), ("asset", asset.len())]
        {
            if actual != expected {
                return Err(LodError::Length { what, expected, actual });
            }
        }
        if u32::try_from(expected).is_err() {
            let (count, count_max) = (expected, u32::MAX as usize);
            return Err(LodError::TooMany { what: "instances", count, count_max });
        }
        Ok(Self { x, y, z, radius_m, asset })
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.x.is_empty()
    }
}
