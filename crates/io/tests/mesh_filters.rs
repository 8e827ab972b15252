//! The mesh filters against the library that their formats come from.

use farplane_io::{Archive, ArchiveBuilder, Filter, pack};

/// A grid of `side` × `side` quads, two triangles each, rows shuffled by a stride.
fn grid(side: u32) -> (Vec<[u16; 4]>, Vec<u32>) {
    let vertices = (0..=side)
        .flat_map(|y| (0..=side).map(move |x| [x as u16, y as u16, (x * x / 7 + y * 3) as u16, 7]))
        .collect();
    let at = |x: u32, y: u32| y * (side + 1) + x;
    let indices = (0..side)
        .flat_map(|y| (0..side).map(move |x| (x, y)))
        .flat_map(|(x, y)| {
            let [a, b, c, d] = [at(x, y), at(x + 1, y), at(x, y + 1), at(x + 1, y + 1)];
            [a, b, c, c, b, d]
        })
        .collect();
    (vertices, indices)
}

/// The stored bytes of one entry, without their block table: filtered, or filtered and LZ4.
fn stored(bytes: &[u8], filter: Filter) -> usize {
    let mut builder = ArchiveBuilder::new();
    builder.add(0, &pack(bytes, filter)).unwrap();
    let archive = Archive::from_bytes(builder.finish().0).unwrap();
    assert_eq!(archive.read(0).unwrap(), bytes);
    archive.extent(0).unwrap().stored_bytes as usize - 8
}

#[test]
fn triangles_of_a_grid_take_a_tenth_and_come_back_to_the_byte() {
    let (vertices, indices) = grid(50);
    let optimised = meshopt::optimize_vertex_cache(&indices, vertices.len());
    for indices in [indices, optimised] {
        let wide: Vec<u8> = indices.iter().flat_map(|i| i.to_le_bytes()).collect();
        let narrow: Vec<u8> = indices.iter().flat_map(|i| (*i as u16).to_le_bytes()).collect();
        assert!(stored(&wide, Filter::MeshIndices32) * 8 < wide.len());
        assert!(stored(&narrow, Filter::MeshIndices16) * 4 < narrow.len());
        // No larger than what the library makes of it, but for the turns: 2 bits a triangle.
        let library = meshopt::encode_index_buffer(&indices, vertices.len()).unwrap();
        let limit = library.len() + indices.len() / 12 + 2;
        assert!(stored(&wide, Filter::MeshIndices32) <= limit);
    }
}

#[test]
fn vertices_are_stored_in_less_than_plain_lz4_takes() {
    let (vertices, _) = grid(80);
    let bytes: Vec<u8> = vertices.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
    let filtered = stored(&bytes, Filter::MeshVertices { stride: 8 });
    assert!(filtered * 3 < bytes.len(), "{filtered} of {}", bytes.len());
    assert!(filtered < stored(&bytes, Filter::None));
}
