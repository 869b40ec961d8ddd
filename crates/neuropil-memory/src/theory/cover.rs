//! How many random labellings a linear threshold neuron can learn (Cover 1965).

use neuropil_core::check;

use crate::error::Result;

/// `ln C(n, k)`; minus infinity for `k > n`.
#[must_use]
pub fn ln_binomial(n: usize, k: usize) -> f64 {
    if k > n {
        return f64::NEG_INFINITY;
    }
    let ln_factorial = |n: usize| libm::lgamma(n as f64 + 1.0);
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Probability that M points in general position in a space of D dimensions with fair random labels can be separated
/// by a hyperplane through the origin: `2^(1-M) sum_{k<D} C(M-1, k)`. One half at M = 2 D.
///
/// # Errors
/// For no points or no dimensions.
pub fn cover_probability(n_patterns: usize, dimension: usize) -> Result<f64> {
    check::at_least("n_patterns", n_patterns, 1)?;
    check::at_least("dimension", dimension, 1)?;
    let n = n_patterns - 1;
    if dimension > n {
        return Ok(1.0);
    }
    // The smaller of the two tails is summed, from its largest term down: all terms positive, nothing cancels.
    let (lower, top) = if 2 * dimension <= n + 1 { (true, dimension - 1) } else { (false, n - dimension) };
    let mut term = (ln_binomial(n, top) - n as f64 * std::f64::consts::LN_2).exp();
    let mut tail = term;
    for k in (1..=top).rev() {
        term *= k as f64 / (n - k + 1) as f64;
        tail += term;
        if term < 1e-20 * tail {
            break;
        }
    }
    Ok(if lower { tail.min(1.0) } else { (1.0 - tail).max(0.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_over_all_terms_agrees() {
        for (m, d) in [(1, 1), (5, 2), (12, 6), (30, 25), (40, 13)] {
            let sum: f64 = (0..d.min(m)).map(|k| ln_binomial(m - 1, k).exp()).sum();
            let plain = sum * 2.0_f64.powi(1 - m as i32);
            assert!((cover_probability(m, d).unwrap() - plain).abs() < 1e-12, "{m} {d}");
        }
        assert!(cover_probability(0, 1).is_err());
    }

    #[test]
    fn half_of_the_labellings_at_twice_the_dimension() {
        for d in [1, 7, 1000, 1_000_000] {
            assert!((cover_probability(2 * d, d).unwrap() - 0.5).abs() < 1e-7);
        }
    }
}
