//! What is measured of a queue, and the plain ways beside it.

use super::{BACKLOG, READ_BYTES};
use anyhow::{Context, Result, ensure};
use farplane::io::{Completion, ReadErrorKind, ReadQueue, ReadRequest};
use rayon::prelude::*;
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Requests that keep a queue busy.
const WAITING: usize = 256;
/// Between two looks at a queue: a frame loop looks less often.
const LOOK: Duration = Duration::from_millis(1);
/// The longest that an urgent read may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Small reads, and their bytes.
pub const SMALL: [u32; 2] = [5000, 16 << 10];

/// Reads over a time.
#[derive(Clone, Copy, Debug)]
pub struct Drive {
    /// Reads of [`READ_BYTES`].
    pub reads: u64,
    /// How long it took.
    pub time: Duration,
    /// Processor time; `None` where the system does not tell.
    pub cpu: Option<Duration>,
}

impl Drive {
    /// Bandwidth.
    #[must_use]
    pub fn bytes_per_s(&self) -> f64 {
        self.reads as f64 * f64::from(READ_BYTES) / self.time.as_secs_f64()
    }

    /// The same with the processor time of another run's reads.
    #[must_use]
    pub fn with_cpu_of(&self, other: &Self) -> Self {
        let cpu = other.cpu_us_per_read().map(|us| us * self.reads as f64 / 1e6);
        Self { cpu: cpu.map(Duration::from_secs_f64), ..*self }
    }

    /// Processor time of a read, µs.
    #[must_use]
    pub fn cpu_us_per_read(&self) -> Option<f64> {
        Some(self.cpu?.as_secs_f64() * 1e6 / self.reads as f64)
    }
}

/// How long reads took: what half and what 99 of 100 took less than.
#[derive(Clone, Copy, Debug)]
pub struct Percentiles {
    /// The median, ms.
    pub p50_ms: f64,
    /// The 99th percentile, ms: of fewer than 100 the longest but one.
    pub p99_ms: f64,
    /// The longest, ms; `None` where nobody tells.
    pub max_ms: Option<f64>,
}

impl Percentiles {
    fn of(mut took_ms: Vec<f64>) -> Self {
        took_ms.sort_by(f64::total_cmp);
        let at = |p: f64| took_ms[((took_ms.len() - 1) as f64 * p) as usize];
        Self { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: took_ms.last().copied() }
    }
}

/// How long urgent reads took, and where.
#[derive(Clone, Copy, Debug)]
pub struct Urgent {
    /// From asking until it is polled.
    pub all: Percentiles,
    /// From its submission until the device has it; `None` of those who do not tell.
    pub queued: Option<Percentiles>,
    /// At the device.
    pub device: Option<Percentiles>,
    /// Bytes that came of the backlog meanwhile, a second.
    pub behind_bytes_per_s: f64,
}

/// Processor time of this process so far; `None` where the system does not tell.
#[must_use]
pub fn cpu_time() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Some(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }
    #[cfg(not(target_os = "linux"))]
    None
}

fn cpu_since(start: Option<Duration>) -> Option<Duration> {
    Some(cpu_time()?.saturating_sub(start?))
}

/// Asks the system to forget what it holds of a file; where it cannot, the next figures are those of
/// a cached one.
///
/// # Errors
/// When the file cannot be opened.
pub fn drop_cache(path: &Path) -> Result<()> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    #[cfg(target_os = "linux")]
    {
        file.sync_all()?;
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
    }
    drop(file);
    Ok(())
}

/// Bytes of a file that the system holds, as util-linux's fincore counts them; `None` where there is
/// none.
#[must_use]
pub fn cached_bytes(path: &Path) -> Option<u64> {
    let mut command = Command::new("fincore");
    let output = command.args(["--bytes", "--noheadings", "--output", "RES"]).arg(path).output();
    String::from_utf8(output.ok()?.stdout).ok()?.trim().parse().ok()
}

/// Bytes that this process had the disk read so far; `None` where the system does not tell.
#[must_use]
pub fn disk_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/io").ok()?;
    text.lines().find_map(|line| line.strip_prefix("read_bytes: "))?.parse().ok()
}

/// File handles that this process holds; `None` where the system does not tell.
#[must_use]
pub fn open_handles() -> Option<usize> {
    // The folder's own handle is one of those listed.
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1))
}

/// Offsets of pieces of a file in an order without a pattern, over and over. Each comes once before
/// any comes again, so that what a first pass reads was in no cache.
struct Pieces {
    places: Vec<u32>,
    next: usize,
}

impl Pieces {
    fn new(file_bytes: u64) -> Self {
        let count = (file_bytes / u64::from(READ_BYTES)).clamp(1, u64::from(u32::MAX)) as u32;
        let mut places: Vec<u32> = (0..count).collect();
        let mut state = 7u64;
        // Fisher and Yates' shuffle, by Knuth's linear congruential generator.
        for last in (1..places.len()).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            places.swap(last, (state >> 33) as usize % (last + 1));
        }
        Self { places, next: 0 }
    }

    /// Whether every piece has come.
    fn wrapped(&self) -> bool {
        self.next >= self.places.len()
    }
}

impl Iterator for Pieces {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let place = self.places[self.next % self.places.len()];
        self.next += 1;
        Some(u64::from(place) * u64::from(READ_BYTES))
    }
}

/// Keeps a queue busy with random reads for a time, or until every piece of the file has been read.
/// As an engine does, it looks in now and then.
///
/// # Errors
/// When a read fails: what failed fast is no fast read.
pub fn drive(queue: &mut dyn ReadQueue, file_bytes: u64, time: Duration) -> Result<Drive> {
    let mut pieces = Pieces::new(file_bytes);
    let mut out: Vec<Completion> = Vec::new();
    let (cpu, start) = (cpu_time(), Instant::now());
    let mut reads = 0;
    // The last pieces of a file are waited for.
    while start.elapsed() < time && !(pieces.wrapped() && queue.in_flight() == 0) {
        while queue.in_flight() < WAITING && !pieces.wrapped() {
            let offset = pieces.next().unwrap_or_default();
            if queue.submit(ReadRequest::new(0, offset, READ_BYTES), 0).is_err() {
                break;
            }
        }
        std::thread::sleep(LOOK);
        queue.poll(0, &mut out);
        for done in out.drain(..) {
            touch(&done.result?);
            reads += 1;
        }
    }
    Ok(Drive { reads, time: start.elapsed(), cpu: cpu_since(cpu) })
}

/// A byte of each page, so that a map is read, too.
fn touch(bytes: &[u8]) -> u8 {
    black_box(bytes.iter().step_by(4096).fold(0, |sum, byte| sum ^ byte))
}

/// When urgent reads come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Behind a backlog, one soon after another.
    Behind,
    /// Right after all of a backlog is cancelled.
    Cancelled,
    /// Behind a backlog, none in the second before.
    Rare,
}

impl Case {
    /// The pause before each, in which the backlog gets under way, and how many there are at least.
    fn pace(self, time: Duration) -> (Duration, usize) {
        match self {
            Self::Behind | Self::Cancelled => (Duration::from_millis(3), 100),
            Self::Rare => {
                (Duration::from_millis(1100), (time.as_secs_f64() * 10.0).ceil() as usize)
            }
        }
    }
}

/// Urgent reads of a file whose beginning is cold.
///
/// # Errors
/// When a read fails or is lost, and when the file cannot be made cold again after all of it has come.
pub fn urgent(
    queue: &mut dyn ReadQueue,
    path: &Path,
    file_bytes: u64,
    case: Case,
    time: Duration,
) -> Result<Urgent> {
    const URGENT_ID: u64 = u64::MAX;
    let (pause, count) = case.pace(time);
    let mut pieces = Pieces::new(file_bytes);
    let mut out: Vec<Completion> = Vec::new();
    let mut tickets = Vec::new();
    let [mut all, mut queued, mut device] = [const { Vec::new() }; 3];
    let (mut behind_bytes, start) = (0, Instant::now());
    while all.len() < count || (case != Case::Rare && start.elapsed() < time) {
        let paused = Instant::now();
        loop {
            while queue.in_flight() < BACKLOG {
                if pieces.wrapped() {
                    drop_cache(path)?;
                    pieces.next = 0;
                }
                let offset = pieces.next().unwrap_or_default();
                let request = ReadRequest::new(0, offset, READ_BYTES).class(3);
                tickets.push(queue.submit(request, 0)?);
            }
            std::thread::sleep(pause.saturating_sub(paused.elapsed()).min(LOOK * 3));
            if paused.elapsed() >= pause {
                break;
            }
            queue.poll(0, &mut out);
            for done in out.drain(..) {
                behind_bytes += bytes_of(done)?;
            }
        }
        let begin = Instant::now();
        if case == Case::Cancelled {
            for ticket in tickets.drain(..) {
                queue.cancel(ticket);
            }
        }
        let request = ReadRequest::new(URGENT_ID, pieces.next().unwrap_or_default(), READ_BYTES);
        queue.submit(request.class(0), 0)?;
        let mut came = None;
        while came.is_none() {
            ensure!(begin.elapsed() < PATIENCE, "an urgent read did not arrive");
            std::thread::sleep(Duration::from_micros(50));
            queue.poll(0, &mut out);
            for done in out.drain(..) {
                match done.id {
                    URGENT_ID => came = Some(done),
                    _ => behind_bytes += bytes_of(done)?,
                }
            }
        }
        all.push(begin.elapsed().as_secs_f64() * 1e3);
        if let Some(done) = came {
            done.result?;
            queued.push((done.issued_ns - done.submitted_ns) as f64 / 1e6);
            device.push((done.completed_ns - done.issued_ns) as f64 / 1e6);
        }
        tickets.clear();
    }
    let behind_bytes_per_s = behind_bytes as f64 / start.elapsed().as_secs_f64();
    let [all, queued, device] = [all, queued, device].map(Percentiles::of);
    Ok(Urgent { all, queued: Some(queued), device: Some(device), behind_bytes_per_s })
}

/// Bytes that came; none of what was cancelled.
fn bytes_of(done: Completion) -> Result<u64> {
    match done.result {
        Ok(bytes) => Ok(bytes.len() as u64),
        Err(error) if error.kind == ReadErrorKind::Cancelled => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// What one submit takes the caller, ns, while as many wait as the queue holds.
pub fn submit_ns(queue: &mut dyn ReadQueue, file_bytes: u64) -> f64 {
    let mut pieces = Pieces::new(file_bytes);
    let count = queue.capacity() - queue.in_flight();
    let requests: Vec<ReadRequest> = (0..count as u64)
        .map(|id| {
            let offset = pieces.next().unwrap_or_default();
            ReadRequest::new(id, offset, READ_BYTES).class((id % 5) as u8)
        })
        .collect();
    let start = Instant::now();
    for &request in &requests {
        let _ = black_box(queue.submit(request, 0));
    }
    start.elapsed().as_secs_f64() * 1e9 / count.max(1) as f64
}

/// What one poll takes the caller, µs, of a queue that is kept busy and looked at every millisecond,
/// until every piece of the file has been asked for.
pub fn poll_us(queue: &mut dyn ReadQueue, file_bytes: u64, time: Duration) -> f64 {
    let mut pieces = Pieces::new(file_bytes);
    let mut out: Vec<Completion> = Vec::with_capacity(WAITING);
    let (mut polls, mut took) = (0u32, Duration::ZERO);
    let start = Instant::now();
    while start.elapsed() < time && !pieces.wrapped() {
        while queue.in_flight() < WAITING {
            let offset = pieces.next().unwrap_or_default();
            if queue.submit(ReadRequest::new(0, offset, READ_BYTES), 0).is_err() {
                break;
            }
        }
        std::thread::sleep(LOOK);
        let begin = Instant::now();
        queue.poll(0, &mut out);
        took += begin.elapsed();
        polls += 1;
        out.clear();
    }
    took.as_secs_f64() * 1e6 / f64::from(polls.max(1))
}

/// 5,000 reads of 16 KiB that lie side by side, submitted in no order, until all have arrived.
///
/// # Errors
/// When one of them fails.
pub fn small_reads(queue: &mut dyn ReadQueue) -> Result<Duration> {
    let [count, bytes] = SMALL;
    let start = Instant::now();
    for index in 0..count {
        // 3571 is prime: every place once.
        let place = u64::from(index) * 3571 % u64::from(count);
        queue.submit(ReadRequest::new(0, place * u64::from(bytes), bytes), 0)?;
    }
    let mut out: Vec<Completion> = Vec::new();
    while queue.in_flight() > 0 {
        std::thread::sleep(Duration::from_micros(200));
        queue.poll(0, &mut out);
        for done in out.drain(..) {
            touch(&done.result?);
        }
    }
    Ok(start.elapsed())
}

/// The same bytes front to back with plain reads of 1 MiB: what a packed file costs.
///
/// # Errors
/// When the file cannot be read.
pub fn packed_pread(path: &Path) -> Result<Duration> {
    let start = Instant::now();
    let mut left = u64::from(SMALL[0]) * u64::from(SMALL[1]);
    let mut file = File::open(path).with_context(|| path.display().to_string())?;
    let mut buffer = vec![0; 1 << 20];
    while left > 0 {
        let want = buffer.len().min(left as usize);
        file.read_exact(&mut buffer[..want])?;
        touch(&buffer[..want]);
        left -= want as u64;
    }
    Ok(start.elapsed())
}

/// Random reads on rayon's threads with the file's own positioned read.
///
/// # Errors
/// When the file cannot be read.
pub fn plain(path: &Path, file_bytes: u64, time: Duration) -> Result<Drive> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut pieces = Pieces::new(file_bytes);
    let (cpu, start) = (cpu_time(), Instant::now());
    let mut reads = 0;
    while start.elapsed() < time && !pieces.wrapped() {
        let some: Vec<u64> = pieces.by_ref().take(WAITING).collect();
        some.par_iter().try_for_each_init(
            || vec![0; READ_BYTES as usize],
            |buffer, &offset| read_at(&file, buffer, offset),
        )?;
        reads += some.len() as u64;
    }
    Ok(Drive { reads, time: start.elapsed(), cpu: cpu_since(cpu) })
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(not(unix))]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
    use std::io::Seek;
    let mut file = file.try_clone()?;
    file.seek(std::io::SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}

/// Copies between buffers that no cache holds.
#[must_use]
pub fn memcpy_bytes_per_s() -> f64 {
    const BYTES: usize = 64 << 20;
    // Not 0, which the system would give pages for only when they are written.
    let (from, mut to) = (vec![1u8; BYTES], vec![2u8; BYTES]);
    let start = Instant::now();
    for _ in 0..8 {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
    }
    8.0 * BYTES as f64 / start.elapsed().as_secs_f64()
}
