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

fn block_of(items: &[Vec<f32>], dim: usize) -> Vec<f32> {
    let mut block = vec![0.0; dim * BLOCK];
    for (item, vector) in items.iter().enumerate() {
        for (i, x) in vector.iter().enumerate() {
            // Spread over the block, so that every group of lanes is met.
            block[i * BLOCK + item * 25] = *x;
        }
    }
    block
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
    fn block_kernels_keep_their_error_bound((vector, weights, anchor, items) in case()) {
        let query = Query::new(&vector, &weights, anchor);
        let Some(error) = query.f32_error() else { return Ok(()) };
        let block = block_of(&items, vector.len());
        for isa in Isa::available() {
            let mut scores = vec![0.0; BLOCK];
            Kernels::of(isa).unwrap().score_block(&query, &block, &mut scores);
            for (item, vector) in items.iter().enumerate() {
                let (score, truth) = (scores[item * 25], canonical(&query, vector));
                prop_assert!(
                    score == RESCORE || (score - truth).abs() <= error,
                    "{isa:?}: {score} is not within {error} of {truth}"
                );
            }
        }
    }

    #[test]
    fn row_kernels_agree_with_the_canonical_score((vector, weights, anchor, items) in case()) {
        let query = Query::new(&vector, &weights, anchor);
        let Some(error) = query.f32_error() else { return Ok(()) };
        let rows = rows_of(&items, vector.len());
        let ids: Vec<u32> = (0..items.len() as u32).rev().collect();
        for isa in Isa::available() {
            let mut scores = Vec::new();
            Kernels::of(isa).unwrap().score_rows(&query, &rows, &ids, &mut scores);
            prop_assert_eq!(scores.len(), ids.len());
            for (score, id) in scores.iter().zip(&ids) {
                let item = &items[*id as usize];
                let norm: f32 = anchor + item.iter().zip(&weights).map(|(x, w)| w * x * x).sum::<f32>();
                let truth = canonical(&query, item);
                prop_assert!(norm < 2.0 * TINY || (score - truth).abs() <= error, "{isa:?}: {score} for {truth}");
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
