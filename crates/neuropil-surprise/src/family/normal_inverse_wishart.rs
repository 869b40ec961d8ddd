//! Multivariate Gaussian with unknown mean and covariance.
//!
//! `y ~ N(mu, S)`, `mu | S ~ N(m, S/k)`, `S ~ InvWishart(nu, Psi)`. One observation moves `m` by `(y - m)/(k + 1)`, adds
//! `k/(k + 1) (y - m)(y - m)'` to `Psi` and 1 to `k` and `nu`; the predictive is a multivariate t with `nu - d + 1`
//! degrees of freedom, centre `m` and scale matrix `Psi (k + 1)/(k (nu - d + 1))`. The belief keeps a Cholesky factor
//! of `Psi`: O(d^2) per observation.

use std::f64::consts::PI;

use neuropil_core::special::digamma;
use serde::{Deserialize, Serialize};

use super::cholesky::{CholeskyFactor, squared_length, with_scratch};
use super::gamma_ratio::{ln_gamma_half_steps, ln_gamma_ratio};
use super::{Beliefs, ConjugateFamily, lerp, ranges};
use crate::error::{Error, Result};

/// Vector observations; their mean and covariance change. Default: [`standard`](Self::standard) in 2 dimensions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultivariateGaussian {
    /// Prior centre `m` of the mean, in the unit of the observations; its length is the dimension `d`.
    pub mean: Vec<f64>,
    /// Number `k > 0` of observations that the prior of the mean is worth.
    pub mean_weight: f64,
    /// Degrees of freedom `nu > d - 1` of the covariance.
    pub degrees_of_freedom: f64,
    /// Scatter matrix `Psi` by rows, symmetric positive definite, in squared units; the prior mean of the covariance is
    /// `Psi/(nu - d - 1)`.
    pub scatter: Vec<Vec<f64>>,
}

impl MultivariateGaussian {
    /// Mean zero, `k = 1`, `nu = d + 2` and the unit matrix as scatter: the prior mean of the covariance is the unit
    /// matrix.
    #[must_use]
    pub fn standard(dimension: usize) -> Self {
        Self {
            mean: vec![0.0; dimension],
            mean_weight: 1.0,
            degrees_of_freedom: dimension as f64 + 2.0,
            scatter: CholeskyFactor::scaled_identity(dimension, 1.0).matrix(),
        }
    }
}

impl Default for MultivariateGaussian {
    fn default() -> Self {
        Self::standard(2)
    }
}

/// NIW(mean, mean_weight, degrees_of_freedom, scatter) over a mean and a covariance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NormalInverseWishart {
    /// Centre `m` of the mean.
    pub mean: Vec<f64>,
    /// Weight `k` of the mean.
    pub mean_weight: f64,
    /// Degrees of freedom `nu`.
    pub degrees_of_freedom: f64,
    /// Cholesky factor of the scatter matrix `Psi`.
    pub scatter: CholeskyFactor,
}

impl ConjugateFamily for MultivariateGaussian {
    type Belief = NormalInverseWishart;
    type Bank = Beliefs<Self>;
    const NAME: &'static str = "multivariate-gaussian";

    fn validate(&self) -> Result<()> {
        let d = self.mean.len();
        ranges::all_finite("mean", &self.mean)?;
        ranges::positive("mean_weight", self.mean_weight)?;
        let least = d as f64 - 1.0;
        if !(self.degrees_of_freedom > least && self.degrees_of_freedom.is_finite()) {
            let allowed = format!("finite and greater than {least}, the dimension minus 1");
            return Err(Error::parameter("degrees_of_freedom", self.degrees_of_freedom, allowed));
        }
        CholeskyFactor::of("scatter", &self.scatter, d).map(|_| ())
    }

    fn observation_width(&self) -> usize {
        self.mean.len()
    }

    fn estimate_width(&self) -> usize {
        self.mean.len()
    }

    fn check_observation(&self, index: usize, y: &[f64]) -> Result<()> {
        ranges::width(index, Self::NAME, y, self.mean.len())?;
        ranges::real(index, Self::NAME, y)
    }

    /// The prior; factors the scatter matrix, O(d^3), so keep it. (The unit matrix stands in for a scatter matrix that
    /// [`validate`](Self::validate) refuses.)
    fn prior(&self) -> NormalInverseWishart {
        let d = self.mean.len();
        NormalInverseWishart {
            mean: self.mean.clone(),
            mean_weight: self.mean_weight,
            degrees_of_freedom: self.degrees_of_freedom,
            scatter: CholeskyFactor::of("scatter", &self.scatter, d)
                .unwrap_or_else(|_| CholeskyFactor::scaled_identity(d, 1.0)),
        }
    }

    fn log_predictive(&self, belief: &NormalInverseWishart, y: &[f64]) -> f64 {
        let (d, k, nu) = (y.len(), belief.mean_weight, belief.degrees_of_freedom);
        let distance = with_scratch(d, |deviation| {
            subtract(deviation, y, &belief.mean);
            belief.scatter.solve_lower(deviation);
            squared_length(deviation)
        });
        let dimension = d as f64;
        ln_gamma_half_steps(0.5 * (nu - dimension + 1.0), d)
            - 0.5 * (dimension * (PI.ln() + k.recip().ln_1p()) + belief.scatter.ln_determinant())
            - 0.5 * (nu + 1.0) * (k / (k + 1.0) * distance).ln_1p()
    }

    fn update(&self, belief: &mut NormalInverseWishart, y: &[f64]) {
        let k = belief.mean_weight;
        with_scratch(y.len(), |deviation| {
            subtract(deviation, y, &belief.mean);
            belief.mean.iter_mut().zip(&*deviation).for_each(|(mean, deviation)| *mean += deviation / (k + 1.0));
            let root = (k / (k + 1.0)).sqrt();
            deviation.iter_mut().for_each(|deviation| *deviation *= root);
            belief.scatter.add_outer_product(deviation);
        });
        belief.mean_weight += 1.0;
        belief.degrees_of_freedom += 1.0;
    }

    fn interpolate(&self, belief: &mut NormalInverseWishart, weight: f64, other: &NormalInverseWishart) {
        if weight == 0.0 {
            return;
        }
        if weight == 1.0 {
            belief.clone_from(other);
            return;
        }
        // Parallel axes: the scatters add, and so does what the distance of the two centres contributes.
        let (kept, added) = ((1.0 - weight) * belief.mean_weight, weight * other.mean_weight);
        let total = kept + added;
        belief.scatter.mix(weight, &other.scatter);
        with_scratch(belief.mean.len(), |deviation| {
            subtract(deviation, &other.mean, &belief.mean);
            belief.mean.iter_mut().zip(&*deviation).for_each(|(mean, step)| *mean += step * (added / total));
            let root = (kept * (added / total)).sqrt();
            deviation.iter_mut().for_each(|deviation| *deviation *= root);
            belief.scatter.add_outer_product(deviation);
        });
        belief.mean_weight = total;
        belief.degrees_of_freedom = lerp(belief.degrees_of_freedom, weight, other.degrees_of_freedom);
    }

    fn kl_divergence(&self, p: &NormalInverseWishart, q: &NormalInverseWishart) -> f64 {
        let d = p.mean.len();
        let (nu_p, nu_q) = (p.degrees_of_freedom, q.degrees_of_freedom);
        let distance = with_scratch(d, |deviation| {
            subtract(deviation, &p.mean, &q.mean);
            p.scatter.solve_lower(deviation);
            squared_length(deviation)
        });
        let ratio = q.mean_weight / p.mean_weight;
        let of_mean = 0.5 * (d as f64 * (ratio - 1.0 - ratio.ln()) + q.mean_weight * nu_p * distance);
        let (excess, ln_ratio) = p.scatter.compare(&q.scatter);
        let mut of_covariance = 0.5 * (nu_p * excess - nu_q * ln_ratio);
        for i in 0..d {
            let half = 0.5 * (nu_p - i as f64);
            of_covariance += ln_gamma_ratio(half, 0.5 * (nu_q - nu_p)) + 0.5 * (nu_p - nu_q) * digamma(half);
        }
        (of_mean + of_covariance).max(0.0)
    }

    /// Centre of the mean vector.
    fn mean(&self, belief: &NormalInverseWishart, out: &mut [f64]) {
        out.copy_from_slice(&belief.mean);
    }

    /// `Psi_ii / (k (nu - d - 1))`; infinite for `nu <= d + 1`.
    fn variance(&self, belief: &NormalInverseWishart, out: &mut [f64]) {
        let excess = belief.degrees_of_freedom - out.len() as f64 - 1.0;
        for (i, out) in out.iter_mut().enumerate() {
            *out = if excess > 0.0 { belief.scatter.diagonal(i) / belief.mean_weight / excess } else { f64::INFINITY };
        }
    }

    fn empirical_mean(&self, y: &[f64], out: &mut [f64]) -> Option<()> {
        out.copy_from_slice(y);
        Some(())
    }
}

/// `out <- a - b`.
fn subtract(out: &mut [f64], a: &[f64], b: &[f64]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = a - b;
    }
}

#[cfg(test)]
mod tests {
    use neuropil_core::special::ln_gamma;
    use proptest::prelude::*;

    use super::super::laws::{assert_family_laws, assert_near, belief_after, density_integral, log_evidence, refusal};
    use super::*;

    /// Logarithm of the multivariate gamma function without its power of pi.
    fn ln_multivariate_gamma(x: f64, d: usize) -> f64 {
        (0..d).map(|i| ln_gamma(x - 0.5 * i as f64)).sum()
    }

    fn family() -> MultivariateGaussian {
        MultivariateGaussian {
            mean: vec![0.5, -1.0],
            mean_weight: 0.7,
            degrees_of_freedom: 3.4,
            scatter: vec![vec![2.0, 0.6], vec![0.6, 1.0]],
        }
    }

    fn samples() -> Vec<Vec<f64>> {
        vec![vec![0.0, 0.2], vec![0.1, -0.1], vec![3.0, 2.9], vec![2.8, 3.2]]
    }

    #[test]
    fn the_family_obeys_the_laws_of_conjugate_families() {
        assert_family_laws(&family(), &samples());
        assert_family_laws(&MultivariateGaussian::default(), &samples());
        assert_family_laws(&MultivariateGaussian::standard(1), &[vec![1.0], vec![-2.0], vec![0.3]]);
        let many: Vec<Vec<f64>> = (0..9).map(|i| (0..30).map(|j| f64::from(i * j % 7)).collect()).collect();
        assert_family_laws(&MultivariateGaussian::standard(30), &many);
    }

    #[test]
    fn the_predictive_is_a_multivariate_t() {
        // multivariate_t(m, Psi*(k+1)/(k*(nu-d+1)), df=nu-d+1).logpdf(y), then after each sample
        let expected = [-3.584981032726397, -1.7204329904064477, -7.538260523862571, -3.717756786125676];
        let mut belief = family().prior();
        for (y, expected) in samples().iter().zip(expected) {
            assert_near(family().log_predictive(&belief, y), expected, 1e-10);
            family().update(&mut belief, y);
        }
        let line = MultivariateGaussian { degrees_of_freedom: 2.5, ..MultivariateGaussian::standard(1) };
        assert_near(density_integral(|y| line.log_predictive(&line.prior(), &[y]), 0.0, 1.0), 1.0, 1e-8);
    }

    #[test]
    fn the_chain_of_predictives_is_the_evidence() {
        let (prior, belief) = (family().prior(), belief_after(&family(), &samples()));
        let n = samples().len() as f64;
        assert_near(belief.mean_weight, 0.7 + n, 1e-12);
        for d in 0..2 {
            let sum: f64 = samples().iter().map(|y| y[d]).sum();
            assert_near(belief.mean[d], (0.7 * family().mean[d] + sum) / (0.7 + n), 1e-12);
        }
        // Raw second moments, benign here: Psi + k m m' is additive.
        let mut raw = family().scatter;
        for i in 0..2 {
            for j in 0..2 {
                raw[i][j] += 0.7 * family().mean[i] * family().mean[j];
                raw[i][j] += samples().iter().map(|y| y[i] * y[j]).sum::<f64>();
                raw[i][j] -= belief.mean_weight * belief.mean[i] * belief.mean[j];
                assert_near(belief.scatter.matrix()[i][j], raw[i][j], 1e-12);
            }
        }
        let ln_norm = |b: &NormalInverseWishart| {
            ln_multivariate_gamma(0.5 * b.degrees_of_freedom, 2)
                - 0.5 * b.degrees_of_freedom * b.scatter.ln_determinant()
                - b.mean_weight.ln()
        };
        let expected = ln_norm(&belief) - ln_norm(&prior) - n * PI.ln();
        assert_near(log_evidence(&family(), &samples()), expected, 1e-12);
    }

    #[test]
    fn the_divergence_agrees_with_the_bregman_divergence_of_the_log_partition() {
        let (prior, belief) = (family().prior(), belief_after(&family(), &samples()));
        let expected = [4.883490215872838, 57.08763825654988];
        assert_near(family().kl_divergence(&belief, &prior), expected[0], 1e-10);
        assert_near(family().kl_divergence(&prior, &belief), expected[1], 1e-10);
    }

    #[test]
    fn a_large_offset_does_not_blur_a_small_scatter() {
        let at = |offset: f64| MultivariateGaussian {
            mean: vec![offset; 2],
            scatter: vec![vec![1e-4, 0.0], vec![0.0, 1e-4]],
            ..family()
        };
        let points = |offset: f64| -> Vec<Vec<f64>> {
            (0..64).map(|i| vec![offset + f64::from(i % 5) / 64.0, offset - f64::from(i % 3) / 64.0]).collect()
        };
        let (far, near) = (belief_after(&at(1e8), &points(1e8)), belief_after(&at(0.0), &points(0.0)));
        for i in 0..2 {
            assert_near(far.scatter.diagonal(i) / near.scatter.diagonal(i), 1.0, 1e-6);
        }
    }

    #[test]
    fn bad_input_is_refused_with_a_sentence() {
        let message = MultivariateGaussian { degrees_of_freedom: 1.0, ..family() }.validate().unwrap_err().to_string();
        assert_eq!(message, "degrees_of_freedom must be finite and greater than 1, the dimension minus 1, got 1");
        let scatter = vec![vec![1.0, 2.0], vec![2.0, 1.0]];
        let message = MultivariateGaussian { scatter, ..family() }.validate().unwrap_err().to_string();
        assert!(message.ends_with("got a matrix that is not positive definite"), "{message}");
        assert!(MultivariateGaussian { mean: vec![], ..family() }.validate().is_err());
        let expected = "observation 3 of the family \"multivariate-gaussian\": expected 2 numbers per row, got 1";
        assert_eq!(refusal(&family(), &[1.0]), expected);
    }

    proptest! {
        #[test]
        fn the_filter_stays_finite(
            k in -6.0..6.0_f64, nu in -6.0..6.0_f64, scale in -6.0..6.0_f64,
            ys in prop::collection::vec(prop::collection::vec(-1e9..1e9_f64, 3), 1..9),
        ) {
            let family = MultivariateGaussian {
                mean_weight: 10_f64.powf(k),
                degrees_of_freedom: 2.0 + 10_f64.powf(nu),
                scatter: CholeskyFactor::scaled_identity(3, 10_f64.powf(scale)).matrix(),
                ..MultivariateGaussian::standard(3)
            };
            prop_assert!(log_evidence(&family, &ys).is_finite());
        }
    }
}
