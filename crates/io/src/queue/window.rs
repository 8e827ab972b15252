//! How much to keep in flight, so that the device is busy and an urgent read does not wait.
//!
//! By Little's law a device of bandwidth *B* needs *B·T* bytes in flight to be busy when a read takes
//! *T*; what goes beyond only waits in its queue. The bandwidth is the largest delivery rate of the
//! last reads, measured as in BBR (Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM
//! Queue 14(5), 2016): the bytes delivered between the issue of a read and its completion, over
//! that time. *T* is what a read that has the device for itself takes beyond its transfer, times
//! [`DEPTH`], and at least [`TIME_NS_MIN`]. Departing from BBR there is no pacing (a disk has no path to share), and the
//! probe for *T* gives up when the device does not drain and answer at once: a stalled read must not
//! stop the others.

/// Reads that may queue at the device behind one that is served, at its latency without a queue:
/// devices serve some in parallel, and a completion is seen a moment later.
const DEPTH: u64 = 4;
/// Time that the window holds at least, ns: below this, waiting is shorter than waking up a thread.
const TIME_NS_MIN: u64 = 500_000;
/// Smallest window, and that until the bandwidth is known, bytes.
const START_BYTES: u64 = 512 << 10;
/// Bytes that urgent reads may be in flight beyond the window.
const URGENT_BYTES: u64 = 256 << 10;
/// Reads that one bucket of rates covers; the largest of two buckets counts.
const BUCKET_READS: u32 = 128;
/// Reads with others in flight after which one is tried alone.
const PROBE_READS: u64 = 1024;
/// What the first probe waits at most, ns, when nothing is known yet.
const FIRST_PROBE_NS: u64 = 100_000_000;

/// When a read was issued, and what had been delivered by then.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    issued_ns: u64,
    delivered_ns: u64,
    delivered: u64,
    /// Nothing else was in flight; the number of reads issued by then.
    alone: Option<u64>,
    /// Nothing else was waiting: a low rate is then the caller's and not the device's.
    idle: bool,
}

#[derive(Debug)]
pub(super) struct Window {
    adapt: bool,
    in_flight: u64,
    reads: u32,
    delivered: u64,
    delivered_ns: u64,
    /// Largest bytes per second of this bucket and of the one before.
    rates: [u64; 2],
    bucket_reads: u32,
    /// Moving averages of what a read alone takes, and of its cost.
    alone_ns: u64,
    alone_cost: u64,
    /// Reads issued, and how many of them when one was alone last.
    issued: u64,
    issued_alone: u64,
    /// Until when other reads wait, so that the device drains and one has it for itself.
    probe_until_ns: Option<u64>,
}

impl Window {
    pub fn new(adapt: bool) -> Self {
        Self {
            adapt,
            in_flight: 0,
            reads: 0,
            delivered: 0,
            delivered_ns: 0,
            rates: [0; 2],
            bucket_reads: 0,
            alone_ns: 0,
            alone_cost: 0,
            issued: 0,
            issued_alone: 0,
            probe_until_ns: None,
        }
    }

    /// What the window holds, as time at the device.
    fn time_ns(&self) -> u64 {
        let transfer_ns =
            u128::from(self.alone_cost) * 1_000_000_000 / u128::from(self.rate().max(1));
        let transfer_ns = u64::try_from(transfer_ns).unwrap_or(u64::MAX);
        let access_ns = self.alone_ns.saturating_sub(transfer_ns);
        access_ns.saturating_mul(DEPTH).max(TIME_NS_MIN)
    }

    /// Bytes to keep in flight, the cost of each request included.
    pub fn bytes(&self) -> u64 {
        let bytes = u128::from(self.rate()) * u128::from(self.time_ns()) / 1_000_000_000;
        u64::try_from(bytes).unwrap_or(u64::MAX).max(START_BYTES)
    }

    /// Whether a read may be issued that costs `cost` bytes. Two always may: while one is on its way
    /// back the device works on the other. An urgent one may go [`URGENT_BYTES`] further and waits
    /// for no probe.
    pub fn admits(&self, cost: u64, urgent: bool, now_ns: u64) -> bool {
        if !self.adapt || self.reads == 0 {
            return true;
        }
        if self.probe_until_ns.is_some_and(|until_ns| now_ns < until_ns) {
            return urgent;
        }
        let beyond = if urgent { URGENT_BYTES } else { 0 };
        self.reads < 2 || self.in_flight.saturating_add(cost) <= self.bytes() + beyond
    }

    pub fn issued(&mut self, cost: u64, idle: bool, now_ns: u64) -> Sample {
        self.issued += 1;
        let alone = (self.reads == 0).then_some(self.issued);
        if alone.is_some() {
            self.delivered_ns = now_ns;
        }
        if self.alone_ns == 0 && alone.is_some() {
            self.probe_until_ns = Some(now_ns.saturating_add(FIRST_PROBE_NS));
        } else if self.issued - self.issued_alone >= PROBE_READS {
            // Until the device has drained, and this long again for the read alone.
            self.issued_alone = self.issued;
            self.probe_until_ns = Some(now_ns.saturating_add(2 * self.time_ns()));
        }
        self.reads += 1;
        self.in_flight += cost;
        let (delivered_ns, delivered) = (self.delivered_ns, self.delivered);
        Sample { issued_ns: now_ns, delivered_ns, delivered, alone, idle }
    }

    pub fn completed(&mut self, sample: Sample, cost: u64, now_ns: u64) {
        self.reads -= 1;
        self.in_flight -= cost;
        self.delivered += cost;
        self.delivered_ns = now_ns;
        // No clock tells less than a microsecond apart reliably.
        let span_ns = now_ns.saturating_sub(sample.delivered_ns).max(1000);
        let bytes = self.delivered - sample.delivered;
        let rate = u128::from(bytes) * 1_000_000_000 / u128::from(span_ns);
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        if !sample.idle || rate > self.rates[0] {
            self.rates[0] = self.rates[0].max(rate);
        }
        if !sample.idle {
            self.bucket_reads += 1;
            if self.bucket_reads == BUCKET_READS {
                self.bucket_reads = 0;
                self.rates = [0, self.rates[0]];
            }
        }
        // Whoever was issued meanwhile has shared the device.
        if sample.alone == Some(self.issued) {
            self.probe_until_ns = None;
            self.issued_alone = self.issued;
            let took_ns = now_ns.saturating_sub(sample.issued_ns);
            let average = |old: u64, new: u64| if old == 0 { new } else { old - old / 8 + new / 8 };
            self.alone_ns = average(self.alone_ns, took_ns);
            self.alone_cost = average(self.alone_cost, cost);
        }
    }

    /// Largest bytes a second of late.
    fn rate(&self) -> u64 {
        self.rates[0].max(self.rates[1])
    }
}
