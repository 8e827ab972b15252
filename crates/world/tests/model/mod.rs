//! What every payload of the schema promises, checked on bytes that the property test and the fuzz
//! target make up: decoding never panics, and what decodes is encoded to the same bytes again.

use farplane_world::materials::{Layer, Materials, MipImage, Rule};
use farplane_world::mesh::{self, Mesh, Vertex};
use farplane_world::page::{self, Decal, Page, Recipe};
use farplane_world::{UnitKind, World};

/// Side of the sample pages with their border.
pub const PAGE_TEXELS: u32 = 32;

/// A payload that the schema knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Payload {
    World,
    Mesh,
    Page,
    Materials,
}

impl Payload {
    pub const ALL: [Self; 4] = [Self::World, Self::Mesh, Self::Page, Self::Materials];

    /// Small valid bytes.
    pub fn sample(self) -> Vec<u8> {
        match self {
            Self::World => World::example().encode(),
            Self::Mesh => {
                let normal = [0, 0, 127, 0];
                let vertex = Vertex { position: [1.0, 2.0, 3.0], normal, color: [1, 2, 3, 4] };
                mesh::encode(&Mesh { vertices: vec![vertex; 3], indices: vec![0, 1, 2] })
            }
            Self::Page => {
                let plane = vec![7u8; 81];
                page::encode_recipe(&Recipe {
                    control: 9,
                    planes: [&plane; 5],
                    decals: vec![Decal { image: 1, mip: 2, opacity: 3, x: -4, y: 5 }],
                })
            }
            Self::Materials => {
                let image = MipImage { side: 2, mips: vec![vec![[1; 4]; 4], vec![[2; 4]; 1]] };
                let layer = Layer { rule: Rule::default(), image: image.clone() };
                Materials { layers: vec![layer], decals: vec![image] }.encode()
            }
        }
    }

    /// What the decoder made of the bytes, encoded again; `None` where it refused them.
    pub fn encoded_again(self, bytes: &[u8], page_texels: u32) -> Option<Vec<u8>> {
        match self {
            Self::World => {
                let world = World::decode(bytes).ok()?;
                check_numbering(&world);
                Some(world.encode())
            }
            Self::Mesh => mesh::decode(bytes).ok().map(|m| mesh::encode(&m)),
            Self::Page => page::decode(bytes, page_texels).ok().map(|p| match p {
                Page::Stored(pixels) => page::encode_stored(pixels),
                Page::Recipe(recipe) => page::encode_recipe(&recipe),
            }),
            Self::Materials => Materials::decode(bytes).ok().map(|m| m.encode()),
        }
    }
}

/// Units are numbered without gaps: tiles, then mesh levels, then pages, then nothing.
fn check_numbering(world: &World) {
    let (meshes, pages, end) = (world.mesh_base(), world.page_base(), world.unit_count());
    assert!(meshes <= pages && pages <= end);
    for unit in [0, meshes - 1, meshes, pages.saturating_sub(1), pages, end - 1, end] {
        match world.unit_kind(unit) {
            Some(UnitKind::Tile { level, x, y }) => {
                assert!(unit < meshes);
                assert_eq!(world.terrain.index(level, x, y), Some(unit));
                assert!(world.terrain.bounds(level, x, y).is_some());
            }
            Some(UnitKind::MeshLevel { mesh, level }) => {
                assert!((meshes..pages).contains(&unit));
                assert_eq!(world.mesh_unit(mesh, level), unit);
            }
            Some(UnitKind::Page { index }) => assert_eq!(pages + index, unit),
            None => assert_eq!(unit, end),
        }
    }
}

/// How a run's bytes come about.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// As they are.
    Raw { payload: Payload, page_texels: u32 },
    /// The sample, with bytes replaced as the rest says: two of place, one of value.
    Changed { payload: Payload, keep_eighths: u8 },
}

impl Op {
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (&[how, number], rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        let payload = Payload::ALL[usize::from(how % 4)];
        Some(if how & 4 == 0 {
            Self::Raw { payload, page_texels: u32::from(number % 48) }
        } else {
            Self::Changed { payload, keep_eighths: if how & 8 == 0 { 8 } else { number % 9 } }
        })
    }

    pub fn check(&self, rest: &[u8]) {
        let (payload, page_texels, bytes) = match *self {
            Self::Raw { payload, page_texels } => (payload, page_texels, rest.to_vec()),
            Self::Changed { payload, keep_eighths } => {
                let mut bytes = payload.sample();
                for change in rest.chunks_exact(3) {
                    let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
                    let len = bytes.len();
                    bytes[at % len] = change[2];
                }
                bytes.truncate(bytes.len() * usize::from(keep_eighths) / 8);
                (payload, PAGE_TEXELS, bytes)
            }
        };
        if let Some(again) = payload.encoded_again(&bytes, page_texels) {
            assert_eq!(again, bytes, "{self:?}");
        }
    }
}

/// One operation on the rest of the bytes.
pub fn run(mut bytes: &[u8]) {
    if let Some(op) = Op::decode(&mut bytes) {
        op.check(bytes);
    }
}
