//! Kanerva's kernel: how many of the `2^N` binary addresses lie within Hamming radius `rho` of two states at distance `d`.
//!
//! `count(N, rho, d) = sum_a C(d, a) sum_{b <= rho - max(a, d - a)} C(N - d, b)`: of the d positions in which the states
//! differ the address takes a from one state and d - a from the other, and it may miss both in b further positions. The
//! kernel is `count / 2^N`. Counts are exact integers up to N = 120; beyond, sums of logarithms.

use neuropil_core::check;
use neuropil_core::special::log_sum_exp;

use crate::error::Result;

/// Largest N for which counts are computed in integers.
const EXACT: usize = 120;

/// Number of addresses within `rho` of both of two states of `n` entries at Hamming distance `distance`, exactly.
///
/// `None` if `n` is above 120, where the count no longer fits into 128 bits with certainty; see
/// [`ln_shared_addresses`].
#[must_use]
pub fn shared_address_count(n: usize, rho: usize, distance: usize) -> Option<u128> {
    if n > EXACT || distance > n {
        return None;
    }
    let rest = binomials(n - distance);
    let mut within = Vec::with_capacity(rest.len());
    let mut total = 0_u128;
    for count in &rest {
        total += count;
        within.push(total);
    }
    let differing = binomials(distance);
    let mut count = 0_u128;
    for (a, ways) in differing.iter().enumerate() {
        let further = a.max(distance - a);
        if further <= rho {
            count += ways * within[(rho - further).min(n - distance)];
        }
    }
    Some(count)
}

/// Natural logarithm of the number of addresses within `rho` of both states; minus infinity when there is none.
#[must_use]
pub fn ln_shared_addresses(n: usize, rho: usize, distance: usize) -> f64 {
    if let Some(count) = shared_address_count(n, rho, distance) {
        return (count as f64).ln();
    }
    if distance > n {
        return f64::NEG_INFINITY;
    }
    LogBinomials::new(n).shared(n, rho, distance)
}

/// The kernel for every Hamming distance 0 to n: `n + 1` probabilities.
///
/// # Errors
/// `n` of zero or a radius above `n`.
///
/// ```
/// let kernel = neuropil_memory::kernel::sparse_distributed_overlap(10, 3)?;
/// assert_eq!(kernel[0] * 1024.0, 176.0);
/// assert_eq!(kernel[2] * 1024.0, 92.0);
/// # Ok::<(), neuropil_memory::Error>(())
/// ```
pub fn sparse_distributed_overlap(n: usize, rho: usize) -> Result<Vec<f64>> {
    check::at_least("n", n, 1)?;
    check::within("radius", rho, 0..=n)?;
    if n <= EXACT {
        return Ok((0..=n).map(|distance| overlap_at(n, rho, distance)).collect());
    }
    let table = LogBinomials::new(n);
    let all = n as f64 * std::f64::consts::LN_2;
    Ok((0..=n).map(|distance| (table.shared(n, rho, distance) - all).exp()).collect())
}

/// The kernel at one distance.
pub(super) fn overlap_at(n: usize, rho: usize, distance: usize) -> f64 {
    if let Some(count) = shared_address_count(n, rho, distance.min(n)) {
        return count as f64 / 2_f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    }
    (ln_shared_addresses(n, rho, distance.min(n)) - n as f64 * std::f64::consts::LN_2).exp()
}

/// Row `m` of Pascal's triangle; exact for `m <= 120`.
fn binomials(m: usize) -> Vec<u128> {
    let mut row = vec![1_u128; m + 1];
    for k in 1..=m {
        // Pascal's rule from the right keeps one row and never divides.
        for j in (1..k).rev() {
            row[j] += row[j - 1];
        }
    }
    row
}

/// `ln n!` for all n up to a size, summed once: accurate to a few units in the last place of the sum.
struct LogBinomials {
    ln_factorial: Vec<f64>,
}

impl LogBinomials {
    fn new(n: usize) -> Self {
        let mut ln_factorial = Vec::with_capacity(n + 1);
        // Compensated summation: the logarithms add up to ten thousands, of which differences are taken.
        let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
        ln_factorial.push(0.0);
        for i in 1..=n {
            let term = (i as f64).ln() - lost;
            let next = sum + term;
            lost = (next - sum) - term;
            sum = next;
            ln_factorial.push(sum);
        }
        Self { ln_factorial }
    }

    fn binomial(&self, n: usize, k: usize) -> f64 {
        self.ln_factorial[n] - self.ln_factorial[k] - self.ln_factorial[n - k]
    }

    fn shared(&self, n: usize, rho: usize, distance: usize) -> f64 {
        let rest = n - distance;
        // ln of the number of ways to miss both in at most k of the remaining positions.
        let mut within = Vec::with_capacity(rest + 1);
        let mut total = f64::NEG_INFINITY;
        for b in 0..=rest.min(rho) {
            total = neuropil_core::special::log_add_exp(total, self.binomial(rest, b));
            within.push(total);
        }
        let terms: Vec<f64> = (0..=distance)
            .filter_map(|a| {
                let further = a.max(distance - a);
                let spare = rho.checked_sub(further)?;
                Some(self.binomial(distance, a) + within[spare.min(within.len() - 1)])
            })
            .collect();
        log_sum_exp(&terms)
    }
}

#[cfg(test)]
pub(super) mod tests_support {
    /// The counts by logarithms where integers would do, to hold the two equal.
    pub fn by_logarithms(n: usize, rho: usize) -> Vec<f64> {
        let table = super::LogBinomials::new(n);
        (0..=n).map(|distance| table.shared(n, rho, distance)).collect()
    }
}
