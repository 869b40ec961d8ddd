//! What every learner does with one observation.

use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Error, Result};
use crate::family::ConjugateFamily;

/// What a learner says about one observation, before it forgets it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Log predictive density or mass of the observation, in nats: minus the Shannon surprise.
    pub log_predictive: f64,
    /// Logarithm of the Bayes Factor surprise.
    pub log_bayes_factor: f64,
    /// Adaptation rate `gamma`; for the Bayesian learners the posterior probability of a change at this step.
    pub adaptation_rate: f64,
}

impl Scores {
    /// Scores of an empty observation, which has probability one under every belief: no surprise, `gamma` = hazard.
    #[must_use]
    pub fn of_nothing(hazard: f64) -> Self {
        Self { log_predictive: 0.0, log_bayes_factor: 0.0, adaptation_rate: hazard }
    }
}

/// One learner on one sequence: it takes an observation at a time and holds the belief after it.
pub trait Learner<F: ConjugateFamily>: Send {
    /// Takes one observation, a row without NaN that the family accepts.
    fn step(&mut self, y: &[f64]) -> Scores;
    /// Lets a time step pass without an observation: the hazard applies, no belief is updated.
    fn skip(&mut self) -> Scores;
    /// Everything the learner needs to go on later, as if it had never stopped. Parameters are not part of it.
    fn save(&self) -> serde_json::Value;
    /// Continues from what [`save`](Self::save) returned for a learner with the same parameters.
    ///
    /// # Errors
    /// When the state was saved by another kind of learner.
    fn load(&mut self, state: &serde_json::Value) -> Result<()>;
    /// Forgets everything: the next observation is the first of a new block.
    fn reset(&mut self);
    /// Mean of the estimated parameter under the belief.
    fn mean(&self, out: &mut [f64]);
    /// Variance of the estimated parameter under the belief.
    fn variance(&self, out: &mut [f64]);
    /// Mean and variance together, which costs less than one after the other.
    fn moments(&self, mean: &mut [f64], variance: &mut [f64]) {
        self.mean(mean);
        self.variance(variance);
    }
    /// The belief; a mixture is projected onto the family by averaging natural coordinates. `None` where the learner
    /// holds no distribution.
    fn belief(&self) -> Option<F::Belief>;
    /// Most probable number of steps since the last change, counting the changed one; `None` where the learner
    /// does not track it.
    fn map_run_length(&self) -> Option<u64> {
        None
    }
    /// Posterior over that number, `(steps, probability)`, longest first; `None` where the learner holds none.
    fn run_length_posterior(&self) -> Option<Vec<(u64, f64)>> {
        None
    }
    /// Whether the scores mean something: false for the leaky integrator, which has no predictive distribution.
    fn is_probabilistic(&self) -> bool {
        true
    }
    /// Posterior mass that truncation has thrown away so far, summed over steps.
    fn dropped_mass(&self) -> f64 {
        0.0
    }
    /// Number of hypotheses alive.
    fn n_hypotheses(&self) -> usize {
        1
    }
}

/// A state as JSON. States hold finite numbers and plain structures, which always have a JSON form.
pub(crate) fn saved<T: Serialize>(state: &T) -> serde_json::Value {
    serde_json::to_value(state).unwrap_or(serde_json::Value::Null)
}

/// A state from its JSON form.
pub(crate) fn loaded<T: DeserializeOwned>(state: &serde_json::Value) -> Result<T> {
    T::deserialize(state).map_err(|error| Error::State {
        saved: format!("another learner ({error})"),
        expected: "of another kind".into(),
    })
}
