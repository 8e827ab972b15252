#![allow(unsafe_code)]

use super::{Index, Move};
use farplane_geom::{Aabb, Frustum, Sphere, Vec3};

/// Every box, coordinate by coordinate: by AVX2 where the machine has it, else in lanes that the
/// compiler makes vectors of.
pub struct Scan {
    min: [Vec<f32>; 3],
    max: [Vec<f32>; 3],
    count: usize,
}

const LANES: usize = 16;

impl Scan {
    /// Tests lanes by their corners and appends those that pass. The last lanes are padded.
    #[inline(always)]
    fn each(
        &self,
        out: &mut Vec<u32>,
        test: impl Fn([&[f32; LANES]; 3], [&[f32; LANES]; 3]) -> [bool; LANES],
    ) {
        for start in (0..self.min[0].len()).step_by(LANES) {
            let lanes = |of: &[Vec<f32>; 3]| -> [[f32; LANES]; 3] {
                std::array::from_fn(|axis| {
                    of[axis][start..start + LANES].try_into().expect("padded to whole lanes")
                })
            };
            let (min, max) = (lanes(&self.min), lanes(&self.max));
            let hits = test([&min[0], &min[1], &min[2]], [&max[0], &max[1], &max[2]]);
            if hits.contains(&true) {
                let inside = (start..self.count).zip(hits).filter(|(_, hit)| *hit);
                out.extend(inside.map(|(i, _)| i as u32));
            }
        }
    }

    #[inline(always)]
    fn radius_lanes(&self, sphere: &Sphere, out: &mut Vec<u32>) {
        let (center, limit) = (sphere.center.to_array(), sphere.radius * sphere.radius);
        self.each(out, |min, max| {
            let mut sum = [0.0f32; LANES];
            for axis in 0..3 {
                for (i, sum) in sum.iter_mut().enumerate() {
                    let below = min[axis][i] - center[axis];
                    let above = center[axis] - max[axis][i];
                    let d = below.max(above).max(0.0);
                    *sum += d * d;
                }
            }
            sum.map(|d| d <= limit)
        });
    }

    #[inline(always)]
    fn frustum_lanes(&self, frustum: &Frustum, out: &mut Vec<u32>) {
        self.each(out, |min, max| {
            let mut hits = [true; LANES];
            for p in &frustum.planes {
                for (i, hit) in hits.iter_mut().enumerate() {
                    let c: [f32; 3] = std::array::from_fn(|a| (min[a][i] + max[a][i]) * 0.5);
                    let h: [f32; 3] = std::array::from_fn(|a| (max[a][i] - min[a][i]) * 0.5);
                    let r = p.x.abs() * h[0] + p.y.abs() * h[1] + p.z.abs() * h[2];
                    let d = p.x * c[0] + p.y * c[1] + p.z * c[2] + p.w;
                    *hit &= d >= -r;
                }
            }
            hits
        });
    }
}

impl Index for Scan {
    fn build(boxes: &[Aabb]) -> Self {
        let lanes = |corner: fn(&Aabb) -> Vec3| {
            std::array::from_fn(|axis| {
                let mut lane: Vec<f32> = boxes.iter().map(|b| corner(b)[axis]).collect();
                lane.resize(boxes.len().next_multiple_of(LANES), 0.0);
                lane
            })
        };
        Self { min: lanes(|b| b.min), max: lanes(|b| b.max), count: boxes.len() }
    }

    fn radius(&self, sphere: &Sphere, out: &mut Vec<u32>) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has AVX2.
            return unsafe { avx2::radius(self, sphere, out) };
        }
        self.radius_lanes(sphere, out);
    }

    fn frustum(&self, frustum: &Frustum, out: &mut Vec<u32>) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has AVX2.
            return unsafe { avx2::frustum(self, frustum, out) };
        }
        self.frustum_lanes(frustum, out);
    }

    fn bytes(&self) -> Option<usize> {
        Some(self.min.iter().chain(&self.max).map(|lane| lane.len() * size_of::<f32>()).sum())
    }

    fn moves(&mut self, moves: &[Move]) -> bool {
        for m in moves {
            for axis in 0..3 {
                self.min[axis][m.item as usize] = m.to.min[axis];
                self.max[axis][m.item as usize] = m.to.max[axis];
            }
        }
        true
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::Scan;
    use farplane_geom::{Frustum, Sphere};
    use std::arch::x86_64::*;

    const EIGHT: usize = 8;

    /// Appends the boxes whose bits `test` sets, eight at a time.
    #[inline(always)]
    fn each(scan: &Scan, out: &mut Vec<u32>, test: impl Fn([__m256; 3], [__m256; 3]) -> i32) {
        for start in (0..scan.min[0].len()).step_by(EIGHT) {
            let load = |of: &[Vec<f32>; 3]| -> [__m256; 3] {
                std::array::from_fn(|axis| {
                    let lanes: &[f32] = &of[axis][start..start + EIGHT];
                    // SAFETY: there are eight lanes, and the callers have AVX2.
                    unsafe { _mm256_loadu_ps(lanes.as_ptr()) }
                })
            };
            let mut hits = test(load(&scan.min), load(&scan.max));
            while hits != 0 {
                let i = start + hits.trailing_zeros() as usize;
                hits &= hits - 1;
                if i < scan.count {
                    out.push(i as u32);
                }
            }
        }
    }

    #[target_feature(enable = "avx2")]
    pub fn radius(scan: &Scan, sphere: &Sphere, out: &mut Vec<u32>) {
        let center = sphere.center.to_array().map(|v| _mm256_set1_ps(v));
        let limit = _mm256_set1_ps(sphere.radius * sphere.radius);
        each(scan, out, |min, max| {
            let mut sum = _mm256_setzero_ps();
            for axis in 0..3 {
                let below = _mm256_sub_ps(min[axis], center[axis]);
                let above = _mm256_sub_ps(center[axis], max[axis]);
                let d = _mm256_max_ps(_mm256_max_ps(below, above), _mm256_setzero_ps());
                sum = _mm256_add_ps(sum, _mm256_mul_ps(d, d));
            }
            _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LE_OQ>(sum, limit))
        });
    }

    #[target_feature(enable = "avx2")]
    pub fn frustum(scan: &Scan, frustum: &Frustum, out: &mut Vec<u32>) {
        let half = _mm256_set1_ps(0.5);
        each(scan, out, |min, max| {
            let c: [_; 3] = [0, 1, 2].map(|a| _mm256_mul_ps(_mm256_add_ps(min[a], max[a]), half));
            let h: [_; 3] = [0, 1, 2].map(|a| _mm256_mul_ps(_mm256_sub_ps(max[a], min[a]), half));
            let mut outside = 0;
            for p in &frustum.planes {
                let sum = |n: [f32; 3], v: &[__m256; 3]| {
                    let t = |a: usize| _mm256_mul_ps(_mm256_set1_ps(n[a]), v[a]);
                    _mm256_add_ps(_mm256_add_ps(t(0), t(1)), t(2))
                };
                let d = _mm256_add_ps(sum([p.x, p.y, p.z], &c), _mm256_set1_ps(p.w));
                let r = sum([p.x.abs(), p.y.abs(), p.z.abs()], &h);
                let behind = _mm256_sub_ps(_mm256_setzero_ps(), r);
                outside |= _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(d, behind));
                if outside == 0xff {
                    return 0;
                }
            }
            !outside & 0xff
        });
    }
}
