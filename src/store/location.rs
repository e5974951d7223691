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

/// The schemes of MongoDB's URIs.
const MONGO: [&str; 2] = ["mongodb", "mongodb+srv"];

impl StoreLocation {
    /// Reads `lmdb:PATH` or the URI of a MongoDB server; the case of the scheme and white space around do not matter. A bare
    /// path is refused, so that a mistyped scheme never creates a directory.
    pub fn parse(uri: &str) -> Result<Self, StoreError> {
        let uri = uri.trim();
        let (scheme, rest) = uri.split_once(':').unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        if MONGO.contains(&&*scheme) && rest.starts_with("//") {
            return Ok(Self::Mongo(format!("{scheme}:{rest}")));
        }
        if scheme == "lmdb" && !rest.trim().is_empty() {
            return Ok(Self::Lmdb(PathBuf::from(rest)));
        }
        // The rest may hold a password, and so may what stands before a colon that ends no scheme.
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        Err(StoreError::Location { scheme: is_scheme.then_some(scheme) })
    }

    /// The directory beside which files about this catalogue (rejects) are put.
    pub fn parent_dir(&self) -> PathBuf {
        match self {
            Self::Lmdb(path) => path.parent().unwrap_or(Path::new("")).to_owned(),
            Self::Mongo(_) => PathBuf::from("data"),
        }
    }

    /// The notation without secrets: no password, and of what follows `?` only the collection.
    pub fn redacted(&self) -> String {
        match self {
            Self::Lmdb(path) => format!("lmdb:{}", path.display()),
            Self::Mongo(uri) => redact(uri),
        }
    }
}

fn redact(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else { return "***".to_owned() };
    let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
    let server = base.split('/').next().unwrap_or_default();
    // An `@` elsewhere, or a second one, is of a password that is not percent-encoded: where it ends cannot be told.
    if rest.matches('@').count() > server.matches('@').count().min(1) {
        return format!("{scheme}://***");
    }
    let base = match base.split_once('@') {
        Some((user, host)) => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{name}:***@{host}")
        }
        None => base.to_owned(),
    };
    match query.split('&').rfind(|part| part.starts_with("collection=")) {
        Some(collection) => format!("{scheme}://{base}?{collection}"),
        None => format!("{scheme}://{base}"),
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
        assert_eq!(
            StoreLocation::parse("mongodb://h/db?collection=x").unwrap().redacted(),
            "mongodb://h/db?collection=x"
        );
        assert_eq!(
            StoreLocation::parse(" MongoDB+SRV://H/db\n").unwrap(),
            StoreLocation::Mongo("mongodb+srv://H/db".into())
        );
        assert_eq!(StoreLocation::parse(" LMDB:a/B ").unwrap(), StoreLocation::Lmdb("a/B".into()));
        for uri in ["", "a/b", "lmdb:", "lmdb: ", "lmbd:a", "sqlite:x", "mongodb:x"] {
            assert!(matches!(StoreLocation::parse(uri), Err(StoreError::Location { .. })), "{uri}");
        }
    }

    #[test]
    fn messages_about_it_hold_no_secret() {
        let refused = [
            "mongo://u:hunter2@h/db",
            "'mongodb://u:hunter2@h/db'",
            "u:hunter2@h",
            "hunter2",
            "hunter2@h:27017",
            "\"hunter2:x",
            "mongodb:u:hunter2@h",
            "=mongodb://u:hunter2@h",
        ];
        for uri in refused {
            let error = StoreLocation::parse(uri).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{uri}: {error}");
        }
        assert!(StoreLocation::parse("mongo://h").unwrap_err().to_string().contains("\"mongo:\""));
        let redacted = |uri: &str| StoreLocation::parse(uri).unwrap().redacted();
        for uri in [
            "mongodb://u:hun?ter2@h/db",
            "mongodb://u:hun/ter2@h/db",
            "mongodb://u:hun@ter2@h/db",
            "mongodb://u:ter2@h/db?proxyPassword=a@ter2",
            "mongodb://u:x@h/db?proxyPassword=ter2",
            "mongodb://h/db?tlsCertificateKeyFilePassword=ter2&w=1",
        ] {
            assert!(
                !redacted(uri).contains("ter2") && !redacted(uri).contains("hun"),
                "{uri}: {}",
                redacted(uri)
            );
        }
        assert_eq!(
            redacted("mongodb://u:x@h/db?w=1&collection=songs&tls=true"),
            "mongodb://u:***@h/db?collection=songs"
        );
        assert_eq!(redacted("mongodb://h,i:2/db"), "mongodb://h,i:2/db");
    }
}
