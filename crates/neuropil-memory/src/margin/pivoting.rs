//! Block principal pivoting in the inverse of the Gram matrix.
//!
//! Start from the solution in which every pattern is a support vector, `c = H y` with `H = K^-1`. Patterns whose
//! coefficient has the wrong sign are dropped: on the dropped set D the coefficients are zero and a slack v appears,
//! `c = H (y + v)`, so that `H_DD v = -c0_D`. Dropped patterns whose slack has the wrong sign (their margin would be below
//! one) return. All offenders change sides at once; if that stops helping three times, only the one with the largest index
//! does, which ends in finitely many rounds (Judice and Pires). Each round costs a system of the size of D, usually a small
//! part of all patterns.
//!
//! With a bias, H is replaced by `H - (H 1)(H 1)^T / (1^T H 1)`; a rank-one change of K is a rank-one change of H. Both are
//! [`Correction`]s.

use crate::cholesky::Cholesky;
use crate::gram::Gram;

/// A rank-one term `weight v v^T` added to the inverse.
#[derive(Debug, Clone)]
pub(super) struct Correction {
    pub weight: f64,
    pub vector: Vec<f64>,
}

/// The solution: signed coefficients and the slacks `v` of dropped patterns.
#[derive(Debug, Clone)]
pub(super) struct Pivoted {
    pub coefficients: Vec<f64>,
    pub slack: Vec<(usize, f64)>,
    pub rounds: usize,
}

/// Relative size below which a coefficient or slack counts as zero.
const ZERO: f64 = 1e-12;

/// Pivots from `start = H y`. `column(j)` gives column j of H. `None` when it does not end or a block is singular.
pub(super) fn pivot(labels: &[f64], start: Vec<f64>, column: &mut dyn FnMut(usize) -> Vec<f64>) -> Option<Pivoted> {
    let m = labels.len();
    let scale = start.iter().fold(0.0_f64, |scale, c| scale.max(c.abs()));
    let tolerance = ZERO * scale;
    // Slacks have the scale of margins, which is one.
    let slack_tolerance = 1e-9;
    let mut columns: Vec<Option<Vec<f64>>> = vec![None; m];
    let mut dropped = vec![false; m];
    let mut coefficients = start.clone();
    let mut slack: Vec<(usize, f64)> = Vec::new();
    let (mut fewest, mut chances) = (m + 1, 3);
    for round in 0..(20 * m + 100) {
        let wrong: Vec<usize> = (0..m).filter(|&j| !dropped[j] && coefficients[j] * labels[j] < -tolerance).collect();
        let back: Vec<usize> =
            slack.iter().filter(|(j, v)| v * labels[*j] < -slack_tolerance).map(|(j, _)| *j).collect();
        let offenders = wrong.len() + back.len();
        if offenders == 0 {
            for &(j, _) in &slack {
                coefficients[j] = 0.0;
            }
            return Some(Pivoted { coefficients, slack, rounds: round });
        }
        if offenders < fewest {
            (fewest, chances) = (offenders, 3);
        } else {
            chances = chances.max(1) - 1;
        }
        if chances > 0 {
            for &j in wrong.iter().chain(&back) {
                dropped[j] = !dropped[j];
            }
        } else if let Some(&last) = wrong.iter().chain(&back).max() {
            dropped[last] = !dropped[last];
        }
        let out: Vec<usize> = (0..m).filter(|&j| dropped[j]).collect();
        for &j in &out {
            if columns[j].is_none() {
                columns[j] = Some(column(j));
            }
        }
        let known: Vec<&[f64]> = out.iter().filter_map(|&j| columns[j].as_deref()).collect();
        let v = slacks(&out, &known, &start)?;
        coefficients.copy_from_slice(&start);
        for (column, &v) in known.iter().zip(&v) {
            for (c, h) in coefficients.iter_mut().zip(*column) {
                *c += v * h;
            }
        }
        slack = out.into_iter().zip(v).collect();
    }
    None
}

/// Solves `H_DD v = -c_D`.
fn slacks(out: &[usize], columns: &[&[f64]], start: &[f64]) -> Option<Vec<f64>> {
    let d = out.len();
    let mut block = vec![0.0; d * d];
    for (row, column) in columns.iter().enumerate() {
        for (k, &j) in out.iter().enumerate().skip(row) {
            block[row * d + k] = column[j];
        }
    }
    let factor = Cholesky::of(Gram::from_parts(d, block)).ok()?;
    let mut v: Vec<f64> = out.iter().map(|&j| -start[j]).collect();
    factor.solve(&mut v);
    Some(v)
}
