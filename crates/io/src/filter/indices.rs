//! The index codec of meshoptimizer, version 1 (Arseny Kapoulkine, `indexcodec.cpp`; also mode
//! TRIANGLES of the glTF extension EXT_meshopt_compression), in safe Rust. It is based on Fabian
//! Giesen, "Simple lossless index buffer compression" (2013).
//!
//! The codec keeps each triangle and its winding, but may begin it with another of its corners.
//! So that indices come back byte for byte, how far each was turned is stored beside it.
//!
//! ```text
//! filtered block
//!        0  bytes of the triangle that began in the block before
//!        ·  bytes of the triangle that goes on in the next block
//!        ·  u8 1: turns follow, 0: no triangle was turned
//!        ·  turns, 2 bits a triangle from the lowest
//!        ·  stream: E1, a byte a triangle, further bytes, 16 bytes of table
//! ```

use super::whole;

const HEADER: u8 = 0xE1;
/// Pairs of codes of second and third corners that have a number; the last two are unused.
const PAIRS: [u8; 16] =
    [0x00, 0x76, 0x87, 0x56, 0x67, 0x78, 0xa9, 0x86, 0x65, 0x89, 0x68, 0x98, 0x01, 0x69, 0, 0];
const PAIRS_USED: usize = 14;
/// Codes from here on mean other things than a place in the queue of vertices.
const PLACES: usize = 13;
const TURNS: [[usize; 3]; 3] = [[0, 1, 2], [1, 2, 0], [2, 0, 1]];

type Triangle = [u32; 3];

pub(super) fn encode<const N: usize>(start: usize, block: &[u8], out: &mut Vec<u8>) {
    let (head, count) = whole(start, block.len(), 3 * N);
    let (indices, tail) = block[head..].split_at(count * 3 * N);
    let triangles: Vec<Triangle> = indices
        .chunks_exact(3 * N)
        .map(|triangle| std::array::from_fn(|corner| read::<N>(&triangle[corner * N..])))
        .collect();
    let mut stream = Vec::new();
    let turns = encode_stream(&triangles, &mut stream);
    out.extend_from_slice(&block[..head]);
    out.extend_from_slice(tail);
    let turned = turns.iter().any(|&turn| turn != 0);
    out.push(u8::from(turned));
    if turned {
        let packed = |four: &[u8]| four.iter().rev().fold(0, |byte, turn| byte << 2 | turn);
        out.extend(turns.chunks(4).map(packed));
    }
    out.extend_from_slice(&stream);
}

pub(super) fn decode<const N: usize>(start: usize, filtered: &[u8], out: &mut [u8]) -> Option<()> {
    let (head, count) = whole(start, out.len(), 3 * N);
    let (first, rest) = out.split_at_mut(head);
    let (indices, last) = rest.split_at_mut(count * 3 * N);
    let (bytes, filtered) = filtered.split_at_checked(first.len())?;
    first.copy_from_slice(bytes);
    let (bytes, filtered) = filtered.split_at_checked(last.len())?;
    last.copy_from_slice(bytes);
    let (&turned, filtered) = filtered.split_first()?;
    let packed = match turned {
        0 => 0,
        1 => count.div_ceil(4),
        _ => return None,
    };
    let (turns, stream) = filtered.split_at_checked(packed)?;
    let mut decoder = Decoder::new(stream, count)?;
    for (index, bytes) in indices.chunks_exact_mut(3 * N).enumerate() {
        let turn = turns.get(index / 4).map_or(0, |byte| byte >> (index % 4 * 2) & 3);
        let triangle = decoder.triangle(index)?;
        // Turned by `turn` when it was written, so by the rest of a whole turn back.
        for (corner, bytes) in bytes.chunks_exact_mut(N).enumerate() {
            let value = triangle[(corner + 3 - usize::from(turn % 3)) % 3];
            bytes.copy_from_slice(&value.to_le_bytes()[..N]);
        }
    }
    decoder.is_at_the_end().then_some(())
}

fn read<const N: usize>(bytes: &[u8]) -> u32 {
    let mut word = [0; 4];
    word[..N].copy_from_slice(&bytes[..N]);
    u32::from_le_bytes(word)
}

/// The last 16 edges and vertices, the newest at place 0.
struct Queues {
    edges: [(u32, u32); 16],
    edges_next: usize,
    vertices: [u32; 16],
    vertices_next: usize,
    /// The first vertex that no triangle has used, if vertices are used in order.
    fresh: u32,
    /// The last vertex that was written out.
    last: u32,
}

impl Queues {
    fn new() -> Self {
        Self {
            edges: [(u32::MAX, u32::MAX); 16],
            edges_next: 0,
            vertices: [u32::MAX; 16],
            vertices_next: 0,
            fresh: 0,
            last: 0,
        }
    }

    fn push_edge(&mut self, from: u32, to: u32) {
        self.edges[self.edges_next] = (from, to);
        self.edges_next = (self.edges_next + 1) % 16;
    }

    fn push_vertex(&mut self, vertex: u32) {
        self.vertices[self.vertices_next] = vertex;
        self.vertices_next = (self.vertices_next + 1) % 16;
    }

    fn edge(&self, place: usize) -> (u32, u32) {
        self.edges[(self.edges_next + 15 - place) % 16]
    }

    fn vertex(&self, place: usize) -> u32 {
        self.vertices[(self.vertices_next + 15 - place) % 16]
    }

    /// The newest edge of the triangle, and by how far to turn the triangle to begin with it.
    fn find_edge(&self, [a, b, c]: Triangle) -> Option<(usize, usize)> {
        (0..16).find_map(|place| {
            let edge = self.edge(place);
            [(a, b), (b, c), (c, a)].iter().position(|&own| own == edge).map(|turn| (place, turn))
        })
    }

    fn find_vertex(&self, vertex: u32) -> Option<usize> {
        (0..16).find(|&place| self.vertex(place) == vertex)
    }

    /// Takes the next fresh vertex if it is that one.
    fn is_fresh(&mut self, vertex: u32) -> bool {
        let fresh = vertex == self.fresh;
        self.fresh = self.fresh.wrapping_add(u32::from(fresh));
        fresh
    }

    fn next_fresh(&mut self) -> u32 {
        let fresh = self.fresh;
        self.fresh = fresh.wrapping_add(1);
        fresh
    }
}

/// Writes the public stream and gives by how far it turned each triangle.
pub(super) fn encode_stream(triangles: &[Triangle], out: &mut Vec<u8>) -> Vec<u8> {
    let mut queues = Queues::new();
    let mut data = Vec::new();
    let mut turns = Vec::with_capacity(triangles.len());
    out.push(HEADER);
    for &triangle in triangles {
        let (code, turn) = match queues.find_edge(triangle) {
            Some((edge, turn)) if edge < 15 => {
                let corner = triangle[TURNS[turn][2]];
                (behind_edge(&mut queues, edge, corner, &mut data), turn)
            }
            _ => {
                let turn = match triangle {
                    [_, b, _] if b == queues.fresh => 1,
                    [_, _, c] if c == queues.fresh => 2,
                    _ => 0,
                };
                (free(&mut queues, TURNS[turn].map(|i| triangle[i]), &mut data), turn)
            }
        };
        out.push(code);
        turns.push(turn as u8);
    }
    out.extend_from_slice(&data);
    out.extend_from_slice(&PAIRS);
    turns
}

/// A triangle on an edge of the queue: its third corner.
fn behind_edge(queues: &mut Queues, edge: usize, c: u32, data: &mut Vec<u8>) -> u8 {
    let (a, b) = queues.edge(edge);
    let place = queues.find_vertex(c).filter(|place| (1..PLACES).contains(place));
    let code = match place {
        Some(place) => place,
        None if queues.is_fresh(c) => 0,
        None if c.wrapping_add(1) == queues.last => 13,
        None if c == queues.last.wrapping_add(1) => 14,
        None => 15,
    };
    if code == 15 {
        write_index(queues.last, c, data);
    }
    if code >= PLACES {
        queues.last = c;
    }
    if code == 0 || code >= PLACES {
        queues.push_vertex(c);
    }
    queues.push_edge(c, b);
    queues.push_edge(a, c);
    (edge << 4 | code) as u8
}

/// A triangle without a known edge.
fn free(queues: &mut Queues, [a, b, c]: Triangle, data: &mut Vec<u8>) -> u8 {
    let reset = [a, b, c] == [0, 1, 2] && queues.fresh > 0;
    if reset {
        queues.fresh = 0;
        // So that the fresh vertices are not taken for old ones.
        queues.vertices = [u32::MAX; 16];
    }
    let places = [queues.find_vertex(b), queues.find_vertex(c)];
    let code_a = if queues.is_fresh(a) { 0 } else { 15 };
    let [code_b, code_c] = [(b, places[0]), (c, places[1])].map(|(vertex, place)| match place {
        Some(place) if place < 14 => place + 1,
        _ if queues.is_fresh(vertex) => 0,
        _ => 15,
    });
    let pair = (code_b << 4 | code_c) as u8;
    let known = PAIRS[..PAIRS_USED].iter().position(|&known| known == pair);
    let code = match known {
        Some(known) if code_a == 0 && !reset => 0xF0 | known as u8,
        _ => {
            data.push(pair);
            0xF0 | if code_a == 0 { 14 } else { 15 }
        }
    };
    for (code, vertex) in [(code_a, a), (code_b, b), (code_c, c)] {
        if code == 15 {
            write_index(queues.last, vertex, data);
            queues.last = vertex;
        }
    }
    for (code, vertex) in [(code_a, a), (code_b, b), (code_c, c)] {
        if code == 0 || code == 15 {
            queues.push_vertex(vertex);
        }
    }
    queues.push_edge(b, a);
    queues.push_edge(c, b);
    queues.push_edge(a, c);
    code
}

/// The difference to the last one, zigzag, in groups of 7 bits.
fn write_index(last: u32, index: u32, data: &mut Vec<u8>) {
    let delta = index.wrapping_sub(last);
    let mut value = (delta << 1) ^ ((delta as i32) >> 31) as u32;
    while value > 127 {
        data.push(value as u8 & 127 | 128);
        value >>= 7;
    }
    data.push(value as u8);
}

/// Reads the public stream triangle by triangle.
pub(super) struct Decoder<'a> {
    queues: Queues,
    codes: &'a [u8],
    data: &'a [u8],
    pairs: &'a [u8],
}

impl<'a> Decoder<'a> {
    pub(super) fn new(stream: &'a [u8], triangles: usize) -> Option<Self> {
        let (&header, rest) = stream.split_first()?;
        let (codes, rest) = rest.split_at_checked(triangles)?;
        let (data, pairs) = rest.split_at_checked(rest.len().checked_sub(PAIRS.len())?)?;
        (header == HEADER).then(|| Self { queues: Queues::new(), codes, data, pairs })
    }

    pub(super) fn is_at_the_end(&self) -> bool {
        self.data.is_empty()
    }

    /// Triangle `index`, after those before it.
    pub(super) fn triangle(&mut self, index: usize) -> Option<Triangle> {
        let code = usize::from(*self.codes.get(index)?);
        if code < 0xF0 { self.behind_edge(code >> 4, code & 15) } else { self.free(code) }
    }

    fn behind_edge(&mut self, edge: usize, code: usize) -> Option<Triangle> {
        let (a, b) = self.queues.edge(edge);
        let c = match code {
            0 => self.queues.next_fresh(),
            place if place < PLACES => self.queues.vertex(place),
            13 => self.queues.last.wrapping_sub(1),
            14 => self.queues.last.wrapping_add(1),
            _ => self.index()?,
        };
        if code >= PLACES {
            self.queues.last = c;
        }
        if code == 0 || code >= PLACES {
            self.queues.push_vertex(c);
        }
        self.queues.push_edge(c, b);
        self.queues.push_edge(a, c);
        Some([a, b, c])
    }

    fn free(&mut self, code: usize) -> Option<Triangle> {
        let (pair, code_a) = match code & 15 {
            known if known < PAIRS_USED => (self.pairs[known], 0),
            known => {
                let (&pair, rest) = self.data.split_first()?;
                self.data = rest;
                if pair == 0 {
                    self.queues.fresh = 0;
                }
                (pair, if known == 14 { 0 } else { 15 })
            }
        };
        let codes = [code_a, usize::from(pair >> 4), usize::from(pair & 15)];
        let mut triangle = [0; 3];
        for (corner, code) in triangle.iter_mut().zip(codes) {
            *corner = match code {
                0 => self.queues.next_fresh(),
                15 => 0,
                place => self.queues.vertex(place - 1),
            };
        }
        for (corner, _) in triangle.iter_mut().zip(codes).filter(|(_, code)| *code == 15) {
            *corner = self.index()?;
            self.queues.last = *corner;
        }
        for (&corner, _) in triangle.iter().zip(codes).filter(|(_, code)| matches!(code, 0 | 15)) {
            self.queues.push_vertex(corner);
        }
        let [a, b, c] = triangle;
        self.queues.push_edge(b, a);
        self.queues.push_edge(c, b);
        self.queues.push_edge(a, c);
        Some(triangle)
    }

    /// An index that is written out. At most 5 bytes.
    fn index(&mut self) -> Option<u32> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let (&byte, rest) = self.data.split_first()?;
            self.data = rest;
            value |= u32::from(byte & 127) << shift;
            if byte < 128 {
                break;
            }
        }
        let delta = (value >> 1) ^ (value & 1).wrapping_neg();
        Some(self.queues.last.wrapping_add(delta))
    }
}
