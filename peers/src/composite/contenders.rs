//! Everyone who lays a picture over another one, each used as its own documentation shows, with
//! pictures in its own form made beforehand.

use crate::table::Side;
use farplane_composite::{
    Image, ImageMut, Layer, Pixel, Source, alpha_class, compose, unpremultiply,
};

/// Someone ready to lay one picture over another again and again.
pub struct Contender {
    /// Who.
    pub name: &'static str,
    /// On which side.
    pub side: Side,
    /// Once.
    pub run: Box<dyn FnMut()>,
}

/// The names of rows.
pub const OURS: &str = "farplane-composite";
/// pixman.
pub const PIXMAN: &str = "pixman";
/// vello_cpu.
pub const VELLO: &str = "vello_cpu";
/// tiny-skia.
pub const SKIA: &str = "tiny-skia";
/// A copy of the frame.
pub const MEMCPY: &str = "memcpy";

/// All of them, for one pair of pictures.
pub fn contenders(dst: &[Pixel], src: &[Pixel], width: usize, height: usize) -> Vec<Contender> {
    let mut all = vec![ours(dst, src, width, height)];
    #[cfg(has_pixman)]
    all.push(pixman(dst, src, width, height));
    all.push(raqote(dst, src, width, height));
    all.push(vello(dst, src, width, height));
    all.push(skia(dst, src, width, height));
    all.push(image(dst, src, width, height));
    all.push(memcpy(dst, src));
    all.push(traffic(dst, src));
    all
}

/// The class of the source's alphas is found once, as a page's is when it is made.
fn ours(dst: &[Pixel], src: &[Pixel], width: usize, height: usize) -> Contender {
    let (mut dst, src) = (dst.to_vec(), src.to_vec());
    let class = alpha_class(&Image::packed(&src, width, height).expect("sizes fit"));
    let below = alpha_class(&Image::packed(&dst, width, height).expect("sizes fit"));
    let run = move || {
        let image = Image::packed(&src, width, height).expect("sizes fit");
        let layer = Layer::new(Source::Picture { image, at: [0, 0] });
        let mut target = ImageMut::packed(&mut dst, width, height).expect("sizes fit");
        compose(&mut target, &[Layer { class, ..layer }], below).expect("no masks");
    };
    Contender { name: OURS, side: Side::Ours, run: Box::new(run) }
}

#[cfg(has_pixman)]
fn pixman(dst: &[Pixel], src: &[Pixel], width: usize, height: usize) -> Contender {
    use super::pixman::Picture;
    let (mut dst, src) = (Picture::new(dst, width, height), Picture::new(src, width, height));
    let run = move || dst.composite(3, &src);
    Contender { name: PIXMAN, side: Side::Peer, run: Box::new(run) }
}

fn words(pixels: &[Pixel]) -> Vec<u32> {
    pixels.iter().map(|p| u32::from_le_bytes(*p)).collect()
}

fn raqote(dst: &[Pixel], src: &[Pixel], width: usize, height: usize) -> Contender {
    use raqote::{BlendMode, DrawTarget, IntPoint, IntRect};
    let size = [width, height].map(|v| i32::try_from(v).expect("a small picture"));
    let mut dst = DrawTarget::from_backing(size[0], size[1], words(dst));
    let src = DrawTarget::from_backing(size[0], size[1], words(src));
    let all = IntRect::new(IntPoint::new(0, 0), IntPoint::new(size[0], size[1]));
    let run = move || dst.blend_surface(&src, all, IntPoint::new(0, 0), BlendMode::SrcOver);
    Contender { name: "raqote", side: Side::Peer, run: Box::new(run) }
}

fn vello(dst: &[Pixel], src: &[Pixel], width: usize, height: usize) -> Contender {
    use vello_cpu::kurbo::Rect;
    use vello_cpu::peniko::{ImageAlphaType, ImageBrush, ImageQuality, ImageSampler};
    use vello_cpu::{ImageSource, PixelMetadata, Pixmap, RasterizerSettings, RenderContext};
    use vello_cpu::{Resources, TargetInit};
    let size = [width, height].map(|v| u16::try_from(v).expect("a small picture"));
    let pixmap = |pixels: &[Pixel]| {
        let metadata = PixelMetadata {
            may_have_transparency: pixels.iter().any(|p| p[3] < 255),
            alpha_type: ImageAlphaType::AlphaPremultiplied,
        };
        Pixmap::from_parts(pixels.as_flattened().to_vec(), size[0], size[1], metadata)
    };
    let (mut dst, src) = (pixmap(dst), std::sync::Arc::new(pixmap(src)));
    let mut context = RenderContext::new(size[0], size[1]);
    let mut resources = Resources::new();
    let settings =
        RasterizerSettings { target_init: TargetInit::SrcOver, ..RasterizerSettings::default() };
    let run = move || {
        context.reset();
        context.set_paint(ImageBrush {
            image: ImageSource::Pixmap(src.clone()),
            sampler: ImageSampler { quality: ImageQuality::Low, ..ImageSampler::default() },
        });
        context.fill_rect(&Rect::new(0.0, 0.0, f64::from(size[0]), f64::from(size[1])));
        context.flush();
        context.render_with(&mut dst, &mut resources, settings);
    };
    Contender { name: VELLO, side: Side::Peer, run: Box::new(run) }
}

fn skia(dst: &[Pixel], src: &[Pixel], width: usize, height: usize) -> Contender {
    use tiny_skia::{IntSize, Pixmap, PixmapPaint, Transform};
    let size = [width, height].map(|v| u32::try_from(v).expect("a small picture"));
    let pixmap = |pixels: &[Pixel]| {
        let size = IntSize::from_wh(size[0], size[1]).expect("not empty");
        Pixmap::from_vec(pixels.as_flattened().to_vec(), size).expect("sizes fit")
    };
    let (mut dst, src) = (pixmap(dst), pixmap(src));
    let run = move || {
        dst.draw_pixmap(0, 0, src.as_ref(), &PixmapPaint::default(), Transform::identity(), None);
    };
    Contender { name: SKIA, side: Side::Peer, run: Box::new(run) }
}

fn image(dst: &[Pixel], src: &[Pixel], width: usize, height: usize) -> Contender {
    use image::RgbaImage;
    let size = [width, height].map(|v| u32::try_from(v).expect("a small picture"));
    // It knows straight alpha alone.
    let straight = |pixels: &[Pixel]| {
        let mut pixels = pixels.to_vec();
        unpremultiply(&mut pixels);
        RgbaImage::from_raw(size[0], size[1], pixels.into_flattened()).expect("sizes fit")
    };
    let (mut dst, src) = (straight(dst), straight(src));
    let run = move || image::imageops::overlay(&mut dst, &src, 0, 0);
    Contender { name: "image (straight alpha)", side: Side::Peer, run: Box::new(run) }
}

fn memcpy(dst: &[Pixel], src: &[Pixel]) -> Contender {
    let (mut dst, src) = (dst.to_vec(), src.to_vec());
    let run = move || std::hint::black_box(&mut dst).copy_from_slice(std::hint::black_box(&src));
    Contender { name: MEMCPY, side: Side::Baseline, run: Box::new(run) }
}

/// What blending must move through memory, with nothing computed: two streams in, one out.
fn traffic(dst: &[Pixel], src: &[Pixel]) -> Contender {
    let (mut dst, src) = (words(dst), words(src));
    let run = move || {
        let (dst, src) = (std::hint::black_box(&mut dst), std::hint::black_box(&src));
        dst.iter_mut().zip(src).for_each(|(d, s)| *d ^= s);
    };
    Contender { name: "xor: two streams in, one out", side: Side::Baseline, run: Box::new(run) }
}
