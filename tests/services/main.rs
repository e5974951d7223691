//! Tests against real servers. `scripts/services up` starts them and prints the variables that say where they are:
//!
//!     export $(scripts/services up) && cargo test --test services; scripts/services down

// Tests may unwrap: a panic is how they fail.
#![allow(clippy::unwrap_used)]

mod cache;
mod feedback;
mod mongo;
mod mongo_replica;
mod mongo_server;
mod mongo_shapes;
mod redis_server;
mod removal;
mod servers;
mod worker;

// Of these not all is needed here.
#[allow(dead_code)]
#[path = "../it/fixture.rs"]
mod fixture;
#[allow(dead_code)]
#[path = "../it/providers_stub.rs"]
mod providers_stub;
#[allow(dead_code)]
#[path = "../it/server.rs"]
mod server;
#[allow(dead_code)]
#[path = "../it/support.rs"]
mod support;
#[allow(dead_code)]
#[path = "../it/worker_bench.rs"]
mod worker_bench;
#[allow(dead_code)]
#[path = "../it/worker_kills.rs"]
mod worker_kills;
