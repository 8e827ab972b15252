//! bevy_asset as its own documentation shows it, without a window: a server, a loader that keeps the
//! bytes, and a loop that updates the app.

use bevy_app::{App, TaskPoolPlugin};
use bevy_asset::io::Reader;
use bevy_asset::{
    Asset, AssetApp, AssetLoader, AssetMetaCheck, AssetPlugin, AssetServer, Assets, Handle,
    LoadContext,
};
use bevy_reflect::TypePath;
use std::path::Path;

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
pub struct Bevy {
    app: App,
    server: AssetServer,
    handles: Vec<Handle<Blob>>,
}

impl Bevy {
    /// Files are looked for in `folder`. Their `.meta` files are not, which spares it a second open
    /// a file.
    pub fn new(folder: &Path) -> Self {
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
    pub fn load(&mut self, name: String) {
        self.handles.push(self.server.load(name));
    }

    /// A frame.
    pub fn update(&mut self) {
        self.app.update();
    }

    /// Whether the file asked for last is there.
    pub fn has_last(&self) -> bool {
        self.handles.last().is_some_and(|handle| self.server.is_loaded(handle))
    }

    /// Bytes of all that is there.
    pub fn loaded_bytes(&self) -> usize {
        self.app.world().resource::<Assets<Blob>>().iter().map(|(_, blob)| blob.0.len()).sum()
    }

    /// Files that are there.
    pub fn loaded(&self) -> usize {
        self.app.world().resource::<Assets<Blob>>().len()
    }
}
