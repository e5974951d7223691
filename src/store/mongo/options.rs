//! Where in a MongoDB server the catalogue is, and how its documents are to be read.

use mongodb::options::ClientOptions;

use crate::source::mapping::{Mapping, check_mappings};
use crate::store::StoreError;

/// Names the database, where the URI does not.
pub const DATABASE_VARIABLE: &str = "NEARFIELD_MONGO_DATABASE";
/// Names the collection, where the URI does not.
pub const COLLECTION_VARIABLE: &str = "NEARFIELD_MONGO_COLLECTION";
/// Says what fields give that are not recognised: `bpm=tempo,_id=id`.
pub const MAP_VARIABLE: &str = "NEARFIELD_MONGO_MAP";
/// How long a lost server is waited for.
pub const PATIENCE_VARIABLE: &str = "NEARFIELD_MONGO_PATIENCE_SECONDS";

const DEFAULT_DATABASE: &str = "nearfield";
const DEFAULT_COLLECTION: &str = "tracks";
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

impl MongoOptions {
    /// Reads the variables of this process.
    pub fn from_env() -> Result<Self, StoreError> {
        Self::read(|name| std::env::var(name).ok().filter(|text| !text.trim().is_empty()))
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, StoreError> {
        let mut options = Self::default();
        if let Some(database) = variable(DATABASE_VARIABLE) {
            options.database = database;
        }
        if let Some(collection) = variable(COLLECTION_VARIABLE) {
            options.collection = collection;
        }
        if let Some(text) = variable(MAP_VARIABLE) {
            let wrong = |error: crate::source::mapping::MappingError| StoreError::Option {
                name: MAP_VARIABLE,
                value: text.clone(),
                expected: format!("FIELD=NAME,FIELD=NAME: {error}"),
            };
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            options.mappings = parts.map(str::parse).collect::<Result<_, _>>().map_err(wrong)?;
            check_mappings(&options.mappings).map_err(wrong)?;
        }
        if let Some(text) = variable(PATIENCE_VARIABLE) {
            let seconds = text.trim().parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
            options.patience_seconds = seconds.ok_or_else(|| StoreError::Option {
                name: PATIENCE_VARIABLE,
                value: text.clone(),
                expected: "1 to 86400".to_owned(),
            })?;
        }
        Ok(options)
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
    pub fn parse(uri: &str) -> Self {
        let Some((base, query)) = uri.split_once('?') else {
            return Self { driver_uri: uri.to_owned(), collection: None };
        };
        let (mut ours, theirs): (Vec<&str>, Vec<&str>) =
            query.split('&').partition(|part| part.starts_with(COLLECTION_PARAMETER));
        let collection = ours.pop().map(|part| part[COLLECTION_PARAMETER.len()..].to_owned());
        let query = theirs.join("&");
        let driver_uri = if query.is_empty() { base.to_owned() } else { format!("{base}?{query}") };
        Self { driver_uri, collection: collection.filter(|name| !name.is_empty()) }
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
    use crate::source::columns::Field;

    #[test]
    fn the_collection_is_taken_out_of_the_uri() {
        let address = |uri| {
            let Address { driver_uri, collection } = Address::parse(uri);
            (driver_uri, collection)
        };
        assert_eq!(address("mongodb://h:1/db"), ("mongodb://h:1/db".into(), None));
        assert_eq!(address("mongodb://h/db?collection=songs"), ("mongodb://h/db".into(), Some("songs".into())));
        assert_eq!(
            address("mongodb://h/db?tls=true&collection=songs&w=1"),
            ("mongodb://h/db?tls=true&w=1".into(), Some("songs".into()))
        );
        assert_eq!(address("mongodb://h/?collection="), ("mongodb://h/".into(), None));
    }

    #[test]
    fn variables_are_read_and_wrong_ones_named() {
        let read = |pairs: &[(&str, &str)]| {
            MongoOptions::read(|name| {
                pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(read(&[]).unwrap(), MongoOptions::default());
        let options = read(&[(MAP_VARIABLE, "bpm=tempo, song.key=id"), (PATIENCE_VARIABLE, "5")]).unwrap();
        assert_eq!(options.mappings[1], Mapping { column: "song.key".into(), field: Field::Id });
        assert_eq!(options.patience_seconds, 5);
        for (name, value) in [(MAP_VARIABLE, "bpm"), (MAP_VARIABLE, "a=tempo,b=tempo"), (PATIENCE_VARIABLE, "0")] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }
}
