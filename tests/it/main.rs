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
mod learn;
mod map;
mod nearest;
mod openapi;
mod page;
mod providers_stub;
mod readme;
mod recall;
mod recordings;
mod removals;
mod removed;
mod rspotify;
mod serve;
mod server;
mod similar;
mod similar_cli;
mod snapshot;
mod spotify;
mod spotify_catalogue;
mod support;
mod swap;
mod terminal;
mod worker;
mod worker_bench;
mod worker_kills;
mod worker_process;
