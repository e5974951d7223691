//! The scan equals brute force to the bit, on every instruction set; graph and forest return canonical scores in order
//! and never what a filter rejects.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use super::hnsw::{GraphBuilder, GraphParameters, HnswRs, repair, sample_entries, write_graph};
use super::*;
use crate::artifact::FileEntry;
use crate::content::{VECTORS_FILE, VectorsBuilder};
use crate::distance::{Isa, Kernels, canonical};
use crate::feature::Schema;
use crate::progress::{CancelToken, Progress};

/// Vectors and engines in files of their own.
struct Fixture {
    directory: TempDir,
    vectors: Vectors,
    exact: Exact,
}

fn fixture(items: &[Vec<f32>]) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let dim = items[0].len();
    let mut builder = VectorsBuilder::new(items.len(), dim, 1);
    for (item, vector) in items.iter().enumerate() {
        builder.row_mut(item).copy_from_slice(vector);
    }
    builder.write(directory.path()).unwrap();
    write_exact(directory.path(), builder.rows(), dim).unwrap();
    let path = directory.path().join(VECTORS_FILE);
    let vectors = Vectors::open(&path, &FileEntry::of(&path).unwrap(), items.len(), dim, 1).unwrap();
    let path = directory.path().join(EXACT_FILE);
    let exact = Exact::open(&path, &FileEntry::of(&path).unwrap(), items.len(), dim).unwrap();
    Fixture { directory, vectors, exact }
}

fn brute_force(items: &[Vec<f32>], request: &SearchRequest<'_>) -> Vec<(u32, u32)> {
    let accepted = (0..items.len() as u32).filter(|item| request.accepts(ItemIdx(*item)));
    let mut scored: Vec<(f32, u32)> =
        accepted.map(|item| (canonical(request.query, &items[item as usize]), item)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.into_iter().take(request.k).map(|(score, item)| (item, score.to_bits())).collect()
}

fn bits(found: &Found) -> Vec<(u32, u32)> {
    found.hits.iter().map(|hit| (hit.item.0, hit.score.to_bits())).collect()
}

/// Items with duplicates, zero vectors, and norms from tiny to huge.
fn items(n_items: usize, dim: usize, rng: &mut StdRng) -> Vec<Vec<f32>> {
    let mut items: Vec<Vec<f32>> = Vec::with_capacity(n_items);
    for _ in 0..n_items {
        let copied = items.get(rng.random_range(0..n_items)).cloned();
        items.push(match (rng.random_range(0..10), copied) {
            (0, Some(copy)) => copy,
            (1, _) => vec![0.0; dim],
            (kind, _) => {
                let scale = [1.0, 1.0, 1.0, 1.0, 1e-14, 1e-6, 1e6, 1e14][kind as usize % 8];
                (0..dim).map(|_| scale * (rng.random::<f32>() - 0.5)).collect()
            }
        });
    }
    items
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_scan_is_brute_force_to_the_bit(
        n_items in 1usize..3000,
        dim in 1usize..40,
        k in prop_oneof![1usize..30, 1usize..4000],
        share in prop_oneof![Just(1.0f64), 0.0f64..1.0, Just(0.01)],
        anchor in prop_oneof![Just(0.0f32), Just(0.5), 0.0f32..1.0],
        seed in any::<u64>(),
    ) {
        let mut rng = StdRng::seed_from_u64(seed);
        let items = items(n_items, dim, &mut rng);
        let weights: Vec<f32> =
            (0..dim).map(|_| [0.0, 1.0, rng.random(), 1e-9][rng.random_range(0..4)]).collect();
        let vector = match rng.random_range(0..3) {
            0 => items[0].clone(),
            _ => (0..dim).map(|_| rng.random::<f32>() - 0.5).collect(),
        };
        let query = Query::new(&vector, &weights, anchor);
        prop_assume!(query.norm_squared() > 0.0);
        let draws: Vec<bool> = (0..n_items).map(|_| rng.random_bool(share)).collect();
        let allowed = ItemSet::from_fn(n_items, |item| draws[item]);
        let excluded = [ItemIdx(0)];
        let fixture = fixture(&items);
        let mut exact = fixture.exact;
        for allowed in [None, Some(&allowed)] {
            let request = SearchRequest { query: &query, k, allowed, excluded: &excluded, effort: 0 };
            let truth = brute_force(&items, &request);
            for isa in Isa::available() {
                exact = exact.with_kernels(Kernels::of(isa).unwrap());
                let found = exact.search(&fixture.vectors, &request).unwrap();
                prop_assert_eq!(bits(&found), truth.clone(), "{:?}", isa);
            }
        }
    }
}

/// A catalogue in the unit cube, under a schema of linear features.
fn clustered(n_items: usize, dim: usize, seed: u64) -> (Vec<Vec<f32>>, Schema) {
    let mut rng = StdRng::seed_from_u64(seed);
    let items = (0..n_items).map(|_| (0..dim).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect()).collect();
    let features = (0..dim).map(|i| format!("[[features]]\nname = 'f{i}'\ntransform = 'linear'\n"));
    let text = format!("name = 't'\n{}", features.collect::<String>());
    (items, Schema::parse(&text, "t.toml").unwrap())
}

fn graph_of(fixture: &Fixture, n_items: usize, dim: usize, schema: &Schema) -> Hnsw {
    let metric = BuildMetric::of_build_weights(schema);
    let rows = fixture.vectors.rows();
    let parameters = GraphParameters { m: 12, ef_construction: 80 };
    let built = HnswRs.build(
        &metric.points(rows),
        metric.stride(),
        parameters,
        &Progress::hidden(),
        &CancelToken::new(),
    );
    let mut neighbours = built.unwrap();
    let mut entries = sample_entries(n_items, 1);
    repair(&mut neighbours, &mut entries);
    write_graph(fixture.directory.path(), &neighbours, &entries, rows, dim).unwrap();
    let path = fixture.directory.path().join(hnsw::GRAPH_FILE);
    let graph = Hnsw::open(&path, &FileEntry::of(&path).unwrap(), n_items, dim).unwrap();
    graph.verify().unwrap();
    graph
}

fn forest_of(fixture: &Fixture, n_items: usize, schema: &Schema) -> Forest {
    let metric = BuildMetric::of_default_weights(schema);
    let points = metric.points(fixture.vectors.rows());
    let parameters = ForestParameters { trees: 10, seed: 1 };
    let (progress, cancel) = (Progress::hidden(), CancelToken::new());
    let directory = fixture.directory.path();
    build_forest(directory, &points, metric.stride(), metric.dim(), parameters, &progress, &cancel).unwrap();
    let path = directory.join(FOREST_FILE);
    let entry = FileEntry::of(&path).unwrap();
    let forest = Forest::open(path, entry, metric, n_items).unwrap();
    forest.wait().unwrap();
    forest
}

#[test]
fn approximate_engines_find_most_and_lie_about_nothing() {
    let (n_items, dim) = (4000, 8);
    let (items, schema) = clustered(n_items, dim, 7);
    let fixture = fixture(&items);
    let graph = graph_of(&fixture, n_items, dim, &schema);
    let forest = forest_of(&fixture, n_items, &schema);
    let engines: [(&dyn Engine, usize, f64); 2] = [(&graph, 100, 0.97), (&forest, 2_000, 0.9)];
    let mut rng = StdRng::seed_from_u64(3);
    for (engine, effort, floor) in engines {
        let (mut n_found, mut n_true) = (0, 0);
        for number in 0..60 {
            let weights: Vec<f32> = (0..dim).map(|_| 0.2 + 0.8 * rng.random::<f32>()).collect();
            let vector: Vec<f32> = (0..dim).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect();
            let query = Query::new(&vector, &weights, 0.5);
            let half = ItemSet::from_fn(n_items, |item| item % 2 == 0);
            let few = ItemSet::from_fn(n_items, |item| item % 500 == 0);
            let allowed = [None, Some(&half), Some(&few)][number % 3];
            let request = SearchRequest { query: &query, k: 10, allowed, excluded: &[ItemIdx(4)], effort };
            let found = engine.search(&fixture.vectors, &request).unwrap();
            let truth = brute_force(&items, &request);
            assert_eq!(found.hits.len(), truth.len(), "{} gives as many as there are", engine.kind());
            for pair in found.hits.windows(2) {
                assert!(pair[0].score >= pair[1].score);
            }
            for hit in &found.hits {
                assert!(request.accepts(hit.item), "{} returns what the filter rejects", engine.kind());
                assert_eq!(hit.score, canonical(&query, &items[hit.item.as_usize()]));
            }
            n_true += truth.len();
            n_found += bits(&found).iter().filter(|hit| truth.contains(hit)).count();
        }
        let recall = n_found as f64 / n_true as f64;
        assert!(recall >= floor, "{} reaches recall {recall}", engine.kind());
    }
}

#[test]
fn builders_refuse_what_would_panic_inside_hnsw_rs() {
    let build = |points: &[f32], m: usize| {
        let parameters = GraphParameters { m, ef_construction: 50 };
        HnswRs.build(points, 16, parameters, &Progress::hidden(), &CancelToken::new())
    };
    let mut point = vec![0.0_f32; 16];
    point[0] = 1.0;
    assert!(build(&point, 16).is_ok(), "one point is a graph");
    for m in [0, 1, 129, 257, 100_000] {
        assert!(matches!(build(&point, m), Err(hnsw::GraphError::Parameter { .. })), "m = {m}");
    }
    for bad in [f32::NAN, f32::INFINITY, 0.0, 5.0] {
        point[0] = bad;
        assert!(matches!(build(&point, 16), Err(hnsw::GraphError::Point(0))), "{bad}");
    }
}

#[test]
fn a_cancelled_build_stops() {
    let (items, schema) = clustered(5000, 4, 1);
    let fixture = fixture(&items);
    let metric = BuildMetric::of_build_weights(&schema);
    let points = metric.points(fixture.vectors.rows());
    let cancel = CancelToken::new();
    cancel.cancel();
    let parameters = GraphParameters { m: 8, ef_construction: 50 };
    let built = HnswRs.build(&points, metric.stride(), parameters, &Progress::hidden(), &cancel);
    assert!(matches!(built, Err(hnsw::GraphError::Cancelled(_))));
    let parameters = ForestParameters { trees: 5, seed: 1 };
    let directory = fixture.directory.path();
    let built = build_forest(
        directory,
        &points,
        metric.stride(),
        metric.dim(),
        parameters,
        &Progress::hidden(),
        &cancel,
    );
    assert!(matches!(built, Err(ForestError::Cancelled(_))));
    assert!(!directory.join(FOREST_FILE).exists(), "nothing is left behind");
}
