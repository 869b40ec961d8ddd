//! Binary outcomes and numbers of successes with unknown probability.
//!
//! `y ~ Binomial(n, p)` with known `n` (`n = 1`: Bernoulli) and `p ~ Beta(a, b)`. One observation adds `y` to `a` and
//! `n - y` to `b`; the predictive is beta-binomial.

use serde::{Deserialize, Serialize};

use super::gamma_ratio::ln_beta_ratio;
use super::{Beliefs, ConjugateFamily, dirichlet, lerp, ranges};
use crate::error::{Error, Result};

/// Beta(a, b) over a probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Beta {
    /// Weight `a` of successes.
    pub a: f64,
    /// Weight `b` of failures.
    pub b: f64,
}

impl Beta {
    /// `a/(a + b)`.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.a / (self.a + self.b)
    }

    /// `ab/((a + b)^2 (a + b + 1))`.
    #[must_use]
    pub fn variance(&self) -> f64 {
        let total = self.a + self.b;
        (self.a / total) * (self.b / total) / (total + 1.0)
    }

    /// Linear interpolation of the natural coordinates.
    pub(super) fn interpolate(&mut self, weight: f64, other: &Self) {
        self.a = lerp(self.a, weight, other.a);
        self.b = lerp(self.b, weight, other.b);
    }

    /// Kullback-Leibler divergence from `q` to this belief.
    pub(super) fn divergence_from(&self, q: &Self) -> f64 {
        dirichlet::divergence(&[self.a, self.b], &[q.a, q.b])
    }
}

/// Binary observations, 0 or 1; the probability of 1 changes. Default: prior Beta(1, 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BetaBernoulli {
    /// Prior weight `a > 0` of ones.
    pub a: f64,
    /// Prior weight `b > 0` of zeros.
    pub b: f64,
}

impl Default for BetaBernoulli {
    fn default() -> Self {
        Self { a: 1.0, b: 1.0 }
    }
}

impl ConjugateFamily for BetaBernoulli {
    type Belief = Beta;
    type Bank = Beliefs<Self>;
    const NAME: &'static str = "bernoulli";

    fn validate(&self) -> Result<()> {
        ranges::positive("a", self.a)?;
        ranges::positive("b", self.b)
    }

    fn observation_width(&self) -> usize {
        1
    }

    fn estimate_width(&self) -> usize {
        1
    }

    fn check_observation(&self, index: usize, y: &[f64]) -> Result<()> {
        ranges::width(index, Self::NAME, y, 1)?;
        if y[0] == 0.0 || y[0] == 1.0 {
            return Ok(());
        }
        Err(Error::observation(index, y[0], Self::NAME, "0 or 1"))
    }

    fn prior(&self) -> Beta {
        Beta { a: self.a, b: self.b }
    }

    fn log_predictive(&self, belief: &Beta, y: &[f64]) -> f64 {
        // ln_1p keeps the digits of a probability close to one.
        if y[0] == 1.0 { -(belief.b / belief.a).ln_1p() } else { -(belief.a / belief.b).ln_1p() }
    }

    fn update(&self, belief: &mut Beta, y: &[f64]) {
        belief.a += y[0];
        belief.b += 1.0 - y[0];
    }

    fn interpolate(&self, belief: &mut Beta, weight: f64, other: &Beta) {
        belief.interpolate(weight, other);
    }

    fn kl_divergence(&self, p: &Beta, q: &Beta) -> f64 {
        p.divergence_from(q)
    }

    /// Expected probability of a one, `a/(a + b)`.
    fn mean(&self, belief: &Beta, out: &mut [f64]) {
        out[0] = belief.mean();
    }

    /// `ab/((a + b)^2 (a + b + 1))`.
    fn variance(&self, belief: &Beta, out: &mut [f64]) {
        out[0] = belief.variance();
    }

    fn empirical_mean(&self, y: &[f64], out: &mut [f64]) -> Option<()> {
        out[0] = y[0];
        Some(())
    }

    /// Beta(1 + y, 2 - y).
    fn scaled_likelihood(&self, y: &[f64]) -> Option<Beta> {
        Some(Beta { a: 1.0 + y[0], b: 2.0 - y[0] })
    }
}

/// Successes out of a known number of trials; their probability changes. Default: 10 trials, prior Beta(1, 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BetaBinomial {
    /// Number of trials `n >= 1` behind each observation.
    pub trials: u32,
    /// Prior weight `a > 0` of successes.
    pub a: f64,
    /// Prior weight `b > 0` of failures.
    pub b: f64,
}

impl Default for BetaBinomial {
    fn default() -> Self {
        Self { trials: 10, a: 1.0, b: 1.0 }
    }
}

impl ConjugateFamily for BetaBinomial {
    type Belief = Beta;
    type Bank = Beliefs<Self>;
    const NAME: &'static str = "binomial";

    fn validate(&self) -> Result<()> {
        if self.trials == 0 {
            return Err(Error::parameter("trials", 0, "at least 1"));
        }
        ranges::positive("a", self.a)?;
        ranges::positive("b", self.b)
    }

    fn observation_width(&self) -> usize {
        1
    }

    fn estimate_width(&self) -> usize {
        1
    }

    fn check_observation(&self, index: usize, y: &[f64]) -> Result<()> {
        ranges::width(index, Self::NAME, y, 1)?;
        ranges::count(index, Self::NAME, y[0], f64::from(self.trials))
    }

    fn prior(&self) -> Beta {
        Beta { a: self.a, b: self.b }
    }

    fn log_predictive(&self, belief: &Beta, y: &[f64]) -> f64 {
        // Under Beta(1, 1) every count has probability 1/(n + 1), which gives the binomial coefficient.
        let (successes, trials) = (y[0], f64::from(self.trials));
        let failures = trials - successes;
        ln_beta_ratio(belief.a, belief.b, successes, failures)
            - ln_beta_ratio(1.0, 1.0, successes, failures)
            - trials.ln_1p()
    }

    fn update(&self, belief: &mut Beta, y: &[f64]) {
        belief.a += y[0];
        belief.b += f64::from(self.trials) - y[0];
    }

    fn interpolate(&self, belief: &mut Beta, weight: f64, other: &Beta) {
        belief.interpolate(weight, other);
    }

    fn kl_divergence(&self, p: &Beta, q: &Beta) -> f64 {
        p.divergence_from(q)
    }

    /// Expected probability of a success, `a/(a + b)`.
    fn mean(&self, belief: &Beta, out: &mut [f64]) {
        out[0] = belief.mean();
    }

    /// `ab/((a + b)^2 (a + b + 1))`.
    fn variance(&self, belief: &Beta, out: &mut [f64]) {
        out[0] = belief.variance();
    }

    /// The fraction of successes, `y/n`.
    fn empirical_mean(&self, y: &[f64], out: &mut [f64]) -> Option<()> {
        out[0] = y[0] / f64::from(self.trials);
        Some(())
    }

    /// Beta(1 + y, 1 + n - y).
    fn scaled_likelihood(&self, y: &[f64]) -> Option<Beta> {
        Some(Beta { a: 1.0 + y[0], b: 1.0 + f64::from(self.trials) - y[0] })
    }
}

#[cfg(test)]
mod tests {
    use neuropil_core::special::ln_beta;
    use proptest::prelude::*;

    use super::super::laws::{assert_family_laws, assert_near, belief_after, log_evidence, refusal};
    use super::*;

    const COIN: BetaBernoulli = BetaBernoulli { a: 0.7, b: 2.1 };
    const URN: BetaBinomial = BetaBinomial { trials: 20, a: 0.7, b: 2.1 };

    #[test]
    fn the_families_obey_the_laws_of_conjugate_families() {
        let flips = [1.0, 0.0, 1.0, 1.0, 0.0].map(|y| vec![y]);
        assert_family_laws(&COIN, &flips);
        assert_family_laws(&BetaBernoulli::default(), &flips);
        let successes = [3.0, 0.0, 20.0, 11.0].map(|y| vec![y]);
        assert_family_laws(&URN, &successes);
    }

    #[test]
    fn the_predictive_is_beta_binomial() {
        // scipy.stats.betabinom.logpmf(y, n, a, b)
        for (trials, a, b, y, expected) in [
            (1, 0.7, 2.1, 1.0, -1.3862943611198908),
            (1, 13.0, 0.2, 0.0, -4.189654742026425),
            (20, 0.7, 2.1, 5.0, -2.75362065876755),
            (20, 8.0, 3.5, 20.0, -4.046820125274616),
            (100, 2.5, 40.0, 13.0, -3.9159293821779713),
        ] {
            let family = BetaBinomial { trials, ..URN };
            assert_near(family.log_predictive(&Beta { a, b }, &[y]), expected, 1e-10);
            if trials == 1 {
                assert_near(COIN.log_predictive(&Beta { a, b }, &[y]), expected, 1e-10);
            }
        }
        let total: f64 = (0..=20).map(|y| URN.log_predictive(&URN.prior(), &[f64::from(y)]).exp()).sum();
        assert_near(total, 1.0, 1e-12);
    }

    #[test]
    fn the_chain_of_predictives_is_the_evidence() {
        let flips = [1.0, 0.0, 1.0, 1.0, 0.0].map(|y| vec![y]);
        let belief = belief_after(&COIN, &flips);
        assert_near(belief.a, 3.7, 1e-12);
        assert_near(belief.b, 4.1, 1e-12);
        assert_near(log_evidence(&COIN, &flips), ln_beta(3.7, 4.1) - ln_beta(0.7, 2.1), 1e-12);
    }

    #[test]
    fn divergences_agree_with_the_bregman_divergence_of_the_log_partition() {
        let belief = |(a, b)| Beta { a, b };
        for (p, q, expected) in [
            ((0.7, 2.1), (5.0, 3.0), 4.736580707860311),
            ((100.0, 40.0), (1.0, 1.0), 1.8522666569697979),
            ((0.05, 0.2), (2.0, 0.3), 29.57011002034663),
        ] {
            assert_near(COIN.kl_divergence(&belief(p), &belief(q)), expected, 1e-10);
        }
    }

    #[test]
    fn bad_input_is_refused_with_a_sentence() {
        assert_eq!(
            BetaBernoulli { a: 0.0, b: 1.0 }.validate().unwrap_err().to_string(),
            "a must be positive (between 1e-50 and 1e50), got 0"
        );
        assert_eq!(
            BetaBinomial { trials: 0, ..URN }.validate().unwrap_err().to_string(),
            "trials must be at least 1, got 0"
        );
        assert_eq!(refusal(&COIN, &[0.5]), "observation 3 is 0.5, but a bernoulli observation must be 0 or 1");
        assert!(refusal(&URN, &[21.0]).ends_with("must be an integer in 0..=20"));
    }

    proptest! {
        #[test]
        fn the_filter_stays_finite(
            a in -6.0..6.0_f64, b in -6.0..6.0_f64, trials in 1..2_000_000_u32,
            ys in prop::collection::vec(prop_oneof![Just(0.0), Just(1.0), 0.0..1.0_f64], 1..9),
        ) {
            let family = BetaBinomial { trials, a: 10_f64.powf(a), b: 10_f64.powf(b) };
            let coin = BetaBernoulli { a: family.a, b: family.b };
            let counts: Vec<_> = ys.iter().map(|&y| vec![(y * f64::from(trials)).round()]).collect();
            prop_assert!(log_evidence(&family, &counts).is_finite());
            prop_assert!(log_evidence(&coin, &ys.iter().map(|&y| vec![y.round()]).collect::<Vec<_>>()).is_finite());
        }
    }
}
