//! The recording: a spike file, a window of it, some neurons, and the bins.

use std::path::PathBuf;

use clap::Args;
use neuropil_core::provenance::Fingerprint;
use neuropil_data::spikes::{BinRule, BinnedSpikes, SpikeFileOptions, SpikeTrains, Split, read_spikes};
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::options::Context;

/// What is read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Recording")]
pub(crate) struct RecordingArgs {
    /// Spikes: a csv table (neuron, time_s or time_ms, and optionally trial, population), npz, npy or NWB
    #[arg(help_heading = clap::builder::Resettable::Reset)]
    pub input: PathBuf,
    /// Bin width, s
    #[arg(long, value_name = "S", default_value_t = 0.004, allow_negative_numbers = true)]
    pub dt: f64,
    /// Only this stretch of every trial, s
    #[arg(long, value_name = "FROM:TO", value_parser = window)]
    pub window: Option<(f64, f64)>,
    /// Only these neurons, by position in the file, counted from 0
    #[arg(long, value_name = "I,...", value_delimiter = ',')]
    pub neurons: Vec<usize>,
    /// Only this trial, counted from 0; repeat it for several [default: all]
    #[arg(long, value_name = "K")]
    pub trial: Vec<usize>,
    /// Column with the population of a neuron [default: population, if there is one]
    #[arg(long, value_name = "NAME")]
    pub population_column: Option<String>,
    /// NWB: cut the recording into the trials of the file
    #[arg(long)]
    pub split_trials: bool,
    /// End of every trial, s [default: what the file says, or the last spike]
    #[arg(long, value_name = "S")]
    pub t_stop: Option<f64>,
}

fn window(text: &str) -> std::result::Result<(f64, f64), String> {
    let (from, to) = text.split_once(':').ok_or("a window is FROM:TO, in seconds")?;
    let number = |part: &str| part.parse::<f64>().map_err(|_| format!("\"{part}\" is not a number"));
    let (from, to) = (number(from)?, number(to)?);
    if from < to { Ok((from, to)) } else { Err(format!("the window ends at {to} s, not after its start at {from} s")) }
}

/// A recording as it was read.
pub(crate) struct Loaded {
    pub trains: SpikeTrains,
    pub binned: BinnedSpikes,
    path: PathBuf,
    fingerprint: Fingerprint,
}

impl RecordingArgs {
    pub fn read(&self, context: &Context<'_>, rule: BinRule) -> Result<Loaded> {
        let options = SpikeFileOptions {
            dt: Some(self.dt),
            t_start: None,
            t_stop: self.t_stop,
            population: self.population_column.clone(),
            trials: if self.split_trials { Split::Trials } else { Split::Whole },
        };
        let mut trains = read_spikes(&self.input, &options)?;
        if let Some(&neuron) = self.neurons.iter().find(|&&neuron| neuron >= trains.n_neurons()) {
            return Err(Failure::usage(format!(
                "there is no neuron {neuron}: the file has {} neurons, counted from 0",
                trains.n_neurons()
            )));
        }
        if !self.neurons.is_empty() {
            trains = trains.select(&self.neurons);
        }
        if let Some(&trial) = self.trial.iter().find(|&&trial| trial >= trains.trials.len()) {
            return Err(Failure::usage(format!(
                "there is no trial {trial}: the file has {} trials, counted from 0",
                trains.trials.len()
            )));
        }
        if !self.trial.is_empty() {
            trains.trials = self.trial.iter().map(|&trial| trains.trials[trial].clone()).collect();
        }
        if let Some((from, to)) = self.window {
            trains.trials = trains.trials.iter().map(|trial| trial.window(from, to)).collect();
        }
        if trains.n_spikes() == 0 {
            return Err(Failure::usage(format!("no spikes are left of \"{}\"", self.input.display()))
                .hint("check --window, --neurons and --trial"));
        }
        let binned = trains.bin(self.dt, rule)?;
        if let Some(warning) = binned.warning() {
            context.console.warn(warning);
        }
        let mut fingerprint = Fingerprint::new();
        for trial in &trains.trials {
            let (times, offsets) = trial.ragged();
            fingerprint = offsets.iter().fold(fingerprint.numbers(times), |print, &offset| print.word(offset as u64));
        }
        Ok(Loaded { trains, binned, path: self.input.clone(), fingerprint })
    }
}

impl Loaded {
    pub fn describe(&self) -> Value {
        json!({
            "path": self.path,
            "fingerprint": self.fingerprint.to_string(),
            "neurons": self.trains.n_neurons(),
            "trials": self.trains.trials.len(),
            "spikes": self.trains.n_spikes(),
            "seconds": self.trains.duration(),
            "merged_spikes": self.binned.merged,
        })
    }
}
