//! The `--store` notation.

use std::path::{Path, PathBuf};

use super::StoreError;

/// Where a catalogue lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreLocation {
    /// An LMDB environment in this directory.
    Lmdb(PathBuf),
    /// A MongoDB server: the whole URI, which may hold a password.
    Mongo(String),
}

/// How URIs of MongoDB begin.
const MONGO: [&str; 2] = ["mongodb://", "mongodb+srv://"];

impl StoreLocation {
    /// Reads `lmdb:PATH` or the URI of a MongoDB server. A bare path is refused, so that a mistyped scheme never creates a directory.
    pub fn parse(uri: &str) -> Result<Self, StoreError> {
        if MONGO.iter().any(|scheme| uri.starts_with(scheme)) {
            return Ok(Self::Mongo(uri.to_owned()));
        }
        match uri.strip_prefix("lmdb:") {
            Some(path) if !path.trim().is_empty() => Ok(Self::Lmdb(PathBuf::from(path))),
            _ => Err(StoreError::Location { uri: uri.to_owned() }),
        }
    }

    /// The directory beside which files about this catalogue (rejects) are put.
    pub fn parent_dir(&self) -> PathBuf {
        match self {
            Self::Lmdb(path) => path.parent().unwrap_or(Path::new("")).to_owned(),
            Self::Mongo(_) => PathBuf::from("data"),
        }
    }

    /// The notation without a password.
    pub fn redacted(&self) -> String {
        match self {
            Self::Lmdb(path) => format!("lmdb:{}", path.display()),
            Self::Mongo(uri) => match uri.split_once("://") {
                Some((scheme, rest)) => match rest.rsplit_once('@') {
                    Some((user, host)) => {
                        let name = user.split(':').next().unwrap_or_default();
                        format!("{scheme}://{name}:***@{host}")
                    }
                    None => uri.clone(),
                },
                None => uri.clone(),
            },
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
        let mongo = StoreLocation::parse("mongodb://me:secret@h:1/db").unwrap();
        assert_eq!(mongo.redacted(), "mongodb://me:***@h:1/db");
        assert_eq!(StoreLocation::parse("mongodb://h/db?collection=x").unwrap().redacted(), "mongodb://h/db?collection=x");
        for uri in ["", "a/b", "lmdb:", "lmbd:a", "sqlite:x"] {
            assert!(matches!(StoreLocation::parse(uri), Err(StoreError::Location { .. })), "{uri}");
        }
    }
}
