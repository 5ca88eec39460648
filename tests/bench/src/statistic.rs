//! Medians, because one disturbed slice must not move a figure, and ratios within a round, because the machine's speed
//! drifts from round to round.

/// The median; 0 for no values.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The median of the ratios within each round.
pub(crate) fn paired_ratio(numerators: &[f64], denominators: &[f64]) -> f64 {
    let ratios: Vec<f64> =
        numerators.iter().zip(denominators).map(|(numerator, denominator)| numerator / denominator).collect();
    median(&ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_close(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-9, "{left} is not {right}");
    }

    #[test]
    fn the_median_is_the_middle_value() {
        assert_close(median(&[]), 0.0);
        assert_close(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_close(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        assert_close(paired_ratio(&[50.0, 90.0, 10.0], &[100.0, 100.0, 10.0]), 0.9);
    }
}
