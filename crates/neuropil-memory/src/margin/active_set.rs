//! The maximal margin where the Gram matrix is singular: an active-set method that grows the set of support vectors.
//!
//! The most violated pattern enters; its column either extends the Cholesky factor of the active block, or depends on it.
//! In the second case there is a direction along which the block's form vanishes and the dual objective grows for ever:
//! either a coefficient reaches zero on the way and leaves, or none does and the patterns are not separable (the direction
//! is the proof: a combination of patterns with non-negative weights whose labelled features cancel).

use ndarray::ArrayView2;

use super::{Neuron, NeuronStatus};
use crate::cholesky::Cholesky;
use crate::gram::Gram;

/// A column counts as dependent when what is new of it is below this fraction of its norm.
const DEPENDENT: f64 = 1e-10;

/// Solves one neuron for the full Gram matrix `k` and its labels, without bias.
pub(super) fn solve(k: ArrayView2<f64>, labels: &[f64], tolerance: f64) -> Neuron {
    let mut state = ActiveSet::new(k, labels);
    let limit = 50 * labels.len() + 100;
    for iteration in 0..limit {
        let Some(entering) = state.most_violated(tolerance) else {
            return state.finish(NeuronStatus::Optimal, iteration);
        };
        if !state.enter(entering) {
            return state.finish(NeuronStatus::NotSeparable, iteration);
        }
    }
    state.finish(NeuronStatus::NotConverged, limit)
}

struct ActiveSet<'a> {
    k: ArrayView2<'a, f64>,
    labels: &'a [f64],
    /// Indices of the active patterns, in the order of the rows of the factor.
    active: Vec<usize>,
    alpha: Vec<f64>,
    factor: Cholesky,
}

impl<'a> ActiveSet<'a> {
    fn new(k: ArrayView2<'a, f64>, labels: &'a [f64]) -> Self {
        Self { k, labels, active: Vec::new(), alpha: vec![0.0; labels.len()], factor: Cholesky::empty() }
    }

    fn q(&self, i: usize, j: usize) -> f64 {
        self.labels[i] * self.labels[j] * self.k[[i, j]]
    }

    /// The inactive pattern whose margin is furthest below one, in units of its own norm.
    fn most_violated(&self, tolerance: f64) -> Option<usize> {
        let mut best = (tolerance, None);
        for j in (0..self.labels.len()).filter(|j| !self.active.contains(j)) {
            let margin: f64 = self.active.iter().map(|&i| self.q(i, j) * self.alpha[i]).sum();
            let violation = 1.0 - margin;
            if violation > best.0 {
                best = (violation, Some(j));
            }
        }
        best.1
    }

    /// Takes a pattern in and restores optimality on the active set; `false` if the objective is unbounded.
    fn enter(&mut self, entering: usize) -> bool {
        loop {
            let mut row: Vec<f64> = self.active.iter().map(|&i| self.q(i, entering)).collect();
            self.factor.forward(&mut row);
            let own = self.q(entering, entering);
            let schur = own - row.iter().map(|x| x * x).sum::<f64>();
            if schur > DEPENDENT * own.max(f64::MIN_POSITIVE) {
                self.factor.append(&row, schur);
                self.active.push(entering);
                self.descend();
                return true;
            }
            // Dependent: p = -Q_FF^-1 q on the active set and one on the entering pattern.
            let mut direction: Vec<f64> = self.active.iter().map(|&i| -self.q(i, entering)).collect();
            self.factor.solve(&mut direction);
            let Some((place, step)) = self.blocking(&direction) else { return false };
            for (&i, p) in self.active.iter().zip(&direction) {
                self.alpha[i] += step * p;
            }
            self.alpha[entering] += step;
            self.leave(place);
        }
    }

    /// Moves to the minimum over the active set, dropping coefficients that would become negative on the way.
    fn descend(&mut self) {
        while !self.active.is_empty() {
            let mut target = vec![1.0; self.active.len()];
            self.factor.solve(&mut target);
            let direction: Vec<f64> =
                self.active.iter().zip(&target).map(|(&i, target)| target - self.alpha[i]).collect();
            match self.blocking(&direction) {
                Some((place, step)) if step < 1.0 => {
                    for (&i, p) in self.active.iter().zip(&direction) {
                        self.alpha[i] += step * p;
                    }
                    self.leave(place);
                }
                _ => {
                    for (&i, target) in self.active.iter().zip(&target) {
                        self.alpha[i] = *target;
                    }
                    return;
                }
            }
        }
    }

    /// The first active coefficient that reaches zero along a direction, and how far that is.
    fn blocking(&self, direction: &[f64]) -> Option<(usize, f64)> {
        let scale = direction.iter().fold(0.0_f64, |scale, p| scale.max(p.abs()));
        let mut first: Option<(usize, f64)> = None;
        for (place, (&i, &p)) in self.active.iter().zip(direction).enumerate() {
            if p < -1e-12 * scale {
                let step = (self.alpha[i] / -p).max(0.0);
                if first.is_none_or(|(_, best)| step < best) {
                    first = Some((place, step));
                }
            }
        }
        first
    }

    fn leave(&mut self, place: usize) {
        let index = self.active.remove(place);
        self.alpha[index] = 0.0;
        self.factor.delete(place);
    }

    fn finish(self, status: NeuronStatus, iterations: usize) -> Neuron {
        let coefficients = self.alpha.iter().zip(self.labels).map(|(a, y)| a * y).collect();
        Neuron { coefficients, bias: 0.0, status, iterations }
    }
}

/// Solves `Q_FF alpha_F = 1` directly for the support of a solution; polishes what the inverse lost.
pub(super) fn polish(k: ArrayView2<f64>, labels: &[f64], coefficients: &mut [f64], bias: f64) {
    let support: Vec<usize> = (0..labels.len()).filter(|&i| coefficients[i] != 0.0).collect();
    let s = support.len();
    let mut block = vec![0.0; s * s];
    for (row, &i) in support.iter().enumerate() {
        for (column, &j) in support.iter().enumerate().skip(row) {
            block[row * s + column] = k[[i, j]];
        }
    }
    let Ok(factor) = Cholesky::of(Gram::from_parts(s, block)) else { return };
    let mut solution: Vec<f64> = support.iter().map(|&i| labels[i] - bias).collect();
    factor.solve(&mut solution);
    // A coefficient that changes sign belongs to another support; the solution at hand is then as good.
    if support.iter().zip(&solution).all(|(&i, c)| c * labels[i] >= 0.0) {
        for (&i, c) in support.iter().zip(solution) {
            coefficients[i] = c;
        }
    }
}
