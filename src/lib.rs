//! nearfield: a self-hosted similarity server for music tracks.
//!
//! Modules in reading order, each using only those above it:
//! what a track is ([`track`]), where tracks come from ([`source`]) and are kept ([`store`]).

pub mod codec;
pub mod progress;
pub mod track;

pub mod source;
pub mod store;

pub mod import;

pub mod cli;
