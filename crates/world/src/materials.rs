//! The materials entry: the tiling images that pages are composited from, the rule that chooses
//! them, and the decal images. Small, read once, always resident.
//!
//! ```text
//! 0  u32  number of layers, 1 to 16      4  u32  number of decals, 0 to 256
//! per layer: 8 rule bytes (height lo, hi, fade, slope lo, hi, fade, 0, 0), u32 side, pixels of all mips
//! per decal: u32 side, pixels of all mips, premultiplied
//! ```
//! Sides are powers of two up to 1024; mips follow each other down to 1 × 1.

use crate::bytes::{Put, Reader, WorldError, invalid};

/// Layers that materials may have.
pub const LAYERS_MAX: usize = 16;

/// Where a layer shows: a trapezoid over height and one over slope, in the units of a page's control
/// planes. Outside `lo..=hi` the weight falls to zero over `fade` steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Heights of full weight.
    pub height: [u8; 2],
    /// Steps over which the weight fades beyond them.
    pub height_fade: u8,
    /// Slopes of full weight.
    pub slope: [u8; 2],
    /// Steps over which the weight fades beyond them.
    pub slope_fade: u8,
}

impl Rule {
    /// Weight at a height and slope, 0 to 255.
    #[must_use]
    pub fn weight(&self, height: u8, slope: u8) -> u8 {
        let h = trapezoid(height, self.height, self.height_fade);
        let s = trapezoid(slope, self.slope, self.slope_fade);
        (h * s / 255) as u8
    }
}

fn trapezoid(v: u8, [lo, hi]: [u8; 2], fade: u8) -> u32 {
    let outside = u32::from(lo.saturating_sub(v).max(v.saturating_sub(hi)));
    255u32.saturating_sub(outside * 255 / (u32::from(fade) + 1))
}

/// A square image with all its mips.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MipImage {
    /// Side of mip 0, a power of two.
    pub side: u32,
    /// Pixels per mip, finest first.
    pub mips: Vec<Vec<[u8; 4]>>,
}

/// A tiling material.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// Where it shows.
    pub rule: Rule,
    /// What it looks like; one texel of mip *m* covers one texel of texture mip *m*.
    pub image: MipImage,
}

/// All that pages are composited from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Materials {
    /// Layers; the first one shows where no rule holds.
    pub layers: Vec<Layer>,
    /// Images of decals.
    pub decals: Vec<MipImage>,
}

impl MipImage {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.side);
        for mip in &self.mips {
            out.put(bytemuck::cast_slice(mip));
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, WorldError> {
        let side = r.u32("material side")?;
        if !side.is_power_of_two() || side > 1024 {
            return invalid("material side", "a power of two up to 1024");
        }
        let mut mips = Vec::new();
        let mut s = side;
        loop {
            let raw = r.take(u64::from(s) * u64::from(s) * 4, "material pixels")?;
            mips.push(raw.chunks_exact(4).map(|c| [c[0], c[1], c[2], c[3]]).collect());
            if s == 1 {
                return Ok(Self { side, mips });
            }
            s /= 2;
        }
    }
}

impl Materials {
    /// Encodes the entry.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_u32(self.layers.len() as u32);
        out.put_u32(self.decals.len() as u32);
        for layer in &self.layers {
            let r = &layer.rule;
            let (h, s) = (r.height, r.slope);
            out.put(&[h[0], h[1], r.height_fade, s[0], s[1], r.slope_fade, 0, 0]);
            layer.image.encode(&mut out);
        }
        for decal in &self.decals {
            decal.encode(&mut out);
        }
        out
    }

    /// Decodes and checks the entry.
    ///
    /// # Errors
    /// Names the field that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, WorldError> {
        let mut r = Reader::new(bytes);
        let (layer_count, decal_count) = (r.u32("layer count")?, r.u32("decal count")?);
        if !(1..=LAYERS_MAX as u32).contains(&layer_count) || decal_count > 256 {
            return invalid("material counts", "1 to 16 layers, at most 256 decals");
        }
        let mut materials = Self::default();
        for _ in 0..layer_count {
            let b = r.take(8, "layer rule")?;
            if b[6..] != [0, 0] {
                return invalid("layer rule", "six bytes and two zeros");
            }
            let rule = Rule {
                height: [b[0], b[1]],
                height_fade: b[2],
                slope: [b[3], b[4]],
                slope_fade: b[5],
            };
            materials.layers.push(Layer { rule, image: MipImage::decode(&mut r)? });
        }
        for _ in 0..decal_count {
            materials.decals.push(MipImage::decode(&mut r)?);
        }
        r.end("materials")?;
        Ok(materials)
    }

    /// Bytes of all pixels.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let images = self.layers.iter().map(|l| &l.image).chain(&self.decals);
        images.flat_map(|i| &i.mips).map(|m| m.len() as u64 * 4).sum()
    }
}
