//! Mips, page building, and two threads.

use super::contenders::{Contender, OURS};
use super::measure;
use super::pictures::Alpha;
use crate::goal::Bound;
use crate::random::Random;
use crate::rounds::{median, since_ns};
use crate::table::{Side, Table};
use farplane_composite::{
    Image, ImageMut, Level, MipFilter, Pixel, Plane, Splat, Tile, box_mip, mip, over, splat,
    with_level,
};
use fast_image_resize as fir;
use rayon::iter::{IntoParallelRefMutIterator, ParallelIterator};
use std::time::Instant;

const FIR: &str = "fast_image_resize";
const HALVED: &str = "1080p halved, µs";
const PAGE: &str = "µs a page";
const WRONG: &str = "wrong pixels";

/// A page with its border, texels.
const SIDE: usize = 136;
/// Control points along it.
const POINTS: usize = 35;
/// Side of a material.
const MATERIAL: usize = 256;
const LAYERS: usize = 4;

/// Halving 1920 × 1080.
pub fn mips() -> Table {
    let (width, height) = (1920, 1080);
    let src = Alpha::Random.picture(3, width, height);
    let mut table = Table::new("2 × box mip", &[HALVED, WRONG]);
    let wrong = |halved: &[Pixel]| {
        let mean = |x: usize, y: usize, c: usize| {
            let at = |dx: usize, dy: usize| u32::from(src[(2 * y + dy) * width + 2 * x + dx][c]);
            ((at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1) + 2) >> 2) as u8
        };
        let expected = |i: usize| {
            let (x, y) = (i % (width / 2), i / (width / 2));
            [0, 1, 2, 3].map(|c| mean(x, y, c))
        };
        halved.iter().enumerate().filter(|(i, p)| **p != expected(*i)).count() as f64
    };
    let halves = vec![[0; 4]; width * height / 4];
    let (mut ours, mut theirs) = (halves.clone(), halves);
    box_mip(&src, width, height, &mut ours).expect("sizes fit");
    resize_box(&src, &mut theirs, width as u32, height as u32);
    let wrong = [wrong(&ours), wrong(&theirs)];
    let (our_src, their_src) = (src.clone(), src.clone());
    let mut all = [
        Contender {
            name: OURS,
            side: Side::Ours,
            run: Box::new(move || {
                box_mip(&our_src, width, height, &mut ours).expect("sizes fit");
            }),
        },
        Contender {
            name: FIR,
            side: Side::Peer,
            run: Box::new(move || resize_box(&their_src, &mut theirs, width as u32, height as u32)),
        },
    ];
    let figures = measure(&mut all);
    for ((contender, figure), wrong) in all.iter().zip(figures).zip(wrong) {
        table.row(contender.name, contender.side, &[Some(figure), Some(wrong)]);
    }
    table
}

fn resize_box(src: &[Pixel], dst: &mut [Pixel], width: u32, height: u32) {
    use fir::images::{Image, ImageRef};
    let bytes = src.as_flattened();
    let src = ImageRef::new(width, height, bytes, fir::PixelType::U8x4).expect("sizes fit");
    let bytes = dst.as_flattened_mut();
    let mut dst = Image::from_slice_u8(width / 2, height / 2, bytes, fir::PixelType::U8x4)
        .expect("sizes fit");
    let options = fir::ResizeOptions::new()
        .resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::Box))
        .use_alpha(false);
    fir::Resizer::new().resize(&src, &mut dst, &options).expect("sizes fit");
}

/// Materials and control grids of a page where all layers overlap everywhere: the costly case.
struct Page {
    materials: Vec<Vec<Pixel>>,
    weights: Vec<Vec<u8>>,
    tint: [Vec<u8>; 3],
}

impl Page {
    fn new() -> Self {
        let mut random = Random::new(4);
        let mut grid = |low: usize, high: usize| -> Vec<u8> {
            (0..POINTS * POINTS).map(|_| (low + random.below(high - low)) as u8).collect()
        };
        let weights = (1..LAYERS).map(|_| grid(1, 85)).collect();
        let tint = [grid(0, 256), grid(0, 256), grid(0, 256)];
        let material = |i| Alpha::Opaque.picture(5 + i as u64, MATERIAL, MATERIAL);
        Self { materials: (0..LAYERS).map(material).collect(), weights, tint }
    }

    fn build(&self, out: &mut [Pixel], tinted: bool) {
        let splats: [Splat<'_>; LAYERS] = std::array::from_fn(|i| Splat {
            weights: i.checked_sub(1).map(|i| Plane::Control(&self.weights[i])),
            material: Tile::new(&self.materials[i], MATERIAL).expect("sizes fit"),
            origin: [71 * i as u32 + 200, 13 * i as u32],
        });
        let tint = [0, 1, 2].map(|c| Plane::Control(&self.tint[c]));
        splat(out, SIDE, &splats, tinted.then_some(tint)).expect("sizes fit");
    }
}

/// Pages of 136² texels from four materials, at every level that this machine has.
pub fn building() -> Table {
    let mut table = Table::new(
        "pages of 136² texels: 4 layers that overlap everywhere, weights upsampled from control \
         points",
        &["µs a page, not tinted", PAGE],
    );
    for level in Level::ALL {
        let mut all = [false, true].map(|tinted| {
            let (page, mut out) = (Page::new(), vec![[0; 4]; SIDE * SIDE]);
            let run = move || {
                with_level(level, || page.build(&mut out, tinted));
            };
            Contender { name: OURS, side: Side::Ours, run: Box::new(run) }
        });
        let name = format!("{OURS}, {level:?}");
        let cells = if level.is_available() {
            measure(&mut all).into_iter().map(Some).collect()
        } else {
            vec![None; 2]
        };
        table.row(&name, Side::Ours, &cells);
    }
    table
}

/// A thread may wait for the host's other guests: many rounds, each of milliseconds.
const ROUNDS_OF_THREADS: usize = 45;

const ONE: &str = "1 thread, ms";
const TWO: &str = "2 threads, ms";

/// The same work on one thread and on two, of a pool that stands ready: no page shares anything
/// with another one.
pub fn threads() -> Table {
    const PAGES: usize = 256;
    let mut table = Table::new("256 pages", &[ONE, TWO]);
    let pools = [1, 2].map(|threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("two threads")
    });
    let page = Page::new();
    let mut built: Vec<_> = (0..PAGES).map(|_| vec![[0; 4]; SIDE * SIDE]).collect();
    let src = Alpha::Random.picture(6, 256, 256);
    let mut blended: Vec<_> =
        (0..PAGES).map(|i| Alpha::Random.picture(i as u64, 256, 256)).collect();
    let half_size = MATERIAL / 2;
    let mut halves: Vec<_> = (0..PAGES).map(|_| vec![[0; 4]; half_size * half_size]).collect();
    let mut sums = vec![0_u32; PAGES];
    let mut figures: [[Vec<f64>; 2]; 4] = Default::default();
    for round in 0..=ROUNDS_OF_THREADS {
        for (t, pool) in pools.iter().enumerate() {
            let mut timed = |job: usize, work: &mut (dyn FnMut() + Send)| {
                let start = Instant::now();
                pool.install(work);
                if round > 0 {
                    figures[job][t].push(since_ns(start) * 1e-6);
                }
            };
            timed(0, &mut || built.par_iter_mut().for_each(|out| page.build(out, true)));
            timed(1, &mut || {
                blended.par_iter_mut().for_each(|dst| {
                    over(dst, &src).expect("sizes fit");
                })
            });
            timed(2, &mut || {
                halves.par_iter_mut().for_each(|dst| {
                    let src = Image::packed(&src, 256, 256).expect("sizes fit");
                    let mut dst = ImageMut::packed(dst, half_size, half_size).expect("sizes fit");
                    mip(&src, &mut dst, MipFilter::Box).expect("sizes fit");
                })
            });
            timed(3, &mut || sums.par_iter_mut().for_each(|sum| *sum = arithmetic(*sum)));
        }
    }
    let rows = [
        (BUILDING, Side::Ours),
        ("source-over", Side::Ours),
        ("box mip", Side::Ours),
        (ARITHMETIC, Side::Baseline),
    ];
    for ((name, side), [one, two]) in rows.into_iter().zip(&figures) {
        table.row(name, side, &[Some(median(one)), Some(median(two))]);
    }
    table
}

/// What no memory, cache or lock can slow down: how far from one half two threads are here tells
/// how much of a second core this machine has to give. Lanes do not wait for each other, so that two
/// threads on one core would show too.
fn arithmetic(seed: u32) -> u32 {
    let mut lanes: [u32; 32] = std::array::from_fn(|lane| seed.wrapping_add(lane as u32));
    let with = std::hint::black_box(0x9e37_79b9);
    for _ in 0..std::hint::black_box(4000) {
        for x in &mut lanes {
            *x = (*x ^ with).wrapping_add(*x << 5);
        }
    }
    lanes.into_iter().fold(0, u32::wrapping_add)
}

const BUILDING: &str = "building";
const ARITHMETIC: &str = "arithmetic in registers alone";

/// Goals of these tables.
pub fn goals(
    mips: &Table,
    building: &Table,
    threads: &Table,
) -> [(&'static str, Bound, Option<f64>); 4] {
    use Bound::{AtLeast, AtMost};
    let best = format!("{OURS}, {:?}", Level::current());
    let two = threads.cell(BUILDING, TWO).zip(threads.cell(BUILDING, ONE));
    [
        (
            "box mip: times as fast as fast_image_resize",
            AtLeast(3.0),
            mips.ratio(FIR, OURS, HALVED),
        ),
        ("box mip: pixels that are not (sum + 2) >> 2", AtMost(0.0), mips.cell(OURS, WRONG)),
        (
            "a page of 136², 4 layers and tint, µs (25,000 a second)",
            AtMost(40.0),
            building.cell(&best, PAGE),
        ),
        ("building 256 pages: two threads / one", AtMost(0.55), two.map(|(two, one)| two / one)),
    ]
}
