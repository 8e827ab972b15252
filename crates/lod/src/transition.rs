use crate::{CULLED, LodChange, LodError};

/// No transition of an instance is going on.
const NONE: u32 = u32::MAX;

/// What an instance shows: one level, or two while one fades into the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// One level, or nothing ([`CULLED`]).
    One(u8),
    /// Two levels, of which one may be [`CULLED`].
    Two(Fade),
}

/// A transition from one level to another. The factors of the two add up to 1 at any time: drawn
/// with complementary dither patterns (pixels whose threshold is below `to_factor` from `to`, the
/// others from `from`), every pixel is covered by exactly one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fade {
    /// Index of the instance.
    pub instance: u32,
    /// The level that goes, or [`CULLED`].
    pub from: u8,
    /// The level that comes, or [`CULLED`].
    pub to: u8,
    /// How much of `to` is there, in 65,536ths: below 65,536.
    pub to_factor: u16,
}

/// An instance that fades, or waits for the level that it wants.
#[derive(Clone, Copy, Debug)]
struct Active {
    instance: u32,
    /// The level that comes and when it began, or would have begun had it always gone this way;
    /// none while it waits.
    fade: Option<(u8, u64)>,
}

/// Cross-fades of one view's instances between levels, over time.
///
/// - A fade begins only when the level that comes is resident; until then the old one is shown
///   alone. If that one was evicted meanwhile, the one that comes is there in full at once.
/// - When an instance turns back while it fades, the fade runs backwards from where it is. When it
///   wants a third level meanwhile, the fade in hand ends first.
/// - When one of the two levels is evicted while they fade, the other is there in full at once; when
///   both are, the one wanted, if it is a third. So what is drawn is resident as long as one of the
///   three is.
/// - Never are both levels there in full, never none.
///
/// [`CULLED`] counts as a level that is always resident: what appears fades in, what vanishes fades
/// out. 6 bytes an instance, and 32 for each that is fading or waiting.
#[derive(Clone, Debug)]
pub struct Transitions {
    duration_ns: u64,
    /// By instance: the level that is there, or goes while another comes; and the one wanted.
    shown: Vec<u8>,
    wanted: Vec<u8>,
    /// By instance: its place in `active`.
    slots: Vec<u32>,
    active: Vec<Active>,
    /// The caller's clock and `duration_ns`, so that a fade that turns back has always begun after 0.
    now_ns: u64,
}

impl Transitions {
    /// For so many instances, none of them shown. `duration_ns` is how long a fade takes; at 0 a
    /// level is replaced at once when it is resident.
    #[must_use]
    pub fn new(count: usize, duration_ns: u64) -> Self {
        Self {
            duration_ns,
            shown: vec![CULLED; count],
            wanted: vec![CULLED; count],
            slots: vec![NONE; count],
            active: Vec::new(),
            now_ns: duration_ns,
        }
    }

    /// Takes the changes of a selection and lets time pass. Afterwards `fades` (cleared first) lists
    /// the instances that show two levels, and [`Transitions::shown`] tells what any one shows.
    ///
    /// `is_resident` is asked by instance and level, never for [`CULLED`]. Time that goes backwards
    /// counts as standing still. O(changes + active).
    ///
    /// # Errors
    /// [`LodError::Index`] for a change of an instance that does not exist: then nothing was done
    /// but clearing `fades`.
    pub fn step(
        &mut self,
        changes: &[LodChange],
        now_ns: u64,
        is_resident: impl Fn(u32, u8) -> bool,
        fades: &mut Vec<Fade>,
    ) -> Result<(), LodError> {
        fades.clear();
        let count = self.shown.len();
        if let Some(bad) = changes.iter().find(|c| c.instance as usize >= count) {
            return Err(LodError::Index { what: "instance", index: bad.instance, count });
        }
        self.now_ns = self.now_ns.max(now_ns.saturating_add(self.duration_ns));
        for change in changes {
            let index = change.instance as usize;
            self.wanted[index] = change.to;
            if self.slots[index] == NONE && self.shown[index] != change.to {
                self.slots[index] = self.active.len() as u32;
                self.active.push(Active { instance: change.instance, fade: None });
            }
        }
        let there = |instance, level| level == CULLED || is_resident(instance, level);
        let mut at = 0;
        while at < self.active.len() {
            if self.advance(at, &there) {
                self.end(at);
                continue;
            }
            if let Shown::Two(fade) = self.picture(&self.active[at]) {
                fades.push(fade);
            }
            at += 1;
        }
        Ok(())
    }

    /// What an instance shows now; `None` for one that does not exist. A level that waits for another
    /// to be resident is shown alone.
    #[must_use]
    pub fn shown(&self, instance: u32) -> Option<Shown> {
        let slot = *self.slots.get(instance as usize)?;
        let level = self.shown[instance as usize];
        Some(self.active.get(slot as usize).map_or(Shown::One(level), |a| self.picture(a)))
    }

    /// Ends all fades at once, after a cut of the camera: what is wanted is there in full where it is
    /// resident, else what was coming. What waits for a level goes on waiting.
    pub fn cut(&mut self, is_resident: impl Fn(u32, u8) -> bool) {
        for at in (0..self.active.len()).rev() {
            let Active { instance, fade } = self.active[at];
            let index = instance as usize;
            let there = |level: &u8| *level == CULLED || is_resident(instance, *level);
            let best = [Some(self.wanted[index]), fade.map(|(to, _)| to)];
            if let Some(level) = best.into_iter().flatten().find(there) {
                self.shown[index] = level;
            }
            self.active[at].fade = None;
            if self.shown[index] == self.wanted[index] {
                self.end(at);
            }
        }
    }

    /// How many instances fade or wait.
    #[must_use]
    pub fn active(&self) -> usize {
        self.active.len()
    }

    /// Brings one up to now; true when it is over.
    fn advance(&mut self, at: usize, there: &impl Fn(u32, u8) -> bool) -> bool {
        let Active { instance, mut fade } = self.active[at];
        let index = instance as usize;
        let (shown, wanted) = (&mut self.shown[index], self.wanted[index]);
        if let Some((to, start_ns)) = fade {
            let elapsed_ns = self.now_ns - start_ns;
            let (comes, goes) = (there(instance, to), there(instance, *shown));
            if !comes && (goes || there(instance, wanted)) {
                fade = None;
            } else if elapsed_ns >= self.duration_ns || (comes && !goes) {
                (*shown, fade) = (to, None);
            } else if wanted == *shown && elapsed_ns == 0 {
                // Nothing of it was shown yet.
                fade = None;
            } else if wanted == *shown {
                // Backwards: what was there of one is now there of the other.
                let left_ns = self.duration_ns - elapsed_ns;
                fade = Some((*shown, self.now_ns - left_ns));
                *shown = to;
            }
        }
        if fade.is_none() && wanted != *shown && there(instance, wanted) {
            // From what is not there any more nothing could fade.
            if self.duration_ns == 0 || !there(instance, *shown) {
                *shown = wanted;
            } else {
                fade = Some((wanted, self.now_ns));
            }
        }
        self.active[at].fade = fade;
        fade.is_none() && wanted == *shown
    }

    fn picture(&self, active: &Active) -> Shown {
        let from = self.shown[active.instance as usize];
        let Some((to, start_ns)) = active.fade else { return Shown::One(from) };
        let elapsed = u128::from(self.now_ns - start_ns) << 16;
        // Below the duration, or it would be over.
        let to_factor = (elapsed / u128::from(self.duration_ns)).min(0xffff) as u16;
        Shown::Two(Fade { instance: active.instance, from, to, to_factor })
    }

    fn end(&mut self, at: usize) {
        let ended = self.active.swap_remove(at);
        self.slots[ended.instance as usize] = NONE;
        if let Some(moved) = self.active.get(at) {
            self.slots[moved.instance as usize] = at as u32;
        }
    }
}
