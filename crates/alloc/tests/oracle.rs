//! Any sequence of operations, compared with the oracles in `model/`.

#[path = "model/mod.rs"]
mod model;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, proptest};

fn config(cases: u32) -> ProptestConfig {
    let cases = if cfg!(miri) { 4 } else { cases };
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 500,
        ..ProptestConfig::default()
    }
}

const BYTES_MAX: usize = if cfg!(miri) { 120 } else { 2000 };

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn the_allocator_does_what_an_ordered_map_of_ranges_does(bytes in vec(any::<u8>(), ..BYTES_MAX)) {
        model::range::run(&bytes);
    }

    #[test]
    fn a_full_allocator_moves_and_makes_room_as_the_map_does(bytes in vec(any::<u8>(), ..BYTES_MAX)) {
        model::range::run_relocating(&bytes);
    }

    #[test]
    fn the_arena_lets_each_byte_be_written_by_one_or_read_by_many(
        bytes in vec(any::<u8>(), ..BYTES_MAX)
    ) {
        model::arena::run(&bytes);
    }
    #[test]
    fn a_budget_does_what_a_list_of_reservations_does(bytes in vec(any::<u8>(), ..BYTES_MAX)) {
        model::budget::run(&bytes);
    }

    #[test]
    fn the_texture_pool_does_what_a_list_of_textures_does(bytes in vec(any::<u8>(), ..BYTES_MAX)) {
        model::texture_pool::run(&bytes);
    }

    #[test]
    #[cfg(feature = "std")]
    fn the_buffer_pool_does_what_a_list_of_sizes_does(bytes in vec(any::<u8>(), ..BYTES_MAX)) {
        model::buffer_pool::run(&bytes);
    }
}
