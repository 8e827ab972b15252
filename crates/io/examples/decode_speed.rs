//! What the filters and codecs gain and how fast they decode on one core, beside memcpy of the same
//! bytes in the same run:
//!
//! `cargo run --release -p farplane-io --features zstd,lz4-hc --example decode_speed [DEM.tif ...]`
//!
//! With elevation files their heights are measured, cut into tiles of 129 × 129 samples as worlds have
//! them; without, hills that are made up.

use std::fs::File;
use std::hint::black_box;
use std::time::Instant;

use farplane_io::{Archive, ArchiveBuilder, Filter, Profile};
use tiff::decoder::{Decoder, DecodingResult};

type Failure = Box<dyn std::error::Error>;

const TILE: usize = 129;
const PASSES: usize = 15;

/// Bytes to decode and copy in a pass: more than caches hold, as what is streamed is.
const BYTES_MIN: usize = 48 << 20;

/// Hills with a little roughness, in steps of 10 cm.
fn hills() -> (usize, Vec<u16>) {
    let side = 1025;
    let mut state = 1u32;
    let heights = (0..side * side).map(|i| {
        // Marsaglia's xorshift32.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let (x, y) = (i % side, i / side);
        (x * x / 90 + y * y / 130 + x * y / 200) as u16 + (state % 8) as u16
    });
    (side, heights.collect())
}

fn elevation(path: &str) -> Result<(usize, Vec<u16>), Failure> {
    let mut decoder = Decoder::new(File::open(path)?)?;
    let (width, _) = decoder.dimensions()?;
    match decoder.read_image()? {
        DecodingResult::I16(samples) => {
            Ok((width as usize, samples.into_iter().map(|s| s as u16).collect()))
        }
        _ => Err(format!("{path}: not 16-bit samples").into()),
    }
}

fn tiles(width: usize, heights: &[u16]) -> Vec<Vec<u8>> {
    let rows = heights.len() / width;
    let corners = |len: usize| (0..(len - 1) / (TILE - 1)).map(|i| i * (TILE - 1));
    let tile = |x: usize, y: usize| {
        let row = move |row: usize| &heights[(y + row) * width + x..][..TILE];
        (0..TILE).flat_map(|r| row(r).iter().flat_map(|h| h.to_le_bytes())).collect()
    };
    let own: Vec<Vec<u8>> =
        corners(rows).flat_map(|y| corners(width).map(move |x| tile(x, y))).collect();
    // Again and again at other heights, so that none is stored as another's duplicate.
    let lift = |tile: &[u8], copy: u16| -> Vec<u8> {
        let samples = tile.as_chunks::<2>().0.iter().map(|s| u16::from_le_bytes(*s));
        samples.flat_map(|s| s.wrapping_add(copy).to_le_bytes()).collect()
    };
    let bytes: usize = own.iter().map(Vec::len).sum();
    let copies = BYTES_MIN.div_ceil(bytes) as u16;
    (0..copies).flat_map(|copy| own.iter().map(move |tile| lift(tile, copy))).collect()
}

/// Best of several passes, bytes a nanosecond.
fn speed(bytes: usize, mut pass: impl FnMut()) -> f64 {
    let mut best_s = f64::INFINITY;
    for _ in 0..PASSES {
        let start = Instant::now();
        pass();
        best_s = best_s.min(start.elapsed().as_secs_f64());
    }
    bytes as f64 / best_s / 1e9
}

fn measure(name: &str, parts: &[Vec<u8>], filter: Filter, profile: Profile) -> Result<(), Failure> {
    let mut builder = ArchiveBuilder::for_entries(parts.len() as u32);
    let (mut logical, mut stored) = (0, 0);
    let start = Instant::now();
    let packed: Vec<_> = parts.iter().map(|part| profile.pack(part, filter)).collect();
    let pack_s = start.elapsed().as_secs_f64();
    for (id, packed) in (0..).zip(&packed) {
        logical += packed.logical_bytes() as usize;
        stored += packed.stored_bytes();
        builder.add(id, packed)?;
    }
    let archive = Archive::from_bytes(builder.finish().0)?;
    let mut outs: Vec<Vec<u8>> = parts.iter().map(|part| vec![1; part.len()]).collect();
    let mut scratch = Vec::new();
    let decode = speed(logical, || {
        for (id, out) in (0..).zip(&mut outs) {
            let stored = archive.stored(id).unwrap_or(&[]);
            archive.decode(id, stored, out, &mut scratch).expect("just packed");
        }
        black_box(&outs);
    });
    assert_eq!(outs, parts);
    let copy = speed(logical, || {
        for (part, out) in parts.iter().zip(&mut outs) {
            out.copy_from_slice(black_box(part));
        }
        black_box(&outs);
    });
    println!(
        "{name:<42} {profile:?}: ratio {:5.2}  decode {decode:6.2} GB/s = {:4.2} × memcpy  pack \
         {:5.3} GB/s",
        logical as f64 / stored as f64,
        decode / copy,
        logical as f64 / pack_s / 1e9,
    );
    Ok(())
}

fn main() -> Result<(), Failure> {
    let mut grids = vec![("made-up hills".to_owned(), hills())];
    let files: Vec<String> = std::env::args().skip(1).collect();
    if !files.is_empty() {
        grids.clear();
    }
    for file in files {
        grids.push((file.rsplit('/').next().unwrap_or(&file).to_owned(), elevation(&file)?));
    }
    for (name, (width, heights)) in grids {
        let parts = tiles(width, &heights);
        let planar = Filter::PlanarDelta16 { row_samples: TILE as u32 };
        for profile in [Profile::Fast, Profile::Small] {
            measure(&format!("{name}, heights"), &parts, planar, profile)?;
            measure(&format!("{name}, unfiltered"), &parts, Filter::None, profile)?;
        }
        let floats: Vec<Vec<u8>> = parts
            .iter()
            .map(|part| {
                let (samples, _) = part.as_chunks::<2>();
                let metres = samples.iter().map(|s| f32::from(u16::from_le_bytes(*s)) * 0.1);
                metres.flat_map(f32::to_le_bytes).collect()
            })
            .collect();
        let planar = Filter::PlanarDelta32 { row_samples: TILE as u32 };
        for profile in [Profile::Fast, Profile::Small] {
            measure(&format!("{name}, heights as f32"), &floats, planar, profile)?;
        }
    }
    Ok(())
}
