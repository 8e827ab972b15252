//! What the operating system is asked: processor time, and to forget files.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How files are made cold.
pub const HOW_COLD: &str = if cfg!(target_os = "linux") {
    "written out, then posix_fadvise DONTNEED on every file"
} else {
    "not made cold here: this system has no posix_fadvise"
};

/// Processor time of this process so far; `None` where the system does not tell.
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

/// Writes out all that was written, since what is dirty is not forgotten.
pub fn write_out() {
    #[cfg(target_os = "linux")]
    rustix::fs::sync();
}

/// Asks the system to forget what it holds of a file.
pub fn forget(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    #[cfg(target_os = "linux")]
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    drop(file);
    Ok(())
}
