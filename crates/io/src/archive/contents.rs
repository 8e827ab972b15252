//! Which entry has which content: a table of ids with open addressing, 4 to 11 bytes an entry. It
//! holds no hashes; whoever asks looks them up in the entries' records.

const EMPTY: u32 = u32::MAX;

/// Ids of entries, found by the hash of their content.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// A power of two of them, at most three quarters in use.
    slots: Vec<u32>,
    used: usize,
}

impl Contents {
    /// The first id with that hash for which `is_it` holds.
    pub(crate) fn find(&self, hash: u128, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.probe(hash)
            .map(|at| self.slots[at])
            .take_while(|&id| id != EMPTY)
            .find(|&id| is_it(id))
    }

    /// Notes an id; `hash_of` gives the hash that each noted id has now, if any.
    pub(crate) fn insert(&mut self, hash: u128, id: u32, hash_of: impl Fn(u32) -> Option<u128>) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            let size = (self.slots.len() * 2).max(16);
            let old = std::mem::replace(&mut self.slots, vec![EMPTY; size]);
            self.used = 0;
            for id in old.into_iter().filter(|&id| id != EMPTY) {
                if let Some(hash) = hash_of(id) {
                    self.put(hash, id);
                }
            }
        }
        self.put(hash, id);
    }

    fn put(&mut self, hash: u128, id: u32) {
        let free = self.probe(hash).find(|&at| self.slots[at] == EMPTY);
        if let Some(at) = free {
            self.slots[at] = id;
            self.used += 1;
        }
    }

    /// The slots in which that hash may be, in order.
    fn probe(&self, hash: u128) -> impl Iterator<Item = usize> + use<> {
        let size = self.slots.len();
        let first = if size == 0 { 0 } else { hash as usize & (size - 1) };
        (0..size).map(move |step| (first + step) & (size - 1))
    }
}
