//! Microscopic simulation: every neuron.
//!
//! Populations are homogeneous and all-to-all coupled (or randomly, with the total coupling given), so the input of a
//! population is one number per step. Two algorithms give the same law:
//!
//! * [`clock`]: every neuron takes every step; the reference, and the one that knows threshold adaptation;
//! * [`cohort`]: neurons with the same last spike share their potential and are simulated together, exactly. Its cost
//!   does not grow with the number of neurons.

mod clock;
mod cohort;
mod recorder;

use ndarray::Array2;
use neuropil_core::progress::Monitor;
use neuropil_data::spikes::SpikeTrains;
use serde::{Deserialize, Serialize};

use crate::drive::check_drive;
use crate::error::{Error, Result};
use crate::network::{InputRule, Network};
use crate::start::Start;

/// How the neurons are stepped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// Neurons with a common last spike together; without adaptation only.
    #[default]
    Cohort,
    /// Every neuron by itself.
    Clock,
}

/// Which neurons have their spikes recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// Nobody: activity only.
    #[default]
    Nobody,
    /// So many of every population (all of a smaller one).
    PerPopulation(usize),
    /// So many of each population.
    Each(Vec<usize>),
    /// Every neuron.
    Everybody,
}

impl Record {
    /// How many neurons of each population are recorded.
    pub(crate) fn counts(&self, network: &Network) -> Result<Vec<usize>> {
        let sizes = network.sizes();
        match self {
            Self::Nobody => Ok(vec![0; sizes.len()]),
            Self::Everybody => Ok(sizes),
            Self::PerPopulation(n) => Ok(sizes.iter().map(|&size| size.min(*n)).collect()),
            Self::Each(wanted) => {
                if wanted.len() != sizes.len() {
                    return Err(Error::shape("record", format!("{} numbers", sizes.len()), wanted.len()));
                }
                match wanted.iter().zip(&sizes).position(|(wanted, size)| wanted > size) {
                    Some(i) => Err(Error::parameter(
                        format!("record[{i}]"),
                        wanted[i],
                        format!("at most {}, the number of neurons of population {i}", sizes[i]),
                    )),
                    None => Ok(wanted.clone()),
                }
            }
        }
    }
}

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct MicroOptions {
    /// Time step, s.
    pub dt: f64,
    /// Simulated time, s.
    pub duration: f64,
    /// Seed of the random numbers.
    pub seed: u64,
    /// How the neurons are stepped.
    pub algorithm: Algorithm,
    /// Which neurons have their spikes recorded.
    pub record: Record,
    /// How input enters the membrane.
    pub input_rule: InputRule,
    /// The state at time zero.
    pub start: Start,
    /// External input (time step, population) in units of the potential per second; `x` shifts the resting potential by
    /// `x * tau_m`.
    pub drive: Option<Array2<f64>>,
}

impl Default for MicroOptions {
    fn default() -> Self {
        Self {
            dt: 0.0002,
            duration: 1.0,
            seed: 0,
            algorithm: Algorithm::default(),
            record: Record::default(),
            input_rule: InputRule::default(),
            start: Start::default(),
            drive: None,
        }
    }
}

/// What a microscopic simulation gives.
#[derive(Debug, Clone, PartialEq)]
pub struct MicroResult {
    /// Time step, s.
    pub dt: f64,
    /// Spikes (time step, population).
    pub counts: Array2<u32>,
    /// Activity (time step, population), Hz: `counts / (n_neurons * dt)`.
    pub activity: Array2<f64>,
    /// Spikes of the recorded neurons, at the middle of their time step; population by population, `populations` says
    /// which. `None` when nobody was recorded.
    pub spikes: Option<SpikeTrains>,
    /// What the user should know about these settings.
    pub warnings: Vec<String>,
}

/// Simulates every neuron of a network.
///
/// The same seed gives the same bits on every number of threads.
///
/// # Errors
/// What [`Network::validate`] and [`Network::check_step`] refuse; a duration shorter than one step; a drive of the
/// wrong shape; adaptation with [`Algorithm::Cohort`].
pub fn simulate_micro(network: &Network, options: &MicroOptions) -> Result<MicroResult> {
    simulate_micro_with(network, options, &Monitor::silent())
}

/// As [`simulate_micro`], with progress and cancellation.
///
/// # Errors
/// As [`simulate_micro`]; [`Error::Cancelled`].
pub fn simulate_micro_with(network: &Network, options: &MicroOptions, monitor: &Monitor) -> Result<MicroResult> {
    network.validate()?;
    let warnings = network.check_step(options.dt, options.input_rule)?;
    let n_steps = crate::drive::steps(options.duration, options.dt)?;
    let drive = check_drive(options.drive.as_ref(), n_steps, network.n_populations())?;
    let recorded = options.record.counts(network)?;
    options.start.validate(network)?;
    if options.algorithm == Algorithm::Cohort && network.has_adaptation() {
        return Err(Error::unsupported(
            "the cohort algorithm",
            "threshold adaptation",
            "use the clock-driven algorithm (algorithm \"clock\")",
        ));
    }
    let run = Run { network, options, n_steps, drive, recorded };
    let (counts, recorders) = match options.algorithm {
        Algorithm::Clock => clock::simulate(&run, monitor)?,
        Algorithm::Cohort => cohort::simulate(&run, monitor)?,
    };
    let activity = crate::drive::activity(&counts, &network.sizes(), options.dt);
    let spikes = recorder::spike_trains(recorders, options.dt, n_steps)?;
    Ok(MicroResult { dt: options.dt, counts, activity, spikes, warnings })
}

/// A simulation whose input was checked.
struct Run<'a> {
    network: &'a Network,
    options: &'a MicroOptions,
    n_steps: usize,
    drive: Option<ndarray::ArrayView2<'a, f64>>,
    recorded: Vec<usize>,
}
