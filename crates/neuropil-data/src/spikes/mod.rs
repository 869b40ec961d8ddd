//! Spike trains: the times of the spikes of several neurons, in one or more trials.
//!
//! Times are in seconds and sorted for every neuron. Within a trial the trains lie end to end, with offsets, like the
//! `spike_times` and `spike_times_index` of an NWB file.
//!
//! | module | what it holds |
//! |---|---|
//! | [`binning`] | counts of spikes per time bin, with the number of spikes that a binary bin merges |
//! | [`files`] | csv, npz and NWB files of spikes, read and written |
//! | [`nwb`] | the Units table of an NWB (HDF5) file, read |
//! | [`nwb_write`] | an NWB file of spike trains, written |

pub mod binning;
pub mod files;
pub mod nwb;
mod nwb_references;
pub mod nwb_write;

use serde::{Deserialize, Serialize};

use crate::error::{DataError, Result};

pub use binning::{BinRule, BinnedSpikes};
pub use files::{SpikeFileOptions, Split, read_spikes, write_spikes_csv, write_spikes_npz};
pub use nwb::read_nwb;
pub use nwb_write::write_nwb;

/// The spikes of one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpikeTrial {
    /// Time at which the recording of the trial begins, s.
    pub t_start: f64,
    /// Time at which it ends, s.
    pub t_stop: f64,
    /// Spike times of all neurons, one neuron after the other, s.
    times: Vec<f64>,
    /// Spikes of neuron `i` are `times[offsets[i]..offsets[i + 1]]`.
    offsets: Vec<usize>,
}

impl SpikeTrial {
    /// A trial from one list of spike times (s) per neuron.
    ///
    /// # Errors
    /// Times that are not finite, not sorted or outside `[t_start, t_stop]`; a trial that ends before it begins.
    pub fn new(t_start: f64, t_stop: f64, trains: &[Vec<f64>]) -> Result<Self> {
        let mut times = Vec::with_capacity(trains.iter().map(Vec::len).sum());
        let mut offsets = Vec::with_capacity(trains.len() + 1);
        offsets.push(0);
        for train in trains {
            times.extend_from_slice(train);
            offsets.push(times.len());
        }
        Self::from_ragged(t_start, t_stop, times, offsets)
    }

    /// A trial from spike times that lie end to end: those of neuron `i` are `times[offsets[i]..offsets[i + 1]]`.
    ///
    /// # Errors
    /// As [`new`](Self::new); offsets that do not start at 0, decrease or do not end at the number of spikes.
    pub fn from_ragged(t_start: f64, t_stop: f64, times: Vec<f64>, offsets: Vec<usize>) -> Result<Self> {
        if !(t_start.is_finite() && t_stop.is_finite() && t_start <= t_stop) {
            return Err(DataError::Spikes {
                problem: format!("a trial cannot last from {t_start} s to {t_stop} s; it must end after it begins"),
            });
        }
        let whole = offsets.first() == Some(&0) && offsets.last() == Some(&times.len());
        if !whole || offsets.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(DataError::Spikes {
                problem: format!("the offsets of {} spikes must rise from 0 to {}", times.len(), times.len()),
            });
        }
        for (neuron, pair) in offsets.windows(2).enumerate() {
            check_train(neuron, &times[pair[0]..pair[1]], t_start, t_stop)?;
        }
        Ok(Self { t_start, t_stop, times, offsets })
    }

    /// Number of neurons, with or without spikes.
    #[must_use]
    pub fn n_neurons(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of spikes of all neurons.
    #[must_use]
    pub fn n_spikes(&self) -> usize {
        self.times.len()
    }

    /// Length of the trial, s.
    #[must_use]
    pub fn duration(&self) -> f64 {
        self.t_stop - self.t_start
    }

    /// Spike times of one neuron, s, sorted; empty for a neuron that is not there.
    #[must_use]
    pub fn train(&self, neuron: usize) -> &[f64] {
        match (self.offsets.get(neuron), self.offsets.get(neuron + 1)) {
            (Some(&start), Some(&end)) => &self.times[start..end],
            _ => &[],
        }
    }

    /// Spike times of every neuron.
    pub fn trains(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        (0..self.n_neurons()).map(|neuron| self.train(neuron))
    }

    /// All times end to end, and the offsets of the neurons.
    #[must_use]
    pub fn ragged(&self) -> (&[f64], &[usize]) {
        (&self.times, &self.offsets)
    }

    /// Only these neurons, in this order.
    #[must_use]
    pub fn select(&self, neurons: &[usize]) -> Self {
        let mut times = Vec::new();
        let mut offsets = vec![0];
        for &neuron in neurons {
            times.extend_from_slice(self.train(neuron));
            offsets.push(times.len());
        }
        Self { t_start: self.t_start, t_stop: self.t_stop, times, offsets }
    }

    /// Only the spikes in `[start, stop)`, in a trial of that length.
    #[must_use]
    pub fn window(&self, start: f64, stop: f64) -> Self {
        let mut times = Vec::new();
        let mut offsets = vec![0];
        for train in self.trains() {
            times.extend(train.iter().copied().filter(|time| (start..stop).contains(time)));
            offsets.push(times.len());
        }
        Self { t_start: start, t_stop: stop.max(start), times, offsets }
    }
}

fn check_train(neuron: usize, train: &[f64], t_start: f64, t_stop: f64) -> Result<()> {
    let mut last = f64::NEG_INFINITY;
    for (i, &time) in train.iter().enumerate() {
        let problem = if !time.is_finite() {
            format!("spike {i} of neuron {neuron} is at {time}; times must be finite numbers of seconds")
        } else if time < last {
            format!("spike {i} of neuron {neuron} is at {time} s, before the one at {last} s; sort the times")
        } else if time < t_start || time > t_stop {
            format!(
                "spike {i} of neuron {neuron} is at {time} s, outside the trial from {t_start} s to {t_stop} s; give \
                 times in seconds and the true begin and end"
            )
        } else {
            last = time;
            continue;
        };
        return Err(DataError::Spikes { problem });
    }
    Ok(())
}

/// Spike trains of the same neurons in one or more trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpikeTrains {
    /// Names of the neurons; their order is that of the trains in every trial.
    pub neurons: Vec<String>,
    /// Name of the population of every neuron, where it is known.
    pub populations: Option<Vec<String>>,
    /// The trials.
    pub trials: Vec<SpikeTrial>,
}

impl SpikeTrains {
    /// Trials of the same neurons.
    ///
    /// # Errors
    /// No trial, trials with different numbers of neurons, or a number of names that does not fit.
    pub fn new(neurons: Vec<String>, populations: Option<Vec<String>>, trials: Vec<SpikeTrial>) -> Result<Self> {
        let problem = |problem: String| Err(DataError::Spikes { problem });
        if trials.is_empty() {
            return problem("spike trains need at least one trial".into());
        }
        for (i, trial) in trials.iter().enumerate() {
            if trial.n_neurons() != neurons.len() {
                let (n, expected) = (trial.n_neurons(), neurons.len());
                return problem(format!("trial {i} has {n} neurons, but there are {expected} names of neurons"));
            }
        }
        if let Some(populations) = populations.as_ref().filter(|labels| labels.len() != neurons.len()) {
            let (n, expected) = (populations.len(), neurons.len());
            return problem(format!("there are {n} names of populations for {expected} neurons"));
        }
        Ok(Self { neurons, populations, trials })
    }

    /// One trial of neurons that are called 0, 1, 2, ...
    #[must_use]
    pub fn single(trial: SpikeTrial) -> Self {
        let neurons = (0..trial.n_neurons()).map(|i| i.to_string()).collect();
        Self { neurons, populations: None, trials: vec![trial] }
    }

    /// Number of neurons.
    #[must_use]
    pub fn n_neurons(&self) -> usize {
        self.neurons.len()
    }

    /// Number of spikes in all trials.
    #[must_use]
    pub fn n_spikes(&self) -> usize {
        self.trials.iter().map(SpikeTrial::n_spikes).sum()
    }

    /// Length of all trials together, s.
    #[must_use]
    pub fn duration(&self) -> f64 {
        self.trials.iter().map(SpikeTrial::duration).sum()
    }

    /// Only these neurons, in this order; neurons that are not there are left out.
    #[must_use]
    pub fn select(&self, neurons: &[usize]) -> Self {
        let kept: Vec<usize> = neurons.iter().copied().filter(|&neuron| neuron < self.n_neurons()).collect();
        let names = |names: &Vec<String>| kept.iter().map(|&neuron| names[neuron].clone()).collect::<Vec<_>>();
        Self {
            neurons: names(&self.neurons),
            populations: self.populations.as_ref().map(names),
            trials: self.trials.iter().map(|trial| trial.select(&kept)).collect(),
        }
    }

    /// The names of the populations in order of appearance, and the index into them of every neuron; `None` where the
    /// data do not say.
    #[must_use]
    pub fn population_labels(&self) -> Option<(Vec<String>, Vec<usize>)> {
        let mut names: Vec<String> = Vec::new();
        let labels = self.populations.as_ref()?.iter().map(|name| {
            names.iter().position(|known| known == name).unwrap_or_else(|| {
                names.push(name.clone());
                names.len() - 1
            })
        });
        let labels = labels.collect();
        Some((names, labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trains_of_all_lengths_lie_end_to_end() {
        let trial = SpikeTrial::new(0.0, 1.0, &[vec![0.1, 0.2], vec![], vec![0.5]]).unwrap();
        assert_eq!((trial.n_neurons(), trial.n_spikes()), (3, 3));
        assert_eq!(trial.train(2), [0.5]);
        assert_eq!(trial.train(7), [0.0; 0]);
        assert_eq!(trial.select(&[2, 0]).ragged(), (&[0.5, 0.1, 0.2][..], &[0, 1, 3][..]));
        let window = trial.window(0.15, 0.5);
        assert_eq!((window.n_spikes(), window.train(0)), (1, &[0.2][..]));
    }

    #[test]
    fn times_that_cannot_be_are_refused_with_their_place() {
        let refused = |train: Vec<f64>| SpikeTrial::new(0.0, 1.0, &[vec![], train]).unwrap_err().to_string();
        assert!(refused(vec![0.1, f64::NAN]).contains("spike 1 of neuron 1 is at NaN"));
        assert!(refused(vec![0.3, 0.1]).contains("sort the times"));
        assert!(refused(vec![0.3, 300.0]).contains("outside the trial"));
        assert!(SpikeTrial::new(1.0, 0.0, &[]).is_err());
        assert!(SpikeTrial::from_ragged(0.0, 1.0, vec![0.1], vec![0, 2]).is_err());
    }

    #[test]
    fn populations_are_numbered_in_order_of_appearance() {
        let trial = SpikeTrial::new(0.0, 1.0, &[vec![], vec![], vec![]]).unwrap();
        let names = ["I", "E", "I"].map(str::to_owned).to_vec();
        let spikes = SpikeTrains::new(names.clone(), Some(names), vec![trial.clone()]).unwrap();
        assert_eq!(spikes.population_labels(), Some((vec!["I".into(), "E".into()], vec![0, 1, 0])));
        assert!(SpikeTrains::new(vec!["a".into()], None, vec![trial]).is_err());
    }
}
