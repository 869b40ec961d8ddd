//! How many symmetry-induced subspaces there are: exact counts.
//!
//! A two-layer network whose function needs `r` hidden neurons is written into one with `m >= r` of them. Each way of
//! doing so is an affine subspace of parameters:
//!
//! - `G(r, m)` counts those in which every neuron is a copy of one of the `r`. At a critical point of width `r` these
//!   are critical subspaces, each of dimension `m - r`:
//!   `G(r, m) = r! S(m, r)`, the surjections of `m` slots onto `r` labels.
//! - `T(r, m)` counts those in which neurons without effect are allowed too (groups with one incoming vector whose
//!   outgoing vectors sum to zero). At a zero-loss point these make up the set of all global minima:
//!   `T(r, m) = sum_j S(m, r + j) (r + j)! / j!`.
//!
//! `S` are the Stirling numbers of the second kind. Neurons of different hidden layers are relabelled independently,
//! so the counts of a deep network are products over its hidden layers ([`critical_subspaces_of_layers`],
//! [`global_minima_subspaces_of_layers`]). A width below `r` gives 0. Source: Simsek et al., ICML 2021,
//! arXiv:2105.12221; the second form of `T` and the recurrence of [`rows`] follow from the generating functions
//! `(e^x - 1)^r` and `(e^x - 1)^r exp(e^x - 1)`.
//!
//! ```
//! use neuropil_landscape::count;
//!
//! assert_eq!(count::global_minima_subspaces(4, 10).to_string(), "20479560");
//! assert_eq!(count::critical_subspaces(4, 10).to_string(), "818520");
//! ```

use num_bigint::BigUint;

use crate::{Error, Result};

/// The largest width that is counted exactly; `G` and `T` have more than ten thousand digits there.
pub const LARGEST_WIDTH: usize = 5000;

/// Stirling numbers of the second kind `S(n, 0..=n)`: the ways to split `n` things into `k` unlabelled groups.
///
/// `S(n, k) = k S(n - 1, k) + S(n - 1, k - 1)`; every term is positive, nothing cancels.
#[must_use]
pub fn stirling2_row(n: usize) -> Vec<BigUint> {
    let mut row = vec![BigUint::ZERO; n + 1];
    row[0] = BigUint::from(1_u32);
    for step in 1..=n {
        for k in (1..=step).rev() {
            let (left, right) = row.split_at_mut(k);
            right[0] *= k as u64;
            right[0] += &left[k - 1];
        }
        row[0] = BigUint::ZERO;
    }
    row
}

/// The Stirling number of the second kind `S(n, k)`.
#[must_use]
pub fn stirling2(n: usize, k: usize) -> BigUint {
    stirling2_row(n).into_iter().nth(k).unwrap_or(BigUint::ZERO)
}

/// The Bell number `B_n`: the ways to split `n` things into unlabelled groups.
#[must_use]
pub fn bell(n: usize) -> BigUint {
    stirling2_row(n).iter().sum()
}

/// `n!`.
#[must_use]
pub fn factorial(n: usize) -> BigUint {
    (2..=n as u64).fold(BigUint::from(1_u32), |product, k| product * k)
}

/// The binomial coefficient `C(n, k)`.
#[must_use]
pub fn binomial(n: usize, k: usize) -> BigUint {
    if k > n {
        return BigUint::ZERO;
    }
    let k = k.min(n - k);
    (1..=k as u64).fold(BigUint::from(1_u32), |product, i| product * (n as u64 - k as u64 + i) / i)
}

/// `G(r, m)`: critical subspaces of width `m` made from one irreducible critical point of width `r`.
#[must_use]
pub fn critical_subspaces(r: usize, m: usize) -> BigUint {
    if m < r {
        return BigUint::ZERO;
    }
    stirling2(m, r) * factorial(r)
}

/// `T(r, m)`: affine subspaces that make up the zero-loss set of width `m`, for an irreducible zero-loss point of
/// width `r`.
#[must_use]
pub fn global_minima_subspaces(r: usize, m: usize) -> BigUint {
    if m < r {
        return BigUint::ZERO;
    }
    let row = stirling2_row(m);
    let mut arrangements = factorial(r);
    let mut total = BigUint::ZERO;
    for (j, stirling) in row[r..].iter().enumerate() {
        if j > 0 {
            arrangements *= (r + j) as u64;
            arrangements /= j as u64;
        }
        total += stirling * &arrangements;
    }
    total
}

/// Counts of every minimal width at one width: `G(0..=m, m)` and `T(0..=m, m)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// `critical[r] = G(r, m)`.
    pub critical: Vec<BigUint>,
    /// `minima[r] = T(r, m)`.
    pub minima: Vec<BigUint>,
}

impl Rows {
    /// The counts of width 0: one empty network.
    pub(crate) fn first() -> Self {
        let one = BigUint::from(1_u32);
        Self { critical: vec![one.clone()], minima: vec![one] }
    }

    /// From width `m` to `m + 1`: `G(r, m+1) = r (G(r-1, m) + G(r, m))` and
    /// `T(r, m+1) = r T(r-1, m) + (r+1) T(r, m) + T(r+1, m)`, the derivatives of the generating functions.
    pub(crate) fn advance(&mut self) {
        let m = self.critical.len();
        self.critical.push(BigUint::ZERO);
        for r in (1..=m).rev() {
            let (left, right) = self.critical.split_at_mut(r);
            right[0] += &left[r - 1];
            right[0] *= r as u64;
        }
        self.critical[0] = BigUint::ZERO;
        self.minima.push(BigUint::ZERO);
        let mut left = BigUint::ZERO;
        for r in 0..=m {
            let old = self.minima[r].clone();
            let mut new = &old * (r as u64 + 1);
            if let Some(right) = self.minima.get(r + 1) {
                new += right;
            }
            new += &left * (r as u64);
            self.minima[r] = new;
            left = old;
        }
    }
}

/// All `G(r, m)` and `T(r, m)` at width `m`, for every minimal width `r` from 0 to `m`.
///
/// # Errors
/// If `m` is above [`LARGEST_WIDTH`].
pub fn rows(m: usize) -> Result<Rows> {
    check_width("m", m)?;
    let mut rows = Rows::first();
    for _ in 0..m {
        rows.advance();
    }
    Ok(rows)
}

/// The rows of every width from 0 to `m`, for tables and figures.
///
/// # Errors
/// If `m` is above 1000; take [`rows`] for single widths beyond that.
pub fn table(m: usize) -> Result<Vec<Rows>> {
    if m > 1000 {
        return Err(Error::parameter("m", m, "at most 1000 for a whole table"));
    }
    let mut tables = vec![Rows::first()];
    for width in 0..m {
        let mut next = tables[width].clone();
        next.advance();
        tables.push(next);
    }
    Ok(tables)
}

/// The product of `G(r_l, m_l)` over the hidden layers of a deep network.
///
/// # Errors
/// If the two lists differ in length or a width is above [`LARGEST_WIDTH`].
pub fn critical_subspaces_of_layers(r: &[usize], m: &[usize]) -> Result<BigUint> {
    over_layers(r, m, critical_subspaces)
}

/// The product of `T(r_l, m_l)` over the hidden layers of a deep network.
///
/// # Errors
/// If the two lists differ in length or a width is above [`LARGEST_WIDTH`].
pub fn global_minima_subspaces_of_layers(r: &[usize], m: &[usize]) -> Result<BigUint> {
    over_layers(r, m, global_minima_subspaces)
}

fn over_layers(r: &[usize], m: &[usize], count: fn(usize, usize) -> BigUint) -> Result<BigUint> {
    if r.is_empty() || r.len() != m.len() {
        return Err(Error::Shape {
            what: "widths of the hidden layers".into(),
            expected: "as many minimal widths as widths, at least one of each".into(),
            got: format!("{} minimal widths and {} widths", r.len(), m.len()),
        });
    }
    for &width in m {
        check_width("m", width)?;
    }
    Ok(r.iter().zip(m).map(|(&r, &m)| count(r, m)).product())
}

/// Refuses widths whose exact counts take more than seconds.
///
/// # Errors
/// If `value` is above [`LARGEST_WIDTH`].
pub fn check_width(name: &str, value: usize) -> Result<usize> {
    if value > LARGEST_WIDTH {
        let allowed = format!("at most {LARGEST_WIDTH} for an exact count; the logarithm has no such limit");
        return Err(Error::parameter(name, value, allowed));
    }
    Ok(value)
}

/// Base-10 logarithm of a whole number to the precision of f64; minus infinity for 0.
#[must_use]
pub fn log10(value: &BigUint) -> f64 {
    let bits = value.bits();
    if bits <= 64 {
        return value.iter_u64_digits().next().map_or(f64::NEG_INFINITY, |digit| (digit as f64).log10());
    }
    let shift = bits - 64;
    let head = (value >> shift).iter_u64_digits().next().unwrap_or(0);
    (head as f64).log10() + shift as f64 * std::f64::consts::LOG10_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_single_counts_agree() {
        let tables = table(30).unwrap();
        for m in [0, 1, 7, 30] {
            let rows = rows(m).unwrap();
            assert_eq!(rows, tables[m]);
            for r in 0..=m {
                assert_eq!(rows.critical[r], critical_subspaces(r, m), "G({r}, {m})");
                assert_eq!(rows.minima[r], global_minima_subspaces(r, m), "T({r}, {m})");
            }
        }
    }

    #[test]
    fn a_width_below_the_minimal_one_has_no_subspace() {
        assert_eq!(critical_subspaces(4, 3), BigUint::ZERO);
        assert_eq!(global_minima_subspaces(4, 3), BigUint::ZERO);
    }

    #[test]
    fn the_logarithm_of_a_big_number_is_exact_to_rounding() {
        assert_eq!(log10(&BigUint::ZERO), f64::NEG_INFINITY);
        assert_eq!(log10(&BigUint::from(1000_u32)), 3.0);
        let power = (0..300).fold(BigUint::from(1_u32), |product, _| product * 10_u32);
        assert!((log10(&power) - 300.0).abs() < 1e-12);
    }

    #[test]
    fn refusals_name_the_limit() {
        assert!(rows(5001).unwrap_err().to_string().contains("at most 5000"));
        assert!(critical_subspaces_of_layers(&[2], &[3, 3]).is_err());
        assert!(critical_subspaces_of_layers(&[], &[]).is_err());
    }
}
