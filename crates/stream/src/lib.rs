#![doc = include_str!("../README.md")]

mod action;
mod config;
mod core;
mod decode;
mod failure;
mod job;
mod modelled;
mod predict;
mod reads;
mod standing;
mod streamer;
mod threaded;
mod unit;
mod want;

pub use action::{Actions, Counters, Event, Outcome, Part, Placed, Read, Relocation};
pub use config::{Config, ConfigError};
pub use core::Core;
pub use decode::{Decode, DecodeError};
pub use failure::Failure;
pub use predict::Predictor;
pub use streamer::{Changes, StartError, Streamer, Workers};
pub use unit::{Home, State, UnitId, UnitInfo};
pub use want::{Class, Want};
