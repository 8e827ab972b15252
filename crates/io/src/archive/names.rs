//! Names of entries, in a section of their own.
//!
//! ```text
//! section ".names"
//!        0  u32   names n
//!        4  n × { u32 id, u32 end of the name in the text }, by rising name
//!        ·  text, UTF-8: the names, one after the other
//! ```

use std::collections::BTreeMap;

use super::format::u32_at;

/// The section that holds the names; no other section may be called so.
pub(crate) const NAMES: [u8; 8] = *b".names\0\0";

/// Names of entries, by which they can be found. An entry may have several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    ids: Vec<(u32, u32)>,
    text: String,
}

impl Names {
    /// Number of names.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The id of the entry called `name`, which may have been taken out. Takes the logarithm of the number of names.
    pub fn find(&self, name: &str) -> Option<u32> {
        let (mut low, mut high) = (0, self.ids.len());
        while low < high {
            let middle = low.midpoint(high);
            let (other, id) = self.get(middle)?;
            match other.cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(id),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// All names with their entries, by rising name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        (0..self.ids.len()).filter_map(|index| self.get(index))
    }

    fn get(&self, index: usize) -> Option<(&str, u32)> {
        let start = index.checked_sub(1).map_or(0, |before| self.ids[before].1);
        let (id, end) = self.ids[index];
        Some((self.text.get(start as usize..end as usize)?, id))
    }

    pub(crate) fn encode(names: &BTreeMap<String, u32>) -> Vec<u8> {
        let mut out = (names.len() as u32).to_le_bytes().to_vec();
        let mut end = 0;
        for (name, id) in names {
            end += name.len() as u32;
            out.extend_from_slice(&id.to_le_bytes());
            out.extend_from_slice(&end.to_le_bytes());
        }
        names.keys().for_each(|name| out.extend_from_slice(name.as_bytes()));
        out
    }

    /// `None` where the bytes are no names.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (count, rest) = bytes.split_at_checked(4)?;
        let count = u32_at(count, 0) as usize;
        let (ids, text) = rest.split_at_checked(count.checked_mul(8)?)?;
        let (ids, _) = ids.as_chunks::<8>();
        let ids: Vec<(u32, u32)> = ids.iter().map(|id| (u32_at(id, 0), u32_at(id, 4))).collect();
        let names = Self { ids, text: str::from_utf8(text).ok()?.to_owned() };
        let ends = names.ids.iter().map(|id| id.1);
        let whole = ends.clone().next_back().unwrap_or(0) as usize == text.len();
        let cut = (0..count).all(|index| names.get(index).is_some());
        let name = |index| names.get(index).map(|(name, _)| name);
        let sorted = (1..count).all(|index| name(index - 1) < name(index));
        (whole && cut && sorted && ends.is_sorted()).then_some(names)
    }
}
