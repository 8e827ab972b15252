//! `harness bench-io`: the read queues beside fio, plain reads and memcpy, on one file in one run.

mod fio;
mod measure;

pub use measure::{
    Drive, Urgent, cpu_time, drive, drop_cache, memcpy_bytes_per_s, packed_pread, plain,
    small_reads, submit_ns, urgent,
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

/// `harness bench-io`.
///
/// # Errors
/// When the file cannot be read or made.
pub fn run(args: &BenchIoArgs) -> Done {
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
    if archive.file_bytes() < 64 << 20 {
        return Err(anyhow!("{}: too small to measure, 64 MiB at least", path.display()).into());
    }
    let time = Duration::from_secs_f64(args.seconds);
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
    let pool = Arc::new(HeapPool::new(64 << 20));
    let chosen = open_queue(archive, backend, QueueOptions::default(), pool);
    chosen.with_context(|| format!("cannot start {}", backend.name()))
}

/// What the table shows of one way to read.
struct Row {
    name: String,
    drive: Drive,
    urgent: Option<[Urgent; 2]>,
    submit_ns: Option<f64>,
    small: Option<Duration>,
}

fn rows(archive: &Archive, path: &Path, time: Duration) -> Result<(Vec<Row>, Vec<String>)> {
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    match fio::run(path, time) {
        Ok(drive) => rows.push(Row {
            name: "fio io_uring, depth 8, direct".into(),
            drive,
            urgent: None,
            submit_ns: None,
            small: None,
        }),
        Err(why) => notes.push(format!("absent: fio ({why})")),
    }
    for backend in [Backend::Uring, Backend::Pread] {
        let (row, note) = queue_row(archive, path, backend, time)?;
        rows.push(row);
        notes.push(note);
    }
    drop_cache(path)?;
    let drive = plain(path, archive.file_bytes(), time)?;
    drop_cache(path)?;
    let small = Some(packed_pread(path)?);
    let name = "std pread + rayon".to_owned();
    rows.push(Row { name, drive, urgent: None, submit_ns: None, small });
    // Last: what a map has touched stays in the cache as long as the archive is open.
    let (row, note) = queue_row(archive, path, Backend::Mmap, time)?;
    rows.push(row);
    notes.push(note);
    Ok((rows, notes))
}

/// One backend, and why it is this one. Of the map only what begins cold is measured.
fn queue_row(
    archive: &Archive,
    path: &Path,
    backend: Backend,
    time: Duration,
) -> Result<(Row, String)> {
    let waits = backend != Backend::Mmap;
    let file_bytes = archive.file_bytes();
    drop_cache(path)?;
    let chosen = open(archive, backend)?;
    let note = format!("{}: {}", backend.name(), chosen.reason);
    let mut queue = chosen.queue;
    let drive = drive(&mut *queue, file_bytes, time);
    drop_cache(path)?;
    let urgent =
        waits.then(|| [false, true].map(|cancel| urgent(&mut *queue, file_bytes, cancel, time)));
    drop(queue);
    let mut queue = open(archive, backend)?.queue;
    let submit_ns = Some(submit_ns(&mut *queue, file_bytes));
    drop(queue);
    drop_cache(path)?;
    let mut queue = open(archive, backend)?.queue;
    let small = waits.then(|| small_reads(&mut *queue));
    let name = backend.name().to_owned();
    Ok((Row { name, drive, urgent, submit_ns, small }, note))
}

fn table(archive: &Archive, path: &Path, time: Duration) -> Result<String> {
    let (rows, notes) = rows(archive, path, time)?;
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "random reads of 64 KiB from {:.0} MiB, nothing cached; urgent: one behind {BACKLOG}",
        mib(archive.file_bytes() as f64)
    );
    let _ = writeln!(
        text,
        "  {:<30}{:>9}{:>11}{:>10}{:>15}{:>15}{:>13}",
        "", "MiB/s", "CPU us/rd", "submit ns", "urgent p50/p99", "after cancel", "5000x16K ms"
    );
    for row in &rows {
        let _ = write!(
            text,
            "  {:<30}{:>9.0}{:>11.2}",
            row.name,
            mib(row.drive.bytes_per_s()),
            row.drive.cpu_us_per_read().unwrap_or(f64::NAN)
        );
        let _ = write!(text, "{:>10}", row.submit_ns.map_or("-".into(), |ns| format!("{ns:.0}")));
        for index in 0..2 {
            let text_of =
                |u: &[Urgent; 2]| format!("{:.2}/{:.2} ms", u[index].p50_ms, u[index].p99_ms);
            let _ = write!(text, "{:>15}", row.urgent.as_ref().map_or("-".into(), text_of));
        }
        let small = row.small.map_or("-".into(), |t| format!("{:.0}", t.as_secs_f64() * 1e3));
        let _ = writeln!(text, "{small:>13}");
    }
    let _ = writeln!(text, "  {:<30}{:>9.0}", "memcpy", mib(memcpy_bytes_per_s()));
    ratios(&rows, &mut text);
    for note in notes {
        let _ = writeln!(text, "{note}");
    }
    Ok(text)
}

fn ratios(rows: &[Row], text: &mut String) {
    let find = |name: &str| rows.iter().find(|row| row.name.starts_with(name));
    let mut line = |what: &str, ratio: Option<f64>, goal: &str| {
        let ratio = ratio.map_or("not measured".into(), |ratio| format!("{ratio:.2}"));
        let _ = writeln!(text, "{what}: {ratio} (goal {goal})");
    };
    let (fio, uring, std) = (find("fio"), find("uring"), find("std"));
    let pair = |a: Option<f64>, b: Option<f64>| Some(a? / b?);
    let rate = |row: Option<&Row>| row.map(|row| row.drive.bytes_per_s());
    let cpu = |row: Option<&Row>| row.and_then(|row| row.drive.cpu_us_per_read());
    let small = |row: Option<&Row>| row.and_then(|row| row.small).map(|time| time.as_secs_f64());
    line("uring / fio, bandwidth", pair(rate(uring), rate(fio)), "at least 0.90");
    line("uring / fio, CPU a read", pair(cpu(uring), cpu(fio)), "at most 1.25");
    line("submit, us", uring.and_then(|row| row.submit_ns).map(|ns| ns / 1e3), "at most 0.5");
    let urgent = |index: usize| uring.and_then(|row| row.urgent.as_ref()).map(|u| u[index].p99_ms);
    line("urgent behind 5,000, p99 ms", urgent(0), "at most 3");
    line("urgent after a mass cancel, p99 ms", urgent(1), "at most 3");
    line("5,000 x 16 KiB / packed pread, time", pair(small(uring), small(std)), "at most 1.2");
}
