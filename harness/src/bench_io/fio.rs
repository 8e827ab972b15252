//! fio on the same file: the yardstick for asynchronous reads.

use super::READ_BYTES;
use super::measure::{Drive, Percentiles};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What fio reads at depth 8 past the page cache: `fio --name=randread --filename=F --readonly
/// --rw=randread --bs=64k --direct=1 --ioengine=io_uring --iodepth=8 --runtime=S`: each block once, as
/// we do. Beside it how long its reads took, each among seven others.
pub fn run(path: &Path, time: Duration) -> Result<(Drive, Percentiles), String> {
    let output = Command::new("fio")
        .args(["--name=randread", "--readonly", "--rw=randread", "--direct=1"])
        .args(["--ioengine=io_uring", "--iodepth=8", "--output-format=json"])
        .arg(format!("--filename={}", path.display()))
        .arg(format!("--bs={READ_BYTES}"))
        .arg(format!("--runtime={}ms", time.as_millis()))
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    // A note may come before the object.
    let json = text.find('{').map_or("", |start| &text[start..]);
    parse(json).ok_or_else(|| "its output is not understood".to_owned())
}

fn parse(json: &str) -> Option<(Drive, Percentiles)> {
    let value: Value = serde_json::from_str(json).ok()?;
    let job = value.get("jobs")?.get(0)?;
    let read = job.get("read")?;
    let seconds = read.get("runtime")?.as_f64()? / 1e3;
    let reads = read.get("total_ios")?.as_u64()?;
    let percent = job.get("usr_cpu")?.as_f64()? + job.get("sys_cpu")?.as_f64()?;
    let cpu = Some(Duration::from_secs_f64(seconds * percent / 100.0));
    let drive = Drive { reads, time: Duration::from_secs_f64(seconds), cpu };
    let percentiles = read.get("clat_ns")?.get("percentile")?;
    let at_ms = |name: &str| Some(percentiles.get(name)?.as_f64()? / 1e6);
    let [p50_ms, p99_ms] = [at_ms("50.000000")?, at_ms("99.000000")?];
    Some((drive, Percentiles { p50_ms, p99_ms, max_ms: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fios_report_is_read() {
        let json = r#"{"jobs": [{"read": {"runtime": 2000, "total_ios": 32000, "clat_ns":
            {"percentile": {"50.000000": 800000, "99.000000": 1750000}}},
            "usr_cpu": 2.5, "sys_cpu": 7.5}]}"#;
        let (drive, took) = parse(json).unwrap();
        assert_eq!((took.p50_ms, took.p99_ms), (0.8, 1.75));
        // 32,000 · 64 KiB in 2 s; a tenth of 2 s over 32,000.
        assert_eq!(drive.bytes_per_s(), 32_000.0 * 65_536.0 / 2.0);
        assert!((drive.cpu_us_per_read().unwrap() - 6.25).abs() < 1e-9);
        assert!(parse("{}").is_none() && parse("").is_none());
    }
}
