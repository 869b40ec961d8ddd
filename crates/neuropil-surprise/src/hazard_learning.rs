//! Learning a constant hazard from a whole recording.
//!
//! With `n` changes in `N` places where one could happen, `p(changes | h) = h^n (1 - h)^(N - n)` is an exponential
//! family in `theta = ln(h / (1 - h))`. Derivatives of the log evidence are therefore posterior moments of `n`:
//! `d lnZ / d theta = E[n | y] - N h` and `d2 lnZ / d theta2 = Var[n | y] - N h (1 - h)`, and both moments come from
//! one pass forwards. Expectation maximisation sets `h = E[n | y] / N`; a Newton step in theta is much faster near
//! the maximum and is used where it does better.

use std::ops::Range;

use ndarray::ArrayView2;
use neuropil_core::progress::Monitor;
use serde::{Deserialize, Serialize};

use crate::{
    blocks::Blocks,
    error::{Error, Result},
    family::ConjugateFamily,
    forward::Problem,
    hazard::{Rate, Rates},
    observations::Observations,
    smooth::{DEFAULT_CUTOFF, check_cutoff, per_block},
};

/// Log evidence of a constant hazard with its derivatives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HazardEvidence {
    /// The hazard.
    pub hazard: f64,
    /// `ln p(y | hazard)` in nats.
    pub log_evidence: f64,
    /// Its first derivative by the hazard.
    pub gradient: f64,
    /// Its second derivative by the hazard.
    pub curvature: f64,
    /// Expected number of changes given the data.
    pub expected_changes: f64,
    /// Variance of the number of changes given the data.
    pub change_variance: f64,
    /// Number of places where a change could happen.
    pub transitions: usize,
}

/// How the hazard is improved from one iteration to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HazardUpdate {
    /// Expectation maximisation only: slow and steady.
    ExpectationMaximisation,
    /// Newton's step in the log odds; expectation maximisation wherever that would not raise the evidence.
    #[default]
    Newton,
}

/// Settings of [`fit_hazard`].
#[derive(Debug, Clone)]
pub struct HazardFitOptions {
    /// The hazard to start from, in (0, 1).
    pub start: f64,
    /// How the hazard is improved.
    pub update: HazardUpdate,
    /// The fit has converged when the expected number of changes is this close to `hazard x transitions`.
    pub tolerance: f64,
    /// The largest number of updates.
    pub max_iterations: usize,
    /// Filtered probability below which a hypothesis is dropped.
    pub cutoff: f64,
    /// Progress (one task per pass over the data) and cancellation.
    pub monitor: Monitor,
}

impl Default for HazardFitOptions {
    fn default() -> Self {
        Self {
            start: 0.05,
            update: HazardUpdate::default(),
            tolerance: 1e-6,
            max_iterations: 200,
            cutoff: DEFAULT_CUTOFF,
            monitor: Monitor::silent(),
        }
    }
}

/// A hazard learned from data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HazardFit {
    /// The hazard with the highest evidence that was found.
    pub hazard: f64,
    /// Its standard error from the observed information; `None` where the evidence is not concave there.
    pub standard_error: Option<f64>,
    /// 95 % interval: plus and minus 1.96 standard errors in the log odds; `None` likewise.
    pub interval: Option<[f64; 2]>,
    /// Hazard after 0, 1, 2, ... iterations.
    pub hazards: Vec<f64>,
    /// Log evidence (nats) of each of them; never decreases.
    pub log_evidence: Vec<f64>,
    /// Expected number of changes at the fitted hazard.
    pub expected_changes: f64,
    /// Number of iterations.
    pub iterations: usize,
    /// Whether the tolerance was reached.
    pub converged: bool,
}

/// Log evidence of a constant hazard, its gradient and curvature, in one pass over the data.
///
/// `hazard` lies strictly between 0 and 1. Blocks (subjects, sessions) share the hazard.
///
/// # Errors
/// When a parameter is out of range, or the observations or blocks do not fit.
pub fn hazard_evidence<F: ConjugateFamily>(
    family: &F,
    y: ArrayView2<'_, f64>,
    blocks: &Blocks,
    hazard: f64,
    cutoff: f64,
) -> Result<HazardEvidence> {
    if !(hazard > 0.0 && hazard < 1.0) {
        return Err(Error::parameter("hazard", hazard, "in (0, 1) to have a gradient"));
    }
    check_cutoff(cutoff)?;
    let observations = Observations::new(family, y)?;
    blocks.check_length(observations.len())?;
    evidence(family, &observations, blocks, hazard, cutoff, &Monitor::silent())
}

/// [`hazard_evidence`] of checked input.
fn evidence<F: ConjugateFamily>(
    family: &F,
    observations: &Observations<'_>,
    blocks: &Blocks,
    hazard: f64,
    cutoff: f64,
    monitor: &Monitor,
) -> Result<HazardEvidence> {
    let rates = Rates::Constant(Rate::new(hazard));
    let task = monitor.task("learn the hazard", observations.len() as u64);
    let problem = Problem { family, observations, rates: &rates, cutoff, monitor, task };
    let parts = per_block(blocks, |block| moments(&problem, block))?;
    let total = parts.iter().fold(Moments::default(), |sum, part| Moments {
        log_evidence: sum.log_evidence + part.log_evidence,
        mean: sum.mean + part.mean,
        variance: sum.variance + part.variance,
    });
    let (places, spread) = (blocks.transitions() as f64, hazard * (1.0 - hazard));
    let score = total.mean - places * hazard;
    Ok(HazardEvidence {
        hazard,
        log_evidence: total.log_evidence,
        gradient: score / spread,
        // The second derivative by theta, carried over to the hazard by the chain rule.
        curvature: (total.variance - places * spread - score * (1.0 - 2.0 * hazard)) / (spread * spread),
        expected_changes: total.mean,
        change_variance: total.variance,
        transitions: blocks.transitions(),
    })
}

/// The constant hazard with the highest evidence.
///
/// At least one block with two observations is needed. Without any sign of a change the evidence grows towards
/// hazard 0; the fit then converges to a hazard close to 0.
///
/// # Errors
/// When a parameter is out of range, the observations or blocks do not fit, or the work was cancelled.
pub fn fit_hazard<F: ConjugateFamily>(
    family: &F,
    y: ArrayView2<'_, f64>,
    blocks: &Blocks,
    options: &HazardFitOptions,
) -> Result<HazardFit> {
    if !(options.start > 0.0 && options.start < 1.0) {
        return Err(Error::parameter("the hazard to start from", options.start, "in (0, 1)"));
    }
    if options.tolerance.is_nan() || options.tolerance <= 0.0 {
        return Err(Error::parameter("tolerance", options.tolerance, "positive"));
    }
    check_cutoff(options.cutoff)?;
    let observations = Observations::new(family, y)?;
    blocks.check_length(observations.len())?;
    if blocks.transitions() == 0 {
        let what = "learning the hazard";
        let got = blocks.length();
        // A change needs an observation before it in the same block.
        return Err(match blocks.count() {
            0 | 1 => Error::TooFew { what, needed: 2, got },
            n => Error::parameter(
                format!("the longest of the {n} blocks"),
                "1 observation",
                "at least 2 observations long to learn the hazard",
            ),
        });
    }
    let evaluate = |hazard: f64| evidence(family, &observations, blocks, hazard, options.cutoff, &options.monitor);
    let mut current = evaluate(options.start)?;
    let (mut hazards, mut log_evidence) = (vec![current.hazard], vec![current.log_evidence]);
    let mut iterations = 0;
    while !current.is_maximum(options.tolerance) && iterations < options.max_iterations {
        let newton = match options.update {
            HazardUpdate::Newton => current.newton().map(evaluate).transpose()?,
            HazardUpdate::ExpectationMaximisation => None,
        };
        let next = match newton.filter(|next| next.log_evidence > current.log_evidence) {
            Some(next) => next,
            None => evaluate(current.expectation_maximisation())?,
        };
        if next.log_evidence < current.log_evidence || next.hazard == current.hazard {
            // Only rounding is left: the evidence of an update can no longer be told from that before it.
            break;
        }
        current = next;
        iterations += 1;
        hazards.push(current.hazard);
        log_evidence.push(current.log_evidence);
    }
    let information = current.information();
    let spread = current.hazard * (1.0 - current.hazard);
    let log_odds = (current.hazard / (1.0 - current.hazard)).ln();
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let standard_error = (information > 0.0).then(|| 1.0 / information.sqrt());
    Ok(HazardFit {
        hazard: current.hazard,
        standard_error: standard_error.map(|error| error * spread),
        interval: standard_error.map(|error| [logistic(log_odds - 1.96 * error), logistic(log_odds + 1.96 * error)]),
        hazards,
        log_evidence,
        expected_changes: current.expected_changes,
        iterations,
        // Where only rounding is left, the score is known to no better than the rounding of the evidence.
        converged: current.is_maximum(options.tolerance.max(1e-12 * current.log_evidence.abs())),
    })
}

impl HazardEvidence {
    /// Derivative of the log evidence by the log odds.
    fn score(&self) -> f64 {
        self.expected_changes - self.transitions as f64 * self.hazard
    }

    /// Minus the second derivative by the log odds.
    fn information(&self) -> f64 {
        self.transitions as f64 * self.hazard * (1.0 - self.hazard) - self.change_variance
    }

    fn is_maximum(&self, tolerance: f64) -> bool {
        self.score().abs() <= tolerance
    }

    /// Newton's step in the log odds, at most 2 long; `None` where the evidence is not concave.
    fn newton(&self) -> Option<f64> {
        let information = self.information();
        if information <= 0.0 {
            return None;
        }
        let log_odds = (self.hazard / (1.0 - self.hazard)).ln() + (self.score() / information).clamp(-2.0, 2.0);
        Some(1.0 / (1.0 + (-log_odds).exp())).filter(|hazard| *hazard > 0.0 && *hazard < 1.0)
    }

    fn expectation_maximisation(&self) -> f64 {
        // Rounding must not reach the limits, where the gradient ends.
        (self.expected_changes / self.transitions as f64).clamp(f64::MIN_POSITIVE, 1.0 - f64::EPSILON)
    }
}

/// Log evidence of a block, and mean and variance of the number of changes in it.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    log_evidence: f64,
    mean: f64,
    variance: f64,
}

fn moments<F: ConjugateFamily>(problem: &Problem<'_, '_, F>, block: Range<usize>) -> Result<Moments> {
    let begin = block.start;
    let mut forward = problem.start(begin);
    // By start: mean and variance of the number of changes up to it, given that a segment starts there.
    let mut mean = vec![0.0; block.len()];
    let mut variance = vec![0.0; block.len()];
    let mut log_evidence = 0.0;
    for t in block.clone() {
        if t > begin {
            let rates = problem.rates.before(t);
            forward.end_before(t, rates);
            let (m, v) = mixed(&forward.starts, &forward.ending, begin, &mean, &variance);
            (mean[t - begin], variance[t - begin]) = (m + 1.0, v);
        }
        log_evidence += problem.step(&mut forward, begin, t)?;
    }
    let (mean, variance) = mixed(&forward.starts, &forward.weight, begin, &mean, &variance);
    Ok(Moments { log_evidence, mean, variance })
}

fn mixed(starts: &[usize], weights: &[f64], begin: usize, mean: &[f64], variance: &[f64]) -> (f64, f64) {
    let parts = || starts.iter().map(|start| start - begin).zip(weights);
    let centre: f64 = parts().map(|(s, weight)| weight * mean[s]).sum();
    let spread = parts().map(|(s, weight)| weight * (variance[s] + (mean[s] - centre).powi(2))).sum();
    (centre, spread)
}
