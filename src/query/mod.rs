//! A request becomes an answer.
//!
//! ```text
//! request.rs    what can be asked
//! described.rs  those parts of it that depend on the schema, for descriptions
//! whole.rs      its whole numbers
//! error.rs      what can be wrong with it
//! weights.rs    request -> weights and anchor
//! vector.rs     request -> query vector
//! filter/       request -> the items that may be returned
//! prepare.rs    the three together, against one generation
//! plan.rs       which engine, how hard, and why
//! search.rs     runs the plan
//! nearest.rs    the same by vector, for programs that bring their own
//! ranking.rs    from the plain ranking to what is returned
//! diversify.rs  max_per_artist and maximal marginal relevance
//! explain/      contributions, differences, a sentence
//! counterfactual/  which change of one weight takes a track out of the best k, or into them
//! explained.rs  one track beside a query: its rank, why, and what would change that
//! answer.rs     what is returned
//! map.rs        the catalogue on a map
//! batch.rs      many requests at once
//! ```

mod answer;
mod batch;
mod counterfactual;
mod described;
mod diversify;
mod error;
mod explain;
mod explained;
mod filter;
mod map;
mod nearest;
mod plan;
mod prepare;
mod ranking;
mod request;
mod search;
mod vector;
mod weights;
mod whole;

pub use answer::{Answer, PlanView, ResultView, TrackView};
pub use batch::{Batch, Found, similar_batch};
pub use counterfactual::{Counterfactual, MAX_FACTOR};
pub use described::{EngineName, FeatureBounds, FeatureTargets, FeatureWeights, ProfileName};
pub use error::QueryError;
pub use explain::{Difference, Explanation, OtherSource};
pub use explained::{Effect, ExplainedTrack, SmallestChange};
pub use map::{AxisView, MapBounds, MapTrack, MapView, map, near_on_map};
pub use nearest::{NearestRequest, nearest};
pub use plan::{EngineChoice, Plan, distance_from_build};
pub use prepare::Prepared;
pub use ranking::Ranking;
pub use request::{Bounds, Filters, MAX_K, SimilarRequest, UserWeights};
pub use search::similar;
pub use vector::Origin;

pub(crate) use plan::CALIBRATED_K;
pub(crate) use search::{SearchTarget, execute, make_plan};
pub(crate) use weights::Weighting;
