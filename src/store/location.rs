//! The `--store` notation.

use std::path::{Path, PathBuf};

use super::StoreError;

/// Where a catalogue lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreLocation {
    /// An LMDB environment in this directory.
    Lmdb(PathBuf),
}

impl StoreLocation {
    /// Reads `lmdb:PATH`. A bare path is refused, so that a mistyped scheme never creates a directory.
    pub fn parse(uri: &str) -> Result<Self, StoreError> {
        match uri.strip_prefix("lmdb:") {
            Some(path) if !path.trim().is_empty() => Ok(Self::Lmdb(PathBuf::from(path))),
            _ => Err(StoreError::Location { uri: uri.to_owned() }),
        }
    }

    /// The directory beside which files about this catalogue (rejects) are put.
    pub fn parent_dir(&self) -> PathBuf {
        match self {
            Self::Lmdb(path) => path.parent().unwrap_or(Path::new("")).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_schemes_with_a_path_are_accepted() {
        assert_eq!(StoreLocation::parse("lmdb:a/b").unwrap(), StoreLocation::Lmdb("a/b".into()));
        assert_eq!(StoreLocation::parse("lmdb:a/b").unwrap().parent_dir(), PathBuf::from("a"));
        assert_eq!(StoreLocation::parse("lmdb:b").unwrap().parent_dir(), PathBuf::new());
        for uri in ["", "a/b", "lmdb:", "lmbd:a", "sqlite:x"] {
            assert!(matches!(StoreLocation::parse(uri), Err(StoreError::Location { .. })), "{uri}");
        }
    }
}
