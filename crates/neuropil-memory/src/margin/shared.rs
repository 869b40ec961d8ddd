//! All neurons on one Gram matrix: one Cholesky factorisation, and pivoting only where a coefficient turns negative.

use ndarray::{Array1, Array2, ArrayView2};
use neuropil_core::progress::Monitor;
use neuropil_core::threads;
use rayon::prelude::*;

use super::pivoting::{Correction, pivot};
use super::{Bias, MarginMethod, MarginOptions, MarginSolution, Neuron, NeuronStatus};
use super::{active_set, adatron, gather, singular, smo};
use crate::cholesky::Cholesky;
use crate::error::Result;
use crate::gram::Gram;

/// Solves all neurons. `gram` builds the Gram matrix: it is factorised in place, and needed again only where pivoting is.
pub(crate) fn solve(
    gram: &(dyn Fn() -> Result<Gram> + Sync),
    labels: ArrayView2<f64>,
    options: &MarginOptions,
    monitor: &Monitor,
) -> Result<MarginSolution> {
    monitor.check()?;
    if options.method == MarginMethod::AdaTron || (options.softness.is_finite() && options.bias == Bias::None) {
        return adatron::solve(gram()?.into_full().view(), None, labels, options, monitor);
    }
    if options.softness.is_finite() {
        let full = gram()?.into_full();
        return each_neuron(labels, monitor, |i| smo::solve(full.view(), &labels.column(i).to_vec(), options));
    }
    match Cholesky::of(gram()?) {
        Ok(factor) => with_factor(gram, &factor, labels, options, monitor),
        Err(_) => {
            let full = gram()?.into_full();
            each_neuron(labels, monitor, |i| singular::solve(full.view(), &labels.column(i).to_vec(), options))
        }
    }
}

/// A positive definite Gram matrix.
fn with_factor(
    gram: &(dyn Fn() -> Result<Gram> + Sync),
    factor: &Cholesky,
    labels: ArrayView2<f64>,
    options: &MarginOptions,
    monitor: &Monitor,
) -> Result<MarginSolution> {
    monitor.check()?;
    let (m, n) = labels.dim();
    let mut alpha = labels.to_owned();
    factor.solve_in_place(alpha.view_mut());
    let mut threshold = Array1::zeros(n);
    let mut ones = Vec::new();
    if options.bias == Bias::Fitted {
        ones = vec![1.0; m];
        factor.solve(&mut ones);
        let total: f64 = ones.iter().sum();
        for (i, mut column) in alpha.columns_mut().into_iter().enumerate() {
            let bias = column.sum() / total;
            column.zip_mut_with(&ndarray::aview1(&ones), |c, h| *c -= bias * h);
            threshold[i] = -bias;
        }
    }
    let mut status = vec![NeuronStatus::Optimal; n];
    let unsettled = settle(&mut alpha, &mut threshold, labels, options, &mut status);
    let mut iterations = 0;
    if !unsettled.is_empty() {
        monitor.check()?;
        let inverse = factor.inverse();
        let correction = (options.bias == Bias::Fitted)
            .then(|| Correction { weight: -1.0 / ones.iter().sum::<f64>(), vector: ones.clone() });
        let full = gram()?.into_full();
        let task = monitor.task("neurons", unsettled.len() as u64);
        let solved: Result<Vec<(usize, Neuron)>> = threads::install(|| {
            unsettled
                .into_par_iter()
                .map(|(i, start)| {
                    monitor.check()?;
                    let labels = labels.column(i).to_vec();
                    let mut column = |j: usize| inverse_column(inverse.view(), correction.as_slice(), j);
                    let mut neuron = from_pivoting(&labels, start, &mut column, correction.as_ref())
                        .unwrap_or_else(|| singular::solve(full.view(), &labels, options));
                    check_and_polish(full.view(), &labels, &mut neuron);
                    task.advance(1);
                    Ok((i, neuron))
                })
                .collect()
        });
        let solved = solved?;
        gather(&mut alpha, &mut threshold, labels, &solved);
        for (i, neuron) in &solved {
            status[*i] = neuron.status;
            iterations = iterations.max(neuron.iterations);
        }
    }
    Ok(MarginSolution { alpha, threshold, status, iterations })
}

/// Turns signed coefficients into dual ones where they are all of the right sign; returns the other neurons.
fn settle(
    alpha: &mut Array2<f64>,
    threshold: &mut Array1<f64>,
    labels: ArrayView2<f64>,
    options: &MarginOptions,
    status: &mut [NeuronStatus],
) -> Vec<(usize, Vec<f64>)> {
    // Along rows, in the order of memory: most problems end here.
    let n = labels.ncols();
    let (mut largest, mut smallest) = (vec![0.0_f64; n], vec![0.0_f64; n]);
    for (row, labels) in alpha.rows().into_iter().zip(labels.rows()) {
        for (i, (c, y)) in row.iter().zip(labels).enumerate() {
            let a = c * y;
            largest[i] = largest[i].max(a.abs());
            smallest[i] = smallest[i].min(a);
        }
    }
    let mut unsettled = Vec::new();
    for i in 0..n {
        let first = labels[[0, i]];
        if options.bias == Bias::Fitted && labels.column(i).iter().all(|y| *y == first) {
            status[i] = NeuronStatus::OneClass;
            threshold[i] = -first;
            alpha.column_mut(i).fill(0.0);
        } else if smallest[i] < -1e-12 * largest[i].max(1e-300) {
            unsettled.push((i, alpha.column(i).to_vec()));
        }
    }
    for (mut row, labels) in alpha.rows_mut().into_iter().zip(labels.rows()) {
        for (c, y) in row.iter_mut().zip(labels) {
            *c = (*c * y).max(0.0);
        }
    }
    unsettled
}

/// Column j of the inverse, corrected.
pub(super) fn inverse_column(inverse: ArrayView2<f64>, corrections: &[Correction], j: usize) -> Vec<f64> {
    let mut column = inverse.row(j).to_vec();
    for Correction { weight, vector } in corrections {
        let factor = weight * vector[j];
        for (c, v) in column.iter_mut().zip(vector) {
            *c += factor * v;
        }
    }
    column
}

/// Pivots, and finds the bias that belongs to the solution if `bias` holds its correction.
pub(super) fn from_pivoting(
    labels: &[f64],
    start: Vec<f64>,
    column: &mut dyn FnMut(usize) -> Vec<f64>,
    bias: Option<&Correction>,
) -> Option<Neuron> {
    let pivoted = pivot(labels, start, column)?;
    let bias = bias.map_or(0.0, |correction| {
        // b = 1^T H (y + v) / 1^T H 1.
        let ones = &correction.vector;
        let of_labels: f64 = ones.iter().zip(labels).map(|(h, y)| h * y).sum();
        let of_slack: f64 = pivoted.slack.iter().map(|(j, v)| ones[*j] * v).sum();
        -(of_labels + of_slack) * correction.weight
    });
    let (coefficients, iterations) = (pivoted.coefficients, pivoted.rounds);
    Some(Neuron { coefficients, bias, status: NeuronStatus::Optimal, iterations })
}

/// Measures the margin conditions with K itself; where the inverse lost digits, solves the support directly.
pub(super) fn check_and_polish(full: ArrayView2<f64>, labels: &[f64], neuron: &mut Neuron) {
    if neuron.status != NeuronStatus::Optimal {
        return;
    }
    if violation(full, labels, neuron) > 1e-9 {
        active_set::polish(full, labels, &mut neuron.coefficients, neuron.bias);
        if violation(full, labels, neuron) > 1e-6 {
            neuron.status = NeuronStatus::NotConverged;
        }
    }
}

/// The largest violation of `y h = 1` on the support and `y h >= 1` elsewhere.
fn violation(full: ArrayView2<f64>, labels: &[f64], neuron: &Neuron) -> f64 {
    let mut field = vec![neuron.bias; labels.len()];
    for (row, c) in full.rows().into_iter().zip(&neuron.coefficients) {
        if *c != 0.0 {
            for (h, k) in field.iter_mut().zip(row) {
                *h += c * k;
            }
        }
    }
    field.iter().zip(labels).zip(&neuron.coefficients).fold(0.0, |worst: f64, ((h, y), c)| {
        let margin = h * y - 1.0;
        worst.max(if *c == 0.0 { -margin } else { margin.abs() })
    })
}

/// Solves every neuron on its own, in parallel.
pub(super) fn each_neuron(
    labels: ArrayView2<f64>,
    monitor: &Monitor,
    solve: impl Fn(usize) -> Neuron + Sync,
) -> Result<MarginSolution> {
    let (m, n) = labels.dim();
    let task = monitor.task("neurons", n as u64);
    let solved: Result<Vec<(usize, Neuron)>> = threads::install(|| {
        (0..n)
            .into_par_iter()
            .map(|i| {
                monitor.check()?;
                let neuron = solve(i);
                task.advance(1);
                Ok((i, neuron))
            })
            .collect()
    });
    let solved = solved?;
    let (mut alpha, mut threshold) = (Array2::zeros((m, n)), Array1::zeros(n));
    gather(&mut alpha, &mut threshold, labels, &solved);
    let iterations = solved.iter().map(|(_, neuron)| neuron.iterations).max().unwrap_or(0);
    let status = solved.into_iter().map(|(_, neuron)| neuron.status).collect();
    Ok(MarginSolution { alpha, threshold, status, iterations })
}
