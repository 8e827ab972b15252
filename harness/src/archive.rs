//! `harness archive`: patches, compaction, comparison and unpacking.

use crate::cli::{
    AppendArgs, ArchiveArgs, ArchiveVerb, BakeProfile, CompactArgs, DiffArgs, ExtractArgs,
    SynthArgs,
};
use crate::status::{Done, Failure};
use crate::{file, progress};
use anyhow::{Context, Result, anyhow};
use farplane::io::{
    Archive, ArchiveWriter, Change, Diff, ENTRIES_MAX, Filter, Packed, Profile, Summary, compact,
    patch,
};
use rayon::prelude::*;
use std::fmt::Write;
use std::path::Path;

/// Changes that are listed; more are counted.
const CHANGES_MAX: usize = 100;

/// `harness archive`.
///
/// # Errors
/// Files that cannot be read or written, archives that are damaged, entries that are not there. An
/// archive that was at a path before is then as before.
pub fn run(args: &ArchiveArgs) -> Done {
    match &args.verb {
        ArchiveVerb::Append(args) => append(args),
        ArchiveVerb::Compact(args) => Ok(compacted(args)?),
        ArchiveVerb::Diff(args) => Ok(diff(args)?),
        ArchiveVerb::Extract(args) => Ok(extract(args)?),
        ArchiveVerb::Synth(args) => Ok(synth(args)?),
    }
}

fn append(args: &AppendArgs) -> Done {
    let name = args.archive.display();
    let profile = match args.profile {
        BakeProfile::Fast => Profile::Fast,
        BakeProfile::Small => Profile::Small,
    };
    if !profile.is_available() {
        let text = "--profile small: build with --features zstd, or give --profile fast";
        return Err(Failure::Usage(text.to_owned()));
    }
    let summary = if let Some(from) = &args.from {
        let new = Archive::open(from)?;
        let (diff, summary) = patch(&args.archive, &new)?;
        if diff.is_empty() {
            file::print(&format!("{name}: holds what {} holds already\n", from.display()))?;
        }
        summary
    } else {
        let mut writer = ArchiveWriter::append(&args.archive)?;
        for &id in &args.remove {
            writer.remove(id)?;
        }
        for (id, path) in &args.entry {
            writer.add(*id, &profile.pack(&read(path)?, Filter::None))?;
        }
        for (section, path) in &args.section {
            writer.packed_section(*section, &profile.pack(&read(path)?, Filter::None))?;
        }
        for (id, entry_name) in &args.name {
            writer.name(*id, entry_name)?;
        }
        writer.finish()?
    };
    file::print(&format!("{name}: {}\n", told(&summary)))?;
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn told(summary: &Summary) -> String {
    format!(
        "generation {}; {} entries ({} of them duplicates), {:.1} MB, of which {:.1} MB only older \
         generations use",
        summary.generation,
        summary.entries,
        summary.duplicates,
        summary.file_bytes as f64 / 1e6,
        summary.dead_bytes as f64 / 1e6
    )
}

fn compacted(args: &CompactArgs) -> Result<()> {
    let to = args.output.as_ref().unwrap_or(&args.archive);
    let bar = progress::bar(1, "compacting");
    let result = compact(&args.archive, to, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let compacted = result?;
    file::print(&format!(
        "{}: {:.1} MB before; {}\n",
        to.display(),
        compacted.old_bytes as f64 / 1e6,
        told(&compacted.summary)
    ))
}

fn diff(args: &DiffArgs) -> Result<()> {
    let (old, new) = (Archive::open(&args.old)?, Archive::open(&args.new)?);
    let diff = Diff::between(&old, &new)?;
    let mut out = String::new();
    for change in diff.changes.iter().take(CHANGES_MAX) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}", line(change));
    }
    if diff.changes.len() > CHANGES_MAX {
        let _ = writeln!(out, "… and {} more", diff.changes.len() - CHANGES_MAX);
    }
    let _ = writeln!(
        out,
        "{} changes, {} names; {} entries are equal; a patch stores {:.3} MB",
        diff.changes.len(),
        diff.names_changed,
        diff.entries_equal,
        diff.stored_bytes() as f64 / 1e6
    );
    file::print(&out)
}

fn line(change: &Change) -> String {
    let what = match (change.entry, change.section) {
        (Some(id), _) => format!("entry {id}"),
        (None, Some(name)) => {
            let end = name.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
            format!("section '{}'", name[..end].escape_ascii())
        }
        (None, None) => String::new(),
    };
    match (change.old, change.new) {
        (None, Some(new)) => format!("+ {what}: {} bytes", new.logical_bytes),
        (Some(old), None) => format!("- {what}: {} bytes", old.logical_bytes),
        (Some(old), Some(new)) => {
            format!("~ {what}: {} → {} bytes", old.logical_bytes, new.logical_bytes)
        }
        (None, None) => what,
    }
}

fn extract(args: &ExtractArgs) -> Result<()> {
    let archive = Archive::open(&args.archive)?;
    let name = args.archive.display();
    let bytes = match (args.entry, &args.name, args.section) {
        (_, _, Some(section)) => archive.section(section)?,
        (Some(id), ..) => archive.read(id).with_context(|| name.to_string())?,
        (_, Some(entry), _) => {
            let id = archive.names()?.find(entry);
            let id = id.ok_or_else(|| anyhow!("{name}: no entry is called '{entry}'"))?;
            archive.read(id).with_context(|| name.to_string())?
        }
        (None, None, None) => Vec::new(),
    };
    let output = args.output.display();
    std::fs::write(&args.output, &bytes).with_context(|| format!("cannot write {output}"))?;
    file::print(&format!("{output}: {} bytes\n", bytes.len()))
}

/// Samples in a row of a made-up tile, and rows: 64 KiB.
const TILE_SAMPLES: u32 = 181;

/// Tiles that are packed in parallel before they are written in order.
const CHUNK: u32 = 256;

/// Tiles of rough hills, a tenth of them the same as another.
fn synth(args: &SynthArgs) -> Result<()> {
    file::check_target(&args.output)?;
    let mut packed = tiles(args.seed, 0);
    // The directory lies in front only where there is room for it: as many entries as chunks like the
    // first one take, and a sixteenth more, since none is exactly like it.
    let chunks = args.bytes.div_ceil(added_bytes(&packed).max(1)).max(1);
    let expected = (chunks + chunks / 16 + 1).saturating_mul(u64::from(CHUNK));
    let expected = u32::try_from(expected).unwrap_or(u32::MAX).min(ENTRIES_MAX);
    let mut writer = ArchiveWriter::for_entries(&args.output, expected)?;
    let bar = progress::bar(args.bytes, "writing");
    let (mut stored, mut next) = (0, 0);
    while stored < args.bytes {
        if next > 0 {
            packed = tiles(args.seed, next);
        }
        writer.begin_run();
        for (id, packed) in (next..).zip(&packed) {
            writer.add(id, packed)?;
        }
        stored += added_bytes(&packed);
        next += CHUNK;
        bar.set_position(stored.min(args.bytes));
    }
    bar.finish_and_clear();
    let summary = writer.finish()?;
    file::print(&format!("{}: {}\n", args.output.display(), told(&summary)))
}

/// A chunk of tiles from tile `first` on.
fn tiles(seed: u64, first: u32) -> Vec<Packed> {
    let filter = Filter::PlanarDelta16 { row_samples: TILE_SAMPLES };
    let ids = (first..first + CHUNK).into_par_iter();
    ids.map(|id| Profile::Fast.pack(&tile(seed, id), filter)).collect()
}

/// What a chunk adds to the file, about: a tenth is there already.
fn added_bytes(packed: &[Packed]) -> u64 {
    packed.iter().map(Packed::stored_bytes).sum::<u64>() / 10 * 9
}

fn tile(seed: u64, id: u32) -> Vec<u8> {
    let id = if id % 10 == 9 { id - 1 } else { id };
    let mut state = seed ^ u64::from(id + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut out = Vec::with_capacity((TILE_SAMPLES * TILE_SAMPLES * 2) as usize);
    for y in 0..TILE_SAMPLES {
        for x in 0..TILE_SAMPLES {
            // Marsaglia's xorshift64.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let hill = x * x / 9 + y * y / 13 + x * y / 20 + id % 977;
            out.extend(((hill as u64 + state % 24) as u16).to_le_bytes());
        }
    }
    out
}
