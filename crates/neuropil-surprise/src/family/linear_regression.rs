//! Linear regression with known noise.
//!
//! `y ~ N(x'w, noise^2)` given regressors `x`, with `w ~ N(m, noise^2 Lambda^-1)`. One row `x_1..x_p, y` adds `x x'` to
//! `Lambda` and moves `m` by the Kalman gain; the predictive given `x` is `N(x'm, noise^2 (1 + x' Lambda^-1 x))`.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::cholesky::CholeskyFactor;
use super::regression_weights::Weights;
use super::{Beliefs, ConjugateFamily, ranges};
use crate::error::Result;

/// Rows `x_1..x_p, y` with known noise; the weights change. Include a column of ones for an intercept. Default:
/// [`standard`](Self::standard) with 2 regressors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearRegression {
    /// Standard deviation of the noise, > 0, in the unit of `y`.
    pub noise: f64,
    /// Prior mean of the weights, in units of `y` per unit of each regressor; its length is `p`.
    pub weight_mean: Vec<f64>,
    /// Prior covariance of the weights by rows, symmetric positive definite.
    pub weight_covariance: Vec<Vec<f64>>,
}

impl LinearRegression {
    /// Noise 1 and independent standard normal weights.
    #[must_use]
    pub fn standard(regressors: usize) -> Self {
        Self {
            noise: 1.0,
            weight_mean: vec![0.0; regressors],
            weight_covariance: CholeskyFactor::scaled_identity(regressors, 1.0).matrix(),
        }
    }
}

impl Default for LinearRegression {
    fn default() -> Self {
        Self::standard(2)
    }
}

impl ConjugateFamily for LinearRegression {
    type Belief = Weights;
    type Bank = Beliefs<Self>;
    const NAME: &'static str = "regression";

    fn validate(&self) -> Result<()> {
        ranges::positive("noise", self.noise)?;
        ranges::all_finite("weight_mean", &self.weight_mean)?;
        CholeskyFactor::of("weight_covariance", &self.weight_covariance, self.weight_mean.len()).map(|_| ())
    }

    fn observation_width(&self) -> usize {
        self.weight_mean.len() + 1
    }

    fn estimate_width(&self) -> usize {
        self.weight_mean.len()
    }

    fn check_observation(&self, index: usize, y: &[f64]) -> Result<()> {
        ranges::width(index, Self::NAME, y, self.observation_width())?;
        ranges::real(index, Self::NAME, y)
    }

    /// The prior; inverts the covariance, O(p^3), so keep it. (The unit matrix stands in for a covariance that
    /// [`validate`](Self::validate) refuses.)
    fn prior(&self) -> Weights {
        let p = self.weight_mean.len();
        let covariance = CholeskyFactor::of("weight_covariance", &self.weight_covariance, p)
            .unwrap_or_else(|_| CholeskyFactor::scaled_identity(p, 1.0));
        Weights { mean: self.weight_mean.clone(), precision: covariance.inverse(self.noise * self.noise) }
    }

    fn log_predictive(&self, belief: &Weights, y: &[f64]) -> f64 {
        let (residual, spread) = belief.predict(y);
        let score = residual / self.noise;
        -0.5 * (score * (score / spread) + (2.0 * PI * spread).ln()) - self.noise.ln()
    }

    fn update(&self, belief: &mut Weights, y: &[f64]) {
        belief.condition(y);
    }

    fn interpolate(&self, belief: &mut Weights, weight: f64, other: &Weights) {
        if weight == 1.0 {
            belief.clone_from(other);
        } else if weight != 0.0 {
            belief.interpolate(weight, other);
        }
    }

    fn kl_divergence(&self, p: &Weights, q: &Weights) -> f64 {
        p.divergence_from(q, 1.0 / (self.noise * self.noise)).max(0.0)
    }

    /// Expected weights.
    fn mean(&self, belief: &Weights, out: &mut [f64]) {
        out.copy_from_slice(&belief.mean);
    }

    /// `noise^2 (Lambda^-1)_ii`.
    fn variance(&self, belief: &Weights, out: &mut [f64]) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = self.noise * self.noise * belief.precision.inverse_diagonal(i);
        }
    }

    /// `None`: one row does not determine the weights.
    fn empirical_mean(&self, _: &[f64], _: &mut [f64]) -> Option<()> {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::{assert_family_laws, assert_near, belief_after, density_integral, log_evidence, refusal};
    use super::*;

    fn family() -> LinearRegression {
        LinearRegression {
            noise: 0.5,
            weight_mean: vec![0.3, -0.2],
            weight_covariance: vec![vec![1.5, 0.4], vec![0.4, 0.8]],
        }
    }

    fn samples() -> Vec<Vec<f64>> {
        vec![vec![1.0, 0.0, 1.1], vec![0.0, 1.0, -0.4], vec![1.0, 1.0, 0.6], vec![2.0, -1.0, -1.0]]
    }

    #[test]
    fn the_family_obeys_the_laws_of_conjugate_families() {
        assert_family_laws(&family(), &samples());
        assert_family_laws(&LinearRegression::standard(2), &samples());
    }

    #[test]
    fn the_predictive_is_normal_and_its_chain_is_the_evidence() {
        // multivariate_normal(X m, 0.25 I + X S X').logpdf(y) for the first n rows, n = 1..4; differences per row
        let expected = [-1.3816035700295268, -0.9742402473474363, -0.7256897843003229, -5.536907335754819];
        let mut belief = family().prior();
        for (row, expected) in samples().iter().zip(expected) {
            assert_near(family().log_predictive(&belief, row), expected, 1e-10);
            family().update(&mut belief, row);
        }
        let at = |y: f64| family().log_predictive(&belief, &[1.0, 2.0, y]);
        assert_near(density_integral(at, -0.5, 1.0), 1.0, 1e-8);
    }

    #[test]
    fn the_posterior_solves_the_normal_equations() {
        let (prior, belief) = (family().prior(), belief_after(&family(), &samples()));
        let (before, after) = (prior.precision.matrix(), belief.precision.matrix());
        for i in 0..2 {
            let (mut left, mut right) = (0.0, 0.0);
            for j in 0..2 {
                let products: f64 = samples().iter().map(|row| row[i] * row[j]).sum();
                assert_near(after[i][j], before[i][j] + products, 1e-12);
                left += after[i][j] * belief.mean[j];
                right += before[i][j] * prior.mean[j];
            }
            assert_near(left, right + samples().iter().map(|row| row[i] * row[2]).sum::<f64>(), 1e-12);
        }
    }

    #[test]
    fn the_divergence_agrees_with_the_bregman_divergence_of_the_log_partition() {
        let (prior, belief) = (family().prior(), belief_after(&family(), &samples()));
        let expected = [2.254408626567904, 21.824724473146812];
        assert_near(family().kl_divergence(&belief, &prior), expected[0], 1e-10);
        assert_near(family().kl_divergence(&prior, &belief), expected[1], 1e-10);
    }

    #[test]
    fn bad_input_is_refused_with_a_sentence() {
        let message = LinearRegression { noise: 0.0, ..family() }.validate().unwrap_err().to_string();
        assert_eq!(message, "noise must be positive (between 1e-50 and 1e50), got 0");
        let message = LinearRegression { weight_mean: vec![0.0; 3], ..family() }.validate().unwrap_err().to_string();
        assert!(message.starts_with("weight_covariance must be a symmetric positive definite matrix of 3 x 3"));
        let expected = "observation 3 of the family \"regression\": expected 3 numbers per row, got 2";
        assert_eq!(refusal(&family(), &[1.0, 2.0]), expected);
    }

    proptest! {
        #[test]
        fn the_filter_stays_finite(
            noise in -6.0..6.0_f64, spread in -6.0..6.0_f64,
            rows in prop::collection::vec(prop::collection::vec(-1e9..1e9_f64, 3), 1..9),
        ) {
            let family = LinearRegression {
                noise: 10_f64.powf(noise),
                weight_covariance: CholeskyFactor::scaled_identity(2, 10_f64.powf(spread)).matrix(),
                ..LinearRegression::standard(2)
            };
            prop_assert!(log_evidence(&family, &rows).is_finite());
        }
    }
}
