//! nearfield: a self-hosted similarity server for music tracks.
//!
//! The program of the same name imports, builds and serves. As a library it answers the same queries in-process: open a
//! [`Snapshot`], fill in a [`SimilarRequest`], ask for [`similar`] tracks.
//!
//! ```rust,standalone_crate
//! use std::path::Path;
//!
//! use nearfield::{SimilarRequest, Snapshot, similar};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     let place = tempfile::tempdir()?;
//! #     std::env::set_current_dir(place.path())?;
//! #     make_demo(Path::new("indexes"))?;
//!     let snapshot = Snapshot::open_live(Path::new("indexes"), "demo")?;
//!     let seed = &snapshot.search_titles("tuesday", 1)[0];
//!     let request = SimilarRequest {
//!         seeds: vec![snapshot.items().id(seed.item).into_owned()],
//!         weights: [("energy".to_owned(), 2.0)].into(),
//!         k: 5,
//!         ..SimilarRequest::default()
//!     };
//!     for result in similar(&snapshot, &request)?.results {
//!         println!("{:.4} {}", result.similarity, result.track.name.unwrap_or_default());
//!     }
//!     Ok(())
//! }
//! # /// What `nearfield demo --no-serve` does.
//! # fn make_demo(indexes: &Path) -> Result<(), Box<dyn std::error::Error>> {
//! #     use nearfield::artifact::SnapshotDir;
//! #     use nearfield::build::{BuildOptions, build};
//! #     use nearfield::feature::Schema;
//! #     use nearfield::progress::{CancelToken, Progress};
//! #     use nearfield::store::{CatalogueStore, LmdbOptions, LmdbStore};
//! #     let store = LmdbStore::open(Path::new("catalogue"), &LmdbOptions::with_map_gib(1))?;
//! #     store.upsert(nearfield::demo::catalogue(1_500, 42).collect(), 0)?;
//! #     let (directory, options) = (SnapshotDir::new(indexes, "demo")?, BuildOptions::default());
//! #     let (progress, cancel) = (Progress::hidden(), CancelToken::new());
//! #     build(&store, "demo", &directory, Schema::spotify(), &options, &progress, &cancel)?;
//! #     Ok(())
//! # }
//! ```
//!
//! A [`Snapshot`] is memory-mapped, opens in milliseconds and can be shared by threads. Making one: [`import`] reads files into
//! a [`store`], [`build`](mod@build) turns what is in it into a published generation; [`live`] follows what is published.
//!
//! Modules in reading order, each using only those above it.

// What a track is, and what every long phase reports to.
pub mod codec;
pub mod progress;
pub mod suggest;
pub mod track;

// Where tracks come from and are kept.
pub mod demo;
pub mod source;
pub mod store;

pub mod import;

// From raw values to vectors, scores and words.
pub mod distance;
pub mod feature;
pub mod titles;

// From vectors to snapshots.
pub mod artifact;
pub mod content;
pub mod index;

pub mod filter_cache;

pub mod snapshot;

pub mod removal;

// From examples to weights.
pub mod learn;

// From requests to answers.
pub mod query;

pub mod eval;

pub mod build;

// From published snapshots to answers over HTTP.
pub mod cache;
pub mod feedback;
pub mod live;

pub mod config;

// Keeping the catalogue fresh.
pub mod worker;

pub mod http;

pub mod cli;

pub use query::{Answer, Bounds, Filters, QueryError, SimilarRequest, similar};
pub use snapshot::Snapshot;
pub use track::TrackId;
