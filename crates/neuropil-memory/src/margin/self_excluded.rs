//! Binary auto-associative memories whose neurons do not see themselves.
//!
//! The kernel of neuron i leaves input i out: `K_i = B + (x_i x_i^T) ∘ A` with the tables b and a of the overlap. Three
//! ways lead to the solution, by structure and size:
//!
//! - A constant (linear kernel): `K_i` is a rank-one change of one shared matrix, so one inverse serves all neurons.
//! - Few patterns: every neuron factorises its own matrix.
//! - Many patterns: conjugate gradients for all neurons together, which pivot together; neurons that do not converge are
//!   factorised.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use neuropil_core::progress::Monitor;
use neuropil_core::threads;
use rayon::prelude::*;

use super::conjugate_gradients::{self, Operator};
use super::pivoting::Correction;
use super::shared::{check_and_polish, each_neuron, from_pivoting, inverse_column};
use super::{Bias, MarginMethod, MarginOptions, MarginSolution, Neuron, NeuronStatus};
use super::{adatron, gather, singular, smo};
use crate::cholesky::Cholesky;
use crate::error::Result;
use crate::gram::{Gram, check_memory};
use crate::kernel::{Kernel, OverlapTable};

/// From this many patterns on, neurons share matrix products instead of factorising one matrix each.
const MANY: usize = 384;

/// Solves all neurons for binary patterns.
pub(crate) fn solve(
    kernel: &Kernel,
    patterns: ArrayView2<f64>,
    options: &MarginOptions,
    monitor: &Monitor,
) -> Result<MarginSolution> {
    monitor.check()?;
    let (table_b, table_a) = OverlapTable::without_self(kernel, patterns.ncols());
    let m = patterns.nrows();
    check_memory("the two Gram matrices of neurons that do not see themselves", 2 * m * m)?;
    let b = Gram::of_table(&table_b, patterns)?.into_full();
    let exact = options.method == MarginMethod::Exact && options.softness.is_infinite();
    if exact && let Some(constant) = table_a.constant() {
        return rank_one(b.view(), constant, patterns, options, monitor);
    }
    let a = Gram::of_table(&table_a, patterns)?.into_full();
    let problem = Problem { b: b.view(), a: a.view(), patterns, options, monitor };
    if options.bias == Bias::None && !exact {
        return adatron::solve(b.view(), Some(a.view()), patterns, options, monitor);
    }
    if exact && options.bias == Bias::None && m >= MANY {
        return problem.together();
    }
    each_neuron(patterns, monitor, |i| problem.alone(i))
}

/// `K_i = B + constant x_i x_i^T`, by the formula of Sherman and Morrison.
fn rank_one(
    b: ArrayView2<f64>,
    constant: f64,
    patterns: ArrayView2<f64>,
    options: &MarginOptions,
    monitor: &Monitor,
) -> Result<MarginSolution> {
    let own_matrix =
        |labels: &[f64]| Array2::from_shape_fn(b.dim(), |(mu, nu)| b[[mu, nu]] + constant * labels[mu] * labels[nu]);
    let without_inverse = |labels: &[f64]| singular::solve(own_matrix(labels).view(), labels, options);
    let Ok(factor) = Cholesky::of(Gram::from_full(b)) else {
        return each_neuron(patterns, monitor, |i| without_inverse(&patterns.column(i).to_vec()));
    };
    let inverse = factor.inverse();
    let mut shared = patterns.to_owned();
    factor.solve_in_place(shared.view_mut());
    each_neuron(patterns, monitor, |i| {
        let labels = patterns.column(i).to_vec();
        if options.bias == Bias::Fitted && labels.iter().all(|y| *y == labels[0]) {
            return one_class(&labels);
        }
        let vector = shared.column(i).to_vec();
        let denominator = 1.0 + constant * labels.iter().zip(&vector).map(|(x, v)| x * v).sum::<f64>();
        if denominator < 1e-9 {
            return without_inverse(&labels);
        }
        let mut corrections = vec![Correction { weight: -constant / denominator, vector }];
        let mut ones = None;
        if options.bias == Bias::Fitted {
            ones = Some(bias_correction(inverse.view(), &corrections));
            corrections.extend(ones.clone());
        }
        let start = corrected_product(inverse.view(), &corrections, &labels);
        let mut column = |j: usize| inverse_column(inverse.view(), &corrections, j);
        let Some(mut neuron) = from_pivoting(&labels, start, &mut column, ones.as_ref()) else {
            return without_inverse(&labels);
        };
        check_and_polish(own_matrix(&labels).view(), &labels, &mut neuron);
        neuron
    })
}

fn one_class(labels: &[f64]) -> Neuron {
    let coefficients = vec![0.0; labels.len()];
    Neuron { coefficients, bias: labels[0], status: NeuronStatus::OneClass, iterations: 0 }
}

/// `H 1` and its weight, for the inverse with the corrections so far.
fn bias_correction(inverse: ArrayView2<f64>, corrections: &[Correction]) -> Correction {
    let vector = corrected_product(inverse, corrections, &vec![1.0; inverse.nrows()]);
    Correction { weight: -1.0 / vector.iter().sum::<f64>(), vector }
}

fn corrected_product(inverse: ArrayView2<f64>, corrections: &[Correction], v: &[f64]) -> Vec<f64> {
    let mut product = inverse.dot(&ndarray::aview1(v)).to_vec();
    for Correction { weight, vector } in corrections {
        let factor = weight * vector.iter().zip(v).map(|(a, b)| a * b).sum::<f64>();
        for (p, x) in product.iter_mut().zip(vector) {
            *p += factor * x;
        }
    }
    product
}

struct Problem<'a> {
    b: ArrayView2<'a, f64>,
    a: ArrayView2<'a, f64>,
    patterns: ArrayView2<'a, f64>,
    options: &'a MarginOptions,
    monitor: &'a Monitor,
}

impl Problem<'_> {
    fn own_matrix(&self, labels: &[f64]) -> Array2<f64> {
        let mut k = self.b.to_owned();
        for ((mut row, a), x) in k.rows_mut().into_iter().zip(self.a.rows()).zip(labels) {
            for ((k, a), y) in row.iter_mut().zip(a).zip(labels) {
                *k += x * y * a;
            }
        }
        k
    }

    /// One neuron on its own matrix.
    fn alone(&self, i: usize) -> Neuron {
        let labels = self.patterns.column(i).to_vec();
        let full = self.own_matrix(&labels);
        if self.options.softness.is_finite() {
            return smo::solve(full.view(), &labels, self.options);
        }
        let by_other_ways = || singular::solve(full.view(), &labels, self.options);
        if self.options.bias == Bias::Fitted {
            return by_other_ways();
        }
        let Ok(factor) = Cholesky::of(Gram::from_full(full.view())) else { return by_other_ways() };
        let mut start = labels.clone();
        factor.solve(&mut start);
        let mut column = |j: usize| {
            let mut unit = vec![0.0; labels.len()];
            unit[j] = 1.0;
            factor.solve(&mut unit);
            unit
        };
        let Some(mut neuron) = from_pivoting(&labels, start, &mut column, None) else { return by_other_ways() };
        check_and_polish(full.view(), &labels, &mut neuron);
        neuron
    }

    /// All neurons together; those that do not converge, alone.
    fn together(&self) -> Result<MarginSolution> {
        const ITERATIONS: usize = 400;
        const ROUNDS: usize = 60;
        let (m, n) = self.patterns.dim();
        let operator = Operator { b: self.b, a: self.a, labels: self.patterns };
        let mut alpha = Array2::<f64>::zeros((m, n));
        let mut status = vec![NeuronStatus::NotConverged; n];
        let mut open: Vec<usize> = (0..n).collect();
        let mut alone: Vec<usize> = Vec::new();
        let mut free = Array2::<f64>::ones((m, n));
        let (mut fewest, mut chances) = (vec![m + 1; n], vec![3_usize; n]);
        let task = self.monitor.task("neurons", n as u64);
        let mut rounds = 0;
        while !open.is_empty() && rounds < ROUNDS {
            rounds += 1;
            let mask = free.select(Axis(1), &open);
            let start = alpha.select(Axis(1), &open);
            let solved = conjugate_gradients::solve(&operator, &open, mask.view(), start, ITERATIONS, self.monitor)?;
            let margins = operator.apply(&open, solved.alpha.view());
            let mut still_open = Vec::new();
            for (place, &i) in open.iter().enumerate() {
                let solution = solved.alpha.column(place);
                alpha.column_mut(i).assign(&solution);
                if !solved.converged[place] {
                    alone.push(i);
                    continue;
                }
                let scale = solution.iter().fold(0.0_f64, |scale, a| scale.max(a.abs()));
                let offenders: Vec<usize> = (0..m)
                    .filter(|&mu| {
                        if free[[mu, i]] > 0.0 {
                            solution[mu] < -1e-10 * scale
                        } else {
                            margins[[mu, place]] < 1.0 - 1e-9
                        }
                    })
                    .collect();
                if offenders.is_empty() {
                    status[i] = NeuronStatus::Optimal;
                    task.advance(1);
                    continue;
                }
                if offenders.len() < fewest[i] {
                    (fewest[i], chances[i]) = (offenders.len(), 3);
                } else {
                    chances[i] = chances[i].saturating_sub(1);
                }
                let flipped = if chances[i] > 0 { &offenders[..] } else { &offenders[offenders.len() - 1..] };
                for &mu in flipped {
                    free[[mu, i]] = 1.0 - free[[mu, i]];
                }
                still_open.push(i);
            }
            open = still_open;
        }
        alone.extend(open);
        alpha.mapv_inplace(|a| a.max(0.0));
        let mut threshold = Array1::zeros(n);
        let solved: Result<Vec<(usize, Neuron)>> = threads::install(|| {
            alone
                .into_par_iter()
                .map(|i| {
                    self.monitor.check()?;
                    let neuron = self.alone(i);
                    task.advance(1);
                    Ok((i, neuron))
                })
                .collect()
        });
        let solved = solved?;
        gather(&mut alpha, &mut threshold, self.patterns, &solved);
        for (i, neuron) in &solved {
            status[*i] = neuron.status;
        }
        Ok(MarginSolution { alpha, threshold, status, iterations: rounds })
    }
}
