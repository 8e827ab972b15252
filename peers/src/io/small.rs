//! Thousands of small files: an archive behind read queues, one packed file, files read by threads,
//! and an asset server.

#[cfg(feature = "bevy")]
use super::bevy;
use super::system::{cpu_time, forget, write_out};
use crate::random::Random;
use crate::rounds::median;
use crate::section::Section;
use crate::table::{Side, Table};
use farplane_io::{
    Archive, ArchiveWriter, Backend, Completion, Filter, HeapPool, QueueOptions, ReadQueue,
    ReadRequest, open_queue, pack,
};
use rayon::prelude::*;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Files, and bytes in each.
pub const COUNT: u32 = 5000;
pub const BYTES: usize = 16 << 10;
/// Rounds; each figure is the median.
pub const ROUNDS: usize = 5;

/// Columns.
pub const TIME: &str = "ms";
pub const CPU: &str = "CPU ms";
const URGENT: &str = "ms until the urgent one";
const ALONE: &str = "ms alone";

/// Rows.
pub const QUEUES: [(Backend, &str); 2] =
    [(Backend::Uring, "farplane-io, io_uring"), (Backend::Pread, "farplane-io, pread")];
pub const PACKED: &str = "one packed file, front to back";
pub const BEVY: &str = "bevy_asset";
const FILES: &str = "std::fs::read, rayon";

/// Between two looks at who works in the background.
pub(super) const LOOK: Duration = Duration::from_micros(200);
/// The longest that anyone may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) type Outcome<T> = Result<T, String>;

/// One of our queues.
struct Way {
    backend: Backend,
    row: &'static str,
    pool: Arc<HeapPool>,
}

/// The same bytes as files and as an archive.
pub(super) struct Disk {
    folder: tempfile::TempDir,
    archive: PathBuf,
}

impl Disk {
    fn new() -> Outcome<Self> {
        let fail = |e: &dyn std::fmt::Display| format!("cannot write the small files here: {e}");
        let folder = tempfile::tempdir_in(".").map_err(|e| fail(&e))?;
        let root = folder.path().canonicalize().map_err(|e| fail(&e))?;
        let archive = root.join("small.far");
        let mut writer = ArchiveWriter::for_entries(&archive, COUNT).map_err(|e| fail(&e))?;
        let mut random = Random::new(3);
        for id in 0..COUNT {
            let bytes: Vec<u8> = (0..BYTES / 8).flat_map(|_| random.bits().to_le_bytes()).collect();
            fs::write(root.join(name(id)), &bytes).map_err(|e| fail(&e))?;
            writer.add(id, &pack(&bytes, Filter::None)).map_err(|e| fail(&e))?;
        }
        writer.finish().map_err(|e| fail(&e))?;
        write_out();
        Ok(Self { folder, archive })
    }

    pub(super) fn root(&self) -> PathBuf {
        self.archive.parent().unwrap_or(self.folder.path()).to_path_buf()
    }

    /// Makes everything cold.
    pub(super) fn forget(&self) -> io::Result<()> {
        forget(&self.archive)?;
        (0..COUNT).try_for_each(|id| forget(&self.root().join(name(id))))
    }
}

pub(super) fn name(id: u32) -> String {
    format!("{id}.bin")
}

/// Everyone once, in no order: 3571 is prime.
pub(super) fn order() -> impl Iterator<Item = u32> {
    (0..COUNT).map(|index| (u64::from(index) * 3571 % u64::from(COUNT)) as u32)
}

/// A byte of each page, so that all of it is there.
fn touch(bytes: &[u8]) -> u8 {
    black_box(bytes.iter().step_by(4096).fold(0, |sum, byte| sum ^ byte))
}

/// Wall and processor time of `work` on a cold disk, ms.
fn timed(disk: &Disk, work: impl FnOnce() -> Outcome<()>) -> Outcome<[f64; 2]> {
    disk.forget().map_err(|e| e.to_string())?;
    let (cpu, start) = (cpu_time(), Instant::now());
    work()?;
    let wall_ms = start.elapsed().as_secs_f64() * 1e3;
    let cpu_ms = cpu_time()
        .zip(cpu)
        .map_or(f64::NAN, |(end, start)| end.saturating_sub(start).as_secs_f64() * 1e3);
    Ok([wall_ms, cpu_ms])
}

/// The archive and a queue, opened anew. The pool is the caller's and lives longer, as in an engine.
fn open(disk: &Disk, way: &Way) -> Outcome<(Archive, Box<dyn ReadQueue + Send>)> {
    let archive = Archive::open(&disk.archive).map_err(|e| e.to_string())?;
    let pool = Arc::clone(&way.pool);
    let chosen = open_queue(&archive, way.backend, QueueOptions::default(), pool)
        .map_err(|e| e.to_string())?;
    Ok((archive, chosen.queue))
}

fn request(archive: &Archive, id: u32) -> Outcome<ReadRequest> {
    let extent = archive.extent(id).ok_or("an entry is missing")?;
    Ok(ReadRequest::new(u64::from(id), extent.offset, extent.stored_bytes))
}

/// Through a queue, each entry checked and decoded.
fn ours(disk: &Disk, way: &Way) -> Outcome<()> {
    let (archive, mut queue) = open(disk, way)?;
    for id in order() {
        queue.submit(request(&archive, id)?.class(3), 0).map_err(|e| e.to_string())?;
    }
    let (mut done, mut scratch): (Vec<Completion>, _) = (Vec::new(), Vec::new());
    let mut out = vec![0; BYTES];
    while queue.in_flight() > 0 {
        std::thread::sleep(LOOK);
        queue.poll(0, &mut done);
        for done in done.drain(..) {
            let stored = done.result.map_err(|e| e.to_string())?;
            let id = done.id as u32;
            archive.decode(id, &stored, &mut out, &mut scratch).map_err(|e| e.to_string())?;
            touch(&out);
        }
    }
    Ok(())
}

/// The same bytes with plain reads of 1 MiB.
fn packed(path: &Path) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => touch(&buffer[..count]),
        };
    }
}

fn files(root: &Path) -> io::Result<()> {
    let order: Vec<u32> = order().collect();
    order.par_iter().try_for_each(|&id| {
        touch(&fs::read(root.join(name(id)))?);
        Ok(())
    })
}

/// From asking for the last entry until it is there, ms: behind all others, or alone.
fn urgent_ours(disk: &Disk, way: &Way, backlog: bool) -> Outcome<f64> {
    disk.forget().map_err(|e| e.to_string())?;
    let (archive, mut queue) = open(disk, way)?;
    let urgent = COUNT - 1;
    for id in (0..urgent).filter(|_| backlog) {
        queue.submit(request(&archive, id)?.class(3), 0).map_err(|e| e.to_string())?;
    }
    let start = Instant::now();
    queue.submit(request(&archive, urgent)?.class(0), 0).map_err(|e| e.to_string())?;
    let mut done: Vec<Completion> = Vec::new();
    while !done.drain(..).any(|done| done.id == u64::from(urgent) && done.result.is_ok()) {
        if start.elapsed() > PATIENCE {
            return Err("the urgent read did not arrive".into());
        }
        std::thread::sleep(LOOK);
        queue.poll(0, &mut done);
    }
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// All reads, and the urgent one.
///
/// # Errors
/// When the files cannot be written or read.
pub fn tables(section: &mut Section) -> Outcome<(Table, Table)> {
    let disk = Disk::new()?;
    let mut queues = Vec::new();
    for (backend, row) in QUEUES {
        let archive = Archive::open(&disk.archive).map_err(|e| e.to_string())?;
        let pool = Arc::new(HeapPool::new(64 << 20));
        match open_queue(&archive, backend, QueueOptions::default(), pool.clone()) {
            Ok(chosen) if chosen.queue.backend() == backend.name() => {
                queues.push(Way { backend, row, pool });
            }
            Ok(chosen) => section.absent(row, &chosen.reason),
            Err(error) => section.absent(row, &error.to_string()),
        }
    }
    if !cfg!(feature = "bevy") {
        section.absent(BEVY, "built without the feature `bevy`");
    }
    Ok((reads(&disk, &queues)?, urgent(&disk, &queues)?))
}

fn reads(disk: &Disk, queues: &[Way]) -> Outcome<Table> {
    let root = disk.root();
    let io = |result: io::Result<()>| result.map_err(|e| e.to_string());
    let count = queues.len() + 2 + usize::from(cfg!(feature = "bevy"));
    let mut rounds = vec![[Vec::new(), Vec::new()]; count];
    for _ in 0..ROUNDS {
        let mut figures = Vec::with_capacity(count);
        for way in queues {
            figures.push(timed(disk, || ours(disk, way))?);
        }
        figures.push(timed(disk, || io(packed(&disk.archive)))?);
        figures.push(timed(disk, || io(files(&root)))?);
        #[cfg(feature = "bevy")]
        figures.push(timed(disk, || bevy::read_all(&root))?);
        for (round, figure) in rounds.iter_mut().zip(figures) {
            round.iter_mut().zip(figure).for_each(|(column, value)| column.push(value));
        }
    }
    let ours = queues.iter().map(|way| (way.row, Side::Ours));
    let others = [(PACKED, Side::Baseline), (FILES, Side::Baseline), (BEVY, Side::Peer)];
    let mut table = Table::new("5,000 × 16 KiB, cold, in no order", &[TIME, CPU]);
    for ((row, side), [time, cpu]) in ours.chain(others).zip(&rounds) {
        let cpu = Some(median(cpu)).filter(|ms| ms.is_finite());
        table.row(row, side, &[Some(median(time)), cpu]);
    }
    Ok(table)
}

fn urgent(disk: &Disk, queues: &[Way]) -> Outcome<Table> {
    let mut table = Table::new("an urgent read behind 5,000, cold", &[URGENT, ALONE]);
    let medians = |once: &dyn Fn(bool) -> Outcome<f64>| -> Outcome<[Option<f64>; 2]> {
        let mut cells = [None; 2];
        for (cell, backlog) in cells.iter_mut().zip([true, false]) {
            let rounds: Outcome<Vec<f64>> = (0..ROUNDS).map(|_| once(backlog)).collect();
            *cell = Some(median(&rounds?));
        }
        Ok(cells)
    };
    for way in queues {
        table.row(way.row, Side::Ours, &medians(&|backlog| urgent_ours(disk, way, backlog))?);
    }
    #[cfg(feature = "bevy")]
    table.row(BEVY, Side::Peer, &medians(&|backlog| bevy::urgent(disk, backlog))?);
    Ok(table)
}
