//! Linear regression with unknown noise.
//!
//! `y ~ N(x'w, s)` given regressors `x`, with `w | s ~ N(m, s Lambda^-1)` and noise variance `s ~ InvGamma(a, b)`. One
//! row `x_1..x_p, y` adds `x x'` to `Lambda`, 1/2 to `a` and `(y - x'm)^2 / (2 (1 + x' Lambda^-1 x))` to `b`; the
//! predictive given `x` is Student's t with `2a` degrees of freedom, centre `x'm`, squared scale
//! `b/a (1 + x' Lambda^-1 x)`.

use serde::{Deserialize, Serialize};

use super::cholesky::CholeskyFactor;
use super::gamma_ratio::{gamma_divergence, ln_student};
use super::regression_weights::Weights;
use super::{Beliefs, ConjugateFamily, lerp, ranges};
use crate::error::Result;

/// Rows `x_1..x_p, y` with unknown noise; weights and noise change. Include a column of ones for an intercept.
/// Default: [`standard`](Self::standard) with 2 regressors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearRegressionUnknownNoise {
    /// Prior mean of the weights, in units of `y` per unit of each regressor; its length is `p`.
    pub weight_mean: Vec<f64>,
    /// Prior precision `Lambda` of the weights in units of the noise precision, by rows, symmetric positive definite.
    pub weight_precision: Vec<Vec<f64>>,
    /// Prior shape `a > 0` of the noise variance.
    pub noise_shape: f64,
    /// Prior scale `b > 0` of the noise variance, in squared units of `y`; its prior mean is `b/(a - 1)`.
    pub noise_scale: f64,
}

impl LinearRegressionUnknownNoise {
    /// Weights centred on zero with unit precision, noise variance InvGamma(2, 1).
    #[must_use]
    pub fn standard(regressors: usize) -> Self {
        Self {
            weight_mean: vec![0.0; regressors],
            weight_precision: CholeskyFactor::scaled_identity(regressors, 1.0).matrix(),
            noise_shape: 2.0,
            noise_scale: 1.0,
        }
    }
}

impl Default for LinearRegressionUnknownNoise {
    fn default() -> Self {
        Self::standard(2)
    }
}

/// Belief about weights and noise variance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeightsAndNoise {
    /// The weights given the noise.
    pub weights: Weights,
    /// Shape `a` of the noise variance.
    pub shape: f64,
    /// Scale `b` of the noise variance.
    pub scale: f64,
}

impl ConjugateFamily for LinearRegressionUnknownNoise {
    type Belief = WeightsAndNoise;
    type Bank = Beliefs<Self>;
    const NAME: &'static str = "regression-unknown-noise";

    fn validate(&self) -> Result<()> {
        ranges::all_finite("weight_mean", &self.weight_mean)?;
        ranges::positive("noise_shape", self.noise_shape)?;
        ranges::positive("noise_scale", self.noise_scale)?;
        CholeskyFactor::of("weight_precision", &self.weight_precision, self.weight_mean.len()).map(|_| ())
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

    /// The prior; factors the precision, O(p^3), so keep it. (The unit matrix stands in for a precision that
    /// [`validate`](Self::validate) refuses.)
    fn prior(&self) -> WeightsAndNoise {
        let p = self.weight_mean.len();
        let precision = CholeskyFactor::of("weight_precision", &self.weight_precision, p)
            .unwrap_or_else(|_| CholeskyFactor::scaled_identity(p, 1.0));
        let weights = Weights { mean: self.weight_mean.clone(), precision };
        WeightsAndNoise { weights, shape: self.noise_shape, scale: self.noise_scale }
    }

    fn log_predictive(&self, belief: &WeightsAndNoise, y: &[f64]) -> f64 {
        let (residual, spread) = belief.weights.predict(y);
        // The root comes out of the residual, not into the scale: a huge leverage must not overflow it.
        let root = spread.sqrt();
        ln_student(belief.shape, 2.0 * belief.scale, residual / root) - root.ln()
    }

    fn update(&self, belief: &mut WeightsAndNoise, y: &[f64]) {
        belief.scale += 0.5 * belief.weights.condition(y);
        belief.shape += 0.5;
    }

    fn interpolate(&self, belief: &mut WeightsAndNoise, weight: f64, other: &WeightsAndNoise) {
        if weight == 1.0 {
            belief.clone_from(other);
        } else if weight != 0.0 {
            let between = belief.weights.interpolate(weight, &other.weights);
            belief.shape = lerp(belief.shape, weight, other.shape);
            belief.scale = lerp(belief.scale, weight, other.scale) + 0.5 * between;
        }
    }

    fn kl_divergence(&self, p: &WeightsAndNoise, q: &WeightsAndNoise) -> f64 {
        let of_noise = gamma_divergence((p.shape, p.scale), (q.shape, q.scale));
        (of_noise + p.weights.divergence_from(&q.weights, p.shape / p.scale)).max(0.0)
    }

    /// Centre of the weights.
    fn mean(&self, belief: &WeightsAndNoise, out: &mut [f64]) {
        out.copy_from_slice(&belief.weights.mean);
    }

    /// `b/(a - 1) (Lambda^-1)_ii`; infinite for `a <= 1`.
    fn variance(&self, belief: &WeightsAndNoise, out: &mut [f64]) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = if belief.shape > 1.0 {
                belief.scale / (belief.shape - 1.0) * belief.weights.precision.inverse_diagonal(i)
            } else {
                f64::INFINITY
            };
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

    fn family() -> LinearRegressionUnknownNoise {
        LinearRegressionUnknownNoise {
            weight_mean: vec![0.3, -0.2],
            weight_precision: vec![vec![1.5, 0.4], vec![0.4, 0.8]],
            noise_shape: 1.4,
            noise_scale: 0.6,
        }
    }

    fn samples() -> Vec<Vec<f64>> {
        vec![vec![1.0, 0.0, 1.1], vec![0.0, 1.0, -0.4], vec![1.0, 1.0, 0.6], vec![2.0, -1.0, -1.0]]
    }

    #[test]
    fn the_family_obeys_the_laws_of_conjugate_families() {
        assert_family_laws(&family(), &samples());
        assert_family_laws(&LinearRegressionUnknownNoise::default(), &samples());
    }

    #[test]
    fn the_predictive_is_students_t_and_its_chain_is_the_evidence() {
        // multivariate_t(X m, b/a (I + X inv(Lambda) X'), df=2a).logpdf(y) for the first n rows; differences per row
        let expected = [-1.3687786066568957, -0.9689190872060975, -0.8206020437503456, -3.7486184520619545];
        let mut belief = family().prior();
        for (row, expected) in samples().iter().zip(expected) {
            assert_near(family().log_predictive(&belief, row), expected, 1e-10);
            family().update(&mut belief, row);
        }
        let at = |y: f64| family().log_predictive(&belief, &[1.0, 2.0, y]);
        assert_near(density_integral(at, 0.0, 1.0), 1.0, 1e-8);
    }

    #[test]
    fn interpolation_follows_the_natural_coordinates() {
        let (prior, posterior) = (family().prior(), belief_after(&family(), &samples()));
        let mut belief = prior.clone();
        family().interpolate(&mut belief, 0.3, &posterior);
        // 2b + m' Lambda m, formed naively on benign numbers.
        let squares = |b: &WeightsAndNoise| {
            let mut v = b.weights.mean.clone();
            b.weights.precision.multiply_upper(&mut v);
            2.0 * b.scale + v.iter().map(|v| v * v).sum::<f64>()
        };
        assert_near(squares(&belief), 0.7 * squares(&prior) + 0.3 * squares(&posterior), 1e-12);
    }

    #[test]
    fn the_divergence_agrees_with_the_bregman_divergence_of_the_log_partition() {
        let (prior, belief) = (family().prior(), belief_after(&family(), &samples()));
        let expected = [1.2606322438875068, 5.590723015550879];
        assert_near(family().kl_divergence(&belief, &prior), expected[0], 1e-10);
        assert_near(family().kl_divergence(&prior, &belief), expected[1], 1e-10);
    }

    #[test]
    fn a_large_offset_does_not_blur_small_noise() {
        let mut family = family();
        family.weight_mean = vec![1e8, 0.0];
        family.noise_scale = 1e-4;
        let rows: Vec<_> = (0..200)
            .map(|i| vec![1.0, f64::from(i % 10), 1e8 + if i % 20 < 10 { 0.015_625 } else { -0.015_625 }])
            .collect();
        let belief = belief_after(&family, &rows);
        assert_near(belief.scale / (1e-4 + 100.0 * 0.015_625 * 0.015_625), 1.0, 1e-3);
    }

    #[test]
    fn bad_input_is_refused_with_a_sentence() {
        let message =
            LinearRegressionUnknownNoise { noise_shape: -1.0, ..family() }.validate().unwrap_err().to_string();
        assert_eq!(message, "noise_shape must be positive (between 1e-50 and 1e50), got -1");
        assert!(refusal(&family(), &[1.0, 2.0, f64::NEG_INFINITY]).contains("observation 3 is -inf"));
    }

    proptest! {
        #[test]
        fn the_filter_stays_finite(
            a in -6.0..6.0_f64, b in -6.0..6.0_f64, precision in -6.0..6.0_f64,
            rows in prop::collection::vec(prop::collection::vec(-1e9..1e9_f64, 3), 1..9),
        ) {
            let family = LinearRegressionUnknownNoise {
                noise_shape: 10_f64.powf(a),
                noise_scale: 10_f64.powf(b),
                weight_precision: CholeskyFactor::scaled_identity(2, 10_f64.powf(precision)).matrix(),
                ..LinearRegressionUnknownNoise::standard(2)
            };
            prop_assert!(log_evidence(&family, &rows).is_finite());
        }
    }
}
