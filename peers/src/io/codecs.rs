//! What compressors make of blocks, and how fast they give them back.

use super::payloads::Payload;
use crate::rounds::{median, since_ns};
use crate::table::{Side, Table};
use farplane_io::{Archive, ArchiveBuilder, Filter, Packed, Profile};
use lz4::block::CompressionMode;
use rayon::prelude::*;
use std::hint::black_box;
use std::time::Instant;

/// Rounds; each figure is the median.
pub const ROUNDS: usize = 5;

/// Columns.
pub const STORED: &str = "stored, %";
pub const DECODE: &str = "decode, ns a KiB";

/// Rows.
pub const FAST: &str = "farplane-io fast, filtered";
pub const SMALL: &str = "farplane-io small, filtered";
pub const MEMCPY: &str = "memcpy";
const PLAIN: &str = "farplane-io fast, unfiltered";

/// zstd's level, as PEERS' yardsticks have it.
const ZSTD_LEVEL: i32 = 1;
const HC_LEVEL: i32 = 9;

/// Writes the blocks' bytes to where they are given.
type Decode<'a> = dyn FnMut(&mut [Vec<u8>]) + 'a;

/// Someone who holds all blocks and gives them back.
struct Contender<'a> {
    name: &'static str,
    side: Side,
    stored_bytes: usize,
    decode: Box<Decode<'a>>,
    rounds: Vec<f64>,
}

impl<'a> Contender<'a> {
    fn new(
        name: &'static str,
        side: Side,
        stored_bytes: usize,
        decode: impl FnMut(&mut [Vec<u8>]) + 'a,
    ) -> Self {
        Self { name, side, stored_bytes, decode: Box::new(decode), rounds: Vec::new() }
    }
}

/// Everyone on one kind of blocks.
///
/// # Panics
/// When somebody does not give back what it was given.
pub fn table(payload: &Payload) -> Table {
    let blocks = &payload.blocks[..];
    let logical: usize = blocks.iter().map(Vec::len).sum();
    let mut all = vec![
        ours(FAST, Profile::Fast, payload.filter, blocks),
        ours(SMALL, Profile::Small, payload.filter, blocks),
        ours(PLAIN, Profile::Fast, Filter::None, blocks),
        lz4("lz4 (C)", CompressionMode::DEFAULT, blocks),
        lz4("lz4hc 9 (C)", CompressionMode::HIGHCOMPRESSION(HC_LEVEL), blocks),
        zstd(blocks),
        Contender::new(MEMCPY, Side::Baseline, logical, |outs| {
            for (out, block) in outs.iter_mut().zip(black_box(blocks)) {
                out.copy_from_slice(block);
            }
        }),
    ];
    let mut outs: Vec<Vec<u8>> = blocks.iter().map(|block| vec![1; block.len()]).collect();
    for round in 0..=ROUNDS {
        for contender in &mut all {
            let start = Instant::now();
            (contender.decode)(&mut outs);
            // The first round warms up and is checked.
            if round > 0 {
                contender.rounds.push(since_ns(start) / (logical as f64 / 1024.0));
                continue;
            }
            assert!(outs == blocks, "{} gives back other bytes", contender.name);
            outs.iter_mut().for_each(|out| out.fill(1));
        }
    }
    let mut table = Table::new(payload.name, &[STORED, DECODE]);
    for contender in all {
        let stored = 100.0 * contender.stored_bytes as f64 / logical as f64;
        let cells = [Some(stored), Some(median(&contender.rounds))];
        table.row(contender.name, contender.side, &cells);
    }
    table
}

/// An archive with a block an entry; checksums are looked at, as in any archive.
fn ours<'a>(
    name: &'static str,
    profile: Profile,
    filter: Filter,
    blocks: &[Vec<u8>],
) -> Contender<'a> {
    let packed: Vec<Packed> = blocks.par_iter().map(|b| profile.pack(b, filter)).collect();
    let stored_bytes = packed.iter().map(|p| p.stored_bytes() as usize).sum();
    let mut builder = ArchiveBuilder::for_entries(packed.len() as u32);
    for (id, packed) in (0..).zip(&packed) {
        builder.add(id, packed).expect("fewer than the most entries");
    }
    let archive = Archive::from_bytes(builder.finish().0).expect("an archive just made");
    let mut scratch = Vec::new();
    Contender::new(name, Side::Ours, stored_bytes, move |outs| {
        for (id, out) in (0..).zip(outs) {
            let stored = archive.stored(id).expect("an entry just added");
            archive.decode(id, stored, out, &mut scratch).expect("an entry just packed");
        }
    })
}

fn lz4<'a>(name: &'static str, mode: CompressionMode, blocks: &[Vec<u8>]) -> Contender<'a> {
    let pack = |block: &Vec<u8>| lz4::block::compress(block, Some(mode), false);
    let packed: Vec<Vec<u8>> =
        blocks.par_iter().map(|block| pack(block).expect("a small block")).collect();
    let stored_bytes = packed.iter().map(Vec::len).sum();
    Contender::new(name, Side::Peer, stored_bytes, move |outs| {
        for (out, packed) in outs.iter_mut().zip(&packed) {
            let bytes = Some(out.len() as i32);
            lz4::block::decompress_to_buffer(packed, bytes, out).expect("a block just packed");
        }
    })
}

fn zstd<'a>(blocks: &[Vec<u8>]) -> Contender<'a> {
    let pack = |block: &Vec<u8>| zstd::bulk::compress(block, ZSTD_LEVEL);
    let packed: Vec<Vec<u8>> =
        blocks.par_iter().map(|block| pack(block).expect("a small block")).collect();
    let stored_bytes = packed.iter().map(Vec::len).sum();
    let mut decoder = zstd::bulk::Decompressor::new().expect("memory for a decoder");
    Contender::new("zstd 1 (C)", Side::Peer, stored_bytes, move |outs| {
        for (out, packed) in outs.iter_mut().zip(&packed) {
            decoder.decompress_to_buffer(packed, &mut out[..]).expect("a block just packed");
        }
    })
}
