//! A goal: a figure, the bound that it should keep, and what became of it.

use serde::Serialize;
use std::fmt;

/// Which side of the bound is good.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The figure should be at most this.
    AtMost(f64),
    /// The figure should be at least this.
    AtLeast(f64),
}

/// What became of a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The figure keeps the bound.
    Met,
    /// It does not.
    Missed,
    /// There is no figure.
    NotMeasured,
}

/// Something to reach.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Goal {
    /// What is compared, with its unit.
    pub what: String,
    /// What it should be.
    pub bound: Bound,
    /// What it is; `None` where nothing measures it yet.
    pub figure: Option<f64>,
    /// Whether that is enough.
    pub outcome: Outcome,
}

impl Goal {
    /// A goal and its figure. A figure that is no number misses any bound.
    pub fn new(what: &str, bound: Bound, figure: Option<f64>) -> Self {
        let outcome = match (figure, bound) {
            (None, _) => Outcome::NotMeasured,
            (Some(v), Bound::AtMost(max)) if v <= max => Outcome::Met,
            (Some(v), Bound::AtLeast(min)) if v >= min => Outcome::Met,
            _ => Outcome::Missed,
        };
        Self { what: what.into(), bound, figure, outcome }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Met => "met",
            Outcome::Missed => "MISSED",
            Outcome::NotMeasured => "not measured yet",
        };
        let (sign, bound) = match self.bound {
            Bound::AtMost(v) => ('≤', v),
            Bound::AtLeast(v) => ('≥', v),
        };
        write!(f, "{outcome:<16}  {} {sign} {bound}", self.what)?;
        match self.figure {
            Some(v) => write!(f, ": {}", crate::table::figure(v)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(bound: Bound, figure: Option<f64>) -> Outcome {
        Goal::new("x", bound, figure).outcome
    }

    #[test]
    fn a_goal_is_met_up_to_its_bound_and_missed_beyond() {
        assert_eq!(outcome(Bound::AtMost(1.5), Some(1.5)), Outcome::Met);
        assert_eq!(outcome(Bound::AtMost(1.5), Some(1.51)), Outcome::Missed);
        assert_eq!(outcome(Bound::AtLeast(25.0), Some(25.0)), Outcome::Met);
        assert_eq!(outcome(Bound::AtLeast(25.0), Some(24.9)), Outcome::Missed);
    }

    #[test]
    fn no_figure_is_no_pass_and_no_number_is_a_miss() {
        assert_eq!(outcome(Bound::AtMost(1.0), None), Outcome::NotMeasured);
        assert_eq!(outcome(Bound::AtMost(1.0), Some(f64::NAN)), Outcome::Missed);
        assert_eq!(outcome(Bound::AtLeast(1.0), Some(f64::NAN)), Outcome::Missed);
    }

    #[test]
    fn a_line_has_outcome_bound_and_figure() {
        let goal = Goal::new("mean / xalloc", Bound::AtMost(1.5), Some(1.25));
        assert_eq!(goal.to_string(), "met               mean / xalloc ≤ 1.5: 1.25");
        let goal = Goal::new("moved bytes", Bound::AtMost(0.06), None);
        assert_eq!(goal.to_string(), "not measured yet  moved bytes ≤ 0.06");
    }
}
