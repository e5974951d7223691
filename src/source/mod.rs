//! Where tracks come from.
