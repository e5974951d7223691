//! nearfield: a self-hosted similarity server for music tracks.
//!
//! Modules in reading order, each using only those above it.

// What a track is, and what every long phase reports to.
pub mod codec;
pub mod progress;
pub mod track;

// Where tracks come from and are kept.
pub mod demo;
pub mod source;
pub mod store;

pub mod import;

// From raw values to vectors, scores and words.
pub mod distance;
pub mod feature;
pub mod titles;

// From vectors to snapshots.
pub mod artifact;
pub mod content;
pub mod index;

pub mod filter_cache;

pub mod snapshot;

pub mod removal;

// From examples to weights.
pub mod learn;

// From requests to answers.
pub mod query;

pub mod eval;

pub mod build;

// From published snapshots to answers over HTTP.
pub mod cache;
pub mod feedback;
pub mod live;

pub mod config;

// Keeping the catalogue fresh.
pub mod worker;

pub mod http;

pub mod cli;
