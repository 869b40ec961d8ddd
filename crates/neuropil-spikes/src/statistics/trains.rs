//! Rates, intervals, PSTH and correlations of spike trains.

use ndarray::{Array1, Array2};
use neuropil_core::check;
use neuropil_core::statistics::{correlation, mean, standard_deviation};
use neuropil_data::spikes::{BinRule, SpikeTrains};
use serde::Serialize;

use crate::error::{Error, Result};

/// What one neuron does, over all trials.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TrainStatistics {
    /// Spikes.
    pub n_spikes: usize,
    /// Spikes per second.
    pub rate: f64,
    /// Coefficient of variation of the intervals; NaN with fewer than two.
    pub cv: f64,
    /// Local variation of neighbouring intervals (CV2): the mean of `2 |a - b| / (a + b)`, which a slow change of the
    /// rate does not raise; NaN with fewer than two.
    pub cv2: f64,
    /// Shortest interval, s; NaN without one.
    pub shortest_interval: f64,
}

/// Rate, CV, CV2 and shortest interval of every neuron.
#[must_use]
pub fn train_statistics(spikes: &SpikeTrains) -> Vec<TrainStatistics> {
    let duration = spikes.duration();
    (0..spikes.n_neurons())
        .map(|neuron| {
            let n_spikes = spikes.trials.iter().map(|trial| trial.train(neuron).len()).sum::<usize>();
            let intervals = intervals(spikes, neuron);
            let cv = match (mean(&intervals), standard_deviation(&intervals)) {
                (Some(mean), Some(sd)) if mean > 0.0 => sd / mean,
                _ => f64::NAN,
            };
            let local: Vec<f64> = spikes
                .trials
                .iter()
                .flat_map(|trial| {
                    let train = trial.train(neuron);
                    train.windows(3).map(|t| {
                        let (a, b) = (t[1] - t[0], t[2] - t[1]);
                        2.0 * (a - b).abs() / (a + b).max(f64::MIN_POSITIVE)
                    })
                })
                .collect();
            TrainStatistics {
                n_spikes,
                rate: n_spikes as f64 / duration,
                cv,
                cv2: mean(&local).unwrap_or(f64::NAN),
                shortest_interval: intervals.iter().copied().fold(f64::NAN, f64::min),
            }
        })
        .collect()
}

/// All intervals between successive spikes of a neuron, s; none spans two trials.
#[must_use]
pub fn intervals(spikes: &SpikeTrains, neuron: usize) -> Vec<f64> {
    spikes.trials.iter().flat_map(|trial| trial.train(neuron).windows(2).map(|pair| pair[1] - pair[0])).collect()
}

/// A histogram of intervals.
#[derive(Debug, Clone, PartialEq)]
pub struct IntervalHistogram {
    /// Middle of every bin, s.
    pub times: Array1<f64>,
    /// Density per second; sums to one with the width, but for intervals beyond the last bin.
    pub density: Array1<f64>,
    /// Number of intervals, also those beyond the last bin.
    pub n_intervals: usize,
}

impl IntervalHistogram {
    /// The histogram of the intervals of these neurons, in `n_bins` bins of `width` seconds.
    ///
    /// # Errors
    /// A width that is not positive, no bins, a neuron that is not there.
    pub fn new(spikes: &SpikeTrains, neurons: &[usize], width: f64, n_bins: usize) -> Result<Self> {
        check::positive("width", width)?;
        check::within("n_bins", n_bins, 1..=10_000_000)?;
        let mut density = Array1::zeros(n_bins);
        let mut n_intervals = 0;
        for &neuron in neurons {
            check::within("neuron", neuron, 0..spikes.n_neurons())?;
            for interval in intervals(spikes, neuron) {
                n_intervals += 1;
                if let Some(bin) = density.get_mut((interval / width) as usize) {
                    *bin += 1.0;
                }
            }
        }
        density /= (n_intervals.max(1)) as f64 * width;
        Ok(Self { times: (0..n_bins).map(|i| (i as f64 + 0.5) * width).collect(), density, n_intervals })
    }
}

/// Firing rate of every neuron against the time in a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Psth {
    /// Middle of every bin from the begin of the trial, s.
    pub times: Array1<f64>,
    /// Mean rate over trials (time, neuron), Hz.
    pub rate: Array2<f64>,
    /// Standard error over trials, Hz; NaN with one trial.
    pub standard_error: Array2<f64>,
}

/// The peri-stimulus time histogram in bins of `dt` seconds, over the shortest trial.
///
/// # Errors
/// Bins that are not positive or longer than a trial.
pub fn psth(spikes: &SpikeTrains, dt: f64) -> Result<Psth> {
    let binned = spikes.bin(dt, BinRule::Count).map_err(|error| Error::Spikes(error.to_string()))?;
    let n_bins = binned.trials.iter().map(Array2::nrows).min().unwrap_or(0);
    let n_trials = binned.trials.len() as f64;
    let shape = (n_bins, spikes.n_neurons());
    let rates = |trial: usize, cell: (usize, usize)| f64::from(binned.trials[trial][cell]) / dt;
    let rate = Array2::from_shape_fn(shape, |cell| {
        (0..binned.trials.len()).map(|trial| rates(trial, cell)).sum::<f64>() / n_trials
    });
    let standard_error = Array2::from_shape_fn(shape, |cell| {
        let squares: f64 = (0..binned.trials.len()).map(|trial| (rates(trial, cell) - rate[cell]).powi(2)).sum();
        (squares / (n_trials - 1.0) / n_trials).sqrt()
    });
    let times = (0..n_bins).map(|i| (i as f64 + 0.5) * dt).collect();
    Ok(Psth { times, rate, standard_error })
}

/// Pearson correlations of the spike counts of all pairs of neurons in windows of `window` seconds. Between trials of
/// equal length the mean over trials of each window is subtracted first (noise correlations); a single trial is taken as
/// it is. NaN where a count never changes.
///
/// # Errors
/// Windows that are not positive or longer than a trial.
pub fn count_correlations(spikes: &SpikeTrains, window: f64) -> Result<Array2<f64>> {
    let binned = spikes.bin(window, BinRule::Count).map_err(|error| Error::Spikes(error.to_string()))?;
    let n_bins = binned.trials.iter().map(Array2::nrows).min().unwrap_or(0);
    let n = spikes.n_neurons();
    let n_trials = binned.trials.len();
    let counts: Vec<Vec<f64>> = (0..n)
        .map(|neuron| {
            let count = |trial: &Array2<u8>, bin: usize| f64::from(trial[[bin, neuron]]);
            let mut values = Vec::with_capacity(n_bins * n_trials);
            for bin in 0..n_bins {
                let mean = if n_trials > 1 {
                    binned.trials.iter().map(|trial| count(trial, bin)).sum::<f64>() / n_trials as f64
                } else {
                    0.0
                };
                values.extend(binned.trials.iter().map(|trial| count(trial, bin) - mean));
            }
            values
        })
        .collect();
    Ok(Array2::from_shape_fn((n, n), |(i, j)| {
        if i == j { 1.0 } else { correlation(&counts[i], &counts[j]).unwrap_or(f64::NAN) }
    }))
}

/// A cross-correlogram.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossCorrelogram {
    /// Middle of every bin: time of the target's spikes relative to the reference's, s.
    pub lags: Array1<f64>,
    /// Rate of the target around a spike of the reference, Hz.
    pub rate: Array1<f64>,
    /// Number of reference spikes.
    pub n_spikes: usize,
}

/// The rate of `target` around the spikes of `reference`, up to `reach` seconds before and after, in bins of `width`.
/// With the same neuron twice, the spike itself is left out (autocorrelogram).
///
/// # Errors
/// Neurons that are not there; a reach or a width that is not positive.
pub fn cross_correlogram(
    spikes: &SpikeTrains,
    reference: usize,
    target: usize,
    reach: f64,
    width: f64,
) -> Result<CrossCorrelogram> {
    check::within("reference", reference, 0..spikes.n_neurons())?;
    check::within("target", target, 0..spikes.n_neurons())?;
    check::positive("width", width)?;
    check::positive("reach", reach)?;
    let half = (reach / width).round().max(1.0) as usize;
    check::within("reach / width", half, 1..=10_000_000)?;
    let reach = half as f64 * width;
    let mut rate = Array1::<f64>::zeros(2 * half);
    let mut n_spikes = 0;
    for trial in &spikes.trials {
        let others = trial.train(target);
        for (i, &time) in trial.train(reference).iter().enumerate() {
            n_spikes += 1;
            let first = others.partition_point(|&other| other < time - reach);
            for (j, &other) in others.iter().enumerate().skip(first) {
                if other >= time + reach {
                    break;
                }
                if reference == target && i == j {
                    continue;
                }
                let bin = ((other - time + reach) / width) as usize;
                rate[bin.min(2 * half - 1)] += 1.0;
            }
        }
    }
    rate /= (n_spikes.max(1)) as f64 * width;
    let lags = (0..2 * half).map(|i| (i as f64 + 0.5) * width - reach).collect();
    Ok(CrossCorrelogram { lags, rate, n_spikes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use neuropil_data::spikes::SpikeTrial;

    fn two_trials() -> SpikeTrains {
        let trial = |shift: f64| {
            let regular: Vec<f64> = (0..10).map(|i| f64::from(i) * 0.1 + shift).collect();
            let follows: Vec<f64> = regular.iter().map(|t| t + 0.01).collect();
            SpikeTrial::new(0.0, 1.1, &[regular, follows, vec![]]).unwrap()
        };
        SpikeTrains::new(vec!["a".into(), "b".into(), "c".into()], None, vec![trial(0.01), trial(0.02)]).unwrap()
    }

    #[test]
    fn a_regular_train_has_no_variation_and_a_silent_one_none_defined() {
        let statistics = train_statistics(&two_trials());
        assert!((statistics[0].rate - 20.0 / 2.2).abs() < 1e-12);
        assert!(statistics[0].cv.abs() < 1e-12 && statistics[0].cv2.abs() < 1e-12);
        assert!((statistics[0].shortest_interval - 0.1).abs() < 1e-12);
        assert!(statistics[2].cv.is_nan() && statistics[2].rate == 0.0);
    }

    #[test]
    fn a_follower_shows_in_the_correlogram_at_its_lag() {
        let found = cross_correlogram(&two_trials(), 0, 1, 0.05, 0.004).unwrap();
        let best = (0..found.rate.len()).max_by(|&a, &b| found.rate[a].total_cmp(&found.rate[b])).unwrap();
        assert!((found.lags[best] - 0.01).abs() <= 0.002, "{}", found.lags[best]);
        let own = cross_correlogram(&two_trials(), 0, 0, 0.05, 0.004).unwrap();
        assert_eq!((own.rate.sum(), own.n_spikes), (0.0, 20));
    }

    #[test]
    fn the_psth_counts_every_spike_once() {
        let found = psth(&two_trials(), 0.1).unwrap();
        assert_eq!(found.rate.dim(), (11, 3));
        assert!((found.rate.column(0).sum() * 0.1 - 10.0).abs() < 1e-9);
        let correlations = count_correlations(&two_trials(), 0.1).unwrap();
        assert!(correlations[[0, 2]].is_nan() && correlations[[0, 0]] == 1.0);
        let histogram = IntervalHistogram::new(&two_trials(), &[0], 0.02, 10).unwrap();
        assert_eq!(histogram.n_intervals, 18);
        assert!((histogram.density.sum() * 0.02 - 1.0).abs() < 1e-12);
    }
}
