//! Exponential waiting times, and gamma observations of known shape, with unknown rate.
//!
//! `y ~ Gamma(k, rate r)` with known `k` (`k = 1`: exponential) and `r ~ Gamma(a, rate b)`. One observation adds `k` to
//! `a` and `y` to `b`. The predictive `y^(k-1) b^a / (B(a, k) (b + y)^(a+k))` is a Lomax density for `k = 1`.

use neuropil_core::special::ln_gamma;
use serde::{Deserialize, Serialize};

use super::gamma_poisson::Gamma;
use super::gamma_ratio::ln_gamma_ratio;
use super::{Beliefs, ConjugateFamily, ranges};
use crate::error::{Error, Result};

/// Exponential or gamma observations; the rate changes. Default: exponential with prior Gamma(2, 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GammaExponential {
    /// Known shape `k > 0` of the observations; 1 is the exponential distribution.
    pub known_shape: f64,
    /// Prior shape `a > 0` of the rate.
    pub shape: f64,
    /// Prior rate `b > 0`, in the unit of the observations; the prior mean of `y` is `k b/(a - 1)`.
    pub rate: f64,
}

impl Default for GammaExponential {
    fn default() -> Self {
        Self { known_shape: 1.0, shape: 2.0, rate: 1.0 }
    }
}

impl ConjugateFamily for GammaExponential {
    type Belief = Gamma;
    type Bank = Beliefs<Self>;
    const NAME: &'static str = "exponential";

    fn validate(&self) -> Result<()> {
        ranges::positive("known_shape", self.known_shape)?;
        ranges::positive("shape", self.shape)?;
        ranges::positive("rate", self.rate)
    }

    fn observation_width(&self) -> usize {
        1
    }

    fn estimate_width(&self) -> usize {
        1
    }

    fn check_observation(&self, index: usize, y: &[f64]) -> Result<()> {
        ranges::width(index, Self::NAME, y, 1)?;
        ranges::real(index, Self::NAME, y)?;
        if self.known_shape == 1.0 && y[0] < 0.0 {
            return Err(Error::observation(index, y[0], Self::NAME, "at least 0"));
        }
        // The density of a gamma observation is zero or infinite at 0, and its logarithm overflows just above.
        if self.known_shape != 1.0 && y[0] < f64::MIN_POSITIVE {
            return Err(Error::observation(index, y[0], Self::NAME, "greater than 0 when known_shape is not 1"));
        }
        Ok(())
    }

    fn prior(&self) -> Gamma {
        Gamma { shape: self.shape, rate: self.rate }
    }

    fn log_predictive(&self, belief: &Gamma, y: &[f64]) -> f64 {
        let Gamma { shape, rate } = *belief;
        let k = self.known_shape;
        let decay = (y[0] / rate).ln_1p();
        if k == 1.0 {
            return (shape / rate).ln() - (shape + 1.0) * decay;
        }
        // 1/B(a, k) with the smaller argument as the step.
        let (large, small) = if shape > k { (shape, k) } else { (k, shape) };
        let normaliser = ln_gamma_ratio(large, small) - ln_gamma(small);
        normaliser + (k - 1.0) * y[0].ln() - k * rate.ln() - (shape + k) * decay
    }

    fn update(&self, belief: &mut Gamma, y: &[f64]) {
        belief.shape += self.known_shape;
        belief.rate += y[0];
    }

    fn interpolate(&self, belief: &mut Gamma, weight: f64, other: &Gamma) {
        belief.interpolate(weight, other);
    }

    fn kl_divergence(&self, p: &Gamma, q: &Gamma) -> f64 {
        p.divergence_from(q)
    }

    /// Expected mean of the observations, `E[k/rate] = k b/(a - 1)`; infinite for `a <= 1`.
    fn mean(&self, belief: &Gamma, out: &mut [f64]) {
        let Gamma { shape, rate } = *belief;
        out[0] = if shape > 1.0 { self.known_shape * (rate / (shape - 1.0)) } else { f64::INFINITY };
    }

    /// Variance of `k/rate`, `k^2 b^2 / ((a - 1)^2 (a - 2))`; infinite for `a <= 2`.
    fn variance(&self, belief: &Gamma, out: &mut [f64]) {
        let Gamma { shape, rate } = *belief;
        let mean = self.known_shape * (rate / (shape - 1.0));
        out[0] = if shape > 2.0 { mean * mean / (shape - 2.0) } else { f64::INFINITY };
    }

    fn empirical_mean(&self, y: &[f64], out: &mut [f64]) -> Option<()> {
        out[0] = y[0];
        Some(())
    }

    /// Gamma(1 + k, y); improper for `y = 0`.
    fn scaled_likelihood(&self, y: &[f64]) -> Option<Gamma> {
        (y[0] > 0.0).then(|| Gamma { shape: 1.0 + self.known_shape, rate: y[0] })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::laws::{assert_family_laws, assert_near, belief_after, density_integral, log_evidence, refusal};
    use super::*;

    const FAMILY: GammaExponential = GammaExponential { known_shape: 2.5, shape: 3.2, rate: 1.7 };

    fn samples() -> Vec<Vec<f64>> {
        [0.3, 0.5, 0.2, 4.0, 6.0].map(|y| vec![y]).to_vec()
    }

    #[test]
    fn the_family_obeys_the_laws_of_conjugate_families() {
        assert_family_laws(&FAMILY, &samples());
        assert_family_laws(&GammaExponential::default(), &samples());
    }

    #[test]
    fn the_predictive_is_lomax_or_beta_prime() {
        // scipy.stats.betaprime.logpdf(y, k, a, scale=b); for k = 1 scipy.stats.lomax.logpdf(y, a, scale=b)
        for (known_shape, a, b, y, expected) in [
            (1.0, 2.0, 1.0, 0.3, -0.09394561284252789),
            (1.0, 30.5, 12.0, 0.01, 0.9065809652527719),
            (2.5, 3.2, 1.7, 0.9, -0.7925656493404302),
            (0.4, 6.0, 0.2, 5.0, -21.273768000388834),
            (7.0, 2.0, 3.0, 11.0, -3.1415680616757333),
        ] {
            let family = GammaExponential { known_shape, ..FAMILY };
            assert_near(family.log_predictive(&Gamma { shape: a, rate: b }, &[y]), expected, 1e-10);
        }
        for family in [FAMILY, GammaExponential::default()] {
            let log_density =
                |y: f64| if y > 0.0 { family.log_predictive(&family.prior(), &[y]) } else { f64::NEG_INFINITY };
            assert_near(density_integral(log_density, 0.0, 1.0), 1.0, 1e-8);
        }
    }

    #[test]
    fn the_chain_of_predictives_is_the_evidence() {
        let belief = belief_after(&FAMILY, &samples());
        assert_near(belief.shape, 3.2 + 12.5, 1e-12);
        assert_near(belief.rate, 12.7, 1e-12);
        let products: f64 = samples().iter().map(|y| 1.5 * y[0].ln() - ln_gamma(2.5)).sum();
        let expected = ln_gamma(15.7) - ln_gamma(3.2) + 3.2 * 1.7_f64.ln() - 15.7 * 12.7_f64.ln() + products;
        assert_near(log_evidence(&FAMILY, &samples()), expected, 1e-12);
    }

    #[test]
    fn a_mean_without_expectation_is_infinite() {
        let mut out = [0.0];
        FAMILY.mean(&Gamma { shape: 1.0, rate: 1.0 }, &mut out);
        assert_eq!(out[0], f64::INFINITY);
        FAMILY.variance(&Gamma { shape: 1.0, rate: 1.0 }, &mut out);
        assert_eq!(out[0], f64::INFINITY);
    }

    #[test]
    fn bad_input_is_refused_with_a_sentence() {
        let message = GammaExponential { known_shape: f64::NAN, ..FAMILY }.validate().unwrap_err().to_string();
        assert_eq!(message, "known_shape must be positive (between 1e-50 and 1e50), got NaN");
        assert!(refusal(&GammaExponential::default(), &[-0.5]).ends_with("must be at least 0"));
        assert!(refusal(&FAMILY, &[0.0]).ends_with("must be greater than 0 when known_shape is not 1"));
    }

    proptest! {
        #[test]
        fn the_filter_stays_finite(
            k in -6.0..6.0_f64, a in -6.0..6.0_f64, b in -6.0..6.0_f64,
            ys in prop::collection::vec(-300.0..60.0_f64, 1..9),
        ) {
            let exponential = GammaExponential { known_shape: 1.0, shape: 10_f64.powf(a), rate: 10_f64.powf(b) };
            let ys: Vec<_> = ys.iter().map(|&y| vec![10_f64.powf(y)]).collect();
            prop_assert!(log_evidence(&exponential, &ys).is_finite());
            let family = GammaExponential { known_shape: 10_f64.powf(k), ..exponential };
            prop_assert!(log_evidence(&family, &ys).is_finite());
        }
    }
}
