//! Both scans equal brute force to the bit, on every instruction set; graph and forest return canonical scores in order
//! and never what a filter rejects.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use super::hnsw::{
    Batched, BuilderKind, GraphBuilder, GraphError, GraphParameters, HnswRs, LayoutKind, MetricPoints,
    Neighbours, repair, sample_entries, write_graph,
};
use super::*;
use crate::artifact::FileEntry;
use crate::content::{VECTORS_FILE, VectorsBuilder};
use crate::distance::{Isa, Query, canonical};
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
    let arranged = builder.arrange(&vec![1.0; dim]);
    arranged.write(directory.path()).unwrap();
    write_exact(directory.path(), arranged.rows(), dim).unwrap();
    let path = directory.path().join(VECTORS_FILE);
    let vectors = Vectors::open(&path, &FileEntry::of(&path).unwrap(), items.len(), dim, 1).unwrap();
    let path = directory.path().join(EXACT_FILE);
    let exact = Exact::open(&path, &FileEntry::of(&path).unwrap(), items.len(), dim).unwrap();
    Fixture { directory, vectors, exact }
}

fn brute_force(items: &[Vec<f32>], request: &SearchRequest<'_>) -> Vec<(u32, u32)> {
    let accepted = (0..items.len() as u32).filter(|item| accepts(request, ItemIdx(*item)));
    let mut scored: Vec<(f32, u32)> =
        accepted.map(|item| (canonical(request.query, &items[item as usize]), item)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.into_iter().take(request.k).map(|(score, item)| (item, score.to_bits())).collect()
}

fn accepts(request: &SearchRequest<'_>, item: ItemIdx) -> bool {
    request.allowed.is_none_or(|allowed| allowed.items().contains(item)) && !request.excluded.contains(&item)
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
        let allowed = Allowed::new(allowed, &fixture.vectors);
        let mut exact = fixture.exact;
        for allowed in [None, Some(&allowed)] {
            let request = SearchRequest { query: &query, k, allowed, excluded: &excluded, effort: 0, known: &[] };
            let truth = brute_force(&items, &request);
            // Items found already: not all of the best, and in the order of answers.
            let known = SearchRequest { k: k + 2, ..request };
            let known: Vec<Hit> = exact.plain(&fixture.vectors, &known).hits.into_iter().skip(2).collect();
            for isa in Isa::available() {
                exact = exact.with_isa(isa);
                let plain = exact.plain(&fixture.vectors, &request);
                prop_assert_eq!(bits(&plain), truth.clone(), "plain, {:?}", isa);
                for known in [&[], known.as_slice()] {
                    let found = exact.search(&fixture.vectors, &SearchRequest { known, ..request }).unwrap();
                    prop_assert_eq!(bits(&found), truth.clone(), "pruned, {:?}, {} known", isa, known.len());
                }
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

fn graph_of(fixture: &Fixture, schema: &Schema, builder: &dyn GraphBuilder, layout: LayoutKind) -> Hnsw {
    let path = graph_file(fixture, schema, builder, layout);
    let (n_items, dim) = (fixture.vectors.len(), fixture.vectors.dim());
    let graph = Hnsw::open(&path, &FileEntry::of(&path).unwrap(), n_items, dim).unwrap();
    graph.verify(&fixture.vectors).unwrap();
    graph
}

/// A new file: a mapped one is never written again.
fn graph_file(
    fixture: &Fixture,
    schema: &Schema,
    builder: &dyn GraphBuilder,
    layout: LayoutKind,
) -> std::path::PathBuf {
    let metric = BuildMetric::of_build_weights(schema);
    let (rows, n_items, dim) = (fixture.vectors.rows(), fixture.vectors.len(), fixture.vectors.dim());
    let points = metric.points(rows);
    let points = MetricPoints::new(&points, metric.stride());
    let built = builder.build(&points, PARAMETERS, &Progress::hidden(), &CancelToken::new());
    let mut neighbours = built.unwrap();
    let mut entries = sample_entries(n_items, dim, layout);
    repair(&mut neighbours, &mut entries);
    let directory = tempfile::tempdir_in(fixture.directory.path()).unwrap().keep();
    write_graph(&directory, &neighbours, &entries, rows, dim, layout).unwrap();
    directory.join(hnsw::GRAPH_FILE)
}

const PARAMETERS: GraphParameters = GraphParameters { m: 12, ef_construction: 80, seed: 1 };

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
    let graph = |builder, layout| graph_of(&fixture, &schema, builder, layout);
    let forest = forest_of(&fixture, n_items, &schema);
    let mut engines: Vec<(Box<dyn Engine>, usize, f64)> =
        vec![(Box::new(graph(&HnswRs, LayoutKind::Inline)), 100, 0.97), (Box::new(forest), 2_000, 0.9)];
    for isa in Isa::available() {
        engines.push((Box::new(graph(&Batched, LayoutKind::Inline).with_isa(isa)), 64, 0.98));
        engines.push((Box::new(graph(&Batched, LayoutKind::Split).with_isa(isa)), 64, 0.98));
    }
    let mut rng = StdRng::seed_from_u64(3);
    let half = Allowed::new(ItemSet::from_fn(n_items, |item| item % 2 == 0), &fixture.vectors);
    let few = Allowed::new(ItemSet::from_fn(n_items, |item| item % 500 == 0), &fixture.vectors);
    for (number, (engine, effort, floor)) in engines.iter().enumerate() {
        let (mut n_found, mut n_true) = (0, 0);
        for number in 0..60 {
            let weights: Vec<f32> = (0..dim).map(|_| 0.2 + 0.8 * rng.random::<f32>()).collect();
            let vector: Vec<f32> = (0..dim).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect();
            let query = Query::new(&vector, &weights, 0.5);
            let allowed = [None, Some(&half), Some(&few)][number % 3];
            let effort = if number % 3 == 1 { 3 * effort } else { *effort };
            let excluded = &[ItemIdx(4)];
            let request = SearchRequest { query: &query, k: 10, allowed, excluded, effort, known: &[] };
            let found = engine.search(&fixture.vectors, &request).unwrap();
            for pair in found.hits.windows(2) {
                assert!(pair[0].score >= pair[1].score);
            }
            for hit in &found.hits {
                assert!(accepts(&request, hit.item), "{} returns what the filter rejects", engine.kind());
                assert_eq!(hit.score, canonical(&query, &items[hit.item.as_usize()]));
            }
            if number % 3 == 2 && engine.kind() == EngineKind::Hnsw {
                // A beam may miss what a filter leaves of so many; it must not invent anything.
                continue;
            }
            let truth = brute_force(&items, &request);
            n_true += truth.len();
            n_found += bits(&found).iter().filter(|hit| truth.contains(hit)).count();
        }
        let recall = n_found as f64 / n_true as f64;
        assert!(recall >= *floor, "engine {number}, {}, reaches recall {recall}", engine.kind());
    }
}

/// How many of the true best ten of 100 random queries are found.
fn found_by(graph: &Hnsw, fixture: &Fixture, items: &[Vec<f32>], allowed: Option<&Allowed>) -> usize {
    let mut rng = StdRng::seed_from_u64(11);
    let dim = items[0].len();
    let found = (0..100).map(|_| {
        let vector: Vec<f32> = (0..dim).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect();
        let query = Query::new(&vector, &vec![1.0; dim], 0.5);
        let request = SearchRequest { query: &query, k: 10, allowed, excluded: &[], effort: 16, known: &[] };
        let truth = brute_force(items, &request);
        let found = bits(&graph.search(&fixture.vectors, &request).unwrap());
        found.iter().filter(|hit| truth.contains(hit)).count()
    });
    found.sum()
}

#[test]
fn a_filter_that_accepts_nearly_everything_costs_no_recall() {
    let (items, schema) = clustered(20_000, 8, 5);
    let fixture = fixture(&items);
    let graph = graph_of(&fixture, &schema, &Batched, LayoutKind::Inline);
    let most = Allowed::new(ItemSet::from_fn(items.len(), |item| item % 20 != 0), &fixture.vectors);
    let without = found_by(&graph, &fixture, &items, None);
    let with = found_by(&graph, &fixture, &items, Some(&most));
    assert!(with + 5 >= without, "{with} of 1000 with the filter, {without} without");
}

#[test]
fn a_graph_of_garbage_is_searched_without_a_panic() {
    let (items, schema) = clustered(3_000, 6, 9);
    let fixture = fixture(&items);
    for layout in [LayoutKind::Inline, LayoutKind::Split] {
        let path = graph_file(&fixture, &schema, &Batched, layout);
        let whole = std::fs::read(&path).unwrap();
        let mut rng = StdRng::seed_from_u64(2);
        let mut n_searched = 0;
        for number in 0..60 {
            // The head's checksum says nothing of the sections behind it, which any disk may damage.
            let mut bytes = whole.clone();
            let from = rng.random_range(700..bytes.len() - 5_000);
            let n = if number % 2 == 0 { bytes.len() } else { 5_000 };
            for byte in bytes.iter_mut().skip(from).take(n) {
                *byte = [rng.random(), 0, 0x7F, 0xFF][number % 4];
            }
            let damaged = path.with_extension(format!("{number}"));
            std::fs::write(&damaged, bytes).unwrap();
            let entry = FileEntry::of(&damaged).unwrap();
            let Ok(graph) = Hnsw::open(&damaged, &entry, items.len(), 6) else { continue };
            n_searched += 1;
            for isa in Isa::available() {
                let query = Query::new(&items[7], &[1.0; 6], 0.5);
                let request = SearchRequest {
                    query: &query,
                    k: 10,
                    allowed: None,
                    excluded: &[],
                    effort: 50,
                    known: &[],
                };
                let graph = Hnsw::open(&damaged, &entry, items.len(), 6).unwrap().with_isa(isa);
                for hit in graph.search(&fixture.vectors, &request).unwrap().hits {
                    assert_eq!(hit.score, canonical(&query, &items[hit.item.as_usize()]), "scores stay true");
                }
            }
            // Zeros are links to item 0, ones are none: only the file's checksum tells that from a poor graph.
            let is_found = graph.verify(&fixture.vectors).is_err();
            assert!(is_found || number % 2 == 1, "{layout:?}: from byte {from} on");
        }
        assert!(n_searched > 20, "{n_searched}");
    }
}

#[test]
fn a_beam_has_a_largest_width() {
    let (n_items, dim) = (9_000, 4);
    let (items, schema) = clustered(n_items, dim, 3);
    let fixture = fixture(&items);
    let graph = graph_of(&fixture, &schema, &Batched, LayoutKind::Inline);
    let query = Query::new(&items[5], &[1.0; 4], 0.5);
    let request =
        SearchRequest { query: &query, k: 8_500, allowed: None, excluded: &[], effort: 10, known: &[] };
    let all = graph.search(&fixture.vectors, &request).unwrap();
    assert_eq!(bits(&all), brute_force(&items, &request), "so many are scanned for");
    let few = SearchRequest { k: 10, effort: usize::MAX, ..request };
    assert_eq!(bits(&graph.search(&fixture.vectors, &few).unwrap()), brute_force(&items, &few));
}

#[test]
fn the_batched_builder_gives_the_same_graph_on_any_number_of_threads() {
    let (items, schema) = clustered(3000, 6, 11);
    let fixture = fixture(&items);
    let metric = BuildMetric::of_build_weights(&schema);
    let points = metric.points(fixture.vectors.rows());
    let points = MetricPoints::new(&points, metric.stride());
    let build = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let parameters = GraphParameters { seed, ..PARAMETERS };
        pool.install(|| Batched.build(&points, parameters, &Progress::hidden(), &CancelToken::new()).unwrap())
    };
    let one = build(1, 5);
    assert_eq!(one, build(3, 5));
    assert_ne!(one, build(1, 6), "the seed matters");
    let width = PARAMETERS.width();
    for item in 0..items.len() {
        let links: Vec<u32> = one.of(item).iter().copied().filter(|id| *id != Neighbours::NONE).collect();
        let mut unique = links.clone();
        unique.sort_unstable();
        unique.dedup();
        assert!(unique.len() == links.len() && !links.contains(&(item as u32)), "no link twice or to itself");
        assert!(links.len() >= width / 2, "refining fills the places");
    }
}

#[test]
fn builders_refuse_what_they_cannot_build() {
    for kind in BuilderKind::ALL {
        let build = |points: &[f32], m: usize| {
            let parameters = GraphParameters { m, ..PARAMETERS };
            let points = MetricPoints::new(points, 16);
            kind.builder().build(&points, parameters, &Progress::hidden(), &CancelToken::new())
        };
        let mut point = vec![0.0_f32; 16];
        point[0] = 1.0;
        assert!(build(&point, 16).is_ok(), "one point is a graph");
        let same: Vec<f32> = point.iter().copied().cycle().take(16 * 200).collect();
        assert!(build(&same, 16).is_ok(), "points may all be the same");
        for m in [0, 1, 129, 257, 100_000] {
            assert!(matches!(build(&point, m), Err(GraphError::Parameter { .. })), "m = {m}");
        }
        for bad in [f32::NAN, f32::INFINITY, 0.0, 5.0] {
            point[0] = bad;
            assert!(matches!(build(&point, 16), Err(GraphError::Point(0))), "{bad}");
        }
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
    let metric_points = MetricPoints::new(&points, metric.stride());
    for kind in BuilderKind::ALL {
        let built = kind.builder().build(&metric_points, PARAMETERS, &Progress::hidden(), &cancel);
        assert!(matches!(built, Err(GraphError::Cancelled(_))));
    }
    let parameters = ForestParameters { trees: 5, seed: 1 };
    let directory = fixture.directory.path();
    let (stride, dim) = (metric.stride(), metric.dim());
    let built = build_forest(directory, &points, stride, dim, parameters, &Progress::hidden(), &cancel);
    assert!(matches!(built, Err(ForestError::Cancelled(_))));
    assert!(!directory.join(FOREST_FILE).exists(), "nothing is left behind");
}
