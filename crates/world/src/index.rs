use crate::bytes::{Put, Reader, WorldError, invalid};
use crate::{Terrain, TileNode, mesh};
use farplane_geom::{DVec2, DVec3, Geographic, Projection, Sphere, Vec3};

/// One level of detail of a mesh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeshLevel {
    /// Geometric error against the finest level, m at scale 1.
    pub error_m: f32,
    /// Vertices.
    pub vertices: u32,
    /// Indices, three a triangle.
    pub indices: u32,
}

impl MeshLevel {
    /// Bytes of the payload.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        mesh::payload_bytes(self.vertices, self.indices)
    }
}

/// A mesh and its levels of detail, finest first.
#[derive(Clone, Debug, PartialEq)]
pub struct MeshLods {
    /// Bounding sphere of all levels about the mesh's own origin, at scale 1.
    pub bounds: Sphere,
    /// Levels, errors not decreasing; 1 to 8.
    pub levels: Vec<MeshLevel>,
}

/// A placed mesh.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instance {
    /// Position relative to the world's origin, m.
    pub position: Vec3,
    /// Rotation about z, radians.
    pub yaw_rad: f32,
    /// Scale, positive.
    pub scale: f32,
    /// Number of the mesh.
    pub mesh: u32,
}

/// The virtual texture over the terrain's valid extent. Texel row 0 is the southernmost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextureLayout {
    /// Texels east and north at mip 0; multiples of `page_texels`.
    pub texels: [u32; 2],
    /// Texels along the side of a page, without border.
    pub page_texels: u32,
    /// Border around a page, texels.
    pub border: u32,
    /// Pages of all mips.
    pub pages: u32,
}

impl TextureLayout {
    /// A layout with its number of pages: each mip has half the pages (rounded up) of the one
    /// before, down to a single one.
    #[must_use]
    pub fn new(texels: [u32; 2], page_texels: u32, border: u32) -> Self {
        let mut n = texels.map(|t| t.div_ceil(page_texels.max(1)).max(1));
        let mut pages = 0u32;
        loop {
            pages = pages.saturating_add(n[0].saturating_mul(n[1]));
            if n == [1, 1] {
                return Self { texels, page_texels, border, pages };
            }
            n = n.map(|v| v.div_ceil(2));
        }
    }

    /// Texels along the side of a page with its border.
    #[must_use]
    pub fn texels_with_border(&self) -> u32 {
        self.page_texels + 2 * self.border
    }

    /// Bytes of a page's pixels with the border, RGBA8.
    #[must_use]
    pub fn page_bytes(&self) -> u64 {
        u64::from(self.texels_with_border()) * u64::from(self.texels_with_border()) * 4
    }
}

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitKind {
    /// A terrain tile.
    Tile {
        /// Level, 0 the finest.
        level: u32,
        /// Column from the west.
        x: u32,
        /// Row from the south.
        y: u32,
    },
    /// A level of a mesh.
    MeshLevel {
        /// Number of the mesh.
        mesh: u32,
        /// Level, 0 the finest.
        level: u32,
    },
    /// A page of the virtual texture.
    Page {
        /// Dense index: mip by mip from the finest, row by row from the south.
        index: u32,
    },
}

/// The index of a world: everything that is known without loading a unit. Units are numbered
/// tiles first, then mesh levels, then pages; the entry after the last unit holds the materials.
///
/// ```text
/// 0   u32 schema version (1)
/// 4   text source, text CRS (u32 length, UTF-8 each)
/// …   u32 projection (0 metric, 1 equirectangular), f64 longitude, f64 latitude of its centre
/// …   3 × f64 origin, u64 voids filled
/// …   terrain: 6 × f64, 4 × u32, 8 bytes a tile
/// …   texture: 4 × u32 (texels east, north, page, border)
/// …   u32 meshes; each: 4 × f32 sphere, u32 levels; each level: f32 error, u32 vertices, u32 indices
/// …   u32 instances; each: 3 × f32 position, f32 yaw, f32 scale, u32 mesh
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// What the world was made from, one line for people.
    pub source: String,
    /// Name of the coordinate reference system of the metres; empty for none.
    pub crs: String,
    /// How metres came about.
    pub projection: Projection,
    /// World position of the local zero, m. Everything else is relative to it.
    pub origin: DVec3,
    /// Height samples that had no data in the source and were filled from their surroundings.
    pub filled_voids: u64,
    /// The ground.
    pub terrain: Terrain,
    /// The texture over it.
    pub texture: TextureLayout,
    /// Meshes.
    pub meshes: Vec<MeshLods>,
    /// Placed meshes.
    pub instances: Vec<Instance>,
}

impl World {
    /// Schema version that this crate writes and reads.
    pub const VERSION: u32 = 1;

    /// Name of the archive section that holds the index.
    pub const SECTION: [u8; 8] = *b"world\0\0\0";

    /// Number of the first mesh level.
    #[must_use]
    pub fn mesh_base(&self) -> u32 {
        self.terrain.tile_count()
    }

    /// Unit of a mesh level. O(meshes).
    #[must_use]
    pub fn mesh_unit(&self, mesh: u32, level: u32) -> u32 {
        let before = self.meshes[..mesh as usize].iter().map(|m| m.levels.len() as u32);
        self.mesh_base() + before.sum::<u32>() + level
    }

    /// Number of the first page.
    #[must_use]
    pub fn page_base(&self) -> u32 {
        self.mesh_base() + self.meshes.iter().map(|m| m.levels.len() as u32).sum::<u32>()
    }

    /// Number of units.
    #[must_use]
    pub fn unit_count(&self) -> u32 {
        self.page_base() + self.texture.pages
    }

    /// Archive entry of the materials.
    #[must_use]
    pub fn materials_entry(&self) -> u32 {
        self.unit_count()
    }

    /// What a unit is; `None` past the last one. O(levels + meshes).
    #[must_use]
    pub fn unit_kind(&self, unit: u32) -> Option<UnitKind> {
        if let Some((level, x, y)) = self.terrain.coordinates(unit) {
            return Some(UnitKind::Tile { level, x, y });
        }
        let mut rest = unit - self.mesh_base();
        for (mesh, m) in self.meshes.iter().enumerate() {
            if rest < m.levels.len() as u32 {
                return Some(UnitKind::MeshLevel { mesh: mesh as u32, level: rest });
            }
            rest -= m.levels.len() as u32;
        }
        (rest < self.texture.pages).then_some(UnitKind::Page { index: rest })
    }

    /// Corners of the valid extent in world metres: south-west and north-east.
    #[must_use]
    pub fn extent(&self) -> [DVec2; 2] {
        let min = DVec2::new(self.origin.x, self.origin.y) + self.terrain.min;
        [min, min + self.terrain.size_m()]
    }

    /// Metres per texel of mip 0, east and north.
    #[must_use]
    pub fn texel_m(&self) -> DVec2 {
        let [w, h] = self.texture.texels;
        self.terrain.size_m() / DVec2::new(f64::from(w), f64::from(h))
    }

    /// Encodes the index.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_u32(Self::VERSION);
        out.put_text(&self.source);
        out.put_text(&self.crs);
        let center = self.projection.center();
        out.put_u32(u32::from(center.is_some()));
        let center = center.unwrap_or(Geographic { lon: 0.0, lat: 0.0 });
        for v in [center.lon, center.lat, self.origin.x, self.origin.y, self.origin.z] {
            out.put_f64(v);
        }
        out.put_u64(self.filled_voids);
        self.terrain.encode(&mut out);
        let t = &self.texture;
        for v in [t.texels[0], t.texels[1], t.page_texels, t.border] {
            out.put_u32(v);
        }
        out.put_u32(self.meshes.len() as u32);
        for m in &self.meshes {
            let c = m.bounds.center;
            for v in [c.x, c.y, c.z, m.bounds.radius] {
                out.put_f32(v);
            }
            out.put_u32(m.levels.len() as u32);
            for l in &m.levels {
                out.put_f32(l.error_m);
                out.put_u32(l.vertices);
                out.put_u32(l.indices);
            }
        }
        out.put_u32(self.instances.len() as u32);
        for i in &self.instances {
            for v in [i.position.x, i.position.y, i.position.z, i.yaw_rad, i.scale] {
                out.put_f32(v);
            }
            out.put_u32(i.mesh);
        }
        out
    }

    /// Decodes and checks an index.
    ///
    /// # Errors
    /// Names the field that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, WorldError> {
        let mut r = Reader::new(bytes);
        let found = r.u32("schema version")?;
        if found != Self::VERSION {
            return Err(WorldError::Version { found, supported: Self::VERSION });
        }
        let (source, crs) = (r.text("source")?, r.text("CRS")?);
        let kind = r.u32("projection")?;
        let (lon, lat) = (r.f64("projection")?, r.f64("projection")?);
        let projection = match kind {
            0 if lon.to_bits() == 0 && lat.to_bits() == 0 => Projection::Metric,
            1 if (-540.0..=540.0).contains(&lon) && (-89.0..=89.0).contains(&lat) => {
                Projection::Equirectangular(Geographic { lon, lat })
            }
            _ => {
                return invalid(
                    "projection",
                    "0 with a centre of zeros, or 1 with its centre off the poles",
                );
            }
        };
        let origin = DVec3::new(r.f64("origin")?, r.f64("origin")?, r.f64("origin")?);
        let filled_voids = r.u64("voids")?;
        let terrain = Terrain::decode(&mut r)?;
        let texture = decode_texture(&mut r)?;
        let meshes = decode_meshes(&mut r)?;
        let instances = decode_instances(&mut r, meshes.len() as u32)?;
        r.end("world index")?;
        let levels = meshes.iter().map(|m| m.levels.len() as u64).sum::<u64>();
        if u64::from(terrain.tile_count()) + levels + u64::from(texture.pages) >= 1 << 31 {
            return invalid("number of units", "below 2^31");
        }
        Ok(Self {
            source,
            crs,
            projection,
            origin,
            filled_voids,
            terrain,
            texture,
            meshes,
            instances,
        })
    }

    /// A world of one flat tile, one mesh and one instance: for examples and tests.
    #[must_use]
    pub fn example() -> Self {
        let level = |error_m| MeshLevel { error_m, vertices: 3, indices: 3 };
        Self {
            source: "example".into(),
            crs: String::new(),
            projection: Projection::Metric,
            origin: DVec3::ZERO,
            filled_voids: 0,
            terrain: Terrain {
                min: DVec2::splat(-64.0),
                spacing: DVec2::ONE,
                quads: [128, 128],
                tile_quads: 128,
                levels: 1,
                base_m: 0.0,
                quantum_m: 0.01,
                nodes: vec![TileNode { min_q: 0, max_q: 100, error_m: 0.0 }],
            },
            texture: TextureLayout::new([256, 256], 128, 4),
            meshes: vec![MeshLods {
                bounds: Sphere::new(Vec3::ZERO, 1.0),
                levels: vec![level(0.0), level(0.2)],
            }],
            instances: vec![Instance { position: Vec3::ZERO, yaw_rad: 0.0, scale: 1.0, mesh: 0 }],
        }
    }
}

fn decode_texture(r: &mut Reader<'_>) -> Result<TextureLayout, WorldError> {
    let mut u = || r.u32("texture layout");
    let (texels, page_texels, border) = ([u()?, u()?], u()?, u()?);
    if !page_texels.is_power_of_two() || !(8..=1024).contains(&page_texels) || border > 64 {
        return invalid("texture pages", "a power of two, 8 to 1024, border at most 64");
    }
    if texels.iter().any(|t| *t == 0 || *t > 1 << 21 || t % page_texels != 0) {
        return invalid("texture size", "whole pages, at most 2^21 texels");
    }
    Ok(TextureLayout::new(texels, page_texels, border))
}

fn decode_meshes(r: &mut Reader<'_>) -> Result<Vec<MeshLods>, WorldError> {
    let count = r.count(20 + 12, "meshes")?;
    let mut meshes = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let mut f = || r.f32("mesh sphere");
        let bounds = Sphere::new(Vec3::new(f()?, f()?, f()?), f()?);
        let level_count = r.u32("mesh levels")?;
        if !(1..=8).contains(&level_count) || bounds.radius < 0.0 {
            return invalid("mesh", "1 to 8 levels and a radius that is not negative");
        }
        let mut levels: Vec<MeshLevel> = Vec::with_capacity(level_count as usize);
        for _ in 0..level_count {
            let error_m = r.f32("mesh error")?;
            let (vertices, indices) = (r.u32("mesh vertices")?, r.u32("mesh indices")?);
            if error_m < levels.last().map_or(0.0, |l| l.error_m) {
                return invalid("mesh errors", "not decreasing");
            }
            if !(1..=65_536).contains(&vertices) || indices % 3 != 0 || indices > 1 << 24 {
                return invalid("mesh counts", "1 to 65,536 vertices and whole triangles");
            }
            levels.push(MeshLevel { error_m, vertices, indices });
        }
        meshes.push(MeshLods { bounds, levels });
    }
    Ok(meshes)
}

fn decode_instances(r: &mut Reader<'_>, meshes: u32) -> Result<Vec<Instance>, WorldError> {
    let count = r.count(24, "instances")?;
    let mut instances = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let mut f = || r.f32("instance");
        let (position, yaw_rad, scale) = (Vec3::new(f()?, f()?, f()?), f()?, f()?);
        let mesh = r.u32("instance mesh")?;
        if mesh >= meshes || scale <= 0.0 {
            return invalid("instance", "of an existing mesh with a positive scale");
        }
        instances.push(Instance { position, yaw_rad, scale, mesh });
    }
    Ok(instances)
}
