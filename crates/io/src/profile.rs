//! What an archive is compressed for.

/// What blocks are compressed for. Whatever is read tells by itself how it is coded: a profile
/// matters to who writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// For disks of the machine itself: LZ4, which decodes at several gigabytes a second. A block may
    /// become a sixth larger than LZ4 could make it if it decodes faster so. With the feature `lz4-hc`
    /// by LZ4's high-compression encoder, at the same decoding speed.
    #[default]
    Fast,
    /// For networks and slow disks: Zstandard, smaller and slower to decode. Needs the feature
    /// `zstd`; without it everything is coded as by [`Fast`](Self::Fast).
    Small,
}

impl Profile {
    /// Whether this build can do it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Fast => true,
            Self::Small => cfg!(feature = "zstd"),
        }
    }
}
