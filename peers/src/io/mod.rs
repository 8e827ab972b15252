//! Codecs on blocks of 64 KiB, and thousands of small files that no cache holds.

#[cfg(feature = "bevy")]
mod bevy;
mod codecs;
mod payloads;
mod small;
mod system;

use crate::goal::{Bound, Goal};
use crate::section::Section;
use crate::table::Table;

/// Measures the section: about a minute, and 160 MB of disk under the current folder.
///
/// # Errors
/// When test data cannot be read, or the small files cannot be written or read.
pub fn run() -> Result<Section, String> {
    let payloads = payloads::all()?;
    let sources: Vec<String> =
        payloads.iter().map(|p| format!("{}: {}", p.name, p.source)).collect();
    let method = format!(
        "codecs: blocks of at most 64 KiB, {} MB of each kind, so that no cache holds them, decoded \
         and checked on one core, median of {} rounds ({}); reads: {} entries or files of {} KiB, \
         median of {} rounds, cold ({})",
        payloads::KIND_BYTES / 1_000_000,
        codecs::ROUNDS,
        sources.join("; "),
        small::COUNT,
        small::BYTES / 1024,
        small::ROUNDS,
        system::HOW_COLD,
    );
    let mut section = Section::new("io", &method);
    let codecs: Vec<Table> = payloads.iter().map(codecs::table).collect();
    let (reads, urgent) = small::tables(&mut section)?;
    section.goals = goals(&codecs[0], &reads);
    section.tables = codecs;
    section.tables.extend([reads, urgent]);
    section.absent(
        "fio",
        "run by `harness bench-io`, as are PEERS' other goals for reads: bandwidth, CPU a read, \
         submit, urgent reads' p99",
    );
    section.absent(
        "meshoptimizer",
        "its streams are the mesh filters' own: compared byte by byte in the crate's tests",
    );
    Ok(section)
}

fn goals(heights: &Table, reads: &Table) -> Vec<Goal> {
    use Bound::{AtLeast, AtMost};
    let smaller = |who| heights.cell(who, codecs::STORED).map(|percent| 100.0 / percent);
    let speed = |who| heights.cell(who, codecs::DECODE).map(|ns| 1024.0 / ns);
    let ours = small::QUEUES[0].1;
    let time = |a, b| reads.ratio(a, b, small::TIME);
    [
        ("heights, profile small: times smaller", AtLeast(2.5), smaller(codecs::SMALL)),
        ("heights, profile small: decode, GB/s a core", AtLeast(1.1), speed(codecs::SMALL)),
        ("heights, profile fast: times smaller", AtLeast(1.95), smaller(codecs::FAST)),
        (
            "heights, profile fast: decode / memcpy",
            AtLeast(0.4),
            heights.ratio(codecs::MEMCPY, codecs::FAST, codecs::DECODE),
        ),
        ("5,000 reads: time / packed pread", AtMost(1.2), time(ours, small::PACKED)),
        ("5,000 reads: times as fast as bevy_asset", AtLeast(3.0), time(small::BEVY, ours)),
        (
            "5,000 reads: CPU time / bevy_asset",
            AtMost(0.2),
            reads.ratio(ours, small::BEVY, small::CPU),
        ),
    ]
    .into_iter()
    .map(|(what, bound, figure)| Goal::new(what, bound, figure))
    .collect()
}
