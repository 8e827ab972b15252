//! Models of devices, and faults, for the simulated queue.

use std::fmt;
use std::str::FromStr;

/// Extra time that a stalled read takes.
pub const STALL_NS: u64 = 250_000_000;

/// A device to simulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Device {
    /// A solid-state disk on PCIe.
    Nvme,
    /// A solid-state disk on SATA.
    SataSsd,
    /// A spinning disk of 7200 rpm.
    Hdd,
    /// A server reached over the internet at 100 Mbit/s.
    Http,
}

impl Device {
    /// Every device, fastest first.
    pub const ALL: [Self; 4] = [Self::Nvme, Self::SataSsd, Self::Hdd, Self::Http];

    /// Its name, as [`FromStr`] reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nvme => "nvme",
            Self::SataSsd => "sata-ssd",
            Self::Hdd => "hdd",
            Self::Http => "http",
        }
    }

    /// Its model. The figures are round ones for common hardware, between the best case of a data
    /// sheet and a used machine.
    pub fn model(self) -> DeviceModel {
        match self {
            Self::Nvme => DeviceModel {
                access_ns: 80_000,
                jitter_ns: 40_000,
                seek_ns: 0,
                bytes_per_s: 2_500_000_000,
                depth: 32,
            },
            Self::SataSsd => DeviceModel {
                access_ns: 120_000,
                jitter_ns: 80_000,
                seek_ns: 0,
                bytes_per_s: 500_000_000,
                depth: 16,
            },
            // On average 8 ms for the arm and half a turn, 4.2 ms.
            Self::Hdd => DeviceModel {
                access_ns: 200_000,
                jitter_ns: 0,
                seek_ns: 12_200_000,
                bytes_per_s: 160_000_000,
                depth: 1,
            },
            Self::Http => DeviceModel {
                access_ns: 40_000_000,
                jitter_ns: 20_000_000,
                seek_ns: 0,
                bytes_per_s: 12_500_000,
                depth: 6,
            },
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Device {
    type Err = UnknownDevice;

    fn from_str(name: &str) -> Result<Self, UnknownDevice> {
        let found = Self::ALL.into_iter().find(|device| device.name() == name);
        found.ok_or_else(|| UnknownDevice { name: name.to_owned() })
    }
}

/// A name that is no device's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDevice {
    /// That name.
    pub name: String,
}

impl fmt::Display for UnknownDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown device '{}'; use one of ", self.name.escape_debug())?;
        for (index, device) in Device::ALL.into_iter().enumerate() {
            write!(f, "{}{device}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownDevice {}

/// What a simulated device takes for a read: an access time, which up to `depth` reads spend side
/// by side, then a transfer, one read after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceModel {
    /// Nanoseconds that every access takes at least. 0: the device answers at once; large values
    /// model distance. It never includes the transfer.
    pub access_ns: u64,
    /// Nanoseconds that the access may take longer, uniformly distributed. 0: every access takes
    /// the same time; large values let reads overtake each other.
    pub jitter_ns: u64,
    /// Nanoseconds to reach a range that does not continue the one before it, plus or minus half.
    /// 0: all places are alike; large values model a moving head.
    pub seek_ns: u64,
    /// Bytes a second that all reads together transfer; 0 counts as 1.
    pub bytes_per_s: u64,
    /// Reads that are accessed at once; 0 counts as 1. 1: the next read starts when the last has
    /// ended; large values let bandwidth be the only limit.
    pub depth: u32,
}

/// Faults to inject, decided by a seed and by the position of a read among all that the device gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan {
    /// Another seed hits other requests.
    pub seed: u64,
    /// Of a million reads, how many fail. 0: none; 1,000,000: all.
    pub error_per_million: u32,
    /// Of a million reads, how many take [`STALL_NS`] longer. 0: none; 1,000,000: all.
    pub stall_per_million: u32,
    /// Of a million reads, how many have one bit flipped. 0: none; 1,000,000: all.
    pub corrupt_per_million: u32,
    /// Of a million reads, how many are answered with half of their bytes at first. 0: none;
    /// 1,000,000: all.
    pub short_per_million: u32,
    /// Of a million reads, how many are interrupted once and have to be repeated. 0: none;
    /// 1,000,000: all.
    pub interrupt_per_million: u32,
}

/// What happens to one read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fault {
    pub error: bool,
    pub stall_ns: u64,
    /// Where to flip a bit, to be reduced to the length of the range.
    pub corrupt: Option<u64>,
    pub short: bool,
    pub interrupt: bool,
}

impl FaultPlan {
    pub(super) fn fault(&self, sequence: u64) -> Fault {
        let draw = |salt| draw(self.seed, sequence, salt);
        let hit = |salt, per_million: u32| draw(salt) % 1_000_000 < u64::from(per_million);
        Fault {
            error: hit(1, self.error_per_million),
            stall_ns: if hit(2, self.stall_per_million) { STALL_NS } else { 0 },
            corrupt: hit(3, self.corrupt_per_million).then(|| draw(4)),
            short: hit(5, self.short_per_million),
            interrupt: hit(6, self.interrupt_per_million),
        }
    }
}

/// A number from a seed, a position and a purpose: SplitMix64's finaliser over their mix. Source:
/// Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
pub(super) fn draw(seed: u64, sequence: u64, salt: u64) -> u64 {
    const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;
    let step = |state: u64| {
        let mut z = state.wrapping_add(GAMMA);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    step(step(step(seed) ^ sequence) ^ salt)
}
