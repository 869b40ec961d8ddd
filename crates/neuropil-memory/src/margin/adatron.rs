//! The kernel AdaTron (Anlauf and Biehl 1989; Friess, Cristianini and Campbell 1998): coordinate descent in the dual, and a
//! local learning rule. Pattern mu is presented, and every neuron whose margin `y h` is below one raises its coefficient by
//! `(1 - y h) / Q_mu,mu`, within `0 <= alpha <= C`.
//!
//! A hard margin that does not exist makes coefficients grow for ever; whether it exists is asked after some sweeps, by the
//! active-set method.
//!
//! All neurons learn together. Patterns are presented in blocks whose fields are one matrix product; inside a block the
//! fields are kept exact.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use neuropil_core::progress::Monitor;
use neuropil_core::threads;
use rayon::prelude::*;

use super::singular::{PATIENCE, is_separable};
use super::{MarginOptions, MarginSolution, NeuronStatus};
use crate::cholesky::Cholesky;
use crate::error::Result;
use crate::gram::Gram;
use crate::product::multiply;

/// Patterns per block.
const BLOCK: usize = 64;
/// A hard margin whose dual objective exceeds this (in units of one over the mean diagonal) is not separable.
const EXPLODED: f64 = 1e12;

/// Solves all neurons for `Q = y y^T ∘ B`, or `y y^T ∘ B + A` where neurons do not see themselves.
pub(super) fn solve(
    b: ArrayView2<f64>,
    a: Option<ArrayView2<f64>>,
    labels: ArrayView2<f64>,
    options: &MarginOptions,
    monitor: &Monitor,
) -> Result<MarginSolution> {
    let (m, n) = labels.dim();
    let mut alpha = Array2::<f64>::zeros((m, n));
    let mut signed = Array2::<f64>::zeros((m, n));
    let diagonal: Vec<f64> = (0..m).map(|i| b[[i, i]] + a.map_or(0.0, |a| a[[i, i]])).collect();
    let mean_diagonal = diagonal.iter().sum::<f64>() / m as f64;
    let task = monitor.task("sweeps", options.max_sweeps as u64);
    let mut status = vec![NeuronStatus::NotConverged; n];
    let mut unsolvable = vec![false; n];
    let mut sweeps = 0;
    while sweeps < options.max_sweeps {
        monitor.check()?;
        sweeps += 1;
        task.advance(1);
        let mut worst = vec![0.0_f64; n];
        for start in (0..m).step_by(BLOCK) {
            let end = (start + BLOCK).min(m);
            let own = labels.slice(s![start..end, ..]);
            // The margins of the block under the coefficients so far.
            let mut margin = multiply(b.slice(s![start..end, ..]), signed.view()) * own;
            if let Some(a) = a {
                margin += &multiply(a.slice(s![start..end, ..]), alpha.view());
            }
            for mu in start..end {
                let row = mu - start;
                let mut change = vec![0.0; n];
                for i in 0..n {
                    let gradient = margin[[row, i]] - 1.0;
                    let before = alpha[[mu, i]];
                    let after = (before - gradient / diagonal[mu]).clamp(0.0, options.softness);
                    // A condition that the bounds already meet is not violated.
                    let open = (gradient < 0.0 && before < options.softness) || (gradient > 0.0 && before > 0.0);
                    if open {
                        worst[i] = worst[i].max(gradient.abs());
                    }
                    change[i] = after - before;
                    alpha[[mu, i]] = after;
                    signed[[mu, i]] = after * labels[[mu, i]];
                }
                for later in row + 1..end - start {
                    let (kb, ka) = (b[[start + later, mu]], a.map_or(0.0, |a| a[[start + later, mu]]));
                    let both = own.row(later);
                    let here = labels.row(mu);
                    for (((g, d), y), x) in margin.row_mut(later).iter_mut().zip(&change).zip(both).zip(here) {
                        *g += d * (kb * x * y + ka);
                    }
                }
            }
        }
        // A hard margin that is not there yet: is there one? Asked once, and the answer is kept.
        let ask = sweeps == PATIENCE && options.softness.is_infinite();
        if ask {
            let doubtful: Vec<usize> = (0..n).filter(|&i| !(worst[i] < options.tolerance)).collect();
            unsolvable = without_solution(b, a, labels, &doubtful, options, monitor)?;
        }
        let mut open = false;
        for (i, status) in status.iter_mut().enumerate() {
            let exploded = options.softness.is_infinite() && alpha.column(i).sum() * mean_diagonal > EXPLODED;
            *status = if exploded || unsolvable[i] {
                NeuronStatus::NotSeparable
            } else if worst[i] < options.tolerance {
                NeuronStatus::Optimal
            } else {
                open = true;
                NeuronStatus::NotConverged
            };
        }
        if !open {
            break;
        }
    }
    let threshold = Array1::zeros(alpha.len_of(Axis(1)));
    Ok(MarginSolution { alpha, threshold, status, iterations: sweeps })
}

/// Which of the doubtful neurons no weights can solve.
fn without_solution(
    b: ArrayView2<f64>,
    a: Option<ArrayView2<f64>>,
    labels: ArrayView2<f64>,
    doubtful: &[usize],
    options: &MarginOptions,
    monitor: &Monitor,
) -> Result<Vec<bool>> {
    let mut unsolvable = vec![false; labels.ncols()];
    // A positive definite matrix solves every neuron.
    if a.is_none() && Cholesky::of(Gram::from_full(b)).is_ok() {
        return Ok(unsolvable);
    }
    let proved: Result<Vec<bool>> = threads::install(|| {
        doubtful
            .par_iter()
            .map(|&i| {
                monitor.check()?;
                let own = labels.column(i).to_vec();
                let mut k = b.to_owned();
                if let Some(a) = a {
                    for ((mut row, a), x) in k.rows_mut().into_iter().zip(a.rows()).zip(&own) {
                        row.iter_mut().zip(a).zip(&own).for_each(|((k, a), y)| *k += x * y * a);
                    }
                }
                Ok(!is_separable(k.view(), &own, options))
            })
            .collect()
    });
    for (&i, proved) in doubtful.iter().zip(proved?) {
        unsolvable[i] = proved;
    }
    Ok(unsolvable)
}
