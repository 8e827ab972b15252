//! The payload of a tile entry: `(tile_quads + 1)²` height samples, u16 little endian, in quanta,
//! row by row from the south. Neighbouring tiles share their border samples byte for byte.

use crate::Terrain;

/// Reads one sample. `None` outside the tile or where the payload is too short.
#[must_use]
pub fn sample(terrain: &Terrain, payload: &[u8], x: u32, y: u32) -> Option<u16> {
    let n = terrain.tile_samples();
    if x >= n || y >= n {
        return None;
    }
    let at = (y * n + x) as usize * 2;
    Some(u16::from_le_bytes(payload.get(at..at + 2)?.try_into().ok()?))
}

/// Height in quanta on the tile's surface at quad coordinates `(x, y)`, each in
/// `0..=tile_quads`, on the triangles that [`Terrain`] defines. `None` outside.
#[must_use]
pub fn surface(terrain: &Terrain, payload: &[u8], x: f64, y: f64) -> Option<f64> {
    let quads = f64::from(terrain.tile_quads);
    if !(0.0..=quads).contains(&x) || !(0.0..=quads).contains(&y) {
        return None;
    }
    let (ix, iy) = ((x as u32).min(terrain.tile_quads - 1), (y as u32).min(terrain.tile_quads - 1));
    let (fx, fy) = (x - f64::from(ix), y - f64::from(iy));
    let at = |dx, dy| sample(terrain, payload, ix + dx, iy + dy).map(f64::from);
    let (sw, ne) = (at(0, 0)?, at(1, 1)?);
    Some(if fx >= fy {
        let se = at(1, 0)?;
        sw + fx * (se - sw) + fy * (ne - se)
    } else {
        let nw = at(0, 1)?;
        sw + fy * (nw - sw) + fx * (ne - nw)
    })
}
