//! What the system tells about itself. Nothing here decides anything.

use std::time::Duration;

/// Name of the processor, or its architecture.
#[must_use]
pub fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|l| l.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, n)| n.trim().to_owned())
}

/// Anonymous resident memory of this process, bytes; `None` where the system does not tell.
#[must_use]
pub fn anon_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Time that a hypervisor took from this machine since it started; `None` where the system does not
/// tell.
#[must_use]
pub fn stolen() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: u64 = stat.lines().next()?.split_whitespace().nth(8)?.parse().ok()?;
    // Linux counts these in hundredths of a second on every architecture.
    Some(Duration::from_millis(ticks * 10))
}

/// Processor time of the calling thread so far; `None` where the system does not tell.
#[must_use]
pub fn thread_cpu() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Some(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Cores of this machine.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Makes this thread give way to the frame loop: it never preempts another one when it wakes up, and
/// leaves the first core (and its caches) to the main thread where there are several. Where the
/// system refuses, nothing changes.
pub fn yield_to_main() {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::{
            NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
            set_thread_priority_and_policy, thread_native_id,
        };
        let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
        let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    }
    share_cores(false);
}

/// Keeps the calling thread, the frame loop, on the first core: next to a worker, it would wait for
/// the end of that one's slice of time. Threads that it starts inherit this until they call
/// [`yield_to_main`].
pub fn take_first_core() {
    share_cores(true);
}

/// Of several cores, the first one or all others.
fn share_cores(first: bool) {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
        let Some(allowed) = ALLOWED.get_or_init(|| sched_getaffinity(None).ok()) else { return };
        let Some(core) = (0..CpuSet::MAX_CPU).find(|&cpu| allowed.is_set(cpu)) else { return };
        if allowed.count() < 2 {
            return;
        }
        let mut mine = *allowed;
        if first {
            mine = CpuSet::new();
            mine.set(core);
        } else {
            mine.unset(core);
        }
        let _ = sched_setaffinity(None, &mine);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = first;
}

/// The cores that this process may use, before it divided them.
#[cfg(target_os = "linux")]
static ALLOWED: std::sync::OnceLock<Option<rustix::thread::CpuSet>> = std::sync::OnceLock::new();
