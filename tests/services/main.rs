//! Tests that need real servers: `scripts/services up` starts them and prints the variables to set.
//! `cargo test --test services` runs them.

// Tests may unwrap: a panic is how they fail.
#![allow(clippy::unwrap_used)]

mod cache;
mod redis_server;

#[allow(dead_code)]
#[path = "../it/fixture.rs"]
mod fixture;
#[allow(dead_code)]
#[path = "../it/server.rs"]
mod server;
