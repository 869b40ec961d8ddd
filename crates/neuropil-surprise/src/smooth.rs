//! Exact offline inference: what all the data say about every moment.
//!
//! With the ending weights `u_e(s) = P(segment starts at s | it ends at e, y)` of the filter and
//! `C_t = P(a segment starts at t | y)`, the probability of the segment from `s` to `e` is `C_(e+1) u_e(s)` (with
//! `C = 1` after the last observation). Going backwards through `e` gives all of them, and with them
//! `C_t = sum over e of P(t..e)` and the mixture of the segments' beliefs at every `t`. This is the forward-backward
//! recursion over segments (Barry and Hartigan 1992; Fearnhead 2006) in a form without subtractions.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};
use neuropil_core::{progress::Monitor, threads};
use rayon::prelude::*;

use crate::{
    blocks::Blocks,
    error::{Error, Result},
    family::ConjugateFamily,
    forward::{Ending, Estimates, Pass, Problem},
    hazard::{Hazard, Rates},
    observations::Observations,
};

/// Filtered probability below which a hypothesis about the last change is dropped.
pub const DEFAULT_CUTOFF: f64 = 1e-12;

/// Contributions below this probability cannot change a sum of order one in f64.
const NEGLIGIBLE: f64 = 1e-22;

/// Exact inference over a whole recording, under a family and a hazard.
///
/// ```
/// use ndarray::array;
/// use neuropil_surprise::{blocks::Blocks, family::Gaussian, smooth::Offline};
///
/// let y = array![[0.5], [-0.3], [1.2], [4.0], [3.8]];
/// let model = Offline::new(Gaussian::default(), 0.1);
/// let smoothing = model.smooth(y.view(), &Blocks::single(5)).unwrap();
/// assert!((smoothing.change_probability[3] - 0.4602783101).abs() < 1e-9);
/// ```
#[derive(Debug, Clone)]
pub struct Offline<F: ConjugateFamily> {
    /// What is observed and what is believed before any observation.
    pub family: F,
    /// Probability of a change.
    pub hazard: Hazard,
    /// Hypotheses with a smaller filtered probability are dropped (not during their first 8 observations). 0 keeps
    /// all of them: exact to rounding, with time quadratic in the number of observations.
    pub cutoff: f64,
    /// Progress and cancellation.
    pub monitor: Monitor,
}

/// What all observations together say about every moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Smoothing {
    /// Expected value of the estimated parameter, observations x estimate width.
    pub mean: Array2<f64>,
    /// Its posterior variance, observations x estimate width.
    pub variance: Array2<f64>,
    /// `P(c_t = 1 | all y)`: probability that observation `t` is the first after a change. 0 at the first
    /// observation of a block: a segment starts there in any case, which is not a change.
    pub change_probability: Vec<f64>,
    /// Expected number of changes: the sum of `change_probability`.
    pub expected_changes: f64,
    /// `ln p(y)`, in nats.
    pub log_evidence: f64,
    /// Filtered probability that was dropped, summed over the steps; 0 when `cutoff` is 0.
    pub dropped_mass: f64,
}

impl<F: ConjugateFamily> Offline<F> {
    /// A model with the default cutoff of 1e-12.
    pub fn new(family: F, hazard: impl Into<Hazard>) -> Self {
        Self { family, hazard: hazard.into(), cutoff: DEFAULT_CUTOFF, monitor: Monitor::silent() }
    }

    /// Replaces the cutoff.
    #[must_use]
    pub fn with_cutoff(mut self, cutoff: f64) -> Self {
        self.cutoff = cutoff;
        self
    }

    /// Reports progress to a monitor, and stops when it is cancelled.
    #[must_use]
    pub fn with_monitor(mut self, monitor: Monitor) -> Self {
        self.monitor = monitor;
        self
    }

    /// Checks the family, the hazard and the cutoff.
    ///
    /// # Errors
    /// Names the first parameter that is out of range.
    pub fn validate(&self) -> Result<()> {
        self.family.validate()?;
        self.hazard.validate()?;
        check_cutoff(self.cutoff)
    }

    /// `ln p(y)` in nats: one pass forwards.
    ///
    /// `y` has one row per observation; a row with a NaN is missing.
    ///
    /// # Errors
    /// As [`smooth`](Self::smooth).
    pub fn log_evidence(&self, y: ArrayView2<'_, f64>, blocks: &Blocks) -> Result<f64> {
        self.with_problem("log evidence", 1, y, blocks, |problem| {
            let parts = per_block(blocks, |block| {
                let mut forward = problem.start(block.start);
                block.clone().map(|t| problem.step(&mut forward, block.start, t)).sum::<Result<f64>>()
            })?;
            Ok(parts.iter().sum())
        })
    }

    /// Smoothed mean, variance and change probability at every observation.
    ///
    /// `y` has one row per observation; a row with a NaN is missing: no belief learns from it, but a change can
    /// happen. Blocks are independent and are worked on in parallel. Time O(T K) and memory O(K sqrt(T)) for `T`
    /// observations and `K` hypotheses above the cutoff.
    ///
    /// # Errors
    /// When a parameter is out of range, there is no observation, one cannot belong to the family, the blocks or a
    /// hazard per step do not cover the observations, or the work was cancelled.
    pub fn smooth(&self, y: ArrayView2<'_, f64>, blocks: &Blocks) -> Result<Smoothing> {
        let width = self.family.estimate_width();
        self.with_problem("smooth", 2, y, blocks, |problem| {
            let parts = per_block(blocks, |block| smooth_block(problem, block, width))?;
            let mut smoothing = Smoothing {
                mean: Array2::zeros((blocks.length(), width)),
                variance: Array2::zeros((blocks.length(), width)),
                change_probability: Vec::with_capacity(blocks.length()),
                expected_changes: 0.0,
                log_evidence: 0.0,
                dropped_mass: 0.0,
            };
            for (block, (mixture, pass)) in blocks.ranges().zip(parts) {
                smoothing.mean.slice_mut(s![block.clone(), ..]).assign(&mixture.mean);
                smoothing.variance.slice_mut(s![block, ..]).assign(&mixture.variance);
                smoothing.change_probability.extend(mixture.change_probability);
                smoothing.log_evidence += pass.log_evidence;
                smoothing.dropped_mass += pass.dropped;
            }
            smoothing.expected_changes = smoothing.change_probability.iter().sum();
            Ok(smoothing)
        })
    }

    /// `P(c_t = 1 | all y)` at every observation, as in [`Smoothing::change_probability`], without the estimates.
    ///
    /// # Errors
    /// As [`smooth`](Self::smooth).
    pub fn change_probability(&self, y: ArrayView2<'_, f64>, blocks: &Blocks) -> Result<Vec<f64>> {
        self.with_problem("change probability", 2, y, blocks, |problem| {
            Ok(per_block(blocks, |block| change_probability(problem, block))?.concat())
        })
    }

    /// Checks everything and hands the checked problem to `work`, which passes over the data `passes` times.
    pub(crate) fn with_problem<R>(
        &self,
        label: &str,
        passes: u64,
        y: ArrayView2<'_, f64>,
        blocks: &Blocks,
        work: impl FnOnce(&Problem<'_, '_, F>) -> Result<R>,
    ) -> Result<R> {
        self.validate()?;
        let observations = Observations::new(&self.family, y)?;
        blocks.check_length(observations.len())?;
        self.hazard.validate_for(observations.len())?;
        let longest = blocks.ranges().map(|block| block.len()).max().unwrap_or(1);
        let rates = Rates::new(&self.hazard, longest);
        work(&Problem {
            family: &self.family,
            observations: &observations,
            rates: &rates,
            cutoff: self.cutoff,
            monitor: &self.monitor,
            task: self.monitor.task(label, passes * observations.len() as u64),
        })
    }
}

pub(crate) fn check_cutoff(cutoff: f64) -> Result<()> {
    if (0.0..=1e-2).contains(&cutoff) { Ok(()) } else { Err(Error::parameter("cutoff", cutoff, "in [0, 0.01]")) }
}

/// Applies `work` to every block, in parallel, and keeps their order.
pub(crate) fn per_block<R: Send>(
    blocks: &Blocks,
    work: impl Fn(Range<usize>) -> Result<R> + Send + Sync,
) -> Result<Vec<R>> {
    let ranges: Vec<_> = blocks.ranges().collect();
    match ranges.len() {
        1 => ranges.into_iter().map(work).collect(),
        _ => threads::install(|| ranges.into_par_iter().map(work).collect()),
    }
}

/// `P(c_t = 1 | y)` in one block; 0 at its first observation.
pub(crate) fn change_probability<F: ConjugateFamily>(
    problem: &Problem<'_, '_, F>,
    block: Range<usize>,
) -> Result<Vec<f64>> {
    let begin = block.start;
    let mut started = vec![0.0; block.len()];
    let mut ends = 1.0;
    problem.backward(block, Estimates::Skip, |ending| {
        for (&start, &weight) in ending.starts.iter().zip(ending.weight) {
            started[start - begin] += ends * weight;
        }
        ends = started[ending.end - begin];
    })?;
    started[0] = 0.0;
    Ok(started)
}

/// The smoothed estimates of one block.
struct Mixture {
    mean: Array2<f64>,
    variance: Array2<f64>,
    change_probability: Vec<f64>,
}

fn smooth_block<F: ConjugateFamily>(
    problem: &Problem<'_, '_, F>,
    block: Range<usize>,
    width: usize,
) -> Result<(Mixture, Pass)> {
    let begin = block.start;
    let mut segments = Segments::new(block.len(), width);
    let mut mixture = Mixture {
        mean: Array2::zeros((block.len(), width)),
        variance: Array2::zeros((block.len(), width)),
        change_probability: Vec::new(),
    };
    let mut ends = 1.0;
    let pass = problem.backward(block, Estimates::Include, |ending| {
        segments.add(begin, ends, ending);
        let row = ending.end - begin;
        for d in 0..width {
            (mixture.mean[[row, d]], mixture.variance[[row, d]]) = segments.moments(begin, ending.starts, d);
        }
        ends = segments.probability[row];
    })?;
    mixture.change_probability = segments.probability;
    mixture.change_probability[0] = 0.0;
    Ok((mixture, pass))
}

/// For every start `s`, the mixture of the beliefs of the segments `s..e` with `e >= t`, as `t` decreases.
struct Segments {
    width: usize,
    probability: Vec<f64>,
    mean: Vec<f64>,
    /// Probability times variance around `mean`.
    scatter: Vec<f64>,
}

impl Segments {
    fn new(length: usize, width: usize) -> Self {
        Self {
            width,
            probability: vec![0.0; length],
            mean: vec![0.0; length * width],
            scatter: vec![0.0; length * width],
        }
    }

    /// Adds the segments that end at `ending.end`, when one ends there with probability `ends`.
    fn add(&mut self, begin: usize, ends: f64, ending: &Ending<'_>) {
        for (k, (&start, &weight)) in ending.starts.iter().zip(ending.weight).enumerate() {
            let added = ends * weight;
            if added < NEGLIGIBLE {
                continue;
            }
            let index = start - begin;
            let before = self.probability[index];
            let total = before + added;
            let share = added / total;
            self.probability[index] = total;
            for d in 0..self.width {
                let (mean, variance) = (ending.mean[k * self.width + d], ending.variance[k * self.width + d]);
                let at = index * self.width + d;
                // The pooled mean and scatter of two groups (Chan, Golub and LeVeque 1983).
                let distance = mean - self.mean[at];
                if distance.is_finite() {
                    self.mean[at] += share * distance;
                    self.scatter[at] += added * variance + before * share * distance * distance;
                } else {
                    // A belief without a finite mean has no finite variance either.
                    self.mean[at] = if self.mean[at].is_finite() { mean } else { self.mean[at] };
                    self.scatter[at] = f64::INFINITY;
                }
            }
        }
    }

    /// Mean and variance of component `d` of the mixture over the starts.
    fn moments(&self, begin: usize, starts: &[usize], d: usize) -> (f64, f64) {
        let known = || starts.iter().map(|start| start - begin).filter(|&index| self.probability[index] > 0.0);
        let total: f64 = known().map(|index| self.probability[index]).sum();
        let sum: f64 = known().map(|index| self.probability[index] * self.mean[index * self.width + d]).sum();
        let mean = sum / total;
        if !mean.is_finite() {
            return (mean, f64::INFINITY);
        }
        let scatter: f64 = known()
            .map(|index| {
                let at = index * self.width + d;
                self.scatter[at] + self.probability[index] * (self.mean[at] - mean).powi(2)
            })
            .sum();
        (mean, scatter / total)
    }
}
