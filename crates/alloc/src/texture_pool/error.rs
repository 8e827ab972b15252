use super::TextureLimits;
use core::error::Error;
use core::fmt;

/// There is no room for a new texture, even without the idle ones that may be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextureError {
    /// Bytes of the texture asked for.
    pub requested: u64,
    /// Textures in use.
    pub used: usize,
    /// Bytes of the textures in use.
    pub used_bytes: u64,
    /// How much the pool may hold.
    pub limits: TextureLimits,
    /// Where idle textures that the GPU may still read are in the way: once this frame is done,
    /// there is room.
    pub waits_for: Option<u64>,
}

impl fmt::Display for TextureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requested, used, used_bytes, limits, waits_for } = self;
        let TextureLimits { count_max, bytes_max } = limits;
        write!(
            f,
            "no room for a texture of {requested} bytes: {used} of {count_max} textures and \
             {used_bytes} of {bytes_max} bytes are in use: "
        )?;
        match waits_for {
            Some(frame) => write!(f, "wait until frame {frame} is done"),
            None => f.write_str("release textures or raise the limits"),
        }
    }
}

impl Error for TextureError {}
