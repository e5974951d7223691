//! How fast a catalogue is read from MongoDB, beside bare loops over a cursor. `scripts/bench-mongo` fills a server and
//! runs this; by itself: `cargo bench --bench mongo -- mongodb://HOST/DATABASE`.

use std::ops::ControlFlow;
use std::time::Instant;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::{Client, Collection};
use nearfield::store::{MongoOptions, MongoStore, TrackReader};
use tokio::runtime::Runtime;

const ROUNDS: usize = 5;

type Error = Box<dyn std::error::Error>;
/// Reads everything once and says how much it was.
type Read<'a> = &'a dyn Fn() -> Result<u64, Error>;

fn main() -> Result<(), Error> {
    let uri = std::env::args().skip(1).find(|argument| argument.starts_with("mongodb"));
    // `cargo bench` and `cargo test --benches` run this without one.
    let Some(uri) = uri else { return Ok(()) };
    let runtime = Runtime::new()?;
    let client = runtime.block_on(Client::with_uri_str(&uri))?;
    let database = client.default_database().ok_or("the address names no database")?;
    let raw: Collection<RawDocumentBuf> = database.collection("tracks");
    let store = MongoStore::open(&uri, MongoOptions::default())?;
    let ways: [(&str, Read<'_>); 4] = [
        ("bare cursor, bytes", &|| runtime.block_on(bare(&raw, doc! {}))),
        ("bare cursor in the order of _id, bytes", &|| runtime.block_on(bare(&raw, doc! { "_id": 1 }))),
        ("bare cursor in the order of _id, documents", &|| {
            runtime.block_on(bare(&raw.clone_with_type::<Document>(), doc! { "_id": 1 }))
        }),
        ("nearfield: pages in the order of _id, tracks", &|| tracks(&store)),
    ];
    let mut seconds = vec![Vec::new(); ways.len()];
    let mut n_documents = 0;
    for _ in 0..ROUNDS {
        for ((_, read), seconds) in ways.iter().zip(&mut seconds) {
            let started = Instant::now();
            n_documents = read()?;
            seconds.push(started.elapsed().as_secs_f64());
        }
    }
    println!("{n_documents} documents, median of {ROUNDS} rounds\n");
    println!("| | documents/s |\n|---|---|");
    for ((name, _), seconds) in ways.iter().zip(&mut seconds) {
        seconds.sort_by(f64::total_cmp);
        println!("| {name} | {:.0} |", n_documents as f64 / seconds[ROUNDS / 2]);
    }
    Ok(())
}

/// A loop over one cursor that does nothing with what it is given.
async fn bare<T>(collection: &Collection<T>, sort: Document) -> Result<u64, Error>
where
    T: serde::de::DeserializeOwned + Send + Sync + Unpin,
{
    let mut cursor = collection.find(doc! {}).sort(sort).batch_size(5_000).await?;
    let mut n_documents = 0;
    while cursor.try_next().await?.is_some() {
        n_documents += 1;
    }
    Ok(n_documents)
}

fn tracks(store: &MongoStore) -> Result<u64, Error> {
    let mut n_tracks = 0;
    store.scan(&mut |_| {
        n_tracks += 1;
        ControlFlow::Continue(())
    })?;
    Ok(n_tracks)
}
