//! Categories and rows of category counts with unknown probabilities.
//!
//! `p ~ Dirichlet(alpha)` over `K` categories. A category `y` adds 1 to `alpha_y` and has predictive probability
//! `alpha_y / sum(alpha)`; a row of counts adds itself and has the Dirichlet-multinomial mass.

use neuropil_core::special::digamma;
use serde::{Deserialize, Serialize};

use super::dirichlet_bank::DirichletBank;
use super::gamma_ratio::{ln_factorial, ln_gamma_ratio, ln_rising};
use super::{Beliefs, ConjugateFamily, lerp, ranges};
use crate::error::{Error, Result};

/// Dirichlet(alpha) over the probabilities of `K` categories.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dirichlet {
    alpha: Vec<f64>,
    total: f64,
}

impl Dirichlet {
    /// The belief with these weights, all positive.
    #[must_use]
    pub fn new(alpha: Vec<f64>) -> Self {
        let total = alpha.iter().sum();
        Self { alpha, total }
    }

    /// The belief with these weights and their sum, which is not computed again: sums depend on their order.
    pub(super) fn with_total(alpha: Vec<f64>, total: f64) -> Self {
        Self { alpha, total }
    }

    /// The weights of the categories.
    #[must_use]
    pub fn alpha(&self) -> &[f64] {
        &self.alpha
    }

    /// Sum of the weights.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.total
    }

    fn mean(&self, out: &mut [f64]) {
        out.iter_mut().zip(&self.alpha).for_each(|(out, alpha)| *out = alpha / self.total);
    }

    fn variance(&self, out: &mut [f64]) {
        for (i, out) in out.iter_mut().enumerate() {
            // The others are summed, not subtracted: a probability next to one has a tiny variance.
            let others: f64 = self.alpha.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, alpha)| alpha).sum();
            *out = (self.alpha[i] / self.total) * (others / self.total) / (self.total + 1.0);
        }
    }

    fn interpolate(&mut self, weight: f64, other: &Self) {
        if weight == 0.0 {
            return;
        }
        if weight == 1.0 {
            self.clone_from(other);
            return;
        }
        self.alpha.iter_mut().zip(&other.alpha).for_each(|(alpha, other)| *alpha = lerp(*alpha, weight, *other));
        self.total = self.alpha.iter().sum();
    }
}

/// Kullback-Leibler divergence from Dirichlet(q) to Dirichlet(p).
pub(super) fn divergence(p: &[f64], q: &[f64]) -> f64 {
    let (total_p, total_q): (f64, f64) = (p.iter().sum(), q.iter().sum());
    let centre = digamma(total_p);
    let mut sum = -ln_gamma_ratio(total_p, total_q - total_p);
    for (&p, &q) in p.iter().zip(q) {
        sum += ln_gamma_ratio(p, q - p) + (p - q) * (digamma(p) - centre);
    }
    sum.max(0.0)
}

/// Checks the prior weights of either family.
fn validate(alpha: &[f64]) -> Result<()> {
    if alpha.len() < 2 {
        return Err(Error::parameter("alpha", format!("{} entries", alpha.len()), "a vector of at least 2 entries"));
    }
    ranges::all_positive("alpha", alpha)
}

/// Categories `0..K`; their probabilities change. Default: 5 categories, prior Dirichlet(1, ..., 1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DirichletCategorical {
    /// Prior weights of the categories, one per category, each > 0.
    pub alpha: Vec<f64>,
}

impl DirichletCategorical {
    /// `categories` categories with the same prior weight, the stochasticity `s` of the task.
    #[must_use]
    pub fn symmetric(categories: usize, weight: f64) -> Self {
        Self { alpha: vec![weight; categories] }
    }
}

impl Default for DirichletCategorical {
    fn default() -> Self {
        Self::symmetric(5, 1.0)
    }
}

impl ConjugateFamily for DirichletCategorical {
    type Belief = Dirichlet;
    type Bank = DirichletBank;
    const NAME: &'static str = "categorical";

    fn validate(&self) -> Result<()> {
        validate(&self.alpha)
    }

    fn observation_width(&self) -> usize {
        1
    }

    fn estimate_width(&self) -> usize {
        self.alpha.len()
    }

    fn check_observation(&self, index: usize, y: &[f64]) -> Result<()> {
        ranges::width(index, Self::NAME, y, 1)?;
        ranges::count(index, Self::NAME, y[0], self.alpha.len() as f64 - 1.0)
    }

    fn prior(&self) -> Dirichlet {
        Dirichlet::new(self.alpha.clone())
    }

    fn log_predictive(&self, belief: &Dirichlet, y: &[f64]) -> f64 {
        belief.alpha[y[0] as usize].ln() - belief.total.ln()
    }

    fn update(&self, belief: &mut Dirichlet, y: &[f64]) {
        belief.alpha[y[0] as usize] += 1.0;
        belief.total += 1.0;
    }

    fn interpolate(&self, belief: &mut Dirichlet, weight: f64, other: &Dirichlet) {
        belief.interpolate(weight, other);
    }

    fn kl_divergence(&self, p: &Dirichlet, q: &Dirichlet) -> f64 {
        divergence(&p.alpha, &q.alpha)
    }

    /// Expected probabilities, `alpha / sum(alpha)`.
    fn mean(&self, belief: &Dirichlet, out: &mut [f64]) {
        belief.mean(out);
    }

    /// `alpha_i (s - alpha_i) / (s^2 (s + 1))` with `s = sum(alpha)`.
    fn variance(&self, belief: &Dirichlet, out: &mut [f64]) {
        belief.variance(out);
    }

    /// One at the category, zero elsewhere.
    fn empirical_mean(&self, y: &[f64], out: &mut [f64]) -> Option<()> {
        out.fill(0.0);
        out[y[0] as usize] = 1.0;
        Some(())
    }

    /// Dirichlet(1 + e_y).
    fn scaled_likelihood(&self, y: &[f64]) -> Option<Dirichlet> {
        let mut alpha = vec![1.0; self.alpha.len()];
        alpha[y[0] as usize] += 1.0;
        Some(Dirichlet::new(alpha))
    }
}

/// Rows of counts over `K` categories (their sum may vary); the probabilities change. Default: 5 categories, prior
/// Dirichlet(1, ..., 1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DirichletMultinomial {
    /// Prior weights of the categories, one per category, each > 0.
    pub alpha: Vec<f64>,
}

impl DirichletMultinomial {
    /// `categories` categories with the same prior weight.
    #[must_use]
    pub fn symmetric(categories: usize, weight: f64) -> Self {
        Self { alpha: vec![weight; categories] }
    }
}

impl Default for DirichletMultinomial {
    fn default() -> Self {
        Self::symmetric(5, 1.0)
    }
}

impl ConjugateFamily for DirichletMultinomial {
    type Belief = Dirichlet;
    type Bank = Beliefs<Self>;
    const NAME: &'static str = "multinomial";

    fn validate(&self) -> Result<()> {
        validate(&self.alpha)
    }

    fn observation_width(&self) -> usize {
        self.alpha.len()
    }

    fn estimate_width(&self) -> usize {
        self.alpha.len()
    }

    fn check_observation(&self, index: usize, y: &[f64]) -> Result<()> {
        ranges::width(index, Self::NAME, y, self.alpha.len())?;
        y.iter().try_for_each(|&count| ranges::count(index, Self::NAME, count, ranges::LARGEST_COUNT))
    }

    fn prior(&self) -> Dirichlet {
        Dirichlet::new(self.alpha.clone())
    }

    fn log_predictive(&self, belief: &Dirichlet, y: &[f64]) -> f64 {
        let total: f64 = y.iter().sum();
        let mut sum = ln_factorial(total) - ln_rising(belief.total, total);
        for (&alpha, &count) in belief.alpha.iter().zip(y) {
            if count > 0.0 {
                sum += ln_rising(alpha, count) - ln_factorial(count);
            }
        }
        sum
    }

    fn update(&self, belief: &mut Dirichlet, y: &[f64]) {
        belief.alpha.iter_mut().zip(y).for_each(|(alpha, count)| *alpha += count);
        belief.total += y.iter().sum::<f64>();
    }

    fn interpolate(&self, belief: &mut Dirichlet, weight: f64, other: &Dirichlet) {
        belief.interpolate(weight, other);
    }

    fn kl_divergence(&self, p: &Dirichlet, q: &Dirichlet) -> f64 {
        divergence(&p.alpha, &q.alpha)
    }

    /// Expected probabilities, `alpha / sum(alpha)`.
    fn mean(&self, belief: &Dirichlet, out: &mut [f64]) {
        belief.mean(out);
    }

    /// `alpha_i (s - alpha_i) / (s^2 (s + 1))` with `s = sum(alpha)`.
    fn variance(&self, belief: &Dirichlet, out: &mut [f64]) {
        belief.variance(out);
    }

    /// The fractions of the row; `None` for a row of zeros.
    fn empirical_mean(&self, y: &[f64], out: &mut [f64]) -> Option<()> {
        let total: f64 = y.iter().sum();
        out.iter_mut().zip(y).for_each(|(out, count)| *out = count / total);
        (total > 0.0).then_some(())
    }

    /// Dirichlet(1 + y).
    fn scaled_likelihood(&self, y: &[f64]) -> Option<Dirichlet> {
        Some(Dirichlet::new(y.iter().map(|count| 1.0 + count).collect()))
    }
}

#[cfg(test)]
mod tests {
    use neuropil_core::special::ln_gamma;
    use proptest::prelude::*;

    use super::super::laws::{assert_family_laws, assert_near, belief_after, log_evidence, refusal};
    use super::*;

    fn family() -> DirichletCategorical {
        DirichletCategorical { alpha: vec![0.5, 1.2, 3.0] }
    }

    fn rows() -> DirichletMultinomial {
        DirichletMultinomial { alpha: vec![0.5, 1.2, 3.0] }
    }

    #[test]
    fn the_families_obey_the_laws_of_conjugate_families() {
        assert_family_laws(&family(), &[0.0, 2.0, 2.0, 1.0].map(|y| vec![y]));
        assert_family_laws(&DirichletCategorical::default(), &[0.0, 4.0, 2.0].map(|y| vec![y]));
        assert_family_laws(&rows(), &[vec![3.0, 0.0, 1.0], vec![0.0; 3], vec![12.0, 9.0, 1.0]]);
    }

    #[test]
    fn the_predictive_of_counts_is_dirichlet_multinomial() {
        // scipy.stats.dirichlet_multinomial.logpmf(y, alpha, sum(y))
        for (alpha, y, expected) in [
            ([0.5, 1.2, 3.0], [3.0, 0.0, 1.0], -4.1178412296027),
            ([0.1, 0.1, 0.1], [12.0, 1.0, 4.0], -7.222246990128912),
            ([20.0, 5.0, 1.0], [4.0, 4.0, 30.0], -26.700279769520904),
        ] {
            assert_near(rows().log_predictive(&Dirichlet::new(alpha.to_vec()), &y), expected, 1e-10);
        }
        let mut total = 0.0;
        for a in 0..=6 {
            for b in 0..=6 - a {
                let y = [f64::from(a), f64::from(b), f64::from(6 - a - b)];
                total += rows().log_predictive(&rows().prior(), &y).exp();
            }
        }
        assert_near(total, 1.0, 1e-12);
    }

    #[test]
    fn one_count_is_a_category() {
        for y in 0..3 {
            let mut row = [0.0; 3];
            row[y] = 1.0;
            let category = family().log_predictive(&family().prior(), &[y as f64]);
            assert_near(rows().log_predictive(&rows().prior(), &row), category, 1e-14);
            assert_near(category, (family().alpha[y] / 4.7).ln(), 1e-14);
        }
    }

    #[test]
    fn the_chain_of_predictives_is_the_evidence() {
        let samples = [0.0, 2.0, 2.0, 1.0].map(|y| vec![y]);
        let belief = belief_after(&family(), &samples);
        for (alpha, expected) in belief.alpha().iter().zip([1.5, 2.2, 5.0]) {
            assert_near(*alpha, expected, 1e-12);
        }
        let ln_norm =
            |alpha: &[f64]| -> f64 { alpha.iter().map(|&a| ln_gamma(a)).sum::<f64>() - ln_gamma(alpha.iter().sum()) };
        let expected = ln_norm(&[1.5, 2.2, 5.0]) - ln_norm(&family().alpha);
        assert_near(log_evidence(&family(), &samples), expected, 1e-12);
    }

    #[test]
    fn divergences_agree_with_the_bregman_divergence_of_the_log_partition() {
        for (p, q, expected) in [
            ([0.5, 1.2, 3.0], [1.5, 2.2, 5.0], 0.8994009781527379),
            ([100.0, 3.0, 0.1], [1.0, 1.0, 1.0], 13.764990208782432),
        ] {
            let (p, q) = (Dirichlet::new(p.to_vec()), Dirichlet::new(q.to_vec()));
            assert_near(family().kl_divergence(&p, &q), expected, 1e-10);
        }
    }

    #[test]
    fn bad_input_is_refused_with_a_sentence() {
        let message = DirichletCategorical { alpha: vec![1.0, -0.5] }.validate().unwrap_err().to_string();
        assert_eq!(message, "alpha[1] must be positive (between 1e-50 and 1e50), got -0.5");
        let message = DirichletCategorical { alpha: vec![1.0] }.validate().unwrap_err().to_string();
        assert_eq!(message, "alpha must be a vector of at least 2 entries, got 1 entries");
        let expected = "observation 3 is 3, but a categorical observation must be an integer in 0..=2";
        assert_eq!(refusal(&family(), &[3.0]), expected);
        assert!(refusal(&rows(), &[1.0, 2.0, 0.5]).contains("observation 3 is 0.5"));
    }

    proptest! {
        #[test]
        fn the_filter_stays_finite(
            exponents in prop::collection::vec(-6.0..6.0_f64, 4), ys in prop::collection::vec(0..4_u8, 1..9),
            counts in prop::collection::vec(prop::collection::vec(0..1_000_000_u32, 4), 1..5),
        ) {
            let alpha: Vec<_> = exponents.iter().map(|&e| 10_f64.powf(e)).collect();
            let ys: Vec<_> = ys.iter().map(|&y| vec![f64::from(y)]).collect();
            let categories = DirichletCategorical { alpha: alpha.clone() };
            prop_assert!(log_evidence(&categories, &ys).is_finite());
            let rows: Vec<Vec<f64>> = counts.iter().map(|row| row.iter().map(|&n| f64::from(n)).collect()).collect();
            let multinomial = DirichletMultinomial { alpha };
            prop_assert!(log_evidence(&multinomial, &rows).is_finite());
        }
    }
}
