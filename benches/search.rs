//! Kernels, queries and batches. `cargo bench --bench search`; one thread but for batches, made-up tracks, as many as
//! `BENCH_TRACKS` says.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use divan::{Bencher, black_box};
use nearfield::artifact::{Removals, SnapshotDir};
use nearfield::build::{BuildOptions, build};
use nearfield::content::TagKind;
use nearfield::demo;
use nearfield::distance::{Isa, Query, canonical, score_rows, stride};
use nearfield::feature::Schema;
use nearfield::index::{EngineKind, SearchRequest};
use nearfield::progress::{CancelToken, Progress};
use nearfield::query::{Bounds, Prepared, SimilarRequest, similar, similar_batch};
use nearfield::snapshot::Snapshot;
use nearfield::store::{StoreError, TrackReader};
use nearfield::track::{ItemIdx, Track};

static N_TRACKS: LazyLock<usize> = LazyLock::new(|| {
    let given = std::env::var("BENCH_TRACKS").ok();
    given.map_or(20_000, |text| text.parse().expect("BENCH_TRACKS is a number"))
});

fn main() {
    divan::main();
}

fn vector(n: usize, seed: u32) -> Vec<f32> {
    // Any values do: the kernels do not branch on them.
    (0..n as u32).map(|i| ((i * 2_654_435 + seed * 40_503) % 1_000) as f32 / 500.0 - 1.0).collect()
}

#[divan::bench(args = ["portable", "avx2", "avx512"], consts = [16, 128])]
fn rows<const DIM: usize>(bencher: Bencher, isa: &str) {
    let Some(isa) = available(isa) else { return };
    let query = Query::new(&vector(DIM, 1), &vec![1.0; DIM], 0.5);
    let rows = vector(1_000 * stride(DIM), 2);
    let ids: Vec<u32> = (0..32).map(|i| i * 31).collect();
    let mut scores = Vec::with_capacity(ids.len());
    bencher.counter(divan::counter::ItemsCount::new(ids.len())).bench_local(|| {
        scores.clear();
        score_rows(isa, black_box(&query), black_box(&rows), black_box(&ids), &mut scores);
    });
}

#[divan::bench(consts = [16, 128])]
fn canonical_score<const DIM: usize>(bencher: Bencher) {
    let query = Query::new(&vector(DIM, 1), &vec![1.0; DIM], 0.5);
    let row = vector(DIM, 2);
    bencher.bench_local(|| canonical(black_box(&query), black_box(&row)));
}

/// Instruction sets this processor lacks are left out.
fn available(name: &str) -> Option<Isa> {
    Isa::available().into_iter().find(|isa| isa.name() == name)
}

#[divan::bench(args = ["exact", "hnsw", "forest"])]
fn engine(bencher: Bencher, name: &str) {
    let snapshot = &*SNAPSHOT;
    let engine = snapshot.engine(name.parse().unwrap_or(EngineKind::Exact));
    let engine = engine.expect("the snapshot has all engines");
    let query = uniform_query(snapshot);
    let effort = if name == "forest" { 2_000 } else { 32 };
    let request = request_of(&query, effort);
    bencher.bench_local(|| engine.search(snapshot.vectors(), black_box(&request)));
}

#[divan::bench]
fn plain_scan(bencher: Bencher) {
    let snapshot = &*SNAPSHOT;
    let query = uniform_query(snapshot);
    let request = request_of(&query, 0);
    bencher.bench_local(|| snapshot.exact().plain(snapshot.vectors(), black_box(&request)));
}

fn uniform_query(snapshot: &Snapshot) -> Query {
    let dim = snapshot.vectors().dim();
    Query::new(snapshot.vectors().row(ItemIdx(7)), &vec![1.0; dim], 0.5)
}

fn request_of(query: &Query, effort: usize) -> SearchRequest<'_> {
    SearchRequest { query, k: 10, allowed: None, excluded: &[ItemIdx(7)], effort, known: &[] }
}

/// From request to answer, names and explanations included.
#[divan::bench(args = [false, true])]
fn request(bencher: Bencher, explain: bool) {
    let snapshot = &*SNAPSHOT;
    let seeds = vec![snapshot.items().id(ItemIdx(7)).into_owned()];
    let request = SimilarRequest { seeds, explain, ..SimilarRequest::default() };
    bencher.bench_local(|| similar(snapshot, black_box(&request)));
}

/// One track of an answer, explained: what a request's explanations share, and then ten of them.
#[divan::bench(args = [1, 10])]
fn explanations(bencher: Bencher, n_tracks: u32) {
    let snapshot = &*SNAPSHOT;
    let seeds = vec![snapshot.items().id(ItemIdx(7)).into_owned()];
    let request = SimilarRequest { seeds, explain: true, ..SimilarRequest::default() };
    let prepared = Prepared::new(snapshot, &request).expect("a valid request");
    bencher.bench_local(|| {
        let explain = prepared.explainer(snapshot);
        (0..n_tracks).map(|n| explain(ItemIdx(100 + n))).collect::<Vec<_>>()
    });
}

/// `POST /api/v1/explain` without HTTP: the track at a rank, among the best ten or not, nine features.
#[divan::bench(args = [1, 10, 11, 100, 10_000])]
fn counterfactuals(bencher: Bencher, rank: usize) {
    let snapshot = &*SNAPSHOT;
    let seeds = vec![snapshot.items().id(ItemIdx(7)).into_owned()];
    let request = SimilarRequest { seeds, engine: "exact".into(), ..SimilarRequest::default() };
    let deep = Prepared::plain(snapshot, &SimilarRequest { k: rank, ..request.clone() });
    let (_, ranking) = deep.and_then(|deep| deep.find(snapshot)).expect("a valid request");
    let item = ranking.hits[rank.min(ranking.hits.len()) - 1].item;
    let prepared = Prepared::plain(snapshot, &request).expect("a valid request");
    let cancel = CancelToken::new();
    bencher.bench_local(|| prepared.explain_track(snapshot, black_box(item), &cancel));
}

/// The same with a filter: one that was asked for before, and one that was not.
#[divan::bench(args = ["repeated", "new"])]
fn filtered_request(bencher: Bencher, filter: &str) {
    let snapshot = &*SNAPSHOT;
    let seeds = vec![snapshot.items().id(ItemIdx(7)).into_owned()];
    let filters =
        r#"{"year": {"min": 2000}, "explicit": false, "features": {"tempo": {"min": 100, "max": 130}}}"#;
    let filters = serde_json::from_str(filters).expect("valid filters");
    let mut request = SimilarRequest { seeds, filters, ..SimilarRequest::default() };
    let mut turn = 0;
    bencher.bench_local(|| {
        if filter == "new" {
            turn += 1;
            // Lets the same tracks pass, and yet is another filter.
            let min = Some(2000.0 - f64::from(turn) * 1e-6);
            request.filters.year = Some(Bounds { min, max: None });
        }
        similar(snapshot, black_box(&request))
    });
}

/// 256 requests with 4 filters, a quarter of them said twice: one after another, and as a batch.
/// The mean of all tracks, as of one large genre: of a generation that was not asked for it before, and of one that was.
#[divan::bench(args = ["new", "kept"])]
fn group_mean(bencher: Bencher, what: &str) {
    let snapshot = &*SNAPSHOT;
    let all: Vec<u32> = (0..snapshot.items().len() as u32).collect();
    let other = || (what == "new").then(|| snapshot.with_removals(&Removals::default()));
    bencher.with_inputs(other).bench_local_refs(|other| {
        other.as_ref().unwrap_or(snapshot).group_mean(TagKind::Genre, "all", black_box(&all))
    });
}

#[divan::bench(args = ["one by one", "batch"])]
fn many_requests(bencher: Bencher, how: &str) {
    let snapshot = &*SNAPSHOT;
    let request = |n: u32| {
        let seeds = vec![snapshot.items().id(ItemIdx(n * 61 % 15_000)).into_owned()];
        let mut request = SimilarRequest { seeds, ..SimilarRequest::default() };
        let min = Some(1980.0 + f64::from(n % 4) * 10.0);
        request.filters.year = Some(Bounds { min, max: None });
        request
    };
    // Every fourth says the same as the one before it.
    let requests: Vec<SimilarRequest> = (0..256).map(|n| request(n - u32::from(n % 4 == 3))).collect();
    bencher.counter(divan::counter::ItemsCount::new(requests.len())).bench_local(|| match how {
        "batch" => similar_batch(snapshot, black_box(&requests)),
        _ => requests.iter().map(|request| similar(snapshot, black_box(request))).collect(),
    });
}

static SNAPSHOT: LazyLock<Snapshot> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let indexes = SnapshotDir::new(directory.path(), "bench").expect("a valid name");
    let (options, schema) = (BuildOptions::default(), Schema::spotify());
    build(&Sample, "sample", &indexes, schema, &options, &Progress::hidden(), &CancelToken::new())
        .expect("the sample builds");
    let snapshot = Snapshot::open(directory.path(), "bench", None).expect("it was just built");
    snapshot.forest().expect("all engines").wait().expect("it was just written");
    // Mapped files outlive their names.
    snapshot
});

/// The sample catalogue as a store that is only read.
struct Sample;

impl TrackReader for Sample {
    fn count(&self) -> Result<u64, StoreError> {
        Ok(*N_TRACKS as u64)
    }

    fn scan(&self, visit: &mut dyn FnMut(Track) -> ControlFlow<()>) -> Result<(), StoreError> {
        let mut tracks: Vec<Track> = demo::catalogue(*N_TRACKS, 1).collect();
        tracks.sort_by(|a, b| a.id.cmp(&b.id));
        let _ = tracks.into_iter().try_for_each(visit);
        Ok(())
    }
}
