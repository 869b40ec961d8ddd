//! Learning the hazard while observing.
//!
//! Two learners. [`HazardGrid`] runs the exact filter at every hazard of a grid and weighs them by their evidence:
//! exact up to the spacing of the grid. [`BetaHazard`] gives the hazard a Beta prior and filters the run length
//! and the number of changes together, after which the hazard is again Beta distributed (Wilson, Nassar and Gold
//! 2010, Neural Computation 22:2452): exact, at a cost that grows with the number of plausible counts.
//! The hazard is common to all blocks; what is learned in one carries over to the next.

use ndarray::ArrayView2;
use neuropil_core::{progress::Monitor, special::log_sum_exp, threads};
use rayon::prelude::*;

use crate::{
    blocks::Blocks,
    error::{Error, Result},
    family::ConjugateFamily,
    forward::Forward,
    hazard::{Hazard, Rate, Rates, StepRates},
    observations::Observations,
    smooth::check_cutoff,
};

/// What was known about the hazard, and about a change, after each observation.
#[derive(Debug, Clone, PartialEq)]
pub struct OnlineHazard {
    /// Posterior mean of the hazard after each observation.
    pub mean: Vec<f64>,
    /// Its posterior standard deviation.
    pub standard_deviation: Vec<f64>,
    /// `P(a change happened before observation t | y up to t)`; 0 at the first observation of a block.
    pub change_probability: Vec<f64>,
    /// `ln p(y_t | y before t)` in nats.
    pub log_predictive: Vec<f64>,
    /// Their sum, `ln p(y)`.
    pub log_evidence: f64,
}

impl OnlineHazard {
    fn with_capacity(length: usize) -> Self {
        Self {
            mean: Vec::with_capacity(length),
            standard_deviation: Vec::with_capacity(length),
            change_probability: Vec::with_capacity(length),
            log_predictive: Vec::with_capacity(length),
            log_evidence: 0.0,
        }
    }
}

/// Candidate hazards with prior probabilities.
#[derive(Debug, Clone, PartialEq)]
pub struct HazardGrid {
    /// The hazards, in [0, 1].
    pub hazards: Vec<f64>,
    /// Their prior probabilities, up to a common factor.
    pub prior: Vec<f64>,
}

impl Default for HazardGrid {
    /// 25 hazards from 0.0001 to 0.5, equally spaced and equally probable in the logarithm.
    fn default() -> Self {
        let step = (0.5_f64 / 1e-4).ln() / 24.0;
        Self { hazards: (0..25).map(|i| 1e-4 * (step * f64::from(i)).exp()).collect(), prior: vec![1.0; 25] }
    }
}

impl HazardGrid {
    /// `points >= 2` hazards from `low` to `high`, equally spaced and equally probable in the logarithm.
    pub fn log_spaced(low: f64, high: f64, points: usize) -> Result<Self> {
        if !(low > 0.0 && low < high && high <= 1.0) {
            return Err(Error::parameter("hazard grid", format!("{low} to {high}"), "0 < low < high <= 1"));
        }
        if points < 2 {
            return Err(Error::parameter("hazard grid points", points, "at least 2"));
        }
        let step = (high / low).ln() / (points - 1) as f64;
        let hazards = (0..points).map(|i| (low * (step * i as f64).exp()).min(high)).collect();
        Ok(Self { hazards, prior: vec![1.0; points] })
    }

    /// Filters with every hazard of the grid (in parallel); returns what is known after each observation and the
    /// posterior probability of each hazard at the end. Memory: two numbers per observation and hazard.
    ///
    /// # Errors
    /// When a parameter is out of range, the observations or blocks do not fit, or the work was cancelled.
    pub fn learn<F: ConjugateFamily>(
        &self,
        family: &F,
        y: ArrayView2<'_, f64>,
        blocks: &Blocks,
        cutoff: f64,
        monitor: &Monitor,
    ) -> Result<(OnlineHazard, Vec<f64>)> {
        self.validate()?;
        check_cutoff(cutoff)?;
        let observations = Observations::new(family, y)?;
        blocks.check_length(observations.len())?;
        let task = monitor.task("learn the hazard", self.hazards.len() as u64);
        let one = |&hazard: &f64| {
            let run = filter(family, &observations, blocks, hazard, cutoff, monitor);
            task.advance(1);
            run
        };
        let runs = threads::install(|| self.hazards.par_iter().map(one).collect::<Result<Vec<_>>>())?;
        let mut log_weight: Vec<f64> = self.prior.iter().map(|p| p.ln()).collect();
        normalise(&mut log_weight);
        let mut online = OnlineHazard::with_capacity(observations.len());
        for t in 0..observations.len() {
            log_weight.iter_mut().zip(&runs).for_each(|(weight, run)| *weight += run[t].0);
            let log_predictive = normalise(&mut log_weight);
            let weighted = || log_weight.iter().map(|w| w.exp()).zip(self.hazards.iter().zip(&runs));
            let mean: f64 = weighted().map(|(w, (h, _))| w * h).sum();
            let variance: f64 = weighted().map(|(w, (h, _))| w * (h - mean).powi(2)).sum();
            online.mean.push(mean);
            online.standard_deviation.push(variance.sqrt());
            online.change_probability.push(weighted().map(|(w, (_, run))| w * run[t].1).sum());
            online.log_predictive.push(log_predictive);
            online.log_evidence += log_predictive;
        }
        Ok((online, log_weight.into_iter().map(f64::exp).collect()))
    }

    fn validate(&self) -> Result<()> {
        if self.hazards.is_empty() {
            return Err(Error::parameter("the number of hazards in the grid", 0, "at least 1"));
        }
        if self.prior.len() != self.hazards.len() {
            return Err(Error::Shape {
                what: "prior of the hazard grid".to_owned(),
                expected: format!("{} values, one per hazard", self.hazards.len()),
                got: self.prior.len().to_string(),
            });
        }
        if let Some(bad) = self.prior.iter().find(|&&p| !(p >= 0.0 && p.is_finite())) {
            return Err(Error::parameter("prior of the hazard grid", bad, "finite and not negative"));
        }
        if self.prior.iter().sum::<f64>() <= 0.0 {
            return Err(Error::parameter("prior of the hazard grid", 0, "positive for at least one hazard"));
        }
        self.hazards.iter().try_for_each(|&hazard| Hazard::Constant(hazard).validate())
    }
}

/// Log predictive and filtered change probability of every observation at one hazard.
fn filter<F: ConjugateFamily>(
    family: &F,
    observations: &Observations<'_>,
    blocks: &Blocks,
    hazard: f64,
    cutoff: f64,
    monitor: &Monitor,
) -> Result<Vec<(f64, f64)>> {
    let rates = Rates::Constant(Rate::new(hazard));
    let mut trace = Vec::with_capacity(observations.len());
    for block in blocks.ranges() {
        let mut forward = Forward::new(family, block.start, cutoff);
        for t in block.clone() {
            if t.is_multiple_of(256) {
                monitor.check().map_err(|_| Error::Cancelled)?;
            }
            if t > block.start {
                forward.transition(t, rates.before(t));
            }
            let log_predictive = forward.observe(observations.row(t));
            forward.prune(t);
            trace.push((log_predictive, if t > block.start { forward.newest(t) } else { 0.0 }));
        }
    }
    Ok(trace)
}

/// Subtracts the log of the sum, and returns it. Left alone where every weight is zero.
fn normalise(log_weight: &mut [f64]) -> f64 {
    let total = log_sum_exp(log_weight);
    if total.is_finite() {
        log_weight.iter_mut().for_each(|weight| *weight -= total);
    }
    total
}

/// A Beta prior of the hazard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BetaHazard {
    /// Pseudo-count of changes, positive.
    pub changes: f64,
    /// Pseudo-count of steps without a change, positive.
    pub stays: f64,
}

impl Default for BetaHazard {
    /// The uniform prior.
    fn default() -> Self {
        Self { changes: 1.0, stays: 1.0 }
    }
}

impl BetaHazard {
    /// Filters run length and number of changes together. Hypotheses (and numbers of changes within one) whose
    /// probability falls below `cutoff` are dropped; 0 keeps all.
    ///
    /// # Errors
    /// When a parameter is out of range, the observations or blocks do not fit, or the work was cancelled.
    pub fn learn<F: ConjugateFamily>(
        &self,
        family: &F,
        y: ArrayView2<'_, f64>,
        blocks: &Blocks,
        cutoff: f64,
        monitor: &Monitor,
    ) -> Result<OnlineHazard> {
        for (name, value) in [("Beta prior of the hazard, changes", self.changes), ("stays", self.stays)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::parameter(name, value, "positive and finite"));
            }
        }
        check_cutoff(cutoff)?;
        let observations = Observations::new(family, y)?;
        blocks.check_length(observations.len())?;
        let mut online = OnlineHazard::with_capacity(observations.len());
        let task = monitor.task("learn the hazard", observations.len() as u64);
        let mut places = 0.0;
        let mut counts = Counts { first: 0, probability: vec![1.0] };
        for block in blocks.ranges() {
            let mut forward = Forward::new(family, block.start, cutoff);
            let mut laws = vec![(block.start, counts)];
            for t in block.clone() {
                monitor.check().map_err(|_| Error::Cancelled)?;
                task.advance(1);
                if t > block.start {
                    self.transition(&mut forward, &mut laws, t, places);
                    places += 1.0;
                }
                let log_predictive = forward.observe(observations.row(t));
                forward.prune(t);
                if laws.len() > forward.starts.len() {
                    let mut alive = forward.starts.iter().peekable();
                    laws.retain(|(start, _)| alive.next_if_eq(&start).is_some());
                }
                laws.iter_mut().for_each(|(_, law)| law.trim(cutoff));
                let (mean, variance) = self.moments(&forward.weight, &laws, places);
                online.mean.push(mean);
                online.standard_deviation.push(variance.sqrt());
                online.change_probability.push(if t > block.start { forward.newest(t) } else { 0.0 });
                online.log_predictive.push(log_predictive);
                online.log_evidence += log_predictive;
            }
            counts = Counts::mixture(&forward.weight, &laws);
        }
        Ok(online)
    }

    /// Expected hazard after `count` changes in `places` places.
    fn expected(&self, count: usize, places: f64) -> f64 {
        (self.changes + count as f64) / (self.changes + self.stays + places)
    }

    /// Every hypothesis changes at the rate that its own numbers of changes make likely.
    fn transition<F: ConjugateFamily>(
        &self,
        forward: &mut Forward<'_, F>,
        laws: &mut Vec<(usize, Counts)>,
        t: usize,
        places: f64,
    ) {
        let mut rates = Vec::with_capacity(laws.len());
        let mut ended = Vec::with_capacity(laws.len());
        for (_, law) in laws.iter_mut() {
            let hazard = |n: usize| self.expected(law.first + n, places);
            let rate: f64 = law.probability.iter().enumerate().map(|(n, p)| p * hazard(n)).sum();
            let change: Vec<_> = law.probability.iter().enumerate().map(|(n, p)| p * hazard(n) / rate).collect();
            let stay = law.probability.iter().enumerate().map(|(n, p)| p * (1.0 - hazard(n)) / (1.0 - rate)).collect();
            ended.push((t, Counts { first: law.first + 1, probability: change }));
            law.probability = stay;
            rates.push(Rate::new(rate));
        }
        forward.transition(t, StepRates::Each(&rates));
        laws.push((t, Counts::mixture(&forward.ending, &ended)));
    }

    /// Mean and variance of the hazard.
    fn moments(&self, weights: &[f64], laws: &[(usize, Counts)], places: f64) -> (f64, f64) {
        let counts = Counts::mixture(weights, laws);
        let size = self.changes + self.stays + places;
        let terms = || counts.probability.iter().enumerate().map(|(n, p)| (p, self.expected(counts.first + n, places)));
        let mean: f64 = terms().map(|(p, h)| p * h).sum();
        // Variance of a Beta distribution with mean h, and of its mean over the counts.
        let variance = terms().map(|(p, h)| p * (h * (1.0 - h) / (size + 1.0) + (h - mean).powi(2))).sum();
        (mean, variance)
    }
}

/// Law of the number of changes under one hypothesis.
#[derive(Debug, Clone)]
struct Counts {
    first: usize,
    probability: Vec<f64>,
}

impl Counts {
    fn mixture(weights: &[f64], laws: &[(usize, Self)]) -> Self {
        let first = laws.iter().map(|(_, law)| law.first).min().unwrap_or(0);
        let end = laws.iter().map(|(_, law)| law.first + law.probability.len()).max().unwrap_or(first + 1);
        let mut probability = vec![0.0; end - first];
        for (&weight, (_, law)) in weights.iter().zip(laws) {
            let to = &mut probability[law.first - first..];
            to.iter_mut().zip(&law.probability).for_each(|(to, p)| *to += weight * p);
        }
        Self { first, probability }
    }

    /// Cuts tails below the cutoff and normalises.
    fn trim(&mut self, cutoff: f64) {
        let top = self.probability.iter().copied().fold(0.0, f64::max);
        let keeps = |p: &f64| *p > 0.0 && *p >= cutoff.min(top);
        let Some(low) = self.probability.iter().position(keeps) else { return };
        let high = self.probability.iter().rposition(keeps).unwrap_or(low);
        self.probability.truncate(high + 1);
        self.probability.drain(..low);
        self.first += low;
        let total: f64 = self.probability.iter().sum();
        self.probability.iter_mut().for_each(|p| *p /= total);
    }
}
