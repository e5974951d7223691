//! Tests against real servers. `scripts/services up` starts them and prints the variables that say where they are:
//!
//!     export $(scripts/services up) && cargo test --test services; scripts/services down

// Tests may unwrap: a panic is how they fail.
#![allow(clippy::unwrap_used)]

mod mongo;
mod mongo_replica;
mod mongo_server;
mod mongo_shapes;
mod removal;
mod server;
// Not all of it is needed here.
#[allow(dead_code)]
#[path = "../it/support.rs"]
mod support;
