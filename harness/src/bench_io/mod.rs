//! `harness bench-io`: the read queues beside fio, plain reads and memcpy, on one file in one run.

mod fio;
mod measure;

pub use measure::{
    Case, Drive, Percentiles, SMALL, Urgent, cached_bytes, cpu_time, disk_bytes, drive, drop_cache,
    memcpy_bytes_per_s, open_handles, packed_pread, plain, poll_us, small_reads, submit_ns, urgent,
};

use crate::cli::BenchIoArgs;
use crate::file;
use crate::status::{Done, Failure};
use anyhow::{Context, Result, anyhow};
use farplane::io::{
    Archive, ArchiveWriter, Backend, Chosen, Filter, HeapPool, QueueOptions, open_queue, pack,
};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a random read, as PEERS' yardsticks have it.
pub const READ_BYTES: u32 = 64 << 10;
/// Reads waiting in a queue while it is measured.
pub const BACKLOG: usize = 5000;
/// The smallest file: it holds the small reads, and more reads than wait in a queue at once.
const FILE_BYTES_MIN: u64 = 96 << 20;
/// Times that what is compared is measured in turns; the middle one counts.
const ROUNDS: usize = 5;

/// `harness bench-io`.
///
/// # Errors
/// When the file cannot be read or made.
pub fn run(args: &BenchIoArgs) -> Done {
    if !(0.1..=600.0).contains(&args.seconds) {
        return Err(Failure::Usage("--seconds is from 0.1 to 600".into()));
    }
    let time = Duration::from_secs_f64(args.seconds);
    let folder;
    let path = match (&args.file, args.bytes) {
        (Some(path), None) => path.clone(),
        (None, bytes) => {
            folder = tempfile::tempdir_in(".").context("no room for the file to read")?;
            let path = folder.path().join("bench.far");
            make(&path, bytes.unwrap_or(1 << 30))?;
            path
        }
        (Some(_), Some(_)) => {
            return Err(Failure::Usage("give a file or --bytes, not both".into()));
        }
    };
    let archive = Archive::open(&path)?;
    if archive.file_bytes() < FILE_BYTES_MIN {
        let (name, least_mib) = (path.display(), FILE_BYTES_MIN >> 20);
        return Err(anyhow!("{name}: too small to measure, {least_mib} MiB at least").into());
    }
    file::print(&table(&archive, &path, time)?)?;
    Ok(())
}

/// An archive of `bytes` bytes of noise.
///
/// # Errors
/// When it cannot be written.
pub fn make(path: &Path, bytes: u64) -> Result<()> {
    const ENTRY_BYTES: usize = 4 << 20;
    let mut writer = ArchiveWriter::create(path)?;
    let mut state = 1u64;
    for id in 0..bytes.div_ceil(ENTRY_BYTES as u64) as u32 {
        let mut noise = Vec::with_capacity(ENTRY_BYTES);
        while noise.len() < ENTRY_BYTES {
            // Knuth's linear congruential generator; only that nothing compresses it counts.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            noise.extend_from_slice(&(state >> 16).to_le_bytes()[..4]);
        }
        writer.begin_run();
        writer.add(id, &pack(&noise, Filter::None))?;
    }
    writer.finish()?;
    Ok(())
}

/// A queue with the limits that a replay of a large budget gives it.
///
/// # Errors
/// When the system refuses its threads.
pub fn open(archive: &Archive, backend: Backend) -> Result<Chosen> {
    open_with(archive, backend, QueueOptions::default())
}

fn open_with(archive: &Archive, backend: Backend, options: QueueOptions) -> Result<Chosen> {
    let chosen = open_queue(archive, backend, options, Arc::new(HeapPool::new(64 << 20)));
    chosen.with_context(|| format!("cannot start {}", backend.name()))
}

/// When urgent reads come, and what the table calls it.
const CASES: [(Case, &str); 3] = [
    (Case::Behind, "behind 5,000"),
    (Case::Cancelled, "after a mass cancel"),
    (Case::Rare, "behind 5,000, the first in a second"),
];

/// Rows beside ours.
const FIO: &str = "fio io_uring, depth 8, direct";
const PACKED: &str = "one packed file, plain reads";

/// What the table shows of one way to read.
struct Row {
    name: String,
    /// None of a row that has other figures alone.
    drive: Option<Drive>,
    /// By [`CASES`]; of fio: any of its reads.
    urgent: Vec<Urgent>,
    submit_ns: Option<f64>,
    poll_us: Option<f64>,
    small: Option<Duration>,
}

/// The file that is measured.
struct Bench<'a> {
    archive: &'a Archive,
    path: &'a Path,
    time: Duration,
    notes: Vec<String>,
    /// The most bytes of it that the system kept although it was asked to forget them, before any
    /// row but that of the map, which holds what it has touched.
    cached_bytes: Option<u64>,
}

impl Bench<'_> {
    /// Every row begins with this.
    fn make_cold(&mut self) -> Result<()> {
        drop_cache(self.path)?;
        self.cached_bytes = self.cached_bytes.max(cached_bytes(self.path));
        Ok(())
    }

    fn note_cache(&mut self, when: &str) {
        self.notes.push(match self.cached_bytes.take() {
            Some(bytes) => format!("{when}: at most {} KiB of the file", bytes >> 10),
            None => format!("{when}: dropped, not checked (no fincore)"),
        });
    }

    fn rows(&mut self) -> Result<Vec<Row>> {
        let file_bytes = self.archive.file_bytes();
        let (fio, uring) = self.beside_fio()?;
        let small = self.small_reads()?;
        let mut rows = Vec::from_iter(fio);
        for (backend, small) in [(Backend::Uring, small[0]), (Backend::Pread, small[1])] {
            let drive = (backend == Backend::Uring).then_some(uring);
            rows.push(Row { small: Some(small), ..self.queue_row(backend, drive)? });
        }
        rows.push(Row { small: Some(small[2]), ..Row::of(PACKED, None) });
        self.make_cold()?;
        let drive = plain(self.path, file_bytes, self.time)?;
        rows.push(Row::of("std pread + rayon", Some(drive)));
        self.make_cold()?;
        self.note_cache("page cache before any row but mmap's");
        // Last: what a map has touched stays in the cache as long as the archive is open.
        rows.push(self.queue_row(Backend::Mmap, None)?);
        self.note_cache("page cache before a figure of mmap");
        Ok(rows)
    }

    /// fio and io_uring, one first and then the other, since a disk's speed changes by the minute:
    /// the round whose ratio of bandwidths is the middle one, with the processor time of the round
    /// whose ratio of that is. No reads are joined, since fio joins none.
    fn beside_fio(&mut self) -> Result<(Option<Row>, Drive)> {
        let options = QueueOptions { joined_bytes_max: 0, ..QueueOptions::default() };
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            let mut fio = (round % 2 == 0).then(|| fio::run(self.path, self.time));
            self.make_cold()?;
            let mut queue = open_with(self.archive, Backend::Uring, options)?.queue;
            let uring = drive(&mut *queue, self.archive.file_bytes(), self.time)?;
            drop(queue);
            match fio.take().unwrap_or_else(|| fio::run(self.path, self.time)) {
                Ok(fio) => rounds.push((fio, uring)),
                Err(why) => {
                    self.notes.push(format!("absent: fio ({why})"));
                    return Ok((None, uring));
                }
            }
        }
        type Round = ((Drive, Percentiles), Drive);
        let speed = |((fio, _), uring): &Round| uring.bytes_per_s() / fio.bytes_per_s();
        let cpu = |((fio, _), uring): &Round| {
            uring.cpu_us_per_read().zip(fio.cpu_us_per_read()).map_or(0.0, |(a, b)| a / b)
        };
        let mut sort = |what: &str, ratio: &dyn Fn(&Round) -> f64| {
            rounds.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
            let all: Vec<String> = rounds.iter().map(|r| format!("{:.2}", ratio(r))).collect();
            self.notes.push(format!("uring / fio, {what}, every round: {}", all.join(" ")));
            rounds[ROUNDS / 2]
        };
        let ((fio, took), uring) = sort("bandwidth", &speed);
        let ((fio_cpu, _), uring_cpu) = sort("CPU a read", &cpu);
        let took = Urgent { all: took, queued: None, device: None, behind_bytes_per_s: 0.0 };
        let row = Row { urgent: vec![took], ..Row::of(FIO, Some(fio.with_cpu_of(&fio_cpu))) };
        Ok((Some(row), uring.with_cpu_of(&uring_cpu)))
    }

    /// The small reads through io_uring, through threads, and packed, in turns; the middle ones. What
    /// the disk was read for tells that none of them found its bytes in the page cache.
    fn small_reads(&mut self) -> Result<[Duration; 3]> {
        let mut took = [const { Vec::new() }; 3];
        let mut least = [None; 3];
        for _ in 0..ROUNDS {
            for way in 0..3 {
                self.make_cold()?;
                let before = disk_bytes();
                took[way].push(match way {
                    0 => small_reads(&mut *open(self.archive, Backend::Uring)?.queue)?,
                    1 => small_reads(&mut *open(self.archive, Backend::Pread)?.queue)?,
                    _ => packed_pread(self.path)?,
                });
                let read = disk_bytes().zip(before).map(|(after, before)| after - before);
                least[way] = least[way].map_or(read, |least: u64| read.map(|read| read.min(least)));
            }
        }
        let mib =
            least.map(|bytes| bytes.map_or("?".into(), |b| format!("{:.1}", b as f64 / 1048576.0)));
        let asked = u64::from(SMALL[0]) * u64::from(SMALL[1]);
        self.notes.push(format!(
            "5000x16K, {:.1} MiB: the disk read at least {} MiB for uring, {} for pread, {} for packed",
            asked as f64 / f64::from(1 << 20),
            mib[0],
            mib[1],
            mib[2]
        ));
        Ok(took.map(middle))
    }

    /// One backend, and why it is this one. Of the map only what begins cold is measured.
    fn queue_row(&mut self, backend: Backend, known: Option<Drive>) -> Result<Row> {
        let (file_bytes, time) = (self.archive.file_bytes(), self.time);
        self.make_cold()?;
        let handles = open_handles();
        let Chosen { mut queue, reason } = open(self.archive, backend)?;
        let held = open_handles().zip(handles).map(|(with, without)| with - without);
        let held = held.map_or(String::new(), |held| format!("; {held} more file handles"));
        self.notes.push(format!("{}: {reason}{held}", backend.name()));
        let drive = match known {
            Some(drive) => drive,
            None => drive(&mut *queue, file_bytes, time)?,
        };
        let mut row = Row::of(queue.backend(), Some(drive));
        if queue.backend() != backend.name() {
            // Its figures count for nobody.
            row.name = format!("{} instead of {}", queue.backend(), backend.name());
        }
        if backend != Backend::Mmap {
            for (case, _) in CASES {
                self.make_cold()?;
                row.urgent.push(urgent(&mut *queue, self.path, file_bytes, case, time)?);
            }
            self.notes.extend(where_urgent_wait(backend, &row.urgent));
        }
        drop(queue);
        self.make_cold()?;
        let mut submits = Vec::new();
        for _ in 0..ROUNDS {
            submits.push(submit_ns(&mut *open(self.archive, backend)?.queue, file_bytes));
        }
        submits.sort_by(f64::total_cmp);
        row.submit_ns = Some(submits[ROUNDS / 2]);
        let poll_time = time.min(Duration::from_secs(1));
        self.make_cold()?;
        row.poll_us =
            Some(poll_us(&mut *open(self.archive, backend)?.queue, file_bytes, poll_time));
        Ok(row)
    }
}

impl Row {
    /// With its bandwidth alone.
    fn of(name: &str, drive: Option<Drive>) -> Self {
        let (urgent, submit_ns, poll_us, small) = (Vec::new(), None, None, None);
        Self { name: name.to_owned(), drive, urgent, submit_ns, poll_us, small }
    }
}

/// The middle one.
fn middle(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[took.len() / 2]
}

/// Where the time of urgent reads goes, and what it costs the others.
fn where_urgent_wait(backend: Backend, urgent: &[Urgent]) -> Vec<String> {
    let text_of = |p: Option<Percentiles>| {
        p.map_or("-".into(), |p| format!("{:.2}/{:.2}", p.p50_ms, p.p99_ms))
    };
    let line = |(&(_, case), u): (&(Case, &str), &Urgent)| {
        format!(
            "urgent, {}, {case}: p50/p99 {} ms in the queue, {} at the device, at most {:.2} in all; \
             the others read {:.0} MiB/s",
            backend.name(),
            text_of(u.queued),
            text_of(u.device),
            u.all.max_ms.unwrap_or(f64::NAN),
            u.behind_bytes_per_s / f64::from(1 << 20)
        )
    };
    CASES.iter().zip(urgent).map(line).collect()
}

fn table(archive: &Archive, path: &Path, time: Duration) -> Result<String> {
    let mut bench = Bench { archive, path, time, notes: Vec::new(), cached_bytes: None };
    let rows = bench.rows()?;
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "random reads of 64 KiB from {:.0} MiB, nothing cached; urgent: one behind {BACKLOG}",
        mib(archive.file_bytes() as f64)
    );
    let _ = writeln!(
        text,
        "  {:<30}{:>9}{:>11}{:>10}{:>9}{:>15}{:>15}{:>15}{:>13}",
        "",
        "MiB/s",
        "CPU us/rd",
        "submit ns",
        "poll us",
        "urgent p50/p99",
        "after cancel",
        "after 1 s",
        "5000x16K ms"
    );
    for row in &rows {
        let _ = write!(
            text,
            "  {:<30}{:>9}{:>11}",
            row.name,
            row.drive.map_or("-".into(), |drive| format!("{:.0}", mib(drive.bytes_per_s()))),
            row.drive
                .and_then(|drive| drive.cpu_us_per_read())
                .map_or("-".into(), |us| format!("{us:.2}"))
        );
        let _ = write!(text, "{:>10}", row.submit_ns.map_or("-".into(), |ns| format!("{ns:.0}")));
        let _ = write!(text, "{:>9}", row.poll_us.map_or("-".into(), |us| format!("{us:.1}")));
        for index in 0..CASES.len() {
            let text_of = |u: &Urgent| format!("{:.2}/{:.2} ms", u.all.p50_ms, u.all.p99_ms);
            let _ = write!(text, "{:>15}", row.urgent.get(index).map_or("-".into(), text_of));
        }
        let small = row.small.map_or("-".into(), |t| format!("{:.0}", t.as_secs_f64() * 1e3));
        let _ = writeln!(text, "{small:>13}");
    }
    let _ = writeln!(text, "  {:<30}{:>9.0}", "memcpy", mib(memcpy_bytes_per_s()));
    ratios(&rows, &mut text);
    for note in bench.notes {
        let _ = writeln!(text, "{note}");
    }
    Ok(text)
}

fn ratios(rows: &[Row], text: &mut String) {
    let find = |name: &str| rows.iter().find(|row| row.name == name);
    let mut line = |what: &str, ratio: Option<f64>, goal: &str| {
        let ratio = ratio.map_or("not measured".into(), |ratio| format!("{ratio:.2}"));
        let _ = writeln!(text, "{what}: {ratio} (goal {goal})");
    };
    let (fio, uring, packed) = (find(FIO), find("uring"), find(PACKED));
    let pair = |a: Option<f64>, b: Option<f64>| Some(a? / b?);
    let rate = |row: Option<&Row>| Some(row?.drive?.bytes_per_s());
    let cpu = |row: Option<&Row>| row?.drive?.cpu_us_per_read();
    let small = |row: Option<&Row>| row.and_then(|row| row.small).map(|time| time.as_secs_f64());
    line("uring / fio, bandwidth", pair(rate(uring), rate(fio)), "at least 0.90");
    line("uring / fio, CPU a read", pair(cpu(uring), cpu(fio)), "at most 1.25");
    for backend in ["uring", "pread", "mmap"] {
        let submit_us = find(backend).and_then(|row| row.submit_ns).map(|ns| ns / 1e3);
        line(&format!("submit, {backend}, us"), submit_us, "at most 0.5");
    }
    let p99 = |row: Option<&Row>, index: usize| row?.urgent.get(index).map(|u| u.all.p99_ms);
    line("urgent behind 5,000, p99 ms", p99(uring, 0), "at most 3");
    line("urgent after a mass cancel, p99 ms", p99(uring, 1), "at most 3");
    line(
        "urgent behind 5,000, the first in a second, p99 ms",
        p99(uring, 2),
        "none; at most 3 wished",
    );
    line("5,000 x 16 KiB / packed pread, time", pair(small(uring), small(packed)), "at most 1.2");
    let device = |index: usize| uring?.urgent.get(index)?.device.map(|device| device.p99_ms);
    line("urgent behind 5,000, p99 ms at the device alone", device(0), "none");
    line("urgent after a mass cancel, p99 ms at the device alone", device(1), "none");
    let beside = pair(p99(uring, 0), p99(fio, 0));
    line("urgent behind 5,000 / any of fio's eight, p99", beside, "none; what the disk adds");
}
