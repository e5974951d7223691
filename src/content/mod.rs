//! What a generation holds besides its indexes. Each file of this module owns one file of a generation: it knows how
//! to write it, open it, look into it and verify it.
//!
//! ```text
//! items.rs    items.nf    ids, track records, raw values, their sources
//! ids.rs                  ids of artists and albums known by name
//! vectors.rs  vectors.nf  transformed vectors in storage order, where each item's is, which values are missing
//! order.rs                storage order: that of the leaves of a kd-tree
//! tags.rs     tags.nf     genres and artists, for filters
//! titles.rs   titles.*    search by title and artist
//! overview.rs overview.nf the map, quantiles, recordings
//! projection.rs           axes of the map
//! quantiles.rs            where a value stands among all
//! recordings.rs           which items are the same recording
//! ```

mod ids;
mod items;
mod order;
mod overview;
mod projection;
mod quantiles;
mod recordings;
mod tags;
mod titles;
mod vectors;

pub use ids::{album_id, artist_id};
pub use items::{Items, MAX_PROVIDERS, TrackRecord};
pub use overview::Overview;
pub use tags::{TagKind, Tags};
pub use titles::Titles;
pub use vectors::Vectors;

pub(crate) use items::{ITEMS_FILE, ItemsBuilder};
pub(crate) use order::ORDER_LEAF;
pub(crate) use overview::{OVERVIEW_FILE, write_overview};
pub(crate) use quantiles::quantiles;
pub(crate) use recordings::{Recordings, SongKey};
pub(crate) use tags::{TAGS_FILE, TagsBuilder, fold};
pub(crate) use titles::{TERMS_FILE, TITLES_FILE, open_titles, write_titles};
pub(crate) use vectors::{ArrangedVectors, VECTORS_FILE, VectorsBuilder};
