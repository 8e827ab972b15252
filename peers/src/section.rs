//! A section: tables, what is absent, goals; as text and as JSON.

use crate::goal::{Goal, Outcome};
use crate::table::Table;
use serde::Serialize;
use std::fmt;

/// Status of a run that missed a goal.
const STATUS_MISSED: u8 = 10;

/// A peer that is not in the tables.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Absent {
    /// Who.
    pub contender: String,
    /// Why not.
    pub why: String,
}

/// Everything measured about one crate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Section {
    /// Name and version of this form.
    pub schema: &'static str,
    /// The section's name.
    pub name: String,
    /// How it was measured.
    pub method: String,
    /// Contenders side by side.
    pub tables: Vec<Table>,
    /// Peers that are missing.
    pub absent: Vec<Absent>,
    /// What to reach.
    pub goals: Vec<Goal>,
}

impl Section {
    /// A section without anything in it.
    pub fn new(name: &str, method: &str) -> Self {
        Self {
            schema: "farplane-peers-1",
            name: name.into(),
            method: method.into(),
            tables: Vec::new(),
            absent: Vec::new(),
            goals: Vec::new(),
        }
    }

    /// Names a peer that is missing.
    pub fn absent(&mut self, contender: &str, why: &str) {
        self.absent.push(Absent { contender: contender.into(), why: why.into() });
    }

    /// Goals of an outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.goals.iter().filter(|g| g.outcome == outcome).count()
    }

    /// Exit status; without `check` a missed goal is only printed.
    pub fn status(&self, check: bool) -> u8 {
        if check && self.count(Outcome::Missed) > 0 { STATUS_MISSED } else { 0 }
    }

    /// The section as indented JSON.
    ///
    /// # Errors
    /// None is known: every type in it can be serialised.
    pub fn to_json(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self).map(|s| s + "\n").map_err(|e| e.to_string())
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}\n", self.name, self.method)?;
        for table in &self.tables {
            writeln!(f, "{table}")?;
        }
        for a in &self.absent {
            writeln!(f, "absent: {} ({})", a.contender, a.why)?;
        }
        writeln!(f, "\ngoals:")?;
        for goal in &self.goals {
            writeln!(f, "  {goal}")?;
        }
        let [met, missed, not_measured] =
            [Outcome::Met, Outcome::Missed, Outcome::NotMeasured].map(|o| self.count(o));
        writeln!(f, "{met} met, {missed} missed, {not_measured} not measured yet")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goal::Bound;

    fn section(figures: &[Option<f64>]) -> Section {
        let mut s = Section::new("alloc", "a trace");
        s.goals = figures.iter().map(|&v| Goal::new("g", Bound::AtMost(1.0), v)).collect();
        s.absent("VMA", "written in C++");
        s
    }

    #[test]
    fn only_a_missed_goal_under_check_fails() {
        assert_eq!(section(&[Some(0.5), None]).status(true), 0);
        assert_eq!(section(&[Some(0.5), Some(2.0)]).status(true), 10);
        assert_eq!(section(&[Some(0.5), Some(2.0)]).status(false), 0);
    }

    #[test]
    fn it_prints_who_is_absent_and_how_many_goals_are_met() {
        let text = section(&[Some(0.5), Some(2.0), None]).to_string();
        assert!(text.contains("absent: VMA (written in C++)"), "{text}");
        assert!(text.ends_with("1 met, 1 missed, 1 not measured yet\n"), "{text}");
    }

    #[test]
    fn json_names_its_schema_and_every_outcome() {
        let json = section(&[Some(2.0), None]).to_json().unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["schema"], "farplane-peers-1");
        assert_eq!(value["goals"][0]["outcome"], "missed");
        assert_eq!(value["goals"][1]["outcome"], "not_measured");
        assert_eq!(value["goals"][0]["bound"]["at_most"], 1.0);
        assert_eq!(value["absent"][0]["contender"], "VMA");
    }
}
