use std::cmp::Ordering;
use std::error::Error;
use std::fmt;

use serde_json::Value;

/// Names offered when one is not known.
const SUGGESTIONS_MAX: usize = 5;

/// A claim about one figure of a report: `GROUP.KEY OP NUMBER`.
///
/// The group may be left out where the key is unique (`hit_rate >= 0.95`); nested keys take dots
/// (`timing.update_ms.p99 <= 1`).
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    key: String,
    operator: Operator,
    number: f64,
    /// The key with its group, once it was found in a skeleton.
    path: Option<String>,
}

/// How a figure is compared with the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `==`, exactly.
    Equal,
}

impl Operator {
    /// As it is written.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "==",
        }
    }

    fn parse(symbol: &str) -> Option<Self> {
        let all = [Self::Less, Self::LessOrEqual, Self::Greater, Self::GreaterOrEqual, Self::Equal];
        all.into_iter().find(|operator| operator.symbol() == symbol)
    }

    fn holds(self, figure: f64, number: f64) -> bool {
        match figure.partial_cmp(&number) {
            None => false,
            Some(Ordering::Less) => matches!(self, Self::Less | Self::LessOrEqual),
            Some(Ordering::Greater) => matches!(self, Self::Greater | Self::GreaterOrEqual),
            Some(Ordering::Equal) => {
                matches!(self, Self::LessOrEqual | Self::GreaterOrEqual | Self::Equal)
            }
        }
    }
}

/// Whether an assertion holds, and the line that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether it holds.
    pub holds: bool,
    /// One line: the assertion and the figure that was found.
    pub line: String,
}

/// Why an assertion means nothing: always a usage error, never a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssertError {
    /// It is not `GROUP.KEY OP NUMBER`.
    Syntax {
        /// The assertion.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No figure has that name.
    UnknownName {
        /// The name.
        name: String,
        /// Names like it, the nearest first.
        near: Vec<String>,
    },
    /// Several groups have that key.
    AmbiguousName {
        /// The name.
        name: String,
        /// Every name that it could mean.
        candidates: Vec<String>,
    },
    /// The name is that of a text, a switch or a group.
    NotANumber {
        /// The name.
        name: String,
        /// Names of numbers in that group.
        near: Vec<String>,
    },
}

impl fmt::Display for AssertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |f: &mut fmt::Formatter<'_>, before: &str, names: &[String]| {
            if names.is_empty() { Ok(()) } else { write!(f, "{before}{}", names.join(", ")) }
        };
        match self {
            Self::Syntax { text, problem } => write!(
                f,
                "assertion '{text}': {problem}; write GROUP.KEY OP NUMBER with one of \
                 < <= > >= ==, such as 'residency.hit_rate >= 0.95'"
            ),
            Self::UnknownName { name, near } => {
                write!(f, "assertion: no figure is named '{name}'")?;
                names(f, "; near it: ", near)
            }
            Self::AmbiguousName { name, candidates } => {
                write!(f, "assertion: '{name}' is in several groups")?;
                names(f, "; write one of: ", candidates)
            }
            Self::NotANumber { name, near } => {
                write!(f, "assertion: '{name}' is not a number")?;
                names(f, "; numbers there: ", near)
            }
        }
    }
}

impl Error for AssertError {}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.key, self.operator.symbol(), self.number)
    }
}

impl Assertion {
    /// Reads an assertion; spaces around the operator may be left out.
    ///
    /// # Errors
    /// [`AssertError::Syntax`].
    pub fn parse(text: &str) -> Result<Self, AssertError> {
        let wrong = |problem| AssertError::Syntax { text: text.trim().to_owned(), problem };
        let is_operator = |c: char| matches!(c, '<' | '>' | '=' | '!');
        let start = text.find(is_operator).ok_or_else(|| wrong("it has no operator"))?;
        let (key, rest) = text.split_at(start);
        let end = rest.find(|c| !is_operator(c)).unwrap_or(rest.len());
        let (symbol, number) = rest.split_at(end);
        let operator = Operator::parse(symbol).ok_or_else(|| wrong("its operator is not known"))?;
        let key = key.trim();
        if key.is_empty() {
            return Err(wrong("it has no key"));
        }
        if key.chars().any(char::is_whitespace) || key.split('.').any(str::is_empty) {
            return Err(wrong("its key is not a name"));
        }
        let number: f64 =
            number.trim().parse().map_err(|_| wrong("what follows the operator is no number"))?;
        if !number.is_finite() {
            return Err(wrong("its number is not finite"));
        }
        Ok(Self { key: key.to_owned(), operator, number, path: None })
    }

    /// Finds the figure in a report that has every key (`Report::skeleton`), so that a wrong name
    /// fails before the run. What is found here and absent after the run has no figure then.
    ///
    /// # Errors
    /// [`AssertError::UnknownName`], [`AssertError::AmbiguousName`] or
    /// [`AssertError::NotANumber`].
    pub fn check_known(&mut self, skeleton: &Value) -> Result<(), AssertError> {
        self.path = Some(find(&self.key, skeleton)?);
        Ok(())
    }

    /// Compares the figure of a report with the number. A figure that was not taken does not hold.
    ///
    /// # Errors
    /// [`AssertError::UnknownName`], [`AssertError::AmbiguousName`] or
    /// [`AssertError::NotANumber`].
    pub fn evaluate(&self, report: &Value) -> Result<Outcome, AssertError> {
        let path = match &self.path {
            Some(path) => path.clone(),
            None => find(&self.key, report)?,
        };
        let claim = format!("{path} {} {}", self.operator.symbol(), self.number);
        match lookup(report, &path) {
            None | Some(Value::Null) => {
                Ok(Outcome { holds: false, line: format!("{claim}: no figure was taken") })
            }
            Some(Value::Number(figure)) => {
                let value = figure.as_f64().unwrap_or(f64::NAN);
                let holds = self.operator.holds(value, self.number);
                let word = if holds { "holds" } else { "does not hold" };
                Ok(Outcome { holds, line: format!("{claim}: {word}, it is {figure}") })
            }
            Some(_) => Err(AssertError::NotANumber { near: under(&path, report), name: path }),
        }
    }
}

/// The full path of a key: the key itself, or the key in the one group that has it.
fn find(key: &str, report: &Value) -> Result<String, AssertError> {
    let mut found: Vec<String> = Vec::new();
    if lookup(report, key).is_some_and(is_figure) {
        found.push(key.to_owned());
    } else {
        for (name, group) in report.as_object().into_iter().flatten() {
            if group.is_object() && lookup(group, key).is_some() {
                found.push(format!("{name}.{key}"));
            }
        }
    }
    if found.len() > 1 {
        return Err(AssertError::AmbiguousName { name: key.to_owned(), candidates: found });
    }
    let path = found.pop().unwrap_or_else(|| key.to_owned());
    match lookup(report, &path) {
        None => Err(AssertError::UnknownName { name: key.to_owned(), near: nearest(key, report) }),
        Some(value) if is_figure(value) => Ok(path),
        Some(_) => Err(AssertError::NotANumber { near: under(&path, report), name: path }),
    }
}

fn is_figure(value: &Value) -> bool {
    value.is_number() || value.is_null()
}

fn lookup<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    // A key may hold dots itself: every way to split it is tried, the shortest first.
    let dots = path.match_indices('.');
    dots.map(|(dot, _)| (&path[..dot], &path[dot + 1..]))
        .find_map(|(first, rest)| value.get(first).and_then(|inner| lookup(inner, rest)))
}

/// The paths of all figures, in the order of the report.
fn figures(value: &Value, prefix: &str, out: &mut Vec<String>) {
    for (key, inner) in value.as_object().into_iter().flatten() {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if is_figure(inner) {
            out.push(path);
        } else {
            figures(inner, &path, out);
        }
    }
}

fn under(path: &str, report: &Value) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(group) = lookup(report, path) {
        figures(group, path, &mut names);
    }
    names.truncate(SUGGESTIONS_MAX);
    names
}

/// The figures whose names are nearest: by edits to the whole path or to its end of as many parts,
/// at most half the name's length of them.
fn nearest(name: &str, report: &Value) -> Vec<String> {
    let mut names = Vec::new();
    figures(report, "", &mut names);
    let parts = name.split('.').count();
    let mut ranked: Vec<(usize, String)> = names
        .into_iter()
        .map(|path| {
            let skipped = path.split('.').count().saturating_sub(parts);
            let end: Vec<&str> = path.split('.').skip(skipped).collect();
            (edits(name, &path).min(edits(name, &end.join("."))), path)
        })
        .filter(|(distance, _)| *distance <= name.chars().count().div_ceil(2))
        .collect();
    ranked.sort();
    ranked.truncate(SUGGESTIONS_MAX);
    ranked.into_iter().map(|(_, path)| path).collect()
}

/// Levenshtein's distance, one row at a time.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
