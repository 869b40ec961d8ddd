//! The exact filter over segment starts, the one recursion behind smoothing, segmentation and hazard learning.
//!
//! A hypothesis says where the current segment started. After observation `t` hypothesis `s` has the weight
//! `P(start = s | y_1..y_t)`, kept in log space so that it can recover from any surprise. The same weights give
//! the whole posterior backwards: if a segment ends at `t`, then, because a change forgets the past,
//!
//! `P(segment started at s | it ends at t, y) = w_t(s) h(t + 1, t + 1 - s) / sum over s' of the same`
//!
//! does not depend on later data. These ending weights turn smoothing and sampling into sums of positive numbers.

use std::ops::Range;

use neuropil_core::{
    dispatch,
    progress::{Monitor, Task},
    vector,
};

use crate::{
    error::{Error, Result},
    family::{BeliefBank, ConjugateFamily},
    hazard::{Rates, StepRates},
    observations::Observations,
};

/// A hypothesis is not dropped before it has seen this many observations: a true change may look unlikely at first.
const GRACE: usize = 8;

/// The filter of one block, after some observation.
#[derive(Debug, Clone)]
pub(crate) struct Forward<'a, F: ConjugateFamily> {
    family: &'a F,
    prior: F::Belief,
    cutoff: f64,
    /// Beliefs of the hypotheses.
    pub bank: F::Bank,
    /// First observation of the current segment under each hypothesis, ascending.
    pub starts: Vec<usize>,
    /// `P(start | y so far)`.
    pub weight: Vec<f64>,
    log_weight: Vec<f64>,
    /// Log predictive of the last observation under each hypothesis, before pruning; 0 where it was missing.
    pub log_predictive: Vec<f64>,
    /// The ending weights of the module documentation, of the hypotheses before the last transition.
    pub ending: Vec<f64>,
    /// Weight dropped by pruning, summed over the steps.
    pub dropped: f64,
}

impl<'a, F: ConjugateFamily> Forward<'a, F> {
    /// One hypothesis: a segment starts at `begin`, and nothing has been observed.
    pub fn new(family: &'a F, begin: usize, cutoff: f64) -> Self {
        let prior = family.prior();
        let mut bank = F::Bank::new(family);
        bank.push(family, &prior);
        Self {
            family,
            prior,
            cutoff,
            bank,
            starts: vec![begin],
            weight: vec![1.0],
            log_weight: vec![0.0],
            log_predictive: vec![0.0],
            ending: Vec::new(),
            dropped: 0.0,
        }
    }

    /// Fills [`ending`](Self::ending) for segments that end before `t` and returns `P(change at t | y before t)`.
    pub fn end_before(&mut self, t: usize, rates: StepRates<'_>) -> f64 {
        self.ending.clear();
        if let StepRates::Same(rate) = rates {
            self.ending.extend_from_slice(&self.weight);
            return rate.change;
        }
        for (k, (&start, &weight)) in self.starts.iter().zip(&self.weight).enumerate() {
            self.ending.push(weight * rates.get(k, t - start).change);
        }
        let mass: f64 = self.ending.iter().sum();
        if mass > 0.0 {
            self.ending.iter_mut().for_each(|weight| *weight /= mass);
        }
        mass.min(1.0)
    }

    /// Time passes before observation `t`: every segment may end, and then a new one starts at `t`.
    pub fn transition(&mut self, t: usize, rates: StepRates<'_>) {
        let mass = self.end_before(t, rates);
        for (k, (&start, log_weight)) in self.starts.iter().zip(&mut self.log_weight).enumerate() {
            *log_weight += rates.get(k, t - start).log_stay;
        }
        if mass > 0.0 {
            self.bank.push(self.family, &self.prior);
            self.starts.push(t);
            self.weight.push(0.0);
            self.log_weight.push(mass.ln());
        }
    }

    /// Bayes' rule for the weights and all beliefs; returns `ln p(y_t | y before t)`. Minus infinity (and unchanged
    /// weights) where the observation is impossible in f64 under every hypothesis.
    pub fn observe(&mut self, row: Option<&[f64]>) -> f64 {
        self.log_predictive.clear();
        self.log_predictive.resize(self.starts.len(), 0.0);
        let mut possible = true;
        if let Some(row) = row {
            self.bank.score_and_update(self.family, row, &mut self.log_predictive);
            // The weights are overwritten below; until then they hold the new log weights.
            possible = add(&self.log_weight, &self.log_predictive, &mut self.weight) > f64::NEG_INFINITY;
            if possible {
                self.log_weight.copy_from_slice(&self.weight);
            }
        }
        let top = largest(&self.log_weight);
        let sum = exponentials(&self.log_weight, top, &mut self.weight);
        let log_sum = top + sum.ln();
        let scale = 1.0 / sum;
        for (weight, log_weight) in self.weight.iter_mut().zip(&mut self.log_weight) {
            *weight *= scale;
            *log_weight -= log_sum;
        }
        match row {
            None => 0.0,
            Some(_) if possible => log_sum,
            Some(_) => f64::NEG_INFINITY,
        }
    }

    /// Drops impossible hypotheses, and those below the cutoff that are older than the grace period.
    pub fn prune(&mut self, t: usize) {
        let top = self.weight.iter().copied().fold(0.0, f64::max);
        let cutoff = self.cutoff.min(top);
        let keeps = |start: usize, weight: f64, log_weight: f64| {
            log_weight > f64::NEG_INFINITY && (weight >= cutoff || t - start < GRACE)
        };
        let alive = self.starts.len();
        if (0..alive).all(|k| keeps(self.starts[k], self.weight[k], self.log_weight[k])) {
            return;
        }
        let mut kept = Vec::with_capacity(alive);
        let mut dropped = 0.0;
        for k in 0..alive {
            if keeps(self.starts[k], self.weight[k], self.log_weight[k]) {
                let to = kept.len();
                kept.push(k);
                self.starts[to] = self.starts[k];
                self.weight[to] = self.weight[k];
                self.log_weight[to] = self.log_weight[k];
            } else {
                dropped += self.weight[k];
            }
        }
        self.starts.truncate(kept.len());
        self.weight.truncate(kept.len());
        self.log_weight.truncate(kept.len());
        self.bank.gather(&kept);
        if dropped > 0.0 {
            self.dropped += dropped;
            let (scale, shift) = (1.0 / (1.0 - dropped), (-dropped).ln_1p());
            self.weight.iter_mut().for_each(|weight| *weight *= scale);
            self.log_weight.iter_mut().for_each(|log_weight| *log_weight -= shift);
        }
    }

    /// Probability that the current segment started at `t`, the last observation.
    pub fn newest(&self, t: usize) -> f64 {
        if self.starts.last() == Some(&t) { self.weight[self.weight.len() - 1] } else { 0.0 }
    }
}

dispatch! {
    /// Writes the sums and returns the largest.
    fn add = add_body(a: &[f64], b: &[f64], sums: &mut [f64]) -> f64;
}
dispatch! {
    fn largest = largest_body(values: &[f64]) -> f64;
}
dispatch! {
    /// Writes `exp(value - top)` and returns the sum.
    fn exponentials = exponentials_body(values: &[f64], top: f64, out: &mut [f64]) -> f64;
}

#[inline(always)]
fn add_body<const FMA: bool>(a: &[f64], b: &[f64], sums: &mut [f64]) -> f64 {
    for ((a, b), sum) in a.iter().zip(b).zip(&mut *sums) {
        *sum = a + b;
    }
    vector::max(sums)
}

#[inline(always)]
fn largest_body<const FMA: bool>(values: &[f64]) -> f64 {
    vector::max(values)
}

#[inline(always)]
fn exponentials_body<const FMA: bool>(values: &[f64], top: f64, out: &mut [f64]) -> f64 {
    for (value, out) in values.iter().zip(&mut *out) {
        *out = vector::exp::<FMA>(value - top);
    }
    vector::sum(out.len(), |i| out[i])
}

/// Steps between two looks at the cancel token, and between two reports of progress.
const REPORT: usize = 256;

/// A checked problem: what all passes over the data share.
#[derive(Debug)]
pub(crate) struct Problem<'a, 'd, F: ConjugateFamily> {
    pub family: &'a F,
    pub observations: &'a Observations<'d>,
    pub rates: &'a Rates<'a>,
    pub cutoff: f64,
    pub monitor: &'a Monitor,
    pub task: Task,
}

/// What a pass learned about the whole block.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pass {
    pub log_evidence: f64,
    pub dropped: f64,
}

/// All segments that end at one observation.
#[derive(Debug)]
pub(crate) struct Ending<'a> {
    /// The last observation of the segments.
    pub end: usize,
    /// Where they start, ascending.
    pub starts: &'a [usize],
    /// `P(start | a segment ends here, y)`.
    pub weight: &'a [f64],
    /// Posterior mean of the estimate after each whole segment, one row of the estimate's width per start.
    pub mean: &'a [f64],
    /// Posterior variance, likewise.
    pub variance: &'a [f64],
}

/// Whether a backward pass needs the beliefs of the segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Estimates {
    Skip,
    Include,
}

impl<'a, F: ConjugateFamily> Problem<'a, '_, F> {
    /// The filter at the start of a block.
    pub fn start(&self, begin: usize) -> Forward<'a, F> {
        Forward::new(self.family, begin, self.cutoff)
    }

    /// One step of the filter of the block that starts at `begin`.
    pub fn step(&self, forward: &mut Forward<'a, F>, begin: usize, t: usize) -> Result<f64> {
        self.report(t)?;
        if t > begin {
            forward.transition(t, self.rates.before(t));
        }
        let log_predictive = forward.observe(self.observations.row(t));
        forward.prune(t);
        Ok(log_predictive)
    }

    /// Reports the progress of a step, and ends the work where it was cancelled.
    pub fn report(&self, t: usize) -> Result<()> {
        if t.is_multiple_of(REPORT) {
            self.monitor.check().map_err(|_| Error::Cancelled)?;
            self.task.advance(REPORT.min(self.observations.len() - t) as u64);
        }
        Ok(())
    }

    /// Visits the endings of a block from the last observation to the first.
    ///
    /// The filter is run once with a checkpoint every `sqrt(T)` steps and then repeated from each checkpoint, the
    /// last one first, so that memory grows with `K sqrt(T)` and not with `K T` (K hypotheses are alive).
    pub fn backward(
        &self,
        block: Range<usize>,
        estimates: Estimates,
        mut visit: impl FnMut(&Ending<'_>),
    ) -> Result<Pass> {
        let stride = (block.len() as f64).sqrt().ceil() as usize;
        let mut checkpoints = Vec::new();
        let mut forward = self.start(block.start);
        let mut log_evidence = 0.0;
        for t in block.clone() {
            if (t - block.start).is_multiple_of(stride) {
                checkpoints.push((t, forward.clone()));
            }
            log_evidence += self.step(&mut forward, block.start, t)?;
        }
        let pass = Pass { log_evidence, dropped: forward.dropped };
        let mut stretch = Stretch::new(self.family.estimate_width());
        while let Some((from, mut forward)) = checkpoints.pop() {
            stretch.clear();
            let to = (from + stride).min(block.end);
            for t in from..to {
                self.step(&mut forward, block.start, t)?;
                if t + 1 < block.end {
                    forward.end_before(t + 1, self.rates.before(t + 1));
                } else {
                    forward.ending.clone_from(&forward.weight);
                }
                stretch.push(self.family, &forward, estimates);
            }
            for t in (from..to).rev() {
                visit(&stretch.ending(t, t - from));
            }
        }
        Ok(pass)
    }
}

/// The endings between two checkpoints, one after the other.
struct Stretch {
    width: usize,
    offsets: Vec<usize>,
    starts: Vec<usize>,
    weight: Vec<f64>,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl Stretch {
    fn new(width: usize) -> Self {
        let (starts, weight, mean, variance) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { width, offsets: vec![0], starts, weight, mean, variance }
    }

    fn clear(&mut self) {
        self.offsets.truncate(1);
        self.starts.clear();
        self.weight.clear();
        self.mean.clear();
        self.variance.clear();
    }

    fn push<F: ConjugateFamily>(&mut self, family: &F, forward: &Forward<'_, F>, estimates: Estimates) {
        self.starts.extend_from_slice(&forward.starts);
        self.weight.extend_from_slice(&forward.ending);
        if estimates == Estimates::Include {
            let mut at = self.mean.len();
            self.mean.resize(self.starts.len() * self.width, 0.0);
            self.variance.resize(self.starts.len() * self.width, 0.0);
            for k in 0..forward.starts.len() {
                let belief = forward.bank.get(family, k);
                family.mean(&belief, &mut self.mean[at..at + self.width]);
                family.variance(&belief, &mut self.variance[at..at + self.width]);
                at += self.width;
            }
        }
        self.offsets.push(self.starts.len());
    }

    fn ending(&self, end: usize, index: usize) -> Ending<'_> {
        let range = self.offsets[index]..self.offsets[index + 1];
        let values = if self.mean.is_empty() { 0..0 } else { range.start * self.width..range.end * self.width };
        Ending {
            end,
            starts: &self.starts[range.clone()],
            weight: &self.weight[range],
            mean: &self.mean[values.clone()],
            variance: &self.variance[values],
        }
    }
}
