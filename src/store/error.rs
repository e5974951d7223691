//! What can go wrong with the catalogue.

use std::io;
use std::path::PathBuf;

use crate::codec::CodecError;
use crate::store::mongo::DocumentError;
use crate::track::TrackId;

/// Why the catalogue could not be opened, read or written. Nothing of a failed write is kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// `--store` is not in a known notation.
    #[error(
        "the store {} is not understood; expected lmdb:PATH, for example lmdb:data/catalogue, or mongodb://HOST/DATABASE",
        scheme.as_ref().map_or("(it begins with no scheme)".to_owned(), |scheme| format!("\"{scheme}:\""))
    )]
    Location {
        /// The scheme that was given; what follows it may hold a password.
        scheme: Option<String>,
    },
    /// The directory cannot be created or used.
    #[error("the catalogue directory {} cannot be created; check that the path is writable", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error("the catalogue {} cannot be opened", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: heed::Error,
    },
    /// The path holds something else.
    #[error(
        "{} is not a nearfield catalogue ({what}); give another path with --store lmdb:PATH", path.display()
    )]
    NotACatalogue {
        /// The directory.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// A later nearfield wrote it.
    #[error(
        "the catalogue {} has format version {got}; this nearfield reads up to {supported}: use a newer nearfield",
        path.display()
    )]
    NewerFormat {
        /// The directory.
        path: PathBuf,
        /// Its version.
        got: u32,
        /// The newest version this program reads.
        supported: u32,
    },
    /// The data file ends before its last page.
    #[error(
        "the catalogue file {} is truncated: {got} bytes, at least {expected} expected; restore it from a copy or import again",
        path.display()
    )]
    Truncated {
        /// The data file.
        path: PathBuf,
        /// Bytes it must have.
        expected: u64,
        /// Bytes it has.
        got: u64,
    },
    /// The disk has no room left.
    #[error("no space left on the disk that holds the catalogue {}; what was committed before is kept: free some space and run again", path.display())]
    DiskFull {
        /// The directory.
        path: PathBuf,
    },
    /// The map is too small.
    #[error("the catalogue {} has reached its limit of {limit_bytes} bytes; give --lmdb-map-gib a larger number", path.display())]
    MapFull {
        /// The directory.
        path: PathBuf,
        /// The limit in force.
        limit_bytes: u64,
    },
    /// One track's record is not readable.
    #[error("the record of track {id} is damaged; import that track again")]
    Record {
        /// Its id.
        id: String,
        /// Why.
        source: RecordError,
    },
    /// A later nearfield wrote what refreshing left with a track.
    #[error("the refresh record of track {id} is of a later version; use a newer nearfield")]
    Refresh {
        /// Its id.
        id: String,
        /// Why.
        source: RecordError,
    },
    /// One track does not fit into a record.
    #[error("track {id} cannot be stored")]
    Encode {
        /// Its id.
        id: TrackId,
        /// Why.
        source: CodecError,
    },
    /// A thumb that cannot be read.
    #[error(
        "a thumb of this user is neither up nor down; use the nearfield that wrote it, or forget the user"
    )]
    Thumb,
    /// One user thinks something of too many tracks.
    #[error(
        "a user's thumbs are kept for at most {} tracks, these would be {got}; clear some first",
        super::MAX_THUMBS
    )]
    TooManyThumbs {
        /// How many there would be.
        got: usize,
    },
    /// All users together think something of too many tracks.
    #[error(
        "the feedback of all users is kept up to {max_all} thumbs, and that many there are; forget users, or raise max_feedback"
    )]
    FeedbackFull {
        /// The limit in force.
        max_all: u64,
    },
    /// A URI that the driver does not take. What the driver says is left out: it may quote a password.
    #[error(
        "the MongoDB address is not usable: {what}; expected mongodb://[USER:PASSWORD@]HOST[:PORT]/[DATABASE][?collection=NAME], in which special characters of a user or a password are percent-encoded (@ is %40, / is %2F, ? is %3F)"
    )]
    MongoUri {
        /// What is wrong.
        what: &'static str,
    },
    /// The driver's runtime could not be started.
    #[error("the MongoDB driver cannot be started")]
    MongoRuntime {
        /// Why.
        source: io::Error,
    },
    /// The server stayed away.
    #[error(
        "{name}: {action} failed for {seconds} s; check that the server runs and can be reached, then run again"
    )]
    MongoLost {
        /// The collection.
        name: String,
        /// What was tried.
        action: &'static str,
        /// For how long.
        seconds: u64,
        /// The last failure.
        source: Box<mongodb::error::Error>,
    },
    /// The work was asked to stop.
    #[error("{name}: interrupted while {action}")]
    Interrupted {
        /// The collection.
        name: String,
        /// What was going on.
        action: &'static str,
    },
    /// A call failed for good.
    #[error("{name}: {action} failed")]
    Mongo {
        /// The collection.
        name: String,
        /// What was tried.
        action: &'static str,
        /// Why.
        source: Box<mongodb::error::Error>,
    },
    /// The server refused a write.
    #[error("{name} refused a write; what was written before is kept, importing again completes it: {what}")]
    MongoRefused {
        /// The collection.
        name: String,
        /// What the server says.
        what: String,
    },
    /// No field holds ids.
    #[error(
        "{name}: no field holds a track id in every document; expected one of {expected}, or name it: --mongo-map FIELD=id"
    )]
    NoKey {
        /// The collection.
        name: String,
        /// The fields that are looked at.
        expected: String,
    },
    /// Several fields hold ids.
    #[error("{name}: {fields} hold different ids; say which is the track's: --mongo-map FIELD=id")]
    Keys {
        /// The collection.
        name: String,
        /// The fields.
        fields: String,
    },
    /// A document that gives no track.
    #[error("{name}: a document is not a track; correct or remove it")]
    Document {
        /// The collection.
        name: String,
        /// What is wrong.
        source: DocumentError,
    },
    /// Documents that were not read.
    #[error(
        "{name}: {got} of {expected} documents were read; find those without a text in {key:?} by {{ {key:?}: {{ $not: {{ $type: \"string\" }} }} }}, and correct or remove them; where there are none others wrote meanwhile: run again"
    )]
    Incomplete {
        /// The collection.
        name: String,
        /// The field that ids are in.
        key: String,
        /// How many there are.
        expected: u64,
        /// How many were read.
        got: u64,
    },
    /// LMDB failed.
    #[error("the catalogue {} failed", path.display())]
    Lmdb {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: heed::Error,
    },
}

/// Why the bytes stored for a track are not a track.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There are no bytes at all.
    #[error("it is empty")]
    Empty,
    /// Its version byte is unknown.
    #[error("it has version {got}, at most {supported} is known")]
    Version {
        /// The version found.
        got: u8,
        /// The newest known.
        supported: u8,
    },
    /// The key is not a track id.
    #[error("its key is not a track id")]
    Key,
    /// A value code is unknown.
    #[error("it holds a value with the unknown code {code}")]
    ValueCode {
        /// The code.
        code: u8,
    },
    /// A number is not finite.
    #[error("its value {name} is not finite")]
    NotFinite {
        /// The value's name.
        name: String,
    },
    /// The encoding is damaged.
    #[error(transparent)]
    Codec(#[from] CodecError),
}
