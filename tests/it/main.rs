//! Integration tests: the built binary, run as its users run it.

// Tests may unwrap: a panic is how they fail.
#![allow(clippy::unwrap_used)]

mod backup;
mod batch;
mod cache;
mod cli;
mod explained;
mod explained_http;
mod filters;
mod fixture;
mod golden;
mod http;
mod import;
mod nearest;
mod providers_stub;
mod removals;
mod removed;
mod serve;
mod server;
mod similar;
mod snapshot;
mod support;
mod swap;
mod worker;
mod worker_bench;
mod worker_kills;
mod worker_process;
