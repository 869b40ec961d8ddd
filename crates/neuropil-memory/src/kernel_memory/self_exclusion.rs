//! Neurons that do not see themselves: the fields at recall, and the Gram matrices of interpolation.
//!
//! For binary patterns `h_i(s) = sum_mu c_i^mu b(u_mu) + s_i sum_mu alpha_i^mu a(u_mu)`: two matrix products for a batch of
//! states, one where `a` is constant or all alphas are one.

use ndarray::{Array1, Array2, ArrayView2, s};
use neuropil_core::progress::Monitor;
use neuropil_core::threads;
use rayon::prelude::*;

use super::linear_system::{self, Solved};
use super::{FitReport, InterpolationOptions, KernelMemory};
use crate::error::Result;
use crate::gram::{Gram, check_memory, squared_norms};
use crate::kernel::{Geometry, Inputs, Kernel};
use crate::product::multiply_transposed;

/// The second term of the field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SelfTerm {
    /// Neurons see themselves: there is none.
    Included,
    /// `a` is a constant: the term is `s_i` times this.
    Constant(Array1<f64>),
    /// All alphas are one: the term is `s_i sum_mu a(u_mu)`.
    OneShot,
    /// The dual coefficients, M x N.
    Coefficients(Array2<f64>),
    /// Every neuron has a kernel of its own, evaluated one by one.
    Exact,
}

/// Overlaps and squared distances over all inputs, from which those over all but one follow by a subtraction.
struct Pairs<'a> {
    patterns: ArrayView2<'a, f64>,
    overlaps: Array2<f64>,
    distances2: Array2<f64>,
    norms2: Vec<f64>,
}

impl<'a> Pairs<'a> {
    fn of(patterns: ArrayView2<'a, f64>) -> Result<Self> {
        let m = patterns.nrows();
        check_memory("overlaps and distances of all patterns", 2 * m * m)?;
        let overlaps = multiply_transposed(patterns, patterns);
        // Differences of squares would lose the digits of small distances.
        let distance2 = |(mu, nu)| patterns.row(mu).iter().zip(patterns.row(nu)).map(|(a, b)| (a - b) * (a - b)).sum();
        let mut distances2 = Array2::zeros((m, m));
        threads::install(|| {
            let rows: Vec<_> = distances2.outer_iter_mut().enumerate().collect();
            rows.into_par_iter().for_each(|(mu, mut row)| {
                row.iter_mut().enumerate().for_each(|(nu, d2): (usize, &mut f64)| *d2 = distance2((mu, nu)));
            });
        });
        Ok(Self { patterns, overlaps, distances2, norms2: squared_norms(patterns) })
    }

    /// The Gram matrix of neuron i, O(M^2).
    fn gram_without(&self, kernel: &Kernel, i: usize) -> Result<Gram> {
        let (m, n) = self.patterns.dim();
        let own = self.patterns.column(i);
        let all = Inputs::all_but_one(n);
        let mut values = vec![0.0; m * m];
        for mu in 0..m {
            for nu in mu..m {
                let (a, b) = (own[mu], own[nu]);
                let distance2 = (self.distances2[[mu, nu]] - (a - b) * (a - b)).max(0.0);
                let (xx, yy) = (self.norms2[mu] - a * a, self.norms2[nu] - b * b);
                values[mu * m + nu] = kernel.value(self.overlaps[[mu, nu]] - a * b, xx, yy, distance2, all);
            }
        }
        let gram = Gram::from_parts(m, values);
        gram.check_finite(kernel, self.patterns)?;
        Ok(gram)
    }
}

/// Interpolation by neurons that do not see themselves: a Gram matrix each, O(N M^3).
pub(super) fn one_system_per_neuron(
    kernel: &Kernel,
    inputs: ArrayView2<f64>,
    right: &Array2<f64>,
    options: &InterpolationOptions,
    report: &mut FitReport,
    monitor: &Monitor,
) -> Result<Solved> {
    let pairs = Pairs::of(inputs)?;
    let n = inputs.ncols();
    let task = monitor.task("neurons", n as u64);
    let solved: Result<Vec<Solved>> = threads::install(|| {
        (0..n)
            .into_par_iter()
            .map(|i| {
                monitor.check()?;
                let gram = || pairs.gram_without(kernel, i);
                let column = right.slice(s![.., i..=i]).to_owned();
                let solved = linear_system::solve(kernel, gram()?, &gram, column, options)?;
                task.advance(1);
                Ok(solved)
            })
            .collect()
    });
    let mut all = Solved { coefficients: Array2::zeros(right.dim()), factor: None, jitter: 0.0, largest_diagonal: 0.0 };
    for (i, solved) in solved?.into_iter().enumerate() {
        all.coefficients.column_mut(i).assign(&solved.coefficients.column(0));
        all.jitter = all.jitter.max(solved.jitter);
        all.largest_diagonal = all.largest_diagonal.max(solved.largest_diagonal);
        if let Some(factor) = &solved.factor {
            let bound = factor.condition_bound();
            report.condition_bound = Some(report.condition_bound.map_or(bound, |worst| worst.max(bound)));
        }
    }
    Ok(all)
}

/// The kernel over all inputs but one, between a pattern and a state, by its definition.
#[cfg(test)]
fn value_without(kernel: &Kernel, i: usize, x: &[f64], s: &[f64]) -> f64 {
    let (mut dot, mut xx, mut ss, mut d2) = (0.0, 0.0, 0.0, 0.0);
    for (j, (a, b)) in x.iter().zip(s).enumerate() {
        if j != i {
            dot += a * b;
            xx += a * a;
            ss += b * b;
            d2 += (a - b) * (a - b);
        }
    }
    kernel.value(dot, xx, ss, d2, Inputs::all_but_one(x.len()))
}

/// The Gram matrix of neuron i on real patterns, by its definition.
#[cfg(test)]
pub(crate) fn gram_without(kernel: &Kernel, i: usize, patterns: ArrayView2<f64>) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = patterns.rows().into_iter().map(|row| row.to_vec()).collect();
    Array2::from_shape_fn((rows.len(), rows.len()), |(mu, nu)| value_without(kernel, i, &rows[mu], &rows[nu]))
}

impl KernelMemory {
    /// The fields of neurons that all have their own kernel: O(M N) kernel values for every state.
    pub(super) fn exact_fields(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        let (m, n) = self.patterns.dim();
        let mut fields = Array2::zeros((states.nrows(), n));
        let all = Inputs::all_but_one(n);
        let rows: Vec<_> = fields.outer_iter_mut().zip(states.outer_iter()).collect();
        threads::install(|| {
            rows.into_par_iter().for_each(|(mut out, s)| {
                let ss: f64 = s.iter().map(|x| x * x).sum();
                for mu in 0..m {
                    let x = self.patterns.row(mu);
                    let (mut dot, mut d2) = (0.0, 0.0);
                    for (a, b) in x.iter().zip(s) {
                        dot += a * b;
                        d2 += (a - b) * (a - b);
                    }
                    let xx = self.norms2[mu];
                    for i in 0..n {
                        let (a, b) = (x[i], s[i]);
                        let rest = d2 - (a - b) * (a - b);
                        let k = self.kernel.value(dot - a * b, xx - a * a, ss - b * b, rest.max(0.0), all);
                        out[i] += self.coefficients[[mu, i]] * k;
                    }
                }
            });
        });
        Ok(fields)
    }

    /// Whether distances to single inputs can be taken apart for this kernel.
    pub(super) fn kernel_without_self_exists(kernel: &Kernel, binary: bool) -> bool {
        binary || kernel.geometry() != Geometry::Hamming
    }
}
