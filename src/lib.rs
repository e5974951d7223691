//! nearfield: a self-hosted similarity server for music tracks.
//!
//! Modules in reading order, each using only those above it:
//! what a track is ([`track`]), where tracks come from ([`source`], [`demo`]) and are kept ([`store`]).

pub mod progress;
pub mod track;

pub mod demo;
pub mod source;
pub mod store;

pub mod cli;
