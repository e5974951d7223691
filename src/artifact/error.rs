//! Everything that can be wrong with a snapshot on disk.

use std::io;
use std::path::{Path, PathBuf};

/// Why a snapshot cannot be read, written or published.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The operating system refused.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was tried: "open", "write".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// The bytes are not what was written.
    #[error("{} is damaged: {what}: expected {expected}, got {got}. Restore the file, roll back to the previous generation, or build again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which part.
        what: String,
        /// What belongs there.
        expected: String,
        /// What is there.
        got: String,
    },
    /// The list of removed tracks is not what was written.
    #[error("the list of removed tracks {} is damaged: {what}: expected {expected}, got {got}. Restore the file from a copy, or delete it and remove the tracks again with `nearfield remove`", path.display())]
    DamagedRemovals {
        /// The file.
        path: PathBuf,
        /// Which part.
        what: &'static str,
        /// What belongs there.
        expected: String,
        /// What is there.
        got: String,
    },
    /// Written by a version that this one cannot read.
    #[error("{} has format version {found}; this nearfield reads {oldest} to {newest}. Build the snapshot again, or use the version that wrote it", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The oldest that can be read.
        oldest: u32,
        /// The newest that can be read.
        newest: u32,
    },
    /// There is no such snapshot.
    #[error("there is no snapshot `{name}` in {}{instead}", indexes.display())]
    NoSnapshot {
        /// The snapshot's name.
        name: String,
        /// Where it was looked for.
        indexes: PathBuf,
        /// The one that was probably meant, those there are, or how to make one.
        instead: String,
    },
    /// There is no such generation.
    #[error(
        "snapshot `{name}` has no generation `{generation}`: `nearfield rollback` goes back to one that is there, `nearfield build` makes a new one"
    )]
    NoGeneration {
        /// The snapshot's name.
        name: String,
        /// The generation asked for.
        generation: String,
    },
    /// A name that cannot be a directory of ours.
    #[error(
        "`{name}` cannot name a {what}: use 1 to 64 letters, digits, `-`, `_` and `.`, beginning with a letter or digit"
    )]
    Name {
        /// "snapshot" or "generation".
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Another build or rollback holds the lock.
    #[error("another build or rollback of this snapshot is running (it holds {}); wait for it to end", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// Nothing to go back to.
    #[error(
        "snapshot `{name}` has no earlier generation to roll back to{problem}; build again with `nearfield build`"
    )]
    NoParent {
        /// The snapshot's name.
        name: String,
        /// What is wrong with those there are, or nothing.
        problem: String,
    },
    /// Numbers are stored little-endian and used in place.
    #[error("snapshots can only be used on little-endian processors")]
    BigEndian,
}

impl ArtifactError {
    /// An [`ArtifactError::Io`] for use in `map_err`.
    pub fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |cause| Self::Io { action, path: path.to_owned(), cause }
    }

    /// An [`ArtifactError::Damaged`].
    pub fn damaged(
        path: &Path,
        what: impl Into<String>,
        expected: impl ToString,
        got: impl ToString,
    ) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            what: what.into(),
            expected: expected.to_string(),
            got: got.to_string(),
        }
    }
}
