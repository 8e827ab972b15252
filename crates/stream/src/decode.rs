use crate::UnitId;

/// Turns stored bytes into resident ones. Called on workers.
pub trait Decode: Send + Sync + 'static {
    /// Working memory of one worker, kept between calls.
    type Scratch: Default + Send + 'static;

    /// Checks and decodes a unit: `stored` is its extent in the archive, `out` its resident bytes.
    /// The result depends on nothing else.
    ///
    /// # Errors
    /// When the bytes are corrupt or not what they should be. `out` may then hold anything.
    fn decode(
        &self,
        unit: UnitId,
        stored: &[u8],
        out: &mut [u8],
        scratch: &mut Self::Scratch,
    ) -> Result<(), DecodeError>;

    /// What decoding this unit takes on one core in the virtual clock's cost model, ns.
    fn cost_ns(&self, unit: UnitId) -> u64;

    /// Largest working memory of one worker, bytes: part of the budget.
    fn scratch_bytes(&self) -> u64;
}

/// Why a unit could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// A checksum did not match, or a length.
    Corrupt,
    /// As written, but not what it should be.
    Undecodable,
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Corrupt => "the stored bytes are corrupt: verify the archive",
            Self::Undecodable => "the unit is not what the world's index says: bake again",
        })
    }
}

impl std::error::Error for DecodeError {}
