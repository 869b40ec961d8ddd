//! Critical subspaces against global minima: ratios of counts, their asymptotics, and the width at which minima win.
//!
//! With `r*` the width that reaches zero loss, the networks of every smaller width leave critical subspaces behind.
//! [`neighbour`] holds those of width `r* - 1` against the minima, [`all_smaller`] the sum over all smaller widths:
//! `R_1 = G(r* - 1, m) / T(r*, m)` and `R_sum = sum_{k < r*} G(k, m) / T(r*, m)`.
//!
//! Two regimes (`h = m - r*` extra neurons): with `h` fixed and `m` growing the ratio grows without bound
//! ([`mild_ratio`]), with `r*` fixed it falls faster than exponentially ([`vast_bound`]). Ratios are taken of whole numbers,
//! so they are exact however large the counts. Source: Simsek et al., arXiv:2105.12221.

use std::f64::consts::{LN_2, LN_10};

use num_bigint::BigUint;
use num_integer::Integer;

use crate::count::{self, binomial, critical_subspaces, factorial, global_minima_subspaces};
use crate::{Error, Result};

/// A ratio of counts, exact and as floating-point numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratio {
    /// Numerator of the fraction in lowest terms.
    pub numerator: BigUint,
    /// Denominator of the fraction in lowest terms.
    pub denominator: BigUint,
    /// Base-10 logarithm of the ratio.
    pub log10: f64,
    /// The ratio; infinite or zero where it leaves the range of f64.
    pub value: f64,
}

impl Ratio {
    /// The ratio of two whole numbers.
    ///
    /// # Errors
    /// If the denominator is 0.
    pub fn new(numerator: &BigUint, denominator: &BigUint) -> Result<Self> {
        if *denominator == BigUint::ZERO {
            return Err(Error::parameter("the number of global minima", 0, "positive: give a width m of at least r"));
        }
        let divisor = numerator.gcd(denominator);
        let (numerator, denominator) = (numerator / &divisor, denominator / &divisor);
        let log10 = count::log10(&numerator) - count::log10(&denominator);
        let value = quotient(&numerator, &denominator);
        Ok(Self { numerator, denominator, log10, value })
    }
}

/// The quotient of two whole numbers with at least 63 correct bits before it is rounded.
fn quotient(numerator: &BigUint, denominator: &BigUint) -> f64 {
    if *numerator == BigUint::ZERO {
        return 0.0;
    }
    let shift = 64 + denominator.bits() as i64 - numerator.bits() as i64;
    let scaled = if shift >= 0 {
        (numerator << shift as u64) / denominator
    } else {
        numerator / (denominator << (-shift) as u64)
    };
    let head =
        scaled.iter_u64_digits().enumerate().map(|(i, digit)| digit as f64 * (64.0 * i as f64).exp2()).sum::<f64>();
    // In two steps, so that a result near the ends of the range does not pass through zero or infinity.
    let half = -shift as f64 / 2.0;
    head * half.floor().exp2() * half.ceil().exp2()
}

/// `R_1 = G(r - 1, m) / T(r, m)`: critical subspaces of the next smaller network against global minima.
///
/// # Errors
/// If `r` is 0, `m < r`, or `m` is too large to be counted.
pub fn neighbour(r: usize, m: usize) -> Result<Ratio> {
    check(r, m)?;
    Ratio::new(&critical_subspaces(r - 1, m), &global_minima_subspaces(r, m))
}

/// `R_sum = sum_{k=1}^{r-1} G(k, m) / T(r, m)`: critical subspaces of all smaller networks against global minima.
///
/// # Errors
/// As [`neighbour`].
pub fn all_smaller(r: usize, m: usize) -> Result<Ratio> {
    check(r, m)?;
    weighted(r, m, &vec![1; r - 1])
}

/// `sum_k alpha_k G(k, m) / T(r, m)`, where width `k` (from 1 to `r - 1`) has `alpha_k` inequivalent critical points.
///
/// # Errors
/// As [`neighbour`], and if `multiplicities` does not hold `r - 1` numbers.
pub fn weighted(r: usize, m: usize, multiplicities: &[u64]) -> Result<Ratio> {
    check(r, m)?;
    if multiplicities.len() != r - 1 {
        return Err(Error::Shape {
            what: "multiplicities of critical points".into(),
            expected: format!("one for each width from 1 to {}", r - 1),
            got: format!("{} values", multiplicities.len()),
        });
    }
    let rows = count::rows(m)?;
    let total = (1..r).map(|k| &rows.critical[k] * multiplicities[k - 1]).sum();
    Ratio::new(&total, &rows.minima[r])
}

/// `prod_l G(r_l - 1, m_l) / prod_l T(r_l, m_l)`: depth multiplies the ratios.
///
/// # Errors
/// As [`neighbour`], and if the lists differ in length.
pub fn neighbour_of_layers(r: &[usize], m: &[usize]) -> Result<Ratio> {
    for (&r, &m) in r.iter().zip(m) {
        check(r, m)?;
    }
    let smaller: Vec<usize> = r.iter().map(|r| r - 1).collect();
    let critical = count::critical_subspaces_of_layers(&smaller, m)?;
    Ratio::new(&critical, &count::global_minima_subspaces_of_layers(r, m)?)
}

/// Which smaller networks count against the minima.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// Only width `r - 1` ([`neighbour`]).
    Neighbour,
    /// All widths from 1 to `r - 1` ([`all_smaller`]).
    AllSmaller,
}

/// The largest number of needed neurons for which [`crossover_width`] searches.
pub const LARGEST_CROSSOVER: usize = 1000;

/// The least width `m >= r` at which there are more subspaces of global minima than critical subspaces.
///
/// # Errors
/// If `r` is 0 or above [`LARGEST_CROSSOVER`].
pub fn crossover_width(r: usize, against: Against) -> Result<usize> {
    if r == 0 || r > LARGEST_CROSSOVER {
        return Err(Error::parameter("r", r, format!("from 1 to {LARGEST_CROSSOVER}")));
    }
    let mut rows = count::rows(r)?;
    let mut m = r;
    loop {
        let critical: BigUint = match against {
            Against::Neighbour => rows.critical[r - 1].clone(),
            Against::AllSmaller => rows.critical[1..r].iter().sum(),
        };
        // Width 0 has no critical point, so for r = 1 nothing stands against the minima.
        if (r == 1 && against == Against::Neighbour) || critical < rows.minima[r] {
            return Ok(m);
        }
        rows.advance();
        m += 1;
    }
}

/// `G(m - k, m) ~ m! m^k / (2^k k!)` for large `m`: natural logarithm of the right side.
#[must_use]
pub fn mild_critical_ln(m: usize, k: usize) -> f64 {
    let k_f = k as f64;
    ln_factorial(m) + k_f * (m as f64).ln() - k_f * LN_2 - ln_factorial(k)
}

/// `T(m - h, m) ~ m! m^h / (2^h h!)` for large `m`: natural logarithm of the right side.
#[must_use]
pub fn mild_minima_ln(m: usize, h: usize) -> f64 {
    mild_critical_ln(m, h)
}

/// `G(r - k, m) / T(r, m) ~ h! m^k / (2^k (k + h)!)` with `h = m - r` extra neurons, for large `m`.
#[must_use]
pub fn mild_ratio(m: usize, k: usize, h: usize) -> f64 {
    let k_f = k as f64;
    (ln_factorial(h) + k_f * (m as f64).ln() - k_f * LN_2 - ln_factorial(k + h)).exp()
}

/// `G(r - k, m) / G(r, m) ~ ((r - k) / r)^m` for fixed `r` and large `m`; since `T >= G` this also bounds the ratio of
/// critical subspaces to minima from above, asymptotically. Zero for `k >= r`.
#[must_use]
pub fn vast_bound(r: usize, k: usize, m: usize) -> f64 {
    if k >= r {
        return 0.0;
    }
    ((r - k) as f64 / r as f64).powf(m as f64)
}

/// Permutation points of order `K` in a hidden layer of `n` neurons: `K` disjoint pairs of neurons merged.
#[derive(Debug, Clone, PartialEq)]
pub struct PermutationPoints {
    /// Arrangements of the neurons: `n! C(n - K, K) / 2^K` (which `K` of the `n - K` distinct neurons are doubled,
    /// times the ways to place them).
    pub arrangements: BigUint,
    /// Arrangements per equivalent minimum, `C(n - K, K) / 2^K`.
    pub per_minimum: Ratio,
}

/// Counts the permutation points of order `order` in a layer of `n` neurons (Brea et al. 2019, arXiv:1907.02911).
///
/// It is the part of `G(n - K, n)` in which no neuron is tripled. Zero where `2 K > n`.
///
/// # Errors
/// If `n` is above [`count::LARGEST_WIDTH`].
pub fn permutation_points(n: usize, order: usize) -> Result<PermutationPoints> {
    count::check_width("n", n)?;
    let choices = if order > n { BigUint::ZERO } else { binomial(n - order, order) };
    let halves = BigUint::from(1_u32) << order;
    let per_minimum = Ratio::new(&choices, &halves)?;
    Ok(PermutationPoints { arrangements: factorial(n) * &choices / &halves, per_minimum })
}

/// Permutation points of order `order` per equivalent minimum, summed over the hidden layers.
///
/// # Errors
/// As [`permutation_points`].
pub fn permutation_points_of_layers(widths: &[usize], order: usize) -> Result<Ratio> {
    let mut total = BigUint::ZERO;
    for &n in widths {
        count::check_width("n", n)?;
        total += if order > n { BigUint::ZERO } else { binomial(n - order, order) };
    }
    Ratio::new(&total, &(BigUint::from(1_u32) << order))
}

/// Base-10 logarithms of `G(r, m)` and `T(r, m)` for widths whose exact counts would be too long.
///
/// The recurrence of the Stirling numbers in logarithms; all terms are positive. The relative error of the counts grows
/// with `m` and is about 1e-9 at `m = 10 000`; the time grows with `m^2`.
///
/// # Errors
/// If `m` is above 100 000.
pub fn log10_counts(r: usize, m: usize) -> Result<(f64, f64)> {
    if m > 100_000 {
        return Err(Error::parameter("m", m, "at most 100000"));
    }
    if m < r {
        return Ok((f64::NEG_INFINITY, f64::NEG_INFINITY));
    }
    let mut row = vec![f64::NEG_INFINITY; m + 1];
    row[0] = 0.0;
    let ln: Vec<f64> = (0..=m).map(|k| (k as f64).ln()).collect();
    for n in 1..=m {
        // Only S(n, k) that reach S(m, k') with k' >= r matter: k' - k is at most the m - n steps that are left.
        let least = r.saturating_sub(m - n).max(1);
        for k in (least..=n).rev() {
            row[k] = ln_add(row[k] + ln[k], row[k - 1]);
        }
        row[0] = f64::NEG_INFINITY;
    }
    let critical = row[r] + ln_factorial(r);
    let mut arrangements = ln_factorial(r);
    let mut minima = critical;
    for j in 1..=(m - r) {
        arrangements += ln[r + j] - ln[j];
        minima = ln_add(minima, row[r + j] + arrangements);
    }
    Ok((critical / LN_10, minima / LN_10))
}

fn ln_add(a: f64, b: f64) -> f64 {
    let (large, small) = if a >= b { (a, b) } else { (b, a) };
    if large == f64::NEG_INFINITY { large } else { large + (small - large).exp().ln_1p() }
}

fn ln_factorial(n: usize) -> f64 {
    libm::lgamma(n as f64 + 1.0)
}

fn check(r: usize, m: usize) -> Result<()> {
    count::check_width("m", m)?;
    if r == 0 {
        return Err(Error::parameter("r", r, "at least 1: a network without neurons has no smaller one"));
    }
    if m < r {
        return Err(Error::parameter("m", m, format!("at least r = {r}: a narrower network has no global minimum")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_exact_and_in_lowest_terms() {
        let ratio = Ratio::new(&BigUint::from(6_u32), &BigUint::from(4_u32)).unwrap();
        assert_eq!((ratio.numerator, ratio.denominator), (BigUint::from(3_u32), BigUint::from(2_u32)));
        assert_eq!(ratio.value, 1.5);
        assert!((ratio.log10 - 1.5_f64.log10()).abs() < 1e-15);
    }

    #[test]
    fn a_quotient_is_rounded_correctly_over_the_whole_range() {
        let power = |n: u32| (0..n).fold(BigUint::from(1_u32), |product, _| product * 10_u32);
        assert_eq!(quotient(&BigUint::from(1_u32), &BigUint::from(3_u32)), 1.0 / 3.0);
        for (up, down, expected) in [(0, 300, 1e-300), (300, 0, 1e300), (350, 50, 1e300), (20, 20, 1.0)] {
            let value = quotient(&power(up), &power(down));
            assert!((value / expected - 1.0).abs() < 1e-14, "{value} for 1e{up}/1e{down}");
        }
        assert_eq!(quotient(&power(400), &power(0)), f64::INFINITY);
        assert_eq!(quotient(&power(0), &power(400)), 0.0);
    }

    #[test]
    fn logarithms_agree_with_exact_counts() {
        for (r, m) in [(0, 5), (1, 1), (4, 20), (30, 60), (100, 300), (3, 2)] {
            let (critical, minima) = log10_counts(r, m).unwrap();
            for (ours, exact) in [(critical, critical_subspaces(r, m)), (minima, global_minima_subspaces(r, m))] {
                let exact = count::log10(&exact);
                assert!(
                    ours == exact || (ours - exact).abs() < 1e-10 * (1.0 + exact),
                    "({r}, {m}): {ours} and {exact}"
                );
            }
        }
    }

    #[test]
    fn refusals_say_what_to_do() {
        assert!(neighbour(0, 4).is_err());
        assert!(neighbour(5, 4).unwrap_err().to_string().contains("at least r = 5"));
        assert!(weighted(4, 6, &[1]).is_err());
        assert!(crossover_width(0, Against::Neighbour).is_err());
    }

    #[test]
    fn a_single_neuron_has_no_rival() {
        assert_eq!(crossover_width(1, Against::Neighbour).unwrap(), 1);
        assert_eq!(crossover_width(1, Against::AllSmaller).unwrap(), 1);
    }
}
