//! The report, against the words of METRICS.md and hand-made sequences.

mod assert;
mod csv;
mod residency;
mod schema;
mod screen;
