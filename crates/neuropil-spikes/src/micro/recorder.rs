//! The spikes of recorded neurons, collected step by step.

use neuropil_data::spikes::{SpikeTrains, SpikeTrial};

use crate::error::{Error, Result};

/// Spikes of the recorded neurons of one population.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorder {
    /// Steps in which each recorded neuron fired.
    trains: Vec<Vec<u32>>,
}

impl Recorder {
    pub fn new(n_recorded: usize) -> Self {
        Self { trains: vec![Vec::new(); n_recorded] }
    }

    #[inline]
    pub fn spike(&mut self, neuron: u32, step: usize) {
        // Checked by `simulate`: a simulation has fewer than 2^32 steps where spikes are recorded.
        self.trains[neuron as usize].push(step as u32);
    }
}

/// The recorded spikes of all populations as spike trains, at the middle of their steps. The names of neurons are
/// `population.neuron`.
pub(super) fn spike_trains(recorders: Vec<Recorder>, dt: f64, n_steps: usize) -> Result<Option<SpikeTrains>> {
    if recorders.iter().all(|recorder| recorder.trains.is_empty()) {
        return Ok(None);
    }
    let (mut names, mut populations, mut trains) = (Vec::new(), Vec::new(), Vec::new());
    for (population, recorder) in recorders.into_iter().enumerate() {
        for (neuron, steps) in recorder.trains.into_iter().enumerate() {
            names.push(format!("{population}.{neuron}"));
            populations.push(population.to_string());
            trains.push(steps.into_iter().map(|step| (f64::from(step) + 0.5) * dt).collect());
        }
    }
    let of_data = |error: neuropil_data::DataError| Error::Spikes(error.to_string());
    let trial = SpikeTrial::new(0.0, n_steps as f64 * dt, &trains).map_err(of_data)?;
    SpikeTrains::new(names, Some(populations), vec![trial]).map_err(of_data).map(Some)
}
