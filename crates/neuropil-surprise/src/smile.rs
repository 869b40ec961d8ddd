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
        let distance = |weight: f64| {
            let mut mixture = self.belief.clone();
            self.family.interpolate(&mut mixture, weight, likelihood);
            self.family.kl_divergence(&mixture, &self.belief) - budget
        };
        root_of_increasing(distance, (0.0, -budget), (1.0, largest - budget))
    }
}

/// Root of an increasing function between two points of known values, to 1e-14: false position with the
/// Anderson-Bjorck correction, safeguarded by bisection.
fn root_of_increasing(f: impl Fn(f64) -> f64, low: (f64, f64), high: (f64, f64)) -> f64 {
    let ((mut a, mut fa), (mut b, mut fb)) = (low, high);
    let mut last_secant = f64::NAN;
    for iteration in 0..200 {
        if b - a <= 1e-14 {
            break;
        }
        let secant = b - fb * (b - a) / (fb - fa);
        let inside = secant > a && secant < b;
        let by_secant = inside && iteration % 4 != 3;
        let x = if by_secant { secant } else { 0.5 * (a + b) };
        // The secants converge faster than linearly: where two agree, the next would not move.
        if by_secant {
            if (x - last_secant).abs() <= 1e-14 {
                return x;
            }
            last_secant = x;
        }
        let fx = f(x);
        if fx == 0.0 {
            return x;
        }
        let correction =
            |kept: f64, moved: f64| if 1.0 - fx / moved > 0.0 { kept * (1.0 - fx / moved) } else { 0.5 * kept };
        if fx < 0.0 {
            fb = correction(fb, fa);
            (a, fa) = (x, fx);
        } else {
            fa = correction(fa, fb);
            (b, fb) = (x, fx);
        }
    }
    0.5 * (a + b)
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
