//! What is compressed: heights, colour, vertices, indices.

use crate::random::Random;
use farplane_io::{BLOCK_BYTES, Filter};
use std::path::{Path, PathBuf};

/// Bytes of each kind: three times a large cache.
pub const KIND_BYTES: usize = 96 << 20;

/// Blocks of one kind of data.
pub struct Payload {
    /// What it is.
    pub name: &'static str,
    /// Where it comes from.
    pub source: String,
    /// What farplane would filter it with.
    pub filter: Filter,
    /// At most 64 KiB each, no two alike.
    pub blocks: Vec<Vec<u8>>,
}

/// Samples in a row of a block of heights, and texels in one of colour.
const ROW: usize = 256;
const VERTEX_BYTES: usize = 20;

/// A grid of heights.
struct Grid {
    width: usize,
    heights: Vec<u16>,
}

/// All kinds, heights first. Heights and colour are real where the folder that `FARPLANE_TEST_DATA`
/// names has them.
pub fn all() -> Result<Vec<Payload>, String> {
    let folder = std::env::var_os("FARPLANE_TEST_DATA").map(PathBuf::from);
    let dem = folder.as_deref().map(|folder| elevation(&folder.join("dem"))).transpose()?;
    let (grids, source) = match dem {
        Some(grids) => (grids, "real elevation".to_owned()),
        None => (vec![hills(2049)], "hills from a seed".to_owned()),
    };
    let photo = folder.map(|folder| folder.join("imagery/earth-blue-marble.jpg"));
    Ok(vec![heights(&grids, source), colour(photo.as_deref())?, vertices(&grids[0]), indices()])
}

/// Every 16-bit GeoTIFF of a folder.
fn elevation(folder: &Path) -> Result<Vec<Grid>, String> {
    use tiff::decoder::{Decoder, DecodingResult};
    let fail = |e: &dyn std::fmt::Display| format!("{}: {e}", folder.display());
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|e| fail(&e))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "tif"))
        .collect();
    paths.sort();
    let mut grids = Vec::new();
    for path in paths {
        let file = std::fs::File::open(&path).map_err(|e| fail(&e))?;
        let mut decoder = Decoder::new(file).map_err(|e| fail(&e))?;
        let (width, _) = decoder.dimensions().map_err(|e| fail(&e))?;
        if let DecodingResult::I16(samples) = decoder.read_image().map_err(|e| fail(&e))? {
            let heights = samples.into_iter().map(|s| s as u16).collect();
            grids.push(Grid { width: width as usize, heights });
        }
    }
    if grids.is_empty() { Err(fail(&"no 16-bit GeoTIFF")) } else { Ok(grids) }
}

/// Hills with roughness, in steps of 10 cm.
fn hills(side: usize) -> Grid {
    let mut random = Random::new(1);
    let height = |i: usize| {
        let (x, y) = (i % side, i / side);
        (x * x / 350 + y * y / 500 + x * y / 800) as u16 + random.below(12) as u16
    };
    Grid { width: side, heights: (0..side * side).map(height).collect() }
}

/// Pieces of 256 × 128 samples, again and again at other heights.
fn heights(grids: &[Grid], source: String) -> Payload {
    const ROWS: usize = BLOCK_BYTES / 2 / ROW;
    let mut pieces: Vec<Vec<u16>> = Vec::new();
    for grid in grids {
        let rows = grid.heights.len() / grid.width;
        for y in (0..=rows - ROWS).step_by(ROWS) {
            for x in (0..=grid.width - ROW).step_by(ROW) {
                let row = |row: usize| &grid.heights[(y + row) * grid.width + x..][..ROW];
                pieces.push((0..ROWS).flat_map(|r| row(r).iter().copied()).collect());
            }
        }
    }
    let block = |i: usize| -> Vec<u8> {
        let lift = (i / pieces.len()) as u16;
        pieces[i % pieces.len()].iter().flat_map(|h| h.wrapping_add(lift).to_le_bytes()).collect()
    };
    let blocks = (0..KIND_BYTES / BLOCK_BYTES).map(block).collect();
    let filter = Filter::PlanarDelta16 { row_samples: ROW as u32 };
    Payload { name: "heights, u16", source, filter, blocks }
}

/// Pieces of 256 × 64 texels of a photograph, or of smooth noise with a little more in each channel.
fn colour(photo: Option<&Path>) -> Result<Payload, String> {
    let (texels, width, source) = match photo {
        Some(path) => {
            let image = image::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
            let image = image.to_rgba8();
            let width = image.width() as usize;
            (image.into_raw(), width, "a real photograph")
        }
        None => {
            let side = 2048;
            let mut random = Random::new(2);
            let texel = |i: usize| {
                let (x, y) = (i % side, i / side);
                let light = (x * y / 900 + (x ^ y) / 60) % 160;
                [20, 40, 10].map(|tint| (light + tint + random.below(3)) as u8)
            };
            let texels = (0..side * side).map(texel).flat_map(|[r, g, b]| [r, g, b, 255]);
            (texels.collect(), side, "smooth noise from a seed")
        }
    };
    const ROWS: usize = BLOCK_BYTES / 4 / ROW;
    let rows = texels.len() / 4 / width;
    let (across, down) = (width / ROW, rows / ROWS);
    let block = |i: usize| -> Vec<u8> {
        let (x, y, turn) = (i % across * ROW, i / across % down * ROWS, i / (across * down));
        let row = |row: usize| &texels[((y + row) * width + x) * 4..][..ROW * 4];
        let copied = (0..ROWS).flat_map(|r| row(r).iter().copied());
        copied.map(|value| value.wrapping_add(turn as u8)).collect()
    };
    let blocks = (0..KIND_BYTES / BLOCK_BYTES).map(block).collect();
    let filter = Filter::SubtractGreen { row_texels: ROW as u32 };
    Ok(Payload { name: "colour, RGBA8", source: source.to_owned(), filter, blocks })
}

/// Vertices of a terrain mesh as farplane's own meshes have them: position 3 × f32, normal and colour
/// 4 bytes each.
fn vertices(grid: &Grid) -> Payload {
    const VERTICES: usize = BLOCK_BYTES / VERTEX_BYTES;
    let rows = grid.heights.len() / grid.width;
    let at =
        |x: usize, y: usize| f32::from(grid.heights[y % rows * grid.width + x % grid.width] as i16);
    let block = |block: usize| -> Vec<u8> {
        let first = block * 977;
        let vertex = |i: usize| {
            let (x, y) = ((first + i % 57) % grid.width, first / 13 + i / 57);
            let (h, east, north) = (at(x, y), at(x + 1, y), at(x, y + 1));
            let position = [(i % 57) as f32 * 30.0, (i / 57) as f32 * 30.0, h];
            let slope = |d: f32| (d * 2.0).clamp(-90.0, 90.0) as i8 as u8;
            let shade = (h * 0.05) as i32 as u8;
            let rest = [slope(h - east), slope(h - north), 100, 0, shade, shade / 2 + 60, 50, 255];
            position.into_iter().flat_map(f32::to_le_bytes).chain(rest)
        };
        (0..VERTICES).flat_map(vertex).collect()
    };
    let bytes = VERTICES * VERTEX_BYTES;
    let blocks = (0..KIND_BYTES / bytes).map(block).collect();
    let filter = Filter::MeshVertices { stride: VERTEX_BYTES as u32 };
    Payload { name: "vertices, 20 bytes", source: "a mesh over the heights".into(), filter, blocks }
}

/// Triangles of a grid in columns of eight quads, which keeps a vertex cache warm; each block with
/// another number of vertices in a row.
fn indices() -> Payload {
    const TRIANGLES: usize = BLOCK_BYTES / 6;
    let block = |block: usize| -> Vec<u8> {
        let (row, skew) = (16 + block % 180, block / 180);
        let quad = |i: usize| {
            let (column, i) = (i / (8 * 300), i % (8 * 300));
            let corner = (i / 8 * row + column * 8 + i % 8 + skew) as u16;
            let (right, above) = (corner.wrapping_add(1), corner.wrapping_add(row as u16));
            [corner, right, above, above, right, above.wrapping_add(1)]
        };
        (0..).flat_map(quad).take(TRIANGLES * 3).flat_map(u16::to_le_bytes).collect()
    };
    let blocks = (0..KIND_BYTES / (TRIANGLES * 6)).map(block).collect();
    let source = "grids of many widths".to_owned();
    Payload { name: "indices, u16", source, filter: Filter::MeshIndices16, blocks }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_blocks_of_a_kind_are_alike_and_none_is_too_large() {
        for payload in all().unwrap() {
            let bytes: usize = payload.blocks.iter().map(Vec::len).sum();
            assert!(bytes > KIND_BYTES - KIND_BYTES / 50, "{}", payload.name);
            assert!(payload.blocks.iter().all(|b| b.len() <= BLOCK_BYTES));
            let mut sorted = payload.blocks;
            sorted.sort();
            assert!(sorted.windows(2).all(|pair| pair[0] != pair[1]), "{}", payload.name);
        }
    }
}
