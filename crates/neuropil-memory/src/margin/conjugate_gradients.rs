//! Conjugate gradients for all self-excluded neurons at once.
//!
//! `Q_i alpha_i` for every neuron i is `X ∘ (B (X ∘ alpha)) + A alpha`: two matrix products that all neurons share, never a
//! Gram matrix per neuron. Each neuron has a mask of free patterns; masked entries stay zero. The diagonal of every `Q_i` is
//! the same number for binary patterns, so it preconditions nothing; few iterations suffice where the kernel is peaked.

use ndarray::{Array2, ArrayView2, Zip};
use neuropil_core::progress::Monitor;

use crate::error::Result;
use crate::product::multiply;

/// The labelled Gram matrices of all neurons, as an operator.
pub(super) struct Operator<'a> {
    pub b: ArrayView2<'a, f64>,
    pub a: ArrayView2<'a, f64>,
    pub labels: ArrayView2<'a, f64>,
}

impl Operator<'_> {
    /// `Q_i v_i` for the listed neurons; `v` has one column for each.
    pub fn apply(&self, neurons: &[usize], v: ArrayView2<f64>) -> Array2<f64> {
        let labels = self.labels.select(ndarray::Axis(1), neurons);
        let signed = &labels * &v;
        multiply(self.b, signed.view()) * labels + multiply(self.a, v)
    }
}

/// The solutions, and which neurons have one.
pub(super) struct Converged {
    pub alpha: Array2<f64>,
    pub converged: Vec<bool>,
}

/// Solves `Q_i alpha_i = 1` on the free patterns (mask one) of the listed neurons, from `start`.
pub(super) fn solve(
    operator: &Operator<'_>,
    neurons: &[usize],
    free: ArrayView2<f64>,
    start: Array2<f64>,
    max_iterations: usize,
    monitor: &Monitor,
) -> Result<Converged> {
    const TOLERANCE: f64 = 1e-12;
    let n = neurons.len();
    let mut alpha = start * free;
    let mut residual = (1.0 - operator.apply(neurons, alpha.view())) * free;
    let mut direction = residual.clone();
    let sums = |x: &Array2<f64>, y: &Array2<f64>| -> Vec<f64> {
        let mut total = vec![0.0; n];
        Zip::from(x.rows()).and(y.rows()).for_each(|x, y| {
            for ((t, x), y) in total.iter_mut().zip(x).zip(y) {
                *t += x * y;
            }
        });
        total
    };
    let mut norm2 = sums(&residual, &residual);
    let goal: Vec<f64> = free.columns().into_iter().map(|mask| TOLERANCE * TOLERANCE * mask.sum().max(1.0)).collect();
    let mut iterations = 0;
    while iterations < max_iterations && norm2.iter().zip(&goal).any(|(r, goal)| r > goal) {
        monitor.check()?;
        iterations += 1;
        let image = operator.apply(neurons, direction.view()) * free;
        let curvature = sums(&direction, &image);
        // A neuron at its goal, or with a direction of no curvature, stands still.
        let step: Vec<f64> = (0..n)
            .map(|i| if norm2[i] > goal[i] && curvature[i] > 0.0 { norm2[i] / curvature[i] } else { 0.0 })
            .collect();
        for ((mut a, d), (mut r, q)) in
            alpha.rows_mut().into_iter().zip(direction.rows()).zip(residual.rows_mut().into_iter().zip(image.rows()))
        {
            for i in 0..n {
                a[i] += step[i] * d[i];
                r[i] -= step[i] * q[i];
            }
        }
        let next = sums(&residual, &residual);
        let turn: Vec<f64> =
            next.iter().zip(&norm2).map(|(new, old)| if *old > 0.0 { new / old } else { 0.0 }).collect();
        for (mut d, r) in direction.rows_mut().into_iter().zip(residual.rows()) {
            for i in 0..n {
                d[i] = r[i] + turn[i] * d[i];
            }
        }
        norm2 = next;
    }
    let converged = norm2.iter().zip(&goal).map(|(r, goal)| *r <= 1e6 * goal).collect();
    Ok(Converged { alpha, converged })
}
