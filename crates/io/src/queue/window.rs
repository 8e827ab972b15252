//! How much to keep in flight, so that the device is busy and an urgent read does not wait.
//!
//! By Little's law a device of bandwidth *B* needs *B·T* bytes in flight to be busy when a read takes
//! *T*; what goes beyond only waits in its queue. *B* is the mean of what came while something was in
//! flight. *T* is what a read that has the device for itself takes beyond its transfer, the median of
//! the last three that did, times a depth, and at least some time; both are smaller while urgent reads
//! come ([`Width`]). As in BBR (Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM Queue
//! 14(5), 2016) the two are measured apart, *T* by a probe now and then. Departing from BBR, *B* is a
//! mean and no maximum: a device with caches has bursts at many times its bandwidth, and a window made
//! for the burst is a backlog after it. A mean cannot trap the window when it is too small: what then
//! comes is window / *T*, so that the next one is larger by the depth. And *T* is a median and no
//! minimum: a file system that has a range at hand answers at once, and the first read of a file may
//! wait for what the others do not. There is no pacing (a disk has no path to share), and the probe for
//! *T* gives up when the device does not drain and answer at once: a stalled read must not stop the
//! others.

/// How much a window holds. It is one thing to keep a device busy, another to leave it free for a
/// read that comes next: while urgent ones come the window is the narrow one.
#[derive(Clone, Copy, Debug)]
struct Width {
    /// Reads that may queue at the device behind one that is served, at its latency without a queue:
    /// devices serve some in parallel, and a completion is seen a moment later. At least 2.
    depth: u64,
    /// Time that it holds at least, ns.
    time_ns_min: u64,
    /// Smallest window, and that until the bandwidth is known, bytes.
    bytes_min: u64,
}

/// Nobody is in a hurry: eight reads of 64 KiB, each with the 16 KiB that it costs beside, which
/// the first urgent read after a long time has to wait for.
const WIDE: Width = Width { depth: 4, time_ns_min: 500_000, bytes_min: 640 << 10 };
/// Urgent reads come: two of them. Waiting for less than waking up a thread takes is no gain.
const NARROW: Width = Width { depth: 2, time_ns_min: 100_000, bytes_min: 160 << 10 };
/// After this time without an urgent read the window is wide again, ns: a camera that turns asks for
/// something urgent every few frames.
const URGENT_NS: u64 = 1_000_000_000;
/// Bytes that urgent reads may be in flight beyond the window, and that are kept for them of what may
/// be in flight at all.
pub(super) const URGENT_BYTES: u64 = 256 << 10;
/// Reads that one measurement of the bandwidth covers.
const EPOCH_READS: u32 = 32;
/// Reads with others in flight after which one is tried alone: so many after the first, four times as
/// many after each further one, up to the most.
const PROBE_READS_MIN: u64 = 32;
const PROBE_READS_MAX: u64 = 4096;
/// Reads that were alone of which the median counts.
const ALONE: usize = 3;
/// What the first probe waits at most, ns, when nothing is known yet.
const FIRST_PROBE_NS: u64 = 100_000_000;

/// When a read was issued, and among how many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    issued_ns: u64,
    urgent: bool,
    /// Nothing else was in flight; the number of reads issued by then.
    alone: Option<u64>,
}

/// What came since a measurement of the bandwidth began.
#[derive(Debug, Default)]
struct Epoch {
    reads: u32,
    bytes: u64,
    /// Time with something in flight.
    busy_ns: u64,
    /// At times nothing waited: the rate is then the caller's, and only a lower bound of the device's.
    starved: bool,
}

#[derive(Debug, Default)]
pub(super) struct Window {
    adapt: bool,
    /// At the device, the cost of each request included.
    in_flight: u64,
    urgent_in_flight: u64,
    reads: u32,
    epoch: Epoch,
    /// When something came last, or was issued to an idle device.
    last_ns: u64,
    /// Bytes per second.
    rate: u64,
    /// What the last reads that were alone took, and their costs; how many there were.
    alone: [(u64, u64); ALONE],
    alone_count: u64,
    /// The median of what they took beyond their transfer.
    access_ns: u64,
    /// Reads issued, how many of them when one was alone last, and after how many more the next is.
    issued: u64,
    issued_alone: u64,
    probe_reads: u64,
    /// Until when other reads wait, so that the device drains and one has it for itself.
    probe_until_ns: Option<u64>,
    /// When an urgent read was issued last.
    urgent_ns: Option<u64>,
}

impl Window {
    pub fn new(adapt: bool) -> Self {
        Self { adapt, probe_reads: PROBE_READS_MIN, ..Self::default() }
    }

    fn width(&self, now_ns: u64) -> Width {
        let urgent = |at_ns| now_ns.saturating_sub(at_ns) < URGENT_NS;
        if self.urgent_ns.is_some_and(urgent) { NARROW } else { WIDE }
    }

    /// What the window holds, as time at the device.
    fn time_ns(&self, width: Width) -> u64 {
        self.access_ns.saturating_mul(width.depth).max(width.time_ns_min)
    }

    /// Bytes to keep in flight, the cost of each request included.
    pub fn bytes(&self, now_ns: u64) -> u64 {
        let width = self.width(now_ns);
        let bytes = u128::from(self.rate) * u128::from(self.time_ns(width)) / 1_000_000_000;
        u64::try_from(bytes).unwrap_or(u64::MAX).max(width.bytes_min)
    }

    /// Whether a read may be issued that has `cost` bytes at the device. Two always may: while one is
    /// on its way back the device works on the other. Urgent ones may go [`URGENT_BYTES`] further,
    /// whatever two long ones have there, and wait for no probe.
    pub fn admits(&self, cost: u64, urgent: bool, now_ns: u64) -> bool {
        if !self.adapt || self.reads == 0 {
            return true;
        }
        if self.probe_end_ns(now_ns).is_some() {
            return urgent;
        }
        let bytes = self.bytes(now_ns);
        if urgent {
            let others = self.in_flight - self.urgent_in_flight;
            let room = bytes.saturating_sub(others).saturating_add(URGENT_BYTES);
            return self.urgent_in_flight == 0 || self.urgent_in_flight + cost <= room;
        }
        self.reads < 2 || self.in_flight.saturating_add(cost) <= bytes
    }

    /// Until when all but urgent reads wait for one that is tried alone, if it does not come before.
    pub fn probe_end_ns(&self, now_ns: u64) -> Option<u64> {
        let adapts = self.adapt && self.reads > 0;
        self.probe_until_ns.filter(|&until_ns| adapts && now_ns < until_ns)
    }

    /// A read goes out that has `cost` bytes at the device; `starved`: nothing else waits.
    pub fn issued(&mut self, cost: u64, urgent: bool, starved: bool, now_ns: u64) -> Sample {
        if urgent {
            self.urgent_ns = Some(now_ns);
        }
        self.issued += 1;
        let alone = (self.reads == 0).then_some(self.issued);
        if alone.is_some() {
            self.last_ns = now_ns;
        }
        if self.alone_count == 0 && alone.is_some() {
            self.probe_until_ns = Some(now_ns.saturating_add(FIRST_PROBE_NS));
        } else if self.issued - self.issued_alone >= self.probe_reads {
            // Until the device has drained, and this long again for the read alone.
            self.issued_alone = self.issued;
            self.probe_until_ns = Some(now_ns.saturating_add(2 * self.time_ns(self.width(now_ns))));
        }
        self.reads += 1;
        self.in_flight += cost;
        self.urgent_in_flight += if urgent { cost } else { 0 };
        self.epoch.starved |= starved;
        Sample { issued_ns: now_ns, urgent, alone }
    }

    /// A read of `bytes` has come that had `cost` bytes at the device.
    pub fn completed(&mut self, sample: Sample, cost: u64, bytes: u64, now_ns: u64) {
        self.reads -= 1;
        self.in_flight -= cost;
        self.urgent_in_flight -= if sample.urgent { cost } else { 0 };
        self.epoch.reads += 1;
        self.epoch.bytes += bytes;
        self.epoch.busy_ns += now_ns.saturating_sub(self.last_ns);
        self.last_ns = now_ns;
        if self.epoch.reads == EPOCH_READS || self.rate == 0 {
            self.measure();
        }
        // Whoever was issued meanwhile has shared the device.
        if sample.alone == Some(self.issued) {
            self.probe_until_ns = None;
            self.issued_alone = self.issued;
            // Of one piece: a long read waits for the device once for each.
            let took_ns =
                now_ns.saturating_sub(sample.issued_ns) / bytes.div_ceil(cost.max(1)).max(1);
            self.alone[self.alone_count as usize % ALONE] = (took_ns, cost);
            self.alone_count += 1;
            if self.alone_count > 1 {
                self.probe_reads = (self.probe_reads * 4).min(PROBE_READS_MAX);
            }
            self.access_ns = self.median_access_ns();
        }
    }

    /// Of two the smaller: what holds a read up is more common than what hurries it.
    fn median_access_ns(&self) -> u64 {
        let count = self.alone_count.min(ALONE as u64) as usize;
        let rate = u128::from(self.rate.max(1));
        let mut access_ns = self.alone.map(|(took_ns, cost)| {
            let transfer_ns = u128::from(cost) * 1_000_000_000 / rate;
            took_ns.saturating_sub(u64::try_from(transfer_ns).unwrap_or(u64::MAX))
        });
        access_ns[..count].sort_unstable();
        access_ns[count.saturating_sub(1) / 2]
    }

    fn measure(&mut self) {
        let epoch = std::mem::take(&mut self.epoch);
        // No clock tells less than a microsecond apart reliably.
        let rate = u128::from(epoch.bytes) * 1_000_000_000 / u128::from(epoch.busy_ns.max(1000));
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        // Down faster than up: what is too much in flight is waited for, what is too little shows.
        if rate > self.rate {
            self.rate = average(self.rate, rate, 4);
        } else if !epoch.starved {
            self.rate = average(self.rate, rate, 2);
        }
        self.access_ns = self.median_access_ns();
    }
}

/// A moving average over some `count`; 0 stands for nothing yet.
fn average(old: u64, new: u64, count: u64) -> u64 {
    if old == 0 { new } else { old - old / count + new / count }
}
