//! Snapshots on disk: what a generation's files look like and how one becomes the live one. No other module maps,
//! publishes or checksums a file. Byte by byte: docs/format.md.
//!
//! ```text
//! indexes/<name>/CURRENT                  the live generation's name
//! indexes/<name>/REMOVED                  tracks that no generation read before may return
//! indexes/<name>/<generation>/manifest.json
//!                             *.nf        files of sections (header.rs, writer.rs, reader.rs)
//!                             *.fst, *.mdb  third-party formats, checksummed whole before use
//! indexes/<name>/.staging-<generation>/   a build in progress
//! ```
//!
//! ```text
//! error.rs     ArtifactError
//! header.rs    magic, versions, section table
//! writer.rs    streams sections into a file
//! mmap.rs      maps a file: the only unsafe block of this module
//! reader.rs    opens a file of sections, hands out typed slices of the map
//! manifest.rs  what a generation says of itself, with a checksum
//! publish.rs   staging, atomic publication, rollback, cleaning up
//! removals.rs  the list of removed tracks
//! ```

mod error;
mod header;
mod manifest;
mod mmap;
mod publish;
mod reader;
mod removals;
mod writer;

pub use error::ArtifactError;
pub use header::{FORMAT_VERSION, OLDEST_FORMAT_VERSION};
pub use manifest::{
    BuildParameters, Calibration, CalibrationBucket, DimsCost, EffortPoint, ExactCost, FileEntry,
    MANIFEST_FILE, Manifest, Measurement, Provenance, ShareCost,
};
pub use publish::{CURRENT_FILE, DEFAULT_INDEXES, Published, SnapshotDir, Staging};
pub use reader::{Section, SectionFile, read_checked};
pub use removals::{REMOVED_FILE, Removals};
pub use writer::SectionWriter;

pub(crate) use header::FileKind;
