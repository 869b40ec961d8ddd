//! What was recorded: a few neurons in every population, in one or several trials.

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One stretch of recording on the grid of the fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Spikes (0 or 1), time by neuron.
    pub spikes: Array2<u8>,
    /// Bins since the last spike before the trial, per neuron: 0 means that the neuron fired in the bin before it.
    pub initial_age: Vec<usize>,
    /// Activity of every population before the trial, Hz.
    pub initial_activity: Vec<f64>,
    /// External drive, time by population, in units of the softness per second; a drive `x` acts like a step of the
    /// resting potential by `x tau_m`.
    pub drive: Option<Array2<f64>>,
}

impl Trial {
    /// Cuts a trial from binned spikes (time by neuron): the first `history` bins give the ages and the activities at
    /// the start, the others are what the likelihood describes.
    ///
    /// # Errors
    /// A recording shorter than its history.
    pub fn from_history(
        spikes: ArrayView2<'_, u8>,
        history: usize,
        populations: &[usize],
        n_populations: usize,
        dt: f64,
    ) -> Result<Self> {
        let n_bins = spikes.nrows();
        if n_bins < history + 2 {
            return Err(Error::TooLittle {
                what: "a trial with its history".into(),
                needed: format!("{} bins", history + 2),
                got: format!("{n_bins} bins"),
                advice: "give a longer recording, fewer age bins or a shorter history".into(),
            });
        }
        let past = spikes.slice(ndarray::s![..history, ..]);
        let initial_age = past
            .columns()
            .into_iter()
            .map(|train| train.iter().rev().position(|&spike| spike > 0).unwrap_or(history))
            .collect();
        let mut initial_activity = vec![0.0; n_populations];
        let mut n_recorded = vec![0.0; n_populations];
        for (train, &m) in past.columns().into_iter().zip(populations) {
            initial_activity[m] += train.iter().map(|&spike| f64::from(spike)).sum::<f64>();
            n_recorded[m] += 1.0;
        }
        for (rate, n) in initial_activity.iter_mut().zip(&n_recorded) {
            // Half a spike, so that a population that was silent in a short history is not taken for dead.
            let spikes = if *n > 0.0 { rate.max(0.5) / n } else { 0.5 };
            *rate = spikes / (history.max(1) as f64 * dt);
        }
        Ok(Self {
            spikes: spikes.slice(ndarray::s![history.., ..]).to_owned(),
            initial_age,
            initial_activity,
            drive: None,
        })
    }

    /// Number of time steps (T).
    #[must_use]
    pub fn n_steps(&self) -> usize {
        self.spikes.nrows()
    }
}

/// Trials of the same neurons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// The trials.
    pub trials: Vec<Trial>,
    /// Population of every neuron.
    pub populations: Vec<usize>,
    /// Time step, s.
    pub dt: f64,
}

impl Recording {
    /// Cuts trials from binned spikes, each with `history` bins before it.
    ///
    /// # Errors
    /// See [`validate`](Self::validate) and [`Trial::from_history`].
    pub fn new(
        trials: &[Array2<u8>],
        populations: Vec<usize>,
        n_populations: usize,
        history: usize,
        dt: f64,
    ) -> Result<Self> {
        if let Some(&label) = populations.iter().find(|&&label| label >= n_populations) {
            return Err(Error::parameter(
                "population of a neuron",
                label,
                format!("below the number of populations, {n_populations} (populations are counted from 0)"),
            ));
        }
        for (i, trial) in trials.iter().enumerate() {
            if trial.ncols() != populations.len() {
                return Err(Error::shape(
                    format!("spikes of trial {i}"),
                    format!("{} neurons, one per label", populations.len()),
                    format!("{} neurons", trial.ncols()),
                ));
            }
        }
        let trials = trials
            .iter()
            .map(|spikes| Trial::from_history(spikes.view(), history, &populations, n_populations, dt))
            .collect::<Result<Vec<_>>>()?;
        let recording = Self { trials, populations, dt };
        recording.validate(n_populations)?;
        Ok(recording)
    }

    /// Refuses what is no recording; returns what the user should know about one that is.
    ///
    /// # Errors
    /// No trial; spikes other than 0 and 1; arrays that do not fit together; a label out of range.
    pub fn validate(&self, n_populations: usize) -> Result<Vec<String>> {
        neuropil_core::check::positive("dt", self.dt)?;
        neuropil_core::check::non_empty("trials", &self.trials)?;
        let n = self.populations.len();
        for (neuron, &label) in self.populations.iter().enumerate() {
            if label >= n_populations {
                return Err(Error::parameter(
                    format!("population of neuron {neuron}"),
                    label,
                    format!("below the number of populations, {n_populations} (populations are counted from 0)"),
                ));
            }
        }
        for (i, trial) in self.trials.iter().enumerate() {
            if trial.spikes.ncols() != n || trial.initial_age.len() != n {
                return Err(Error::shape(
                    format!("spikes and initial ages of trial {i}"),
                    format!("{n} neurons, one per label"),
                    format!("{} and {} neurons", trial.spikes.ncols(), trial.initial_age.len()),
                ));
            }
            if let Some(((t, neuron), value)) = trial.spikes.indexed_iter().find(|(_, value)| **value > 1) {
                return Err(Error::Spikes(format!(
                    "trial {i}, bin {t}, neuron {neuron}: {value} spikes in one bin, but a bin holds 0 or 1; use a \
                     shorter dt, or merge them when binning"
                )));
            }
            if trial.initial_activity.len() != n_populations {
                return Err(Error::shape(
                    format!("initial activity of trial {i}"),
                    format!("{n_populations} populations"),
                    trial.initial_activity.len(),
                ));
            }
            neuropil_core::check::each(
                "initial activity",
                &trial.initial_activity,
                neuropil_core::check::non_negative,
            )?;
            if let Some(drive) = &trial.drive {
                if drive.dim() != (trial.n_steps(), n_populations) {
                    return Err(Error::shape(
                        format!("drive of trial {i} (time x population)"),
                        format!("{} x {n_populations}", trial.n_steps()),
                        format!("{} x {}", drive.nrows(), drive.ncols()),
                    ));
                }
                if let Some(value) = drive.iter().find(|value| !value.is_finite()) {
                    return Err(Error::parameter("drive", value, "finite"));
                }
            }
        }
        Ok(self.remarks(n_populations))
    }

    fn remarks(&self, n_populations: usize) -> Vec<String> {
        let mut remarks = Vec::new();
        for m in 0..n_populations {
            if !self.populations.contains(&m) {
                remarks.push(format!(
                    "population {m} has no recorded neuron: its activity is inferred from the dynamics only"
                ));
            }
        }
        for neuron in 0..self.populations.len() {
            if self.trials.iter().all(|trial| trial.spikes.column(neuron).iter().all(|&spike| spike == 0)) {
                remarks.push(format!("neuron {neuron} never fires in the recording"));
            }
        }
        remarks
    }

    /// Total number of time steps of all trials.
    #[must_use]
    pub fn n_steps(&self) -> usize {
        self.trials.iter().map(Trial::n_steps).sum()
    }

    /// Total number of spikes.
    #[must_use]
    pub fn n_spikes(&self) -> usize {
        self.trials.iter().flat_map(|trial| &trial.spikes).map(|&spike| usize::from(spike)).sum()
    }

    /// Log-likelihood (nats) of the spikes if every neuron fired at its mean rate: what a model has to beat.
    #[must_use]
    pub fn homogeneous_log_likelihood(&self) -> f64 {
        let steps = self.n_steps() as f64;
        (0..self.populations.len())
            .map(|neuron| {
                let spikes: f64 =
                    self.trials.iter().flat_map(|trial| trial.spikes.column(neuron)).map(|&s| f64::from(s)).sum();
                let silent = steps - spikes;
                let term = |count: f64| if count > 0.0 { count * (count / steps).ln() } else { 0.0 };
                term(spikes) + term(silent)
            })
            .sum()
    }

    /// Gaussian smoothing (standard deviation in bins, edges reflected) of the mean of the recorded trains of every
    /// population: fraction of neurons per bin, one array (time by population) per trial. The start of the published
    /// fit, and a baseline. A population without a recorded neuron gets its initial activity.
    #[must_use]
    pub fn smoothed_activity(&self, sigma_bins: f64, n_populations: usize) -> Vec<Array2<f64>> {
        let mut n_recorded = vec![0.0_f64; n_populations];
        for &m in &self.populations {
            n_recorded[m] += 1.0;
        }
        self.trials
            .iter()
            .map(|trial| {
                let mut mean = Array2::<f64>::zeros((trial.n_steps(), n_populations));
                for (train, &m) in trial.spikes.columns().into_iter().zip(&self.populations) {
                    for (value, &spike) in mean.column_mut(m).iter_mut().zip(train) {
                        *value += f64::from(spike) / n_recorded[m];
                    }
                }
                for m in 0..n_populations {
                    let smooth = if n_recorded[m] > 0.0 {
                        gaussian_smoothing(&mean.column(m).to_vec(), sigma_bins)
                    } else {
                        vec![trial.initial_activity[m] * self.dt; trial.n_steps()]
                    };
                    mean.column_mut(m).assign(&ndarray::Array1::from_vec(smooth));
                }
                mean
            })
            .collect()
    }
}

/// Convolution with a Gaussian that is cut at four standard deviations; the edges are reflected.
#[must_use]
pub fn gaussian_smoothing(values: &[f64], sigma: f64) -> Vec<f64> {
    if !(sigma > 0.0) || values.is_empty() {
        return values.to_vec();
    }
    let radius = (4.0 * sigma).ceil() as isize;
    let mut weights: Vec<f64> = (-radius..=radius).map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= total);
    let n = values.len() as isize;
    // Reflection about the edges of the outermost samples: ... 1 0 | 0 1 2 ... n-1 | n-1 n-2 ...
    let reflected = |i: isize| {
        let period = i.rem_euclid(2 * n);
        values[(if period < n { period } else { 2 * n - 1 - period }) as usize]
    };
    let padded: Vec<f64> = (-radius..n + radius).map(reflected).collect();
    padded.windows(weights.len()).map(|window| window.iter().zip(&weights).map(|(v, w)| v * w).sum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn history_gives_ages_and_activities() {
        let spikes = array![[1, 0], [0, 0], [0, 1], [0, 0], [1, 1], [0, 0]];
        let recording = Recording::new(&[spikes], vec![0, 1], 2, 3, 0.01).unwrap();
        assert_eq!(recording.trials[0].initial_age, [2, 0]);
        assert_eq!(recording.trials[0].n_steps(), 3);
        assert!((recording.trials[0].initial_activity[0] - 1.0 / 0.03).abs() < 1e-12);
        assert_eq!(recording.n_spikes(), 2);
    }

    #[test]
    fn smoothing_keeps_a_constant_and_the_sum() {
        assert!(gaussian_smoothing(&[2.0; 7], 5.0).iter().all(|value| (value - 2.0).abs() < 1e-12));
        let mut impulse = vec![0.0; 41];
        impulse[20] = 1.0;
        assert!((gaussian_smoothing(&impulse, 3.0).iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        let good = array![[0, 1], [1, 0], [0, 0], [0, 1]];
        assert!(
            Recording::new(std::slice::from_ref(&good), vec![0, 2], 2, 1, 0.004)
                .unwrap_err()
                .to_string()
                .contains("got 2")
        );
        assert!(
            Recording::new(std::slice::from_ref(&good), vec![0], 2, 1, 0.004)
                .unwrap_err()
                .to_string()
                .contains("one per label")
        );
        assert!(
            Recording::new(std::slice::from_ref(&good), vec![0, 1], 2, 3, 0.004)
                .unwrap_err()
                .to_string()
                .contains("5 bins")
        );
        let two = array![[0, 2], [1, 0], [0, 0], [0, 1]];
        assert!(
            Recording::new(&[two], vec![0, 1], 2, 0, 0.004).unwrap_err().to_string().contains("2 spikes in one bin")
        );
        let mut recording = Recording::new(&[good], vec![0, 0], 2, 1, 0.004).unwrap();
        assert!(recording.validate(2).unwrap()[0].contains("no recorded neuron"));
        recording.trials[0].drive = Some(Array2::zeros((2, 2)));
        assert!(recording.validate(2).unwrap_err().to_string().contains("drive"));
    }
}
