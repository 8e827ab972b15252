//! Units and limits of all kinds, also such as cannot work.

use super::rounded;
use farplane_stream::{Config, Home, UnitId, UnitInfo};

/// What a core is made from.
#[derive(Clone, Debug)]
pub struct Setup {
    pub config: Config,
    pub units: Vec<UnitInfo>,
}

fn pick<T: Copy>(table: &[T], byte: u8) -> T {
    table[usize::from(byte) % table.len()]
}

/// As `pick`, but rarely something that cannot work.
fn pick_or<T: Copy>(table: &[T], byte: u8, bad: T) -> T {
    if byte >= 252 { bad } else { pick(table, byte) }
}

impl Setup {
    /// Takes a setup off the front; nothing when the bytes run out.
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let (b, rest) = bytes.split_first_chunk::<14>()?;
        *bytes = rest;
        let slots = pick_or(&[0, 1, 2, 5, 40, 3, 8], b[0], 70_000);
        let slot_bytes = pick_or(&[512, 64, 100, 4096, 512], b[1], 0);
        let heap = pick(&[4096, 64, 1000, 65_536, 16_384, 6000, 2048, 0], b[2]);
        let in_flight = pick_or(&[4096, 600, 1 << 20, 1200, 1], b[3], 0);
        let pool = slots as u64 * slot_bytes;
        let config = Config {
            // Sometimes less than the pool takes.
            arena_bytes: if b[4] >= 252 { heap } else { pool.next_multiple_of(64) + heap },
            reads_max: pick_or(&[8, 1, 2, 64, 32], b[5], if b[5] % 2 == 0 { 0 } else { 65 }),
            prefetch_reads_max: pick(&[4, 0, 1, 16, 100], b[6]),
            coalesced_bytes_max: pick(&[4 << 20, 0, 600, 2000], b[7]),
            coalesced_gap_bytes_max: pick(&[0, 64, 5000, u32::MAX], b[8]),
            commit_bytes_max: pick(&[8 << 20, 0, 100, 1200], b[9]),
            move_bytes_max: pick(&[0, 256, 1 << 20], b[10]),
            move_above_fragmentation: pick(&[0.2, 0.0, 1.0, f64::NAN], b[11]),
            heap_free_share: pick_or(&[0.0, 0.125, 0.5], b[12], f64::NAN),
            cancel_after_frames: pick(&[2, 0, 8, u32::MAX], b[13]),
            ..Config::new(0, slots, slot_bytes, in_flight)
        };
        let (&count, rest) = bytes.split_first()?;
        *bytes = rest;
        let mut units = Vec::new();
        let mut offset = 0u64;
        for _ in 0..count % 48 {
            let (b, rest) = bytes.split_first_chunk::<4>()?;
            *bytes = rest;
            let home = if b[0] % 2 == 0 { Home::Heap } else { Home::Slot };
            let stored_bytes =
                pick_or(&[60, 300, 1, 599], b[1], if b[3] % 2 == 0 { 0 } else { 5000 });
            let at = match b[2] {
                0..240 => offset + pick(&[0, 0, 1, 100, 6000, 1 << 40], b[2]),
                // A copy of something in front, or part of it.
                240..254 => offset.saturating_sub(50),
                // Beyond all files.
                _ => u64::MAX - 20,
            };
            units.push(UnitInfo {
                offset: at,
                stored_bytes,
                resident_bytes: pick_or(
                    &[64, 100, 500, 512, 1, 2000],
                    b[3],
                    if b[1] % 2 == 0 { 0 } else { 100_000 },
                ),
                home,
                pinned: b[0] / 2 % 32 == 7,
            });
            if b[2] < 254 {
                offset = at + u64::from(stored_bytes);
            }
        }
        Some(Self { config, units })
    }

    pub fn limits_are_valid(&self) -> bool {
        let c = &self.config;
        (1..=64).contains(&c.reads_max)
            && c.in_flight_bytes_max > 0
            && (c.slots == 0 || c.slot_bytes > 0)
            && c.slots <= 65_535
            && (0.0..=0.5).contains(&c.heap_free_share)
            && c.pool_bytes() <= c.arena_bytes
    }

    fn pinned(&self, home: Home) -> impl Iterator<Item = &UnitInfo> {
        self.units.iter().filter(move |i| i.pinned && i.home == home)
    }

    /// Bytes of the heap that are left beside what is pinned, in one piece at first.
    pub fn room_bytes(&self) -> Option<u64> {
        let pinned = |i: &UnitInfo| rounded(i.resident_bytes.into());
        let pinned: u64 = self.pinned(Home::Heap).map(pinned).sum();
        let arena = self.config.arena_bytes / 64 * 64;
        arena.checked_sub(rounded(self.config.pool_bytes()) + pinned)
    }

    /// Slots beside those of what is pinned.
    pub fn room_slots(&self) -> usize {
        (self.config.slots as usize).saturating_sub(self.pinned(Home::Slot).count())
    }

    /// How many units are pinned in the heap.
    pub fn pinned_blocks(&self) -> u64 {
        self.pinned(Home::Heap).count() as u64
    }

    pub fn pinned_fits(&self) -> bool {
        let whole = |i: &UnitInfo| {
            i.resident_bytes > 0
                && (i.home == Home::Heap || u64::from(i.resident_bytes) <= self.config.slot_bytes)
        };
        self.room_bytes().is_some()
            && (self.room_slots() > 0 || self.config.slots == 0)
            && (self.config.slots > 0 || self.pinned(Home::Slot).next().is_none())
            && self.units.iter().filter(|i| i.pinned).all(whole)
    }

    /// Whether a unit can be loaded when nothing but what is pinned is.
    pub fn ever_fits(&self, unit: UnitId) -> bool {
        let info = &self.units[unit as usize];
        let (stored, resident) = (u64::from(info.stored_bytes), u64::from(info.resident_bytes));
        let has_room = match info.home {
            Home::Heap => rounded(resident) <= self.room_bytes().unwrap_or(0),
            Home::Slot => resident <= self.config.slot_bytes && self.room_slots() > 0,
        };
        let readable = (1..=self.config.in_flight_bytes_max).contains(&stored)
            && info.offset.checked_add(stored).is_some();
        readable && resident > 0 && has_room
    }
}
