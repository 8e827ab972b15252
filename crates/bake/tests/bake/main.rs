//! Bakes end to end: what comes out is read back with the archive and the schema alone.

mod builtin;
mod elevation;
mod imagery;
mod real;
mod support;
