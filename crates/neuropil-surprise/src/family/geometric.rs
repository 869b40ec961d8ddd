//! Geometric numbers of failures before a success, with unknown success probability.
//!
//! `y in {0, 1, ...}` with mass `p (1 - p)^y` and `p ~ Beta(a, b)`. One observation adds 1 to `a` and `y` to `b`; the
//! predictive is `B(a + 1, b + y)/B(a, b)`.

use serde::{Deserialize, Serialize};

use super::beta::Beta;
use super::gamma_ratio::{ln_gamma_ratio, ln_rising};
use super::{Beliefs, ConjugateFamily, ranges};
use crate::error::Result;

/// Numbers of failures before a success; the success probability changes. Default: prior Beta(1, 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BetaGeometric {
    /// Prior weight `a > 0` of successes.
    pub a: f64,
    /// Prior weight `b > 0` of failures.
    pub b: f64,
}

impl Default for BetaGeometric {
    fn default() -> Self {
        Self { a: 1.0, b: 1.0 }
    }
}

impl ConjugateFamily for BetaGeometric {
    type Belief = Beta;
    type Bank = Beliefs<Self>;
    const NAME: &'static str = "geometric";

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
        ranges::count(index, Self::NAME, y[0], ranges::LARGEST_COUNT)
    }

    fn prior(&self) -> Beta {
        Beta { a: self.a, b: self.b }
    }

    fn log_predictive(&self, belief: &Beta, y: &[f64]) -> f64 {
        let Beta { a, b } = *belief;
        let total = a + b;
        // The same four gamma functions, paired so that the step between the two of a pair is the smaller one.
        if y[0] <= a {
            a.ln() - total.ln() + ln_rising(b, y[0]) - ln_rising(total + 1.0, y[0])
        } else {
            a.ln() + ln_gamma_ratio(b, a) - ln_gamma_ratio(b + y[0], a + 1.0)
        }
    }

    fn update(&self, belief: &mut Beta, y: &[f64]) {
        belief.a += 1.0;
        belief.b += y[0];
    }

    fn interpolate(&self, belief: &mut Beta, weight: f64, other: &Beta) {
        belief.interpolate(weight, other);
    }

    fn kl_divergence(&self, p: &Beta, q: &Beta) -> f64 {
        p.divergence_from(q)
    }

    /// Expected success probability, `a/(a + b)`.
    fn mean(&self, belief: &Beta, out: &mut [f64]) {
        out[0] = belief.mean();
    }

    /// `ab/((a + b)^2 (a + b + 1))`.
    fn variance(&self, belief: &Beta, out: &mut [f64]) {
        out[0] = belief.variance();
    }

    /// `1/(1 + y)`, the success probability that makes `y` most likely.
    fn empirical_mean(&self, y: &[f64], out: &mut [f64]) -> Option<()> {
        out[0] = 1.0 / (1.0 + y[0]);
        Some(())
    }

    /// Beta(2, 1 + y).
    fn scaled_likelihood(&self, y: &[f64]) -> Option<Beta> {
        Some(Beta { a: 2.0, b: 1.0 + y[0] })
    }
}

#[cfg(test)]
mod tests {
    use neuropil_core::special::ln_beta;
    use proptest::prelude::*;

    use super::super::laws::{assert_family_laws, assert_near, belief_after, log_evidence, refusal};
    use super::*;

    const FAMILY: BetaGeometric = BetaGeometric { a: 3.5, b: 1.3 };

    fn samples() -> Vec<Vec<f64>> {
        [0.0, 3.0, 1.0, 25.0].map(|y| vec![y]).to_vec()
    }

    #[test]
    fn the_family_obeys_the_laws_of_conjugate_families() {
        assert_family_laws(&FAMILY, &samples());
        assert_family_laws(&BetaGeometric::default(), &samples());
    }

    #[test]
    fn the_predictive_is_a_ratio_of_beta_functions() {
        // mpmath: log(beta(a + 1, b + y) / beta(a, b))
        for (a, b, y, expected) in [
            (3.5, 1.3, 0.0, -0.31585294941847725),
            (3.5, 1.3, 7.0, -6.105595304926483),
            (0.2, 9.0, 100.0, -6.809693578112979),
            (50.0, 20.0, 3.0, -4.034980509191245),
            (1000.0, 200000.0, 5000.0, -29.95977385795462),
        ] {
            assert_near(FAMILY.log_predictive(&Beta { a, b }, &[y]), expected, 1e-10);
        }
        let total: f64 = (0..4000).map(|y| FAMILY.log_predictive(&FAMILY.prior(), &[f64::from(y)]).exp()).sum();
        assert_near(total, 1.0, 1e-9);
    }

    #[test]
    fn the_chain_of_predictives_is_the_evidence() {
        let belief = belief_after(&FAMILY, &samples());
        assert_near(belief.a, 7.5, 1e-12);
        assert_near(belief.b, 30.3, 1e-12);
        assert_near(log_evidence(&FAMILY, &samples()), ln_beta(7.5, 30.3) - ln_beta(3.5, 1.3), 1e-12);
    }

    #[test]
    fn bad_input_is_refused_with_a_sentence() {
        let message = BetaGeometric { a: 1.0, b: 0.0 }.validate().unwrap_err().to_string();
        assert_eq!(message, "b must be positive (between 1e-50 and 1e50), got 0");
        assert!(refusal(&FAMILY, &[-2.0]).contains("a geometric observation must be a non-negative integer"));
    }

    proptest! {
        #[test]
        fn the_filter_stays_finite(a in -6.0..6.0_f64, b in -6.0..6.0_f64, ys in prop::collection::vec(0.0..9.0_f64, 1..9)) {
            let family = BetaGeometric { a: 10_f64.powf(a), b: 10_f64.powf(b) };
            let ys: Vec<_> = ys.iter().map(|&y| vec![10_f64.powf(y).floor() - 1.0]).collect();
            prop_assert!(log_evidence(&family, &ys).is_finite());
        }
    }
}
