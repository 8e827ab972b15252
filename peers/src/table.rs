//! A table of contenders: each figure beside its ratio to the best peer's.

use serde::Serialize;
use std::fmt;

/// Who a contender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// A crate of this project.
    Ours,
    /// Somebody else's.
    Peer,
    /// A yardstick written here: what a user would write in ten lines.
    Baseline,
}

/// A column, where less is better.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    /// What it holds, with its unit.
    pub name: String,
}

/// A contender's figures, one for each column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Who.
    pub contender: String,
    /// On which side.
    pub side: Side,
    /// Figures; `None` where there is none.
    pub cells: Vec<Option<f64>>,
}

/// Contenders under equal conditions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// The conditions.
    pub title: String,
    /// What is measured.
    pub columns: Vec<Column>,
    /// By whom.
    pub rows: Vec<Row>,
}

impl Table {
    /// A table without rows.
    pub fn new(title: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&name| Column { name: name.into() }).collect();
        Self { title: title.into(), columns, rows: Vec::new() }
    }

    /// Adds a contender.
    ///
    /// # Panics
    /// When there is not one cell for each column.
    pub fn row(&mut self, contender: &str, side: Side, cells: &[Option<f64>]) {
        assert_eq!(cells.len(), self.columns.len());
        self.rows.push(Row { contender: contender.into(), side, cells: cells.to_vec() });
    }

    /// A contender's figure.
    pub fn cell(&self, contender: &str, column: &str) -> Option<f64> {
        let at = self.columns.iter().position(|c| c.name == column)?;
        self.rows.iter().find(|r| r.contender == contender)?.cells[at]
    }

    /// One contender's figure over another's.
    pub fn ratio(&self, contender: &str, to: &str, column: &str) -> Option<f64> {
        Some(self.cell(contender, column)? / self.cell(to, column)?)
    }

    /// The smallest figure of a peer in a column.
    pub fn best_peer(&self, column: usize) -> Option<f64> {
        let peers = self.rows.iter().filter(|r| r.side == Side::Peer);
        peers.filter_map(|r| r.cells[column]).min_by(f64::total_cmp)
    }

    fn text(&self, row: &Row, column: usize) -> String {
        let Some(v) = row.cells[column] else { return "–".into() };
        match self.best_peer(column) {
            Some(best) if best > 0.0 => format!("{} ({}×)", figure(v), figure(v / best)),
            _ => figure(v),
        }
    }
}

/// Three significant digits, as far as the size allows.
pub fn figure(v: f64) -> String {
    let decimals = match v.abs() {
        a if a >= 100.0 || a == 0.0 => 0,
        a if a >= 10.0 => 1,
        a if a >= 1.0 => 2,
        _ => 3,
    };
    format!("{v:.decimals$}")
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (in brackets: × the best peer)", self.title)?;
        let mut lines = vec![vec![String::new()]];
        lines[0].extend(self.columns.iter().map(|c| c.name.clone()));
        for row in &self.rows {
            let mut line = vec![match row.side {
                Side::Ours => format!("* {}", row.contender),
                Side::Peer => format!("  {}", row.contender),
                Side::Baseline => format!("  {} (baseline)", row.contender),
            }];
            line.extend((0..self.columns.len()).map(|c| self.text(row, c)));
            lines.push(line);
        }
        let width = |c: usize| lines.iter().map(|l| l[c].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..=self.columns.len()).map(width).collect();
        for line in &lines {
            write!(f, "  {:<w$}", line[0], w = widths[0])?;
            for (text, w) in line.iter().zip(&widths).skip(1) {
                write!(f, "  {text:>w$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut t = Table::new("95%", &["ns", "refused %"]);
        t.row("farplane", Side::Ours, &[Some(90.0), Some(3.0)]);
        t.row("a", Side::Peer, &[Some(60.0), None]);
        t.row("b", Side::Peer, &[Some(120.0), Some(6.0)]);
        t.row("scan", Side::Baseline, &[Some(1.0), Some(1.0)]);
        t
    }

    #[test]
    fn the_best_peer_is_the_smallest_figure_of_others() {
        assert_eq!(table().best_peer(0), Some(60.0));
        assert_eq!(table().best_peer(1), Some(6.0));
        assert_eq!(Table::new("empty", &["ns"]).best_peer(0), None);
    }

    #[test]
    fn ratios_need_both_figures() {
        assert_eq!(table().ratio("farplane", "a", "ns"), Some(1.5));
        assert_eq!(table().ratio("farplane", "a", "refused %"), None);
        assert_eq!(table().ratio("farplane", "nobody", "ns"), None);
        assert_eq!(table().ratio("farplane", "a", "no column"), None);
    }

    #[test]
    fn it_prints_figures_with_ratios_and_gaps() {
        let text = table().to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 6);
        assert!(lines[2].contains("* farplane") && lines[2].contains("90.0 (1.50×)"), "{text}");
        assert!(lines[2].contains("3.00 (0.500×)"), "{text}");
        assert!(lines[3].contains("60.0 (1.00×)") && lines[3].ends_with('–'), "{text}");
        assert!(lines[5].contains("scan (baseline)"), "{text}");
    }

    #[test]
    fn figures_have_three_digits() {
        let shown = [0.0, 0.04, 1.0, 12.34, 123.4, 12345.6].map(figure);
        assert_eq!(shown, ["0", "0.040", "1.00", "12.3", "123", "12346"]);
    }
}
