//! The payload of a mesh level:
//!
//! ```text
//! 0   u32  number of vertices, 1 to 65,536
//! 4   u32  number of indices, a multiple of 3
//! 8   vertices, 20 bytes each: position 3 × f32 (m), normal 3 × i8 + 0, colour RGBA8
//! …   indices, u16 each, counter-clockwise seen from outside
//! ```

use crate::bytes::{Put, Reader, WorldError, invalid};
use bytemuck::{Pod, Zeroable};

/// A vertex of a mesh.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Vertex {
    /// Position, m, about the mesh's own origin; z up.
    pub position: [f32; 3],
    /// Unit normal times 127; the fourth is 0.
    pub normal: [i8; 4],
    /// RGBA8.
    pub color: [u8; 4],
}

/// A mesh level in memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mesh {
    /// Vertices.
    pub vertices: Vec<Vertex>,
    /// Three a triangle.
    pub indices: Vec<u16>,
}

/// Bytes that a level of so many vertices and indices takes.
#[must_use]
pub fn payload_bytes(vertices: u32, indices: u32) -> u64 {
    8 + u64::from(vertices) * size_of::<Vertex>() as u64 + u64::from(indices) * 2
}

/// Encodes a level.
#[must_use]
pub fn encode(mesh: &Mesh) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u32(mesh.vertices.len() as u32);
    out.put_u32(mesh.indices.len() as u32);
    for v in &mesh.vertices {
        for p in v.position {
            out.put_f32(p);
        }
        out.put(&v.normal.map(|n| n as u8));
        out.put(&v.color);
    }
    for &i in &mesh.indices {
        out.put_u16(i);
    }
    out
}

/// Decodes and checks a level: counts, finite positions, indices in range, zeros where
/// the layout has them.
///
/// # Errors
/// Names the field that is wrong.
pub fn decode(payload: &[u8]) -> Result<Mesh, WorldError> {
    let mut r = Reader::new(payload);
    let vertex_count = r.u32("mesh vertex count")?;
    let index_count = r.u32("mesh index count")?;
    if !(1..=65_536).contains(&vertex_count) || index_count % 3 != 0 {
        return invalid("mesh counts", "1 to 65,536 vertices and whole triangles");
    }
    let mut vertices = Reader::new(r.take(u64::from(vertex_count) * 20, "mesh vertices")?);
    let mut indices = Reader::new(r.take(u64::from(index_count) * 2, "mesh indices")?);
    r.end("mesh")?;
    let mut mesh = Mesh::default();
    for _ in 0..vertex_count {
        let mut f = || vertices.f32("mesh position");
        let position = [f()?, f()?, f()?];
        let n = vertices.take(4, "mesh normal")?;
        if n[3] != 0 {
            return invalid("mesh normal", "three bytes and a zero");
        }
        let c = vertices.take(4, "mesh colour")?;
        let normal = [n[0] as i8, n[1] as i8, n[2] as i8, 0];
        mesh.vertices.push(Vertex { position, normal, color: [c[0], c[1], c[2], c[3]] });
    }
    for _ in 0..index_count {
        let i = indices.u16("mesh index")?;
        if u32::from(i) >= vertex_count {
            return invalid("mesh index", "below the number of vertices");
        }
        mesh.indices.push(i);
    }
    Ok(mesh)
}
