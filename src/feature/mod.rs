//! From raw values to vectors.
//!
//! ```text
//! schema.rs     which features there are: raw range, transform, dimensions, weights, profiles
//! transform.rs  one raw value -> dimensions, before standardisation, and back
//! fitted.rs     means and scales fitted over a catalogue; raw values -> standardised dimensions, and back
//! ```

mod fitted;
mod schema;
mod transform;

pub use fitted::{FeatureStats, FittedSchema, Fitter};
pub use schema::{
    DEFAULT_ANCHOR, DIMENSIONS, Feature, MAX_WEIGHT, PROFILE_DEFAULT, PROFILE_ZERO, Schema, SchemaError,
    Transform,
};
pub use transform::Raw;

pub(crate) use transform::MAX_COMPONENT;
