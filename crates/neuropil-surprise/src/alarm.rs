//! Alarms with a wanted rate of false alarms.
//!
//! A statistic is computed after each observation; an alarm is raised where it reaches the threshold, and then not again
//! for a refractory period. [`calibration`](crate::calibration) finds the threshold for a wanted rate of false alarms.

use ndarray::ArrayView2;
use neuropil_core::progress::Monitor;
use neuropil_core::provenance::Provenance;
use neuropil_core::random::Seed;
use neuropil_core::{statistics, threads};
use rand::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::calibration::Threshold;
use crate::dispatch::for_learner;
use crate::error::{Error, Result};
use crate::family::ConjugateFamily;
use crate::filter::check_rows;
use crate::hazard::Hazard;
use crate::learner::Learner;
use crate::method::Method;
use crate::model::ChangePointLearner;
use crate::run_length::{RunLengthFilter, Truncation};
use crate::simulate::simulate;

/// What is compared with the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "name")]
pub enum Statistic {
    /// Posterior probability that the last change happened within the last `window` observations. For the learners
    /// over run lengths (exact, mp, sor).
    RecentChange {
        /// Number of observations, the newest included; at least 1.
        window: u64,
    },
    /// The adaptation rate of the observation: for Bayesian learners the probability of a change just before it.
    AdaptationRate,
    /// Logarithm of the Bayes Factor surprise of the observation.
    LogBayesFactor,
}

/// When alarms are raised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// What is compared with the threshold.
    pub statistic: Statistic,
    /// Number of observations after an alarm in which no other is raised.
    pub refractory: usize,
}

/// Alarms along a sequence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarms {
    /// 0-based indices of the observations that raised an alarm.
    pub indices: Vec<usize>,
    /// The statistic after each observation; at a missing one that of the passing time.
    pub statistic: Vec<f64>,
    /// The threshold.
    pub threshold: f64,
    /// Version, seed, parameters and a hash of the input.
    pub provenance: Provenance,
}

/// How alarms do on streams with one change in the middle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// Share of streams with an alarm within the horizon after the change.
    pub hit_rate: f64,
    /// Its 95 % Wilson interval.
    pub hit_interval: (f64, f64),
    /// Mean number of observations from the first changed one to the first alarm, over the hits (0: at once).
    pub mean_delay: Option<f64>,
    /// Median of the same.
    pub median_delay: Option<f64>,
    /// Alarms per observation before the change.
    pub false_alarm_rate: f64,
    /// Version, seed and parameters.
    pub provenance: Provenance,
}

impl Rule {
    pub(crate) fn validate(&self, model: &ChangePointLearner) -> Result<()> {
        model.validate()?;
        if let Statistic::RecentChange { window } = self.statistic {
            if window == 0 {
                return Err(Error::parameter("window", 0, "at least 1"));
            }
            if truncation(&model.method).is_none() {
                let allowed = "exact, mp or sor, which hold run lengths (or take the adaptation rate as the statistic)";
                return Err(Error::parameter(
                    "the method of an alarm on a recent change",
                    model.method.name(),
                    allowed,
                ));
            }
        }
        if !self.is_defined(&model.method) {
            return Err(Error::parameter("the method of an alarm", model.method.name(), "one that has a surprise"));
        }
        Ok(())
    }

    fn is_defined(&self, method: &Method) -> bool {
        !matches!(method, Method::Leaky { .. })
    }

    /// Where a statistic raises alarms at a threshold.
    #[must_use]
    pub fn alarms(&self, statistic: &[f64], threshold: f64) -> Vec<usize> {
        let mut indices = Vec::new();
        let mut next = 0;
        for (t, &value) in statistic.iter().enumerate() {
            if t >= next && value >= threshold {
                indices.push(t);
                next = t + 1 + self.refractory;
            }
        }
        indices
    }
}

/// How the learners over run lengths truncate; `None` for the others.
fn truncation(method: &Method) -> Option<Truncation> {
    match *method {
        Method::Exact { cutoff, max_run_length, max_hypotheses } => {
            Some(Truncation::Prune { cutoff, max_run_length, max_hypotheses })
        }
        Method::MessagePassing { n, overflow, protect } => Some(Truncation::Keep { n, overflow, protect }),
        Method::StratifiedResampling { n, threshold } => Some(Truncation::Resample { n, threshold }),
        _ => None,
    }
}

/// A learner that says after each observation what an alarm looks at.
pub(crate) enum Watcher<F: ConjugateFamily> {
    RunLengths(Box<RunLengthFilter<F>>, u64),
    Scores(Box<dyn Learner<F>>, Statistic),
}

impl<F: ConjugateFamily> Watcher<F> {
    pub(crate) fn new(
        model: &ChangePointLearner,
        family: &F,
        rule: &Rule,
        make: impl Fn(&Hazard) -> Result<Box<dyn Learner<F>>>,
    ) -> Result<Self> {
        if let (Statistic::RecentChange { window }, Some(truncation)) = (rule.statistic, truncation(&model.method)) {
            let filter = RunLengthFilter::new(family.clone(), model.hazard.clone(), truncation, model.seed)?;
            return Ok(Self::RunLengths(Box::new(filter), window));
        }
        Ok(Self::Scores(make(&model.hazard)?, rule.statistic))
    }

    fn step(&mut self, y: &[f64]) -> f64 {
        let observed = y.iter().all(|value| !value.is_nan());
        match self {
            Self::RunLengths(filter, window) => {
                if observed {
                    filter.step(y);
                } else {
                    filter.skip();
                }
                let time = filter.time();
                // A run as long as the sequence began with it, not with a change.
                let recent = |(length, _): &(u64, f64)| *length <= *window && *length < time;
                let mass: f64 = filter.run_length_posterior().into_iter().filter(recent).map(|(_, mass)| mass).sum();
                mass.min(1.0)
            }
            Self::Scores(learner, statistic) => {
                let scores = if observed { learner.step(y) } else { learner.skip() };
                if *statistic == Statistic::LogBayesFactor { scores.log_bayes_factor } else { scores.adaptation_rate }
            }
        }
    }

    fn reset(&mut self) {
        match self {
            Self::RunLengths(filter, _) => filter.reset(),
            Self::Scores(learner, _) => learner.reset(),
        }
    }

    pub(crate) fn trace<'a>(&mut self, rows: impl Iterator<Item = &'a [f64]>) -> Vec<f64> {
        self.reset();
        rows.map(|row| self.step(row)).collect()
    }
}

/// Raises alarms along a sequence, rows = time.
///
/// # Errors
/// When the model or the rule is refused, the threshold is NaN, or the observations do not belong to the family.
pub fn detect(
    model: &ChangePointLearner,
    y: ArrayView2<'_, f64>,
    rule: &Rule,
    threshold: f64,
    monitor: &Monitor,
) -> Result<Alarms> {
    rule.validate(model)?;
    if threshold.is_nan() {
        return Err(Error::parameter("threshold", threshold, "a number"));
    }
    if y.nrows() == 0 {
        return Err(Error::TooFew { what: "detecting changes", needed: 1, got: 0 });
    }
    model.hazard.validate_for(y.nrows())?;
    let task = monitor.task("detect", y.nrows() as u64);
    let statistic = for_learner!(model, family, make => {
        check_rows(family, &y, model.missing, 0)?;
        let mut watcher = Watcher::new(model, family, rule, make)?;
        let mut statistic = Vec::with_capacity(y.nrows());
        for (t, row) in y.outer_iter().enumerate() {
            if t % 256 == 0 {
                monitor.check().map_err(|_| Error::Cancelled)?;
            }
            statistic.push(watcher.step(&row.to_vec()));
            task.advance(1);
        }
        Ok::<_, Error>(statistic)
    })?;
    let mut provenance = model.provenance(Some(y));
    provenance.parameters = serde_json::json!({ "model": model, "rule": rule, "threshold": threshold });
    Ok(Alarms { indices: rule.alarms(&statistic, threshold), statistic, threshold, provenance })
}

/// Wilson's 95 % interval of a proportion.
pub(crate) fn wilson(hits: usize, n: usize) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    let (n, p) = (n as f64, hits as f64 / n as f64);
    let centre = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// Simulates streams from the prior predictive with one change after `before` observations, and says how often and how
/// soon the alarm comes within `horizon` observations of it.
///
/// # Errors
/// When the model, the rule, the threshold or a number is refused, or when cancelled.
pub fn performance(
    model: &ChangePointLearner,
    threshold: &Threshold,
    (before, horizon): (usize, usize),
    streams: usize,
    seed: u64,
    monitor: &Monitor,
) -> Result<Performance> {
    let rule = threshold.rule;
    rule.validate(model)?;
    if before == 0 || horizon == 0 || streams < 2 {
        let got = format!("{before} observations before, {horizon} after, {streams} streams");
        return Err(Error::parameter("the test of an alarm", got, "at least 1, 1 and 2"));
    }
    let length = before + horizon;
    let hazard = Hazard::PerStep((0..length).map(|t| f64::from(u8::from(t == before))).collect());
    let task = monitor.task("performance", streams as u64);
    let root = Seed::new(seed).child("performance");
    let runs: Vec<(usize, Option<f64>)> = threads::install(|| {
        (0..streams)
            .into_par_iter()
            .map(|index| {
                monitor.check().map_err(|_| Error::Cancelled)?;
                let seed = root.index(index as u64).stream().next_u64();
                let y = simulate(&model.family, &hazard, length, seed)?.observations;
                let found = detect(model, y.view(), &rule, threshold.value, &monitor.quiet())?;
                task.advance(1);
                let false_alarms = found.indices.iter().filter(|&&t| t < before).count();
                let delay = found.indices.iter().find(|&&t| t >= before).map(|t| (t - before) as f64);
                Ok((false_alarms, delay))
            })
            .collect::<Result<_>>()
    })?;
    let delays: Vec<f64> = runs.iter().filter_map(|(_, delay)| *delay).collect();
    Ok(Performance {
        hit_rate: delays.len() as f64 / streams as f64,
        hit_interval: wilson(delays.len(), streams),
        mean_delay: statistics::mean(&delays),
        median_delay: statistics::median(&delays),
        false_alarm_rate: runs.iter().map(|(count, _)| count).sum::<usize>() as f64 / (streams * before) as f64,
        provenance: Provenance::new(serde_json::json!({
            "model": model, "rule": rule, "threshold": threshold.value, "before": before, "horizon": horizon,
            "streams": streams,
        }))
        .seed(seed),
    })
}

#[cfg(test)]
mod tests {
    use super::wilson;

    #[test]
    fn the_interval_of_a_proportion_is_the_tabulated_one() {
        let near = |(low, high): (f64, f64), wanted: (f64, f64)| {
            assert!((low - wanted.0).abs() < 5e-5 && (high - wanted.1).abs() < 5e-5, "{low} {high}");
        };
        near(wilson(15, 50), (0.1910, 0.4375));
        near(wilson(0, 10), (0.0, 0.2775));
        near(wilson(10, 10), (0.7225, 1.0));
    }
}
