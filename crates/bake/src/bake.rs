use crate::grid::{Grid, TILE_QUADS};
use crate::ground::Ground;
use crate::imagery::Imagery;
use crate::order::{self, Entry, Part};
use crate::pages::{self, PageAt, Pages, Scratch};
use crate::run::Run;
use crate::{
    BakeError, BakeOptions, KindTotal, PROPS_MAX, Progress, Source, Summary, decals, elevation,
    materials, props, relief, scatter, tiles,
};
use farplane_io::{ArchiveWriter, Filter, Packed, Profile};
use farplane_world::mesh::{self, Mesh, Vertex};
use farplane_world::{MeshLods, World};
use rayon::prelude::*;
use std::sync::atomic::AtomicBool;

/// Props unless told otherwise.
const PROPS: u32 = 50_000;
/// Entries that are packed in parallel before they are written in order.
const CHUNK: usize = 512;

/// Bakes a world into an archive.
///
/// Equal options give equal bytes, whatever the number of threads and the machine. `progress` is
/// called from the worker threads; set `cancel` to stop soon. Memory: the finest heights (two bytes a
/// sample), the source images, and a few megabytes.
///
/// # Errors
/// What is wrong, where, and what to do about it. No archive is left behind, and one that was at the
/// path before stays as it was.
pub fn bake(
    options: &BakeOptions,
    progress: &(dyn Fn(&Progress) + Sync),
    cancel: &AtomicBool,
) -> Result<Summary, BakeError> {
    let threads = options.threads;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| BakeError::Threads { threads, reason: e.to_string() })?;
    pool.install(|| build(options, &Run { report: progress, cancel }))
}

fn build(options: &BakeOptions, run: &Run<'_>) -> Result<Summary, BakeError> {
    let props_wanted = options.props.unwrap_or(PROPS);
    if props_wanted > PROPS_MAX {
        return Err(BakeError::Option {
            option: "props",
            given: props_wanted.to_string(),
            allowed: format!("at most {PROPS_MAX}"),
        });
    }
    if !options.profile.is_available() {
        return Err(BakeError::Option {
            option: "profile",
            given: "small".to_owned(),
            allowed: "fast, or small in a build with the feature zstd".to_owned(),
        });
    }
    run.check()?;
    // First of all, so that a folder that cannot be written is known before the work is done.
    drop(ArchiveWriter::create(&options.out)?);
    let seed = options.seed;
    let mut grid = match &options.source {
        Source::Procedural { size_m } => relief::procedural(*size_m, seed, run)?,
        Source::Elevation { files, size_m } => elevation::elevation(files, *size_m, run)?,
    };
    let layout = pages::layout(grid.size_m(), options.texels_per_metre)?;
    let imagery = match &options.color {
        Some(color) => {
            let name = color.path.file_name().unwrap_or(color.path.as_os_str());
            grid.source += &format!("; colours of {}", name.to_string_lossy());
            Imagery::open(color, &grid)?
        }
        None => Imagery::made_up(&grid, layout.texels, seed),
    };
    let terrain = tiles::measure(&grid, run)?;
    let range = terrain.nodes.last().map_or([0; 2], |root| [root.min_q, root.max_q]);
    let instances = scatter::scatter(&grid, range, props_wanted, seed);
    let mesh_count = if props_wanted > 0 { props::MESHES } else { 0 };
    run.progress("props", 0, u64::from(mesh_count))?;
    let models: Vec<(MeshLods, Vec<Mesh>)> =
        (0..mesh_count).into_par_iter().map(|mesh| props::model(mesh, seed).lods()).collect();
    let (lods, meshes): (Vec<MeshLods>, Vec<Vec<Mesh>>) = models.into_iter().unzip();
    run.progress("ground", 0, 1)?;
    let world = World {
        source: grid.source.clone(),
        crs: grid.crs.clone(),
        projection: grid.projection,
        origin: grid.origin,
        filled_voids: grid.filled_voids,
        terrain,
        texture: layout,
        meshes: lods,
        instances,
    };
    let pages = Pages {
        layout,
        grid: &grid,
        ground: Ground::new(&grid, range, run)?,
        imagery,
        decals: decals::strew(&layout, world.texel_m(), seed),
    };
    let neutral = pages.imagery.is_source;
    let materials = materials::materials(seed, neutral).encode();
    let parts = Parts { grid: &grid, pages: &pages, meshes: &meshes, materials: &materials };
    write(&world, &parts, options, run)
}

/// What payloads are made from.
struct Parts<'a> {
    grid: &'a Grid,
    pages: &'a Pages<'a>,
    meshes: &'a [Vec<Mesh>],
    materials: &'a [u8],
}

impl Parts<'_> {
    fn pack(&self, part: Part, profile: Profile, scratch: &mut Scratch) -> Packed {
        // Images of many sizes, one after the other: no row is common to them.
        let texels = Filter::SubtractGreen { row_texels: 0 };
        match part {
            Part::Materials => smallest(profile, self.materials, texels),
            Part::Mesh { mesh, level } => {
                let payload = mesh::encode(&self.meshes[mesh as usize][level as usize]);
                // Its counts shift the vertices by a part of one, which is the same to the filter.
                let vertices = Filter::MeshVertices { stride: size_of::<Vertex>() as u32 };
                smallest(profile, &payload, vertices)
            }
            Part::Tile { level, x, y } => {
                let filter = Filter::PlanarDelta16 { row_samples: TILE_QUADS + 1 };
                profile.pack(&tiles::payload(self.grid, level, x, y), filter)
            }
            Part::Page { mip, x, y } => {
                let payload = self.pages.payload(PageAt { mip, x, y }, scratch);
                if !self.pages.is_stored(mip) {
                    return profile.pack(&payload, Filter::None);
                }
                let row_texels = self.pages.layout.texels_with_border();
                smallest(profile, &payload, Filter::SubtractGreen { row_texels })
            }
        }
    }
}

/// Packs behind `filter` where that is smaller, else as it is.
fn smallest(profile: Profile, bytes: &[u8], filter: Filter) -> Packed {
    let [plain, filtered] = [Filter::None, filter].map(|filter| profile.pack(bytes, filter));
    if filtered.stored_bytes() < plain.stored_bytes() { filtered } else { plain }
}

/// Packs chunks of entries in parallel and writes them in their order.
fn write(
    world: &World,
    parts: &Parts<'_>,
    options: &BakeOptions,
    run: &Run<'_>,
) -> Result<Summary, BakeError> {
    let entries =
        order::entries(parts.grid, &world.terrain, &world.texture, world.meshes.len() as u32);
    let mut writer = ArchiveWriter::for_entries(&options.out, entries.len() as u32)?;
    let mut summary = describe(world, parts, options);
    let mut last_run = None;
    let mut done = 0;
    for chunk in entries.chunks(CHUNK) {
        let packed: Vec<Packed> = chunk
            .par_iter()
            .map_init(Scratch::default, |scratch, e: &Entry| {
                parts.pack(e.part, options.profile, scratch)
            })
            .collect();
        for (entry, packed) in chunk.iter().zip(&packed) {
            if last_run != Some(entry.run) {
                writer.begin_run();
                last_run = Some(entry.run);
            }
            writer.add(entry.id, packed)?;
            let kind = match entry.part {
                Part::Materials => &mut summary.materials,
                Part::Mesh { .. } => &mut summary.mesh_levels,
                Part::Tile { .. } => &mut summary.tiles,
                Part::Page { .. } => &mut summary.pages,
            };
            kind.entries += 1;
            kind.logical_bytes += packed.logical_bytes();
            kind.stored_bytes += packed.stored_bytes();
        }
        done += chunk.len() as u64;
        run.progress("writing", done, entries.len() as u64)?;
    }
    writer.begin_run();
    let section = options.profile.pack(&world.encode(), Filter::None);
    writer.packed_section(World::SECTION, &section)?;
    run.check()?;
    summary.archive_bytes = writer.finish()?.file_bytes;
    Ok(summary)
}

fn describe(world: &World, parts: &Parts<'_>, options: &BakeOptions) -> Summary {
    let terrain = &world.terrain;
    let root = terrain.nodes.last().copied().unwrap_or_default();
    let stored = pages::all(&world.texture).filter(|p| parts.pages.is_stored(p.mip)).count();
    Summary {
        out: options.out.clone(),
        archive_bytes: 0,
        source: world.source.clone(),
        crs: world.crs.clone(),
        size_m: terrain.size_m(),
        height_m: [terrain.height_m(root.min_q), terrain.height_m(root.max_q)],
        samples: parts.grid.size,
        levels: terrain.levels,
        texels: world.texture.texels,
        stored_pages: stored as u32,
        meshes: world.meshes.len() as u32,
        instances: world.instances.len() as u32,
        filled_voids: world.filled_voids,
        tiles: KindTotal::default(),
        mesh_levels: KindTotal::default(),
        pages: KindTotal::default(),
        materials: KindTotal::default(),
    }
}
