//! The flags that say where the catalogue is and how it is read.

use std::sync::Arc;

use clap::Args;

use crate::config::{LMDB_MAP_GIB, MONGO_PATIENCE_SECONDS};
use crate::feedback::Feedback;
use crate::source::mapping::{Mapping, check_mappings};
use crate::store::{self, LmdbOptions, MongoOptions, RefreshStore, StoreLocation, StoreOptions};

use super::{Context, Failure};

/// How long a server with feedback is waited for at most.
const FEEDBACK_PATIENCE_SECONDS: u64 = 5;

/// Feedback kept in the catalogue at `location`, or beside it.
pub(crate) fn feedback_in(location: StoreLocation, options: StoreOptions) -> Feedback {
    Feedback::kept(Box::new(move |create| store::open_feedback(&location, &options, create)))
}

/// Where the catalogue lives.
#[derive(Debug, Args)]
pub(crate) struct StoreFlags {
    /// The catalogue: `lmdb:PATH`, or the URI of a MongoDB server, `mongodb://HOST/DATABASE?collection=NAME`
    // It may hold a password.
    #[arg(
        long,
        value_name = "STORE",
        env = "NEARFIELD_STORE",
        default_value = "lmdb:data/catalogue",
        hide_env_values = true
    )]
    store: String,
    /// The size that an embedded catalogue can grow to, in GiB of address space
    #[arg(long, value_name = "GIB", env = "NEARFIELD_LMDB_MAP_GIB", default_value = "64",
        value_parser = clap::value_parser!(u64).range(LMDB_MAP_GIB))]
    lmdb_map_gib: u64,
    /// The database of MongoDB, where the URI names none
    #[arg(long, value_name = "NAME", env = "NEARFIELD_MONGO_DATABASE", default_value = "nearfield")]
    mongo_database: String,
    /// The collection of MongoDB, where the URI names none
    #[arg(long, value_name = "NAME", env = "NEARFIELD_MONGO_COLLECTION", default_value = "tracks")]
    mongo_collection: String,
    /// What fields of documents give that are not recognised: `FIELD=NAME,FIELD=NAME`, nested ones with dots, names as
    /// those of `import --map`
    #[arg(long = "mongo-map", value_name = "FIELD=NAME", env = "NEARFIELD_MONGO_MAP", value_delimiter = ',')]
    mongo_mappings: Vec<Mapping>,
    /// How long a MongoDB server that does not answer is waited for
    #[arg(long, value_name = "SECONDS", env = "NEARFIELD_MONGO_PATIENCE_SECONDS", default_value = "60",
        value_parser = clap::value_parser!(u64).range(MONGO_PATIENCE_SECONDS))]
    mongo_patience_seconds: u64,
}

impl StoreFlags {
    /// Where the catalogue is.
    pub fn location(&self) -> Result<StoreLocation, Failure> {
        StoreLocation::parse(&self.store).map_err(|error| Failure::Usage(error.to_string()))
    }

    /// Opens the catalogue, creating it when it does not exist.
    pub fn open(&self, context: &Context) -> Result<Arc<dyn RefreshStore>, Failure> {
        Ok(store::open(&self.location()?, &self.options(context)?)?)
    }

    /// Opens the catalogue; `None` when it does not exist yet.
    pub fn open_existing(&self, context: &Context) -> Result<Option<Arc<dyn RefreshStore>>, Failure> {
        Ok(store::open_existing(&self.location()?, &self.options(context)?)?)
    }

    /// Where a server keeps feedback. Nothing is opened before it is needed, and nothing is created before there is some.
    pub fn feedback(&self, context: &Context) -> Result<Feedback, Failure> {
        let location = self.location()?;
        let mut options = self.options(context)?;
        // Somebody waits for the answer, and a thread with them.
        options.mongo.patience_seconds = options.mongo.patience_seconds.min(FEEDBACK_PATIENCE_SECONDS);
        Ok(feedback_in(location, options))
    }

    /// How an embedded catalogue is opened.
    pub fn lmdb(&self) -> LmdbOptions {
        LmdbOptions::with_map_gib(self.lmdb_map_gib)
    }

    fn options(&self, context: &Context) -> Result<StoreOptions, Failure> {
        check_mappings(&self.mongo_mappings)
            .map_err(|error| Failure::Usage(format!("--mongo-map: {error}")))?;
        Ok(StoreOptions {
            lmdb: self.lmdb(),
            mongo: MongoOptions {
                database: self.mongo_database.clone(),
                collection: self.mongo_collection.clone(),
                mappings: self.mongo_mappings.clone(),
                patience_seconds: self.mongo_patience_seconds,
            },
            cancel: context.cancel.clone(),
        })
    }
}
