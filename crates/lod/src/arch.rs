//! One look at a block of instances: which left their band, and how far the others are from its
//! edges. [`scalar`] is the definition and the oracle; what the CPU has beyond it gives the same
//! bits, since no operation is fused or reordered within a lane, and minima do not depend on order.
#![allow(unsafe_code)]

use crate::BLOCK;
use crate::band::distance_squared;
use crate::gains::{Gains, Ladder, list};
use crate::rows::{Rows, Sizes, Steps};
use farplane_geom::Vec3;

/// The columns that a look reads, of one block. Lanes behind the last instance must be such that
/// they are inside their band and change no minimum: a band without edges.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a> {
    pub x: &'a [f32; BLOCK],
    pub y: &'a [f32; BLOCK],
    pub z: &'a [f32; BLOCK],
    pub near_m2: &'a [f32; BLOCK],
    pub far_m2: &'a [f32; BLOCK],
}

/// What a look finds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Look {
    /// A bit for each instance that is not inside its band, or not at a place.
    pub outside: u64,
    /// Least of d² − near and of far − d², and the largest d²; what is not a number is left out.
    pub to_near_m2: f32,
    pub to_far_m2: f32,
    pub farthest_m2: f32,
}

/// An instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isa {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Isa {
    /// The best that this CPU has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if !cfg!(miri) && std::arch::is_x86_feature_detected!("avx2") {
            return Self::Avx2;
        }
        Self::Scalar
    }

    #[inline]
    pub fn look(self, columns: &Columns<'_>, from: Vec3) -> Look {
        match self {
            Self::Scalar => scalar(columns, from),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                // SAFETY: `detect` gives `Avx2` only where the CPU has it.
                unsafe { avx2(columns, from) }
            }
        }
    }

    /// [`Sizes::measure`].
    #[inline]
    pub fn measure(
        self,
        sizes: &mut Sizes,
        rows: &Rows<'_>,
        from: Vec3,
        steps: &Steps,
        reach_m: &[f32],
    ) {
        match self {
            Self::Scalar => sizes.measure(rows, from, steps, reach_m),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                // SAFETY: `detect` gives `Avx2` only where the CPU has it.
                unsafe { avx2_measure(sizes, rows, from, steps, reach_m) }
            }
        }
    }

    /// [`list`] with [`Gains::push`].
    #[inline]
    pub fn list(self, gains: &mut Gains, rows: &Rows<'_>, sizes: &Sizes, ladders: &mut [Ladder]) {
        match self {
            Self::Scalar => list(gains, rows, sizes, ladders, Gains::push),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                // SAFETY: `detect` gives `Avx2` only where the CPU has it.
                unsafe { avx2_list(gains, rows, sizes, ladders) }
            }
        }
    }

    /// [`Look::outside`] alone, for instances that move and are never skipped.
    #[inline]
    pub fn outside(self, columns: &Columns<'_>, from: Vec3) -> u64 {
        match self {
            Self::Scalar => scalar(columns, from).outside,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                // SAFETY: `detect` gives `Avx2` only where the CPU has it.
                unsafe { avx2_outside(columns, from) }
            }
        }
    }
}

/// Asks for an element of a column before it is read; nothing happens where it does not exist.
#[inline(always)]
pub(crate) fn prefetch<T>(column: &[T], index: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if let Some(element) = column.get(index) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint about an element that exists; every x86-64 has SSE.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(element).cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = (column, index);
}

/// The smaller, or `b` where one is not a number: as `minps`.
#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

fn scalar(c: &Columns<'_>, from: Vec3) -> Look {
    let mut look =
        Look { outside: 0, to_near_m2: f32::INFINITY, to_far_m2: f32::INFINITY, farthest_m2: 0.0 };
    for i in 0..BLOCK {
        let d2 = distance_squared([c.x[i], c.y[i], c.z[i]], from);
        let inside = (d2 >= c.near_m2[i]) & (d2 < c.far_m2[i]);
        look.outside |= u64::from(!inside) << i;
        look.to_near_m2 = smaller(d2 - c.near_m2[i], look.to_near_m2);
        look.to_far_m2 = smaller(c.far_m2[i] - d2, look.to_far_m2);
        look.farthest_m2 = if d2 > look.farthest_m2 { d2 } else { look.farthest_m2 };
    }
    look
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{BLOCK, Columns, Gains, Ladder, Look, Rows, Sizes, Steps, list, smaller};
    use crate::gains::Seen;
    use crate::histogram::{BUCKET_SHIFT, BUCKETS, LOWEST};
    use crate::rows::{NEARER, ROUNDING};
    use crate::{CULLED, LODS_MAX};
    use core::arch::x86_64::*;
    use farplane_geom::Vec3;

    const LANES: usize = 8;

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(column: &[f32; BLOCK], group: usize) -> __m256 {
        let lanes: &[f32; LANES] = &column.as_chunks().0[group];
        // SAFETY: eight floats are readable there; the load needs no alignment.
        unsafe { _mm256_loadu_ps(lanes.as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn distance_squared(center: [&[f32; BLOCK]; 3], group: usize, from: [__m256; 3]) -> __m256 {
        let x = _mm256_sub_ps(load(center[0], group), from[0]);
        let y = _mm256_sub_ps(load(center[1], group), from[1]);
        let z = _mm256_sub_ps(load(center[2], group), from[2]);
        let xy = _mm256_add_ps(_mm256_mul_ps(x, x), _mm256_mul_ps(y, y));
        _mm256_add_ps(xy, _mm256_mul_ps(z, z))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn outside_bits(d2: __m256, near: __m256, far: __m256) -> u64 {
        let within = _mm256_and_ps(
            _mm256_cmp_ps::<_CMP_GE_OQ>(d2, near),
            _mm256_cmp_ps::<_CMP_LT_OQ>(d2, far),
        );
        u64::from(!_mm256_movemask_ps(within) as u8)
    }

    #[target_feature(enable = "avx2")]
    pub fn avx2_outside(c: &Columns<'_>, from: Vec3) -> u64 {
        let from = [_mm256_set1_ps(from.x), _mm256_set1_ps(from.y), _mm256_set1_ps(from.z)];
        let mut outside = 0;
        for group in 0..BLOCK / LANES {
            let d2 = distance_squared([c.x, c.y, c.z], group, from);
            let bits = outside_bits(d2, load(c.near_m2, group), load(c.far_m2, group));
            outside |= bits << (group * LANES);
        }
        outside
    }

    #[target_feature(enable = "avx2")]
    pub fn avx2(c: &Columns<'_>, from: Vec3) -> Look {
        let from = [_mm256_set1_ps(from.x), _mm256_set1_ps(from.y), _mm256_set1_ps(from.z)];
        let infinite = _mm256_set1_ps(f32::INFINITY);
        let (mut to_near, mut to_far, mut farthest) = (infinite, infinite, _mm256_setzero_ps());
        let mut outside = 0;
        for group in 0..BLOCK / LANES {
            let d2 = distance_squared([c.x, c.y, c.z], group, from);
            let (near, far) = (load(c.near_m2, group), load(c.far_m2, group));
            outside |= outside_bits(d2, near, far) << (group * LANES);
            // The second operand is what stays where one is not a number.
            to_near = _mm256_min_ps(_mm256_sub_ps(d2, near), to_near);
            to_far = _mm256_min_ps(_mm256_sub_ps(far, d2), to_far);
            farthest = _mm256_max_ps(d2, farthest);
        }
        let lanes = |v: __m256| {
            let mut out = [0.0f32; LANES];
            // SAFETY: eight floats are writable there; the store needs no alignment.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), v) };
            out
        };
        let least = |v: __m256| lanes(v).into_iter().fold(f32::INFINITY, |a, b| smaller(b, a));
        let to_near_m2 = least(to_near);
        let to_far_m2 = least(to_far);
        let farthest_m2 = lanes(farthest).into_iter().fold(0.0, |a, b| if b > a { b } else { a });
        Look { outside, to_near_m2, to_far_m2, farthest_m2 }
    }

    /// Elements of a table, any where there is none of that number.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn gather(table: &[f32], numbers: &[u32; BLOCK], group: usize) -> __m256 {
        let Some(last) = table.len().checked_sub(1).filter(|&last| last <= i32::MAX as usize)
        else {
            return _mm256_setzero_ps();
        };
        let numbers: &[u32; LANES] = &numbers.as_chunks().0[group];
        // SAFETY: eight words are readable there; the load needs no alignment.
        let numbers = unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) };
        let within = _mm256_min_epu32(numbers, _mm256_set1_epi32(last as i32));
        // SAFETY: no number exceeds the last one of the table, nor what is positive in 32 bits.
        unsafe { _mm256_i32gather_ps::<4>(table.as_ptr(), within) }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store<T>(column: &mut [T; BLOCK], group: usize, v: __m256i) {
        const { assert!(size_of::<T>() * LANES == size_of::<__m256i>()) };
        let lanes: &mut [T; LANES] = &mut column.as_chunks_mut().0[group];
        // SAFETY: 32 bytes are writable there; the store needs no alignment, and any bits are a
        // value of the floats and words that this module stores.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), v) };
    }

    /// [`crate::histogram::bucket`].
    #[inline]
    #[target_feature(enable = "avx2")]
    fn bucket(scale_squared: __m256) -> __m256i {
        let lowest = _mm256_set1_epi32(LOWEST as i32);
        let bits = _mm256_castps_si256(_mm256_mul_ps(scale_squared, _mm256_set1_ps(ROUNDING)));
        let at = _mm256_srli_epi32::<{ BUCKET_SHIFT as i32 }>(bits);
        let at = _mm256_sub_epi32(_mm256_max_epu32(at, lowest), lowest);
        _mm256_min_epu32(at, _mm256_set1_epi32(BUCKETS as i32 - 1))
    }

    #[target_feature(enable = "avx2")]
    pub fn avx2_list(gains: &mut Gains, rows: &Rows<'_>, sizes: &Sizes, ladders: &mut [Ladder]) {
        list(gains, rows, sizes, ladders, |gains, ladder, seen| push(gains, ladder, seen));
    }

    /// [`Gains::push`], all steps side by side: from the first that is taken on all are, since errors do
    /// not fall from level to level.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn push(gains: &mut Gains, ladder: &Ladder, seen: &Seen) {
        const { assert!(LODS_MAX == LANES) };
        let [fresh, held] = [&ladder.errors[0], &ladder.errors[1]].map(|errors| {
            // SAFETY: eight floats are readable there; the load needs no alignment.
            let errors = unsafe { _mm256_loadu_ps(errors.as_ptr()) };
            _mm256_mul_ps(errors, _mm256_set1_ps(seen.inverse_m))
        });
        let counts = _mm256_mul_ps(_mm256_mul_ps(held, held), _mm256_set1_ps(ROUNDING));
        let taken = _mm256_cmp_ps::<_CMP_GE_OQ>(counts, _mm256_set1_ps(1.0));
        let taken = _mm256_movemask_ps(taken) as u8;
        let steps = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        let is_held = _mm256_cmpgt_epi32(steps, _mm256_set1_epi32(i32::from(seen.from)));
        let value = _mm256_blendv_ps(fresh, held, _mm256_castsi256_ps(is_held));
        // The second operand is what stays where it is not a number.
        let squared =
            _mm256_min_ps(_mm256_set1_ps(seen.scale_squared), _mm256_mul_ps(value, value));
        let further = _mm256_and_si256(is_held, _mm256_set1_epi32(BUCKETS as i32));
        let at = _mm256_add_epi32(bucket(squared), further);
        // SAFETY: eight words are readable there; the load needs no alignment.
        let triangles = unsafe { _mm256_loadu_si256(ladder.triangles.as_ptr().cast()) };
        let first = _mm256_set1_epi32(taken.trailing_zeros() as i32);
        let order = _mm256_add_epi32(steps, first);
        let Some(room) = gains.at.get_mut(gains.len..gains.len + LANES) else { return };
        // SAFETY: eight words are writable there; the store needs no alignment.
        unsafe {
            let at = _mm256_permutevar8x32_epi32(at, order);
            _mm256_storeu_si256(room.as_mut_ptr().cast(), at);
        }
        let Some(room) = gains.triangles.get_mut(gains.len..gains.len + LANES) else { return };
        // SAFETY: as above.
        unsafe {
            let triangles = _mm256_permutevar8x32_epi32(triangles, order);
            _mm256_storeu_si256(room.as_mut_ptr().cast(), triangles);
        }
        gains.len += taken.count_ones() as usize;
    }

    #[target_feature(enable = "avx2")]
    pub fn avx2_measure(
        sizes: &mut Sizes,
        rows: &Rows<'_>,
        from: Vec3,
        steps: &Steps,
        reach_m: &[f32],
    ) {
        let from = [_mm256_set1_ps(from.x), _mm256_set1_ps(from.y), _mm256_set1_ps(from.z)];
        let infinite = _mm256_set1_ps(f32::INFINITY);
        let zero = _mm256_setzero_ps();
        let least = _mm256_set1_ps(steps.least_size_squared());
        let [fresh, held] = steps.sizes_squared.map(|size| _mm256_set1_ps(size));
        let culled = _mm256_set1_epi32(i32::from(CULLED));
        let always = steps.always();
        let farthest = _mm256_set1_ps(steps.farthest_m);
        (sizes.shown, sizes.detailed) = (0, 0);
        for group in 0..BLOCK / LANES {
            let radius = load(rows.radius_m, group);
            let d2 = distance_squared([rows.x, rows.y, rows.z], group, from);
            let (size, shown) = if always {
                let at_a_place = _mm256_cmp_ps::<_CMP_LT_OQ>(d2, infinite);
                (infinite, _mm256_and_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(radius, zero), at_a_place))
            } else {
                let size = _mm256_div_ps(_mm256_mul_ps(radius, radius), d2);
                let is_large = _mm256_cmp_ps::<_CMP_GE_OQ>(size, least);
                (size, _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(radius, zero), is_large))
            };
            let levels: &[u8; LANES] = &rows.levels.as_chunks().0[group];
            let levels = _mm_cvtsi64_si128(i64::from_le_bytes(*levels));
            let is_fresh = _mm256_cmpeq_epi32(_mm256_cvtepu8_epi32(levels), culled);
            let scale =
                _mm256_mul_ps(size, _mm256_blendv_ps(held, fresh, _mm256_castsi256_ps(is_fresh)));
            let at = bucket(scale);
            let further = _mm256_andnot_si256(is_fresh, _mm256_set1_epi32(BUCKETS as i32));
            let within = |reach| {
                let reach = _mm256_add_ps(reach, radius);
                let reach2 = _mm256_mul_ps(_mm256_mul_ps(reach, reach), _mm256_set1_ps(ROUNDING));
                _mm256_and_ps(shown, _mm256_cmp_ps::<_CMP_GE_OQ>(reach2, d2))
            };
            let bits = |mask| u64::from(_mm256_movemask_ps(mask) as u8) << (group * LANES);
            sizes.shown |= bits(shown);
            // Looking up is what takes longest, and in the distance no asset has any detail.
            if _mm256_movemask_ps(within(farthest)) != 0 {
                sizes.detailed |= bits(within(gather(reach_m, rows.asset, group)));
                let distance = _mm256_sqrt_ps(d2);
                let less = _mm256_mul_ps(_mm256_add_ps(distance, radius), _mm256_set1_ps(NEARER));
                let nearest = _mm256_sub_ps(_mm256_sub_ps(distance, radius), less);
                let nearest = _mm256_max_ps(nearest, zero);
                let inverse = _mm256_div_ps(_mm256_set1_ps(1.0), nearest);
                store(&mut sizes.nearest_m, group, _mm256_castps_si256(nearest));
                store(&mut sizes.inverse_m, group, _mm256_castps_si256(inverse));
            }
            store(&mut sizes.scale_squared, group, _mm256_castps_si256(scale));
            store(&mut sizes.bucket, group, _mm256_add_epi32(at, further));
        }
    }
}

#[cfg(target_arch = "x86_64")]
use x86::{avx2, avx2_list, avx2_measure, avx2_outside};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::BUCKETS;
    use crate::visible::lanes;
    use crate::{AssetLods, CULLED, LodRule, LodView};

    /// Numbers of every kind, not numbers and infinities among them, from a seed.
    fn column(seed: u64) -> [f32; BLOCK] {
        let mut state = seed;
        core::array::from_fn(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            match state >> 59 {
                0 => f32::from_bits((state >> 20) as u32),
                1 => f32::INFINITY,
                2 => f32::NAN,
                _ => ((state >> 40) as f32 - 8_388_608.0) * 1.0e-4,
            }
        })
    }

    /// Every instruction set of this CPU gives the scalar's bits.
    #[test]
    fn every_instruction_set_gives_the_scalars_bits() {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if Isa::detect() == Isa::Avx2 {
            sets.push(Isa::Avx2);
        }
        if sets.is_empty() {
            println!("skipped 1 instruction set: this CPU has no AVX2");
        }
        for seed in 0..if cfg!(miri) { 8 } else { 4000 } {
            let [x, y, z] = [0, 1, 2].map(|axis| column(seed * 5 + axis));
            let edge = |seed| column(seed).map(|v| v * v);
            let (near_m2, far_m2) = (edge(seed * 5 + 3), edge(seed * 5 + 4));
            let c = Columns { x: &x, y: &y, z: &z, near_m2: &near_m2, far_m2: &far_m2 };
            let from = Vec3::new(x[1], y[2], z[3]);
            let expected = scalar(&c, from);
            for &isa in &sets {
                let look = isa.look(&c, from);
                assert_eq!(look.outside, expected.outside, "{isa:?}");
                assert_eq!(isa.outside(&c, from), expected.outside, "{isa:?}");
                let bits = |l: &Look| [l.to_near_m2, l.to_far_m2, l.farthest_m2].map(f32::to_bits);
                assert_eq!(bits(&look), bits(&expected), "{isa:?}");
            }
        }
    }

    /// Rows of every kind, limits of nothing, levels held and not, assets that do not exist.
    #[test]
    fn every_instruction_set_measures_what_the_scalar_does() {
        let isa = Isa::detect();
        if isa == Isa::Scalar {
            println!("skipped 1 instruction set: this CPU has no AVX2");
        }
        let views = [1.0, 0.0, 3.0].map(|cull_px| LodRule::new(1.5, 1.2, cull_px).unwrap());
        for seed in 0..if cfg!(miri) { 8 } else { 4000 } {
            let [x, y, z, radius_m] = [0, 1, 2, 3].map(|axis| column(seed * 5 + axis));
            let radius_m = radius_m.map(|r| if seed % 2 == 0 { r * 0.01 } else { r });
            let bits = column(seed * 5 + 4).map(f32::to_bits);
            let levels = bits.map(|v| if v % 2 == 0 { CULLED } else { (v % 8) as u8 });
            let asset = bits.map(|v| if seed % 3 == 0 { v } else { v % 5 });
            let rows =
                Rows { x: &x, y: &y, z: &z, radius_m: &radius_m, asset: &asset, levels: &levels };
            let assets = [0.0, 0.1, 0.5, 2.0].map(|e| AssetLods::new(&[0.0, e]).unwrap());
            let view = LodView { position: Vec3::new(x[1], y[2], z[3]), focal_px: 935.0 };
            let steps = Steps::new(&view, &views[seed as usize % views.len()], &assets);
            let reach_m = assets.map(|lods| lods.all_errors_m()[1] * steps.errors[1]);
            let [mut expected, mut sizes] = [Sizes::new(), Sizes::new()];
            expected.measure(&rows, view.position, &steps, &reach_m);
            isa.measure(&mut sizes, &rows, view.position, &steps, &reach_m);
            let exists = |row: &usize| asset[*row] < reach_m.len() as u32;
            assert_eq!(sizes.shown, expected.shown);
            for row in lanes(sizes.shown) {
                assert_eq!(sizes.bucket[row], expected.bucket[row]);
                let bits = |s: &Sizes| s.scale_squared[row].to_bits();
                assert_eq!(bits(&sizes), bits(&expected));
            }
            let detailed = |s: &Sizes| lanes(s.detailed).filter(exists).collect::<Vec<_>>();
            assert_eq!(detailed(&sizes), detailed(&expected));
            for row in detailed(&expected) {
                let bits = |s: &Sizes| [s.nearest_m[row], s.inverse_m[row]].map(f32::to_bits);
                assert_eq!(bits(&sizes), bits(&expected));
            }
        }
    }

    /// Nobody near, as near as can be and in between, hidden and not; assets of one to eight levels.
    #[test]
    fn every_instruction_set_lists_the_scalars_steps() {
        let isa = Isa::detect();
        if isa == Isa::Scalar {
            println!("skipped 1 instruction set: this CPU has no AVX2");
        }
        let zero = [0.0; BLOCK];
        let numbers = [0.0, 1e-30, 0.4, 1.0, 7.0, 1e30, f32::INFINITY, f32::NAN];
        for seed in 0..if cfg!(miri) { 8 } else { 4000 } {
            let bits = column(seed * 3).map(f32::to_bits);
            let steps = Steps { errors: [935.0 / 1.5, 935.0 / 1.2], ..unlimited() };
            let mut ladders = [1, 2, 3, 5, 8].map(|count| {
                let mut errors_m = column(seed * 3 + count).map(|e| {
                    // No error at all among them, and such that any distance shows.
                    if e.is_finite() && e > 0.0 { e * 1e-4 } else { 0.0 }
                });
                errors_m[..count as usize].sort_by(f32::total_cmp);
                let lods = AssetLods::new(&errors_m[..count as usize]).unwrap();
                Ladder::new(&steps, &lods, &[800, 700, 600, 500, 300, 200, 199, 7])
            });
            let asset = bits.map(|v| v / 64 % 5);
            let levels = bits.map(|v| if v % 2 == 0 { CULLED } else { (v / 2 % 8) as u8 });
            let rows = Rows {
                x: &zero,
                y: &zero,
                z: &zero,
                radius_m: &zero,
                asset: &asset,
                levels: &levels,
            };
            let pick = |shift: u32| {
                let any = column(seed * 3 + 9 + u64::from(shift));
                core::array::from_fn(|row| match bits[row] >> shift & 15 {
                    few @ ..8 => numbers[few as usize],
                    _ => any[row].abs(),
                })
            };
            let (nearest_m, scale_squared) = (pick(4).map(f32::abs), pick(12));
            let inverse_m = nearest_m.map(|m| 1.0 / m);
            let bucket = bits.map(|v| v % (2 * BUCKETS as u32));
            let (shown, detailed) = (u64::MAX, u64::MAX ^ u64::from(bits[0]));
            let sizes = Sizes { shown, detailed, nearest_m, inverse_m, scale_squared, bucket };
            let [mut expected, mut gains] = [Gains::new(), Gains::new()];
            let mut same = ladders;
            list(&mut expected, &rows, &sizes, &mut ladders, Gains::push);
            isa.list(&mut gains, &rows, &sizes, &mut same);
            let listed = |g: &Gains| (g.at[..g.len].to_vec(), g.triangles[..g.len].to_vec());
            assert_eq!(listed(&gains), listed(&expected));
            for (a, b) in ladders.iter().zip(&same) {
                assert_eq!(a.nearest_m, b.nearest_m);
            }
        }
    }

    fn unlimited() -> Steps {
        let view = LodView { position: Vec3::ZERO, focal_px: 935.0 };
        Steps::new(&view, &LodRule::default(), &[])
    }

    #[test]
    fn a_look_finds_who_left_and_how_near_the_others_are_to_the_edge() {
        let mut x = [0.0; BLOCK];
        (x[0], x[1], x[2], x[3]) = (3.0, 5.0, 10.0, f32::NAN);
        let zero = [0.0; BLOCK];
        let (mut near_m2, mut far_m2) = ([f32::NEG_INFINITY; BLOCK], [f32::INFINITY; BLOCK]);
        (near_m2[0], far_m2[0]) = (4.0, 16.0);
        (near_m2[1], far_m2[1]) = (25.0, 100.0);
        (near_m2[2], far_m2[2]) = (25.0, 100.0);
        let c = Columns { x: &x, y: &zero, z: &zero, near_m2: &near_m2, far_m2: &far_m2 };
        let look = Isa::detect().look(&c, Vec3::ZERO);
        // The edge itself belongs to what is beyond it.
        assert_eq!(look.outside, 0b1100);
        assert_eq!((look.to_near_m2, look.to_far_m2, look.farthest_m2), (0.0, 0.0, 100.0));
    }
}
