//! Tests against real servers, which `scripts/services up` starts; it prints the variables that name them.

// Tests may unwrap: a panic is how they fail.
#![allow(clippy::unwrap_used)]

mod removal;
