use proptest::prelude::*;

use super::*;

/// A query and items of the same dimension, with zero weights, zero and tiny and large values among them.
fn case() -> impl Strategy<Value = (Vec<f32>, Vec<f32>, f32, Vec<Vec<f32>>)> {
    let value = || prop_oneof![8 => -5.0f32..5.0, 1 => Just(0.0), 1 => -1e-13f32..1e-13, 1 => -1e6f32..1e6];
    let weight = || prop_oneof![3 => 0.0f32..=1.0, 2 => Just(0.0), 1 => Just(1.0), 1 => 0.0f32..1e-6];
    (1usize..70).prop_flat_map(move |dim| {
        (
            prop::collection::vec(value(), dim),
            prop::collection::vec(weight(), dim),
            prop_oneof![Just(0.0f32), Just(0.5), 0.0f32..=1.0],
            prop::collection::vec(prop::collection::vec(value(), dim), 1..40),
        )
    })
}

fn rows_of(items: &[Vec<f32>], dim: usize) -> Vec<f32> {
    let mut rows = vec![0.0; items.len() * stride(dim)];
    for (row, vector) in rows.chunks_exact_mut(stride(dim)).zip(items) {
        row[..dim].copy_from_slice(vector);
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn row_kernels_keep_their_error_bound((vector, weights, anchor, items) in case()) {
        let query = Query::new(&vector, &weights, anchor);
        let Some(error) = query.f32_error() else { return Ok(()) };
        let rows = rows_of(&items, vector.len());
        let ids: Vec<u32> = (0..items.len() as u32).rev().collect();
        for isa in Isa::available() {
            let mut scores = Vec::new();
            score_rows(isa, &query, &rows, &ids, &mut scores);
            prop_assert_eq!(scores.len(), ids.len());
            for (score, id) in scores.iter().zip(&ids) {
                let truth = canonical(&query, &items[*id as usize]);
                prop_assert!(
                    *score == RESCORE || (score - truth).abs() <= error,
                    "{isa:?}: {score} is not within {error} of {truth}"
                );
            }
        }
    }

    #[test]
    fn dot_kernels_agree((vector, _, _, items) in case()) {
        let rows = rows_of(&items, vector.len());
        let mut point = vec![0.0; stride(vector.len())];
        point[..vector.len()].copy_from_slice(&vector);
        let ids: Vec<u32> = (0..items.len() as u32).collect();
        for isa in Isa::available() {
            let mut distances = Vec::new();
            dot_distances(isa, &point, &rows, &ids, &mut distances);
            for (distance, item) in distances.iter().zip(&items) {
                let terms = item.iter().zip(&vector).map(|(a, b)| f64::from(*a) * f64::from(*b));
                let size: f64 = terms.clone().map(f64::abs).sum();
                let truth = (1.0 - terms.sum::<f64>()).max(0.0);
                let off = (f64::from(*distance) - truth).abs();
                prop_assert!(off <= 1e-5 * (1.0 + size), "{isa:?}: {distance} for {truth}");
            }
        }
    }

    #[test]
    fn contributions_add_up_to_the_score((vector, weights, anchor, items) in case()) {
        let query = Query::new(&vector, &weights, anchor);
        let mut shares = vec![0.0; vector.len()];
        for item in &items {
            let sum = contributions(&query, item, &mut shares) + shares.iter().sum::<f64>();
            prop_assert!((sum - f64::from(canonical(&query, item))).abs() <= 1e-6);
        }
    }
}

#[test]
fn the_formula_by_hand() {
    // q = (1, 2), x = (2, 0), w = (1, .5), a = .5: (0.5 + 2) / (sqrt(0.5 + 1 + 2) sqrt(0.5 + 4))
    let query = Query::new(&[1.0, 2.0], &[1.0, 0.5], 0.5);
    let expected = 2.5 / (3.5_f64.sqrt() * 4.5_f64.sqrt());
    assert_eq!(canonical(&query, &[2.0, 0.0]), expected as f32);
    assert_eq!(canonical(&Query::new(&[1.0], &[1.0], 0.0), &[0.0]), 0.0);
    assert_eq!(canonical(&Query::new(&[0.0], &[1.0], 0.0), &[1.0]), 0.0);
}
