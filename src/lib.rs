//! nearfield: a self-hosted similarity server for music tracks.
//!
//! Modules in reading order, each using only those above it:
//! what a track is ([`track`]), where tracks come from ([`source`], [`demo`]) and are kept ([`store`]), how they are
//! found by title and artist ([`titles`]).

pub mod progress;
pub mod track;

pub mod demo;
pub mod source;
pub mod store;

pub mod titles;

pub mod cli;
