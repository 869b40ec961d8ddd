//! The network: a built-in one, or one from a file.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use neuropil_spikes::drive::PulseTrain;
use neuropil_spikes::{Network, winner_take_all};

use crate::failure::{Failure, Result};
use crate::spikes::fit_file::FitFile;

/// Which network.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// A built-in network [default: winner-take-all, unless --network is given]
    #[arg(long, value_name = "NAME", conflicts_with = "network")]
    pub circuit: Option<CircuitName>,
    /// A json file: a network (populations, coupling, delay), or the json that `infer` writes
    #[arg(long, value_name = "FILE")]
    pub network: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CircuitName {
    /// Two excitatory populations of 400 neurons that compete through 200 inhibitory ones
    WinnerTakeAll,
}

impl NetworkArgs {
    /// Whether the user named a network.
    pub fn is_given(&self) -> bool {
        self.circuit.is_some() || self.network.is_some()
    }

    pub fn network(&self) -> Result<Network> {
        match &self.network {
            Some(path) => read_network(path),
            None => Ok(winner_take_all()),
        }
    }
}

/// A network from its own file or from the document of a fit.
pub(crate) fn read_network(path: &Path) -> Result<Network> {
    let text = read_text(path)?;
    if let Ok(network) = serde_json::from_str::<Network>(&text) {
        network.validate()?;
        return Ok(network);
    }
    match FitFile::parse(path, &text) {
        Ok(fit) => Ok(fit.network),
        Err(_) => {
            let why = serde_json::from_str::<Network>(&text).err().map(|error| error.to_string()).unwrap_or_default();
            Err(Failure::usage(format!("\"{}\" holds no network: {why}", path.display())).hint(
                "a network is {\"populations\": [...], \"coupling\": [[...]], \"delay\": 0}; \
                 `neuropil spikes simulate --write-network FILE` writes one to start from",
            ))
        }
    }
}

pub(crate) fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read \"{}\": {error}", path.display())))
}

/// `POPULATION:AMPLITUDE:FIRST:LENGTH[:PERIOD]`.
pub(crate) fn pulse(text: &str) -> std::result::Result<PulseTrain, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let number = |i: usize| parts[i].parse::<f64>().map_err(|_| format!("\"{}\" is not a number", parts[i]));
    if !(4..=5).contains(&parts.len()) {
        return Err("a pulse is POPULATION:AMPLITUDE:FIRST:LENGTH[:PERIOD]".into());
    }
    let population =
        parts[0].parse().map_err(|_| format!("\"{}\" is not the number of a population (from 0)", parts[0]))?;
    let period = if parts.len() == 5 { number(4)? } else { f64::MAX };
    Ok(PulseTrain { population, amplitude: number(1)?, first: number(2)?, length: number(3)?, period })
}

/// The sum of some pulses.
pub(crate) fn drive(pulses: &[PulseTrain], n_steps: usize, n: usize, dt: f64) -> Result<Option<ndarray::Array2<f64>>> {
    if pulses.is_empty() {
        return Ok(None);
    }
    let mut drive = ndarray::Array2::zeros((n_steps, n));
    for pulse in pulses {
        drive += &pulse.drive(n_steps, n, dt)?;
    }
    Ok(Some(drive))
}
