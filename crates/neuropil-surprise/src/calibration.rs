//! The threshold of an alarm for a wanted rate of false alarms.
//!
//! [`calibrate`] finds the threshold on streams without a change and checks it on others: the rate is promised by
//! simulation, not by a formula that holds for large samples only.
//!
//! A stream without a change comes either from the prior predictive of the family (one parameter drawn per stream,
//! held fixed: the average over what the learner considers possible) or from a reference recording, of which rows or
//! runs of neighbouring rows are drawn with replacement.

use ndarray::ArrayView2;
use neuropil_core::progress::Monitor;
use neuropil_core::provenance::{Fingerprint, Provenance};
use neuropil_core::random::{Seed, uniform};
use neuropil_core::{statistics, threads};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::alarm::{Rule, Watcher, wilson};
use crate::dispatch::for_learner;
use crate::error::{Error, Result};
use crate::family::{ConjugateFamily, for_family};
use crate::filter::{Missing, check_rows};
use crate::generative::{Design, Generative};
use crate::hazard::Hazard;
use crate::model::ChangePointLearner;

/// The wanted rate of false alarms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Alarms per observation.
    PerObservation(f64),
    /// Average number of observations per false alarm, the inverse of the rate.
    AverageRunLength(f64),
    /// Probability of at least one alarm in a stream.
    PerStream(f64),
}

/// What a stream without a change is.
#[derive(Debug, Clone, Copy)]
pub enum Null<'a> {
    /// One parameter from the prior per stream, observations from the family.
    Prior,
    /// Observations of a reference recording without changes, drawn with replacement in runs of `run` neighbouring
    /// rows (1: independent; longer runs keep correlations).
    Reference {
        /// The recording, `(T, observation width)`, without missing observations.
        observations: ArrayView2<'a, f64>,
        /// Length of the runs.
        run: usize,
    },
}

/// How a threshold is calibrated.
#[derive(Debug, Clone)]
pub struct Calibration<'a> {
    /// Length of a stream.
    pub length: usize,
    /// Wanted rate of false alarms.
    pub target: Target,
    /// Number of streams in each half (finding, checking); enough for about 1000 false alarms when absent.
    pub streams: Option<usize>,
    /// What a stream without a change is.
    pub null: Null<'a>,
    /// Seed of the streams.
    pub seed: u64,
    /// Progress and cancellation.
    pub monitor: Monitor,
}

/// A calibrated threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The value that the statistic must reach.
    pub value: f64,
    /// The rule that it belongs to.
    pub rule: Rule,
    /// The wanted rate: per observation, or per stream.
    pub wanted_rate: f64,
    /// The rate on streams that were not used to find the value.
    pub achieved_rate: f64,
    /// 95 % interval of that rate (normal over streams; Wilson for a rate per stream).
    pub interval: (f64, f64),
    /// Number of false alarms behind the achieved rate.
    pub false_alarms: usize,
    /// Number of streams in each half.
    pub streams: usize,
    /// Version, seed, parameters and a hash of the reference recording.
    pub provenance: Provenance,
}

/// Most observations in each half of a calibration, whose statistic is kept: 4 GB.
const MOST_OBSERVATIONS: usize = 500_000_000;

impl Calibration<'_> {
    fn validate(&self, model: &ChangePointLearner) -> Result<()> {
        if self.length == 0 {
            return Err(Error::parameter("the length of a stream", 0, "at least 1"));
        }
        if matches!(model.hazard, Hazard::PerStep(_)) {
            return Err(Error::parameter("hazard", "one per step", "constant or a law of the run length for alarms"));
        }
        let (name, value, fits, allowed) = match self.target {
            Target::PerObservation(rate) => ("the rate of false alarms", rate, rate > 0.0 && rate < 1.0, "in (0, 1)"),
            Target::AverageRunLength(run) => {
                ("the average run length", run, run > 1.0 && run.is_finite(), "finite and larger than 1")
            }
            Target::PerStream(rate) => ("the rate per stream", rate, rate > 0.0 && rate < 1.0, "in (0, 1)"),
        };
        if !fits {
            return Err(Error::parameter(name, value, allowed));
        }
        if let Null::Reference { observations, run } = self.null {
            if run == 0 || run > observations.nrows() {
                let allowed = format!("from 1 to the length of the reference, {}", observations.nrows());
                return Err(Error::parameter("run", run, allowed));
            }
            for_family!(&model.family, family => {
                check_rows(family, &observations, Missing::Error, 0)
            })?;
        }
        let needed = 50.0;
        let least = (needed / self.expected_alarms(1)).ceil();
        let streams = self.n_streams();
        if (streams as f64) < least {
            let allowed = format!("at least {least}, so that {needed} false alarms are expected");
            return Err(Error::parameter("the number of streams", streams, allowed));
        }
        if streams.checked_mul(self.length).is_none_or(|observations| observations > MOST_OBSERVATIONS) {
            let got = format!("{streams} streams of {} observations", self.length);
            let allowed =
                format!("at most {MOST_OBSERVATIONS} observations: ask for more false alarms or fewer streams");
            return Err(Error::parameter("the simulation behind an alarm", got, allowed));
        }
        Ok(())
    }

    fn per_stream(&self) -> bool {
        matches!(self.target, Target::PerStream(_))
    }

    fn rate(&self) -> f64 {
        match self.target {
            Target::PerObservation(rate) | Target::PerStream(rate) => rate,
            Target::AverageRunLength(run) => run.recip(),
        }
    }

    fn expected_alarms(&self, streams: usize) -> f64 {
        let each = if self.per_stream() { 1.0 } else { self.length as f64 };
        streams as f64 * each * self.rate()
    }

    fn n_streams(&self) -> usize {
        self.streams.unwrap_or_else(|| (1000.0 / self.expected_alarms(1)).ceil().max(200.0) as usize)
    }
}

/// Draws one stream without a change.
fn null_stream<F: Generative>(family: &F, calibration: &Calibration<'_>, seed: Seed) -> Vec<f64> {
    let mut stream = seed.stream();
    let width = family.observation_width();
    let mut rows = vec![0.0; calibration.length * width];
    match calibration.null {
        Null::Prior => {
            let parameter = family.sample_parameter(&family.prior(), &mut stream);
            for row in rows.chunks_exact_mut(width) {
                family.sample_observation(&parameter, &Design::default(), &mut stream, row);
            }
        }
        Null::Reference { observations, run } => {
            let starts = observations.nrows() - run + 1;
            for rows in rows.chunks_mut(run * width) {
                let start = ((uniform(&mut stream) * starts as f64) as usize).min(starts - 1);
                for (row, t) in rows.chunks_exact_mut(width).zip(start..) {
                    row.iter_mut().zip(observations.row(t)).for_each(|(slot, value)| *slot = *value);
                }
            }
        }
    }
    rows
}

/// The statistic along every stream of one half.
fn null_traces(
    model: &ChangePointLearner,
    rule: &Rule,
    calibration: &Calibration<'_>,
    half: &str,
) -> Result<Vec<Vec<f64>>> {
    let n = calibration.n_streams();
    let task = calibration.monitor.task(half, n as u64);
    let seed = Seed::new(calibration.seed).child("alarm").child(half);
    for_learner!(model, family, make => threads::install(|| {
        (0..n)
            .into_par_iter()
            .map(|index| {
                calibration.monitor.check().map_err(|_| Error::Cancelled)?;
                let rows = null_stream(family, calibration, seed.index(index as u64));
                let width = family.observation_width();
                for (t, row) in rows.chunks_exact(width).enumerate() {
                    family.check_observation(t, row)?;
                }
                let trace = Watcher::new(model, family, rule, make)?.trace(rows.chunks_exact(width));
                task.advance(1);
                Ok(trace)
            })
            .collect()
    }))
}

/// Finds the threshold with the wanted rate of false alarms, and checks it on streams that were not used to find it.
///
/// A statistic with few values (binary observations) may not reach the wanted rate exactly; then the rate is the largest
/// below it. Compare [`Threshold::achieved_rate`].
///
/// # Errors
/// When the model, the rule or the target is refused, the streams are too few for the rate, the reference does not
/// belong to the family, or when cancelled.
pub fn calibrate(model: &ChangePointLearner, rule: &Rule, calibration: &Calibration<'_>) -> Result<Threshold> {
    rule.validate(model)?;
    calibration.validate(model)?;
    let wanted = calibration.rate();
    let count = |traces: &[Vec<f64>], threshold: f64| -> Vec<usize> {
        traces.iter().map(|trace| rule.alarms(trace, threshold).len()).collect()
    };
    let rate = |counts: &[usize]| {
        if calibration.per_stream() {
            counts.iter().filter(|count| **count > 0).count() as f64 / counts.len() as f64
        } else {
            counts.iter().sum::<usize>() as f64 / (counts.len() * calibration.length) as f64
        }
    };
    let traces = null_traces(model, rule, calibration, "calibrate")?;
    let value = smallest_threshold(&traces, wanted, |threshold| rate(&count(&traces, threshold)));
    drop(traces);
    let traces = null_traces(model, rule, calibration, "verify")?;
    let counts = count(&traces, value);
    let achieved_rate = rate(&counts);
    let interval = if calibration.per_stream() {
        wilson(counts.iter().filter(|count| **count > 0).count(), counts.len())
    } else {
        let rates: Vec<f64> = counts.iter().map(|&count| count as f64 / calibration.length as f64).collect();
        let half = 1.96 * statistics::standard_error(&rates).unwrap_or_default();
        ((achieved_rate - half).max(0.0), achieved_rate + half)
    };
    let provenance = Provenance::new(serde_json::json!({
        "model": model, "rule": rule, "target": calibration.target, "length": calibration.length,
        "streams": calibration.n_streams(),
    }))
    .seed(calibration.seed);
    let provenance = match calibration.null {
        Null::Prior => provenance,
        Null::Reference { observations, run } => {
            let values: Vec<f64> = observations.iter().copied().collect();
            provenance.input(Fingerprint::new().word(run as u64).numbers(&values))
        }
    };
    Ok(Threshold {
        value,
        rule: *rule,
        wanted_rate: wanted,
        achieved_rate,
        interval,
        false_alarms: counts.iter().sum(),
        streams: calibration.n_streams(),
        provenance,
    })
}

/// The smallest value of the statistic at which the rate is at most the wanted one, by bisection over the values that
/// occur. (With a refractory period the rate falls with the threshold only on the whole; bisection ends at a crossing.)
fn smallest_threshold(traces: &[Vec<f64>], wanted: f64, rate: impl Fn(f64) -> f64) -> f64 {
    let mut values: Vec<f64> = traces.iter().flatten().copied().collect();
    values.sort_unstable_by(f64::total_cmp);
    values.dedup();
    let (mut low, mut high) = (0, values.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        if rate(values[middle]) <= wanted {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    // No value is rare enough: just above the largest.
    values.get(low).copied().unwrap_or_else(|| values.last().map_or(f64::INFINITY, |last| last.next_up()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::{Statistic, detect, performance};
    use crate::family::{BetaBernoulli, Gaussian};
    use crate::method::Method;
    use ndarray::Array2;

    fn model() -> ChangePointLearner {
        ChangePointLearner {
            method: Method::message_passing(8),
            hazard: 0.01.into(),
            ..ChangePointLearner::new(Gaussian { sigma: 1.0, prior_sd: 3.0, ..Gaussian::default() })
        }
    }

    fn rule() -> Rule {
        Rule { statistic: Statistic::RecentChange { window: 5 }, refractory: 20 }
    }

    fn calibration(target: Target, length: usize) -> Calibration<'static> {
        let monitor = Monitor::silent();
        Calibration { length, target, streams: None, null: Null::Prior, seed: 0, monitor }
    }

    #[test]
    fn the_rate_of_false_alarms_is_what_was_asked_for() {
        for (target, length, rule) in [
            (Target::PerObservation(0.02), 60, rule()),
            (Target::AverageRunLength(50.0), 60, Rule { statistic: Statistic::AdaptationRate, refractory: 0 }),
            (Target::PerStream(0.2), 60, Rule { statistic: Statistic::LogBayesFactor, refractory: 0 }),
        ] {
            let calibration = Calibration { streams: Some(2500), ..calibration(target, length) };
            let threshold = calibrate(&model(), &rule, &calibration).unwrap();
            let ratio = threshold.achieved_rate / threshold.wanted_rate;
            assert!((ratio - 1.0).abs() < 0.1, "{target:?}: {threshold:?}");
            assert!(threshold.interval.0 < threshold.achieved_rate && threshold.achieved_rate < threshold.interval.1);
        }
    }

    #[test]
    fn a_large_change_is_found_at_once_and_indexed_by_its_first_observation() {
        let y = Array2::from_shape_fn((120, 1), |(t, _)| if t < 70 { 0.0 } else { 6.0 } + (t as f64 * 1.7).sin());
        let calibration = Calibration { streams: Some(400), ..calibration(Target::PerStream(0.2), 120) };
        let threshold = calibrate(&model(), &rule(), &calibration).unwrap();
        let alarms = detect(&model(), y.view(), &rule(), threshold.value, &Monitor::silent()).unwrap();
        assert_eq!(alarms.indices, [70]);
        let performance = performance(&model(), &threshold, (30, 30), 200, 0, &Monitor::silent()).unwrap();
        assert!(performance.hit_rate > 0.6 && performance.mean_delay.unwrap() < 10.0, "{performance:?}");
    }

    #[test]
    fn the_start_of_a_stream_is_no_change() {
        let y = Array2::zeros((3, 1));
        let alarms = detect(&model(), y.view(), &rule(), 0.5, &Monitor::silent()).unwrap();
        assert_eq!(alarms.statistic[0], 0.0);
        assert!(alarms.indices.is_empty());
    }

    #[test]
    fn a_reference_recording_sets_the_threshold_of_what_it_resembles() {
        let mut stream = Seed::new(3).stream();
        let reference = Array2::from_shape_fn((500, 1), |_| 6.0 * uniform(&mut stream) - 3.0);
        let calibration = Calibration {
            null: Null::Reference { observations: reference.view(), run: 10 },
            streams: Some(600),
            ..calibration(Target::PerObservation(0.01), 100)
        };
        let threshold = calibrate(&model(), &rule(), &calibration).unwrap();
        assert!((threshold.achieved_rate / 0.01 - 1.0).abs() < 0.2, "{threshold:?}");
        assert!(threshold.provenance.input.is_some());
    }

    #[test]
    fn alarms_repeat_for_a_seed_on_any_number_of_threads() {
        let calibration = Calibration { streams: Some(100), ..calibration(Target::PerObservation(0.02), 50) };
        let threshold = calibrate(&model(), &rule(), &calibration).unwrap();
        let _guard = threads::limited(1);
        assert_eq!(threshold, calibrate(&model(), &rule(), &calibration).unwrap());
    }

    #[test]
    fn a_discrete_statistic_never_exceeds_the_wanted_rate_by_more_than_chance() {
        let binary = ChangePointLearner { hazard: 0.02.into(), ..ChangePointLearner::new(BetaBernoulli::default()) };
        let calibration = Calibration { streams: Some(1000), ..calibration(Target::PerObservation(0.01), 60) };
        let rule = Rule { statistic: Statistic::AdaptationRate, refractory: 0 };
        let threshold = calibrate(&binary, &rule, &calibration).unwrap();
        assert!(threshold.interval.0 <= 0.01, "{threshold:?}");
    }

    #[test]
    fn what_cannot_be_calibrated_is_refused() {
        let few = Calibration { streams: Some(3), ..calibration(Target::PerObservation(0.001), 50) };
        let message = calibrate(&model(), &rule(), &few).unwrap_err().to_string();
        assert!(message.contains("at least 1000"), "{message}");
        for target in [Target::PerObservation(0.0), Target::PerStream(1.0), Target::AverageRunLength(0.5)] {
            assert!(calibrate(&model(), &rule(), &calibration(target, 50)).is_err());
        }
        let varsmile = ChangePointLearner { method: Method::VarSmile { m: None }, ..model() };
        assert!(calibrate(&varsmile, &rule(), &calibration(Target::PerStream(0.1), 50)).is_err());
        let leaky = ChangePointLearner { method: Method::Leaky { omega: 0.9 }, ..model() };
        let by_rate = Rule { statistic: Statistic::AdaptationRate, refractory: 0 };
        assert!(calibrate(&leaky, &by_rate, &calibration(Target::PerStream(0.1), 50)).is_err());
        assert!(detect(&model(), Array2::zeros((0, 1)).view(), &rule(), 0.5, &Monitor::silent()).is_err());
    }
}
