//! Parts of a request that the schema of a snapshot decides on, under names that a description of an API refers to them by:
//! which names there are, and what values may be, is known to whoever serves a snapshot.

use std::collections::BTreeMap;

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::request::Bounds;

macro_rules! described {
    ($($(#[$attribute:meta])* $name:ident: $shape:ty;)*) => {$(
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                <$shape>::schema()
            }
        }

        impl ToSchema for $name {}
    )*};
}

described! {
    /// Weights by feature.
    FeatureWeights: BTreeMap<String, f64>;
    /// Raw values to aim at, by feature.
    FeatureTargets: BTreeMap<String, f64>;
    /// Bounds on raw values, by feature.
    FeatureBounds: BTreeMap<String, Bounds>;
    /// The name of a set of weights.
    ProfileName: String;
    /// `auto`, or the name of an engine.
    EngineName: String;
}
