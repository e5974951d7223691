//! Where in a MongoDB server the catalogue is, and how its documents are to be read.

use mongodb::options::ClientOptions;

use crate::source::mapping::Mapping;
use crate::store::StoreError;

/// The database, where nothing else is said.
pub const DEFAULT_DATABASE: &str = "nearfield";
/// The collection, where nothing else is said.
pub const DEFAULT_COLLECTION: &str = "tracks";
const DEFAULT_PATIENCE_SECONDS: u64 = 60;
/// The parameter of a URI that names the collection; the driver does not know it.
const COLLECTION_PARAMETER: &str = "collection=";

/// Settings of a catalogue in MongoDB besides its URI.
#[derive(Clone, Debug, PartialEq)]
pub struct MongoOptions {
    /// The database, unless the URI names one.
    pub database: String,
    /// The collection, unless the URI names one (`?collection=NAME`).
    pub collection: String,
    /// What fields give that are not recognised by their names; nested ones are written with dots.
    pub mappings: Vec<Mapping>,
    /// Seconds that a lost server is waited for.
    pub patience_seconds: u64,
}

impl Default for MongoOptions {
    fn default() -> Self {
        Self {
            database: DEFAULT_DATABASE.to_owned(),
            collection: DEFAULT_COLLECTION.to_owned(),
            mappings: Vec::new(),
            patience_seconds: DEFAULT_PATIENCE_SECONDS,
        }
    }
}

/// A `mongodb://` URI taken apart: what the driver is given, and what it would refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The URI without our own parameter.
    pub driver_uri: String,
    /// The collection it names.
    pub collection: Option<String>,
}

impl Address {
    pub fn parse(uri: &str) -> Result<Self, StoreError> {
        let Some((base, query)) = uri.split_once('?') else {
            return Ok(Self { driver_uri: uri.to_owned(), collection: None });
        };
        // The driver would take the beginning of such a password for a port, and messages would show it.
        if !base.contains('@') && query.contains('@') {
            return Err(StoreError::MongoUri { what: "there is an @ after the first ?" });
        }
        let (mut ours, theirs): (Vec<&str>, Vec<&str>) =
            query.split('&').partition(|part| part.starts_with(COLLECTION_PARAMETER));
        let collection = ours.pop().map(|part| part[COLLECTION_PARAMETER.len()..].to_owned());
        let query = theirs.join("&");
        let driver_uri = if query.is_empty() { base.to_owned() } else { format!("{base}?{query}") };
        Ok(Self { driver_uri, collection: collection.filter(|name| !name.is_empty()) })
    }

    /// Database and collection.
    pub fn names(&self, parsed: &ClientOptions, options: &MongoOptions) -> (String, String) {
        let database = parsed.default_database.clone().unwrap_or_else(|| options.database.clone());
        (database, self.collection.clone().unwrap_or_else(|| options.collection.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_collection_is_taken_out_of_the_uri() {
        let address = |uri| {
            let Address { driver_uri, collection } = Address::parse(uri).unwrap();
            (driver_uri, collection)
        };
        assert_eq!(address("mongodb://h:1/db"), ("mongodb://h:1/db".into(), None));
        assert_eq!(
            address("mongodb://h/db?collection=songs"),
            ("mongodb://h/db".into(), Some("songs".into()))
        );
        assert_eq!(
            address("mongodb://h/db?tls=true&collection=songs&w=1"),
            ("mongodb://h/db?tls=true&w=1".into(), Some("songs".into()))
        );
        assert_eq!(address("mongodb://h/?collection="), ("mongodb://h/".into(), None));
        assert!(matches!(Address::parse("mongodb://u:12?x=3@h/db"), Err(StoreError::MongoUri { .. })));
    }
}
