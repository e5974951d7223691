//! Weights from examples: what tracks that somebody likes have in common.
//!
//! ```text
//! prior.rs     what is known before the first example
//! examples.rs  tracks as sums: how far they are spread in each feature, and where
//! weights.rs   the sums -> weights, and how sure they are
//! infer.rs     ids of tracks -> weights
//! error.rs     what can be wrong with a request for them
//! ```
//!
//! A feature in which the liked tracks are closer together than tracks of playlists usually are counts more, one in which
//! they are all over the place counts less. For feature `i`, in units of its variance over the catalogue, with `n` liked
//! tracks that have a value, their mean `m` (a vector where the feature has several dimensions), the sum `S` of their
//! squared distances from it, `n0 = 4`, and the spread `v0` within a usual playlist:
//!
//! ```text
//! v = (n0 v0 + S) / (n0 + n - 1)                              the spread, drawn towards v0 by four examples of it
//! c = max(0, |m|^2 - v / n)                                   how far from the centre of the catalogue, chance taken off
//! d = max(0, |m - m'|^2 - v / n - v' / n') n' / (n' + n0)     how far from the mean m' of n' disliked tracks; 0 without any
//!
//! e = (n - 1) / (n - 1 + n0)                                  the share of the examples in the estimate
//!
//! r = (1 + e (c / 2 + d)) (v0 + 0.03) / (v + 0.03)
//! w = s b r^2, with r^2 within 1000^-e .. 1000^e
//! ```
//!
//! where `b` is the base weight and `s` scales the weights to a mean of 1 over the features that have one. `v'` is the spread of
//! the disliked tracks, drawn towards 1. So without evidence, of which a single track is none, `w` is the base, a feature with base 0 stays out, and disliked
//! tracks count only where they differ from the liked ones: what both have in common tells nothing.
//!
//! The first line is the posterior mean of a variance under a conjugate prior (Gelman et al., *Bayesian Data Analysis*,
//! section 2.6). Weights by inverse variance are those of relevance feedback in image retrieval (Rui, Huang, Ortega & Mehrotra
//! 1998), with two differences: a spread is compared with what is usual, and the ratio is squared. `nearfield eval --playlists`
//! measures what both are worth; `docs/learning.md` says what they were chosen on.

mod error;
mod examples;
mod infer;
mod prior;
#[cfg(test)]
mod tests;
mod weights;

pub use error::LearnError;
pub use infer::{InferRequest, Learned, MAX_EXAMPLES, infer, learn};
pub use prior::{Prior, spreads};
