//! Neurons that do not see themselves, at recall.
//!
//! For binary patterns `h_i(s) = sum_mu c_i^mu b(u_mu) + s_i sum_mu alpha_i^mu a(u_mu)`: two matrix products for a batch of
//! states, one where `a` is constant or all alphas are one.

use ndarray::{Array1, Array2, ArrayView2};
use neuropil_core::threads;
use rayon::prelude::*;

use super::KernelMemory;
use crate::error::Result;
use crate::kernel::{Geometry, Inputs, Kernel};

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

/// The kernel over all inputs but one, between a pattern and a state.
pub(super) fn value_without(kernel: &Kernel, i: usize, x: &[f64], s: &[f64]) -> f64 {
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

/// The Gram matrix of neuron i on real patterns.
pub(crate) fn gram_without(kernel: &Kernel, i: usize, patterns: ArrayView2<f64>) -> Array2<f64> {
    let m = patterns.nrows();
    let rows: Vec<Vec<f64>> = patterns.rows().into_iter().map(|row| row.to_vec()).collect();
    let mut gram = Array2::zeros((m, m));
    for mu in 0..m {
        for nu in mu..m {
            let value = value_without(kernel, i, &rows[mu], &rows[nu]);
            gram[[mu, nu]] = value;
            gram[[nu, mu]] = value;
        }
    }
    gram
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
