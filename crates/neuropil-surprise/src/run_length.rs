//! Filtering over run lengths: exact Bayes, and its truncations to a fixed number of hypotheses.
//!
//! A hypothesis says when the last change happened; it holds the belief from the observations since then, and a
//! weight. With the next observation every weight is multiplied by its predictive density, and a new hypothesis
//! ("it changed just now") appears. In surprise form (Liakoni et al. 2021): old hypotheses share `1 - gamma` in
//! proportion to `w_k P(y; pi_k)`, the new one gets `gamma`. This is the message passing of Adams and MacKay (2007)
//! when nothing is dropped.
//!
//! Weights live in log space, relative to the largest, so that no observation makes them all vanish.

use neuropil_core::random::{Seed, Stream};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::family::{BeliefBank, ConjugateFamily};
use crate::hazard::Hazard;
use crate::learner::{Learner, Scores, loaded, saved};
use crate::log_weights::{add_scores, exponentials, index_of_largest, scale};
use crate::surprise::{Adaptation, log_modulation};
pub use crate::truncation::{Overflow, Truncation};

/// A filter over run lengths for one sequence.
#[derive(Debug, Clone)]
pub struct RunLengthFilter<F: ConjugateFamily> {
    pub(crate) family: F,
    pub(crate) hazard: Hazard,
    pub(crate) truncation: Truncation,
    seed: u64,
    pub(crate) stream: Stream,
    prior: F::Belief,
    pub(crate) bank: F::Bank,
    /// Step at which each hypothesis says that the run began, oldest first.
    pub(crate) born: Vec<u64>,
    /// Log weights plus `log_scale`; minus infinity marks a dropped hypothesis that still occupies its place.
    pub(crate) log_weights: Vec<f64>,
    pub(crate) log_scale: f64,
    /// Normalised weights, zero for dropped hypotheses.
    pub(crate) weights: Vec<f64>,
    pub(crate) dropped: usize,
    pub(crate) dropped_mass: f64,
    pub(crate) time: u64,
    scores: Vec<f64>,
    /// Hazards at the run lengths 1, 2, ..., where the hazard depends on them; grown by doubling.
    hazard_table: Vec<f64>,
    hazard_logs: HazardLogs,
}

/// Everything a [`RunLengthFilter`] needs to go on later, as if it had never stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "F: ConjugateFamily")]
pub struct RunLengthState<F: ConjugateFamily> {
    beliefs: Vec<F::Belief>,
    born: Vec<u64>,
    log_weights: Vec<f64>,
    log_scale: f64,
    weights: Vec<f64>,
    dropped_mass: f64,
    time: u64,
    stream: Stream,
}

/// Logarithms that a constant hazard shares between all steps.
#[derive(Debug, Clone, Copy)]
struct HazardLogs {
    hazard: f64,
    /// `ln(1 - p_c)`.
    stay: f64,
    /// `ln(p_c / (1 - p_c))`.
    modulation: f64,
}

impl HazardLogs {
    fn of(hazard: f64) -> Self {
        Self { hazard, stay: (-hazard).ln_1p(), modulation: log_modulation(hazard) }
    }
}

impl<F: ConjugateFamily> RunLengthFilter<F> {
    /// A filter that has seen nothing.
    ///
    /// # Errors
    /// Names the parameter of the family, the hazard or the truncation that is out of range.
    pub fn new(family: F, hazard: Hazard, truncation: Truncation, seed: u64) -> Result<Self> {
        family.validate()?;
        hazard.validate()?;
        truncation.validate()?;
        let prior = family.prior();
        let bank = F::Bank::new(&family);
        Ok(Self {
            family,
            hazard,
            truncation,
            seed,
            stream: Self::fresh_stream(seed),
            prior,
            bank,
            born: Vec::new(),
            log_weights: Vec::new(),
            log_scale: 0.0,
            weights: Vec::new(),
            dropped: 0,
            dropped_mass: 0.0,
            time: 0,
            scores: Vec::new(),
            hazard_table: Vec::new(),
            hazard_logs: HazardLogs::of(0.5),
        })
    }

    fn fresh_stream(seed: u64) -> Stream {
        Seed::new(seed).child("stratified-resampling").stream()
    }

    /// Posterior over run lengths after the last step: `(steps since the change, probability)`, longest run first.
    /// Run length 1 means that the last step itself was a change.
    #[must_use]
    pub fn run_length_posterior(&self) -> Vec<(u64, f64)> {
        let alive = self.born.iter().zip(&self.weights).filter(|(_, weight)| **weight > 0.0);
        alive.map(|(born, weight)| (self.time - born, *weight)).collect()
    }

    /// Number of steps taken since the start or the last reset.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.time
    }

    /// The state, to be stored and continued from.
    #[must_use]
    pub fn state(&self) -> RunLengthState<F> {
        let alive: Vec<usize> = (0..self.born.len()).filter(|&i| self.log_weights[i] > f64::NEG_INFINITY).collect();
        RunLengthState {
            beliefs: alive.iter().map(|&i| self.bank.get(&self.family, i)).collect(),
            born: alive.iter().map(|&i| self.born[i]).collect(),
            log_weights: alive.iter().map(|&i| self.log_weights[i]).collect(),
            log_scale: self.log_scale,
            weights: alive.iter().map(|&i| self.weights[i]).collect(),
            dropped_mass: self.dropped_mass,
            time: self.time,
            stream: self.stream.clone(),
        }
    }

    /// Continues from a state of a filter with the same family, hazard and truncation.
    pub fn restore(&mut self, state: RunLengthState<F>) {
        self.bank = F::Bank::new(&self.family);
        for belief in &state.beliefs {
            self.bank.push(&self.family, belief);
        }
        self.born = state.born;
        self.log_weights = state.log_weights;
        self.log_scale = state.log_scale;
        self.weights = state.weights;
        self.dropped = 0;
        self.dropped_mass = state.dropped_mass;
        self.time = state.time;
        self.stream = state.stream;
    }

    fn advance(&mut self, y: Option<&[f64]>) -> Scores {
        let old = self.born.len();
        let time = self.time;
        self.time += 1;
        self.bank.push(&self.family, &self.prior);
        self.scores.resize(old + 1, 0.0);
        match y {
            Some(y) => self.bank.score_and_update(&self.family, y, &mut self.scores),
            None => self.scores.fill(0.0),
        }
        let log_prior_predictive = self.scores[old];
        if old == 0 {
            self.born.push(time);
            self.log_weights.push(0.0);
            self.weights.push(1.0);
            self.log_scale = 0.0;
            let adaptation_rate = self.hazard.at(0, 1);
            return Scores { log_predictive: log_prior_predictive, log_bayes_factor: 0.0, adaptation_rate };
        }

        let hazard = self.apply_hazard(time);
        let largest = add_scores(&mut self.log_weights, &self.scores[..old], -self.log_scale);
        self.weights.resize(old, 0.0);
        let total = exponentials(&mut self.log_weights, largest, &mut self.weights);
        let log_belief_predictive = largest + total.ln();
        let log_bayes_factor = log_prior_predictive - log_belief_predictive;
        if hazard != self.hazard_logs.hazard {
            self.hazard_logs = HazardLogs::of(hazard);
        }
        let adaptation = Adaptation::new(log_bayes_factor, self.hazard_logs.modulation);
        if adaptation.log_rest == f64::NEG_INFINITY {
            self.keep_only_the_newest(old, time);
            return Scores { log_predictive: log_prior_predictive, log_bayes_factor, adaptation_rate: 1.0 };
        }
        // P(y) = P(y; pi) (1 - p_c) / (1 - gamma): no cancellation, whichever term dominates.
        let log_predictive = log_belief_predictive + self.hazard_logs.stay - adaptation.log_rest;
        // Not `1 - rate`: after a clear change that is zero, and truncation could not tell the old hypotheses apart.
        scale(&mut self.weights, adaptation.rest / total);
        self.log_scale = total.ln() - adaptation.log_rest;
        if hazard > 0.0 {
            self.born.push(time);
            self.log_weights.push(adaptation.log_rate + self.log_scale);
            self.weights.push(adaptation.rate);
        } else {
            self.bank.remove(old);
        }
        self.truncate();
        Scores { log_predictive, log_bayes_factor, adaptation_rate: adaptation.rate }
    }

    /// Probability of a change at this step. Where the hazard depends on the run length, every hypothesis keeps its
    /// own share of not changing.
    fn apply_hazard(&mut self, time: u64) -> f64 {
        let step = time as usize;
        if !self.hazard.depends_on_run_length() {
            return self.hazard.at(step, 1);
        }
        let longest = self.born.first().map_or(1, |&born| (time - born) as usize);
        if self.hazard_table.len() < longest {
            self.hazard_table = self.hazard.table((2 * longest).max(64)).unwrap_or_default();
        }
        let own = |born: u64| self.hazard_table.get((time - born) as usize - 1).copied().unwrap_or(0.0);
        let hazard =
            self.born.iter().zip(&self.weights).map(|(&born, weight)| weight * own(born)).sum::<f64>().min(1.0);
        if hazard < 1.0 {
            for (log_weight, &born) in self.log_weights.iter_mut().zip(&self.born) {
                *log_weight += (-own(born)).ln_1p();
            }
            self.log_scale += (-hazard).ln_1p();
        }
        hazard
    }

    fn keep_only_the_newest(&mut self, index: usize, time: u64) {
        self.bank.gather(&[index]);
        self.born = vec![time];
        self.log_weights = vec![0.0];
        self.weights = vec![1.0];
        self.log_scale = 0.0;
        self.dropped = 0;
    }
}

impl<F: ConjugateFamily> Learner<F> for RunLengthFilter<F> {
    fn step(&mut self, y: &[f64]) -> Scores {
        self.advance(Some(y))
    }

    fn skip(&mut self) -> Scores {
        Scores::of_nothing(self.advance(None).adaptation_rate)
    }

    fn save(&self) -> serde_json::Value {
        saved(&self.state())
    }

    fn load(&mut self, state: &serde_json::Value) -> Result<()> {
        self.restore(loaded(state)?);
        Ok(())
    }

    fn reset(&mut self) {
        self.bank.gather(&[]);
        self.born.clear();
        self.log_weights.clear();
        self.weights.clear();
        self.log_scale = 0.0;
        self.dropped = 0;
        self.time = 0;
        self.stream = Self::fresh_stream(self.seed);
    }

    fn mean(&self, out: &mut [f64]) {
        if self.weights.is_empty() {
            self.family.mean(&self.prior, out);
        } else {
            self.bank.mixture(&self.family, &self.weights, out, None);
        }
    }

    fn variance(&self, out: &mut [f64]) {
        if self.weights.is_empty() {
            self.family.variance(&self.prior, out);
        } else {
            let mut mean = vec![0.0; out.len()];
            self.bank.mixture(&self.family, &self.weights, &mut mean, Some(out));
        }
    }

    fn moments(&self, mean: &mut [f64], variance: &mut [f64]) {
        if self.weights.is_empty() {
            self.family.mean(&self.prior, mean);
            self.family.variance(&self.prior, variance);
        } else {
            self.bank.mixture(&self.family, &self.weights, mean, Some(variance));
        }
    }

    fn belief(&self) -> Option<F::Belief> {
        let mut total = 0.0;
        let mut average = self.prior.clone();
        for (i, &weight) in self.weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            total += weight;
            self.family.interpolate(&mut average, weight / total, &self.bank.get(&self.family, i));
        }
        Some(average)
    }

    fn run_length_posterior(&self) -> Option<Vec<(u64, f64)>> {
        Some(Self::run_length_posterior(self))
    }

    fn map_run_length(&self) -> Option<u64> {
        let best = index_of_largest(&self.weights)?;
        Some(self.time - self.born[best])
    }

    fn dropped_mass(&self) -> f64 {
        self.dropped_mass
    }

    fn n_hypotheses(&self) -> usize {
        self.born.len() - self.dropped
    }
}
