//! The harness's parts: command line, verbs, replay and report. The binary only dispatches.

pub mod archive;
pub mod bake;
pub mod bench_io;
pub mod cache;
pub mod cli;
pub mod file;
pub mod flown;
pub mod import;
pub mod inspect;
pub mod progress;
pub mod record;
pub mod replay;
pub mod report;
pub mod status;
pub mod truth;
pub mod verify;
pub mod world;
