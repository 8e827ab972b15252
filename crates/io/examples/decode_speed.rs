//! How fast entries decode on one core: `cargo run --release -p farplane-io --example
//! decode_speed`. Prints the ratio and the best of several passes for heights and for noise.

use std::hint::black_box;
use std::time::Instant;

use farplane_io::{Archive, ArchiveBuilder, ArchiveError, Filter, pack};

const TILES: u32 = 256;
const ROW_SAMPLES: u32 = 256;
const PASSES: usize = 7;

/// A tile of gentle hills with a little roughness, in steps of 1 cm.
fn heights(tile: u32, rough: u32) -> Vec<u8> {
    let mut state = tile.wrapping_mul(0x9E37_79B9) | 1;
    let mut out = Vec::new();
    for y in 0..ROW_SAMPLES {
        for x in 0..ROW_SAMPLES {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let hill = (x * x / 90 + y * y / 130 + (x * y) / 200 + 7 * tile) % 60_000;
            out.extend(((hill + state % (rough + 1)) as u16).to_le_bytes());
        }
    }
    out
}

fn measure(
    name: &str,
    filter: Filter,
    content: impl Fn(u32) -> Vec<u8>,
) -> Result<(), ArchiveError> {
    let mut builder = ArchiveBuilder::new();
    let (mut logical, mut stored) = (0, 0);
    let mut pack_s = 0.0;
    for tile in 0..TILES {
        let bytes = content(tile);
        let start = Instant::now();
        let packed = pack(&bytes, filter);
        pack_s += start.elapsed().as_secs_f64();
        logical += packed.logical_bytes();
        stored += packed.stored_bytes();
        builder.add(tile, &packed)?;
    }
    let archive = Archive::from_bytes(builder.finish().0)?;
    let mut out = vec![0; (ROW_SAMPLES * ROW_SAMPLES * 2) as usize];
    let mut scratch = Vec::new();
    let mut best_s = f64::INFINITY;
    for _ in 0..PASSES {
        let start = Instant::now();
        for id in 0..TILES {
            let stored = archive.stored(id).unwrap_or(&[]);
            if let Err(error) = archive.decode(id, stored, &mut out, &mut scratch) {
                println!("{error}");
            }
            black_box(&out);
        }
        best_s = best_s.min(start.elapsed().as_secs_f64());
    }
    println!(
        "{name:<44} ratio {:5.2}  decode {:5.2} GB/s  pack {:5.2} GB/s",
        logical as f64 / stored as f64,
        logical as f64 / best_s / 1e9,
        logical as f64 / pack_s / 1e9,
    );
    Ok(())
}

fn main() -> Result<(), ArchiveError> {
    let planar = Filter::PlanarDelta16 { row_samples: ROW_SAMPLES };
    measure("smooth heights, planar delta", planar, |tile| heights(tile, 0))?;
    measure("heights with 16 cm of roughness, planar delta", planar, |tile| heights(tile, 16))?;
    measure("heights with 16 cm of roughness, no filter", Filter::None, |tile| heights(tile, 16))?;
    measure("noise (raw blocks)", Filter::None, |tile| heights(tile, 1 << 16))
}
