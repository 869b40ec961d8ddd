//! VarSMiLe: one belief, moved towards the prior by as much as the observation surprises (Liakoni et al. 2021).
//!
//! With `gamma = gamma(S_BF, m)` the belief minimises `(1 - gamma) KL(q || pi_B) + gamma KL(q || P(theta | y))`,
//! where `pi_B` is the Bayesian update without change and `P(theta | y)` the one from the prior: natural coordinates
//! become `(1 - gamma) (chi, nu) + gamma (chi0, nu0) + (phi(y), 1)`.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::family::ConjugateFamily;
use crate::hazard::Hazard;
use crate::learner::{Learner, Scores, loaded, saved};
use crate::surprise::{Adaptation, log_modulation};

/// How strongly surprise moves a learner: from the hazard, or a free parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Modulation {
    /// `m = p_c / (1 - p_c)` of the hazard.
    Hazard(Hazard),
    /// A fixed `m >= 0`.
    Fixed(f64),
}

impl Modulation {
    /// Checks the hazard or `m`.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Hazard(hazard) => {
                hazard.validate()?;
                hazard.require_run_length_free("learner with a single belief")
            }
            Self::Fixed(m) if *m >= 0.0 && m.is_finite() => Ok(()),
            Self::Fixed(m) => Err(Error::parameter("m", m, "a finite number >= 0")),
        }
    }

    /// The hazard at a step; `m / (1 + m)` for a fixed modulation.
    #[must_use]
    pub fn hazard(&self, step: usize) -> f64 {
        match self {
            Self::Hazard(hazard) => hazard.at(step, 1),
            Self::Fixed(m) => m / (1.0 + m),
        }
    }

    /// `ln m` at a step.
    #[must_use]
    pub fn log_modulation(&self, step: usize) -> f64 {
        match self {
            Self::Hazard(hazard) => log_modulation(hazard.at(step, 1)),
            Self::Fixed(m) => m.ln(),
        }
    }
}

/// The VarSMiLe learner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "F: ConjugateFamily")]
pub struct VarSmile<F: ConjugateFamily> {
    family: F,
    modulation: Modulation,
    prior: F::Belief,
    belief: F::Belief,
    time: u64,
}

impl<F: ConjugateFamily> VarSmile<F> {
    /// A learner that has seen nothing.
    ///
    /// # Errors
    /// Names the parameter of the family or the modulation that is out of range.
    pub fn new(family: F, modulation: Modulation) -> Result<Self> {
        family.validate()?;
        modulation.validate()?;
        let prior = family.prior();
        Ok(Self { belief: prior.clone(), prior, family, modulation, time: 0 })
    }

    /// The belief, to be stored and continued from, with the number of steps taken.
    #[must_use]
    pub fn state(&self) -> (F::Belief, u64) {
        (self.belief.clone(), self.time)
    }

    /// Continues from a state of a learner with the same family and modulation.
    pub fn restore(&mut self, (belief, time): (F::Belief, u64)) {
        self.belief = belief;
        self.time = time;
    }
}

impl<F: ConjugateFamily> Learner<F> for VarSmile<F> {
    fn step(&mut self, y: &[f64]) -> Scores {
        let step = self.time as usize;
        self.time += 1;
        let log_prior_predictive = self.family.log_predictive(&self.prior, y);
        let log_belief_predictive = self.family.log_predictive(&self.belief, y);
        let log_bayes_factor = log_prior_predictive - log_belief_predictive;
        let adaptation = Adaptation::new(log_bayes_factor, self.modulation.log_modulation(step));
        self.family.interpolate(&mut self.belief, adaptation.rate, &self.prior);
        self.family.update(&mut self.belief, y);
        let hazard = self.modulation.hazard(step);
        let log_predictive = if hazard < 1.0 {
            log_belief_predictive + (-hazard).ln_1p() - adaptation.log_rest
        } else {
            log_prior_predictive
        };
        Scores { log_predictive, log_bayes_factor, adaptation_rate: adaptation.rate }
    }

    fn skip(&mut self) -> Scores {
        let hazard = self.modulation.hazard(self.time as usize);
        self.time += 1;
        self.family.interpolate(&mut self.belief, hazard, &self.prior);
        Scores::of_nothing(hazard)
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
        self.time = 0;
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
