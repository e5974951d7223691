//! nearfield: a self-hosted similarity server for music tracks.
//!
//! Modules in reading order, each using only those above it.

pub mod codec;
pub mod progress;
pub mod track;

pub mod demo;
pub mod store;

pub mod distance;
pub mod feature;
pub mod titles;

pub mod artifact;
pub mod content;
pub mod index;
pub mod snapshot;

pub mod query;

pub mod cli;
