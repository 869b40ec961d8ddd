//! The particle filter whose proposal is modulated by surprise (Liakoni et al. 2021, pf-N).

use neuropil_core::random::{Seed, Stream, uniform};
use neuropil_core::special::logistic;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::family::{BeliefBank, ConjugateFamily};
use crate::hazard::Hazard;
use crate::learner::{Learner, Scores, loaded, saved};
use crate::surprise::{Adaptation, log_modulation};

/// Most particles that a filter holds: all of them live in memory from the start.
pub const MAX_PARTICLES: usize = 10_000_000;

/// A particle filter with `n` histories of changes, each with its exact belief.
#[derive(Debug, Clone)]
pub struct ParticleFilter<F: ConjugateFamily> {
    family: F,
    hazard: Hazard,
    seed: u64,
    stream: Stream,
    prior: F::Belief,
    bank: F::Bank,
    weights: Vec<f64>,
    born: Vec<u64>,
    time: u64,
    log_predictives: Vec<f64>,
    changed: Vec<bool>,
}

/// Everything a [`ParticleFilter`] needs to go on later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound = "F: ConjugateFamily")]
pub struct ParticleState<F: ConjugateFamily> {
    beliefs: Vec<F::Belief>,
    weights: Vec<f64>,
    born: Vec<u64>,
    time: u64,
    stream: Stream,
}

impl<F: ConjugateFamily> ParticleFilter<F> {
    /// A filter with `n` particles that has seen nothing.
    ///
    /// # Errors
    /// When `n` is 0 or above [`MAX_PARTICLES`], when the hazard depends on the run length, or when a parameter is out of range.
    pub fn new(family: F, hazard: Hazard, n: usize, seed: u64) -> Result<Self> {
        family.validate()?;
        hazard.validate()?;
        hazard.require_run_length_free("particle filter")?;
        if n == 0 {
            return Err(Error::parameter("n", n, "at least 1 particle"));
        }
        if n > MAX_PARTICLES {
            return Err(Error::parameter("n", n, format!("at most {MAX_PARTICLES} particles")));
        }
        let prior = family.prior();
        let mut filter = Self {
            bank: F::Bank::new(&family),
            family,
            hazard,
            seed,
            stream: Self::fresh_stream(seed),
            prior,
            weights: vec![1.0 / n as f64; n],
            born: vec![0; n],
            time: 0,
            log_predictives: vec![0.0; n],
            changed: vec![false; n],
        };
        for _ in 0..n {
            filter.bank.push(&filter.family, &filter.prior);
        }
        Ok(filter)
    }

    fn fresh_stream(seed: u64) -> Stream {
        Seed::new(seed).child("particle-filter").stream()
    }

    /// The state, to be stored and continued from.
    #[must_use]
    pub fn state(&self) -> ParticleState<F> {
        ParticleState {
            beliefs: (0..self.weights.len()).map(|i| self.bank.get(&self.family, i)).collect(),
            weights: self.weights.clone(),
            born: self.born.clone(),
            time: self.time,
            stream: self.stream.clone(),
        }
    }

    /// Continues from a state of a filter with the same family, hazard and number of particles.
    pub fn restore(&mut self, state: ParticleState<F>) {
        for (i, belief) in state.beliefs.iter().enumerate() {
            self.bank.set(&self.family, i, belief);
        }
        self.weights = state.weights;
        self.born = state.born;
        self.time = state.time;
        self.stream = state.stream;
    }

    fn advance(&mut self, y: Option<&[f64]>) -> Scores {
        let time = self.time;
        self.time += 1;
        let hazard = self.hazard.at(time as usize, 1);
        let log_modulation = log_modulation(hazard);
        let log_prior_predictive = match y {
            Some(y) => {
                self.bank.log_predictive(&self.family, y, &mut self.log_predictives);
                self.family.log_predictive(&self.prior, y)
            }
            None => {
                self.log_predictives.fill(0.0);
                0.0
            }
        };
        // Particles whose weight has underflowed to zero must not set the scale.
        let alive = self.weights.iter().zip(&self.log_predictives).filter(|(weight, _)| **weight > 0.0);
        let largest = alive.map(|(_, log_predictive)| *log_predictive).fold(f64::NEG_INFINITY, f64::max);
        let mut total = 0.0;
        for (weight, log_predictive) in self.weights.iter().zip(&self.log_predictives) {
            total += if *weight > 0.0 { weight * (log_predictive - largest).exp() } else { 0.0 };
        }
        let log_belief_predictive = largest + total.ln();
        let log_bayes_factor = log_prior_predictive - log_belief_predictive;
        let adaptation = Adaptation::new(log_bayes_factor, log_modulation);
        let log_predictive = if hazard < 1.0 {
            log_belief_predictive + (-hazard).ln_1p() - adaptation.log_rest
        } else {
            log_prior_predictive
        };

        let mut sum = 0.0;
        for i in 0..self.weights.len() {
            let ratio =
                if self.weights[i] > 0.0 { (self.log_predictives[i] - log_belief_predictive).exp() } else { 0.0 };
            self.weights[i] *= (1.0 - adaptation.rate) * ratio + adaptation.rate;
            sum += self.weights[i];
            // The proposal is the exact conditional of a change given this particle's history.
            let rate = logistic(log_modulation + log_prior_predictive - self.log_predictives[i]);
            self.changed[i] = uniform(&mut self.stream) < rate;
        }
        for weight in &mut self.weights {
            *weight /= sum;
        }
        self.resample_if_degenerate();
        for i in 0..self.weights.len() {
            if self.changed[i] {
                self.bank.set(&self.family, i, &self.prior);
                self.born[i] = time;
            }
        }
        if let Some(y) = y {
            self.bank.update(&self.family, y);
        }
        Scores { log_predictive, log_bayes_factor, adaptation_rate: adaptation.rate }
    }

    /// Multinomial resampling when the effective number of particles falls to half of them.
    fn resample_if_degenerate(&mut self) {
        let n = self.weights.len();
        let effective = 1.0 / self.weights.iter().map(|weight| weight * weight).sum::<f64>();
        if effective > 0.5 * n as f64 {
            return;
        }
        let mut cumulative = Vec::with_capacity(n);
        let mut sum = 0.0;
        for weight in &self.weights {
            sum += weight;
            cumulative.push(sum);
        }
        let ancestors: Vec<usize> = (0..n)
            .map(|_| {
                let u = uniform(&mut self.stream) * sum;
                cumulative.partition_point(|&c| c <= u).min(n - 1)
            })
            .collect();
        self.bank.gather(&ancestors);
        crate::family::gather_in_place(&mut self.changed, &ancestors);
        crate::family::gather_in_place(&mut self.born, &ancestors);
        self.weights.fill(1.0 / n as f64);
    }
}

impl<F: ConjugateFamily> Learner<F> for ParticleFilter<F> {
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
        let n = self.weights.len();
        for i in 0..n {
            self.bank.set(&self.family, i, &self.prior);
        }
        self.weights.fill(1.0 / n as f64);
        self.born.fill(0);
        self.time = 0;
        self.stream = Self::fresh_stream(self.seed);
    }

    fn mean(&self, out: &mut [f64]) {
        self.bank.mixture(&self.family, &self.weights, out, None);
    }

    fn variance(&self, out: &mut [f64]) {
        let mut mean = vec![0.0; out.len()];
        self.bank.mixture(&self.family, &self.weights, &mut mean, Some(out));
    }

    fn moments(&self, mean: &mut [f64], variance: &mut [f64]) {
        self.bank.mixture(&self.family, &self.weights, mean, Some(variance));
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

    fn map_run_length(&self) -> Option<u64> {
        let mut order: Vec<usize> = (0..self.born.len()).collect();
        order.sort_unstable_by_key(|&i| self.born[i]);
        let mut best = (0.0, self.born[order[0]]);
        for run in order.chunk_by(|&i, &j| self.born[i] == self.born[j]) {
            let weight: f64 = run.iter().map(|&i| self.weights[i]).sum();
            if weight > best.0 {
                best = (weight, self.born[run[0]]);
            }
        }
        Some(self.time - best.1)
    }

    fn n_hypotheses(&self) -> usize {
        self.weights.len()
    }
}
