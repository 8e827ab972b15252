use core::convert::Infallible;
use core::ops::ControlFlow;
use farplane_geom::{Aabb, Sphere, Vec2, Vec3, View};
use farplane_io::Archive;
use farplane_lod::{
    AssetCosts, AssetLods, Batch, BatchSlot, Instances, LodError, MeshRange, QuadGrid, QuadTree,
};
use farplane_octree::{BlockHits, Octree, OctreeError};
use farplane_stream::{Home, UnitInfo};
use farplane_vt::{LayoutError, PageId, VtLayout};
use farplane_world::materials::Materials;
use farplane_world::{UnitKind, World, WorldError};
use std::fmt;

/// Scale classes of instances: an instance's errors are taken at the upper end of its class.
const SCALE_CLASSES: u32 = 8;

/// Levels of tiles, and mips, that are always resident: 4 levels are at most 85 tiles.
const PINNED_TILE_LEVELS: u32 = 4;
const PINNED_MIPS: u8 = 3;

/// Why an archive is no world.
#[derive(Debug)]
pub enum IndexError {
    /// The archive's index is not what it should be.
    World(WorldError),
    /// The section with the index is missing or corrupt.
    Archive(farplane_io::ArchiveError),
    /// An entry is missing, or has another size than the index says.
    Entry {
        /// The unit, or the materials' entry.
        entry: u32,
        /// Bytes that the index asks for, 0 where any size will do.
        expected_bytes: u64,
        /// Bytes found.
        found_bytes: u64,
    },
    /// An entry that is needed at once is corrupt.
    Block(farplane_io::BlockError),
    /// The texture has sizes that cannot be.
    Layout(LayoutError),
    /// The terrain has sizes that cannot be.
    Lod(LodError),
    /// An instance has a place that cannot be.
    Octree(OctreeError),
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::World(e) => e.fmt(f),
            Self::Archive(e) => e.fmt(f),
            Self::Block(e) => e.fmt(f),
            Self::Layout(e) => e.fmt(f),
            Self::Lod(e) => e.fmt(f),
            Self::Octree(e) => e.fmt(f),
            Self::Entry { entry, expected_bytes, found_bytes } => write!(
                f,
                "entry {entry} has {found_bytes} bytes, the world's index says {expected_bytes}: \
                 bake the world again"
            ),
        }
    }
}

impl std::error::Error for IndexError {}

macro_rules! from_error {
    ($($variant:ident($error:ty)),*) => {$(
        impl From<$error> for IndexError {
            fn from(e: $error) -> Self {
                Self::$variant(e)
            }
        }
    )*};
}
from_error!(
    World(WorldError),
    Archive(farplane_io::ArchiveError),
    Block(farplane_io::BlockError),
    Layout(LayoutError),
    Lod(LodError),
    Octree(OctreeError)
);

/// Everything that is known of a world without loading a unit, in the shape that a frame needs:
/// structures of arrays, an octree over the instances, boxes of all pages.
pub struct WorldIndex {
    /// The world's own index, its instances in the order of [`WorldIndex::octree`]: near ones are
    /// near each other, so that what a frame looks at lies in runs. An instance's number is its place
    /// here, in all columns below, and in all that a frame lists.
    pub world: World,
    /// By instance: its place in the archive, for tables that were made beside that.
    pub baked_places: Vec<u32>,
    /// Numbering of the pages.
    pub layout: VtLayout,
    /// What pages are composited from.
    pub materials: Materials,
    /// What the streaming core knows of each unit.
    pub units: Vec<UnitInfo>,
    /// Centres of the instances' bounding spheres, relative to the world's origin, m: a column an
    /// axis.
    pub centers: [Vec<f32>; 3],
    /// Their radii, m.
    pub radii: Vec<f32>,
    /// The asset of each instance: a mesh in a class of scales.
    pub assets: Vec<u32>,
    /// Levels of each asset, errors at the upper end of its class of scales.
    pub lods: Vec<AssetLods>,
    /// What their levels cost in triangles. Bytes are the streaming budget's affair.
    pub lod_costs: Vec<AssetCosts>,
    /// Place of the finest level of each instance's mesh among all mesh levels.
    pub mesh_slots: Vec<u32>,
    /// All mesh levels as draws: index counts, from the level's own first index. Their material is 0,
    /// since a mesh has its own.
    pub mesh_draws: Vec<BatchSlot>,
    /// Boxes of all instances.
    pub octree: Octree,
    /// By block of the octree: its first instance.
    pub(crate) block_firsts: Vec<u32>,
    grid: QuadGrid,
    error_m: Vec<f32>,
    min_z: Vec<f32>,
    max_z: Vec<f32>,
    page_z: Vec<[f32; 2]>,
    page_base: u32,
    mesh_units: Vec<u32>,
    texel_m: Vec2,
}

impl WorldIndex {
    /// Reads and checks the index of an archive, and loads the materials.
    ///
    /// # Errors
    /// When something is missing, corrupt or contradicts itself.
    pub fn load(archive: &Archive) -> Result<Self, IndexError> {
        let world = World::decode(&archive.section(World::SECTION)?)?;
        let t = &world.texture;
        let layout = VtLayout::with_pages(t.texels[0], t.texels[1], t.page_texels, t.border)?;
        if layout.pages() != t.pages {
            return Err(WorldError::Invalid {
                what: "number of pages",
                expected: "what the texture's size needs",
            }
            .into());
        }
        let materials = Materials::decode(&archive.read(world.materials_entry())?)?;
        let units = unit_infos(&world, &layout, archive)?;
        Self::build(world, layout, materials, units)
    }

    fn build(
        mut world: World,
        layout: VtLayout,
        materials: Materials,
        units: Vec<UnitInfo>,
    ) -> Result<Self, IndexError> {
        let t = &world.terrain;
        let tile_size = t.spacing * f64::from(t.tile_quads);
        let grid = QuadGrid::new(t.min.as_vec2(), tile_size.as_vec2(), t.tiles(0), t.levels)?;
        let column = |f: &dyn Fn(&farplane_world::TileNode) -> f32| t.nodes.iter().map(f).collect();
        let error_m: Vec<f32> = column(&|n| n.error_m);
        let min_z: Vec<f32> = column(&|n| t.height_m(n.min_q) as f32);
        let max_z: Vec<f32> = column(&|n| t.height_m(n.max_q) as f32);
        let (octree, baked_places) = in_spatial_order(&mut world)?;
        let block_firsts = block_firsts(&octree);
        let Assets { lods, lod_costs, of_instances: assets } = Assets::new(&world)?;
        let (mut centers, mut radii) = ([const { Vec::new() }; 3], Vec::new());
        for instance in &world.instances {
            let sphere = bounding_sphere(&world, instance);
            for (axis, at) in centers.iter_mut().zip(sphere.center.to_array()) {
                axis.push(at);
            }
            radii.push(sphere.radius);
        }
        let texel_m = world.texel_m().as_vec2();
        let mut mesh_units = Vec::with_capacity(world.meshes.len());
        let mut next = world.mesh_base();
        for m in &world.meshes {
            mesh_units.push(next);
            next += m.levels.len() as u32;
        }
        let first = mesh_units.first().copied().unwrap_or(0);
        let slot = |i: &farplane_world::Instance| mesh_units[i.mesh as usize] - first;
        let mesh_slots = world.instances.iter().map(slot).collect();
        let levels = |(mesh, m): (u32, &farplane_world::MeshLods)| {
            let draw = |(level, l): (u8, &farplane_world::MeshLevel)| BatchSlot {
                batch: Batch { material: 0, mesh, level },
                range: MeshRange { index_count: l.indices, ..MeshRange::default() },
            };
            (0..).zip(&m.levels).map(draw).collect::<Vec<_>>()
        };
        let mesh_draws = (0..).zip(&world.meshes).flat_map(levels).collect();
        let mut index = Self {
            baked_places,
            mesh_slots,
            mesh_draws,
            block_firsts,
            page_base: world.page_base(),
            world,
            layout,
            materials,
            units,
            centers,
            radii,
            assets,
            lods,
            lod_costs,
            octree,
            grid,
            error_m,
            min_z,
            max_z,
            page_z: Vec::new(),
            mesh_units,
            texel_m,
        };
        index.page_z = (0..index.layout.pages()).map(|i| index.page_heights(i)).collect();
        Ok(index)
    }

    /// The instances, for the selection of levels.
    ///
    /// # Panics
    /// Never: the columns were made together.
    #[must_use]
    pub fn instances(&self) -> Instances<'_> {
        let [x, y, z] = &self.centers;
        Instances::new([x, y, z], &self.radii, &self.assets).expect("one element per instance")
    }

    /// Centre of an instance's bounding sphere, relative to the world's origin, m.
    #[must_use]
    pub fn center(&self, instance: u32) -> Vec3 {
        Vec3::from_array([0, 1, 2].map(|axis| self.centers[axis][instance as usize]))
    }

    /// The terrain's quadtree; node numbers are unit numbers.
    ///
    /// # Panics
    /// Never: the columns were made together.
    #[must_use]
    pub fn quadtree(&self) -> QuadTree<'_> {
        QuadTree::new(self.grid, &self.error_m, &self.min_z, &self.max_z)
            .expect("one element per node")
    }

    /// The shape of the terrain's quadtree.
    #[must_use]
    pub fn grid(&self) -> &QuadGrid {
        &self.grid
    }

    /// Geometric error of a tile, m.
    #[must_use]
    pub fn tile_error_m(&self, unit: u32) -> f32 {
        self.error_m[unit as usize]
    }

    /// Unit of a page.
    #[must_use]
    pub fn page_unit(&self, page: PageId) -> Option<u32> {
        Some(self.page_base + self.layout.index(page)?)
    }

    /// Page of a unit; `None` for other kinds.
    #[must_use]
    pub fn page_of(&self, unit: u32) -> Option<PageId> {
        self.layout.page(unit.checked_sub(self.page_base)?)
    }

    /// Number of the first page among the units.
    #[must_use]
    pub fn page_base(&self) -> u32 {
        self.page_base
    }

    /// Unit of a mesh level.
    #[must_use]
    pub fn mesh_unit(&self, mesh: u32, level: u8) -> u32 {
        self.mesh_units[mesh as usize] + u32::from(level)
    }

    /// Mesh of an instance.
    #[must_use]
    pub fn mesh_of(&self, instance: u32) -> u32 {
        self.assets[instance as usize] / SCALE_CLASSES
    }

    /// Place of a mesh level among all mesh levels, from 0.
    #[must_use]
    pub fn mesh_level(&self, mesh: u32, level: u8) -> usize {
        (self.mesh_unit(mesh, level) - self.mesh_units[0]) as usize
    }

    /// Mesh levels of all meshes.
    #[must_use]
    pub fn mesh_level_count(&self) -> usize {
        (self.page_base - self.world.mesh_base()) as usize
    }

    /// Number of levels of a mesh.
    #[must_use]
    pub fn mesh_levels(&self, mesh: u32) -> u8 {
        self.world.meshes[mesh as usize].levels.len() as u8
    }

    /// The mip whose texels are nearest to one picture pixel at a distance: ⌊log₂(distance ÷ focal
    /// length ÷ texel) + ½⌋, by ray cones (Akenine-Möller et al., Ray Tracing Gems, 2019, chapter
    /// 20: constant spread per pixel), without their factor for grazing angles, as with anisotropic
    /// filtering.
    #[must_use]
    pub fn mip_at(&self, distance_m: f32, focal_px: f32) -> u8 {
        let texels = distance_m / (focal_px * self.texel_m.x.max(self.texel_m.y));
        let last = self.layout.mips() - 1;
        let mut mip = 0;
        // 2^(mip + ½) squared is 2^(2·mip + 1).
        let mut limit = 2.0f32;
        while mip < last && texels * texels >= limit {
            mip += 1;
            limit *= 4.0;
        }
        mip
    }

    /// The page of a mip under a point relative to the world's origin; `None` outside the world.
    #[must_use]
    pub fn page_at(&self, mip: u8, x: f32, y: f32) -> Option<PageId> {
        let min = self.grid.min();
        let page_m = self.texel_m * self.layout.page_texels() as f32 * (1u32 << mip) as f32;
        let (px, py) = ((x - min.x) / page_m.x, (y - min.y) / page_m.y);
        let inside = |v: f32, n: u16| v >= 0.0 && v < f32::from(n);
        (inside(px, self.layout.pages_x(mip)) && inside(py, self.layout.pages_y(mip)))
            .then_some(PageId { mip, x: px as u16, y: py as u16 })
    }

    /// Texel coordinates of a point in a page, from the page's own south-west corner.
    #[must_use]
    pub fn texel_in_page(&self, page: PageId, x: f32, y: f32) -> (f32, f32) {
        let texel = self.texel_m * (1u32 << page.mip) as f32;
        let first = self.layout.page_texels() as f32;
        let at = (Vec2::new(x, y) - self.grid.min()) / texel;
        (at.x - f32::from(page.x) * first, at.y - f32::from(page.y) * first)
    }

    /// Box of a page on the ground, relative to the world's origin.
    #[must_use]
    pub fn page_bounds(&self, page: PageId) -> Option<Aabb> {
        let index = self.layout.index(page)? as usize;
        let (min, max) = self.page_extent(page);
        let [low, high] = self.page_z[index];
        Some(Aabb::new(min.extend(low), max.extend(high)))
    }

    fn page_extent(&self, page: PageId) -> (Vec2, Vec2) {
        let texels = f64::from(self.layout.page_texels() << page.mip);
        let size = self.world.texel_m() * texels;
        let min = self.world.terrain.min;
        let end = min + self.world.terrain.size_m();
        let corner = |x: u16, y: u16| {
            (min + size * farplane_geom::DVec2::new(f64::from(x), f64::from(y))).min(end).as_vec2()
        };
        (corner(page.x, page.y), corner(page.x + 1, page.y + 1))
    }

    /// Lowest and highest ground under a page: from the finest tiles that are at least as large, of
    /// which at most four touch it.
    fn page_heights(&self, index: u32) -> [f32; 2] {
        let Some(page) = self.layout.page(index) else { return [0.0; 2] };
        let (min, max) = self.page_extent(page);
        let size = max - min;
        let mut tile = self.grid.tile_size_m();
        let mut level = 0;
        while level + 1 < self.grid.levels() && (tile.x < size.x || tile.y < size.y) {
            level += 1;
            tile *= 2.0;
        }
        let [w, h] = self.grid.dims(level);
        let at = |p: Vec2| ((p - self.grid.min()) / tile).max(Vec2::ZERO);
        let (first, last) = (at(min), at(max));
        let mut z = [f32::MAX, f32::MIN];
        for y in first.y as u32..=(last.y as u32).min(h - 1) {
            for x in first.x as u32..=(last.x as u32).min(w - 1) {
                if let Some(node) = self.grid.node(level, x, y) {
                    z[0] = z[0].min(self.min_z[node.index as usize]);
                    z[1] = z[1].max(self.max_z[node.index as usize]);
                }
            }
        }
        if z[0] <= z[1] { z } else { [self.min_z[0], self.max_z[0]] }
    }

    /// The deepest that a unit's stand-in may be coarser: the next coarser unit that covers the same
    /// ground or object; `None` at the top.
    #[must_use]
    pub fn coarser(&self, unit: u32) -> Option<u32> {
        if let Some(page) = self.page_of(unit) {
            return self.page_unit(self.layout.parent(page)?);
        }
        match self.world.unit_kind(unit)? {
            UnitKind::Tile { level, x, y } => {
                let node = self.grid.node(level, x, y)?;
                self.grid.parent(&node).map(|n| n.index)
            }
            UnitKind::MeshLevel { mesh, level } => {
                (level + 1 < u32::from(self.mesh_levels(mesh))).then_some(unit + 1)
            }
            UnitKind::Page { .. } => None,
        }
    }

    /// Units of the levels that are finer than a mesh level, the next finer first; none for other
    /// kinds of units.
    pub fn finer_mesh_levels(&self, unit: u32) -> impl Iterator<Item = u32> + use<> {
        let first = match self.world.unit_kind(unit) {
            Some(UnitKind::MeshLevel { level, .. }) => unit - level,
            _ => unit,
        };
        (first..unit).rev()
    }

    /// Bytes of the tables of this index.
    #[must_use]
    pub fn index_bytes(&self) -> u64 {
        let tiles = self.error_m.len() * 12 + self.world.terrain.nodes.len() * 8;
        let instances = self.radii.len() * (12 + 4 + 4 + 4 + 4 + 24)
            + self.octree.index_bytes()
            + self.block_firsts.len() * 4;
        (tiles + instances + self.page_z.len() * 8 + self.units.len() * size_of::<UnitInfo>())
            as u64
    }

    /// A view's position relative to the world's origin.
    #[must_use]
    pub fn relative(&self, view: &View) -> Vec3 {
        view.relative(self.world.origin)
    }
}

fn unit_infos(
    world: &World,
    layout: &VtLayout,
    archive: &Archive,
) -> Result<Vec<UnitInfo>, IndexError> {
    let pinned_level = world.terrain.levels.saturating_sub(PINNED_TILE_LEVELS);
    let mut units = Vec::with_capacity(world.unit_count() as usize);
    let mut push = |home, resident: u64, expected: Option<u64>, pinned| {
        let entry = units.len() as u32;
        let wrong = |found_bytes| IndexError::Entry {
            entry,
            expected_bytes: expected.unwrap_or(0),
            found_bytes,
        };
        let extent = archive.extent(entry).ok_or(wrong(0))?;
        let logical = u64::from(extent.logical_bytes);
        if expected.is_some_and(|e| e != logical) || extent.stored_bytes == 0 {
            return Err(wrong(logical));
        }
        units.push(UnitInfo {
            offset: extent.offset,
            stored_bytes: extent.stored_bytes,
            resident_bytes: u32::try_from(resident).map_err(|_| wrong(resident))?,
            home,
            pinned,
        });
        Ok(())
    };
    for level in 0..world.terrain.levels {
        let [w, h] = world.terrain.tiles(level);
        let bytes = u64::from(world.terrain.tile_bytes());
        for _ in 0..w * h {
            push(Home::Heap, bytes, Some(bytes), level >= pinned_level)?;
        }
    }
    for mesh in &world.meshes {
        let last = mesh.levels.len() - 1;
        for (i, level) in mesh.levels.iter().enumerate() {
            push(Home::Heap, level.bytes(), Some(level.bytes()), i == last)?;
        }
    }
    for index in 0..layout.pages() {
        let mip = layout.page(index).map_or(0, |p| p.mip);
        let pinned = mip + PINNED_MIPS >= layout.mips();
        push(Home::Slot, layout.page_bytes() as u64, None, pinned)?;
    }
    Ok(units)
}

/// Puts a world's instances into the order of an octree over them. Returns that tree, which knows
/// them by their new numbers, and the old number of each.
fn in_spatial_order(world: &mut World) -> Result<(Octree, Vec<u32>), OctreeError> {
    let boxes = |i: &farplane_world::Instance| Aabb::around(&bounding_sphere(world, i));
    let boxes: Vec<(Aabb, u32)> = world.instances.iter().map(boxes).zip(0..).collect();
    let mut octree = Octree::build(&boxes)?;
    let old = octree.number_in_order();
    world.instances = old.iter().map(|&i| world.instances[i as usize]).collect();
    Ok((octree, old))
}

/// By block of a tree: its first item.
fn block_firsts(octree: &Octree) -> Vec<u32> {
    let mut firsts = Vec::new();
    let everywhere = Sphere::new(Vec3::ZERO, f32::INFINITY);
    let ControlFlow::Continue(()) =
        octree.query().visit_sphere_blocks(&everywhere, |BlockHits { block, items, .. }| {
            firsts.resize(firsts.len().max(block as usize + 1), 0);
            firsts[block as usize] = items[0];
            ControlFlow::<Infallible>::Continue(())
        });
    firsts
}

/// The sphere around an instance, however it is turned, relative to the world's origin.
fn bounding_sphere(world: &World, instance: &farplane_world::Instance) -> Sphere {
    let bounds = world.meshes[instance.mesh as usize].bounds;
    // Meshes turn about z: their sphere's centre stays within this of the axis.
    let c = bounds.center;
    let off_axis = (c.x * c.x + c.y * c.y).sqrt() * instance.scale;
    let center = instance.position + Vec3::new(0.0, 0.0, c.z * instance.scale);
    Sphere::new(center, bounds.radius * instance.scale + off_axis)
}

/// Meshes in classes of scales, since an error grows with the scale.
struct Assets {
    lods: Vec<AssetLods>,
    lod_costs: Vec<AssetCosts>,
    of_instances: Vec<u32>,
}

impl Assets {
    fn new(world: &World) -> Result<Self, IndexError> {
        let scales = world.instances.iter().map(|i| i.scale);
        let (low, high) = scales.fold((f32::MAX, f32::MIN), |(lo, hi), s| (lo.min(s), hi.max(s)));
        let step = (high - low).max(0.0) / SCALE_CLASSES as f32;
        let class = |scale: f32| {
            if step > 0.0 { (((scale - low) / step) as u32).min(SCALE_CLASSES - 1) } else { 0 }
        };
        let (mut lods, mut lod_costs) = (Vec::new(), Vec::new());
        for mesh in &world.meshes {
            let triangles: Vec<u32> = mesh.levels.iter().map(|l| l.indices / 3).collect();
            let costs = AssetCosts::new(&triangles, &vec![0; triangles.len()])?;
            for c in 0..SCALE_CLASSES {
                let upper = if step > 0.0 { low + step * (c + 1) as f32 } else { high.max(0.0) };
                let errors: Vec<f32> = mesh.levels.iter().map(|l| l.error_m * upper).collect();
                lods.push(AssetLods::new(&errors)?);
                lod_costs.push(costs);
            }
        }
        let of_instances =
            world.instances.iter().map(|i| i.mesh * SCALE_CLASSES + class(i.scale)).collect();
        Ok(Self { lods, lod_costs, of_instances })
    }
}
