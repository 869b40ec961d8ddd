//! SMiLe, surprise-minimising learning (Faraji, Preuschoff and Gerstner 2018).
//!
//! The learner knows no prior of the task. Its surprise compares the belief with the scaled likelihood `pi_hat` of
//! the observation alone, `S_CC = KL(pi || pi_hat)`; the new belief is the geometric mixture `q_g` of the two with
//! `KL(q_g || pi) = gamma(S_CC, m) KL(pi_hat || pi)`, monotone in `g`. The adaptation rate that it reports is `g`.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::family::ConjugateFamily;
use crate::learner::{Learner, Scores, loaded, saved};
use crate::surprise::adaptation_rate;

/// The SMiLe learner with modulation `m`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "F: ConjugateFamily")]
pub struct Smile<F: ConjugateFamily> {
    family: F,
    m: f64,
    prior: F::Belief,
    belief: F::Belief,
    confidence_corrected_surprise: f64,
}

impl<F: ConjugateFamily> Smile<F> {
    /// A learner that has seen nothing.
    ///
    /// # Errors
    /// When `m` is negative or not finite, a parameter of the family is out of range, or the scaled likelihood of
    /// one observation is improper in this family.
    pub fn new(family: F, m: f64) -> Result<Self> {
        family.validate()?;
        if !(m >= 0.0 && m.is_finite()) {
            return Err(Error::parameter("m", m, "a finite number >= 0"));
        }
        let prior = family.prior();
        if family.scaled_likelihood(&vec![0.0; family.observation_width()]).is_none() {
            return Err(Error::Unsupported {
                method: "smile".into(),
                family: F::NAME.into(),
                supported: "families in which one observation alone gives a proper belief: gaussian, bernoulli, \
                            binomial, categorical, multinomial, poisson"
                    .into(),
            });
        }
        Ok(Self { belief: prior.clone(), prior, family, m, confidence_corrected_surprise: 0.0 })
    }

    /// Confidence-corrected surprise `KL(pi || pi_hat)` of the last observation, in nats.
    #[must_use]
    pub fn confidence_corrected_surprise(&self) -> f64 {
        self.confidence_corrected_surprise
    }

    /// The belief, to be stored and continued from.
    #[must_use]
    pub fn state(&self) -> F::Belief {
        self.belief.clone()
    }

    /// Continues from a state of a learner with the same family and `m`.
    pub fn restore(&mut self, belief: F::Belief) {
        self.belief = belief;
    }

    /// The weight `g` at which the mixture of belief and scaled likelihood is `budget` away from the belief.
    fn weight_at(&self, likelihood: &F::Belief, budget: f64, largest: f64) -> f64 {
        if budget < 5.0 * f64::EPSILON {
            return 0.0;
        }
        if budget >= largest {
            return 1.0;
        }
        // Divergences grow with the square of small weights: their roots are close to straight lines.
        let distance = |weight: f64| {
            let mut mixture = self.belief.clone();
            self.family.interpolate(&mut mixture, weight, likelihood);
            self.family.kl_divergence(&mixture, &self.belief).max(0.0).sqrt() - budget.sqrt()
        };
        root_between(distance, (0.0, -budget.sqrt()), (1.0, largest.sqrt() - budget.sqrt()))
    }
}

/// Root of a function between two points at which it has different signs, to 1e-14: Brent's method (inverse quadratic
/// interpolation or a secant where they converge, bisection where they do not).
fn root_between(f: impl Fn(f64) -> f64, low: (f64, f64), high: (f64, f64)) -> f64 {
    // `best` has the smallest value so far, `other` the opposite sign, `previous` is the best before.
    let (mut previous, mut best) = (low, high);
    let mut other = previous;
    let mut step = best.0 - previous.0;
    let mut step_before = step;
    for _ in 0..200 {
        if best.1 * other.1 > 0.0 {
            other = previous;
            step = best.0 - previous.0;
            step_before = step;
        }
        if other.1.abs() < best.1.abs() {
            previous = best;
            best = other;
            other = previous;
        }
        let tolerance = 5e-15 + f64::EPSILON * best.0.abs();
        let half = 0.5 * (other.0 - best.0);
        if half.abs() <= tolerance || best.1 == 0.0 {
            break;
        }
        let bisection = (half, half);
        (step, step_before) = if step_before.abs() < tolerance || previous.1.abs() <= best.1.abs() {
            bisection
        } else {
            let s = best.1 / previous.1;
            let (p, q) = if previous.0 == other.0 {
                (2.0 * half * s, 1.0 - s)
            } else {
                let (q, r) = (previous.1 / other.1, best.1 / other.1);
                (s * (2.0 * half * q * (q - r) - (best.0 - previous.0) * (r - 1.0)), (q - 1.0) * (r - 1.0) * (s - 1.0))
            };
            let (p, q) = if p > 0.0 { (p, -q) } else { (-p, q) };
            let within = 2.0 * p < (3.0 * half * q - (tolerance * q).abs()).min((step_before * q).abs());
            if within { (p / q, step) } else { bisection }
        };
        previous = best;
        best.0 += if step.abs() > tolerance { step } else { tolerance.copysign(half) };
        best.1 = f(best.0);
    }
    best.0
}

impl<F: ConjugateFamily> Learner<F> for Smile<F> {
    fn step(&mut self, y: &[f64]) -> Scores {
        let log_predictive = self.family.log_predictive(&self.belief, y);
        let log_bayes_factor = self.family.log_predictive(&self.prior, y) - log_predictive;
        let Some(likelihood) = self.family.scaled_likelihood(y) else {
            // Excluded by the constructor: the scaled likelihood is proper for all observations or for none.
            return Scores { log_predictive, log_bayes_factor, adaptation_rate: 0.0 };
        };
        let surprise = self.family.kl_divergence(&self.belief, &likelihood);
        let largest = self.family.kl_divergence(&likelihood, &self.belief);
        let budget = adaptation_rate(surprise, self.m) * largest;
        let weight = self.weight_at(&likelihood, budget, largest);
        self.family.interpolate(&mut self.belief, weight, &likelihood);
        self.confidence_corrected_surprise = surprise;
        Scores { log_predictive, log_bayes_factor, adaptation_rate: weight }
    }

    /// Without an observation there is nothing to move towards: the belief stays.
    fn skip(&mut self) -> Scores {
        self.confidence_corrected_surprise = 0.0;
        Scores::of_nothing(0.0)
    }

    fn save(&self) -> serde_json::Value {
        saved(&self.state())
    }

    fn load(&mut self, state: &serde_json::Value) -> Result<()> {
        self.restore(loaded(state)?);
        Ok(())
    }

    fn reset(&mut self) {
        self.belief.clone_from(&self.prior);
        self.confidence_corrected_surprise = 0.0;
    }

    fn mean(&self, out: &mut [f64]) {
        self.family.mean(&self.belief, out);
    }

    fn variance(&self, out: &mut [f64]) {
        self.family.variance(&self.belief, out);
    }

    fn belief(&self) -> Option<F::Belief> {
        Some(self.belief.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn roots_are_found_to_rounding_in_few_steps() {
        for root in [1e-7, 0.003, 0.5, 0.999] {
            let calls = Cell::new(0);
            let f = |x: f64| {
                calls.set(calls.get() + 1);
                x * (1.0 + 0.3 * x * x) - root * (1.0 + 0.3 * root * root)
            };
            let found = root_between(f, (0.0, f(0.0)), (1.0, f(1.0)));
            assert!((found - root).abs() < 2e-14, "{found} for {root}");
            assert!(calls.get() < 16, "{} evaluations for {root}", calls.get());
        }
        // A step has no slope to follow: bisection takes over.
        let step = |x: f64| if x < 0.3 { -1.0 } else { 1.0 };
        assert!((root_between(step, (0.0, -1.0), (1.0, 1.0)) - 0.3).abs() < 2e-14);
    }
}
