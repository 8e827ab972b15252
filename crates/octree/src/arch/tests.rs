extern crate std;
use super::*;
use std::{eprintln, vec::Vec};

/// Every operation on hard numbers, as bits.
struct All([f32; LANES], [f32; LANES]);

impl Kernel for All {
    type Out = Vec<u32>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Vec<u32> {
        let (a, b) = (s.load(&self.0), s.load(&self.1));
        let values = [s.add(a, b), s.sub(a, b), s.mul(a, b), s.div(a, b), s.max(a, b), s.min(a, b)];
        let mut out: Vec<u32> = Vec::new();
        // Which NaN comes out is the processor's choice; that one does is not.
        let bits = |v: f32| if v.is_nan() { f32::NAN.to_bits() } else { v.to_bits() };
        for v in values {
            out.extend(s.to_array(v).map(bits));
        }
        out.extend(s.to_array(s.splat(self.0[3])).map(bits));
        out.extend([u32::from(s.le(a, b)), u32::from(s.lt(a, b))]);
        let items = core::array::from_fn(|i| 100 + i as u32);
        for mask in 0..=255 {
            let mut compressed = [0; LANES];
            let count = s.compress(&items, mask, &mut compressed);
            out.extend_from_slice(&compressed[..count]);
        }
        out
    }
}

const HARD: [f32; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    1.0e-40,
    -1.0e-40,
    f32::MIN_POSITIVE,
    f32::MAX,
    f32::MIN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    0.1,
    3.0e38,
];

/// Compares one set with the scalar one; says so where the machine lacks it.
fn equals_scalar(set: InstructionSet) {
    if !set.is_available() {
        eprintln!("SKIPPED: this machine has no {set:?}, 1 instruction set not tested");
        return;
    }
    for shift in 0..HARD.len() {
        for step in 1..HARD.len() {
            let a = core::array::from_fn(|i| HARD[(i + shift) % HARD.len()]);
            let b = core::array::from_fn(|i| HARD[(i * step + shift * 3) % HARD.len()]);
            let expected = run(InstructionSet::Scalar, All(a, b));
            assert_eq!(run(set, All(a, b)), expected, "{set:?}: {a:?} and {b:?}");
        }
    }
}

#[test]
fn scalar_operations_are_what_their_names_say() {
    let out = run(InstructionSet::Scalar, All([3.0; LANES], [2.0; LANES]));
    let firsts = [5.0f32, 1.0, 6.0, 1.5, 3.0, 2.0, 3.0].map(f32::to_bits);
    assert!(out.chunks(LANES).zip(firsts).all(|(lanes, v)| lanes.iter().all(|&l| l == v)));
    assert_eq!(out[7 * LANES..7 * LANES + 2], [0, 0]);
    let compressed: Vec<u32> = (0..=255u32)
        .flat_map(|mask| (0..8).filter(move |lane| mask >> lane & 1 == 1).map(|lane| 100 + lane))
        .collect();
    assert_eq!(out[7 * LANES + 2..], compressed);
}

#[test]
fn sse2_equals_scalar() {
    equals_scalar(InstructionSet::Sse2);
}

#[test]
fn avx2_equals_scalar() {
    equals_scalar(InstructionSet::Avx2);
}

#[test]
fn avx512_equals_scalar() {
    equals_scalar(InstructionSet::Avx512);
}

#[test]
fn the_best_set_is_one_that_the_machine_has() {
    assert!(InstructionSet::best().is_available());
    assert!(InstructionSet::Scalar.is_available());
}
