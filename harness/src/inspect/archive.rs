//! An archive in figures, whatever it holds.

use anyhow::Result;
use farplane::io::Archive;
use std::fmt::Write;

/// How the file is used.
pub fn describe(archive: &Archive) -> String {
    let space = archive.space();
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let mut out = String::from("\n");
    let mut row = |name: &str, text: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {name:<12}{text}");
    };
    row(
        "generation",
        format!("{} (2 is a new archive, each append one more)", archive.generation()),
    );
    let (bytes, in_front) = archive.directory_bytes();
    let place = if in_front { "in front" } else { "not in front: compact it to bring it there" };
    row("directory", format!("{:.3} MB, {place}", mb(bytes)));
    row(
        "file",
        format!(
            "{:.2} MB: {:.2} MB live in {} pieces, {:.2} MB dead, {:.2} MB padding, {:.2} MB \
             superblocks and directory",
            mb(archive.file_bytes()),
            mb(space.live_bytes),
            space.pieces,
            mb(space.dead_bytes),
            mb(space.padding_bytes),
            mb(space.directory_bytes)
        ),
    );
    let percent = 100.0 * space.fragmentation();
    row("fragmented", format!("{percent:.1}% of the data are dead or padding"));
    row(
        "duplicates",
        format!("{} entries, {:.2} MB stored once", space.duplicates, mb(space.duplicate_bytes)),
    );
    row("content", format!("{:032x}", archive.content_hash()));
    out
}

/// What an archive holds that is no world.
///
/// # Errors
/// When the names of its entries are damaged.
pub fn contents(archive: &Archive) -> Result<String> {
    let extents = || (0..archive.entries()).filter_map(|id| archive.extent(id));
    let stored: u64 = extents().map(|extent| u64::from(extent.stored_bytes)).sum();
    let logical: u64 = extents().map(|extent| u64::from(extent.logical_bytes)).sum();
    let ratio = if stored > 0 { logical as f64 / stored as f64 } else { 0.0 };
    let mut out = format!(
        "  {:<12}{}, {:.2} MB stored, {:.2} MB decoded, ratio {ratio:.2}; {} names\n",
        "entries",
        extents().count(),
        stored as f64 / 1e6,
        logical as f64 / 1e6,
        archive.names()?.len()
    );
    for name in archive.sections() {
        let end = name.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
        let bytes = archive.section_extent(name).map_or(0, |extent| extent.logical_bytes);
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {:<12}'{}', {bytes} bytes", "section", name[..end].escape_ascii());
    }
    Ok(out)
}
