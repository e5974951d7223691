//! How good and how fast: recall against the exact scan, latency, costs for the planner.
//!
//! ```text
//! weights.rs    the weight families and profiles that are measured
//! queries.rs    held-out query points, their ground truth
//! measure.rs    one engine over a set of queries: tie-aware recall, latency percentiles
//! calibrate.rs  what the planner needs to know of a new generation: recall and cost of graph and forest
//! exact_cost.rs the same of the exact engine
//! floor.rs      the recall a generation must reach to go live
//! playlists/    how well weights continue playlists
//! scan_check.rs the scan against every item's canonical score
//! report.rs     a table for people
//! plot.rs       recall against latency as SVG
//! ```

mod calibrate;
mod exact_cost;
mod floor;
mod measure;
mod playlists;
mod plot;
mod queries;
mod report;
mod scan_check;
mod weights;

pub use calibrate::calibrate;
pub use floor::below_floor;
pub use measure::{measure, sweep};
pub use playlists::{
    MethodScores, PlaylistError, PlaylistOptions, PlaylistReport, PlaylistTable, Scores, measure_playlists,
    playlist_table,
};
pub use plot::{PlotError, plot};
pub use queries::{EvalError, QuerySet};
pub use report::table;
pub use scan_check::find_scan_error;
pub use weights::{Family, UnknownFamily};

pub(crate) use measure::recall_by_score;
