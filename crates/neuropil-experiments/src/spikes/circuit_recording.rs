//! What all experiments on the winner-take-all circuit share: simulated recordings, levels and switches.

use ndarray::{Array2, ArrayView2, s};
use neuropil_core::random::Seed;
use neuropil_data::spikes::BinRule;
use neuropil_spikes::inference::{LikelihoodOptions, OldAges, Recording, gaussian_smoothing};
use neuropil_spikes::meso::Scheme;
use neuropil_spikes::micro::Record;
use neuropil_spikes::start::Start;
use neuropil_spikes::statistics::{Switches, switches};
use neuropil_spikes::{MesoOptions, MicroOptions, Network, simulate_meso, simulate_micro, winner_take_all};
use rand::Rng;

use crate::{Context, Error, Result};

/// Time step of the fits, s.
pub(super) const DT: f64 = 0.004;
/// Bins of a fit before which only ages and rates are known.
pub(super) const HISTORY: usize = 250;
/// Bins of a fit.
pub(super) const BINS: usize = 2500;
/// Rates at which simulations start, Hz: the high, the low and the inhibitory level.
pub(super) const RATES: [f64; 3] = [20.0, 5.0, 25.0];

/// A seed of its own for every simulation.
pub(super) fn seed(context: &Context, id: &str, index: u64) -> u64 {
    Seed::new(context.seed).child(id).index(index).stream().next_u64() >> 11
}

/// Mean levels of the two excitatory populations and of the inhibitory one in bins of 20 ms, and the switches.
pub(super) struct Levels {
    pub high: f64,
    pub low: f64,
    pub inhibitory: f64,
    pub switches: Switches,
}

/// Activity (Hz) in bins that are `factor` times as long.
pub(super) fn coarser(activity: ArrayView2<'_, f64>, factor: usize) -> Array2<f64> {
    let factor = factor.max(1);
    Array2::from_shape_fn((activity.nrows() / factor, activity.ncols()), |(t, m)| {
        (0..factor).map(|i| activity[[t * factor + i, m]]).sum::<f64>() / factor as f64
    })
}

/// Levels and switches of activity in Hz: a switch is a change of sign of the smoothed (0.2 s) difference of the
/// excitatory populations beyond 5 Hz.
pub(super) fn levels(activity: ArrayView2<'_, f64>, dt: f64) -> Result<Levels> {
    let bins = coarser(activity, (0.02 / dt).round() as usize);
    let mean = |value: &dyn Fn(usize) -> f64| (0..bins.nrows()).map(value).sum::<f64>() / bins.nrows() as f64;
    Ok(Levels {
        high: mean(&|t| bins[[t, 0]].max(bins[[t, 1]])),
        low: mean(&|t| bins[[t, 0]].min(bins[[t, 1]])),
        inhibitory: mean(&|t| bins[[t, 2]]),
        switches: switches(&difference(bins.view(), 0.02), 0.02, 5.0)?,
    })
}

/// Smoothed difference of the excitatory populations.
pub(super) fn difference(activity: ArrayView2<'_, f64>, dt: f64) -> Vec<f64> {
    let raw: Vec<f64> = activity.rows().into_iter().map(|row| row[0] - row[1]).collect();
    gaussian_smoothing(&raw, 0.2 / dt)
}

/// A free run of a fitted network at the time step of its fit.
pub(super) fn free_run(network: &Network, seconds: f64, seed: u64) -> Result<Array2<f64>> {
    let options = MesoOptions {
        dt: DT,
        duration: seconds,
        seed,
        scheme: Scheme::Survival,
        start: Start::Activity(RATES.to_vec()),
        ..MesoOptions::default()
    };
    Ok(simulate_meso(network, &options)?.activity)
}

/// Ten seconds of the circuit with at least two switches, seen through a few neurons.
pub(super) struct CircuitRecording {
    /// Spikes of the recorded neurons, history first, time by neuron; `per_population` of each.
    pub spikes: Array2<u8>,
    pub per_population: usize,
    /// True activity (fraction per bin) after the history; longer than the recording when more was asked for.
    pub truth: Array2<f64>,
}

impl CircuitRecording {
    /// Simulates with time steps of 0.2 ms and cuts `bins` bins after the history, the first window with two switches
    /// in its first ten seconds.
    pub fn new(per_population: usize, bins: usize, seed: u64) -> Result<Self> {
        let network = winner_take_all();
        let (mut duration, per_bin) = (120.0, 20);
        loop {
            let options = MicroOptions {
                duration,
                seed,
                record: Record::PerPopulation(per_population),
                start: Start::Activity(RATES.to_vec()),
                ..MicroOptions::default()
            };
            let result = simulate_micro(&network, &options)?;
            let sizes = network.sizes();
            let activity = Array2::from_shape_fn((result.counts.nrows() / per_bin, 3), |(t, m)| {
                (0..per_bin).map(|i| f64::from(result.counts[[t * per_bin + i, m]])).sum::<f64>() / sizes[m] as f64
            });
            let smooth = difference((&activity / DT).view(), DT);
            let enough = |start: usize| {
                switches(&smooth[start..start + BINS], DT, 5.0).is_ok_and(|found| found.times.len() >= 2)
            };
            let starts = HISTORY..(activity.nrows() + 1).saturating_sub(bins);
            let Some(start) = starts.step_by(HISTORY / 2).find(|&start| enough(start)) else {
                // A circuit that rests longer than usual: look further.
                duration *= 2.0;
                if duration > 2000.0 {
                    return Err(Error::failed("the circuit did not switch within 2000 s"));
                }
                continue;
            };
            let spikes = result.spikes.ok_or_else(|| Error::failed("no spikes were recorded"))?;
            let binned = spikes.bin(DT, BinRule::Binary).map_err(Error::failed)?;
            return Ok(Self {
                spikes: binned.trials[0].slice(s![start - HISTORY..start + bins, ..]).to_owned(),
                per_population,
                truth: activity.slice(s![start..start + bins, ..]).to_owned(),
            });
        }
    }

    /// The recording of some neurons of every population (counted within it), in a window after `skip` bins.
    pub fn recording(&self, neurons: std::ops::Range<usize>, skip: usize, bins: usize) -> Result<Recording> {
        let columns: Vec<usize> = (0..3)
            .flat_map(|m| neurons.clone().map(move |i| (m, i)))
            .map(|(m, i)| m * self.per_population + i)
            .collect();
        let spikes = self.spikes.slice(s![skip..skip + HISTORY + bins, ..]).select(ndarray::Axis(1), &columns);
        let labels = (0..3).flat_map(|m| neurons.clone().map(move |_| m)).collect();
        Ok(Recording::new(&[spikes], labels, 3, HISTORY, DT)?)
    }

    /// Mean correlation of the two excitatory activities with the truth, both smoothed (20 ms).
    pub fn similarity(&self, activity: &Array2<f64>, skip: usize) -> f64 {
        let truth = self.truth.slice(s![skip..skip + activity.nrows(), ..]);
        let smooth = |z: ArrayView2<'_, f64>, m: usize| gaussian_smoothing(&z.column(m).to_vec(), 0.02 / DT);
        (0..2)
            .map(|m| {
                neuropil_core::statistics::correlation(&smooth(activity.view(), m), &smooth(truth, m))
                    .unwrap_or(f64::NAN)
            })
            .sum::<f64>()
            / 2.0
    }
}

/// The age grid of the quick fits: 30 bins and a pool.
pub(super) fn short_grid() -> LikelihoodOptions {
    LikelihoodOptions { age_bins: 30, old_ages: OldAges::Pooled, ..LikelihoodOptions::default() }
}
