//! The parts of the farplane harness.

pub mod report;
