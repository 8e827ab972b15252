//! The vertex codec of meshoptimizer, version 0 (Arseny Kapoulkine, `vertexcodec.cpp`; the format is
//! also that of the glTF extension EXT_meshopt_compression, mode ATTRIBUTES), in safe Rust.
//!
//! ```text
//! filtered block
//!        0  bytes of the vertex that began in the block before
//!        ·  bytes of the vertex that goes on in the next block
//!        ·  stream: A0, blocks of vertices, tail
//!
//! block of up to 256 vertices (fewer where vertices are large): for each byte of a vertex
//!        0  2 bits a group of 16 vertices, from the lowest: 0 all zero, 1 two bits each, 2 four
//!           bits each, 3 a byte each
//!        ·  the groups: differences to the vertex before, zigzag; one whose bits are all set
//!           stands for a byte behind the group
//!
//! tail: zeros up to 32 bytes, then the first vertex
//! ```

use super::whole;

const HEADER: u8 = 0xA0;
const GROUP: usize = 16;
const BLOCK_VERTICES_MAX: usize = 256;
const BLOCK_BYTES: usize = 8192;
const TAIL_MIN: usize = 32;
const STRIDE_MAX: usize = 256;

fn valid(stride: usize) -> bool {
    (4..=STRIDE_MAX).contains(&stride) && stride.is_multiple_of(4)
}

fn block_vertices(stride: usize) -> usize {
    (BLOCK_BYTES / stride / GROUP * GROUP).clamp(GROUP, BLOCK_VERTICES_MAX)
}

pub(super) fn encode(start: usize, block: &[u8], out: &mut Vec<u8>, stride: usize) {
    if !valid(stride) {
        out.extend_from_slice(block);
        return;
    }
    let (head, count) = whole(start, block.len(), stride);
    let (vertices, tail) = block[head..].split_at(count * stride);
    out.extend_from_slice(&block[..head]);
    out.extend_from_slice(tail);
    encode_stream(vertices, stride, out);
}

pub(super) fn decode(start: usize, filtered: &[u8], out: &mut [u8], stride: usize) -> Option<()> {
    if !valid(stride) {
        return (filtered.len() == out.len()).then(|| out.copy_from_slice(filtered));
    }
    let (head, count) = whole(start, out.len(), stride);
    let (first, rest) = out.split_at_mut(head);
    let (vertices, last) = rest.split_at_mut(count * stride);
    let (bytes, filtered) = filtered.split_at_checked(first.len())?;
    first.copy_from_slice(bytes);
    let (bytes, filtered) = filtered.split_at_checked(last.len())?;
    last.copy_from_slice(bytes);
    decode_stream(filtered, stride, vertices)
}

/// The public stream of whole vertices.
pub(super) fn encode_stream(vertices: &[u8], stride: usize, out: &mut Vec<u8>) {
    out.push(HEADER);
    let first = vertices.get(..stride).unwrap_or(&[]);
    let mut last = first.to_vec();
    for block in vertices.chunks(block_vertices(stride) * stride) {
        let count = block.len() / stride;
        for lane in 0..stride {
            let mut deltas = [0; BLOCK_VERTICES_MAX];
            let mut before = last[lane];
            for (delta, &value) in deltas.iter_mut().zip(block[lane..].iter().step_by(stride)) {
                *delta = zigzag(value.wrapping_sub(before));
                before = value;
            }
            last[lane] = before;
            encode_bytes(&deltas[..count.next_multiple_of(GROUP)], out);
        }
    }
    out.resize(out.len() + TAIL_MIN.saturating_sub(first.len().max(stride)), 0);
    if first.is_empty() {
        out.resize(out.len() + stride, 0);
    }
    out.extend_from_slice(first);
}

pub(super) fn decode_stream(stream: &[u8], stride: usize, vertices: &mut [u8]) -> Option<()> {
    let (&header, mut data) = stream.split_first()?;
    if header != HEADER {
        return None;
    }
    let first = data.len().checked_sub(stride)?;
    let mut last = data[first..].to_vec();
    for block in vertices.chunks_mut(block_vertices(stride) * stride) {
        let count = block.len() / stride;
        let mut deltas = [0; BLOCK_VERTICES_MAX];
        for lane in 0..stride {
            data = decode_bytes(data, &mut deltas[..count.next_multiple_of(GROUP)])?;
            let mut value = last[lane];
            for (out, &delta) in block[lane..].iter_mut().step_by(stride).zip(&deltas) {
                value = value.wrapping_add(unzigzag(delta));
                *out = value;
            }
            last[lane] = value;
        }
    }
    // Nothing but the tail is left.
    (data.len() == stride.max(TAIL_MIN)).then_some(())
}

fn zigzag(delta: u8) -> u8 {
    (delta << 1) ^ (delta >> 7).wrapping_neg()
}

fn unzigzag(folded: u8) -> u8 {
    (folded >> 1) ^ (folded & 1).wrapping_neg()
}

/// Bits a value of each group size.
const BITS: [usize; 4] = [0, 2, 4, 8];

fn encode_bytes(deltas: &[u8], out: &mut Vec<u8>) {
    let (groups, _) = deltas.as_chunks::<GROUP>();
    let header = out.len();
    out.resize(header + groups.len().div_ceil(4), 0);
    for (index, group) in groups.iter().enumerate() {
        // The largest of equal ones, as meshoptimizer chooses: a byte each unless less is shorter.
        let kind = [3, 0, 1, 2].into_iter().min_by_key(|&kind| group_bytes(group, kind));
        let kind = kind.unwrap_or(3);
        out[header + index / 4] |= (kind as u8) << (index % 4 * 2);
        encode_group(group, BITS[kind], out);
    }
}

fn group_bytes(group: &[u8; GROUP], kind: usize) -> usize {
    match BITS[kind] {
        0 if group.iter().all(|&value| value == 0) => 0,
        0 => usize::MAX,
        8 => GROUP,
        bits => {
            let sentinel = (1u8 << bits) - 1;
            GROUP * bits / 8 + group.iter().filter(|&&value| value >= sentinel).count()
        }
    }
}

fn encode_group(group: &[u8; GROUP], bits: usize, out: &mut Vec<u8>) {
    match bits {
        0 => {}
        8 => out.extend_from_slice(group),
        bits => {
            let sentinel = (1u8 << bits) - 1;
            for values in group.chunks(8 / bits) {
                out.push(values.iter().fold(0, |byte, &v| byte << bits | v.min(sentinel)));
            }
            out.extend(group.iter().filter(|&&value| value >= sentinel));
        }
    }
}

fn decode_bytes<'a>(data: &'a [u8], deltas: &mut [u8]) -> Option<&'a [u8]> {
    let (groups, _) = deltas.as_chunks_mut::<GROUP>();
    let (header, mut data) = data.split_at_checked(groups.len().div_ceil(4))?;
    for (index, group) in groups.iter_mut().enumerate() {
        let bits = BITS[usize::from(header[index / 4] >> (index % 4 * 2) & 3)];
        data = decode_group(data, bits, group)?;
    }
    Some(data)
}

fn decode_group<'a>(data: &'a [u8], bits: usize, group: &mut [u8; GROUP]) -> Option<&'a [u8]> {
    let (packed, mut data) = data.split_at_checked(GROUP * bits / 8)?;
    match bits {
        0 => group.fill(0),
        8 => group.copy_from_slice(packed),
        bits => {
            let (sentinel, per_byte) = ((1u8 << bits) - 1, 8 / bits);
            for (byte, values) in packed.iter().zip(group.chunks_mut(per_byte)) {
                for (i, value) in values.iter_mut().enumerate() {
                    *value = byte >> (8 - bits * (i + 1)) & sentinel;
                }
            }
            for value in group.iter_mut().filter(|value| **value == sentinel) {
                let (&raw, rest) = data.split_first()?;
                *value = raw;
                data = rest;
            }
        }
    }
    Some(data)
}
