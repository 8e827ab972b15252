//! A world in figures.

use anyhow::Result;
use farplane::WorldIndex;
use farplane::geom::Projection;
use farplane::io::Archive;
use farplane::world::{UnitKind, World};
use std::fmt::Write;

/// A screen about a world.
///
/// # Errors
/// When its index is corrupt.
pub fn describe(archive: &Archive) -> Result<String> {
    let index = WorldIndex::load(archive)?;
    let world = &index.world;
    let kinds = kinds(archive, world);
    let mut out = String::new();
    let mut row = |name: &str, text: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {name:<12}{text}");
    };
    let size = world.terrain.size_m();
    let bytes = archive.file_bytes() as f64 / 1e6;
    row("world", format!("{:.1} × {:.1} m, {bytes:.1} MB", size.x, size.y));
    row("source", world.source.clone());
    row("projection", projection(world));
    let [min, max] = world.extent();
    row(
        "extent",
        format!("east {:.1} to {:.1} m, north {:.1} to {:.1} m", min.x, max.x, min.y, max.y),
    );
    let t = &world.terrain;
    let (low, high) = t.nodes.last().map_or((0.0, 0.0), |n| {
        (world.origin.z + t.height_m(n.min_q), world.origin.z + t.height_m(n.max_q))
    });
    row(
        "ground",
        format!(
            "{} × {} samples, {:.3} × {:.3} m apart; {low:.1} to {high:.1} m high in steps of {} m",
            t.quads[0] + 1,
            t.quads[1] + 1,
            t.spacing.x,
            t.spacing.y,
            t.quantum_m
        ),
    );
    row("voids", format!("{} samples without data, filled", world.filled_voids));
    let x = &world.texture;
    let texel = world.texel_m();
    row(
        "texture",
        format!(
            "{} × {} texels of {:.3} × {:.3} m; {} mips, {} pages of {}² with a border of {}; {} \
             stored, {} composited",
            x.texels[0],
            x.texels[1],
            texel.x,
            texel.y,
            index.layout.mips(),
            x.pages,
            x.page_texels,
            x.border,
            kinds.stored_pages,
            x.pages - kinds.stored_pages
        ),
    );
    let lods: usize = world.meshes.iter().map(|m| m.levels.len()).sum();
    row(
        "props",
        format!(
            "{} of {} meshes, {lods} levels of detail",
            world.instances.len(),
            world.meshes.len()
        ),
    );
    levels(&mut out, world);
    kinds.table(&mut out);
    Ok(out)
}

fn projection(world: &World) -> String {
    match world.projection {
        _ if !world.crs.is_empty() => world.crs.clone(),
        Projection::Metric => "metres of no place on Earth".to_owned(),
        Projection::Equirectangular(c) => format!("equirectangular about {}, {}", c.lon, c.lat),
    }
}

/// Tiles of each level, and how far their ground is from the finest.
fn levels(out: &mut String, world: &World) {
    let t = &world.terrain;
    let _ = writeln!(
        out,
        "\n  {:<12}{:>9} {:>12} {:>14} {:>14}",
        "level", "tiles", "samples m", "error mean m", "error max m"
    );
    for level in 0..t.levels {
        let (first, end) = (t.level_offset(level) as usize, t.level_offset(level + 1) as usize);
        let nodes = &t.nodes[first..end];
        let sum: f64 = nodes.iter().map(|n| f64::from(n.error_m)).sum();
        let max = nodes.iter().map(|n| n.error_m).fold(0.0, f32::max);
        let apart = t.spacing.max_element() * f64::from(1u32 << level);
        let _ = writeln!(
            out,
            "  {level:<12}{:>9} {apart:>12.2} {:>14.3} {max:>14.3}",
            nodes.len(),
            sum / nodes.len() as f64
        );
    }
}

/// Entries and bytes of one kind.
#[derive(Clone, Copy, Default)]
struct Total {
    entries: u32,
    stored: u64,
    logical: u64,
}

#[derive(Default)]
struct Kinds {
    tiles: Total,
    meshes: Total,
    pages: Total,
    materials: Total,
    stored_pages: u32,
}

fn kinds(archive: &Archive, world: &World) -> Kinds {
    let mut kinds = Kinds::default();
    // A stored page is its kind and its pixels; a recipe never has that length.
    let stored_page_bytes = 4 + world.texture.page_bytes();
    for entry in 0..archive.entries() {
        let Some(extent) = archive.extent(entry) else { continue };
        let total = match world.unit_kind(entry) {
            Some(UnitKind::Tile { .. }) => &mut kinds.tiles,
            Some(UnitKind::MeshLevel { .. }) => &mut kinds.meshes,
            Some(UnitKind::Page { .. }) => {
                kinds.stored_pages +=
                    u32::from(u64::from(extent.logical_bytes) == stored_page_bytes);
                &mut kinds.pages
            }
            None => &mut kinds.materials,
        };
        total.entries += 1;
        total.stored += u64::from(extent.stored_bytes);
        total.logical += u64::from(extent.logical_bytes);
    }
    kinds
}

impl Kinds {
    fn table(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "\n  {:<12}{:>9} {:>12} {:>14} {:>14}",
            "kind", "entries", "stored MB", "logical MB", "ratio"
        );
        for (name, t) in [
            ("tiles", self.tiles),
            ("meshes", self.meshes),
            ("pages", self.pages),
            ("materials", self.materials),
        ] {
            let ratio = if t.stored > 0 { t.logical as f64 / t.stored as f64 } else { 0.0 };
            let _ = writeln!(
                out,
                "  {name:<12}{:>9} {:>12.2} {:>14.2} {ratio:>14.2}",
                t.entries,
                t.stored as f64 / 1e6,
                t.logical as f64 / 1e6
            );
        }
    }
}
