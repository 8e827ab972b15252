//! `harness verify`: every byte of a world.

use crate::cli::VerifyArgs;
use crate::status::Done;
use crate::{file, progress, world};
use anyhow::{Context, Result, anyhow};
use farplane::WorldIndex;
use farplane::io::{Archive, VerifyReport};
use farplane::vt::VtLayout;
use farplane::world::{UnitKind, World};
use std::path::Path;

/// Findings that are listed; more are counted.
const FINDINGS_MAX: usize = 20;

/// `harness verify`.
///
/// # Errors
/// When the archive cannot be opened, a byte of it is wrong, or its index contradicts itself.
pub fn run(args: &VerifyArgs) -> Done {
    let path = &args.file;
    let archive = world::open(path, &args.cache)?;
    let bar = progress::bar(archive.file_bytes(), "verifying");
    let report = archive.verify(&mut |done, _| bar.set_position(done))?;
    bar.finish_and_clear();
    let findings = findings(&archive, &report);
    if findings.is_empty() {
        let holds_world = archive.sections().any(|name| name == World::SECTION);
        if holds_world {
            WorldIndex::load(&archive).with_context(|| path.display().to_string())?;
        }
        let what = if holds_world { "" } else { " (an archive without a world)" };
        file::print(&format!(
            "{}: whole{what}; {} entries, {} blocks, {:.1} MB ({:.1} MB decoded), all checked\n",
            path.display(),
            report.entries,
            report.blocks,
            report.file_bytes as f64 / 1e6,
            report.logical_bytes as f64 / 1e6
        ))?;
        return Ok(());
    }
    list(path, &findings)?;
    if report.is_whole() {
        return Err(anyhow!(
            "{}: all that the newest generation holds is whole, but what surrounds it is not, as \
             after an interrupted append: mend it with `harness archive compact`",
            path.display()
        )
        .into());
    }
    let (n, s) = (findings.len(), if findings.len() == 1 { "" } else { "s" });
    Err(anyhow!("{}: {n} part{s} damaged; bake or copy it again", path.display()).into())
}

fn list(path: &Path, findings: &[String]) -> Result<()> {
    let mut text = format!("{}:\n", path.display());
    for finding in findings.iter().take(FINDINGS_MAX) {
        text += &format!("  {finding}\n");
    }
    if findings.len() > FINDINGS_MAX {
        text += &format!("  … and {} more\n", findings.len() - FINDINGS_MAX);
    }
    file::print(&text)
}

/// One line for everything that is wrong.
#[must_use]
pub fn findings(archive: &Archive, report: &VerifyReport) -> Vec<String> {
    let world = archive.section(World::SECTION).ok().and_then(|s| World::decode(&s).ok());
    let name = |entry: u32| unit_name(world.as_ref(), entry);
    let section_name = |name: &[u8; 8]| {
        let end = name.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
        format!("section '{}'", name[..end].escape_ascii())
    };
    let mut lines = Vec::new();
    for (i, fault) in report.superblocks.iter().enumerate() {
        if let Some(fault) = fault {
            lines.push(format!("superblock at {}: {fault}", i * 4096));
        }
    }
    for bad in &report.bad_blocks {
        let what = match &bad.section {
            Some(section) => section_name(section),
            None => name(bad.entry),
        };
        lines.push(format!("{what}, block {} at byte {}: {}", bad.block, bad.offset, bad.kind));
    }
    for &entry in &report.bad_entries {
        lines.push(format!("{}: not the content that was packed", name(entry)));
    }
    for section in &report.bad_sections {
        lines.push(format!("{}: not the content that was packed", section_name(section)));
    }
    for bad in &report.bad_padding {
        lines.push(format!("{} bytes between entries at byte {}: not zero", bad.bytes, bad.offset));
    }
    for (start, end) in &report.overlaps {
        lines.push(format!("bytes {start} to {end}: claimed twice"));
    }
    for (start, end) in &report.bad_dead {
        lines.push(format!("bytes {start} to {end}, of an older generation: not what was written"));
    }
    if report.bad_names {
        lines.push("names of the entries: not in order".to_owned());
    }
    if report.bad_content_hash {
        lines.push("directory: not the one that the superblock names".to_owned());
    }
    if report.trailing_bytes > 0 {
        let start = report.file_bytes;
        lines.push(format!("{} bytes behind the end at byte {start}", report.trailing_bytes));
    }
    lines
}

/// What an entry is to the world, or its number where the world's index is lost.
fn unit_name(world: Option<&World>, entry: u32) -> String {
    let Some(world) = world else { return format!("entry {entry}") };
    if entry == world.materials_entry() {
        return "the materials".to_owned();
    }
    match world.unit_kind(entry) {
        Some(UnitKind::Tile { level, x, y }) => format!("tile {level}/{x}/{y}"),
        Some(UnitKind::MeshLevel { mesh, level }) => format!("mesh {mesh}, level {level}"),
        Some(UnitKind::Page { index }) => {
            let t = &world.texture;
            let layout = VtLayout::with_pages(t.texels[0], t.texels[1], t.page_texels, t.border);
            match layout.ok().and_then(|layout| layout.page(index)) {
                Some(page) => format!("page {}/{}/{}", page.mip, page.x, page.y),
                None => format!("page {index}"),
            }
        }
        None => format!("entry {entry}"),
    }
}
