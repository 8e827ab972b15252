//! The 128-bit hash that names content: XXH3-128 with seed 0 (Yann Collet, xxHash 0.8). It guards
//! against accidents, not against someone who wants two contents with one name; the writer compares
//! bytes before it stores two contents once.

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// XXH3-128 of `bytes`.
pub(crate) fn hash128(bytes: &[u8]) -> u128 {
    xxh3_128(bytes)
}

/// The same of bytes that come in pieces.
#[derive(Default)]
pub(crate) struct Hasher(Xxh3);

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(&self) -> u128 {
        self.0.digest128()
    }
}

#[cfg(test)]
mod tests {
    use super::{Hasher, hash128};

    #[test]
    fn matches_the_published_hash_of_nothing() {
        // xxhsum -H2 of an empty file.
        assert_eq!(hash128(b""), 0x99AA_06D3_0147_98D8_6001_C324_468D_497F);
    }

    #[test]
    fn pieces_hash_as_the_whole() {
        let bytes: Vec<u8> = (0..200_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
        for piece in [1, 1000, 65_536] {
            let mut hasher = Hasher::default();
            bytes.chunks(piece).for_each(|piece| hasher.update(piece));
            assert_eq!(hasher.finish(), hash128(&bytes), "{piece}");
        }
    }
}
