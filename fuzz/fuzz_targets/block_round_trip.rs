//! Any bytes through any filter and profile come back, and are never stored much larger.
#![no_main]

use farplane_io::Profile;
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/io/tests/model/mod.rs"]
mod model;
use model::archive::Op;

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    let Some(filter) = model::archive::filter(&mut rest) else { return };
    let (Some(kind), Some(repeat)) = (model::byte(&mut rest), model::byte(&mut rest)) else {
        return;
    };
    let profile = if kind % 2 == 0 { Profile::Fast } else { Profile::Small };
    // Repeated, so that it is compressed and reaches a second block.
    let bytes = rest.repeat(usize::from(repeat) + 1);
    if bytes.len() <= 200_000 {
        model::archive::check(&[Op::Add { id: 0, bytes, filter, profile }]);
    }
});
