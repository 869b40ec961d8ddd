//! Optimal stratified resampling of Fearnhead and Liu (2007).

use neuropil_core::random::{Stream, uniform};
use serde::{Deserialize, Serialize};

/// How the threshold between kept and resampled weights is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Threshold {
    /// The solution of `sum_k min(w_k / c, 1) = n`.
    #[default]
    Exact,
    /// The strict search of the code published with Liakoni et al. (2021). It misses the solution when a weight is so
    /// small that adding it to the next one changes nothing, and then gives all survivors the same weight, even the
    /// one that held nearly all of it; kept to reproduce published numbers.
    Liakoni2021,
}

/// The threshold `c` with `sum_k min(w_k / c, 1) = n`, for weights that sum to one and more than `n` of them.
#[must_use]
pub fn threshold(weights: &[f64], n: usize) -> f64 {
    let ascending = sorted(weights);
    let mut small = weights.len() - n + 1;
    let mut sum: f64 = ascending[..small].iter().sum();
    let mut c = sum;
    while small < ascending.len() && ascending[small] < c {
        sum += ascending[small];
        small += 1;
        c = sum / (n + small - ascending.len()) as f64;
    }
    c
}

/// The threshold of the strict search, and whether it was found; where it was not, all weights count as small.
fn strict_threshold(weights: &[f64], n: usize) -> (f64, bool) {
    let ascending = sorted(weights);
    let mut sum: f64 = ascending[..weights.len() - n].iter().sum();
    for small in weights.len() - n + 1..=weights.len() {
        sum += ascending[small - 1];
        let c = sum / (n + small - weights.len()) as f64;
        if ascending[small - 1] < c && ascending.get(small).is_some_and(|&next| c < next) {
            return (c, true);
        }
    }
    (sum / n as f64, false)
}

fn sorted(weights: &[f64]) -> Vec<f64> {
    let mut ascending = weights.to_vec();
    ascending.sort_unstable_by(f64::total_cmp);
    ascending
}

/// Keeps `n` of the hypotheses (up to one for rounding) and adapts their weights so that the expectation of every
/// weight is what it was. Returns the indices of the survivors; their new weights are in `weights`.
pub fn stratified_optimal(weights: &mut [f64], n: usize, search: Threshold, stream: &mut Stream) -> Vec<usize> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    let (c, found) = match search {
        Threshold::Exact => (threshold(weights, n), true),
        Threshold::Liakoni2021 => {
            order.sort_by(|&i, &j| weights[j].total_cmp(&weights[i]));
            strict_threshold(weights, n)
        }
    };
    let mut survivors = Vec::with_capacity(n + 1);
    let mut distance = uniform(stream) * c;
    for i in order {
        if found && weights[i] >= c {
            if weights[i] > 0.0 {
                survivors.push(i);
            }
            continue;
        }
        distance -= weights[i];
        if distance <= 0.0 {
            distance += c;
            weights[i] = c;
            survivors.push(i);
        }
    }
    survivors.sort_unstable();
    survivors
}

#[cfg(test)]
mod tests {
    use neuropil_core::random::Seed;

    use super::*;

    #[test]
    fn the_threshold_solves_its_equation() {
        for (weights, n, c) in [
            (vec![0.4, 0.3, 0.2, 0.1], 3, 0.3),
            (vec![0.5, 0.2, 0.1, 0.1, 0.06, 0.04], 4, 0.15),
            (vec![0.97, 0.01, 0.01, 0.01], 2, 0.03),
        ] {
            assert!((threshold(&weights, n) - c).abs() < 1e-12, "{weights:?}");
        }
    }

    #[test]
    fn a_zero_weight_does_not_change_the_threshold() {
        let with = [0.5, 0.2, 0.1, 0.1, 0.06, 0.04, 0.0];
        assert!((threshold(&with, 4) - 0.15).abs() < 1e-12);
        // The published search falls back to equal weights for all survivors.
        let (c, found) = strict_threshold(&[0.9, 0.09, 0.01, 0.0], 3);
        assert!((c - 1.0 / 3.0).abs() < 1e-12 && !found);
    }

    #[test]
    fn the_published_search_gives_equal_weights_when_it_finds_nothing() {
        let mut weights = [0.9, 0.09, 0.01, 0.0];
        let survivors = stratified_optimal(&mut weights, 3, Threshold::Liakoni2021, &mut Seed::new(0).stream());
        assert!(survivors.iter().all(|&i| (weights[i] - 1.0 / 3.0).abs() < 1e-12), "{weights:?}");
    }

    #[test]
    fn resampling_keeps_every_weight_in_expectation_and_exactly_n_survive() {
        let weights = [0.5, 0.2, 0.1, 0.1, 0.06, 0.04];
        let (n, repeats) = (4, 100_000);
        let mut stream = Seed::new(3).stream();
        let mut sums = [0.0; 6];
        let mut squares = [0.0; 6];
        for _ in 0..repeats {
            let mut drawn = weights;
            let survivors = stratified_optimal(&mut drawn, n, Threshold::Exact, &mut stream);
            assert!(survivors.len().abs_diff(n) <= 1, "{survivors:?}");
            for &i in &survivors {
                sums[i] += drawn[i];
                squares[i] += drawn[i] * drawn[i];
            }
        }
        for i in 0..weights.len() {
            let mean = sums[i] / f64::from(repeats);
            let standard_error = ((squares[i] / f64::from(repeats) - mean * mean).max(0.0) / f64::from(repeats)).sqrt();
            assert!((mean - weights[i]).abs() <= 4.0 * standard_error + 1e-12, "weight {i}: {mean}");
        }
    }
}
