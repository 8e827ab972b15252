//! What one frame costs: feedback analysis, page changes and their indirection texels.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use farplane_vt::{FeedbackScratch, Indirection, PageId, PageTable, Slot, VtLayout, analyse};

/// Multiply-with-carry noise: the same inputs on every run.
fn noise(seed: u32) -> impl FnMut(u32) -> u32 {
    let mut state = u64::from(seed) | 1 << 32;
    move |below| {
        state = (state & 0xffff_ffff) * 4_294_957_665 + (state >> 32);
        (((state & 0xffff_ffff) * u64::from(below)) >> 32) as u32
    }
}

/// A plain seen from 40 m: rows nearer to the camera show finer mips, and shorter runs.
fn coherent(width: u32, height: u32) -> Vec<u32> {
    let sample = |i: u32| {
        let (column, row) = ((i % width) as f32 / width as f32, (i / width) as f32 / height as f32);
        let distance = 40.0 / (0.02 + row);
        let mip = ((distance / 100.0) as u32).next_power_of_two().ilog2();
        let scale = 1.0 / (16 << mip) as f32;
        let x = (2048.0 + (column - 0.5) * distance * 1.8) * scale;
        PageId::new(mip as u8, x as u16, ((2048.0 + distance) * scale) as u16).pack()
    };
    (0..width * height).map(sample).collect()
}

fn feedback(c: &mut Criterion) {
    let mut scratch = FeedbackScratch::new();
    let mut requests = Vec::new();
    for (width, height) in [(160, 90), (320, 180), (640, 360)] {
        let samples = coherent(width, height);
        analyse(&samples, &mut scratch, &mut requests);
        let pages = requests.len();
        c.bench_function(&format!("analyse {width}×{height}: coherent, {pages} pages"), |b| {
            b.iter(|| analyse(black_box(&samples), &mut scratch, &mut requests));
        });
        let mut random = noise(1);
        let mut page = || PageId::new(random(4) as u8, random(128) as u16, random(128) as u16);
        let samples: Vec<_> = samples.iter().map(|_| page().pack()).collect();
        analyse(&samples, &mut scratch, &mut requests);
        let pages = requests.len();
        c.bench_function(&format!("analyse {width}×{height}: random, {pages} pages"), |b| {
            b.iter(|| analyse(black_box(&samples), &mut scratch, &mut requests));
        });
    }
}

/// 32 pages around one place are mapped, then unmapped again: half the changes each.
fn changes(c: &mut Criterion) {
    for side_texels in [16_384, 65_536, 262_144] {
        let layout = VtLayout::new(side_texels, side_texels).unwrap();
        let mut table = PageTable::new(&layout);
        let mut indirection = Indirection::new(&layout);
        let root = PageId::new(layout.mips() - 1, 0, 0);
        table.map(root, Slot(0)).unwrap();
        indirection.refresh(&table, root).unwrap();
        let mut random = noise(2);
        // As streaming does: mostly fine pages, the coarser the fewer.
        let pages: Vec<_> = (0..16_u16)
            .map(|i| {
                let mip = (i.trailing_zeros() as u8).min(4);
                let mut along = || {
                    (u32::from(layout.pages_x(mip) / 2)
                        + random((u32::from(layout.pages_x(mip)) / 2).min(8)))
                        as u16
                };
                PageId::new(mip, along(), along())
            })
            .collect();
        let side = layout.pages_x(0);
        c.bench_function(&format!("32 page changes, {side}² pages, mips 0–4"), |b| {
            b.iter(|| {
                for (i, page) in pages.iter().enumerate() {
                    table.map(*page, Slot(i as u16 + 1)).unwrap();
                    indirection.refresh(&table, *page).unwrap();
                }
                for page in &pages {
                    table.unmap(*page).unwrap();
                    indirection.refresh(&table, *page).unwrap();
                }
                black_box(indirection.dirty());
                indirection.clear_dirty();
            });
        });
        c.bench_function(&format!("root page mapped, {side}² pages"), |b| {
            let mut slot = 0;
            b.iter(|| {
                slot ^= 1;
                table.map(root, Slot(slot)).unwrap();
                indirection.refresh(&table, root).unwrap();
                indirection.clear_dirty();
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(1000));
    targets = feedback, changes
}
criterion_main!(benches);
