//! Pictures of what is resident beside the fully resident truth, drawn by the ray caster.

use crate::replay::settings::{Settings, VIEWPORT_PX, picture_folder};
use crate::replay::sink::Sink;
use crate::report::Fifo;
use crate::status::Failure;
use crate::truth::{Truth, grid};
use anyhow::{Context, anyhow};
use farplane::composite::{FifoPolicy, psnr};
use farplane::geom::{Vec3, View};
use farplane::io::Archive;
use farplane::lod::{CULLED, DrawItem, LodView, ideal_level};
use farplane::vt::PageId;
use farplane::world::mesh;
use farplane::{Farplane, Frame, PageScratch, WorldIndex, compose_page, page_texel};
use farplane_raycast::{Hit, Mesh, Picture, Pixel, Placement, Scene, Surface};
use image::{ImageBuffer, Rgb, RgbImage};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

const SKY: [u8; 3] = [150, 180, 210];
/// Towards the light: afternoon sun from the south-west.
const LIGHT: Vec3 = Vec3::new(-0.48, -0.36, 0.8);
const AMBIENT: f32 = 0.35;
/// What equal pictures count as, dB: their PSNR is infinite, and means would be too.
const PSNR_MAX_DB: f64 = 99.0;
/// Pictures that may wait to be written.
const FIFO_CAPACITY: usize = 4;
/// Rows that one task draws.
const BAND: u32 = 8;
/// Composited pages of the truth that are kept from picture to picture.
const PAGES_KEPT: usize = 2048;

/// Draws and writes the pictures of a run.
pub struct Pictures {
    folder: PathBuf,
    /// Encodes and writes, while the next frames run.
    sink: Sink<(PathBuf, RgbImage)>,
    size: [u32; 2],
    archive: Arc<Archive>,
    truth: Arc<Truth>,
    pages: TruePages,
    meshes: BTreeMap<u32, DrawnMesh>,
}

/// A mesh level, as the rasteriser takes it.
struct DrawnMesh {
    positions: Vec<[f32; 3]>,
    indices: Vec<u16>,
    color: [u8; 3],
}

/// Pages composited from the archive, whatever is resident.
struct TruePages {
    archive: Arc<Archive>,
    done: Mutex<BTreeMap<u32, Arc<Vec<u8>>>>,
}

impl TruePages {
    fn get(&self, index: &WorldIndex, page: PageId) -> Option<Arc<Vec<u8>>> {
        let unit = index.page_unit(page)?;
        let lock = || self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pixels) = lock().get(&unit) {
            return Some(Arc::clone(pixels));
        }
        let payload = self.archive.read(unit).ok()?;
        let mut pixels = vec![0; index.layout.page_bytes()];
        let mut scratch = PageScratch::default();
        compose_page(&payload, page, &index.layout, &index.materials, &mut pixels, &mut scratch)
            .ok()?;
        let pixels = Arc::new(pixels);
        lock().insert(unit, Arc::clone(&pixels));
        Some(pixels)
    }
}

impl Pictures {
    /// Makes the folder and starts a thread that writes.
    ///
    /// # Errors
    /// When either cannot be.
    pub fn new(settings: &Settings) -> Result<Self, Failure> {
        let folder = picture_folder(&settings.args)?.context("--frames")?;
        let archive = Arc::clone(&settings.archive);
        let save = |(path, picture): (PathBuf, RgbImage)| {
            let cannot = || format!("cannot write the picture {}", path.display());
            picture.save(&path).with_context(cannot)
        };
        Ok(Self {
            folder,
            sink: Sink::start("pictures", FIFO_CAPACITY, FifoPolicy::Block, false, save)?,
            size: settings.args.size,
            truth: Arc::clone(&settings.truth),
            pages: TruePages { archive: Arc::clone(&archive), done: Mutex::default() },
            archive,
            meshes: BTreeMap::new(),
        })
    }

    /// Draws what is resident and the truth, writes both side by side, and returns their PSNR, dB.
    ///
    /// # Errors
    /// When the picture cannot be written.
    pub fn draw(
        &mut self,
        frame_number: u64,
        view: &View,
        farplane: &Farplane,
        frame: &Frame,
    ) -> Result<f64, Failure> {
        let view = View { viewport_px: self.size, ..*view };
        let index = Arc::clone(farplane.index());
        let wanted = wanted_instances(&index, &view, farplane, frame);
        let instances: Vec<DrawItem> = frame.batches.items().collect();
        self.load_meshes(&index, instances.iter().chain(&wanted))?;
        let mut scene = Scene::new(grid(&index.world)).context("the terrain's grid")?;
        for tile in &frame.tiles {
            let bytes = farplane.bytes(tile.index).context("a drawn tile is not resident")?;
            let samples: &[u16] = bytemuck::try_cast_slice(bytes)
                .map_err(|e| anyhow!("a tile's bytes in the arena: {e}"))?;
            scene.insert(tile.level, tile.x, tile.y, samples).context("a resident tile")?;
        }
        let table = farplane.page_table();
        let slots = resident_slots(farplane, &index);
        let resident_texel = |page: PageId| {
            let (found, slot) = table.resolve(page)?;
            Some((found, Pixels::Resident((*slots.get(usize::from(slot.0))?)?)))
        };
        let resident = self.render(&view, &index, &scene, &instances, &resident_texel)?;
        let true_texel = |page: PageId| Some((page, Pixels::True(self.pages.get(&index, page)?)));
        let truth = self.render(&view, &index, &self.truth.scene, &wanted, &true_texel)?;
        let mut kept = self.pages.done.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() > PAGES_KEPT {
            kept.clear();
        }
        drop(kept);
        self.write(frame_number, &resident, &truth)?;
        let bytes = |p: &[[u8; 4]]| p.iter().flat_map(|c| [c[0], c[1], c[2]]).collect::<Vec<_>>();
        Ok(psnr(&bytes(&resident), &bytes(&truth))?.min(PSNR_MAX_DB))
    }

    fn load_meshes<'d>(
        &mut self,
        index: &WorldIndex,
        draw: impl Iterator<Item = &'d DrawItem>,
    ) -> Result<(), Failure> {
        for d in draw {
            let unit = index.mesh_unit(d.mesh, d.level);
            if self.meshes.contains_key(&unit) {
                continue;
            }
            let mesh = mesh::decode(&self.archive.read(unit)?)?;
            let mut sum = [0u64; 3];
            for v in &mesh.vertices {
                for (s, c) in sum.iter_mut().zip(v.color) {
                    *s += u64::from(c);
                }
            }
            let drawn = DrawnMesh {
                positions: mesh.vertices.iter().map(|v| v.position).collect(),
                color: sum.map(|s| (s / mesh.vertices.len() as u64) as u8),
                indices: mesh.indices,
            };
            self.meshes.insert(unit, drawn);
        }
        Ok(())
    }

    fn render<'p, S: AsRef<[u16]> + Sync>(
        &self,
        view: &View,
        index: &WorldIndex,
        scene: &Scene<S>,
        instances: &[DrawItem],
        texel: &(impl Fn(PageId) -> Option<(PageId, Pixels<'p>)> + Sync),
    ) -> Result<Vec<[u8; 4]>, Failure> {
        let [width, height] = view.viewport_px;
        let mut color = vec![[0u8; 4]; (width * height) as usize];
        let mut depth = vec![0f32; (width * height) as usize];
        let band = (width * BAND) as usize;
        // Mips as the full picture wants them: what is streamed for it, this one is drawn from.
        let full = View { viewport_px: VIEWPORT_PX, ..*view };
        let focal_px = full.focal_px() as f32;
        let shade = |hit: &Hit, pixel: &Pixel| {
            let along = pixel.dir.length();
            let mip = index.mip_at(pixel.depth_m * along, focal_px);
            let base = sample(index, mip, hit.position, texel).unwrap_or([255, 0, 255]);
            lit(base, hit.normal)
        };
        color
            .par_chunks_mut(band)
            .zip(depth.par_chunks_mut(band))
            .enumerate()
            .try_for_each(|(i, (color, depth))| {
                let first = i as u32 * BAND;
                let rows = first..(first + BAND).min(height);
                let origin = index.world.origin;
                let mut picture = Picture::new(view, origin, rows, color, depth)?;
                picture.render(scene, shade, SKY);
                for d in instances {
                    let Some(m) = self.meshes.get(&index.mesh_unit(d.mesh, d.level)) else {
                        continue;
                    };
                    let at = &index.world.instances[d.instance as usize];
                    let placement =
                        Placement { position: at.position, yaw_rad: at.yaw_rad, scale: at.scale };
                    let surface = Surface { color: m.color, light: LIGHT, ambient: AMBIENT };
                    let mesh = Mesh { positions: &m.positions, indices: &m.indices };
                    picture.draw_mesh(&mesh, &placement, &surface);
                }
                Ok::<_, farplane_raycast::PictureError>(())
            })
            .context("drawing a picture")?;
        Ok(color)
    }

    /// Waits until all pictures are written.
    ///
    /// # Errors
    /// When one cannot be.
    pub fn finish(self) -> Result<Fifo, Failure> {
        Ok(self.sink.finish()?)
    }

    fn write(&mut self, number: u64, left: &[[u8; 4]], right: &[[u8; 4]]) -> Result<(), Failure> {
        let [w, h] = self.size;
        let gap = 4;
        let picture = ImageBuffer::from_fn(w * 2 + gap, h, |x, y| {
            let at = |p: &[[u8; 4]], x: u32| {
                let c = p[(y * w + x) as usize];
                Rgb([c[0], c[1], c[2]])
            };
            match x {
                _ if x < w => at(left, x),
                _ if x < w + gap => Rgb([255u8; 3]),
                _ => at(right, x - w - gap),
            }
        });
        let path = self.folder.join(format!("frame-{number:06}.png"));
        Ok(self.sink.push((path, picture))?)
    }
}

/// Pixels of the page pool's slots.
fn resident_slots<'f>(farplane: &'f Farplane, index: &WorldIndex) -> Vec<Option<&'f [u8]>> {
    let mut slots = vec![None; farplane.core().config().slots as usize];
    for unit in index.page_base()..index.units.len() as u32 {
        if let Some(slot) = farplane.core().place(unit).and_then(|p| p.slot) {
            slots[slot as usize] = farplane.bytes(unit);
        }
    }
    slots
}

enum Pixels<'a> {
    Resident(&'a [u8]),
    True(Arc<Vec<u8>>),
}

/// The same instances at the levels that they deserve.
fn wanted_instances(
    index: &WorldIndex,
    view: &View,
    farplane: &Farplane,
    frame: &Frame,
) -> Vec<DrawItem> {
    let full = View { viewport_px: VIEWPORT_PX, ..*view };
    let lod_view = LodView::from_view(&full, index.world.origin);
    let rule = farplane.options().rule;
    let wanted = frame.batches.items().map(|d| {
        let i = d.instance as usize;
        let asset = &index.lods[index.assets[i] as usize];
        let level = ideal_level(index.center(d.instance), index.radii[i], asset, &lod_view, &rule);
        // One that is about to vanish keeps the level that is drawn.
        DrawItem { level: if level == CULLED { d.level } else { level }, ..d }
    });
    wanted.collect()
}

/// Bilinear sample of the page of a mip under a point, or of the stand-in that `texel` gives.
fn sample<'p>(
    index: &WorldIndex,
    mip: u8,
    position: Vec3,
    texel: &impl Fn(PageId) -> Option<(PageId, Pixels<'p>)>,
) -> Option<[u8; 3]> {
    let page = index.page_at(mip, position.x, position.y)?;
    let (page, pixels) = texel(page)?;
    let pixels: &[u8] = match &pixels {
        Pixels::Resident(bytes) => bytes,
        Pixels::True(bytes) => bytes,
    };
    let (u, v) = index.texel_in_page(page, position.x, position.y);
    let (u, v) = (u - 0.5, v - 0.5);
    let (x, y) = (u.floor(), v.floor());
    let (fx, fy) = (u - x, v - y);
    let at = |dx: i32, dy: i32| page_texel(pixels, &index.layout, x as i32 + dx, y as i32 + dy);
    let (a, b, c, d) = (at(0, 0)?, at(1, 0)?, at(0, 1)?, at(1, 1)?);
    let mix = |i: usize| {
        let f = |p: [u8; 4]| f32::from(p[i]);
        let south = f(a) + (f(b) - f(a)) * fx;
        let north = f(c) + (f(d) - f(c)) * fx;
        (south + (north - south) * fy) as u8
    };
    Some([mix(0), mix(1), mix(2)])
}

fn lit(color: [u8; 3], normal: Vec3) -> [u8; 3] {
    let cos = normal.x * LIGHT.x + normal.y * LIGHT.y + normal.z * LIGHT.z;
    let light = AMBIENT + (1.0 - AMBIENT) * cos.max(0.0);
    color.map(|c| (f32::from(c) * light).min(255.0) as u8)
}
