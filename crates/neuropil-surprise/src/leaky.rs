//! The leaky integrator: an exponentially weighted average of the observations, without a belief.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::family::ConjugateFamily;
use crate::learner::{Learner, Scores, loaded, saved};

/// `estimate(t) = sum_s omega^(t-s) y_s / sum_s omega^(t-s)` over the observed steps `s <= t`; categories count as
/// one-hot vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "F: ConjugateFamily")]
pub struct LeakyIntegrator<F: ConjugateFamily> {
    family: F,
    omega: f64,
    state: LeakyState,
}

/// What a [`LeakyIntegrator`] remembers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeakyState {
    estimate: Vec<f64>,
    weight: f64,
}

impl<F: ConjugateFamily> LeakyIntegrator<F> {
    /// A learner that has seen nothing; `omega` in `[0, 1)` is how much of the past survives a step.
    ///
    /// # Errors
    /// When `omega` is out of range, a parameter of the family is, or one observation says nothing about the
    /// estimate (the weights of a regression).
    pub fn new(family: F, omega: f64) -> Result<Self> {
        family.validate()?;
        if !(0.0..1.0).contains(&omega) {
            return Err(Error::parameter("omega", omega, "in [0, 1)"));
        }
        let mut estimate = vec![0.0; family.estimate_width()];
        if family.empirical_mean(&vec![0.0; family.observation_width()], &mut estimate).is_none() {
            return Err(Error::Unsupported {
                method: "leaky".into(),
                family: F::NAME.into(),
                supported: "families whose estimate can be read from one observation: all but the regressions".into(),
            });
        }
        let state = Self::start(&family);
        Ok(Self { family, omega, state })
    }

    fn start(family: &F) -> LeakyState {
        let mut estimate = vec![0.0; family.estimate_width()];
        family.mean(&family.prior(), &mut estimate);
        LeakyState { estimate, weight: 0.0 }
    }

    /// The state, to be stored and continued from.
    #[must_use]
    pub fn state(&self) -> LeakyState {
        self.state.clone()
    }

    /// Continues from a state of a learner with the same family and `omega`.
    pub fn restore(&mut self, state: LeakyState) {
        self.state = state;
    }
}

impl<F: ConjugateFamily> Learner<F> for LeakyIntegrator<F> {
    fn step(&mut self, y: &[f64]) -> Scores {
        let mut observed = vec![0.0; self.state.estimate.len()];
        if self.family.empirical_mean(y, &mut observed).is_some() {
            self.state.weight = self.omega * self.state.weight + 1.0;
            for (estimate, observed) in self.state.estimate.iter_mut().zip(observed) {
                // The first observation replaces a prior mean that may be infinite.
                *estimate = if self.state.weight == 1.0 {
                    observed
                } else {
                    *estimate + (observed - *estimate) / self.state.weight
                };
            }
        }
        Scores { log_predictive: f64::NAN, log_bayes_factor: f64::NAN, adaptation_rate: 1.0 / self.state.weight }
    }

    fn skip(&mut self) -> Scores {
        self.state.weight *= self.omega;
        Scores { log_predictive: f64::NAN, log_bayes_factor: f64::NAN, adaptation_rate: 0.0 }
    }

    fn save(&self) -> serde_json::Value {
        saved(&self.state())
    }

    fn load(&mut self, state: &serde_json::Value) -> Result<()> {
        self.restore(loaded(state)?);
        Ok(())
    }

    fn reset(&mut self) {
        self.state = Self::start(&self.family);
    }

    fn mean(&self, out: &mut [f64]) {
        out.copy_from_slice(&self.state.estimate);
    }

    fn variance(&self, out: &mut [f64]) {
        out.fill(f64::INFINITY);
    }

    fn belief(&self) -> Option<F::Belief> {
        None
    }

    fn is_probabilistic(&self) -> bool {
        false
    }
}
