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
use neuropil_core::{dispatch, vector};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::family::{BeliefBank, ConjugateFamily};
use crate::hazard::Hazard;
use crate::learner::{Learner, Scores, loaded, saved};
use crate::resampling;
use crate::surprise::{Adaptation, log_modulation};

/// Which hypotheses survive a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "truncation")]
pub enum Truncation {
    /// All whose posterior weight reaches `cutoff` (exact Bayes).
    Prune {
        /// Smallest posterior weight that survives; 0 keeps all.
        cutoff: f64,
        /// Runs longer than this are dropped; `None` keeps all.
        max_run_length: Option<u64>,
        /// Bound on memory: beyond it the least probable hypotheses go, whatever their weight.
        max_hypotheses: usize,
    },
    /// The `n` most probable (MP-N).
    Keep {
        /// Number of hypotheses that survive a step; at least 1.
        n: usize,
        /// What happens to the one too many.
        overflow: Overflow,
        /// A hypothesis younger than this many steps is never the one that goes; 0 protects none.
        protect: u64,
    },
    /// `n` by optimal stratified resampling (SOR-N, Fearnhead and Liu 2007).
    Resample {
        /// Number of hypotheses that survive a step; at least 1.
        n: usize,
        /// Which threshold search.
        threshold: resampling::Threshold,
    },
}

/// What MP-N does with the hypothesis that is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// Drops the least probable one, as published.
    Drop,
    /// Merges the two neighbours in run length whose average loses least information.
    Merge,
}

impl Truncation {
    /// Checks the numbers and names the one that is out of range.
    pub fn validate(&self) -> Result<()> {
        match *self {
            Self::Prune { cutoff, max_run_length, max_hypotheses } => {
                if !(0.0..1e-2).contains(&cutoff) {
                    return Err(Error::parameter("cutoff", cutoff, "in [0, 0.01)"));
                }
                if max_run_length == Some(0) {
                    return Err(Error::parameter("max_run_length", 0, "at least 1"));
                }
                if max_hypotheses < 2 {
                    return Err(Error::parameter("max_hypotheses", max_hypotheses, "at least 2"));
                }
                Ok(())
            }
            Self::Keep { n, .. } | Self::Resample { n, .. } if n == 0 => {
                Err(Error::parameter("n", n, "at least 1 hypothesis"))
            }
            Self::Keep { .. } | Self::Resample { .. } => Ok(()),
        }
    }
}

/// A filter over run lengths for one sequence.
#[derive(Debug, Clone)]
pub struct RunLengthFilter<F: ConjugateFamily> {
    family: F,
    hazard: Hazard,
    truncation: Truncation,
    seed: u64,
    stream: Stream,
    prior: F::Belief,
    bank: F::Bank,
    /// Step at which each hypothesis says that the run began, oldest first.
    born: Vec<u64>,
    /// Log weights plus `log_scale`; minus infinity marks a dropped hypothesis that still occupies its place.
    log_weights: Vec<f64>,
    log_scale: f64,
    /// Normalised weights, zero for dropped hypotheses.
    weights: Vec<f64>,
    dropped: usize,
    dropped_mass: f64,
    time: u64,
    scores: Vec<f64>,
    /// Hazards at the run lengths 1, 2, ..., where the hazard depends on them; grown by doubling.
    hazard_table: Vec<f64>,
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
        let adaptation = Adaptation::new(log_bayes_factor, log_modulation(hazard));
        if adaptation.log_rest == f64::NEG_INFINITY {
            self.keep_only_the_newest(old, time);
            return Scores { log_predictive: log_prior_predictive, log_bayes_factor, adaptation_rate: 1.0 };
        }
        // P(y) = P(y; pi) (1 - p_c) / (1 - gamma): no cancellation, whichever term dominates.
        let log_predictive = log_belief_predictive + (-hazard).ln_1p() - adaptation.log_rest;
        scale(&mut self.weights, (1.0 - adaptation.rate) / total);
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

    fn truncate(&mut self) {
        match self.truncation {
            Truncation::Prune { cutoff, max_run_length, max_hypotheses } => {
                self.prune(cutoff, max_run_length, max_hypotheses);
            }
            Truncation::Keep { n, overflow, protect } => {
                while self.born.len() > n {
                    match overflow {
                        Overflow::Drop => self.drop_least_probable(n, protect),
                        Overflow::Merge => self.merge_closest_neighbours(protect),
                    }
                }
            }
            Truncation::Resample { n, threshold } => {
                if self.born.len() > n {
                    self.resample(n, threshold);
                }
            }
        }
    }

    fn prune(&mut self, cutoff: f64, max_run_length: Option<u64>, max_hypotheses: usize) {
        let mut mass = 0.0;
        if cutoff > 0.0 && count_below(&self.weights, cutoff) > self.dropped {
            for i in 0..self.weights.len() {
                if self.weights[i] < cutoff && self.log_weights[i] > f64::NEG_INFINITY {
                    mass += self.drop_in_place(i);
                }
            }
        }
        if let Some(longest) = max_run_length {
            let mut i = 0;
            while i < self.born.len() && self.time - self.born[i] > longest {
                if self.log_weights[i] > f64::NEG_INFINITY {
                    mass += self.drop_in_place(i);
                }
                i += 1;
            }
        }
        if self.born.len() - self.dropped > max_hypotheses {
            // Drop an eighth at once, so that the selection costs little per step.
            let surplus = self.born.len() - self.dropped - (max_hypotheses - max_hypotheses / 8).max(1);
            let mut order: Vec<usize> =
                (0..self.born.len()).filter(|&i| self.log_weights[i] > f64::NEG_INFINITY).collect();
            order.select_nth_unstable_by(surplus - 1, |&i, &j| self.weights[i].total_cmp(&self.weights[j]));
            for &i in &order[..surplus] {
                mass += self.drop_in_place(i);
            }
        }
        if mass > 0.0 {
            self.renormalise(mass);
        }
        if self.dropped > 16 + self.born.len() / 8 {
            self.compact();
        }
    }

    /// Marks a hypothesis as dropped and returns the weight that it had.
    fn drop_in_place(&mut self, index: usize) -> f64 {
        self.log_weights[index] = f64::NEG_INFINITY;
        self.dropped += 1;
        std::mem::take(&mut self.weights[index])
    }

    fn renormalise(&mut self, lost: f64) {
        let rest = (1.0 - lost).max(f64::MIN_POSITIVE);
        scale(&mut self.weights, 1.0 / rest);
        self.log_scale += rest.ln();
        self.dropped_mass += lost;
    }

    fn compact(&mut self) {
        let alive: Vec<usize> = (0..self.born.len()).filter(|&i| self.log_weights[i] > f64::NEG_INFINITY).collect();
        self.gather(&alive);
        self.dropped = 0;
    }

    fn gather(&mut self, source: &[usize]) {
        self.bank.gather(source);
        crate::family::gather_in_place(&mut self.born, source);
        crate::family::gather_in_place(&mut self.log_weights, source);
        crate::family::gather_in_place(&mut self.weights, source);
    }

    fn remove(&mut self, index: usize) {
        self.bank.remove(index);
        self.born.remove(index);
        self.log_weights.remove(index);
        self.weights.remove(index);
    }

    /// Number of hypotheses, counted from the oldest, that are old enough to be dropped or merged; at least one.
    fn unprotected(&self, protect: u64) -> usize {
        self.born.iter().take_while(|&&born| self.time - born >= protect).count().max(1)
    }

    fn drop_least_probable(&mut self, n: usize, protect: u64) {
        let candidates = self.unprotected(protect).max(self.born.len() - n);
        let mut least = 0;
        for i in 1..candidates {
            if self.weights[i] < self.weights[least] {
                least = i;
            }
        }
        let mass = self.weights[least];
        self.remove(least);
        self.renormalise(mass);
    }

    fn merge_closest_neighbours(&mut self, protect: u64) {
        let candidates = self.unprotected(protect).max(2);
        let mut best = (f64::INFINITY, 0);
        for i in 0..candidates - 1 {
            let (first, second) = (self.bank.get(&self.family, i), self.bank.get(&self.family, i + 1));
            let (u, v) = (self.weights[i], self.weights[i + 1]);
            let share = if u + v > 0.0 { v / (u + v) } else { 0.5 };
            let mut average = first.clone();
            self.family.interpolate(&mut average, share, &second);
            let loss =
                u * self.family.kl_divergence(&first, &average) + v * self.family.kl_divergence(&second, &average);
            if loss < best.0 {
                best = (loss, i);
            }
        }
        let i = best.1;
        let (u, v) = (self.weights[i], self.weights[i + 1]);
        let share = if u + v > 0.0 { v / (u + v) } else { 0.5 };
        let mut average = self.bank.get(&self.family, i);
        self.family.interpolate(&mut average, share, &self.bank.get(&self.family, i + 1));
        let log_weight = neuropil_core::special::log_add_exp(self.log_weights[i], self.log_weights[i + 1]);
        // The merged hypothesis keeps the change point of its heavier part.
        let born = if v > u { self.born[i + 1] } else { self.born[i] };
        self.remove(i + 1);
        self.bank.set(&self.family, i, &average);
        self.born[i] = born;
        self.log_weights[i] = log_weight;
        self.weights[i] = u + v;
    }

    fn resample(&mut self, n: usize, threshold: resampling::Threshold) {
        let survivors = resampling::stratified_optimal(&mut self.weights, n, threshold, &mut self.stream);
        self.gather(&survivors);
        let total: f64 = self.weights.iter().sum();
        scale(&mut self.weights, 1.0 / total);
        self.log_scale = 0.0;
        for (log_weight, weight) in self.log_weights.iter_mut().zip(&self.weights) {
            *log_weight = weight.ln();
        }
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

/// Index of the largest weight, the oldest where several are equal.
fn index_of_largest(weights: &[f64]) -> Option<usize> {
    const BLOCK: usize = 32;
    let largest = largest_of(weights);
    let block = weights.chunks(BLOCK).position(|block| block.iter().fold(false, |hit, &w| hit | (w == largest)))?;
    let start = block * BLOCK;
    weights[start..].iter().position(|&weight| weight == largest).map(|offset| start + offset)
}

dispatch! {
    /// Adds `scores + shift` to the log weights and returns the largest.
    fn add_scores = add_scores_body(log_weights: &mut [f64], scores: &[f64], shift: f64) -> f64;
}
dispatch! {
    /// Subtracts the largest log weight, writes the exponentials and returns their sum.
    fn exponentials = exponentials_body(log_weights: &mut [f64], largest: f64, weights: &mut [f64]) -> f64;
}
dispatch! {
    fn scale = scale_body(values: &mut [f64], factor: f64);
}
dispatch! {
    fn count_below = count_below_body(values: &[f64], threshold: f64) -> usize;
}
dispatch! {
    fn largest_of = largest_of_body(values: &[f64]) -> f64;
}

#[inline(always)]
fn add_scores_body<const FMA: bool>(log_weights: &mut [f64], scores: &[f64], shift: f64) -> f64 {
    for (log_weight, score) in log_weights.iter_mut().zip(scores) {
        *log_weight += score + shift;
    }
    vector::max(log_weights)
}

#[inline(always)]
fn exponentials_body<const FMA: bool>(log_weights: &mut [f64], largest: f64, weights: &mut [f64]) -> f64 {
    let n = log_weights.len();
    let (log_weights, weights) = (&mut log_weights[..n], &mut weights[..n]);
    for i in 0..n {
        log_weights[i] -= largest;
        weights[i] = vector::exp::<FMA>(log_weights[i]);
    }
    vector::sum(n, |i| weights[i])
}

#[inline(always)]
fn scale_body<const FMA: bool>(values: &mut [f64], factor: f64) {
    for value in values {
        *value *= factor;
    }
}

#[inline(always)]
fn count_below_body<const FMA: bool>(values: &[f64], threshold: f64) -> usize {
    values.iter().map(|&value| u64::from(value < threshold)).sum::<u64>() as usize
}

#[inline(always)]
fn largest_of_body<const FMA: bool>(values: &[f64]) -> f64 {
    vector::max(values)
}
