//! Transitions beside one instance at a time, told in time left instead of time begun. The property
//! test and the fuzz target share it.

use farplane_lod::*;

/// Instances and levels that a run has.
const INSTANCES: usize = 6;
const LEVELS: usize = 4;
const DURATION_NS: u64 = 200;

/// What happens between two steps.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// An instance wants a level; 4 and above is none.
    Want { instance: u8, level: u8 },
    /// A level of an instance comes or goes.
    Toggle { instance: u8, level: u8 },
    /// Time passes, and the transitions take a step.
    Step { ns: u8 },
    /// The camera cuts.
    Cut,
}

impl Op {
    /// Takes one operation off the front; nothing when the bytes run out.
    pub fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let ([kind, a], rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        let (instance, level) = (a % INSTANCES as u8, a / INSTANCES as u8 % 5);
        Some(match kind % 16 {
            0..=4 => Self::Want { instance, level },
            5..=8 => Self::Toggle { instance, level: level % LEVELS as u8 },
            9..=14 => Self::Step { ns: *a },
            _ => Self::Cut,
        })
    }
}

/// One instance: what is there in full, or two levels and how much of the second.
#[derive(Clone, Copy, Debug)]
struct One {
    full: u8,
    coming: Option<(u8, u64)>,
    wanted: u8,
}

pub struct Model {
    transitions: Transitions,
    duration_ns: u64,
    ones: [One; INSTANCES],
    resident: [[bool; LEVELS]; INSTANCES],
    changes: Vec<LodChange>,
    now_ns: u64,
}

impl Model {
    pub fn new(instant: bool) -> Self {
        let duration_ns = if instant { 0 } else { DURATION_NS };
        Self {
            transitions: Transitions::new(INSTANCES, duration_ns),
            duration_ns,
            ones: [One { full: CULLED, coming: None, wanted: CULLED }; INSTANCES],
            resident: [[false; LEVELS]; INSTANCES],
            changes: Vec::new(),
            now_ns: 0,
        }
    }

    fn there(&self, instance: usize, level: u8) -> bool {
        level == CULLED || self.resident[instance][usize::from(level)]
    }

    pub fn apply(&mut self, op: Op) {
        match op {
            Op::Want { instance, level } => {
                let to = if usize::from(level) < LEVELS { level } else { CULLED };
                self.changes.push(LodChange { instance: instance.into(), from: CULLED, to });
            }
            Op::Toggle { instance, level } => {
                let resident = &mut self.resident[usize::from(instance)][usize::from(level)];
                *resident = !*resident;
            }
            Op::Step { ns } => self.step(ns.into()),
            Op::Cut => {
                // What is not stepped yet is not wanted yet.
                let resident = self.resident;
                self.transitions.cut(|i, l| resident[i as usize][usize::from(l)]);
                for i in 0..INSTANCES {
                    let One { wanted, coming, .. } = self.ones[i];
                    let coming = coming.map_or(wanted, |(to, _)| to);
                    let best = [wanted, coming].into_iter().find(|&l| self.there(i, l));
                    self.ones[i].full = best.unwrap_or(self.ones[i].full);
                    self.ones[i].coming = None;
                }
                self.check();
            }
        }
    }

    fn step(&mut self, ns: u64) {
        self.now_ns += ns;
        for change in &self.changes {
            self.ones[change.instance as usize].wanted = change.to;
        }
        for i in 0..INSTANCES {
            self.ones[i] = self.stepped(i, ns);
        }
        let mut fades = vec![Fade { instance: 77, from: 0, to: 0, to_factor: 0 }];
        let resident = self.resident;
        let there = |i: u32, l: u8| resident[i as usize][usize::from(l)];
        self.transitions.step(&self.changes, self.now_ns, there, &mut fades).unwrap();
        self.changes.clear();
        fades.sort_by_key(|f| f.instance);
        let expected: Vec<Fade> = (0..INSTANCES as u32)
            .filter_map(|i| match self.transitions.shown(i) {
                Some(Shown::Two(fade)) => Some(fade),
                _ => None,
            })
            .collect();
        assert_eq!(fades, expected);
        self.check();
        self.check_residency();
    }

    /// Nothing absent is drawn where a level that is drawn or wanted is resident.
    fn check_residency(&self) {
        for (i, one) in self.ones.iter().enumerate() {
            let drawn = match self.transitions.shown(i as u32).unwrap() {
                Shown::One(level) => [level; 2],
                Shown::Two(fade) => [fade.from, fade.to],
            };
            if [drawn[0], drawn[1], one.wanted].into_iter().any(|level| self.there(i, level)) {
                assert!(drawn.into_iter().all(|level| self.there(i, level)), "instance {i}");
            }
        }
    }

    /// One instance after some time: who is evicted goes, who is through ends, who turned back swaps,
    /// who waits begins.
    fn stepped(&self, i: usize, ns: u64) -> One {
        let mut one = self.ones[i];
        if let Some((to, done_ns)) = one.coming {
            let done_ns = done_ns + ns;
            one.coming = match (self.there(i, one.full), self.there(i, to)) {
                (true, false) => None,
                (false, false) if self.there(i, one.wanted) => None,
                (false, true) => {
                    one.full = to;
                    None
                }
                _ if done_ns >= self.duration_ns => {
                    one.full = to;
                    None
                }
                _ if one.wanted == one.full && done_ns == 0 => None,
                _ if one.wanted == one.full => {
                    let back = one.full;
                    one.full = to;
                    Some((back, self.duration_ns - done_ns))
                }
                _ => Some((to, done_ns)),
            };
        }
        if one.coming.is_none() && one.wanted != one.full && self.there(i, one.wanted) {
            one.coming = Some((one.wanted, 0));
            if self.duration_ns == 0 || !self.there(i, one.full) {
                (one.full, one.coming) = (one.wanted, None);
            }
        }
        one
    }

    fn check(&self) {
        let mut active = 0;
        for (i, one) in self.ones.iter().enumerate() {
            let shown = self.transitions.shown(i as u32).unwrap();
            let expected = match one.coming {
                None => Shown::One(one.full),
                Some((to, done_ns)) => {
                    assert!(done_ns < self.duration_ns && to != one.full);
                    let to_factor = (done_ns * 65_536 / self.duration_ns) as u16;
                    Shown::Two(Fade { instance: i as u32, from: one.full, to, to_factor })
                }
            };
            assert_eq!(shown, expected, "instance {i}");
            active += usize::from(one.coming.is_some() || one.full != one.wanted);
        }
        assert_eq!(self.transitions.active(), active);
        assert_eq!(self.transitions.shown(INSTANCES as u32), None);
    }
}

/// Applies the operations that the bytes stand for; in the end everything is resident and all are
/// shown as wanted.
pub fn run(mut bytes: &[u8]) {
    let instant = bytes.first().is_some_and(|b| b % 8 == 0);
    let mut model = Model::new(instant);
    while let Some(op) = Op::decode(&mut bytes) {
        model.apply(op);
    }
    model.resident = [[true; LEVELS]; INSTANCES];
    for _ in 0..4 {
        model.step(DURATION_NS);
    }
    assert!(model.ones.iter().all(|one| one.full == one.wanted && one.coming.is_none()));
}
