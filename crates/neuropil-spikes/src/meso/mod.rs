//! Mesoscopic simulation: the activity of finite populations, without neurons.
//!
//! The neurons that fired last in the same time step form a cohort; the equations follow how many of each cohort are
//! left and correct for the fluctuations that were really drawn (Schwalger, Deger and Gerstner 2017). The cost does not
//! depend on the number of neurons.
//!
//! * [`Scheme::Moments`] (the default) carries mean and variance of every cohort, with exact membrane and synapse
//!   steps; it has the law of NEST's `gif_pop_psc_exp`.
//! * [`Scheme::Survival`] carries the survival probability with Euler steps. It is the model that neuLVM fits: a free
//!   run with fitted parameters uses this scheme and the time step of the fit.

mod ages;
mod draw;
mod escape;
mod moments;
mod survival;

use ndarray::Array2;
use neuropil_core::check;
use neuropil_core::progress::Monitor;
use serde::{Deserialize, Serialize};

use crate::drive::check_drive;
use crate::error::{Error, Result};
use crate::network::{InputRule, Network};
use crate::start::Start;

/// The bookkeeping of the cohorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Mean and variance of every cohort ("mv"), exact steps: for simulation.
    #[default]
    Moments,
    /// Survival probability of every cohort ("S"), Euler steps: the model of the likelihood.
    Survival,
}

/// How the number of spikes of a step is drawn from its expectation `N p`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// Binomial(N, p).
    #[default]
    Binomial,
    /// Normal with the variance `N (p + 0.1 dt)` of the likelihood, clipped to `[0, N]`; not a whole number.
    Gaussian,
    /// Poisson(N p), clipped at N.
    Poisson,
    /// `N p` itself: the mean field of infinitely many neurons.
    None,
}

/// How finely the age since the last spike is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgeGrid {
    /// One cohort per time step, as in NEST.
    #[default]
    EveryStep,
    /// Neighbouring cohorts are merged, so many at a time, once the first of them leaves the refractory period. Their
    /// potentials differ by less and less; the spread that is left is corrected for. Several times faster.
    Folded(usize),
}

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct MesoOptions {
    /// Time step, s. With [`Scheme::Survival`] it is part of the model.
    pub dt: f64,
    /// Simulated time, s.
    pub duration: f64,
    /// Seed of the random numbers.
    pub seed: u64,
    /// The bookkeeping of the cohorts.
    pub scheme: Scheme,
    /// How the number of spikes is drawn.
    pub noise: Noise,
    /// Number of time steps after which a neuron counts as old (K): it then belongs to the free pool, or, with
    /// [`Scheme::Survival`], to the mass that is only known as missing. `None` chooses it, see [`default_age_bins`].
    pub age_bins: Option<usize>,
    /// How finely ages are resolved; with [`Scheme::Moments`] only.
    pub age_grid: AgeGrid,
    /// The state at time zero.
    pub start: Start,
    /// External input (time step, population) in units of the potential per second; `x` shifts the resting potential by
    /// `x * tau_m`.
    pub drive: Option<Array2<f64>>,
}

impl Default for MesoOptions {
    fn default() -> Self {
        Self {
            dt: 0.0005,
            duration: 1.0,
            seed: 0,
            scheme: Scheme::default(),
            noise: Noise::default(),
            age_bins: None,
            age_grid: AgeGrid::default(),
            start: Start::default(),
            drive: None,
        }
    }
}

/// What a mesoscopic simulation gives.
#[derive(Debug, Clone, PartialEq)]
pub struct MesoResult {
    /// Time step, s.
    pub dt: f64,
    /// Spikes (time step, population); whole numbers with binomial and Poisson noise.
    pub counts: Array2<f64>,
    /// Activity (time step, population), Hz.
    pub activity: Array2<f64>,
    /// Expected activity of every step given the past, Hz: what `activity` fluctuates around.
    pub expected: Array2<f64>,
    /// Number of age bins of every population.
    pub age_bins: Vec<usize>,
    /// What the user should know about these settings.
    pub warnings: Vec<String>,
}

/// Simulates the activity of the populations of a network.
///
/// # Errors
/// What [`Network::validate`] and [`Network::check_step`] refuse; a duration shorter than one step; a drive of the
/// wrong shape; age bins that span less than five membrane time constants; adaptation or a folded age grid with
/// [`Scheme::Survival`].
pub fn simulate_meso(network: &Network, options: &MesoOptions) -> Result<MesoResult> {
    simulate_meso_with(network, options, &Monitor::silent())
}

/// As [`simulate_meso`], with progress and cancellation.
///
/// # Errors
/// As [`simulate_meso`]; [`Error::Cancelled`].
pub fn simulate_meso_with(network: &Network, options: &MesoOptions, monitor: &Monitor) -> Result<MesoResult> {
    network.validate()?;
    let rule = if options.scheme == Scheme::Survival { InputRule::Euler } else { InputRule::Exact };
    let mut warnings = network.check_step(options.dt, rule)?;
    let n_steps = crate::drive::steps(options.duration, options.dt)?;
    let drive = check_drive(options.drive.as_ref(), n_steps, network.n_populations())?;
    options.start.validate(network)?;
    let age_bins = age_bins(network, options)?;
    if let AgeGrid::Folded(width) = options.age_grid {
        check::within("age_grid width", width, 1..=64)?;
    }
    if options.scheme == Scheme::Survival {
        if network.has_adaptation() {
            return Err(Error::unsupported("the survival scheme", "threshold adaptation", "use the moments scheme"));
        }
        if options.age_grid != AgeGrid::EveryStep {
            return Err(Error::unsupported("the survival scheme", "a folded age grid", "use the moments scheme"));
        }
    }
    for (i, population) in network.populations.iter().enumerate() {
        if population.n_neurons == 1 && options.noise == Noise::Gaussian {
            warnings.push(format!(
                "population {i} has one neuron: the Gaussian approximation is invalid there, use binomial noise"
            ));
        }
    }
    let run = Run { network, options, n_steps, drive, age_bins };
    let (counts, expected) = match options.scheme {
        Scheme::Moments => moments::simulate(&run, monitor)?,
        Scheme::Survival => survival::simulate(&run, monitor)?,
    };
    let scale: Vec<f64> = network.sizes().iter().map(|&n| 1.0 / (n as f64 * options.dt)).collect();
    let scale = ndarray::ArrayView1::from(&scale);
    let activity = &counts * &scale;
    let expected = expected * scale;
    Ok(MesoResult { dt: options.dt, counts, activity, expected, age_bins: run.age_bins, warnings })
}

/// A simulation whose input was checked.
struct Run<'a> {
    network: &'a Network,
    options: &'a MesoOptions,
    n_steps: usize,
    drive: Option<ndarray::ArrayView2<'a, f64>>,
    age_bins: Vec<usize>,
}

fn age_bins(network: &Network, options: &MesoOptions) -> Result<Vec<usize>> {
    let dt = options.dt;
    let one = |(i, population): (usize, &crate::population::PopulationParameters)| {
        let Some(bins) = options.age_bins else {
            return Ok(match options.scheme {
                Scheme::Moments => default_age_bins(population, dt),
                // What is older counts as missing, so the grid must hold nearly everybody.
                Scheme::Survival => default_age_bins(population, dt).max((1.0 / dt).round() as usize),
            });
        };
        if bins as f64 * dt < 5.0 * population.tau_m * (1.0 - 1e-9) {
            return Err(Error::parameter(
                "age_bins",
                bins,
                format!(
                    "at least {}, five membrane time constants of population {i} ({} s) in steps of {dt} s",
                    (5.0 * population.tau_m / dt - 1e-9).ceil(),
                    population.tau_m
                ),
            ));
        }
        check::within("age_bins", bins, population.refractory_steps(dt) + 1..=10_000_000)?;
        Ok(bins)
    };
    network.populations.iter().enumerate().map(one).collect()
}

/// The number of age bins that NEST chooses: as many as five membrane time constants, or as adaptation needs to decay
/// below a tenth of the softness (at most 20 s), and at least the refractory period and one more.
#[must_use]
pub fn default_age_bins(population: &crate::population::PopulationParameters, dt: f64) -> usize {
    let kernel = |k: f64| {
        population.adaptation.iter().map(|term| term.amplitude * (-k * dt / term.tau).exp()).sum::<f64>()
            / population.softness
    };
    let five_tau = 5.0 * population.tau_m / dt;
    let mut k = (20.0 / dt).floor();
    while kernel(k) < 0.1 && k > five_tau {
        k -= 1.0;
    }
    (k.max(five_tau - 1e-9).ceil() as usize).max(population.refractory_steps(dt) + 1)
}
