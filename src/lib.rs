//! nearfield: a self-hosted similarity server for music tracks.
//!
//! Modules in reading order, each using only those above it.

pub mod progress;
pub mod track;


pub mod artifact;
pub mod codec;
pub mod content;
pub mod distance;
pub mod feature;
pub mod index;
pub mod query;
pub mod snapshot;

