//! What both linear regressions know about their weights: a centre and a precision, conditioned in O(p^2).

use serde::{Deserialize, Serialize};

use super::cholesky::{CholeskyFactor, squared_length, with_scratch};

/// Weights `w ~ N(mean, s Lambda^-1)` in units of the noise variance `s`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// Centre of the weights.
    pub mean: Vec<f64>,
    /// Cholesky factor of the precision `Lambda`.
    pub precision: CholeskyFactor,
}

impl Weights {
    /// `y - x' mean` and `1 + x' Lambda^-1 x` for the row `x_1..x_p, y`.
    pub(super) fn predict(&self, row: &[f64]) -> (f64, f64) {
        let (x, y) = (&row[..self.mean.len()], row[self.mean.len()]);
        let leverage = with_scratch(x.len(), |v| {
            v.copy_from_slice(x);
            self.precision.solve_lower(v);
            squared_length(v)
        });
        (y - dot(x, &self.mean), 1.0 + leverage)
    }

    /// Bayes' rule for the row `x_1..x_p, y`; returns what it adds to the sum of squares.
    pub(super) fn condition(&mut self, row: &[f64]) -> f64 {
        let (x, y) = (&row[..self.mean.len()], row[self.mean.len()]);
        let residual = y - dot(x, &self.mean);
        with_scratch(x.len(), |v| {
            v.copy_from_slice(x);
            self.precision.solve_lower(v);
            let spread = 1.0 + squared_length(v);
            self.precision.solve_upper(v);
            for (mean, gain) in self.mean.iter_mut().zip(&*v) {
                *mean += gain * (residual / spread);
            }
            v.copy_from_slice(x);
            self.precision.add_outer_product(v);
            residual * (residual / spread)
        })
    }

    /// Linear interpolation of `Lambda` and `Lambda mean`, for `weight` in `(0, 1)`; returns what the distance of the
    /// two centres adds to the sum of squares (the parallel-axis rule for matrices: no difference of large numbers).
    pub(super) fn interpolate(&mut self, weight: f64, other: &Self) -> f64 {
        let p = self.mean.len();
        let before = self.precision.clone();
        self.precision.mix(weight, &other.precision);
        with_scratch(3 * p, |scratch| {
            let (step, rest) = scratch.split_at_mut(p);
            let (distance, image) = rest.split_at_mut(p);
            for i in 0..p {
                distance[i] = other.mean[i] - self.mean[i];
            }
            step.copy_from_slice(distance);
            other.precision.multiply_upper(step);
            other.precision.multiply_lower(step);
            step.iter_mut().for_each(|step| *step *= weight);
            self.precision.solve_lower(step);
            self.precision.solve_upper(step);
            image.copy_from_slice(step);
            before.multiply_upper(image);
            let kept = squared_length(image);
            for i in 0..p {
                self.mean[i] += step[i];
                image[i] = distance[i] - step[i];
            }
            other.precision.multiply_upper(image);
            (1.0 - weight) * kept + weight * squared_length(image)
        })
    }

    /// Divergence of the weights from `q` when the noise precision is `noise_precision` on average under `self`.
    pub(super) fn divergence_from(&self, q: &Self, noise_precision: f64) -> f64 {
        let distance = with_scratch(self.mean.len(), |v| {
            for (v, (a, b)) in v.iter_mut().zip(self.mean.iter().zip(&q.mean)) {
                *v = a - b;
            }
            q.precision.multiply_upper(v);
            squared_length(v)
        });
        let (excess, ln_ratio) = self.precision.compare(&q.precision);
        0.5 * (excess - ln_ratio + noise_precision * distance)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
