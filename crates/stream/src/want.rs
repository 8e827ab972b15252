use crate::UnitId;

/// How urgent a want is. Smaller is more urgent; a class always goes before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// Visible and near.
    Critical = 0,
    /// Visible.
    High = 1,
    /// Visible soon.
    Normal = 2,
    /// Predicted.
    Prefetch = 3,
    /// Background.
    Low = 4,
}

impl Class {
    /// Number of classes.
    pub const COUNT: usize = 5;

    /// All classes, the most urgent first.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Critical, Self::High, Self::Normal, Self::Prefetch, Self::Low];

    /// Name in lower case, as reports print it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Prefetch => "prefetch",
            Self::Low => "low",
        }
    }
}

/// A unit that this frame needs or expects to need. Given anew every frame: what is not repeated is
/// no longer wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Want {
    /// The unit.
    pub unit: UnitId,
    /// How urgent.
    pub class: Class,
    /// Order inside the class, larger first: benefit (pixels of error removed) × urgency ÷ bytes.
    /// NaN counts as 0.
    pub score: f32,
}
