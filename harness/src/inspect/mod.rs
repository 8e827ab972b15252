//! `harness inspect`: what a world or a camera path is, on one screen.

mod archive;
mod path;
mod world;

use crate::cli::InspectArgs;
use crate::file;
use crate::status::Done;
use anyhow::{Context, Result, anyhow};
use farplane::io::{Archive, ArchiveError};
use farplane::world::World;
use farplane_path::{CAM_BYTES_MAX, CamError, CamPath, Fault};

/// How every archive starts.
const ARCHIVE_START: [u8; 4] = *b"\x89FAR";

/// `harness inspect`.
///
/// # Errors
/// A file that cannot be read, or that is neither a world nor a camera path.
pub fn run(args: &InspectArgs) -> Done {
    let name = args.file.display().to_string();
    if crate::world::is_address(&args.file) {
        let archive = crate::world::open(&args.file, &args.cache)?;
        let mut text = describe(&archive)?;
        if let Some(cost) = crate::world::cost(&archive) {
            text += &format!("\n  {:<12}{cost}\n", "server");
        }
        file::print(&format!("{name}\n{text}"))?;
        return Ok(());
    }
    // Told apart by what is in the file: whatever is no archive must be a path.
    let text = match Archive::open(&args.file) {
        Ok(archive) => describe(&archive)?,
        Err(ArchiveError::Missing { .. }) => {
            return Err(anyhow!("{name}: no such file; give a world or a camera path").into());
        }
        Err(ArchiveError::Empty { .. }) => {
            return Err(anyhow!("{name}: the file is empty; give a world or a camera path").into());
        }
        Err(e @ (ArchiveError::NotAnArchive { .. } | ArchiveError::TooShort { .. })) => {
            let bytes = file::read(&args.file, CAM_BYTES_MAX)?;
            match CamPath::parse(&bytes) {
                Ok(path) => path::describe(&path),
                Err(_) if bytes.starts_with(&ARCHIVE_START) => return Err(e.into()),
                Err(e @ CamError::Line { fault: Fault::NotText { .. }, .. }) => {
                    return Err(anyhow!("{name}: neither a world nor a camera path: {e}").into());
                }
                Err(e) => return Err(anyhow!(e).context(name).into()),
            }
        }
        Err(e) => return Err(e.into()),
    };
    file::print(&format!("{}\n{text}", args.file.display()))?;
    Ok(())
}

/// What an archive is, whatever it holds.
fn describe(archive: &Archive) -> Result<String> {
    let name = || archive.path().display().to_string();
    let is_world = archive.sections().any(|section| section == World::SECTION);
    let mut text = match is_world {
        true => world::describe(archive).with_context(name)?,
        false => archive::contents(archive).with_context(name)?,
    };
    text += &archive::describe(archive);
    Ok(text)
}
