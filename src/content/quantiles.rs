//! Where a raw value stands among all of a catalogue, from a table of its quantiles.

/// Quantiles kept of a feature: every tenth of a percent.
pub(crate) const N_QUANTILES: usize = 1_001;

/// The quantiles of `values`, `[N_QUANTILES]`, from the smallest to the largest; NaN where there is no value.
pub(crate) fn quantiles(mut values: Vec<f64>) -> Vec<f64> {
    values.retain(|value| !value.is_nan());
    values.sort_unstable_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return vec![f64::NAN; N_QUANTILES] };
    // Round to the nearest: the first and the last are the extremes.
    let steps = N_QUANTILES - 1;
    (0..N_QUANTILES).map(|step| values[(step * last + steps / 2) / steps]).collect()
}

/// Which percentage of the values that `table` was made of is below `value`, equal ones counting half; 0 to 100. `None`
/// where the table is of no values.
pub(crate) fn percentile(table: &[f64], value: f64) -> Option<f64> {
    if value.is_nan() || table.len() < 2 || table[0].is_nan() {
        return None;
    }
    let percent = |step: f64| Some(100.0 * step / (table.len() - 1) as f64);
    let below = table.partition_point(|quantile| *quantile < value);
    let up_to = table.partition_point(|quantile| *quantile <= value);
    if up_to > below {
        return percent((below + up_to - 1) as f64 / 2.0);
    }
    match below {
        0 => Some(0.0),
        _ if below == table.len() => Some(100.0),
        _ => {
            let (low, high) = (table[below - 1], table[below]);
            percent((below - 1) as f64 + (value - low) / (high - low))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_say_how_much_is_below() {
        let table = quantiles((0..=2_000).map(f64::from).collect());
        assert_eq!(table.len(), N_QUANTILES);
        for (value, expected) in
            [(-1.0, 0.0), (0.0, 0.0), (500.0, 25.0), (501.0, 25.05), (2_000.0, 100.0), (9e9, 100.0)]
        {
            let got = percentile(&table, value).unwrap();
            assert!((got - expected).abs() < 0.06, "{value}: {got}, not {expected}");
        }
    }

    #[test]
    fn equal_values_share_their_middle() {
        let mut values = vec![0.0; 600];
        values.extend([1.0; 400]);
        let table = quantiles(values);
        let got = [0.0, 1.0, 0.5].map(|value| percentile(&table, value).unwrap());
        assert!(
            (got[0] - 30.0).abs() < 0.2 && (got[1] - 80.0).abs() < 0.2 && (got[2] - 60.0).abs() < 0.2,
            "{got:?}"
        );
        assert_eq!(percentile(&quantiles(vec![7.0]), 7.0), Some(50.0));
        assert_eq!(percentile(&quantiles(vec![f64::NAN]), 7.0), None);
        assert_eq!(percentile(&table, f64::NAN), None);
    }
}
