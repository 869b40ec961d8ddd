//! Data that lie where the prior expects none.
//!
//! Every learner returns to its prior after a change. A prior on another scale than the data makes every change look
//! impossible and every mean wrong, without an error anywhere: most often the prior was left at its default.

use std::fmt;

use ndarray::ArrayView2;

use crate::family::{Family, GammaPoisson, Gaussian, NormalInverseGamma};
use crate::model::ChangePointLearner;

/// Standard deviations between median and prior mean from which on data and prior are in conflict.
const FAR: f64 = 10.0;

/// Observations that are looked at: enough for a median of a long recording.
const LOOKED_AT: usize = 10_000;

/// The median of the observations beside what the prior predicts of one observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PriorConflict {
    /// Median of the observations (of the first 10,000 that are not missing).
    pub median: f64,
    /// Mean of the prior predictive distribution.
    pub prior_mean: f64,
    /// Standard deviation of the prior predictive distribution; its scale where it has none.
    pub prior_sd: f64,
}

impl PriorConflict {
    /// How many standard deviations the median is away.
    #[must_use]
    pub fn distance(&self) -> f64 {
        (self.median - self.prior_mean).abs() / self.prior_sd
    }
}

impl fmt::Display for PriorConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the median of the observations is {:.4}, {:.0} standard deviations from the mean {:.4} that the prior \
             expects; changes and beliefs mean little until the parameters of the family are on the scale of the data",
            self.median,
            self.distance(),
            self.prior_mean
        )
    }
}

impl ChangePointLearner {
    /// Whether the observations lie far from everything that the prior expects: their median more than ten standard
    /// deviations of the prior predictive distribution from its mean. Known for the families `gaussian`,
    /// `gaussian-unknown-variance` and `poisson`, whose prior has a location and a scale; `None` for others.
    ///
    /// `y` has shape (time, observation width); missing observations are left out.
    #[must_use]
    pub fn prior_conflict(&self, y: ArrayView2<'_, f64>) -> Option<PriorConflict> {
        let (prior_mean, variance) = match &self.family {
            Family::Gaussian(Gaussian { sigma, prior_mean, prior_sd }) => {
                (*prior_mean, sigma * sigma + prior_sd * prior_sd)
            }
            Family::GaussianUnknownVariance(NormalInverseGamma { prior_mean, prior_k, prior_a, prior_b }) => {
                (*prior_mean, prior_b * (prior_k + 1.0) / (prior_a * prior_k))
            }
            Family::Poisson(GammaPoisson { shape, rate }) => (shape / rate, shape / rate * (1.0 + 1.0 / rate)),
            _ => return None,
        };
        let mut seen: Vec<f64> = y.iter().copied().filter(|value| value.is_finite()).take(LOOKED_AT).collect();
        if seen.is_empty() {
            return None;
        }
        let middle = seen.len() / 2;
        let (_, median, _) = seen.select_nth_unstable_by(middle, f64::total_cmp);
        let found = PriorConflict { median: *median, prior_mean, prior_sd: variance.sqrt() };
        (found.distance() > FAR).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn a_median_ten_prior_predictive_standard_deviations_away_is_a_conflict() {
        // sigma 3 and prior sd 4 give a predictive standard deviation of 5.
        let learner = ChangePointLearner::new(Gaussian { sigma: 3.0, prior_mean: 100.0, prior_sd: 4.0 });
        assert_eq!(learner.prior_conflict(array![[149.0], [0.0], [1e9]].view()), None);
        let found = learner.prior_conflict(array![[151.0], [f64::NAN], [0.0], [1e9]].view()).unwrap();
        assert_eq!(found, PriorConflict { median: 151.0, prior_mean: 100.0, prior_sd: 5.0 });
        assert!(found.to_string().contains("151.0000, 10 standard deviations"), "{found}");
    }

    #[test]
    fn the_scale_of_the_prior_is_that_of_one_observation() {
        let unknown = NormalInverseGamma { prior_mean: 0.0, prior_k: 1.0, prior_a: 2.0, prior_b: 4.0 };
        assert_eq!(ChangePointLearner::new(unknown).prior_conflict(array![[-30.0]].view()).unwrap().prior_sd, 2.0);
        // Negative binomial: mean 4, variance 4 (1 + 1/2) = 6.
        let counts = ChangePointLearner::new(GammaPoisson { shape: 8.0, rate: 2.0 });
        assert_eq!(counts.prior_conflict(array![[28.0]].view()), None);
        assert_eq!(counts.prior_conflict(array![[29.0]].view()).unwrap().prior_sd, 6f64.sqrt());
    }

    #[test]
    fn nothing_observed_is_no_conflict() {
        let learner = ChangePointLearner::new(Gaussian::default());
        assert_eq!(learner.prior_conflict(Array2::zeros((0, 1)).view()), None);
        assert_eq!(learner.prior_conflict(array![[f64::NAN]].view()), None);
    }
}
