//! Delta rules with adaptive learning rate: Nas10* and Nas12*, after Nassar et al. (2010, 2012), in the form with a
//! Gaussian prior (Liakoni et al. 2021). A nearly flat prior (`prior_sd = 1000`) gives the original rules.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::family::gaussian::NormalBelief;
use crate::family::{ConjugateFamily, Gaussian};
use crate::learner::{Learner, Scores, loaded, saved};
use crate::surprise::Adaptation;
use crate::varsmile::Modulation;

/// Which of the two rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Nas10*: the expected run length sets the variance.
    Nassar2010,
    /// Nas12*: the variance of the two-component mixture sets the run length.
    Nassar2012,
}

/// A delta-rule learner for Gaussian observations with known standard deviation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nassar {
    family: Gaussian,
    rule: Rule,
    modulation: Modulation,
    initial_run_length: f64,
    state: NassarState,
}

/// What a [`Nassar`] learner remembers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NassarState {
    mean: f64,
    variance: f64,
    run_length: f64,
    time: u64,
}

impl Nassar {
    /// A learner that has seen nothing; `initial_run_length` is 1 in the published code.
    ///
    /// # Errors
    /// Names the parameter that is out of range.
    pub fn new(family: Gaussian, rule: Rule, modulation: Modulation, initial_run_length: f64) -> Result<Self> {
        family.validate()?;
        modulation.validate()?;
        if !(0.0..=1e9).contains(&initial_run_length) {
            return Err(Error::parameter("initial_run_length", initial_run_length, "in [0, 1e9]"));
        }
        let state = Self::start(&family, initial_run_length);
        Ok(Self { family, rule, modulation, initial_run_length, state })
    }

    fn start(family: &Gaussian, run_length: f64) -> NassarState {
        NassarState { mean: family.prior_mean, variance: family.prior_sd.powi(2), run_length, time: 0 }
    }

    /// The state, to be stored and continued from.
    #[must_use]
    pub fn state(&self) -> NassarState {
        self.state
    }

    /// Continues from a state of a learner with the same parameters.
    pub fn restore(&mut self, state: NassarState) {
        self.state = state;
    }

    /// Expected number of observations since the last change.
    #[must_use]
    pub fn run_length(&self) -> f64 {
        self.state.run_length
    }
}

fn log_normal(y: f64, mean: f64, variance: f64) -> f64 {
    -0.5 * ((y - mean).powi(2) / variance + variance.ln() + (2.0 * PI).ln())
}

impl Learner<Gaussian> for Nassar {
    fn step(&mut self, y: &[f64]) -> Scores {
        let y = y[0];
        let step = self.state.time as usize;
        let NassarState { mean, variance, run_length, time } = self.state;
        let noise = self.family.sigma.powi(2);
        let prior_variance = self.family.prior_sd.powi(2);
        let rho = noise / prior_variance;
        let log_prior_predictive = log_normal(y, self.family.prior_mean, noise + prior_variance);
        let log_belief_predictive = log_normal(y, mean, noise + variance);
        let log_bayes_factor = log_prior_predictive - log_belief_predictive;
        let adaptation = Adaptation::new(log_bayes_factor, self.modulation.log_modulation(step));
        let gamma = adaptation.rate;
        let without_change = mean + (y - mean) / (rho + run_length + 1.0);
        let with_change = self.family.prior_mean + (y - self.family.prior_mean) / (rho + 1.0);
        let mean = (1.0 - gamma) * without_change + gamma * with_change;
        let (variance, run_length) = match self.rule {
            Rule::Nassar2010 => {
                let run_length = (1.0 - gamma) * (run_length + 1.0) + gamma;
                (1.0 / (1.0 / prior_variance + run_length / noise), run_length)
            }
            Rule::Nassar2012 => {
                let within = noise * (rho + gamma * run_length + 1.0) / ((rho + run_length + 1.0) * (rho + 1.0));
                let between = gamma * (1.0 - gamma) * (without_change - with_change).powi(2);
                let variance = within + between;
                (variance, noise / variance - rho)
            }
        };
        self.state = NassarState { mean, variance, run_length, time: time + 1 };
        let hazard = self.modulation.hazard(step);
        let log_predictive = if hazard < 1.0 {
            log_belief_predictive + (-hazard).ln_1p() - adaptation.log_rest
        } else {
            log_prior_predictive
        };
        Scores { log_predictive, log_bayes_factor, adaptation_rate: gamma }
    }

    fn skip(&mut self) -> Scores {
        let NassarState { mean, variance, run_length, time } = self.state;
        let hazard = self.modulation.hazard(time as usize);
        let noise = self.family.sigma.powi(2);
        let prior_variance = self.family.prior_sd.powi(2);
        let prior_mean = self.family.prior_mean;
        let (variance, run_length) = match self.rule {
            Rule::Nassar2010 => {
                let run_length = (1.0 - hazard) * run_length;
                (1.0 / (1.0 / prior_variance + run_length / noise), run_length)
            }
            Rule::Nassar2012 => {
                let variance = (1.0 - hazard) * variance
                    + hazard * prior_variance
                    + hazard * (1.0 - hazard) * (mean - prior_mean).powi(2);
                (variance, noise / variance - noise / prior_variance)
            }
        };
        let mean = (1.0 - hazard) * mean + hazard * prior_mean;
        self.state = NassarState { mean, variance, run_length, time: time + 1 };
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
        self.state = Self::start(&self.family, self.initial_run_length);
    }

    fn mean(&self, out: &mut [f64]) {
        out[0] = self.state.mean;
    }

    fn variance(&self, out: &mut [f64]) {
        out[0] = self.state.variance;
    }

    fn belief(&self) -> Option<NormalBelief> {
        Some(NormalBelief { mean: self.state.mean, nu: self.family.sigma.powi(2) / self.state.variance })
    }
}
