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

// From requests to answers.
pub mod query;

pub mod eval;

pub mod build;

// From answers to a server.
pub mod cache;

pub mod config;
pub mod http;

pub mod cli;
