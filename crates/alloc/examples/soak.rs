//! Many seeded operations against the ordered-map oracle of the tests: the longest run of the crate.
//!
//! `cargo run --release -p farplane-alloc --example soak -- --operations 100000000 --seed 1`
//!
//! It ends with exit status 101 and the case's seed at the first difference.

#[path = "../tests/model/mod.rs"]
mod model;

use model::range::{Model, Op};
use std::io::{IsTerminal, Write};

/// Operations on one allocator, before the next begins empty.
const OPERATIONS_PER_CASE: u64 = 2000;
/// Operations between two comparisons of all that can be seen; each is checked by itself too.
const CHECKED_EVERY: u64 = 32;

fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One allocator's life. The operations are drawn as the fuzz targets draw them.
fn case(seed: u64, operations: u64) {
    let mut state = seed;
    let granule = [1, 16, 64][(splitmix64(&mut state) % 3) as usize];
    let mut model = Model::new(4000, granule);
    for number in 0..operations {
        let bytes = splitmix64(&mut state).to_le_bytes();
        if let Some(op) = Op::decode(&mut &bytes[..]) {
            model.apply(op);
        }
        if number % CHECKED_EVERY == 0 {
            model.check();
        }
    }
    model.check();
    model.compact();
}

fn argument(name: &str, default: u64) -> u64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    arguments.next().map_or(default, |value| value.parse().expect("a number"))
}

fn main() {
    let (operations, seed) = (argument("--operations", 1_000_000), argument("--seed", 1));
    let cases = operations.div_ceil(OPERATIONS_PER_CASE);
    let shown = std::io::stderr().is_terminal();
    for number in 0..cases {
        let mut state = seed.wrapping_mul(cases).wrapping_add(number);
        let case_seed = splitmix64(&mut state);
        let left = operations - number * OPERATIONS_PER_CASE;
        if std::panic::catch_unwind(|| case(case_seed, left.min(OPERATIONS_PER_CASE))).is_err() {
            eprintln!(
                "case {number} of seed {seed} differs from the model (its own seed {case_seed})"
            );
            std::process::exit(101);
        }
        if shown && number % 500 == 0 {
            eprint!("\r{:3}%", 100 * number / cases);
            let _ = std::io::stderr().flush();
        }
    }
    println!("{operations} operations of seed {seed}: no difference from the model");
}
