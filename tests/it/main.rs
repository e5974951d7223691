//! Integration tests: the built binary, run as its users run it.

// Tests may unwrap: a panic is how they fail.
#![allow(clippy::unwrap_used)]

mod batch;
mod cache;
mod cli;
mod filters;
mod fixture;
mod golden;
mod http;
mod import;
mod nearest;
mod serve;
mod server;
mod similar;
mod snapshot;
mod support;
