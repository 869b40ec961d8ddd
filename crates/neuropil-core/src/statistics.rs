//! Statistics of samples: means with their uncertainty, quantiles, correlations, bootstrap intervals.
//!
//! A quantity that a sample does not define (the mean of nothing, the variance of one value, the correlation with a
//! constant) is `None`. A NaN among the values is not left out: it makes the result NaN, so that it is seen.
//! Sums are compensated, so that a mean is accurate to the last digits whatever the number of values.

use crate::random::Seed;
use rand::Rng;

/// The largest of some values; NaN if one of them is NaN, or if there are none. (`f64::max` would leave NaN out.)
#[must_use]
pub fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    let larger = |a: f64, b: f64| if a.is_nan() || a > b { a } else { b };
    values.into_iter().reduce(larger).unwrap_or(f64::NAN)
}

/// The sum of all values with Neumaier's compensation; zero for an empty slice.
#[must_use]
pub fn sum(values: &[f64]) -> f64 {
    compensated_sum(values.iter().copied())
}

fn compensated_sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = total + value;
        lost += if total.abs() >= value.abs() { (total - next) + value } else { (value - next) + total };
        total = next;
    }
    // With an infinity among the values the compensation is NaN, while the plain sum is right.
    if lost.is_finite() { total + lost } else { total }
}

/// The arithmetic mean; `None` for an empty slice.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| sum(values) / values.len() as f64)
}

/// The unbiased variance (divisor `n - 1`); `None` for fewer than two values.
#[must_use]
pub fn variance(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = mean(values)?;
    Some(compensated_sum(values.iter().map(|value| (value - mean).powi(2))) / (values.len() - 1) as f64)
}

/// The standard deviation, the square root of [`variance`].
#[must_use]
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    variance(values).map(f64::sqrt)
}

/// The standard error of the mean, `sqrt(variance / n)`; `None` for fewer than two values.
#[must_use]
pub fn standard_error(values: &[f64]) -> Option<f64> {
    variance(values).map(|variance| (variance / values.len() as f64).sqrt())
}

/// The mean and its standard error; `None` for fewer than two values.
#[must_use]
pub fn mean_and_standard_error(values: &[f64]) -> Option<(f64, f64)> {
    Some((mean(values)?, standard_error(values)?))
}

/// The quantile at `probability` in `[0, 1]`, by linear interpolation between order statistics (type 7 of Hyndman and
/// Fan 1996, the default of numpy and R); `None` for an empty slice or a probability outside its range.
#[must_use]
pub fn quantile(values: &[f64], probability: f64) -> Option<f64> {
    quantiles(values, &[probability]).map(|found| found[0])
}

/// Several quantiles at once: sorts once. See [`quantile`].
#[must_use]
pub fn quantiles(values: &[f64], probabilities: &[f64]) -> Option<Vec<f64>> {
    if values.is_empty() || probabilities.iter().any(|p| !(0.0..=1.0).contains(p)) {
        return None;
    }
    if values.iter().any(|value| value.is_nan()) {
        return Some(vec![f64::NAN; probabilities.len()]);
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |probability: f64| {
        let position = probability * (sorted.len() - 1) as f64;
        let below = position as usize;
        let above = (below + 1).min(sorted.len() - 1);
        let fraction = position - below as f64;
        // Without the branch two equal infinities would give NaN.
        if fraction == 0.0 || sorted[below] == sorted[above] {
            sorted[below]
        } else {
            sorted[below] + fraction * (sorted[above] - sorted[below])
        }
    };
    Some(probabilities.iter().map(|&probability| at(probability)).collect())
}

/// The median; `None` for an empty slice.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Pearson's correlation of pairs `(x[i], y[i])`, in `[-1, 1]`; `None` for different lengths, fewer than two pairs or
/// a constant.
#[must_use]
pub fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.len() != y.len() || x.len() < 2 {
        return None;
    }
    let (mean_x, mean_y) = (mean(x)?, mean(y)?);
    // Scaling by the largest deviation keeps squares from overflowing or vanishing.
    let scale = |values: &[f64], mean: f64| values.iter().fold(0.0_f64, |s, value| s.max((value - mean).abs()));
    let (scale_x, scale_y) = (scale(x, mean_x), scale(y, mean_y));
    if (mean_x + mean_y).is_nan() {
        return Some(f64::NAN);
    }
    // A deviation at the level of rounding is a constant, not a signal.
    if scale_x <= 4.0 * f64::EPSILON * mean_x.abs() || scale_y <= 4.0 * f64::EPSILON * mean_y.abs() {
        return None;
    }
    let pairs = || x.iter().zip(y).map(|(a, b)| ((a - mean_x) / scale_x, (b - mean_y) / scale_y));
    let covariance = compensated_sum(pairs().map(|(a, b)| a * b));
    let variance_x = compensated_sum(pairs().map(|(a, _)| a * a));
    let variance_y = compensated_sum(pairs().map(|(_, b)| b * b));
    Some((covariance / (variance_x * variance_y).sqrt()).clamp(-1.0, 1.0))
}

/// Spearman's rank correlation: [`correlation`] of the [`ranks`].
#[must_use]
pub fn rank_correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    if x.len() != y.len() {
        return None;
    }
    if x.iter().chain(y).any(|value| value.is_nan()) {
        return Some(f64::NAN);
    }
    correlation(&ranks(x), &ranks(y))
}

/// The ranks from 1 to n; equal values share the mean of their ranks. NaN ranks last.
#[must_use]
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].partial_cmp(&values[b]).unwrap_or_else(|| values[a].total_cmp(&values[b])));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        let shared = (start + 1 + end) as f64 / 2.0;
        for &i in &order[start..end] {
            ranks[i] = shared;
        }
        start = end;
    }
    ranks
}

/// The percentile bootstrap interval of a statistic (Efron 1979): the values are resampled with replacement
/// `n_resamples` times and the central `level` of the statistic is returned as `(low, high)`.
///
/// Values are anything that can be copied: numbers, or pairs for the interval of a correlation. `None` for no values, no
/// resamples or a level outside `(0, 1)`; NaN if the statistic is NaN on a resample.
///
/// ```
/// use neuropil_core::statistics::{bootstrap_interval, mean};
///
/// let values: Vec<f64> = (0..100).map(f64::from).collect();
/// let (low, high) = bootstrap_interval(&values, |v| mean(v).unwrap_or(f64::NAN), 500, 0.95, 0).unwrap();
/// assert!(low < 49.5 && 49.5 < high);
/// ```
pub fn bootstrap_interval<T: Copy>(
    values: &[T],
    mut statistic: impl FnMut(&[T]) -> f64,
    n_resamples: usize,
    level: f64,
    seed: impl Into<Seed>,
) -> Option<(f64, f64)> {
    if values.is_empty() || n_resamples == 0 || !(level > 0.0 && level < 1.0) {
        return None;
    }
    let mut stream = seed.into().child("bootstrap").stream();
    let mut resample = values.to_vec();
    let statistics: Vec<f64> = (0..n_resamples)
        .map(|_| {
            for slot in &mut resample {
                // The high half of the product is uniform on 0..n up to a bias of n / 2^64.
                let index = (u128::from(stream.next_u64()) * values.len() as u128) >> 64;
                *slot = values[index as usize];
            }
            statistic(&resample)
        })
        .collect();
    let found = quantiles(&statistics, &[(1.0 - level) / 2.0, f64::midpoint(1.0, level)])?;
    Some((found[0], found[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_value_does_not_hide_nan() {
        assert_eq!(largest([-3.0, -1.0, -2.0]), -1.0);
        for values in [[f64::NAN, 1.0, 2.0], [1.0, f64::NAN, 2.0], [1.0, 2.0, f64::NAN]] {
            assert!(largest(values).is_nan());
        }
        assert!(largest([]).is_nan());
        assert_eq!(largest([1.0, f64::INFINITY]), f64::INFINITY);
    }

    #[test]
    fn a_sum_keeps_what_plain_addition_loses() {
        assert_eq!(sum(&[1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        let tenths = vec![0.1; 1_000_000];
        assert_eq!(mean(&tenths), Some(0.1));
    }

    #[test]
    fn moments_agree_with_hand_computed_values() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&values), Some(5.0));
        assert!((variance(&values).unwrap() - 32.0 / 7.0).abs() < 1e-15);
        assert!((standard_deviation(&values).unwrap() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-15);
        let (mean, error) = mean_and_standard_error(&values).unwrap();
        assert_eq!(mean, 5.0);
        assert!((error - (32.0_f64 / 56.0).sqrt()).abs() < 1e-15);
        let shifted: Vec<f64> = values.iter().map(|v| v + 1e9).collect();
        assert!((variance(&shifted).unwrap() - 32.0 / 7.0).abs() < 1e-12);
    }

    #[test]
    fn what_a_sample_does_not_define_is_none_and_nan_stays_visible() {
        assert_eq!((mean(&[]), variance(&[1.0]), standard_error(&[]), quantile(&[], 0.5)), (None, None, None, None));
        assert_eq!(quantile(&[1.0], 1.5), None);
        assert_eq!(quantile(&[1.0], f64::NAN), None);
        assert_eq!(correlation(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(correlation(&[1.0, 2.0, 3.0], &[0.1, 0.1, 0.1]), None);
        assert_eq!(correlation(&[1.0, 2.0, 3.0], &[0.0, 0.0, 0.0]), None);
        for found in [
            mean(&[1.0, f64::NAN]),
            variance(&[1.0, f64::NAN]),
            median(&[f64::NAN, 1.0]),
            correlation(&[1.0, f64::NAN, 2.0], &[1.0, 2.0, 3.0]),
            rank_correlation(&[1.0, f64::NAN, 2.0], &[1.0, 2.0, 3.0]),
        ] {
            assert!(found.is_some_and(f64::is_nan));
        }
    }

    #[test]
    fn quantiles_interpolate_as_numpy_does() {
        // numpy.quantile([3, 1, 4, 1, 5], [0, 0.1, 0.5, 0.9, 1])
        let found = quantiles(&[3.0, 1.0, 4.0, 1.0, 5.0], &[0.0, 0.1, 0.5, 0.9, 1.0]).unwrap();
        for (value, expected) in found.iter().zip([1.0, 1.0, 3.0, 4.6, 5.0]) {
            assert!((value - expected).abs() < 1e-14, "{found:?}");
        }
        assert_eq!(median(&[f64::INFINITY, f64::INFINITY]), Some(f64::INFINITY));
    }

    #[test]
    fn correlations_see_lines_and_orders() {
        let x: Vec<f64> = (0..50).map(f64::from).collect();
        let line: Vec<f64> = x.iter().map(|v| 3.0 - 2.0 * v).collect();
        let growth: Vec<f64> = x.iter().map(|v| v.exp()).collect();
        assert_eq!(correlation(&x, &line), Some(-1.0));
        assert_eq!(rank_correlation(&x, &growth), Some(1.0));
        assert!(correlation(&x, &growth).unwrap() < 0.5);
        // scipy.stats.spearmanr([1, 2, 2, 3], [4, 1, 3, 2])
        assert!((rank_correlation(&[1.0, 2.0, 2.0, 3.0], &[4.0, 1.0, 3.0, 2.0]).unwrap() + 0.632_455_532).abs() < 1e-9);
        assert_eq!(ranks(&[10.0, 20.0, 10.0]), [1.5, 3.0, 1.5]);
        let huge: Vec<f64> = x.iter().map(|v| v * 1e200).collect();
        assert!((correlation(&huge, &line).unwrap() + 1.0).abs() < 1e-14);
    }

    #[test]
    fn rank_correlation_is_spearmans_formula_where_no_values_are_equal() {
        // 1 - 6 sum d^2 / (n (n^2 - 1))
        let x = [3.1, -2.0, 7.5, 0.4, 12.0, 5.0, -9.0];
        let y = [0.2, 1.4, -3.0, 8.0, 2.5, -1.0, 0.9];
        let squares: f64 = ranks(&x).iter().zip(ranks(&y)).map(|(a, b)| (a - b).powi(2)).sum();
        let wanted = 1.0 - 6.0 * squares / (7.0 * 48.0);
        assert!((rank_correlation(&x, &y).unwrap() - wanted).abs() < 1e-14);
        assert_eq!(ranks(&x), [4.0, 2.0, 6.0, 3.0, 7.0, 5.0, 1.0]);
        assert_eq!(ranks(&[5.0, 1.0, 5.0, 5.0, 0.0]), [4.0, 2.0, 4.0, 4.0, 1.0]);
        assert_eq!(rank_correlation(&x, &y[1..]), None);
        assert_eq!(rank_correlation(&x, &[1.0; 7]), None);
        // Monotone in x and in y: unchanged; reversed: the sign.
        let cubes: Vec<f64> = x.iter().map(|x| x.powi(3)).collect();
        assert_eq!(rank_correlation(&cubes, &y), rank_correlation(&x, &y));
        let reversed: Vec<f64> = y.iter().map(|y| -y).collect();
        assert!((rank_correlation(&x, &reversed).unwrap() + wanted).abs() < 1e-14);
    }

    #[test]
    fn a_bootstrap_draws_every_value_equally_often_and_returns_the_central_share() {
        let values: Vec<usize> = (0..7).collect();
        let (mut drawn, mut means) = ([0_usize; 7], Vec::new());
        let statistic = |sample: &[usize]| {
            assert_eq!(sample.len(), 7);
            sample.iter().for_each(|&i| drawn[i] += 1);
            // Skewed, so that the two ends differ.
            let value = sample.iter().map(|&i| (i as f64).exp()).sum::<f64>() / 7.0;
            means.push(value);
            value
        };
        let interval = bootstrap_interval(&values, statistic, 3000, 0.8, 5).unwrap();
        assert_eq!(means.len(), 3000);
        let wanted = quantiles(&means, &[0.1, 0.9]).unwrap();
        assert!((interval.0 - wanted[0]).abs() < 1e-12 && (interval.1 - wanted[1]).abs() < 1e-12);
        for (value, count) in drawn.iter().enumerate() {
            // Binomial with 21,000 draws: the standard deviation is 51.
            assert!(count.abs_diff(3000) < 200, "value {value} was drawn {count} times");
        }
    }

    #[test]
    fn a_bootstrap_interval_has_the_width_of_theory_and_repeats_for_a_seed() {
        let n = 400;
        let values: Vec<f64> = (0..n).map(|i| (f64::from(i) + 0.5) / f64::from(n)).collect();
        let of_mean = |seed: u64| bootstrap_interval(&values, |v| mean(v).unwrap(), 2000, 0.95, seed).unwrap();
        let (low, high) = of_mean(1);
        // The mean of n uniforms has standard deviation sqrt(1 / 12 n); the interval spans 2 x 1.96 of them.
        let expected = 2.0 * 1.959_964 * (1.0 / (12.0 * f64::from(n))).sqrt();
        assert!(((high - low) / expected - 1.0).abs() < 0.1, "{low} to {high}");
        assert_eq!(of_mean(1), (low, high));
        assert_ne!(of_mean(2), (low, high));
        let pairs: Vec<(f64, f64)> = values.iter().map(|v| (*v, v * v)).collect();
        let slope = |p: &[(f64, f64)]| p.iter().map(|(x, y)| x * y).sum::<f64>() / p.len() as f64;
        assert!(bootstrap_interval(&pairs, slope, 100, 0.9, Seed::new(3)).is_some());
        assert_eq!(bootstrap_interval::<f64>(&[], |_| 0.0, 10, 0.9, 0), None);
        assert_eq!(bootstrap_interval(&[1.0], |_| 0.0, 10, 1.0, 0), None);
    }
}
