//! Gaussian with known mean and unknown variance.
//!
//! `y ~ N(mean, s)` with variance `s ~ InvGamma(a, b)`, density proportional to `s^(-a-1) exp(-b/s)`. One observation
//! adds `1/2` to `a` and `(y - mean)^2 / 2` to `b`; the predictive is Student's t with `2a` degrees of freedom, centre
//! `mean` and squared scale `b/a`.

use serde::{Deserialize, Serialize};

use super::gamma_ratio::{gamma_divergence, ln_student};
use super::{Beliefs, ConjugateFamily, lerp, ranges};
use crate::error::Result;

/// Gaussian observations with known mean; the variance changes. Default: mean 0, prior InvGamma(2, 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianKnownMean {
    /// Known mean of the observations, in their unit.
    pub mean: f64,
    /// Prior shape `a > 0`: half the number of observations that the prior is worth.
    pub shape: f64,
    /// Prior scale `b > 0`, in squared units of the observations; the prior mean of the variance is `b/(a - 1)`.
    pub scale: f64,
}

impl Default for GaussianKnownMean {
    fn default() -> Self {
        Self { mean: 0.0, shape: 2.0, scale: 1.0 }
    }
}

/// InvGamma(shape, scale) over a variance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct InverseGamma {
    /// Shape `a`.
    pub shape: f64,
    /// Scale `b`, in squared units of the observations.
    pub scale: f64,
}

impl ConjugateFamily for GaussianKnownMean {
    type Belief = InverseGamma;
    type Bank = Beliefs<Self>;
    const NAME: &'static str = "gaussian-known-mean";

    fn validate(&self) -> Result<()> {
        ranges::finite("mean", self.mean)?;
        ranges::positive("shape", self.shape)?;
        ranges::positive("scale", self.scale)
    }

    fn observation_width(&self) -> usize {
        1
    }

    fn estimate_width(&self) -> usize {
        1
    }

    fn check_observation(&self, index: usize, y: &[f64]) -> Result<()> {
        ranges::width(index, Self::NAME, y, 1)?;
        ranges::real(index, Self::NAME, y)
    }

    fn prior(&self) -> InverseGamma {
        InverseGamma { shape: self.shape, scale: self.scale }
    }

    fn log_predictive(&self, belief: &InverseGamma, y: &[f64]) -> f64 {
        ln_student(belief.shape, 2.0 * belief.scale, y[0] - self.mean)
    }

    fn update(&self, belief: &mut InverseGamma, y: &[f64]) {
        belief.shape += 0.5;
        belief.scale += 0.5 * (y[0] - self.mean).powi(2);
    }

    fn interpolate(&self, belief: &mut InverseGamma, weight: f64, other: &InverseGamma) {
        belief.shape = lerp(belief.shape, weight, other.shape);
        belief.scale = lerp(belief.scale, weight, other.scale);
    }

    fn kl_divergence(&self, p: &InverseGamma, q: &InverseGamma) -> f64 {
        gamma_divergence((p.shape, p.scale), (q.shape, q.scale))
    }

    /// Expected variance of the observations, `b/(a - 1)`; infinite for `a <= 1`.
    fn mean(&self, belief: &InverseGamma, out: &mut [f64]) {
        out[0] = if belief.shape > 1.0 { belief.scale / (belief.shape - 1.0) } else { f64::INFINITY };
    }

    /// `b^2 / ((a - 1)^2 (a - 2))`; infinite for `a <= 2`.
    fn variance(&self, belief: &InverseGamma, out: &mut [f64]) {
        let InverseGamma { shape, scale } = *belief;
        out[0] = if shape > 2.0 { (scale / (shape - 1.0)).powi(2) / (shape - 2.0) } else { f64::INFINITY };
    }

    /// The squared deviation from the known mean.
    fn empirical_mean(&self, y: &[f64], out: &mut [f64]) -> Option<()> {
        out[0] = (y[0] - self.mean).powi(2);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use neuropil_core::special::ln_gamma;
    use proptest::prelude::*;

    use super::super::laws::{assert_family_laws, assert_near, belief_after, density_integral, log_evidence, refusal};
    use super::*;

    const FAMILY: GaussianKnownMean = GaussianKnownMean { mean: 1.5, shape: 1.3, scale: 0.7 };

    fn samples() -> Vec<Vec<f64>> {
        [0.3, -1.1, 2.2, 0.7, 5.0].map(|y| vec![y]).to_vec()
    }

    #[test]
    fn the_family_obeys_the_laws_of_conjugate_families() {
        assert_family_laws(&FAMILY, &samples());
        assert_family_laws(&GaussianKnownMean::default(), &samples());
    }

    #[test]
    fn the_predictive_is_students_t() {
        // scipy.stats.t.logpdf(y, 2*a, loc=1.5, scale=sqrt(b/a))
        for (a, b, y, expected) in [
            (1.3, 0.7, 0.2, -2.1285680623610124),
            (0.4, 2.0, -7.0, -4.648764450382553),
            (25.5, 3.0, 1.5, 0.14619290172185373),
            (3.0, 50.0, 40.0, -12.032139035967248),
        ] {
            assert_near(FAMILY.log_predictive(&InverseGamma { shape: a, scale: b }, &[y]), expected, 1e-10);
        }
        assert_near(density_integral(|y| FAMILY.log_predictive(&FAMILY.prior(), &[y]), 1.5, 1.0), 1.0, 1e-8);
    }

    #[test]
    fn the_chain_of_predictives_is_the_evidence() {
        let belief = belief_after(&FAMILY, &samples());
        let (a, b) = (FAMILY.shape, FAMILY.scale);
        let squares: f64 = samples().iter().map(|y| (y[0] - 1.5).powi(2)).sum();
        assert_near(belief.shape, a + 2.5, 1e-12);
        assert_near(belief.scale, b + squares / 2.0, 1e-12);
        let expected = ln_gamma(belief.shape) - ln_gamma(a) + a * b.ln()
            - belief.shape * belief.scale.ln()
            - 2.5 * (2.0 * std::f64::consts::PI).ln();
        assert_near(log_evidence(&FAMILY, &samples()), expected, 1e-12);
    }

    #[test]
    fn a_variance_without_expectation_is_infinite() {
        let mut out = [0.0];
        FAMILY.mean(&InverseGamma { shape: 1.0, scale: 2.0 }, &mut out);
        assert_eq!(out[0], f64::INFINITY);
        FAMILY.variance(&InverseGamma { shape: 2.0, scale: 2.0 }, &mut out);
        assert_eq!(out[0], f64::INFINITY);
    }

    #[test]
    fn divergences_agree_with_the_bregman_divergence_of_the_log_partition() {
        let belief = |(shape, scale)| InverseGamma { shape, scale };
        for (p, q, expected) in [
            ((1.3, 0.7), (3.8, 2.2), 0.5116857702066407),
            ((20.0, 3.0), (0.5, 0.4), 2.8318167813849118),
            ((1000.0, 2000.0), (1100.0, 2000.0), 4.843543452430799),
        ] {
            assert_near(FAMILY.kl_divergence(&belief(p), &belief(q)), expected, 1e-10);
        }
    }

    #[test]
    fn a_large_offset_does_not_blur_a_small_variance() {
        let family = GaussianKnownMean { mean: 1e8, shape: 2.0, scale: 1e-4 };
        let samples: Vec<_> = (0..1000).map(|i| vec![1e8 + if i % 2 == 0 { 0.015_625 } else { -0.015_625 }]).collect();
        let belief = belief_after(&family, &samples);
        assert_near(belief.scale, 1e-4 + 500.0 * 0.015_625 * 0.015_625, 1e-12);
    }

    #[test]
    fn bad_input_is_refused_with_a_sentence() {
        let message = GaussianKnownMean { shape: 0.0, ..FAMILY }.validate().unwrap_err().to_string();
        assert_eq!(message, "shape must be positive (between 1e-50 and 1e50), got 0");
        assert!(refusal(&FAMILY, &[f64::INFINITY]).contains("observation 3 is inf"));
    }

    proptest! {
        #[test]
        fn the_filter_stays_finite(a in -6.0..6.0_f64, b in -6.0..6.0_f64, ys in prop::collection::vec(-1e9..1e9_f64, 1..9)) {
            let family = GaussianKnownMean { mean: 0.0, shape: 10_f64.powf(a), scale: 10_f64.powf(b) };
            prop_assert!(log_evidence(&family, &ys.iter().map(|&y| vec![y]).collect::<Vec<_>>()).is_finite());
        }
    }
}
