//! bevy_asset as its own documentation shows it, without a window: a server, a loader that keeps the
//! bytes, and a loop that updates the app.

use super::small::{BYTES, COUNT, Disk, LOOK, Outcome, PATIENCE, name, order};
use bevy_app::{App, TaskPoolPlugin};
use bevy_asset::io::Reader;
use bevy_asset::{
    Asset, AssetApp, AssetLoader, AssetMetaCheck, AssetPlugin, AssetServer, Assets, Handle,
    LoadContext,
};
use bevy_reflect::TypePath;
use std::path::Path;
use std::time::Instant;

/// The bytes of a file.
#[derive(Asset, TypePath)]
struct Blob(Vec<u8>);

#[derive(Default, TypePath)]
struct BlobLoader;

impl AssetLoader for BlobLoader {
    type Asset = Blob;
    type Settings = ();
    type Error = std::io::Error;

    async fn load(
        &self,
        reader: &mut dyn Reader,
        _settings: &(),
        _context: &mut LoadContext<'_>,
    ) -> Result<Blob, std::io::Error> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).await?;
        Ok(Blob(bytes))
    }

    fn extensions(&self) -> &[&str] {
        &["bin"]
    }
}

/// An app that loads files of a folder.
struct Bevy {
    app: App,
    server: AssetServer,
    handles: Vec<Handle<Blob>>,
}

impl Bevy {
    /// Files are looked for in `folder`. Their `.meta` files are not, which spares it a second open
    /// a file.
    fn new(folder: &Path) -> Self {
        let mut app = App::new();
        let plugin = AssetPlugin {
            file_path: folder.to_string_lossy().into_owned(),
            meta_check: AssetMetaCheck::Never,
            ..AssetPlugin::default()
        };
        app.add_plugins((TaskPoolPlugin::default(), plugin));
        app.init_asset::<Blob>().register_asset_loader(BlobLoader);
        app.finish();
        app.cleanup();
        app.update();
        let server = app.world().resource::<AssetServer>().clone();
        Self { app, server, handles: Vec::new() }
    }

    /// Asks for a file.
    fn load(&mut self, name: String) {
        self.handles.push(self.server.load(name));
    }

    /// A frame.
    fn update(&mut self) {
        self.app.update();
    }

    /// Whether the file asked for last is there.
    fn has_last(&self) -> bool {
        self.handles.last().is_some_and(|handle| self.server.is_loaded(handle))
    }

    /// Bytes of all that is there.
    fn loaded_bytes(&self) -> usize {
        self.app.world().resource::<Assets<Blob>>().iter().map(|(_, blob)| blob.0.len()).sum()
    }

    /// Files that are there.
    fn loaded(&self) -> usize {
        self.app.world().resource::<Assets<Blob>>().len()
    }
}

/// Updates until `done`.
fn wait_for(bevy: &mut Bevy, done: impl Fn(&Bevy) -> bool) -> Outcome<()> {
    let start = Instant::now();
    while !done(bevy) {
        if start.elapsed() > PATIENCE {
            return Err(format!("bevy_asset: {} of {COUNT} loaded in time", bevy.loaded()));
        }
        std::thread::sleep(LOOK);
        bevy.update();
    }
    Ok(())
}

/// Loads everything and counts its bytes.
///
/// # Errors
/// When something is missing after a minute, or has other bytes.
pub fn read_all(root: &Path) -> Outcome<()> {
    let mut bevy = Bevy::new(root);
    order().for_each(|id| bevy.load(name(id)));
    wait_for(&mut bevy, |bevy| bevy.loaded() == COUNT as usize)?;
    if bevy.loaded_bytes() != COUNT as usize * BYTES {
        return Err("bevy_asset: other bytes than were written".into());
    }
    Ok(())
}

/// From asking for the last file until it is there, ms: behind all others, or alone.
///
/// # Errors
/// When it does not arrive within a minute.
pub fn urgent(disk: &Disk, backlog: bool) -> Outcome<f64> {
    disk.forget().map_err(|e| e.to_string())?;
    let mut bevy = Bevy::new(&disk.root());
    let urgent = COUNT - 1;
    (0..urgent).filter(|_| backlog).for_each(|id| bevy.load(name(id)));
    let start = Instant::now();
    bevy.load(name(urgent));
    wait_for(&mut bevy, Bevy::has_last)?;
    let took_ms = start.elapsed().as_secs_f64() * 1e3;
    // Nothing of it may go on beside the next one.
    let all = if backlog { COUNT as usize } else { 1 };
    wait_for(&mut bevy, |bevy| bevy.loaded() == all)?;
    Ok(took_ms)
}
