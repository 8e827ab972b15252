//! The streams against meshoptimizer itself.

use super::{indices, vertices};

fn noise(seed: u32, len: usize) -> Vec<u32> {
    let mut state = seed | 1;
    (0..len)
        .map(|_| {
            // Marsaglia's xorshift32.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        })
        .collect()
}

/// Lists of triangles of several kinds: fans, strips, scattered, degenerate.
fn triangle_lists() -> Vec<Vec<[u32; 3]>> {
    let pick = |seed, count: usize, below: u32| -> Vec<[u32; 3]> {
        let values = noise(seed, count * 3);
        values.chunks_exact(3).map(|t| [t[0] % below, t[1] % below, t[2] % below]).collect()
    };
    let mut lists: Vec<Vec<[u32; 3]>> = vec![
        Vec::new(),
        (0..500).map(|i| [0, i + 1, i + 2]).collect(),
        (0..500).map(|i| [i, i + 1 + i % 2, i + 2 - i % 2]).collect(),
        (0..40).flat_map(|_| [[0, 1, 2], [2, 1, 3]]).collect(),
        (0..900).map(|i| [i * 3, i * 3 + 1, i * 3 + 2]).collect(),
    ];
    for below in [3, 20, 1000, 2_000_000_000] {
        lists.push(pick(below, 400, below));
    }
    lists
}

#[test]
fn index_streams_are_those_of_the_library() {
    for triangles in triangle_lists() {
        let flat: Vec<u32> = triangles.iter().flatten().copied().collect();
        let mut own = Vec::new();
        let turns = indices::encode_stream(&triangles, &mut own);
        if !flat.is_empty() {
            let count = flat.iter().max().map_or(0, |max| *max as usize + 1);
            assert_eq!(own, meshopt::encode_index_buffer(&flat, count).unwrap());
            let back: Vec<u32> = meshopt::decode_index_buffer(&own, flat.len()).unwrap();
            let turned = triangles.iter().zip(&turns);
            let expected = turned.flat_map(|(t, &turn)| {
                let turn = usize::from(turn);
                [t[turn], t[(turn + 1) % 3], t[(turn + 2) % 3]]
            });
            assert!(back.into_iter().eq(expected));
        }
        let mut decoder = indices::Decoder::new(&own, triangles.len()).unwrap();
        for (index, (triangle, turn)) in triangles.iter().zip(turns).enumerate() {
            let mut turned = *triangle;
            turned.rotate_left(usize::from(turn));
            assert_eq!(decoder.triangle(index), Some(turned));
        }
        assert!(decoder.is_at_the_end());
    }
}

#[test]
fn vertex_streams_decode_as_the_library_decodes_them() {
    for (count, smooth) in [(1, false), (15, true), (17, false), (700, true), (5000, true)] {
        let words = noise(count as u32, count * 4);
        let values: Vec<[u32; 4]> = words
            .chunks_exact(4)
            .enumerate()
            .map(|(i, w)| {
                if smooth {
                    [i as u32 * 3, w[0] % 5, 9, w[1] % 300]
                } else {
                    [w[0], w[1], w[2], w[3]]
                }
            })
            .collect();
        let bytes: Vec<u8> = values.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
        let mut own = Vec::new();
        vertices::encode_stream(&bytes, 16, &mut own);
        let back: Vec<[u32; 4]> = meshopt::decode_vertex_buffer(&own, count).unwrap();
        assert_eq!(back, values);
        let mut decoded = vec![0; bytes.len()];
        vertices::decode_stream(&own, 16, &mut decoded).unwrap();
        assert_eq!(decoded, bytes);
    }
}
