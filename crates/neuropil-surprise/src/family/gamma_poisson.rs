//! Poisson counts with unknown rate.
//!
//! `y ~ Poisson(r)`, `r ~ Gamma(a, rate b)`. One observation adds `y` to `a` and 1 to `b`; the predictive is negative
//! binomial with `a` successes and probability `b/(b + 1)`.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::gamma_ratio::{LARGE, gamma_divergence, ln_factorial, ln_rising, stirling};
use super::{Beliefs, ConjugateFamily, lerp, ranges};
use crate::error::Result;

/// Poisson counts per step; the rate changes. Default: prior Gamma(1, 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GammaPoisson {
    /// Prior shape `a > 0`: events that the prior is worth.
    pub shape: f64,
    /// Prior rate `b > 0`: steps that the prior is worth; the prior mean of the Poisson rate is `a/b` events per step.
    pub rate: f64,
}

impl Default for GammaPoisson {
    fn default() -> Self {
        Self { shape: 1.0, rate: 1.0 }
    }
}

/// Gamma(shape, rate) over a rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gamma {
    /// Shape `a`.
    pub shape: f64,
    /// Rate `b`, the inverse of a scale.
    pub rate: f64,
}

impl Gamma {
    /// Linear interpolation of the natural coordinates.
    pub(super) fn interpolate(&mut self, weight: f64, other: &Self) {
        self.shape = lerp(self.shape, weight, other.shape);
        self.rate = lerp(self.rate, weight, other.rate);
    }

    /// Kullback-Leibler divergence from `q` to this belief.
    pub(super) fn divergence_from(&self, q: &Self) -> f64 {
        gamma_divergence((self.shape, self.rate), (q.shape, q.rate))
    }
}

impl ConjugateFamily for GammaPoisson {
    type Belief = Gamma;
    type Bank = Beliefs<Self>;
    const NAME: &'static str = "poisson";

    fn validate(&self) -> Result<()> {
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
        ranges::count(index, Self::NAME, y[0], ranges::LARGEST_COUNT)
    }

    fn prior(&self) -> Gamma {
        Gamma { shape: self.shape, rate: self.rate }
    }

    fn log_predictive(&self, belief: &Gamma, y: &[f64]) -> f64 {
        let (Gamma { shape, rate }, count) = (*belief, y[0]);
        if shape < LARGE || count < LARGE {
            return ln_rising(shape, count) - ln_factorial(count) - shape * rate.recip().ln_1p() - count * rate.ln_1p();
        }
        // Stirling's series with the large terms paired: the total splits into shape and count as b to 1 on average, and
        // only the deviation from that split matters. A difference of log-gammas would lose digits to large counts.
        let total = shape + count;
        let deviation = (count * rate - shape) / (rate + 1.0);
        let expected = (total * (rate / (rate + 1.0)), total / (rate + 1.0));
        let part = |value: f64, deviation: f64, expected: f64| {
            if deviation.abs() < 0.5 * value {
                value * (deviation / value).ln_1p()
            } else {
                value * (expected / value).ln()
            }
        };
        part(shape, deviation, expected.0)
            + part(count, -deviation, expected.1)
            + 0.5 * (shape / total / count / (2.0 * PI)).ln()
            + (stirling(total) - stirling(shape) - stirling(count))
    }

    fn update(&self, belief: &mut Gamma, y: &[f64]) {
        belief.shape += y[0];
        belief.rate += 1.0;
    }

    fn interpolate(&self, belief: &mut Gamma, weight: f64, other: &Gamma) {
        belief.interpolate(weight, other);
    }

    fn kl_divergence(&self, p: &Gamma, q: &Gamma) -> f64 {
        p.divergence_from(q)
    }

    /// Expected rate `a/b`, in events per step.
    fn mean(&self, belief: &Gamma, out: &mut [f64]) {
        out[0] = belief.shape / belief.rate;
    }

    /// `a/b^2`.
    fn variance(&self, belief: &Gamma, out: &mut [f64]) {
        out[0] = belief.shape / belief.rate / belief.rate;
    }

    fn empirical_mean(&self, y: &[f64], out: &mut [f64]) -> Option<()> {
        out[0] = y[0];
        Some(())
    }

    /// Gamma(1 + y, 1).
    fn scaled_likelihood(&self, y: &[f64]) -> Option<Gamma> {
        Some(Gamma { shape: 1.0 + y[0], rate: 1.0 })
    }
}

#[cfg(test)]
mod tests {
    use neuropil_core::special::ln_gamma;
    use proptest::prelude::*;

    use super::super::laws::{assert_family_laws, assert_near, belief_after, log_evidence, refusal};
    use super::*;

    const FAMILY: GammaPoisson = GammaPoisson { shape: 2.5, rate: 0.8 };

    fn samples() -> Vec<Vec<f64>> {
        [2.0, 3.0, 0.0, 9.0, 14.0].map(|y| vec![y]).to_vec()
    }

    #[test]
    fn the_family_obeys_the_laws_of_conjugate_families() {
        assert_family_laws(&FAMILY, &samples());
        assert_family_laws(&GammaPoisson::default(), &samples());
    }

    #[test]
    fn the_predictive_is_negative_binomial() {
        // scipy.stats.nbinom.logpmf(y, a, b/(b+1))
        for (a, b, y, expected) in [
            (2.5, 0.8, 0.0, -2.0273255405408217),
            (2.5, 0.8, 4.0, -2.1786468411130215),
            (0.3, 2.0, 17.0, -21.883295706569985),
            (40.0, 6.0, 9.0, -2.438882627078817),
        ] {
            assert_near(FAMILY.log_predictive(&Gamma { shape: a, rate: b }, &[y]), expected, 1e-10);
        }
        let total: f64 = (0..400).map(|y| FAMILY.log_predictive(&FAMILY.prior(), &[f64::from(y)]).exp()).sum();
        assert_near(total, 1.0, 1e-12);
    }

    #[test]
    fn the_chain_of_predictives_is_the_evidence() {
        let belief = belief_after(&FAMILY, &samples());
        assert_near(belief.shape, 2.5 + 28.0, 1e-12);
        assert_near(belief.rate, 5.8, 1e-12);
        let factorials: f64 = samples().iter().map(|y| ln_gamma(y[0] + 1.0)).sum();
        let expected = ln_gamma(30.5) - ln_gamma(2.5) + 2.5 * 0.8_f64.ln() - 30.5 * 5.8_f64.ln() - factorials;
        assert_near(log_evidence(&FAMILY, &samples()), expected, 1e-12);
    }

    #[test]
    fn counts_of_a_hundred_million_stay_accurate() {
        let samples: Vec<_> = (0..100).map(|i| vec![1e8 + f64::from(i % 3)]).collect();
        let belief = belief_after(&FAMILY, &samples);
        assert_eq!(belief.shape, 2.5 + 100.0 * 1e8 + 99.0);
        // mpmath, 60 digits: log of the negative binomial mass at each count
        for (y, expected) in [
            (99206351.0, -10.130230707603523),
            (99216351.0, -10.629392296111211),
            (99106351.0, -60.05078828289899),
            (1000000.0, -93130113.34392495),
            (300.0, -98713379.84711841),
        ] {
            assert_near(FAMILY.log_predictive(&belief, &[y]), expected, 1e-10);
        }
    }

    #[test]
    fn bad_input_is_refused_with_a_sentence() {
        let message = GammaPoisson { rate: -1.0, ..FAMILY }.validate().unwrap_err().to_string();
        assert_eq!(message, "rate must be positive (between 1e-50 and 1e50), got -1");
        let expected = "observation 3 is 1.5, but a poisson observation must be a non-negative integer (at most 2^53)";
        assert_eq!(refusal(&FAMILY, &[1.5]), expected);
        assert!(refusal(&FAMILY, &[-1.0]).contains("is -1"));
    }

    proptest! {
        #[test]
        fn the_filter_stays_finite(a in -6.0..6.0_f64, b in -6.0..6.0_f64, ys in prop::collection::vec(0.0..9.0_f64, 1..9)) {
            let family = GammaPoisson { shape: 10_f64.powf(a), rate: 10_f64.powf(b) };
            let ys: Vec<_> = ys.iter().map(|&y| vec![10_f64.powf(y).floor() - 1.0]).collect();
            prop_assert!(log_evidence(&family, &ys).is_finite());
        }
    }
}
