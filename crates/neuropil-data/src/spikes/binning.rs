//! Spikes per time bin.
//!
//! Bin `k` holds the spikes of `[t_start + k dt, t_start + (k + 1) dt)`. The index is found on whole ticks: a time that
//! misses the border of a bin by rounding (one billionth of a bin) belongs to the bin it was meant for.

use ndarray::Array2;

use super::{SpikeTrains, SpikeTrial};
use crate::error::{DataError, Result};

/// What a bin with several spikes of one neuron holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BinRule {
    /// One: the neuron was active. The number of spikes lost in this way is reported.
    #[default]
    Binary,
    /// Their number (at most 255).
    Count,
}

/// Binned spike trains.
#[derive(Debug, Clone, PartialEq)]
pub struct BinnedSpikes {
    /// Length of a bin, s.
    pub dt: f64,
    /// One array (time, neuron) per trial.
    pub trials: Vec<Array2<u8>>,
    /// Spikes that a binary bin did not count because the neuron had one there already.
    pub merged: usize,
    /// Spikes after the last whole bin of their trial.
    pub dropped: usize,
    /// All spikes of the input.
    pub n_spikes: usize,
}

impl SpikeTrains {
    /// Counts spikes in bins of `dt` seconds; the part of a trial after its last whole bin is left out.
    ///
    /// # Errors
    /// `dt` that is not positive, or longer than a trial.
    pub fn bin(&self, dt: f64, rule: BinRule) -> Result<BinnedSpikes> {
        if !(dt > 0.0 && dt.is_finite()) {
            return Err(DataError::Spikes { problem: format!("dt is {dt} s, but bins must have a positive length") });
        }
        let mut binned =
            BinnedSpikes { dt, trials: Vec::with_capacity(self.trials.len()), merged: 0, dropped: 0, n_spikes: 0 };
        for (i, trial) in self.trials.iter().enumerate() {
            let n_bins = whole_bins(trial.duration(), dt);
            if n_bins == 0 {
                let duration = trial.duration();
                return Err(DataError::Spikes {
                    problem: format!("trial {i} lasts {duration} s, less than one bin of {dt} s"),
                });
            }
            if n_bins.saturating_mul(trial.n_neurons()) > 1 << 36 {
                return Err(DataError::Spikes {
                    problem: format!(
                        "trial {i} would have {n_bins} bins of {dt} s for {} neurons, too many for memory; give dt in \
                         seconds",
                        trial.n_neurons()
                    ),
                });
            }
            binned.add(trial, n_bins, rule);
        }
        Ok(binned)
    }
}

impl BinnedSpikes {
    fn add(&mut self, trial: &SpikeTrial, n_bins: usize, rule: BinRule) {
        let mut bins = Array2::<u8>::zeros((n_bins, trial.n_neurons()));
        for (neuron, train) in trial.trains().enumerate() {
            for &time in train {
                self.n_spikes += 1;
                let bin = whole_bins(time - trial.t_start, self.dt);
                let Some(cell) = bins.get_mut([bin, neuron]) else {
                    self.dropped += 1;
                    continue;
                };
                match rule {
                    BinRule::Count => *cell = cell.saturating_add(1),
                    BinRule::Binary => {
                        self.merged += usize::from(*cell == 1);
                        *cell = 1;
                    }
                }
            }
        }
        self.trials.push(bins);
    }

    /// What the user should know about the binning; `None` when nothing was lost.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        (self.merged > 0).then(|| {
            format!(
                "{} of {} spikes fell into a bin of {} ms that already held a spike of the same neuron and were merged \
                 with it; use a smaller dt to keep them",
                self.merged,
                self.n_spikes,
                self.dt * 1e3
            )
        })
    }
}

/// How many whole bins fit into a time.
fn whole_bins(time: f64, dt: f64) -> usize {
    let ratio = time / dt;
    (ratio + 1e-9 * ratio.abs().max(1.0)).floor().max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spike_is_counted_merged_or_dropped() {
        let trial = SpikeTrial::new(0.0, 1.05, &[vec![0.0, 0.01, 0.3, 1.0, 1.04], vec![0.95]]).unwrap();
        let spikes = SpikeTrains::single(trial);
        let binary = spikes.bin(0.1, BinRule::Binary).unwrap();
        assert_eq!(binary.trials[0].dim(), (10, 2));
        assert_eq!((binary.merged, binary.dropped, binary.n_spikes), (1, 2, 6));
        let held: usize = binary.trials[0].iter().map(|&count| usize::from(count)).sum();
        assert_eq!(held + binary.merged + binary.dropped, binary.n_spikes);
        // 0.3 / 0.1 is 2.9999999999999996 in floating point, and belongs to bin 3 all the same.
        assert_eq!(binary.trials[0][[3, 0]], 1);
        assert!(binary.warning().unwrap().starts_with("1 of 6 spikes"));
        assert_eq!(spikes.bin(0.1, BinRule::Count).unwrap().trials[0][[0, 0]], 2);
        assert!(spikes.bin(0.0, BinRule::Count).is_err() && spikes.bin(2.0, BinRule::Count).is_err());
    }
}
