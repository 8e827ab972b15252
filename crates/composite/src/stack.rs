use crate::class::class_of;
use crate::draw::{check_mask, draw_rows};
use crate::error::SizeError;
use crate::lay::Rows;
use crate::{AlphaClass, Blend, Image, ImageMut, Paint, Pixel, Rect, Tile};

/// Pixels of the destination that all layers are laid on before the next ones: 16 KiB, half of a
/// first cache, so that the destination is read and written in memory once.
const BAND_PIXELS: usize = 4096;

/// What a layer is made of.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// One colour all over.
    Color(Pixel),
    /// A material that repeats all over, with the pixel at `origin` in the top left corner.
    Material {
        /// The material.
        tile: Tile<'a>,
        /// Column and row under the destination's first pixel, modulo its size.
        origin: [u32; 2],
    },
    /// A picture.
    Picture {
        /// The picture.
        image: Image<'a>,
        /// Where its top left pixel lies.
        at: [i64; 2],
    },
}

/// One layer of a stack.
#[derive(Clone, Copy, Debug)]
pub struct Layer<'a> {
    /// What is laid.
    pub source: Source<'a>,
    /// What is known of the source's alphas ([`alpha_class`](crate::alpha_class)); a colour's is
    /// found by itself. Saying more than is true gives a wrong picture, nothing worse.
    pub class: AlphaClass,
    /// How it is laid. A mask is as large as a picture, or else as the destination.
    pub paint: Paint<'a>,
}

impl<'a> Layer<'a> {
    /// A layer of unknown class that is laid over what is below.
    #[must_use]
    pub fn new(source: Source<'a>) -> Self {
        Self { source, class: AlphaClass::Mixed, paint: Paint::default() }
    }
}

/// Lays a stack of layers over `dst`, the first one lowest, band by band in one pass, each as by
/// [`draw`](crate::draw). `below` is what is known of `dst`; the result is what is known of it
/// afterwards. `dst` holds premultiplied alpha.
///
/// What the classes tell is not blended: a transparent source that changes nothing is skipped, an
/// opaque one over everything replaces what lies below it, and whatever is covered in this way is
/// never drawn.
///
/// # Errors
/// [`SizeError::Length`] if a mask has not the size that it should have. Nothing was drawn then.
pub fn compose(
    dst: &mut ImageMut<'_>,
    layers: &[Layer<'_>],
    below: AlphaClass,
) -> Result<AlphaClass, SizeError> {
    let [width, height] = [dst.width(), dst.height()];
    for layer in layers {
        match layer.source {
            Source::Picture { image, .. } => {
                check_mask(&layer.paint, image.width(), image.height())?;
            }
            _ => check_mask(&layer.paint, width, height)?,
        }
    }
    let covered = layers.iter().rposition(|layer| layer.covers(width, height));
    let layers = &layers[covered.unwrap_or(0)..];
    let visible = || layers.iter().filter(|layer| !layer.changes_nothing());
    // One layer alone passes over memory once anyway, best in one go.
    let alone = visible().nth(1).is_none();
    let rows = if alone { height.max(1) } else { (BAND_PIXELS / width.max(1)).max(1) };
    for top in (0..height).step_by(rows) {
        let band = Rect::new(0, top as i64, width as u64, rows as u64);
        visible().for_each(|layer| layer.lay(dst, band));
    }
    Ok(layers.iter().fold(below, |class, layer| layer.class_over(class, width, height)))
}

impl Layer<'_> {
    /// The class of what is laid, tint, mask and opacity counted.
    fn class(&self) -> AlphaClass {
        let class = match self.source {
            Source::Color(color) => class_of(color),
            _ => self.class,
        };
        let Paint { opacity, tint, mask, .. } = self.paint;
        match class {
            _ if opacity == 0 || tint == [0; 4] => AlphaClass::Transparent,
            AlphaClass::Opaque if opacity < 255 || tint[3] < 255 || mask.is_some() => {
                AlphaClass::Mixed
            }
            _ => class,
        }
    }

    fn changes_nothing(&self) -> bool {
        self.paint.blend == Blend::Destination
            || self.class() == AlphaClass::Transparent && self.paint.blend.keeps_under_nothing()
    }

    /// Whether it reaches every pixel.
    fn is_everywhere(&self, width: usize, height: usize) -> bool {
        let within = |rect: &Rect| rect.within(width, height) == (0..width, 0..height);
        let clip = self.paint.clip.as_ref().is_none_or(within);
        clip && match self.source {
            Source::Color(_) | Source::Material { .. } => true,
            Source::Picture { image, at: [x, y] } => {
                within(&Rect::new(x, y, image.width() as u64, image.height() as u64))
            }
        }
    }

    /// Whether nothing below it matters.
    fn covers(&self, width: usize, height: usize) -> bool {
        let replaces = match self.paint.blend {
            Blend::Clear | Blend::Source => true,
            Blend::Over => self.class() == AlphaClass::Opaque,
            _ => false,
        };
        replaces && self.is_everywhere(width, height)
    }

    /// The class of a destination of a class after this layer.
    fn class_over(&self, below: AlphaClass, width: usize, height: usize) -> AlphaClass {
        use AlphaClass::{Mixed, Opaque, Transparent};
        if self.changes_nothing() {
            return below;
        }
        let everywhere = self.is_everywhere(width, height);
        match (self.paint.blend, self.class()) {
            (Blend::Clear, _) if everywhere => Transparent,
            (Blend::Source, class) if everywhere => class,
            (Blend::Over, Opaque) if everywhere => Opaque,
            (blend, _) if below == Opaque && blend.keeps_opaque() => Opaque,
            _ => Mixed,
        }
    }

    fn lay(&self, dst: &mut ImageMut<'_>, band: Rect) {
        let mut paint = self.paint;
        paint.clip = Some(paint.clip.map_or(band, |clip| clip.intersection(&band)));
        if self.class() == AlphaClass::Opaque && paint.blend == Blend::Over {
            paint.blend = Blend::Source;
        }
        let everywhere = [dst.width(), dst.height()];
        match self.source {
            Source::Color(color) => {
                let Ok(tile) = Tile::new(core::slice::from_ref(&color), 1) else { return };
                let rows = Rows::Tile { tile, origin: [0; 2] };
                draw_rows(dst, &rows, [0; 2], everywhere, &paint);
            }
            Source::Material { tile, origin } => {
                draw_rows(dst, &Rows::Tile { tile, origin }, [0; 2], everywhere, &paint);
            }
            Source::Picture { image, at } => {
                let size = [image.width(), image.height()];
                draw_rows(dst, &Rows::Image(image), at, size, &paint);
            }
        }
    }
}
