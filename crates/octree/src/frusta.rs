use crate::arch::Simd;
use crate::pack::{Pack, lanes};
use crate::probe::{FrustumProbe, Probe, open_of};
use crate::store::Block;
use crate::walk::Visit;
use crate::{OctreeError, Query};
use alloc::vec::Vec;
use core::ops::ControlFlow;
use farplane_geom::Frustum;

/// Frusta of one query at most: one bit each.
pub const FRUSTA_MAX: usize = 8;

/// Set in the state of a frustum that may see something below the node; the other six bits are its
/// open planes.
const ACTIVE: u8 = 1 << 7;

impl Query<'_> {
    /// Items that any of several frusta hits, as [`Query::frustum`] would, each once with a mask of
    /// which: split screens, the cascades of a shadow, faces of a cube map. Every node and block is
    /// read once for all of them.
    ///
    /// # Errors
    /// [`OctreeError::TooManyFrusta`] beyond [`FRUSTA_MAX`].
    pub fn frusta(&self, frusta: &[Frustum], out: &mut Vec<(u32, u8)>) -> Result<(), OctreeError> {
        // It never stops before the end.
        let _ = self.visit_frusta(frusta, |item, mask| {
            out.push((item, mask));
            ControlFlow::<()>::Continue(())
        })?;
        Ok(())
    }

    /// As [`Query::frusta`], one item after the other until the visitor breaks.
    ///
    /// # Errors
    /// [`OctreeError::TooManyFrusta`] beyond [`FRUSTA_MAX`].
    pub fn visit_frusta<B>(
        &self,
        frusta: &[Frustum],
        mut visit: impl FnMut(u32, u8) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, OctreeError> {
        let mut stopped = ControlFlow::Continue(());
        let emit = |item, mask| {
            stopped = visit(item, mask);
            if stopped.is_break() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        // Why it stopped is in `stopped`.
        let _ = self.walk(&mut Several::new(frusta, emit)?, Several::<()>::all_open(frusta));
        Ok(stopped)
    }
}

/// Several frusta at once.
pub(crate) struct Several<E> {
    probes: [FrustumProbe; FRUSTA_MAX],
    count: usize,
    emit: E,
}

impl<E> Several<E> {
    pub fn new(frusta: &[Frustum], emit: E) -> Result<Self, OctreeError> {
        let count = frusta.len();
        if count > FRUSTA_MAX {
            return Err(OctreeError::TooManyFrusta { count, count_max: FRUSTA_MAX });
        }
        let mut probes = [FrustumProbe::new(&Frustum { planes: Default::default() }); FRUSTA_MAX];
        for (probe, frustum) in probes.iter_mut().zip(frusta) {
            *probe = FrustumProbe::new(frustum);
        }
        Ok(Self { probes, count, emit })
    }

    /// Every plane of each.
    pub fn all_open(frusta: &[Frustum]) -> [u8; FRUSTA_MAX] {
        let mut open = [0; FRUSTA_MAX];
        open.iter_mut().zip(frusta).for_each(|(open, _)| *open = ACTIVE | 0b11_1111);
        open
    }
}

/// For each frustum, the lanes that it may see, and the lanes where each plane is open.
type Verdicts = [(u8, [u8; 6]); FRUSTA_MAX];

impl<E: FnMut(u32, u8) -> ControlFlow<()>> Visit for Several<E> {
    type Open = [u8; FRUSTA_MAX];
    type Verdict = Verdicts;

    #[inline(always)]
    fn nodes<S: Simd>(&mut self, s: S, bounds: &Pack, open: Self::Open) -> (u8, Verdicts) {
        let mut verdicts = [(0, [0; 6]); FRUSTA_MAX];
        let mut any = 0;
        for (i, probe) in self.probes.iter().enumerate().take(self.count) {
            if open[i] == ACTIVE {
                verdicts[i] = (0xff, [0; 6]);
            } else if open[i] & ACTIVE != 0 {
                let verdict = probe.nodes(s, bounds, open[i]);
                verdicts[i] = (verdict.hit, verdict.open);
            }
            any |= verdicts[i].0;
        }
        (any, verdicts)
    }

    #[inline(always)]
    fn open_of(verdicts: &Verdicts, lane: usize) -> Self::Open {
        let mut open = [0; FRUSTA_MAX];
        for (open, (hit, planes)) in open.iter_mut().zip(verdicts) {
            if hit >> lane & 1 == 1 {
                *open = ACTIVE | open_of::<FrustumProbe>(planes, lane);
            }
        }
        open
    }

    #[inline(always)]
    fn block<S: Simd>(
        &mut self,
        s: S,
        block: Block<'_>,
        layers: Option<u8>,
        open: Self::Open,
    ) -> ControlFlow<()> {
        for (first, boxes, live) in block.packs(block.live(layers)) {
            let mut hits = [0; FRUSTA_MAX];
            let mut any = 0;
            for (f, probe) in self.probes.iter().enumerate().take(self.count) {
                hits[f] = match open[f] {
                    0 => 0,
                    ACTIVE => 0xff,
                    open => probe.items(s, boxes, open),
                };
                any |= hits[f];
            }
            for lane in lanes(any & live) {
                let bit = |(f, hit): (usize, &u8)| (hit >> lane & 1) << f;
                let mask = hits.iter().enumerate().map(bit).fold(0, |all, bit| all | bit);
                (self.emit)(block.items[first + lane], mask)?;
            }
        }
        ControlFlow::Continue(())
    }
}
