use alloc::string::String;
use alloc::vec::Vec;
use core::error::Error;
use core::fmt;

/// A part of a category, or the category itself, with what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Name of the part; the category's own name stands for what is reserved in it directly.
    pub name: String,
    /// Bytes reserved.
    pub bytes: u64,
}

/// There is no room for a reservation. Describes the category that has the least left, of the one
/// that was asked and those around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverBudget {
    /// Bytes asked for.
    pub requested: u64,
    /// Bytes that could have been had.
    pub available: u64,
    /// The category without room.
    pub category: String,
    /// Its limit, in bytes.
    pub limit: u64,
    /// Who holds it, the largest first; whoever holds nothing is left out.
    pub holders: Vec<Holder>,
}

impl fmt::Display for OverBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requested, available, category, limit, holders } = self;
        write!(
            f,
            "over budget: {requested} bytes asked for, {available} of {limit} left in {category}"
        )?;
        for (index, holder) in holders.iter().enumerate() {
            let lead = if index == 0 { " (held:" } else { "," };
            write!(f, "{lead} {} {}", holder.name, holder.bytes)?;
        }
        let close = if holders.is_empty() { "" } else { ")" };
        write!(f, "{close}: release some or raise the limit")
    }
}

impl Error for OverBudget {}
